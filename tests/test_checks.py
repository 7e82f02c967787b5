"""Every exercise's check, tried on its reference, on variants of right answers and on typical wrong answers."""

import inspect
import time

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


BUDGET = 2.0  # seconds of processor time that the check of a right answer may take
LONGER = {"synthesize_texture": 5.0}  # it runs a synthesis through a network
CAUSES_RIGHT = 0.9  # share of the wrong answers of an exercise, and of all, whose cause is named


@pytest.mark.parametrize("name", sorted(EXERCISES))
def test_reference_passes(name):
    start = time.process_time()
    verdict = diagnose(EXERCISES[name].reference, name)
    assert time.process_time() - start < LONGER.get(name, BUDGET)
    assert verdict.status == "passed", verdict
    assert not verdict.remark


@pytest.mark.parametrize(("name", "answer"), right)
def test_right_answers_pass(name, answer):
    verdict = diagnose(answer, name)
    assert verdict.status == "passed", verdict


NAMED: dict[str, bool] = {}  # of each wrong answer: whether its cause was named


@pytest.mark.parametrize(("name", "cause", "answer"), wrong)
def test_wrong_answers_are_caught(name, cause, answer):
    verdict = diagnose(answer, name, time_limit=3.0 if cause == "too-slow" else 10.0)
    NAMED[f"{name}: {answer.__name__}, {verdict.cause} for {cause}"] = verdict.cause in cause.split("|")
    assert verdict.status == "wrong", verdict


def test_causes_are_named():
    """Needs the tests above, of the same worker: ``--dist loadscope`` keeps a module together."""
    missed = [line for line, named in NAMED.items() if not named]
    assert not NAMED or len(missed) <= (1 - CAUSES_RIGHT) * len(NAMED), missed


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
