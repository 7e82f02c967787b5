"""Tests of the transfer in course_utils.style: losses by their definitions, colours against SciPy, small transfers."""

import numpy as np
import pytest
import scipy.linalg
import torch

from course_utils import style
from course_utils.data import REGISTRY, data_folder
from course_utils.explorers.style_transfer import transfer_picture
from course_utils.features import VGGFeatures
from course_utils.images import shrink, to_gray
from course_utils.textures import gram_matrix
from tests.numerics import generator


def random(*shape, seed=0):
    return torch.rand(*shape, generator=generator(seed), dtype=torch.float64)


# --- losses ---


@pytest.mark.parametrize("shape", [(4, 6, 5), (3, 7, 8), (1, 1, 1)])
def test_content_loss_is_half_the_squared_distance_and_its_gradient_the_difference(shape):
    f, p = random(*shape).requires_grad_(), random(*shape, seed=1)
    loss = style.content_loss(f, p)
    assert loss.item() == pytest.approx(0.5 * np.sum((f.detach().numpy() - p.numpy()) ** 2), rel=1e-12)
    (gradient,) = torch.autograd.grad(loss, f)
    torch.testing.assert_close(gradient, f.detach() - p)


def test_style_loss_is_the_mean_of_the_relative_errors():
    features = {"a": random(3, 5, 4), "content": random(2, 3, 3), "b": random(2, 6, 7, seed=1)}
    targets = {"b": gram_matrix(random(2, 3, 9, seed=2)), "a": gram_matrix(random(3, 8, 2, seed=3))}
    expected = 0
    for layer, target in targets.items():
        v = features[layer].flatten(1).numpy()
        g = v @ v.T / v.shape[1]
        expected += np.sum((g - target.numpy()) ** 2) / np.sum(target.numpy() ** 2) / 2
    assert style.style_loss(features, targets).item() == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="targets must have layers of the features"):
        style.style_loss(features, {"c": targets["a"]})


# --- the transfer ---


@pytest.fixture(scope="module")
def network():
    return VGGFeatures("vgg16", ("relu1_1", "relu2_1", "relu2_2"))


CONTENT, PAINTING = random(3, 24, 20).float(), random(3, 17, 31, seed=1).float()


def transfer(network, alpha, n=12, seed=0, **settings):
    settings = {"content_layer": "relu2_2"} | settings
    return style.style_transfer(CONTENT, PAINTING, network, alpha, n, generator(seed), **settings)


def test_energy_is_the_sum_of_its_two_terms(network):
    x, features = random(3, 24, 20, seed=5).float(), network(random(3, 24, 20, seed=5).float())
    p = network(CONTENT)["relu2_2"]
    targets = {layer: gram_matrix(network(PAINTING)[layer]) for layer in ("relu1_1", "relu2_1")}
    expected = 3 * style.content_loss(features["relu2_2"], p) / p.square().sum() + style.style_loss(features, targets)
    energy = style.transfer_energy(CONTENT, PAINTING, network, 3.0, "relu2_2")
    torch.testing.assert_close(energy(x), expected, rtol=1e-5, atol=0)
    content, painting = style.transfer_errors(x, CONTENT, PAINTING, network, "relu2_2")
    assert 3 * content / 2 + painting == pytest.approx(expected.item(), rel=1e-5)
    assert style.transfer_errors(CONTENT, CONTENT, PAINTING, network, "relu2_2")[0] == 0
    assert style.transfer_errors(CONTENT, CONTENT, CONTENT, network, "relu2_2")[1] == 0


def test_alpha_trades_content_against_style(network):
    results = [transfer(network, alpha).image for alpha in (0.0, 1.0, 100.0)]
    content, painting = zip(
        *(style.transfer_errors(x, CONTENT, PAINTING, network, "relu2_2") for x in results), strict=True
    )
    assert content[0] > content[1] > content[2]
    assert painting[0] < painting[1] < painting[2]


@pytest.mark.parametrize("settings", [{}, {"scales": (0.5, 1.0)}, {"whitening": 0.1}, {"init": CONTENT.flip(-1)}])
def test_the_loss_falls_and_the_generator_decides(network, settings):
    first, again, other = (transfer(network, 1.0, 8, seed, **settings) for seed in (0, 0, 1))
    assert first.image.shape == CONTENT.shape
    assert min(first.losses) < 0.7 * first.losses[0]
    torch.testing.assert_close(first.image, again.image)
    assert not torch.allclose(first.image, other.image, atol=1e-3)


