import math

import pytest
import torch
from scipy import ndimage

from course_utils.derivatives import gradient, gradient_adjoint, laplacian
from tests.numerics import SIZES, adjoint_error, raises_naming, random_image, relative_error

SHAPES = [*SIZES, (3, 8, 11), (2, 3, 7, 6), (1, 5), (5, 1)]


@pytest.mark.parametrize("size", SIZES)
def test_gradient_is_the_lecture_s_forward_difference(size):
    u = random_image(size)
    p = gradient(u)
    for x, y in [(0, 0), (size[0] - 1, 3), (4, size[1] - 1), (size[0] - 1, size[1] - 1), (5, 2)]:
        assert p[0, x, y] == u[(x + 1) % size[0], y] - u[x, y]
        assert p[1, x, y] == u[x, (y + 1) % size[1]] - u[x, y]


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_and_its_adjoint(shape):
    u, p = random_image(shape), random_image((2, *shape), seed=1)
    assert gradient(u).shape == p.shape
    assert gradient_adjoint(p).shape == u.shape
    assert adjoint_error(gradient, gradient_adjoint, u, p) < 1e-14


@pytest.mark.parametrize("size", SIZES)
def test_laplacian_is_scipy_s_with_wrap(size):
    u = random_image(size)
    expected = torch.from_numpy(ndimage.laplace(u.numpy(), mode="wrap"))
    assert relative_error(laplacian(u), expected) < 1e-14


@pytest.mark.parametrize("function", [gradient, laplacian, lambda u: gradient_adjoint(torch.stack([u, u]))])
def test_dtype_is_kept_and_input_untouched(function):
    u = random_image((6, 7), dtype=torch.float32)
    before = u.clone()
    assert function(u).dtype == torch.float32
    assert torch.equal(u, before)


IMAGE = torch.ones(4, 5)
BAD = [
    (TypeError, "u", lambda: gradient([[1.0]])),
    (TypeError, "u", lambda: gradient(IMAGE.to(torch.uint8))),
    (ValueError, "u", lambda: gradient(IMAGE[0])),
    (ValueError, "u", lambda: laplacian(IMAGE / 0 * 0)),
    (ValueError, "u", lambda: laplacian(torch.ones(0, 5))),
    (ValueError, "p", lambda: gradient_adjoint(IMAGE)),
    (ValueError, "p", lambda: gradient_adjoint(torch.ones(3, 4, 5))),
    (ValueError, "p", lambda: gradient_adjoint(torch.full((2, 4, 5), math.inf))),
    (TypeError, "p", lambda: gradient_adjoint(torch.ones(2, 4, 5, dtype=torch.long))),
]


@pytest.mark.parametrize(("error", "argument", "call"), BAD)
def test_bad_input_is_refused_by_name(unchecked, error, argument, call):
    raises_naming(pytest, error, argument, call)
