"""Answers to the exercises of notebook 12: right ones in several styles, and the wrong ones that students write."""

import torch

from course_utils.explorers.texture_mixing import explore_texture_mixing, transport_picture
from course_utils.style import bures_wasserstein as distance
from course_utils.style import feature_gaussian, matrix_power
from course_utils.style import gaussian_map as optimal_map
from tests.explorer_case import ExplorerCase


def root(C):
    return matrix_power(C, 0.5)


def inverse_root(C):
    return matrix_power(C, -0.5)


# --- bures_wasserstein -----------------------------------------------------------------------------------------------


def distance_by_eigenvalues(m1, C1, m2, C2):
    S = root(C2)
    values = torch.linalg.eigvalsh(S @ C1 @ S)
    values = torch.where(values > 1e-10 * values.max(), values, 0)
    return ((m1 - m2) ** 2).sum() + torch.trace(C1) + torch.trace(C2) - 2 * values[values > 0].sqrt().sum()


def distance_by_three_roots(m1, C1, m2, C2):
    S = root(C2)
    return (m1 - m2) @ (m1 - m2) + torch.trace(C1 + C2 - 2 * root(S @ C1 @ S))


def distance_the_other_way_round(m1, C1, m2, C2):
    S = root(C1)
    return torch.linalg.norm(m1 - m2) ** 2 + (C1 + C2 - 2 * root(S @ C2 @ S)).trace()


def distance_by_singular_values(m1, C1, m2, C2):
    nuclear = torch.linalg.svdvals(root(C1) @ root(C2)).sum()
    return (m1 - m2).square().sum() + C1.trace() + C2.trace() - 2 * nuclear


def distance_as_a_number(m1, C1, m2, C2):
    return distance_by_three_roots(m1, C1, m2, C2).item()


def distance_of_means(m1, C1, m2, C2):
    return (m1 - m2).square().sum()


def distance_without_means(m1, C1, m2, C2):
    return distance(m1, C1, m1, C2)


def distance_of_covariances_only_traces(m1, C1, m2, C2):
    return (m1 - m2).square().sum() + C1.trace() + C2.trace()


def distance_without_two(m1, C1, m2, C2):
    S = root(C2)
    return (m1 - m2).square().sum() + C1.trace() + C2.trace() - root(S @ C1 @ S).trace()


def distance_with_a_plus(m1, C1, m2, C2):
    S = root(C2)
    return (m1 - m2).square().sum() + C1.trace() + C2.trace() + 2 * root(S @ C1 @ S).trace()


def distance_not_squared(m1, C1, m2, C2):
    return distance(m1, C1, m2, C2).clamp(min=0).sqrt()


def distance_means_not_squared(m1, C1, m2, C2):
    return distance(m1, C1, m1, C2) + (m1 - m2).norm()


def distance_trace_of_the_middle(m1, C1, m2, C2):
    S = root(C2)
    return (m1 - m2).square().sum() + C1.trace() + C2.trace() - 2 * (S @ C1 @ S).trace()


def distance_root_of_the_trace(m1, C1, m2, C2):
    S = root(C2)
    return (m1 - m2).square().sum() + C1.trace() + C2.trace() - 2 * (S @ C1 @ S).trace().sqrt()


def distance_roots_multiplied(m1, C1, m2, C2):
    return (m1 - m2).square().sum() + C1.trace() + C2.trace() - 2 * (root(C1) @ root(C2)).trace()


def distance_roots_of_entries(m1, C1, m2, C2):
    S = C2.abs().sqrt()
    return (m1 - m2).square().sum() + C1.trace() + C2.trace() - 2 * (S @ C1 @ S).abs().sqrt().trace()


def distance_without_roots_of_c2(m1, C1, m2, C2):
    middle = torch.linalg.eigvalsh(C2 @ C1 @ C2).clamp(min=0)
    return (m1 - m2).square().sum() + C1.trace() + C2.trace() - 2 * middle.sqrt().sum()


def distance_of_roots(m1, C1, m2, C2):
    return (m1 - m2).square().sum() + (root(C1) - root(C2)).square().sum()


def distance_frobenius(m1, C1, m2, C2):
    return (m1 - m2).square().sum() + (C1 - C2).square().sum()


