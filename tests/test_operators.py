import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from course_utils.operators import (
    Blur,
    Identity,
    LinearOperator,
    Mask,
    Matrix,
    blur,
    blur_adjoint,
    dense_matrix,
    pseudo_inverse,
)
from course_utils.restoration import tychonov_deblur
from tests.numerics import (
    KERNEL_SIZES,
    SIZES,
    adjoint_error,
    generator,
    raises_naming,
    random_image,
    random_kernel,
    relative_error,
)

SMALL = (6, 5)
OPERATORS = {
    "blur": Blur(random_kernel((3, 4)), SMALL),
    "blur, even": Blur(random_kernel((6, 2), seed=5) - 0.1, SMALL),
    "singular blur": Blur(torch.full((3, 1), 1 / 3, dtype=torch.float64), SMALL),  # k_hat = 0 at ξ = 2 and 4
    "mask": Mask(random_image(SMALL) > 0.4),
    "empty mask": Mask(torch.zeros(SMALL, dtype=torch.bool)),
    "matrix": Matrix(random_image((7, SMALL[1])) - 0.5),
    "singular matrix": Matrix(random_image((7, 2)) @ random_image((2, SMALL[1]), seed=3)),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel_size", KERNEL_SIZES)
def test_blur_is_scipy_s_periodic_convolution(size, kernel_size):
    u, k = random_image(size), random_kernel(kernel_size)
    expected = ndimage.convolve(u.numpy(), k.numpy(), mode="wrap")
    assert relative_error(blur(u, k), torch.from_numpy(expected)) < 1e-13
    assert relative_error(Blur(k, size)(u), torch.from_numpy(expected)) < 1e-13


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kernel_size", KERNEL_SIZES)
def test_blur_adjoint(size, kernel_size):
    u, v, k = random_image(size), random_image(size, seed=2), random_kernel(kernel_size)
    assert adjoint_error(lambda u: blur(u, k), lambda v: blur_adjoint(v, k), u, v) < 1e-13
    A = Blur(k, size)
    assert adjoint_error(A, A.adjoint, u, v) < 1e-13


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_against_its_dense_matrix(name):
    A = OPERATORS[name]
    shape = SMALL if not isinstance(A, Matrix) else SMALL[1:]
    dense = dense_matrix(A, shape)
    observed = A(torch.zeros(shape, dtype=torch.float64)).shape
    assert isinstance(A, LinearOperator)
    torch.testing.assert_close(dense_matrix(A.adjoint, observed), dense.T)
    torch.testing.assert_close(dense_matrix(A.pinv, observed), torch.linalg.pinv(dense))
    assert A.norm() == pytest.approx(torch.linalg.matrix_norm(dense, ord=2).item(), rel=1e-12)


@pytest.mark.parametrize("name", [name for name in OPERATORS if "matrix" not in name])
def test_operators_take_batches_and_keep_dtype(name):
    A, u = OPERATORS[name], random_image((2, 3, *SMALL))
    for method in (A, A.adjoint, A.pinv):
        torch.testing.assert_close(method(u)[1, 2], method(u[1, 2]))
        assert method(u.float()).dtype == torch.float32


@pytest.mark.parametrize(("m", "d", "rank"), [(6, 5, 5), (4, 7, 4), (6, 5, 2), (5, 5, 1)])
def test_pseudo_inverse_satisfies_penrose_s_four_identities(m, d, rank):
    A = random_image((m, rank), seed=1) @ (random_image((rank, d), seed=2) - 0.5)
    P = pseudo_inverse(A)
    torch.testing.assert_close(A @ P @ A, A)
    torch.testing.assert_close(P @ A @ P, P)
    torch.testing.assert_close((A @ P).T, A @ P)
    torch.testing.assert_close((P @ A).T, P @ A)
    torch.testing.assert_close(P, torch.from_numpy(np.linalg.pinv(A.numpy(), rcond=1e-12)))


def test_pseudo_inverse_has_a_relative_tolerance():
    A = torch.diag(torch.tensor([5.0, 1.0, 4e-10], dtype=torch.float64))
    expected = torch.tensor([0.2, 1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(pseudo_inverse(A), torch.diag(expected))
    assert torch.equal(pseudo_inverse(torch.zeros(2, 3)), torch.zeros(3, 2))


def test_operators_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        OPERATORS["blur"].shape = (3, 3)


def test_mask_is_a_projection():
    A, u = OPERATORS["mask"], torch.randn(SMALL, generator=generator(), dtype=torch.float64)
    assert torch.equal(A(A(u)), A(u))
    assert torch.equal(A(u) != 0, A.mask)


IMAGE, KERNEL = torch.ones(6, 5), torch.ones(3, 4)
BAD = [
    (TypeError, "u", lambda: blur(IMAGE.byte(), KERNEL)),
    (TypeError, "u", lambda: blur(IMAGE.half(), KERNEL)),
    (TypeError, "u", lambda: Identity()(None)),
    (ValueError, "u", lambda: blur(IMAGE[0], KERNEL)),
    (ValueError, "u", lambda: blur(IMAGE * math.nan, KERNEL)),
    (ValueError, "kernel", lambda: blur(IMAGE, torch.ones(7, 1))),
    (ValueError, "kernel", lambda: blur(IMAGE, KERNEL[None])),
    (TypeError, "kernel", lambda: blur(IMAGE, 3.0)),
    (ValueError, "v", lambda: blur_adjoint(IMAGE * math.inf, KERNEL)),
    (ValueError, "kernel", lambda: blur_adjoint(IMAGE, torch.ones(1, 6))),
    (ValueError, "u", lambda: blur(IMAGE, KERNEL.to("meta"))),
    (ValueError, "A", lambda: pseudo_inverse(IMAGE[0])),
    (TypeError, "A", lambda: pseudo_inverse(IMAGE.long())),
    (ValueError, "kernel", lambda: Blur(KERNEL, (2, 5))),
    (ValueError, "shape", lambda: Blur(KERNEL, (5,))),
    (ValueError, "u", lambda: Blur(KERNEL, (6, 5))(torch.ones(6, 6))),
    (ValueError, "v", lambda: Blur(KERNEL, (6, 5)).adjoint(torch.ones(5, 6))),
    (TypeError, "mask", lambda: Mask(IMAGE)),
    (TypeError, "mask", lambda: Mask([[True]])),
    (ValueError, "mask", lambda: Mask(IMAGE[0] > 0)),
    (ValueError, "u", lambda: Mask(IMAGE > 0)(torch.ones(5, 6))),
    (ValueError, "v", lambda: Mask(IMAGE > 0).pinv(torch.ones(5, 6))),
    (ValueError, "matrix", lambda: Matrix(IMAGE[0])),
    (ValueError, "u", lambda: Matrix(IMAGE)(torch.ones(6))),
    (ValueError, "v", lambda: Matrix(IMAGE).adjoint(torch.ones(5))),
]


@pytest.mark.parametrize(("error", "argument", "call"), BAD)
def test_bad_input_is_refused_by_name(unchecked, error, argument, call):
    raises_naming(pytest, error, argument, call)


# ------------------------------------------------------------------------------- the transfer function that is kept


def test_a_kernel_changed_in_place_is_another_kernel():
    u, k = random_image((9, 12)), random_kernel((3, 4))
    first = blur(u, k)
    k[0, 0] += 0.5
    difference = 0.5 * u.roll((-1, -2), (0, 1))  # entry (0, 0) is one row above and two columns before the centre
    torch.testing.assert_close(blur(u, k) - first, difference)
    torch.testing.assert_close(tychonov_deblur(blur(u, k), k, 0.0), u)


def test_a_kept_transfer_function_serves_its_own_size_and_precision_only():
    k = random_kernel((3, 4))
    for u in (random_image((9, 12)), random_image((12, 9)), random_image((12, 9), dtype=torch.float32)):
        restored = tychonov_deblur(blur(u, k), k, 0.0)
        assert restored.dtype == u.dtype
        assert relative_error(restored, u) < (1e-12 if u.dtype == torch.float64 else 1e-4)


def test_kernels_are_differentiated_although_the_last_one_is_kept():
    u, k = random_image((9, 12)), random_kernel((3, 4))
    for restore in (blur, lambda u, k: tychonov_deblur(u, k, 0.2)):
        restore(u, k)
        assert torch.autograd.gradcheck(lambda k, restore=restore: restore(u, k), k.clone().requires_grad_())


def test_identity():
    u = random_image((3, 9, 12))
    A = Identity()
    assert isinstance(A, LinearOperator)
    assert all(torch.equal(method(u), u) for method in (A, A.adjoint, A.pinv))
    assert A.norm() == 1
