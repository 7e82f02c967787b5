"""Bank of lesson 02: right and wrong answers on stationary Gaussian textures."""

import math

import torch

from course_utils import gaussian_textures
from course_utils.explorers.gaussian_textures import explore_gaussian_textures, mixing_picture
from course_utils.gaussian_textures import texton
from tests.explorer_case import ExplorerCase


def mean_of(u):
    return u.mean(dim=(-2, -1), keepdim=True)


# --- autocovariance --------------------------------------------------------------------------------------------------


def autocovariance_by_fft(u):
    c_hat = torch.fft.fft2(u - mean_of(u))
    return torch.fft.ifft2(c_hat * c_hat.conj()).real / (u.shape[-2] * u.shape[-1])


def autocovariance_without_zero_frequency(u):
    u_hat = torch.fft.fft2(u)
    u_hat[..., 0, 0] = 0
    return torch.fft.ifft2(u_hat.abs() ** 2).real / (u.shape[-2] * u.shape[-1])


def autocovariance_by_shifts(u):
    c, (H, W) = u - mean_of(u), u.shape[-2:]
    out = torch.zeros_like(u)
    for i in range(H):
        for j in range(W):
            out[..., i, j] = (c.roll((-i, -j), (-2, -1)) * c).mean(dim=(-2, -1))
    return out


def autocovariance_of_the_mean_square(u):
    u_hat = torch.fft.rfft2(u)
    return torch.fft.irfft2(u_hat.abs() ** 2, s=u.shape[-2:]) / (u.shape[-2] * u.shape[-1]) - mean_of(u) ** 2


def autocovariance_with_the_mean(u):
    return torch.fft.ifft2(torch.fft.fft2(u).abs() ** 2).real / (u.shape[-2] * u.shape[-1])


def autocovariance_without_factor(u):
    return torch.fft.ifft2(torch.fft.fft2(u - mean_of(u)).abs() ** 2).real


def autocovariance_by_convolution(u):
    return torch.fft.ifft2(torch.fft.fft2(u - mean_of(u)) ** 2).real / (u.shape[-2] * u.shape[-1])


def autocovariance_centred(u):
    return torch.fft.fftshift(autocovariance_by_fft(u), dim=(-2, -1))


def autocovariance_not_squared(u):
    return torch.fft.ifft2(torch.fft.fft2(u - mean_of(u)).abs()).real / (u.shape[-2] * u.shape[-1])


def autocovariance_coefficient(u):
    c = autocovariance_by_fft(u)
    return c / c[..., :1, :1]


def autocovariance_spectrum(u):
    return torch.fft.fft2(u - mean_of(u)).abs() ** 2 / (u.shape[-2] * u.shape[-1])


def autocovariance_complex(u):
    return torch.fft.ifft2(torch.fft.fft2(u - mean_of(u)).abs() ** 2) / (u.shape[-2] * u.shape[-1])


def autocovariance_one_mean(u):
    return torch.fft.ifft2(torch.fft.fft2(u - u.mean()).abs() ** 2).real / (u.shape[-2] * u.shape[-1])


def autocovariance_modulus(u):
    return torch.fft.ifft2(torch.fft.fft2(u - mean_of(u)).abs() ** 2).abs() / (u.shape[-2] * u.shape[-1])


# --- periodic_component ----------------------------------------------------------------------------------------------


def jumps(u):
    v = torch.zeros_like(u)
    v[..., 0, :] += u[..., -1, :] - u[..., 0, :]
    v[..., -1, :] += u[..., 0, :] - u[..., -1, :]
    v[..., :, 0] += u[..., :, -1] - u[..., :, 0]
    v[..., :, -1] += u[..., :, 0] - u[..., :, -1]
    return v


def symbol(u):
    H, W = u.shape[-2:]
    xi = 2 * math.pi * torch.arange(H, dtype=u.dtype)[:, None] / H
    zeta = 2 * math.pi * torch.arange(W, dtype=u.dtype) / W
    return 2 * torch.cos(xi) + 2 * torch.cos(zeta) - 4


