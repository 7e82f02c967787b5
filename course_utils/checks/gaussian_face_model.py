"""Checks of notebook 01: the Gaussian model of faces."""



from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from course_utils import gaussian
from course_utils.checks.engine import (
    Mistake,
    Student,
    exercise,
    expect,
    expect_close,
    is_close,
    random_image,
    recognise,
    relative_error,
    tolerance,
)

Known = tuple[str, Tensor, str]
Model = tuple[Tensor, Tensor, Tensor]

SAMPLES = 4000  # standard error of a mean of so many unit normals: 0.016, of a variance: 0.022


class _NoLargeMatrix(TorchFunctionMode):
    """While active, a torch operation whose result has ``limit`` entries or more is a mistake."""

    def __init__(self, limit: int, advice: str) -> None:
        super().__init__()
        self.limit, self.advice = limit, advice

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for part in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(part, Tensor) and part.numel() >= self.limit:
                raise Mistake("too-slow", f"You form a d × d matrix: for a face d = 10304. {self.advice}")
        return result


def _toy_model(d: int, r: int, seed: int) -> Model:
    """Return a mean, orthonormal eigenvectors and eigenvalues unlike their squares and roots."""
    eigenvectors = torch.linalg.qr(random_image((d, r), seed)).Q
    eigenvalues = torch.tensor([2.5 / 2.2**i for i in range(r)], dtype=torch.float64)
    return 0.5 + 0.3 * random_image((d,), seed + 1), eigenvectors, eigenvalues


# --- fit_gaussian ----------------------------------------------------------------------------------------------------


@exercise(
    gaussian.fit_gaussian,
    hints=(
        "The covariance of N centred faces is XᵀX / N, where the rows of X are x_i - μ. The thin singular value "
        "decomposition of X (N rows) contains everything: no d × d matrix is needed.",
        "X = U S Vᵀ gives XᵀX / N = V (S² / N) Vᵀ: the eigenvectors are the columns of V, the eigenvalues S² / N. "
        "Centring costs one dimension: keep the first N - 1.",
        "mean = faces.mean(dim=0); U, S, Vt = torch.linalg.svd(faces - mean, full_matrices=False)",
    ),
)
def fit_gaussian(student: Student) -> str:
    """Examine the eigenvectors by Σ e = λ e: their signs are free."""
    for n, d, seed in ((8, 21, 1), (5, 30, 0)):
        faces = 0.5 + 0.4 * random_image((n, d), seed) * torch.linspace(1.5, 0.3, d, dtype=torch.float64)
        mean, E, lam = _unpack_model(student, student(faces), n, d)
        _examine_mean(mean, faces)
        _examine_eigenvectors(E, lam, faces)
        _examine_eigenvalues(E, lam, faces)
    n, d = 6, 3000
    advice = "Use the thin SVD, full_matrices=False: X has only N rows."
    with _NoLargeMatrix(d * d, advice):
        result = student(random_image((n, d), 2))
    _unpack_model(student, result, n, d)
    return "μ, Σe = λe with Σ = (1/N) Σ (x - μ)(x - μ)ᵀ, orthonormal columns, λ descending, r = N - 1, no d × d matrix"


def _unpack_model(student: Student, result: Any, n: int, d: int) -> Model:
    """Return mean, eigenvectors and eigenvalues once their shapes are right."""
    if not isinstance(result, (tuple, list)) or len(result) != 3:
        raise Mistake("type", "Return three tensors: mean, eigenvectors, eigenvalues.")
    shapes = [tuple(part.shape) if isinstance(part, Tensor) else None for part in result]
    r = n - 1
    if shapes[1] == (r,) and shapes[2] == (d, r):
        raise Mistake("order", "You return the eigenvalues before the eigenvectors: (mean, eigenvectors, eigenvalues).")
    if shapes[0] in ((), (n,), (n, 1)):
        raise Mistake(
            "mean",
            "μ is the mean image: average over the faces (dim=0), not over the pixels.",
            {"shape of your mean": shapes[0], "expected shape": (d,)},
        )
    mean = student.as_tensor(result[0], (d,), "the mean")
    _examine_shape(shapes[1], n, d)
    E = student.as_tensor(result[1], (d, r), "eigenvectors")
    return mean, E, student.as_tensor(result[2], (r,), "eigenvalues")


def _examine_shape(shape: tuple[int, ...] | None, n: int, d: int) -> None:
    """Say what the shape of the eigenvectors tells."""
    if shape is None or len(shape) != 2 or shape == (d, n - 1):
        return
    details = {"your shape": shape, "expected shape": (d, n - 1)}
    if shape[1] == d and shape[0] in (n - 1, n):
        raise Mistake("transpose", "The eigenvectors are the columns of V; the SVD returns Vᵀ. Transpose it.", details)
    if shape[0] == n:
        message = "An eigenvector has d entries, it is an image. You return the other side of the SVD: U instead of V."
        raise Mistake("transpose", message, details)
    if shape[0] == d and shape[1] >= n:
        message = "N centred faces sum to zero and span only N - 1 dimensions: the last eigenvalue is 0, leave it out."
        raise Mistake("rank", message, details)
    if shape[0] == d:
        raise Mistake("rank", "Keep all the N - 1 eigenvectors: later cells choose how many they use (torch.pca_lowrank keeps six unless it is told).", details)


def _examine_mean(mean: Tensor, faces: Tensor) -> None:
    message = "The first result must be the mean image μ = (1/N) Σ x_i."
    expect(mean.abs().max() > 0, "mean", "Your mean is 0: return μ, which was subtracted before the SVD.")
    recognise(mean, ("mean", faces.sum(dim=0), "Your mean is the sum Σ x_i: the factor 1/N is missing."))
    expect_close(mean, faces.mean(dim=0), "mean", message)


