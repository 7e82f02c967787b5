"""Explorer of lesson 11: style transfer, run, paused and stopped as it advances."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_choice
from course_utils.data import names_of_kind
from course_utils.explorers.base import (
    Explorer,
    Numbers,
    Watch,
    choice,
    count_slider,
    descent_explorer,
    explorer,
    log_slider,
)
from course_utils.features import VGGFeatures
from course_utils.images import load_image, shrink
from course_utils.style import CONTENT_LAYER, STYLE_LAYERS, style_transfer, transfer_errors
from course_utils.textures import _enlarge

SIDE = 96  # of the longer side: an evaluation takes about a tenth of a second
WHITENED = 0.1


@cache
def _network(last: str) -> VGGFeatures:
    layers = STYLE_LAYERS[: STYLE_LAYERS.index(last) + 1]
    return VGGFeatures("vgg16", (*layers, CONTENT_LAYER))


@cache
def _small(name: str, side: int) -> Tensor:
    u = shrink(load_image(name), side).float()
    return u if u.ndim == 3 else u.expand(3, -1, -1)


def _beside(p: Tensor, a: Tensor, x: Tensor) -> Tensor:
    """Return three images side by side with white gaps, the painting at the height of the others."""
    height = p.shape[-2]
    painting = _enlarge(a, (height, max(1, round(height * a.shape[-1] / a.shape[-2])))).clamp(0, 1)
    gap = torch.ones_like(p[..., :4])
    return torch.cat([p, gap, painting, gap, x], dim=-1)


def transfer_picture(
    content: str = "temple",
    painting: str = "starry_night",
    alpha: float = 1.0,
    last: str = "relu5_1",
    n: int = 30,
    seed: int = 0,
    watch: Watch | None = None,
) -> tuple[Float[Tensor, "3 H W"], dict[str, float | str]]:
    """Return a small photograph, a painting and what n evaluations make of them, side by side, and the two errors.

    ``content`` and ``painting`` are names of the course, ``last`` the deepest of the style layers used. ``watch(x, E)``
    is called after each evaluation; it ends the descent by raising ``StopIteration``. The picture is not clipped.
    """
    p = _small(require_choice(content, "content", names_of_kind("photograph")), SIDE)
    a = _small(require_choice(painting, "painting", names_of_kind("painting")), SIDE + SIDE // 4)
    network = _network(require_choice(last, "last", STYLE_LAYERS))
    generator = torch.Generator().manual_seed(seed)
    x, losses = style_transfer(p, a, network, alpha, n, generator, whitening=WHITENED, callback=watch)
    content_error, style_error = transfer_errors(x, p, a, network)
    numbers: dict[str, float | str] = {"evaluations": str(len(losses))}
    return _beside(p, a, x), numbers | {"error of the content": content_error, "of the style": style_error}


def _choices() -> dict[str, Any]:
    """Return the controls of what is chosen before a transfer."""
    choices = {
        "content": choice("photograph", names_of_kind("photograph")),
        "painting": choice("painting", names_of_kind("painting")),
        "alpha": log_slider("α", 1.0, -2.0, 2.0, 0.1),
        "last": choice("style up to", STYLE_LAYERS),
        "n": count_slider("evaluations", 60, 10, 200),
        "seed": count_slider("seed", 0, 0, 20),
    }
    choices["content"].value, choices["painting"].value, choices["last"].value = "temple", "starry_night", "relu5_1"
    return choices


@explorer
def explore_transfer() -> Explorer:
    """Return an explorer of style transfer: choose photograph, painting, α, layers, run, watch, pause, stop.

    The transfer is a `Run`: the kernel stays free, and when it is stopped the last image stays. A change of the choices
    ends it. The controls are the arguments of `transfer_picture` by name, and "run", "pause", "stop".
    """

    def first(content: str, painting: str, alpha: float, last: str, n: int, seed: int) -> tuple[Tensor, Numbers]:
        p, a = _pair({"content": content, "painting": painting})
        numbers: dict[str, float | str] = {"photograph": content, "painting": painting, "α": alpha, "style up to": last}
        return _beside(p, a, p), numbers | {"evaluations": str(n), "seed": str(seed)}

    def descend(settings: dict[str, Any], watch: Watch) -> tuple[Tensor, Numbers]:
        p, a = _pair(settings)
        return transfer_picture(**settings, watch=lambda x, loss: watch(_beside(p, a, x), loss))

    alt = "Left, the photograph; in the middle, the painting; right, the photograph as it is being painted"
    return descent_explorer("style transfer", _choices(), first, descend, lambda settings: settings["n"], alt, 2)


def _pair(settings: dict[str, Any]) -> tuple[Tensor, Tensor]:
    return _small(settings["content"], SIDE), _small(settings["painting"], SIDE + SIDE // 4)
