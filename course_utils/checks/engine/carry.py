"""What a right answer needs beyond being right, so that the notebook gets to its end with it."""

from __future__ import annotations

import functools
import inspect
import re
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.checks.engine.generic import double_by_default, equal, result_of
from course_utils.checks.engine.student import Call, Student, numbers_in

DOUBLE = 1e-10  # relative error that a result of float64 arguments stays below
PIXELS = 512**2  # the images of the notebooks
PATIENCE = 1.5  # seconds that a call may take on such an image
SLOWER = 30.0  # ... and how many times longer than the course's function
COUNTS = ("n", "n_iterations", "n_steps", "steps", "iterations")


def remark_on(student: Student) -> str:
    """Return why the notebook goes on with the course's function though the answer is right, or an empty string."""
    calls = [call for call in student.calls if numbers_in(call.result)]
    for remark in (_precision, _zero, _time):
        if calls and (text := remark(student, calls)):
            return text
    return ""


def carried(student: Student) -> Callable[..., Any]:
    """Return the student's function; where its results are of another kind than the course's, they are made alike.

    A result that still requires a gradient is detached, a tensor of one number in a list of losses becomes a number.
    """
    for call in student.calls:
        sample = result_of(student.reference, call.args)
        if sample is not None and _kinds(call.result) != _kinds(sample):
            return _alike(student.function, sample)
    return student.function


def _alike(function: Callable[..., Any], sample: Any) -> Callable[..., Any]:
    @functools.wraps(function)
    def alike(*args: Any, **options: Any) -> Any:
        networks = [x for x in (*args, *options.values()) if isinstance(x, torch.nn.Module)]
        inputs = [*numbers_in([args, options]), *(weight for network in networks for weight in network.parameters())]
        differentiated = any(isinstance(x, Tensor) and x.requires_grad for x in inputs)
        return _like(function(*args, **options), sample, differentiated)

    return alike


def _kinds(value: Any) -> Any:
    """Return what kind of result this is: numbers, tensors with or without a graph, and what holds them."""
    if isinstance(value, Tensor):
        return "graph" if value.requires_grad else "tensor"
    if isinstance(value, (list, tuple)):
        return [type(value), *(_kinds(item) for item in value)]
    if isinstance(value, dict):
        return {key: _kinds(item) for key, item in value.items()}
    return "number"


def _like(value: Any, sample: Any, differentiated: bool) -> Any:
    """Return ``value`` as the kind of result that ``sample`` is."""
    if isinstance(sample, Tensor):
        value = torch.as_tensor(value, dtype=None if isinstance(value, Tensor) else sample.dtype)
        return value if differentiated or sample.requires_grad else value.detach()
    if isinstance(sample, (list, tuple)) and isinstance(value, (list, tuple)) and sample:
        samples = sample if len(sample) == len(value) else [sample[0]] * len(value)
        parts = [_like(v, s, differentiated) for v, s in zip(value, samples, strict=True)]
        return type(sample)(*parts) if hasattr(sample, "_fields") else type(sample)(parts)  # a named tuple takes each
    if isinstance(sample, dict) and isinstance(value, dict):
        return {key: _like(v, sample.get(key), differentiated) for key, v in value.items()}
    return value.detach().item() if isinstance(value, Tensor) and value.numel() == 1 else value


# --- precision -------------------------------------------------------------------------------------------------------


def _precision(student: Student, calls: list[Call]) -> str:
    """Say where single precision comes from when float64 arguments do not give a float64 result."""
    for call in [*calls[:2], calls[-1]]:
        if not any(isinstance(x, Tensor) and x.dtype == torch.float64 for x in numbers_in(call.args)):
            continue
        right = result_of(student.reference, call.args)
        pairs = list(zip(numbers_in(call.result), numbers_in(right), strict=False))
        if any(_is_single(x) and not _is_single(y) for x, y in pairs) or _rounded(student, call, right):
            text = "The values are right, but in single precision, about seven digits, where the notebook needs double"
            return f"{text}: {single_in(student.function)}"
    return ""


