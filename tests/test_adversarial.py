"""Adversarial networks: losses against torch's, the step against one written out, inversion against its closed form."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import adversarial
from course_utils.adversarial import (
    EPOCHS,
    HELD_OUT_ROLES,
    LATENT,
    PATCH,
    PATCH_STRIDE,
    DigitDiscriminator,
    DigitGenerator,
    PatchDiscriminator,
    PortraitNetwork,
    StyleGenerator,
    adain,
    discriminator_loss,
    gan_training_step,
    generator_loss,
    invert,
    load_digit_generator,
    load_portrait_network,
    load_style_generator,
    minimax_generator_loss,
    patch_logits,
    portrait_edges,
    slerp,
)
from course_utils.data import load_portraits


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- the game --------------------------------------------------------------------------------------------------------


def test_losses_are_cross_entropies():
    real, fake = randn(5, 1), randn(7, seed=1)
    bce = F.binary_cross_entropy_with_logits
    expected = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    assert torch.isclose(discriminator_loss(real, fake), expected)
    assert torch.isclose(generator_loss(fake), bce(fake, torch.ones_like(fake)))
    assert torch.isclose(minimax_generator_loss(fake), (1 - fake.sigmoid()).log().mean())


def test_losses_hold_for_any_logit():
    extreme = torch.tensor([-1e4, 1e4], dtype=torch.float64)
    assert discriminator_loss(extreme, extreme).item() == pytest.approx(1e4)
    assert generator_loss(extreme).item() == pytest.approx(5e3)


def test_only_the_minimax_loss_saturates():
    sure = torch.full((4,), -20.0, dtype=torch.float64, requires_grad=True)
    (flat,) = torch.autograd.grad(minimax_generator_loss(sure), sure)
    (steep,) = torch.autograd.grad(generator_loss(sure), sure)
    assert flat.abs().max() < 1e-8
    assert torch.allclose(steep, torch.full_like(steep, -0.25))


def test_the_best_judge_has_the_loss_of_the_divergence():
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.1, 0.1, 0.8])
    counts_p, counts_q = (10 * p).long(), (10 * q).long()
    best = (p / q).log()
    loss = discriminator_loss(best.repeat_interleave(counts_p), best.repeat_interleave(counts_q))
    m = (p + q) / 2
    js = 0.5 * (p * (p / m).log()).sum() + 0.5 * (q * (q / m).log()).sum()
    assert loss.item() == pytest.approx(2 * math.log(2) - 2 * js.item(), abs=1e-5)


def test_a_step_moves_the_judge_first_and_each_network_once():
    torch.manual_seed(0)
    G, D = nn.Linear(3, 2).double(), nn.Linear(2, 1).double()
    rates = 0.1, 0.2
    before = [[p.detach().clone().requires_grad_() for p in g.parameters()] for g in (G, D)]
    real, z = randn(4, 2), randn(5, 3, seed=1)
    optimizers = (torch.optim.SGD(G.parameters(), rates[0]), torch.optim.SGD(D.parameters(), rates[1]))
    losses = gan_training_step(G, D, optimizers, real, z)

    (W, b), (V, c) = before
    fake = F.linear(z, W, b)
    loss_D = discriminator_loss(F.linear(real, V, c), F.linear(fake.detach(), V, c))
    V, c = (w - rates[1] * g for w, g in zip((V, c), torch.autograd.grad(loss_D, (V, c)), strict=True))
    loss_G = generator_loss(F.linear(fake, V.detach(), c.detach()))
    W, b = (w - rates[0] * g for w, g in zip((W, b), torch.autograd.grad(loss_G, (W, b)), strict=True))
    for parameter, expected in zip([*G.parameters(), *D.parameters()], [W, b, V, c], strict=True):
        assert torch.allclose(parameter, expected)
    assert losses == pytest.approx((loss_D.item(), loss_G.item()))


@pytest.mark.parametrize(("network", "entering", "leaving"), [
    (DigitGenerator, (2, LATENT), (2, 1, 32, 32)),
    (StyleGenerator, (2, LATENT), (2, 1, 32, 32)),
    (DigitDiscriminator, (2, 1, 32, 32), (2, 1)),
    (PortraitNetwork, (2, 1, 32, 32), (2, 3, 32, 32)),
    (PatchDiscriminator, (2, 4, 32, 32), (2, 1, 4, 4)),
])  # fmt: skip
def test_shapes_of_the_networks(network, entering, leaving):
    assert network().eval()(torch.randn(entering)).shape == leaving


def test_shipped_networks_draw_images_between_minus_one_and_one():
    z = torch.randn(4, LATENT, generator=torch.Generator().manual_seed(0))
    drawn = [*(load_digit_generator(epoch)(z) for epoch in EPOCHS), load_style_generator()(z)]
    edges = portrait_edges(load_portraits().images[::230])
    drawn += [load_portrait_network(adversarial)(edges) for adversarial in (True, False)]
    for x in drawn:
        assert not x.requires_grad
        assert x.abs().max() <= 1
        assert x.std(dim=0).mean() > 0.05  # not the same image again and again
    with pytest.raises(ValueError, match="epoch must be one of 1, 5, 20, 60, got 7"):
        load_digit_generator(7)


# --- the latent space ------------------------------------------------------------------------------------------------


def test_slerp_keeps_the_norm_and_walks_at_constant_speed():
    z0, z1 = (F.normalize(randn(3, 8, seed=k), dim=-1) for k in (0, 1))
    path = torch.stack([slerp(z0, z1, t) for t in torch.linspace(0, 1, 11).tolist()])
    assert torch.allclose(path[0], z0)
    assert torch.allclose(path[-1], z1)
    assert torch.allclose(path.norm(dim=-1), torch.ones(11, 3, dtype=torch.float64))
    steps = path.diff(dim=0).norm(dim=-1)
    assert torch.allclose(steps, steps[:1].expand_as(steps))


def test_slerp_of_parallel_vectors_is_the_segment_and_of_opposite_ones_an_error():
    z = randn(4)
    assert torch.allclose(slerp(z, 3 * z, 0.25), 1.5 * z)
    assert torch.allclose(slerp(z, z + 1e-9 * randn(4, seed=1), 0.5), z)
    with pytest.raises(ValueError, match="opposite"):
        slerp(z, -z, 0.5)
    with pytest.raises(ValueError, match="must not be 0"):
        slerp(z, 0 * z, 0.5)


@pytest.mark.parametrize("lam", [0.1, 1.0])
def test_inversion_of_a_linear_generator_is_a_ridge_regression(lam):
    W, M = randn(4, 6), randn(6, 3, seed=1)
    v, z0 = randn(2, 3, seed=2), randn(2, 4, seed=3)
    kept = z0.clone()
    z = invert(lambda z: z @ W, lambda x: x @ M, v, lam, z0, 1500)
    B = (W @ M).T
    expected = torch.linalg.solve(B.T @ B + lam * torch.eye(4).double(), B.T @ v.T).T
    assert torch.allclose(z, expected, atol=1e-3)
    assert torch.equal(z0, kept)
    assert torch.equal(invert(lambda z: z @ W, lambda x: x @ M, v, lam, z0, 0), z0)


# --- styles ----------------------------------------------------------------------------------------------------------


def test_adain_is_instance_normalisation_with_a_style_for_each_image():
    x, style = randn(2, 3, 5, 4), randn(2, 6, seed=1)
    normal = F.instance_norm(x, eps=1e-5)
    expected = style[:, :3, None, None] * normal + style[:, 3:, None, None]
    assert torch.allclose(adain(x, style), expected)
    with pytest.raises(ValueError, match=r"style must have shape \(2, 6\)"):
        adain(x, style[:, :3])


def test_adain_sets_the_deviations_and_the_means_of_the_channels():
    x, style = randn(2, 3, 5, 4), randn(2, 6, seed=1)
    variance, mu = torch.var_mean(adain(x, style), dim=(2, 3), correction=0)
    assert torch.allclose(
        torch.cat([variance.sqrt(), mu], dim=1), torch.cat([style[:, :3].abs(), style[:, 3:]], dim=1), atol=1e-4
    )


def test_styles_act_at_their_scale():
    network = load_style_generator()
    w, other = network.mapping(randn(2, 4, LATENT).float())
    scales = len(network.scales)
    own = network.synthesis([w] * scales)
    for k in range(scales):
        mixed = network.synthesis([other if j == k else w for j in range(scales)])
        assert (mixed - own).abs().max() > 0.1
        unchanged = network.synthesis([w.roll(1, 0)] * scales)
        assert torch.allclose(unchanged, own.roll(1, 0), atol=1e-5)  # each image has its own style
    with pytest.raises(ValueError, match="w must be 4, one for each scale, got 3"):
        network.synthesis([w] * 3)


# --- portraits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(32, 32), (34, 27)])
def test_patch_by_patch_is_the_convolutional_network_at_once(size):
    torch.manual_seed(0)
    judge = PatchDiscriminator().double().eval()
    condition, images = randn(2, 1, *size), randn(2, 3, *size, seed=1)
    expected = judge(torch.cat([condition, images], dim=1))[:, 0]
    assert torch.allclose(patch_logits(judge, condition, images, PATCH, PATCH_STRIDE), expected)


def test_edges_are_where_the_colour_changes():
    u = torch.ones(1, 3, 64, 64)
    u[:, 0, 20:40, 24:44] = 0  # a square of another colour
    edges = portrait_edges(u)
    assert edges.shape == (1, 1, 32, 32)
    assert edges[0, 0, 15, 12] > 0
    assert edges[0, 0, 15, 17] == edges[0, 0, 3, 3] == 0
    with pytest.raises(ValueError, match="u must have shape"):
        portrait_edges(u[:, :1])


def test_portraits_have_names_and_the_held_out_roles_exist():
    portraits = load_portraits()
    assert portraits.images.shape == (930, 3, 64, 64)
    assert portraits.images.min() >= 0
    assert portraits.images.max() <= 1
    for numbers, names in (
        (portraits.gender, portraits.genders),
        (portraits.tone, portraits.tones),
        (portraits.role, portraits.roles),
    ):
        assert len(numbers) == 930
        assert numbers.max() < len(names)
    assert set(HELD_OUT_ROLES) < set(portraits.roles)


def test_all_public_names_exist():
    assert all(hasattr(adversarial, name) for name in adversarial.__all__)
