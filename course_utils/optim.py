"""Gradient methods of the lecture. Each returns the last iterate and a history.

The step: give ``lipschitz``, the Lipschitz constant L of the gradient, and a step beyond the method's bound is an
error. Without ``lipschitz`` the step is the caller's own responsibility: this is how notebooks diverge on purpose.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import (
    require_callable,
    require_count,
    require_flag,
    require_generator,
    require_number,
    require_shape,
    require_tensor,
)

ROUNDING = 1e-9  # L comes from a computation: a step equal to the bound up to rounding is accepted

FIRST_STEP = 0.001  # of `minimize_image`: mean change of a value
LOSS_SCALE = 1e6  # what L-BFGS sees first: torch compares with absolute constants, y.s > 1e-10 among them

Map = Callable[[Tensor], Tensor]
Energy = Callable[[Tensor], Tensor | tuple[Tensor, Tensor]]
Callback = Callable[[int, Tensor], object]


@dataclass
class History:
    """What happened along the iterations.

    f(x_0), ..., f(x_n) when the objective was given; norm of the gradient wherever it was evaluated, and step, one each
    iteration; whether a KeyboardInterrupt or a StopIteration has ended `minimize_image`.
    """

    objective: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    step: list[float] = field(default_factory=list)
    interrupted: bool = False


def gradient_descent(
    gradient: Map,
    x0: Float[Tensor, "*shape"],
    tau: float,
    n: int,
    *,
    objective: Map | None = None,
    lipschitz: float | None = None,
    callback: Callback | None = None,
) -> tuple[Float[Tensor, "*shape"], History]:
    """Minimize f by gradient descent with a fixed step, n times: x_{k+1} = x_k - τ ∇f(x_k).

    The objective never increases for τ <= 2/L, the iterates converge for τ < 2/L when f is convex. With ``objective``
    (f) the history has its n + 1 values. With ``lipschitz`` (L) a step beyond 2/L is a ValueError.
    Slides "Descent Lemma" and "Gradient Descent".

    >>> x, history = gradient_descent(lambda x: x, torch.tensor([8.0]), tau=0.5, n=3)
    >>> x, history.gradient_norm
    (tensor([1.]), [8.0, 4.0, 2.0])
    """
    tau = _require_step(tau, lipschitz, 2)
    x, n, history = _start(gradient, x0, n, objective, callback)
    for k in range(1, n + 1):
        g = _evaluate(gradient, x)
        x = torch.add(x, g, alpha=-tau)  # x - τ g
        _record_step(g, tau, history)
        _record(k, x, history, objective, callback)
    return x, history


def projected_gradient(
    gradient: Map,
    projection: Map,
    x0: Float[Tensor, "*shape"],
    tau: float,
    n: int,
    *,
    objective: Map | None = None,
    lipschitz: float | None = None,
    callback: Callback | None = None,
) -> tuple[Float[Tensor, "*shape"], History]:
    """Minimize f over a convex closed set C: `gradient_descent`, projected on C after each step.

    x_{k+1} = p_C(x_k - τ ∇f(x_k)), where ``projection`` is p_C. Slide "Projected Gradient Descent".
    """
    require_callable(projection, "projection")
    tau = _require_step(tau, lipschitz, 2)
    x, n, history = _start(gradient, x0, n, objective, callback)
    for k in range(1, n + 1):
        g = _evaluate(gradient, x)
        x = projection(torch.add(x, g, alpha=-tau))
        _record_step(g, tau, history)
        _record(k, x, history, objective, callback)
    return x, history


def accelerated_gradient(
    gradient: Map,
    x0: Float[Tensor, "*shape"],
    tau: float,
    n: int,
    *,
    objective: Map | None = None,
    lipschitz: float | None = None,
    strong_convexity: float = 0.0,
    tol: float = 0.0,
    callback: Callback | None = None,
) -> tuple[Float[Tensor, "*shape"], History]:
    """Minimize a convex f by Nesterov's accelerated gradient: a gradient step, then a step along the last move.

    x_{k+1} = y_k - τ ∇f(y_k), y_{k+1} = x_{k+1} + β_k (x_{k+1} - x_k). When f is known to be α-strongly convex,
    ``strong_convexity`` <= 1/τ, β = (1 - √(τα)) / (1 + √(τα)). Else β_k = (t_k - 1) / t_{k+1} with t_0 = 1 and
    t_{k+1} = (1 + √(1 + 4 t_k²)) / 2, and t starts again from 1 whenever the move points uphill.

    With ``lipschitz`` (L) a step beyond 1/L is a ValueError: half of what plain gradient descent allows. It stops, and
    returns y_k, when the root mean square of ∇f(y_k) (of each image of a batch) is <= ``tol``: when f is α-strongly
    convex, ‖y_k - x*‖ <= ‖∇f(y_k)‖ / α. The history has ‖∇f(y_k)‖, and f(x_k) when ``objective`` (f) is given.

    Y. Nesterov (1983), and 2004 for the strongly convex case; the restart is that of B. O'Donoghue and E. Candès
    (2015), 10.1007/s10208-013-9150-3, a departure from the original method which spares knowing α.
    """
    tau = _require_step(tau, lipschitz, 1)
    tol = require_number(tol, "tol", minimum=0.0)
    q = math.sqrt(tau * require_number(strong_convexity, "strong_convexity", minimum=0.0))
    if q > 1:
        raise ValueError(f"strong_convexity must be at most 1/tau = {1 / tau:g}, got {strong_convexity:g}")
    x, n, history = _start(gradient, x0, n, objective, callback)
    y, t = x, 1.0
    for k in range(1, n + 1):
        g = _evaluate(gradient, y)
        _record_step(g, tau, history)
        if tol > 0 and _rms(g) <= tol:
            return y, history
        x_next = torch.add(y, g, alpha=-tau)
        beta = (1 - q) / (1 + q)
        if q == 0:
            t_before = 1.0 if torch.dot(g.flatten(), (x_next - x).flatten()) > 0 else t
            t = (1 + math.sqrt(1 + 4 * t_before**2)) / 2
            beta = (t_before - 1) / t
        y, x = torch.lerp(x, x_next, 1 + beta), x_next
        _record(k, x, history, objective, callback)
    return x, history


def optimal_step(
    gradient: Map, x0: Float[Tensor, "*shape"], n: int, *, callback: Callback | None = None
) -> tuple[Float[Tensor, "*shape"], History]:
    """Minimize a convex f by gradient descent with optimal step: τ_k in argmin_t f(x_k - t ∇f(x_k)).

    The step is the zero of t -> <∇f(x_k - t g), g>, g = ∇f(x_k), found by the secant method inside a bracket; for a
    quadratic f this is exact after one secant, τ_k = ‖g‖² / <g, H g>. It stops when the gradient vanishes, and it is a
    ValueError when f decreases for ever along a half-line. Slide "Gradient Descent".

    >>> x, history = optimal_step(lambda x: 3 * x, torch.tensor([8.0, 4.0]), n=5)
    >>> x.abs().max() < 1e-5, round(history.step[0], 4)
    (tensor(True), 0.3333)
    """
    x, n, history = _start(gradient, x0, n, None, callback)
    for k in range(1, n + 1):
        g = _evaluate(gradient, x)
        if not g.any():
            break
        tau = _exact_line_search(gradient, x, g, history.step[-1] if history.step else 1.0)
        x = x - tau * g
        _record_step(g, tau, history)
        _record(k, x, history, None, callback)
    return x, history


def minimize_image(
    energy: Energy,
    x0: Float[Tensor, "*shape"],
    n: int,
    *,
    watch: Callable[[int, Tensor, float], object] | None = None,
    progress: bool = False,
) -> tuple[Float[Tensor, "*shape"], History]:
    """Minimize E over the values of an image by L-BFGS with a strong Wolfe line search, from x_0, by autograd.

    ``energy(x)`` is E(x), or the pair (E(x), what to descend in its place). It is evaluated at most n times; an
    iteration takes one evaluation, a few when its line search needs them. Returned is the x of the least E met, and E
    and the norm of the gradient at each evaluation. ``watch(k, x, E(x))`` is called at each; a KeyboardInterrupt or a
    StopIteration, of ``watch`` or of ``energy``, ends the descent without an error (``history.interrupted``).

    The first step changes a value of the image by 0.001 on average, and E is seen divided by its first value: torch's
    L-BFGS compares with absolute constants. J. Nocedal, S. Wright (2006), 10.1007/978-0-387-40065-5.

    >>> x, history = minimize_image(lambda x: (x - 0.5).square().sum(), torch.zeros(4, 6), n=20)
    >>> bool((x - 0.5).abs().max() < 1e-4), len(history.objective) <= 20
    (True, True)
    """
    require_callable(energy, "energy")
    require_callable(watch, "watch", optional=True)
    start, n = _require_start(x0).detach(), require_count(n, "n", 0)
    descent = _ImageDescent(energy, start, n, watch, require_flag(progress, "progress"))
    if n == 0:
        return start.clone(), descent.history
    z = torch.zeros_like(start, requires_grad=True)
    lbfgs = torch.optim.LBFGS(
        [z], max_iter=n, max_eval=n, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
    )
    try:
        with torch.enable_grad(), descent.bar:
            lbfgs.step(lambda: descent.evaluate(z))
    except _Spent:
        pass
    except (KeyboardInterrupt, StopIteration):
        descent.history.interrupted = True
    return descent.best, descent.history


class _Spent(Exception):
    """All evaluations are used up."""


class _ImageDescent:
    """What `minimize_image` remembers between two evaluations."""

    def __init__(
        self,
        energy: Energy,
        start: Tensor,
        n: int,
        watch: Callable[[int, Tensor, float], object] | None,
        progress: bool,
    ) -> None:
        from tqdm.auto import tqdm

        self.energy, self.start, self.n, self.watch = energy, start, n, watch
        self.best, self.lowest, self.scale = start.clone(), math.inf, 0.0
        self.unit = FIRST_STEP * max(start.numel(), 1)  # torch's first step has l1 norm 1 in z
        self.history = History()
        off = not progress or os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
        self.bar = tqdm(total=n, desc="descent", disable=off)

    def evaluate(self, z: Tensor) -> Tensor:
        """Return what L-BFGS sees at x = x_0 + unit z, with its gradient in ``z.grad``."""
        k = len(self.history.objective)
        if k == self.n:
            raise _Spent
        x = self.start + self.unit * z
        value, descended = _energy_at(self.energy, x)
        self.scale = self.scale or LOSS_SCALE / (abs(descended.item()) or 1.0)
        z.grad = None
        (self.scale * descended).backward()
        self.history.objective.append(value)
        norm = 0.0 if z.grad is None else torch.linalg.vector_norm(z.grad).item()
        self.history.gradient_norm.append(norm / (self.scale * self.unit))
        if value < self.lowest:
            self.best, self.lowest = x.detach().clone(), value
        self.bar.set_postfix_str(f"E = {value:.2e}", refresh=False)
        self.bar.update()
        if self.watch is not None:
            self.watch(k, x.detach().clone(), value)
        return (self.scale * descended).detach()


def _energy_at(energy: Energy, x: Tensor) -> tuple[float, Tensor]:
    """Return E(x) as a number, and what to descend."""
    pair = energy(x)
    value, descended = pair if isinstance(pair, tuple) else (pair, pair)
    for loss in (value, descended):
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            got = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise TypeError(f"energy must return a tensor of one value, got {got}")
    if not descended.requires_grad:
        raise ValueError("energy must depend on x by operations that autograd follows: its result has no gradient")
    return value.item(), descended


def _require_step(tau: float, lipschitz: float | None, factor: int) -> float:
    """Return ``tau`` when it is positive and, if L is known, at most factor / L."""
    tau = require_number(tau, "tau", minimum=0.0, strict=True)
    if lipschitz is None:
        return tau
    bound = factor / require_number(lipschitz, "lipschitz", minimum=0.0, strict=True)
    if tau > bound * (1 + ROUNDING):
        raise ValueError(f"tau must be at most {factor}/L = {bound:g} or the iterations may diverge, got {tau:g}")
    return tau


def _start(
    gradient: Map, x0: Tensor, n: int, objective: Map | None, callback: Callback | None
) -> tuple[Tensor, int, History]:
    """Check what all methods take; return x_0, n and a history that begins with x_0."""
    require_callable(gradient, "gradient")
    require_callable(objective, "objective", optional=True)
    require_callable(callback, "callback", optional=True)
    x, history = _require_start(x0).clone(), History()
    n = require_count(n, "n", 0)
    _record(0, x, history, objective, callback)
    return x, n, history


def _require_start(x0: Tensor) -> Tensor:
    if require_tensor(x0, "x0").numel() == 0:
        raise ValueError(f"x0 must have at least one entry, got shape {tuple(x0.shape)}")
    return x0


def _evaluate(gradient: Map, x: Tensor) -> Tensor:
    """Return ∇f(x), of the shape of x: another one would be broadcast."""
    g = gradient(x)
    if not isinstance(g, Tensor) or g.shape != x.shape:
        got = tuple(g.shape) if isinstance(g, Tensor) else type(g).__name__
        raise ValueError(f"gradient must return a tensor of the shape of x, {tuple(x.shape)}, got {got}")
    return g


def _record(k: int, x: Tensor, history: History, objective: Map | None, callback: Callback | None) -> None:
    if objective is not None:
        history.objective.append(float(objective(x)))
    if callback is not None:
        callback(k, x)


def _record_step(g: Tensor, tau: float, history: History) -> None:
    history.gradient_norm.append(torch.linalg.vector_norm(g).item())
    history.step.append(tau)


def _rms(g: Tensor) -> float:
    """Return the root mean square of ``g``, the largest over the images of a batch."""
    g = g.reshape(1) if g.ndim == 0 else g
    dims = (-2, -1) if g.ndim > 1 else (-1,)
    return torch.linalg.vector_norm(g, dim=dims).max().item() / math.sqrt(math.prod(g.shape[d] for d in dims))


def _exact_line_search(gradient: Map, x: Tensor, g: Tensor, guess: float) -> float:
    """Return the zero of the nonincreasing slope(t) = <∇f(x - t g), g>: a bracket, then the Illinois secant method."""

    def slope(t: float) -> float:
        return (gradient(x - t * g) * g).sum().item()

    start = g.square().sum().item()
    low, slope_low, high = 0.0, start, guess
    while (slope_high := slope(high)) > 0:
        if high > 1e15 * guess:
            raise ValueError("gradient is that of a function that decreases for ever along a line: no optimal step")
        low, slope_low, high = high, slope_high, 10 * high
    side = 0  # which end of the bracket moved last
    for _ in range(60):
        tau = high - slope_high * (high - low) / (slope_high - slope_low)
        slope_tau = slope(tau)
        if abs(slope_tau) <= 1e3 * torch.finfo(x.dtype).eps * start:
            break
        if slope_tau > 0:
            low, slope_low, slope_high = tau, slope_tau, slope_high / (2 if side > 0 else 1)
        else:
            high, slope_high, slope_low = tau, slope_tau, slope_low / (2 if side < 0 else 1)
        side = 1 if slope_tau > 0 else -1
    return tau


# --- what a descent does, step by step (lesson 05) -------------------------------------------------------------------


def descent_path(gradient: Map, x0: Float[Tensor, "*shape"], tau: float, n: int) -> Float[Tensor, n_plus_1 * shape]:
    """Return all the iterates of x_{k+1} = x_k - τ ∇f(x_k), from x_0 to x_n, along a first dimension.

    Slide "Gradient Descent".
    """
    require_callable(gradient, "gradient")
    path = [require_tensor(x0, "x0")]
    tau = require_number(tau, "tau", minimum=0.0, strict=True)
    for _ in range(require_count(n, "n", 0)):
        path.append(path[-1] - tau * gradient(path[-1]))
    return torch.stack(path)


def descent_bound(f_x: Any, gradient_norm: Any, tau: Any, L: Any) -> Any:
    """Return f(x) - τ (1 - τL/2) ‖∇f(x)‖², which f(x - τ∇f(x)) does not exceed when ∇f is L-Lipschitz.

    Numbers, or tensors that broadcast. Slide "Descent Lemma".
    """
    for value, name in ((f_x, "f_x"), (gradient_norm, "gradient_norm"), (tau, "tau"), (L, "L")):
        if not isinstance(value, Tensor):
            require_number(value, name)
    return f_x - tau * (1 - tau * L / 2) * gradient_norm**2


def quadratic_step(gradient: Float[Tensor, "*shape"], hessian_times: Map) -> float:
    """Return the step ‖g‖² / ⟨g, Hg⟩ that minimizes t -> f(x - t g) for a quadratic f with ∇f(x) = g, ∇²f = H.

    A vanishing gradient, or a direction along which f is not strictly convex, is a ValueError.

    Slide "Gradient Descent".
    """
    require_callable(hessian_times, "hessian_times")
    g = require_tensor(gradient, "gradient")
    curvature = (g * hessian_times(g)).sum().item()
    if not curvature > 0:
        raise ValueError(f"gradient must be a direction along which <g, Hg> > 0, got {curvature:g}")
    return g.square().sum().item() / curvature


def rate(tau: float, alpha: float, L: float) -> float:
    """Return max(|1 - τα|, |1 - τL|): what a gradient step multiplies the distance to the minimizer by, at worst.

    Exact for a quadratic whose Hessian has its eigenvalues in [α, L]; below 1 where 0 < τ < 2/L and α > 0. The
    theorem's factor is √(1 - τα). Slide "Strong Convexity".
    """
    tau = require_number(tau, "tau", minimum=0.0, strict=True)
    if require_number(alpha, "alpha") > require_number(L, "L"):
        raise ValueError(f"alpha must be at most L, got alpha = {alpha:g} and L = {L:g}")
    return max(abs(1 - tau * alpha), abs(1 - tau * L))


def lipschitz_constant(apply: Map, shape: Sequence[int], n: int, generator: torch.Generator) -> float:
    """Return ⟨x, Bx⟩ after n power iterations x <- Bx / ‖Bx‖: the largest eigenvalue of B, from below.

    B is symmetric and nonnegative, such as the Hessian AᵀA + λ∇ᵀ∇, whose largest eigenvalue is the Lipschitz constant
    of the gradient. The start is Gaussian white noise in float64 on the device of the generator; 0 when B maps it to 0.
    Slide "Optimization for Inverse Problems".
    """
    require_callable(apply, "apply")
    n = require_count(n, "n", 0)
    require_generator(generator)
    x = torch.randn(require_shape(shape), generator=generator, dtype=torch.float64, device=generator.device)
    x = x / x.norm()
    for _ in range(n):
        y = apply(x)
        if not y.any():
            return 0.0
        x = y / y.norm()
    return (x * apply(x)).sum().item()
