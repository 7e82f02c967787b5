"""Student copies: solutions out, target pictures in, and no file of a student's ever overwritten."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from course_utils._files import remove_leftovers, write_atomically, write_new
from course_utils._validation import require_choice

STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
BLANK = "*Your answer:*"  # where a student writes the answer to a question
RELEASE = "course_release"  # notebook metadata: hash of the copy as it was handed out


def notebook_files(root: Path) -> dict[str, Path]:
    """Return the executed notebooks of the course by name, in order."""
    return {path.stem: path for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))}


@dataclass(frozen=True)
class Repository:
    """A public GitHub repository that Colab and Binder open the notebooks from."""

    owner: str
    name: str
    branch: str
    folder: str

    @classmethod
    def parse(cls, address: str, option: str) -> Repository:
        """Return the repository of ``https://github.com/OWNER/NAME[/tree/BRANCH[/FOLDER]]``.

        Raises
        ------
        ValueError
            If ``address`` has another form; the message names the ``option`` that it came from.
        """
        found = _REPOSITORY.fullmatch(address)
        if not found:
            form = "https://github.com/OWNER/NAME or https://github.com/OWNER/NAME/tree/BRANCH/FOLDER"
            raise ValueError(f"{option} must have the form {form}, got {address!r}")
        return cls(found["owner"], found["name"], found["branch"] or "main", found["folder"] or "lab")

    def on_colab(self, file: str) -> str:
        """Return the address that opens ``file`` of the folder in Colab."""
        return (
            f"https://colab.research.google.com/github/{self.owner}/{self.name}/blob/{self.branch}/{self.folder}/{file}"
        )

    def on_binder(self, file: str) -> str:
        """Return the address that opens ``file`` of the folder in Binder's JupyterLab."""
        path = quote(f"lab/tree/{self.folder}/{file}", safe="")
        return f"https://mybinder.org/v2/gh/{self.owner}/{self.name}/{quote(self.branch, safe='')}?urlpath={path}"


_REPOSITORY = re.compile(
    r"https://github\.com/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?"
    r"(?:/tree/(?P<branch>[\w.-]+)(?:/(?P<folder>[\w./-]+?))?)?/?"
)


def add_launchers(copy: NotebookNode, file: str, colab: Repository | None, binder: Repository | None) -> None:
    """Put badges that open ``file`` elsewhere on top of a student copy; for Colab, a cell that installs the course."""
    badges = []
    if colab:
        image = "https://colab.research.google.com/assets/colab-badge.svg"
        badges.append(f"[![Open in Colab]({image})]({colab.on_colab(file)})")
    if binder:
        badges.append(f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder.on_binder(file)})")
    if badges:
        copy.cells.insert(0, new_markdown_cell(" ".join(badges), id="launchers"))
    if colab:
        source = _INSTALL.strip().format(address=f"git+https://github.com/{colab.owner}/{colab.name}@{colab.branch}")
        copy.cells.insert(1, new_code_cell(source, id="install"))


_INSTALL = """# Needed on Colab only: installs the course where it is missing.
import importlib.util

if importlib.util.find_spec("course_utils") is None:
    %pip install --quiet {address}
"""


def student_copy(
    notebook: NotebookNode, file: str = "", colab: Repository | None = None, binder: Repository | None = None
) -> NotebookNode:
    """Return the student's version of an executed notebook.

    Solutions and answers are replaced by a stub and check cells locked with nbgrader's own preprocessors. Of the
    outputs only figures and their captions stay, so that a student sees what to aim at.

    Parameters
    ----------
    notebook : the executed notebook.
    file : name of the copy's file, for the badges.
    colab, binder : repository that the copy can be opened from, which adds badges on top.
    """
    from nbgrader.preprocessors import CheckCellMetadata, ClearSolutions, ComputeChecksums, LockCells

    copy = nbformat.from_dict(json.loads(json.dumps(notebook)))
    clear = ClearSolutions(code_stub={"python": STUB}, text_stub=BLANK, enforce_metadata=False)
    for preprocessor in (LockCells(), clear, CheckCellMetadata(), ComputeChecksums()):
        copy, _ = preprocessor.preprocess(copy, {})
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [] if "nbgrader" in cell.metadata else _pictures(cell.outputs)
    add_launchers(copy, file, colab, binder)
    copy.metadata[RELEASE] = hashlib.sha256(nbformat.writes(copy).encode()).hexdigest()[:12]
    return copy


