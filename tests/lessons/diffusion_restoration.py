"""Answers that students give to the exercises of lesson 17, right and wrong."""

import torch

from course_utils.diffusion import alpha_bar, ddim_step, ddpm_step, denoised, diffuse, gaussian_score
from course_utils.explorers.diffusion_restoration import explore_completions
from course_utils.gaussian import condition
from course_utils.posterior import conjugate_gradient, dps_gradient
from tests.explorer_case import ExplorerCase


def estimate(x, t, denoiser):
    return denoised(x, t, denoiser(x, t))


def norms(r):
    return r.flatten(1).norm(dim=1)


def leaf(x):
    return x.detach().clone().requires_grad_()


def over_images(values, x):
    """Return one number an image so that it multiplies the images."""
    return values.reshape(-1, *[1] * (x.ndim - 1))


# --- dps_gradient -----------------------------------------------------------------------------------------------------


def gradient_by_grad(x, t, A, v, denoiser):
    x = x.detach().requires_grad_()
    r = v - A(estimate(x, t, denoiser))
    return torch.autograd.grad(r.flatten(1).norm(dim=1).sum(), x)[0]


def gradient_by_backward(x, t, A, v, denoiser):
    x = leaf(x)
    a = alpha_bar(t).to(x)
    x0 = (x - torch.sqrt(1 - a) * denoiser(x, t)) / torch.sqrt(a)
    loss = 0
    for i in range(len(x)):
        loss = loss + torch.sqrt(((v - A(x0))[i] ** 2).sum())
    loss.backward()
    return x.grad


def gradient_by_vjp(x, t, A, v, denoiser):
    predicted, pull = torch.func.vjp(lambda x: A(estimate(x, t, denoiser)), x)
    r = v - predicted
    return pull(-r / over_images(norms(r), r))[0]


def gradient_by_func(x, t, A, v, denoiser):
    return torch.func.grad(lambda x: norms(A(estimate(x, t, denoiser)) - v).sum())(x)


def gradient_by_grad_outputs(x, t, A, v, denoiser):
    x = leaf(x)
    r = A(estimate(x, t, denoiser)) - v
    weights = (r / over_images(norms(r), r)).detach()
    return torch.autograd.grad(r, x, grad_outputs=weights)[0]


def gradient_with_its_graph(x, t, A, v, denoiser):
    x = leaf(x)
    return torch.autograd.grad(norms(v - A(estimate(x, t, denoiser))).sum(), x, create_graph=True)[0]


def differentiated(function):
    """Return the answer that differentiates ``function(x, t, A, v, denoiser)`` in x."""

    def answer(x, t, A, v, denoiser):
        x = leaf(x)
        return torch.autograd.grad(function(x, t, A, v, denoiser), x)[0]

    return answer


def gradient_of_the_square(x, t, A, v, denoiser):
    x = leaf(x)
    return torch.autograd.grad((v - A(estimate(x, t, denoiser))).square().sum(), x)[0]


def gradient_of_half_the_square(x, t, A, v, denoiser):
    return gradient_of_the_square(x, t, A, v, denoiser) / 2


def gradient_of_one_norm(x, t, A, v, denoiser):
    x = leaf(x)
    return torch.autograd.grad((v - A(estimate(x, t, denoiser))).norm(), x)[0]


def gradient_of_the_mean_norm(x, t, A, v, denoiser):
    x = leaf(x)
    return torch.autograd.grad(norms(v - A(estimate(x, t, denoiser))).mean(), x)[0]


def gradient_of_the_mean_square(x, t, A, v, denoiser):
    x = leaf(x)
    return torch.autograd.grad((v - A(estimate(x, t, denoiser))).square().mean(), x)[0]


def gradient_of_the_sum_of_moduli(x, t, A, v, denoiser):
    x = leaf(x)
    return torch.autograd.grad((v - A(estimate(x, t, denoiser))).abs().sum(), x)[0]


def gradient_of_norms_of_rows(x, t, A, v, denoiser):
    x = leaf(x)
    return torch.autograd.grad((v - A(estimate(x, t, denoiser))).norm(dim=-1).sum(), x)[0]


def gradient_descending(x, t, A, v, denoiser):
    return -gradient_by_grad(x, t, A, v, denoiser)


def gradient_without_jacobian_of_the_network(x, t, A, v, denoiser):
    noise = denoiser(x, t).detach()
    x = leaf(x)
    return torch.autograd.grad(norms(v - A(denoised(x, t, noise))).sum(), x)[0]


def gradient_under_no_grad_for_the_network(x, t, A, v, denoiser):
    x = leaf(x)
    with torch.no_grad():
        noise = denoiser(x, t)
    a = alpha_bar(t).to(x)
    x0 = (x - (1 - a).sqrt() * noise) / a.sqrt()
    return torch.autograd.grad(norms(v - A(x0)).sum(), x)[0]


def gradient_in_the_estimate(x, t, A, v, denoiser):
    x0 = leaf(estimate(x, t, denoiser))
    return torch.autograd.grad(norms(v - A(x0)).sum(), x0)[0]


def gradient_of_a_detached_estimate(x, t, A, v, denoiser):
    x = leaf(x)
    x0 = estimate(x, t, denoiser).detach()
    return torch.autograd.grad(norms(v - A(x0)).sum(), x)[0]


def gradient_at_x_itself(x, t, A, v, denoiser):
    x = leaf(x)
    return torch.autograd.grad(norms(v - A(x)).sum(), x)[0]


def gradient_of_the_noise(x, t, A, v, denoiser):
    x = leaf(x)
    return torch.autograd.grad(norms(v - A(denoiser(x, t))).sum(), x)[0]


def gradient_not_divided_by_the_root(x, t, A, v, denoiser):
    x = leaf(x)
    a = alpha_bar(t).to(x)
    return torch.autograd.grad(norms(v - A(x - (1 - a).sqrt() * denoiser(x, t))).sum(), x)[0]


