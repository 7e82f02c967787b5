"""Checks of lesson 02: autocovariance, periodic component, texton, Gaussian and random phase textures, barycentres."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils import gaussian_textures
from course_utils.checks.engine import (
    SHAPES,
    Mistake,
    Student,
    exercise,
    expect,
    expect_close,
    is_close,
    random_image,
    recognise,
    recognise_parts,
    tolerance,
)
from course_utils.checks.engine.compare import Part

Known = tuple[str, Tensor, str]
SIDES = (36, 45)  # of the exemplars whose random textures are examined: 800 independent frequencies
SAMPLES = 4


def _exemplar(shape: tuple[int, ...], seed: int) -> Tensor:
    """Return a smooth texture with a slope, which makes a jump across the frame, and unlike channels."""
    noise = random_image(shape, seed)
    slope = torch.linspace(0, 1, shape[-2], dtype=torch.float64)[:, None] + torch.linspace(0, 0.7, shape[-1], dtype=torch.float64)
    gains = torch.linspace(0.5, 1.3, math.prod(shape[:-2]), dtype=torch.float64).reshape(*shape[:-2], 1, 1)
    smooth = noise + noise.roll(1, -1) + 0.6 * noise.roll((1, 2), (-2, -1))
    mixed = smooth + 0.7 * smooth.roll(1, 0).roll(1, -1) if len(shape) == 3 else smooth
    return gains * (0.4 + 0.3 * slope) + 0.1 * mixed


def _mean(u: Tensor) -> Tensor:
    return u.mean(dim=(-2, -1), keepdim=True)


# --- autocovariance --------------------------------------------------------------------------------------------------


@exercise(
    gaussian_textures.autocovariance,
    hints=(
        "An autocovariance is a correlation of u − m with itself: a convolution with the image turned by 180°.",
        "Ĉ = |F(u − m)|² / (MN): turning by 180° conjugates the spectrum of a real image.",
        "centred = u - u.mean(dim=(-2, -1), keepdim=True)",
    ),
)
def autocovariance(student: Student) -> str:
    """Examine gray images and stacks, of odd and even sides."""
    for seed, shape in enumerate((*SHAPES, (3, 5, 8))):
        u = _exemplar(shape, seed)
        answer, expected = student.tensor(u, shape=shape), gaussian_textures.autocovariance(u)
        if is_close(answer, expected):
            continue
        recognise(
            answer,
            ("normalisation", expected / expected[..., :1, :1], "You divide by the variance: that is the autocorrelation coefficient. C(0) is the variance."),
            ("value", torch.fft.fft2(u - _mean(u)).abs() ** 2 / (shape[-2] * shape[-1]), "This is the spectrum |û|²/(MN). The autocovariance is its inverse transform."),
            ("value", u - _mean(u), "This is u − m itself."),
        )
        recognise_parts(answer, lambda centred, correlate, factor: factor * correlate(centred), _autocovariance_parts(u))
        expect_close(answer, expected, "value", "This is not (1/MN) Σ (u(y + x) − m)(u(y) − m).")
    return "C is the periodic autocovariance, shift 0 at pixel (0, 0), channel by channel, on odd and even images"


def _autocovariance_parts(u: Tensor) -> dict[str, Part]:
    """Return what is correlated, how, and the factor, right and wrong."""
    H, W = u.shape[-2:]
    MN = H * W

    def by(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda w: torch.fft.ifft2(change(torch.fft.fft2(w))).real

    def padded(w: Tensor) -> Tensor:
        return torch.fft.ifft2(torch.fft.fft2(w, s=(2 * H, 2 * W)).abs() ** 2).real[..., :H, :W]

    def over_channels(w: Tensor) -> Tensor:
        return torch.fft.ifftn(torch.fft.fftn(w).abs() ** 2).real

    colour = u.ndim == 3
    return {
        "centred": (u - _mean(u), [
            ("mean", u, "The mean is not subtracted: C is the covariance of the values, which are u − m."),
            *([("mean", u - u.mean(), "One mean is subtracted from all the channels: each has its own, dim=(-2, -1).")] if colour else []),
        ]),
        "correlate": (by(lambda h: h.abs() ** 2), [
            ("conjugate", by(lambda h: h**2), "You convolve u − m with itself. In a correlation one factor is turned by 180°: |û|² = û conj(û), not û²."),
            ("square-root", by(lambda h: h.abs() + 0j), "The modulus is not squared: Ĉ = |F(u − m)|² / (MN)."),
            ("boundary", padded, "You pad with zeros. The image is periodic here: no padding, and shifts go around."),
            *([("axis", over_channels, "The transform runs over the channels too: fft2 takes the two last axes only.")] if colour else []),
        ]),
        "factor": (1 / MN, [
            ("normalisation", 1.0, "The factor 1/(MN) is missing."),
            ("normalisation", 1 / MN**2, "The factor 1/(MN) is there twice."),
            ("normalisation", MN**-0.5, "The factor is 1/(MN), not 1/√(MN)."),
            ("normalisation", 1 / (MN - 1), "The factor is 1/(MN), not 1/(MN − 1): the lecture takes the mean of the products."),
            *([("normalisation", 1 / (u.shape[0] * u.shape[1]), "You divide by the product of the two first sizes, of which one counts the channels: MN is u.shape[-2] * u.shape[-1]."),
               ("normalisation", 1 / u.numel(), "You divide by the number of values, channels included. MN is the number of pixels.")] if colour else []),
        ]),
    }  # fmt: skip


# --- periodic_component ----------------------------------------------------------------------------------------------


def _jumps(u: Tensor, rows: float = 1.0, columns: float = 1.0, first: float = 1.0, last: float = -1.0, overwrite: bool = False) -> Tensor:
    """Return v, the jumps between first and last rows, and columns, with weights."""
    v, down, across = torch.zeros_like(u), u[..., -1, :] - u[..., 0, :], u[..., :, -1] - u[..., :, 0]
    v[..., 0, :] += first * rows * down
    v[..., -1, :] += last * rows * down
    v[..., :, 0] = first * columns * across + (0 if overwrite else v[..., :, 0])
    v[..., :, -1] = last * columns * across + (0 if overwrite else v[..., :, -1])
    return v


def _symbol(u: Tensor, weight: float = 2.0, constant: float = -4.0, turn: float = 2.0) -> Tensor:
    """Return the Laplacian's transfer function, 1 at frequency 0."""
    H, W = u.shape[-2:]
    xi, zeta = torch.arange(H, dtype=torch.float64)[:, None] / H, torch.arange(W, dtype=torch.float64) / W
    symbol = weight * (torch.cos(turn * math.pi * xi) + torch.cos(turn * math.pi * zeta)) + constant
    symbol[0, 0] = 1.0
    return symbol


