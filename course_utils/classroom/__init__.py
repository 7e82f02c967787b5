"""The instructor's side of the course: the command line, the notebooks' build, student copies, class report."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the checkout