def distance_by_cholesky(m1, C1, m2, C2):
    L = torch.linalg.cholesky(C2)
    return (m1 - m2).square().sum() + (C1 + C2 - 2 * root(L @ C1 @ L.mT)).trace()


def distance_mean_over_channels(m1, C1, m2, C2):
    return distance(m1, C1, m2, C2) / len(m1)


# --- gaussian_map ----------------------------------------------------------------------------------------------------


def map_by_the_formula(m1, C1, m2, C2):
    A = inverse_root(C1) @ root(root(C1) @ C2 @ root(C1)) @ inverse_root(C1)
    return A, m2 - A @ m1


def map_from_the_other_side(m1, C1, m2, C2):
    A = root(C2) @ inverse_root(root(C2) @ C1 @ root(C2)) @ root(C2)
    return A, m2 - A @ m1


def map_by_inverses(m1, C1, m2, C2):
    S = root(C1)
    R = torch.linalg.inv(S)
    A = R @ root(S @ C2 @ S) @ R
    return A, m2 - torch.mv(A, m1)


def map_as_a_list(m1, C1, m2, C2):
    A, b = map_by_the_formula(m1, C1, m2, C2)
    return [A, b]


def map_of_whitening(m1, C1, m2, C2):
    A = root(C2) @ inverse_root(C1)
    return A, m2 - A @ m1


def map_of_whitening_transposed(m1, C1, m2, C2):
    A = inverse_root(C1) @ root(C2)
    return A, m2 - A @ m1


def map_by_cholesky(m1, C1, m2, C2):
    A = torch.linalg.cholesky(C2) @ torch.linalg.inv(torch.linalg.cholesky(C1))
    return A, m2 - A @ m1


def map_back(m1, C1, m2, C2):
    return optimal_map(m2, C2, m1, C1)


def map_without_the_mean(m1, C1, m2, C2):
    return optimal_map(m1, C1, m2, C2)[0], m2


def map_difference_of_means(m1, C1, m2, C2):
    return optimal_map(m1, C1, m2, C2)[0], m2 - m1


def map_sign_of_b(m1, C1, m2, C2):
    A = optimal_map(m1, C1, m2, C2)[0]
    return A, A @ m1 - m2


def map_plus_in_b(m1, C1, m2, C2):
    A = optimal_map(m1, C1, m2, C2)[0]
    return A, m2 + A @ m1


def map_middle_not_rooted(m1, C1, m2, C2):
    A = inverse_root(C1) @ (root(C1) @ C2 @ root(C1)) @ inverse_root(C1)
    return A, m2 - A @ m1


def map_middle_alone(m1, C1, m2, C2):
    A = root(root(C1) @ C2 @ root(C1))
    return A, m2 - A @ m1


def map_roots_forgotten_outside(m1, C1, m2, C2):
    A = torch.linalg.inv(C1) @ root(root(C1) @ C2 @ root(C1)) @ torch.linalg.inv(C1)
    return A, m2 - A @ m1


def map_roots_for_inverse_roots(m1, C1, m2, C2):
    A = root(C1) @ root(root(C1) @ C2 @ root(C1)) @ root(C1)
    return A, m2 - A @ m1


def map_matrix_only(m1, C1, m2, C2):
    return optimal_map(m1, C1, m2, C2)[0]


def map_exchanged(m1, C1, m2, C2):
    A, b = optimal_map(m1, C1, m2, C2)
    return b, A


# --- gaussian_barycentre ---------------------------------------------------------------------------------------------


def barycentre_by_the_map(m1, C1, m2, C2, t):
    A, _ = optimal_map(m1, C1, m2, C2)
    B = (1 - t) * torch.eye(len(C1), dtype=torch.float64) + t * A
    return (1 - t) * m1 + t * m2, B @ C1 @ B


def barycentre_expanded(m1, C1, m2, C2, t):
    A, _ = optimal_map(m1, C1, m2, C2)
    return torch.lerp(m1, m2, t), (1 - t) ** 2 * C1 + t**2 * C2 + t * (1 - t) * (A @ C1 + C1 @ A)


def barycentre_from_the_other_end(m1, C1, m2, C2, t):
    return barycentre_by_the_map(m2, C2, m1, C1, 1 - t)


def barycentre_average(m1, C1, m2, C2, t):
    return (1 - t) * m1 + t * m2, (1 - t) * C1 + t * C2


