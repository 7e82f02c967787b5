"""What takes minutes has its turn every few days: a share of the lessons one day, others the next.

A round of the slow tests takes `ROUND` days; a lesson has one of its turns each day.
"""

import datetime
import os

TODAY = datetime.datetime.now(datetime.UTC).date().toordinal()
EVERYTHING = os.environ.get("COURSE_ALL") == "1"  # all of them at once
ROUND = 6  # days, as many as the slow tests have turns
UNTOUCHED, BUILT, VARIANTS, PRETENDED, FILLED, PRINTED = range(ROUND)  # what is done with a lesson, day by day


def turn_of(number, turns, today=TODAY):
    """Return which of ``turns`` turns, from 0 on, the lesson of that number has today; the next one tomorrow."""
    return (today + number) % turns


def of_today(names, turns, turn=0, today=TODAY, everything=EVERYTHING):
    """Return the names that have that turn today, one in ``turns``; all of them when ``everything``."""
    return [name for number, name in enumerate(sorted(names)) if everything or turn_of(number, turns, today) == turn]
