"""Checks of the exercises of notebook 06: Penrose's identities, frequencies kept and dropped, iterates, optimality."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import torch
from torch import Tensor

from course_utils import operators, restoration
from course_utils.checks.deblurring import call_filter, expect_kernel_used, explain_size
from course_utils.checks.engine import (
    SHAPES,
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
from course_utils.fourier import kernel_to_transfer, laplacian_transfer

# --- pseudo_inverse(A) -----------------------------------------------------------------------------------------------


@exercise(
    operators.pseudo_inverse,
    hints=(
        "A = G diag(s) Eᵀ sends eᵢ to sᵢgᵢ. A⁺ sends gᵢ back to eᵢ/sᵢ, and the directions with sᵢ = 0 to 0.",
        "A⁺ = E diag(φ(s)) Gᵀ with φ(s) = 1/s if s > 1e-10 max(s), else 0.",
        "G, s, Et = torch.linalg.svd(A, full_matrices=False)",
    ),
)
def pseudo_inverse(student: Student) -> str:
    """Examine A⁺ on square, tall, wide and rank-deficient matrices, through its SVD and Penrose's identities."""
    for (m, d), singular_values, scale in (
        ((5, 5), (3.0, 2.0, 1.5, 0.7, 0.4), 1.0),
        ((7, 4), (2.0, 1.0, 0.6, 0.01), 1.0),
        ((4, 6), (1.7, 1.1, 0.0, 0.0), 1.0),
        ((6, 5), (2.0, 1.3, 0.8, 0.0, 0.0), 1e-9),
        ((5, 6), (2.0, 1.3, 0.8, 0.0, 0.0), 1e9),
    ):
        U, s, V = _factors(m, d, singular_values)
        A = U @ torch.diag(scale * s) @ V.T
        answer = _pseudo_inverse_of(student, A)
        _examine_spectrum(answer, A, U, scale * s, V)
        _examine_penrose(answer, A)
    _examine_threshold(student)
    diagonal = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    answer = student.tensor(diagonal, shape=(3, 2))
    expect_close(
        answer, diagonal.T / 9, "truncation", "For A = [[3, 0, 0], [0, 0, 0]] the only nonzero entry of A⁺ is 1/3."
    )
    return "the four Penrose identities, for tall, wide and rank-deficient matrices of any scale; singular values are dropped at 1e-10 max(s)"


def _factors(m: int, d: int, singular_values: Sequence[float]) -> tuple[Tensor, Tensor, Tensor]:
    """Return U (m, r), s (r) and V (d, r) of a random matrix with these singular values."""
    s = torch.tensor(singular_values, dtype=torch.float64)
    U = torch.linalg.qr(random_image((m, len(s)), seed=m))[0]
    V = torch.linalg.qr(random_image((d, len(s)), seed=10 + d))[0]
    return U, s, V


def _pseudo_inverse_of(student: Student, A: Tensor) -> Tensor:
    """Return the student's A⁺; what crashes or has the shape of A is explained."""
    m, d = A.shape
    try:
        result = student(A)
    except Mistake as mistake:
        if mistake.cause == "exception" and "square matri" in mistake.message:
            raise Mistake("rank", f"An inverse exists only for a square A of full rank; this A has shape {(m, d)}. Use the SVD. {mistake.message}") from None
        if (
            mistake.cause == "exception"
            and m != d
            and re.search(r"shape|size", mistake.message)
            and _fits_square(student)
        ):
            raise Mistake("shape", f"Your function works for a square A, not for one of shape {(m, d)}: torch.linalg.svd returns square G and Eᵀ, too large for diag(s), unless full_matrices=False. {mistake.message}") from None
        if mistake.cause == "exception" and "singular" in mistake.message:
            raise Mistake(
                "rank",
                f"(AᵀA)⁻¹Aᵀ exists only when A has rank d; this A of shape {(m, d)} has Ker A ≠ {{0}}. Use the SVD.",
            ) from None
        raise
    expect(m == d or not isinstance(result, Tensor) or result.shape != (d, d), "value", _GRAM)
    if m != d and isinstance(result, Tensor) and result.shape == A.shape:
        recognise(result, ("identity", A, "You return A itself."))
        raise Mistake(
            "transpose", f"A goes from ℝ^{d} to ℝ^{m}, A⁺ goes back: its shape is {(d, m)}, yours is {(m, d)}."
        )
    return student.as_tensor(result, (d, m))


def _fits_square(student: Student) -> bool:
    try:
        return tuple(student(random_image((4, 4))).shape) == (4, 4)
    except Mistake:
        return False


