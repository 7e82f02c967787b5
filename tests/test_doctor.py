"""`course doctor`: every problem is found, and comes with a remedy."""

import json
import shutil
import sys
import venv

import jupyter_client.kernelspec
import jupyter_client.manager
import jupyter_core.paths
import psutil
import pytest
import torch
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
    shutil.copytree(data_folder(), copy, ignore=shutil.ignore_patterns("networks", "syntheses"))
    (copy / REGISTRY["cameraman"].file).write_bytes(b"not a picture")
    monkeypatch.setenv("COURSE_DATA", str(copy))
    found = {finding.subject: finding for finding in problems(doctor._data)}
    assert "altered" in found["data cameraman"].text
    assert found["data cameraman"].remedy


def test_what_is_wrong_with_the_data_is_mended_by_the_arrow(tmp_path, monkeypatch):
    """A wrong COURSE_DATA and a broken registry are said by the self-test too, with the same arrow."""
    monkeypatch.setattr(doctor, "EXAMINATIONS", (doctor._data, doctor._self_test))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "a. b"))
    (tmp_path / "a. b").mkdir()
    found = list(doctor.examine_machine())
    assert len(found) == 2
    for finding in found:
        assert finding.text.endswith("registry.json is missing")
        assert finding.remedy.startswith("Unset COURSE_DATA")
    (tmp_path / "a. b" / "registry.json").write_text("[")
    for finding in doctor.examine_machine():
        assert "is broken" in finding.text
        assert finding.remedy.startswith("COURSE_DATA is")
    monkeypatch.delenv("COURSE_DATA")
    assert all(finding.status == "ok" for finding in doctor.examine_machine())


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ImportError("libtorch.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_a_limit_of_the_memory_is_what_the_arrow_lifts(monkeypatch, error):
    def broken():
        raise error
        yield

    def start(*arguments, **options):
        raise RuntimeError("Kernel died before replying to kernel_info")

    monkeypatch.setattr(jupyter_client.manager, "start_new_kernel", start)
    monkeypatch.setattr(doctor, "EXAMINATIONS", (broken, doctor._kernel, doctor._addresses))
    monkeypatch.setattr(doctor, "_address_limit", lambda: 2.0)
    assert ["ulimit -v unlimited" in finding.remedy for finding in doctor.examine_machine()] == [True] * 3
    monkeypatch.setattr(doctor, "_address_limit", lambda: None)
    assert ["ulimit" in finding.remedy for finding in doctor.examine_machine()] == [False] * 2


def test_an_unwritable_folder_of_jupyter_is_moved_by_the_arrow(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file" / "runtime"))

    def kernel():
        raise PermissionError(13, "Permission denied", str(tmp_path / "file" / "runtime" / "kernel.json"))
        yield

    monkeypatch.setattr(doctor, "EXAMINATIONS", (kernel, doctor._folders))
    found = [finding for finding in doctor.examine_machine() if finding.status == "problem"]
    assert [finding.subject for finding in found] == ["kernel", "folder (Jupyter)"]
    assert all("JUPYTER_RUNTIME_DIR=" in finding.remedy for finding in found)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "elsewhere"))
    assert not problems(doctor._folders)


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


@pytest.mark.parametrize(
    ("limit", "used"),
    [("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")],
)
def test_the_memory_of_a_container_counts(container, limit, used):
    container({limit: "2500000000", used: "2000000000"})
    assert problems(doctor._memory)[0].text == "0.5 GB free of 2.5 GB, the limit of this server"
    container({limit: "max", used: "2000000000"})
    assert not problems(doctor._memory)


@pytest.mark.parametrize(
    "files", [{"cpu.max": "50000 100000"}, {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}]
)
def test_more_threads_than_cores_are_a_problem(container, monkeypatch, files):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    container(files)
    assert "OMP_NUM_THREADS=1" in problems(doctor._processors)[0].remedy
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    container({"cpu.max": "max 100000"})
    assert not problems(doctor._processors)
    container({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"})
    assert not problems(doctor._processors)


@pytest.fixture
def container(tmp_path, monkeypatch):
    """Return a function that makes the machine a container with these files of limits."""
    monkeypatch.setattr(doctor, "CGROUP", tmp_path)

    def write(files):
        shutil.rmtree(tmp_path)
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text + "\n")

    return write


def test_a_full_disk_is_a_problem(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1e6}))
    assert [finding.subject for finding in problems(doctor._folders)] == ["disk"]


def test_a_missing_kernel_and_one_that_does_not_start_are_problems(monkeypatch):
    def refuse(error):
        def start(*arguments, **options):
            raise error

        monkeypatch.setattr(jupyter_client.manager, "start_new_kernel", start)

    refuse(jupyter_client.kernelspec.NoSuchKernel("python3"))
    assert "ipykernel install" in problems(doctor._kernel)[0].remedy
    refuse(RuntimeError("Kernel died before replying to kernel_info"))
    found = problems(doctor._kernel)[0]
    assert "does not start" in found.text
    assert "127.0.0.1" in found.remedy


def test_a_kernel_of_another_python_is_a_problem(monkeypatch, tmp_path):
    venv.create(tmp_path / "other", system_site_packages=False, with_pip=False)
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    python = tmp_path / "other" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    folders = [folder for folder in sys.path if folder.endswith("site-packages")]
    hide = f"import runpy, sys; sys.path += {folders!r}; sys.modules['course_utils'] = None; "
    start = f"{hide}runpy.run_module('ipykernel_launcher', run_name='__main__')"
    spec = {"argv": [str(python), "-c", start, "-f", "{connection_file}"], "display_name": "x", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    found = problems(doctor._kernel)[0]
    assert str(tmp_path / "other") in found.text
    assert "ipykernel install" in found.remedy


def test_a_missing_extension_of_jupyterlab_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setattr(jupyter_core.paths, "jupyter_path", lambda *names: [str(tmp_path)])
    assert [finding.text for finding in problems(doctor._explorers)] == [
        f"JupyterLab's extension {name} is missing" for name in doctor.EXTENSIONS
    ]


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
