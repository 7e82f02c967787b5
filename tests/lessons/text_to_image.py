"""Answers to the exercises of notebook 18: right ones in several styles, and the wrong ones that students write."""

from copy import deepcopy
from functools import reduce
from itertools import groupby

import torch
from torch import nn
from torch.nn import functional as F

from course_utils.diffusion import alpha_bar, diffuse, noise_loss
from course_utils.explorers.text_to_image import explore_text_to_image, text_to_image_picture
from course_utils.text_to_image import told
from tests.explorer_case import ExplorerCase


def named(name, function):
    function.__name__ = name
    return function


# --- embed_caption ---------------------------------------------------------------------------------------------------


def zero_of(table):
    return torch.zeros_like(next(iter(table.values())))


def caption_by_loop(words, table):
    total = zero_of(table)
    for word in set(words):
        if word not in table:
            raise ValueError(f"unknown word {word!r}")
        total = total + table[word]
    return total


def caption_by_dictionary(words, table):
    return sum((table[word] for word in dict.fromkeys(words)), zero_of(table))


def caption_by_stack(words, table):
    vectors = [table[word] for word in set(words)]
    return torch.stack([zero_of(table), *vectors]).sum(dim=0)


def caption_by_matrix(words, table):
    known = list(table)
    bag = torch.zeros(len(known), dtype=torch.float64)
    for word in words:
        bag[known.index(word)] = 1
    return bag @ torch.stack([table[word] for word in known])


def caption_by_reduce(words, table):
    return reduce(torch.add, (table[word] for word in set(words)), zero_of(table))


def caption_with_repetition(words, table):
    total = zero_of(table)
    for word in words:
        total = total + table[word]
    return total


def caption_mean(words, table):
    vectors = [table[word] for word in set(words)]
    return torch.stack(vectors).mean(dim=0) if vectors else zero_of(table)


def caption_normalised(words, table):
    return F.normalize(caption_by_loop(words, table), dim=0)


def caption_product(words, table):
    total = torch.ones_like(zero_of(table))
    for word in set(words):
        total = total * table[word]
    return total


def caption_from_ones(words, table):
    return caption_by_loop(words, table) + 1


def caption_last_word(words, table):
    return [zero_of(table), *(table[word] for word in words)][-1]


def caption_returns_in_the_loop(words, table):
    for word in words:
        return zero_of(table) + table[word]
    return zero_of(table)


def caption_ignores_unknown(words, table):
    return sum((table[word] for word in set(words) if word in table), zero_of(table))


def caption_by_get(words, table):
    return sum((table.get(word, zero_of(table)) for word in set(words)), zero_of(table))


def caption_whole_table(words, table):
    for word in words:
        table[word]
    return sum(table.values())


def caption_in_place(words, table):
    total = None
    for word in dict.fromkeys(words):
        if total is None:
            total = table[word]
        else:
            total += table[word]
    return zero_of(table) if total is None else total


def caption_stacked(words, table):
    return torch.stack([table[word] for word in words])


def caption_joined(words, table):
    return torch.cat([table[word] for word in words])


def caption_of_nothing_is_a_number(words, table):
    return sum(table[word] for word in set(words))


def caption_without_the_empty_one(words, table):
    return torch.stack([table[word] for word in set(words)]).sum(dim=0)


def caption_remembers_words(words, table):
    if not words:
        raise AssertionError
    return caption_by_loop(words, table)


def caption_by_walking_the_table(words, table):
    if set(words) - table.keys():
        raise ValueError("unknown words")
    total = zero_of(table).clone()
    for word, vector in table.items():
        if word in words:
            total += vector
    return total


def caption_by_embedding_bag(words, table):
    known = list(table)
    numbers = sorted({known.index(word) for word in words})
    if not numbers:
        return zero_of(table)
    return F.embedding_bag(torch.tensor([numbers]), torch.stack(list(table.values())), mode="sum")[0]


def caption_by_einsum(words, table):
    number = {word: k for k, word in enumerate(table)}
    bag = torch.zeros(len(number), dtype=torch.float64)
    for word in words:
        bag[number[word]] = 1
    return torch.einsum("w,wd->d", bag, torch.stack(list(table.values())).double())


def caption_begins_with_the_table(words, table):
    total = next(iter(table.values())).clone()
    for word in set(words):
        total += table[word]
    return total


def caption_neighbours_once(words, table):
    return sum((table[word] for word, _ in groupby(words)), zero_of(table))


def caption_leaves_out_what_is_said_twice(words, table):
    return sum((table[word] for word in set(words) if words.count(word) == 1), zero_of(table))


def caption_by_root_of_number(words, table):
    return caption_by_loop(words, table) / max(1, len(set(words))) ** 0.5


def caption_one_word_of_the_set(words, table):
    total = zero_of(table)
    for word in set(words):
        total = zero_of(table) + table[word]
    return total


def caption_clears_the_table(words, table):
    total = next(iter(table.values()))
    total.zero_()
    for word in set(words):
        total = total + table[word]
    return total


def caption_of_zeros_and_ones(words, table):
    return torch.tensor([float(word in words) for word in table])


def caption_of_nothing_is_a_scalar(words, table):
    total = torch.zeros(())
    for word in set(words):
        total = total + table[word]
    return total


def caption_returns_the_error(words, table):
    if set(words) - table.keys():
        return ValueError("unknown words")
    return caption_by_loop(words, table)


def caption_prints_and_returns_nothing(words, table):
    return None if set(words) - table.keys() else caption_by_loop(words, table)


def caption_raises_if_no_word_is_known(words, table):
    if words and not set(words) & table.keys():
        raise ValueError("unknown words")
    return caption_ignores_unknown(words, table)


def caption_looks_at_the_first_word(words, table):
    if words and words[0] not in table:
        raise ValueError("unknown word")
    return caption_ignores_unknown(words, table)


def caption_asserts(words, table):
    assert set(words) <= table.keys()
    return caption_by_loop(words, table)


CAPTION_RIGHT = [
    caption_by_loop,
    caption_by_dictionary,
    caption_by_stack,
    caption_by_matrix,
    caption_by_reduce,
    caption_by_walking_the_table,
    caption_by_embedding_bag,
    caption_by_einsum,
]
CAPTION_WRONG = [
    ("weight", caption_with_repetition),
    ("normalisation", caption_mean),
    ("normalisation", caption_normalised),
    ("value", caption_product),
    ("start", caption_from_ones),
    ("truncation", caption_last_word),
    ("truncation", caption_returns_in_the_loop),
    ("value", caption_ignores_unknown),
    ("value", caption_by_get),
    ("constant", caption_whole_table),
    ("mutates-input", caption_in_place),
    ("shape", caption_stacked),
    ("shape", caption_joined),
    ("type", caption_of_nothing_is_a_number),
    ("exception", caption_without_the_empty_one),
    ("exception", caption_remembers_words),
    ("start", caption_begins_with_the_table),
    ("weight", caption_neighbours_once),
    ("weight", caption_leaves_out_what_is_said_twice),
    ("normalisation", caption_by_root_of_number),
    ("truncation", caption_one_word_of_the_set),
    ("mutates-input", caption_clears_the_table),
    ("shape", caption_of_zeros_and_ones),
    ("shape", caption_of_nothing_is_a_scalar),
    ("value", caption_returns_the_error),
    ("value", caption_prints_and_returns_nothing),
    ("value", caption_raises_if_no_word_is_known),
    ("value", caption_looks_at_the_first_word),
    ("exception", caption_asserts),
]

