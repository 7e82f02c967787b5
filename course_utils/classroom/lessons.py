"""The lessons of the course: what their sources and cards say of exercises, times, slides and answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.classroom import ROOT
from course_utils.classroom.build import exercise_name, read_source, source_files, write_if_changed
from course_utils.classroom.templates import render
from course_utils.slides import read_cards

TITLE = re.compile(r"^# \d+\. (.+)$", re.MULTILINE)
SLIDES = re.compile(r"\*\*Slides\*\*: (.+?)\.?(?=\n\n|\n\*\*|\Z)", re.DOTALL)
SKELETONS = ("source.py", "card.toml", "checks.py", "explorer.py", "bank.py")  # in the order of `lesson_files`
SESSION = 150  # minutes of work that a session of three hours holds
HEADING = re.compile(
    r"^### Exercise \d+ — (?P<title>.+) \((?P<minutes>\d+) min, (?P<place>in class|at home)\)$", re.MULTILINE
)
TIME = re.compile(
    r"\*\*Time\*\*: reading (?P<reading>\d+) min(?: \((?P<in_class>\d+) in class\))?, "
    r"exercises (?P<exercises>\d+) min, compute (?P<compute>.+?) on two CPU cores"
)


@dataclass(frozen=True)
class Exercise:
    """An exercise as its heading announces it, and the function that is to be written."""

    name: str
    title: str
    minutes: int
    in_class: bool


@dataclass(frozen=True)
class Lesson:
    """A lesson: ``session`` is the number of the session in which its exercises in class are done, if one is fixed."""

    name: str
    title: str
    summary: str
    session: int | None
    slides: str
    exercises: tuple[Exercise, ...]
    reading: int  # minutes
    reading_in_class: int
    announced: int  # minutes of exercises, as the first cell says
    compute: str
    answers: tuple[Mapping[str, str], ...]

    @property
    def number(self) -> str:
        """Return the two digits that the lesson's name begins with."""
        return self.name[:2]

    @property
    def in_class(self) -> int:
        """Return the minutes of the lesson in class, reading and exercises."""
        return self.reading_in_class + self.exercise_minutes(True)

    @property
    def at_home(self) -> int:
        """Return the minutes of the lesson at home, reading and exercises."""
        return self.reading - self.reading_in_class + self.exercise_minutes(False)

    def exercise_minutes(self, in_class: bool) -> int:
        """Return the minutes of the exercises in class, or of those at home."""
        return sum(exercise.minutes for exercise in self.exercises if exercise.in_class == in_class)


def read_lessons(root: Path = ROOT) -> list[Lesson]:
    """Return the lessons in the course's order.

    Raises
    ------
    ValueError
        If a source or a card does not say what it should, with the file and the form expected.
    """
    cards = read_cards(root / "notebooks" / "src")
    return [read_lesson(path, cards.get(name, {})) for name, path in source_files(root).items()]


def read_lesson(path: Path, card: Mapping[str, Any]) -> Lesson:
    """Return the lesson whose source is ``path``."""
    cells = read_source(path).cells
    first = cells[0].source
    form = "**Time**: reading 30 min (10 in class), exercises 40 min, compute under 1 min on two CPU cores"
    time = _find(TIME, first, path, form)
    title = _find(TITLE, first, path, "# 7. Title")
    slides = _find(SLIDES, first, path, "**Slides**: titles of lecture.toml, in quotes")
    headings = [found for cell in cells if cell.cell_type == "markdown" for found in HEADING.finditer(cell.source)]
    names = [name for cell in cells if cell.cell_type == "code" and (name := exercise_name(cell.source))]
    if len(headings) != len(names):
        form = "### Exercise 1 — title (12 min, in class)"
        raise ValueError(f"{path.name}: {len(names)} exercises and {len(headings)} headings of the form {form!r}")
    exercises = [
        Exercise(name, heading["title"], int(heading["minutes"]), heading["place"] == "in class")
        for name, heading in zip(names, headings, strict=True)
    ]
    return Lesson(
        name=path.stem,
        title=title[1],
        summary=card.get("summary", ""),
        session=card.get("session"),
        slides=" ".join(slides[1].split()),
        exercises=tuple(exercises),
        reading=int(time["reading"]),
        reading_in_class=int(time["in_class"] or 0),
        announced=int(time["exercises"]),
        compute=time["compute"],
        answers=tuple(card.get("answers", [])),
    )


def lesson_files(name: str, root: Path = ROOT) -> list[Path]:
    """Return the five files of a lesson, whether they exist or not."""
    source = root / "notebooks" / "src" / f"{name}.py"
    module = f"{name[3:]}.py"
    package = root / "course_utils"
    folders = (package / "checks", package / "explorers", root / "tests" / "lessons")
    return [source, source.with_suffix(".toml"), *(folder / module for folder in folders)]


def new_lesson(name: str, root: Path = ROOT) -> list[Path]:
    """Write the five files of a lesson that has one small exercise, one figure, one question and one explorer.

    Raises
    ------
    ValueError
        If the name is not of the form NN_name, or one of the files exists.
    """
    if not re.fullmatch(r"\d\d(_[a-z][a-z0-9]*)+", name):
        raise ValueError(f"name must have the form NN_name in small letters, such as 19_wavelets, got {name!r}")
    files = lesson_files(name, root)
    if existing := [path for path in files if path.exists()]:
        raise ValueError(f"{existing[0].relative_to(root)} exists already")
    topic = name[3:]
    title = topic.replace("_", " ").capitalize()
    values = {"number": name[:2], "topic": topic, "title": title, "dashed": topic.replace("_", "-")}
    for path, template in zip(files, SKELETONS, strict=True):
        write_if_changed(path, render(f"new/{template}.j2", values))
    return files


def _find(pattern: re.Pattern[str], text: str, path: Path, form: str) -> re.Match[str]:
    found = pattern.search(text)
    if not found:
        raise ValueError(f"{path.name}: the first cell has no line of the form {form!r}")
    return found
