"""Answers to the exercises of notebook 16: right ones in several styles, and the wrong ones that students write."""

# ruff: noqa: E501

import math

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.diffusion import alpha_bar as bar
from course_utils.diffusion import per_image
from course_utils.explorers.diffusion import diffusion_picture, explore_diffusion
from tests.explorer_case import ExplorerCase

# --- helpers ---------------------------------------------------------------------------------------------------------


def named(name, function):
    function.__name__ = name
    return function


def of(t, x):
    """Return ᾱ(t) so that it multiplies x."""
    return bar(t).to(x).reshape(-1, *[1] * (x.ndim - 1))


# --- alpha_bar -------------------------------------------------------------------------------------------------------


def alpha_by(formula):
    return lambda t: formula(torch.as_tensor(t, dtype=t.dtype if isinstance(t, torch.Tensor) else torch.float64))


def alpha_of_tensors_only(t):
    return torch.cos(torch.pi * t / 2) ** 2


def alpha_by_numpy(t):
    return np.cos(np.pi / 2 * t) ** 2


def alpha_by_as_tensor(t):
    return torch.cos(torch.as_tensor(t) * math.pi / 2).square()


def alpha_of_both_kinds(t):
    if isinstance(t, float):
        return math.cos(math.pi * t / 2) ** 2
    return torch.cos(math.pi * t / 2) ** 2


def alpha_in_place_on_a_copy(t):
    a = torch.as_tensor(t, dtype=torch.float64).clone()
    a *= math.pi / 2
    return a.cos_().square_()


def alpha_of_one_number_only(t):
    return math.cos(math.pi / 2 * t) ** 2


def alpha_in_place(t):
    if isinstance(t, torch.Tensor):
        t *= math.pi / 2
        return torch.cos(t) ** 2
    return torch.tensor(math.cos(math.pi / 2 * t) ** 2)


def alpha_with_offset(t):
    def f(t):
        return torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    t = torch.as_tensor(t)
    return f(t) / f(torch.zeros_like(t))


def alpha_prints(t):
    print(torch.cos(math.pi / 2 * torch.as_tensor(t)) ** 2)


def alpha_constant(t):
    return torch.full_like(torch.as_tensor(t), 0.5)


ALPHA_RIGHT = [
    named("alpha_cosine", alpha_by(lambda t: torch.cos(math.pi / 2 * t).square())),
    named("alpha_half_angle", alpha_by(lambda t: (1 + torch.cos(math.pi * t)) / 2)),
    named("alpha_one_minus_sine", alpha_by(lambda t: 1 - torch.sin(math.pi / 2 * t) ** 2)),
    named(
        "alpha_by_where", alpha_by(lambda t: torch.where(t < 1, torch.cos(math.pi / 2 * t) ** 2, torch.zeros_like(t)))
    ),
    alpha_of_tensors_only,
    alpha_by_numpy,
    alpha_by_as_tensor,
    alpha_of_both_kinds,
    alpha_in_place_on_a_copy,
]
ALPHA_WRONG = [
    ("square-root", named("alpha_without_square", alpha_by(lambda t: torch.cos(math.pi / 2 * t)))),
    ("square-root", named("alpha_squared_twice", alpha_by(lambda t: torch.cos(math.pi / 2 * t) ** 4))),
    ("order", named("alpha_sine", alpha_by(lambda t: torch.sin(math.pi / 2 * t) ** 2))),
    ("order", named("alpha_the_noise_s_share", alpha_by(lambda t: 1 - torch.cos(math.pi / 2 * t) ** 2))),
    ("square-root|order", named("alpha_sine_without_square", alpha_by(lambda t: torch.sin(math.pi / 2 * t)))),
    ("value", named("alpha_linear", alpha_by(lambda t: 1 - t))),
    ("value|order", named("alpha_the_time", alpha_by(lambda t: t * 1.0))),
    ("value|square-root", named("alpha_parabola", alpha_by(lambda t: 1 - t**2))),
    ("weight|value", named("alpha_half_forgotten", alpha_by(lambda t: torch.cos(math.pi * t) ** 2))),
    ("weight|value", named("alpha_pi_forgotten", alpha_by(lambda t: torch.cos(t / 2) ** 2))),
    ("weight|value", named("alpha_angle_forgotten", alpha_by(lambda t: torch.cos(t) ** 2))),
    ("weight|value", named("alpha_in_degrees", alpha_by(lambda t: torch.cos(90 * t) ** 2))),
    ("square-root|value", named("alpha_square_inside", alpha_by(lambda t: torch.cos((math.pi / 2 * t) ** 2)))),
    ("value|weight", named("alpha_cosine_of_pi", alpha_by(lambda t: torch.cos(math.pi * t)))),
    ("value", named("alpha_exponential", alpha_by(lambda t: torch.exp(-t)))),
    ("value", alpha_with_offset),
    ("exception|type|shape", alpha_of_one_number_only),
    ("mutates-input", alpha_in_place),
    ("type", alpha_prints),
    ("constant", alpha_constant),
]  # fmt: skip

# --- diffuse ---------------------------------------------------------------------------------------------------------


def diffuse_by(formula):
    """Return x_t by a formula of ᾱ, of the shape that multiplies images, of x_0 and ε."""
    return lambda x0, t, noise: formula(of(t, x0), x0, noise)


def diffuse_by_angles(x0, t, noise):
    angle = torch.as_tensor(t, dtype=x0.dtype).reshape(-1, *[1] * (x0.ndim - 1)) * math.pi / 2
    return angle.cos() * x0 + angle.sin() * noise