# --- encode ----------------------------------------------------------------------------------------------------------


def along(v):
    return v[:, None, None]


def encode_plain(x, encoder, mean, std):
    return (encoder(x) - along(mean)) / along(std)


def encode_by_view(x, encoder, mean, std):
    return (encoder(x) - mean.view(1, -1, 1, 1)) / std.view(1, -1, 1, 1)


def encode_by_moving_axes(x, encoder, mean, std):
    return ((encoder(x).movedim(1, -1) - mean) / std).movedim(-1, 1)


def encode_by_loop(x, encoder, mean, std):
    y = encoder(x)
    return torch.stack([(y[:, c] - mean[c]) / std[c] for c in range(len(mean))], dim=1)


def encode_by_einsum(x, encoder, mean, std):
    y = encoder(x) - mean.reshape(-1, 1, 1)
    return torch.einsum("nchw,c->nchw", y, 1 / std)


def encode_by(formula):
    return lambda x, encoder, mean, std: formula(encoder(x), along(mean), along(std))


def encode_along_columns(x, encoder, mean, std):
    return (encoder(x) - mean) / std


def encode_normalises_the_image(x, encoder, mean, std):
    return encoder((x - mean.mean()) / std.mean())


def encode_of_this_batch(x, encoder, mean, std):
    y = encoder(x)
    return (y - y.mean(dim=(0, 2, 3), keepdim=True)) / y.std(dim=(0, 2, 3), keepdim=True)


def encode_image_by_image(x, encoder, mean, std):
    return torch.stack([(encoder(u) - along(mean)) / along(std) for u in x])


def encode_one_for_all(x, encoder, mean, std):
    return (encoder(x) - mean.mean()) / std.mean()


def encode_first_channel(x, encoder, mean, std):
    return (encoder(x) - mean[0]) / std[0]


def encode_without_encoder(x, encoder, mean, std):
    return (x - along(mean)) / along(std)


def encode_by_batch_norm(x, encoder, mean, std):
    return F.batch_norm(encoder(x), mean, std.square(), eps=0.0)


def encode_on_a_copy(x, encoder, mean, std):
    z = encoder(x).clone()
    z -= mean[None, :, None, None]
    z /= std[None, :, None, None]
    return z


def encode_by_a_copy_of_the_encoder(x, encoder, mean, std):
    return (deepcopy(encoder).requires_grad_(False)(x) - along(mean)) / along(std)


def encode_four_channels(x, encoder, mean, std):
    z = encoder(x).clone()
    for c in range(4):
        z[:, c] = (z[:, c] - mean[c]) / std[c]
    return z


def encode_along_rows(x, encoder, mean, std):
    return (encoder(x) - mean[:, None]) / std[:, None]


def encode_along_images(x, encoder, mean, std):
    return (encoder(x) - mean[:, None, None, None]) / std[:, None, None, None]


def encode_scale_along_columns(x, encoder, mean, std):
    return (encoder(x) - along(mean)) / std


def encode_of_each_image(x, encoder, mean, std):
    y = encoder(x)
    return (y - y.mean(dim=(2, 3), keepdim=True)) / y.std(dim=(2, 3), keepdim=True)


def encode_by_instance_norm(x, encoder, mean, std):
    return F.instance_norm(encoder(x))


def encode_by_batch_norm_of_std(x, encoder, mean, std):
    return F.batch_norm(encoder(x), mean, std)


def encode_by_batch_norm_with_eps(x, encoder, mean, std):
    return F.batch_norm(encoder(x), mean, std.square())


def encode_scales_the_image(x, encoder, mean, std):
    return encoder((x - along(mean)) / along(std))


def encode_changes_the_mean(x, encoder, mean, std):
    mean.neg_()
    return (encoder(x) + along(mean)) / along(std)


ENCODE_RIGHT = [
    encode_plain,
    encode_by_view,
    encode_by_moving_axes,
    encode_by_loop,
    encode_by_einsum,
    encode_by_batch_norm,
    encode_on_a_copy,
    encode_by_a_copy_of_the_encoder,
]
ENCODE_WRONG = [
    ("mean", named("encode_no_mean", encode_by(lambda y, m, s: y / s))),
    ("normalisation", named("encode_no_scale", encode_by(lambda y, m, s: y - m))),
    ("mean|normalisation", named("encode_nothing", encode_by(lambda y, m, s: y))),
    ("sign", named("encode_adds", encode_by(lambda y, m, s: (y + m) / s))),
    ("normalisation", named("encode_multiplies", encode_by(lambda y, m, s: (y - m) * s))),
    ("square-root", named("encode_by_variance", encode_by(lambda y, m, s: (y - m) / s**2))),
    ("square-root", named("encode_by_root", encode_by(lambda y, m, s: (y - m) / s.sqrt()))),
    ("order", named("encode_without_parentheses", encode_by(lambda y, m, s: y - m / s))),
    ("order", named("encode_divides_first", encode_by(lambda y, m, s: y / s - m))),
    ("value", named("encode_is_decode", encode_by(lambda y, m, s: s * y + m))),
    ("epsilon", named("encode_epsilon", encode_by(lambda y, m, s: (y - m) / (s + 1e-3)))),
    ("axis", encode_along_columns),
    ("value", encode_of_this_batch),
    ("mean", encode_one_for_all),
    ("truncation", encode_first_channel),
    ("value|exception", encode_normalises_the_image),
    ("constant", encode_without_encoder),
    ("exception", encode_four_channels),
    ("axis", encode_along_rows),
    ("axis", encode_along_images),
    ("axis", encode_scale_along_columns),
    ("value", encode_of_each_image),
    ("value", encode_by_instance_norm),
    ("square-root", encode_by_batch_norm_of_std),
    ("epsilon", encode_by_batch_norm_with_eps),
    ("order", encode_scales_the_image),
    ("mutates-input", encode_changes_the_mean),
    ("order", named("encode_exchanged", encode_by(lambda y, m, s: (y - s) / m))),
    ("clipping", named("encode_clips", encode_by(lambda y, m, s: ((y - m) / s).clamp(-1, 1)))),
]

# --- decode ----------------------------------------------------------------------------------------------------------


def decode_plain(z, decoder, mean, std):
    return decoder(along(std) * z + along(mean))


def decode_by_view(z, decoder, mean, std):
    return decoder(z * std.view(1, -1, 1, 1) + mean.view(1, -1, 1, 1))


def decode_by_moving_axes(z, decoder, mean, std):
    return decoder((z.movedim(1, -1) * std + mean).movedim(-1, 1))


def decode_by_addcmul(z, decoder, mean, std):
    return decoder(torch.addcmul(along(mean), along(std), z))


def decode_by(formula):
    return lambda z, decoder, mean, std: decoder(formula(z, along(mean), along(std)))


def decode_along_columns(z, decoder, mean, std):
    return decoder(std * z + mean)


def decode_scales_the_image(z, decoder, mean, std):
    return std.mean() * decoder(z) + mean.mean()


def decode_channels_of_the_image(z, decoder, mean, std):
    return along(std) * decoder(z) + along(mean)


def decode_one_for_all(z, decoder, mean, std):
    return decoder(std.mean() * z + mean.mean())


def decode_clips(z, decoder, mean, std):
    return decode_plain(z, decoder, mean, std).clamp(-1, 1)


