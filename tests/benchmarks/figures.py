"""Time of `course figures`: cold, when nothing is there, and warm, when nothing changed.

python -m tests.benchmarks.figures [figures or notebooks, all by default]
"""

import sys
import tempfile
import time
from pathlib import Path

from course_utils.classroom.figures import make_figures


def measure(names, jobs=2):
    """Return the seconds of a cold run, of a warm one, the number of figures, and the bytes written."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        cold_run = make_figures(Path(folder), only=names, jobs=jobs)
        middle = time.perf_counter()
        warm_run = make_figures(Path(folder), only=names, jobs=jobs)
        end = time.perf_counter()
        if cold_run.failures or warm_run.made:
            raise RuntimeError("\n".join(map(str, cold_run.failures)) or f"made again: {', '.join(warm_run.made)}")
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return middle - start, end - middle, len(cold_run.made), size


def main():
    cold, warm, count, size = measure(sys.argv[1:])
    print("| figures | cold | per figure | warm | written |\n| ---: | ---: | ---: | ---: | ---: |")
    print(f"| {count} | {cold:.1f} s | {cold / count:.1f} s | {warm:.2f} s | {size / 1e6:.0f} MB |")


if __name__ == "__main__":
    main()
