"""The flat modules on a device without float64 whose tensors do not mix with the CPU's."""

import pytest
import torch
from torch.utils._pytree import tree_flatten, tree_map

from course_utils.operators import Blur
from tests.calls import MODULES, H, W, good_arguments, public
from tests.numerics import random_image
from tests.pretend_device import Mode, Pretended, held, pretended, single

# These draw or make their own tensors, on the device of the generator or on the CPU, for an operator that is there.
ON_THE_CPU = {("operators", "dense_matrix"), ("operators", "dot_test")}
CALLS = [(module, name) for module in MODULES for name in public(module) if (module, name) not in ON_THE_CPU]


def converted(value, convert):
    """Return an argument with its tensors, and those of its operator, converted."""
    if isinstance(value, Blur):
        return Blur(convert(value.kernel), value.shape)
    return tree_map(lambda part: convert(part) if isinstance(part, torch.Tensor) else part, value)


def result(module, name, convert):
    arguments = good_arguments(module, name)
    return public(module)[name](**{key: converted(value, convert) for key, value in arguments.items()})


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("module", "name"), CALLS)
def test_a_function_gives_there_what_it_gives_here(module, name):
    here = result(module, name, single)
    with Mode():
        there = result(module, name, pretended)
    for a, b in zip(tree_flatten(here)[0], tree_flatten(there)[0], strict=True):
        if isinstance(a, torch.Tensor):
            torch.testing.assert_close(held(b), a, rtol=1e-4, atol=1e-4, equal_nan=True)
        elif isinstance(a, float):
            assert b == pytest.approx(a, rel=1e-4, nan_ok=True)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "name", ["Blur", "ZoomOut", "Mask", "Matrix", "FourierSampling", "MRI", "Radon", "Identity", "GaussianMeasurements"]
)
def test_an_operator_works_there(name):
    def run(convert):
        A = result("operators", name, convert)
        u = convert(random_image((2, 4, 5) if name == "Matrix" else (2, H, W)))
        v = A(u)
        return [v, A.adjoint(v), *([A.pinv(v)] if hasattr(A, "pinv") else [])], A.norm()

    here, norm = run(single)
    with Mode():
        there, norm_there = run(pretended)
    assert norm_there == pytest.approx(norm, rel=1e-4)
    for a, b in zip(here, there, strict=True):
        assert isinstance(b, Pretended)
        torch.testing.assert_close(b.held, a, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x + torch.ones(3, 4),
        lambda x: x.double(),
        lambda x: torch.zeros(3, dtype=torch.float64, device=x.device),
        lambda x: x.detach().numpy(),
        lambda x: torch.eye(3) @ x,
    ],
)
def test_the_device_refuses(wrong):
    with Mode(), pytest.raises((RuntimeError, TypeError)):
        wrong(pretended(torch.ones(3, 4)))
