"""From ``notebooks/src/NN_name.py`` and its card to the executed ``notebooks/NN_name.ipynb``: two runs give no diff."""

from __future__ import annotations

import ast
import base64
import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
import oxipng
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from course_utils._files import write_atomically
from course_utils._validation import require_choice
from course_utils.classroom import ROOT
from course_utils.slides import read_card

CELL_TIMEOUT = 600  # seconds
NBGRADER: dict[str, object] = {"schema_version": 3, "task": False}
KEPT = ("tags", "reason", "nbgrader")  # of a cell's metadata; the reason is why the cell needs its tags
SOLUTION = re.compile(r"^\s*### BEGIN SOLUTION", re.MULTILINE)
QUESTION = "**Question.**"  # begins the last paragraph of a markdown cell; its answer follows in a cell of its own
ANSWER = "**Answer.** "
CHECK = re.compile(r"^(\w+) = check\(\1\)\s*$", re.MULTILINE)
NOT_COMPARED = "nbval-ignore-output"  # the tag of a cell whose output depends on the machine
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# One thread and no progress bar: what a notebook records depends on neither the machine's cores nor its speed.
QUIET_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TQDM_DISABLE": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


def source_files(root: Path = ROOT) -> dict[str, Path]:
    """Return the sources of the notebooks by name, in the course's order."""
    return {path.stem: path for path in sorted((root / "notebooks" / "src").glob("[0-9][0-9]_*.py"))}


