"""The figures of the lecture's slides: what their cards say, that a slide can be read, and their files.

A figure is described in the card of its notebook, ``notebooks/src/NN_name.toml``; the lecture's slides, in order, are
in ``lecture.toml``.
"""

from __future__ import annotations

import html
import json
import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

from course_utils._validation import require_choice, require_mapping, require_path, require_sequence
from course_utils.data import FETCHED
from course_utils.plotting import DARK_MAPS, SCALE, set_minus_signs, show, style, style_name

PACKAGE = Path(__file__).parent
# A figure 10 inches wide that a 4:3 beamer slide (5.04 inches) shows at full width: 16 points become 8 there. In print
# it takes both columns, 7.16 inches, at the size at which it is made, and no text may be under 7 points. Indices of
# formulas are smaller, as in all typesetting; numbers on axes have no exponents, which would be.
SMALLEST_FONT = {"slides": 1.6, "print": 7.0 / 7.16, "dark": 1.6}  # points per inch of the figure's width
SLIDE_FONT = 16  # points at which notebooks write
TALLEST_SLIDE = 0.58  # height over width that a slide has room for under its title
PNG_DPI = 200  # least resolution of a figure's PNG: 2000 pixels across a slide
FINEST_DPI = 400  # most
SLACK = 1.0  # points by which a letter's box may be wider than its ink
PREVIEW_DPI = 144  # in the gallery

Card = Mapping[str, Any]


@dataclass(frozen=True)
class SlideFigure:
    """One figure of the lecture as the card of its notebook describes it."""

    name: str
    slide: str
    notebook: str
    caption: str
    alt: str


@cache
def lecture(path: Path = PACKAGE / "lecture.toml") -> tuple[str, ...]:
    """Return the titles of the lecture's slides, in order."""
    return tuple(tomllib.loads(require_path(path).read_text(encoding="utf-8"))["slides"])


def cards_folder() -> Path:
    """Return where the cards are: in the checkout, else in the installed package, which carries them."""
    checkout = PACKAGE.parent / "notebooks" / "src"
    return checkout if checkout.is_dir() else PACKAGE / "_cards"


def read_cards(folder: Path) -> dict[str, Card]:
    """Return the cards in ``folder`` by the name of their notebook, in the course's order."""
    return {path.stem: read_card(path) for path in sorted(require_path(folder, "folder").glob("[0-9][0-9]_*.toml"))}


def read_card(path: Path) -> Card:
    """Return a card; the error of a file that is not TOML names it."""
    path = require_path(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name}: {error}") from None


def list_figures(cards: Mapping[str, Card], slides: Sequence[str]) -> dict[str, SlideFigure]:
    """Return the figures of the cards by name, in the order of the lecture's slides; a name is in one card only."""
    figures: dict[str, SlideFigure] = {}
    if not all(isinstance(title, str) for title in require_sequence(slides, "slides")):
        raise TypeError("slides must hold titles")
    for notebook, card in require_mapping(cards, "cards", "notebooks").items():
        for name, entry in card.get("figures", {}).items():
            if name in figures:
                raise ValueError(f"{notebook}.toml: figure {name!r} is also in {figures[name].notebook}.toml")
            require_choice(entry["slide"], f"{notebook}.toml: slide", slides)
            figures[name] = SlideFigure(name, notebook=notebook, **entry)
    return dict(sorted(figures.items(), key=lambda item: slides.index(item[1].slide)))


@cache
def manifest() -> dict[str, SlideFigure]:
    """Return the figures of the lecture by name, in the lecture's order, from all the cards."""
    return list_figures(read_cards(cards_folder()), lecture())


