"""Checks of notebook 14: slices, noise of coordinates, margins, blocks on demand, the loss in three directions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from course_utils import generators
from course_utils.checks.engine import (
    Mistake,
    Student,
    exercise,
    expect,
    expect_close,
    is_close,
    random_image,
    recognise,
    recognise_generic,
)
from course_utils.generators import GOLDEN, SolidGenerator, scramble
from course_utils.textures import gram_matrix

Known = tuple[str, Tensor | float, str]
Block = tuple[tuple[int, ...], tuple[int, ...]]

# --- slice_solid -----------------------------------------------------------------------------------------------------


@exercise(
    generators.slice_solid,
    hints=(
        "The solid's three axes are the last three dimensions of v. Fix one coordinate and keep all the others.",
        "For axis 0 it is v[..., k, :, :], for axis 1 v[..., :, k, :], for axis 2 v[..., :, :, k].",
        "return v.select(axis - 3, k)",
    ),
)
def slice_solid(student: Student) -> str:
    """Compare on cubes, where a wrong axis has the right shape, and on blocks, with and without channels."""
    for seed, shape in enumerate(((3, 5, 5, 5), (3, 4, 6, 5), (5, 5, 5), (4, 5, 6))):
        v = random_image(shape, seed)
        for axis, k in ((0, 1), (1, 3), (2, 0), (2, 4)):
            expected = v.select(axis - 3, k)
            answer = _slice_answer(student, v, axis, k)
            if is_close(answer, expected):
                continue
            size = v.shape[axis - 3]
            recognise(
                answer,
                ("centering", v.select(axis - 3, (k + 1) % size), "The slice is the next one: coordinates begin at 0."),
                ("centering", v.select(axis - 3, k - 1), "The slice is the one before: coordinates begin at 0."),
                ("order", v.select(axis - 3, size - 1 - k), "You count the slices from the other end."),
                ("mean", v.mean(dim=axis - 3), "This is the mean along the axis, not the slice at k."),
                ("mean", v.sum(dim=axis - 3), "This is the sum along the axis, not the slice at k."),
            )
            expect_close(answer, expected, "value", f"This is not the slice k = {k} across axis {axis}.")
    return "the slice across each of the three axes, of colour and gray solids, rows and columns in their order"


def _slice_answer(student: Student, v: Tensor, axis: int, k: int) -> Tensor:
    """Return the slice, once it is across the right axis and has the right shape."""
    expected = v.select(axis - 3, k)
    try:
        result = student(v, axis, k)
    except Mistake as mistake:
        if mistake.cause == "exception" and v.ndim == 3:
            text = "A solid without channels, (D, H, W), makes it stop. Count the axes from the end: axis - 3."
            raise Mistake("shape", f"{text} {mistake.message}") from None
        raise
    if isinstance(result, Tensor) and not (result.shape == expected.shape and is_close(result, expected)):
        if result.shape == expected.unsqueeze(axis - 3).shape:
            raise Mistake(
                "shape", "The axis is still there, with length 1: select drops it.", {"your shape": tuple(result.shape)}
            )
        if result.shape == expected.mT.shape and is_close(result, expected.mT):
            raise Mistake("transpose", "Rows and columns are exchanged: keep the two other axes in their order.")
        for other in range(v.ndim):
            if k < v.shape[other] and result.shape == (wrong := v.select(other, k)).shape and is_close(result, wrong):
                text = f"For axis = {axis} you cut dimension {other} of v. The solid's axes are the last three dimensions: count from the end, axis - 3."
                raise Mistake("axis", text, {"shape of v": tuple(v.shape)})
    return student.as_tensor(result, tuple(expected.shape))


# --- spatial_noise ---------------------------------------------------------------------------------------------------

_BLOCKS: tuple[Block, ...] = (
    ((2, 5), (4, 3)),
    ((0, 7, 3), (2, 5, 4)),
    ((-6, 3, -1), (4, 3, 5)),
    ((1, -2, 40, -9), (2, 3, 1, 4)),
)


@exercise(
    generators.spatial_noise,
    hints=(
        "Let h start as one scrambled number, and grow by one dimension for each coordinate: h[..., None] + c x, x along "
        "the new dimension, scrambled again.",
        "h₀ = scramble(seed), h_i = scramble(h_{i−1} + c x_i), z = ((h_d >> 40) & (2²⁴ − 1)) / 2²⁴.",
        "h = scramble(torch.tensor(seed))",
    ),
)
def spatial_noise(student: Student) -> str:
    """Compare with the formula, on negative coordinates too; what is wrong is found by properties of the noise."""
    for seed, (origin, shape) in enumerate(_BLOCKS):
        before = torch.random.get_rng_state()
        result = student(origin, shape, 11 * seed)
        drawn = not torch.equal(before, torch.random.get_rng_state())
        expect(
            not drawn,
            "randomness",
            "The noise is drawn by torch's own generator. It must be a function of the coordinates.",
        )
        if isinstance(result, Tensor) and not result.is_floating_point() and not result.is_complex():
            raise Mistake("type", f"The result holds {result.dtype} values: divide by 2²⁴ for numbers in [0, 1).")
        answer = student.as_tensor(result, shape)
        expected = generators.spatial_noise(origin, shape, 11 * seed)
        if not is_close(answer, expected, 1e-6):
            recognise(answer, *_wrong_noises(origin, shape, 11 * seed), rtol=1e-6)
            _examine_noise(student, answer)
            recognise_generic(student, answer, expected)
            expect_close(
                answer,
                expected,
                "value",
                "Uniform noise of the coordinates, but not the one of the formula, which the rest of the notebook computes with.",
                1e-6,
            )
    start = time.process_time()
    student((0, 0), (24, 24), 1)
    if time.process_time() - start > 0.02:  # the course's function takes a hundredth of it
        student.remark = "The values are right, but a block of a million voxels would take minutes: let all coordinates of an axis go in at once, with torch.arange."
    return "the formula, in 2 to 4 dimensions, at negative coordinates too; blocks that overlap agree"


def _noise(origin: Sequence[int], shape: Sequence[int], h: Tensor, factor: int = GOLDEN) -> Tensor:
    """Return the scrambled integers of a block, from h on."""
    for start, n in zip(origin, shape, strict=True):
        h = scramble(h[..., None] + factor * torch.arange(start, start + n))
    return h


def _uniform(h: Tensor) -> Tensor:
    return ((h >> 40) & (2**24 - 1)).float() / 2**24


def _wrong_noises(origin: Sequence[int], shape: Sequence[int], seed: int) -> list[Known]:
    s = torch.tensor(seed)
    h = _noise(origin, shape, scramble(s))
    grids = torch.meshgrid(*(torch.arange(a, a + n) for a, n in zip(origin, shape, strict=True)), indexing="ij")
    backwards = _noise(origin[::-1], shape[::-1], scramble(s)).permute(*reversed(range(len(shape))))
    linear = scramble(s) + GOLDEN * sum(grids)
    return [
        ("sign", (h >> 40).float() / 2**24, "Values from −½ to ½: torch's >> repeats the sign. Keep 24 bits with & (2**24 - 1)."),
        ("sign", (h >> 40).abs().float() / 2**24, "The sign is taken off by its modulus: half of the bits' patterns meet. Keep 24 bits with & (2**24 - 1)."),
        ("centering", _uniform(_noise([0] * len(shape), shape, scramble(s))), "The origin is not used: every block has the noise of the block at 0."),
        ("start", _uniform(_noise(origin, shape, s)), "The seed is not scrambled first: h₀ = scramble(seed)."),
        ("start", _uniform(_noise(origin, shape, scramble(torch.tensor(0)))), "The seed is not used: h₀ = scramble(seed)."),
        ("start", _uniform(_noise(origin, shape, torch.tensor(0)) ^ scramble(s)), "The seed is joined at the end. It comes first: h₀ = scramble(seed)."),
        ("weight", _uniform(_noise(origin, shape, scramble(s), 1)), "The constant c is missing: h + c x."),
        ("order", _uniform(backwards), "The coordinates go in from the last to the first: h₁ takes x₁."),
        ("value", _uniform(scramble(linear)), "All the coordinates are added, then scrambled once: voxels with the same sum have the same value. Scramble after each coordinate."),
        ("value", _uniform(linear), "Nothing is scrambled after the coordinates: what comes out are stripes."),
        ("sign", _uniform(_noise_of([g.abs() for g in grids], s)), "The coordinates −x and x have the same value: do not take absolute values."),
        ("normalisation", ((h >> 40) & (2**24 - 1)).float(), "Divide by 2²⁴: the values must be in [0, 1)."),
        ("normalisation", _uniform(h) * 2 - 1, "The values are in [−1, 1): only divide by 2²⁴."),
        ("normalisation", _uniform(h) - 0.5, "½ is subtracted: the values must be in [0, 1)."),
        ("value", (h & (2**24 - 1)).float() / 2**24, "These are the lowest 24 bits. Shift by 40 first, for the highest."),
        ("value", h.double() / 2.0**64, "The integer has a sign, so this is from −½ to ½. Take the highest 24 bits."),
        ("value", h.double() / 2.0**63, "The integer has a sign, so this is from −1 to 1. Take the highest 24 bits."),
        ("value", h.double() / 2.0**64 + 0.5, "Uniform, but ½ beside the formula: as an integer without sign, negative h are the large ones."),
    ]  # fmt: skip


def _noise_of(grids: Sequence[Tensor], seed: Tensor) -> Tensor:
    h = scramble(seed)
    for x in grids:
        h = scramble(h + GOLDEN * x)
    return h


def _examine_noise(student: Student, z: Tensor) -> None:
    """Name the property that a noise lacks."""
    expect(
        bool((z >= 0).all() and (z < 1).all()),
        "normalisation",
        "Values must be in [0, 1).",
        smallest=z.min().item(),
        largest=z.max().item(),
    )
    large = student.tensor((-20, -20), (64, 64), 5, shape=(64, 64)).double()
    part = student.tensor((-7, 9), (10, 12), 5, shape=(10, 12)).double()
    if not is_close(part, large[13:23, 29:41]):
        raise Mistake(
            "randomness",
            "Two blocks that overlap do not agree there: a value may depend on its coordinates and the seed only, not on the block.",
        )
    other = student.tensor((-20, -20), (64, 64), 6, shape=(64, 64)).double()
    expect(not is_close(large, other), "randomness", "Two seeds give the same noise.")
    expect(
        abs(large.mean() - 0.5) < 0.03 and abs(large.var() - 1 / 12) < 0.01,
        "normalisation",
        "The values are not uniform on [0, 1).",
        mean=large.mean().item(),
        variance=large.var().item(),
    )
    centred = large - large.mean()
    for name, shift in (
        ("down", (1, 0)),
        ("to the right", (0, 1)),
        ("along the diagonal", (1, 1)),
        ("along the other diagonal", (1, -1)),
    ):
        correlation = ((centred * centred.roll(shift, (0, 1))).mean() / centred.square().mean()).item()
        expect(
            abs(correlation) < 0.1,
            "value",
            f"Neighbouring values are not independent: one step {name} they are correlated.",
            correlation=correlation,
        )


# --- receptive_field -------------------------------------------------------------------------------------------------

_CONV3, _UP = ("convolution", 3), ("upsampling", 2)
_NETWORKS: tuple[tuple[tuple[str, int], ...], ...] = (
    (_CONV3,),
    (_CONV3, ("convolution", 7), ("convolution", 1)),
    (_CONV3, _UP, ("convolution", 5), _CONV3),
    (("convolution", 9), ("upsampling", 3), _CONV3, _UP, _CONV3),
    (_CONV3, _CONV3, _UP, _CONV3, _CONV3, _UP, _CONV3, _CONV3),
    (_UP, _UP, _CONV3, _UP, ("convolution", 11), _CONV3),
    (),
)


@exercise(
    generators.receptive_field,
    hints=(
        "How many voxels of its input does the last layer read beyond the block? That is the margin the layer before must deliver. Go back to the first.",
        "Backwards from m = 0: a convolution m ← m + (s − 1)/2, an upsampling m ← ⌈m/f⌉.",
        "for kind, n in reversed(layers):",
    ),
)
def receptive_field(student: Student) -> str:
    """Compare on networks with one and several convolutions, and with upsamplings by 2 and 3."""
    answers = [student.number(layers) for layers in _NETWORKS]
    expected = [generators.receptive_field(layers) for layers in _NETWORKS]
    if all(math.isclose(a, e, abs_tol=1e-9) for a, e in zip(answers, expected, strict=True)):
        return "convolutions add (s − 1)/2, upsamplings divide and round up, from the last layer to the first"
    if len(set(answers)) == 1:
        raise Mistake("constant", "The margin is the same for every network.", {"yours": answers[0]})
    for cause, wrong, text in _WRONG_MARGINS:
        if all(math.isclose(a, wrong(layers), abs_tol=1e-9) for a, layers in zip(answers, _NETWORKS, strict=True)):
            raise Mistake(cause, text, _first_difference(answers, expected))
    raise Mistake("value", "This is not the margin of the first layer's input.", _first_difference(answers, expected))


def _first_difference(answers: Sequence[float], expected: Sequence[int]) -> dict[str, Any]:
    i = next(i for i, (a, e) in enumerate(zip(answers, expected, strict=True)) if not math.isclose(a, e, abs_tol=1e-9))
    return {"layers": _NETWORKS[i], "yours": answers[i], "expected": expected[i]}


Step = Callable[[float, int], float]


def _walk(layers: Sequence[tuple[str, int]], convolve: Step, enlarge: Step) -> float:
    margin: float = 0
    for kind, n in layers:
        margin = convolve(margin, n) if kind == "convolution" else enlarge(margin, n)
    return margin


def _adds(m: float, s: int) -> float:
    return m + (s - 1) // 2


def _covers(m: float, f: int) -> float:
    return -(-m // f)


_WRONG_MARGINS: tuple[tuple[str, Callable[[Any], float], str], ...] = (
    ("order", lambda layers: _walk(layers, _adds, _covers), "You go from the first layer to the last. The margin is 0 at the end of the network: go backwards."),
    ("normalisation", lambda layers: _walk(layers[::-1], lambda m, s: m + s - 1, _covers), "A convolution of side s takes s − 1 voxels in all, thus (s − 1)/2 on each side."),
    ("value", lambda layers: _walk(layers[::-1], lambda m, s: m + s, _covers), "A convolution of side s adds (s − 1)/2 on each side: its own voxel is no margin."),
    ("value", lambda layers: _walk(layers[::-1], lambda m, s: m + (s + 1) // 2, _covers), "A convolution of side s adds (s − 1)/2: its own voxel is no margin."),
    ("truncation", lambda layers: _walk(layers[::-1], _adds, lambda m, f: m // f), "You round down. Half a coarse voxel of margin needs the whole coarse voxel: round up."),
    ("truncation", lambda layers: int(_walk(layers[::-1], _adds, lambda m, f: m / f)), "You cut off the fraction at the end. Round up, at each upsampling."),
    ("truncation", lambda layers: _walk(layers[::-1], _adds, lambda m, f: m / f), "Voxels cannot be cut: round up at each upsampling."),
    ("truncation", lambda layers: _walk(layers[::-1], _adds, lambda m, f: m // f + 1), "m // f + 1 is one too many when f divides m: round up, -(-m // f)."),
    ("value", lambda layers: _walk(layers[::-1], _adds, lambda m, f: m * f), "Backwards, an upsampling makes margins smaller: m voxels after it are ⌈m/f⌉ before it."),
    ("value", lambda layers: _walk(layers, _adds, lambda m, f: m * f), "This is the margin in voxels of the output. Asked for is that of the first layer's input, in its own voxels."),
    ("value", lambda layers: _walk(layers[::-1], _adds, lambda m, f: m), "The upsamplings are left out: m voxels after an upsampling by f are ⌈m/f⌉ before it."),
    ("value", lambda layers: 2 * _walk(layers[::-1], _adds, _covers) + 1, "This is the whole width of the region, 2m + 1. Asked for is the margin m on each side."),
    ("value", lambda layers: 2 * _walk(layers[::-1], _adds, _covers), "This is the margin of both sides together."),
)  # fmt: skip

# --- evaluate_block --------------------------------------------------------------------------------------------------

_WIDTHS = (4, 5, 3)
_TOLD = "The generator is told another place than the origin of the block: it must know which half of a coarse voxel comes first."
_PLACES: tuple[Block, ...] = (((0, 0, 0), (4, 8, 4)), ((3, -5, 10), (1, 6, 9)), ((-7, 2, -1), (5, 1, 2)))


@cache
def _small_generator() -> SolidGenerator:
    """Return a generator with random weights, whose blocks have mean about 0 and a contrast of about 1."""
    with torch.random.fork_rng():
        torch.manual_seed(14)
        generator = SolidGenerator(_WIDTHS, torch.zeros(3))
        torch.nn.init.normal_(generator.leave.weight)
        for name, buffer in generator.named_buffers():
            if name.endswith("running_var"):
                buffer.fill_(0.3)
    return generator.requires_grad_(False).eval()


@exercise(
    generators.evaluate_block,
    hints=(
        "The finest noise is needed a margin beyond the block. What the level before must give is whatever coarse voxels touch that region; then the same again, down to the coarsest.",
        "low ← low − m, high ← high + m: the noise of this level. Then low ← ⌊low/2⌋, high ← ⌈high/2⌉ for the level before.",
        "low, high = list(origin), [x + n for x, n in zip(origin, shape)]",
    ),
)
def evaluate_block(student: Student) -> str:
    """Compare with the reference on blocks at even, odd and negative places, one of them thin."""
    generator = _small_generator()
    for seed, (origin, shape) in enumerate(_PLACES):
        answer = _block_answer(student, generator, origin, shape, seed + 3)
        expected = generators.evaluate_block(generator, origin, shape, seed + 3)
        if is_close(answer, expected, 1e-3):
            continue
        recognise(answer, *_wrong_blocks(generator, origin, shape, seed + 3))
        again = student(generator, origin, shape, seed + 3)
        expect(
            is_close(again, answer),
            "randomness",
            "Two calls with the same arguments give two blocks: take the noise from spatial_noise.",
        )
        if origin[0] < 0 or origin[1] < 0:
            expect_close(
                answer,
                expected,
                "value",
                "Right at coordinates that are not negative, wrong at negative ones: round down with //, not with int.",
                1e-3,
            )
        expect_close(
            answer,
            expected,
            "value",
            "The block is not generator(noises, origin) with the noise of its own voxels and margins at each level.",
            1e-3,
        )
    return (
        "blocks at even, odd and negative coordinates, thick and one voxel thin, equal those of the course to rounding"
    )


def _block_answer(
    student: Student, generator: SolidGenerator, origin: Sequence[int], shape: Sequence[int], seed: int
) -> Tensor:
    """Return the block; when the generator stops on noises of wrong sizes, say what is the likely reason."""
    sizes: list[tuple[int, ...]] = []
    places: list[Any] = []

    def note(_: Any, args: tuple[Any, ...]) -> None:
        sizes.extend(_sizes(args[0]))
        places.extend(args[1:])

    hook = generator.register_forward_pre_hook(note)
    try:
        result = student(generator, origin, shape, seed)
    except Mistake as mistake:
        if mistake.cause == "exception" and sizes == _right_sizes(generator, origin, shape) and list(places[0]) != list(origin):
            raise Mistake("centering", _TOLD, {"origin": origin, "given to the generator": places[0]}) from None
        if mistake.cause == "exception" and sizes:
            raise _explain_sizes(sizes, _right_sizes(generator, origin, shape), mistake) from None
        raise
    finally:
        hook.remove()
    expected = (3, *shape)
    if (
        isinstance(result, Tensor)
        and tuple(result.shape) != expected
        and sizes
        and sizes != _right_sizes(generator, origin, shape)
    ):
        raise _explain_sizes(sizes, _right_sizes(generator, origin, shape), None)
    return student.as_tensor(result, expected)


def _sizes(noises: Any) -> list[tuple[int, ...]]:
    return [tuple(noise.shape) if isinstance(noise, Tensor) else () for noise in noises]


def _right_sizes(generator: SolidGenerator, origin: Sequence[int], shape: Sequence[int]) -> list[tuple[int, ...]]:
    return [size for _, size in _regions(generator, origin, shape)]


def _regions(generator: SolidGenerator, origin: Sequence[int], shape: Sequence[int]) -> list[Block]:
    """Return origin and shape of the noise of each level, coarsest first, channels included."""
    low, high = list(origin), [x + n for x, n in zip(origin, shape, strict=True)]
    m, n, found = generators.receptive_field(generator.level_layers), generator.noise_channels, []
    for level in reversed(range(len(generator.widths))):
        low, high = [x - m for x in low], [x + m for x in high]
        found.append(((level * n, *low), (n, *(b - a for a, b in zip(low, high, strict=True)))))
        low, high = [x // 2 for x in low], [-(-x // 2) for x in high]
    return found[::-1]


def _explain_sizes(sizes: list[tuple[int, ...]], right: list[tuple[int, ...]], mistake: Mistake | None) -> Mistake:
    """Return the mistake that noises of wrong sizes show."""
    shown = {"sizes of your noises": sizes, "expected": right}
    if sizes == right[::-1]:
        return Mistake(
            "order", "The noises come from the finest to the coarsest: the generator wants the coarsest first.", shown
        )
    if len(sizes) != len(right):
        return Mistake("value", "The generator wants one noise for each level.", shown)
    if all(len(size) == 3 for size in sizes):
        return Mistake(
            "shape", "The noises lack their channels: spatial_noise with four coordinates, the channel first.", shown
        )
    if sizes[-1] == (right[-1][0], *(n - 4 for n in right[-1][1:])):
        return Mistake("value", "The finest noise has no margin: the block comes out smaller than asked for.", shown)
    if sizes[-1] == right[-1]:
        return Mistake(
            "truncation",
            "The finest noise is right, the coarser ones are not. The coarse voxels that touch [low, high) are [⌊low/2⌋, ⌈high/2⌉).",
            shown,
        )
    text = "The noises have the wrong sizes: at each level [low − m, high + m)."
    return Mistake("value", f"{text} {mistake.message}" if mistake else text, shown)


def _wrong_blocks(generator: SolidGenerator, origin: Sequence[int], shape: Sequence[int], seed: int) -> list[Known]:
    regions = _regions(generator, origin, shape)
    n = generator.noise_channels
    coarse_first = [r[0][1:] for r in regions]

    def block(
        starts: Sequence[Sequence[int]], place: Sequence[int] = origin, seeds: Sequence[int] | None = None
    ) -> Tensor:
        seeds = seeds or [seed] * len(regions)
        noises = [
            generators.spatial_noise(tuple(start), size, s)
            for start, (_, size), s in zip(starts, regions, seeds, strict=True)
        ]
        try:
            return generator(noises, place)
        except RuntimeError:  # a place of another parity may want other sizes
            return torch.full((3, *shape), math.inf)

    right = [start for start, _ in regions]
    levels = range(len(regions))
    backwards = [((len(regions) - 1 - k) * n, *x) for k, x in zip(levels, coarse_first, strict=True)]
    return [
        ("value", block([(0, *x) for x in coarse_first]), "Every level has the same channels of noise, 0 and 1: level l begins at channel l n."),
        ("value", block([(k, *x) for k, x in zip(levels, coarse_first, strict=True)]), "Level l begins at channel l. It has n channels: begin at l n, or levels share values."),
        ("order", block(backwards), "The channels are counted from the finest level: level 0 is the coarsest."),
        ("value", block([(0, *x) for x in coarse_first], seeds=[seed + k for k in levels]), "Each level has a seed of its own, seed + l, so that solids of neighbouring seeds share noise. Use channels l n, l n + 1, ... and one seed."),
        ("centering", block([(k * n, 0, 0, 0) for k in levels]), "The noise of every block begins at 0: each level needs the noise at its own low."),
        ("centering", block([(k * n, *origin) for k in levels]), "The noise of every level begins at the origin of the block. It begins at low, a margin before, and at coarse coordinates."),
        ("centering", block([(k * n, *(x + 2 for x in start)) for k, start in enumerate(coarse_first)]), "The noise begins at the block without its margin: at low − m."),
        ("start", block(right, seeds=[0] * len(regions)), "The seed is not passed on to the noise."),
        ("centering", block(right, [0, 0, 0]), _TOLD),
    ]  # fmt: skip


# --- solid_loss ------------------------------------------------------------------------------------------------------

_LAYERS = {"conv1_1": (3, 6, 5), "pool1": (4, 3, 4), "relu3_2": (2, 5, 3)}


def _loss_case(seed: int, free: int | None) -> tuple[list[dict[str, Tensor]], list[dict[str, Tensor] | None]]:
    """Return features in three directions, with a layer too many, and targets in another order, one None if wanted."""
    slices = [{layer: random_image(shape, 10 * seed + i) + 0.5 for layer, shape in _LAYERS.items()} for i in range(3)]
    targets: list[dict[str, Tensor] | None] = [
        {
            layer: gram_matrix(random_image(_LAYERS[layer], 10 * seed + 5 + i) + 1) * (1 + i)
            for layer in ("pool1", "conv1_1")
        }
        for i in range(3)
    ]
    if free is not None:
        targets[free] = None
    return slices, targets


@exercise(
    generators.solid_loss,
    hints=(
        "Each direction has its own slice and its own targets. Add the relative error of the Gram matrix of each layer that the targets name.",
        "Σ_d Σ_L ‖G^L(v_d) − G^L(u_d)‖_F / ‖G^L(u_d)‖_F; a direction whose targets are None adds nothing.",
        "for features, grams in zip(slices, targets, strict=True):",
    ),
)
def solid_loss(student: Student) -> str:
    """Compare on three directions, with targets for all of them, and with one that is free."""
    for seed, free in ((0, None), (1, 0), (2, 2)):
        slices, targets = _loss_case(seed, free)
        try:
            answer = student.number(slices, targets)
        except Mistake as mistake:
            if mistake.cause == "exception" and free is not None:
                raise Mistake(
                    "exception",
                    f"A direction without an exemplar, None in targets, makes it stop: skip it. {mistake.message}",
                ) from None
            raise
        expected = generators.solid_loss(slices, targets).item()
        if not is_close(answer, expected):
            recognise(answer, *_wrong_losses(slices, targets))
            expect_close(
                answer,
                expected,
                "value",
                "This is not the sum of ‖G − target‖_F / ‖target‖_F over directions and layers.",
            )
    _expect_differentiable(student)
    return "the relative errors of all layers in all directions that have an exemplar, and it can be differentiated"


def _wrong_losses(slices: list[dict[str, Tensor]], targets: list[dict[str, Tensor] | None]) -> list[Known]:
    pairs = [
        (gram_matrix(f[layer]), g)
        for f, grams in zip(slices, targets, strict=True)
        for layer, g in (grams or {}).items()
    ]
    ratios = torch.stack([(a - g).norm() / g.norm() for a, g in pairs])
    count = sum(grams is not None for grams in targets)
    last = max(i for i, grams in enumerate(targets) if grams is not None)
    first = min(i for i, grams in enumerate(targets) if grams is not None)
    return [
        ("square-root", ratios.square().sum(), "These are squared relative errors. The loss is a sum of norms: their squares hardly train (notebook 13)."),
        ("square-root", torch.stack([(a - g).square().sum() / g.norm() for a, g in pairs]).sum(), "The numerator is squared, the denominator is not: ‖·‖_F in both."),
        ("square-root", ratios.square().sum().sqrt(), "The root is taken of the whole sum. It is in each term: ‖G − target‖_F is a norm."),
        ("normalisation", torch.stack([(a - g).norm() for a, g in pairs]).sum(), "The errors are not relative: divide each by ‖G^L(u_d)‖_F, or the layer with the largest features decides alone."),
        ("normalisation", torch.stack([(a - g).square().sum() for a, g in pairs]).sum(), "Squared errors, not relative: divide ‖G − target‖_F by ‖target‖_F."),
        ("normalisation", torch.stack([(a - g).norm() / a.norm() for a, g in pairs]).sum(), "You divide by the norm of the slice's own Gram matrix, which changes in training. Divide by that of the target."),
        ("normalisation", torch.stack([(a - g).norm() for a, g in pairs]).sum() / torch.stack([g.norm() for _, g in pairs]).sum(), "You divide the sum of errors by the sum of norms. Each layer has its own relative error."),
        ("mean", ratios.mean(), "This is the mean over directions and layers; the formula has sums."),
        ("mean", ratios.sum() / 3, "This is the mean over the directions; the formula has a sum."),
        ("mean", ratios.sum() / count, "This is the mean over the directions that have an exemplar; the formula has a sum."),
        ("mean", ratios.sum() * count / len(ratios), "This is the mean over the layers; the formula has a sum."),
        ("value", _of_directions(slices, targets, [first]), "Only one direction counts: the sum begins anew, or return stands inside the loop."),
        ("value", _of_directions(slices, targets, [last]), "Only the last direction counts: the sum begins anew in each direction."),
        ("value", ratios[0], "Only one layer of one direction counts: return stands inside the loops."),
        ("value", torch.stack([(a - g).abs().sum() / g.abs().sum() for a, g in pairs]).sum(), "These are sums of absolute values. ‖·‖_F is the root of the sum of squares."),
        ("value", torch.stack([(torch.linalg.matrix_norm(a - g, 2) / torch.linalg.matrix_norm(g, 2)) for a, g in pairs]).sum(), "This is the operator norm, the largest singular value. ‖·‖_F is the root of the sum of squares: M.norm()."),
        ("sign", torch.stack([(a.norm() - g.norm()) / g.norm() for a, g in pairs]).sum(), "You compare the norms of the matrices. Two different matrices may have the same norm: subtract first."),
        ("axis", _of_directions(slices, [targets[0]] * 3 if targets[0] else targets, range(3)), "All the slices are compared with the targets of the first direction."),
        ("axis", _of_directions([slices[0]] * 3, targets, range(3)), "The slice of the first direction is compared with all targets: each direction has its own slice."),
    ]  # fmt: skip


def _of_directions(
    slices: list[dict[str, Tensor]], targets: list[dict[str, Tensor] | None], which: Sequence[int]
) -> Tensor:
    return generators.solid_loss([slices[i] for i in which], [targets[i] for i in which])


def _expect_differentiable(student: Student) -> None:
    """Raise unless the gradient goes through the loss, which the training needs."""
    slices, targets = _loss_case(3, None)
    text = "The value is right, but it cannot be differentiated, and training needs it: torch's operations only, no .item(), .detach() or float()."
    for features in slices:
        features["pool1"].requires_grad_()
    result = student(slices, targets)
    expect(isinstance(result, Tensor) and result.requires_grad, "autograd", text)