def _examine_eigenvectors(E: Tensor, lam: Tensor, faces: Tensor) -> None:
    """Examine order, orthonormality and Σ e = ρ e, where ρ = eᵀ Σ e."""
    X = faces - faces.mean(dim=0)
    if lam[0] < lam[-1]:
        message = "The eigenvalues come in ascending order (eigh does that): the main variation axis must come first."
        raise Mistake("order", message, {"your first and last eigenvalue": [lam[0].item(), lam[-1].item()]})
    E, gram = E.double(), E.double().T @ E.double()
    eye = torch.eye(len(gram), dtype=torch.float64)
    if relative_error(gram, eye) > 10 * tolerance(lam):
        diagonal = is_close(gram, gram.diag().diag(), 1e-3)
        cause, message = (
            ("normalisation", "The eigenvectors are orthogonal but not of norm 1: divide each column by its norm.")
            if diagonal
            else ("value", "The columns of the eigenvectors are not orthonormal.")
        )
        raise Mistake(cause, message, {"norms of your columns": gram.diag().sqrt()}, {"your EᵀE": gram})
    sigma_e = X.T @ (X @ E) / len(X)
    rho = (E * sigma_e).sum(dim=0)
    if relative_error(E * rho, sigma_e) > 10 * tolerance(lam):
        _explain_other_axes(E, faces)
        raise Mistake("value", "The columns are not eigenvectors of Σ: Σe is not a multiple of e.")
    message = (
        "The eigenvectors are right but not in the order of the eigenvalues: the j-th column belongs to the j-th λ."
    )
    expect(bool((rho.diff() < 1e-6 * rho.max()).all()), "order", message, variance_along_your_columns=rho)


def _explain_other_axes(E: Tensor, faces: Tensor) -> None:
    """Recognise the principal axes of something else than the centred faces."""
    X = faces - faces.mean(dim=0)
    known = (
        ("mean", faces, "The mean was not subtracted before the SVD: the first axis points to the mean face."),
        ("mean", faces - faces.mean(), "You subtracted one number from all pixels: subtract the mean image, dim=0."),
        ("mean", faces - faces.mean(dim=1, keepdim=True), "You subtracted from each face its own gray level, not μ."),
        ("normalisation", X / X.std(dim=0), "You divided each pixel by its standard deviation: Σ is a covariance."),
    )
    for cause, other, message in known:
        axis = torch.linalg.svd(other, full_matrices=False).Vh[0]
        if abs((axis @ E[:, 0]).item()) > 1 - 1e-5:
            raise Mistake(cause, message)


def _examine_eigenvalues(E: Tensor, lam: Tensor, faces: Tensor) -> None:
    """Compare λ with the variances along the axes, first up to a factor that tells the mistake."""
    n, d = faces.shape
    E = E.double()
    true = ((faces - faces.mean(dim=0)) @ E).square().mean(dim=0)
    root = "You return singular values or standard deviations: an eigenvalue of Σ is a variance, S² / N."
    roots = [
        ("square-root", c * true.sqrt(), root) for c in (1, math.sqrt(n), 1 / math.sqrt(n), math.sqrt(n / (n - 1)))
    ]
    known = [
        ("normalisation", true * n / (n - 1), "You divide by N - 1: the lecture's covariance has the factor 1/N."),
        ("normalisation", true * n, "The factor 1/N is missing: S² are the eigenvalues of XᵀX, not of XᵀX / N."),
        ("normalisation", true * n / d, "You divide by the number of pixels d instead of the number of faces N."),
        ("normalisation", true / n, "You divide by N twice: an eigenvalue of Σ is S² / N."),
    ]  # fmt: skip
    recognise(lam, *known, *roots)
    factor = (lam.double() @ true / (true @ true)).item()
    text = "The eigenvalues are right up to a factor: it is 1/N, with N = len(faces), not a number of the notebook."
    expect(
        is_close(factor, 1.0) or not is_close(lam, factor * true),
        "normalisation",
        text,
        your_eigenvalue_over_the_right_one=factor,
    )
    expect_close(lam, true, "value", "λ_j must be the variance along e_j: the mean of (e_jᵀ(x_i - μ))².", yours=lam)


# --- sample_gaussian -------------------------------------------------------------------------------------------------


@exercise(
    gaussian.sample_gaussian,
    hints=(
        "Draw independent normal coefficients, stretch each to the standard deviation of its axis, and walk from the "
        "mean along the axes.",
        "x = μ + E Λ^(1/2) z with z ~ N(0, I_r). With one sample a row, z has shape (n, r) and x = μ + (z √λ) Eᵀ.",
        "z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)",
    ),
)
def sample_gaussian(student: Student) -> str:
    """Examine the coefficients of the samples on the axes: they must be independent N(0, 1)."""
    mean, E, lam = model = _toy_model(12, 3, seed=0)
    x = _draw(student, model, SAMPLES, seed=0)
    _examine_generator(student, model, x)
    c = _coefficients(x, mean, E, lam)
    _examine_variances(c, lam)
    _examine_independence(c)
    with _NoLargeMatrix(3000**2, "Multiply z by √λ, then by the eigenvectors: two products with r columns."):
        _draw(student, _toy_model(3000, 3, seed=1), 2, seed=0)
    return f"mean μ, covariance EΛEᵀ, independent normal z over {SAMPLES} samples, repeatable, no d × d matrix"


