import math

import pytest
import torch

from course_utils.derivatives import gradient, laplacian
from course_utils.priors import smoothed_tv, smoothed_tv_gradient, tychonov
from tests.numerics import SIZES, raises_naming, random_image, relative_error


@pytest.mark.parametrize("shape", [*SIZES, (3, 8, 11)])
@pytest.mark.parametrize("eps", [1.0, 1e-2, 1e-4])
def test_smoothed_tv_gradient_agrees_with_autograd(shape, eps):
    u = random_image(shape).requires_grad_()
    (expected,) = torch.autograd.grad(smoothed_tv(u, eps), u)
    assert relative_error(smoothed_tv_gradient(u, eps), expected) < 1e-12


@pytest.mark.parametrize("eps", [1.0, 1e-2])
def test_smoothed_tv_gradient_agrees_with_finite_differences(eps):
    u, direction, h = random_image((9, 13)), random_image((9, 13), seed=1) - 0.5, 1e-6
    slope = (smoothed_tv(u + h * direction, eps) - smoothed_tv(u - h * direction, eps)) / (2 * h)
    assert slope.item() == pytest.approx((smoothed_tv_gradient(u, eps) * direction).sum().item(), rel=1e-6)


def test_smoothed_tv_gradient_is_lipschitz_as_the_lecture_says():
    eps = 0.05
    u = 0.01 * torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(6, 5)  # small oscillations: where it bends most
    u = u * torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(3)[:, None]
    ratio = smoothed_tv_gradient(u, eps).norm() / u.norm()  # the gradient at 0 is 0
    assert 0.8 * 8 / eps < ratio <= 8 / eps


@pytest.mark.parametrize("shape", [*SIZES, (3, 8, 11)])
def test_tychonov_and_its_gradient(shape):
    u = random_image(shape).requires_grad_()
    assert tychonov(u).item() == pytest.approx(0.5 * gradient(u.detach()).norm().item() ** 2, rel=1e-13)
    (grad,) = torch.autograd.grad(tychonov(u), u)
    assert relative_error(grad, -laplacian(u.detach())) < 1e-13


def test_smoothed_tv_of_a_square_tends_to_its_perimeter_but_at_one_corner():
    u = torch.zeros(10, 12, dtype=torch.float64)
    u[3:7, 4:9] = 2.0
    # Forward differences meet one of the four corners in both directions at once: √2 instead of 2, and one pixel less.
    assert smoothed_tv(u, 1e-12).item() == pytest.approx(2 * (2 * (4 + 5) - 2 + math.sqrt(2)), rel=1e-10)


def test_smoothed_tv_decreases_to_total_variation():
    u = random_image((9, 13))
    values = [smoothed_tv(u, eps).item() for eps in (1.0, 0.1, 1e-2, 1e-8)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(gradient(u).norm(dim=0).sum().item(), rel=1e-9)


def test_a_constant_image():
    u = torch.full((6, 5), 0.3, dtype=torch.float64)
    assert tychonov(u) == 0
    assert smoothed_tv(u, 0.1).item() == pytest.approx(0.1 * 30)
    assert smoothed_tv_gradient(u, 0.1).abs().max() == 0


@pytest.mark.parametrize("prior", [tychonov, lambda u: smoothed_tv(u, 0.1)])
def test_channels_are_summed(prior):
    u = random_image((3, 8, 11))
    assert prior(u).item() == pytest.approx(sum(prior(channel).item() for channel in u), rel=1e-13)
    assert prior(u.float()).dtype == torch.float32


def test_gradient_of_channels_is_taken_one_by_one():
    u = random_image((3, 8, 11))
    torch.testing.assert_close(smoothed_tv_gradient(u, 0.1)[1], smoothed_tv_gradient(u[1], 0.1))
    assert smoothed_tv_gradient(u.float(), 0.1).dtype == torch.float32


IMAGE = torch.ones(4, 5)
BAD = [
    (ValueError, "u", lambda: tychonov(IMAGE[0])),
    (TypeError, "u", lambda: tychonov(IMAGE.long())),
    (ValueError, "u", lambda: smoothed_tv(IMAGE * math.inf, 0.1)),
    (ValueError, "eps", lambda: smoothed_tv(IMAGE, 0.0)),
    (ValueError, "eps", lambda: smoothed_tv_gradient(IMAGE, -0.1)),
    (ValueError, "eps", lambda: smoothed_tv_gradient(IMAGE, math.nan)),
    (TypeError, "eps", lambda: smoothed_tv_gradient(IMAGE, IMAGE)),
    (TypeError, "u", lambda: smoothed_tv_gradient(IMAGE.numpy(), 0.1)),
]


@pytest.mark.parametrize(("error", "argument", "call"), BAD)
def test_bad_input_is_refused_by_name(unchecked, error, argument, call):
    raises_naming(pytest, error, argument, call)
