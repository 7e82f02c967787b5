"""Explorer of lesson 06: the pseudo-inverse of a blur, tamed in three ways, with the curve of the PSNR."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import ipywidgets as widgets
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_choice, require_number
from course_utils.explorers.base import Explorer, Numbers, call, choice, curve_svg, explorer, slider, widths
from course_utils.fourier import gaussian_kernel, kernel_to_transfer
from course_utils.images import add_noise, load_image, to_gray
from course_utils.metrics import psnr
from course_utils.operators import blur
from course_utils.restoration import pseudo_inverse_deblur

Deblur = Callable[[Tensor, Tensor, float], Tensor]
STEPS = (*range(1, 11), *range(12, 21, 2), *range(25, 51, 5), *range(60, 101, 10), *range(120, 201, 20), 250, 300, 400)
STEPS += (500, 700, 1000, 1500, 2000, 2500, 3000)

# method -> (what its parameter is called, the values of the slider). There are as many for each method: when their
# number changes, JupyterLab moves the slider to a place of its own.
INVERSE_METHODS: dict[str, tuple[str, tuple[float, ...]]] = {
    "truncation": ("tol", tuple(10 ** (i / 4) for i in range(-41, 0))),
    "ridge": ("λ", tuple(10 ** (i / 4) for i in range(-40, 1))),
    "early stopping": ("n", STEPS),
}


RidgePath = Callable[[Tensor, Tensor, Sequence[float]], Tensor]


@dataclass(frozen=True)
class _BlurredPhotograph:
    """A photograph blurred by a Gaussian kernel, with everything that does not depend on a slider."""

    u0: Tensor
    kernel: Tensor
    blurred: Tensor
    noise: Tensor  # of standard deviation 1
    k_hat: Tensor  # half spectra, as from rfft2
    u0_hat: Tensor
    noise_hat: Tensor


@cache
def _blurred_photograph(size: int = 256, blur_std: float = 2.0, seed: int = 6) -> _BlurredPhotograph:
    u0, kernel = to_gray(load_image("cameraman", size)), gaussian_kernel(blur_std)
    noise = add_noise(torch.zeros_like(u0), 1.0, torch.Generator().manual_seed(seed))
    k_hat = kernel_to_transfer(kernel, u0.shape)[:, : size // 2 + 1]
    spectra = (torch.fft.rfft2(u0), torch.fft.rfft2(noise))
    return _BlurredPhotograph(u0, kernel, blur(u0, kernel), noise, k_hat, *spectra)


def _kept(method: str, value: float, power: Tensor) -> Tensor:
    """Return what a method keeps of each frequency of the image, 0 to 1, for power = |k̂|², ‖A‖ = 1 and τ = 1."""
    if method == "truncation":
        return (power.sqrt() > value * power.max().sqrt()).to(power)
    if method == "ridge":
        return power / (power + value)
    return -torch.expm1(value * torch.log1p(-power.clamp(max=1.0)))  # 1 - (1 - s²)^n without cancellation


@cache
def _error_terms(method: str) -> tuple[tuple[float, float, float], ...]:
    """Return (a, b, c) for each value of a method's slider: with noise σ the mean square error is a + 2bσ + cσ².

    a is that of the restoration without noise, c that of the restored noise, b their inner product: by Parseval.
    """
    photograph = _blurred_photograph()
    twice = torch.full_like(photograph.k_hat.real, 2.0)  # columns that rfft2 leaves out count through these
    twice[:, [0, -1]] = 1.0
    weight = twice / photograph.u0.numel() ** 2
    noise_hat, power = photograph.noise_hat / photograph.k_hat, photograph.k_hat.abs().square()
    image = weight * photograph.u0_hat.abs().square()
    noise = weight * noise_hat.abs().square()
    both = weight * (photograph.u0_hat.conj() * noise_hat).real
    terms = []
    for value in INVERSE_METHODS[method][1]:
        kept = _kept(method, value, power)
        lost = kept - 1
        products = (lost.square() * image, lost * kept * both, kept.square() * noise)
        a, b, c = (product.sum().item() for product in products)
        terms.append((a, b, c))
    return tuple(terms)


def _inverse_curve(method: str, sigma: float) -> list[float]:
    """Return the PSNR for each value of a method's slider."""
    return [-10 * math.log10(a + 2 * b * sigma + c * sigma**2) for a, b, c in _error_terms(method)]


