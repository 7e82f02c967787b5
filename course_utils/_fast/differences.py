"""∇ and ∇ᵀ in place: at 512 x 512 allocating costs as much as computing."""

from __future__ import annotations

import torch
from torch import Tensor


def gradient_into(u: Tensor, out: Tensor) -> Tensor:
    """Write ∇u into ``out``, and return it."""
    # ∂₁u(x, y) = u(x+1, y) - u(x, y), and at the last row u(0, y) - u(x, y)
    torch.sub(u[..., 1:, :], u[..., :-1, :], out=out[0][..., :-1, :])
    torch.sub(u[..., :1, :], u[..., -1:, :], out=out[0][..., -1:, :])
    # ∂₂u(x, y) = u(x, y+1) - u(x, y), and at the last column u(x, 0) - u(x, y)
    torch.sub(u[..., 1:], u[..., :-1], out=out[1][..., :-1])
    torch.sub(u[..., :1], u[..., -1:], out=out[1][..., -1:])
    return out


def add_adjoint(u: Tensor, p: Tensor, weight: float) -> Tensor:
    """Add ``weight`` ∇ᵀp to ``u`` in place, and return it."""
    # ∇ᵀp(x, y) = - p₁(x, y) - p₂(x, y) + p₁(x-1, y) + p₂(x, y-1), periodic
    u.sub_(p[0], alpha=weight).sub_(p[1], alpha=weight)
    u[..., 1:, :].add_(p[0][..., :-1, :], alpha=weight)
    u[..., :1, :].add_(p[0][..., -1:, :], alpha=weight)
    u[..., 1:].add_(p[1][..., :-1], alpha=weight)
    u[..., :1].add_(p[1][..., -1:], alpha=weight)
    return u
