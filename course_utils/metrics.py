"""Distances between two images of one shape: MSE, RMSE, PSNR, SSIM. Channels and images of a batch are averaged."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_image, require_number, require_same_shape

WINDOW_STD = 1.5
WINDOW_SIZE = 11
K1, K2 = 0.01, 0.03


def mse(u: Float[Tensor, "*batch H W"], v: Float[Tensor, "*batch H W"]) -> float:
    """Return the mean square error, the mean of (u - v)²; it is infinite when an iterate has diverged to NaN.

    Slide "Metrics for Inverse Problems".
    """
    _require_pair(u, v, finite=False)
    error = (u - v).detach().cpu().double().square().mean().item()
    return math.inf if math.isnan(error) else error


def rmse(u: Float[Tensor, "*batch H W"], v: Float[Tensor, "*batch H W"]) -> float:
    """Return the root mean square error √MSE, in the unit of the images. Slide "Metrics for Inverse Problems"."""
    return math.sqrt(mse(u, v))


def psnr(u: Float[Tensor, "*batch H W"], v: Float[Tensor, "*batch H W"], data_range: float = 1.0) -> float:
    """Return the peak signal to noise ratio, 20 log10(MAX / RMSE(u, v)), in dB: the higher the closer.

    MAX is ``data_range``: 1 for images in [0, 1], 255 for gray levels. It is infinite when u = v, and minus infinity
    when an iterate has diverged beyond all numbers. Slide "Metrics for Inverse Problems".

    >>> u = torch.zeros(4, 6)
    >>> round(psnr(u, u + 0.1), 2), psnr(u, u), psnr(u, u + math.inf)
    (20.0, inf, -inf)
    """
    data_range = require_number(data_range, "data_range", minimum=0.0, strict=True)
    error = rmse(u, v)
    if error == 0:
        return math.inf
    return 20 * (math.log10(data_range) - math.log10(error))


def ssim(u: Float[Tensor, "*batch H W"], v: Float[Tensor, "*batch H W"], data_range: float = 1.0) -> float:
    """Return the mean structural similarity, the mean of `ssim_map`, in [-1, 1]; 1 when u = v.

    Slide "Structural similarity index measure (SSIM)"; Wang, Bovik, Sheikh, Simoncelli (2004), 10.1109/TIP.2003.819861.

    >>> u = torch.rand(16, 16, generator=torch.Generator().manual_seed(0))
    >>> round(ssim(u, u), 4), ssim(u, 1 - u) < 0
    (1.0, True)
    """
    return ssim_map(u, v, data_range).mean().item()


def ssim_map(
    u: Float[Tensor, "*batch H W"], v: Float[Tensor, "*batch H W"], data_range: float = 1.0
) -> Float[Tensor, "*batch h w"]:
    """Return SSIM(x, y) = (2 μ_x μ_y + c₁)(2 σ_xy + c₂) / ((μ_x² + μ_y² + c₁)(σ_x² + σ_y² + c₂)) of all patches.

    Means, variances and covariance are taken in 11 × 11 patches inside the image, (H - 10) × (W - 10) of them, with a
    Gaussian window of standard deviation 1.5; c₁ = (0.01 L)², c₂ = (0.03 L)², L = ``data_range``. SSIM is luminance
    times contrast times structure, with contrast (2 σ_x σ_y + c₂) / (σ_x² + σ_y² + c₂): the slide prints σ_xy there.

    Slide "Structural similarity index measure (SSIM)"; Wang, Bovik, Sheikh, Simoncelli (2004), 10.1109/TIP.2003.819861.
    """
    _require_pair(u, v)
    data_range = require_number(data_range, "data_range", minimum=0.0, strict=True)
    if min(u.shape[-2:]) < WINDOW_SIZE:
        raise ValueError(f"u must be at least {WINDOW_SIZE} pixels high and wide, got shape {tuple(u.shape)}")
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    mean_u, mean_v = _window_mean(u), _window_mean(v)
    # E[u²] - E[u]² loses digits when the mean dwarfs the variation; images in [0, 1] are far from that.
    var_u = _window_mean(u * u) - mean_u**2
    var_v = _window_mean(v * v) - mean_v**2
    covariance = _window_mean(u * v) - mean_u * mean_v
    luminance = (2 * mean_u * mean_v + c1) / (mean_u**2 + mean_v**2 + c1)
    return luminance * (2 * covariance + c2) / (var_u + var_v + c2)


def _require_pair(u: Tensor, v: Tensor, finite: bool = True) -> None:
    require_image(u, "u", finite=finite)
    require_image(v, "v", finite=finite)
    require_same_shape(u, v, ("u", "v"))


def _window_mean(u: Tensor) -> Tensor:
    """Return the mean of every patch inside the image under the Gaussian window, columns first, then rows."""
    x = torch.arange(WINDOW_SIZE, dtype=u.dtype, device=u.device) - WINDOW_SIZE // 2
    g = torch.exp(-0.5 * (x / WINDOW_STD) ** 2)
    g = g / g.sum()
    return u.unfold(-2, WINDOW_SIZE, 1).matmul(g).unfold(-1, WINDOW_SIZE, 1).matmul(g)
