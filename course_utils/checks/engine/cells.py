"""A cell that does not parse, that stops, or that was never run does not stop Run All: its check says what is wrong."""

from __future__ import annotations

import ast
import re
import sys
import traceback
from collections.abc import Callable, Collection
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
STOPPED: dict[str, str] = {}  # exercise -> why its cell stopped after it had defined the function
_CHECKED = re.compile(r"^\s*(?:\w+\s*=\s*)?check\((\w+)\)", re.MULTILINE)


def watch_cells(exercises: Collection[str]) -> None:
    """Let IPython, where this is a notebook, pass every cell through ``mended`` and ``Guard`` before it runs."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None or any(getattr(t, "is_course", False) for t in shell.input_transformers_post):
        return

    def transform(lines: list[str]) -> list[str]:
        return mended("".join(lines), shell.user_ns, exercises).splitlines(keepends=True)

    transform.is_course = True  # type: ignore[attr-defined]
    shell.input_transformers_post.append(transform)
    shell.ast_transformers.append(Guard(shell.user_ns, exercises))


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


class Guard(ast.NodeTransformer):
    """Rewrites a cell that defines an exercise's function so that an error in it is said, and ends the cell only.

    ``scope`` gets a ``Missing`` function where the error came before the function was there.
    """

    def __init__(self, scope: dict[str, Any], exercises: Collection[str]) -> None:
        self.scope, self.exercises = scope, exercises

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Put the statements of the cell into a ``try``; the value of its last expression is shown as before."""
        name = next(
            (found for statement in node.body for found in _defined_by(statement) if found in self.exercises), ""
        )
        if not name or any(_checks(statement) for statement in node.body):
            return node
        STOPPED.pop(name, None)
        self.scope["__course_stopped"] = self._teller(name, self.scope.get(name))
        self.scope["__course_shown"] = sys.displayhook
        if isinstance(last := node.body[-1], ast.Expr):
            last.value = ast.Call(ast.Name("__course_shown", ast.Load()), [last.value], [])
        handler = ast.parse("try: pass\nexcept Exception as error: __course_stopped(error)").body[0]
        assert isinstance(handler, ast.Try)
        handler.body = node.body
        ast.copy_location(handler, node.body[0])
        node.body = [handler]
        return ast.fix_missing_locations(node)

    def _teller(self, name: str, before: Any) -> Callable[[Exception], None]:
        def tell(error: Exception) -> None:
            frames = traceback.extract_tb(error.__traceback__)
            where = f" (line {frames[0].lineno}: {frames[0].line})" if frames and frames[0].line else ""
            text = f"The cell of {name} stops with {type(error).__name__}: {error}{where}."
            if self.scope.get(name) is before:
                self.scope[name] = Missing(name, text, "exception")
            else:
                STOPPED[name] = f"{text} That is after the function, which is checked nevertheless."
            print(text)

        return tell


def _defined_by(statement: ast.stmt) -> list[str]:
    """Return the names that a statement of a cell gives to a function, a class or a value."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _checks(statement: ast.stmt) -> bool:
    """Say whether a statement calls ``check``, whose own errors must reach the grader."""
    value = getattr(statement, "value", None)
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "check"
