"""The class report: a hundred generated submissions, all that students do to files, and files that are none."""

import csv
import io
import json
import os
import zipfile

import pytest
from typer.testing import CliRunner

from course_utils.checks import EXERCISES
from course_utils.classroom import report, submissions
from course_utils.classroom.cli import app
from course_utils.classroom.report import write_report
from course_utils.classroom.submissions import PASSED, TRIED, UNTOUCHED, WRONG, Finding, Reader, read_notebook

FIRST, SECOND = "blur", "blur_adjoint"
OTHER = "gradient"  # of another lesson
STUB = 'def {0}(u, k):\n    """Return ..."""\n    # YOUR CODE HERE\n    raise NotImplementedError()'


def code_cell(source, *outputs, count=None, **metadata):
    return {
        "cell_type": "code",
        "source": source.splitlines(keepends=True),
        "metadata": metadata,
        "execution_count": count,
        "outputs": list(outputs),
    }


def verdict(name, status, cause="", message="The message."):
    record = {"exercise": name, "status": status, "cause": cause, "message": message, "details": {}}
    return {"output_type": "display_data", "data": {"text/plain": "…"}, "metadata": {"course_utils": record}}


def check_cell(name, status=None, cause="", count=None):
    return code_cell(f"{name} = check({name})", *([verdict(name, status, cause)] if status else []), count=count)


def solution(name, source=None, count=None, *outputs):
    graded = {"grade_id": name, "solution": True, "grade": False}
    return code_cell(source or STUB.format(name), *outputs, count=count, nbgrader=graded)


