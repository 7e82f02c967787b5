"""Answers that students give to the exercises of lesson 05, right and wrong."""

import math

import torch

from course_utils.derivatives import gradient as image_gradient
from course_utils.derivatives import gradient_adjoint, laplacian
from course_utils.explorers.gradient_descent import descent_picture, explore_descent
from course_utils.fourier import kernel_to_transfer
from course_utils.operators import blur, blur_adjoint
from tests.explorer_case import ExplorerCase

# --- descent_path ----------------------------------------------------------------------------------------------------


def path_in_a_list(gradient, x0, tau, n):
    path = [x0]
    for _ in range(n):
        path.append(path[-1] - tau * gradient(path[-1]))
    return torch.stack(path)


def path_allocated(gradient, x0, tau, n):
    path = torch.zeros(n + 1, *x0.shape, dtype=x0.dtype)
    path[0] = x0
    for k in range(n):
        path[k + 1] = path[k] - tau * gradient(path[k])
    return path


def path_by_recursion(gradient, x0, tau, n):
    if n == 0:
        return x0[None]
    return torch.cat([x0[None], path_by_recursion(gradient, x0 - tau * gradient(x0), tau, n - 1)])


def path_with_clones(gradient, x0, tau, n):
    x, path = x0.clone(), []
    for _ in range(n):
        path.append(x.clone())
        x -= tau * gradient(x)
    return torch.stack([*path, x])


def path_last_iterate_only(gradient, x0, tau, n):
    x = x0
    for _ in range(n):
        x = x - tau * gradient(x)
    return x


def path_without_the_start(gradient, x0, tau, n):
    return path_in_a_list(gradient, x0, tau, n)[1:] if n else x0[None][:0]


def path_without_the_end(gradient, x0, tau, n):
    return path_in_a_list(gradient, x0, tau, max(n - 1, 0)) if n else x0[None][:0]


def path_one_too_many(gradient, x0, tau, n):
    return path_in_a_list(gradient, x0, tau, n + 1)


def path_climbs(gradient, x0, tau, n):
    return path_in_a_list(gradient, x0, -tau, n)


def path_always_from_the_start(gradient, x0, tau, n):
    g = gradient(x0)
    return torch.stack([x0 - k * tau * g for k in range(n + 1)])


def path_changes_the_start(gradient, x0, tau, n):
    path = [x0]
    for _ in range(n):
        x0 -= tau * gradient(x0)
        path.append(x0)
    return torch.stack(path)


def path_of_one_tensor(gradient, x0, tau, n):
    x = x0.clone()
    path = [x]
    for _ in range(n):
        x -= tau * gradient(x)
        path.append(x)
    return torch.stack(path)


def path_normalised(gradient, x0, tau, n):
    path = [x0]
    for _ in range(n):
        g = gradient(path[-1])
        path.append(path[-1] - tau * g / g.norm())
    return torch.stack(path)


def path_without_the_step(gradient, x0, tau, n):
    return path_in_a_list(gradient, x0, 1.0, n)


def path_replaces_by_the_gradient(gradient, x0, tau, n):
    path = [x0]
    for _ in range(n):
        path.append(-tau * gradient(path[-1]))
    return torch.stack(path)


def path_as_a_list(gradient, x0, tau, n):
    return list(path_in_a_list(gradient, x0, tau, n))


def path_iterates_last(gradient, x0, tau, n):
    return path_in_a_list(gradient, x0, tau, n).movedim(0, -1)


def path_step_decreases(gradient, x0, tau, n):
    path = [x0]
    for k in range(n):
        path.append(path[-1] - tau / (k + 1) * gradient(path[-1]))
    return torch.stack(path)


# --- descent_bound ---------------------------------------------------------------------------------------------------


def bound_of_the_slide(f_x, gradient_norm, tau, L):
    return f_x - tau * (1 - tau * L / 2) * gradient_norm**2


def bound_expanded(f_x, gradient_norm, tau, L):
    return f_x - tau * gradient_norm**2 + L / 2 * (tau * gradient_norm) ** 2