def gradient_without_roots(x, t, A, v, denoiser):
    x = leaf(x)
    a = alpha_bar(t).to(x)
    return torch.autograd.grad(norms(v - A((x - (1 - a) * denoiser(x, t)) / a)).sum(), x)[0]


def gradient_plus_noise(x, t, A, v, denoiser):
    x = leaf(x)
    a = alpha_bar(t).to(x)
    return torch.autograd.grad(norms(v - A((x + (1 - a).sqrt() * denoiser(x, t)) / a.sqrt())).sum(), x)[0]


def gradient_clipped_estimate(x, t, A, v, denoiser):
    x = leaf(x)
    return torch.autograd.grad(norms(v - A(estimate(x, t, denoiser).clamp(-1, 1))).sum(), x)[0]


def gradient_of_unit_norm(x, t, A, v, denoiser):
    g = gradient_by_grad(x, t, A, v, denoiser)
    return g / over_images(norms(g), g)


def gradient_is_the_norm(x, t, A, v, denoiser):
    return norms(v - A(estimate(x, t, denoiser)))


def gradient_is_the_loss(x, t, A, v, denoiser):
    return norms(v - A(estimate(x, t, denoiser))).sum()


def gradient_tuple(x, t, A, v, denoiser):
    x = leaf(x)
    return torch.autograd.grad(norms(v - A(estimate(x, t, denoiser))).sum(), x)


def gradient_marks_its_argument(x, t, A, v, denoiser):
    x.requires_grad_()
    return torch.autograd.grad(norms(v - A(estimate(x, t, denoiser))).sum(), x)[0]


def gradient_forgets_requires_grad(x, t, A, v, denoiser):
    return torch.autograd.grad(norms(v - A(estimate(x, t, denoiser))).sum(), x)[0]


def gradient_of_a_vector(x, t, A, v, denoiser):
    x = leaf(x)
    norms(v - A(estimate(x, t, denoiser))).backward()
    return x.grad


def gradient_returns_backward(x, t, A, v, denoiser):
    x = leaf(x)
    return norms(v - A(estimate(x, t, denoiser))).sum().backward()


def gradient_by_the_adjoint(x, t, A, v, denoiser):
    x = leaf(x)
    x0 = estimate(x, t, denoiser)
    r = (A(x0) - v).detach()
    return torch.autograd.grad(x0, x, grad_outputs=A.adjoint(r / over_images(norms(r), r)))[0]


def gradient_is_the_step(x, t, A, v, denoiser):
    return x - gradient_by_grad(x, t, A, v, denoiser)


def gradient_without_v(x, t, A, v, denoiser):
    x = leaf(x)
    return torch.autograd.grad(norms(A(estimate(x, t, denoiser))).sum(), x)[0]


GRADIENT_RIGHT = [
    gradient_by_grad,
    gradient_by_backward,
    gradient_by_vjp,
    gradient_by_func,
    gradient_by_grad_outputs,
    gradient_with_its_graph,
]
GRADIENT_WRONG = [
    ("square-root", gradient_of_the_square),
    ("square-root", gradient_of_half_the_square),
    ("axis", gradient_of_one_norm),
    ("normalisation", gradient_of_the_mean_norm),
    ("square-root", gradient_of_the_mean_square),
    ("value", gradient_of_the_sum_of_moduli),
    ("axis", gradient_of_norms_of_rows),
    ("sign", gradient_descending),
    ("autograd", gradient_without_jacobian_of_the_network),
    ("autograd", gradient_under_no_grad_for_the_network),
    ("autograd", gradient_in_the_estimate),
    ("autograd", gradient_of_a_detached_estimate),
    ("value", gradient_at_x_itself),
    ("value", gradient_of_the_noise),
    ("weight", gradient_not_divided_by_the_root),
    ("square-root", gradient_without_roots),
    ("sign", gradient_plus_noise),
    ("clipping", gradient_clipped_estimate),
    ("normalisation", gradient_of_unit_norm),
    ("shape", gradient_is_the_norm),
    ("shape", gradient_is_the_loss),
    ("type", gradient_tuple),
    ("mutates-input", gradient_marks_its_argument),
    ("autograd", gradient_forgets_requires_grad),
    ("autograd", gradient_of_a_vector),
    ("type", gradient_returns_backward),
    ("adjoint", gradient_by_the_adjoint),
    ("value", gradient_is_the_step),
    ("value", gradient_without_v),
]


# --- replace_known ----------------------------------------------------------------------------------------------------


def replaced_by_where(x, t, v, mask, noise):
    return torch.where(mask, diffuse(v, t, noise), x)


def replaced_by_product(x, t, v, mask, noise):
    a = alpha_bar(t).to(x)
    return mask * (a.sqrt() * v + (1 - a).sqrt() * noise) + ~mask * x


def replaced_by_assignment(x, t, v, mask, noise):
    y = x.clone()
    y[..., mask] = diffuse(v, t, noise)[..., mask]
    return y


def replaced_by_angle(x, t, v, mask, noise):
    angle = torch.as_tensor(torch.pi * t / 2, dtype=x.dtype)
    return torch.where(mask, angle.cos() * v + angle.sin() * noise, x)


def replaced_by_v(x, t, v, mask, noise):
    return torch.where(mask, v, x)


def replaced_by_faded_v(x, t, v, mask, noise):
    return torch.where(mask, alpha_bar(t).sqrt().to(x) * v, x)


def replaced_by_full_noise(x, t, v, mask, noise):
    return torch.where(mask, alpha_bar(t).sqrt().to(x) * v + noise, x)


def replaced_by_v_and_noise(x, t, v, mask, noise):
    return torch.where(mask, v + (1 - alpha_bar(t)).sqrt().to(x) * noise, x)


def replaced_without_roots(x, t, v, mask, noise):
    a = alpha_bar(t).to(x)
    return torch.where(mask, a * v + (1 - a) * noise, x)


def replaced_one_minus_root(x, t, v, mask, noise):
    a = alpha_bar(t).to(x).sqrt()
    return torch.where(mask, a * v + (1 - a) * noise, x)


