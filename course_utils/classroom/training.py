"""How the course trains the networks that it ships: ``make networks``, or ``python data/train NAME ...``.

A recipe says what is drawn, from what and how long. It stands in a script of ``data/train``, in the dictionary
``RECIPES`` under the name of its network. Trained weights become ``data/networks/NAME.safetensors``, in float16, and
beside them ``NAME.toml`` says how they were made and which losses they have on images that they have not seen.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils._files import write_atomically
from course_utils.classroom.jobs import ClusterError, add_options, run_jobs
from course_utils.classroom.registry import make_entry, register
from course_utils.classroom.weights import save_weights
from course_utils.data import data_folder, load_weights
from course_utils.features import VGGFeatures
from course_utils.textures import gram_matrix

__all__ = ["Recipe", "load_recipes", "main", "mean_gram_matrices", "shipped_network", "train"]

CHECKPOINT_SECONDS = 30.0
CURVE_POINTS = 40  # of the recorded loss, each the mean over its part of the steps


@dataclass(frozen=True)
class Recipe:
    """One network: how it is made, what its training minimizes, and how it is judged.

    ``network()`` returns it with its first weights, drawn after ``torch.manual_seed(seed)``. ``loss(network,
    generator)`` is the loss of one batch, drawn from the generator, which is on the CPU. ``held_out(network)`` returns
    named losses on images that were not trained on; it must be deterministic and take at most some seconds. ``rate`` is
    Adam's first learning rate, which falls to 0 like a cosine; it grows to that over ``warm_up`` steps, so that Adam's
    first ones, all of one length, do not undo a good start. ``average`` > 0 ships the exponential average of the
    weights with that decay. ``start(network, generator)`` sets the first weights where they are not drawn. ``betas``
    are Adam's. ``shipped(network)`` is the part that is shipped and judged, where that is not all: a GAN's generator.
    """

    summary: str
    data: str
    steps: int
    network: Callable[[], nn.Module]
    loss: Callable[[nn.Module, torch.Generator], Tensor]
    held_out: Callable[[nn.Module], dict[str, float]]
    rate: float = 1e-3
    warm_up: int = 0
    average: float = 0.0
    start: Callable[[nn.Module, torch.Generator], None] | None = None
    betas: tuple[float, float] = (0.9, 0.999)
    shipped: Callable[[nn.Module], nn.Module] = lambda network: network
    seed: int = 0
    licence: str = "CC-BY-4.0"
    credit: str = "this course"


def mean_gram_matrices(
    exemplar: Float[Tensor, "3 H W"], network: VGGFeatures, side: int
) -> dict[str, Float[Tensor, "n n"]]:
    """Return the mean Gram matrices of nine squares of an exemplar: what an image of that side is compared with.

    Both have as much border, of which the network's zero padding makes features of its own.
    """
    starts = [[(length - side) * k // 2 for k in range(3)] for length in exemplar.shape[-2:]]
    squares = torch.stack([exemplar[:, i : i + side, j : j + side] for i in starts[0] for j in starts[1]])
    with torch.no_grad():
        return {layer: gram_matrix(v).mean(dim=0) for layer, v in network(squares).items()}


def load_recipes() -> dict[str, tuple[str, Recipe]]:
    """Return, for each network, the name of its script in ``data/train`` and its recipe."""
    found: dict[str, tuple[str, Recipe]] = {}
    for path in sorted((data_folder() / "train").glob("[!_]*.py")):
        specification = importlib.util.spec_from_file_location(f"course_training_{path.stem}", path)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[specification.name] = module
        specification.loader.exec_module(module)
        found |= {name: (path.name, recipe) for name, recipe in module.RECIPES.items()}
    return found


def shipped_network(name: str, recipe: Recipe) -> nn.Module:
    """Return the network of a recipe with the weights that the course ships, in float32, for evaluation."""
    network = recipe.shipped(recipe.network())
    network.load_state_dict(load_weights(name))
    return network.eval()


class Training:
    """The state of a training: network, averaged network, optimizer, generator, losses and time so far."""

    def __init__(self, name: str, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.checkpoint = data_folder() / "networks" / f".{name}.checkpoint"
        torch.manual_seed(recipe.seed)
        self.network = recipe.network().to(device).train()
        self.generator = torch.Generator().manual_seed(recipe.seed)
        if recipe.start is not None and not self.checkpoint.is_file():
            recipe.start(self.network, self.generator)
        self.averaged = torch.optim.swa_utils.AveragedModel(
            self.network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.average), use_buffers=True
        )
        self.optimizer = torch.optim.Adam(self.network.parameters(), recipe.rate, recipe.betas)
        self.losses: list[float] = []
        self.drawn = (self.generator.get_state(), torch.get_rng_state())  # at the end of the last whole step
        self.seconds = 0.0

    def step(self) -> float:
        """Take one step of Adam, and return the loss before it."""
        k = len(self.losses)
        rate = 0.5 * self.recipe.rate * (1 + math.cos(math.pi * k / self.recipe.steps))
        if k < self.recipe.warm_up:
            rate *= (k + 1) / self.recipe.warm_up
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.recipe.loss(self.network, self.generator)
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"the loss is {loss.item()} at step {len(self.losses)}: a smaller rate?")
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.recipe.average:
            self.averaged.update_parameters(self.network)
        self.losses.append(loss.item())
        self.drawn = (self.generator.get_state(), torch.get_rng_state())
        return loss.item()

    def save(self) -> None:
        """Write the checkpoint, whole or not at all; a step that was interrupted will be taken again."""
        part = self.checkpoint.with_suffix(".part")
        state = {"steps": self.recipe.steps, "losses": self.losses, "seconds": self.seconds}
        states = {key: getattr(self, key).state_dict() for key in ("network", "averaged", "optimizer")}
        torch.save(state | states | {"drawn": self.drawn}, part)
        os.replace(part, self.checkpoint)

    def resume(self) -> None:
        """Go on from the checkpoint, when there is one of as many steps."""
        if not self.checkpoint.is_file():
            return
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        if state["steps"] != self.recipe.steps:
            raise ValueError(f"{self.checkpoint} is of a training of {state['steps']} steps: remove it to start again")
        for key in ("network", "averaged", "optimizer"):
            getattr(self, key).load_state_dict(state[key])
        self.generator.set_state(state["drawn"][0])
        torch.set_rng_state(state["drawn"][1])
        self.losses, self.seconds = state["losses"], state["seconds"]

    def result(self) -> nn.Module:
        """Return what is shipped of the network, or of its average."""
        network = self.averaged.module if self.recipe.average else self.network
        return self.recipe.shipped(network).eval()


def train(name: str, script: str, recipe: Recipe, device: str | torch.device = "cpu", *, progress: bool = True) -> None:
    """Train one network, from its last checkpoint on if there is one, and ship it.

    An interrupt leaves a checkpoint, from which another call goes on.
    """
    from tqdm.auto import tqdm

    training = Training(name, recipe, torch.device(device))
    training.resume()
    clock = time.process_time if training.device.type == "cpu" else time.perf_counter  # a busy core counts no minutes
    start, saved = clock() - training.seconds, time.perf_counter()
    with tqdm(total=recipe.steps, initial=len(training.losses), desc=name, disable=not progress) as bar:
        while len(training.losses) < recipe.steps:
            try:
                bar.set_postfix_str(f"loss {training.step():.4g}", refresh=False)
                bar.update()
                training.seconds = clock() - start
                if time.perf_counter() - saved > CHECKPOINT_SECONDS:
                    training.save()
                    saved = time.perf_counter()
            except KeyboardInterrupt:
                training.save()
                raise
    training.save()
    ship(name, script, recipe, training)
    training.checkpoint.unlink(missing_ok=True)


def ship(name: str, script: str, recipe: Recipe, training: Training) -> None:
    """Write weights, recipe and the registry's entry of a trained network."""
    weights = data_folder() / "networks" / f"{name}.safetensors"
    about = {"source": f"data/train/{script}", "licence": recipe.licence, "credit": recipe.credit}
    save_weights(training.result().state_dict(), weights, about)
    register([make_entry(name, f"networks/{weights.name}", kind="weights", **about)])
    held_out = recipe.held_out(shipped_network(name, recipe))  # of what is shipped, after rounding
    record = {
        "summary": recipe.summary,
        "script": f"data/train/{script}",
        "data": recipe.data,
        "parameters": sum(p.numel() for p in training.result().parameters()),
        "steps": recipe.steps,
        "rate": recipe.rate,
        "average": recipe.average,
        "seed": recipe.seed,
        "minutes": round(training.seconds / 60, 1),
        "machine": f"{platform.machine()}, {training.device.type}, {torch.get_num_threads()} thread",
        "torch": torch.__version__,
        "date": date.today().isoformat(),
        "loss": [float(f"{loss:.4g}") for loss in curve(training.losses)],
        "held_out": {key: float(f"{value:.4g}") for key, value in held_out.items()},
    }
    write_atomically(weights.with_suffix(".toml"), to_toml(record))


