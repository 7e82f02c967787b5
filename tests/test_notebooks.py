"""What nbval does not see: cells that never ran, notebooks out of step, tags without a reason, orphaned figures."""

import ast
import base64
import io
import itertools
import re
from collections import Counter

import nbformat
import numpy as np
import pytest
from PIL import Image

from course_utils.checks import EXERCISES
from course_utils.classroom import ROOT
from course_utils.classroom.build import (
    ANSWER,
    CHECK,
    SOLUTION,
    exercise_name,
    is_question,
    read_source,
    source_files,
)
from course_utils.slides import manifest, read_cards
from tests.pictures import BY_STATISTICS, compare_pictures, difference, pictures_of

SOURCES = source_files()
NAMES = sorted(SOURCES)
TAGS = {BY_STATISTICS, "nbval-ignore-output"}
LARGEST = 3e6  # bytes of a recorded notebook
WIDEST = 10.0 + 2 * 0.1  # inches of a picture of a figure for slides, 10 at most, with its margins


def notebook(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def code_cells(name):
    return [cell for cell in notebook(name).cells if cell.cell_type == "code" and cell.source.strip()]


def test_each_source_has_its_notebook_and_no_notebook_is_alone():
    assert sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_source_and_notebook_are_in_step(name):
    def content(book):
        return [(cell.id, cell.cell_type, cell.source, dict(cell.metadata)) for cell in book.cells]

    assert content(read_source(SOURCES[name])) == content(notebook(name)), f"run: make notebooks NAMES={name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_hint_that_the_text_tells_to_call_is_imported(name):
    book = read_source(SOURCES[name])
    told = any('hint("' in cell.source for cell in book.cells if cell.cell_type == "markdown")
    code = "\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
    assert not told or re.search(r"^from course_utils.checks import .*\bhint\b", code, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_every_code_cell_ran_in_order_without_complaint(name):
    cells = code_cells(name)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", cell.source


@pytest.mark.parametrize("name", NAMES)
def test_every_exercise_is_checked_and_passed(name):
    cells = code_cells(name)
    exercises = [exercise_name(cell.source) for cell in cells if SOLUTION.search(cell.source)]
    checked = [found[1] for cell in cells if (found := CHECK.fullmatch(cell.source))]
    assert exercises == checked
    assert set(exercises) <= set(EXERCISES)
    verdicts = [
        o.metadata.course_utils for cell in cells for o in cell.outputs if "course_utils" in o.get("metadata", {})
    ]
    assert [(v.exercise, v.status) for v in verdicts] == [(exercise, "passed") for exercise in exercises]


def test_every_check_belongs_to_an_exercise():
    exercises = [exercise_name(c.source) for name in NAMES for c in code_cells(name) if SOLUTION.search(c.source)]
    assert sorted(exercises) == sorted(EXERCISES)


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_is_one_idea(name):
    for cell in code_cells(name):
        if not SOLUTION.search(cell.source):
            lines = [line for line in cell.source.splitlines() if not re.match(r"\s*(#|import |from |$)", line)]
            assert len(lines) <= 12, cell.source


@pytest.mark.parametrize("name", NAMES)
def test_formulas_have_single_backslashes(name):
    """A markdown cell is never unescaped: two backslashes break a line, and the command shows as text."""
    for cell in notebook(name).cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"\\\\[a-zA-Z|]", cell.source), cell.source


@pytest.mark.parametrize("name", NAMES)
def test_every_tag_has_a_reason(name):
    for cell in notebook(name).cells:
        assert set(cell.metadata.get("tags", [])) <= TAGS, cell.source
        assert ("tags" in cell.metadata) == (len(cell.metadata.get("reason", "")) > 20), cell.source


@pytest.mark.parametrize("name", NAMES)
def test_no_code_cell_is_empty(name):
    """JupyterLab does not execute an empty cell: its missing number would look like a cell left out."""
    assert all(cell.source.strip() for cell in read_source(SOURCES[name]).cells if cell.cell_type == "code")


@pytest.mark.parametrize("name", NAMES)
def test_every_question_has_its_answer(name):
    cells = read_source(SOURCES[name]).cells
    after = [following.source for cell, following in itertools.pairwise(cells) if is_question(cell)]
    assert len(after) == len(read_cards(ROOT / "notebooks" / "src")[name].get("answers", []))
    assert all(source.startswith(ANSWER) for source in after)
    assert sum(cell.source.count("**Question") for cell in cells) == len(after), "a question does not end its cell"
    names = [cell.metadata.nbgrader.grade_id for cell in cells if "nbgrader" in cell.metadata]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_small_and_its_pictures_are_gray_or_rgb(name):
    assert (ROOT / "notebooks" / f"{name}.ipynb").stat().st_size < LARGEST
    for cell in code_cells(name):
        for output in cell.outputs:
            if png := output.get("data", {}).get("image/png"):
                with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
                    assert picture.mode in {"1", "L", "P", "RGB"}, cell.source
                    if "slide_figure(" in cell.source:
                        inches = picture.width / picture.info["dpi"][0]
                        assert inches <= WIDEST, "a text reaches beyond the figure, whose files cut it"


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_has_an_alternative_text(name):
    for cell in code_cells(name):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                alt = output.metadata.get("image/png", {}).get("alt", "")
                assert len(alt) > 20, cell.source


@pytest.mark.parametrize("name", NAMES)
def test_no_recorded_text_is_volatile(name):
    for cell in code_cells(name):
        for output in cell.outputs:
            texts = [output.get("text", ""), *map(str, output.get("data", {}).values())]
            assert not any(re.search(r" at 0x[0-9a-f]{6,}", text) for text in texts), cell.source


def figure_names(name):
    calls = [n for cell in code_cells(name) for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Call)]
    return [call.args[1].value for call in calls if getattr(call.func, "id", "") == "slide_figure"]


