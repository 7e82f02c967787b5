"""Where the time of `make test` goes: the linters, then each test file and each notebook of one run of pytest.

Time on the wall of the whole run with two workers, target 7 minutes, and the time that each file takes in its worker.
The run must be green. A file's time holds the start of the kernel for a notebook; starting the workers and collecting
the tests is the rest.
"""

import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from tests.benchmarks.timing import met, print_table

ROOT = Path(__file__).resolve().parents[2]
TARGET, LIMIT = 7 * 60, 30 * 60  # seconds
SHOWN = 25
LINTERS = [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]]


def measure():
    linters = sum(timed([sys.executable, "-m", *command]) for command in LINTERS)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        tests = timed([sys.executable, "-m", "pytest", "-q", "-n", "2", f"--junitxml={report}"])
        seconds = seconds_by_file(report)
    total = linters + tests
    rows = [row("`make test`", total) | {"target": f"≤ {TARGET} s", "met": met(total <= TARGET)}]
    rows += [row("ruff and mypy", linters), row("pytest, two workers", tests)]
    rows += [row(name, value) for name, value in seconds.most_common(SHOWN)]
    rest = sum(seconds.values()) - sum(value for _, value in seconds.most_common(SHOWN))
    return [*rows, row(f"the other {len(seconds) - SHOWN} files", rest)] if len(seconds) > SHOWN else rows


def timed(command):
    """Return the seconds that a command takes; raise, with the end of what it printed, when it fails."""
    print(" ".join(command[1:]), file=sys.stderr)
    start = time.perf_counter()
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command[2:])} failed\n{run.stdout[-3000:]}")
    return time.perf_counter() - start


def seconds_by_file(report):
    """Return the seconds of each test file or notebook, from pytest's report."""
    seconds = Counter()
    for case in ET.parse(report).iter("testcase"):
        folder, name = case.get("classname").split(".")[:2]  # tests.test_optim, notebooks.07_tv_denoising.ipynb
        seconds[f"`{folder}/{name}`"] += float(case.get("time"))
    return seconds


def row(what, seconds):
    return {"what": what, "time": f"{seconds:.1f} s", "target": "", "met": ""}


if __name__ == "__main__":
    print_table(measure())
