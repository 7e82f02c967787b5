"""Explorers: one interactive picture per notebook, each with a plain function that draws the same picture.

An :class:`Explorer` is made of labelled controls and of a function of their values that returns a picture and the
numbers to show under it. No callback reads a global. What a student's function does wrong is said under the picture.
"""

from __future__ import annotations

import asyncio
import html
import io
import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import numpy as np
import torch
import traitlets
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from course_utils import gaussian, restoration
from course_utils._validation import (
    require_choice,
    require_count,
    require_number,
    require_same_device,
    require_tensor,
)
from course_utils.data import load_kernel, names_of_kind
from course_utils.derivatives import laplacian
from course_utils.features import TEXTURE_LAYERS, VGGFeatures
from course_utils.fourier import gaussian_kernel, kernel_to_transfer
from course_utils.gaussian import FaceModel
from course_utils.images import add_noise, center_crop, load_image, to_gray, to_numpy
from course_utils.metrics import mse, psnr
from course_utils.operators import blur
from course_utils.priors import smoothed_tv_gradient
from course_utils.restoration import accelerated_tv_denoise, pseudo_inverse_deblur, tychonov_denoise
from course_utils.textures import Statistic, gram_matrix, synthesize_texture

REACH = 4.0  # standard deviations: range of the sliders of latent coefficients
DELAY = 0.02  # seconds: the changes of a control that arrive within it are drawn once, with the last value
SETTLE = 0.3  # seconds without a change, after which a draft is replaced by the full computation

Numbers = Mapping[str, float | str]
Draw = Callable[..., tuple[Tensor, Numbers]]
Deblur = Callable[[Tensor, Tensor, float], Tensor]


# --- shared by all the explorers -------------------------------------------------------------------------------------


class _Page(anywidget.AnyWidget):
    """What ipywidgets leaves out of an explorer's page: names for screen readers, and whether the pointer is down."""

    _esm = Path(__file__).with_name("explorer.js")
    alt = traitlets.Unicode().tag(sync=True)
    held = traitlets.Bool(False).tag(sync=True)


class Explorer(widgets.VBox):
    """Controls, a picture over [0, 1] and a line of numbers.

    Parameters
    ----------
    name : what it explores, for its text form.
    controls : name -> widget with a ``value``, in the order of the arguments of ``draw``.
    draw : returns an image and the numbers to write under it. What it raises is written there instead.
    alt : what the picture shows, written beneath it.
    zoom : screen pixels per pixel.
    extra : widgets without a value, such as buttons, shown under the controls.
    draft : a faster ``draw``, shown while a control moves.

    Attributes
    ----------
    controls : the controls by name.
    picture, line : the widgets of the picture and of the numbers.
    page : what says whether the pointer holds a control.
    drawing : the drawings that are planned.
    """

    def __init__(
        self,
        name: str,
        controls: Mapping[str, Any],
        draw: Draw,
        alt: str,
        zoom: int = 1,
        extra: Sequence[widgets.Widget] = (),
        draft: Draw | None = None,
    ) -> None:
        # a tooltip, the picture's own alternative text, would make ipywidgets 8.1 fail: `page` gives it one
        picture = widgets.Image(format="png", layout={"align_self": "flex-start", "max_width": "100%"})
        line, page = widgets.HTML(), _Page(alt=alt)
        picture.add_class("course-picture")
        line.add_class("course-line")
        panel = widgets.VBox([*controls.values(), *extra])
        described = widgets.VBox([picture, line, widgets.HTML(f"<em>{html.escape(alt)}</em>")])
        super().__init__(children=[widgets.HBox([panel, described]), page])
        self.add_class("course-explorer")
        self.name, self.controls, self.picture, self.line, self.page = name, dict(controls), picture, line, page
        self.thread: threading.Thread | None = None  # where an explorer works when that takes long
        self._draw, self._zoom, self._sources = draw, zoom, list(controls.values())
        self.drawing = on_change(self._sources, self.update, draft and partial(self._update_by, draft), page)
        self.update()

    def update(self) -> None:
        """Draw the picture again, in full."""
        self._update_by(self._draw)

    def _update_by(self, draw: Draw) -> None:
        self.attempt(lambda: self.show(*draw(*(control.value for control in self._sources))))

    def show(self, u: Tensor, numbers: Numbers) -> None:
        """Show a picture and its numbers."""
        self.picture.value = png_bytes(u, zoom=self._zoom)
        self.line.value = html.escape(format_numbers(numbers))

    def attempt(self, work: Callable[[], object]) -> None:
        """Call ``work``; write what it raises, or that it was interrupted, in the place of the numbers."""
        try:
            with _interruptible(), _one_thread():
                work()
        except KeyboardInterrupt:
            self.tell("interrupted")
        except Exception as error:  # a student's function may raise anything: the explorer must survive it and say so
            self.tell(str(error) if isinstance(error, _Reported) else f"{type(error).__name__}: {error}")

    def tell(self, problem: str) -> None:
        """Write a problem in the place of the numbers."""
        self.line.value = f'<strong role="alert">{html.escape(problem)}</strong>'

    def __repr__(self) -> str:
        """Return what a notebook without a running kernel shows in the explorer's place."""
        return f"Explorer of {self.name}: run this cell to use it, the next cell shows its picture."


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let the interrupt of the kernel stop what a control has started: ipykernel lets it stop cells only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread: images are small, and where the browser keeps the other cores busy it is far faster."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Reported(Exception):
    """What a function that was plugged into an explorer did wrong, in a sentence."""


