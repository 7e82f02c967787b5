"""In every test run nothing reaches the network, and HOME is empty."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest


def test_the_network_is_cut_in_this_process_and_below():
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    code = "import urllib.request as r; r.urlopen('http://example.org', timeout=1)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "no network" in run.stderr


def test_this_computer_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=1):
        pass


def test_home_holds_nothing_that_the_course_could_lean_on():
    assert Path.home().name.startswith("course-home-")
    assert not (Path.home() / ".cache" / "torch").exists()
    assert not (Path.home() / ".cache" / "course").exists()