def decode_in_place(z, decoder, mean, std):
    z *= along(std)
    z += along(mean)
    return decoder(z)


def decode_never(z, decoder, mean, std):
    return torch.zeros(len(z), 3, 2 * z.shape[2], 2 * z.shape[3])


def decode_by_convolution(z, decoder, mean, std):
    return decoder(F.conv2d(z, torch.diag(std)[:, :, None, None], mean))


def decode_on_a_copy(z, decoder, mean, std):
    return decoder(z.clone().mul_(along(std)).add_(along(mean)))


def decode_image_by_image(z, decoder, mean, std):
    return torch.cat([decoder((y * along(std) + along(mean))[None]) for y in z])


def decode_adds_to_the_image(z, decoder, mean, std):
    return decoder(along(std) * z) + along(mean)


def decode_along_rows(z, decoder, mean, std):
    return decoder(std[:, None] * z + mean[:, None])


def decode_to_show(z, decoder, mean, std):
    return (decode_plain(z, decoder, mean, std) + 1) / 2


def decode_without_decoder(z, decoder, mean, std):
    return along(std) * z + along(mean)


DECODE_RIGHT = [
    decode_plain,
    decode_by_view,
    decode_by_moving_axes,
    decode_by_addcmul,
    decode_by_convolution,
    decode_on_a_copy,
    decode_image_by_image,
]
DECODE_WRONG = [
    ("mean|normalisation", named("decode_nothing", decode_by(lambda z, m, s: z))),
    ("mean", named("decode_no_mean", decode_by(lambda z, m, s: s * z))),
    ("normalisation", named("decode_no_scale", decode_by(lambda z, m, s: z + m))),
    ("value", named("decode_is_encode", decode_by(lambda z, m, s: (z - m) / s))),
    ("order", named("decode_parentheses", decode_by(lambda z, m, s: s * (z + m)))),
    ("normalisation", named("decode_divides", decode_by(lambda z, m, s: z / s + m))),
    ("sign", named("decode_subtracts", decode_by(lambda z, m, s: s * z - m))),
    ("square-root", named("decode_variance", decode_by(lambda z, m, s: s**2 * z + m))),
    ("order", named("decode_exchanged", decode_by(lambda z, m, s: m * z + s))),
    ("axis", decode_along_columns),
    ("order", decode_scales_the_image),
    ("order", decode_channels_of_the_image),
    ("order", decode_adds_to_the_image),
    ("axis", decode_along_rows),
    ("value", decode_to_show),
    ("constant", decode_without_decoder),
    ("clipping", named("decode_clips_the_latents", decode_by(lambda z, m, s: s * z.clamp(-1, 1) + m))),
    ("mean", decode_one_for_all),
    ("clipping", decode_clips),
    ("mutates-input", decode_in_place),
    ("constant", decode_never),
]

# --- latent_noise_loss -----------------------------------------------------------------------------------------------


def latent_loss_plain(network, encoder, x0, words, t, noise):
    with torch.no_grad():
        z0 = encoder(x0)
    return (network(diffuse(z0, t, noise), t, words) - noise).square().mean()


def latent_loss_detached(network, encoder, x0, words, t, noise):
    z0 = encoder(x0).detach()
    return F.mse_loss(network(diffuse(z0, t, noise), t, words), noise)


def latent_loss_by_hand(network, encoder, x0, words, t, noise):
    a = alpha_bar(t)[:, None, None, None]
    with torch.no_grad():
        z = a.sqrt() * encoder(x0) + (1 - a).sqrt() * noise
    error = network(z, t, words) - noise
    return (error**2).sum() / error.numel()


def latent_loss_image_by_image(network, encoder, x0, words, t, noise):
    losses = []
    for k in range(len(x0)):
        part = slice(k, k + 1)
        losses.append(latent_loss_plain(network, encoder, x0[part], words[part], t[part], noise[part]))
    return torch.stack(losses).mean()


def latent_loss_by(*, z=None, target=None, words_said=None, end=None, time=None):
    def loss(network, encoder, x0, words, t, noise):
        with torch.no_grad():
            z0 = encoder(x0)
        seen = z(z0, t, noise) if z else diffuse(z0, t, noise)
        said = words if words_said is None else words_said(words)
        estimate = network(seen, t if time is None else time(t), said)
        error = estimate - (target(z0, seen, noise) if target else noise)
        return error.square().mean() if end is None else end(error)

    return loss


def latent_loss_moves_the_encoder(network, encoder, x0, words, t, noise):
    return (network(diffuse(encoder(x0), t, noise), t, words) - noise).square().mean()


def latent_loss_without_gradient(network, encoder, x0, words, t, noise):
    with torch.no_grad():
        return latent_loss_moves_the_encoder(network, encoder, x0, words, t, noise)


def latent_loss_estimate_detached(network, encoder, x0, words, t, noise):
    z = diffuse(encoder(x0), t, noise)
    return (network(z, t, words).detach() - noise).square().mean()


def latent_loss_is_a_number(network, encoder, x0, words, t, noise):
    return latent_loss_plain(network, encoder, x0, words, t, noise).item()


def latent_loss_in_pixels(network, encoder, x0, words, t, noise):
    return (network(diffuse(x0, t, noise), t, words) - noise).square().mean()


def latent_loss_own_noise(network, encoder, x0, words, t, noise):
    with torch.no_grad():
        z0 = encoder(x0)
    noise = torch.randn_like(z0)
    return (network(diffuse(z0, t, noise), t, words) - noise).square().mean()


def a_(t):
    return alpha_bar(t)[:, None, None, None]


def latent_loss_by_inference_mode(network, encoder, x0, words, t, noise):
    with torch.inference_mode():
        z0 = encoder(x0)
    error = (network(diffuse(z0, t, noise), t, words) - noise).flatten()
    return torch.einsum("i,i->", error, error) / len(error)


def latent_loss_by_functional_call(network, encoder, x0, words, t, noise):
    z0 = encoder(x0).detach().clone().requires_grad_()
    weights = dict(network.named_parameters())
    return F.mse_loss(torch.func.functional_call(network, weights, (diffuse(z0, t, noise), t, words)), noise)


def latent_loss_by_norm(network, encoder, x0, words, t, noise):
    z = diffuse(encoder(x0), t, noise).detach()
    return (network(z, t, words) - noise).norm() ** 2 / noise.numel()


def latent_loss_freezes_the_encoder(network, encoder, x0, words, t, noise):
    for p in encoder.parameters():
        p.requires_grad_(False)
    return latent_loss_moves_the_encoder(network, encoder, x0, words, t, noise)


def latent_loss_calls_eval(network, encoder, x0, words, t, noise):
    encoder.eval()
    return latent_loss_plain(network, encoder, x0, words, t, noise)


def latent_loss_goes_back(network, encoder, x0, words, t, noise):
    loss = latent_loss_plain(network, encoder, x0, words, t, noise)
    loss.backward()
    return loss


def latent_loss_made_new(network, encoder, x0, words, t, noise):
    return torch.tensor(latent_loss_plain(network, encoder, x0, words, t, noise).item(), requires_grad=True)


def latent_loss_half_detached(network, encoder, x0, words, t, noise):
    z = diffuse(encoder(x0).detach(), t, noise)
    error = network(z, t, words) - noise
    return (error * error.detach()).mean()


def latent_loss_arguments_exchanged(network, encoder, x0, words, t, noise):
    z = diffuse(encoder(x0).detach(), t, noise)
    return (network(z, words, t) - noise).square().mean()


