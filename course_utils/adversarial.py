"""Adversarial networks: a generator that learns from a judge which learns too. Lesson 15.

Images of networks are in [-1, 1] here, x = 2u - 1. A discriminator gives a logit for each image, a real number a:
the probability that the image is real is D = 1 / (1 + exp(-a)).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from course_utils._validation import (
    require_callable,
    require_count,
    require_flag,
    require_image,
    require_number,
    require_same_shape,
    require_sequence,
    require_tensor,
)
from course_utils.data import load_network, load_weights
from course_utils.fourier import gaussian_kernel
from course_utils.operators import blur

__all__ = [
    "EPOCHS",
    "HELD_OUT_ROLES",
    "LATENT",
    "DigitDiscriminator",
    "DigitGenerator",
    "PatchDiscriminator",
    "PortraitNetwork",
    "StyleGenerator",
    "adain",
    "discriminator_loss",
    "gan_training_step",
    "generator_loss",
    "invert",
    "load_digit_generator",
    "load_portrait_network",
    "load_style_generator",
    "minimax_generator_loss",
    "patch_logits",
    "portrait_edges",
    "slerp",
]

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
    real: Float[Tensor, "n ..."],
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
    if require_tensor(z, "z").ndim != 2:
        raise ValueError(f"z must have shape (m, d), got {tuple(z.shape)}")
    fake = generator(z)
    if require_tensor(real, "real").shape[1:] != fake.shape[1:]:
        raise ValueError(f"real must have shape (n, ...) as {tuple(fake.shape)} is drawn, got {tuple(real.shape)}")
    loss_D = discriminator_loss(discriminator(real), discriminator(fake.detach()))
    optimizer_D.zero_grad()
    loss_D.backward()
    optimizer_D.step()
    loss_G = generator_loss(discriminator(fake))
    optimizer_G.zero_grad()
    loss_G.backward()
    optimizer_G.step()
    return loss_D.item(), loss_G.item()


LATENT = 32  # dimensions of z, and of w
EPOCHS = (1, 5, 20, 60)
"""The epochs after which the generator of digits was kept; the last ends the training."""


class DigitGenerator(nn.Sequential):
    """From z (n, 32) to digits (n, 1, 32, 32) in [-1, 1]: a linear map to 96 maps of 8 × 8, enlarged twice by 2.

    After A. Radford, L. Metz, S. Chintala (2016), "Unsupervised representation learning with deep convolutional
    generative adversarial networks". In evaluation mode the normalisations use the averages of the training.
    """

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(LATENT, 96 * 8 * 8),
            nn.Unflatten(1, (96, 8, 8)),
            nn.BatchNorm2d(96),
            nn.ReLU(),
            nn.ConvTranspose2d(96, 48, 4, 2, 1),
            nn.BatchNorm2d(48),
            nn.ReLU(),
            nn.ConvTranspose2d(48, 1, 4, 2, 1),
            nn.Tanh(),
        )


class DigitDiscriminator(nn.Sequential):
    """From digits (n, 1, 32, 32) to their logits (n, 1). Radford et al. (2016), with dropout before the last layer."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 64, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 128, 4, 2, 1),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(128 * 8 * 8, 1),
        )


def load_digit_generator(epoch: int = EPOCHS[-1]) -> DigitGenerator:
    """Return the shipped generator of digits as it was after one of `EPOCHS`, in evaluation mode."""
    if require_count(epoch, "epoch") not in EPOCHS:
        raise ValueError(f"epoch must be one of {', '.join(map(str, EPOCHS))}, got {epoch}")
    network, prefix = DigitGenerator(), f"{epoch}."
    weights = load_weights("digit_gan")
    network.load_state_dict({key.removeprefix(prefix): w for key, w in weights.items() if key.startswith(prefix)})
    return network.requires_grad_(False).eval()


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
    v: Float[Tensor, "batch ..."],
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
    require_tensor(v, "v")
    lam = require_number(lam, "lam", minimum=0)
    if require_tensor(z0, "z0").ndim != 2:
        raise ValueError(f"z0 must have shape (batch, d), got {tuple(z0.shape)}")
    z = z0.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=RATE)
    for _ in range(require_count(n, "n", 0)):
        seen = A(generator(z))
        if seen.shape != v.shape:
            raise ValueError(f"v must have the shape {tuple(seen.shape)} of A(generator(z0)), got {tuple(v.shape)}")
        objective = 0.5 * (seen - v).square().sum() + 0.5 * lam * z.square().sum()
        (z.grad,) = torch.autograd.grad(objective, z)
        optimizer.step()
    return z.detach()


# --- styles -----------------------------------------------------------------------------------------------------------
# T. Karras, S. Laine, T. Aila (2019), "A style-based generator architecture for generative adversarial networks",
# 10.1109/CVPR.2019.00453. Slide "Style GAN".

