import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from course_utils.derivatives import laplacian
from course_utils.fourier import (
    disk_kernel,
    gaussian_kernel,
    kernel_to_transfer,
    laplacian_transfer,
    motion_kernel,
    trajectory_kernel,
)
from tests.numerics import KERNEL_SIZES, SIZES, raises_naming, random_kernel, relative_error

PATH = torch.tensor([[0.0, -2.0], [1.5, 0.0], [-2.6, 3.2], [-3.0, 6.0]], dtype=torch.float64)


@pytest.mark.parametrize("std", [0.7, 1.5, 2.0, 3.25])
def test_gaussian_kernel_is_scipy_impulse_response(std):
    k = gaussian_kernel(std)
    impulse = np.zeros(k.shape)
    impulse[k.shape[0] // 2, k.shape[1] // 2] = 1
    expected = ndimage.gaussian_filter(impulse, std, mode="constant", radius=k.shape[0] // 2)
    assert relative_error(k, torch.from_numpy(expected)) < 1e-12
    assert k.shape[0] == 2 * math.ceil(4 * std) + 1


@pytest.mark.parametrize("radius", [0.3, 1.0, 2.4, 3.5, 5.0])
def test_disk_kernel_is_the_covered_area(radius):
    k = disk_kernel(radius)
    half, fine = k.shape[0] // 2, 200
    x = (torch.arange((2 * half + 1) * fine, dtype=torch.float64) + 0.5) / fine - half - 0.5
    inside = (x[:, None] ** 2 + x**2 <= radius**2).double()
    area = inside.reshape(2 * half + 1, fine, 2 * half + 1, fine).mean((1, 3))
    assert area.sum() == pytest.approx(math.pi * radius**2, rel=2e-3)  # the kernel's support loses nothing of the disk
    torch.testing.assert_close(k, area / area.sum(), rtol=0, atol=2e-3 / radius**2)
    assert torch.equal(k, k.T)
    torch.testing.assert_close(k, k.flip(0))


def test_motion_kernel_of_a_whole_number_of_pixels():
    expected = torch.tensor([[0.125, 0.25, 0.25, 0.25, 0.125]], dtype=torch.float64)
    torch.testing.assert_close(motion_kernel(4.0, 0.0), expected)
    torch.testing.assert_close(motion_kernel(4.0, 90.0), expected.T)


def test_motion_kernel_turns_counter_clockwise():
    k = motion_kernel(9.0, 30.0)
    rows, columns = torch.meshgrid(*(torch.arange(s, dtype=torch.float64) - s // 2 for s in k.shape), indexing="ij")
    assert k.shape[0] < k.shape[1]
    assert (k * rows * columns).sum() < 0  # up, that is towards smaller rows, when it goes right
    torch.testing.assert_close(k, motion_kernel(9.0, 210.0))
    torch.testing.assert_close(k.flip(0), motion_kernel(9.0, -30.0))


def test_trajectory_kernel_follows_its_path():
    k = trajectory_kernel(PATH)
    rows, columns = torch.meshgrid(*(torch.arange(s, dtype=torch.float64) - s // 2 for s in k.shape), indexing="ij")
    mean = ((PATH[1:] + PATH[:-1]) / 2).mean(0)  # equal times: the mean position is the mean of the segments' middles
    got = torch.stack([(k * rows).sum(), (k * columns).sum()])
    torch.testing.assert_close(got, mean, rtol=0, atol=1e-3)
    assert k.shape == (7, 13)
    assert (k - k.flip(0, 1)).abs().max() > 0.01


@pytest.mark.parametrize(
    "k", [gaussian_kernel(1.3), disk_kernel(2.2), motion_kernel(7.3, 20.0), trajectory_kernel(PATH)]
)
def test_kernels_are_nonnegative_of_sum_one_and_odd(k):
    assert k.min() >= 0
    assert k.sum().item() == pytest.approx(1, abs=1e-14)
    assert k.dtype == torch.float64
    assert all(s % 2 == 1 for s in k.shape)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel_size", KERNEL_SIZES)
def test_transfer_function_is_the_fourier_series_of_the_kernel(size, kernel_size):
    k = random_kernel(kernel_size)
    xi = torch.arange(size[0], dtype=torch.float64)[:, None] / size[0]
    zeta = torch.arange(size[1], dtype=torch.float64) / size[1]
    expected = torch.zeros(size, dtype=torch.complex128)
    for row in range(kernel_size[0]):
        for column in range(kernel_size[1]):
            phase = xi * (row - kernel_size[0] // 2) + zeta * (column - kernel_size[1] // 2)
            expected += k[row, column] * torch.exp(-2j * math.pi * phase)
    assert relative_error(kernel_to_transfer(k, size), expected) < 1e-13


def test_transfer_function_takes_the_shape_of_a_batch_of_images():
    k = random_kernel((3, 5))
    assert torch.equal(kernel_to_transfer(k, (2, 3, 16, 18)), kernel_to_transfer(k, (16, 18)))


@pytest.mark.parametrize("size", SIZES)
def test_laplacian_transfer(size):
    impulse = torch.zeros(size, dtype=torch.float64)
    impulse[0, 0] = 1
    L_hat = laplacian_transfer(size)
    torch.testing.assert_close(torch.fft.fft2(-laplacian(impulse)), L_hat.to(torch.complex128))
    d1 = kernel_to_transfer(torch.tensor([[1.0], [-1.0], [0.0]], dtype=torch.float64), size)
    d2 = kernel_to_transfer(torch.tensor([[1.0, -1.0, 0.0]], dtype=torch.float64), size)
    torch.testing.assert_close(d1.abs() ** 2 + d2.abs() ** 2, L_hat)
    both_even = size[0] % 2 == 0 and size[1] % 2 == 0
    assert (L_hat.max().item() == pytest.approx(8, abs=1e-12)) == both_even


KERNEL = torch.ones(3, 5)
BAD = [
    (ValueError, "std", lambda: gaussian_kernel(0.0)),
    (ValueError, "std", lambda: gaussian_kernel(math.inf)),
    (TypeError, "std", lambda: gaussian_kernel("1")),
    (ValueError, "radius", lambda: disk_kernel(-2.0)),
    (ValueError, "length", lambda: motion_kernel(0.0, 3.0)),
    (ValueError, "angle", lambda: motion_kernel(1.0, math.nan)),
    (ValueError, "points", lambda: trajectory_kernel(torch.zeros(1, 2))),
    (ValueError, "points", lambda: trajectory_kernel(torch.zeros(4, 3))),
    (TypeError, "points", lambda: trajectory_kernel([[0, 0], [1, 1]])),
    (ValueError, "kernel", lambda: kernel_to_transfer(KERNEL, (2, 8))),
    (ValueError, "kernel", lambda: kernel_to_transfer(KERNEL[0], (8, 8))),
    (ValueError, "kernel", lambda: kernel_to_transfer(KERNEL * math.nan, (8, 8))),
    (TypeError, "kernel", lambda: kernel_to_transfer(KERNEL.int(), (8, 8))),
    (ValueError, "shape", lambda: kernel_to_transfer(KERNEL, (8,))),
    (TypeError, "shape", lambda: laplacian_transfer((8, 2.5))),
    (ValueError, "shape", lambda: laplacian_transfer((0, 5))),
]


@pytest.mark.parametrize(("error", "argument", "call"), BAD)
def test_bad_input_is_refused_by_name(unchecked, error, argument, call):
    raises_naming(pytest, error, argument, call)