def replaced_roots_exchanged(x, t, v, mask, noise):
    a = alpha_bar(t).to(x)
    return torch.where(mask, (1 - a).sqrt() * v + a.sqrt() * noise, x)


def replaced_v_and_noise_exchanged(x, t, v, mask, noise):
    return torch.where(mask, diffuse(noise, t, v), x)


def replaced_linear_in_time(x, t, v, mask, noise):
    return torch.where(mask, (1 - t) * v + t * noise, x)


def replaced_roots_of_time(x, t, v, mask, noise):
    return torch.where(mask, (1 - t) ** 0.5 * v + t**0.5 * noise, x)


def replaced_mask_reversed(x, t, v, mask, noise):
    return torch.where(mask, x, diffuse(v, t, noise))


def replaced_everywhere(x, t, v, mask, noise):
    return diffuse(v, t, noise)


def replaced_hidden_zero(x, t, v, mask, noise):
    return mask * diffuse(v, t, noise)


def replaced_adds(x, t, v, mask, noise):
    return x + mask * diffuse(v, t, noise)


def replaced_by_noise(x, t, v, mask, noise):
    return torch.where(mask, noise, x)


def replaced_in_place(x, t, v, mask, noise):
    x[..., mask] = diffuse(v, t, noise)[..., mask]
    return x


def replaced_minus_noise(x, t, v, mask, noise):
    return torch.where(mask, diffuse(v, t, -noise), x)


def replaced_by_its_own_noise(x, t, v, mask, noise):
    return torch.where(mask, diffuse(v, t, torch.randn_like(v)), x)


def replaced_before_diffusion(x, t, v, mask, noise):
    return diffuse(torch.where(mask, v, x), t, noise)


def replaced_not(x, t, v, mask, noise):
    return x


def replaced_float_mask_minus(x, t, v, mask, noise):
    return mask * diffuse(v, t, noise) - ~mask * x


def replaced_half(x, t, v, mask, noise):
    return torch.where(mask, (x + diffuse(v, t, noise)) / 2, x)


def replaced_clipped(x, t, v, mask, noise):
    return torch.where(mask, diffuse(v, t, noise).clamp(-1, 1), x)


REPLACE_RIGHT = [replaced_by_where, replaced_by_product, replaced_by_assignment, replaced_by_angle]
REPLACE_WRONG = [
    ("value", replaced_by_v),
    ("value", replaced_by_faded_v),
    ("weight", replaced_by_full_noise),
    ("weight", replaced_by_v_and_noise),
    ("square-root", replaced_without_roots),
    ("square-root", replaced_one_minus_root),
    ("order", replaced_roots_exchanged),
    ("order", replaced_v_and_noise_exchanged),
    ("weight", replaced_linear_in_time),
    ("weight", replaced_roots_of_time),
    ("order", replaced_mask_reversed),
    ("value", replaced_everywhere),
    ("value", replaced_hidden_zero),
    ("value", replaced_adds),
    ("value", replaced_by_noise),
    ("mutates-input", replaced_in_place),
    ("sign", replaced_minus_noise),
    ("randomness", replaced_by_its_own_noise),
    ("order", replaced_before_diffusion),
    ("identity", replaced_not),
    ("sign", replaced_float_mask_minus),
    ("value", replaced_half),
    ("clipping", replaced_clipped),
]


def ddpm(x, t, s, noise, generator):
    """Return the DDPM step, its noise drawn from the generator."""
    with torch.no_grad():
        a, b = alpha_bar(t).to(x), alpha_bar(s).to(x)
        if not s < t:
            raise ValueError(f"s must be earlier than t = {t}, got {s}")
        variance = (1 - b) / (1 - a) * (1 - a / b)
        z = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        return b.sqrt() * denoised(x, t, noise) + (1 - b - variance).sqrt() * noise + variance.sqrt() * z


# --- dps_step ---------------------------------------------------------------------------------------------------------


def step_by_the_formula(x, t, s, A, v, denoiser, zeta, generator):
    g = dps_gradient(x, t, A, v, denoiser)
    return ddpm(x, t, s, denoiser(x, t), generator) - zeta * g


def step_of_the_notebook(x, t, s, A, v, denoiser, zeta, generator):
    z = torch.randn(x.shape, generator=generator)
    with torch.no_grad():
        new = ddpm_step(x, t, s, denoiser(x, t), z)
    new -= zeta * dps_gradient(x, t, A, v, denoiser)
    return new


def step_by_hand(x, t, s, A, v, denoiser, zeta, generator):
    x = leaf(x)
    noise = denoiser(x, t)
    x0 = denoised(x, t, noise)
    (g,) = torch.autograd.grad(norms(v - A(x0)).sum(), x)
    a, b = alpha_bar(t).to(x), alpha_bar(s).to(x)
    variance = (1 - b) / (1 - a) * (1 - a / b)
    z = torch.randn(x.shape, generator=generator)
    return (b.sqrt() * x0 + (1 - b - variance).sqrt() * noise + variance.sqrt() * z - zeta * g).detach()


def step_with_the_posterior_mean(x, t, s, A, v, denoiser, zeta, generator):
    """Use the mean of x_s given x_t and x_0 as Ho et al. write it."""
    with torch.no_grad():
        x0 = estimate(x, t, denoiser)
    a, b = alpha_bar(t).to(x), alpha_bar(s).to(x)
    alpha = a / b
    mean = (alpha.sqrt() * (1 - b) * x + b.sqrt() * (1 - alpha) * x0) / (1 - a)
    z = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    new = mean + ((1 - b) / (1 - a) * (1 - alpha)).sqrt() * z
    return new - zeta * gradient_by_vjp(x, t, A, v, denoiser)


def step_uphill(x, t, s, A, v, denoiser, zeta, generator):
    return step_by_the_formula(x, t, s, A, v, denoiser, -zeta, generator)


def step_without_zeta(x, t, s, A, v, denoiser, zeta, generator):
    return step_by_the_formula(x, t, s, A, v, denoiser, 1, generator)


