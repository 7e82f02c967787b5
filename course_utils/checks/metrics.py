"""Checks of lesson 09: MSE, PSNR, SSIM of a patch, its factors, the SSIM map and its mean, LPIPS."""

from __future__ import annotations

import math

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
)

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


def _factors(x: Tensor, y: Tensor, n_minus_1: bool = False, c1: float = C1, c2: float = C2) -> dict[str, Tensor]:
    """Return SSIM of two patches in parts, as numbers: numerators and denominators of its two fractions, and moments."""
    n = x.numel() - n_minus_1
    mx, my = x.mean(), y.mean()
    vx, vy, cov = ((x - mx) ** 2).sum() / n, ((y - my) ** 2).sum() / n, ((x - mx) * (y - my)).sum() / n
    return {
        "mx": mx, "my": my, "vx": vx, "vy": vy, "cov": cov, "s": (vx * vy).sqrt(),
        "l": (2 * mx * my + c1) / (mx**2 + my**2 + c1), "cs": (2 * cov + c2) / (vx + vy + c2),
    }  # fmt: skip


def _all(pairs: list[tuple[Tensor, Tensor]], formula: object, **options: object) -> Tensor:
    parts = [_factors(x, y, **options) for x, y in pairs]  # type: ignore[arg-type]
    return torch.tensor([float(formula(**p)) for p in parts], dtype=torch.float64)  # type: ignore[operator]


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

    def ssim(l: Tensor, cs: Tensor, **_: Tensor) -> Tensor:  # noqa: E741
        return l * cs

    right = _all(pairs, ssim)
    recognise(
        answer,
        ("normalisation", _all(pairs, ssim, n_minus_1=True), "The variances are divided by n − 1. Divide by n: x.var(correction=0), or the mean of the squares."),
        ("normalisation", _all(pairs, lambda l, cov, vx, vy, **_: l * (2 * cov + C2) / ((vx + vy) * _share(pairs, vx) + C2)), "The variances are divided by n − 1 and the covariance by n. Divide all by n: x.var(correction=0)."),  # noqa: E741
        ("value", _all(pairs, ssim, c1=0.0, c2=0.0), "c₁ and c₂ are missing: they keep the denominators away from 0."),
        ("value", _all(pairs, ssim, c1=0.01, c2=0.03), "k₁ and k₂ are not squared: c₁ = (0.01 L)², c₂ = (0.03 L)²."),
        ("value", _all(pairs, ssim, c1=C2, c2=C1), "c₁ and c₂ are exchanged: 0.01 belongs to the means, 0.03 to the variances."),
        ("value", _all(pairs, ssim, c1=C1 * 255**2, c2=C2 * 255**2), "L is 255 in your constants, and 1 in the images."),
        ("value", _all(pairs, lambda cs, **_: cs), "The first fraction, with the means, is missing."),
        ("value", _all(pairs, lambda l, **_: l), "The second fraction, with variances and covariance, is missing."),  # noqa: E741
        ("weight", _all(pairs, lambda mx, my, cs, **_: (mx * my + C1) / (mx**2 + my**2 + C1) * cs), "The 2 in front of μ_x μ_y is missing."),
        ("weight", _all(pairs, lambda l, cov, vx, vy, **_: l * (cov + C2) / (vx + vy + C2)), "The 2 in front of σ_xy is missing."),  # noqa: E741
        ("square-root", _all(pairs, lambda l, cov, vx, vy, **_: l * (2 * cov + C2) / (vx.sqrt() + vy.sqrt() + C2)), "The variances in the denominator are σ², not σ: .var(), not .std()."),  # noqa: E741
        ("value", _all(pairs, lambda l, s, vx, vy, **_: l * (2 * s + C2) / (vx + vy + C2)), "σ_xy is the covariance of x and y, not the product σ_x σ_y: the structure is lost."),  # noqa: E741
        ("mean", _all(pairs, lambda l, cov, mx, my, vx, vy, **_: l * (2 * (cov + mx * my) + C2) / (vx + vy + C2)), "Your covariance is the mean of x y: subtract the means first."),  # noqa: E741
        ("value", _all(pairs, lambda mx, my, cs, **_: (2 * mx * my + C1) / ((mx + my) ** 2 + C1) * cs), "The denominator has μ_x² + μ_y², not (μ_x + μ_y)²."),
        ("order", _all(pairs, lambda l, cs, **_: l + cs), "The two fractions are multiplied, not added."),  # noqa: E741
        ("order", 1 - right, "SSIM is 1 for equal patches: this is 1 − SSIM."),
        ("value", _all(pairs, lambda l, cov, s, **_: l * (cov + C2 / 2) / (s + C2 / 2)), "The contrast is missing: the denominator is σ_x² + σ_y² + c₂, not 2σ_x σ_y + c₂."),  # noqa: E741
        ("clipping", right.abs(), "SSIM can be negative, when the patches are opposed: take no modulus."),
    )  # fmt: skip
    expect_close(answer, right, "value", "This is not SSIM(x, y), with means over all pixels, c₁ = 0.01² and c₂ = 0.03².")
    return "SSIM of patches of strong and weak contrast, alike and opposed"