def _call(function: Callable[..., object], shape: Sequence[int], *args: Any) -> Tensor:
    """Return what a plugged-in function returns for copies of its arguments, if it is an image of this shape."""
    name = getattr(function, "__name__", type(function).__name__)
    try:
        u = function(*(x.clone() if isinstance(x, Tensor) else x for x in args))
    except Exception as error:
        raise _Reported(f"{name} raised {type(error).__name__}: {error}{_where(error, name)}") from error
    if not isinstance(u, Tensor):
        raise _Reported(f"{name} returned {type(u).__name__}, a tensor is expected")
    if u.shape != torch.Size(shape):
        raise _Reported(f"{name} returned the shape {tuple(u.shape)}, {tuple(shape)} is expected")
    if not u.is_floating_point():
        raise _Reported(f"{name} returned {u.dtype} values, real floating-point ones are expected")
    if not u.isfinite().all():
        raise _Reported(f"{name} returned values that are not finite: does it divide by zero?")
    return u.detach()


def _where(error: Exception, name: str) -> str:
    """Return in which line of a function's cell an error occurred: the last line of that name in the traceback."""
    trace, place = error.__traceback__, ""
    while trace:
        if trace.tb_frame.f_code.co_name == name:
            place = f" (line {trace.tb_lineno} of its cell)"
        trace = trace.tb_next
    return place


def png_bytes(u: Tensor, value_range: tuple[float, float] = (0.0, 1.0), zoom: int = 1) -> bytes:
    """Return an image ``(H, W)`` or ``(3, H, W)`` as PNG, ``value_range`` from black to white, pixels ``zoom`` wide."""
    low, high = value_range
    pixels = np.clip((to_numpy(u) - low) / (high - low), 0.0, 1.0)
    picture = Image.fromarray(np.rint(255 * pixels).astype(np.uint8))
    picture = picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST)
    stream = io.BytesIO()
    picture.save(stream, format="PNG", compress_level=1)  # fast: it is sent at each movement of a slider
    return stream.getvalue()


def on_change(
    controls: Sequence[Any], full: Callable[[], None], draft: Callable[[], None] | None = None, page: Any = None
) -> _Drawing:
    """Draw after the value of a control changed: once for all the changes of a short while.

    While the kernel is busy drawing, the movements of a slider pile up. Each of them only asks for a later drawing, and
    one serves them all, so no stale picture is ever drawn. Without a running event loop ``full`` is called at once.

    Parameters
    ----------
    controls : widgets with a ``value``.
    full : draws.
    draft : draws quickly, in the place of ``full`` until nothing has changed for a while.
    page : widget whose ``held`` says that the pointer holds a control; a draft stays until it is released.
    """
    drawing = _Drawing(full, draft, page)
    for control in controls:
        control.observe(drawing.changed, names="value")
    if draft and page:
        page.observe(drawing.released, names="held")
    return drawing


class _Drawing:
    """Which drawings are planned: a draft soon, the full one when the controls are at rest."""

    def __init__(self, full: Callable[[], None], draft: Callable[[], None] | None, page: Any) -> None:
        self.full, self.draft, self.page = full, draft, page
        self.soon: asyncio.TimerHandle | None = None
        self.later: asyncio.TimerHandle | None = None

    def changed(self, _: object) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.full()
            return
        if self.later:
            self.later.cancel()
        self.soon = self.soon or loop.call_later(DELAY, self.draw_soon)

    def flush(self) -> None:
        """Draw now what was planned to be drawn soon."""
        if self.soon:
            self.soon.cancel()
            self.draw_soon()

    def draw_soon(self) -> None:
        self.soon = None
        if self.draft is None:
            self.full()
            return
        self.draft()
        self.plan()

    def plan(self) -> None:
        self.later = asyncio.get_running_loop().call_later(SETTLE, self.finish)

    def finish(self) -> None:
        if not (self.page and self.page.held):
            self.later = None
            self.full()

    def released(self, change: Mapping[str, Any]) -> None:
        if self.later and not change["new"]:
            self.later.cancel()
            self.plan()


def format_numbers(numbers: Numbers) -> str:
    """Return "name: value" for each number, with two decimals."""
    return ", ".join(
        f"{name}: {value}" if isinstance(value, str) else f"{name}: {value:.2f}" for name, value in numbers.items()
    )


def _look() -> dict[str, Any]:
    """Return what makes all the controls equally wide, with room for their labels."""
    return {"style": {"description_width": "7em"}, "layout": {"width": "26em"}}


def slider(description: str, value: float, low: float, high: float, step: float) -> widgets.FloatSlider:
    """Return a labelled slider that can be moved with the keyboard."""
    return widgets.FloatSlider(
        value=value, min=low, max=high, step=step, description=description, tooltip=description, **_look()
    )


def count_slider(description: str, value: int, low: int, high: int) -> widgets.IntSlider:
    """Return the same for an integer."""
    return widgets.IntSlider(value=value, min=low, max=high, description=description, tooltip=description, **_look())


def _log_slider(description: str, value: float, low: float, high: float, step: float) -> widgets.FloatLogSlider:
    """Return a labelled slider between 10**low and 10**high."""
    limits = {"value": value, "min": low, "max": high, "step": step, "readout_format": ".2g"}
    return widgets.FloatLogSlider(**limits, description=description, tooltip=description, **_look())


def _choice(description: str, options: Sequence[str]) -> widgets.Dropdown:
    """Return a labelled list to choose from, as wide as the sliders."""
    return widgets.Dropdown(options=list(options), description=description, tooltip=description, **_look())