def step_without_data(x, t, s, A, v, denoiser, zeta, generator):
    return ddpm(x, t, s, denoiser(x, t), generator)


def step_of_the_square(x, t, s, A, v, denoiser, zeta, generator):
    g = gradient_of_the_square(x, t, A, v, denoiser)
    return ddpm(x, t, s, denoiser(x, t), generator) - zeta * g


def step_before_the_step(x, t, s, A, v, denoiser, zeta, generator):
    x = x - zeta * dps_gradient(x, t, A, v, denoiser)
    return ddpm(x, t, s, denoiser(x, t), generator)


def step_moves_x_only(x, t, s, A, v, denoiser, zeta, generator):
    moved = x - zeta * dps_gradient(x, t, A, v, denoiser)
    return ddpm(moved, t, s, denoiser(x, t), generator)


def step_gradient_after(x, t, s, A, v, denoiser, zeta, generator):
    y = ddpm(x, t, s, denoiser(x, t), generator)
    return y - zeta * dps_gradient(y, s, A, v, denoiser)


def step_gradient_after_at_t(x, t, s, A, v, denoiser, zeta, generator):
    y = ddpm(x, t, s, denoiser(x, t), generator)
    return y - zeta * dps_gradient(y, t, A, v, denoiser)


def step_gradient_at_s(x, t, s, A, v, denoiser, zeta, generator):
    return ddpm(x, t, s, denoiser(x, t), generator) - zeta * dps_gradient(x, s, A, v, denoiser)


def step_denoiser_at_s(x, t, s, A, v, denoiser, zeta, generator):
    return ddpm(x, t, s, denoiser(x, s), generator) - zeta * dps_gradient(x, t, A, v, denoiser)


def step_without_noise(x, t, s, A, v, denoiser, zeta, generator):
    return ddim_step(x, t, s, denoiser(x, t)) - zeta * dps_gradient(x, t, A, v, denoiser)


def step_times_exchanged(x, t, s, A, v, denoiser, zeta, generator):
    return ddpm(x, s, t, denoiser(x, t), generator) - zeta * dps_gradient(x, t, A, v, denoiser)


def step_without_jacobian(x, t, s, A, v, denoiser, zeta, generator):
    g = gradient_without_jacobian_of_the_network(x, t, A, v, denoiser)
    return ddpm(x, t, s, denoiser(x, t), generator) - zeta * g


def step_of_unit_length(x, t, s, A, v, denoiser, zeta, generator):
    g = gradient_of_unit_norm(x, t, A, v, denoiser)
    return ddpm(x, t, s, denoiser(x, t), generator) - zeta * g


def step_divides_by_the_residual(x, t, s, A, v, denoiser, zeta, generator):
    rho = over_images(norms(v - A(estimate(x, t, denoiser))), x)
    return ddpm(x, t, s, denoiser(x, t), generator) - zeta / rho * dps_gradient(x, t, A, v, denoiser)


def step_returns_the_gradient(x, t, s, A, v, denoiser, zeta, generator):
    return zeta * dps_gradient(x, t, A, v, denoiser)


def step_from_x(x, t, s, A, v, denoiser, zeta, generator):
    return x - zeta * dps_gradient(x, t, A, v, denoiser)


def step_own_generator(x, t, s, A, v, denoiser, zeta, generator):
    return step_by_the_formula(x, t, s, A, v, denoiser, zeta, torch.Generator().manual_seed(0))


def step_passes_the_generator(x, t, s, A, v, denoiser, zeta, generator):
    return ddpm_step(x, t, s, denoiser(x, t), generator) - zeta * dps_gradient(x, t, A, v, denoiser)


def step_global_generator(x, t, s, A, v, denoiser, zeta, generator):
    a, b = alpha_bar(t).to(x), alpha_bar(s).to(x)
    variance = (1 - b) / (1 - a) * (1 - a / b)
    noise = denoiser(x, t)
    y = b.sqrt() * denoised(x, t, noise) + (1 - b - variance).sqrt() * noise + variance.sqrt() * torch.randn_like(x)
    return y - zeta * dps_gradient(x, t, A, v, denoiser)


def step_in_place(x, t, s, A, v, denoiser, zeta, generator):
    g = dps_gradient(x, t, A, v, denoiser)
    y = ddpm(x, t, s, denoiser(x, t), generator)
    x.copy_(y - zeta * g)
    return x


def step_pair(x, t, s, A, v, denoiser, zeta, generator):
    g = dps_gradient(x, t, A, v, denoiser)
    return ddpm(x, t, s, denoiser(x, t), generator), zeta * g


def step_square_of_zeta(x, t, s, A, v, denoiser, zeta, generator):
    return step_by_the_formula(x, t, s, A, v, denoiser, zeta**2, generator)


def step_clipped(x, t, s, A, v, denoiser, zeta, generator):
    return step_by_the_formula(x, t, s, A, v, denoiser, zeta, generator).clamp(-1, 1)


STEP_RIGHT = [step_by_the_formula, step_of_the_notebook, step_by_hand, step_with_the_posterior_mean]
STEP_WRONG = [
    ("sign", step_uphill),
    ("step-size", step_without_zeta),
    ("value", step_without_data),
    ("square-root", step_of_the_square),
    ("order", step_before_the_step),
    ("order", step_moves_x_only),
    ("order", step_gradient_after),
    ("order", step_gradient_after_at_t),
    ("value", step_gradient_at_s),
    ("value", step_denoiser_at_s),
    ("randomness", step_without_noise),
    ("order", step_times_exchanged),
    ("autograd", step_without_jacobian),
    ("step-size", step_of_unit_length),
    ("step-size", step_divides_by_the_residual),
    ("value", step_returns_the_gradient),
    ("value", step_from_x),
    ("randomness", step_own_generator),
    ("randomness", step_global_generator),
    ("exception|type", step_passes_the_generator),
    ("mutates-input", step_in_place),
    ("type", step_pair),
    ("step-size", step_square_of_zeta),
    ("clipping", step_clipped),
]


