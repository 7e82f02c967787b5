"""Settings of the whole test run: one thread a worker, shapes checked at run time, pictures of notebooks compared."""

import os

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
os.environ.update(dict.fromkeys(THREADS, "1"), TQDM_DISABLE="1", PYDEVD_DISABLE_FILE_VALIDATION="1")

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


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """Compare the pictures that a notebook cell has just made with the recorded ones, which nbval does not."""
    outcome = yield
    if isinstance(item, IPyNbCell) and outcome.excinfo is None:
        problem = compare_pictures(item.cell, item.test_outputs or [])
        if problem:
            outcome.force_exception(AssertionError(f"{item.name}: {problem}"))
