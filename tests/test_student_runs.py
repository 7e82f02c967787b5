"""Every student copy runs from top to bottom untouched: a student who is stuck is never stopped."""

import nbformat
import pytest

from course_utils.classroom import ROOT
from course_utils.classroom.build import execute, exercise_name
from course_utils.classroom.student import notebook_files, student_copy

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", sorted(notebook_files(ROOT)))
def test_the_untouched_copy_runs_to_its_end(name, tmp_path):
    original = nbformat.read(notebook_files(ROOT)[name], as_version=4)
    exercises = [found for cell in original.cells if (found := exercise_name(cell.source))]
    executed = execute(student_copy(original), tmp_path, name)
    outputs = [output for cell in executed.cells if cell.cell_type == "code" for output in cell.outputs]
    records = [o.metadata.course_utils for o in outputs if "course_utils" in o.get("metadata", {})]
    assert [(record.exercise, record.status) for record in records] == [(name, "not attempted") for name in exercises]
    assert not any(output.get("name") == "stderr" for output in outputs)


def test_a_failing_cell_is_reported_with_its_notebook_and_message(tmp_path):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(RuntimeError, match=r"some_notebook, cell 1: ZeroDivisionError"):
        execute(book, tmp_path, "some_notebook")
