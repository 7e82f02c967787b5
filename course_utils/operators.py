"""Degradation operators A of inverse problems v = A u + w, with their adjoint, norm and pseudo-inverse."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Complex, Float, Inexact
from torch import Tensor

from course_utils._fast.spectra import apply_filter, half_transfer
from course_utils._validation import (
    require_callable,
    require_count,
    require_generator,
    require_image,
    require_kernel,
    require_mask,
    require_observation,
    require_same_device,
    require_shape,
    require_size,
    require_tensor,
)
from course_utils.fourier import kernel_to_transfer


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
    """Return the periodic convolution k * u = F⁻¹(k_hat u_hat). Slide "Deblurring".

    >>> impulse = torch.zeros(3, 4)
    >>> impulse[1, 1] = 1.0
    >>> blur(impulse, torch.tensor([[0.25, 0.5, 0.25]])).round(decimals=4)
    tensor([[0.0000, 0.0000, 0.0000, 0.0000],
            [0.2500, 0.5000, 0.2500, 0.0000],
            [0.0000, 0.0000, 0.0000, 0.0000]])
    """
    return apply_filter(u, _checked_transfer(u, kernel, "u"))


def blur_adjoint(v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"]) -> Float[Tensor, "*batch H W"]:
    """Return Aᵀv for A u = k * u: the convolution with k(-x), whose transfer function is the conjugate of k_hat.

    Slide "Image Restoration by Optimization".
    """
    return apply_filter(v, _checked_transfer(v, kernel, "v").conj())


def pseudo_inverse(A: Float[Tensor, "m d"]) -> Float[Tensor, "d m"]:
    """Return the Moore-Penrose pseudo-inverse A⁺ of a small matrix: A = G diag(s) Eᵀ gives A⁺ = E diag(1/s) Gᵀ.

    1/s is replaced by 0 where s <= 1e-10 max(s), as in notebook 06, or, where that is larger (float32), where
    s <= max(m, d) machine precisions × max(s). Slide "Let us start with zero regularization!".

    >>> pseudo_inverse(torch.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    require_kernel(A, name="A")
    rtol = max(1e-10, max(A.shape) * torch.finfo(A.dtype).eps)
    G, s, Et = torch.linalg.svd(A, full_matrices=False)
    inverse = torch.where(s > rtol * s.max(), 1 / s, 0)
    return Et.T @ (inverse[:, None] * G.T)


@dataclass(frozen=True, eq=False)
class Blur:
    """Periodic blur A u = k * u of images of one size ``shape`` = (H, W), its transfer function computed once."""

    kernel: Float[Tensor, "h w"]
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        """Check the kernel against the size of the images."""
        require_kernel(self.kernel, require_size(self.shape, "shape"))

    def __call__(self, u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
        """Return A u = k * u."""
        return apply_filter(u, self._transfer_for(u, "u"))

    def adjoint(self, v: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
        """Return Aᵀv."""
        return apply_filter(v, self._transfer_for(v, "v").conj())

    def pinv(self, v: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
        """Return A⁺v: v_hat / k_hat, and 0 where |k_hat| is 0 up to rounding, 10 machine precisions × max|k_hat|."""
        return apply_filter(v, _inverse_transfer(self._transfer_for(v, "v"), _rounding(v)))

    def norm(self) -> float:
        """Return ‖A‖ = max|k_hat|, which is 1 for a nonnegative kernel of sum 1."""
        return self._k_hat.abs().max().item()

    @cached_property
    def _k_hat(self) -> Tensor:
        return half_transfer(self.kernel, self.kernel.new_empty(self.shape))

    def _transfer_for(self, u: Tensor, name: str) -> Tensor:
        _require_sides(u, torch.Size(self.shape), name)
        require_same_device(u, self.kernel, (name, "kernel"))
        return self._k_hat.to(u.dtype.to_complex())


@dataclass(frozen=True, eq=False)
class Mask:
    """Masking A u = 1_ω u: ``mask`` is true on the set ω of known pixels, the others become 0. A = Aᵀ = A⁺ = A²."""

    mask: Bool[Tensor, "H W"]

    def __post_init__(self) -> None:
        """Check the mask."""
        require_mask(self.mask)

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
        _require_sides(u, self.mask.shape, name)
        require_same_device(u, self.mask, (name, "mask"))
        return u * self.mask


@dataclass(frozen=True, eq=False)
class Matrix:
    """A small dense operator A u = M u on vectors, for the examples that fit on a blackboard."""

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
) -> Inexact[Tensor, "m d"]:
    """Return the matrix of a linear operator: its columns are the images of the canonical basis.

    ``matrix @ u.flatten()`` is ``operator(u).flatten()`` for u of shape ``shape``. Keep its d entries few: the matrix
    has m d. Slide "Let us start with zero regularization!".
    """
    require_callable(operator, "operator")
    shape = require_shape(shape)
    basis = torch.eye(math.prod(shape), dtype=dtype)
    return torch.stack([operator(e.reshape(shape)).flatten() for e in basis], dim=1)


def _checked_transfer(u: Tensor, kernel: Tensor, name: str) -> Tensor:
    """Return half of the transfer function of ``kernel`` on the grid of the image ``u``, both checked."""
    require_image(u, name)
    if isinstance(kernel, Tensor):  # before its values are looked at
        require_same_device(u, kernel, (name, "kernel"))
    return half_transfer(require_kernel(kernel, u.shape), u)


def _require_sides(u: Tensor, shape: torch.Size, name: str) -> None:
    """Raise unless ``u`` is an image of height and width ``shape``."""
    if require_image(u, name).shape[-2:] != shape:
        raise ValueError(f"{name} must have shape (..., {shape[0]}, {shape[1]}), got {tuple(u.shape)}")


def _rounding(u: Tensor) -> float:
    """Return the relative size below which a value of a transfer function is nothing but rounding errors."""
    return 10 * torch.finfo(u.dtype).eps


def _inverse_transfer(k_hat: Tensor, tol: float) -> Tensor:
    """Return 1 / k_hat where |k_hat| > tol max|k_hat|, and 0 elsewhere."""
    modulus = k_hat.abs()
    return torch.where(modulus > tol * modulus.max(), 1 / k_hat, 0)


# --- the rest of the lecture's table, slide "Classical Inverse Problems" ----------------------------------------------
# Fourier measurements are complex. There, A* is the adjoint for images in C^Ω, ⟨Au, v⟩ = ⟨u, A*v⟩ with
# ⟨x, y⟩ = Σ x conj(y); for a real image the gradient of ½‖Au − v‖² is the real part of A*(Au − v).


def dot_test(
    A: Callable[[Tensor], Tensor],
    adjoint: Callable[[Tensor], Tensor],
    u_shape: Sequence[int],
    v_shape: Sequence[int],
    generator: torch.Generator,
    dtype: torch.dtype,
) -> float:
    """Return |⟨Au, v⟩ − ⟨u, A*v⟩| / (‖Au‖ ‖v‖) for Gaussian u and v, with ⟨x, y⟩ = Σ x conj(y).

    For the adjoint this is of the order of the precision of ``dtype``, for anything else almost surely not. With a
    complex ``dtype`` it tells A* from a transpose that is not conjugated. It is 0 when Au = 0 and ⟨u, A*v⟩ = 0.

    Slide "Image Restoration by Optimization": A* is what the gradient of ½‖Au − v‖² needs.
    """
    require_callable(A, "A")
    require_callable(adjoint, "adjoint")
    require_generator(generator)
    u = torch.randn(require_shape(u_shape, "u_shape"), generator=generator, dtype=dtype)
    v = torch.randn(require_shape(v_shape, "v_shape"), generator=generator, dtype=dtype)
    Au = A(u)
    mismatch = (Au * v.conj()).sum() - (u * adjoint(v).conj()).sum()
    scale = Au.norm() * v.norm()
    return 0.0 if mismatch == 0 else (mismatch.abs() / scale).item()


@dataclass(frozen=True)
class Identity:
    """The operator of denoising, A u = u. Slide "Gaussian denoising"."""

    def __call__(self, u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
        """Return u."""
        return require_image(u, "u").clone()

    def adjoint(self, v: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
        """Return v."""
        return require_image(v, "v").clone()

    def pinv(self, v: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
        """Return v."""
        return require_image(v, "v").clone()

    def norm(self) -> float:
        """Return ‖A‖ = 1."""
        return 1.0


def blur_and_subsample(
    u: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"], s: int
) -> Float[Tensor, "*batch h_s w_s"]:
    """Return (k * u)↓s, the pixels (s x, s y) of the blurred image: ⌈H/s⌉ × ⌈W/s⌉ of them.

    Slide "Super-resolution".
    """
    s = require_count(s, "s")
    return blur(u, kernel)[..., ::s, ::s]


def blur_and_subsample_adjoint(
    v: Float[Tensor, "*batch h_s w_s"], kernel: Float[Tensor, "h w"], s: int, shape: tuple[int, int]
) -> Float[Tensor, "*batch H W"]:
    """Return k(−·) * v↑s, where v↑s of size ``shape`` is v at the pixels (s x, s y) and 0 elsewhere.

    Slide "Super-resolution".
    """
    height, width = require_size(shape, "shape")
    s = require_count(s, "s")
    _require_shape(v, (-(-height // s), -(-width // s)), "v")
    zoomed = v.new_zeros(*v.shape[:-2], height, width)
    zoomed[..., ::s, ::s] = v
    return blur_adjoint(zoomed, kernel)


@dataclass(frozen=True, eq=False)
class ZoomOut:
    """The zoom-out A u = (k * u)↓s of images of size ``shape`` = (H, W). Slide "Super-resolution"."""

    kernel: Float[Tensor, "h w"]
    shape: tuple[int, int]
    stride: int

    def __post_init__(self) -> None:
        """Check the kernel against the size of the images, and the stride."""
        require_kernel(self.kernel, require_size(self.shape, "shape"))
        require_count(self.stride, "stride")

    def __call__(self, u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch h_s w_s"]:
        """Return A u = (k * u)↓s."""
        return blur_and_subsample(_require_shape(u, self.shape, "u"), self.kernel, self.stride)

    def adjoint(self, v: Float[Tensor, "*batch h_s w_s"]) -> Float[Tensor, "*batch H W"]:
        """Return Aᵀv = k(−·) * v↑s."""
        return blur_and_subsample_adjoint(v, self.kernel, self.stride, self.shape)

    def pinv(self, v: Float[Tensor, "*batch h_s w_s"]) -> Float[Tensor, "*batch H W"]:
        """Return A⁺v = Aᵀ(AAᵀ)⁺v. AAᵀ is the convolution with (k * k(−·))↓s, but only when s divides both sides."""
        _require_shape(v, (-(-self.shape[0] // self.stride), -(-self.shape[1] // self.stride)), "v")
        if self._divides:
            gram = self._gram.to(v.dtype)
            inverse = torch.where(gram > _rounding(v) * gram.max(), 1 / gram, 0)
            return self.adjoint(torch.fft.ifft2(inverse * torch.fft.fft2(v)).real)
        raise ValueError(f"stride must divide both sides for a closed form, got {self.stride} and {self.shape}")

    def norm(self) -> float:
        """Return ‖A‖."""
        return self._norm

    @property
    def _divides(self) -> bool:
        return self.shape[0] % self.stride == 0 and self.shape[1] % self.stride == 0

    @cached_property
    def _gram(self) -> Tensor:
        """The transfer function of AAᵀ: the mean of |k_hat|² over the s² frequencies that the subsampling confounds."""
        power = kernel_to_transfer(self.kernel, self.shape).abs().square()
        s = self.stride
        return power.reshape(s, self.shape[0] // s, s, self.shape[1] // s).mean((0, 2))

    @cached_property
    def _norm(self) -> float:
        if self._divides:
            return self._gram.max().sqrt().item()
        here = ZoomOut(self.kernel.cpu(), self.shape, self.stride)  # not every device has float64
        return _largest_singular_value(here, torch.empty(self.shape, dtype=torch.float64))


@dataclass(frozen=True, eq=False)
class FourierSampling:
    """Compressed sensing A u = S F u: the unitary Fourier transform at the frequencies where ``mask`` is true.

    Frequency 0 is entry (0, 0). The lecture's S drops the other rows; here they are kept as zeros, so that Au is an
    image, as for `Mask`: A*A is the same.  Slide "Classical Inverse Problems".
    """

    mask: Bool[Tensor, "H W"]

    def __post_init__(self) -> None:
        """Check the mask."""
        require_mask(self.mask)

    def __call__(self, u: Inexact[Tensor, "*batch H W"]) -> Complex[Tensor, "*batch H W"]:
        """Return A u = S F u."""
        return self.mask * torch.fft.fft2(_require_shape(u, self.mask.shape, "u"), norm="ortho")

    def adjoint(self, v: Inexact[Tensor, "*batch H W"]) -> Complex[Tensor, "*batch H W"]:
        """Return A*v = F⁻¹ S v, complex."""
        return torch.fft.ifft2(self.mask * _require_shape(v, self.mask.shape, "v"), norm="ortho")

    def pinv(self, v: Inexact[Tensor, "*batch H W"]) -> Complex[Tensor, "*batch H W"]:
        """Return A⁺v = A*v, the solution of least norm among complex images."""
        return self.adjoint(v)

    def norm(self) -> float:
        """Return ‖A‖: 1, or 0 when no frequency is measured."""
        return float(self.mask.any())


class GaussianMeasurements:
    """Compressed sensing A u = G u, u read as a vector of d = HW pixels, G an m × d matrix of N(0, 1/m) entries.

    With this variance E‖Au‖² = ‖u‖².  Slide "Classical Inverse Problems".
    """

    def __init__(self, m: int, shape: tuple[int, int], generator: torch.Generator) -> None:
        m, self.shape = require_count(m, "m"), require_size(shape, "shape")
        require_generator(generator)
        d = math.prod(self.shape)
        self.matrix = torch.randn(m, d, generator=generator, dtype=torch.float64, device=generator.device) / m**0.5

    def __call__(self, u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch m"]:
        """Return A u = G u."""
        _require_shape(u, self.shape, "u")
        return u.flatten(-2) @ self.matrix.to(u.dtype).to(u.device).T

    def adjoint(self, v: Float[Tensor, "*batch m"]) -> Float[Tensor, "*batch H W"]:
        """Return Aᵀv = Gᵀv."""
        _require_shape(v, self.matrix.shape[:1], "v")
        return (v @ self.matrix.to(v.dtype).to(v.device)).unflatten(-1, self.shape)

    def pinv(self, v: Float[Tensor, "*batch m"]) -> Float[Tensor, "*batch H W"]:
        """Return A⁺v by a QR decomposition; almost surely G has full rank."""
        _require_shape(v, self.matrix.shape[:1], "v")
        Q, R = self._qr
        columns = v.to(self.matrix.device).double().reshape(-1, v.shape[-1]).T
        if self.matrix.shape[0] < self.matrix.shape[1]:  # Gᵀ = QR, G⁺ = Q R⁻ᵀ
            u = Q @ torch.linalg.solve_triangular(R.T, columns, upper=False)
        else:  # G = QR, G⁺ = R⁻¹ Qᵀ
            u = torch.linalg.solve_triangular(R, Q.T @ columns, upper=True)
        return u.T.reshape(*v.shape[:-1], *self.shape).to(v.dtype).to(v.device)

    def norm(self) -> float:
        """Return ‖A‖, about 1 + √(d/m)."""
        return self._norm

    @cached_property
    def _qr(self) -> tuple[Tensor, Tensor]:
        m, d = self.matrix.shape
        return torch.linalg.qr(self.matrix.T if m < d else self.matrix)

    @cached_property
    def _norm(self) -> float:
        return _largest_singular_value(self, self.matrix.new_empty(self.shape))


def mri(
    u: Inexact[Tensor, "*batch H W"], coil: Inexact[Tensor, "H W"], mask: Bool[Tensor, "H W"]
) -> Complex[Tensor, "*batch H W"]:
    """Return A u = S F D u: the unitary transform of ``coil`` · u where ``mask`` is true, 0 elsewhere.

    Slide "Classical Inverse Problems", one coil of sensitivity D, Cartesian sampling.
    """
    require_mask(mask)
    _require_shape(u, mask.shape, "u")
    _require_shape(coil, mask.shape, "coil", exactly=True)
    return mask * torch.fft.fft2(coil * u, norm="ortho")


def mri_adjoint(
    k: Inexact[Tensor, "*batch H W"], coil: Inexact[Tensor, "H W"], mask: Bool[Tensor, "H W"]
) -> Complex[Tensor, "*batch H W"]:
    """Return A*k = D* F⁻¹ S k: ``conj(coil)`` times the inverse unitary transform of what was measured.

    Slide "Classical Inverse Problems".
    """
    require_mask(mask)
    _require_shape(k, mask.shape, "k")
    _require_shape(coil, mask.shape, "coil", exactly=True)
    return coil.conj() * torch.fft.ifft2(mask * k, norm="ortho")


@dataclass(frozen=True, eq=False)
class MRI:
    """Magnetic resonance A u = S F D u with one coil of sensitivity ``coil``. Slide "Classical Inverse Problems".

    Conventions as for `FourierSampling`. It has no ``pinv``: AA* = S F |D|² F⁻¹ S has no closed inverse.
    """

    coil: Inexact[Tensor, "H W"]
    mask: Bool[Tensor, "H W"]

    def __post_init__(self) -> None:
        """Check the coil against the mask."""
        require_mask(self.mask)
        _require_shape(self.coil, self.mask.shape, "coil", exactly=True)

    def __call__(self, u: Inexact[Tensor, "*batch H W"]) -> Complex[Tensor, "*batch H W"]:
        """Return A u."""
        return mri(u, self.coil, self.mask)

    def adjoint(self, v: Inexact[Tensor, "*batch H W"]) -> Complex[Tensor, "*batch H W"]:
        """Return A*v, complex."""
        return mri_adjoint(v, self.coil, self.mask)

    def norm(self) -> float:
        """Return ‖A‖, at most max|D|."""
        return self._norm

    @cached_property
    def _norm(self) -> float:
        here = MRI(self.coil.cpu(), self.mask.cpu())  # not every device has complex128
        return _largest_singular_value(here, torch.empty(self.mask.shape, dtype=torch.complex128))


class Radon:
    """Computed tomography A = R: the integral of u over strips of width 1, for each of n directions.

    At angle θ (degrees) pixel (i, j) lies at t = (j − W // 2) cos θ − (i − H // 2) sin θ, and cell r of the detector
    sees the strip |t − (r − D // 2)| ≤ ½, with D = max(H, W) cells. An entry of the matrix R is the area of a pixel
    inside a strip, without approximation. As in scikit-image's ``radon`` with ``circle=True``, what lies outside the
    inscribed disk leaves the detector for some of the angles. Memory: about 70 bytes a pixel and angle.

    Slide "Classical Inverse Problems"; J. Radon (1917).
    """

    def __init__(self, angles: Float[Tensor, " n"], shape: tuple[int, int]) -> None:
        self.angles, self.shape = require_tensor(angles, "angles"), require_size(shape, "shape")
        if angles.ndim != 1 or len(angles) == 0:
            raise ValueError(f"angles must be a vector of at least one angle, got shape {tuple(angles.shape)}")
        self.sinogram_shape = (len(angles), max(self.shape))
        self._matrix, self._transpose = self._matrices()

    def __call__(self, u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch n D"]:
        """Return the sinogram A u, a row for each angle."""
        return self._times(self._matrix, _require_shape(u, self.shape, "u"), self.sinogram_shape)

    def adjoint(self, v: Float[Tensor, "*batch n D"]) -> Float[Tensor, "*batch H W"]:
        """Return the backprojection Aᵀv: each pixel adds up the cells that have seen it, in every direction."""
        return self._times(self._transpose, _require_shape(v, self.sinogram_shape, "v"), self.shape)

    def norm(self) -> float:
        """Return ‖A‖."""
        return self._norm

    @cached_property
    def _norm(self) -> float:
        return _largest_singular_value(self, torch.empty(self.shape, dtype=torch.float64, device=self._matrix.device))

    def _times(self, matrix: Tensor, x: Tensor, shape: tuple[int, int]) -> Tensor:
        columns = x.cpu().double().reshape(-1, matrix.shape[1]).T
        return (matrix @ columns).T.reshape(*x.shape[:-2], *shape).to(x.dtype).to(x.device)

    def _matrices(self) -> tuple[Tensor, Tensor]:
        """Return R and Rᵀ as sparse matrices."""
        (height, width), (n, detectors) = self.shape, self.sinogram_shape
        theta = torch.deg2rad(self.angles.detach().cpu().double())  # not every device has float64
        pixels = torch.arange(height * width, device=theta.device)[:, None]
        i, j = pixels // width - height // 2, pixels % width - width // 2
        t = j * theta.cos() - i * theta.sin() + detectors // 2  # (HW, n): where a pixel falls on the detector
        cell = t.round()
        left, right = (_covered(cell + side - t, theta.cos().abs(), theta.sin().abs()) for side in (-0.5, 0.5))
        area = torch.stack([left, right - left, 1 - right], dim=-1)  # a pixel meets three strips at most
        cells = cell.long()[:, :, None] + torch.tensor([-1, 0, 1], device=theta.device)
        seen = (area > 1e-12) & (cells >= 0) & (cells < detectors)
        column = cells + detectors * torch.arange(n, device=theta.device)[:, None]
        start = torch.nn.functional.pad(seen.flatten(1).sum(1).cumsum(0), (1, 0))
        size = (height * width, n * detectors)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
            transpose = torch.sparse_csr_tensor(start, column[seen], area[seen], size, check_invariants=False)
            return transpose.t().to_sparse_csr(), transpose


def _covered(z: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Return the area of {x in [−½, ½]² : x₁ cos θ + x₂ sin θ ≤ z} for cos θ, sin θ ≥ 0: a trapezoid's integral."""
    a, b = torch.maximum(cosine, sine), torch.minimum(cosine, sine)

    def ramp(shift: Tensor) -> Tensor:
        return (z + shift).clamp(min=0).square()

    area = ramp((a + b) / 2) - ramp((a - b) / 2) - ramp((b - a) / 2) + ramp(-(a + b) / 2)
    return torch.where(b < 1e-7, z / a + 0.5, area / (2 * a * b)).clamp(0, 1)


def phase_retrieval_gradient(
    u: Float[Tensor, "*shape"], A: LinearOperator, b: Float[Tensor, "*measured"]
) -> Float[Tensor, "*shape"]:
    """Return the gradient Re A*((|Au|² − b) Au) of f(u) = ¼ Σ (|a_i u|² − b_i)² at a real u.

    Slide "Classical Inverse Problems"; E. Candès, X. Li, M. Soltanolkotabi (2015), doi 10.1109/TIT.2015.2399924.
    """
    require_callable(A, "A")
    Au = A(require_tensor(u, "u"))
    _require_shape(require_tensor(b, "b"), Au.shape, "b", exactly=True)
    gradient = A.adjoint((Au.abs().square() - b) * Au)
    return gradient.real if gradient.is_complex() else gradient


@dataclass(frozen=True, eq=False)
class PhaseRetrieval:
    """Phase retrieval 𝒜(u) = |Au|², entry by entry, for a linear A; 𝒜 is not. Slide "Classical Inverse Problems"."""

    operator: LinearOperator

    def __call__(self, u: Float[Tensor, "*shape"]) -> Float[Tensor, "*measured"]:
        """Return |Au|²."""
        return self.operator(u).abs().square()

    def gradient(self, u: Float[Tensor, "*shape"], b: Float[Tensor, "*measured"]) -> Float[Tensor, "*shape"]:
        """Return the gradient of ¼ ‖|Au|² − b‖² at a real u."""
        return phase_retrieval_gradient(u, self.operator, b)


def _largest_singular_value(A: LinearOperator, like: Tensor) -> float:
    """Return ‖A‖ by Lanczos' method: the eigenvalues of A*A on the space of x, A*Ax, (A*A)²x, …

    Three vectors are kept. The earlier ones lose their orthogonality by rounding, which repeats eigenvalues but moves
    none of them (C. Paige 1972).
    """
    x = torch.randn(like.shape, generator=torch.Generator().manual_seed(0), dtype=like.dtype).to(like.device)
    before = torch.zeros_like(x)
    diagonal: list[float] = []
    beside: list[float] = []  # the norms of the residuals
    residual, look, largest = x.norm().item(), 0, 0.0
    for k in range(2 * x.numel() + 1):
        q = x / residual
        x = A.adjoint(A(q)) - (residual * before if k else 0.0)
        diagonal.append(torch.vdot(q.flatten(), x.flatten()).real.item())
        x, before = x - diagonal[-1] * q, q
        residual = x.norm().item()
        if k == look or residual == 0:
            d, e = (torch.tensor(entries, dtype=torch.float64) for entries in (diagonal, beside))
            values, vectors = torch.linalg.eigh(torch.diag(d) + torch.diag(e, 1) + torch.diag(e, -1))
            largest, look = values[-1].item(), max(k + 1, int(1.1 * k))
            if residual * vectors[-1, -1].abs() <= 1e-5 * largest:  # the eigenvalue errs by about its square
                break
        beside.append(residual)
    return math.sqrt(max(largest, 0.0))


def _require_shape(x: Tensor, shape: Sequence[int], name: str, *, exactly: bool = False) -> Tensor:
    """Return ``x`` when it is finite, real or complex, of shape (..., *shape), or of ``shape`` exactly."""
    require_observation(x, name)
    shape = tuple(shape)
    if x.shape[-len(shape) :] != torch.Size(shape) or (exactly and x.ndim != len(shape)):
        wanted = f"({', '.join(map(str, shape if exactly else ('...', *shape)))})"
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(x.shape)}")
    return x
