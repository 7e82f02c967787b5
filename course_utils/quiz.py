"""The lecture's question "Which blur kernel was used?", as a quiz that answers and says why."""

from __future__ import annotations

import hashlib
import html
from dataclasses import dataclass

import ipywidgets as widgets
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from course_utils._validation import require_choice, require_count
from course_utils.data import load_kernel
from course_utils.fourier import motion_kernel
from course_utils.images import load_image
from course_utils.operators import blur
from course_utils.plotting import draw_image, new_figure

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
    kernels = {letter: _kernel(name) for letter, name in letters.items()}
    return KernelQuiz(original, blur(original, _kernel(used)), kernels, letters, used)


def _why_not(chosen: str, used: str) -> str:
    if chosen == used:
        return "Look at what a bright point of the original has become: the stroke has another shape, or is turned."
    if used in ("trajectory", "line"):
        return "This kernel blurs all directions alike, but here some directions are smeared and others are not."
    if chosen in ("trajectory", "line"):
        return "This kernel would smear along its trajectory only, but here all directions are blurred."
    return "The width is similar, but not the shape: look at the edge of what small bright details have become."


def _kernel(name: str) -> Tensor:
    if name == "square":
        return torch.full((9, 9), 1 / 81, dtype=torch.float64)
    if name == "line":
        return motion_kernel(13, 30)
    original, _, change = name.partition(" ")
    return load_kernel(original).flip({"turned": (0, 1), "mirrored": (1,), "upside down": (0,), "": ()}[change])


def _table(kernels: list[Tensor]) -> Tensor:
    """Return four kernels, each from 0 to its own maximum and framed in white, in two rows."""
    cells = []
    for kernel in kernels:
        top, left = (CELL - kernel.shape[0]) // 2, (CELL - kernel.shape[1]) // 2
        cell = kernel.new_zeros(CELL, CELL)
        cell[top : top + kernel.shape[0], left : left + kernel.shape[1]] = kernel / kernel.max()
        cells.append(torch.nn.functional.pad(cell, (1, 1, 1, 1), value=1.0))
    return torch.cat([torch.cat(cells[:2], 1), torch.cat(cells[2:], 1)])
