"""Diffusion models: from images to noise, and back by a denoiser. Lessons 16 to 18.

Time t goes from 0, images, to 1, noise: x_t = √ᾱ(t) x_0 + √(1 - ᾱ(t)) ε with ε ~ N(0, I). Images are in [-1, 1] here,
x = 2u - 1. A denoiser is any function (x, t) -> ε̂ that estimates the noise; t is a number, or one number an image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from course_utils._validation import (
    require_callable,
    require_count,
    require_flag,
    require_generator,
    require_number,
    require_same_shape,
    require_shape,
    require_tensor,
)
from course_utils.data import load_weights
from course_utils.gaussian import FaceModel, _require_faces, _require_one_kind, _unpacked

Time = float | Tensor
Denoiser = Callable[[Tensor, Time], Tensor]
LAST, FIRST = 0.999, 0.001  # between which a network is trained and the reverse process runs

# --- the forward process ---------------------------------------------------------------------------------------------


def alpha_bar(t: Time) -> Tensor:
    """Return the share of the image's variance that is left at time t in [0, 1]: ᾱ(t) = cos²(πt/2).

    The cosine schedule of A. Nichol and P. Dhariwal (2021), without its offset. Slide "Diffusion models".
    """
    t = require_tensor(t, "t") if isinstance(t, Tensor) else torch.tensor(require_number(t, "t"), dtype=torch.float64)
    if not ((t >= 0) & (t <= 1)).all():
        raise ValueError(f"t must be between 0 and 1, got {t.tolist()}")
    return torch.cos(math.pi / 2 * t).square()


def per_image(a: Tensor, x: Float[Tensor, "*batch"]) -> Tensor:
    """Return a number, or one number for each image of x, in the shape and the precision in which it multiplies x.

    >>> per_image(torch.tensor([0.5, 2.0]), torch.ones(2, 1, 3)) * torch.ones(2, 1, 3)
    tensor([[[0.5000, 0.5000, 0.5000]],
    <BLANKLINE>
            [[2.0000, 2.0000, 2.0000]]])
    """
    if require_tensor(a, "a").ndim == 0:
        return a.to(require_tensor(x, "x"))
    if a.shape != require_tensor(x, "x").shape[:1]:
        n = len(x) if x.ndim else 0
        raise ValueError(f"t must be a number, or one for each of the {n} images of x, got shape {tuple(a.shape)}")
    return a.to(x).reshape(-1, *[1] * (x.ndim - 1))


def diffuse(x0: Float[Tensor, "*batch"], t: Time, noise: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Return x_t = √ᾱ(t) x_0 + √(1 - ᾱ(t)) ε. Slide "Diffusion models"."""
    _require_pair(x0, noise, ("x0", "noise"))
    a = per_image(alpha_bar(t), x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def denoised(x: Float[Tensor, "*batch"], t: Time, noise: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Return the estimate of x_0 that belongs to an estimate of the noise: x̂_0 = (x_t - √(1 - ᾱ) ε̂) / √ᾱ.

    When ε̂ is the mean of ε given x_t, x̂_0 is the mean of x_0 given x_t, and the score of x_t is -ε̂ / √(1 - ᾱ): the
    formula of Tweedie. At t = 1 nothing of x_0 is left: a ValueError.
    """
    _require_pair(x, noise, ("x", "noise"))
    a = per_image(alpha_bar(t), x)
    if not (a > 1e-12).all():
        raise ValueError("t must be < 1: at t = 1, x is noise alone")
    return (x - (1 - a).sqrt() * noise) / a.sqrt()


# --- exact scores and denoisers --------------------------------------------------------------------------------------


def gaussian_score(x: Float[Tensor, "*batch d"], t: Time, model: FaceModel) -> Float[Tensor, "*batch d"]:
    """Return ∇ log p_t(x) when x_0 ~ N(μ, E Λ Eᵀ): x_t ~ N(√ᾱ μ, ᾱ E Λ Eᵀ + (1 - ᾱ) I), whose score is linear.

    -(ᾱ E Λ Eᵀ + (1 - ᾱ) I)⁻¹ y = -(y - E diag(ᾱλ / (ᾱλ + 1 - ᾱ)) Eᵀ y) / (1 - ᾱ), y = x - √ᾱ μ, by the orthonormal E
    of lesson 01's ``(mean, eigenvectors, eigenvalues)``. At t = 0 the density is on a subspace: a ValueError.
    """
    mean, E, eigenvalues = _unpacked(model)
    _require_faces(x, mean, "x")
    a = per_image(alpha_bar(t), x)
    if not (a < 1).all():
        raise ValueError("t must be > 0: at t = 0 the model has no density")
    y = x - a.sqrt() * mean
    shrunk = (y @ E) * (a * eigenvalues / (a * eigenvalues + 1 - a))
    return -(y - shrunk @ E.T) / (1 - a)


def empirical_denoiser(
    x: Float[Tensor, batch * image], t: Time, data: Float[Tensor, n * image]
) -> Float[Tensor, batch * image]:
    """Return the mean of x_0 given x_t when x_0 is one of n images, each with probability 1/n: a softmax over them.

    E[x_0 | x_t] = Σ w_i x_i with w_i ∝ exp(-‖x_t - √ᾱ x_i‖² / (2 (1 - ᾱ))). This is what a network that fits the
    training set without error would compute: it can draw nothing but training images.
    """
    _require_images(x, "x")
    if _require_images(data, "data").shape[1:] != x.shape[1:]:
        raise ValueError(f"data must hold images of shape {tuple(x.shape[1:])} as x, got {tuple(data.shape[1:])}")
    _require_one_kind(data, x, ("data", "x"))
    y, rows = x.flatten(1), data.flatten(1)
    a = per_image(alpha_bar(t), y)
    if not (a < 1).all():
        raise ValueError("t must be > 0: at t = 0, x is an image of the data, or has no probability")
    squares = y.square().sum(dim=1, keepdim=True) - 2 * a.sqrt() * (y @ rows.T) + a * rows.square().sum(dim=1)
    weights = torch.softmax(-squares / (2 * (1 - a)), dim=1)
    return (weights @ rows).reshape(x.shape)


# --- the reverse process ---------------------------------------------------------------------------------------------


def ddim_step(
    x: Float[Tensor, "*batch"], t: float, s: float, noise: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Return x_s from x_t and an estimate of its noise, s < t, without new noise: √ᾱ_s x̂_0 + √(1 - ᾱ_s) ε̂.

    J. Song, C. Meng, S. Ermon, Denoising diffusion implicit models (2021).
    """
    _require_earlier(s, t)
    return diffuse(denoised(x, t, noise), s, noise)


def ddpm_step(
    x: Float[Tensor, "*batch"], t: float, s: float, noise: Float[Tensor, "*batch"], z: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch"]:
    """Return x_s from x_t, s < t, with new noise z ~ N(0, I): √ᾱ_s x̂_0 + √(1 - ᾱ_s - σ²) ε̂ + σ z.

    σ² = (1 - ᾱ_s) / (1 - ᾱ_t) · (1 - ᾱ_t / ᾱ_s) is the variance of x_s given x_t and x_0. With σ = 0: DDIM.
    J. Ho, A. Jain, P. Abbeel (2020). Slide "Denoising diffusion probabilistic models".
    """
    _require_earlier(s, t)
    _require_pair(x, z, ("x", "z"))
    _require_pair(x, noise, ("x", "noise"))
    a_t, a_s = alpha_bar(t).to(x), alpha_bar(s).to(x)
    variance = (1 - a_s) / (1 - a_t) * (1 - a_t / a_s)
    return a_s.sqrt() * denoised(x, t, noise) + (1 - a_s - variance).sqrt() * noise + variance.sqrt() * z


def guided(
    conditional: Float[Tensor, "*batch"], free: Float[Tensor, "*batch"], scale: float
) -> Float[Tensor, "*batch"]:
    """Return ε_free + w (ε_conditional - ε_free): w = 0 ignores the condition, 1 follows it, more exaggerates it.

    J. Ho, T. Salimans, Classifier-free diffusion guidance (2022).
    """
    _require_pair(conditional, free, ("conditional", "free"))
    return free + require_number(scale, "scale") * (conditional - free)


def sample(
    denoiser: Denoiser,
    shape: tuple[int, ...],
    steps: int,
    generator: torch.Generator,
    *,
    clip: float | None = None,
    callback: Callable[[int, Tensor, Tensor], object] | None = None,
) -> Float[Tensor, "*shape"]:
    """Draw images by the reverse process, from noise at t = 0.999 to t = 0.001 in DDIM steps of equal time.

    With ``clip`` each x̂_0 is clipped to [-clip, clip]: a network errs
    most where ᾱ is small and x̂_0 is divided by its root. ``callback(k, x, x̂_0)`` is called after each step.
    """
    require_callable(denoiser, "denoiser")
    require_callable(callback, "callback", optional=True)
    require_generator(generator)
    clip = None if clip is None else require_number(clip, "clip", minimum=0.0, strict=True)
    x = torch.randn(require_shape(shape), generator=generator, device=generator.device)
    times = torch.linspace(LAST, FIRST, require_count(steps, "steps") + 1, dtype=torch.float64).tolist()
    for k, (t, s) in enumerate(pairwise(times), 1):
        noise = denoiser(x, t)
        x0 = denoised(x, t, noise)
        if clip is not None:
            x0 = x0.clamp(-clip, clip)
            a = per_image(alpha_bar(t), x)
            noise = (x - a.sqrt() * x0) / (1 - a).sqrt()
        x = ddim_step(x, t, s, noise)
        if callback is not None:
            callback(k, x, x0)
    return x


# --- a network -------------------------------------------------------------------------------------------------------


def noise_loss(network: Denoiser, x0: Float[Tensor, "batch ..."], generator: torch.Generator) -> Tensor:
    """Return the mean of (ε̂(x_t, t) - ε)² over a batch, with a time for each image, uniform in [0.001, 0.999].

    The network is given x_t and t, of shape ``(n,)``. The minimizer of the expectation is ε̂ = E[ε | x_t].
    Slide "Denoising diffusion probabilistic models" (Ho et al., 2020).
    """
    require_callable(network, "network")
    _require_images(x0, "x0")
    require_generator(generator)
    t = FIRST + (LAST - FIRST) * torch.rand(len(x0), generator=generator, device=generator.device).to(x0)
    noise = torch.randn(x0.shape, generator=generator, device=generator.device).to(x0)
    return (network(diffuse(x0, t, noise), t) - noise).square().mean()


class Block(nn.Module):
    """Two convolutions with group normalisation; the second sees a scale and a shift made from time and words."""

    def __init__(self, channels: int, out: int, embedding: int) -> None:
        super().__init__()
        channels, out = (_require_multiple(n, name) for n, name in ((channels, "channels"), (out, "out")))
        require_count(embedding, "embedding")
        self.norm1, self.conv1 = nn.GroupNorm(8, channels), nn.Conv2d(channels, out, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, out), nn.Conv2d(out, out, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * out)
        self.skip = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return the block's features."""
        scale, shift = self.modulation(F.silu(embedding))[..., None, None].chunk(2, dim=1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))
        return h + self.skip(x)


class UNet(nn.Module):
    """A small U-net (x_t, t, words) -> ε̂ of four scales: down to an eighth of the image, and up with the skips.

    ``words`` is a vector of 0 and 1 for each image, which words describe it; zeros, or None, are no description.
    ``inputs`` is the number of channels of x_t with what is joined to it, ``channels`` that of ε̂; None if it is the
    same. ``control`` is added to the features of the three first scales and to those of the last (lesson 18). With
    ``velocity`` the last layer gives v̂, and ε̂ = √ᾱ v̂ + √(1 - ᾱ) x_t: however v̂ errs, x̂_0 = √ᾱ x_t - √(1 - ᾱ) v̂ errs
    no more, even where ᾱ is nearly 0 (T. Salimans, J. Ho, 2022, "Progressive distillation").
    O. Ronneberger, P. Fischer, T. Brox (2015); time and words in every block as in P. Dhariwal, A. Nichol (2021).
    """

    FREQUENCIES = 32

    def __init__(
        self,
        channels: int = 1,
        width: int = 32,
        words: int = 10,
        embedding: int = 128,
        inputs: int | None = None,
        velocity: bool = False,
    ) -> None:
        super().__init__()
        c = _require_multiple(width, "width")
        inputs = channels if inputs is None else inputs
        for n, name in ((channels, "channels"), (words, "words"), (embedding, "embedding"), (inputs, "inputs")):
            require_count(n, name)
        self.time = nn.Sequential(
            nn.Linear(2 * self.FREQUENCIES, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        self.word = nn.Linear(words, embedding, bias=False)
        self.first = nn.Conv2d(inputs, c, 3, padding=1)
        self.down1, self.down2 = Block(c, c, embedding), Block(c, 2 * c, embedding)
        self.down3, self.middle = Block(2 * c, 3 * c, embedding), Block(3 * c, 3 * c, embedding)
        self.up3, self.up2 = Block(6 * c, 2 * c, embedding), Block(4 * c, c, embedding)
        self.up1 = Block(2 * c, c, embedding)
        self.norm, self.last = nn.GroupNorm(8, c), nn.Conv2d(c, channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        if require_flag(velocity, "velocity"):
            self.register_buffer("velocity", torch.ones(()))  # the weights' file tells `load_unet`

    def embed(self, t: Time, words: Tensor | None, like: Tensor) -> Tensor:
        """Return the embedding of time and words, one for each image of the batch ``like``."""
        t = torch.as_tensor(t, dtype=like.dtype).to(like.device).expand(len(like))
        frequencies = torch.logspace(0, 3, self.FREQUENCIES, dtype=like.dtype).to(like.device)
        angles = t[:, None] * frequencies
        embedding = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        return embedding if words is None else embedding + self.word(words)

    def forward(
        self, x: Tensor, t: Time, words: Tensor | None = None, control: Sequence[Tensor] | None = None
    ) -> Tensor:
        """Return ε̂(x_t, t), of the size of x: ``(batch, channels, H, W)``, sides divisible by 8."""
        e = self.embed(t, words, x)
        h1 = self.down1(self.first(x), e)
        h2 = self.down2(F.avg_pool2d(h1, 2), e)
        h3 = self.down3(F.avg_pool2d(h2, 2), e)
        h = self.middle(F.avg_pool2d(h3, 2), e)
        if control is not None:
            h1, h2, h3, h = (own + added for own, added in zip((h1, h2, h3, h), control, strict=True))
        for block, skip in ((self.up3, h3), (self.up2, h2), (self.up1, h1)):
            h = block(torch.cat([F.interpolate(h, scale_factor=2), skip], dim=1), e)
        y = self.last(F.silu(self.norm(h)))
        if not hasattr(self, "velocity"):
            return y
        a = per_image(alpha_bar(t), x)
        return a.sqrt() * y + (1 - a).sqrt() * x[:, : y.shape[1]]


def load_unet(name: str) -> UNet:
    """Load a trained network, for evaluation; its sizes are those of the weights."""
    weights = load_weights(name)
    width, inputs = weights["first.weight"].shape[:2]
    embedding, words = weights["word.weight"].shape
    network = UNet(len(weights["last.weight"]), width, words, embedding, inputs, "velocity" in weights)
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False)


# --- checks of arguments ---------------------------------------------------------------------------------------------


def _require_pair(first: Tensor, second: Tensor, names: tuple[str, str]) -> None:
    require_tensor(first, names[0])
    require_tensor(second, names[1])
    require_same_shape(first, second, names)


def _require_images(value: Tensor, name: str) -> Tensor:
    if require_tensor(value, name).ndim < 2 or 0 in value.shape:
        raise ValueError(f"{name} must be a batch of images, of shape (n, ...), got shape {tuple(value.shape)}")
    return value


def _require_multiple(value: int, name: str) -> int:
    if require_count(value, name) % 8:
        raise ValueError(f"{name} must be a multiple of 8, for the group normalisation, got {value}")
    return value


def _require_earlier(s: float, t: float) -> None:
    if not require_number(s, "s", minimum=0.0) < require_number(t, "t"):
        raise ValueError(f"s must be earlier than t = {t:g}, got {s:g}")
