"""Answers to the exercises of notebook 11: right ones in several styles, and the wrong ones that students write."""

import torch

from course_utils import style as course
from course_utils.explorers.style_transfer import explore_transfer
from course_utils.images import to_gray
from course_utils.optim import minimize_image
from course_utils.textures import gram_matrix
from tests.explorer_case import ExplorerCase

LAYER, NOISE = course.CONTENT_LAYER, course.START_NOISE

# --- content_loss -----------------------------------------------------------------------------------------------------


def content_by_squares(features, targets):
    return 0.5 * ((features - targets) ** 2).sum()


def content_by_norm(features, targets):
    return torch.linalg.vector_norm(features - targets) ** 2 / 2


def content_by_mse_sum(features, targets):
    return torch.nn.functional.mse_loss(features, targets, reduction="sum") / 2


def content_by_loop(features, targets):
    loss = torch.zeros(1, dtype=features.dtype)
    for f, p in zip(features, targets, strict=True):
        loss = loss + (f - p).square().sum()
    return loss / 2


def content_in_float32(features, targets):
    return 0.5 * (features.float() - targets.float()).square().sum()


def content_without_half(features, targets):
    return (features - targets).square().sum()


def content_by_mse(features, targets):
    return torch.nn.functional.mse_loss(features, targets)


def content_half_mean(features, targets):
    return 0.5 * (features - targets).square().mean()


def content_norm_not_squared(features, targets):
    return 0.5 * (features - targets).norm()


def content_absolute(features, targets):
    return 0.5 * (features - targets).abs().sum()


def content_not_squared(features, targets):
    return 0.5 * (features - targets).sum()


def content_square_of_the_sum(features, targets):
    return 0.5 * (features - targets).sum() ** 2


def content_of_gram_matrices(features, targets):
    return 0.5 * (gram_matrix(features) - gram_matrix(targets)).square().sum()


def content_of_means(features, targets):
    return 0.5 * (features.mean((1, 2)) - targets.mean((1, 2))).square().sum()


def content_relative(features, targets):
    return 0.5 * (features - targets).square().sum() / targets.square().sum()


def content_difference_of_squares(features, targets):
    return 0.5 * (features**2 - targets**2).sum()


def content_as_number(features, targets):
    return 0.5 * (features - targets).square().sum().item()


def content_detached(features, targets):
    return 0.5 * (features.detach() - targets).square().sum()


def content_not_summed(features, targets):
    return 0.5 * (features - targets) ** 2


def content_in_place(features, targets):
    targets -= features
    return 0.5 * targets.square().sum()


def content_without_targets(features, targets):
    return 0.5 * features.square().sum()


# --- style_loss -------------------------------------------------------------------------------------------------------


def style_by_loop(features, targets):
    loss = 0.0
    for layer in targets:
        d = gram_matrix(features[layer]) - targets[layer]
        loss = loss + (d**2).sum() / (targets[layer] ** 2).sum()
    return loss / len(targets)


def style_by_stack(features, targets):
    terms = [(gram_matrix(features[k]) - a).norm() ** 2 / a.norm() ** 2 for k, a in targets.items()]
    return torch.stack(terms).mean()


def style_by_einsum(features, targets):
    loss = 0
    for layer, a in targets.items():
        f = features[layer]
        g = torch.einsum("ihw,jhw->ij", f, f) / (f.shape[1] * f.shape[2])
        loss += torch.sum(torch.square(g - a)) / torch.sum(torch.square(a)) / len(targets)
    return loss


def style_in_float32(features, targets):
    return style_by_loop({k: v.float() for k, v in features.items()}, {k: v.float() for k, v in targets.items()})


def style_summed(features, targets):
    return len(targets) * style_by_loop(features, targets)


def style_over_features(features, targets):
    loss = 0.0
    for layer in features:
        d = gram_matrix(features[layer]) - targets[layer]
        loss = loss + d.square().sum() / targets[layer].square().sum()
    return loss / len(targets)


def style_divided_by_the_features(features, targets):
    return style_summed(features, targets) / len(features)


def style_of_the_paper(features, targets):
    terms = [(gram_matrix(features[k]) - a).square().sum() / (4 * len(a) ** 2) for k, a in targets.items()]
    return torch.stack(terms).mean()


def style_not_relative(features, targets):
    return torch.stack([(gram_matrix(features[k]) - a).square().sum() for k, a in targets.items()]).mean()