def slide_figure(figure: Figure, name: str) -> None:
    """Display a figure of the lecture under the name that its card gives it, with the card's caption.

    A figure that a slide cannot show is a ValueError: too tall, or a text under 8 points when a 4:3 slide shows it at
    full width. When the environment variable ``COURSE_FIGURES`` names a folder, the figure is written there too, in
    the formats of ``COURSE_FORMATS``: so ``course figures`` gets the very picture that the notebook shows. A text that
    the edge of a file would cut is a ValueError then.
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"figure must be a Matplotlib figure, got {type(figure).__name__}")
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


def _require_whole(figure: Figure, name: str) -> None:
    """Raise unless all that is written is inside the figure: a notebook widens its picture for it, a file cuts it."""
    figure.draw_without_rendering()
    for text in _written(figure):
        box = text.get_window_extent()
        beyond = max(-box.x0, -box.y0, box.x1 - figure.bbox.width, box.y1 - figure.bbox.height)
        if beyond > SLACK * figure.dpi / 72:
            raise ValueError(
                f"{name}: {text.get_text()!r} is cut: it reaches {beyond * 72 / figure.dpi:.0f} points out"
            )


def _export(figure: Figure, entry: SlideFigure, folder: Path, formats: Sequence[str]) -> None:
    """Write the figure into ``folder``: a preview, one file per format, and what is to be read in it as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = _texts(figure)
    _follow_ink(figure)
    _follow_letters(figure)
    _follow_size(figure)
    set_minus_signs(figure)
    _require_whole(figure, entry.name)
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
        "texts": texts,
        "color_maps": _color_maps(figure),
        "data": dict(sorted(FETCHED.items())),
    }
    (folder / f"{entry.name}.json").write_text(json.dumps(facts), encoding="utf-8")


def _follow_ink(figure: Figure) -> None:
    """On dark slides, draw dark gray lines in light gray, the white rims of points and the maps' white in the ground's.

    Lines include their markers. Photographs, which are gray or in colour, stay what they are.
    """
    if style_name() != "dark":
        return
    for line in figure.findobj(Line2D):
        gray, *others = to_rgb(line.get_color())
        if others == [gray, gray] and gray < 0.5:
            line.set_color(str((1 - gray) * to_rgb(style()["text.color"])[0]))
    for points in figure.findobj(PathCollection):
        if np.all(points.get_edgecolor() == 1.0):
            points.set_edgecolor(style()["figure.facecolor"])
    for artist in figure.findobj():
        if isinstance(artist, ScalarMappable) and artist.get_cmap().name in DARK_MAPS:
            artist.set_cmap(DARK_MAPS[artist.get_cmap().name])


def _follow_letters(figure: Figure) -> None:
    """Set what a notebook sized for slides in the size of the style: in print 16 points become 9, like the others."""
    size = style()["font.size"]
    for text in figure.findobj(Text):
        if text.get_fontsize() > size:
            text.set_fontsize(text.get_fontsize() * size / SLIDE_FONT)


def _follow_size(figure: Figure) -> None:
    """Draw lines and points that a notebook sized for slides in proportion to the figure, which is smaller in print."""
    scale, width, side = SCALE[style_name()], style()["lines.linewidth"], style()["lines.markersize"]
    legends = [line for legend in figure.findobj(Legend) for line in legend.get_lines()]
    for line in legends + [line for axes in figure.axes for line in axes.lines]:
        if line.get_linewidth() != width:
            line.set_linewidth(line.get_linewidth() * scale)
        if line.get_markersize() != side:
            line.set_markersize(line.get_markersize() * scale)
    for points in figure.findobj(PathCollection):
        points.set_sizes([area * scale**2 for area in points.get_sizes()])


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
    """Return what is written in the figure, as words."""
    return [text.get_text().strip() for text in _written(figure)]


def _written(figure: Figure) -> list[Text]:
    """Return what is written in the figure: titles, labels, legends and annotations, not the numbers of the axes."""
    rulers = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    ticks = {label for axis in rulers for label in axis.get_ticklabels(which="both")}
    texts = [text for text in figure.findobj(Text) if text not in ticks and text.get_visible()]
    return [text for text in texts if text.get_text().strip()]


def _color_maps(figure: Figure) -> list[str]:
    """Return the colour maps of the images in one channel, contours and colour bars of the figure.

    Contours drawn in one given colour have none: Matplotlib makes them one that it calls "unnamed".
    """
    mapped = [artist for artist in figure.findobj() if isinstance(artist, ScalarMappable)]
    arrays = [(artist.get_array(), artist.get_cmap().name) for artist in mapped]
    return sorted({name for array, name in arrays if array is not None and array.ndim < 3 and name != "unnamed"})
