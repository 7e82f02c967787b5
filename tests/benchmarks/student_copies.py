"""What a student needs: memory and processor time of each student copy, run from top to bottom; at most 1.5 GB.

The copies are made from the sources, as `course student` makes them from the recorded notebooks.

python -m tests.benchmarks.student_copies [notebooks, all by default]
"""

import sys
import tempfile
import time
from pathlib import Path

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from course_utils.classroom.build import read_source, source_files
from course_utils.classroom.student import student_copy

MEASURE = """
import resource, sys, time
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, time.process_time())
"""


def measure(source, folder):
    """Return the kernel's peak of memory in bytes, its processor time and the time that passed, in seconds."""
    notebook = student_copy(read_source(source))
    notebook.cells.append(new_code_cell(MEASURE))
    client = NotebookClient(notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": folder}})
    start = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - start
    memory, cpu = notebook.cells[-1].outputs[0].text.split()
    return int(memory), float(cpu), seconds


def main():
    print("| student copy | memory, peak | processor | passed |\n| --- | ---: | ---: | ---: |")
    for name, source in source_files().items():
        if name in sys.argv[1:] or not sys.argv[1:]:
            with tempfile.TemporaryDirectory() as folder:
                memory, cpu, seconds = measure(source, Path(folder))
            print(f"| {name} | {memory / 1e9:.2f} GB | {cpu:.0f} s | {seconds:.0f} s |", flush=True)


if __name__ == "__main__":
    main()