def _examine_threshold(student: Student) -> None:
    """Raise unless singular values are dropped at 1e-10 max(s), between 3e-11 and 3e-10 (float32 cannot tell)."""
    s = torch.tensor((1.0, 0.5, 3e-10, 3e-11), dtype=torch.float64)
    U, V = _factors(6, 5, s.tolist())[::2]
    answer = student.tensor(100 * U @ torch.diag(s) @ V.T, shape=(5, 6))
    error = student.tensor(diagonal := torch.diag(s[:2] + 0.1), shape=(2, 2)) - diagonal.inverse()
    if answer.dtype != torch.float64 or error.abs().max() > 1e-12:
        return
    kept = 100 * s * torch.diagonal(V.T @ answer @ U)
    details = {"kept (1) or dropped (0)": kept.round(decimals=2), "singular values / max(s)": s}
    text = "You drop a singular value of 3e-10 max(s): the threshold of the text is 1e-10 max(s). (Through AᵀA, which squares s, values below about 1e-8 max(s) are lost in rounding.)"
    expect(abs(kept[2] - 1) < 0.1, "truncation", text, **details)
    text = "You keep a singular value of 3e-11 max(s): the text counts what is at most 1e-10 max(s) as zero."
    expect(abs(kept[3]) < 0.1, "truncation", text, **details)


def _examine_spectrum(answer: Tensor, A: Tensor, U: Tensor, s: Tensor, V: Tensor) -> None:
    """Read the function φ of an answer V diag(φ(s)) Uᵀ, and say what is wrong with it."""
    # Wrong products of the factors depend on the signs of the singular vectors: take those that torch returns.
    W, t, Zt = torch.linalg.svd(A, full_matrices=False)
    inverse = torch.where(t > 1e-10 * t.max(), 1 / t, 0)
    if not answer.any():
        small = "Your A⁺ is 0 for a small A: the threshold must be relative to max(s)."
        raise Mistake(*(("truncation", small) if s.max() < 1e-3 else ("constant", "Your A⁺ is 0, although A is not: are the two cases of the threshold exchanged?")))
    if A.shape[0] == A.shape[1]:
        turned = "A⁺ = E diag(1/s) Gᵀ: mind which of G and E is transposed; torch.linalg.svd returns G, s and Eᵀ, not E."
        recognise(
            answer,
            ("identity", A, "You return A itself."),
            ("value", Zt.T @ torch.diag(inverse**2) @ Zt, _GRAM),
            ("transpose", W @ torch.diag(inverse) @ Zt, f"You return (A⁺)ᵀ. {turned}"),
            ("transpose", Zt @ torch.diag(inverse) @ W.T, turned),
            ("transpose", Zt.T @ torch.diag(inverse) @ W, turned),
            ("transpose", Zt @ torch.diag(inverse) @ W, turned),
        )
    recognise(answer, ("value", A.T, "You return E diag(s) Gᵀ = Aᵀ: the singular values must be inverted."))
    phi = torch.diagonal(V.T @ answer.double() @ U)
    if relative_error(V @ torch.diag(phi) @ U.T, answer) < 10 * tolerance(answer):
        _examine_filter(phi[s > 0], s[s > 0])
    _examine_null_spaces(answer, A, U[:, s > 0], s[s > 0], V[:, s > 0])


_GRAM = "You return (AᵀA)⁺, of the matrix whose eigenvectors you took: A⁺ = (AᵀA)⁺Aᵀ. Better take the SVD of A, since AᵀA squares the singular values."


def _examine_filter(phi: Tensor, s: Tensor) -> None:
    """Say what is wrong with φ when the answer is V diag(φ(s)) Uᵀ and the singular values ``s`` are not 0."""
    recognise(phi, ("square-root", 1 / s**2, "You invert s², the eigenvalues of AᵀA; invert s, their roots."))
    dropped = phi.abs() < 1e-6 / s
    weight = s / phi - s**2  # the same λ for every s means a ridge solution, φ = s / (s² + λ)
    is_ridge = (phi != 0).all() and is_close(weight, weight.mean().expand_as(weight), 1e-3)
    if dropped.any() and not is_ridge:
        raise Mistake(
            "truncation",
            "You set a singular value to zero that is not: the threshold must be small, and relative to max(s).",
            {"singular value": s[dropped].max(), "largest one": s.max()},
        )
    if not is_close(phi, 1 / s, 1e-4) and is_ridge:
        raise Mistake(
            "weight", "You return (AᵀA + λI)⁻¹Aᵀ with λ > 0: A⁺ is its limit λ → 0.", {"your λ": weight.mean()}
        )


