"""The judge of lessons 15 to 17: a classifier of digits at 32x32, whose features the Fréchet distance compares."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.classroom.training import Recipe
from course_utils.data import load_square_digits
from course_utils.features import DigitClassifier

BATCH = 64
SHIFT = 3  # pixels, at most


IMAGES, LABELS = load_square_digits()


def loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the cross-entropy of a batch, moved by a few pixels."""
    i = torch.randint(len(IMAGES), (BATCH,), generator=generator)
    shift = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=generator).tolist()
    device = next(network.parameters()).device
    return F.cross_entropy(network(IMAGES[i].roll(shift, (-2, -1)).to(device)), LABELS[i].to(device))


@torch.no_grad()
def held_out(network: nn.Module) -> dict[str, float]:
    """Return the share of 500 other digits that is recognised."""
    images, labels = load_square_digits(450, 500)
    return {"accuracy": (network(images).argmax(1) == labels).double().mean().item()}


RECIPES = {
    "digit_classifier": Recipe(
        "the ten digits at 32x32, and 64 features", "mnist_digits, 450 of each", 1500, DigitClassifier, loss, held_out
    )
}
