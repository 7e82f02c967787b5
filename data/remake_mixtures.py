"""Remake the precomputed mixtures of notebook 12: mixtures/*.png, mixtures/mixtures.json and their entries.

    python data/remake_mixtures.py                    remake all (three minutes)
    python data/remake_mixtures.py wasserstein_50     remake these only
    python data/remake_mixtures.py --missing          make what is missing or was made with other settings

``make syntheses`` calls it after remake_syntheses.py, and the same holds: one torch thread, each item whole or not at
all, pictures of 8 bits. Each record has both losses of its picture, so that the notebook verifies it by one evaluation.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from course_utils._files import write_atomically
from course_utils.classroom.registry import make_entry, register
from course_utils.data import REGISTRY, data_folder
from course_utils.features import TEXTURE_LAYERS, VGGFeatures
from course_utils.images import load_image, read_picture, save_image
from course_utils.style import gram_mixture, mixture_records, synthesize_mixture, wasserstein_mixture

FOLDER = data_folder() / "mixtures"
RECORDS = FOLDER / "mixtures.json"
MIXTURES = {"wasserstein": wasserstein_mixture, "gram": gram_mixture}


@dataclass(frozen=True)
class Recipe:
    """One mixture of two textures."""

    mixture: str
    t: float
    first: str = "sand_ripples"
    second: str = "flagstones_blue"
    side: int = 128
    seed: int = 0
    factors: tuple[int, ...] = (2, 1)
    n_iterations: tuple[int, ...] = (30, 30)

    def load_exemplars(self) -> list[Tensor]:
        """Return both textures, in float32."""
        return [load_image(name, 256)[..., : self.side, : self.side].float() for name in (self.first, self.second)]


RECIPES = {f"{name}_{round(100 * t)}": Recipe(name, t) for name in MIXTURES for t in (0.0, 0.25, 0.5, 0.75, 1.0)}


@torch.no_grad()
def losses(x: Tensor, recipe: Recipe, network: VGGFeatures) -> dict[str, float]:
    """Return the loss of an image to each of the two mixtures of features."""
    v1, v2 = (network(u) for u in recipe.load_exemplars())
    v = network(x.float())
    return {name: float(f"{MIXTURES[name](v1, v2, recipe.t)(v):.6g}") for name in MIXTURES}


def make(name: str, recipe: Recipe) -> dict[str, Any]:
    """Make one item, write its picture, and return its record."""
    start, network = time.perf_counter(), VGGFeatures("vgg16", TEXTURE_LAYERS)
    generator, exemplars = torch.Generator().manual_seed(recipe.seed), recipe.load_exemplars()
    budgets = (recipe.n_iterations, recipe.factors)
    result = synthesize_mixture(*exemplars, recipe.t, MIXTURES[recipe.mixture], network, generator, *budgets)
    seconds = time.perf_counter() - start
    save_image(result.image.clamp(0, 1).double(), FOLDER / f"{name}.png")
    origins = [REGISTRY[texture] for texture in (recipe.first, recipe.second)]
    credit = f"this course, after {' and '.join(dict.fromkeys(origin.credit for origin in origins))}"
    licence = " and ".join(dict.fromkeys(origin.licence for origin in origins))
    about = {"source": "data/remake_mixtures.py", "licence": licence, "credit": credit}
    register([make_entry(f"mixture_{name}", f"mixtures/{name}.png", kind="mixture", **about)])
    of_file = losses(read_picture(FOLDER / f"{name}.png"), recipe, network)
    shown = {"loss": float(f"{min(result.losses):.6g}"), "losses_of_file": of_file, "seconds": round(seconds, 1)}
    return asdict(recipe) | shown | {"torch": torch.__version__}


def read_records() -> dict[str, Any]:
    """Return the records of what was made."""
    return mixture_records() if "mixture_records" in REGISTRY else {}


def write_records(records: dict[str, Any]) -> None:
    """Write the records, whole or not at all, and register them."""
    ordered = {name: records[name] for name in RECIPES if name in records}
    write_atomically(RECORDS, json.dumps(ordered, indent=1) + "\n")
    about = {"source": "data/remake_mixtures.py", "licence": "CC0-1.0", "credit": "this course"}
    register([make_entry("mixture_records", "mixtures/mixtures.json", kind="mixture", **about)])


def is_made(name: str, records: dict[str, Any]) -> bool:
    """Tell whether an item was made with the settings that its recipe has now."""
    settings = json.loads(json.dumps(asdict(RECIPES[name])))
    return name in records and all(records[name][key] == value for key, value in settings.items())


def main() -> int:
    """Make what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description="Remake the precomputed mixtures of notebook 12.")
    parser.add_argument("names", nargs="*", help="items to make (default: all)")
    parser.add_argument("--missing", action="store_true", help="only what is missing or was made with other settings")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(RECIPES)):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(RECIPES)}")
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    for name in [name for name in RECIPES if not options.names or name in options.names]:
        if not (options.missing and is_made(name, read_records())):
            record = make(name, RECIPES[name])
            write_records(read_records() | {name: record})  # read again: another run may have written
            print(f"{name:20} loss {record['loss']:.2e}  {record['seconds']:6.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