def hand_out(
    names: Sequence[str],
    folder: Path,
    root: Path,
    today: date | None = None,
    colab: Repository | None = None,
    binder: Repository | None = None,
) -> list[str]:
    """Put student copies into ``folder`` and say what was done, one line a notebook.

    Parameters
    ----------
    names : names of notebooks, all when empty.
    folder : where students work. A file that exists is never touched: a newer release goes beside it, dated.
    root : the checkout.
    today : the date in the name of a newer release.
    colab, binder : repository that the copies can be opened from.

    Raises
    ------
    ValueError
        If a name is unknown.
    RuntimeError
        If there are no notebooks to copy; nothing was done then.
    """
    known = notebook_files(root)
    if not known:
        raise RuntimeError(
            f"no notebooks in {root / 'notebooks'}: an installed package carries the helpers and the data only. "
            "Get the course's own folder, with git clone or as a zip file, and in it: pip install --editable .[student]"
        )
    folder.mkdir(parents=True, exist_ok=True)
    messages = []
    for name in [require_choice(name, "notebook", known) for name in names] or list(known):
        copy = student_copy(nbformat.read(known[name], as_version=4), f"{name}.ipynb", colab, binder)
        messages.append(_hand_out(name, copy, folder, today or date.today()))
    return messages


def _hand_out(name: str, copy: NotebookNode, folder: Path, today: date) -> str:
    """Put one copy into ``folder``, unless it is there; another run may be doing the same."""
    remove_leftovers(folder, f".{name}*.part")
    while True:
        copies = [path for path in sorted(folder.glob(f"{name}*.ipynb")) if _is_copy_of(path, name)]
        if any(_release(path) == copy.metadata[RELEASE] for path in copies):
            return f"{name}: up to date"
        target = _free_name(folder, name, today)
        try:
            write_new(target, nbformat.writes(copy) + "\n")
        except FileExistsError:  # another run was faster: perhaps with this very release
            continue
        if target.stem == name:
            return f"{name}: new"
        return f"{name}: a newer release is beside yours, {target.name}; `course update` carries your answers over"


def update(folder: Path) -> list[str]:
    """Carry a student's solutions and answers over, by their names, into newer releases, and say what moved.

    Only cells that are still the stub are filled; the student's older file stays as it is.

    Parameters
    ----------
    folder : the folder where `course student` put the copies.

    Raises
    ------
    ValueError
        If ``folder`` does not exist.
    """
    if not folder.is_dir():
        raise ValueError(f"folder {folder} does not exist")
    messages = []
    for older, newer in _pairs(folder):
        try:
            source, target = nbformat.read(older, as_version=4), nbformat.read(newer, as_version=4)
        except Exception as error:  # nbformat raises many kinds: a broken file is said and left alone
            messages.append(f"{older.name} -> {newer.name}: not readable ({type(error).__name__})")
            continue
        moved, left = _carry_over(source, target)
        if moved:
            write_atomically(newer, nbformat.writes(target) + "\n")
        messages.append(f"{older.name} -> {newer.name}: moved {', '.join(moved) or 'nothing'}")
        if left:
            messages.append(f"  left in {older.name}: {', '.join(left)}")
    if messages:
        messages.append("The older files stay as they are, with your notes and the cells that you added.")
    return messages or ["nothing to update: no newer release in this folder"]