def solve(v, L):
    L = L.clone()
    L[0, 0] = 1
    s_hat = torch.fft.fft2(v) / L
    s_hat[..., 0, 0] = 0
    return torch.fft.ifft2(s_hat).real


def periodic_by_full_fft(u):
    return u - solve(jumps(u), symbol(u))


def periodic_by_the_laplacian_kernel(u):
    kernel = torch.zeros_like(u[..., :, :])
    kernel[..., 0, 0] = -4
    for i, j in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        kernel[..., i, j] += 1
    L = torch.fft.fft2(kernel)
    L[..., 0, 0] = 1
    return u - torch.fft.ifft2(torch.fft.fft2(jumps(u)) / L).real


def periodic_by_rolls(u):
    c = u
    interior = torch.zeros_like(u)
    for axis in (-1, -2):
        d = c.roll(-1, axis) - c
        d.select(axis, -1).zero_()
        interior += d - d.roll(1, axis)
    p = solve(interior, symbol(u))
    return p + mean_of(u)


def periodic_smooth_part(u):
    return solve(jumps(u), symbol(u))


def periodic_sum(u):
    return u + solve(jumps(u), symbol(u))


def periodic_without_mean(u):
    return u - mean_of(u) - solve(jumps(u), symbol(u))


def periodic_nan(u):
    return u - torch.fft.ifft2(torch.fft.fft2(jumps(u)) / symbol(u)).real


def periodic_rows_only(u):
    v = torch.zeros_like(u)
    v[..., 0, :] += u[..., -1, :] - u[..., 0, :]
    v[..., -1, :] -= u[..., -1, :] - u[..., 0, :]
    return u - solve(v, symbol(u))


def periodic_columns_reversed(u):
    v = torch.zeros_like(u)
    v[..., 0, :] += u[..., -1, :] - u[..., 0, :]
    v[..., -1, :] -= u[..., -1, :] - u[..., 0, :]
    v[..., :, 0] -= u[..., :, -1] - u[..., :, 0]
    v[..., :, -1] += u[..., :, -1] - u[..., :, 0]
    return u - solve(v, symbol(u))


def periodic_multiplied(u):
    return u - torch.fft.ifft2(torch.fft.fft2(jumps(u)) * symbol(u)).real


def periodic_half(u):
    return u - solve(jumps(u), 2 * symbol(u))


def periodic_unchanged(u):
    return u


def periodic_in_place(u):
    u -= solve(jumps(u), symbol(u))
    return u


def periodic_positive_laplacian(u):
    return u - solve(jumps(u), -symbol(u))


# --- texton ----------------------------------------------------------------------------------------------------------


def texton_of_the_slide(u):
    p = gaussian_textures.periodic_component(u)
    return (p - mean_of(p)) / math.sqrt(p.shape[-2] * p.shape[-1])


def texton_with_the_mean_of_u(u):
    return (gaussian_textures.periodic_component(u) - mean_of(u)) / (u.shape[-2] * u.shape[-1]) ** 0.5


def texton_by_the_spectrum(u):
    p_hat = torch.fft.fft2(gaussian_textures.periodic_component(u), norm="ortho")
    p_hat[..., 0, 0] = 0
    return torch.fft.ifft2(p_hat).real


def texton_of_u(u):
    return (u - mean_of(u)) / math.sqrt(u.shape[-2] * u.shape[-1])


def texton_with_mean(u):
    return gaussian_textures.periodic_component(u) / math.sqrt(u.shape[-2] * u.shape[-1])


def texton_one_mean(u):
    p = gaussian_textures.periodic_component(u)
    return (p - p.mean()) / math.sqrt(u.shape[-2] * u.shape[-1])


def texton_over_mn(u):
    p = gaussian_textures.periodic_component(u)
    return (p - mean_of(p)) / (u.shape[-2] * u.shape[-1])


def texton_not_normalised(u):
    p = gaussian_textures.periodic_component(u)
    return p - mean_of(p)


