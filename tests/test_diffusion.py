"""Diffusion: schedules, exact scores against autograd, samplers against what theory says of a Gaussian."""

import math
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch.distributions import MultivariateNormal

from course_utils.diffusion import (
    UNet,
    alpha_bar,
    ddim_step,
    ddpm_step,
    denoised,
    diffuse,
    empirical_denoiser,
    gaussian_score,
    guided,
    noise_loss,
    sample,
)
from tests.numerics import generator, normal


@pytest.fixture
def model():
    """A Gaussian of rank 3 in 5 dimensions."""
    E = torch.linalg.qr(normal(5, 3, seed=1)).Q
    return normal(5, seed=2), E, torch.tensor([4.0, 1.0, 0.25], dtype=torch.float64)


def test_alpha_bar_falls_from_one_to_zero():
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    a = alpha_bar(t)
    assert a[0] == 1
    assert a[-1] == pytest.approx(0, abs=1e-12)
    assert (a.diff() < 0).all()
    assert a[50] == pytest.approx(0.5)
    for wrong in (-0.1, 1.1):
        with pytest.raises(ValueError, match="t must be between 0 and 1"):
            alpha_bar(wrong)


def test_diffused_images_keep_their_variance_and_are_denoised_again():
    x0, noise = normal(7, 3, 4), normal(7, 3, 4, seed=1)
    t = torch.linspace(0.1, 0.9, 7, dtype=torch.float64)
    x = diffuse(x0, t, noise)
    for k in range(7):
        a = math.cos(math.pi / 2 * t[k].item()) ** 2
        torch.testing.assert_close(x[k], math.sqrt(a) * x0[k] + math.sqrt(1 - a) * noise[k])
        torch.testing.assert_close(diffuse(x0, t[k].item(), noise)[k], x[k])
    torch.testing.assert_close(denoised(x, t, noise), x0)
    with pytest.raises(ValueError, match="t must be < 1"):
        denoised(x, 1.0, noise)
    with pytest.raises(ValueError, match="one for each of the 7 images"):
        diffuse(x0, t[:3], noise)


@pytest.mark.usefixtures("unchecked")
def test_shapes_that_do_not_fit_are_named():
    x0 = normal(7, 3, 4)
    with pytest.raises(ValueError, match="x0 and noise must have the same shape"):
        diffuse(x0, 0.5, x0[0])
    with pytest.raises(ValueError, match="data must hold images of shape"):
        empirical_denoiser(x0, 0.5, x0[:, :1])


@pytest.mark.parametrize("t", [0.05, 0.5, 0.95])
def test_gaussian_score_is_the_gradient_of_the_log_density(model, t):
    mean, E, eigenvalues = model
    a = alpha_bar(t)
    covariance = a * (E * eigenvalues) @ E.T + (1 - a) * torch.eye(5, dtype=torch.float64)
    x = normal(6, 5, seed=3).requires_grad_()
    MultivariateNormal(a.sqrt() * mean, covariance).log_prob(x).sum().backward()
    torch.testing.assert_close(gaussian_score(x.detach(), t, model), x.grad)
    with pytest.raises(ValueError, match="t must be > 0"):
        gaussian_score(x, 0.0, model)


@pytest.mark.parametrize("t", [0.1, 0.5, torch.tensor([0.2, 0.4, 0.6, 0.8], dtype=torch.float64)])
def test_empirical_denoiser_is_tweedies_formula_for_the_mixture(t):
    data, x = normal(9, 2, 3), normal(4, 2, 3, seed=1).requires_grad_()
    a = alpha_bar(t).reshape(-1, 1)
    squares = (x.flatten(1)[:, None] - a.sqrt()[..., None] * data.flatten(1)).square().sum(2)
    torch.logsumexp(-squares / (2 * (1 - a)), dim=1).sum().backward()
    a = a.reshape(-1, 1, 1)
    expected = (x + (1 - a) * x.grad) / a.sqrt()
    torch.testing.assert_close(empirical_denoiser(x.detach(), t, data), expected.detach())
    with pytest.raises(ValueError, match="data must hold images of shape"):
        empirical_denoiser(x, 0.5, data[:, :1])


def test_ddpm_steps_have_the_posteriors_mean_and_variance():
    """x_s given x_t and x_0 by Bayes' formula, for one number."""
    t, s, x0, x = 0.6, 0.4, 0.7, torch.full((200_000,), 0.3, dtype=torch.float64)
    a, b = alpha_bar(t), alpha_bar(s)
    precision = 1 / (1 - b) + (a / b) / (1 - a / b)
    mean = (b.sqrt() * x0 / (1 - b) + (a / b).sqrt() * 0.3 / (1 - a / b)) / precision
    noise = (x - a.sqrt() * x0) / (1 - a).sqrt()
    drawn = ddpm_step(x, t, s, noise, normal(200_000, seed=2))
    assert drawn.mean().item() == pytest.approx(mean.item(), abs=0.005)
    assert drawn.var().item() == pytest.approx(1 / precision.item(), rel=0.02)


