"""What a student needs: memory and processor time of each student copy, run from top to bottom.

python -m tests.benchmarks.student_copies [notebooks, all by default]
"""

import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from course_utils.classroom.student import hand_out

ROOT = Path(__file__).resolve().parents[2]
MEASURE = """
import resource, sys, time
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, time.process_time())
"""


def measure(path):
    """Return the kernel's peak of memory in bytes, its processor time and the time that passed, in seconds."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(new_code_cell(MEASURE))
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": path.parent}})
    start = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - start
    memory, cpu = notebook.cells[-1].outputs[0].text.split()
    return int(memory), float(cpu), seconds


def main():
    with tempfile.TemporaryDirectory() as folder:
        hand_out(sys.argv[1:], Path(folder), ROOT)
        print("| student copy | memory, peak | processor | passed |\n| --- | ---: | ---: | ---: |")
        for path in sorted(Path(folder).glob("*.ipynb")):
            memory, cpu, seconds = measure(path)
            print(f"| {path.stem} | {memory / 1e9:.2f} GB | {cpu:.0f} s | {seconds:.0f} s |", flush=True)


if __name__ == "__main__":
    main()
