"""How the figures are lettered: small first letters but for names, no programmer's names, and true minus signs.

The sources are read for all the figures; `test_figures.py` holds the same rule on what the lecture's figures say.
"""

import ast
import re

import pytest
from matplotlib.text import Text

from course_utils import plotting
from course_utils.classroom import ROOT
from course_utils.classroom.build import source_files

# What is written with a capital: people, methods and places named after them.
NAMES = {
    "Chambolle", "Cholesky", "Dykstra", "Fourier", "Fréchet", "Gatys", "Gaussian", "Gram", "Hokusai", "Im",
    "Kandinsky", "Landweber", "Newton", "Poisson", "Portilla", "Pv", "Radon", "Tychonov", "Van", "Wasserstein",
    "Wiener",
}  # fmt: skip
PROGRAMMED = re.compile(
    r"\b(float\d\d|u?int\d+|n_\w+|lams?|sigma|eps|tau|tol|std|alpha|beta|rho|kappa|[a-z]_hat|log10|kodim\d\d)\b"
)
IDENTIFIER = re.compile(r"\b[a-z]\w*_\w+\b")
LAYER = re.compile(r"\b(conv|relu|pool)\d(_\d)?\b")  # the field's names, which stay
FORMULA = re.compile(r"\$[^$]*\$")
# What is written in calls of these, by the first word of their name, is in no figure.
SILENT = {
    "check",
    "exp",
    "explore",
    "fetch",
    "getattr",
    "hint",
    "load",
    "print",
    "replace",
    "split",
}  # no figure's texts
SILENT_VARIABLES = {"alt", "where"}  # an alternative text, a part of what is printed
SILENT_KEYWORDS = {"cmap", "color", "color_map", "colors", "edgecolors", "linestyle", "marker", "mode"}


def faults(text):
    """Return what is wrong with the lettering of a figure's text."""
    plain = LAYER.sub(" ", FORMULA.sub(" ", text))
    first = re.match(r"\s*([A-Z][a-zà-ÿ]+)", plain)
    found = [f"{text!r} begins with a capital letter"] if first and first[1] not in NAMES else []
    programmed = PROGRAMMED.search(plain) or IDENTIFIER.search(plain)
    return found + ([f"{text!r} has a programmer's name: {programmed[0]}"] if programmed else [])


def texts(node):
    """Yield the strings of a program that may stand in a figure, and the beginnings of those with numbers in them.

    Alternative texts, docstrings, keys of what is looked up and whole identifiers, such as names of data, do not.
    """
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and not IDENTIFIER.fullmatch(node.value):
            yield node.value
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # prose, or a docstring
        return
    if isinstance(node, ast.JoinedStr):
        children = node.values[:1]
    elif isinstance(node, ast.Subscript):
        children = [node.value]
    elif isinstance(node, ast.Assert):
        children = [node.test]
    elif (isinstance(node, ast.keyword) and node.arg in SILENT_KEYWORDS) or (
        isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in SILENT_VARIABLES
    ):
        return
    elif isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in ("show", "slide_figure"):  # the figure may be made in the call
            children = node.args[:1]
        elif name.split("_")[0] in SILENT:
            return
    for child in children:
        yield from texts(child)


@pytest.mark.parametrize("name", source_files())
def test_figures_are_lettered_alike(name):
    program = ast.parse((ROOT / "notebooks" / "src" / f"{name}.py").read_text(encoding="utf-8"))
    found = [fault for text in texts(program) for fault in faults(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    ["Original\nPSNR = 20.26 dB", "float32 rounding", "motion_2, no noise", "λ = lam", "The error", "k_hat of u"],
)
def test_what_breaks_the_rule_is_found(text):
    assert faults(text)


@pytest.mark.parametrize(
    "text",
    ["Tychonov\n26.82 dB", "TV$_ε$", "PSNR (dB)", "up to relu2_1", "A⁺v", "$u_{Fourier}$", "E(x)", ""],
)
def test_what_keeps_the_rule_is_not(text):
    assert not faults(text)


def test_strings_of_figures_are_told_from_others():
    program = """
def title(u):
    '''Return a title.'''
    return f"noisy\\n{name}: {psnr(u)} dB"
show(show_images([load_image("Cat")], ["one", *kernels["Two"]], color_map="Blues"), "Alternative text.")
print("Console")
names = ("sand_ripples", "a carpet")
"""
    assert list(texts(ast.parse(program))) == ["noisy\n", "one", "a carpet"]


def test_a_figure_is_shown_with_minus_signs(monkeypatch):
    monkeypatch.setattr(plotting, "display", lambda *_, **__: None)
    figure = plotting.plot_curves({"-2 dB": ([1, 2], [3, 4]), "n-th of 3-5": ([1, 2], [4, 5])}, "1e-3", "y")
    figure.axes[0].set_title("α = -1.33")
    plotting.show(figure, "Two curves.")
    shown = {text.get_text() for text in figure.findobj(Text)}
    assert {"−2 dB", "n-th of 3-5", "1e-3", "α = −1.33"} <= shown
