"""A student's function as the checks call it: on copies, remembered, and explained when it stops."""

from __future__ import annotations

import dis
import inspect
import linecache
import math
import re
import threading
import traceback
import types
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import Tensor

from course_utils.checks.engine.verdict import Mistake, NotAttempted

KEPT_CALLS = 40  # the last calls of a check that its diagnosis can look back at


class TimeIsUp(BaseException):
    """Thrown into the student's function when it runs for too long."""


@dataclass(frozen=True)
class Call:
    """One call of the student's function: what it got and what it gave."""

    args: tuple[Any, ...]
    result: Any


_GRAPH = "A result of automatic differentiation still belongs to its graph: take .detach() first (x.grad needs none)."
_KNOWN_CRASHES = (
    (RuntimeError, r"Can't call numpy\(\) on Tensor that requires grad|can't convert .* requires grad", "autograd", _GRAPH),
    (RuntimeError, "leaf Variable that requires grad|view of a leaf", "autograd", "A tensor that requires a gradient is changed in place: write x = x - ..., on x.detach(), or under torch.no_grad()."),
    (RuntimeError, "does not require grad and does not have a grad_fn|does not require grad", "autograd", "There is nothing to differentiate: call requires_grad_() on a copy of the variable before it is used."),
    (RuntimeError, "backward through the graph a second time", "autograd", "The graph of an earlier step is used again: compute the loss anew in each step."),
    (ValueError, r"values to unpack.*(shape|size\()", "shape", "The number of dimensions is fixed in this line, and a batch has one more: take the last ones, u.shape[-2:]."),
    (UnboundLocalError, "", "exception", "A variable is read before it is set: a loop that never runs, as with n = 0, sets nothing. Set it before the loop."),
    (RuntimeError, r"(mat1 and mat2|mat\*vec|size mismatch|[12]D tensors expected|tensors? of size|must match).*(@|matmul|\.dot\(|\.mm\()", "exception", "@ multiplies matrices. For tensors of any shape ⟨a, b⟩ is (a * b).sum(), and a * b the product entry by entry."),
    (IndexError, "shape of the mask", "shape", "A mask (H, W) picks from the last two axes: write u[..., mask], which is right for gray and for colour."),
    (ValueError, "math domain error", "not-finite", "A root or a logarithm is taken of a number that has none, negative or 0: for which arguments?"),
    (ZeroDivisionError, "", "not-finite", "Something is divided by 0: which arguments make the denominator 0?"),
    (EOFError, "input", "exception", "input() waits for somebody to type: everything comes through the arguments."),
    (RuntimeError, "same dtype|expected scalar type|expected m1 and m2", "precision", "float32 and float64 meet: torch.zeros, randn and their kin are float32 unless you say dtype=u.dtype."),
)  # fmt: skip


_here = threading.local()  # each check runs in a thread of its own


def current_student() -> Student | None:
    """Return the student whose function was called last in this thread."""
    return getattr(_here, "student", None)


