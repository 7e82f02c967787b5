"""Discrete derivatives of an image: forward differences with periodic boundary, their adjoint, the Laplacian."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_image, require_tensor


def gradient(u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "2 *batch H W"]:
    """Return ∇u: ∂₁u(x, y) = u(x+1, y) - u(x, y) and ∂₂u(x, y) = u(x, y+1) - u(x, y), stacked in front.

    Slide "Explicit Regularizations".

    >>> gradient(torch.tensor([[0.0, 1.0, 4.0], [2.0, 2.0, 2.0]]))
    tensor([[[ 2.,  1., -2.],
             [-2., -1.,  2.]],
    <BLANKLINE>
            [[ 1.,  3., -4.],
             [ 0.,  0.,  0.]]])
    """
    return _gradient(require_image(u, "u"))


def gradient_adjoint(p: Float[Tensor, "2 *batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Return ∇ᵀp(x, y) = p₁(x-1, y) - p₁(x, y) + p₂(x, y-1) - p₂(x, y), so that <∇u, p> = <u, ∇ᵀp>.

    The discrete divergence is its opposite, div p = -∇ᵀp. Slide "Explicit Regularizations".
    """
    require_tensor(p, "p")
    if p.ndim < 3 or p.shape[0] != 2 or 0 in p.shape:
        raise ValueError(f"p must be a vector field of shape (2, ..., H, W), got shape {tuple(p.shape)}")
    return _gradient_adjoint(p)


def laplacian(u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Return Δu = -∇ᵀ∇u: the sum of the four neighbours minus four times the pixel.

    Slides "Explicit Regularizations" and "Link with an evolution model".
    """
    return -_gradient_adjoint(_gradient(require_image(u, "u")))


# Unchecked versions for the iterations, which have checked their input once; in place they are in `_fast.differences`.


def _gradient(u: Tensor) -> Tensor:
    return torch.stack((u.roll(-1, -2) - u, u.roll(-1, -1) - u))


def _gradient_adjoint(p: Tensor) -> Tensor:
    return p[0].roll(1, -2) - p[0] + p[1].roll(1, -1) - p[1]
