"""Checks of lesson 09: MSE, PSNR, SSIM of a patch, its factors, the SSIM map and its mean, LPIPS."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from course_utils import metrics
from course_utils.checks.engine import (
    Mistake,
    Student,
    exercise,
    expect,
    expect_close,
    is_close,
    recognise,
    recognise_parts,
)
from course_utils.checks.engine.compare import Part
from course_utils.fourier import gaussian_kernel
from course_utils.operators import blur

C1, C2 = metrics.C1, metrics.C2
SHAPES = ((6, 5), (7, 8), (3, 6, 5))


def _picture(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# --- MSE and PSNR ----------------------------------------------------------------------------------------------------


@exercise(
    metrics.mse,
    hints=(
        "The difference pixel by pixel, its square, the mean over all pixels.",
        "MSE(u, v) = (1/MN) Σ (u(x) − v(x))².",
        "difference = u - v",
    ),
)
def mse(student: Student) -> str:
    """Examine the mean square error on gray and colour images, all the cases together."""
    pairs = [(_picture(shape, k), 3 * _picture(shape, 10 + k) - 1) for k, shape in enumerate(SHAPES)]
    answer = torch.tensor([student.number(u, v) for u, v in pairs], dtype=torch.float64)
    differences = [u - v for u, v in pairs]

    def each(f: object) -> Tensor:
        return torch.tensor([f(d) for d in differences], dtype=torch.float64)  # type: ignore[operator]

    squares = each(lambda d: d.square().mean())
    recognise(
        answer,
        ("square-root", squares.sqrt(), "This is the RMSE, the root of the MSE."),
        ("normalisation", each(lambda d: d.square().sum()), "The sum is not divided by the number of pixels."),
        ("normalisation", each(lambda d: d.square().sum() / (d.numel() - 1)), "Divide by MN, not by MN − 1: no mean is estimated here."),
        ("normalisation", each(lambda d: d.square().sum() / d.shape[-1] ** 2), "You divide by N² for an image M × N: divide by the number of pixels, u.numel()."),
        ("normalisation", each(lambda d: d.square().sum() / d.shape[-1]), "You divide by the width only: divide by the number of pixels, MN."),
        ("normalisation", each(lambda d: d.square().sum() / (d.shape[0] * d.shape[1])), "The channels are added, not averaged: divide by u.numel()."),
        ("square-root", each(lambda d: d.square().sum().sqrt()), "This is the norm ‖u − v‖: no root, and divide by the number of pixels."),
        ("value", each(lambda d: d.abs().mean()), "This is the mean of |u − v|: the differences are squared."),
        ("order", each(lambda d: d.mean() ** 2), "You square the mean of the differences, where errors of both signs cancel: square first, then the mean."),
        ("value", each(lambda d: d.square().max()), "This is the largest square: take the mean."),
        ("value", each(lambda d: d.var(correction=0)), "This is the variance of u − v: a change of brightness counts too. Take the mean of (u − v)²."),
        ("value", each(lambda d: d.var()), "This is the variance of u − v: a change of brightness counts too. Take the mean of (u − v)²."),
        ("value", torch.tensor([(u.square() - v.square()).mean() for u, v in pairs], dtype=torch.float64), "The difference comes first: (u − v)², not u² − v²."),
        ("weight", squares / 2, "There is no ½ in the MSE."),
        ("normalisation", each(lambda d: d.square().sum() / len(d)), "You divide by the length of the first axis only: divide by the number of pixels, u.numel()."),
        ("normalisation", each(lambda d: d.square().sum() / (d.shape[-1] * d.shape[-2])), "The channels are added, not averaged: divide by u.numel()."),
        ("normalisation", squares * 255**2, "You multiply by 255: the images have their values in [0, 1], and MAX is 1."),
        ("normalisation", squares * torch.tensor([1 / u.square().mean() for u, _ in pairs], dtype=torch.float64), "You divide by the energy of u: the MSE is not relative."),
        ("normalisation", squares * torch.tensor([1 / v.square().mean() for _, v in pairs], dtype=torch.float64), "You divide by the energy of v: the MSE is not relative."),
    )  # fmt: skip
    expect_close(answer, squares, "value", "This is not the mean of (u − v)².")
    return "the mean of (u − v)² of gray and colour images, of odd and even sides"


@exercise(
    metrics.psnr,
    hints=(
        "How many times the largest gray level MAX exceeds the RMSE, in decibels.",
        "PSNR = 20 log₁₀(MAX / RMSE) = 10 log₁₀(MAX² / MSE).",
        "error = (u - v).square().mean().item()",
    ),
)
def psnr(student: Student) -> str:
    """Examine the PSNR with two ranges, and that of equal images."""
    u = _picture((5, 6), 3)
    without_range = student.number(u, u + 0.1)
    cases = [(_picture(s, k), _picture(s, 10 + k), r) for k, (s, r) in enumerate(zip(SHAPES, (1.0, 255.0, 2.0), strict=True))]
    answer = torch.tensor([student.number(u, v, r) for u, v, r in cases], dtype=torch.float64)
    errors = torch.tensor([metrics.mse(u, v) for u, v, _ in cases], dtype=torch.float64)
    ranges = torch.tensor([r for *_, r in cases], dtype=torch.float64)
    expected = 20 * (ranges / errors.sqrt()).log10()
    squared = torch.tensor([(u - v).square().sum() for u, v, _ in cases], dtype=torch.float64)
    recognise(
        answer,
        ("sign", -expected, "The sign is wrong: it is MAX / RMSE in the logarithm, not RMSE / MAX."),
        ("square-root", 20 * (ranges / errors).log10(), "You divide by the MSE: with the factor 20 it is its root, the RMSE."),
        ("square-root", 20 * (ranges**2 / errors).log10(), "20 log₁₀ of MAX² / MSE counts the square twice: 10 log₁₀(MAX² / MSE), or 20 log₁₀(MAX / RMSE)."),
        ("square-root", 10 * (ranges / errors).log10(), "MAX is not squared: 10 log₁₀(MAX² / MSE)."),
        ("weight", expected / 2, "The factor is 20 with the RMSE, 10 with the MSE."),
        ("weight", expected / 20, "The factor 20 is missing: decibels."),
        ("weight", expected / 10, "The factor is 20 with the RMSE, 10 with the MSE."),
        ("normalisation", expected * math.log(10), "The logarithm is the natural one: take log₁₀."),
        ("normalisation", expected * math.log2(10), "The logarithm is to the base 2: take log₁₀."),
        ("value", -10 * errors.log10(), "data_range is not used: MAX is 1 or 255 as the argument says."),
        ("value", 20 * (255 / errors.sqrt()).log10(), "MAX is written as 255: take data_range."),
        ("value", 20 * (torch.tensor([v.max() for _, v, _ in cases], dtype=torch.float64) / errors.sqrt()).log10(), "MAX is the largest value there can be, data_range, not the largest in the image."),
        ("value", 20 * (torch.tensor([u.max() for u, *_ in cases], dtype=torch.float64) / errors.sqrt()).log10(), "MAX is the largest value there can be, data_range, not the largest in the image."),
        ("value", expected + 20 * ranges.log10(), "The range counts twice: divide the images by it, or put it in the logarithm."),
        ("value", 10 * (torch.tensor([u.square().mean() for u, *_ in cases], dtype=torch.float64) / errors).log10(), "This is the signal to noise ratio: its numerator is the energy of the image. PSNR has MAX², data_range²."),
        ("normalisation", 10 * (ranges**2 / squared).log10(), "The squares are added, not averaged: divide by the number of pixels."),
    )  # fmt: skip
    expect_close(answer, expected, "value", "This is not 20 log₁₀(MAX / RMSE).")
    equal = student(u, u.clone(), 1.0)
    expect(
        isinstance(equal, float | int | Tensor) and float(equal) == math.inf,
        "not-finite",
        "Equal images have an infinite PSNR: return math.inf when the error is 0, and add nothing to the MSE.",
        yours=float(equal),
    )
    expect(is_close(without_range, 20.0), "value", "Without data_range, MAX is 1.", yours=without_range, expected=20.0)
    return "20 log₁₀(MAX / RMSE), for two ranges, infinite for equal images"


# --- SSIM of a patch -------------------------------------------------------------------------------------------------


def _patches() -> list[tuple[Tensor, Tensor]]:
    """Return pairs of patches: of middle and of weak contrast (where c₁ and c₂ count), and one pair anticorrelated."""
    pairs = []
    for k, (shape, level, contrast) in enumerate((((8, 8), 0.5, 1.0), ((5, 7), 0.03, 0.08), ((11, 11), 0.3, 0.2))):
        x = level + contrast * (_picture(shape, k) - 0.5)
        pairs.append((x, 0.8 * x + 0.15 * level + 0.4 * contrast * (_picture(shape, 20 + k) - 0.5)))
    x = _picture((6, 5), 7)
    return [*pairs, (x, 1.1 - x + 0.2 * _picture((6, 5), 8))]


Moments = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]  # μ_x, μ_y, σ_x², σ_y², σ_xy
Slip = tuple[str, object, str]

CONSTANTS: Part = ((C1, C2), [
    ("value", (0.0, 0.0), "c₁ and c₂ are missing: they keep the denominators away from 0."),
    ("value", (0.01, 0.03), "k₁ and k₂ are not squared: c₁ = (0.01 L)², c₂ = (0.03 L)²."),
    ("value", (C2, C1), "c₁ and c₂ are exchanged: 0.01 belongs to the means, 0.03 to the variances."),
    ("value", (C1 * 255**2, C2 * 255**2), "L is 255 in your constants, and 1 in the images."),
])  # fmt: skip


def _uncentred(moments: Moments) -> list[Slip]:
    """Return the moments whose means are not subtracted."""
    mx, my, vx, vy, cov = moments
    return [
        ("mean", (mx, my, vx, vy, cov + mx * my), "Your covariance is the mean of x y: subtract the means first."),
        ("mean", (mx, my, vx + mx**2, vy + my**2, cov), "Your variances are the means of x² and y²: subtract the squares of the means."),
        ("mean", (mx, my, vx + mx**2, vy + my**2, cov + mx * my), "The squares of the means are not subtracted: σ_x² is the mean of x² minus μ_x², σ_xy that of x y minus μ_x μ_y."),
    ]


def _unbiased(moments: Moments, n: Tensor | float) -> list[Slip]:
    """Return the moments with n − 1 in place of n."""
    mx, my, vx, vy, cov = moments
    r = n / (n - 1)
    return [
        ("normalisation", (mx, my, r * vx, r * vy, r * cov), "The variances are divided by n − 1. Divide by n: x.var(correction=0), or the mean of the squares."),
        ("normalisation", (mx, my, r * vx, r * vy, cov), "The variances are divided by n − 1 and the covariance by n. Divide all by n: x.var(correction=0), x.std(correction=0)."),
        ("normalisation", (mx, my, vx, vy, r * cov), "The covariance is divided by n − 1 and the variances by n. Divide all by n."),
    ]


def _root(v: Tensor) -> Tensor:
    return v.clamp(min=0).sqrt()


def _ssim(moments: Moments, constants: tuple[float, float], mean_top: Callable[..., Tensor], mean_bottom: Callable[..., Tensor], top: Callable[..., Tensor], bottom: Callable[..., Tensor], product: Callable[..., Tensor], last: Callable[..., Tensor]) -> Tensor:
    """Return SSIM from its parts: the numerators and denominators of its two fractions, their product, what comes last."""
    mx, my, vx, vy, cov = moments
    c1, c2 = constants
    return last(product(mean_top(mx * my, c1), mean_bottom(mx, my, c1), top(vx, vy, cov, c2), bottom(vx, vy, c2)))


def _ssim_parts(moments: Moments, wrong_moments: Sequence[Slip]) -> dict[str, Part]:
    """Return the parts of SSIM, right and wrong, for ``recognise_parts``."""
    return {
        "moments": (moments, wrong_moments),
        "constants": CONSTANTS,
        "mean_top": (lambda m, c: 2 * m + c, [("weight", lambda m, c: m + c, "The 2 in front of μ_x μ_y is missing.")]),
        "mean_bottom": (lambda a, b, c: a**2 + b**2 + c, [
            ("square-root", lambda a, b, c: a + b + c, "The denominator has the squares of the means: μ_x² + μ_y²."),
            ("value", lambda a, b, c: (a + b) ** 2 + c, "The denominator has μ_x² + μ_y², not (μ_x + μ_y)²."),
        ]),
        "top": (lambda vx, vy, cov, c: 2 * cov + c, [
            ("weight", lambda vx, vy, cov, c: cov + c, "The 2 in front of σ_xy is missing."),
            ("clipping", lambda vx, vy, cov, c: 2 * cov.abs() + c, "The covariance can be negative: take no modulus."),
            ("value", lambda vx, vy, cov, c: 2 * _root(vx * vy) + c, "σ_xy is the covariance of x and y, not the product σ_x σ_y: the structure is lost."),
        ]),
        "bottom": (lambda vx, vy, c: vx + vy + c, [
            ("square-root", lambda vx, vy, c: _root(vx) + _root(vy) + c, "The variances in the denominator are σ², not σ: .var(), not .std()."),
            ("value", lambda vx, vy, c: 2 * _root(vx * vy) + c, "The denominator is σ_x² + σ_y² + c₂, not 2σ_x σ_y + c₂: the contrast is lost."),
            ("value", lambda vx, vy, c: 2 * vx * vy + c, "The denominator has the sum of the variances, σ_x² + σ_y² + c₂, not their product."),
            ("value", lambda vx, vy, c: vx * vy + c, "The denominator has the sum of the variances, σ_x² + σ_y² + c₂, not their product."),
        ]),
        "product": (lambda a, b, c, d: a * c / (b * d), [
            ("value", lambda a, b, c, d: c / d, "The first fraction, with the means, is missing."),
            ("value", lambda a, b, c, d: a / b, "The second fraction, with variances and covariance, is missing."),
            ("order", lambda a, b, c, d: a / b + c / d, "The two fractions are multiplied, not added."),
            ("order", lambda a, b, c, d: (a + c) / (b * d), "The two numerators are multiplied, not added."),
            ("order", lambda a, b, c, d: a + c / (b * d), "The two numerators are multiplied, not added."),
            ("order", lambda a, b, c, d: a * c / (b + d), "The two denominators are multiplied, not added."),
            ("order", lambda a, b, c, d: a * c / b * d, "a / b * c is (a / b) c in Python: put the whole denominator between parentheses."),
        ]),
        "last": (lambda x: x, [
            ("order", lambda x: 1 - x, "SSIM is 1 for equal patches: this is 1 − SSIM."),
            ("clipping", lambda x: x.clamp(min=0), "SSIM can be negative, when the patches are opposed: do not cut it to 0."),
            ("clipping", lambda x: x.abs(), "SSIM can be negative, when the patches are opposed: take no modulus."),
        ]),
    }  # fmt: skip


def _moments(pairs: list[tuple[Tensor, Tensor]]) -> tuple[Moments, Tensor]:
    """Return the moments of pairs of patches, one entry a pair, and the numbers of pixels."""
    rows = [(x.mean(), y.mean(), x.var(correction=0), y.var(correction=0), (x * y).mean() - x.mean() * y.mean()) for x, y in pairs]
    mx, my, vx, vy, cov = (torch.stack(column) for column in zip(*rows, strict=True))
    return (mx, my, vx, vy, cov), torch.tensor([float(x.numel()) for x, _ in pairs], dtype=torch.float64)


@exercise(
    metrics.patch_ssim,
    hints=(
        "Five numbers are enough: two means, two variances, one covariance.",
        "σ_x² = mean((x − μ_x)²), σ_xy = mean((x − μ_x)(y − μ_y)); SSIM is the product of the two fractions.",
        "mean_x, mean_y = x.mean(), y.mean()",
    ),
)
def patch_ssim(student: Student) -> str:
    """Examine SSIM on patches of strong and weak contrast, all together."""
    pairs = _patches()
    answer = torch.tensor([student.number(x, y) for x, y in pairs], dtype=torch.float64)

    moments, n = _moments(pairs)
    parts = _ssim_parts(moments, [*_unbiased(moments, n), *_uncentred(moments)])
    recognise_parts(answer, _ssim, parts)
    right = _ssim(**{name: part[0] for name, part in parts.items()})
    expect_close(answer, right, "value", "This is not SSIM(x, y), with means over all pixels, c₁ = 0.01² and c₂ = 0.03².")
    return "SSIM of patches of strong and weak contrast, alike and opposed"


@exercise(
    metrics.luminance_contrast_structure,
    hints=(
        "Three comparisons: of the means, of the standard deviations, and of what is left when both are taken away.",
        "l = (2μ_x μ_y + c₁)/(μ_x² + μ_y² + c₁), c = (2σ_x σ_y + c₂)/(σ_x² + σ_y² + c₂), s = (σ_xy + c₂/2)/(σ_x σ_y + c₂/2).",
        "mean_x, mean_y = x.mean(), y.mean()",
    ),
)
def luminance_contrast_structure(student: Student) -> str:
    """Examine the three factors one by one, then their product."""
    pairs = _patches()
    moments, n = _moments(pairs)
    answer, factors = _answered_factors(student, pairs), _factor_parts(moments, [*_unbiased(moments, n), *_uncentred(moments)])
    right = torch.stack([_fraction(**{name: part[0] for name, part in parts.items()}) for parts in factors.values()], dim=1)
    recognise(
        answer,
        ("order", right[:, [1, 0, 2]], "Luminance and contrast are exchanged: the order is l, c, s."),
        ("order", right[:, [0, 2, 1]], "Contrast and structure are exchanged: the order is l, c, s."),
        ("order", right[:, [2, 1, 0]], "The order is l, c, s."),
        ("order", right[:, [2, 0, 1]], "The order is l, c, s."),
        ("order", right[:, [1, 2, 0]], "The order is l, c, s."),
    )
    for column, expected, (name, parts) in zip(answer.T, right.T, factors.items(), strict=True):
        recognise_parts(column, _fraction, parts)
        expect(is_close(column, expected), "value", f"The {name} is not the one of the formula.", yours=column[0].item(), expected=expected[0].item())
    return "luminance, contrast and structure of patches, and their product is SSIM"


def _answered_factors(student: Student, pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Return what the student's function returns for each pair, once it is known to be three numbers."""
    rows = []
    for x, y in pairs:
        result = student(x, y)
        if isinstance(result, Tensor) and result.shape == (3,):
            result = tuple(result)
        if not isinstance(result, tuple | list) or len(result) != 3:
            raise Mistake("type", "Return three numbers: return luminance, contrast, structure.")
        if any(not isinstance(z, float | int | Tensor) or (isinstance(z, Tensor) and z.numel() != 1) for z in result):
            raise Mistake("shape", "Each of the three factors is one number for the whole patch.")
        rows.append([float(z) for z in result])
    answer = torch.tensor(rows, dtype=torch.float64)
    if not torch.isfinite(answer).all():
        raise Mistake("not-finite", "A factor is NaN or infinite: is there a root of a negative number?")
    return answer


