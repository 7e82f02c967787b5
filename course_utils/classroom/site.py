"""``course site``: the course as static pages for a web server or a folder, from what is recorded; no notebook is run.

The sources of the pages are put together in a temporary folder, from the executed notebooks, the cards, both READMEs
and the docstrings, and Sphinx turns them into HTML. Only the explorers are asked for pictures: those of one control's
places, which a page then moves through without a kernel.
"""

from __future__ import annotations

import base64
import importlib
import io
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Set
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course_utils.classroom import ROOT
from course_utils.classroom.lessons import Lesson, read_lessons
from course_utils.classroom.student import Repository, hand_out, notebook_files
from course_utils.classroom.templates import render
from course_utils.slides import SlideFigure, lecture, list_figures, read_cards

PLACES = 9  # of a control, at most, of which a page has the pictures
WEBP_QUALITY = 90
MATHJAX = {"tex-chtml.js", "output", "a11y", "sre", "ui"}  # what the pages load, and what a screen reader asks for
CAPTION = re.compile(r"\*Figure `([\w-]+)`\.")
EXPLORER_CELL = re.compile(r"^(explore_\w+)\(", re.MULTILINE)
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://|#|mailto:)([^)#]+)(#[^)]*)?\)")
MARK = re.compile(r"<!-- .*? -->\n?", re.DOTALL)


def build_site(out: Path, root: Path = ROOT, address: str = "") -> list[str]:
    """Write the pages into ``out`` and return Sphinx's warnings.

    Parameters
    ----------
    out : folder of the pages; what a former call left there and this one does not write is removed.
    root : the checkout.
    address : of the repository on GitHub, for links to Binder, Colab and the sources; none without it.
    """
    from sphinx.cmd.build import build_main

    repository = Repository.parse(address, "--address") if address else None
    with tempfile.TemporaryDirectory() as folder:
        sources, pages, warnings = Path(folder) / "sources", Path(folder) / "pages", Path(folder) / "warnings"
        write_sources(sources, root, repository)
        status = build_main(["-q", "-b", "html", "-w", str(warnings), str(sources), str(pages)])
        if status:
            raise RuntimeError(f"Sphinx ended with status {status}: see its messages above")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(pages, out, ignore=_not_needed)
        return warnings.read_text(encoding="utf-8").splitlines() if warnings.exists() else []


def _not_needed(folder: str, names: list[str]) -> list[str]:
    """Return what Sphinx leaves in a folder and no page uses: its own records, MathJax's other forms."""
    kept = MATHJAX if Path(folder).name == "mathjax" else set(names)
    return [name for name in names if name not in kept or name in (".buildinfo", ".doctrees", "objects.inv")]


def write_sources(sources: Path, root: Path, repository: Repository | None) -> None:
    """Write what Sphinx reads: its settings, the pages in Markdown, the lessons and their pictures."""
    (sources / "_static").mkdir(parents=True)
    for file in ("site.css", "site.js"):
        shutil.copy(Path(__file__).parent / "templates" / "site" / file, sources / "_static" / file)
    lessons, notebooks = read_lessons(root), notebook_files(root)
    hand_out((), sources / "copies", root)
    for copy in (sources / "copies").glob("*.ipynb"):
        _write(copy, nbformat.writes(without_outputs(nbformat.read(copy, as_version=4))))
    figures: set[str] = set()
    for lesson in lessons:
        notebook = nbformat.read(notebooks[lesson.name], as_version=4)
        figures |= extract_pictures(notebook, lesson.name, sources / "_static" / "pictures")
        insert_explorer(notebook, lesson, sources / "_static" / "explorers")
        insert_links(notebook, lesson, repository)
        _write(sources / "lessons" / f"{lesson.name}.ipynb", nbformat.writes(notebook))
    modules = flat_modules(root)
    values = {"lessons": lessons, "modules": modules, "slides": figures_by_slide(root, figures)}
    for page in ("conf.py", "index.md", "work.md", "figures.md", "reference/index.md"):
        _write(sources / page, render(f"site/{page.replace('/', '_')}.j2", values))
    for module in modules:
        _write(sources / "reference" / f"{module}.md", render("site/module.md.j2", {"module": module}))
    for page, file in (("instructor.md", "notebooks/README.md"), ("data.md", "data/README.md")):
        _write(sources / page, readme_page(root / file, root, sources, repository))


# --- lessons ---------------------------------------------------------------------------------------------------------


def extract_pictures(notebook: NotebookNode, lesson: str, folder: Path) -> set[str]:
    """Move the recorded pictures into files, with their alternative texts; return the lecture's figures among them."""
    folder.mkdir(parents=True, exist_ok=True)
    figures, count = set(), 0
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        for output, following in pairwise([*outputs, None]):
            if "image/png" not in output.get("data", {}):
                continue
            count += 1
            caption = CAPTION.match((following or {}).get("data", {}).get("text/markdown", ""))
            name = caption[1] if caption else f"{lesson[:2]}-{count:02}"
            png = base64.b64decode(output.data["image/png"])
            (folder / f"{name}.webp").write_bytes(_webp(png))
            if caption:
                (folder / f"{name}.png").write_bytes(png)
                figures.add(name)
            alt = output.metadata.get("image/png", {}).get("alt", "")
            picture = {"file": f"../_static/pictures/{name}.webp", "alt": alt}
            output.data = {"text/html": render("site/picture.html.j2", picture)}
    return figures


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """Return a student copy without the pictures to aim at: the pages show them."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    return notebook


def insert_links(notebook: NotebookNode, lesson: Lesson, repository: Repository | None) -> None:
    """Put the lesson's links after its first cell: the student copy and, of a public repository, Binder and Colab."""
    file = f"{lesson.name}.ipynb"
    links = [f"{{download}}`Your copy, with blanks <../copies/{file}>`"]
    if repository:
        links += [f"[Binder]({repository.on_binder(file)})", f"[Colab]({repository.on_colab(file)})"]
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(" · ".join(links)))


