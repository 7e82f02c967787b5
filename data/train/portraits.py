"""The networks of lesson 18 on emoji portraits: judge, diffusion with words, latent space, control, cascade."""

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.adversarial import portrait_edges
from course_utils.classroom.training import Recipe
from course_utils.data import load_portraits
from course_utils.diffusion import FIRST, LAST, UNet, alpha_bar, diffuse, load_unet, noise_loss, per_image
from course_utils.text_to_image import (
    Autoencoder,
    Control,
    Enlarger,
    PortraitClassifier,
    captions,
    encode,
    held_out_combinations,
    kept_from_the_judge,
    latent_statistics,
    load_autoencoder,
    network_portraits,
    told,
)

BATCH, SHIFT = 32, 2
WITHOUT_WORDS = 0.1  # of the images: for guidance
WORD_DROPPED = 0.1  # of the words of the others: each word must say its part alone

PORTRAITS = load_portraits()
IMAGES, WORDS = network_portraits(PORTRAITS), captions(PORTRAITS)
NEW = held_out_combinations(PORTRAITS)
SEEN = (~NEW).nonzero()[:, 0]
KEPT = kept_from_the_judge(PORTRAITS)
SHOWN = (~KEPT).nonzero()[:, 0]


def judge_loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the cross-entropies of roles and tones of a batch, moved by a few pixels, with a little noise."""
    i = SHOWN[torch.randint(len(SHOWN), (64,), generator=generator)]
    shift = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=generator).tolist()
    x = IMAGES[i].roll(shift, (-2, -1))
    x = x + 0.1 * torch.rand(1, generator=generator) * torch.randn(x.shape, generator=generator)
    device = next(network.parameters()).device
    roles, tones = network(x.to(device))
    return F.cross_entropy(roles, PORTRAITS.role[i].to(device)) + F.cross_entropy(tones, PORTRAITS.tone[i].to(device))


@torch.no_grad()
def judged(network: nn.Module) -> dict[str, float]:
    """Return the shares of the portraits kept from the judge whose role, whose tone and whose both it recognises."""
    roles, tones = network(IMAGES[KEPT])
    role, tone = roles.argmax(1) == PORTRAITS.role[KEPT], tones.argmax(1) == PORTRAITS.tone[KEPT]
    return {name: x.double().mean().item() for name, x in (("role", role), ("tone", tone), ("both", role & tone))}


def velocity_loss(
    network: Callable[..., Tensor], x0: Tensor, words: Tensor, generator: torch.Generator, late: float = 1.0
) -> Tensor:
    """Return the mean of (ε̂ - ε)² / ᾱ: the square error of the velocity, so that times near 1 count.

    There the words say most, the tone above all, and the noise loss is nearly 0 whatever the network makes of them.
    Times are uniform to the power of 1 / ``late``.
    """
    t = FIRST + (LAST - FIRST) * torch.rand(len(x0), generator=generator) ** (1 / late)
    noise = torch.randn(x0.shape, generator=generator)
    x0, t, noise = (value.to(words.device) for value in (x0, t, noise))
    with torch.autocast(words.device.type, torch.bfloat16):
        error = network(diffuse(x0, t, noise), t, words) - noise
    return (error.square() / per_image(alpha_bar(t), x0)).mean()


def batch(without: float, dropped: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the numbers of portraits that were seen, and their captions, some of them and some words dropped."""
    i = SEEN[torch.randint(len(SEEN), (BATCH,), generator=generator)]
    kept = torch.rand(BATCH, 1, generator=generator) >= without
    said = torch.rand(BATCH, WORDS.shape[1], generator=generator) >= dropped
    return i, WORDS[i] * kept * said


def diffusion_loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the loss of the velocity of a batch of portraits."""
    i, words = batch(WITHOUT_WORDS, WORD_DROPPED, generator)
    return velocity_loss(network, IMAGES[i], words.to(next(network.parameters()).device), generator)


@torch.no_grad()
def diffusion_held_out(network: nn.Module) -> dict[str, float]:
    """Return the noise loss on the portraits of new combinations, with and without their words."""
    return {
        name: noise_loss(told(network, words), IMAGES[NEW], torch.Generator().manual_seed(0)).item()
        for name, words in (("with_words", WORDS[NEW]), ("without_words", 0 * WORDS[NEW]))
    }


def unet(channels: int = 3, width: int = 40, inputs: int | None = None) -> UNet:
    """Return a network of portraits, of their latents or of large ones, with its first weights."""
    return UNet(channels, width, WORDS.shape[1], 160, inputs, velocity=True)


# --- latent space ----------------------------------------------------------------------------------------------------

LARGE = 2 * PORTRAITS.images - 1
NOISE, PRICE = 0.2, 3e-4


def autoencoder_loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the mean square error of a batch, half of that of its differences, and a small price on the maps' size.

    A little noise on the maps makes near maps mean near images; the price keeps them from growing away from it.
    """
    x = LARGE[SEEN[torch.randint(len(SEEN), (16,), generator=generator)]].to(next(network.parameters()).device)
    x = x.roll(torch.randint(-SHIFT, SHIFT + 1, (2,), generator=generator).tolist(), (-2, -1))
    y = network.encoder(x)
    error = network.decoder(y + NOISE * torch.randn(y.shape, generator=generator).to(y)) - x
    edges = sum(error.diff(dim=d).square().mean() for d in (-2, -1))
    return error.square().mean() + 0.5 * edges + PRICE * y.square().mean()


@torch.no_grad()
def autoencoder_held_out(network: nn.Module) -> dict[str, float]:
    """Return the mean square error of portraits of new combinations, and the variance of their maps."""
    y = network.encoder(LARGE[NEW])
    return {"mse": (network.decoder(y) - LARGE[NEW]).square().mean().item(), "variance": y.var().item()}


