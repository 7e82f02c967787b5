"""The class report, on a hundred generated submissions and on files that are none."""

import csv
import json
from collections import Counter

import pytest

from course_utils.checks import EXERCISES
from course_utils.classroom import report
from course_utils.classroom.report import read_verdicts, write_report

FIRST, SECOND = sorted(EXERCISES)[:2]


def check_cell(name, status=None, cause=""):
    record = {"exercise": name, "status": status, "cause": cause, "message": "…", "details": {}}
    output = {"output_type": "display_data", "data": {"text/plain": "…"}, "metadata": {"course_utils": record}}
    return {
        "cell_type": "code",
        "source": [f"{name} = check({name})"],
        "metadata": {},
        "execution_count": None,
        "outputs": [output] if status else [],
    }


def write(path, *cells):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))


def table(path):
    return {row["exercise"]: row for row in csv.DictReader(path.read_text().splitlines())}


def test_a_hundred_submissions_are_counted(tmp_path):
    kinds = [("passed", ""), ("wrong", "sign"), ("wrong", "axis"), ("not attempted", ""), (None, "")]
    for number in range(100):
        status, cause = kinds[number % 5] if number else ("wrong", "sign")
        write(
            tmp_path / "in" / f"student{number:03}" / "lab.ipynb", check_cell(FIRST, status, cause), check_cell(SECOND)
        )
    path, page, skipped = write_report(tmp_path / "in", tmp_path / "out")
    row = table(path)[FIRST]
    assert (row["passed"], row["wrong"], row["not attempted"]) == ("19", "41", "40")
    assert row["causes"] == "wrong sign: 21; axes exchanged: 20"
    assert table(path)[SECOND]["not attempted"] == "100"
    assert not skipped
    text = page.read_text()
    assert "100 notebooks read" in text
    assert "http" not in text.replace("http-equiv", "")


def test_rows_are_in_the_order_of_the_course_under_the_notebook(tmp_path):
    """Whoever hands in first, whatever one student deleted, and with one odd record."""
    write(tmp_path / "in" / "adam" / "07_tv_denoising.ipynb", check_cell("gradient_adjoint", "passed"))
    write(tmp_path / "in" / "eve" / "07_tv_denoising.ipynb", check_cell("gradient"), check_cell("gradient_adjoint"))
    odd = check_cell("blur", "wrong", "sign")
    odd["outputs"].append({"output_type": "display_data", "data": {}, "metadata": {"course_utils": ["odd"]}})
    write(tmp_path / "in" / "zoe" / "04_deblurring.ipynb", odd)
    path, page, _ = write_report(tmp_path / "in", tmp_path / "out")
    assert list(table(path)) == ["blur", "gradient", "gradient_adjoint"]
    text = page.read_text()
    assert text.index("deblurring<") < text.index("blur<") < text.index("tv denoising<") < text.index("gradient<")


def test_a_newer_release_beside_an_older_one_is_one_student(tmp_path):
    write(tmp_path / "04_deblurring.ipynb", check_cell(FIRST, "wrong", "sign"), check_cell(SECOND, "passed"))
    write(tmp_path / "04_deblurring.2026-01-13.ipynb", check_cell(FIRST, "passed"), check_cell(SECOND))
    write(tmp_path / "anna.ipynb", check_cell(FIRST, "wrong", "axis"))
    submissions, _ = report.read_submissions(tmp_path)
    verdicts = {submission.path.name: submission.verdicts for submission in submissions}
    assert verdicts["04_deblurring.ipynb"] == {FIRST: ("passed", ""), SECOND: ("passed", "")}
    assert set(verdicts) == {"04_deblurring.ipynb", "anna.ipynb"}


def test_the_page_shows_the_most_frequent_causes_only():
    row = report.Row(FIRST, Counter(wrong=10), Counter({"sign": 4, "axis": 3, "shape": 2, "weight": 1}))
    page = report._as_html([row], [], {})
    assert ">wrong sign: 4; axes exchanged: 3; wrong shape: 2 …<" in page
    assert "wrong weight: 1" in report._as_csv([row])


def test_odd_files_are_listed_and_skipped(tmp_path, monkeypatch):
    folder = tmp_path / "in"
    write(folder / "good.ipynb", check_cell(FIRST, "passed"))
    write(folder / "foreign.ipynb", {"cell_type": "markdown", "source": "# Another course", "metadata": {}})
    write(folder / ".ipynb_checkpoints" / "good.ipynb", check_cell(FIRST, "passed"))
    (folder / "empty.ipynb").touch()
    (folder / "cut.ipynb").write_text('{"cells": [')
    (folder / "list.ipynb").write_text("[1, 2]")
    (folder / "odd.ipynb").write_text('{"cells": 3}')
    (folder / "latin.ipynb").write_bytes(b"\xff\xfe\x00")
    (folder / "huge.ipynb").write_text(" " * 2000)
    monkeypatch.setattr(report, "LARGEST", 1500)
    path, page, skipped = write_report(folder, tmp_path / "out")
    reasons = {file.name: why for file, why in skipped.items()}
    assert set(reasons) == {
        "foreign.ipynb",
        "empty.ipynb",
        "cut.ipynb",
        "list.ipynb",
        "odd.ipynb",
        "latin.ipynb",
        "huge.ipynb",
    }
    assert "too large" in reasons["huge.ipynb"]
    assert "empty" in reasons["empty.ipynb"]
    assert table(path)[FIRST]["passed"] == "1"
    assert "foreign.ipynb" in page.read_text()


def test_the_last_run_counts_and_invented_records_do_not(tmp_path):
    cell = check_cell(FIRST, "wrong", "sign")
    cell["outputs"] += check_cell(FIRST, "passed")["outputs"]
    cell["outputs"] += check_cell("=cmd()", "passed")["outputs"] + check_cell(SECOND, "excellent")["outputs"]
    write(tmp_path / "a.ipynb", cell)
    assert read_verdicts(tmp_path / "a.ipynb") == {FIRST: ("passed", "")}


@pytest.mark.parametrize("start", "=+-@")
def test_no_cell_of_the_table_is_a_formula(start):
    row = report.Row(f"{start}HYPERLINK()", Counter(passed=1))
    lines = list(csv.reader(report._as_csv([row]).splitlines()))
    assert lines[1][0] == f"'{start}HYPERLINK()"


def test_html_is_escaped():
    assert "<b>" not in report._as_html([report.Row("<b>x</b>")], [], {})


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="folder"):
        write_report(tmp_path / "nowhere", tmp_path)
