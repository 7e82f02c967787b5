"""How long `course report --watch` takes to see a saved file in a class of 300, and to answer the page.

Notebooks are student copies of 04, of 1.3 MB each. CPU time, which is what it takes when nothing else runs. The target
is a second from the saved file to the page, of which a quarter is the pause between two looks.
"""

import json
import tempfile
import time
from pathlib import Path

import nbformat

from course_utils.classroom import ROOT
from course_utils.classroom.live import PAUSE, Live
from course_utils.classroom.student import notebook_files, student_copy
from course_utils.classroom.templates import render
from tests.benchmarks.timing import met, print_table

STUDENTS = 300


def measure(folder):
    copy = student_copy(nbformat.read(notebook_files(ROOT)["04_deblurring"], as_version=4))
    for number in range(STUDENTS):
        path = folder / "in" / f"student{number}" / "04_deblurring.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(copy), encoding="utf-8")
    live = Live(folder / "in", folder / "out")
    yield row("first look, 300 files read", seconds(live.look))
    yield row("a look when nothing changed", seconds(live.look))
    path.touch()
    changed = seconds(live.look)
    yield row("a look when one file changed", changed)
    page = seconds(lambda: render("board.html.j2", live.board()))
    yield row("the page", page)
    yield row("from a saved file to the page, at worst", PAUSE + changed + page, target=1.0)


def seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def row(what, seconds, target=None):
    aim = {"target": f"≤ {target:.1f} s", "met": met(seconds <= target)} if target else {"target": "", "met": ""}
    return {"what": what, "time": f"{seconds:.3f} s", **aim}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print_table(list(measure(Path(folder))))