def diffuse_per_image(x0, t, noise):
    a = per_image(bar(t), x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def diffuse_by_none(x0, t, noise):
    a = bar(t)
    if a.ndim:
        a = a[(slice(None), *[None] * (x0.ndim - 1))]
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def diffuse_loops_over_images(x0, t, noise):
    times = t if isinstance(t, torch.Tensor) and t.ndim else [t] * len(x0)
    return torch.stack([bar(s).sqrt() * x + (1 - bar(s)).sqrt() * e for s, x, e in zip(times, x0, noise, strict=True)])


def diffuse_in_place_on_copies(x0, t, noise):
    a = of(t, x0)
    x = x0.clone()
    x *= a.sqrt()
    x += noise * (1 - a).sqrt()
    return x


def diffuse_moves_the_axis(x0, t, noise):
    a = bar(t)
    return (a.sqrt() * x0.movedim(0, -1) + (1 - a).sqrt() * noise.movedim(0, -1)).movedim(-1, 0)


def diffuse_by_einsum(x0, t, noise):
    a = bar(t).expand(len(x0))
    return torch.einsum("b,b...->b...", a.sqrt(), x0) + torch.einsum("b,b...->b...", (1 - a).sqrt(), noise)


def diffuse_in_float32(x0, t, noise):
    a = of(t, x0).float()
    return a.sqrt() * x0.float() + (1 - a).sqrt() * noise.float()


def diffuse_without_reshape(x0, t, noise):
    a = bar(t)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def diffuse_by_math_sqrt(x0, t, noise):
    a = bar(t)
    return math.sqrt(a) * x0 + math.sqrt(1 - a) * noise


def diffuse_by_float(x0, t, noise):
    a = float(bar(float(t)))
    return a**0.5 * x0 + (1 - a) ** 0.5 * noise


def diffuse_at_the_first_time(x0, t, noise):
    a = bar(t).flatten()[0]
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def diffuse_at_the_mean_time(x0, t, noise):
    a = bar(t).mean()
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def diffuse_its_own_noise(x0, t, noise):
    a = of(t, x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * torch.randn_like(x0)


def diffuse_in_place(x0, t, noise):
    a = of(t, x0)
    x0 *= a.sqrt()
    return x0 + (1 - a).sqrt() * noise


def diffuse_changes_the_noise(x0, t, noise):
    a = of(t, x0)
    return noise.mul_((1 - a).sqrt()).add_(a.sqrt() * x0)


def diffuse_the_time_itself(x0, t, noise):
    a = 1 - torch.as_tensor(t, dtype=x0.dtype).reshape(-1, *[1] * (x0.ndim - 1))
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def diffuse_four_axes_only(x0, t, noise):
    a = bar(t).reshape(-1, 1, 1, 1)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def diffuse_returns_the_noise_too(x0, t, noise):
    return diffuse_by_angles(x0, t, noise), noise


def no_root_of_image(a, x0, e):
    return a * x0 + (1 - a).sqrt() * e


DIFFUSE_RIGHT = [
    named("diffuse_by_formula", diffuse_by(lambda a, x, e: a.sqrt() * x + (1 - a).sqrt() * e)),
    named("diffuse_by_addcmul", diffuse_by(lambda a, x, e: torch.addcmul(a**0.5 * x, (1 - a) ** 0.5, e))),
    named("diffuse_signal_to_noise", diffuse_by(lambda a, x, e: a.sqrt() * (x + ((1 - a) / a).sqrt() * e))),
    diffuse_per_image,
    diffuse_by_angles,
    diffuse_by_none,
    diffuse_loops_over_images,
    diffuse_in_place_on_copies,
    diffuse_moves_the_axis,
    diffuse_by_einsum,
    diffuse_in_float32,
]
DIFFUSE_WRONG = [
    ("square-root", named("diffuse_no_roots", diffuse_by(lambda a, x, e: a * x + (1 - a) * e))),
    ("square-root", named("diffuse_no_root_of_the_image", diffuse_by(no_root_of_image))),
    ("square-root", named("diffuse_no_root_of_the_noise", diffuse_by(lambda a, x, e: a.sqrt() * x + (1 - a) * e))),
    ("square-root", named("diffuse_one_minus_the_root", diffuse_by(lambda a, x, e: a.sqrt() * x + (1 - a.sqrt()) * e))),
    ("square-root", named("diffuse_squares", diffuse_by(lambda a, x, e: a * a * x + (1 - a * a).sqrt() * e))),
    ("square-root", named("diffuse_alpha_and_its_rest", diffuse_by(lambda a, x, e: a * x + (1 - a * a).sqrt() * e))),
    ("order", named("diffuse_exchanged", diffuse_by(lambda a, x, e: (1 - a).sqrt() * x + a.sqrt() * e))),
    ("order", named("diffuse_exchanged_without_roots", diffuse_by(lambda a, x, e: (1 - a) * x + a * e))),
    ("weight", named("diffuse_alpha_twice", diffuse_by(lambda a, x, e: a.sqrt() * (x + e)))),
    ("weight", named("diffuse_the_image_kept", diffuse_by(lambda a, x, e: x + (1 - a).sqrt() * e))),
    ("weight", named("diffuse_the_noise_kept", diffuse_by(lambda a, x, e: a.sqrt() * x + e))),
    ("weight", named("diffuse_noise_by_the_ratio", diffuse_by(lambda a, x, e: x + ((1 - a) / a).sqrt() * e))),
    ("weight|truncation", named("diffuse_no_noise", diffuse_by(lambda a, x, e: a.sqrt() * x))),
    ("weight|truncation", named("diffuse_no_image", diffuse_by(lambda a, x, e: (1 - a).sqrt() * e))),
    ("weight|value", named("diffuse_just_added", diffuse_by(lambda a, x, e: x + e))),
    ("sign", named("diffuse_minus", diffuse_by(lambda a, x, e: a.sqrt() * x - (1 - a).sqrt() * e))),
    ("clipping", named("diffuse_clipped", diffuse_by(lambda a, x, e: (a.sqrt() * x + (1 - a).sqrt() * e).clamp(-1, 1)))),
    ("value|weight", diffuse_the_time_itself),
    ("randomness", diffuse_its_own_noise),
    ("axis|shape|exception", diffuse_without_reshape),
    ("axis|shape|exception|type", diffuse_by_math_sqrt),
    ("axis|shape|exception|type", diffuse_by_float),
    ("axis|truncation|shape|constant", diffuse_at_the_first_time),
    ("axis|mean|shape", diffuse_at_the_mean_time),
    ("axis|shape|exception", diffuse_four_axes_only),
    ("mutates-input", diffuse_in_place),
    ("mutates-input", diffuse_changes_the_noise),
    ("type", diffuse_returns_the_noise_too),
    ("mean|value", named("diffuse_from_zero_one", diffuse_by(lambda a, x, e: a.sqrt() * (2 * x - 1) + (1 - a).sqrt() * e))),
]  # fmt: skip

# --- denoised --------------------------------------------------------------------------------------------------------


def denoised_by(formula):
    return lambda x, t, noise: formula(of(t, x), x, noise)


def denoised_by_angles(x, t, noise):
    angle = torch.as_tensor(t, dtype=x.dtype).reshape(-1, *[1] * (x.ndim - 1)) * math.pi / 2
    return x / angle.cos() - angle.tan() * noise


def denoised_by_tweedie(x, t, noise):
    a = of(t, x)
    score = -noise / (1 - a).sqrt()
    return (x + (1 - a) * score) / a.sqrt()


def denoised_loops_over_images(x, t, noise):
    times = t.tolist() if isinstance(t, torch.Tensor) and t.ndim else [float(t)] * len(x)
    out = torch.empty_like(x)
    for k, s in enumerate(times):
        a = bar(s)
        out[k] = (x[k] - (1 - a) ** 0.5 * noise[k]) / a**0.5
    return out


def denoised_in_place_on_copies(x, t, noise):
    a = of(t, x)
    y = x.clone()
    y -= (1 - a).sqrt() * noise
    y /= a.sqrt()
    return y


def denoised_in_float32(x, t, noise):
    a = of(t, x).float()
    return (x.float() - (1 - a).sqrt() * noise.float()) / a.sqrt()


def denoised_without_reshape(x, t, noise):
    a = bar(t)
    return (x - (1 - a).sqrt() * noise) / a.sqrt()


def denoised_at_the_first_time(x, t, noise):
    a = bar(t).flatten()[0]
    return (x - (1 - a).sqrt() * noise) / a.sqrt()


def denoised_in_place(x, t, noise):
    a = of(t, x)
    x -= (1 - a).sqrt() * noise
    return x / a.sqrt()


def denoised_divides_in_place(x, t, noise):
    a = of(t, x)
    return x.sub_((1 - a).sqrt() * noise).div_(a.sqrt())


def denoised_numpy(x, t, noise):
    return denoised_by_tweedie(x, t, noise).numpy()


DENOISED_RIGHT = [
    named("denoised_by_formula", denoised_by(lambda a, x, e: (x - (1 - a).sqrt() * e) / a.sqrt())),
    named("denoised_in_two_terms", denoised_by(lambda a, x, e: x / a.sqrt() - (1 / a - 1).sqrt() * e)),
    named("denoised_by_rsqrt", denoised_by(lambda a, x, e: torch.rsqrt(a) * torch.addcmul(x, -((1 - a) ** 0.5), e))),
    denoised_by_angles,
    denoised_by_tweedie,
    denoised_loops_over_images,
    denoised_in_place_on_copies,
    denoised_in_float32,
]
DENOISED_WRONG = [
    ("square-root", named("denoised_divided_by_alpha", denoised_by(lambda a, x, e: (x - (1 - a).sqrt() * e) / a))),
    ("square-root", named("denoised_no_root_of_the_noise", denoised_by(lambda a, x, e: (x - (1 - a) * e) / a.sqrt()))),
    ("square-root", named("denoised_no_roots", denoised_by(lambda a, x, e: (x - (1 - a) * e) / a))),
    ("square-root", named("denoised_one_minus_root", denoised_by(lambda a, x, e: (x - (1 - a.sqrt()) * e) / a.sqrt()))),
    ("normalisation", named("denoised_not_divided", denoised_by(lambda a, x, e: x - (1 - a).sqrt() * e))),
    ("normalisation", named("denoised_multiplied", denoised_by(lambda a, x, e: (x - (1 - a).sqrt() * e) * a.sqrt()))),
    ("normalisation", named("denoised_wrong_denominator", denoised_by(lambda a, x, e: (x - (1 - a).sqrt() * e) / (1 - a).sqrt()))),
    ("order", named("denoised_no_parentheses", denoised_by(lambda a, x, e: x - (1 - a).sqrt() * e / a.sqrt()))),
    ("order", named("denoised_parentheses_around_x", denoised_by(lambda a, x, e: x / a.sqrt() - (1 - a).sqrt() * e))),
    ("order|weight", named("denoised_exchanged", denoised_by(lambda a, x, e: (x - a.sqrt() * e) / (1 - a).sqrt()))),
    ("sign", named("denoised_plus", denoised_by(lambda a, x, e: (x + (1 - a).sqrt() * e) / a.sqrt()))),
    ("sign", named("denoised_the_other_way", denoised_by(lambda a, x, e: ((1 - a).sqrt() * e - x) / a.sqrt()))),
    ("weight", named("denoised_whole_noise", denoised_by(lambda a, x, e: (x - e) / a.sqrt()))),
    ("weight", named("denoised_whole_noise_not_divided", denoised_by(lambda a, x, e: x - e))),
    ("weight", named("denoised_wrong_share", denoised_by(lambda a, x, e: (x - a.sqrt() * e) / a.sqrt()))),
    ("weight|truncation", named("denoised_noise_forgotten", denoised_by(lambda a, x, e: x / a.sqrt()))),
    ("value|weight|square-root|sign", named("denoised_noise_as_score", denoised_by(lambda a, x, e: (x + (1 - a) * e) / a.sqrt()))),
    ("value", named("denoised_diffused_again", denoised_by(lambda a, x, e: a.sqrt() * x + (1 - a).sqrt() * e))),
    ("value", named("denoised_the_noise_part", denoised_by(lambda a, x, e: (1 - a).sqrt() * e))),
    ("value|order|weight", named("denoised_returns_the_score", denoised_by(lambda a, x, e: -e / (1 - a).sqrt()))),
    ("clipping", named("denoised_clipped", denoised_by(lambda a, x, e: ((x - (1 - a).sqrt() * e) / a.sqrt()).clamp(-1, 1)))),
    ("epsilon", named("denoised_with_epsilon", denoised_by(lambda a, x, e: (x - (1 - a).sqrt() * e) / (a.sqrt() + 1e-2)))),
    ("identity", named("denoised_unchanged", denoised_by(lambda a, x, e: x * 1.0))),
    ("axis|shape|exception", denoised_without_reshape),
    ("axis|truncation|shape|constant", denoised_at_the_first_time),
    ("mutates-input", denoised_in_place),
    ("mutates-input", denoised_divides_in_place),
    ("type", denoised_numpy),
]  # fmt: skip

# --- gaussian_score --------------------------------------------------------------------------------------------------


def score_by(weights, mean=lambda a, m: a.sqrt() * m, finish=lambda a, r: r):
    """Return a score by what divides the coefficients on E and the rest, from ᾱ and λ."""

    def gaussian_score(x, t, model):
        m, E, lam = model
        a = bar(t).to(x)
        y = x - mean(a, m)
        c = y @ E
        inside, outside = weights(a, lam)
        return finish(a, -((c * inside) @ E.T + (y - c @ E.T) * outside))

    return gaussian_score


def right_weights(a, lam):
    return 1 / (a * lam + 1 - a), 1 / (1 - a)


def score_woodbury(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    y = x - a.sqrt() * m
    return -(y - (a * lam / (a * lam + 1 - a) * (y @ E)) @ E.T) / (1 - a)


def score_dense(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    covariance = a * E @ torch.diag(lam) @ E.T + (1 - a) * torch.eye(len(m), dtype=x.dtype)
    return -(x - a.sqrt() * m) @ torch.linalg.inv(covariance)


def score_dense_solve(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    covariance = a * (E * lam) @ E.T + (1 - a) * torch.eye(len(m), dtype=x.dtype)
    return -torch.linalg.solve(covariance, (x - a.sqrt() * m).reshape(-1, len(m)).T).T.reshape(x.shape)


def score_by_autograd(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    law = torch.distributions.LowRankMultivariateNormal(a.sqrt() * m, E * (a * lam).sqrt(), (1 - a).expand(len(m)))
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(law.log_prob(x).sum(), x)[0]


def score_by_own_density(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    z = x.detach().clone().requires_grad_()
    c = (z - a.sqrt() * m) @ E
    rest = (z - a.sqrt() * m).square().sum(-1) - c.square().sum(-1)
    log_p = -0.5 * (c.square() / (a * lam + 1 - a)).sum(-1) - 0.5 * rest / (1 - a)
    log_p.sum().backward()
    return z.grad


def score_axis_by_axis(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    y = x - a.sqrt() * m
    score = -y / (1 - a)
    for e, variance in zip(E.T, lam, strict=True):
        c = (y @ e)[..., None]
        score = score + c * e * (1 / (1 - a) - 1 / (a * variance + 1 - a))
    return score


def score_by_einsum(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    y = x - a.sqrt() * m
    c = torch.einsum("...d,dr->...r", y, E)
    rest = y - torch.einsum("dr,...r->...d", E, c)
    return -torch.einsum("dr,...r->...d", E, c / (a * lam + (1 - a))) - rest / (1 - a)


def score_in_float32(x, t, model):
    return score_woodbury(x.float(), t, tuple(part.float() for part in model))


def score_of_one_point(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    y = x - a.sqrt() * m
    return -(E @ ((E.T @ y) / (a * lam + 1 - a)) + (y - E @ (E.T @ y)) / (1 - a))


def score_summed(x, t, model):
    return score_woodbury(x, t, model).sum(-1)


def score_log_density(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    return torch.distributions.LowRankMultivariateNormal(a.sqrt() * m, E * (a * lam).sqrt(), (1 - a).expand(len(m))).log_prob(x)  # fmt: skip


def score_times_the_covariance(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    y = x - a.sqrt() * m
    return -(a * (y @ E * lam) @ E.T + (1 - a) * y)


def score_transposed(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    y = x - a.sqrt() * m
    c = y @ E.T
    return -((c / (a * lam + 1 - a)) @ E + (y - c @ E) / (1 - a))


def score_in_place(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    x -= a.sqrt() * m
    return -(x - (a * lam / (a * lam + 1 - a) * (x @ E)) @ E.T) / (1 - a)


def score_graph(x, t, model):
    m, E, lam = model
    a = bar(t).to(x)
    law = torch.distributions.LowRankMultivariateNormal(a.sqrt() * m, E * (a * lam).sqrt(), (1 - a).expand(len(m)))
    return torch.autograd.grad(law.log_prob(x).sum(), x)[0]


def score_towards_the_image(x, t, model):
    """The posterior mean of x_0 in the place of the score."""
    a = bar(t).to(x)
    return (x + (1 - a) * score_woodbury(x, t, model)) / a.sqrt()


def score_woodbury_variances_forgotten(x, t, model):
    m, E, _ = model
    a = bar(t).to(x)
    y = x - a.sqrt() * m
    return -(y - (y @ E) @ E.T) / (1 - a)


def whole(a, r):
    return (1 - a).sqrt() * r


SCORE_RIGHT = [
    score_woodbury,
    named("score_inside_and_outside", score_by(right_weights)),
    score_dense,
    score_dense_solve,
    score_by_autograd,
    score_by_own_density,
    score_axis_by_axis,
    score_by_einsum,
    score_in_float32,
]
SCORE_WRONG = [
    ("sign", named("score_plus", score_by(right_weights, finish=lambda a, r: -r))),
    ("mean", named("score_mean_not_scaled", score_by(right_weights, mean=lambda a, m: m))),
    ("mean|square-root", named("score_mean_scaled_by_alpha", score_by(right_weights, mean=lambda a, m: a * m))),
    ("mean", named("score_without_mean", score_by(right_weights, mean=lambda a, m: 0 * m))),
    ("mean|weight|order", named("score_mean_scaled_by_the_noise", score_by(right_weights, mean=lambda a, m: (1 - a).sqrt() * m))),
    ("mean|sign", named("score_mean_added", score_by(right_weights, mean=lambda a, m: -a.sqrt() * m))),
    ("rank|truncation", named("score_in_the_span_only", score_by(lambda a, lam: (1 / (a * lam + 1 - a), 0)))),
    ("rank|truncation|value", score_woodbury_variances_forgotten),
    ("weight", named("score_covariance_not_scaled", score_by(lambda a, lam: (1 / (lam + 1 - a), 1 / (1 - a))))),
    ("weight", named("score_noise_not_scaled", score_by(lambda a, lam: (1 / (a * lam + 1), 1)))),
    ("weight|value", named("score_no_noise_in_the_span", score_by(lambda a, lam: (1 / (a * lam), 1 / (1 - a))))),
    ("weight|constant|value", named("score_no_eigenvalues", score_by(lambda a, lam: (1 + 0 * lam, 1)))),
    ("weight|value", named("score_of_the_noise_alone", score_by(lambda a, lam: (0 * lam + 1 / (1 - a), 1 / (1 - a))))),
    ("weight|order", named("score_shares_exchanged", score_by(lambda a, lam: (1 / ((1 - a) * lam + a), 1 / a)))),
    ("weight|value", named("score_rest_not_divided", score_by(lambda a, lam: (1 / (a * lam + 1 - a), 1)))),
    ("weight|value", named("score_rest_multiplied", score_by(lambda a, lam: (1 / (a * lam + 1 - a), 1 - a)))),
    ("square-root", named("score_roots_of_alpha", score_by(lambda a, lam: (1 / (a.sqrt() * lam + (1 - a).sqrt()), 1 / (1 - a).sqrt())))),
    ("square-root", named("score_root_of_alpha", score_by(lambda a, lam: (1 / (a.sqrt() * lam + 1 - a), 1 / (1 - a))))),
    ("square-root", named("score_root_of_the_noise", score_by(lambda a, lam: (1 / (a * lam + (1 - a).sqrt()), 1 / (1 - a).sqrt())))),
    ("square-root", named("score_square_of_alpha", score_by(lambda a, lam: (1 / (a**2 * lam + 1 - a), 1 / (1 - a))))),
    ("square-root", named("score_square_of_the_noise", score_by(lambda a, lam: (1 / (a * lam + (1 - a) ** 2), 1 / (1 - a) ** 2)))),
    ("square-root", named("score_roots_of_the_eigenvalues", score_by(lambda a, lam: (1 / (a * lam.sqrt() + 1 - a), 1 / (1 - a))))),
    ("square-root", named("score_eigenvalues_squared", score_by(lambda a, lam: (1 / (a * lam**2 + 1 - a), 1 / (1 - a))))),
    ("square-root", named("score_by_standard_deviations", score_by(lambda a, lam: (1 / (a * lam + 1 - a).sqrt(), 1 / (1 - a).sqrt())))),
    ("value|normalisation|order", named("score_precisions_added", score_by(lambda a, lam: (1 / (a * lam) + 1 / (1 - a), 1 / (1 - a))))),
    ("value|square-root|normalisation|sign", named("score_the_noise_estimate", score_by(right_weights, finish=lambda a, r: -whole(a, r)))),
    ("value|square-root|normalisation", named("score_times_sigma", score_by(right_weights, finish=whole))),
    ("value|normalisation", named("score_not_divided", score_by(right_weights, finish=lambda a, r: (1 - a) * r))),
    ("weight|normalisation", named("score_halved", score_by(right_weights, finish=lambda a, r: r / 2))),
    ("weight|normalisation", named("score_doubled", score_by(right_weights, finish=lambda a, r: r * 2))),
    ("weight|normalisation", named("score_scaled_by_alpha", score_by(right_weights, finish=lambda a, r: a.sqrt() * r))),
    ("value", score_times_the_covariance),
    ("value", score_towards_the_image),
    ("exception|transpose|axis|shape", score_transposed),
    ("exception|shape|axis|transpose", score_of_one_point),
    ("shape", score_summed),
    ("shape", score_log_density),
    ("mutates-input", score_in_place),
    ("autograd", score_graph),
]  # fmt: skip

# --- empirical_denoiser ----------------------------------------------------------------------------------------------


def empirical_by(logits=lambda d, a: -d / (2 * (1 - a)), scale=lambda a: a.sqrt(), dim=1, finish=lambda a, m, x: m):
    """Return a denoiser by the logarithm of its weights, from ‖x_t - scale x_i‖² and ᾱ."""

    def empirical_denoiser(x, t, data):
        a = bar(t).to(x)
        differences = x.flatten(1)[:, None] - scale(a) * data.flatten(1)[None]
        weights = torch.softmax(logits(differences.square().sum(-1), a), dim=dim)
        return finish(a, (weights @ data.flatten(1)).reshape(x.shape), x)

    return empirical_denoiser


def empirical_by_cdist(x, t, data):
    a = bar(t).to(x)
    d = torch.cdist(x.flatten(1), a.sqrt() * data.flatten(1))
    return (torch.softmax(-(d**2) / (2 * (1 - a)), dim=-1) @ data.flatten(1)).view_as(x)


def empirical_by_products(x, t, data):
    a = bar(t).to(x)
    f, g = x.flatten(1), a.sqrt() * data.flatten(1)
    d = f.square().sum(1)[:, None] - 2 * f @ g.T + g.square().sum(1)
    return ((-d / 2 / (1 - a)).softmax(1) @ data.flatten(1)).reshape(x.shape)


def empirical_by_inner_products_only(x, t, data):
    """‖x_t‖² is the same for all images: the softmax does not see it."""
    a = bar(t).to(x)
    f, g = x.flatten(1), data.flatten(1)
    return (((a.sqrt() * f @ g.T - a / 2 * g.square().sum(1)) / (1 - a)).softmax(1) @ g).reshape(x.shape)


def empirical_loops_over_images(x, t, data):
    a = bar(t).to(x)
    out = []
    for y in x:
        d = (y - a.sqrt() * data).square().flatten(1).sum(1)
        w = torch.softmax(-d / (2 * (1 - a)), dim=0)
        out.append(torch.tensordot(w, data, dims=1))
    return torch.stack(out)


def empirical_largest_subtracted(x, t, data):
    a = bar(t).to(x)
    d = (x[:, None] - a.sqrt() * data[None]).flatten(2).square().sum(2)
    e = -d / (2 * (1 - a))
    w = torch.exp(e - e.max(dim=1, keepdim=True).values)
    return torch.einsum("bn,n...->b...", w / w.sum(1, keepdim=True), data)


def empirical_by_logsumexp(x, t, data):
    a = bar(t).to(x)
    e = -(x[:, None] - a.sqrt() * data).flatten(2).square().sum(2) / (2 * (1 - a))
    w = (e - torch.logsumexp(e, dim=1, keepdim=True)).exp()
    return torch.einsum("bn,n...->b...", w, data)


def empirical_by_tweedie(x, t, data):
    a = bar(t).to(x)
    y = x.detach().clone().requires_grad_()
    e = -(y[:, None] - a.sqrt() * data).flatten(2).square().sum(2) / (2 * (1 - a))
    score = torch.autograd.grad(torch.logsumexp(e, dim=1).sum(), y)[0]
    return (x + (1 - a) * score) / a.sqrt()


def empirical_of_four_axes_only(x, t, data):
    a = bar(t).to(x)
    d = (x[:, None] - a.sqrt() * data[None]).square().sum((2, 3, 4))
    w = torch.softmax(-0.5 * d / (1 - a), dim=1)
    return (w[:, :, None, None, None] * data).sum(1)


def empirical_in_float32(x, t, data):
    return empirical_by_cdist(x.float(), t, data.float())


def empirical_unstable(x, t, data):
    a = bar(t).to(x)
    d = (x[:, None] - a.sqrt() * data).flatten(2).square().sum(2)
    w = torch.exp(-d / (2 * (1 - a)))
    return torch.einsum("bn,n...->b...", w / w.sum(1, keepdim=True), data)


def empirical_unstable_with_epsilon(x, t, data):
    a = bar(t).to(x)
    d = (x[:, None] - a.sqrt() * data).flatten(2).square().sum(2)
    w = torch.exp(-d / (2 * (1 - a)))
    return torch.einsum("bn,n...->b...", w / (w.sum(1, keepdim=True) + 1e-30), data)


def empirical_not_normalised(x, t, data):
    a = bar(t).to(x)
    d = (x[:, None] - a.sqrt() * data).flatten(2).square().sum(2)
    return torch.einsum("bn,n...->b...", torch.exp(-d / (2 * (1 - a))), data)


def empirical_nearest(x, t, data):
    a = bar(t).to(x)
    return data[torch.cdist(x.flatten(1), a.sqrt() * data.flatten(1)).argmin(1)]


def empirical_nearest_not_scaled(x, t, data):
    return data[torch.cdist(x.flatten(1), data.flatten(1)).argmin(1)]


def empirical_mean(x, t, data):
    return data.mean(0).expand_as(x).clone()


def empirical_weights(x, t, data):
    a = bar(t).to(x)
    return torch.softmax(-(torch.cdist(x.flatten(1), a.sqrt() * data.flatten(1)) ** 2) / (2 * (1 - a)), dim=1)


def empirical_flat(x, t, data):
    return empirical_weights(x, t, data) @ data.flatten(1)


def empirical_first_of_the_batch(x, t, data):
    w = empirical_weights(x, t, data)
    return torch.einsum("n,n...->...", w[0], data).expand_as(x).clone()


def empirical_batch_averaged(x, t, data):
    w = empirical_weights(x, t, data).mean(0)
    return torch.einsum("n,n...->...", w, data).expand_as(x).clone()


def empirical_per_pixel(x, t, data):
    a = bar(t).to(x)
    d = (x[:, None] - a.sqrt() * data).square().flatten(2).mean(2)
    return (torch.softmax(-d / (2 * (1 - a)), dim=1) @ data.flatten(1)).reshape(x.shape)


def empirical_pixel_by_pixel(x, t, data):
    a = bar(t).to(x)
    w = torch.softmax(-((x[:, None] - a.sqrt() * data) ** 2) / (2 * (1 - a)), dim=1)
    return (w * data).sum(1)


def empirical_changes_the_data(x, t, data):
    a = bar(t).to(x)
    data *= a.sqrt()
    d = torch.cdist(x.flatten(1), data.flatten(1))
    return (torch.softmax(-(d**2) / (2 * (1 - a)), dim=1) @ data.flatten(1)).reshape(x.shape) / a.sqrt()


def empirical_x_divided(x, t, data):
    """x / √ᾱ = x_0 + noise of variance (1 - ᾱ) / ᾱ, of which the ᾱ was forgotten."""
    a = bar(t).to(x)
    d = torch.cdist(x.flatten(1) / a.sqrt(), data.flatten(1))
    return (torch.softmax(-(d**2) / (2 * (1 - a)), dim=1) @ data.flatten(1)).reshape(x.shape)


def empirical_x_divided_rightly(x, t, data):
    a = bar(t).to(x)
    d = torch.cdist(x.flatten(1) / a.sqrt(), data.flatten(1))
    return (torch.softmax(-(d**2) * a / (2 * (1 - a)), dim=1) @ data.flatten(1)).reshape(x.shape)


EMPIRICAL_RIGHT = [
    named("empirical_by_differences", empirical_by()),
    empirical_by_cdist,
    empirical_by_products,
    empirical_by_inner_products_only,
    empirical_loops_over_images,
    empirical_largest_subtracted,
    empirical_by_logsumexp,
    empirical_by_tweedie,
    empirical_x_divided_rightly,
    empirical_of_four_axes_only,
    empirical_in_float32,
]
EMPIRICAL_WRONG = [
    ("weight", named("empirical_data_not_scaled", empirical_by(scale=lambda a: 1))),
    ("square-root", named("empirical_data_scaled_by_alpha", empirical_by(scale=lambda a: a))),
    ("order|weight", named("empirical_data_scaled_by_the_noise", empirical_by(scale=lambda a: (1 - a).sqrt()))),
    ("weight", named("empirical_two_forgotten", empirical_by(lambda d, a: -d / (1 - a)))),
    ("weight|order", named("empirical_two_multiplied", empirical_by(lambda d, a: -d * 2 / (1 - a)))),
    ("weight|order", named("empirical_no_parentheses", empirical_by(lambda d, a: -d / 2 * (1 - a)))),
    ("square-root", named("empirical_root_of_the_variance", empirical_by(lambda d, a: -d / (2 * (1 - a).sqrt())))),
    ("square-root", named("empirical_square_of_the_variance", empirical_by(lambda d, a: -d / (2 * (1 - a) ** 2)))),
    ("square-root", named("empirical_norm_not_squared", empirical_by(lambda d, a: -d.sqrt() / (2 * (1 - a))))),
    ("weight", named("empirical_variance_forgotten", empirical_by(lambda d, a: -d))),
    ("weight", named("empirical_variance_one", empirical_by(lambda d, a: -d / 2))),
    ("weight|order", named("empirical_alpha_for_the_variance", empirical_by(lambda d, a: -d / (2 * a)))),
    ("sign", named("empirical_farthest", empirical_by(lambda d, a: d / (2 * (1 - a))))),
    ("axis", named("empirical_softmax_over_the_batch", empirical_by(dim=0))),
    ("normalisation|weight", empirical_per_pixel),
    ("normalisation|weight", named("empirical_result_scaled", empirical_by(finish=lambda a, m, x: a.sqrt() * m))),
    ("normalisation|weight", named("empirical_result_divided", empirical_by(finish=lambda a, m, x: m / a.sqrt()))),
    ("value", named("empirical_returns_the_noise", empirical_by(finish=lambda a, m, x: (x - a.sqrt() * m) / (1 - a).sqrt()))),
    ("value", named("empirical_returns_the_score", empirical_by(finish=lambda a, m, x: (a.sqrt() * m - x) / (1 - a)))),
    ("not-finite", empirical_unstable),
    ("not-finite|constant", empirical_unstable_with_epsilon),
    ("normalisation|constant", empirical_not_normalised),
    ("value", empirical_nearest),
    ("value", empirical_nearest_not_scaled),
    ("constant|weight", empirical_mean),
    ("shape", empirical_weights),
    ("shape", empirical_flat),
    ("truncation|shape", empirical_first_of_the_batch),
    ("mean|axis|shape", empirical_batch_averaged),
    ("axis|value", empirical_pixel_by_pixel),
    ("weight", empirical_x_divided),
    ("mutates-input", empirical_changes_the_data),
]  # fmt: skip

# --- ddim_step -------------------------------------------------------------------------------------------------------


def shares(x, t, s):
    """Return ᾱ_t, ᾱ_s."""
    return bar(t).to(x), bar(s).to(x)


def x0_of(x, a, e):
    return (x - (1 - a).sqrt() * e) / a.sqrt()


def ddim_by(formula):
    return lambda x, t, s, noise: formula(x, *shares(x, t, s), noise)


def ddim_by_angles(x, t, s, noise):
    angle, earlier = math.pi / 2 * t, math.pi / 2 * s
    return math.cos(earlier) * (x - math.sin(angle) * noise) / math.cos(angle) + math.sin(earlier) * noise


def ddim_in_two_lines(x, t, s, noise):
    clean = (x - torch.sqrt(1 - bar(t)) * noise) / torch.sqrt(bar(t))
    return torch.sqrt(bar(s)) * clean + torch.sqrt(1 - bar(s)) * noise


def ddim_in_place_on_a_copy(x, t, s, noise):
    a, b = shares(x, t, s)
    y = x.clone()
    y -= (1 - a).sqrt() * noise
    y *= (b / a).sqrt()
    return y.add_((1 - b).sqrt() * noise)


def ddim_in_float32(x, t, s, noise):
    return ddim_in_two_lines(x.float(), t, s, noise.float())


def ddim_loops_over_images(x, t, s, noise):
    return torch.stack([ddim_by_angles(y, t, s, e) for y, e in zip(x, noise, strict=True)])


def ddim_in_place(x, t, s, noise):
    a, b = shares(x, t, s)
    x -= (1 - a).sqrt() * noise
    return (b / a).sqrt() * x + (1 - b).sqrt() * noise


def ddim_times_exchanged(x, t, s, noise):
    return ddim_in_two_lines(x, s, t, noise)


def ddim_new_noise(x, t, s, noise):
    a, b = shares(x, t, s)
    return b.sqrt() * x0_of(x, a, noise) + (1 - b).sqrt() * torch.randn_like(x)


def ddim_step_of_euler(x, t, s, noise):
    """One Euler step of the ODE, which is only the step's beginning."""
    return x + (s - t) * math.pi / 2 * (-math.tan(math.pi / 2 * t) * x + noise / math.cos(math.pi / 2 * t))


def ddim_prints(x, t, s, noise):
    ddim_in_two_lines(x, t, s, noise)


DDIM_RIGHT = [
    named("ddim_by_formula", ddim_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) + (1 - b).sqrt() * e)),
    named("ddim_expanded", ddim_by(lambda x, a, b, e: (b / a).sqrt() * x + ((1 - b).sqrt() - (b * (1 - a) / a).sqrt()) * e)),
    named("ddim_in_units_of_the_image", ddim_by(lambda x, a, b, e: b.sqrt() * (x / a.sqrt() + ((1 / b - 1).sqrt() - (1 / a - 1).sqrt()) * e))),
    ddim_by_angles,
    ddim_in_two_lines,
    ddim_in_place_on_a_copy,
    ddim_in_float32,
    ddim_loops_over_images,
]  # fmt: skip
DDIM_WRONG = [
    ("order", ddim_times_exchanged),
    ("identity|order", named("ddim_noised_at_t", ddim_by(lambda x, a, b, e: a.sqrt() * x0_of(x, a, e) + (1 - a).sqrt() * e))),
    ("order", named("ddim_denoised_at_s", ddim_by(lambda x, a, b, e: b.sqrt() * x0_of(x, b, e) + (1 - a).sqrt() * e))),
    ("order", named("ddim_noise_of_t", ddim_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) + (1 - a).sqrt() * e))),
    ("order", named("ddim_image_of_t", ddim_by(lambda x, a, b, e: a.sqrt() * x0_of(x, a, e) + (1 - b).sqrt() * e))),
    ("order", named("ddim_shares_exchanged", ddim_by(lambda x, a, b, e: (1 - b).sqrt() * x0_of(x, a, e) + b.sqrt() * e))),
    ("truncation|weight", named("ddim_the_estimate_only", ddim_by(lambda x, a, b, e: x0_of(x, a, e)))),
    ("truncation|weight", named("ddim_no_noise_again", ddim_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e)))),
    ("weight", named("ddim_estimate_not_scaled", ddim_by(lambda x, a, b, e: x0_of(x, a, e) + (1 - b).sqrt() * e))),
    ("weight", named("ddim_noise_not_scaled", ddim_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) + e))),
    ("square-root", named("ddim_no_roots_at_s", ddim_by(lambda x, a, b, e: b * x0_of(x, a, e) + (1 - b) * e))),
    ("square-root", named("ddim_no_root_of_the_noise", ddim_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) + (1 - b) * e))),
    ("square-root", named("ddim_no_root_of_the_estimate", ddim_by(lambda x, a, b, e: b * x0_of(x, a, e) + (1 - b).sqrt() * e))),
    ("square-root", named("ddim_estimate_divided_by_alpha", ddim_by(lambda x, a, b, e: b.sqrt() * (x - (1 - a).sqrt() * e) / a + (1 - b).sqrt() * e))),
    ("square-root", named("ddim_estimate_without_root", ddim_by(lambda x, a, b, e: b.sqrt() * (x - (1 - a) * e) / a.sqrt() + (1 - b).sqrt() * e))),
    ("normalisation|weight", named("ddim_estimate_not_divided", ddim_by(lambda x, a, b, e: b.sqrt() * (x - (1 - a).sqrt() * e) + (1 - b).sqrt() * e))),
    ("sign", named("ddim_estimate_plus", ddim_by(lambda x, a, b, e: b.sqrt() * (x + (1 - a).sqrt() * e) / a.sqrt() + (1 - b).sqrt() * e))),
    ("sign", named("ddim_minus_the_noise", ddim_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) - (1 - b).sqrt() * e))),
    ("value|truncation|weight", named("ddim_x_in_place_of_the_estimate", ddim_by(lambda x, a, b, e: b.sqrt() * x + (1 - b).sqrt() * e))),
    ("clipping", named("ddim_estimate_clipped", ddim_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e).clamp(-1, 1) + (1 - b).sqrt() * e))),
    ("randomness", ddim_new_noise),
    ("value", ddim_step_of_euler),
    ("mutates-input", ddim_in_place),
    ("type", ddim_prints),
]  # fmt: skip

