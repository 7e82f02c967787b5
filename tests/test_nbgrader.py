"""An institution grades with nbgrader itself: a class of twelve, from Moodle's zip file to points and feedback."""

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import nbformat
import pytest

from course_utils.classroom import ROOT
from course_utils.classroom.student import hand_out, notebook_files, solutions
from course_utils.classroom.submissions import PASSED, Reader

NAME = "04_deblurring"
pytestmark = pytest.mark.slow

WRONG = "def blur(u, kernel):\n    return u"
ENDLESS = "def blur(u, kernel):\n    while True:\n        pass"
RAISES = "def blur(u, kernel):\n    raise KeyError('k')"
HALF = "def blur(u, kernel:\n    return u"
EXERCISES = ("blur", "blur_adjoint", "inverse_filter", "ridge_deblur", "tychonov_deblur", "gradient_descent_deblur")
# Student -> exercises solved as the course does, what stands in the others. Half of the class has nbgrader's release,
# the other half the copies of `course student`.
CLASS = {
    "Anna Martin": (EXERCISES, {}),
    "Bob Durand": ((), {}),
    "Chloé Petit": (EXERCISES[1:], {"blur": WRONG}),
    "Dan Roux": (EXERCISES[1:], {"blur": ENDLESS}),
    "Emma Simon": (EXERCISES[:1], {}),
    "Farid Michel": (EXERCISES[:3], {}),
    "Gaël Laurent": (EXERCISES[1:], {"blur": HALF}),
    "Hana Garcia": (EXERCISES[1:4], {"blur": RAISES}),
    "Inès Moreau": (EXERCISES[-2:], {}),
    "Jules Fournier": (EXERCISES, {}),
    "Karim Girard": (EXERCISES[::2], {}),
    "Léa Bonnet": (EXERCISES[1::2], {}),
}
WROTE = {"Anna Martin": "It moves by a pixel.", "Karim Girard": "Because of the noise."}  # to the first question


def settings():
    """Return the settings of nbgrader that the instructor's page gives."""
    page = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    lines = re.search(r"\n\n((?:    .*\n|\n)*    c\.FileNameCollectorPlugin(?:.*\n|\n)(?:    .*\n)*)", page)[1]
    return re.sub(r"^    ", "", lines, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return nbgrader's folder of a course whose class has handed in, and been graded."""
    course = tmp_path_factory.mktemp("nbgrader")
    (course / "nbgrader_config.py").write_text(settings(), encoding="utf-8")
    source = course / "source" / "lab"
    source.mkdir(parents=True)
    shutil.copy(notebook_files(ROOT)[NAME], source)
    nbgrader(course, "generate_assignment", "lab")
    copies = tmp_path_factory.mktemp("copies")
    hand_out([NAME], copies, ROOT)
    archive = course / "downloaded" / "lab" / "archive"
    archive.mkdir(parents=True)
    with zipfile.ZipFile(archive / "MVA-lab-4242.zip", "w") as moodle:
        for number, student in enumerate(CLASS):
            text = nbformat.writes(handed_in(student, course / "release" / "lab" if number % 2 == 0 else copies))
            moodle.writestr(f"{student}_{4700 + number}_assignsubmission_file_/{NAME}.ipynb", text)
    nbgrader(course, "zip_collect", "lab")
    nbgrader(course, "autograde", "lab")
    nbgrader(course, "generate_feedback", "lab")
    nbgrader(course, "export", "--to", "grades.csv")
    return course


def nbgrader(course, *arguments):
    command = [sys.executable, "-m", "nbgrader", *arguments]
    # nbgrader starts alembic by its name: as in an activated environment, the programs beside Python must be found
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(command, cwd=course, capture_output=True, text=True, env=os.environ | {"PATH": path})
    assert run.returncode == 0, run.stderr[-3000:]


def handed_in(student, folder):
    """Return the notebook of a student, made from the one in a folder."""
    notebook = nbformat.read(folder / f"{NAME}.ipynb", as_version=4)
    original = nbformat.read(notebook_files(ROOT)[NAME], as_version=4)
    right, others = CLASS[student]
    cells = solutions(notebook)
    for name in right:
        cells[name].source = solutions(original)[name].source
    for name, source in others.items():
        cells[name].source = source
    if student in WROTE:
        cells[question(cells)].source = WROTE[student]
    return notebook


def question(cells):
    return next(name for name in cells if name.startswith("answer-"))


def folder_of(student):
    return f"{student}_{4700 + list(CLASS).index(student)}"


def test_everybody_gets_the_points_of_what_is_right(course):
    rows = csv.DictReader((course / "grades.csv").read_text(encoding="utf-8").splitlines())
    scores = {row["student_id"]: float(row["score"]) for row in rows}
    assert scores == {folder_of(student): len(right) for student, (right, _) in CLASS.items()}


def test_everybody_gets_feedback_with_the_verdicts(course):
    for student in CLASS:
        page = (course / "feedback" / folder_of(student) / "lab" / f"{NAME}.html").read_text(encoding="utf-8")
        assert page.count("blur_adjoint: passed") == ("blur_adjoint" in CLASS[student][0]), student
    assert "does not parse" in (course / "feedback" / folder_of("Gaël Laurent") / "lab" / f"{NAME}.html").read_text()


def test_answers_to_questions_wait_for_a_teacher_and_blanks_do_not(course):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        for student in CLASS:
            (notebook,) = book.find_submission("lab", folder_of(student)).notebooks
            waiting = [grade.cell.name for grade in notebook.grades if grade.needs_manual_grade]
            answers = [grade for grade in notebook.grades if grade.cell.name.startswith("answer-")]
            assert len(answers) >= 3
            assert waiting == ([question([grade.cell.name for grade in answers])] if student in WROTE else [])
            assert all(grade.max_score == 1 for grade in answers)
        grade = book.find_grade(question_name(course), NAME, "lab", folder_of("Anna Martin"))
        grade.manual_score, grade.needs_manual_grade = 1.0, False
        book.db.commit()
        assert book.find_submission("lab", folder_of("Anna Martin")).score == len(EXERCISES) + 1


def question_name(course):
    return question(solutions(nbformat.read(course / "release" / "lab" / f"{NAME}.ipynb", as_version=4)))


def test_the_report_reads_the_same_class(course):
    """What nbgrader collected: nothing ran there, so what is written is tried, and the rest was not."""
    group = Reader(course).read()
    assert [student.name for student in group.students] == sorted(folder_of(student) for student in CLASS)
    graded = Reader(course / "autograded").read()
    passed = {s.name: sum(f.status == PASSED for f in s.findings.values()) for s in graded.students}
    assert passed == {folder_of(student): len(right) for student, (right, _) in CLASS.items()}


def test_formgrader_shows_the_class(course, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", f"--ServerApp.port={port}", "--IdentityProvider.token="]
    extensions = "--ServerApp.jpserver_extensions={'nbgrader': True}"
    folders = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *options, extensions],
        cwd=course,
        env=os.environ | folders,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        (assignment,) = json.loads(answer(f"http://127.0.0.1:{port}/formgrader/api/assignments"))
    finally:
        process.terminate()
        process.wait(30)
    assert (assignment["name"], assignment["num_submissions"]) == ("lab", len(CLASS))


def answer(address, patience=120):
    end = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(address, timeout=60) as page:
                return page.read()
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
