"""The solutions written in notebook 07, held against the package's functions."""

import math

import pytest
import torch

from course_utils import derivatives, operators, priors, restoration
from course_utils.classroom.build import exercise_name, read_source, source_files

SHAPES = [(6, 5), (7, 8), (16, 12)]


@pytest.fixture(scope="module")
def solutions():
    """Return the functions that the exercise cells define."""
    book = read_source(source_files()["07_tv_denoising"])
    scope = {"torch": torch, "math": math, "blur": operators.blur, "blur_adjoint": operators.blur_adjoint}
    for cell in book.cells:
        if cell.cell_type == "code" and exercise_name(cell.source):
            exec(cell.source, scope)
    return scope


def noisy(shape, seed=0):
    return 0.5 + 0.4 * torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SHAPES)
def test_closed_forms_agree(solutions, shape):
    u, p = noisy(shape), noisy((2, *shape), 1)
    pairs = [
        (solutions["gradient"](u), derivatives.gradient(u)),
        (solutions["gradient_adjoint"](p), derivatives.gradient_adjoint(p)),
        (solutions["tychonov_denoise"](u, 0.7), restoration.tychonov_denoise(u, 0.7)),
        (solutions["smoothed_tv"](u, 0.05), priors.smoothed_tv(u, 0.05)),
        (solutions["smoothed_tv_gradient"](u, 0.05), priors.smoothed_tv_gradient(u, 0.05)),
        (solutions["tv_denoise"](u, 0.2, 0.05, 7), restoration.tv_denoise(u, 0.2, 0.05, 7)),
    ]
    for mine, reference in pairs:
        torch.testing.assert_close(mine, reference, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_accelerated_methods_end_at_the_same_minimizers(solutions, shape):
    v, kernel = noisy(shape, 2), torch.zeros(3, 4, dtype=torch.float64)
    kernel[1, 2], kernel[0, 1], kernel[2, 3] = 0.7, 0.2, 0.1
    denoised = solutions["accelerated_tv_denoise"](v, 0.1, 0.1, 400)
    torch.testing.assert_close(denoised, restoration.accelerated_tv_denoise(v, 0.1, 0.1, 2000, tol=1e-12))
    deblurred = solutions["tv_deblur"](v, kernel, 0.1, 0.1, 800)
    torch.testing.assert_close(deblurred, restoration.tv_deblur(v, kernel, 0.1, 0.1, 4000, tol=1e-12))
