"""Text to image (course_utils.text_to_image, lesson 18): words, latents, control, subjects, cascade, light painter."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.data import load_portraits
from course_utils.diffusion import UNet, diffuse, noise_loss
from course_utils.rendering import chrome_ball, light_scenes, random_lights, read_light
from course_utils.text_to_image import (
    Autoencoder,
    Control,
    Enlarger,
    LightPainter,
    PortraitClassifier,
    add_word,
    captions,
    control_step,
    decode,
    embed_caption,
    encode,
    held_out_combinations,
    latent_noise_loss,
    latent_statistics,
    network_portraits,
    subject_loss,
    super_resolution_condition,
    told,
    vocabulary,
    zero_convolution,
)


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=source(seed))


def base(words=4):
    """Return a small U-net whose last layer is not 0."""
    torch.manual_seed(0)
    network = UNet(channels=3, width=8, words=words, embedding=16)
    nn.init.normal_(network.last.weight, std=0.1)
    return network


@pytest.fixture(scope="module")
def portraits():
    return load_portraits()


# --- words -----------------------------------------------------------------------------------------------------------


def test_a_caption_is_the_sum_of_its_words():
    table = {"a": torch.tensor([1.0, 2]), "b": torch.tensor([10.0, 20]), "c": torch.tensor([0.5, 0])}
    assert embed_caption(["c", "a"], table).tolist() == [1.5, 2]
    assert embed_caption(("a", "c", "a"), table).equal(embed_caption(["c", "a"], table))
    assert embed_caption([], table).tolist() == [0, 0]
    assert embed_caption([], table).dtype == torch.float32
    with pytest.raises(ValueError, match="got d, x"):
        embed_caption(["x", "a", "d"], table)
    with pytest.raises(TypeError, match="several words"):
        embed_caption("abc", table)
    assert table["a"].tolist() == [1, 2]


def test_captions_are_bags_of_the_vocabulary(portraits):
    known = vocabulary(portraits)
    table = dict(zip(known, torch.eye(len(known)), strict=True))
    bags = captions(portraits)
    for k in (0, 5, 400, 929):
        said = (
            portraits.genders[portraits.gender[k]],
            portraits.tones[portraits.tone[k]],
            portraits.roles[portraits.role[k]],
        )
        assert bags[k].equal(embed_caption([word for word in said if word], table))


def test_held_out_words_are_seen_in_other_combinations(portraits):
    new, bags = held_out_combinations(portraits), captions(portraits)
    assert 30 < new.sum() < 60
    assert (bags[~new].sum(dim=0) >= 2).all()
    pairs = set(zip(portraits.role.tolist(), portraits.tone.tolist(), strict=True))
    seen = {(portraits.role[k].item(), portraits.tone[k].item()) for k in (~new).nonzero()[:, 0].tolist()}
    held = {(portraits.role[k].item(), portraits.tone[k].item()) for k in new.nonzero()[:, 0].tolist()}
    assert not held & seen
    assert held | seen == pairs
    assert network_portraits(portraits).shape == (930, 3, 32, 32)
    assert network_portraits(portraits).abs().max() <= 1


def test_a_network_is_told_its_words_and_guided():
    network, x, words = base(), normal(2, 3, 16, 16), torch.eye(4)[:2]
    free, conditional = network(x, 0.4), network(x, 0.4, words)
    assert told(network, words)(x, 0.4).equal(conditional)
    torch.testing.assert_close(told(network, words, 3.0)(x, 0.4), 3 * conditional - 2 * free)
    torch.testing.assert_close(told(network, words, 0.0)(x, 0.4), free)


# --- latent space ----------------------------------------------------------------------------------------------------


def test_latents_have_variance_one_and_come_back():
    torch.manual_seed(0)
    encoder = nn.Conv2d(3, 4, 4, stride=4)
    x = 3 * normal(5, 3, 16, 24) + 1
    mean, std = latent_statistics(encoder, x)
    z = encode(x, encoder, mean, std)
    assert z.shape == (5, 4, 4, 6)
    torch.testing.assert_close(z.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.var(dim=(0, 2, 3), correction=0), torch.ones(4))
    torch.testing.assert_close(decode(z, lambda y: y, mean, std), encoder(x))
    with pytest.raises(ValueError, match="std must be > 0"):
        decode(z, lambda y: y, mean, 0 * std)


@pytest.mark.usefixtures("unchecked")
def test_shapes_that_do_not_fit_are_named():
    x, four = normal(2, 4, 6, 6), torch.ones(4)
    with pytest.raises(ValueError, match="mean must have a number for each of the 4 channels"):
        encode(x, lambda x: x, four[:3], four)
    with pytest.raises(ValueError, match="small must hold 2 images"):
        super_resolution_condition(x, x[:1])
    with pytest.raises(ValueError, match="small must have shape"):
        super_resolution_condition(x, x[0])


def test_latent_noise_loss_is_that_of_the_latents():
    network, words, t = base(), torch.eye(4)[:3], torch.tensor([0.2, 0.5, 0.9])
    encoder = nn.Conv2d(3, 3, 2, stride=2)
    x, noise = normal(3, 3, 32, 32), normal(3, 3, 16, 16, seed=1)
    loss = latent_noise_loss(network, encoder, x, words, t, noise)
    z = diffuse(encoder(x).detach(), t, noise)
    torch.testing.assert_close(loss, (network(z, t, words) - noise).square().mean())
    loss.backward()
    assert encoder.weight.grad is None
    assert network.last.weight.grad.abs().sum() > 0


def test_the_autoencoder_divides_sides_by_four():
    autoencoder = Autoencoder()
    y = autoencoder.encoder(normal(2, 3, 32, 64))
    assert y.shape == (2, 4, 8, 16)
    assert autoencoder.decoder(y).shape == (2, 3, 32, 64)


# --- control ---------------------------------------------------------------------------------------------------------


def test_a_zero_convolution_lets_nothing_through_and_learns():
    convolution = zero_convolution(3, 5)
    x = normal(2, 3, 7, 6)
    y = convolution(x)
    assert y.equal(torch.zeros(2, 5, 7, 6))
    y.sum().backward()
    assert convolution.weight.shape == (5, 3, 1, 1)
    assert (convolution.weight.grad != 0).all()


def test_an_untrained_control_changes_nothing_to_the_bit():
    network, drawing = base(), torch.rand(2, 1, 16, 16, generator=source())
    control, x, words = Control(network), normal(2, 3, 16, 16), torch.eye(4)[:2]
    assert network(x, 0.3, words, control(x, 0.3, words, drawing)).equal(network(x, 0.3, words))


def test_control_steps_move_the_control_alone_and_lower_the_loss():
    network = base().requires_grad_(False)
    control = Control(network)
    optimizer = torch.optim.Adam(control.parameters(), lr=3e-3)
    before = [p.clone() for p in network.parameters()]
    x0, noise, t = normal(4, 3, 16, 16), normal(4, 3, 16, 16, seed=1), torch.tensor([0.2, 0.4, 0.6, 0.8])
    batch = x0, torch.eye(4), (x0[:, :1] > 0).float(), t, noise
    losses = [control_step(network, control, optimizer, *batch) for _ in range(20)]
    x = diffuse(x0, t, noise)
    assert losses[0] == pytest.approx((network(x, t, batch[1]) - noise).square().mean().item(), rel=1e-5)
    assert losses[-1] < 0.9 * losses[0]
    assert all(p.equal(q) for p, q in zip(network.parameters(), before, strict=True))
    assert control.gates[0].weight.abs().sum() > 0


# --- subjects --------------------------------------------------------------------------------------------------------


def test_a_new_word_is_heard_where_it_is_said_only():
    network = base()
    longer = add_word(network.requires_grad_(False), source())
    x, words = normal(2, 3, 16, 16), torch.eye(4)[:2]
    unsaid, said = (torch.cat([words, torch.full((2, 1), value)], dim=1) for value in (0.0, 1.0))
    torch.testing.assert_close(longer(x, 0.3, unsaid), network(x, 0.3, words))
    assert not torch.allclose(longer(x, 0.3, said), network(x, 0.3, words), atol=1e-3)
    assert longer.word.weight[:, -1].std().item() == pytest.approx(network.word.weight.std().item(), rel=0.5)
    assert all(p.requires_grad for p in longer.parameters())
    assert not any(p.requires_grad for p in network.parameters())


def test_subject_loss_weighs_the_prior():
    network = base()
    subject, prior = normal(2, 3, 16, 16), normal(3, 3, 16, 16, seed=1)
    words, others = torch.eye(4)[:2], torch.eye(4)[1:]
    first = source()
    a = noise_loss(told(network, words), subject, first)
    b = noise_loss(told(network, others), prior, first)
    for weight in (0.0, 0.5, 2.0):
        loss = subject_loss(network, subject, words, prior, others, weight, source())
        torch.testing.assert_close(loss, a + weight * b)


# --- cascade ---------------------------------------------------------------------------------------------------------


def test_the_condition_is_the_small_image_enlarged():
    x, small = normal(2, 3, 8, 12), normal(2, 3, 4, 6, seed=1)
    joined = super_resolution_condition(x, small)
    assert joined[:, :3].equal(x)
    torch.testing.assert_close(
        joined[0, 3, 1, 1],
        0.5625 * small[0, 0, 0, 0] + 0.1875 * (small[0, 0, 0, 1] + small[0, 0, 1, 0]) + 0.0625 * small[0, 0, 1, 1],
    )
    torch.testing.assert_close(F.avg_pool2d(joined[:, 3:], 2).mean(), small.mean(), atol=0.05, rtol=0)
    torch.manual_seed(0)
    network = UNet(channels=3, width=8, words=4, embedding=16, inputs=6)
    nn.init.normal_(network.last.weight)
    large = normal(2, 3, 32, 32)
    enlarger = Enlarger(network, normal(2, 3, 16, 16))
    assert enlarger(large, 0.4, torch.eye(4)[:2]).shape == large.shape
    assert not enlarger(large, 0.4, None).equal(Enlarger(network, normal(2, 3, 16, 16, seed=2))(large, 0.4, None))


# --- judge and light probe -------------------------------------------------------------------------------------------


def test_the_judge_has_logits_of_roles_and_tones():
    roles, tones = PortraitClassifier()(normal(2, 3, 32, 32))
    assert roles.shape == (2, 55)
    assert tones.shape == (2, 6)


def test_the_light_is_read_off_the_ball_within_a_few_degrees():
    lights = random_lights(40, source())
    read = read_light(light_scenes(lights, source(1)))
    degrees = (read * lights).sum(dim=1).clamp(-1, 1).arccos().rad2deg()
    assert degrees.median() < 5
    assert degrees.max() < 12


def test_the_painter_sees_the_scene_and_not_its_ball():
    torch.manual_seed(0)
    network = UNet(channels=1, width=8, words=1, embedding=16, inputs=3)
    nn.init.normal_(network.last.weight)
    scenes, x = normal(2, 1, 32, 32), normal(2, 1, 32, 32, seed=1)
    ball = chrome_ball(32)
    painted = LightPainter(network, scenes)(x, 0.5)
    other_ball = torch.where(ball, 0.3, scenes)
    assert LightPainter(network, other_ball)(x, 0.5).equal(painted)
    assert LightPainter(network, scenes)(torch.where(ball, x, 0.0), 0.5).equal(painted)
    assert not LightPainter(network, scenes.flip(-1))(x, 0.5).equal(painted)