def insert_explorer(notebook: NotebookNode, lesson: Lesson, folder: Path) -> None:
    """Replace what the explorer's cell recorded, a sentence, by pictures that a slider of the page moves through."""
    for cell in notebook.cells:
        found = EXPLORER_CELL.search(cell.source) if cell.cell_type == "code" else None
        if found:
            frames = explorer_frames(lesson.name[3:], found[1], folder)
            html = render("site/explorer.html.j2", frames | {"frames_json": json.dumps(frames["frames"])})
            cell.outputs = [nbformat.v4.new_output("display_data", data={"text/html": html})]


def explorer_frames(topic: str, function: str, folder: Path) -> dict[str, Any]:
    """Write the pictures of an explorer at the places of its first control, and return what a page says of them."""
    folder.mkdir(parents=True, exist_ok=True)
    module = importlib.import_module(f"course_utils.explorers.{topic}")
    explorer = getattr(module, function)()
    name, control, places = next(_movable(explorer.controls), (None, None, []))
    frames = []
    for k, (label, value) in enumerate(places or [("", None)]):
        if control is not None:
            control.value = value
            explorer.update()
        file = f"{topic}-{k}.webp"
        (folder / file).write_bytes(_webp(bytes(explorer.picture.value)))
        frames.append({"file": f"../_static/explorers/{file}", "label": label, "line": explorer.line.value})
    return {"id": function, "control": control.description if control is not None else name, "frames": frames,
            "start": len(frames) // 2, "alt": explorer.page.alt}  # fmt: skip


def _movable(controls: Mapping[str, Any]) -> Iterator[tuple[str, Any, list[tuple[str, Any]]]]:
    """Yield the controls that have places: a slider, else a list of choices."""
    for kind in ("min", "options"):
        for name, control in controls.items():
            if hasattr(control, kind) and hasattr(control, "value"):
                yield name, control, _places(control)


def _places(control: Any) -> list[tuple[str, Any]]:
    """Return labels and values of at most `PLACES` places of a control, over its whole range."""
    if hasattr(control, "options"):
        pairs = [option if isinstance(option, tuple) else (str(option), option) for option in control.options]
        return pairs[:PLACES]
    count = round((control.max - control.min) / getattr(control, "step", 1)) + 1
    kept = sorted({round(k * (count - 1) / (PLACES - 1)) for k in range(PLACES)})
    exponents = [control.min + k * getattr(control, "step", 1) for k in kept]
    values = [control.base**x if hasattr(control, "base") else x for x in exponents]
    return [(f"{value:.3g}", int(value) if isinstance(control.value, int) else value) for value in values]


def _webp(png: bytes) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(stream, "WEBP", quality=WEBP_QUALITY)
    return stream.getvalue()


# --- other pages -----------------------------------------------------------------------------------------------------


def figures_by_slide(root: Path, shown: Set[str]) -> list[tuple[str, list[SlideFigure]]]:
    """Return the figures that the notebooks show under the lecture's slides, in its order."""
    entries = list_figures(read_cards(root / "notebooks" / "src"), lecture()).values()
    figures = [entry for entry in entries if entry.name in shown]
    return [(slide, list(group)) for slide, group in groupby(figures, key=lambda figure: figure.slide)]


def flat_modules(root: Path) -> dict[str, str]:
    """Return the modules that a notebook imports, with the first sentence of their docstrings."""
    names = [path.stem for path in sorted((root / "course_utils").glob("[a-z]*.py"))]
    documented = {name: importlib.import_module(f"course_utils.{name}").__doc__ or "" for name in names}
    return {name: text.split("\n\n")[0].replace("\n", " ") for name, text in documented.items()}


def readme_page(path: Path, root: Path, sources: Path, repository: Repository | None) -> str:
    """Return a README as a page: its links lead to the site's pages, its pictures come along."""

    def moved(found: re.Match[str]) -> str:
        picture, text, target = found[1], found[2], (path.parent / found[3]).resolve()
        if picture:
            shutil.copy(target, sources / "_static" / target.name)
            return f"![{text}](_static/{target.name})"
        return f"[{text}]({place})" if (place := _place(target, root, repository)) else text

    return LINK.sub(moved, MARK.sub("", path.read_text(encoding="utf-8")))


def _place(target: Path, root: Path, repository: Repository | None) -> str:
    """Return where a file of the checkout is on the site, else in the public repository, else nothing."""
    file = target.relative_to(root).as_posix()
    pages = {"README.md": "index.md", "notebooks/README.md": "instructor.md", "data/README.md": "data.md"}
    if re.fullmatch(r"notebooks/\d\d_\w+\.ipynb", file):
        return file.replace("notebooks/", "lessons/")
    if file in pages:
        return pages[file]
    if repository is None:
        return ""
    return f"https://github.com/{repository.owner}/{repository.name}/blob/{repository.branch}/{file}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def size_in_megabytes(folder: Path) -> float:
    """Return the size of all the files of a folder, in megabytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