def pseudo_inverse_picture(
    method: str,
    value: float,
    sigma: float,
    deblur: Deblur = pseudo_inverse_deblur,
    ridge_path: RidgePath | None = None,
) -> tuple[Float[Tensor, "H W"], dict[str, float]]:
    """Return the blurred photograph of notebook 06 restored by one of its three methods, and its numbers.

    Parameters
    ----------
    method : str
        "truncation" (of the pseudo-inverse), "ridge" or "early stopping" (of Landweber's iteration with τ = 1).
    value : float
        Its parameter: tol relative to max|k_hat|, λ > 0 or the number n >= 1 of steps.
    sigma : float
        Noise, >= 0, for images with values in [0, 1].
    deblur : callable
        Computes the truncated pseudo-inverse, ``deblur(v, kernel, tol)``: your own solution, if you like.
    ridge_path : callable
        Computes the ridge solution, ``ridge_path(v, kernel, [lam])[0]``: likewise. By default from stored spectra.

    Returns
    -------
    (Tensor, dict)
        The restored image ``(256, 256)``; its PSNR, and that of the observation, in dB.

    Raises
    ------
    ValueError, TypeError
        If ``method`` is unknown, or ``value`` or ``sigma`` is out of its range.
    """
    require_choice(method, "method", INVERSE_METHODS)
    value = require_number(value, "value", minimum=0, strict=True)
    sigma = require_number(sigma, "sigma", minimum=0)
    photograph = _blurred_photograph()
    v = photograph.blurred + sigma * photograph.noise
    if method == "truncation":
        u = call(deblur, v.shape, v, photograph.kernel, value).to(v)
    elif method == "ridge" and ridge_path:
        u = call(ridge_path, (1, *v.shape), v, photograph.kernel, [value])[0].to(v)
    else:
        kept = _kept(method, value, photograph.k_hat.abs().square())
        u = torch.fft.irfft2(kept / photograph.k_hat * torch.fft.rfft2(v), s=v.shape)
    return u, {"PSNR (dB)": psnr(u, photograph.u0), "PSNR of v (dB)": psnr(v, photograph.u0)}


def _parameter_label(name: str, value: float) -> str:
    return f"{name} = {value:.2g}" if value < 1 else f"{name} = {value:g}"


def inverse_curve_svg(method: str, value: float, sigma: float) -> str:
    """Return the PSNR of a method against its parameter as SVG, with a dot at ``value``, in the colour of text."""
    name, values = INVERSE_METHODS[method]
    levels = [max(level, -30.0) for level in _inverse_curve(method, sigma)]  # below -30 dB all is noise
    low, high = min(levels), max(levels)
    points = [(i / (len(values) - 1), (level - low) / (high - low)) for i, level in enumerate(levels)]
    here = min(range(len(values)), key=lambda i: abs(math.log(values[i] / value)))
    ends = [_parameter_label(name, value) for value in (values[0], values[-1])]
    spoken = f"PSNR against {name}: {levels[here]:.1f} dB at the dot, at best {high:.1f} dB"
    return curve_svg(points, here, [f"{high:.0f} dB", f"{low:.0f} dB", *ends], spoken)


@explorer
def explore_pseudo_inverse(deblur: Deblur = pseudo_inverse_deblur, ridge_path: RidgePath | None = None) -> Explorer:
    """Return an explorer of the three ways to tame the pseudo-inverse of a blur: observation | restored, PSNR curve.

    Parameters
    ----------
    deblur : callable
        Computes the truncated pseudo-inverse, ``deblur(v, kernel, tol)``: your own solution, if you like.
    ridge_path : callable
        Computes the ridge solution, ``ridge_path(v, kernel, [lam])[0]``: likewise. By default from stored spectra.

    Returns
    -------
    Explorer
        Controls "method", "parameter" (tol, λ or the number of steps) and "noise" (255 σ).
    """

    def options(method: str) -> list[tuple[str, float]]:
        name, values = INVERSE_METHODS[method]
        return [(_parameter_label(name, value), value) for value in values]

    method = choice("method", list(INVERSE_METHODS))
    parameter = widgets.SelectionSlider(options=options("truncation"), index=37, description="parameter", **widths())
    noise = slider("noise (255 σ)", 4.0, 0.0, 20.0, 1.0)
    curve = widgets.HTML()  # inline, so that its text has the colour of the theme

    def change_method(change: Mapping[str, Any]) -> None:
        parameter.options = options(change["new"])
        parameter.index = len(parameter.options) // 2

    def draw(name: str, value: float, gray_levels: float) -> tuple[Tensor, Numbers]:
        if value not in INVERSE_METHODS[name][1]:  # between a change of method and that of its slider
            value = INVERSE_METHODS[name][1][0]
        sigma = gray_levels / 255
        u, numbers = pseudo_inverse_picture(name, value, sigma, deblur, ridge_path)
        curve.value = inverse_curve_svg(name, value, sigma)
        photograph = _blurred_photograph()
        return torch.cat([photograph.blurred + sigma * photograph.noise, u], dim=1), numbers

    method.observe(change_method, names="value")
    controls = {"method": method, "parameter": parameter, "noise": noise}
    alt = "Left the blurred, noisy photograph, right the restored one"
    return Explorer("the pseudo-inverse", controls, draw, alt, extra=[curve])
