"""Every exercise's check, tried on its reference, on variants of right answers and on typical wrong answers."""

import inspect

import pytest

from course_utils.checks import EXERCISES, diagnose
from tests.lessons import RIGHT, WRONG

right = [
    pytest.param(name, answer, id=f"{name}-{answer.__name__}") for name, answers in RIGHT.items() for answer in answers
]
wrong = [
    pytest.param(name, cause, answer, id=f"{name}-{answer.__name__}")
    for name, answers in WRONG.items()
    for cause, answer in answers
]


@pytest.mark.parametrize("name", sorted(EXERCISES))
def test_reference_passes(name):
    verdict = diagnose(EXERCISES[name].reference, name)
    assert verdict.status == "passed", verdict


@pytest.mark.parametrize(("name", "answer"), right)
def test_right_answers_pass(name, answer):
    verdict = diagnose(answer, name)
    assert verdict.status == "passed", verdict


@pytest.mark.parametrize(("name", "cause", "answer"), wrong)
def test_wrong_answers_are_caught_and_told_apart(name, cause, answer):
    verdict = diagnose(answer, name, time_limit=3.0 if cause == "too-slow" else 10.0)
    assert verdict.status == "wrong", verdict
    assert verdict.cause in cause.split("|"), verdict


@pytest.mark.parametrize("name", sorted(EXERCISES))
def test_stub_is_not_attempted(name):
    signature = inspect.signature(EXERCISES[name].reference)
    scope = {}
    required = [p.name for p in signature.parameters.values() if p.default is p.empty]
    exec(f"def {name}({', '.join(required)}):\n    raise NotImplementedError()\n", scope)
    assert diagnose(scope[name]).status == "not attempted"


@pytest.mark.parametrize("name", sorted(EXERCISES))
def test_banks_are_complete(name):
    assert len(WRONG[name]) >= 6
    assert len({cause for cause, _ in WRONG[name]}) >= 3
    assert len(RIGHT[name]) >= 3
    assert all(len(hint) > 10 for hint in EXERCISES[name].hints)
