"""Text to image in miniature: words, latent space, control, subjects, cascade. Lesson 18.

A caption is a bag of words: a vector with a 1 for each word that is said. The words are the portraits' genders, tones
and roles; zeros say nothing. Images are in [-1, 1], as in lesson 16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from course_utils._validation import (
    require_callable,
    require_count,
    require_generator,
    require_mapping,
    require_number,
    require_tensor,
)
from course_utils.data import Portraits, load_network
from course_utils.diffusion import Denoiser, Time, UNet, diffuse, guided, noise_loss
from course_utils.rendering import chrome_ball

Function = Callable[[Tensor], Tensor]

# --- words -----------------------------------------------------------------------------------------------------------

FIRST_HELD_OUT, EVERY = 3, 4  # one role in four has a tone that is held out


def vocabulary(portraits: Portraits) -> tuple[str, ...]:
    """Return the words of the captions: genders, tones, roles but the empty one."""
    _require_portraits(portraits)
    return (*portraits.genders, *portraits.tones, *(role for role in portraits.roles if role))


def embed_caption(words: Iterable[str], table: Mapping[str, Float[Tensor, " d"]]) -> Float[Tensor, " d"]:
    """Return the sum of the vectors of the words that are said: e = Σ_{w said} table[w], a bag of words.

    The order does not matter, a word said twice counts once, and nothing said is the vector 0. The text encoders of
    Imagen and Stable Diffusion are transformers, and hear the order. Slide "Imagen pipeline".

    Parameters
    ----------
    words : such as ``("woman", "dark", "pilot")``; one that is not in the table is a ValueError that names it.
    table : the vector of each known word. With the rows of the identity, e has a 1 for each word that is said.
    """
    if isinstance(words, str) or not isinstance(words, Iterable):
        raise TypeError(f"words must be several words, such as ('woman', 'pilot'), got {words!r}")
    said = set(words)
    if not require_mapping(table, "table", "words"):
        raise ValueError("table must have a word at least")
    for vector in table.values():
        require_tensor(vector, "table")
    if unknown := sorted(said - set(table)):
        raise ValueError(f"words must be among {', '.join(table)}; got {', '.join(map(str, unknown))}")
    zero = torch.zeros_like(next(iter(table.values())))
    return sum((vector for word, vector in table.items() if word in said), zero)


def captions(portraits: Portraits) -> Float[Tensor, "n words"]:
    """Return the bag of words of each portrait: its gender, its tone, and its role if it has one."""
    _require_portraits(portraits)
    parts = (
        F.one_hot(portraits.gender, len(portraits.genders)),
        F.one_hot(portraits.tone, len(portraits.tones)),
        F.one_hot(portraits.role, len(portraits.roles))[:, [bool(role) for role in portraits.roles]],
    )
    return torch.cat(parts, dim=1).float()


def held_out_combinations(portraits: Portraits) -> Bool[Tensor, " n"]:
    """Say which portraits no network that draws in lesson 18 has seen: one tone of every fourth role, with each gender.

    The tone changes from role to role, so that each tone and each role is seen in other combinations.
    """
    turn = _require_portraits(portraits).role - FIRST_HELD_OUT
    tone = 1 + (turn // EVERY) % (len(portraits.tones) - 1)
    return (turn >= 0) & (turn % EVERY == 0) & (portraits.tone == tone)


def kept_from_the_judge(portraits: Portraits) -> Bool[Tensor, " n"]:
    """Say which portraits the judge has not seen: every fifth. A judge may know combinations that the painter must not.

    It has seen each held-out combination in one of its other pictures at least, so it is not what is tested.
    """
    return torch.arange(len(_require_portraits(portraits).role)) % 5 == 2


def network_portraits(portraits: Portraits) -> Float[Tensor, "n 3 32 32"]:
    """Return the portraits as the networks see them: 32 × 32 pixels, in [-1, 1]."""
    return 2 * F.avg_pool2d(_require_portraits(portraits).images, 2) - 1


def told(network: Callable[..., Tensor], words: Float[Tensor, "n words"], scale: float = 1.0) -> Denoiser:
    """Return the network as a denoiser (x, t) -> ε̂ that has been told the words, with guidance by ``scale``.

    For `noise_loss` and `sample`, which know nothing of words.
    """
    require_callable(network, "network")
    _require_rows(words, "words")
    if require_number(scale, "scale") == 1:
        return lambda x, t: network(x, t, words)
    return lambda x, t: guided(network(x, t, words), network(x, t, torch.zeros_like(words)), scale)


# --- latent space ----------------------------------------------------------------------------------------------------
# R. Rombach, A. Blattmann, D. Lorenz, P. Esser, B. Ommer (2022), 10.1109/CVPR52688.2022.01042. Slide "StableDiffusion".


class Autoencoder(nn.Module):
    """From images (n, 3, 64, 64) to maps (n, 4, 16, 16), by ``encoder``, and back, by ``decoder``.

    The maps are as they come, of any mean and variance; `encode` makes latents of them.
    """

    def __init__(self) -> None:
        super().__init__()
        c = 32
        self.encoder = nn.Sequential(
            nn.Conv2d(3, c, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(c, c, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(c, 2 * c, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(2 * c, 2 * c, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(2 * c, 4, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(4, 2 * c, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(2 * c, 4 * c, 3, padding=1),
            nn.PixelShuffle(2),
            nn.SiLU(),
            nn.Conv2d(c, 2 * c, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(2 * c, 4 * c, 3, padding=1),
            nn.PixelShuffle(2),
            nn.SiLU(),
            nn.Conv2d(c, 3, 3, padding=1),
        )


@torch.no_grad()
def latent_statistics(
    encoder: Function, images: Float[Tensor, "n c H W"]
) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
    """Return mean and standard deviation of each channel of the encoder's maps, over images and positions."""
    require_callable(encoder, "encoder")
    y = torch.cat([encoder(batch) for batch in _require_batch(images, "images").split(64)])
    variance, mean = torch.var_mean(y, dim=(0, 2, 3), correction=0)
    return mean, variance.sqrt()