def read_source(path: Path) -> NotebookNode:
    """Return the notebook that a percent script and its card describe, not executed, with nbgrader's metadata.

    Raises
    ------
    ValueError
        If the card does not have one answer for each question.
    """
    notebook = jupytext.read(path)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    notebook.cells = _with_answers(notebook.cells, path.with_suffix(".toml"))
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        digest = hashlib.sha256(cell.source.encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        cell.metadata = NotebookNode({key: cell.metadata[key] for key in KEPT if key in cell.metadata})
        if cell.cell_type == "code" and (graded := _nbgrader_metadata(cell.source)):
            cell.metadata["nbgrader"] = graded
    return notebook


def exercise_name(source: str) -> str | None:
    """Return the name of the function whose solution stands in a cell, if one does."""
    if not SOLUTION.search(source):
        return None
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return functions[-1].name if functions else None


def build(names: Sequence[str] = (), root: Path = ROOT, out: Path | None = None) -> list[Path]:
    """Execute the named notebooks (all by default) and write those that changed.

    Parameters
    ----------
    names : names of notebooks, such as "07_tv_denoising".
    root : the checkout.
    out : folder to write to, by default ``notebooks``.

    Returns
    -------
    The files, written or left alone because nothing changed.

    Raises
    ------
    ValueError
        If a name is unknown.
    RuntimeError
        If a cell cannot be parsed, fails, or checks a solution that does not pass: with the notebook, the cell and the
        message; nothing is written then.
    """
    sources = source_files(root)
    chosen = [require_choice(name, "notebook", sources) for name in names] or list(sources)
    written = []
    for name in chosen:
        target = (out or root / "notebooks") / f"{name}.ipynb"
        notebook = read_source(sources[name])
        _require_python(notebook, name)
        executed = execute(notebook, root / "notebooks", name)
        _require_passed(executed, name)
        text = nbformat.writes(executed) + "\n"
        if not target.exists() or _compared(text) != _compared(target.read_text(encoding="utf-8")):
            write_atomically(target, text)
        written.append(target)
    return written


def execute(notebook: NotebookNode, folder: Path, name: str) -> NotebookNode:
    """Execute ``notebook`` in ``folder`` with one thread, and return it without what changes from run to run."""
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    environment = os.environ | QUIET_ENVIRONMENT
    try:
        with client.setup_kernel(env=environment):
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
    except CellExecutionError as error:
        raise RuntimeError(f"{name}, cell {index + 1}: {error.ename}: {error.evalue}\n\n{cell.source}") from error
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _drop_volatile_outputs(cell)
    notebook.metadata.pop("widgets", None)
    return notebook


def write_if_changed(path: Path, text: str) -> bool:
    """Write ``text`` to ``path`` in one step, and only when the file does not hold it already."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    write_atomically(path, text)
    return True


def _compared(text: str) -> NotebookNode:
    """Return the notebook without the outputs that nbval does not compare: times, say, which change from run to run."""
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        if NOT_COMPARED in cell.metadata.get("tags", []):
            cell.outputs = []
    return notebook


def is_question(cell: NotebookNode) -> bool:
    """Say whether a cell ends with a question to think about."""
    return cell.cell_type == "markdown" and cell.source.rpartition("\n\n")[2].startswith(QUESTION)


def _with_answers(cells: Sequence[NotebookNode], card: Path) -> list[NotebookNode]:
    """Put the answers of a card after the questions, in order, as cells that an instructor grades by hand."""
    answers = read_card(card).get("answers", []) if card.exists() else []
    questions = sum(map(is_question, cells))
    if questions != len(answers):
        raise ValueError(f"{card.name} has {len(answers)} answers, the notebook {questions} questions")
    given = iter(answers)
    complete = []
    for cell in cells:
        complete.append(cell)
        if is_question(cell):
            answer = next(given)
            name = f"answer-{_slug(answer['question'])}"
            graded = NBGRADER | {"grade_id": name, "grade": True, "solution": True, "locked": False, "points": 1}
            complete.append(new_markdown_cell(ANSWER + answer["answer"], metadata={"nbgrader": graded}))
    return complete


def _slug(text: str) -> str:
    """Return ``text`` in the letters that nbgrader allows in a name."""
    letters = unicodedata.normalize("NFKD", text.replace("λ", "lambda").replace("σ", "sigma"))
    return re.sub(r"[^a-z0-9]+", "-", letters.lower()).strip("-")


def _require_python(notebook: NotebookNode, name: str) -> None:
    for number, cell in enumerate(notebook.cells, 1):
        try:
            ast.parse(cell.source if cell.cell_type == "code" else "")
        except SyntaxError as error:
            line = (error.text or "").strip()
            raise RuntimeError(f"{name}, cell {number}, line {error.lineno}: {error.msg}: {line}") from None


def _require_passed(notebook: NotebookNode, name: str) -> None:
    """Raise unless each solution passed its own check."""
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", []):
            verdict = output.get("metadata", {}).get("course_utils", {})
            if verdict.get("status", "passed") != "passed":
                message = f"{verdict['exercise']} is {verdict['status']}: {verdict.get('message', '')}"
                raise RuntimeError(f"{name}, cell {number}: the solution of {message}")


def _compressed(png: str) -> str:
    """Return the same picture in fewer bytes: gray or RGB where nothing is transparent, without metadata."""
    smaller = oxipng.optimize_from_memory(base64.b64decode(png), level=2, strip=oxipng.StripChunks.safe())
    return base64.b64encode(smaller).decode()


def _nbgrader_metadata(source: str) -> dict[str, object] | None:
    """Return what nbgrader needs to know of a solution cell or of a check cell."""
    if name := exercise_name(source):
        return NBGRADER | {"grade_id": name, "grade": False, "solution": True, "locked": False}
    if found := CHECK.search(source):
        return NBGRADER | {
            "grade_id": f"check-{found[1]}",
            "grade": True,
            "solution": False,
            "locked": True,
            "points": 1,
        }
    return None


def _drop_volatile_outputs(cell: NotebookNode) -> None:
    """Merge neighbouring streams, compress pictures, remove the ids of widget views and the time stamps."""
    cell.metadata.pop("execution", None)
    outputs: list[NotebookNode] = []
    for output in cell.outputs:
        last = outputs[-1] if outputs else None
        if output.output_type == "stream" and last and last.output_type == "stream" and last.name == output.name:
            last.text += output.text
            continue
        if "data" in output:
            output.data.pop(WIDGET_VIEW, None)
            if png := output.data.get("image/png"):
                output.data["image/png"] = _compressed(png)
        outputs.append(output)
    cell.outputs = outputs