def _share(pairs: list[tuple[Tensor, Tensor]], variance: Tensor) -> float:
    """Return n / (n − 1) for the patch of this variance."""
    n = next(x.numel() for x, _ in pairs if math.isclose(x.var(correction=0).item(), variance.item(), rel_tol=1e-12))
    return n / (n - 1)


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
    answer, right = _answered_factors(student, pairs), _three_factors(pairs)
    recognise(
        answer,
        ("order", right[:, [1, 0, 2]], "Luminance and contrast are exchanged: the order is l, c, s."),
        ("order", right[:, [0, 2, 1]], "Contrast and structure are exchanged: the order is l, c, s."),
        ("order", right[:, [2, 1, 0]], "The order is l, c, s."),
        ("normalisation", _three_factors(pairs, n_minus_1=True), "Divide the variances and the covariance by n, not n − 1."),
    )
    for name, column, expected, known in zip(("luminance", "contrast", "structure"), answer.T, right.T, _wrong_factors(pairs, right), strict=True):
        recognise(column, *known)
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


def _three_factors(pairs: list[tuple[Tensor, Tensor]], **options: object) -> Tensor:
    return torch.stack([
        _all(pairs, lambda l, **_: l, **options),  # noqa: E741
        _all(pairs, lambda s, vx, vy, **_: (2 * s + C2) / (vx + vy + C2), **options),
        _all(pairs, lambda cov, s, **_: (cov + C2 / 2) / (s + C2 / 2), **options),
    ], dim=1)  # fmt: skip


def _wrong_factors(pairs: list[tuple[Tensor, Tensor]], right: Tensor) -> list[list[tuple[str, Tensor, str]]]:
    """Return the known mistakes of the luminance, of the contrast and of the structure."""
    return [
        [  # luminance
            ("value", _all(pairs, lambda mx, my, **_: 2 * mx * my / (mx**2 + my**2)), "c₁ is missing in the luminance."),
            ("value", _all(pairs, lambda l, **_: l, c1=C2), "The luminance has c₁ = 0.01², not c₂."),  # noqa: E741
            ("value", _all(pairs, lambda l, **_: l, c1=0.01), "k₁ is not squared: c₁ = 0.01²."),  # noqa: E741
            ("weight", _all(pairs, lambda mx, my, **_: (mx * my + C1) / (mx**2 + my**2 + C1)), "The 2 in front of μ_x μ_y is missing."),
        ],
        [  # contrast
            ("value", _all(pairs, lambda cs, **_: cs), "The contrast has 2σ_x σ_y + c₂ in its numerator. The slide's σ_xy is a slip: with it, the product of the three is not SSIM."),
            ("value", _all(pairs, lambda cov, vx, vy, **_: (cov + C2) / (vx + vy + C2)), "The contrast has 2σ_x σ_y + c₂ in its numerator, not σ_xy."),
            ("value", _all(pairs, lambda s, vx, vy, **_: 2 * s / (vx + vy)), "c₂ is missing in the contrast."),
            ("square-root", _all(pairs, lambda s, vx, vy, **_: (2 * s**2 + C2) / (vx + vy + C2)), "The contrast has σ_x σ_y, the product of the standard deviations: a root is missing."),
            ("square-root", _all(pairs, lambda s, vx, vy, **_: (2 * s + C2) / (vx.sqrt() + vy.sqrt() + C2)), "The denominator of the contrast has the variances σ²."),
            ("weight", _all(pairs, lambda s, vx, vy, **_: (s + C2) / (vx + vy + C2)), "The 2 in front of σ_x σ_y is missing."),
        ],
        [  # structure
            ("value", _all(pairs, lambda cov, s, **_: (cov + C2) / (s + C2)), "The structure has c₂/2, not c₂: only then the product is SSIM."),
            ("value", _all(pairs, lambda cov, s, **_: cov / s), "c₂/2 is missing in the structure."),
            ("mean", _all(pairs, lambda cov, s, mx, my, **_: (cov + mx * my + C2 / 2) / (s + C2 / 2)), "Your covariance is the mean of x y: subtract the means first."),
            ("square-root", _all(pairs, lambda cov, s, **_: (cov + C2 / 2) / (s**2 + C2 / 2)), "The structure divides by σ_x σ_y, the product of the standard deviations: a root is missing."),
            ("clipping", right[:, 2].abs(), "The structure can be negative, when the patches are opposed: take no modulus."),
        ],
    ]  # fmt: skip


