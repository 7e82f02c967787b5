"""A student's function as the checks call it: on copies, remembered, and explained when it stops."""

from __future__ import annotations

import dis
import inspect
import linecache
import math
import re
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType, FunctionType, TracebackType
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
    (RuntimeError, "implicitly created only for scalar", "autograd", "Only one number can be differentiated: take the sum of the values first."),
    (RuntimeError, "backward through the graph a second time", "autograd", "The graph of an earlier step is used again: compute the loss anew in each step."),
    (ValueError, r"values to unpack.*(shape|size\()", "shape", "The number of dimensions is fixed in this line, and a batch has one more: take the last ones, u.shape[-2:]."),
    (UnboundLocalError, "", "exception", "A variable is read before it is set: a loop that never runs, as with n = 0, sets nothing. Set it before the loop."),
    (RuntimeError, r"(mat1 and mat2|mat\*vec|size mismatch|[12]D tensors expected|tensors? of size|must match).*(@|matmul|\.dot\(|\.mm\()", "exception", "@ multiplies matrices. For tensors of any shape ⟨a, b⟩ is (a * b).sum(), and a * b the product entry by entry."),
    (IndexError, "shape of the mask", "shape", "A mask (H, W) picks from the last two axes: write u[..., mask], which is right for gray and for colour."),
    (ValueError, "math domain error", "not-finite", "A root or a logarithm is taken of a number that has none, negative or 0: for which arguments?"),
    (ZeroDivisionError, "", "not-finite", "Something is divided by 0: which arguments make the denominator 0?"),
    (EOFError, "input", "exception", "input() waits for somebody to type: everything comes through the arguments."),
    (RuntimeError, "same dtype|expected scalar type|expected m1 and m2", "precision", "float32 and float64 meet: torch.zeros, randn and their kin are float32 unless you say dtype=u.dtype."),
    (ValueError, "can't optimize a non-leaf", "autograd", "The optimizer moves variables that were not computed from others that require a gradient: call requires_grad_() on x itself, last, as in x = (…).requires_grad_()."),
    (TypeError, r"not 'NoneType'.*\.step\(", "type", "Your closure returns nothing: it must return the loss."),
    (TypeError, "'NoneType' object|and 'NoneType'|'NoneType' and", "type", "Something is None here: a function without a return, or a method such as list.append or backward, gives None."),
    (RuntimeError, "stack expects each tensor to be equal size", "shape", "The parts have different sizes: a difference of slices, as torch.diff makes it, has one row or column less than the image."),
    (AttributeError, r"'(Blur|Mask|Matrix|\w*Operator)' object has no attribute", "exception", "A is an operator, not a matrix: A(u) is Au, A.adjoint(v) is Aᵀv."),
    (TypeError, r"for @: '(Blur|Mask|Matrix|\w*Operator)'", "exception", "A is an operator, not a matrix: A(u) is Au, A.adjoint(v) is Aᵀv."),
    (RuntimeError, "view size is not compatible", "exception", "The entries do not lie one after the other in memory: call .contiguous() on the gradient or the tensor before, or use .backward()."),
    (TypeError, "unsupported operand type.*'(list|tuple)'", "type", "A list is not a tensor: torch.stack or torch.tensor makes one of it."),
    (TypeError, "must be Tensor, not (numpy.ndarray|ndarray)", "type", "A numpy array stands where torch needs a tensor: stay with torch's functions, or convert by torch.from_numpy."),
)  # fmt: skip
SIZES = r"size|shape|broadcast|dimension|multiplied|index|expand"


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
        self.asked: tuple[Any, ...] = ()  # the arguments of the last call, also of one that stopped
        self._shapes: list[tuple[int, ...]] | None = None
        self._sizes_differ = False

    def __call__(self, *args: Any) -> Any:
        """Call the function on copies of ``args``; what it raises becomes a ``Mistake`` at the student's line."""
        copies = [copy_of(argument) for argument in args]
        shapes = [tuple(x.shape) for x in numbers_in(args) if isinstance(x, Tensor)]
        self._sizes_differ = self._shapes is not None and shapes != self._shapes
        _here.student = self
        self.asked = args
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
        if isinstance(earlier, Tensor) and tuple(earlier.shape) == own:
            return " It was right for an earlier call, with other sizes: is a size written into the function?"
        code = code_of(self.function)
        if code is not None and "irfft2" in code.co_names and own == (*shape[:-1], shape[-1] - 1):
            return " irfft2 cannot know that the width is odd. Pass it: irfft2(…, s=u.shape)."
        return shape_words(own, shape)

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
        frame = _students_frame(self.function, error.__traceback__)
        where = _line_of(frame)
        text = f"{self.name} stops with {summary(error)}{where}."
        shapes = shapes_in_line(frame)
        about_sizes = isinstance(error, (RuntimeError, IndexError, ValueError, TypeError))
        if about_sizes and (found := self._certain_crash(str(error), frame)):
            return Mistake(found[0], f"{found[1]} {text}", shapes)
        for kind, pattern, cause, advice in _KNOWN_CRASHES:
            entries = advice.startswith("@") and "must match" in str(error) and "*" in where  # a product entry by entry
            if isinstance(error, kind) and re.search(pattern, f"{error} {where}") and not entries:
                return Mistake.certain(cause, f"{advice} {text}", shapes if cause in ("shape", "exception") else {})
        if isinstance(error, KeyError) and any(isinstance(x, dict) for x in self.asked):
            advice = f"The argument has no key {error}: its keys change from call to call. Loop over them, none is written into the function."
            return Mistake("global", f"{advice} {text}")
        if self._sizes_differ and isinstance(error, (RuntimeError, IndexError, ValueError)):
            text += _about_sizes(self.function)
        return Mistake("exception", _what_does_not_fit(str(error), shapes, where) + text, shapes)

    def _certain_crash(self, error: str, frame: tuple[FrameType, int] | None) -> tuple[str, str] | None:
        """Return cause and sentence when the sizes that do not fit say by themselves what is wrong."""
        if not re.search(SIZES, error):
            return None
        if names := notebook_values_in_line(frame):
            if self._sizes_differ and isinstance(notebook_values(self.function).get(names[0]), (dict, list)):
                return "constant", f"{names[0]} keeps what an earlier call, with other sizes, put there."
            what = f"{names[0]} is a variable of the notebook, and does not fit these arguments: everything comes through them."
            return "global", what
        given = {n for x in numbers_in(self.asked) for n in _sizes_of(x)}
        sizes = [int(n) for n in re.findall(r"(?<![\w.])\d+", re.sub(r"dimension -?\d+|entry \d+", "", error))]
        strange = {n for n in sizes if n > 4} - given
        for name, value in notebook_values(self.function).items():
            if own := strange & {n for x in numbers_in(value) for n in _sizes_of(x)}:
                text = f"{name} is a variable of the notebook, and has the size {min(own)}"
                return "global", f"{text}: everything comes through the arguments."
        if written := strange & _whole_numbers_in(code_of(self.function)):
            text = f"The size {min(written)} is written into the function."
            return "shape", f"{text} Take the sizes from its arguments, as in u.shape."
        if found := re.search(r"multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)", error):
            a, b, c, d = map(int, found.groups())
            if (b == d) != (a == c) and a != b and c != d:
                which = "second" if b == d else "first"
                return "transpose", f"A product of {a} × {b} and {c} × {d}: transpose the {which} matrix."
        if found := re.search(r"mat \((\d+)x(\d+)\), vec \((\d+)\)", error):
            a, b, c = map(int, found.groups())
            text = f"A product of {a} × {b} with a vector of {c} entries"
            return (
                ("transpose", f"{text}: transpose the matrix.")
                if a == c
                else ("shape", f"{text}: is the matrix cut along its other axis?")
            )
        return None


