"""Networks that draw images from noise in one pass: textures (lesson 13) and solids (lesson 14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils._validation import require_choice, require_count, require_shape, require_tensor
from course_utils.data import fetch
from course_utils.textures import gram_matrix

__all__ = [
    "SOLIDS",
    "SolidGenerator",
    "evaluate_block",
    "load_solid",
    "receptive_field",
    "scramble",
    "slice_solid",
    "solid_loss",
    "spatial_noise",
]

# --- solids (lesson 14) ----------------------------------------------------------------------------------------------
# J. Gutierrez, J. Rabin, B. Galerne, T. Hurtut (2020), "On demand solid texture synthesis using deep 3D networks",
# 10.1111/cgf.13889. A solid is v of shape (3, D, H, W): axis 0 is the depth, 1 the height, 2 the width.

SOLIDS = {"ballast": (24, 24, 24, 16), "cork": (24, 24, 24, 16), "rock_layers": (24, 24, 16, 16, 16)}
"""The textures whose solids come with the course, and the channels of each level of their generators."""

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
    if len(slices) != len(targets):
        raise ValueError(f"slices and targets must be as many, got {len(slices)} and {len(targets)}")
    errors = []
    for a, (features, grams) in enumerate(zip(slices, targets, strict=True)):
        for layer, gram in (grams or {}).items():
            if layer not in features:
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
    for kind, n in reversed(layers):
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
        self.register_buffer("mean", torch.full((3,), 0.5) if mean is None else mean.clone())
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


def load_solid(name: str) -> SolidGenerator:
    """Return the trained generator of one of `SOLIDS`, in evaluation mode."""
    from safetensors.torch import load_file

    generator = SolidGenerator(SOLIDS[require_choice(name, "name", SOLIDS)])
    weights = load_file(fetch(f"solid_{name}"))
    generator.load_state_dict({key: value.float() for key, value in weights.items()})
    return generator.requires_grad_(False).eval()