# --- pigdm_guidance ---------------------------------------------------------------------------------------------------


def guidance(x, t, A, v, denoiser, solve):
    """Return Jᵀ Aᵀ w, with w = solve(v - A x̂_0)."""
    x = leaf(x)
    x0 = estimate(x, t, denoiser)
    w = solve((v - A(x0)).detach())
    return torch.autograd.grad((w * A(x0)).sum(), x)[0]


def solver(A, r2, s2):
    """Return w -> (r² A Aᵀ + σ² I)⁻¹ w."""
    return lambda b: conjugate_gradient(lambda w: r2 * A(A.adjoint(w)) + s2 * w, b)


def left(t):
    return 1 - alpha_bar(t).item()


def guidance_by_gradients(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, solver(A, left(t), sigma**2))


def guidance_by_vjp(x, t, A, v, sigma, denoiser):
    x0, pull = torch.func.vjp(lambda x: denoised(x, t, denoiser(x, t)), x)
    return pull(A.adjoint(solver(A, left(t), sigma**2)(v - A(x0))))[0]


def guidance_of_the_quadratic_form(x, t, A, v, sigma, denoiser):
    x = leaf(x)
    r = v - A(estimate(x, t, denoiser))
    w = solver(A, left(t), sigma**2)(r.detach())
    (-(r * w).sum()).backward()
    return x.grad


def guidance_in_the_image(x, t, A, v, sigma, denoiser):
    """Solve with AᵀA: Aᵀ (r² A Aᵀ + σ²)⁻¹ = (r² AᵀA + σ²)⁻¹ Aᵀ."""
    x = leaf(x)
    x0 = estimate(x, t, denoiser)
    b = A.adjoint((v - A(x0)).detach())
    d = conjugate_gradient(lambda u: left(t) * A.adjoint(A(u)) + sigma**2 * u, b)
    return torch.autograd.grad(x0, x, d)[0]


def guidance_dense(x, t, A, v, sigma, denoiser):
    x = leaf(x)
    x0 = estimate(x, t, denoiser)
    r = (v - A(x0)).detach()
    basis = torch.eye(r[0].numel(), dtype=x.dtype).reshape(-1, *r.shape[1:])
    gram = torch.stack([A(A.adjoint(e[None]))[0].flatten() for e in basis])
    M = left(t) * gram + sigma**2 * torch.eye(len(gram), dtype=x.dtype)
    w = torch.linalg.solve(M, r.flatten(1).T).T.reshape(r.shape)
    return torch.autograd.grad(x0, x, grad_outputs=A.adjoint(w))[0]


def guidance_without_jacobian(x, t, A, v, sigma, denoiser):
    return A.adjoint(solver(A, left(t), sigma**2)(v - A(estimate(x, t, denoiser))))


def guidance_with_a_detached_network(x, t, A, v, sigma, denoiser):
    noise = denoiser(x, t).detach()
    return guidance(x, t, A, v, lambda x, t: noise, solver(A, left(t), sigma**2))


def guidance_transposed(x, t, A, v, sigma, denoiser):
    x0 = estimate(x, t, denoiser)
    d = A.adjoint(solver(A, left(t), sigma**2)(v - A(x0)))
    return torch.func.jvp(lambda x: estimate(x, t, denoiser), (x,), (d,))[1]


def guidance_without_noise(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, solver(A, left(t), 1e-9))


def guidance_sigma_not_squared(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, solver(A, left(t), sigma))


def guidance_r_of_the_signal(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, solver(A, 1 - left(t), sigma**2))


def guidance_r_not_squared(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, solver(A, left(t) ** 0.5, sigma**2))


def guidance_r_squared_twice(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, solver(A, left(t) ** 2, sigma**2))


def guidance_r_of_noise_over_signal(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, solver(A, left(t) / (1 - left(t)), sigma**2))


def guidance_r_one(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, solver(A, 1, sigma**2))


def guidance_r_of_time(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, solver(A, t, sigma**2))


def guidance_sigma_only(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, lambda r: r / sigma**2)


def guidance_without_gram(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, lambda r: r / (left(t) + sigma**2))


def guidance_without_inverse(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, lambda r: r)


def guidance_without_the_system_solved(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, lambda r: left(t) * A(A.adjoint(r)) + sigma**2 * r)


def guidance_by_pinv(x, t, A, v, sigma, denoiser):
    x = leaf(x)
    x0 = estimate(x, t, denoiser)
    return torch.autograd.grad((A.pinv((v - A(x0)).detach()) * x0).sum(), x)[0]


def guidance_minus(x, t, A, v, sigma, denoiser):
    x = leaf(x)
    r = v - A(estimate(x, t, denoiser))
    w = solver(A, left(t), sigma**2)(r.detach())
    return torch.autograd.grad((r * w).sum(), x)[0]


def guidance_differentiates_w_too(x, t, A, v, sigma, denoiser):
    x = leaf(x)
    x0 = estimate(x, t, denoiser)
    w = solver(A, left(t), sigma**2)(v - A(x0))
    return torch.autograd.grad((w * A(x0)).sum(), x)[0]


def guidance_twice(x, t, A, v, sigma, denoiser):
    x = leaf(x)
    r = v - A(estimate(x, t, denoiser))
    w = solver(A, left(t), sigma**2)(r)
    return torch.autograd.grad(-(r * w).sum(), x)[0]


def guidance_residual_of_x(x, t, A, v, sigma, denoiser):
    x = leaf(x)
    x0 = estimate(x, t, denoiser)
    w = solver(A, left(t), sigma**2)((v - A(x)).detach())
    return torch.autograd.grad((w * A(x0)).sum(), x)[0]


def guidance_residual_is_v(x, t, A, v, sigma, denoiser):
    return guidance(x, t, A, v, denoiser, lambda r: solver(A, left(t), sigma**2)(v))


def guidance_without_adjoint(x, t, A, v, sigma, denoiser):
    x = leaf(x)
    x0 = estimate(x, t, denoiser)
    w = solver(A, left(t), sigma**2)((v - A(x0)).detach())
    return torch.autograd.grad((w * x0).sum(), x)[0]


