"""What is wrong with an answer in any exercise, found by calling the student's function and the reference again."""

from __future__ import annotations

import contextlib
import dis
import inspect
import re
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from course_utils.checks.engine.compare import generic_mistake, is_close
from course_utils.checks.engine.student import SIZES, Call, Student, copy_of, is_value, notebook_values, numbers_in
from course_utils.checks.engine.verdict import Mistake

Experiment = Callable[[Student, Call, Any], Mistake | None]
VAGUE = ("adjoint", "value")  # causes that a certain one is preferred to
SUBSTITUTIONS = 24  # variables of the notebook times arguments that are tried in each other's place


def recognise_generic(student: Student, answer: Tensor | float, expected: Tensor | float) -> None:
    """Raise the ``Mistake`` that can happen in any exercise and that ``answer``, just returned, shows for certain.

    ``expect_close`` does this by itself; call it where a check compares in another way.
    """
    inputs = [x for x in numbers_in(student.calls[-1].args) if isinstance(x, Tensor)] if student.calls else []
    mistake = (
        _behaviour(student, (_remembered, _global))  # first: a wrong ε may look like a factor
        or generic_mistake(answer, expected, inputs)
        or _behaviour(student, (_constant, _changing, _imprecise))
    )
    if mistake is not None:
        raise mistake


def better_explanation(student: Student, mistake: Mistake) -> Mistake | None:
    """Return what is certainly wrong with the last call when ``mistake`` only says that something is."""
    outside = [name for name in notebook_values(student.function) if not name.isupper()]  # constants are written so
    if outside and mistake.cause != "global":
        if found := _global_anywhere(student) or _size_of_a_global(student, mistake):
            return found
        mistake.message += (
            f" Your function reads {outside[0]}, a variable of the notebook: everything comes through the arguments."
        )
    if mistake.cause == "exception" and not mistake.known and (found := _square_only(student, mistake)):
        return found
    if mistake.known or mistake.cause not in VAGUE or not student.calls:
        return None
    call = student.calls[-1]
    if found := _behaviour(student, (_remembered,)):
        return found
    answers, right = numbers_in(call.result), numbers_in(result_of(student.reference, call.args))
    inputs = [x for x in numbers_in(call.args) if isinstance(x, Tensor)]
    if len(answers) == len(right):
        for answer, expected in zip(answers, right, strict=True):
            if found := generic_mistake(answer, expected, inputs):
                return found
    if found := _behaviour(student, (_constant, _changing, _imprecise)):
        return found
    if unused := _unused_arguments(student):
        mistake.message += f" Your function never uses its argument {unused[0]}."
    return None


def _global_anywhere(student: Student) -> Mistake | None:
    """Return the mistake of a variable of the notebook in place of an argument, in the last call, even if it stopped."""
    if not student.asked or not notebook_values(student.function):
        return None
    right = result_of(student.reference, student.asked)
    last = student.calls[-1].result if student.calls and student.calls[-1].args is student.asked else None
    if right is None or (last is not None and equal(last, right)):
        return None
    return _global(student, Call(student.asked, last), right)


def _square_only(student: Student, mistake: Mistake) -> Mistake | None:
    """Return the mistake of a function that stops on images that are not square, and on no square one."""
    if not re.search(SIZES, mistake.message) or all(_square(x) is x for x in student.asked):
        return None
    args = [_square(x) for x in student.asked]
    if result_of(student.reference, args) is None or result_of(student.function, args) is None:
        return None
    text = (
        "Your function works on square images only: do not take the height for the width, or the rows for the columns."
    )
    return Mistake("shape", f"{text} {mistake.message}", mistake.details)


def _square(value: Any) -> Any:
    """Return an image, or a dictionary of some, cut to a square; itself where there is nothing to cut."""
    if isinstance(value, dict):
        parts = {key: _square(x) for key, x in value.items()}
        return value if all(parts[key] is value[key] for key in value) else parts
    if not isinstance(value, Tensor) or value.ndim < 2 or value.shape[-1] == value.shape[-2]:
        return value
    side = min(value.shape[-2:])
    return value[..., :side, :side]


def _size_of_a_global(student: Student, mistake: Mistake) -> Mistake | None:
    """Return the mistake of a result that has the size of a variable of the notebook."""
    foreign = set(mistake.details.get("your shape", ())) - set(mistake.details.get("expected shape", ()))
    for name, value in notebook_values(student.function).items():
        sizes = {n for x in numbers_in(value) if isinstance(x, Tensor) for n in x.shape} & foreign
        if found := [n for n in sizes if n > 4]:
            text = f"The result has {found[0]} entries, as {name} of the notebook has: everything comes through the arguments."
            return Mistake("global", text, mistake.details)
    return None


def _behaviour(student: Student, experiments: Sequence[Experiment]) -> Mistake | None:
    """Return the mistake that the last call shows beside other calls, when the course's own function tells it apart."""
    if student.reference is None or not student.calls:
        return None
    call = student.calls[-1]
    right = result_of(student.reference, call.args)
    if right is None or equal(call.result, right):
        return None
    for experiment in experiments:
        if found := experiment(student, call, right):
            return found
    return None


def _remembered(student: Student, call: Call, right: Any) -> Mistake | None:
    """Return the mistake of a function that gives the right result of an earlier call once more."""
    for earlier in list(student.calls)[:-1]:
        if equal(earlier.result, call.result, 1e-12) and numbers_in(call.result):
            before = result_of(student.reference, earlier.args)
            if equal(before, earlier.result) and not equal(before, right, 1e-3):
                text = "The result is that of an earlier call, with other arguments: a cache or a variable outside keeps it."
                return Mistake("constant", text)
    return None


