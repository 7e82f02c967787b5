"""Each argument of every public function, replaced by what it must not be: a result, or an error that names it."""

import contextlib
import io
import math
import re
import warnings

import matplotlib.pyplot as plt
import pytest
import torch
from torch import Tensor

from tests.calls import MODULES, good_arguments, public

OTHER_NAMES = {  # what a message may call an argument that has parts
    "model": "mean|eigenvectors|eigenvalues",
    "A": "A.adjoint",
    "images": "u",
    "curves": "x",
}
# Outcomes that are neither a result nor an error that names the argument: only ever fewer.
HELD = {
    "operators": 4,  # where two arguments do not fit together, the message begins with the other one
    "restoration": 3,  # the same
}


def bad_values(good):
    """Return what to put in the place of a good value, by what it is."""
    yield "None", None
    yield "text", "text"
    yield "empty", torch.empty(0)
    if isinstance(good, Tensor):
        yield "wrong shape", torch.ones(7, dtype=good.dtype)
        yield "one size more", torch.nn.functional.pad(good, (0, 1)) if good.ndim else good
        yield "batch", good.expand(2, 2, *good.shape)
        yield "scalar", good.flatten()[0]
        yield "integers", (3 * good.abs() if good.dtype != torch.bool else good).long()
        yield "half", good.to(torch.float16) if not good.is_complex() else good
        yield "other dtype", good.to(torch.float32) if not good.is_complex() else good.to(torch.complex64)
        yield "complex", good.to(torch.complex128)
        yield "list", good.tolist()
        if good.is_floating_point():
            yield "NaN", good * math.nan
            yield "infinite", good / 0
    else:
        yield from (("NaN", math.nan), ("infinite", math.inf), ("-1", -1), ("0", 0), ("half", 2.5))
        yield "tensor", torch.ones(3)
        yield "pair", (0, 3)
        yield "true", True


def outcome(function, arguments, bad):
    """Return "" for a result or an error that names the argument ``bad``, else what came."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            function(**arguments)
        except FileNotFoundError:
            return ""
        except (ValueError, TypeError) as error:
            names = "|".join(filter(None, [re.escape(bad), OTHER_NAMES.get(bad)]))
            named = re.search(rf"(?<!\w)({names})(?!\w)", str(error))
            return "" if named else f"{type(error).__name__}, not named: {str(error)[:90]}"
        except Exception as error:
            return f"{type(error).__name__}: {str(error)[:90]}"
        finally:
            plt.close("all")
    return ""


def faults(module):
    """Return a line for each bad call of a module that ended neither in a result nor in an error that names it."""
    found = []
    for name, function in public(module).items():
        for argument, good in good_arguments(module, name).items():
            for kind, value in bad_values(good):
                said = outcome(function, good_arguments(module, name) | {argument: value}, argument)
                if said:
                    found.append(f"{module}.{name}({argument} = {kind}): {said}")
    return found


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("module", MODULES)
def test_good_calls_end_in_a_result(module):
    for name, function in public(module).items():
        arguments = good_arguments(module, name)
        assert outcome(function, arguments, "nothing") == "", name


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("module", MODULES)
def test_a_bad_call_is_refused_by_the_name_of_its_argument(module):
    found = faults(module)
    assert len(found) <= HELD.get(module, 0), "\n".join(found)


def test_the_generator_finds_what_it_looks_for():
    def careless(u):
        return u.shape[-2] // 0 if u is not None else math.sqrt(-1)

    assert outcome(careless, {"u": torch.ones(2, 2)}, "u").startswith("ZeroDivisionError")
    assert outcome(careless, {"u": None}, "u").startswith("ValueError, not named")
    assert outcome(careless, {"u": torch.ones(2)}, "u").startswith("IndexError")


def test_what_is_held_stays_under_a_hundred():
    assert sum(HELD.values()) < 100
