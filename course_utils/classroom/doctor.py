"""Is this machine ready for the lab? One page that says so, with a remedy for each problem."""

from __future__ import annotations

import errno
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MEMORY_NEEDED = 2.0  # GB free: more than the largest notebook takes
DISK_NEEDED = 0.5  # GB free
CORES_WANTED = 2
CGROUP = Path("/sys/fs/cgroup")  # where Linux says what a container may use
KERNEL_PATIENCE = 60.0  # seconds for a kernel to start
# What the explorers need in JupyterLab, with the packages that carry it.
EXTENSIONS = {"@jupyter-widgets/jupyterlab-manager": "jupyterlab-widgets", "anywidget": "anywidget"}
SELF_TEST_SLOW = 10.0  # seconds
ADDRESSES_NEEDED = 12.0  # GB of addresses, which `ulimit -v` limits: torch asks for far more than it fills
REINSTALL = "in the course's folder: python -m pip install --editable ."
UNLIMIT = (
    "in this terminal: ulimit -v unlimited, then start Jupyter from it again; where that is refused, it is the "
    "administrator of this machine who set the limit"
)
REPAIR = re.compile(
    r"(.*)\. ((?:Repair it|Copy|COURSE_DATA is|Unset COURSE_DATA) .*)", re.DOTALL
)  # course_utils.data's


@dataclass(frozen=True)
class Finding:
    """One line of the page: ``status`` is "ok", "note" or "problem"; a problem comes with its remedy."""

    status: str
    subject: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"[{self.status:^7}] {self.subject}: {self.text}"
        return line + (f"\n          -> {self.remedy}" if self.remedy else "")


def examine_machine() -> Iterator[Finding]:
    """Yield what each examination finds; one that crashes is a problem of its own and does not stop the others."""
    for examine in EXAMINATIONS:
        try:
            yield from examine()
        except Exception as error:  # whatever is broken here is what the student needs to read
            subject = examine.__name__.strip("_").replace("_", "-")
            found = REPAIR.fullmatch(str(error))
            yield Finding("problem", subject, found[1] if found else _said(error), _remedy(error))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _remedy(error: Exception) -> str:
    """Return what mends an error: by what it says of the data, the memory, the folders; else to install again."""
    if found := REPAIR.fullmatch(str(error)):
        return found[2]
    text = str(error).lower()
    if isinstance(error, MemoryError) or re.search("alloc|memory|start new thread|map segment", text):
        return UNLIMIT if _address_limit() else "close other programs, and shut other kernels down"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"delete something: {DISK_NEEDED:g} GB are needed"
    if isinstance(error, OSError) and not isinstance(error, ConnectionError) and error.filename:
        return _elsewhere(Path(str(error.filename)))
    return REINSTALL


def _elsewhere(folder: Path) -> str:
    """Return how to work elsewhere than in a folder that cannot be written."""
    from jupyter_core.paths import jupyter_runtime_dir

    set_ = "set" if os.name == "nt" else "export"
    home = "%USERPROFILE%" if os.name == "nt" else "$HOME"
    runtime = Path(jupyter_runtime_dir())
    if folder == runtime or runtime in folder.parents or folder in runtime.parents:
        return f"before Jupyter starts, in the same terminal: {set_} JUPYTER_RUNTIME_DIR={home}/jupyter-runtime"
    if folder == Path(tempfile.gettempdir()):
        return f"before Jupyter starts, in the same terminal: {set_} TMPDIR={home}/tmp, a folder that you make"
    return "work in a folder of your own: cd there, and start Jupyter from it"


def _address_limit() -> float | None:
    """Return the limit of a process's addresses in GB, which `ulimit -v` sets; None where there is none."""
    if sys.platform == "win32":
        return None
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit / 1e9


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield Finding("ok", "Python", f"{version}, {sys.executable}")
    else:
        yield Finding("problem", "Python", f"{version} is not supported", "install Python 3.11, 3.12 or 3.13")


def _packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in importlib.metadata.requires("course-utils") or []]
    found = []
    for requirement in wanted:
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("problem", requirement.name, "not installed", REINSTALL)
            continue
        if requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement.name} {version}")
        else:
            yield Finding("problem", requirement.name, f"{version}, needed: {requirement.specifier}", REINSTALL)
    if found:
        yield Finding("ok", "packages", ", ".join(found))


def _kernel() -> Iterator[Finding]:
    """Start a kernel, as a notebook does, and ask it which Python it is."""
    from jupyter_client.kernelspec import NoSuchKernel
    from jupyter_client.manager import start_new_kernel

    try:
        manager, client = start_new_kernel(KERNEL_PATIENCE, "python3", stderr=subprocess.DEVNULL)
    except NoSuchKernel:
        yield Finding(
            "problem", "Jupyter kernel", "python3 is missing", f"{sys.executable} -m ipykernel install --sys-prefix"
        )
        return
    except RuntimeError as error:
        remedy = UNLIMIT
        if not _address_limit():
            remedy = "look whether a firewall or a security program blocks connections to 127.0.0.1"
        yield Finding("problem", "Jupyter kernel", f"python3 does not start: {error}", remedy)
        return
    try:
        questions = {"prefix": "__import__('sys').prefix", "course": "__import__('course_utils') and None"}
        reply = client.execute("", silent=True, user_expressions=questions, reply=True, timeout=KERNEL_PATIENCE)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    answers = reply["content"]["user_expressions"]
    prefix = answers["prefix"]["data"]["text/plain"].strip("'")
    if answers["course"]["status"] != "ok":
        text = f"python3 is that of {prefix}, which has no course_utils"
        yield Finding("problem", "Jupyter kernel", text, f"{sys.executable} -m ipykernel install --sys-prefix")
    else:
        yield Finding("ok", "Jupyter kernel", f"python3 starts, in {prefix}")


