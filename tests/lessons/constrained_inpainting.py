"""Answers that students give to the exercises of lesson 08, right and wrong."""

import torch

from course_utils import optim
from course_utils.derivatives import gradient, gradient_adjoint, laplacian
from course_utils.explorers.constrained_inpainting import explore_inpainting, inpainting_picture
from course_utils.priors import smoothed_tv_gradient
from tests.explorer_case import ExplorerCase

# --- project_known ----------------------------------------------------------------------------------------------------


def known_by_where(u, v, mask):
    return torch.where(mask, v, u)


def known_by_product(u, v, mask):
    return u * ~mask + v * mask


def known_by_assignment(u, v, mask):
    w = u.clone()
    w[..., mask] = v[..., mask]
    return w


def known_exchanged(u, v, mask):
    return torch.where(mask, u, v)


def known_is_v(u, v, mask):
    return v


def known_with_zeros(u, v, mask):
    return v * mask


def known_adds(u, v, mask):
    return u + v * mask


def known_mean(u, v, mask):
    return torch.where(mask, (u + v) / 2, u)


def known_adds_all_of_v(u, v, mask):
    return v + u * ~mask


def known_correction(u, v, mask):
    return torch.where(mask, v - u, u)


def known_in_place(u, v, mask):
    u[..., mask] = v[..., mask]
    return u


def known_clipped(u, v, mask):
    return torch.where(mask, v, u).clamp(0, 1)


def known_is_u(u, v, mask):
    return u


# --- project_consistent -----------------------------------------------------------------------------------------------


def consistent_formula(u, v, A):
    return u + A.pinv(v - A(u))


def consistent_two_parts(u, v, A):
    return A.pinv(v) + (u - A.pinv(A(u)))


def consistent_subtracts(u, v, A):
    residual = A(u) - v
    return u - A.pinv(residual)


def consistent_adjoint(u, v, A):
    return u + A.adjoint(v - A(u))


def consistent_landweber_step(u, v, A):
    return u + A.adjoint(v - A(u)) / A.norm() ** 2


def consistent_sign(u, v, A):
    return u - A.pinv(v - A(u))


def consistent_pinv_of_v(u, v, A):
    return A.pinv(v)


def consistent_adds_pinv_of_v(u, v, A):
    return u + A.pinv(v)


def consistent_correction(u, v, A):
    return A.pinv(v - A(u))


def consistent_null_part(u, v, A):
    return u - A.pinv(A(u))


def consistent_back_projection(u, v, A):
    return A.adjoint(v)


def consistent_clipped(u, v, A):
    return (u + A.pinv(v - A(u))).clamp(0, 1)


# --- project_box ------------------------------------------------------------------------------------------------------


def box_clamp(u):
    return u.clamp(0, 1)


def box_min_max(u):
    return torch.minimum(torch.maximum(u, torch.zeros_like(u)), torch.ones_like(u))


def box_where(u):
    w = torch.where(u < 0, 0.0, u)
    return torch.where(w > 1, 1.0, w)


def box_stretch(u):
    return (u - u.min()) / (u.max() - u.min())


def box_divide(u):
    return u / u.max()


def box_sigmoid(u):
    return torch.sigmoid(u)


def box_relu(u):
    return torch.relu(u)


def box_only_above(u):
    return u.clamp(max=1)


def box_minus_one(u):
    return u.clamp(-1, 1)


def box_bytes(u):
    return u.clamp(0, 255)


def box_modulus(u):
    return u.abs().clamp(max=1)


def box_fraction(u):
    return u % 1


def box_zero_outside(u):
    return u * ((u >= 0) & (u <= 1))


def box_in_place(u):
    return u.clamp_(0, 1)


# --- projected_descent ------------------------------------------------------------------------------------------------


def descent_loop(gradient, projection, x0, tau, n):
    x = x0
    for _ in range(n):
        x = projection(x - tau * gradient(x))
    return x


def descent_of_the_course(gradient, projection, x0, tau, n):
    return optim.projected_gradient(gradient, projection, x0, tau, n)[0]


