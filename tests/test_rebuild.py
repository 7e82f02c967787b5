"""Two runs of `make notebooks` give the same bytes."""

import pytest

from course_utils.classroom.build import build, source_files
from tests.rotation import BUILT, ROUND, of_today

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", of_today(source_files(), ROUND, BUILT))
def test_two_builds_are_the_same(name, tmp_path):
    (notebook,) = build([name], out=tmp_path)
    first = notebook.read_bytes()
    build([name], out=tmp_path)
    assert notebook.read_bytes() == first
