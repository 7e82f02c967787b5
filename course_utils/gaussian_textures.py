"""Stationary Gaussian textures: random convolutions of a texton (Galerne, Gousseau, Morel 2011).

The texton t of an exemplar u has mean zero, and the covariance of the texture x = m + t * z, z a white noise, is the
autocorrelation of t. A colour texton is convolved with one noise, which keeps the correlations between the channels.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils._validation import (
    require_count,
    require_generator,
    require_image,
    require_mask,
    require_number,
    require_picture,
    require_same_shape,
    require_size,
)


def autocovariance(u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Return C(x) = 1/(HW) Σ_y (u(y + x) - m)(u(y) - m), m the mean of u, for all the shifts x of the torus.

    The shift 0 is at pixel (0, 0), where C is the variance of u: C_hat = |û|² / (HW), but C_hat(0) = 0.
    Slide "Texture synthesis with a stationary Gaussian model".
    """
    require_image(u, "u")
    centred = u - u.mean(dim=(-2, -1), keepdim=True)
    power = torch.fft.rfft2(centred).abs().square() / (u.shape[-2] * u.shape[-1])
    return torch.fft.irfft2(power, s=u.shape[-2:])


def periodic_component(u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Return the periodic component p of an image u = p + s, which has no jump across the image's frame.

    The smooth component s has mean zero and solves Δs = v, where v holds the jumps of u between opposite borders.

    p has the mean of ``u``. All the discrete operators are periodic.
    L. Moisan (2011), "Periodic plus smooth image decomposition", 10.1007/s10851-010-0227-1.
    """
    require_image(u, "u")
    height, width = u.shape[-2:]
    jump = torch.zeros_like(u)
    rows, columns = u[..., -1, :] - u[..., 0, :], u[..., :, -1] - u[..., :, 0]
    jump[..., 0, :] += rows
    jump[..., -1, :] -= rows
    jump[..., :, 0] += columns
    jump[..., :, -1] -= columns
    xi = 2 * math.pi * torch.arange(height, dtype=torch.float64) / height  # on the CPU: an Apple GPU has no float64
    zeta = 2 * math.pi * torch.arange(width // 2 + 1, dtype=torch.float64) / width
    laplacian = 2 * torch.cos(xi)[:, None] + 2 * torch.cos(zeta) - 4
    laplacian[0, 0] = 1.0  # jump has mean zero: any value gives s of mean zero
    return u - torch.fft.irfft2(torch.fft.rfft2(jump) / laplacian.to(u.dtype).to(u.device), s=(height, width))


def texton(u: Float[Tensor, "*channels H W"]) -> Float[Tensor, "*channels H W"]:
    """Return the texton t = (p - m) / √(HW) of an exemplar, p its periodic component and m its mean.

    Slide "Texture synthesis with a stationary Gaussian model"; Galerne et al. (2011), 10.1109/TIP.2010.2052822.
    """
    require_picture(u, "u")
    p = periodic_component(u)
    return (p - p.mean(dim=(-2, -1), keepdim=True)) / math.sqrt(u.shape[-2] * u.shape[-1])


def gaussian_texture(
    u: Float[Tensor, "*channels H W"], generator: torch.Generator, size: tuple[int, int] | None = None
) -> Float[Tensor, "*channels height width"]:
    """Draw a sample x = m + t * z of the stationary Gaussian texture with the mean and the covariance of an exemplar.

    By default x is as large as ``u``; where ``size`` = (height, width) is larger, the texton is enlarged, where it is
    smaller, the sample is cropped. The noise is drawn in float64.
    Slide "Texture synthesis with a stationary Gaussian model"; Galerne et al. (2011), 10.1109/TIP.2010.2052822.
    """
    require_picture(u, "u")
    require_generator(generator)
    height, width = u.shape[-2:] if size is None else require_size(size)
    canvas = (max(height, u.shape[-2]), max(width, u.shape[-1]))
    x = convolve(enlarge_texton(texton(u), canvas), white_noise(canvas, generator).to(u))
    return u.mean(dim=(-2, -1), keepdim=True) + x[..., :height, :width]


def random_phase_texture(
    u: Float[Tensor, "*channels H W"], generator: torch.Generator
) -> Float[Tensor, "*channels H W"]:
    """Draw x with x_hat(ξ) = p_hat(ξ) ẑ(ξ) / |ẑ(ξ)| for ξ ≠ 0 and the mean of u, where z is a white noise.

    The modulus is that of the exemplar's periodic component p. The phases of z, uniform and odd, are added in every
    channel. The noise is drawn in float64.
    Galerne, Gousseau, Morel (2011), "Random phase textures", 10.1109/TIP.2010.2052822.
    """
    require_picture(u, "u")
    require_generator(generator)
    p_hat = torch.fft.rfft2(math.sqrt(u.shape[-2] * u.shape[-1]) * texton(u))
    z_hat = torch.fft.rfft2(white_noise((u.shape[-2], u.shape[-1]), generator).to(u))
    x = torch.fft.irfft2(p_hat * torch.sgn(z_hat), s=u.shape[-2:])  # sgn(z) = z / |z|
    return u.mean(dim=(-2, -1), keepdim=True) + x


def mix_gaussian_textures(
    u1: Float[Tensor, "*channels H W"], u2: Float[Tensor, "*channels H W"], rho: float
) -> Float[Tensor, "*channels H W"]:
    """Return the texton t of the Wasserstein barycentre of two Gaussian textures, of weights 1 - ρ and ρ.

    t_hat = (1 - ρ) t1_hat + ρ t2_hat exp(iφ), φ(ξ) the phase of Σ t1_hat conj(t2_hat) over the channels: of all the
    textons of the second texture, it is the nearest to the first one's.
    Xia, Ferradans, Peyré, Aujol (2014), 10.1137/130918010.
    """
    require_same_shape(require_picture(u1, "u1"), require_picture(u2, "u2"), ("u1", "u2"))
    if not 0 <= require_number(rho, "rho") <= 1:
        raise ValueError(f"rho must be in [0, 1], got {rho}")
    t1_hat, t2_hat = torch.fft.rfft2(texton(u1)), torch.fft.rfft2(texton(u2))
    products = (t1_hat * t2_hat.conj()).reshape(-1, *t1_hat.shape[-2:])
    phase = torch.sgn(products.sum(dim=0))
    phase = torch.where(phase == 0, torch.ones_like(phase), phase)
    return torch.fft.irfft2((1 - rho) * t1_hat + rho * t2_hat * phase, s=u1.shape[-2:])


# --- what samples are made with --------------------------------------------------------------------------------------


def white_noise(size: tuple[int, int], generator: torch.Generator) -> Float[Tensor, "H W"]:
    """Draw a white noise: standard normal, independent pixels, float64."""
    shape = require_size(size)
    return torch.randn(shape, generator=require_generator(generator), dtype=torch.float64, device=generator.device)


def convolve(t: Float[Tensor, "*channels H W"], z: Float[Tensor, "H W"]) -> Float[Tensor, "*channels H W"]:
    """Return the periodic convolution (t * z)(x) = Σ_y t(x - y) z(y) of every channel of t."""
    require_image(t, "t")
    require_same_shape(t[(0,) * (t.ndim - 2)], require_image(z, "z"), ("a channel of t", "z"))
    return torch.fft.irfft2(torch.fft.rfft2(t) * torch.fft.rfft2(z), s=t.shape[-2:])


def enlarge_texton(t: Float[Tensor, "*channels H W"], size: tuple[int, int]) -> Float[Tensor, "*channels height width"]:
    """Return a texton of about the same autocorrelation on a canvas of ``size``, at least as large as t.

    Along a direction where the canvas is larger, t is multiplied by a smooth window and surrounded by zeros. The sum
    remains zero in each channel.
    """
    require_image(t, "t")
    height, width = t.shape[-2:]
    canvas = require_size(size)
    if canvas[0] < height or canvas[1] < width:
        raise ValueError(f"size must be at least that of t, {(height, width)}, got {canvas}")
    if canvas == (height, width):
        return t
    window = torch.outer(_window(height, canvas[0] > height), _window(width, canvas[1] > width)).to(t)
    m = (window * t).sum(dim=(-2, -1), keepdim=True) / window.sum()
    larger = t.new_zeros(*t.shape[:-2], *canvas)
    larger[..., :height, :width] = window * (t - m) * (math.sqrt(height * width) / window.norm())
    return larger


# --- hidden pixels ---------------------------------------------------------------------------------------------------


def kriging(
    d: Float[Tensor, "*channels H W"],
    mask: Bool[Tensor, "H W"],
    t: Float[Tensor, "*channels H W"],
    sigma: float,
    n: int,
) -> Float[Tensor, "*channels H W"]:
    """Return E[x | x + σε = d on ω] = Γ 1_ω w, (Γ_ωω + σ² Id) w = d on ω = {mask true}, for the texture x = t * z.

    Γ is the convolution by the autocorrelation of ``t``, all channels together; n conjugate gradient steps solve the
    system. A small σ > 0 makes it well conditioned. Hidden values of d are not read.
    Galerne, Leclaire (2017), "Texture inpainting using efficient Gaussian conditional simulation", 10.1137/16M1109047.
    """
    require_same_shape(require_picture(d, "d"), require_picture(t, "t"), ("d", "t"))
    require_mask(mask, d.shape)
    require_number(sigma, "sigma", minimum=0)
    require_count(n, "n")
    t_hat = torch.fft.rfft2(t)

    def gamma(w: Tensor) -> Tensor:  # t * (t~ * w), t~(x) = t(-x); t~ * w sums over the channels
        product = (t_hat.conj() * torch.fft.rfft2(w)).reshape(-1, *t_hat.shape[-2:]).sum(dim=0)
        return torch.fft.irfft2(t_hat * product, s=t.shape[-2:])

    w, r = torch.zeros_like(d), torch.where(mask, d, 0)
    q, energy = r, r.square().sum()
    floor = (torch.finfo(d.dtype).eps ** 2) * energy
    for _ in range(n):
        if energy <= floor:
            break
        gamma_q = torch.where(mask, gamma(q) + sigma**2 * q, 0)
        step = energy / (q * gamma_q).sum()
        w, r = w + step * q, r - step * gamma_q
        previous, energy = energy, r.square().sum()
        q = r + energy / previous * q
    return gamma(w)


def conditional_texture(
    d: Float[Tensor, "*channels H W"],
    mask: Bool[Tensor, "H W"],
    t: Float[Tensor, "*channels H W"],
    generator: torch.Generator,
    sigma: float,
    n: int,
) -> Float[Tensor, "*channels H W"]:
    """Draw the texture x = t * z given x + σε = d where the mask is true: y + kriging(d - y - σε'), y a free sample.

    The error of kriging a Gaussian field does not depend on its known values: that of y is as good as that of d.
    Galerne, Leclaire (2017), 10.1137/16M1109047.
    """
    require_same_shape(require_picture(d, "d"), require_picture(t, "t"), ("d", "t"))
    sigma = require_number(sigma, "sigma", minimum=0.0)
    y = convolve(t, white_noise((t.shape[-2], t.shape[-1]), generator).to(t))
    noise = torch.randn(d.shape, generator=generator, dtype=torch.float64, device=generator.device).to(d)
    return y + kriging(d - y - sigma * noise, mask, t, sigma, n)


def _window(n: int, smooth: bool) -> Tensor:
    """Return ones, or ones that go down to zero over a tenth of ``n`` at both ends."""
    if not smooth:
        return torch.ones(n, dtype=torch.float64)
    x = torch.arange(n, dtype=torch.float64) + 0.5
    distance = torch.minimum(x, n - x) / max(0.1 * n, 1.0)
    return torch.sin(0.5 * math.pi * distance.clamp(max=1.0)) ** 2