# --- ddpm_step -------------------------------------------------------------------------------------------------------


def variance_of(a, b):
    return (1 - b) / (1 - a) * (1 - a / b)


def ddpm_by(mean=None, deviation=lambda a, b: variance_of(a, b).sqrt()):
    mean = mean or (lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) + (1 - b - variance_of(a, b)).sqrt() * e)

    def ddpm_step(x, t, s, noise, z):
        a, b = shares(x, t, s)
        return mean(x, a, b, noise) + deviation(a, b) * z

    return ddpm_step


def mean_of_ho(x, a, b, e):
    alpha = a / b
    return (x - (1 - alpha) / (1 - a).sqrt() * e) / alpha.sqrt()


def mean_of_bayes(x, a, b, e):
    alpha = a / b
    return b.sqrt() * (1 - alpha) / (1 - a) * x0_of(x, a, e) + alpha.sqrt() * (1 - b) / (1 - a) * x


def ddpm_loops_over_images(x, t, s, noise, z):
    return torch.stack([ddpm_by()(x[k], t, s, noise[k], z[k]) for k in range(len(x))])


def ddpm_by_the_precisions(x, t, s, noise, z):
    """Bayes' formula: the precisions of x_s given x_0 and of x_t given x_s add."""
    a, b = shares(x, t, s)
    precision = 1 / (1 - b) + (a / b) / (1 - a / b)
    mean = (b.sqrt() * x0_of(x, a, noise) / (1 - b) + (a / b).sqrt() * x / (1 - a / b)) / precision
    return mean + z / precision.sqrt()