def _draw(student: Student, model: Model, n: int, seed: int) -> Tensor:
    d = len(model[0])
    result = student(*model, n, torch.Generator().manual_seed(seed))
    if isinstance(result, Tensor) and tuple(result.shape) == (d, n) and n != d:
        details = {"your shape": (d, n), "expected shape": (n, d)}
        raise Mistake("transpose", "The samples stand in columns, one sample a row is expected.", details)
    return student.as_tensor(result, (n, d), "the sample")


def _examine_generator(student: Student, model: Model, x: Tensor) -> None:
    """Examine that the samples depend on the generator, on nothing else, and differ."""
    mean = model[0]
    expect(not is_close(x, mean.expand_as(x)), "constant", "Every sample is the mean: where is z?")
    message = "All the samples are the same: draw a new z for each of them."
    expect(not is_close(x, x[:1].expand_as(x)), "randomness", message)
    first, again, other = (_draw(student, model, 5, seed) for seed in (1, 1, 2))
    message = "Two generators with the same seed give different samples: draw z with generator=generator."
    expect(torch.equal(first, again), "randomness", message)
    message = (
        "Generators with different seeds give the same samples: use the generator as it comes, do not seed it again."
    )
    expect(not is_close(first, other), "randomness", message)
    used = torch.Generator().manual_seed(1)
    torch.randn(3, generator=used)
    late = student.as_tensor(student(*model, 5, used), first.shape, "the sample")
    message = "A generator that has already been used gives its first numbers again: use it as it comes, make no new one of its seed."
    expect(not is_close(first, late), "randomness", message)


def _coefficients(x: Tensor, mean: Tensor, E: Tensor, lam: Tensor) -> Tensor:
    """Return z = Λ^(-1/2) Eᵀ(x - μ), once x is known to lie in μ + span(E)."""
    centred = x.double() - mean
    c = centred @ E
    outside = centred - c @ E.T
    if torch.linalg.vector_norm(outside) > 10 * tolerance(x) * torch.linalg.vector_norm(centred):
        clipped = bool(((x >= 0) & (x <= 1)).all())
        expect(not clipped, "clipping", "You clip the samples to [0, 1]: then they are not Gaussian any more.")
        constant = outside.std(dim=0).max() < 1e-3 * outside.abs().max()
        message = "The samples do not surround the mean face μ: add it, once, with a plus sign."
        expect(not constant, "mean", message)
        message = (
            "The samples leave the space μ + span(E): the randomness must enter through the r coefficients z only."
        )
        raise Mistake("rank", message, {"part outside": outside.norm() / c.norm()})
    return c / lam.sqrt()


def _examine_variances(c: Tensor, lam: Tensor) -> None:
    """Examine mean and variance of each coefficient, which tell what was done with Λ and with z."""
    expect(bool((c.var(dim=0) > 1e-6).all()), "rank", "Some axes have no variation: all r eigenvectors must take part.")
    message = "z must have mean 0: use torch.randn (normal), neither torch.rand (uniform) nor absolute values."
    z_mean = (c.mean(dim=0) / c.std(dim=0)).abs().max()
    expect(z_mean < 0.1, "randomness", message, mean_of_z=z_mean)
    variance = c.var(dim=0)
    known = [
        ("square-root", lam, "You multiply z by the eigenvalues: they are variances, z must be multiplied by their roots."),
        ("square-root", lam**3, "You multiply z by λ²: the eigenvalues are variances, z must be multiplied by their roots."),
        ("square-root", 1 / lam, "You use z without Λ^(1/2): each coefficient must have the standard deviation √λ."),
        ("square-root", 1 / lam**2, "You divide z by √λ: that whitens. To colour z, multiply it by √λ."),
        ("square-root", 1 / lam.sqrt(), "You take the fourth root of Λ: z must be multiplied by √λ."),
    ]  # fmt: skip
    for cause, ratio, message in known:
        if ((variance / ratio - 1).abs() < 0.15).all():
            raise Mistake(cause, message, {"variance along e_1, over λ_1": variance[0]})
    if ((variance - 1).abs() < 0.15).all():
        return
    if (variance / variance.mean() - 1).abs().max() < 0.15:
        message = "The samples are scaled by a wrong factor, the same along all axes: x = μ + EΛ^(1/2)z, nothing else."
        raise Mistake("normalisation", message, {"variance over eigenvalue": variance})
    if ((variance * lam / lam.flip(0) - 1).abs() < 0.15).all():
        raise Mistake(
            "order", "The eigenvalues are taken in the opposite order of the eigenvectors: λ_j belongs to e_j."
        )
    message = "The variance of the samples along e_j must be λ_j."
    raise Mistake("value", message, {"variance over eigenvalue": variance})


def _examine_independence(c: Tensor) -> None:
    """Examine that the coefficients are normal, and independent among each other and from sample to sample."""
    z = (c - c.mean(dim=0)) / c.std(dim=0)
    correlation = (z.T @ z / len(z) - torch.eye(z.shape[1], dtype=z.dtype)).abs().max()
    message = "The coefficients of a sample depend on each other: draw r independent ones a sample, z of shape (n, r)."
    expect(correlation < 0.1, "randomness", message, largest_correlation=correlation)
    lagged = (z[1:] * z[:-1]).mean(dim=0).abs().max()
    expect(lagged < 0.1, "randomness", "Successive samples depend on each other.", correlation=lagged)
    kurtosis = z.pow(4).mean(dim=0)
    message = "z has the right variance but is not normal (its fourth moment should be 3): use torch.randn."
    expect(bool(((kurtosis - 3).abs() < 0.6).all()), "randomness", message, fourth_moment=kurtosis)


# --- project ---------------------------------------------------------------------------------------------------------


