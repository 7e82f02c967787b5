"""Discrete derivatives of an image: forward differences with periodic boundary, their adjoint, the Laplacian."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_image, require_tensor


def gradient(u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "2 *batch H W"]:
    """Return the discrete gradient: ∂₁u(x, y) = u(x+1, y) - u(x, y), ∂₂u(x, y) = u(x, y+1) - u(x, y).

    Parameters
    ----------
    u : Tensor
        Image ``(..., H, W)``; ∂₁ is along dim -2 (rows), ∂₂ along dim -1, both periodic.

    Returns
    -------
    Tensor
        ``(2, ..., H, W)``, the two derivatives stacked in front.

    Raises
    ------
    ValueError, TypeError
        If ``u`` is not a finite floating-point image.

    Notes
    -----
    Slide "Explicit regularizations".
    """
    return _gradient(require_image(u, "u"))


def gradient_adjoint(p: Float[Tensor, "2 *batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Return ∇ᵀp(x, y) = p₁(x-1, y) - p₁(x, y) + p₂(x, y-1) - p₂(x, y), so that <∇u, p> = <u, ∇ᵀp>.

    Parameters
    ----------
    p : Tensor
        Vector field ``(2, ..., H, W)``, periodic.

    Returns
    -------
    Tensor
        ``(..., H, W)``; the discrete divergence is its opposite, div p = -∇ᵀp.

    Raises
    ------
    ValueError, TypeError
        If ``p`` is not a finite floating-point tensor of shape ``(2, ..., H, W)``.

    Notes
    -----
    Slide "Explicit regularizations".
    """
    require_tensor(p, "p")
    if p.ndim < 3 or p.shape[0] != 2 or 0 in p.shape:
        raise ValueError(f"p must be a vector field of shape (2, ..., H, W), got shape {tuple(p.shape)}")
    return _gradient_adjoint(p)


def laplacian(u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Return Δu = -∇ᵀ∇u: the sum of the four neighbours minus four times the pixel, periodic.

    Parameters
    ----------
    u : Tensor
        Image ``(..., H, W)``.

    Returns
    -------
    Tensor
        ``(..., H, W)``.

    Raises
    ------
    ValueError, TypeError
        If ``u`` is not a finite floating-point image.

    Notes
    -----
    Slides "Explicit regularizations" and "Link with an evolution model".
    """
    return -_gradient_adjoint(_gradient(require_image(u, "u")))


# Unchecked versions for the iterations, which have checked their input once. The last two work in place: at 512 x 512
# allocating costs as much as computing. They cannot be differentiated automatically.


def _gradient(u: Tensor) -> Tensor:
    return torch.stack((u.roll(-1, -2) - u, u.roll(-1, -1) - u))


def _gradient_adjoint(p: Tensor) -> Tensor:
    return p[0].roll(1, -2) - p[0] + p[1].roll(1, -1) - p[1]


def _gradient_into(u: Tensor, out: Tensor) -> Tensor:
    """Write ∇u into ``out``, and return it."""
    torch.sub(u[..., 1:, :], u[..., :-1, :], out=out[0][..., :-1, :])
    torch.sub(u[..., :1, :], u[..., -1:, :], out=out[0][..., -1:, :])
    torch.sub(u[..., 1:], u[..., :-1], out=out[1][..., :-1])
    torch.sub(u[..., :1], u[..., -1:], out=out[1][..., -1:])
    return out


def _add_adjoint(u: Tensor, p: Tensor, weight: float) -> Tensor:
    """Add ``weight`` ∇ᵀp to ``u`` in place, and return it."""
    u.sub_(p[0], alpha=weight).sub_(p[1], alpha=weight)
    u[..., 1:, :].add_(p[0][..., :-1, :], alpha=weight)
    u[..., :1, :].add_(p[0][..., -1:, :], alpha=weight)
    u[..., 1:].add_(p[1][..., :-1], alpha=weight)
    u[..., :1].add_(p[1][..., -1:], alpha=weight)
    return u
