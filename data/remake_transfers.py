"""Remake the precomputed style transfers of notebook 11: transfers/*.png, transfers/transfers.json and their entries.

    python data/remake_transfers.py                            remake all (twenty minutes)
    python data/remake_transfers.py temple_great_wave          remake these only
    python data/remake_transfers.py --missing                  make what is missing or was made with other settings

``make syntheses`` calls it too, and what `remake_syntheses.py` says of interrupts and of other machines holds here.
A record holds the two relative errors, of the content and of the style, of the image and of its file of 8 bits.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from course_utils.classroom.precomputed import Precomputed, require_whole
from course_utils.classroom.registry import make_entry, register
from course_utils.data import REGISTRY
from course_utils.features import VGGFeatures
from course_utils.images import read_picture, save_image
from course_utils.style import TRANSFER_LAYERS, load_pair, style_transfer, transfer_errors

FOLDER = Path(__file__).resolve().parent / "transfers"


@dataclass(frozen=True)
class Recipe:
    """One transfer: the middle ``crop`` of a photograph, and a painting, both reduced to a longer side in pixels."""

    content: str
    style: str
    crop: tuple[int, int]
    side: int = 384
    style_side: int = 480
    alpha: float = 1.0
    seed: int = 0
    layers: tuple[str, ...] = TRANSFER_LAYERS
    scales: tuple[float, ...] = (0.5, 1.0)
    n: tuple[int, ...] = (60, 25)
    whitening: float = 0.1


CROPS = {"temple": (400, 600), "astronaut": (480, 400)}
PAINTINGS = ("starry_night", "great_wave", "composition_viii")
RECIPES = {f"{p}_{a}": Recipe(p, a, crop) for p, crop in CROPS.items() for a in PAINTINGS}


def make(name: str, recipe: Recipe) -> dict[str, Any]:
    """Make one item, write its picture, register it, and return its record."""
    (p, a), network = load_pair(asdict(recipe)), VGGFeatures("vgg16", recipe.layers)
    generator, start = torch.Generator().manual_seed(recipe.seed), time.perf_counter()
    result = style_transfer(
        p,
        a,
        network,
        recipe.alpha,
        recipe.n,
        generator,
        scales=recipe.scales,
        whitening=recipe.whitening,
        progress=True,
    )
    seconds = time.perf_counter() - start
    require_whole()
    path = FOLDER / f"{name}.png"
    save_image(result.image.clamp(0, 1), path)
    errors = [
        *transfer_errors(result.image, p, a, network),
        *transfer_errors(read_picture(path).float(), p, a, network),
    ]
    keys = ("content_error", "style_error", "content_error_of_file", "style_error_of_file")
    out = float(((result.image < 0) | (result.image > 1)).double().mean())
    return (
        asdict(recipe)
        | {key: float(f"{value:.6g}") for key, value in zip(keys, errors, strict=True)}
        | {"outside_unit_interval": float(f"{out:.3g}"), "seconds": round(seconds, 1), "torch": torch.__version__}
        | {"sha256": register_picture(name, recipe)}
    )


def register_picture(name: str, recipe: Recipe) -> str:
    """Register a picture with the credits of the two it was made from; return its SHA-256."""
    origins = [REGISTRY[recipe.content], REGISTRY[recipe.style]]
    entry = make_entry(
        f"transfer_{name}",
        f"transfers/{name}.png",
        kind="transfer",
        source=f"data/remake_transfers.py, from {recipe.content} and {recipe.style}",
        licence="; ".join(dict.fromkeys(origin.licence for origin in origins)),
        credit=f"this course, after {origins[0].credit}, and {origins[1].credit}",
    )
    register([entry])
    return entry.sha256


PRECOMPUTED = Precomputed(
    "transfer",
    "transfers",
    "data/remake_transfers.py",
    RECIPES,
    make,
    lambda name, record: (
        f"{name:26} content {record['content_error']:g}  style {record['style_error']:g}  {record['seconds']:6.1f} s"
    ),
)

if __name__ == "__main__":
    sys.exit(PRECOMPUTED.remake("Remake the precomputed transfers of notebook 11."))
