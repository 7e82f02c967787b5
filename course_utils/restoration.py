"""Restoration of a degraded image: inverse filter, ridge, Tychonov, total variation, pseudo-inverse.

All convolutions are periodic. Images are ``(..., H, W)``: batches and colour channels are restored one by one, except
that one number of iterations holds for all. Results have the precision and the device of the observation. The functions
that work by Fourier filters can be differentiated by autograd, those of total variation return a detached image.

The steps of the iterative methods are checked against 2/L. To go beyond on purpose, call `optim.gradient_descent`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import threshold

from course_utils._validation import require_count, require_image, require_number, require_same_shape, require_tensor
from course_utils.derivatives import _add_adjoint, _gradient, _gradient_adjoint, _gradient_into
from course_utils.fourier import _adjoint_and_square, _half_laplacian, _laplacian_parts
from course_utils.operators import (
    LinearOperator,
    Radon,
    _apply_filter,
    _check_blur,
    _checked_transfer,
    _inverse_transfer,
    _rounding,
)
from course_utils.optim import accelerated_gradient, gradient_descent

Callback = Callable[[int, Tensor], object]

STEP = 1.9  # default step of the gradient descents, in units of 1/L: close to the bound 2/L, where they are fastest
CHECK_EVERY = 10  # iterations between two evaluations of the duality gap, which costs as much as one iteration


def inverse_filter(v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"]) -> Float[Tensor, "*batch H W"]:
    """Return F⁻¹(v_hat / k_hat), which undoes a blur without noise, and makes noise explode.

    Where k_hat is zero up to rounding (|k_hat| <= 10 machine precisions × max|k_hat|) the blur has erased the
    frequency: it is set to 0. The result is always finite, but has no reason to be close to the image.

    Parameters
    ----------
    v : Tensor
        Observation ``(..., H, W)``.
    kernel : Tensor
        ``(h, w)``, any sizes up to the image's, centre at pixel ``(h // 2, w // 2)``.

    Returns
    -------
    Tensor
        ``(..., H, W)``.

    Raises
    ------
    ValueError, TypeError
        If ``v`` or ``kernel`` is not finite floating-point of that rank, if the kernel is larger than the image, or if
        they live on two devices.

    Notes
    -----
    Slide "Inverse problem".
    """
    k_hat = _checked_transfer(v, kernel, "v")
    return _apply_filter(v, _inverse_transfer(k_hat, _rounding(v)))


def pseudo_inverse_deblur(
    v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"], tol: float
) -> Float[Tensor, "*batch H W"]:
    """Return A⁺v for A u = k * u: v_hat / k_hat where |k_hat| > tol max|k_hat|, and 0 elsewhere.

    Parameters
    ----------
    v : Tensor
        Observation ``(..., H, W)``.
    kernel : Tensor
        ``(h, w)``, any sizes up to the image's, centre at pixel ``(h // 2, w // 2)``.
    tol : float
        Threshold relative to max|k_hat|, >= 0: smaller values of |k_hat| count as zero. 0 keeps all but exact zeros.

    Returns
    -------
    Tensor
        ``(..., H, W)``.

    Raises
    ------
    ValueError, TypeError
        As `inverse_filter`, or if ``tol`` is negative.

    Notes
    -----
    Slides "Let us start with zero regularization" and "Gaussian deblurring and pseudo-inverse".
    """
    k_hat = _checked_transfer(v, kernel, "v")
    return _apply_filter(v, _inverse_transfer(k_hat, require_number(tol, "tol", minimum=0.0)))


def ridge_deblur(
    v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"], lam: float
) -> Float[Tensor, "*batch H W"]:
    """Minimize ½‖k * u - v‖² + (λ/2)‖u‖²: u_hat = conj(k_hat) v_hat / (|k_hat|² + λ).

    Parameters
    ----------
    v : Tensor
        Observation ``(..., H, W)``.
    kernel : Tensor
        ``(h, w)``, any sizes up to the image's, centre at pixel ``(h // 2, w // 2)``.
    lam : float
        Weight λ >= 0. λ = 0 is the limit λ → 0: the pseudo-inverse, frequencies that the blur erased are 0.

    Returns
    -------
    Tensor
        ``(..., H, W)``.

    Raises
    ------
    ValueError, TypeError
        As `inverse_filter`, or if ``lam`` is negative.

    Notes
    -----
    Slide "Image restoration by optimization". The lecture writes R(u) = (λ/2)‖u‖² and minimizes ½‖Au - v‖² + λR(u);
    λ must be counted once, as here, for its formula (AᵀA + λI)⁻¹Aᵀv to hold.
    """
    _check_blur(v, kernel, "v")
    return _solve_normal_equations(v, kernel, v.new_tensor(require_number(lam, "lam", minimum=0.0)))


def ridge_path(
    v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"], lams: Sequence[float]
) -> Float[Tensor, "n *batch H W"]:
    """Return the ridge solutions for a sequence of λ, which tend to A⁺v as λ → 0.

    Parameters
    ----------
    v : Tensor
        Observation ``(..., H, W)``.
    kernel : Tensor
        ``(h, w)``, any sizes up to the image's, centre at pixel ``(h // 2, w // 2)``.
    lams : sequence of float
        The n weights λ >= 0, in any order.

    Returns
    -------
    Tensor
        ``(n, ..., H, W)``, one restored image per λ.

    Raises
    ------
    ValueError, TypeError
        As `inverse_filter`, or if ``lams`` is empty or has a negative element.

    Notes
    -----
    Slide "Let us start with zero regularization": A⁺v = lim (AᵀA + λI)⁻¹Aᵀv.
    """
    _check_blur(v, kernel, "v")
    weights = [require_number(lam, f"lams[{i}]", minimum=0.0) for i, lam in enumerate(lams)]
    if not weights:
        raise ValueError("lams must hold at least one weight, got an empty sequence")
    return torch.stack([_solve_normal_equations(v, kernel, v.new_tensor(lam)) for lam in weights])


def tychonov_denoise(v: Float[Tensor, "*batch H W"], lam: float) -> Float[Tensor, "*batch H W"]:
    """Minimize ½‖u - v‖² + (λ/2)‖∇u‖²: u_hat = v_hat / (1 + λ L_hat).

    Parameters
    ----------
    v : Tensor
        Noisy image ``(..., H, W)``.
    lam : float
        Weight λ >= 0.

    Returns
    -------
    Tensor
        ``(..., H, W)``.

    Raises
    ------
    ValueError, TypeError
        If ``v`` is not a finite floating-point image or ``lam`` is negative.

    Notes
    -----
    Slide "Explicit solution: Wiener filtering".
    """
    require_image(v, "v")
    lam = require_number(lam, "lam", minimum=0.0)
    return _apply_filter(v, _half_laplacian(v, lam).add_(1).reciprocal_())


def tychonov_deblur(
    v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"], lam: float
) -> Float[Tensor, "*batch H W"]:
    """Minimize ½‖k * u - v‖² + (λ/2)‖∇u‖²: u_hat = conj(k_hat) v_hat / (|k_hat|² + λ L_hat).

    Where the denominator is zero up to rounding (only possible for λ = 0, or at frequency 0 when the kernel's sum is 0)
    nothing is known of the frequency: it is set to 0.

    Parameters
    ----------
    v : Tensor
        Observation ``(..., H, W)``.
    kernel : Tensor
        ``(h, w)``, any sizes up to the image's, centre at pixel ``(h // 2, w // 2)``.
    lam : float
        Weight λ >= 0.

    Returns
    -------
    Tensor
        ``(..., H, W)``.

    Raises
    ------
    ValueError, TypeError
        As `inverse_filter`, or if ``lam`` is negative.

    Notes
    -----
    Slide "Explicit solution: Wiener filtering", second remark.
    """
    _check_blur(v, kernel, "v")
    rows, columns = _laplacian_parts(v, require_number(lam, "lam", minimum=0.0))
    return _solve_normal_equations(v, kernel, columns.repeat_interleave(2), rows)


def gradient_descent_deblur(
    v: Float[Tensor, "*batch H W"],
    kernel: Float[Tensor, "h w"],
    lam: float,
    n: int,
    tau: float | None = None,
    *,
    callback: Callback | None = None,
) -> Float[Tensor, "*batch H W"]:
    """Minimize F(u) = ½‖k * u - v‖² + (λ/2)‖∇u‖² by gradient descent from u_0 = v; it converges to `tychonov_deblur`.

    ∇F(u) = Aᵀ(Au - v) + λ∇ᵀ∇u, and L = ‖AᵀA + λ∇ᵀ∇‖ = max(|k_hat|² + λ L_hat), at most 1 + 8λ when |k_hat| <= 1.

    Parameters
    ----------
    v : Tensor
        Observation ``(..., H, W)``.
    kernel : Tensor
        ``(h, w)``, any sizes up to the image's, centre at pixel ``(h // 2, w // 2)``.
    lam : float
        Weight λ >= 0.
    n : int
        Number of iterations, >= 0.
    tau : float
        Step, 0 < τ <= 2/L; 1.9/L by default.
    callback : callable
        Called as ``callback(k, u_k)`` for k = 0, ..., n.

    Returns
    -------
    Tensor
        u_n, ``(..., H, W)``.

    Raises
    ------
    ValueError, TypeError
        As `inverse_filter`, or if ``lam`` is negative, ``n`` is not a count or ``tau`` is beyond 2/L.

    Notes
    -----
    Slide "Optimization for inverse problems".
    """
    k_hat = _checked_transfer(v, kernel, "v")
    hessian = k_hat.abs().square() + _half_laplacian(v, require_number(lam, "lam", minimum=0.0))
    back = _apply_filter(v, k_hat.conj())  # Aᵀv
    L = hessian.max().item() or 1.0  # 0 for a kernel that is zero, and then every u is a minimizer

    def gradient(u: Tensor) -> Tensor:
        return _apply_filter(u, hessian) - back  # AᵀA and ∇ᵀ∇ are both diagonal in Fourier

    tau = STEP / L if tau is None else tau
    return gradient_descent(gradient, v, tau, n, lipschitz=L, callback=callback)[0]


def tv_denoise(
    v: Float[Tensor, "*batch H W"], lam: float, eps: float, n: int, *, callback: Callback | None = None
) -> Float[Tensor, "*batch H W"]:
    """Minimize F(u) = ½‖u - v‖² + λ TV_ε(u) by the lecture's gradient descent from u_0 = v.

    The step is 1.9 / (1 + 8λ/ε), just below the bound 2/L; 1 + 8λ/ε bounds the Lipschitz constant from above.

    Parameters
    ----------
    v : Tensor
        Noisy image ``(..., H, W)``.
    lam : float
        Weight λ >= 0.
    eps : float
        Smoothing ε > 0, in the unit of the image. The number of iterations needed grows like λ/ε.
    n : int
        Number of iterations, >= 0.
    callback : callable
        Called as ``callback(k, u_k)`` for k = 0, ..., n.

    Returns
    -------
    Tensor
        u_n, ``(..., H, W)``.

    Raises
    ------
    ValueError, TypeError
        If ``v`` is not a finite floating-point image, ``lam`` is negative, ``eps`` is not positive or ``n`` is not a
        count.

    Notes
    -----
    Slide "Smoothed total variation".
    """
    gradient, L = _tv_problem(v, lam, eps)
    return gradient_descent(gradient, v.detach(), STEP / L, n, lipschitz=L, callback=callback)[0]


def accelerated_tv_denoise(
    v: Float[Tensor, "*batch H W"],
    lam: float,
    eps: float,
    n: int,
    *,
    tol: float = 1e-4,
    callback: Callback | None = None,
) -> Float[Tensor, "*batch H W"]:
    """Minimize F(u) = ½‖u - v‖² + λ TV_ε(u) by Nesterov's accelerated gradient from u_0 = v, with a stopping rule.

    F is 1-strongly convex, so ‖u - u*‖ <= ‖∇F(u)‖. It stops when the root mean square of ∇F is at most ``tol``: the
    result is then guaranteed to be at RMSE <= ``tol`` of the minimizer u*. No ground truth is needed.

    Parameters
    ----------
    v : Tensor
        Noisy image ``(..., H, W)``.
    lam : float
        Weight λ >= 0.
    eps : float
        Smoothing ε > 0, in the unit of the image.
    n : int
        Largest number of iterations, >= 0.
    tol : float
        Accepted RMSE to the minimizer, >= 0, in the unit of the image; 0 runs all n iterations.
    callback : callable
        Called as ``callback(k, u_k)`` for k = 0, 1, ...

    Returns
    -------
    Tensor
        ``(..., H, W)``.

    Raises
    ------
    ValueError, TypeError
        As `tv_denoise`, or if ``tol`` is negative.

    Notes
    -----
    Slide "Smoothed total variation" for F. The method: `optim.accelerated_gradient` with α = 1.
    """
    gradient, L = _tv_problem(v, lam, eps)
    return accelerated_gradient(
        gradient, v.detach(), 1 / L, n, lipschitz=L, strong_convexity=1.0, tol=tol, callback=callback
    )[0]


def tv_deblur(
    v: Float[Tensor, "*batch H W"],
    kernel: Float[Tensor, "h w"],
    lam: float,
    eps: float,
    n: int,
    *,
    tol: float = 0.0,
    callback: Callback | None = None,
) -> Float[Tensor, "*batch H W"]:
    """Minimize F(u) = ½‖k * u - v‖² + λ TV_ε(u) by Nesterov's accelerated gradient from u_0 = v.

    The step is 1/L with L = max|k_hat|² + 8λ/ε.

    Parameters
    ----------
    v : Tensor
        Observation ``(..., H, W)``.
    kernel : Tensor
        ``(h, w)``, any sizes up to the image's, centre at pixel ``(h // 2, w // 2)``.
    lam : float
        Weight λ >= 0.
    eps : float
        Smoothing ε > 0, in the unit of the image.
    n : int
        Largest number of iterations, >= 0.
    tol : float
        It stops when the root mean square of ∇F is at most ``tol``. F need not be strongly convex: unlike that of
        `accelerated_tv_denoise`, this rule guarantees no distance to the minimizer.
    callback : callable
        Called as ``callback(k, u_k)`` for k = 0, 1, ...

    Returns
    -------
    Tensor
        ``(..., H, W)``.

    Raises
    ------
    ValueError, TypeError
        As `tv_denoise` and `inverse_filter`, or if ``tol`` is negative.

    Notes
    -----
    Slides "Optimization for inverse problems" and "Smoothed total variation".
    """
    k_hat = _checked_transfer(v, kernel, "v").detach()
    v = v.detach()
    lam, eps = require_number(lam, "lam", minimum=0.0), require_number(eps, "eps", minimum=0.0, strict=True)
    normal, back = k_hat.abs().square(), _apply_filter(v, k_hat.conj())
    add_tv_gradient = _tv_gradient_adder(v, lam, eps)

    def gradient(u: Tensor) -> Tensor:
        return add_tv_gradient(u, _apply_filter(u, normal).sub_(back))

    L = normal.max().item() + 8 * lam / eps
    return accelerated_gradient(gradient, v, 1 / L, n, lipschitz=L, tol=tol, callback=callback)[0]


def dual_tv_denoise(
    v: Float[Tensor, "*batch H W"],
    lam: float,
    n: int = 1000,
    *,
    tol: float = 0.005,
    callback: Callback | None = None,
) -> Float[Tensor, "*batch H W"]:
    """Minimize F(u) = ½‖u - v‖² + λ TV(u), without smoothing, by accelerated projected gradient on the dual problem.

    u* = v - λ∇ᵀp*, where p* minimizes ½‖v - λ∇ᵀp‖² over the fields with ‖p(x)‖ <= 1. Whatever p, u = v - λ∇ᵀp satisfies
    ‖u - u*‖² <= gap = λ Σ (‖∇u(x)‖ - <∇u(x), p(x)>). It stops when √(gap / pixels) <= ``tol`` for every image of the
    batch: the result is then guaranteed to be at RMSE <= ``tol`` of the minimizer. No ground truth is needed.

    Parameters
    ----------
    v : Tensor
        Noisy image ``(..., H, W)``; float32 is precise enough, and twice as fast.
    lam : float
        Weight λ >= 0.
    n : int
        Largest number of iterations, >= 0.
    tol : float
        Bound on the RMSE to the minimizer, >= 0, in the unit of the image (the distance itself is about a tenth of
        it); 0 runs all n iterations.
    callback : callable
        Called as ``callback(k, u_k)`` each time the gap is evaluated, k = 0, 10, 20, ... and the last one.

    Returns
    -------
    Tensor
        ``(..., H, W)``.

    Raises
    ------
    ValueError, TypeError
        If ``v`` is not a finite floating-point image, ``lam`` or ``tol`` is negative or ``n`` is not a count.

    Notes
    -----
    A. Beck and M. Teboulle (2009), fast gradient projection; TV as on slide "Explicit regularizations", channel by
    channel. The fastest TV denoiser of this module.
    """
    lam, n, tol = _check_dual(v, lam, n, tol)
    v = v.detach()
    u, p, t = torch.empty_like(v), v.new_zeros((2, *v.shape)), 1.0
    q, p_next = p.clone(), torch.empty_like(p)
    step = 1 / (8 * lam) if lam > 0 else 0.0  # the gradient of the dual is -λ∇u, its Lipschitz constant 8λ²
    for k in range(n + 1):
        if _dual_stop(k, n, tol, lam, v, p, (u, p_next), callback):
            break
        _gradient_into(_add_adjoint(u.copy_(v), q, -lam), p_next)
        torch.add(q, p_next, alpha=step, out=p_next)
        _project_on_disks(p_next, scratch=u)
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        torch.lerp(p, p_next, 1 + (t - 1) / t_next, out=q)
        p, p_next, t = p_next, p, t_next
    return _add_adjoint(u.copy_(v), p, -lam)


def chambolle_pock_tv_denoise(
    v: Float[Tensor, "*batch H W"],
    lam: float,
    n: int = 1000,
    *,
    tol: float = 0.005,
    callback: Callback | None = None,
) -> Float[Tensor, "*batch H W"]:
    """Minimize F(u) = ½‖u - v‖² + λ TV(u), without smoothing, by the accelerated primal-dual method.

    p <- projection of p + σ∇u_bar on ‖p(x)‖ <= λ;  u_next = (u + τ(v - ∇ᵀp)) / (1 + τ);  θ = 1/√(1 + 2τ), τ <- θτ,
    σ <- σ/θ;  u_bar = u_next + θ (u_next - u). Stopping rule and guarantee are those of `dual_tv_denoise`.

    Parameters
    ----------
    v : Tensor
        Noisy image ``(..., H, W)``.
    lam : float
        Weight λ >= 0.
    n : int
        Largest number of iterations, >= 0.
    tol : float
        Bound on the RMSE to the minimizer, >= 0, in the unit of the image; 0 runs all n iterations.
    callback : callable
        Called as ``callback(k, u_k)`` each time the gap is evaluated, k = 0, 10, 20, ... and the last one.

    Returns
    -------
    Tensor
        v - ∇ᵀp, ``(..., H, W)``: not the primal iterate u, because this is the image that the guarantee speaks of.

    Raises
    ------
    ValueError, TypeError
        As `dual_tv_denoise`.

    Notes
    -----
    A. Chambolle and T. Pock (2011), algorithm 2.
    """
    lam, n, tol = _check_dual(v, lam, n, tol)
    u = u_bar = v = v.detach()
    p = v.new_zeros((2, *v.shape))
    tau, sigma = 1.0, 1 / 8  # τσ‖∇‖² <= 1
    for k in range(n + 1):
        if _dual_stop(k, n, tol, lam, v, p, (torch.empty_like(v), torch.empty_like(p)), callback):
            break
        p = p + (sigma / lam if lam > 0 else 0) * _gradient(u_bar)  # p is kept divided by λ
        _project_on_disks(p, scratch=torch.empty_like(v))
        u_next = (u + tau * (v - lam * _gradient_adjoint(p))) / (1 + tau)
        theta = 1 / math.sqrt(1 + 2 * tau)
        u_bar = u_next + theta * (u_next - u)
        u, tau, sigma = u_next, theta * tau, sigma / theta
    return v - lam * _gradient_adjoint(p)


def landweber(
    A: LinearOperator,
    v: Float[Tensor, "*observed"],
    tau: float,
    n: int,
    *,
    u0: Float[Tensor, "*image"] | None = None,
    callback: Callback | None = None,
) -> Float[Tensor, "*image"]:
    """Minimize ½‖Au - v‖² by gradient descent, u_{k+1} = u_k - τ Aᵀ(A u_k - v): it converges to A⁺v from u_0 = 0.

    From another u_0 it converges to A⁺v plus the component of u_0 in Ker(A), which no iteration changes.

    Parameters
    ----------
    A : LinearOperator
        With ``A(u)``, ``A.adjoint(v)`` and ``A.norm()``: see `operators`.
    v : Tensor
        Observation.
    tau : float
        Step, 0 < τ <= 2/‖A‖².
    n : int
        Number of iterations, >= 0: with noise, stopping early regularizes.
    u0 : Tensor
        First iterate, 0 by default.
    callback : callable
        Called as ``callback(k, u_k)`` for k = 0, ..., n.

    Returns
    -------
    Tensor
        u_n.

    Raises
    ------
    ValueError, TypeError
        If ``A`` is not such an operator, ``v`` or ``u0`` does not fit it, ``n`` is not a count or ``tau`` is beyond
        2/‖A‖².

    Notes
    -----
    Slide "Let us start with zero regularization"; L. Landweber (1951).
    """
    if not isinstance(A, LinearOperator):
        raise TypeError(f"A must be an operator with A(u), A.adjoint(v) and A.norm(), got {type(A).__name__}")
    back = A.adjoint(require_tensor(v, "v"))
    u0 = torch.zeros_like(back) if u0 is None else require_tensor(u0, "u0")
    require_same_shape(u0, back, ("u0", "A.adjoint(v)"))

    def gradient(u: Tensor) -> Tensor:
        return A.adjoint(A(u) - v)

    return gradient_descent(gradient, u0, tau, n, lipschitz=A.norm() ** 2 or None, callback=callback)[0]


def _solve_normal_equations(v: Tensor, kernel: Tensor, *weights: Tensor) -> Tensor:
    """Return F⁻¹(conj(k_hat) v_hat / (|k_hat|² + Σ weights)), where a frequency whose denominator is 0 is set to 0.

    A denominator is there twice, for the real and the imaginary part side by side; the weights are added to that.
    """
    adjoint, square = _adjoint_and_square(kernel, v)
    u_hat = torch.fft.rfft2(v).mul_(adjoint)
    denominator = square + weights[0]
    for weight in weights[1:]:
        denominator += weight
    bound = kernel.detach().abs().sum().square() + sum(weight.max() for weight in weights)  # of the denominators
    zero = _rounding(v) ** 2 * bound.item()
    if denominator.amin() <= zero:
        threshold(denominator, zero, math.inf, inplace=True)  # infinite where it is 0 up to rounding
    torch.view_as_real(u_hat).flatten(-2).div_(denominator)  # a third of the time of a complex division
    del denominator  # like the next line's spectrum: memory used again is still in the processor's cache
    u_hat = torch.fft.ifft(u_hat, dim=-2)
    return torch.fft.irfft(u_hat, n=v.shape[-1])


def _tv_problem(v: Tensor, lam: float, eps: float) -> tuple[Callable[[Tensor], Tensor], float]:
    """Return ∇F and the bound L = 1 + 8λ/ε for F(u) = ½‖u - v‖² + λ TV_ε(u)."""
    v = require_image(v, "v").detach()
    lam, eps = require_number(lam, "lam", minimum=0.0), require_number(eps, "eps", minimum=0.0, strict=True)
    add_tv_gradient = _tv_gradient_adder(v, lam, eps)
    return lambda u: add_tv_gradient(u, u - v), 1 + 8 * lam / eps


def _tv_gradient_adder(v: Tensor, lam: float, eps: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the function (u, g) -> g + λ∇TV_ε(u), added to g in place with two buffers allocated once."""
    p, q = v.new_empty((2, *v.shape)), torch.empty_like(v)

    def add(u: Tensor, g: Tensor) -> Tensor:
        _gradient_into(u, p)
        torch.mul(p[0], p[0], out=q).addcmul_(p[1], p[1]).add_(eps**2).rsqrt_()
        return _add_adjoint(g, p.mul_(q), lam)

    return add


def _check_dual(v: Tensor, lam: float, n: int, tol: float) -> tuple[float, int, float]:
    require_image(v, "v")
    lam, n = require_number(lam, "lam", minimum=0.0), require_count(n, "n", 0)
    return lam, n, require_number(tol, "tol", minimum=0.0)


def _dual_stop(
    k: int,
    n: int,
    tol: float,
    lam: float,
    v: Tensor,
    p: Tensor,
    scratch: tuple[Tensor, Tensor],
    callback: Callback | None,
) -> bool:
    """Say whether to stop at iteration ``k``, with the dual field λp; look every 10 iterations only."""
    if k < n and k % CHECK_EVERY:
        return False
    u, g = scratch
    _add_adjoint(u.copy_(v), p, -lam)
    if callback is not None:
        callback(k, u.clone())
    if k in (0, n) or tol == 0:
        return k == n
    _gradient_into(u, g)
    gap = torch.mul(g[0], g[0], out=u).addcmul_(g[1], g[1]).sqrt_()
    gap.addcmul_(g[0], p[0], value=-1).addcmul_(g[1], p[1], value=-1)  # ‖∇u‖ - <∇u, p>, nonnegative
    return lam * gap.mean((-2, -1)).max().item() <= tol**2


def _project_on_disks(p: Tensor, scratch: Tensor) -> None:
    """Replace each vector p(x) by its projection on the unit disk, in place: division by max(1, ‖p(x)‖)."""
    torch.mul(p[0], p[0], out=scratch).addcmul_(p[1], p[1])
    p.mul_(scratch.clamp_(min=1).rsqrt_())


def filtered_backprojection(
    sinogram: Float[Tensor, "*batch n D"], angles: Float[Tensor, " n"]
) -> Float[Tensor, "*batch D D"]:
    """Return (π/n) Rᵀ(F⁻¹(|ω| F sinogram)): each row filtered by the ramp |ω|, then backprojected.

    It inverts `Radon` in the limit of many equally spaced angles (degrees, over 180°). Rows are padded with zeros to
    2D cells, so that the filter does not wrap around.  Slide "Classical Inverse Problems", computed tomography.
    """
    require_image(sinogram, "sinogram")
    if len(angles) != sinogram.shape[-2]:
        raise ValueError(
            f"angles must be one for each of the {sinogram.shape[-2]} rows of the sinogram, got {len(angles)}"
        )
    D = sinogram.shape[-1]
    ramp = torch.fft.rfftfreq(2 * D, dtype=sinogram.dtype, device=sinogram.device)  # |ω|, cycles per cell
    filtered = torch.fft.irfft(ramp * torch.fft.rfft(sinogram, n=2 * D), n=2 * D)[..., :D]
    return torch.pi / len(angles) * Radon(angles, (D, D)).adjoint(filtered)


def poisson_fit(u: Float[Tensor, "*shape"], v: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Return Σ u − v log u, the negative log-likelihood of the counts v ~ Poisson(u) up to a constant.

    ``u`` >= 0 is the expected number of photons of each pixel, ``v`` >= 0 the number counted; 0 log 0 = 0, and the
    result is infinite where u = 0 but v > 0.  Slide "Inverse Problems", Poisson noise.
    """
    for value, name in ((u, "u"), (v, "v")):
        if (require_tensor(value, name) < 0).any():
            raise ValueError(f"{name} must be nonnegative, its least value is {value.min():g}")
    require_same_shape(u, v, ("u", "v"))
    return (u - torch.xlogy(v, u)).sum()
