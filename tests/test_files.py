"""Files are written whole or not at all."""

import os
import subprocess
import sys

import pytest

from course_utils import _files
from course_utils._files import process_mark, remove_leftovers, write_atomically, write_new


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


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_takes_no_other_ones_place(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("not on this file system")))
    path = tmp_path / "file.txt"
    write_new(path, "first")
    with pytest.raises(FileExistsError):
        write_new(path, "second")
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_what_a_killed_run_left_goes_and_what_is_being_written_stays(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    here = _files._machine()
    dead = tmp_path / f".file [1].txt.{here}-{process.pid}-abc.part"
    alive = tmp_path / f".file [1].txt.{here}-{os.getpid()}-abc.part"
    elsewhere, old = tmp_path / ".file [1].txt.other-1-abc.part", tmp_path / ".file [1].txt.other-1-old.part"
    for part in (dead, alive, elsewhere, old):
        part.touch()
    os.utime(old, (1, 1))
    write_atomically(tmp_path / "file [1].txt", "text")
    assert {path.name for path in tmp_path.iterdir()} == {"file [1].txt", alive.name, elsewhere.name}
    dead.touch()
    folder = tmp_path / f".making.{here}-{process.pid}-abc"
    (folder / "inside").mkdir(parents=True)
    (tmp_path / f".making{process_mark()}abc").mkdir()
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path, ".making*")
    assert not dead.exists()
    assert [path.name for path in tmp_path.glob(".making*")] == [f".making.{here}-{os.getpid()}-abc"]
