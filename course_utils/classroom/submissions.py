"""What a folder of students' notebooks says: found, read without executing anything, and sorted by student.

A folder is any of: one folder a student; nbgrader's ``submitted/STUDENT/ASSIGNMENT``; files that carry the students'
names; Moodle's and nbgrader's zip files, which are read in place and within bounds. Students' files are not trusted.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import time
import zipfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from course_utils.checks import EXERCISES
from course_utils.checks.engine import CAUSES
from course_utils.classroom.student import is_stub

STATUSES = ("passed", "wrong", "tried, not checked", "not attempted")
PASSED, WRONG, TRIED, UNTOUCHED = STATUSES
LARGEST = 50_000_000  # bytes of a notebook: none of the course comes near
LARGEST_ARCHIVE = 4_000_000_000  # bytes unpacked of one zip file, with those in it: a class of 300 with ten notebooks
LARGEST_INSIDE = 200_000_000  # bytes of a zip file in a zip file: one student's
RATIO = 20  # how many times smaller a zip file may be than what it unpacks to, and LARGEST more: notebooks are 2 to 10
MOST_MEMBERS = 50_000  # files in a zip file
DEEPEST = 2  # a zip file in a zip file: Moodle's of what students zipped
LONGEST_MESSAGE = 600  # letters
CHECKPOINTS, GRADER, OTHERS = "Jupyter's checkpoints", "nbgrader's own, beside submitted", "no notebooks"
GENERATED = (
    "source",
    "release",
    "downloaded",
    "autograded",
    "feedback",
    "gradebook.db",
)  # nbgrader's, beside "submitted"
MOODLE = "\0"  # ends the name of a folder that Moodle made for a student
CLASS = 5  # so many names in one folder are a class, not one student's versions
OTHER_ARCHIVES = (".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")

# Control characters, bytes of a name that is not UTF-8, lone halves of characters, and turns of the writing direction.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_CHECKED = re.compile(r"^\s*(?:\w+\s*=\s*)?check\((\w+)\)", re.MULTILINE)
_DEFINED = re.compile(r"^[ \t]*(?:async )?def (\w+)", re.MULTILINE)
_MOODLE = re.compile(r"(?P<student>.+?_\d+)_assignsubmission_(?:file|onlinetext)(?:_(?P<file>.*))?")
_RELEASE = re.compile(r"\.(\d{4}-\d\d-\d\d)(?:-(\d+))?$")
_COPY = re.compile(r"^cop(?:y of|ie de) |[ -]*-cop(?:y|ie)\d*$| - cop(?:y|ie)$| cop(?:y|ie)(?: \d+)?$| ?\(\d+\)$", re.I)


@dataclass(frozen=True)
class Finding:
    """What a notebook says of one exercise."""

    status: str = UNTOUCHED
    cause: str = ""  # a code of ``CAUSES``
    message: str = ""  # the check's
    code: str = ""  # what the student wrote


@dataclass(frozen=True)
class Notebook:
    """One notebook that was read."""

    path: str  # below the folder, as it can be printed
    parts: tuple[str, ...]  # folders and zip files above it, then its name
    modified: float
    findings: Mapping[str, Finding]

    @cached_property
    def lesson(self) -> str:
        """Return the lesson that most of its exercises belong to, such as "deblurring"."""
        return Counter(lesson_of(exercise) for exercise in self.findings).most_common(1)[0][0]


@dataclass
class Student:
    """What one student did, in all the notebooks that are theirs."""

    name: str
    findings: dict[str, Finding] = field(default_factory=dict)
    modified: dict[str, float] = field(default_factory=dict)  # lesson -> when it was saved last


@dataclass
class Class:
    """What a folder holds: its students, and whatever was not read or not understood, with the reason."""

    students: list[Student]
    notebooks: list[Notebook]
    skipped: dict[str, str]
    doubtful: dict[str, str]
    passed_over: dict[str, int]


def lesson_of(exercise: str) -> str:
    """Return the name of the lesson of an exercise, which is that of the module of its check."""
    task = EXERCISES.get(exercise)
    return task.examine.__module__.rpartition(".")[2] if task else ""


def printable(text: str) -> str:
    """Return a file's name, or what a student wrote, without what a page cannot show or what would reorder it."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


# --- one notebook -----------------------------------------------------------------------------------------------------


