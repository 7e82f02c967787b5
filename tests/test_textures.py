"""Tests of course_utils.textures: statistics by their properties, the synthesis on 32 x 32 images."""

import json
import sys

import pytest
import torch

from course_utils import textures
from course_utils.data import REGISTRY, data_folder, fetch
from course_utils.features import ARCHITECTURES, VGGFeatures
from course_utils.gaussian_textures import gaussian_texture
from course_utils.images import load_image
from course_utils.textures import (
    WHITENING,
    Synthesis,
    _features_energy,
    color_statistics_loss,
    count_statistics,
    gram_loss,
    gram_matrix,
    load_synthesis,
    mean_feature,
    mean_loss,
    relative_weights,
    spectrum_loss,
    synthesize_texture,
)
from tests.numerics import generator

SHAPES = [(5, 6, 7), (2, 5, 6, 7), (3, 9, 4), (1, 1, 1)]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


# ---------------------------------------------------------------------------------------------------------------------
# Statistics


@pytest.mark.parametrize("shape", SHAPES)
def test_gram_matrix_is_the_mean_outer_product(shape):
    v = random(*shape)
    expected = torch.einsum("...ihw,...jhw->...ij", v, v) / (shape[-2] * shape[-1])
    torch.testing.assert_close(gram_matrix(v), expected, rtol=1e-12, atol=1e-12)
    assert torch.linalg.eigvalsh(gram_matrix(v)).min() > -1e-12


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 4, 3, 2)])
def test_gradients_of_the_gram_matrix(shape):
    v = random(*shape).requires_grad_()
    asymmetric = random(shape[-3], shape[-3], seed=1)  # the gradient that reaches G need not be symmetric
    assert torch.autograd.gradcheck(lambda v: gram_matrix(v) * asymmetric, v)
    assert torch.autograd.gradgradcheck(gram_matrix, v)


def test_gram_matrix_forgets_where_the_features_are():
    v = random(4, 6, 5)
    shuffled = v.flatten(1)[:, torch.randperm(30, generator=generator())].reshape(4, 6, 5)
    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(v), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gram_matrix(torch.cat([v, v], dim=-1)), gram_matrix(v), rtol=1e-12, atol=1e-12)


def test_gram_matrix_is_covariance_plus_mean():
    v = random(4, 6, 5) + 2
    m = mean_feature(v)
    expected = torch.cov(v.flatten(1), correction=0) + torch.outer(m, m)
    torch.testing.assert_close(gram_matrix(v), expected, rtol=1e-12, atol=1e-12)


def make_losses(statistic, seed=0):
    v = {"a": random(3, 4, 5, seed=seed), "b": random(2, 7, 3, seed=seed + 1)}
    u = {"a": random(3, 6, 5, seed=seed + 2), "b": random(2, 7, 8, seed=seed + 3)}
    return v, {layer: statistic(value) for layer, value in u.items()}


@pytest.mark.parametrize(("loss", "statistic"), [(gram_loss, gram_matrix), (mean_loss, mean_feature)])
def test_losses_are_weighted_sums_of_squares(loss, statistic):
    v, targets = make_losses(statistic)
    weights = {"a": 0.5, "b": 3.0}
    expected = sum(w * (statistic(v[k]) - targets[k]).pow(2).sum() for k, w in weights.items())
    assert loss(v, targets, weights).item() == pytest.approx(expected.item(), rel=1e-12)
    assert loss(v, {k: statistic(f) for k, f in v.items()}, weights).item() == pytest.approx(0, abs=1e-20)
    batch = {k: torch.stack([f, 2 * f]) for k, f in v.items()}
    found = loss(batch, targets, weights)
    assert found.shape == (2,)
    assert found[0].item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize(("loss", "statistic"), [(gram_loss, gram_matrix), (mean_loss, mean_feature)])
def test_gradients_of_the_losses(loss, statistic):
    v, targets = make_losses(statistic)
    v = {k: f.requires_grad_() for k, f in v.items()}
    assert torch.autograd.gradcheck(
        lambda a, b: loss({"a": a, "b": b}, targets, {"a": 0.5, "b": 3.0}), (v["a"], v["b"])
    )


def test_relative_weights_make_relative_errors():
    v, targets = make_losses(gram_matrix)
    weights = relative_weights(targets)
    zero = {k: torch.zeros_like(f) for k, f in v.items()}
    assert gram_loss(zero, targets, weights).item() == pytest.approx(2, rel=1e-12)
    with pytest.raises(ValueError, match=r"targets\['a'\] is zero"):
        relative_weights({"a": torch.zeros(2, 2)})


