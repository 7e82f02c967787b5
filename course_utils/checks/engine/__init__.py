"""The engine behind ``check``: it runs a student's function safely, examines it, and says what it found.

An exercise is one function that examines an answer by its mathematical properties, registered with ``@exercise``::

    @exercise(derivatives.gradient_adjoint, hints=("the idea", "the formula", "the first line"))
    def gradient_adjoint(student):
        for shape in SHAPES:
            u, p = random_image(shape), random_image((2, *shape))
            answer = student.tensor(p, shape=shape)
            recognise(
                answer,
                ("adjoint", forward(p), "You differentiated forward once more."),
                ("axis", adjoint(p.flip(0)), "The components are exchanged."),
            )
            expect_close(answer, adjoint(p), "adjoint", "⟨u, ∇ᵀp⟩ is not ⟨∇u, p⟩.")
        return "⟨∇u, p⟩ = ⟨u, ∇ᵀp⟩ on odd and even, non-square images"

1. ``student(...)``, ``student.tensor(..., shape=)``, ``student.number(...)`` call the function on copies: what it
   raises, a changed argument, a wrong type or shape, NaN and complex values are verdicts already.
2. ``recognise`` holds the mistakes of *this* exercise, ``(cause, value, message)``, one line a mistake however long (the
   modules of lessons are not formatted, and E501 is off in them; let the formulas be short by naming them above).
   ``recognise_parts`` does it for a formula of several parts: one line a wrong *part*, found alone and in pairs.
3. ``expect_close`` compares. When it fails on what the function returned, the engine first looks for what can be wrong
   in *any* exercise, and names it with its numbers: the input returned, a constant result, the sign, the modulus, a
   factor, an added constant, values clipped, moved by some pixels, transposed, turned, wrong at the border only, squares
   and roots, a result of an earlier call, a variable of the notebook in place of an argument, random results, precision
   lost. So write none of these, and no call is needed for them. They also replace a ``Mistake("value" | "adjoint")``
   raised in any other way (``expect``, ``raise``) when the last call shows them beside the course's function, whose
   result must then be comparable. Where a check compares by itself, ``recognise_generic(student, answer, expected)``
   says it earlier.
4. A right answer in float32 passes (``tolerance``); give ``rtol`` only where the mathematics asks for it.
"""

from __future__ import annotations

import inspect
import linecache
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from course_utils._validation import require_choice
from course_utils.checks.engine.carry import carried, remark_on
from course_utils.checks.engine.cells import STOPPED, Missing
from course_utils.checks.engine.compare import is_close, recognise, recognise_parts, relative_error, tolerance
from course_utils.checks.engine.generic import better_explanation, recognise_generic
from course_utils.checks.engine.guard import PRINTED, TIME_LIMIT, CheckError, run_with_limit
from course_utils.checks.engine.student import Student, a_noun, current_student
from course_utils.checks.engine.verdict import CAUSES, Mistake, NotAttempted, Verdict, say, show

__all__ = [
    "CAUSES",
    "EXERCISES",
    "PRINTED",
    "SHAPES",
    "CheckError",
    "Exercise",
    "Mistake",
    "NotAttempted",
    "Student",
    "Verdict",
    "check",
    "diagnose",
    "exercise",
    "expect",
    "expect_close",
    "hint",
    "inner",
    "is_close",
    "random_image",
    "recognise",
    "recognise_generic",
    "recognise_parts",
    "relative_error",
    "tolerance",
]

SHAPES = ((6, 5), (7, 8), (9, 9))  # non-square, odd and even, and one square

# --- what the examining functions are written with -------------------------------------------------------------------


def expect(condition: bool | Tensor, cause: str, message: str, **details: Any) -> None:
    """Raise a ``Mistake`` unless ``condition`` holds; ``details`` are the numbers that disagree."""
    if not bool(condition):
        raise Mistake(cause, message, {name.replace("_", " "): value for name, value in details.items()})


