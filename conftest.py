"""Settings of the whole test run: no network, an empty home folder, one thread a worker, shapes checked at run time.

Pictures of notebooks are compared. What takes longest starts first: no worker is left alone with it at the end.
"""

import os
import re
import runpy
import tempfile
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
os.environ.update(dict.fromkeys(THREADS, "1"), TQDM_DISABLE="1", PYDEVD_DISABLE_FILE_VALIDATION="1")

GUARD = str(Path(__file__).parent / "tests" / "offline")
# Only in pytest itself: its workers, and all the processes below them, inherit what is set here.
if "COURSE_TEST_OFFLINE" not in os.environ:
    _home = tempfile.TemporaryDirectory(prefix="course-home-")
    os.environ.update(HOME=_home.name, USERPROFILE=_home.name)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [GUARD, os.environ.get("PYTHONPATH")]))
    runpy.run_path(f"{GUARD}/sitecustomize.py")  # for this process; Python does it by itself for those below

from jaxtyping import config, install_import_hook  # noqa: E402

import tests.typecheck  # noqa: E402, F401 - the hook looks it up by name

install_import_hook("course_utils", "tests.typecheck.checked")

import matplotlib as mpl  # noqa: E402

mpl.use("Agg")

import pytest  # noqa: E402
from nbval.plugin import IPyNbCell  # noqa: E402

from tests.pictures import compare_pictures  # noqa: E402


@pytest.fixture
def unchecked():
    """Turn the run-time check of shapes off, so that a test meets the package's own error message."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


def pytest_collection_modifyitems(items):
    """Start the files and notebooks first that took longest when the benchmarks measured the suite."""
    results = Path(__file__).parent / "tests" / "benchmarks" / "RESULTS.md"
    measured = dict(re.findall(r"^\| `(\w+/\w+)` \| ([\d.]+) s", results.read_text(encoding="utf-8"), re.MULTILINE))

    def seconds(item):
        known = measured.get(f"{item.path.parent.name}/{item.path.stem}")
        return float(known or (30 if isinstance(item, IPyNbCell) else 1))

    items.sort(key=seconds, reverse=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """Compare the pictures that a notebook cell has just made with the recorded ones, which nbval does not."""
    outcome = yield
    if isinstance(item, IPyNbCell) and outcome.excinfo is None:
        problem = compare_pictures(item.cell, item.test_outputs or [])
        if problem:
            outcome.force_exception(AssertionError(f"{item.name}: {problem}"))