def test_losses_refuse_what_does_not_fit(unchecked):
    v, targets = make_losses(gram_matrix)
    with pytest.raises(ValueError, match="weights and targets must have the same layers, got a and a, b"):
        gram_loss(v, targets, {"a": 1.0})
    with pytest.raises(ValueError, match="features and targets must have the same layers"):
        gram_loss({"a": v["a"]}, targets, {"a": 1.0, "b": 1.0})
    with pytest.raises(ValueError, match="targets is empty"):
        gram_loss({}, {}, {})
    with pytest.raises(ValueError, match=r"weights\['b'\] must be >= 0"):
        gram_loss(v, targets, {"a": 1.0, "b": -1.0})
    with pytest.raises(ValueError, match=r"targets\['a'\] must have shape \(3, 3\)"):
        gram_loss(v, targets | {"a": torch.zeros(4, 4, dtype=torch.float64)}, {"a": 1.0, "b": 1.0})
    with pytest.raises(ValueError, match="features must have shape"):
        gram_matrix(torch.zeros(3, 4))
    with pytest.raises(ValueError, match="features is on cpu but targets is on meta"):
        gram_loss({"a": v["a"]}, {"a": torch.zeros(3, 3, device="meta")}, {"a": 1.0})


def test_count_statistics():
    assert count_statistics("vgg19", "pool4") == 852_128
    assert count_statistics(ARCHITECTURES["vgg16"], "pool4") == 687_904
    five = {k: n for k, n in ARCHITECTURES["vgg19"].items() if k in ("conv1_1", "pool1", "pool2", "pool3", "pool4")}
    assert count_statistics(five, "pool4") == 176_640
    assert count_statistics({"a": 3, "b": 2}, "a") == 6
    with pytest.raises(ValueError, match="last 'pool6' is unknown"):
        count_statistics("vgg19", "pool6")


# ---------------------------------------------------------------------------------------------------------------------
# Colour statistics and spectrum


@pytest.mark.parametrize("shape", [(3, 6, 7), (1, 5, 5), (8, 9)])
def test_color_statistics_loss(shape):
    x, u = random(*shape), random(*shape, seed=1) + 1
    flat = [image.reshape(-1, shape[-2] * shape[-1]) for image in (x, u)]
    means = [f.mean(1) for f in flat]
    covariances = [torch.cov(f, correction=0).reshape(len(f), len(f)) for f in flat]
    expected = (means[0] - means[1]).pow(2).sum() + (covariances[0] - covariances[1]).pow(2).sum()
    assert color_statistics_loss(x, u).item() == pytest.approx(expected.item(), rel=1e-12)
    moved = u.roll((2, 3), (-2, -1)).flip(-1)
    assert color_statistics_loss(moved, u).item() == pytest.approx(0, abs=1e-20)
    assert torch.autograd.gradcheck(lambda y: color_statistics_loss(y, u), x.requires_grad_())


def test_spectrum_loss_of_gray_images_compares_the_moduli():
    x, u = random(6, 7), random(6, 7, seed=1)
    moduli = [torch.fft.fft2(image).abs() for image in (x, u)]
    assert spectrum_loss(x, u).item() == pytest.approx(((moduli[0] - moduli[1]) ** 2).sum().item() / 42**2, rel=1e-12)


@pytest.mark.parametrize("shape", [(3, 6, 7), (5, 8), (1, 5, 6)])
def test_spectrum_loss_is_a_squared_distance(shape):
    x, u = random(*shape).requires_grad_(), random(*shape, seed=1)
    pixels = shape[-2] * shape[-1]
    loss = spectrum_loss(x, u)
    (gradient,) = torch.autograd.grad(loss, x)
    nearest = x.detach() - gradient * pixels / 2  # P(x)
    assert loss.item() == pytest.approx((x - nearest).pow(2).sum().item() / pixels, rel=1e-10)
    assert spectrum_loss(nearest, u).item() == pytest.approx(0, abs=1e-18)
    for seed in (2, 3):  # no other image of that spectrum is nearer
        phase = torch.fft.fft2(random(*shape[-2:], seed=seed))
        other = torch.fft.ifft2(torch.fft.fft2(u) * phase / phase.abs()).real
        assert (x - other).pow(2).sum() > (x - nearest).pow(2).sum()
    assert torch.autograd.gradcheck(lambda y: spectrum_loss(y, u), x)
    assert spectrum_loss(u.roll((2, 3), (-2, -1)), u).item() == pytest.approx(0, abs=1e-18)


