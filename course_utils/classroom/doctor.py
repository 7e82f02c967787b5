"""Is this machine ready for the lab? One page that says so, with a remedy for each problem."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MEMORY_NEEDED = 2.0  # GB free: what the largest notebook takes
CORES_WANTED = 2
SELF_TEST_SLOW = 10.0  # seconds
REINSTALL = "in the course's folder: python -m pip install --editable ."


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
            yield Finding("problem", examine.__name__.strip("_"), f"{type(error).__name__}: {error}", REINSTALL)


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
    yield Finding("ok", "packages", ", ".join(found))


def _kernel() -> Iterator[Finding]:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        yield Finding("problem", "Jupyter kernel", "python3 is missing", "python -m ipykernel install --sys-prefix")
    else:
        yield Finding("ok", "Jupyter kernel", "python3")


def _data() -> Iterator[Finding]:
    from course_utils.data import REGISTRY, data_folder, fetch

    intact = 0
    for name in REGISTRY:
        try:
            fetch(name)
            intact += 1
        except (FileNotFoundError, ValueError) as error:  # the message names the file and the command that repairs it
            text, _, remedy = str(error).partition(". ")
            yield Finding("problem", f"data {name}", text, remedy)
    yield Finding("ok", "data", f"{intact} of {len(REGISTRY)} files intact in {data_folder()}")


def _memory() -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    text = f"{memory.available / 1e9:.1f} GB free of {memory.total / 1e9:.1f} GB"
    if memory.available >= MEMORY_NEEDED * 1e9:
        yield Finding("ok", "memory", text)
    else:
        remedy = f"close other programs: texture synthesis needs {MEMORY_NEEDED:g} GB"
        yield Finding("problem", "memory", text, remedy)


def _processors() -> Iterator[Finding]:
    import torch

    cores = os.cpu_count() or 1
    status = "ok" if cores >= CORES_WANTED else "note"
    yield Finding(status, "processor", f"{cores} cores, torch uses {torch.get_num_threads()}")
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
            yield Finding("problem", f"folder ({name})", f"{folder} is not writable", "work in a folder of your own")
        else:
            yield Finding("ok", f"folder ({name})", f"{folder} is writable")


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
    _data,
    _memory,
    _processors,
    _folders,
    _self_test,
)