def ddpm_in_float32(x, t, s, noise, z):
    return ddpm_by()(x.float(), t, s, noise.float(), z.float())


def ddpm_without_noise_at_the_end(x, t, s, noise, z):
    a, b = shares(x, t, s)
    x = mean_of_ho(x, a, b, noise)
    if s > 0:
        x = x + variance_of(a, b).sqrt() * z
    return x


def ddpm_in_place_on_a_copy(x, t, s, noise, z):
    a, b = shares(x, t, s)
    y = z.clone()
    return y.mul_(variance_of(a, b).sqrt()).add_(mean_of_ho(x, a, b, noise))


def ddpm_by_einsum(x, t, s, noise, z):
    a, b = bar(t), bar(s)
    c = 1 / (a / b).sqrt()
    weights = torch.stack([c, -c * (1 - a / b) / (1 - a).sqrt(), variance_of(a, b).sqrt()])
    return torch.einsum("k,k...->...", weights, torch.stack([x, noise, z]))


def ddpm_times_exchanged(x, t, s, noise, z):
    return ddpm_by()(x, s, t, noise, z)


def ddpm_in_place(x, t, s, noise, z):
    a, b = shares(x, t, s)
    x -= (1 - a / b) / (1 - a).sqrt() * noise
    return x / (a / b).sqrt() + variance_of(a, b).sqrt() * z