def bound_by_a_product(f_x, gradient_norm, tau, L):
    return f_x + tau * gradient_norm * gradient_norm * (0.5 * L * tau - 1)


def bound_without_square(f_x, gradient_norm, tau, L):
    return f_x - tau * (1 - tau * L / 2) * gradient_norm


def bound_without_half(f_x, gradient_norm, tau, L):
    return f_x - tau * (1 - tau * L) * gradient_norm**2


def bound_added(f_x, gradient_norm, tau, L):
    return f_x + tau * (1 - tau * L / 2) * gradient_norm**2


def bound_only_the_decrease(f_x, gradient_norm, tau, L):
    return tau * (1 - tau * L / 2) * gradient_norm**2


def bound_without_the_parabola(f_x, gradient_norm, tau, L):
    return f_x - tau * gradient_norm**2


def bound_plus_inside(f_x, gradient_norm, tau, L):
    return f_x - tau * (1 + tau * L / 2) * gradient_norm**2


def bound_at_the_best_step(f_x, gradient_norm, tau, L):
    return f_x - gradient_norm**2 / (2 * L)


def bound_tau_outside_forgotten(f_x, gradient_norm, tau, L):
    return f_x - (1 - tau * L / 2) * gradient_norm**2


def bound_parabola_without_tau_squared(f_x, gradient_norm, tau, L):
    return f_x - tau * gradient_norm**2 + L / 2 * tau * gradient_norm**2


# --- quadratic_step --------------------------------------------------------------------------------------------------


def step_by_sums(gradient, hessian_times):
    return (gradient**2).sum() / (gradient * hessian_times(gradient)).sum()


def step_by_norms(gradient, hessian_times):
    return float(gradient.norm() ** 2 / (gradient * hessian_times(gradient)).sum())


def step_by_flattening(gradient, hessian_times):
    g, h = gradient.flatten(), hessian_times(gradient).flatten()
    return torch.dot(g, g) / torch.dot(g, h)


def step_by_the_unit_direction(gradient, hessian_times):
    d = gradient / gradient.norm()
    return 1 / (d * hessian_times(d)).sum()


def step_inverted(gradient, hessian_times):
    return (gradient * hessian_times(gradient)).sum() / (gradient**2).sum()


def step_without_square(gradient, hessian_times):
    return gradient.norm() / (gradient * hessian_times(gradient)).sum()


def step_of_the_norm_of_hg(gradient, hessian_times):
    return (gradient**2).sum() / (hessian_times(gradient) ** 2).sum()


def step_by_minimal_residual(gradient, hessian_times):
    h = hessian_times(gradient)
    return (gradient * h).sum() / (h * h).sum()


def step_twice(gradient, hessian_times):
    return 2 * (gradient**2).sum() / (gradient * hessian_times(gradient)).sum()


def step_half(gradient, hessian_times):
    return (gradient**2).sum() / (gradient * hessian_times(gradient)).sum() / 2


def step_negative(gradient, hessian_times):
    return -(gradient**2).sum() / (gradient * hessian_times(gradient)).sum()


def step_for_each_entry(gradient, hessian_times):
    return gradient / hessian_times(gradient)


def step_rowwise(gradient, hessian_times):
    return (gradient**2).sum(-1) / (gradient * hessian_times(gradient)).sum(-1)


def step_by_matmul(gradient, hessian_times):
    return (gradient @ gradient) / (gradient @ hessian_times(gradient))


def step_ratio_of_norms(gradient, hessian_times):
    return gradient.norm() / hessian_times(gradient).norm()


def step_constant(gradient, hessian_times):
    return 1 / 8


# --- rate ------------------------------------------------------------------------------------------------------------


def rate_at_the_ends(tau, alpha, L):
    return max(abs(1 - tau * alpha), abs(1 - tau * L))


def rate_without_abs_twice(tau, alpha, L):
    return max(1 - tau * alpha, tau * L - 1)


def rate_by_tensors(tau, alpha, L):
    return (1 - tau * torch.tensor([alpha, L], dtype=torch.float64)).abs().max()


def rate_on_a_grid(tau, alpha, L):
    return (1 - tau * torch.linspace(alpha, L, 1001, dtype=torch.float64)).abs().max()


