"""The network of lesson 18 that paints a chrome ball into a scene, as DiffusionLight does."""

import torch
from torch import Tensor, nn

from course_utils.classroom.training import Recipe
from course_utils.diffusion import FIRST, LAST, UNet, diffuse
from course_utils.rendering import light_scenes, random_lights
from course_utils.text_to_image import LightPainter

BATCH = 48


def scenes(n: int, generator: torch.Generator) -> Tensor:
    """Return scenes in [-1, 1]."""
    return 2 * light_scenes(random_lights(n, generator), generator) - 1


def painting_loss(network: nn.Module, x0: Tensor, generator: torch.Generator) -> Tensor:
    """Return the mean of (ε̂ - ε)² over the chrome ball, each scene at a time of its own."""
    device = next(network.parameters()).device
    t = FIRST + (LAST - FIRST) * torch.rand(len(x0), generator=generator)
    noise = torch.randn(x0.shape, generator=generator)
    x0, t, noise = x0.to(device), t.to(device), noise.to(device)
    painter = LightPainter(network, x0)
    return (painter(diffuse(x0, t, noise), t) - noise)[..., painter.ball].square().mean()


def loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the loss of a batch of new scenes."""
    with torch.autocast(next(network.parameters()).device.type, torch.bfloat16):
        return painting_loss(network, scenes(BATCH, generator), generator)


@torch.no_grad()
def held_out(network: nn.Module) -> dict[str, float]:
    """Return the loss on a hundred other scenes."""
    generator = torch.Generator().manual_seed(2**20)
    return {"loss": painting_loss(network, scenes(100, generator), generator).item()}


def network() -> nn.Module:
    """Return the U-net, with its first weights; it sees x_t, the scene without the ball, and where it is."""
    return UNet(channels=1, width=24, words=1, embedding=96, inputs=3)


RECIPES = {
    "light_probe": Recipe(
        "a chrome ball painted into a scene", "drawn as it trains", 2000, network, loss, held_out, average=0.995
    )
}