@pytest.mark.parametrize("steps", [5, 20, 200])
def test_ddim_scales_a_gaussian_by_the_product_of_its_factors(model, steps):
    mean, E, eigenvalues = model

    def denoiser(x, t):
        return -(1 - alpha_bar(t)).sqrt() * gaussian_score(x, t, (mean, E, eigenvalues))

    times = torch.linspace(0.999, 0.001, steps + 1, dtype=torch.float64)
    factors = torch.ones(3, dtype=torch.float64)
    for t, s in pairwise(times):
        a, b = alpha_bar(t), alpha_bar(s)
        kept = a * eigenvalues + 1 - a
        factors *= ((a * b).sqrt() * eigenvalues + ((1 - a) * (1 - b)).sqrt()) / kept
    start = normal(4, 5, seed=5)
    x = start
    for t, s in pairwise(times.tolist()):
        x = ddim_step(x, t, s, denoiser(x, t))
    first, last = alpha_bar(times[0]).sqrt(), alpha_bar(times[-1]).sqrt()
    torch.testing.assert_close((x - last * mean) @ E, (start - first * mean) @ E * factors)
    if steps == 200:
        torch.testing.assert_close(factors.square(), eigenvalues, rtol=0.05, atol=0)


def test_samples_are_those_of_the_seed_and_of_the_law(model):
    def denoiser(x, t):
        double = tuple(part.float() for part in model)
        return -(1 - alpha_bar(t)).sqrt().float() * gaussian_score(x, t, double)

    x = sample(denoiser, (4000, 5), 100, generator())
    assert x.equal(sample(denoiser, (4000, 5), 100, generator()))
    variances = ((x - model[0].float()) @ model[1].float()).var(dim=0)
    torch.testing.assert_close(variances, model[2].float(), rtol=0.1, atol=0)
    seen = []
    sample(
        denoiser, (2, 5), 7, generator(), clip=0.5, callback=lambda k, x, x0: seen.append((k, x0.abs().max() <= 0.5))
    )
    assert seen == [(k, True) for k in range(1, 8)]
    with pytest.raises(ValueError, match="s must be earlier"):
        ddim_step(x, 0.2, 0.3, x)


def test_ddpm_draws_the_law_of_a_gaussian(model):
    mean, E, eigenvalues = model
    source, x = generator(), normal(4000, 5)
    for t, s in pairwise(torch.linspace(0.999, 0.001, 101, dtype=torch.float64).tolist()):
        noise = -(1 - alpha_bar(t)).sqrt() * gaussian_score(x, t, model)
        x = ddpm_step(x, t, s, noise, torch.randn(x.shape, generator=source, dtype=x.dtype))
    torch.testing.assert_close(((x - mean) @ E).var(dim=0), eigenvalues, rtol=0.1, atol=0)


def test_guidance_is_the_line_through_both_estimates():
    free, conditional = normal(3, 4), normal(3, 4, seed=1)
    for scale, expected in ((0, free), (1, conditional), (3, 3 * conditional - 2 * free)):
        torch.testing.assert_close(guided(conditional, free, scale), expected)


def test_the_network_begins_with_zero_and_no_words_are_words_of_zero():
    network = UNet(channels=3, width=8, words=4)
    x = torch.randn(2, 3, 16, 24, generator=generator())
    assert network(x, 0.3).equal(torch.zeros_like(x))
    torch.nn.init.normal_(network.last.weight, generator=generator())
    words = torch.tensor([[1.0, 0, 0, 1], [0, 0, 0, 0]])
    out = network(x, torch.tensor([0.3, 0.6]), words)
    torch.testing.assert_close(out[1:], network(x[1:], 0.6), rtol=1e-4, atol=1e-4)  # the sine of 600 in float32
    assert not torch.allclose(out[:1], network(x[:1], 0.3))
    described = partial(network, words=words)
    loss = noise_loss(described, x, generator())
    assert loss.equal(noise_loss(described, x, generator()))
    loss.backward()
    assert all(p.grad is not None for p in network.parameters())


def test_a_network_of_the_velocity_errs_little_where_hardly_anything_of_the_image_is_left():
    torch.manual_seed(0)
    plain = UNet(channels=2, inputs=3, width=8, words=4)
    torch.nn.init.normal_(plain.last.weight)
    network = UNet(channels=2, inputs=3, width=8, words=4, velocity=True)
    network.load_state_dict(plain.state_dict() | {"velocity": torch.ones(())})
    x, t = normal(2, 3, 8, 16).float(), torch.tensor([0.3, 0.999])
    a = alpha_bar(t)[:, None, None, None]
    v = plain(x, t)
    torch.testing.assert_close(network(x, t), a.sqrt() * v + (1 - a).sqrt() * x[:, :2])
    x0 = denoised(x[:, :2], t, network(x, t))
    torch.testing.assert_close(x0, a.sqrt() * x[:, :2] - (1 - a).sqrt() * v, rtol=1e-3, atol=1e-3)
