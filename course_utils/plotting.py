"""Figures of the course: images at fixed ranges, spectra, kernels and curves."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter
from torch import Tensor

from course_utils._validation import require_choice, require_image, require_range
from course_utils.images import to_numpy

# Okabe-Ito palette, with gray for black so that it shows on dark slides. Curves differ by line style as well, points by
# shape.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SPECTRUM_MAP = "cividis"
SIGNED_MAP = "RdBu_r"

SCALE = {"slides": 1.0, "print": 0.716, "dark": 1.0}  # size of a figure over the size that the notebook asks for

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
_DARK, _LIGHT = "#1c1c1c", "#f0f0f0"
_LIGHT_ON_DARK = {
    **dict.fromkeys(("figure.facecolor", "savefig.facecolor", "axes.facecolor"), _DARK),
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor", "xtick.color", "ytick.color"), _LIGHT
    ),
}
STYLES: dict[str, dict[str, Any]] = {
    "slides": {},
    "print": {"font.size": 9, "axes.titlesize": 9, "lines.linewidth": 1.4, "lines.markersize": 6},
    "dark": _LIGHT_ON_DARK,
}
# Where zero is white on paper, it is the ground of a dark slide there: a panel of it would be a lamp.
_ON_DARK: dict[str, tuple[str, ...]] = {"Blues": (_DARK, "#1d5f94", "#56b4e9", "#e3f2fc")}
_ON_DARK[SIGNED_MAP] = ("#9bd0f5", "#3a86bd", _DARK, "#c4533c", "#ffb8a3")
DARK_MAPS = {name: LinearSegmentedColormap.from_list(f"{name} on dark", colors) for name, colors in _ON_DARK.items()}


class _PlainNumbers(LogFormatter):
    """Label a logarithmic axis with 0.01, 100 or 1e-8: the exponent of 10⁻⁸ cannot be read on a slide."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}".replace("e-0", "e-") if super().__call__(x, pos) else ""


def style_name() -> str:
    """Return the current style, named by the environment variable ``COURSE_STYLE``."""
    return require_choice(os.environ.get("COURSE_STYLE", "slides"), "COURSE_STYLE", STYLES)


def style() -> Any:
    """Return matplotlib's settings for the current style."""
    return _COMMON | STYLES[style_name()]


def paper() -> float:
    """Return the gray in [0, 1] on which the current style draws: 1, white, except on dark slides."""
    return float(to_rgb(style().get("figure.facecolor", "white"))[0])


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
    """Return a figure of images ``(H, W)`` or ``(3, H, W)`` side by side, ``value_range`` from black to white.

    ``columns`` images in a row, all by default; ``width`` in inches; ``color_map`` of the gray ones.
    """
    _require_tensors(images, "images", titles)
    for u in images:
        require_image(u, "images")
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
    low, high = require_range(value_range)
    _require_axes(axis)
    pixels = to_numpy(require_image(u, "u").detach())
    if pixels.ndim == 3:
        pixels = np.clip((pixels - low) / (high - low), 0.0, 1.0)  # matplotlib ignores the range of a colour image
    axis.imshow(pixels, cmap=color_map, vmin=low, vmax=high)
    axis.set_axis_off()
    if title is not None:
        axis.set_title(title, fontsize=style()["axes.titlesize"])


def show_spectrum(transfers: Sequence[Tensor], titles: Sequence[str] | None = None, decades: float = 6.0) -> Figure:
    """Return a figure of log10|û|, zero frequency in the middle, all over the same ``decades`` below the maximum.

    ``transfers`` are full spectra or transfer functions ``(H, W)``, real or complex, as from ``torch.fft.fft2``.
    """
    _require_tensors(transfers, "transfers", titles)
    moduli = [torch.fft.fftshift(spectrum.detach().abs()).cpu().double() for spectrum in transfers]
    top = max(torch.log10(modulus.max()).item() for modulus in moduli)
    with plt.rc_context(style()):
        figure, axes = new_figure(1, len(transfers), height=10 / (len(transfers) + 0.6) + 0.3)
        for index, (axis, modulus) in enumerate(zip(axes.flat, moduli, strict=True)):
            shown = torch.log10(modulus.clamp(min=10 ** (top - decades)))
            drawn = axis.imshow(shown.numpy(), cmap=SPECTRUM_MAP, vmin=top - decades, vmax=top)
            axis.set_axis_off()
            if titles is not None:
                axis.set_title(titles[index])
        figure.colorbar(drawn, ax=axes, shrink=0.85, label="log₁₀ of the modulus")
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

    ``curves`` gives (abscissas, ordinates) by label; a single point is drawn as a marker. The scales are "linear" or
    "log". Without ``axis`` they are drawn into a new figure, ``width`` inches wide.
    """
    if not isinstance(curves, Mapping):
        raise TypeError(f"curves must be a dictionary from labels to (x, y), got {type(curves).__name__}")
    if axis is None:
        axis = new_figure(1, 1, width, 0.5 * width)[1][0, 0]
    _require_axes(axis)
    with plt.rc_context(style()):
        for index, (label, (x, y)) in enumerate(curves.items()):
            point = len(x) == 1
            colour, line = PALETTE[index % len(PALETTE)], "none" if point else LINE_STYLES[index % len(LINE_STYLES)]
            marker = MARKERS[index % len(MARKERS)] if point else None
            x, y = (values.detach().cpu() if isinstance(values, Tensor) else values for values in (x, y))
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
    """Put the legend of ``axis`` elsewhere: at ``place``, matplotlib's name such as "upper center", in ``columns``.

    ``anchor`` is the point that the place refers to, in units of the size of the axes: (0.5, -0.2) is below them.
    """
    _require_axes(axis)
    require_choice(place, "place", Legend.codes)
    with plt.rc_context(style()):
        legend: Any = axis.legend  # its overloads know the places one by one, not as str
        legend(framealpha=0.8, edgecolor="none", loc=place, bbox_to_anchor=anchor, ncols=columns)


def _require_axes(axis: object) -> None:
    if not isinstance(axis, Axes):
        raise TypeError(f"axis must be matplotlib axes, got {type(axis).__name__}")


def _require_tensors(values: object, name: str, titles: object) -> None:
    """Raise unless ``values`` are tensors, at least one, and ``titles``, where there are, one for each."""
    if not isinstance(values, Sequence) or not all(isinstance(value, Tensor) for value in values):
        raise TypeError(f"{name} must be a sequence of tensors, got {type(values).__name__}")
    if not values:
        raise ValueError(f"{name} is empty: give at least one")
    if titles is not None and (not isinstance(titles, Sequence) or len(titles) != len(values)):
        raise ValueError(f"titles must be {len(values)}, one for each of the {name}, got {titles!r}")


def show(figure: Figure, alt: str) -> None:
    """Display ``figure`` once, with ``alt`` as its alternative text, and close it."""
    set_minus_signs(figure)
    display(figure, metadata={"image/png": {"alt": alt}})
    plt.close(figure)


def set_minus_signs(figure: Figure) -> None:
    """Write negative numbers and terms, such as −log D, with a minus sign, as on the axes: the hyphen is shorter."""
    if not isinstance(figure, Figure):
        raise TypeError(f"figure must be a matplotlib figure, got {type(figure).__name__}")
    for text in figure.findobj(Text):
        written = re.sub(r"(?<![\w.)\]}|-])-(?=[\w(‖|∇$\\])", "−", text.get_text())
        if written != text.get_text():
            text.set_text(written)
