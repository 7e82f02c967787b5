"""Remake the precomputed mixtures of notebook 12: mixtures/*.png, mixtures/mixtures.json and their entries.

    python data/remake_mixtures.py                    remake all (ten minutes)
    python data/remake_mixtures.py wasserstein_50     remake these only
    python data/remake_mixtures.py --missing          make what is missing or was made with other settings

``make syntheses`` calls it after remake_syntheses.py, and the same holds: one torch thread, each item whole or not at
all, pictures of 8 bits. Each record has both losses of its picture, so that the notebook verifies it by one evaluation.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from course_utils.classroom.precomputed import Precomputed, require_whole
from course_utils.classroom.registry import make_entry, register
from course_utils.data import REGISTRY, data_folder
from course_utils.features import TEXTURE_LAYERS, VGGFeatures
from course_utils.images import load_image, read_picture, save_image
from course_utils.style import gram_mixture, synthesize_mixture, wasserstein_mixture

FOLDER = data_folder() / "mixtures"
MIXTURES = {"wasserstein": wasserstein_mixture, "gram": gram_mixture}


@dataclass(frozen=True)
class Recipe:
    """One mixture of two textures."""

    mixture: str
    t: float
    first: str = "sand_ripples"
    second: str = "flagstones_blue"
    side: int = 256
    seed: int = 0
    factors: tuple[int, ...] = (4, 2, 1)
    n_iterations: tuple[int, ...] = (40, 40, 40)

    def load_exemplars(self) -> list[Tensor]:
        """Return both textures, in float32."""
        return [load_image(name, self.side).float() for name in (self.first, self.second)]


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
    require_whole()
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


PRECOMPUTED = Precomputed(
    "mixture",
    "mixtures",
    "data/remake_mixtures.py",
    RECIPES,
    make,
    lambda name, record: f"{name:20} loss {record['loss']:.2e}  {record['seconds']:6.1f} s",
)

if __name__ == "__main__":
    sys.exit(PRECOMPUTED.remake("Remake the precomputed mixtures of notebook 12."))