def ddpm_returns_two(x, t, s, noise, z):
    a, b = shares(x, t, s)
    return mean_of_ho(x, a, b, noise), variance_of(a, b).sqrt()


def ddpm_draws_itself(x, t, s, noise, z):
    return ddpm_by()(x, t, s, noise, torch.randn_like(x))


def ddpm_noises_exchanged(x, t, s, noise, z):
    return ddpm_by()(x, t, s, z, noise)


def ddpm_the_estimate_s_noise_twice(x, t, s, noise, z):
    return ddpm_by()(x, t, s, noise, noise)


def ddim_of_ddpm(x, a, b, e):
    return b.sqrt() * x0_of(x, a, e) + (1 - b).sqrt() * e


DDPM_RIGHT = [
    named("ddpm_by_formula", ddpm_by()),
    named("ddpm_of_ho", ddpm_by(mean_of_ho)),
    named("ddpm_of_bayes", ddpm_by(mean_of_bayes)),
    ddpm_by_the_precisions,
    ddpm_loops_over_images,
    ddpm_in_float32,
    ddpm_without_noise_at_the_end,
    ddpm_in_place_on_a_copy,
    ddpm_by_einsum,
]
DDPM_WRONG = [
    ("order|not-finite", ddpm_times_exchanged),
    ("order|randomness|weight", ddpm_noises_exchanged),
    ("randomness", ddpm_draws_itself),
    ("truncation|weight", named("ddpm_no_new_noise", ddpm_by(deviation=lambda a, b: 0))),
    ("truncation|weight", named("ddpm_ddim", ddpm_by(ddim_of_ddpm, lambda a, b: 0))),
    ("square-root", named("ddpm_variance_not_rooted", ddpm_by(deviation=variance_of))),
    ("square-root", named("ddpm_fourth_root", ddpm_by(deviation=lambda a, b: variance_of(a, b) ** 0.25))),
    ("weight|value", named("ddpm_variance_beta", ddpm_by(deviation=lambda a, b: (1 - a / b).sqrt()))),
    ("weight|value", named("ddpm_variance_of_s", ddpm_by(deviation=lambda a, b: (1 - b).sqrt()))),
    ("weight|value", named("ddpm_variance_one", ddpm_by(deviation=lambda a, b: 1))),
    ("weight|value", named("ddpm_variance_without_ratio", ddpm_by(deviation=lambda a, b: ((1 - b) * (1 - a / b)).sqrt()))),
    ("order|weight|value", named("ddpm_ratio_inverted", ddpm_by(deviation=lambda a, b: ((1 - a) / (1 - b) * (1 - a / b)).sqrt()))),
    ("weight|normalisation", named("ddpm_old_noise_kept_whole", ddpm_by(ddim_of_ddpm))),
    ("weight|truncation", named("ddpm_old_noise_forgotten", ddpm_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e)))),
    ("weight|truncation", named("ddpm_all_noise_new", ddpm_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e), lambda a, b: (1 - b).sqrt()))),
    ("square-root|truncation", named("ddpm_sigma_for_its_square", ddpm_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) + (1 - b - variance_of(a, b).sqrt()).clamp(min=0).sqrt() * e))),
    ("square-root|not-finite", named("ddpm_sigma_for_its_square_nan", ddpm_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) + (1 - b - variance_of(a, b).sqrt()).sqrt() * e))),
    ("square-root", named("ddpm_old_noise_not_rooted", ddpm_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) + (1 - b - variance_of(a, b)) * e))),
    ("square-root", named("ddpm_roots_subtracted", ddpm_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) + ((1 - b).sqrt() - variance_of(a, b).sqrt()) * e))),
    ("square-root", named("ddpm_no_root_at_s", ddpm_by(lambda x, a, b, e: b * x0_of(x, a, e) + (1 - b - variance_of(a, b)).sqrt() * e))),
    ("weight", named("ddpm_estimate_not_scaled", ddpm_by(lambda x, a, b, e: x0_of(x, a, e) + (1 - b - variance_of(a, b)).sqrt() * e))),
    ("truncation|weight", named("ddpm_the_estimate_and_noise", ddpm_by(lambda x, a, b, e: x0_of(x, a, e)))),
    ("value|weight|truncation", named("ddpm_x_for_the_estimate", ddpm_by(lambda x, a, b, e: b.sqrt() * x + (1 - b - variance_of(a, b)).sqrt() * e))),
    ("sign", named("ddpm_minus_the_old_noise", ddpm_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) - (1 - b - variance_of(a, b)).sqrt() * e))),
    ("sign", named("ddpm_minus_the_new_noise", ddpm_by(deviation=lambda a, b: -variance_of(a, b).sqrt()))),
    ("sign", named("ddpm_variance_added", ddpm_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) + (1 - b + variance_of(a, b)).sqrt() * e))),
    ("order|weight", named("ddpm_old_noise_of_t", ddpm_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e) + (1 - a - variance_of(a, b)).sqrt() * e))),
    ("square-root|value|weight|order", named("ddpm_of_ho_alpha_bar_for_alpha", ddpm_by(lambda x, a, b, e: (x - (1 - a / b) / (1 - a).sqrt() * e) / a.sqrt()))),
    ("square-root|value|weight|normalisation", named("ddpm_of_ho_without_root", ddpm_by(lambda x, a, b, e: (x - (1 - a / b) / (1 - a) * e) / (a / b).sqrt()))),
    ("clipping", named("ddpm_estimate_clipped", ddpm_by(lambda x, a, b, e: b.sqrt() * x0_of(x, a, e).clamp(-1, 1) + (1 - b - variance_of(a, b)).sqrt() * e))),
    ("randomness|order|weight|value", ddpm_the_estimate_s_noise_twice),
    ("mutates-input", ddpm_in_place),
    ("type", ddpm_returns_two),
]  # fmt: skip

