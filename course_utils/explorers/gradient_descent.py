"""Explorer of lesson 05: a descent on a function of two variables, its start dragged with the mouse."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import anywidget
import numpy as np
import torch
import traitlets
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor

from course_utils import optim
from course_utils._validation import require_choice, require_count, require_number
from course_utils.explorers.base import Explorer, call, choice, count_slider, explorer, slider

SIDE = 400  # pixels of the picture
REACH = 2.2  # it shows the square [-REACH, REACH]²
METHODS = ("fixed step", "optimal step", "momentum")
PATH, START, GROUND = (0, 114, 178), (213, 94, 0), 0.96

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Landscape:
    """A function of two variables on points (..., 2), its gradient, and a bound L of its Hessian in the picture."""

    f: Map
    gradient: Map
    L: float


def _quadratic(low: float, high: float) -> Landscape:
    """Return a valley along a direction turned by 30°, of curvatures ``low`` and ``high``."""
    c, s = math.cos(math.pi / 6), math.sin(math.pi / 6)
    Q = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    H = Q @ torch.diag(torch.tensor([low, high], dtype=torch.float64)) @ Q.T
    return Landscape(lambda x: 0.5 * ((x @ H) * x).sum(dim=-1), lambda x: x @ H, high)


def _double_well(x: Tensor) -> Tensor:
    a, b = x.unbind(dim=-1)
    return (a**2 - 1) ** 2 / 4 + b**2 / 2 + a * b / 4


def _double_well_gradient(x: Tensor) -> Tensor:
    a, b = x.unbind(dim=-1)
    return torch.stack([a * (a**2 - 1) + b / 4, b + a / 4], dim=-1)


def _banana(x: Tensor) -> Tensor:
    a, b = x.unbind(dim=-1)
    return (1 - a) ** 2 / 2 + (b + 1 - a**2) ** 2


def _banana_gradient(x: Tensor) -> Tensor:
    a, b = x.unbind(dim=-1)
    return torch.stack([a - 1 - 4 * a * (b + 1 - a**2), 2 * (b + 1 - a**2)], dim=-1)


LANDSCAPES = {
    "long valley": _quadratic(1.0, 12.0),
    "round valley": _quadratic(1.0, 2.0),
    "double well": Landscape(_double_well, _double_well_gradient, 3 * REACH**2 - 1),
    "curved valley": Landscape(_banana, _banana_gradient, 60.0),
}


@cache
def _level_lines(name: str) -> Image.Image:
    """Return the picture of the level lines of a landscape, twice as large as shown, lower values darker."""
    axis = torch.linspace(-REACH, REACH, 2 * SIDE, dtype=torch.float64)
    values = LANDSCAPES[name].f(torch.stack(torch.meshgrid(axis, -axis, indexing="xy"), dim=-1))
    band = ((values - values.min()).sqrt() / 0.33).floor()  # the lines grow like squares
    edge = (band != band.roll(1, 0)) | (band != band.roll(1, 1))
    gray = torch.where(edge, 0.62, GROUND - 0.25 * torch.exp(-band / 6))
    return Image.fromarray(np.rint(255 * gray.numpy()).astype(np.uint8)).convert("RGB")


def descent_picture(
    function: str,
    start: tuple[float, float],
    step: float,
    method: str,
    n: int,
    descent_path: Callable[..., Tensor] = optim.descent_path,
) -> tuple[Float[Tensor, "3 H W"], dict[str, str]]:
    """Draw n iterations on the level lines of a function of two variables.

    ``function`` is a key of ``LANDSCAPES``; ``start`` is (x₁, x₂), x₁ to the right, x₂ upwards; ``step`` is τ in units
    of 1/L, which the optimal step does not use; ``method`` is one of ``METHODS``; ``descent_path`` makes the path of
    the fixed step.
    Returns the picture and the numbers under it. Slide "Gradient Descent".
    """
    landscape = LANDSCAPES[require_choice(function, "function", LANDSCAPES)]
    n, tau = require_count(n, "n", 0), require_number(step, "step", minimum=0.0, strict=True) / landscape.L
    x0 = torch.tensor([require_number(x, "start") for x in start], dtype=torch.float64)
    if require_choice(method, "method", METHODS) == "fixed step":
        path = call(descent_path, (n + 1, 2), landscape.gradient, x0, tau, n)
    else:
        path = _path(landscape, x0, tau, method, n)
    end = path[-1]
    numbers = {
        "f(x_0)": f"{landscape.f(path[0]):.3g}",
        "f(x_n)": f"{landscape.f(end):.3g}",
        "‖∇f(x_n)‖": f"{landscape.gradient(end).norm():.2g}",
    }
    return _draw_path(_level_lines(function).copy(), path), numbers


def _path(landscape: Landscape, x0: Tensor, tau: float, method: str, n: int) -> Tensor:
    path: list[Tensor] = []

    def keep(k: int, x: Tensor) -> None:
        path.append(x)

    if method == "momentum":
        optim.accelerated_gradient(landscape.gradient, x0, tau, n, callback=keep)
    else:
        optim.optimal_step(landscape.gradient, x0, n, callback=keep)
    return torch.stack(path)


def _draw_path(picture: Image.Image, path: Tensor) -> Float[Tensor, "3 H W"]:
    """Draw the iterates, as far as they stay near the picture, and return it at its size."""
    away = (path.abs() > 4 * REACH).any(dim=1)
    if away.any():  # a diverging path is drawn to its first point far outside
        path = path[: int(away.nonzero()[0]) + 1]
    path = path.clamp(-4 * REACH, 4 * REACH)
    scale = picture.width / (2 * REACH)
    points = [((x + REACH) * scale, (REACH - y) * scale) for x, y in path.tolist()]
    draw = ImageDraw.Draw(picture)
    draw.line(points, fill=PATH, width=3)
    for k, (x, y) in reversed(list(enumerate(points))):
        radius, colour = (10, START) if k == 0 else (5, PATH)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    pixels = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255


class PicturePointer(anywidget.AnyWidget):
    """Says where the mouse is pressed on the picture of an explorer: (x, y) in [0, 1], y downwards."""

    _esm = Path(__file__).with_name("picture_pointer.js")
    value = traitlets.List(traitlets.Float()).tag(sync=True)


@explorer
def explore_descent(descent_path: Callable[..., Tensor] = optim.descent_path) -> Explorer:
    """Return an explorer of gradient descent in two dimensions: drag the start on the picture, or move its sliders.

    ``descent_path`` is your own function, if you like: it makes the path of the fixed step.
    """
    controls = {
        "function": choice("function", list(LANDSCAPES)),
        "method": choice("method", METHODS),
        "step": slider("τ L", 1.9, 0.05, 2.2, 0.05),
        "n": count_slider("iterations", 25, 0, 100),
        "x1": slider("start, x₁", -2.0, -REACH, REACH, 0.05),
        "x2": slider("start, x₂", -0.2, -REACH, REACH, 0.05),
    }
    pointer = PicturePointer()

    def drag(change: dict[str, list[float]]) -> None:
        x, y = change["new"]
        controls["x1"].value, controls["x2"].value = REACH * (2 * x - 1), REACH * (1 - 2 * y)

    pointer.observe(drag, names="value")

    def draw(function: str, method: str, step: float, n: int, x1: float, x2: float) -> tuple[Tensor, dict[str, str]]:
        return descent_picture(function, (x1, x2), step, method, n, descent_path)

    alt = "Level lines, darker where the function is lower; the start in orange, the iterates in blue. Drag the start."
    return Explorer("gradient descent", controls, draw, alt, extra=[pointer])
