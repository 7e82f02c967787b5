"""``course pages``: the tables of the READMEs, made from the lessons and their cards between two marks.

A page holds ``<!-- NAME: made by `make pages` -->`` and ``<!-- end of NAME -->``; between them stands the template
``pages/NAME.md.j2``, filled in. What stands elsewhere in a page is written by hand and left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from course_utils.classroom import ROOT
from course_utils.classroom.build import write_if_changed
from course_utils.classroom.lessons import SESSION, Lesson, read_lessons
from course_utils.classroom.templates import render

PAGES = ("README.md", "notebooks/README.md")
BLOCK = re.compile(r"(<!-- (?P<name>\w+): made by `make pages` -->\n).*?(<!-- end of (?P=name) -->)", re.DOTALL)
MEASURED = re.compile(r"^\| (\d\d_\w+) \| ([\d.]+) GB \| (\d+) s \|", re.MULTILINE)


def write_pages(root: Path = ROOT) -> list[Path]:
    """Write the pages and return those that changed."""
    return [root / page for page, text in make_pages(root).items() if write_if_changed(root / page, text)]


def make_pages(root: Path = ROOT) -> dict[str, str]:
    """Return the pages as they should be: what is written by hand as it is, the tables made anew."""
    lessons = read_lessons(root)
    values = {
        "lessons": lessons,
        "sessions": sessions(lessons),
        "session": SESSION,
        "measured": measurements(root / "tests" / "benchmarks" / "RESULTS.md"),
    }
    return {page: _filled((root / page).read_text(encoding="utf-8"), values) for page in PAGES}


def sessions(lessons: Sequence[Lesson]) -> dict[int, list[Lesson]]:
    """Return the lessons of each session that the cards fix."""
    numbers = sorted({lesson.session for lesson in lessons if lesson.session is not None})
    return {number: [lesson for lesson in lessons if lesson.session == number] for number in numbers}


def measurements(results: Path) -> dict[str, tuple[str, str]]:
    """Return (gigabytes at the peak, seconds of the processor) of each student copy that the benchmarks measured."""
    text = results.read_text(encoding="utf-8") if results.exists() else ""
    return {name: (memory, seconds) for name, memory, seconds in MEASURED.findall(text)}


def _filled(text: str, values: dict[str, Any]) -> str:
    return BLOCK.sub(lambda found: found[1] + render(f"pages/{found['name']}.md.j2", values) + found[3], text)
