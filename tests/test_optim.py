import math
from itertools import pairwise

import pytest
import torch

from course_utils import optim
from course_utils.optim import (
    accelerated_gradient,
    gradient_descent,
    minimize_image,
    optimal_step,
    projected_gradient,
)
from course_utils.priors import smoothed_tv
from course_utils.restoration import accelerated_tv_denoise
from tests.numerics import generator, raises_naming, random_image, relative_error


class Quadratic:
    """f(x) = ½ <x, H x> - <b, x> on vectors, with eigenvalues from alpha to L."""

    def __init__(self, d=12, alpha=0.05, L=4.0):
        q, _ = torch.linalg.qr(torch.randn(d, d, generator=generator(), dtype=torch.float64))
        self.H = q @ torch.diag(torch.linspace(alpha, L, d, dtype=torch.float64)) @ q.T
        self.b = torch.randn(d, generator=generator(1), dtype=torch.float64)
        self.alpha, self.L = alpha, L
        self.solution = torch.linalg.solve(self.H, self.b)
        self.x0 = torch.randn(d, generator=generator(2), dtype=torch.float64)

    def __call__(self, x):
        return 0.5 * x @ self.H @ x - self.b @ x

    def gradient(self, x):
        return self.H @ x - self.b


F = Quadratic()


@pytest.mark.parametrize("factor", [0.3, 1.0, 1.9])
def test_gradient_descent_converges_and_never_goes_up(factor):
    n = round(3000 / factor)
    x, history = gradient_descent(F.gradient, F.x0, factor / F.L, n, objective=F, lipschitz=F.L)
    torch.testing.assert_close(x, F.solution)
    assert all(b <= a + 1e-12 for a, b in pairwise(history.objective))
    assert len(history.objective) == n + 1
    assert len(history.gradient_norm) == len(history.step) == n
    assert history.objective[0] == F(F.x0)
    assert history.gradient_norm[0] == pytest.approx(F.gradient(F.x0).norm().item())


def test_gradient_descent_keeps_the_lecture_s_rate():
    tau, distances = 0.9 / F.L, []
    gradient_descent(F.gradient, F.x0, tau, 200, callback=lambda k, x: distances.append((x - F.solution).norm() ** 2))
    rate = 1 - tau * F.alpha
    assert all(d <= rate**k * distances[0] * (1 + 1e-12) for k, d in enumerate(distances))


def test_a_step_beyond_the_bound_must_be_meant():
    with pytest.raises(ValueError, match=r"^tau must be at most 2/L = 0\.5"):
        gradient_descent(F.gradient, F.x0, 2.01 / F.L, 3, lipschitz=F.L)
    with pytest.raises(ValueError, match=r"^tau must be at most 1/L = 0\.25"):
        accelerated_gradient(F.gradient, F.x0, 1.01 / F.L, 3, lipschitz=F.L)
    with pytest.raises(ValueError, match=r"^tau must be at most 2/L"):
        projected_gradient(F.gradient, lambda x: x, F.x0, 2.01 / F.L, 3, lipschitz=F.L)
    gradient_descent(F.gradient, F.x0, 2 / F.L, 3, lipschitz=F.L)
    _, history = gradient_descent(F.gradient, F.x0, 2.2 / F.L, 200, objective=F)
    assert history.objective[-1] > 1e6 * abs(history.objective[0])


def test_accelerated_gradient_is_faster_and_stops_by_itself():
    f, tol = Quadratic(d=40, alpha=1e-3, L=4.0), 1e-6
    x, history = accelerated_gradient(f.gradient, f.x0, 1 / f.L, 20000, objective=f, lipschitz=f.L, tol=tol)
    rms = f.gradient(x).norm().item() / math.sqrt(40)
    assert rms <= tol
    assert (x - f.solution).norm().item() <= math.sqrt(40) * tol / f.alpha
    needed = len(history.gradient_norm)
    _, slow = gradient_descent(f.gradient, f.x0, 1.9 / f.L, 5 * needed, lipschitz=f.L)
    assert needed < 1500
    assert slow.gradient_norm[-1] > math.sqrt(40) * tol  # five times as many plain iterations are not enough
    assert len(history.objective) == needed  # the stopping evaluation makes no new iterate


def test_accelerated_gradient_starts_as_written():
    def step(y):
        return y - F.gradient(y) / F.L

    x1 = step(F.x0)
    x2 = step(x1)  # no momentum yet: t_0 = 1
    t1 = (1 + math.sqrt(5)) / 2
    t2 = (1 + math.sqrt(1 + 4 * t1**2)) / 2
    x3 = step(x2 + (t1 - 1) / t2 * (x2 - x1))
    torch.testing.assert_close(accelerated_gradient(F.gradient, F.x0, 1 / F.L, 3)[0], x3)


