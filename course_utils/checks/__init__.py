"""Self-checks of the exercises: one module per notebook, by properties, with a diagnosis."""

import importlib
import pkgutil

from course_utils.checks.engine import EXERCISES, Mistake, Verdict, check, diagnose, hint

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["EXERCISES", "Mistake", "Verdict", "check", "diagnose", "hint"]