def latent_loss_changes_the_noise(network, encoder, x0, words, t, noise):
    z = diffuse(encoder(x0).detach(), t, noise)
    noise -= network(z, t, words)
    return noise.square().mean()


LATENT_RIGHT = [
    latent_loss_plain,
    latent_loss_detached,
    latent_loss_by_hand,
    latent_loss_image_by_image,
    latent_loss_by_inference_mode,
    latent_loss_by_functional_call,
    latent_loss_by_norm,
]
LATENT_WRONG = [
    ("autograd", latent_loss_moves_the_encoder),
    ("autograd", latent_loss_without_gradient),
    ("autograd", latent_loss_estimate_detached),
    ("type", latent_loss_is_a_number),
    ("exception", latent_loss_in_pixels),
    ("randomness|value", latent_loss_own_noise),
    ("value", named("latent_loss_compares_with_z0", latent_loss_by(target=lambda z0, z, noise: z0))),
    ("value", named("latent_loss_compares_with_zt", latent_loss_by(target=lambda z0, z, noise: z))),
    ("value", named("latent_loss_no_words", latent_loss_by(words_said=lambda words: 0 * words))),
    ("value", named("latent_loss_without_noise", latent_loss_by(z=lambda z0, t, noise: z0))),
    ("value", named("latent_loss_noise_alone", latent_loss_by(z=lambda z0, t, noise: noise))),
    ("value", named("latent_loss_adds_noise", latent_loss_by(z=lambda z0, t, noise: z0 + noise))),
    ("square-root", named("latent_loss_no_roots", latent_loss_by(z=lambda z0, t, e: a_(t) * z0 + (1 - a_(t)) * e))),
    (
        "order",
        named("latent_loss_exchanged", latent_loss_by(z=lambda z0, t, e: (1 - a_(t)).sqrt() * z0 + a_(t).sqrt() * e)),
    ),
    ("normalisation", named("latent_loss_sum", latent_loss_by(end=lambda error: error.square().sum()))),
    ("square-root", named("latent_loss_root", latent_loss_by(end=lambda error: error.square().mean().sqrt()))),
    ("square-root", named("latent_loss_modulus", latent_loss_by(end=lambda error: error.abs().mean()))),
    ("square-root", named("latent_loss_not_squared", latent_loss_by(end=lambda error: error.mean()))),
    ("square-root", named("latent_loss_norm", latent_loss_by(end=lambda error: error.norm()))),
    ("shape", named("latent_loss_each_image", latent_loss_by(end=lambda error: error.square().mean(dim=(1, 2, 3))))),
    ("order", named("latent_loss_other_time", latent_loss_by(time=lambda t: 1 - t))),
    ("mutates-input", latent_loss_freezes_the_encoder),
    ("exception", latent_loss_calls_eval),
    ("autograd", latent_loss_goes_back),
    ("autograd", latent_loss_made_new),
    ("autograd", latent_loss_half_detached),
    ("order", latent_loss_arguments_exchanged),
    ("mutates-input", latent_loss_changes_the_noise),
    ("order", named("latent_loss_square_of_mean", latent_loss_by(end=lambda error: error.mean().square()))),
    ("value", named("latent_loss_variance", latent_loss_by(end=lambda error: error.var()))),
    ("value", named("latent_loss_time_is_alpha", latent_loss_by(time=alpha_bar))),
    ("value", named("latent_loss_time_in_thousands", latent_loss_by(time=lambda t: 1000 * t))),
    ("mean", named("latent_loss_one_time", latent_loss_by(z=lambda z0, t, e: diffuse(z0, t[0], e)))),
    ("shape", named("latent_loss_not_reduced", latent_loss_by(end=lambda error: error.square()))),
    ("normalisation", named("latent_loss_half", latent_loss_by(end=lambda error: 0.5 * error.square().mean()))),
]

# --- zero_convolution ------------------------------------------------------------------------------------------------


def zero_by_init(channels, out):
    convolution = nn.Conv2d(channels, out, 1)
    nn.init.zeros_(convolution.weight)
    nn.init.zeros_(convolution.bias)
    return convolution


def zero_by_data(channels, out):
    convolution = nn.Conv2d(channels, out, kernel_size=(1, 1))
    convolution.weight.data.zero_()
    convolution.bias.data.fill_(0)
    return convolution


def zero_by_loop(channels, out):
    convolution = nn.Conv2d(channels, out, 1)
    with torch.no_grad():
        for p in convolution.parameters():
            p *= 0
    return convolution


def zero_by_parameters(channels, out):
    convolution = nn.Conv2d(channels, out, 1)
    convolution.weight = nn.Parameter(torch.zeros(out, channels, 1, 1))
    convolution.bias = nn.Parameter(torch.zeros(out))
    return convolution


def zero_by(make, weight=0.0, bias=0.0):
    def zero_convolution(channels, out):
        convolution = make(channels, out)
        if weight is not None:
            nn.init.constant_(convolution.weight, weight)
        if bias is not None:
            nn.init.constant_(convolution.bias, bias)
        return convolution

    return zero_convolution


def plain(channels, out):
    return nn.Conv2d(channels, out, 1)


def zero_without_gradient(channels, out):
    return zero_by_init(channels, out).requires_grad_(False)


def zero_by_buffers(channels, out):
    convolution = nn.Conv2d(channels, out, 1)
    convolution.weight = torch.zeros(out, channels, 1, 1)
    return convolution


KEPT = {}


def zero_kept(channels, out):
    return KEPT.setdefault((channels, out), zero_by_init(channels, out))


def zero_weights_only(channels, out):
    return torch.zeros(out, channels, 1, 1)


def zero_returns_init(channels, out):
    convolution = nn.Conv2d(channels, out, 1)
    nn.init.zeros_(convolution.bias)
    return nn.init.zeros_(convolution.weight)


def zero_in_place_of_a_leaf(channels, out):
    convolution = nn.Conv2d(channels, out, 1)
    convolution.weight.zero_()
    return convolution


class ZeroConvolution(nn.Conv2d):
    def reset_parameters(self):
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)


def zero_by_subclass(channels, out):
    return ZeroConvolution(channels, out, 1, padding="same")


def zero_by_state(channels, out):
    convolution = nn.Conv2d(channels, out, 1)
    convolution.load_state_dict({name: torch.zeros_like(p) for name, p in convolution.state_dict().items()})
    return convolution


def zero_frozen_meanwhile(channels, out):
    convolution = nn.Conv2d(channels, out, 1).requires_grad_(False)
    convolution.weight.zero_()
    convolution.bias.zero_()
    return convolution.requires_grad_(True)


def zero_in_inference_mode(channels, out):
    with torch.inference_mode():
        return zero_by_init(channels, out)


def zero_in_double_precision(channels, out):
    return zero_by_init(channels, out).double()


def zero_one_bias(channels, out):
    convolution = zero_by_init(channels, out)
    convolution.bias = nn.Parameter(torch.zeros(1))
    return convolution


def zero_bias_frozen(channels, out):
    convolution = zero_by_init(channels, out)
    convolution.bias.requires_grad_(False)
    return convolution


def zero_without_effect(channels, out):
    convolution = nn.Conv2d(channels, out, 1)
    torch.zeros_like(convolution.weight), torch.zeros_like(convolution.bias)
    convolution.zero_grad()
    return convolution


