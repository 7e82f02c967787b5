"""The gallery of the figures, one self-contained page, and the LaTeX macros that put them on slides."""

from __future__ import annotations

import base64
import html
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from course_utils.classroom.build import write_if_changed
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
    "ᵀ": r"^{\mathsf T}", "°": r"^\circ", "₀": "_0", "₁": "_1", "₂": "_2", "₃": "_3", "ₖ": "_k",
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
    write_if_changed(out / "index.html", page(out, notebooks, entries, records, stale))
    write_if_changed(out / "figures.tex", macros(out.resolve().name, entries, records))


def page(
    out: Path, notebooks: str, entries: Sequence[SlideFigure], records: Records, stale: Mapping[str, Sequence[str]]
) -> str:
    """Return the gallery: the figures under their slides' titles, with pictures and alternative texts inside."""
    sections, contents = [], []
    for title in dict.fromkeys(entry.slide for entry in entries):
        figures = [entry for entry in entries if entry.slide == title]
        body = "".join(_figure(out, notebooks, entry, records.get(entry.name), stale) for entry in figures)
        sections.append(f"<section><h2>{html.escape(title)}</h2>{body}</section>\n")
        links = ", ".join(f'<a href="#{entry.name}">{entry.name}</a>' for entry in figures)
        contents.append(f"<li><span>{html.escape(title)}</span> {links}</li>")
    made = sum(entry.name in records for entry in entries)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Figures of the lecture</title><style>{_STYLE}</style></head><body>"
        '<a class="skip" href="#figures">Skip to the figures</a>'
        f"<header><h1>Figures of the lecture</h1><p>{made} of {len(entries)} figures, made by the notebooks. "
        '<span class="keys">Keys: <kbd>j</kbd> or <kbd>→</kbd> next figure, <kbd>k</kbd> or <kbd>←</kbd> previous, '
        '<kbd>Enter</kbd> opens it alone.</span><span class="touch">Touch a figure to see it alone.</span></p>'
        "</header>\n"
        f'<nav aria-label="Contents"><details><summary>Contents</summary><ol>{"".join(contents)}</ol></details></nav>\n'
        f'<main id="figures">{"".join(sections)}</main><script>{_SCRIPT}</script></body></html>\n'
    )


def macros(folder: str, entries: Sequence[SlideFigure], records: Records) -> str:
    r"""Return LaTeX code that defines ``\coursefigure{name}``, ``\courseslide{name}`` and ``\coursecaption{name}``."""
    lines = [_MACROS.replace("FOLDER", folder)]
    for entry in entries:
        files = records.get(entry.name, {}).get("files", {})
        usable = [f"{entry.name}.{kind}" for kind in ("pdf", "png") if f"{entry.name}.{kind}" in files]
        if usable:
            parts = (usable[0], to_latex(entry.slide), to_latex(entry.caption), _escape(entry.alt))
            lines.append(f"\\course@define{{{entry.name}}}" + "".join(f"{{{part}}}" for part in parts))
    return "\n".join([*lines, "\\makeatother", ""])


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


def _figure(
    out: Path, notebooks: str, entry: SlideFigure, record: Mapping[str, Any] | None, stale: Mapping[str, Sequence[str]]
) -> str:
    name, alt = entry.name, html.escape(entry.alt)
    picture, facts = '<p class="missing">Not made yet.</p>', [f"<code>{name}</code>"]
    link = f'<a href="{quote(notebooks)}/{quote(entry.notebook)}.ipynb">{html.escape(entry.notebook)}</a>'
    if record:
        picture = _picture(out, name, alt, record)
        link += f", cell {record['cell']}" + (f" ({html.escape(record['section'])})" if record["section"] else "")
    facts.append(link)
    if record:
        files = [file for file in record["files"] if "/" not in file]
        facts.append(" ".join(f'<a href="{quote(file)}">{Path(file).suffix[1:].upper()}</a>' for file in files))
        if name in stale:
            facts.append(f'<strong class="stale">not up to date: {html.escape(", ".join(stale[name]))}</strong>')
    lines = "".join(f"<li>{fact}</li>" for fact in facts)
    return (
        f'<figure id="{name}">{picture}<figcaption><p>{html.escape(entry.caption)}</p>'
        f'<ul class="facts">{lines}</ul><details><summary>Description</summary><p>{alt}</p></details>'
        "</figcaption></figure>"
    )


def _picture(out: Path, name: str, alt: str, record: Mapping[str, Any]) -> str:
    """Return the preview inside a link to the largest picture there is: PNG, else SVG, else PDF."""
    alone = next(f"{name}.{kind}" for kind in ("png", "svg", "pdf") if f"{name}.{kind}" in record["files"])
    width, height = record["size"]
    preview = base64.b64encode((out / "previews" / f"{name}.png").read_bytes()).decode()
    return (
        f'<a class="picture" href="{quote(alone)}"><img src="data:image/png;base64,{preview}" alt="{alt}" '
        f'width="{round(96 * width)}" height="{round(96 * height)}"></a>'
    )


