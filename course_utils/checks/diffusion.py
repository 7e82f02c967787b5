"""Checks of lesson 16: the forward process, the steps back, two exact scores, the loss of a network, guidance."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from course_utils import diffusion
from course_utils.checks.engine import (
    Mistake,
    Student,
    exercise,
    expect,
    expect_close,
    is_close,
    random_image,
    recognise,
    recognise_generic,
    recognise_parts,
    tolerance,
)

Known = tuple[str, Any, str]
Part = tuple[Any, Sequence[Known]]

# --- what these checks share -----------------------------------------------------------------------------------------


def _alpha(t: float | Tensor) -> Tensor:
    return diffusion.alpha_bar(t)


def _weights_of(answer: Tensor, parts: Mapping[str, Tensor]) -> Tensor | None:
    """Return the weights w with answer = Σ w_k part_k, or None when it is no such sum."""
    columns = torch.stack([part.double().flatten() for part in parts.values()], dim=1)
    target = answer.double().flatten()
    weights = torch.linalg.lstsq(columns, target[:, None]).solution[:, 0]
    return weights if is_close(columns @ weights, target, 3 * tolerance(answer)) else None


def _expect_sum(
    student: Student,
    answer: Tensor,
    parts: Mapping[str, Tensor],
    right: Tensor,
    known: Iterable[Known],
    slips: Mapping[str, Part],
    message: str,
) -> None:
    """Raise unless ``answer`` is the sum of the parts with the right weights, and say which weights it has.

    ``known`` holds whole wrong sums, ``slips`` for each part its weight and what students write in its place.
    """
    expected = torch.stack([w * part for w, part in zip(right, parts.values(), strict=True)]).sum(0)
    if is_close(answer, expected):
        return
    weights = _weights_of(answer, parts)
    if weights is None:
        expect_close(answer, expected, "value", message)
        return
    rtol = 10 * tolerance(answer)
    recognise(weights, *known, rtol=rtol)
    if slips:
        recognise_parts(weights, lambda **chosen: torch.stack([torch.as_tensor(w).double() for w in chosen.values()]), slips, rtol)
    recognise_generic(student, answer, expected)
    shown = {f"your weight of {name}": w.item() for name, w in zip(parts, weights, strict=True)}
    shown |= {f"right weight of {name}": w.item() for name, w in zip(parts, right, strict=True)}
    raise Mistake("weight", message, shown)


_ONE_EACH = "t may hold one time for each image, of shape (n,): per_image(alpha_bar(t), x) gives ᾱ the shape in which it multiplies images."


def _for_each_image(student: Student, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Call with a time for each image; an answer for one time only is told what is missing."""
    try:
        return student.tensor(x, t, noise, shape=x.shape)
    except Mistake as mistake:
        if mistake.cause in ("exception", "shape", "type"):
            raise Mistake("shape", f"With one number t the result is right. {_ONE_EACH} {mistake.message}", mistake.details) from mistake
        raise


