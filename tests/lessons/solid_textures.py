"""Bank of lesson 14: right and wrong answers on slices, noise of coordinates, margins, blocks and their loss."""

import itertools
import math

import torch

from course_utils import generators
from course_utils.explorers.solid_textures import explore_solid, solid_picture
from course_utils.generators import GOLDEN, receptive_field, scramble
from course_utils.textures import gram_matrix
from tests.explorer_case import ExplorerCase

# --- slice_solid -----------------------------------------------------------------------------------------------------


def slice_by_indexing(v, axis, k):
    if axis == 0:
        return v[..., k, :, :]
    return v[..., k, :] if axis == 1 else v[..., k]


def slice_by_moving(v, axis, k):
    return v.movedim(axis - 3, 0)[k]


def slice_by_narrowing(v, axis, k):
    return v.narrow(axis - 3, k, 1).squeeze(axis - 3)


def slice_of_the_tensor(v, axis, k):
    return v.select(axis, k)


def slice_with_a_channel(v, axis, k):
    return v.select(axis + 1, k)


def slice_from_the_end(v, axis, k):
    return v.select(-1 - axis, k)


def slice_transposed(v, axis, k):
    return v.select(axis - 3, k).mT


def slice_before(v, axis, k):
    return v.select(axis - 3, k - 1)


def slice_counted_backwards(v, axis, k):
    return v.select(axis - 3, v.shape[axis - 3] - 1 - k)


def slice_thick(v, axis, k):
    return v.narrow(axis - 3, k, 1)


def slice_always_of_depth(v, axis, k):
    return v[..., k, :, :]


def slice_summed(v, axis, k):
    return v.sum(dim=axis - 3)


def slice_of_the_first(v, axis, k):
    return v[k]


# --- spatial_noise ---------------------------------------------------------------------------------------------------


def uniform(h):
    return ((h >> 40) & (2**24 - 1)).float() / 2**24


def hashed(origin, shape, h, factor=GOLDEN):
    for start, n in zip(origin, shape, strict=True):
        h = scramble(h[..., None] + factor * torch.arange(start, start + n))
    return h


def noise_by_grids(origin, shape, seed):
    grids = torch.meshgrid(*(torch.arange(a, a + n) for a, n in zip(origin, shape, strict=True)), indexing="ij")
    h = scramble(torch.tensor(seed, dtype=torch.int64))
    for x in grids:
        h = scramble(h + GOLDEN * x)
    return uniform(h)


def noise_voxel_by_voxel(origin, shape, seed):
    z = torch.empty(tuple(shape))
    for place in itertools.product(*(range(n) for n in shape)):
        h = scramble(torch.tensor(seed))
        for start, i in zip(origin, place, strict=True):
            h = scramble(h + GOLDEN * torch.tensor(start + i))
        z[place] = (h.item() % 2**64 >> 40) / 2**24
    return z


def noise_in_double(origin, shape, seed):
    h = hashed(origin, shape, scramble(torch.tensor([seed]))[0])
    return ((h >> 40) % 2**24).double() / 2**24


def noise_of_torch(origin, shape, seed):
    return torch.rand(tuple(shape))


def noise_of_a_generator(origin, shape, seed):
    return torch.rand(tuple(shape), generator=torch.Generator().manual_seed(seed))


def noise_of_the_origin(origin, shape, seed):
    number = hash((tuple(origin), seed)) % 2**31
    return torch.rand(tuple(shape), generator=torch.Generator().manual_seed(number))


def noise_signed(origin, shape, seed):
    return (hashed(origin, shape, scramble(torch.tensor(seed))) >> 40).float() / 2**24


def noise_modulus(origin, shape, seed):
    return noise_signed(origin, shape, seed).abs()


def noise_scrambled_once(origin, shape, seed):
    h = scramble(torch.tensor(seed))
    for start, n in zip(origin, shape, strict=True):
        h = h[..., None] + GOLDEN * torch.arange(start, start + n)
    return uniform(scramble(h))


def noise_not_scrambled(origin, shape, seed):
    h = scramble(torch.tensor(seed))
    for start, n in zip(origin, shape, strict=True):
        h = h[..., None] + GOLDEN * torch.arange(start, start + n)
    return uniform(h)