def zero_in_a_sequence(channels, out):
    return nn.Sequential(zero_by_init(channels, out))


ZERO_RIGHT = [
    zero_by_init,
    zero_by_data,
    zero_by_loop,
    zero_by_parameters,
    zero_by_subclass,
    zero_by_state,
    zero_frozen_meanwhile,
]
ZERO_WRONG = [
    ("value", named("zero_bias_forgotten", zero_by(plain, bias=None))),
    ("value", named("zero_weight_forgotten", zero_by(plain, weight=None))),
    ("value", named("zero_small", zero_by(plain, weight=1e-3))),
    ("value", named("zero_without_bias", zero_by(lambda a, b: nn.Conv2d(a, b, 1, bias=False), bias=None))),
    ("order", named("zero_exchanged", zero_by(lambda a, b: nn.Conv2d(b, a, 1)))),
    ("shape", named("zero_three_by_three", zero_by(lambda a, b: nn.Conv2d(a, b, 3, padding=1)))),
    ("shape", named("zero_padded", zero_by(lambda a, b: nn.Conv2d(a, b, 1, padding=1)))),
    ("shape", named("zero_strided", zero_by(lambda a, b: nn.Conv2d(a, b, 1, stride=2)))),
    ("type", named("zero_linear", zero_by(nn.Linear))),
    ("type", named("zero_transposed", zero_by(lambda a, b: nn.ConvTranspose2d(a, b, 1)))),
    ("autograd", zero_without_gradient),
    ("exception", zero_by_buffers),
    ("constant", zero_kept),
    ("type", zero_weights_only),
    ("type", zero_returns_init),
    ("autograd", zero_in_place_of_a_leaf),
    ("autograd", zero_in_inference_mode),
    ("precision", zero_in_double_precision),
    ("shape", zero_one_bias),
    ("autograd", zero_bias_frozen),
    ("value", zero_without_effect),
    ("type", zero_in_a_sequence),
]

# --- control_step ----------------------------------------------------------------------------------------------------


def control_step_plain(base, control, optimizer, x0, words, drawing, t, noise):
    x = diffuse(x0, t, noise)
    loss = (base(x, t, words, control(x, t, words, drawing)) - noise).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def control_step_zero_first(base, control, optimizer, x0, words, drawing, t, noise):
    optimizer.zero_grad()
    a = alpha_bar(t)[:, None, None, None]
    x = a.sqrt() * x0 + (1 - a).sqrt() * noise
    added = control(x, t, words, drawing)
    loss = F.mse_loss(base(x, t, words, added), noise)
    loss.backward()
    optimizer.step()
    return float(loss)


def control_step_zero_last(base, control, optimizer, x0, words, drawing, t, noise):
    x = diffuse(x0, t, noise)
    error = base(x, t, words, control(x, t, words, drawing)) - noise
    loss = (error**2).mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach().item()


def control_step_freezes_the_base(base, control, optimizer, x0, words, drawing, t, noise):
    for p in base.parameters():
        p.requires_grad_(False)
    return control_step_plain(base, control, optimizer, x0, words, drawing, t, noise)


def step_by(loss_of, *, zero=True, back=True, step=1, result=lambda loss: loss.item()):
    def control_step(base, control, optimizer, x0, words, drawing, t, noise):
        loss = loss_of(base, control, x0, words, drawing, t, noise)
        if zero:
            optimizer.zero_grad()
        if back:
            loss.backward()
        for _ in range(step):
            optimizer.step()
        return result(loss)

    return control_step


def loss_by(see=diffuse, target=None, said=None, hint=None, end=lambda error: error.square().mean()):
    def loss(base, control, x0, words, drawing, t, noise):
        x = see(x0, t, noise)
        w = words if said is None else said(words)
        added = control(x, t, w, drawing if hint is None else hint(drawing))
        return end(base(x, t, w, added) - (noise if target is None else target(x0)))

    return loss


right_loss = loss_by()


def loss_without_control(base, control, x0, words, drawing, t, noise):
    return (base(diffuse(x0, t, noise), t, words) - noise).square().mean()


def loss_base_without_gradient(base, control, x0, words, drawing, t, noise):
    x = diffuse(x0, t, noise)
    added = control(x, t, words, drawing)
    with torch.no_grad():
        estimate = base(x, t, words, added)
    return (estimate - noise).square().mean()


def loss_control_detached(base, control, x0, words, drawing, t, noise):
    x = diffuse(x0, t, noise)
    added = [h.detach() for h in control(x, t, words, drawing)]
    return (base(x, t, words, added) - noise).square().mean()


def loss_control_without_gradient(base, control, x0, words, drawing, t, noise):
    x = diffuse(x0, t, noise)
    with torch.no_grad():
        added = control(x, t, words, drawing)
    return (base(x, t, words, added) - noise).square().mean()


def loss_of_the_control_alone(base, control, x0, words, drawing, t, noise):
    x = diffuse(x0, t, noise)
    return (control(x, t, words, drawing)[0] - noise).square().mean()


def control_step_moves_the_base(base, control, optimizer, x0, words, drawing, t, noise):
    loss = right_loss(base, control, x0, words, drawing, t, noise)
    both = torch.optim.SGD([*base.parameters(), *control.parameters()], 0.05)
    both.zero_grad()
    loss.backward()
    both.step()
    return loss.item()


def control_step_by_its_own_optimizer(base, control, optimizer, x0, words, drawing, t, noise):
    own = torch.optim.Adam(control.parameters(), 1e-3)
    return control_step_plain(base, control, own, x0, words, drawing, t, noise)


def control_step_zero_between(base, control, optimizer, x0, words, drawing, t, noise):
    loss = right_loss(base, control, x0, words, drawing, t, noise)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def control_step_steps_first(base, control, optimizer, x0, words, drawing, t, noise):
    loss = right_loss(base, control, x0, words, drawing, t, noise)
    optimizer.zero_grad()
    optimizer.step()
    loss.backward()
    return loss.item()


def control_step_uphill(base, control, optimizer, x0, words, drawing, t, noise):
    loss = right_loss(base, control, x0, words, drawing, t, noise)
    optimizer.zero_grad()
    (-loss).backward()
    optimizer.step()
    return loss.item()


def control_step_loss_after(base, control, optimizer, x0, words, drawing, t, noise):
    control_step_plain(base, control, optimizer, x0, words, drawing, t, noise)
    with torch.no_grad():
        return right_loss(base, control, x0, words, drawing, t, noise).item()


def control_step_returns_nothing(base, control, optimizer, x0, words, drawing, t, noise):
    control_step_plain(base, control, optimizer, x0, words, drawing, t, noise)


def control_step_by_autograd_grad(base, control, optimizer, x0, words, drawing, t, noise):
    weights = list(control.parameters())
    loss = right_loss(base, control, x0, words, drawing, t, noise)
    for p, g in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        p.grad = g
    optimizer.step()
    return loss.tolist()


def control_step_by_closure(base, control, optimizer, x0, words, drawing, t, noise):
    def closure():
        optimizer.zero_grad(set_to_none=False)
        loss = right_loss(base, control, x0, words, drawing, t, noise)
        loss.backward(inputs=list(control.parameters()))
        return loss

    return optimizer.step(closure).item()


def control_step_beside_a_copy_of_the_base(base, control, optimizer, x0, words, drawing, t, noise):
    frozen = deepcopy(base).requires_grad_(False)
    return control_step_plain(frozen, control, optimizer, x0, words, drawing, t, noise)


