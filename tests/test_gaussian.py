"""Gaussian models: against the definitions, SciPy and scikit-learn, in float64."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from course_utils import gaussian
from course_utils.data import load_faces
from tests.numerics import generator

F64 = torch.float64


def images(n, d, seed=0):
    noise = torch.randn(n, d, dtype=F64, generator=torch.Generator().manual_seed(seed))
    return 0.5 + 0.2 * noise * torch.linspace(2, 0.2, d, dtype=F64)


def covariance(x):
    centred = x - x.mean(dim=0)
    return centred.T @ centred / len(x)


# --- fit_gaussian ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(5, 30), (8, 21), (130, 251), (40, 12), (13, 12), (12, 12), (2, 7)])
def test_fit_is_the_eigendecomposition_of_the_covariance(n, d):
    x = images(n, d)
    mean, E, lam = gaussian.fit_gaussian(x)
    r = min(n - 1, d)
    assert (mean.shape, E.shape, lam.shape) == ((d,), (d, r), (r,))
    torch.testing.assert_close(mean, x.mean(dim=0))
    torch.testing.assert_close((E * lam) @ E.T, covariance(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(E.T @ E, torch.eye(r, dtype=F64), rtol=0, atol=1e-10)
    assert (lam.diff() <= 0).all()
    assert lam[-1] > 0


def test_signs_are_fixed():
    _, E, _ = gaussian.fit_gaussian(images(6, 20))
    largest = E.gather(0, E.abs().argmax(dim=0, keepdim=True))
    assert (largest > 0).all()
    torch.testing.assert_close(gaussian.fix_signs(-E), E)
    torch.testing.assert_close(gaussian.fix_signs(E * torch.tensor([1, -1, 1, -1, -1.0], dtype=F64)), E)


def test_rank_is_that_of_the_data():
    x = images(10, 30)
    assert gaussian.fit_gaussian(torch.cat([x, x]))[2].shape == (9,)
    line = torch.linspace(0, 1, 7, dtype=F64)[:, None] * x[:1] + 100
    assert gaussian.fit_gaussian(line)[2].shape == (1,)


def test_fit_keeps_dtype_and_computes_in_float64():
    x = images(12, 50).float()
    single, double = gaussian.fit_gaussian(x), gaussian.fit_gaussian(x.double())
    for a, b in zip(single, double, strict=True):
        assert a.dtype == torch.float32
        torch.testing.assert_close(a, b.float(), rtol=1e-6, atol=1e-7)


def test_fit_leaves_its_input_alone():
    x = images(5, 9)
    copy = x.clone()
    gaussian.fit_gaussian(x)
    assert torch.equal(x, copy)


def test_fit_agrees_with_scikit_learn_on_the_faces():
    decomposition = pytest.importorskip("sklearn.decomposition")
    faces = load_faces()[0].reshape(400, -1)
    _, E, lam = gaussian.fit_gaussian(faces)
    pca = decomposition.PCA().fit(faces.numpy())
    singular = np.sqrt(400 * lam.numpy())
    assert E.shape == (10304, 399)
    assert np.abs(singular / pca.singular_values_[:399] - 1).max() < 1e-6
    axes = np.abs(np.sum(E.numpy().T * pca.components_[:399], axis=1))  # neighbouring eigenvalues may be close
    assert axes[:20].min() > 1 - 1e-8
    assert axes.min() > 1 - 1e-6


# --- sample, project -------------------------------------------------------------------------------------------------


def test_samples_have_the_moments_of_the_model():
    x = images(5, 12)
    model = gaussian.fit_gaussian(x)
    samples = gaussian.sample_gaussian(*model, 40000, generator())
    assert samples.shape == (40000, 12)
    scale = covariance(x).diag().max().item()
    torch.testing.assert_close(covariance(samples), covariance(x), rtol=0, atol=0.04 * scale)
    torch.testing.assert_close(samples.mean(dim=0), model[0], rtol=0, atol=0.03 * math.sqrt(scale))
    torch.testing.assert_close(gaussian.project(samples, model[0], model[1], 4), samples)
    again = gaussian.sample_gaussian(*model, 40000, generator())
    assert torch.equal(samples, again)


def test_samples_advance_the_generator():
    model, source = gaussian.fit_gaussian(images(5, 12)), generator()
    first, second = (gaussian.sample_gaussian(*model, 1, source) for _ in range(2))
    assert not torch.allclose(first, second)


@pytest.mark.parametrize("rank", [0, 1, 3, 4])
def test_projection(rank):
    mean, E, _ = gaussian.fit_gaussian(images(5, 14))
    faces = images(6, 14, seed=1).reshape(2, 3, 14)
    p = gaussian.project(faces, mean, E, rank)
    torch.testing.assert_close((faces - p) @ E[:, :rank], torch.zeros(2, 3, rank, dtype=F64))
    torch.testing.assert_close(gaussian.project(p, mean, E, rank), p)
    torch.testing.assert_close((p - mean) @ E[:, rank:], torch.zeros(2, 3, 4 - rank, dtype=F64))
    torch.testing.assert_close(gaussian.project(faces[1, 2], mean, E, rank), p[1, 2])


def test_projection_of_a_training_face_is_the_face():
    x = images(7, 20)
    mean, E, _ = gaussian.fit_gaussian(x)
    torch.testing.assert_close(gaussian.project(x, mean, E, 6), x)


# --- log_likelihood and condition ------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise_std", [0.03, 0.3, 2.0])
@pytest.mark.parametrize("rank", [0, 1, 3, 6])
def test_log_likelihood_agrees_with_scipy(rank, noise_std):
    mean, E, lam = model = gaussian.fit_gaussian(images(7, 15))
    x = images(5, 15, seed=1)
    C = (E[:, :rank] * lam[:rank]) @ E[:, :rank].T + noise_std**2 * torch.eye(15, dtype=F64)
    expected = scipy.stats.multivariate_normal(mean.numpy(), C.numpy()).logpdf(x.numpy())
    np.testing.assert_allclose(gaussian.log_likelihood(x, model, rank, noise_std).numpy(), expected, rtol=1e-10)
    one = gaussian.log_likelihood(x[2], model, rank, noise_std)
    assert one.item() == pytest.approx(expected[2], rel=1e-10)


def test_log_likelihood_is_accurate_inside_the_subspace():
    model = gaussian.fit_gaussian(images(7, 15))
    x = model[0] + 1000 * model[1][:, 0]  # ‖x - μ‖² - ‖c‖² would be a difference of large numbers over σ²
    s2 = 1e-8
    variance = model[2] + s2
    log_det = variance.log().sum() + (15 - 6) * math.log(s2)
    expected = -0.5 * (15 * math.log(2 * math.pi) + log_det + 1e6 / variance[0])
    assert gaussian.log_likelihood(x, model, 6, 1e-4).item() == pytest.approx(expected.item(), rel=1e-6)


def test_condition_agrees_with_the_textbook_formula():
    mean, E, lam = model = gaussian.fit_gaussian(images(9, 16))
    face, mask, sigma = images(1, 16, seed=1)[0], torch.arange(16) % 3 != 0, 0.2
    m, factor = gaussian.condition(face, mask, model, sigma)
    C = (E * lam) @ E.T
    seen = C[mask][:, mask] + sigma**2 * torch.eye(int(mask.sum()), dtype=F64)
    gain = torch.linalg.solve(seen, C[mask]).T
    torch.testing.assert_close(m, mean + gain @ (face - mean)[mask])
    torch.testing.assert_close(factor @ factor.T, C - gain @ C[mask], rtol=0, atol=1e-12)


def test_condition_ignores_hidden_pixels_and_knows_the_extremes():
    x = images(9, 16)
    mean, E, lam = model = gaussian.fit_gaussian(x)
    mask = torch.arange(16) < 11
    changed = torch.where(mask, x[0], 7.0)
    first, second = (gaussian.condition(face, mask, model, 0.1)[0] for face in (x[0], changed))
    torch.testing.assert_close(first, second)
    nothing, factor = gaussian.condition(x[0], torch.zeros(16, dtype=torch.bool), model, 0.1)
    torch.testing.assert_close(nothing, mean)
    torch.testing.assert_close(factor @ factor.T, (E * lam) @ E.T)
    exact, _ = gaussian.condition(x[0], mask, model, 1e-6)  # 11 pixels determine the 8 coefficients
    torch.testing.assert_close(exact, x[0], rtol=0, atol=1e-6)


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x, m: gaussian.fit_gaussian(x[0]), ValueError, "faces must be a matrix"),
        (lambda x, m: gaussian.fit_gaussian(x.reshape(9, 4, 4)), ValueError, "faces must be a matrix"),
        (lambda x, m: gaussian.fit_gaussian(x[:1]), ValueError, "at least 2 images"),
        (lambda x, m: gaussian.fit_gaussian((255 * x).to(torch.uint8)), TypeError, "faces must hold floating-point"),
        (lambda x, m: gaussian.fit_gaussian(x.numpy()), TypeError, "faces must be a torch tensor"),
        (lambda x, m: gaussian.fit_gaussian(x * torch.nan), ValueError, "faces must be finite"),
        (lambda x, m: gaussian.fit_gaussian(x[:1].repeat(7, 1)), ValueError, "all be equal"),
        (lambda x, m: gaussian.sample_gaussian(*m, 0, generator()), ValueError, "n must be at least 1"),
        (lambda x, m: gaussian.sample_gaussian(*m, 2, 0), TypeError, "generator"),
        (
            lambda x, m: gaussian.sample_gaussian(m[0], m[1].T, m[2], 2, generator()),
            ValueError,
            "mean and eigenvectors",
        ),
        (
            lambda x, m: gaussian.sample_gaussian(m[0], m[1], -m[2], 2, generator()),
            ValueError,
            "eigenvalues must be >= 0",
        ),
        (
            lambda x, m: gaussian.sample_gaussian(m[0], m[1], m[2][1:], 2, generator()),
            ValueError,
            "eigenvalues and eigenvectors must",
        ),
        (lambda x, m: gaussian.project(x[0], m[0], m[1], 9), ValueError, "rank must be at most"),
        (lambda x, m: gaussian.project(x[0], m[0], m[1], -1), ValueError, "rank must be at least 0"),
        (lambda x, m: gaussian.project(x[0], m[0], m[1], 2.0), TypeError, "rank must be an integer"),
        (lambda x, m: gaussian.project(x[0, 1:], m[0], m[1], 2), ValueError, "face must be flattened"),
        (lambda x, m: gaussian.project(x[0], m[0], m[1] * torch.nan, 2), ValueError, "eigenvectors must be finite"),
        (lambda x, m: gaussian.project(x[0].float(), m[0], m[1], 2), TypeError, "one dtype"),
        (lambda x, m: gaussian.log_likelihood(x, m, 2, 0.0), ValueError, "noise_std must be > 0"),
        (lambda x, m: gaussian.log_likelihood(x, m, 2, -1.0), ValueError, "noise_std must be > 0"),
        (lambda x, m: gaussian.log_likelihood(x.T, m, 2, 1.0), ValueError, "faces must be flattened"),
        (lambda x, m: gaussian.condition(x[0], x[0] > 9, m, 0.0), ValueError, "noise_std"),
        (lambda x, m: gaussian.condition(x[0], x[0], m, 0.1), ValueError, "mask must be a boolean"),
    ],
)
def test_bad_input_is_named(call, error, message):
    x = images(9, 16)
    with pytest.raises(error, match=message):
        call(x, gaussian.fit_gaussian(x))
