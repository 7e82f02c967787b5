"""The engine of the checks: it stops what never ends, survives what crashes, and says where."""

import json
import time
from typing import ClassVar

import pytest
import torch

from course_utils.checks import engine
from course_utils.checks.engine import (
    Mistake,
    Student,
    Verdict,
    check,
    diagnose,
    exercise,
    expect_close,
    hint,
    random_image,
    recognise,
)


def twice(u):
    """Return 2u, the reference of the exercise that these tests register."""
    return 2 * u


@pytest.fixture(autouse=True)
def toy_exercise(monkeypatch):
    monkeypatch.setattr(engine, "EXERCISES", {})
    monkeypatch.setattr(engine, "_hints_given", {})

    @exercise(twice, hints=("the idea is to double", "2u", "return 2 * u"))
    def examine(student):
        u = random_image((6, 5))
        answer = student.tensor(u, shape=(6, 5))
        recognise(answer, ("identity", u, "That is u itself."), ("sign", -2 * u, "The sign is wrong."))
        expect_close(answer, 2 * u, "value", "That is not 2u.")
        return "f(u) = 2u"

    engine.EXERCISES["twice"] = engine.EXERCISES.pop("examine")


def verdict_on(function, **options):
    return diagnose(function, "twice", **options)


def test_right_answer_passes():
    verdict = verdict_on(lambda u: u + u)
    assert (verdict.status, verdict.cause) == ("passed", "") or pytest.fail(str(verdict))
    assert "2u" in verdict.message


def endless(u):
    while True:
        pass


def endless_and_deaf(u):
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            continue


def in_place(u):
    u *= 2
    return u


def crash(u):
    return u + undefined_name


def bottomless(u):
    return bottomless(u)


def leaves(u):
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (lambda u: u, "identity"),
        (lambda u: -2 * u, "sign"),
        (lambda u: 3 * u, "value"),
        (lambda u: None, "type"),
        (lambda u: (2 * u).tolist(), "type"),
        (lambda u: (2 * u).T, "shape"),
        (lambda u: (2 * u).to(torch.complex128), "complex"),
        (lambda u: (2 * u).int(), "type"),
        (lambda u: u / 0, "not-finite"),
        (lambda: 0, "signature"),
        (lambda u, v: 2 * u, "signature"),
        (in_place, "mutates-input"),
        (crash, "exception"),
        (bottomless, "exception"),
        (leaves, "exception"),
        (3.0, "type"),
    ],
)
def test_wrong_answers_are_told_apart(function, cause):
    verdict = verdict_on(function)
    assert (verdict.status, verdict.cause) == ("wrong", cause), verdict


@pytest.mark.parametrize("function", [endless, endless_and_deaf])
def test_endless_loop_is_stopped_and_located(function):
    start = time.monotonic()
    verdict = verdict_on(function, time_limit=0.3)
    assert time.monotonic() - start < 5
    assert verdict.cause == "too-slow"
    assert "line" in verdict.message


def test_exception_is_shown_at_the_students_line():
    assert "return u + undefined_name" in verdict_on(crash).message


def test_stub_is_not_attempted_and_torch_errors_are_not_stubs():
    def stub(u):
        raise NotImplementedError()

    def unsupported(u):
        raise NotImplementedError("Could not run 'aten::something'")

    assert verdict_on(stub).status == "not attempted"
    assert verdict_on(unsupported).cause == "exception"


def test_check_returns_the_students_function_or_the_reference(capsys):
    def right(u):
        return u + u

    assert check(right, "twice") is right
    assert check(crash, "twice") is twice
    assert "course's solution" in capsys.readouterr().out


def test_check_fails_the_cell_when_nbgrader_grades(monkeypatch):
    class Shell:
        user_ns: ClassVar = {}

    monkeypatch.setattr("IPython.get_ipython", lambda: Shell)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError, match="NameError"):
        check(crash, "twice")
    assert Shell.user_ns["twice"] is twice


def test_record_is_json_and_html_is_escaped():
    verdict = Verdict("wrong", "1 < 2 & <script>", {"yours": 1.0}, "twice", "sign")
    assert json.loads(json.dumps(verdict.record()))["cause"] == "sign"
    assert "<script>" not in verdict._repr_html_()
    assert "wrong sign" in str(verdict)


def test_two_pictures_show_what_differs():
    assert set(verdict_on(lambda u: 3 * u).pictures) == {"yours", "expected"}


def test_hints_come_in_steps(capsys):
    for expected in ("the idea", "2u", "return", "return"):
        hint("twice")
        assert expected in capsys.readouterr().out
    hint("twice", step=1)
    assert "the idea" in capsys.readouterr().out
    with pytest.raises(ValueError, match="step"):
        hint("twice", step=4)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="did you mean 'twice'"):
        diagnose(twice, "twise")
    with pytest.raises(ValueError, match="cause"):
        Mistake("nonsense", "…")


def test_an_exercise_is_registered_once():
    @exercise(twice, ("a", "b", "c"))
    def thrice(student):
        return ""

    with pytest.raises(ValueError, match="thrice"):
        exercise(twice, ("a", "b", "c"))(thrice)


def test_generators_are_copied_so_that_every_call_sees_the_same_state():
    generator = torch.Generator().manual_seed(0)
    draw = Student(lambda g: torch.randn(3, generator=g), "draw")
    assert torch.equal(draw(generator), draw(generator))
