"""When two results are equal, and what a wrong one can be in any exercise: its sign, a factor, a shift, a cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

import torch
from torch import Tensor

from course_utils.checks.engine.verdict import Mistake

Known = tuple[str, Tensor | float, str]
Part = tuple[Any, Sequence[tuple[str, Any, str]]]  # what is right, and what else students put in its place
LARGEST = 1024  # shifts are tried all for images of at most that many pixels, else up to two pixels


def relative_error(answer: Tensor | float, expected: Tensor | float) -> float:
    """Return ‖answer − expected‖ / ‖expected‖ (‖answer‖ when the expected value is 0)."""
    a, b = torch.as_tensor(answer).double(), torch.as_tensor(expected).double()
    norm = torch.linalg.vector_norm(b).item()
    return torch.linalg.vector_norm(a - b).item() / (norm if norm > 0 else 1.0)


def tolerance(answer: Tensor | float) -> float:
    """Return the relative tolerance that the precision of ``answer`` deserves: a float32 answer can be right."""
    single = isinstance(answer, Tensor) and answer.dtype in (torch.float32, torch.float16, torch.bfloat16)
    return 1e-3 if single else 1e-6


def is_close(answer: Tensor | float, expected: Tensor | float, rtol: float | None = None) -> bool:
    """Say whether ``answer`` equals ``expected`` within ``rtol`` (by default what its precision deserves)."""
    if isinstance(answer, Tensor) and isinstance(expected, Tensor) and answer.shape != expected.shape:
        return False
    return relative_error(answer, expected) <= (tolerance(answer) if rtol is None else rtol)


def recognise(answer: Tensor | float, *known: Known, rtol: float | None = None) -> None:
    """Raise the ``Mistake`` of the first known wrong answer ``(cause, value, message)`` that ``answer`` equals."""
    for cause, value, message in known:
        if is_close(answer, value, rtol):
            raise Mistake.certain(cause, message)


def recognise_parts(
    answer: Tensor | float, formula: Callable[..., Tensor], parts: Mapping[str, Part], rtol: float | None = None
) -> None:
    """Raise the ``Mistake`` of the one wrong part, or the two, with which ``formula(**parts)`` equals ``answer``.

    Parameters
    ----------
    answer : what the student's function returned.
    formula : makes the result from its parts, given by name.
    parts : name -> (right value, [(cause, wrong value, message), ...]).
    """
    right = {name: value for name, (value, _) in parts.items()}
    if is_close(answer, formula(**right), rtol):
        return
    for number in (1, 2):
        for names in combinations(parts, number):
            for slips in product(*(parts[name][1] for name in names)):
                chosen = {name: value for name, (_, value, _) in zip(names, slips, strict=True)}
                if is_close(answer, formula(**(right | chosen)), rtol):
                    raise Mistake.certain(slips[0][0], " ".join(message for *_, message in slips))


# --- what can be wrong in any exercise -------------------------------------------------------------------------------


def generic_mistake(answer: Tensor | float, expected: Tensor | float, inputs: Sequence[Tensor] = ()) -> Mistake | None:
    """Return the mistake that ``answer`` shows by itself beside the ``expected`` one, or None when none is certain.

    Parameters
    ----------
    answer, expected : what the student's function returns and what is right, of the same shape.
    inputs : the tensors that the function was called with.
    """
    a, b = (torch.as_tensor(value).detach() for value in (answer, expected))
    if a.shape != b.shape or a.is_complex() or b.is_complex() or b.numel() == 0 or a.dtype == torch.bool:
        return None
    rtol = tolerance(answer)
    a, b = a.double(), b.double()
    if is_close(a, b, rtol) or not torch.isfinite(a).all():
        return None
    found = _scalar_mistakes(a, b, inputs) if b.numel() <= 2 else _tensor_mistakes(a, b, inputs, rtol)
    certain = list({mistake.message: mistake for mistake in found}.values())
    return certain[0] if certain and (b.numel() > 2 or len(certain) == 1) else None


def _scalar_mistakes(a: Tensor, b: Tensor, inputs: Sequence[Tensor]) -> list[Mistake]:
    """Return everything that explains one or two numbers: more than one explanation is no explanation."""
    rtol = 1e-9 if a.dtype == torch.float64 else 1e-6
    known: list[Known] = [
        ("sign", -b, "The result has the wrong sign."),
        ("normalisation", 2 * b, "The result is twice the right one."),
        ("normalisation", b / 2, "The result is half the right one."),
    ]
    if (b > 0).all():
        known += [
            ("square-root", b.square(), "The result is the square of the right one: a root is missing, or a square too much."),
            ("square-root", b.sqrt(), "The result is the root of the right one: a square is missing, or a root too much."),
        ]  # fmt: skip
    numbers = {x.numel() for x in inputs if x.numel() > 2}
    known += [
        ("normalisation", n * b, f"The result is {n} times the right one: a sum in place of a mean.") for n in numbers
    ]
    known += [
        ("normalisation", b / n, f"The result is the right one over {n}: a mean in place of a sum.") for n in numbers
    ]
    if not b.abs().min() > 0 or torch.equal(b, b.round()):  # small integers are equal by chance
        return []
    return [Mistake(cause, text) for cause, value, text in known if is_close(a, value, rtol * 1e3)]


def _tensor_mistakes(a: Tensor, b: Tensor, inputs: Sequence[Tensor], rtol: float) -> Iterator[Mistake]:
    """Yield what explains a tensor of three numbers or more, the likeliest first."""
    for x in inputs:
        if x.shape == a.shape and is_close(a, x.detach().double(), rtol) and a.abs().max() > 0:
            yield Mistake("identity", "The function returns its input unchanged.")
    if not a.any():
        yield Mistake("constant", "The result is 0 everywhere.")
        return
    for cause, value, text in _pointwise(b):
        if is_close(a, value, rtol):
            yield Mistake(cause, text)
    if factor := _factor(a, b, rtol):
        text = f"The result is right up to a factor{_of_what(factor, inputs)}."
        yield Mistake("normalisation", text, {"your result / the right one": factor})
    yield from _moved(a, b, rtol)
    offset = (a - b).mean()
    if b.numel() >= 6 and is_close(a - offset, b, rtol) and not is_close(b, b.mean().expand(b.shape), 1e-3):
        text = "The result is right up to an added constant."
        yield Mistake("mean", text, {"your result − the right one": offset})
    yield from _wrong_at_the_border(a, b, rtol)


def _pointwise(b: Tensor) -> Iterator[Known]:
    """Yield the right values with another sign, their moduli, squares and roots, and cut."""
    yield "sign", -b, "The result has the wrong sign: it is the opposite of the right one."
    if (b < 0).any():
        yield (
            "complex",
            b.abs(),
            "This is the modulus of the right result: where abs() stands, take the real part, or keep the sign.",
        )
        if (b > 0).any():
            yield "clipping", b.clamp(min=0), "The negative values are cut to 0: they are part of the result."
    for low, high in ((0, 1), (-1, 1), (0, 255)):
        if b.min() < low or b.max() > high:
            cut = b.clamp(low, high)
            if cut.unique().numel() > 2:
                yield (
                    "clipping",
                    cut,
                    f"The result is clipped to [{low}, {high}]: values outside are part of it. Clip only to show an image.",
                )
    if (b > 0).all():
        yield (
            "square-root",
            b.square(),
            "These are the squares of the right values: a root is missing, or a square too much.",
        )
        yield (
            "square-root",
            b.sqrt(),
            "These are the roots of the right values: a square is missing, or a root too much.",
        )


def _factor(a: Tensor, b: Tensor, rtol: float) -> float | None:
    """Return c when a = c b, with c ≠ 0."""
    norm = (b * b).sum().item()
    factor = (a * b).sum().item() / norm if norm > 0 else 0.0
    return factor if math.isfinite(factor) and abs(factor) > 1e-12 and is_close(a, factor * b, rtol) else None


def _of_what(factor: float, inputs: Sequence[Tensor]) -> str:
    """Return where a factor can come from: the number of entries, or a side, of an argument, or two."""
    for x in inputs:
        sizes = {x.numel(): "the number of its entries", math.prod(x.shape[-2:]): "the number of its pixels"}
        sizes |= {n: "one of its sides" for n in x.shape if n not in sizes}
        for n, what in sizes.items():
            for power in (1, 2):
                for value, verb in ((n**power, "multiplied"), (1 / n**power, "divided")):
                    if n > 2 and math.isclose(factor, value, rel_tol=1e-4):
                        twice = " twice" if power == 2 else ""
                        return f": it is {verb} by {n}{twice}, {what} for an input of shape {tuple(x.shape)}"
    for value, text in ((2.0, "it is twice too large"), (0.5, "it is half of what it should be")):
        if math.isclose(factor, value, rel_tol=1e-4):
            return f": {text}"
    return ""


def _moved(a: Tensor, b: Tensor, rtol: float) -> Iterator[Mistake]:
    """Yield what displaces the right values: a translation, a flip, exchanged axes or channels."""
    if b.ndim == 0 or is_close(b, b.mean().expand(b.shape), 1e-3):
        return
    if b.ndim >= 2 and b.shape[-1] == b.shape[-2] and is_close(a, b.mT, rtol):
        yield Mistake("axis", "The result is the transpose of the right one: its two last axes are exchanged.")
    for shift in _shifts(b):
        if is_close(a, b.roll(shift, tuple(range(-len(shift), 0))), rtol):
            where = "moved by (rows, columns)" if len(shift) == 2 else "moved by"
            text = f"The result is right but {where} = {shift}, periodically: something is centred at another pixel."
            yield Mistake("centering", text, {where: list(shift)})
            return
    for axis in range(max(-b.ndim, -3), 0):
        if is_close(a, b.flip(axis), rtol):
            yield Mistake("axis", f"The result is the right one reversed along its axis {axis + b.ndim}.")
    if b.ndim >= 2 and is_close(a, b.flip(-1, -2), rtol):
        yield Mistake(
            "conjugate",
            "The result is the right one turned by 180°: x became −x. Is a conjugate missing, or a flip too much?",
        )


def _shifts(b: Tensor) -> Iterator[tuple[int, ...]]:
    """Yield all translations of a small image or vector, shortest first, and those up to two pixels of a large one."""
    sides = b.shape[-2:]
    reach = [range(-(n // 2), (n + 1) // 2) if math.prod(sides) <= LARGEST else range(-2, 3) for n in sides]
    shifts = [(i,) for i in reach[0]] if len(reach) == 1 else [(i, j) for i in reach[0] for j in reach[1]]
    return iter(sorted((s for s in shifts if any(s)), key=lambda s: sum(map(abs, s))))


def _wrong_at_the_border(a: Tensor, b: Tensor, rtol: float) -> Iterator[Mistake]:
    """Yield the mistake of values that differ in the first or last rows and columns only."""
    if b.ndim < 2 or min(b.shape[-2:]) < 5:
        return
    inside = (..., slice(1, -1), slice(1, -1))
    if a[inside].any() and is_close(a[inside], b[inside], rtol):
        wrong = (a - b).abs().flatten(0, -3).sum(0) if b.ndim > 2 else (a - b).abs()
        text = "The values are right inside, wrong in the first or last rows and columns: what does the function do at the border?"
        yield Mistake("boundary", text, {}, {"where it is wrong": wrong})
