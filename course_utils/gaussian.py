"""Gaussian model of a set of images: faces in a principal subspace.

Faces are flattened: a set of faces is a tensor ``(N, d)``, one face a row, d = H W, and ``face.reshape(H, W)`` is the
image.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils._validation import (
    require_count,
    require_generator,
    require_number,
    require_same_device,
    require_tensor,
)

FaceModel = tuple[Tensor, Tensor, Tensor]  # mean (d,), eigenvectors (d, r), eigenvalues (r,)


def fit_gaussian(
    faces: Float[Tensor, "N d"],
) -> tuple[Float[Tensor, " d"], Float[Tensor, "d r"], Float[Tensor, " r"]]:
    """Fit a Gaussian to N images: their mean, and the eigenvectors and eigenvalues of their covariance.

    μ = (1/N) Σ x_i and Σ = (1/N) Σ (x_i - μ)(x_i - μ)ᵀ = E Λ Eᵀ. The d × d matrix Σ is never formed: with the rows
    x_i - μ in X, the N × N Gram matrix (1/N) X Xᵀ has the same nonzero eigenvalues, and X Xᵀ w = Nλ w makes Xᵀw an
    eigenvector of Σ.

    The columns of E are orthonormal, r <= N - 1 of them, each with its largest entry in absolute value positive; the
    eigenvalues, variances of the coefficients, descend and are > 0: those that are zero in float64 are left out.
    Computed in float64 on the CPU (a float32 Gram matrix errs by 1e-4), by NumPy, which makes X Xᵀ with half of the
    products since it is symmetric; without gradient. Slide "Image generation: Gaussian model".

    >>> faces = torch.tensor([[0.0, 0.0, 1.0], [0.0, 4.0, 1.0]])
    >>> fit_gaussian(faces)
    (tensor([0., 2., 1.]), tensor([[0.],
            [1.],
            [0.]]), tensor([4.]))
    """
    _require_floating_matrix(faces, "faces")
    n, d = faces.shape
    if n < 2:
        raise ValueError(f"faces must hold at least 2 images, one a row, got shape {tuple(faces.shape)}")
    rows = faces.detach().cpu().double().numpy()
    mean = rows.mean(axis=0)
    if not np.isfinite(mean).all():  # a pass over the mean costs less than one over the faces
        require_tensor(faces, "faces")
    X = rows - mean
    few = n <= d  # otherwise the d × d covariance is the smaller of the two matrices
    eigenvalues, w = np.linalg.eigh((X @ X.T if few else X.T @ X) / n)
    kept = _nonzero(eigenvalues, min(n - 1, d), n, mean)
    E = torch.from_numpy((w[:, kept].T @ X).T if few else w[:, kept])
    E *= _signs(E) / torch.linalg.vector_norm(E, dim=0)
    return torch.from_numpy(mean).to(faces), E.to(faces), torch.from_numpy(eigenvalues[kept]).to(faces)


def fix_signs(eigenvectors: Float[Tensor, "d r"]) -> Float[Tensor, "d r"]:
    """Return the same axes, each with its largest entry in absolute value positive.

    e and -e are the same axis of variation, and linear algebra libraries return either: this makes pictures repeatable.
    """
    _require_matrix(eigenvectors, "eigenvectors")
    return eigenvectors * _signs(eigenvectors)


def sample_gaussian(
    mean: Float[Tensor, " d"],
    eigenvectors: Float[Tensor, "d r"],
    eigenvalues: Float[Tensor, " r"],
    n: int,
    generator: torch.Generator,
) -> Float[Tensor, "n d"]:
    """Draw n images from N(μ, Σ): x = μ + E Λ^(1/2) z with z ~ N(0, I_r). Slide "Image generation: Gaussian model".

    >>> mean, E, variances = torch.tensor([1.0, 2.0]), torch.tensor([[1.0], [0.0]]), torch.tensor([0.0])
    >>> sample_gaussian(mean, E, variances, 2, torch.Generator())
    tensor([[1., 2.],
            [1., 2.]])
    """
    require_tensor(eigenvalues, "eigenvalues")
    _require_model(mean, eigenvectors, eigenvalues)
    n = require_count(n, "n")
    require_generator(generator)
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype, device=generator.device).to(mean.device)
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T


def project(
    face: Float[Tensor, "*batch d"], mean: Float[Tensor, " d"], eigenvectors: Float[Tensor, "d r"], rank: int
) -> Float[Tensor, "*batch d"]:
    """Return the point nearest to a face in the affine space μ + span(e_1, ..., e_r): p(x) = μ + E_r E_rᵀ (x - μ).

    E_r holds the first ``rank`` eigenvectors; 0 of them give μ. Slide "Image generation: Gaussian model".
    """
    _require_floating_matrix(eigenvectors, "eigenvectors")
    E = eigenvectors[:, : _require_rank(rank, eigenvectors)]
    _require_model(mean, E if rank else eigenvectors[:, :1])  # finite where it is used: a model is large
    _require_faces(face, mean, "face")
    return mean + ((face - mean) @ E) @ E.T


def log_likelihood(
    faces: Float[Tensor, "*batch d"], model: FaceModel, rank: int, noise_std: float
) -> Float[Tensor, "*batch"]:
    """Return log N(x; μ, C) of each image for the covariance C = E_r Λ_r E_rᵀ + σ² I: face subspace plus white noise.

    With c = E_rᵀ(x - μ), C is diagonal in an orthonormal basis that begins with E_r:
    -2 log N = d log 2π + Σ_i log(λ_i + σ²) + (d - r) log σ² + Σ_i c_i² / (λ_i + σ²) + (‖x - μ‖² - ‖c‖²) / σ².

    σ is ``noise_std`` > 0: without noise the density is zero outside the face subspace. Slide "Image generation:
    Gaussian model", whose density lacks the factor ½ in its exponent. This differs from probabilistic PCA (M. Tipping,
    C. Bishop 1999, 10.1111/1467-9868.00196) in that Λ is not diminished by σ².
    """
    mean, eigenvectors, eigenvalues = _unpacked(model)
    _require_faces(faces, mean, "faces")
    rank = _require_rank(rank, eigenvectors)
    sigma2 = require_number(noise_std, "noise_std", minimum=0, strict=True) ** 2
    E, variances = eigenvectors[:, :rank], eigenvalues[:rank] + sigma2
    centred = faces - mean
    c = centred @ E
    outside = centred - c @ E.T  # its norm, not ‖x - μ‖² - ‖c‖², which cancels to a negative number inside the subspace
    log_det = variances.log().sum() + (len(mean) - rank) * math.log(sigma2)
    distance = (c.square() / variances).sum(dim=-1) + outside.square().sum(dim=-1) / sigma2
    return -0.5 * (len(mean) * math.log(2 * math.pi) + log_det + distance)


def condition(
    face: Float[Tensor, " d"], mask: Bool[Tensor, " d"], model: FaceModel, noise_std: float
) -> tuple[Float[Tensor, " d"], Float[Tensor, "d r"]]:
    """Return the posterior N(m, F Fᵀ) of a face of which only some pixels were seen, with white noise.

    The model is x = μ + B z, B = E Λ^(1/2), z ~ N(0, I_r), and the seen pixels ω are v_ω = x_ω + σ n. Then z given v_ω
    is Gaussian, of precision S = I + B_ωᵀB_ω / σ² and mean S⁻¹ B_ωᵀ(v_ω - μ_ω) / σ².

    ``mask`` is true on ω; elsewhere the values of ``face`` are not looked at, but must be finite. σ is ``noise_std``
    > 0: how far seen pixels may be from the face subspace. m + F n with n ~ N(0, I_r) is a sample, and the norm of a
    row of F the pixel's standard deviation. Slide "Image generation: Gaussian model", inpainting as inference.
    """
    mean, eigenvectors, eigenvalues = _unpacked(model)
    _require_faces(face, mean, "face")
    if face.ndim > 1:
        raise ValueError(f"face must be one flattened image, shape {tuple(mean.shape)}, got {tuple(face.shape)}")
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != mean.shape:
        raise ValueError(f"mask must be a boolean tensor of shape {tuple(mean.shape)}, true on the known pixels")
    require_same_device(mask, mean, ("mask", "the model"))
    sigma = require_number(noise_std, "noise_std", minimum=0, strict=True)
    B = eigenvectors * eigenvalues.sqrt()
    seen = B[mask] / sigma
    precision = torch.eye(B.shape[1], dtype=B.dtype, device=B.device) + seen.T @ seen
    L = torch.linalg.cholesky(precision)
    z = torch.cholesky_solve((seen.T @ (face - mean)[mask] / sigma)[:, None], L)[:, 0]
    factor = torch.linalg.solve_triangular(L, B.T, upper=False).T  # B L⁻ᵀ, because S⁻¹ = L⁻ᵀ L⁻¹
    return mean + B @ z, factor


def _nonzero(eigenvalues: np.ndarray, largest_rank: int, n: int, mean: np.ndarray) -> np.ndarray:
    """Return the indices, largest first, of the eigenvalues of a covariance that rounding does not explain."""
    d, eps = len(mean), np.finfo(mean.dtype).eps
    rounding_of_mean = d * (n * eps * np.abs(mean).max()) ** 2
    floor = max(max(n, d) * eps * eigenvalues.max(), rounding_of_mean)
    kept = eigenvalues.argsort()[::-1][:largest_rank]
    kept = kept[eigenvalues[kept] > floor]
    if len(kept) == 0:
        raise ValueError("faces must not all be equal: their covariance is zero")
    return kept


def _signs(E: Tensor) -> Tensor:
    """Return for each column of ``E`` the sign of its largest entry in absolute value."""
    low, high = E.amin(dim=0), E.amax(dim=0)  # a third of the time of aminmax
    return torch.where(high >= -low, 1.0, -1.0).to(E.dtype)


def _require_floating_matrix(value: Tensor, name: str) -> None:
    require_tensor(value[:0] if isinstance(value, Tensor) and value.ndim else value, name)
    if value.ndim != 2 or 0 in value.shape:
        raise ValueError(f"{name} must be a matrix, one flattened image a row or column, got {tuple(value.shape)}")


def _require_matrix(value: Tensor, name: str) -> None:
    _require_floating_matrix(value, name)
    require_tensor(value, name)


def _unpacked(model: FaceModel) -> FaceModel:
    """Return the mean, the eigenvectors and the eigenvalues of a model, checked."""
    if not isinstance(model, (tuple, list)) or len(model) != 3:
        raise ValueError(f"model must be (mean, eigenvectors, eigenvalues), got {type(model).__name__}")
    mean, eigenvectors, eigenvalues = model
    _require_model(mean, eigenvectors, eigenvalues)
    return mean, eigenvectors, eigenvalues


def _require_model(mean: Tensor, eigenvectors: Tensor, eigenvalues: Tensor | None = None) -> None:
    """Raise unless mean (d,), eigenvectors (d, r) and eigenvalues (r,) belong together."""
    require_tensor(mean, "mean")
    _require_matrix(eigenvectors, "eigenvectors")
    if mean.shape != eigenvectors.shape[:1]:
        raise ValueError(
            "mean and eigenvectors must have shapes (d,) and (d, r), "
            f"got {tuple(mean.shape)} and {tuple(eigenvectors.shape)}"
        )
    _require_one_kind(mean, eigenvectors, ("mean", "eigenvectors"))
    if eigenvalues is None:
        return
    require_tensor(eigenvalues, "eigenvalues")
    if eigenvalues.shape != eigenvectors.shape[1:]:
        raise ValueError(
            "eigenvalues and eigenvectors must have shapes (r,) and (d, r), "
            f"got {tuple(eigenvalues.shape)} and {tuple(eigenvectors.shape)}"
        )
    _require_one_kind(eigenvalues, eigenvectors, ("eigenvalues", "eigenvectors"))
    if (eigenvalues < 0).any():
        raise ValueError(f"eigenvalues must be >= 0, they are variances, got {eigenvalues.min().item():g}")


def _require_faces(faces: Tensor, mean: Tensor, name: str) -> None:
    require_tensor(faces, name)
    if faces.ndim == 0 or faces.shape[-1:] != mean.shape:
        raise ValueError(f"{name} must be flattened, shape (..., {len(mean)}), got {tuple(faces.shape)}")
    _require_one_kind(faces, mean, (name, "mean"))


def _require_one_kind(first: Tensor, second: Tensor, names: tuple[str, str]) -> None:
    """Raise unless both tensors have one dtype and live on one device."""
    if first.dtype != second.dtype:
        raise TypeError(
            f"{names[0]} and {names[1]} must have one dtype, got {first.dtype} and {second.dtype}: convert one"
        )
    require_same_device(first, second, names)


def _require_rank(rank: int, eigenvectors: Tensor) -> int:
    rank = require_count(rank, "rank", 0)
    if rank > eigenvectors.shape[1]:
        raise ValueError(f"rank must be at most the number of eigenvectors, {eigenvectors.shape[1]}, got {rank}")
    return rank
