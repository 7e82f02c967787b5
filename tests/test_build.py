"""`course build`: what it refuses, what it adds, and what it records in fewer bytes."""

import base64
import io

import numpy as np
import pytest
from nbformat.v4 import new_notebook
from PIL import Image

from course_utils.classroom import build as builder
from course_utils.classroom.build import ANSWER, build, is_question, read_source
from course_utils.classroom.student import BLANK, solutions, student_copy

CARD = """
[[answers]]
question = "First, with λ?"
answer = "Because."

[[answers]]
question = "Second."
answer = "For no reason."
"""
SOURCE = '''# %% [markdown]
"""
# 1. Title

**Question.** Why?
"""
# %%
x = 1
# %% [markdown]
"""
**Question.** And why
not?
"""
'''
WRONG = """# %%
from course_utils.checks import check
# %%
def pseudo_inverse(A):
    ### BEGIN SOLUTION
    return A
    ### END SOLUTION
# %%
pseudo_inverse = check(pseudo_inverse)
"""


@pytest.fixture
def course(tmp_path):
    """Return a function that makes a course of one notebook and returns its root."""

    def write(source, card=""):
        folder = tmp_path / "notebooks" / "src"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "01_toy.py").write_text(source, encoding="utf-8")
        (folder / "01_toy.toml").write_text(card, encoding="utf-8")
        return tmp_path

    return write


def test_answers_follow_their_questions(course):
    notebook = read_source(course(SOURCE, CARD) / "notebooks" / "src" / "01_toy.py")
    kinds = ["question" if is_question(cell) else cell.cell_type for cell in notebook.cells]
    assert kinds == ["question", "markdown", "code", "question", "markdown"]
    assert [notebook.cells[place].source for place in (1, 4)] == [f"{ANSWER}Because.", f"{ANSWER}For no reason."]
    assert list(solutions(notebook)) == ["answer-first-with-lambda", "answer-second"]


def test_a_student_gets_blanks_and_no_answer(course):
    notebook = read_source(course(SOURCE, CARD) / "notebooks" / "src" / "01_toy.py")
    copy = student_copy(new_notebook(cells=notebook.cells, metadata=notebook.metadata))
    assert [cell.source for cell in solutions(copy).values()] == [BLANK, BLANK]
    assert "Because" not in str(copy)


def test_a_question_without_answer_is_said(course):
    with pytest.raises(ValueError, match=r"01_toy.toml has 0 answers, the notebook 2 questions"):
        read_source(course(SOURCE) / "notebooks" / "src" / "01_toy.py")


def test_a_broken_card_is_named(course):
    with pytest.raises(ValueError, match=r"01_toy\.toml: Invalid value"):
        read_source(course(SOURCE, "summary = ") / "notebooks" / "src" / "01_toy.py")


def test_a_source_that_cannot_be_parsed_is_named_with_its_cell(course):
    with pytest.raises(RuntimeError, match=r"01_toy, cell 2, line 1: .*: 1 \+"):
        build(root=course("# %%\nx = 1\n# %%\n1 +\n"))


def test_a_solution_that_fails_its_own_check_is_refused(course):
    root = course(WRONG)
    with pytest.raises(RuntimeError, match="01_toy, cell 3: the solution of pseudo_inverse is wrong"):
        build(root=root)
    assert not list(root.rglob("*.ipynb"))


@pytest.mark.parametrize(("colour", "mode"), [(False, "L"), (True, "RGB")])
def test_pictures_are_compressed_without_loss(colour, mode):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3 if colour else 1), dtype=np.uint8)
    picture = np.concatenate([np.broadcast_to(pixels, (40, 50, 3)), np.full((40, 50, 1), 255, np.uint8)], axis=2)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    small = base64.b64decode(builder._compressed(base64.b64encode(buffer.getvalue()).decode()))
    assert len(small) < len(buffer.getvalue())
    with Image.open(io.BytesIO(small)) as read:
        assert read.mode == mode
        assert np.array_equal(np.asarray(read.convert("RGBA")), picture)


def test_what_depends_on_the_machine_alone_is_not_recorded_again(course):
    """The clock prints another time at each run; the recorded one stays until something else changes."""
    ignored = '# %% tags=["nbval-ignore-output"] reason="a time"\n'
    clock = ignored + "import time\nprint(time.perf_counter_ns())\n# %%\nprint(1)\n"
    root = course(clock)
    (path,) = build(["01_toy"], root=root)
    first = path.read_text(encoding="utf-8")
    build(["01_toy"], root=root)
    assert path.read_text(encoding="utf-8") == first
    build(["01_toy"], root=course(clock.replace("print(1)", "print(2)")))
    assert path.read_text(encoding="utf-8") != first