def descent_with_a_while(gradient, projection, x0, tau, n):
    x = x0.clone()
    while n > 0:
        x, n = projection(x - tau * gradient(x)), n - 1
    return x


def descent_recursive(gradient, projection, x0, tau, n):
    if n == 0:
        return x0
    return descent_recursive(gradient, projection, projection(x0 - tau * gradient(x0)), tau, n - 1)


def descent_free(gradient, projection, x0, tau, n):
    return descent_loop(gradient, lambda x: x, x0, tau, n)


def descent_projects_at_the_end(gradient, projection, x0, tau, n):
    return projection(descent_free(gradient, projection, x0, tau, n))


def descent_projects_before(gradient, projection, x0, tau, n):
    x = x0
    for _ in range(n):
        x = projection(x)
        x = x - tau * gradient(x)
    return x


def descent_projects_x(gradient, projection, x0, tau, n):
    x = x0
    for _ in range(n):
        x = projection(x) - tau * gradient(x)
    return x


def descent_projects_the_gradient(gradient, projection, x0, tau, n):
    x = x0
    for _ in range(n):
        x = x - tau * projection(gradient(x))
    return x


def descent_projects_the_start(gradient, projection, x0, tau, n):
    return descent_loop(gradient, projection, projection(x0), tau, n)


def descent_ascends(gradient, projection, x0, tau, n):
    return descent_loop(gradient, projection, x0, -tau, n)


def descent_without_step(gradient, projection, x0, tau, n):
    return descent_loop(gradient, projection, x0, 1, n)


def descent_old_gradient(gradient, projection, x0, tau, n):
    g = gradient(x0)
    return descent_loop(lambda x: g, projection, x0, tau, n)


def descent_from_the_start(gradient, projection, x0, tau, n):
    x = x0
    for _ in range(n):
        x = projection(x0 - tau * gradient(x))
    return x


def descent_returns_in_the_loop(gradient, projection, x0, tau, n):
    x = x0
    for _ in range(n):
        return projection(x - tau * gradient(x))
    return x


def descent_one_less(gradient, projection, x0, tau, n):
    return descent_loop(gradient, projection, x0, tau, max(n - 1, 0))


def descent_one_more(gradient, projection, x0, tau, n):
    return descent_loop(gradient, projection, x0, tau, n + 1)


def descent_path(gradient, projection, x0, tau, n):
    return torch.stack([descent_loop(gradient, projection, x0, tau, k) for k in range(n + 1)])


def descent_pair(gradient, projection, x0, tau, n):
    return optim.projected_gradient(gradient, projection, x0, tau, n)


def descent_forgets_x(gradient, projection, x0, tau, n):
    x = x0
    for _ in range(n):
        x = projection(-tau * gradient(x))
    return x


# --- harmonic_inpaint and tv_inpaint ----------------------------------------------------------------------------------


def start_of(v, mask):
    return torch.where(mask, v, v[..., mask].mean(dim=-1)[..., None, None])


def filled(v, mask, g, tau, n, start=None):
    """Fill by projected descent along g."""
    u = start_of(v, mask) if start is None else start
    for _ in range(n):
        u = torch.where(mask, v, u - tau * g(u))
    return u


def harmonic_by_descent(v, mask, n):
    return filled(v, mask, lambda u: -laplacian(u), 1.9 / 8, n)


def harmonic_by_means(v, mask, n):
    u = v * mask
    for _ in range(n):
        near = (u.roll(1, -1) + u.roll(-1, -1) + u.roll(1, -2) + u.roll(-1, -2)) / 4
        u = torch.where(mask, v, (u + 4 * near) / 5)
    return u


def harmonic_by_gradients(v, mask, n):
    return filled(v, mask, lambda u: gradient_adjoint(gradient(u)), 0.125, n)


def harmonic_by_momentum(v, mask, n):
    return optim.accelerated_gradient(lambda u: torch.where(mask, 0.0, -laplacian(u)), start_of(v, mask), 1 / 8, n)[0]


def harmonic_mask_reversed(v, mask, n):
    return filled(v, ~mask, lambda u: -laplacian(u), 1.9 / 8, n, v)