_STYLE = """
:root{color-scheme:light dark;--line:#d0d0d0;--soft:#555;--link:#0b5394}
*{box-sizing:border-box}
body{font:1.0625rem/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1rem;color:#1c1c1c;background:#fff}
h1{font-size:1.7rem;margin:.5rem 0}h2{font-size:1.3rem;line-height:1.25;margin:2.5rem 0 1rem}
a{color:var(--link)}:focus-visible{outline:3px solid #d55e00;outline-offset:3px}
.skip{position:absolute;left:-99rem}.skip:focus{position:static}
nav ol{columns:20rem;padding-left:1.5rem}nav li{break-inside:avoid;margin-bottom:.4rem}nav span{display:block}
figure{margin:0 0 2.5rem;scroll-margin-top:1rem;border-bottom:1px solid var(--line);padding-bottom:1.2rem}
.picture{display:block}img{display:block;max-width:100%;height:auto;margin:0 auto}
figcaption>p{margin:.7rem 0 .3rem}
.facts{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;margin:0;padding:0;color:var(--soft)}
.facts{font-size:.92rem}details{color:var(--soft);font-size:.92rem}summary{cursor:pointer;padding:.35rem 0}
.missing{border:2px dashed var(--line);padding:2rem;text-align:center}.stale{color:#b34700}
kbd{border:1px solid var(--line);border-radius:3px;padding:0 .3em;font-size:.9em}
@media(prefers-color-scheme:dark){:root{--line:#555;--soft:#bbb;--link:#8ec5ff}body{color:#eee;background:#1c1c1c}
.stale{color:#ffb074}}
.touch{display:none}@media(max-width:40rem){.keys{display:none}.touch{display:inline}}
@page{margin:15mm}
@media print{:root{color-scheme:light;--soft:#555;--link:#1c1c1c}
body{max-width:none;padding:0;color:#000;background:#fff}
nav,.skip,.keys,.touch,figure details{display:none}figure,h2{break-inside:avoid}h2{break-after:avoid}
img{max-height:17cm;width:auto}}
"""

_SCRIPT = """
const links=[...document.querySelectorAll('.picture')];
addEventListener('keydown',event=>{
  if(event.ctrlKey||event.altKey||event.metaKey||event.shiftKey)return;
  const step={j:1,ArrowRight:1,k:-1,ArrowLeft:-1}[event.key];
  if(!step||!links.length)return;
  const here=links.indexOf(document.activeElement);
  let next=here+step;
  if(here<0){
    const below=links.findIndex(link=>link.getBoundingClientRect().top>-10);
    next=below<0?links.length-1:(step>0?below:below-1);
  }
  const link=links[Math.max(0,Math.min(links.length-1,next))];
  link.focus({preventScroll:true});
  link.closest('figure').scrollIntoView();
  event.preventDefault();
});
"""

_MACROS = r"""% Made by `course figures`. In the preamble of your slides:
%   \input{FOLDER/figures}
% and on a slide, where a beamer slide shows the figure across its whole width:
%   \begin{frame}{\courseslide{NAME}} \coursefigure{NAME} \end{frame}
% \coursecaption{NAME} is its caption. \coursefigure[height=5cm]{NAME} takes the options of \includegraphics.
% When the folder is elsewhere, say so before: \newcommand{\coursefolder}{../FOLDER}
\RequirePackage{graphicx}
\providecommand{\coursefolder}{FOLDER}
\makeatletter
\@ifundefined{KV@Gin@alt}{\define@key{Gin}{alt}{}}{}% alternative text: LaTeX since 2021
\@ifundefined{ver@beamer.cls}%
  {\def\course@width{\linewidth}\def\course@height{0.75\textheight}}%
  {\def\course@width{\paperwidth}\def\course@height{0.82\paperheight}}%
\newcommand{\course@define}[5]{%
  \@namedef{course@file@#1}{#2}\@namedef{course@slide@#1}{#3}\@namedef{course@caption@#1}{#4}\@namedef{course@alt@#1}{#5}%
  \g@addto@macro\course@names{ #1}}
\newcommand{\course@names}{}
\newcommand{\course@unknown}[1]{%
  \PackageError{course}{There is no figure '#1'}{The figures are:\course@names. `course figures' makes them.}}
\newcommand{\coursefigure}[2][]{\@ifundefined{course@file@#2}{\course@unknown{#2}}{%
  \makebox[\linewidth][c]{\includegraphics[width=\course@width,height=\course@height,keepaspectratio,%
    alt={\@nameuse{course@alt@#2}},#1]{\coursefolder/\@nameuse{course@file@#2}}}}}
\newcommand{\courseslide}[1]{\@ifundefined{course@slide@#1}{\course@unknown{#1}}{\@nameuse{course@slide@#1}}}
\newcommand{\coursecaption}[1]{\@ifundefined{course@caption@#1}{\course@unknown{#1}}{\@nameuse{course@caption@#1}}}"""