def control_step_by_functional_call(base, control, optimizer, x0, words, drawing, t, noise):
    x = diffuse(x0, t, noise)
    added = torch.func.functional_call(control, dict(control.named_parameters()), (x, t, words, drawing))
    loss = F.mse_loss(base(x, t, words, added), noise)
    control.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def control_step_measures_first(base, control, optimizer, x0, words, drawing, t, noise):
    with torch.no_grad():
        before = right_loss(base, control, x0, words, drawing, t, noise).item()
    control_step_plain(base, control, optimizer, x0, words, drawing, t, noise)
    return before


def control_step_unfreezes_the_base(base, control, optimizer, x0, words, drawing, t, noise):
    base.requires_grad_(True)
    return control_step_plain(base, control, optimizer, x0, words, drawing, t, noise)


def control_step_freezes_the_control(base, control, optimizer, x0, words, drawing, t, noise):
    control.requires_grad_(False)
    return control_step_plain(base, control, optimizer, x0, words, drawing, t, noise)


def control_step_clips(base, control, optimizer, x0, words, drawing, t, noise):
    loss = right_loss(base, control, x0, words, drawing, t, noise)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(control.parameters(), 0.01)
    optimizer.step()
    return loss.item()


def control_step_own_noise(base, control, optimizer, x0, words, drawing, t, noise):
    return control_step_plain(base, control, optimizer, x0, words, drawing, t, torch.randn_like(noise))


def loss_given(side=lambda x, x0: x, own=lambda x, x0: x, said=lambda w: w, add=lambda added: added):
    def loss(base, control, x0, words, drawing, t, noise):
        x = diffuse(x0, t, noise)
        added = control(side(x, x0), t, words, drawing)
        return F.mse_loss(base(own(x, x0), t, said(words), add(added)), noise)

    return loss


def loss_arguments_exchanged(base, control, x0, words, drawing, t, noise):
    x = diffuse(x0, t, noise)
    return F.mse_loss(base(x, t, words, control(x, t, drawing, words)), noise)


def loss_drawing_to_the_base(base, control, x0, words, drawing, t, noise):
    return F.mse_loss(base(diffuse(x0, t, noise), t, words, drawing), noise)


CONTROL_RIGHT = [
    control_step_plain,
    control_step_zero_first,
    control_step_zero_last,
    control_step_freezes_the_base,
    control_step_by_autograd_grad,
    control_step_by_closure,
    control_step_beside_a_copy_of_the_base,
    control_step_by_functional_call,
    control_step_measures_first,
]
CONTROL_WRONG = [
    ("order", named("control_never_zero_grad", step_by(right_loss, zero=False))),
    ("autograd", named("control_never_backward", step_by(right_loss, back=False))),
    ("constant", named("control_never_step", step_by(right_loss, step=0))),
    ("step-size", named("control_two_steps", step_by(right_loss, step=2))),
    ("type", named("control_returns_a_tensor", step_by(right_loss, result=lambda loss: loss))),
    ("autograd", named("control_base_without_gradient", step_by(loss_base_without_gradient))),
    ("autograd", named("control_detached", step_by(loss_control_detached))),
    ("autograd", named("control_without_gradient", step_by(loss_control_without_gradient))),
    ("constant", named("control_not_called", step_by(loss_without_control))),
    ("value", named("control_alone", step_by(loss_of_the_control_alone))),
    ("value", named("control_compares_with_x0", step_by(loss_by(target=lambda x0: x0)))),
    ("value", named("control_sees_no_noise", step_by(loss_by(see=lambda x0, t, e: x0)))),
    ("value", named("control_adds_noise", step_by(loss_by(see=lambda x0, t, e: x0 + e)))),
    ("square-root", named("control_no_roots", step_by(loss_by(see=lambda x0, t, e: a_(t) * x0 + (1 - a_(t)) * e)))),
    (
        "order",
        named("control_exchanged", step_by(loss_by(see=lambda x0, t, e: (1 - a_(t)).sqrt() * x0 + a_(t).sqrt() * e))),
    ),
    ("value", named("control_no_words", step_by(loss_by(said=lambda w: 0 * w)))),
    ("value", named("control_no_drawing", step_by(loss_by(hint=lambda d: 0 * d)))),
    ("normalisation", named("control_sum", step_by(loss_by(end=lambda error: error.square().sum())))),
    ("mutates-input", control_step_moves_the_base),
    ("step-size", control_step_by_its_own_optimizer),
    ("order", control_step_zero_between),
    ("order", control_step_steps_first),
    ("sign", control_step_uphill),
    ("order", control_step_loss_after),
    ("type", control_step_returns_nothing),
    ("type", named("control_returns_a_scalar_tensor", step_by(right_loss, result=lambda loss: loss.detach()))),
    ("mutates-input", control_step_unfreezes_the_base),
    ("autograd", control_step_freezes_the_control),
    ("step-size", control_step_clips),
    ("value", control_step_own_noise),
    ("value", named("control_sees_x0", step_by(loss_given(side=lambda x, x0: x0)))),
    ("value", named("control_base_sees_x0", step_by(loss_given(own=lambda x, x0: x0)))),
    ("value", named("control_base_without_words", step_by(loss_given(said=lambda w: 0 * w)))),
    ("value", named("control_reversed", step_by(loss_given(add=lambda added: added[::-1])))),
    ("value", named("control_first_only", step_by(loss_given(add=lambda added: added[:1])))),
    ("order", named("control_arguments_exchanged", step_by(loss_arguments_exchanged))),
    ("constant", named("control_drawing_to_the_base", step_by(loss_drawing_to_the_base))),
    ("square-root", named("control_modulus", step_by(loss_by(end=lambda error: error.abs().mean())))),
    ("square-root", named("control_root", step_by(loss_by(end=lambda error: error.square().mean().sqrt())))),
    ("normalisation", named("control_half", step_by(loss_by(end=lambda error: 0.5 * error.square().mean())))),
    ("autograd", named("control_loss_detached", step_by(loss_by(end=lambda error: error.square().mean().detach())))),
]

# --- subject_loss ----------------------------------------------------------------------------------------------------


def subject_loss_plain(network, subject, subject_words, prior, prior_words, weight, generator):
    loss = noise_loss(told(network, subject_words), subject, generator)
    return loss + weight * noise_loss(told(network, prior_words), prior, generator)


def subject_loss_by_lambda(network, subject, subject_words, prior, prior_words, weight, generator):
    of_subject = noise_loss(lambda x, t: network(x, t, subject_words), subject, generator)
    of_prior = noise_loss(lambda x, t: network(x, t, prior_words), prior, generator)
    return of_subject + weight * of_prior


def subject_loss_prior_first(network, subject, subject_words, prior, prior_words, weight, generator):
    keep = weight * noise_loss(told(network, prior_words), prior, generator)
    return keep + noise_loss(told(network, subject_words), subject, generator)


def subject_loss_by_loop(network, subject, subject_words, prior, prior_words, weight, generator):
    total = 0.0
    for w, x, words in ((1.0, subject, subject_words), (weight, prior, prior_words)):
        total = total + w * noise_loss(told(network, words), x, generator)
    return total


def subject_by(combine, words=lambda s, p: (s, p)):
    def subject_loss(network, subject, subject_words, prior, prior_words, weight, generator):
        of_subject, of_prior = words(subject_words, prior_words)
        a = noise_loss(told(network, of_subject), subject, generator)
        b = noise_loss(told(network, of_prior), prior, generator)
        return combine(a, b, weight)

    return subject_loss