def texton_over_std(u):
    p = gaussian_textures.periodic_component(u)
    return (p - mean_of(p)) / p.std(dim=(-2, -1), keepdim=True)


def texton_over_all_values(u):
    p = gaussian_textures.periodic_component(u)
    return (p - mean_of(p)) / math.sqrt(u.numel())


def texton_parentheses(u):
    p = gaussian_textures.periodic_component(u)
    return p - mean_of(p) / math.sqrt(u.shape[-2] * u.shape[-1])


def texton_negative(u):
    return -texton_of_the_slide(u)


def texton_centred(u):
    return torch.fft.fftshift(texton_of_the_slide(u), dim=(-2, -1))


# --- gaussian_texture ------------------------------------------------------------------------------------------------


def noise(u, generator, shape=None):
    return torch.randn(shape or u.shape[-2:], generator=generator, dtype=u.dtype)


def filtered(t, z):
    return torch.fft.irfft2(torch.fft.rfft2(t) * torch.fft.rfft2(z), s=t.shape[-2:])


def texture_of_the_slide(u, generator):
    return mean_of(u) + filtered(texton(u), noise(u, generator))


def texture_by_full_fft(u, generator):
    z = torch.randn(u.shape[-2:], generator=generator).to(u.dtype)
    return mean_of(u) + torch.fft.ifft2(torch.fft.fft2(texton(u)) * torch.fft.fft2(z)).real


def texture_drawn_in_fourier(u, generator):
    w = torch.complex(noise(u, generator), noise(u, generator))
    return mean_of(u) + filtered(texton(u), torch.fft.ifft2(w, norm="ortho").real)


def texture_correlated_gray(u, generator):
    z = noise(u, generator).flip(-1)
    p = gaussian_textures.periodic_component(u)
    return mean_of(u) + filtered(p - mean_of(p), z) / math.sqrt(z.numel())


def texture_without_mean(u, generator):
    return filtered(texton(u), noise(u, generator))


def texture_noise_per_channel(u, generator):
    return mean_of(u) + filtered(texton(u), noise(u, generator, u.shape))


def texture_of_u(u, generator):
    t = (u - mean_of(u)) / math.sqrt(u.shape[-2] * u.shape[-1])
    return mean_of(u) + filtered(t, noise(u, generator))


def texture_not_normalised(u, generator):
    p = gaussian_textures.periodic_component(u)
    return mean_of(u) + filtered(p - mean_of(p), noise(u, generator))


def texture_uniform(u, generator):
    z = torch.rand(u.shape[-2:], generator=generator, dtype=u.dtype)
    return mean_of(u) + filtered(texton(u), z)


def texture_without_generator(u, generator):
    return mean_of(u) + filtered(texton(u), torch.randn(u.shape[-2:], dtype=u.dtype))


def texture_own_generator(u, generator):
    return mean_of(u) + filtered(texton(u), noise(u, torch.Generator().manual_seed(0)))


def texture_product(u, generator):
    return mean_of(u) + texton(u) * noise(u, generator)


def texture_random_phase(u, generator):
    return gaussian_textures.random_phase_texture(u, generator)


def texture_conjugate(u, generator):
    z_hat = torch.fft.rfft2(noise(u, generator))
    return mean_of(u) + torch.fft.irfft2(torch.fft.rfft2(texton(u)).conj() * z_hat, s=u.shape[-2:])


def texture_of_the_mean_too(u, generator):
    return mean_of(u) + filtered(u, noise(u, generator)) / math.sqrt(u.shape[-2] * u.shape[-1])


def texture_one_mean(u, generator):
    return u.mean() + filtered(texton(u), noise(u, generator))


def texture_complex(u, generator):
    return mean_of(u) + torch.fft.ifft2(torch.fft.fft2(texton(u)) * torch.fft.fft2(noise(u, generator)))


def texture_noisy_exemplar(u, generator):
    return u + 0.1 * noise(u, generator, u.shape)