# --- noise_loss ------------------------------------------------------------------------------------------------------


def drawn(x, generator):
    return torch.randn(x.shape, generator=generator, dtype=x.dtype)


def one_for_all_images(x, generator):
    return torch.randn(x.shape[1:], generator=generator, dtype=x.dtype).expand_as(x)


def loss_by(
    times=lambda n, g: torch.rand(n, generator=g),
    draw=lambda x, g: torch.randn(x.shape, generator=g).to(x),
    loss=lambda out, e, **_: (out - e).square().mean(),
    mix=lambda a, x, e: a.sqrt() * x + (1 - a).sqrt() * e,
    given=lambda t: t,
):
    def noise_loss(network, x0, generator):
        t = times(len(x0), generator).to(x0.dtype)
        e = draw(x0, generator)
        a = of(t, x0)
        x = mix(a, x0, e)
        return loss(network(x, given(t)), e, a=a, x0=x0, x=x)

    return noise_loss


def loss_by_mse(network, x0, generator):
    t = 0.001 + 0.998 * torch.rand(x0.shape[0], generator=generator)
    noise = torch.normal(0.0, 1.0, x0.shape, generator=generator).to(x0)
    a = bar(t).to(x0)[:, None, None, None]
    return F.mse_loss(network(torch.sqrt(a) * x0 + torch.sqrt(1 - a) * noise, t.to(x0)), noise)