@exercise(
    gaussian.project,
    hints=(
        "Subtract the mean, take the inner products with the first eigenvectors, rebuild, add the mean back.",
        "p(x) = μ + Σ_{i ≤ rank} ⟨e_i, x - μ⟩ e_i = μ + E_k E_kᵀ (x - μ), E_k the first rank columns of E.",
        "E = eigenvectors[:, :rank]",
    ),
)
def project(student: Student) -> str:
    """Examine p by its characterisation: p - μ in the span, x - p orthogonal to it."""
    for rank, seed in ((4, 0), (2, 1), (1, 2), (7, 3)):
        mean, eigenvectors, _ = _toy_model(15, 7, seed)
        face = 0.5 + random_image((15,), seed + 10)
        result = student(face, mean, eigenvectors, rank)
        codes = isinstance(result, Tensor) and tuple(result.shape) == (rank,)
        expect(not codes, "shape", "You return the coefficients ⟨e_i, x - μ⟩. p(x) is an image: multiply the e_i by them, add them up, add μ.")
        p = student.as_tensor(result, (15,))
        if not is_close(p, gaussian.project(face, mean, eigenvectors, rank)):
            recognise(p, *_wrong_projections(face, mean, eigenvectors, rank))
        E, centred = eigenvectors[:, :rank], p.double() - mean
        message = "p(x) - μ must be a combination of the first rank eigenvectors."
        expect_close(E @ (E.T @ centred), centred, "value", message)
        message = "x - p(x) must be orthogonal to the first rank eigenvectors: the coefficients are ⟨e_i, x - μ⟩."
        expect_close(E.T @ centred, E.T @ (face - mean), "value", message)
    with _NoLargeMatrix(3000**2, "Put parentheses: E (Eᵀ (x - μ)) takes two products with rank columns."):
        student(random_image((3000,)), *_toy_model(3000, 3, seed=4)[:2], 2)
    return "p(x) - μ in span(e_1, …, e_rank), x - p(x) orthogonal to it, no d × d matrix"


def _wrong_projections(face: Tensor, mean: Tensor, eigenvectors: Tensor, rank: int) -> list[Known]:
    E = eigenvectors[:, :rank]
    c = E.T @ (face - mean)
    right = mean + E @ c

    def other(columns: Tensor) -> Tensor:
        return mean + columns @ (columns.T @ (face - mean))

    first = "The projection is on the first rank eigenvectors e_1, …, e_rank: eigenvectors[:, :rank]."
    return [
        ("identity", face, "You return the face itself."),
        ("constant", mean, "You return the mean face, whatever the face is."),
        ("mean", E @ (E.T @ face), "The mean is forgotten: project x - μ, then add μ."),
        ("mean", mean + E @ (E.T @ face), "Subtract the mean before taking the inner products: ⟨e_i, x - μ⟩."),
        ("mean", right - mean, "Add the mean back: the space μ + span(E) goes through μ, not through 0."),
        ("mean", right + mean, "The mean is added twice."),
        ("mean", right - 2 * mean, "The mean is added with the wrong sign: p(x) = μ + …"),
        ("sign", 2 * mean - right, "The sign is wrong: the coefficients are ⟨e_i, x - μ⟩, not ⟨e_i, μ - x⟩."),
        ("truncation", other(eigenvectors), f"You use all the eigenvectors. {first}"),
        ("truncation", other(eigenvectors[:, : rank + 1]), f"You use one eigenvector too many. {first}"),
        ("truncation", other(eigenvectors[:, : rank - 1]), f"You use one eigenvector too few. {first}"),
        ("truncation", other(eigenvectors[:, rank - 1 : rank]), f"You use only e_rank. {first}"),
        ("truncation", other(eigenvectors[:, 1:rank]), f"You leave out e_1: Python counts from 0. {first}"),
        ("truncation", other(eigenvectors[:, 1 : rank + 1]), f"You leave out e_1: Python counts from 0. {first}"),
        ("truncation", other(eigenvectors[:, rank : rank + 1]), f"You use only one eigenvector. {first}"),
        ("order", other(eigenvectors[:, -rank:]), f"You use the last eigenvectors. {first}"),
        ("weight", mean + E @ c / 2, "The coefficients are halved: they are ⟨e_i, x - μ⟩."),
        ("normalisation", mean + E @ (c / c.norm()), "The coefficients are divided by their norm: they are ⟨e_i, x - μ⟩, as they come."),
        ("square-root", mean + E @ c**2, "The coefficients are squared: they are ⟨e_i, x - μ⟩."),
        ("square-root", mean + (E @ c) ** 2, "The projection is squared: p(x) = μ + E_k E_kᵀ (x - μ)."),
        ("value", face - right, "You return x - p(x), the part of the face that the projection removes."),
        ("value", face - right + mean, "You return what is orthogonal to the eigenvectors; keep the other part."),
        ("value", mean + E.sum(dim=1) * c.sum(), "You sum the coefficients before you multiply: each has an eigenvector of its own, Σ c_i e_i."),
        ("clipping", right.clamp(0, 1), "You clip the result to [0, 1]: a projection does not."),
    ]  # fmt: skip


# --- log_likelihood --------------------------------------------------------------------------------------------------