def encode(
    x: Float[Tensor, "n c H W"], encoder: Function, mean: Float[Tensor, " channels"], std: Float[Tensor, " channels"]
) -> Float[Tensor, "n channels h w"]:
    """Return the latents z = (E(x) - μ) / s of images, with a mean μ and a standard deviation s for each channel of E.

    When μ and s are those of E over many images (`latent_statistics`), z has mean 0 and variance 1, as the noise of
    the diffusion has. Rombach et al. (2022).
    """
    require_callable(encoder, "encoder")
    y = encoder(_require_batch(x, "x"))
    _require_channels(y, mean, std)
    return (y - mean[:, None, None]) / std[:, None, None]


def decode(
    z: Float[Tensor, "n channels h w"],
    decoder: Function,
    mean: Float[Tensor, " channels"],
    std: Float[Tensor, " channels"],
) -> Float[Tensor, "n c H W"]:
    """Return the images D(s z + μ) of latents: `encode` backwards, as far as D undoes E. Rombach et al. (2022)."""
    require_callable(decoder, "decoder")
    _require_channels(_require_batch(z, "z"), mean, std)
    return decoder(std[:, None, None] * z + mean[:, None, None])


def latent_noise_loss(
    network: nn.Module,
    encoder: Function,
    x0: Float[Tensor, "n c H W"],
    words: Float[Tensor, "n words"],
    t: Float[Tensor, " n"],
    noise: Float[Tensor, "n channels h w"],
) -> Float[Tensor, ""]:
    """Return the mean of (ε̂(z_t, t, words) - ε)² with z_t = √ᾱ(t) z_0 + √(1 - ᾱ(t)) ε and z_0 the latents of x_0.

    The encoder has been trained before and does not move: no gradient goes into it. Rombach et al. (2022).

    Parameters
    ----------
    network : the denoiser of latents, ``network(z, t, words)``.
    encoder : from images to latents, such as ``lambda x: encode(x, ...)``.
    t, noise : a time for each image, and ε, of the shape of the latents.
    """
    require_callable(network, "network")
    require_callable(encoder, "encoder")
    _require_rows(words, "words", len(_require_batch(x0, "x0")))
    with torch.no_grad():
        z0 = encoder(x0)
    return (network(diffuse(z0, t, noise), t, words) - noise).square().mean()


def load_autoencoder() -> Autoencoder:
    """Load the trained `Autoencoder`, for evaluation."""
    return load_network(Autoencoder(), "portrait_autoencoder")


# --- control ---------------------------------------------------------------------------------------------------------
# L. Zhang, A. Rao, M. Agrawala (2023), 10.1109/ICCV51070.2023.00355. Slide "ControlNet".


def zero_convolution(channels: int, out: int) -> nn.Conv2d:
    """Return a 1 × 1 convolution whose weights and biases are 0: what it lets through begins as nothing, and learns.

    Its weights can be trained: their gradient is not 0 where its input is not. Zhang et al. (2023).
    """
    convolution = nn.Conv2d(require_count(channels, "channels"), require_count(out, "out"), 1)
    nn.init.zeros_(convolution.weight)
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return convolution


