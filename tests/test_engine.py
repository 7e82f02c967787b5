"""The engine of the checks: it stops what never ends, survives what crashes, and says where."""

# ruff: noqa: NPY002 - a test is about the global random states

import _thread
import json
import random
import signal
import threading
import time
import warnings
from typing import ClassVar

import numpy
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


def generator_function(u):
    yield 2 * u


async def coroutine_function(u):
    return 2 * u


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (lambda u: u, "identity"),
        (lambda u: -2 * u, "sign"),
        (lambda u: 3 * u, "normalisation"),
        (lambda u: 2 * u + u**2, "value"),
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
        (generator_function, "type"),
        (coroutine_function, "type"),
        (lambda *arguments: arguments[0].mul_(2), "mutates-input"),
        (3.0, "type"),
        (None, "type"),
        (torch, "type"),
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


def test_the_reference_left_by_a_failed_check_is_no_success(capsys):
    assert check(check(crash, "twice"), "twice") is twice
    assert "twice: passed" not in capsys.readouterr().out


def test_a_lambda_and_a_number_are_checked_under_the_name_in_the_cell(capsys):
    twice = check(lambda u: u + u)
    assert twice(3) == 6
    twice = check(3)
    assert twice(3) == 6  # the reference
    assert "not a function" in capsys.readouterr().out


def leaks(u):
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    numpy.random.seed(0)
    random.seed(0)
    warnings.simplefilter("error")
    return u + u


def test_a_function_changes_nothing_of_the_notebook():
    torch.manual_seed(5), numpy.random.seed(5), random.seed(5)
    expected = torch.rand(1), numpy.random.rand()
    torch.manual_seed(5), numpy.random.seed(5), random.seed(5)
    filters = list(warnings.filters)
    assert verdict_on(leaks).status == "passed"
    assert (torch.rand(1), numpy.random.rand()) == expected
    assert random.random() != random.Random(0).random()
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert warnings.filters == filters


def test_only_the_beginning_of_what_a_function_prints_is_shown(capsys):
    def talks(u):
        for number in range(10_000):
            print("iteration", number)
        return u + u

    assert verdict_on(talks).status == "passed"
    out = capsys.readouterr().out
    assert "iteration 9\n" in out
    assert len(out) < 2 * engine.PRINTED
    assert "not shown" in out


@pytest.fixture
def python_interrupt():
    """Let SIGINT raise KeyboardInterrupt, as in a kernel: what a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_stop_button_stops_the_function(python_interrupt):
    """The interruption comes while the check waits, which Python 3.11 takes for the end of a thread that is joined."""
    before = threading.active_count()
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        verdict_on(endless)
    time.sleep(0.5)
    assert threading.active_count() == before


def test_a_long_message_is_cut():
    def shouts(u):
        raise ValueError("no " * 10_000)

    assert len(verdict_on(shouts).message) < 500


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
    assert set(verdict_on(lambda u: 2 * u + u**2).pictures) == {"yours", "expected"}


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
