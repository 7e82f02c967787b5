"""Projections, projected descent, harmonic and TV inpainting against solvers, closed forms and definitions."""

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
import torch

from course_utils.derivatives import gradient, laplacian
from course_utils.operators import Mask, Matrix, ZoomOut, dense_matrix
from course_utils.priors import smoothed_tv_gradient
from course_utils.restoration import (
    harmonic_inpaint,
    project_box,
    project_consistent,
    project_known,
    projected_descent,
    tv_inpaint,
)
from tests.numerics import raises_naming

SIZES = ((8, 8), (7, 9), (9, 12))


def image(shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def known(shape, share=0.5):
    return image(shape, 9) < share


def operators(shape):
    kernel = image((3, 4), 5) / 6
    return [Mask(known(shape)), ZoomOut(kernel, shape, 2)]


@pytest.mark.parametrize("shape", [(8, 6), (10, 8)])
def test_projections_on_the_data_are_nearest_and_idempotent(shape):
    u = image(shape, 1)
    for A in operators(shape):
        v = A(image(shape, 2))
        p = project_consistent(u, v, A)
        torch.testing.assert_close(A(p), v)
        torch.testing.assert_close(project_consistent(p, v, A), p)
        matrix = dense_matrix(A, shape)
        expected = u.flatten() + torch.linalg.pinv(matrix, rtol=1e-9) @ (v.flatten() - matrix @ u.flatten())
        torch.testing.assert_close(p.flatten(), expected)
        for seed in range(3):  # the rest u - p is orthogonal to the set: nothing in the set is nearer
            other = project_consistent(image(shape, 20 + seed), v, A)
            assert abs(((u - p) * (other - p)).sum()) < 1e-10
            assert (u - other).norm() > (u - p).norm()


def test_consistent_without_a_solution_is_least_squares():
    A = Matrix(torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64))
    p = project_consistent(torch.tensor([5.0, 7.0]).double(), torch.tensor([1.0, 2.0]).double(), A)
    torch.testing.assert_close(p, torch.tensor([1.5, 7.0]).double())


@pytest.mark.parametrize("shape", [(7, 9), (3, 8, 6)])
def test_known_pixels(shape):
    u, v, mask = image(shape), image(shape, 1), known(shape[-2:])
    p = project_known(u, v, mask)
    assert torch.equal(p[..., mask], v[..., mask])
    assert torch.equal(p[..., ~mask], u[..., ~mask])
    torch.testing.assert_close(p, project_consistent(u, v * mask, Mask(mask)))


def test_box_is_nearest():
    u = 4 * image((7, 9)) - 2
    p = project_box(u)
    assert p.min() == 0
    assert p.max() == 1
    assert torch.equal(project_box(p), p)
    for seed in range(3):  # the variational inequality of a projection
        assert ((u - p) * (image((7, 9), seed) - p)).sum() <= 0


def test_projected_descent_against_closed_forms():
    a = torch.tensor([-1.0, 0.3, 2.0], dtype=torch.float64)
    x = projected_descent(lambda x: x - a, project_box, torch.zeros_like(a), 0.5, 60)
    torch.testing.assert_close(x, a.clamp(0, 1))
    H = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    b, c = torch.tensor([1.0, -2.0], dtype=torch.float64), torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    A, one = Matrix(c), torch.ones(1, dtype=torch.float64)
    x = projected_descent(
        lambda x: H @ x - b, lambda x: project_consistent(x, one, A), torch.zeros(2).double(), 0.8, 200
    )
    kkt = torch.cat([torch.cat([H, c.T], 1), torch.cat([c, torch.zeros(1, 1).double()], 1)])
    torch.testing.assert_close(x, torch.linalg.solve(kkt, torch.cat([b, one]))[:2])
    once = projected_descent(lambda x: 2 * x, lambda x: x + 1, torch.tensor([3.0]), 0.25, 1)
    assert once.item() == 2.5
    assert projected_descent(lambda x: x, lambda x: x + 1, torch.tensor([3.0]), 0.25, 0).item() == 3.0


@pytest.mark.parametrize("shape", SIZES)
def test_harmonic_inpainting_is_scipy_s_sparse_solution(shape):
    v, mask = image(shape), known(shape, 0.4)
    L = scipy.sparse.csr_matrix(dense_matrix(laplacian, shape).numpy())
    hidden = np.flatnonzero(~mask.numpy())
    rhs = -(L @ (v * mask).numpy().ravel())[hidden]
    expected = v.clone().flatten()
    expected[hidden] = torch.from_numpy(scipy.sparse.linalg.spsolve(L[hidden][:, hidden].tocsc(), rhs))
    torch.testing.assert_close(harmonic_inpaint(v, mask, 1500), expected.reshape(shape))


@pytest.mark.parametrize("shape", [*SIZES, (2, 7, 9)])
def test_tv_inpainting_is_stationary_off_the_known_pixels(shape):
    v, mask = image(shape), known(shape[-2:], 0.4)
    u = tv_inpaint(v, mask, 0.1, 3000)
    assert torch.equal(u[..., mask], v[..., mask])
    assert smoothed_tv_gradient(u, 0.1)[..., ~mask].abs().max() < 1e-6


def test_a_large_eps_is_harmonic():
    v, mask = image((9, 12)), known((9, 12))
    assert (tv_inpaint(v, mask, 1e3, 800) - harmonic_inpaint(v, mask, 800)).abs().max() < 1e-5
    assert (
        gradient(harmonic_inpaint(v, mask, 800)).square().sum()
        < gradient(tv_inpaint(v, mask, 1e-2, 800)).square().sum()
    )


def test_what_is_hidden_is_not_looked_at():
    v, mask = image((9, 12)), known((9, 12))
    other = torch.where(mask, v, 100 * image((9, 12), 7))
    assert torch.equal(harmonic_inpaint(v, mask, 5), harmonic_inpaint(other, mask, 5))
    assert torch.equal(tv_inpaint(v, mask, 0.1, 5), tv_inpaint(other, mask, 0.1, 5))


V, MASK = image((9, 12)), known((9, 12))


@pytest.mark.parametrize(
    ("error", "argument", "call"),
    [
        (ValueError, "mask", lambda: harmonic_inpaint(V, MASK[:4], 3)),
        (ValueError, "mask", lambda: tv_inpaint(V, MASK & False, 0.1, 3)),
        (ValueError, "mask", lambda: project_known(V, V, MASK[:, :3])),
        (TypeError, "mask", lambda: harmonic_inpaint(V, MASK.double(), 3)),
        (ValueError, "eps", lambda: tv_inpaint(V, MASK, 0.0, 3)),
        (TypeError, "A", lambda: project_consistent(V, V, torch.zeros)),
        (TypeError, "u", lambda: project_box(0.5)),
    ],
)
def test_bad_input_is_refused_by_name(unchecked, error, argument, call):
    raises_naming(pytest, error, argument, call)