def texture_clipped(u, generator):
    return texture_of_the_slide(u, generator).clamp(0, 1)


# --- random_phase_texture --------------------------------------------------------------------------------------------


def phase_by_noise(u, generator):
    z_hat = torch.fft.fft2(noise(u, generator))
    d = texton(u) * math.sqrt(u.shape[-2] * u.shape[-1])
    return mean_of(u) + torch.fft.ifft2(torch.fft.fft2(d) * z_hat / z_hat.abs()).real


def phase_by_angle(u, generator):
    theta = torch.fft.fft2(noise(u, generator)).angle()
    theta[0, 0] = 0
    p_hat = torch.fft.fft2(gaussian_textures.periodic_component(u))
    return torch.fft.ifft2(p_hat * torch.exp(1j * theta)).real


def phase_by_uniform_noise(u, generator):
    z_hat = torch.fft.rfft2(torch.rand(u.shape[-2:], generator=generator, dtype=u.dtype) - 0.5)
    z_hat[0, 0] = 1
    p_hat = torch.fft.rfft2(gaussian_textures.periodic_component(u))
    return torch.fft.irfft2(p_hat * torch.sgn(z_hat), s=u.shape[-2:])


def phase_not_odd(u, generator):
    theta = 2 * math.pi * torch.rand(u.shape[-2:], generator=generator, dtype=u.dtype)
    theta[0, 0] = 0
    p_hat = torch.fft.fft2(gaussian_textures.periodic_component(u))
    return torch.fft.ifft2(p_hat * torch.exp(1j * theta)).real


def phase_per_channel(u, generator):
    z_hat = torch.fft.fft2(noise(u, generator, u.shape))
    d = texton(u) * math.sqrt(u.shape[-2] * u.shape[-1])
    return mean_of(u) + torch.fft.ifft2(torch.fft.fft2(d) * z_hat / z_hat.abs()).real


def phase_and_modulus(u, generator):
    return gaussian_textures.gaussian_texture(u, generator)


def phase_of_u(u, generator):
    z_hat = torch.fft.fft2(noise(u, generator))
    return mean_of(u) + torch.fft.ifft2(torch.fft.fft2(u - mean_of(u)) * z_hat / z_hat.abs()).real


def phase_replaced(u, generator):
    z_hat = torch.fft.fft2(noise(u, generator))
    d = texton(u) * math.sqrt(u.shape[-2] * u.shape[-1])
    return mean_of(u) + torch.fft.ifft2(torch.fft.fft2(d).abs() * z_hat / z_hat.abs()).real


def phase_with_the_mean(u, generator):
    z_hat = torch.fft.fft2(noise(u, generator))
    p_hat = torch.fft.fft2(gaussian_textures.periodic_component(u))
    return torch.fft.ifft2(p_hat * z_hat / z_hat.abs()).real


def phase_without_mean(u, generator):
    z_hat = torch.fft.fft2(noise(u, generator))
    d = texton(u) * math.sqrt(u.shape[-2] * u.shape[-1])
    return torch.fft.ifft2(torch.fft.fft2(d) * z_hat / z_hat.abs()).real


def phase_of_the_texton(u, generator):
    z_hat = torch.fft.fft2(noise(u, generator))
    return mean_of(u) + torch.fft.ifft2(torch.fft.fft2(texton(u)) * z_hat / z_hat.abs()).real


def phase_without_generator(u, generator):
    z_hat = torch.fft.fft2(torch.randn(u.shape[-2:], dtype=u.dtype))
    d = texton(u) * math.sqrt(u.shape[-2] * u.shape[-1])
    return mean_of(u) + torch.fft.ifft2(torch.fft.fft2(d) * z_hat / z_hat.abs()).real


def phase_unchanged(u, generator):
    return u


# --- mix_gaussian_textures -------------------------------------------------------------------------------------------


def spectra(u1, u2):
    return torch.fft.fft2(texton(u1)), torch.fft.fft2(texton(u2))


def back(x_hat):
    return torch.fft.ifft2(x_hat).real


