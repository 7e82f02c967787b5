"""The table of wrong answers: `make diagnosis`."""

from course_utils.checks import EXERCISES, diagnose
from tests.lessons import RIGHT, WRONG


def rows():
    """Yield (exercise, wrong answers, caught, cause right, right answers, accepted, missed) for each exercise."""
    for name in sorted(EXERCISES):
        verdicts = [
            (function.__name__, causes, diagnose(function, name, time_limit=4.0)) for causes, function in WRONG[name]
        ]
        caught = [v for v in verdicts if v[2].status == "wrong"]
        explained = [v for v in caught if v[2].cause in v[1].split("|")]
        accepted = [f for f in RIGHT[name] if diagnose(f, name).status == "passed"]
        missed = [f"{n} ({v.cause or v.status} for {c})" for n, c, v in verdicts if v.cause not in c.split("|")]
        yield name, len(verdicts), len(caught), len(explained), len(RIGHT[name]), len(accepted), missed


def main():
    """Print the table and its totals."""
    print(f"{'exercise':28}{'wrong':>7}{'caught':>8}{'cause':>7}{'right':>7}{'accepted':>10}")
    totals = [0] * 5
    for name, *counts, missed in rows():
        print(f"{name:28}{counts[0]:7}{counts[1]:8}{counts[2]:7}{counts[3]:7}{counts[4]:10}")
        for line in missed:
            print(f"    {line}")
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
    print(f"{'all':28}{totals[0]:7}{totals[1]:8}{totals[2]:7}{totals[3]:7}{totals[4]:10}")
    print(f"caught {100 * totals[1] / totals[0]:.1f} %, cause right {100 * totals[2] / totals[0]:.1f} %")


if __name__ == "__main__":
    main()
