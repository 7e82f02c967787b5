"""What a figure was made from: cell, section, seeds and program so far, modules, data, and the numbers it shows."""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nbformat import NotebookNode

OUTSIDE = ("course_utils.checks", "course_utils.explorers", "course_utils.classroom")
NUMBER = re.compile(r"(?P<name>[^\s,;=<>≈]+) *(?P<value>[=<>≈] *[-−]?\d[\w./^{}+-]*(?: dB| %)?)")


@dataclass(frozen=True)
class Place:
    """Where a notebook makes a figure: cell (from 1) and section; of the code so far its seeds, hash and imports."""

    cell: int
    section: str
    seeds: tuple[str, ...]
    code: str
    modules: frozenset[str]


@dataclass(frozen=True)
class Module:
    """A module of the package: the hash of its program, and what it imports from the package."""

    sha: str
    imports: frozenset[str]


def find_figures(notebook: NotebookNode) -> dict[str, Place]:
    """Return where a notebook makes which figure, read from its source without running it."""
    places: dict[str, Place] = {}
    section, code = "", ""
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code":
            code += f"{cell.source}\n"
            for name in _figure_names(cell.source):
                places[name] = Place(number, section, find_seeds(code), program_hash(code), imported_modules(code))
        elif headings := re.findall(r"^##? +(.+?) *$", cell.source, re.MULTILINE):
            section = headings[-1]
    return places


def find_seeds(code: str) -> tuple[str, ...]:
    """Return the seeds that stand in a program, such as "0", "seed = 3", or "seed + k" where they are computed.

    A seed is the argument of ``manual_seed``, an argument called ``seed``, or a constant with that word in its name.
    """
    constants: dict[str, str] = {}
    seeds: dict[str, None] = {}
    for node in ast.walk(_parse(code)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_literal(node.value):
            constants[node.targets[0].id] = ast.unparse(node.value)
    seeds |= {f"{name} = {value}": None for name, value in constants.items() if "seed" in name.lower()}
    for call in (node for node in ast.walk(_parse(code)) if isinstance(node, ast.Call)):
        given = [argument.value for argument in call.keywords if argument.arg and "seed" in argument.arg.lower()]
        if isinstance(call.func, ast.Attribute) and call.func.attr == "manual_seed":
            given += call.args[:1]
        texts = [ast.unparse(value) for value in given]
        seeds |= {f"{text} = {constants[text]}" if text in constants else text: None for text in texts}
    return tuple(seeds)


def read_numbers(texts: Iterable[str]) -> list[dict[str, str]]:
    """Return the numbers that the texts of a figure show: "PSNR" "= 26.71 dB" under the title "Tychonov"."""
    plain = [text.replace("$", "").replace("\\", "") for text in texts]
    return [{"of": text.splitlines()[0], **found.groupdict()} for text in plain for found in NUMBER.finditer(text)]


def read_modules(root: Path) -> dict[str, Module]:
    """Return the modules of the package that a figure can depend on.

    Checks and explorers are none: a figure is made by the course's own solutions, before anything is moved with the
    mouse; nor is the instructor's side.
    """
    modules = {}
    for path in sorted((root / "course_utils").rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        if not name.startswith(OUTSIDE):
            code = path.read_text(encoding="utf-8")
            modules[name] = Module(program_hash(code), imported_modules(code))
    return modules


def imported_modules(code: str) -> frozenset[str]:
    """Return the names that a program imports from the package, modules among them."""
    found: set[str] = set()
    for node in ast.walk(_parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(name for name in found if name.startswith("course_utils."))


def reachable(names: Iterable[str], modules: Mapping[str, Module]) -> list[str]:
    """Return the modules that are imported by one of these names, directly or by each other."""
    found: set[str] = set()
    ahead = set(names)
    while ahead:
        found |= (new := (ahead & modules.keys()) - found)
        ahead = {name for module in new for name in modules[module].imports} - found
    return sorted(found)


def data_hash(root: Path, file: str) -> str:
    """Return the SHA-256 of a file of the data folder, "" where it is missing."""
    path = Path(os.environ.get("COURSE_DATA") or root / "data") / file
    return sha256(path.read_bytes()) if path.is_file() else ""


@cache
def program_hash(code: str) -> str:
    """Return a hash that changes with what a program does, not with its comments, docstrings and line breaks."""
    try:
        program = ast.dump(_WithoutDocstrings().visit(ast.parse(code)))
    except SyntaxError:  # the kernel will say it better, with the cell
        program = code
    return sha256(program.encode())


def sha256(content: bytes) -> str:
    """Return the SHA-256 of ``content`` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class _WithoutDocstrings(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        """Drop an expression that is only a text."""
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node


def _figure_names(source: str) -> list[str]:
    """Return the names in the calls ``slide_figure(figure, "name")`` of a cell."""
    calls = [node for node in ast.walk(_parse(source)) if isinstance(node, ast.Call)]
    arguments = [
        call.args[1] if len(call.args) > 1 else next((word.value for word in call.keywords if word.arg == "name"), None)
        for call in calls
        if getattr(call.func, "id", getattr(call.func, "attr", "")) == "slide_figure"
    ]
    return [node.value for node in arguments if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _is_literal(node: ast.expr) -> bool:
    return not any(isinstance(part, ast.Name | ast.Call) for part in ast.walk(node))


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:  # the kernel will say it better, with the cell
        return ast.Module(body=[], type_ignores=[])
