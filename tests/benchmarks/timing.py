"""What the benchmarks share: contestants timed in turn, and tables in Markdown."""

import statistics
import time

import numpy as np


def race(contestants, repeats):
    """Return the median CPU seconds of each contestant, a dict of functions, timed in turn, one of each a round.

    CPU time of a computation with one thread is its time on a quiet machine, and other programs disturb it less than
    time on the wall. Each timed call follows one that is not: it finds the memory and the caches as its own kind left
    them, not as the contestant before it did. Freeing one large array first makes the C library keep freed memory, as
    it does in a session that has been at work for a while; else page faults are half of a short time, for all.
    """
    np.ones(31_000_000, dtype=np.uint8)
    seconds = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, run in contestants.items():
            run()
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def compared(what, seconds, ours, peer, target=None):
    """Return a row: the time of ours, of its peer, their ratio, and whether the ratio is within its target."""
    ratio = seconds[ours] / seconds[peer]
    return {
        "what": what,
        "ours": f"{1e3 * seconds[ours]:.1f} ms",
        "peer": f"{1e3 * seconds[peer]:.1f} ms",
        "ratio": f"{ratio:.2f}",
        "target": "" if target is None else f"≤ {target:.2f}",
        "met": "" if target is None else met(ratio <= target),
    }


def met(yes):
    return "yes" if yes else "**no**"


def print_table(rows):
    """Print rows, dicts with the same keys, as a Markdown table: the first column to the left, numbers to the right."""
    columns = list(rows[0])
    print("|", " | ".join(columns), "|")
    print("|", " | ".join(["---"] + ["---:"] * (len(columns) - 1)), "|")
    for row in rows:
        print("|", " | ".join(row[column] for column in columns), "|")
