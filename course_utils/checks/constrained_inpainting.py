"""Checks of lesson 08: three projections, projected descent, harmonic and total variation inpainting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from course_utils import optim, restoration
from course_utils.checks.engine import (
    SHAPES,
    Mistake,
    Student,
    exercise,
    expect_close,
    is_close,
    random_image,
    recognise,
    relative_error,
)
from course_utils.derivatives import laplacian
from course_utils.operators import LinearOperator, Matrix, ZoomOut
from course_utils.priors import smoothed_tv, smoothed_tv_gradient
from course_utils.restoration import project_known as on_known

RTOL = 1e-3  # an iterative answer is right when it is this near to the minimizer
Known = tuple[str, Tensor | float, str]


def _mask(shape: tuple[int, ...], seed: int = 0, share: float = 0.5) -> Tensor:
    return random_image(shape[-2:], 70 + seed) < share


# --- the projections --------------------------------------------------------------------------------------------------


@exercise(
    restoration.project_known,
    hints=(
        "The distance is a sum over the pixels: minimize each term by itself.",
        "v on ω, u elsewhere.",
        "return torch.where(mask, ...)",
    ),
)
def project_known(student: Student) -> str:
    """Examine the projection by its definition, for gray and colour images, u and v beyond [0, 1]."""
    for seed, shape in enumerate((*SHAPES, (3, 4, 5))):
        u, v, mask = 2 * random_image(shape, seed) - 0.5, 2 * random_image(shape, 10 + seed) - 0.3, _mask(shape, seed)
        answer = student.tensor(u, v, mask, shape=shape)
        recognise(
            answer,
            ("order", torch.where(mask, u, v), "u and v are exchanged: mask is true where v is known."),
            ("value", v, "You return v, hidden pixels included. There, keep u."),
            ("value", torch.where(mask, v, 0), "The hidden pixels are 0. The nearest image keeps those of u."),
            ("value", v + torch.where(mask, 0, u), "v counts off ω too: it must be v on ω only."),
            ("value", u + torch.where(mask, v, 0), "On ω you add v to u. Put v in the place of u."),
            ("value", torch.where(mask, (u + v) / 2, u), "On ω you take the mean of u and v. There w = v exactly: you have no choice."),
            ("value", torch.where(mask, v - u, u), "On ω this is the correction v − u. Add it to u."),
            ("value", torch.where(mask, v - u, 0), "This is the correction v − u on ω. Add it to u."),
            ("value", torch.where(mask, v, v[..., mask].mean(-1)[..., None, None]), "The hidden pixels are a mean of v. The nearest image keeps those of u."),
            ("clipping", torch.where(mask, v, u).clamp(0, 1), "You clip to [0, 1]. That is another set, exercise 6."),
        )  # fmt: skip
        expect_close(answer, on_known(u, v, mask), "value", "This is not v on ω and u elsewhere.")
    return "w = v on ω and w = u elsewhere, for gray and colour images"


@cache
def _data(seed: int) -> tuple[LinearOperator, tuple[int, ...]]:
    kernel = random_image((3, 4), 31)
    shape = ((6, 8), (8, 4))[seed % 2]
    if seed < 2:
        return ZoomOut(1.4 * kernel / kernel.sum(), shape, 2), shape
    return Matrix(random_image((3, 5), 33) - 0.4), (5,)


@exercise(
    restoration.project_consistent,
    hints=(
        "Add to u the shortest correction w with A(u + w) = v.",
        "w = A⁺(v − Au).",
        "residual = v - A(u)",
    ),
)
def project_consistent(student: Student) -> str:
    """Examine the projection on {Aw = v}: consistent, and nearest."""
    for seed in range(3):
        A, shape = _data(seed)
        pinv: Callable[[Tensor], Tensor] = A.pinv  # type: ignore[attr-defined]
        u, v = random_image(shape, seed), A(random_image(shape, 20 + seed))
        answer = student.tensor(u, v, A, shape=shape)
        rest = v - A(u)
        recognise(
            answer,
            ("adjoint", u + A.adjoint(rest), "A⁺ is not Aᵀ: this is a step of gradient descent, and Aw is not v after it."),
            ("adjoint", u + A.adjoint(rest) / A.norm() ** 2, "This is a gradient step with 1/‖A‖². The projection needs A⁺."),
            ("sign", u - pinv(rest), "The sign is wrong: A(u + w) = v needs Aw = v − Au."),
            ("value", pinv(v), "This is A⁺v: what A does not see of u is lost. It is consistent, and not the nearest to u."),
            ("value", u + pinv(v), "You correct by A⁺v: what is missing is v − Au."),
            ("value", pinv(rest), "This is the correction alone. Add it to u."),
            ("value", u - pinv(A(u)), "v is missing: this projects on {Aw = 0}."),
            ("adjoint", A.adjoint(v), "This is Aᵀv. The projection is u + A⁺(v − Au)."),
            ("weight", u + pinv(rest) / 2, "This is half of the correction."),
            ("adjoint", u + pinv(v) - A.adjoint(A(u)), "It is A⁺Au that A⁺v replaces, not AᵀAu: u + A⁺(v − Au)."),
            ("clipping", (u + pinv(rest)).clamp(0, 1), "You clip to [0, 1] afterwards: then Aw is no longer v."),
        )  # fmt: skip
        _explain_inconsistency(answer, u, v, A)
        expect_close(A(answer), v, "value", "Aw is not v.")
        expect_close(answer, u + pinv(rest), "value", "Aw = v holds, but another image with Aw = v is nearer to u.")
    return "Aw = v, and w − u is the shortest correction, for a zoom-out and for a matrix"


def _explain_inconsistency(w: Tensor, u: Tensor, v: Tensor, A: LinearOperator) -> None:
    """Raise the mistake of a step along Aᵀ(v − Au), or of several, in place of the projection."""
    rest, change = v - A(u), w - u
    direction = A.adjoint(rest)
    factor = ((change * direction).sum() / (direction * direction).sum()).item()
    numbers = {"‖Aw − v‖ / ‖Au − v‖": relative_error(A(w), v) * v.norm().item() / rest.norm().item()}
    if abs(factor) > 1e-9 and is_close(change, factor * direction):
        raise Mistake("adjoint", "This is a step along Aᵀ(v − Au), a gradient step, after which Aw is not v. The projection takes A⁺.", numbers)
    if 1e-6 < numbers["‖Aw − v‖ / ‖Au − v‖"] < 0.999:
        raise Mistake("not-converged", "Aw comes nearer to v, and is not v: a descent needs many steps. A⁺ gets there in one: u + A⁺(v − Au).", numbers)


@exercise(
    restoration.project_box,
    hints=(
        "Each pixel by itself: the number of [0, 1] nearest to it.",
        "0 below 0, 1 above 1, unchanged between.",
        "return u.clamp(...)",
    ),
)
def project_box(student: Student) -> str:
    """Examine the clipping below 0 and above 1."""
    for seed, shape in enumerate((*SHAPES, (3, 4, 5))):
        u = 4 * random_image(shape, seed) - 1.5
        answer = student.tensor(u, shape=shape)
        scaled = (u - u.min()) / (u.max() - u.min())
        recognise(
            answer,
            ("normalisation", scaled, "You stretch the values to [0, 1]: that moves those that are inside already."),
            ("normalisation", u / u.max(), "You divide by the largest value: that moves those that are inside already."),
            ("value", u.sigmoid(), "A sigmoid moves every value. The nearest point leaves those in [0, 1] as they are."),
            ("clipping", u.clamp(min=0), "Values above 1 are left."),
            ("clipping", u.clamp(max=1), "Values below 0 are left."),
            ("clipping", u.clamp(-1, 1), "The box is [0, 1], not [−1, 1]."),
            ("clipping", u.clamp(0, 255), "The box is [0, 1], not [0, 255]."),
            ("value", u.abs().clamp(max=1), "A negative value goes to 0, the nearest point, not to its modulus."),
            ("value", u.clamp(0, 1).round(), "You round to 0 or 1: values inside [0, 1] stay as they are."),
            ("value", torch.where((u >= 0) & (u <= 1), u, 0.5), "All that is outside becomes ½. The nearest point is 0 below, 1 above."),
            ("value", torch.where((u >= 0) & (u <= 1), u, 1), "All that is outside becomes 1. Below 0, the nearest point is 0."),
            ("order", torch.zeros_like(u), "The result is 0 everywhere: are min and max exchanged? It is max(0, min(1, u))."),
            ("order", torch.ones_like(u), "The result is 1 everywhere: are min and max exchanged? It is max(0, min(1, u))."),
            ("value", u % 1, "This is the fractional part: 1.2 must go to 1, not to 0.2."),
            ("value", torch.where((u >= 0) & (u <= 1), u, 0), "All that is outside becomes 0. Above 1, the nearest point is 1."),
        )  # fmt: skip
        expect_close(answer, u.clamp(0, 1), "clipping", "This is not the nearest value of [0, 1].")
    return "each value goes to the nearest of [0, 1]"


# --- projected descent ------------------------------------------------------------------------------------------------


@exercise(
    restoration.projected_descent,
    hints=(
        "A gradient step, then the projection of its result.",
        "x_{k+1} = p_C(x_k − τ ∇f(x_k)), n times.",
        "x = x0; for _ in range(n): x = projection(...)",
    ),
)
def projected_descent(student: Student) -> str:
    """Examine the iterates for a quadratic, on a box, and on a half-space: starts outside, few iterations."""
    for seed, (shape, tau, n) in enumerate((((3,), 0.3, 3), ((4, 5), 0.2, 4), ((2, 3), 0.4, 1), ((3,), 0.3, 0), ((4,), 0.25, 6), ((2,), 0.01, 1500))):
        weight, target = 0.5 + random_image(shape, seed), 3 * random_image(shape, 10 + seed) - 1
        x0 = 3 * random_image(shape, 20 + seed) - 1

        def gradient(x: Tensor, weight: Tensor = weight, target: Tensor = target) -> Tensor:
            return weight * (x - target) + 0.1 * (x - target) ** 3

        def projection(x: Tensor) -> Tensor:
            x = x.clamp(-0.2, 0.9)
            return x - (x.mean() - 0.4) / 2  # not idempotent, on purpose: it tells how often it is called

        expected = restoration.projected_descent(gradient, projection, x0, tau, n)
        answer = student(gradient, projection, x0, tau, n)
        if isinstance(answer, Tensor) and answer.shape == (n + 1, *shape) != shape:
            raise Mistake("shape", "You return all the iterates. Return the last one.")
        answer = student.as_tensor(answer, shape)
        if not is_close(answer, expected):
            recognise(answer, *_wrong_descents(gradient, projection, x0, tau, n))
            expect_close(answer, expected, "value", "The last iterate is not that of x ← p_C(x − τ ∇f(x)).")
    return "x ← p_C(x − τ ∇f(x)), n times, from starts outside C, for n = 0 too"


def _wrong_descents(gradient: Callable[[Tensor], Tensor], p: Callable[[Tensor], Tensor], x0: Tensor, tau: float, n: int) -> list[Known]:
    def run(step: Callable[[Tensor], Tensor], times: int = n, start: Tensor = x0) -> Tensor:
        for _ in range(times):
            start = step(start)
        return start

    def right(x: Tensor) -> Tensor:
        return p(x - tau * gradient(x))

    free = run(lambda x: x - tau * gradient(x))
    return [
        ("value", free, "The projection is never applied."),
        ("order", p(free), "You project once, at the end. Project after each step: the gradient must be taken at points of C."),
        ("order", run(lambda x: p(x) - tau * gradient(p(x))), "You project before the step: the last iterate may be outside C."),
        ("order", run(lambda x: p(x) - tau * gradient(x)), "You project x, and not the result of the step: p_C(x − τ ∇f(x))."),
        ("order", run(lambda x: x - tau * p(gradient(x))), "You project the gradient. Project the result of the step."),
        ("start", run(right, start=p(x0)), "The start is not projected: only the result of each step."),
        ("sign", run(lambda x: p(x + tau * gradient(x))), "You go up: the step is x − τ ∇f(x)."),
        ("step-size", run(lambda x: p(x - gradient(x))), "The step τ is not used."),
        ("step-size", run(lambda x: p(x - tau * gradient(x) / gradient(x).norm())), "You divide by the norm of the gradient: the step is τ ∇f(x)."),
        ("value", run(lambda x: p(x - tau * gradient(x0))), "The gradient is always taken at x_0. Take it at the last iterate."),
        ("value", run(lambda x: p(x0 - tau * gradient(x))), "Each step starts from x_0 again. Start from the last iterate."),
        ("value", run(right, 1), "There is one iteration in all: does return stand inside the loop?"),
        ("not-converged", run(right, max(n - 1, 0)), "One iteration is missing: there are n."),
        ("not-converged", run(right, n + 1), "There is one iteration too many: there are n."),
        ("value", run(lambda x: (x + right(x)) / 2), "You take the mean of x and the projected point: the next iterate is the projected point itself."),
        ("value", run(lambda x: p(x - tau * gradient(x) - tau * gradient(x - tau * gradient(x)))), "There are two gradient steps before each projection: one, then the projection."),
        ("order", run(lambda x: p(p(x) - tau * gradient(p(x)))), "You project before the step and after it: once, after it."),
        ("value", run(lambda x: p(-tau * gradient(x))), "The iterate itself is forgotten: x − τ ∇f(x)."),
    ]  # fmt: skip


# --- inpainting -------------------------------------------------------------------------------------------------------

N = 300
FILLED = (((7, 8), 0), ((8, 6), 1), ((2, 6, 5), 2))  # shape, seed


@cache
def _minimizer(eps: float | None, seed: int) -> Tensor:
    """Return the exact minimizer: of TV_ε, or of ½‖∇u‖² for ``eps`` None."""
    shape = FILLED[seed][0]
    v, mask = random_image(shape, seed), _mask(shape, seed, 0.6)
    return restoration.harmonic_inpaint(v, mask, 500) if eps is None else restoration.tv_inpaint(v, mask, eps, 1000)


def _slope(u: Tensor, eps: float | None) -> Tensor:
    return -laplacian(u) if eps is None else smoothed_tv_gradient(u, eps)


def _examine(student: Student, eps: float | None, cases: Sequence[tuple[tuple[int, ...], int]] = FILLED) -> None:
    """Require a gradient that vanishes off ω after N iterations, and name what else was minimized."""
    extra = () if eps is None else (eps,)
    for shape, seed in cases:
        v, mask = random_image(shape, seed), _mask(shape, seed, 0.6)
        observed = torch.where(mask, v, 5 + random_image(shape, 40 + seed))  # what is hidden must not be looked at
        _examine_start(student, observed, mask, eps)
        answer, start = _fill(student, observed, mask, extra), _start(v, mask)
        slope, first = (_slope(u, eps)[..., ~mask].norm() for u in (answer, start))
        if is_close(answer[..., mask], v[..., mask], RTOL) and slope < RTOL * first:
            continue
        expected = _minimizer(eps, seed)
        if relative_error(answer, expected) <= RTOL:
            continue
        known: list[Known] = [
            ("not-converged", start, "The hidden pixels are still those of the start."),
            ("order", torch.where(mask, start.amin(), observed), "The mask is read the wrong way: it is true on the known pixels."),
            ("value", torch.where(mask, v, 0), "The hidden pixels are 0: nothing is filled."),
        ]  # fmt: skip
        if eps is None:
            known += [("value", _minimizer(e, seed), "This minimizes a total variation. Here the gradient is −Δu.") for e in (0.1, 0.25)]
        else:
            root = restoration.tv_inpaint(v, mask, eps**0.5, N)
            known += [
                ("value", _minimizer(None, seed), "This is harmonic inpainting: the gradient must be that of TV_ε."),
                ("epsilon", root, "It is ε² that stands under the root: √(ε² + ‖∇u‖²)."),
            ]
        recognise(answer, *known, rtol=RTOL)
        _name_by_behaviour(student, answer, observed, mask, extra, expected)


def _start(v: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, v, v[..., mask].mean(-1)[..., None, None])


def _examine_start(student: Student, v: Tensor, mask: Tensor, eps: float | None) -> None:
    """Examine what no iteration, one and three give: the start, the step, the constraint, the momentum."""
    extra, inside = () if eps is None else (eps,), torch.where(mask, 0.0, 1.0)
    start, second, fourth = (student.tensor(v, mask, *extra, n, shape=v.shape) for n in (0, 1, 3))
    if is_close(start, second) and is_close(start, fourth):
        recognise(
            start,
            ("value", torch.where(mask, v, 0), "The hidden pixels are 0: nothing is filled."),
            ("not-converged", _start(v, mask), "The hidden pixels are still those of the start."),
        )
        raise Mistake("not-converged", "0, 1 and 3 iterations give the same result: the number n is not used.")
    if any(is_close(u[..., ~mask], v[..., ~mask]) and not is_close(u[..., mask], v[..., mask]) for u in (start, second)):
        raise Mistake("order", "The mask is read the wrong way: it is true on the known pixels, which keep their values.")
    other = student.tensor(v + inside, mask, *extra, 0, shape=v.shape)
    if not is_close(start, other):
        recognise(
            start,
            ("start", v, "The start is v with its hidden values, which can be anything: begin there with the mean of the known pixels."),
            ("start", torch.where(mask, v, v.mean((-2, -1), keepdim=True)), "The mean is that of all pixels, hidden ones too: take that of the known ones, v[..., mask]."),
            ("start", torch.where(mask, v, v[..., ~mask].mean(-1)[..., None, None]), "The mean is that of the hidden pixels: take that of the known ones, v[..., mask]."),
        )  # fmt: skip
        raise Mistake("start", "The start depends on the hidden values of v, which can be anything: begin there with the mean of the known pixels.")
    if not start[..., mask].any():
        raise Mistake("value", "The known pixels are 0: the result is v on ω, and the filling elsewhere.")
    slope, tau = _slope(start, eps), 1.9 / 8 if eps is None else eps / 8
    step, moved = -tau * inside * slope, second - start
    recognise(
        second,
        ("value", v, "The projection gives back v, hidden pixels included: on ω only."),
        ("value", start - tau * slope, "The known pixels have moved: the constraint u = v on ω must hold after every step."),
        ("order", start - tau * (1 - inside) * slope, "You keep the hidden pixels and change the known ones: mask is true on the known pixels."),
        ("value", start - tau * inside * (start - v), "The gradient is that of ½‖u − v‖². Here it is that of the regularity, which asks nothing of v."),
        ("value", start - tau * inside * laplacian(laplacian(start)), "The Laplacian is applied twice: the gradient of ½‖∇u‖² is −Δu."),
    )  # fmt: skip
    factor = ((moved * step).sum() / (step * step).sum()).item()
    proportional = abs(factor) > 1e-9 and is_close(moved, factor * step, 1e-3)
    if proportional and factor < 0:
        raise Mistake("sign", "The first step goes uphill: the gradient of ½‖∇u‖² is −Δu, and a gradient is subtracted." if eps is None else "The first step goes uphill: accelerated_gradient subtracts the gradient by itself.")
    if eps is None and proportional and factor > 1.05:  # τ < 2/L; a shorter step converges too
        raise Mistake("step-size", "The step is too long: take τ = 1.9/8.", {"your step / this one": factor})
    if eps is not None:
        _examine_tv_step(student, (start, second, fourth), mask, eps, factor if proportional else None)


def _examine_tv_step(student: Student, iterates: tuple[Tensor, Tensor, Tensor], mask: Tensor, eps: float, factor: float | None) -> None:
    """Name a first step that is not along ∇TV_ε, and tell momentum, plain descent and too long steps by the third."""
    start, second, fourth = iterates

    def erased(u: Tensor, e: float = eps) -> Tensor:
        return torch.where(mask, 0.0, smoothed_tv_gradient(u, e))

    if factor is None:
        recognise(
            second,
            ("value", start + torch.where(mask, 0.0, eps / 8 * laplacian(start)), "This is harmonic inpainting: the gradient must be that of TV_ε."),
            ("value", start + torch.where(mask, 0.0, 1.9 / 8 * laplacian(start)), "This is harmonic inpainting: the gradient must be that of TV_ε."),
            ("epsilon", start - eps / 8 * erased(start, eps**0.5), "It is ε² that stands under the root: √(ε² + ‖∇u‖²)."),
            ("epsilon", start - eps**0.5 / 8 * erased(start, eps**0.5), "It is ε² that stands under the root: √(ε² + ‖∇u‖²)."),
            ("epsilon", start - eps / 8 * erased(start, eps**2), "ε is squared once too often: √(ε² + ‖∇u‖²)."),
            ("global", start - eps / 8 * erased(start, 1e-2), "ε is 0.01 in your gradient, as in the notebook: take the argument eps."),
        )  # fmt: skip
        expect_close(second, start - eps / 8 * erased(start), "value", "The first step is not −(ε/8) ∇TV_ε(u) off ω.")
        return
    fast, free = (optim.accelerated_gradient(g, start, eps / 8, 3)[0] for g in (erased, lambda u: smoothed_tv_gradient(u, eps)))
    if is_close(fourth, fast):
        return
    recognise(fourth, ("order", torch.where(mask, start, free), "The known pixels are put back once, at the end: erase the gradient on ω, in each step."))
    if factor < 2 and is_close(fourth, optim.descent_path(erased, start, factor * eps / 8, 3)[-1]):
        student.remark = "It is descent without momentum, about ten times slower than with optim.accelerated_gradient."
    elif factor > 1.001:  # 1/L with momentum
        raise Mistake("step-size", "The step is too long for a descent with momentum: take τ = ε/8.", {"your step / this one": factor})


def _name_by_behaviour(student: Student, answer: Tensor, v: Tensor, mask: Tensor, extra: tuple[float, ...], expected: Tensor) -> None:
    shape = answer.shape
    if not is_close(answer[..., mask], v[..., mask], RTOL):
        flat = answer.flatten(-2).std(-1).max() < 0.02
        if is_close(answer[..., ~mask], v[..., ~mask], RTOL):
            raise Mistake("order", "You keep the hidden pixels and change the known ones: mask is true on the known pixels.")
        raise Mistake("value", "The known pixels have moved" + (", and all has become flat" if flat else "") + ": the constraint u = v on ω must hold after every step.")

    def energy(u: Tensor) -> float:
        return (smoothed_tv(u, *extra) if extra else -0.5 * (u * laplacian(u)).sum()).item()

    least = energy(expected)
    now, next_one, later = energy(answer), *(energy(student.tensor(v, mask, *extra, n, shape=shape)) for n in (N + 1, 2 * N))
    numbers = {"objective": now, "least": least}
    if abs(now - least) < 1e-9:
        raise Mistake("value", "This is not the minimizer.")
    if later < next_one < now:
        raise Mistake("not-converged", "The objective still falls after the iterations asked for: is the step as long as it may be?", numbers)
    if abs(next_one - now) + abs(later - now) < 1e-6 * abs(now):
        text = "The result stays the same with more iterations, but it is not the minimum: the gradient is not that of the objective, or the projection was made at the end only."
        raise Mistake("not-converged", text, numbers)
    raise Mistake("step-size", "The iterates jump about and do not come to the minimum: the step must be at most 2/L (1/L with momentum), L = 8 or 8/ε.", numbers)


def _fill(student: Student, v: Tensor, mask: Tensor, extra: tuple[float, ...]) -> Tensor:
    """Return the filling; an explosion that stops the student's code is a step too long, or a step uphill."""
    try:
        answer = student.tensor(v, mask, *extra, N, shape=v.shape)
        if answer.abs().max() < 1e6:
            return answer
    except Mistake as mistake:
        if mistake.cause != "not-finite" and "must be finite" not in mistake.message:
            raise
    first, second = (student.tensor(v, mask, *extra, n, shape=v.shape) for n in (0, 1))
    u = torch.where(mask, v, v[..., mask].mean(-1)[..., None, None])
    if ((second - first) * laplacian(u)).sum() < 0:
        raise Mistake("sign", "The iterates explode, and already the first step goes uphill: the gradient of ½‖∇u‖² is −Δu, and it is subtracted.")
    raise Mistake("step-size", "The iterates explode: the step must be at most 2/L, L = 8 or 8/ε.")