def _rounded(student: Student, call: Call, right: Any) -> bool:
    """Say whether a float64 result went through float32 on its way."""
    if right is None or equal(call.result, right, DOUBLE) or not equal(call.result, right, 1e-4):
        return False
    with double_by_default():
        precise = result_of(student.function, call.args)
    return equal(precise, right, DOUBLE) or _CASTS.search(_source(student.function)) is not None


_CASTS = re.compile(r"\.float\(\)|float32|complex64|\.half\(\)|float16")
_CREATORS = re.compile(r"torch\.(zeros|ones|empty|full|arange|linspace|eye|tensor|rand|randn)\((?!.*dtype)")


def single_in(function: Callable[..., Any]) -> str:
    """Return where single precision comes from, as far as the source of the function shows it."""
    lines = [line for line in _source(function).splitlines() if not line.lstrip().startswith("def ")]
    for line in lines:
        if found := _CASTS.search(line):
            return f"look at {found.group()} in this line: {line.strip()}"
    for line in lines:
        if found := _CREATORS.search(line):
            return f"torch.{found[1]} is float32 ({line.strip()}): take torch.zeros_like and its kin, or say dtype=u.dtype."
    return "torch.zeros, ones, arange and their kin are float32: take torch.zeros_like, or say dtype=u.dtype."


def _source(function: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""


def _is_single(value: Tensor | float) -> bool:
    return isinstance(value, Tensor) and value.dtype in (torch.float32, torch.float16, torch.bfloat16)


# --- no iteration, and a large image ---------------------------------------------------------------------------------


def _zero(student: Student, calls: list[Call]) -> str:
    """Say that the function fails without any iteration, which the notebook asks for to show the start."""
    names = list(inspect.signature(student.reference).parameters) if student.reference else []
    call = calls[-1]
    for position, name in enumerate(names[: len(call.args)]):
        if name in COUNTS and type(call.args[position]) is int:
            args = (*call.args[:position], 0, *call.args[position + 1 :])
            if result_of(student.reference, args) is not None and result_of(student.function, args) is None:
                return f"With {name} = 0 it fails, since a loop that never runs defines no variable: set them before the loop."
    return ""


def _time(student: Student, calls: list[Call]) -> str:
    """Say that a call would take seconds on the notebook's images: the first argument is enlarged step by step."""
    call = min(calls[:12], key=lambda c: sum(x.numel() for x in numbers_in(c.args) if isinstance(x, Tensor)))
    x = call.args[0] if call.args else None
    if not isinstance(x, Tensor) or x.ndim < 2 or not x.is_floating_point():
        return ""
    course = own = 0.0
    while x.shape[-1] * x.shape[-2] < 2000:
        x = x.detach().repeat(*([1] * (x.ndim - 2)), 2, 2)
        args = (x, *call.args[1:])
        course, own = _seconds(student.reference, args), _seconds(student.function, args)
        if not 0 < course < 0.3 or own == 0:  # a failure, or too long to look further
            return ""
        if own > 0.3:
            break
    pixels = x.shape[-1] * x.shape[-2]
    expected = own * PIXELS / pixels
    if course and expected > PATIENCE and own > SLOWER * course and own > 0.02:
        text = f"The values are right, but one call on an image of 512 × 512 would take about {expected:.0f} s"
        return f"{text}, {own / course:.0f} times longer than needed: work on whole arrays, without a loop over pixels or a matrix of all pairs of pixels."
    return ""


def _seconds(function: Callable[..., Any] | None, args: tuple[Any, ...]) -> float:
    """Return the processor time of one call, or 0 when it fails."""
    start = time.thread_time()
    return 0.0 if result_of(function, args) is None else max(time.thread_time() - start, 1e-5)
