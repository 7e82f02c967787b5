import math
from itertools import pairwise

import deepinv
import numpy as np
import pytest
import torch
from skimage.restoration import denoise_tv_chambolle, wiener

from course_utils import restoration
from course_utils.derivatives import gradient, laplacian
from course_utils.fourier import kernel_to_transfer, laplacian_transfer
from course_utils.operators import Blur, Identity, Mask, Matrix, blur, blur_adjoint, dense_matrix
from course_utils.priors import smoothed_tv, smoothed_tv_gradient
from course_utils.restoration import (
    accelerated_tv_denoise,
    dual_tv_denoise,
    gradient_descent_deblur,
    inverse_filter,
    landweber,
    pseudo_inverse_deblur,
    ridge_deblur,
    ridge_path,
    tv_deblur,
    tv_denoise,
    tv_restore,
    tychonov_deblur,
    tychonov_denoise,
)
from tests.numerics import (
    KERNEL_SIZES,
    SIZES,
    generator,
    raises_naming,
    random_image,
    random_kernel,
    relative_error,
)

SMALL = (6, 5)
KERNEL = random_kernel((3, 4))
BOX = torch.full((1, 4), 0.25, dtype=torch.float64)  # its transfer function is 0 at ζ = W/4, W/2, 3W/4


def framed_image(size=(14, 17), frame=4, noise=0.1):
    """Return a noisy square inside a wide constant frame: there all boundary conditions give the same TV minimizer."""
    u = torch.zeros(size, dtype=torch.float64)
    inside = torch.rand([s - 2 * frame for s in size], generator=generator(4), dtype=torch.float64)
    u[frame:-frame, frame:-frame] = 0.5 + noise * inside
    return u