def _fraction(moments: Moments, constants: tuple[float, float], top: Callable[..., Tensor], bottom: Callable[..., Tensor], last: Callable[..., Tensor]) -> Tensor:
    return last(top(*moments, *constants) / bottom(*moments, *constants))


def _factor_parts(moments: Moments, wrong_moments: Sequence[Slip]) -> dict[str, dict[str, Part]]:
    """Return the parts of the luminance, of the contrast and of the structure, right and wrong."""
    constants, slips = CONSTANTS

    def known(name: str, missing: str) -> dict[str, Part]:
        first = ("value", (0.0, 0.0), f"{missing} is missing in the {name}.")
        return {"moments": (moments, wrong_moments), "constants": (constants, [first, *slips[1:]])}

    no_modulus: Part = (lambda f: f, [("clipping", lambda f: f.abs(), "The structure can be negative, when the patches are opposed: take no modulus.")])
    same: Part = (lambda f: f, [])
    luminance = known("luminance", "c₁") | {
        "last": same,
        "top": (lambda mx, my, vx, vy, cov, c1, c2: 2 * mx * my + c1, [
            ("weight", lambda mx, my, vx, vy, cov, c1, c2: mx * my + c1, "The 2 in front of μ_x μ_y is missing."),
        ]),
        "bottom": (lambda mx, my, vx, vy, cov, c1, c2: mx**2 + my**2 + c1, [
            ("square-root", lambda mx, my, vx, vy, cov, c1, c2: mx + my + c1, "The denominator of the luminance has the squares of the means, μ_x² + μ_y²."),
            ("value", lambda mx, my, vx, vy, cov, c1, c2: (mx + my) ** 2 + c1, "The denominator of the luminance has μ_x² + μ_y², not (μ_x + μ_y)²."),
        ]),
    }  # fmt: skip
    contrast = known("contrast", "c₂") | {
        "last": same,
        "top": (lambda mx, my, vx, vy, cov, c1, c2: 2 * _root(vx * vy) + c2, [
            ("value", lambda mx, my, vx, vy, cov, c1, c2: 2 * cov + c2, "The contrast has 2σ_x σ_y + c₂ in its numerator. The slide's σ_xy is a slip: with it, the product of the three is not SSIM."),
            ("value", lambda mx, my, vx, vy, cov, c1, c2: cov + c2, "The contrast has 2σ_x σ_y + c₂ in its numerator, not σ_xy."),
            ("square-root", lambda mx, my, vx, vy, cov, c1, c2: 2 * vx * vy + c2, "The contrast has σ_x σ_y, the product of the standard deviations: a root is missing."),
            ("weight", lambda mx, my, vx, vy, cov, c1, c2: _root(vx * vy) + c2, "The 2 in front of σ_x σ_y is missing."),
        ]),
        "bottom": (lambda mx, my, vx, vy, cov, c1, c2: vx + vy + c2, [
            ("square-root", lambda mx, my, vx, vy, cov, c1, c2: _root(vx) + _root(vy) + c2, "The denominator of the contrast has the variances σ²."),
            ("value", lambda mx, my, vx, vy, cov, c1, c2: (_root(vx) + _root(vy)) ** 2 + c2, "The denominator of the contrast has σ_x² + σ_y², not (σ_x + σ_y)²."),
        ]),
    }  # fmt: skip
    structure = known("structure", "c₂/2") | {
        "last": no_modulus,
        "top": (lambda mx, my, vx, vy, cov, c1, c2: cov + c2 / 2, [
            ("value", lambda mx, my, vx, vy, cov, c1, c2: cov + c2, "The structure has c₂/2 in its numerator, not c₂: only then the product is SSIM."),
            ("value", lambda mx, my, vx, vy, cov, c1, c2: cov, "c₂/2 is missing in the numerator of the structure."),
            ("weight", lambda mx, my, vx, vy, cov, c1, c2: 2 * cov + c2 / 2, "The structure has σ_xy + c₂/2 in its numerator: the 2 belongs to the contrast."),
            ("weight", lambda mx, my, vx, vy, cov, c1, c2: 2 * cov + c2, "The structure has σ_xy + c₂/2 in its numerator: the 2 belongs to the contrast."),
            ("clipping", lambda mx, my, vx, vy, cov, c1, c2: cov.abs() + c2 / 2, "The covariance can be negative, when the patches are opposed: take no modulus."),
            ("value", lambda mx, my, vx, vy, cov, c1, c2: _root(vx * vy) + c2 / 2, "The numerator of the structure has the covariance σ_xy, not σ_x σ_y."),
        ]),
        "bottom": (lambda mx, my, vx, vy, cov, c1, c2: _root(vx * vy) + c2 / 2, [
            ("value", lambda mx, my, vx, vy, cov, c1, c2: _root(vx * vy) + c2, "The structure has c₂/2 in its denominator, not c₂: only then the product is SSIM."),
            ("value", lambda mx, my, vx, vy, cov, c1, c2: _root(vx * vy), "c₂/2 is missing in the denominator of the structure."),
            ("square-root", lambda mx, my, vx, vy, cov, c1, c2: vx * vy + c2 / 2, "The structure divides by σ_x σ_y, the product of the standard deviations: a root is missing."),
            ("value", lambda mx, my, vx, vy, cov, c1, c2: vx + vy + c2 / 2, "The structure divides by σ_x σ_y + c₂/2, not by a sum of variances."),
        ]),
    }  # fmt: skip
    return {"luminance": luminance, "contrast": contrast, "structure": structure}