@exercise(
    gaussian.log_likelihood,
    hints=(
        "In an orthonormal basis that begins with e_1, …, e_r the covariance is diagonal: variance λ_i + σ² along e_i, "
        "σ² along the d - k other axes. A diagonal Gaussian is a product of one-dimensional ones.",
        "-2 log p = d log 2π + Σ log(λ_i + σ²) + (d - k) log σ² + Σ c_i² / (λ_i + σ²) + (‖x - μ‖² - ‖c‖²) / σ², "
        "with c = E_kᵀ(x - μ).",
        "mean, E, lam = model[0], model[1][:, :rank], model[2][:rank]; c = (faces - mean) @ E",
    ),
)
def log_likelihood(student: Student) -> str:
    """Examine the value, then its constant and its curvature in each direction."""
    for rank, noise_std, seed in ((2, 0.4, 0), (4, 0.1, 1), (1, 0.7, 2)):
        model = _toy_model(12, 5, seed)
        faces = 0.5 + 0.6 * random_image((7, 12), seed + 10)
        values = student.tensor(faces, model, rank, noise_std, shape=(7,))
        if not is_close(values, gaussian.log_likelihood(faces, model, rank, noise_std)):
            expect(values.std() > 0, "constant", "Every face gets the same value.")
            terms = _Terms(faces, model, rank, noise_std)
            recognise(values, *_wrong_terms(terms), *_wrong_variances(terms))
            _examine_by_parts(student, model, rank, noise_std)
            raise Mistake("value", "This is not log N(x; μ, E_k Λ_k E_kᵀ + σ² I).", {"yours": values[0]})
    _examine_large(student)
    return "log N(x; μ, E_r Λ_r E_rᵀ + σ² I) for several ranks and σ, without a d × d matrix"


class _Terms:
    """The parts of -2 log p, for a set of faces."""

    def __init__(self, faces: Tensor, model: Model, rank: int, noise_std: float) -> None:
        self.faces, self.model, self.rank, self.std = faces, model, rank, noise_std
        mean, E, lam = model
        self.d, self.s2, self.lam = len(mean), noise_std**2, lam[:rank]
        self.c2 = ((faces - mean) @ E[:, :rank]).square()
        self.total = (faces - mean).square().sum(dim=1)
        variance = self.lam + self.s2
        self.constant = self.d * math.log(2 * math.pi)
        self.log_inside, self.log_outside = variance.log().sum().item(), (self.d - rank) * math.log(self.s2)
        self.inside, self.outside = (self.c2 / variance).sum(dim=1), (self.total - self.c2.sum(dim=1)) / self.s2

    @property
    def right(self) -> Tensor:
        """Return log p."""
        return -0.5 * (self.constant + self.log_inside + self.log_outside + self.inside + self.outside)


def _wrong_terms(t: _Terms) -> list[Known]:
    """Return the values that a term forgotten, doubled or of the wrong sign would give."""
    right, q, log_det, k = t.right, t.inside + t.outside, t.log_inside + t.log_outside, t.rank
    noise = "(d - k) log σ², for the d - k axes outside the subspace"
    logarithm = "The constant is -½ d log(2π), with d pixels and both factors."
    per_face = -0.5 * (len(t.faces) * math.log(2 * math.pi) + t.log_inside + (len(t.faces) - k) * math.log(t.s2) + q)
    return [
        ("weight", -2 * right, "This is -2 log p, which the formula above displays. Return log p: multiply by -½."),
        ("weight", 2 * right, "All is twice too large: the factor -½ in front is missing."),
        ("weight", right - 0.5 * q, "The ½ in the exponent is missing (the slide's formula lacks it): exp(-½ (x-μ)ᵀΣ⁻¹(x-μ))."),
        ("weight", right - 0.5 * (t.constant + log_det), "The ½ stands before the exponent only: log 1/√((2π)^d |Σ|) has it as well."),
        ("weight", right - 0.5 * log_det, "The ½ before the log-determinant is missing: log 1/√|Σ| = -½ log|Σ|."),
        ("sign", -right, "The sign is wrong: this is the negative log-likelihood."),
        ("sign", right + q, "The exponent has the wrong sign: a face far from μ must be less likely."),
        ("sign", right + log_det, "The log-determinant has the wrong sign: log 1/√|Σ| = -½ log|Σ|."),
        ("normalisation", right + 0.5 * t.constant, "The constant -½ d log 2π is missing."),
        ("normalisation", right + 0.5 * t.d * math.log(math.pi), f"π is missing. {logarithm}"),
        ("normalisation", right + 0.5 * t.d * math.log(2), f"The factor 2 before π is missing. {logarithm}"),
        ("normalisation", right + 0.5 * (t.d - 1) * math.log(2 * math.pi), logarithm),
        ("normalisation", right + 0.5 * (t.d - k) * math.log(2 * math.pi), f"You take d = k there. {logarithm}"),
        ("normalisation", per_face, "You take the number of faces for d: d is the number of pixels, len(mean)."),
        ("normalisation", right + 0.5 * log_det, "The determinant is missing: -½ log|Σ|."),
        ("normalisation", -0.5 * q, "Only the exponent is there: the density is also divided by √((2π)^d |Σ|)."),
        ("normalisation", right + 0.5 * t.log_outside, f"The log-determinant lacks {noise}."),
        ("normalisation", right - 0.5 * k * math.log(t.s2), f"The log-determinant must have {noise}, not d log σ²."),
        ("normalisation", right + 0.5 * (t.d - len(t.model[2])) * math.log(t.s2), f"The log-determinant must have {noise}: d pixels, not the axes of the model."),
        ("normalisation", right / t.d, "You divide by the number of pixels d."),
        ("normalisation", right + 0.5 * (t.constant + log_det) * (1 - 1 / math.log(10)), "You use logarithms to the base 10; the natural logarithm is expected."),
        ("normalisation", right + 0.5 * (t.constant + log_det) * (1 - 1 / math.log(2)), "You use logarithms to the base 2; the natural logarithm is expected."),
        ("order", right + 0.5 * (t.log_inside - math.log((t.lam + t.s2).sum())), "You take the logarithm of the sum of the variances. log|Σ| is the sum of their logarithms: first .log(), then .sum()."),
        ("normalisation", right / math.log(2), "You use logarithms to the base 2; the natural logarithm is expected."),
        ("normalisation", right / math.log(10), "You use logarithms to the base 10; the natural logarithm is expected."),
        ("value", right.exp(), "This is the density, not its logarithm: for a face it is 0 or infinite in floating point."),
    ]  # fmt: skip


