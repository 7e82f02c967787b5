"""Stationary Gaussian textures: against their definitions by loops, dense matrices and samples, in float64."""

import math

import pytest
import torch

from course_utils.gaussian_textures import (
    autocovariance,
    conditional_texture,
    convolve,
    enlarge_texton,
    gaussian_texture,
    kriging,
    mix_gaussian_textures,
    periodic_component,
    random_phase_texture,
    texton,
    white_noise,
)
from course_utils.images import load_image
from tests.numerics import generator

F64 = torch.float64


def texture(*shape, seed=0):
    u = torch.randn(shape, dtype=F64, generator=generator(seed))
    return 0.5 + 0.1 * (u + u.roll(1, -1) + 0.5 * u.roll((2, 1), (-2, -1)))


@pytest.mark.parametrize("shape", [(12, 17), (3, 9, 8), (7, 7), (1, 5), (2, 2)])
def test_periodic_component(shape):
    u = torch.rand(shape, dtype=F64, generator=generator())
    p = periodic_component(u)
    s = u - p

    def laplacian(w):
        return sum(w.roll(shift, axis) for shift in (1, -1) for axis in (-1, -2)) - 4 * w

    def inner_laplacian(w):  # differences across the image's frame left out
        padded = torch.nn.functional.pad(w.reshape(-1, 1, *shape[-2:]), (1, 1, 1, 1), mode="replicate")[:, 0]
        total = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
        return (total - 4 * w.reshape(-1, *shape[-2:])).reshape(shape)

    torch.testing.assert_close(laplacian(p), inner_laplacian(u))  # Moisan: Δ_periodic p = Δ_interior u
    torch.testing.assert_close(s.mean(dim=(-2, -1)), torch.zeros(shape[:-2], dtype=F64))


def test_periodic_component_of_a_periodic_image_is_itself():
    u = torch.rand(5, 8, dtype=F64, generator=generator())
    smooth_frame = torch.cat([u, u.flip(0)])
    smooth_frame = torch.cat([smooth_frame, smooth_frame.flip(1)], dim=1)  # equal on opposite borders
    torch.testing.assert_close(periodic_component(smooth_frame), smooth_frame)


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("size", [None, (12, 31), (20, 23), (31, 40), (5, 7), (40, 9)])
def test_texture_sizes_and_types(channels, size):
    h = texture(*channels, 20, 23)
    x = gaussian_texture(h, generator(), size)
    assert x.shape == (*channels, *(size or (20, 23)))
    single = gaussian_texture(h.float(), generator(), size)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, x.float(), rtol=1e-4, atol=1e-4)
    assert torch.equal(x, gaussian_texture(h, generator(), size))
    assert not torch.allclose(x, gaussian_texture(h, generator(1), size))


def test_texture_has_the_mean_and_autocorrelation_of_the_periodic_component():
    h = texture(3, 10, 13)
    p = periodic_component(h) - h.mean(dim=(-2, -1), keepdim=True)
    spectrum = torch.fft.fft2(p)
    expected = spectrum[:, None] * spectrum.conj() / (10 * 13)  # cross-spectra of the channels: 3 x 3
    sample = gaussian_texture(h, generator())
    torch.testing.assert_close(sample.mean(dim=(-2, -1)), h.mean(dim=(-2, -1)))
    total, n = torch.zeros_like(expected), 800
    source = generator()
    for _ in range(n):
        x = gaussian_texture(h, source)
        x_hat = torch.fft.fft2(x - h.mean(dim=(-2, -1), keepdim=True))
        total += x_hat[:, None] * x_hat.conj() / (n * 10 * 13)
    scale = torch.sqrt(expected.diagonal().real.permute(2, 0, 1)[:, None] * expected.diagonal().real.permute(2, 0, 1))
    gap = (total - expected).abs() / scale.clamp(min=1e-12 * scale.max())
    gap[..., 0, 0] = 0
    assert gap.max() < 8.5 / math.sqrt(n)  # the largest of 1170 averages of unit variance


def test_larger_texture_keeps_variance_and_colour_correlation():
    h = texture(40, 50)
    colour = torch.stack([h, 0.5 * h, 1 - h])
    x = gaussian_texture(colour, generator(), (300, 400))
    reference = periodic_component(colour).flatten(1)
    assert torch.allclose(torch.corrcoef(x.flatten(1)), torch.corrcoef(reference), atol=1e-6)
    assert (x.std(dim=(-2, -1)) / reference.std(dim=1) - 1).abs().max() < 0.05


def test_larger_texture_keeps_the_correlation_of_neighbours():
    h = texture(40, 50)
    x = gaussian_texture(h, generator(), (300, 400))
    neighbours = [((u[:, 1:] - u.mean()) * (u[:, :-1] - u.mean())).mean() / u.var() for u in (x, h)]
    assert neighbours[1] > 0.4
    assert abs(neighbours[0] - neighbours[1]) < 0.05