def loss_noise_first(network, x0, generator):
    noise = torch.randn(*x0.shape, generator=generator, dtype=x0.dtype)
    t = torch.rand(len(x0), generator=generator, dtype=x0.dtype) * 0.998 + 0.001
    a = of(t, x0)
    error = network(a.sqrt() * x0 + (1 - a).sqrt() * noise, t) - noise
    return (error**2).sum() / error.numel()


def loss_loops_over_images(network, x0, generator):
    t = torch.empty(len(x0), dtype=x0.dtype).uniform_(0.001, 0.999, generator=generator)
    noise = torch.stack([torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in x0])
    a = of(t, x0)
    out = network(a.sqrt() * x0 + (1 - a).sqrt() * noise, t)
    return torch.stack([(out[k] - noise[k]).square().mean() for k in range(len(x0))]).mean()


def loss_with_words(network, x0, generator, words=None):
    t = torch.rand(len(x0), generator=generator)
    noise = torch.randn(x0.shape, generator=generator).to(x0)
    a = of(t, x0)
    return (network(a.sqrt() * x0 + (1 - a).sqrt() * noise, t, words) - noise).pow(2).mean()


def loss_stratified(network, x0, generator):
    """The times of a batch spread over [0, 1]: each uniform, a known way to lower the variance."""
    n = len(x0)
    t = (torch.randperm(n, generator=generator) + torch.rand(n, generator=generator)) / n
    noise = torch.randn(x0.shape, generator=generator).to(x0)
    a = of(t, x0)
    return (network(a.sqrt() * x0 + (1 - a).sqrt() * noise, t) - noise).pow(2).mean()


def loss_another_noise(network, x0, generator):
    t = torch.rand(len(x0), generator=generator)
    a = of(t, x0)
    x = a.sqrt() * x0 + (1 - a).sqrt() * torch.randn(x0.shape, generator=generator).to(x0)
    return (network(x, t) - torch.randn(x0.shape, generator=generator).to(x0)).square().mean()


def loss_network_twice(network, x0, generator):
    t = torch.rand(len(x0), generator=generator)
    e = torch.randn(x0.shape, generator=generator).to(x0)
    a = of(t, x0)
    network(x0, t)
    return (network(a.sqrt() * x0 + (1 - a).sqrt() * e, t) - x0).square().mean()


def loss_never_asks(network, x0, generator):
    e = torch.randn(x0.shape, generator=generator).to(x0)
    return (x0 - e).square().mean()


def loss_without_time(network, x0, generator):
    t = torch.rand(len(x0), generator=generator)
    e = torch.randn(x0.shape, generator=generator).to(x0)
    a = of(t, x0)
    return (network(a.sqrt() * x0 + (1 - a).sqrt() * e) - e).square().mean()


def loss_without_gradient(network, x0, generator):
    with torch.no_grad():
        return loss_noise_first(network, x0, generator)


def loss_of_the_detached(network, x0, generator):
    t = torch.rand(len(x0), generator=generator, dtype=x0.dtype)
    e = drawn(x0, generator)
    a = of(t, x0)
    return (network(a.sqrt() * x0 + (1 - a).sqrt() * e, t).detach() - e).square().mean()


def loss_number(network, x0, generator):
    return loss_noise_first(network, x0, generator).item()


def loss_trains(network, x0, generator):
    loss = loss_noise_first(network, x0, generator)
    loss.backward()
    return loss


def loss_changes_images(network, x0, generator):
    t = torch.rand(len(x0), generator=generator, dtype=x0.dtype)
    e = drawn(x0, generator)
    a = of(t, x0)
    x0 *= a.sqrt()
    return (network(x0 + (1 - a).sqrt() * e, t) - e).square().mean()


def loss_without_reshape(network, x0, generator):
    t = torch.rand(len(x0), generator=generator, dtype=x0.dtype)
    e = drawn(x0, generator)
    a = bar(t)
    return (network(a.sqrt() * x0 + (1 - a).sqrt() * e, t) - e).square().mean()


