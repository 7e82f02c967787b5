"""Each fast function of course_utils._fast is held against the plain formula beside it; Winograd in test_winograd."""

import math

import pytest
import torch

from course_utils._fast import spectra
from course_utils._fast.differences import add_adjoint, gradient_into
from course_utils._fast.tv import dual_tv, project_on_disks, tv_gradient_adder
from course_utils.derivatives import gradient, gradient_adjoint
from course_utils.fourier import kernel_to_transfer, laplacian_transfer
from course_utils.priors import smoothed_tv_gradient
from tests.numerics import KERNEL_SIZES, SIZES, random_image, random_kernel

SHAPES = [(9, 13), (16, 18), (3, 8, 11), (1, 5), (2, 2, 6, 1)]


@pytest.mark.parametrize("shape", SHAPES)
def test_differences(shape):
    u, p = random_image(shape), random_image((2, *shape), seed=3)
    assert torch.equal(gradient_into(u, torch.empty_like(p)), gradient(u))
    torch.testing.assert_close(add_adjoint(u.clone(), p, -0.7), u - 0.7 * gradient_adjoint(p))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel_size", KERNEL_SIZES)
def test_half_spectra(size, kernel_size):
    u, k = random_image(size), random_kernel(kernel_size)
    half = size[1] // 2 + 1
    k_hat, L_hat = kernel_to_transfer(k, size), laplacian_transfer(size)
    torch.testing.assert_close(spectra.half_transfer(k, u), k_hat[:, :half])
    torch.testing.assert_close(spectra.half_laplacian(u, 0.7), 0.7 * L_hat[:, :half])
    expected = torch.fft.ifft2(torch.fft.fft2(u) * k_hat).real
    torch.testing.assert_close(spectra.apply_filter(u, k_hat[:, :half]), expected)
    assert spectra.half_laplacian(u.float()).dtype == torch.float32
    assert spectra.half_transfer(k, u.float()).dtype == torch.complex64


def test_the_transfer_function_of_the_last_kernel_is_kept():
    u, k = random_image((9, 12)), random_kernel((3, 4))
    assert spectra.half_transfer(k, u) is spectra.half_transfer(k.clone(), u)
    with torch.inference_mode():
        inside = spectra.half_transfer(k, u)
    assert inside is not spectra.half_transfer(k, u)  # tensors of inference mode are of no use outside


@pytest.mark.parametrize("shape", SHAPES)
def test_smoothed_tv_gradient(shape):
    u, g = random_image(shape), random_image(shape, seed=3)
    add = tv_gradient_adder(u, 0.3, 0.05)
    for _ in range(2):  # the buffers of the first call serve the second
        torch.testing.assert_close(add(u, g.clone()), g + 0.3 * smoothed_tv_gradient(u, 0.05))


def test_projection_on_disks():
    p = 3 * random_image((2, 3, 8, 11)) - 1.5
    expected = p / p.norm(dim=0).clamp(min=1)
    project_on_disks(p, scratch=torch.empty_like(p[0]))
    torch.testing.assert_close(p, expected)


def plain_dual_tv(v, lam, n, tol):
    """Return the result of the dual iteration, as the paper writes it, and how many iterations it took."""
    p = q = torch.zeros((2, *v.shape), dtype=v.dtype)
    t = 1.0
    for k in range(n + 1):
        u = v - lam * gradient_adjoint(p)
        gap = lam * (gradient(u).norm(dim=0) - (gradient(u) * p).sum(0))
        if k > 0 and k % 10 == 0 and 0 < gap.mean((-2, -1)).max() <= tol**2:
            return u, k
        if k < n:
            field = q + gradient(v - lam * gradient_adjoint(q)) / (8 * lam)
            p_next = field / field.norm(dim=0).clamp(min=1)
            t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
            q, p, t = p_next + (t - 1) / t_next * (p_next - p), p_next, t_next
    return u, n


@pytest.mark.parametrize(("n", "tol"), [(0, 0.0), (1, 0.0), (37, 0.0), (1000, 3e-3), (1000, 1e-2)])
@pytest.mark.parametrize("shape", [(14, 17), (2, 9, 12)])
def test_dual_tv(shape, n, tol):
    v, looks = random_image(shape), []
    u = dual_tv(v, 0.15, n, tol, lambda k, u: looks.append(k))
    expected, iterations = plain_dual_tv(v, 0.15, n, tol)
    torch.testing.assert_close(u, expected)
    assert looks[-1] == iterations