def _what_does_not_fit(error: str, shapes: dict[str, Any], where: str) -> str:
    """Return which two tensors of a line have lengths that do not fit: of all pairs, the one that stands closest."""
    if not (found := re.search(r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)", error)):
        return ""
    first, second = (
        [name.removeprefix("shape of ") for name, shape in shapes.items() if int(n) in shape] for n in found.groups()
    )
    pairs = [(abs(where.find(a) - where.find(b)), a, b) for a in first for b in second if a != b]
    if not pairs:
        return ""
    _, a, b = min(pairs)
    return f"{a} has {found[1]} entries along an axis where {b} has {found[2]}: which of the two is meant? "


def shape_words(own: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Return what makes a shape wrong, in a sentence."""
    if own != shape and math.prod(own) == 1:
        return " One number is returned: is there a sum or a mean too many, or a return inside a loop?"
    if own == (*shape[:-2], *shape[:-3:-1]):
        return " The two last axes are exchanged."
    if len(own) == len(shape) and sorted(own) == sorted(shape):
        return " Its axes stand in another order."
    if len(own) > len(shape) and tuple(n for n in own if n != 1) == shape:
        return " There are axes of length 1 too many: take [0] of them."
    if len(own) < len(shape) and own == shape[len(shape) - len(own) :]:
        return f" The first axis is missing: of {shape[0]} parts there is one. Is it summed over, indexed, or is the return inside a loop?"
    if own[1:] == shape:
        return f" There are {own[0]} of them, one is asked for: is a sum missing, or the last of all to be taken?"
    if math.prod(own) == math.prod(shape):
        return " The entries are arranged in another way: torch.stack makes a new axis, torch.cat and reshape do not."
    if len(own) == len(shape) and own[0] == 1 and own[1:] == shape[1:]:
        return f" Of {shape[0]} parts there is one: is the return inside a loop?"
    if len(own) == len(shape):
        axis = next(i for i, (a, b) in enumerate(zip(own, shape, strict=True)) if a != b)
        return f" Its axis {axis} has the length {own[axis]}, not {shape[axis]}."
    return ""


def shapes_in_line(frame: tuple[FrameType, int] | None) -> dict[str, Any]:
    """Return the shapes of the tensors that the line where a function stopped reads, by their names."""
    if frame is None:
        return {}
    scope = {**frame[0].f_globals, **frame[0].f_locals}
    tensors = {name: scope.get(name) for name in _names_in(_text_of(frame))}
    for name, key in re.findall(r"([A-Za-z_]\w*)\[([A-Za-z_]\w*)\]", _text_of(frame)):
        if isinstance(scope.get(name), dict) and isinstance(scope.get(key), (str, int)):
            tensors[f"{name}[{key}]"] = scope[name].get(scope[key])
    return {f"shape of {name}": tuple(x.shape) for name, x in tensors.items() if isinstance(x, Tensor) and x.ndim}


def _names_in(line: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"(?<![\w.])[A-Za-z_]\w*", line)))


def notebook_values_in_line(frame: tuple[FrameType, int] | None) -> list[str]:
    """Return the variables of the notebook, numbers and tensors, that the line where a function stopped reads."""
    if frame is None:
        return []
    outside = [n for n in _names_in(_text_of(frame)) if n not in frame[0].f_locals and n in frame[0].f_code.co_names]
    return [n for n in outside if is_value(frame[0].f_globals.get(n))]


def notebook_values(function: Any) -> dict[str, Any]:
    """Return the variables of the notebook that a function reads and that hold numbers or tensors."""
    if not isinstance(function, FunctionType):
        return {}
    scope = function.__globals__
    return {name: scope[name] for name in _globals_read(function.__code__) if is_value(scope.get(name))}


def _globals_read(code: CodeType) -> list[str]:
    """Return the names of the globals that a function reads, inner functions included."""
    inner = [name for constant in code.co_consts if isinstance(constant, CodeType) for name in _globals_read(constant)]
    own = [i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    return list(dict.fromkeys([*own, *inner]))


def is_value(value: Any) -> bool:
    """Say whether this is a number or a tensor, or holds some."""
    return bool(numbers_in(value))


def _sizes_of(value: Tensor | float) -> list[int]:
    return [*value.shape, value.numel()] if isinstance(value, Tensor) else [int(value)] if abs(value) < 1e9 else []


def code_of(function: Any) -> CodeType | None:
    """Return the code that runs when ``function``, perhaps an object with ``__call__``, is called."""
    for candidate in (function, getattr(function, "func", None), type(function).__call__):
        if isinstance(code := getattr(candidate, "__code__", None), CodeType):
            return code
    return None


def _whole_numbers_in(code: CodeType | None) -> set[int]:
    """Return the whole numbers that are written into a function."""
    if code is None:
        return set()
    found: set[int] = set()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _whole_numbers_in(constant)
        found |= {n for n in (constant if isinstance(constant, tuple) else (constant,)) if type(n) is int}
    return found


def _about_sizes(function: Callable[..., Any]) -> str:
    """Say what may fix a size in a function that went through for other sizes: the notebook's variables, a number."""
    if names := list(notebook_values(function)):
        return f" Earlier calls, with other sizes, went through: the notebook's variable {names[0]} has one size only."
    code = code_of(function)
    if code is None or any(n > 3 for n in _whole_numbers_in(code)):
        return " Earlier calls, with other sizes, went through: is a size written into the function?"
    return " Earlier calls, with other shapes, went through: colour has one axis more, count axes from the last."


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


def _students_frame(function: Callable[..., Any], trace: TracebackType | None) -> tuple[FrameType, int] | None:
    """Return the innermost frame of the student's own file in a traceback, and the number of its line."""
    code, found = code_of(function), None
    while trace is not None and code is not None:
        if trace.tb_frame.f_code.co_filename == code.co_filename:
            found = trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next
    return found


def _text_of(frame: tuple[FrameType, int]) -> str:
    return linecache.getline(frame[0].f_code.co_filename, frame[1]).strip()


def _line_of(frame: tuple[FrameType, int] | None) -> str:
    """Return " (line N: code)" for a frame of the student's file."""
    return "" if frame is None else f" (line {frame[1]}: {_text_of(frame)})"


def line_of_frame(function: Callable[..., Any], frame: FrameType | None) -> str:
    """Return where in the student's file a running frame is."""
    code = code_of(function)
    while frame is not None and code is not None:
        if frame.f_code.co_filename == code.co_filename:
            line = linecache.getline(code.co_filename, frame.f_lineno).strip()
            return f" It was at line {frame.f_lineno}: {line}"
        frame = frame.f_back
    return ""


def a_noun(noun: str) -> str:
    """Return the noun with its article."""
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
