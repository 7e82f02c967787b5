"""Blur kernels and transfer functions: the Fourier side of periodic convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from course_utils._validation import require_kernel, require_number, require_size, require_tensor

SUBPIXELS = 64


def gaussian_kernel(std: float) -> Float[Tensor, "h h"]:
    """Return the isotropic Gaussian kernel, k(x) proportional to exp(-|x|² / (2 std²)), float64, of sum 1.

    ``std`` > 0 is in pixels; the kernel stops at 4 std from its centre. Slide "Deblurring", isotropic blur.

    >>> k = gaussian_kernel(1.0)
    >>> tuple(k.shape), round(k.sum().item(), 6), round(k[4, 4].item(), 6)
    ((9, 9), 1.0, 0.159156)
    """
    std = require_number(std, "std", minimum=0.0, strict=True)
    radius = math.ceil(4 * std)
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    g = torch.exp(-0.5 * (x / std) ** 2)
    k = torch.outer(g, g)
    return k / k.sum()


def disk_kernel(radius: float) -> Float[Tensor, "h h"]:
    """Return the kernel of a defocused lens, float64: uniform on a disk, each pixel by its covered area, of sum 1.

    ``radius`` > 0 is in pixels, and need not be an integer. Slide "Deblurring".
    """
    radius = require_number(radius, "radius", minimum=0.0, strict=True)
    half = math.ceil(radius - 0.5)
    x = torch.arange(-half, half + 1, dtype=torch.float64)
    inside = (torch.arange(SUBPIXELS, dtype=torch.float64) + 0.5) / SUBPIXELS - 0.5
    # Half a chord of the disk at each sub-row, then the exact length of it inside each pixel of that row.
    chord = (radius**2 - (x[:, None] + inside) ** 2).clamp(min=0).sqrt()[:, :, None]
    covered = torch.minimum(x + 0.5, chord) - torch.maximum(x - 0.5, -chord)
    k = covered.clamp(min=0).mean(1)
    k = k + k.T  # the sum over sub-rows is approximate, this keeps the kernel symmetric
    return k / k.sum()


def motion_kernel(length: float, angle: float) -> Float[Tensor, "h w"]:
    """Return the kernel of a uniform straight motion during the exposure, float64, of sum 1, of odd sizes.

    ``length`` > 0 is in pixels, ``angle`` in degrees, counter-clockwise: 0 is along the rows of the picture, 90 is
    upwards. Slide "Deblurring", motion blur; for a shaken camera see `trajectory_kernel`.

    >>> motion_kernel(4.0, 0.0).round(decimals=4)
    tensor([[0.1250, 0.2500, 0.2500, 0.2500, 0.1250]], dtype=torch.float64)
    """
    length = require_number(length, "length", minimum=0.0, strict=True)
    angle = math.radians(require_number(angle, "angle"))
    # Rounding removes the 1e-16 of cos(90 degrees), which would widen the kernel by two empty columns.
    end = [round(-0.5 * length * math.sin(angle), 12), round(0.5 * length * math.cos(angle), 12)]
    return trajectory_kernel(torch.tensor([[-end[0], -end[1]], end], dtype=torch.float64))


def trajectory_kernel(points: Float[Tensor, "n 2"]) -> Float[Tensor, "h w"]:
    """Return the kernel of a camera that moves along a polygonal line: the time spent at each pixel, of sum 1.

    ``points`` are n >= 2 positions (row, column) in pixels at equally spaced times, relative to the kernel's centre.
    The kernel is float64, of odd sizes, as small as the trajectory allows. Slide "Deblurring", motion blur.
    """
    points = require_tensor(points, "points").detach().cpu().double()
    if points.ndim != 2 or points.shape[0] < 2 or points.shape[1] != 2:
        raise ValueError(f"points must have shape (n, 2) with n >= 2, got shape {tuple(points.shape)}")
    per_segment = max(1, math.ceil(SUBPIXELS * points.diff(dim=0).norm(dim=1).max().item()))
    t = (torch.arange(per_segment, dtype=torch.float64) + 0.5) / per_segment
    path = (points[:-1, None] + t[:, None] * points.diff(dim=0)[:, None]).reshape(-1, 2)
    half = points.abs().amax(0).ceil().long()
    corner = path.floor()
    weight = path - corner
    k = torch.zeros(2 * int(half[0]) + 2, 2 * int(half[1]) + 2, dtype=torch.float64)  # one spare row and column
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):  # each instant is shared by its four nearest pixels
        share = (weight[:, 0] if row else 1 - weight[:, 0]) * (weight[:, 1] if column else 1 - weight[:, 1])
        place = corner.long() + half + torch.tensor([row, column])
        k.index_put_((place[:, 0], place[:, 1]), share, accumulate=True)
    return k[:-1, :-1] / k.sum()


def kernel_to_transfer(kernel: Float[Tensor, "h w"], shape: Sequence[int]) -> Complex[Tensor, "H W"]:
    """Return k_hat, the discrete Fourier transform of a kernel put on the grid of an image with its centre at 0.

    So k * u = F⁻¹(k_hat u_hat) does not move the image. ``shape`` is (..., H, W), that of the image; the result is the
    full spectrum, in the precision and on the device of the kernel. Slide "Inverse problem".

    >>> kernel_to_transfer(torch.tensor([[0.25, 0.5, 0.25]]), (1, 4)).real
    tensor([[1.0000, 0.5000, 0.0000, 0.5000]])
    """
    height, width = require_size(shape, "shape")
    h, w = require_kernel(kernel, (height, width)).shape
    padded = kernel.new_zeros(height, width)
    padded[:h, :w] = kernel
    return torch.fft.fft2(padded.roll((-(h // 2), -(w // 2)), (0, 1)))


def laplacian_transfer(shape: Sequence[int], device: torch.device | str | None = None) -> Float[Tensor, "H W"]:
    """Return L_hat, the transfer function of ∇ᵀ∇ = -Δ: 4 (sin²(π ξ / H) + sin²(π ζ / W)), float64.

    ``shape`` is (..., H, W), that of the image. The values are between 0 and 8; 8 is reached when both sizes are even.
    Slide "Explicit Solution: Wiener filtering".
    """
    height, width = require_size(shape, "shape")
    rows = torch.sin(torch.pi * torch.arange(height, dtype=torch.float64) / height).square()
    columns = torch.sin(torch.pi * torch.arange(width, dtype=torch.float64) / width).square()
    return (4 * (rows[:, None] + columns)).to(device)