def _expect_each_image(student: Student, formula: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Examine a function of (x, t, noise) with a time for each image, where ᾱ must not run along another axis."""
    for seed, shape in enumerate(((3, 1, 5, 4), (4, 2, 4, 4), (5, 1), (6, 6), (1, 2, 3))):
        x, noise = random_image(shape, 40 + seed), random_image(shape, 50 + seed)
        t = torch.linspace(0.15, 0.8, shape[0], dtype=torch.float64)
        a = _alpha(t).reshape(-1, *[1] * (len(shape) - 1))
        answer, expected = _for_each_image(student, x, t, noise), formula(x, a, noise)
        known: list[Known] = [
            ("truncation", formula(x, a[0], noise), f"All images are taken at the first time, t[0]. {_ONE_EACH}"),
            ("mean", formula(x, a.mean(), noise), f"You average ᾱ over the batch. {_ONE_EACH}"),
            ("mean", formula(x, _alpha(t.mean().item()), noise), f"You average t over the batch. {_ONE_EACH}"),
        ]
        if shape[-1] == shape[0]:
            columns = f"ᾱ(t) runs along the last axis: each column has its time, not each image. {_ONE_EACH}"
            known.append(("axis", formula(x, _alpha(t), noise), columns))
        if not is_close(answer, expected):
            recognise(answer, *known)
        expect_close(answer, expected, "axis", f"With one number t the result is right, with a time for each image it is not. {_ONE_EACH}")


MANY = 4000  # points of one number: a loop over them shows in the time


def _remark_on_loops(student: Student, *args: Any) -> None:
    """Say that a function works image by image, where the notebook has 20,000 points."""
    start = time.thread_time()
    student(*args)
    if time.thread_time() - start > 0.05:
        student.remark = "The values are right, but each image by itself, in a loop: the notebook has 20,000 points and 200 steps. per_image(alpha_bar(t), x) multiplies all images at once."


class _Largest(TorchFunctionMode):
    """While active, remembers the number of entries of the largest result of a torch operation."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for part in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(part, Tensor):
                self.numel = max(self.numel, part.numel())
        return result


# --- the schedule ----------------------------------------------------------------------------------------------------


@exercise(
    diffusion.alpha_bar,
    hints=(
        "ᾱ goes from 1, the image alone, to 0, noise alone. A quarter of a turn of the cosine does that, squared so that ᾱ is a share of the variance.",
        "ᾱ(t) = cos²(πt/2). torch.cos takes a tensor; torch.as_tensor makes one of a number.",
        "t = torch.as_tensor(t, dtype=t.dtype if isinstance(t, torch.Tensor) else torch.float64)",
    ),
)
def alpha_bar(student: Student) -> str:
    """Compare for tensors of several shapes, then for a number."""
    for t in (torch.linspace(0, 1, 9, dtype=torch.float64), torch.linspace(0.03, 0.98, 6, dtype=torch.float64).reshape(2, 3)):
        answer = _alpha_of(student, t)
        recognise(answer, *_wrong_alphas(t))
        expect_close(answer, _alpha(t), "value", "The result is not cos²(πt/2).")
    _examine_a_number(student)
    return "cos²(πt/2), from 1 at t = 0 to 0 at t = 1, for tensors and for numbers"


def _alpha_of(student: Student, t: Tensor) -> Tensor:
    try:
        return student.tensor(t, shape=t.shape)
    except Mistake as mistake:
        if mistake.cause in ("exception", "type") and any(word in mistake.message for word in ("scalar", "only one element", "must be real", "only length-1")):
            text = "t may be a tensor of many times, and math.cos takes one number: torch.cos takes all of them."
            raise Mistake("type", f"{text} {mistake.message}", mistake.details) from mistake
        raise


def _wrong_alphas(t: Tensor) -> list[Known]:
    angle = math.pi / 2 * t
    offset = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    return [
        ("square-root", angle.cos(), "The square is missing: this is √ᾱ, what multiplies the image."),
        ("square-root", angle.cos() ** 4, "The cosine is squared once, not twice."),
        ("order", angle.sin() ** 2, "The result goes from 0 to 1: this is 1 − ᾱ, the share of the noise. At t = 0 there is the image, ᾱ(0) = 1."),
        ("order", angle.sin(), "This is √(1 − ᾱ), what multiplies the noise. ᾱ(0) = 1: take the cosine, and its square."),
        ("value", 1 - t, "This is a straight line. The schedule is cos²(πt/2)."),
        ("value", t, "You return the time. The schedule is cos²(πt/2)."),
        ("value", 1 - t**2, "This is a parabola. The schedule is cos²(πt/2)."),
        ("value", torch.exp(-t), "This is an exponential. The schedule is cos²(πt/2)."),
        ("weight", (2 * angle).cos() ** 2, "The angle is πt, twice too large: at t = 1 nothing of the image must be left. It is πt/2."),
        ("weight", (2 * angle).cos(), "This is cos(πt), which goes to −1. The schedule is cos²(πt/2), or (1 + cos(πt))/2."),
        ("weight", (t / 2).cos() ** 2, "π is missing in the angle: it is πt/2."),
        ("weight", t.cos() ** 2, "π/2 is missing in the angle: it goes from 0 to a quarter of a turn."),
        ("weight", (90 * t).cos() ** 2, "torch.cos takes radians: a quarter of a turn is π/2, not 90."),
        ("square-root", (angle**2).cos(), "The angle is squared. The cosine must be: cos²(πt/2)."),
        ("value", offset, "This is the schedule of the paper, with its offset 0.008. Here it has none: cos²(πt/2)."),
        ("value", offset / math.cos(0.008 / 1.008 * math.pi / 2) ** 2, "This is the schedule of the paper, with its offset 0.008. Here it has none: cos²(πt/2)."),
    ]  # fmt: skip


def _examine_a_number(student: Student) -> None:
    """Compare for a number; an answer that takes tensors only passes, and the notebook goes on with the course's."""
    text = "Right for tensors, but the notebook also asks for ᾱ of a number, in double precision: begin with t = torch.as_tensor(t, dtype=torch.float64)."
    try:
        result = student(0.3)
    except Mistake as mistake:
        if mistake.cause not in ("exception", "type"):
            raise
        student.remark = text
        return
    answer = torch.as_tensor(result, dtype=torch.float64 if isinstance(result, float) else None)
    if answer.numel() != 1:
        raise Mistake("shape", "Of one number t the result must be one number.", {"your shape": tuple(answer.shape)})
    expect_close(answer.reshape(()), _alpha(0.3), "value", "Of a tensor the result is right, of the number 0.3 it is not cos²(0.15 π).")
    if answer.ndim or answer.dtype == torch.float32:
        student.remark = text


# --- there and back --------------------------------------------------------------------------------------------------

TIMES = (0.3, 0.62)  # at which ᾱ, its root and those of 1 − ᾱ all differ


@exercise(
    diffusion.diffuse,
    hints=(
        "A little of the image and a little of the noise, with weights whose squares add up to 1: the variance stays.",
        "x_t = √ᾱ x_0 + √(1 − ᾱ) ε. When t has one time an image, ᾱ must have the shape (n, 1, …, 1).",
        "a = per_image(alpha_bar(t), x0)",
    ),
)
def diffuse(student: Student) -> str:
    """Find the weights of image and noise in the result, first with one time, then with one for each image."""
    for seed, (t, shape) in enumerate(zip(TIMES, ((2, 1, 5, 4), (4, 3)), strict=True)):
        x0, noise, a = random_image(shape, seed), 1.5 * random_image(shape, 10 + seed), _alpha(t)
        p, q = a.sqrt(), (1 - a).sqrt()
        answer = student.tensor(x0, t, noise, shape=shape)
        known: list[Known] = [
            ("order", torch.stack([q, p]), "The weights are exchanged: √ᾱ multiplies the image, √(1 − ᾱ) the noise."),
            ("order", torch.stack([1 - a, a]), "The weights are exchanged, and have no roots: √ᾱ multiplies the image, √(1 − ᾱ) the noise."),
            ("square-root", torch.stack([a, 1 - a]), "The roots are missing: ᾱ is a share of the variance, so √ᾱ and √(1 − ᾱ) multiply image and noise."),
            ("square-root", torch.stack([a, (1 - a * a).sqrt()]), "You take ᾱ for √ᾱ: the image is multiplied by √ᾱ, the noise by √(1 − ᾱ)."),
            ("square-root", torch.stack([a * a, (1 - a * a).sqrt()]), "ᾱ is squared: it is a share of the variance already. √ᾱ x_0 + √(1 − ᾱ) ε."),
            ("weight", torch.stack([p * 0 + 1, q / p]), "This is x_t / √ᾱ: the image must fade, √ᾱ x_0 + √(1 − ᾱ) ε."),
            ("value", torch.tensor([(1 - t) ** 0.5, t**0.5], dtype=torch.float64), "1 − t stands where ᾱ(t) belongs: call alpha_bar."),
            ("value", torch.tensor([1 - t, t], dtype=torch.float64), "1 − t and t are the weights. They are √ᾱ(t) and √(1 − ᾱ(t)): call alpha_bar."),
        ]  # fmt: skip
        slips: dict[str, Part] = {
            "image": (p, [
                ("square-root", a, "The image is multiplied by ᾱ: take the root, √ᾱ."),
                ("weight", 1.0, "The image is not multiplied: by √ᾱ, or it never disappears."),
                ("weight", 0.0, "The image is missing: √ᾱ x_0."),
                ("order", q, "The image is multiplied by √(1 − ᾱ): that belongs to the noise."),
            ]),
            "noise": (q, [
                ("square-root", 1 - a, "The noise is multiplied by 1 − ᾱ: take the root, √(1 − ᾱ)."),
                ("square-root", 1 - p, "The noise is multiplied by 1 − √ᾱ. It is √(1 − ᾱ): the squares of the weights add up to 1."),
                ("weight", p, "The noise is multiplied by √ᾱ, as the image is: its weight is √(1 − ᾱ)."),
                ("sign", -q, "The noise is subtracted: it is added."),
                ("weight", 1.0, "The noise is not multiplied: by √(1 − ᾱ), or at t = 0 there is noise already."),
                ("weight", 0.0, "The noise is missing: √(1 − ᾱ) ε."),
            ]),
        }  # fmt: skip
        if not is_close(answer, p * x0 + q * noise):
            recognise(answer, ("mean", p * (2 * x0 - 1) + q * noise, "You map x_0 to 2 x_0 − 1: it is in [−1, 1] already."))
        _expect_sum(student, answer, {"x_0": x0, "ε": noise}, torch.stack([p, q]), known, slips, "The result is not √ᾱ x_0 + √(1 − ᾱ) ε.")
    _expect_each_image(student, lambda x, a, noise: a.sqrt() * x + (1 - a).sqrt() * noise)
    _remark_on_loops(student, random_image((MANY, 1)), 0.3, random_image((MANY, 1), 1))
    return "√ᾱ x_0 + √(1 − ᾱ) ε, for one time and for one time an image, of any shape"


@exercise(
    diffusion.denoised,
    hints=(
        "Solve x_t = √ᾱ x_0 + √(1 − ᾱ) ε for x_0.",
        "x̂_0 = (x_t − √(1 − ᾱ) ε̂) / √ᾱ: the whole difference is divided.",
        "a = per_image(alpha_bar(t), x)",
    ),
)
def denoised(student: Student) -> str:
    """Find the weights of x_t and ε̂ in the result, first with one time, then with one for each image."""
    for seed, (t, shape) in enumerate(zip(TIMES, ((2, 1, 5, 4), (4, 3)), strict=True)):
        x, noise, a = random_image(shape, seed), 1.5 * random_image(shape, 10 + seed), _alpha(t)
        p, q, one = a.sqrt(), (1 - a).sqrt(), torch.ones((), dtype=torch.float64)
        answer = student.tensor(x, t, noise, shape=shape)

        def pair(of_x: Tensor, of_noise: Tensor) -> Tensor:
            return torch.stack([of_x, of_noise])

        whole = "x̂_0 = (x_t − √(1 − ᾱ) ε̂) / √ᾱ"
        known: list[Known] = [
            ("square-root", pair(1 / a, -q / a), f"You divide by ᾱ: by its root. {whole}."),
            ("square-root", pair(1 / p, -(1 - a) / p), f"The noise is multiplied by 1 − ᾱ: take the root. {whole}."),
            ("square-root", pair(1 / a, -(1 - a) / a), f"The roots are missing. {whole}."),
            ("square-root", pair(1 / p, -(1 - p) / p), f"The noise is multiplied by 1 − √ᾱ: it is √(1 − ᾱ). {whole}."),
            ("normalisation", pair(one, -q), "You subtract the noise, and √ᾱ x_0 is left: divide by √ᾱ."),
            ("normalisation", pair(p, -q * p), "You multiply by √ᾱ: divide by it."),
            ("normalisation", pair(1 / q, -one), f"You divide by √(1 − ᾱ). {whole}."),
            ("order", pair(one, -q / p), f"Only the noise is divided by √ᾱ: parentheses are missing. {whole}."),
            ("order", pair(1 / p, -q), f"Only x_t is divided by √ᾱ: parentheses are missing. {whole}."),
            ("order", pair(1 / q, -p / q), f"√ᾱ and √(1 − ᾱ) are exchanged. {whole}."),
            ("sign", pair(1 / p, q / p), f"The noise is added: it must go away. {whole}."),
            ("sign", pair(-1 / p, q / p), f"The difference is turned round. {whole}."),
            ("weight", pair(1 / p, -1 / p), f"The whole ε̂ is subtracted. x_t holds √(1 − ᾱ) of it: {whole}."),
            ("weight", pair(one, -one), f"x_t is not x_0 + ε. {whole}."),
            ("weight", pair(1 / p, -one), f"x_t holds √(1 − ᾱ) ε, not √ᾱ ε. {whole}."),
            ("weight", pair(1 / p, 0 * q), f"The noise is not subtracted. {whole}."),
            ("weight", pair(1 / p, (1 - a) / p), "This formula takes the score, and you are given an estimate of the noise: the score is −ε̂ / √(1 − ᾱ)."),
            ("value", pair(p, q), "This is diffuse once more: solve it for x_0."),
            ("value", pair(0 * p, q), f"This is the noise in x_t: subtract it, then divide. {whole}."),
            ("value", pair(0 * p, -1 / q), f"This is the score, −ε̂ / √(1 − ᾱ). The estimate of the image is {whole}."),
            *[("epsilon", pair(1 / (p + eps), -q / (p + eps)), "Something is added to the denominator: √ᾱ(t) is not 0 for t < 1, leave it alone.") for eps in (0.1, 0.01, 1e-3, 1e-4, 1e-5)],
        ]  # fmt: skip
        _expect_sum(student, answer, {"x_t": x, "ε̂": noise}, pair(1 / p, -q / p), known, {}, f"The result is not {whole}.")
    _expect_each_image(student, lambda x, a, noise: (x - (1 - a).sqrt() * noise) / a.sqrt())
    _remark_on_loops(student, random_image((MANY, 1)), 0.3, random_image((MANY, 1), 1))
    return "(x_t − √(1 − ᾱ) ε̂) / √ᾱ, for one time and for one time an image, of any shape"


# --- steps of the reverse process ------------------------------------------------------------------------------------

STEPS = ((0.62, 0.41), (0.35, 0.12))


@exercise(
    diffusion.ddim_step,
    hints=(
        "Estimate the image, then put the same noise on it again, as much as there is at the earlier time s.",
        "x̂_0 from denoised at t, then √ᾱ_s x̂_0 + √(1 − ᾱ_s) ε̂: diffuse at s, with the same ε̂.",
        "x0 = denoised(x, t, noise)",
    ),
)
def ddim_step(student: Student) -> str:
    """Find the weights of x_t and ε̂ in the result."""
    for seed, ((t, s), shape) in enumerate(zip(STEPS, ((2, 1, 5, 4), (4, 3)), strict=True)):
        x, noise = random_image(shape, seed), 1.5 * random_image(shape, 10 + seed)
        a, b, X, E = _alpha(t), _alpha(s), torch.tensor([1.0, 0]).double(), torch.tensor([0, 1.0]).double()
        answer = student.tensor(x, t, s, noise, shape=shape)
        whole = "x_s = √ᾱ_s x̂_0 + √(1 − ᾱ_s) ε̂"
        _recognise_clipped(answer, x, noise, a, b, (1 - b).sqrt() * noise)
        _expect_sum(student, answer, {"x_t": x, "ε̂": noise}, _ddim(X, E, a, b), _wrong_ddim(X, E, a, b, t, s), {}, f"The result is not {whole}.")
    _remark_on_loops(student, random_image((MANY, 1)), 0.3, 0.2, random_image((MANY, 1), 1))
    return "√ᾱ_s x̂_0 + √(1 − ᾱ_s) ε̂, x̂_0 estimated at t"


def _estimate(x: Tensor, noise: Tensor, a: Tensor) -> Tensor:
    return (x - (1 - a).sqrt() * noise) / a.sqrt()


def _ddim(x: Tensor, noise: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return b.sqrt() * _estimate(x, noise, a) + (1 - b).sqrt() * noise


def _recognise_clipped(answer: Tensor, x: Tensor, noise: Tensor, a: Tensor, b: Tensor, rest: Tensor) -> None:
    clipped = b.sqrt() * _estimate(x, noise, a).clamp(-1, 1) + rest
    recognise(answer, ("clipping", clipped, "You clip x̂_0 to [−1, 1]. The formula does not: clip outside of it, where a network needs it."))


def _wrong_ddim(X: Tensor, E: Tensor, a: Tensor, b: Tensor, t: float, s: float) -> list[Known]:
    """Return wrong sums, by their weights of x_t and ε̂: X and E are these two."""
    x0, p, q, r = _estimate(X, E, a), b.sqrt(), (1 - b).sqrt(), (1 - a).sqrt()
    whole = "x_s = √ᾱ_s x̂_0 + √(1 − ᾱ_s) ε̂"
    euler = X + (s - t) * math.pi / 2 * (-math.tan(math.pi / 2 * t) * X + E / math.cos(math.pi / 2 * t))
    return [
        ("order", _ddim(X, E, b, a), "t and s are exchanged: x is at time t, the later one, the result at s."),
        ("order", X, f"The noise is put back as at time t, so x_t comes out again: take ᾱ_s. {whole}."),
        ("order", p * x0 + r * E, f"The noise is put back as at time t: √(1 − ᾱ_s). {whole}."),
        ("order", a.sqrt() * x0 + q * E, f"x̂_0 is multiplied by √ᾱ_t: it is √ᾱ_s. {whole}."),
        ("order", p * _estimate(X, E, b) + q * E, "x̂_0 is estimated with ᾱ_s: x is at time t, so ᾱ_t."),
        ("order", p * _estimate(X, E, b) + r * E, "ᾱ_t and ᾱ_s are mixed up: estimate x̂_0 with ᾱ_t, and go on with ᾱ_s."),
        ("order", q * x0 + p * E, f"√ᾱ_s and √(1 − ᾱ_s) are exchanged. {whole}."),
        ("truncation", x0, f"You return the estimate of the image: the noise of time s must be put back. {whole}."),
        ("truncation", p * x0, f"The noise is not put back. {whole}."),
        ("weight", x0 + q * E, f"x̂_0 is not multiplied by √ᾱ_s. {whole}."),
        ("weight", p * x0 + E, f"All of ε̂ is put back: √(1 − ᾱ_s) of it. {whole}."),
        ("square-root", b * x0 + (1 - b) * E, f"The roots are missing. {whole}."),
        ("square-root", p * x0 + (1 - b) * E, f"The root of 1 − ᾱ_s is missing. {whole}."),
        ("square-root", b * x0 + q * E, f"The root of ᾱ_s is missing. {whole}."),
        ("square-root", p * (X - r * E) / a + q * E, "x̂_0 is divided by ᾱ_t: by its root."),
        ("square-root", p * (X - (1 - a) * E) / a.sqrt() + q * E, "In x̂_0 the noise is multiplied by 1 − ᾱ_t: take the root."),
        ("normalisation", p * (X - r * E) + q * E, "x̂_0 is not divided by √ᾱ_t."),
        ("sign", p * (X + r * E) / a.sqrt() + q * E, "In x̂_0 the noise is added: subtract it."),
        ("sign", p * x0 - q * E, f"The noise is put back with the wrong sign. {whole}."),
        ("value", p * X + q * E, "x_t stands where its estimate x̂_0 belongs: call denoised first."),
        ("value", euler, f"This is a step of Euler's method for the differential equation: the step asked for is {whole}."),
    ]  # fmt: skip


@exercise(
    diffusion.ddpm_step,
    hints=(
        "As DDIM, but a part of the noise that is put back is new. The variances of the old and the new part add up to 1 − ᾱ_s.",
        "x_s = √ᾱ_s x̂_0 + √(1 − ᾱ_s − σ²) ε̂ + σ z, with σ² = (1 − ᾱ_s) / (1 − ᾱ_t) · (1 − ᾱ_t / ᾱ_s).",
        "a, b = alpha_bar(t), alpha_bar(s)",
    ),
)
def ddpm_step(student: Student) -> str:
    """Find the weights of x_t, ε̂ and z in the result."""
    for seed, ((t, s), shape) in enumerate(zip(STEPS, ((2, 1, 5, 4), (4, 3)), strict=True)):
        x, noise, z = random_image(shape, seed), 1.5 * random_image(shape, 10 + seed), 0.7 * random_image(shape, 20 + seed)
        a, b, (X, E, Z) = _alpha(t), _alpha(s), torch.eye(3, dtype=torch.float64)
        sigma = _variance(a, b).sqrt()
        answer = _ddpm_answer(student, x, t, s, noise, z)
        _recognise_clipped(answer, x, noise, a, b, (1 - b - sigma**2).sqrt() * noise + sigma * z)
        right = b.sqrt() * _estimate(X, E, a) + (1 - b - sigma**2).sqrt() * E + sigma * Z
        message = "The result is not √ᾱ_s x̂_0 + √(1 − ᾱ_s − σ²) ε̂ + σ z."
        _expect_sum(student, answer, {"x_t": x, "ε̂": noise, "z": z}, right, _wrong_ddpm(X, E, Z, a, b), {}, message)
    points = [random_image((MANY, 1), seed) for seed in range(3)]
    _remark_on_loops(student, points[0], 0.3, 0.2, *points[1:])
    return "√ᾱ_s x̂_0 + √(1 − ᾱ_s − σ²) ε̂ + σ z, with the variance σ² of x_s given x_t and x_0"


def _variance(a: Tensor, b: Tensor) -> Tensor:
    return (1 - b) / (1 - a) * (1 - a / b)


def _ddpm_answer(student: Student, x: Tensor, t: float, s: float, noise: Tensor, z: Tensor) -> Tensor:
    try:
        return student.tensor(x, t, s, noise, z, shape=x.shape)
    except Mistake as mistake:
        if mistake.cause == "not-finite":
            text = "The result is NaN: a root of a negative number. Is it σ² that is subtracted from 1 − ᾱ_s, not σ, and is s the earlier time, ᾱ_s > ᾱ_t?"
            raise Mistake("not-finite", text, mistake.details) from mistake
        raise


def _wrong_ddpm(X: Tensor, E: Tensor, Z: Tensor, a: Tensor, b: Tensor) -> list[Known]:
    """Return wrong sums, by their weights of x_t, ε̂ and z: X, E and Z are these three."""
    x0, v, p, r = _estimate(X, E, a), _variance(a, b), b.sqrt(), (1 - a).sqrt()
    sigma, alpha = v.sqrt(), a / b
    old = (1 - b - v).sqrt() * E
    mean, ddim = p * x0 + old, _ddim(X, E, a, b)
    whole = "x_s = √ᾱ_s x̂_0 + √(1 − ᾱ_s − σ²) ε̂ + σ z"
    square = "σ² = (1 − ᾱ_s) / (1 − ᾱ_t) · (1 − ᾱ_t / ᾱ_s)"
    return [
        ("order", p * _estimate(X, Z, a) + (1 - b - v).sqrt() * Z + sigma * E, "ε̂ and z are exchanged: ε̂ is the noise in x_t, z the new noise, multiplied by σ."),
        ("order", p * x0 + (1 - b - v).sqrt() * Z + sigma * E, "ε̂ and z are exchanged: z is the new noise, multiplied by σ."),
        ("order", mean + sigma * E, "ε̂ stands where z belongs: the new noise is σ z."),
        ("truncation", mean, "The new noise σ z is missing."),
        ("truncation", ddim, "This is the step of DDIM: a part of the noise must be new."),
        ("weight", ddim + sigma * Z, f"All of the old noise is kept, and the new one comes on top: the variance is 1 − ᾱ_s + σ². {whole}."),
        ("truncation", p * x0 + sigma * Z, f"The old noise is missing. {whole}."),
        ("weight", p * x0 + (1 - b).sqrt() * Z, f"All of the noise is new, and x_t counts by its estimate only. {whole}."),
        *[(cause, mean + weight * Z, text) for cause, weight, text in (
            ("square-root", v, "z is multiplied by σ²: by its root."),
            ("square-root", sigma.sqrt(), "z is multiplied by √σ: by σ."),
            ("weight", (1 - alpha).sqrt(), f"z is multiplied by √(1 − ᾱ_t / ᾱ_s), the noise of a step forward. The way back has {square}."),
            ("weight", 1 - alpha, f"z is multiplied by 1 − ᾱ_t / ᾱ_s, the variance of a step forward. The way back has {square}, and its root multiplies z."),
            ("weight", (1 - b).sqrt(), "z is multiplied by √(1 − ᾱ_s), all of the noise at s: by σ."),
            ("weight", 1.0, "z is not multiplied by σ."),
            ("weight", ((1 - b) * (1 - alpha)).sqrt(), f"1 − ᾱ_t is missing in the denominator: {square}."),
            ("order", ((1 - a) / (1 - b) * (1 - alpha)).sqrt(), f"The quotient is upside down: {square}."),
            ("sign", -sigma, "The new noise is subtracted: σ z is added (the law is the same, the formula has a plus)."),
        )],
        *[(cause, p * x0 + weight * E + sigma * Z, text) for cause, weight, text in (
            ("square-root", (1 - b - sigma).clamp(min=0).sqrt(), "σ is subtracted from 1 − ᾱ_s: it is σ², a variance."),
            ("square-root", 1 - b - v, "The old noise is multiplied by 1 − ᾱ_s − σ²: by its root."),
            ("square-root", (1 - b).sqrt() - sigma, "√(1 − ᾱ_s) − σ is no root of a difference: √(1 − ᾱ_s − σ²)."),
            ("sign", -(1 - b - v).sqrt(), "The old noise is subtracted: it is added."),
            ("sign", (1 - b + v).sqrt(), "σ² is added under the root: it is subtracted, so that the variances add up to 1 − ᾱ_s."),
            ("order", (1 - a - v).clamp(min=0).sqrt(), "Under the root stands ᾱ_t: it is √(1 − ᾱ_s − σ²)."),
        )],
        ("square-root", b * x0 + old + sigma * Z, "x̂_0 is multiplied by ᾱ_s: by its root."),
        ("weight", x0 + old + sigma * Z, f"x̂_0 is not multiplied by √ᾱ_s. {whole}."),
        ("truncation", x0 + sigma * Z, f"This is x̂_0 with new noise. {whole}."),
        ("value", p * X + old + sigma * Z, "x_t stands where its estimate x̂_0 belongs: call denoised first."),
        ("order", (X - (1 - alpha) / r * E) / a.sqrt() + sigma * Z, "In the mean of Ho et al. you divide by √ᾱ_t: by √(ᾱ_t / ᾱ_s)."),
        ("square-root", (X - (1 - alpha) / (1 - a) * E) / alpha.sqrt() + sigma * Z, "In the mean of Ho et al. the root of 1 − ᾱ_t is missing."),
    ]  # fmt: skip


# --- exact scores ----------------------------------------------------------------------------------------------------

Model = tuple[Tensor, Tensor, Tensor]


def _toy_model(d: int, r: int, seed: int) -> Model:
    E = torch.linalg.qr(random_image((d, r), seed)).Q
    return 0.5 + random_image((d,), seed + 1), E, torch.tensor([2.5 / 2.2**i for i in range(r)], dtype=torch.float64)


@exercise(
    diffusion.gaussian_score,
    hints=(
        "In a basis that begins with the columns of E the covariance of x_t is diagonal: ᾱλ_i + 1 − ᾱ along e_i, 1 − ᾱ along all the others. Divide each part of x − √ᾱ μ by its variance.",
        "y = x − √ᾱ μ, c = Eᵀy: the score is −E (c / (ᾱλ + 1 − ᾱ)) − (y − E c) / (1 − ᾱ). With points in rows, c = y E and E c is c Eᵀ.",
        "mean, E, eigenvalues = model; y = x - alpha_bar(t).sqrt() * mean",
    ),
)
def gaussian_score(student: Student) -> str:
    """Compare for one point and for several; a d × d matrix is right, and too large for the notebook's faces."""
    for seed, (d, r, batch, t) in enumerate(((9, 2, (), 0.7), (12, 3, (5,), 0.4), (7, 4, (1,), 0.25), (8, 1, (6,), 0.05))):
        model, x = _toy_model(d, r, seed), random_image((*batch, d), 30 + seed)
        answer = _score_of(student, x, t, model)
        expected = diffusion.gaussian_score(x, t, model)
        if not is_close(answer, expected):
            _recognise_score(answer, x, _alpha(t), model)
            message = "The result is not −C⁻¹ (x − √ᾱ μ), with C = ᾱ E Λ Eᵀ + (1 − ᾱ) I the covariance of x_t."
            expect_close(answer, expected, "value", message)
    d = 1200
    with _Largest() as largest:
        student(random_image((2, d), 5), 0.4, _toy_model(d, 2, 6))
    if largest.numel >= d * d:
        student.remark = "The values are right, by a d × d matrix: for a face it would have 10304² entries, 850 MB. In the basis of the eigenvectors the covariance is diagonal."
    return "∇ log p_t(x) of the Gaussian model, in the span of the eigenvectors and outside, for one point and for several"


def _score_of(student: Student, x: Tensor, t: float, model: Model) -> Tensor:
    try:
        result = student(x, t, model)
    except Mistake as mistake:
        if x.ndim == 2 and mistake.cause in ("exception", "shape", "transpose", "axis"):
            text = "For one point (d,) the result is right, for several (n, d) it is not. Points in rows: c = y @ E has a row of coefficients for each, and c @ E.T is E c."
            raise Mistake("shape", f"{text} {mistake.message}", mistake.details) from mistake
        raise
    if isinstance(result, Tensor) and result.shape == x.shape[:-1]:
        text = "You return one number a point, as a density has. The score is a gradient: it has the shape of x."
        raise Mistake("shape", text, {"your shape": tuple(result.shape), "expected shape": tuple(x.shape)})
    return student.as_tensor(result, x.shape)


def _recognise_score(answer: Tensor, x: Tensor, a: Tensor, model: Model) -> None:
    mean, E, lam = model
    q = 1 - a

    def formula(centre: Any, variances: Any, factor: Any) -> Tensor:
        y = x - centre * mean
        c = y @ E
        inside, outside = variances
        return factor * ((c * inside) @ E.T + (y - c @ E.T) * outside)

    right = 1 / (a * lam + q), 1 / q
    square = "C = ᾱ E Λ Eᵀ + (1 − ᾱ) I"
    parts: dict[str, Part] = {
        "centre": (a.sqrt(), [
            ("mean", 1.0, "The mean of x_t is √ᾱ μ, not μ: the image fades, its mean with it."),
            ("mean", 0.0, "The mean is forgotten: x − √ᾱ μ."),
            ("mean", a, "The mean is multiplied by ᾱ: by its root, √ᾱ μ."),
            ("mean", q.sqrt(), "The mean is multiplied by √(1 − ᾱ): by √ᾱ."),
            ("mean", -a.sqrt(), "The mean is added: subtract it, x − √ᾱ μ."),
        ]),
        "variances": (right, [
            ("rank", (right[0], 0.0), "What is outside the span of the eigenvectors is missing: there the variance is 1 − ᾱ, and the score −y / (1 − ᾱ)."),
            ("rank", (0.0, right[1]), "What is in the span of the eigenvectors is missing: there the variances are ᾱλ + 1 − ᾱ."),
            ("weight", (1 / (lam + q), 1 / q), f"λ is not multiplied by ᾱ: {square}."),
            ("weight", (1 / (a * lam + 1), 1.0), f"The noise has the variance 1 − ᾱ, not 1: {square}."),
            ("weight", (1 / (a * lam), 1 / q), "In the span of the eigenvectors there is noise as well: ᾱλ + 1 − ᾱ."),
            ("weight", (1 + 0 * lam, 1.0), f"This is the score of N(√ᾱ μ, I). The covariance of x_t is {square}."),
            ("weight", (1 / q, 1 / q), "The eigenvalues do not count in your result: along e_i the variance is ᾱλ_i + 1 − ᾱ."),
            ("weight", (right[0], 1.0), "What is outside the span of the eigenvectors is not divided by its variance, 1 − ᾱ."),
            ("weight", (right[0], q), "What is outside the span of the eigenvectors is multiplied by 1 − ᾱ: divide by it."),
            ("order", (1 / (q * lam + a), 1 / a), f"ᾱ and 1 − ᾱ are exchanged: {square}."),
            ("square-root", (1 / (a.sqrt() * lam + q.sqrt()), 1 / q.sqrt()), f"√ᾱ multiplies the image, so ᾱ its variance: {square}, without roots."),
            ("square-root", (1 / (a.sqrt() * lam + q), 1 / q), f"√ᾱ multiplies the image, so ᾱ its variance: {square}."),
            ("square-root", (1 / (a * lam + q.sqrt()), 1 / q.sqrt()), f"√(1 − ᾱ) multiplies the noise, so 1 − ᾱ is its variance: {square}."),
            ("square-root", (1 / (a**2 * lam + q), 1 / q), f"ᾱ is squared: {square}."),
            ("square-root", (1 / (a * lam + q**2), 1 / q**2), f"1 − ᾱ is a variance, it is not squared: {square}."),
            ("square-root", (1 / (a * lam.sqrt() + q), 1 / q), "The eigenvalues are variances already: no roots of them."),
            ("square-root", (1 / (a * lam**2 + q), 1 / q), "The eigenvalues are variances already: they are not squared."),
            ("square-root", (right[0].sqrt(), right[1].sqrt()), "You divide by standard deviations: by variances."),
            ("value", (1 / (a * lam) + 1 / q, 1 / q), "You add the inverses. The variances add up, then comes the inverse: 1 / (ᾱλ + 1 − ᾱ)."),
            ("value", (a * lam + q, q), "You multiply by the covariance: by its inverse."),
        ]),
        "factor": (-1.0, [
            ("sign", 1.0, "The sign is wrong: the score points to where the density grows, towards the mean."),
            ("value", q.sqrt(), "This is the estimate of the noise, ε̂ = −√(1 − ᾱ) times the score."),
            ("normalisation", -q.sqrt(), "The result is √(1 − ᾱ) times the score."),
            ("normalisation", -q, "The result is 1 − ᾱ times the score: divide by the variance."),
            ("normalisation", -0.5, "The result is half the score: the gradient of ‖y‖²/2 is y."),
            ("normalisation", -2.0, "The result is twice the score: the log-density has ½ yᵀC⁻¹y."),
            ("normalisation", -a.sqrt(), "The result is √ᾱ times the score: the gradient is with respect to x, that is x_t."),
        ]),
    }  # fmt: skip
    recognise_parts(answer, formula, parts)
    x0 = (x + q * formula(a.sqrt(), right, -1.0)) / a.sqrt()
    recognise(answer, ("value", x0, "This is x̂_0, the mean of x_0 given x_t: the score is asked for."))


@exercise(
    diffusion.empirical_denoiser,
    hints=(
        "Given x_t, each image of the data has a probability: large when √ᾱ times it is near x_t. Average the images with these weights.",
        "w_i ∝ exp(−‖x_t − √ᾱ x_i‖² / (2 (1 − ᾱ))), Σ w_i = 1: torch.softmax of the exponents over the images of the data, then Σ w_i x_i.",
        "y, rows = x.flatten(1), data.flatten(1)",
    ),
)
def empirical_denoiser(student: Student) -> str:
    """Compare where several images of the data count, then where exp underflows."""
    for seed, (t, n, b, shape) in enumerate(((0.75, 6, 4, (1, 5, 4)), (0.85, 3, 5, (2, 3, 3)), (0.65, 5, 1, (1, 4, 4)))):
        data = 0.8 * random_image((n, *shape), seed)
        x = diffusion.diffuse(data[torch.arange(b) % n], t, random_image((b, *shape), 10 + seed))
        answer = _empirical_answer(student, x, t, data)
        expected = diffusion.empirical_denoiser(x, t, data)
        if not is_close(answer, expected):
            recognise(answer, *_wrong_empirical(x, _alpha(t), data))
            expect_close(answer, expected, "value", "The result is not Σ w_i x_i with w_i ∝ exp(−‖x_t − √ᾱ x_i‖² / (2 (1 − ᾱ))).")
    _examine_underflow(student)
    _examine_sizes(student)
    return "Σ w_i x_i, the mean of x_0 given x_t, finite where exp underflows"


def _empirical_answer(student: Student, x: Tensor, t: float, data: Tensor) -> Tensor:
    result = student(x, t, data)
    shape = tuple(result.shape) if isinstance(result, Tensor) else None
    details = {"your shape": shape, "expected shape": tuple(x.shape)}
    if shape == (len(x), len(data)):
        raise Mistake("shape", "You return the weights of the images: average the images with them, Σ w_i x_i.", details)
    if shape == x.flatten(1).shape and x.ndim > 2:
        raise Mistake("shape", "The images are right in number, but still flattened: give them the shape of x.", details)
    return student.as_tensor(result, x.shape)


def _wrong_empirical(x: Tensor, a: Tensor, data: Tensor) -> list[Known]:
    y, rows, q = x.flatten(1), data.flatten(1), 1 - a

    def squares(scale: Any) -> Tensor:
        return (y[:, None] - scale * rows).square().sum(-1)

    def mean(exponents: Tensor, dim: int = 1) -> Tensor:
        return (torch.softmax(exponents, dim=dim) @ rows).reshape(x.shape)

    d, size = squares(a.sqrt()), rows.shape[1]
    e = -d / (2 * q)
    right, w = mean(e), torch.softmax(e, dim=1)
    pixels = torch.softmax(-(x[:, None] - a.sqrt() * data).square() / (2 * q), dim=1)
    formula = "exp(−‖x_t − √ᾱ x_i‖² / (2 (1 − ᾱ)))"
    return [
        ("weight", mean(-squares(1.0) / (2 * q)), f"The images of the data are not multiplied by √ᾱ before they are compared with x_t: {formula}."),
        ("square-root", mean(-squares(a) / (2 * q)), f"The images of the data are multiplied by ᾱ: by its root, {formula}."),
        ("order", mean(-squares(q.sqrt()) / (2 * q)), f"The images of the data are multiplied by √(1 − ᾱ): by √ᾱ, {formula}."),
        ("weight", mean(-d / a / (2 * q)), f"You divide x_t by √ᾱ, and so the variance becomes (1 − ᾱ) / ᾱ: {formula}."),
        ("weight", mean(2 * e), f"The 2 of the exponent is missing: {formula}."),
        ("weight", mean(4 * e), f"You multiply by 2 where you should divide: {formula}."),
        ("order", mean(e * q**2), f"Parentheses are missing: 2 (1 − ᾱ) is all in the denominator, {formula}."),
        ("square-root", mean(e * q.sqrt()), f"You divide by √(1 − ᾱ): by the variance 1 − ᾱ, {formula}."),
        ("square-root", mean(e / q), f"1 − ᾱ is a variance already, it is not squared: {formula}."),
        ("square-root", mean(-d.sqrt() / (2 * q)), f"The distance is not squared: {formula}. torch.cdist and norm return distances."),
        ("square-root", mean(-d.sqrt() / q), f"The distance is not squared: {formula}. torch.cdist and norm return distances."),
        ("weight", mean(-d), f"The exponent is not divided by 2 (1 − ᾱ), twice the variance: {formula}."),
        ("weight", mean(-d / 2), f"The exponent is not divided by the variance 1 − ᾱ: {formula}."),
        ("order", mean(-d / (2 * a)), f"You divide by ᾱ: by the variance of the noise, 1 − ᾱ, {formula}."),
        ("sign", mean(-e), "The sign of the exponent is wrong: the farthest images have the largest weights."),
        ("axis", mean(e, 0), "The softmax is over the batch: for each x_t the weights of the images of the data add up to 1."),
        ("normalisation", mean(e / size), "You take the mean over the pixels: ‖·‖² is the sum of the squares."),
        ("normalisation", (e.exp() @ rows).reshape(x.shape), "The weights do not add up to 1: divide by their sum, or take torch.softmax."),
        ("normalisation", a.sqrt() * right, "The result is √ᾱ times the right one: average the images themselves, without √ᾱ."),
        ("normalisation", right / a.sqrt(), "The result is divided by √ᾱ: average the images, nothing else."),
        ("value", (x - a.sqrt() * right) / q.sqrt(), "This is the estimate of the noise, ε̂: the mean of the images is asked for."),
        ("value", (a.sqrt() * right - x) / q, "This is the score: the mean of the images is asked for."),
        ("value", data[d.argmin(1)], "You return the nearest image. All of them count, each with its weight."),
        ("value", data[squares(1.0).argmin(1)], "You return the nearest image. All of them count, each with its weight."),
        ("constant", data.mean(0).expand_as(x), "You return the mean of the data: x_t says which images are likely."),
        ("truncation", right[:1].expand_as(x), "All results are that of the first x_t: each has its own weights."),
        ("mean", (w.mean(0) @ rows).reshape(x.shape[1:]).expand_as(x), "You average the weights over the batch: each x_t has its own."),
        ("axis", (pixels * data).sum(1), "Each pixel has weights of its own: an image is likely or not as a whole, so the squares are summed over its pixels."),
    ]  # fmt: skip


def _examine_underflow(student: Student) -> None:
    data = random_image((4, 3, 32, 32), 7)
    x = diffusion.diffuse(data[:2], 0.5, random_image((2, 3, 32, 32), 8))
    text = "For images of 32 × 32 the exponents are below −1000, and exp of it is 0 for the computer: 0 / 0. torch.softmax subtracts the largest exponent first."
    try:
        answer = student.tensor(x, 0.5, data, shape=x.shape)
    except Mistake as mistake:
        if mistake.cause == "not-finite":
            raise Mistake("not-finite", text, mistake.details) from mistake
        raise
    expect(bool(answer.any()), "not-finite", text)
    expect_close(answer, diffusion.empirical_denoiser(x, 0.5, data), "value", "For images of 32 × 32 the result is not Σ w_i x_i.")


def _examine_sizes(student: Student) -> None:
    """Say what would stop the notebook: a fixed number of axes, all the differences at once."""
    try:
        points, data = random_image((3, 2), 1), random_image((4, 2), 2)
        answer = student.tensor(points, 0.8, data, shape=points.shape)
        fits = is_close(answer, diffusion.empirical_denoiser(points, 0.8, data))
    except Mistake:
        fits = False
    if not fits:
        student.remark = "Right for images (b, c, H, W). A point of two numbers is an image as well, and x then has the shape (b, 2): flatten(1) makes rows of all of them."
        return
    b, n, d = 6, 40, 300
    with _Largest() as largest:
        student(random_image((b, 1, 15, 20), 1), 0.8, random_image((n, 1, 15, 20), 2))
    if largest.numel >= b * n * d:
        student.remark = "The values are right, by all the differences of pixels at once: for 50 digits and the 4,500 of the data that is nearly 1 GB. torch.cdist, or ‖y‖² − 2⟨y, x⟩ + ‖x‖², needs the distances only."


# --- the loss of a network -------------------------------------------------------------------------------------------


class _Recorder(nn.Module):
    """A denoiser with one weight, which remembers what it was given and what it answered."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.6))
        self.seen: list[tuple[Tensor, Any]] = []
        self.answers: list[Tensor] = []

    def forward(self, x: Tensor, t: Any, words: Tensor | None = None) -> Tensor:
        self.seen.append((x.detach().clone(), t.detach().clone() if isinstance(t, Tensor) else t))
        answer = self.weight * torch.tanh(x.roll(1, -1)) + 0.3 * x
        self.answers.append(answer)
        return answer


IMAGES = (40, 2, 9, 7)  # a batch of the check


@exercise(
    diffusion.noise_loss,
    hints=(
        "Draw a time for each image and noise for each pixel, diffuse, ask the network for the noise, and compare with the noise that you drew.",
        "mean of (ε̂(x_t, t) − ε)², over images and pixels; t uniform in [0.001, 0.999], of shape (n,), ε ~ N(0, I), x_t = diffuse(x_0, t, ε).",
        "t = 0.001 + 0.998 * torch.rand(len(x0), generator=generator)",
    ),
)
def noise_loss(student: Student) -> str:
    """Watch what a network is given: times, the mixture, the noise, the loss and its gradient."""
    x0 = random_image(IMAGES, 3).float().tanh()
    loss, network = _loss_of(student, x0, 0)
    _expect_times(student, x0)
    noise = _expect_mixture(student, x0, network)
    _expect_loss(loss, x0, network, noise)
    _expect_gradient(loss, network, noise)
    _examine_points(student)
    if network.seen[0][0].dtype != torch.float32:
        student.remark = "The values are right, but the network is given x_t in double precision, and its weights are single: draw with dtype=x0.dtype."
    return "a time for each image, x_t with its noise, the mean of (ε̂ − ε)², differentiable"


def _loss_of(student: Student, x0: Tensor, seed: int) -> tuple[Any, _Recorder]:
    """Return the loss, and the network that was asked once."""
    network = _Recorder()
    loss = student(network, x0, torch.Generator().manual_seed(seed))
    expect(bool(network.seen), "value", "The network is never asked: compare its answer network(x_t, t) with the noise.")
    expect(len(network.seen) == 1, "value", f"The network is asked {len(network.seen)} times: once, for the noise in x_t.")
    x, _ = network.seen[0]
    expect(x.shape == x0.shape, "shape", "The network is not given images of the shape of x0.", its_shape=list(x.shape))
    return loss, network


def _times(network: _Recorder) -> Tensor:
    """Return the times that the network was given, one for each image."""
    x, t = network.seen[0]
    shape = tuple(t.shape) if isinstance(t, Tensor) else ()
    if shape in ((), (1,)):
        raise Mistake("randomness", "All images of the batch have one time: draw one for each, torch.rand(len(x0), generator=generator).")
    expect(shape == (len(x),), "shape", "The network takes t of shape (n,), one time for each image: reshape ᾱ, not t.", your_shape=list(shape))
    return t.double()


def _expect_times(student: Student, x0: Tensor) -> None:
    networks = [_loss_of(student, x0, seed)[1] for seed in range(40)]
    drawn = [_times(network) for network in networks]
    again = _loss_of(student, x0, 0)[1]
    text = "Two calls with generators of the same seed draw differently: pass generator=generator to torch.rand and torch.randn, and nothing else draws."
    expect(torch.equal(_times(again), drawn[0]) and torch.equal(again.seen[0][0], networks[0].seen[0][0]), "randomness", text)
    text = "All images of the batch have the same time: draw one for each."
    expect(not any(is_close(t, t[:1].expand_as(t), 1e-9) for t in drawn), "randomness", text)
    text = "Generators of two seeds give the same times: draw them, each time anew, with the generator that is passed."
    expect(not torch.equal(drawn[0], drawn[1]), "randomness", text)
    t = torch.cat(drawn)
    numbers = {"least_time": t.min(), "largest_time": t.max(), "mean": t.mean()}
    text = "The network must be given times in [0, 1]: no numbers of steps, nothing scaled."
    expect(bool((t >= 0).all() and (t <= 1).all()), "value", text, **numbers)
    distance = (t.sort().values - torch.linspace(0, 1, len(t), dtype=t.dtype)).abs().max()
    faded = _faded(student, x0, networks[0])
    if is_close(faded, drawn[0].sqrt(), 0.02):
        raise Mistake("value", "The network is given ᾱ(t) in the place of t.")
    if is_close(faded, _alpha(1 - drawn[0]).sqrt(), 0.02):
        raise Mistake("order", "x_t is mixed as at 1 − t: √ᾱ(t) multiplies the image, √(1 − ᾱ(t)) the noise, and the network is given t.")
    expect(distance < 0.06, "randomness", "The times are not uniform on [0.001, 0.999]: torch.rand draws uniform ones on [0, 1].", **numbers)


def _faded(student: Student, x0: Tensor, network: _Recorder) -> Tensor:
    """Return by what each image was multiplied, from a second call with other images and the same draws."""
    other = x0.flip(1) + 0.5
    x, y = network.seen[0][0].double(), _loss_of(student, other, 0)[1].seen[0][0].double()
    change, moved = (y - x).flatten(1), (other - x0).double().flatten(1)
    return (change * moved).sum(1) / moved.square().sum(1)


def _expect_mixture(student: Student, x0: Tensor, network: _Recorder) -> Tensor:
    """Return the noise in x_t, once its share and its law are right."""
    t = _times(network)
    a, faded = _alpha(t), _faded(student, x0, network)
    whole = "x_t = √ᾱ x_0 + √(1 − ᾱ) ε"
    recognise(
        faded,
        ("square-root", a, f"The image is multiplied by ᾱ: by its root, {whole}."),
        ("value", torch.ones_like(a), f"The network is given x_0, with noise or without: {whole}."),
        rtol=1e-3,
    )
    expect(faded.abs().max() > 1e-3, "weight", f"The image is missing in what the network is given: {whole}.")
    expect_close(faded, a.sqrt(), "value", f"The network is not given {whole}: the share of the image is wrong.", rtol=2e-3)
    column = [-1, 1, 1, 1]
    rest = network.seen[0][0].double() - faded.reshape(column) * x0.double()
    noise = rest / (1 - a).sqrt().reshape(column)
    _expect_normal(rest, noise, a)
    other = _loss_of(student, x0, 1)[1]
    b = _alpha(_times(other)).reshape(column)
    again = (other.seen[0][0].double() - b.sqrt() * x0.double()) / (1 - b).sqrt()
    text = "Generators of two seeds give the same noise: draw it, each time anew, with the generator that is passed."
    expect((noise - again).std() > 0.5, "randomness", text)
    return noise


def _expect_normal(rest: Tensor, noise: Tensor, a: Tensor) -> None:
    whole = "x_t = √ᾱ x_0 + √(1 − ᾱ) ε"
    text = "All images have the same noise: draw some for each, of the shape of x0."
    expect(noise.mean(0).std() < 0.5 * noise.std(), "randomness", text)
    text = "The pixels or the channels of an image have the same noise: draw it of the shape of x0."
    expect(noise.mean((-2, -1)).std() < 0.5 * noise.std() and noise.mean(1).std() < 0.9 * noise.std(), "randomness", text)
    numbers = {"mean": noise.mean(), "standard_deviation": noise.std(), "fourth_moment": noise.pow(4).mean()}
    expect(noise.mean().abs() < 0.06, "randomness", "The noise has not the mean 0: draw it by torch.randn.", **numbers)
    deviations = rest.flatten(1).std(1)
    for share, said in (((1 - a), "1 − ᾱ, without the root"), (a.sqrt(), "√ᾱ, as the image"), (torch.ones_like(a), "nothing")):
        if is_close(deviations, share, 0.1):
            raise Mistake("square-root" if "root" in said else "weight", f"The noise is multiplied by {said}: {whole}.")
    expect((noise.std() - 1).abs() < 0.05, "weight", f"The noise in x_t has not the deviation √(1 − ᾱ): {whole}.", **numbers)
    expect((noise.pow(4).mean() - 3).abs() < 0.5, "randomness", "The noise is not normal: draw it by torch.randn.", **numbers)


def _expect_loss(loss: Any, x0: Tensor, network: _Recorder, noise: Tensor) -> None:
    if isinstance(loss, (int, float)):
        raise Mistake("type", "You return a Python number, and training must differentiate the loss: return a tensor, without .item().")
    expect(isinstance(loss, Tensor), "type", "The loss must be a tensor.")
    shape = {"your_shape": list(loss.shape)}
    expect(loss.shape != (len(x0),), "shape", "You return one loss for each image: the loss of the batch is their mean.", **shape)
    expect(loss.shape == (), "shape", "The loss is one number: take the mean over images and pixels.", **shape)
    out, x, (a, pixels) = network.answers[0].detach().double(), network.seen[0][0].double(), (_alpha(_times(network)).reshape(-1, 1, 1, 1), x0[0].numel())
    e, images = out - noise, x0.double()
    right, value = e.square().mean(), loss.detach().double()
    known: list[Known] = [
        ("normalisation", right * x0.numel(), "You take the sum: take the mean, over images and pixels."),
        ("normalisation", right * pixels, "You take the sum over the pixels: take the mean, over images and pixels."),
        ("normalisation", right / 2, "The loss is half the right one."),
        ("normalisation", right * 2, "The loss is twice the right one."),
        ("square-root", right.sqrt(), "You take the root of the mean: the mean of the squares, without root."),
        ("square-root", e.norm(), "You take the norm: the mean of the squares, without root."),
        ("square-root", e.abs().mean(), "You take the mean of the moduli, not of the squares. The minimizer of the squares is the mean E[ε | x_t], that of the moduli a median."),
        ("square-root", e.mean(), "The errors are not squared: positive and negative ones cancel."),
        ("square-root", e.mean() ** 2, "You square the mean: take the mean of the squares."),
        ("sign", -right, "The sign is wrong: the loss is to be small."),
        ("sign", (out + noise).square().mean(), "You add ε: the network is to predict it, so subtract it."),
        ("value", (out - images).square().mean(), "You compare the answer with the images: this network predicts the noise ε."),
        ("value", (out - x).square().mean(), "You compare the answer with x_t: this network predicts the noise ε."),
        ("weight", (out - (1 - a).sqrt() * noise).square().mean(), "You compare the answer with √(1 − ᾱ) ε: compare it with ε."),
        ("weight", (out + noise / (1 - a).sqrt()).square().mean(), "You compare the answer with the score: compare it with ε."),
        *[("weight", (w * e.square()).mean(), "The squares are weighted with the time: all times count the same.") for w in (a, 1 - a, a.sqrt(), (1 - a).sqrt())],
        ("truncation", e[0].square().mean(), "Only the first image counts: the mean is over all of them."),
    ]  # fmt: skip
    if not is_close(value, right, 2e-3):
        recognise(value, *known, rtol=1e-3)
        text = "The loss is not the mean of (ε̂ − ε)², with ε the noise that was mixed into x_t. Is it another one?"
        raise Mistake("value", text, {"yours": value, "expected": right})


def _examine_points(student: Student) -> None:
    """Say what would stop the notebook's training in the plane: images with four axes only, a loop, times up to 0 and 1."""
    x0, network = random_image((6000, 2), 4).float(), _Recorder()
    try:
        _loss_of(student, x0[:3], 0)  # ᾱ with four axes would make thousands of points of each of these thousands
        start = time.thread_time()
        loss = student(network, x0, torch.Generator().manual_seed(0))
        seconds, (x, t) = time.thread_time() - start, network.seen[0]
        a = _alpha(t.double())[:, None]
        noise = (x.double() - a.sqrt() * x0) / (1 - a).sqrt()
        late = (t > 0.05).double()[:, None]  # where the noise can be told from x_t
        expected = ((network.answers[0].detach().double() - noise).square() * late).sum() / late.sum() / 2
        fits = x.shape == x0.shape and is_close(loss.detach(), expected, 0.1)
    except (Mistake, RuntimeError):
        fits = False
    if not fits:
        student.remark = "Right for images, but the notebook also trains on points, x0 of shape (n, 2): per_image(alpha_bar(t), x0) has the right shape for both."
    elif seconds > 0.1:
        student.remark = "The values are right, but each image by itself, in a loop, and the notebook calls this 3,000 times: draw, diffuse and compare all images at once."
    elif t.min() < 0.00099 or t.max() > 0.99901:
        student.remark = "The values are right. The times go down to 0 and up to 1 instead of 0.001 and 0.999, and there 1 − ᾱ or ᾱ is 0 for the computer, by which other cells divide."


def _expect_gradient(loss: Tensor, network: _Recorder, noise: Tensor) -> None:
    text = "Your function calls backward: it returns the loss, and the training calls backward."
    expect(network.weight.grad is None, "autograd", text)
    text = "The value is right, but the loss has no gradient: no detach(), item() or no_grad() between the network and the loss."
    expect(loss.requires_grad, "autograd", text)
    answer = network.answers[0]
    right = torch.autograd.grad((answer.double() - noise).square().mean(), network.weight, retain_graph=True)[0]
    expect_close(torch.autograd.grad(loss, network.weight)[0], right, "autograd", text, rtol=2e-3)


# --- guidance --------------------------------------------------------------------------------------------------------


@exercise(
    diffusion.guided,
    hints=(
        "Start from the estimate without the condition, and go into the direction in which the condition moves it.",
        "ε_free + w (ε_conditional − ε_free): w = 0 gives ε_free, w = 1 gives ε_conditional.",
        "difference = conditional - free",
    ),
)
def guided(student: Student) -> str:
    """Find the weights of the two estimates in the result, for several scales."""
    for seed, (w, shape) in enumerate(((0.3, (2, 1, 5, 4)), (2.5, (4, 3)), (7.0, (1, 3, 4, 4)), (0.0, (2, 3)), (1.0, (2, 3)))):
        conditional, free = random_image(shape, seed), 1.3 * random_image(shape, 10 + seed)
        answer = student.tensor(conditional, free, w, shape=shape)

        def pair(of_conditional: float, of_free: float) -> Tensor:
            return torch.tensor([of_conditional, of_free], dtype=torch.float64)

        whole = "ε_free + w (ε_conditional − ε_free)"
        known: list[Known] = [
            ("order", pair(1 - w, w), f"The two estimates are exchanged: w = 0 must give the free one. {whole}."),
            ("weight", pair(1 + w, -w), f"This is the convention of the paper, in which w = 0 is the conditional estimate. Here w = 1 is: {whole}."),
            ("sign", pair(-w, 1 + w), f"You go away from the condition: the difference is ε_conditional − ε_free. {whole}."),
            ("weight", pair(w, 1), f"The free estimate is not subtracted: {whole}."),
            ("weight", pair(w, 0), f"Only the conditional estimate counts, w times: {whole}."),
            ("truncation", pair(w, -w), f"The free estimate is missing in front: {whole}."),
            ("sign", pair(w, 1 + w), f"You add the estimates: the difference counts, {whole}."),
            ("weight", pair(w / (1 + w), 1 / (1 + w)), f"This is a mean of the two: {whole} goes beyond the conditional estimate when w > 1."),
            ("square-root", pair(w**2, 1 - w**2), f"w is squared: {whole}."),
            ("square-root", pair(w**0.5, 1 - w**0.5), f"You take the root of w: {whole}."),
            ("clipping", pair(min(w, 1), 1 - min(w, 1)), "w is cut at 1: guidance exaggerates, w may be larger."),
            ("constant", pair(1, 0), f"You return the conditional estimate, whatever w is: {whole}."),
            ("constant", pair(0, 1), f"You return the free estimate, whatever w is: {whole}."),
            ("weight", pair(1 / w if w else 2, 1 - (1 / w if w else 2)), f"You divide by w: {whole}."),
        ]  # fmt: skip
        _expect_sum(student, answer, {"ε_conditional": conditional, "ε_free": free}, pair(w, 1 - w), known, {}, f"The result is not {whole}.")
    return "ε_free + w (ε_conditional − ε_free), also for w > 1"