def style_mean_squares(features, targets):
    return torch.stack([(gram_matrix(features[k]) - a).square().mean() for k, a in targets.items()]).mean()


def style_norms_not_squared(features, targets):
    return torch.stack([(gram_matrix(features[k]) - a).norm() / a.norm() for k, a in targets.items()]).mean()


def style_denominator_not_squared(features, targets):
    return torch.stack([(gram_matrix(features[k]) - a).square().sum() / a.norm() for k, a in targets.items()]).mean()


def style_one_denominator(features, targets):
    errors = sum((gram_matrix(features[k]) - a).square().sum() for k, a in targets.items())
    return errors / sum(a.square().sum() for a in targets.values())


def style_relative_to_x(features, targets):
    grams = {k: gram_matrix(features[k]) for k in targets}
    return torch.stack([(grams[k] - a).square().sum() / grams[k].square().sum() for k, a in targets.items()]).mean()


def style_gram_not_divided(features, targets):
    terms = []
    for k, a in targets.items():
        v = features[k].flatten(1)
        terms.append((v @ v.T - a).square().sum() / a.square().sum())
    return torch.stack(terms).mean()


def style_last_layer_only(features, targets):
    for k, a in targets.items():
        loss = (gram_matrix(features[k]) - a).square().sum() / a.square().sum()
    return loss / len(targets)


def style_returns_in_the_loop(features, targets):
    loss = 0.0
    for k, a in targets.items():
        loss = loss + (gram_matrix(features[k]) - a).square().sum() / a.square().sum()
        break  # as a return in the loop
    return loss / len(targets)


def style_as_number(features, targets):
    return style_by_loop(features, targets).item()


def style_mean_in_the_numerator(features, targets):
    return torch.stack(
        [(gram_matrix(features[k]) - a).square().mean() / a.square().sum() for k, a in targets.items()]
    ).mean()


# --- style_transfer ---------------------------------------------------------------------------------------------------


def _parts(content, style, network):
    p = network(content)[LAYER]
    return p, {k: gram_matrix(v) for k, v in network(style).items() if k != LAYER}


def _noise(content, generator):
    return torch.randn(content.shape, generator=generator, dtype=content.dtype)


def _descend(content, style, network, n, start, combine):
    p, targets = _parts(content, style, network)

    def energy(x):
        features = network(x)
        return combine(course.content_loss(features[LAYER], p), p, course.style_loss(features, targets))

    x, history = minimize_image(energy, start, n)
    return x, history.objective


def transfer_plain(content, style, network, alpha, n, generator):
    start = content + NOISE * _noise(content, generator)
    return _descend(content, style, network, n, start, lambda c, p, s: alpha * c / p.square().sum() + s)


def transfer_with_own_losses(content, style, network, alpha, n, generator):
    p, targets = _parts(content, style, network)
    norm = (p**2).sum()

    def energy(x):
        f = network(x)
        loss = alpha * 0.5 * ((f[LAYER] - p) ** 2).sum() / norm
        for k in targets:
            loss = loss + ((gram_matrix(f[k]) - targets[k]) ** 2).sum() / (targets[k] ** 2).sum() / len(targets)
        return loss

    x, history = minimize_image(energy, content + NOISE * torch.randn(content.shape, generator=generator), n)
    return x, list(history.objective)


def transfer_with_its_own_lbfgs(content, style, network, alpha, n, generator):
    p, targets = _parts(content, style, network)
    x, losses = (content + NOISE * _noise(content, generator)).requires_grad_(), []
    settings = {"tolerance_grad": 0, "tolerance_change": 0, "line_search_fn": "strong_wolfe"}
    lbfgs = torch.optim.LBFGS([x], max_iter=n, max_eval=n, **settings)

    def closure():
        lbfgs.zero_grad()
        f = network(x)
        loss = alpha * course.content_loss(f[LAYER], p) / p.square().sum() + course.style_loss(f, targets)
        losses.append(loss.item())
        (100 * loss).backward()
        return 100 * loss.detach()

    lbfgs.step(closure)
    return x.detach(), losses


def transfer_with_two_passes(content, style, network, alpha, n, generator):
    p, targets = _parts(content, style, network)

    def energy(x):
        c = course.content_loss(network(x)[LAYER], p) / p.square().sum()
        return alpha * c + course.style_loss(network(x), targets)

    x, history = minimize_image(energy, content + NOISE * _noise(content, generator), n)
    return x, history.objective


def transfer_without_noise(content, style, network, alpha, n, generator):
    return _descend(content, style, network, n, content, lambda c, p, s: alpha * c / p.square().sum() + s)