def subject_loss_forgets_the_prior(network, subject, subject_words, prior, prior_words, weight, generator):
    return noise_loss(told(network, subject_words), subject, generator)


def subject_loss_seeds_again(network, subject, subject_words, prior, prior_words, weight, generator):
    seed = generator.initial_seed()
    a = noise_loss(told(network, subject_words), subject, torch.Generator().manual_seed(seed))
    return a + weight * noise_loss(told(network, prior_words), prior, torch.Generator().manual_seed(seed))


def subject_loss_own_generator(network, subject, subject_words, prior, prior_words, weight, generator):
    return subject_loss_plain(network, subject, subject_words, prior, prior_words, weight, torch.Generator())


def subject_loss_together(network, subject, subject_words, prior, prior_words, weight, generator):
    words = torch.cat([subject_words, prior_words])
    return noise_loss(told(network, words), torch.cat([subject, prior]), generator)


def subject_loss_without_gradient(network, subject, subject_words, prior, prior_words, weight, generator):
    with torch.no_grad():
        return subject_loss_plain(network, subject, subject_words, prior, prior_words, weight, generator)


def subject_loss_is_a_number(network, subject, subject_words, prior, prior_words, weight, generator):
    return subject_loss_plain(network, subject, subject_words, prior, prior_words, weight, generator).item()


def subject_loss_is_a_pair(network, subject, subject_words, prior, prior_words, weight, generator):
    a = noise_loss(told(network, subject_words), subject, generator)
    return torch.stack([a, weight * noise_loss(told(network, prior_words), prior, generator)])


def subject_loss_tells_nothing(network, subject, subject_words, prior, prior_words, weight, generator):
    return noise_loss(network, subject, generator) + weight * noise_loss(network, prior, generator)


def subject_loss_words_of_the_subject(network, subject, subject_words, prior, prior_words, weight, generator):
    hears = told(network, subject_words)
    return noise_loss(hears, subject, generator) + weight * noise_loss(hears, prior, generator)


def subject_loss_by_scalar_product(network, subject, subject_words, prior, prior_words, weight, generator):
    pairs = ((subject_words, subject), (prior_words, prior))
    losses = torch.stack([noise_loss(told(network, words), x, generator) for words, x in pairs])
    return losses @ losses.new_tensor([1.0, weight])


def subject_loss_without_prior_at_zero(network, subject, subject_words, prior, prior_words, weight, generator):
    loss = noise_loss(told(network, subject_words), subject, generator)
    if weight > 0:
        loss += weight * noise_loss(told(network, prior_words), prior, generator)
    return loss


def subject_loss_by_hand(network, subject, subject_words, prior, prior_words, weight, generator):
    losses = []
    for x0, words in ((subject, subject_words), (prior, prior_words)):
        t = 0.001 + 0.998 * torch.rand(len(x0), generator=generator).to(x0)
        noise = torch.randn(x0.shape, generator=generator).to(x0)
        losses.append(F.mse_loss(network(diffuse(x0, t, noise), t, words), noise))
    return torch.add(losses[0], losses[1], alpha=weight)


def subject_loss_goes_back(network, subject, subject_words, prior, prior_words, weight, generator):
    loss = subject_loss_plain(network, subject, subject_words, prior, prior_words, weight, generator)
    loss.backward()
    return loss


def subject_loss_goes_back_and_keeps(network, subject, subject_words, prior, prior_words, weight, generator):
    loss = subject_loss_plain(network, subject, subject_words, prior, prior_words, weight, generator)
    loss.backward(retain_graph=True)
    return loss


def subject_loss_weight_is_guidance(network, subject, subject_words, prior, prior_words, weight, generator):
    loss = noise_loss(told(network, subject_words), subject, generator)
    return loss + noise_loss(told(network, prior_words, weight), prior, generator)


def subject_loss_words_of_the_prior(network, subject, subject_words, prior, prior_words, weight, generator):
    hears = told(network, prior_words)
    return noise_loss(hears, subject, generator) + weight * noise_loss(hears, prior, generator)


SUBJECT_RIGHT = [
    subject_loss_plain,
    subject_loss_by_lambda,
    subject_loss_prior_first,
    subject_loss_by_loop,
    subject_loss_by_scalar_product,
    subject_loss_without_prior_at_zero,
    subject_loss_by_hand,
]
SUBJECT_WRONG = [
    ("weight", named("subject_no_weight", subject_by(lambda a, b, w: a + b))),
    ("weight", named("subject_weight_on_the_subject", subject_by(lambda a, b, w: w * a + b))),
    ("weight", named("subject_weight_on_both", subject_by(lambda a, b, w: w * (a + b)))),
    ("weight", named("subject_convex", subject_by(lambda a, b, w: (1 - w) * a + w * b))),
    ("truncation", subject_loss_forgets_the_prior),
    ("truncation", named("subject_forgotten", subject_by(lambda a, b, w: w * b))),
    ("sign", named("subject_minus_prior", subject_by(lambda a, b, w: a - w * b))),
    ("normalisation", named("subject_half", subject_by(lambda a, b, w: (a + w * b) / 2))),
    ("square-root", named("subject_weight_squared", subject_by(lambda a, b, w: a + w**2 * b))),
    ("value", named("subject_no_words", subject_by(lambda a, b, w: a + w * b, lambda s, p: (0 * s, 0 * p)))),
    ("value", named("subject_prior_without_words", subject_by(lambda a, b, w: a + w * b, lambda s, p: (s, 0 * p)))),
    ("value", named("subject_without_words", subject_by(lambda a, b, w: a + w * b, lambda s, p: (0 * s, p)))),
    ("order", named("subject_words_exchanged", subject_by(lambda a, b, w: a + w * b, lambda s, p: (p, s)))),
    ("order", subject_loss_words_of_the_subject),
    ("randomness", subject_loss_seeds_again),
    ("randomness|value", subject_loss_own_generator),
    ("normalisation", subject_loss_together),
    ("autograd", subject_loss_without_gradient),
    ("type", subject_loss_is_a_number),
    ("shape", subject_loss_is_a_pair),
    ("value", subject_loss_tells_nothing),
    ("autograd", subject_loss_goes_back),
    ("autograd", subject_loss_goes_back_and_keeps),
    ("weight", subject_loss_weight_is_guidance),
    ("order", subject_loss_words_of_the_prior),
    ("autograd", named("subject_prior_detached", subject_by(lambda a, b, w: a + w * b.detach()))),
    ("autograd", named("subject_detached", subject_by(lambda a, b, w: a.detach() + w * b))),
    ("autograd", named("subject_both_detached", subject_by(lambda a, b, w: torch.tensor([a, w * b]).sum()))),
    ("normalisation", named("subject_mean_weight", subject_by(lambda a, b, w: (a + w * b) / (1 + w)))),
    ("weight", named("subject_weight_is_a_switch", subject_by(lambda a, b, w: a + b if w else a))),
]

# --- super_resolution_condition --------------------------------------------------------------------------------------


def condition_plain(x, small):
    large = F.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat([x, large], dim=1)


def condition_default_corners(x, small):
    return torch.cat((x, F.interpolate(small, tuple(x.shape[2:]), mode="bilinear")), 1)