def guidance_estimate_not_divided(x, t, A, v, sigma, denoiser):
    x = leaf(x)
    x0 = x - left(t) ** 0.5 * denoiser(x, t)
    w = solver(A, left(t), sigma**2)((v - A(x0)).detach())
    return torch.autograd.grad((w * A(x0)).sum(), x)[0]


def guidance_plus_the_score(x, t, A, v, sigma, denoiser):
    return guidance_by_gradients(x, t, A, v, sigma, denoiser) - denoiser(x, t) / left(t) ** 0.5


def guidance_marks_its_argument(x, t, A, v, sigma, denoiser):
    x.requires_grad_()
    x0 = estimate(x, t, denoiser)
    w = solver(A, left(t), sigma**2)((v - A(x0)).detach())
    return torch.autograd.grad((w * A(x0)).sum(), x)[0]


def guidance_times_r(x, t, A, v, sigma, denoiser):
    return left(t) * guidance_by_gradients(x, t, A, v, sigma, denoiser)


GUIDANCE_RIGHT = [
    guidance_by_gradients,
    guidance_by_vjp,
    guidance_of_the_quadratic_form,
    guidance_in_the_image,
    guidance_dense,
]
GUIDANCE_WRONG = [
    ("autograd", guidance_without_jacobian),
    ("autograd", guidance_with_a_detached_network),
    ("transpose", guidance_transposed),
    ("weight", guidance_without_noise),
    ("square-root", guidance_sigma_not_squared),
    ("weight", guidance_r_of_the_signal),
    ("square-root", guidance_r_not_squared),
    ("square-root", guidance_r_squared_twice),
    ("weight", guidance_r_of_noise_over_signal),
    ("weight", guidance_r_one),
    ("weight", guidance_r_of_time),
    ("weight", guidance_sigma_only),
    ("adjoint|value", guidance_without_gram),
    ("value", guidance_without_inverse),
    ("value", guidance_without_the_system_solved),
    ("weight|value", guidance_by_pinv),
    ("sign", guidance_minus),
    ("autograd", guidance_differentiates_w_too),
    ("normalisation", guidance_twice),
    ("value", guidance_residual_of_x),
    ("value", guidance_residual_is_v),
    ("adjoint|exception|shape", guidance_without_adjoint),
    ("weight", guidance_estimate_not_divided),
    ("value", guidance_plus_the_score),
    ("mutates-input", guidance_marks_its_argument),
    ("normalisation", guidance_times_r),
]


# --- posterior_score_gaussian -----------------------------------------------------------------------------------------


def score_of(x, t, mean, axes, variances):
    return gaussian_score(x, t, (mean, axes, variances))


