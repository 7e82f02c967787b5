"""Checks of notebook 07: discrete gradient and adjoint, Tychonov, smoothed total variation, its three algorithms."""



from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.fft import fft2, fftshift, ifft2

from course_utils import derivatives, operators, optim, priors, restoration
from course_utils.checks.engine import (
    SHAPES,
    Mistake,
    Student,
    exercise,
    expect,
    expect_close,
    inner,
    is_close,
    random_image,
    recognise,
    recognise_generic,
    relative_error,
    tolerance,
)

Known = tuple[str, Tensor, str]
Direction = Callable[[Tensor], Tensor]

_PERIODIC = "The boundary is periodic: after the last row comes the first one, after the last column the first one."


# --- the gradient and its adjoint ------------------------------------------------------------------------------------


@exercise(
    derivatives.gradient,
    hints=(
        "Each component is the neighbour minus the pixel. torch.roll brings all neighbours in place at once, and is "
        "periodic by itself.",
        "∂₁u(x, y) = u(x+1, y) − u(x, y) along dim 0, ∂₂u(x, y) = u(x, y+1) − u(x, y) along dim 1; stack them in front.",
        "d1 = torch.roll(u, -1, dims=0) - u",
    ),
)
def gradient(student: Student) -> str:
    """Compare with the definition, on odd and even, non-square images."""
    for seed, shape in enumerate(SHAPES):
        u = random_image(shape, seed)
        expected = derivatives.gradient(u)
        result = student(u)
        modulus = isinstance(result, Tensor) and is_close(result, expected.norm(dim=0))
        expect(not modulus, "value", "This is the modulus √(∂₁u² + ∂₂u²): return the two derivatives, stacked.")
        answer = student.as_tensor(result, (2, *shape))
        if is_close(answer, expected):
            continue
        recognise(answer, *_wrong_gradients(u))
        for axis, symbol in enumerate(("∂₁u", "∂₂u")):
            recognise(
                answer[axis],
                ("sign", -expected[axis], f"{symbol} has the wrong sign: it is the neighbour minus the pixel."),
                ("value", u - u.roll(1, axis), f"{symbol} is a backward difference, u(x) − u(x−1). The lecture's is u(x+1) − u(x)."),
            )  # fmt: skip
            recognise_generic(student, answer[axis], expected[axis])
            text = f"{symbol} is not the neighbour minus the pixel along dim {axis}."
            expect_close(answer[axis], expected[axis], "value", text)
    return "∂₁ and ∂₂ are forward differences along rows and columns, periodic, on odd and even, non-square images"


_FLATTENED = "torch.roll without dims moves the image row after row, as one long vector: say dims=0, then dims=1."


def _wrong_gradients(u: Tensor) -> list[Known]:
    d = derivatives.gradient(u)
    backward = torch.stack([u - u.roll(1, axis) for axis in (0, 1)])
    centred = torch.stack([(u.roll(-1, axis) - u.roll(1, axis)) / 2 for axis in (0, 1)])
    one_sided = torch.stack([u.diff(dim=axis, prepend=u.narrow(axis, 0, 1)) for axis in (0, 1)])
    sums = torch.stack([u.roll(-1, axis) + u for axis in (0, 1)])
    turned = "torch.roll(u, 1) brings u(x−1) to x. The neighbour u(x+1) comes with a shift of −1."
    return [
        ("sign", -d, "The sign is wrong: a forward difference is the neighbour minus the pixel, u(x+1) − u(x)."),
        ("axis", d.flip(0), "The axes are exchanged: ∂₁ goes along dim 0, from row to row, ∂₂ along dim 1."),
        ("axis", d[[0, 0]], "Both components are ∂₁: the second one goes along dim 1, from column to column."),
        ("axis", d[[1, 1]], "Both components are ∂₂: the first one goes along dim 0, from row to row."),
        ("value", backward, "These are backward differences, u(x) − u(x−1). The lecture's are forward: u(x+1) − u(x)."),
        ("value", -backward, f"This is u(x−1) − u(x). {turned}"),
        ("value", backward.flip(0), "These are backward differences along exchanged axes."),
        ("value", centred, "These are centred differences, (u(x+1) − u(x−1))/2. They do not see a checkerboard at all."),
        ("axis", torch.stack([u.roll(-1) - u, u.roll(-1) - u]), _FLATTENED),
        ("axis", torch.stack([u.roll(-1) - u, u.roll(-u.shape[1]) - u]), _FLATTENED),
        ("axis", torch.stack([u.roll(-u.shape[1]) - u, u.roll(-1) - u]), _FLATTENED),
        ("value", torch.stack([d[0], derivatives.gradient(d[0])[1]]), "∂₂ is taken of ∂₁u: both derivatives are those of u."),
        ("value", torch.stack([ifft2(2j * math.pi * torch.fft.fftfreq(u.shape[i], dtype=torch.float64).reshape((-1, 1) if i == 0 else (1, -1)) * fft2(u)).real for i in (0, 1)]), "2iπξ differentiates functions. The lecture's derivative is a difference of pixels, u(x+1) − u(x)."),
        ("value", torch.stack(torch.gradient(u)), "torch.gradient takes centred differences. The lecture's are u(x+1) − u(x)."),
        ("value", one_sided, "These are backward differences, u(x) − u(x−1). The lecture's are forward: u(x+1) − u(x)."),
        ("sign", sums, "You added the pixel to its neighbour: a difference is the neighbour minus the pixel."),
        ("sign", d.abs(), "You took absolute values: a derivative has a sign."),
    ]  # fmt: skip


@exercise(
    derivatives.gradient_adjoint,
    hints=(
        "Write ⟨∇u, p⟩ as a sum over the pixels, and collect what multiplies each u(x, y). A pixel appears twice for "
        "each direction: as itself, and as the neighbour of the one before.",
        "∇ᵀp(x, y) = p₁(x−1, y) − p₁(x, y) + p₂(x, y−1) − p₂(x, y), periodic.",
        "q1 = torch.roll(p[0], 1, dims=0) - p[0]",
    ),
)
def gradient_adjoint(student: Student) -> str:
    """Test the adjoint: <∇u, p> = <u, ∇ᵀp>."""
    for seed, shape in enumerate(SHAPES):
        u, p = random_image(shape, seed), random_image((2, *shape), 10 + seed)
        answer = student.tensor(p, shape=shape)
        left, right = inner(derivatives.gradient(u), p), inner(u, answer)
        expected = derivatives.gradient_adjoint(p)
        if is_close(answer, expected) and abs(left - right) <= tolerance(answer) * u.norm().item() * p.norm().item():
            continue
        recognise(answer, *_wrong_adjoints(p))
        text = "⟨∇u, p⟩ and ⟨u, ∇ᵀp⟩ differ: this is not the adjoint of the gradient."
        raise Mistake("adjoint", text, {"⟨∇u, p⟩": left, "⟨u, ∇ᵀp⟩": right})
    return "⟨∇u, p⟩ = ⟨u, ∇ᵀp⟩ on odd and even, non-square images"


