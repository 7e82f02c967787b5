"""Explorer of lesson 02: the way from one Gaussian texture to another, by their texton."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils import gaussian_textures
from course_utils._validation import require_choice, require_count, require_number
from course_utils.explorers.base import Explorer, Numbers, call, choice, count_slider, explorer, slider
from course_utils.gaussian_textures import convolve, enlarge_texton, white_noise
from course_utils.images import load_image

EXEMPLARS = ("sand_ripples", "rust", "rock_layers", "ballast", "cork", "grass", "paving", "stones_yellow")
SIDE = 128  # of the exemplars
SIZES = ("128", "192", "256")
Mix = Callable[[Tensor, Tensor, float], Tensor]


@cache
def _exemplar(name: str) -> Tensor:
    u = load_image(name, 2 * SIDE)[..., :SIDE, :SIDE]
    return u if u.ndim == 3 else u.expand(3, -1, -1).clone()


def mixing_picture(
    first: str,
    second: str,
    rho: float,
    size: str = "256",
    seed: int = 0,
    mix: Mix = gaussian_textures.mix_gaussian_textures,
) -> tuple[Float[Tensor, "3 H W"], dict[str, float]]:
    """Return the two exemplars, the texton of their mixture and a sample of it, side by side, and its numbers.

    ``first`` and ``second`` are names of ``EXEMPLARS``, ``size`` is one of ``SIZES``, the side of the sample;
    ``mix(u1, u2, rho)`` returns the texton: your own solution, if you like (not at ρ = 0, where
    it is the first texture's). The texton is drawn around mid-gray.
    """
    u1, u2 = (_exemplar(require_choice(name, "exemplar", EXEMPLARS)) for name in (first, second))
    side, rho = int(require_choice(size, "size", SIZES)), require_number(rho, "rho", minimum=0)
    t = call(mix, u1.shape, u1, u2, rho).to(u1) if rho > 0 else gaussian_textures.texton(u1)
    m = (1 - rho) * u1.mean(dim=(-2, -1), keepdim=True) + rho * u2.mean(dim=(-2, -1), keepdim=True)
    z = white_noise((side, side), torch.Generator().manual_seed(require_count(seed, "seed", 0))).to(t)
    x = m + convolve(enlarge_texton(t, (side, side)), z)
    shown = 0.5 + t * math.sqrt(SIDE * SIDE)
    tall = torch.cat([torch.cat([u1, u2], dim=-2), torch.cat([shown, torch.ones_like(u1)], dim=-2)], dim=-1)
    sample = torch.ones(3, 2 * SIDE, side, dtype=u1.dtype)
    sample[:, :side] = x
    numbers = {
        "standard deviation of the sample": x.std().item(),
        "of the model": t.square().sum().div(3).sqrt().item(),
    }
    return torch.cat([tall, sample], dim=-1), numbers


@explorer
def explore_gaussian_textures(mix: Mix = gaussian_textures.mix_gaussian_textures) -> Explorer:
    """Return an explorer of the mixtures of two Gaussian textures: exemplars, texton, sample.

    ``mix`` computes the texton of the barycentre, ``mix(u1, u2, rho)``: your own solution, if you like.
    """

    def draw(first: str, second: str, rho: float, size: str, seed: int) -> tuple[Tensor, Numbers]:
        return mixing_picture(first, second, rho, size, seed, mix)

    controls = {
        "first": choice("first", EXEMPLARS),
        "second": choice("second", EXEMPLARS[1:] + EXEMPLARS[:1]),
        "rho": slider("ρ", 0.5, 0.0, 1.0, 0.05),
        "size": choice("size", SIZES[::-1]),
        "seed": count_slider("seed", 0, 0, 20),
    }
    alt = "Left the two exemplars, then the texton of their mixture, right a sample of it"
    return Explorer("Gaussian textures", controls, draw, alt)