def harmonic_free(v, mask, n):
    return filled(v, mask & False, lambda u: -laplacian(u), 1.9 / 8, n, start_of(v, mask))


def harmonic_projects_at_the_end(v, mask, n):
    return torch.where(mask, v, harmonic_free(v, mask, n))


def harmonic_is_the_start(v, mask, n):
    return start_of(v, mask)


def harmonic_tiny_step(v, mask, n):
    return filled(v, mask, lambda u: -laplacian(u), 1e-4, n)


def harmonic_long_step(v, mask, n):
    return filled(v, mask, lambda u: -laplacian(u), 1.0, n)


def harmonic_ascends(v, mask, n):
    return filled(v, mask, laplacian, 1.9 / 8, n)


def harmonic_ten_iterations(v, mask, n):
    return filled(v, mask, lambda u: -laplacian(u), 0.125, 3)


def harmonic_zeros(v, mask, n):
    return v * mask


def harmonic_of_total_variation(v, mask, n):
    return filled(v, mask, lambda u: smoothed_tv_gradient(u, 0.1), 0.1 / 8, n)


def harmonic_from(v, mask, n, first):
    return filled(v, mask, lambda u: -laplacian(u), 1.9 / 8, n, torch.where(mask, v, first))


def harmonic_from_hidden_values(v, mask, n):
    return harmonic_from(v, mask, n, v)


def harmonic_from_the_mean_of_all(v, mask, n):
    return harmonic_from(v, mask, n, v.mean((-2, -1), keepdim=True))


def harmonic_from_the_mean_of_the_hidden(v, mask, n):
    return harmonic_from(v, mask, n, v[..., ~mask].mean(-1)[..., None, None])


def harmonic_from_one_mean(v, mask, n):
    return harmonic_from(v, mask, n, v[..., mask].mean())


def harmonic_towards_v(v, mask, n):
    return filled(v, mask, lambda u: u - v, 1.9 / 8, n)


def harmonic_erased(v, mask, n):
    return harmonic_by_descent(v, mask, n) * ~mask


def tv_by_momentum(v, mask, eps, n):
    erased = lambda u: torch.where(mask, 0.0, smoothed_tv_gradient(u, eps))  # noqa: E731
    return optim.accelerated_gradient(erased, start_of(v, mask), eps / 8, n)[0]


def tv_by_descent(v, mask, eps, n):
    return filled(v, mask, lambda u: smoothed_tv_gradient(u, eps), 1.9 * eps / 8, n)


def tv_from_zero(v, mask, eps, n):
    return optim.accelerated_gradient(lambda u: smoothed_tv_gradient(u, eps) * ~mask, v * mask, eps / 8, n)[0]


def tv_is_harmonic(v, mask, eps, n):
    return harmonic_by_descent(v, mask, n)


def tv_free(v, mask, eps, n):
    return optim.accelerated_gradient(lambda u: smoothed_tv_gradient(u, eps), start_of(v, mask), eps / 8, n)[0]


def tv_projects_at_the_end(v, mask, eps, n):
    return torch.where(mask, v, tv_free(v, mask, eps, n))


def tv_mask_reversed(v, mask, eps, n):
    return optim.accelerated_gradient(lambda u: smoothed_tv_gradient(u, eps) * mask, v, eps / 8, n)[0]


def tv_is_the_start(v, mask, eps, n):
    return start_of(v, mask)


def tv_step_of_the_laplacian(v, mask, eps, n):
    return filled(v, mask, lambda u: smoothed_tv_gradient(u, eps), 1.9 / 8, n)


def tv_tiny_step(v, mask, eps, n):
    return filled(v, mask, lambda u: smoothed_tv_gradient(u, eps), 1e-5, n)


def tv_root_of_eps(v, mask, eps, n):
    return tv_by_momentum(v, mask, eps**0.5, n)


def tv_from_hidden_values(v, mask, eps, n):
    erased = lambda u: torch.where(mask, 0.0, smoothed_tv_gradient(u, eps))  # noqa: E731
    return optim.accelerated_gradient(erased, v, eps / 8, n)[0]


