"""Explorer of lesson 18: the words, the noise and the guidance of one drawing, and lines that control it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
import traitlets
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_choice, require_count, require_number
from course_utils.data import Portraits, load_portraits
from course_utils.diffusion import Denoiser, UNet, load_unet, sample
from course_utils.explorers.base import Explorer, choice, count_slider, explorer, slider
from course_utils.explorers.deblurring import KernelPad
from course_utils.text_to_image import (
    Control,
    PortraitClassifier,
    embed_caption,
    held_out_combinations,
    load_control,
    load_portrait_classifier,
    told,
    vocabulary,
)

SIDE = 32
STEPS, DRAFT = 12, 4  # of DDIM, and while a choice moves
UNSAID = "not said"

Lines = Sequence[Sequence[int]]


class LinePad(KernelPad):
    """A square in which lines are drawn, as a kernel is in lesson 04."""

    label = traitlets.Unicode(
        "Lines to draw: drag the mouse, with Shift to erase; or arrow keys, and Space to draw or erase"
    ).tag(sync=True)
    title = traitlets.Unicode("lines of yours (Shift erases):").tag(sync=True)

    @traitlets.default("value")
    def _nothing(self) -> list[list[int]]:
        return [[0] * SIDE for _ in range(SIDE)]


@cache
def _portraits() -> Portraits:
    return load_portraits()


@cache
def _choices() -> dict[str, tuple[str, ...]]:
    """Return what can be said of gender, tone and role."""
    portraits = _portraits()
    roles = sorted(role for role in portraits.roles if role)
    return {"gender": (UNSAID, *portraits.genders), "tone": (UNSAID, *portraits.tones), "role": (UNSAID, *roles)}


@cache
def _table() -> dict[str, Tensor]:
    known = vocabulary(_portraits())
    return dict(zip(known, torch.eye(len(known)), strict=True))


@cache
def _never_together() -> set[tuple[str, str]]:
    """Return the pairs of tone and role that were held out of training."""
    portraits = _portraits()
    kept = held_out_combinations(portraits).nonzero()[:, 0].tolist()
    return {(portraits.tones[portraits.tone[k]], portraits.roles[portraits.role[k]]) for k in kept}


@cache
def _networks() -> tuple[UNet, Control, PortraitClassifier]:
    base = load_unet("portrait_diffusion")
    return base, load_control(base), load_portrait_classifier()


def _denoiser(words: Tensor, scale: float, lines: Tensor) -> Denoiser:
    """Return the network told the words, with the control where anything is drawn."""
    base, control, _ = _networks()
    if not lines.any():
        return told(base, words, scale)
    return told(lambda x, t, said: base(x, t, said, control(x, t, said, lines)), words, scale)


@torch.no_grad()
def text_to_image_picture(
    gender: str = "woman",
    tone: str = "dark",
    role: str = "elf",
    scale: float = 2.0,
    seed: int = 0,
    lines: Lines | None = None,
    steps: int = STEPS,
) -> tuple[Float[Tensor, "3 H W"], dict[str, float | str]]:
    """Return the lines beside a picture drawn from words and lines, and what a classifier reads in it.

    Parameters
    ----------
    gender, tone, role : words of the captions, or "not said".
    scale : of the guidance, 1 for none.
    lines : 32 rows of 32 cells, 1 on a line; nothing drawn, or None, is no control.
    steps : of DDIM.
    """
    asked = {"gender": gender, "tone": tone, "role": role}
    said = [require_choice(word, name, _choices()[name]) for name, word in asked.items()]
    words = embed_caption([word for word in said if word != UNSAID], _table())[None]
    drawn = torch.zeros(SIDE, SIDE) if lines is None else torch.tensor(lines, dtype=torch.float32)
    if drawn.shape != (SIDE, SIDE):
        raise ValueError(f"lines must have {SIDE} rows of {SIDE} cells, got shape {tuple(drawn.shape)}")
    denoiser = _denoiser(words, require_number(scale, "scale", minimum=0.0), drawn[None, None])
    start = torch.Generator().manual_seed(require_count(seed, "seed", 0))
    x = sample(denoiser, (1, 3, SIDE, SIDE), require_count(steps, "steps"), start, clip=1.0).clamp(-1, 1)
    portraits = _portraits()
    roles, tones = (torch.softmax(logits[0], dim=0).max(dim=0) for logits in _networks()[2](x))
    read = portraits.tones[tones.indices], portraits.roles[roles.indices] or "no role"
    numbers: dict[str, float | str] = {
        "read as": f"{read[0]} ({tones.values:.0%}), {read[1]} ({roles.values:.0%})",
        "tone and role": "never seen together"
        if (tone, role) in _never_together()
        else "seen together, or not both said",
    }
    return torch.cat([drawn.expand(3, -1, -1), torch.ones(3, SIDE, 2), (x[0] + 1) / 2], dim=2), numbers


@explorer
def explore_text_to_image() -> Explorer:
    """Return an explorer of text to image: words, guidance, seed, and lines that are drawn."""

    def draft(
        gender: str, tone: str, role: str, scale: float, seed: int, lines: Lines
    ) -> tuple[Tensor, dict[str, float | str]]:
        picture, numbers = text_to_image_picture(gender, tone, role, scale, seed, lines, DRAFT)
        return picture, numbers | {"steps": f"{DRAFT}, while you move"}

    controls = {
        **{name: choice(name, words) for name, words in _choices().items()},
        "scale": slider("guidance w", 2.0, 0.0, 6.0, 0.5),
        "seed": count_slider("seed", 0, 0, 30),
        "lines": LinePad(),
    }
    for name, word in (("gender", "woman"), ("tone", "dark"), ("role", "elf")):
        controls[name].value = word
    alt = "Left, the lines that were drawn; right, the portrait that the network draws from words and lines."
    return Explorer("text to image", controls, text_to_image_picture, alt, zoom=8, draft=draft)