def _periodic(u: Tensor, v: Tensor, solve: Callable[[Tensor], Tensor], last: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    v_hat = torch.fft.fft2(v)
    v_hat[..., 0, 0] = 0
    return last(u, torch.fft.ifft2(solve(v_hat)).real)


def _periodic_parts(u: Tensor) -> dict[str, Part]:
    """Return the jumps, the Poisson equation and what is done with s, right and wrong."""
    right = "v is (last − first) at the first, and its opposite at the last."
    by_channel = torch.zeros_like(u)
    by_channel[0] += u[-1] - u[0]
    by_channel[-1] -= u[-1] - u[0]
    by_channel[..., 0] += u[..., -1] - u[..., 0]
    by_channel[..., -1] -= u[..., -1] - u[..., 0]
    symbol = _symbol(u)
    return {
        "u": (u, []),
        "v": (_jumps(u), [
            ("boundary", _jumps(u, columns=0), "Only the jump between first and last row is taken: the columns jump too."),
            ("boundary", _jumps(u, rows=0), "Only the jump between first and last column is taken: the rows jump too."),
            ("sign", _jumps(u, columns=-1), f"The jump between the columns has the wrong sign: {right}"),
            ("sign", _jumps(u, rows=-1), f"The jump between the rows has the wrong sign: {right}"),
            ("boundary", _jumps(u, overwrite=True), "At the four corners one jump overwrites the other: add to what is there, v[..., 0] += …."),
            ("sign", _jumps(u, last=1.0), f"The jumps have the same sign on both sides: {right}"),
            ("boundary", _jumps(u, last=0.0), f"The jumps stand in the first row and column only: {right}"),
            ("boundary", _jumps(u, first=0.0), f"The jumps stand in the last row and column only: {right}"),
            *([("axis", by_channel, "u[0] and u[-1] are channels of a colour image: the rows are u[..., 0, :] and u[..., -1, :].")] if u.ndim == 3 else []),
        ]),
        "solve": (lambda v_hat: v_hat / symbol, [
            ("value", lambda v_hat: v_hat / _symbol(u, constant=4.0), "The denominator is 2 cos + 2 cos − 4: it vanishes at ξ = 0 only."),
            ("value", lambda v_hat: v_hat / _symbol(u, constant=-2.0), "The denominator is 2 cos + 2 cos − 4: it vanishes at ξ = 0 only."),
            ("value", lambda v_hat: v_hat / _symbol(u, weight=1.0, constant=-4.0), "The cosines have the factor 2: 2 cos + 2 cos − 4."),
            ("value", lambda v_hat: v_hat / _symbol(u, turn=1.0), "The angle is 2πξ/M, a whole turn over M rows: a 2 is missing."),
            ("weight", lambda v_hat: v_hat / symbol / 2, "Half of s is taken off: 2 cos + 2 cos − 4, without a factor."),
            ("weight", lambda v_hat: v_hat / symbol * 2, "Twice s is taken off: 2 cos + 2 cos − 4, and each jump once."),
            ("adjoint", lambda v_hat: v_hat * symbol, "You multiply by the Laplacian's symbol. To solve Δs = v, divide by it."),
        ]),
        "last": (lambda u, s: u - s, [
            ("value", lambda u, s: s, "This is the smooth component s. Return p = u − s."),
            ("sign", lambda u, s: u + s, "The smooth component is added: p = u − s. Look at the sign of v, or of the Laplacian (2 cos + 2 cos − 4 ≤ 0)."),
            ("mean", lambda u, s: u - s - _mean(u), "p has lost its mean: ŝ(0) must be 0, so that p has the mean of u."),
        ]),
    }  # fmt: skip


@exercise(
    gaussian_textures.periodic_component,
    hints=(
        "The jumps v across the frame are the Laplacian of the smooth component s. In Fourier a Laplacian is a multiplication.",
        "ŝ(ξ) = v̂(ξ) / (2 cos(2πξ₁/M) + 2 cos(2πξ₂/N) − 4) for ξ ≠ 0, ŝ(0) = 0, and p = u − s.",
        "v = torch.zeros_like(u); v[..., 0, :] += u[..., -1, :] - u[..., 0, :]",
    ),
)
def periodic_component(student: Student) -> str:
    """Examine images with a jump across their frame, of odd and even sides."""
    for seed, shape in enumerate((*SHAPES[::-1], (2, 6, 7))):  # the square image first: M and N are the same there
        u = _exemplar(shape, seed)
        try:
            answer = student.tensor(u, shape=shape)
        except Mistake as mistake:
            if mistake.cause != "not-finite" or seed == 0:
                raise
            text = "It is right on a square image, and divides by 0 on another: are M and N exchanged in the denominator? ξ₁ runs over M rows."
            raise Mistake("axis", text) from mistake
        p = gaussian_textures.periodic_component(u)
        if is_close(answer, p):
            continue
        recognise_parts(answer, _periodic, _periodic_parts(u))
        expect_close(answer, p, "value", "This is not u − s with Δs = v: compare v, the symbol of Δ, and ŝ(0) = 0.")
    return "p = u − s with Δs = v, the jumps of the frame, and the mean of u, on odd and even images"


# --- texton ----------------------------------------------------------------------------------------------------------


@exercise(
    gaussian_textures.texton,
    hints=(
        "Take off the mean of the periodic component, and divide so that t ∗ z has the exemplar's variance.",
        "t = (p − m) / √(MN), each channel with its own m.",
        "p = periodic_component(u)",
    ),
)
def texton(student: Student) -> str:
    """Examine gray and colour exemplars."""
    for seed, shape in enumerate(((9, 7), (6, 8), (3, 8, 5))):
        u = _exemplar(shape, seed)
        answer, t = student.tensor(u, shape=shape), gaussian_textures.texton(u)
        p, root = gaussian_textures.periodic_component(u), math.sqrt(shape[-2] * shape[-1])
        recognise(
            answer,
            ("boundary", (u - _mean(u)) / root, "The texton is made from u. Take its periodic component p: the jump at the frame makes a cross in the spectrum."),
            ("mean", p / root, "The mean is not subtracted: t has sum 0 in each channel."),
            ("normalisation", (p - _mean(p)) / p.std(dim=(-2, -1), keepdim=True), "You divide by the standard deviation: the samples would all have variance MN. Divide by √(MN)."),
            ("normalisation", (p - _mean(p)) / (shape[-2] * shape[-1]), "You divide by MN. Divide by √(MN): the variance of t ∗ z is Σ t², which must be (1/MN) Σ (p − m)²."),
            ("normalisation", p - _mean(p), "The factor 1/√(MN) is missing: the variance of t ∗ z is Σ t²."),
            ("sign", -t, "This is m − p: it would do for samples, and the figures would show a negative."),
            ("weight", p - _mean(p) / root, "Only m is divided by √(MN): parentheses are missing."),
        )
        if len(shape) == 3:
            recognise(answer, ("normalisation", (p - _mean(p)) / p.numel() ** 0.5, "You divide by the root of the number of values, channels included. MN is the number of pixels."))
            recognise(answer, ("mean", (p - p.mean()) / root, "One mean is subtracted from all the channels: each has its own, dim=(-2, -1)."))
        if not is_close(answer, t) and seed == 0:
            _recognise_fixed_divisor(student, answer, p - _mean(p))
        expect_close(answer, t, "value", "This is not (p − m) / √(MN), p the periodic component and m its mean.")
    return "t = (p − m) / √(MN), of sum zero in each channel, from the periodic component"


def _recognise_fixed_divisor(student: Student, answer: Tensor, centred: Tensor) -> None:
    """Raise the mistake of p − m divided by one number for images of two sizes."""
    u = _exemplar((6, 8), 1)
    other, p = student.tensor(u, shape=u.shape), gaussian_textures.periodic_component(u)
    divisors = [((w * w).sum() / (a * w).sum()).item() for a, w in ((answer, centred), (other, p - _mean(p)))]
    if is_close(answer, centred / divisors[0]) and is_close(divisors[0], divisors[1]):
        text = "You divide by the same number for images of every size: M and N come from u.shape."
        raise Mistake("global", text, {"your divisor": divisors[0], "expected for 9 × 7 pixels": math.sqrt(63)})


# --- gaussian_texture ------------------------------------------------------------------------------------------------


@exercise(
    gaussian_textures.gaussian_texture,
    hints=(
        "Draw one white noise image of the size of u and convolve it with each channel of the texton: in Fourier, a product.",
        "x = m + t ∗ z, with F(t ∗ z) = t̂ ẑ and the same z for all the channels.",
        "z = torch.randn(u.shape[-2:], generator=generator, dtype=u.dtype)",
    ),
)
def gaussian_texture(student: Student) -> str:
    """Find the noise by z_hat = x_hat / t_hat: it must be one for all the channels, of variance 1, and Gaussian."""
    for seed, shape in enumerate(((3, *SIDES), SIDES)):
        u = _exemplar(shape, seed)
        samples = _draw(student, u)
        z_hat = torch.stack([_quotient(x, u) for x in samples])
        power = z_hat.abs().square().mean().item() / math.prod(SIDES)
        _examine_power(power)
        fourth = z_hat.abs().pow(4).mean().item() / z_hat.abs().square().mean().item() ** 2
        text = "Every sample has the modulus of the exemplar's spectrum: this is a random phase texture. In x = m + t ∗ z the modulus |ẑ| is random too."
        expect(fourth > 1.2, "value", text, mean_of_the_4th_power_of_z_hat=fourth, expected=2.0)
    return "x = m + t ∗ z with one Gaussian white noise z of variance 1, from the generator, gray and colour"


def _examine_power(power: float) -> None:
    """Compare the mean of |z_hat|² / MN with 1; its standard error is 2 %."""
    MN = math.prod(SIDES)
    known = {
        1 / 12: "The noise has variance 1/12: rand is uniform on [0, 1]. Take randn.",
        1.0 * MN: "The variance is MN times too large: use t = (p − m) / √(MN), not p − m.",
        1.0 / MN: "The variance is MN times too small: is 1/√(MN) there twice, or is z divided by its norm?",
    }
    for value, text in known.items():
        if 0.85 < power / value < 1.15:
            raise Mistake("randomness" if value == 1 / 12 else "normalisation", text, {"variance of z": power})
    text = "The variance of x is not that of the exemplar: z must have variance 1, and t ∗ z the transform t̂ ẑ, without a factor."
    expect(0.85 < power < 1.15, "normalisation", text, your_variance_over_the_right_one=power)


def _draw(student: Student, u: Tensor) -> list[Tensor]:
    """Return samples with different seeds, once they are random as they should be, with the mean of u."""
    before = torch.random.get_rng_state()
    samples = [student.tensor(u, torch.Generator().manual_seed(seed), shape=tuple(u.shape)) for seed in range(SAMPLES)]
    again = student.tensor(u, torch.Generator().manual_seed(0), shape=tuple(u.shape))
    drawn = not torch.equal(before, torch.random.get_rng_state())
    expect(not is_close(samples[0], u), "identity", "The function returns the exemplar.")
    if not torch.equal(samples[0], again) or drawn:
        raise Mistake("randomness", "The noise does not come from the generator: pass generator=generator to randn.")
    text = "Two seeds give the same texture: draw from the generator that is given, not from one of your own."
    expect(not is_close(samples[0], samples[1]), "randomness", text)
    _examine_mean(samples, u)
    return samples


def _examine_mean(samples: list[Tensor], u: Tensor) -> None:
    x, spread = samples[0], u.std()
    means = torch.stack([_mean(y) for y in samples]).double()
    precision = 10 * tolerance(x)
    if (means - _mean(u)).abs().max() <= precision * _mean(u).abs().max():
        return
    if means.abs().max() <= precision * spread:
        raise Mistake("mean", "The samples have mean 0: add m, the mean of u.")
    if x.min() >= 0 and x.max() <= 1 and ((x == 0) | (x == 1)).any():
        raise Mistake("clipping", "The sample is clipped to [0, 1], which changes its law: clip only to show an image.")
    t = gaussian_textures.texton(u)
    if u.ndim == 3 and is_close((x - _mean(u))[0] * t[1], (x - _mean(u))[1] * t[0]):
        raise Mistake("value", "You multiply t by z pixel by pixel: t ∗ z is a convolution, a product in Fourier.")
    if u.ndim == 3 and is_close(means[0], _mean(u).mean().expand_as(means[0]), precision):
        raise Mistake("mean", "All the channels have the same mean: each has its own m, dim=(-2, -1).")
    if (means.abs() - _mean(u).abs()).abs().max() <= precision * _mean(u).abs().max():
        raise Mistake("mean", "In some samples the mean is −m: the phase at ξ = 0 must stay 0. Treat the mean apart.")
    details = {"mean of your sample": means[0].flatten(), "expected": _mean(u).flatten()}
    raise Mistake("mean", "The sample has not the mean m of the exemplar: the part that is random must have mean 0.", details)


def _quotient(x: Tensor, u: Tensor) -> Tensor:
    """Return z_hat = F(x - m) / t_hat where t_hat is not small, once it is the same in all the channels."""
    t_hat = torch.fft.rfft2(gaussian_textures.texton(u)).reshape(-1, u.shape[-2], u.shape[-1] // 2 + 1)
    d_hat = torch.fft.rfft2(x.double() - _mean(u)).reshape(t_hat.shape)
    z_hat, gap = _one_factor(d_hat, t_hat)
    if len(t_hat) > 1 and gap > 20 * tolerance(x):
        raw_hat = torch.fft.rfft2(u - _mean(u))
        alone = _one_factor(d_hat, torch.complex(t_hat.abs(), torch.zeros_like(t_hat.real)))[1]
        for other, cause, text in (
            (raw_hat, "boundary", "The spectrum is that of u, with its cross. Take the periodic component of u."),
            (t_hat.conj(), "conjugate", "The texton is turned by 180°, which changes the law of a colour texture: t̂ ẑ, without conjugate on t̂."),
        ):
            if _one_factor(d_hat, other)[1] <= 20 * tolerance(x):
                raise Mistake(cause, text)
        if alone <= 20 * tolerance(x):
            raise Mistake("value", "The phases of the exemplar are replaced: the same in every channel, and the colours are lost. Add the random phase to them, that is multiply by e^{iθ}.")
        quotient = d_hat[:, 1:, 1:-1] / t_hat[:, 1:, 1:-1]
        cosine = (quotient[0] * quotient[1].conj()).sum().abs() / (quotient[0].norm() * quotient[1].norm())
        if cosine < 0.3:
            raise Mistake("randomness", "Each channel has a noise of its own, and the colours lose their correlations: draw one (H, W) noise for all the channels.", {"correlation of the noises of two channels": cosine})
        raise Mistake("value", "x − m is not the texton convolved with one noise, the same for all the channels: F(x − m) = t̂ ẑ.")
    return z_hat


def _one_factor(d_hat: Tensor, t_hat: Tensor) -> tuple[Tensor, float]:
    """Return the z that is nearest to d = t z over the channels, frequency by frequency, and how far d is from it."""
    energy = t_hat.abs().square().sum(dim=0)
    kept = energy > 1e-8 * energy.max()
    z_hat = (d_hat * t_hat.conj()).sum(dim=0) / energy.clamp(min=1e-300)
    gap = torch.linalg.vector_norm((d_hat - t_hat * z_hat)[:, kept]) / torch.linalg.vector_norm(d_hat[:, kept]).clamp(min=1e-300)
    return z_hat[kept], gap.item()


# --- random_phase_texture --------------------------------------------------------------------------------------------


@exercise(
    gaussian_textures.random_phase_texture,
    hints=(
        "Keep |p̂| and add to its phase that of a white noise z: multiply p̂ by ẑ / |ẑ|. A real noise has the right symmetry.",
        "x̂(ξ) = p̂(ξ) ẑ(ξ)/|ẑ(ξ)| for ξ ≠ 0, the same ẑ for all the channels; the mean of x is m.",
        "z_hat = torch.fft.fft2(torch.randn(u.shape[-2:], generator=generator, dtype=u.dtype))",
    ),
)
def random_phase_texture(student: Student) -> str:
    """Examine the modulus, exactly, and the phases: one shift for all the channels, uniform."""
    for seed, shape in enumerate(((3, *SIDES), SIDES, (24, 30))):
        u = _exemplar(shape, seed)
        samples = _draw(student, u)
        p, x = gaussian_textures.periodic_component(u), samples[0]
        modulus = (torch.fft.rfft2(x.double()).abs(), torch.fft.rfft2(p).abs())
        if not is_close(modulus[0], modulus[1], 10 * tolerance(x)):
            _explain_modulus(modulus[0], u)
        factor = torch.stack([_quotient(y, u) for y in samples]) / math.sqrt(shape[-2] * shape[-1])
        drift = factor[:, 1:].mean().abs().item()
        expect(drift < 0.15, "value", "The phases are not uniform on the circle.", modulus_of_the_mean_of_the_phase_factors=drift)
    return "the modulus is the exemplar's at each frequency, the phases are uniform and shifted alike in all channels, the mean is m"


def _explain_modulus(modulus: Tensor, u: Tensor) -> None:
    """Say why a random phase texture has not the modulus of p."""
    p = gaussian_textures.periodic_component(u)
    right = torch.fft.rfft2(p).abs()
    recognise(
        modulus,
        ("boundary", torch.fft.rfft2(u).abs(), "The modulus is that of u, with its cross. Take that of the periodic component p."),
        rtol=1e-5,
    )
    inside = (..., slice(1, None), slice(1, -1))
    ratio = (modulus / right.clamp(min=1e-9 * right.max()))[inside]
    if ratio.std() < 1e-4 * ratio.mean():
        raise Mistake("normalisation", "The modulus is the right one up to a factor: x̂ = p̂ e^{iθ}.", {"your modulus over the right one": ratio.mean()})
    text = "The modulus is not kept. The phases must be odd, θ(−ξ) = −θ(ξ), as those of a real noise are: the real part of a complex image has another modulus."
    if 0.4 < ratio.square().mean() < 0.6:
        raise Mistake("complex", text)
    text = "The modulus |x̂| is not that of p. If you multiply by ẑ, divide by |ẑ|: only the phase of the noise is taken."
    raise Mistake("value", text, {"mean of |x̂|²/|p̂|²": ratio.square().mean()})


# --- mix_gaussian_textures -------------------------------------------------------------------------------------------


@exercise(
    gaussian_textures.mix_gaussian_textures,
    hints=(
        "A texton and its product with a phase e^{iφ(ξ)}, the same in all the channels, give the same texture. Choose φ so that t₂ is as near to t₁ as possible, then go straight from one to the other.",
        "t̂ = (1 − ρ) t̂₁ + ρ t̂₂ e^{iφ}, φ(ξ) the argument of Σ t̂₁(ξ) conj(t̂₂(ξ)) over the channels.",
        "t1_hat, t2_hat = torch.fft.fft2(texton(u1)), torch.fft.fft2(texton(u2))",
    ),
)
def mix_gaussian_textures(student: Student) -> str:
    """Examine colour textures for several ρ, the two ends included."""
    for seed, (shape, rho) in enumerate((((3, 6, 5), 0.3), ((3, 7, 8), 0.6), ((1, 6, 8), 0.4), ((3, 5, 6), 0.0), ((2, 9, 6), 1.0))):
        u1, u2 = _exemplar(shape, 2 * seed), _exemplar(shape, 2 * seed + 31).flip(-1) ** 2
        answer = student.tensor(u1, u2, rho, shape=shape)
        expected = gaussian_textures.mix_gaussian_textures(u1, u2, rho)
        if not is_close(answer, expected):
            recognise(answer, *_wrong_mixtures(u1, u2, rho))
            expect_close(answer, expected, "value", "This is not (1 − ρ) t̂₁ + ρ t̂₂ e^{iφ} with φ the argument of Σ t̂₁ conj(t̂₂) over the channels.")
    return "t̂ = (1 − ρ) t̂₁ + ρ t̂₂ e^{iφ}, one phase for all the channels, for colour and for one channel, ρ = 0 and 1 too"


def _wrong_mixtures(u1: Tensor, u2: Tensor, rho: float) -> list[Known]:
    t1, t2 = gaussian_textures.texton(u1), gaussian_textures.texton(u2)
    a, b = torch.fft.fft2(t1), torch.fft.fft2(t2)
    phase = torch.sgn((a * b.conj()).sum(dim=0))
    raw1, raw2 = (torch.fft.fft2(u - _mean(u)) / math.sqrt(u.shape[-2] * u.shape[-1]) for u in (u1, u2))
    raw_phase = torch.sgn((raw1 * raw2.conj()).sum(dim=0))

    def image(x_hat: Tensor) -> Tensor:
        return torch.fft.ifft2(x_hat).real

    mixture = (1 - rho) * a + rho * b * phase
    return [
        ("value", (1 - rho) * t1 + rho * t2, "The textons are averaged as they are: where their phases are opposite they cancel, and contrast is lost. Turn t̂₂ by e^{iφ} first, with a φ for each frequency: .sum(dim=0), not .sum()."),
        ("value", (1 - rho) * t1 - rho * t2, "There is one φ for all the frequencies: sum over the channels only, .sum(dim=0)."),
        ("complex", image((1 - rho) * a + rho * b * torch.exp(torch.angle((a * b.conj()).sum(dim=0)))), "The i is missing: e^{iφ} is torch.exp(1j * phi)."),
        ("boundary", image((1 - rho) * torch.fft.fft2(u1) + rho * torch.fft.fft2(u2) * torch.sgn((torch.fft.fft2(u1) * torch.fft.fft2(u2).conj()).sum(dim=0))), "The images u₁ and u₂ are mixed. Mix their textons: your function texton."),
        ("conjugate", image((1 - rho) * a * phase + rho * b), "It is t̂₁ that you turn, by φ, which brings it away from t̂₂: turn t̂₂."),
        ("conjugate", image((1 - rho) * a + rho * b * phase.conj()), "φ has the wrong sign: t̂₂ e^{iφ} must get the phase of t̂₁, so φ = arg Σ t̂₁ conj(t̂₂)."),
        ("order", image(rho * a + (1 - rho) * b * phase), "ρ and 1 − ρ are exchanged: ρ = 0 gives the first texture."),
        ("value", image((1 - rho) * a + rho * b * torch.sgn(a * b.conj())), "Each channel has its own φ: the phases between the channels of the second texture, and its colours, are lost. Sum over the channels."),
        ("value", image((1 - rho) * a + rho * b * torch.sgn((a * b).sum(dim=0))), "φ is taken without the conjugate: Σ t̂₁ conj(t̂₂)."),
        ("normalisation", image((1 - rho) * a + rho * b * (a * b.conj()).sum(dim=0)), "t̂₂ is multiplied by Σ t̂₁ conj(t̂₂) itself. Only its phase is wanted: divide by the modulus."),
        ("square-root", image(math.sqrt(1 - rho) * a + math.sqrt(rho) * b * phase), "The weights are 1 − ρ and ρ, without roots: they add textons, not covariances."),
        ("order", image((1 - rho) * a * phase.conj() + rho * b), "It is t̂₁ that you turn. The texture is the same; the exercise asks for the texton that starts from t̂₁."),
        ("boundary", image((1 - rho) * raw1 + rho * raw2 * raw_phase), "The textons are made from u₁ and u₂. Use your function texton, with the periodic component."),
        ("normalisation", image(mixture) * math.sqrt(u1.shape[-2] * u1.shape[-1]), "The factor 1/√(MN) of the textons is missing."),
        ("mean", image(mixture) + (1 - rho) * _mean(u1) + rho * _mean(u2), "The mean is added. Asked for is the texton, of sum 0."),
        ("value", image((1 - rho) * a + rho * b.abs() * torch.sgn(a)), "You give t̂₂ the phases of t̂₁ in each channel: its own phase differences between the channels, and its colours, are lost."),
    ]