def transfer_with_strong_noise(content, style, network, alpha, n, generator):
    start = content + _noise(content, generator)
    return _descend(content, style, network, n, start, lambda c, p, s: alpha * c / p.square().sum() + s)


def transfer_from_noise(content, style, network, alpha, n, generator):
    start = 0.5 + 0.2 * _noise(content, generator)
    return _descend(content, style, network, n, start, lambda c, p, s: alpha * c / p.square().sum() + s)


def transfer_with_global_noise(content, style, network, alpha, n, generator):
    start = content + NOISE * torch.randn(content.shape)
    return _descend(content, style, network, n, start, lambda c, p, s: alpha * c / p.square().sum() + s)


def transfer_with_uniform_noise(content, style, network, alpha, n, generator):
    start = content + NOISE * torch.rand(content.shape, generator=generator)
    return _descend(content, style, network, n, start, lambda c, p, s: alpha * c / p.square().sum() + s)


def transfer_with_its_own_seed(content, style, network, alpha, n, generator):
    start = content + NOISE * torch.randn(content.shape, generator=torch.Generator().manual_seed(3))
    return _descend(content, style, network, n, start, lambda c, p, s: alpha * c / p.square().sum() + s)


def transfer_without_alpha(content, style, network, alpha, n, generator):
    start = content + NOISE * _noise(content, generator)
    return _descend(content, style, network, n, start, lambda c, p, s: c / p.square().sum() + s)


def transfer_with_alpha_on_the_style(content, style, network, alpha, n, generator):
    start = content + NOISE * _noise(content, generator)
    return _descend(content, style, network, n, start, lambda c, p, s: c / p.square().sum() + alpha * s)


def transfer_not_relative(content, style, network, alpha, n, generator):
    start = content + NOISE * _noise(content, generator)
    return _descend(content, style, network, n, start, lambda c, p, s: alpha * c + s)


def transfer_by_the_norm(content, style, network, alpha, n, generator):
    start = content + NOISE * _noise(content, generator)
    return _descend(content, style, network, n, start, lambda c, p, s: alpha * c / p.norm() + s)


def transfer_by_the_count(content, style, network, alpha, n, generator):
    start = content + NOISE * _noise(content, generator)
    return _descend(content, style, network, n, start, lambda c, p, s: alpha * c / p.numel() + s)


def transfer_subtracts(content, style, network, alpha, n, generator):
    start = content + NOISE * _noise(content, generator)
    return _descend(content, style, network, n, start, lambda c, p, s: s - alpha * c / p.square().sum())


def transfer_without_content(content, style, network, alpha, n, generator):
    start = content + NOISE * _noise(content, generator)
    return _descend(content, style, network, n, start, lambda c, p, s: s)


def transfer_without_style(content, style, network, alpha, n, generator):
    start = content + NOISE * _noise(content, generator)
    return _descend(content, style, network, n, start, lambda c, p, s: alpha * c / p.square().sum())


def transfer_with_every_layer(content, style, network, alpha, n, generator):
    p = network(content)[LAYER]
    targets = {k: gram_matrix(v) for k, v in network(style).items()}

    def energy(x):
        f = network(x)
        return alpha * course.content_loss(f[LAYER], p) / p.square().sum() + course.style_loss(f, targets)

    x, history = minimize_image(energy, content + NOISE * _noise(content, generator), n)
    return x, history.objective


def transfer_in_its_own_style(content, style, network, alpha, n, generator):
    return transfer_plain(content, content, network, alpha, n, generator)


def transfer_content_of_the_style(content, style, network, alpha, n, generator):
    p, targets = network(style)[LAYER], _parts(content, style, network)[1]

    def energy(x):
        f = network(x)
        return alpha * course.content_loss(f[LAYER], p) / p.square().sum() + course.style_loss(f, targets)

    x, history = minimize_image(energy, content + NOISE * _noise(content, generator), n)
    return x, history.objective


def transfer_of_a_constant(content, style, network, alpha, n, generator):
    p, targets = _parts(content, style, network)

    def energy(x):
        f = network(content)
        return alpha * course.content_loss(f[LAYER], p) / p.square().sum() + course.style_loss(f, targets)

    x, history = minimize_image(energy, content + NOISE * _noise(content, generator), n)
    return x, history.objective