def read_notebook(content: bytes) -> dict[str, Finding]:
    """Return what a notebook says of each exercise that it checks.

    The last verdict that a check gave counts. Where there is none, an exercise in whose cell something is written was
    tried; one that ran and does not parse is wrong.

    Raises
    ------
    ValueError
        If the file is empty, too large, broken, or not a notebook of the course.
    """
    if not content:
        raise ValueError("empty file")
    if len(content) > LARGEST:
        raise ValueError(f"too large: {len(content) / 1e6:.0f} MB")
    try:
        cells = [_plain(cell) for cell in json.loads(content)["cells"] if cell["cell_type"] == "code"]
        checked = [name for cell in cells for name in _CHECKED.findall(cell["source"]) if name in EXERCISES]
        findings = {name: _written(cells, name) for name in dict.fromkeys(checked)}
        for name, record in _records(cells):
            if name in findings or record.status != UNTOUCHED:
                findings[name] = _latest(findings.get(name, Finding()), record)
    except (KeyError, TypeError, AttributeError):
        raise ValueError("broken: not a notebook") from None
    except (ValueError, RecursionError):
        raise ValueError("broken: not JSON") from None
    if not findings:
        raise ValueError("no exercise of the course in it")
    return findings


def _plain(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cell with its text in one piece."""
    return {**cell, "source": "".join(cell.get("source", ""))}


def _written(cells: Iterable[Mapping[str, Any]], name: str) -> Finding:
    """Return what stands in the cells of an exercise, before any verdict."""
    code, run = [], False
    for cell in cells:
        graded = cell.get("metadata", {}).get("nbgrader", {})
        its_own = graded.get("grade_id") == name and graded.get("solution")
        if (its_own or name in _DEFINED.findall(cell["source"])) and not is_stub(cell["source"]):
            code.append(cell["source"])
            run = run or bool(cell.get("execution_count") or cell.get("outputs"))
    source = "\n\n".join(code)
    if not source:
        return Finding()
    if run and (problem := _syntax_error(source)):
        return Finding(WRONG, "syntax", f"The cell of {name} does not parse: {problem}", source)
    return Finding(TRIED, code=source)


def _syntax_error(source: str) -> str:
    """Return what does not parse in a cell, magics apart, or an empty string."""
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in source.splitlines()]
    try:
        ast.parse("\n".join(lines))
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}: {(error.text or '').strip()}"
    except (ValueError, RecursionError, MemoryError):
        return "not Python"
    return ""


def _records(cells: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Finding]]:
    """Yield the verdicts in the cells' outputs, as far as they make sense, in the order in which they ran."""
    for cell in sorted(cells, key=lambda cell: _number(cell.get("execution_count"))):
        for output in cell.get("outputs", []):
            record = output.get("metadata", {}).get("course_utils", {})
            if not isinstance(record, dict):
                continue
            name, status, cause, message = (record.get(key, "") for key in ("exercise", "status", "cause", "message"))
            if isinstance(name, str) and name in EXERCISES and status in (PASSED, WRONG, UNTOUCHED):
                cause = cause if isinstance(cause, str) and cause in CAUSES else ""
                yield name, Finding(status, cause, str(message)[:LONGEST_MESSAGE])


def _number(count: Any) -> int:
    return count if isinstance(count, int) else 0


_WEIGHT = {UNTOUCHED: 0, TRIED: 1, WRONG: 2, PASSED: 2}


def _latest(before: Finding, after: Finding) -> Finding:
    """Return which of two findings counts: the later, unless the earlier knows more; code once written is kept."""
    if _WEIGHT[after.status] < _WEIGHT[before.status]:
        return before
    return replace(after, code=after.code or before.code)


# --- the files of a folder --------------------------------------------------------------------------------------------


class Reader:
    """Reads a folder, and at each further call only the files that changed.

    ``reads`` counts the files that were opened since the beginning.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ValueError(f"folder {folder} does not exist")
        self.folder = folder
        self.reads = 0
        self._known: dict[Path, tuple[tuple[int, ...], _Found]] = {}
        self._outside: tuple[dict[str, str], Counter[str]] = ({}, Counter())
        self._class: Class | None = None

    def read(self) -> Class:
        """Return what the folder holds now: the very object of the last call where nothing changed."""
        reads, found, files = self.reads, _Found(), {}
        for path, status in _files(self.folder, found):
            files[path] = self._file(path, status)
        outside = (found.skipped, found.passed_over)
        if self._class and reads == self.reads and files.keys() == self._known.keys() and outside == self._outside:
            return self._class
        self._outside = (dict(found.skipped), found.passed_over.copy())
        self._known = {path: self._known[path] for path in files}
        for file in files.values():
            found.add(file)
        self._class = _sort(found)
        return self._class

    def _file(self, path: Path, status: os.stat_result) -> _Found:
        """Return what a file holds; one that is being written keeps what it held before."""
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        before = self._known.get(path)
        if before and before[0] == stamp:
            return before[1]
        self.reads += 1
        now = _open(path, path.relative_to(self.folder).parts, status)
        if before and now.skipped and before[1].notebooks:
            now = replace(
                before[1], skipped={name: f"{why}; what it held before counts" for name, why in now.skipped.items()}
            )
        self._known[path] = (stamp, now)
        return now


@dataclass
class _Found:
    """What was found in a folder or in a zip file."""

    notebooks: list[Notebook] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    passed_over: Counter[str] = field(default_factory=Counter)

    def add(self, other: _Found) -> None:
        self.notebooks += other.notebooks
        self.skipped |= other.skipped
        self.passed_over += other.passed_over

    def take(self, parts: tuple[str, ...], modified: float, content: bytes) -> None:
        path = printable("/".join(parts))
        try:
            self.notebooks.append(Notebook(path, _by_student(parts), modified, read_notebook(content)))
        except ValueError as error:
            self.skipped[path] = str(error)


def _by_student(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the parts of a path with Moodle's names cut down to the student, and zip files as the folders they are."""
    short: list[str] = []
    for part in parts[:-1]:
        found = _MOODLE.fullmatch(part)
        short.append(found["student"] + MOODLE if found else re.sub(r"\.zip$", "", part, flags=re.IGNORECASE))
    found = _MOODLE.fullmatch(parts[-1])
    return (*short, found["student"] + MOODLE, found["file"] or "") if found else (*short, parts[-1])


def _files(folder: Path, found: _Found, top: Path | None = None) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the notebooks and zip files below a folder; what is passed over is noted in ``found``."""
    top = top or folder

    def skip(path: str | Path, reason: str) -> None:
        found.skipped[printable(os.path.relpath(path, top))] = reason

    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        skip(folder, f"folder cannot be read: {error.strerror or error}")
        return
    ours = {entry.name for entry in entries}
    for entry in entries:
        kind = Path(entry.name).suffix.lower()
        try:
            if entry.name == ".ipynb_checkpoints":
                found.passed_over[CHECKPOINTS] += 1
            elif "submitted" in ours and entry.name in GENERATED:
                found.passed_over[GRADER] += 1
            elif entry.is_symlink():
                skip(entry.path, "a link, not followed: put the file or folder itself here")
            elif entry.is_dir():
                yield from _files(Path(entry.path), found, top)
            elif kind in OTHER_ARCHIVES:
                skip(entry.path, f"an archive in {kind}, which is not read: unpack it here")
            elif kind not in (".ipynb", ".zip") or entry.name.startswith("._"):
                found.passed_over[OTHERS] += 1
            elif not entry.is_file():
                skip(entry.path, "not a file")
            else:
                yield Path(entry.path), entry.stat()
        except OSError as error:
            skip(entry.path, f"cannot be read: {error.strerror or error}")


def _open(path: Path, parts: tuple[str, ...], status: os.stat_result) -> _Found:
    """Return what a notebook or a zip file holds."""
    found = _Found()
    try:
        if path.suffix.lower() == ".zip":
            _Unpacker(found, min(LARGEST_ARCHIVE, LARGEST + RATIO * status.st_size)).archive(path, parts)
        elif status.st_size > LARGEST:
            raise ValueError(f"too large: {status.st_size / 1e6:.0f} MB")
        else:
            found.take(parts, status.st_mtime, path.read_bytes())
    except OSError as error:
        found.skipped[printable("/".join(parts))] = f"cannot be read: {error.strerror or error}"
    except ValueError as error:
        found.skipped[printable("/".join(parts))] = str(error)
    return found


# --- zip files --------------------------------------------------------------------------------------------------------


class _TooMuch(Exception):
    """A zip file goes beyond its bounds: the rest of it is not read."""


@dataclass
class _Unpacker:
    """Reads the notebooks of a zip file where they are: nothing is written, and no more than the bounds is unpacked."""

    found: _Found
    budget: int  # bytes that may still be unpacked

    def archive(self, file: Path | io.BytesIO, parts: tuple[str, ...], depth: int = 1) -> None:
        """Read a zip file, which lies in ``depth`` - 1 others."""
        try:
            with zipfile.ZipFile(file) as archive:
                if len(archive.infolist()) > MOST_MEMBERS:
                    raise _TooMuch(f"{len(archive.infolist())} files in it")
                for member in archive.infolist():
                    if not member.is_dir() and self._is_wanted(member):
                        self._member(archive, member, parts, depth)
        except (zipfile.BadZipFile, EOFError, ValueError):
            self.found.skipped[printable("/".join(parts))] = "broken: not a zip file"
        except _TooMuch as error:
            if depth > 1:  # what it contains has used up what all of them may
                raise
            self.found.skipped[printable("/".join(parts))] = f"too large: {error}"

    def _is_wanted(self, member: zipfile.ZipInfo) -> bool:
        """Count what is passed over in silence, as in a folder."""
        *folders, file = _inside(member)
        if ".ipynb_checkpoints" in folders:
            self.found.passed_over[CHECKPOINTS] += 1
        elif "submitted" not in folders and folders and folders[0] in GENERATED:
            self.found.passed_over[GRADER] += 1
        elif file.startswith("._") or Path(file).suffix.lower() not in (".ipynb", ".zip", *OTHER_ARCHIVES):
            self.found.passed_over[OTHERS] += 1
        else:
            return True
        return False

    def _member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, parts: tuple[str, ...], depth: int) -> None:
        """Read one notebook or zip file of a zip file."""
        inside = _inside(member)
        kind = Path(inside[-1]).suffix.lower()
        name = printable("/".join((*parts, *inside)))
        if ".." in inside or "" in inside or ":" in inside[0]:
            self.found.skipped[name] = "its path leads out of the zip file"
        elif kind in OTHER_ARCHIVES:
            self.found.skipped[name] = f"an archive in {kind}, which is not read: unpack it here"
        elif kind == ".zip" and depth == DEEPEST:
            self.found.skipped[name] = "a zip file too deep in others: unpack it here"
        elif (content := self._content(archive, member, name)) is None:
            return
        elif kind == ".zip":
            self.archive(io.BytesIO(content), (*parts, *inside), depth + 1)
        else:
            self.found.take((*parts, *inside), _date(member), content)

    def _content(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes | None:
        """Return what a member unpacks to: counted while it is unpacked, whatever the zip file says of its size."""
        most = LARGEST if name.lower().endswith(".ipynb") else LARGEST_INSIDE
        try:
            with archive.open(member) as stream:
                content = stream.read(min(most, self.budget) + 1)
        except Exception as error:  # zlib, bz2 and lzma have exceptions of their own
            self.found.skipped[name] = (
                "needs a password" if member.flag_bits & 1 else f"broken in the zip file: {error}"
            )
            return None
        self.budget -= len(content)
        if self.budget < 0:
            raise _TooMuch("it unpacks to far more than notebooks do; the rest was not read")
        if len(content) > most:
            self.found.skipped[name] = f"too large: more than {most / 1e6:.0f} MB"
            return None
        return content


def _inside(member: zipfile.ZipInfo) -> tuple[str, ...]:
    return tuple(member.filename.replace("\\", "/").split("/"))


def _date(member: zipfile.ZipInfo) -> float:
    try:
        return time.mktime((*member.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0.0


# --- who is who -------------------------------------------------------------------------------------------------------


def _sort(found: _Found) -> Class:
    """Give each notebook to a student."""
    doubtful: dict[str, str] = {}
    groups: dict[tuple[str, ...], list[Notebook]] = {}
    for notebook, key in _owners(found.notebooks, (), doubtful):
        groups.setdefault(key, []).append(notebook)
    names = _names(groups)
    students = []
    for key, notebooks in sorted(groups.items()):
        student = Student(names[key])
        for notebook in sorted(notebooks, key=_age):
            for exercise, finding in notebook.findings.items():
                student.findings[exercise] = _latest(student.findings.get(exercise, Finding()), finding)
            lesson = notebook.lesson
            student.modified[lesson] = max(notebook.modified, student.modified.get(lesson, 0.0))
        students.append(student)
    return Class(students, found.notebooks, found.skipped, doubtful, dict(found.passed_over))


def _owners(
    notebooks: list[Notebook], above: tuple[str, ...], doubtful: dict[str, str]
) -> Iterator[tuple[Notebook, tuple[str, ...]]]:
    """Yield each notebook below the folder ``above`` with its student: the folder that is theirs, or a file's name."""
    depth = len(above)
    children: dict[str, list[Notebook]] = {}
    for notebook in notebooks:
        if len(notebook.parts) == depth + 1:
            who = _in_the_name(notebook.parts[-1])
            if not who and _COPY.search(Path(notebook.parts[-1]).stem):
                doubtful[notebook.path] = "a copy, or another student's? No name in it: counted as a copy"
            yield notebook, (*above, who)
        else:
            children.setdefault(notebook.parts[depth], []).append(notebook)
    shared = {name for name, inside in children.items() if _is_shared(inside, depth + 1, alone=len(children) == 1)}
    for name, inside in children.items():
        path = printable("/".join((*above, name))).replace(MOODLE, "")
        if name in shared:
            if len(shared) < len(children) and name != "submitted":
                doubtful[path] = "the same notebook in several of its folders: each is counted as a student"
            yield from _owners(inside, (*above, name), doubtful)
        else:
            if len(_authors(inside, depth + 1)) > 1:
                doubtful[path] = "several names in one folder: counted as one student"
            yield from ((notebook, (*above, name)) for notebook in inside)


def _is_shared(notebooks: list[Notebook], depth: int, alone: bool) -> bool:
    """Say whether a folder holds several students: the same lesson in several folders, or under several names."""
    if notebooks[0].parts[depth - 1].endswith(MOODLE):
        return False
    below = {part for notebook in notebooks for part in notebook.parts[depth - 1 : -1]}
    if any(part == "submitted" or part.endswith(MOODLE) for part in below):
        return True
    if any(len(notebook.parts) == depth + 1 for notebook in notebooks):
        return len(_authors(notebooks, depth)) >= (2 if alone else CLASS)
    places: dict[str, set[str]] = {}
    for notebook in notebooks:
        places.setdefault(notebook.lesson, set()).add(notebook.parts[depth])
    return any(len(folders) > 1 for folders in places.values())


def _authors(notebooks: list[Notebook], depth: int) -> set[str]:
    """Return the names in the names of files of a folder, when each has one and they are for the same lesson."""
    names: dict[str, set[str]] = {}
    for notebook in notebooks:
        if len(notebook.parts) == depth + 1:
            names.setdefault(notebook.lesson, set()).add(_in_the_name(notebook.parts[-1]))
    most = max(names.values(), key=len, default=set())
    return set() if "" in most else most


def _in_the_name(file: str) -> str:
    """Return what is left of a file's name without the course's: the student's name, or an empty string."""
    return _lessons().sub("", _RELEASE.sub("", _base(file))).strip(" _-.")


@cache
def _lessons() -> re.Pattern[str]:
    """Return the pattern of the names of the course's notebooks."""
    names = {lesson_of(exercise) for exercise in EXERCISES}
    return re.compile(r"\d\d_(?:" + "|".join(sorted(names, key=len, reverse=True)) + ")")


def _base(file: str) -> str:
    """Return a file's name without its ending and the marks of a copy."""
    stem, before = re.sub(r"\.ipynb$", "", file, flags=re.IGNORECASE), ""
    while stem != before:
        before, stem = stem, _COPY.sub("", stem).strip()
    return stem


def _age(notebook: Notebook) -> tuple[str, int, float, str]:
    """Sort key of the copies of a student: by release, then by when they were saved."""
    found = _RELEASE.search(_base(notebook.parts[-1]))
    release = (found[1], int(found[2] or 0)) if found else ("", 0)
    return (*release, notebook.modified, notebook.path)


def _names(keys: Collection[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Return a name for each student: the last part of the path, and as much above it as tells homonyms apart."""
    whole = {key: [printable(part.rstrip(MOODLE)) for part in key] for key in keys}
    last = {key: parts[-1] for key, parts in whole.items()}
    short = {key: re.sub(r"_\d+$", "", name) if key[-1].endswith(MOODLE) else name for key, name in last.items()}
    names = {}
    for key, parts in whole.items():
        unique = (name[key] for name in (short, last) if list(name.values()).count(name[key]) == 1)
        names[key] = next(unique, "/".join(parts))
    return names