def _wrong_adjoints(p: Tensor) -> list[Known]:
    adjoint = derivatives.gradient_adjoint
    forward = (p[0].roll(-1, 0) - p[0]) + (p[1].roll(-1, 1) - p[1])
    first, second = p[0].roll(1, 0) - p[0], p[1].roll(1, 1) - p[1]
    forward_text = (
        "The adjoint of a forward difference is the opposite of a backward one: p(x−1) − p(x), not p(x+1) − p(x)."
    )
    return [
        ("sign", -adjoint(p), "⟨∇u, p⟩ and ⟨u, ∇ᵀp⟩ differ by their sign: this is the divergence, and ∇ᵀ = −div."),
        ("adjoint", forward, f"You differentiated forward once more. {forward_text}"),
        ("adjoint", -forward, f"These are forward differences. {forward_text}"),
        ("axis", adjoint(p.flip(0)), "The components are exchanged: p₁ is differentiated along dim 0, p₂ along dim 1."),
        ("axis", (p[0].roll(1, 1) - p[0]) + (p[1].roll(1, 0) - p[1]), "The axes are exchanged: p₁ is differentiated along dim 0, p₂ along dim 1."),
        ("sign", first - second, "The two directions are subtracted. Their contributions add up."),
        ("sign", second - first, "The two directions are subtracted. Their contributions add up."),
        ("sign", p[0].roll(1, 0) + p[0] + p[1].roll(1, 1) + p[1], "All the signs are plus: ∇ᵀp(x) = p₁(x−1) − p₁(x) + …, the value before minus the value."),
        ("sign", adjoint(p).clamp(min=0), "You keep the positive part only: ∇ᵀp has both signs."),
        ("axis", (p.roll(1, 0) - p)[0] + (p.roll(1, 1) - p)[1], "The dimensions of p are shifted by one: dim 0 counts the components, the rows of p are dim 1, its columns dim 2."),
        ("axis", first + (p[1].roll(1, 0) - p[1]), "p₂ is differentiated along dim 0 too: ∂₂ goes along dim 1, from column to column."),
        ("axis", (p[0].roll(1, 1) - p[0]) + second, "p₁ is differentiated along dim 1 too: ∂₁ goes along dim 0, from row to row."),
        ("axis", (p.roll(1, 0) - p).sum(0), "The result is 0: torch.roll(p, 1, dims=0) exchanges the two components. Take p[0] and p[1] first."),
        ("normalisation", (first + second) / 2, "You took the mean of the two parts: they are added."),
        *(("sign", a * p[0].roll(1, 0) + b * p[0] + c * p[1].roll(1, 1) + e * p[1], "One of the signs is wrong: p₁(x−1, y) − p₁(x, y) + p₂(x, y−1) − p₂(x, y).") for a, b, c, e in ((1, -1, 1, 1), (1, 1, 1, -1), (1, -1, -1, -1), (-1, -1, 1, -1))),
        ("value", first, "Only p₁ contributes: the part of p₂ is missing."),
        ("value", second, "Only p₂ contributes: the part of p₁ is missing."),
    ]  # fmt: skip


# --- Tychonov --------------------------------------------------------------------------------------------------------


def _laplacian_transfer(shape: tuple[int, ...], angle: float = math.pi, power: int = 2) -> Tensor:
    rows, columns = (torch.sin(angle * torch.arange(n, dtype=torch.float64) / n) ** power for n in shape)
    return 4 * (rows[:, None] + columns)


@exercise(
    restoration.tychonov_denoise,
    hints=(
        "∇ᵀ∇ is a convolution, so (I + λ∇ᵀ∇)⁻¹ divides each Fourier coefficient of v by a number.",
        "û = v̂ / (1 + λL̂), L̂(ξ, ζ) = 4 (sin²(πξ/M) + sin²(πζ/N)), ξ = 0 … M−1 down the rows, ζ = 0 … N−1 along the "
        "columns.",
        "xi = torch.arange(v.shape[0], dtype=v.dtype)[:, None]",
    ),
)
def tychonov_denoise(student: Student) -> str:
    """Test the optimality: ∇F(u) = 0."""
    for seed, (shape, lam) in enumerate(zip(SHAPES, (0.7, 3.0, 0.2), strict=True)):
        v = random_image(shape, seed)
        answer = _finite_tychonov(student, v, lam)
        residual = answer - v - lam * derivatives.laplacian(answer.to(v.dtype))
        if residual.norm() <= tolerance(answer) * (1 + 8 * lam) * v.norm():
            continue
        if is_close(answer, v):
            raise Mistake("identity", "tychonov_denoise returns the noisy image unchanged.")
        recognise(answer, *_wrong_tychonov(v, lam))
        expected = restoration.tychonov_denoise(v, lam)
        text = "∇F(u) = u − v + λ∇ᵀ∇u is not 0 at your result: it does not minimize F."
        expect_close(answer, expected, "value", text, norm_of_the_gradient=residual.norm().item())
    return "∇F(u) = u − v + λ∇ᵀ∇u = 0, on odd and even, non-square images, for three values of λ"


def _finite_tychonov(student: Student, v: Tensor, lam: float) -> Tensor:
    """Return the student's image; a division by L̂(0) = 0 is said."""
    try:
        return student.tensor(v, lam, shape=v.shape)
    except Mistake as mistake:
        if mistake.cause == "not-finite":
            text = "The result is NaN or infinite: L̂ = 0 at frequency 0. Is the 1 of 1 + λL̂ missing, which comes from the data term?"
            raise Mistake("not-finite", text) from mistake
        raise