def _curve_svg(points: Sequence[tuple[float, float]], here: int, labels: Sequence[str], name: str) -> str:
    """Return a curve as SVG, in the colour of text, with a dot at point number ``here``.

    Points are (x, y) in [0, 1], y upwards; labels those of the top, the bottom, the left and the right end.
    """
    places = [(84 + 416 * x, 140 - 120 * y) for x, y in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    anchors = ['x="78" y="26" text-anchor="end"', 'x="78" y="142" text-anchor="end"']
    anchors += ['x="84" y="163"', 'x="506" y="163" text-anchor="end"']
    texts = "".join(f"<text {anchor}>{html.escape(text)}</text>" for anchor, text in zip(anchors, labels, strict=True))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 170" font-family="sans-serif" font-size="19" '
        f'fill="currentColor" role="img" aria-label="{html.escape(name)}" style="width: 100%; max-width: 512px">'
        f'<path d="M84 20V140H500" stroke="currentColor" fill="none"/>{texts}'
        f'<polyline points="{line}" fill="none" stroke="#0072b2" stroke-width="2.5"/>'
        f'<circle cx="{places[here][0]:.1f}" cy="{places[here][1]:.1f}" r="6" fill="#d55e00"/></svg>'
    )


# --- notebook 01: faces ----------------------------------------------------------------------------------------------


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
    projected = _call(project, face.shape, face, mean, eigenvectors, len(eigenvalues))
    return eigenvectors.T @ (projected - mean) / eigenvalues.sqrt()