def test_accelerated_gradient_keeps_nesterov_s_rate_when_alpha_is_known():
    f, values = Quadratic(d=40, alpha=1e-3, L=4.0), []
    accelerated_gradient(
        f.gradient,
        f.x0,
        1 / f.L,
        900,
        strong_convexity=f.alpha,
        callback=lambda k, x: values.append(f(x) - f(f.solution)),
    )
    bound = f(f.x0) - f(f.solution) + f.alpha / 2 * (f.x0 - f.solution).norm() ** 2
    rate = 1 - math.sqrt(f.alpha / f.L)
    assert all(gap <= bound * rate**k + 1e-12 for k, gap in enumerate(values))
    x1 = f.x0 - f.gradient(f.x0) / f.L
    beta = (1 - math.sqrt(f.alpha / f.L)) / (1 + math.sqrt(f.alpha / f.L))
    y1 = x1 + beta * (x1 - f.x0)
    x2, _ = accelerated_gradient(f.gradient, f.x0, 1 / f.L, 2, strong_convexity=f.alpha)
    torch.testing.assert_close(x2, y1 - f.gradient(y1) / f.L)


def test_accelerated_gradient_looks_at_every_image_of_a_batch():
    target = torch.stack([torch.zeros(3, 4), torch.ones(3, 4)]).double()
    curvature = torch.tensor([1.0, 0.01], dtype=torch.float64)[:, None, None]
    x, _ = accelerated_gradient(lambda x: curvature * (x - target), torch.zeros(2, 3, 4).double(), 1.0, 5000, tol=1e-8)
    assert (curvature * (x - target)).square().mean((-2, -1)).sqrt().max() <= 1e-8


def test_projected_gradient_finds_the_constrained_minimum():
    h = torch.linspace(0.1, 3, 12, dtype=torch.float64)
    x, history = projected_gradient(
        lambda x: h * x - F.b, lambda x: x.clamp(0, 0.5), F.x0, 1.5 / 3, 2000, objective=F, lipschitz=3.0
    )
    torch.testing.assert_close(x, (F.b / h).clamp(0, 0.5))  # separable: clamping the free minimum is right here
    assert len(history.objective) == 2001


def test_optimal_step_is_the_quotient_of_a_quadratic():
    iterates = []
    x, history = optimal_step(F.gradient, F.x0, 60, callback=lambda k, x: iterates.append(x))
    for k, tau in enumerate(history.step):
        g = F.gradient(iterates[k])
        assert tau == pytest.approx((g @ g / (g @ F.H @ g)).item(), rel=1e-6)
    g0, g1 = F.gradient(iterates[0]), F.gradient(iterates[1])
    assert abs(g0 @ g1) < 1e-10 * g0.norm() * g1.norm()
    kantorovich = ((F.L - F.alpha) / (F.L + F.alpha)) ** 2
    gaps = [value - F(F.solution).item() for value in history.objective]
    assert all(b <= kantorovich * a + 1e-12 for a, b in pairwise(gaps))
    assert x is iterates[-1]


def test_optimal_step_of_a_convex_function_that_is_not_quadratic():
    iterates = []

    def gradient(x):
        return 4 * x**3 + x.exp()

    optimal_step(gradient, F.x0, 8, callback=lambda k, x: iterates.append(x))
    for a, b in pairwise(iterates):
        assert abs(gradient(a) @ gradient(b)) < 1e-8 * gradient(a).norm() ** 2


def test_optimal_step_stops_at_the_minimum_and_refuses_a_function_without():
    x, history = optimal_step(lambda x: x, torch.zeros(3, dtype=torch.float64), 5)
    assert torch.equal(x, torch.zeros(3, dtype=torch.float64))
    assert history.step == []
    with pytest.raises(ValueError, match=r"^gradient\b"):
        optimal_step(torch.ones_like, F.x0, 5)


@pytest.mark.parametrize(
    "method",
    [
        lambda x: gradient_descent(lambda x: x, x, 0.5, 4),
        lambda x: accelerated_gradient(lambda x: x, x, 0.5, 4),
        lambda x: projected_gradient(lambda x: x, lambda x: x.clamp(min=0), x, 0.5, 4),
        lambda x: optimal_step(lambda x: x, x, 4),
    ],
)
def test_dtype_is_kept_input_untouched_and_zero_iterations_allowed(method):
    x0 = random_image((5, 6), dtype=torch.float32)
    before = x0.clone()
    x, _ = method(x0)
    assert x.dtype == torch.float32
    assert torch.equal(x0, before)
    x, history = gradient_descent(lambda x: x, x0, 0.5, 0)
    assert torch.equal(x, x0)
    assert x.data_ptr() != x0.data_ptr()
    assert history.step == []


