"""Restoration with a denoiser as prior: posterior sampling by diffusion, plug-and-play. Lesson 17.

The observation is v = A x_0 + σ n, and a diffusion knows x_0 by its denoiser (x, t) -> ε̂ alone. The score of x_t given
v is ∇ log p_t(x) + ∇ log p(v | x_t = x): the methods differ in what they put in place of the second term. Conventions
are those of `course_utils.diffusion`: images in [-1, 1], a batch ``(n, ...)``, t from 0, images, to 1, noise.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from course_utils._validation import (
    require_callable,
    require_choice,
    require_count,
    require_generator,
    require_number,
    require_observation,
    require_same_shape,
    require_tensor,
)
from course_utils.data import load_network
from course_utils.diffusion import FIRST, Denoiser, alpha_bar, ddpm_step, denoised, diffuse, gaussian_score
from course_utils.gaussian import FaceModel, condition
from course_utils.operators import LinearOperator

NOISE = 0.99  # where the restorations begin: ᾱ = 0.0002
Step = Callable[[Tensor, float, float], Tensor]

# --- diffusion posterior sampling ------------------------------------------------------------------------------------


def dps_gradient(
    x: Float[Tensor, "n ..."],
    t: float,
    A: Callable[[Tensor], Tensor],
    v: Float[Tensor, "n ..."],
    denoiser: Denoiser,
) -> Float[Tensor, "n ..."]:
    """Return ∇_x ‖v - A x̂_0(x)‖, image by image: the gradient of the norm, not of its square, through the denoiser.

    x̂_0 = (x - √(1 - ᾱ) ε̂(x, t)) / √ᾱ. A need not be linear. H. Chung et al. (2023), whose step size ζ / ‖v - A x̂_0‖
    turns the gradient of the square into twice this one. Slide "Diffusion posterior sampling".
    """
    _require_problem(x, t, A, v, denoiser)
    x = x.detach().requires_grad_()
    norms = (v - _observed(A, denoised(x, t, denoiser(x, t)), v)).flatten(1).norm(dim=1)
    return torch.autograd.grad(norms.sum(), x)[0]


def dps_step(
    x: Float[Tensor, "n ..."],
    t: float,
    s: float,
    A: Callable[[Tensor], Tensor],
    v: Float[Tensor, "n ..."],
    denoiser: Denoiser,
    zeta: float,
    generator: torch.Generator,
) -> Float[Tensor, "n ..."]:
    """Return x_s = (a DDPM step from x_t) - ζ ∇_x ‖v - A x̂_0(x_t)‖, s < t; ζ = 0 ignores the data.

    Slide "Diffusion posterior sampling" (Chung et al., 2023).
    """
    gradient = dps_gradient(x, t, A, v, denoiser)
    with torch.no_grad():
        return _step(x, t, s, denoiser(x, t), generator) - require_number(zeta, "zeta", minimum=0.0) * gradient


# --- pseudo-inverse guidance -----------------------------------------------------------------------------------------


def pigdm_guidance(
    x: Float[Tensor, "n ..."],
    t: float,
    A: LinearOperator,
    v: Float[Tensor, "n ..."],
    sigma: float,
    denoiser: Denoiser,
) -> Float[Tensor, "n ..."]:
    """Return Jᵀ Aᵀ (r² A Aᵀ + σ² I)⁻¹ (v - A x̂_0), J the derivative of x̂_0 in x, r² = 1 - ᾱ(t).

    It is ∇_x log p(v | x_t = x) as if x_0 given x_t were N(x̂_0, r² I): right for white images of variance 1. The
    system is solved by conjugate gradients, σ > 0. J. Song, A. Vahdat, M. Mardani, J. Kautz (2023),
    Pseudoinverse-guided diffusion models for inverse problems.
    """
    _require_problem(x, t, A, v, denoiser)
    variance = require_number(sigma, "sigma", minimum=0.0, strict=True) ** 2
    x = x.detach().requires_grad_()
    Ax0 = _observed(A, denoised(x, t, denoiser(x, t)), v)
    r2 = 1 - alpha_bar(t).item()
    w = conjugate_gradient(lambda w: r2 * A(A.adjoint(w)) + variance * w, (v - Ax0).detach())
    return torch.autograd.grad((w * Ax0).sum(), x)[0]


def _step(x: Tensor, t: float, s: float, noise: Tensor, generator: torch.Generator) -> Tensor:
    """Return a DDPM step whose new noise is drawn here."""
    z = torch.randn(x.shape, generator=require_generator(generator), dtype=x.dtype, device=generator.device)
    return ddpm_step(x, t, s, noise, z.to(x.device))


def conjugate_gradient(apply: Callable[[Tensor], Tensor], b: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """Solve M w = b, M symmetric positive definite, image by image, until ‖b - M w‖ <= 1e-5 ‖b‖ or for 200 steps.

    M. Hestenes, E. Stiefel (1952).

    >>> M = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    >>> conjugate_gradient(lambda w: w @ M, torch.tensor([[1.0, 0.0]])).round(decimals=4)
    tensor([[ 0.6000, -0.2000]])
    """
    require_callable(apply, "apply")
    _require_batch(b, "b")
    w, r = torch.zeros_like(b), b
    p, rr = r, _dots(r, r)
    floor = (1e-10 * rr).clamp(min=torch.finfo(b.dtype).tiny)
    for _ in range(200):
        if (rr <= floor).all():
            break
        Mp = apply(p)
        step = torch.where(rr > floor, rr / _dots(p, Mp), 0)
        w, r = w + step * p, r - step * Mp
        before, rr = rr, _dots(r, r)
        p = r + torch.where(before > floor, rr / before, 0) * p
    return w


def _dots(x: Tensor, y: Tensor) -> Tensor:
    """Return ⟨x_i, y_i⟩ for each image of a batch, of a shape that multiplies it."""
    return (x * y).flatten(1).sum(dim=1).reshape(-1, *[1] * (x.ndim - 1))


# --- the naive way, and the exact one --------------------------------------------------------------------------------


def replace_known(
    x: Float[Tensor, "n ..."],
    t: float,
    v: Float[Tensor, "n ..."],
    mask: Bool[Tensor, "H W"],
    noise: Float[Tensor, "n ..."],
) -> Float[Tensor, "n ..."]:
    """Return x_t whose known pixels, where ``mask`` is true, are those of v diffused to time t: √ᾱ v + √(1 - ᾱ) ε.

    The naive way of inpainting: the hidden pixels see noisy known ones, and what was drawn never comes back to them.
    Y. Song et al. (2021); A. Lugmayr et al. (2022) repair it by going back and forth.
    """
    require_same_shape(require_tensor(x, "x"), require_tensor(v, "v"), ("x", "v"))
    require_number(t, "t")
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != x.shape[x.ndim - mask.ndim :]:
        raise ValueError("mask must be a boolean tensor of the size of the images, true on the known pixels")
    return torch.where(mask, diffuse(v, t, noise), x)


def posterior_score_gaussian(
    x: Float[Tensor, "*batch d"],
    t: float,
    v: Float[Tensor, " d"],
    mask: Bool[Tensor, " d"],
    sigma: float,
    model: FaceModel,
) -> Float[Tensor, "*batch d"]:
    """Return ∇_x log p_t(x | v), exactly, when x_0 ~ N(μ, E Λ Eᵀ) and v is x_0 + σ n on the pixels of ``mask``.

    x_0 given v is N(m, F Fᵀ) by lesson 01's `condition`, so that x_t given v is N(√ᾱ m, ᾱ F Fᵀ + (1 - ᾱ) I): the
    `gaussian_score` of another Gaussian, whose axes are the left singular vectors of F. t > 0.
    """
    require_number(t, "t")
    require_number(sigma, "sigma", minimum=0.0, strict=True)
    require_tensor(v, "v")
    try:
        mean, F = condition(v, mask, model, sigma)
    except (ValueError, TypeError) as error:
        raise type(error)(f"v, mask and model do not fit together: {error}") from error
    if require_tensor(x, "x").shape[-1:] != v.shape:
        raise ValueError(f"x must hold images of {len(v)} pixels in its last axis, got shape {tuple(x.shape)}")
    axes, s, _ = torch.linalg.svd(F, full_matrices=False)
    return gaussian_score(x, t, (mean, axes, s.square()))


def reverse_process(
    step: Step,
    x: Float[Tensor, "n ..."],
    steps: int,
    *,
    start: float = NOISE,
    callback: Callable[[int, Tensor], object] | None = None,
) -> Float[Tensor, "n ..."]:
    """Return x after ``x = step(x, t, s)`` from noise x at ``start`` to t = 0.001, in equal steps of time.

    ``callback(k, x)`` is called after each step.
    """
    require_callable(step, "step")
    require_tensor(x, "x")
    require_callable(callback, "callback", optional=True)
    start = require_number(start, "start", minimum=FIRST, strict=True)
    times = torch.linspace(start, FIRST, require_count(steps, "steps") + 1, dtype=torch.float64).tolist()
    for k, (t, s) in enumerate(pairwise(times), 1):
        x = step(x, t, s)
        if callback is not None:
            callback(k, x)
    return x


# --- plug-and-play ---------------------------------------------------------------------------------------------------


def plug_and_play(
    u: Float[Tensor, "*shape"],
    A: LinearOperator,
    v: Float[Tensor, "*data"],
    denoise: Callable[[Tensor], Tensor],
    tau: float,
    n: int,
) -> Float[Tensor, "*shape"]:
    """Return u after n steps of u ← D(u - τ Aᵀ(Au - v)): proximal gradient, a denoiser D in place of the proximal map.

    S. Venkatakrishnan, C. Bouman, B. Wohlberg (2013), 10.1109/GlobalSIP.2013.6737048. Slide "Image Restoration by
    Optimization", whose regularization is here what the denoiser knows.
    """
    require_callable(denoise, "denoise")
    require_callable(A, "A")
    require_tensor(u, "u")
    require_same_shape(require_observation(v, "v"), A(u), ("v", "A u"))
    tau = require_number(tau, "tau", minimum=0.0, strict=True)
    for _ in range(require_count(n, "n", 0)):
        u = denoise(u - tau * A.adjoint(A(u) - v))
    return u


class DnCNN(nn.Module):
    """Six convolutions that estimate white noise: ``network(u)`` is u minus its estimate, of gray images in [0, 1].

    K. Zhang, W. Zuo, Y. Chen, D. Meng, L. Zhang (2017), 10.1109/TIP.2017.2662206, with fewer layers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv6 = nn.Conv2d(1, 64, 3, padding=1), nn.Conv2d(64, 1, 3, padding=1)
        self.conv2, self.conv3, self.conv4, self.conv5 = (nn.Conv2d(64, 64, 3, padding=1) for _ in range(4))

    def forward(self, u: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
        """Return the denoised image, or images."""
        x = u.reshape(-1, 1, *u.shape[-2:]).to(self.conv1.weight.dtype)
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5):
            x = layer(x).relu()
        return u - self.conv6(x).reshape(u.shape).to(u.dtype)


def load_dncnn(level: str) -> DnCNN:
    """Load the denoiser trained for noise of standard deviation 0.06, 0.10 or 0.20: level "06", "10" or "20"."""
    return load_network(DnCNN(), f"dncnn_{require_choice(level, 'level', ('06', '10', '20'))}")


def _require_problem(x: Tensor, t: float, A: Callable[[Tensor], Tensor], v: Tensor, denoiser: object) -> None:
    _require_batch(x, "x")
    require_number(t, "t")
    require_callable(A, "A")
    require_callable(denoiser, "denoiser")
    require_tensor(v, "v")


def _observed(A: Callable[[Tensor], Tensor], x0: Tensor, v: Tensor) -> Tensor:
    """Return A x_0; raise unless A applies, and v has the shape and the type of A x_0."""
    try:
        Ax0 = A(x0)
    except ValueError as error:
        raise ValueError(f"A does not apply to x of shape {tuple(x0.shape)}: {error}") from error
    require_same_shape(v, Ax0, ("v", "A x"))
    return Ax0


def _require_batch(x: Tensor, name: str) -> None:
    if require_tensor(x, name).ndim < 2:
        raise ValueError(f"{name} must be a batch (n, ...), got shape {tuple(x.shape)}")
