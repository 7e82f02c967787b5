import math

import numpy as np
import pytest
import torch
from skimage import metrics as skimage_metrics

from course_utils.metrics import mse, psnr, rmse, ssim, ssim_map
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
    assert ssim(u, v, data_range) == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(ssim_map(u, v, data_range).numpy(), full[5:-5, 5:-5], atol=1e-12)


def test_ssim_of_channels_is_their_mean():
    u, v = pair((3, 20, 25))
    expected = skimage_metrics.structural_similarity(u.numpy(), v.numpy(), data_range=1, channel_axis=0, **SETTINGS)
    assert ssim(u, v) == pytest.approx(expected, abs=1e-12)
    assert ssim_map(u, v).shape == (3, 10, 15)


def test_ssim_bounds_and_symmetry():
    u, v = pair()
    assert ssim(u, u) == pytest.approx(1)
    assert ssim(u, v) == pytest.approx(ssim(v, u))
    assert ssim(u, 1 - u) < 0
    assert ssim(u, v) < 1
    assert ssim_map(u.float(), v.float()).dtype == torch.float32
    assert ssim(u.float(), v.float()) == pytest.approx(ssim(u, v), abs=1e-4)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e300])
def test_a_diverged_iterate_is_infinitely_far(value):
    u = torch.ones(12, 13, dtype=torch.float64)
    assert psnr(u * value, u) == -math.inf
    assert mse(u * value, u) == rmse(u * value, u) == math.inf


def test_a_huge_iterate_has_its_number():
    assert psnr(torch.full((4, 5), 1e30), torch.zeros(4, 5)) == pytest.approx(-600)


IMAGE = torch.ones(12, 13)
METRICS = {"mse": mse, "rmse": rmse, "psnr": psnr, "ssim": ssim, "ssim_map": ssim_map}
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
        (ValueError, "v", lambda: ssim(IMAGE, IMAGE * math.nan)),
        (ValueError, "u", lambda: ssim_map(IMAGE * math.inf, IMAGE)),
        (ValueError, "data_range", lambda: psnr(IMAGE, IMAGE, 0.0)),
        (ValueError, "data_range", lambda: ssim(IMAGE, IMAGE, -1.0)),
        (ValueError, "u", lambda: ssim(IMAGE[:10], IMAGE[:10])),
    ]
)


@pytest.mark.parametrize(("error", "argument", "call"), BAD)
def test_bad_input_is_refused_by_name(unchecked, error, argument, call):
    raises_naming(pytest, error, argument, call)