def transfer_returns_the_history(content, style, network, alpha, n, generator):
    p, targets = _parts(content, style, network)

    def energy(x):
        f = network(x)
        return alpha * course.content_loss(f[LAYER], p) / p.square().sum() + course.style_loss(f, targets)

    return minimize_image(energy, content + NOISE * _noise(content, generator), n)


def transfer_returns_the_image_only(content, style, network, alpha, n, generator):
    return transfer_plain(content, style, network, alpha, n, generator)[0]


def transfer_returns_the_start(content, style, network, alpha, n, generator):
    _, losses = transfer_plain(content, style, network, alpha, n, generator)
    return content.clone(), losses


def transfer_clips(content, style, network, alpha, n, generator):
    x, losses = transfer_plain(content, style, network, alpha, n, generator)
    return x.clamp(0, 1), losses


def transfer_of_one_step(content, style, network, alpha, n, generator):
    return transfer_plain(content, style, network, alpha, 2, generator)


def transfer_of_twenty_n(content, style, network, alpha, n, generator):
    return transfer_plain(content, style, network, alpha, 20 * n, generator)


# --- match_colors -----------------------------------------------------------------------------------------------------


def _power(c, exponent):
    values, q = torch.linalg.eigh(c)
    return q @ torch.diag(values**exponent) @ q.T


def _moments(image):
    colors = image.flatten(1).double()
    m = colors.mean(dim=1, keepdim=True)
    return colors, m, (colors - m) @ (colors - m).T / colors.shape[1]


def _optimal(c_u, c_v):
    root, inverse = _power(c_u, 0.5), _power(c_u, -0.5)
    return inverse @ _power(root @ c_v @ root, 0.5) @ inverse


def _mapped(u, v, make):
    (colors, m_u, c_u), (_, m_v, c_v) = _moments(u), _moments(v)
    return (m_v + make(c_u, c_v) @ (colors - m_u)).reshape(u.shape).to(u.dtype)


def match_by_eigh(u, v):
    return _mapped(u, v, _optimal)


def match_by_svd(u, v):
    def root(c):
        a, s, _ = torch.linalg.svd(c)
        return (a * s.sqrt()) @ a.T

    def make(c_u, c_v):
        inverse = torch.linalg.inv(root(c_u))
        return inverse @ root(root(c_u) @ c_v @ root(c_u)) @ inverse

    return _mapped(u, v, make)


def match_by_the_other_formula(u, v):
    def make(c_u, c_v):
        root, inverse = _power(c_v, 0.5), _power(c_v, -0.5)
        return root @ _power(root @ c_u @ root, -0.5) @ root + 0 * inverse

    return _mapped(u, v, make)


def match_by_einsum(u, v):
    (_, m_u, c_u), (_, m_v, c_v) = _moments(u), _moments(v)
    t = _optimal(c_u, c_v).to(u.dtype)
    return m_v.to(u.dtype)[:, :, None] + torch.einsum("ij,jhw->ihw", t, u - m_u.to(u.dtype)[:, :, None])


def match_by_cholesky(u, v):
    return _mapped(u, v, lambda a, b: torch.linalg.cholesky(b) @ torch.linalg.inv(torch.linalg.cholesky(a)))


def match_by_two_roots(u, v):
    return _mapped(u, v, lambda a, b: _power(b, 0.5) @ _power(a, -0.5))


def match_backwards(u, v):
    return _mapped(u, v, lambda a, b: _optimal(b, a))


def match_without_the_root(u, v):
    return _mapped(u, v, lambda a, b: _power(a, -0.5) @ _power(a, 0.5) @ b @ _power(a, 0.5) @ _power(a, -0.5))


def match_roots_of_entries(u, v):
    def make(a, b):
        middle = _power(a, 0.5) @ b @ _power(a, 0.5)
        return _power(a, -0.5) @ middle.abs().sqrt() @ _power(a, -0.5)

    return _mapped(u, v, make)


def match_channel_by_channel(u, v):
    return _mapped(u, v, lambda a, b: torch.diag((b.diagonal() / a.diagonal()).sqrt()))


def match_means_only(u, v):
    return u - u.mean((1, 2), keepdim=True) + v.mean((1, 2), keepdim=True)


def match_with_the_mean_of_u(u, v):
    return match_by_eigh(u, v) - v.mean((1, 2), keepdim=True) + u.mean((1, 2), keepdim=True)


def match_without_the_mean(u, v):
    return match_by_eigh(u, v) - v.mean((1, 2), keepdim=True)