def score_by_svd(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    U, s, _ = torch.linalg.svd(F, full_matrices=False)
    return score_of(x, t, m, U, s**2)


def score_by_eigh(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    variances, axes = torch.linalg.eigh(F @ F.T)
    return score_of(x, t, m, axes, variances.clamp(min=0))


def score_dense(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    a = alpha_bar(t)
    C = a * F @ F.T + (1 - a) * torch.eye(len(m), dtype=x.dtype)
    return -torch.linalg.solve(C, (x - a.sqrt() * m)[..., None])[..., 0]


def score_by_autograd(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    a = alpha_bar(t)
    law = torch.distributions.MultivariateNormal(a.sqrt() * m, a * F @ F.T + (1 - a) * torch.eye(len(m), dtype=x.dtype))
    x = leaf(x)
    return torch.autograd.grad(law.log_prob(x).sum(), x)[0]


def score_by_bayes(x, t, v, mask, sigma, model):
    """Add ∇ log p(v | x_t), with x_0 given x_t of mean x̂_0 and covariance E diag(λ (1-ᾱ) / (ᾱλ + 1-ᾱ)) Eᵀ."""
    mean, E, lam = model
    a = alpha_bar(t)
    gain = a.sqrt() * lam / (a * lam + 1 - a)
    x0 = mean + ((x - a.sqrt() * mean) @ E * gain) @ E.T
    seen = E[mask]
    C = seen @ torch.diag(lam * (1 - a) / (a * lam + 1 - a)) @ seen.T + sigma**2 * torch.eye(len(seen), dtype=x.dtype)
    w = torch.linalg.solve(C, (v - x0)[..., mask].mT if x.ndim > 1 else (v - x0)[mask][:, None]).mT
    w = w if x.ndim > 1 else w[0]
    return gaussian_score(x, t, model) + ((w @ seen) * gain) @ E.T


def score_by_woodbury(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    a = alpha_bar(t)
    y = x - a.sqrt() * m
    S = torch.eye(F.shape[1], dtype=x.dtype) + a / (1 - a) * F.T @ F
    return -(y - a / (1 - a) * (y @ F) @ torch.linalg.inv(S) @ F.T) / (1 - a)


def score_of_the_prior(x, t, v, mask, sigma, model):
    return gaussian_score(x, t, model)


def score_mean_not_scaled(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    U, s, _ = torch.linalg.svd(F, full_matrices=False)
    return score_of(x, t, m / alpha_bar(t).sqrt(), U, s**2)


def score_mean_by_alpha(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    U, s, _ = torch.linalg.svd(F, full_matrices=False)
    return score_of(x, t, m * alpha_bar(t).sqrt(), U, s**2)


def score_singular_values_not_squared(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    U, s, _ = torch.linalg.svd(F, full_matrices=False)
    return score_of(x, t, m, U, s)


def score_covariance_not_scaled(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    U, s, _ = torch.linalg.svd(F, full_matrices=False)
    return score_of(x, t, m, U, s**2 / alpha_bar(t))


def score_covariance_by_the_root(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    U, s, _ = torch.linalg.svd(F, full_matrices=False)
    return score_of(x, t, m, U, s**2 / alpha_bar(t).sqrt())


def score_noise_not_squared(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    a = alpha_bar(t)
    C = a * F @ F.T + (1 - a).sqrt() * torch.eye(len(m), dtype=x.dtype)
    return -(x - a.sqrt() * m) @ torch.linalg.inv(C)


def score_without_diffusion_noise(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    a = alpha_bar(t)
    return -(x - a.sqrt() * m) @ torch.linalg.pinv(a * F @ F.T, hermitian=True)


def score_of_white_noise(x, t, v, mask, sigma, model):
    m, _ = condition(v, mask, model, sigma)
    a = alpha_bar(t)
    return -(x - a.sqrt() * m) / (1 - a)


def score_positive(x, t, v, mask, sigma, model):
    return -score_by_svd(x, t, v, mask, sigma, model)


def score_prior_covariance(x, t, v, mask, sigma, model):
    m, _ = condition(v, mask, model, sigma)
    return score_of(x, t, m, model[1], model[2])


def score_prior_mean(x, t, v, mask, sigma, model):
    _, F = condition(v, mask, model, sigma)
    U, s, _ = torch.linalg.svd(F, full_matrices=False)
    return score_of(x, t, model[0], U, s**2)


def score_prior_axes(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    return score_of(x, t, m, model[1], F.square().sum(dim=0))


def score_columns_as_axes(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    lengths = F.norm(dim=0)
    return score_of(x, t, m, F / lengths, lengths**2)


def score_factor_as_axes(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    return score_of(x, t, m, F, torch.ones_like(model[2]))


def score_as_if_x_were_clean(x, t, v, mask, sigma, model):
    return gaussian_score(x, t, model) + mask * (v - x) / sigma**2


def score_as_if_estimate_were_certain(x, t, v, mask, sigma, model):
    mean, E, lam = model
    a = alpha_bar(t)
    x0 = mean + ((x - a.sqrt() * mean) @ E * (a.sqrt() * lam / (a * lam + 1 - a))) @ E.T
    return gaussian_score(x, t, model) + mask * (v - x0) / sigma**2


def score_mask_reversed(x, t, v, mask, sigma, model):
    return score_by_svd(x, t, v, ~mask, sigma, model)


def score_all_seen(x, t, v, mask, sigma, model):
    return score_by_svd(x, t, v, torch.ones_like(mask), sigma, model)


def score_sigma_squared(x, t, v, mask, sigma, model):
    return score_by_svd(x, t, v, mask, sigma**2, model)


def score_sigma_rooted(x, t, v, mask, sigma, model):
    return score_by_svd(x, t, v, mask, sigma**0.5, model)


def score_exchanged_arguments(x, t, v, mask, sigma, model):
    return score_by_svd(v, t, x, mask, sigma, model)


def score_right_singular_vectors(x, t, v, mask, sigma, model):
    m, F = condition(v, mask, model, sigma)
    _, s, Vt = torch.linalg.svd(F, full_matrices=False)
    return score_of(x, t, m, Vt.T, s**2)


def score_difference(x, t, v, mask, sigma, model):
    return score_by_svd(x, t, v, mask, sigma, model) - gaussian_score(x, t, model)


def score_is_the_mean(x, t, v, mask, sigma, model):
    return condition(v, mask, model, sigma)[0].expand(x.shape)


def score_summed(x, t, v, mask, sigma, model):
    return score_by_svd(x, t, v, mask, sigma, model).sum(dim=0)


def score_times_the_root(x, t, v, mask, sigma, model):
    return score_by_svd(x, t, v, mask, sigma, model) * (1 - alpha_bar(t)).sqrt()


SCORE_RIGHT = [score_by_svd, score_by_eigh, score_dense, score_by_autograd, score_by_bayes, score_by_woodbury]
SCORE_WRONG = [
    ("value", score_of_the_prior),
    ("weight", score_mean_not_scaled),
    ("square-root", score_mean_by_alpha),
    ("square-root", score_singular_values_not_squared),
    ("weight", score_covariance_not_scaled),
    ("square-root|weight", score_covariance_by_the_root),
    ("square-root", score_noise_not_squared),
    ("value", score_without_diffusion_noise),
    ("value", score_of_white_noise),
    ("sign", score_positive),
    ("value", score_prior_covariance),
    ("mean|value", score_prior_mean),
    ("axis|value", score_prior_axes),
    ("axis|value", score_columns_as_axes),
    ("axis|value", score_factor_as_axes),
    ("value", score_as_if_x_were_clean),
    ("value", score_as_if_estimate_were_certain),
    ("order", score_mask_reversed),
    ("value", score_all_seen),
    ("square-root", score_sigma_squared),
    ("square-root", score_sigma_rooted),
    ("exception", score_exchanged_arguments),
    ("exception|transpose|axis", score_right_singular_vectors),
    ("value", score_difference),
    ("constant|value", score_is_the_mean),
    ("shape", score_summed),
    ("normalisation", score_times_the_root),
]

# --- plug_and_play ----------------------------------------------------------------------------------------------------


def plugged_loop(u, A, v, denoise, tau, n):
    for _ in range(n):
        u = denoise(u - tau * A.adjoint(A(u) - v))
    return u


def plugged_towards_v(u, A, v, denoise, tau, n):
    back = A.adjoint(v)
    k = 0
    while k < n:
        u = denoise(u + tau * (back - A.adjoint(A(u))))
        k += 1
    return u


def plugged_recursive(u, A, v, denoise, tau, n):
    if n == 0:
        return u
    return plugged_recursive(denoise(u - tau * A.adjoint(A(u) - v)), A, v, denoise, tau, n - 1)


def plugged_by_autograd(u, A, v, denoise, tau, n):
    for _ in range(n):
        u = leaf(u)
        (g,) = torch.autograd.grad(0.5 * (A(u) - v).square().sum(), u)
        u = denoise(u.detach() - tau * g)
    return u


def plugged_free(u, A, v, denoise, tau, n):
    return plugged_loop(u, A, v, lambda u: u, tau, n)


def plugged_denoises_at_the_end(u, A, v, denoise, tau, n):
    return denoise(plugged_free(u, A, v, denoise, tau, n))


def plugged_denoises_before(u, A, v, denoise, tau, n):
    for _ in range(n):
        u = denoise(u)
        u = u - tau * A.adjoint(A(u) - v)
    return u


def plugged_denoises_u_only(u, A, v, denoise, tau, n):
    for _ in range(n):
        u = denoise(u) - tau * A.adjoint(A(u) - v)
    return u


def plugged_denoises_the_gradient(u, A, v, denoise, tau, n):
    for _ in range(n):
        u = u - denoise(tau * A.adjoint(A(u) - v))
    return u


def plugged_denoises_only(u, A, v, denoise, tau, n):
    for _ in range(n):
        u = denoise(u)
    return u


def plugged_uphill(u, A, v, denoise, tau, n):
    return plugged_loop(u, A, v, denoise, -tau, n)


def plugged_without_tau(u, A, v, denoise, tau, n):
    return plugged_loop(u, A, v, denoise, 1.0, n)


def plugged_twice_tau(u, A, v, denoise, tau, n):
    return plugged_loop(u, A, v, denoise, 2 * tau, n)


def plugged_over_the_norm(u, A, v, denoise, tau, n):
    return plugged_loop(u, A, v, denoise, tau / A.norm() ** 2, n)


def plugged_old_gradient(u, A, v, denoise, tau, n):
    g = A.adjoint(A(u) - v)
    for _ in range(n):
        u = denoise(u - tau * g)
    return u


def plugged_from_the_start(u, A, v, denoise, tau, n):
    w = u
    for _ in range(n):
        w = denoise(u - tau * A.adjoint(A(w) - v))
    return w


def plugged_from_the_adjoint(u, A, v, denoise, tau, n):
    return plugged_loop(A.adjoint(v), A, v, denoise, tau, n)


def plugged_from_zero(u, A, v, denoise, tau, n):
    return plugged_loop(torch.zeros_like(u), A, v, denoise, tau, n)


def plugged_returns_in_the_loop(u, A, v, denoise, tau, n):
    for _ in range(n):
        return denoise(u - tau * A.adjoint(A(u) - v))
    return u


def plugged_one_less(u, A, v, denoise, tau, n):
    return plugged_loop(u, A, v, denoise, tau, max(n - 1, 0))


def plugged_one_more(u, A, v, denoise, tau, n):
    return plugged_loop(u, A, v, denoise, tau, n + 1)


def plugged_pinv(u, A, v, denoise, tau, n):
    for _ in range(n):
        u = denoise(u - tau * A.pinv(A(u) - v))
    return u


def plugged_without_adjoint(u, A, v, denoise, tau, n):
    for _ in range(n):
        u = denoise(u - tau * (A(u) - v))
    return u


def plugged_without_data(u, A, v, denoise, tau, n):
    for _ in range(n):
        u = denoise(u - tau * A.adjoint(A(u)))
    return u


def plugged_in_place(u, A, v, denoise, tau, n):
    for _ in range(n):
        u -= tau * A.adjoint(A(u) - v)
        u = denoise(u)
    return u


def plugged_path(u, A, v, denoise, tau, n):
    return torch.stack([plugged_loop(u, A, v, denoise, tau, k) for k in range(n + 1)])


def plugged_halfway(u, A, v, denoise, tau, n):
    for _ in range(n):
        u = (u + denoise(u - tau * A.adjoint(A(u) - v))) / 2
    return u


def plugged_denoises_twice(u, A, v, denoise, tau, n):
    for _ in range(n):
        u = denoise(u)
        u = denoise(u - tau * A.adjoint(A(u) - v))
    return u


def plugged_clipped(u, A, v, denoise, tau, n):
    return plugged_loop(u, A, v, denoise, tau, n).clamp(0, 1)


PLUGGED_RIGHT = [plugged_loop, plugged_towards_v, plugged_recursive, plugged_by_autograd]
PLUGGED_WRONG = [
    ("value", plugged_free),
    ("order", plugged_denoises_at_the_end),
    ("order", plugged_denoises_before),
    ("order", plugged_denoises_u_only),
    ("order", plugged_denoises_the_gradient),
    ("value", plugged_denoises_only),
    ("sign", plugged_uphill),
    ("step-size", plugged_without_tau),
    ("step-size", plugged_twice_tau),
    ("step-size", plugged_over_the_norm),
    ("value", plugged_old_gradient),
    ("value", plugged_from_the_start),
    ("start", plugged_from_the_adjoint),
    ("start", plugged_from_zero),
    ("value", plugged_returns_in_the_loop),
    ("not-converged", plugged_one_less),
    ("not-converged", plugged_one_more),
    ("adjoint", plugged_pinv),
    ("exception|adjoint|shape", plugged_without_adjoint),
    ("value", plugged_without_data),
    ("mutates-input", plugged_in_place),
    ("shape", plugged_path),
    ("value", plugged_halfway),
    ("order", plugged_denoises_twice),
    ("clipping", plugged_clipped),
]

RIGHT = {
    "dps_gradient": GRADIENT_RIGHT,
    "dps_step": STEP_RIGHT,
    "pigdm_guidance": GUIDANCE_RIGHT,
    "replace_known": REPLACE_RIGHT,
    "posterior_score_gaussian": SCORE_RIGHT,
    "plug_and_play": PLUGGED_RIGHT,
}
WRONG = {
    "dps_gradient": GRADIENT_WRONG,
    "dps_step": STEP_WRONG,
    "pigdm_guidance": GUIDANCE_WRONG,
    "replace_known": REPLACE_WRONG,
    "posterior_score_gaussian": SCORE_WRONG,
    "plug_and_play": PLUGGED_WRONG,
}

# --- the explorer -----------------------------------------------------------------------------------------------------

EXPLORERS = {
    "explore_completions": ExplorerCase(
        explore_completions, settings={"painted": [[[0] * 16] * 16, [[1] * 16] * 16, [[1] * 8 + [0] * 8] * 16]}
    )
}