def tv_from_the_mean_of_all(v, mask, eps, n):
    erased = lambda u: torch.where(mask, 0.0, smoothed_tv_gradient(u, eps))  # noqa: E731
    return optim.accelerated_gradient(erased, torch.where(mask, v, v.mean((-2, -1), keepdim=True)), eps / 8, n)[0]


def tv_fifty_iterations(v, mask, eps, n):
    return tv_by_momentum(v, mask, eps, 50)


def tv_fixed_eps(v, mask, eps, n):
    erased = lambda u: torch.where(mask, 0.0, smoothed_tv_gradient(u, 1e-2))  # noqa: E731
    return optim.accelerated_gradient(erased, start_of(v, mask), eps / 8, n)[0]


def tv_ascends(v, mask, eps, n):
    erased = lambda u: torch.where(mask, 0.0, -smoothed_tv_gradient(u, eps))  # noqa: E731
    return optim.accelerated_gradient(erased, start_of(v, mask), eps / 8, n)[0]


def tv_momentum_too_long(v, mask, eps, n):
    erased = lambda u: torch.where(mask, 0.0, smoothed_tv_gradient(u, eps))  # noqa: E731
    return optim.accelerated_gradient(erased, start_of(v, mask), 1.9 * eps / 8, n)[0]


def tv_by_nesterov(v, mask, eps, n):
    u = y = start_of(v, mask)
    t = 1.0
    for _ in range(n):
        new = torch.where(mask, v, y - eps / 8 * smoothed_tv_gradient(y, eps))
        t, before = (1 + (1 + 4 * t * t) ** 0.5) / 2, t
        y = new + (before - 1) / t * (new - u)
        u = new
    return u


def tv_pair(v, mask, eps, n):
    erased = lambda u: torch.where(mask, 0.0, smoothed_tv_gradient(u, eps))  # noqa: E731
    return optim.accelerated_gradient(erased, start_of(v, mask), eps / 8, n)


def known_mask_of_gray(u, v, mask):
    w = u.clone()
    w[mask] = v[mask]
    return w


def consistent_some_steps(u, v, A):
    for _ in range(5):
        u = u + A.adjoint(v - A(u)) / A.norm() ** 2
    return u


def descent_halfway(gradient, projection, x0, tau, n):
    x = x0
    for _ in range(n):
        x = (x + projection(x - tau * gradient(x))) / 2
    return x


def descent_two_steps(gradient, projection, x0, tau, n):
    x = x0
    for _ in range(n):
        y = x - tau * gradient(x)
        x = projection(y - tau * gradient(y))
    return x


def named(name, function):
    function.__name__ = name
    return function


RIGHT = {
    "project_known": [known_by_where, known_by_product, known_by_assignment],
    "project_consistent": [consistent_formula, consistent_two_parts, consistent_subtracts],
    "project_box": [box_clamp, box_min_max, box_where],
    "projected_descent": [descent_loop, descent_of_the_course, descent_with_a_while],
    "harmonic_inpaint": [
        harmonic_by_descent,
        harmonic_by_means,
        harmonic_by_gradients,
        harmonic_by_momentum,
        harmonic_from_one_mean,
    ],
    "tv_inpaint": [tv_by_momentum, tv_by_descent, tv_from_zero, tv_by_nesterov],
}

