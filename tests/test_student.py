"""Student copies: no solution left in them, nothing of a student's ever lost."""

import itertools
import json
import re
import sys
from datetime import date

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.classroom import ROOT, student
from course_utils.classroom.build import exercise_name
from course_utils.classroom.cli import main
from course_utils.classroom.student import Repository, hand_out, notebook_files, solutions, student_copy, update

NAMES = sorted(notebook_files(ROOT))
SOLUTION = "def blur(u, k):\n    ### BEGIN SOLUTION\n    secret = u * k\n    return secret\n    ### END SOLUTION"
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
DAY = date(2026, 1, 13)


def region(source):
    return re.search(r"### BEGIN SOLUTION\n(.*)### END SOLUTION", source, re.DOTALL)[1]


@pytest.mark.parametrize("name", NAMES)
def test_no_solution_is_left_anywhere(name):
    original = nbformat.read(notebook_files(ROOT)[name], as_version=4)
    copy = student_copy(original)
    text = json.dumps(copy, ensure_ascii=False)
    assert "BEGIN SOLUTION" not in text
    cells = [cell for cell in original.cells if exercise_name(cell.source)]
    assert len(cells) == text.count("raise NotImplementedError()") > 0
    elsewhere = "\n".join(cell.source for cell in original.cells if cell not in cells)
    for cell in cells:
        for line in region(cell.source).splitlines():
            code = line.split("  #")[0].strip()
            if len(code) > 24 and not code.startswith("#") and code not in elsewhere:
                assert json.dumps(code, ensure_ascii=False)[1:-1] not in text, code


@pytest.mark.parametrize("name", NAMES)
def test_target_pictures_stay_and_nothing_else(name):
    original = nbformat.read(notebook_files(ROOT)[name], as_version=4)
    copy = student_copy(original)

    def pictures(book):
        return sum("image/png" in o.get("data", {}) for c in book.cells if c.cell_type == "code" for o in c.outputs)

    assert pictures(copy) == pictures(original) > 0
    for cell in copy.cells:
        if cell.cell_type == "code":
            assert cell.execution_count is None
            assert not any(o.output_type == "stream" or "course_utils" in o.metadata for o in cell.outputs)
    nbformat.validate(copy)


@pytest.fixture
def course(tmp_path):
    """Return a course of one notebook with one exercise, that tests may release again."""
    (tmp_path / "notebooks").mkdir()

    def release(*cells):
        book = new_notebook(cells=list(cells), metadata=METADATA)
        nbformat.write(book, tmp_path / "notebooks" / "04_deblurring.ipynb")
        return tmp_path

    release(new_markdown_cell("# Deblurring"), solution_cell("blur", SOLUTION))
    return release


def solution_cell(name, source):
    metadata = {"schema_version": 3, "task": False, "grade_id": name, "grade": False, "solution": True, "locked": False}
    return new_code_cell(
        source, metadata={"nbgrader": metadata}, execution_count=1, outputs=[new_output("stream", text="42")]
    )


def write_answer(path, answer, name="blur"):
    book = nbformat.read(path, as_version=4)
    solutions(book)[name].source = answer
    nbformat.write(book, path)


ANSWER = "def blur(u, k):\n    return my_own_idea(u, k)"


def test_an_existing_file_is_never_overwritten(course, tmp_path):
    root, lab = course(solution_cell("blur", SOLUTION)), tmp_path / "lab"
    assert hand_out([], lab, root) == ["04_deblurring: new"]
    write_answer(lab / "04_deblurring.ipynb", ANSWER)
    before = (lab / "04_deblurring.ipynb").read_bytes()
    assert hand_out([], lab, root) == ["04_deblurring: up to date"]
    course(new_markdown_cell("A new remark"), solution_cell("blur", SOLUTION))
    assert "04_deblurring.2026-01-13.ipynb" in hand_out([], lab, root, DAY)[0]
    assert hand_out([], lab, root, DAY) == ["04_deblurring: up to date"]
    course(new_markdown_cell("A second remark"), solution_cell("blur", SOLUTION))
    assert "04_deblurring.2026-01-13-2.ipynb" in hand_out([], lab, root, DAY)[0]
    assert (lab / "04_deblurring.ipynb").read_bytes() == before
    assert len(list(lab.iterdir())) == 3