def _explorers() -> Iterator[Finding]:
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    missing = [name for name in EXTENSIONS if not any((folder / name / "package.json").is_file() for folder in folders)]
    for name in missing:
        install = f"{sys.executable} -m pip install --force-reinstall --no-deps {EXTENSIONS[name]}"
        remedy = f"{install}, then start JupyterLab again"
        yield Finding("problem", "explorers", f"JupyterLab's extension {name} is missing", remedy)
    if not missing:
        yield Finding("ok", "explorers", "JupyterLab's extensions are there")


def _data() -> Iterator[Finding]:
    from course_utils.data import REGISTRY, data_folder, fetch

    intact = 0
    for name in REGISTRY:
        try:
            fetch(name)
            intact += 1
        except (OSError, ValueError) as error:  # the message names the file and the command that repairs it
            found = REPAIR.fullmatch(str(error))
            yield Finding("problem", f"data {name}", found[1] if found else _said(error), _remedy(error))
    yield Finding("ok", "data", f"{intact} of {len(REGISTRY)} files intact in {data_folder()}")


def _container_numbers(*files: str) -> list[float] | None:
    """Return the numbers in the first of these files of the container that there is; None where there is no limit."""
    for file in files:
        path = CGROUP / file
        if path.is_file():
            words = path.read_text().split()
            return [float(word) for word in words] if all(word.isdigit() for word in words) else None
    return None


def _memory() -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    free, total, where = memory.available, memory.total, ""
    limit = _container_numbers("memory.max", "memory/memory.limit_in_bytes")
    used = _container_numbers("memory.current", "memory/memory.usage_in_bytes")
    if limit and used and limit[0] < total:
        free, total, where = min(free, limit[0] - used[0]), limit[0], ", the limit of this server"
    text = f"{free / 1e9:.1f} GB free of {total / 1e9:.1f} GB{where}"
    if free >= MEMORY_NEEDED * 1e9:
        yield Finding("ok", "memory", text)
    else:
        remedy = f"close other programs and shut other kernels down: a notebook takes up to {MEMORY_NEEDED:g} GB"
        yield Finding("problem", "memory", text, remedy)


def _addresses() -> Iterator[Finding]:
    limit = _address_limit()
    if limit and limit < ADDRESSES_NEEDED:
        yield Finding("problem", "memory", f"a program may use {limit:.1f} GB of addresses (ulimit -v)", UNLIMIT)


def _cores() -> float:
    """Return how many processors this process may use."""
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    both = _container_numbers("cpu.max") or [
        *(_container_numbers("cpu/cpu.cfs_quota_us") or []),
        *(_container_numbers("cpu/cpu.cfs_period_us") or []),
    ]
    return min(cores, both[0] / both[1]) if len(both) == 2 else cores


def _processors() -> Iterator[Finding]:
    import torch

    cores, threads = _cores(), torch.get_num_threads()
    text = f"{cores:g} cores, torch uses {threads} threads"
    if threads > max(cores, 1):
        remedy = f"set OMP_NUM_THREADS={max(int(cores), 1)} before Jupyter starts: more threads than cores are slow"
        yield Finding("problem", "processor", text, remedy)
    else:
        yield Finding("ok" if cores >= CORES_WANTED else "note", "processor", text)
    if torch.cuda.is_available():
        yield Finding("ok", "GPU", torch.cuda.get_device_name())
    elif torch.backends.mps.is_available():
        yield Finding("ok", "GPU", "Apple (mps); float64 parts run on the processor")
    else:
        yield Finding("ok", "GPU", "none, and none is needed")


def _folders() -> Iterator[Finding]:
    from jupyter_core.paths import jupyter_runtime_dir

    folders = {
        "this folder": Path.cwd(),
        "temporary": Path(tempfile.gettempdir()),
        "Jupyter": Path(jupyter_runtime_dir()),
    }
    for name, folder in folders.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError:
            yield Finding("problem", f"folder ({name})", f"{folder} is not writable", _elsewhere(folder))
        else:
            yield Finding("ok", f"folder ({name})", f"{folder} is writable")
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free < DISK_NEEDED:
        yield Finding("problem", "disk", f"{free:.2f} GB free", f"delete something: {DISK_NEEDED:g} GB are needed")
    else:
        yield Finding("ok", "disk", f"{free:.0f} GB free")


def _self_test() -> Iterator[Finding]:
    import torch

    from course_utils.features import VGGFeatures
    from course_utils.images import load_image
    from course_utils.plotting import plt, show_images
    from course_utils.restoration import tychonov_denoise

    start = time.perf_counter()
    u = tychonov_denoise(load_image("cameraman"), 1.0)
    plt.close(show_images([u]))
    x = torch.full((3, 64, 64), 0.5, requires_grad=True)
    VGGFeatures(weights="vgg16", layers=["pool4"])(x)["pool4"].sum().backward()
    seconds = time.perf_counter() - start
    if x.grad is None or not torch.isfinite(x.grad).all():
        yield Finding("problem", "self-test", "the network gave no finite gradient", REINSTALL)
    elif seconds > SELF_TEST_SLOW:
        yield Finding(
            "note", "self-test", f"passed, but in {seconds:.0f} s", "close other programs; prefer small images"
        )
    else:
        yield Finding("ok", "self-test", f"a picture restored and a network evaluated in {seconds:.1f} s")


EXAMINATIONS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python,
    _packages,
    _kernel,
    _explorers,
    _data,
    _memory,
    _addresses,
    _processors,
    _folders,
    _self_test,
)