# ------------------------------------------------------------------------------------------------- Fourier closed forms


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel_size", KERNEL_SIZES)
def test_inverse_filter_undoes_a_blur(size, kernel_size):
    u, k = random_image(size), random_kernel(kernel_size)
    assert relative_error(inverse_filter(blur(u, k), k), u) < 1e-12
    assert relative_error(tychonov_deblur(blur(u, k), k, 0.0), u) < 1e-11
    assert relative_error(ridge_deblur(blur(u, k), k, 0.0), u) < 1e-11


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("restore", [inverse_filter, lambda v, k: ridge_deblur(v, k, 0.0)])
@pytest.mark.parametrize(("width", "image_width"), [(4, 12), (7, 21), (3, 15)])  # zeros exact in floats, or only nearly
def test_frequencies_that_the_blur_erased_stay_zero(restore, dtype, width, image_width):
    v = random_image((9, image_width), dtype=dtype)
    box = torch.full((1, width), 1 / width, dtype=dtype)
    modulus = torch.fft.fft2(restore(v, box)).abs()
    erased = torch.arange(image_width // width, image_width, image_width // width)
    kept = [zeta for zeta in range(image_width) if zeta not in erased]
    assert modulus[:, erased].max() < 1e-5 * modulus[:, kept].max()
    assert modulus[:, kept].min() > 0.01


def test_a_kernel_of_sum_zero_leaves_no_nan():
    u = tychonov_deblur(random_image((9, 12)), torch.tensor([[1.0, -1.0]], dtype=torch.float64), 0.1)
    assert torch.isfinite(u).all()
    assert abs(u.mean()) < 1e-15


@pytest.mark.parametrize("kernel", [KERNEL, BOX.T, random_kernel((6, 5))])
def test_deblurring_against_the_dense_matrix(kernel):
    v, lam = random_image(SMALL), 0.3
    A = dense_matrix(Blur(kernel, SMALL), SMALL)
    D = dense_matrix(gradient, SMALL)
    identity = torch.eye(30, dtype=torch.float64)
    expected = torch.linalg.solve(A.T @ A + lam * identity, A.T @ v.flatten()).reshape(SMALL)
    torch.testing.assert_close(ridge_deblur(v, kernel, lam), expected)
    expected = torch.linalg.solve(A.T @ A + lam * D.T @ D, A.T @ v.flatten()).reshape(SMALL)
    torch.testing.assert_close(tychonov_deblur(v, kernel, lam), expected)
    expected = torch.linalg.solve(identity + lam * D.T @ D, v.flatten()).reshape(SMALL)
    torch.testing.assert_close(tychonov_denoise(v, lam), expected)
    for tol in (1e-12, 0.3, 0.6):
        expected = (torch.linalg.pinv(A, rtol=tol) @ v.flatten()).reshape(SMALL)
        torch.testing.assert_close(pseudo_inverse_deblur(v, kernel, tol), expected)


def test_ridge_path_tends_to_the_pseudo_inverse():
    v, lams = random_image((9, 12)), [1.0, 1e-2, 1e-4, 1e-6, 1e-8]
    path = ridge_path(v, BOX, lams)
    for u, lam in zip(path, lams, strict=True):
        torch.testing.assert_close(u, ridge_deblur(v, BOX, lam))
    limit = pseudo_inverse_deblur(v, BOX, 1e-10)
    distances = [relative_error(u, limit) for u in path]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-6
    assert distances[0] > 0.1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel_size", [(3, 5), (4, 7), (6, 1)])
def test_tychonov_deblur_is_scikit_image_s_wiener_with_this_regularization(size, kernel_size):
    v, k, lam = random_image(size), random_kernel(kernel_size), 0.2
    half = laplacian_transfer(size)[:, : size[1] // 2 + 1].sqrt().numpy().astype(complex)
    expected = wiener(v.numpy(), k.numpy(), lam, reg=half, clip=False)
    assert relative_error(tychonov_deblur(v, k, lam), torch.from_numpy(expected)) < 1e-12


@pytest.mark.parametrize("size", SIZES)
def test_ridge_deblur_is_deepinv_s_proximal_operator(size):
    v, k, lam = random_image(size), random_kernel((3, 5)), 0.2
    physics = deepinv.physics.BlurFFT(img_size=(1, *size), filter=k[None, None], device="cpu")
    assert relative_error(physics.A(v[None, None])[0, 0], blur(v, k)) < 1e-6  # the same blur
    expected = physics.prox_l2(torch.zeros_like(v)[None, None], v[None, None], gamma=1 / lam)[0, 0]
    assert relative_error(ridge_deblur(v, k, lam), expected) < 1e-6  # deepinv keeps its filter in float32


# -------------------------------------------------------------------------------------- closed forms against iterations


@pytest.mark.parametrize("size", SIZES)
def test_tychonov_descent_converges_to_the_closed_form(size):
    v, lam = random_image(size), 0.7
    u = v
    for _ in range(200):
        u = u - 1.9 / (1 + 8 * lam) * (u - v - lam * laplacian(u))
    assert relative_error(tychonov_denoise(v, lam), u) < 1e-6


@pytest.mark.parametrize(("size", "kernel_size"), [((24, 31), (3, 5)), ((17, 20), (4, 7)), ((9, 13), (9, 13))])
def test_gradient_descent_deblur_converges_to_the_closed_form(size, kernel_size):
    v, k, lam = random_image(size), 2 * random_kernel(kernel_size), 0.1

    def objective(n):
        u = gradient_descent_deblur(v, k, lam, n)
        return (0.5 * (blur(u, k) - v).square().sum() + lam / 2 * gradient(u).square().sum()).item()

    assert relative_error(gradient_descent_deblur(v, k, lam, 600), tychonov_deblur(v, k, lam)) < 1e-6
    assert all(b <= a * (1 + 1e-12) for a, b in pairwise(map(objective, range(30))))
    assert torch.equal(gradient_descent_deblur(v, k, lam, 0), v)
    tau = 1.9 / (kernel_to_transfer(k, size).abs() ** 2 + lam * laplacian_transfer(size)).max()
    one = v - tau * (blur_adjoint(blur(v, k) - v, k) - lam * laplacian(v))
    torch.testing.assert_close(gradient_descent_deblur(v, k, lam, 1), one)


@pytest.mark.parametrize("name", ["matrix", "blur", "mask"])
def test_landweber_converges_to_the_pseudo_inverse(name):
    A, shape = {
        "matrix": (Matrix((random_image((7, 2)) - 0.5) @ (random_image((2, 5), seed=3) - 0.5)), (5,)),
        "blur": (Blur(torch.full((3, 1), 1 / 3, dtype=torch.float64), SMALL), SMALL),
        "mask": (Mask(random_image(SMALL) > 0.4), SMALL),
    }[name]
    v = torch.randn(A(torch.zeros(shape, dtype=torch.float64)).shape, generator=generator(), dtype=torch.float64)
    tau = 1.5 / A.norm() ** 2
    torch.testing.assert_close(landweber(A, v, tau, 300), A.pinv(v))


def test_landweber_stops_early():
    A, v = Blur(KERNEL, SMALL), random_image((3, *SMALL))
    first = A.adjoint(v)
    torch.testing.assert_close(landweber(A, v, 1.0, 2), first + A.adjoint(v - A(first)))


@pytest.mark.parametrize("n", [0, 3])
def test_an_operator_that_is_zero_leaves_the_first_iterate(n):
    v, nothing = random_image(SMALL), torch.zeros(3, 3, dtype=torch.float64)
    assert torch.equal(gradient_descent_deblur(v, nothing, 0.0, n), v)
    empty = Mask(torch.zeros(SMALL, dtype=torch.bool))
    assert torch.equal(landweber(empty, v, 1.0, n), torch.zeros_like(v))
    torch.testing.assert_close(tv_restore(empty, v, 0.0, 0.1, n), torch.zeros_like(v))


# ------------------------------------------------------------------------------------------------------ total variation


@pytest.mark.parametrize(("lam", "eps"), [(0.1, 0.05), (0.3, 0.2)])
def test_tv_denoise_reaches_the_minimum(lam, eps):
    v, energies = random_image((17, 20)), []

    def record(k, u):
        energies.append((0.5 * (u - v).square().sum() + lam * smoothed_tv(u, eps)).item())

    u = tv_denoise(v, lam, eps, 1500, callback=record)
    residual = u - v + lam * smoothed_tv_gradient(u, eps)
    assert residual.abs().max() < 1e-8
    assert all(b <= a * (1 + 1e-12) for a, b in pairwise(energies))
    assert len(energies) == 1501
    assert u.mean().item() == pytest.approx(v.mean().item(), abs=1e-12)
    assert relative_error(accelerated_tv_denoise(v, lam, eps, 3000, tol=1e-9), u) < 1e-7


def test_tv_denoise_takes_the_lecture_s_steps():
    v, lam, eps = random_image((9, 13)), 0.2, 0.1
    step = v - 1.9 / (1 + 8 * lam / eps) * lam * smoothed_tv_gradient(v, eps)
    torch.testing.assert_close(tv_denoise(v, lam, eps, 1), step)


@pytest.mark.parametrize("tol", [1e-2, 1e-3, 1e-5])
def test_accelerated_tv_denoise_keeps_its_promise(tol):
    v, lam, eps, iterations = random_image((3, 24, 31)), 0.1, 1e-2, []
    exact = accelerated_tv_denoise(v, lam, eps, 5000, tol=1e-9)
    u = accelerated_tv_denoise(v, lam, eps, 20000, tol=tol, callback=lambda k, u: iterations.append(k))
    assert (u - exact).square().mean((-2, -1)).sqrt().max() <= tol
    assert 5 < len(iterations) < 2000


@pytest.mark.parametrize("tol", [1e-2, 1e-3])
def test_duality_gap_keeps_its_promise(tol):
    v, lam, looks = torch.stack([random_image((14, 17)), framed_image()]), 0.1, []
    exact = dual_tv_denoise(v, lam, 2000, tol=tol / 30)
    u = dual_tv_denoise(v, lam, 2000, tol=tol, callback=lambda k, u: looks.append(k))
    assert (u - exact).square().mean((-2, -1)).sqrt().max() <= tol
    assert looks[-1] < 2000
    assert looks[:2] == [0, 10]


def test_easy_images_do_not_stop_the_hard_one_early():
    hard = random_image((14, 17))
    batch, alone, together = torch.cat([hard[None], torch.zeros(9, 14, 17, dtype=torch.float64)]), [], []
    dual_tv_denoise(hard, 0.1, tol=1e-3, callback=lambda k, u: alone.append(k))
    dual_tv_denoise(batch, 0.1, tol=1e-3, callback=lambda k, u: together.append(k))
    assert alone == together


def test_exact_tv_is_the_limit_of_the_smoothed_one():
    v, lam = random_image((17, 20)), 0.1
    exact = dual_tv_denoise(v, lam, 5000, tol=1e-5)

    def objective(u):
        return (0.5 * (u - v).square().sum() + lam * gradient(u).norm(dim=0).sum()).item()

    smooth = {eps: accelerated_tv_denoise(v, lam, eps, 20000, tol=1e-5) for eps in (1e-2, 1e-4)}
    assert relative_error(smooth[1e-4], exact) < 1e-3 < relative_error(smooth[1e-2], exact)
    assert all(objective(exact) <= objective(u) + 1e-9 for u in smooth.values())


def test_dual_tv_denoise_is_scikit_image_s_chambolle():
    v, lam = framed_image(), 0.08
    expected = torch.from_numpy(denoise_tv_chambolle(v.numpy(), weight=lam, eps=1e-9, max_num_iter=4000))
    got = dual_tv_denoise(v, lam, 5000, tol=1e-5)
    assert relative_error(got, v) > 0.02  # something was denoised
    assert (got - expected).abs().max() < 3e-4


def test_dual_tv_denoise_is_deepinv_s():
    v, lam = framed_image(), 0.08
    model = deepinv.models.TVDenoiser(n_it_max=4000, crit=1e-7)
    expected = model(v[None, None], lam)[0, 0]
    assert (dual_tv_denoise(v, lam, 5000, tol=1e-5) - expected).abs().max() < 3e-4


def test_tv_deblur_reaches_the_minimum():
    v, k, lam, eps = random_image((17, 20)), random_kernel((4, 7)), 0.05, 0.1
    u = tv_deblur(v, k, lam, eps, 3000)
    residual = blur_adjoint(blur(u, k) - v, k) + lam * smoothed_tv_gradient(u, eps)
    assert residual.abs().max() < 1e-7
    assert blur_adjoint(blur(v, k) - v, k).abs().max() > 1e-2
    identity = torch.ones(1, 1, dtype=torch.float64)
    expected = accelerated_tv_denoise(v, lam, eps, 3000, tol=1e-10)
    assert relative_error(tv_deblur(v, identity, lam, eps, 3000), expected) < 1e-8


def test_tv_restore_is_tv_denoise_for_the_identity_and_tv_deblur_for_a_blur():
    v, k, lam, eps = random_image((3, 17, 20)), random_kernel((4, 7)), 0.05, 0.1
    assert relative_error(tv_restore(Identity(), v, lam, eps, 600), tv_denoise(v, lam, eps, 600)) < 1e-8
    assert relative_error(tv_restore(Blur(k, (17, 20)), v, lam, eps, 2000), tv_deblur(v, k, lam, eps, 2000)) < 1e-7


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_tv_restore_reaches_the_minimum_for_any_operator(scale):
    lam, eps, M = 0.05 * scale**2, 0.1, scale * (random_image((40, 99)) - 0.5) / 5

    class Measurements:
        def __call__(self, u):
            return u.flatten() @ M.T

        def adjoint(self, v):
            return (v @ M).reshape(9, 11)

        def norm(self):
            return torch.linalg.matrix_norm(M, ord=2).item()

    A, truth = Measurements(), random_image((9, 11), seed=4)
    v = A(truth)
    u = tv_restore(A, v, lam, eps, 2000)
    residual = A.adjoint(A(u) - v) + lam * smoothed_tv_gradient(u, eps)
    assert residual.abs().max() < 1e-8 * scale**2


def test_tv_restore_fills_a_hole():
    u = torch.zeros(12, 15, dtype=torch.float64)
    u[:, 7:] = 1.0
    known = torch.ones(12, 15, dtype=torch.bool)
    known[4:8, 4:11] = False
    restored = tv_restore(Mask(known), u * known, 1e-3, 1e-3, 6000)
    assert (restored - u).abs().max() < 0.05  # the contour goes straight through


def test_tv_denoising_without_and_with_huge_weight():
    v = random_image((9, 13))
    torch.testing.assert_close(dual_tv_denoise(v, 0.0), v)
    flat = dual_tv_denoise(v, 5.0, 2000, tol=1e-3)
    assert (flat - v.mean()).abs().max() < 1e-2


# ------------------------------------------------------------------------------------------------- what holds for all

METHODS = {
    "inverse_filter": lambda v, k: inverse_filter(v, k),
    "pseudo_inverse_deblur": lambda v, k: pseudo_inverse_deblur(v, k, 0.2),
    "ridge_deblur": lambda v, k: ridge_deblur(v, k, 0.1),
    "tychonov_denoise": lambda v, k: tychonov_denoise(v, 0.4),
    "tychonov_deblur": lambda v, k: tychonov_deblur(v, k, 0.1),
    "gradient_descent_deblur": lambda v, k: gradient_descent_deblur(v, k, 0.1, 20),
    "tv_denoise": lambda v, k: tv_denoise(v, 0.1, 0.05, 20),
    "accelerated_tv_denoise": lambda v, k: accelerated_tv_denoise(v, 0.1, 0.05, 300, tol=1e-6),
    "tv_deblur": lambda v, k: tv_deblur(v, k, 0.1, 0.05, 300),
    "dual_tv_denoise": lambda v, k: dual_tv_denoise(v, 0.1, 30, tol=0.0),
    "tv_restore": lambda v, k: tv_restore(Blur(k, tuple(v.shape[-2:])), v, 0.1, 0.05, 300),
    "landweber": lambda v, k: landweber(Blur(k, tuple(v.shape[-2:])), v, 1.0, 20),
}


@pytest.mark.parametrize("name", METHODS)
def test_batches_and_colours_are_restored_one_by_one(name):
    v, restore = random_image((2, 3, 11, 14)), METHODS[name]
    u = restore(v, KERNEL)
    assert u.shape == v.shape
    assert relative_error(u[1, 2], restore(v[1, 2], KERNEL)) < 1e-5  # one stopping time for all, hence not exactly


@pytest.mark.parametrize("name", METHODS)
def test_float32_stays_float32_and_is_close(name):
    v, restore = random_image((11, 14)), METHODS[name]
    got = restore(v.float(), KERNEL.float())
    assert got.dtype == torch.float32
    assert relative_error(got.double(), restore(v, KERNEL)) < 1e-4


@pytest.mark.parametrize("name", METHODS)
def test_the_kernel_is_taken_in_the_precision_of_the_image(name):
    restored = METHODS[name](random_image((11, 14), dtype=torch.float32), KERNEL)
    assert restored.dtype == torch.float32


@pytest.mark.parametrize("name", METHODS)
def test_the_input_is_untouched_and_may_require_a_gradient(name):
    v, k = random_image((11, 14)), KERNEL.clone()
    before = v.clone()
    METHODS[name](v, k)
    METHODS[name](v.requires_grad_(), k)
    assert torch.equal(v, before)
    assert torch.equal(k, KERNEL)


def test_tv_beats_tychonov_on_a_piecewise_constant_image():
    u = torch.from_numpy(np.kron(np.array([[0.1, 0.8], [0.6, 0.3]]), np.ones((32, 40))))
    v = u + 0.1008 * torch.randn(u.shape, generator=generator(), dtype=torch.float64)
    errors = [x.sub(u).square().mean().item() for x in (dual_tv_denoise(v, 0.2), tychonov_denoise(v, 1.0), v)]
    assert errors[0] < 0.2 * errors[1] < 0.1 * errors[2]


# ----------------------------------------------------------------------------------------------------------- bad input

IMAGE, SQUARE = torch.ones(6, 5), torch.ones(3, 3)
A = Blur(KERNEL, SMALL)
DEBLUR = {
    "inverse_filter": inverse_filter,
    "pseudo_inverse_deblur": lambda v, k: pseudo_inverse_deblur(v, k, 0.1),
    "ridge_deblur": lambda v, k: ridge_deblur(v, k, 0.1),
    "ridge_path": lambda v, k: ridge_path(v, k, [0.1]),
    "tychonov_deblur": lambda v, k: tychonov_deblur(v, k, 0.1),
    "gradient_descent_deblur": lambda v, k: gradient_descent_deblur(v, k, 0.1, 2),
    "tv_deblur": lambda v, k: tv_deblur(v, k, 0.1, 0.1, 2),
}
DENOISE = {
    "tychonov_denoise": lambda v: tychonov_denoise(v, 0.1),
    "tv_denoise": lambda v: tv_denoise(v, 0.1, 0.1, 2),
    "accelerated_tv_denoise": lambda v: accelerated_tv_denoise(v, 0.1, 0.1, 2),
    "dual_tv_denoise": lambda v: dual_tv_denoise(v, 0.1),
}
BAD = (
    [
        case
        for f in DEBLUR.values()
        for case in [
            (ValueError, "v", lambda f=f: f(IMAGE[0], SQUARE)),
            (TypeError, "v", lambda f=f: f(IMAGE.byte(), SQUARE)),
            (
                TypeError,
                "v must hold floating-point values, got torch.complex64",
                lambda f=f: f(1j * IMAGE, SQUARE),
            ),
            (ValueError, "v", lambda f=f: f(IMAGE * math.nan, SQUARE)),
            (ValueError, "kernel", lambda f=f: f(IMAGE, torch.ones(3, 6))),
            (ValueError, "kernel", lambda f=f: f(IMAGE, SQUARE[None])),
            (TypeError, "kernel", lambda f=f: f(IMAGE, SQUARE.numpy())),
            (ValueError, "v is on cpu but kernel", lambda f=f: f(IMAGE, SQUARE.to("meta"))),
        ]
    ]
    + [
        case
        for f in DENOISE.values()
        for case in [
            (ValueError, "v", lambda f=f: f(IMAGE[0])),
            (TypeError, "v", lambda f=f: f(IMAGE.long())),
            (TypeError, "v", lambda f=f: f(IMAGE.numpy())),
            (ValueError, "v", lambda f=f: f(IMAGE * math.inf)),
        ]
    ]
    + [
        (ValueError, "tol", lambda: pseudo_inverse_deblur(IMAGE, SQUARE, -0.1)),
        (ValueError, "lam", lambda: ridge_deblur(IMAGE, SQUARE, -0.1)),
        (TypeError, "lam", lambda: ridge_deblur(IMAGE, SQUARE, None)),
        (ValueError, "lams", lambda: ridge_path(IMAGE, SQUARE, [])),
        (ValueError, "lams[1]", lambda: ridge_path(IMAGE, SQUARE, [1.0, -1.0])),
        (ValueError, "lam", lambda: tychonov_denoise(IMAGE, -1.0)),
        (ValueError, "lam", lambda: tychonov_deblur(IMAGE, SQUARE, math.nan)),
        (ValueError, "lam", lambda: gradient_descent_deblur(IMAGE, SQUARE, -1.0, 3)),
        (ValueError, "n", lambda: gradient_descent_deblur(IMAGE, SQUARE, 1.0, -3)),
        (ValueError, "lam", lambda: tv_denoise(IMAGE, -1.0, 0.1, 3)),
        (ValueError, "eps", lambda: tv_denoise(IMAGE, 1.0, 0.0, 3)),
        (TypeError, "n", lambda: tv_denoise(IMAGE, 1.0, 0.1, 3.5)),
        (ValueError, "tol", lambda: accelerated_tv_denoise(IMAGE, 1.0, 0.1, 3, tol=-1.0)),
        (ValueError, "eps", lambda: accelerated_tv_denoise(IMAGE, 1.0, -0.1, 3)),
        (ValueError, "eps", lambda: tv_deblur(IMAGE, SQUARE, 1.0, 0.0, 3)),
        (ValueError, "lam", lambda: tv_deblur(IMAGE, SQUARE, -1.0, 0.1, 3)),
        (ValueError, "lam", lambda: dual_tv_denoise(IMAGE, -1.0)),
        (ValueError, "tol", lambda: dual_tv_denoise(IMAGE, 1.0, tol=-1.0)),
        (TypeError, "n", lambda: dual_tv_denoise(IMAGE, 1.0, 2.5)),
        (TypeError, "A", lambda: landweber(IMAGE, IMAGE, 1.0, 3)),
        (ValueError, "v", lambda: landweber(A, IMAGE.T, 1.0, 3)),
        (TypeError, "v", lambda: landweber(A, None, 1.0, 3)),
        (TypeError, "A", lambda: tv_restore(Blur, IMAGE, 1.0, 0.1, 3)),
        (TypeError, "v", lambda: tv_restore(A, IMAGE.int(), 1.0, 0.1, 3)),
        (ValueError, "v", lambda: tv_restore(A, IMAGE * math.nan, 1.0, 0.1, 3)),
        (ValueError, "lam", lambda: tv_restore(A, IMAGE, -1.0, 0.1, 3)),
        (ValueError, "eps", lambda: tv_restore(A, IMAGE, 1.0, 0.0, 3)),
        (TypeError, "n", lambda: tv_restore(A, IMAGE, 1.0, 0.1, None)),
        (ValueError, "tau", lambda: landweber(A, IMAGE, 2.1, 3)),
        (ValueError, "n", lambda: landweber(A, IMAGE, 1.0, -3)),
    ]
)


@pytest.mark.parametrize(("error", "argument", "call"), BAD)
def test_bad_input_is_refused_by_name(unchecked, error, argument, call):
    raises_naming(pytest, error, argument, call)


@pytest.mark.parametrize("shape", [(9, 12), (8, 7)])
def test_objective_gradient_is_that_of_automatic_differentiation(shape):
    generator = torch.Generator().manual_seed(0)
    u, v = torch.randn(2, *shape, dtype=torch.float64, generator=generator)
    kernel = torch.rand(4, 3, dtype=torch.float64, generator=generator)
    x = u.clone().requires_grad_(True)
    value = 0.5 * (blur(x, kernel) - v).square().sum() + 0.7 / 2 * gradient(x).square().sum()
    expected = torch.autograd.grad(value, x)[0]
    torch.testing.assert_close(restoration.objective_gradient(u, v, kernel, 0.7), expected, rtol=1e-12, atol=1e-12)