class Student:
    """A student's function as the checks call it: guarded against exceptions, changed inputs and odd results."""

    def __init__(self, function: Callable[..., Any], name: str, reference: Callable[..., Any] | None = None) -> None:
        self.function = function
        self.name = name
        self.reference = reference
        self.calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self.remark = ""  # why the notebook goes on with the course's function though this one is right
        self._shapes: list[tuple[int, ...]] | None = None
        self._sizes_differ = False

    def __call__(self, *args: Any) -> Any:
        """Call the function on copies of ``args``; what it raises becomes a ``Mistake`` at the student's line."""
        copies = [copy_of(argument) for argument in args]
        shapes = [tuple(x.shape) for x in numbers_in(args) if isinstance(x, Tensor)]
        self._sizes_differ = self._shapes is not None and shapes != self._shapes
        _here.student = self
        try:
            result = self.function(*copies)
        except (TimeIsUp, Mistake):
            raise
        except BaseException as error:
            if type(error) is NotImplementedError and not error.args:  # the stub; torch's own come with a message
                raise NotAttempted from error
            raise self._crash(error) from error
        for position, (before, after) in enumerate(zip(args, copies, strict=True)):
            if changed(before, after):
                names = list(inspect.signature(self.function).parameters)
                argument = names[position] if position < len(names) else f"number {position + 1}"
                if isinstance(before, Tensor) and before.requires_grad != after.requires_grad:
                    text = f"{self.name} calls requires_grad_() on its argument {argument}, and changes it so for the notebook."
                    raise Mistake("mutates-input", f"{text} Take {argument}.detach().clone().requires_grad_().")
                raise Mistake(
                    "mutates-input",
                    f"{self.name} changes its argument {argument} in place. Work on a copy: "
                    "write x = x + … instead of x += ….",
                )
        if inspect.isgenerator(result) or inspect.iscoroutine(result):
            result.close()
            text = f"{self.name} computes nothing when it is called: write return, not yield, and def, not async def."
            raise Mistake("type", text)
        if result is None:
            raise Mistake("type", f"{self.name} returns None. Did you forget the return statement?")
        self.calls.append(Call(args, result))
        self._shapes = shapes
        return result

    def returned(self, value: Any) -> bool:
        """Say whether ``value`` is what the last call returned, or a part of it."""
        return bool(self.calls) and any(_same(value, part) for part in numbers_in(self.calls[-1].result))

    def tensor(self, *args: Any, shape: Sequence[int]) -> Tensor:
        """Call the function and return its result once it is known to be a finite real tensor of this ``shape``."""
        return self.as_tensor(self(*args), shape)

    def as_tensor(self, result: Any, shape: Sequence[int], what: str = "the result") -> Tensor:
        """Return ``result`` once it is known to be a finite real floating-point tensor of this ``shape``."""
        what = what[:1].upper() + what[1:]
        if not isinstance(result, Tensor):
            raise Mistake(
                "type", f"{what} must be a torch tensor, {self.name} returns {a_noun(type(result).__name__)}."
            )
        if tuple(result.shape) != tuple(shape):
            text = f"{what} has the wrong shape.{self._about_shape(result, tuple(shape))}"
            raise Mistake("shape", text, {"your shape": tuple(result.shape), "expected shape": tuple(shape)})
        if result.is_complex():
            raise Mistake("complex", f"{what} is complex. An image is real: take the real part after the inverse FFT.")
        if not result.is_floating_point():
            raise Mistake("type", f"{what} holds {result.dtype} values, floating-point values are expected.")
        if not torch.isfinite(result).all():
            raise Mistake(
                "not-finite", f"{what} contains NaN or infinite values: look for a division by zero or a root of 0."
            )
        return result.detach()

    def _about_shape(self, result: Tensor, shape: tuple[int, ...]) -> str:
        """Say what makes a shape wrong, where it can be seen."""
        own = tuple(result.shape)
        earlier = self.calls[-2].result if len(self.calls) > 1 and self._sizes_differ else None
        if own != shape and math.prod(own) == 1:
            return " One number is returned: is there a sum or a mean too many?"
        if own == (*shape[:-2], *shape[:-3:-1]):
            return " The two last axes are exchanged."
        if result.ndim > len(shape) and tuple(result.squeeze().shape) == shape:
            return " There are axes of length 1 too many: take [0] of them."
        if result.ndim < len(shape) and own == shape[len(shape) - result.ndim :]:
            return " The first axis is missing: is it summed over, or indexed?"
        if isinstance(earlier, Tensor) and tuple(earlier.shape) == own:
            return " It was right for an earlier call, with other sizes: is a size written into the function?"
        return ""

    def number(self, *args: Any) -> float:
        """Call the function and return its result as one finite real number."""
        result = self(*args)
        if isinstance(result, bool) or (isinstance(result, Tensor) and result.dtype == torch.bool):
            raise Mistake("type", f"{self.name} returns {bool(torch.as_tensor(result).all())}: a number is expected.")
        if isinstance(result, Tensor) and result.numel() != 1:
            raise Mistake("shape", f"{self.name} must return one number.", {"your shape": tuple(result.shape)})
        if isinstance(result, Tensor):
            result = result.detach().item()
        if isinstance(result, complex):
            raise Mistake("complex", f"{self.name} returns a complex number, a real one is expected.")
        try:
            value = float(result)
        except (TypeError, ValueError):
            raise Mistake(
                "type", f"{self.name} must return one number, it returns {a_noun(type(result).__name__)}."
            ) from None
        if not math.isfinite(value):
            text = f"{self.name} returns {value}: look for a division by zero, a root or a logarithm of 0."
            raise Mistake("not-finite", text)
        return value

    def _crash(self, error: BaseException) -> Mistake:
        """Return the mistake that names why the function stopped, or shows ``error``, at the student's line."""
        where = _students_line(self.function, error.__traceback__)
        text = f"{self.name} stops with {summary(error)}{where}."
        for kind, pattern, cause, advice in _KNOWN_CRASHES:
            if isinstance(error, kind) and re.search(pattern, f"{error} {where}"):
                return Mistake(cause, f"{advice} {text}")
        if self.calls and isinstance(error, (RuntimeError, IndexError, ValueError)):
            text += _about_sizes(self.function) if self._sizes_differ else ""
        return Mistake("exception", text)


