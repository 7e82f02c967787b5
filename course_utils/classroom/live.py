"""``course report --watch``: a page for the projector that follows the class while it works, on this machine only.

``Live`` knows what happened since the lab began; the server shows it. No name of a student is in what the page gets
unless it asks for names.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import json
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import torch

from course_utils._files import write_atomically
from course_utils.checks import EXERCISES
from course_utils.checks.engine import CAUSES
from course_utils.classroom.lessons import read_lessons
from course_utils.classroom.report import bar, in_order, tables, write_tables
from course_utils.classroom.submissions import (
    PASSED,
    STATUSES,
    TRIED,
    UNTOUCHED,
    WRONG,
    Class,
    Finding,
    Reader,
    lesson_of,
)
from course_utils.classroom.templates import render

PAUSE = 0.25  # seconds between two looks at the folder
HELD = 10.0  # seconds after which the page gets an answer though nothing changed: its minutes go on
RECENT = 600  # seconds that "+3" at an exercise counts back
GONE = 3600  # seconds without a saved file after which a desk is no longer listed
PATIENCE = 10  # minutes for an exercise whose heading says none
MISTAKES = 3  # on the page
SHORTEST_OF = 20  # codes that make a mistake, the shortest of which is shown
LINES = 10  # of a student's code
FINEST = 20  # seconds between two points of the trend
TREND = "trend.json"

Counts = dict[str, dict[str, int]]  # exercise -> status -> students


@dataclass
class Desk:
    """Where a student is: on which exercise, since when, and when their file was saved last."""

    exercise: str
    since: float
    saved: float


@dataclass
class Live:
    """What a class does, from the beginning of the lab."""

    folder: Path
    out: Path
    clock: Callable[[], float] = time.time
    version: int = 0  # grows with each change
    trend: list[tuple[float, Counts]] = field(default_factory=list)
    desks: dict[str, Desk] = field(default_factory=dict)
    made: dict[tuple[str, str], set[str]] = field(default_factory=dict)  # (exercise, cause) -> who ever made it
    group: Class = field(default_factory=lambda: Class([], [], {}, {}, {}))

    def __post_init__(self) -> None:
        self.reader = Reader(self.folder)
        self.changed = threading.Condition()
        self.minutes = _minutes()
        self.trend = _earlier(self.out / TREND, self.folder, self.clock())
        self._before: dict[str, dict[str, Finding]] = {}

    def look(self) -> bool:
        """Read what changed in the folder, and say whether anything did."""
        group = self.reader.read()
        if self.version and group is self.group:
            return False
        with self.changed:
            self.group = group
            self.order = in_order(group)
            for student in group.students:
                self._follow(student.name, student.findings, max(student.modified.values()))
            self._before = {student.name: dict(student.findings) for student in group.students}
            self._note(self.counts())
            self.version += 1
            self.changed.notify_all()
        return True

    def _note(self, counts: Counts) -> None:
        """Add to the trend where it changed; what follows within seconds takes the place of the last."""
        now = self.clock()
        if self.trend and self.trend[-1][1] == counts:
            return
        if len(self.trend) > 1 and now - self.trend[-1][0] < FINEST:
            self.trend[-1] = (self.trend[-1][0], counts)
            return
        self.trend.append((now, counts))
        text = json.dumps({"folder": str(self.folder.absolute()), "trend": self.trend})
        with contextlib.suppress(OSError):  # a full disk must not end the page
            write_atomically(self.out / TREND, text)

    def counts(self) -> Counts:
        """Return how many students are where with each exercise."""
        counts: dict[str, Counter[str]] = {exercise: Counter() for exercise in self.order}
        for student in self.group.students:
            for exercise, finding in student.findings.items():
                counts[exercise][finding.status] += 1
        return {exercise: dict(inside) for exercise, inside in counts.items()}

    def _follow(self, name: str, findings: Mapping[str, Finding], saved: float) -> None:
        """Note where a student is now, and which mistakes are theirs."""
        for exercise, finding in findings.items():
            if finding.status == WRONG:
                self.made.setdefault((exercise, finding.cause), set()).add(name)
        before = self._before.get(name, {})
        touched = [exercise for exercise in self.order if findings.get(exercise) != before.get(exercise)]
        if not self.version or name not in self._before:  # the first look: where the work in the file ends
            touched = [exercise for exercise in touched if findings[exercise].status != UNTOUCHED]
        if not touched:
            if name in self.desks:
                self.desks[name].saved = saved
            return
        open_ones = [exercise for exercise in touched if exercise in findings and findings[exercise].status != PASSED]
        now = open_ones[-1] if open_ones else self._next(touched[-1], findings)
        here = self.desks.get(name)
        if here is None or here.exercise != now:
            self.desks[name] = Desk(now, min(saved, self.clock()), saved)
        else:
            here.saved = saved

    def _next(self, exercise: str, findings: Mapping[str, Finding]) -> str:
        """Return the exercise of the same lesson that comes after one that passed; "" after the last."""
        after = self.order[self.order.index(exercise) + 1 :]
        same = [name for name in after if lesson_of(name) == lesson_of(exercise)]
        return next((name for name in same if name in findings and findings[name].status != PASSED), "")

    # --- what the page shows ------------------------------------------------------------------------------------------

    def board(self, names: bool = False) -> dict[str, Any]:
        """Return what the page shows; without ``names`` nothing in it says who did what."""
        now, counts = self.clock(), self.counts() if self.version else {}
        lessons: dict[str, list[dict[str, Any]]] = {}
        for exercise in counts:
            lessons.setdefault(lesson_of(exercise), []).append(self._row(exercise, counts[exercise], now))
        latest = self._lessons_at_work(list(lessons))
        return {
            "now": f"{datetime.fromtimestamp(now):%H:%M}",
            "began": f"{datetime.fromtimestamp(self.trend[0][0]):%H:%M}" if self.trend else "",
            "students": len(self.group.students),
            "statuses": list(zip(("passed", "wrong", "tried", "not"), STATUSES, strict=True)),
            "lessons": [(lesson.replace("_", " "), lessons[lesson], lesson in latest[:1]) for lesson in latest],
            "mistakes": self._mistakes(),
            "desks": self._long(now, names),
            "skipped": self.group.skipped | self.group.doubtful,
            "names": names,
        }

    def _lessons_at_work(self, lessons: list[str]) -> list[str]:
        """Return the lessons, the one that most students saved last first."""
        last = Counter(max(s.modified, key=lambda lesson: s.modified[lesson]) for s in self.group.students)
        return sorted(lessons, key=lambda lesson: -last[lesson])

    def _row(self, exercise: str, counts: Mapping[str, int], now: float) -> dict[str, Any]:
        earlier = [past for when, past in self.trend if when <= now - RECENT] or [self.trend[0][1]]
        return {
            "exercise": exercise,
            "minutes": self.minutes.get(exercise),
            "bar": bar(Counter(counts)),
            "more": counts.get(PASSED, 0) - earlier[-1].get(exercise, {}).get(PASSED, 0),
            "areas": self._areas(exercise, now),
        }

    def _areas(self, exercise: str, now: float) -> list[tuple[str, str]]:
        """Return the trend as areas of 100 x 100, one on the other: colour and SVG path."""
        times = [when for when, _ in self.trend] + [now]
        span = max(now - times[0], 600.0)
        total = max((sum(past.get(exercise, {}).values()) for _, past in self.trend), default=0) or 1
        bottoms = [0.0] * len(self.trend)
        areas = []
        for colour, statuses in (("passed", (PASSED,)), ("wrong", (WRONG,)), ("tried", (TRIED,))):
            shares = [sum(past.get(exercise, {}).get(s, 0) for s in statuses) / total for _, past in self.trend]
            tops = [bottom + share for bottom, share in zip(bottoms, shares, strict=True)]
            areas.append((colour, _steps([100 * (when - times[0]) / span for when in times], bottoms, tops)))
            bottoms = tops
        return areas

    def _mistakes(self) -> list[dict[str, Any]]:
        """Return the commonest mistakes of now, each with what to say."""
        wrong: dict[tuple[str, str], list[tuple[str, Finding]]] = {}
        for student in self.group.students:
            for exercise, finding in student.findings.items():
                if finding.status == WRONG:
                    wrong.setdefault((exercise, finding.cause), []).append((student.name, finding))
        commonest = sorted(wrong.items(), key=lambda item: -len(item[1]))[:MISTAKES]
        return [self._mistake(exercise, cause, cases) for (exercise, cause), cases in commonest]

    def _mistake(self, exercise: str, cause: str, cases: list[tuple[str, Finding]]) -> dict[str, Any]:
        messages = Counter(without_name(finding.message, name) for name, finding in cases)
        say = messages.most_common(1)[0][0]
        codes = [
            excerpt(f.code, name, exercise) for name, f in cases if without_name(f.message, name) == say and f.code
        ]
        return {
            "exercise": exercise,
            "cause": CAUSES.get(cause, "wrong"),
            "now": len(cases),
            "ever": len(self.made[exercise, cause]),
            "say": say,
            "code": min(filter(None, codes), key=len, default=""),
            "hints": EXERCISES[exercise].hints[:2],
        }

    def _long(self, now: float, names: bool) -> list[dict[str, Any]]:
        """Return the exercises on which desks have been longer than its heading says, the longest first."""
        found: dict[str, list[tuple[int, str]]] = {}
        for name, desk in self.desks.items():
            minutes = int((now - desk.since) / 60)
            patience = max(self.minutes.get(desk.exercise, PATIENCE), PATIENCE)
            if desk.exercise and minutes >= patience and now - desk.saved < GONE and name in self._before:
                found.setdefault(desk.exercise, []).append((minutes, name if names else ""))
        rows = [{"exercise": name, "desks": sorted(desks, reverse=True)} for name, desks in found.items()]
        return sorted(rows, key=lambda row: -len(row["desks"]))


@cache
def _minutes() -> dict[str, int]:
    """Return the minutes that the headings of the exercises say."""
    return {exercise.name: exercise.minutes for lesson in read_lessons() for exercise in lesson.exercises}


def _earlier(path: Path, folder: Path, now: float) -> list[tuple[float, Counts]]:
    """Return the trend that an earlier run left today for the same folder: the lab goes on."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        trend = [(float(when), counts) for when, counts in kept["trend"]]
        today = datetime.fromtimestamp(now).date()
        if kept["folder"] == str(folder.absolute()) and datetime.fromtimestamp(trend[0][0]).date() == today:
            return trend
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        pass
    return []


