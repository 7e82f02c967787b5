"""Degradation operators A of inverse problems v = A u + w, with their adjoint, norm and pseudo-inverse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils._validation import (
    require_image,
    require_kernel,
    require_number,
    require_same_device,
    require_tensor,
)
from course_utils.fourier import _half_transfer, _image_size


@runtime_checkable
class LinearOperator(Protocol):
    """What an iterative method needs of A: A(u), A.adjoint(v) and ‖A‖ = A.norm()."""

    def __call__(self, u: Tensor) -> Tensor:
        """Return A u."""
        ...

    def adjoint(self, v: Tensor) -> Tensor:
        """Return Aᵀ v."""
        ...

    def norm(self) -> float:
        """Return ‖A‖, the largest singular value."""
        ...


def blur(u: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"]) -> Float[Tensor, "*batch H W"]:
    """Return the periodic convolution k * u = F⁻¹(k_hat u_hat).

    Parameters
    ----------
    u : Tensor
        Image ``(..., H, W)``; every channel is blurred alike.
    kernel : Tensor
        ``(h, w)``, any sizes up to the image's, centre at pixel ``(h // 2, w // 2)``; it need not be symmetric.

    Returns
    -------
    Tensor
        ``(..., H, W)``, in the precision of ``u``.

    Raises
    ------
    ValueError, TypeError
        If ``u`` or ``kernel`` is not finite floating-point of that rank, if the kernel is larger than the image, or if
        they live on two devices.

    Notes
    -----
    Slide "Deblurring".
    """
    return _apply_filter(u, _checked_transfer(u, kernel, "u"))


def blur_adjoint(v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"]) -> Float[Tensor, "*batch H W"]:
    """Return Aᵀv for A u = k * u: the convolution with k(-x), whose transfer function is the conjugate of k_hat.

    Parameters
    ----------
    v : Tensor
        Image ``(..., H, W)``.
    kernel : Tensor
        The kernel of the blur, ``(h, w)``, any sizes up to the image's.

    Returns
    -------
    Tensor
        ``(..., H, W)``, in the precision of ``v``.

    Raises
    ------
    ValueError, TypeError
        As `blur`.

    Notes
    -----
    Slide "Image restoration by optimization".
    """
    return _apply_filter(v, _checked_transfer(v, kernel, "v").conj())


def pseudo_inverse(A: Float[Tensor, "m d"], rtol: float | None = None) -> Float[Tensor, "d m"]:
    """Return the Moore-Penrose pseudo-inverse A⁺ of a small matrix from its singular value decomposition.

    A = U diag(s) Vᵀ gives A⁺ = V diag(1/s) Uᵀ, where 1/s is replaced by 0 when s <= rtol * max(s).

    Parameters
    ----------
    A : Tensor
        Matrix ``(m, d)``.
    rtol : float
        Relative threshold below which a singular value counts as zero, >= 0; by default ``max(m, d)`` times the machine
        precision.

    Returns
    -------
    Tensor
        Matrix ``(d, m)``.

    Raises
    ------
    ValueError, TypeError
        If ``A`` is not a finite floating-point matrix or ``rtol`` is negative.

    Notes
    -----
    Slide "Let us start with zero regularization".
    """
    require_tensor(A, "A")
    if A.ndim != 2 or 0 in A.shape:
        raise ValueError(f"A must be a matrix of shape (m, d), got shape {tuple(A.shape)}")
    rtol = max(A.shape) * torch.finfo(A.dtype).eps if rtol is None else require_number(rtol, "rtol", minimum=0.0)
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    inverse = torch.where(s > rtol * s.max(), 1 / s, 0)
    return Vt.T @ (inverse[:, None] * U.T)


@dataclass(frozen=True, eq=False)
class Blur:
    """Periodic blur A u = k * u of images of one size, its transfer function computed once.

    Parameters
    ----------
    kernel : Tensor
        ``(h, w)``, any sizes up to the image's, centre at pixel ``(h // 2, w // 2)``.
    shape : tuple of int
        Size ``(H, W)`` of the images.

    Raises
    ------
    ValueError, TypeError
        If ``kernel`` is not a finite ``(h, w)`` tensor, or is larger than ``shape``.
    """

    kernel: Float[Tensor, "h w"]
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        """Check the kernel against the size of the images."""
        require_kernel(self.kernel, _image_size(self.shape))

    def __call__(self, u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
        """Return A u = k * u."""
        return _apply_filter(u, self._transfer_for(u, "u"))

    def adjoint(self, v: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
        """Return Aᵀv."""
        return _apply_filter(v, self._transfer_for(v, "v").conj())

    def pinv(self, v: Float[Tensor, "*batch H W"], tol: float | None = None) -> Float[Tensor, "*batch H W"]:
        """Return A⁺v: v_hat / k_hat where |k_hat| > tol max|k_hat|, 0 elsewhere.

        ``tol`` is by default 10 times the machine precision: k_hat is known no better.
        """
        k_hat = self._transfer_for(v, "v")
        tol = _rounding(v) if tol is None else require_number(tol, "tol", minimum=0.0)
        return _apply_filter(v, _inverse_transfer(k_hat, tol))

    def norm(self) -> float:
        """Return ‖A‖ = max|k_hat|, which is 1 for a nonnegative kernel of sum 1."""
        return self._k_hat.abs().max().item()

    @cached_property
    def _k_hat(self) -> Tensor:
        return _half_transfer(self.kernel, self.kernel.new_empty(self.shape))

    def _transfer_for(self, u: Tensor, name: str) -> Tensor:
        require_image(u, name)
        if u.shape[-2:] != torch.Size(self.shape):
            raise ValueError(f"{name} must have shape (..., {self.shape[0]}, {self.shape[1]}), got {tuple(u.shape)}")
        require_same_device(u, self.kernel, (name, "kernel"))
        return self._k_hat.to(u.dtype.to_complex())


@dataclass(frozen=True, eq=False)
class Mask:
    """Masking A u = 1_ω u: the pixels of ω are known, the others are set to 0. A = Aᵀ = A⁺ = A².

    Parameters
    ----------
    mask : Tensor
        Boolean ``(H, W)``, true on the set ω of known pixels.

    Raises
    ------
    ValueError, TypeError
        If ``mask`` is not a boolean ``(H, W)`` tensor.
    """

    mask: Bool[Tensor, "H W"]

    def __post_init__(self) -> None:
        """Check the mask."""
        if not isinstance(self.mask, Tensor) or self.mask.dtype != torch.bool:
            kind = self.mask.dtype if isinstance(self.mask, Tensor) else type(self.mask).__name__
            raise TypeError(f"mask must be a boolean tensor, true on the known pixels, got {kind}")
        if self.mask.ndim != 2 or 0 in self.mask.shape:
            raise ValueError(f"mask must have shape (H, W), got shape {tuple(self.mask.shape)}")

    def __call__(self, u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
        """Return A u = 1_ω u."""
        return self._apply(u, "u")

    def adjoint(self, v: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
        """Return Aᵀv = 1_ω v."""
        return self._apply(v, "v")

    def pinv(self, v: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
        """Return A⁺v = 1_ω v."""
        return self._apply(v, "v")

    def norm(self) -> float:
        """Return ‖A‖: 1, or 0 when no pixel is known."""
        return float(self.mask.any())

    def _apply(self, u: Tensor, name: str) -> Tensor:
        require_image(u, name)
        if u.shape[-2:] != self.mask.shape:
            raise ValueError(
                f"{name} must have shape (..., {', '.join(map(str, self.mask.shape))}), got {tuple(u.shape)}"
            )
        require_same_device(u, self.mask, (name, "mask"))
        return u * self.mask


@dataclass(frozen=True, eq=False)
class Matrix:
    """A small dense operator A u = M u on vectors, for the examples that fit on a blackboard.

    Parameters
    ----------
    matrix : Tensor
        ``(m, d)``.

    Raises
    ------
    ValueError, TypeError
        If ``matrix`` is not a finite floating-point matrix.
    """

    matrix: Float[Tensor, "m d"]

    def __post_init__(self) -> None:
        """Check the matrix."""
        require_kernel(self.matrix, name="matrix")

    def __call__(self, u: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch m"]:
        """Return M u."""
        return self._apply(self.matrix, u, "u")

    def adjoint(self, v: Float[Tensor, "*batch m"]) -> Float[Tensor, "*batch d"]:
        """Return Mᵀ v."""
        return self._apply(self.matrix.T, v, "v")

    def pinv(self, v: Float[Tensor, "*batch m"]) -> Float[Tensor, "*batch d"]:
        """Return M⁺ v."""
        return self._apply(pseudo_inverse(self.matrix), v, "v")

    def norm(self) -> float:
        """Return ‖A‖, the largest singular value of M."""
        return torch.linalg.matrix_norm(self.matrix, ord=2).item()

    def _apply(self, matrix: Tensor, u: Tensor, name: str) -> Tensor:
        require_tensor(u, name)
        if u.ndim == 0 or u.shape[-1] != matrix.shape[1]:
            raise ValueError(f"{name} must have shape (..., {matrix.shape[1]}), got {tuple(u.shape)}")
        require_same_device(u, matrix, (name, "matrix"))
        return u @ matrix.T.to(u.dtype)


def dense_matrix(
    operator: Callable[[Tensor], Tensor], shape: tuple[int, ...], dtype: torch.dtype = torch.float64
) -> Float[Tensor, "m d"]:
    """Return the matrix of a linear operator: its columns are the images of the canonical basis.

    Parameters
    ----------
    operator : callable
        Linear; takes one tensor of shape ``shape``.
    shape : tuple of int
        Shape of its input, with d entries in all; keep d small, the matrix has m × d entries.
    dtype : torch.dtype
        Precision.

    Returns
    -------
    Tensor
        Matrix ``(m, d)`` such that ``matrix @ u.flatten()`` is ``operator(u).flatten()``.

    Raises
    ------
    ValueError, TypeError
        Whatever ``operator`` raises on a tensor of that shape.

    Notes
    -----
    Slide "Let us start with zero regularization".
    """
    d = int(torch.Size(shape).numel())
    basis = torch.eye(d, dtype=dtype)
    return torch.stack([operator(e.reshape(shape)).flatten() for e in basis], dim=1)


def _checked_transfer(u: Tensor, kernel: Tensor, name: str) -> Tensor:
    """Return half of the transfer function of ``kernel`` on the grid of the image ``u``, both checked."""
    _check_blur(u, kernel, name)
    return _half_transfer(kernel, u)


def _check_blur(u: Tensor, kernel: Tensor, name: str) -> None:
    require_image(u, name)
    if isinstance(kernel, Tensor):  # before its values are looked at
        require_same_device(u, kernel, (name, "kernel"))
    require_kernel(kernel, u.shape)


def _apply_filter(u: Tensor, half_transfer: Tensor) -> Tensor:
    """Return F⁻¹(h u_hat) for a filter given by half of its transfer function."""
    return torch.fft.irfft2(torch.fft.rfft2(u).mul_(half_transfer), s=u.shape[-2:])


def _rounding(u: Tensor) -> float:
    """Return the relative size below which a value of a transfer function is nothing but rounding errors."""
    return 10 * torch.finfo(u.dtype).eps


def _inverse_transfer(k_hat: Tensor, tol: float) -> Tensor:
    """Return 1 / k_hat where |k_hat| > tol max|k_hat|, and 0 elsewhere."""
    modulus = k_hat.abs()
    return torch.where(modulus > tol * modulus.max(), 1 / k_hat, 0)
