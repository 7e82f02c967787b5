"""Figures of the course: images at fixed ranges, spectra, kernels, curves, and the figures of the lecture's slides."""

from __future__ import annotations

import html
import json
import math
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Markdown, display
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter
from torch import Tensor

from course_utils._validation import require_choice, require_image
from course_utils.data import FETCHED
from course_utils.images import to_numpy

# Okabe-Ito palette, with gray for black so that it shows on dark slides. Curves differ by line style as well, points by
# shape.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SPECTRUM_MAP = "cividis"
SIGNED_MAP = "RdBu_r"

# A figure 10 inches wide that a 4:3 beamer slide (5.04 inches) shows at full width: 16 points become 8 there. In print
# it takes both columns, 7.16 inches, at the size at which it is made, and no text may be under 7 points. Indices of
# formulas are smaller, as in all typesetting; numbers on axes have no exponents, which would be.
SMALLEST_FONT = {"slides": 1.6, "print": 7.0 / 7.16, "dark": 1.6}  # points per inch of the figure's width
SCALE = {"slides": 1.0, "print": 0.716, "dark": 1.0}  # size of a figure over the size that the notebook asks for
TALLEST_SLIDE = 0.58  # height over width that a slide has room for under its title
PNG_DPI = 200  # least resolution of a figure's PNG: 2000 pixels across a slide
FINEST_DPI = 400  # most
PREVIEW_DPI = 144  # in the gallery

_COMMON = {
    "font.family": "DejaVu Sans",
    "font.size": 16,
    "axes.titlesize": 16,
    "figure.dpi": 72,
    "lines.linewidth": 2.2,
    "lines.markersize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "course",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
_LIGHT_ON_DARK = {
    "figure.facecolor": "#1c1c1c",
    "savefig.facecolor": "#1c1c1c",
    "axes.facecolor": "#1c1c1c",
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor", "xtick.color", "ytick.color"), "#f0f0f0"
    ),
}
STYLES: dict[str, dict[str, Any]] = {
    "slides": {},
    "print": {"font.size": 9, "axes.titlesize": 9, "lines.linewidth": 1.4, "lines.markersize": 6},
    "dark": _LIGHT_ON_DARK,
}


class _PlainNumbers(LogFormatter):
    """Label a logarithmic axis with 0.01, 100 or 1e-8: the exponent of 10⁻⁸ cannot be read on a slide."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}".replace("e-0", "e-") if super().__call__(x, pos) else ""


@dataclass(frozen=True)
class SlideFigure:
    """One figure of the lecture as the manifest describes it."""

    name: str
    slide: str
    notebook: str
    caption: str
    alt: str


@cache
def manifest() -> dict[str, SlideFigure]:
    """Return the figures of the lecture by name, in the lecture's order, as ``figures.toml`` lists them."""
    return read_manifest(Path(__file__).with_name("figures.toml"))


def read_manifest(path: Path) -> dict[str, SlideFigure]:
    """Return the figures that a file like ``figures.toml`` lists, in its order."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: SlideFigure(name, **entry) for name, entry in entries.items()}


def style_name() -> str:
    """Return the current style, named by the environment variable ``COURSE_STYLE``."""
    return require_choice(os.environ.get("COURSE_STYLE", "slides"), "COURSE_STYLE", STYLES)


def style() -> Any:
    """Return matplotlib's settings for the current style."""
    return _COMMON | STYLES[style_name()]


def new_figure(rows: int = 1, columns: int = 1, width: float = 10.0, height: float = 3.4) -> tuple[Figure, np.ndarray]:
    """Return a figure in the course's style and its ``(rows, columns)`` array of axes; sizes in inches."""
    size = (width * SCALE[style_name()], height * SCALE[style_name()])
    with plt.rc_context(style()):
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    return figure, axes


