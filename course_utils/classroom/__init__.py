"""The instructor's side of the course: the command line, the notebooks' build, student copies, class report."""