def expect_close(
    answer: Tensor | float,
    expected: Tensor | float,
    cause: str,
    message: str,
    rtol: float | None = None,
    **details: Any,
) -> None:
    """Raise a ``Mistake`` unless ``answer`` equals ``expected``, with two numbers or two small pictures that differ."""
    if is_close(answer, expected, rtol):
        return
    student = current_student()
    if student is not None and student.returned(answer):
        recognise_generic(student, answer, expected)
    shown: dict[str, Any] = {name.replace("_", " "): value for name, value in details.items()}
    pictures = {}
    if torch.as_tensor(answer).numel() == 1:
        shown |= {"yours": torch.as_tensor(answer).item(), "expected": torch.as_tensor(expected).item()}
    else:
        shown |= {"relative error": relative_error(answer, expected)}
        if isinstance(answer, Tensor) and isinstance(expected, Tensor) and answer.ndim >= 2:
            pictures = {"yours": answer, "expected": expected}
    raise Mistake(cause, message, shown, pictures)


def random_image(shape: Sequence[int], seed: int = 0) -> Tensor:
    """Return a float64 Gaussian image of the given ``shape``, the same for the same ``seed``."""
    return torch.randn(tuple(shape), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def inner(first: Tensor, second: Tensor) -> float:
    """Return the inner product ⟨first, second⟩ over all entries."""
    return torch.sum(first.double() * second.double()).item()


# --- the registry and the public functions ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Exercise:
    """One exercise: its reference solution, the function that examines an answer, and its hints in three steps."""

    name: str
    reference: Callable[..., Any]
    examine: Callable[[Student], str]
    hints: tuple[str, str, str]


EXERCISES: dict[str, Exercise] = {}
_hints_given: dict[str, int] = {}
_last: dict[str, Verdict] = {}  # on a function of the student's, by exercise


def exercise(
    reference: Callable[..., Any], hints: tuple[str, str, str]
) -> Callable[[Callable[[Student], str]], Callable[[Student], str]]:
    """Register the decorated function as the check of the exercise that has its name.

    Parameters
    ----------
    reference : the course's own solution, with the exercise's signature.
    hints : the idea, then the formula, then the first line.

    Notes
    -----
    The decorated function takes a ``Student``, raises ``Mistake`` (through ``expect`` and its kin) when something is
    wrong, and returns what it verified in one phrase.
    """

    def register(examine: Callable[[Student], str]) -> Callable[[Student], str]:
        name = examine.__name__
        if name in EXERCISES:
            raise ValueError(f"exercise {name!r} is registered twice")
        EXERCISES[name] = Exercise(name, reference, examine, hints)
        return examine

    return register


def diagnose(function: Any, name: str | None = None, time_limit: float = TIME_LIMIT) -> Verdict:
    """Examine a function as the answer to an exercise and return the verdict, for programs.

    Parameters
    ----------
    function : the student's function.
    name : name of the exercise; by default the name of the function.
    time_limit : seconds after which the function is stopped.

    Returns
    -------
    The verdict: its status is "passed", "wrong" or "not attempted". No exception of the student's code gets out.

    Raises
    ------
    ValueError
        If there is no exercise of that name.
    """
    return _diagnose(function, name, time_limit)[0]


def _diagnose(function: Any, name: str | None, time_limit: float) -> tuple[Verdict, Callable[..., Any]]:
    """Return the verdict, and the function that the notebook goes on with."""
    name = getattr(function, "__name__", "") if name is None else name
    task = EXERCISES[require_choice(name, "exercise", EXERCISES)]
    if isinstance(function, Missing):
        status = "wrong" if function.cause else "not attempted"
        return Verdict(status, function.message, {}, name, function.cause), task.reference
    if not callable(function):
        text = f"{name} is {a_noun(type(function).__name__)}, not a function."
        return _wrong(name, Mistake("type", text)), task.reference
    if mistake := _compare_parameters(function, task):
        return _wrong(name, mistake), task.reference
    student = Student(function, name, task.reference)
    outcome = run_with_limit(lambda student: _examine(task, student), student, time_limit)
    if isinstance(outcome, NotAttempted):
        return Verdict("not attempted", _TO_WRITE, {}, name), task.reference
    if isinstance(outcome, Mistake):
        return _wrong(name, outcome), task.reference
    if student.remark:
        text = f"Verified: {outcome}. {student.remark} The notebook goes on with the course's function."
        return Verdict("passed", text, {}, name, remark=student.remark), task.reference
    return Verdict("passed", f"Verified: {outcome}.", {}, name), student.function


def _examine(task: Exercise, student: Student) -> str:
    """Examine, and replace a mistake that only says "wrong" by what is certainly wrong, where that is known."""
    try:
        verified = task.examine(student)
        if student.function is not student.reference:
            student.remark = student.remark or remark_on(student)
            student.function = carried(student)
        return verified
    except Mistake as mistake:
        better = better_explanation(student, mistake)
        if better is None:
            raise
        raise better from mistake


def check(function: Any, name: str | None = None) -> Callable[..., Any]:
    """Show the verdict on a student's function, and return the function that the notebook goes on with.

    Parameters
    ----------
    function : the student's function.
    name : name of the exercise; by default the name of the function.

    Returns
    -------
    The student's function when it passed, with results detached where the course's are; otherwise the course's
    reference, which the message says, also for a right answer in single precision or far too slow.
    """
    name = _name_in_the_cell(function) if name is None else name
    reference = EXERCISES[require_choice(name, "exercise", EXERCISES)].reference
    try:
        if function is reference:
            verdict, following = Verdict("not attempted", _ALREADY_REPLACED, {}, name), reference
        else:
            verdict, following = _diagnose(function, name, TIME_LIMIT)
            _last[name] = verdict
    except CheckError as error:
        say("".join(traceback.format_exception(error)))
        say(f"The check of {name} failed, which is not your fault: show this to your teacher.{_COURSE}")
        return reference
    if verdict.status != "passed":
        verdict = replace(verdict, message=verdict.message + _COURSE)
    if name in STOPPED and function is not reference:
        say(STOPPED[name])
    show(verdict, _last[name] if function is reference and name in _last else verdict)
    if verdict.status != "passed" and os.environ.get("NBGRADER_EXECUTION") == "autograde":
        _fail_for_the_grade(verdict, reference)
    return following


_COURSE = " Until then the notebook goes on with the course's solution."
_TO_WRITE = "Write the body of the function in place of raise NotImplementedError(), then run both cells again."
_ALREADY_REPLACED = (
    "This is the course's solution, which an earlier run of this cell put in the place of your function: run the cell "
    "of your function again, then this one."
)


def _name_in_the_cell(function: Any) -> str:
    """Return the function's name, or what ``name = check(…)`` says for a lambda, a number, a function renamed."""
    name = str(getattr(function, "__name__", ""))
    if name in EXERCISES:
        return name
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if "check(" in line:
            return next((word for word in re.findall(r"\w+", line) if word in EXERCISES), name)
        frame = frame.f_back
    return name


def hint(name: str, step: int | None = None) -> None:
    """Show the next hint of an exercise: the idea, then the formula, then the first line.

    Parameters
    ----------
    name : name of the exercise.
    step : 1, 2 or 3 to see that hint; by default the next one each time.
    """
    hints = EXERCISES[require_choice(name, "exercise", EXERCISES)].hints
    if step is None:
        step = min(_hints_given.get(name, 0) + 1, len(hints))
    if step not in range(1, len(hints) + 1):
        raise ValueError(f"step must be 1, 2 or 3, got {step!r}")
    _hints_given[name] = step
    say(f"Hint {step} of {len(hints)} for {name}: {hints[step - 1]}")


def _compare_parameters(function: Callable[..., Any], task: Exercise) -> Mistake | None:
    """Return the mistake of a function that cannot be called like the reference."""
    expected = inspect.signature(task.reference).parameters
    required = [p for p in expected.values() if p.default is p.empty and p.kind is not p.KEYWORD_ONLY]
    try:
        inspect.signature(function).bind(*required)
    except TypeError:
        wanted = f"{task.name}({', '.join(p.name for p in required)})"
        return Mistake("signature", f"The function must be callable as {wanted}: keep the parameters of the exercise.")
    except ValueError:  # a built-in without a signature: let the call tell
        return None
    return None


def _wrong(name: str, mistake: Mistake) -> Verdict:
    return Verdict("wrong", mistake.message, mistake.details, name, mistake.cause, mistake.pictures)


def _fail_for_the_grade(verdict: Verdict, reference: Callable[..., Any]) -> None:
    """Make the check cell fail, which is how nbgrader marks it, once the cells after it have the reference."""
    from IPython import get_ipython

    get_ipython().user_ns[verdict.exercise] = reference
    raise AssertionError(str(verdict))
