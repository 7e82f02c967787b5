"""Answers to the exercises of notebook 01: right in several ways, and wrong as students write them."""

import math

import numpy as np
import torch

from course_utils.explorers.gaussian_face_model import explore_faces, face_picture
from course_utils.gaussian import fit_gaussian
from tests.explorer_case import ExplorerCase

# --- fit_gaussian ----------------------------------------------------------------------------------------------------


def _centred(faces):
    mean = faces.mean(dim=0)
    return mean, faces - mean


def thin_svd(faces):
    mean, X = _centred(faces)
    _, S, Vt = torch.linalg.svd(X, full_matrices=False)
    r = len(faces) - 1
    return mean, Vt[:r].T, S[:r] ** 2 / len(faces)


def svd_of_the_transpose(faces):
    mean, X = _centred(faces)
    U, S, _ = torch.linalg.svd(X.T / math.sqrt(len(X)), full_matrices=False)
    return mean, U[:, :-1], S[:-1] ** 2


def fit_by_gram_matrix(faces):
    mean, X = _centred(faces)
    values, w = torch.linalg.eigh(X @ X.T / len(X))
    values, w = values.flip(0)[:-1], w.flip(1)[:, :-1]
    E = X.T @ w
    return mean, E / E.norm(dim=0), values


def mean_by_a_loop_and_list(faces):
    mean = torch.zeros_like(faces[0])
    for face in faces:
        mean = mean + face / len(faces)
    X = torch.stack([face - mean for face in faces])
    _, S, V = torch.svd(X)
    return [mean, V[:, : len(X) - 1], S.square()[: len(X) - 1] / len(X)]


def svd_in_float32(faces):
    return thin_svd(faces.float())


def svd_by_numpy(faces):
    mean = faces.numpy().mean(axis=0)
    _, s, vt = np.linalg.svd(faces.numpy() - mean, full_matrices=False)
    r = len(faces) - 1
    return torch.from_numpy(mean), torch.from_numpy(vt[:r].T.copy()), torch.from_numpy(s[:r] ** 2 / len(faces))


def fit_without_centring(faces):
    _, S, Vt = torch.linalg.svd(faces, full_matrices=False)
    r = len(faces) - 1
    return faces.mean(dim=0), Vt[:r].T, S[:r] ** 2 / len(faces)


