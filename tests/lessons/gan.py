"""Answers to the exercises of notebook 15: right ones in several styles, and the wrong ones that students write."""

# ruff: noqa: E501

import torch
from torch.nn import functional as F

from course_utils.explorers.gan import explore_gan, gan_picture
from tests.explorer_case import ExplorerCase


def named(name, function):
    function.__name__ = name
    return function


# --- discriminator_loss ----------------------------------------------------------------------------------------------


def bce(logits, label, reduction="mean"):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label), reduction=reduction)


def discriminator_by_softplus(real_logits, fake_logits):
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()


def discriminator_by_logsigmoid(real_logits, fake_logits):
    return -F.logsigmoid(real_logits).mean() - F.logsigmoid(-fake_logits).mean()


def discriminator_by_bce(real_logits, fake_logits):
    return bce(real_logits, 1.0) + bce(fake_logits, 0.0)


def discriminator_by_hand(real_logits, fake_logits):
    def softplus(x):  # log(1 + e^x) without overflow
        return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))

    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def discriminator_by_logaddexp(real_logits, fake_logits):
    zero = torch.zeros_like
    return (
        torch.logaddexp(zero(real_logits), -real_logits).mean() + torch.logaddexp(zero(fake_logits), fake_logits).mean()
    )


def discriminator_by(real, fake, reduce=torch.mean):
    def discriminator_loss(real_logits, fake_logits):
        return reduce(real(real_logits)) + reduce(fake(fake_logits))

    return discriminator_loss


def softplus_of_minus(x):
    return F.softplus(-x)


def discriminator_half(real_logits, fake_logits):
    return 0.5 * discriminator_by_softplus(real_logits, fake_logits)


def discriminator_of_one_batch(real_logits, fake_logits):
    logits = torch.cat([real_logits.flatten(), fake_logits.flatten()])
    labels = torch.cat([torch.ones(real_logits.numel()), torch.zeros(fake_logits.numel())]).to(logits)
    return F.binary_cross_entropy_with_logits(logits, labels)


def discriminator_naive_logarithms(real_logits, fake_logits):
    return -torch.log(torch.sigmoid(real_logits)).mean() - torch.log(1 - torch.sigmoid(fake_logits)).mean()


def discriminator_logarithms_with_epsilon(real_logits, fake_logits):
    p, q = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    return -torch.log(p + 1e-8).mean() - torch.log(1 - q + 1e-8).mean()


def discriminator_of_probabilities(real_logits, fake_logits):
    return -torch.log(real_logits.clamp(1e-6, 1)).mean() - torch.log((1 - fake_logits).clamp(1e-6, 1)).mean()


def discriminator_sigmoid_twice(real_logits, fake_logits):
    return discriminator_by_bce(torch.sigmoid(real_logits), torch.sigmoid(fake_logits))


def discriminator_of_the_mean_logit(real_logits, fake_logits):
    return F.softplus(-real_logits.mean()) + F.softplus(fake_logits.mean())


def discriminator_logarithm_of_the_mean(real_logits, fake_logits):
    return -torch.sigmoid(real_logits).mean().log() - (1 - torch.sigmoid(fake_logits).mean()).log()


def discriminator_to_maximize(real_logits, fake_logits):
    return F.logsigmoid(real_logits).mean() + F.logsigmoid(-fake_logits).mean()


def discriminator_second_subtracted(real_logits, fake_logits):
    return F.softplus(-real_logits).mean() - F.softplus(fake_logits).mean()


def discriminator_overflows(real_logits, fake_logits):
    return torch.log(1 + torch.exp(-real_logits)).mean() + torch.log(1 + torch.exp(fake_logits)).mean()


def discriminator_by_bce_of_probabilities(real_logits, fake_logits):
    p, q = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    return F.binary_cross_entropy(p, torch.ones_like(p)) + F.binary_cross_entropy(q, torch.zeros_like(q))


def discriminator_real_only(real_logits, fake_logits):
    return F.softplus(-real_logits).mean()


def discriminator_fake_only(real_logits, fake_logits):
    return F.softplus(fake_logits).mean()


def discriminator_as_a_number(real_logits, fake_logits):
    return discriminator_by_softplus(real_logits, fake_logits).item()


def discriminator_detaches_the_fakes(real_logits, fake_logits):
    return discriminator_by_softplus(real_logits, fake_logits.detach())


def discriminator_without_gradient(real_logits, fake_logits):
    with torch.no_grad():
        return discriminator_by_softplus(real_logits, fake_logits)


def discriminator_as_a_pair(real_logits, fake_logits):
    return F.softplus(-real_logits).mean(), F.softplus(fake_logits).mean()


DISCRIMINATOR_RIGHT = [
    discriminator_by_softplus,
    discriminator_by_logsigmoid,
    discriminator_by_bce,
    discriminator_by_hand,
    discriminator_by_logaddexp,
]
DISCRIMINATOR_WRONG = [
    ("normalisation", discriminator_half),
    ("normalisation", discriminator_of_one_batch),
    ("normalisation", named("discriminator_summed", discriminator_by(softplus_of_minus, F.softplus, torch.sum))),
    ("not-finite", discriminator_naive_logarithms),
    ("epsilon", discriminator_logarithms_with_epsilon),
    ("not-finite", discriminator_overflows),
    ("epsilon", discriminator_by_bce_of_probabilities),
    ("sign", discriminator_second_subtracted),
    ("value", discriminator_of_probabilities),
    ("order", discriminator_sigmoid_twice),
    ("order", discriminator_of_the_mean_logit),
    ("order", discriminator_logarithm_of_the_mean),
    ("sign", discriminator_to_maximize),
    ("sign", named("discriminator_labels_exchanged", discriminator_by(F.softplus, softplus_of_minus))),
    ("sign", named("discriminator_all_real", discriminator_by(softplus_of_minus, softplus_of_minus))),
    ("sign", named("discriminator_all_fake", discriminator_by(F.softplus, F.softplus))),
    ("truncation", discriminator_real_only),
    ("truncation", discriminator_fake_only),
    ("value", named("discriminator_of_squares", discriminator_by(lambda x: (x - 1) ** 2, lambda x: x**2))),
    ("value", named("discriminator_of_wasserstein", discriminator_by(lambda x: -x, lambda x: x))),
    ("value", named("discriminator_hinge", discriminator_by(lambda x: F.relu(1 - x), lambda x: F.relu(1 + x)))),
    ("value", named("discriminator_without_logarithm", discriminator_by(lambda x: -torch.sigmoid(x), torch.sigmoid))),
    ("shape", named("discriminator_one_for_each", discriminator_by(softplus_of_minus, F.softplus, lambda x: x))),
    ("type", discriminator_as_a_number),
    ("type", discriminator_as_a_pair),
    ("autograd", discriminator_without_gradient),
    ("autograd", discriminator_detaches_the_fakes),
]  # fmt: skip