# --- SSIM of images --------------------------------------------------------------------------------------------------


def _local_moments(u: Tensor, v: Tensor, mean: Callable[[Tensor], Tensor]) -> Moments:
    mu, mv = mean(u), mean(v)
    return mu, mv, mean(u * u) - mu**2, mean(v * v) - mv**2, mean(u * v) - mu * mv


def _inside(g: Tensor) -> Callable[[Tensor], Tensor]:
    """Return w -> the means of w with the weights g, where the window lies inside."""
    return lambda w: torch.nn.functional.conv2d(w[None, None], g[None, None])[0, 0]


def _window(std: float = 1.5, n: int = 11) -> Tensor:
    t = torch.arange(n, dtype=torch.float64) - n // 2
    g = torch.exp(-(t**2) / (2 * std**2))
    return torch.outer(g, g) / g.sum() ** 2


@exercise(
    metrics.ssim_map,
    hints=(
        "The formula of exercise 3, with local means in place of means: each is a convolution with the window.",
        "μ_x = g ∗ u, σ_x² = g ∗ u² − μ_x², σ_xy = g ∗ (uv) − μ_x μ_y, at the pixels whose window lies inside.",
        "t = torch.arange(-5, 6, dtype=u.dtype)",
    ),
)
def ssim_map(student: Student) -> str:
    """Examine the map on images of odd and even sides, one of weak contrast."""
    for k, (shape, contrast) in enumerate((((17, 22), 1.0), ((24, 19), 0.08), ((11, 13), 0.5))):
        u = 0.1 + contrast * _picture(shape, k)
        v = 0.7 * u + 0.3 * contrast * _picture(shape, 30 + k)
        inside = (shape[0] - 10, shape[1] - 10)
        result = student(u, v)
        if isinstance(result, float) or (isinstance(result, Tensor) and result.numel() == 1 and k < 2):
            raise Mistake("shape", "Return the whole map: the mean is the next exercise.")
        if isinstance(result, Tensor) and result.shape == (1, 1, *inside):
            raise Mistake("shape", "The map has two dimensions too many: conv2d wants a batch and channels, take [0, 0] of its result.")
        if isinstance(result, Tensor) and tuple(result.shape) == (inside[0] - 2, inside[1] - 2):
            raise Mistake("shape", "Your window has 13 × 13 pixels, as gaussian_kernel(1.5), which stops at 4σ: it is 11 × 11 here, t from −5 to 5.")
        if isinstance(result, Tensor) and tuple(result.shape) in ((inside[0] + 1, inside[1] + 1), (inside[0] - 1, inside[1] - 1)):
            raise Mistake("shape", "The side of your window is even: t goes from −5 to 5, which is torch.arange(-5, 6).")
        if isinstance(result, Tensor) and tuple(result.shape) == shape:
            text = "The map is as large as the image: only windows inside the image count, so take no padding, and get (H − 10, W − 10)."
            raise Mistake("boundary", text, {"your shape": shape, "expected shape": inside})
        answer = student.as_tensor(result, inside)
        right = metrics.ssim_map(u, v)
        if is_close(answer, right):
            continue
        moments = _local_moments(u, v, _inside(_window()))
        wrong = [*_uncentred(moments), *_unbiased(moments, 121.0), *_other_windows(u, v)]
        recognise_parts(answer, _ssim, _ssim_parts(moments, wrong))
        expect_close(answer, right, "value", "This is not SSIM of the 11 × 11 patches with the Gaussian window.")
    return "SSIM of all 11 × 11 patches inside, with the Gaussian window, on images of odd and even sides"


