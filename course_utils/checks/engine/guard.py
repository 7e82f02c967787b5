"""Running a function that may crash, never end, print without end, or change what belongs to the notebook."""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import io
import os
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import torch

from course_utils.checks.engine.student import Student, TimeIsUp, code_of, line_of_frame, summary
from course_utils.checks.engine.verdict import Mistake, NotAttempted

TIME_LIMIT = 10.0  # seconds of work for all the calls of one check
PATIENCE = 6.0  # a busy machine may take this many times longer; a function that only sleeps is stopped then
PRINTED = 2000  # characters of what a function prints while it is checked that are passed on


class CheckError(RuntimeError):
    """The check itself failed, which is no fault of the student's."""


def run_with_limit(examine: Callable[[Student], str], student: Student, limit: float) -> str | Mistake | NotAttempted:
    """Examine the student's function in a thread of its own, so that an endless loop can be stopped and located."""
    _load_optimizers(student.function)
    outcome: list[str | BaseException] = []
    finished = threading.Event()  # not Thread.is_alive(): Python 3.11 takes a thread for ended when join is interrupted

    def work() -> None:
        try:
            outcome.append(examine(student))
        except (Mistake, NotAttempted) as found:
            outcome.append(found)
        except TimeIsUp:
            pass
        except BaseException as error:  # the function's own are mistakes already: this one is the check's
            outcome.append(error)
        finally:
            finished.set()

    thread = threading.Thread(target=work, daemon=True)
    with _notebook_kept():
        thread.start()
        try:
            _wait(finished, limit)
        except KeyboardInterrupt:  # the stop button: the function must not go on behind the notebook's back
            _stop(thread, finished)
            raise
        if not finished.is_set():
            where = line_of_frame(student.function, sys._current_frames().get(thread.ident or 0))
            _stop(thread, finished)
            return Mistake("too-slow", f"{student.name} was stopped: the limit is {limit:g} s. {_ENDLESS}{where}")
    if not outcome:
        return Mistake("too-slow", f"{student.name} was stopped.")
    (found,) = outcome
    if isinstance(found, BaseException) and not isinstance(found, (Mistake, NotAttempted)):
        raise CheckError(f"the check of {student.name} failed itself: {summary(found)}") from found
    return found


def _load_optimizers(function: Callable[..., Any]) -> None:
    """Make torch's first optimizer before the clock runs: torch then imports its compiler, for seconds, and only once.

    Stopped in the middle, that import would leave torch.optim broken for the rest of the session.
    """
    code = code_of(function)
    scope = getattr(function, "__globals__", {})
    names = {*code.co_names, *code.co_varnames} if code is not None else set()
    if any("optim" in name for name in names) or any(
        str(getattr(scope.get(n), "__module__", "")).startswith("torch.optim") for n in names
    ):
        torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


_ENDLESS = "It never ends, waits for something, or is far too slow for images of this size."


def _wait(finished: threading.Event, limit: float) -> None:
    """Wait until ``finished`` is set, or ``limit`` seconds of work are over."""
    wall, processor = time.monotonic(), time.process_time()
    while not finished.wait(0.05):
        elapsed, worked = time.monotonic() - wall, time.process_time() - processor
        idle = worked < 0.02 * elapsed  # asleep, or waiting for an answer; the busiest machine leaves more than that
        if elapsed > PATIENCE * limit or (elapsed > limit and (worked > limit or idle)):
            return


@contextlib.contextmanager
def _notebook_kept() -> Iterator[None]:
    """Keep the notebook as it is whatever a function does: random states, default type, warnings, a flood of text."""
    dtype, python_state = torch.get_default_dtype(), random.getstate()
    numpy_state = numpy.random.get_state()  # noqa: NPY002 - it is the global state that must not change
    with (
        _process_kept(),
        _figures_kept(),
        torch.random.fork_rng(devices=[]),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(_Short(sys.stdout)),
        contextlib.redirect_stderr(_Short(sys.stderr)),
    ):
        warnings.simplefilter("ignore")
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            numpy.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)


@contextlib.contextmanager
def _process_kept() -> Iterator[None]:
    """Keep the working folder, the environment and the recursion limit, and answer no ``input``."""
    folder, environment, depth, ask = os.getcwd(), dict(os.environ), sys.getrecursionlimit(), builtins.input
    builtins.input = _no_answer
    try:
        yield
    finally:
        builtins.input = ask
        sys.setrecursionlimit(depth)
        os.chdir(folder)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)


def _no_answer(prompt: object = "") -> str:
    raise EOFError("nobody answers input() during a check")


@contextlib.contextmanager
def _figures_kept() -> Iterator[None]:
    """Keep Matplotlib's settings, and close the figures that were opened."""
    matplotlib, pyplot = sys.modules.get("matplotlib"), sys.modules.get("matplotlib.pyplot")
    settings = dict.copy(matplotlib.rcParams) if matplotlib else {}
    open_before = set(pyplot.get_fignums()) if pyplot else set()
    try:
        yield
    finally:
        if matplotlib:
            dict.update(matplotlib.rcParams, settings)
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            for number in set(pyplot.get_fignums()) - open_before:
                pyplot.close(number)


class _Short(io.TextIOBase):
    """Pass on the first ``PRINTED`` characters of what a function prints, and drop the rest."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.left = stream, PRINTED

    def write(self, text: str) -> int:
        if self.left > 0:
            self.stream.write(text[: self.left])
            if len(text) >= self.left:
                self.stream.write(" … (the rest of what your function prints is not shown)\n")
            self.left -= len(text)
        return len(text)

    def flush(self) -> None:
        self.stream.flush()


def _stop(thread: threading.Thread, finished: threading.Event) -> None:
    """Throw ``TimeIsUp`` into ``thread`` until it ends; a thread that swallows it ten times is left alone."""
    for _ in range(10):
        if finished.is_set():
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TimeIsUp))
        finished.wait(0.15)