def test_the_first_image_is_the_photograph_and_a_little_noise(network):
    seen = []
    transfer(network, 1.0, 1, callback=lambda x, _: seen.append(x))
    noise = torch.randn(CONTENT.shape, generator=generator())
    torch.testing.assert_close(seen[0], CONTENT + style.START_NOISE * noise)


def test_a_layer_of_weight_zero_is_left_out(network):
    targets = {layer: gram_matrix(v) for layer, v in network(PAINTING).items() if layer != "relu2_2"}
    weights = {"relu1_1": 1 / targets["relu1_1"].square().sum().item(), "relu2_1": 0.0}
    alone = style.transfer_energy(CONTENT, PAINTING, VGGFeatures("vgg16", ("relu1_1", "relu2_2")), 1.0, "relu2_2")
    weighted = style.transfer_energy(CONTENT, PAINTING, network, 1.0, "relu2_2", weights)
    torch.testing.assert_close(weighted(CONTENT), alone(CONTENT), rtol=1e-4, atol=0)


def test_gray_images_stay_gray(network):
    gray = [to_gray(image) for image in (CONTENT, PAINTING)]
    result = style.style_transfer(*gray, network, 1.0, 3, generator(), content_layer="relu2_2")
    assert result.image.shape == gray[0].shape


def test_a_stop_keeps_the_last_image(network):
    def stop(x, loss):
        raise StopIteration

    result = transfer(network, 1.0, (5, 5), scales=(0.5, 1.0), callback=stop)
    assert len(result.losses) == 1
    assert result.image.shape == CONTENT.shape


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"content": CONTENT[0]}, "same channels"),
        ({"content": CONTENT[:, :1]}, "content must be at least 2 pixels"),
        ({"alpha": -1.0}, "alpha"),
        ({"n": 0}, "n"),
        ({"content_layer": "relu4_2"}, "content_layer"),
        ({"init": CONTENT[:, 1:]}, "init"),
    ],
)
def test_bad_arguments_are_named(network, changed, message, unchecked):
    given = {"content": CONTENT, "style": PAINTING, "network": network, "alpha": 1.0, "n": 2, "generator": generator()}
    with pytest.raises(ValueError, match=message):
        style.style_transfer(**given | {"content_layer": "relu2_2"} | changed)


# --- colours ---


def color_moments(u):
    colors = u.flatten(-2).reshape(-1, u.shape[-2] * u.shape[-1])
    return colors.mean(1), torch.atleast_2d(torch.cov(colors, correction=0))


def mixed(*shape, seed):
    """Return an image with correlated channels."""
    return torch.einsum("ij,jhw->ihw", random(3, 3, seed=seed + 100) - 0.3, random(*shape, seed=seed))


@pytest.mark.parametrize(("shape_u", "shape_v"), [((3, 8, 7), (3, 8, 7)), ((3, 9, 5), (3, 4, 11))])
def test_match_colors_is_the_optimal_map_of_scipy(shape_u, shape_v):
    u, v = mixed(*shape_u, seed=0), mixed(*shape_v, seed=1)
    (m_u, c_u), (m_v, c_v) = color_moments(u), color_moments(v)
    root = scipy.linalg.sqrtm(c_u.numpy())
    t = np.linalg.inv(root) @ scipy.linalg.sqrtm(root @ c_v.numpy() @ root) @ np.linalg.inv(root)
    expected = m_v.numpy()[:, None] + t @ (u.flatten(1) - m_u[:, None]).numpy()
    x = style.match_colors(u, v)
    np.testing.assert_allclose(x.flatten(1).numpy(), expected, rtol=0, atol=1e-9)
    m, c = color_moments(x)
    torch.testing.assert_close(m, m_v, rtol=0, atol=1e-10)
    torch.testing.assert_close(c, c_v, rtol=0, atol=1e-10)


def test_match_colors_moves_the_colours_less_than_other_maps():
    u, v = mixed(3, 9, 8, seed=3), mixed(3, 9, 8, seed=4)
    (m_u, c_u), (m_v, c_v) = color_moments(u), color_moments(v)
    moved = (style.match_colors(u, v) - u).square().mean()
    l_u, l_v = torch.linalg.cholesky(c_u), torch.linalg.cholesky(c_v)
    for seed in range(5):
        q = torch.linalg.qr(random(3, 3, seed=seed) - 0.5)[0]  # all maps between the Gaussians are L_v Q L_u⁻¹
        other = m_v[:, None] + l_v @ q @ torch.linalg.inv(l_u) @ (u.flatten(1) - m_u[:, None])
        torch.testing.assert_close(torch.cov(other, correction=0), c_v)
        assert (other.reshape(u.shape) - u).square().mean() > moved