@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 7), (1, 1)])
def test_autocovariance_is_the_double_sum(shape):
    u = torch.rand(shape, dtype=F64, generator=generator())
    c = u - u.mean(dim=(-2, -1), keepdim=True)
    H, W = shape[-2:]
    expected = torch.zeros_like(u)
    for i in range(H):
        for j in range(W):
            for a in range(H):
                for b in range(W):
                    expected[..., i, j] += c[..., (a + i) % H, (b + j) % W] * c[..., a, b] / (H * W)
    torch.testing.assert_close(autocovariance(u), expected, atol=1e-14, rtol=0)
    torch.testing.assert_close(autocovariance(u)[..., 0, 0], u.var(dim=(-2, -1), correction=0), atol=1e-14, rtol=0)


def test_convolution_is_the_sum():
    t, z = torch.rand(2, 4, 5, dtype=F64, generator=generator()), white_noise((4, 5), generator(1))
    expected = sum(z[i, j] * t.roll((i, j), (-2, -1)) for i in range(4) for j in range(5))
    torch.testing.assert_close(convolve(t, z), expected)


@pytest.mark.parametrize("shape", [(6, 5), (3, 8, 8)])
def test_texton_has_the_autocovariance_of_the_periodic_component(shape):
    u = texture(*shape)
    t = texton(u)
    assert t.sum(dim=(-2, -1)).abs().max() < 1e-12
    correlation = torch.fft.irfft2(torch.fft.rfft2(t).abs() ** 2, s=shape[-2:])
    torch.testing.assert_close(correlation, autocovariance(periodic_component(u)))


def test_enlarged_texton_keeps_the_norm_and_sum_zero():
    t = texton(texture(3, 40, 50))
    larger = enlarge_texton(t, (64, 90))
    assert larger.shape == (3, 64, 90)
    assert larger.sum(dim=(-2, -1)).abs().max() < 1e-12
    assert (larger.square().sum() / t.square().sum() - 1).abs() < 0.1
    assert torch.equal(enlarge_texton(t, (40, 50)), t)


@pytest.mark.parametrize("shape", [(6, 8), (7, 5), (3, 8, 9), (1, 4, 4)])
def test_random_phase_keeps_the_modulus_and_the_channels_together(shape):
    u = texture(*shape)
    x = random_phase_texture(u, generator(3))
    x_hat, p_hat = torch.fft.fft2(x), torch.fft.fft2(periodic_component(u))
    torch.testing.assert_close(x_hat.abs(), p_hat.abs())
    torch.testing.assert_close(x.mean(dim=(-2, -1)), u.mean(dim=(-2, -1)))
    if len(shape) == 3:  # the phases between two channels are those of the exemplar
        torch.testing.assert_close(x_hat[:1] * x_hat.conj(), p_hat[:1] * p_hat.conj(), rtol=0, atol=1e-10)
    assert not torch.allclose(x, random_phase_texture(u, generator(4)))


def test_a_random_phase_texture_of_a_photograph_is_not_the_photograph():
    u = load_image("gravel")[:64, :48]
    x = random_phase_texture(u, generator())
    assert (x - u).std() > u.std()
    torch.testing.assert_close(autocovariance(x), autocovariance(periodic_component(u)))


def test_mixture_ends_at_the_two_textures():
    u1, u2 = texture(3, 8, 9), texture(3, 8, 9, seed=1).roll(1, 0) ** 2
    torch.testing.assert_close(mix_gaussian_textures(u1, u2, 0.0), texton(u1))
    t = mix_gaussian_textures(u1, u2, 1.0)
    a, b = torch.fft.fft2(t), torch.fft.fft2(texton(u2))
    torch.testing.assert_close(a[:, None] * a.conj(), b[:, None] * b.conj())


def test_mixture_of_gray_textures_adds_the_moduli():
    u1, u2 = texture(8, 10), texture(8, 10, seed=1) ** 2
    t_hat = torch.fft.fft2(mix_gaussian_textures(u1, u2, 0.3))
    moduli = [torch.fft.fft2(texton(u)).abs() for u in (u1, u2)]
    torch.testing.assert_close(t_hat.abs(), 0.7 * moduli[0] + 0.3 * moduli[1])


def test_mixture_is_a_geodesic():
    """The distance W2 between rank-one covariances per frequency, Σ |t1|² + |t2|² - 2 |<t1, t2>|, is linear in ρ."""

    def distance(s, t):
        s, t = torch.fft.fft2(s), torch.fft.fft2(t)
        cross = (s * t.conj()).sum(dim=0).abs()
        return ((s.abs() ** 2 + t.abs() ** 2).sum() - 2 * cross.sum()).clamp(min=0).sqrt()

    u1, u2 = texture(3, 8, 9), texture(3, 8, 9, seed=1).flip(0) ** 2
    ends = [mix_gaussian_textures(u1, u2, rho) for rho in (0.0, 1.0)]
    for rho in (0.2, 0.5, 0.9):
        t = mix_gaussian_textures(u1, u2, rho)
        torch.testing.assert_close(distance(ends[0], t), rho * distance(*ends))
        torch.testing.assert_close(distance(t, ends[1]), (1 - rho) * distance(*ends))