def solutions(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """Return the cells of a notebook where a student writes, by the name of the exercise or of the answer."""
    return {name: cell for cell in notebook.cells if (name := _exercise_of(cell))}


def _carry_over(source: NotebookNode, target: NotebookNode) -> tuple[list[str], list[str]]:
    """Fill the stubs of ``target`` from ``source``; return the names that moved and those that did not."""
    blank = solutions(target)
    moved, left = [], []
    for name, answer in _answers(source, set(blank)).items():
        if name in blank and _is_stub(blank[name]):
            blank[name].source = answer
            moved.append(name)
        elif name not in blank or blank[name].source != answer:
            left.append(name)
    return moved, left


def _answers(notebook: NotebookNode, known: set[str]) -> dict[str, str]:
    """Return what a student wrote for each exercise; of an exercise with several cells, all of them in order."""
    written: dict[str, list[str]] = {}
    for cell in notebook.cells:
        name = _exercise_of(cell) or _defined_exercise(cell, known)
        if name and not _is_stub(cell) and cell.source not in written.get(name, []):
            written.setdefault(name, []).append(cell.source)
    return {name: "\n\n\n".join(sources) for name, sources in written.items()}


def _exercise_of(cell: NotebookNode) -> str | None:
    """Return the exercise that a cell solves, or the answer that it gives: nbgrader's metadata says so."""
    graded = cell.metadata.get("nbgrader", {})
    return graded.get("grade_id") if graded.get("solution") else None


def _defined_exercise(cell: NotebookNode, known: set[str]) -> str | None:
    """Return the exercise that a cell defines: front ends lose nbgrader's metadata, students write in new cells."""
    if cell.cell_type != "code" or "nbgrader" in cell.metadata:
        return None
    return next((name for name in re.findall(r"^def (\w+)\(", cell.source, re.MULTILINE) if name in known), None)


def _is_stub(cell: NotebookNode) -> bool:
    """Say whether the student has written nothing yet into a cell."""
    return cell.source.strip() in ("", BLANK) or (cell.cell_type == "code" and is_stub(cell.source))


def is_stub(source: str) -> bool:
    """Say whether code is what a student finds: nothing, or a function whose body is the stub."""
    if not source.strip():
        return True
    try:
        (function,) = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # half an answer, or more than the function
        return False
    if not isinstance(function, ast.FunctionDef) or function.lineno != 1:
        return False
    first = function.body[0]
    after = first.end_lineno if len(function.body) > 1 and isinstance(first, ast.Expr) else function.lineno
    return "".join("".join(source.splitlines()[after:]).split()) == "".join(STUB.split())


def _pictures(outputs: Sequence[NotebookNode]) -> list[NotebookNode]:
    return [output for output in outputs if {"image/png", "text/markdown"} & set(output.get("data", {}))]


def _release(path: Path) -> str | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["metadata"].get(RELEASE)
    except (ValueError, KeyError, AttributeError, TypeError):
        return None


def _is_copy_of(path: Path, name: str) -> bool:
    return re.fullmatch(rf"{re.escape(name)}(\.\d{{4}}-\d\d-\d\d(-\d+)?)?", path.stem) is not None


def _free_name(folder: Path, name: str, today: date) -> Path:
    candidates = [folder / f"{name}.ipynb", folder / f"{name}.{today}.ipynb"]
    candidates += [folder / f"{name}.{today}-{number}.ipynb" for number in range(2, 100)]
    return next(path for path in candidates if not path.exists())


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Return (older, newer) for each notebook that has dated releases beside it: each one into the next."""
    pairs = []
    for newer in sorted(folder.glob("*.*-*-*.ipynb"), key=lambda path: (path.stem.split(".")[0], _age(path))):
        name = newer.stem.split(".")[0]
        copies = [path for path in sorted(folder.glob(f"{name}*.ipynb"), key=_age) if _is_copy_of(path, name)]
        pairs.append((copies[copies.index(newer) - 1], newer) if newer in copies[1:] else (newer, newer))
    return [(older, newer) for older, newer in pairs if older != newer]


def _age(path: Path) -> tuple[str, int]:
    """Sort key of a release: undated first, then by date, then by number within the day."""
    found = re.fullmatch(r"[^.]*(?:\.(\d{4}-\d\d-\d\d)(?:-(\d+))?)?", path.stem)
    return (found[1] or "", int(found[2] or 0)) if found else ("", 0)
