"""The class report: what a class did with each exercise, as two tables and a page; nothing is executed."""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from course_utils.checks.engine import CAUSES
from course_utils.classroom.build import write_if_changed
from course_utils.classroom.submissions import STATUSES, Class, Reader, lesson_of
from course_utils.classroom.templates import render
from course_utils.slides import cards_folder

EXCEL = "\ufeff"  # tells Excel that a table is in UTF-8; semicolons are what it expects where the comma is decimal
KINDS = dict(zip(STATUSES, ("passed", "wrong", "tried", "not"), strict=True))  # names of colours on the pages


@dataclass
class Row:
    """What a class did with one exercise."""

    exercise: str
    counts: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)


def summarise(group: Class) -> list[Row]:
    """Return one row per exercise, in the course's order: how many students passed and tried, and the causes met.

    The order of exercises is that of the cells, in the notebook of each lesson that has most of them.
    """
    rows = {exercise: Row(exercise) for exercise in in_order(group)}
    for student in group.students:
        for exercise, finding in student.findings.items():
            rows[exercise].counts[finding.status] += 1
            if finding.cause:
                rows[exercise].causes[finding.cause] += 1
    return list(rows.values())


def in_order(group: Class) -> list[str]:
    """Return the exercises of a class in the order of the course."""
    lessons = {path.stem[3:]: path.stem for path in cards_folder().glob("[0-9][0-9]_*.toml")}
    longest = sorted(group.notebooks, key=lambda notebook: -len(notebook.findings))
    found = dict.fromkeys(exercise for notebook in longest for exercise in notebook.findings)
    return sorted(found, key=lambda exercise: lessons.get(lesson_of(exercise), "~"))


def write_report(folder: Path, out: Path) -> tuple[list[Path], Class]:
    """Write ``report.csv``, ``students.csv`` and ``report.html`` into ``out``; return them, and what was read.

    Raises
    ------
    ValueError
        If ``folder`` does not exist.
    """
    group = Reader(folder).read()
    return write_tables(group, out), group


def write_tables(group: Class, out: Path) -> list[Path]:
    """Write the tables and the page of a class into ``out``."""
    contents = tables(group) | {"report.html": page(summarise(group), group)}
    for name, text in contents.items():
        write_if_changed(out / name, text)
    return [out / name for name in contents]


def tables(group: Class) -> dict[str, str]:
    """Return the tables of a class by the name of their file: one line per exercise, one per student."""
    return {"report.csv": table(_exercises(summarise(group))), "students.csv": table(_students(group))}


def table(lines: Iterable[Iterable[object]]) -> str:
    """Return a table that a French Excel opens as one, and in which no cell is a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    writer.writerows([_harmless(str(value)) for value in line] for line in lines)
    return EXCEL + buffer.getvalue()


def _harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _exercises(rows: Iterable[Row]) -> Iterable[Iterable[object]]:
    yield ["lesson", "exercise", *STATUSES, "causes"]
    for row in rows:
        yield [lesson_of(row.exercise), row.exercise, *_counts(row), _causes(row)]


def _students(group: Class) -> Iterable[Iterable[object]]:
    exercises = in_order(group)
    yield ["student", "last saved", *STATUSES, *exercises]
    for student in group.students:
        statuses = [student.findings[name].status if name in student.findings else "" for name in exercises]
        saved = datetime.fromtimestamp(max(student.modified.values()))
        yield [student.name, f"{saved:%Y-%m-%d %H:%M}", *(statuses.count(status) for status in STATUSES), *statuses]


def _counts(row: Row) -> list[int]:
    return [row.counts[status] for status in STATUSES]


def _causes(row: Row, most: int | None = None) -> str:
    return ", ".join(f"{CAUSES[cause]}: {count}" for cause, count in row.causes.most_common(most))


MOST = 3  # causes of one exercise on the page: a row fits on a line of a projector; the table has them all


def page(rows: list[Row], group: Class) -> str:
    """Return the page of a class."""
    lessons = itertools.groupby(rows, key=lambda row: lesson_of(row.exercise))
    values = {
        "group": group,
        "now": f"{datetime.now():%d %b %H:%M}",
        "statuses": STATUSES,
        "lessons": [(lesson.replace("_", " "), [_shown(row) for row in inside]) for lesson, inside in lessons],
    }
    return render("report.html.j2", values)


def bar(counts: Counter[str]) -> list[tuple[str, str, int]]:
    """Return the pieces of an exercise's bar: colour, status, how many students; a piece of nobody is left out."""
    return [(KINDS[status], status, counts[status]) for status in STATUSES if counts[status]]


def _shown(row: Row) -> dict[str, Any]:
    """Return what the page says of an exercise."""
    return {
        "exercise": row.exercise,
        "numbers": _counts(row),
        "bar": bar(row.counts),
        "all": _causes(row),
        "most": _causes(row, MOST) + (" …" if len(row.causes) > MOST else ""),
    }
