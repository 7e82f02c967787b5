"""Explorer of lesson 03: the eight operators of the lecture's table, their strength, the noise and the method."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_choice, require_number
from course_utils.explorers.base import Explorer, choice, explorer, log_slider, slider
from course_utils.fourier import gaussian_kernel
from course_utils.images import load_image, shepp_logan
from course_utils.metrics import psnr
from course_utils.operators import (
    MRI,
    Blur,
    FourierSampling,
    GaussianMeasurements,
    Identity,
    LinearOperator,
    Mask,
    Radon,
    ZoomOut,
)
from course_utils.restoration import pseudo_inverse_deblur, ramp_filter, tv_restore

SIZE, TINY = 64, 24  # pixels a side; phase retrieval has a dense matrix
OPERATORS = (
    "denoising",
    "deblurring",
    "super-resolution",
    "inpainting",
    "compressive sensing",
    "MRI",
    "tomography",
    "phase retrieval",
)
METHODS = ("adjoint", "baseline", "TV")
DRAFT, FULL = 100, 1000  # iterations while a control moves, and when it is at rest
EPS = 1e-2


@cache
def _image(operator: str) -> Tensor:
    """Return the image that an operator measures: a head, the phantom for tomography, else the photograph."""
    if operator == "tomography":
        return shepp_logan(SIZE)
    if operator == "MRI":
        u = load_image("head_sagittal", SIZE)
        return u / u.max()
    return load_image("cameraman", TINY if operator == "phase retrieval" else SIZE)


@cache
def _operator(operator: str, strength: float) -> tuple[LinearOperator, str]:
    """Return A, the weaker the more it loses as ``strength`` goes from 0 to 1, and its strength in words."""
    shape = (SIZE, SIZE)
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(shape, generator=generator)
    frequency = torch.fft.fftfreq(SIZE).abs()
    share = 1 - 0.95 * strength
    if operator == "deblurring":
        std = 0.3 + 2.7 * strength
        return Blur(gaussian_kernel(std), shape), f"standard deviation {std:.1f} px"
    if operator == "super-resolution":
        s = (1, 2, 4, 8)[round(3 * strength)]
        return ZoomOut(gaussian_kernel(max(0.3, 0.4 * s)), shape, s), f"stride {s}"
    if operator == "inpainting":
        return Mask(noise < share), f"{share:.0%} of the pixels known"
    if operator == "compressive sensing":
        decay = torch.exp(-8 * strength * (frequency[:, None] + frequency))
        mask = (noise < decay) | (noise < 0.02)
        return FourierSampling(mask), f"{mask.double().mean():.0%} of the frequencies"
    if operator == "MRI":
        columns = (frequency <= 4 / SIZE) | (noise[0] < share)
        coil = torch.exp(-0.5 * torch.linspace(0, 1.5, SIZE, dtype=torch.float64) + 0.5j)
        mask = columns.expand(shape)
        return MRI(coil[:, None].expand(shape), mask), f"{columns.double().mean():.0%} of the lines"
    if operator == "tomography":
        n = max(4, round(36 * (1 - strength)))
        return Radon(torch.arange(n, dtype=torch.float64) * 180 / n, shape), f"{n} angles"
    if operator == "phase retrieval":
        ratio = 5 - 4 * strength
        return GaussianMeasurements(round(ratio * TINY**2), (TINY, TINY), generator), f"m = {ratio:.1f} d"
    return Identity(), "no loss"


def _baseline(operator: str, A: Any, v: Tensor) -> Tensor:
    """Return the classical formula: A⁺v where it is closed, zero filling, filtered backprojection, a spectral start."""
    if operator == "tomography":
        return math.pi / len(A.angles) * A.adjoint(ramp_filter(v))  # with the matrix that is there
    if operator == "MRI":
        return A.adjoint(v).real / A.coil.abs().square()
    if operator == "phase retrieval":
        u = torch.ones(A.shape, dtype=v.dtype)
        for _ in range(15):
            u = A.adjoint(v.clamp(max=5 * v.mean().item()) * A(u))
            u = u / u.norm() * v.clamp(min=0).sum().sqrt()
        return u * torch.sign(u.mean())
    return pseudo_inverse_deblur(v, A.kernel, 0.05) if operator == "deblurring" else torch.real(A.pinv(v))


def _restore(operator: str, A: LinearOperator, v: Tensor, lam: float, method: str, n: int) -> Tensor:
    if method == "adjoint":
        u = torch.real(A.adjoint(v))
        return u / u.max().clamp(min=1e-12)
    if method == "TV" and operator != "phase retrieval":
        return tv_restore(A, v, lam, EPS, n)
    u = _baseline(operator, A, v)
    return _descend(A, v, u, n) if method == "TV" else u  # no total variation for phase retrieval


def _descend(A: LinearOperator, b: Tensor, u: Tensor, n: int) -> Tensor:
    """Return the n-th iterate of gradient descent on ¼ Σ (|a_i u|² - b_i)², the step halved where it would climb."""

    def f(Au: Tensor) -> float:
        return (Au.square() - b).square().sum().item() / 4

    Au = A(u)
    step = u.norm().item() / (24 * A.adjoint(b * Au).norm().item())  # L is about three times this quotient near u0
    for _ in range(n):
        moved = u - step * A.adjoint((Au.square() - b) * Au)
        A_moved = A(moved)
        if f(A_moved) <= f(Au):
            u, Au = moved, A_moved
        else:
            step /= 2
    return u


def _shown(v: Tensor, side: int) -> Tensor:
    """Return an observation as a picture of ``side`` × ``side`` pixels over [0, 1]."""
    if v.is_complex():
        return torch.fft.fftshift(v.abs().clamp(min=1e-3).log10() / 3 + 1)
    if v.ndim == 1:
        v = torch.nn.functional.pad(v, (0, -len(v) % side)).reshape(-1, side).clamp(min=0).sqrt()
    picture = v / v.max().clamp(min=1)
    rows, columns = (torch.arange(side) * length // side for length in picture.shape)
    return picture[rows][:, columns]


def inverse_problem_picture(
    operator: str = "tomography",
    strength: float = 0.5,
    sigma: float = 0.02,
    method: str = "TV",
    lam: float = 5e-3,
    n_iterations: int = DRAFT,
) -> tuple[Float[Tensor, "H W"], dict[str, float | str]]:
    """Return the original, the observation and its restoration side by side, and the numbers to write under them.

    ``operator`` is one of `OPERATORS`, ``strength`` in [0, 1] says how much it loses; ``sigma`` is the standard
    deviation of the noise, relative to the root mean square of the data but for images; ``method`` is "adjoint",
    "baseline" or "TV" with the weight ``lam`` (10 λ for tomography, whose data are larger), n_iterations of it.
    """
    require_choice(operator, "operator", OPERATORS)
    require_choice(method, "method", METHODS)
    if require_number(strength, "strength", minimum=0) > 1:
        raise ValueError(f"strength must be at most 1, got {strength:g}")
    sigma, lam = require_number(sigma, "sigma", minimum=0), require_number(lam, "lam", minimum=0)
    u0, (A, words) = _image(operator), _operator(operator, round(strength, 2))
    clean = A(u0).abs().square() if operator == "phase retrieval" else A(u0)
    scale = math.sqrt(clean.abs().square().mean().item()) if operator in ("tomography", "phase retrieval") else 1.0
    noise = torch.randn(clean.shape, dtype=clean.dtype, generator=torch.Generator().manual_seed(1))
    v = clean + sigma * scale * noise
    slow = operator in ("tomography", "phase retrieval")
    n = n_iterations // 8 if slow and method == "TV" else n_iterations
    u = _restore(operator, A, v, 10 * lam if operator == "tomography" else lam, method, n)
    panels = [torch.nn.functional.pad(x, (0, 2), value=1.0) for x in (u0, _shown(v, u0.shape[0]))]
    numbers: dict[str, float | str] = {
        "A": words,
        "measurements / pixels": v.numel() / u0.numel(),
        "PSNR (dB)": psnr(u, u0),
    }
    if operator in ("inpainting", "compressive sensing", "MRI"):
        numbers["measurements / pixels"] = A.mask.double().mean().item()  # type: ignore[attr-defined]
    if method == "TV":
        numbers["iterations"] = str(n)
    return torch.cat([*panels, u], dim=1), numbers


@explorer
def explore_inverse_problem(n_iterations: int = FULL) -> Explorer:
    """Return an explorer of the eight operators: operator, strength, σ, method and λ, as in `inverse_problem_picture`.

    While a control moves, total variation makes 100 iterations; at rest, ``n_iterations``. Tomography makes an
    eighth of them; so does phase retrieval, of gradient descent.
    """
    controls = {
        "operator": choice("operator", OPERATORS),
        "strength": slider("strength", 0.5, 0.0, 1.0, 0.05),
        "sigma": slider("noise σ", 0.02, 0.0, 0.2, 0.01),
        "method": choice("method", METHODS),
        "lam": log_slider("λ", 5e-3, -4, -0.5, 0.1),
    }
    controls["operator"].value, controls["method"].value = "inpainting", "TV"
    return Explorer(
        "inverse problems",
        controls,
        partial(inverse_problem_picture, n_iterations=n_iterations),
        "Original, observation and restoration side by side.",
        zoom=3,
        draft=partial(inverse_problem_picture, n_iterations=DRAFT),
    )