def _steps(times: list[float], bottoms: list[float], tops: list[float]) -> str:
    """Return the SVG path between two step functions, which keep each value until the next time."""
    pairs = list(itertools.pairwise(times))
    there = [f"{x:.1f},{100 - 100 * y:.1f}" for (a, b), y in zip(pairs, tops, strict=True) for x in (a, b)]
    back = [f"{x:.1f},{100 - 100 * y:.1f}" for (a, b), y in zip(pairs, bottoms, strict=True) for x in (a, b)]
    return "M" + " L".join([*there, *reversed(back)]) + "Z" if pairs else ""


# --- nobody's code ----------------------------------------------------------------------------------------------------


class _Strip(ast.NodeTransformer):
    """Removes docstrings, and what longer texts say: names may stand there."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant("…") if isinstance(node.value, str | bytes) and len(node.value) > 12 else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return ast.Pass()
        return self.generic_visit(node)


def excerpt(code: str, student: str, exercise: str) -> str:
    """Return the lines of a student's code that solve an exercise, without what says whose they are."""
    try:
        tree = ast.parse(re.sub(r"^(\s*)[%!].*", r"\1pass", code, flags=re.MULTILINE))
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == exercise]
        shown = ast.Module(list(functions[-1:] or tree.body), [])
        text = re.sub(r"\n +pass(?=\n)", "", ast.unparse(ast.fix_missing_locations(_Strip().visit(shown))))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        text = re.sub(r"\s*#.*|\"\"\".*?\"\"\"|'''.*?'''", "", code, flags=re.DOTALL if '"""' in code else 0)
        text = re.sub(r"\n\s*\n", "\n", text)
    lines = [line[:100] for line in without_name(text, student).strip().splitlines()]
    return "\n".join(lines[:LINES] + ["…"] * (len(lines) > LINES))


