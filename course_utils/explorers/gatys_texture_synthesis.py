"""Explorer of lesson 10: Gatys' texture synthesis, run, paused and stopped as it advances."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_choice, require_count
from course_utils.data import names_of_kind
from course_utils.explorers.base import Explorer, Numbers, Watch, choice, count_slider, descent_explorer, explorer
from course_utils.features import TEXTURE_LAYERS, VGGFeatures
from course_utils.images import center_crop, load_image
from course_utils.textures import Statistic, gram_matrix, synthesize_texture

GATYS_SIZE = 64  # side of the images: an evaluation takes less than a tenth of a second


@lru_cache(maxsize=len(TEXTURE_LAYERS))
def _texture_network(last: str) -> VGGFeatures:
    return VGGFeatures("vgg16", TEXTURE_LAYERS[: TEXTURE_LAYERS.index(last) + 1])


@cache
def _small_exemplar(texture: str) -> Tensor:
    return center_crop(load_image(texture, 4 * GATYS_SIZE), GATYS_SIZE).float()


def _beside(u: Tensor, x: Tensor) -> Tensor:
    """Return two images side by side, with a white gap."""
    return torch.cat([u, torch.ones_like(u[..., :4]), x], dim=-1)


def gatys_picture(
    texture: str = "gravel",
    last: str = "pool4",
    seed: int = 0,
    n_iterations: int = 40,
    watch: Watch | None = None,
    statistic: Statistic = gram_matrix,
) -> tuple[Float[Tensor, "*channels H W"], dict[str, float | str]]:
    """Return a texture of 64 x 64 pixels beside the one that Gatys' algorithm makes of it, and the loss.

    Parameters
    ----------
    texture : str
        Name of a texture of the course.
    last : str
        The deepest layer used: conv1_1, pool1, pool2, pool3 or pool4; those before it are used too.
    seed : int
        Seed of the noise.
    n_iterations : int
        Evaluations of E and its gradient.
    watch : callable
        Called as ``watch(x, E(x))`` after each of them; it ends the synthesis by raising ``StopIteration``.
    statistic : callable
        From features ``(n, h, w)`` to what is matched: your own Gram matrix, if you like.

    Returns
    -------
    (Tensor, dict)
        The picture, not clipped; how many evaluations there were, and E at the end.

    Raises
    ------
    ValueError
        If ``texture`` or ``last`` is unknown, or ``n_iterations`` is below 1.
    """
    u = _small_exemplar(require_choice(texture, "texture", names_of_kind("texture")))
    network = _texture_network(require_choice(last, "last", TEXTURE_LAYERS))
    generator = torch.Generator().manual_seed(seed)
    x, losses = synthesize_texture(
        u, network, None, generator, n_iterations, statistic=statistic, callback=watch, progress=False
    )
    return _beside(u, x), {"evaluations": str(len(losses)), "E": f"{min(losses):.1e}"}


def _choices() -> dict[str, Any]:
    """Return the controls of what is chosen before a synthesis."""
    choices = {
        "texture": choice("texture", names_of_kind("texture")),
        "last": choice("layers up to", TEXTURE_LAYERS),
        "seed": count_slider("seed", 0, 0, 20),
    }
    choices["texture"].value, choices["last"].value = "gravel", "pool4"
    return choices


@explorer
def explore_gatys(n_iterations: int = 100, statistic: Statistic = gram_matrix) -> Explorer:
    """Return an explorer of Gatys' algorithm: choose texture, layers and seed, run, watch, pause, stop.

    The synthesis is a `Run`: the kernel stays free, and when it is stopped the best image so far stays. A change of the
    choices ends it.

    Parameters
    ----------
    n_iterations : int
        Evaluations of E and its gradient.
    statistic : callable
        From features ``(n, h, w)`` to what is matched: your own Gram matrix, if you like.

    Returns
    -------
    Explorer
        Controls "texture", "last" and "seed", as the arguments of `gatys_picture`; "run", "pause" and "stop"; its `Run`
        is the attribute ``run``.
    """
    n_iterations = require_count(n_iterations, "n_iterations")

    def first(texture: str, last: str, seed: int) -> tuple[Tensor, Numbers]:
        u = _small_exemplar(texture)
        return _beside(u, torch.full_like(u, 0.5)), {"exemplar": texture, "layers up to": last, "seed": str(seed)}

    def descend(settings: dict[str, Any], watch: Watch) -> tuple[Tensor, Numbers]:
        u = _small_exemplar(settings["texture"])
        return gatys_picture(
            **settings,
            n_iterations=n_iterations,
            watch=lambda x, loss: watch(_beside(u, x), loss),
            statistic=statistic,
        )

    alt = "Left, the exemplar; right, the texture that is being synthesized"
    return descent_explorer("Gatys' algorithm", _choices(), first, descend, lambda settings: n_iterations, alt, 4)
