"""A lesson is five files of one name; its times add up; a new one runs, and the pages say what the lessons say."""

import os
import shutil
import subprocess
import sys

import pytest

from course_utils.classroom import ROOT
from course_utils.classroom.build import build, execute, read_source, source_files
from course_utils.classroom.lessons import SESSION, lesson_files, new_lesson, read_lessons
from course_utils.classroom.pages import make_pages, measurements, sessions
from course_utils.classroom.student import student_copy
from course_utils.slides import read_cards

NAMES = sorted(source_files())
TRY_THE_BANK = """
from course_utils.checks import EXERCISES, diagnose
from tests.lessons.throw_away import RIGHT, WRONG
name = "without_mean_throw_away"
print([diagnose(answer, name).status for answer in [EXERCISES[name].reference, *RIGHT[name]]])
print([(cause, diagnose(answer, name).cause) for cause, answer in WRONG[name]])
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_has_its_five_files(name):
    missing = [str(path.relative_to(ROOT)) for path in lesson_files(name) if not path.exists()]
    assert not missing, f"lesson {name} lacks {', '.join(missing)}"


def test_no_file_is_without_its_lesson():
    topics = {name[3:] for name in NAMES}
    assert len(topics) == len({name[:2] for name in NAMES}) == len(NAMES)
    assert set(read_cards(ROOT / "notebooks" / "src")) == set(NAMES)
    for folder in ("course_utils/checks", "course_utils/explorers", "tests/lessons"):
        assert {path.stem for path in (ROOT / folder).glob("[a-z]*.py")} - {"base", "engine"} == topics, folder


@pytest.mark.parametrize("name", NAMES)
def test_the_times_of_a_lesson_add_up(name):
    lesson = next(lesson for lesson in read_lessons() if lesson.name == name)
    assert lesson.announced == sum(exercise.minutes for exercise in lesson.exercises)
    assert lesson.reading_in_class <= lesson.reading
    assert lesson.in_class + lesson.at_home == lesson.reading + lesson.announced
    assert len(lesson.summary) > 10
    assert not lesson.summary.endswith(".")


def test_a_session_holds_what_is_done_in_it():
    for lessons in sessions(read_lessons()).values():
        assert sum(lesson.in_class for lesson in lessons) <= SESSION


def test_the_pages_are_up_to_date():
    for page, text in make_pages().items():
        assert (ROOT / page).read_text(encoding="utf-8") == text, f"{page} is out of step: make pages"
        assert text.count("made by `make pages` -->") == text.count("<!-- end of ") > 0


def test_measurements_are_read_from_the_benchmarks(tmp_path):
    (tmp_path / "results.md").write_text("| 01_faces | 0.93 GB | 12 s | 13 s |\n| other | 1 GB |\n")
    assert measurements(tmp_path / "results.md") == {"01_faces": ("0.93", "12")}
    assert measurements(tmp_path / "none.md") == {}
    assert measurements(ROOT / "tests" / "benchmarks" / "RESULTS.md").keys() <= set(NAMES)


@pytest.mark.parametrize("name", ["throwaway", "1_x", "19-x", "19_X", "19_", "19_a__b"])
def test_a_name_of_another_form_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match="name must have the form NN_name"):
        new_lesson(name, tmp_path)


def test_nothing_is_overwritten(tmp_path):
    new_lesson("19_throw_away", tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert len(before) == 5
    with pytest.raises(ValueError, match=r"19_throw_away.py exists already"):
        new_lesson("19_throw_away", tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory):
    """Return the root of a copy of the package with a lesson that was just made; kernels import from it."""
    root = tmp_path_factory.mktemp("skeleton")
    shutil.copytree(ROOT / "course_utils", root / "course_utils", ignore=shutil.ignore_patterns("__pycache__"))
    new_lesson("19_throw_away", root)
    for package in ("tests", "tests/lessons"):
        (root / package / "__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", os.environ.get("COURSE_DATA") or str(ROOT / "data"))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]))
        yield root


def test_a_new_lesson_builds(skeleton):
    (path,) = build(root=skeleton)
    assert path.name == "19_throw_away.ipynb"


def test_the_students_copy_of_a_new_lesson_runs(skeleton):
    notebook = read_source(skeleton / "notebooks" / "src" / "19_throw_away.py")
    executed = execute(student_copy(notebook), skeleton / "notebooks", "19_throw_away")
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    records = [output.metadata.course_utils for output in outputs if "course_utils" in output.get("metadata", {})]
    assert [(record.exercise, record.status) for record in records] == [("without_mean_throw_away", "not attempted")]
    assert not any(output.get("name") == "stderr" for output in outputs)


def test_the_bank_of_a_new_lesson_fits_its_checks(skeleton):
    run = subprocess.run([sys.executable, "-c", TRY_THE_BANK], cwd=skeleton, capture_output=True, text=True, check=True)
    right, wrong = map(eval, run.stdout.splitlines())
    assert right == ["passed"] * 4
    assert all(cause == found for cause, found in wrong)
    assert len(wrong) == 6


def test_the_sources_of_a_new_lesson_are_in_style(skeleton):
    files = [
        str(path.relative_to(skeleton)) for path in lesson_files("19_throw_away", skeleton) if path.suffix == ".py"
    ]
    for command in (["check"], ["format", "--check"]):
        run = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *files], cwd=skeleton, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stdout + run.stderr