# --- SSIM of images --------------------------------------------------------------------------------------------------


def _map(u: Tensor, v: Tensor, g: Tensor, pad: int = 0, c1: float = C1, c2: float = C2, part: str = "both") -> Tensor:
    """Return the SSIM map with the window g; ``pad`` pixels of zeros around the images; or one of its fractions."""

    def mean(w: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(w[None, None], g[None, None], padding=pad)[0, 0]

    mu, mv = mean(u), mean(v)
    vu, vv, cov = mean(u * u) - mu**2, mean(v * v) - mv**2, mean(u * v) - mu * mv
    luminance = (2 * mu * mv + c1) / (mu**2 + mv**2 + c1)
    fractions = {"luminance": luminance, "structure": (2 * cov + c2) / (vu + vv + c2)}
    if part == "uncentred":
        return luminance * (2 * mean(u * v) + c2) / (mean(u * u) + mean(v * v) + c2)
    if part == "roots":
        return luminance * (2 * cov + c2) / (vu.clamp(min=0).sqrt() + vv.clamp(min=0).sqrt() + c2)
    return fractions.get(part, fractions["luminance"] * fractions["structure"])


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
        if isinstance(result, Tensor) and tuple(result.shape) == shape:
            text = "The map is as large as the image: only windows inside the image count, so take no padding, and get (H − 10, W − 10)."
            raise Mistake("boundary", text, {"your shape": shape, "expected shape": inside})
        answer = student.as_tensor(result, inside)
        g = _window()
        right = metrics.ssim_map(u, v)
        if is_close(answer, right):
            continue
        wide = torch.exp(-(torch.arange(-5, 6, dtype=torch.float64) ** 2) / 1.5**2)
        narrow = torch.exp(-(torch.arange(-5, 6, dtype=torch.float64) ** 2) / (2 * 1.5))
        recognise(
            answer,
            ("value", _map(u, v, torch.full((11, 11), 1 / 121, dtype=torch.float64)), "Your window is flat: it is a Gaussian of standard deviation 1.5."),
            ("normalisation", _map(u, v, g / g.max()), "The window's sum is not 1: divide it by its sum."),
            ("normalisation", _map(u, v, g / g.max() / (2 * math.pi * 1.5**2)), "The factor 1/(2πσ²) does not make the sum of an 11 × 11 window exactly 1: divide by the sum."),
            ("value", _map(u, v, torch.outer(wide, wide) / wide.sum() ** 2), "The exponent of the Gaussian is −t²/(2σ²): a ½ is missing."),
            ("value", _map(u, v, torch.outer(narrow, narrow) / narrow.sum() ** 2), "The exponent of the Gaussian is −t²/(2σ²): σ is not squared."),
            ("value", _map(u, v, _window(1.0)), "The standard deviation of the window is 1.5."),
            ("value", _map(u, v, _window(11 / 6)), "The standard deviation of the window is 1.5."),
            ("value", _map(u, v, g, c1=0.0, c2=0.0), "c₁ and c₂ are missing."),
            ("value", _map(u, v, g, c1=0.01, c2=0.03), "k₁ and k₂ are not squared: c₁ = 0.01², c₂ = 0.03²."),
            ("value", _map(u, v, g, c1=C2, c2=C1), "c₁ and c₂ are exchanged: 0.01 belongs to the means, 0.03 to the variances."),
            ("value", _map(u, v, g, c1=C1 * 255**2, c2=C2 * 255**2), "L is 255 in your constants, and 1 in the images."),
            ("value", _map(u, v, g, part="luminance"), "The second fraction, with variances and covariance, is missing."),
            ("value", _map(u, v, g, part="structure"), "The first fraction, with the means, is missing."),
            ("mean", _map(u, v, g, part="uncentred"), "The squares of the means are not subtracted: σ_x² is the mean of u² minus μ_x²."),
            ("square-root", _map(u, v, g, part="roots"), "The denominator has the variances σ², without root."),
        )  # fmt: skip
        expect_close(answer, right, "value", "This is not SSIM of the 11 × 11 patches with the Gaussian window.")
    return "SSIM of all 11 × 11 patches inside, with the Gaussian window, on images of odd and even sides"


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
    answer = torch.tensor([student.number(u, v) for u, v in pairs], dtype=torch.float64)

    def each(f: object) -> Tensor:
        return torch.tensor([f(metrics.ssim_map(u, v)) for u, v in pairs], dtype=torch.float64)  # type: ignore[operator]

    right = each(lambda s: s.mean())
    recognise(
        answer,
        ("normalisation", each(lambda s: s.sum()), "This is the sum: take the mean."),
        ("normalisation", torch.tensor([(metrics.ssim_map(u, v).sum() / u.numel()).item() for u, v in pairs], dtype=torch.float64), "Divide by the number of patches, (M − 10)(N − 10), not of pixels."),
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

    def unit(F: Tensor, dim: int = 0) -> Tensor:
        return F / (F.norm(dim=dim, keepdim=True) + 1e-10)

    def each(distance: object, layers: slice = slice(None), normalise: object = unit) -> Tensor:
        return torch.tensor([
            sum(float(distance(weights[n], normalise(F[n]) - normalise(G[n]))) for n in list(weights)[layers])  # type: ignore[operator, misc]
            for F, G in cases
        ], dtype=torch.float64)  # fmt: skip

    def weighted(w: Tensor, d: Tensor) -> Tensor:
        return (w[:, None, None] * d.square()).sum(dim=0)

    recognise(
        answer,
        ("square-root", right.sqrt(), "This is the slide's LPIPS, the root. The published distance, asked for here, is its square."),
        ("square-root", each(lambda w, d: weighted(w, d).mean().sqrt()), "You take a root in each layer: the published distance has none."),
        ("square-root", each(lambda w, d: weighted(w, d).sqrt().mean()), "You take a root at each pixel: the published distance has none."),
        ("normalisation", each(lambda w, d: weighted(w, d).mean(), normalise=lambda F: F), "The features are not divided by their norm at each pixel."),
        ("normalisation", each(lambda w, d: weighted(w, d).mean(), normalise=lambda F: F / F.norm()), "You divide by the norm of the whole layer: at each pixel it is the norm over the channels, F.norm(dim=0, keepdim=True)."),
        ("axis", each(lambda w, d: weighted(w, d).mean(), normalise=lambda F: unit(F, -1)), "The norm is taken along the columns: the channels are dimension 0."),
        ("axis", each(lambda w, d: weighted(w, d).mean(), normalise=lambda F: unit(F, 1)), "The norm is taken along the rows: the channels are dimension 0."),
        ("normalisation", each(lambda w, d: weighted(w, d).mean(), normalise=lambda F: F / (F.square().sum(0, keepdim=True) + 1e-10)), "You divide by the squared norm: a root is missing."),
        ("value", each(lambda w, d: weighted(w, d).mean(), normalise=lambda F: F / (F.abs().sum(0, keepdim=True) + 1e-10)), "You divide by the sum of the moduli: take the Euclidean norm."),
        ("weight", each(lambda w, d: weighted(w**2, d).mean()), "The weights are squared: those of the package multiply the squares already."),
        ("weight", each(lambda w, d: weighted(torch.ones_like(w), d).mean()), "The weights are not used."),
        ("normalisation", each(lambda w, d: weighted(w, d).sum()), "The sum over the pixels is not divided by H W."),
        ("normalisation", each(lambda w, d: weighted(w, d).mean() / len(w)), "You average over the channels: they are added, the pixels are averaged."),
        ("normalisation", right / len(weights), "You average over the layers: they are added."),
        ("value", each(lambda w, d: (w[:, None, None] * d.abs()).sum(0).mean()), "The differences are not squared."),
        ("truncation", each(lambda w, d: weighted(w, d).mean(), slice(-1, None)), "Only the last layer counts: add up all the layers."),
        ("truncation", each(lambda w, d: weighted(w, d).mean(), slice(0, 1)), "Only the first layer counts: is return inside the loop?"),
        ("order", each(lambda w, d: weighted(w, d).mean(), normalise=lambda F: F).mul(0) + torch.tensor([sum(float(weighted(weights[n], unit(F[n] - G[n])).mean()) for n in weights) for F, G in cases], dtype=torch.float64), "You normalise the difference: normalise the features first."),
    )  # fmt: skip
    expect_close(answer, right, "value", "This is not Σ_L mean Σ_c w_c (F̃_c(u) − F̃_c(v))².")
    return "the weighted square distance of the normalised features, over layers of different sizes, with a zero pixel"