def show_images(
    images: Sequence[Tensor],
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    width: float = 10.0,
    color_map: str = "gray",
) -> Figure:
    """Return a figure of images side by side, all shown over the same range of values.

    Parameters
    ----------
    images : images ``(H, W)`` or ``(3, H, W)``.
    titles : one title per image.
    columns : images per row; by default all in one row.
    value_range : values shown as black and white (as the two ends of ``color_map``).
    width : width of the figure in inches.
    color_map : matplotlib colour map of gray images.

    Raises
    ------
    ValueError
        If there is no image, or not one title per image.
    """
    if len(images) == 0:
        raise ValueError("images is empty: give at least one image")
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"titles must have one entry per image, got {len(titles)} for {len(images)} images")
    columns = min(columns or len(images), len(images))
    rows = -(-len(images) // columns)
    ratio = max(u.shape[-2] / u.shape[-1] for u in images)
    figure, axes = new_figure(rows, columns, width, rows * (width / columns * ratio + (0.3 if titles else 0.05)))
    for index, axis in enumerate(axes.flat):
        axis.axis("off")
        if index < len(images):
            draw_image(axis, images[index], value_range, color_map)
            if titles is not None:
                axis.set_title(titles[index], fontsize=style()["axes.titlesize"])
    return figure


def draw_image(
    axis: Axes,
    u: Tensor,
    value_range: tuple[float, float] = (0.0, 1.0),
    color_map: str = "gray",
    title: str | None = None,
) -> None:
    """Draw one image into ``axis``; values outside ``value_range`` are saturated in the picture only."""
    low, high = value_range
    pixels = to_numpy(require_image(u, "u").detach())
    if pixels.ndim == 3:
        pixels = np.clip((pixels - low) / (high - low), 0.0, 1.0)  # matplotlib ignores the range of a colour image
    axis.imshow(pixels, cmap=color_map, vmin=low, vmax=high)
    axis.set_axis_off()
    if title is not None:
        axis.set_title(title, fontsize=style()["axes.titlesize"])


def show_spectrum(
    transfers: Sequence[Tensor], titles: Sequence[str] | None = None, decades: float = 6.0, width: float = 10.0
) -> Figure:
    """Return a figure of log10|û|, zero frequency in the middle, all over the same ``decades`` below the maximum.

    Parameters
    ----------
    transfers : full spectra or transfer functions ``(H, W)``, real or complex, zero frequency first (as from ``fft2``).
    titles : one title per spectrum.
    decades : range shown, in powers of ten.
    width : width of the figure in inches.
    """
    moduli = [torch.fft.fftshift(spectrum.detach().abs()).double().cpu() for spectrum in transfers]
    top = max(torch.log10(modulus.max()).item() for modulus in moduli)
    with plt.rc_context(style()):
        figure, axes = new_figure(1, len(transfers), width, width / (len(transfers) + 0.6) + 0.3)
        for index, (axis, modulus) in enumerate(zip(axes.flat, moduli, strict=True)):
            shown = torch.log10(modulus.clamp(min=10 ** (top - decades)))
            drawn = axis.imshow(shown.numpy(), cmap=SPECTRUM_MAP, vmin=top - decades, vmax=top)
            axis.set_axis_off()
            if titles is not None:
                axis.set_title(titles[index])
        figure.colorbar(drawn, ax=axes, shrink=0.85, label="log10 of the modulus")
    return figure


def show_kernel(
    kernels: Sequence[Float[Tensor, "_ _"]], titles: Sequence[str] | None = None, width: float = 10.0
) -> Figure:
    """Return a figure of blur kernels, each from 0 (black) to its own maximum (white)."""
    figure, axes = new_figure(1, len(kernels), width, width / len(kernels) + 0.3)
    for index, (axis, kernel) in enumerate(zip(axes.flat, kernels, strict=True)):
        axis.imshow(to_numpy(kernel), cmap="gray", vmin=0.0, vmax=float(kernel.max()))
        axis.set_axis_off()
        if titles is not None:
            axis.set_title(titles[index], fontsize=style()["axes.titlesize"])
    return figure


def plot_curves(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    x_label: str,
    y_label: str,
    x_scale: str = "linear",
    y_scale: str = "linear",
    axis: Axes | None = None,
    width: float = 7.0,
) -> Figure:
    """Return a figure of labelled curves, told apart by colour and by line style, and points, by colour and by shape.

    Parameters
    ----------
    curves : label -> (abscissas, ordinates). A single point is drawn as a marker.
    x_label, y_label : what the axes show, with units.
    x_scale, y_scale : "linear" or "log".
    axis : axes to draw into; by default a new figure of ``width`` inches.
    """
    if axis is None:
        axis = new_figure(1, 1, width, 0.5 * width)[1][0, 0]
    with plt.rc_context(style()):
        for index, (label, (x, y)) in enumerate(curves.items()):
            point = len(x) == 1
            colour, line = PALETTE[index % len(PALETTE)], "none" if point else LINE_STYLES[index % len(LINE_STYLES)]
            marker = MARKERS[index % len(MARKERS)] if point else None
            axis.plot(x, y, color=colour, linestyle=line, marker=marker, label=label)
        axis.set(xlabel=x_label, ylabel=y_label, xscale=x_scale, yscale=y_scale)
        for ruler, scale in ((axis.xaxis, x_scale), (axis.yaxis, y_scale)):
            if scale == "log":
                ruler.set_major_formatter(_PlainNumbers())
                ruler.set_minor_formatter(_PlainNumbers())
        axis.grid(alpha=0.3)
        if len(curves) > 1:
            axis.legend(framealpha=0.8, edgecolor="none")
    figure = axis.figure
    assert isinstance(figure, Figure)
    return figure


def move_legend(axis: Axes, place: str, anchor: tuple[float, float] | None = None, columns: int = 1) -> None:
    """Put the legend of ``axis`` elsewhere, in the course's style.

    Parameters
    ----------
    axis : axes whose curves have labels.
    place : matplotlib's name of the place, such as "upper center".
    anchor : point of the axes, in units of their size, that the place refers to; (0.5, -0.2) is below.
    columns : number of columns.
    """
    with plt.rc_context(style()):
        legend: Any = axis.legend  # its overloads know the places one by one, not as str
        legend(framealpha=0.8, edgecolor="none", loc=place, bbox_to_anchor=anchor, ncols=columns)


def show(figure: Figure, alt: str) -> None:
    """Display ``figure`` once, with ``alt`` as its alternative text, and close it."""
    display(figure, metadata={"image/png": {"alt": alt}})
    plt.close(figure)


def slide_figure(figure: Figure, name: str) -> None:
    """Display a figure of the lecture with its caption, under the name that the manifest gives it.

    When the environment variable ``COURSE_FIGURES`` names a folder, the figure is written there too, in the formats of
    ``COURSE_FORMATS``: so ``course figures`` gets from the notebook the very picture that the notebook shows.

    Parameters
    ----------
    figure : the figure.
    name : its name in ``figures.toml``, which holds its slide title, notebook, caption and alternative text.

    Raises
    ------
    ValueError
        If the manifest has no figure of that name, or if the figure cannot be read on a slide: too tall, or a text
        under 8 points when a 4:3 slide shows it at full width.
    """
    entry = manifest()[require_choice(name, "name", manifest())]
    _require_legible(figure, name)
    if folder := os.environ.get("COURSE_FIGURES"):
        _export(figure, entry, Path(folder), os.environ.get("COURSE_FORMATS", "pdf,png,svg").split(","))
    show(figure, entry.alt)
    display(Markdown(f"*Figure `{name}`. {entry.caption}*"))


def _require_legible(figure: Figure, name: str) -> None:
    """Raise unless a beamer slide can show ``figure`` at full width with every text at 8 points or more."""
    width, height = figure.get_size_inches()
    least = SMALLEST_FONT[style_name()] * width
    if height > TALLEST_SLIDE * width:
        raise ValueError(
            f"{name} is {width:g} x {height:.3g} inches: a slide has room for {TALLEST_SLIDE * width:.3g} in height"
        )
    for text in figure.findobj(Text):
        if text.get_text().strip() and text.get_visible() and text.get_fontsize() < least - 1e-6:
            raise ValueError(
                f"{name}: {text.get_text()!r} is set in {text.get_fontsize():g} points, "
                f"style {style_name()!r} needs {least:g} at this width"
            )


def _export(figure: Figure, entry: SlideFigure, folder: Path, formats: Sequence[str]) -> None:
    """Write the figure into ``folder``: a preview, one file per format, and what is to be read in it as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    _follow_ink(figure)
    with plt.rc_context(style() | {"image.composite_image": False}):
        figure.savefig(folder / f"{entry.name}.preview.png", dpi=PREVIEW_DPI, metadata={"Software": None})
        resolution = _show_native_pixels(figure)
        for kind in formats:
            path = folder / f"{entry.name}.{kind}"
            figure.savefig(path, dpi=resolution, metadata=_metadata(entry, kind))
    if "svg" in formats:
        _describe_svg(folder / f"{entry.name}.svg", entry.alt)
    width, height = figure.get_size_inches()
    facts = {
        "size": [round(width, 3), round(height, 3)],
        "texts": _texts(figure),
        "color_maps": _color_maps(figure),
        "modules": sorted(name for name in sys.modules if name.partition(".")[0] == "course_utils"),
        "data": dict(sorted(FETCHED.items())),
    }
    (folder / f"{entry.name}.json").write_text(json.dumps(facts), encoding="utf-8")


def _follow_ink(figure: Figure) -> None:
    """Draw black lines and markers in the colour of the text, which is light in the dark style."""
    ink = style().get("text.color", "black")
    for line in figure.findobj(Line2D):
        if to_rgb(line.get_color()) == (0.0, 0.0, 0.0):
            line.set_color(ink)


def _show_native_pixels(figure: Figure) -> float:
    """Turn interpolation off, and return a resolution in dots per inch at which no image loses a pixel."""
    images = [image for axis in figure.axes for image in axis.images]
    inches = [image.get_window_extent().width / figure.dpi for image in images]
    finest = max((image.get_size()[1] / size for image, size in zip(images, inches, strict=True)), default=PNG_DPI)
    if finest > FINEST_DPI:  # images too large for their panels: PNG keeps its antialiasing
        return FINEST_DPI
    for image in images:
        image.set_interpolation("none")
    return float(finest * math.ceil(PNG_DPI / finest))  # a pixel of the finest image is a square of whole dots


def _metadata(entry: SlideFigure, kind: str) -> dict[str, str | None]:
    """Return the metadata of a file: the alternative text, and neither dates nor versions."""
    if kind == "pdf":
        described = {"Title": entry.slide, "Subject": entry.alt, "Keywords": entry.name}
        return described | {"Creator": None, "Producer": None, "CreationDate": None, "ModDate": None}
    if kind == "svg":
        return {"Title": entry.slide, "Creator": None, "Date": None}
    return {"Title": entry.slide, "Description": entry.alt, "Software": None}


def _describe_svg(path: Path, alt: str) -> None:
    """Make an SVG file one picture with an alternative text for those who listen to it."""
    drawing = path.read_text(encoding="utf-8").replace("<svg ", '<svg role="img" ', 1)
    described = f"</title>\n <desc>{html.escape(alt, quote=False)}</desc>"
    path.write_text(drawing.replace("</title>", described, 1), encoding="utf-8")


def _texts(figure: Figure) -> list[str]:
    """Return what is written in the figure: titles, labels, legends and annotations, not the numbers of the axes."""
    rulers = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    ticks = {label for axis in rulers for label in axis.get_ticklabels(which="both")}
    texts = [text for text in figure.findobj(Text) if text not in ticks and text.get_visible()]
    return [text.get_text().strip() for text in texts if text.get_text().strip()]


def _color_maps(figure: Figure) -> list[str]:
    """Return the colour maps of the images in one channel, contours and colour bars of the figure."""
    mapped = [artist for artist in figure.findobj() if isinstance(artist, ScalarMappable)]
    arrays = [(artist.get_array(), artist.get_cmap().name) for artist in mapped]
    return sorted({name for array, name in arrays if array is not None and array.ndim < 3})