def _other_windows(u: Tensor, v: Tensor) -> list[Slip]:
    """Return the moments with wrong windows."""
    t, g = torch.arange(-5, 6, dtype=torch.float64), _window()
    wide, narrow = (torch.exp(-(t**2) / d) for d in (1.5**2, 2 * 1.5))
    flat = torch.full((11, 11), 1 / 121, dtype=torch.float64)
    one, half = torch.ones_like(t), "The exponent of the Gaussian is −t²/(2σ²): "
    known = [
        ("value", flat, "Your window is flat: it is a Gaussian of standard deviation 1.5."),
        ("normalisation", g / g.max(), "The window's sum is not 1: divide it by its sum."),
        ("normalisation", g / g.max() / (2 * math.pi * 1.5**2), "The factor 1/(2πσ²) does not make the sum of an 11 × 11 window exactly 1: divide by the sum."),
        ("normalisation", gaussian_kernel(1.5)[1:-1, 1:-1], "A part of gaussian_kernel(1.5), of 13 × 13 pixels, has not the sum 1: divide by its sum."),
        ("value", torch.outer(wide, wide) / wide.sum() ** 2, half + "a ½ is missing."),
        ("value", torch.outer(narrow, narrow) / narrow.sum() ** 2, half + "σ is not squared."),
        ("value", _window(1.0), "The standard deviation of the window is 1.5."),
        ("value", _window(11 / 6), "The standard deviation of the window is 1.5."),
        ("axis", torch.outer(g[5] / g[5].sum(), one / 11), "Your window is a Gaussian along the rows only: its exponent is −(t₁² + t₂²)/(2σ²)."),
        ("axis", torch.outer(one / 11, g[5] / g[5].sum()), "Your window is a Gaussian along the columns only: its exponent is −(t₁² + t₂²)/(2σ²)."),
    ]  # fmt: skip
    slips: list[Slip] = [(cause, _local_moments(u, v, _inside(w)), text) for cause, w, text in known]
    inside = tuple(n - 10 for n in u.shape)
    for first, text in ((0, "cut 5 pixels from each side, [5:-5, 5:-5], not 10 from one"), (10, "cut 5 pixels from each side, [5:-5, 5:-5], not 10 from one")):
        cut = lambda w, k=first: blur(w, g)[k : k + inside[0], k : k + inside[1]]  # noqa: E731
        slips.append(("centering", _local_moments(u, v, cut), f"The map lies beside its place: {text}."))
    return slips