def test_image_losses_refuse_what_does_not_fit(unchecked):
    with pytest.raises(ValueError, match="x and u must have the same shape"):
        spectrum_loss(random(3, 4, 4), random(3, 4, 5))
    with pytest.raises(ValueError, match="x and u must have the same channels"):
        color_statistics_loss(random(3, 4, 4), random(4, 4))
    with pytest.raises(ValueError, match="x must have shape"):
        color_statistics_loss(random(1, 3, 4, 4), random(3, 4, 4))
    with pytest.raises(TypeError, match="x must hold floating-point"):
        spectrum_loss(torch.ones(4, 4, dtype=torch.int64), random(4, 4))


# ---------------------------------------------------------------------------------------------------------------------
# Synthesis


@pytest.fixture(scope="module")
def network():
    return VGGFeatures("vgg16", layers=("conv1_1", "pool1", "pool2"))


@pytest.fixture(scope="module")
def exemplar():
    return load_image("cork", 64)[:, :24, :32]


def test_the_loss_falls_and_is_that_of_the_image(network, exemplar):
    result = synthesize_texture(exemplar, network, None, n_iterations=40, generator=generator(), progress=False)
    assert isinstance(result, Synthesis)
    assert result.image.shape == exemplar.shape
    assert result.image.dtype == exemplar.dtype
    assert result.losses[-1] < 2e-2 * result.losses[0]
    assert 30 <= len(result.losses) <= 40
    targets = {k: gram_matrix(v) for k, v in network(exemplar).items()}
    found = gram_loss(network(result.image), targets, relative_weights(targets)).item()
    assert found == pytest.approx(min(result.losses), rel=1e-4)


def test_the_same_generator_gives_the_same_texture(network, exemplar):
    runs = [
        synthesize_texture(exemplar, network, None, n_iterations=3, generator=generator(seed), progress=False).image
        for seed in (1, 1, 2)
    ]
    assert torch.equal(runs[0], runs[1])
    assert (runs[0] - runs[2]).abs().mean() > 0.01


def test_a_gray_exemplar_gives_a_gray_texture(network, exemplar):
    for u in (exemplar[0], exemplar[:1]):
        seen = []
        result = synthesize_texture(
            u, network, None, generator(), 3, callback=lambda x, _, seen=seen: seen.append(x), progress=False
        )
        assert result.image.shape == u.shape
        assert {tuple(x.shape) for x in seen} == {tuple(u.shape)}


def test_any_weights_move_the_optimizer(network, exemplar):
    for factor in (1e-9, 1.0, 1e9):
        weights = dict.fromkeys(network.layers, factor)
        losses = synthesize_texture(
            exemplar, network, weights, n_iterations=12, generator=generator(), progress=False
        ).losses
        assert min(losses) < 0.2 * losses[0]


def test_coarse_to_fine_any_size_and_every_start(network, exemplar):
    seen = []
    result = synthesize_texture(
        exemplar,
        network,
        None,
        n_iterations=(4, 3),
        scales=(1 / 2, 1),
        size=(29, 36),
        init="gaussian texture",
        generator=generator(),
        callback=lambda x, loss: seen.append((tuple(x.shape), loss)),
        progress=False,
    )
    assert result.image.shape == (3, 29, 36)
    assert [loss for _, loss in seen] == result.losses
    assert [shape for shape, _ in seen] == sorted(shape for shape, _ in seen)
    assert {shape for shape, _ in seen} == {(3, 14, 18), (3, 29, 36)}


