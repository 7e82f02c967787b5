"""Restoration of a degraded image: inverse filter, ridge, Tychonov, total variation, pseudo-inverse, inpainting.

Batches and colour channels are restored one by one, except that one number of iterations holds for all. The functions
that work by Fourier filters can be differentiated by autograd, those of total variation return a detached image.
The steps of the iterative methods are checked against 2/L. To go beyond on purpose, call `optim.gradient_descent`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Inexact
from torch import Tensor

from course_utils._fast.spectra import apply_filter, half_laplacian
from course_utils._fast.tv import dual_tv, tv_gradient_adder
from course_utils._validation import (
    require_callable,
    require_count,
    require_image,
    require_number,
    require_observation,
    require_same_device,
    require_same_shape,
    require_tensor,
)
from course_utils.derivatives import laplacian
from course_utils.operators import (
    LinearOperator,
    Mask,
    Radon,
    _checked_transfer,
    _inverse_transfer,
    _rounding,
    blur,
    blur_adjoint,
)
from course_utils.optim import Callback, accelerated_gradient, gradient_descent, projected_gradient

STEP = 1.9  # default step of the gradient descents, in units of 1/L: close to the bound 2/L, where they are fastest


def inverse_filter(v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"]) -> Float[Tensor, "*batch H W"]:
    """Return F⁻¹(v_hat / k_hat), which undoes a blur without noise, and makes noise explode.

    Where k_hat is zero up to rounding (|k_hat| <= 10 machine precisions × max|k_hat|) the blur has erased the
    frequency: it is set to 0. The result is always finite, but has no reason to be close to the image.
    Slide "Inverse problem".
    """
    k_hat = _checked_transfer(v, kernel, "v")
    return apply_filter(v, _inverse_transfer(k_hat, _rounding(v)))


def pseudo_inverse_deblur(
    v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"], tol: float
) -> Float[Tensor, "*batch H W"]:
    """Return A⁺v for A u = k * u: v_hat / k_hat where |k_hat| > tol max|k_hat|, and 0 elsewhere.

    ``tol`` = 0 keeps all but exact zeros.
    Slides "Let us start with zero regularization!" and "Gaussian deblurring and pseudo-inverse".
    """
    k_hat = _checked_transfer(v, kernel, "v")
    return apply_filter(v, _inverse_transfer(k_hat, require_number(tol, "tol", minimum=0.0)))


def ridge_deblur(
    v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"], lam: float
) -> Float[Tensor, "*batch H W"]:
    """Minimize ½‖k * u - v‖² + (λ/2)‖u‖²: u_hat = conj(k_hat) v_hat / (|k_hat|² + λ).

    λ = 0 is the limit λ → 0: the pseudo-inverse, frequencies that the blur erased are 0.
    Slide "Image Restoration by Optimization". The lecture writes R(u) = (λ/2)‖u‖² and minimizes ½‖Au - v‖² + λR(u);
    λ must be counted once, as here, for its formula (AᵀA + λI)⁻¹Aᵀv to hold.
    """
    k_hat = _checked_transfer(v, kernel, "v")
    return _solve_normal_equations(v, k_hat, require_number(lam, "lam", minimum=0.0))


def ridge_path(
    v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"], lams: Sequence[float]
) -> Float[Tensor, "n *batch H W"]:
    """Return the ridge solutions for a sequence of λ, stacked in its order; they tend to A⁺v as λ → 0.

    Slide "Let us start with zero regularization!": A⁺v = lim (AᵀA + λI)⁻¹Aᵀv.
    """
    k_hat = _checked_transfer(v, kernel, "v")
    if not isinstance(lams, Sequence) or isinstance(lams, str) or not lams:
        raise ValueError(f"lams must be a sequence of at least one weight, got {lams!r}")
    weights = [require_number(lam, f"lams[{i}]", minimum=0.0) for i, lam in enumerate(lams)]
    return torch.stack([_solve_normal_equations(v, k_hat, lam) for lam in weights])


def tychonov_denoise(v: Float[Tensor, "*batch H W"], lam: float) -> Float[Tensor, "*batch H W"]:
    """Minimize ½‖u - v‖² + (λ/2)‖∇u‖²: u_hat = v_hat / (1 + λ L_hat).

    Slide "Explicit Solution: Wiener filtering".

    >>> tychonov_denoise(torch.tensor([[0.0, 1.0, 0.0, 1.0]]), lam=1.0)
    tensor([[0.4000, 0.6000, 0.4000, 0.6000]])
    """
    require_image(v, "v")
    return apply_filter(v, 1 / (1 + half_laplacian(v, require_number(lam, "lam", minimum=0.0))))


def tychonov_deblur(
    v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"], lam: float
) -> Float[Tensor, "*batch H W"]:
    """Minimize ½‖k * u - v‖² + (λ/2)‖∇u‖²: u_hat = conj(k_hat) v_hat / (|k_hat|² + λ L_hat).

    Where the denominator is zero up to rounding (only possible for λ = 0, or at frequency 0 when the kernel's sum is 0)
    nothing is known of the frequency: it is set to 0. Slide "Explicit Solution: Wiener filtering", second remark.

    >>> from course_utils.operators import blur
    >>> u = torch.rand(24, 31, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> kernel = torch.tensor([[0.1, 0.2, 0.1], [0.0, 0.6, 0.0]], dtype=torch.float64)
    >>> bool((tychonov_deblur(blur(u, kernel), kernel, lam=0.0) - u).abs().max() < 1e-12)
    True
    """
    k_hat = _checked_transfer(v, kernel, "v")
    return _solve_normal_equations(v, k_hat, half_laplacian(v, require_number(lam, "lam", minimum=0.0)))


def gradient_descent_deblur(
    v: Float[Tensor, "*batch H W"],
    kernel: Float[Tensor, "h w"],
    lam: float,
    n: int,
) -> Float[Tensor, "*batch H W"]:
    """Minimize F(u) = ½‖k * u - v‖² + (λ/2)‖∇u‖² by gradient descent from u_0 = v, in place of the closed form.

    The step is 1.9/L, just below the bound 2/L, with L = max(|k_hat|² + λ L_hat).
    Slide "Optimization for Inverse Problems".
    """
    k_hat = _checked_transfer(v, kernel, "v")
    hessian = k_hat.abs().square() + half_laplacian(v, require_number(lam, "lam", minimum=0.0))
    back = apply_filter(v, k_hat.conj())  # Aᵀv
    L = hessian.max().item() or 1.0  # 0 for a kernel that is zero, and then every u is a minimizer

    def gradient(u: Tensor) -> Tensor:
        return apply_filter(u, hessian) - back  # AᵀA and ∇ᵀ∇ are both diagonal in Fourier

    return gradient_descent(gradient, v, STEP / L, n, lipschitz=L)[0]


def tv_denoise(
    v: Float[Tensor, "*batch H W"], lam: float, eps: float, n: int, *, callback: Callback | None = None
) -> Float[Tensor, "*batch H W"]:
    """Minimize F(u) = ½‖u - v‖² + λ TV_ε(u) by the lecture's gradient descent from u_0 = v.

    The step is 1.9 / (1 + 8λ/ε), just below the bound 2/L; 1 + 8λ/ε bounds the Lipschitz constant from above. The
    number of iterations needed grows like λ/ε. Slide "Smoothed Total Variation".

    >>> v = torch.tensor([[0.0, 0.1, 0.0, 0.1, 0.9, 1.0, 0.9, 1.0]])
    >>> tv_denoise(v, lam=0.1, eps=1e-3, n=3000).round(decimals=2)
    tensor([[0.1000, 0.1000, 0.1000, 0.1000, 0.9000, 0.9000, 0.9000, 0.9000]])
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
    """Minimize F(u) = ½‖u - v‖² + λ TV_ε(u) by Nesterov's accelerated gradient from u_0 = v, at most n iterations.

    F is 1-strongly convex, so ‖u - u*‖ <= ‖∇F(u)‖. It stops when the root mean square of ∇F is at most ``tol``: the
    result is then guaranteed to be at RMSE <= ``tol`` of the minimizer u*. No ground truth is needed; ``tol`` = 0 runs
    all n iterations. Slide "Smoothed Total Variation" for F; the method is `optim.accelerated_gradient` with α = 1.
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
) -> Float[Tensor, "*batch H W"]:
    """Minimize F(u) = ½‖k * u - v‖² + λ TV_ε(u) by Nesterov's accelerated gradient from u_0 = v, with step 1/L.

    L = max|k_hat|² + 8λ/ε. F need not be strongly convex: how far the minimizer is, no stopping rule can tell.
    Slides "Optimization for Inverse Problems" and "Smoothed Total Variation".
    """
    k_hat = _checked_transfer(v, kernel, "v").detach()
    v, (lam, eps) = v.detach(), _require_tv_weights(lam, eps)
    normal, back = k_hat.abs().square(), apply_filter(v, k_hat.conj())
    add_tv_gradient = tv_gradient_adder(v, lam, eps)

    def gradient(u: Tensor) -> Tensor:
        return add_tv_gradient(u, apply_filter(u, normal).sub_(back))  # Aᵀ(Au - v) + λ∇TV_ε(u)

    L = normal.max().item() + 8 * lam / eps
    return accelerated_gradient(gradient, v, 1 / L, n, lipschitz=L)[0]


def tv_restore(
    A: LinearOperator,
    v: Inexact[Tensor, "*observed"],
    lam: float,
    eps: float,
    n: int,
) -> Float[Tensor, "*image"]:
    """Minimize F(u) = ½‖Au - v‖² + λ TV_ε(u) for any linear operator A, by n iterations of accelerated gradient.

    The step is 1/L with L = ‖A‖² + 8λ/ε. It starts from Aᵀv/‖A‖², the first iterate of Landweber's method, which has
    the scale of the image whatever that of A. Where the data say nothing (a mask, few angles), information travels by
    a pixel an iteration: n must exceed the size of the holes.
    Slides "Optimization for Inverse Problems" and "Smoothed Total Variation".

    >>> from course_utils.operators import Identity
    >>> v = torch.tensor([[0.0, 0.1, 0.0, 0.1, 0.9, 1.0, 0.9, 1.0]])
    >>> tv_restore(Identity(), v, lam=0.1, eps=1e-3, n=300).round(decimals=2)
    tensor([[0.1000, 0.1000, 0.1000, 0.1000, 0.9000, 0.9000, 0.9000, 0.9000]])
    """
    back = _back_projection(A, v)
    require_image(back, "A.adjoint(v)")
    v, (lam, eps) = v.detach(), _require_tv_weights(lam, eps)
    add_tv_gradient = tv_gradient_adder(back, lam, eps)

    def gradient(u: Tensor) -> Tensor:
        return add_tv_gradient(u, _real(A.adjoint(A(u) - v)).contiguous())  # Aᵀ(Au - v) + λ∇TV_ε(u)

    square = A.norm() ** 2
    L = square + 8 * lam / eps or 1.0  # A = 0 and λ = 0: every u is a minimizer
    u0 = back / square if square > 0 else back
    return accelerated_gradient(gradient, u0, 1 / L, n, lipschitz=L)[0]


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
    batch: the result is then guaranteed to be at RMSE <= ``tol`` of the minimizer (it is at about a tenth of it). No
    ground truth is needed; ``tol`` = 0 runs all n iterations. The callback is called where the gap is evaluated, every
    ten iterations and at the last. float32 is precise enough, and twice as fast.

    A. Beck and M. Teboulle (2009), 10.1109/TIP.2009.2028250, fast gradient projection; TV as on slide "Explicit
    Regularizations", channel by channel. The fastest TV denoiser of this module.
    """
    require_image(v, "v")
    require_callable(callback, "callback", optional=True)
    lam, n = require_number(lam, "lam", minimum=0.0), require_count(n, "n", 0)
    return dual_tv(v.detach(), lam, n, require_number(tol, "tol", minimum=0.0), callback)


def landweber(
    A: LinearOperator,
    v: Inexact[Tensor, "*observed"],
    tau: float,
    n: int,
) -> Float[Tensor, "*image"]:
    """Minimize ½‖Au - v‖² by gradient descent from 0: u_{k+1} = u_k - τ Aᵀ(A u_k - v), which converges to A⁺v.

    A step beyond 2/‖A‖² is a ValueError. With noise, stopping early regularizes.
    Slide "Let us start with zero regularization!"; L. Landweber (1951), 10.2307/2372313.

    >>> from course_utils.operators import Matrix
    >>> A = Matrix(torch.tensor([[1.0, 1.0]]))
    >>> landweber(A, torch.tensor([4.0]), tau=0.5, n=10)
    tensor([2., 2.])
    """
    back = _back_projection(A, v)

    def gradient(u: Tensor) -> Tensor:
        return _real(A.adjoint(A(u) - v))

    return gradient_descent(gradient, torch.zeros_like(back), tau, n, lipschitz=A.norm() ** 2 or None)[0]


def ramp_filter(sinogram: Float[Tensor, "*batch n D"]) -> Float[Tensor, "*batch n D"]:
    """Return F⁻¹(|ω| F v) for each row v of a sinogram, padded with zeros to 2D cells so that it does not wrap around.

    Slide "Classical Inverse Problems", computed tomography.
    """
    D = require_image(sinogram, "sinogram").shape[-1]
    ramp = torch.fft.rfftfreq(2 * D, dtype=sinogram.dtype, device=sinogram.device)  # |ω|, cycles per cell
    return torch.fft.irfft(ramp * torch.fft.rfft(sinogram, n=2 * D), n=2 * D)[..., :D]


def filtered_backprojection(
    sinogram: Float[Tensor, "*batch n D"], angles: Float[Tensor, " n"]
) -> Float[Tensor, "*batch D D"]:
    """Return (π/n) Rᵀ(F⁻¹(|ω| F sinogram)): each row filtered by the ramp |ω|, then backprojected.

    It inverts `Radon` in the limit of many equally spaced angles (degrees, over 180°); see `ramp_filter`.
    Slide "Classical Inverse Problems", computed tomography.
    """
    require_image(sinogram, "sinogram")
    if require_tensor(angles, "angles").ndim != 1 or len(angles) != sinogram.shape[-2]:
        raise ValueError(
            f"angles must be one for each of the {sinogram.shape[-2]} rows of the sinogram, got {tuple(angles.shape)}"
        )
    D = sinogram.shape[-1]
    return torch.pi / len(angles) * Radon(angles, (D, D)).adjoint(ramp_filter(sinogram))


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


# --- under constraints, slides "Projected Gradient Descent" and "Inpainting" -----------------------------------------


def project_known(
    u: Float[Tensor, "*batch H W"], v: Float[Tensor, "*batch H W"], mask: Bool[Tensor, "H W"]
) -> Float[Tensor, "*batch H W"]:
    """Return the nearest image to u that equals v on ω: v where ``mask`` is true (known), u elsewhere.

    Slide "Projected Gradient Descent", its example.

    >>> project_known(torch.zeros(1, 3), torch.ones(1, 3), torch.tensor([[True, False, True]]))
    tensor([[1., 0., 1.]])
    """
    require_same_shape(require_image(u, "u"), require_image(v, "v"), ("u", "v"))
    _require_known(v, mask)
    return torch.where(mask, v, u)


def project_consistent(
    u: Float[Tensor, "*image"], v: Inexact[Tensor, "*observed"], A: LinearOperator
) -> Float[Tensor, "*image"]:
    """Return the nearest image to u among those with Aw = v: u + A⁺(v - Au).

    ``A`` needs ``A.pinv``. Without a solution of Aw = v, the images that minimize ‖Aw - v‖ stand in.
    Slides "Projected Gradient Descent" and "Let us start with zero regularization!".
    """
    pinv = getattr(A, "pinv", None)
    if not callable(pinv):
        raise TypeError(f"A must be an operator with A(u) and A.pinv(v), got {type(A).__name__}")
    Au = A(require_tensor(u, "u"))
    if require_observation(v, "v").shape != Au.shape:
        raise ValueError(f"v must have the shape of Au, {tuple(Au.shape)}, got {tuple(v.shape)}")
    return u + pinv(v - Au)


def project_box(u: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the nearest image to u with values in [0, 1]: each value is cut off. Slide "Projected Gradient Descent".

    >>> project_box(torch.tensor([-0.5, 0.25, 3.0]))
    tensor([0.0000, 0.2500, 1.0000])
    """
    return require_tensor(u, "u").clamp(0, 1)


def projected_descent(
    gradient: Callable[[Tensor], Tensor],
    projection: Callable[[Tensor], Tensor],
    x0: Float[Tensor, "*shape"],
    tau: float,
    n: int,
) -> Float[Tensor, "*shape"]:
    """Return x_n of x_{k+1} = p_C(x_k - τ ∇f(x_k)), p_C the ``projection``. Slide "Projected Gradient Descent".

    >>> projected_descent(lambda x: x - 3, project_box, torch.zeros(1), tau=0.1, n=10)
    tensor([1.])
    """
    return projected_gradient(gradient, projection, x0, tau, n)[0]


def harmonic_inpaint(v: Float[Tensor, "*batch H W"], mask: Bool[Tensor, "H W"], n: int) -> Float[Tensor, "*batch H W"]:
    """Minimize ½‖∇u‖² subject to u = v on ω by n iterations of projected descent, with step 1.9/8: Δu = 0 off ω.

    ``mask`` is true on ω, the known pixels; v is not looked at elsewhere. The hidden pixels begin at the mean of the
    known ones. A hole of s pixels across needs some s² iterations.
    Slides "Inpainting" and "Projected Gradient Descent".
    """
    u0 = _mean_filled(v, mask)
    return projected_descent(lambda u: -laplacian(u), lambda u: project_known(u, u0, mask), u0, STEP / 8, n)


def tv_inpaint(
    v: Float[Tensor, "*batch H W"],
    mask: Bool[Tensor, "H W"],
    eps: float,
    n: int,
) -> Float[Tensor, "*batch H W"]:
    """Minimize TV_ε(u) subject to u = v on ω by n iterations of accelerated gradient, with step ε/8.

    The projection of a step from u = v on ω is the step whose gradient is erased on ω: momentum may be used as without
    a constraint.  ``mask``, v and the start are those of `harmonic_inpaint`.
    Slides "Inpainting", "Projected Gradient Descent" and "Smoothed Total Variation".
    """
    u0 = _mean_filled(v, mask)
    eps = require_number(eps, "eps", minimum=0.0, strict=True)
    add_tv_gradient = tv_gradient_adder(u0, 1.0, eps)

    def gradient(u: Tensor) -> Tensor:
        return add_tv_gradient(u, torch.zeros_like(u)).mul_(~mask)  # 0 on ω, ∇TV_ε(u) elsewhere

    return accelerated_gradient(gradient, u0, eps / 8, n, lipschitz=8 / eps)[0]


def _mean_filled(v: Tensor, mask: Tensor) -> Tensor:
    """Return v on ω and, elsewhere, the mean of v on ω, image by image."""
    v = require_image(v, "v").detach()
    _require_known(v, mask)
    if not mask.any():
        raise ValueError("mask must be true somewhere: no pixel is known")
    return torch.where(mask, v, v[..., mask].mean(dim=-1)[..., None, None])


def _require_known(v: Tensor, mask: Tensor) -> None:
    """Raise unless ``mask`` is boolean and has the height and width of ``v``."""
    if Mask(mask).mask.shape != v.shape[-2:]:
        raise ValueError(f"mask must have shape {tuple(v.shape[-2:])}, got {tuple(mask.shape)}")
    require_same_device(v, mask, ("v", "mask"))


def _solve_normal_equations(v: Tensor, k_hat: Tensor, weight: Tensor | float) -> Tensor:
    """Return F⁻¹(conj(k_hat) v_hat / (|k_hat|² + weight)), 0 where the denominator is 0 up to rounding."""
    denominator = k_hat.abs().square() + weight
    erased = denominator <= _rounding(v) ** 2 * denominator.max()
    return apply_filter(v, torch.where(erased, 0, k_hat.conj() / denominator))


def _back_projection(A: LinearOperator, v: Tensor) -> Tensor:
    """Return Aᵀv, both checked."""
    if isinstance(A, type) or not isinstance(A, LinearOperator):
        raise TypeError(f"A must be an operator with A(u), A.adjoint(v) and A.norm(), got {type(A).__name__}")
    return _real(A.adjoint(require_observation(v, "v").detach()))


def _real(u: Tensor) -> Tensor:
    """Return the real part: for a complex A the gradient of ½‖Au - v‖² at a real image is that of A*(Au - v)."""
    return u.real if u.is_complex() else u


def _require_tv_weights(lam: float, eps: float) -> tuple[float, float]:
    return require_number(lam, "lam", minimum=0.0), require_number(eps, "eps", minimum=0.0, strict=True)


def _tv_problem(v: Tensor, lam: float, eps: float) -> tuple[Callable[[Tensor], Tensor], float]:
    """Return ∇F(u) = u - v + λ∇TV_ε(u) and the bound L = 1 + 8λ/ε of its Lipschitz constant."""
    v, (lam, eps) = require_image(v, "v").detach(), _require_tv_weights(lam, eps)
    add_tv_gradient = tv_gradient_adder(v, lam, eps)
    return lambda u: add_tv_gradient(u, u - v), 1 + 8 * lam / eps


def objective_gradient(
    u: Float[Tensor, "*batch H W"], v: Float[Tensor, "*batch H W"], kernel: Float[Tensor, "h w"], lam: float
) -> Float[Tensor, "*batch H W"]:
    """Return Aᵀ(Au - v) + λ∇ᵀ∇u, the gradient of ½‖k * u - v‖² + (λ/2)‖∇u‖² at u.

    Slide "Optimization for Inverse Problems".
    """
    require_same_shape(require_image(u, "u"), require_image(v, "v"), ("u", "v"))
    lam = require_number(lam, "lam", minimum=0.0)
    return blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)
