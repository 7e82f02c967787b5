"""The set-up files say the same thing, and the package stays as light as it claims."""

import ast
import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import course_utils
from course_utils.classroom import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}
# Small packages that are wheels on every system are left to pip.
BY_PIP = {"jaxtyping", "packaging", "pooch", "psutil", "safetensors", "tqdm", "typer"}


def test_environment_yml_has_the_ranges_of_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [line for line in environment["dependencies"] if isinstance(line, str)]
    pip = next(line["pip"] for line in environment["dependencies"] if isinstance(line, dict))
    python = next(line for line in conda if line.startswith("python="))
    assert python.removeprefix("python=") in SpecifierSet(PROJECT["requires-python"])
    expected = [python]
    for requirement in PROJECT["dependencies"]:
        name, limits = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
        if name not in BY_PIP:
            expected.append(CONDA_NAMES.get(name, name) + limits)
    assert sorted(conda) == sorted([*expected, "pip"])
    assert pip == ["--editable .[student]"]
    assert environment["channels"] == ["conda-forge"]


def test_every_dependency_says_its_lowest_version():  # without, `make lowest` would take the first ever
    extras = PROJECT["optional-dependencies"]
    for line in itertools.chain(PROJECT["dependencies"], *extras.values()):
        requirement = Requirement(line)
        if requirement.name == PROJECT["name"]:
            assert requirement.extras <= extras.keys()
        else:
            assert [limit.operator for limit in requirement.specifier] in ([">="], ["=="]), line


@pytest.mark.parametrize("file", ["pyproject.toml", "environment.yml", "Makefile", ".pre-commit-config.yaml"])
def test_no_index_address_is_written_into_the_project(file):
    assert not re.search(r"https?://\S*(index|whl|simple)", (ROOT / file).read_text())


def test_citation_and_package_agree_on_the_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == course_utils.__version__
    assert " AND ".join(citation["license"]) == PROJECT["license"]


def test_helpers_and_notebooks_import_neither_torchvision_nor_scikit_image():
    flat = [path.stem for path in (ROOT / "course_utils").glob("*.py") if path.stem != "__init__"]
    code = "import sys\n" + "".join(f"import course_utils.{name}\n" for name in flat)
    for source in sorted((ROOT / "notebooks" / "src").glob("*.py")):
        found = [
            node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert found, source.name
        code += "".join(f"{ast.unparse(node)}\n" for node in found)
    code += "print(*sorted({'torchvision', 'skimage', 'scipy', 'deepinv', 'nbgrader'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_flat_modules_import_neither_checks_nor_classroom():
    for path in (ROOT / "course_utils").glob("*.py"):
        assert not re.search(r"course_utils[. ]+(import )?(checks|classroom)", path.read_text()), path.name


def test_nothing_names_a_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    pattern = re.compile(r"(?<![\w.])/(root|home|Users)/\w")
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yml", ".json", ".ipynb"} and path.name != Path(__file__).name:
            assert not pattern.search(path.read_text(encoding="utf-8")), name


@pytest.fixture
def checkout(tmp_path):
    """Return the environment's folder in a checkout, and the function that calls `make` there, without network."""
    if sys.platform == "win32" or not shutil.which("make"):
        pytest.skip("make is needed")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)

    def make(target, python=sys.executable):
        environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        command = ["make", target, f"PYTHON={python}"]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return tmp_path / ".venv", make


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_an_environment_without_pip_is_made_again_and_one_that_works_is_kept(checkout, tmp_path):
    folder, make = checkout
    program(folder / "bin" / "python", "exit 1")  # what a kill leaves: pip comes last
    calls = f'echo "$@" >> "{tmp_path}/calls"; printf "#!/bin/sh\\n" > .venv/bin/python'
    python = program(tmp_path / "python", f'[ "$1" = -c ] || {{ {calls}; }}')
    assert make(".venv/venv.stamp", python).returncode == 0
    (folder / "venv.stamp").unlink()
    assert make(".venv/venv.stamp", python).returncode == 0
    assert (tmp_path / "calls").read_text() == "-m venv --clear .venv\n"


@pytest.mark.slow
def test_what_a_killed_set_up_leaves_is_mended(checkout):
    folder, make = checkout
    venv.create(folder, with_pip=False)
    run = make(".venv/venv.stamp")
    assert run.returncode == 0, run.stderr
    assert subprocess.run([folder / "bin" / "python", "-m", "pip", "--version"]).returncode == 0
    packages = next(folder.glob("lib/python3*/site-packages"))
    whole, half = packages / "whole-1.dist-info", packages / "half-1.dist-info"
    for info in (whole, half):
        info.mkdir()
        (info / "METADATA").touch()
    (whole / "RECORD").touch()
    assert make(".venv/lab.stamp").returncode != 0  # nothing can be installed here
    assert whole.exists()
    assert not half.exists()