def _wrong_tychonov(v: Tensor, lam: float) -> list[Known]:
    M, N = v.shape
    L, one = _laplacian_transfer(v.shape), torch.ones(v.shape, dtype=torch.float64)
    xi, zeta = torch.arange(M, dtype=torch.float64)[:, None], torch.arange(N, dtype=torch.float64)
    exchanged = 4 * (torch.sin(math.pi * xi / N) ** 2 + torch.sin(math.pi * zeta / M) ** 2)
    half = "F has ½ before both squares, so that ∇F(u) = u − v + λ∇ᵀ∇u."
    right = 1 / (1 + lam * L)
    known = [
        ("weight", lam * right, "The numerator is λv̂. The data term has the weight 1: û = v̂/(1 + λL̂)."),
        ("value", 1 - right, "This is what was removed, v − u. Return u."),
        ("weight", 1 / (1 + lam / 2 * L), f"λ/2 stands where λ belongs. {half}"),
        ("weight", 1 / (1 + 2 * lam * L), f"2λ stands where λ belongs. {half}"),
        ("weight", 1 / (1 + lam**2 * L), "λ² stands where λ belongs."),
        ("weight", 1 / (1 + L), "The weight λ is missing before L̂."),
        ("weight", 1 / (1 + lam * L / 4), "The factor 4 of L̂ = 4 (sin² + sin²) is missing."),
        ("value", 1 / (1 + lam * _laplacian_transfer(v.shape, 2 * math.pi)), "The angle is πξ/M, not 2πξ/M: |e^{2iπξ/M} − 1|² = 4 sin²(πξ/M)."),
        ("value", 1 / (1 + lam * _laplacian_transfer(v.shape, 1.0)), "π is missing in the sines: the angle is πξ/M."),
        ("value", 1 / (1 + lam * (4 * torch.sin(math.pi * xi / M) ** 2 + torch.sin(math.pi * zeta / N) ** 2)), "4 multiplies one of the two squares: put parentheses around their sum."),
        ("value", 1 / (1 + lam * (torch.sin(math.pi * xi / M) ** 2 + 4 * torch.sin(math.pi * zeta / N) ** 2)), "4 multiplies one of the two squares: put parentheses around their sum."),
        ("value", 1 / (1 + lam * 4 * (torch.sin(math.pi * xi / (M - 1)) ** 2 + torch.sin(math.pi * zeta / (N - 1)) ** 2)), "linspace includes its end: the frequencies are ξ = 0, …, M − 1, at the angles πξ/M. Take torch.arange(M)."),
        ("centering", 1 / (1 + lam * fftshift(L)), "The zero frequency of fft2 is at pixel (0, 0). L̂ must not be shifted to the middle."),
        ("square-root", 1 / (1 + lam * _laplacian_transfer(v.shape, power=1)), "The sines are not squared: L̂ = |d̂₁|² + |d̂₂|²."),
        ("square-root", 1 / (1 + lam * L**2), "L̂ is squared once too much: it is already |d̂₁|² + |d̂₂|²."),
        ("sign", 1 / (1 - lam * L), "The sign of L̂ is wrong: L̂ ≥ 0 belongs to ∇ᵀ∇ = −Δ."),
        ("value", one / (1 + lam), "Every pixel is divided by 1 + λ: this is ridge, (λ/2)‖u‖², not (λ/2)‖∇u‖²."),
        ("axis", 1 / (1 + lam * exchanged), "M and N are exchanged: ξ goes with the M rows, ζ with the N columns."),
        ("value", 1 + lam * L, "You multiplied by 1 + λL̂, which sharpens. The solution divides: u = (I + λ∇ᵀ∇)⁻¹v."),
        ("not-converged", 1 - lam * L, "This is one step of gradient descent, v − λ∇ᵀ∇v, not the minimizer."),
        ("value", (L == 0).double(), "The result is the mean of v: the data term is lost."),
    ]  # fmt: skip
    filtered = [(cause, ifft2(h * fft2(v)).real, text) for cause, h, text in known]
    modulus = "You took the modulus after the inverse FFT. Take the real part: abs() makes negative values positive."
    shifted = ifft2(right * fftshift(fft2(v))).real
    along_rows = torch.fft.ifft(right * torch.fft.fft(v)).real
    return [
        *filtered,
        ("complex", ifft2(right * fft2(v)).abs(), modulus),
        ("complex", ifft2(right * fft2(v).real).real, "You took the real part of v̂, which loses half of it. Take it after the inverse FFT."),
        ("centering", shifted, "You shifted v̂ to the middle, L̂ begins at (0, 0): they must have the same order."),
        ("axis", along_rows, "torch.fft.fft transforms the rows only: an image needs fft2 and ifft2."),
    ]  # fmt: skip


# --- smoothed total variation ----------------------------------------------------------------------------------------

EPSILONS = (0.3, 0.05, 1.2)


@exercise(
    priors.smoothed_tv,
    hints=(
        "At each pixel: square the two derivatives, add them and ε², take the root. Then sum over the pixels.",
        "TV_ε(u) = Σ √(ε² + ∂₁u² + ∂₂u²): ε² is inside the root, and the root inside the sum.",
        "p = gradient(u)",
    ),
)
def smoothed_tv(student: Student) -> str:
    """Compare with the definition, and with the closed form on a constant image."""
    for seed, (shape, eps) in enumerate(zip(SHAPES, EPSILONS, strict=True)):
        u = random_image(shape, seed)
        expected = priors.smoothed_tv(u, eps).item()
        answer = student.number(u, eps)
        if is_close(answer, expected, 1e-5):
            continue
        recognise(answer, *_wrong_tv(u, eps), rtol=1e-5)
        ratio = answer / expected
        known = {1 / u.numel(): "of the pixels", 0.5: "½", 1 / u[0].numel(): "of a row", 2.0: "2"}
        for factor, name in known.items():
            text = f"The result is wrong by a factor ({name}): TV_ε is a plain sum over the pixels, not a mean."
            expect(not is_close(ratio, factor, 1e-5), "normalisation", text, yours=answer, expected=expected)
        expect_close(answer, expected, "value", "This is not Σ √(ε² + ∂₁u² + ∂₂u²).", 1e-5)
    flat = student.number(torch.full((6, 5), 0.4, dtype=torch.float64), 0.25)
    expect_close(flat, 0.25 * 30, "epsilon", "On a constant image TV_ε is ε times the number of pixels.", 1e-5)
    return "the sum over all pixels of √(ε² + ∂₁u² + ∂₂u²); ε times the number of pixels on a constant image"


def _wrong_tv(u: Tensor, eps: float) -> list[tuple[str, float, str]]:
    p = derivatives.gradient(u)
    squares = p.square().sum(0)
    backward = torch.stack([u - u.roll(1, axis) for axis in (0, 1)]).square().sum(0)
    stopped = p.clone()
    stopped[0, -1] = stopped[1, :, -1] = 0
    isotropic = "the two derivatives share one root, √(∂₁u² + ∂₂u²)."
    known = [
        ("epsilon", (eps + squares.sqrt()).sum(), "ε is outside the root: √(ε² + ∂₁u² + ∂₂u²) is not ε + ‖∇u‖."),
        ("epsilon", (eps + squares).sqrt().sum(), "ε is not squared: under the root stands ε²."),
        ("epsilon", (2 * eps + squares).sqrt().sum(), "2ε stands under the root: in Python the square is eps**2."),
        ("epsilon", squares.sqrt().sum(), "ε is not used: this is TV itself, which is not differentiable where ∇u = 0."),
        ("epsilon", squares.sqrt().sum() + eps, "ε is added to the sum. ε² belongs under the root, at every pixel."),
        ("epsilon", squares.sqrt().sum() + eps**2, "ε² is added to the sum. It belongs under the root, at every pixel."),
        ("epsilon", (2 * eps**2 + squares).sqrt().sum(), "ε² is counted twice, once for each derivative. It stands once under the root."),
        ("epsilon", (eps**2 + squares.sqrt()).sum(), "ε² is outside the root: √(ε² + ∂₁u² + ∂₂u²) is not ε² + ‖∇u‖."),
        ("epsilon", ((eps**2 + squares).sqrt() - eps).sum(), "ε is subtracted at every pixel. The lecture's TV_ε is ε on a flat pixel, not 0."),
        ("sign", -(eps**2 + squares).sqrt().sum(), "The sign is wrong: TV_ε is a sum of positive roots."),
        ("square-root", (eps**2 + p.sum(0).square()).sqrt().sum(), "You squared the sum of the two derivatives. Square each one, then add."),
        ("value", (eps**2 + p.square()).sqrt().sum(), f"Each derivative has a root of its own: {isotropic}"),
        ("value", p.abs().sum(), f"This is the anisotropic total variation, |∂₁u| + |∂₂u|: {isotropic}"),
        ("value", (eps + p.abs()).sum(), f"This is the anisotropic total variation, |∂₁u| + |∂₂u|: {isotropic}"),
        ("order", (eps**2 + squares).sum().sqrt(), "The root is taken of the whole sum. Each pixel has its own root: Σ √(…), not √(Σ …)."),
        ("value", (eps**2 + p.abs().sum(0).square()).sqrt().sum(), f"You added |∂₁u| and |∂₂u| before squaring: {isotropic}"),
        ("order", (eps**2 + squares.sum()).sqrt(), "The root is taken of the whole sum. Each pixel has its own root: Σ √(…), not √(Σ …)."),
        ("square-root", (eps**2 + squares).sum(), "The root is missing: without it this is Tychonov's regularization."),
        ("square-root", 0.5 * squares.sum(), "This is Tychonov's regularization ½‖∇u‖². Total variation has a root at every pixel."),
        ("square-root", squares.sum(), "This is Tychonov's regularization ‖∇u‖². Total variation has a root at every pixel."),
        ("boundary", (eps**2 + stopped.square().sum(0)).sqrt().sum(), f"The derivatives are 0 at the border. {_PERIODIC}"),
        ("boundary", (eps**2 + squares[:-1, :-1]).sqrt().sum(), f"The last row and column are left out. {_PERIODIC}"),
        ("value", (eps**2 + backward).sqrt().sum(), "These are backward differences; the lecture's are forward. Use gradient(u)."),
    ]  # fmt: skip
    return [(cause, value.item(), text) for cause, value, text in known]