def match_not_centred(u, v):
    (colors, _, c_u), (_, m_v, c_v) = _moments(u), _moments(v)
    return (m_v + _optimal(c_u, c_v) @ colors).reshape(u.shape)


def match_with_n_minus_one(u, v):
    (colors, m_u, _), (_, m_v, _) = _moments(u), _moments(v)
    t = _optimal(torch.cov(u.flatten(1)), torch.cov(v.flatten(1)))
    return (m_v + t @ (colors - m_u)).reshape(u.shape)


def match_clipped(u, v):
    return match_by_eigh(u, v).clamp(0, 1)


def match_swapped(u, v):
    return match_by_eigh(v, u)


def match_in_float64_always(u, v):
    return match_by_eigh(u, v).double()


def match_inverse(u, v):
    return _mapped(u, v, lambda a, b: torch.linalg.inv(_optimal(a, b)))


# --- luminance_transfer -----------------------------------------------------------------------------------------------


def _gray(u):
    return 0.299 * u[0] + 0.587 * u[1] + 0.114 * u[2]


def _matched(y, s):
    return y.mean() + y.std(correction=0) / s.std(correction=0) * (s - s.mean())


def luminance_plain(content, style, transfer):
    y, s = to_gray(content), to_gray(style)
    return content + (transfer(y, _matched(y, s)) - y)


def luminance_by_hand(content, style, transfer):
    y, s = _gray(content), _gray(style)
    s = (s - s.mean()) / s.var(correction=0).sqrt() * y.var(correction=0).sqrt() + y.mean()
    return torch.stack([channel + transfer(y, s) - y for channel in content])


def luminance_by_yiq(content, style, transfer):
    rows = [[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]]
    matrix = torch.tensor(rows, dtype=content.dtype)
    yiq = torch.einsum("ij,jhw->ihw", matrix, content)
    new = torch.cat([transfer(yiq[0], _matched(yiq[0], _gray(style)))[None], yiq[1:]])
    return torch.einsum("ij,jhw->ihw", torch.linalg.inv(matrix), new)


def luminance_not_matched(content, style, transfer):
    y = to_gray(content)
    return content + transfer(y, to_gray(style)) - y


def luminance_ratio_upside_down(content, style, transfer):
    y, s = to_gray(content), to_gray(style)
    return content + transfer(y, y.mean() + s.std(correction=0) / y.std(correction=0) * (s - s.mean())) - y


def luminance_of_the_mean_only(content, style, transfer):
    y, s = to_gray(content), to_gray(style)
    return content + transfer(y, s - s.mean() + y.mean()) - y


def luminance_without_the_mean(content, style, transfer):
    y, s = to_gray(content), to_gray(style)
    return content + transfer(y, y.std(correction=0) / s.std(correction=0) * (s - s.mean())) - y


def luminance_not_taken_away(content, style, transfer):
    y, s = to_gray(content), to_gray(style)
    return content + transfer(y, _matched(y, s))


def luminance_gray(content, style, transfer):
    y, s = to_gray(content), to_gray(style)
    return transfer(y, _matched(y, s))


def luminance_gray_three_times(content, style, transfer):
    return luminance_gray(content, style, transfer).expand(3, -1, -1)


def luminance_multiplied(content, style, transfer):
    y, s = to_gray(content), to_gray(style)
    return content * transfer(y, _matched(y, s)) / y


def luminance_by_mean_of_channels(content, style, transfer):
    y, s = content.mean(0), style.mean(0)
    return content + transfer(y, _matched(y, s)) - y


def luminance_in_colour(content, style, transfer):
    return transfer(content, style)


def luminance_exchanged(content, style, transfer):
    y, s = to_gray(content), to_gray(style)
    return content + transfer(_matched(y, s), y) - y


def luminance_with_n_minus_one(content, style, transfer):
    y, s = to_gray(content), to_gray(style)
    return content + transfer(y, y.mean() + y.std() / s.std() * (s - s.mean())) - y


def luminance_wrong_sign(content, style, transfer):
    y, s = to_gray(content), to_gray(style)
    return content - transfer(y, _matched(y, s)) + y


def luminance_clipped(content, style, transfer):
    return luminance_plain(content, style, transfer).clamp(0, 1)


def luminance_in_place(content, style, transfer):
    y, s = to_gray(content), to_gray(style)
    content += transfer(y, _matched(y, s)) - y
    return content


