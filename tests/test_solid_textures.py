"""Solids (course_utils.generators, lesson 14) and objects carved out of them (course_utils.rendering)."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.generators import (
    SOLIDS,
    SolidGenerator,
    evaluate_block,
    load_solid,
    receptive_field,
    scramble,
    slice_solid,
    solid_colors,
    solid_loss,
    spatial_noise,
)
from course_utils.rendering import OBJECTS, camera_rays, cut, march, normals, render, sphere_coordinates
from course_utils.textures import gram_matrix
from tests.numerics import random_image

# --- noise -----------------------------------------------------------------------------------------------------------


def test_scrambling_is_splitmix64():
    """The first outputs of SplitMix64 from the state 1234567, as published with its reference implementation."""
    golden = 0x9E3779B97F4A7C15
    states = [(1234567 + (i + 1) * golden) % 2**64 for i in range(3)]
    h = scramble(torch.tensor([s - 2**64 if s >= 2**63 else s for s in states]))
    assert [x % 2**64 for x in h.tolist()] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_noise_is_a_function_of_its_coordinates(dimensions):
    origin, shape = [-3, 5, 0, -(10**12)][:dimensions], [7, 6, 5, 4][:dimensions]
    whole = spatial_noise(origin, shape, 3)
    for axis in range(dimensions):
        moved = [x + 2 * (a == axis) for a, x in enumerate(origin)]
        smaller = [n - 3 * (a == axis) for a, n in enumerate(shape)]
        assert torch.equal(spatial_noise(moved, smaller, 3), whole.narrow(axis, 2, smaller[axis]))
    assert not torch.equal(spatial_noise(origin, shape, 4), whole)


def test_noise_is_uniform_and_independent():
    z = spatial_noise((-400, -300, -7), (500, 400, 5), 1).double()
    assert 0 <= z.min() < 1e-4 < 1 - 1e-4 < z.max() < 1
    counts = torch.histc(z, 50, 0, 1)
    chi_square = ((counts - z.numel() / 50) ** 2 / (z.numel() / 50)).sum()
    assert 20 < chi_square < 90  # 49 degrees of freedom
    centred = z - 0.5
    for shift in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, -1, 0), (2, 0, 0), (16, 0, 0), (0, 256, 0)):
        correlation = (centred * centred.roll(shift, (0, 1, 2))).mean() * 12
        assert abs(correlation) < 5 / math.sqrt(z.numel())
    spectrum = torch.fft.fft2(centred[..., 0]).abs().square() / (500 * 400 / 12)
    assert spectrum[1:, 1:].max() < 25  # exponential of mean 1: no line sticks out
    neighbours = (spatial_noise((0, 0), (64, 64), s).double() - 0.5 for s in range(2))
    assert abs((next(neighbours) * next(neighbours)).mean() * 12) < 5 / 64


# --- blocks ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generator():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = SolidGenerator((5, 4, 6))
    return network.requires_grad_(False).double().eval()


def block(generator, origin, shape, seed=2):
    """Evaluate a block in double precision."""
    handle = generator.register_forward_pre_hook(lambda _, args: ([z.double() for z in args[0]], args[1]))
    try:
        return evaluate_block(generator, origin, shape, seed)
    finally:
        handle.remove()


def test_blocks_agree_with_the_whole(generator):
    whole = block(generator, (-9, -8, 3), (20, 19, 18))
    assert whole.std() > 1e-3
    for start, size in (
        ((0, 0, 0), (20, 1, 18)),
        ((1, 3, 5), (7, 4, 1)),
        ((8, 8, 8), (2, 3, 9)),
        ((19, 18, 17), (1, 1, 1)),
    ):
        part = block(generator, [a + b for a, b in zip((-9, -8, 3), start, strict=True)], size)
        inside = whole[:, start[0] :, start[1] :, start[2] :][:, : size[0], : size[1], : size[2]]
        assert (part - inside).abs().max() < 1e-12


def test_the_thinnest_axis_last_changes_nothing(generator):
    plain = nn.Conv3d(3, 5, 3).double()
    reordered = type(generator.levels[0][0])(3, 5, 3).double()
    reordered.load_state_dict(plain.state_dict())
    for shape in ((1, 3, 3, 8, 9), (2, 3, 8, 3, 9), (1, 3, 9, 8, 3), (1, 3, 6, 6, 6)):
        x = random_image(shape)
        assert torch.allclose(reordered(x), plain(x), atol=1e-12)


@pytest.mark.parametrize(("widths", "margin"), [((3,), 2), ((3, 2), 3), ((3, 2, 2), 4), ((2, 2, 2, 2), 4)])
def test_the_margin_is_what_the_gradient_reaches(widths, margin):
    """Of an aligned block: the outermost coarse noise is used, and the finest one is exactly as large as it must be."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        generator = SolidGenerator(widths).double().eval()
    assert receptive_field(generator.layers) == margin
    side, noises = 2 ** (len(widths) - 1), []
    for k in range(len(widths)):
        n = 2**k + 2 * receptive_field(generator.layers[3 * k :])
        noises.append(
            torch.rand(2, n, n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(k)).requires_grad_()
        )
    v = generator(noises, (0, 0, 0))
    assert v.shape == (3, side, side, side)
    for z, gradient in zip(noises, torch.autograd.grad(v.square().sum(), noises), strict=True):
        used = (gradient.abs().amax(dim=(0, 2, 3)) > 0).nonzero().squeeze(1)
        assert used.max() - used.min() + 1 >= z.shape[1] - 2