def _wrong_variances(t: _Terms) -> list[Known]:
    """Return the values that other variances, another mean or another number of axes would give."""
    (mean, E, lam), right, k = t.model, t.right, t.rank

    def other(*model: Tensor, std: float = t.std, rank: int = k) -> Tensor:
        return gaussian.log_likelihood(t.faces, (model[0], model[1], model[2]), rank, std)

    mixed = (t.lam + t.std).log().sum() + (t.c2 / (t.lam + t.std)).sum(dim=1) - t.log_inside - t.inside
    bare, determinant = (t.c2 / t.lam).sum(dim=1) - t.inside, t.lam.log().sum() - t.log_inside
    coefficients = -0.5 * (k * math.log(2 * math.pi) + t.log_inside + t.inside)
    norms = (t.total.sqrt() - t.c2.sum(dim=1).sqrt()) / t.s2
    bare_c2 = (t.faces @ E[:, :k]).square()
    not_centred = (bare_c2 / (t.lam + t.s2)).sum(dim=1) - t.inside
    mean_in_c = "The mean is not subtracted in c = E_kᵀ(x - μ)."
    everywhere = "The noise is everywhere: along e_i the variance is λ_i + σ²"
    return [
        ("square-root", right + 0.25 * t.log_outside, "Outside the subspace the variance is σ²: log σ², not log σ, d - k times."),
        ("square-root", other(mean, E, lam, std=math.sqrt(t.std)), "The noise enters by its variance σ²: square noise_std."),
        ("square-root", other(mean, E, lam, std=t.s2), "noise_std is squared once too often."),
        ("square-root", other(mean, E, lam.sqrt()), "You use √λ as variances: the eigenvalues are variances already."),
        ("square-root", other(mean, E, lam**2), "You square the eigenvalues: they are variances already."),
        ("square-root", right - 0.5 * mixed, "Along e_i the variance is λ_i + σ²: you add σ, noise_std must be squared there too."),
        ("square-root", right - 0.5 * (norms - t.outside), "The norms are not squared: outside the subspace the square is ‖x - μ‖² - ‖c‖²."),
        ("mean", right - 0.5 * (not_centred - (bare_c2 - t.c2).sum(dim=1) / t.s2), mean_in_c),
        ("mean", right - 0.5 * not_centred, mean_in_c),
        ("mean", other(torch.zeros_like(mean), E, lam), "The mean was not subtracted from the faces."),
        ("truncation", other(mean, E, lam, rank=len(lam)), "You use all the eigenvectors instead of the first rank."),
        ("truncation", other(mean, E, lam, rank=k + 1), "You use one eigenvector too many."),
        ("truncation", other(mean, E, lam, rank=k - 1), "You use one eigenvector too few."),
        ("truncation", right + 0.5 * t.outside, "What is outside the face subspace is missing: (‖x - μ‖² - ‖c‖²) / σ²."),
        ("truncation", coefficients, "This is the density of the k coefficients: the d - k axes outside the subspace are missing."),
        ("weight", right - 0.5 * t.outside * (t.s2 - 1), "What is outside the face subspace is not divided by its variance: (‖x - μ‖² - ‖c‖²) / σ²."),
        ("weight", right - 0.5 * t.c2.sum(dim=1) / t.s2, "‖x - μ‖² / σ² counts the subspace again: take ‖x - μ‖² - ‖c‖²."),
        ("weight", right - 0.5 * (bare + determinant), f"{everywhere}, not λ_i."),
        ("weight", right - 0.5 * bare, f"{everywhere}, in the exponent as in the determinant."),
        ("weight", right - 0.5 * determinant, f"{everywhere}, in the determinant as in the exponent."),
    ]  # fmt: skip


def _examine_by_parts(student: Student, model: Model, rank: int, noise_std: float) -> None:
    """Say which part of the density is wrong: its value at μ, or its curvature along an axis."""
    mean, E, _ = model
    points = torch.stack([mean, mean - 0.7 * E[:, 0], mean - 0.7 * E[:, rank]])
    values = student.tensor(points, model, rank, noise_std, shape=(3,)).double()
    alone = student.tensor(points[:1], model, rank, noise_std, shape=(1,)).double()
    message = "The value of a face must not depend on the other faces: sum over the pixels or axes, not over the faces."
    expect_close(alone[0].item(), values[0].item(), "axis", message, 1e-4)
    right = gaussian.log_likelihood(points, model, rank, noise_std)
    curvature, expected = 2 * (values[0] - values[1:]), 2 * (right[0] - right[1:])
    message = "Along e_1 the exponent is wrong: it must grow as c_1² / (λ_1 + σ²), with a factor ½."
    expect_close(curvature[0].item(), expected[0].item(), "value", message, 1e-3)
    message = (
        "Along an axis outside the subspace the exponent is wrong: it must grow as the square over σ², with a factor ½."
    )
    expect_close(curvature[1].item(), expected[1].item(), "value", message, 1e-3)
    message = "The value at x = μ is wrong: it must be -½ (d log 2π + Σ log(λ_i + σ²) + (d - k) log σ²)."
    expect_close(values[0].item(), right[0].item(), "normalisation", message, 1e-3)