def barycentre_t_exchanged(m1, C1, m2, C2, t):
    return barycentre_by_the_map(m1, C1, m2, C2, 1 - t)


def barycentre_of_roots(m1, C1, m2, C2, t):
    B = (1 - t) * root(C1) + t * root(C2)
    return (1 - t) * m1 + t * m2, B @ B


def barycentre_one_factor(m1, C1, m2, C2, t):
    A, _ = optimal_map(m1, C1, m2, C2)
    return (1 - t) * m1 + t * m2, ((1 - t) * torch.eye(len(C1)).double() + t * A) @ C1


def barycentre_without_cross_terms(m1, C1, m2, C2, t):
    return (1 - t) * m1 + t * m2, (1 - t) ** 2 * C1 + t**2 * C2


def barycentre_half_of_cross_terms(m1, C1, m2, C2, t):
    A, _ = optimal_map(m1, C1, m2, C2)
    S = A @ C1 + C1 @ A
    return (1 - t) * m1 + t * m2, (1 - t) ** 2 * C1 + t**2 * C2 + t * (1 - t) * S / 2


def barycentre_without_identity(m1, C1, m2, C2, t):
    A, _ = optimal_map(m1, C1, m2, C2)
    return (1 - t) * m1 + t * m2, (t * A) @ C1 @ (t * A)


def barycentre_of_whitening(m1, C1, m2, C2, t):
    B = (1 - t) * torch.eye(len(C1)).double() + t * root(C2) @ inverse_root(C1)
    return (1 - t) * m1 + t * m2, B @ C1 @ B.mT


def barycentre_halfway_only(m1, C1, m2, C2, t):
    return barycentre_by_the_map(m1, C1, m2, C2, 0.5)


def barycentre_of_moved_mean(m1, C1, m2, C2, t):
    A, _ = optimal_map(m1, C1, m2, C2)
    return (1 - t) * m1 + t * A @ m1, barycentre_by_the_map(m1, C1, m2, C2, t)[1]


# --- whiten_color ----------------------------------------------------------------------------------------------------


def recolour_by_formula(F, m, C):
    m_F, C_F = feature_gaussian(F)
    X = F.flatten(1).double() - m_F[:, None]
    return (root(C) @ inverse_root(C_F) @ X + m[:, None]).reshape(F.shape).to(F.dtype)


def recolour_by_einsum(F, m, C):
    m_F, C_F = feature_gaussian(F)
    W = root(C) @ inverse_root(C_F)
    return torch.einsum("ij,jhw->ihw", W, F.double() - m_F[:, None, None]) + m[:, None, None]


def recolour_by_own_statistics(F, m, C):
    X = F.reshape(F.shape[0], -1).double()
    X = X - X.mean(dim=1, keepdim=True)
    values, q = torch.linalg.eigh(X @ X.T / X.shape[1])
    kept = values > 1e-10 * values.max()
    white = q[:, kept] / values[kept].sqrt() @ (q[:, kept].T @ X)
    return (root(C) @ white + m[:, None]).reshape(F.shape).to(F.dtype)


def recolour_whitened_only(F, m, C):
    m_F, C_F = feature_gaussian(F)
    return (inverse_root(C_F) @ (F.flatten(1).double() - m_F[:, None])).reshape(F.shape).to(F.dtype)


def recolour_without_mean(F, m, C):
    return recolour_by_formula(F, torch.zeros_like(m), C)


def recolour_mean_kept(F, m, C):
    return recolour_by_formula(F, feature_gaussian(F)[0], C)


def recolour_not_centred(F, m, C):
    _, C_F = feature_gaussian(F)
    return (root(C) @ inverse_root(C_F) @ F.flatten(1).double() + m[:, None]).reshape(F.shape).to(F.dtype)


def recolour_not_whitened(F, m, C):
    m_F, _ = feature_gaussian(F)
    return (root(C) @ (F.flatten(1).double() - m_F[:, None]) + m[:, None]).reshape(F.shape).to(F.dtype)


def recolour_order_exchanged(F, m, C):
    m_F, C_F = feature_gaussian(F)
    X = F.flatten(1).double() - m_F[:, None]
    return (inverse_root(C_F) @ root(C) @ X + m[:, None]).reshape(F.shape).to(F.dtype)


