"""What takes minutes has its turn every second day: half of the lessons one day, the others the next."""

import datetime
import os

TODAY = datetime.datetime.now(datetime.UTC).date().toordinal()
EVERYTHING = os.environ.get("COURSE_ALL") == "1"  # all of them at once


def of_today(names, today=TODAY, everything=EVERYTHING):
    """Return every second name, all of them when ``everything``."""
    return [name for turn, name in enumerate(sorted(names)) if everything or (today + turn) % 2 == 0]
