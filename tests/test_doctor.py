"""`course doctor`: every problem is found, and comes with a remedy."""

import shutil

import psutil
import pytest
from typer.testing import CliRunner

from course_utils.classroom import doctor
from course_utils.classroom.cli import app
from course_utils.data import REGISTRY, data_folder


def problems(examine):
    return [finding for finding in examine() if finding.status == "problem"]


def test_this_machine_is_ready():
    result = CliRunner().invoke(app, ["doctor"])
    assert "[problem]" not in result.output, result.output
    assert "This machine is ready" in result.output
    assert result.exit_code == 0


def test_a_damaged_data_file_is_named_with_its_repair(tmp_path, monkeypatch):
    copy = tmp_path / "data"
    shutil.copytree(data_folder(), copy, ignore=shutil.ignore_patterns("weights", "syntheses"))
    (copy / REGISTRY["cameraman"].file).write_bytes(b"not a picture")
    monkeypatch.setenv("COURSE_DATA", str(copy))
    found = {finding.subject: finding for finding in problems(doctor._data)}
    assert "altered" in found["data cameraman"].text
    assert found["data cameraman"].remedy


def test_an_old_python_is_a_problem(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 9, 1))
    assert "install Python" in problems(doctor._python)[0].remedy


def test_missing_and_outdated_packages_are_problems(monkeypatch):
    monkeypatch.setattr(
        doctor.importlib.metadata, "requires", lambda name: ["torch>=99", "no-such-package", "x; extra=='test'"]
    )
    found = {finding.subject: finding.text for finding in problems(doctor._packages)}
    assert set(found) == {"torch", "no-such-package"}
    assert "needed: >=99" in found["torch"]


def test_little_memory_is_a_problem(monkeypatch):
    memory = type("Memory", (), {"available": 0.5e9, "total": 4e9})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert "close other programs" in problems(doctor._memory)[0].remedy


def test_a_folder_that_cannot_be_written_is_a_problem(monkeypatch):
    def refuse(**options):
        raise PermissionError

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    assert len(problems(doctor._folders)) == 3


@pytest.mark.parametrize("status", [0, 1])
def test_a_crash_of_one_examination_does_not_stop_the_others(monkeypatch, status):
    def broken():
        raise ImportError("no such library")
        yield

    monkeypatch.setattr(doctor, "EXAMINATIONS", (broken, doctor._python)[: status + 1])
    found = list(doctor.examine_machine())
    assert "no such library" in found[0].text
    assert len(found) == status + 1
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 1