def test_match_colors_of_gray_colours_and_of_one_channel(unchecked):
    gray, v = random(8, 7).expand(3, -1, -1), mixed(3, 5, 6, seed=1)
    x = style.match_colors(gray, v)
    assert torch.isfinite(x).all()
    torch.testing.assert_close(x.mean((-2, -1)), v.mean((-2, -1)))
    u = random(8, 7)
    x = style.match_colors(u, 2 * random(4, 5, seed=1))
    torch.testing.assert_close(x.std(correction=0), (2 * random(4, 5, seed=1)).std(correction=0))
    torch.testing.assert_close(style.match_colors(u, u), u)
    with pytest.raises(ValueError, match="same channels"):
        style.match_colors(u, v)


@pytest.mark.parametrize("power", [0.5, -0.5])
def test_matrix_power_against_scipy(power):
    c = color_moments(mixed(3, 8, 7, seed=2))[1]
    expected = scipy.linalg.fractional_matrix_power(c.numpy(), power)
    np.testing.assert_allclose(style.matrix_power(c, power).numpy(), expected, rtol=1e-9)


def test_luminance_transfer_changes_the_luminance_only(unchecked):
    p, a, got = random(3, 6, 5), 0.5 * random(3, 4, 9, seed=1), []

    def double(y, s):
        got.append(s)
        return 2 * y

    x = style.luminance_transfer(p, a, double)
    torch.testing.assert_close(to_gray(x), 2 * to_gray(p))
    for i, j in ((0, 1), (1, 2)):
        torch.testing.assert_close(x[i] - x[j], p[i] - p[j])
    torch.testing.assert_close(got[0].mean(), to_gray(p).mean())
    torch.testing.assert_close(got[0].std(correction=0), to_gray(p).std(correction=0))
    assert torch.corrcoef(torch.stack([got[0].flatten(), to_gray(a).flatten()]))[0, 1] == pytest.approx(1)
    with pytest.raises(ValueError, match="style has the same luminance"):
        style.luminance_transfer(p, torch.full((3, 4, 4), 0.5, dtype=p.dtype), double)
    with pytest.raises(ValueError, match="content must be a colour image"):
        style.luminance_transfer(p[0], a, double)


def test_shrink_keeps_the_mean_and_the_proportions():
    rows = torch.linspace(0, 1, 60, dtype=torch.float64)[:, None].expand(60, 40)
    small = shrink(rows, 45)
    assert small.shape == (45, 30)
    assert (small - torch.linspace(0, 1, 45, dtype=torch.float64)[:, None]).abs().max() < 0.02
    assert shrink(rows.expand(3, -1, -1), 60).shape == (3, 60, 40)
    with pytest.raises(ValueError, match="side must be at most 60"):
        shrink(rows, 61)


# --- precomputed ---


def test_every_precomputed_transfer_has_its_record():
    records = style.transfer_records()
    registered = {n.removeprefix("transfer_") for n, e in REGISTRY.items() if e.kind == "transfer"} - {"records"}
    assert set(records) == registered == {path.stem for path in (data_folder() / "transfers").glob("*.png")}
    for name, record in records.items():
        image, same = style.load_transfer(name)
        photograph, painting = style.load_pair(record)
        assert same == record
        assert image.shape == photograph.shape
        assert max(image.shape) >= 384
        assert painting.shape[-1] == record["style_side"]
        assert record["sha256"] == REGISTRY[f"transfer_{name}"].sha256
        assert 0 <= image.min() < image.max() <= 1
    with pytest.raises(ValueError, match="did you mean 'temple_great_wave'"):
        style.load_transfer("temple_great_wav")


def test_the_picture_of_the_explorer_ends_when_it_is_stopped():
    def stop(x, loss):
        raise StopIteration

    picture, numbers = transfer_picture(n=5, watch=stop)
    assert numbers["evaluations"] == "1"
    assert picture.shape[-2] == 64
    with pytest.raises(ValueError, match="painting"):
        transfer_picture(painting="temple")
