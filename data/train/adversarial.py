"""The adversarial networks of lesson 15: digits, digits by styles, portraits from their edges."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.adversarial import (
    EPOCHS,
    HELD_OUT_ROLES,
    LATENT,
    DigitDiscriminator,
    DigitGenerator,
    PatchDiscriminator,
    PortraitNetwork,
    StyleGenerator,
    discriminator_loss,
    generator_loss,
    portrait_edges,
)
from course_utils.classroom.training import Recipe
from course_utils.data import load_portraits, load_square_digits
from course_utils.features import load_digit_classifier
from course_utils.metrics import frechet_distance

BATCH = 64
DIGITS = load_square_digits()[0]
EPOCH = len(DIGITS) // BATCH  # steps


def game(discriminator: nn.Module, real: Tensor, fake: Tensor, *, both: bool = True) -> Tensor:
    """Return both losses in one sum, each with a gradient for its own network only: they move at the same time.

    Or the discriminator's alone: only it moves.
    """
    loss = discriminator_loss(discriminator(real).float(), discriminator(fake.detach()).float())
    if both:
        discriminator.requires_grad_(False)
        loss = loss + generator_loss(discriminator(fake).float())
        discriminator.requires_grad_(True)
    return loss


# --- digits ----------------------------------------------------------------------------------------------------------


class DigitGame(nn.Module):
    """Generator, discriminator, and what the generator was after some epochs."""

    def __init__(self) -> None:
        super().__init__()
        self.generator, self.discriminator = DigitGenerator(), DigitDiscriminator()
        self.snapshots = nn.ModuleDict({str(epoch): DigitGenerator().requires_grad_(False) for epoch in EPOCHS})
        self.register_buffer("step", torch.tensor(0))


def digit_loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return both losses of a batch; in the last step of an epoch of `EPOCHS`, keep the generator."""
    network.step += 1
    epoch = str(network.step.item() // EPOCH)
    if network.step.item() % EPOCH == 0 and epoch in network.snapshots:
        network.snapshots[epoch].load_state_dict(network.generator.state_dict())
    real, z = draw(network, generator, BATCH)
    with torch.autocast(real.device.type, torch.bfloat16):
        return game(network.discriminator, real, network.generator(z))


def draw(network: nn.Module, generator: torch.Generator, n: int) -> tuple[Tensor, Tensor]:
    """Return n digits and n latent vectors, where the network is."""
    device = next(network.parameters()).device
    i = torch.randint(len(DIGITS), (n,), generator=generator)
    return DIGITS[i].to(device), torch.randn(n, LATENT, generator=generator).to(device)


@torch.no_grad()
def distance(generator: nn.Module) -> float:
    """Return the Fréchet distance of 500 drawn digits from the 500 that have not been seen."""
    features = load_digit_classifier().features
    z = torch.randn(500, LATENT, generator=torch.Generator().manual_seed(0))
    return frechet_distance(features(generator.eval()(z)), features(load_square_digits(450, 500)[0]))


def digit_held_out(snapshots: nn.Module) -> dict[str, float]:
    """Return the Fréchet distance after some epochs."""
    return {f"frechet_{epoch}": distance(generator) for epoch, generator in snapshots.items()}


# --- digits by styles ------------------------------------------------------------------------------------------------

FEW_DIGITS = 32
EVERY = 2  # steps, the generator moves


class BatchDeviation(nn.Module):
    """Add a channel with the standard deviation over the batch: a judge that has it sees one image again and again.

    T. Karras, T. Aila, S. Laine, J. Lehtinen (2018), "Progressive growing of GANs".
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps (n, c, h, w) and the new one, the same everywhere."""
        deviation = (x.float().var(dim=0, correction=0) + 1e-8).sqrt().mean().to(x)
        return torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], dim=1)


class StyleGame(nn.Module):
    """A style-based generator, and a discriminator that also sees how much a batch varies."""

    def __init__(self) -> None:
        super().__init__()
        self.generator, self.discriminator = StyleGenerator(), DigitDiscriminator()
        self.discriminator.insert(5, BatchDeviation())
        self.discriminator[-1] = nn.Linear(129 * 8 * 8, 1)
        self.register_buffer("step", torch.tensor(0))