def test_a_broken_file_of_the_student_is_left_alone(course, tmp_path):
    root, lab = course(solution_cell("blur", SOLUTION)), tmp_path / "lab"
    lab.mkdir()
    (lab / "04_deblurring.ipynb").write_text("half a notebo")
    assert "2026-01-13" in hand_out([], lab, root, DAY)[0]
    assert (lab / "04_deblurring.ipynb").read_text() == "half a notebo"
    assert "not readable" in update(lab)[0]


def test_update_carries_answers_over_by_exercise_name(course, tmp_path):
    root, lab = (
        course(solution_cell("blur", SOLUTION), solution_cell("old", SOLUTION.replace("blur", "old"))),
        tmp_path / "lab",
    )
    hand_out([], lab, root)
    write_answer(lab / "04_deblurring.ipynb", ANSWER)
    write_answer(lab / "04_deblurring.ipynb", "def old():\n    return 1", "old")
    before = (lab / "04_deblurring.ipynb").read_bytes()
    course(solution_cell("ridge", SOLUTION.replace("blur", "ridge")), solution_cell("blur", SOLUTION))
    hand_out([], lab, root, DAY)
    messages = update(lab)
    newer = nbformat.read(lab / "04_deblurring.2026-01-13.ipynb", as_version=4)
    assert solutions(newer)["blur"].source == ANSWER
    assert "NotImplementedError" in solutions(newer)["ridge"].source
    assert messages == [
        "04_deblurring.ipynb -> 04_deblurring.2026-01-13.ipynb: moved blur",
        "  left in 04_deblurring.ipynb: old",
        "The older files stay as they are, with your notes and the cells that you added.",
    ]
    assert (lab / "04_deblurring.ipynb").read_bytes() == before
    write_answer(lab / "04_deblurring.2026-01-13.ipynb", ANSWER + "  # better")
    assert "moved nothing" in update(lab)[0]
    assert "# better" in solutions(nbformat.read(lab / "04_deblurring.2026-01-13.ipynb", as_version=4))["blur"].source


def test_update_loses_no_answer_whatever_was_done_to_the_cells(course, tmp_path):
    """The stub's line left behind, half an answer, a magic, an idea, a new cell, lost metadata, two cells."""
    names = ("stub_left", "half", "magic", "idea", "elsewhere", "no_metadata", "twice", "emptied")
    cells = [solution_cell(name, SOLUTION.replace("blur", name)) for name in names]
    root, lab = course(*cells), tmp_path / "lab"
    hand_out([], lab, root)
    book = nbformat.read(lab / "04_deblurring.ipynb", as_version=4)
    cell = solutions(book)
    stub = cell["idea"].source
    cell["stub_left"].source += "\n    return u"
    cell["half"].source = "def half(u, k:"
    cell["magic"].source = "%%time\n" + cell["magic"].source.replace("raise", "return u  # raise")
    cell["idea"].source = stub.replace("# YOUR CODE HERE", "# in Fourier?\n    # YOUR CODE HERE")
    book.cells.insert(0, new_code_cell("def elsewhere(u, k):\n    return u"))
    cell["no_metadata"].source = "def no_metadata(u, k):\n    return k"
    del cell["no_metadata"].metadata["nbgrader"]
    cell["twice"].source = "def twice(u, k):\n    return 1"
    book.cells.append(solution_cell("twice", "def twice(u, k):\n    return 2"))
    cell["emptied"].source = ""
    nbformat.write(book, lab / "04_deblurring.ipynb")
    course(new_markdown_cell("A new remark"), *[solution_cell(name, SOLUTION.replace("blur", name)) for name in names])
    hand_out([], lab, root, DAY)
    update(lab)
    newer = solutions(nbformat.read(lab / "04_deblurring.2026-01-13.ipynb", as_version=4))
    for name in ("stub_left", "half", "magic", "idea", "no_metadata"):
        assert newer[name].source == cell[name].source
    assert newer["elsewhere"].source == "def elsewhere(u, k):\n    return u"
    assert newer["twice"].source == "def twice(u, k):\n    return 1\n\n\ndef twice(u, k):\n    return 2"
    assert newer["emptied"].source == stub.replace("idea", "emptied")