def test_the_starts(network, exemplar):
    firsts = {}
    own = torch.rand(exemplar.shape, generator=generator(), dtype=torch.float64)
    for init in ("white noise", "gaussian texture", own):
        seen = []
        synthesize_texture(
            exemplar, network, None, n_iterations=1, init=init, generator=generator(), progress=False,
            callback=lambda x, _, seen=seen: seen.append(x),
        )  # fmt: skip
        firsts[init if isinstance(init, str) else "own"] = seen[0]
    torch.testing.assert_close(firsts["own"], own.float())
    torch.testing.assert_close(firsts["gaussian texture"], gaussian_texture(exemplar.float(), generator()))
    noise = firsts["white noise"]
    torch.testing.assert_close(noise.mean((-2, -1)), exemplar.float().mean((-2, -1)), rtol=0, atol=0.03)
    torch.testing.assert_close(noise.std((-2, -1)), exemplar.float().std((-2, -1)), rtol=0.1, atol=0)
    correlation = torch.corrcoef(torch.stack([noise[0, :, 1:].flatten(), noise[0, :, :-1].flatten()]))[0, 1]
    assert correlation.abs() < 0.15


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 2, 3)])
def test_whitening_divides_by_the_eigenvalues(shape):
    u, v, w = random(4, 5, 8), random(*shape, seed=1).requires_grad_(), 0.3
    target = gram_matrix(u)
    r, (values, q) = gram_matrix(v) - target, torch.linalg.eigh(target)
    expected = sum(
        (q[:, i] @ r @ q[:, j]) ** 2 / ((values[i] + values[j]) / (2 * values[-1]) + 0.1)
        for i in range(4)
        for j in range(4)
    )
    expected *= w**0.75 / torch.linalg.norm(target) ** 0.5
    loss, whitened = _features_energy({"a": target}, {"a": w}, whitening=0.1)({"a": v, "other": u})
    assert loss.item() == pytest.approx(w * r.square().sum().item(), rel=1e-12)
    assert whitened.item() == pytest.approx(expected.item(), rel=1e-12)
    gradients = [torch.autograd.grad(value, v, retain_graph=True)[0] for value in (whitened, expected)]
    torch.testing.assert_close(*gradients)
    dead = _features_energy({"a": torch.zeros(4, 4)}, {"a": w}, whitening=0.1)({"a": v.detach().float()})
    assert all(value.isfinite() for value in dead)


def test_whitening_bears_one_pixel_of_many_channels():
    """Its Gram matrix has one positive eigenvalue: on this one the decomposition in 32 bits fails."""
    v = torch.randn(512, generator=generator(1)).relu() * torch.logspace(-3, 1, 512)
    v = v[:, None, None].requires_grad_()
    target = gram_matrix(v.detach())
    loss, whitened = _features_energy({"a": target}, {"a": 1.0}, whitening=0.1)({"a": v})
    assert loss.item() == pytest.approx(0.0, abs=1e-6 * target.square().sum().item())
    assert torch.autograd.grad(whitened, v)[0].isfinite().all()


@pytest.mark.parametrize("relative", [True, False])
def test_whitening_lowers_the_same_loss_faster(relative):
    network = VGGFeatures("vgg16", layers=("conv1_1", "pool1"))
    u = load_image("gravel", 96)[..., :40, :48]  # with more layers nothing so small comes near E = 0
    weights = None if relative else {layer: 1e3 / ARCHITECTURES["vgg16"][layer] ** 4 for layer in network.layers}

    def synthesize(whitening):
        settings = {"init": "gaussian texture", "whitening": whitening, "progress": False}
        return synthesize_texture(u, network, weights, generator(), 40, **settings)

    plain, whitened = synthesize(None), synthesize(WHITENING)
    assert whitened.losses[0] == pytest.approx(plain.losses[0], rel=1e-4)  # losses are always those of E
    assert min(whitened.losses) < 0.5 * min(plain.losses)


def test_extra_losses_and_other_statistics_count(network, exemplar):
    settings = {"n_iterations": 15, "generator": generator(), "progress": False}
    plain = synthesize_texture(exemplar, network, None, **settings).image
    colors = synthesize_texture(
        exemplar, network, None, extra_losses=[(color_statistics_loss, 1e4)], **settings | {"generator": generator()}
    ).image
    assert color_statistics_loss(colors, exemplar) < 0.5 * color_statistics_loss(plain, exemplar)
    means = synthesize_texture(exemplar, network, None, statistic=mean_feature, **settings | {"generator": generator()})
    assert min(means.losses) < 0.1 * means.losses[0]


@pytest.mark.parametrize("error", [KeyboardInterrupt, StopIteration])
@pytest.mark.parametrize("when", [2, 8])
def test_an_interrupt_keeps_what_was_reached(network, exemplar, error, when):
    losses = []

    def callback(x, loss):
        losses.append(loss)
        if len(losses) == when:
            raise error

    result = synthesize_texture(
        exemplar,
        network,
        None,
        n_iterations=5,
        scales=(1 / 2, 1),
        generator=generator(),
        callback=callback,
        progress=False,
    )
    assert result.losses == losses
    assert result.image.shape == exemplar.shape


