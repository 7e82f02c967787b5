"""Files are written whole or not at all."""

import os

import pytest

from course_utils._files import write_atomically


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "new" / "file.txt"
    write_atomically(path, "λ\n")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    write_atomically(path, "λ\n")
    assert path.read_bytes() == b"\xce\xbb\n"
    assert os.listdir(path.parent) == ["file.txt"]


def test_a_failure_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_atomically(path, "first")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, "second")
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["file.txt"]