def _about_sizes(function: Callable[..., Any]) -> str:
    """Say what may fix a size in a function that went through for other sizes: the notebook's variables, a number."""
    if names := values_outside(function):
        return f" Earlier calls, with other sizes, went through: the notebook's variable {names[0]} has one size only."
    code = getattr(function, "__code__", None)
    if code is None or any(isinstance(c, int) and c > 3 for c in code.co_consts):
        return " Earlier calls, with other sizes, went through: is a size written into the function?"
    return " Earlier calls, with other shapes, went through: colour has one axis more, count axes from the last."


def values_outside(function: Callable[..., Any]) -> list[str]:
    """Return the names of the notebook's numbers and tensors that a function reads, inner functions included."""
    code, scope = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    return [name for name in _globals_read(code) if is_value(scope.get(name))] if code is not None else []


def is_value(value: Any) -> bool:
    """Say whether ``value`` is a number or a tensor."""
    return isinstance(value, (int, float, Tensor)) and not isinstance(value, bool)


def _globals_read(code: types.CodeType) -> list[str]:
    inner = [
        name for constant in code.co_consts if isinstance(constant, types.CodeType) for name in _globals_read(constant)
    ]
    own = [i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    return list(dict.fromkeys([*own, *inner]))


def numbers_in(value: Any) -> list[Tensor | float]:
    """Return the tensors and numbers of a result, or of the arguments of a call, in order."""
    if isinstance(value, dict):
        return [part for item in value.values() for part in numbers_in(item)]
    if isinstance(value, (list, tuple)):
        return [part for item in value for part in numbers_in(item)]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return [value] if is_number or isinstance(value, Tensor) else []


def _same(value: Any, part: Tensor | float) -> bool:
    """Say whether two tensors or numbers are equal to the last digit."""
    a, b = (torch.as_tensor(x).detach() for x in (value, part))
    return a.shape == b.shape and torch.equal(a.double(), b.double())


def copy_of(argument: Any) -> Any:
    """Return a copy that a function may change."""
    if isinstance(argument, Tensor):
        return argument.detach().clone().requires_grad_(argument.requires_grad)
    if isinstance(argument, torch.Generator):
        return torch.Generator(argument.device).set_state(argument.get_state())
    if isinstance(argument, (list, tuple)):
        return type(argument)(copy_of(item) for item in argument)
    if isinstance(argument, dict):
        return {key: copy_of(value) for key, value in argument.items()}
    return argument


def changed(before: Any, after: Any) -> bool:
    """Say whether an argument is not what it was before the call."""
    if isinstance(before, Tensor):
        if before.requires_grad != after.requires_grad:
            return True
        return before.shape != after.shape or not torch.equal(
            torch.nan_to_num(before.detach()), torch.nan_to_num(after.detach())
        )
    if isinstance(before, (list, tuple)):
        return len(before) != len(after) or any(changed(a, b) for a, b in zip(before, after, strict=True))
    if isinstance(before, dict):
        return before.keys() != after.keys() or any(changed(before[key], after[key]) for key in before)
    return isinstance(before, (bool, int, float, str)) and before != after


def summary(error: BaseException) -> str:
    """Return the type and the message of an exception, on one line of at most 300 characters."""
    text = " ".join(traceback.format_exception_only(error)[-1].split())
    return text if len(text) <= 300 else f"{text[:300]} …"


def _students_line(function: Callable[..., Any], trace: TracebackType | None) -> str:
    """Return " at line N: code" for the innermost line of the student's own file in a traceback."""
    code = getattr(function, "__code__", None)
    lines = [f for f in traceback.extract_tb(trace) if code is not None and f.filename == code.co_filename]
    return f" (line {lines[-1].lineno}: {(lines[-1].line or '').strip()})" if lines else ""


def line_of_frame(function: Callable[..., Any], frame: FrameType | None) -> str:
    """Return where in the student's file a running frame is."""
    code = getattr(function, "__code__", None)
    while frame is not None and code is not None:
        if frame.f_code.co_filename == code.co_filename:
            line = linecache.getline(code.co_filename, frame.f_lineno).strip()
            return f" It was at line {frame.f_lineno}: {line}"
        frame = frame.f_back
    return ""


def a_noun(noun: str) -> str:
    """Return the noun with its article."""
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
