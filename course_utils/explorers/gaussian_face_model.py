"""Explorer of lesson 01: a slider for each leading coefficient of the Gaussian model draws a face."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ipywidgets as widgets
import torch
from jaxtyping import Float
from torch import Tensor

from course_utils import gaussian
from course_utils._validation import require_count, require_same_device, require_tensor
from course_utils.data import load_faces
from course_utils.explorers.base import Explorer, Numbers, call, count_slider, explorer, slider, widths
from course_utils.gaussian import FaceModel

REACH = 4.0  # standard deviations: range of the sliders of latent coefficients


def face_picture(
    z: Float[Tensor, " q"], model: FaceModel, shape: tuple[int, int]
) -> tuple[Float[Tensor, "H W"], dict[str, float]]:
    """Return the face of a latent code, x = μ + E_q Λ_q^(1/2) z, and how likely the code is.

    Parameters
    ----------
    z : Tensor
        The first q coefficients, ``(q,)``, in standard deviations; the others are 0.
    model : tuple of Tensor
        ``(mean, eigenvectors, eigenvalues)``, as ``fit_gaussian`` returns it.
    shape : (int, int)
        Height and width of a face, H W = d.

    Returns
    -------
    Tensor
        ``(H, W)``, not clipped.
    dict
        ``"norm of z"``, and ``"log p(x) / p(mean)"`` = -‖z‖² / 2.

    Raises
    ------
    ValueError, TypeError
        If z is longer than the model has eigenvectors, or the shapes do not fit together.
    """
    mean, eigenvectors, eigenvalues = model
    require_tensor(z, "z")
    if z.ndim != 1 or len(z) > len(eigenvalues):
        raise ValueError(f"z must have shape (q,) with q at most {len(eigenvalues)}, got {tuple(z.shape)}")
    if math.prod(shape) != len(mean):
        raise ValueError(f"shape must have {len(mean)} pixels, as the model, got {shape}")
    require_same_device(z, mean, ("z", "the model"))
    x = mean + eigenvectors[:, : len(z)] @ (eigenvalues[: len(z)].sqrt() * z)
    square = z.square().sum().item()
    return x.reshape(shape), {"norm of z": math.sqrt(square), "log p(x) / p(mean)": -0.5 * square}


def latent_code(
    face: Float[Tensor, " d"], model: FaceModel, project: Callable[..., Tensor] = gaussian.project
) -> Float[Tensor, " r"]:
    """Return the latent code z = Λ^(-1/2) Eᵀ(p(x) - μ) of a flattened face, p the projection to the model."""
    mean, eigenvectors, eigenvalues = model
    projected = call(project, face.shape, face, mean, eigenvectors, len(eigenvalues))
    return eigenvectors.T @ (projected - mean) / eigenvalues.sqrt()


@explorer
def explore_faces(
    model: FaceModel | None = None,
    shape: tuple[int, int] = (112, 92),
    faces: Float[Tensor, "n d"] | None = None,
    count: int = 8,
    zoom: int = 2,
    sample_gaussian: Callable[..., Tensor] = gaussian.sample_gaussian,
    project: Callable[..., Tensor] = gaussian.project,
) -> Explorer:
    """Return an explorer of the Gaussian face model: a slider for each leading coefficient draws a face.

    Parameters
    ----------
    model : tuple of Tensor
        ``(mean, eigenvectors, eigenvalues)``, as ``fit_gaussian`` returns it; that of the course's faces by default.
    shape : (int, int)
        Height and width of a face.
    faces : Tensor
        Flattened faces whose codes can be loaded, ``(n, d)``; without them that control is absent.
    count : int
        Number of leading coefficients with a slider.
    zoom : int
        Screen pixels per pixel.
    sample_gaussian : callable
        Draws the random face, ``sample_gaussian(*model, 1, generator)``: your own solution, if you like.
    project : callable
        Projects a face before its code is read, ``project(face, mean, eigenvectors, rank)``: likewise.

    Returns
    -------
    Explorer
        Controls "z_1", ..., "rank" and, with ``faces``, "portrait"; the buttons "random face" and "mean face".

    Raises
    ------
    ValueError, TypeError
        If ``count`` is not between 1 and the number of eigenvectors.
    """
    learned = gaussian.fit_gaussian(load_faces()[0].flatten(1)) if model is None else model
    r = len(learned[2])
    count = require_count(count, "count")
    if count > r:
        raise ValueError(f"count must be at most {r}, the number of eigenvectors, got {count}")
    sliders = {f"z_{i + 1}": slider(f"z {i + 1} (std)", 0.0, -REACH, REACH, 0.1) for i in range(count)}
    rank = count_slider("rank", r, 0, r)
    state = _LatentCode(torch.zeros(r, dtype=learned[0].dtype), [0.0] * count)

    def draw(*values: float) -> tuple[Tensor, Numbers]:
        z = state.moved(values[:count])[: int(values[count])]
        return face_picture(z.to(learned[0].device), learned, shape)

    def load(z: Tensor) -> None:
        state.load(z)
        for control, value in zip(sliders.values(), state.shown, strict=True):
            control.value = value
        explorer.update()

    def load_random() -> None:
        load(latent_code(call(sample_gaussian, (1, len(learned[0])), *learned, 1, generator)[0], learned))

    def load_portrait(index: int) -> None:
        if faces is not None and index > 0:
            load(latent_code(faces[index - 1], learned, project))

    generator = torch.Generator().manual_seed(0)
    loaders = _face_loaders(
        lambda: explorer.attempt(load_random),
        lambda: explorer.attempt(lambda: load(torch.zeros(r))),
        lambda index: explorer.attempt(lambda: load_portrait(index)),
        0 if faces is None else len(faces),
    )
    extra = [widgets.HBox([loaders["random face"], loaders["mean face"]]), *list(loaders.values())[2:]]
    alt = "A face drawn by the Gaussian model"
    explorer = Explorer("faces", sliders | {"rank": rank}, draw, alt, zoom, extra)
    explorer.controls |= loaders
    return explorer


@dataclass
class _LatentCode:
    """A code with r coefficients of which the sliders show the first ones, clipped to their range."""

    z: Tensor
    shown: list[float]

    def moved(self, values: Sequence[float]) -> Tensor:
        """Return the code with the coefficients whose slider was moved since the code was loaded."""
        z = self.z.clone()
        for i, (value, shown) in enumerate(zip(values, self.shown, strict=True)):
            if value != shown:
                z[i] = value
        return z

    def load(self, z: Tensor) -> None:
        self.z = z.to(self.z)
        self.shown = self.z[: len(self.shown)].clamp(-REACH, REACH).tolist()


def _face_loaders(
    random_face: Callable[[], None], mean_face: Callable[[], None], portrait: Callable[[int], None], count: int
) -> dict[str, widgets.DOMWidget]:
    """Return the widgets that load a code: a random one, zero and, if there are any, that of a portrait."""
    buttons = {name: widgets.Button(description=name) for name in ("random face", "mean face")}
    buttons["random face"].on_click(lambda _: random_face())
    buttons["mean face"].on_click(lambda _: mean_face())
    if not count:
        return buttons
    choices = [("none", None), *((f"portrait {i}", i) for i in range(count))]
    choice = widgets.Dropdown(options=choices, index=0, description="load", **widths())
    choice.observe(lambda change: portrait(change["new"]), names="index")
    return buttons | {"portrait": choice}
