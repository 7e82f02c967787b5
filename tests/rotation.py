"""What takes minutes has its turn every few days: a share of the lessons one day, others the next."""

import datetime
import os

TODAY = datetime.datetime.now(datetime.UTC).date().toordinal()
EVERYTHING = os.environ.get("COURSE_ALL") == "1"  # all of them at once


def turn_of(number, turns, today=TODAY):
    """Return which of ``turns`` turns, from 0 on, the lesson of that number has today; the next one tomorrow."""
    return (today + number) % turns


def of_today(names, turns, today=TODAY, everything=EVERYTHING):
    """Return one name in ``turns``, others every day; all of them when ``everything``."""
    return [name for number, name in enumerate(sorted(names)) if everything or turn_of(number, turns, today) == 0]