@exercise(
    priors.smoothed_tv_gradient,
    hints=(
        "TV_ε is a sum of the function √(ε² + |p|²) of p = ∇u. Differentiate that function with respect to p, then "
        "apply the chain rule: the derivative of u ↦ ∇u acts through ∇ᵀ.",
        "∇TV_ε(u) = ∇ᵀ(∇u / √(ε² + ‖∇u‖²)): at each pixel ‖∇u‖² = ∂₁u² + ∂₂u².",
        "p = gradient(u)",
    ),
)
def smoothed_tv_gradient(student: Student) -> str:
    """Compare with the finite differences of TV_ε."""
    for seed, (shape, eps) in enumerate(zip(SHAPES, EPSILONS, strict=True)):
        u = random_image(shape, seed)
        expected = priors.smoothed_tv_gradient(u, eps)
        answer = student.tensor(u, eps, shape=shape)
        direction = random_image(shape, 50 + seed)
        slope, right = inner(answer, direction), _slope(u, direction, eps)
        if abs(slope - right) <= max(tolerance(answer), 1e-5) * expected.norm().item() * direction.norm().item():
            continue
        if is_close(answer, u):
            raise Mistake("identity", "smoothed_tv_gradient returns its input unchanged.")
        recognise(answer, *_wrong_tv_gradients(u, eps))
        text = "The derivative of TV_ε in a direction h is not ⟨∇TV_ε(u), h⟩ with your gradient."
        raise Mistake("value", text, {"finite difference": right, "⟨yours, h⟩": slope}, {"yours": answer, "expected": expected})  # fmt: skip
    flat = student.tensor(torch.full((6, 5), 0.4, dtype=torch.float64), 0.25, shape=(6, 5))
    expect(flat.abs().max() < 1e-4, "value", "The gradient must be 0 on a constant image.")
    return "⟨∇TV_ε(u), h⟩ is the slope of TV_ε in the direction h, by finite differences, for three values of ε"


def _slope(u: Tensor, h: Tensor, eps: float, t: float = 1e-4) -> float:
    """Return the derivative of TV_ε at u in the direction h, by centred finite differences."""
    return (priors.smoothed_tv(u + t * h, eps) - priors.smoothed_tv(u - t * h, eps)).item() / (2 * t)


def _wrong_tv_gradients(u: Tensor, eps: float) -> list[Known]:
    p, adjoint = derivatives.gradient(u), derivatives.gradient_adjoint
    squares = p.square().sum(0)
    root = (eps**2 + squares).sqrt()
    q = p / root
    forward = (q[0].roll(-1, 0) - q[0]) + (q[1].roll(-1, 1) - q[1])
    forward_text = (
        "The field is differentiated forward once more: it is ∇ᵀ, with p(x−1) − p(x), that must be applied to it."
    )
    return [
        ("sign", -adjoint(q), "The sign is wrong: div(∇u/√…) is minus the gradient, since ∇ᵀ = −div."),
        ("epsilon", adjoint(p / (eps + squares.sqrt())), "ε is outside the root: divide by √(ε² + ‖∇u‖²), not by ε + ‖∇u‖."),
        ("epsilon", adjoint(p / (eps + squares).sqrt()), "ε is not squared: under the root stands ε²."),
        ("epsilon", adjoint(p / (2 * eps + squares).sqrt()), "2ε stands under the root: in Python the square is eps**2."),
        ("square-root", adjoint(p / (eps**2 + squares)) / 2, "(…) ** -1 / 2 is half of the inverse. The inverse of the root is (…) ** (-1 / 2)."),
        *(("axis", adjoint(p / (eps**2 + p.square().sum(axis, keepdim=True)).sqrt()), "The squares are summed along an axis of the image. The norm is that of each pixel: sum over the two components, dim 0.") for axis in (1, 2)),
        ("sign", adjoint(q.abs()), "You took absolute values of the field: its components have signs."),
        ("epsilon", adjoint(p / squares.sqrt()), "ε does not enter where ‖∇u‖ is large: divide by √(ε² + ‖∇u‖²), neither by ‖∇u‖, which can be 0, nor by max(‖∇u‖, ε)."),
        ("epsilon", adjoint(p / squares.sqrt().clamp(min=eps)), "You divide by max(‖∇u‖, ε): the smoothed root is √(ε² + ‖∇u‖²)."),
        ("order", adjoint(torch.stack([q[0], p[1] / (eps**2 + q[0] ** 2 + p[1] ** 2).sqrt()])), "p[0] is replaced before p[1] is divided: the root must be that of the old p. Compute it once, before."),
        ("square-root", adjoint(p / (eps**2 + squares)), "The root is missing: the derivative of √s is 1/(2√s)."),
        ("value", adjoint(p / (eps**2 + p.square()).sqrt()), "Each component is divided by a root of its own: both share √(ε² + ∂₁u² + ∂₂u²)."),
        ("normalisation", adjoint(p) / (eps**2 + squares.sum()).sqrt(), "You divided by the norm of the whole field. Each pixel is divided by its own √(ε² + ‖∇u(x)‖²)."),
        ("adjoint", forward, forward_text),
        ("adjoint", -forward, forward_text),
        ("adjoint", q.sum(0), "The two components are summed: the adjoint ∇ᵀ is missing."),
        ("order", adjoint(p) / root, "You divided after applying ∇ᵀ. Divide the field ∇u first, then apply ∇ᵀ."),
        ("value", adjoint(p), "This is ∇ᵀ∇u, the gradient of Tychonov's regularization: the division by √(ε² + ‖∇u‖²) is missing."),
        ("axis", adjoint(q.flip(0)), "The components of the field are exchanged before ∇ᵀ."),
        ("value", u - adjoint(q), "This is u − ∇TV_ε(u), a step of descent. Return the gradient alone."),
        ("weight", adjoint(q) / 2, "There is a factor ½ too much: the 2 of the squares and the ½ of the root cancel."),
        ("weight", 2 * adjoint(q), "There is a factor 2 too much: the 2 of the squares and the ½ of the root cancel."),
    ]  # fmt: skip