def test_the_manifest_holds_every_figure_of_the_lecture_once():
    made = Counter((figure, name) for name in NAMES for figure in figure_names(name))
    listed = Counter((entry.name, entry.notebook) for entry in manifest().values())
    assert made == listed
    assert max(made.values()) == 1


def test_the_manifest_describes_each_figure():
    for entry in manifest().values():
        assert entry.slide
        assert len(entry.caption) > 20, entry.name
        assert len(entry.alt) > 30, entry.name
        assert entry.alt != entry.caption


def test_the_comparison_of_pictures_sees_what_changed():
    rng = np.random.default_rng(0)
    picture = np.ones((120, 160, 3))
    picture[20:100, 20:140] = rng.normal(0.5, 0.1, (80, 120, 1)).clip(0, 1)
    other_noise = picture.copy()
    other_noise[20:100, 20:140] = rng.normal(0.5, 0.1, (80, 120, 1)).clip(0, 1)
    stain = picture.copy()
    stain[30:40, 30:40] = 0
    assert difference(picture, picture) is None
    assert difference(picture, picture + rng.normal(0, 0.001, picture.shape)) is None
    assert "moved" in difference(picture, other_noise)
    assert "moved" in difference(picture, stain)
    assert "shape" in difference(picture, picture[:100])


def test_a_missing_picture_is_seen_and_a_synthesis_is_not_compared_by_pixels():
    cell = next(c for name in NAMES for c in code_cells(name) if pictures_of(c.outputs))
    other = next(c for name in NAMES for c in code_cells(name) if pictures_of(c.outputs) and c.id != cell.id)
    assert compare_pictures(cell, cell.outputs) is None
    assert "recorded" in compare_pictures(cell, [])
    tagged = nbformat.from_dict({**other, "metadata": {"tags": [BY_STATISTICS]}})
    assert compare_pictures(other, cell.outputs) is not None
    assert compare_pictures(tagged, cell.outputs) is None