def noise_without_origin(origin, shape, seed):
    return uniform(hashed([0] * len(shape), shape, scramble(torch.tensor(seed))))


def noise_without_seed(origin, shape, seed):
    return uniform(hashed(origin, shape, scramble(torch.tensor(0))))


def noise_seed_as_it_is(origin, shape, seed):
    return uniform(hashed(origin, shape, torch.tensor(seed)))


def noise_without_constant(origin, shape, seed):
    return uniform(hashed(origin, shape, scramble(torch.tensor(seed)), 1))


def noise_backwards(origin, shape, seed):
    h = hashed(origin[::-1], shape[::-1], scramble(torch.tensor(seed)))
    return uniform(h.permute(*reversed(range(len(shape)))))


def noise_not_divided(origin, shape, seed):
    return 2**24 * noise_by_grids(origin, shape, seed)


def noise_centred(origin, shape, seed):
    return 2 * noise_by_grids(origin, shape, seed) - 1


def noise_of_low_bits(origin, shape, seed):
    return (hashed(origin, shape, scramble(torch.tensor(seed))) & (2**24 - 1)).float() / 2**24


def noise_of_moduli(origin, shape, seed):
    grids = torch.meshgrid(*(torch.arange(a, a + n) for a, n in zip(origin, shape, strict=True)), indexing="ij")
    h = scramble(torch.tensor(seed))
    for x in grids:
        h = scramble(h + GOLDEN * x.abs())
    return uniform(h)


def noise_up_to_the_shape(origin, shape, seed):
    h = scramble(torch.tensor(seed))
    for start, n in zip(origin, shape, strict=True):
        h = scramble(h[..., None] + GOLDEN * torch.arange(min(start, n), n))
    return uniform(h)


def noise_of_integers(origin, shape, seed):
    return (hashed(origin, shape, scramble(torch.tensor(seed))) >> 40) & (2**24 - 1)


# --- receptive_field -------------------------------------------------------------------------------------------------


def margin_by_ceil(layers):
    m = 0
    for kind, n in layers[::-1]:
        m = m + n // 2 if kind == "convolution" else math.ceil(m / n)
    return m


def margin_by_recursion(layers):
    if not layers:
        return 0
    (kind, n), rest = layers[0], margin_by_recursion(layers[1:])
    return rest + (n - 1) / 2 if kind == "convolution" else (rest + n - 1) // n


def margin_by_sizes(layers):
    """Follow a large block back: half of what its input has more than the blocks's voxels of that scale."""
    low, high, factor = 0, 720, 1
    for kind, n in reversed(layers):
        if kind == "convolution":
            low, high = low - n // 2, high + n // 2
        else:
            low, high, factor = low // n, -(-high // n), factor * n
    return -low


def margin_forwards(layers):
    m = 0
    for kind, n in layers:
        m = m + (n - 1) // 2 if kind == "convolution" else -(-m // n)
    return m


