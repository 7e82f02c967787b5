"""Answers to the exercises of notebook 10: right ones in several styles, and the wrong ones that students write."""

import math
import time

import torch

from course_utils.explorers.gatys_texture_synthesis import explore_gatys
from course_utils.textures import gram_loss, gram_matrix
from course_utils.textures import gram_matrix as gram
from course_utils.textures import mean_feature as mean_of
from tests.explorer_case import ExplorerCase

# --- gram_matrix -----------------------------------------------------------------------------------------------------


def gram_by_flatten(features):
    v = features.flatten(-2)
    return v @ v.transpose(-1, -2) / v.shape[-1]


def gram_by_einsum(features):
    return torch.einsum("...ihw,...jhw->...ij", features, features) / (features.shape[-1] * features.shape[-2])


def gram_by_loop_over_pixels(features):
    n, h, w = features.shape[-3:]
    g = torch.zeros(*features.shape[:-3], n, n, dtype=features.dtype)
    for x in range(h):
        for y in range(w):
            v = features[..., x, y]
            g = g + v[..., :, None] * v[..., None, :]
    return g / (h * w)


def gram_by_mean_of_products(features):
    return (features[..., :, None, :, :] * features[..., None, :, :, :]).mean(dim=(-2, -1))


def gram_in_float32(features):
    return gram_by_flatten(features.float())


def gram_not_divided(features):
    v = features.flatten(-2)
    return v @ v.mT


def gram_divided_by_channels_too(features):
    n, h, w = features.shape[-3:]
    v = features.flatten(-2)
    return v @ v.mT / (n * h * w)


def gram_divided_by_channels_only(features):
    v = features.flatten(-2)
    return v @ v.mT / v.shape[-2]


def gram_divided_by_height_only(features):
    v = features.flatten(-2)
    return v @ v.mT / features.shape[-2]


def gram_with_one_pixel_less(features):
    v = features.flatten(-2)
    return v @ v.mT / (v.shape[-1] - 1)


def gram_centred(features):
    v = features.flatten(-2)
    v = v - v.mean(dim=-1, keepdim=True)
    return v @ v.mT / v.shape[-1]


def gram_centred_in_place(features):
    v = features.flatten(-2)
    v -= v.mean(dim=-1, keepdim=True)
    return v @ v.mT / v.shape[-1]


def gram_of_pixels(features):
    v = features.flatten(-2)
    return v.mT @ v / v.shape[-1]


def gram_batch_mixed_into_space(features):
    n = features.shape[-3]
    v = features.movedim(-3, 0).reshape(n, -1)
    return v @ v.T / v.shape[1]


def gram_batch_mixed_into_channels(features):
    v = features.reshape(-1, features.shape[-2] * features.shape[-1])
    return v @ v.T / v.shape[1]


def gram_reshaped_in_the_wrong_order(features):
    n, h, w = features.shape[-3:]
    v = features.reshape(*features.shape[:-3], h * w, n)
    return v.mT @ v / (h * w)


def gram_of_square_images_only(features):
    n, h = features.shape[-3:-1]
    v = features.reshape(*features.shape[:-3], n, h * h)
    return v @ v.mT / (h * h)


def gram_normalised_to_correlations(features):
    v = torch.nn.functional.normalize(features.flatten(-2), dim=-1)
    return v @ v.mT


def gram_of_absolute_values(features):
    return gram_by_flatten(features.abs())


def gram_identity_matrix(features):
    n = features.shape[-3]
    return torch.eye(n, dtype=features.dtype).expand(*features.shape[:-3], n, n)


def gram_of_integers(features):
    return gram_by_flatten(features).round().long()


def gram_as_numpy(features):
    return gram_by_flatten(features).numpy()


def gram_features_themselves(features):
    return features


def gram_not_finite(features):
    return gram_by_flatten(features) / 0.0


# --- count_statistics ------------------------------------------------------------------------------------------------


def count_by_loop(architecture, last):
    total = 0
    for layer, n in architecture.items():
        total += n * (n + 1) // 2
        if layer == last:
            return total
    raise ValueError(last)


