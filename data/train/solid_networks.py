"""Generators of solid textures (lesson 14): trained by slices one voxel thick, Gutierrez et al. (2020)."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from course_utils.classroom.training import Recipe, mean_gram_matrices
from course_utils.features import VGGFeatures
from course_utils.generators import SOLIDS, SolidGenerator, evaluate_block, slice_solid, solid_loss
from course_utils.images import load_image

SIDE = 96  # of a slice, in voxels, and of the parts of the exemplar that it is compared with
SIZE = 256  # to which the exemplar is reduced
HELD_OUT = 10**9  # a seed that no training draws
DIRECTIONS = {"ballast": (0, 1, 2), "cork": (0, 1, 2), "rock_layers": (1, 2)}  # axes across which there is an exemplar


@cache
def network() -> VGGFeatures:
    """Return the network whose Gram matrices are compared."""
    return VGGFeatures("vgg16")


@cache
def gram_targets(name: str) -> dict[str, Tensor]:
    """Return the Gram matrices of squares of an exemplar as large as a slice."""
    return mean_gram_matrices(load_image(name, SIZE).float(), network(), SIDE)


def slice_loss(name: str, generator: nn.Module, axis: int, origin: list[int], seed: int) -> Tensor:
    """Return E of one slice of the solid across an axis."""
    assert isinstance(generator, SolidGenerator)
    shape = [1 if a == axis else SIDE for a in range(3)]
    image = slice_solid(evaluate_block(generator, origin, shape, seed), axis, 0)
    return solid_loss([network()(image)], [gram_targets(name)])


def recipe(name: str) -> Recipe:
    """Return the recipe of the solid of one texture."""
    directions = DIRECTIONS[name]

    def loss(generator: nn.Module, draws: torch.Generator) -> Tensor:
        axis = directions[int(torch.randint(len(directions), (), generator=draws))]
        origin = torch.randint(16, (3,), generator=draws).tolist()
        return slice_loss(name, generator, axis, origin, int(torch.randint(HELD_OUT, (), generator=draws)))

    @torch.no_grad()
    def held_out(generator: nn.Module) -> dict[str, float]:
        return {
            f"slice across axis {axis}": slice_loss(name, generator, axis, [5, 6, 7], HELD_OUT).item()
            for axis in range(3)
        }

    return Recipe(
        summary=f"solid texture of {name}, from slices across the axes {', '.join(map(str, directions))}",
        data=f"{name}, reduced to {SIZE} x {SIZE}",
        steps=1000,
        network=lambda: SolidGenerator(SOLIDS[name], load_image(name, SIZE).float().mean(dim=(1, 2))),
        loss=loss,
        held_out=held_out,
        rate=5e-3,
    )


RECIPES = {f"solid_{name}": recipe(name) for name in DIRECTIONS}
