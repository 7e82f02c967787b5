"""Every student copy runs from top to bottom, untouched or filled with right answers: no student is ever stopped.

A filled copy imports its answers from the bank: the k-th right answer of every exercise together, and, in rotation,
variants in single precision, with a gradient left on, in loops, by small steps. In six days every copy runs untouched
on one, filled with the variants on another and with some k on a third, so that all of them have their turn.
``COURSE_FILLINGS=3 pytest …`` repeats the run of k = 3, ``COURSE_FILLINGS=all`` makes all of them.
"""

import importlib
import itertools
import os

import nbformat
import pytest

from course_utils.checks import EXERCISES
from course_utils.classroom import ROOT
from course_utils.classroom.build import execute, exercise_name, read_source, source_files
from course_utils.classroom.student import notebook_files, student_copy
from tests.lessons import RIGHT
from tests.rotation import EVERYTHING, FILLED, ROUND, TODAY, UNTOUCHED, VARIANTS, turn_of

pytestmark = pytest.mark.slow
WORDS = ("float32", "undetached", "loops", "small_step")  # in the names of the variants in the bank
ASKED = os.environ.get("COURSE_FILLINGS", "")


def longest(name):
    """Return how many right answers the bank has for an exercise of a notebook, where it has most."""
    bank = importlib.import_module(f"tests.lessons.{name[3:]}")
    return max(len(answers) for answers in bank.RIGHT.values())


def fillings(name, number, asked=ASKED, today=TODAY, everything=EVERYTHING):
    """Return what the notebook of that number is filled with: some k, as text, "variants", nothing: "untouched"."""
    if asked == "all":
        return [*map(str, range(longest(name))), "variants"]
    if asked:
        return asked.split(",")
    turns = {UNTOUCHED: "untouched", VARIANTS: "variants", FILLED: str((today // ROUND + number) % longest(name))}
    turn = turn_of(number, ROUND, today)
    return [filling for key, filling in turns.items() if everything or key == turn]


RUNS = [(name, k) for number, name in enumerate(sorted(source_files())) for k in fillings(name, number)]


def records_of(executed):
    outputs = [output for cell in executed.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not any(output.get("name") == "stderr" for output in outputs)
    return [output.metadata.course_utils for output in outputs if "course_utils" in output.get("metadata", {})]


def import_of(function, name):
    """Return the cell that takes an answer of the bank for the exercise ``name``."""
    start = f"import sys\n\nsys.path.insert(0, {str(ROOT)!r})"
    found = f"next(f for f in RIGHT[{name!r}] if f.__name__ == {function.__name__!r})"  # some are made by a factory
    return f"{start}\nfrom {function.__module__} import RIGHT\n\n{name} = {found}"


def undetached(name):
    """Return the cell of the course's solution with results that still require a gradient."""
    reference = EXERCISES[name].reference
    return f"""from {reference.__module__} import {reference.__name__} as right_{name}


def {name}(*args):
    def graph(x):
        if isinstance(x, (tuple, list)):
            parts = [graph(item) for item in x]
            return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
        floating = hasattr(x, "dtype") and x.is_floating_point()
        return x + torch.zeros((), dtype=x.dtype).requires_grad_() if floating else x

    with torch.enable_grad():
        return graph(right_{name}(*args))"""


def filled(name, filling, turn):
    """Return the cell of the answer to an exercise, the ``turn``-th of its notebook."""
    answers = RIGHT[name]
    if filling != "variants":
        return import_of(answers[int(filling) % len(answers)], name)
    for word in itertools.islice(itertools.cycle(WORDS), turn, turn + len(WORDS)):
        if word == "undetached" and hasattr(EXERCISES[name].reference, "__code__"):
            return undetached(name)
        if found := [answer for answer in answers if word in answer.__name__]:
            return import_of(found[0], name)
    return import_of(answers[turn % len(answers)], name)


def _graded(cell):
    return cell.metadata.get("nbgrader", {}) if cell.cell_type == "code" else {}


@pytest.mark.parametrize(("name", "filling"), [run for run in RUNS if "untouched" not in run])
def test_a_copy_filled_with_right_answers_runs_to_its_end(name, filling, tmp_path):
    copy = student_copy(read_source(source_files()[name]))
    tasks = [cell for cell in copy.cells if _graded(cell).get("solution") and _graded(cell)["grade_id"] in EXERCISES]
    for turn, cell in enumerate(tasks):
        cell.source = filled(cell.metadata.nbgrader.grade_id, filling, turn)
    records = records_of(execute(copy, tmp_path, name))
    expected = [(cell.metadata.nbgrader.grade_id, "passed") for cell in tasks]
    assert [(record.exercise, record.status) for record in records] == expected


def test_every_right_answer_has_its_turn():
    for number, name in enumerate(sorted(source_files())):
        days = range(TODAY, TODAY + ROUND * longest(name) + ROUND)
        seen = {k for day in days for k in fillings(name, number, "", day, everything=False)}
        assert seen == {*map(str, range(longest(name))), "variants", "untouched"}
        assert seen == {*fillings(name, number, "all"), "untouched"}
        assert fillings(name, number, "3,variants") == ["3", "variants"]


@pytest.mark.parametrize("name", [name for name, filling in RUNS if filling == "untouched"])
def test_the_untouched_copy_runs_to_its_end(name, tmp_path):
    original = nbformat.read(notebook_files(ROOT)[name], as_version=4)
    exercises = [found for cell in original.cells if (found := exercise_name(cell.source))]
    executed = execute(student_copy(original), tmp_path, name)
    records = records_of(executed)
    assert [(record.exercise, record.status) for record in records] == [(name, "not attempted") for name in exercises]


def test_a_failing_cell_is_reported_with_its_notebook_and_message(tmp_path):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(RuntimeError, match=r"some_notebook, cell 1: ZeroDivisionError"):
        execute(book, tmp_path, "some_notebook")
