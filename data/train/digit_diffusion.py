"""The diffusion network of lessons 16 and 17: digits at 32x32, with or without their class."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.classroom.training import Recipe
from course_utils.data import load_square_digits
from course_utils.diffusion import UNet, noise_loss

BATCH = 64
WITHOUT_CLASS = 0.1  # of the images: for guidance

IMAGES, LABELS = load_square_digits()
CLASSES = F.one_hot(LABELS, 10).float()


def loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the noise loss of a batch."""
    i = torch.randint(len(IMAGES), (BATCH,), generator=generator)
    named = torch.rand(BATCH, 1, generator=generator) >= WITHOUT_CLASS
    device = next(network.parameters()).device
    described = partial(network, words=(CLASSES[i] * named).to(device))
    with torch.autocast(device.type, torch.bfloat16):
        return noise_loss(described, IMAGES[i].to(device), generator)


@torch.no_grad()
def held_out(network: nn.Module) -> dict[str, float]:
    """Return the noise loss on a hundred other digits, with and without their class."""
    images, labels = load_square_digits(450, 460)
    classes = F.one_hot(labels, 10).float()
    return {
        "with_class": noise_loss(partial(network, words=classes), images, torch.Generator().manual_seed(0)).item(),
        "without_class": noise_loss(network, images, torch.Generator().manual_seed(0)).item(),
    }


RECIPES = {
    "digit_diffusion": Recipe(
        "noise prediction on digits at 32x32, with classes",
        "mnist_digits, 450 of each",
        4500,
        UNet,
        loss,
        held_out,
        average=0.999,
    )
}
