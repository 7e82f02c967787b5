"""Two runs of `make notebooks` give the same bytes."""

import pytest

from course_utils.classroom.build import build, source_files
from tests.rotation import of_today

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", of_today(source_files()))
def test_two_builds_are_the_same(name, tmp_path):
    (first,) = build([name], out=tmp_path / "first")
    (second,) = build([name], out=tmp_path / "second")
    assert first.read_bytes() == second.read_bytes()