def identity(x):
    return x


X = torch.ones(3)
BAD = [
    (ValueError, "tau", lambda: gradient_descent(identity, X, 0.0, 3)),
    (ValueError, "tau", lambda: gradient_descent(identity, X, math.nan, 3)),
    (TypeError, "tau", lambda: gradient_descent(identity, X, None, 3)),
    (ValueError, "n", lambda: gradient_descent(identity, X, 0.5, -1)),
    (TypeError, "n", lambda: gradient_descent(identity, X, 0.5, 2.0)),
    (TypeError, "x0", lambda: gradient_descent(identity, [1.0], 0.5, 2)),
    (ValueError, "x0", lambda: gradient_descent(identity, X * math.inf, 0.5, 2)),
    (ValueError, "lipschitz", lambda: gradient_descent(identity, X, 0.5, 2, lipschitz=0.0)),
    (ValueError, "tol", lambda: accelerated_gradient(identity, X, 0.5, 2, tol=-1.0)),
    (ValueError, "strong_convexity", lambda: accelerated_gradient(identity, X, 0.5, 2, strong_convexity=2.1)),
    (ValueError, "strong_convexity", lambda: accelerated_gradient(identity, X, 0.5, 2, strong_convexity=-1.0)),
    (ValueError, "tau", lambda: projected_gradient(identity, identity, X, -0.5, 2)),
    (TypeError, "n", lambda: optimal_step(identity, X, "3")),
]


@pytest.mark.parametrize(("error", "argument", "call"), BAD)
def test_bad_input_is_refused_by_name(unchecked, error, argument, call):
    raises_naming(pytest, error, argument, call)


# ----------------------------------------------------------------------------------------------- L-BFGS on an image


def test_minimize_image_finds_the_minimum_of_a_quadratic():
    M = random_image((30, 30), seed=2)
    H, b = M @ M.T + torch.eye(30, dtype=torch.float64), random_image((30,), seed=3)
    x, history = minimize_image(
        lambda x: 0.5 * x.flatten() @ H @ x.flatten() - b @ x.flatten(), torch.ones(5, 6, dtype=torch.float64), 300
    )
    assert relative_error(x.flatten(), torch.linalg.solve(H, b)) < 1e-6
    assert min(history.objective) == pytest.approx((-0.5 * b @ torch.linalg.solve(H, b)).item(), rel=1e-10)
    assert history.gradient_norm[0] == pytest.approx((H.sum(1) - b).norm().item(), rel=1e-10)
    assert len(history.objective) == len(history.gradient_norm) <= 300
    assert not history.interrupted


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_minimize_image_solves_a_small_total_variation_problem(dtype):
    v = random_image((3, 9, 12), dtype=dtype)
    x, _ = minimize_image(lambda u: 0.5 * (u - v).square().sum() + 0.1 * smoothed_tv(u, 0.05), v, 400)
    expected = accelerated_tv_denoise(v.double(), 0.1, 0.05, 3000, tol=1e-9)
    assert x.dtype == dtype
    assert relative_error(x.double(), expected) < (1e-6 if dtype == torch.float64 else 1e-3)


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_minimize_image_never_evaluates_more_often_than_asked(n):
    seen, start = [], torch.ones(4, 5)
    _, history = minimize_image(lambda x: (x - 2).pow(4).sum(), start, n, watch=lambda k, x, e: seen.append((k, e)))
    assert seen == list(enumerate(history.objective))
    assert len(seen) == n
    assert torch.equal(start, torch.ones(4, 5))


@pytest.mark.parametrize("error", [KeyboardInterrupt, StopIteration])
def test_an_interrupt_returns_the_best_iterate(error):
    def watch(k, x, value):
        if k == 4:
            raise error

    with torch.no_grad():  # the caller's mode does not matter
        x, history = minimize_image(lambda x: (x - 0.5).pow(4).sum(), torch.zeros(4, 5), 50, watch=watch)
    assert history.interrupted
    assert len(history.objective) == 5
    assert (x - 0.5).pow(4).sum().item() == pytest.approx(min(history.objective))


def test_minimize_image_descends_one_function_and_judges_by_the_other():
    def energy(x):
        return (x - 1).square().sum(), (x - 2).square().sum()

    x, history = minimize_image(energy, torch.zeros(3, 4, dtype=torch.float64), 60)
    assert (x - 1).square().sum().item() == pytest.approx(min(history.objective))
    assert min(history.objective) < 12 <= history.objective[0]


