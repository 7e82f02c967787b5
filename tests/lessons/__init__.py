"""The bank of answers: for each exercise, variants of a right answer and the wrong answers that students write.

One module per notebook, each with ``RIGHT: {exercise: [function, ...]}`` and ``WRONG: {exercise: [(cause, function),
...]}``; two causes that describe a wrong answer equally well are joined by "|".
"""

import importlib
import pkgutil

RIGHT, WRONG = {}, {}
for _module in pkgutil.iter_modules(__path__):
    _bank = importlib.import_module(f"{__name__}.{_module.name}")
    RIGHT |= _bank.RIGHT
    WRONG |= _bank.WRONG
