"""Networks that draw images from noise in one pass: textures (lesson 13) and solids (lesson 14)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils._validation import (
    require_callable,
    require_choice,
    require_count,
    require_generator,
    require_image,
    require_mapping,
    require_sequence,
    require_shape,
    require_size,
    require_tensor,
)
from course_utils.data import load_network
from course_utils.textures import gram_matrix

__all__ = [
    "PAINTING",
    "SOLIDS",
    "TEXTURES",
    "Architecture",
    "SolidGenerator",
    "StyleNetwork",
    "TextureNetwork",
    "diversity",
    "evaluate_block",
    "load_solid",
    "load_style_network",
    "load_texture_network",
    "multiscale_noise",
    "receptive_field",
    "scramble",
    "slice_solid",
    "solid_colors",
    "solid_loss",
    "spatial_noise",
    "texture_network_loss",
    "texture_training_step",
    "upsample_and_join",
]

# --- texture networks (lesson 13) ------------------------------------------------------------------------------------
# D. Ulyanov, V. Lebedev, A. Vedaldi, V. Lempitsky (2016), "Texture networks: feed-forward synthesis of textures and
# stylized images", arXiv 1603.03417.

NOISE_CHANNELS = 3
Features = Callable[[Tensor], Mapping[str, Tensor]]
Noise = list[Float[Tensor, "n channels _ _"]]


class Architecture(NamedTuple):
    """What a shipped texture network was trained on and how it is built; its weights say the rest."""

    exemplar: str
    side: int  # of the exemplar, in pixels
    widths: tuple[int, ...]  # channels of each level, coarsest first
    padding: str


_WIDTHS, _SMALL = (64, 48, 32, 24, 16), (32, 32, 32, 24, 16)
TEXTURES = {
    "ballast": Architecture("ballast", 256, _WIDTHS, "circular"),
    "flowers": Architecture("flowers", 256, _WIDTHS, "circular"),
    "sand_ripples": Architecture("sand_ripples", 256, _WIDTHS, "circular"),
    "collapsed": Architecture("flowers", 256, _SMALL, "zeros"),
    "diverse": Architecture("flowers", 256, _SMALL, "zeros"),
}
"""The texture networks that come with the course; the last two are small, without and with the diversity term."""
PAINTING = "starry_night"
"""The painting whose style the shipped style network has."""


def multiscale_noise(n: int, size: tuple[int, int], levels: int, generator: torch.Generator) -> Noise:
    """Return uniform noise on [0, 1] at each scale, coarsest first: z_l of shape (n, 3, H / 2^(K−l), W / 2^(K−l)).

    l = 1, ..., K, the number of ``levels``; the last is of the full ``size`` (H, W), a multiple of 2^(K−1). Ulyanov et
    al. (2016).
    """
    require_count(n, "n")
    height, width = require_size(size)
    coarsest = 2 ** (require_count(levels, "levels") - 1)
    require_generator(generator)
    if height % coarsest or width % coarsest:
        raise ValueError(f"size must be multiples of {coarsest} for {levels} levels, got {(height, width)}")
    shapes = [(height // 2**k, width // 2**k) for k in reversed(range(levels))]
    return [torch.rand(n, NOISE_CHANNELS, h, w, generator=generator, device=generator.device) for h, w in shapes]


def upsample_and_join(coarse: Float[Tensor, "n a h w"], fine: Float[Tensor, "n b h2 w2"]) -> Float[Tensor, "n c h2 w2"]:
    """Return the coarse maps, each pixel repeated 2 × 2 times, and after them the fine ones, along the channels.

    Of shapes (n, a, h, w) and (n, b, 2h, 2w): the result has a + b channels. Ulyanov et al. (2016).
    """
    for maps, name in ((coarse, "coarse"), (fine, "fine")):
        if require_image(maps, name).ndim != 4:
            raise ValueError(f"{name} must have shape (n, channels, h, w), got {tuple(maps.shape)}")
    n, _, h, w = coarse.shape
    if (fine.shape[0], *fine.shape[2:]) != (n, 2 * h, 2 * w):
        raise ValueError(
            f"fine must have shape ({n}, channels, {2 * h}, {2 * w}) for a coarse {tuple(coarse.shape)}, "
            f"got {tuple(fine.shape)}"
        )
    return torch.cat([F.interpolate(coarse, scale_factor=2, mode="nearest"), fine], dim=1)


class TextureNetwork(nn.Module):
    """From noise at several scales to images in one pass: ``network(multiscale_noise(...))`` has shape (n, 3, H, W).

    A level for each scale, coarsest first: it joins what comes from the level before, enlarged by 2, with the noise of
    its scale, and convolves twice. It can be of any size. Each channel is normalised image by image (Ulyanov et al.,
    2017), so that training and use are the same. Ulyanov et al. (2016) have more channels at fine scales, where they
    cost most; here the coarse scales have them.

    Parameters
    ----------
    widths : channels of each level.
    padding : "circular", an image that tiles and a network that does not know where it is, or "zeros".
    mean : colour around which the network draws first, the exemplar's mean.
    """

    def __init__(
        self, widths: Sequence[int], padding: str = "circular", mean: Float[Tensor, " channels"] | None = None
    ) -> None:
        super().__init__()
        self.widths = require_shape(widths, "widths")
        require_choice(padding, "padding", ("circular", "zeros"))
        joined = (NOISE_CHANNELS, *(n + NOISE_CHANNELS for n in self.widths[:-1]))
        self.blocks = nn.ModuleList(_block(a, b, padding) for a, b in zip(joined, self.widths, strict=True))
        self.color = nn.Conv2d(self.widths[-1], 3, 1)
        nn.init.normal_(self.color.weight, std=0.05)
        mean = torch.full((3,), 0.5) if mean is None else require_tensor(mean, "mean")
        if mean.shape != (3,):
            raise ValueError(f"mean must have shape (3,), got {tuple(mean.shape)}")
        with torch.no_grad():
            self.color.bias.copy_(mean)  # type: ignore[union-attr]

    @property
    def levels(self) -> int:
        """K, the number of scales."""
        return len(self.widths)

    def forward(self, noise: Sequence[Float[Tensor, "n channels _ _"]]) -> Float[Tensor, "n 3 H W"]:
        """Return one image for each noise; values may leave [0, 1] a little."""
        if len(require_sequence(noise, "noise")) != self.levels:
            raise ValueError(f"noise must have {self.levels} scales, got {len(noise)}")
        x = self.blocks[0](noise[0])
        for block, z in zip(self.blocks[1:], noise[1:], strict=True):
            x = block(upsample_and_join(x, z))
        return self.color(x)


def _block(entering: int, channels: int, padding: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n in (entering, channels):
        layers += [nn.Conv2d(n, channels, 3, padding=1, padding_mode=padding)]  # type: ignore[arg-type]
        layers += [nn.InstanceNorm2d(channels, affine=True), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers)


def texture_network_loss(
    images: Float[Tensor, "n 3 H W"], targets: Mapping[str, Float[Tensor, "_ _"]], network: Features
) -> Float[Tensor, ""]:
    """Return (1/n) Σ_i Σ_L ‖G^L(x_i) − G^L(u)‖_F / ‖G^L(u)‖_F, the mean over the images x_i of a batch.

    The norms are not squared: squared ones are large where there is nothing to learn any more, and small where there
    is. Ulyanov et al. (2016) square them.

    Parameters
    ----------
    targets : layer -> G^L(u), the exemplar's Gram matrices.
    network : the features, at the layers of the targets.
    """
    if require_image(images, "images").ndim != 4:
        raise ValueError(f"images must have shape (n, 3, H, W), got {tuple(images.shape)}")
    require_mapping(targets, "targets")
    require_callable(network, "network")
    features = network(images)
    missing = [layer for layer in targets if layer not in features]
    if missing or not targets:
        raise ValueError(f"targets must be for layers of the network, {', '.join(features)}; not {missing or 'none'}")
    errors = [
        torch.linalg.matrix_norm(gram_matrix(features[layer]) - gram) / torch.linalg.matrix_norm(gram)
        for layer, gram in targets.items()
    ]
    return torch.stack(errors).sum(dim=0).mean()


def diversity(images: Float[Tensor, "n channels H W"]) -> Float[Tensor, ""]:
    """Return (1/n) Σ_i log min_{j≠i} ‖x_i − x_j‖, the entropy of what a generator draws, up to constants.

    L. F. Kozachenko and N. N. Leonenko's estimate, without its factor d. D. Ulyanov, A. Vedaldi,
    V. Lempitsky (2017), "Improved texture networks", 10.1109/CVPR.2017.437.
    """
    if require_image(images, "images").ndim != 4 or len(images) < 2:
        raise ValueError(f"images must be a batch of at least two, (n, C, H, W), got shape {tuple(images.shape)}")
    x = images.flatten(start_dim=1)
    n = len(x)
    others = torch.stack([torch.cat([x[:i], x[i + 1 :]]) for i in range(n)])  # the distance to itself has no gradient
    return torch.linalg.vector_norm(x[:, None] - others, dim=-1).min(dim=1).values.log().mean()


def texture_training_step(
    generator: nn.Module,
    optimizer: torch.optim.Optimizer,
    targets: Mapping[str, Float[Tensor, "_ _"]],
    network: Features,
    noise: Sequence[Float[Tensor, "n channels _ _"]],
) -> float:
    """Take one step of the optimizer on θ ↦ E(g_θ(z)), and return the loss before it."""
    require_callable(generator, "generator")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"optimizer must be one of torch.optim, got {type(optimizer).__name__}")
    loss = texture_network_loss(generator(noise), targets, network)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def load_texture_network(name: str) -> TextureNetwork:
    """Return one of the shipped `TEXTURES`, in evaluation mode."""
    made = TEXTURES[require_choice(name, "name", TEXTURES)]
    return load_network(TextureNetwork(made.widths, made.padding), f"texture_{name}")


# J. Johnson, A. Alahi, L. Fei-Fei (2016), "Perceptual losses for real-time style transfer and super-resolution",
# 10.1007/978-3-319-46475-6_43.


class StyleNetwork(nn.Module):
    """From photographs to paintings in one pass: ``network(photographs)`` has their shape (n, 3, H, W).

    Reduced by 4, residual blocks, enlarged by 4: the network of Johnson et al. (2016), half as wide, with the instance
    normalisation of Ulyanov et al. (2017). The residual blocks also get noise at three scales, so that a flat sky has
    something to make strokes of, and their convolutions are dilated, by 1, 2, 4, 2 and 1, to see as far as a swirl
    reaches. The photograph is reflected at the border; H and W are multiples of 16, at least 32.
    """

    def __init__(self) -> None:
        super().__init__()
        w = 16
        self.reduce = nn.Sequential(*_normal(3, w, 9), *_normal(w, 2 * w, 3, 2), *_normal(2 * w, 4 * w, 3, 2))
        self.enter = nn.Sequential(*_normal(4 * w + 3 * NOISE_CHANNELS, 4 * w, 3))
        self.residual = nn.ModuleList(
            nn.Sequential(*_normal(4 * w, 4 * w, 3, 1, d), *_normal(4 * w, 4 * w, 3, 1, d)[:-1])
            for d in (1, 2, 4, 2, 1)
        )
        larger = [nn.Upsample(scale_factor=2), *_normal(4 * w, 2 * w, 3), nn.Upsample(scale_factor=2)]
        self.enlarge = nn.Sequential(*larger, *_normal(2 * w, w, 3), _convolution(w, 3, 9))

    def forward(self, photographs: Float[Tensor, "n 3 H W"], seed: int = 0) -> Float[Tensor, "n 3 H W"]:
        """Return the painted photographs, in [0, 1]; another seed of the noise places other strokes."""
        if require_image(photographs, "photographs").ndim != 4 or any(n % 16 or n < 32 for n in photographs.shape[-2:]):
            raise ValueError(
                f"photographs must have shape (n, 3, H, W) with H and W multiples of 16, at least 32, "
                f"got {tuple(photographs.shape)}"
            )
        x = self.reduce(photographs - 0.5)
        height, width = photographs.shape[-2:]
        noise = multiscale_noise(len(x), (height // 4, width // 4), 3, torch.Generator().manual_seed(seed))
        joined = noise[0].to(photographs)
        for z in noise[1:]:
            joined = upsample_and_join(joined, z.to(photographs))
        x = self.enter(torch.cat([x, 2 * joined - 1], dim=1))
        for block in self.residual:
            x = x + block(x)
        return self.enlarge(x).sigmoid()


def _convolution(entering: int, leaving: int, side: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    padding = side // 2 * dilation
    return nn.Conv2d(entering, leaving, side, stride, padding, dilation, padding_mode="reflect")


def _normal(entering: int, leaving: int, side: int, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    normal = nn.InstanceNorm2d(leaving, affine=True)
    return [_convolution(entering, leaving, side, stride, dilation), normal, nn.ReLU()]


def load_style_network() -> StyleNetwork:
    """Return the shipped network that paints like `PAINTING`, in evaluation mode."""
    return load_network(StyleNetwork(), f"style_{PAINTING}")


# --- solids (lesson 14) ----------------------------------------------------------------------------------------------
# J. Gutierrez, J. Rabin, B. Galerne, T. Hurtut (2020), "On demand solid texture synthesis using deep 3D networks",
# 10.1111/cgf.13889. A solid is v of shape (3, D, H, W): axis 0 is the depth, 1 the height, 2 the width.

SOLIDS = {"ballast": (24, 24, 24, 16), "cork": (24, 24, 24, 16), "rock_layers": (24, 24, 16, 16, 16)}
"""The textures whose solids come with the course, and the channels of each level of their generators."""

BLOCK = 48  # voxels along each side of the blocks that `solid_colors` evaluates
Layer = tuple[str, int]


def slice_solid(v: Float[Tensor, "*channels D H W"], axis: int, k: int) -> Float[Tensor, "*channels _ _"]:
    """Return the slice of a solid across one of its axes: the voxels whose coordinate along ``axis`` (0, 1, 2) is k.

    An image whose rows and columns are the other two axes, in their order.
    """
    require_tensor(v, "v")
    if v.ndim < 3:
        raise ValueError(f"v must have shape (C, D, H, W) or (D, H, W), got {tuple(v.shape)}")
    if require_count(axis, "axis", 0) > 2:
        raise ValueError(f"axis must be 0, 1 or 2, got {axis}")
    if require_count(k, "k", 0) >= v.shape[axis - 3]:
        raise ValueError(f"k must be less than {v.shape[axis - 3]}, the size along axis {axis}, got {k}")
    return v.select(axis - 3, k)


def solid_loss(
    slices: Sequence[Mapping[str, Float[Tensor, "_ _ _"]]], targets: Sequence[Mapping[str, Float[Tensor, "_ _"]] | None]
) -> Float[Tensor, ""]:
    """Return E = Σ_a Σ_L ‖G^L(v_a) − G^L(u_a)‖_F / ‖G^L(u_a)‖_F over the directions a that have an exemplar u_a.

    Parameters
    ----------
    slices : three mappings of str to Tensor (n, h, w)
        The features, by layer, of a slice v_a across each axis a.
    targets : three mappings of str to Tensor (n, n), or None
        The Gram matrices G^L(u_a) of each direction's exemplar. None leaves a direction free.
    """
    if len(require_sequence(slices, "slices")) != len(require_sequence(targets, "targets")):
        raise ValueError(f"slices and targets must be as many, got {len(slices)} and {len(targets)}")
    errors = []
    for a, (features, grams) in enumerate(zip(slices, targets, strict=True)):
        for layer, gram in {} if grams is None else require_mapping(grams, f"targets[{a}]").items():
            if layer not in require_mapping(features, f"slices[{a}]"):
                raise ValueError(f"slices[{a}] lacks the layer {layer!r} of targets[{a}]")
            errors.append(torch.linalg.norm(gram_matrix(features[layer]) - gram) / torch.linalg.norm(gram))
    if not errors:
        raise ValueError("targets has no exemplar for any direction")
    return torch.stack(errors).sum()


GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # 2^64 divided by the golden ratio, as a signed integer of 64 bits
_FACTORS = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)


def scramble(h: Int64[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
    """Return a bijection of the integers of 64 bits after which every bit depends on all the bits of h.

    The last part of SplitMix64: G. L. Steele, D. Lea and C. H. Flood (2014), "Fast splittable pseudorandom number
    generators", 10.1145/2660193.2660195. Products are modulo 2^64.
    """
    if not isinstance(h, Tensor) or h.dtype != torch.int64:
        raise TypeError(f"h must be a tensor of int64, got {getattr(h, 'dtype', type(h).__name__)}")
    h = (h ^ _shift(h, 30)) * _FACTORS[0]
    h = (h ^ _shift(h, 27)) * _FACTORS[1]
    return h ^ _shift(h, 31)


def _shift(h: Tensor, bits: int) -> Tensor:
    """Shift to the right and fill with zeros; torch's own shift repeats the sign."""
    return (h >> bits) & (2 ** (64 - bits) - 1)


