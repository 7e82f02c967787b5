"""Checks of lesson 17: the exact score, the naive way, DPS, ΠGDM, and plug-and-play.

The denoisers here are formulas, not networks: nonlinear, with a Jacobian that is not symmetric.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils import posterior
from course_utils.checks.engine import (
    Mistake,
    Student,
    exercise,
    expect,
    expect_close,
    is_close,
    random_image,
    recognise,
    recognise_parts,
)
from course_utils.diffusion import alpha_bar, ddim_step, denoised, diffuse, gaussian_score
from course_utils.gaussian import FaceModel, condition
from course_utils.operators import Mask, Matrix, ZoomOut

RTOL = 1e-3  # what a system solved by iterations deserves
Known = tuple[str, Tensor | float, str]
Operator = Callable[[Tensor], Tensor]


def _denoiser(x: Tensor, t: float | Tensor) -> Tensor:
    """Return an estimate of the noise that mixes neighbours, one image apart from the other."""
    time = torch.as_tensor(t, dtype=x.dtype)
    return 0.6 * x + 0.3 * torch.sin(2 * x.roll(1, -1) + time.reshape(-1, *[1] * (x.ndim - 1)))


class _Moduli:
    """A(x) = |F x|: an observation that is not linear."""

    def __call__(self, x: Tensor) -> Tensor:
        return torch.fft.rfft2(x).abs()

    def adjoint(self, v: Tensor) -> Tensor:
        raise Mistake("adjoint", "This A is not linear, and has no adjoint: call A alone, and let automatic differentiation go through it.")


def _problem(k: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, float, Operator, Tensor]:
    """Return x, t, A, v: a mask on images of two channels, a matrix on vectors, moduli of Fourier coefficients."""
    A: Operator = (Mask(random_image((5, 4), 50) < 0.4), Matrix(random_image((4, 6), 51).to(dtype)), _Moduli())[k]
    shape = ((2, 2, 5, 4), (3, 6), (2, 1, 4, 6))[k]
    x, x0 = random_image(shape, k).to(dtype), random_image(shape, 10 + k).to(dtype)
    v = A(x0)
    return x, (0.4, 0.7, 0.25)[k], A, v + 0.2 * A(random_image(shape, 20 + k).to(dtype))


def _norms(r: Tensor) -> Tensor:
    return r.flatten(1).norm(dim=1)


def _each(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (x.ndim - 1))


def _gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(function(x).sum(), x)[0]


# --- diffusion posterior sampling -------------------------------------------------------------------------------------


@exercise(
    posterior.dps_gradient,
    hints=(
        "Build the norm ‖v − A x̂_0(x)‖ from an x that requires a gradient, network included, and let PyTorch differentiate.",
        "x̂_0 = (x − √(1 − ᾱ) ε̂(x, t)) / √ᾱ is `denoised(x, t, denoiser(x, t))`; one norm an image, and the gradient of their sum: an image has no part in the norm of another.",
        "x = x.detach().requires_grad_()",
    ),
)
def dps_gradient(student: Student) -> str:
    """Examine the gradient for a mask, a matrix and an observation that is not linear."""
    for k in range(3):
        x, t, A, v = _problem(k)
        answer = student(x, t, A, v, _denoiser)
        if isinstance(answer, (tuple, list)) and len(answer) == 1:
            raise Mistake("type", "torch.autograd.grad returns a tuple, one gradient for each variable: take its entry [0].")
        if isinstance(answer, Tensor) and answer.shape in ((), (len(x),)):
            raise Mistake("shape", "You return norms. Return their gradient in x, of the shape of x.", {"your shape": tuple(answer.shape), "expected shape": tuple(x.shape)})
        answer = student.as_tensor(answer, x.shape)
        if not is_close(answer, posterior.dps_gradient(x, t, A, v, _denoiser)):
            recognise(answer, *_wrong_gradients(x, t, A, v))
            _recognise_squares(answer, x, t, A, v)
        expect_close(answer, posterior.dps_gradient(x, t, A, v, _denoiser), "value", "This is not ∇_x ‖v − A x̂_0(x)‖.")
    return "∇_x ‖v − A x̂_0(x)‖ through the denoiser, image by image, for A linear or not"


def _wrong_gradients(x: Tensor, t: float, A: Operator, v: Tensor) -> list[Known]:
    a = alpha_bar(t).to(x)
    noise = _denoiser(x, t)
    x0 = denoised(x, t, noise)
    right = posterior.dps_gradient(x, t, A, v, _denoiser)

    def estimate(y: Tensor) -> Tensor:
        return denoised(y, t, _denoiser(y, t))

    def residual(y: Tensor) -> Tensor:
        return v - A(estimate(y))

    def of(other: Callable[[Tensor], Tensor]) -> Tensor:
        return _gradient(lambda y: _norms(v - A(other(y))), x)

    unit = right / _each(_norms(right), x)
    graph = "so nothing of the network is differentiated"
    return [
        ("axis", _gradient(lambda y: residual(y).norm(), x), "This is the gradient of one norm for the whole batch. Each image has a residual, and a norm, of its own: flatten(1).norm(dim=1)."),
        ("normalisation", right / len(x), "You take the mean of the norms: each gradient is divided by the number of images. Take their sum."),
        ("value", _gradient(lambda y: residual(y).abs(), x), "This is the gradient of the sum of the moduli. The norm is √Σ r²."),
        ("axis", _gradient(lambda y: residual(y).norm(dim=-1), x), "You take the norm of each row. All the entries of an image go into one norm: flatten(1).norm(dim=1)."),
        ("axis", _gradient(lambda y: residual(y).flatten(-2).norm(dim=-1) if x.ndim > 2 else residual(y).norm(dim=-1), x), "You take the norm of each channel. All the entries of an image go into one norm: flatten(1).norm(dim=1)."),
        ("autograd", of(lambda y: denoised(y, t, noise)), f"ε̂ is computed outside of the graph, {graph}: x̂_0 depends on x through the denoiser too."),
        ("autograd", of(lambda y: y - x + x0), "This is the gradient in x̂_0. Take it in x: x must require a gradient before the denoiser is called."),
        ("value", of(lambda y: y), "A is applied to x itself. It must be applied to x̂_0, the estimate of the image without noise."),
        ("value", of(lambda y: _denoiser(y, t)), "A is applied to the noise ε̂: the image is x̂_0 = (x − √(1 − ᾱ) ε̂) / √ᾱ."),
        ("value", _gradient(lambda y: _norms(A(estimate(y))), x), "v is missing: this is the gradient of ‖A x̂_0‖."),
        ("weight", of(lambda y: y - (1 - a).sqrt() * _denoiser(y, t)), "x̂_0 is not divided by √ᾱ."),
        ("square-root", of(lambda y: (y - (1 - a) * _denoiser(y, t)) / a), "The roots are missing in x̂_0 = (x − √(1 − ᾱ) ε̂) / √ᾱ."),
        ("square-root", of(lambda y: (y - (1 - a).sqrt() * _denoiser(y, t)) / a), "x̂_0 is divided by ᾱ, not by its root."),
        ("square-root", of(lambda y: (y - (1 - a) * _denoiser(y, t)) / a.sqrt()), "The noise in x̂_0 has the factor √(1 − ᾱ): the root is missing."),
        ("sign", of(lambda y: (y + (1 - a).sqrt() * _denoiser(y, t)) / a.sqrt()), "The noise is added in x̂_0: subtract √(1 − ᾱ) ε̂."),
        ("value", of(lambda y: y - _denoiser(y, t)), "x̂_0 is not x − ε̂: the noise has the factor √(1 − ᾱ), and all is divided by √ᾱ."),
        ("clipping", of(lambda y: estimate(y).clamp(-1, 1)), "You clip x̂_0: where it is cut its gradient is 0, and nothing draws it back."),
        ("normalisation", unit, "You divide the gradient by its norm. Its length tells how far the step must go."),
        ("sign", -unit, "This is the opposite of the gradient, divided by its norm."),
        ("value", x - right, "You subtract the gradient from x already. Return the gradient alone: the step is the next exercise."),
    ]  # fmt: skip


def _recognise_squares(answer: Tensor, x: Tensor, t: float, A: Operator, v: Tensor) -> None:
    """Raise the mistake of the gradient of a square, up to a factor: each image then has the factor ‖r‖."""
    squares = _gradient(lambda y: (v - A(denoised(y, t, _denoiser(y, t)))).square(), x)
    factor = ((answer * squares).sum() / squares.square().sum()).item()
    if abs(factor) > 1e-9 and is_close(answer, factor * squares):
        text = "This is the gradient of the square ‖v − A x̂_0‖², up to a factor. That of the norm has no factor ‖v − A x̂_0‖: take the root before you differentiate."
        raise Mistake("square-root", text, {"your result / the gradient of the square": factor})


@exercise(
    posterior.dps_step,
    hints=(
        "Two parts: the step of the diffusion that knows no data, and the pull towards them, which was exercise 1.",
        "x_s = (the DDPM step from x_t with ε̂(x_t, t)) − ζ ∇_x ‖v − A x̂_0(x_t)‖, the gradient at x_t too.",
        "gradient = dps_gradient(x, t, A, v, denoiser)",
    ),
)
def dps_step(student: Student) -> str:
    """Examine the step for several ζ, and the use of the generator."""
    for k, s, zeta in ((0, 0.3, 0.7), (1, 0.45, 0.4), (2, 0.2, 1.5), (1, 0.6, 0.0)):
        x, t, A, v = _problem(k, torch.float32)
        expected = posterior.dps_step(x, t, s, A, v, _denoiser, zeta, _source(k))
        answer = _stepped(student, x, (x, t, s, A, v, _denoiser, zeta, _source(k)))
        if not is_close(answer, expected):
            recognise(answer, *_wrong_steps(x, t, s, A, v, zeta, _source(k)))
            other = _stepped(student, x, (x, t, s, A, v, _denoiser, zeta, _source(k + 1)))
            text = "Generators of two seeds give the same result: the noise must come from the generator that is passed."
            expect(not torch.equal(answer, other), "randomness", text)
            answer = _stepped(student, x, (x, t, s, A, v, _denoiser, zeta, _source(k)))
        expect_close(answer, expected, "value", "This is not the DDPM step minus ζ ∇_x ‖v − A x̂_0(x_t)‖.")
    return "the DDPM step minus ζ times the gradient at x_t, for A linear or not, and for ζ = 0"


def _source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _stepped(student: Student, x: Tensor, arguments: tuple[object, ...]) -> Tensor:
    try:
        answer = student(*arguments)
    except Mistake as mistake:
        if "must be earlier" in mistake.message:
            mistake.cause = "order"
            mistake.message = "t and s are exchanged: the step goes from t to the earlier time s. " + mistake.message
        raise
    if isinstance(answer, (tuple, list)) and len(answer) == 2:
        raise Mistake("type", "You return two parts. Return x_s, one tensor: the first minus the second.")
    return student.as_tensor(answer, x.shape)


def _wrong_steps(x: Tensor, t: float, s: float, A: Operator, v: Tensor, zeta: float, source: torch.Generator) -> list[Known]:
    z = torch.randn(x.shape, generator=source)
    a, b = alpha_bar(t).to(x), alpha_bar(s).to(x)
    variance = (1 - b) / (1 - a) * (1 - a / b)

    def step(y: Tensor, noise: Tensor) -> Tensor:
        return b.sqrt() * denoised(y, t, noise) + (1 - b - variance).sqrt() * noise + variance.sqrt() * z

    def pull(y: Tensor, time: float) -> Tensor:
        return posterior.dps_gradient(y, time, A, v, _denoiser)

    noise, g = _denoiser(x, t), pull(x, t)
    new, moved = step(x, noise), x - zeta * g
    r = _each(_norms(v - A(denoised(x, t, noise))), x)
    flat = _gradient(lambda y: _norms(v - A(denoised(y, t, noise))), x)
    one = _gradient(lambda y: (v - A(denoised(y, t, _denoiser(y, t)))).norm(), x)
    here = "The gradient belongs to x_t, as the DDPM step does: take it before the step."
    known: list[Known] = [
        ("sign", new + zeta * g, "You go up: subtract ζ times the gradient."),
        ("step-size", new - g, "ζ is not used."),
        ("step-size", new - zeta**2 * g, "ζ enters twice."),
        ("step-size", new - zeta * g / _each(_norms(g), x), "You divide the gradient by its norm: the step is ζ times the gradient."),
        ("step-size", new - zeta * g / r, "You divide by ‖v − A x̂_0‖ once more: that is already in the gradient of the norm."),
        ("square-root", new - zeta * 2 * r * g, "This takes the gradient of the square ‖v − A x̂_0‖²: that of the norm has no factor ‖v − A x̂_0‖."),
        ("square-root", new - zeta * r * g, "This takes half the gradient of the square ‖v − A x̂_0‖²: that of the norm has no factor ‖v − A x̂_0‖."),
        ("autograd", new - zeta * flat, "The gradient does not go through the denoiser: call it on an x that requires a gradient, or call your dps_gradient."),
        ("axis", new - zeta * one, "You differentiate one norm for the whole batch: each image has its own."),
        ("order", step(moved, _denoiser(moved, t)), f"You move x_t before the step. {here} Then subtract it from the result."),
        ("order", step(moved, noise), f"You move x_t before the step. {here} Then subtract it from the result."),
        ("order", new - zeta * pull(new, s), f"The gradient is taken at x_s. {here}"),
        ("order", new - zeta * pull(new, t), f"The gradient is taken after the step. {here}"),
        ("value", new - zeta * pull(x, s), "The gradient is taken at time s. x_t has the noise of time t."),
        ("value", step(x, _denoiser(x, s)) - zeta * g, "The denoiser is asked at time s. x_t has the noise of time t."),
        ("randomness", ddim_step(x, t, s, noise) - zeta * g, "This is a DDIM step, without new noise. DPS takes the DDPM step, which draws."),
        ("value", zeta * g, "This is the pull alone. Subtract it from the DDPM step."),
        ("value", x - zeta * g, "The DDPM step is missing: this stays at time t."),
    ]  # fmt: skip
    if zeta:
        known += [("value", new, "The data are not used: this is the DDPM step alone. Subtract ζ times the gradient.")]
    return known


# --- pseudo-inverse guidance ------------------------------------------------------------------------------------------


@exercise(
    posterior.pigdm_guidance,
    hints=(
        "Solve for w first, outside of the graph. What is left, Jᵀ Aᵀ w, is the gradient in x of the number ⟨w, A x̂_0(x)⟩.",
        "(r² A Aᵀ + σ² I) w = v − A x̂_0 with r² = 1 − ᾱ(t), by `conjugate_gradient`; then ∇_x ⟨w, A x̂_0(x)⟩ with w constant.",
        "x = x.detach().requires_grad_(); x0 = denoised(x, t, denoiser(x, t))",
    ),
)
def pigdm_guidance(student: Student) -> str:
    """Examine the guidance against dense matrices, for a zoom-out, a matrix and a mask."""
    for k, t, sigma in ((0, 0.4, 0.3), (1, 0.7, 0.5), (2, 0.25, 0.2)):
        shape = ((2, 1, 4, 6), (3, 6), (2, 1, 4, 5))[k]
        kernel = random_image((3, 2), 53)
        A = (ZoomOut(1.5 * kernel / kernel.sum(), (4, 6), 2), Matrix(random_image((4, 6), 51)), Mask(random_image((4, 5), 52) < 0.3))[k]
        x, x0 = random_image(shape, k), random_image(shape, 10 + k)
        v = A(x0 + sigma * random_image(shape, 20 + k))
        answer = student.tensor(x, t, A, v, sigma, _denoiser, shape=shape)
        dense = _Dense(x, t, A, v, sigma)
        if not is_close(answer, dense.right, RTOL):
            recognise(answer, *_wrong_guidances(dense), rtol=RTOL)
            recognise_parts(answer, dense.guidance, _wrong_parts(dense), rtol=RTOL)
        expect_close(answer, dense.right, "value", "This is not Jᵀ Aᵀ (r² A Aᵀ + σ² I)⁻¹ (v − A x̂_0), with J the derivative of x̂_0 in x.", RTOL)
    return "Jᵀ Aᵀ (r² A Aᵀ + σ² I)⁻¹ (v − A x̂_0), beside dense matrices, for a zoom-out, a matrix and a mask"


class _Dense:
    """The parts of the guidance as matrices: J of each image, A, the residuals."""

    def __init__(self, x: Tensor, t: float, A: Operator, v: Tensor, sigma: float) -> None:
        self.x, self.t, self.sigma, self.a = x, t, sigma, alpha_bar(t).item()
        one, d = x[:1], x[0].numel()
        basis = torch.eye(d, dtype=x.dtype).reshape(d, *x.shape[1:])
        self.A = A(basis).flatten(1).T

        def estimate(y: Tensor) -> Tensor:
            y = y.reshape(one.shape)
            return denoised(y, t, _denoiser(y, t)).flatten()

        self.J = torch.stack([torch.autograd.functional.jacobian(estimate, y.flatten()) for y in x])
        self.x0, self.v = torch.stack([estimate(y) for y in x]), v.flatten(1)
        self.residual = self.v - self.x0 @ self.A.T
        self.right = self.guidance(self.J, 1 - self.a, sigma**2, self.residual)

    def guidance(self, J: Tensor, r2: float, s2: float, residual: Tensor) -> Tensor:
        M = r2 * self.A @ self.A.T + s2 * torch.eye(len(self.A), dtype=self.A.dtype)
        return self.back(J, torch.linalg.solve(M, residual.T).T)

    def back(self, J: Tensor, w: Tensor) -> Tensor:
        """Return Jᵀ Aᵀ w."""
        return self.pulled(J, w @ self.A)

    def pulled(self, J: Tensor, image: Tensor) -> Tensor:
        return torch.einsum("nij,ni->nj", J, image).reshape(self.x.shape)


def _wrong_guidances(p: _Dense) -> list[Known]:
    r, J, gram = p.residual, p.J, p.A @ p.A.T
    r2, s2 = 1 - p.a, p.sigma**2
    noise = _denoiser(p.x, p.t)
    return [
        ("sign", -p.right, "The sign is wrong: the guidance draws A x̂_0 towards v, the residual is v − A x̂_0."),
        ("normalisation", 2 * p.right, "The result is twice too large. Is w differentiated too, or the factor ½ of the exponent missing?"),
        ("normalisation", p.right / 2, "The result is half of what it should be."),
        ("normalisation", r2 * p.right, "There is a factor r² in front: the matrix (r² A Aᵀ + σ² I)⁻¹ holds it already."),
        ("normalisation", r2**0.5 * p.right, "There is a factor √(1 − ᾱ) in front, that of the noise. This is a score, without it."),
        ("normalisation", -(r2**0.5) * p.right, "This is what the guidance adds to the noise ε̂. Return the guidance itself, without −√(1 − ᾱ)."),
        ("autograd", p.guidance(J, r2, s2, p.v - 2 * p.x0 @ p.A.T), "w is differentiated too, though it is a constant here: solve for it with (v − A x̂_0).detach()."),
        ("value", p.back(J, r), "The system is not solved: this is Jᵀ Aᵀ (v − A x̂_0)."),
        ("value", p.back(J, r @ (r2 * gram + s2 * torch.eye(len(gram), dtype=gram.dtype))), "You multiply by r² A Aᵀ + σ² I. Its inverse is needed: solve the system."),
        ("adjoint", p.back(J, r / (r2 + s2)), "A Aᵀ is missing: r² A Aᵀ + σ² I is not (r² + σ²) I, unless A is a mask."),
        ("value", p.pulled(J, r @ torch.linalg.pinv(p.A).T), "This takes A⁺. With noise it is Aᵀ (r² A Aᵀ + σ² I)⁻¹, which does not trust the data wholly."),
        ("weight", p.pulled(J, r @ torch.linalg.pinv(p.A).T) / r2, "This takes A⁺ / r², the limit for σ = 0. With noise it is Aᵀ (r² A Aᵀ + σ² I)⁻¹."),
        ("value", p.right - noise / r2**0.5, "The score of x_t is added already. Return the guidance alone."),
        ("value", noise - r2**0.5 * p.right, "This is the noise of the guided step. Return the guidance alone."),
    ]  # fmt: skip


def _wrong_parts(p: _Dense) -> dict[str, tuple[object, list[tuple[str, object, str]]]]:
    a, sigma, r = p.a, p.sigma, p.residual
    eye = torch.eye(p.J.shape[-1], dtype=p.J.dtype).expand_as(p.J)
    r2, s2 = "r² is 1 − ᾱ(t)", "σ² stands in the matrix"
    return {
        "J": (p.J, [
            ("autograd", eye, "J is missing: the guidance is a gradient in x, and x̂_0 depends on x."),
            ("autograd", eye / a**0.5, "Nothing of the network is differentiated: ε̂ must be computed from the x that requires a gradient."),
            ("transpose", p.J.mT, "You multiply by J, not by Jᵀ: a gradient goes backwards, jvp goes forwards."),
            ("weight", a**0.5 * p.J, "x̂_0 is not divided by √ᾱ where it is differentiated."),
        ]),
        "r2": (1 - a, [
            ("weight", a, f"{r2}, not ᾱ: at t = 0 nothing is uncertain."),
            ("square-root", (1 - a) ** 0.5, f"{r2}: you take its root."),
            ("square-root", (1 - a) ** 2, f"{r2} already: you square it."),
            ("weight", (1 - a) / a, f"{r2}, not (1 − ᾱ) / ᾱ."),
            ("weight", 1.0, f"{r2}: the factor before A Aᵀ is missing."),
            ("weight", p.t, f"{r2}, not t."),
            ("weight", 0.0, f"{r2}: the term r² A Aᵀ is missing, as if x̂_0 were certain."),
        ]),
        "s2": (sigma**2, [
            ("square-root", sigma, f"{s2}: σ must be squared."),
            ("square-root", sigma**4, f"{s2}: you square it twice."),
            ("weight", 1e-9, f"{s2}: it is missing."),
            ("weight", 1.0, f"{s2}: it is 1 in yours."),
        ]),
        "residual": (r, [
            ("sign", -r, "The residual is v − A x̂_0."),
            ("value", p.v - p.x.flatten(1) @ p.A.T, "The residual is that of x. Take that of x̂_0."),
            ("value", p.v, "A x̂_0 is missing: the residual is v − A x̂_0."),
            ("weight", p.v - a**0.5 * p.x0 @ p.A.T, "In the residual x̂_0 is not divided by √ᾱ."),
        ]),
    }  # fmt: skip


# --- the naive way ----------------------------------------------------------------------------------------------------


@exercise(
    posterior.replace_known,
    hints=(
        "x has the noise of time t, v has not: give v the noise of time t before you put it in.",
        "√ᾱ v + √(1 − ᾱ) ε, which is `diffuse(v, t, noise)`, where the mask is true, and x elsewhere.",
        "return torch.where(mask, ...)",
    ),
)
def replace_known(student: Student) -> str:
    """Examine known and hidden pixels at several times, for one channel and more."""
    for k, (shape, t) in enumerate((((2, 1, 5, 4), 0.3), ((3, 2, 4, 6), 0.7), ((1, 1, 5, 5), 0.0))):
        x, v, noise = (random_image(shape, 30 + 3 * k + i) for i in range(3))
        mask = random_image(shape[-2:], 60 + k) < 0.2
        answer = student.tensor(x, t, v, mask, noise, shape=shape)
        expected = posterior.replace_known(x, t, v, mask, noise)
        if not is_close(answer, expected):
            _recognise_replacement(answer, x, t, v, mask, noise)
        expect_close(answer, expected, "value", "This is not √ᾱ v + √(1 − ᾱ) ε on the known pixels and x elsewhere.")
    return "√ᾱ v + √(1 − ᾱ) ε where the mask is true, x elsewhere"


def _recognise_replacement(answer: Tensor, x: Tensor, t: float, v: Tensor, mask: Tensor, noise: Tensor) -> None:
    a, known = alpha_bar(t).item(), diffuse(v, t, noise)
    level = "its noise has the factor √(1 − ᾱ)"
    recognise(
        answer,
        ("order", torch.where(mask, x, known), "The mask is read the wrong way: it is true on the known pixels."),
        ("value", known, "You replace all the pixels. The hidden ones stay those of x."),
        ("value", torch.where(mask, known, 0), "The hidden pixels are 0. They stay those of x."),
        ("value", torch.where(mask, known + x, x), "On the known pixels you add to x. Put the noisy v in the place of x."),
        ("value", torch.where(mask, (known + x) / 2, x), "On the known pixels you take the mean with x. Put the noisy v in the place of x."),
        ("sign", torch.where(mask, known, -x), "The sign of the hidden pixels is wrong: they stay those of x."),
        ("value", torch.where(mask, v, x), "The known pixels have no noise, and those of x have: at time t, v is √ᾱ v + √(1 − ᾱ) ε."),
        ("value", torch.where(mask, a**0.5 * v, x), "The noise is missing: v at time t is √ᾱ v + √(1 − ᾱ) ε."),
        ("value", torch.where(mask, noise, x), "The known pixels are noise alone: v at time t is √ᾱ v + √(1 − ᾱ) ε."),
        ("order", torch.where(mask, diffuse(noise, t, v), x), "√ᾱ and √(1 − ᾱ) are exchanged: the image has √ᾱ, the noise √(1 − ᾱ)."),
        ("order", diffuse(torch.where(mask, v, x), t, noise), "You diffuse all the pixels after the replacement: x has the noise of time t already. Diffuse v alone."),
        ("clipping", torch.where(mask, known.clamp(-1, 1), x), "You clip the known pixels: with their noise they may leave [−1, 1]."),
    )  # fmt: skip
    recognise_parts(
        answer,
        lambda image, other: torch.where(mask, image * v + other * noise, x),
        {
            "image": (a**0.5, [
                ("weight", 1.0, "v has the factor √ᾱ, as an image has at time t."),
                ("square-root", a, "v has the factor √ᾱ: a root is missing."),
                ("weight", 1 - t, "v has the factor √ᾱ(t), not 1 − t."),
                ("weight", (1 - t) ** 0.5, "v has the factor √ᾱ(t), not √(1 − t)."),
            ]),
            "other": ((1 - a) ** 0.5, [
                ("weight", 1.0, f"The known pixels have too much noise: {level}."),
                ("square-root", 1 - a, f"A root is missing: {level}."),
                ("square-root", 1 - a**0.5, f"The variances ᾱ and 1 − ᾱ add to 1, not their roots: {level}."),
                ("sign", -((1 - a) ** 0.5), "The noise is subtracted."),
                ("weight", t, f"The noise has another level: {level}, not t."),
                ("weight", t**0.5, f"The noise has another level: {level}, not √t."),
            ]),
        },
    )  # fmt: skip


# --- the exact score --------------------------------------------------------------------------------------------------


@exercise(
    posterior.posterior_score_gaussian,
    hints=(
        "Given v, x_0 is Gaussian again, and you know its mean m and a factor F of its covariance. So x_t given v is Gaussian too: what are its mean and covariance?",
        "x_t given v is N(√ᾱ m, ᾱ F Fᵀ + (1 − ᾱ) I). `gaussian_score` wants orthonormal axes and variances: with F = U diag(s) Wᵀ they are U and s².",
        "m, F = condition(v, mask, model, sigma)",
    ),
)
def posterior_score_gaussian(student: Student) -> str:
    """Compare with dense matrices, at several times, for a batch and for one image."""
    for k, (t, sigma, batch) in enumerate(((0.4, 0.5, (4,)), (0.75, 0.2, (3,)), (0.15, 0.7, ()))):
        p = _Exact(k, t, sigma, batch)
        answer = student.tensor(p.x, t, p.v, p.mask, sigma, p.model, shape=p.x.shape)
        if not is_close(answer, p.right):
            recognise(answer, *_wrong_scores(p))
            recognise_parts(answer, p.score, _wrong_laws(p))
        expect_close(answer, p.right, "value", "This is not the score of N(√ᾱ m, ᾱ F Fᵀ + (1 − ᾱ) I) at x.")
    return "the score of N(√ᾱ m, ᾱ F Fᵀ + (1 − ᾱ) I), beside dense matrices, at several times and for several σ"


class _Exact:
    """A small Gaussian model, what is seen of it, and the posterior."""

    def __init__(self, k: int, t: float, sigma: float, batch: tuple[int, ...]) -> None:
        d, r = ((9, 3), (8, 4), (7, 2))[k]
        E = torch.linalg.qr(random_image((d, r), 80 + k))[0]
        lam = torch.linspace(2.5, 0.6, r, dtype=torch.float64)
        self.model: FaceModel = (0.5 + 0.3 * random_image((d,), 83 + k), E, lam)
        self.x, self.v = random_image((*batch, d), 86 + k), random_image((d,), 89 + k)
        self.mask = torch.arange(d) % 3 < 2
        self.t, self.sigma, self.a = t, sigma, alpha_bar(t).item()
        self.m, self.F = condition(self.v, self.mask, self.model, sigma)
        self.right = self.score(self.a**0.5 * self.m, self.a * self.F @ self.F.T, 1 - self.a)

    def score(self, mean: Tensor, spread: Tensor, noise: float) -> Tensor:
        C = spread + noise * torch.eye(len(mean), dtype=mean.dtype)
        return -(self.x - mean) @ torch.linalg.inv(C)

    def given(self, mask: Tensor, sigma: float) -> Tensor:
        """Return the score for another mask or noise."""
        m, F = condition(self.v, mask, self.model, sigma)
        return self.score(self.a**0.5 * m, self.a * F @ F.T, 1 - self.a)


def _wrong_laws(p: _Exact) -> dict[str, tuple[object, list[tuple[str, object, str]]]]:
    mean, E, lam = p.model
    a, C = p.a, p.F @ p.F.T
    U, s, _ = torch.linalg.svd(p.F, full_matrices=False)
    prior = E @ torch.diag(lam) @ E.T
    covariance, centre = "The covariance of x_t is ᾱ F Fᵀ + (1 − ᾱ) I", "The mean of x_t given v is √ᾱ m"
    return {
        "mean": (a**0.5 * p.m, [
            ("weight", p.m, f"{centre}: √ᾱ is missing."),
            ("square-root", a * p.m, f"{centre}: you multiply m by ᾱ, not by its root (`gaussian_score` multiplies it by √ᾱ already)."),
            ("mean", a**0.5 * mean, f"{centre}, with the mean m given v: you take μ, that of the model."),
            ("mean", torch.zeros_like(p.m), f"{centre}: no mean is subtracted."),
        ]),
        "spread": (a * C, [
            ("weight", C, f"{covariance}: the factor ᾱ is missing (`gaussian_score` brings it)."),
            ("square-root", a**0.5 * C, f"{covariance}: ᾱ, not its root."),
            ("square-root", a**2 * C, f"{covariance}: ᾱ enters twice (`gaussian_score` brings it already)."),
            ("square-root", a * U @ torch.diag(s) @ U.T, "The variances along the axes U are s²: the singular values of F are standard deviations."),
            ("square-root", a * U @ torch.diag(s.sqrt()) @ U.T, "The variances along the axes U are s²: you take roots of the singular values."),
            ("value", a * prior, f"{covariance}, with the factor F given v: you take the covariance of the model, as if nothing were seen."),
            ("value", 0 * C, f"{covariance}: you keep the noise alone, as if m were certain."),
            ("axis", a * E @ torch.diag(p.F.square().sum(dim=0)) @ E.T, "E has the axes of the model. Given v the axes turn: they are the left singular vectors of F."),
            ("axis", a * E @ torch.diag(s.square()) @ E.T, "E has the axes of the model. Given v the axes turn: they are the left singular vectors of F."),
        ]),
        "noise": (1 - a, [
            ("square-root", (1 - a) ** 0.5, f"{covariance}: 1 − ᾱ is a variance already, do not take its root."),
            ("square-root", (1 - a) ** 2, f"{covariance}: 1 − ᾱ is a variance already, do not square it."),
            ("weight", 1.0, f"{covariance}: the noise has the variance 1 − ᾱ, not 1."),
            ("weight", p.sigma**2, f"{covariance}: σ² is the noise of v, and is in F already."),
        ]),
    }  # fmt: skip


def _wrong_scores(p: _Exact) -> list[Known]:
    mean, E, lam = p.model
    a, s2, seen = p.a, p.sigma**2, p.mask.double()
    lengths = p.F.norm(dim=0)
    prior = gaussian_score(p.x, p.t, p.model)
    gain = a**0.5 * lam / (a * lam + 1 - a)
    x0 = mean + ((p.x - a**0.5 * mean) @ E * gain) @ E.T
    J = E @ torch.diag(gain) @ E.T
    certain = "It takes x̂_0 for x_0, as if it were certain: DPS and ΠGDM do. Here the law of x_0 given x_t is known."
    bare = -(p.x - a**0.5 * p.m) @ torch.linalg.pinv(a * p.F @ p.F.T, rtol=1e-9, hermitian=True)
    return [
        ("value", prior, "This is the score of the prior, ∇ log p_t(x): v is not used."),
        ("value", p.right - prior, "This is ∇ log p(v | x_t) alone. The posterior's score has that of the prior too."),
        ("value", p.m.expand(p.x.shape), "This is the posterior mean m, not a score."),
        ("value", bare, "The noise (1 − ᾱ) I is missing in the covariance."),
        ("axis", gaussian_score(p.x, p.t, (p.m, p.F / lengths, lengths.square())), "The columns of F are not orthogonal: take its left singular vectors for the axes."),
        ("axis", gaussian_score(p.x, p.t, (p.m, p.F, torch.ones_like(lam))), "`gaussian_score` needs orthonormal axes, which the columns of F are not: take its singular value decomposition."),
        ("axis", gaussian_score(p.x, p.t, (p.m, p.F, lam)), "`gaussian_score` needs orthonormal axes, which the columns of F are not: take its singular value decomposition."),
        ("order", p.given(~p.mask, p.sigma), "The mask is read the wrong way: it is true where v is seen."),
        ("value", p.given(torch.ones_like(p.mask), p.sigma), "All the pixels of v are used, the hidden ones too: pass the mask to condition."),
        ("square-root", p.given(p.mask, s2), "σ is squared before `condition`, which squares it itself."),
        ("square-root", p.given(p.mask, p.sigma**0.5), "A root of σ is taken: `condition` wants the standard deviation."),
        ("weight", p.given(p.mask, 1.0), "σ is not used."),
        ("value", prior + seen * (p.v - p.x) / s2, "v is compared with x_t, which has noise and the factor √ᾱ. It is an observation of x_0."),
        ("value", prior + seen * (p.v - x0) / s2, f"This is the prior's score plus Aᵀ(v − A x̂_0) / σ². {certain}"),
        ("value", prior + (seen * (p.v - x0)) @ J / s2, f"This is the prior's score plus Jᵀ Aᵀ(v − A x̂_0) / σ². {certain}"),
        ("value", prior + (seen * (p.v - x0)) @ J / (1 - a + s2), f"This is the guidance of ΠGDM, an approximation. {certain}"),
    ]  # fmt: skip


# --- plug-and-play ----------------------------------------------------------------------------------------------------


@exercise(
    posterior.plug_and_play,
    hints=(
        "Proximal gradient, with the denoiser where the proximal map stood: a gradient step on the data, then the denoiser on its result.",
        "u ← D(u − τ Aᵀ(Au − v)), n times.",
        "for _ in range(n): u = denoise(...)",
    ),
)
def plug_and_play(student: Student) -> str:
    """Examine the iterates after few steps, for a zoom-out, a matrix and a mask, and for n = 0."""
    kernel = random_image((3, 2), 53)
    zoom, matrix = ZoomOut(1.5 * kernel / kernel.sum(), (4, 6), 2), Matrix(random_image((4, 6), 51) - 0.3)
    cases: tuple[tuple[ZoomOut | Matrix | Mask, tuple[int, ...], float, int], ...] = ((zoom, (4, 6), 0.3, 3), (matrix, (6,), 0.2, 2), (Mask(random_image((4, 5), 52) < 0.3), (4, 5), 0.7, 4), (matrix, (6,), 0.2, 0))
    for k, (A, shape, tau, n) in enumerate(cases):
        u = random_image(shape, k)
        v = A(random_image(shape, 10 + k))
        expected = posterior.plug_and_play(u, A, v, _smooth, tau, n)
        answer = student(u, A, v, _smooth, tau, n)
        if isinstance(answer, Tensor) and answer.shape == (n + 1, *shape):
            raise Mistake("shape", "You return all the iterates. Return the last one.")
        answer = student.as_tensor(answer, shape)
        if not is_close(answer, expected):
            recognise(answer, *_wrong_iterates(u, A, v, tau, n))
        expect_close(answer, expected, "value", "The last iterate is not that of u ← D(u − τ Aᵀ(Au − v)).")
    return "u ← D(u − τ Aᵀ(Au − v)), n times, for a zoom-out, a matrix and a mask, and for n = 0"


def _smooth(u: Tensor) -> Tensor:
    """Return an image in which neighbours are mixed: a denoiser whose every call can be told."""
    return 0.6 * u + 0.3 * u.roll(1, -1) + 0.1 * torch.sin(2 * u)


def _wrong_iterates(u0: Tensor, A: ZoomOut | Matrix | Mask, v: Tensor, tau: float, n: int) -> list[Known]:
    def run(step: Callable[[Tensor], Tensor], times: int = n, start: Tensor = u0) -> Tensor:
        for _ in range(times):
            start = step(start)
        return start

    def gradient(u: Tensor) -> Tensor:
        return A.adjoint(A(u) - v)

    def right(u: Tensor, tau: float = tau) -> Tensor:
        return _smooth(u - tau * gradient(u))

    free = run(lambda u: u - tau * gradient(u))
    after = "Denoise the result of the gradient step, D(u − τ Aᵀ(Au − v))."
    return [
        ("value", free, "The denoiser is never called."),
        ("order", _smooth(free), "You denoise once, at the end. Denoise after each gradient step."),
        ("order", run(lambda u: _smooth(u) - tau * gradient(_smooth(u))), f"You denoise before the gradient step. {after}"),
        ("order", run(lambda u: _smooth(u) - tau * gradient(u)), f"You denoise u alone. {after}"),
        ("order", run(lambda u: u - _smooth(tau * gradient(u))), f"You denoise the gradient. {after}"),
        ("order", run(lambda u: u - tau * _smooth(gradient(u))), f"You denoise the gradient. {after}"),
        ("order", run(lambda u: right(_smooth(u))), "You denoise before the gradient step and after it: once, after it."),
        ("value", run(_smooth), "The data are never used: the gradient step is missing."),
        ("sign", run(lambda u: right(u, -tau)), "You go up: the step is u − τ Aᵀ(Au − v)."),
        ("step-size", run(lambda u: right(u, 1.0)), "The step τ is not used."),
        ("step-size", run(lambda u: right(u, 2 * tau)), "The step is twice τ: the gradient of ½‖Au − v‖² is Aᵀ(Au − v), without a factor 2."),
        ("step-size", run(lambda u: right(u, tau / A.norm() ** 2)), "You divide τ by ‖A‖²: τ is the step."),
        ("step-size", run(lambda u: right(u, tau / A.norm())), "You divide τ by ‖A‖: τ is the step."),
        ("value", run(lambda u: _smooth(u - tau * gradient(u0))), "The gradient is always taken at the start. Take it at the last iterate."),
        ("value", run(lambda u: _smooth(u0 - tau * gradient(u))), "Each step starts from the first u again. Start from the last iterate."),
        ("start", run(right, start=A.adjoint(v)), "You begin at Aᵀv. Begin at the u that is passed."),
        ("start", run(right, start=A.pinv(v)), "You begin at A⁺v. Begin at the u that is passed."),
        ("start", run(right, start=torch.zeros_like(u0)), "You begin at 0. Begin at the u that is passed."),
        ("start", run(right, start=_smooth(u0)), "You denoise the start. Begin at the u that is passed."),
        ("value", run(right, 1), "There is one iteration in all: does return stand inside the loop?"),
        ("not-converged", run(right, max(n - 1, 0)), "One iteration is missing: there are n."),
        ("not-converged", run(right, n + 1), "There is one iteration too many: there are n."),
        ("adjoint", run(lambda u: _smooth(u - tau * A.pinv(A(u) - v))), "You take A⁺ in the place of Aᵀ."),
        ("value", run(lambda u: _smooth(u - tau * A.adjoint(A(u)))), "v is missing: the residual is Au − v."),
        ("value", run(lambda u: (u + right(u)) / 2), "You take the mean of u and the denoised image: the next iterate is the denoised image itself."),
        ("value", run(lambda u: _smooth(-tau * gradient(u))), "The iterate itself is forgotten: u − τ Aᵀ(Au − v)."),
    ]  # fmt: skip
