"""The banks: for each exercise, right answers and the wrong ones that students write; and the explorers' cases.

One module per lesson, with the lesson's name: ``RIGHT: {exercise: [function, ...]}``, ``WRONG: {exercise: [(cause,
function), ...]}`` (two causes that describe a wrong answer equally well are joined by "|"), and ``EXPLORERS: {function:
ExplorerCase}``.
"""

import importlib
import pkgutil

BANKS = {module.name: importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)}
RIGHT, WRONG = {}, {}
for _bank in BANKS.values():
    RIGHT |= _bank.RIGHT
    WRONG |= _bank.WRONG
