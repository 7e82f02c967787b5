"""Texture networks (course_utils.generators, lesson 13): noise, losses, the two networks and their training step."""

import pytest
import torch

from course_utils.features import VGGFeatures
from course_utils.generators import (
    StyleNetwork,
    TextureNetwork,
    diversity,
    multiscale_noise,
    texture_network_loss,
    texture_training_step,
    upsample_and_join,
)
from course_utils.textures import gram_matrix

WIDTHS = (6, 5, 4)


def source(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def network():
    return VGGFeatures("vgg16", layers=("conv1_1", "pool1"))


def small(padding="circular"):
    torch.manual_seed(0)
    return TextureNetwork(WIDTHS, padding).double()


def double(noise):
    return [z.double() for z in noise]


# --- noise -----------------------------------------------------------------------------------------------------------


def test_noise_has_the_sizes_of_the_scales_and_is_uniform():
    noise = multiscale_noise(2, (64, 96), 4, source())
    assert [tuple(z.shape) for z in noise] == [(2, 3, 8, 12), (2, 3, 16, 24), (2, 3, 32, 48), (2, 3, 64, 96)]
    for z in noise:
        assert 0 <= z.min() < z.max() < 1
        assert z.mean().item() == pytest.approx(0.5, abs=4 / (12 * z.numel()) ** 0.5)
    assert noise[-1].var().item() == pytest.approx(1 / 12, rel=0.02)


def test_noise_depends_on_the_generator_only():
    torch.manual_seed(1)
    first = multiscale_noise(2, (16, 16), 3, source())
    torch.manual_seed(2)
    for a, b, c in zip(
        first, multiscale_noise(2, (16, 16), 3, source()), multiscale_noise(2, (16, 16), 3, source(1)), strict=True
    ):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)
        assert not torch.equal(a[0], a[1])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((0, (8, 8), 2), "n"), ((1, (9, 8), 2), "size"), ((1, (8, 10), 3), "size"), ((1, (8, 8), 0), "levels")],
)
def test_noise_names_the_bad_argument(arguments, name):
    with pytest.raises(ValueError, match=name):
        multiscale_noise(*arguments, source())


# --- joining ---------------------------------------------------------------------------------------------------------


def test_each_coarse_pixel_is_repeated_and_comes_before_the_fine_ones():
    coarse, fine = torch.rand(2, 3, 4, 5, dtype=torch.float64), torch.rand(2, 2, 8, 10, dtype=torch.float64)
    joined = upsample_and_join(coarse, fine)
    assert joined.shape == (2, 5, 8, 10)
    assert torch.equal(joined[:, 3:], fine)
    for i in range(8):
        for j in range(10):
            assert torch.equal(joined[:, :3, i, j], coarse[:, :, i // 2, j // 2])


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 8, 9), (2, 3, 9, 10)])
def test_maps_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="fine"):
        upsample_and_join(torch.rand(2, 3, 4, 5), torch.rand(shape))


# --- losses ----------------------------------------------------------------------------------------------------------


def test_loss_is_the_mean_over_images_of_the_relative_errors(network):
    images, exemplar = torch.rand(3, 3, 24, 32, generator=source()), torch.rand(3, 40, 24, generator=source(1))
    targets = {layer: gram_matrix(v) for layer, v in network(exemplar).items()}
    expected = 0.0
    for x in images:
        for layer, v in network(x).items():
            expected += ((gram_matrix(v) - targets[layer]).norm() / targets[layer].norm()).item() / len(images)
    assert texture_network_loss(images, targets, network).item() == pytest.approx(expected, rel=1e-5)
    assert texture_network_loss(exemplar[None], targets, network).item() == pytest.approx(0, abs=1e-5)


def test_loss_needs_targets_of_the_network(network):
    for targets in ({}, {"pool3": torch.eye(256)}):
        with pytest.raises(ValueError, match="targets"):
            texture_network_loss(torch.rand(1, 3, 16, 16), targets, network)


def test_diversity_is_the_mean_logarithm_of_the_nearest_distance():
    images = torch.randn(5, 3, 4, 6, dtype=torch.float64, generator=source())
    distances = torch.cdist(images.flatten(1), images.flatten(1)) + 1e9 * torch.eye(5)
    assert diversity(images).item() == pytest.approx(distances.min(1).values.log().mean().item(), rel=1e-9)
    assert diversity(3 * images).item() == pytest.approx(diversity(images).item() + torch.tensor(3.0).log().item())