def test_an_interrupt_between_two_scales_keeps_what_was_reached(network, exemplar, monkeypatch):
    def refine(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(textures, "_refine", refine)
    result = synthesize_texture(exemplar, network, None, generator(), 3, scales=(1 / 2, 1), progress=False)
    assert len(result.losses) == 3
    assert result.image.shape == exemplar.shape


def test_other_errors_are_not_swallowed(network, exemplar):
    def callback(x, loss):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        synthesize_texture(
            exemplar, network, None, n_iterations=2, generator=generator(), callback=callback, progress=False
        )


def test_progress_goes_to_stderr_unless_switched_off(network, exemplar, monkeypatch, capsys):
    monkeypatch.delenv("TQDM_DISABLE")
    monkeypatch.setitem(sys.modules, "tqdm.auto", __import__("tqdm"))  # the text bar, not the notebook's
    synthesize_texture(exemplar, network, None, n_iterations=2, generator=generator())
    assert "E = " in capsys.readouterr().err
    monkeypatch.setenv("TQDM_DISABLE", "1")
    synthesize_texture(exemplar, network, None, n_iterations=2, generator=generator())
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"scales": ()}, ValueError, "scales must increase and end with 1"),
        ({"scales": (1, 0.5)}, ValueError, "scales must increase and end with 1"),
        ({"scales": (0.4, 1)}, ValueError, "scales must increase and end with 1"),
        ({"scales": (0, 1)}, ValueError, "scales must be > 0"),
        ({"n_iterations": 0}, ValueError, "n_iterations must be at least 1"),
        ({"n_iterations": (3, 3)}, ValueError, "n_iterations must be one number or one for each of the 1 scales"),
        ({"generator": 0}, TypeError, "generator must be a torch.Generator"),
        ({"whitening": 0.0}, ValueError, "whitening must be > 0"),
        ({"whitening": 0.1, "statistic": mean_feature}, ValueError, "whitening needs the statistic gram_matrix"),
        ({"init": "noise"}, ValueError, "init 'noise' is unknown"),
        ({"init": torch.zeros(3, 8, 8)}, ValueError, "init must have 3 channels of"),
        ({"size": (2, 40)}, ValueError, "size must be at least 4 pixels"),
        ({"scales": (1 / 16, 1)}, ValueError, "exemplar must be at least 64 pixels"),
        ({"weights": {"conv1_1": 1.0}}, ValueError, "weights and targets must have the same layers"),
        ({"exemplar": torch.zeros(2, 16, 16)}, ValueError, "exemplar must have shape"),
        ({"exemplar": torch.zeros(1, 3, 16, 16)}, ValueError, "exemplar must have shape"),
        ({"extra_losses": [(spectrum_loss, -1.0)]}, ValueError, "extra_losses must be >= 0"),
        ({"extra_losses": [(spectrum_loss, 1.0)], "size": (20, 20)}, ValueError, "x and u must have the same shape"),
    ],
)
def test_bad_arguments_of_the_synthesis(network, exemplar, arguments, error, words, unchecked):
    settings = {"exemplar": exemplar, "network": network, "weights": None, "generator": generator(), "progress": False}
    with pytest.raises(error, match=words):
        synthesize_texture(**(settings | {"n_iterations": 2} | arguments))


def test_exemplar_on_another_device(network, exemplar, unchecked):
    other = VGGFeatures("vgg16", ("conv1_1",), device="meta")
    with pytest.raises(ValueError, match="exemplar is on cpu but the network is on meta"):
        synthesize_texture(exemplar, other, None, generator(), 2)


# ---------------------------------------------------------------------------------------------------------------------
# Precomputed


def test_every_precomputed_texture_has_its_record():
    records = json.loads(fetch("synthesis_records").read_text(encoding="utf-8"))
    registered = {n.removeprefix("synthesis_") for n, e in REGISTRY.items() if e.kind == "synthesis"} - {"records"}
    assert set(records) == registered
    assert {p.stem for p in (data_folder() / "syntheses").glob("*.png")} == registered
    for name in registered:
        image, record = load_synthesis(name)
        assert record["sha256"] == REGISTRY[f"synthesis_{name}"].sha256
        assert image.min() >= 0
        assert image.max() <= 1
        assert image.ndim == load_image(record["texture"]).ndim
    with pytest.raises(ValueError, match="name 'gravle' is unknown"):
        load_synthesis("gravle")
