"""Posterior sampling: gradients against autograd of other formulas, the exact posterior of a Gaussian, denoisers."""

import pytest
import torch

from course_utils import operators
from course_utils.data import load_square_digits
from course_utils.diffusion import alpha_bar, denoised, diffuse, gaussian_score, load_unet
from course_utils.gaussian import condition
from course_utils.images import add_noise, load_image
from course_utils.metrics import psnr
from course_utils.posterior import (
    conjugate_gradient,
    dps_gradient,
    dps_step,
    load_dncnn,
    pigdm_guidance,
    plug_and_play,
    posterior_score_gaussian,
    replace_known,
    reverse_process,
)
from tests.numerics import generator, normal


@pytest.fixture
def model():
    """A Gaussian of rank 4 in 12 dimensions."""
    E = torch.linalg.qr(normal(12, 4, seed=1)).Q
    return normal(12, seed=2), E, torch.tensor([4.0, 2.0, 1.0, 0.5], dtype=torch.float64)


@pytest.fixture
def mask():
    return normal(12, seed=4) < 0.3


def denoiser_of(model):
    return lambda x, t: -(1 - alpha_bar(t)).sqrt() * gaussian_score(x, t, model)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_the_exact_score_is_that_of_bayes_formula(model, mask, t):
    _, E, eigenvalues = model
    v, x, sigma, a = normal(12, seed=3), normal(5, 12).requires_grad_(), 0.3, alpha_bar(t)
    spread = E @ torch.diag(eigenvalues * (1 - a) / (a * eigenvalues + 1 - a)) @ E.T  # of x_0 given x_t
    predicted = denoised(x, t, denoiser_of(model)(x, t))[:, mask]
    covariance = spread[mask][:, mask] + sigma**2 * torch.eye(int(mask.sum()), dtype=torch.float64)
    torch.distributions.MultivariateNormal(predicted, covariance).log_prob(v[mask]).sum().backward()
    expected = gaussian_score(x.detach(), t, model) + x.grad
    torch.testing.assert_close(posterior_score_gaussian(x.detach(), t, v, mask, sigma, model), expected)


def test_samples_by_the_exact_score_have_the_posteriors_moments(model, mask):
    v, source = normal(12, seed=3), generator()
    m, F = condition(v, mask, model, 0.3)

    def step(x, t, s):
        noise = -(1 - alpha_bar(t)).sqrt() * posterior_score_gaussian(x, t, v, mask, 0.3, model)
        return dps_step(x, t, s, lambda x: x, x, lambda x, t: noise, 0.0, source)

    x = reverse_process(step, torch.randn(4000, 12, generator=source, dtype=torch.float64), 200)
    torch.testing.assert_close(x.mean(dim=0), m, rtol=0, atol=0.06)
    torch.testing.assert_close(torch.cov(x.T).trace(), (F @ F.T).trace(), rtol=0.1, atol=0)


def test_dps_gradient_is_that_of_finite_differences():
    A, v, x = operators.ZoomOut(normal(3, 2).abs(), (4, 6), 2), normal(2, 1, 2, 3), normal(2, 1, 4, 6, seed=1)

    def denoiser(x, t):
        return torch.sin(x) + t * x

    g = dps_gradient(x, 0.4, A, v, denoiser)
    direction, h = normal(2, 1, 4, 6, seed=2), 1e-6
    for k in range(2):
        ends = [(v - A(denoised(y, 0.4, denoiser(y, 0.4))))[k].norm() for y in (x + h * direction, x - h * direction)]
        torch.testing.assert_close((g * direction)[k].sum(), (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-8)


def test_guidance_is_exact_for_white_images_of_variance_one():
    """x_0 ~ N(0, I): then x_0 given x_t has the covariance (1 - ᾱ) I, and ΠGDM is Bayes' formula."""
    mask = normal(1, 12, seed=4) < 0.3
    model = (
        torch.zeros(12, dtype=torch.float64),
        torch.eye(12, dtype=torch.float64),
        torch.ones(12, dtype=torch.float64),
    )
    x, v, t = normal(5, 1, 12), normal(12, seed=3) * mask[0], 0.6
    g = pigdm_guidance(x, t, operators.Mask(mask), v.expand(5, 1, 12), 0.3, denoiser_of(model))
    exact = posterior_score_gaussian(x[:, 0], t, v, mask[0], 0.3, model) - gaussian_score(x[:, 0], t, model)
    torch.testing.assert_close(g[:, 0], exact, rtol=1e-3, atol=1e-4)


def test_conjugate_gradients_solve_image_by_image():
    M = normal(9, 9)
    M = M @ M.T + torch.eye(9, dtype=torch.float64)
    b = normal(3, 1, 9, seed=1) * torch.tensor([1.0, 1e-3, 0.0], dtype=torch.float64)[:, None, None]
    w = conjugate_gradient(lambda w: w @ M, b)
    assert ((w @ M - b).flatten(1).norm(dim=1) <= 2e-5 * b.flatten(1).norm(dim=1)).all()


def test_known_pixels_are_those_of_the_diffused_observation():
    x, v, noise = normal(2, 1, 4, 6), normal(2, 1, 4, 6, seed=1), normal(2, 1, 4, 6, seed=2)
    mask = normal(4, 6, seed=3) < 0
    y = replace_known(x, 0.4, v, mask, noise)
    assert y[..., ~mask].equal(x[..., ~mask])
    assert y[..., mask].equal(diffuse(v, 0.4, noise)[..., mask])


def test_the_reverse_process_ends_at_images_and_reports():
    seen = []
    x = reverse_process(lambda x, t, s: x + t - s, torch.zeros(1, 2), 7, callback=lambda k, x: seen.append(k))
    torch.testing.assert_close(x, torch.full((1, 2), 0.989))
    assert seen == list(range(1, 8))
    with pytest.raises(ValueError, match="start must be > 0"):
        reverse_process(lambda x, t, s: x, torch.zeros(1, 2), 7, start=0.0)


@pytest.mark.parametrize(("level", "gain"), [("06", 6.0), ("10", 6.5), ("20", 10.5)])
def test_denoisers_denoise(level, gain):
    u = load_image("cameraman", 128)
    v = add_noise(u, int(level) / 100, generator())
    assert psnr(load_dncnn(level)(v), u) > psnr(v, u) + gain


def test_plug_and_play_with_a_projection_is_projected_descent():
    A, v = operators.Identity(), torch.tensor([[1.6, 0.4]], dtype=torch.float64)
    u = plug_and_play(torch.zeros(1, 2, dtype=torch.float64), A, v, lambda u: u.clamp(0, 1), 0.5, 60)
    torch.testing.assert_close(u, torch.tensor([[1.0, 0.4]], dtype=torch.float64))


def test_restored_digits_explain_what_was_seen():
    """A digit with half of it hidden, in 30 steps: the residual is of the size of the noise."""
    x0, source = load_square_digits(450, 451)[0][3:5], generator()
    mask = torch.arange(32)[:, None].expand(32, 32) < 16
    A = operators.Mask(mask)
    v = A(x0 + 0.05 * torch.randn(x0.shape, generator=source))
    denoiser = load_unet("digit_diffusion")
    x = torch.randn(x0.shape, generator=source)
    x = reverse_process(lambda x, t, s: dps_step(x, t, s, A, v, denoiser, 1.0, source), x, 30)
    assert (x - v)[..., mask].square().mean().sqrt().item() < 0.1
