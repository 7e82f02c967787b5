"""Distances between two images of one shape: MSE, RMSE, PSNR, SSIM, LPIPS.

Channels and images of a batch are averaged, but by LPIPS, which compares the features of one image with another's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import (
    require_image,
    require_number,
    require_same_device,
    require_same_shape,
    require_tensor,
)
from course_utils.style import bures_wasserstein

WINDOW_STD = 1.5
WINDOW_SIZE = 11
K1, K2 = 0.01, 0.03
C1, C2 = K1**2, K2**2  # of images in [0, 1]


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


def patch_ssim(x: Float[Tensor, "h w"], y: Float[Tensor, "h w"]) -> float:
    """Return SSIM(x, y) = (2 μ_x μ_y + c₁)(2 σ_xy + c₂) / ((μ_x² + μ_y² + c₁)(σ_x² + σ_y² + c₂)) of two patches.

    Means, variances and covariance are over all the pixels of the patch, with 1/n. Slide "Metrics for Inverse
    Problems"; Wang, Bovik, Sheikh, Simoncelli (2004), 10.1109/TIP.2003.819861.

    >>> x = torch.tensor([[0.2, 0.4], [0.6, 0.8]])
    >>> round(patch_ssim(x, x), 4), round(patch_ssim(x, 1 - x), 2)
    (1.0, -0.98)
    """
    mean_x, mean_y, var_x, var_y, covariance = _moments(x, y)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return (luminance * (2 * covariance + C2) / (var_x + var_y + C2)).item()


def luminance_contrast_structure(x: Float[Tensor, "h w"], y: Float[Tensor, "h w"]) -> tuple[float, float, float]:
    """Return the three factors of SSIM(x, y): l = (2 μ_x μ_y + c₁) / (μ_x² + μ_y² + c₁), c and s.

    c = (2 σ_x σ_y + c₂) / (σ_x² + σ_y² + c₂) and s = (σ_xy + c₂/2) / (σ_x σ_y + c₂/2). The slide prints σ_xy in the
    numerator of c: then the product would not be SSIM.

    Slide "Metrics for Inverse Problems"; Wang, Bovik, Sheikh, Simoncelli (2004), 10.1109/TIP.2003.819861.

    >>> x = torch.tensor([[0.2, 0.4], [0.6, 0.8]])
    >>> [round(factor, 2) for factor in luminance_contrast_structure(x, 1 - x)]  # only the structure differs
    [1.0, 1.0, -0.98]
    """
    mean_x, mean_y, var_x, var_y, covariance = _moments(x, y)
    deviations = (var_x * var_y).sqrt()  # σ_x σ_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    contrast = (2 * deviations + C2) / (var_x + var_y + C2)
    structure = (covariance + C2 / 2) / (deviations + C2 / 2)
    return luminance.item(), contrast.item(), structure.item()


def mean_ssim(u: Float[Tensor, "*batch H W"], v: Float[Tensor, "*batch H W"], data_range: float = 1.0) -> float:
    """Return the mean structural similarity, the mean of `ssim_map`, in [-1, 1]; 1 when u = v.

    Slide "Structural similarity index measure (SSIM)"; Wang, Bovik, Sheikh, Simoncelli (2004), 10.1109/TIP.2003.819861.

    >>> u = torch.rand(16, 16, generator=torch.Generator().manual_seed(0))
    >>> round(mean_ssim(u, u), 4), mean_ssim(u, 1 - u) < 0
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


def lpips(
    features_u: Mapping[str, Float[Tensor, "_ _ _"]],
    features_v: Mapping[str, Float[Tensor, "_ _ _"]],
    weights: Mapping[str, Float[Tensor, " _"]],
) -> Float[Tensor, ""]:
    """Return Σ_L 1/(H_L W_L) Σ_ij Σ_c w_c (F_c(u)_ij - F_c(v)_ij)², the features F(u)_ij made of norm 1 at each pixel.

    This is the published distance: the *square* of the slide's LPIPS, whose weights are the roots of these. The
    features, layer -> (n, h, w), and the weights, layer -> (n,), are those of `load_lpips`. One number, which can be
    differentiated; 0 when u = v.

    Slide "LPIPS: Learned Perceptual Image Patch Similarity"; Zhang, Isola, Efros, Shechtman, Wang (2018),
    10.1109/CVPR.2018.00068.

    >>> features = {"relu1": torch.tensor([[[3.0]], [[4.0]]])}
    >>> scaled = {"relu1": 2 * features["relu1"]}  # the same direction
    >>> lpips(features, scaled, {"relu1": torch.ones(2)}).item()
    0.0
    """
    _require_features(features_u, features_v, weights)
    distances = []
    for layer, w in weights.items():
        difference = _unit(features_u[layer]) - _unit(features_v[layer])
        distances.append((w[:, None, None] * difference.square()).sum(dim=0).mean())
    return torch.stack(distances).sum()