def _global(student: Student, call: Call, right: Any) -> Mistake | None:
    """Return the mistake of a variable of the notebook that stands where an argument belongs."""
    function = student.function
    if not isinstance(function, types.FunctionType):
        return None
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    arguments = list(zip(names, call.args, strict=False))
    pairs = []
    for g, mine in notebook_values(function).items():
        whole = type(mine) is int
        pairs += [(g, f"its argument {name}", x) for name, x in arguments if is_value(x) and not _mixed(mine, x)]
        sides = [(name, i, n) for name, x in arguments if isinstance(x, Tensor) for i, n in enumerate(x.shape)]
        pairs += [(g, f"{name}.shape[{i}]", n) for name, i, n in sides if whole and n != mine]
    for g, name, value in pairs[:SUBSTITUTIONS]:
        scope = {**function.__globals__, g: value}
        corrected = types.FunctionType(
            function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
        )
        corrected.__kwdefaults__ = function.__kwdefaults__
        if equal(result_of(corrected, call.args), right):
            text = f"The function uses the notebook's variable {g} where {name} belongs."
            return Mistake(
                "global",
                text,
                {g: function.__globals__[g], name.removeprefix("its argument "): value}
                if isinstance(value, (int, float))
                else {},
            )
    return None


def _constant(student: Student, call: Call, right: Any) -> Mistake | None:
    """Return the mistake of a result that stays when the first tensor of the arguments changes."""
    position = next(
        (i for i, x in enumerate(call.args) if isinstance(x, Tensor) and x.is_floating_point() and x.ndim), None
    )
    if position is None or not numbers_in(call.result):
        return None
    x = call.args[position].detach()
    told_apart = False
    for other in (1.5 * x, x.flip(0), x.roll(1, -1)):
        args = (*call.args[:position], other, *call.args[position + 1 :])
        if equal(result_of(student.reference, args), right, 1e-3):
            continue
        told_apart = True
        if not equal(result_of(student.function, args), call.result, 1e-9):
            return None
    if not told_apart:
        return None
    names = list(inspect.signature(student.function).parameters)
    argument = names[position] if position < len(names) else f"number {position + 1}"
    unused = "".join(f" It never uses its argument {name}." for name in _unused_arguments(student)[:1])
    return Mistake("constant", f"{student.name} returns the same result whatever its argument {argument} is.{unused}")


def _changing(student: Student, call: Call, right: Any) -> Mistake | None:
    """Return the mistake of a function that does not give the same result twice where the reference does."""
    if not equal(result_of(student.reference, call.args), right, 1e-9):
        return None
    again = result_of(student.function, call.args)
    if not numbers_in(again) or equal(again, call.result, 1e-9):
        return None
    text = "Two calls with the same arguments give two results: it draws random numbers, or keeps something from the last call."
    return Mistake("randomness", text)


def _imprecise(student: Student, call: Call, right: Any) -> Mistake | None:
    """Return the mistake of a result that would be right in double precision."""
    with double_by_default():
        precise = result_of(student.function, call.args)
    if precise is not None and equal(precise, right):
        return Mistake(
            "precision",
            "The result is right in double precision only. Where is it lost? torch.zeros, ones, arange and their kin are float32: take torch.zeros_like, or say dtype=u.dtype.",
        )
    return None


# --- helpers ---------------------------------------------------------------------------------------------------------


def result_of(function: Callable[..., Any] | None, args: Sequence[Any]) -> Any:
    """Return what ``function`` gives on copies of ``args``, or None when it stops with an exception."""
    if function is None:
        return None
    try:
        return function(*(copy_of(argument) for argument in args))
    except Exception:
        return None


def equal(first: Any, second: Any, rtol: float | None = None) -> bool:
    """Say whether two results hold the same numbers."""
    a, b = numbers_in(first), numbers_in(second)
    if not a or len(a) != len(b):
        return False
    return all(
        torch.as_tensor(x).shape == torch.as_tensor(y).shape and _close(x, y, rtol) for x, y in zip(a, b, strict=True)
    )


def _close(x: Tensor | float, y: Tensor | float, rtol: float | None) -> bool:
    x, y = (value.detach() if isinstance(value, Tensor) else value for value in (x, y))
    complex_valued = any(isinstance(value, Tensor) and value.is_complex() for value in (x, y))
    return bool(torch.equal(torch.as_tensor(x), torch.as_tensor(y))) if complex_valued else is_close(x, y, rtol)


def _mixed(first: Any, second: Any) -> bool:
    """Say whether one is a number and the other is not."""
    return isinstance(first, (int, float)) != isinstance(second, (int, float))


def _unused_arguments(student: Student) -> list[str]:
    """Return the arguments that the function never reads, though the course's function reads those at their places."""
    own, course = (getattr(function, "__code__", None) for function in (student.function, student.reference))
    if own is None or course is None:
        return []
    (unused, names), (unused_there, _) = _unread(own), _unread(course)
    return [names[i] for i in sorted(unused - unused_there)]


def _unread(code: types.CodeType) -> tuple[set[int], tuple[str, ...]]:
    """Return the positions of the parameters that ``code`` never reads, and the names of all."""
    names = code.co_varnames[: code.co_argcount]
    read = set(code.co_cellvars)
    for instruction in dis.get_instructions(code):
        if "LOAD" in instruction.opname:
            argval = instruction.argval
            read |= set(argval if isinstance(argval, tuple) else (argval,)) if argval.__hash__ else set()
    return {i for i, name in enumerate(names) if name not in read}, names


@contextlib.contextmanager
def double_by_default() -> Iterator[None]:
    """Make torch.zeros and its kin double, as they are in no notebook: what that repairs was lost to float32."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
