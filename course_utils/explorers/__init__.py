"""Explorers, one module per lesson: interactive pictures, each beside the plain function that draws the same."""

import importlib
import pkgutil


def lessons_with_explorers() -> list[str]:
    """Import the explorers of all lessons, which registers them in `base.EXPLORERS`; return the lessons' names."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if module.name != "base"]
    for name in names:
        importlib.import_module(f"{__name__}.{name}")
    return names
