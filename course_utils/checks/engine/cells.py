"""A cell with a syntax error, or that was never run, does not stop Run All: its check says what is wrong instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass
class Missing:
    """What stands for a function that its cell did not define."""

    name: str
    message: str
    cause: str = ""

    def __post_init__(self) -> None:
        self.__name__ = self.name

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Refuse to compute."""
        raise NotImplementedError(self.message)


NOT_RUN = "This cell found no function of that name: run the cell above, then this one."
_CHECKED = re.compile(r"^\s*(?:\w+\s*=\s*)?check\((\w+)\)", re.MULTILINE)


def watch_cells(exercises: Collection[str]) -> None:
    """Let IPython, where this is a notebook, pass every cell through ``mended`` before it runs."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None or any(getattr(t, "is_course", False) for t in shell.input_transformers_post):
        return

    def transform(lines: list[str]) -> list[str]:
        return mended("".join(lines), shell.user_ns, exercises).splitlines(keepends=True)

    transform.is_course = True  # type: ignore[attr-defined]
    shell.input_transformers_post.append(transform)


def mended(source: str, scope: dict[str, Any], exercises: Collection[str]) -> str:
    """Return the cell to run: the same, unless it defines an exercise's function and does not parse.

    ``scope`` gets a ``Missing`` function for an exercise whose cell does not parse, or was not run before its check.
    """
    for name in _CHECKED.findall(source):
        if name in exercises and name not in scope:
            scope[name] = Missing(name, NOT_RUN)
    try:
        compile(source, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
        return source
    except SyntaxError as error:
        name = _exercise_in(source, exercises)
        if name is None:
            return source
        text = f"line {error.lineno}: {error.msg}: {(error.text or '').strip()}"
    except ValueError:  # a null character
        return source
    scope[name] = Missing(name, f"The cell of {name} does not parse: {text}", "syntax")
    return f"print({f'{name} does not parse. SyntaxError, {text}'!r})\n"


def _exercise_in(source: str, exercises: Collection[str]) -> str | None:
    """Return the exercise whose function a cell that does not parse would define."""
    defined = re.findall(r"^\s*(?:async\s+)?def\s+(\w+)", source, re.MULTILINE)
    almost = re.findall(r"^\s*\w*\s*\b(\w+)\s*\(.*:\s*(?:#.*)?$", source, re.MULTILINE)
    return next((name for name in [*defined, *almost] if name in exercises), None)