@pytest.mark.parametrize(
    ("error", "argument", "call"),
    [
        (TypeError, "energy", lambda: minimize_image(None, X, 3)),
        (TypeError, "energy", lambda: minimize_image(lambda x: 2 * x, X, 3)),
        (ValueError, "energy", lambda: minimize_image(lambda x: x.detach().sum(), X, 3)),
        (TypeError, "x0", lambda: minimize_image(torch.sum, None, 3)),
        (TypeError, "n", lambda: minimize_image(torch.sum, X, 2.5)),
    ],
)
def test_minimize_image_refuses_bad_input_by_name(unchecked, error, argument, call):
    raises_naming(pytest, error, argument, call)


@pytest.mark.parametrize("wrong", [lambda x: x[0], lambda x: x.sum(), lambda x: 1.0])
def test_a_gradient_of_another_shape_is_refused_and_not_broadcast(unchecked, wrong):
    for method in (gradient_descent, accelerated_gradient):
        raises_naming(pytest, ValueError, "gradient", lambda method=method: method(wrong, torch.ones(3, 4), 0.5, 2))


# --- lesson 05 -------------------------------------------------------------------------------------------------------


def quadratic(d, seed=0):
    Q = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))[0]
    eigenvalues = torch.linspace(0.4, 5.0, d, dtype=torch.float64)
    return Q @ torch.diag(eigenvalues) @ Q.T, eigenvalues


def test_descent_path_holds_every_iterate():
    H, _ = quadratic(5)
    x0 = torch.ones(5, dtype=torch.float64)
    path = optim.descent_path(lambda x: H @ x, x0, 0.1, 7)
    seen = []
    optim.gradient_descent(lambda x: H @ x, x0, 0.1, 7, callback=lambda k, x: seen.append(x))
    torch.testing.assert_close(path, torch.stack(seen), rtol=1e-12, atol=0)
    assert optim.descent_path(lambda x: H @ x, x0, 0.1, 0).tolist() == [x0.tolist()]


def test_descent_bound_is_sharp_along_the_steepest_eigenvector_and_holds_elsewhere():
    H, eigenvalues = quadratic(6)
    L = eigenvalues[-1].item()
    steepest = torch.linalg.eigh(H)[1][:, -1]
    for x in (steepest, torch.ones(6, dtype=torch.float64)):
        for tau in (0.1 / L, 1 / L, 2.3 / L):
            value = 0.5 * (x - tau * H @ x) @ H @ (x - tau * H @ x)
            bound = optim.descent_bound(0.5 * x @ H @ x, (H @ x).norm(), tau, L)
            assert value <= bound + 1e-12
            if x is steepest:
                assert value == pytest.approx(bound.item(), rel=1e-12)


def test_quadratic_step_is_the_minimum_along_the_line():
    H, _ = quadratic(4)
    g = H @ torch.arange(1.0, 5.0, dtype=torch.float64)
    tau = optim.quadratic_step(g, lambda x: H @ x)
    _, history = optim.optimal_step(lambda x: H @ x, torch.arange(1.0, 5.0, dtype=torch.float64), 1)
    assert tau == pytest.approx(history.step[0], rel=1e-9)
    with pytest.raises(ValueError, match="gradient"):
        optim.quadratic_step(torch.zeros(3, dtype=torch.float64), lambda x: x)


@pytest.mark.parametrize("tau", [0.05, 0.3, 0.37, 0.5])
def test_rate_is_what_a_descent_does_in_the_end(tau):
    H, eigenvalues = quadratic(4)
    path = optim.descent_path(lambda x: H @ x, torch.ones(4, dtype=torch.float64), tau, 700)
    measured = (path[700].norm() / path[500].norm()).item() ** (1 / 200)
    assert measured == pytest.approx(optim.rate(tau, eigenvalues[0].item(), eigenvalues[-1].item()), rel=1e-3)
    with pytest.raises(ValueError, match="alpha"):
        optim.rate(0.1, 3.0, 1.0)


def test_lipschitz_constant_climbs_to_the_largest_eigenvalue():
    H, eigenvalues = quadratic(6)
    estimates = [
        optim.lipschitz_constant(lambda x: H @ x, (6,), n, torch.Generator().manual_seed(1)) for n in (0, 3, 200)
    ]
    assert estimates == sorted(estimates)
    assert estimates[-1] == pytest.approx(eigenvalues[-1].item(), rel=1e-9)
    assert optim.lipschitz_constant(torch.zeros_like, (3, 2), 4, torch.Generator()) == 0.0