@exercise(
    restoration.harmonic_inpaint,
    hints=(
        "Minimize ½‖∇u‖² by projected descent: its gradient is ∇ᵀ∇u = −Δu.",
        "u ← p_C(u + τ Δu), τ = 1.9/8, C = {u = v on ω}.",
        "start = torch.where(mask, v, v[..., mask].mean(dim=-1)[..., None, None])",
    ),
)
def harmonic_inpaint(student: Student) -> str:
    """Examine the converged filling: harmonic off ω, equal to v on it, whatever v is elsewhere."""
    _examine(student, None)
    return "u = v on ω and Δu = 0 elsewhere, on odd and even sizes and in colour; hidden values of v do not count"


@exercise(
    restoration.tv_inpaint,
    hints=(
        "As in exercise 3 with another gradient. Erase it on ω and no projection is needed.",
        "g(u) = 0 on ω, ∇TV_ε(u) elsewhere; step ε/8 with momentum.",
        "start = torch.where(mask, v, v[..., mask].mean(dim=-1)[..., None, None])",
    ),
)
def tv_inpaint(student: Student) -> str:
    """Examine the converged filling for two values of ε."""
    for eps, cases in ((0.4, FILLED[:1]), (0.25, FILLED[2:])):
        _examine(student, eps, cases)
    return "u = v on ω, ∇TV_ε(u) = 0 elsewhere, for two ε; hidden values of v do not count"
