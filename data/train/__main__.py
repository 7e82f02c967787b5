"""Train the networks that the course ships: ``python data/train NAME ...``; see course_utils/classroom/training.py."""

import sys

from course_utils.classroom.training import main

sys.exit(main())