@exercise(
    metrics.mean_ssim,
    hints=(
        "The map has one value a patch: average them.",
        "MSSIM(u, v) = mean over x of SSIM(P_x(u), P_x(v)).",
        "values = ssim_map(u, v)",
    ),
)
def mean_ssim(student: Student) -> str:
    """Examine the mean on two pairs of images, all together; a student may have computed the map in the same function."""
    pairs = []
    for k, shape in enumerate(((19, 24), (30, 17), (22, 22))):
        u = _picture(shape, k)
        pairs.append((u, (0.6 * u + 0.3 * _picture(shape, 40 + k)) * torch.linspace(0.2, 1, shape[1], dtype=torch.float64)))
    pairs[1] = (pairs[1][0], 1 - pairs[1][0] ** 2)  # opposed: negative values
    answer = torch.tensor([student.number(u, v) for u, v in pairs], dtype=torch.float64)

    def each(f: object) -> Tensor:
        return torch.tensor([f(metrics.ssim_map(u, v)) for u, v in pairs], dtype=torch.float64)  # type: ignore[operator]

    right = each(lambda s: s.mean())
    recognise(
        answer,
        ("normalisation", each(lambda s: s.sum()), "This is the sum: take the mean."),
        ("normalisation", torch.tensor([(metrics.ssim_map(u, v).sum() / u.numel()).item() for u, v in pairs], dtype=torch.float64), "Divide by the number of patches, (M − 10)(N − 10), not of pixels."),
        ("clipping", each(lambda s: s.clamp(min=0).mean()), "Negative values of the map count as they are: do not cut them to 0."),
        ("clipping", each(lambda s: s.abs().mean()), "Negative values of the map count as they are: take no modulus."),
        ("value", torch.ones(3, dtype=torch.float64), "This is 1 for every pair: is an image compared with itself?"),
        ("value", torch.tensor([_beside(u, v, 11) for u, v in pairs], dtype=torch.float64), "You average over patches side by side: the window moves by one pixel, with Gaussian weights. Use ssim_map."),
        ("value", torch.tensor([_beside(u, v, 1) for u, v in pairs], dtype=torch.float64), "You average over all patches, but with equal weights: use ssim_map."),
        ("value", each(lambda s: s.median()), "This is the median: take the mean."),
        ("value", each(lambda s: s.min()), "This is the smallest value: take the mean."),
        ("value", each(lambda s: s.max()), "This is the largest value: take the mean."),
        ("square-root", each(lambda s: s.square().mean()), "The map is squared in the pictures of the paper only: take its mean."),
        ("square-root", each(lambda s: s.square().mean().sqrt()), "This is the root of the mean square: take the mean."),
        ("order", 1 - right, "This is 1 − MSSIM: equal images have 1."),
        ("value", torch.tensor([metrics.patch_ssim(u, v) for u, v in pairs], dtype=torch.float64), "This is SSIM of the whole images as one patch: average over the 11 × 11 patches."),
        ("value", torch.tensor([metrics.mse(u, v) for u, v in pairs], dtype=torch.float64), "This is the MSE."),
        ("value", each(lambda s: s[0, 0]), "This is the value of one patch: take the mean of all."),
        ("value", each(lambda s: s[s.shape[0] // 2, s.shape[1] // 2]), "This is the value of one patch: take the mean of all."),
    )  # fmt: skip
    expect_close(answer, right, "value", "This is not the mean of the SSIM map.")
    return "the mean of SSIM over all the patches"


def _beside(u: Tensor, v: Tensor, step: int) -> float:
    """Return the mean of SSIM over square patches of equal weights, every ``step`` pixels."""
    x, y = (w.unfold(0, 11, step).unfold(1, 11, step).flatten(2).flatten(0, 1) for w in (u, v))
    moments = (x.mean(1), y.mean(1), x.var(1, correction=0), y.var(1, correction=0), (x * y).mean(1) - x.mean(1) * y.mean(1))
    return _ssim(**{name: part[0] for name, part in _ssim_parts(moments, []).items()}).mean().item()


# --- LPIPS -----------------------------------------------------------------------------------------------------------


def _features(seed: int) -> dict[str, Tensor]:
    """Return features of three layers like those after a ReLU, one pixel of which is 0 in every channel."""
    shapes = {"relu1": (4, 5, 6), "relu2": (7, 3, 2), "relu3": (3, 2, 4)}
    features = {name: (3 * _picture(shape, seed + k) - 1).clamp(min=0) for k, (name, shape) in enumerate(shapes.items())}
    features["relu1"][:, 2, 3] = 0.0
    return features


@exercise(
    metrics.lpips,
    hints=(
        "At each layer: make the features of norm 1 at each pixel, take the difference, square it, weigh the channels.",
        "Σ_L mean over the pixels of Σ_c w_c (F̃_c(u) − F̃_c(v))², with F̃ = F / (‖F‖ + 1e-10), the norm over the channels.",
        "for layer, w in weights.items():",
    ),
)
def lpips(student: Student) -> str:
    """Examine the distance on features of three layers of different sizes."""
    cases = [(_features(10 * k), _features(10 * k + 5)) for k in range(3)]
    weights = {layer: 0.1 + _picture((len(F),), 90 + len(F)) for layer, F in cases[0][0].items()}
    answer = torch.tensor([student.number(F, G, weights) for F, G in cases], dtype=torch.float64)
    right = torch.tensor([metrics.lpips(F, G, weights).item() for F, G in cases], dtype=torch.float64)

    def distance(features: tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]], difference: Callable[..., Tensor], weight: Callable[[Tensor], Tensor], pixels: Callable[..., Tensor], layers: slice, last: Callable[[Tensor], Tensor]) -> Tensor:
        def layer(F: Tensor, G: Tensor, w: Tensor) -> Tensor:
            return pixels(weight(w)[:, None, None] * difference(features[0](F), features[1](G)))

        return last(torch.stack([sum(layer(F[n], G[n], weights[n]) for n in list(weights)[layers]) for F, G in cases]))  # type: ignore[misc]

    unit_differences = distance((lambda F: F, lambda F: F), lambda x, y: _unit(x - y).square(), lambda w: w, lambda d: d.sum(0).mean(), slice(None), lambda x: x)
    recognise(answer, ("order", unit_differences, "You normalise the difference: normalise the features first."))
    recognise_parts(answer, distance, _lpips_parts(len(weights)))
    expect_close(answer, right, "value", "This is not Σ_L mean Σ_c w_c (F̃_c(u) − F̃_c(v))².")
    return "the weighted square distance of the normalised features, over layers of different sizes, with a zero pixel"


def _unit(F: Tensor, dim: int | tuple[int, ...] = 0) -> Tensor:
    return F / (F.norm(dim=dim, keepdim=True) + 1e-10)


def _lpips_parts(count: int) -> dict[str, Part]:
    """Return the parts of LPIPS, right and wrong: what is done to the features, to their difference, and the sums."""
    other = [
        ("normalisation", lambda F: F, "not divided by their norm at each pixel."),
        ("normalisation", lambda F: F / F.norm(), "divided by the norm of the whole layer: at each pixel it is the norm over the channels, F.norm(dim=0, keepdim=True)."),
        ("axis", lambda F: _unit(F, (1, 2)), "divided by the norm of each channel: at each pixel it is the norm over the channels, dim=0."),
        ("axis", lambda F: _unit(F, -1), "divided by a norm along the columns: the channels are dimension 0."),
        ("axis", lambda F: _unit(F, 1), "divided by a norm along the rows: the channels are dimension 0."),
        ("normalisation", lambda F: F / (F.square().sum(0, keepdim=True) + 1e-10), "divided by the squared norm: a root is missing."),
        ("value", lambda F: F / (F.abs().sum(0, keepdim=True) + 1e-10), "divided by the sum of the moduli: take the Euclidean norm."),
        ("value", lambda F: F / (F.amax(0, keepdim=True) + 1e-10), "divided by the largest: take the Euclidean norm."),
    ]  # fmt: skip
    return {
        "features": ((_unit, _unit), [
            *((cause, (f, f), f"The features are {text}") for cause, f, text in other),
            *((cause, (f, _unit), f"The features of u are {text}") for cause, f, text in other),
            *((cause, (_unit, f), f"The features of v are {text}") for cause, f, text in other),
        ]),
        "difference": (lambda x, y: (x - y).square(), [
            ("value", lambda x, y: (x - y).abs(), "The differences are not squared."),
            ("order", lambda x, y: x.square() - y.square(), "The difference comes first: (F − G)², not F² − G²."),
        ]),
        "weight": (lambda w: w, [
            ("weight", lambda w: w**2, "The weights are squared: those of the package multiply the squares already."),
            ("weight", lambda w: torch.ones_like(w), "The weights are not used."),
            ("weight", lambda w: w / w.sum(), "You divide the weights by their sum: take them as they are."),
            ("weight", lambda w: w.sqrt(), "You take the root of the weights: take them as they are."),
        ]),
        "pixels": (lambda d: d.sum(0).mean(), [
            ("normalisation", lambda d: d.sum(), "The sum over the pixels is not divided by H W."),
            ("normalisation", lambda d: d.mean(), "You average over the channels: they are added, the pixels are averaged."),
            ("square-root", lambda d: d.sum(0).mean().sqrt(), "You take a root in each layer: the published distance has none."),
            ("square-root", lambda d: d.sum(0).sqrt().mean(), "You take a root at each pixel: the published distance has none."),
        ]),
        "layers": (slice(None), [
            ("truncation", slice(-1, None), "Only the last layer counts: add up all the layers."),
            ("truncation", slice(0, 1), "Only the first layer counts: is return inside the loop?"),
        ]),
        "last": (lambda x: x, [
            ("square-root", lambda x: x.sqrt(), "This is the slide's LPIPS, the root. The published distance, asked for here, is its square."),
            ("normalisation", lambda x: x / count, "You average over the layers: they are added."),
        ]),
    }  # fmt: skip
