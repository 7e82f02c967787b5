"""Explorer of lesson 08: paint on a photograph what is hidden, and see it filled."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from functools import cache

import torch
import traitlets
from jaxtyping import Float
from torch import Tensor

from course_utils import restoration
from course_utils._validation import require_choice, require_count
from course_utils.explorers.base import Explorer, call, choice, count_slider, explorer
from course_utils.explorers.deblurring import KernelPad
from course_utils.images import load_image, png_bytes
from course_utils.metrics import psnr

CELLS, SIDE = 32, 64  # the mask is painted in cells of 2 x 2 pixels
METHODS = ("total variation", "harmonic")
EPS = 1e-2
DRAFT = 100  # iterations while a control moves

Fill = Callable[..., Tensor]


@cache
def _photograph() -> Tensor:
    return load_image("cameraman", SIDE)


class MaskPad(KernelPad):
    """A photograph on which the hidden cells are painted, as a kernel is drawn in lesson 04."""

    label = traitlets.Unicode(
        "What to hide: drag the mouse, with Shift to show again; or arrow keys, and Space to hide or show"
    ).tag(sync=True)
    title = traitlets.Unicode("what is hidden (Shift shows it again):").tag(sync=True)
    background = traitlets.Unicode().tag(sync=True)

    @traitlets.default("background")
    def _the_photograph(self) -> str:
        return "data:image/png;base64," + base64.b64encode(png_bytes(_photograph())).decode()

    @traitlets.default("value")
    def _a_square(self) -> list[list[int]]:
        return [[int(12 <= i < 18 and 13 <= j < 19) for j in range(CELLS)] for i in range(CELLS)]


def inpainting_picture(
    painted: Sequence[Sequence[int]],
    method: str,
    n: int,
    tv_inpaint: Fill = restoration.tv_inpaint,
    harmonic_inpaint: Fill = restoration.harmonic_inpaint,
) -> tuple[Float[Tensor, "H W"], dict[str, float | str]]:
    """Return the photograph with its hidden pixels white, beside its restoration, and the numbers under it.

    ``painted`` has 32 rows of 32 cells, 1 where hidden; ``method`` is one of ``METHODS``, with n iterations.
    Slide "Inpainting".
    """
    u0 = _photograph()
    hidden = torch.tensor(painted) > 0
    if hidden.shape != (CELLS, CELLS):
        raise ValueError(f"painted must have {CELLS} rows of {CELLS} cells, got shape {tuple(hidden.shape)}")
    if hidden.all():
        raise ValueError("painted hides everything: leave some pixels to begin from")
    mask = ~hidden.repeat_interleave(SIDE // CELLS, 0).repeat_interleave(SIDE // CELLS, 1)
    n, v = require_count(n, "n", 0), torch.where(mask, u0, 0)
    if require_choice(method, "method", METHODS) == "harmonic":
        u = call(harmonic_inpaint, v.shape, v, mask, n)
    else:
        u = call(tv_inpaint, v.shape, v, mask, EPS, n)
    numbers: dict[str, float | str] = {"hidden": f"{hidden.double().mean():.0%}"}
    if hidden.any():
        numbers["PSNR, hidden pixels (dB)"] = psnr(u[~mask][None], u0[~mask][None])
    return torch.cat([torch.where(mask, u0, 1.0), u], dim=1), numbers


@explorer
def explore_inpainting(
    tv_inpaint: Fill = restoration.tv_inpaint, harmonic_inpaint: Fill = restoration.harmonic_inpaint
) -> Explorer:
    """Return an explorer of inpainting: paint the mask on the photograph, by mouse or keyboard; method and iterations.

    ``tv_inpaint`` and ``harmonic_inpaint`` may be your own functions. While you paint, 100 iterations are made at most.
    """
    controls = {
        "painted": MaskPad(),
        "method": choice("method", METHODS),
        "n": count_slider("iterations", 300, 0, 1000),
    }

    def draw(painted: list[list[int]], method: str, n: int) -> tuple[Tensor, dict[str, float | str]]:
        return inpainting_picture(painted, method, n, tv_inpaint, harmonic_inpaint)

    def draft(painted: list[list[int]], method: str, n: int) -> tuple[Tensor, dict[str, float | str]]:
        return draw(painted, method, min(n, DRAFT))

    alt = "Left, the photograph with what is hidden in white; right, its restoration."
    return Explorer("inpainting", controls, draw, alt, zoom=4, draft=draft)
