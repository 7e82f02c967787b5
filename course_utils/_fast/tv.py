"""Total variation in place: its smoothed gradient, and the dual iteration of its exact denoiser."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils._fast.differences import add_adjoint, gradient_into

CHECK_EVERY = 10  # iterations between two evaluations of the duality gap, which costs as much as one iteration


def tv_gradient_adder(v: Tensor, lam: float, eps: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the function (u, g) -> g + λ∇TV_ε(u), added to g in place with two buffers allocated once."""
    p, q = v.new_empty((2, *v.shape)), torch.empty_like(v)

    def add(u: Tensor, g: Tensor) -> Tensor:
        # g + λ∇ᵀ(∇u / √(ε² + ‖∇u‖²))
        gradient_into(u, p)
        torch.mul(p[0], p[0], out=q).addcmul_(p[1], p[1]).add_(eps**2).rsqrt_()
        return add_adjoint(g, p.mul_(q), lam)

    return add


def dual_tv(v: Tensor, lam: float, n: int, tol: float, callback: Callable[[int, Tensor], object] | None) -> Tensor:
    """Return v - λ∇ᵀp after n iterations on the dual field p, or as soon as its gap says that it is at ``tol``."""
    u, p, t = torch.empty_like(v), v.new_zeros((2, *v.shape)), 1.0
    q, p_next = p.clone(), torch.empty_like(p)
    step = 1 / (8 * lam) if lam > 0 else 0.0  # the gradient of the dual is -λ∇u, its Lipschitz constant 8λ²
    for k in range(n + 1):
        if k == n or k % CHECK_EVERY == 0:
            # u = v - λ∇ᵀp
            add_adjoint(u.copy_(v), p, -lam)
            if callback is not None:
                callback(k, u.clone())
            if k == n or (k > 0 and tol > 0 and _largest_gap(u, p, lam, p_next) <= tol**2):
                break
        # p_next = projection of q + τ∇(v - λ∇ᵀq) on ‖p(x)‖ <= 1
        gradient_into(add_adjoint(u.copy_(v), q, -lam), p_next)
        torch.add(q, p_next, alpha=step, out=p_next)
        project_on_disks(p_next, scratch=u)
        # t_next = (1 + √(1 + 4t²)) / 2,  q = p_next + (t - 1)/t_next (p_next - p)
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        torch.lerp(p, p_next, 1 + (t - 1) / t_next, out=q)
        p, p_next, t = p_next, p, t_next
    return u


def project_on_disks(p: Tensor, scratch: Tensor) -> None:
    """Replace each vector p(x) by its projection on the unit disk, in place."""
    # p(x) / max(1, ‖p(x)‖)
    torch.mul(p[0], p[0], out=scratch).addcmul_(p[1], p[1])
    p.mul_(scratch.clamp_(min=1).rsqrt_())


def _largest_gap(u: Tensor, p: Tensor, lam: float, scratch: Tensor) -> float:
    """Return the duality gap per pixel, the largest over the images of a batch."""
    # λ Σ (‖∇u(x)‖ - <∇u(x), p(x)>), each term nonnegative
    g = gradient_into(u, scratch)
    gap = torch.mul(g[0], g[0]).addcmul_(g[1], g[1]).sqrt_()
    gap.addcmul_(g[0], p[0], value=-1).addcmul_(g[1], p[1], value=-1)
    return lam * gap.mean((-2, -1)).max().item()
