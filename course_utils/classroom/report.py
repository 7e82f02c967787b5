"""The class report: the verdicts recorded in a folder of students' notebooks, read without executing anything."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from course_utils.checks import EXERCISES
from course_utils.checks.engine import CAUSES
from course_utils.classroom.build import write_if_changed
from course_utils.classroom.templates import render

LARGEST = 50_000_000  # bytes: no notebook of the course comes near
STATUSES = ("passed", "wrong", "not attempted")


@dataclass(frozen=True)
class Submission:
    """The verdicts of one notebook: exercise -> (status, cause)."""

    path: Path
    verdicts: Mapping[str, tuple[str, str]]


@dataclass
class Row:
    """What a class did with one exercise."""

    exercise: str
    counts: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)

    @property
    def notebook(self) -> str:
        """Return the notebook's name without its number, which is the name of the module of its checks."""
        task = EXERCISES.get(self.exercise)
        return task.examine.__module__.rpartition(".")[2] if task else ""


def read_submissions(folder: Path) -> tuple[list[Submission], dict[Path, str]]:
    """Return the submissions found below ``folder``, and the files that were skipped with the reason.

    Raises
    ------
    ValueError
        If ``folder`` does not exist.
    """
    if not folder.is_dir():
        raise ValueError(f"folder {folder} does not exist")
    read: dict[Path, Submission] = {}
    skipped = {}
    for path in sorted(folder.rglob("*.ipynb"), key=lambda path: (path.parent, path.stem)):
        if ".ipynb_checkpoints" in path.parts:
            continue
        try:
            _merge(read, Submission(path.relative_to(folder), read_verdicts(path)))
        except (OSError, ValueError) as error:
            skipped[path.relative_to(folder)] = str(error)
    return list(read.values()), skipped


def _merge(read: dict[Path, Submission], new: Submission) -> None:
    """Add a submission; a dated release beside an older one is the same student's, and counts where it was tried."""
    name = re.sub(r"\.\d{4}-\d\d-\d\d(-\d+)?$", "", new.path.stem)
    key = new.path.with_name(f"{name}.ipynb")
    verdicts = dict(read[key].verdicts) if key in read else {}
    for exercise, verdict in new.verdicts.items():
        if exercise not in verdicts or verdict[0] != "not attempted":
            verdicts[exercise] = verdict
    read[key] = Submission(key, verdicts)


def read_verdicts(path: Path) -> dict[str, tuple[str, str]]:
    """Return exercise -> (status, cause) as the last run recorded it; an exercise never checked is "not attempted".

    Raises
    ------
    ValueError
        If the file is empty, too large, broken, or not a notebook of the course.
    """
    size = path.stat().st_size
    if size == 0:
        raise ValueError("empty file")
    if size > LARGEST:
        raise ValueError(f"too large: {size / 1e6:.0f} MB")
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        verdicts = {name: ("not attempted", "") for cell in cells if (name := _checked_exercise(cell))}
        for cell in cells:
            verdicts |= _recorded(cell)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ValueError("broken: not JSON") from None
    except (KeyError, TypeError, AttributeError):
        raise ValueError("broken: not a notebook") from None
    if not verdicts:
        raise ValueError("no exercise of the course in it")
    return verdicts


def summarise(submissions: Iterable[Submission]) -> list[Row]:
    """Return one row per exercise, in the course's order: who passed, tried, did not attempt, and the causes met.

    The order is that of the cells, in the notebook of each name that has most of them; files sort by their names.
    """
    rows: dict[str, Row] = {}
    for submission in sorted(submissions, key=lambda s: (s.path.name.split(".")[0], -len(s.verdicts))):
        for exercise, (status, cause) in submission.verdicts.items():
            row = rows.setdefault(exercise, Row(exercise))
            row.counts[status] += 1
            if cause:
                row.causes[cause] += 1
    first = {row.notebook: place for place, row in reversed(list(enumerate(rows.values())))}
    return sorted(rows.values(), key=lambda row: first[row.notebook])


def write_report(folder: Path, out: Path) -> tuple[Path, Path, dict[Path, str]]:
    """Write ``report.csv`` and ``report.html`` into ``out``; return both, and the skipped files with the reason."""
    submissions, skipped = read_submissions(folder)
    rows = summarise(submissions)
    out.mkdir(parents=True, exist_ok=True)
    table, page = out / "report.csv", out / "report.html"
    write_if_changed(table, _as_csv(rows))
    write_if_changed(page, _as_html(rows, submissions, skipped))
    return table, page, skipped


def _checked_exercise(cell: Mapping[str, Any]) -> str | None:
    """Return the exercise that a cell checks, by the cell's own text: metadata may be lost on the way."""
    source = "".join(cell.get("source", ""))
    return next((name for name in EXERCISES if f"{name} = check({name})" in source), None)


def _recorded(cell: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the verdicts in a cell's outputs, as far as they make sense: students' files are not trusted."""
    found = {}
    for output in cell.get("outputs", []):
        record = output.get("metadata", {}).get("course_utils", {})
        if not isinstance(record, dict):
            continue
        name, status, cause = (record.get(key, "") for key in ("exercise", "status", "cause"))
        if name in EXERCISES and status in STATUSES:
            found[name] = (status, cause if cause in CAUSES else "")
    return found


def _as_csv(rows: Iterable[Row]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["exercise", *STATUSES, "causes"])
    for row in rows:
        writer.writerow([_harmless(str(value)) for value in (row.exercise, *_counts(row), _causes(row))])
    return buffer.getvalue()


def _harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _counts(row: Row) -> list[int]:
    return [row.counts[status] for status in STATUSES]


def _causes(row: Row, most: int | None = None) -> str:
    return "; ".join(f"{CAUSES[cause]}: {count}" for cause, count in row.causes.most_common(most))


MOST = 3  # causes of one exercise on the page: a row fits on a line of a projector; the table has them all


def _as_html(rows: list[Row], submissions: list[Submission], skipped: Mapping[Path, str]) -> str:
    groups = itertools.groupby(rows, key=lambda row: row.notebook)
    values = {
        "read": len(submissions),
        "skipped": skipped,
        "now": f"{datetime.now():%d %b %H:%M}",
        "statuses": STATUSES,
        "groups": [(notebook.replace("_", " "), [_shown(row) for row in group]) for notebook, group in groups],
    }
    return render("report.html.j2", values)


def _shown(row: Row) -> dict[str, Any]:
    """Return what the page says of an exercise."""
    counts = _counts(row)
    bar = zip(("passed", "wrong", "not"), counts, strict=True)
    return {
        "exercise": row.exercise,
        "numbers": counts,
        "bar": [(kind, count) for kind, count in bar if count],
        "all": _causes(row),
        "most": _causes(row, MOST) + (" …" if len(row.causes) > MOST else ""),
    }
