"""Explorer of lesson 16: the reverse process that draws one digit, at each of its times."""

from __future__ import annotations

from functools import cache, lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_utils._validation import require_choice, require_count, require_number
from course_utils.diffusion import FIRST, UNet, alpha_bar, denoised, guided, load_unet, sample
from course_utils.explorers.base import Explorer, choice, count_slider, explorer, slider
from course_utils.features import DigitClassifier, load_digit_classifier

DIGITS = (*map(str, range(10)), "any digit")
STEPS, DRAFT = 25, 8  # of DDIM, and while a choice moves


@cache
def _network() -> UNet:
    return load_unet("digit_diffusion")


@cache
def _classifier() -> DigitClassifier:
    return load_digit_classifier()


@lru_cache(maxsize=64)
@torch.no_grad()
def _path(seed: int, digit: str, scale: float, steps: int) -> tuple[Tensor, Tensor]:
    """Return x_t and x̂_0 at the times of the reverse process, ``(steps + 1, 1, 32, 32)`` each, the noise first."""
    words = F.one_hot(torch.tensor([DIGITS.index(digit), 10]), 11)[:, :10].float()  # the digit, and no description
    images, estimates = [], []

    def denoiser(x: Tensor, t: float | Tensor) -> Tensor:
        images.append(x)
        conditional, free = _network()(x.expand(2, -1, -1, -1), t, words).chunk(2)
        return guided(conditional, free, scale)

    def keep(_: int, x: Tensor, x0: Tensor) -> None:
        estimates.append(x0)

    start = torch.Generator().manual_seed(seed)
    x = sample(denoiser, (1, 1, 32, 32), steps, start, clip=1.0, callback=keep)
    estimates.append(denoised(x, FIRST, denoiser(x, FIRST)).clamp(-1, 1))
    return torch.cat(images), torch.cat(estimates)


@torch.no_grad()
def diffusion_picture(
    time: float = 0.6, seed: int = 2, digit: str = "3", scale: float = 1.0, steps: int = STEPS
) -> tuple[Float[Tensor, "H W"], dict[str, float | str]]:
    """Return x_t of one digit's reverse process beside its estimate x̂_0, and what a classifier reads in the estimate.

    Parameters
    ----------
    time : t from 1, noise, to 0; the nearest time of the process is shown.
    digit : one of ``DIGITS``: the class, or "any digit", which the scale does not change.
    scale : of the guidance, 1 for none.
    steps : of DDIM, each x̂_0 clipped to [-1, 1].
    """
    require_choice(digit, "digit", DIGITS)
    if not 0 <= require_number(time, "time") <= 1:
        raise ValueError(f"time must be between 0 and 1, got {time}")
    seed, steps = require_count(seed, "seed", 0), require_count(steps, "steps")
    images, estimates = _path(seed, digit, require_number(scale, "scale"), steps)
    k = round((1 - time) * steps)
    x, x0 = images[k, 0], estimates[k, 0]
    probability, read = torch.softmax(_classifier()(x0[None, None])[0], dim=0).max(dim=0)
    a = alpha_bar(1 - k / steps)
    numbers: dict[str, float | str] = {
        "step": f"{k} of {steps}",
        "x_t": f"{a.sqrt():.2f} x_0 + {(1 - a).sqrt():.2f} ε",
        "estimate read as": f"{read} ({100 * probability:.0f} %)",
    }
    return torch.cat([(x + 1) / 2, torch.ones(32, 4), (x0 + 1) / 2], dim=1).clamp(0, 1), numbers


@explorer
def explore_diffusion() -> Explorer:
    """Return an explorer of the reverse process: time, seed, class and guidance."""
    drawn: set[tuple[int, str, float]] = set()  # whose path was computed in full

    def draw(time: float, seed: int, digit: str, scale: float) -> tuple[Tensor, dict[str, float | str]]:
        drawn.clear()
        drawn.add((seed, digit, scale))
        return diffusion_picture(time, seed, digit, scale)

    def draft(time: float, seed: int, digit: str, scale: float) -> tuple[Tensor, dict[str, float | str]]:
        if (seed, digit, scale) in drawn:
            return diffusion_picture(time, seed, digit, scale)
        picture, numbers = diffusion_picture(time, seed, digit, scale, DRAFT)
        return picture, numbers | {"step": f"{numbers['step']}, while you move"}

    controls = {
        "time": slider("time t", 0.6, 0.0, 1.0, 0.04),
        "seed": count_slider("seed", 2, 0, 30),
        "digit": choice("class", DIGITS),
        "scale": slider("guidance w", 1.0, 0.0, 6.0, 0.5),
    }
    controls["digit"].value = "3"
    alt = "Left, the image x_t of the reverse process at the chosen time; right, the digit that the network expects."
    return Explorer("the reverse process", controls, draw, alt, zoom=6, draft=draft)
