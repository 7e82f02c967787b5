"""Checks of lesson 05: the iterates, the descent lemma, the optimal step, rates, power iteration, a gradient by hand."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils import optim, restoration
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
    recognise_parts,
)
from course_utils.checks.engine.compare import Part
from course_utils.derivatives import laplacian
from course_utils.operators import blur, blur_adjoint

Known = tuple[str, Tensor | float, str]


def _hessian(seed: int, shape: tuple[int, ...]) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """Return x -> Hx for a random symmetric positive H on tensors of this shape, and its eigenvalues."""
    d = int(torch.tensor(shape).prod())
    Q, _ = torch.linalg.qr(random_image((d, d), seed))
    eigenvalues = torch.linspace(0.3, 3.1, d, dtype=torch.float64)
    matrix = Q @ torch.diag(eigenvalues) @ Q.T
    return lambda x: (matrix @ x.reshape(d)).reshape(shape), eigenvalues


# --- the iterates ----------------------------------------------------------------------------------------------------


@exercise(
    optim.descent_path,
    hints=(
        "Each iterate is the last one minus τ times the gradient at the last one. Keep them all, the start too.",
        "x_{k+1} = x_k − τ ∇f(x_k), k = 0 … n−1: n steps, n + 1 iterates.",
        "path = [x0]",
    ),
)
def descent_path(student: Student) -> str:
    """Examine the iterates on a quadratic and on a function that is not one."""
    for seed, (shape, tau, n) in enumerate(
        (((2,), 0.3, 4), ((3, 2), 0.11, 3), ((), 0.25, 5), ((2,), 0.5, 1), ((3,), 0.4, 0), ((2,), 0.01, 1500))
    ):
        apply, _ = _hessian(seed, shape or (1,))
        target = random_image(shape, 50 + seed)

        def gradient(x: Tensor, apply: Callable[[Tensor], Tensor] = apply, target: Tensor = target) -> Tensor:
            return apply((x - target).reshape(target.shape or (1,))).reshape(x.shape) + 0.1 * (x - target) ** 3

        x0 = random_image(shape, 10 + seed)
        expected = optim.descent_path(gradient, x0, tau, n)
        answer = student(gradient, x0, tau, n)
        if isinstance(answer, Tensor) and answer.shape != expected.shape:
            _recognise_path_shape(answer, expected, n)
        answer = student.as_tensor(answer, expected.shape)
        if not is_close(answer, expected):
            recognise(answer, *_wrong_paths(gradient, x0, tau, n))
            expect_close(answer[0], x0, "start", "The first entry must be the start x0.")
            expect_close(answer, expected, "value", "An iterate is not the one before minus τ times its gradient.")
    return "x_{k+1} = x_k − τ ∇f(x_k), n + 1 iterates with the start, on tensors of every shape, for n = 0 too"


def _recognise_path_shape(answer: Tensor, expected: Tensor, n: int) -> None:
    """Raise the mistake of a path that has not its n + 1 iterates along the first dimension."""
    if answer.shape == expected.shape[1:]:
        raise Mistake(
            "shape", "You return the last iterate only. Return all of them, from x_0 to x_n: torch.stack(path)."
        )
    count = {"yours": len(answer) if answer.ndim else 0, "expected": n + 1}
    if is_close(answer, expected[1:]):
        raise Mistake("shape", "The start x_0 is missing: begin the list with x0.", count)
    if is_close(answer, expected[:-1]):
        raise Mistake("shape", "The last iterate x_n is missing: n steps give n + 1 iterates.", count)
    if answer.ndim == expected.ndim and answer.shape[1:] == expected.shape[1:]:
        raise Mistake(
            "shape", "The number of iterates is wrong: n steps give n + 1 iterates, the start included.", count
        )
    if expected.ndim > 1 and answer.shape == expected.flatten(0, 1).shape:
        raise Mistake("shape", "The iterates are joined one behind the other: torch.stack, not torch.cat, gives each its own place.")
    if answer.shape == expected.movedim(0, -1).shape:
        raise Mistake("axis", "The iterates lie along the last dimension. They belong along the first: path[k] is x_k.")


def _wrong_paths(gradient: Callable[[Tensor], Tensor], x0: Tensor, tau: float, n: int) -> list[Known]:
    path, g0 = optim.descent_path(gradient, x0, tau, n), gradient(x0)

    def steps(step: Callable[[int, Tensor], Tensor]) -> Tensor:
        iterates = [x0]
        for k in range(n):
            iterates.append(step(k, iterates[-1]))
        return torch.stack(iterates)

    return [
        ("sign", steps(lambda k, x: x + tau * gradient(x)), "You go up: the step is x − τ ∇f(x)."),
        ("value", torch.stack([x0 - k * tau * g0 for k in range(n + 1)]), "The gradient is always taken at x_0. Take it at the last iterate."),
        ("value", path[-1].expand_as(path), "All the entries are the last iterate: the list holds one tensor that you change in place. Write x = x − …, which makes a new one."),
        ("value", torch.cat([path[:1], path[-1:].expand_as(path)[1:]]), "All the entries but the first are the last iterate: the list holds one tensor that you change in place. Write x = x − …, which makes a new one."),
        ("order", torch.cat([path[:1], path[:-1]]), "The start is there twice, and x_n is missing: make the step first, then append."),
        ("normalisation", steps(lambda k, x: x - tau * gradient(x) / torch.linalg.vector_norm(gradient(x))), "You divide by the norm of the gradient. The step is τ ∇f(x): it shortens by itself near the minimum."),
        ("step-size", steps(lambda k, x: x - gradient(x)), "The step τ is not used."),
        ("step-size", steps(lambda k, x: x - tau / (k + 1) * gradient(x)), "Your step decreases with k. It is fixed here."),
        ("step-size", steps(lambda k, x: x - tau / 2 * gradient(x)), "Your step is τ/2."),
        ("value", steps(lambda k, x: -tau * gradient(x)), "The iterate itself is forgotten: x − τ ∇f(x), not −τ ∇f(x)."),
    ]  # fmt: skip


# --- the descent lemma -----------------------------------------------------------------------------------------------


@exercise(
    optim.descent_bound,
    hints=(
        "Put y = x − τ ∇f(x) into f(y) ≤ f(x) + ⟨∇f(x), y − x⟩ + (L/2) ‖y − x‖².",
        "f(x) − τ ‖∇f(x)‖² + (L/2) τ² ‖∇f(x)‖² = f(x) − τ (1 − τL/2) ‖∇f(x)‖².",
        "return f_x - tau * (1 - tau * L / 2) * ...",
    ),
)
def descent_bound(student: Student) -> str:
    """Examine the bound at steps below, at and beyond 2/L, all together: one case alone can fit two mistakes."""
    cases = ((1.7, 0.6, 0.3, 2.5), (-0.4, 2.3, 0.05, 7.0), (0.9, 1.4, 0.8, 3.1), (2.0, 3.0, 0.25, 8.0))
    f_x, norm, tau, L = torch.tensor(cases, dtype=torch.float64).T
    answer = torch.tensor([student.number(*case) for case in cases], dtype=torch.float64)
    g, gain = norm**2, tau * (1 - tau * L / 2) * norm**2
    recognise(
        answer,
        ("sign", f_x + gain, "The sign is wrong: the step goes down, ⟨∇f(x), y − x⟩ = −τ ‖∇f(x)‖²."),
        ("square-root", f_x - tau * (1 - tau * L / 2) * norm, "The norm of the gradient is squared: ‖∇f(x)‖²."),
        ("step-size", f_x - g / (2 * L), "This is the bound at the step 1/L. Yours must hold for the step τ that is given."),
        ("step-size", f_x - (1 - tau * L / 2) * g, "A factor τ is missing: ⟨∇f(x), y − x⟩ = −τ ‖∇f(x)‖²."),
        ("value", gain, "This is what is gained. The bound on the value is f(x) minus it."),
        ("clipping", torch.minimum(f_x, f_x - gain), "Beyond τ = 2/L the bound lies above f(x): do not cut it off there."),
        ("clipping", torch.maximum(f_x, f_x - gain), "Below τ = 2/L the bound lies under f(x): do not cut it off there."),
    )  # fmt: skip
    recognise_parts(answer, lambda first, linear, square: first - linear + square, {
        "first": (f_x, [("value", 0 * f_x, "f(x) is missing: this is the change alone.")]),
        "linear": (tau * g, [
            ("sign", -tau * g, "The sign of the linear term is wrong: ⟨∇f(x), y − x⟩ = −τ ‖∇f(x)‖²."),
            ("square-root", tau * norm, "The norm in the linear term is squared: ⟨∇f(x), y − x⟩ = −τ ‖∇f(x)‖²."),
            ("step-size", g, "τ is missing in the linear term: ⟨∇f(x), y − x⟩ = −τ ‖∇f(x)‖²."),
            ("step-size", norm, "The linear term is −τ ‖∇f(x)‖²."),
            ("square-root", tau**2 * g, "τ is not squared in the linear term: ⟨∇f(x), y − x⟩ = −τ ‖∇f(x)‖²."),
            ("weight", tau * g / 2, "There is no ½ in the linear term: ⟨∇f(x), y − x⟩ = −τ ‖∇f(x)‖²."),
            ("value", 0 * g, "The linear term is missing: ⟨∇f(x), y − x⟩ = −τ ‖∇f(x)‖²."),
        ]),
        "square": (L / 2 * tau**2 * g, [
            ("weight", L * tau**2 * g, "The ½ of the parabola is missing: (L/2) ‖y − x‖²."),
            ("sign", -L / 2 * tau**2 * g, "The parabola adds: + (L/2) τ² ‖∇f(x)‖². Your bound promises more than the slope alone."),
            ("square-root", L / 2 * tau * g, "‖y − x‖² = τ² ‖∇f(x)‖²: the step is squared too."),
            ("square-root", L / 2 * tau**2 * norm, "‖y − x‖² = τ² ‖∇f(x)‖²: the norm is squared too."),
            ("square-root", L / 2 * tau * norm, "‖y − x‖ is squared: ‖y − x‖² = τ² ‖∇f(x)‖²."),
            ("step-size", L / 2 * g, "τ² is missing: ‖y − x‖² = τ² ‖∇f(x)‖²."),
            ("step-size", L / 2 * tau**2, "‖∇f(x)‖² is missing: ‖y − x‖² = τ² ‖∇f(x)‖²."),
            ("order", 2 / L * tau**2 * g, "It is L/2 that multiplies the square, not 2/L."),
            ("order", 1 / (2 * L) * tau**2 * g, "It is L/2 that multiplies the square, not 1/(2L)."),
            ("weight", tau**2 * g / 2, "L is missing: (L/2) ‖y − x‖²."),
            ("square-root", L**2 / 2 * tau**2 * g, "L is not squared: (L/2) ‖y − x‖²."),
            ("value", 0 * g, "This is the tangent. The parabola's term (L/2) ‖y − x‖² is missing."),
        ]),
    })  # fmt: skip
    expect_close(answer, f_x - gain, "value", "This is not f(x) − τ ‖∇f(x)‖² + (L/2) τ² ‖∇f(x)‖².")
    return "the bound is f(x) + ⟨∇f(x), y − x⟩ + (L/2) ‖y − x‖² at y = x − τ ∇f(x), below and beyond 2/L"


# --- the optimal step ------------------------------------------------------------------------------------------------


@exercise(
    optim.quadratic_step,
    hints=(
        "f(x − t g) is a parabola in t: its derivative vanishes once.",
        "−‖g‖² + t ⟨g, Hg⟩ = 0, so t = ‖g‖² / ⟨g, Hg⟩.",
        "return (gradient * gradient).sum() / ...",
    ),
)
def quadratic_step(student: Student) -> str:
    """Examine the step by the minimum along the line, for vectors, images and stacks of images, all together."""
    answers, products = [], []
    for seed, shape in enumerate(((2,), (5,), (4, 3), (2, 3, 2))):
        apply, _ = _hessian(seed, shape)
        g = (1 + seed) * random_image(shape, 20 + seed)
        h = apply(g)
        answers.append(student.number(g, apply))
        products.append((inner(g, g), inner(g, h), inner(h, h)))
    answer = torch.tensor(answers, dtype=torch.float64)
    gg, gh, hh = torch.tensor(products, dtype=torch.float64).T
    recognise(
        answer,
        ("constant", answer[:1].expand(4), "Your step does not depend on the gradient and the Hessian."),
        ("order", gh / gg, "The quotient is upside down: ‖g‖² / ⟨g, Hg⟩."),
        ("square-root", gg**0.5 / gh, "The norm is squared: ‖g‖²."),
        ("square-root", (gg / hh) ** 0.5, "‖g‖ / ‖Hg‖ is not the minimum along the line: minimize −t ‖g‖² + (t²/2) ⟨g, Hg⟩."),
        ("value", gg / hh, "The denominator is ⟨g, Hg⟩, not ‖Hg‖²."),
        ("value", gh / hh, "This step makes the norm of the next gradient smallest. The lecture's makes f smallest: ‖g‖² / ⟨g, Hg⟩."),
        ("weight", 2 * gg / gh, "Twice the right step leads back to the same height: differentiate −t ‖g‖² + (t²/2) ⟨g, Hg⟩ once more."),
        ("weight", gg / gh / 2, "Half the right step: the ½ of (t²/2) ⟨g, Hg⟩ cancels when you differentiate."),
        ("sign", -gg / gh, "The sign is wrong: the descent subtracts, x − t g with t > 0."),
    )  # fmt: skip
    expect_close(answer, gg / gh, "value", "f(x − t g) is not smallest at your step: −‖g‖² + t ⟨g, Hg⟩ is not 0 there.")
    return "t ↦ f(x − t g) is smallest at the step, for vectors, images and stacks of images"


# --- rates -----------------------------------------------------------------------------------------------------------


@exercise(
    optim.rate,
    hints=(
        "Along an eigenvector of eigenvalue ℓ the error is multiplied by 1 − τℓ. The slowest direction decides.",
        "max over ℓ in [α, L] of |1 − τℓ| = max(|1 − τα|, |1 − τL|).",
        "return max(abs(1 - tau * alpha), ...)",
    ),
)
def rate(student: Student) -> str:
    """Examine the factor on both sides of the best step and where the descent diverges, all cases together."""
    cases = [(tau, *ends) for tau in (0.1, 0.31, 0.45, 0.9) for ends in ((0.5, 3.0), (1.3, 4.7))]
    tau, alpha, L = torch.tensor(cases, dtype=torch.float64).T
    answer = torch.tensor([student.number(*case) for case in cases], dtype=torch.float64)
    low, high = 1 - tau * alpha, 1 - tau * L
    expected = torch.maximum(low.abs(), high.abs())
    recognise(
        answer,
        ("square-root", low.clamp(min=0) ** 0.5, "This is the theorem's bound, √(1 − τα). For a quadratic the factor is known exactly: the largest |1 − τℓ|."),
        ("square-root", expected**2, "This is the factor of the squared distance. Return that of the distance."),
        ("square-root", expected**0.5, "The root is too much: the distance itself is multiplied by |1 − τℓ|."),
        ("clipping", expected.clamp(max=1), "Where the descent diverges the factor is above 1: do not cut it off."),
        ("sign", torch.maximum(low, high), "1 − τL is negative for τ > 1/L: it is its modulus that counts."),
        ("value", low.abs(), "Only the smallest eigenvalue α counts here. For a long step it is L that decides: the modulus of each, then the maximum."),
        ("sign", 1 + tau * L, "The sign is wrong: the step multiplies the coefficient by 1 − τℓ, not by 1 + τℓ."),
        ("value", torch.maximum((tau - alpha).abs(), (tau - L).abs()), "It is 1 − τℓ, a product, not τ − ℓ."),
        ("value", torch.maximum((1 - alpha).abs(), (1 - L).abs()), "The step τ is not used: 1 − τℓ."),
        ("value", (1 - tau * (alpha + L) / 2).abs(), "This is the factor in the middle of [α, L]: a convex function is largest at one of the ends."),
        ("value", (low.abs() + high.abs()) / 2, "This is the mean of the two ends. The slowest direction decides: the larger one."),
        ("value", torch.maximum((1 - tau / alpha).abs(), (1 - tau / L).abs()), "It is 1 − τℓ: multiply by ℓ, do not divide."),
        ("value", high.abs(), "Only the largest eigenvalue L is looked at. For a short step it is α that decides."),
        ("order", torch.minimum(low.abs(), high.abs()), "This is the fastest direction. The slowest one decides: max, not min."),
        ("step-size", (L - alpha) / (L + alpha), "This is the factor of the best step 2/(α + L). Yours must hold for the step τ that is given."),
        ("step-size", 1 - alpha / L, "This is the factor of the step 1/L. Yours must hold for the step τ that is given."),
        ("value", (low * high).abs(), "The factors of two directions are not multiplied: each coefficient has its own. Take the largest."),
    )  # fmt: skip
    expect_close(
        answer, expected, "value", "This is not the largest |1 − τℓ| over α ≤ ℓ ≤ L, for short and for long steps."
    )
    return "the factor is the largest |1 − τℓ| over the eigenvalues, for short, good and too long steps"


# --- the power iteration ---------------------------------------------------------------------------------------------


@exercise(
    optim.lipschitz_constant,
    hints=(
        "Apply B again and again: the part along the largest eigenvalue grows fastest. Normalise each time, or it overflows.",
        "x ← Bx / ‖Bx‖, n times; then λ_max ≈ ⟨x, Bx⟩ since ‖x‖ = 1.",
        "x = torch.randn(shape, generator=generator, dtype=torch.float64); x = x / x.norm()",
    ),
)
def lipschitz_constant(student: Student) -> str:
    """Examine the estimate against known eigenvalues, and the number of calls."""
    for seed, (shape, n) in enumerate((((4,), 120), ((3, 4), 150), ((2, 5), 100))):
        apply, _ = _hessian(seed, shape)
        calls = [0]

        def counted(x: Tensor, apply: Callable[[Tensor], Tensor] = apply, calls: list[int] = calls, shape: tuple[int, ...] = shape) -> Tensor:
            calls[0] += 1
            if tuple(x.shape) != shape:
                text = f"B is applied to a tensor of shape {tuple(x.shape)}: draw x with the argument shape, here {shape}."
                raise Mistake("shape", text)
            return apply(x)

        largest = 3.1 * (1 + seed)
        answer = student.number(
            lambda x, c=counted, s=1 + seed: s * c(x), shape, n, torch.Generator().manual_seed(seed)
        )
        recognise(
            answer,
            ("square-root", largest**0.5, "This is ‖A‖ when B = AᵀA. Asked for is the largest eigenvalue of B itself: no root."),
            ("order", 1 / largest, "This is 1/L, the step. Return the eigenvalue itself."),
            ("square-root", largest**2, "This is the square of the eigenvalue: ⟨x, Bx⟩ with ‖x‖ = 1."),
            ("normalisation", largest**3, "You take ⟨y, By⟩ at y = Bx, which is not of norm 1: take it at x."),
            ("normalisation", 1.0, "You return the norm of x after its normalisation, which is 1. Return ⟨x, Bx⟩."),
            rtol=1e-3,
        )  # fmt: skip
        counts = {"calls of B": calls[0], "n": n}
        if calls[0] < n:
            raise Mistake("not-converged", "B is applied too seldom: n iterations are asked for.", counts)
        if answer > 50 * largest:
            raise Mistake("normalisation", "The estimate explodes: divide by the norm at each iteration.", {"yours": answer, "expected": largest})
        text = "This is not the largest eigenvalue of B: return ⟨x, Bx⟩ for the last x, of norm 1."
        expect_close(answer, largest, "value", text, rtol=1e-3)
        if calls[0] > 2 * n + 2:
            raise Mistake("too-slow", "B is applied more than twice an iteration: keep Bx under a name.", counts)
    _examine_start(student)
    return "the largest eigenvalue of three operators to a thousandth, from a start drawn from the generator"


def _examine_start(student: Student) -> None:
    """Require a start that depends on the generator and sees an eigenvector that a constant start does not."""

    def apply(x: Tensor) -> Tensor:  # 5 on images of mean zero, 1 on constants
        return 5 * x - 4 * x.mean()

    def blocks(x: Tensor) -> Tensor:  # far from converged after one iteration: the estimate depends on the start
        return torch.linspace(0.1, 1, 12, dtype=torch.float64).reshape(3, 4) * x

    answer = student.number(apply, (4, 5), 30, torch.Generator().manual_seed(3))
    recognise(
        answer,
        ("start", 1.0, "From a constant image the iteration never leaves the constants. Start from white noise."),
    )
    first, again, other = (student.number(blocks, (3, 4), 1, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    expect(
        first == again,
        "randomness",
        "Two runs with the same seed differ: draw the start from the generator that is given.",
    )
    expect(not (first == other and is_close(first, 1.0)), "value", "You take the largest of the quotients (Bx)ᵢ / xᵢ, which may be anything before the end: return ⟨x, Bx⟩.")
    expect(first != other, "randomness", "Two seeds give the same start: draw it from the generator that is given.")


# --- a gradient by hand ----------------------------------------------------------------------------------------------


@exercise(
    restoration.objective_gradient,
    hints=(
        "The gradient of ½‖Au − v‖² is Aᵀ(Au − v), that of ½‖∇u‖² is ∇ᵀ∇u = −Δu.",
        "∇F(u) = Aᵀ(Au − v) − λ Δu.",
        "residual = blur(u, kernel) - v",
    ),
)
def objective_gradient(student: Student) -> str:
    """Examine the gradient by automatic differentiation of the objective."""
    for seed, (shape, size) in enumerate(zip(SHAPES, ((4, 3), (3, 6), (5, 4)), strict=True)):
        u, v, lam = random_image(shape, seed), random_image(shape, 30 + seed), (0.7, 0.05, 2.0)[seed]
        kernel = random_image(size, 60 + seed).abs()
        kernel = kernel / kernel.sum()
        expected = restoration.objective_gradient(u, v, kernel, lam)
        answer = student.tensor(u, v, kernel, lam, shape=shape)
        if not is_close(answer, expected):
            parts = _gradient_parts(u, v, kernel, lam)
            (data, _), (prior, _) = parts.values()
            recognise(
                answer,
                ("sign", -(data + prior), "The sign is wrong: this is −∇F, the direction of descent. Return the gradient."),
                ("weight", 2 * (data + prior), "Twice too large: the ½ in front of the squares cancels the 2 of their derivative."),
            )
            recognise_parts(answer, lambda data, prior: data + prior, parts)
            text = "This is not the gradient of ½‖k ∗ u − v‖² + (λ/2)‖∇u‖²: compare with automatic differentiation."
            expect_close(answer, expected, "value", text)
    return "Aᵀ(Au − v) − λΔu, the gradient that automatic differentiation gives, for asymmetric kernels"


def _gradient_parts(u: Tensor, v: Tensor, kernel: Tensor, lam: float) -> dict[str, Part]:
    """Return the gradients of the data term and of the regularization, right and wrong."""
    Au, Atv = blur(u, kernel), blur_adjoint(v, kernel)
    residual, AtAu = Au - v, blur_adjoint(Au, kernel)
    data, prior = AtAu - Atv, -lam * laplacian(u)
    return {
        "data": (data, [
            ("sign", -data, "The sign of the data term is wrong: the residual is k ∗ u − v."),
            ("adjoint", residual, "Aᵀ is missing in front of the residual."),
            ("adjoint", blur(residual, kernel), "You blur the residual. It is Aᵀ that belongs there, blur_adjoint: the same only for symmetric kernels."),
            ("adjoint", Au - Atv, "Aᵀ is applied to v only. It applies to the whole residual, Au − v."),
            ("order", AtAu - v, "Parentheses: Aᵀ applies to the whole residual Au − v, not to Au alone."),
            ("value", blur_adjoint(u - v, kernel), "The residual is Au − v: u is not blurred."),
            ("value", u - v, "The data term is that of denoising: here it is Aᵀ(Au − v)."),
            ("value", AtAu, "The observation v is not used: the residual is Au − v."),
            ("weight", 2 * data, "The data term is counted twice: the ½ cancels the 2 of the square."),
            ("weight", data / 2, "The ½ of the data term cancels the 2 of the derivative of the square."),
            ("weight", 0 * data, "The data term is missing: Aᵀ(Au − v)."),
        ]),
        "prior": (prior, [
            ("sign", -prior, "The sign of the regularization is wrong: ∇ᵀ∇u = −Δu."),
            ("weight", 0 * prior, "The regularization is missing: + λ ∇ᵀ∇u."),
            ("weight", prior / lam, "The weight λ is not used."),
            ("weight", prior * lam, "λ is squared in your regularization."),
            ("weight", 2 * prior, "The regularization is counted twice: the ½ cancels the 2 of the square."),
            ("weight", prior / 2, "The ½ of λ/2 cancels the 2 of the derivative of the square: the term is −λ Δu."),
            ("value", lam * u, "This is the gradient for the ridge (λ/2)‖u‖². The regularization here is (λ/2)‖∇u‖²: λ ∇ᵀ∇u."),
            ("value", -lam * laplacian(u - v), "The regularization is that of u, not of u − v."),
            ("value", -lam * laplacian(residual), "The regularization is that of u, not of the residual."),
            ("value", lam * laplacian(laplacian(u)), "The Laplacian is applied twice: ∇ᵀ∇u = −Δu."),
        ]),
    }  # fmt: skip