def recolour_covariance_not_rooted(F, m, C):
    m_F, C_F = feature_gaussian(F)
    X = F.flatten(1).double() - m_F[:, None]
    return (C @ inverse_root(C_F) @ X + m[:, None]).reshape(F.shape).to(F.dtype)


def recolour_inverse_not_rooted(F, m, C):
    m_F, C_F = feature_gaussian(F)
    X = F.flatten(1).double() - m_F[:, None]
    return (root(C) @ matrix_power(C_F, -1.0) @ X + m[:, None]).reshape(F.shape).to(F.dtype)


def recolour_channel_by_channel(F, m, C):
    m_F, C_F = feature_gaussian(F)
    scale = (C.diagonal() / C_F.diagonal()).sqrt()
    return ((F.double() - m_F[:, None, None]) * scale[:, None, None] + m[:, None, None]).to(F.dtype)


def recolour_by_cholesky(F, m, C):
    m_F, C_F = feature_gaussian(F)
    X = F.flatten(1).double() - m_F[:, None]
    W = torch.linalg.cholesky(C) @ torch.linalg.inv(torch.linalg.cholesky(C_F))
    return (W @ X + m[:, None]).reshape(F.shape).to(F.dtype)


def recolour_optimal_map(F, m, C):
    m_F, C_F = feature_gaussian(F)
    A, b = optimal_map(m_F, C_F, m, C)
    return (A @ F.flatten(1).double() + b[:, None]).reshape(F.shape).to(F.dtype)


def recolour_with_gram_matrix(F, m, C):
    X = F.flatten(1).double()
    m_F = X.mean(dim=1, keepdim=True)
    G = X @ X.mT / X.shape[1]
    return (root(C) @ inverse_root(G) @ (X - m_F) + m[:, None]).reshape(F.shape).to(F.dtype)


def recolour_not_reshaped(F, m, C):
    return recolour_by_formula(F, m, C).flatten(1)


# --- wasserstein_loss ------------------------------------------------------------------------------------------------


def loss_by_loop(features, targets):
    total = 0.0
    for layer in targets:
        m, C = targets[layer]
        m_x, C_x = feature_gaussian(features[layer])
        total = total + distance(m_x, C_x, m, C) / (m @ m + torch.trace(C))
    return total


def loss_by_sum(features, targets):
    return sum(
        distance(*feature_gaussian(features[k]), *g) / (g[0].square().sum() + g[1].diagonal().sum())
        for k, g in targets.items()
    )


def loss_by_stack(features, targets):
    distances = torch.stack([distance(*feature_gaussian(features[k]), *g) for k, g in targets.items()])
    return (distances / torch.stack([m.norm() ** 2 + C.trace() for m, C in targets.values()])).sum()


def loss_not_relative(features, targets):
    return sum(distance(*feature_gaussian(features[k]), *g) for k, g in targets.items())


def loss_averaged(features, targets):
    return loss_by_loop(features, targets) / len(targets)


def loss_relative_to_the_trace(features, targets):
    return sum(distance(*feature_gaussian(features[k]), m, C) / C.trace() for k, (m, C) in targets.items())


def loss_relative_to_the_mean(features, targets):
    return sum(distance(*feature_gaussian(features[k]), m, C) / m.square().sum() for k, (m, C) in targets.items())


def loss_relative_to_x(features, targets):
    total = 0
    for k, (m, C) in targets.items():
        m_x, C_x = feature_gaussian(features[k])
        total = total + distance(m_x, C_x, m, C) / (m_x.square().sum() + C_x.trace())
    return total


def loss_of_the_last_layer(features, targets):
    for k, (m, C) in targets.items():
        total = distance(*feature_gaussian(features[k]), m, C) / (m.square().sum() + C.trace())
    return total


def loss_of_the_first_layer(features, targets):
    k, (m, C) = next(iter(targets.items()))
    return distance(*feature_gaussian(features[k]), m, C) / (m.square().sum() + C.trace())


def loss_rooted(features, targets):
    return sum(
        (distance(*feature_gaussian(features[k]), m, C) / (m.square().sum() + C.trace())).sqrt()
        for k, (m, C) in targets.items()
    )


def loss_by_order(features, targets):
    total = 0
    for F, (m, C) in zip(features.values(), targets.values(), strict=True):
        total = total + distance(*feature_gaussian(F), m, C) / (m.square().sum() + C.trace())
    return total


