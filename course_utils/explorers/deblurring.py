"""Explorer of lesson 04, with a kernel that can be drawn, and the quiz "Which blur kernel was used?"."""

from __future__ import annotations

import hashlib
import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anywidget
import ipywidgets as widgets
import torch
import traitlets
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from course_utils import restoration
from course_utils._validation import require_choice, require_count
from course_utils.data import load_kernel, names_of_kind
from course_utils.explorers.base import Explorer, Numbers, call, choice, explorer, log_slider, slider
from course_utils.fourier import kernel_to_transfer, motion_kernel
from course_utils.images import add_noise, load_image
from course_utils.metrics import mse, psnr
from course_utils.operators import blur
from course_utils.plotting import draw_image, new_figure, paper

Deblur = Callable[[Tensor, Tensor, float], Tensor]
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
    title = traitlets.Unicode("a kernel of yours (Shift erases):").tag(sync=True)
    background = traitlets.Unicode("").tag(sync=True)  # the address of a picture to draw on
    cell = traitlets.Int(8).tag(sync=True)  # screen pixels
    ink = traitlets.Unicode("white").tag(sync=True)
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
    Slides "Deblurring" and "Image Restoration by Optimization".
    """
    v = add_noise(blur(image, kernel), sigma, torch.Generator().manual_seed(0))
    weighted = {"Tychonov": tychonov, "ridge": ridge}
    if require_choice(method, "method", DEBLURRING_METHODS) in weighted:
        restored = call(weighted[method], v.shape, v, kernel, lam).to(v)
    else:
        restored = call(inverse, v.shape, v, kernel).to(v)
    modulus = torch.fft.fftshift(kernel_to_transfer(kernel, image.shape).abs()).clamp(min=LEAST_TRANSFER)
    panels = torch.stack([image, v, restored, 1 - torch.log10(modulus) / math.log10(LEAST_TRANSFER)])
    numbers = {"PSNR observed (dB)": psnr(v, image), "PSNR restored (dB)": psnr(restored, image)}
    if sigma > 0:
        numbers["‖k * u - v‖² / (|Ω|σ²)"] = mse(blur(restored, kernel), v) / sigma**2
    return panels, numbers


@explorer
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
        "kernel": choice("kernel", [*choices, DRAWN]),
        "noise": slider("255 σ", 4.0, 0.0, 20.0, 0.5),
        "method": choice("method", DEBLURRING_METHODS),
        "weight": log_slider("λ", 0.01, -5, 1, 0.125),
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


# --- the quiz ---------------------------------------------------------------------------------------------------------

SIZE = 256  # side of the photographs
CELL = 33  # side of the square in which each kernel is drawn
LETTERS = "ABCD"
# Photograph, top left corner of its part, kernels to choose from, and the word that shuffles them and picks the answer.
QUESTIONS = (
    ("astronaut", (256, 240), ("gaussian", "disk", "motion_1", "motion_2"), "cup"),
    ("coffee", (100, 230), ("motion_1", "motion_1 turned", "motion_1 mirrored", "motion_1 upside down"), "helmet"),
    ("temple", (120, 60), ("gaussian", "disk", "square", "line"), "lake"),
)
FAMILY = {name: "trajectory" for _, _, names, _ in QUESTIONS for name in names if name.startswith("motion")} | {
    name: name for name in ("gaussian", "disk", "square", "line")
}
HOW_SEEN = {
    "gaussian": "Bright points are round spots without an edge, and contours are soft in all directions.",
    "disk": "Each small bright detail has become a disk with a sharp edge, like lights behind a lens out of focus.",
    "square": "Each small bright detail has become a square; contours at 45 degrees are softer than the others.",
    "line": "Contours along one direction stay sharp, all others are smeared along it.",
    "trajectory": "Each bright point has drawn the kernel, as it is: k * u puts a copy of k at every point.",
}


@dataclass(frozen=True, eq=False, repr=False)
class KernelQuiz:
    """One question: a photograph, its blurred version, and four kernels to choose from.

    Attributes
    ----------
    original, blurred : Tensor
        Colour images ``(3, H, W)``.
    kernels : dict
        Letter -> kernel ``(h, w)``.
    """

    original: Float[Tensor, "3 H W"]
    blurred: Float[Tensor, "3 H W"]
    kernels: dict[str, Tensor]
    _names: dict[str, str]
    _used: str

    def verdict(self, letter: str) -> str:
        """Return whether the kernel of this letter was used, and how this is seen."""
        chosen = self._names[require_choice(letter, "letter", self.kernels)]
        if chosen == self._used:
            return f"{letter}: yes. {HOW_SEEN[FAMILY[chosen]]}"
        return f"{letter}: no. {_why_not(FAMILY[chosen], FAMILY[self._used])}"

    def answer(self, letter: str) -> None:
        """Print whether the kernel of this letter was used, and how this is seen."""
        print(self.verdict(letter))

    def figure(self) -> Figure:
        """Return a figure of the original, the blurred photograph and the four kernels."""
        figure, axes = new_figure(1, 3, height=3.7)
        draw_image(axes[0, 0], self.original, title="original")
        draw_image(axes[0, 1], self.blurred, title="blurred")
        draw_image(axes[0, 2], _table(list(self.kernels.values())), title="which kernel?")
        for index, letter in enumerate(self.kernels):
            row, column = divmod(index, 2)
            place = (2 + (CELL + 2) * column, 2 + (CELL + 2) * row)
            axes[0, 2].text(*place, letter, color="white", va="top", fontsize=16)
        return figure

    def widget(self) -> _Buttons:
        """Return four buttons that answer."""
        line = widgets.HTML("Which kernel was used?")
        buttons = {letter: widgets.Button(description=letter, tooltip=f"kernel {letter}") for letter in self.kernels}

        def tell(button: widgets.Button) -> None:
            line.value = f'<span role="status">{html.escape(self.verdict(button.description))}</span>'

        for button in buttons.values():
            button.on_click(tell)
        return _Buttons(buttons, line)


class _Buttons(widgets.VBox):
    """Buttons by letter, and the line in which they answer."""

    def __init__(self, controls: dict[str, widgets.Button], line: widgets.HTML) -> None:
        super().__init__(children=[widgets.HBox(list(controls.values())), line])
        self.controls, self.line = controls, line

    def __repr__(self) -> str:
        """Return what a notebook without a running kernel shows in the place of the buttons."""
        return "Buttons A, B, C, D: run this cell to use them, the next cell answers without them."


def which_kernel(question: int = 1) -> KernelQuiz:
    """Return one question of the quiz "Which blur kernel was used?".

    Parameters
    ----------
    question : int
        1, 2 or 3, from easy to hard.

    Returns
    -------
    KernelQuiz
        Show its ``figure()``, then answer with its ``widget()`` or by ``answer("A")``.

    Raises
    ------
    ValueError, TypeError
        If there is no such question.

    Notes
    -----
    Slide "Deblurring".
    """
    if require_count(question, "question") > len(QUESTIONS):
        raise ValueError(f"question must be 1 to {len(QUESTIONS)}, got {question}")
    photograph, (top, left), names, salt = QUESTIONS[question - 1]
    original = load_image(photograph)[:, top : top + SIZE, left : left + SIZE]
    order = sorted(names, key=lambda name: hashlib.sha256(f"{salt} {name}".encode()).digest())
    used = order[hashlib.sha256(salt.encode()).digest()[0] % len(order)]
    letters = dict(zip(LETTERS, order, strict=True))
    kernels = {letter: _quiz_kernel(name) for letter, name in letters.items()}
    return KernelQuiz(original, blur(original, _quiz_kernel(used)), kernels, letters, used)


def _why_not(chosen: str, used: str) -> str:
    if chosen == used:
        return "Look at what a bright point of the original has become: the stroke has another shape, or is turned."
    if used in ("trajectory", "line"):
        return "This kernel blurs all directions alike, but here some directions are smeared and others are not."
    if chosen in ("trajectory", "line"):
        return "This kernel would smear along its trajectory only, but here all directions are blurred."
    return "The width is similar, but not the shape: look at the edge of what small bright details have become."


def _quiz_kernel(name: str) -> Tensor:
    if name == "square":
        return torch.full((9, 9), 1 / 81, dtype=torch.float64)
    if name == "line":
        return motion_kernel(13, 30)
    original, _, change = name.partition(" ")
    return load_kernel(original).flip({"turned": (0, 1), "mirrored": (1,), "upside down": (0,), "": ()}[change])


def _table(kernels: list[Tensor]) -> Tensor:
    """Return four kernels, each from 0 to its own maximum and framed in the colour of paper, in two rows."""
    cells = []
    for kernel in kernels:
        top, left = (CELL - kernel.shape[0]) // 2, (CELL - kernel.shape[1]) // 2
        cell = kernel.new_zeros(CELL, CELL)
        cell[top : top + kernel.shape[0], left : left + kernel.shape[1]] = kernel / kernel.max()
        cells.append(torch.nn.functional.pad(cell, (1, 1, 1, 1), value=paper()))
    return torch.cat([torch.cat(cells[:2], 1), torch.cat(cells[2:], 1)])
