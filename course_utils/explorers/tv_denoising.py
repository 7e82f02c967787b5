"""Explorer of lesson 07: denoising with smoothed total variation or Tychonov, behind a divider."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_choice, require_count, require_number
from course_utils.derivatives import laplacian
from course_utils.explorers.base import Explorer, Numbers, call, choice, explorer, log_slider, slider
from course_utils.images import add_noise, load_image
from course_utils.metrics import psnr
from course_utils.priors import smoothed_tv_gradient
from course_utils.restoration import accelerated_tv_denoise, tychonov_denoise

REGULARIZERS = ("smoothed TV", "Tychonov")
TV_ITERATIONS = 80  # what fits into a drawing while a slider moves
TV_FULL_ITERATIONS = 1000  # when it is at rest; the line of numbers says how far they have converged

Denoise = Callable[[Tensor, float, float, int], Tensor]
Smooth = Callable[[Tensor, float], Tensor]


@cache
def _photograph_and_noise(size: int = 256, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return the cameraman and noise of standard deviation 1."""
    u0 = load_image("cameraman", size)
    return u0, add_noise(torch.zeros_like(u0), 1.0, torch.Generator().manual_seed(seed))


def _tv_restored(
    lam: float, eps: float, sigma: float, regularizer: str, denoise: Denoise, tychonov: Smooth, n: int
) -> tuple[Tensor, Tensor, dict[str, float | str]]:
    """Return the noisy image, the restored one and their numbers."""
    u0, noise = _photograph_and_noise()
    v = u0 + sigma * noise
    if regularizer == "Tychonov":
        u = call(tychonov, v.shape, v, lam).to(v)
        slope = u - v - lam * laplacian(u)
    else:
        u = call(denoise, v.shape, v, lam, eps, n).to(v)
        slope = u - v + lam * smoothed_tv_gradient(u, eps)
    numbers: dict[str, float | str] = {"PSNR of v (dB)": psnr(v, u0), "PSNR (dB)": psnr(u, u0)}
    numbers["RMS of ∇F"] = f"{slope.square().mean().sqrt().item():.0e}"
    return v, u, numbers if regularizer == "Tychonov" else numbers | {"iterations": f"at most {n}"}


def _split_view(before: Tensor, after: Tensor, divider: float) -> Tensor:
    """Return an image that is ``before`` left of a white line and ``after`` right of it."""
    column = round(require_number(divider, "divider", minimum=0) * before.shape[-1])
    line = torch.ones_like(before[:, :1])[:, : int(0 < column < before.shape[-1])]
    return torch.cat([before[:, :column], line, after[:, column + line.shape[1] :]], dim=1)


def tv_picture(
    lam: float = 0.08,
    eps: float = 1e-2,
    sigma: float = 0.1,
    regularizer: str = "smoothed TV",
    divider: float = 0.5,
    denoise: Denoise = accelerated_tv_denoise,
    tychonov: Smooth = tychonov_denoise,
    n_iterations: int = TV_ITERATIONS,
) -> tuple[Float[Tensor, "H W"], dict[str, float | str]]:
    """Return the cameraman, noisy left of a divider and denoised right of it, and the numbers of the whole image.

    Parameters
    ----------
    lam : float
        Weight λ >= 0.
    eps : float
        Smoothing ε > 0 of the total variation, in the unit of the image; Tychonov does not use it.
    sigma : float
        Noise, >= 0, for images with values in [0, 1].
    regularizer : str
        "smoothed TV" or "Tychonov".
    divider : float
        Place of the divider, 0 (only the denoised image) to 1 (only the noisy one).
    denoise : callable
        Minimizes with TV_ε in n iterations, ``denoise(v, lam, eps, n)``: your own solution, if you like.
    tychonov : callable
        Minimizes with Tychonov's regularization, ``tychonov(v, lam)``: likewise.
    n_iterations : int
        n, at least 1.

    Returns
    -------
    (Tensor, dict)
        ``(256, 256)``, not clipped; PSNR of the noisy and of the denoised image in dB, and the root mean square of
        ∇F, which bounds the RMSE to the minimizer.

    Raises
    ------
    ValueError, TypeError
        If ``regularizer`` is unknown or a number is out of its range.
    """
    require_choice(regularizer, "regularizer", REGULARIZERS)
    lam, sigma = require_number(lam, "lam", minimum=0), require_number(sigma, "sigma", minimum=0)
    eps = require_number(eps, "eps", minimum=0, strict=True)
    if require_number(divider, "divider", minimum=0) > 1:
        raise ValueError(f"divider must be at most 1, got {divider:g}")
    n = require_count(n_iterations, "n_iterations")
    v, u, numbers = _tv_restored(lam, eps, sigma, regularizer, denoise, tychonov, n)
    return _split_view(v, u, divider), numbers


@explorer
def explore_tv(
    denoise: Denoise = accelerated_tv_denoise,
    tychonov: Smooth = tychonov_denoise,
    n_iterations: int = TV_FULL_ITERATIONS,
) -> Explorer:
    """Return an explorer of denoising: regularizer, λ, ε and σ, and a divider between the noisy and the denoised image.

    Parameters
    ----------
    denoise : callable
        Minimizes with TV_ε in n iterations, ``denoise(v, lam, eps, n)``: your own solution, if you like.
    tychonov : callable
        Minimizes with Tychonov's regularization, ``tychonov(v, lam)``: likewise.
    n_iterations : int
        n when the controls are at rest; while one moves it is 80 at most. The numbers say which.

    Returns
    -------
    Explorer
        Controls "lam", "eps", "sigma", "regularizer" and "divider", as the arguments of `tv_picture`.
    """
    n_iterations = require_count(n_iterations, "n_iterations")
    controls = {
        "lam": log_slider("λ", 0.08, -3, 1, 0.05),
        "eps": log_slider("ε", 1e-2, -3, 0, 0.05),
        "sigma": slider("noise σ", 0.1, 0.0, 0.3, 0.01),
        "regularizer": choice("regularizer", REGULARIZERS),
        "divider": slider("divider", 0.5, 0.0, 1.0, 0.02),
    }
    known: dict[tuple[object, ...], tuple[Tensor, Tensor, dict[str, float | str]]] = {}  # the last result

    def restored(n: int, *values: Any) -> tuple[Tensor, Tensor, dict[str, float | str]]:
        if values not in known:
            lam, eps, sigma, regularizer = values
            result = _tv_restored(lam, eps, sigma, regularizer, denoise, tychonov, n)
            if n < n_iterations and regularizer != "Tychonov":
                return *result[:2], result[2] | {"iterations": f"at most {n} while you move"}
            known.clear()
            known[values] = result
        return known[values]  # moving the divider computes nothing

    def draw(n: int, *values: Any) -> tuple[Tensor, Numbers]:
        v, u, numbers = restored(n, *values[:-1])
        return _split_view(v, u, values[-1]), numbers

    alt = "The cameraman, noisy left of the divider, denoised right of it"
    draft, full = (partial(draw, n) for n in (min(TV_ITERATIONS, n_iterations), n_iterations))
    return Explorer("denoising", controls, full, alt, zoom=2, draft=draft)
