"""The gallery of the figures, one page beside them, and the LaTeX macros that put them on slides."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from course_utils.classroom.build import write_if_changed
from course_utils.classroom.templates import render
from course_utils.slides import SlideFigure

Records = Mapping[str, Mapping[str, Any]]

# What pdflatex does not know by itself; accents over letters are made from Unicode's combining characters.
MATH = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon", "η": r"\eta",
    "θ": r"\theta", "λ": r"\lambda", "μ": r"\mu", "π": r"\pi", "ρ": r"\rho", "σ": r"\sigma", "τ": r"\tau",
    "φ": r"\varphi", "χ": r"\chi", "ψ": r"\psi", "ω": r"\omega", "Γ": r"\Gamma", "Δ": r"\Delta", "Σ": r"\Sigma",
    "Φ": r"\Phi", "Ω": r"\Omega", "∇": r"\nabla", "∂": r"\partial", "∑": r"\sum", "∫": r"\int", "√": r"\surd",
    "∞": r"\infty", "−": "-", "±": r"\pm", "×": r"\times", "·": r"\cdot", "∘": r"\circ", "≈": r"\approx",
    "≠": r"\neq", "≤": r"\le", "≥": r"\ge", "≪": r"\ll", "≫": r"\gg", "∈": r"\in", "→": r"\to", "↦": r"\mapsto",
    "⇒": r"\Rightarrow", "⊕": r"\oplus", "⊥": r"\perp", "‖": r"\|", "⟨": r"\langle ", "⟩": r"\rangle", "∗": "*",
    "ℝ": r"\mathrm{R}", "½": r"\frac12", "¼": r"\frac14", "²": "^2", "³": "^3", "¹": "^1", "⁺": "^+", "⁻": "^-",
    "Π": r"\Pi", "ᵀ": r"^{\mathsf T}", "°": r"^\circ", "₀": "_0", "₁": "_1", "₂": "_2", "₃": "_3", "ₖ": "_k",
}  # fmt: skip
ACCENTS = {"\u0302": r"\hat", "\u0303": r"\tilde", "\u0304": r"\bar"}
SPECIAL = {character: f"\\{character}" for character in "#$%&_{}"} | {
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
    "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\dots{}",
}  # fmt: skip


def write(
    out: Path, root: Path, entries: Sequence[SlideFigure], records: Records, stale: Mapping[str, Sequence[str]]
) -> None:
    """Write ``index.html`` and ``figures.tex`` into ``out``.

    Parameters
    ----------
    out : folder of the figures.
    root : the checkout, whose notebooks the page links to.
    entries : the manifest, in the lecture's order.
    records : what ``figures.json`` says of each figure that was made.
    stale : figures that are not up to date, with the reasons.
    """
    notebooks = Path(os.path.relpath(root / "notebooks", out)).as_posix()
    write_if_changed(out / "index.html", page(notebooks, entries, records, stale))
    write_if_changed(out / "figures.tex", macros(out.resolve().name, entries, records))


def page(notebooks: str, entries: Sequence[SlideFigure], records: Records, stale: Mapping[str, Sequence[str]]) -> str:
    """Return the gallery: the figures under their slides' titles, with pictures and alternative texts."""
    shown = [_shown(entry, records.get(entry.name), stale.get(entry.name, ())) for entry in entries]
    values = {
        "made": sum(entry.name in records for entry in entries),
        "total": len(entries),
        "notebooks": notebooks,
        "sections": [(slide, list(group)) for slide, group in itertools.groupby(shown, key=lambda fig: fig["slide"])],
    }
    return render("gallery.html.j2", values)


def macros(folder: str, entries: Sequence[SlideFigure], records: Records) -> str:
    r"""Return LaTeX code that defines ``\coursefigure{name}``, ``\courseslide{name}`` and ``\coursecaption{name}``."""
    figures = []
    for entry in entries:
        files = records.get(entry.name, {}).get("files", {})
        usable = [f"{entry.name}.{kind}" for kind in ("pdf", "png") if f"{entry.name}.{kind}" in files]
        if usable:
            texts = {"slide": to_latex(entry.slide), "caption": to_latex(entry.caption), "alt": _escape(entry.alt)}
            figures.append({"name": entry.name, "file": usable[0]} | texts)
    return render("figures.tex.j2", {"folder": folder, "figures": figures})


def to_latex(text: str) -> str:
    """Return ``text`` as LaTeX that pdflatex can set: special characters escaped, mathematical ones in math mode."""
    pieces = re.split("(.[\u0302\u0303\u0304])", unicodedata.normalize("NFD", text))
    return "".join(_accented(piece) if odd % 2 else _escape_math(piece) for odd, piece in enumerate(pieces))


def _accented(pair: str) -> str:
    letter, accent = pair[0], pair[1]
    return f"\\ensuremath{{{ACCENTS[accent]}{{{MATH.get(letter, letter)}}}}}"


def _escape_math(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    return "".join(f"\\ensuremath{{{MATH[c]}}}" if c in MATH else SPECIAL.get(c, c) for c in composed)


def _escape(text: str) -> str:
    """Return ``text`` as the value of a key: it is not typeset, so only LaTeX's own characters matter."""
    return "".join(SPECIAL[character] if character in "#$%&_{}~^\\" else character for character in text)


def _shown(entry: SlideFigure, record: Mapping[str, Any] | None, stale: Sequence[str]) -> dict[str, Any]:
    """Return what the page says of a figure; its picture opens the largest there is: PNG, else SVG, else PDF."""
    shown = vars(entry) | {"made": record is not None, "place": "", "stale": ""}
    if record is None:
        return shown
    files = [file for file in record["files"] if "/" not in file]
    width, height = record["size"]
    return shown | {
        "place": f", cell {record['cell']}" + (f" ({record['section']})" if record["section"] else ""),
        "stale": ", ".join(stale),
        "files": [{"name": file, "kind": Path(file).suffix[1:].upper()} for file in files],
        "alone": next(f"{entry.name}.{kind}" for kind in ("png", "svg", "pdf") if f"{entry.name}.{kind}" in files),
        "preview": f"previews/{entry.name}.png",
        "width": round(96 * width),
        "height": round(96 * height),
    }