def without_name(text: str, student: str) -> str:
    """Return a text without the words of a student's name; a word that is torch's as well stays."""
    words = [word for word in re.findall(r"[^\W\d_]{3,}", student) if not hasattr(torch, word.lower())]
    pattern = "|".join(rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])" for word in words)
    return re.sub(pattern, "…", text, flags=re.IGNORECASE) if words else text


# --- the server -------------------------------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, live: Live, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.live = live
        self.secret = secrets.token_urlsafe(6)  # other users of this machine do not know it

    @property
    def address(self) -> str:
        """Return the address of the page."""
        return f"http://127.0.0.1:{self.server_port}/{self.secret}/"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Answer with the page, what it shows, or the table of the students."""
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        host = (self.headers.get("Host") or "").partition(":")[0]
        place = address.path.removeprefix(f"/{self.server.secret}/")
        if host not in ("127.0.0.1", "localhost") or place == address.path:
            self.send_error(403)
        elif place == "":
            nonce = secrets.token_urlsafe(12)
            rules = f"default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'"
            page = render("live.html.j2", {"nonce": nonce, "folder": self.server.live.folder.name})
            self._send(page, "text/html", {"Content-Security-Policy": rules})
        elif place == "board":
            self._board(asked)
        elif place == "students.csv":
            self._send(tables(self.server.live.group)["students.csv"], "text/csv")
        else:
            self.send_error(404)

    def _board(self, asked: Mapping[str, str]) -> None:
        """Answer as soon as there is something newer than what the page has, or after a while."""
        live = self.server.live
        with live.changed:
            live.changed.wait_for(lambda: asked.get("after") != str(live.version), timeout=HELD)
            text = render("board.html.j2", live.board(asked.get("names") == "1"))
            version = live.version
        self._send(text, "text/html", {"X-Version": str(version)})

    def _send(self, text: str, kind: str, headers: Mapping[str, str] | None = None) -> None:
        content = text.encode("utf-8", errors="replace")
        self.send_response(200)
        standard = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(content))}
        for name, value in {**standard, "Cache-Control": "no-store", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the page was closed or loaded again
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""


def watch(folder: Path, out: Path, port: int, say: Callable[[str], None], stop: threading.Event) -> list[Path]:
    """Serve the page until ``stop`` is set or the program is interrupted; return the tables of the last moment.

    Parameters
    ----------
    folder : students' notebooks.
    out : where the tables and the trend are kept.
    port : of the address; another one is taken where it is in use.
    say : gets the address.
    stop : ends it.
    """
    live = Live(folder, out)
    live.look()
    try:
        server = _Server(live, port)
    except OSError:
        server = _Server(live, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(server.address)
    try:
        while not stop.is_set():
            began = time.monotonic()
            live.look()
            stop.wait(max(PAUSE, 2 * (time.monotonic() - began)))  # a slow disk is not asked all the time
    except KeyboardInterrupt:
        pass
    finally:
        server.shutdown()
        server.server_close()
    return write_tables(live.group, out)