EPSILON = 1e-5  # added to a variance


def adain(features: Float[Tensor, "n c h w"], style: Float[Tensor, "n c2"]) -> Float[Tensor, "n c h w"]:
    """Return y_s (x - μ) / √(s² + 1e-5) + y_b: each channel of each image gets a scale and a mean from its style.

    μ and s² are the mean and the variance (divided by the number of pixels) of that channel of that image. The first c
    numbers of a style are the scales y_s, the last c the means y_b. X. Huang and S. Belongie (2017),
    10.1109/ICCV.2017.167; Karras et al. (2019).
    """
    if require_image(features, "features").ndim != 4:
        raise ValueError(f"features must have shape (n, c, h, w), got {tuple(features.shape)}")
    n, c = features.shape[:2]
    if require_tensor(style, "style").shape != (n, 2 * c):
        raise ValueError(f"style must have shape ({n}, {2 * c}), got {tuple(style.shape)}")
    scale, mean = style[:, :, None, None].chunk(2, dim=1)
    variance, mu = torch.var_mean(features, dim=(2, 3), correction=0, keepdim=True)
    return scale * (features - mu) / (variance + EPSILON).sqrt() + mean


STYLE_WIDTHS = (64, 64, 32, 16)
"""Channels of `StyleGenerator` at its scales, of 4 × 4, 8 × 8, 16 × 16 and 32 × 32 pixels."""


class StyleGenerator(nn.Module):
    """From z (n, 32) to digits (n, 1, 32, 32) in [-1, 1]: ``synthesis([w] * 4)`` with w = ``mapping(z)``.

    What is drawn begins with a constant. At each of four scales w gives the styles of two convolutions, by a linear map
    each: all that z decides comes in by `adain`. Karras et al. (2019), in small, and without
    their noise.
    """

    def __init__(self) -> None:
        super().__init__()
        layers = [layer for _ in range(3) for layer in (nn.Linear(LATENT, LATENT), nn.LeakyReLU(0.2))]
        self.mapping = nn.Sequential(*layers)
        self.constant = nn.Parameter(torch.randn(1, STYLE_WIDTHS[0], 4, 4))
        entering = (STYLE_WIDTHS[0], *STYLE_WIDTHS[:-1])
        self.scales = nn.ModuleList(_StyleScale(a, b) for a, b in zip(entering, STYLE_WIDTHS, strict=True))
        self.gray = nn.Conv2d(STYLE_WIDTHS[-1], 1, 1)
        for layer in self.mapping[::2]:  # w varies as much as z at first: otherwise all images are the same
            nn.init.kaiming_normal_(layer.weight, a=0.2)  # type: ignore[arg-type]

    def forward(self, z: Float[Tensor, "n 32"]) -> Float[Tensor, "n 1 32 32"]:
        """Return an image for each z."""
        return self.synthesis([self.mapping(z)] * len(self.scales))

    def synthesis(self, w: Sequence[Float[Tensor, "n 32"]]) -> Float[Tensor, "n 1 32 32"]:
        """Return images from one w for each scale, coarsest first."""
        if len(require_sequence(w, "w")) != len(self.scales):
            raise ValueError(f"w must be {len(self.scales)}, one for each scale, got {len(w)}")
        x = self.constant.expand(len(w[0]), -1, -1, -1)
        for k, (scale, w_k) in enumerate(zip(self.scales, w, strict=True)):
            x = scale(F.interpolate(x, scale_factor=2) if k else x, w_k)
        return self.gray(x).tanh()


class _StyleScale(nn.Module):
    """Two convolutions at one scale, each followed by a leaky ReLU and `adain` with a style that is linear in w."""

    def __init__(self, entering: int, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(c, channels, 3, padding=1) for c in (entering, channels))
        self.styles = nn.ModuleList(nn.Linear(LATENT, 2 * channels) for _ in range(2))
        for style in self.styles:
            nn.init.normal_(style.weight, std=0.5 * LATENT**-0.5)  # type: ignore[arg-type]
            style.bias.data = torch.cat([torch.ones(channels), torch.zeros(channels)])

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        for convolution, style in zip(self.convolutions, self.styles, strict=True):
            x = F.leaky_relu(convolution(x), 0.2)
            x = adain(x.float(), style(w).float())  # in float32 also when trained in bfloat16
        return x


def load_style_generator() -> StyleGenerator:
    """Return the shipped style-based generator of digits, in evaluation mode."""
    return load_network(StyleGenerator(), "digit_styles")


# --- from images to images -------------------------------------------------------------------------------------------
# P. Isola, J.-Y. Zhu, T. Zhou, A. Efros (2017), "Image-to-image translation with conditional adversarial networks",
# 10.1109/CVPR.2017.632. Slide "Pix2pix".