def _examine_null_spaces(answer: Tensor, A: Tensor, U: Tensor, s: Tensor, V: Tensor) -> None:
    """Say why an answer fails on this A without full rank, where U, s and V hold its nonzero singular values."""
    right = V @ torch.diag(1 / s) @ U.T
    if len(s) == min(A.shape) or is_close(answer, right, 100 * tolerance(answer)):
        return
    error = answer.double() - right
    outside = error - V @ (V.T @ error)
    outside = outside - (outside @ U) @ U.T
    details = {"largest singular value of A": s.max(), "largest entry of your A⁺": answer.abs().max()}
    if is_close(outside, error, 1e-2):
        raise Mistake(
            "truncation",
            "A⁺ must be 0 on the singular vectors whose singular value is zero up to rounding: "
            "replace 1/s by 0 below a threshold relative to max(s).",
            details,
        )
    raise Mistake(
        "rank",
        f"This A of rank {len(s)} and shape {tuple(A.shape)} has Ker A ≠ {{0}}: (AᵀA)⁻¹ does not exist, and what you "
        "compute is rounding noise. Use the SVD.",
        details,
    )


def _examine_penrose(answer: Tensor, A: Tensor) -> None:
    """Raise unless the four identities hold, which only A⁺ satisfies."""
    B, rtol = answer.double(), 100 * tolerance(answer)
    P, Q = A @ B, B @ A
    expect_close(P @ A, A, "value", "A A⁺ A differs from A: on K^⊥ your matrix does not undo A.", rtol)
    expect_close(B @ P, B, "value", "A⁺ A A⁺ differs from A⁺.", rtol)
    expect_close(P.T, P, "value", "A A⁺ is not symmetric: it must be the orthogonal projection on Im A.", rtol)
    expect_close(Q.T, Q, "value", "A⁺ A is not symmetric: it must be the orthogonal projection on K^⊥.", rtol)


# --- pseudo_inverse_deblur(v, kernel, tol) ---------------------------------------------------------------------------


@exercise(
    restoration.pseudo_inverse_deblur,
    hints=(
        "A convolution is diagonal in the Fourier basis, with singular values |k̂|: invert the large ones only.",
        "û(ξ) = v̂(ξ)/k̂(ξ) where |k̂(ξ)| > tol · max|k̂|, and 0 elsewhere.",
        "k_hat = kernel_to_transfer(kernel, v.shape)",
    ),
)
def pseudo_inverse_deblur(student: Student) -> str:
    """Examine the truncated inverse filter with asymmetric kernels whose max|k̂| is not 1."""
    for seed, shape in enumerate(SHAPES):
        v, kernel = random_image(shape, seed), random_image((3, 4), 20 + seed)
        kernel = kernel / (2 * kernel_to_transfer(kernel, shape).abs().max())  # max|k̂| = ½: an absolute tol shows
        k_hat = kernel_to_transfer(kernel, shape)
        for fraction in (0.25, 0.6):
            tol = _tolerance_in_a_gap(k_hat, fraction)
            answer = call_filter(student, v, kernel, tol)
            _recognise_deblurring(answer, v, kernel, tol)
            _examine_frequencies(answer, v, k_hat, tol)
    box = torch.full((2, 2), 0.25, dtype=torch.float64)  # k̂ = 0 on half a row and half a column of an even grid
    v = random_image((8, 6), 5)
    answer = student.tensor(v, box, 1e-3, shape=(8, 6))
    _examine_frequencies(answer, v, kernel_to_transfer(box, (8, 6)), 1e-3)
    _examine_zero_tolerance(student, v, box)
    expect_kernel_used(student, random_image((7, 8)), random_image((3, 4)), 1e-3)
    return "û = v̂/k̂ where |k̂| > tol · max|k̂| and 0 elsewhere, with asymmetric kernels, on odd and even sizes"


def _examine_zero_tolerance(student: Student, v: Tensor, box: Tensor) -> None:
    """Raise unless tol = 0 keeps what is not exactly 0: |k̂| > tol max|k̂|, not ≥."""
    if (kernel_to_transfer(box, (8, 6)) == 0).any():
        result = student(v, box, 0.0)
        finite = not isinstance(result, Tensor) or bool(torch.isfinite(result).all())
        text = "With tol = 0 you divide by k̂ = 0: keep the frequencies with |k̂| > tol · max|k̂|, not those with ≥."
        expect(finite, "truncation", text)


def _tolerance_in_a_gap(k_hat: Tensor, fraction: float) -> float:
    """Return a tolerance that drops about this fraction of the frequencies, far from every |k̂| / max|k̂|."""
    s = torch.sort(k_hat.abs().flatten() / k_hat.abs().max())[0]
    first = int(fraction * len(s))
    ratios = s[first + 1 : first + 8] / s[first : first + 7]
    place = first + int(ratios.argmax())
    return math.sqrt(s[place].item() * s[place + 1].item())


def _filtered(v: Tensor, factor: Tensor) -> Tensor:
    """Return F⁻¹(factor v̂), the real part."""
    return torch.fft.ifft2(factor * torch.fft.fft2(v)).real