RIGHT = {
    "content_loss": [
        content_by_squares,
        content_by_norm,
        content_by_mse_sum,
        content_by_loop,
        content_in_float32,
    ],
    "style_loss": [style_by_loop, style_by_stack, style_by_einsum, style_in_float32],
    "style_transfer": [
        transfer_plain,
        transfer_with_own_losses,
        transfer_with_its_own_lbfgs,
        transfer_with_two_passes,
    ],
    "match_colors": [match_by_eigh, match_by_svd, match_by_the_other_formula, match_by_einsum],
    "luminance_transfer": [luminance_plain, luminance_by_hand, luminance_by_yiq],
}

WRONG = {
    "content_loss": [
        ("normalisation", content_without_half),
        ("normalisation", content_by_mse),
        ("normalisation", content_half_mean),
        ("normalisation", content_relative),
        ("square-root", content_norm_not_squared),
        ("square-root", content_absolute),
        ("square-root", content_not_squared),
        ("square-root", content_square_of_the_sum),
        ("square-root", content_difference_of_squares),
        ("mean", content_of_gram_matrices),
        ("mean", content_of_means),
        ("type", content_as_number),
        ("type", content_detached),
        ("shape", content_not_summed),
        ("mutates-input", content_in_place),
        ("value", content_without_targets),
    ],
    "style_loss": [
        ("normalisation", style_summed),
        ("global", style_over_features),
        ("normalisation", style_divided_by_the_features),
        ("normalisation", style_of_the_paper),
        ("weight", style_not_relative),
        ("normalisation", style_mean_squares),
        ("normalisation", style_mean_in_the_numerator),
        ("square-root", style_norms_not_squared),
        ("square-root", style_denominator_not_squared),
        ("normalisation", style_one_denominator),
        ("value", style_relative_to_x),
        ("normalisation", style_gram_not_divided),
        ("truncation", style_last_layer_only),
        ("truncation", style_returns_in_the_loop),
        ("type", style_as_number),
    ],
    "style_transfer": [
        ("start", transfer_without_noise),
        ("start", transfer_with_strong_noise),
        ("start", transfer_from_noise),
        ("randomness", transfer_with_global_noise),
        ("start", transfer_with_uniform_noise),
        ("randomness", transfer_with_its_own_seed),
        ("weight", transfer_without_alpha),
        ("weight", transfer_with_alpha_on_the_style),
        ("normalisation", transfer_not_relative),
        ("square-root", transfer_by_the_norm),
        ("normalisation", transfer_by_the_count),
        ("sign", transfer_subtracts),
        ("value", transfer_without_content),
        ("value", transfer_without_style),
        ("value", transfer_with_every_layer),
        ("value", transfer_in_its_own_style),
        ("shape", transfer_content_of_the_style),
        ("autograd", transfer_of_a_constant),
        ("type", transfer_returns_the_history),
        ("type", transfer_returns_the_image_only),
        ("value|identity", transfer_returns_the_start),
        ("clipping", transfer_clips),
        ("not-converged", transfer_of_one_step),
        ("too-slow", transfer_of_twenty_n),
    ],
    "match_colors": [
        ("transpose", match_by_cholesky),
        ("transpose", match_by_two_roots),
        ("order", match_backwards),
        ("order", match_inverse),
        ("square-root", match_without_the_root),
        ("square-root", match_roots_of_entries),
        ("axis", match_channel_by_channel),
        ("value", match_means_only),
        ("mean", match_with_the_mean_of_u),
        ("mean", match_without_the_mean),
        ("mean", match_not_centred),
        ("normalisation", match_with_n_minus_one),
        ("clipping", match_clipped),
        ("shape|order", match_swapped),
        ("type", match_in_float64_always),
    ],
    "luminance_transfer": [
        ("mean", luminance_not_matched),
        ("normalisation", luminance_ratio_upside_down),
        ("normalisation", luminance_of_the_mean_only),
        ("mean", luminance_without_the_mean),
        ("value", luminance_not_taken_away),
        ("shape", luminance_gray),
        ("value", luminance_gray_three_times),
        ("value", luminance_multiplied),
        ("value", luminance_by_mean_of_channels),
        ("shape", luminance_in_colour),
        ("order|value|shape", luminance_exchanged),
        ("normalisation", luminance_with_n_minus_one),
        ("value", luminance_wrong_sign),
        ("clipping", luminance_clipped),
        ("mutates-input", luminance_in_place),
    ],
}


# --- the explorer -----------------------------------------------------------------------------------------------------


EXPLORERS = {"explore_transfer": ExplorerCase(explore_transfer)}
