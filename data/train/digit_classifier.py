"""The judge of lessons 15 to 17: a classifier of digits at 32x32, whose features the Fréchet distance compares."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.classroom.training import Recipe
from course_utils.data import load_digits
from course_utils.features import DigitClassifier

KEPT = 450  # of the 500 images of each digit, as for the generators; the others judge the judge
BATCH = 64
SHIFT = 3  # pixels, at most


def digits(first: int, last: int) -> tuple[Tensor, Tensor]:
    """Return images ``first`` to ``last`` of each digit, (n, 1, 32, 32) in [-1, 1], and their labels."""
    images, labels = load_digits()
    chosen = torch.cat([(labels == digit).nonzero()[first:last, 0] for digit in range(10)])
    return F.pad(2 * images[chosen, None].float() - 1, (2, 2, 2, 2), value=-1.0), labels[chosen]


IMAGES, LABELS = digits(0, KEPT)


def loss(network: nn.Module, generator: torch.Generator) -> Tensor:
    """Return the cross-entropy of a batch, moved by a few pixels."""
    i = torch.randint(len(IMAGES), (BATCH,), generator=generator)
    shift = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=generator).tolist()
    device = next(network.parameters()).device
    return F.cross_entropy(network(IMAGES[i].roll(shift, (-2, -1)).to(device)), LABELS[i].to(device))


@torch.no_grad()
def held_out(network: nn.Module) -> dict[str, float]:
    """Return the share of 500 other digits that is recognised."""
    images, labels = digits(KEPT, 500)
    return {"accuracy": (network(images).argmax(1) == labels).double().mean().item()}


RECIPES = {
    "digit_classifier": Recipe(
        "the ten digits at 32x32, and 64 features", "mnist_digits, 450 of each", 1500, DigitClassifier, loss, held_out
    )
}