def dense_covariance(t):
    """Return the covariance matrix of x = t * z, its entries in the order of x.flatten()."""
    H, W = t.shape[-2:]
    noises = torch.eye(H * W, dtype=F64).reshape(-1, H, W)
    columns = torch.stack([convolve(t, z).flatten() for z in noises], dim=1)
    return columns @ columns.T


@pytest.mark.parametrize("shape", [(6, 7), (2, 5, 6)])
@pytest.mark.parametrize("sigma", [0.0, 0.05])
def test_kriging_is_the_conditional_mean_of_the_dense_gaussian(shape, sigma):
    t = texton(torch.rand(shape, dtype=F64, generator=generator(2)))
    mask = torch.rand(shape[-2:], generator=generator(5)) < (0.6 if len(shape) == 2 else 0.3)
    d = torch.rand(shape, dtype=F64, generator=generator(6)) - 0.5
    known = mask.expand(shape).flatten()
    gamma = dense_covariance(t)
    expected = gamma[:, known] @ torch.linalg.solve(
        gamma[known][:, known] + sigma**2 * torch.eye(int(known.sum()), dtype=F64), d.flatten()[known]
    )
    x = kriging(d, mask, t, sigma, 400)
    torch.testing.assert_close(x.flatten(), expected, rtol=1e-6, atol=1e-6)
    if sigma == 0:
        torch.testing.assert_close(x * mask, d * mask, rtol=1e-6, atol=1e-6)
    hidden = torch.where(mask, d, 1e9)
    assert torch.equal(kriging(hidden, mask, t, sigma, 50), kriging(d, mask, t, sigma, 50))


def test_conditional_samples_have_the_conditional_covariance():
    t = texton(torch.rand(5, 6, dtype=F64, generator=generator(2)))
    mask = torch.rand(5, 6, generator=generator(5)) < 0.6
    d, source, N = torch.rand(5, 6, dtype=F64, generator=generator(6)) - 0.5, generator(), 1500
    x = torch.stack([conditional_texture(d, mask, t, source, 0.0, 60) for _ in range(N)]).flatten(1)
    known, gamma = mask.flatten(), dense_covariance(t)
    cross = gamma[~known][:, known] @ torch.linalg.inv(gamma[known][:, known])
    mean, covariance = cross @ d.flatten()[known], gamma[~known][:, ~known] - cross @ gamma[known][:, ~known]
    assert (x[:, known] - d.flatten()[known]).abs().max() < 1e-6
    scale = covariance.diagonal().sqrt()
    assert ((x[:, ~known].mean(dim=0) - mean) / scale).abs().max() < 4 / math.sqrt(N)
    gap = (torch.cov(x[:, ~known].T) - covariance) / (scale[:, None] * scale)
    assert gap.abs().max() < 6 / math.sqrt(N)


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda u: gaussian_texture(u[0], generator()), ValueError, "u must be an image"),
        (lambda u: gaussian_texture(u[None, None], generator()), ValueError, "u must have shape"),
        (lambda u: gaussian_texture(u, None), TypeError, "generator"),
        (lambda u: gaussian_texture(u, generator(), (5, 0)), ValueError, "size"),
        (lambda u: gaussian_texture(u, generator(), 5), ValueError, "size must be a pair"),
        (lambda u: periodic_component(u * torch.inf), ValueError, "u must be finite"),
        (lambda u: autocovariance(u[0]), ValueError, "u must be an image"),
        (lambda u: autocovariance((255 * u).to(torch.uint8)), TypeError, "u must hold floating-point"),
        (lambda u: texton(u[None, None]), ValueError, "u must have shape"),
        (lambda u: random_phase_texture(u, 3), TypeError, "generator"),
        (lambda u: random_phase_texture(u * torch.nan, generator()), ValueError, "u must be finite"),
        (lambda u: mix_gaussian_textures(u, u[1:], 0.5), ValueError, "u1 and u2 must have the same shape"),
        (lambda u: mix_gaussian_textures(u, u, 1.5), ValueError, r"rho must be in \[0, 1\]"),
        (lambda u: mix_gaussian_textures(u, u, "half"), TypeError, "rho must be a number"),
        (lambda u: enlarge_texton(u, (8, 9)), ValueError, "size must be at least"),
        (lambda u: convolve(u, u[1:]), ValueError, "a channel of t and z"),
        (lambda u: kriging(u, u > 2, u[1:], 0.1, 3), ValueError, "d and t must have the same shape"),
        (lambda u: kriging(u, u, u, 0.1, 3), TypeError, "mask must be a boolean"),
        (lambda u: kriging(u, u[1:] > 0, u, 0.1, 3), ValueError, "mask must have shape"),
        (lambda u: kriging(u, u > 0, u, 0.1, 0), ValueError, "n must be at least 1"),
        (lambda u: kriging(u, u > 0, u, -0.1, 3), ValueError, "sigma must be >= 0"),
        (lambda u: conditional_texture(u, u > 0, u, None, 0.1, 3), TypeError, "generator"),
    ],
)
def test_bad_input_is_named(call, error, message):
    u = texture(9, 16)
    with pytest.raises(error, match=message):
        call(u)
