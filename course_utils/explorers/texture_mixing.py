"""Explorer of lesson 12: one texture carried part of the way to another, by the optimal map of its features."""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_choice, require_number
from course_utils.explorers.base import Explorer, Numbers, choice, explorer, slider
from course_utils.features import VGGFeatures
from course_utils.images import load_image
from course_utils.style import (
    DECODED_LAYERS,
    Decoder,
    bures_wasserstein,
    feature_gaussian,
    gaussian_map,
    load_decoder,
    transport,
)

EXEMPLARS = (
    "sand_ripples",
    "flagstones_blue",
    "stones_yellow",
    "rock_layers",
    "mosaic_tiles",
    "cork",
    "morris",
    "rust",
)
SIDE, DRAFT = 128, 96  # of the exemplars, and while a control is held


@cache
def _exemplar(name: str) -> Tensor:
    return load_image(name, 2 * SIDE)[..., :SIDE, :SIDE].float()


@cache
def _encoder() -> VGGFeatures:
    return VGGFeatures("vgg16", DECODED_LAYERS)


@cache
def _decoder(layer: str) -> Decoder:
    return load_decoder(layer)


@cache
def _features(name: str, layer: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the features of an exemplar, their mean and their covariance."""
    F = _encoder()(_exemplar(name))[layer]
    return F, *feature_gaussian(F)


@cache
def _way(first: str, second: str, layer: str) -> tuple[Tensor, float]:
    """Return the features of the first texture carried to the second's Gaussian, and the distance W₂."""
    (F, m1, C1), (_, m2, C2) = _features(first, layer), _features(second, layer)
    return transport(F, *gaussian_map(m1, C1, m2, C2)), bures_wasserstein(m1, C1, m2, C2).clamp(min=0).sqrt().item()


@torch.no_grad()
def transport_picture(
    first: str, second: str, t: float, layer: str, side: int = SIDE
) -> tuple[Float[Tensor, "3 H W"], dict[str, float]]:
    """Return the first texture, the picture t of the way from it to the second, and the second, with its numbers.

    ``first`` and ``second`` are names of ``EXEMPLARS``, ``layer`` is one of `style.DECODED_LAYERS`; only the corner of
    ``side`` pixels is decoded. The features of the first texture are (1 - t) F + t T(F), T the optimal map to the
    Gaussian of the second.
    """
    first, second = (require_choice(name, "exemplar", EXEMPLARS) for name in (first, second))
    layer, t = require_choice(layer, "layer", DECODED_LAYERS), require_number(t, "t", minimum=0)
    F, _, _ = _features(first, layer)
    moved, distance = _way(first, second, layer)
    kept = F.shape[-1] * side // SIDE
    mixed = ((1 - t) * F + t * moved)[:, :kept, :kept]
    x = torch.full((3, SIDE, SIDE), 1.0)
    x[:, :side, :side] = _decoder(layer)(mixed).clamp(0, 1)
    picture = torch.cat([_exemplar(first), x, _exemplar(second)], dim=-1).double()
    return picture, {"W₂ to the first": t * distance, "to the second": (1 - t) * distance}


@explorer
def explore_texture_mixing() -> Explorer:
    """Return an explorer of the way from one texture to another through the features of a layer."""

    def draw(first: str, second: str, t: float, layer: str) -> tuple[Tensor, Numbers]:
        return transport_picture(first, second, t, layer)

    def draft(first: str, second: str, t: float, layer: str) -> tuple[Tensor, Numbers]:
        return transport_picture(first, second, t, layer, DRAFT)

    controls = {
        "first": choice("first", EXEMPLARS),
        "second": choice("second", EXEMPLARS[1:] + EXEMPLARS[:1]),
        "t": slider("t", 0.5, 0.0, 1.0, 0.05),
        "layer": choice("layer", DECODED_LAYERS),
    }
    alt = "Left the first texture, right the second, between them the first one on its way to the second"
    return Explorer("texture mixing", controls, draw, alt, zoom=2, draft=draft)