def count_by_sum(architecture, last):
    layers = list(architecture)
    layers = layers[: layers.index(last) + 1]
    return sum(architecture[layer] * (architecture[layer] + 1) // 2 for layer in layers)


def count_as_float(architecture, last):
    return count_by_loop(architecture, last) * 1.0


def count_as_tensor(architecture, last):
    return torch.tensor(count_by_loop(architecture, last))


def _up_to(architecture, last):
    layers = list(architecture)
    return {layer: architecture[layer] for layer in layers[: layers.index(last) + 1]}


def count_every_entry(architecture, last):
    return sum(n**2 for n in _up_to(architecture, last).values())


def count_without_the_diagonal(architecture, last):
    return sum(n * (n - 1) // 2 for n in _up_to(architecture, last).values())


def count_without_the_last_layer(architecture, last):
    return count_by_loop(architecture, last) - architecture[last] * (architecture[last] + 1) // 2


def count_all_layers(architecture, last):
    return sum(n * (n + 1) // 2 for n in architecture.values())


def count_last_layer_only(architecture, last):
    n = architecture[last]
    return n * (n + 1) // 2


def count_channels(architecture, last):
    return sum(_up_to(architecture, last).values())


def count_one_big_matrix(architecture, last):
    n = sum(_up_to(architecture, last).values())
    return n * (n + 1) // 2


def count_without_pooling(architecture, last):
    return sum(n * (n + 1) // 2 for k, n in _up_to(architecture, last).items() if k.startswith("conv"))


def count_of_the_slide(architecture, last):
    return 852_128


def count_each_layer_apart(architecture, last):
    return {layer: n * (n + 1) // 2 for layer, n in _up_to(architecture, last).items()}


def count_changes_the_table(architecture, last):
    total = 0
    while architecture:
        layer = next(iter(architecture))
        n = architecture.pop(layer)
        total += n * (n + 1) // 2
        if layer == last:
            break
    return total


# --- gram_loss and mean_loss -----------------------------------------------------------------------------------------


def gram_loss_by_loop(features, targets, weights):
    loss = 0.0
    for layer, w in weights.items():
        loss = loss + w * ((gram(features[layer]) - targets[layer]) ** 2).sum()
    return loss


def gram_loss_by_norm(features, targets, weights):
    return sum(weights[k] * torch.linalg.norm(gram(features[k]) - targets[k]) ** 2 for k in features)


def gram_loss_by_stack(features, targets, weights):
    terms = [weights[k] * (gram(v) - targets[k]).pow(2).sum() for k, v in features.items()]
    return torch.stack(terms).sum()


def gram_loss_in_float32(features, targets, weights):
    return gram_loss_by_loop(
        {k: v.float() for k, v in features.items()}, {k: v.float() for k, v in targets.items()}, weights
    )


def gram_loss_not_squared(features, targets, weights):
    return sum(w * torch.linalg.norm(gram(features[k]) - targets[k]) for k, w in weights.items())


def gram_loss_without_weights(features, targets, weights):
    return sum((gram(features[k]) - targets[k]).pow(2).sum() for k in targets)


def gram_loss_weights_inside_the_square(features, targets, weights):
    return sum((w * (gram(features[k]) - targets[k])).pow(2).sum() for k, w in weights.items())


def gram_loss_mean_square(features, targets, weights):
    return sum(w * (gram(features[k]) - targets[k]).pow(2).mean() for k, w in weights.items())


def gram_loss_divided_by_layers(features, targets, weights):
    return gram_loss_by_loop(features, targets, weights) / len(weights)


def gram_loss_last_layer_only(features, targets, weights):
    for layer, w in weights.items():
        loss = w * (gram(features[layer]) - targets[layer]).pow(2).sum()
    return loss


def gram_loss_returns_in_the_loop(features, targets, weights):  # noqa: RET503
    for layer, w in weights.items():
        return w * (gram(features[layer]) - targets[layer]).pow(2).sum()


def gram_loss_spectral_norm(features, targets, weights):
    return sum(w * torch.linalg.matrix_norm(gram(features[k]) - targets[k], 2) ** 2 for k, w in weights.items())


def gram_loss_absolute_values(features, targets, weights):
    return sum(w * (gram(features[k]) - targets[k]).abs().sum() for k, w in weights.items())


def gram_loss_opposite(features, targets, weights):
    return -gram_loss_by_loop(features, targets, weights)


def gram_loss_sum_without_squares(features, targets, weights):
    return sum(w * (gram(features[k]) - targets[k]).sum() for k, w in weights.items())


def gram_loss_difference_of_norms(features, targets, weights):
    return sum(w * (gram(features[k]).norm() - targets[k].norm()) ** 2 for k, w in weights.items())


def gram_loss_as_number(features, targets, weights):
    return gram_loss_by_loop(features, targets, weights).item()


def gram_loss_detached(features, targets, weights):
    return gram_loss_by_loop({k: v.detach() for k, v in features.items()}, targets, weights)


def gram_loss_of_the_means(features, targets, weights):
    return sum(w * (mean_of(features[k]) - targets[k].diagonal().sqrt()).pow(2).sum() for k, w in weights.items())


def gram_loss_always_zero(features, targets, weights):
    return torch.zeros((), dtype=torch.float64, requires_grad=True)


def mean_loss_by_loop(features, targets, weights):
    loss = 0.0
    for layer, v in features.items():
        loss = loss + weights[layer] * (v.mean(dim=(-2, -1)) - targets[layer]).square().sum()
    return loss


def mean_loss_by_flatten(features, targets, weights):
    return sum(w * (features[k].flatten(1).mean(1) - targets[k]).norm() ** 2 for k, w in weights.items())


def mean_loss_by_sum(features, targets, weights):
    terms = []
    for k, v in features.items():
        n, h, w = v.shape
        terms.append(weights[k] * (v.reshape(n, h * w).sum(1) / (h * w) - targets[k]).pow(2).sum())
    return torch.stack(terms).sum()


def mean_loss_sums_of_features(features, targets, weights):
    return sum(w * (features[k].sum(dim=(-2, -1)) - targets[k]).pow(2).sum() for k, w in weights.items())


def mean_loss_one_mean_for_all_channels(features, targets, weights):
    return sum(w * (features[k].mean() - targets[k]).pow(2).sum() for k, w in weights.items())


def mean_loss_not_squared(features, targets, weights):
    return sum(w * (mean_of(features[k]) - targets[k]).norm() for k, w in weights.items())


def mean_loss_without_weights(features, targets, weights):
    return sum((mean_of(features[k]) - targets[k]).pow(2).sum() for k in targets)


def mean_loss_mean_square(features, targets, weights):
    return sum(w * (mean_of(features[k]) - targets[k]).pow(2).mean() for k, w in weights.items())


def mean_loss_over_channels(features, targets, weights):
    return sum(w * (features[k].mean(0) - targets[k].mean()).pow(2).sum() for k, w in weights.items())


def mean_loss_every_pixel(features, targets, weights):
    return sum(w * (features[k] - targets[k][:, None, None]).pow(2).sum() for k, w in weights.items())


def mean_loss_mean_of_the_squares(features, targets, weights):
    return sum(w * (features[k] - targets[k][:, None, None]).pow(2).mean((-2, -1)).sum() for k, w in weights.items())


def mean_loss_gram_diagonal(features, targets, weights):
    return sum(w * (gram(features[k]).diagonal() - targets[k] ** 2).pow(2).sum() for k, w in weights.items())


def mean_loss_as_number(features, targets, weights):
    return float(mean_loss_by_loop(features, targets, weights))


def mean_loss_last_layer_only(features, targets, weights):
    for k, w in weights.items():
        loss = w * (mean_of(features[k]) - targets[k]).pow(2).sum()
    return loss


# --- synthesize_texture ----------------------------------------------------------------------------------------------


def _start(u, generator):
    mean, std = u.mean(dim=(-2, -1), keepdim=True), u.std(dim=(-2, -1), keepdim=True)
    return mean + std * torch.randn(u.shape, generator=generator, dtype=u.dtype)


def _synthesize(
    u, network, weights, generator, n, start=_start, scale=1e6, search="strong_wolfe", tolerance=0, zero=True, sign=1
):
    targets = {k: gram(v) for k, v in network(u).items()}
    x, losses = start(u, generator).requires_grad_(), []
    lbfgs = torch.optim.LBFGS(
        [x], max_iter=n, line_search_fn=search, tolerance_grad=tolerance, tolerance_change=tolerance
    )

    def closure():
        if zero:
            lbfgs.zero_grad()
        loss = gram_loss_by_loop(network(x), targets, weights)
        (sign * scale * loss).backward()
        losses.append(loss.item())
        return sign * scale * loss

    lbfgs.step(closure)
    return x.detach(), losses


def synthesis_with_line_search(exemplar, network, weights, generator, n_iterations):
    return _synthesize(exemplar, network, weights, generator, n_iterations)


def synthesis_from_uniform_noise(exemplar, network, weights, generator, n_iterations):
    return _synthesize(
        exemplar, network, weights, generator, n_iterations,
        start=lambda u, g: torch.rand(u.shape, generator=g, dtype=u.dtype),
    )  # fmt: skip


def synthesis_from_strong_noise(exemplar, network, weights, generator, n_iterations):
    return _synthesize(
        exemplar, network, weights, generator, n_iterations,
        start=lambda u, g: 0.5 + 0.5 * torch.randn(u.shape, generator=g, dtype=u.dtype),
    )  # fmt: skip


def synthesis_without_line_search(exemplar, network, weights, generator, n_iterations):
    return _synthesize(exemplar, network, weights, generator, n_iterations, search=None, scale=1.0)


def synthesis_from_the_exemplar_and_little_noise(exemplar, network, weights, generator, n_iterations):
    return _synthesize(
        exemplar, network, weights, generator, n_iterations,
        start=lambda u, g: u + 0.05 * torch.randn(u.shape, generator=g, dtype=u.dtype),
    )  # fmt: skip


def synthesis_one_step_at_a_time(exemplar, network, weights, generator, n_iterations):
    targets = {k: gram(v) for k, v in network(exemplar).items()}
    x = _start(exemplar, generator).requires_grad_()
    lbfgs = torch.optim.LBFGS([x], max_iter=1, max_eval=25, line_search_fn="strong_wolfe", tolerance_grad=0)
    losses = []

    def closure():
        lbfgs.zero_grad()
        loss = 1e6 * gram_loss_by_loop(network(x), targets, weights)
        loss.backward()
        return loss

    for _ in range(n_iterations):
        losses.append(lbfgs.step(closure).item() / 1e6)
    return x.detach(), losses


def synthesis_with_a_scaled_record(exemplar, network, weights, generator, n_iterations):
    x, losses = _synthesize(exemplar, network, weights, generator, n_iterations)
    return x, torch.tensor(losses) * 1e6


def synthesis_in_float64(exemplar, network, weights, generator, n_iterations):
    return _synthesize(exemplar.double(), network, weights, generator, n_iterations)


def synthesis_from_the_exemplar(exemplar, network, weights, generator, n_iterations):
    return _synthesize(exemplar, network, weights, generator, n_iterations, start=lambda u, g: u.clone())


def synthesis_returns_the_exemplar(exemplar, network, weights, generator, n_iterations):
    return exemplar.clone(), [0.0] * n_iterations


def synthesis_returns_the_noise(exemplar, network, weights, generator, n_iterations):
    x = _start(exemplar, generator)
    _, losses = _synthesize(exemplar, network, weights, generator, n_iterations, start=lambda u, g: x.clone())
    return x, losses


def synthesis_with_a_global_seed(exemplar, network, weights, generator, n_iterations):
    return _synthesize(
        exemplar,
        network,
        weights,
        generator,
        n_iterations,
        start=lambda u, g: u.mean() + u.std() * torch.randn(u.shape),
    )


def synthesis_with_its_own_seed(exemplar, network, weights, generator, n_iterations):
    return _synthesize(
        exemplar,
        network,
        weights,
        generator,
        n_iterations,
        start=lambda u, g: _start(u, torch.Generator().manual_seed(0)),
    )


def synthesis_from_a_constant(exemplar, network, weights, generator, n_iterations):
    return _synthesize(exemplar, network, weights, generator, n_iterations, start=lambda u, g: torch.full_like(u, 0.5))


def synthesis_gradients_accumulate(exemplar, network, weights, generator, n_iterations):
    return _synthesize(exemplar, network, weights, generator, n_iterations, search=None, zero=False)


def synthesis_goes_up(exemplar, network, weights, generator, n_iterations):
    return _synthesize(exemplar, network, weights, generator, n_iterations, sign=-1)


def synthesis_stopped_by_tolerances(exemplar, network, weights, generator, n_iterations):
    return _synthesize(exemplar, network, weights, generator, n_iterations, scale=1e-6, tolerance=1e-7)


def synthesis_one_iteration_only(exemplar, network, weights, generator, n_iterations):
    return _synthesize(exemplar, network, weights, generator, 1)


def synthesis_without_targets(exemplar, network, weights, generator, n_iterations):
    return _synthesize(0 * exemplar, network, weights, generator, n_iterations, start=lambda u, g: _start(exemplar, g))


def synthesis_clips_the_result(exemplar, network, weights, generator, n_iterations):
    x, losses = _synthesize(exemplar, network, weights, generator, n_iterations)
    return x.clamp(0, 1), losses


def synthesis_forgets_the_losses(exemplar, network, weights, generator, n_iterations):
    return _synthesize(exemplar, network, weights, generator, n_iterations)[0]


def synthesis_without_gradient(exemplar, network, weights, generator, n_iterations):
    targets = {k: gram(v) for k, v in network(exemplar).items()}
    x, losses = _start(exemplar, generator), []
    lbfgs = torch.optim.LBFGS([x], max_iter=n_iterations)

    def closure():
        loss = gram_loss_by_loop(network(x), targets, weights)
        loss.backward()
        losses.append(loss.item())
        return loss

    lbfgs.step(closure)
    return x, losses


def synthesis_gradient_descent(exemplar, network, weights, generator, n_iterations):
    targets = {k: gram(v) for k, v in network(exemplar).items()}
    x, losses = _start(exemplar, generator).requires_grad_(), []
    descent = torch.optim.SGD([x], lr=1e-3)
    for _ in range(n_iterations):
        descent.zero_grad()
        loss = gram_loss_by_loop(network(x), targets, weights)
        loss.backward()
        losses.append(loss.item())
        descent.step()
    return x.detach(), losses


def synthesis_endless(exemplar, network, weights, generator, n_iterations):
    while True:
        time.sleep(0.01)


# --- color_statistics_loss -------------------------------------------------------------------------------------------


def _flat(image):
    return image.reshape(-1, image.shape[-2] * image.shape[-1])


def _moments(image):
    c = _flat(image)
    m = c.mean(1)
    return m, (c - m[:, None]) @ (c - m[:, None]).T / c.shape[1]


def colors_by_matrix(x, u):
    (m, c), (m_u, c_u) = _moments(x), _moments(u)
    return (m - m_u).pow(2).sum() + (c - c_u).pow(2).sum()


def colors_by_cov(x, u):
    a, b = _flat(x), _flat(u)
    difference = torch.cov(a, correction=0) - torch.cov(b, correction=0)
    return (a.mean(1) - b.mean(1)).norm() ** 2 + difference.norm() ** 2


def colors_by_second_moments(x, u):
    def moments(image):
        c = _flat(image)
        m = c.mean(1)
        return m, c @ c.T / c.shape[1] - torch.outer(m, m)

    (m, c), (m_u, c_u) = moments(x), moments(u)
    return ((m - m_u) ** 2).sum() + ((c - c_u) ** 2).sum()


def colors_in_float32(x, u):
    return colors_by_matrix(x.float(), u.float())


def colors_mean_only(x, u):
    return (_moments(x)[0] - _moments(u)[0]).pow(2).sum()


def colors_covariance_only(x, u):
    return (_moments(x)[1] - _moments(u)[1]).pow(2).sum()


def colors_not_centred(x, u):
    a, b = _flat(x), _flat(u)
    mean = (a.mean(1) - b.mean(1)).pow(2).sum()
    return mean + (a @ a.T / a.shape[1] - b @ b.T / b.shape[1]).pow(2).sum()


def colors_with_n_minus_one(x, u):
    a, b = _flat(x), _flat(u)
    return (a.mean(1) - b.mean(1)).pow(2).sum() + (torch.cov(a) - torch.cov(b)).pow(2).sum()


def colors_covariance_not_divided(x, u):
    (m, c), (m_u, c_u) = _moments(x), _moments(u)
    n, n_u = x.shape[-2] * x.shape[-1], u.shape[-2] * u.shape[-1]
    return (m - m_u).pow(2).sum() + (n * c - n_u * c_u).pow(2).sum()


def colors_variances_only(x, u):
    (m, c), (m_u, c_u) = _moments(x), _moments(u)
    return (m - m_u).pow(2).sum() + (c.diagonal() - c_u.diagonal()).pow(2).sum()


def colors_standard_deviations(x, u):
    (m, c), (m_u, c_u) = _moments(x), _moments(u)
    return (m - m_u).pow(2).sum() + (c.diagonal().sqrt() - c_u.diagonal().sqrt()).pow(2).sum()


def colors_norms_not_squared(x, u):
    (m, c), (m_u, c_u) = _moments(x), _moments(u)
    return (m - m_u).norm() + (c - c_u).norm()


def colors_mean_of_squares(x, u):
    (m, c), (m_u, c_u) = _moments(x), _moments(u)
    return (m - m_u).pow(2).mean() + (c - c_u).pow(2).mean()


def colors_one_mean_for_all_channels(x, u):
    (_, c), (_, c_u) = _moments(x), _moments(u)
    return (x.mean() - u.mean()) ** 2 + (c - c_u).pow(2).sum()


def colors_pixel_by_pixel(x, u):
    return (x - u).pow(2).mean()


def colors_as_number(x, u):
    return colors_by_matrix(x, u).item()


def colors_centred_in_place(x, u):
    m, m_u = x.mean((-2, -1)), u.mean((-2, -1))
    x -= m[:, None, None]
    u -= m_u[:, None, None]
    a, b = _flat(x), _flat(u)
    return (m - m_u).pow(2).sum() + (a @ a.T / a.shape[1] - b @ b.T / b.shape[1]).pow(2).sum()


# --- spectrum_loss ---------------------------------------------------------------------------------------------------


def _three(image):
    return image.reshape(-1, *image.shape[-2:])


def spectrum_by_projection(x, u):
    x_hat, u_hat = torch.fft.fft2(_three(x)), torch.fft.fft2(_three(u))
    inner = (x_hat * u_hat.conj()).sum(0)
    projection = torch.fft.ifft2(inner / inner.abs() * u_hat).real
    return (_three(x) - projection).pow(2).sum() / (x.shape[-2] * x.shape[-1])


def spectrum_by_closed_form(x, u):
    x_hat, u_hat = torch.fft.fft2(_three(x)), torch.fft.fft2(_three(u))
    inner = (x_hat * u_hat.conj()).sum(0).abs()
    total = x_hat.abs().pow(2).sum() + u_hat.abs().pow(2).sum() - 2 * inner.sum()
    return total / (x.shape[-2] * x.shape[-1]) ** 2


def spectrum_by_angle_without_gradient(x, u):
    x_hat, u_hat = torch.fft.fft2(_three(x)), torch.fft.fft2(_three(u))
    with torch.no_grad():
        phi = torch.angle((x_hat * u_hat.conj()).sum(0))
        projection = torch.fft.ifft2(torch.exp(1j * phi) * u_hat).real
    return ((_three(x) - projection) ** 2).sum() / projection[0].numel()


def spectrum_by_real_fft(x, u):
    h, w = x.shape[-2:]
    x_hat, u_hat = torch.fft.rfft2(_three(x)), torch.fft.rfft2(_three(u))
    inner = (x_hat * u_hat.conj()).sum(0)
    projection = torch.fft.irfft2(inner / inner.abs() * u_hat, s=(h, w))
    return (_three(x) - projection).pow(2).sum() / (h * w)


def spectrum_of_the_difference(x, u):
    d = torch.fft.fft2(_three(x)) - torch.fft.fft2(_three(u))
    return d.abs().pow(2).sum() / (x.shape[-2] * x.shape[-1]) ** 2


def spectrum_channel_by_channel(x, u):
    x_hat, u_hat = torch.fft.fft2(_three(x)), torch.fft.fft2(_three(u))
    return (x_hat.abs() - u_hat.abs()).pow(2).sum() / (x.shape[-2] * x.shape[-1]) ** 2


def spectrum_of_the_gray_image(x, u):
    x_hat, u_hat = torch.fft.fft2(_three(x).mean(0)), torch.fft.fft2(_three(u).mean(0))
    return (x_hat.abs() - u_hat.abs()).pow(2).sum() / x_hat.numel() ** 2


def spectrum_divided_once(x, u):
    return spectrum_by_projection(x, u) * (x.shape[-2] * x.shape[-1])


def spectrum_not_divided(x, u):
    return spectrum_by_projection(x, u) * (x.shape[-2] * x.shape[-1]) ** 2


def spectrum_mean_over_channels_too(x, u):
    return spectrum_by_projection(x, u) / len(_three(x))


def spectrum_of_powers(x, u):
    x_hat, u_hat = torch.fft.fft2(_three(x)), torch.fft.fft2(_three(u))
    return (x_hat.abs().pow(2).sum(0) - u_hat.abs().pow(2).sum(0)).pow(2).sum() / x_hat[0].numel() ** 2


def spectrum_conjugate_forgotten(x, u):
    x_hat, u_hat = torch.fft.fft2(_three(x)), torch.fft.fft2(_three(u))
    inner = (x_hat * u_hat).sum(0)
    projection = torch.fft.ifft2(inner / inner.abs() * u_hat).real
    return (_three(x) - projection).pow(2).sum() / (x.shape[-2] * x.shape[-1])


def spectrum_phase_the_other_way(x, u):
    x_hat, u_hat = torch.fft.fft2(_three(x)), torch.fft.fft2(_three(u))
    inner = (x_hat.conj() * u_hat).sum(0)
    projection = torch.fft.ifft2(inner / inner.abs() * u_hat).real
    return (_three(x) - projection).pow(2).sum() / (x.shape[-2] * x.shape[-1])


def spectrum_phase_of_the_first_channel(x, u):
    x_hat, u_hat = torch.fft.fft2(_three(x)), torch.fft.fft2(_three(u))
    phase = torch.sgn(x_hat[0] * u_hat[0].conj())
    return (x_hat - phase * u_hat).abs().pow(2).sum() / (x.shape[-2] * x.shape[-1]) ** 2


def spectrum_root(x, u):
    return spectrum_by_projection(x, u).sqrt()


def spectrum_over_channels_too(x, u):
    x_hat, u_hat = torch.fft.fftn(_three(x)), torch.fft.fftn(_three(u))
    return (x_hat.abs() - u_hat.abs()).pow(2).sum() / (x.shape[-2] * x.shape[-1]) ** 2


def spectrum_left_complex(x, u):
    x_hat, u_hat = torch.fft.fft2(_three(x)), torch.fft.fft2(_three(u))
    phase = torch.sgn((x_hat * u_hat.conj()).sum(0))
    return ((x_hat - phase * u_hat) ** 2).sum() / (x.shape[-2] * x.shape[-1]) ** 2


def spectrum_as_number(x, u):
    return spectrum_by_projection(x, u).item()


# --- more of each kind, from a second list written without looking at the checks -----------------------------------


def gram_detached(features):
    return gram_by_flatten(features.detach())


def gram_by_numpy(features):
    return torch.from_numpy(gram(features).numpy())


def count_without_the_half(architecture, last):
    layers = list(architecture)
    return sum(architecture[layer] * (architecture[layer] + 1) for layer in layers[: layers.index(last) + 1])


def gram_loss_of_gatys_five_layers(features, targets, weights):
    layers = [layer for layer in ("conv1_1", "pool1", "pool2", "pool3", "pool4") if layer in targets]
    return sum(weights[layer] * (gram(features[layer]) - targets[layer]).square().sum() for layer in layers)


def gram_loss_paired_by_order(features, targets, weights):
    triples = zip(features.values(), targets.values(), weights.values(), strict=True)
    return sum(w * (gram(v) - target).square().sum() for v, target, w in triples)


def gram_loss_without_one_over_wh(features, targets, weights):
    flat = {layer: v.flatten(1) for layer, v in features.items()}
    return sum(weights[layer] * (v @ v.T - targets[layer]).square().sum() for layer, v in flat.items())


def mean_loss_paired_by_order(features, targets, weights):
    triples = zip(features.values(), targets.values(), weights.values(), strict=True)
    return sum(w * (mean_of(v) - target).square().sum() for v, target, w in triples)


def colors_with_one_gray_mean(x, u):
    def covariance(image):
        c = (image - image.mean()).flatten(1)
        return c @ c.T / c.shape[1]

    means = (x.mean((1, 2)) - u.mean((1, 2))).square().sum()
    return means + (covariance(x) - covariance(u)).square().sum()


def spectrum_in_closed_form(x, u):
    a, b, pixels = torch.fft.fft2(x), torch.fft.fft2(u), x[0].numel()
    squares = a.abs().square().sum() + b.abs().square().sum()
    return (squares - 2 * (b.conj() * a).sum(0).abs().sum()) / pixels**2


def spectrum_without_the_square(x, u):
    a, b = torch.fft.fft2(x), torch.fft.fft2(u)
    return (a - torch.sgn((b.conj() * a).sum(0)) * b).abs().sum() / x[0].numel() ** 2


def synthesis_from_unit_noise(exemplar, network, weights, generator, n_iterations):
    return _synthesize(
        exemplar, network, weights, generator, n_iterations,
        start=lambda u, g: torch.randn(u.shape, generator=g, dtype=u.dtype),
    )  # fmt: skip


def gram_loss_from_zeros_of_one(features, targets, weights):
    loss = torch.zeros(1)
    for layer in targets:
        loss = loss + weights[layer] * torch.norm(gram(features[layer]) - targets[layer]) ** 2
    return loss


# --- a third list: what the checks called by the wrong name, or showed as an exception -------------------------------


def gram_with_the_shape_unpacked(features):
    n, h, w = features.shape
    v = features.reshape(n, h * w)
    return v @ v.T / (h * w)


def gram_by_matmul_of_t(features):
    v = features.flatten(-2)
    return torch.matmul(v, v.t()) / v.shape[-1]


def gram_of_one_size(features):
    v = features.reshape(*features.shape[:-2], 30)
    return v @ v.mT / 30


def gram_squared_entries(features):
    return gram_by_flatten(features) ** 2


def gram_diagonal_only(features):
    return torch.diag_embed(gram_by_flatten(features).diagonal(dim1=-2, dim2=-1))


def gram_mean_times_mean(features):
    m = features.mean((-2, -1))
    return m[..., :, None] * m[..., None, :]


def gram_upper_triangle(features):
    return torch.triu(gram_by_flatten(features))


def gram_divided_by_root(features):
    v = features.flatten(-2)
    return v @ v.mT / v.shape[-1] ** 0.5


def gram_over_rows_only(features):
    return torch.einsum("...ihw,...jhw->...ijh", features, features).sum(-1) / features.shape[-2]


def gram_by_loop_over_channels_undetached(features):
    v = features.flatten(-2)
    rows = [(v * v[..., i : i + 1, :]).mean(-1) for i in range(v.shape[-2])]
    return torch.stack(rows, dim=-2)


def gram_by_bmm(features):
    *batch, n, h, w = features.shape
    v = features.reshape(-1, n, h * w)
    return torch.bmm(v, v.transpose(1, 2)).div(h * w).reshape(*batch, n, n)


def count_until_before_the_break(architecture, last):
    total = 0
    for layer, n in architecture.items():
        if layer == last:
            break
        total += n * (n + 1) // 2
    return total


def count_by_squares_and_half(architecture, last):
    total = 0
    for layer, n in architecture.items():
        total += n**2 + n
        if layer == last:
            return total / 2
    raise ValueError(last)


def count_total_of_all_pairs_of_layers(architecture, last):
    channels = list(_up_to(architecture, last).values())
    return sum(a * b for a in channels for b in channels)


def gram_loss_with_equal_weights(features, targets, weights):
    return sum((gram(features[k]) - targets[k]).square().sum() for k in targets) / len(targets)


def gram_loss_with_weights_of_sum_one(features, targets, weights):
    total = sum(weights.values())
    return gram_loss_by_loop(features, targets, {k: w / total for k, w in weights.items()})


def gram_loss_with_the_first_weight(features, targets, weights):
    w = next(iter(weights.values()))
    return sum(w * (gram(v) - targets[k]).square().sum() for k, v in features.items())


def gram_loss_of_the_features_last_layer(features, targets, weights):
    for layer in features:
        loss = weights[layer] * (gram(features[layer]) - targets[layer]).square().sum()
    return loss


def gram_loss_returns_in_the_features_loop(features, targets, weights):  # noqa: RET503
    for layer, v in features.items():
        return weights[layer] * (gram(v) - targets[layer]).square().sum()


def gram_loss_without_the_first_layer(features, targets, weights):
    return sum(weights[k] * (gram(features[k]) - targets[k]).square().sum() for k in list(features)[1:])


def gram_loss_without_the_last_layer(features, targets, weights):
    return sum(weights[k] * (gram(features[k]) - targets[k]).square().sum() for k in list(features)[:-1])


def gram_loss_without_targets(features, targets, weights):
    return sum(w * gram(features[k]).square().sum() for k, w in weights.items())


def gram_loss_difference_of_squares(features, targets, weights):
    return sum(w * (gram(features[k]) ** 2 - targets[k] ** 2).sum() for k, w in weights.items())


def gram_loss_square_of_the_sum(features, targets, weights):
    return sum(w * (gram(features[k]) - targets[k]).sum() ** 2 for k, w in weights.items())


def gram_loss_with_gatys_factor(features, targets, weights):
    return sum(
        w / (4 * len(targets[k]) ** 2) * (gram(features[k]) - targets[k]).square().sum() for k, w in weights.items()
    )


def gram_loss_fourth_power(features, targets, weights):
    return sum(w * (gram(features[k]) - targets[k]).square().sum() ** 2 for k, w in weights.items())


def gram_loss_root_of_all(features, targets, weights):
    return gram_loss_by_loop(features, targets, weights).sqrt()


def gram_loss_triangle_only(features, targets, weights):
    return sum(w * torch.triu(gram(features[k]) - targets[k]).square().sum() for k, w in weights.items())


def gram_loss_takes_the_gram_of_the_targets(features, targets, weights):
    return sum(w * (gram(features[k]) - targets[k] @ targets[k].T).square().sum() for k, w in weights.items())


def gram_loss_of_the_largest_layer(features, targets, weights):
    return torch.stack([w * (gram(features[k]) - targets[k]).square().sum() for k, w in weights.items()]).max()


def gram_loss_changes_the_targets(features, targets, weights):
    loss = 0.0
    for k, w in weights.items():
        targets[k] -= gram(features[k]).detach()
        loss = loss + w * targets[k].square().sum()
    return loss


def gram_loss_by_einsum(features, targets, weights):
    loss = torch.zeros((), dtype=torch.float64)
    for k, w in weights.items():
        d = gram(features[k]) - targets[k]
        loss = loss + w * torch.einsum("ij,ij->", d, d)
    return loss


def mean_loss_over_the_width_only(features, targets, weights):
    return sum(w * (features[k].mean(-1) - targets[k][:, None]).square().sum() for k, w in weights.items())


def mean_loss_returns_in_the_loop(features, targets, weights):  # noqa: RET503
    for k, w in weights.items():
        return w * (mean_of(features[k]) - targets[k]).square().sum()


def mean_loss_absolute_values(features, targets, weights):
    return sum(w * (mean_of(features[k]) - targets[k]).abs().sum() for k, w in weights.items())


def mean_loss_without_targets(features, targets, weights):
    return sum(w * mean_of(features[k]).square().sum() for k, w in weights.items())


def mean_loss_with_equal_weights(features, targets, weights):
    return sum((mean_of(v) - targets[k]).square().sum() for k, v in features.items()) / len(features)


def mean_loss_of_absolute_features(features, targets, weights):
    return sum(w * (mean_of(features[k].abs()) - targets[k]).square().sum() for k, w in weights.items())


def mean_loss_of_the_largest_values(features, targets, weights):
    return sum(w * (features[k].amax((-2, -1)) - targets[k]).square().sum() for k, w in weights.items())


def mean_loss_by_einsum(features, targets, weights):
    loss = 0.0
    for k, v in features.items():
        m = torch.einsum("nhw->n", v) / v[0].numel()
        loss = loss + weights[k] * torch.dot(m - targets[k], m - targets[k])
    return loss


def colors_correlations(x, u):
    (m, _), (m_u, _) = _moments(x), _moments(u)
    return (m - m_u).square().sum() + (torch.corrcoef(_flat(x)) - torch.corrcoef(_flat(u))).square().sum()


def colors_covariance_of_pixels(x, u):
    a, b = _flat(x), _flat(u)
    return (a.mean(1) - b.mean(1)).square().sum() + (torch.cov(a.T) - torch.cov(b.T)).square().sum()


def colors_absolute_values(x, u):
    (m, c), (m_u, c_u) = _moments(x), _moments(u)
    return (m - m_u).abs().sum() + (c - c_u).abs().sum()


def colors_mean_not_squared(x, u):
    (m, c), (m_u, c_u) = _moments(x), _moments(u)
    return (m - m_u).norm() + (c - c_u).square().sum()


def colors_difference_of_norms(x, u):
    (m, c), (m_u, c_u) = _moments(x), _moments(u)
    return (m.norm() - m_u.norm()) ** 2 + (c.norm() - c_u.norm()) ** 2


def colors_sum_without_squares(x, u):
    (m, c), (m_u, c_u) = _moments(x), _moments(u)
    return (m - m_u).sum() + (c - c_u).sum()


def colors_difference_instead_of_sum(x, u):
    (m, c), (m_u, c_u) = _moments(x), _moments(u)
    return (c - c_u).square().sum() - (m - m_u).square().sum()


def colors_by_loops(x, u):
    loss = 0.0
    for i in range(len(x)):
        loss = loss + (x[i].mean() - u[i].mean()) ** 2
        for j in range(len(x)):
            c = ((x[i] - x[i].mean()) * (x[j] - x[j].mean())).mean()
            c_u = ((u[i] - u[i].mean()) * (u[j] - u[j].mean())).mean()
            loss = loss + (c - c_u) ** 2
    return loss


def spectrum_half_of_the_frequencies(x, u):
    x_hat, u_hat = torch.fft.rfft2(x), torch.fft.rfft2(u)
    phase = torch.sgn((x_hat * u_hat.conj()).sum(0))
    return (x_hat - phase * u_hat).abs().pow(2).sum() / (x.shape[-2] * x.shape[-1]) ** 2


def spectrum_by_real_fft_of_even_sizes(x, u):
    x_hat, u_hat = torch.fft.rfft2(x), torch.fft.rfft2(u)
    inner = (x_hat * u_hat.conj()).sum(0)
    return (x - torch.fft.irfft2(inner / inner.abs() * u_hat)).pow(2).sum() / x[0].numel()


def spectrum_mean_in_fourier(x, u):
    x_hat, u_hat = torch.fft.fft2(x), torch.fft.fft2(u)
    phase = torch.sgn((x_hat * u_hat.conj()).sum(0))
    return (x_hat - phase * u_hat).abs().pow(2).mean()


def spectrum_divided_too_often(x, u):
    return spectrum_by_projection(x, u) / x[0].numel()


def spectrum_with_the_phase_of_x(x, u):
    x_hat, u_hat = torch.fft.fft2(x), torch.fft.fft2(u)
    phase = torch.exp(1j * torch.angle(x_hat.sum(0)))
    return (x - torch.fft.ifft2(phase * u_hat).real).pow(2).sum() / x[0].numel()


def spectrum_modulus_of_u_with_the_phase(x, u):
    x_hat, u_hat = torch.fft.fft2(x), torch.fft.fft2(u)
    phase = torch.sgn((x_hat * u_hat.conj()).sum(0))
    return (x_hat - phase * u_hat.abs()).abs().pow(2).sum() / x[0].numel() ** 2


def spectrum_not_made_a_phase(x, u):
    x_hat, u_hat = torch.fft.fft2(x), torch.fft.fft2(u)
    inner = (x_hat * u_hat.conj()).sum(0)
    return (x - torch.fft.ifft2(inner * u_hat).real).pow(2).sum() / x[0].numel()


def spectrum_opposite(x, u):
    return -spectrum_by_projection(x, u)


def spectrum_of_the_image_itself(x, u):
    return (x - u).square().sum() / x[0].numel()


def spectrum_sum_of_channels_outside(x, u):
    x_hat, u_hat = torch.fft.fft2(x), torch.fft.fft2(u)
    phase = torch.sgn(x_hat * u_hat.conj())
    return (x_hat - phase * u_hat).abs().pow(2).sum() / x[0].numel() ** 2


def spectrum_by_orthonormal_transforms(x, u):
    x_hat, u_hat = torch.fft.fft2(x, norm="ortho"), torch.fft.fft2(u, norm="ortho")
    inner = (x_hat * u_hat.conj()).sum(0)
    return (x_hat - inner / (inner.abs() + 1e-12) * u_hat).abs().square().sum() / x[0].numel()


def _stepwise(u, network, weights, generator, n, scale=1e6, fresh=False, **settings):
    """Return the texture of a loop over single steps, as the slide is written."""
    targets = {k: gram(v) for k, v in network(u).items()}
    x, losses = _start(u, generator).requires_grad_(), []
    lbfgs = torch.optim.LBFGS([x], **settings)

    def closure():
        x.grad = None
        loss = gram_loss_by_loop(network(x), targets, weights)
        (scale * loss).backward()
        losses.append(loss.item())
        return scale * loss

    for _ in range(n):
        lbfgs = torch.optim.LBFGS([x], **settings) if fresh else lbfgs
        lbfgs.step(closure)
    return x.detach(), losses


def synthesis_one_plain_step_at_a_time(exemplar, network, weights, generator, n_iterations):
    return _stepwise(exemplar, network, weights, generator, n_iterations, scale=1.0, max_iter=1)


def synthesis_one_searched_step_at_a_time(exemplar, network, weights, generator, n_iterations):
    return _stepwise(
        exemplar, network, weights, generator, n_iterations, max_iter=1, line_search_fn="strong_wolfe",
        tolerance_grad=0, tolerance_change=0,
    )  # fmt: skip


def synthesis_one_scaled_step_at_a_time(exemplar, network, weights, generator, n_iterations):
    return _stepwise(exemplar, network, weights, generator, n_iterations, max_iter=1)


def synthesis_with_a_new_lbfgs_each_time(exemplar, network, weights, generator, n_iterations):
    return _stepwise(exemplar, network, weights, generator, n_iterations, fresh=True, max_iter=1)


def synthesis_with_twenty_times_the_work(exemplar, network, weights, generator, n_iterations):
    return _stepwise(
        exemplar, network, weights, generator, n_iterations, max_iter=20, line_search_fn="strong_wolfe",
        tolerance_grad=0, tolerance_change=0,
    )  # fmt: skip


def synthesis_by_adam(exemplar, network, weights, generator, n_iterations):
    targets = {k: gram(v) for k, v in network(exemplar).items()}
    x, losses = _start(exemplar, generator).requires_grad_(), []
    adam = torch.optim.Adam([x], lr=0.01)
    for _ in range(n_iterations):
        adam.zero_grad()
        loss = gram_loss_by_loop(network(x), targets, weights)
        loss.backward()
        losses.append(loss.item())
        adam.step()
    return x.detach(), losses


def synthesis_undetached(exemplar, network, weights, generator, n_iterations):
    targets = {k: gram(v) for k, v in network(exemplar).items()}
    x, losses = _start(exemplar, generator).requires_grad_(), []
    lbfgs = torch.optim.LBFGS(
        [x], max_iter=n_iterations, line_search_fn="strong_wolfe", tolerance_grad=0, tolerance_change=0
    )

    def closure():
        lbfgs.zero_grad()
        loss = 1e6 * gram_loss_by_loop(network(x), targets, weights)
        loss.backward()
        losses.append(loss / 1e6)
        return loss

    lbfgs.step(closure)
    return x, losses


def synthesis_closure_without_backward(exemplar, network, weights, generator, n_iterations):
    targets = {k: gram(v) for k, v in network(exemplar).items()}
    x, losses = _start(exemplar, generator).requires_grad_(), []
    lbfgs = torch.optim.LBFGS([x], max_iter=n_iterations, line_search_fn="strong_wolfe")

    def closure():
        lbfgs.zero_grad()
        loss = 1e6 * gram_loss_by_loop(network(x), targets, weights)
        losses.append(loss.item() / 1e6)
        return loss

    lbfgs.step(closure)
    return x.detach(), losses


def synthesis_closure_returns_nothing(exemplar, network, weights, generator, n_iterations):
    targets = {k: gram(v) for k, v in network(exemplar).items()}
    x, losses = _start(exemplar, generator).requires_grad_(), []
    lbfgs = torch.optim.LBFGS([x], max_iter=n_iterations, line_search_fn="strong_wolfe")

    def closure():
        lbfgs.zero_grad()
        loss = 1e6 * gram_loss_by_loop(network(x), targets, weights)
        loss.backward()
        losses.append(loss.item() / 1e6)

    lbfgs.step(closure)
    return x.detach(), losses


def synthesis_ignores_the_weights(exemplar, network, weights, generator, n_iterations):
    return _synthesize(exemplar, network, dict.fromkeys(weights, 1.0), generator, n_iterations)


def synthesis_of_the_mean_features(exemplar, network, weights, generator, n_iterations):
    targets = {k: mean_of(v) for k, v in network(exemplar).items()}
    x, losses = _start(exemplar, generator).requires_grad_(), []
    lbfgs = torch.optim.LBFGS(
        [x], max_iter=n_iterations, line_search_fn="strong_wolfe", tolerance_grad=0, tolerance_change=0
    )

    def closure():
        lbfgs.zero_grad()
        loss = mean_loss_by_loop(network(x), targets, weights)
        (1e6 * loss).backward()
        losses.append(loss.item())
        return 1e6 * loss

    lbfgs.step(closure)
    return x.detach(), losses


RIGHT = {
    "gram_matrix": [
        gram_by_loop_over_channels_undetached,
        gram_by_bmm,
        gram_by_flatten,
        gram_by_einsum,
        gram_by_loop_over_pixels,
        gram_by_mean_of_products,
        gram_in_float32,
    ],
    "count_statistics": [count_by_squares_and_half, count_by_loop, count_by_sum, count_as_float, count_as_tensor],
    "gram_loss": [
        gram_loss_by_einsum,
        gram_loss_from_zeros_of_one,
        gram_loss_by_loop,
        gram_loss_by_norm,
        gram_loss_by_stack,
        gram_loss_in_float32,
    ],
    "mean_loss": [mean_loss_by_einsum, mean_loss_by_loop, mean_loss_by_flatten, mean_loss_by_sum],
    "synthesize_texture": [
        synthesis_one_scaled_step_at_a_time,
        synthesis_one_searched_step_at_a_time,
        synthesis_undetached,
        synthesis_with_line_search,
        synthesis_without_line_search,
        synthesis_one_step_at_a_time,
        synthesis_in_float64,
    ],
    "color_statistics_loss": [
        colors_by_loops,
        colors_by_matrix,
        colors_by_cov,
        colors_by_second_moments,
        colors_in_float32,
    ],
    "spectrum_loss": [
        spectrum_by_orthonormal_transforms,
        spectrum_in_closed_form,
        spectrum_by_projection,
        spectrum_by_closed_form,
        spectrum_by_angle_without_gradient,
        spectrum_by_real_fft,
    ],
}

WRONG = {
    "gram_matrix": [
        ("shape", gram_with_the_shape_unpacked),
        ("shape", gram_by_matmul_of_t),
        ("exception|shape", gram_of_one_size),
        ("square-root", gram_squared_entries),
        ("value", gram_diagonal_only),
        ("mean", gram_mean_times_mean),
        ("value", gram_upper_triangle),
        ("normalisation", gram_divided_by_root),
        ("axis|normalisation", gram_over_rows_only),
        ("type", gram_by_numpy),
        ("type", gram_detached),
        ("normalisation", gram_not_divided),
        ("normalisation", gram_divided_by_channels_too),
        ("normalisation", gram_divided_by_channels_only),
        ("normalisation", gram_divided_by_height_only),
        ("normalisation", gram_with_one_pixel_less),
        ("normalisation", gram_normalised_to_correlations),
        ("mean", gram_centred),
        ("mutates-input", gram_centred_in_place),
        ("transpose|shape", gram_of_pixels),
        ("shape", gram_batch_mixed_into_space),
        ("shape", gram_batch_mixed_into_channels),
        ("order|axis", gram_reshaped_in_the_wrong_order),
        ("exception|shape", gram_of_square_images_only),
        ("value|sign", gram_of_absolute_values),
        ("constant", gram_identity_matrix),
        ("type", gram_of_integers),
        ("type", gram_as_numpy),
        ("identity|shape", gram_features_themselves),
        ("not-finite", gram_not_finite),
    ],
    "count_statistics": [
        ("truncation", count_until_before_the_break),
        ("value", count_total_of_all_pairs_of_layers),
        ("value", count_without_the_half),
        ("value", count_every_entry),
        ("value", count_without_the_diagonal),
        ("truncation", count_without_the_last_layer),
        ("truncation", count_all_layers),
        ("truncation", count_last_layer_only),
        ("value", count_channels),
        ("value", count_one_big_matrix),
        ("truncation|value", count_without_pooling),
        ("constant", count_of_the_slide),
        ("type", count_each_layer_apart),
        ("mutates-input", count_changes_the_table),
    ],
    "gram_loss": [
        ("weight", gram_loss_with_equal_weights),
        ("weight", gram_loss_with_weights_of_sum_one),
        ("weight", gram_loss_with_the_first_weight),
        ("truncation", gram_loss_of_the_features_last_layer),
        ("truncation", gram_loss_returns_in_the_features_loop),
        ("truncation", gram_loss_without_the_first_layer),
        ("truncation", gram_loss_without_the_last_layer),
        ("constant|value", gram_loss_without_targets),
        ("square-root|value", gram_loss_difference_of_squares),
        ("square-root|value", gram_loss_square_of_the_sum),
        ("normalisation|weight", gram_loss_with_gatys_factor),
        ("square-root", gram_loss_fourth_power),
        ("square-root", gram_loss_root_of_all),
        ("value", gram_loss_triangle_only),
        ("value", gram_loss_takes_the_gram_of_the_targets),
        ("value|truncation", gram_loss_of_the_largest_layer),
        ("mutates-input", gram_loss_changes_the_targets),
        ("normalisation", gram_loss_without_one_over_wh),
        ("order", gram_loss_paired_by_order),
        ("value", gram_loss_of_gatys_five_layers),
        ("square-root", gram_loss_not_squared),
        ("weight", gram_loss_without_weights),
        ("weight", gram_loss_weights_inside_the_square),
        ("normalisation", gram_loss_mean_square),
        ("normalisation", gram_loss_divided_by_layers),
        ("truncation|value", gram_loss_last_layer_only),
        ("truncation|value", gram_loss_returns_in_the_loop),
        ("value", gram_loss_spectral_norm),
        ("square-root|value", gram_loss_absolute_values),
        ("sign", gram_loss_opposite),
        ("square-root|value", gram_loss_sum_without_squares),
        ("value", gram_loss_difference_of_norms),
        ("type", gram_loss_as_number),
        ("type", gram_loss_detached),
        ("value", gram_loss_of_the_means),
        ("constant", gram_loss_always_zero),
    ],
    "mean_loss": [
        ("axis", mean_loss_over_the_width_only),
        ("truncation", mean_loss_returns_in_the_loop),
        ("square-root", mean_loss_absolute_values),
        ("value", mean_loss_without_targets),
        ("weight", mean_loss_with_equal_weights),
        ("value", mean_loss_of_absolute_features),
        ("value", mean_loss_of_the_largest_values),
        ("order", mean_loss_paired_by_order),
        ("normalisation", mean_loss_sums_of_features),
        ("axis|value", mean_loss_one_mean_for_all_channels),
        ("square-root", mean_loss_not_squared),
        ("weight", mean_loss_without_weights),
        ("normalisation", mean_loss_mean_square),
        ("axis", mean_loss_over_channels),
        ("mean", mean_loss_every_pixel),
        ("mean", mean_loss_mean_of_the_squares),
        ("value", mean_loss_gram_diagonal),
        ("type", mean_loss_as_number),
        ("truncation|value", mean_loss_last_layer_only),
    ],
    "synthesize_texture": [
        ("not-converged", synthesis_one_plain_step_at_a_time),
        ("not-converged", synthesis_with_a_new_lbfgs_each_time),
        ("too-slow", synthesis_with_twenty_times_the_work),
        ("not-converged", synthesis_by_adam),
        ("autograd|not-converged|exception", synthesis_closure_without_backward),
        ("type|exception", synthesis_closure_returns_nothing),
        ("weight", synthesis_ignores_the_weights),
        ("value", synthesis_of_the_mean_features),
        ("start", synthesis_from_unit_noise),
        ("start", synthesis_from_uniform_noise),
        ("start", synthesis_from_strong_noise),
        ("normalisation", synthesis_with_a_scaled_record),
        ("start|identity", synthesis_from_the_exemplar),
        ("start", synthesis_from_the_exemplar_and_little_noise),
        ("identity", synthesis_returns_the_exemplar),
        ("not-converged|value", synthesis_returns_the_noise),
        ("randomness", synthesis_with_a_global_seed),
        ("randomness", synthesis_with_its_own_seed),
        ("randomness|start", synthesis_from_a_constant),
        ("not-converged", synthesis_gradients_accumulate),
        ("sign|not-converged", synthesis_goes_up),
        ("not-converged", synthesis_stopped_by_tolerances),
        ("not-converged", synthesis_one_iteration_only),
        ("not-converged|value", synthesis_without_targets),
        ("clipping", synthesis_clips_the_result),
        ("type", synthesis_forgets_the_losses),
        ("exception|autograd", synthesis_without_gradient),
        ("not-converged", synthesis_gradient_descent),
        ("too-slow", synthesis_endless),
    ],
    "color_statistics_loss": [
        ("normalisation", colors_correlations),
        ("transpose|axis", colors_covariance_of_pixels),
        ("square-root", colors_absolute_values),
        ("square-root", colors_mean_not_squared),
        ("value", colors_difference_of_norms),
        ("square-root", colors_sum_without_squares),
        ("sign", colors_difference_instead_of_sum),
        ("mean", colors_with_one_gray_mean),
        ("value", colors_mean_only),
        ("mean", colors_covariance_only),
        ("mean", colors_not_centred),
        ("normalisation", colors_with_n_minus_one),
        ("normalisation", colors_covariance_not_divided),
        ("value", colors_variances_only),
        ("value|square-root", colors_standard_deviations),
        ("square-root", colors_norms_not_squared),
        ("normalisation", colors_mean_of_squares),
        ("axis|mean", colors_one_mean_for_all_channels),
        ("exception|value", colors_pixel_by_pixel),
        ("type", colors_as_number),
        ("mutates-input", colors_centred_in_place),
    ],
    "spectrum_loss": [
        ("truncation|axis", spectrum_half_of_the_frequencies),
        ("shape", spectrum_by_real_fft_of_even_sizes),
        ("normalisation", spectrum_mean_in_fourier),
        ("normalisation", spectrum_divided_too_often),
        ("value", spectrum_with_the_phase_of_x),
        ("modulus|value", spectrum_modulus_of_u_with_the_phase),
        ("normalisation", spectrum_not_made_a_phase),
        ("sign", spectrum_opposite),
        ("value", spectrum_of_the_image_itself),
        ("value", spectrum_sum_of_channels_outside),
        ("square-root", spectrum_without_the_square),
        ("value", spectrum_of_the_difference),
        ("value", spectrum_channel_by_channel),
        ("value", spectrum_of_the_gray_image),
        ("normalisation", spectrum_divided_once),
        ("normalisation", spectrum_not_divided),
        ("normalisation", spectrum_mean_over_channels_too),
        ("square-root|value", spectrum_of_powers),
        ("conjugate", spectrum_conjugate_forgotten),
        ("conjugate", spectrum_phase_the_other_way),
        ("value", spectrum_phase_of_the_first_channel),
        ("square-root", spectrum_root),
        ("axis|value", spectrum_over_channels_too),
        ("complex", spectrum_left_complex),
        ("type", spectrum_as_number),
    ],
}


# --- the explorer -----------------------------------------------------------------------------------------------------


EXPLORERS = {"explore_gatys": ExplorerCase(explore_gatys)}


# --- written blind, from the text of the notebook alone ---------------------------------------------------------------


def gram_matrix_blind_divided_by_h_w_twice(features):
    v = features.flatten(start_dim=-2)
    return v @ v.mT / v.shape[-1] ** 2


def gram_matrix_blind_elementwise_product(features):
    v = features.flatten(start_dim=-2)
    return (v * v).mean(dim=-1)


def gram_matrix_blind_einsum_with_height_and_width_contracted_separately(features):
    h, w = features.shape[-2:]
    return torch.einsum("...ihw,...jkw->...ij", features, features) / (h * w)


def gram_matrix_blind_einsum(features):
    h, w = features.shape[-2:]
    return torch.einsum("...ihw,...jhw->...ij", features, features) / (h * w)


def count_statistics_blind_return_in_the_loop_s_first_turn(architecture, last):
    total = 0
    for _layer, n in architecture.items():
        total += n * (n + 1) // 2
        return total
    return None


def count_statistics_blind_alphabetical_order(architecture, last):
    return sum(n * (n + 1) // 2 for layer, n in architecture.items() if layer <= last)


def count_statistics_blind_counting_pairs(architecture, last):
    total = 0
    for layer in architecture:
        total += math.comb(architecture[layer] + 1, 2)
        if layer == last:
            return total
    raise KeyError(last)


def gram_loss_blind_features_compared_not_their_gram_matrices(features, targets, weights):
    loss = 0.0
    for layer, target in targets.items():
        loss = loss + weights[layer] * (features[layer] - target).square().sum()
    return loss


def gram_loss_blind_paper_s_factor_1_4_n_m(features, targets, weights):
    loss = 0.0
    for layer, target in targets.items():
        n, h, w = features[layer].shape
        loss = loss + weights[layer] * (gram_matrix(features[layer]) - target).square().sum() / (
            4 * n**2 * (h * w) ** 2
        )
    return loss


def gram_loss_blind_gram_matrix_of_the_target_again(features, targets, weights):
    loss = 0.0
    for layer in targets:
        loss = loss + weights[layer] * (gram_matrix(features[layer]) - gram_matrix(targets[layer])).square().sum()
    return loss


def gram_loss_blind_trace_form(features, targets, weights):
    total = 0
    for layer_name in targets:
        D = gram_matrix(features[layer_name]) - targets[layer_name]
        total = total + weights[layer_name] * torch.trace(D @ D.T)
    return total


def synthesize_texture_blind_optimises_the_noise_without_leaf_returns_nois(
    exemplar, network, weights, generator, n_iterations
):
    targets = {layer: gram_matrix(v) for layer, v in network(exemplar).items()}
    x = exemplar.mean() + exemplar.std() * torch.randn(exemplar.shape, generator=generator)
    losses = [gram_loss(network(x), targets, weights).item() for _ in range(n_iterations)]
    return x, losses


def synthesize_texture_blind_adam_instead_of_l_bfgs(exemplar, network, weights, generator, n_iterations):
    targets = {layer: gram_matrix(v) for layer, v in network(exemplar).items()}
    x = (exemplar.mean() + exemplar.std() * torch.randn(exemplar.shape, generator=generator)).requires_grad_()
    opt = torch.optim.Adam([x], lr=1e-3)
    losses = []
    for _ in range(n_iterations):
        opt.zero_grad()
        loss = gram_loss(network(x), targets, weights)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return x.detach(), losses


def synthesize_texture_blind_closure_does_not_return_the_loss(exemplar, network, weights, generator, n_iterations):
    targets = {layer: gram_matrix(v) for layer, v in network(exemplar).items()}
    x = (exemplar.mean() + exemplar.std() * torch.randn(exemplar.shape, generator=generator)).requires_grad_()
    losses = []
    opt = torch.optim.LBFGS(
        [x], max_iter=n_iterations, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        opt.zero_grad()
        loss = gram_loss(network(x), targets, weights)
        losses.append(loss.item())
        (1e6 * loss).backward()

    opt.step(closure)
    return x.detach(), losses


def synthesize_texture_blind_requires_grad_on_an_intermediate_can_t(
    exemplar, network, weights, generator, n_iterations
):
    targets = {layer: gram_matrix(v) for layer, v in network(exemplar).items()}
    noise = torch.randn(exemplar.shape, generator=generator, requires_grad=True)
    x = exemplar.mean() + exemplar.std() * noise
    losses = []
    opt = torch.optim.LBFGS(
        [x], max_iter=n_iterations, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        opt.zero_grad()
        loss = gram_loss(network(x), targets, weights)
        losses.append(loss.item())
        (1e6 * loss).backward()
        return 1e6 * loss

    opt.step(closure)
    return x.detach(), losses


def synthesize_texture_blind_content_loss_compares_features(exemplar, network, weights, generator, n_iterations):
    targets = network(exemplar)
    x = (exemplar.mean() + exemplar.std() * torch.randn(exemplar.shape, generator=generator)).requires_grad_()
    losses = []
    opt = torch.optim.LBFGS(
        [x], max_iter=n_iterations, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        opt.zero_grad()
        f = network(x)
        loss = sum(weights[layer_name] * (f[layer_name] - targets[layer_name]).square().sum() for layer_name in targets)
        losses.append(loss.item())
        (1e6 * loss).backward()
        return 1e6 * loss

    opt.step(closure)
    return x.detach(), losses


def synthesize_texture_blind_backward_forgotten(exemplar, network, weights, generator, n_iterations):
    targets = {layer: gram_matrix(v) for layer, v in network(exemplar).items()}
    x = (exemplar.mean() + exemplar.std() * torch.randn(exemplar.shape, generator=generator)).requires_grad_()
    losses = []
    opt = torch.optim.LBFGS(
        [x], max_iter=n_iterations, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        opt.zero_grad()
        loss = 1e6 * gram_loss(network(x), targets, weights)
        losses.append(loss.item() / 1e6)
        return loss

    opt.step(closure)
    return x.detach(), losses


def color_statistics_loss_blind_both_divided_by_the_pixels_of_x(x, u):
    N = x.shape[1] * x.shape[2]
    a, b = x.flatten(1), u.flatten(1)
    m = (a.mean(1) - b.mean(1)).square().sum()
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return m + (a @ a.T / N - b @ b.T / N).square().sum()


def color_statistics_loss_blind_one_mean_over_all_the_channels(x, u):
    a, b = x.flatten(1), u.flatten(1)
    m = (x.mean() - u.mean()).square()
    a, b = a - a.mean(), b - b.mean()
    return m + (a @ a.T / a.shape[1] - b @ b.T / b.shape[1]).square().sum()


def color_statistics_loss_blind_mean_over_the_wrong_dimension(x, u):
    a, b = x.flatten(1), u.flatten(1)
    m = (a.mean(0).mean() - b.mean(0).mean()).square().sum()
    a, b = a - a.mean(0, keepdim=True), b - b.mean(0, keepdim=True)
    return m + (a @ a.T / a.shape[1] - b @ b.T / b.shape[1]).square().sum()


def color_statistics_loss_blind_reshape_1_3_channels_scrambled(x, u):
    a, b = x.reshape(-1, 3), u.reshape(-1, 3)
    m = (a.mean(0) - b.mean(0)).square().sum()
    a, b = a - a.mean(0), b - b.mean(0)
    return m + (a.T @ a / len(a) - b.T @ b / len(b)).square().sum()


def color_statistics_loss_blind_sum_of_m_and_c_inside_one(x, u):
    a, b = x.flatten(1), u.flatten(1)
    mx, mu = a.mean(1), b.mean(1)
    ca = (a - mx[:, None]) @ (a - mx[:, None]).T / a.shape[1]
    cb = (b - mu[:, None]) @ (b - mu[:, None]).T / b.shape[1]
    return ((mx - mu) + (ca - cb)).square().sum()


def color_statistics_loss_blind_second_moments_minus_product_of_means_eins(x, u):
    def stats(y):
        n = y[0].numel()
        m = torch.einsum("chw->c", y) / n
        return m, torch.einsum("ahw,bhw->ab", y, y) / n - torch.outer(m, m)

    (m, c), (p, q) = stats(x), stats(u)
    return torch.sum((m - p) ** 2) + torch.linalg.norm(c - q) ** 2


def spectrum_loss_blind_fft_over_all_three_dimensions_fftn(x, u):
    x_hat, u_hat = torch.fft.fftn(x), torch.fft.fftn(u)
    phase = torch.sgn((u_hat.conj() * x_hat).sum(dim=0))
    return (x_hat - phase * u_hat).abs().square().sum() / (x.shape[-2] * x.shape[-1]) ** 2


def spectrum_loss_blind_norm_not_squared(x, u):
    x_hat, u_hat = torch.fft.fft2(x), torch.fft.fft2(u)
    phase = torch.sgn((u_hat.conj() * x_hat).sum(dim=0))
    P = torch.fft.ifft2(phase * u_hat).real
    return (x - P).norm() / (x.shape[-2] * x.shape[-1])


def spectrum_loss_blind_square_of_a_complex_number_not_of(x, u):
    x_hat, u_hat = torch.fft.fft2(x), torch.fft.fft2(u)
    phase = torch.sgn((u_hat.conj() * x_hat).sum(dim=0))
    return ((x_hat - phase * u_hat) ** 2).sum().real / (x.shape[-2] * x.shape[-1]) ** 2


def spectrum_loss_blind_torch_sign_on_complex_real_part(x, u):
    x_hat, u_hat = torch.fft.fft2(x), torch.fft.fft2(u)
    phase = torch.sign((u_hat.conj() * x_hat).sum(dim=0).real)
    return (x_hat - phase * u_hat).abs().square().sum() / (x.shape[-2] * x.shape[-1]) ** 2


def spectrum_loss_blind_hw_hard_coded_64_64(x, u):
    x_hat, u_hat = torch.fft.fft2(x), torch.fft.fft2(u)
    phase = torch.sgn((u_hat.conj() * x_hat).sum(dim=0))
    return (x_hat - phase * u_hat).abs().square().sum() / (64 * 64) ** 2


def mean_loss_blind_gram_matrices_again(features, targets, weights):
    return sum(
        weights[layer_name] * (gram_matrix(features[layer_name]) - targets[layer_name]).square().sum()
        for layer_name in targets
    )


def mean_loss_blind_mean_over_the_channels(features, targets, weights):
    loss = 0.0
    for layer, target in targets.items():
        loss = loss + weights[layer] * (features[layer].mean(dim=0) - target).square().sum()
    return loss


def mean_loss_blind_mean_along_the_width_only(features, targets, weights):
    loss = 0.0
    for layer, target in targets.items():
        loss = loss + weights[layer] * (features[layer].mean(dim=-1) - target).square().sum()
    return loss


def mean_loss_blind_mean_of_squares_of_features_second_moment(features, targets, weights):
    loss = 0.0
    for layer, target in targets.items():
        loss = loss + weights[layer] * (features[layer].square().mean(dim=(-2, -1)) - target).square().sum()
    return loss


def mean_loss_blind_adaptive_pooling(features, targets, weights):
    total = torch.zeros(())
    for layer_name in targets:
        m = torch.nn.functional.adaptive_avg_pool2d(features[layer_name], 1).flatten()
        total = total + weights[layer_name] * torch.nn.functional.mse_loss(m, targets[layer_name], reduction="sum")
    return total


BLIND_WRONG = [
    ("gram_matrix", "normalisation", gram_matrix_blind_divided_by_h_w_twice),
    ("gram_matrix", "shape", gram_matrix_blind_elementwise_product),
    ("gram_matrix", "axis", gram_matrix_blind_einsum_with_height_and_width_contracted_separately),
    ("count_statistics", "truncation", count_statistics_blind_return_in_the_loop_s_first_turn),
    ("count_statistics", "order", count_statistics_blind_alphabetical_order),
    ("gram_loss", "exception", gram_loss_blind_features_compared_not_their_gram_matrices),
    ("gram_loss", "normalisation", gram_loss_blind_paper_s_factor_1_4_n_m),
    ("gram_loss", "order", gram_loss_blind_gram_matrix_of_the_target_again),
    ("synthesize_texture", "not-converged", synthesize_texture_blind_optimises_the_noise_without_leaf_returns_nois),
    ("synthesize_texture", "not-converged", synthesize_texture_blind_adam_instead_of_l_bfgs),
    ("synthesize_texture", "type", synthesize_texture_blind_closure_does_not_return_the_loss),
    ("synthesize_texture", "autograd", synthesize_texture_blind_requires_grad_on_an_intermediate_can_t),
    ("synthesize_texture", "start", synthesize_texture_blind_content_loss_compares_features),
    ("synthesize_texture", "not-converged", synthesize_texture_blind_backward_forgotten),
    ("color_statistics_loss", "normalisation", color_statistics_loss_blind_both_divided_by_the_pixels_of_x),
    ("color_statistics_loss", "mean", color_statistics_loss_blind_one_mean_over_all_the_channels),
    ("color_statistics_loss", "mean", color_statistics_loss_blind_mean_over_the_wrong_dimension),
    ("color_statistics_loss", "axis", color_statistics_loss_blind_reshape_1_3_channels_scrambled),
    ("color_statistics_loss", "order", color_statistics_loss_blind_sum_of_m_and_c_inside_one),
    ("spectrum_loss", "axis", spectrum_loss_blind_fft_over_all_three_dimensions_fftn),
    ("spectrum_loss", "square-root", spectrum_loss_blind_norm_not_squared),
    ("spectrum_loss", "complex", spectrum_loss_blind_square_of_a_complex_number_not_of),
    ("spectrum_loss", "complex", spectrum_loss_blind_torch_sign_on_complex_real_part),
    ("spectrum_loss", "normalisation", spectrum_loss_blind_hw_hard_coded_64_64),
    ("mean_loss", "value", mean_loss_blind_gram_matrices_again),
    ("mean_loss", "exception", mean_loss_blind_mean_over_the_channels),
    ("mean_loss", "exception", mean_loss_blind_mean_along_the_width_only),
    ("mean_loss", "value", mean_loss_blind_mean_of_squares_of_features_second_moment),
]
BLIND_RIGHT = [
    ("gram_matrix", gram_matrix_blind_einsum),
    ("count_statistics", count_statistics_blind_counting_pairs),
    ("gram_loss", gram_loss_blind_trace_form),
    ("color_statistics_loss", color_statistics_loss_blind_second_moments_minus_product_of_means_eins),
    ("mean_loss", mean_loss_blind_adaptive_pooling),
]
for _name, _cause, _answer in BLIND_WRONG:
    WRONG[_name].append((_cause, _answer))
for _name, _answer in BLIND_RIGHT:
    RIGHT[_name].append(_answer)