def _shifted_transfer(kernel: Tensor, shape: tuple[int, int], shift: tuple[int, int]) -> Tensor:
    """Return the transfer function of a kernel whose centre was put ``shift`` pixels off the origin."""
    padded = torch.fft.ifft2(kernel_to_transfer(kernel, shape)).real
    return torch.fft.fft2(padded.roll(shift, (0, 1)))


def _misplacements(kernel: Tensor) -> list[tuple[int, int]]:
    """Return the ways in which a kernel is usually misplaced: left in the corner, or one pixel off."""
    near = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    return [(kernel.shape[0] // 2, kernel.shape[1] // 2), *near]


def _recognise_deblurring(answer: Tensor, v: Tensor, kernel: Tensor, tol: float) -> None:
    """Raise when the answer is one of the well-known wrong inverse filters."""
    k_hat, shape = kernel_to_transfer(kernel, v.shape), (v.shape[0], v.shape[1])
    kept = k_hat.abs() > tol * k_hat.abs().max()
    right = _filtered(v, torch.where(kept, 1 / k_hat, 0))
    if is_close(answer, right):
        return
    recognise(
        answer,
        *_wrong_divisions(v, k_hat, kept, tol),
        *_wrong_thresholds(v, kernel, k_hat, tol),
        *_wrong_floors(v, k_hat, tol),
    )
    text = "Your result is translated: the kernel's centre, pixel (h//2, w//2), must be put at the origin."
    for shift in _misplacements(kernel):
        recognise(
            answer, ("centering", _filtered(v, torch.where(kept, 1 / _shifted_transfer(kernel, shape, shift), 0)), text)
        )


Known = tuple[str, Tensor, str]

_DROPPED = "Where |k̂| is too small the frequency is lost: û must be 0 there."


def _wrong_divisions(v: Tensor, k_hat: Tensor, kept: Tensor, tol: float) -> list[Known]:
    """Return wrong inverse filters that keep the right frequencies."""
    modulus, right = k_hat.abs(), _filtered(v, torch.where(kept, 1 / k_hat, 0))
    return [
        ("identity", v, "You return the observation."),
        ("value", _filtered(v, k_hat), "You multiply by k̂: that blurs v a second time. Divide."),
        ("adjoint", _filtered(v, k_hat.conj()), "You multiply by the conjugate of k̂: that is Aᵀv, not A⁺v. Divide by k̂."),
        ("conjugate", _filtered(v, torch.where(kept, 1 / k_hat.conj(), 0)), "You divide by the conjugate of k̂; divide by k̂."),
        ("conjugate", _filtered(v, torch.where(kept, 1 / modulus, 0)), "You divide by |k̂|: the phase of k̂ is forgotten."),
        ("conjugate", _filtered(v, torch.where(kept, k_hat / modulus**2, 0)), "1/k̂ = conj(k̂)/|k̂|²: you forgot the conjugate."),
        *(("complex", _filtered(v, torch.where(known, 1 / k_hat.real, 0)), "You divide by the real part of k̂: its imaginary part, which an asymmetric kernel has, is dropped.") for known in (kept, k_hat.real.abs() > tol * k_hat.real.abs().max(), k_hat.real > tol * k_hat.real.max())),
        ("complex", right.abs(), "You take the modulus of the inverse FFT, which loses the sign: take its real part."),
        ("value", torch.where(kept, torch.fft.fft2(v) / k_hat, 0).real, "You return û, not u: apply the inverse FFT."),
        ("clipping", right.clamp(0, 1), "You clip the result: the pseudo-inverse is linear, clipping is not."),
        ("mean", right - right.mean(), "The mean of your image is 0: frequency 0 is kept like every other where |k̂| is above the threshold."),
    ]


def _wrong_thresholds(v: Tensor, kernel: Tensor, k_hat: Tensor, tol: float) -> list[Known]:
    """Return inverse filters that keep the wrong frequencies."""
    modulus, v_hat = k_hat.abs(), torch.fft.fft2(v)
    top, real, twice = (
        modulus.max(),
        "You compare the real part of k̂; it is the modulus |k̂| that counts.",
        "You compare |k̂|² with tol; compare |k̂| with tol · max|k̂|.",
    )
    conditions = [
        (modulus >= 0, f"You divide at every frequency: tol is not used. {_DROPPED}"),
        (modulus > tol, "Your threshold is tol itself; it must be relative: tol · max|k̂|."),
        (modulus > tol * modulus.mean(), "tol is relative to max|k̂|, you took the mean of |k̂|."),
        (modulus > tol * modulus.min(), "tol is relative to max|k̂|, you took the smallest |k̂|."),
        (modulus > tol * kernel.sum(), "tol is relative to max|k̂|, which is the kernel's sum only when k ≥ 0."),
        (modulus > tol * k_hat.real.max(), "The threshold has the largest real part of k̂; it is max|k̂|, of the moduli."),
        (modulus**2 > tol * top**2, twice),
        (modulus**2 > tol, twice),
        (k_hat.real > tol * k_hat.real.max(), real),
        (k_hat.real > tol * top, real),
        (modulus <= tol * top, "You keep the frequencies where |k̂| is small and drop the others: exchange the two cases."),
        (v_hat.abs() > tol * v_hat.abs().max(), "You compare |v̂| with the threshold. A frequency is lost where |k̂| is small, whatever v is."),
    ]
    return [("truncation", _filtered(v, torch.where(kept, 1 / k_hat, 0)), text) for kept, text in conditions]


def _wrong_floors(v: Tensor, k_hat: Tensor, tol: float) -> list[Known]:
    """Return inverse filters that do something else than 0 where k_hat is small."""
    modulus, raised = k_hat.abs(), f"You raise small |k̂| to the threshold. {_DROPPED}"
    floor = tol * modulus.max()
    kept = modulus > floor
    return [
        ("truncation", _filtered(v, torch.where(kept, 1 / k_hat, 1)), f"You leave v̂ where |k̂| is too small. {_DROPPED}"),
        ("truncation", _filtered(v, 1 / torch.where(kept, k_hat, floor)), raised),
        ("truncation", _filtered(v, modulus / k_hat / modulus.clamp(min=floor)), raised),
        ("epsilon", _filtered(v, 1 / (k_hat + tol)), f"You add tol to k̂; it is a threshold. {_DROPPED}"),
        ("weight", _filtered(v, k_hat.conj() / (modulus**2 + tol)), "You return the ridge solution with λ = tol: here û is v̂/k̂ or 0."),
        ("weight", _filtered(v, k_hat.conj() / (modulus**2 + floor**2)), "You return a ridge solution: here û is v̂/k̂ or 0."),
    ]


def _examine_frequencies(answer: Tensor, v: Tensor, k_hat: Tensor, tol: float) -> None:
    """Raise unless û vanishes where |k̂| is below the threshold, and k̂û = v̂ elsewhere."""
    u_hat, kept = torch.fft.fft2(answer.double()), k_hat.abs() > tol * k_hat.abs().max()
    rtol = 10 * tolerance(answer)
    expect(answer.abs().max() > 0, "constant", "Your result is 0.")
    expect(
        torch.linalg.vector_norm(u_hat[~kept]) <= rtol * torch.linalg.vector_norm(u_hat),
        "truncation",
        "û is not 0 where |k̂| ≤ tol · max|k̂|: A⁺v has no component in Ker A.",
    )
    expect_close(
        (k_hat * u_hat)[kept], torch.fft.fft2(v)[kept], "value", "k̂û differs from v̂ where |k̂| > tol · max|k̂|.", rtol
    )


# --- landweber(A, v, tau, n) -----------------------------------------------------------------------------------------


@exercise(
    restoration.landweber,
    hints=(
        "It is gradient descent: at each of the n iterations, subtract τ times the gradient of f at the current u.",
        "u_{k+1} = u_k − τ ∇f(u_k) with ∇f(u) = Aᵀ(Au − v) and u_0 = 0.",
        "u = torch.zeros_like(A.adjoint(v))",
    ),
)
def landweber(student: Student) -> str:
    """Examine the first iterates one by one, then the limit on a rectangular matrix without full rank."""
    for seed, shape in enumerate(SHAPES):
        A = operators.Blur(random_image((3, 4), 30 + seed), (shape[0], shape[1]))
        v, tau = random_image(shape, seed), 0.7 / A.norm() ** 2
        _examine_first_iterates(student, A, v, tau)
        expected = restoration.landweber(A, v, tau, 5)
        answer = student.tensor(A, v, tau, 5, shape=shape)
        expect_close(
            answer, expected, "value", "The first two iterates are right, the fifth is not u_4 − τ Aᵀ(A u_4 − v)."
        )
    _examine_limit(student)
    return "u_1, u_2 and u_5 with asymmetric kernels, and the limit A⁺v for a rectangular A without full rank"


def _examine_first_iterates(student: Student, A: operators.Blur, v: Tensor, tau: float) -> None:
    """Raise unless u_1 = τAᵀv and u_2 = u_1 − τAᵀ(Au_1 − v); read the step off them otherwise."""
    shape = tuple(v.shape)
    first = tau * A.adjoint(v)
    answer = student.tensor(A, v, tau, 1, shape=shape)
    if not is_close(answer, first):
        _recognise_first_iterate(student, answer, A, v, tau)
    gradient = A.adjoint(A(first) - v)
    answer = student.tensor(A, v, tau, 2, shape=shape)
    if is_close(answer, first - tau * gradient):
        return
    recognise(
        answer,
        ("value", 2 * first, "The gradient does not change from one iteration to the next: compute Aᵀ(Au − v) again at each u."),
        ("value", -tau * gradient, "You lose u: the next iterate is u − τ∇f(u), not −τ∇f(u)."),
        ("adjoint", first - tau * A(A(first) - v), "You apply A where Aᵀ belongs: ∇f(u) = Aᵀ(Au − v)."),
        *(("value", first - tau * gradient + beta * first, f"You add {beta:g} times the last move: that is momentum. The descent has u_k − τAᵀ(Au_k − v), nothing else.") for beta in (0.5, 0.8, 0.9, 0.95, 0.99, 1.0)),
        ("order", first, "With n = 2 you do one iteration only. Is the return inside the loop?"),
    )
    _read_step(answer - first, gradient, tau, "second")
    raise Mistake(
        "value",
        "u_1 is right, but u_2 differs from u_1 − τ Aᵀ(A u_1 − v).",
        {"relative error": relative_error(answer, first - tau * gradient)},
    )


def _recognise_first_iterate(student: Student, answer: Tensor, A: operators.Blur, v: Tensor, tau: float) -> None:
    """Say why ``answer`` is not u_1 = τAᵀv."""
    back, shape = A.adjoint(v), tuple(v.shape)
    recognise(answer, ("step-size", tau * back / back.norm(), "You divide the gradient by its norm: the step is τ, the gradient as it is."))
    blank = student.tensor(A, torch.zeros_like(v), tau, 1, shape=shape)
    expect(
        blank.abs().max() <= 1e-12,
        "start",
        "For v = 0 your iterates are not 0: start from u_0 = 0, so that u_n has no component in Ker A.",
    )

    def from_start(u: Tensor) -> Tensor:
        return u - tau * A.adjoint(A(u) - v)

    clipped = "You clip the iterates: gradient descent on f does not, u_n is linear in v."
    many = [
        ("order", restoration.landweber(A, v, tau, m), f"With n = 1 you do {m} iterations: n counts them.")
        for m in (2, *range(3, 51), 100)
    ]
    recognise(
        answer,
        ("order", torch.zeros_like(v), "With n = 1 you do no iteration."),
        *many,
        ("start", from_start(v), "You start from u_0 = v: start from u_0 = 0, so that u_n has no component in Ker A."),
        ("start", from_start(back), "You start from u_0 = Aᵀv; the exercise starts from u_0 = 0."),
        ("identity", v, "You return the observation."),
        ("value", A.pinv(v), "You return the limit A⁺v: do n steps of gradient descent."),
        ("value", A(tau * back) - v, "You return the residual Au − v; return u."),
        ("adjoint", tau * A(v), "You apply A where Aᵀ belongs: ∇f(u) = Aᵀ(Au − v), in that order."),
        ("adjoint", tau * v, "You forgot Aᵀ: ∇f(u) = Aᵀ(Au − v)."),
        ("sign", -tau * back, "You climb: u_{k+1} = u_k − τ∇f(u_k), with a minus sign and ∇f(u) = Aᵀ(Au − v)."),
        ("step-size", back, "τ is missing in front of the gradient, or multiplies a part of it only: u − τ Aᵀ(Au − v)."),
        ("clipping", (tau * back).clamp(0, 1), clipped),
        ("clipping", (tau * back).clamp(min=0), clipped),
    )
    _read_step(answer, -back, tau, "first")
    raise Mistake(
        "value", "After one iteration u_1 must be τAᵀv.", {"relative error": relative_error(answer, tau * back)}
    )


def _read_step(move: Tensor, gradient: Tensor, tau: float, which: str) -> None:
    """Raise when an iteration moves along the gradient, but not by −τ."""
    step = -((move.double() * gradient).sum() / (gradient * gradient).sum()).item()
    if not is_close(move, -step * gradient) or step == 0:
        return
    if which == "first" and math.isclose(step, 2 * tau, rel_tol=1e-3):
        raise Mistake("weight", "You move by −2τAᵀ(Au − v): f is ½‖Au − v‖², the ½ cancels the 2.")
    if which == "first" and math.isclose(step, tau / 2, rel_tol=1e-3):
        raise Mistake("weight", "You move by −(τ/2)Aᵀ(Au − v): the ½ of f = ½‖Au − v‖² is gone in its gradient.")
    if math.isclose(step, -tau, rel_tol=1e-3):
        raise Mistake("sign", "You climb: u_{k+1} = u_k − τ∇f(u_k), with a minus sign.")
    raise Mistake("step-size", f"The step of the {which} iteration is not τ.", {"your step": step, "τ": tau})


def _examine_limit(student: Student) -> None:
    """Raise unless the iterates tend to A⁺v for a rectangular A with Ker A ≠ {0} and v outside Im A."""
    for m, d in ((4, 6), (6, 4)):
        U, s, V = _factors(m, d, (1.5, 1.2, 0.9))
        A = operators.Matrix(U @ torch.diag(s) @ V.T)
        v = random_image((m,), 7)
        try:
            answer = student(A, v, 1.2 / A.norm() ** 2, 60)
        except Mistake as mistake:
            if mistake.cause != "exception":
                raise
            raise Mistake(
                "shape",
                f"Your function fails when A is a {m} × {d} matrix: u lives in ℝ^{d} like Aᵀv, v in ℝ^{m}. "
                f"Start from zeros of the shape of A.adjoint(v). {mistake.message}",
            ) from None
        limit = student.as_tensor(answer, (d,))
        inside = V @ (V.T @ limit.double())
        expect_close(inside, limit.double(), "start", "Your limit has a component in Ker A: A⁺v has none.", 1e-4)
        expect_close(limit, A.pinv(v), "not-converged", "After 60 steps with τ = 1.2/‖A‖² you should be at A⁺v.", 1e-4)


# --- ridge_path(v, kernel, lams) -------------------------------------------------------------------------------------


@exercise(
    restoration.ridge_path,
    hints=(
        "AᵀA + λI is a convolution too: solve in the Fourier domain, once for each λ, and stack the images.",
        "û_λ = conj(k̂) v̂ / (|k̂|² + λ).",
        "k_hat = kernel_to_transfer(kernel, v.shape)",
    ),
)
def ridge_path(student: Student) -> str:
    """Examine the ridge solutions by their optimality condition, and their limit."""
    lams = [0.5, 0.03, 2.0]
    for seed, shape in enumerate(SHAPES):
        v, kernel = random_image(shape, seed), random_image((3, 4), 40 + seed)
        answer = _path_of(student, v, kernel, lams)
        _recognise_path(answer, v, kernel, lams)
        for index, lam in enumerate(lams):
            _examine_optimality(answer[index], v, kernel, lam)
    kernel = torch.tensor([[0.0, 0.2, 0.0, 0.1], [0.1, -0.1, 1.0, 0.1]], dtype=torch.float64)  # |k̂| >= 0.4
    v = random_image((7, 8), 9)
    answer = _path_of(student, v, kernel, [1e-2, 1e-9])[1]
    expect_close(
        answer, restoration.pseudo_inverse_deblur(v, kernel, 0.0), "value", "u_λ does not tend to A⁺v as λ → 0.", 1e-3
    )
    return "Aᵀ(Au − v) + λu = 0 for each λ, and u_λ → A⁺v as λ → 0"


def _path_of(student: Student, v: Tensor, kernel: Tensor, lams: list[float]) -> Tensor:
    """Return the student's stack of images."""
    try:
        result = student(v, kernel, lams)
    except Mistake as mistake:
        if mistake.cause == "exception" and re.search(r"size|shape|broadcast", mistake.message):
            explain_size(student, mistake.message, v, kernel, lams)
        raise
    if isinstance(result, (list, tuple)):
        raise Mistake("type", "You return a list of images: put them into one tensor (n, H, W), with torch.stack.")
    return student.as_tensor(result, (len(lams), *v.shape), "the stack of images")


def _recognise_path(answer: Tensor, v: Tensor, kernel: Tensor, lams: list[float]) -> None:
    """Raise when the stack is one of the well-known wrong ones."""
    k_hat, shape = kernel_to_transfer(kernel, v.shape), (v.shape[0], v.shape[1])
    lam = torch.tensor(lams, dtype=torch.float64)[:, None, None]
    right = _filtered(v, k_hat.conj() / (k_hat.abs() ** 2 + lam))
    if is_close(answer, right):
        return
    recognise(
        answer,
        ("identity", v.expand_as(answer), "You return the observation for every λ."),
        ("constant", torch.zeros_like(answer), "Your images are 0."),
        ("clipping", right.clamp(0, 1), "You clip the images: the ridge solution is linear in v, clipping is not."),
        ("complex", right.abs(), "You take the modulus of the inverse FFT, which loses the sign: take its real part."),
        *_wrong_orders(v, kernel, lams),
        *_wrong_path_weights(v, k_hat, lam),
        *_wrong_path_filters(v, k_hat, lam),
    )
    text = "Your images are translated: the kernel's centre, pixel (h//2, w//2), must be put at the origin."
    for wrong_kernel in (kernel, kernel.flip(0, 1)):
        for shift in _misplacements(kernel):
            moved = _shifted_transfer(wrong_kernel, shape, shift)
            recognise(answer, ("centering", _filtered(v, moved.conj() / (moved.abs() ** 2 + lam)), text))


def _wrong_orders(v: Tensor, kernel: Tensor, lams: list[float]) -> list[Known]:
    """Return paths whose images belong to other weights, or start from other images."""
    sequence, order, first = (
        [v],
        "Keep the order of lams: image i belongs to lams[i].",
        "All your images belong to the same weight: inside the loop, use λ, not lams[0] or a variable of the notebook.",
    )
    for value in lams:
        sequence.append(restoration.ridge_path(sequence[-1], kernel, [value])[0])
    sums = torch.tensor(lams, dtype=torch.float64).cumsum(0).tolist()
    others = [
        (sorted(lams), order),
        (sorted(lams, reverse=True), order),
        (lams[::-1], order),
        (sums, "Image i belongs to lams[i], not to the sum of the weights so far."),
    ]
    others += [([value] * len(lams), first) for value in lams]
    known: list[Known] = [("order", restoration.ridge_path(v, kernel, weights), text) for weights, text in others]
    return [*known, ("order", torch.stack(sequence[1:]), "Each image starts from v, not from the image before.")]


def _wrong_path_weights(v: Tensor, k_hat: Tensor, lam: Tensor) -> list[Known]:
    """Return paths with the right numerator and a wrong weight in the denominator."""
    power, number = k_hat.abs() ** 2, v.numel()
    denominators = [
        ("weight", power + 2 * lam, "λ is counted twice: minimise ½‖Au − v‖² + (λ/2)‖u‖², whose gradient is Aᵀ(Au − v) + λu."),
        ("weight", power + lam / 2, "You use λ/2: the ½ of (λ/2)‖u‖² is gone in its gradient λu."),
        ("weight", power + lam**2, "You use λ² where λ belongs."),
        ("weight", power + lam.sqrt(), "You use √λ where λ belongs."),
        ("weight", power + 0 * lam, "λ is missing in the denominator |k̂|² + λ."),
        ("weight", power * lam, "λ multiplies |k̂|²: it must be added, |k̂|² + λ."),
        ("normalisation", power + lam / number, "You divide λ by the number of pixels."),
        ("normalisation", power + lam * number, "You multiply λ by the number of pixels."),
        ("sign", power - lam, "The denominator is |k̂|² + λ, with a plus sign."),
    ]
    return [(cause, _filtered(v, k_hat.conj() / wrong), text) for cause, wrong, text in denominators]


def _wrong_path_filters(v: Tensor, k_hat: Tensor, lam: Tensor) -> list[Known]:
    """Return paths whose filter is not conj(k_hat) / (|k_hat|² + something)."""
    power, L_hat = k_hat.abs() ** 2, laplacian_transfer(v.shape)
    squared, not_square = (
        "The denominator is |k̂|² + λ, with the squared modulus.",
        "AᵀA has the transfer function |k̂|² = conj(k̂) k̂, not k̂²",
    )
    return [
        ("conjugate", _filtered(v, k_hat / (power + lam)), "The numerator is conj(k̂) v̂: you forgot the conjugate of Aᵀ."),
        ("conjugate", _filtered(v, k_hat.conj() / (k_hat**2 + lam)), f"{not_square}."),
        ("conjugate", _filtered(v, k_hat / (k_hat**2 + lam)), f"{not_square}; Aᵀ has conj(k̂)."),
        ("conjugate", _filtered(v, 1 / (power + lam)), "The numerator is conj(k̂) v̂: you forgot Aᵀ."),
        ("adjoint", _filtered(v, power / (power + lam)), "The numerator is |k̂|² v̂: Aᵀ is applied once, to v, conj(k̂) v̂."),
        ("square-root", _filtered(v, k_hat.conj() / (k_hat.abs() + lam)), squared),
        ("value", _filtered(v, 1 / (k_hat + lam)), f"You divide by k̂ + λ. {squared}"),
        ("value", _filtered(v, k_hat.conj() / (power + lam * L_hat)), "That is Tychonov's ‖∇u‖²: here λ multiplies ‖u‖², thus I."),
        ("value", v / (1 + lam), "This solves the denoising problem, A = Id. Here Au = k * u."),
        ("order", torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / power + lam).real, "λ is added to the quotient: put parentheses around the denominator |k̂|² + λ."),
    ]


def _examine_optimality(u: Tensor, v: Tensor, kernel: Tensor, lam: float) -> None:
    """Raise unless Aᵀ(Au − v) + λu = 0."""
    gradient = operators.blur_adjoint(operators.blur(u.double(), kernel) - v, kernel)
    expect_close(gradient, -lam * u.double(), "value", "Aᵀ(Au − v) + λu is not 0.", 100 * tolerance(u), lam=lam)
