"""Long jobs that need nothing of one another: in turn, at the same time on this machine, or on a Dask cluster.

The last two go through joblib. The workers of a cluster see the course's folder, and the one that is written to,
under the same paths as the machine that asks; each has the course installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config

from course_utils._validation import require_count

__all__ = ["ClusterError", "add_options", "run_jobs"]

CONNECTION_TIMEOUT = 10.0  # seconds
Result = TypeVar("Result")


class ClusterError(RuntimeError):
    """The Dask cluster cannot be used; nothing was done."""


@dataclass(frozen=True)
class _Raised:
    """What a job raised: joblib's backend for Dask waits for ever for a job that raises."""

    error: BaseException


def run_jobs(
    function: Callable[..., Result],
    jobs: Iterable[tuple[Any, ...]],
    n: int = 1,
    scheduler: str = "",
    backend: str = "loky",
) -> Iterator[Result]:
    """Yield ``function(*job)`` of each job, in the order in which they end.

    What a job raises is raised: at once in turn, else when the others have ended and their results are not lost.

    Parameters
    ----------
    function : what is called; for another process it must be possible to pickle it.
    jobs : its arguments.
    n : jobs at the same time on this machine.
    scheduler : address of a Dask scheduler, whose workers do all the jobs; "" for this machine.
    backend : joblib's, on this machine: "loky" for processes, "threading" for threads.

    Raises
    ------
    ClusterError
        If there is no such scheduler, or the package distributed is not installed.
    """
    if require_count(n, "jobs") == 1 and not scheduler:
        yield from (function(*job) for job in jobs)
        return
    errors: list[BaseException] = []
    with _cluster(scheduler) if scheduler else parallel_config(backend=backend, n_jobs=n):
        for result in Parallel(return_as="generator_unordered")(delayed(_call)(function, job) for job in jobs):
            if isinstance(result, _Raised):
                errors.append(result.error)
            else:
                yield result
    if errors:
        raise errors[0]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where jobs are done, ``--jobs`` and ``--scheduler``."""
    parser.add_argument("--jobs", type=int, default=1, help="how many at the same time on this machine")
    parser.add_argument("--scheduler", default="", metavar="ADDRESS", help="of a Dask cluster, which does them all")


def _call(function: Callable[..., Result], job: tuple[Any, ...]) -> Result | _Raised:
    try:
        return function(*job)
    except Exception as error:
        return _Raised(error)


@contextmanager
def _cluster(scheduler: str) -> Iterator[None]:
    """Let joblib send its jobs to a Dask cluster."""
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise ClusterError(
            "--scheduler needs the package distributed, in the course's folder: "
            'python -m pip install --editable ".[cluster]"'
        ) from None
    try:
        client = Client(scheduler, timeout=CONNECTION_TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(f"no Dask scheduler answers at {scheduler}: {error}") from None
    with client, parallel_config(backend="dask", client=client):
        yield