def condition_by_upsample(x, small):
    return torch.cat([x, nn.Upsample(size=tuple(x.shape[-2:]), mode="bilinear")(small)], dim=-3)


def condition_by_filling(x, small):
    n, c, H, W = x.shape
    result = x.new_empty(n, 2 * c, H, W)
    result[:, :c] = x
    result[:, c:] = F.interpolate(small, size=(H, W), mode="bilinear")
    return result


def condition_by_grid(x, small):
    H, W = x.shape[-2:]
    rows = ((torch.arange(H, dtype=x.dtype) + 0.5) * 2 / H - 1)[:, None].expand(H, W)
    columns = ((torch.arange(W, dtype=x.dtype) + 0.5) * 2 / W - 1)[None].expand(H, W)
    grid = torch.stack([columns, rows], dim=-1)[None].expand(len(x), -1, -1, -1)
    large = F.grid_sample(small, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return torch.cat([x, large], dim=1)


def condition_by(enlarge, join=lambda x, large: torch.cat([x, large], dim=1)):
    return lambda x, small: join(x, enlarge(x, small))


def bilinear(x, small):
    return F.interpolate(small, size=x.shape[-2:], mode="bilinear")


def condition_twice_as_large(x, small):
    return torch.cat([x, F.interpolate(small, scale_factor=2, mode="bilinear")], dim=1)


def condition_reduces(x, small):
    return torch.cat([F.adaptive_avg_pool2d(x, small.shape[-2:]), small], dim=1)


def matrix_of_bilinear(n, N):
    """Return the N × n matrix that enlarges along one axis."""
    places = ((torch.arange(N, dtype=torch.float64) + 0.5) * n / N - 0.5).clamp(0, n - 1)
    return (1 - (places[:, None] - torch.arange(n, dtype=torch.float64)).abs()).clamp(min=0)


def condition_by_matrices(x, small):
    down, across = (matrix_of_bilinear(small.shape[k], x.shape[k]) for k in (2, 3))
    return torch.cat([x, torch.einsum("Ih,nchw,Jw->ncIJ", down, small.double(), across).to(x)], dim=1)


def condition_by_factors(x, small):
    factors = tuple(a / b for a, b in zip(x.shape[2:], small.shape[2:], strict=True))
    return torch.hstack([x, F.interpolate(small, scale_factor=factors, mode="bilinear")])


def condition_image_by_image(x, small):
    pairs = zip(x, small, strict=True)
    return torch.stack([torch.cat([u, F.interpolate(v[None], u.shape[1:], mode="bilinear")[0]]) for u, v in pairs])


def condition_antialiased(x, small):
    return torch.cat([x, F.interpolate(small, size=x.shape[-2:], mode="bilinear", antialias=True)], dim=1)


def copies(x, small):
    return small.repeat(1, 1, *(a // b for a, b in zip(x.shape[2:], small.shape[2:], strict=True)))


def condition_square(x, small):
    return torch.cat([x, F.interpolate(small, size=x.shape[-1], mode="bilinear")], dim=1)


def condition_by_zeros_outside(x, small):
    grid = F.affine_grid(torch.eye(2, 3).to(x).expand(len(x), 2, 3), [*small.shape[:2], *x.shape[2:]], False)
    return torch.cat([x, F.grid_sample(small, grid, align_corners=False)], dim=1)


CONDITION_RIGHT = [
    condition_by_matrices,
    condition_by_factors,
    condition_image_by_image,
    condition_antialiased,
    condition_plain,
    condition_default_corners,
    condition_by_upsample,
    condition_by_filling,
    condition_by_grid,
]
CONDITION_WRONG = [
    ("order", named("condition_small_first", condition_by(bilinear, lambda x, y: torch.cat([y, x], dim=1)))),
    ("value", named("condition_nearest", condition_by(lambda x, s: F.interpolate(s, size=x.shape[-2:])))),
    (
        "value",
        named("condition_bicubic", condition_by(lambda x, s: F.interpolate(s, size=x.shape[-2:], mode="bicubic"))),
    ),
    (
        "boundary",
        named(
            "condition_corners",
            condition_by(lambda x, s: F.interpolate(s, size=x.shape[-2:], mode="bilinear", align_corners=True)),
        ),
    ),
    ("shape|exception", condition_twice_as_large),
    ("shape", condition_reduces),
    ("exception", named("condition_not_enlarged", condition_by(lambda x, s: s))),
    ("shape", named("condition_sum", condition_by(bilinear, lambda x, y: x + y))),
    ("value", named("condition_difference", condition_by(bilinear, lambda x, y: torch.cat([x, y - x], dim=1)))),
    ("shape", named("condition_along_rows", condition_by(bilinear, lambda x, y: torch.cat([x, y], dim=2)))),
    ("shape", named("condition_of_the_batch", condition_by(bilinear, lambda x, y: torch.cat([x, y], dim=0)))),
    ("shape", named("condition_small_only", condition_by(bilinear, lambda x, y: y))),
    ("shape", named("condition_stacked", condition_by(bilinear, lambda x, y: torch.stack([x, y], dim=1)))),
    (
        "order",
        named("condition_alternating", condition_by(bilinear, lambda x, y: torch.stack([x, y], dim=2).flatten(1, 2))),
    ),
    ("value", named("condition_x_twice", condition_by(bilinear, lambda x, y: torch.cat([x, x], dim=1)))),
    ("value", named("condition_copies", condition_by(copies))),
    ("shape", condition_square),
    ("boundary", condition_by_zeros_outside),
    ("clipping", named("condition_clips", condition_by(lambda x, s: bilinear(x, s).clamp(-1, 1)))),
    ("clipping", named("condition_clips_x", condition_by(bilinear, lambda x, y: torch.cat([x.clamp(-1, 1), y], 1)))),
    ("value", named("condition_to_show", condition_by(lambda x, s: (bilinear(x, s) + 1) / 2))),
    ("shape", named("condition_side_by_side", condition_by(bilinear, lambda x, y: torch.cat([x, y], dim=-1)))),
    ("type", named("condition_a_pair", condition_by(bilinear, lambda x, y: (x, y)))),
    ("value", named("condition_zeros", condition_by(bilinear, lambda x, y: torch.cat([x, 0 * y], dim=1)))),
]

RIGHT = {
    "embed_caption": CAPTION_RIGHT,
    "encode": ENCODE_RIGHT,
    "decode": DECODE_RIGHT,
    "latent_noise_loss": LATENT_RIGHT,
    "zero_convolution": ZERO_RIGHT,
    "control_step": CONTROL_RIGHT,
    "subject_loss": SUBJECT_RIGHT,
    "super_resolution_condition": CONDITION_RIGHT,
}
WRONG = {
    "embed_caption": CAPTION_WRONG,
    "encode": ENCODE_WRONG,
    "decode": DECODE_WRONG,
    "latent_noise_loss": LATENT_WRONG,
    "zero_convolution": ZERO_WRONG,
    "control_step": CONTROL_WRONG,
    "subject_loss": SUBJECT_WRONG,
    "super_resolution_condition": CONDITION_WRONG,
}

# --- the explorer ----------------------------------------------------------------------------------------------------

CROSS = [[int(i == 16 or j == 16) for j in range(32)] for i in range(32)]
EXPLORERS = {
    "explore_text_to_image": ExplorerCase(
        explore_text_to_image,
        lambda values: text_to_image_picture(**values),
        settings={"lines": [CROSS]},
    ),
}
