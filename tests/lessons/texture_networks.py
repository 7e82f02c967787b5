"""Answers to the exercises of notebook 13: right ones in several styles, and the wrong ones that students write."""

# ruff: noqa: E501

import torch
from torch.nn import functional as F

from course_utils.explorers.texture_networks import explore_texture_network, texture_network_picture
from course_utils.textures import gram_matrix as gram
from tests.explorer_case import ExplorerCase

# --- multiscale_noise ------------------------------------------------------------------------------------------------


def noise_by(shape, draw=torch.rand, order=reversed):
    def multiscale_noise(n, size, levels, generator):
        return [draw(shape(n, size, k, levels), generator=generator) for k in order(range(levels))]

    return multiscale_noise


def named(name, function):
    function.__name__ = name
    return function


def right_shape(n, size, k, levels):
    return (n, 3, size[0] // 2**k, size[1] // 2**k)


def noise_by_halving(n, size, levels, generator):
    h, w = size
    noise = []
    for _ in range(levels):
        noise.insert(0, torch.rand(n, 3, h, w, generator=generator))
        h, w = h // 2, w // 2
    return noise


def noise_as_tuple(n, size, levels, generator):
    return tuple(noise_by_halving(n, size, levels, generator))


def noise_in_double_precision(n, size, levels, generator):
    return [torch.rand(z.shape, generator=generator).double() for z in noise_by_halving(n, size, levels, generator)]


def noise_by_uniform(n, size, levels, generator):
    return [
        torch.empty(z.shape).uniform_(0, 1, generator=generator) for z in noise_by_halving(n, size, levels, generator)
    ]


def noise_of_the_global_generator(n, size, levels, generator):
    return [torch.rand(z.shape) for z in noise_by_halving(n, size, levels, generator)]


def noise_of_a_new_generator(n, size, levels, generator):
    return noise_by_halving(n, size, levels, torch.Generator().manual_seed(0))


def noise_reduced_from_the_finest(n, size, levels, generator):
    z = torch.rand(n, 3, *size, generator=generator)
    noise = [z]
    for _ in range(levels - 1):
        noise.insert(0, F.avg_pool2d(noise[0], 2))
    return noise


def noise_subsampled_from_the_finest(n, size, levels, generator):
    z = torch.rand(n, 3, *size, generator=generator)
    return [z[..., :: 2**k, :: 2**k] for k in reversed(range(levels))]


def noise_enlarged_from_the_coarsest(n, size, levels, generator):
    z = torch.rand(n, 3, size[0] // 2 ** (levels - 1), size[1] // 2 ** (levels - 1), generator=generator)
    return [z.repeat_interleave(2**k, -1).repeat_interleave(2**k, -2) for k in range(levels)]


def noise_same_seed_at_each_scale(n, size, levels, generator):
    seed = generator.initial_seed()
    return [torch.rand(right_shape(n, size, k, levels), generator=torch.Generator().manual_seed(seed)) for k in reversed(range(levels))]  # fmt: skip


def noise_the_same_for_all_images(n, size, levels, generator):
    return [z.expand(n, -1, -1, -1).clone() for z in noise_by_halving(1, size, levels, generator)]


def noise_the_same_for_all_channels(n, size, levels, generator):
    return [z[:, :1].expand(-1, 3, -1, -1).clone() for z in noise_by_halving(n, size, levels, generator)]


def noise_the_finest_only(n, size, levels, generator):
    return torch.rand(n, 3, *size, generator=generator)


def noise_centred(n, size, levels, generator):
    return [2 * z - 1 for z in noise_by_halving(n, size, levels, generator)]


def noise_of_integers(n, size, levels, generator):
    return [torch.randint(0, 2, z.shape, generator=generator) for z in noise_by_halving(n, size, levels, generator)]


NOISE_RIGHT = [
    named("noise_by_comprehension", noise_by(right_shape)),
    noise_by_halving,
    noise_as_tuple,
    noise_in_double_precision,
    noise_by_uniform,
]
NOISE_WRONG = [
    ("order", named("noise_finest_first", noise_by(right_shape, order=iter))),
    ("randomness", named("noise_gaussian", noise_by(right_shape, torch.randn))),
    ("randomness", noise_of_the_global_generator),
    ("randomness", noise_of_a_new_generator),
    ("randomness", noise_reduced_from_the_finest),
    ("randomness", noise_subsampled_from_the_finest),
    ("randomness", noise_enlarged_from_the_coarsest),
    ("randomness", noise_same_seed_at_each_scale),
    ("randomness", noise_the_same_for_all_images),
    ("randomness", noise_the_same_for_all_channels),
    ("randomness", noise_centred),
    ("shape", named("noise_halved_once_too_often", noise_by(lambda n, s, k, K: (n, 3, s[0] // 2 ** (k + 1), s[1] // 2 ** (k + 1))))),
    ("shape", named("noise_divided_by_the_level", noise_by(lambda n, s, k, K: (n, 3, s[0] // (k + 1), s[1] // (k + 1))))),
    ("shape", named("noise_square", noise_by(lambda n, s, k, K: (n, 3, s[0] // 2**k, s[0] // 2**k)))),
    ("axis", named("noise_height_and_width_exchanged", noise_by(lambda n, s, k, K: (n, 3, s[1] // 2**k, s[0] // 2**k)))),
    ("shape", named("noise_all_of_full_size", noise_by(lambda n, s, k, K: (n, 3, *s)))),
    ("shape", named("noise_of_one_channel", noise_by(lambda n, s, k, K: (n, 1, s[0] // 2**k, s[1] // 2**k)))),
    ("shape", named("noise_without_batch", noise_by(lambda n, s, k, K: (3, s[0] // 2**k, s[1] // 2**k)))),
    ("shape", named("noise_one_scale_too_many", noise_by(right_shape, order=lambda r: reversed(range(len(r) + 1))))),
    ("type|shape", noise_the_finest_only),
    ("type", noise_of_integers),
]  # fmt: skip

# --- upsample_and_join -----------------------------------------------------------------------------------------------


def join_by_interpolate(coarse, fine):
    return torch.cat([F.interpolate(coarse, scale_factor=2, mode="nearest"), fine], dim=1)


def join_by_repeat_interleave(coarse, fine):
    return torch.cat((coarse.repeat_interleave(2, -1).repeat_interleave(2, -2), fine), 1)


def join_by_kron(coarse, fine):
    return torch.cat([torch.kron(coarse, torch.ones(1, 1, 2, 2, dtype=coarse.dtype)), fine], dim=1)


def join_by_indexing(coarse, fine):
    n, a, h, w = coarse.shape
    result = torch.empty(n, a + fine.shape[1], 2 * h, 2 * w, dtype=fine.dtype)
    for i in range(2):
        for j in range(2):
            result[:, :a, i::2, j::2] = coarse
    result[:, a:] = fine
    return result


def join_by(enlarge, join=lambda c, f: torch.cat([c, f], dim=1)):
    return lambda coarse, fine: join(enlarge(coarse), fine)


def nearest(c):
    return F.interpolate(c, scale_factor=2)


def with_zeros(c):
    n, a, h, w = c.shape
    z = torch.zeros(n, a, 2 * h, 2 * w, dtype=c.dtype)
    z[..., ::2, ::2] = c
    return z


def join_reduced(coarse, fine):
    return torch.cat([coarse, F.avg_pool2d(fine, 2)], dim=1)


def join_detached(coarse, fine):
    return join_by_interpolate(coarse.detach(), fine)


JOIN_RIGHT = [join_by_interpolate, join_by_repeat_interleave, join_by_kron, join_by_indexing]
JOIN_WRONG = [
    ("order", named("join_fine_first", join_by(nearest, lambda c, f: torch.cat([f, c], dim=1)))),
    ("value", named("join_bilinear", join_by(lambda c: F.interpolate(c, scale_factor=2, mode="bilinear")))),
    ("value", named("join_bicubic", join_by(lambda c: F.interpolate(c, scale_factor=2, mode="bicubic")))),
    ("value", named("join_with_zeros", join_by(with_zeros))),
    ("order", named("join_tiled", join_by(lambda c: c.repeat(1, 1, 2, 2)))),
    ("centering", named("join_moved", join_by(lambda c: nearest(c).roll(1, -1)))),
    ("normalisation", named("join_divided_by_4", join_by(lambda c: nearest(c) / 4))),
    ("shape", named("join_sum", join_by(nearest, lambda c, f: c[:, :2] + f[:, :2]))),
    ("shape|exception", named("join_along_rows", join_by(lambda c: nearest(c)[:, :2], lambda c, f: torch.cat([c, f[:, :2]], dim=2)))),
    ("shape", named("join_nothing", join_by(nearest, lambda c, f: c))),
    ("shape", join_reduced),
    ("exception", named("join_without_enlarging", join_by(lambda c: c))),
    ("autograd", join_detached),
]  # fmt: skip

# --- texture_network_loss --------------------------------------------------------------------------------------------


def loss_by(term, over_layers=sum, over_images=lambda v: v.mean(), grams=gram):
    def texture_network_loss(images, targets, network):
        features = network(images)
        terms = [term(grams(features[layer]), g) for layer, g in targets.items()]
        return over_images(over_layers(terms))

    return texture_network_loss


def norms(m):
    return m.square().sum(dim=(-2, -1)).sqrt()


def relative(g, t):
    return norms(g - t) / norms(t)


def loss_by_loops(images, targets, network):
    total = 0.0
    for x in images:
        features = network(x[None])
        for layer, target in targets.items():
            total = total + (gram(features[layer])[0] - target).norm() / target.norm()
    return total / len(images)


def loss_by_linalg(images, targets, network):
    features = network(images)
    return sum(
        torch.linalg.matrix_norm(gram(features[k]) - targets[k]).mean() / torch.linalg.matrix_norm(targets[k])
        for k in targets
    )


def loss_of_the_mean_gram(images, targets, network):
    return sum(relative(gram(v).mean(dim=0), targets[k]) for k, v in network(images).items() if k in targets)


def loss_of_the_first_image(images, targets, network):
    return loss_by_linalg(images[:1], targets, network)


def loss_of_the_last_layer(images, targets, network):
    for layer, target in targets.items():
        loss = relative(gram(network(images)[layer]), target).mean()
    return loss


def loss_returned_in_the_loop(images, targets, network):
    features = network(images)
    for layer, target in targets.items():
        return relative(gram(features[layer]), target).mean()
    return None


def loss_of_all_layers_of_the_network(images, targets, network):
    return sum(relative(gram(v), targets[k]).mean() for k, v in network(images).items())


def loss_without_gradient(images, targets, network):
    with torch.no_grad():
        return loss_by_linalg(images, targets, network)


def loss_detached(images, targets, network):
    return loss_by_linalg(images.detach(), targets, network)


def loss_as_a_number(images, targets, network):
    return loss_by_linalg(images, targets, network).item()


LOSS_RIGHT = [
    named("loss_by_sum", loss_by(relative)),
    loss_by_loops,
    loss_by_linalg,
    named("loss_by_stack", loss_by(relative, lambda t: torch.stack(t).sum(dim=0))),
]
LOSS_WRONG = [
    ("square-root", named("loss_squared", loss_by(lambda g, t: relative(g, t) ** 2))),
    ("normalisation", named("loss_not_relative", loss_by(lambda g, t: norms(g - t)))),
    ("square-root|normalisation", named("loss_of_gatys", loss_by(lambda g, t: norms(g - t) ** 2))),
    ("square-root", named("loss_divided_by_the_square", loss_by(lambda g, t: norms(g - t) / norms(t) ** 2))),
    ("normalisation", named("loss_relative_to_the_drawn", loss_by(lambda g, t: norms(g - t) / norms(g)))),
    ("normalisation", named("loss_images_added", loss_by(relative, over_images=lambda v: v.sum()))),
    ("normalisation", named("loss_layers_averaged", loss_by(relative, lambda t: sum(t) / len(t)))),
    ("square-root", named("loss_root_of_the_sum", loss_by(lambda g, t: relative(g, t) ** 2, lambda t: sum(t).sqrt()))),
    ("mean|order", loss_of_the_mean_gram),
    ("value", named("loss_of_moduli", loss_by(lambda g, t: (g - t).abs().sum((-2, -1)) / t.abs().sum()))),
    ("value", named("loss_spectral", loss_by(lambda g, t: torch.linalg.matrix_norm(g - t, 2) / torch.linalg.matrix_norm(t, 2)))),
    ("normalisation", named("loss_gram_not_divided", loss_by(relative, grams=lambda v: gram(v) * v.shape[-1] * v.shape[-2]))),
    ("shape", named("loss_one_for_each_image", loss_by(relative, over_images=lambda v: v))),
    ("truncation", loss_of_the_first_image),
    ("truncation", loss_of_the_last_layer),
    ("truncation", loss_returned_in_the_loop),
    ("exception|global", loss_of_all_layers_of_the_network),
    ("autograd", loss_without_gradient),
    ("autograd", loss_detached),
    ("type|autograd", loss_as_a_number),
]  # fmt: skip

# --- diversity -------------------------------------------------------------------------------------------------------


def distances(images):
    x = images.flatten(1)
    return (x[:, None] - x[None]).square().sum(-1)


def far(images):
    return torch.diag(torch.full((len(images),), torch.inf, dtype=images.dtype))


def diversity_by_loops(images):
    total = 0.0
    for i in range(len(images)):
        others = [torch.linalg.vector_norm(images[i] - images[j]) for j in range(len(images)) if j != i]
        total = total + torch.stack(others).min().log()
    return total / len(images)


def diversity_by_cdist(images):
    x = images.flatten(1)
    return (torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist") + far(images)).min(dim=1).values.log().mean()


def diversity_by_half_the_logarithm(images):
    n = len(images)
    squares = distances(images)[~torch.eye(n, dtype=torch.bool)].reshape(n, n - 1)
    return 0.5 * squares.amin(dim=1).log().mean()


def diversity_by(reduce, spread=lambda d: d.sqrt()):
    def diversity(images):
        n = len(images)
        return reduce(spread(distances(images)[~torch.eye(n, dtype=torch.bool)].reshape(n, n - 1)))

    return diversity


def diversity_with_itself(images):
    return distances(images).sqrt().min(dim=1).values.log().mean()


def diversity_guarded_by_epsilon(images):
    return (distances(images).sqrt() + 1e-6).min(dim=1).values.log().mean()


def diversity_with_nan_gradient(images):
    return (distances(images).sqrt() + far(images)).min(dim=1).values.log().mean()


def diversity_of_l1(images):
    x = images.flatten(1)
    return ((x[:, None] - x[None]).abs().sum(-1) + far(images)).min(dim=1).values.log().mean()


def diversity_of_rms(images):
    x = images.flatten(1)
    return (((x[:, None] - x[None]).square().mean(-1)).sqrt() + far(images)).min(dim=1).values.log().mean()


def diversity_of_neighbours_in_the_batch(images):
    d = (images - images.roll(1, 0)).flatten(1)
    return torch.linalg.vector_norm(d, dim=1).log().mean()


def diversity_of_the_first_two(images):
    return torch.linalg.vector_norm(images[0] - images[1]).log()


def diversity_along_columns(images):
    n = len(images)
    d = torch.linalg.vector_norm(images[:, None] - images[None], dim=-1).mean((-2, -1))
    return d[~torch.eye(n, dtype=torch.bool)].reshape(n, n - 1).min(1).values.log().mean()


def diversity_detached(images):
    return diversity_by_loops(images.detach())


DIVERSITY_RIGHT = [diversity_by_loops, diversity_by_cdist, diversity_by_half_the_logarithm]
DIVERSITY_WRONG = [
    ("not-finite", diversity_with_itself),
    ("constant", diversity_guarded_by_epsilon),
    ("not-finite", diversity_with_nan_gradient),
    ("value", named("diversity_farthest", diversity_by(lambda d: d.max(1).values.log().mean()))),
    ("value", named("diversity_mean_distance", diversity_by(lambda d: d.mean(1).log().mean()))),
    ("value", named("diversity_mean_of_all_logarithms", diversity_by(lambda d: d.log().mean()))),
    ("value", named("diversity_smallest_of_all", diversity_by(lambda d: d.min().log()))),
    ("value", named("diversity_without_logarithm", diversity_by(lambda d: d.min(1).values.mean()))),
    ("order", named("diversity_logarithm_of_the_mean", diversity_by(lambda d: d.min(1).values.mean().log()))),
    ("square-root", named("diversity_of_squares", diversity_by(lambda d: d.min(1).values.log().mean(), lambda d: d))),
    ("normalisation", named("diversity_added", diversity_by(lambda d: d.min(1).values.log().sum()))),
    ("sign", named("diversity_as_a_loss", diversity_by(lambda d: -d.min(1).values.log().mean()))),
    ("value", named("diversity_log10", diversity_by(lambda d: d.min(1).values.log10().mean()))),
    ("shape", named("diversity_one_for_each", diversity_by(lambda d: d.min(1).values.log()))),
    ("value", diversity_of_l1),
    ("normalisation", diversity_of_rms),
    ("truncation|value", diversity_of_neighbours_in_the_batch),
    ("truncation", diversity_of_the_first_two),
    ("axis", diversity_along_columns),
    ("autograd", diversity_detached),
]  # fmt: skip

# --- texture_training_step -------------------------------------------------------------------------------------------


def drawn_loss(generator, targets, network, noise):
    return loss_by_linalg(generator(noise), targets, network)


def step_usual(generator, optimizer, targets, network, noise):
    optimizer.zero_grad()
    loss = drawn_loss(generator, targets, network, noise)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_zero_late(generator, optimizer, targets, network, noise):
    loss = drawn_loss(generator, targets, network, noise)
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = None
    loss.backward()
    optimizer.step()
    return float(loss)


def step_by_autograd(generator, optimizer, targets, network, noise):
    loss = drawn_loss(generator, targets, network, noise)
    parameters = list(generator.parameters())
    for p, g in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        p.grad = g
    optimizer.step()
    return loss.item()


def step_zero_at_the_end(generator, optimizer, targets, network, noise):
    loss = drawn_loss(generator, targets, network, noise)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def step_returns_a_tensor(generator, optimizer, targets, network, noise):
    loss = drawn_loss(generator, targets, network, noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def step_never_zeroes(generator, optimizer, targets, network, noise):
    loss = drawn_loss(generator, targets, network, noise)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_zeroes_after_backward(generator, optimizer, targets, network, noise):
    loss = drawn_loss(generator, targets, network, noise)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def step_before_backward(generator, optimizer, targets, network, noise):
    loss = drawn_loss(generator, targets, network, noise)
    optimizer.zero_grad()
    optimizer.step()
    loss.backward()
    return loss.item()


def step_without_step(generator, optimizer, targets, network, noise):
    loss = drawn_loss(generator, targets, network, noise)
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


def step_without_backward(generator, optimizer, targets, network, noise):
    loss = drawn_loss(generator, targets, network, noise)
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def step_twice(generator, optimizer, targets, network, noise):
    step_usual(generator, optimizer, targets, network, noise)
    return step_usual(generator, optimizer, targets, network, noise)


def step_returns_the_loss_after(generator, optimizer, targets, network, noise):
    step_usual(generator, optimizer, targets, network, noise)
    with torch.no_grad():
        return drawn_loss(generator, targets, network, noise).item()


def step_with_its_own_optimizer(generator, optimizer, targets, network, noise):
    own = torch.optim.Adam(generator.parameters(), 1e-2)
    return step_usual(generator, own, targets, network, noise)


def step_detached(generator, optimizer, targets, network, noise):
    with torch.no_grad():
        images = generator(noise)
    loss = loss_by_linalg(images.requires_grad_(), targets, network)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_uphill(generator, optimizer, targets, network, noise):
    loss = drawn_loss(generator, targets, network, noise)
    optimizer.zero_grad()
    (-loss).backward()
    optimizer.step()
    return loss.item()


def step_with_its_own_noise(generator, optimizer, targets, network, noise):
    return step_usual(generator, optimizer, targets, network, [torch.rand_like(z) for z in noise])


def step_squared_loss(generator, optimizer, targets, network, noise):
    loss = loss_by(lambda g, t: relative(g, t) ** 2)(generator(noise), targets, network)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_returns_images(generator, optimizer, targets, network, noise):
    step_usual(generator, optimizer, targets, network, noise)
    return generator(noise)


def step_clips_the_images(generator, optimizer, targets, network, noise):
    loss = loss_by_linalg(generator(noise).clamp(0, 1), targets, network)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_by_hand(generator, optimizer, targets, network, noise):
    loss = drawn_loss(generator, targets, network, noise)
    loss.backward()
    with torch.no_grad():
        for p in generator.parameters():
            p -= 0.01 * p.grad
    optimizer.zero_grad()
    return loss.item()


STEP_RIGHT = [step_usual, step_zero_late, step_by_autograd, step_zero_at_the_end]
STEP_WRONG = [
    ("type", step_returns_a_tensor),
    ("value", step_never_zeroes),
    ("order", step_zeroes_after_backward),
    ("order", step_before_backward),
    ("constant", step_without_step),
    ("constant", step_without_backward),
    ("step-size", step_twice),
    ("order", step_returns_the_loss_after),
    ("step-size", step_with_its_own_optimizer),
    ("autograd", step_detached),
    ("sign", step_uphill),
    ("randomness", step_with_its_own_noise),
    ("square-root", step_squared_loss),
    ("shape", step_returns_images),
    ("clipping", step_clips_the_images),
    ("step-size", step_by_hand),
]

RIGHT = {
    "multiscale_noise": NOISE_RIGHT,
    "upsample_and_join": JOIN_RIGHT,
    "texture_network_loss": LOSS_RIGHT,
    "diversity": DIVERSITY_RIGHT,
    "texture_training_step": STEP_RIGHT,
}
WRONG = {
    "multiscale_noise": NOISE_WRONG,
    "upsample_and_join": JOIN_WRONG,
    "texture_network_loss": LOSS_WRONG,
    "diversity": DIVERSITY_WRONG,
    "texture_training_step": STEP_WRONG,
}

# --- the explorer ----------------------------------------------------------------------------------------------------

EXPLORERS = {
    "explore_texture_network": ExplorerCase(explore_texture_network, lambda values: texture_network_picture(**values)),
}
