"""What the helpers add to the imports of torch and matplotlib, and the time to the first figure of each notebook.

Medians of 3, in processes of their own. Imports: CPU time, which is the time that they take once the files are in
memory. The first figure: time on the wall from the start of the kernel, as a student waits for it, through the cells
down to the first picture.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tests.benchmarks.timing import met, print_table

ROOT = Path(__file__).resolve().parents[2]
REPEATS = 3
TARGET = 0.3  # seconds
IMPORTS = """
import time
start = time.process_time()
import torch, matplotlib.pyplot
middle = time.process_time()
{}
print(middle - start, time.process_time() - middle)
"""


def measure():
    modules = sorted(path.stem for path in (ROOT / "course_utils").glob("[!_]*.py"))
    imports = "\n".join(f"import course_utils.{name}" for name in modules)
    base, added = repeated(lambda: import_times(imports))
    rows = [row("`import torch, matplotlib.pyplot`", base)]
    rows.append(row(f"all {len(modules)} modules of `course_utils`, added to it", added, TARGET))
    _, others = repeated(lambda: import_times("import IPython.display, ipywidgets, jaxtyping"))
    rows.append(row("of which IPython (a kernel has it already), ipywidgets and jaxtyping", others))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        (seconds,) = repeated(lambda path=path: [asyncio.run(time_to_first_figure(path))])
        rows.append(row(f"`{path.stem}`: first figure", seconds))
    return rows


def repeated(run):
    """Return the medians over the repeats of the numbers that ``run`` returns."""
    return [statistics.median(values) for values in zip(*(run() for _ in range(REPEATS)), strict=True)]


def import_times(imports):
    code = IMPORTS.format(imports)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return [float(seconds) for seconds in run.stdout.split()]


async def time_to_first_figure(path):
    book = nbformat.read(path, as_version=4)
    client = NotebookClient(
        book,
        timeout=300,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    start = time.perf_counter()
    async with client.async_setup_kernel():
        for index, cell in enumerate(book.cells):
            await client.async_execute_cell(cell, index)
            if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
                return time.perf_counter() - start
    raise RuntimeError(f"{path.name} shows no figure")


def row(what, seconds, target=None):
    return {
        "what": what,
        "time": f"{seconds:.2f} s",
        "target": "" if target is None else f"≤ {target:.1f} s",
        "met": "" if target is None else met(seconds <= target),
    }


if __name__ == "__main__":
    print_table(measure())