def mix_by_angle(u1, u2, rho):
    a, b = spectra(u1, u2)
    phi = (a * b.conj()).sum(dim=0).angle()
    return back((1 - rho) * a + rho * b * torch.exp(1j * phi))


def mix_by_sgn(u1, u2, rho):
    a, b = spectra(u1, u2)
    return back((1 - rho) * a + rho * b * torch.sgn((a * b.conj()).sum(dim=0, keepdim=True)))


def mix_by_division(u1, u2, rho):
    a, b = spectra(u1, u2)
    product = (a * b.conj()).sum(dim=0)
    return back((1 - rho) * a + rho * b * product / product.abs().clamp(min=1e-300))


def mix_average(u1, u2, rho):
    return (1 - rho) * texton(u1) + rho * texton(u2)


def mix_phase_reversed(u1, u2, rho):
    a, b = spectra(u1, u2)
    return back((1 - rho) * a + rho * b * torch.sgn((b * a.conj()).sum(dim=0)))


def mix_rho_exchanged(u1, u2, rho):
    return mix_by_angle(u1, u2, 1 - rho)


def mix_weights_exchanged(u1, u2, rho):
    a, b = spectra(u1, u2)
    return back(rho * a + (1 - rho) * b * torch.sgn((a * b.conj()).sum(dim=0)))


def mix_each_channel(u1, u2, rho):
    a, b = spectra(u1, u2)
    return back((1 - rho) * a + rho * b * torch.sgn(a * b.conj()))


def mix_without_conjugate(u1, u2, rho):
    a, b = spectra(u1, u2)
    return back((1 - rho) * a + rho * b * torch.sgn((a * b).sum(dim=0)))


def mix_product_not_normalised(u1, u2, rho):
    a, b = spectra(u1, u2)
    return back((1 - rho) * a + rho * b * (a * b.conj()).sum(dim=0))


def mix_roots(u1, u2, rho):
    a, b = spectra(u1, u2)
    return back((1 - rho) ** 0.5 * a + rho**0.5 * b * torch.sgn((a * b.conj()).sum(dim=0)))


def mix_turns_the_first(u1, u2, rho):
    a, b = spectra(u1, u2)
    return back((1 - rho) * a * torch.sgn((b * a.conj()).sum(dim=0)) + rho * b)


def mix_nan(u1, u2, rho):
    a, b = spectra(u1, u2)
    a[..., 0, 0], b[..., 0, 0] = 0, 0
    product = (a * b.conj()).sum(dim=0)
    return back((1 - rho) * a + rho * b * product / product.abs())


def mix_of_raw_images(u1, u2, rho):
    root = math.sqrt(u1.shape[-2] * u1.shape[-1])
    a, b = (torch.fft.fft2(u - mean_of(u)) / root for u in (u1, u2))
    return back((1 - rho) * a + rho * b * torch.sgn((a * b.conj()).sum(dim=0)))


def mix_with_the_mean(u1, u2, rho):
    return mix_by_angle(u1, u2, rho) + (1 - rho) * mean_of(u1) + rho * mean_of(u2)


def mix_half(u1, u2, rho):
    return mix_by_angle(u1, u2, 0.5)


# --- slips in one part of a formula ----------------------------------------------------------------------------------


def autocovariance_with(centre=mean_of, power=lambda h: h.abs() ** 2, divide=lambda u: u.shape[-2] * u.shape[-1]):
    return lambda u: torch.fft.ifft2(power(torch.fft.fft2(u - centre(u)))).real / divide(u)


def autocovariance_padded(u):
    (H, W), c = u.shape[-2:], u - mean_of(u)
    return torch.fft.ifft2(torch.fft.fft2(c, s=(2 * H, 2 * W)).abs() ** 2).real[..., :H, :W] / (H * W)


def autocovariance_over_channels(u):
    return torch.fft.ifftn(torch.fft.fftn(u - mean_of(u)).abs() ** 2).real / (u.shape[-2] * u.shape[-1])