# --- the algorithms --------------------------------------------------------------------------------------------------

DELTA = torch.ones((1, 1), dtype=torch.float64)
CONVERGED = 1e-5  # accepted (F(u) − min F) / (F(v) − min F)


@dataclass(frozen=True, eq=False)
class Problem:
    """Minimize F(u) = ½‖k * u − v‖² + λ TV_ε(u); k is a Dirac for denoising."""

    v: Tensor
    lam: float
    eps: float
    kernel: Tensor = DELTA

    @property
    def bound(self) -> float:
        """Return the upper bound 1 + 8λ/ε of the Lipschitz constant."""
        return 1 + 8 * self.lam / self.eps

    def objective(self, u: Tensor) -> float:
        """Return F(u)."""
        residual = (u if self.kernel is DELTA else operators.blur(u, self.kernel)) - self.v
        return (0.5 * residual.square().sum() + self.lam * priors.smoothed_tv(u, self.eps)).item()

    def data_gradient(self, u: Tensor) -> Tensor:
        """Return Aᵀ(Au − v)."""
        if self.kernel is DELTA:
            return u - self.v
        return operators.blur_adjoint(operators.blur(u, self.kernel) - self.v, self.kernel)

    def gradient(self, u: Tensor) -> Tensor:
        """Return ∇F(u)."""
        return self.data_gradient(u) + self.lam * self.tv_gradient(u)

    def tv_gradient(self, u: Tensor) -> Tensor:
        """Return ∇TV_ε(u)."""
        return priors.smoothed_tv_gradient(u, self.eps)

    @cached_property
    def minimizer(self) -> Tensor:
        """Return the minimizer of F, to eight digits."""
        return optim.accelerated_gradient(self.gradient, self.v, 1 / self.bound, 20000, tol=1e-8)[0]

    def gap(self, u: Tensor) -> float:
        """Return (F(u) − min F) / (F(v) − min F): 1 at the start, 0 at the minimizer."""
        least = self.objective(self.minimizer)
        return (self.objective(u.double()) - least) / (self.objective(self.v) - least)

    def arguments(self, n: int) -> tuple:
        """Return what the student's function is called with, for n iterations."""
        return (self.v, self.lam, self.eps, n) if self.kernel is DELTA else (self.v, self.kernel, self.lam, self.eps, n)

    def answer(self, student: Student, n: int) -> Tensor | None:
        """Return the student's image after n iterations, or None when it has become infinite."""
        result = student(*self.arguments(n))
        if isinstance(result, Tensor) and result.is_floating_point() and not torch.isfinite(result.detach()).all():
            return None
        return student.as_tensor(result, self.v.shape)


def _noisy(shape: tuple[int, int], seed: int) -> Tensor:
    """Return an image with values far beyond [0, 1], so that clipping shows."""
    return 0.5 + 0.6 * random_image(shape, seed)


def _nearly_flat(shape: tuple[int, int], eps: float) -> Tensor:
    """Return a checkerboard much fainter than ε: ∇F has its largest Lipschitz constant there, 1 + 8λ/ε exactly."""
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in shape)
    return 0.5 + 0.02 * eps * (1 - 2 * ((rows[:, None] + columns) % 2))


def _expect_minimizer(
    student: Student, problem: Problem, n: int, others: Sequence[Terms] = (), longest: float = 2.0
) -> None:
    """Raise the mistake that explains why n iterations do not end at the minimizer of F."""
    answer = problem.answer(student, n)
    if answer is not None and problem.gap(answer) <= CONVERGED:
        return
    if answer is not None:
        _recognise_image(student, problem, answer)
    if longest == 1.0:
        _recognise_momentum(student, problem)
    first, second = problem.answer(student, 1), problem.answer(student, 2)
    if first is not None and second is not None:
        _recognise_direction(problem, first, second, others, longest)
    if answer is None:
        raise Mistake("not-finite", "The iterations explode: the result contains NaN or infinite values.")
    gap = {"(F(u) − min F) / (F(v) − min F)": problem.gap(answer)}
    if first is not None and is_close(first, answer):
        text = "The number of iterations n changes nothing. Is the return inside the loop, or is n not used?"
        raise Mistake("not-converged", text, gap)
    longer = problem.answer(student, 4 * n)
    if longer is not None and (problem.gap(longer) < 0.5 * problem.gap(answer) or not is_close(longer, answer)):
        raise Mistake("not-converged", f"After {n} iterations F is still far from its minimum.", gap)
    raise Mistake("value", "The iterations do not go to the minimizer of F(u) = ½‖Au − v‖² + λTV_ε(u).", gap, {"yours": answer, "minimizer": problem.minimizer})  # fmt: skip


def _recognise_image(student: Student, problem: Problem, answer: Tensor) -> None:
    """Raise the mistake that the final image shows by itself."""
    v, u = problem.v, problem.minimizer
    if is_close(answer, v):
        raise Mistake("identity", f"{student.name} returns the observation v unchanged.")
    cut = bool(((answer == 0) | (answer == 1)).any()) and answer.min() >= 0 and answer.max() <= 1
    if cut and (u.min() < 0 or u.max() > 1):
        raise Mistake("clipping", "You clipped the image to [0, 1] inside the algorithm: that is another problem, with a constraint.")  # fmt: skip
    quadratic = "This is Tychonov's solution, for ½‖∇u‖². The total variation needs ∇TV_ε(u) = ∇ᵀ(∇u/√(ε² + ‖∇u‖²))."
    recognise(answer, ("value", restoration.tychonov_deblur(v, problem.kernel, problem.lam), quadratic))
    recognise(answer, ("value", v - u, "This is what was removed, v − u. Return u."), rtol=1e-3)
    if (answer - answer.mean()).norm() <= 1e-3 * (u - u.mean()).norm():
        text = "The result is a constant image: TV_ε alone was minimized. The data term, whose gradient is u − v for denoising, is missing, or v is replaced by the iterate in the loop."
        raise Mistake("value", text)


# A wrong ∇F: the cause, the two terms whose combination it may be, and what is wrong. Weights, signs and the step are
# found by least squares, so that one line covers all of them.
Terms = tuple[str, Direction, Direction, str]


def _wrong_terms(problem: Problem) -> list[Terms]:
    data, tv, eps, v = problem.data_gradient, problem.tv_gradient, problem.eps, problem.v

    def field(root: Callable[[Tensor], Tensor]) -> Direction:
        def direction(u: Tensor) -> Tensor:
            p = derivatives.gradient(u)
            return derivatives.gradient_adjoint(p / root(p.square().sum(0)))

        return direction

    return [
        ("value", data, lambda u: tv(v), "∇TV_ε is always taken at v. It must be taken at the current image u."),
        ("value", lambda u: data(v), tv, "The data term is always taken at v. It must be taken at the current image u."),
        ("sign", lambda u: u + v, tv, "v is added: the gradient of ½‖u − v‖² is u − v."),
        ("value", data, lambda u: -derivatives.laplacian(u), "This is descent for Tychonov's ½‖∇u‖²: divide ∇u by √(ε² + ‖∇u‖²) before ∇ᵀ."),
        ("epsilon", data, field(lambda s: (eps + s).sqrt()), "ε is not squared under the root of ∇TV_ε."),
        ("epsilon", data, field(lambda s: eps + s.sqrt()), "ε is outside the root of ∇TV_ε."),
        ("epsilon", data, field(lambda s: (1e-4 + s).sqrt()), "∇TV_ε is taken with ε = 0.01, a variable of the notebook. Take the argument eps."),
        ("square-root", data, field(lambda s: eps**2 + s), "The root is missing in ∇TV_ε: divide by √(ε² + ‖∇u‖²)."),
    ]  # fmt: skip