def test_diversity_has_the_right_gradient():
    images = torch.randn(4, 1, 2, 3, dtype=torch.float64, generator=source()).requires_grad_()
    assert torch.autograd.gradcheck(diversity, (images,))


def test_diversity_needs_two_images():
    with pytest.raises(ValueError, match="images"):
        diversity(torch.rand(1, 3, 4, 4))


# --- networks --------------------------------------------------------------------------------------------------------


def test_a_shift_of_the_noise_is_a_shift_of_the_image_where_convolutions_are_circular():
    noise = double(multiscale_noise(1, (32, 48), 3, source()))
    moved = [z.roll((2**level, 3 * 2**level), (-2, -1)) for level, z in enumerate(noise)]
    for padding in ("circular", "zeros"):
        net = small(padding).eval()
        same = torch.allclose(net(moved), net(noise).roll((4, 12), (-2, -1)), atol=1e-12)
        assert same == (padding == "circular")


def test_a_network_is_the_same_in_training_and_in_use():
    net, noise = small(), double(multiscale_noise(2, (32, 32), 3, source()))
    assert torch.equal(net.train()(noise), net.eval()(noise))
    assert torch.allclose(net(noise)[1], net([z[1:] for z in noise])[0])  # image by image


def test_the_image_hardly_depends_on_noise_far_away():
    net, noise = small().eval(), double(multiscale_noise(1, (64, 64), 3, source()))
    other = [z.clone() for z in noise]
    other[0][..., 8, 8] += 1
    change = (net(other) - net(noise)).square().mean((0, 1))
    # two convolutions at each of the scales 4, 2 and 1: 2 (4 + 2 + 1) = 14 pixels around the 4 of the coarse pixel
    near = torch.zeros(64, 64, dtype=torch.bool)
    near[32 - 14 : 36 + 14, 32 - 14 : 36 + 14] = True
    assert change[~near].mean() < 1e-2 * change[near].mean()  # the normalisation sees the whole image


def test_images_of_any_size_and_a_mean_colour():
    mean = torch.tensor([0.2, 0.5, 0.7])
    net = TextureNetwork(WIDTHS, mean=mean).eval()
    assert net(multiscale_noise(1, (32, 96), 3, source())).shape == (1, 3, 32, 96)
    assert torch.equal(net.color.bias.detach(), mean)
    with pytest.raises(ValueError, match="noise"):
        net(multiscale_noise(1, (32, 32), 2, source()))
    with pytest.raises(ValueError, match="padding"):
        TextureNetwork(WIDTHS, "reflection")


def test_the_style_network_keeps_the_size_and_stays_in_range():
    net, photographs = StyleNetwork(), torch.rand(2, 3, 32, 48)
    painted = net(photographs)
    assert painted.shape == (2, 3, 32, 48)
    assert 0 <= painted.min() < painted.max() <= 1
    assert torch.equal(net(photographs), painted)
    for size in ((40, 48), (16, 48)):
        with pytest.raises(ValueError, match="photographs"):
            net(torch.rand(1, 3, *size))


def test_the_style_network_puts_strokes_into_a_flat_sky():
    torch.manual_seed(0)
    net, sky = StyleNetwork(), torch.full((1, 3, 64, 64), 0.7)
    with torch.no_grad():
        one, other = (net(sky, seed) for seed in (0, 1))
    assert one.std(dim=(-2, -1)).min() > 1e-3
    assert (one - other).abs().max() > 1e-2


def test_training_steps_lower_the_loss(network):
    torch.manual_seed(0)
    net = TextureNetwork(WIDTHS)
    exemplar = torch.rand(3, 4, 4, generator=source()).repeat_interleave(8, 1).repeat_interleave(8, 2)
    targets = {layer: gram_matrix(v) for layer, v in network(exemplar).items()}
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    noise = multiscale_noise(2, (32, 32), 3, source())
    before = texture_network_loss(net(noise), targets, network).item()
    losses = [texture_training_step(net, optimizer, targets, network, noise) for _ in range(15)]
    assert losses[0] == pytest.approx(before, rel=1e-5)  # the loss before the step
    assert losses[-1] < 0.8 * losses[0]