def periodic_with(jumps=None, constant=-4.0, turn=2 * math.pi, exchanged=False):
    """Return the function that makes p, with other jumps or another symbol."""

    def periodic_component(u):
        H, W = u.shape[-2:]
        v = jumps(u) if jumps else jumps_of(u)
        sides = (W, H) if exchanged else (H, W)
        first, second = (torch.cos(turn * torch.arange(n).double() / m) for n, m in zip((H, W), sides, strict=True))
        symbol = 2 * first[:, None] + 2 * second + constant
        symbol[0, 0] = 1
        s_hat = torch.fft.fft2(v) / symbol
        s_hat[..., 0, 0] = 0
        return u - torch.fft.ifft2(s_hat).real

    return periodic_component


def jumps_of(u, last=-1, corners=1):
    v, down, across = torch.zeros_like(u), u[..., -1, :] - u[..., 0, :], u[..., -1] - u[..., 0]
    v[..., 0, :] = down
    v[..., -1, :] = last * down
    v[..., 0] = corners * v[..., 0] + across
    v[..., -1] = corners * v[..., -1] + last * across
    return v


def jumps_between_channels(u):
    v = torch.zeros_like(u)
    v[0] += u[-1] - u[0]
    v[-1] -= u[-1] - u[0]
    v[..., 0] += u[..., -1] - u[..., 0]
    v[..., -1] -= u[..., -1] - u[..., 0]
    return v if u.ndim == 3 else jumps_of(u)


def texton_for_one_size(u):
    p = gaussian_textures.periodic_component(u)
    return (p - mean_of(p)) / 128


def mix_with(phase=lambda a, b: torch.sgn((a * b.conj()).sum(dim=0)), of=texton, turned=2):
    def mix(u1, u2, rho):
        a, b = torch.fft.fft2(of(u1)), torch.fft.fft2(of(u2))
        first, second = (a, b * phase(a, b)) if turned == 2 else (a * phase(a, b), b)
        return torch.fft.ifft2((1 - rho) * first + rho * second).real

    return mix


def named(name, function):
    function.__name__ = name
    return function


AUTOCOVARIANCE_SLIPS = [
    ("boundary", autocovariance_padded),
    ("axis", autocovariance_over_channels),
    (
        "normalisation",
        named("autocovariance_over_first_sides", autocovariance_with(divide=lambda u: u.shape[0] * u.shape[1])),
    ),
    ("mean|conjugate", named("autocovariance_two_slips", autocovariance_with(lambda u: 0 * u, lambda h: h**2))),
]
PERIODIC_SLIPS = [
    ("boundary", named("periodic_corners_overwritten", periodic_with(lambda u: jumps_of(u, corners=0)))),
    ("sign", named("periodic_jumps_alike", periodic_with(lambda u: jumps_of(u, last=1)))),
    ("axis", named("periodic_jumps_between_channels", periodic_with(jumps_between_channels))),
    ("value", named("periodic_plus_four", periodic_with(constant=4.0))),
    ("value", named("periodic_half_a_turn", periodic_with(turn=math.pi))),
    ("axis", named("periodic_sides_exchanged", periodic_with(exchanged=True))),
]
MIX_SLIPS = [
    ("complex", named("mix_without_i", mix_with(lambda a, b: torch.exp(torch.angle((a * b.conj()).sum(dim=0)))))),
    ("value", named("mix_one_phase", mix_with(lambda a, b: torch.sgn((a * b.conj()).sum())))),
    ("boundary", named("mix_of_images", mix_with(of=lambda u: u))),
    ("conjugate", named("mix_turns_the_first_away", mix_with(turned=1))),
]