def spatial_noise(origin: Sequence[int], shape: Sequence[int], seed: int) -> Float[Tensor, "*shape"]:
    """Return the noise of a block: values in [0, 1), each a function of its integer coordinates and the seed only.

    From h = scramble(seed), each coordinate x in turn gives h ← scramble(h + GOLDEN x); the value is made of the
    highest 24 bits of h. Blocks that overlap agree where they do, in whatever order they are asked for.

    Parameters
    ----------
    origin : d integers
        Coordinates of the first value; they may be negative.
    shape : d positive integers
        Size of the block along each coordinate.
    seed : int
        Another seed gives another noise.
    """
    origin, shape = _require_block(origin, shape)
    h = scramble(torch.tensor(require_count(seed, "seed", -(2**63)), dtype=torch.int64))
    for start, n in zip(origin, shape, strict=True):
        h = scramble(h[..., None] + GOLDEN * torch.arange(start, start + n))
    return _shift(h, 40).to(torch.float32) * 2.0**-24


def _require_block(origin: Sequence[int], shape: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape = require_shape(shape)
    if not isinstance(origin, (tuple, list)) or len(origin) != len(shape):
        raise ValueError(f"origin must be {len(shape)} integers, as many as the shape, got {origin!r}")
    return tuple(require_count(x, f"origin[{i}]", -(2**62)) for i, x in enumerate(origin)), shape


def receptive_field(layers: Sequence[Layer]) -> int:
    """Return how many voxels beyond a block its computation reads on each side: the margin m of the first input.

    From the last layer back to the first, starting at m = 0: a convolution without padding, of odd side s, adds
    (s − 1)/2; an upsampling by f divides by f, rounded up.

    Parameters
    ----------
    layers : sequence of ("convolution", s) or ("upsampling", f)
        In the order in which the input passes them.
    """
    margin = 0
    for layer in reversed(require_sequence(layers, "layers")):
        if not isinstance(layer, tuple) or len(layer) != 2:
            raise ValueError(f"layers must be pairs such as ('convolution', 3), got {layer!r}")
        kind, n = layer
        if require_choice(kind, "layers", ("convolution", "upsampling")) == "convolution":
            if require_count(n, "layers") % 2 == 0:
                raise ValueError(f"layers has a convolution of the even side {n}: its margins would be unequal")
            margin += (n - 1) // 2
        else:
            margin = -(-margin // require_count(n, "layers"))
    return margin


class SolidGenerator(nn.Module):
    """From noise to a block of a solid texture: ``generator(noises, origin)`` has shape (3, D, H, W).

    A level for each scale, coarsest first. Each enlarges what comes from the level before by 2, joins it with a noise
    of its own, and convolves twice, without padding: no voxel sees the border of its block. Channels and levels are
    fewer than in Gutierrez et al. (2020), which adds levels of equal width.

    Parameters
    ----------
    widths : sequence of int
        Channels of each level.
    mean : Tensor, shape (3,), optional
        Colour around which the network draws, the exemplar's mean.
    """

    noise_channels = 2
    level_layers: tuple[Layer, ...] = (("convolution", 3), ("convolution", 3))  # of each level

    def __init__(self, widths: Sequence[int], mean: Float[Tensor, " channels"] | None = None) -> None:
        super().__init__()
        self.widths = require_shape(widths, "widths")
        self.enter = nn.ModuleList(nn.Conv3d(a, b, 1) for a, b in pairwise(self.widths))
        joined = (self.noise_channels, *(n + self.noise_channels for n in self.widths[1:]))
        self.levels = nn.ModuleList(_level(a, b) for a, b in zip(joined, self.widths, strict=True))
        self.leave = nn.Conv3d(self.widths[-1], 3, 1)
        nn.init.normal_(self.leave.weight, std=0.05)
        self.register_buffer("mean", torch.full((3,), 0.5) if mean is None else require_tensor(mean, "mean").clone())
        self.mean: Tensor

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All the layers that the coarsest noise passes and that have a margin, for `receptive_field`."""
        return (*self.level_layers, *(len(self.widths) - 1) * (("upsampling", 2), *self.level_layers))

    def forward(self, noises: Sequence[Float[Tensor, "n _ _ _"]], origin: Sequence[int]) -> Float[Tensor, "3 D H W"]:
        """Return the block at ``origin``; values may leave [0, 1] a little.

        Parameters
        ----------
        noises : sequence of Tensor (n, D_l, H_l, W_l)
            The noise of each level, coarsest first, with its margin; the finest gives the size of the block.
        origin : three integers
            Coordinates of the block's first voxel, to know which half of a coarse voxel comes first.
        """
        odd = self._odd_starts(origin)
        x = None
        for level, noise in enumerate(noises):
            z = (noise.to(self.mean.device) - 0.5)[None] * 12**0.5  # uniform, of mean 0 and variance 1
            if x is not None:
                x = F.interpolate(self.enter[level - 1](x), scale_factor=2)
                for axis, (start, n) in enumerate(zip(odd[level], z.shape[2:], strict=True), start=2):
                    x = x.narrow(axis, start, n)
                z = torch.cat([x, z], dim=1)
            x = self.levels[level](z)
        return self.mean[:, None, None, None] + self.leave(x)[0]

    def _odd_starts(self, origin: Sequence[int]) -> list[list[int]]:
        """Return, level by level, 1 along each axis where the noise starts at the second half of a coarse voxel."""
        margin, starts = receptive_field(self.level_layers), []
        for _ in self.widths:
            starts.append([(x - margin) % 2 for x in origin])
            origin = [(x - margin) // 2 for x in origin]
        return starts[::-1]


def _level(entering: int, channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n in (entering, channels):
        layers += [_Convolution(n, channels, 3), nn.BatchNorm3d(channels, momentum=0.02), nn.LeakyReLU(0.1)]
    return nn.Sequential(*layers)


class _Convolution(nn.Conv3d):
    """The same convolution with the thinnest axis last in memory: a slice one voxel thick takes a third of the time."""

    def forward(self, x: Tensor) -> Tensor:
        axes = [0, 1, *sorted((2, 3, 4), key=lambda axis: -x.shape[axis])]
        y = F.conv3d(x.permute(axes).contiguous(), self.weight.permute(axes), self.bias)
        return y.permute([axes.index(i) for i in range(5)])


def evaluate_block(
    generator: SolidGenerator, origin: Sequence[int], shape: Sequence[int], seed: int
) -> Float[Tensor, "3 D H W"]:
    """Return the voxels origin <= x < origin + shape of the infinite solid of a seed, and compute no others.

    From the finest level to the coarsest, the noise is needed on [low − m, high + m), m the margin of a level, and
    then the level before on the coarse voxels that cover it, [⌊low/2⌋, ⌈high/2⌉). The noise of level l (0 the coarsest)
    and channel c is ``spatial_noise`` at (l n + c, x): one noise of four coordinates serves all levels.

    Parameters
    ----------
    generator : SolidGenerator
        In evaluation mode, so that its normalisations are the same for all blocks.
    origin, shape : three integers
        Coordinates may be negative.
    """
    if not isinstance(generator, SolidGenerator):
        raise TypeError(f"generator must be a SolidGenerator, got {type(generator).__name__}")
    origin, shape = _require_block(origin, shape)
    low, high = list(origin), [x + n for x, n in zip(origin, shape, strict=True)]
    margin, channels = receptive_field(generator.level_layers), generator.noise_channels
    noises = []
    for level in reversed(range(len(generator.widths))):
        low, high = [x - margin for x in low], [x + margin for x in high]
        size = [b - a for a, b in zip(low, high, strict=True)]
        noises.append(spatial_noise((level * channels, *low), (channels, *size), seed))
        low, high = [x // 2 for x in low], [-(-x // 2) for x in high]
    return generator(noises[::-1], origin)


@torch.no_grad()
def solid_colors(
    generator: SolidGenerator, points: Float[Tensor, "N 3"], seed: int
) -> tuple[Float[Tensor, "N 3"], int]:
    """Return the colours of a solid at points in voxels, trilinear between voxels, and how many voxels were computed.

    Only the blocks of `BLOCK`³ voxels that hold a point are evaluated, one after the other: memory does not grow with
    the solid. The voxel of coordinates x lies at the point x.
    """
    if require_tensor(points, "points").ndim != 2 or points.shape[-1] != 3:
        raise ValueError(f"points must have shape (N, 3), got {tuple(points.shape)}")
    blocks, which = torch.unique((points / BLOCK).floor().long(), dim=0, return_inverse=True)
    colors, count = points.new_empty(len(points), 3), 0
    for i, block in enumerate(blocks):
        inside = which == i
        v = evaluate_block(generator, (BLOCK * block).tolist(), 3 * (BLOCK + 1,), seed).to(points)
        place = (points[inside] - BLOCK * block) * 2 / BLOCK - 1  # from -1 to 1, the last coordinate first
        colors[inside] = F.grid_sample(v[None], place.flip(-1)[None, None, None], align_corners=True)[0, :, 0, 0].T
        count += v[0].numel()
    return colors, count


def load_solid(name: str) -> SolidGenerator:
    """Return the trained generator of one of `SOLIDS`, in evaluation mode."""
    return load_network(SolidGenerator(SOLIDS[require_choice(name, "name", SOLIDS)]), f"solid_{name}")