def notebook(*cells):
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def write(path, *cells, modified=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(notebook(*cells))
    if modified:
        os.utime(path, (modified, modified))


def zipped(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path.read_bytes()


def table(path):
    text = path.read_bytes().decode("utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))
    return {row.get("student", row.get("exercise", "")): row for row in rows}


def status_of(*cells):
    return {name: (finding.status, finding.cause) for name, finding in read_notebook(notebook(*cells)).items()}


def students(folder):
    group = Reader(folder).read()
    return {student.name: {name: f.status for name, f in student.findings.items()} for student in group.students}


def test_a_hundred_submissions_are_counted(tmp_path):
    kinds = [(PASSED, ""), (WRONG, "sign"), (WRONG, "axis"), (UNTOUCHED, ""), (None, "")]
    for number in range(100):
        status, cause = kinds[number % 5] if number else (WRONG, "sign")
        write(tmp_path / "in" / f"s{number:03}" / "lab.ipynb", check_cell(FIRST, status, cause), check_cell(SECOND))
    (path, by_student, page), group = write_report(tmp_path / "in", tmp_path / "out")
    row = table(path)[FIRST]
    assert (row[PASSED], row[WRONG], row[TRIED], row[UNTOUCHED]) == ("19", "41", "0", "40")
    assert row["causes"] == "wrong sign: 21, axes exchanged: 20"
    assert table(path)[SECOND][UNTOUCHED] == "100"
    assert table(by_student)["s001"] | {"last saved": ""} == {
        "student": "s001",
        "last saved": "",
        PASSED: "0",
        WRONG: "1",
        TRIED: "0",
        UNTOUCHED: "1",
        FIRST: WRONG,
        SECOND: UNTOUCHED,
    }
    assert not group.skipped | group.doubtful
    text = page.read_text()
    assert "100 students, 100 notebooks read" in text
    assert "http" not in text


# --- one notebook -----------------------------------------------------------------------------------------------------


def test_what_was_never_checked_is_told_from_what_was_never_tried():
    written = "def blur(u, k):\n    return u * k"
    assert status_of(solution(FIRST), check_cell(FIRST)) == {FIRST: (UNTOUCHED, "")}
    assert status_of(solution(FIRST, written), check_cell(FIRST)) == {FIRST: (TRIED, "")}
    assert status_of(solution(FIRST, written), check_cell(FIRST, UNTOUCHED)) == {FIRST: (TRIED, "")}
    elsewhere = [solution(FIRST), code_cell(written), check_cell(FIRST)]
    assert status_of(*elsewhere) == {FIRST: (TRIED, "")}


def test_what_does_not_parse_is_wrong_once_it_ran():
    half = "def blur(u, k:\n    return u"
    assert status_of(solution(FIRST, half, 3), check_cell(FIRST, UNTOUCHED)) == {FIRST: (WRONG, "syntax")}
    assert status_of(solution(FIRST, half), check_cell(FIRST)) == {FIRST: (TRIED, "")}
    magic = "%%time\ndef blur(u, k):\n    !ls\n    return u"
    assert status_of(solution(FIRST, magic, 3), check_cell(FIRST)) == {FIRST: (TRIED, "")}
    finding = read_notebook(notebook(solution(FIRST, half, 3), check_cell(FIRST)))[FIRST]
    assert "line 1" in finding.message
    assert finding.code == half


def test_a_verdict_counts_more_than_what_stands_there():
    cells = [solution(FIRST, "def blur(u, k:", 5), check_cell(FIRST, PASSED, count=4)]
    assert status_of(*cells) == {FIRST: (PASSED, "")}


def test_the_last_run_counts_and_invented_records_do_not():
    cell = check_cell(FIRST, WRONG, "sign")
    cell["outputs"] += [verdict(FIRST, PASSED), verdict("=cmd()", PASSED), verdict(SECOND, "excellent")]
    cell["outputs"] += [{"output_type": "display_data", "metadata": {"course_utils": odd}} for odd in (["odd"], 3)]
    cell["outputs"] += [verdict(["list"], PASSED), verdict(FIRST, ["list"])]
    assert status_of(cell) == {FIRST: (PASSED, "")}
    twice = [check_cell(FIRST, WRONG, "sign", count=9), check_cell(FIRST, PASSED, count=2)]
    assert status_of(*twice) == {FIRST: (WRONG, "sign")}


def test_a_check_that_ran_twice_keeps_its_verdict_in_the_record(monkeypatch):
    """The first run puts the course's function in place of the student's, which the second then finds."""
    from course_utils.checks import engine

    shown = []
    monkeypatch.setattr(engine, "show", lambda verdict, recorded: shown.append((verdict.status, recorded.status)))
    following = engine.check(lambda u, k: -u, FIRST)
    assert engine.check(following, FIRST) is following
    assert shown == [(WRONG, WRONG), (UNTOUCHED, WRONG)]


# --- students ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mark", ["{}-Copy1", "{}-Copy2-Copy1", "{} (1)", "{}(2)", "Copy of {}", "Copie de {}", "{} - Copie"]
)
def test_copies_are_one_student_and_the_last_verdict_counts(tmp_path, mark):
    for name in ("anna/{}", "{}_bob", "dora_{}"):
        folder, _, file = name.format("04_deblurring").rpartition("/")
        write(tmp_path / folder / f"{file}.ipynb", check_cell(FIRST, WRONG), check_cell(SECOND, PASSED), modified=1000)
        copy = tmp_path / folder / f"{mark.format(file)}.ipynb"
        write(copy, check_cell(FIRST, PASSED), check_cell(SECOND), modified=2000)
    both = {FIRST: PASSED, SECOND: PASSED}
    assert students(tmp_path) == {"anna": both, "bob": both, "dora": both}
    assert not Reader(tmp_path).read().doubtful


def test_a_newer_release_beside_an_older_one_is_one_student(tmp_path):
    write(tmp_path / "04_deblurring.ipynb", check_cell(FIRST, WRONG), check_cell(SECOND, PASSED), modified=2000)
    write(tmp_path / "04_deblurring.2026-01-13.ipynb", check_cell(FIRST, PASSED), check_cell(SECOND), modified=2000)
    write(tmp_path / "anna.ipynb", check_cell(FIRST, WRONG))
    assert students(tmp_path) == {"": {FIRST: PASSED, SECOND: PASSED}, "anna": {FIRST: WRONG}}


def test_copies_without_a_name_are_in_doubt(tmp_path):
    write(tmp_path / "04_deblurring.ipynb", check_cell(FIRST, WRONG))
    write(tmp_path / "04_deblurring (1).ipynb", check_cell(FIRST, PASSED))
    group = Reader(tmp_path).read()
    assert len(group.students) == 1
    assert list(group.doubtful) == ["04_deblurring (1).ipynb"]


def test_folders_of_students_and_of_groups(tmp_path):
    for where in ("group1/anna", "group1/bob/lab", "group2/carla", "group2/dan"):
        write(tmp_path / where / "04_deblurring.ipynb", check_cell(FIRST, PASSED))
    write(tmp_path / "group1" / "bob" / "home" / "07_tv_denoising.ipynb", check_cell(OTHER, PASSED))
    write(tmp_path / "group2" / "carla" / "old" / "04_deblurring.ipynb", check_cell(FIRST, WRONG), modified=5)
    group = Reader(tmp_path).read()
    assert [student.name for student in group.students] == ["anna", "bob", "carla", "dan"]
    assert students(tmp_path)["bob"] == {FIRST: PASSED, OTHER: PASSED}
    assert students(tmp_path)["carla"] == {FIRST: PASSED}
    assert not group.doubtful


def test_a_folder_that_may_be_one_student_or_two_is_in_doubt(tmp_path):
    for where in ("anna/lab", "anna/backup", "bob"):
        write(tmp_path / where / "04_deblurring.ipynb", check_cell(FIRST, PASSED))
    for name in ("v1", "v2"):
        write(tmp_path / "eve" / f"04_deblurring_{name}.ipynb", check_cell(FIRST, PASSED))
    group = Reader(tmp_path).read()
    assert [student.name for student in group.students] == ["backup", "lab", "bob", "eve"]
    assert set(group.doubtful) == {"anna", "eve"}


def test_homonyms_are_told_apart(tmp_path):
    for where in ("group1/anna", "group1/bob", "group2/anna", "group2/carla"):
        write(tmp_path / where / "04_deblurring.ipynb", check_cell(FIRST, PASSED))
    assert set(students(tmp_path)) == {"group1/anna", "bob", "group2/anna", "carla"}


def test_nbgraders_folder_and_what_it_made_itself(tmp_path):
    for student in ("anna", "bob"):
        write(tmp_path / "submitted" / student / "ps1" / "04_deblurring.ipynb", check_cell(FIRST, WRONG))
        write(tmp_path / "submitted" / student / "ps2" / "07_tv_denoising.ipynb", check_cell(OTHER, PASSED))
        write(tmp_path / "autograded" / student / "ps1" / "04_deblurring.ipynb", check_cell(FIRST, WRONG))
    write(tmp_path / "source" / "ps1" / "04_deblurring.ipynb", check_cell(FIRST, PASSED))
    both = {FIRST: WRONG, OTHER: PASSED}
    assert students(tmp_path) == students(tmp_path / "submitted") == {"anna": both, "bob": both}
    assert Reader(tmp_path).read().passed_over == {submissions.GRADER: 2}


# --- zip files --------------------------------------------------------------------------------------------------------

ONE = notebook(check_cell(FIRST, PASSED))


def test_moodles_and_nbgraders_zip_files_are_read(tmp_path):
    inner = zipped(tmp_path / "x.zip", {"lab/04_deblurring.ipynb": ONE, "__MACOSX/._04_deblurring.ipynb": b"x"})
    members = {
        "Anna Martin_4711_assignsubmission_file_/04_deblurring.ipynb": ONE,
        "Bob Durand_4712_assignsubmission_file_04_deblurring.ipynb": ONE,
        "Émile Zola_4713_assignsubmission_file_/devoir.zip": inner,
        "Émile Zola_4714_assignsubmission_file/04_deblurring.ipynb": ONE,
        "Eve_4715_assignsubmission_onlinetext_/onlinetext.html": b"<p>",
    }
    zipped(tmp_path / "moodle" / "TP 1-12345.zip", members)
    assert set(students(tmp_path / "moodle")) == {
        "Anna Martin",
        "Bob Durand",
        "Émile Zola_4713",
        "Émile Zola_4714",
    }
    paths = ("submitted/anna/ps1", "submitted/bob/ps1", "source/ps1", "submitted/bob/ps1/.ipynb_checkpoints")
    zipped(tmp_path / "nbgrader" / "course.zip", {f"{path}/04_deblurring.ipynb": ONE for path in paths})
    assert set(students(tmp_path / "nbgrader")) == {"anna", "bob"}
    for name in ("anna", "bob"):
        zipped(tmp_path / "each" / f"{name}.zip", {"lab/04_deblurring.ipynb": ONE})
    write(tmp_path / "each" / "anna" / "lab" / "04_deblurring.ipynb", check_cell(FIRST, WRONG))
    assert set(students(tmp_path / "each")) == {"anna", "bob"}
    zipped(tmp_path / "flat" / "tp.zip", {"anna_04_deblurring.ipynb": ONE, "bob_04_deblurring.ipynb": ONE})
    assert set(students(tmp_path / "flat")) == {"anna", "bob"}


def test_a_zip_file_unpacks_no_more_than_its_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "LARGEST", 10_000)
    monkeypatch.setattr(submissions, "LARGEST_INSIDE", 50_000)
    bomb = zipped(tmp_path / "bomb.zip", {f"{number}.ipynb": b" " * 9000 for number in range(100)})
    zipped(tmp_path / "big.zip", {"big.ipynb": b" " * 20_000, "04_deblurring.ipynb": ONE})
    zipped(
        tmp_path / "nested.zip",
        {"a/bomb.zip": bomb, "deep.zip": zipped(tmp_path / "x", {"y.zip": bomb}), "z.ipynb": ONE},
    )
    monkeypatch.setattr(submissions, "RATIO", 5)
    skipped = Reader(tmp_path).read().skipped
    assert "far more than notebooks do" in skipped["bomb.zip"]
    assert "too large" in skipped["big.zip/big.ipynb"]
    assert "far more" in skipped["nested.zip"]
    monkeypatch.setattr(submissions, "MOST_MEMBERS", 99)
    assert skipped != (after := Reader(tmp_path).read().skipped)
    assert "100 files" in after["bomb.zip"]
    (tmp_path / "nested.zip").unlink()
    zipped(tmp_path / "nested.zip", {"a.zip": zipped(tmp_path / "x", {"y.zip": bomb}), "z.ipynb": ONE})
    assert "too deep" in Reader(tmp_path).read().skipped["nested.zip/a.zip/y.zip"]


@pytest.mark.parametrize(
    "name", ["../bob/a.ipynb", "/etc/a.ipynb", "C:/a.ipynb", "x/../../a.ipynb", "..\\bob\\a.ipynb"]
)
def test_a_path_that_leaves_the_zip_file_is_listed(tmp_path, name):
    zipped(tmp_path / "a.zip", {name: ONE})
    group = Reader(tmp_path).read()
    assert not group.students
    assert list(group.skipped.values()) == ["its path leads out of the zip file"]


def test_damaged_and_locked_zip_files_are_listed(tmp_path):
    (tmp_path / "text.zip").write_text("no zip")
    whole = zipped(tmp_path / "cut.zip", {"a.ipynb": ONE, "b.ipynb": ONE})
    (tmp_path / "cut.zip").write_bytes(whole[:100] + b"\0" * 40 + whole[140:])
    locked = bytearray(zipped(tmp_path / "locked.zip", {"a.ipynb": ONE}))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    skipped = Reader(tmp_path).read().skipped
    assert skipped["text.zip"] == "broken: not a zip file"
    assert "broken in the zip file" in skipped["cut.zip/a.ipynb"]
    assert skipped["locked.zip/a.ipynb"] == "needs a password"


# --- whatever is not read ---------------------------------------------------------------------------------------------


def test_odd_files_are_listed_with_the_reason(tmp_path, monkeypatch):
    folder = tmp_path / "in"
    write(folder / "good.ipynb", check_cell(FIRST, PASSED))
    write(folder / "foreign.ipynb", {"cell_type": "markdown", "source": f"{FIRST} = check({FIRST})", "metadata": {}})
    write(folder / ".ipynb_checkpoints" / "good.ipynb", check_cell(FIRST, PASSED))
    (folder / "empty.ipynb").touch()
    (folder / "cut.ipynb").write_text('{"cells": [')
    (folder / "list.ipynb").write_text("[1, 2]")
    (folder / "odd.ipynb").write_text('{"cells": 3}')
    (folder / "latin.ipynb").write_bytes(b"\xff\xfe\x00")
    (folder / "huge.ipynb").write_text(" " * 2000)
    (folder / "deep.ipynb").write_text("[" * 1200)
    (folder / "all.tar.gz").touch()
    (folder / "notes.txt").touch()
    if os.name != "nt":
        (folder / "link").symlink_to(folder)
        os.mkfifo(folder / "pipe.ipynb")
    monkeypatch.setattr(submissions, "LARGEST", 1500)
    (path, _, page), group = write_report(folder, tmp_path / "out")
    reasons = {
        "foreign.ipynb": "no exercise",
        "empty.ipynb": "empty",
        "cut.ipynb": "not JSON",
        "list.ipynb": "not a notebook",
        "odd.ipynb": "not a notebook",
        "latin.ipynb": "not JSON",
        "huge.ipynb": "too large",
        "deep.ipynb": "not JSON",
        "all.tar.gz": "unpack it",
    } | ({"link": "a link", "pipe.ipynb": "not a file"} if os.name != "nt" else {})
    assert group.skipped.keys() == reasons.keys()
    for file, reason in reasons.items():
        assert reason in group.skipped[file]
        assert file in page.read_text()
    assert group.passed_over == {submissions.CHECKPOINTS: 1, submissions.OTHERS: 1}
    assert table(path)[FIRST][PASSED] == "1"


def test_a_folder_and_a_file_that_may_not_be_read_are_listed(tmp_path, monkeypatch):
    write(tmp_path / "anna" / "a.ipynb", check_cell(FIRST, PASSED))
    write(tmp_path / "bob" / "a.ipynb", check_cell(FIRST, PASSED))
    write(tmp_path / "eve" / "a.ipynb", check_cell(FIRST, PASSED))
    scandir, read_bytes = os.scandir, submissions.Path.read_bytes

    def refuse(path, real):
        if "bob" in str(path) or (real is read_bytes and "eve" in str(path)):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", lambda path: refuse(path, scandir))
    monkeypatch.setattr(submissions.Path, "read_bytes", lambda path: refuse(path, read_bytes))
    group = Reader(tmp_path).read()
    assert [student.name for student in group.students] == ["anna"]
    assert group.skipped == {
        "bob": "folder cannot be read: Permission denied",
        "eve/a.ipynb": "cannot be read: Permission denied",
    }


def test_a_name_that_is_not_utf8_is_shown_as_far_as_it_can_be(tmp_path):
    folder = os.fsencode(tmp_path) + b"/in/ren\xe9"
    try:
        os.makedirs(folder)
    except (OSError, UnicodeDecodeError):
        pytest.skip("this file system takes names in UTF-8 only")
    with open(folder + b"/04_deblurring.ipynb", "wb") as file:
        file.write(notebook(check_cell(FIRST, PASSED)))
    with open(folder + b"/\xff.ipynb", "wb") as file:
        file.write(b"broken")
    (_, by_student, page), _ = write_report(tmp_path / "in", tmp_path / "out")
    assert list(table(by_student)) == ["ren\ufffd"]
    assert "ren\ufffd/\ufffd.ipynb: broken" in page.read_text(encoding="utf-8")


def test_what_students_write_cannot_break_the_page(tmp_path):
    write(tmp_path / "in" / "=1+1" / "a.ipynb", check_cell(FIRST, PASSED))
    write(tmp_path / "in" / "<b>" / "a.ipynb", check_cell("\ud800", PASSED))
    (_, by_student, page), _ = write_report(tmp_path / "in", tmp_path / "out")
    assert list(table(by_student)) == ["'=1+1"]
    assert "<b>" not in page.read_text()


# --- tables and page --------------------------------------------------------------------------------------------------


def test_rows_are_in_the_order_of_the_course(tmp_path):
    """Whoever hands in first, whatever one student deleted."""
    write(tmp_path / "in" / "adam" / "07_tv_denoising.ipynb", check_cell("gradient_adjoint", PASSED))
    write(tmp_path / "in" / "eve" / "07_tv_denoising.ipynb", check_cell("gradient"), check_cell("gradient_adjoint"))
    write(tmp_path / "in" / "zoe" / "04_deblurring.ipynb", check_cell("blur", WRONG, "sign"))
    (path, _, page), _ = write_report(tmp_path / "in", tmp_path / "out")
    assert list(table(path)) == ["blur", "gradient", "gradient_adjoint"]
    text = page.read_text()
    assert text.index("deblurring<") < text.index("blur<") < text.index("tv denoising<") < text.index("gradient<")


def test_the_page_shows_the_most_frequent_causes_only(tmp_path):
    causes = ["sign"] * 4 + ["axis"] * 3 + ["shape"] * 2 + ["weight"]
    for number, cause in enumerate(causes):
        write(tmp_path / f"s{number}" / "a.ipynb", check_cell(FIRST, WRONG, cause))
    (path, _, page), _ = write_report(tmp_path, tmp_path / "out")
    assert ">wrong sign: 4, axes exchanged: 3, wrong shape: 2 …<" in page.read_text()
    assert "wrong weight: 1" in table(path)[FIRST]["causes"]


@pytest.mark.parametrize("start", "=+-@")
def test_no_cell_of_a_table_is_a_formula(start):
    assert f"'{start}HYPERLINK()" in report.table([[f"{start}HYPERLINK()"]])


def test_the_command_says_what_it_did_not_read(tmp_path, monkeypatch):
    write(tmp_path / "in" / "anna" / "04_deblurring.ipynb", check_cell(FIRST, PASSED))
    write(tmp_path / "in" / "anna" / "lab" / "04_deblurring (1).ipynb", check_cell(FIRST, PASSED))
    (tmp_path / "in" / "cut.ipynb").write_text("{")
    write(tmp_path / "in" / "04_deblurring (1).ipynb", check_cell(FIRST, PASSED))
    arguments = ["report", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "not read: cut.ipynb: broken: not JSON" in result.output
    assert "in doubt: 04_deblurring (1).ipynb: a copy, or another student's?" in result.output
    assert all(str(tmp_path / "out" / name) in result.output for name in ("report.csv", "students.csv", "report.html"))
    called = []
    monkeypatch.setattr("course_utils.classroom.live.watch", lambda *given: called.append(given) or [])
    assert CliRunner().invoke(app, [*arguments, "--watch", "--port", "9"]).exit_code == 0
    assert called[0][:3] == (tmp_path / "in", tmp_path / "out", 9)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="folder"):
        write_report(tmp_path / "nowhere", tmp_path)


# --- again ------------------------------------------------------------------------------------------------------------


def test_only_what_changed_is_read_again(tmp_path):
    for number in range(30):
        write(tmp_path / f"s{number:02}" / "04_deblurring.ipynb", check_cell(FIRST))
    zipped(tmp_path / "zoe.zip", {"04_deblurring.ipynb": ONE})
    reader = Reader(tmp_path)
    assert len(reader.read().students) == 31
    assert reader.reads == 31
    reader.read()
    assert reader.reads == 31
    write(tmp_path / "s07" / "04_deblurring.ipynb", check_cell(FIRST, PASSED))
    (tmp_path / "s08" / "04_deblurring.ipynb").unlink()
    group = reader.read()
    assert reader.reads == 32
    assert len(group.students) == 30
    assert {s.name for s in group.students if s.findings[FIRST].status == PASSED} == {"s07", "zoe"}


def test_a_file_that_is_being_written_keeps_what_it_held(tmp_path):
    path = tmp_path / "anna" / "04_deblurring.ipynb"
    write(path, check_cell(FIRST, PASSED))
    reader = Reader(tmp_path)
    reader.read()
    path.write_text('{"cells": [')
    group = reader.read()
    assert group.students[0].findings[FIRST] == Finding(PASSED, "", "The message.")
    assert "counts" in group.skipped["anna/04_deblurring.ipynb"]
    write(path, check_cell(FIRST, WRONG))
    assert reader.read().students[0].findings[FIRST].status == WRONG


def test_every_exercise_has_a_lesson_of_the_course():
    lessons = {path.stem[3:] for path in report.cards_folder().glob("*.toml")}
    assert {submissions.lesson_of(name) for name in EXERCISES} <= lessons
