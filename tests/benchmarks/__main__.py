"""Run the benchmarks and write RESULTS.md beside this file.

python -m tests.benchmarks [parts, all by default]

A part is a module of this folder that prints a table in Markdown when it is run; its docstring says what was measured
and how. Each runs in a process of its own. Sections of parts that are not run, or that fail, stay as they were.
"""

import ast
import datetime
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "RESULTS.md"
PARTS = sorted(
    path.stem for path in FOLDER.glob("*.py") if "__name__ ==" in path.read_text() and path != Path(__file__)
)
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
TWO_THREADS = {"gatys"}  # all parts but these compare computations with one thread
PACKAGES = ("torch", "numpy", "matplotlib", "scikit-image", "deepinv", "scikit-learn", "plenoptic")
INTRODUCTION = """# Benchmarks

Written by `make benchmark` (`make benchmark NAMES="tv faces"` for some parts, each below under its name). What counts
are ratios within one run; times move between machines. A ratio is our time divided by the peer's.
"""


def main(names):
    if unknown := set(names) - set(PARTS):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}. The parts are: {', '.join(PARTS)}")
    failed = [name for name in names or PARTS if not measured(name)]
    if failed:
        sys.exit(f"failed, their sections stay as they were: {', '.join(failed)}")


def measured(name):
    """Run a part and put its section into the results; say whether it succeeded."""
    print(f"{name} ...", flush=True)
    start = time.perf_counter()
    environment = os.environ if name in TWO_THREADS else os.environ | ONE_THREAD
    command = [sys.executable, "-m", f"tests.benchmarks.{name}"]
    run = subprocess.run(command, cwd=FOLDER.parents[1], env=environment, stdout=subprocess.PIPE, text=True)
    print(f"{run.stdout}{name}: {time.perf_counter() - start:.0f} s", flush=True)
    if run.returncode == 0:
        write(sections() | {name: section(name, run.stdout)})
    return run.returncode == 0


def section(name, table):
    about = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8")))
    return f"## {name}\n\n{about}\n\n{table}\n{machine()}\n"


def machine():
    """Say on what a part was run: date, processor, memory, versions."""
    cpu = (
        re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) if Path("/proc/cpuinfo").exists() else None
    )
    versions = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    memory = round(psutil.virtual_memory().total / 2**30)
    return (
        f"{datetime.date.today():%d %B %Y}, {cpu[1] if cpu else platform.processor()}, {psutil.cpu_count()} cores, "
        f"{memory} GB; {', '.join(versions)}."
    )


def sections():
    """Return the sections that RESULTS.md holds, by part."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    return {part.split("\n")[0].removeprefix("## "): part.rstrip() + "\n" for part in parts}


def write(found):
    """Replace RESULTS.md in one step: an interrupted run leaves the old file or the new one."""
    new = RESULTS.with_suffix(".new")
    text = "\n".join([INTRODUCTION, *(found[name] for name in sorted(found) if name in PARTS)])
    new.write_text(text, encoding="utf-8")
    new.replace(RESULTS)


if __name__ == "__main__":
    main(sys.argv[1:])
