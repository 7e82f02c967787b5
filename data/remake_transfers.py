"""Remake the precomputed style transfers of notebook 11: transfers/*.png, transfers/transfers.json and their entries.

    python data/remake_transfers.py                            remake all (twenty minutes)
    python data/remake_transfers.py temple_great_wave          remake these only
    python data/remake_transfers.py --missing                  make what is missing or was made with other settings

``make syntheses`` calls it too, and what `remake_syntheses.py` says of interrupts and of other machines holds here.
A record holds the two relative errors, of the content and of the style, of the image and of its file of 8 bits.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from course_utils._files import write_atomically
from course_utils.classroom.registry import make_entry, register
from course_utils.data import REGISTRY, fetch
from course_utils.features import VGGFeatures
from course_utils.images import read_picture, save_image
from course_utils.style import TRANSFER_LAYERS, load_pair, style_transfer, transfer_errors

FOLDER = Path(__file__).resolve().parent / "transfers"
RECORDS = FOLDER / "transfers.json"


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
    if len(result.losses) < 0.9 * sum(recipe.n):
        raise KeyboardInterrupt  # style_transfer returns what it has: an unfinished image is not kept
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


def read_records() -> dict[str, Any]:
    """Return the records of what was made."""
    return json.loads(RECORDS.read_text(encoding="utf-8")) if RECORDS.is_file() else {}


def write_records(records: dict[str, Any]) -> None:
    """Write the records, whole or not at all, and register them."""
    ordered = {name: records[name] for name in RECIPES if name in records}
    write_atomically(RECORDS, json.dumps(ordered, indent=1) + "\n")
    about = {"source": "data/remake_transfers.py", "licence": "CC0-1.0", "credit": "this course"}
    register([make_entry("transfer_records", "transfers/transfers.json", kind="transfer", **about)])


def is_made(name: str, records: dict[str, Any]) -> bool:
    """Tell whether an item was made with the settings that its recipe has now, and its file is intact."""
    settings = json.loads(json.dumps(asdict(RECIPES[name])))
    try:
        fetch(f"transfer_{name}")
    except (ValueError, FileNotFoundError):
        return False
    return name in records and settings.items() <= records[name].items()


def main() -> int:
    """Make what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description="Remake the precomputed transfers of notebook 11.")
    parser.add_argument("names", nargs="*", help="items to make (default: all)")
    parser.add_argument("--missing", action="store_true", help="only what is missing or was made with other settings")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(RECIPES)):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(RECIPES)}")
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    records = read_records()
    names = [name for name in RECIPES if not options.names or name in options.names]
    for name in [name for name in names if not (options.missing and is_made(name, records))]:
        try:
            records[name] = make(name, RECIPES[name])
        except KeyboardInterrupt:
            print("stopped; what is finished is kept, go on with --missing")
            return 130
        write_records(records)
        errors = {key: records[name][f"{key}_error"] for key in ("content", "style")}
        print(f"{name:26} {errors}  {records[name]['seconds']:6.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