RIGHT = {
    "autocovariance": [
        autocovariance_by_fft,
        autocovariance_without_zero_frequency,
        autocovariance_by_shifts,
        autocovariance_of_the_mean_square,
    ],
    "periodic_component": [periodic_by_full_fft, periodic_by_the_laplacian_kernel, periodic_by_rolls],
    "texton": [texton_of_the_slide, texton_with_the_mean_of_u, texton_by_the_spectrum],
    "gaussian_texture": [
        texture_of_the_slide,
        texture_by_full_fft,
        texture_drawn_in_fourier,
        texture_correlated_gray,
    ],
    "random_phase_texture": [phase_by_noise, phase_by_angle, phase_by_uniform_noise],
    "mix_gaussian_textures": [mix_by_angle, mix_by_sgn, mix_by_division],
}

WRONG = {
    "autocovariance": [
        ("mean", autocovariance_with_the_mean),
        ("normalisation", autocovariance_without_factor),
        ("conjugate", autocovariance_by_convolution),
        ("centering", autocovariance_centred),
        ("square-root", autocovariance_not_squared),
        ("normalisation", autocovariance_coefficient),
        ("value", autocovariance_spectrum),
        ("complex", autocovariance_complex),
        ("mean", autocovariance_one_mean),
        ("complex", autocovariance_modulus),
        *AUTOCOVARIANCE_SLIPS,
    ],
    "periodic_component": [
        ("value", periodic_smooth_part),
        ("sign", periodic_sum),
        ("mean", periodic_without_mean),
        ("not-finite", periodic_nan),
        ("boundary", periodic_rows_only),
        ("sign", periodic_columns_reversed),
        ("adjoint|order", periodic_multiplied),
        ("weight", periodic_half),
        ("identity", periodic_unchanged),
        ("mutates-input", periodic_in_place),
        ("sign", periodic_positive_laplacian),
        *PERIODIC_SLIPS,
    ],
    "texton": [
        ("boundary", texton_of_u),
        ("mean", texton_with_mean),
        ("mean", texton_one_mean),
        ("normalisation", texton_over_mn),
        ("normalisation", texton_not_normalised),
        ("normalisation", texton_over_std),
        ("normalisation", texton_over_all_values),
        ("weight|mean", texton_parentheses),
        ("sign", texton_negative),
        ("centering", texton_centred),
        ("global", texton_for_one_size),
    ],
    "gaussian_texture": [
        ("mean", texture_without_mean),
        ("randomness", texture_noise_per_channel),
        ("boundary", texture_of_u),
        ("normalisation", texture_not_normalised),
        ("randomness", texture_uniform),
        ("randomness", texture_without_generator),
        ("randomness", texture_own_generator),
        ("value", texture_product),
        ("value", texture_random_phase),
        ("conjugate", texture_conjugate),
        ("mean", texture_of_the_mean_too),
        ("mean", texture_one_mean),
        ("complex", texture_complex),
        ("value|mean", texture_noisy_exemplar),
        ("clipping", texture_clipped),
    ],
    "random_phase_texture": [
        ("complex", phase_not_odd),
        ("randomness", phase_per_channel),
        ("value|normalisation", phase_and_modulus),
        ("boundary", phase_of_u),
        ("value", phase_replaced),
        ("mean", phase_with_the_mean),
        ("mean", phase_without_mean),
        ("normalisation", phase_of_the_texton),
        ("randomness", phase_without_generator),
        ("identity", phase_unchanged),
    ],
    "mix_gaussian_textures": [
        ("value", mix_average),
        ("conjugate", mix_phase_reversed),
        ("order", mix_rho_exchanged),
        ("order", mix_weights_exchanged),
        ("value", mix_each_channel),
        ("value|conjugate", mix_without_conjugate),
        ("normalisation", mix_product_not_normalised),
        ("square-root", mix_roots),
        ("order", mix_turns_the_first),
        ("not-finite", mix_nan),
        ("boundary", mix_of_raw_images),
        ("mean", mix_with_the_mean),
        ("value|constant", mix_half),
        *MIX_SLIPS,
    ],
}

EXPLORERS = {
    "explore_gaussian_textures": ExplorerCase(
        explore_gaussian_textures,
        lambda values: mixing_picture(*values.values()),
        plugs={"mix": (lambda f: explore_gaussian_textures(mix=f), "rho", 0.3, 0.0)},
    )
}
