"""Distances between two images: MSE, RMSE, PSNR, SSIM."""

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
    """Return the mean square error, the mean of (u - v)² over the pixels (and channels, and images).

    Parameters
    ----------
    u, v : Tensor
        Two images ``(..., H, W)`` of the same shape.

    Returns
    -------
    float
        >= 0, the lower the closer.

    Raises
    ------
    ValueError, TypeError
        If they are not finite floating-point images of the same shape.

    Notes
    -----
    Slide "Metrics for inverse problems".
    """
    _require_pair(u, v)
    return (u - v).square().mean().item()


def rmse(u: Float[Tensor, "*batch H W"], v: Float[Tensor, "*batch H W"]) -> float:
    """Return the root mean square error, the square root of `mse`, in the unit of the images.

    Parameters
    ----------
    u, v : Tensor
        Two images ``(..., H, W)`` of the same shape.

    Returns
    -------
    float
        >= 0, the lower the closer.

    Raises
    ------
    ValueError, TypeError
        If they are not finite floating-point images of the same shape.

    Notes
    -----
    Slide "Metrics for inverse problems".
    """
    return math.sqrt(mse(u, v))


def psnr(u: Float[Tensor, "*batch H W"], v: Float[Tensor, "*batch H W"], data_range: float = 1.0) -> float:
    """Return the peak signal to noise ratio, 20 log10(data_range / RMSE(u, v)), in dB.

    Parameters
    ----------
    u, v : Tensor
        Two images ``(..., H, W)`` of the same shape.
    data_range : float
        The lecture's MAX > 0: 1 for images with values in [0, 1], 255 for gray levels.

    Returns
    -------
    float
        The higher the closer; infinite when u = v.

    Raises
    ------
    ValueError, TypeError
        If they are not finite floating-point images of the same shape, or ``data_range`` is not positive.

    Notes
    -----
    Slide "Metrics for inverse problems".
    """
    data_range = require_number(data_range, "data_range", minimum=0.0, strict=True)
    error = rmse(u, v)
    return 20 * math.log10(data_range / error) if error > 0 else math.inf


def ssim(u: Float[Tensor, "*batch H W"], v: Float[Tensor, "*batch H W"], data_range: float = 1.0) -> float:
    """Return the mean structural similarity, the mean of `ssim_map` over the patches (and channels, and images).

    Parameters
    ----------
    u, v : Tensor
        Two images ``(..., H, W)`` of the same shape, at least 11 pixels high and wide.
    data_range : float
        The lecture's L > 0: 1 for images with values in [0, 1], 255 for gray levels.

    Returns
    -------
    float
        In [-1, 1]; 1 when u = v.

    Raises
    ------
    ValueError, TypeError
        If they are not finite floating-point images of the same shape, large enough, or ``data_range`` is not positive.

    Notes
    -----
    Slide "Metrics for inverse problems"; Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli (2004).
    """
    return ssim_map(u, v, data_range).mean().item()


def ssim_map(
    u: Float[Tensor, "*batch H W"], v: Float[Tensor, "*batch H W"], data_range: float = 1.0
) -> Float[Tensor, "*batch h w"]:
    """Return the structural similarity of all pairs of patches of two images.

    SSIM(x, y) = (2 μ_x μ_y + c₁)(2 σ_xy + c₂) / ((μ_x² + μ_y² + c₁)(σ_x² + σ_y² + c₂)).

    Means, variances and covariance are taken in 11 × 11 patches with a Gaussian window of standard deviation 1.5;
    c₁ = (0.01 L)², c₂ = (0.03 L)².

    Parameters
    ----------
    u, v : Tensor
        Two images ``(..., H, W)`` of the same shape, at least 11 pixels high and wide.
    data_range : float
        The lecture's L > 0: 1 for images with values in [0, 1], 255 for gray levels.

    Returns
    -------
    Tensor
        ``(..., H - 10, W - 10)``: only patches inside the image, in the precision of ``u`` and ``v``.

    Raises
    ------
    ValueError, TypeError
        If they are not finite floating-point images of the same shape, large enough, or ``data_range`` is not positive.

    Notes
    -----
    Slide "Metrics for inverse problems"; Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli (2004). SSIM is luminance times
    contrast times structure, with the contrast (2 σ_x σ_y + c₂) / (σ_x² + σ_y² + c₂): the slide prints σ_xy there.
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


def _require_pair(u: Tensor, v: Tensor) -> None:
    require_image(u, "u")
    require_image(v, "v")
    require_same_shape(u, v, ("u", "v"))


def _window_mean(u: Tensor) -> Tensor:
    """Return the mean of every patch inside the image under the Gaussian window, columns first, then rows."""
    x = torch.arange(WINDOW_SIZE, dtype=u.dtype, device=u.device) - WINDOW_SIZE // 2
    g = torch.exp(-0.5 * (x / WINDOW_STD) ** 2)
    g = g / g.sum()
    return u.unfold(-2, WINDOW_SIZE, 1).matmul(g).unfold(-1, WINDOW_SIZE, 1).matmul(g)
