"""Explorer of lesson 13: a shipped texture network, of any size, and the noise of one of its scales that moves."""

from __future__ import annotations

import math
from functools import cache, lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_choice, require_count, require_number
from course_utils.explorers.base import Explorer, choice, count_slider, explorer, slider
from course_utils.generators import TextureNetwork, load_texture_network, multiscale_noise

NETWORKS = ("flowers", "ballast", "sand_ripples")
SIZES = {"128 x 128": (128, 128), "192 x 192": (192, 192), "128 x 256": (128, 256), "256 x 256": (256, 256)}
SCALES = 5


@cache
def _network(texture: str) -> TextureNetwork:
    return load_texture_network(texture)


@lru_cache(maxsize=4)
@torch.no_grad()
def _first(texture: str, size: str, seed: int) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Return two noises of a seed, and the image of the first."""
    source = torch.Generator().manual_seed(seed)
    here, there = (multiscale_noise(1, SIZES[size], SCALES, source) for _ in range(2))
    return here, there, _network(texture)(here)[0]


def turn_noise(here: Tensor, there: Tensor, degrees: float) -> Tensor:
    """Return uniform noise on the way from one uniform noise (0 degrees) to another (90 degrees), and back at 360.

    Φ(cos θ Φ⁻¹(z) + sin θ Φ⁻¹(z')), Φ the distribution function of N(0, 1): uniform at each angle, as a mean of z
    and z' is not.
    """
    if degrees == 0:
        return here
    theta = math.radians(degrees)
    a, b = (torch.special.ndtri(z.clamp(1e-6, 1 - 1e-6)) for z in (here, there))
    return torch.special.ndtr(math.cos(theta) * a + math.sin(theta) * b)


@torch.no_grad()
def texture_network_picture(
    texture: str = "flowers", size: str = "192 x 192", scale: int = 1, degrees: float = 90.0, seed: int = 0
) -> tuple[Float[Tensor, "3 H W"], dict[str, float | str]]:
    """Return an image, beside it the one whose noise is turned at one scale, and how much that changed.

    The change is the distance of the two, 100 % for two images that have nothing in common.

    Parameters
    ----------
    texture, size : one of ``NETWORKS``, one of ``SIZES``.
    scale : l from 1, the coarsest, to 5: the noise that turns; the others stay.
    degrees : from 0, the same noise, to 90, another one, and further.
    """
    require_choice(texture, "texture", NETWORKS)
    require_choice(size, "size", SIZES)
    if require_count(scale, "scale") > SCALES:
        raise ValueError(f"scale must be at most {SCALES}, got {scale}")
    degrees, seed = require_number(degrees, "degrees"), require_count(seed, "seed", 0)
    here, there, first = _first(texture, size, seed)
    noise = list(here)
    noise[scale - 1] = turn_noise(here[scale - 1], there[scale - 1], degrees)
    moved = _network(texture)(noise)[0]
    error = (moved - first).square().mean() / (2 * first.var(dim=(-2, -1)).mean())
    numbers = {
        "noise": f"{noise[scale - 1].shape[-2]} x {noise[scale - 1].shape[-1]}",
        "change (%)": 100 * error.sqrt().item(),
    }
    return torch.cat([first, torch.ones_like(first[..., :4]), moved], dim=-1), numbers


@explorer
def explore_texture_network() -> Explorer:
    """Return an explorer of the texture networks: texture, size, the scale whose noise turns, how far, and the seed."""
    controls = {
        "texture": choice("texture", NETWORKS),
        "size": choice("size", list(SIZES)),
        "scale": count_slider("scale that moves", 1, 1, SCALES),
        "degrees": slider("turned by (°)", 90.0, 0.0, 360.0, 5.0),
        "seed": count_slider("seed", 0, 0, 20),
    }
    controls["size"].value = "192 x 192"
    alt = "Left, an image drawn by the network; right, the same with the noise of one scale moved."
    return Explorer("texture networks", controls, texture_network_picture, alt, zoom=2)