def _recognise_direction(
    problem: Problem, first: Tensor, second: Tensor, others: Sequence[Terms], longest: float
) -> None:
    """Raise the mistake of the wrong gradient, or of the wrong step, that the first two iterates reveal."""
    right: Terms = ("", problem.data_gradient, problem.tv_gradient, "")
    for cause, data, tv, text in (right, *_wrong_terms(problem), *others):
        found = _fit_terms(problem.v, first, second, data, tv)
        if found is None:
            continue
        if cause:
            raise Mistake(cause, text)
        tau, weighted = found
        _recognise_weights(problem, tau, weighted)
        _expect_step(problem, tau, longest, 0.5)
        return


def _fit_terms(v: Tensor, first: Tensor, second: Tensor, data: Direction, tv: Direction) -> tuple[float, float] | None:
    """Return (a, b) when v, ``first``, ``second`` are steps u ← u − a data(u) − b tv(u), else None."""
    first, second, precision = first.double(), second.double(), max(10 * tolerance(first), 1e-6)
    moves = torch.cat([(v - first).flatten(), (first - second).flatten()])
    columns = torch.stack([torch.cat([g(v).flatten(), g(first).flatten()]) for g in (data, tv)], dim=1)
    norms = columns.norm(dim=0).clamp(min=1e-300)
    coefficients = torch.linalg.lstsq(columns / norms, moves[:, None], driver="gelsd").solution[:, 0]
    wrong = ((columns / norms) @ coefficients - moves).reshape(2, -1).norm(dim=1)
    if moves.norm() == 0 or (wrong > precision * moves.reshape(2, -1).norm(dim=1)).any():
        return None
    a, b = (coefficients / norms).tolist()
    return a, b


def _recognise_weights(problem: Problem, tau: float, weighted: float) -> None:
    """Raise the mistake of a move τ Aᵀ(Au − v) + w ∇TV_ε(u) whose w is not λτ."""
    lam = problem.lam
    if abs(weighted) < 1e-6 * abs(tau) * lam:
        raise Mistake("weight", "The regularization is missing: only the data term is minimized.")
    if abs(tau) * lam < 1e-6 * abs(weighted):
        raise Mistake("value", "The data term is missing: TV_ε alone is minimized, and the image becomes flat.")
    if tau < 0 and weighted < 0:
        raise Mistake("sign", "F goes up: the iteration is u − τ∇F(u), with a minus sign and a positive step.")
    if is_close(weighted, -lam, 1e-3) and tau > 0:
        raise Mistake("sign", "τ multiplies the data term only, and λ∇TV_ε is added: put both terms in parentheses, u − τ (u − v + λ∇TV_ε(u)).")
    if weighted < 0:
        raise Mistake("sign", "The sign of λ∇TV_ε is wrong: both terms of ∇F have a plus sign.")
    if tau < 0:
        raise Mistake("sign", "The sign of the data term is wrong: it is Aᵀ(Au − v), u − v for denoising.")
    ratio = weighted / tau
    if is_close(ratio, lam, 1e-3):
        return
    known = [
        (1.0, "The weight λ of the regularization is missing."),
        (lam / 2, "λ/2 stands where λ belongs: with ½ before the data term, its gradient has no factor 2."),
        (2 * lam, "2λ stands where λ belongs: the gradient of ½‖Au − v‖² is Aᵀ(Au − v), without another ½."),
        (lam**2, "λ² stands where λ belongs."),
        (1 / lam, "λ stands before the data term. It is the weight of TV_ε: ∇F(u) = Aᵀ(Au − v) + λ∇TV_ε(u)."),
        (lam / problem.eps, "λ/ε stands where λ belongs: λ/ε is in the step only."),
        (lam / problem.bound, "Only one of the two terms is multiplied by τ: put both in parentheses, τ(u − v + λ∇TV_ε(u))."),
    ]  # fmt: skip
    text = next((text for value, text in known if is_close(ratio, value, 1e-3)), _UNUSED_WEIGHT)
    raise Mistake("weight", text, {"your weight of TV_ε": ratio, "λ": lam})


_UNUSED_WEIGHT = (
    "TV_ε has another weight than λ: does a variable of the notebook stand in the place of the argument lam?"
)


def _expect_step(problem: Problem, tau: float, longest: float, shortest: float, rounding: float = 1e-9) -> None:
    """Raise unless the step is allowed (τ < 2/L, or τ ≤ 1/L with momentum) and not needlessly small."""
    limit = longest / problem.bound
    allowed = tau < limit * (1 - rounding) if longest == 2 else tau <= limit * (1 + rounding)
    sign = "<" if longest == 2 else "≤"
    numbers = {"your step τ": tau, f"{longest:g}/(1 + 8λ/ε)": limit, "λ": problem.lam, "ε": problem.eps}
    text = f"The step is too long: convergence is only sure for τ {sign} {longest:g}/L, L = 1 + 8λ/ε."
    if not allowed:
        raise Mistake("step-size", text, numbers)
    if tau < shortest / problem.bound:
        raise Mistake("step-size", "The step is much too short: τ is of the order of 1/L, L = 1 + 8λ/ε.", numbers)


def _step_along(direction: Direction, v: Tensor, first: Tensor) -> float | None:
    """Return τ when ``first`` is v − τ direction(v), else None."""
    g, move = direction(v), v - first.double()
    if inner(g, g) == 0:
        return None
    tau = inner(move, g) / inner(g, g)
    return tau if tau != 0 and relative_error(move, tau * g) <= max(10 * tolerance(first), 1e-6) else None


def _expect_first_step(student: Student, longest: float, kernel: Tensor = DELTA) -> None:
    """Raise unless u₀ = v and u₁ = v − τ∇F(v), with a step that is allowed and not needlessly small."""
    problem = Problem(_noisy((6, 8), 4), 0.2, 0.01, kernel)
    v = problem.v
    first = student.tensor(*problem.arguments(1), shape=v.shape)
    expect(not is_close(first, v), "order", "With n = 1 you return v: you do one iteration too few.")
    try:
        start = student.tensor(*problem.arguments(0), shape=v.shape)
    except Mistake as found:
        if found.cause != "exception":
            raise
        text = f"With n = 0, which the notebook asks for, there is no iteration and nothing to return. Return the variable that starts as v. ({found.message})"
        raise Mistake("exception", text) from found
    more = _step_along(problem.gradient, v, start) is not None
    expect(not more, "order", "With n = 0 you return v − τ∇F(v): you do one iteration too many.")
    tau = _step_along(problem.gradient, v, first)
    text = "The result converges, but u₀ is not v, or u₁ not v − τ∇F(v): start from u = v, do n iterations, return the last."
    if tau is None or not is_close(start, v):
        raise Mistake("start", text)
    _expect_step(problem, tau, longest, 0.08, 0.1 * tolerance(first))