HELD_OUT_ROLES = ("crown", "curly hair", "judge", "pilot", "scientist", "teacher")
"""The roles of the portraits that the networks have not been trained on."""


def portrait_edges(u: Float[Tensor, "n c H W"]) -> Float[Tensor, "n 1 h w"]:
    """Return line drawings of colour images in [0, 1], at half their size: 1 on a line, 0 elsewhere, between beside it.

    A line is where the gradient of the colour, smoothed by a Gaussian of 0.7 pixels, is longer than 0.15.
    """
    if require_image(u, "u").ndim != 4 or u.shape[1] != 3:
        raise ValueError(f"u must have shape (n, 3, H, W), got {tuple(u.shape)}")
    smooth = blur(u, gaussian_kernel(0.7).to(u))
    slopes = torch.cat([(smooth.roll(-1, d) - smooth.roll(1, d)) / 2 for d in (-2, -1)], dim=1)
    lines = torch.linalg.vector_norm(slopes, dim=1, keepdim=True) > 0.15
    return F.avg_pool2d(lines.to(u), 2)


def patch_logits(
    discriminator: Function,
    condition: Float[Tensor, "n a H W"],
    images: Float[Tensor, "n b H W"],
    side: int,
    stride: int,
) -> Float[Tensor, "n rows columns"]:
    """Return the map of the logits that a judge of patches gives to each patch of the images, with its condition.

    The patches are the squares of ``side`` pixels whose corners are at multiples of ``stride``, as far as they fit:
    rows = (H - side) // stride + 1, columns likewise. The condition comes first along the channels. Isola et al.
    (2017).

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
        raise ValueError(f"condition and images must fit together: {tuple(condition.shape)}, {tuple(images.shape)}")
    if require_count(side, "side") > min(H, W):
        raise ValueError(f"side must be at most {min(H, W)}, got {side}")
    require_count(stride, "stride")
    pairs = torch.cat([condition, images], dim=1)
    patches = pairs.unfold(2, side, stride).unfold(3, side, stride).permute(0, 2, 3, 1, 4, 5)  # n, rows, columns, ...
    return discriminator(patches.flatten(end_dim=2)).reshape(patches.shape[:3])


class PortraitNetwork(nn.Module):
    """From edges (n, 1, 32, 32) in [0, 1] to colour images (n, 3, 32, 32) in [-1, 1]: a U-net.

    Reduced three times by 2 and enlarged again; each scale on the way up also sees what the way down had there. The
    noise of pix2pix is the dropout on the way up, and there is no other. Isola et al. (2017), in small.
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = 32, 64, 96, 128
        self.first = _layer(nn.Conv2d(1, a, 3, 1, 1))
        self.down = nn.ModuleList(_layer(nn.Conv2d(n, m, 4, 2, 1)) for n, m in ((a, b), (b, c), (c, d)))
        self.up = nn.ModuleList(_layer(nn.ConvTranspose2d(n, m, 4, 2, 1)) for n, m in ((d, c), (2 * c, b), (2 * b, a)))
        self.dropout = nn.Dropout2d(0.3)
        self.last = nn.Conv2d(2 * a, 3, 3, 1, 1)

    def forward(self, edges: Float[Tensor, "n 1 32 32"]) -> Float[Tensor, "n 3 32 32"]:
        """Return an image for each drawing."""
        seen = [self.first(edges)]
        for layer in self.down:
            seen.append(layer(seen[-1]))
        x = self.dropout(seen.pop())
        for layer in self.up:
            x = torch.cat([layer(x), seen.pop()], dim=1)
        return self.last(x).tanh()


def load_portrait_network(adversarial: bool = True) -> PortraitNetwork:
    """Return the shipped network from edges to portraits, trained with the judge or by the L1 error alone."""
    suffix = "" if require_flag(adversarial, "adversarial") else "_l1"
    return load_network(PortraitNetwork(), f"pix2pix_portraits{suffix}")


def _layer(convolution: nn.Module) -> nn.Sequential:
    channels = convolution.out_channels
    assert isinstance(channels, int)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.LeakyReLU(0.2))


PATCH, PATCH_STRIDE = 18, 4  # what a logit of `PatchDiscriminator` sees, in pixels, and how far the next one is


class PatchDiscriminator(nn.Sequential):
    """From edges and image together (n, 4, H, W) to a logit for each patch of 18 × 18 pixels, every 4 pixels.

    For 32 × 32 pixels (n, 1, 4, 4), and for a patch (n, 1, 1, 1): no layer is padded. Isola et al. (2017), in small.
    """

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(4, 48, 4, 2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(48, 96, 4, 2),
            nn.BatchNorm2d(96),
            nn.LeakyReLU(0.2),
            nn.Conv2d(96, 1, 3),
        )
