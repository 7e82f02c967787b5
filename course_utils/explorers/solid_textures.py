"""Explorer of lesson 14: an object carved out of a solid texture, turned and cut open."""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_utils._validation import require_choice, require_number
from course_utils.explorers.base import Explorer, choice, explorer, slider
from course_utils.generators import SOLIDS, evaluate_block, load_solid, slice_solid
from course_utils.rendering import OBJECTS, cut, render

SIDE = 96  # voxels of the block, for coordinates from -1 to 1
PICTURE = 192  # pixels of the object and of its slice, a multiple of SIDE


@cache
@torch.no_grad()
def _block(solid: str) -> Tensor:
    return evaluate_block(load_solid(solid), 3 * (0,), 3 * (SIDE,), 0).clamp(0, 1)


def solid_picture(
    solid: str, shape: str, turn: float, offset: float
) -> tuple[Float[Tensor, "3 H W"], dict[str, float | str]]:
    """Return an object carved out of a solid, without its part below an offset along axis 1, beside the slice there.

    ``solid`` is one of ``SOLIDS``, ``shape`` one of ``OBJECTS``, ``turn`` in degrees, ``offset`` from -1 (whole) to 1.
    """
    block = _block(require_choice(solid, "solid", SOLIDS))
    distance = cut(OBJECTS[require_choice(shape, "shape", OBJECTS)], require_number(offset, "offset"))
    k = round((offset + 1) / 2 * (SIDE - 1))

    def paint(points: Tensor) -> Tensor:
        place = points.flip(-1)[None, None, None]
        return F.grid_sample(block[None], place, padding_mode="border", align_corners=True)[0, :, 0, 0].T

    picture = render(distance, paint, PICTURE, turn=require_number(turn, "turn"))
    enlarged = F.interpolate(slice_solid(block, 1, k)[None], scale_factor=PICTURE // SIDE)[0]
    return torch.cat([picture, enlarged], dim=-1), {"slice across axis 1": f"k = {k} of {SIDE}"}


@explorer
def explore_solid() -> Explorer:
    """Return an explorer of objects carved out of solid textures: turn them, cut them open."""
    for solid in SOLIDS:
        _block(solid)  # now, so that each choice answers at once
    controls = {
        "solid": choice("solid", sorted(SOLIDS)),
        "shape": choice("object", list(OBJECTS)[::-1]),
        "turn": slider("turn (degrees)", 30.0, 0.0, 360.0, 5.0),
        "offset": slider("cut", 0.1, -1.0, 1.0, 0.05),
    }
    alt = "An object of a solid material, cut open where the slider says, and on the right the whole slice at the cut"
    return Explorer("solid textures", controls, solid_picture, alt, zoom=2)