# --- generator_loss --------------------------------------------------------------------------------------------------


def generator_by_softplus(fake_logits):
    return F.softplus(-fake_logits).mean()


def generator_by_logsigmoid(fake_logits):
    return -F.logsigmoid(fake_logits).mean()


def generator_by_bce(fake_logits):
    return bce(fake_logits, 1.0)


def generator_by_hand(fake_logits):
    return ((-fake_logits).clamp(min=0) + torch.log1p(torch.exp(-fake_logits.abs()))).sum() / fake_logits.numel()


def generator_minimax(fake_logits):
    return F.logsigmoid(-fake_logits).mean()


def generator_minimax_sign(fake_logits):
    return F.softplus(fake_logits).mean()


def generator_to_maximize(fake_logits):
    return F.logsigmoid(fake_logits).mean()


def generator_summed(fake_logits):
    return F.softplus(-fake_logits).sum()


def generator_naive_logarithm(fake_logits):
    return -torch.log(torch.sigmoid(fake_logits)).mean()


def generator_logarithm_with_epsilon(fake_logits):
    return -torch.log(torch.sigmoid(fake_logits) + 1e-8).mean()


def generator_sigmoid_twice(fake_logits):
    return bce(torch.sigmoid(fake_logits), 1.0)


def generator_of_the_mean_logit(fake_logits):
    return F.softplus(-fake_logits.mean())


def generator_logarithm_of_the_mean(fake_logits):
    return -torch.sigmoid(fake_logits).mean().log()


def generator_wasserstein(fake_logits):
    return -fake_logits.mean()


def generator_least_squares(fake_logits):
    return (fake_logits - 1).square().mean()


def generator_without_logarithm(fake_logits):
    return 1 - torch.sigmoid(fake_logits).mean()


def generator_one_for_each(fake_logits):
    return F.softplus(-fake_logits)


def generator_as_a_number(fake_logits):
    return F.softplus(-fake_logits).mean().item()


def generator_detached(fake_logits):
    return F.softplus(-fake_logits.detach()).mean()


GENERATOR_RIGHT = [generator_by_softplus, generator_by_logsigmoid, generator_by_bce, generator_by_hand]
GENERATOR_WRONG = [
    ("value", generator_minimax),
    ("sign", generator_minimax_sign),
    ("sign", generator_to_maximize),
    ("normalisation", generator_summed),
    ("not-finite", generator_naive_logarithm),
    ("epsilon", generator_logarithm_with_epsilon),
    ("order", generator_sigmoid_twice),
    ("order", generator_of_the_mean_logit),
    ("order", generator_logarithm_of_the_mean),
    ("value", generator_wasserstein),
    ("value", generator_least_squares),
    ("value", generator_without_logarithm),
    ("shape", generator_one_for_each),
    ("type", generator_as_a_number),
    ("autograd", generator_detached),
]

# --- gan_training_step -----------------------------------------------------------------------------------------------


def losses(discriminator, real, fake):
    return bce(discriminator(real), 1.0) + bce(discriminator(fake), 0.0)


def fooled(discriminator, fake):
    return F.softplus(-discriminator(fake)).mean()


