"""Remake the precomputed textures of notebook 10: syntheses/*.png, syntheses/syntheses.json and their entries.

    python data/remake_syntheses.py                   remake all (half an hour)
    python data/remake_syntheses.py gravel cork       remake these only
    python data/remake_syntheses.py --missing         make what is missing or was made with other settings

``make syntheses`` calls it. Each item is written as soon as it is done, whole or not at all: when you interrupt, what
is finished stays, and ``--missing`` goes on. One torch thread, so that another run comes close; two machines differ in
the last digit of a convolution, L-BFGS amplifies it, and the pictures then differ in their pixels but not in their
statistics. The pictures have 8 bits, so their loss is above that of the synthesis: both are recorded.
``portilla_simoncelli`` needs the package plenoptic, which nothing else here does.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_utils.classroom.precomputed import Precomputed, require_whole
from course_utils.classroom.registry import make_entry, register
from course_utils.data import REGISTRY
from course_utils.features import TEXTURE_LAYERS, VGGFeatures
from course_utils.images import center_crop, load_image, read_picture, save_image
from course_utils.textures import (
    WHITENING,
    color_statistics_loss,
    gram_loss,
    gram_matrix,
    mean_feature,
    relative_weights,
    spectrum_loss,
    synthesize_texture,
)

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "syntheses"
STATISTICS = {"gram_matrix": gram_matrix, "mean_feature": mean_feature}
EXTRA_LOSSES = {"color_statistics_loss": color_statistics_loss, "spectrum_loss": spectrum_loss}


@dataclass(frozen=True)
class Recipe:
    """One synthesis; ``exemplar`` is the side of the exemplar, whose middle ``crop`` is taken when given."""

    texture: str
    seed: int = 0
    layers: tuple[str, ...] = TEXTURE_LAYERS
    scales: tuple[float, ...] = (0.25, 0.5, 1.0)
    n_iterations: tuple[int, ...] = (60, 50, 50)
    whitening: float | None = WHITENING
    init: str = "gaussian texture"
    statistic: str = "gram_matrix"
    extra: tuple[tuple[str, float], ...] = ()
    exemplar: int = 256
    crop: int | None = None
    size: tuple[int, int] | None = None
    padding: str = "zeros"
    method: str = "gatys"

    def load_exemplar(self) -> Tensor:
        """Return u in float32."""
        u = load_image(self.texture, self.exemplar).float()
        return u if self.crop is None else center_crop(u, self.crop)


ONE_SCALE = {"scales": (1.0,), "n_iterations": (70,)}
UNIFORM = ONE_SCALE | {"init": "uniform noise", "crop": 128}  # every colour of the cube: what a correction is tried on
RECIPES = {
    "flowers": Recipe("flowers"),
    "gravel": Recipe("gravel"),
    "stones_yellow": Recipe("stones_yellow"),
    "cork": Recipe("cork"),
    "ballast": Recipe("ballast"),
    "flagstones_blue": Recipe("flagstones_blue"),
    "sand_ripples": Recipe("sand_ripples"),
    "rock_layers": Recipe("rock_layers"),
    "morris": Recipe("morris"),
    "mosaic_tiles": Recipe("mosaic_tiles"),
    "brick": Recipe("brick"),
    # Depth is shown at one scale: with several, the shallow layers see large structures at the coarse ones.
    "stones_conv1_1": Recipe("stones_yellow", layers=TEXTURE_LAYERS[:1], **ONE_SCALE),
    "stones_pool1": Recipe("stones_yellow", layers=TEXTURE_LAYERS[:2], **ONE_SCALE),
    "stones_pool2": Recipe("stones_yellow", layers=TEXTURE_LAYERS[:3], **ONE_SCALE),
    "stones_pool3": Recipe("stones_yellow", layers=TEXTURE_LAYERS[:4], **ONE_SCALE),
    "stones_pool4": Recipe("stones_yellow", **ONE_SCALE),
    "brick_spectrum": Recipe("brick", extra=(("spectrum_loss", 100.0),)),
    "cork_uniform": Recipe("cork", **UNIFORM),
    "cork_colors": Recipe("cork", extra=(("color_statistics_loss", 1e3),), **UNIFORM),
    "gravel_means": Recipe("gravel", statistic="mean_feature", whitening=None),
    "flowers_large": Recipe("flowers", size=(256, 512), padding="reflect"),
    "portilla_simoncelli": Recipe("gravel", method="portilla_simoncelli", layers=TEXTURE_LAYERS),
}


def synthesize(recipe: Recipe) -> Tensor:
    """Return the texture of a recipe, not clipped."""
    u, generator = recipe.load_exemplar(), torch.Generator().manual_seed(recipe.seed)
    if recipe.method == "portilla_simoncelli":
        return portilla_simoncelli(u, generator)
    init = torch.rand(u.shape, generator=generator) if recipe.init == "uniform noise" else recipe.init
    result = synthesize_texture(
        u,
        VGGFeatures("vgg16", recipe.layers, padding=recipe.padding),
        None,
        generator,
        recipe.n_iterations,
        scales=recipe.scales,
        size=recipe.size,
        init=init,
        statistic=STATISTICS[recipe.statistic],
        whitening=recipe.whitening,
        extra_losses=[(EXTRA_LOSSES[name], weight) for name, weight in recipe.extra],
    )
    require_whole()
    return result.image


def portilla_simoncelli(u: Tensor, generator: torch.Generator, n: int = 30) -> Tensor:
    """Return a texture with the statistics of Portilla and Simoncelli (2000), by the package plenoptic."""
    import plenoptic

    exemplar = u.double()[None, None]
    model = plenoptic.models.PortillaSimoncelli(u.shape[-2:]).double().eval()
    loss = plenoptic.loss.portilla_simoncelli_loss_factory(model, exemplar)
    metamer = plenoptic.Metamer(exemplar, model, loss_function=loss)
    start = 0.5 + 0.2 * torch.rand(exemplar.shape, generator=generator, dtype=torch.float64)
    settings = {"max_iter": 10, "max_eval": 10, "history_size": 100, "line_search_fn": "strong_wolfe", "lr": 1.0}
    metamer.setup(start, optimizer=torch.optim.LBFGS, optimizer_kwargs=settings)
    metamer.synthesize(max_iter=n, stop_criterion=0)
    return metamer.metamer.detach()[0, 0].float()


@torch.no_grad()
def gatys_loss(x: Tensor, recipe: Recipe) -> float:
    """Return E(x), the sum of the relative errors of the Gram matrices; without what a recipe adds to it."""
    network = VGGFeatures("vgg16", recipe.layers, padding=recipe.padding)
    targets = {layer: gram_matrix(v) for layer, v in network(recipe.load_exemplar()).items()}
    return float(gram_loss(network(x.float()), targets, relative_weights(targets)))


def make(name: str, recipe: Recipe) -> dict[str, Any]:
    """Make one item, write its picture, and return its record."""
    start = time.perf_counter()
    x = synthesize(recipe)
    seconds = time.perf_counter() - start
    path = FOLDER / f"{name}.png"
    save_image(x.clamp(0, 1), path)
    out = float(((x < 0) | (x > 1)).double().mean())
    record = asdict(recipe) | {
        "loss": float(f"{gatys_loss(x, recipe):.6g}"),
        "loss_of_file": float(f"{gatys_loss(read_picture(path), recipe):.6g}"),
        "outside_unit_interval": float(f"{out:.3g}"),
        "seconds": round(seconds, 1),
        "torch": torch.__version__,
    }
    source = f"data/remake_syntheses.py, from the texture {recipe.texture}"
    origin = REGISTRY[recipe.texture]
    entry = make_entry(
        f"synthesis_{name}",
        f"syntheses/{name}.png",
        kind="synthesis",
        source=source,
        licence=origin.licence,
        credit=f"this course, after {origin.credit}",
    )
    register([entry])
    return record | {"sha256": entry.sha256}


PRECOMPUTED = Precomputed(
    "synthesis",
    "syntheses",
    "data/remake_syntheses.py",
    RECIPES,
    make,
    lambda name, record: f"{name:20} loss {record['loss']:.2e}  {record['seconds']:6.1f} s",
)

if __name__ == "__main__":
    sys.exit(PRECOMPUTED.remake("Remake the precomputed textures of notebook 10."))