def _examine_large(student: Student) -> None:
    """Examine a model with many pixels, where a d × d matrix or a determinant does not work."""
    d, rank = 3000, 3
    model, faces = _toy_model(d, 5, 3), 0.5 + 0.3 * random_image((4, d), 4)
    with _NoLargeMatrix(d * d, "Use that Σ is diagonal in a basis that begins with E_k."):
        values = student(faces, model, rank, 0.2)
    if isinstance(values, Tensor) and values.is_floating_point():
        message = (
            "With d = 3000 your result is not finite: |Σ| underflows. Sum logarithms, do not take the log of a product."
        )
        expect(torch.isfinite(values).all(), "not-finite", message)
    values = student.as_tensor(values, (4,))
    right = gaussian.log_likelihood(faces, model, rank, 0.2)
    expect_close(values, right, "value", "The values are wrong when there are many pixels (d = 3000).")


# --- condition -------------------------------------------------------------------------------------------------------


@exercise(
    gaussian.condition,
    hints=(
        "Only z is unknown. Given z, the visible pixels are μ + Bz plus white noise; z itself is N(0, I). Both are "
        "Gaussian: collect what is quadratic and what is linear in z.",
        "S = I + B_ωᵀB_ω / σ² is k × k, S ẑ = B_ωᵀ(v - μ)_ω / σ². Then m = μ + Bẑ, and S = LLᵀ gives F = BL⁻ᵀ.",
        "B = eigenvectors * eigenvalues.sqrt(); B_seen = B[mask]",
    ),
)
def condition(student: Student) -> str:
    """Examine m by the equation of its code, and F by FFᵀ: the factor is free."""
    for (d, r), noise_std, seed in (((14, 3), 0.6, 0), ((17, 5), 0.3, 1), ((12, 2), 1.4, 2)):
        model, face = _toy_model(d, r, seed), 0.5 + 0.6 * random_image((d,), seed + 20)
        mask = random_image((d,), seed + 30) < 0.3
        arguments = (face, mask, model, noise_std)
        m, F = _unpack_posterior(student, student(*arguments), d, r)
        posterior = _Posterior(*arguments)
        if not is_close(m, posterior.mean):
            recognise(m, *_wrong_means(posterior))
            _recognise_noise(m, posterior)
            raise Mistake(
                "value",
                "m is not the mean of μ + Bz given the visible pixels.",
                {"relative error": relative_error(m, posterior.mean)},
            )
        _examine_factor(F, posterior)
    model = _toy_model(3000, 3, 5)
    with _NoLargeMatrix(1000**2, "Solve for z, which has k coefficients: S is k × k."):
        student(random_image((3000,), 6), random_image((3000,), 7) < 0.3, model, 0.4)
    return "m = μ + Bẑ with Sẑ = B_ωᵀ(v - μ)_ω / σ², FFᵀ = BS⁻¹Bᵀ, for several masks and σ, no d × d matrix"


class _Posterior:
    """The posterior of z given the visible pixels, with its parts."""

    def __init__(self, face: Tensor, mask: Tensor, model: Model, noise_std: float) -> None:
        self.face, self.mask, self.model, self.std = face, mask, model, noise_std
        mean, E, lam = model
        self.B = E * lam.sqrt()
        seen = self.B[mask]
        self.gram, self.b = seen.T @ seen, seen.T @ (face - mean)[mask]
        self.S = torch.eye(len(lam), dtype=torch.float64) + self.gram / noise_std**2
        self.mean = mean + self.B @ torch.linalg.solve(self.S, self.b / noise_std**2)

    def other(self, **changed: Any) -> Tensor:
        """Return the posterior mean for another face, mask, model or noise."""
        kept = {"face": self.face, "mask": self.mask, "model": self.model, "noise_std": self.std}
        return _Posterior(**{**kept, **changed}).mean


def _unpack_posterior(student: Student, result: Any, d: int, r: int) -> tuple[Tensor, Tensor]:
    """Return m and F once their shapes are right."""
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise Mistake("type", "Return two tensors: the posterior mean m, and a factor F of the covariance.")
    shapes = [tuple(part.shape) if isinstance(part, Tensor) else None for part in result]
    if shapes == [(d, r), (d,)]:
        raise Mistake("order", "You return F before m: the posterior mean comes first.")
    if shapes[1] is not None and len(shapes[1]) == 2 and shapes[1][0] < d and shapes[1][1] == r:
        text = "F has the rows of some pixels only. Return it for all the pixels of the face, the visible ones too."
        raise Mistake("shape", text, {"your shape": shapes[1], "expected shape": (d, r)})
    if shapes[0] == (r,):
        raise Mistake(
            "shape",
            "You return the code ẑ. The first result is the image m = μ + Bẑ.",
            {"your shape": (r,), "expected shape": (d,)},
        )
    if shapes[1] == (r, r):
        raise Mistake(
            "shape",
            "This is a factor of the covariance of z. That of the image is B times it.",
            {"your shape": (r, r), "expected shape": (d, r)},
        )
    if shapes[1] == (d, d):
        raise Mistake(
            "shape",
            "F is a factor, (d, k): the covariance FFᵀ itself, d × d, is never formed.",
            {"your shape": (d, d), "expected shape": (d, r)},
        )
    return student.as_tensor(result[0], (d,), "the mean m"), student.as_tensor(result[1], (d, r), "F")