def _expect_descent_on_flat_image(student: Student) -> None:
    """Raise unless F never increases where its Lipschitz constant is largest, which a step beyond 2/L cannot do."""
    for shape, lam, eps in (((6, 8), 0.2, 0.1), ((8, 4), 1.5, 0.2)):
        problem = Problem(_nearly_flat(shape, eps), lam, eps)
        iterates = [student.tensor(*problem.arguments(n), shape=shape).double() for n in (1, 2, 3)]
        if is_close(iterates[0], iterates[2], 1e-9):
            text = "One iteration and three give the same image: n must be the number of iterations."
            raise Mistake("not-converged", text)
        values = [problem.objective(u) for u in iterates]
        slack = 1e-3 * (problem.objective(problem.v) - problem.objective(problem.minimizer))
        if values[1] > values[0] + slack or values[2] > values[1] + slack:
            _recognise_direction(problem, iterates[0], iterates[1], (), 2.0)
            text = "F increases on a nearly flat image, where L = 1 + 8λ/ε exactly: the step is beyond 2/L."
            raise Mistake("step-size", text, {"F(u₁)": values[0], "F(u₂)": values[1], "F(u₃)": values[2]})


@exercise(
    restoration.tv_denoise,
    hints=(
        "Gradient descent: start from u = v and repeat n times u ← u − τ∇F(u).",
        "∇F(u) = u − v + λ∇TV_ε(u), and the step is below 2/L with L = 1 + 8λ/ε, for instance τ = 1.9/(1 + 8λ/ε).",
        "u, tau = v.clone(), 1.9 / (1 + 8 * lam / eps)",
    ),
)
def tv_denoise(student: Student) -> str:
    """Test the convergence to the minimizer, and the step where ∇F has its largest Lipschitz constant."""
    for seed, (shape, lam, eps, n) in enumerate((((5, 4), 0.15, 0.2, 250), ((5, 6), 0.4, 0.3, 300))):
        _expect_minimizer(student, Problem(_noisy(shape, seed), lam, eps), n)
    _expect_descent_on_flat_image(student)
    _expect_first_step(student, 2.0)
    return "u = v for n = 0, it ends at the minimizer of F, and the step is below 2/L, L = 1 + 8λ/ε"


_HARD = ((24, 5), 1.0, 0.01, 100)  # L = 801: plain descent needs a thousand iterations


@exercise(
    restoration.accelerated_tv_denoise,
    hints=(
        "Same gradient as before, taken a little further on, at y: the last image plus a part of the last move. "
        "Two images are kept, x and y.",
        "x_{k+1} = y_k − τ∇F(y_k), t_{k+1} = (1 + √(1 + 4t_k²))/2, y_{k+1} = x_{k+1} + (t_k − 1)/t_{k+1} (x_{k+1} − x_k), "
        "with τ ≤ 1/L, L = 1 + 8λ/ε, t_0 = 1 and x_0 = y_0 = v.",
        "x, y, t, tau = v.clone(), v.clone(), 1.0, 1 / (1 + 8 * lam / eps)",
    ),
)
def accelerated_tv_denoise(student: Student) -> str:
    """Test the convergence to the minimizer, and that it is faster than plain descent."""
    for seed, (shape, lam, eps, n) in enumerate((((5, 4), 0.15, 0.2, 200), ((5, 6), 0.4, 0.1, 300))):
        _expect_minimizer(student, Problem(_noisy(shape, seed), lam, eps), n, longest=1.0)
    _expect_faster_than_descent(student)
    _recognise_momentum(student, Problem(_noisy((6, 5), 4), 0.2, 0.01))
    _expect_first_step(student, 1.0)
    return f"u = v for n = 0, it ends at the minimizer of F, and is far ahead of plain descent after {_HARD[-1]} iterations"


def _expect_faster_than_descent(student: Student) -> None:
    """Raise unless min F is much closer than for plain gradient descent with the student's own step, where L is large."""
    shape, lam, eps, n = _HARD
    ramp = torch.linspace(0, 1, shape[0], dtype=torch.float64)[:, None]
    problem = Problem(_noisy(shape, 3) + ramp, lam, eps)
    answer, first = problem.answer(student, n), problem.answer(student, 1)
    tau = None if first is None else _step_along(problem.gradient, problem.v, first)
    plain = optim.gradient_descent(problem.gradient, problem.v, min(tau or 1.0, 1 / problem.bound), n)[0]
    if answer is not None and problem.gap(answer) <= 0.2 * problem.gap(plain):
        return
    numbers = {
        "your gap": math.inf if answer is None else problem.gap(answer),
        "gap of plain descent": problem.gap(plain),
    }
    iterates = [problem.answer(student, k) for k in (1, 2, 6, 7)]
    known = [u for u in iterates if u is not None]
    if len(known) == len(iterates):
        _recognise_momentum(student, problem)
        if _step_along(problem.gradient, known[2], known[3]) is not None:
            text = "This is plain gradient descent. Is x replaced before the momentum x_{k+1} − x_k is computed, or does t not grow? The gradient is taken at y."
            raise Mistake("not-converged", text, numbers)
        _recognise_direction(problem, known[0], known[1], (), 1.0)
    text = "It does not converge faster than plain gradient descent. Is the momentum x_{k+1} − x_k, computed before x_k is replaced, times (t_k − 1)/t_{k+1} ≤ 1?"
    raise Mistake("not-converged", text, numbers)


def _recognise_momentum(student: Student, problem: Problem) -> None:
    """Raise the mistake of a slip in Nesterov's formulas, from the first five iterates."""
    found = [problem.answer(student, n) for n in range(1, 6)]
    iterates = [u.double() for u in found if u is not None]
    tau = _step_along(problem.gradient, problem.v, iterates[0]) if len(iterates) == len(found) else None
    if tau is None:
        return
    right = _replay(problem.v, lambda x, y: y - tau * problem.gradient(y))
    for cause, sequence, text in (("", right, ""), *_wrong_momenta(problem, tau)):
        if all(is_close(a - problem.v, b - problem.v, 1e-4) for a, b in zip(iterates, sequence, strict=True)):
            if cause:
                raise Mistake(cause, text)
            return


def _replay(
    v: Tensor,
    step: Callable[[Tensor, Tensor], Tensor],
    momentum: Callable[[float, float], float] = lambda t, t_next: (t - 1) / t_next,
    t: float = 1.0,
    t_after: Callable[[float], float] = lambda t: (1 + math.sqrt(1 + 4 * t**2)) / 2,
    added_to_y: bool = False,
    from_start: bool = False,
) -> list[Tensor]:
    """Return x_1, …, x_5 of an accelerated descent with one of its formulas changed."""
    x, y, kept = v, v, []
    for _ in range(5):
        x_next, t_next = step(x, y), t_after(t)
        y = (y if added_to_y else x_next) + momentum(t, t_next) * (x_next - x)
        x, t = x if from_start else x_next, t_next
        kept.append(x_next)
    return kept


