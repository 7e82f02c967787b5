"""An institution grades with nbgrader itself: one notebook, handed in right, wrong, untouched and endless."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course_utils.classroom import ROOT
from course_utils.classroom.build import exercise_name
from course_utils.classroom.student import notebook_files, solutions

NAME = "06_pseudo_inverse"
EXERCISE = "pseudo_inverse"
pytestmark = pytest.mark.slow

ANSWERS = {
    "right": None,  # the course's solution
    "wrong": f"def {EXERCISE}(A):\n    return A.T",
    "untouched": "",
    "endless": f"def {EXERCISE}(A):\n    while True:\n        pass",
}


@pytest.fixture(scope="module")
def grades(tmp_path_factory):
    """Return the score of each submission, as nbgrader exports it."""
    course = tmp_path_factory.mktemp("nbgrader")
    source = course / "source" / "lab"
    source.mkdir(parents=True)
    shutil.copy(notebook_files(ROOT)[NAME], source)
    nbgrader(course, "generate_assignment", "lab")
    for student, answer in ANSWERS.items():
        submit(course, student, answer)
    nbgrader(course, "autograde", "lab", "--ExecutePreprocessor.timeout=120")
    nbgrader(course, "export", "--to", "grades.csv")
    rows = csv.DictReader((course / "grades.csv").read_text().splitlines())
    return {row["student_id"]: float(row["score"]) for row in rows}


def nbgrader(course, *arguments):
    command = [sys.executable, "-m", "nbgrader", *arguments, "--CourseDirectory.root=."]
    # nbgrader starts alembic by its name: as in an activated environment, the programs beside Python must be found
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(command, cwd=course, capture_output=True, text=True, env=os.environ | {"PATH": path})
    assert run.returncode == 0, run.stderr[-3000:]


def submit(course, student, answer):
    released = nbformat.read(course / "release" / "lab" / f"{NAME}.ipynb", as_version=4)
    original = nbformat.read(notebook_files(ROOT)[NAME], as_version=4)
    if answer is None:
        for name, cell in solutions(released).items():
            cell.source = solutions(original)[name].source
    elif answer:
        solutions(released)[EXERCISE].source = answer
    folder = course / "submitted" / student / "lab"
    folder.mkdir(parents=True)
    nbformat.write(released, folder / f"{NAME}.ipynb")


def test_all_points_for_a_right_submission(grades):
    original = nbformat.read(notebook_files(ROOT)[NAME], as_version=4)
    assert grades["right"] == sum(exercise_name(cell.source) is not None for cell in original.cells)


@pytest.mark.parametrize("student", ["wrong", "untouched", "endless"])
def test_no_point_without_a_right_answer(grades, student):
    assert grades[student] == 0
