import math

import numpy as np
import pytest
import scipy.linalg
import torch
from skimage import metrics as skimage_metrics

from course_utils.metrics import (
    frechet_distance,
    lpips,
    luminance_contrast_structure,
    mean_ssim,
    mse,
    patch_ssim,
    psnr,
    rmse,
    ssim_map,
)
from tests.numerics import generator, raises_naming, random_image

SETTINGS = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def pair(shape=(37, 42), noise=0.1):
    u = random_image(shape)
    return u, u + noise * torch.randn(shape, generator=generator(3), dtype=torch.float64)


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_errors_are_scikit_image_s(data_range):
    u, v = pair()
    assert mse(u, v) == pytest.approx(skimage_metrics.mean_squared_error(u.numpy(), v.numpy()), rel=1e-13)
    assert rmse(u, v) == pytest.approx(math.sqrt(mse(u, v)))
    expected = skimage_metrics.peak_signal_noise_ratio(u.numpy(), v.numpy(), data_range=data_range)
    assert psnr(u, v, data_range) == pytest.approx(expected, rel=1e-13)


def test_psnr_values_known_by_heart():
    u = torch.zeros(8, 9, dtype=torch.float64)
    assert psnr(u, u + 0.1) == pytest.approx(20)
    assert psnr(u, u + 25.5, data_range=255.0) == pytest.approx(20)
    assert psnr(u, u) == math.inf
    assert isinstance(psnr(u, u + 0.1), float)


@pytest.mark.parametrize("data_range", [1.0, 2.0])
@pytest.mark.parametrize("noise", [0.02, 0.3])
def test_ssim_is_scikit_image_s(data_range, noise):
    u, v = pair(noise=noise)
    expected, full = skimage_metrics.structural_similarity(
        u.numpy(), v.numpy(), data_range=data_range, full=True, **SETTINGS
    )
    assert mean_ssim(u, v, data_range) == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(ssim_map(u, v, data_range).numpy(), full[5:-5, 5:-5], atol=1e-12)


def test_ssim_of_channels_is_their_mean():
    u, v = pair((3, 20, 25))
    expected = skimage_metrics.structural_similarity(u.numpy(), v.numpy(), data_range=1, channel_axis=0, **SETTINGS)
    assert mean_ssim(u, v) == pytest.approx(expected, abs=1e-12)
    assert ssim_map(u, v).shape == (3, 10, 15)


def test_ssim_bounds_and_symmetry():
    u, v = pair()
    assert mean_ssim(u, u) == pytest.approx(1)
    assert mean_ssim(u, v) == pytest.approx(mean_ssim(v, u))
    assert mean_ssim(u, 1 - u) < 0
    assert mean_ssim(u, v) < 1
    assert ssim_map(u.float(), v.float()).dtype == torch.float32
    assert mean_ssim(u.float(), v.float()) == pytest.approx(mean_ssim(u, v), abs=1e-4)


def test_ssim_of_a_patch_is_scikit_image_s():
    u, v = pair((7, 7))
    expected = skimage_metrics.structural_similarity(u.numpy(), v.numpy(), data_range=1, use_sample_covariance=False)
    assert patch_ssim(u, v) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(8, 8), (11, 11), (5, 8)])
def test_ssim_is_the_product_of_its_three_factors(shape):
    for seed in range(3):
        x, y = random_image(shape, seed), random_image(shape, seed + 10)
        factors = luminance_contrast_structure(x, y)
        assert math.prod(factors) == pytest.approx(patch_ssim(x, y), abs=1e-14)
        assert all(-1 <= factor <= 1 for factor in factors)
    c1, c2 = 1e-4, 9e-4
    m, s = x.mean().item(), x.std(correction=0).item()
    assert luminance_contrast_structure(x, x + 0.1)[0] == pytest.approx(
        (2 * m * (m + 0.1) + c1) / (m**2 + (m + 0.1) ** 2 + c1)
    )
    assert luminance_contrast_structure(x, x + 0.1)[1:] == pytest.approx((1, 1))
    assert luminance_contrast_structure(x, 2 * x)[1] == pytest.approx((4 * s**2 + c2) / (5 * s**2 + c2))
    assert luminance_contrast_structure(x, 2 * m - x) == pytest.approx((1, 1, (c2 / 2 - s**2) / (s**2 + c2 / 2)))


def test_ssim_can_be_differentiated():
    u, v = pair((13, 14))
    u.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda u: ssim_map(u, v), u)


