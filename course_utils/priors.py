"""Regularity of an image, measured on its discrete gradient: Tychonov and total variation."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_image, require_number
from course_utils.derivatives import _gradient, _gradient_adjoint


def tychonov(u: Float[Tensor, "*batch H W"]) -> Float[Tensor, ""]:
    """Return Tychonov's regularization R(u) = ½ ‖∇u‖², summed over channels and batch; its gradient is -Δu.

    Slide "Explicit Regularizations"; the ½ is that of the slide that minimizes F.
    """
    return 0.5 * _gradient(require_image(u, "u")).square().sum()


def smoothed_tv(u: Float[Tensor, "*batch H W"], eps: float) -> Float[Tensor, ""]:
    """Return TV_ε(u) = Σ √(ε² + ∂₁u² + ∂₂u²), each channel by itself, summed over channels and batch.

    A constant image has TV_ε = ε times its number of pixels. Slide "Smoothed Total Variation".

    >>> import torch
    >>> u = torch.zeros(3, 4)
    >>> u[1, 1:3] = 1.0
    >>> smoothed_tv(u, 1e-6)
    tensor(5.4142)
    """
    require_image(u, "u")
    eps = require_number(eps, "eps", minimum=0.0, strict=True)
    return (_gradient(u).square().sum(0) + eps**2).sqrt().sum()


def smoothed_tv_gradient(u: Float[Tensor, "*batch H W"], eps: float) -> Float[Tensor, "*batch H W"]:
    """Return ∇TV_ε(u) = ∇ᵀ(∇u / √(ε² + ‖∇u‖²)), which is 8/ε-Lipschitz. Slide "Smoothed Total Variation"."""
    require_image(u, "u")
    eps = require_number(eps, "eps", minimum=0.0, strict=True)
    p = _gradient(u)
    return _gradient_adjoint(p / (p.square().sum(0) + eps**2).sqrt())