def style_loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the losses of a batch; half of the images have the styles of another z from some scale on.

    The generator moves in every second step only: a faster one runs away from the judge, with all its images alike.
    """
    network.step += 1
    real, z = draw(network, generator, FEW_DIGITS)
    with torch.autocast(real.device.type, torch.bfloat16):
        w = network.generator.mapping(z)
        other = torch.where(torch.arange(len(w), device=w.device)[:, None] < len(w) // 2, w.flip(0), w)
        scales = len(network.generator.scales)
        start = torch.randint(1, scales, (1,), generator=generator).item()
        fake = network.generator.synthesis([w] * start + [other] * (scales - start))
        return game(network.discriminator, real, fake, both=network.step.item() % EVERY == 0)


# --- portraits from edges --------------------------------------------------------------------------------------------

PORTRAITS = load_portraits()
SEEN = torch.tensor([PORTRAITS.roles[k] not in HELD_OUT_ROLES for k in PORTRAITS.role.tolist()])
EDGES, COLORS = portrait_edges(PORTRAITS.images), 2 * F.avg_pool2d(PORTRAITS.images, 2) - 1
FEW = 16
WEIGHT = 50.0  # of the L1 error; Isola et al. have 100


class PortraitGame(nn.Module):
    """A U-net and its judge of patches."""

    def __init__(self) -> None:
        super().__init__()
        self.generator, self.discriminator = PortraitNetwork(), PatchDiscriminator()


def portrait_loss(adversarial: bool) -> Callable[[nn.Module, torch.Generator], Tensor]:
    """Return the loss of a batch, half of it mirrored, with or without the judge."""

    def loss(network: nn.Module, generator: torch.Generator) -> Tensor:
        device = next(network.parameters()).device
        i = SEEN.nonzero()[torch.randint(int(SEEN.sum()), (FEW,), generator=generator), 0]
        mirrored = torch.rand(FEW, 1, 1, 1, generator=generator) < 0.5
        edges, real = (torch.where(mirrored, x[i].flip(-1), x[i]).to(device) for x in (EDGES, COLORS))
        with torch.autocast(device.type, torch.bfloat16):
            fake = network.generator(edges)
            error = (fake.float() - real).abs().mean()
            if not adversarial:
                return error
            pairs = (torch.cat([edges, real], dim=1), torch.cat([edges, fake], dim=1))
            return WEIGHT * error + game(network.discriminator, *pairs)

    return loss


@torch.no_grad()
def portrait_held_out(network: nn.Module) -> dict[str, float]:
    """Return the mean absolute error of the portraits of the roles that have not been seen."""
    return {"error": (network(EDGES[~SEEN]) - COLORS[~SEEN]).abs().mean().item()}


def pix2pix(summary: str, adversarial: bool) -> Recipe:
    """Return the recipe of a U-net from edges to portraits."""
    return Recipe(
        summary,
        "emoji_portraits, without some roles",
        3000,
        PortraitGame,
        portrait_loss(adversarial),
        portrait_held_out,
        rate=4e-4,
        betas=(0.5, 0.999),
        shipped=lambda network: network.generator,
        credit="this course; portraits by Google, Noto Color Emoji",
    )


RECIPES = {
    "digit_gan": Recipe(
        "a GAN of digits at 32x32, its generator after some epochs",
        "mnist_digits, 450 of each",
        EPOCHS[-1] * EPOCH,
        DigitGame,
        digit_loss,
        digit_held_out,
        rate=3e-4,
        betas=(0.5, 0.999),
        shipped=lambda network: network.snapshots,
    ),
    "digit_styles": Recipe(
        "a style-based generator of digits at 32x32",
        "mnist_digits, 450 of each",
        3600,
        StyleGame,
        style_loss,
        lambda network: {"frechet": distance(network)},
        rate=4e-4,
        average=0.995,
        betas=(0.5, 0.999),
        shipped=lambda network: network.generator,
    ),
    "pix2pix_portraits": pix2pix("from edges to portraits, by a U-net and a judge of patches", adversarial=True),
    "pix2pix_portraits_l1": pix2pix(
        "from edges to portraits, by a U-net and the absolute error alone", adversarial=False
    ),
}