def curve(losses: list[float]) -> list[float]:
    """Return the means of the losses over at most `CURVE_POINTS` parts of the training."""
    parts = torch.tensor(losses, dtype=torch.float64).tensor_split(min(CURVE_POINTS, len(losses)))
    return [part.mean().item() for part in parts]


def to_toml(record: dict[str, Any]) -> str:
    """Return a flat record, and its tables of numbers at the end, as TOML."""
    flat = {key: value for key, value in record.items() if not isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in flat.items()]
    for key, table in record.items():
        if isinstance(table, dict):
            lines += ["", f"[{key}]", *(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in table.items())]
    return "\n".join(lines) + "\n"


def main(arguments: Iterable[str] | None = None) -> int:
    """Train what the command line asks for; return the exit status."""
    recipes = load_recipes()
    parser = argparse.ArgumentParser(prog="python data/train", description="Train the networks that the course ships.")
    parser.add_argument("names", nargs="*", help="networks to train; without one, the list")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    add_options(parser)
    options = parser.parse_args(None if arguments is None else list(arguments))
    if unknown := sorted(set(options.names) - set(recipes)):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(recipes)}")
    if not options.names:
        for name, (script, recipe) in recipes.items():
            print(f"{name:24} {recipe.steps:6} steps  data/train/{script}: {recipe.summary}")
    alone, left = options.jobs == 1 and not options.scheduler, list(options.names)
    jobs = [(name, options.device, alone) for name in options.names]
    try:
        for name in run_jobs(_train, jobs, options.jobs, options.scheduler):
            left.remove(name)
    except ClusterError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print(f"stopped; `python data/train {' '.join(left)}` goes on from here")
        return 130
    return 0


def _train(name: str, device: str, progress: bool) -> str:
    """Train one network, here or in another process, which reads the recipes itself: they cannot be sent."""
    if device == "cpu":
        torch.set_num_threads(1)
    train(name, *load_recipes()[name], device, progress=progress)
    return name