def _wrong_momenta(problem: Problem, tau: float) -> list[tuple[str, list[Tensor], str]]:
    v, g, data, tv, lam = problem.v, problem.gradient, problem.data_gradient, problem.tv_gradient, problem.lam

    def step(x: Tensor, y: Tensor) -> Tensor:
        return y - tau * g(y)

    return [
        ("value", _replay(v, lambda x, y: y - tau * g(x)), "The gradient is taken at x. Nesterov takes it a little further on, at y: x_{k+1} = y_k − τ∇F(y_k)."),
        ("value", _replay(v, lambda x, y: x - tau * g(y)), "The step starts from x. It starts where the gradient is taken, at y: x_{k+1} = y_k − τ∇F(y_k)."),
        ("value", _replay(v, lambda x, y: y - tau * (data(x) + lam * tv(y))), "The data term is taken at x. The whole gradient is taken at y: y − v + λ∇TV_ε(y)."),
        ("order", _replay(v, step, added_to_y=True), "The momentum is added to y_k. It goes on from the new image: y_{k+1} = x_{k+1} + …"),
        ("sign", _replay(v, step, lambda t, t_next: (1 - t) / t_next), "The momentum has the wrong sign: it is x_{k+1} − x_k, the new image minus the old."),
        ("order", _replay(v, step, lambda t, t_next: (t_next - 1) / t_next), "The momentum uses t_{k+1} twice: it is (t_k − 1)/t_{k+1}, with t_k from before the update."),
        ("weight", _replay(v, step, lambda t, t_next: t / t_next), "The momentum has the weight t_k/t_{k+1}: it is (t_k − 1)/t_{k+1}."),
        ("weight", _replay(v, step, t_after=lambda t: 1 + math.sqrt(1 + 4 * t**2) / 2), "The 1 is not divided by 2: t_{k+1} = (1 + √(1 + 4t_k²))/2, with parentheses."),
        ("weight", _replay(v, step, t_after=lambda t: (1 + math.sqrt(1 + 4 * t)) / 2), "t_k is not squared: t_{k+1} = (1 + √(1 + 4t_k²))/2."),
        ("weight", _replay(v, step, t_after=lambda t: (1 + math.sqrt(1 + t**2)) / 2), "The factor 4 is missing: t_{k+1} = (1 + √(1 + 4t_k²))/2."),
        ("weight", _replay(v, step, t_after=lambda t: (1 + 1 + 4 * t**2) / 2), "The root is missing: t_{k+1} = (1 + √(1 + 4t_k²))/2."),
        ("order", _replay(v, step, from_start=True), "x is never replaced: the momentum x_{k+1} − x_k is taken from the first image in every turn. Put x = x_next at the end of the loop."),
        ("start", _replay(v, step, t=0.0), "t starts at 0, which undoes the first move: t_0 = 1."),
    ]  # fmt: skip


def _asymmetric_kernel(shape: tuple[int, int], seed: int) -> Tensor:
    """Return an asymmetric kernel of sum 1 with a strong centre, so that |k_hat| >= 0.4 and descent is fast."""
    k = 0.02 + torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) ** 3
    k = 0.3 * k / k.sum()
    k[shape[0] // 2, shape[1] // 2] += 0.7
    return k


@exercise(
    restoration.tv_deblur,
    hints=(
        "Only the data term changes: ½‖u − v‖² becomes ½‖k * u − v‖². What is its gradient?",
        "∇F(u) = Aᵀ(Au − v) + λ∇TV_ε(u) with Au = k * u; for a kernel of sum 1, L is at most 1 + 8λ/ε.",
        "data = blur_adjoint(blur(u, kernel) - v, kernel)",
    ),
)
def tv_deblur(student: Student) -> str:
    """Test the convergence to the minimizer, with asymmetric kernels."""
    cases = (((8, 7), (4, 3), 0.15, 0.4, 150), ((6, 9), (3, 4), 0.1, 0.2, 200))
    for seed, (shape, size, lam, eps, n) in enumerate(cases):
        problem = Problem(_noisy(shape, seed), lam, eps, _asymmetric_kernel(size, seed))
        _expect_minimizer(student, problem, n, _wrong_blurs(problem))
    flat = Problem(_nearly_flat((6, 8), 0.1), 0.2, 0.1, torch.ones((1, 1), dtype=torch.float64))
    answer = flat.answer(student, 60)
    if answer is None or flat.gap(answer) > 1:
        first, second = (student.tensor(*flat.arguments(n), shape=flat.v.shape) for n in (1, 2))
        _recognise_direction(flat, first, second, (), 2.0)
        text = "On a nearly flat image, where L = 1 + 8λ/ε exactly, F is larger after 60 iterations than before: the step is too long."
        raise Mistake("step-size", text)
    _expect_first_step(student, 2.0, _asymmetric_kernel((3, 4), 2))
    return "it ends at the minimizer of ½‖k * u − v‖² + λTV_ε(u), for kernels of odd and even sizes, none symmetric"


def _wrong_blurs(problem: Problem) -> list[Terms]:
    v, k, blur, adjoint, tv = problem.v, problem.kernel, operators.blur, operators.blur_adjoint, problem.tv_gradient
    flipped, (height, width) = k.flip(0, 1), v.shape

    def corner(u: Tensor) -> Tensor:
        k_hat = fft2(k, s=v.shape)
        return ifft2(k_hat.conj() * (k_hat * fft2(u) - fft2(v))).real

    def padded(u: Tensor) -> Tensor:
        sides = (0, k.shape[1], 0, k.shape[0])
        residual = blur(torch.nn.functional.pad(u, sides), k)[:height, :width] - v
        return adjoint(torch.nn.functional.pad(residual, sides), k)[:height, :width]

    known: list[Terms] = [
        ("adjoint", lambda u: blur(u, k) - v, tv, "The residual k * u − v is not blurred back: the gradient of ½‖Au − v‖² is Aᵀ(Au − v)."),
        ("adjoint", lambda u: adjoint(blur(u, k), k) - v, tv, "v is not blurred back: the gradient is Aᵀ(Au − v) = AᵀAu − Aᵀv."),
        ("conjugate", lambda u: blur(blur(u, k) - v, k), tv, "The residual is blurred with k again. Aᵀ is the convolution with k(−x): conj(k̂), not k̂."),
        ("conjugate", lambda u: blur(adjoint(u, k) - v, k), tv, "A and Aᵀ are exchanged, or the kernel is flipped: the gradient is Aᵀ(Au − v)."),
        ("conjugate", lambda u: adjoint(blur(u, flipped) - v, flipped), tv, "The kernel is flipped: A uses k, and only Aᵀ the mirrored kernel k(−x)."),
        ("centering", lambda u: blur(blur(u, k) - v, flipped), tv, "Aᵀ by the flipped kernel: when a side is even, flipping moves its centre by one pixel. Use blur_adjoint."),
        ("value", lambda u: u - v, tv, "The blur is not used: this is denoising, with the data term ½‖u − v‖²."),
        ("centering", corner, tv, "The kernel is not centred: its pixel (h//2, w//2) must go to the origin."),
        ("boundary", padded, tv, f"The image is continued by zeros. {_PERIODIC}"),
    ]  # fmt: skip
    if k.shape[0] <= v.shape[1] and k.shape[1] <= v.shape[0]:
        text = "The kernel is transposed: its rows and columns are exchanged."
        known.append(("transpose", lambda u: adjoint(blur(u, k.T) - v, k.T), tv, text))
    return known