def _moments(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the means, the variances and the covariance of two patches."""
    _require_pair(x, y, names=("x", "y"))
    a, b = x.cpu().double(), y.cpu().double()
    mean_x, mean_y = a.mean(), b.mean()
    var_x, var_y = (a - mean_x).square().mean(), (b - mean_y).square().mean()
    return mean_x, mean_y, var_x, var_y, ((a - mean_x) * (b - mean_y)).mean()


def _unit(features: Tensor) -> Tensor:
    """Return the features divided by their norm at each pixel."""
    return features / (torch.linalg.vector_norm(features, dim=0, keepdim=True) + 1e-10)


def _require_features(
    features_u: Mapping[str, Tensor], features_v: Mapping[str, Tensor], weights: Mapping[str, Tensor]
) -> None:
    for name, value in (("weights", weights), ("features_u", features_u), ("features_v", features_v)):
        if not isinstance(value, Mapping):
            raise TypeError(f"{name} must be a dictionary from layers to tensors, got {type(value).__name__}")
        for layer in weights:
            if layer not in value:
                raise ValueError(f"{name} lacks the layer {layer!r}; it has {', '.join(value) or 'none'}")
            require_tensor(value[layer], f"{name}[{layer!r}]")
    if not weights:
        raise ValueError("weights is empty: it needs at least one layer")
    for layer, w in weights.items():
        u, v = features_u[layer], features_v[layer]
        require_same_shape(u, v, (f"features_u[{layer!r}]", f"features_v[{layer!r}]"))
        require_same_device(u, v, (f"features_u[{layer!r}]", f"features_v[{layer!r}]"))
        if u.ndim != 3 or w.shape != u.shape[:1]:
            raise ValueError(
                f"weights and features_u must have shapes (n,) and (n, h, w) at {layer!r}, "
                f"got {tuple(w.shape)} and {tuple(u.shape)}"
            )


def _require_pair(u: Tensor, v: Tensor, finite: bool = True, names: tuple[str, str] = ("u", "v")) -> None:
    require_image(u, names[0], finite=finite)
    require_image(v, names[1], finite=finite)
    require_same_shape(u, v, names)


def _window_mean(u: Tensor) -> Tensor:
    """Return the mean of every patch inside the image under the Gaussian window, columns first, then rows."""
    x = torch.arange(WINDOW_SIZE, dtype=u.dtype, device=u.device) - WINDOW_SIZE // 2
    g = torch.exp(-0.5 * (x / WINDOW_STD) ** 2)
    g = g / g.sum()
    return u.unfold(-2, WINDOW_SIZE, 1).matmul(g).unfold(-1, WINDOW_SIZE, 1).matmul(g)


def frechet_distance(features_u: Float[Tensor, "n d"], features_v: Float[Tensor, "m d"]) -> float:
    """Return W₂² of the two Gaussians with the features' means and covariances: how far two sets of images are apart.

    Covariances are divided by the number of images. It falls as the sets grow, so compare sets of one size.
    M. Heusel et al. (2017), "GANs trained by a two time-scale update rule converge to a local Nash equilibrium".
    """
    moments = []
    for name, features in (("features_u", features_u), ("features_v", features_v)):
        if require_tensor(features, name).ndim != 2 or len(features) < 2:
            raise ValueError(f"{name} must be (n, d) with n > 1, got shape {tuple(features.shape)}")
        if features.shape[1] != features_u.shape[1]:
            raise ValueError(
                f"features_v must have {features_u.shape[1]} features as features_u, got {features.shape[1]}"
            )
        x = features.detach().cpu().double()
        moments += [x.mean(dim=0), torch.cov(x.T, correction=0)]
    return bures_wasserstein(*moments).item()