def loss_detached(features, targets):
    return loss_by_loop({k: v.detach() for k, v in features.items()}, targets)


def loss_as_a_number(features, targets):
    return loss_by_loop(features, targets).item()


def loss_norm_not_squared(features, targets):
    return sum(distance(*feature_gaussian(features[k]), m, C) / (m.norm() + C.trace()) for k, (m, C) in targets.items())


RIGHT = {
    "bures_wasserstein": [
        distance_by_eigenvalues,
        distance_by_three_roots,
        distance_the_other_way_round,
        distance_by_singular_values,
    ],
    "gaussian_map": [map_by_the_formula, map_from_the_other_side, map_by_inverses, map_as_a_list],
    "gaussian_barycentre": [barycentre_by_the_map, barycentre_expanded, barycentre_from_the_other_end],
    "whiten_color": [recolour_by_formula, recolour_by_einsum, recolour_by_own_statistics],
    "wasserstein_loss": [loss_by_loop, loss_by_sum, loss_by_stack],
}

WRONG = {
    "bures_wasserstein": [
        ("type", distance_as_a_number),
        ("value", distance_of_means),
        ("mean", distance_without_means),
        ("value", distance_of_covariances_only_traces),
        ("normalisation", distance_without_two),
        ("sign", distance_with_a_plus),
        ("square-root", distance_not_squared),
        ("square-root", distance_means_not_squared),
        ("square-root", distance_trace_of_the_middle),
        ("order", distance_root_of_the_trace),
        ("order", distance_roots_multiplied),
        ("square-root", distance_roots_of_entries),
        ("square-root", distance_without_roots_of_c2),
        ("order", distance_of_roots),
        ("square-root", distance_frobenius),
        ("value|exception", distance_by_cholesky),
        ("normalisation", distance_mean_over_channels),
    ],
    "gaussian_map": [
        ("value", map_of_whitening),
        ("value|transpose", map_of_whitening_transposed),
        ("value", map_by_cholesky),
        ("order", map_back),
        ("mean", map_without_the_mean),
        ("mean", map_difference_of_means),
        ("sign", map_sign_of_b),
        ("sign|mean", map_plus_in_b),
        ("square-root", map_middle_not_rooted),
        ("value", map_middle_alone),
        ("square-root", map_roots_forgotten_outside),
        ("sign", map_roots_for_inverse_roots),
        ("type", map_matrix_only),
        ("order", map_exchanged),
    ],
    "gaussian_barycentre": [
        ("value", barycentre_average),
        ("order", barycentre_t_exchanged),
        ("order", barycentre_of_roots),
        ("value", barycentre_one_factor),
        ("value", barycentre_without_cross_terms),
        ("normalisation", barycentre_half_of_cross_terms),
        ("value", barycentre_without_identity),
        ("order", barycentre_of_whitening),
        ("constant", barycentre_halfway_only),
        ("mean", barycentre_of_moved_mean),
    ],
    "whiten_color": [
        ("value", recolour_whitened_only),
        ("mean", recolour_without_mean),
        ("mean", recolour_mean_kept),
        ("mean", recolour_not_centred),
        ("value", recolour_not_whitened),
        ("order", recolour_order_exchanged),
        ("square-root", recolour_covariance_not_rooted),
        ("square-root", recolour_inverse_not_rooted),
        ("value", recolour_channel_by_channel),
        ("value", recolour_by_cholesky),
        ("value", recolour_optimal_map),
        ("mean", recolour_with_gram_matrix),
        ("shape", recolour_not_reshaped),
    ],
    "wasserstein_loss": [
        ("normalisation", loss_not_relative),
        ("normalisation", loss_averaged),
        ("normalisation", loss_relative_to_the_trace),
        ("normalisation", loss_relative_to_the_mean),
        ("normalisation", loss_relative_to_x),
        ("truncation", loss_of_the_last_layer),
        ("truncation", loss_of_the_first_layer),
        ("square-root", loss_rooted),
        ("order", loss_by_order),
        ("autograd", loss_detached),
        ("autograd", loss_as_a_number),
        ("square-root", loss_norm_not_squared),
    ],
}

EXPLORERS = {
    "explore_texture_mixing": ExplorerCase(
        explore_texture_mixing,
        lambda values: transport_picture(values["first"], values["second"], values["t"], values["layer"]),
    )
}
