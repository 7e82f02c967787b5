"""Explorer of lesson 15: a map of the plane through three latent codes, and what a generator draws at a point of it."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor

from course_utils._validation import require_choice, require_count, require_number
from course_utils.adversarial import (
    EPOCHS,
    LATENT,
    DigitGenerator,
    StyleGenerator,
    load_digit_generator,
    load_style_generator,
)
from course_utils.explorers.base import Explorer, Numbers, choice, count_slider, explorer, slider
from course_utils.explorers.gradient_descent import PicturePointer
from course_utils.features import DigitClassifier, load_digit_classifier

TRAINED = {f"GAN, {n} epoch{'s' * (n > 1)}": n for n in reversed(EPOCHS)}
STYLES = {
    "styles": (),
    "styles, A's at 4 × 4 and 8 × 8": (0, 1),
    "styles, A's at 16 × 16 and 32 × 32": (2, 3),
}  # the scales that have the styles of A
NETWORKS = (*TRAINED, *STYLES)
LENGTHS = ("as in the plane", "brought to √32")

LOW, HIGH, NODES = -0.25, 1.25, 7  # the map shows these coordinates, a picture for each quarter
CELL, LARGE = 64, 320  # screen pixels of a picture of the map, and of the one at the point
SIDE = NODES * CELL
SCALE = (NODES - 1) * CELL / (HIGH - LOW)  # screen pixels of the map for a coordinate of 1
CODES = {"A": (0, 0), "B": (1, 0), "C": (0, 1)}  # coordinates (s, t) of the three codes
FRAME, POINT = (213, 94, 0), (0, 114, 178)


@cache
def _classifier() -> DigitClassifier:
    return load_digit_classifier()


@cache
def _generator(network: str) -> DigitGenerator | StyleGenerator:
    return load_digit_generator(TRAINED[network]) if network in TRAINED else load_style_generator()


@lru_cache(maxsize=64)
def _codes(seed: int) -> Tensor:
    return torch.randn(3, LATENT, generator=torch.Generator().manual_seed(seed))


def plane(
    codes: Float[Tensor, "3 d"], s: Float[Tensor, " n"], t: Float[Tensor, " n"], length: str
) -> Float[Tensor, "n d"]:
    """Return z_A + s (z_B - z_A) + t (z_C - z_A) at n points, perhaps brought to the length √d of Gaussian vectors."""
    a, b, c = codes
    z = a + s[:, None] * (b - a) + t[:, None] * (c - a)
    return z if length == LENGTHS[0] else z * (LATENT**0.5 / z.norm(dim=1, keepdim=True))


def _draw(network: str, z: Tensor, first: Tensor) -> Tensor:
    """Return the images of codes, perhaps with the styles of ``first``, the code A, at some scales."""
    generator = _generator(network)
    if isinstance(generator, DigitGenerator):
        return generator(z)
    w, of_first = generator.mapping(z), generator.mapping(first.expand_as(z))
    return generator.synthesis([of_first if k in STYLES[network] else w for k in range(len(generator.scales))])


@lru_cache(maxsize=16)
@torch.no_grad()
def _map(network: str, length: str, seed: int) -> Image.Image:
    """Return the map: what the generator draws at the nodes, t upwards, and the places of the three codes."""
    axis, codes = torch.linspace(LOW, HIGH, NODES), _codes(seed)
    t, s = torch.meshgrid(axis.flip(0), axis, indexing="ij")
    x = _draw(network, plane(codes, s.flatten(), t.flatten(), length), codes[0])
    rows = x.reshape(NODES, NODES, *x.shape[-2:]).permute(0, 2, 1, 3).reshape(NODES * x.shape[-2], -1)
    picture = _image(rows, SIDE)
    draw = ImageDraw.Draw(picture)
    for name, place in CODES.items():
        x0, y0 = (round(p - CELL / 2) for p in _pixel(*place))
        draw.rectangle((x0, y0, x0 + CELL - 1, y0 + CELL - 1), outline=FRAME, width=3)
        draw.rectangle((x0, y0, x0 + 19, y0 + 21), fill=FRAME)
        draw.text((x0 + 10, y0 + 11), name, fill="white", font_size=18, anchor="mm")
    return picture


def _image(x: Tensor, side: int) -> Image.Image:
    """Return values in [-1, 1] as a square picture in colours, of ``side`` pixels."""
    pixels = ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST).convert("RGB")


def _pixel(s: float, t: float) -> tuple[float, float]:
    """Return where a point is on the map, to the right and downwards."""
    return (s - LOW) * SCALE + CELL / 2, (HIGH - t) * SCALE + CELL / 2


@torch.no_grad()
def gan_picture(
    network: str = NETWORKS[0], length: str = LENGTHS[0], s: float = 0.5, t: float = 0.5, seed: int = 0
) -> tuple[Float[Tensor, "3 H W"], dict[str, float | str]]:
    """Return a map of the plane through three latent codes A, B, C, and beside it the image at the point (s, t).

    The numbers are the length of its code beside √32, which Gaussian codes have nearly all, and the digit that a
    classifier sees, with the probability that it gives it.

    Parameters
    ----------
    network : one of ``NETWORKS``; the last two have the styles of A at some scales, of the point at the others.
    length : one of ``LENGTHS``.
    s, t : the code is z_A + s (z_B - z_A) + t (z_C - z_A): A is (0, 0), B is (1, 0), C is (0, 1).
    """
    require_choice(network, "network", NETWORKS)
    require_choice(length, "length", LENGTHS)
    s, t = require_number(s, "s"), require_number(t, "t")
    codes = _codes(require_count(seed, "seed", 0))
    z = plane(codes, torch.tensor([s]), torch.tensor([t]), length)
    x = _draw(network, z, codes[0])
    probability, digit = _classifier()(x).softmax(dim=1)[0].max(dim=0)
    picture = Image.new("RGB", (SIDE + 16 + LARGE, SIDE), "white")
    picture.paste(_map(network, length, seed))
    _mark(picture, *_pixel(s, t))
    picture.paste(_image(x[0, 0], LARGE), (SIDE + 16, (SIDE - LARGE) // 2))
    numbers: dict[str, float | str] = {
        "‖z‖ / √32": z.norm().item() / LATENT**0.5,
        "a classifier sees": f"{digit.item()} ({probability.item():.0%})",
    }
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1) / 255, numbers


def _mark(picture: Image.Image, x: float, y: float) -> None:
    """Draw the point as a ring, seen on black and on white."""
    draw = ImageDraw.Draw(picture)
    for radius, width, colour in ((11, 7, (255, 255, 255)), (9, 3, POINT)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=width)


@explorer
def explore_gan() -> Explorer:
    """Return an explorer of a latent plane: drag the point on the map, or move its sliders; network, length, seed."""
    controls = {
        "network": choice("network", NETWORKS),
        "length": choice("length of z", LENGTHS),
        "s": slider("s, towards B", 0.5, LOW, HIGH, 0.01),
        "t": slider("t, towards C", 0.5, LOW, HIGH, 0.01),
        "seed": count_slider("seed", 0, 0, 20),
    }
    pointer = PicturePointer()

    def drag(change: dict[str, list[float]]) -> None:
        x, y = change["new"]
        right, down = x * (SIDE + 16 + LARGE), y * SIDE
        if right < SIDE:
            controls["s"].value = LOW + (right - CELL / 2) / SCALE
            controls["t"].value = HIGH - (down - CELL / 2) / SCALE

    pointer.observe(drag, names="value")

    def draw(network: str, length: str, s: float, t: float, seed: int) -> tuple[Tensor, Numbers]:
        return gan_picture(network, length, s, t, seed)

    alt = (
        "Left, a map of the plane through three latent codes A, B, C, in orange frames; right, what the generator "
        "draws at the point, a blue ring. Drag the point on the map."
    )
    return Explorer("a latent plane", controls, draw, alt, extra=[pointer])