def rate_of_the_theorem(tau, alpha, L):
    return max(1 - tau * alpha, 0.0) ** 0.5


def rate_squared(tau, alpha, L):
    return max(abs(1 - tau * alpha), abs(1 - tau * L)) ** 2


def rate_of_alpha_only(tau, alpha, L):
    return abs(1 - tau * alpha)


def rate_of_L_only(tau, alpha, L):
    return abs(1 - tau * L)


def rate_without_abs(tau, alpha, L):
    return max(1 - tau * alpha, 1 - tau * L)


def rate_smallest(tau, alpha, L):
    return min(abs(1 - tau * alpha), abs(1 - tau * L))


def rate_of_the_best_step(tau, alpha, L):
    return (L - alpha) / (L + alpha)


def rate_clipped_to_one(tau, alpha, L):
    return min(1.0, max(abs(1 - tau * alpha), abs(1 - tau * L)))


def rate_product(tau, alpha, L):
    return abs(1 - tau * alpha) * abs(1 - tau * L)


def rate_without_tau(tau, alpha, L):
    return 1 - alpha / L


# --- lipschitz_constant ----------------------------------------------------------------------------------------------


def constant_by_power(apply, shape, n, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    x = x / x.norm()
    for _ in range(n):
        y = apply(x)
        x = y / y.norm()
    return (x * apply(x)).sum()


def constant_by_the_quotient(apply, shape, n, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    for _ in range(n):
        x = apply(x)
        x = x / x.norm()
    return ((x * apply(x)).sum() / (x * x).sum()).item()


def constant_by_the_norm(apply, shape, n, generator):
    # ‖Bx‖ for ‖x‖ = 1 has the same limit, and is never smaller.
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    x = x / x.norm()
    for _ in range(n):
        y = apply(x)
        x = y / y.norm()
    return apply(x).norm()


def constant_from_a_uniform_start(apply, shape, n, generator):
    x = torch.rand(shape, generator=generator, dtype=torch.float64) - 0.5
    x = x / x.norm()
    for _ in range(n):
        y = apply(x)
        x = y / y.norm()
    return (x * apply(x)).sum()


def constant_never_normalised(apply, shape, n, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    for _ in range(n):
        x = apply(x)
    return (x * apply(x)).sum()


def constant_square_root(apply, shape, n, generator):
    return constant_by_power(apply, shape, n, generator) ** 0.5


def constant_squared(apply, shape, n, generator):
    return constant_by_power(apply, shape, n, generator) ** 2


def constant_by_the_maximum(apply, shape, n, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    for _ in range(n):
        x = apply(x)
        x = x / x.norm()
    return apply(x).max()


def constant_without_iterations(apply, shape, n, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    x = x / x.norm()
    return (x * apply(x)).sum()


def constant_returns_the_vector(apply, shape, n, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    for _ in range(n):
        x = apply(x)
        x = x / x.norm()
    return x


def constant_from_ones(apply, shape, n, generator):
    x = torch.ones(shape, dtype=torch.float64)
    x = x / x.norm()
    for _ in range(n):
        y = apply(x)
        x = y / y.norm()
    return (x * apply(x)).sum()


def constant_without_the_generator(apply, shape, n, generator):
    x = torch.randn(shape, dtype=torch.float64)
    x = x / x.norm()
    for _ in range(n):
        y = apply(x)
        x = y / y.norm()
    return (x * apply(x)).sum()


def constant_norm_of_the_last_unit(apply, shape, n, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    for _ in range(n):
        x = apply(x)
        x = x / x.norm()
    return x.norm()


def constant_with_a_fixed_number(apply, shape, n, generator):
    return constant_by_power(apply, shape, 3, generator)


def constant_not_normalised_at_the_end(apply, shape, n, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    x = x / x.norm()
    for _ in range(n):
        y = apply(x)
        x = y / y.norm()
    y = apply(x)
    return (y * apply(y)).sum()


# --- objective_gradient ----------------------------------------------------------------------------------------------


def gradient_by_hand(u, v, kernel, lam):
    return blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)


def gradient_by_the_adjoint(u, v, kernel, lam):
    return blur_adjoint(blur(u, kernel) - v, kernel) + lam * gradient_adjoint(image_gradient(u))


def gradient_in_fourier(u, v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, u.shape)
    data = torch.fft.ifft2(k_hat.conj() * (k_hat * torch.fft.fft2(u) - torch.fft.fft2(v))).real
    return data - lam * laplacian(u)


def gradient_by_autograd(u, v, kernel, lam):
    u = u.clone().requires_grad_(True)
    value = 0.5 * (blur(u, kernel) - v).square().sum() + lam / 2 * image_gradient(u).square().sum()
    return torch.autograd.grad(value, u)[0]


def gradient_plus_the_laplacian(u, v, kernel, lam):
    return blur_adjoint(blur(u, kernel) - v, kernel) + lam * laplacian(u)


def gradient_without_the_adjoint(u, v, kernel, lam):
    return blur(u, kernel) - v - lam * laplacian(u)


def gradient_blurs_twice(u, v, kernel, lam):
    return blur(blur(u, kernel) - v, kernel) - lam * laplacian(u)


def gradient_of_the_data_only(u, v, kernel, lam):
    return blur_adjoint(blur(u, kernel) - v, kernel)


def gradient_of_the_prior_only(u, v, kernel, lam):
    return -lam * laplacian(u)


def gradient_with_v_first(u, v, kernel, lam):
    return blur_adjoint(v - blur(u, kernel), kernel) - lam * laplacian(u)


def gradient_doubled(u, v, kernel, lam):
    return 2 * blur_adjoint(blur(u, kernel) - v, kernel) - 2 * lam * laplacian(u)


def gradient_ridge(u, v, kernel, lam):
    return blur_adjoint(blur(u, kernel) - v, kernel) + lam * u


def gradient_lam_forgotten(u, v, kernel, lam):
    return blur_adjoint(blur(u, kernel) - v, kernel) - laplacian(u)


def gradient_two_lam(u, v, kernel, lam):
    return blur_adjoint(blur(u, kernel) - v, kernel) - 2 * lam * laplacian(u)


def gradient_without_the_observation(u, v, kernel, lam):
    return blur_adjoint(blur(u, kernel), kernel) - lam * laplacian(u)


def gradient_is_the_objective(u, v, kernel, lam):
    return 0.5 * (blur(u, kernel) - v).square().sum() + lam / 2 * image_gradient(u).square().sum()


def gradient_adjoint_of_the_observation_only(u, v, kernel, lam):
    return blur(u, kernel) - blur_adjoint(v, kernel) - lam * laplacian(u)


def gradient_descends(u, v, kernel, lam):
    return -(blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u))


# --- slips in one part of a formula ----------------------------------------------------------------------------------


def named(name, function):
    function.__name__ = name
    return function


def path_of_one_clone(gradient, x0, tau, n):
    x = x0.clone()
    path = [x0]
    for _ in range(n):
        x -= tau * gradient(x)
        path.append(x)
    return torch.stack(path)


def path_appends_first(gradient, x0, tau, n):
    x, path = x0, [x0]
    for _ in range(n):
        path.append(x)
        x = x - tau * gradient(x)
    return torch.stack(path)


def path_joined(gradient, x0, tau, n):
    return torch.cat(list(path_in_a_list(gradient, x0, tau, n))) if x0.ndim else path_in_a_list(gradient, x0, tau, n)


BOUND_SLIPS = [
    ("step-size", named("bound_tau_squared_forgotten", lambda f, g, tau, L: f - tau * g**2 + L / 2 * g**2)),
    ("square-root", named("bound_norm_in_the_linear_term", lambda f, g, tau, L: f - tau * g + L / 2 * tau**2 * g**2)),
    ("square-root", named("bound_norm_in_the_square", lambda f, g, tau, L: f - tau * g**2 + L / 2 * tau**2 * g)),
    ("sign", named("bound_linear_term_added", lambda f, g, tau, L: f + tau * g**2 + L / 2 * tau**2 * g**2)),
    ("order", named("bound_two_over_L", lambda f, g, tau, L: f - tau * g**2 + 2 / L * tau**2 * g**2)),
    ("clipping", named("bound_never_above", lambda f, g, tau, L: min(f, f - tau * g**2 + L / 2 * tau**2 * g**2))),
    ("square-root|weight", named("bound_two_slips", lambda f, g, tau, L: f - tau * g + L * tau**2 * g**2)),
]
RATE_SLIPS = [
    ("sign", named("rate_plus", lambda tau, alpha, L: max(abs(1 + tau * alpha), abs(1 + tau * L)))),
    ("value", named("rate_of_a_difference", lambda tau, alpha, L: max(abs(tau - alpha), abs(tau - L)))),
    ("value", named("rate_in_the_middle", lambda tau, alpha, L: abs(1 - tau * (alpha + L) / 2))),
    ("value", named("rate_modulus_outside", lambda tau, alpha, L: abs(max(1 - tau * alpha, 1 - tau * L)))),
    ("not-finite", named("rate_root_of_the_theorem", lambda tau, alpha, L: math.sqrt(1 - tau * alpha))),
]
GRADIENT_SLIPS = [
    (
        "weight",
        named("gradient_half_lam", lambda u, v, k, lam: blur_adjoint(blur(u, k) - v, k) - lam / 2 * laplacian(u)),
    ),
    (
        "weight",
        named("gradient_lam_squared", lambda u, v, k, lam: blur_adjoint(blur(u, k) - v, k) - lam**2 * laplacian(u)),
    ),
    (
        "value",
        named(
            "gradient_prior_of_the_difference",
            lambda u, v, k, lam: blur_adjoint(blur(u, k) - v, k) - lam * laplacian(u - v),
        ),
    ),
    ("order", named("gradient_parentheses", lambda u, v, k, lam: blur_adjoint(blur(u, k), k) - v - lam * laplacian(u))),
    ("adjoint|sign", named("gradient_two_slips", lambda u, v, k, lam: blur(u, k) - v + lam * laplacian(u))),
]


def start_of(shape, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    return x / x.norm()


def constant_of_quotients(apply, shape, n, generator):
    x = start_of(shape, generator)
    for _ in range(n):
        x = apply(x) / apply(x).norm()
    return (apply(x) / x).max().item()


def constant_is_the_step(apply, shape, n, generator):
    x = start_of(shape, generator)
    for _ in range(n):
        x = apply(x)
        x = x / x.norm()
    return 1 / (x * apply(x)).sum().item()


def constant_of_one_shape(apply, shape, n, generator):
    x = start_of((128, 128), generator)
    for _ in range(n):
        x = apply(x)
        x = x / x.norm()
    return (x * apply(x)).sum().item()


RIGHT = {
    "descent_path": [path_in_a_list, path_allocated, path_with_clones],
    "descent_bound": [bound_of_the_slide, bound_expanded, bound_by_a_product],
    "quadratic_step": [step_by_sums, step_by_norms, step_by_flattening, step_by_the_unit_direction],
    "rate": [
        rate_at_the_ends,
        rate_without_abs_twice,
        rate_by_tensors,
        rate_on_a_grid,
        named("rate_of_signed_ends", lambda tau, alpha, L: max(1 - tau * alpha, tau * L - 1)),
    ],
    "lipschitz_constant": [
        constant_by_power,
        constant_by_the_quotient,
        constant_by_the_norm,
        constant_from_a_uniform_start,
    ],
    "objective_gradient": [gradient_by_hand, gradient_by_the_adjoint, gradient_in_fourier, gradient_by_autograd],
}

WRONG = {
    "descent_path": [
        ("exception", path_by_recursion),
        ("shape", path_last_iterate_only),
        ("shape|start", path_without_the_start),
        ("shape", path_without_the_end),
        ("shape", path_one_too_many),
        ("sign", path_climbs),
        ("value", path_always_from_the_start),
        ("mutates-input", path_changes_the_start),
        ("constant|value", path_of_one_tensor),
        ("normalisation", path_normalised),
        ("step-size", path_without_the_step),
        ("value", path_replaces_by_the_gradient),
        ("type", path_as_a_list),
        ("shape|axis", path_iterates_last),
        ("step-size", path_step_decreases),
        ("value", path_of_one_clone),
        ("order", path_appends_first),
        ("shape", path_joined),
    ],
    "descent_bound": [
        ("square-root", bound_without_square),
        ("weight", bound_without_half),
        ("sign", bound_added),
        ("value", bound_only_the_decrease),
        ("value", bound_without_the_parabola),
        ("sign", bound_plus_inside),
        ("step-size", bound_at_the_best_step),
        ("weight|step-size", bound_tau_outside_forgotten),
        ("square-root|weight", bound_parabola_without_tau_squared),
        *BOUND_SLIPS,
    ],
    "quadratic_step": [
        ("order|value", step_inverted),
        ("square-root", step_without_square),
        ("value", step_of_the_norm_of_hg),
        ("value", step_by_minimal_residual),
        ("weight|normalisation", step_twice),
        ("weight|normalisation", step_half),
        ("sign", step_negative),
        ("shape", step_for_each_entry),
        ("shape", step_rowwise),
        ("exception|shape", step_by_matmul),
        ("square-root|value", step_ratio_of_norms),
        ("constant", step_constant),
    ],
    "rate": [
        ("square-root|value", rate_of_the_theorem),
        ("square-root", rate_squared),
        ("value", rate_of_alpha_only),
        ("value", rate_of_L_only),
        ("sign", rate_without_abs),
        ("order|value", rate_smallest),
        ("step-size", rate_of_the_best_step),
        ("clipping", rate_clipped_to_one),
        ("value", rate_product),
        ("step-size", rate_without_tau),
        *RATE_SLIPS,
    ],
    "lipschitz_constant": [
        ("normalisation", constant_never_normalised),
        ("square-root", constant_square_root),
        ("square-root", constant_squared),
        ("value", constant_by_the_maximum),
        ("not-converged", constant_without_iterations),
        ("shape|type", constant_returns_the_vector),
        ("start|randomness", constant_from_ones),
        ("randomness", constant_without_the_generator),
        ("constant|value|normalisation", constant_norm_of_the_last_unit),
        ("not-converged", constant_with_a_fixed_number),
        ("normalisation|square-root", constant_not_normalised_at_the_end),
        ("value", constant_of_quotients),
        ("order", constant_is_the_step),
        ("shape", constant_of_one_shape),
    ],
    "objective_gradient": [
        ("sign", gradient_plus_the_laplacian),
        ("adjoint", gradient_without_the_adjoint),
        ("adjoint|conjugate", gradient_blurs_twice),
        ("value|weight", gradient_of_the_data_only),
        ("value|weight", gradient_of_the_prior_only),
        ("sign", gradient_with_v_first),
        ("weight|normalisation", gradient_doubled),
        ("value", gradient_ridge),
        ("weight", gradient_lam_forgotten),
        ("weight", gradient_two_lam),
        ("value", gradient_without_the_observation),
        ("shape", gradient_is_the_objective),
        ("adjoint", gradient_adjoint_of_the_observation_only),
        ("sign", gradient_descends),
        *GRADIENT_SLIPS,
    ],
}


# --- the explorer ----------------------------------------------------------------------------------------------------


def path_of_the_controls(values):
    start = (values["x1"], values["x2"])
    return descent_picture(values["function"], start, values["step"], values["method"], values["n"])


def from_the_start(function):
    """Return a function with the parameters of `descent_path` whose iterates are what this one makes of the start."""

    def path(gradient, x0, tau, n):
        u = function(x0, tau, n)
        return u.expand(n + 1, 2) if isinstance(u, torch.Tensor) and u.shape == x0.shape else u

    path.__name__ = function.__name__
    return path


EXPLORERS = {
    "explore_descent": ExplorerCase(
        explore_descent,
        path_of_the_controls,
        plugs={
            "descent_path": (
                lambda f: explore_descent(descent_path=from_the_start(f)),
                "method",
                "fixed step",
                "momentum",
            )
        },
    )
}