class Control(nn.Module):
    """A copy of the first half of a `UNet` that sees a drawing as well, and speaks to it through zero convolutions.

    ``base(x, t, words, control(x, t, words, drawing))`` is the base network itself before the control is trained.
    """

    def __init__(self, base: UNet) -> None:
        super().__init__()
        self.copy = deepcopy(_require_unet(base, "base")).requires_grad_(True)
        for unused in ("up3", "up2", "up1", "norm", "last"):
            delattr(self.copy, unused)
        c = base.first.out_channels
        self.hint = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), nn.SiLU(), zero_convolution(c, c))
        self.gates = nn.ModuleList([zero_convolution(n, n) for n in (c, 2 * c, 3 * c, 3 * c)])

    def forward(self, x: Tensor, t: Time, words: Tensor | None, drawing: Tensor) -> list[Tensor]:
        """Return what is added to the four features of the base; ``drawing`` is (n, 1, H, W), 1 on a line."""
        copy, features = self.copy, []
        e = copy.embed(t, words, x)
        h = copy.first(x) + self.hint(drawing)
        for block, gate in zip((copy.down1, copy.down2, copy.down3, copy.middle), self.gates, strict=True):
            h = block(h, e)
            features.append(gate(h))
            h = F.avg_pool2d(h, 2) if len(features) < 4 else h
        return features


def control_step(
    base: nn.Module,
    control: nn.Module,
    optimizer: torch.optim.Optimizer,
    x0: Float[Tensor, "n c H W"],
    words: Float[Tensor, "n words"],
    drawing: Float[Tensor, "n 1 H W"],
    t: Float[Tensor, " n"],
    noise: Float[Tensor, "n c H W"],
) -> float:
    """Take one step of the optimizer on the control's weights, and return the loss before it.

    The loss is the mean of (ε̂ - ε)² with ε̂ = base(x_t, t, words, control(x_t, t, words, drawing)). The optimizer has
    the control's weights only, so the base stays as it is; but the gradient must go *through* the base to reach them.
    Zhang et al. (2023).
    """
    for network, name in ((base, "base"), (control, "control")):
        require_callable(network, name)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"optimizer must be of torch.optim, got {type(optimizer).__name__}")
    _require_rows(words, "words", len(_require_batch(x0, "x0")))
    if _require_batch(drawing, "drawing", len(x0)).shape[1:] != (1, *x0.shape[2:]):
        raise ValueError(f"drawing must have one channel of the size of x0, got {tuple(drawing.shape)}")
    x = diffuse(x0, t, noise)
    loss = (base(x, t, words, control(x, t, words, drawing)) - noise).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def load_control(base: UNet) -> Control:
    """Load the trained `Control` of ``portrait_diffusion``, which is the base, for evaluation."""
    return load_network(Control(base), "portrait_control")


# --- subjects --------------------------------------------------------------------------------------------------------
# N. Ruiz et al. (2023), 10.1109/CVPR52729.2023.02155. Slide "DreamBooth".


def add_word(network: UNet, generator: torch.Generator) -> UNet:
    """Return a copy of a network that hears one word more, the last one, and that can be trained.

    Its vector is drawn at random, about as long as those of the others: it means nothing yet, and is heard.
    """
    copy = deepcopy(_require_unet(network, "network"))
    old = copy.word.weight.detach()
    new = old.std() * torch.randn(len(old), 1, generator=require_generator(generator)).to(old)
    copy.word = nn.Linear(old.shape[1] + 1, len(old), bias=False, device=old.device)
    copy.word.weight.data = torch.cat([old, new], dim=1)
    return copy.requires_grad_(True)


