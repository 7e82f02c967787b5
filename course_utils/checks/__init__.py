"""Self-checks of the exercises: one module per notebook, by properties, with a diagnosis."""

import importlib
import pkgutil

from course_utils.checks.engine import EXERCISES, Mistake, Verdict, check, diagnose, hint
from course_utils.checks.engine.cells import watch_cells

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
watch_cells(EXERCISES)

__all__ = ["EXERCISES", "Mistake", "Verdict", "check", "diagnose", "hint"]