def test_margins_by_hand():
    assert receptive_field([]) == 0
    assert receptive_field([("convolution", 7)]) == 3
    assert receptive_field([("convolution", 3), ("upsampling", 2), ("convolution", 3)]) == 2
    assert receptive_field([("upsampling", 3), ("convolution", 9)]) == 2
    with pytest.raises(ValueError, match="even side 4"):
        receptive_field([("convolution", 4)])


def test_memory_of_a_slice_does_not_depend_on_the_depth():
    def kept(shape, origin=(0, 0, 0)):
        sizes = {}

        def pack(x):
            sizes[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
            return x

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            v = evaluate_block(SolidGenerator((4, 4, 4)), origin, shape, 0)
        assert v.requires_grad
        return sum(sizes.values())

    assert kept((1, 32, 32)) == kept((1, 32, 32), (4096, 0, 0))
    assert kept((64, 32, 32)) > 6 * kept((1, 32, 32))


def test_slices_and_their_loss():
    v = random_image((3, 4, 5, 6))
    assert torch.equal(slice_solid(v, 1, 2), v[:, :, 2])
    assert torch.equal(slice_solid(v[0], 2, 5), v[0, :, :, 5])
    features = [{"a": random_image((3, 5, 4), i), "b": random_image((2, 3, 3), i)} for i in range(3)]
    exact = [{layer: gram_matrix(f) for layer, f in slices.items()} for slices in features]
    assert solid_loss(features, exact) == 0
    twice = [{layer: g / 2 for layer, g in grams.items()} for grams in exact]
    assert solid_loss(features, twice) == pytest.approx(6)  # each relative error is 1
    assert solid_loss(features, [twice[0], None, None]) == pytest.approx(2)
    with pytest.raises(ValueError, match="no exemplar"):
        solid_loss(features, [None, None, None])


@pytest.mark.parametrize("name", SOLIDS)
def test_a_shipped_solid_has_the_colours_of_its_exemplar(name):
    from course_utils.images import load_image

    u, v = load_image(name, 256).float(), evaluate_block(load_solid(name), (0, 40, 7), (2, 64, 64), 5)
    assert (v.mean(dim=(1, 2, 3)) - u.mean(dim=(1, 2))).abs().max() < 0.06
    assert 0.6 < v.std() / u.std() < 1.4
    assert ((v < -0.1) | (v > 1.1)).float().mean() < 0.02


def test_colours_are_trilinear_between_voxels(generator):
    single = SolidGenerator((5, 4)).requires_grad_(False).eval()
    whole = evaluate_block(single, (-60, -4, -3), (80, 8, 8), 1)
    points = torch.tensor([[-50.0, 0.0, 1.0], [10.25, -1.5, 2.75], [-0.5, 0.0, 0.0], [-0.5, 3.0, -2.5]])
    place = (points - torch.tensor([-60.0, -4.0, -3.0])) * 2 / torch.tensor([79.0, 7.0, 7.0]) - 1
    expected = F.grid_sample(whole[None], place.flip(-1)[None, None, None], align_corners=True)[0, :, 0, 0].T
    colors, count = solid_colors(single, points, 1)
    assert torch.allclose(colors, expected, atol=1e-5)
    assert count % 49**3 == 0


# --- objects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OBJECTS)
def test_no_step_crosses_the_surface(name):
    """|f(p) − f(q)| <= ‖p − q‖: then f is at most the distance to the surface."""
    p = 1.4 * random_image((4000, 3), 3).clamp(-1, 1)
    q = p + 0.05 * random_image((4000, 3), 4)
    f = OBJECTS[name]
    assert ((f(p) - f(q)).abs() <= (p - q).norm(dim=1) * (1 + 1e-9)).all()
    assert (f(p) < 0).any()
    assert (f(torch.tensor([[3.0, 0, 0], [0, 3.0, 0], [0, 0, 3.0]])) > 0).all()


def test_rays_meet_a_sphere_where_they_must():
    origins, directions = camera_rays(41, 70.0, 20.0)
    assert torch.allclose(directions.norm(dim=1), torch.ones(41**2))
    t, hit = march(OBJECTS["sphere"], origins, directions)
    along = -(origins * directions).sum(dim=1)
    inside = 1 - (origins.square().sum(dim=1) - along**2)
    assert torch.equal(hit[(inside > 0.02) | (inside < -0.02)], (inside > 0)[(inside > 0.02) | (inside < -0.02)])
    sure = inside > 0.1
    assert torch.allclose(t[sure], (along - inside.clamp(min=0).sqrt())[sure], atol=5e-3)
    points = (origins + t[:, None] * directions)[sure]
    assert torch.allclose(normals(OBJECTS["sphere"], points), points, atol=5e-3)


def test_a_cut_takes_away_what_is_in_front():
    half = cut(OBJECTS["sphere"], 0.2)
    assert half(torch.tensor([[0.0, 0.5, 0.0]])) < 0 < half(torch.tensor([[0.0, 0.0, 0.0]]))


def test_a_picture_has_the_painted_colour_a_shadow_and_a_white_background():
    picture = render(OBJECTS["sphere"], lambda p: torch.tensor([0.6, 0.3, 0.0]).expand(len(p), 3), 48)
    assert picture.shape == (3, 48, 48)
    assert picture[:, 0, 0].min() > 0.98
    red, green, blue = picture[:, 20, 26]
    assert red > 0.3
    assert green == pytest.approx(red.item() / 2, abs=1e-5)
    assert blue == 0
    smooth = render(OBJECTS["sphere"], lambda p: torch.ones(len(p), 3), 24, samples=2)
    assert smooth.shape == (3, 24, 24)
    on_dark = render(OBJECTS["sphere"], lambda p: torch.ones(len(p), 3), 24, samples=2, background=0.1)
    assert torch.equal(on_dark[:, 12, 12], smooth[:, 12, 12])
    assert torch.allclose(on_dark[:, 0], 0.1 * smooth[:, 0])


def test_the_map_of_the_sphere():
    down = sphere_coordinates(torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [0.0, -1.0, 1e-9]]))
    assert torch.allclose(down, torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.5], [0.0, 1.0]]), atol=1e-6)
