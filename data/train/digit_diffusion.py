"""The diffusion network of lessons 16 and 17: digits at 32x32, with or without their class."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.classroom.training import Recipe
from course_utils.data import load_digits
from course_utils.diffusion import UNet, noise_loss

KEPT = 450  # of the 500 images of each digit; on the others the network is judged
BATCH = 64
WITHOUT_CLASS = 0.1  # of the images: for guidance


def digits(first: int, last: int) -> tuple[Tensor, Tensor]:
    """Return images ``first`` to ``last`` of each digit, (n, 1, 32, 32) in [-1, 1], and their classes, one of ten."""
    images, labels = load_digits()
    chosen = torch.cat([(labels == digit).nonzero()[first:last, 0] for digit in range(10)])
    return F.pad(2 * images[chosen, None].float() - 1, (2, 2, 2, 2), value=-1.0), F.one_hot(labels[chosen], 10).float()


IMAGES, CLASSES = digits(0, KEPT)


def loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the noise loss of a batch."""
    i = torch.randint(len(IMAGES), (BATCH,), generator=generator)
    named = torch.rand(BATCH, 1, generator=generator) >= WITHOUT_CLASS
    device = next(network.parameters()).device
    with torch.autocast(device.type, torch.bfloat16):
        return noise_loss(network, IMAGES[i].to(device), generator, (CLASSES[i] * named).to(device))


@torch.no_grad()
def held_out(network: nn.Module) -> dict[str, float]:
    """Return the noise loss on a hundred other digits, with and without their class."""
    images, classes = digits(KEPT, KEPT + 10)
    return {
        "with_class": noise_loss(network, images, torch.Generator().manual_seed(0), classes).item(),
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