@cache
def latents() -> Tensor:
    """Return the latents of all portraits, of mean 0 and variance 1 over those that were seen."""
    encoder = load_autoencoder().encoder
    return encode(LARGE, encoder, *latent_statistics(encoder, LARGE[SEEN]))


def latent_loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the loss of the velocity of the latents of a batch."""
    i, words = batch(WITHOUT_WORDS, WORD_DROPPED, generator)
    return velocity_loss(network, latents()[i], words.to(next(network.parameters()).device), generator)


@torch.no_grad()
def latent_held_out(network: nn.Module) -> dict[str, float]:
    """Return the noise loss on the latents of portraits of new combinations, with their words."""
    return {
        "with_words": noise_loss(told(network, WORDS[NEW]), latents()[NEW], torch.Generator().manual_seed(0)).item()
    }


# --- control ---------------------------------------------------------------------------------------------------------

DRAWINGS = portrait_edges(PORTRAITS.images)


@cache
def base() -> UNet:
    """Return the network that the control speaks to; it is not trained any more."""
    return load_unet("portrait_diffusion")


class Controlled(nn.Module):
    """The base with a control for some drawings, as a network of noise."""

    def __init__(self, control: nn.Module, drawings: Tensor) -> None:
        super().__init__()
        self.control, self.drawings = control, drawings

    def forward(self, x: Tensor, t: Tensor, words: Tensor | None) -> Tensor:
        """Return the noise that the base estimates with the control."""
        return base().to(x.device)(x, t, words, self.control(x, t, words, self.drawings))


def control_loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the loss of the velocity of a batch with its drawings; most of the captions are dropped.

    Late times, and portraits that are moved and mirrored: elsewhere the base knows by heart what the lines would say.
    """
    i, words = batch(0.8, 0.0, generator)
    both = torch.cat([IMAGES[i], DRAWINGS[i]], dim=1)
    both = both.roll(torch.randint(-SHIFT, SHIFT + 1, (2,), generator=generator).tolist(), (-2, -1))
    both = torch.where(torch.rand(BATCH, 1, 1, 1, generator=generator) < 0.5, both, both.flip(-1))
    device = next(network.parameters()).device
    controlled = Controlled(network, both[:, 3:].to(device))
    return velocity_loss(controlled, both[:, :3], words.to(device), generator, late=3.0)


@torch.no_grad()
def control_held_out(network: nn.Module) -> dict[str, float]:
    """Return the noise loss on portraits of new combinations without words, with their drawings and with none."""
    losses = {}
    for name, drawings in (("with_drawing", DRAWINGS[NEW]), ("without_drawing", 0 * DRAWINGS[NEW])):
        generator = torch.Generator().manual_seed(0)
        controlled = told(Controlled(network, drawings), 0 * WORDS[NEW])
        losses[name] = noise_loss(controlled, IMAGES[NEW], generator).item()
    return losses


# --- cascade ---------------------------------------------------------------------------------------------------------

CROP = 32


def cascade_loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the loss of the velocity of crops of a batch, beside the same at half their size with some noise."""
    i = SEEN[torch.randint(len(SEEN), (BATCH,), generator=generator)]
    top, left = (2 * torch.randint((64 - CROP) // 2 + 1, (2,), generator=generator)).tolist()
    x = LARGE[i, :, top : top + CROP, left : left + CROP]
    small = F.avg_pool2d(x, 2)
    small = small + 0.1 * torch.rand(BATCH, 1, 1, 1, generator=generator) * torch.randn(
        small.shape, generator=generator
    )
    device = next(network.parameters()).device
    return velocity_loss(Enlarger(network, small.to(device)), x, WORDS[i].to(device), generator)


@torch.no_grad()
def cascade_held_out(network: nn.Module) -> dict[str, float]:
    """Return the noise loss on the first portraits of new combinations, whole."""
    i = NEW.nonzero()[:12, 0]
    enlarger = told(Enlarger(network, IMAGES[i]), WORDS[i])
    return {"loss": noise_loss(enlarger, LARGE[i], torch.Generator().manual_seed(0)).item()}


SEEN_DATA = "emoji_portraits, but the held-out combinations"


def recipe(summary: str, steps: int, network, loss, held_out, average: float = 0.995) -> Recipe:
    """Return a recipe on the portraits that were seen.

    The average begins with the first weights: its decay to the power of ``steps`` must be next to nothing.
    """
    return Recipe(summary, SEEN_DATA, steps, network, loss, held_out, average=average)


RECIPES = {
    "portrait_classifier": Recipe(
        "roles and tones of portraits at 32x32",
        "emoji_portraits, but every fifth",
        2500,
        PortraitClassifier,
        judge_loss,
        judged,
    ),
    "portrait_diffusion": recipe(
        "noise prediction on portraits at 32x32, with words", 5000, unet, diffusion_loss, diffusion_held_out, 0.998
    ),
    "portrait_autoencoder": recipe(
        "portraits at 64x64 to maps 4x16x16 and back", 2000, Autoencoder, autoencoder_loss, autoencoder_held_out, 0.99
    ),
    "portrait_latents": recipe(
        "noise prediction on the latents of portraits, with words",
        5000,
        lambda: unet(channels=4),
        latent_loss,
        latent_held_out,
    ),
    "portrait_control": recipe(
        "control of portrait_diffusion by a line drawing", 2500, lambda: Control(base()), control_loss, control_held_out
    ),
    "portrait_cascade": recipe(
        "noise prediction on portraits at 64x64 beside those at 32x32",
        2500,
        lambda: unet(width=32, inputs=6),
        cascade_loss,
        cascade_held_out,
    ),
}