def move(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_usual(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = move(optimizers[1], losses(discriminator, real, fake.detach()))
    return loss_d, move(optimizers[0], fooled(discriminator, fake))


def step_draws_twice_under_no_grad(generator, discriminator, optimizers, real, z):
    optimizer_g, optimizer_d = optimizers
    with torch.no_grad():
        fake = generator(z)
    loss_d = move(optimizer_d, losses(discriminator, real, fake))
    return loss_d, move(optimizer_g, fooled(discriminator, generator(z)))


def step_one_pass_through_the_discriminator(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    a, b = discriminator(torch.cat([real, fake.detach()])).split([len(real), len(fake)])
    loss_d = move(optimizers[1], F.softplus(-a).mean() + F.softplus(b).mean())
    return loss_d, move(optimizers[0], fooled(discriminator, fake))


def step_by_autograd(generator, discriminator, optimizers, real, z):
    def descend(optimizer, network, loss):
        weights = list(network.parameters())
        for w, g in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            w.grad = g
        optimizer.step()
        return float(loss)

    fake = generator(z)
    loss_d = descend(optimizers[1], discriminator, losses(discriminator, real, fake.detach()))
    return loss_d, descend(optimizers[0], generator, fooled(discriminator, fake))


def step_freezes_the_discriminator(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = move(optimizers[1], losses(discriminator, real, fake.detach()))
    discriminator.requires_grad_(False)
    loss_g = move(optimizers[0], fooled(discriminator, fake))
    discriminator.requires_grad_(True)
    return loss_d, loss_g


def step_retains_the_graph_and_clears_it(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = losses(discriminator, real, fake)
    discriminator.zero_grad()
    loss_d.backward(retain_graph=True)
    optimizers[1].step()
    generator.zero_grad()
    loss_g = fooled(discriminator, fake)
    loss_g.backward()
    optimizers[0].step()
    return [loss_d.item(), loss_g.item()]


def step_two_backwards_of_the_discriminator(generator, discriminator, optimizers, real, z):
    optimizer_g, optimizer_d = optimizers
    fake = generator(z)
    optimizer_d.zero_grad()
    loss_real = bce(discriminator(real), 1.0)
    loss_real.backward()
    loss_fake = bce(discriminator(fake.detach()), 0.0)
    loss_fake.backward()
    optimizer_d.step()
    return (loss_real + loss_fake).item(), move(optimizer_g, fooled(discriminator, fake))


def step_generator_first(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_g = move(optimizers[0], fooled(discriminator, fake))
    return move(optimizers[1], losses(discriminator, real, fake.detach())), loss_g


def step_both_gradients_first(generator, discriminator, optimizers, real, z):
    optimizer_g, optimizer_d = optimizers
    fake = generator(z)
    loss_g = fooled(discriminator, fake)
    optimizer_g.zero_grad()
    loss_g.backward()
    optimizer_d.zero_grad()
    loss_d = losses(discriminator, real, fake.detach())
    loss_d.backward()
    optimizer_d.step()
    optimizer_g.step()
    return loss_d.item(), loss_g.item()


def step_generator_judged_before(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d, loss_g = losses(discriminator, real, fake.detach()), fooled(discriminator, fake)
    first = move(optimizers[1], loss_d)
    return first, move(optimizers[0], loss_g)


def step_without_detach(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = move(optimizers[1], losses(discriminator, real, fake))
    return loss_d, move(optimizers[0], fooled(discriminator, fake))


def step_retains_the_graph_and_keeps_the_gradient(generator, discriminator, optimizers, real, z):
    for optimizer in optimizers:
        optimizer.zero_grad()
    fake = generator(z)
    loss_d = losses(discriminator, real, fake)
    loss_d.backward(retain_graph=True)
    optimizers[1].step()
    loss_g = fooled(discriminator, fake)
    loss_g.backward()
    optimizers[0].step()
    return loss_d.item(), loss_g.item()


def step_detached_for_the_generator_too(generator, discriminator, optimizers, real, z):
    fake = generator(z).detach()
    loss_d = move(optimizers[1], losses(discriminator, real, fake))
    return loss_d, move(optimizers[0], fooled(discriminator, fake))


def step_without_gradient_at_all(generator, discriminator, optimizers, real, z):
    with torch.no_grad():
        return step_usual(generator, discriminator, optimizers, real, z)


def step_never_zeroes_the_generator(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = move(optimizers[1], losses(discriminator, real, fake.detach()))
    loss_g = fooled(discriminator, fake)
    loss_g.backward()
    optimizers[0].step()
    return loss_d, loss_g.item()


def step_never_zeroes_the_discriminator(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = losses(discriminator, real, fake.detach())
    loss_d.backward()
    optimizers[1].step()
    return loss_d.item(), move(optimizers[0], fooled(discriminator, fake))


def step_optimizers_exchanged(generator, discriminator, optimizers, real, z):
    return step_usual(generator, discriminator, optimizers[::-1], real, z)


def step_losses_exchanged(generator, discriminator, optimizers, real, z):
    return step_usual(generator, discriminator, optimizers, real, z)[::-1]


def step_of_minimax(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = move(optimizers[1], losses(discriminator, real, fake.detach()))
    return loss_d, move(optimizers[0], -F.softplus(discriminator(fake)).mean())


def step_generator_against_itself(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = move(optimizers[1], losses(discriminator, real, fake.detach()))
    return loss_d, move(optimizers[0], F.softplus(discriminator(fake)).mean())


def step_labels_exchanged(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = move(optimizers[1], losses(discriminator, fake.detach(), real))
    return loss_d, move(optimizers[0], fooled(discriminator, fake))


def step_never_shows_real_images(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = move(optimizers[1], bce(discriminator(fake.detach()), 0.0))
    return loss_d, move(optimizers[0], fooled(discriminator, fake))


def step_half_the_loss(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = move(optimizers[1], 0.5 * losses(discriminator, real, fake.detach()))
    return loss_d, move(optimizers[0], fooled(discriminator, fake))


def step_summed_loss(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = move(optimizers[1], len(real) * losses(discriminator, real, fake.detach()))
    return loss_d, move(optimizers[0], fooled(discriminator, fake))


def step_of_the_discriminator_only(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = move(optimizers[1], losses(discriminator, real, fake.detach()))
    return loss_d, fooled(discriminator, fake).item()


def step_of_the_generator_only(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = losses(discriminator, real, fake.detach()).item()
    return loss_d, move(optimizers[0], fooled(discriminator, fake))


def step_without_step(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d, loss_g = losses(discriminator, real, fake.detach()), fooled(discriminator, fake)
    loss_d.backward()
    loss_g.backward()
    return loss_d.item(), loss_g.item()


def step_twice_for_the_discriminator(generator, discriminator, optimizers, real, z):
    move(optimizers[1], losses(discriminator, real, generator(z).detach()))
    return step_usual(generator, discriminator, optimizers, real, z)


def step_discriminator_follows_the_generator(generator, discriminator, optimizers, real, z):
    fake = generator(z)
    loss_d = move(optimizers[1], losses(discriminator, real, fake.detach()))
    optimizers[1].zero_grad()
    loss_g = move(optimizers[0], fooled(discriminator, fake))
    optimizers[1].step()
    return loss_d, loss_g


def step_zeroes_after_backward(generator, discriminator, optimizers, real, z):
    def late(optimizer, loss):
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
        return loss.item()

    fake = generator(z)
    loss_d = late(optimizers[1], losses(discriminator, real, fake.detach()))
    return loss_d, late(optimizers[0], fooled(discriminator, fake))


def step_returns_the_losses_after(generator, discriminator, optimizers, real, z):
    step_usual(generator, discriminator, optimizers, real, z)
    with torch.no_grad():
        fake = generator(z)
        return losses(discriminator, real, fake).item(), fooled(discriminator, fake).item()


def step_with_its_own_noise(generator, discriminator, optimizers, real, z):
    return step_usual(generator, discriminator, optimizers, real, torch.randn_like(z))


def step_with_its_own_optimizers(generator, discriminator, optimizers, real, z):
    own = [torch.optim.Adam(network.parameters(), 2e-4) for network in (generator, discriminator)]
    return step_usual(generator, discriminator, own, real, z)


def step_returns_the_sum(generator, discriminator, optimizers, real, z):
    return sum(step_usual(generator, discriminator, optimizers, real, z))


def step_returns_tensors(generator, discriminator, optimizers, real, z):
    return tuple(torch.tensor(x) for x in step_usual(generator, discriminator, optimizers, real, z))


def step_returns_the_images(generator, discriminator, optimizers, real, z):
    step_usual(generator, discriminator, optimizers, real, z)
    return generator(z)


def step_leaves_evaluation_mode(generator, discriminator, optimizers, real, z):
    generator.eval()
    discriminator.eval()
    return step_usual(generator, discriminator, optimizers, real, z)


STEP_RIGHT = [
    step_usual,
    step_draws_twice_under_no_grad,
    step_one_pass_through_the_discriminator,
    step_by_autograd,
    step_freezes_the_discriminator,
    step_retains_the_graph_and_clears_it,
    step_two_backwards_of_the_discriminator,
]
STEP_WRONG = [
    ("order", step_generator_first),
    ("order", step_both_gradients_first),
    ("order|exception", step_generator_judged_before),
    ("autograd", step_without_detach),
    ("autograd", step_retains_the_graph_and_keeps_the_gradient),
    ("autograd", step_detached_for_the_generator_too),
    ("autograd", step_without_gradient_at_all),
    ("order", step_never_zeroes_the_generator),
    ("order", step_never_zeroes_the_discriminator),
    ("order", step_zeroes_after_backward),
    ("order", step_optimizers_exchanged),
    ("order", step_losses_exchanged),
    ("order", step_returns_the_losses_after),
    ("value", step_of_minimax),
    ("sign", step_generator_against_itself),
    ("sign", step_labels_exchanged),
    ("truncation", step_never_shows_real_images),
    ("normalisation", step_half_the_loss),
    ("normalisation", step_summed_loss),
    ("constant", step_of_the_discriminator_only),
    ("constant", step_of_the_generator_only),
    ("constant", step_without_step),
    ("step-size", step_twice_for_the_discriminator),
    ("step-size", step_discriminator_follows_the_generator),
    ("step-size", step_with_its_own_optimizers),
    ("randomness", step_with_its_own_noise),
    ("type", step_returns_the_sum),
    ("type", step_returns_tensors),
    ("type", step_returns_the_images),
    ("mutates-input", step_leaves_evaluation_mode),
]

# --- slerp -----------------------------------------------------------------------------------------------------------


def cosine(z0, z1):
    return (z0 * z1).sum(-1, keepdim=True) / (z0.norm(dim=-1, keepdim=True) * z1.norm(dim=-1, keepdim=True))


def arc(z0, z1, t, omega):
    near = omega.abs() < 1e-6
    s = torch.where(near, 1.0, torch.sin(omega))
    first = torch.where(near, 1 - t, torch.sin((1 - t) * omega) / s)
    return first * z0 + torch.where(near, t, torch.sin(t * omega) / s) * z1


def slerp_by_arccos(z0, z1, t):
    return arc(z0, z1, t, torch.arccos(cosine(z0, z1).clamp(-1, 1)))


def slerp_by_atan2(z0, z1, t):
    a, b = (z / torch.linalg.vector_norm(z, dim=-1, keepdim=True) for z in (z0, z1))
    return arc(
        z0,
        z1,
        t,
        torch.atan2((b - (a * b).sum(-1, keepdim=True) * a).norm(dim=-1, keepdim=True), (a * b).sum(-1, keepdim=True)),
    )


def slerp_one_by_one(z0, z1, t):
    found = []
    for a, b in zip(z0.reshape(-1, z0.shape[-1]), z1.reshape(-1, z0.shape[-1]), strict=True):
        c = torch.dot(a, b) / (a.norm() * b.norm())
        omega = torch.acos(c.clamp(-1, 1))
        if omega < 1e-4:
            found.append((1 - t) * a + t * b)
        else:
            found.append((torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega))
    return torch.stack(found).reshape(z0.shape)


def slerp_by_cosine_similarity(z0, z1, t):
    omega = torch.acos(F.cosine_similarity(z0, z1, dim=-1).clamp(-1 + 1e-14, 1 - 1e-14))[..., None]
    return torch.sin((1 - t) * omega) / torch.sin(omega) * z0 + torch.sin(t * omega) / torch.sin(omega) * z1


def slerp_angle_by(angle, weights=None):
    def slerp(z0, z1, t):
        omega = angle(z0, z1)
        return arc(z0, z1, t, omega) if weights is None else weights(z0, z1, t, omega)

    return slerp


def omega_of(z0, z1):
    return torch.arccos(cosine(z0, z1).clamp(-1, 1))


def unit(z):
    return z / z.norm(dim=-1, keepdim=True)


def slerp_straight(z0, z1, t):
    return (1 - t) * z0 + t * z1


def slerp_straight_then_normalised(z0, z1, t):
    return unit((1 - t) * z0 + t * z1) * ((1 - t) * z0.norm(dim=-1, keepdim=True) + t * z1.norm(dim=-1, keepdim=True))


def slerp_keeps_the_variance(z0, z1, t):
    return (1 - t) ** 0.5 * z0 + t**0.5 * z1


def slerp_backwards(z0, z1, t):
    return slerp_by_arccos(z1, z0, t)


def slerp_of_unit_vectors(z0, z1, t):
    return slerp_by_arccos(unit(z0), unit(z1), t)


def slerp_with_the_norm_interpolated(z0, z1, t):
    return slerp_of_unit_vectors(z0, z1, t) * (
        (1 - t) * z0.norm(dim=-1, keepdim=True) + t * z1.norm(dim=-1, keepdim=True)
    )


def slerp_angle_of_the_whole_batch(z0, z1, t):
    c = (z0 * z1).sum() / (z0.norm() * z1.norm())
    return arc(z0, z1, t, torch.arccos(c.clamp(-1, 1)))


def slerp_of_the_formula_only(z0, z1, t):
    omega = torch.arccos(cosine(z0, z1))
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)


def slerp_without_the_axis_kept(z0, z1, t):
    omega = torch.arccos((z0 * z1).sum(-1) / (z0.norm(dim=-1) * z1.norm(dim=-1)))
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)


def slerp_of_one_vector_only(z0, z1, t):
    omega = torch.arccos(torch.dot(z0, z1) / (z0.norm() * z1.norm()))
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)


def slerp_straight_for_the_whole_batch(z0, z1, t):
    omega = torch.arccos(cosine(z0, z1).clamp(-1, 1))
    if (omega < 1e-6).any():
        return (1 - t) * z0 + t * z1
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)


def slerp_epsilon_in_the_denominator(z0, z1, t):
    omega = torch.arccos(cosine(z0, z1).clamp(-1, 1))
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / (torch.sin(omega) + 1e-8)


def slerp_angle_bounded(z0, z1, t):
    omega = torch.arccos(cosine(z0, z1).clamp(-0.9999, 0.9999))
    return (torch.sin((1 - t) * omega) * z0 + torch.sin(t * omega) * z1) / torch.sin(omega)


def slerp_in_place(z0, z1, t):
    z1 /= z1.norm(dim=-1, keepdim=True)
    return slerp_by_arccos(z0, z1, t)


def by_formula(w0, w1):
    def weights(z0, z1, t, omega):
        return w0(t, omega) * z0 + w1(t, omega) * z1

    return weights


def safe_sin(omega):
    return torch.where(omega < 1e-6, 1.0, torch.sin(omega))


SLERP_RIGHT = [slerp_by_arccos, slerp_by_atan2, slerp_one_by_one, slerp_by_cosine_similarity, slerp_angle_bounded]
SLERP_WRONG = [
    ("value", slerp_straight),
    ("value", slerp_straight_then_normalised),
    ("value", slerp_keeps_the_variance),
    ("order", slerp_backwards),
    ("normalisation", slerp_of_unit_vectors),
    ("normalisation", slerp_with_the_norm_interpolated),
    ("axis", slerp_angle_of_the_whole_batch),
    ("not-finite", slerp_of_the_formula_only),
    ("shape|exception|axis", slerp_without_the_axis_kept),
    ("shape|exception|axis", slerp_of_one_vector_only),
    ("axis", slerp_straight_for_the_whole_batch),
    ("epsilon", slerp_epsilon_in_the_denominator),
    ("mutates-input", slerp_in_place),
    ("normalisation|not-finite", named("slerp_angle_not_normalised", slerp_angle_by(lambda a, b: torch.arccos((a * b).sum(-1, keepdim=True))))),
    ("normalisation", named("slerp_angle_clamped", slerp_angle_by(lambda a, b: torch.arccos((a * b).sum(-1, keepdim=True).clamp(-1, 1))))),
    ("normalisation", named("slerp_not_divided", slerp_angle_by(omega_of, by_formula(lambda t, o: torch.sin((1 - t) * o), lambda t, o: torch.sin(t * o))))),
    ("value", named("slerp_by_cosines", slerp_angle_by(omega_of, by_formula(lambda t, o: torch.cos(t * o), lambda t, o: torch.sin(t * o))))),
    ("value", named("slerp_t_outside_the_sine", slerp_angle_by(omega_of, by_formula(lambda t, o: (1 - t) * torch.sin(o) / safe_sin(o), lambda t, o: t * torch.sin(o) / safe_sin(o))))),
    ("value", named("slerp_by_arcsin", slerp_angle_by(lambda a, b: torch.arcsin(cosine(a, b).clamp(-1, 1))))),
    ("value", named("slerp_by_the_cosine_itself", slerp_angle_by(cosine))),
    ("value", named("slerp_quarter_turn", slerp_angle_by(lambda a, b: torch.full_like(cosine(a, b), torch.pi / 2)))),
]  # fmt: skip

# --- invert ----------------------------------------------------------------------------------------------------------


def invert_by(
    objective=None, start=lambda z0: z0.clone(), rate=0.1, make=torch.optim.Adam, end=lambda z, G: z.detach(), extra=0
):
    def both(G, A, v, lam, z):
        return 0.5 * (A(G(z)) - v).square().sum() + 0.5 * lam * z.square().sum()

    objective = objective or both

    def invert(generator, A, v, lam, z0, n):
        z = start(z0).requires_grad_()
        optimizer = make([z], lr=rate)
        for _ in range(n + extra):
            optimizer.zero_grad()
            objective(generator, A, v, lam, z).backward()
            optimizer.step()
        return end(z, generator)

    return invert


def data(G, A, v, z):
    return (A(G(z)) - v).square()


def invert_by_autograd(generator, A, v, lam, z0, n):
    z = z0.detach().clone().requires_grad_(True)
    optimizer = torch.optim.Adam([z], lr=0.1)
    for _ in range(n):
        energy = 0.5 * (A(generator(z)) - v).norm() ** 2 + lam / 2 * (z**2).sum()
        z.grad = torch.autograd.grad(energy, z)[0]
        optimizer.step()
    return z.detach()


def invert_one_by_one(generator, A, v, lam, z0, n):
    return torch.cat([invert_by_autograd(generator, A, v[i : i + 1], lam, z0[i : i + 1], n) for i in range(len(z0))])


def invert_adam_by_hand(generator, A, v, lam, z0, n):
    z, m, s = z0.clone(), torch.zeros_like(z0), torch.zeros_like(z0)
    for k in range(1, n + 1):
        x = z.detach().requires_grad_()
        energy = 0.5 * data(generator, A, v, x).sum() + 0.5 * lam * x.square().sum()
        (g,) = torch.autograd.grad(energy, x)
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
        z = z - 0.1 * (m / (1 - 0.9**k)) / ((s / (1 - 0.999**k)).sqrt() + 1e-8)
    return z


def invert_never_zeroes(generator, A, v, lam, z0, n):
    z = z0.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=0.1)
    for _ in range(n):
        (0.5 * data(generator, A, v, z).sum() + 0.5 * lam * z.square().sum()).backward()
        optimizer.step()
    return z.detach()


def invert_in_place(generator, A, v, lam, z0, n):
    z0.requires_grad_()
    optimizer = torch.optim.Adam([z0], lr=0.1)
    for _ in range(n):
        optimizer.zero_grad()
        (0.5 * data(generator, A, v, z0).sum() + 0.5 * lam * z0.square().sum()).backward()
        optimizer.step()
    return z0.detach()


def invert_a_new_optimizer_each_step(generator, A, v, lam, z0, n):
    z = z0.clone()
    for _ in range(n):
        z = invert_by_autograd(generator, A, v, lam, z, 1)
    return z


def invert_without_step(generator, A, v, lam, z0, n):
    z = z0.clone().requires_grad_()
    for _ in range(n):
        (0.5 * data(generator, A, v, z).sum() + 0.5 * lam * z.square().sum()).backward()
    return z.detach()


def invert_without_gradient(generator, A, v, lam, z0, n):
    z = z0.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=0.1)
    for _ in range(n):
        with torch.no_grad():
            x = generator(z)
        optimizer.zero_grad()
        (0.5 * (A(x) - v).square().sum() + 0.5 * lam * z.square().sum()).backward()
        optimizer.step()
    return z.detach()


def invert_on_the_sphere(generator, A, v, lam, z0, n):
    z = invert_by_autograd(generator, A, v, lam, z0, n)
    return z / z.norm(dim=1, keepdim=True)


def objective_by(weigh):
    """Return an objective from (squares of A G(z) - v, z, lam)."""
    return lambda G, A, v, lam, z: weigh(data(G, A, v, z), z, lam)


INVERT_RIGHT = [
    named("invert_usual", invert_by()),
    invert_by_autograd,
    invert_one_by_one,
    invert_adam_by_hand,
    named("invert_both_doubled", invert_by(objective_by(lambda d, z, lam: d.sum() + lam * z.square().sum()))),
    named("invert_keeps_the_graph", invert_by(end=lambda z, G: z)),
]
INVERT_WRONG = [
    ("weight", named("invert_half_of_the_data_missing", invert_by(objective_by(lambda d, z, lam: d.sum() + 0.5 * lam * z.square().sum())))),
    ("weight", named("invert_half_of_the_prior_missing", invert_by(objective_by(lambda d, z, lam: 0.5 * d.sum() + lam * z.square().sum())))),
    ("normalisation", named("invert_mean_of_the_data", invert_by(objective_by(lambda d, z, lam: 0.5 * d.mean() + 0.5 * lam * z.square().sum())))),
    ("normalisation", named("invert_mean_of_the_code", invert_by(objective_by(lambda d, z, lam: 0.5 * d.sum() + 0.5 * lam * z.square().mean())))),
    ("normalisation", named("invert_two_means", invert_by(objective_by(lambda d, z, lam: 0.5 * d.mean() + 0.5 * lam * z.square().mean())))),
    ("value|weight", named("invert_without_prior", invert_by(objective_by(lambda d, z, lam: 0.5 * d.sum())))),
    ("value|weight|truncation", named("invert_without_data", invert_by(lambda G, A, v, lam, z: 0.5 * lam * z.square().sum()))),
    ("square-root", named("invert_norm_of_the_code", invert_by(objective_by(lambda d, z, lam: 0.5 * d.sum() + 0.5 * lam * z.norm())))),
    ("square-root", named("invert_norm_of_the_data", invert_by(objective_by(lambda d, z, lam: 0.5 * d.sum().sqrt() + 0.5 * lam * z.square().sum())))),
    ("square-root", named("invert_lam_squared", invert_by(objective_by(lambda d, z, lam: 0.5 * d.sum() + 0.5 * lam**2 * z.square().sum())))),
    ("sign", named("invert_minus_the_prior", invert_by(objective_by(lambda d, z, lam: 0.5 * d.sum() - 0.5 * lam * z.square().sum())))),
    ("sign", named("invert_uphill", invert_by(objective_by(lambda d, z, lam: -0.5 * d.sum() - 0.5 * lam * z.square().sum())))),
    ("exception|shape", named("invert_without_A", invert_by(lambda G, A, v, lam, z: (G(z) - v).square().sum() + lam * z.square().sum()))),
    ("start", named("invert_from_zero", invert_by(start=torch.zeros_like))),
    ("start|randomness", named("invert_from_its_own_code", invert_by(start=torch.randn_like))),
    ("step-size", named("invert_by_gradient_descent", invert_by(make=torch.optim.SGD, rate=0.01))),
    ("step-size", named("invert_small_rate", invert_by(rate=1e-3))),
    ("step-size", named("invert_rate_0_01", invert_by(rate=1e-2))),
    ("step-size", invert_a_new_optimizer_each_step),
    ("order", invert_never_zeroes),
    ("mutates-input", invert_in_place),
    ("constant|identity|not-converged", invert_without_step),
    ("autograd", invert_without_gradient),
    ("normalisation", invert_on_the_sphere),
    ("shape", named("invert_returns_the_image", invert_by(end=lambda z, G: G(z).detach()))),
    ("not-converged|truncation", named("invert_one_step_less", invert_by(extra=-1))),
    ("type", named("invert_returns_a_pair", invert_by(end=lambda z, G: (z.detach(), G(z).detach())))),
]  # fmt: skip

# --- adain -----------------------------------------------------------------------------------------------------------


def halves(style):
    return style[:, :, None, None].chunk(2, dim=1)


def adain_by_mean_and_var(features, style):
    scale, shift = halves(style)
    mu = features.mean(dim=(2, 3), keepdim=True)
    variance = features.var(dim=(2, 3), keepdim=True, correction=0)
    return scale * (features - mu) / torch.sqrt(variance + 1e-5) + shift


def adain_by_instance_norm(features, style):
    c = features.shape[1]
    return style[:, :c, None, None] * F.instance_norm(features) + style[:, c:, None, None]


def adain_by_loops(features, style):
    result = torch.empty_like(features)
    c = features.shape[1]
    for i in range(features.shape[0]):
        for k in range(c):
            x = features[i, k]
            result[i, k] = style[i, k] * (x - x.mean()) / (((x - x.mean()) ** 2).mean() + 1e-5).sqrt() + style[i, c + k]
    return result


def adain_by_flattening(features, style):
    n, c, h, w = features.shape
    x = features.reshape(n, c, h * w)
    x = x - x.mean(-1, keepdim=True)
    x = x * (x.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
    return torch.einsum("nc,ncp->ncp", style[:, :c], x).reshape(n, c, h, w) + style[:, c:].reshape(n, c, 1, 1)


def adain_by(norm, apply=lambda x, s, b: s * x + b, parts=halves):
    def adain(features, style):
        return apply(norm(features), *parts(style))

    return adain


def normal(x, dim=(2, 3), correction=0):
    variance, mu = torch.var_mean(x, dim=dim, keepdim=True, correction=correction)
    return (x - mu) / (variance + 1e-5).sqrt()


def std(x):
    return x.std(dim=(2, 3), keepdim=True, correction=0)


def mean(x):
    return x.mean(dim=(2, 3), keepdim=True)


def adain_without_gradient(features, style):
    with torch.no_grad():
        return adain_by_mean_and_var(features, style)


def adain_detaches_the_style(features, style):
    return adain_by_mean_and_var(features, style.detach())


def adain_detaches_the_statistics(features, style):
    scale, shift = halves(style)
    mu, deviation = mean(features).detach(), (std(features).square() + 1e-5).sqrt().detach()
    return scale * (features - mu) / deviation + shift


def adain_without_new_axes(features, style):
    scale, shift = style.chunk(2, dim=1)
    return scale * normal(features) + shift


def adain_split_along_the_batch(features, style):
    scale, shift = style[:, :, None, None].chunk(2, dim=0)
    return scale * normal(features) + shift


def adain_in_place(features, style):
    features -= mean(features)
    return adain_by_mean_and_var(features, style)


def adain_first_style_for_all(features, style):
    return adain_by_mean_and_var(features, style[:1].expand_as(style))


ADAIN_RIGHT = [adain_by_mean_and_var, adain_by_instance_norm, adain_by_loops, adain_by_flattening]
ADAIN_WRONG = [
    ("normalisation", named("adain_n_minus_one", adain_by(lambda x: normal(x, correction=1)))),
    ("axis", named("adain_over_the_batch", adain_by(lambda x: normal(x, (0, 2, 3))))),
    ("axis", named("adain_over_the_channels", adain_by(lambda x: normal(x, (1, 2, 3))))),
    ("axis", named("adain_at_each_pixel", adain_by(lambda x: normal(x, (1,))))),
    ("axis", named("adain_along_rows", adain_by(lambda x: normal(x, (3,))))),
    ("square-root", named("adain_by_the_variance", adain_by(lambda x: (x - mean(x)) / (std(x).square() + 1e-5)))),
    ("not-finite", named("adain_without_epsilon", adain_by(lambda x: (x - mean(x)) / std(x)))),
    ("epsilon", named("adain_epsilon_outside", adain_by(lambda x: (x - mean(x)) / (std(x) + 1e-5)))),
    ("epsilon", named("adain_small_epsilon", adain_by(lambda x: (x - mean(x)) / (std(x).square() + 1e-8).sqrt()))),
    ("mean", named("adain_mean_not_taken_away", adain_by(lambda x: x / (std(x).square() + 1e-5).sqrt()))),
    ("normalisation", named("adain_not_divided", adain_by(lambda x: x - mean(x)))),
    ("order", named("adain_scale_and_mean_exchanged", adain_by(normal, lambda x, s, b: b * x + s))),
    ("order", named("adain_interleaved", adain_by(normal, parts=lambda y: (y[:, ::2, None, None], y[:, 1::2, None, None])))),
    ("value", named("adain_one_plus_scale", adain_by(normal, lambda x, s, b: (1 + s) * x + b))),
    ("truncation|mean", named("adain_without_new_mean", adain_by(normal, lambda x, s, b: s * x))),
    ("truncation", named("adain_without_scale", adain_by(normal, lambda x, s, b: x + b))),
    ("truncation", named("adain_without_style", adain_by(normal, lambda x, s, b: x))),
    ("order", named("adain_scale_of_the_sum", adain_by(normal, lambda x, s, b: s * (x + b)))),
    ("order", named("adain_mean_after_division", adain_by(lambda x: x / (std(x).square() + 1e-5).sqrt() - mean(x)))),
    ("sign", named("adain_mean_subtracted", adain_by(normal, lambda x, s, b: s * x - b))),
    ("truncation|constant", adain_first_style_for_all),
    ("exception|shape", adain_without_new_axes),
    ("exception|shape", adain_split_along_the_batch),
    ("mutates-input", adain_in_place),
    ("autograd", adain_without_gradient),
    ("autograd", adain_detaches_the_style),
    ("autograd", adain_detaches_the_statistics),
]  # fmt: skip

# --- patch_logits ----------------------------------------------------------------------------------------------------


def patches_by_unfold(discriminator, condition, images, side, stride):
    x = torch.cat([condition, images], dim=1).unfold(2, side, stride).unfold(3, side, stride)
    n, c, rows, columns = x.shape[:4]
    return discriminator(x.permute(0, 2, 3, 1, 4, 5).reshape(-1, c, side, side)).reshape(n, rows, columns)


def corners(length, side, stride):
    return range(0, length - side + 1, stride)


def patches_by_loops(discriminator, condition, images, side, stride):
    pairs = torch.cat([condition, images], dim=1)
    rows = []
    for i in corners(pairs.shape[2], side, stride):
        row = [
            discriminator(pairs[:, :, i : i + side, j : j + side]).flatten()
            for j in corners(pairs.shape[3], side, stride)
        ]
        rows.append(torch.stack(row, dim=1))
    return torch.stack(rows, dim=1)


def patches_by_im2col(discriminator, condition, images, side, stride):
    pairs = torch.cat([condition, images], dim=1)
    n, c, height, width = pairs.shape
    columns = F.unfold(pairs, side, stride=stride).mT.reshape(-1, c, side, side)
    return discriminator(columns).reshape(n, (height - side) // stride + 1, (width - side) // stride + 1)


def patches_image_by_image(discriminator, condition, images, side, stride):
    maps = []
    for a, b in zip(condition, images, strict=True):
        x = torch.cat([a, b])
        grid = [
            [x[:, i : i + side, j : j + side] for j in corners(x.shape[2], side, stride)]
            for i in corners(x.shape[1], side, stride)
        ]
        maps.append(torch.stack([discriminator(torch.stack(row)).reshape(-1) for row in grid]))
    return torch.stack(maps)


def patches_of(
    pairs, arrange=lambda x: x.permute(0, 2, 3, 1, 4, 5), end=lambda a, n, rows, columns: a.reshape(n, rows, columns)
):
    def patch_logits(discriminator, condition, images, side, stride):
        x = pairs(condition, images).unfold(2, side, stride).unfold(3, side, stride)
        n, c, rows, columns = x.shape[:4]
        return end(discriminator(arrange(x).reshape(-1, c, side, side)), n, rows, columns)

    return patch_logits


def joined(condition, images):
    return torch.cat([condition, images], dim=1)


def patches_without_overlap(discriminator, condition, images, side, stride):
    return patches_by_unfold(discriminator, condition, images, side, side)


def patches_at_every_pixel(discriminator, condition, images, side, stride):
    return patches_by_unfold(discriminator, condition, images, side, 1)


def patches_side_and_stride_exchanged(discriminator, condition, images, side, stride):
    return patches_by_unfold(discriminator, condition, images, stride, side)


def patches_padded(discriminator, condition, images, side, stride):
    pad = (0, side - stride, 0, side - stride)
    return patches_by_unfold(discriminator, F.pad(condition, pad), F.pad(images, pad), side, stride)


def patches_the_last_left_out(discriminator, condition, images, side, stride):
    return patches_by_unfold(discriminator, condition, images, side, stride)[:, :-1, :-1]


def patches_of_the_whole(discriminator, condition, images, side, stride):
    return discriminator(joined(condition, images))


def patches_from_the_middle(discriminator, condition, images, side, stride):
    x = joined(condition, images)
    return patches_by_unfold(discriminator, x[:, :1].roll(-1, -1), x[:, 1:].roll(-1, -1), side, stride)


def patches_without_gradient(discriminator, condition, images, side, stride):
    with torch.no_grad():
        return patches_by_unfold(discriminator, condition, images, side, stride)


def patches_of_detached_images(discriminator, condition, images, side, stride):
    return patches_by_unfold(discriminator, condition, images.detach(), side, stride)


def patches_of_images_only(discriminator, condition, images, side, stride):
    x = images.unfold(2, side, stride).unfold(3, side, stride).permute(0, 2, 3, 1, 4, 5)
    return discriminator(x.reshape(-1, *x.shape[3:])).reshape(x.shape[:3])


PATCH_RIGHT = [patches_by_unfold, patches_by_loops, patches_by_im2col, patches_image_by_image]
PATCH_WRONG = [
    ("order", named("patches_images_first", patches_of(lambda c, x: torch.cat([x, c], dim=1)))),
    ("shape|exception|truncation", patches_of_images_only),
    ("axis|shape", named("patches_joined_along_the_batch", patches_of(lambda c, x: torch.cat([c.expand_as(x), x], dim=0)))),
    ("axis", named("patches_map_transposed", patches_of(joined, end=lambda a, n, r, c: a.reshape(n, r, c).mT))),
    ("order|axis", named("patches_map_reshaped_transposed", patches_of(joined, end=lambda a, n, r, c: a.reshape(n, c, r)))),
    ("axis", named("patches_turned", patches_of(joined, lambda x: x.permute(0, 2, 3, 1, 5, 4)))),
    ("axis|order", named("patches_columns_first", patches_of(joined, lambda x: x.permute(0, 3, 2, 1, 4, 5)))),
    ("axis|order", named("patches_not_permuted", patches_of(joined, lambda x: x))),
    ("order", named("patches_images_last", patches_of(joined, lambda x: x.permute(2, 3, 0, 1, 4, 5)))),
    ("value", named("patches_probabilities", patches_of(joined, end=lambda a, n, r, c: torch.sigmoid(a).reshape(n, r, c)))),
    ("shape", named("patches_averaged", patches_of(joined, end=lambda a, n, r, c: a.reshape(n, r, c).mean((1, 2))))),
    ("shape", named("patches_flat", patches_of(joined, end=lambda a, n, r, c: a.reshape(n, r * c)))),
    ("shape", named("patches_with_a_channel", patches_of(joined, end=lambda a, n, r, c: a.reshape(n, 1, r, c)))),
    ("step-size|shape", patches_without_overlap),
    ("step-size|shape", patches_at_every_pixel),
    ("order|shape|exception", patches_side_and_stride_exchanged),
    ("boundary|shape", patches_padded),
    ("truncation|shape", patches_the_last_left_out),
    ("shape", patches_of_the_whole),
    ("centering", patches_from_the_middle),
    ("autograd", patches_without_gradient),
    ("autograd", patches_of_detached_images),
]  # fmt: skip

RIGHT = {
    "discriminator_loss": DISCRIMINATOR_RIGHT,
    "generator_loss": GENERATOR_RIGHT,
    "gan_training_step": STEP_RIGHT,
    "slerp": SLERP_RIGHT,
    "invert": INVERT_RIGHT,
    "adain": ADAIN_RIGHT,
    "patch_logits": PATCH_RIGHT,
}
WRONG = {
    "discriminator_loss": DISCRIMINATOR_WRONG,
    "generator_loss": GENERATOR_WRONG,
    "gan_training_step": STEP_WRONG,
    "slerp": SLERP_WRONG,
    "invert": INVERT_WRONG,
    "adain": ADAIN_WRONG,
    "patch_logits": PATCH_WRONG,
}

# --- the explorer ----------------------------------------------------------------------------------------------------

EXPLORERS = {"explore_gan": ExplorerCase(explore_gan, lambda values: gan_picture(**values))}