def fit_with_n_minus_1(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E, lam * len(faces) / (len(faces) - 1)


def fit_without_division(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E, lam * len(faces)


def fit_divided_by_pixels(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E, lam * len(faces) / faces.shape[1]


def fit_singular_values(faces):
    mean, X = _centred(faces)
    _, S, Vt = torch.linalg.svd(X, full_matrices=False)
    return mean, Vt[:-1].T, S[:-1]


def fit_singular_values_over_n(faces):
    mean, X = _centred(faces)
    _, S, Vt = torch.linalg.svd(X, full_matrices=False)
    return mean, Vt[:-1].T, S[:-1] / len(faces)


def fit_standard_deviations(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E, lam.sqrt()


def fit_eigenvectors_in_rows(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E.T, lam


def fit_u_for_v(faces):
    mean, X = _centred(faces)
    U, S, _ = torch.linalg.svd(X, full_matrices=False)
    return mean, U[:, :-1], S[:-1] ** 2 / len(faces)


def fit_ascending(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E.flip(1), lam.flip(0)


def fit_only_values_sorted(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E.flip(1), lam


def fit_rank_n(faces):
    mean, X = _centred(faces)
    _, S, Vt = torch.linalg.svd(X, full_matrices=False)
    return mean, Vt.T, S**2 / len(faces)


def fit_first_two_only(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E[:, :2], lam[:2]


def fit_full_svd(faces):
    mean, X = _centred(faces)
    _, S, Vt = torch.linalg.svd(X)
    r = len(faces) - 1
    return mean, Vt[:r].T, S[:r] ** 2 / len(faces)


def fit_covariance_matrix(faces):
    mean, X = _centred(faces)
    values, E = torch.linalg.eigh(X.T @ X / len(X))
    r = len(faces) - 1
    return mean, E.flip(1)[:, :r], values.flip(0)[:r]


def fit_gram_unnormalised(faces):
    mean, X = _centred(faces)
    values, w = torch.linalg.eigh(X @ X.T / len(X))
    return mean, X.T @ w.flip(1)[:, :-1], values.flip(0)[:-1]


def fit_gram_zero_direction(faces):
    mean, X = _centred(faces)
    values, w = torch.linalg.eigh(X @ X.T / len(X))
    E = X.T @ w / values.sqrt()
    return mean, E.flip(1), values.flip(0)


def fit_scaled_eigenvectors(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E * lam.sqrt(), lam


def fit_mean_of_each_face(faces):
    mean = faces.mean(dim=1, keepdim=True)
    _, S, Vt = torch.linalg.svd(faces - mean, full_matrices=False)
    return mean[:, 0], Vt[:-1].T, S[:-1] ** 2 / len(faces)


def fit_mean_of_everything(faces):
    mean = faces.mean()
    _, S, Vt = torch.linalg.svd(faces - mean, full_matrices=False)
    return mean, Vt[:-1].T, S[:-1] ** 2 / len(faces)


def fit_mean_kept_as_a_row(faces):
    _, E, lam = thin_svd(faces)
    return faces.mean(dim=0, keepdim=True), E, lam


def fit_sum_for_mean(faces):
    _, E, lam = thin_svd(faces)
    return faces.sum(dim=0), E, lam


def fit_median(faces):
    mean = faces.median(dim=0).values
    _, S, Vt = torch.linalg.svd(faces - mean, full_matrices=False)
    return mean, Vt[:-1].T, S[:-1] ** 2 / len(faces)


def fit_standardised(faces):
    mean, X = _centred(faces)
    _, S, Vt = torch.linalg.svd(X / X.std(dim=0), full_matrices=False)
    return mean, Vt[:-1].T, S[:-1] ** 2 / len(faces)


def fit_in_place(faces):
    mean = faces.mean(dim=0)
    faces -= mean
    _, S, Vt = torch.linalg.svd(faces, full_matrices=False)
    return mean, Vt[:-1].T, S[:-1] ** 2 / len(faces)


def fit_values_before_vectors(faces):
    mean, E, lam = thin_svd(faces)
    return mean, lam, E


def fit_diagonal_matrix(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E, torch.diag(lam)


def fit_mean_forgotten_in_the_result(faces):
    return thin_svd(faces)[1:]


def fit_nan(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E, lam * math.nan


def fit_constant(faces):
    n, d = faces.shape
    return torch.zeros(d), torch.eye(d)[:, : n - 1], torch.ones(n - 1)


# --- sample_gaussian -------------------------------------------------------------------------------------------------


def latent_times_roots(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T


def one_sample_at_a_time(mean, eigenvectors, eigenvalues, n, generator):
    samples = []
    for _ in range(n):
        z = torch.randn(len(eigenvalues), generator=generator, dtype=mean.dtype)
        samples.append(mean + eigenvectors @ torch.diag(eigenvalues**0.5) @ z)
    return torch.stack(samples)


def columns_then_transpose(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(len(eigenvalues), n, generator=generator, dtype=torch.float64)
    return (mean[:, None] + (eigenvectors * torch.sqrt(eigenvalues)) @ z).T


def lectures_z_in_d_dimensions(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(mean), generator=generator, dtype=mean.dtype)
    return mean + z @ (eigenvectors * eigenvalues.sqrt()) @ eigenvectors.T


def samples_in_float32(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator)
    return mean.float() + (z * eigenvalues.float().sqrt()) @ eigenvectors.float().T


def sample_by_a_large_root(mean, eigenvectors, eigenvalues, n, generator):
    root = eigenvectors @ torch.diag(eigenvalues.sqrt()) @ eigenvectors.T
    return mean + torch.randn(n, len(mean), generator=generator, dtype=mean.dtype) @ root


def sample_with_eigenvalues(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return mean + (z * eigenvalues) @ eigenvectors.T


def sample_white_in_the_subspace(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return mean + z @ eigenvectors.T


def sample_divided_by_roots(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return mean + (z / eigenvalues.sqrt()) @ eigenvectors.T


def sample_without_mean(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return (z * eigenvalues.sqrt()) @ eigenvectors.T


def sample_minus_mean(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return (z * eigenvalues.sqrt()) @ eigenvectors.T - mean


def sample_mean_scaled_too(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return mean / len(eigenvalues) + (z * eigenvalues.sqrt()) @ eigenvectors.T


def sample_ignores_generator(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), dtype=mean.dtype)
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T


def sample_by_numpy(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.from_numpy(np.random.default_rng().standard_normal((n, len(eigenvalues))))
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T


def sample_reseeds(mean, eigenvectors, eigenvalues, n, generator):
    generator.manual_seed(0)
    return latent_times_roots(mean, eigenvectors, eigenvalues, n, generator)


def sample_uniform(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.rand(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T


def sample_centred_uniform(mean, eigenvectors, eigenvalues, n, generator):
    z = math.sqrt(12) * (torch.rand(n, len(eigenvalues), generator=generator, dtype=mean.dtype) - 0.5)
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T


def sample_absolute_values(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype).abs()
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T


def sample_one_z_for_all(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(len(eigenvalues), generator=generator, dtype=mean.dtype)
    return (mean + eigenvectors @ (eigenvalues.sqrt() * z)).expand(n, -1)


def sample_one_number_each(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, 1, generator=generator, dtype=mean.dtype)
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T


def sample_independent_pixels(mean, eigenvectors, eigenvalues, n, generator):
    std = (eigenvectors.square() @ eigenvalues).sqrt()
    return mean + std * torch.randn(n, len(mean), generator=generator, dtype=mean.dtype)


def sample_plus_pixel_noise(mean, eigenvectors, eigenvalues, n, generator):
    noise = torch.randn(n, len(mean), generator=generator, dtype=mean.dtype)
    return latent_times_roots(mean, eigenvectors, eigenvalues, n, generator) + 0.1 * noise


def sample_scaled_by_the_rank(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T / len(eigenvalues)


def sample_ascending_eigenvalues(mean, eigenvectors, eigenvalues, n, generator):
    return latent_times_roots(mean, eigenvectors, eigenvalues.flip(0), n, generator)


def sample_in_columns(mean, eigenvectors, eigenvalues, n, generator):
    return latent_times_roots(mean, eigenvectors, eigenvalues, n, generator).T


def sample_only_one(mean, eigenvectors, eigenvalues, n, generator):
    return latent_times_roots(mean, eigenvectors, eigenvalues, 1, generator)[0]


def sample_transpose_forgotten(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors


def sample_clipped(mean, eigenvectors, eigenvalues, n, generator):
    return latent_times_roots(mean, eigenvectors, eigenvalues, n, generator).clamp(0, 1)


def sample_first_axis_only(mean, eigenvectors, eigenvalues, n, generator):
    return latent_times_roots(mean, eigenvectors[:, :1], eigenvalues[:1], n, generator)


def sample_the_mean(mean, eigenvectors, eigenvalues, n, generator):
    return mean.repeat(n, 1)


def sample_numpy_array(mean, eigenvectors, eigenvalues, n, generator):
    return latent_times_roots(mean, eigenvectors, eigenvalues, n, generator).numpy()


def sample_root_in_place(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return mean + (z * eigenvalues.sqrt_()) @ eigenvectors.T


# --- project ---------------------------------------------------------------------------------------------------------


def matrix_formula(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return mean + E @ (E.T @ (face - mean))


def sum_over_eigenvectors(face, mean, eigenvectors, rank):
    p = mean.clone()
    for i in range(rank):
        e = eigenvectors[:, i]
        p += torch.dot(e, face - mean) * e
    return p


def least_squares(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    c = torch.linalg.lstsq(E, (face - mean)[:, None]).solution
    return (E @ c)[:, 0] + mean


def masked_coefficients(face, mean, eigenvectors, rank):
    c = (face - mean) @ eigenvectors
    c = torch.where(torch.arange(len(c)) < rank, c, 0.0)
    return mean + eigenvectors @ c


def projection_in_float32(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank].float()
    return mean.float() + ((face - mean).float() @ E) @ E.T


def project_by_a_large_matrix(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return mean + (E @ E.T) @ (face - mean)


def project_without_mean(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return E @ (E.T @ face)


def project_mean_not_subtracted(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return mean + E @ (E.T @ face)


def project_mean_not_added(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return E @ (E.T @ (face - mean))


def project_mean_subtracted_twice(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return E @ (E.T @ (face - mean)) - mean


def project_mean_minus_face(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return mean + E @ (E.T @ (mean - face))


def project_on_all(face, mean, eigenvectors, rank):
    return mean + eigenvectors @ (eigenvectors.T @ (face - mean))


def project_one_more(face, mean, eigenvectors, rank):
    E = eigenvectors[:, : rank + 1]
    return mean + E @ (E.T @ (face - mean))


def project_one_less(face, mean, eigenvectors, rank):
    E = eigenvectors[:, : rank - 1]
    return mean + E @ (E.T @ (face - mean))


def project_only_the_last_of_them(face, mean, eigenvectors, rank):
    e = eigenvectors[:, rank - 1]
    return mean + e * (e @ (face - mean))


def project_on_the_smallest(face, mean, eigenvectors, rank):
    E = eigenvectors[:, -rank:]
    return mean + E @ (E.T @ (face - mean))


def project_rows_for_columns(face, mean, eigenvectors, rank):
    E = eigenvectors[:rank]
    return mean + E.T @ (E @ (face - mean))


def project_coefficients(face, mean, eigenvectors, rank):
    return eigenvectors[:, :rank].T @ (face - mean)


def project_padded_coefficients(face, mean, eigenvectors, rank):
    c = torch.zeros_like(face)
    c[:rank] = eigenvectors[:, :rank].T @ (face - mean)
    return c


def project_residual(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return face - mean - E @ (E.T @ (face - mean))


def project_on_the_complement(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return face - E @ (E.T @ (face - mean))


def project_clipped(face, mean, eigenvectors, rank):
    return matrix_formula(face, mean, eigenvectors, rank).clamp(0, 1)


def project_absolute_coefficients(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return mean + E @ (E.T @ (face - mean)).abs()


def project_the_face_itself(face, mean, eigenvectors, rank):
    return face


def project_the_mean(face, mean, eigenvectors, rank):
    return mean


def project_in_place(face, mean, eigenvectors, rank):
    face -= mean
    E = eigenvectors[:, :rank]
    return mean + E @ (E.T @ face)


def project_as_a_column(face, mean, eigenvectors, rank):
    return matrix_formula(face, mean, eigenvectors, rank)[:, None]


def project_numpy(face, mean, eigenvectors, rank):
    return matrix_formula(face, mean, eigenvectors, rank).numpy()


def project_nan(face, mean, eigenvectors, rank):
    return matrix_formula(face, mean, eigenvectors, rank) * math.nan


# --- log_likelihood --------------------------------------------------------------------------------------------------


def _parts(faces, model, rank, noise_std):
    """Return what a student has computed: d, c, λ_i + σ², ‖x - μ‖² and σ²."""
    mean, E, lam = model
    c = (faces - mean) @ E[:, :rank]
    return len(mean), c, lam[:rank] + noise_std**2, (faces - mean).square().sum(dim=1), noise_std**2


def by_pythagoras(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum() + (d - rank) * math.log(s2)
    return -0.5 * (constant + (c**2 / var).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def by_woodbury(faces, model, rank, noise_std):
    mean, E, lam = model
    E, lam, d, s2 = E[:, :rank], lam[:rank], len(mean), noise_std**2
    x = faces - mean
    inverse_x = x / s2 - (x @ E) * (lam / (s2 * (lam + s2))) @ E.T
    log_det = torch.log1p(lam / s2).sum() + d * math.log(s2)
    return -0.5 * ((x * inverse_x).sum(-1) + log_det + d * math.log(2 * math.pi))


def low_rank_distribution(faces, model, rank, noise_std):
    mean, E, lam = model
    factor = E[:, :rank] * lam[:rank].sqrt()
    noise = torch.full_like(mean, noise_std**2)
    return torch.distributions.LowRankMultivariateNormal(mean, factor, noise).log_prob(faces)


def face_by_face(faces, model, rank, noise_std):
    mean, E, lam = model
    values = []
    for face in faces:
        x = face - mean
        value = -0.5 * len(mean) * math.log(2 * math.pi)
        for i in range(rank):
            c = (x @ E[:, i]).item()
            value -= 0.5 * (math.log(lam[i] + noise_std**2) + c**2 / (lam[i].item() + noise_std**2))
            x = x - c * E[:, i]
        values.append(value - (len(mean) - rank) * math.log(noise_std) - 0.5 * (x @ x).item() / noise_std**2)
    return torch.tensor(values, dtype=torch.float64)


def likelihood_in_float32(faces, model, rank, noise_std):
    return by_pythagoras(faces.float(), [part.float() for part in model], rank, noise_std)


def likelihood_without_half(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum() + (d - rank) * math.log(s2)
    return -0.5 * constant - (c**2 / var).sum(dim=1) - (total - (c**2).sum(dim=1)) / s2


def likelihood_without_half_anywhere(faces, model, rank, noise_std):
    return 2 * by_pythagoras(faces, model, rank, noise_std)


def likelihood_negative(faces, model, rank, noise_std):
    return -by_pythagoras(faces, model, rank, noise_std)


def likelihood_exponent_sign(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum() + (d - rank) * math.log(s2)
    return -0.5 * (constant - (c**2 / var).sum(dim=1) - (total - (c**2).sum(dim=1)) / s2)


def likelihood_determinant_sign(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) - torch.log(var).sum() - (d - rank) * math.log(s2)
    return -0.5 * (constant + (c**2 / var).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def likelihood_without_constant(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank, noise_std) + 0.5 * faces.shape[1] * math.log(2 * math.pi)


def likelihood_constant_once(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank, noise_std) + 0.5 * (faces.shape[1] - 1) * math.log(2 * math.pi)


def likelihood_without_determinant(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    return -0.5 * (d * math.log(2 * math.pi) + (c**2 / var).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def likelihood_only_the_exponent(faces, model, rank, noise_std):
    _, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    return -0.5 * ((c**2 / var).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def likelihood_determinant_without_noise_directions(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum()
    return -0.5 * (constant + (c**2 / var).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def likelihood_noise_counted_d_times(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum() + d * math.log(s2)
    return -0.5 * (constant + (c**2 / var).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def likelihood_noise_not_squared(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank, math.sqrt(noise_std))


def likelihood_roots_of_eigenvalues(faces, model, rank, noise_std):
    mean, E, lam = model
    return by_pythagoras(faces, (mean, E, lam.sqrt()), rank, noise_std)


def likelihood_squared_eigenvalues(faces, model, rank, noise_std):
    mean, E, lam = model
    return by_pythagoras(faces, (mean, E, lam**2), rank, noise_std)


def likelihood_without_the_outside(faces, model, rank, noise_std):
    d, c, var, _, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum() + (d - rank) * math.log(s2)
    return -0.5 * (constant + (c**2 / var).sum(dim=1))


def likelihood_of_the_coefficients(faces, model, rank, noise_std):
    _, c, var, _, _ = _parts(faces, model, rank, noise_std)
    return -0.5 * (rank * math.log(2 * math.pi) + torch.log(var).sum() + (c**2 / var).sum(dim=1))


def likelihood_inside_counted_twice(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum() + (d - rank) * math.log(s2)
    return -0.5 * (constant + (c**2 / var).sum(dim=1) + total / s2)


def likelihood_no_noise_in_the_subspace(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var - s2).sum() + (d - rank) * math.log(s2)
    return -0.5 * (constant + (c**2 / (var - s2)).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def likelihood_without_mean(faces, model, rank, noise_std):
    mean, E, lam = model
    return by_pythagoras(faces, (torch.zeros_like(mean), E, lam), rank, noise_std)


def likelihood_all_ranks(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, len(model[2]), noise_std)


def likelihood_one_more(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank + 1, noise_std)


def likelihood_summed(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank, noise_std).sum()


def likelihood_with_sums_over_faces(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    log_det = torch.log(var).sum() + (d - rank) * math.log(s2)
    return -0.5 * (d * math.log(2 * math.pi) + log_det + (c**2 / var).sum() + (total - (c**2).sum(dim=1)) / s2)


def likelihood_coefficients_not_squared(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    log_det = torch.log(var).sum() + (d - rank) * math.log(s2)
    return -0.5 * (d * math.log(2 * math.pi) + log_det + (c / var).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def likelihood_as_a_column(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank, noise_std)[:, None]


def likelihood_density(faces, model, rank, noise_std):
    return torch.exp(by_pythagoras(faces, model, rank, noise_std))


def likelihood_per_pixel(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank, noise_std) / faces.shape[1]


def likelihood_in_bits(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank, noise_std) / math.log(2)


def likelihood_dense(faces, model, rank, noise_std):
    mean, E, lam = model
    C = E[:, :rank] @ torch.diag(lam[:rank]) @ E[:, :rank].T + noise_std**2 * torch.eye(len(mean), dtype=E.dtype)
    return torch.distributions.MultivariateNormal(mean, C).log_prob(faces)


def likelihood_by_determinant(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    determinant = torch.prod(var) * torch.tensor(s2, dtype=torch.float64) ** (d - rank)
    constant = d * math.log(2 * math.pi) + torch.log(determinant)
    return -0.5 * (constant + (c**2 / var).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def likelihood_centres_in_place(faces, model, rank, noise_std):
    mean, E, lam = model
    faces -= mean
    return by_pythagoras(faces, (torch.zeros_like(mean), E, lam), rank, noise_std)


def likelihood_constant(faces, model, rank, noise_std):
    return torch.zeros(len(faces), dtype=faces.dtype)


# --- more of each kind, from a second list written without looking at the checks -----------------------------------


def likelihood_by_the_low_rank_distribution(faces, model, rank, noise_std):
    mean, E, lam = model
    variance = torch.full_like(mean, noise_std**2)
    return torch.distributions.LowRankMultivariateNormal(mean, E[:, :rank] * lam[:rank].sqrt(), variance).log_prob(
        faces
    )


def likelihood_log_sigma_outside(faces, model, rank, noise_std):
    d = len(model[0])
    return likelihood_by_the_low_rank_distribution(faces, model, rank, noise_std) + 0.5 * (d - rank) * math.log(
        noise_std
    )


def likelihood_sigma_added_to_lambda(faces, model, rank, noise_std):
    mean, E, lam = model[0], model[1][:, :rank], model[2][:rank]
    c, variance = (faces - mean) @ E, lam + noise_std
    outside = ((faces - mean) ** 2).sum(1) - (c**2).sum(1)
    log_det = variance.log().sum() + (len(mean) - rank) * math.log(noise_std**2)
    return -0.5 * (len(mean) * math.log(2 * math.pi) + log_det + (c**2 / variance).sum(1) + outside / noise_std**2)


# --- a third list, written without looking at the checks: constants of the notebook, π, half of a formula -----------


def svd_of_a_triangle(faces):
    mean, X = _centred(faces)
    Q, R = torch.linalg.qr(X.T)
    U, S, _ = torch.linalg.svd(R)
    r = len(faces) - 1
    return mean, (Q @ U)[:, :r], S[:r] ** 2 / len(faces)


def fit_undetached(faces):
    return thin_svd(faces.clone().requires_grad_(True))


def fit_rows_of_v(faces):
    mean, X = _centred(faces)
    _, S, V = torch.linalg.svd(X, full_matrices=False)
    return mean, V[:, : len(X) - 1], S[:-1] ** 2 / len(X)


def fit_divided_twice(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E, lam / len(faces)


def fit_for_320_faces(faces):
    mean, X = _centred(faces)
    _, S, Vt = torch.linalg.svd(X, full_matrices=False)
    return mean, Vt[:-1].T, S[:-1] ** 2 / 320


def fit_rank_n_minus_2(faces):
    mean, E, lam = thin_svd(faces)
    return mean, E[:, :-1], lam[:-1]


def fit_as_a_dictionary(faces):
    return dict(zip(("mean", "eigenvectors", "eigenvalues"), thin_svd(faces), strict=True))


def fit_zero_mean_returned(faces):
    mean, E, lam = thin_svd(faces)
    return torch.zeros_like(mean), E, lam


def fit_by_the_general_eigenproblem(faces):
    mean, X = _centred(faces)
    values, w = torch.linalg.eig(X @ X.T / len(X))
    E = X.T.to(w.dtype) @ w[:, :-1]
    return mean, E / E.norm(dim=0), values[:-1]


def fit_not_centred_and_no_mean(faces):
    _, S, Vt = torch.linalg.svd(faces, full_matrices=False)
    return torch.zeros_like(faces[0]), Vt[:-1].T, S[:-1] ** 2 / len(faces)


def sample_by_torch_normal(mean, eigenvectors, eigenvalues, n, generator):
    std = eigenvalues.sqrt().expand(n, -1)
    return mean + torch.normal(torch.zeros_like(std), std, generator=generator) @ eigenvectors.T


def sample_by_einsum(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return torch.einsum("nr,r,dr->nd", z, eigenvalues**0.5, eigenvectors) + mean[None]


def sample_with_a_new_generator_a_row(mean, eigenvectors, eigenvalues, n, generator):
    rows = [
        torch.randn(len(eigenvalues), generator=torch.Generator().manual_seed(0), dtype=mean.dtype) for _ in range(n)
    ]
    return mean + (torch.stack(rows) * eigenvalues.sqrt()) @ eigenvectors.T


def sample_from_the_initial_seed(mean, eigenvectors, eigenvalues, n, generator):
    fresh = torch.Generator().manual_seed(generator.initial_seed())
    return latent_times_roots(mean, eigenvectors, eigenvalues, n, fresh)


def sample_squared_eigenvalues(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return mean + (z * eigenvalues**2) @ eigenvectors.T


def sample_twice_the_mean(mean, eigenvectors, eigenvalues, n, generator):
    return mean + latent_times_roots(mean, eigenvectors, eigenvalues, n, generator)


def sample_twice_as_far(mean, eigenvectors, eigenvalues, n, generator):
    return 2 * latent_times_roots(mean, eigenvectors, eigenvalues, n, generator) - mean


def sample_of_the_wrong_kind_of_list(mean, eigenvectors, eigenvalues, n, generator):
    return list(latent_times_roots(mean, eigenvectors, eigenvalues, n, generator))


def sample_of_unit_norm(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    z = z / z.norm(dim=1, keepdim=True)
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T


def sample_like_without_generator(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn_like(eigenvalues.expand(n, -1))
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T


def sample_codes_only(mean, eigenvectors, eigenvalues, n, generator):
    return torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype) * eigenvalues.sqrt()


def projection_of_what_is_left(face, mean, eigenvectors, rank):
    left, p = face - mean, mean
    for e in eigenvectors.T[:rank]:
        c = (left * e).sum()
        left, p = left - c * e, p + c * e
    return p


def projection_undetached(face, mean, eigenvectors, rank):
    return matrix_formula(face, mean, eigenvectors.clone().requires_grad_(True), rank)


def project_on_twenty(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :20]
    return mean + E @ (E.T @ (face - mean))


def project_next_axis(face, mean, eigenvectors, rank):
    e = eigenvectors[:, rank]
    return mean + e * (e @ (face - mean))


def project_from_the_second_axis(face, mean, eigenvectors, rank):
    E = eigenvectors[:, 1:rank]
    return mean + E @ (E.T @ (face - mean))


def project_mean_added_twice(face, mean, eigenvectors, rank):
    return mean + matrix_formula(face, mean, eigenvectors, rank)


def project_half_way(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return mean + 0.5 * E @ (E.T @ (face - mean))


def project_unit_coefficients(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    c = E.T @ (face - mean)
    return mean + E @ (c / c.norm())


def project_squared_coefficients(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return mean + E @ (E.T @ (face - mean)) ** 2


def project_as_an_image(face, mean, eigenvectors, rank):
    return matrix_formula(face, mean, eigenvectors, rank).reshape(112, 92)


def project_summed_coefficients(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return mean + E.sum(dim=1) * (E.T @ (face - mean)).sum()


def likelihood_axis_by_axis(faces, model, rank, noise_std):
    mean, E, lam = model[0], model[1][:, :rank], model[2][:rank]
    c = (faces - mean) @ E
    inside = torch.distributions.Normal(0.0, (lam + noise_std**2).sqrt()).log_prob(c).sum(dim=1)
    left = faces - mean - c @ E.T
    white = (left.square() / noise_std**2).sum(dim=1) + (len(mean) - rank) * math.log(2 * math.pi * noise_std**2)
    return inside - white / 2


def likelihood_undetached(faces, model, rank, noise_std):
    return by_pythagoras(faces.clone().requires_grad_(True), model, rank, noise_std)


def likelihood_minus_two_log_p(faces, model, rank, noise_std):
    return -2 * by_pythagoras(faces, model, rank, noise_std)


def likelihood_pi_forgotten(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank, noise_std) + 0.5 * faces.shape[1] * math.log(math.pi)


def likelihood_two_forgotten(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank, noise_std) + 0.5 * faces.shape[1] * math.log(2)


def likelihood_remaining_axes_of_the_model(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum() + (len(model[2]) - rank) * math.log(s2)
    return -0.5 * (constant + (c**2 / var).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def likelihood_global_noise(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank, 0.0727)


def likelihood_norms_subtracted(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum() + (d - rank) * math.log(s2)
    return -0.5 * (constant + (c**2 / var).sum(dim=1) + (total.sqrt() - c.norm(dim=1)) / s2)


def likelihood_outside_not_divided(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum() + (d - rank) * math.log(s2)
    return -0.5 * (constant + (c**2 / var).sum(dim=1) + total - (c**2).sum(dim=1))


def likelihood_half_on_the_exponent_only(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum() + (d - rank) * math.log(s2)
    return -constant - 0.5 * ((c**2 / var).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def likelihood_noise_in_the_determinant_only(faces, model, rank, noise_std):
    d, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum() + (d - rank) * math.log(s2)
    return -0.5 * (constant + (c**2 / (var - s2)).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def likelihood_number_of_faces_for_d(faces, model, rank, noise_std):
    _, c, var, total, s2 = _parts(faces, model, rank, noise_std)
    d = len(faces)
    constant = d * math.log(2 * math.pi) + torch.log(var).sum() + (d - rank) * math.log(s2)
    return -0.5 * (constant + (c**2 / var).sum(dim=1) + (total - (c**2).sum(dim=1)) / s2)


def likelihood_averaged(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank, noise_std).mean()


def likelihood_in_a_list(faces, model, rank, noise_std):
    return by_pythagoras(faces, model, rank, noise_std).tolist()


# --- condition -------------------------------------------------------------------------------------------------------


def _posterior(face, mask, model, noise_std):
    """Return what a student has computed: μ, B, S and the right-hand side of S z = b."""
    mean, E, lam = model
    B = E * lam.sqrt()
    S = torch.eye(B.shape[1], dtype=B.dtype) + B[mask].T @ B[mask] / noise_std**2
    return mean, B, S, B[mask].T @ (face - mean)[mask] / noise_std**2


def condition_by_cholesky(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    L = torch.linalg.cholesky(S)
    return mean + B @ torch.linalg.solve(S, b), torch.linalg.solve_triangular(L, B.T, upper=False).T


def condition_by_the_symmetric_root(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    values, Q = torch.linalg.eigh(S)
    return mean + B @ (Q @ (Q.T @ b / values)), B @ (Q / values.sqrt()) @ Q.T


def condition_by_the_inverse(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    covariance = torch.linalg.inv(S)
    return mean + B @ covariance @ b, B @ torch.linalg.cholesky(covariance)


def condition_in_the_eigenbasis(face, mask, model, noise_std):
    mean, E, lam = model
    E_seen = torch.where(mask[:, None], E, 0.0)
    S = torch.diag(1 / lam) + E_seen.T @ E_seen / noise_std**2
    c = torch.linalg.solve(S, E_seen.T @ (face - mean) / noise_std**2)
    return mean + E @ c, E @ torch.linalg.cholesky(torch.linalg.inv(S))


def condition_by_least_squares(face, mask, model, noise_std):
    mean, E, lam = model
    B = E * lam.sqrt()
    k = len(lam)
    stacked = torch.cat([B[mask] / noise_std, torch.eye(k, dtype=B.dtype)])
    target = torch.cat([(face - mean)[mask] / noise_std, torch.zeros(k, dtype=B.dtype)])
    z = torch.linalg.lstsq(stacked, target[:, None]).solution[:, 0]
    R = torch.linalg.qr(stacked).R
    return mean + B @ z, B @ torch.linalg.inv(R)


def condition_in_float32(face, mask, model, noise_std):
    return condition_by_cholesky(face.float(), mask, [part.float() for part in model], noise_std)


def condition_undetached(face, mask, model, noise_std):
    return condition_by_cholesky(face.clone().requires_grad_(True), mask, model, noise_std)


def condition_mean_not_subtracted(face, mask, model, noise_std):
    mean, B, S, _ = _posterior(face, mask, model, noise_std)
    b = B[mask].T @ face[mask] / noise_std**2
    return mean + B @ torch.linalg.solve(S, b), _factor(B, S)


def _factor(B, S):
    return torch.linalg.solve_triangular(torch.linalg.cholesky(S), B.T, upper=False).T


def condition_mean_not_added(face, mask, model, noise_std):
    _, B, S, b = _posterior(face, mask, model, noise_std)
    return B @ torch.linalg.solve(S, b), _factor(B, S)


def condition_noise_not_squared(face, mask, model, noise_std):
    return condition_by_cholesky(face, mask, model, math.sqrt(noise_std))


def condition_without_prior(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    S = S - torch.eye(len(S), dtype=S.dtype)
    return mean + B @ torch.linalg.solve(S, b), _factor(B, S)


def condition_on_the_hidden(face, mask, model, noise_std):
    return condition_by_cholesky(face, ~mask, model, noise_std)


def condition_on_all_pixels(face, mask, model, noise_std):
    return condition_by_cholesky(face, torch.ones_like(mask), model, noise_std)


def condition_on_a_masked_face(face, mask, model, noise_std):
    return condition_by_cholesky(face * mask, torch.ones_like(mask), model, noise_std)


def condition_eigenvalues_for_roots(face, mask, model, noise_std):
    mean, E, lam = model
    return condition_by_cholesky(face, mask, (mean, E, lam**2), noise_std)


def condition_white_prior(face, mask, model, noise_std):
    mean, E, lam = model
    return condition_by_cholesky(face, mask, (mean, E, torch.ones_like(lam)), noise_std)


def condition_prior_inverted(face, mask, model, noise_std):
    mean, E, lam = model
    return condition_by_cholesky(face, mask, (mean, E, 1 / lam), noise_std)


def condition_covariance_for_its_root(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    inverse = torch.linalg.inv(S)
    return mean + B @ inverse @ b, B @ inverse


def condition_root_not_transposed(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    return mean + B @ torch.linalg.solve(S, b), B @ torch.linalg.inv(torch.linalg.cholesky(S))


def condition_root_of_the_precision(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    return mean + B @ torch.linalg.solve(S, b), B @ torch.linalg.cholesky(S)


def condition_factor_of_the_prior(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    return mean + B @ torch.linalg.solve(S, b), B


def condition_factor_of_z(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    return mean + B @ torch.linalg.solve(S, b), torch.linalg.cholesky(torch.linalg.inv(S))


def condition_full_covariance(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    return mean + B @ torch.linalg.solve(S, b), B @ torch.linalg.inv(S) @ B.T


def condition_mean_only(face, mask, model, noise_std):
    return condition_by_cholesky(face, mask, model, noise_std)[0]


def condition_visible_pixels_kept(face, mask, model, noise_std):
    m, F = condition_by_cholesky(face, mask, model, noise_std)
    return torch.where(mask, face, m), F


def condition_noise_missing_on_the_right(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    return mean + B @ torch.linalg.solve(S, noise_std**2 * b), _factor(B, S)


def condition_noise_missing_in_the_matrix(face, mask, model, noise_std):
    mean, B, _, b = _posterior(face, mask, model, noise_std)
    S = torch.eye(B.shape[1], dtype=B.dtype) + B[mask].T @ B[mask]
    return mean + B @ torch.linalg.solve(S, b), _factor(B, S)


def condition_code_returned(face, mask, model, noise_std):
    _, B, S, b = _posterior(face, mask, model, noise_std)
    return torch.linalg.solve(S, b), _factor(B, S)


def condition_minus(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    return mean - B @ torch.linalg.solve(S, b), _factor(B, S)


def condition_factor_without_noise(face, mask, model, noise_std):
    mean, B, S, b = _posterior(face, mask, model, noise_std)
    return mean + B @ torch.linalg.solve(S, b), _factor(B, noise_std**2 * S)


def condition_in_place(face, mask, model, noise_std):
    mean = model[0]
    face -= mean
    return condition_by_cholesky(face + mean, mask, model, noise_std)


def condition_dense(face, mask, model, noise_std):
    mean, E, lam = model
    C = E @ torch.diag(lam) @ E.T
    gain = C[:, mask] @ torch.linalg.inv(C[mask][:, mask] + noise_std**2 * torch.eye(int(mask.sum()), dtype=C.dtype))
    posterior = C - gain @ C[mask]
    values, Q = torch.linalg.eigh(posterior)
    return mean + gain @ (face - mean)[mask], Q * values.clamp(min=0).sqrt()


def condition_projection_of_the_visible(face, mask, model, noise_std):
    mean, E, lam = model
    return mean + E @ (E[mask].T @ (face - mean)[mask]), E * lam.sqrt()


def condition_global_noise(face, mask, model, noise_std):
    return condition_by_cholesky(face, mask, model, 0.0727)


def condition_the_mean_face(face, mask, model, noise_std):
    mean, E, lam = model
    return mean, E * lam.sqrt()


def condition_numpy(face, mask, model, noise_std):
    m, F = condition_by_cholesky(face, mask, model, noise_std)
    return m.numpy(), F.numpy()


RIGHT = {
    "fit_gaussian": [
        thin_svd,
        svd_of_the_transpose,
        fit_by_gram_matrix,
        mean_by_a_loop_and_list,
        svd_in_float32,
        svd_by_numpy,
        svd_of_a_triangle,
        fit_undetached,
    ],
    "sample_gaussian": [
        latent_times_roots,
        one_sample_at_a_time,
        columns_then_transpose,
        lectures_z_in_d_dimensions,
        samples_in_float32,
        sample_by_torch_normal,
        sample_by_einsum,
    ],
    "project": [
        matrix_formula,
        sum_over_eigenvectors,
        least_squares,
        masked_coefficients,
        projection_in_float32,
        projection_of_what_is_left,
        projection_undetached,
    ],
    "log_likelihood": [
        likelihood_by_the_low_rank_distribution,
        by_pythagoras,
        by_woodbury,
        low_rank_distribution,
        face_by_face,
        likelihood_in_float32,
        likelihood_axis_by_axis,
        likelihood_undetached,
    ],
    "condition": [
        condition_by_cholesky,
        condition_by_the_symmetric_root,
        condition_by_the_inverse,
        condition_in_the_eigenbasis,
        condition_by_least_squares,
        condition_in_float32,
        condition_undetached,
    ],
}

WRONG = {
    "fit_gaussian": [
        ("mean", fit_without_centring),
        ("normalisation", fit_with_n_minus_1),
        ("normalisation", fit_without_division),
        ("normalisation", fit_divided_by_pixels),
        ("square-root", fit_singular_values),
        ("square-root", fit_singular_values_over_n),
        ("square-root", fit_standard_deviations),
        ("transpose", fit_eigenvectors_in_rows),
        ("transpose|shape", fit_u_for_v),
        ("order", fit_ascending),
        ("order", fit_only_values_sorted),
        ("rank", fit_rank_n),
        ("rank", fit_first_two_only),
        ("too-slow", fit_full_svd),
        ("too-slow", fit_covariance_matrix),
        ("normalisation", fit_gram_unnormalised),
        ("rank|not-finite", fit_gram_zero_direction),
        ("normalisation|square-root", fit_scaled_eigenvectors),
        ("mean|axis", fit_mean_of_each_face),
        ("mean", fit_mean_of_everything),
        ("shape", fit_mean_kept_as_a_row),
        ("mean|normalisation", fit_sum_for_mean),
        ("mean", fit_median),
        ("normalisation", fit_standardised),
        ("mutates-input", fit_in_place),
        ("order", fit_values_before_vectors),
        ("shape", fit_diagonal_matrix),
        ("type", fit_mean_forgotten_in_the_result),
        ("not-finite", fit_nan),
        ("mean|constant", fit_constant),
        ("shape|transpose", fit_rows_of_v),
        ("normalisation", fit_divided_twice),
        ("normalisation", fit_for_320_faces),
        ("rank", fit_rank_n_minus_2),
        ("type", fit_as_a_dictionary),
        ("mean", fit_zero_mean_returned),
        ("complex|order", fit_by_the_general_eigenproblem),
        ("mean", fit_not_centred_and_no_mean),
    ],
    "sample_gaussian": [
        ("too-slow", sample_by_a_large_root),
        ("square-root", sample_with_eigenvalues),
        ("weight|square-root", sample_white_in_the_subspace),
        ("square-root", sample_divided_by_roots),
        ("mean", sample_without_mean),
        ("mean|sign", sample_minus_mean),
        ("mean", sample_mean_scaled_too),
        ("randomness", sample_ignores_generator),
        ("randomness", sample_by_numpy),
        ("randomness", sample_reseeds),
        ("randomness", sample_uniform),
        ("randomness", sample_centred_uniform),
        ("randomness|sign|mean", sample_absolute_values),
        ("randomness|rank", sample_one_z_for_all),
        ("randomness|rank", sample_one_number_each),
        ("rank", sample_independent_pixels),
        ("rank", sample_plus_pixel_noise),
        ("normalisation", sample_scaled_by_the_rank),
        ("order", sample_ascending_eigenvalues),
        ("transpose|shape", sample_in_columns),
        ("shape", sample_only_one),
        ("exception|transpose|shape", sample_transpose_forgotten),
        ("clipping", sample_clipped),
        ("rank|truncation", sample_first_axis_only),
        ("constant", sample_the_mean),
        ("type", sample_numpy_array),
        ("mutates-input", sample_root_in_place),
        ("randomness", sample_with_a_new_generator_a_row),
        ("randomness", sample_from_the_initial_seed),
        ("square-root", sample_squared_eigenvalues),
        ("mean", sample_twice_the_mean),
        ("normalisation|weight", sample_twice_as_far),
        ("type", sample_of_the_wrong_kind_of_list),
        ("normalisation|randomness", sample_of_unit_norm),
        ("randomness", sample_like_without_generator),
        ("shape", sample_codes_only),
    ],
    "project": [
        ("too-slow", project_by_a_large_matrix),
        ("mean", project_without_mean),
        ("mean", project_mean_not_subtracted),
        ("mean", project_mean_not_added),
        ("mean|sign", project_mean_subtracted_twice),
        ("sign", project_mean_minus_face),
        ("truncation|rank", project_on_all),
        ("truncation|rank", project_one_more),
        ("truncation|rank", project_one_less),
        ("truncation|rank", project_only_the_last_of_them),
        ("order", project_on_the_smallest),
        ("exception|transpose|axis|shape", project_rows_for_columns),
        ("shape", project_coefficients),
        ("value", project_padded_coefficients),
        ("sign|value|adjoint", project_residual),
        ("sign|value", project_on_the_complement),
        ("clipping", project_clipped),
        ("sign|value", project_absolute_coefficients),
        ("identity", project_the_face_itself),
        ("constant", project_the_mean),
        ("mutates-input", project_in_place),
        ("shape", project_as_a_column),
        ("type", project_numpy),
        ("not-finite", project_nan),
        ("truncation|rank", project_on_twenty),
        ("truncation|rank|exception", project_next_axis),
        ("truncation|rank", project_from_the_second_axis),
        ("mean", project_mean_added_twice),
        ("weight|normalisation", project_half_way),
        ("weight|normalisation", project_unit_coefficients),
        ("square-root|value", project_squared_coefficients),
        ("shape|exception", project_as_an_image),
        ("value|order", project_summed_coefficients),
    ],
    "log_likelihood": [
        ("square-root", likelihood_sigma_added_to_lambda),
        ("square-root", likelihood_log_sigma_outside),
        ("weight", likelihood_without_half),
        ("weight", likelihood_without_half_anywhere),
        ("sign", likelihood_negative),
        ("sign", likelihood_exponent_sign),
        ("sign", likelihood_determinant_sign),
        ("normalisation", likelihood_without_constant),
        ("normalisation", likelihood_constant_once),
        ("normalisation", likelihood_without_determinant),
        ("normalisation", likelihood_only_the_exponent),
        ("normalisation|rank", likelihood_determinant_without_noise_directions),
        ("normalisation|rank", likelihood_noise_counted_d_times),
        ("square-root", likelihood_noise_not_squared),
        ("square-root", likelihood_roots_of_eigenvalues),
        ("square-root", likelihood_squared_eigenvalues),
        ("truncation|rank", likelihood_without_the_outside),
        ("truncation|rank", likelihood_of_the_coefficients),
        ("weight|value", likelihood_inside_counted_twice),
        ("weight|value", likelihood_no_noise_in_the_subspace),
        ("mean", likelihood_without_mean),
        ("truncation|rank", likelihood_all_ranks),
        ("truncation|rank", likelihood_one_more),
        ("shape", likelihood_summed),
        ("shape", likelihood_as_a_column),
        ("axis", likelihood_with_sums_over_faces),
        ("value|square-root", likelihood_coefficients_not_squared),
        ("value", likelihood_density),
        ("normalisation", likelihood_per_pixel),
        ("normalisation|value", likelihood_in_bits),
        ("too-slow", likelihood_dense),
        ("not-finite", likelihood_by_determinant),
        ("mutates-input", likelihood_centres_in_place),
        ("constant", likelihood_constant),
        ("weight|sign", likelihood_minus_two_log_p),
        ("normalisation", likelihood_pi_forgotten),
        ("normalisation", likelihood_two_forgotten),
        ("normalisation|rank", likelihood_remaining_axes_of_the_model),
        ("weight|value", likelihood_global_noise),
        ("square-root", likelihood_norms_subtracted),
        ("weight", likelihood_outside_not_divided),
        ("weight", likelihood_half_on_the_exponent_only),
        ("weight|value", likelihood_noise_in_the_determinant_only),
        ("normalisation|axis|rank", likelihood_number_of_faces_for_d),
        ("shape", likelihood_averaged),
        ("type", likelihood_in_a_list),
    ],
    "condition": [
        ("mean", condition_mean_not_subtracted),
        ("mean", condition_mean_not_added),
        ("square-root", condition_noise_not_squared),
        ("weight|value|not-finite", condition_without_prior),
        ("value|sign", condition_on_the_hidden),
        ("value", condition_on_all_pixels),
        ("value", condition_on_a_masked_face),
        ("square-root", condition_eigenvalues_for_roots),
        ("square-root|weight", condition_white_prior),
        ("value|weight", condition_prior_inverted),
        ("square-root", condition_covariance_for_its_root),
        ("transpose", condition_root_not_transposed),
        ("value|square-root", condition_root_of_the_precision),
        ("value|constant", condition_factor_of_the_prior),
        ("shape", condition_factor_of_z),
        ("shape|square-root", condition_full_covariance),
        ("type", condition_mean_only),
        ("value", condition_visible_pixels_kept),
        ("weight", condition_noise_missing_on_the_right),
        ("weight", condition_noise_missing_in_the_matrix),
        ("shape", condition_code_returned),
        ("sign", condition_minus),
        ("weight|normalisation", condition_factor_without_noise),
        ("mutates-input", condition_in_place),
        ("too-slow|shape", condition_dense),
        ("value", condition_projection_of_the_visible),
        ("weight|value", condition_global_noise),
        ("constant|value", condition_the_mean_face),
        ("type", condition_numpy),
    ],
}


# --- the explorer -----------------------------------------------------------------------------------------------------


def small_face_model():
    faces = 0.5 + 0.15 * torch.randn(9, 14 * 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return fit_gaussian(faces), (14, 11)


def face_of_the_controls(values):
    z = torch.tensor([values[f"z_{i + 1}"] for i in range(3)], dtype=torch.float64)
    return face_picture(z[: values["rank"]], *small_face_model())


EXPLORERS = {"explore_faces": ExplorerCase(lambda: explore_faces(*small_face_model(), count=3), face_of_the_controls)}


# --- written blind, from the text of the notebook alone ---------------------------------------------------------------


def fit_gaussian_blind_pca_lowrank_with_its_default_of_six(faces):
    N = len(faces)
    mean = faces.mean(0)
    _, S, V = torch.pca_lowrank(faces)
    return mean, V, S**2 / N


def fit_gaussian_blind_gram_trick(faces):
    N = faces.shape[0]
    mean = sum(faces) / N
    X = faces - mean
    lam, U = torch.linalg.eigh(X @ X.T / N)
    order = torch.argsort(lam, descending=True)[:-1]
    lam, U = lam[order], U[:, order]
    E = torch.einsum("nd,nr->dr", X, U) / torch.sqrt(N * lam)
    return mean, E, lam


def sample_gaussian_blind_dimensions_z_has_shape_n_d_raises(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(mean), generator=generator, dtype=mean.dtype)
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors.T


def sample_gaussian_blind_eigenvectors_without_transpose_raises(mean, eigenvectors, eigenvalues, n, generator):
    z = torch.randn(n, len(eigenvalues), generator=generator, dtype=mean.dtype)
    return mean + (z * eigenvalues.sqrt()) @ eigenvectors


def sample_gaussian_blind_drops_the_dimension_when_it_returns_the(mean, eigenvectors, eigenvalues, n, generator):
    for _i in range(n):
        z = torch.randn(len(eigenvalues), generator=generator, dtype=mean.dtype)
        return mean + eigenvectors @ (eigenvalues.sqrt() * z)
    return None


def sample_gaussian_blind_einsum_with_diag(mean, eigenvectors, eigenvalues, n, generator):
    B = eigenvectors @ torch.diag(eigenvalues**0.5)
    z = torch.normal(0.0, 1.0, (B.shape[1], n), generator=generator, dtype=B.dtype)
    return torch.einsum("dr,rn->nd", B, z) + mean[None, :]


def project_blind_first_rank_rows_instead_of_columns(face, mean, eigenvectors, rank):
    E = eigenvectors[:rank]
    return mean + E @ (E.T @ (face - mean))


def project_blind_only_the_eigenvector_number_rank(face, mean, eigenvectors, rank):
    e = eigenvectors[:, rank - 1]
    return mean + e * (e @ (face - mean))


def project_blind_returns_the_coefficients(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return E.T @ (face - mean)


def project_blind_e_t_first_raises_on_shapes(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    return mean + E.T @ (E @ (face - mean))


def project_blind_least_squares(face, mean, eigenvectors, rank):
    E = eigenvectors[:, :rank]
    c = torch.linalg.lstsq(E, (face - mean)[:, None]).solution
    return mean + (E @ c).squeeze(1)


def log_likelihood_blind_log10(faces, model, rank, noise_std):
    mean, E, lam = model[0], model[1][:, :rank], model[2][:rank]
    d, var = len(mean), lam + noise_std**2
    c = (faces - mean) @ E
    outside = (faces - mean).square().sum(1) - c.square().sum(1)
    return -0.5 * (
        d * math.log10(2 * math.pi)
        + var.log10().sum()
        + (d - rank) * math.log10(noise_std**2)
        + (c**2 / var).sum(1)
        + outside / noise_std**2
    )


def log_likelihood_blind_sums_over_all_the_faces_one_number(faces, model, rank, noise_std):
    mean, E, lam = model[0], model[1][:, :rank], model[2][:rank]
    d, var = len(mean), lam + noise_std**2
    c = (faces - mean) @ E
    outside = (faces - mean).square().sum() - c.square().sum()
    return -0.5 * (
        d * math.log(2 * math.pi)
        + var.log().sum()
        + (d - rank) * math.log(noise_std**2)
        + (c**2 / var).sum()
        + outside / noise_std**2
    )


def log_likelihood_blind_mean_not_subtracted_in_the_code(faces, model, rank, noise_std):
    mean, E, lam = model[0], model[1][:, :rank], model[2][:rank]
    d, var = len(mean), lam + noise_std**2
    c = faces @ E
    outside = (faces - mean).square().sum(1) - c.square().sum(1)
    return -0.5 * (
        d * math.log(2 * math.pi)
        + var.log().sum()
        + (d - rank) * math.log(noise_std**2)
        + (c**2 / var).sum(1)
        + outside / noise_std**2
    )


def log_likelihood_blind_math_log_of_a_tensor_sum_of(faces, model, rank, noise_std):
    mean, E, lam = model[0], model[1][:, :rank], model[2][:rank]
    d, var = len(mean), lam + noise_std**2
    c = (faces - mean) @ E
    outside = (faces - mean).square().sum(1) - c.square().sum(1)
    return -0.5 * (
        d * math.log(2 * math.pi)
        + var.sum().log()
        + (d - rank) * math.log(noise_std**2)
        + (c**2 / var).sum(1)
        + outside / noise_std**2
    )


def log_likelihood_blind_woodbury(faces, model, rank, noise_std):
    mu, E, lam = model
    B = E[:, :rank] * lam[:rank].sqrt()
    s2 = noise_std**2
    M = torch.eye(rank, dtype=B.dtype) + B.T @ B / s2
    x = faces - mu
    q = (x * x).sum(1) / s2 - torch.einsum("ni,ij,nj->n", x @ B, torch.linalg.inv(M), x @ B) / s2**2
    return -0.5 * (q + torch.logdet(M) + len(mu) * (math.log(s2) + math.log(2 * math.pi)))


def condition_blind_f_in_the_wrong_place_tuple_swapped(face, mask, model, noise_std):
    mean, E, lam = model
    B = E * lam.sqrt()
    Bs = B[mask]
    S = torch.eye(len(lam), dtype=B.dtype) + Bs.T @ Bs / noise_std**2
    b = Bs.T @ (face - mean)[mask] / noise_std**2
    z = torch.linalg.solve(S, b)
    return B @ torch.linalg.inv(torch.linalg.cholesky(S)).T, mean + B @ z


def condition_blind_float32_identity_of_the_wrong_size_20(face, mask, model, noise_std):
    mean, E, lam = model
    B = E * lam.sqrt()
    Bs = B[mask]
    S = torch.eye(20) + Bs.T @ Bs / noise_std**2
    b = Bs.T @ (face - mean)[mask] / noise_std**2
    z = torch.linalg.solve(S, b)
    return mean + B @ z, B @ torch.linalg.inv(torch.linalg.cholesky(S)).T


def condition_blind_f_restricted_to_the_hidden_pixels(face, mask, model, noise_std):
    mean, E, lam = model
    B = E * lam.sqrt()
    Bs = B[mask]
    S = torch.eye(len(lam), dtype=B.dtype) + Bs.T @ Bs / noise_std**2
    b = Bs.T @ (face - mean)[mask] / noise_std**2
    z = torch.linalg.solve(S, b)
    return mean + B @ z, B[~mask] @ torch.linalg.inv(torch.linalg.cholesky(S)).T


def condition_blind_kalman_form_on_data_space_with_svd(face, mask, model, noise_std):
    mean, E, lam = model
    B = E * lam.sqrt()
    A = B[mask] / noise_std
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    y = (face[mask] - mean[mask]) / noise_std
    z = Vt.T @ (s / (1 + s**2) * (U.T @ y))
    # vectors orthogonal to Vt keep variance one
    full = torch.linalg.svd(A.T @ A)
    return mean + B @ z, B @ full.U @ torch.diag((1 + full.S) ** -0.5)


BLIND_WRONG = [
    ("fit_gaussian", "rank", fit_gaussian_blind_pca_lowrank_with_its_default_of_six),
    ("sample_gaussian", "exception", sample_gaussian_blind_dimensions_z_has_shape_n_d_raises),
    ("sample_gaussian", "transpose", sample_gaussian_blind_eigenvectors_without_transpose_raises),
    ("sample_gaussian", "shape", sample_gaussian_blind_drops_the_dimension_when_it_returns_the),
    ("project", "shape", project_blind_first_rank_rows_instead_of_columns),
    ("project", "truncation", project_blind_only_the_eigenvector_number_rank),
    ("project", "shape", project_blind_returns_the_coefficients),
    ("project", "transpose", project_blind_e_t_first_raises_on_shapes),
    ("log_likelihood", "normalisation", log_likelihood_blind_log10),
    ("log_likelihood", "shape", log_likelihood_blind_sums_over_all_the_faces_one_number),
    ("log_likelihood", "mean", log_likelihood_blind_mean_not_subtracted_in_the_code),
    ("log_likelihood", "order", log_likelihood_blind_math_log_of_a_tensor_sum_of),
    ("condition", "order", condition_blind_f_in_the_wrong_place_tuple_swapped),
    ("condition", "shape", condition_blind_float32_identity_of_the_wrong_size_20),
    ("condition", "shape", condition_blind_f_restricted_to_the_hidden_pixels),
]
BLIND_RIGHT = [
    ("fit_gaussian", fit_gaussian_blind_gram_trick),
    ("sample_gaussian", sample_gaussian_blind_einsum_with_diag),
    ("project", project_blind_least_squares),
    ("log_likelihood", log_likelihood_blind_woodbury),
    ("condition", condition_blind_kalman_form_on_data_space_with_svd),
]
for _name, _cause, _answer in BLIND_WRONG:
    WRONG[_name].append((_cause, _answer))
for _name, _answer in BLIND_RIGHT:
    RIGHT[_name].append(_answer)
