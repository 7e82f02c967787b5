"""Stationary Gaussian textures: random convolutions of a texton (Galerne, Gousseau, Morel 2011)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_generator, require_image, require_picture, require_size


def gaussian_texture(
    exemplar: Float[Tensor, "*channels H W"], generator: torch.Generator, size: tuple[int, int] | None = None
) -> Float[Tensor, "*channels height width"]:
    """Draw a sample of the stationary Gaussian texture with the mean and the covariance of an exemplar.

    x = m + t * z with z a white noise and t = (h - m) / √(H W) the texton: a random convolution. All the channels are
    convolved with one noise, which keeps the correlations between colours.

    The texton is made from the periodic component of the exemplar, ``(H, W)`` or ``(C, H, W)``. Along a direction where
    the sample of ``size`` = (height, width) is larger than the exemplar it is multiplied by a smooth window and
    surrounded by zeros; along one where it is smaller the sample is cropped. The noise is drawn in float64.
    Slide "Texture synthesis with a stationary Gaussian model"; Galerne et al. (2011), 10.1109/TIP.2010.2052822.
    """
    require_picture(exemplar, "exemplar")
    require_generator(generator)
    height, width = exemplar.shape[-2:] if size is None else require_size(size)
    canvas = (max(height, exemplar.shape[-2]), max(width, exemplar.shape[-1]))
    t = _texton_on(canvas, exemplar)
    z = torch.randn(canvas, generator=generator, dtype=torch.float64, device=generator.device).to(exemplar)
    x = torch.fft.irfft2(torch.fft.rfft2(t) * torch.fft.rfft2(z), s=canvas)
    return exemplar.mean(dim=(-2, -1), keepdim=True) + x[..., :height, :width]


def periodic_component(u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Return the periodic component p of an image u = p + s, which has no jump across the image's frame.

    The smooth component s has mean zero and solves Δs = v, where v holds the jumps of u between opposite borders.

    p has the mean of ``u``. All the discrete operators are periodic.
    L. Moisan (2011), "Periodic plus smooth image decomposition", 10.1007/s10851-010-0227-1.
    """
    require_image(u, "u")
    height, width = u.shape[-2:]
    jump = torch.zeros_like(u)
    rows, columns = u[..., -1, :] - u[..., 0, :], u[..., :, -1] - u[..., :, 0]
    jump[..., 0, :] += rows
    jump[..., -1, :] -= rows
    jump[..., :, 0] += columns
    jump[..., :, -1] -= columns
    xi = 2 * math.pi * torch.arange(height, dtype=torch.float64) / height  # on the CPU: an Apple GPU has no float64
    zeta = 2 * math.pi * torch.arange(width // 2 + 1, dtype=torch.float64) / width
    laplacian = 2 * torch.cos(xi)[:, None] + 2 * torch.cos(zeta) - 4
    laplacian[0, 0] = 1.0  # jump has mean zero: any value gives s of mean zero
    return u - torch.fft.irfft2(torch.fft.rfft2(jump) / laplacian.to(u.dtype).to(u.device), s=(height, width))


def _texton_on(canvas: tuple[int, ...], exemplar: Tensor) -> Tensor:
    """Return the texton on a canvas at least as large as the exemplar, of sum zero in each channel."""
    p = periodic_component(exemplar)
    window = torch.outer(
        *(
            _window(have, smooth=wanted > have).to(exemplar)
            for wanted, have in zip(canvas, exemplar.shape[-2:], strict=True)
        )
    )
    m = (window * p).sum(dim=(-2, -1), keepdim=True) / window.sum()
    t = exemplar.new_zeros(*exemplar.shape[:-2], *canvas)
    t[..., : exemplar.shape[-2], : exemplar.shape[-1]] = window * (p - m) / window.norm()
    return t


def _window(n: int, smooth: bool) -> Tensor:
    """Return ones, or ones that go down to zero over a tenth of ``n`` at both ends."""
    if not smooth:
        return torch.ones(n, dtype=torch.float64)
    x = torch.arange(n, dtype=torch.float64) + 0.5
    distance = torch.minimum(x, n - x) / max(0.1 * n, 1.0)
    return torch.sin(0.5 * math.pi * distance.clamp(max=1.0)) ** 2
