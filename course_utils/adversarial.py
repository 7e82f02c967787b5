"""Adversarial networks: a generator that learns from a judge which learns too. Lesson 15.

Images of networks are in [-1, 1] here, x = 2u - 1. A discriminator gives a logit for each image, a real number a:
the probability that the image is real is D = 1 / (1 + exp(-a)).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from course_utils._validation import (
    require_callable,
    require_count,
    require_image,
    require_number,
    require_same_shape,
    require_sequence,
    require_tensor,
)

Function = Callable[[Tensor], Tensor]

# --- the game --------------------------------------------------------------------------------------------------------
# I. Goodfellow et al. (2014), "Generative adversarial nets", NeurIPS 27. Slide "Generative Adversarial Networks".


def discriminator_loss(real_logits: Float[Tensor, "*batch"], fake_logits: Float[Tensor, "*more"]) -> Float[Tensor, ""]:
    """Return -mean log D(x) - mean log(1 - D(G(z))) from the logits of real and of drawn images.

    With D = 1 / (1 + exp(-a)): mean of log(1 + exp(-a)) over the real ones, plus mean of log(1 + exp(a)) over the
    others, without overflow for any logit. There may be more of one kind than of the other. Goodfellow et al. (2014).
    """
    require_tensor(real_logits, "real_logits")
    require_tensor(fake_logits, "fake_logits")
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def generator_loss(fake_logits: Float[Tensor, "*batch"]) -> Float[Tensor, ""]:
    """Return -mean log D(G(z)), the loss of the generator that does not saturate: mean of log(1 + exp(-a)).

    Its gradient with respect to a logit is -(1 - D) / n: near -1/n where the judge is sure that the image was drawn.
    Goodfellow et al. (2014).
    """
    return F.softplus(-require_tensor(fake_logits, "fake_logits")).mean()


def minimax_generator_loss(fake_logits: Float[Tensor, "*batch"]) -> Float[Tensor, ""]:
    """Return mean log(1 - D(G(z))), what the generator minimizes in the game min_G max_D: -mean of log(1 + exp(a)).

    Its gradient with respect to a logit is -D / n: it vanishes where the judge is sure that the image was drawn.
    Goodfellow et al. (2014).
    """
    return -F.softplus(require_tensor(fake_logits, "fake_logits")).mean()


def gan_training_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer],
    real: Float[Tensor, "n *shape"],
    z: Float[Tensor, "m d"],
) -> tuple[float, float]:
    """Move the discriminator by one step, then the generator; return the two losses, each before its own step.

    The drawn images G(z) are the same for both. The discriminator's step goes down `discriminator_loss` and leaves the
    generator alone; the generator's goes down `generator_loss`, judged by the discriminator that has just moved.

    Parameters
    ----------
    optimizers : of the generator's weights and of the discriminator's, in this order.
    real : real images.
    z : latent vectors.
    """
    for network, name in ((generator, "generator"), (discriminator, "discriminator")):
        require_callable(network, name)
    if len(require_sequence(optimizers, "optimizers")) != 2:
        raise ValueError(f"optimizers must be two, the generator's and the discriminator's, got {len(optimizers)}")
    for optimizer in optimizers:
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"optimizers must be of torch.optim, got {type(optimizer).__name__}")
    optimizer_G, optimizer_D = optimizers
    fake = generator(require_tensor(z, "z"))
    loss_D = discriminator_loss(discriminator(require_tensor(real, "real")), discriminator(fake.detach()))
    optimizer_D.zero_grad()
    loss_D.backward()
    optimizer_D.step()
    loss_G = generator_loss(discriminator(fake))
    optimizer_G.zero_grad()
    loss_G.backward()
    optimizer_G.step()
    return loss_D.item(), loss_G.item()


# --- the latent space ------------------------------------------------------------------------------------------------


def slerp(z0: Float[Tensor, "*batch d"], z1: Float[Tensor, "*batch d"], t: float) -> Float[Tensor, "*batch d"]:
    """Return (sin((1 - t) ω) z0 + sin(t ω) z1) / sin ω, ω the angle of z0 and z1: from z0 at t = 0 to z1 at t = 1.

    The norm stays what it is for Gaussian vectors, whereas the segment passes nearer to 0 than they ever do. Vectors
    are along the last dimension. The limit (1 - t) z0 + t z1 is taken for parallel ones. K. Shoemake (1985), T. White
    (2016).

    Raises
    ------
    ValueError
        When a vector is 0, or two are opposite: there is no arc, or there are many.
    """
    require_same_shape(require_tensor(z0, "z0"), require_tensor(z1, "z1"), ("z0", "z1"))
    t = require_number(t, "t")
    norms = torch.linalg.vector_norm(z0, dim=-1, keepdim=True), torch.linalg.vector_norm(z1, dim=-1, keepdim=True)
    if min(norms[0].min(), norms[1].min()) == 0:
        raise ValueError("z0 and z1 must not be 0: the angle is not defined")
    a, b = z0 / norms[0], z1 / norms[1]
    # exact for small angles too, where the arc cosine of the scalar product is not
    omega = 2 * torch.atan2(
        torch.linalg.vector_norm(a - b, dim=-1, keepdim=True), torch.linalg.vector_norm(a + b, dim=-1, keepdim=True)
    )
    if (omega > math.pi - 1e-3).any():
        raise ValueError("z0 and z1 must not be opposite: many arcs join them")
    # sin(t ω) / sin ω, by sinc so that ω = 0 gives t
    first, second = (s * torch.sinc(s * omega / math.pi) / torch.sinc(omega / math.pi) for s in (1 - t, t))
    return first * z0 + second * z1


RATE = 0.1  # of Adam, in `invert`


def invert(
    generator: Function,
    A: Function,
    v: Float[Tensor, "batch *shape"],
    lam: float,
    z0: Float[Tensor, "batch d"],
    n: int,
) -> Float[Tensor, "batch d"]:
    """Return an approximate minimizer z of ½‖A G(z) - v‖² + (λ/2)‖z‖² after n steps of Adam (rate 0.1) from z0.

    For each observation of a batch by itself. With z ~ N(0, I) and noise of standard deviation σ, λ = σ² gives the most
    probable z; the image is G(z). The problem is not convex: other starts give other z. A. Bora et al. (2017),
    "Compressed sensing using generative models".

    Parameters
    ----------
    generator : from z (batch, d) to images; in evaluation mode, and not changed.
    A : the operator, of images to observations; any differentiable one.
    v : of the shape of A(generator(z0)).
    """
    require_callable(generator, "generator")
    require_callable(A, "A")
    lam = require_number(lam, "lam", minimum=0)
    z = require_tensor(z0, "z0").clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=RATE)
    for _ in range(require_count(n, "n", 0)):
        residual = A(generator(z)) - v
        objective = 0.5 * residual.square().sum() + 0.5 * lam * z.square().sum()
        (z.grad,) = torch.autograd.grad(objective, z)
        optimizer.step()
    return z.detach()


# --- a generator made of styles --------------------------------------------------------------------------------------
# T. Karras, S. Laine, T. Aila (2019), "A style-based generator architecture for generative adversarial networks",
# 10.1109/CVPR.2019.00453. Slide "Style GAN".

EPSILON = 1e-5  # added to a variance


def adain(features: Float[Tensor, "n c h w"], style: Float[Tensor, "n 2*c"]) -> Float[Tensor, "n c h w"]:
    """Return y_s (x - μ) / √(s² + 1e-5) + y_b: each channel of each image gets a scale and a mean from its style.

    μ and s² are the mean and the variance (divided by the number of pixels) of that channel of that image. The first c
    numbers of a style are the scales y_s, the last c the means y_b. X. Huang and S. Belongie (2017), 10.1109/ICCV.2017.167;
    Karras et al. (2019).
    """
    if require_image(features, "features").ndim != 4:
        raise ValueError(f"features must have shape (n, c, h, w), got {tuple(features.shape)}")
    n, c = features.shape[:2]
    if require_tensor(style, "style").shape != (n, 2 * c):
        raise ValueError(f"style must have shape ({n}, {2 * c}), got {tuple(style.shape)}")
    scale, mean = style[:, :, None, None].chunk(2, dim=1)
    variance, mu = torch.var_mean(features, dim=(2, 3), correction=0, keepdim=True)
    return scale * (features - mu) / (variance + EPSILON).sqrt() + mean


# --- from images to images -------------------------------------------------------------------------------------------
# P. Isola, J.-Y. Zhu, T. Zhou, A. Efros (2017), "Image-to-image translation with conditional adversarial networks",
# 10.1109/CVPR.2017.632. Slide "Pix2pix".


def patch_logits(
    discriminator: Function,
    condition: Float[Tensor, "n a H W"],
    images: Float[Tensor, "n b H W"],
    side: int,
    stride: int,
) -> Float[Tensor, "n rows columns"]:
    """Return the map of the logits that a judge of patches gives to each patch of the images, with its condition.

    The patches are the squares of ``side`` pixels whose corners are at multiples of ``stride``, as far as they fit:
    rows = (H - side) // stride + 1, columns likewise. The condition comes first along the channels. Isola et al. (2017).

    Parameters
    ----------
    discriminator : from patches (m, a + b, side, side) to logits (m,), (m, 1) or (m, 1, 1, 1).
    condition : what the images were made from, such as edges.
    """
    require_callable(discriminator, "discriminator")
    for u, name in ((condition, "condition"), (images, "images")):
        if require_image(u, name).ndim != 4:
            raise ValueError(f"{name} must have shape (n, channels, H, W), got {tuple(u.shape)}")
    n, _, H, W = images.shape
    if (condition.shape[0], *condition.shape[2:]) != (n, H, W):
        raise ValueError(f"condition must have shape ({n}, channels, {H}, {W}), got {tuple(condition.shape)}")
    if require_count(side, "side") > min(H, W):
        raise ValueError(f"side must be at most {min(H, W)}, got {side}")
    require_count(stride, "stride")
    pairs = torch.cat([condition, images], dim=1)
    patches = pairs.unfold(2, side, stride).unfold(3, side, stride).permute(0, 2, 3, 1, 4, 5)  # n, rows, columns, ...
    return discriminator(patches.flatten(end_dim=2)).reshape(patches.shape[:3])