LOSS_RIGHT = [
    named("loss_by_formula", loss_by()),
    loss_by_mse,
    loss_noise_first,
    loss_loops_over_images,
    loss_with_words,
    loss_stratified,
    named("loss_by_norm", loss_by(loss=lambda out, e, **_: torch.linalg.vector_norm(out - e) ** 2 / e.numel())),
    named("loss_noise_minus_estimate", loss_by(loss=lambda out, e, **_: torch.mean((e - out) ** 2))),
]
LOSS_WRONG = [
    ("normalisation", named("loss_summed", loss_by(loss=lambda out, e, **_: (out - e).square().sum()))),
    ("normalisation", named("loss_mean_of_the_images_sums", loss_by(loss=lambda out, e, **_: (out - e).square().flatten(1).sum(1).mean()))),
    ("square-root", named("loss_rooted", loss_by(loss=lambda out, e, **_: (out - e).square().mean().sqrt()))),
    ("square-root", named("loss_norm", loss_by(loss=lambda out, e, **_: (out - e).norm()))),
    ("value|square-root", named("loss_moduli", loss_by(loss=lambda out, e, **_: (out - e).abs().mean()))),
    ("value|square-root", named("loss_mean_error", loss_by(loss=lambda out, e, **_: (out - e).mean()))),
    ("value|square-root", named("loss_square_of_the_mean", loss_by(loss=lambda out, e, **_: (out - e).mean() ** 2))),
    ("sign", named("loss_negative", loss_by(loss=lambda out, e, **_: -(out - e).square().mean()))),
    ("sign", named("loss_of_the_sum", loss_by(loss=lambda out, e, **_: (out + e).square().mean()))),
    ("weight|normalisation", named("loss_halved", loss_by(loss=lambda out, e, **_: 0.5 * (out - e).square().mean()))),
    ("value", named("loss_compared_with_the_images", loss_by(loss=lambda out, e, x0, **_: (out - x0).square().mean()))),
    ("value", named("loss_compared_with_x_t", loss_by(loss=lambda out, e, x, **_: (out - x).square().mean()))),
    ("value|weight", named("loss_compared_with_the_noise_part", loss_by(loss=lambda out, e, a, **_: (out - (1 - a).sqrt() * e).square().mean()))),
    ("value|weight|sign", named("loss_compared_with_the_score", loss_by(loss=lambda out, e, a, **_: (out + e / (1 - a).sqrt()).square().mean()))),
    ("weight|value", named("loss_weighted", loss_by(loss=lambda out, e, a, **_: (a * (out - e).square()).mean()))),
    ("shape", named("loss_for_each_image", loss_by(loss=lambda out, e, **_: (out - e).square().mean((1, 2, 3))))),
    ("shape", named("loss_for_each_pixel", loss_by(loss=lambda out, e, **_: (out - e).square()))),
    ("truncation", named("loss_of_the_first_image", loss_by(loss=lambda out, e, **_: (out[0] - e[0]).square().mean()))),
    ("randomness", named("loss_one_time_for_all", loss_by(times=lambda n, g: torch.rand(1, generator=g).expand(n)))),
    ("randomness|shape", named("loss_time_a_number", loss_by(times=lambda n, g: torch.rand((), generator=g)))),
    ("randomness", named("loss_time_constant", loss_by(times=lambda n, g: torch.full((n,), 0.5)))),
    ("randomness", named("loss_times_of_a_grid", loss_by(times=lambda n, g: torch.linspace(0.001, 0.999, n)))),
    ("randomness", named("loss_times_normal", loss_by(times=lambda n, g: torch.randn(n, generator=g).sigmoid()))),
    ("randomness", named("loss_early_times_only", loss_by(times=lambda n, g: 0.5 * torch.rand(n, generator=g)))),
    ("randomness", named("loss_times_squared", loss_by(times=lambda n, g: torch.rand(n, generator=g) ** 2))),
    ("exception|randomness|value|not-finite", named("loss_times_are_steps", loss_by(times=lambda n, g: torch.randint(0, 1000, (n,), generator=g)))),
    ("randomness", named("loss_times_of_the_global_generator", loss_by(times=lambda n, g: torch.rand(n)))),
    ("randomness", named("loss_noise_of_the_global_generator", loss_by(draw=lambda x, g: torch.randn_like(x)))),
    ("randomness", named("loss_noise_of_a_new_generator", loss_by(draw=lambda x, g: drawn(x, torch.Generator().manual_seed(0))))),
    ("randomness", named("loss_noise_uniform", loss_by(draw=lambda x, g: torch.rand(x.shape, generator=g).to(x)))),
    ("randomness", named("loss_noise_the_same_for_all", loss_by(draw=one_for_all_images))),
    ("randomness|value", loss_another_noise),
    ("square-root|value|weight", named("loss_mixed_without_roots", loss_by(mix=lambda a, x, e: a * x + (1 - a) * e))),
    ("order|value|weight", named("loss_mixed_exchanged", loss_by(mix=lambda a, x, e: (1 - a).sqrt() * x + a.sqrt() * e))),
    ("value|weight", named("loss_noise_just_added", loss_by(mix=lambda a, x, e: x + e))),
    ("value|constant|weight", named("loss_network_sees_the_images", loss_by(mix=lambda a, x, e: x))),
    ("value|weight", named("loss_network_sees_the_noise", loss_by(mix=lambda a, x, e: e))),
    ("value|randomness|order", named("loss_network_gets_alpha", loss_by(given=lambda t: bar(t)))),
    ("value|randomness|order", named("loss_network_gets_one_minus_t", loss_by(given=lambda t: 1 - t))),
    ("shape", named("loss_network_gets_four_axes", loss_by(given=lambda t: t[:, None, None, None]))),
    ("value|normalisation|randomness", named("loss_network_gets_a_thousand", loss_by(given=lambda t: 1000 * t))),
    ("exception|signature|type", loss_without_time),
    ("value|constant", loss_never_asks),
    ("value", loss_network_twice),
    ("autograd", loss_without_gradient),
    ("autograd", loss_of_the_detached),
    ("type", loss_number),
    ("autograd|mutates-input", loss_trains),
    ("mutates-input", loss_changes_images),
    ("axis|shape|exception", loss_without_reshape),
]  # fmt: skip

# --- guided ----------------------------------------------------------------------------------------------------------


def guided_in_place_on_a_copy(conditional, free, scale):
    guided = conditional.clone()
    guided -= free
    guided *= scale
    return guided.add_(free)


def guided_by_lerp(conditional, free, scale):
    return torch.lerp(free, conditional, scale)


def guided_by_einsum(conditional, free, scale):
    weights = torch.tensor([scale, 1 - scale], dtype=free.dtype)
    return torch.einsum("k,k...->...", weights, torch.stack([conditional, free]))


def guided_in_float32(conditional, free, scale):
    return free.float() + scale * (conditional.float() - free.float())


def guided_by_where(conditional, free, scale):
    return torch.where(torch.tensor(scale == 1), conditional, free + scale * (conditional - free))


def guided_in_place(conditional, free, scale):
    free += scale * (conditional - free)
    return free


def guided_of_unit_norm(conditional, free, scale):
    x = free + scale * (conditional - free)
    return x / x.norm() * conditional.norm()


GUIDED_RIGHT = [
    named("guided_by_formula", lambda c, f, w: f + w * (c - f)),
    named("guided_by_weights", lambda c, f, w: (1 - w) * f + w * c),
    named("guided_from_the_condition", lambda c, f, w: c + (w - 1) * (c - f)),
    guided_in_place_on_a_copy,
    guided_by_lerp,
    guided_by_einsum,
    guided_by_where,
    guided_in_float32,
]
GUIDED_WRONG = [
    ("order", named("guided_exchanged", lambda c, f, w: c + w * (f - c))),
    ("weight", named("guided_as_in_the_paper", lambda c, f, w: (1 + w) * c - w * f)),
    ("weight", named("guided_one_more", lambda c, f, w: c + w * (c - f))),
    ("sign", named("guided_away", lambda c, f, w: f - w * (c - f))),
    ("sign", named("guided_difference_turned", lambda c, f, w: f + w * (f - c))),
    ("weight", named("guided_condition_added", lambda c, f, w: f + w * c)),
    ("weight", named("guided_no_parentheses", lambda c, f, w: f + w * c - f)),
    ("weight|truncation", named("guided_difference_only", lambda c, f, w: w * (c - f))),
    ("weight|truncation", named("guided_scaled_condition", lambda c, f, w: w * c)),
    ("weight|sign", named("guided_sum_of_both", lambda c, f, w: f + w * (c + f))),
    ("weight|value", named("guided_mean_of_both", lambda c, f, w: (f + w * c) / (1 + w))),
    ("square-root|weight", named("guided_scale_squared", lambda c, f, w: f + w**2 * (c - f))),
    ("square-root|weight", named("guided_scale_rooted", lambda c, f, w: f + w**0.5 * (c - f))),
    ("identity|constant|weight", named("guided_condition_only", lambda c, f, w: c * 1.0)),
    ("identity|constant|weight", named("guided_free_only", lambda c, f, w: f * 1.0)),
    ("clipping|weight", named("guided_scale_clipped", lambda c, f, w: f + min(w, 1) * (c - f))),
    ("clipping", named("guided_clipped", lambda c, f, w: (f + w * (c - f)).clamp(-1, 1))),
    ("weight|value", named("guided_quotient", lambda c, f, w: f + (c - f) / w if w else f * 1.0)),
    ("normalisation", guided_of_unit_norm),
    ("mutates-input", guided_in_place),
]

RIGHT = {
    "alpha_bar": ALPHA_RIGHT,
    "diffuse": DIFFUSE_RIGHT,
    "denoised": DENOISED_RIGHT,
    "gaussian_score": SCORE_RIGHT,
    "empirical_denoiser": EMPIRICAL_RIGHT,
    "ddim_step": DDIM_RIGHT,
    "ddpm_step": DDPM_RIGHT,
    "noise_loss": LOSS_RIGHT,
    "guided": GUIDED_RIGHT,
}
WRONG = {
    "alpha_bar": ALPHA_WRONG,
    "diffuse": DIFFUSE_WRONG,
    "denoised": DENOISED_WRONG,
    "gaussian_score": SCORE_WRONG,
    "empirical_denoiser": EMPIRICAL_WRONG,
    "ddim_step": DDIM_WRONG,
    "ddpm_step": DDPM_WRONG,
    "noise_loss": LOSS_WRONG,
    "guided": GUIDED_WRONG,
}

# --- the explorer ----------------------------------------------------------------------------------------------------

EXPLORERS = {"explore_diffusion": ExplorerCase(explore_diffusion, lambda values: diffusion_picture(**values))}
