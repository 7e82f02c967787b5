"""The set-up files say the same thing, and the package stays as light as it claims."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
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