def test_lpips_is_its_formula():
    features = [{"a": random_image((3, 4, 5), seed), "b": random_image((2, 2, 3), seed + 5)} for seed in (0, 1)]
    weights = {"a": torch.tensor([0.5, 0.0, 2.0]).double(), "b": torch.tensor([1.0, 3.0]).double()}
    total = 0.0
    for layer, w in weights.items():
        F, G = (f[layer] for f in features)
        for i in range(F.shape[1]):
            for j in range(F.shape[2]):
                f, g = F[:, i, j] / F[:, i, j].norm(), G[:, i, j] / G[:, i, j].norm()
                total += (w * (f - g) ** 2).sum().item() / (F.shape[1] * F.shape[2])
    assert lpips(*features, weights).item() == pytest.approx(total, rel=1e-8)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e300])
def test_a_diverged_iterate_is_infinitely_far(value):
    u = torch.ones(12, 13, dtype=torch.float64)
    assert psnr(u * value, u) == -math.inf
    assert mse(u * value, u) == rmse(u * value, u) == math.inf


def test_a_huge_iterate_has_its_number():
    assert psnr(torch.full((4, 5), 1e30), torch.zeros(4, 5)) == pytest.approx(-600)


IMAGE = torch.ones(12, 13)
FEATURES, WEIGHTS = {"a": torch.ones(2, 3, 4)}, {"a": torch.ones(2)}
METRICS = {"mse": mse, "rmse": rmse, "psnr": psnr, "mean_ssim": mean_ssim, "ssim_map": ssim_map}
BAD = (
    [
        case
        for metric in METRICS.values()
        for case in [
            (ValueError, "u", lambda metric=metric: metric(IMAGE[0], IMAGE[0])),
            (TypeError, "u", lambda metric=metric: metric(IMAGE.byte(), IMAGE)),
            (TypeError, "v", lambda metric=metric: metric(IMAGE, IMAGE.numpy())),
            (ValueError, "u and v", lambda metric=metric: metric(IMAGE, IMAGE[None])),  # never broadcast
        ]
    ]
    + [
        (ValueError, "v", lambda: mean_ssim(IMAGE, IMAGE * math.nan)),
        (ValueError, "u", lambda: ssim_map(IMAGE * math.inf, IMAGE)),
        (ValueError, "data_range", lambda: psnr(IMAGE, IMAGE, 0.0)),
        (ValueError, "data_range", lambda: mean_ssim(IMAGE, IMAGE, -1.0)),
        (ValueError, "u", lambda: mean_ssim(IMAGE[:10], IMAGE[:10])),
        (ValueError, "x and y", lambda: patch_ssim(IMAGE, IMAGE[:3])),
        (ValueError, "x", lambda: luminance_contrast_structure(IMAGE * math.nan, IMAGE)),
        (TypeError, "features_u", lambda: lpips(IMAGE, FEATURES, WEIGHTS)),
        (ValueError, "features_v", lambda: lpips(FEATURES, {}, WEIGHTS)),
        (ValueError, "weights", lambda: lpips(FEATURES, FEATURES, {})),
        (ValueError, "weights", lambda: lpips(FEATURES, FEATURES, {"a": torch.ones(3)})),
        (ValueError, "features_u", lambda: lpips({"a": torch.ones(2, 3, 3)}, FEATURES, WEIGHTS)),
        (TypeError, "features_v", lambda: lpips(FEATURES, {"a": 1.0}, WEIGHTS)),
    ]
)


@pytest.mark.parametrize(("error", "argument", "call"), BAD)
def test_bad_input_is_refused_by_name(unchecked, error, argument, call):
    raises_naming(pytest, error, argument, call)


def test_frechet_distance_is_that_of_the_moments():
    x = torch.randn(300, 5, generator=generator(0), dtype=torch.float64)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + 2) == pytest.approx(20)
    y = 3 * x @ torch.diag(torch.tensor([1.0, 1, 1, 0, 0], dtype=torch.float64))
    a, b = (torch.cov(z.T, correction=0).numpy() for z in (x, y))
    root = scipy.linalg.sqrtm(scipy.linalg.sqrtm(a) @ b @ scipy.linalg.sqrtm(a)).real
    expected = (x - y).mean(dim=0).square().sum().item() + (a + b - 2 * root).trace()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-5)


def test_frechet_distance_needs_features_of_some_images():
    raises_naming(pytest, ValueError, "features_v", lambda: frechet_distance(torch.zeros(3, 2), torch.zeros(1, 2)))
