"""What the tests of the numerical modules share: images and kernels without any symmetry, and relative distances."""

from __future__ import annotations

import re

import torch

SIZES = [(24, 31), (17, 20), (16, 18), (9, 13)]
KERNEL_SIZES = [(3, 5), (4, 7), (6, 1), (1, 1), (9, 13)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


def random_image(shape, seed=0, dtype=torch.float64):
    return torch.rand(shape, generator=generator(seed), dtype=torch.float64).to(dtype)


def random_kernel(shape, seed=1):
    """Return a kernel of sum 1 with no symmetry, whose transfer function has no zero."""
    k = torch.rand(shape, generator=generator(seed), dtype=torch.float64) / (shape[0] * shape[1])
    k[shape[0] // 2, shape[1] // 2] += 1
    return k / k.sum()


def relative_error(got, expected):
    return ((got - expected).norm() / expected.norm()).item()


def adjoint_error(operator, adjoint, u, v):
    """Return |<Au, v> - <u, Aᵀv>| relative to ‖Au‖ ‖v‖."""
    Au = operator(u)
    return (abs((Au * v).sum() - (u * adjoint(v)).sum()) / (Au.norm() * v.norm())).item()


def raises_naming(pytest, error, argument, call):
    """Check that ``call`` raises ``error`` with a message that begins with the name of the argument."""
    with pytest.raises(error, match=rf"^{re.escape(argument)}(?!\w)"):
        call()
