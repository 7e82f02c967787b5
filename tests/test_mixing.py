"""Mixing of textures: transport of Gaussians against SciPy and samples, whitening, decoders, synthesis."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from course_utils import style
from course_utils.features import TEXTURE_LAYERS, VGGFeatures
from course_utils.images import center_crop, load_image
from course_utils.style import (
    bures_wasserstein,
    classical_scaling,
    feature_gaussian,
    gaussian_barycentre,
    gaussian_map,
    matrix_power,
    wasserstein_loss,
    whiten_color,
)


def gaussian(n, seed, rank=None):
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(n, rank or n, generator=generator, dtype=torch.float64)
    return torch.randn(n, generator=generator, dtype=torch.float64), root @ root.mT + (
        0 if rank else 0.1 * torch.eye(n)
    )


@pytest.mark.parametrize(("n", "seeds"), [(1, (0, 1)), (2, (2, 3)), (7, (4, 5)), (16, (6, 7))])
def test_closed_forms_against_scipy(n, seeds):
    (m1, C1), (m2, C2) = gaussian(n, seeds[0]), gaussian(n, seeds[1])
    root = sqrtm(C1.numpy())
    middle = sqrtm(root @ C2.numpy() @ root)
    assert bures_wasserstein(m1, C1, m2, C2).item() == pytest.approx(
        float((m1 - m2).square().sum() + (C1 + C2).trace()) - 2 * np.trace(middle).real, rel=1e-9
    )
    A, b = gaussian_map(m1, C1, m2, C2)
    inverse = np.linalg.inv(root)
    np.testing.assert_allclose(A.numpy(), (inverse @ middle @ inverse).real, rtol=1e-7, atol=1e-8)
    torch.testing.assert_close(A, A.mT)
    torch.testing.assert_close(A @ C1 @ A.mT, C2)
    torch.testing.assert_close(A @ m1 + b, m2)


def test_commuting_covariances_have_the_textbook_distance():
    m, C1, C2 = torch.zeros(2).double(), torch.diag(torch.tensor([1.0, 4.0])).double(), 9 * torch.eye(2).double()
    assert bures_wasserstein(m, C1, m, C2).item() == pytest.approx((1 - 3) ** 2 + (2 - 3) ** 2)


def test_the_map_moves_samples_by_the_distance_and_no_other_map_by_less():
    (m1, C1), (m2, C2) = gaussian(4, 0), gaussian(4, 1)
    z = torch.randn(4, 20000, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    z = torch.linalg.solve_triangular(torch.linalg.cholesky(torch.cov(z, correction=0)), z, upper=False)
    z = z - z.mean(dim=1, keepdim=True)
    x = matrix_power(C1, 0.5) @ z + m1[:, None]  # mean and covariance exactly m1 and C1
    A, b = gaussian_map(m1, C1, m2, C2)
    y = A @ x + b[:, None]
    torch.testing.assert_close(torch.cov(y, correction=0), C2)
    moved = (y - x).square().sum(dim=0).mean().item()
    assert moved == pytest.approx(bures_wasserstein(m1, C1, m2, C2).item(), rel=1e-9)
    colored = whiten_color(x[:, :, None], m2, C2)[..., 0]
    torch.testing.assert_close(torch.cov(colored, correction=0), C2)
    assert (colored - x).square().sum(dim=0).mean().item() > 1.01 * moved


@pytest.mark.parametrize("rank", [None, 3])
def test_the_geodesic_has_constant_speed_and_both_ends(rank):
    (m1, C1), (m2, C2) = gaussian(6, 0, rank), gaussian(6, 1, rank)
    whole = bures_wasserstein(m1, C1, m2, C2).sqrt()
    for t in (0.0, 0.3, 1.0):
        m, C = gaussian_barycentre(m1, C1, m2, C2, t)
        assert torch.linalg.eigvalsh(C).min() > -1e-9
        # at an end the distance is 0 up to the root of the rounding error
        assert (bures_wasserstein(m1, C1, m, C).clamp(min=0).sqrt() - t * whole).abs() < 1e-5 * whole
        assert (bures_wasserstein(m2, C2, m, C).clamp(min=0).sqrt() - (1 - t) * whole).abs() < 1e-5 * whole


def test_the_barycentre_is_the_covariance_of_interpolated_points():
    (m1, C1), (m2, C2) = gaussian(5, 0), gaussian(5, 1)
    A, _ = gaussian_map(m1, C1, m2, C2)
    A_t = 0.6 * torch.eye(5) + 0.4 * A
    torch.testing.assert_close(gaussian_barycentre(m1, C1, m2, C2, 0.4)[1], A_t @ C1 @ A_t)


def test_the_barycentre_minimizes_the_weighted_squared_distances():
    (m1, C1), (m2, C2) = gaussian(3, 0), gaussian(3, 1)

    def total(m, C):
        return 0.7 * bures_wasserstein(m, C, m1, C1) + 0.3 * bures_wasserstein(m, C, m2, C2)

    m, C = (x.clone().requires_grad_() for x in gaussian_barycentre(m1, C1, m2, C2, 0.3))
    total(m, C).backward()
    assert m.grad.abs().max() < 1e-9
    assert C.grad.abs().max() < 1e-9


def test_gradient_of_the_distance_is_identity_minus_the_map():
    (m1, C1), (m2, C2) = gaussian(5, 0), gaussian(5, 1)
    C = C1.clone().requires_grad_()
    bures_wasserstein(m1, C, m2, C2).backward()
    torch.testing.assert_close(C.grad, torch.eye(5).double() - gaussian_map(m1, C1, m2, C2)[0])


@pytest.mark.parametrize("shape", [(8, 7, 9), (16, 12, 10)])
def test_whitening_and_colouring_reproduces_mean_and_covariance(shape):
    F = torch.randn(shape, generator=torch.Generator().manual_seed(0)).cumsum(0)
    m, C = gaussian(shape[0], 1)
    result = whiten_color(F, m, C)
    assert result.dtype == F.dtype
    m_result, C_result = feature_gaussian(result)
    assert (m_result - m).abs().max() < 1e-4 * m.abs().max()
    assert (C_result - C).norm() < 1e-4 * C.norm()


def test_singular_features_keep_their_kernel_empty():
    F = torch.randn(12, 2, 3, generator=torch.Generator().manual_seed(0))  # rank 5 at most
    m, C = gaussian(12, 1)
    colored = whiten_color(F, m, C)
    assert torch.isfinite(colored).all()
    assert torch.linalg.matrix_rank(feature_gaussian(colored)[1], rtol=1e-6) == 5


def test_loss_is_zero_at_its_target_and_its_gradient_finite_on_few_pixels():
    V = torch.randn(12, 2, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    target = {"a": feature_gaussian(torch.randn(12, 5, 5, generator=torch.Generator().manual_seed(1)))}
    wasserstein_loss({"a": V}, target).backward()
    assert torch.isfinite(V.grad).all()
    assert wasserstein_loss({"a": V}, {"a": tuple(x.detach() for x in feature_gaussian(V))}).item() < 1e-6
    constant = torch.zeros(12, 4, 4)
    assert wasserstein_loss({"a": constant}, target).item() == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("shape", [(12, 2, 3), (5, 4, 4)])
def test_loss_is_the_relative_distance_for_few_and_for_many_pixels(shape):
    V = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    m, C = gaussian(shape[0], 1)
    expected = bures_wasserstein(*feature_gaussian(V), m, C) / (m.square().sum() + C.trace())
    torch.testing.assert_close(wasserstein_loss({"a": V}, {"a": (m, C)}), expected)


def test_classical_scaling_finds_points_of_the_plane_again():
    points = torch.randn(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    D = torch.cdist(points, points)
    found = classical_scaling(D)
    torch.testing.assert_close(torch.cdist(found, found), D, rtol=0, atol=1e-7)
    assert found[:, 0].var() > found[:, 1].var()


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        (lambda: bures_wasserstein(torch.zeros(2), torch.eye(2), torch.zeros(2), torch.eye(2)), TypeError, "float64"),
        (lambda: gaussian_barycentre(*gaussian(3, 0), *gaussian(3, 1), 1.5), ValueError, "t must"),
        (lambda: wasserstein_loss({"a": torch.ones(3, 4, 4)}, {"b": gaussian(3, 0)}), ValueError, "layers"),
        (lambda: style.Decoder("relu5_1"), ValueError, "layer"),
        (lambda: style.Decoder("relu3_1")(torch.zeros(3, 4, 4)), ValueError, "features"),
    ],
)
def test_bad_input_names_the_argument(call, error, word):
    with pytest.raises(error, match=word):
        call()


@pytest.mark.parametrize("layer", style.DECODED_LAYERS)
def test_a_decoder_makes_no_grid_of_features_that_are_the_same_everywhere(layer):
    n = 512 if layer == "relu4_1" else 256
    V = torch.rand(n, 1, 1, generator=torch.Generator().manual_seed(0)).expand(n, 12, 11)
    x = style.Decoder(layer)(V)[:, 8:-24, 8:-20]  # the border is one
    torch.testing.assert_close(x, x[:, :1, :1].expand_as(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("layer", "decibels"), [("relu3_1", 18.5), ("relu4_1", 13.5)])
def test_a_decoder_gives_back_a_photograph_that_it_has_not_seen(layer, decibels):
    u = center_crop(load_image("temple").float(), 192)
    x = style.load_decoder(layer)(VGGFeatures("vgg16", (layer,))(u)[layer])
    assert x.shape == u.shape
    assert -10 * (x - u).square().mean().log10().item() > decibels


def test_precomputed_mixtures_have_their_recorded_losses_and_the_smaller_one_is_their_own():
    records = style.mixture_records()
    network = VGGFeatures("vgg16", TEXTURE_LAYERS)
    u1, u2 = (load_image(records["gram_50"][key], 256).float() for key in ("first", "second"))
    with torch.no_grad():
        v1, v2 = network(u1), network(u2)
        losses = {}
        for kind in ("wasserstein", "gram"):
            v = network(style.load_mixture(f"{kind}_50").float())
            losses[kind] = [float(mix(v1, v2, 0.5)(v)) for mix in (style.wasserstein_mixture, style.gram_mixture)]
            recorded = records[f"{kind}_50"]["losses_of_file"]
            assert losses[kind] == pytest.approx([recorded["wasserstein"], recorded["gram"]], rel=0.01)
    assert losses["wasserstein"][0] < losses["gram"][0]
    assert losses["gram"][1] < losses["wasserstein"][1]


def test_a_mixture_lowers_its_loss():
    u = [load_image(name, 256)[..., :32, :32].float() for name in ("sand_ripples", "rust")]
    network = VGGFeatures("vgg16", ("conv1_1", "pool1"))
    arguments = (network, torch.Generator().manual_seed(0), (3, 6), (2, 1))
    result = style.synthesize_mixture(*u, 0.5, style.wasserstein_mixture, *arguments)
    assert result.image.shape == (3, 32, 32)
    assert result.losses[-1] < result.losses[3]