WRONG = {
    "project_known": [
        ("order", known_exchanged),
        ("value", known_is_v),
        ("value", known_with_zeros),
        ("value", known_adds),
        ("value", known_mean),
        ("value", known_adds_all_of_v),
        ("value", known_correction),
        ("mutates-input", known_in_place),
        ("clipping", known_clipped),
        ("identity", known_is_u),
        ("shape", known_mask_of_gray),
        (
            "value",
            named(
                "known_mean_in_the_holes",
                lambda u, v, mask: torch.where(mask, v, v[..., mask].mean(-1)[..., None, None]),
            ),
        ),
        ("value", named("known_difference", lambda u, v, mask: torch.where(mask, v - u, 0.0))),
    ],
    "project_consistent": [
        ("adjoint", consistent_adjoint),
        ("adjoint", consistent_landweber_step),
        ("sign", consistent_sign),
        ("value", consistent_pinv_of_v),
        ("value", consistent_adds_pinv_of_v),
        ("value", consistent_correction),
        ("value", consistent_null_part),
        ("adjoint", consistent_back_projection),
        ("clipping", consistent_clipped),
        ("adjoint", named("consistent_short_step", lambda u, v, A: u + A.adjoint(v - A(u)) / 7)),
        ("adjoint", named("consistent_normal", lambda u, v, A: u + A.pinv(v) - A.adjoint(A(u)))),
        ("not-converged", consistent_some_steps),
    ],
    "project_box": [
        ("normalisation", box_stretch),
        ("normalisation", box_divide),
        ("value", box_sigmoid),
        ("clipping", box_relu),
        ("clipping", box_only_above),
        ("clipping", box_minus_one),
        ("clipping", box_bytes),
        ("value", box_modulus),
        ("value", box_fraction),
        ("value", box_zero_outside),
        ("mutates-input", box_in_place),
        ("value", named("box_rounds", lambda u: u.clamp(0, 1).round())),
        ("value", named("box_half_outside", lambda u: torch.where((u >= 0) & (u <= 1), u, 0.5))),
        ("order", named("box_exchanged", lambda u: u.clamp(min=1).clamp(max=0))),
    ],
    "projected_descent": [
        ("exception", descent_recursive),
        ("value", descent_free),
        ("order", descent_projects_at_the_end),
        ("order", descent_projects_before),
        ("order", descent_projects_x),
        ("order", descent_projects_the_gradient),
        ("start", descent_projects_the_start),
        ("sign", descent_ascends),
        ("step-size", descent_without_step),
        ("value", descent_old_gradient),
        ("value", descent_from_the_start),
        ("value", descent_returns_in_the_loop),
        ("not-converged", descent_one_less),
        ("not-converged", descent_one_more),
        ("shape", descent_path),
        ("type", descent_pair),
        ("value", descent_forgets_x),
        ("value", descent_halfway),
        ("value", descent_two_steps),
    ],
    "harmonic_inpaint": [
        ("order", harmonic_mask_reversed),
        ("value", harmonic_free),
        ("not-converged", harmonic_projects_at_the_end),
        ("start", harmonic_from_hidden_values),
        ("start", harmonic_from_the_mean_of_all),
        ("start", harmonic_from_the_mean_of_the_hidden),
        ("value", harmonic_towards_v),
        ("value", harmonic_erased),
        ("not-converged", harmonic_is_the_start),
        ("not-converged", harmonic_tiny_step),
        ("step-size|not-finite", harmonic_long_step),
        ("sign|not-finite", harmonic_ascends),
        ("not-converged", harmonic_ten_iterations),
        ("value", harmonic_zeros),
        ("value", harmonic_of_total_variation),
    ],
    "tv_inpaint": [
        ("value", tv_is_harmonic),
        ("value", tv_free),
        ("order", tv_projects_at_the_end),
        ("start", tv_from_hidden_values),
        ("start", tv_from_the_mean_of_all),
        ("not-converged", tv_fifty_iterations),
        ("global", tv_fixed_eps),
        ("sign", tv_ascends),
        ("step-size", tv_momentum_too_long),
        ("order", tv_mask_reversed),
        ("not-converged", tv_is_the_start),
        ("step-size", tv_step_of_the_laplacian),
        ("not-converged", tv_tiny_step),
        ("epsilon", tv_root_of_eps),
        ("type", tv_pair),
    ],
}

EXPLORERS = {
    "explore_inpainting": ExplorerCase(
        explore_inpainting,
        lambda values: inpainting_picture(**values),
        plugs={
            "tv_inpaint": (lambda f: explore_inpainting(tv_inpaint=f), "method", "total variation", "harmonic"),
            "harmonic_inpaint": (
                lambda f: explore_inpainting(harmonic_inpaint=f),
                "method",
                "harmonic",
                "total variation",
            ),
        },
        settings={"painted": [[[0] * 32] * 32, [[1] * 16 + [0] * 16] * 32]},
    )
}