def _wrong_means(p: _Posterior) -> list[Known]:
    (mean, E, lam), face, mask, right = p.model, p.face, p.mask, p.mean
    ones = torch.ones_like(mask)
    projected = mean + E @ (E[mask].T @ (face - mean)[mask])
    not_centred = mean + p.B @ torch.linalg.solve(p.S, p.B[mask].T @ face[mask] / p.std**2)
    root = "B = EΛ^(1/2): z is N(0, I), and"
    return [
        ("identity", face, "You return the portrait as it came."),
        ("constant", mean, "m is the mean face: what is visible is not used."),
        ("mean", right - mean, "Add μ back: m = μ + Bẑ."),
        ("mean", right + mean, "μ is added twice: m = μ + Bẑ."),
        ("mean", not_centred, "Subtract μ from the visible pixels before you multiply by B_ωᵀ."),
        ("sign", 2 * mean - right, "The sign is wrong: the right-hand side is B_ωᵀ(v - μ)_ω, not B_ωᵀ(μ - v)_ω."),
        ("value", p.other(mask=~mask), "You condition on the hidden pixels: mask is true on the visible ones."),
        ("value", p.other(mask=ones), "You condition on all the pixels, the hidden ones too: keep the rows B[mask] only."),
        ("value", p.other(face=face * mask, mask=ones), "The hidden pixels count as if they were seen and black: keep the rows B[mask] only."),
        ("value", torch.where(mask, face, right), "m is μ + Bẑ everywhere: on the visible pixels it is the face without its noise."),
        ("value", projected, "You project the visible pixels. Given only some of them, the coefficients must be solved for, S ẑ = …"),
        ("square-root", p.other(model=(mean, E, lam**2)), f"{root} √λ is its standard deviation along e, not λ."),
        ("square-root", p.other(model=(mean, E, torch.ones_like(lam))), f"{root} the factor √λ is missing."),
        ("weight", p.other(model=(mean, E, 1 / lam)), f"{root} you divide by √λ. With coefficients c = √λ z, the prior in S is Λ⁻¹."),
        ("weight", mean + p.std**2 * (right - mean), "The right-hand side is not divided by σ², as B_ωᵀB_ω is."),
        ("weight", mean + p.std * (right - mean), "The right-hand side is divided by σ, not by σ² as B_ωᵀB_ω is."),
        ("weight", mean + p.B @ torch.linalg.solve(torch.eye(len(lam), dtype=torch.float64) + p.gram, p.b / p.std**2), "B_ωᵀB_ω is not divided by σ² in S, as the right-hand side is."),
    ]  # fmt: skip


def _recognise_noise(m: Tensor, p: _Posterior) -> None:
    """Raise the mistake of a posterior mean for another σ: then z with m = μ + Bz satisfies s z = b - Gz, s = σ²."""
    mean, E, lam = p.model
    z = (E.T @ (m.double() - mean)) / lam.sqrt()
    left = p.b - p.gram @ z
    s = (z @ left / (z @ z)).item()
    if relative_error(m.double() - mean, p.B @ z) > 1e-5 or (s * z - left).norm() > 1e-5 * p.b.norm():
        return
    known = [
        (p.std, "square-root", "You divide by σ. The noise enters by its variance σ²: square noise_std."),
        (p.std**4, "square-root", "noise_std is squared once too often."),
        (0.0, "weight", "The prior is missing: S = I + B_ωᵀB_ω / σ², and the I says that z is N(0, I)."),
        (1.0, "weight", "σ is not used: divide B_ωᵀB_ω and the right-hand side by σ²."),
    ]  # fmt: skip
    for value, cause, text in known:
        if abs(s - value) <= 1e-4 * max(value, p.std**2):
            raise Mistake(cause, text)
    text = (
        "m is right for another noise: does a number, or a variable of the notebook, stand in the place of noise_std?"
    )
    raise Mistake("weight", text, {"your σ": math.sqrt(abs(s)), "noise_std": p.std})


def _examine_factor(F: Tensor, p: _Posterior) -> None:
    """Compare FFᵀ with the covariance, and recognise other products of B with S or its root."""
    inverse = torch.linalg.inv(p.S)
    covariance = p.B @ inverse @ p.B.T
    found = F.double() @ F.double().T
    if relative_error(found, covariance) <= 10 * tolerance(F):
        return
    L = torch.linalg.cholesky(p.S)
    turned = p.B @ torch.linalg.inv(L)
    known = [
        ("square-root", p.B @ inverse, "F is BS⁻¹. It must be a root: FFᵀ = BS⁻¹Bᵀ."),
        ("transpose", turned, "F is BL⁻¹. With S = LLᵀ, S⁻¹ = L⁻ᵀL⁻¹, so that F = BL⁻ᵀ."),
        ("value", p.B @ L, "F is made with a root of S, which is the precision. The covariance of z is S⁻¹."),
        ("value", p.B, "F is B, the factor before anything was seen. Given the visible pixels, z has the covariance S⁻¹."),
        ("value", torch.where(p.mask[:, None], 0.0, p.B @ torch.linalg.inv(L).T), "The visible pixels have a variance too: m is an estimate of the face without its noise."),
    ]  # fmt: skip
    for cause, factor, text in known:
        if is_close(found, factor @ factor.T):
            raise Mistake(cause, text)
    ratio = (found.trace() / covariance.trace()).item()
    text = "FFᵀ is the covariance up to a factor: divide B_ωᵀB_ω by σ² in S, and nothing else."
    expect(not is_close(found, ratio * covariance), "normalisation", text, your_variance_over_the_right_one=ratio)
    raise Mistake(
        "value",
        "FFᵀ is not BS⁻¹Bᵀ, the covariance of μ + Bz given the visible pixels.",
        {"yours": F.double().square().sum(dim=1)[:3], "variance of three pixels": covariance.diag()[:3]},
    )