def test_update_goes_through_the_releases_of_one_day_in_order(course, tmp_path):
    root, lab = course(solution_cell("blur", SOLUTION)), tmp_path / "lab"
    for number in range(12):
        course(new_markdown_cell(f"Remark {number}"), solution_cell("blur", SOLUTION))
        hand_out([], lab, root, DAY)
    write_answer(lab / "04_deblurring.ipynb", ANSWER)
    messages = update(lab)
    order = ["", ".2026-01-13", *[f".2026-01-13-{number}" for number in range(2, 12)]]
    files = [f"04_deblurring{end}.ipynb" for end in order]
    moves = [f"{older} -> {newer}: moved blur" for older, newer in itertools.pairwise(files)]
    assert messages[:-1] == moves
    assert solutions(nbformat.read(lab / files[-1], as_version=4))["blur"].source == ANSWER


def test_a_full_disk_leaves_no_half_of_a_notebook(course, tmp_path):
    resource = pytest.importorskip("resource")
    root, lab = course(new_markdown_cell("long " * 2000), solution_cell("blur", SOLUTION)), tmp_path / "lab"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    try:
        with pytest.raises(OSError, match="large"):
            hand_out([], lab, root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(lab.iterdir()) == []
    assert hand_out([], lab, root) == ["04_deblurring: new"]


def test_two_runs_at_once_make_one_copy(course, tmp_path, monkeypatch):
    """The second looks into the folder before the first has written, and writes after it."""
    root, lab = course(solution_cell("blur", SOLUTION)), tmp_path / "lab"
    write_new, told = student.write_new, []

    def late(path, content):
        monkeypatch.setattr(student, "write_new", write_new)
        told.extend(hand_out([], lab, root))
        write_new(path, content)

    monkeypatch.setattr(student, "write_new", late)
    assert hand_out([], lab, root, DAY) == ["04_deblurring: up to date"]
    assert told == ["04_deblurring: new"]
    assert [path.name for path in lab.iterdir()] == ["04_deblurring.ipynb"]


def test_update_says_when_there_is_nothing_to_do(tmp_path):
    assert "nothing to update" in update(tmp_path)[0]
    with pytest.raises(ValueError, match="folder"):
        update(tmp_path / "nowhere")


def test_an_installed_package_says_why_it_makes_no_copies(tmp_path, monkeypatch, capsys):
    with pytest.raises(RuntimeError, match="git clone"):
        hand_out([], tmp_path / "lab", tmp_path / "site-packages")
    assert not (tmp_path / "lab").exists()
    monkeypatch.setitem(sys.modules, "nbgrader.preprocessors", None)
    monkeypatch.setattr(sys, "argv", ["course", "student", "--out", str(tmp_path / "lab")])
    with pytest.raises(SystemExit):
        main()
    assert "[student]" in capsys.readouterr().err


def test_an_unknown_notebook_is_refused_with_a_suggestion(tmp_path):
    with pytest.raises(ValueError, match="did you mean '07_tv_denoising'"):
        hand_out(["07_tv_denoisng"], tmp_path, ROOT)


def test_badges_open_the_copy_in_the_instructors_repository(course, tmp_path):
    root, lab = course(solution_cell("blur", SOLUTION)), tmp_path / "lab"
    repository = Repository.parse("https://github.com/someone/my-course/tree/spring/labs/week1", "--colab")
    hand_out([], lab, root, DAY, repository, repository)
    badges, install, *_ = nbformat.read(lab / "04_deblurring.ipynb", as_version=4).cells
    assert (
        "colab.research.google.com/github/someone/my-course/blob/spring/labs/week1/04_deblurring.ipynb" in badges.source
    )
    assert (
        "mybinder.org/v2/gh/someone/my-course/spring?urlpath=lab%2Ftree%2Flabs%2Fweek1%2F04_deblurring.ipynb"
        in badges.source
    )
    assert "git+https://github.com/someone/my-course@spring" in install.source
    assert "find_spec" in install.source


def test_a_short_address_means_main_and_lab():
    assert Repository.parse("https://github.com/a/b.git", "--colab") == Repository("a", "b", "main", "lab")


@pytest.mark.parametrize("address", ["github.com/a/b", "https://gitlab.com/a/b", "https://github.com/a", "x"])
def test_another_address_is_refused(address):
    with pytest.raises(ValueError, match="--binder must have the form"):
        Repository.parse(address, "--binder")


def test_no_badge_without_a_repository(course, tmp_path):
    copy = student_copy(nbformat.read(course(solution_cell("blur", SOLUTION)) / "notebooks/04_deblurring.ipynb", 4))
    assert "colab" not in json.dumps(copy)