def subject_loss(
    network: nn.Module,
    subject: Float[Tensor, "n c H W"],
    subject_words: Float[Tensor, "n words"],
    prior: Float[Tensor, "m c H W"],
    prior_words: Float[Tensor, "m words"],
    weight: float,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Return the noise loss of a few pictures of a subject plus ``weight`` times that of pictures of its class.

    The second term, on pictures that the network itself has drawn, keeps what it knew: prior preservation. Times and
    noise of the subject's pictures are drawn first. Each part is ``noise_loss(told(network, words), x0, generator)``.
    Ruiz et al. (2023).
    """
    require_callable(network, "network")
    require_generator(generator)
    weight = require_number(weight, "weight", minimum=0.0)
    _require_rows(subject_words, "subject_words", len(_require_batch(subject, "subject")))
    _require_rows(prior_words, "prior_words", len(_require_batch(prior, "prior")))
    loss = noise_loss(told(network, subject_words), subject, generator)
    return loss + weight * noise_loss(told(network, prior_words), prior, generator)


# --- cascade ---------------------------------------------------------------------------------------------------------


def super_resolution_condition(
    x: Float[Tensor, "n c H W"], small: Float[Tensor, "n c h w"]
) -> Float[Tensor, "n 2*c H W"]:
    """Return x_t and the small image, enlarged to its size by bilinear interpolation, as channels of one image.

    x_t comes first. Pixels are squares: their corners are not aligned, the corners of the image are.
    C. Saharia et al. (2022), "Photorealistic text-to-image diffusion models with deep language understanding". Slide
    "Imagen pipeline".
    """
    _require_batch(small, "small", len(_require_batch(x, "x")))
    large = F.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([x, large], dim=1)


class Enlarger(nn.Module):
    """The second network of a cascade for some small images, as a denoiser of large ones."""

    def __init__(self, network: nn.Module, small: Float[Tensor, "n c h w"]) -> None:
        super().__init__()
        require_callable(network, "network")
        self.network, self.small = network, _require_batch(small, "small")

    def forward(self, x: Tensor, t: Time, words: Tensor | None) -> Tensor:
        """Return the noise that the network estimates beside the small images."""
        return self.network(super_resolution_condition(x, self.small), t, words)


# --- the judge -------------------------------------------------------------------------------------------------------


class PortraitClassifier(nn.Module):
    """A small convolutional network that tells roles and tones; the judge of drawn portraits.

    ``network(x)`` has the logits of the roles and those of the tones of each image of ``(batch, 3, 32, 32)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.Sequential()
        for previous, n in ((3, 24), (24, 48), (48, 96)):
            self.stack.extend([nn.Conv2d(previous, n, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)])
        self.embedding, self.dropout = nn.Linear(96 * 16, 128), nn.Dropout(0.3)
        self.roles, self.tones = nn.Linear(128, 55), nn.Linear(128, 6)

    def features(self, x: Float[Tensor, "batch 3 32 32"]) -> Float[Tensor, "batch 128"]:
        """Return the 128 features of each image, before their ReLU."""
        return self.embedding(self.stack(x).flatten(1))

    def forward(
        self, x: Float[Tensor, "batch 3 32 32"]
    ) -> tuple[Float[Tensor, "batch roles"], Float[Tensor, "batch tones"]]:
        """Return the logits of roles and tones."""
        h = self.dropout(self.features(x).relu())
        return self.roles(h), self.tones(h)


def load_portrait_classifier() -> PortraitClassifier:
    """Load the trained `PortraitClassifier`, for evaluation."""
    return load_network(PortraitClassifier(), "portrait_classifier")


# --- light probes ----------------------------------------------------------------------------------------------------


class LightPainter(nn.Module):
    """A denoiser for the ball of some scenes: the network sees their other pixels, which stay as they are.

    P. Phongthawee et al. (2024), 10.1109/CVPR52733.2024.00018. Slide "DiffusionLight".
    """

    def __init__(self, network: nn.Module, scenes: Float[Tensor, "n 1 H W"]) -> None:
        super().__init__()
        require_callable(network, "network")
        if _require_batch(scenes, "scenes").shape[-2] != scenes.shape[-1]:
            raise ValueError(f"scenes must be square, got shape {tuple(scenes.shape)}")
        self.network = network
        self.ball = chrome_ball(scenes.shape[-1]).to(scenes.device)
        self.seen = torch.where(self.ball, 0.0, scenes)

    def forward(self, x: Float[Tensor, "n 1 H W"], t: Time) -> Float[Tensor, "n 1 H W"]:
        """Return ε̂(x_t, t), which means something on the ball only."""
        mask = self.ball.to(x).expand(len(x), 1, -1, -1)
        return self.network(torch.cat([torch.where(self.ball, x, 0.0), self.seen.to(x), mask], dim=1), t)


# --- shared ----------------------------------------------------------------------------------------------------------


def _require_portraits(value: Portraits) -> Portraits:
    if not isinstance(value, Portraits):
        raise TypeError(f"portraits must be what load_portraits returns, got {type(value).__name__}")
    return value


def _require_unet(value: UNet, name: str) -> UNet:
    if not isinstance(value, UNet):
        raise TypeError(f"{name} must be a UNet, got {type(value).__name__}")
    return value


def _require_batch(value: Tensor, name: str, n: int | None = None) -> Tensor:
    """Return images (n, channels, H, W)."""
    if require_tensor(value, name).ndim != 4 or 0 in value.shape:
        raise ValueError(f"{name} must have shape (n, channels, H, W), got {tuple(value.shape)}")
    if n is not None and len(value) != n:
        raise ValueError(f"{name} must hold {n} images, got {len(value)}")
    return value


def _require_rows(value: Tensor, name: str, n: int | None = None) -> Tensor:
    """Return captions (n, words)."""
    if require_tensor(value, name).ndim != 2 or 0 in value.shape or (n is not None and len(value) != n):
        raise ValueError(f"{name} must have a row for each image, got shape {tuple(value.shape)}")
    return value


def _require_channels(y: Tensor, mean: Tensor, std: Tensor) -> None:
    for value, name in ((mean, "mean"), (std, "std")):
        if require_tensor(value, name).shape != y.shape[1:2]:
            raise ValueError(
                f"{name} must have a number for each of the {y.shape[1]} channels, got {tuple(value.shape)}"
            )
    if not (std > 0).all():
        raise ValueError("std must be > 0")