def explore_faces(
    model: FaceModel,
    shape: tuple[int, int],
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
        ``(mean, eigenvectors, eigenvalues)``, as ``fit_gaussian`` returns it.
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
    r = len(model[2])
    count = require_count(count, "count")
    if count > r:
        raise ValueError(f"count must be at most {r}, the number of eigenvectors, got {count}")
    sliders = {f"z_{i + 1}": slider(f"z {i + 1} (std)", 0.0, -REACH, REACH, 0.1) for i in range(count)}
    rank = count_slider("rank", r, 0, r)
    state = _LatentCode(torch.zeros(r, dtype=model[0].dtype), [0.0] * count)

    def draw(*values: float) -> tuple[Tensor, Numbers]:
        z = state.moved(values[:count])[: int(values[count])]
        return face_picture(z.to(model[0].device), model, shape)

    def load(z: Tensor) -> None:
        state.load(z)
        for control, value in zip(sliders.values(), state.shown, strict=True):
            control.value = value
        explorer.update()

    def load_random() -> None:
        load(latent_code(_call(sample_gaussian, (1, len(model[0])), *model, 1, generator)[0], model))

    def load_portrait(index: int) -> None:
        if faces is not None and index > 0:
            load(latent_code(faces[index - 1], model, project))

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
    choice = widgets.Dropdown(options=choices, index=0, description="load", **_look())
    choice.observe(lambda change: portrait(change["new"]), names="index")
    return buttons | {"portrait": choice}


# --- notebook 06: pseudo-inverse -------------------------------------------------------------------------------------

STEPS = (*range(1, 11), *range(12, 21, 2), *range(25, 51, 5), *range(60, 101, 10), *range(120, 201, 20), 250, 300, 400)
STEPS += (500, 700, 1000, 1500, 2000, 2500, 3000)

# method -> (what its parameter is called, the values of the slider). There are as many for each method: when their
# number changes, JupyterLab moves the slider to a place of its own.
INVERSE_METHODS: dict[str, tuple[str, tuple[float, ...]]] = {
    "truncation": ("tol", tuple(10 ** (i / 4) for i in range(-41, 0))),
    "ridge": ("λ", tuple(10 ** (i / 4) for i in range(-40, 1))),
    "early stopping": ("n", STEPS),
}


RidgePath = Callable[[Tensor, Tensor, Sequence[float]], Tensor]


@dataclass(frozen=True)
class _BlurredPhotograph:
    """A photograph blurred by a Gaussian kernel, with everything that does not depend on a slider."""

    u0: Tensor
    kernel: Tensor
    blurred: Tensor
    noise: Tensor  # of standard deviation 1
    k_hat: Tensor  # half spectra, as from rfft2
    u0_hat: Tensor
    noise_hat: Tensor


@cache
def _blurred_photograph(size: int = 256, blur_std: float = 2.0, seed: int = 6) -> _BlurredPhotograph:
    u0, kernel = to_gray(load_image("cameraman", size)), gaussian_kernel(blur_std)
    noise = add_noise(torch.zeros_like(u0), 1.0, torch.Generator().manual_seed(seed))
    k_hat = kernel_to_transfer(kernel, u0.shape)[:, : size // 2 + 1]
    spectra = (torch.fft.rfft2(u0), torch.fft.rfft2(noise))
    return _BlurredPhotograph(u0, kernel, blur(u0, kernel), noise, k_hat, *spectra)


def _kept(method: str, value: float, power: Tensor) -> Tensor:
    """Return what a method keeps of each frequency of the image, 0 to 1, for power = |k̂|², ‖A‖ = 1 and τ = 1."""
    if method == "truncation":
        return (power.sqrt() > value * power.max().sqrt()).to(power)
    if method == "ridge":
        return power / (power + value)
    return -torch.expm1(value * torch.log1p(-power.clamp(max=1.0)))  # 1 - (1 - s²)^n without cancellation


@cache
def _error_terms(method: str) -> tuple[tuple[float, float, float], ...]:
    """Return (a, b, c) for each value of a method's slider: with noise σ the mean square error is a + 2bσ + cσ².

    a is that of the restoration without noise, c that of the restored noise, b their inner product: by Parseval.
    """
    photograph = _blurred_photograph()
    twice = torch.full_like(photograph.k_hat.real, 2.0)  # columns that rfft2 leaves out count through these
    twice[:, [0, -1]] = 1.0
    weight = twice / photograph.u0.numel() ** 2
    noise_hat, power = photograph.noise_hat / photograph.k_hat, photograph.k_hat.abs().square()
    image = weight * photograph.u0_hat.abs().square()
    noise = weight * noise_hat.abs().square()
    both = weight * (photograph.u0_hat.conj() * noise_hat).real
    terms = []
    for value in INVERSE_METHODS[method][1]:
        kept = _kept(method, value, power)
        lost = kept - 1
        products = (lost.square() * image, lost * kept * both, kept.square() * noise)
        a, b, c = (product.sum().item() for product in products)
        terms.append((a, b, c))
    return tuple(terms)


def _inverse_curve(method: str, sigma: float) -> list[float]:
    """Return the PSNR for each value of a method's slider."""
    return [-10 * math.log10(a + 2 * b * sigma + c * sigma**2) for a, b, c in _error_terms(method)]


def pseudo_inverse_picture(
    method: str,
    value: float,
    sigma: float,
    deblur: Deblur = pseudo_inverse_deblur,
    ridge_path: RidgePath | None = None,
) -> tuple[Float[Tensor, "H W"], dict[str, float]]:
    """Return the blurred photograph of notebook 06 restored by one of its three methods, and its numbers.

    Parameters
    ----------
    method : str
        "truncation" (of the pseudo-inverse), "ridge" or "early stopping" (of Landweber's iteration with τ = 1).
    value : float
        Its parameter: tol relative to max|k_hat|, λ > 0 or the number n >= 1 of steps.
    sigma : float
        Noise, >= 0, for images with values in [0, 1].
    deblur : callable
        Computes the truncated pseudo-inverse, ``deblur(v, kernel, tol)``: your own solution, if you like.
    ridge_path : callable
        Computes the ridge solution, ``ridge_path(v, kernel, [lam])[0]``: likewise. By default from stored spectra.

    Returns
    -------
    (Tensor, dict)
        The restored image ``(256, 256)``; its PSNR, and that of the observation, in dB.

    Raises
    ------
    ValueError, TypeError
        If ``method`` is unknown, or ``value`` or ``sigma`` is out of its range.
    """
    require_choice(method, "method", INVERSE_METHODS)
    value = require_number(value, "value", minimum=0, strict=True)
    sigma = require_number(sigma, "sigma", minimum=0)
    photograph = _blurred_photograph()
    v = photograph.blurred + sigma * photograph.noise
    if method == "truncation":
        u = _call(deblur, v.shape, v, photograph.kernel, value).to(v)
    elif method == "ridge" and ridge_path:
        u = _call(ridge_path, (1, *v.shape), v, photograph.kernel, [value])[0].to(v)
    else:
        kept = _kept(method, value, photograph.k_hat.abs().square())
        u = torch.fft.irfft2(kept / photograph.k_hat * torch.fft.rfft2(v), s=v.shape)
    return u, {"PSNR (dB)": psnr(u, photograph.u0), "PSNR of v (dB)": psnr(v, photograph.u0)}


def _parameter_label(name: str, value: float) -> str:
    return f"{name} = {value:.2g}" if value < 1 else f"{name} = {value:g}"


def inverse_curve_svg(method: str, value: float, sigma: float) -> str:
    """Return the PSNR of a method against its parameter as SVG, with a dot at ``value``, in the colour of text."""
    name, values = INVERSE_METHODS[method]
    levels = [max(level, -30.0) for level in _inverse_curve(method, sigma)]  # below -30 dB all is noise
    low, high = min(levels), max(levels)
    points = [(i / (len(values) - 1), (level - low) / (high - low)) for i, level in enumerate(levels)]
    here = min(range(len(values)), key=lambda i: abs(math.log(values[i] / value)))
    ends = [_parameter_label(name, value) for value in (values[0], values[-1])]
    spoken = f"PSNR against {name}: {levels[here]:.1f} dB at the dot, at best {high:.1f} dB"
    return _curve_svg(points, here, [f"{high:.0f} dB", f"{low:.0f} dB", *ends], spoken)


def explore_pseudo_inverse(deblur: Deblur = pseudo_inverse_deblur, ridge_path: RidgePath | None = None) -> Explorer:
    """Return an explorer of the three ways to tame the pseudo-inverse of a blur: observation | restored, PSNR curve.

    Parameters
    ----------
    deblur : callable
        Computes the truncated pseudo-inverse, ``deblur(v, kernel, tol)``: your own solution, if you like.
    ridge_path : callable
        Computes the ridge solution, ``ridge_path(v, kernel, [lam])[0]``: likewise. By default from stored spectra.

    Returns
    -------
    Explorer
        Controls "method", "parameter" (tol, λ or the number of steps) and "noise" (255 σ).
    """

    def options(method: str) -> list[tuple[str, float]]:
        name, values = INVERSE_METHODS[method]
        return [(_parameter_label(name, value), value) for value in values]

    method = _choice("method", list(INVERSE_METHODS))
    parameter = widgets.SelectionSlider(options=options("truncation"), index=37, description="parameter", **_look())
    noise = slider("noise (255 σ)", 4.0, 0.0, 20.0, 1.0)
    curve = widgets.HTML()  # inline, so that its text has the colour of the theme

    def change_method(change: Mapping[str, Any]) -> None:
        parameter.options = options(change["new"])
        parameter.index = len(parameter.options) // 2

    def draw(name: str, value: float, gray_levels: float) -> tuple[Tensor, Numbers]:
        if value not in INVERSE_METHODS[name][1]:  # between a change of method and that of its slider
            value = INVERSE_METHODS[name][1][0]
        sigma = gray_levels / 255
        u, numbers = pseudo_inverse_picture(name, value, sigma, deblur, ridge_path)
        curve.value = inverse_curve_svg(name, value, sigma)
        photograph = _blurred_photograph()
        return torch.cat([photograph.blurred + sigma * photograph.noise, u], dim=1), numbers

    method.observe(change_method, names="value")
    controls = {"method": method, "parameter": parameter, "noise": noise}
    alt = "Left the blurred, noisy photograph, right the restored one"
    return Explorer("the pseudo-inverse", controls, draw, alt, extra=[curve])


# --- notebook 04: deblurring -----------------------------------------------------------------------------------------

DEBLURRING_METHODS = ("Tychonov", "ridge", "inverse filter")
LEAST_TRANSFER = 1e-4  # black in the picture of a transfer function
PAD_SIZE = 31  # side of a drawn kernel, in pixels
DRAWN = "the one drawn below"

Inverse = Callable[[Tensor, Tensor], Tensor]


class KernelPad(anywidget.AnyWidget):
    """A square in which a kernel is drawn, with the mouse or with the arrow keys and the space bar."""

    _esm = Path(__file__).with_name("kernel_pad.js")
    label = traitlets.Unicode(
        "Kernel to draw: drag the mouse, with Shift to erase; or arrow keys, and Space to draw or erase"
    ).tag(sync=True)
    value = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)  # rows of 0 and 1

    @traitlets.default("value")
    def _one_point(self) -> list[list[int]]:
        return [[int(i == j == PAD_SIZE // 2) for j in range(PAD_SIZE)] for i in range(PAD_SIZE)]


def drawn_kernel(drawing: Sequence[Sequence[int]]) -> Float[Tensor, "h w"]:
    """Return the kernel of a drawing, its rows of 0 and 1 divided by their sum.

    Raises
    ------
    ValueError
        If nothing is drawn.
    """
    kernel = torch.tensor(drawing, dtype=torch.float64)
    if not kernel.sum() > 0:
        raise ValueError("the drawing is empty: draw a kernel with the mouse, or with the arrow keys and Space")
    return kernel / kernel.sum()


def deblurring_picture(
    image: Float[Tensor, "H W"],
    kernel: Float[Tensor, "h w"],
    sigma: float,
    method: str,
    lam: float,
    tychonov: Deblur = restoration.tychonov_deblur,
    ridge: Deblur = restoration.ridge_deblur,
    inverse: Inverse = restoration.inverse_filter,
) -> tuple[Float[Tensor, "4 H W"], dict[str, float]]:
    """Blur an image, add noise, restore it: what `explore_deblurring` shows, without controls.

    Parameters
    ----------
    image : Tensor
        Gray image ``(H, W)``.
    kernel : Tensor
        Blur kernel ``(h, w)``.
    sigma : float
        Standard deviation of the noise, >= 0, in the unit of the image; the noise is the same at each call.
    method : str
        ``"Tychonov"``, ``"ridge"`` or ``"inverse filter"``.
    lam : float
        Weight λ >= 0 of the regularization; the inverse filter has none.
    tychonov, ridge : callable
        The functions for ``"Tychonov"`` and ``"ridge"``, called with the observation, the kernel and λ.
    inverse : callable
        The function for ``"inverse filter"``, called with the observation and the kernel.

    Returns
    -------
    panels : Tensor
        ``(4, H, W)``: original, observed, restored, and |k_hat| on a logarithmic scale from 1e-4 (0) to 1 (1), with
        frequency 0 in the middle.
    numbers : dict
        PSNR of the observed and of the restored image in dB and, with noise, the residual ‖k * u - v‖² / (|Ω| σ²).

    Raises
    ------
    ValueError, TypeError
        If the method is unknown, or as `restoration.tychonov_deblur`.

    Notes
    -----
    Slides "Deblurring" and "Image restoration by optimization".
    """
    v = add_noise(blur(image, kernel), sigma, torch.Generator().manual_seed(0))
    weighted = {"Tychonov": tychonov, "ridge": ridge}
    if require_choice(method, "method", DEBLURRING_METHODS) in weighted:
        restored = _call(weighted[method], v.shape, v, kernel, lam).to(v)
    else:
        restored = _call(inverse, v.shape, v, kernel).to(v)
    modulus = torch.fft.fftshift(kernel_to_transfer(kernel, image.shape).abs()).clamp(min=LEAST_TRANSFER)
    panels = torch.stack([image, v, restored, 1 - torch.log10(modulus) / math.log10(LEAST_TRANSFER)])
    numbers = {"PSNR observed (dB)": psnr(v, image), "PSNR restored (dB)": psnr(restored, image)}
    if sigma > 0:
        numbers["‖k * u - v‖² / (|Ω|σ²)"] = mse(blur(restored, kernel), v) / sigma**2
    return panels, numbers


def explore_deblurring(
    image: Float[Tensor, "H W"] | None = None,
    kernels: Mapping[str, Tensor] | None = None,
    tychonov: Deblur = restoration.tychonov_deblur,
    ridge: Deblur = restoration.ridge_deblur,
    inverse: Inverse = restoration.inverse_filter,
) -> Explorer:
    """Return an explorer of deblurring: kernel, noise, method and λ, with the PSNR as you move them.

    Parameters
    ----------
    image : Tensor
        Gray image ``(H, W)``, 256 × 256 or less to be quick; the cameraman by default.
    kernels : mapping
        Name -> kernel ``(h, w)``; by default those of the course. One more is drawn with the mouse.
    tychonov, ridge : callable
        Your own functions for these methods, called with the observation, the kernel and λ.
    inverse : callable
        Your own inverse filter, called with the observation and the kernel.

    Returns
    -------
    Explorer
        Controls "kernel", "noise", "method", "weight" and "drawing", which chooses itself when you draw. The picture
        has the four panels of `deblurring_picture`: original and observed above, restored and transfer function below.

    Raises
    ------
    ValueError, TypeError
        As `deblurring_picture`.
    """
    u0 = load_image("cameraman", 256) if image is None else image
    choices = dict(kernels) if kernels else {name: load_kernel(name) for name in names_of_kind("kernel")}
    controls = {
        "kernel": _choice("kernel", [*choices, DRAWN]),
        "noise": slider("255 σ", 4.0, 0.0, 20.0, 0.5),
        "method": _choice("method", DEBLURRING_METHODS),
        "weight": _log_slider("λ", 0.01, -5, 1, 0.125),
        "drawing": KernelPad(),
    }
    functions = (tychonov, ridge, inverse)

    def draw(name: str, noise: float, method: str, lam: float, drawing: list[list[int]]) -> tuple[Tensor, Numbers]:
        kernel = drawn_kernel(drawing) if name == DRAWN else choices[name]
        panels, numbers = deblurring_picture(u0, kernel, noise / 255, method, lam, *functions)
        return torch.cat([torch.cat(list(panels[:2]), 1), torch.cat(list(panels[2:]), 1)]), numbers

    def choose_drawn(_: object) -> None:
        controls["kernel"].value = DRAWN

    controls["drawing"].observe(choose_drawn, names="value")

    alt = "Above, original and observed photograph; below, restored photograph and transfer function"
    return Explorer("deblurring", controls, draw, alt)


# --- notebook 07: total variation ------------------------------------------------------------------------------------

REGULARIZERS = ("smoothed TV", "Tychonov")
TV_ITERATIONS = 80  # what fits into a drawing while a slider moves
TV_FULL_ITERATIONS = 1000  # when it is at rest; the line of numbers says how far they have converged

Denoise = Callable[[Tensor, float, float, int], Tensor]
Smooth = Callable[[Tensor, float], Tensor]


@cache
def _photograph_and_noise(size: int = 256, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return the cameraman and noise of standard deviation 1."""
    u0 = load_image("cameraman", size)
    return u0, add_noise(torch.zeros_like(u0), 1.0, torch.Generator().manual_seed(seed))


def _tv_restored(
    lam: float, eps: float, sigma: float, regularizer: str, denoise: Denoise, tychonov: Smooth, n: int
) -> tuple[Tensor, Tensor, dict[str, float | str]]:
    """Return the noisy image, the restored one and their numbers."""
    u0, noise = _photograph_and_noise()
    v = u0 + sigma * noise
    if regularizer == "Tychonov":
        u = _call(tychonov, v.shape, v, lam).to(v)
        slope = u - v - lam * laplacian(u)
    else:
        u = _call(denoise, v.shape, v, lam, eps, n).to(v)
        slope = u - v + lam * smoothed_tv_gradient(u, eps)
    numbers: dict[str, float | str] = {"PSNR of v (dB)": psnr(v, u0), "PSNR (dB)": psnr(u, u0)}
    numbers["RMS of ∇F"] = f"{slope.square().mean().sqrt().item():.0e}"
    return v, u, numbers if regularizer == "Tychonov" else numbers | {"iterations": f"at most {n}"}


def _split_view(before: Tensor, after: Tensor, divider: float) -> Tensor:
    """Return an image that is ``before`` left of a white line and ``after`` right of it."""
    column = round(require_number(divider, "divider", minimum=0) * before.shape[-1])
    line = torch.ones_like(before[:, :1])[:, : int(0 < column < before.shape[-1])]
    return torch.cat([before[:, :column], line, after[:, column + line.shape[1] :]], dim=1)


def tv_picture(
    lam: float = 0.08,
    eps: float = 1e-2,
    sigma: float = 0.1,
    regularizer: str = "smoothed TV",
    divider: float = 0.5,
    denoise: Denoise = accelerated_tv_denoise,
    tychonov: Smooth = tychonov_denoise,
    n_iterations: int = TV_ITERATIONS,
) -> tuple[Float[Tensor, "H W"], dict[str, float | str]]:
    """Return the cameraman, noisy left of a divider and denoised right of it, and the numbers of the whole image.

    Parameters
    ----------
    lam : float
        Weight λ >= 0.
    eps : float
        Smoothing ε > 0 of the total variation, in the unit of the image; Tychonov does not use it.
    sigma : float
        Noise, >= 0, for images with values in [0, 1].
    regularizer : str
        "smoothed TV" or "Tychonov".
    divider : float
        Place of the divider, 0 (only the denoised image) to 1 (only the noisy one).
    denoise : callable
        Minimizes with TV_ε in n iterations, ``denoise(v, lam, eps, n)``: your own solution, if you like.
    tychonov : callable
        Minimizes with Tychonov's regularization, ``tychonov(v, lam)``: likewise.
    n_iterations : int
        n, at least 1.

    Returns
    -------
    (Tensor, dict)
        ``(256, 256)``, not clipped; PSNR of the noisy and of the denoised image in dB, and the root mean square of
        ∇F, which bounds the RMSE to the minimizer.

    Raises
    ------
    ValueError, TypeError
        If ``regularizer`` is unknown or a number is out of its range.
    """
    require_choice(regularizer, "regularizer", REGULARIZERS)
    lam, sigma = require_number(lam, "lam", minimum=0), require_number(sigma, "sigma", minimum=0)
    eps = require_number(eps, "eps", minimum=0, strict=True)
    if require_number(divider, "divider", minimum=0) > 1:
        raise ValueError(f"divider must be at most 1, got {divider:g}")
    n = require_count(n_iterations, "n_iterations")
    v, u, numbers = _tv_restored(lam, eps, sigma, regularizer, denoise, tychonov, n)
    return _split_view(v, u, divider), numbers


def explore_tv(
    denoise: Denoise = accelerated_tv_denoise,
    tychonov: Smooth = tychonov_denoise,
    n_iterations: int = TV_FULL_ITERATIONS,
) -> Explorer:
    """Return an explorer of denoising: regularizer, λ, ε and σ, and a divider between the noisy and the denoised image.

    Parameters
    ----------
    denoise : callable
        Minimizes with TV_ε in n iterations, ``denoise(v, lam, eps, n)``: your own solution, if you like.
    tychonov : callable
        Minimizes with Tychonov's regularization, ``tychonov(v, lam)``: likewise.
    n_iterations : int
        n when the controls are at rest; while one moves it is 80 at most. The numbers say which.

    Returns
    -------
    Explorer
        Controls "lam", "eps", "sigma", "regularizer" and "divider", as the arguments of `tv_picture`.
    """
    n_iterations = require_count(n_iterations, "n_iterations")
    controls = {
        "lam": _log_slider("λ", 0.08, -3, 1, 0.05),
        "eps": _log_slider("ε", 1e-2, -3, 0, 0.05),
        "sigma": slider("noise σ", 0.1, 0.0, 0.3, 0.01),
        "regularizer": _choice("regularizer", REGULARIZERS),
        "divider": slider("divider", 0.5, 0.0, 1.0, 0.02),
    }
    known: dict[tuple[object, ...], tuple[Tensor, Tensor, dict[str, float | str]]] = {}  # the last result

    def restored(n: int, *values: Any) -> tuple[Tensor, Tensor, dict[str, float | str]]:
        if values not in known:
            lam, eps, sigma, regularizer = values
            result = _tv_restored(lam, eps, sigma, regularizer, denoise, tychonov, n)
            if n < n_iterations and regularizer != "Tychonov":
                return *result[:2], result[2] | {"iterations": f"at most {n} while you move"}
            known.clear()
            known[values] = result
        return known[values]  # moving the divider computes nothing

    def draw(n: int, *values: Any) -> tuple[Tensor, Numbers]:
        v, u, numbers = restored(n, *values[:-1])
        return _split_view(v, u, values[-1]), numbers

    alt = "The cameraman, noisy left of the divider, denoised right of it"
    draft, full = (partial(draw, n) for n in (min(TV_ITERATIONS, n_iterations), n_iterations))
    return Explorer("denoising", controls, full, alt, zoom=2, draft=draft)


# --- notebook 10: Gatys' texture synthesis ---------------------------------------------------------------------------

GATYS_SIZE = 64  # side of the images: an evaluation takes less than a tenth of a second

Watch = Callable[[Tensor, float], object]


@lru_cache(maxsize=len(TEXTURE_LAYERS))
def _texture_network(last: str) -> VGGFeatures:
    return VGGFeatures("vgg16", TEXTURE_LAYERS[: TEXTURE_LAYERS.index(last) + 1])


@cache
def _small_exemplar(texture: str) -> Tensor:
    return center_crop(load_image(texture, 4 * GATYS_SIZE), GATYS_SIZE).float()


def _beside(u: Tensor, x: Tensor) -> Tensor:
    """Return two images side by side, with a white gap."""
    return torch.cat([u, torch.ones_like(u[..., :4]), x], dim=-1)


def gatys_picture(
    texture: str = "gravel",
    last: str = "pool4",
    seed: int = 0,
    n_iterations: int = 40,
    watch: Watch | None = None,
    statistic: Statistic = gram_matrix,
) -> tuple[Float[Tensor, "*channels H W"], dict[str, float | str]]:
    """Return a texture of 64 x 64 pixels beside the one that Gatys' algorithm makes of it, and the loss.

    Parameters
    ----------
    texture : str
        Name of a texture of the course.
    last : str
        The deepest layer used: conv1_1, pool1, pool2, pool3 or pool4; those before it are used too.
    seed : int
        Seed of the noise.
    n_iterations : int
        Evaluations of E and its gradient.
    watch : callable
        Called as ``watch(x, E(x))`` after each of them; it ends the synthesis by raising ``StopIteration``.
    statistic : callable
        From features ``(n, h, w)`` to what is matched: your own Gram matrix, if you like.

    Returns
    -------
    (Tensor, dict)
        The picture, not clipped; how many evaluations there were, and E at the end.

    Raises
    ------
    ValueError
        If ``texture`` or ``last`` is unknown, or ``n_iterations`` is below 1.
    """
    u = _small_exemplar(require_choice(texture, "texture", names_of_kind("texture")))
    network = _texture_network(require_choice(last, "last", TEXTURE_LAYERS))
    generator = torch.Generator().manual_seed(seed)
    x, losses = synthesize_texture(
        u, network, None, generator, n_iterations, statistic=statistic, callback=watch, progress=False
    )
    return _beside(u, x), {"evaluations": str(len(losses)), "E": f"{min(losses):.1e}"}


def loss_curve_svg(losses: Sequence[float], n_iterations: int) -> str:
    """Return E against the number of evaluations as SVG, on a logarithmic scale, with a dot at the last one."""
    levels = [math.log10(max(loss, 1e-30)) for loss in losses]
    low, high = math.floor(min(levels)), math.ceil(max(levels))
    span = max(high - low, 1)
    points = [(i / max(n_iterations - 1, 1), (level - low) / span) for i, level in enumerate(levels)]
    labels = [f"1e{low + span}", f"1e{low}", "E after 1", f"{n_iterations} evaluations"]
    return _curve_svg(points, len(points) - 1, labels, f"E after {len(losses)} evaluations: {losses[-1]:.1e}")


def _gatys_controls() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is chosen before a synthesis, and the buttons."""
    choices = {
        "texture": _choice("texture", names_of_kind("texture")),
        "last": _choice("layers up to", TEXTURE_LAYERS),
        "seed": count_slider("seed", 0, 0, 20),
    }
    choices["texture"].value, choices["last"].value = "gravel", "pool4"
    width = {"width": "8em"}
    buttons = {
        "run": widgets.Button(description="run", layout=width),
        "pause": widgets.ToggleButton(description="pause", layout=width),
        "stop": widgets.Button(description="stop", layout=width),
    }
    return choices, buttons


def explore_gatys(n_iterations: int = 100, statistic: Statistic = gram_matrix) -> Explorer:
    """Return an explorer of Gatys' algorithm: choose texture, layers and seed, run, watch, pause, stop.

    The synthesis runs in a thread of its own, so that the kernel stays free; it looks at the buttons after each
    evaluation. When it is stopped the best image so far stays. A change of the choices ends it.

    Parameters
    ----------
    n_iterations : int
        Evaluations of E and its gradient.
    statistic : callable
        From features ``(n, h, w)`` to what is matched: your own Gram matrix, if you like.

    Returns
    -------
    Explorer
        Controls "texture", "last" and "seed", as the arguments of `gatys_picture`; "run", "pause" and "stop".
    """
    n_iterations = require_count(n_iterations, "n_iterations")
    choices, buttons = _gatys_controls()
    curve = widgets.HTML()
    running: list[threading.Event] = []  # the event that ends the current synthesis

    def end() -> None:
        while running:
            running.pop().set()

    def draw(texture: str, last: str, seed: int) -> tuple[Tensor, Numbers]:
        end()
        curve.value = ""
        u = _small_exemplar(texture)
        numbers = {"exemplar": texture, "layers up to": last, "seed": str(seed), "synthesis": "press run"}
        return _beside(u, torch.full_like(u, 0.5)), numbers

    alt = "Left, the exemplar; right, the texture that is being synthesized"
    explorer = Explorer("Gatys' algorithm", choices, draw, alt, 4, [widgets.HBox(list(buttons.values())), curve])
    explorer.controls |= buttons

    def run(_: object) -> None:
        explorer.drawing.flush()  # a choice just made would end what begins now
        end()
        running.append(threading.Event())
        settings = {name: control.value for name, control in choices.items()}
        settings |= {"n_iterations": n_iterations, "statistic": statistic}
        synthesis = _Synthesis(explorer, curve, running, running[0], buttons["pause"], _in_event_loop())
        explorer.thread = threading.Thread(target=synthesis.run, args=(settings,), daemon=True)
        explorer.thread.start()

    buttons["run"].on_click(run)

    def stop(_: object) -> None:
        for ended in running:
            ended.set()

    buttons["stop"].on_click(stop)
    return explorer


def _in_event_loop() -> Callable[..., object]:
    """Return a function that calls another one in the kernel's event loop, or at once when there is none."""
    try:
        return asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        return lambda function, *args: function(*args)


@dataclass
class _Synthesis:
    """A synthesis that runs in a thread and shows how it advances, as long as it is the current one."""

    explorer: Explorer
    curve: widgets.HTML
    running: list[threading.Event]
    ended: threading.Event
    pause: widgets.ToggleButton
    call: Callable[..., object]

    def run(self, settings: dict[str, Any]) -> None:
        """Synthesize with these arguments of `gatys_picture`."""
        losses: list[float] = []
        u, n_iterations = _small_exemplar(settings["texture"]), settings["n_iterations"]

        def watch(x: Tensor, loss: float) -> None:
            losses.append(loss)
            numbers = {"evaluations": f"{len(losses)} of {n_iterations}", "E": f"{loss:.1e}"}
            self.call(self.show, _beside(u, x), numbers, loss_curve_svg(losses, n_iterations))
            while self.pause.value and not self.ended.wait(0.05):
                pass
            if self.ended.is_set():
                raise StopIteration

        try:
            picture, numbers = gatys_picture(**settings, watch=watch)
        except Exception as error:  # the student's statistic may raise anything, after a while
            self.call(self.fail, f"{type(error).__name__}: {error}")
            return
        state = {"state": "stopped" if self.ended.is_set() else "done"}
        self.call(self.show, picture, numbers | state, loss_curve_svg(losses, n_iterations))

    def show(self, picture: Tensor, numbers: Numbers, curve: str) -> None:
        if self.ended in self.running:
            self.explorer.show(picture, numbers)
            self.curve.value = curve

    def fail(self, problem: str) -> None:
        if self.ended in self.running:
            self.explorer.tell(problem)
