"""Blur kernels and transfer functions: the Fourier side of periodic convolutions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeVar

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from course_utils._validation import require_count, require_kernel, require_number, require_tensor

SUBPIXELS = 64

_Result = TypeVar("_Result")


def gaussian_kernel(std: float, truncate: float = 4.0, dtype: torch.dtype = torch.float64) -> Float[Tensor, "h h"]:
    """Return the isotropic Gaussian kernel, k(x) proportional to exp(-|x|² / (2 std²)), of sum 1.

    Parameters
    ----------
    std : float
        Standard deviation in pixels, > 0.
    truncate : float
        The kernel stops at ``ceil(truncate * std)`` pixels from its centre, > 0.
    dtype : torch.dtype
        Precision of the kernel.

    Returns
    -------
    Tensor
        Square kernel of odd size, symmetric, centre at ``(h // 2, h // 2)``.

    Raises
    ------
    ValueError, TypeError
        If ``std`` or ``truncate`` is not a positive number.

    Notes
    -----
    Slide "Deblurring", isotropic blur.
    """
    std = require_number(std, "std", minimum=0.0, strict=True)
    truncate = require_number(truncate, "truncate", minimum=0.0, strict=True)
    radius = math.ceil(truncate * std)
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    g = torch.exp(-0.5 * (x / std) ** 2)
    k = torch.outer(g, g)
    return (k / k.sum()).to(dtype)


def disk_kernel(radius: float, dtype: torch.dtype = torch.float64) -> Float[Tensor, "h h"]:
    """Return the kernel of a defocused lens: uniform on a disk, each pixel weighted by its covered area, of sum 1.

    Parameters
    ----------
    radius : float
        Radius of the disk in pixels, > 0; it need not be an integer.
    dtype : torch.dtype
        Precision of the kernel.

    Returns
    -------
    Tensor
        Square kernel of odd size, symmetric, centre at ``(h // 2, h // 2)``.

    Raises
    ------
    ValueError, TypeError
        If ``radius`` is not a positive number.

    Notes
    -----
    Slide "Deblurring" (defocus).
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
    return (k / k.sum()).to(dtype)


def motion_kernel(length: float, angle: float, dtype: torch.dtype = torch.float64) -> Float[Tensor, "h w"]:
    """Return the kernel of a uniform straight motion during the exposure, of sum 1.

    Parameters
    ----------
    length : float
        Length of the motion in pixels, > 0.
    angle : float
        Direction in degrees, counter-clockwise: 0 is along the rows of the picture, 90 is upwards.
    dtype : torch.dtype
        Precision of the kernel.

    Returns
    -------
    Tensor
        Kernel of odd sizes that fits the segment (not square in general), centred on its middle.

    Raises
    ------
    ValueError, TypeError
        If ``length`` is not a positive number or ``angle`` is not a finite number.

    Notes
    -----
    Slide "Deblurring", motion blur. For a shaken camera see `trajectory_kernel`.
    """
    length = require_number(length, "length", minimum=0.0, strict=True)
    angle = math.radians(require_number(angle, "angle"))
    # Rounding removes the 1e-16 of cos(90 degrees), which would widen the kernel by two empty columns.
    end = [round(-0.5 * length * math.sin(angle), 12), round(0.5 * length * math.cos(angle), 12)]
    return trajectory_kernel(torch.tensor([[-end[0], -end[1]], end], dtype=torch.float64), dtype)


def trajectory_kernel(points: Float[Tensor, "n 2"], dtype: torch.dtype = torch.float64) -> Float[Tensor, "h w"]:
    """Return the kernel of a camera that moves along a polygonal line: the time spent at each pixel, of sum 1.

    Parameters
    ----------
    points : Tensor
        ``(n, 2)`` positions (row, column) in pixels at equally spaced times, n >= 2, relative to the kernel's centre.
    dtype : torch.dtype
        Precision of the kernel.

    Returns
    -------
    Tensor
        Kernel of odd sizes, as small as the trajectory allows; asymmetric in general.

    Raises
    ------
    ValueError, TypeError
        If ``points`` is not a finite floating-point ``(n, 2)`` tensor with n >= 2.

    Notes
    -----
    Slide "Deblurring", motion blur.
    """
    points = require_tensor(points, "points").detach().to("cpu", torch.float64)
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
    return (k[:-1, :-1] / k.sum()).to(dtype)


def kernel_to_transfer(kernel: Float[Tensor, "h w"], shape: Sequence[int]) -> Complex[Tensor, "H W"]:
    """Return the transfer function of a kernel: the discrete Fourier transform of the kernel put on the image's grid.

    The kernel's centre, pixel ``(h // 2, w // 2)``, goes to the origin, so that k * u = F⁻¹(k_hat u_hat) does not move
    the image.

    Parameters
    ----------
    kernel : Tensor
        ``(h, w)``, any sizes up to the image's.
    shape : sequence of int
        Shape of the image; its last two entries ``(H, W)`` are used.

    Returns
    -------
    Tensor
        The full spectrum ``(H, W)``, complex, in the precision and on the device of the kernel.

    Raises
    ------
    ValueError, TypeError
        If ``kernel`` is not a finite ``(h, w)`` tensor, is larger than the image, or ``shape`` is not a shape.

    Notes
    -----
    Slide "Inverse problem", deblurring in the Fourier domain.
    """
    return torch.fft.fft2(_pad_kernel(kernel, shape))


def laplacian_transfer(
    shape: Sequence[int], dtype: torch.dtype = torch.float64, device: torch.device | str | None = None
) -> Float[Tensor, "H W"]:
    """Return L_hat, the transfer function of ∇ᵀ∇ = -Δ: 4 (sin²(π ξ / H) + sin²(π ζ / W)).

    Parameters
    ----------
    shape : sequence of int
        Shape of the image; its last two entries ``(H, W)`` are used.
    dtype : torch.dtype
        Precision of the result.
    device : torch.device or str
        Where the result lives, the CPU by default.

    Returns
    -------
    Tensor
        The full spectrum ``(H, W)``, real, between 0 and 8 (8 is reached when both sizes are even).

    Raises
    ------
    ValueError, TypeError
        If ``shape`` is not the shape of an image.

    Notes
    -----
    Slide "Explicit solution: Wiener filtering".
    """
    height, width = _image_size(shape)
    rows = torch.sin(torch.pi * torch.arange(height, dtype=torch.float64) / height).square()
    columns = torch.sin(torch.pi * torch.arange(width, dtype=torch.float64) / width).square()
    return (4 * (rows[:, None] + columns)).to(dtype=dtype, device=device)


def _image_size(shape: Sequence[int]) -> tuple[int, int]:
    if not isinstance(shape, Sequence) or len(shape) < 2:
        raise ValueError(f"shape must be the shape of an image, (..., H, W), got {shape!r}")
    return require_count(shape[-2], "shape[-2]"), require_count(shape[-1], "shape[-1]")


def _pad_kernel(kernel: Tensor, shape: Sequence[int]) -> Tensor:
    height, width = _image_size(shape)
    require_kernel(kernel, (height, width))
    h, w = kernel.shape
    padded = kernel.new_zeros(height, width)
    padded[:h, :w] = kernel
    return padded.roll((-(h // 2), -(w // 2)), (0, 1))


# The restoration functions work on real images. Half of the spectrum, columns 0 to W // 2, determines the other half,
# and rfft2 computes only this half: the public functions above show the lecture's full spectra, these save time.


def _keep_last(transfer: Callable[[Tensor, Tensor], _Result]) -> Callable[[Tensor, Tensor], _Result]:
    """Make a function of (kernel, image) keep its last result for a kernel and a size; results must not be changed.

    An iteration blurs hundreds of times with one kernel, and the transfer function is a quarter of the work. Kernels
    are compared by their values: one that was changed in place is another kernel.
    """
    last: tuple[tuple[object, ...], Tensor, _Result] | None = None

    @wraps(transfer)
    def kept(kernel: Tensor, u: Tensor) -> _Result:
        nonlocal last
        if kernel.requires_grad or torch.is_inference_mode_enabled():
            return transfer(kernel, u)
        setting, known = (u.shape[-2:], u.dtype, kernel.dtype, kernel.device), last  # one reading: there may be threads
        if known is None or known[0] != setting or not torch.equal(known[1], kernel):
            last = known = setting, kernel.clone(), transfer(kernel, u)
        return known[2]

    return kept


@_keep_last
def _half_transfer(kernel: Tensor, u: Tensor) -> Tensor:
    """Return columns 0 to W // 2 of the transfer function on the grid of the image ``u``, in its precision.

    Only h rows of the padded kernel are not zero: transforming these along dim -1 first halves the work.
    """
    height, width = u.shape[-2:]
    h, w = kernel.shape
    rows = torch.nn.functional.pad(kernel.to(u.dtype), (0, width - w)).roll(-(w // 2), 1)
    rows_hat = torch.fft.rfft(rows)
    k_hat = rows_hat.new_zeros(height, rows_hat.shape[1])
    k_hat[: h - h // 2] = rows_hat[h // 2 :]
    k_hat[height - h // 2 :] = rows_hat[: h // 2]
    return torch.fft.fft(k_hat, dim=0)


@_keep_last
def _adjoint_and_square(kernel: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Return columns 0 to W // 2 of conj(k_hat) and, each twice, of |k_hat|², on the grid of the image ``u``."""
    k_hat = _half_transfer(kernel, u)
    return k_hat.conj().resolve_conj(), (k_hat.real.square() + k_hat.imag.square()).repeat_interleave(2, dim=1)


def _half_laplacian(u: Tensor, lam: float = 1.0) -> Tensor:
    """Return columns 0 to W // 2 of λ L_hat on the grid of the image ``u``, in its precision and on its device."""
    rows, columns = _laplacian_parts(u, lam)
    return rows + columns


def _laplacian_parts(u: Tensor, lam: float) -> tuple[Tensor, Tensor]:
    """Return the column (H, 1) and the row (W // 2 + 1,) whose sum is the half Laplacian."""
    height, width = u.shape[-2:]
    rows = torch.sin(torch.pi * torch.arange(height, dtype=torch.float64) / height).square()
    columns = torch.sin(torch.pi * torch.arange(width // 2 + 1, dtype=torch.float64) / width).square()
    return (4 * lam * rows).to(u)[:, None], (4 * lam * columns).to(u)