def margin_of_both_sides(layers):
    m = 0
    for kind, n in reversed(layers):
        m = m + n - 1 if kind == "convolution" else -(-m // n)
    return m


def margin_with_the_voxel(layers):
    m = 0
    for kind, n in reversed(layers):
        m = m + n if kind == "convolution" else -(-m // n)
    return m


def margin_rounded_down(layers):
    m = 0
    for kind, n in reversed(layers):
        m = m + n // 2 if kind == "convolution" else m // n
    return m


def margin_rounded_once(layers):
    """Right: ⌈(⌈m/f⌉ + n)/g⌉ = ⌈(m/f + n)/g⌉ for integers n."""
    m = 0
    for kind, n in reversed(layers):
        m = m + n // 2 if kind == "convolution" else m / n
    return math.ceil(m)


def margin_cut_off(layers):
    m = 0
    for kind, n in reversed(layers):
        m = m + n // 2 if kind == "convolution" else m / n
    return int(m)


def margin_with_fractions(layers):
    m = 0
    for kind, n in reversed(layers):
        m = m + n // 2 if kind == "convolution" else m / n
    return m


def margin_multiplied(layers):
    m = 0
    for kind, n in reversed(layers):
        m = m + n // 2 if kind == "convolution" else m * n
    return m


def margin_of_the_output(layers):
    m = 0
    for kind, n in layers:
        m = m + n // 2 if kind == "convolution" else m * n
    return m


def margin_of_convolutions_only(layers):
    return sum(n // 2 for kind, n in layers if kind == "convolution")


def margin_as_width(layers):
    return 2 * receptive_field(layers) + 1


def margin_of_three(layers):
    return 3


# --- evaluate_block --------------------------------------------------------------------------------------------------


def regions(generator, origin, shape, m=2):
    low, high = list(origin), [x + n for x, n in zip(origin, shape, strict=True)]
    found = []
    for _ in generator.widths:
        low, high = [x - m for x in low], [x + m for x in high]
        found.append((low, [b - a for a, b in zip(low, high, strict=True)]))
        low, high = [x // 2 for x in low], [-(-x // 2) for x in high]
    return found[::-1]


def block_by_regions(generator, origin, shape, seed):
    n = generator.noise_channels
    return generator(
        [
            generators.spatial_noise((k * n, *low), (n, *size), seed)
            for k, (low, size) in enumerate(regions(generator, origin, shape))
        ],
        origin,
    )


def block_by_recursion(generator, origin, shape, seed):
    n, m = generator.noise_channels, receptive_field(generator.level_layers)

    def noises(level, low, high):
        if level < 0:
            return []
        low, high = torch.as_tensor(low) - m, torch.as_tensor(high) + m
        z = generators.spatial_noise((level * n, *low.tolist()), (n, *(high - low).tolist()), seed)
        return [
            *noises(level - 1, torch.div(low, 2, rounding_mode="floor"), (high + 1).div(2, rounding_mode="floor")),
            z,
        ]

    high = [x + s for x, s in zip(origin, shape, strict=True)]
    return generator(noises(len(generator.widths) - 1, origin, high), origin)


def block_out_of_a_larger_one(generator, origin, shape, seed):
    """Compute an aligned block that holds the one asked for, and cut it out."""
    start = [x // 4 * 4 for x in origin]
    size = [-(-(x + n) // 4) * 4 - a for x, n, a in zip(origin, shape, start, strict=True)]
    v = block_by_regions(generator, start, size, seed)
    for axis, (x, n, a) in enumerate(zip(origin, shape, start, strict=True), start=1):
        v = v.narrow(axis, x - a, n)
    return v


def block_channel_by_channel(generator, origin, shape, seed):
    n, noises = generator.noise_channels, []
    for k, (low, size) in enumerate(regions(generator, origin, shape)):
        noises.append(torch.cat([generators.spatial_noise((k * n + c, *low), (1, *size), seed) for c in range(n)]))
    return generator(noises, tuple(origin))


def variant(starts=None, seeds=None, reverse=False, m=2, told=None, n=None):
    """Return the noises of the regions, changed in one way."""

    def block(generator, origin, shape, seed):
        channels, noises = generator.noise_channels, []
        found = regions(generator, origin, shape, m)
        for k, (low, size) in enumerate(found):
            start = (k * channels, *low) if starts is None else starts(k, low, origin)
            noises.append(generators.spatial_noise(start, (channels, *size), seed if seeds is None else seeds(seed, k)))
        return generator(noises[::-1] if reverse else noises, origin if told is None else told)

    return block


def block_with_the_same_channels(generator, origin, shape, seed):
    return variant(lambda k, low, origin: (0, *low))(generator, origin, shape, seed)


def block_with_level_as_channel(generator, origin, shape, seed):
    return variant(lambda k, low, origin: (k, *low))(generator, origin, shape, seed)


def block_with_a_seed_for_each_level(generator, origin, shape, seed):
    return variant(lambda k, low, origin: (0, *low), lambda seed, k: seed + k)(generator, origin, shape, seed)


def block_with_noise_at_zero(generator, origin, shape, seed):
    return variant(lambda k, low, origin: (2 * k, 0, 0, 0))(generator, origin, shape, seed)


def block_with_noise_at_the_origin(generator, origin, shape, seed):
    return variant(lambda k, low, origin: (2 * k, *origin))(generator, origin, shape, seed)


def block_finest_first(generator, origin, shape, seed):
    return variant(reverse=True)(generator, origin, shape, seed)


def block_without_margin(generator, origin, shape, seed):
    return variant(m=0)(generator, origin, shape, seed)


def block_margin_of_both_sides(generator, origin, shape, seed):
    return variant(m=4)(generator, origin, shape, seed)


def block_told_zero(generator, origin, shape, seed):
    return variant(told=(0, 0, 0))(generator, origin, shape, seed)


def block_without_seed(generator, origin, shape, seed):
    return variant(seeds=lambda seed, k: 0)(generator, origin, shape, seed)


def block_with_random_noise(generator, origin, shape, seed):
    n = generator.noise_channels
    return generator([torch.rand(n, *size) for _, size in regions(generator, origin, shape)], origin)


def block_without_channels(generator, origin, shape, seed):
    found = regions(generator, origin, shape)
    return generator([generators.spatial_noise(low, size, seed) for low, size in found], origin)


def block_halved_sizes(generator, origin, shape, seed):
    n, noises = generator.noise_channels, []
    low, size = list(origin), list(shape)
    for k in reversed(range(len(generator.widths))):
        low, size = [x - 2 for x in low], [x + 4 for x in size]
        noises.insert(0, generators.spatial_noise((k * n, *low), (n, *size), seed))
        low, size = [x // 2 for x in low], [x // 2 for x in size]
    return generator(noises, origin)


def block_high_rounded_down(generator, origin, shape, seed):
    n, noises = generator.noise_channels, []
    low, high = list(origin), [x + s for x, s in zip(origin, shape, strict=True)]
    for k in reversed(range(len(generator.widths))):
        low, high = [x - 2 for x in low], [x + 2 for x in high]
        size = [b - a for a, b in zip(low, high, strict=True)]
        noises.insert(0, generators.spatial_noise((k * n, *low), (n, *size), seed))
        low, high = [x // 2 for x in low], [x // 2 for x in high]
    return generator(noises, origin)


# --- solid_loss ------------------------------------------------------------------------------------------------------


def loss_by_stack(slices, targets):
    terms = [
        torch.linalg.norm(gram_matrix(slices[i][layer]) - g) / torch.linalg.norm(g)
        for i in range(3)
        if targets[i] is not None
        for layer, g in targets[i].items()
    ]
    return torch.stack(terms).sum()


def loss_by_squares(slices, targets):
    total = torch.zeros((), dtype=torch.float64)
    for features, grams in zip(slices, targets, strict=True):
        if grams is None:
            continue
        for layer in grams:
            v = features[layer].flatten(1)
            error = v @ v.T / v.shape[1] - grams[layer]
            total = total + (error.pow(2).sum() / grams[layer].pow(2).sum()).sqrt()
    return total


def loss_by_generator(slices, targets):
    def of_direction(features, grams):
        return sum((gram_matrix(features[k]) - g).norm() / g.norm() for k, g in grams.items())

    return sum(of_direction(f, g) for f, g in zip(slices, targets, strict=True) if g)


def pairs(slices, targets):
    return [(gram_matrix(f[layer]), g) for f, t in zip(slices, targets, strict=True) for layer, g in (t or {}).items()]


def loss_of_squares(slices, targets):
    return sum((a - g).square().sum() / g.square().sum() for a, g in pairs(slices, targets))


def loss_not_relative(slices, targets):
    return sum((a - g).norm() for a, g in pairs(slices, targets))


def loss_of_squares_not_relative(slices, targets):
    return sum((a - g).square().sum() for a, g in pairs(slices, targets))


def loss_mean(slices, targets):
    return sum((a - g).norm() / g.norm() for a, g in pairs(slices, targets)) / len(pairs(slices, targets))


def loss_mean_of_directions(slices, targets):
    return sum((a - g).norm() / g.norm() for a, g in pairs(slices, targets)) / 3


def loss_of_the_last_direction(slices, targets):
    for features, grams in zip(slices, targets, strict=True):
        loss = 0.0
        for layer, g in (grams or {}).items():
            loss = loss + (gram_matrix(features[layer]) - g).norm() / g.norm()
    return loss


def loss_returned_early(slices, targets):
    loss = 0.0
    for features, grams in zip(slices, targets, strict=True):
        for layer, g in (grams or {}).items():
            loss = loss + (gram_matrix(features[layer]) - g).norm() / g.norm()
        return loss
    return loss


def loss_with_none(slices, targets):
    loss = 0.0
    for features, grams in zip(slices, targets, strict=True):
        for layer, g in grams.items():
            loss = loss + (gram_matrix(features[layer]) - g).norm() / g.norm()
    return loss


def loss_relative_to_the_slice(slices, targets):
    return sum((a - g).norm() / a.norm() for a, g in pairs(slices, targets))


def loss_of_norms(slices, targets):
    return sum((a.norm() - g.norm()) / g.norm() for a, g in pairs(slices, targets))


def loss_of_absolute_values(slices, targets):
    return sum((a - g).abs().sum() / g.abs().sum() for a, g in pairs(slices, targets))


def loss_detached(slices, targets):
    return sum(((a - g).norm() / g.norm()).item() for a, g in pairs(slices, targets))


def loss_root_of_all(slices, targets):
    return sum((a - g).square().sum() / g.square().sum() for a, g in pairs(slices, targets)).sqrt()


RIGHT = {
    "slice_solid": [slice_by_indexing, slice_by_moving, slice_by_narrowing],
    "spatial_noise": [noise_by_grids, noise_voxel_by_voxel, noise_in_double],
    "receptive_field": [margin_by_ceil, margin_rounded_once, margin_by_recursion, margin_by_sizes],
    "evaluate_block": [block_by_regions, block_by_recursion, block_out_of_a_larger_one, block_channel_by_channel],
    "solid_loss": [loss_by_stack, loss_by_squares, loss_by_generator],
}

WRONG = {
    "slice_solid": [
        ("axis", slice_of_the_tensor),
        ("shape|axis", slice_with_a_channel),
        ("axis", slice_from_the_end),
        ("transpose", slice_transposed),
        ("centering", slice_before),
        ("order", slice_counted_backwards),
        ("shape", slice_thick),
        ("axis", slice_always_of_depth),
        ("mean", slice_summed),
        ("axis", slice_of_the_first),
    ],
    "spatial_noise": [
        ("randomness", noise_of_torch),
        ("randomness", noise_of_a_generator),
        ("randomness", noise_of_the_origin),
        ("sign", noise_signed),
        ("sign", noise_modulus),
        ("value", noise_scrambled_once),
        ("value", noise_not_scrambled),
        ("centering", noise_without_origin),
        ("start", noise_without_seed),
        ("start", noise_seed_as_it_is),
        ("weight", noise_without_constant),
        ("order", noise_backwards),
        ("normalisation", noise_not_divided),
        ("normalisation", noise_centred),
        ("value", noise_of_low_bits),
        ("sign", noise_of_moduli),
        ("shape", noise_up_to_the_shape),
        ("type", noise_of_integers),
    ],
    "receptive_field": [
        ("order", margin_forwards),
        ("normalisation", margin_of_both_sides),
        ("value", margin_with_the_voxel),
        ("truncation", margin_rounded_down),
        ("truncation", margin_cut_off),
        ("truncation", margin_with_fractions),
        ("value", margin_multiplied),
        ("value", margin_of_the_output),
        ("value", margin_of_convolutions_only),
        ("value", margin_as_width),
        ("constant", margin_of_three),
    ],
    "evaluate_block": [
        ("value", block_with_the_same_channels),
        ("value", block_with_level_as_channel),
        ("value", block_with_a_seed_for_each_level),
        ("centering", block_with_noise_at_zero),
        ("centering", block_with_noise_at_the_origin),
        ("order", block_finest_first),
        ("value", block_without_margin),
        ("value", block_margin_of_both_sides),
        ("centering", block_told_zero),
        ("start", block_without_seed),
        ("randomness", block_with_random_noise),
        ("shape", block_without_channels),
        ("truncation", block_halved_sizes),
        ("truncation", block_high_rounded_down),
    ],
    "solid_loss": [
        ("square-root", loss_of_squares),
        ("normalisation", loss_not_relative),
        ("normalisation", loss_of_squares_not_relative),
        ("mean", loss_mean),
        ("mean", loss_mean_of_directions),
        ("value", loss_of_the_last_direction),
        ("value", loss_returned_early),
        ("exception", loss_with_none),
        ("normalisation", loss_relative_to_the_slice),
        ("sign", loss_of_norms),
        ("value", loss_of_absolute_values),
        ("autograd", loss_detached),
        ("square-root", loss_root_of_all),
    ],
}

EXPLORERS = {"explore_solid": ExplorerCase(explore_solid, lambda values: solid_picture(*values.values()))}
