"""Regularity of an image, measured on its discrete gradient: Tychonov and total variation."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from course_utils._validation import require_image, require_number
from course_utils.derivatives import _gradient, _gradient_adjoint


def tychonov(u: Float[Tensor, "*batch H W"]) -> Float[Tensor, ""]:
    """Return Tychonov's regularization R(u) = ½ ‖∇u‖².

    Parameters
    ----------
    u : Tensor
        Image ``(..., H, W)``; channels and batch are summed.

    Returns
    -------
    Tensor
        A scalar; its gradient is ∇ᵀ∇u = -Δu.

    Raises
    ------
    ValueError, TypeError
        If ``u`` is not a finite floating-point image.

    Notes
    -----
    Slide "Explicit regularizations"; the ½ is that of the slide that minimizes F.
    """
    return 0.5 * _gradient(require_image(u, "u")).square().sum()


def total_variation(u: Float[Tensor, "*batch H W"]) -> Float[Tensor, ""]:
    """Return TV(u) = Σ ‖∇u(x)‖, the sum over the pixels of √(∂₁u² + ∂₂u²).

    Parameters
    ----------
    u : Tensor
        Image ``(..., H, W)``; each channel has its own total variation, channels and batch are summed.

    Returns
    -------
    Tensor
        A scalar. It is not differentiable where ∇u = 0: see `smoothed_tv`.

    Raises
    ------
    ValueError, TypeError
        If ``u`` is not a finite floating-point image.

    Notes
    -----
    Slide "Explicit regularizations".
    """
    return _gradient(require_image(u, "u")).square().sum(0).sqrt().sum()


def smoothed_tv(u: Float[Tensor, "*batch H W"], eps: float) -> Float[Tensor, ""]:
    """Return TV_ε(u) = Σ √(ε² + ∂₁u² + ∂₂u²).

    Parameters
    ----------
    u : Tensor
        Image ``(..., H, W)``; each channel has its own total variation, channels and batch are summed.
    eps : float
        Smoothing ε > 0, in the unit of the image. A constant image has TV_ε = ε times its number of pixels.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError, TypeError
        If ``u`` is not a finite floating-point image or ``eps`` is not positive.

    Notes
    -----
    Slide "Smoothed total variation".
    """
    require_image(u, "u")
    eps = require_number(eps, "eps", minimum=0.0, strict=True)
    return (_gradient(u).square().sum(0) + eps**2).sqrt().sum()


def smoothed_tv_gradient(u: Float[Tensor, "*batch H W"], eps: float) -> Float[Tensor, "*batch H W"]:
    """Return ∇TV_ε(u) = ∇ᵀ(∇u / √(ε² + ‖∇u‖²)), which is 8/ε-Lipschitz.

    Parameters
    ----------
    u : Tensor
        Image ``(..., H, W)``.
    eps : float
        Smoothing ε > 0, in the unit of the image.

    Returns
    -------
    Tensor
        ``(..., H, W)``.

    Raises
    ------
    ValueError, TypeError
        If ``u`` is not a finite floating-point image or ``eps`` is not positive.

    Notes
    -----
    Slide "Smoothed total variation".
    """
    require_image(u, "u")
    eps = require_number(eps, "eps", minimum=0.0, strict=True)
    p = _gradient(u)
    return _gradient_adjoint(p / (p.square().sum(0) + eps**2).sqrt())
