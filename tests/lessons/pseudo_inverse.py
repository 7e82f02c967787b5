"""Answers to the exercises of notebook 06, right and wrong, as students write them."""

import math
import time

import numpy as np
import torch

from course_utils.explorers.pseudo_inverse import (
    _blurred_photograph,
    explore_pseudo_inverse,
    pseudo_inverse_picture,
)
from course_utils.fourier import kernel_to_transfer, laplacian_transfer
from course_utils.operators import blur, blur_adjoint
from tests.explorer_case import ExplorerCase

# --- pseudo_inverse(A) -----------------------------------------------------------------------------------------------


def by_thin_svd(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    kept = s > 1e-10 * s[0]
    return Vt[kept].T @ (U[:, kept] / s[kept]).T


def by_full_svd_and_a_rectangular_sigma(A):
    U, s, Vh = torch.linalg.svd(A)
    sigma = torch.zeros(A.shape[1], A.shape[0], dtype=A.dtype)
    for i in range(len(s)):
        if s[i] > 1e-10 * s.max():
            sigma[i, i] = 1 / s[i]
    return Vh.T @ sigma @ U.T


def by_a_sum_of_rank_one_matrices(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    result = torch.zeros(A.shape[1], A.shape[0], dtype=A.dtype)
    for i in range(len(s)):
        if s[i] / s[0] > 1e-10:
            result = result + torch.outer(Vt[i], U[:, i]) / s[i]
    return result


def by_eigenvectors_of_the_gram_matrix(A):
    values, V = torch.linalg.eigh(A.T @ A)
    kept = values > 1e-12 * values.max()
    V = V[:, kept]
    return V @ torch.diag(1 / values[kept]) @ V.T @ A.T


def by_torch(A):
    return torch.linalg.pinv(A, rtol=1e-10)


def by_svd_in_float32(A):
    U, s, Vt = torch.linalg.svd(A.float(), full_matrices=False)
    return Vt.T @ torch.diag(torch.where(s > 1e-5 * s.max(), 1 / s, torch.zeros_like(s))) @ U.T


def singular_values_all_inverted(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return Vt.T @ torch.diag(1 / s) @ U.T


def normal_equations(A):
    return torch.linalg.inv(A.T @ A) @ A.T


def u_and_v_not_exchanged(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return U @ torch.diag(torch.where(s > 1e-10 * s[0], 1 / s, 0.0)) @ Vt


def v_not_transposed(A):
    U, s, Vt = torch.linalg.svd(A)
    return Vt @ torch.diag(torch.where(s > 1e-10 * s[0], 1 / s, 0.0)) @ U.T


def u_not_transposed(A):
    U, s, Vt = torch.linalg.svd(A)
    return Vt.T @ torch.diag(torch.where(s > 1e-10 * s[0], 1 / s, 0.0)) @ U


def singular_values_not_inverted(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return Vt.T @ torch.diag(torch.where(s > 1e-10 * s[0], s, 0.0)) @ U.T


def inverse_of_the_eigenvalues_of_the_gram_matrix(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return Vt.T @ torch.diag(torch.where(s > 1e-10 * s[0], 1 / s**2, 0.0)) @ U.T


def ridge_with_a_fixed_weight(A):
    return torch.linalg.solve(A.T @ A + 1e-3 * torch.eye(A.shape[1], dtype=A.dtype), A.T)


def threshold_that_is_not_relative(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return Vt.T @ torch.diag(torch.where(s > 1e-8, 1 / s, 0.0)) @ U.T


def threshold_far_too_high(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return Vt.T @ torch.diag(torch.where(s > 0.1 * s.max(), 1 / s, 0.0)) @ U.T


def small_values_set_to_one(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    s = torch.where(s > 1e-10 * s.max(), s, 1.0)
    return Vt.T @ torch.diag(1 / s) @ U.T


def infinity_times_zero(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return Vt.T @ torch.diag((s > 1e-10 * s.max()) * (1 / s)) @ U.T


def matrix_scaled_in_place(A):
    scale = torch.linalg.matrix_norm(A, 2)
    A /= scale
    return torch.linalg.pinv(A) / scale


def pseudo_inverse_as_numpy(A):
    return np.linalg.pinv(A.numpy())


def one_over_every_entry(A):
    return torch.where(A.T.abs() > 1e-10, 1 / A.T, 0.0)


def matrix_of_zeros(A):
    return torch.zeros_like(A.T)


def the_matrix_itself(A):
    return A


def eigenvalues_for_singular_values(A):
    values, V = torch.linalg.eig(A)
    inverse = torch.where(values.abs() > 1e-10 * values.abs().max(), 1 / values, 0)
    return (V @ torch.diag(inverse) @ torch.linalg.inv(V)).real


# --- pseudo_inverse_deblur(v, kernel, tol) ---------------------------------------------------------------------------


def deblur_by_the_full_fft(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    v_hat = torch.fft.fft2(v)
    kept = k_hat.abs() > tol * k_hat.abs().max()
    return torch.fft.ifft2(torch.where(kept, v_hat / k_hat, 0)).real


def deblur_by_the_real_fft(v, kernel, tol):
    H, W = v.shape
    padded = torch.zeros(H, W, dtype=v.dtype)
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    padded = torch.roll(padded, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1))
    k_hat = torch.fft.rfft2(padded)
    ratio = torch.fft.rfft2(v) / k_hat
    ratio[k_hat.abs() <= tol * k_hat.abs().max()] = 0
    return torch.fft.irfft2(ratio, s=(H, W))


def deblur_by_conjugate_over_power(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    power = k_hat.abs() ** 2
    u_hat = torch.zeros_like(k_hat)
    kept = power > tol**2 * power.max()
    u_hat[kept] = torch.fft.fft2(v)[kept] * k_hat[kept].conj() / power[kept]
    return torch.real(torch.fft.ifft2(u_hat))


def deblur_in_float32(v, kernel, tol):
    return deblur_by_the_full_fft(v.float(), kernel.float(), tol)


def deblur_in_numpy_loops(v, kernel, tol):
    H, W = v.shape
    k_hat = kernel_to_transfer(kernel, (H, W))
    v_hat = torch.fft.fft2(v)
    top = k_hat.abs().max()
    for i in range(H):
        for j in range(W):
            v_hat[i, j] = v_hat[i, j] / k_hat[i, j] if abs(k_hat[i, j]) > tol * top else 0
    return torch.fft.ifft2(v_hat).real


def tolerance_not_relative(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return torch.fft.ifft2(torch.where(k_hat.abs() > tol, torch.fft.fft2(v) / k_hat, 0)).real


def tolerance_relative_to_the_mean(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    kept = k_hat.abs() > tol * k_hat.abs().mean()
    return torch.fft.ifft2(torch.where(kept, torch.fft.fft2(v) / k_hat, 0)).real


def tolerance_forgotten(v, kernel, tol):
    return torch.fft.ifft2(torch.fft.fft2(v) / kernel_to_transfer(kernel, v.shape)).real


def small_frequencies_left_as_observed(v, kernel, tol):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    kept = k_hat.abs() > tol * k_hat.abs().max()
    return torch.fft.ifft2(torch.where(kept, v_hat / k_hat, v_hat)).real


def modulus_clamped_from_below(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    floor = tol * k_hat.abs().max()
    k_hat = torch.where(k_hat.abs() > floor, k_hat, floor.to(k_hat.dtype))
    return torch.fft.ifft2(torch.fft.fft2(v) / k_hat).real


def kept_and_dropped_exchanged(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    kept = k_hat.abs() < tol * k_hat.abs().max()
    return torch.fft.ifft2(torch.where(kept & (k_hat.abs() > 0), torch.fft.fft2(v) / k_hat, 0)).real


def threshold_on_the_squared_modulus(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    power = k_hat.abs() ** 2
    return torch.fft.ifft2(torch.where(power > tol * power.max(), torch.fft.fft2(v) / k_hat, 0)).real


def threshold_on_the_real_part(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    kept = k_hat.real > tol * k_hat.real.max()
    return torch.fft.ifft2(torch.where(kept, torch.fft.fft2(v) / k_hat, 0)).real


def kernel_left_in_the_corner(v, kernel, tol):
    k_hat = torch.fft.fft2(kernel, s=v.shape)
    kept = k_hat.abs() > tol * k_hat.abs().max()
    return torch.fft.ifft2(torch.where(kept, torch.fft.fft2(v) / k_hat, 0)).real


def kernel_centred_one_pixel_off(v, kernel, tol):
    k_hat = torch.fft.fft2(torch.fft.fft2(kernel, s=v.shape).real * 0 + _padded(kernel, v.shape, 1))
    kept = k_hat.abs() > tol * k_hat.abs().max()
    return torch.fft.ifft2(torch.where(kept, torch.fft.fft2(v) / k_hat, 0)).real


def _padded(kernel, shape, shift):
    padded = torch.zeros(shape, dtype=kernel.dtype)
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    return padded.roll((-(kernel.shape[0] // 2) + shift, -(kernel.shape[1] // 2) + shift), (0, 1))


def divided_by_the_conjugate(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    kept = k_hat.abs() > tol * k_hat.abs().max()
    return torch.fft.ifft2(torch.where(kept, torch.fft.fft2(v) / k_hat.conj(), 0)).real


def divided_by_the_modulus(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape).abs()
    return torch.fft.ifft2(torch.where(k_hat > tol * k_hat.max(), torch.fft.fft2(v) / k_hat, 0)).real


def multiplied_by_the_transfer_function(v, kernel, tol):
    return blur(v, kernel)


def adjoint_for_inverse(v, kernel, tol):
    return blur_adjoint(v, kernel)


def ridge_with_tol_for_weight(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return torch.fft.ifft2(torch.fft.fft2(v) * k_hat.conj() / (k_hat.abs() ** 2 + tol)).real


def modulus_for_the_real_part(v, kernel, tol):
    return torch.fft.ifft2(torch.fft.fft2(deblur_by_the_full_fft(v, kernel, tol))).abs()


def complex_image(v, kernel, tol):
    return torch.fft.ifft2(torch.fft.fft2(deblur_by_the_full_fft(v, kernel, tol)))


def spectrum_without_inverse_transform(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    kept = k_hat.abs() > tol * k_hat.abs().max()
    return torch.where(kept, torch.fft.fft2(v) / k_hat, 0).real


def normalised_forward_only(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    kept = k_hat.abs() > tol * k_hat.abs().max()
    return torch.fft.ifft2(torch.where(kept, torch.fft.fft2(v, norm="ortho") / k_hat, 0)).real


def clipped_to_the_unit_interval(v, kernel, tol):
    return deblur_by_the_full_fft(v, kernel, tol).clamp(0, 1)


def sizes_exchanged(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, (v.shape[1], v.shape[0]))
    kept = k_hat.abs() > tol * k_hat.abs().max()
    return torch.fft.ifft2(torch.where(kept, torch.fft.fft2(v) / k_hat, 0)).real


def odd_width_lost(v, kernel, tol):
    padded = _padded(kernel, v.shape, 0)
    k_hat = torch.fft.rfft2(padded)
    kept = k_hat.abs() > tol * k_hat.abs().max()
    return torch.fft.irfft2(torch.where(kept, torch.fft.rfft2(v) / k_hat, 0))


def observation_itself(v, kernel, tol):
    return v


def observation_divided_in_place(v, kernel, tol):
    result = deblur_by_the_full_fft(v, kernel, tol)
    v.copy_(result)
    return v


def nothing_returned(v, kernel, tol):
    deblur_by_the_full_fft(v, kernel, tol)


# --- landweber(A, v, tau, n) -----------------------------------------------------------------------------------------


def landweber_loop(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) - v)
    return u


def landweber_with_two_adjoints(A, v, tau, n):
    back = A.adjoint(v)
    u = 0 * back
    for _ in range(n):
        u = u + tau * (back - A.adjoint(A(u)))
    return u


def landweber_first_step_by_hand(A, v, tau, n):
    u = tau * A.adjoint(v)
    for _ in range(1, n):
        residual = v - A(u)
        u += tau * A.adjoint(residual)
    return u


def landweber_recursive_error(A, v, tau, n):
    step = tau * A.adjoint(v)
    u = torch.zeros_like(step)
    k = 0
    while k < n:
        u, k = u + step, k + 1
        step = step - tau * A.adjoint(A(step))
    return u


def landweber_in_float32(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v)).float()
    for _ in range(n):
        u = (u - tau * A.adjoint(A(u.double()) - v)).float()
    return u


def landweber_by_autograd(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v)).requires_grad_()
    for _ in range(n):
        f = 0.5 * ((A(u) - v) ** 2).sum()
        (g,) = torch.autograd.grad(f, u)
        u = (u - tau * g).detach().requires_grad_()
    return u.detach()


def ascent_for_descent(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = u + tau * A.adjoint(A(u) - v)
    return u


def operator_applied_twice(A, v, tau, n):
    u = torch.zeros_like(v)
    for _ in range(n):
        u = u - tau * A(A(u) - v)
    return u


def adjoint_forgotten(A, v, tau, n):
    u = torch.zeros_like(v)
    for _ in range(n):
        u = u - tau * (A(u) - v)
    return u


def adjoint_before_operator(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = u - tau * A(A.adjoint(u) - v)
    return u


def gradient_of_the_whole_square(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = u - 2 * tau * A.adjoint(A(u) - v)
    return u


def gradient_halved(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = u - 0.5 * tau * A.adjoint(A(u) - v)
    return u


def one_step_missing(A, v, tau, n):
    return landweber_loop(A, v, tau, n - 1)


def one_step_too_many(A, v, tau, n):
    return landweber_loop(A, v, tau, n + 1)


def started_at_the_observation(A, v, tau, n):
    u = v.clone()
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) - v)
    return u


def started_at_the_adjoint(A, v, tau, n):
    u = A.adjoint(v)
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) - v)
    return u


def started_at_random(A, v, tau, n):
    back = A.adjoint(v)
    u = torch.randn(back.shape, dtype=back.dtype, generator=torch.Generator().manual_seed(3))
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) - v)
    return u


def started_at_ones(A, v, tau, n):
    u = torch.ones_like(A.adjoint(v))
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) - v)
    return u


def step_of_its_own(A, v, tau, n):
    tau = 1 / A.norm() ** 2
    return landweber_loop(A, v, tau, n)


def step_that_decreases(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for k in range(n):
        u = u - tau / (k + 1) * A.adjoint(A(u) - v)
    return u


def step_squared(A, v, tau, n):
    return landweber_loop(A, v, tau**2, n)


def step_forgotten(A, v, tau, n):
    return landweber_loop(A, v, 1.0, n)


def gradient_computed_once(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    g = A.adjoint(A(u) - v)
    for _ in range(n):
        u = u - tau * g
    return u


def always_a_hundred_steps(A, v, tau, n):
    return landweber_loop(A, v, tau, 100)


def limit_at_once(A, v, tau, n):
    return A.pinv(v)


def clipped_at_each_step(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = (u - tau * A.adjoint(A(u) - v)).clamp(0, 1)
    return u


def residual_in_place(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        v -= A(u)
        u = u + tau * A.adjoint(v)
    return u


def image_and_history(A, v, tau, n):
    u, history = torch.zeros_like(A.adjoint(v)), []
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) - v)
        history.append(float(torch.linalg.vector_norm(A(u) - v)))
    return u, history


def image_space_confused_with_data_space(A, v, tau, n):
    u = torch.zeros_like(v)
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) - v)
    return u


def until_convergence(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    while torch.linalg.vector_norm(A(u) - v) > 0:
        u = u - tau * A.adjoint(A(u) - v)
    return u


def a_nap_at_each_step(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        time.sleep(0.5)
        u = u - tau * A.adjoint(A(u) - v)
    return u


def accelerated(A, v, tau, n):
    u = y = torch.zeros_like(A.adjoint(v))
    t = 1.0
    for _ in range(n):
        u_next = y - tau * A.adjoint(A(y) - v)
        t_next = (1 + math.sqrt(1 + 4 * t * t)) / 2
        y = u_next + (t - 1) / t_next * (u_next - u)
        u, t = u_next, t_next
    return u


# --- ridge_path(v, kernel, lams) -------------------------------------------------------------------------------------


def path_by_a_loop(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    images = [torch.fft.ifft2(k_hat.conj() * v_hat / (k_hat.abs() ** 2 + lam)).real for lam in lams]
    return torch.stack(images)


def path_by_broadcasting(v, kernel, lams):
    k_hat = kernel_to_transfer(kernel, v.shape)
    weights = torch.tensor(lams)[:, None, None]
    return torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / ((k_hat * k_hat.conj()).real + weights)).real


def path_by_the_real_fft(v, kernel, lams):
    k_hat = torch.fft.rfft2(_padded(kernel, v.shape, 0))
    v_hat = torch.fft.rfft2(v)
    path = torch.zeros(len(lams), *v.shape, dtype=v.dtype)
    for i, lam in enumerate(lams):
        path[i] = torch.fft.irfft2(k_hat.conj() * v_hat / (k_hat.abs().square() + lam), s=v.shape)
    return path


def path_in_float32(v, kernel, lams):
    return path_by_a_loop(v.float(), kernel.float(), lams)


def path_by_dense_matrices(v, kernel, lams):
    d = v.numel()
    A = torch.stack([blur(e.reshape(v.shape), kernel).flatten() for e in torch.eye(d, dtype=v.dtype)], dim=1)
    identity = torch.eye(d, dtype=v.dtype)
    return torch.stack(
        [torch.linalg.solve(A.T @ A + lam * identity, A.T @ v.flatten()).reshape(v.shape) for lam in lams]
    )


def weight_counted_twice(v, kernel, lams):
    return path_by_a_loop(v, kernel, [2 * lam for lam in lams])


def weight_halved(v, kernel, lams):
    return path_by_a_loop(v, kernel, [lam / 2 for lam in lams])


def weight_squared(v, kernel, lams):
    return path_by_a_loop(v, kernel, [lam**2 for lam in lams])


def weight_forgotten(v, kernel, lams):
    return path_by_a_loop(v, kernel, [0.0 for _ in lams])


def weight_divided_by_the_number_of_pixels(v, kernel, lams):
    return path_by_a_loop(v, kernel, [lam / v.numel() for lam in lams])


def path_conjugate_forgotten(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    return torch.stack([torch.fft.ifft2(k_hat * v_hat / (k_hat.abs() ** 2 + lam)).real for lam in lams])


def square_for_squared_modulus(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    return torch.stack([torch.fft.ifft2(k_hat.conj() * v_hat / (k_hat**2 + lam)).real for lam in lams])


def modulus_not_squared(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    return torch.stack([torch.fft.ifft2(k_hat.conj() * v_hat / (k_hat.abs() + lam)).real for lam in lams])


def numerator_without_transfer(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    return torch.stack([torch.fft.ifft2(v_hat / (k_hat.abs() ** 2 + lam)).real for lam in lams])


def inverse_filter_with_a_weight(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    return torch.stack([torch.fft.ifft2(v_hat / (k_hat + lam)).real for lam in lams])


def tychonov_for_ridge(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    L = laplacian_transfer(v.shape)
    return torch.stack([torch.fft.ifft2(k_hat.conj() * v_hat / (k_hat.abs() ** 2 + lam * L)).real for lam in lams])


def weight_with_the_wrong_sign(v, kernel, lams):
    return path_by_a_loop(v, kernel, [-lam for lam in lams])


def path_as_a_list(v, kernel, lams):
    return list(path_by_a_loop(v, kernel, lams))


def path_along_the_last_dimension(v, kernel, lams):
    return path_by_a_loop(v, kernel, lams).permute(1, 2, 0)


def path_side_by_side(v, kernel, lams):
    return torch.cat(list(path_by_a_loop(v, kernel, lams)), dim=1)


def last_image_only(v, kernel, lams):
    return path_by_a_loop(v, kernel, lams)[-1]


def weights_sorted_first(v, kernel, lams):
    return path_by_a_loop(v, kernel, sorted(lams))


def path_of_complex_images(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    return torch.stack([torch.fft.ifft2(k_hat.conj() * v_hat / (k_hat.abs() ** 2 + lam)) for lam in lams])


def path_with_the_kernel_in_the_corner(v, kernel, lams):
    k_hat, v_hat = torch.fft.fft2(kernel, s=v.shape), torch.fft.fft2(v)
    return torch.stack([torch.fft.ifft2(k_hat.conj() * v_hat / (k_hat.abs() ** 2 + lam)).real for lam in lams])


def path_normalised_once(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v, norm="ortho")
    return torch.stack([torch.fft.ifft2(k_hat.conj() * v_hat / (k_hat.abs() ** 2 + lam)).real for lam in lams])


def each_image_from_the_one_before(v, kernel, lams):
    images = []
    for lam in lams:
        v = path_by_a_loop(v, kernel, [lam])[0]
        images.append(v)
    return torch.stack(images)


def path_clipped(v, kernel, lams):
    return path_by_a_loop(v, kernel, lams).clamp(0, 1)


def observation_repeated(v, kernel, lams):
    return torch.stack([v for _ in lams])


def weights_changed_in_place(v, kernel, lams):
    for i in range(len(lams)):
        lams[i] = float(lams[i]) + 1e-12
    return path_by_a_loop(v, kernel, lams)


# --- a second list, of a student who works through the copy without the checks ---------------------------------------


def pinv_by_an_element_loop(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    inverse = torch.zeros_like(s)
    for i, value in enumerate(s):
        if value > 1e-10 * s[0]:
            inverse[i] = 1 / value
    return Vt.mT * inverse @ U.mT


def pinv_of_the_transpose(A):
    U, s, Vt = torch.linalg.svd(A.T, full_matrices=False)
    return U @ torch.diag(torch.where(s > 1e-10 * s.max(), 1 / s, torch.zeros_like(s))) @ Vt


def _pinv(A, threshold):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return Vt.T @ torch.diag(torch.where(s > threshold * s.max(), 1 / s, torch.zeros_like(s))) @ U.T


def pinv_with_the_threshold_of_torch(A):
    return torch.linalg.pinv(A)


def pinv_threshold_of_a_millionth(A):
    return _pinv(A, 1e-6)


def pinv_threshold_of_rounding(A):
    return _pinv(A, 1e-15)


def pinv_with_full_matrices(A):
    U, s, Vt = torch.linalg.svd(A)
    return Vt.T @ torch.diag(torch.where(s > 1e-10 * s.max(), 1 / s, torch.zeros_like(s))) @ U.T


def pinv_takes_vt_for_v(A):
    U, s, V = torch.linalg.svd(A, full_matrices=False)
    return V @ torch.diag(torch.where(s > 1e-10 * s.max(), 1 / s, torch.zeros_like(s))) @ U.T


def pinv_by_the_plain_inverse(A):
    return torch.linalg.inv(A)


def pinv_adds_epsilon_to_s(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return Vt.T @ torch.diag(1 / (s + 1e-10)) @ U.T


def pinv_raises_small_values(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return Vt.T @ torch.diag(1 / s.clamp(min=1e-10 * s.max().item())) @ U.T


def pinv_keeps_small_values_as_they_are(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return Vt.T @ torch.diag(torch.where(s > 1e-10 * s.max(), 1 / s, s)) @ U.T + 1e-3 * Vt.T @ U.T


def pinv_largest_value_only(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return torch.outer(Vt[0], U[:, 0]) / s[0]


def pinv_projects_instead(A):
    U, s, Vt = torch.linalg.svd(A, full_matrices=False)
    return Vt.T @ torch.diag((s > 1e-10 * s.max()).to(s)) @ U.T


def deblur_on_a_float32_grid(v, kernel, tol):
    h, w = kernel.shape
    k = torch.zeros(v.shape)
    k[:h, :w] = kernel
    k_hat = torch.fft.fft2(torch.roll(k, (-(h // 2), -(w // 2)), (0, 1)))
    u_hat = torch.zeros(v.shape, dtype=torch.complex64)
    kept = k_hat.abs() > tol * k_hat.abs().max()
    u_hat[kept] = (torch.fft.fft2(v)[kept] / k_hat[kept]).to(u_hat.dtype)
    return torch.fft.ifft2(u_hat).real


def deblur_by_a_safe_division(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    kept = k_hat.abs() > tol * k_hat.abs().max()
    return torch.fft.ifft2(torch.fft.fft2(v) / torch.where(kept, k_hat, 1) * kept).real


def _deblur(v, k_hat, kept):
    return torch.fft.ifft2(torch.where(kept, torch.fft.fft2(v) / k_hat, 0)).real


def deblur_unpadded(v, kernel, tol):
    k_hat = torch.fft.fft2(kernel)
    return _deblur(v, k_hat, k_hat.abs() > tol * k_hat.abs().max())


def deblur_on_a_grid_of_256(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, (256, 256))
    return _deblur(v, k_hat, k_hat.abs() > tol * k_hat.abs().max())


def deblur_with_the_global_tolerance(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return _deblur(v, k_hat, k_hat.abs() > 1e-10 * k_hat.abs().max())


def deblur_tolerance_relative_to_the_smallest(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return _deblur(v, k_hat, k_hat.abs() > tol * k_hat.abs().min())


def deblur_threshold_on_the_data(v, kernel, tol):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    return _deblur(v, k_hat, v_hat.abs() > tol * v_hat.abs().max())


def deblur_threshold_on_the_kernel(v, kernel, tol):
    k_hat = kernel_to_transfer(torch.where(kernel.abs() > tol * kernel.abs().max(), kernel, 0), v.shape)
    return torch.fft.ifft2(torch.fft.fft2(v) / k_hat).real


def deblur_adds_tol(v, kernel, tol):
    return torch.fft.ifft2(torch.fft.fft2(v) / (kernel_to_transfer(kernel, v.shape) + tol)).real


def deblur_maximum_of_the_complex_numbers(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return _deblur(v, k_hat, k_hat.abs() > tol * k_hat.real.max())


def deblur_drops_the_mean_too(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    kept = k_hat.abs() > tol * k_hat.abs().max()
    kept[0, 0] = False
    return _deblur(v, k_hat, kept)


def landweber_on_a_zero_of_float32(A, v, tau, n):
    u = torch.zeros(A.adjoint(v).shape)
    for _ in range(n):
        u = u - tau * A.adjoint(A(u.to(v.dtype)) - v)
    return u


def landweber_that_requires_a_gradient(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v)).requires_grad_()
    for _ in range(n):
        (g,) = torch.autograd.grad(0.5 * (A(u) - v).square().sum(), u)
        u = u - tau * g
    return u


def landweber_with_an_accumulated_gradient(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v)).requires_grad_()
    for _ in range(n):
        (0.5 * (A(u) - v).square().sum()).backward()
        with torch.no_grad():
            u -= tau * u.grad
    return u.detach()


def landweber_mean_of_the_squares(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) - v) / v.numel()
    return u


def landweber_normalised_gradient(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        g = A.adjoint(A(u) - v)
        u = u - tau * g / g.norm()
    return u


def landweber_with_a_plus_in_the_residual(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) + v)
    return u


def landweber_step_inside_the_adjoint_only(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = u - A.adjoint(tau * A(u) - v)
    return u


def landweber_forgets_the_iterate(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = -tau * A.adjoint(A(u) - v)
    return u


def landweber_returns_inside_the_loop(A, v, tau, n):  # noqa: RET503 - the mistake
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) - v)
        return u  # noqa: RET504 - the mistake


def landweber_returns_the_residual(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) - v)
    return A(u) - v


def landweber_twenty_times_too_often(A, v, tau, n):
    return landweber_loop(A, v, tau, 20 * n)


def landweber_with_weight_decay(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = 0.99 * u - tau * A.adjoint(A(u) - v)
    return u


def path_from_the_adjoint_of_the_blur(v, kernel, lams):
    back, k_hat = torch.fft.fft2(blur_adjoint(v, kernel)), kernel_to_transfer(kernel, v.shape)
    out = torch.empty(len(lams), *v.shape, dtype=v.dtype)
    for i, lam in enumerate(lams):
        out[i] = torch.fft.ifft2(back / ((k_hat * k_hat.conj()).real + lam)).real
    return out


def path_in_an_array_of_float32(v, kernel, lams):
    k_hat = kernel_to_transfer(kernel, v.shape)
    out = torch.zeros(len(lams), *v.shape)
    for i, lam in enumerate(lams):
        out[i] = torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / (k_hat.abs() ** 2 + lam)).real
    return out


def path_of_the_first_weight(v, kernel, lams):
    return path_by_a_loop(v, kernel, [lams[0]] * len(lams))


def path_of_the_first_weight_only(v, kernel, lams):
    return path_by_a_loop(v, kernel, lams[:1])


def path_unpadded(v, kernel, lams):
    k_hat = torch.fft.fft2(kernel)
    return torch.stack([torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / (k_hat.abs() ** 2 + x)).real for x in lams])


def path_weight_multiplied(v, kernel, lams):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return torch.stack([torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / (k_hat.abs() ** 2 * x)).real for x in lams])


def path_parentheses_forgotten(v, kernel, lams):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return torch.stack([torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / k_hat.abs() ** 2 + x).real for x in lams])


def path_with_the_sum_of_weights(v, kernel, lams):
    total, weights = 0.0, []
    for lam in lams:
        total += lam
        weights.append(total)
    return path_by_a_loop(v, kernel, weights)


def path_of_the_blurred_image(v, kernel, lams):
    k_hat = kernel_to_transfer(kernel, v.shape)
    power = k_hat.abs() ** 2
    return torch.stack([torch.fft.ifft2(power * torch.fft.fft2(v) / (power + x)).real for x in lams])


def path_of_denoising(v, kernel, lams):
    return torch.stack([v / (1 + lam) for lam in lams])


def path_with_the_kernel_flipped_by_the_transform(v, kernel, lams):
    k_hat = torch.fft.fft2(kernel.flip(0, 1), s=v.shape)
    return torch.stack([torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / (k_hat.abs() ** 2 + x)).real for x in lams])


RIGHT = {
    "pseudo_inverse": [
        pinv_by_an_element_loop,
        pinv_of_the_transpose,
        by_thin_svd,
        by_full_svd_and_a_rectangular_sigma,
        by_a_sum_of_rank_one_matrices,
        by_torch,
        by_svd_in_float32,
    ],
    "pseudo_inverse_deblur": [
        deblur_on_a_float32_grid,
        deblur_by_a_safe_division,
        deblur_by_the_full_fft,
        deblur_by_the_real_fft,
        deblur_by_conjugate_over_power,
        deblur_in_float32,
        deblur_in_numpy_loops,
    ],
    "landweber": [
        landweber_on_a_zero_of_float32,
        landweber_that_requires_a_gradient,
        landweber_loop,
        landweber_with_two_adjoints,
        landweber_first_step_by_hand,
        landweber_recursive_error,
        landweber_in_float32,
        landweber_by_autograd,
    ],
    "ridge_path": [
        path_from_the_adjoint_of_the_blur,
        path_in_an_array_of_float32,
        path_by_a_loop,
        path_by_broadcasting,
        path_by_the_real_fft,
        path_in_float32,
        path_by_dense_matrices,
    ],
}

WRONG = {
    "pseudo_inverse": [
        ("truncation", pinv_with_the_threshold_of_torch),
        ("truncation", pinv_threshold_of_a_millionth),
        ("truncation", pinv_threshold_of_rounding),
        ("shape", pinv_with_full_matrices),
        ("transpose", pinv_takes_vt_for_v),
        ("rank|shape", pinv_by_the_plain_inverse),
        ("truncation|epsilon", pinv_adds_epsilon_to_s),
        ("truncation", pinv_raises_small_values),
        ("value", pinv_keeps_small_values_as_they_are),
        ("truncation|rank", pinv_largest_value_only),
        ("value", pinv_projects_instead),
        ("truncation", singular_values_all_inverted),
        ("rank", normal_equations),
        ("truncation|square-root", by_eigenvectors_of_the_gram_matrix),
        ("transpose|shape", u_and_v_not_exchanged),
        ("transpose", v_not_transposed),
        ("transpose", u_not_transposed),
        ("value", singular_values_not_inverted),
        ("square-root", inverse_of_the_eigenvalues_of_the_gram_matrix),
        ("weight", ridge_with_a_fixed_weight),
        ("truncation", threshold_that_is_not_relative),
        ("truncation", threshold_far_too_high),
        ("truncation", small_values_set_to_one),
        ("not-finite", infinity_times_zero),
        ("mutates-input", matrix_scaled_in_place),
        ("type", pseudo_inverse_as_numpy),
        ("value", one_over_every_entry),
        ("constant", matrix_of_zeros),
        ("identity", the_matrix_itself),
        ("rank|shape", eigenvalues_for_singular_values),
    ],
    "pseudo_inverse_deblur": [
        ("shape", deblur_unpadded),
        ("shape", deblur_on_a_grid_of_256),
        ("truncation", deblur_with_the_global_tolerance),
        ("truncation", deblur_tolerance_relative_to_the_smallest),
        ("truncation", deblur_threshold_on_the_data),
        ("truncation", deblur_threshold_on_the_kernel),
        ("epsilon|weight|truncation", deblur_adds_tol),
        ("truncation|complex", deblur_maximum_of_the_complex_numbers),
        ("mean", deblur_drops_the_mean_too),
        ("truncation", tolerance_not_relative),
        ("truncation", tolerance_relative_to_the_mean),
        ("truncation", tolerance_forgotten),
        ("truncation", small_frequencies_left_as_observed),
        ("truncation", modulus_clamped_from_below),
        ("truncation", kept_and_dropped_exchanged),
        ("truncation|square-root", threshold_on_the_squared_modulus),
        ("truncation|complex", threshold_on_the_real_part),
        ("centering", kernel_left_in_the_corner),
        ("centering", kernel_centred_one_pixel_off),
        ("conjugate", divided_by_the_conjugate),
        ("conjugate", divided_by_the_modulus),
        ("value", multiplied_by_the_transfer_function),
        ("adjoint", adjoint_for_inverse),
        ("weight", ridge_with_tol_for_weight),
        ("complex", modulus_for_the_real_part),
        ("complex", complex_image),
        ("value", spectrum_without_inverse_transform),
        ("normalisation", normalised_forward_only),
        ("clipping", clipped_to_the_unit_interval),
        ("axis|shape", sizes_exchanged),
        ("shape", odd_width_lost),
        ("identity", observation_itself),
        ("mutates-input", observation_divided_in_place),
        ("type", nothing_returned),
    ],
    "landweber": [
        ("order|value|not-converged", landweber_with_an_accumulated_gradient),
        ("weight|step-size|normalisation", landweber_mean_of_the_squares),
        ("step-size|normalisation", landweber_normalised_gradient),
        ("sign", landweber_with_a_plus_in_the_residual),
        ("step-size", landweber_step_inside_the_adjoint_only),
        ("value|order", landweber_forgets_the_iterate),
        ("order", landweber_returns_inside_the_loop),
        ("value|shape", landweber_returns_the_residual),
        ("order", landweber_twenty_times_too_often),
        ("value|weight", landweber_with_weight_decay),
        ("sign", ascent_for_descent),
        ("adjoint", operator_applied_twice),
        ("adjoint", adjoint_forgotten),
        ("adjoint", adjoint_before_operator),
        ("weight|step-size", gradient_of_the_whole_square),
        ("weight|step-size", gradient_halved),
        ("order", one_step_missing),
        ("order", one_step_too_many),
        ("start", started_at_the_observation),
        ("start", started_at_the_adjoint),
        ("start|randomness", started_at_random),
        ("start", started_at_ones),
        ("step-size", step_of_its_own),
        ("step-size", step_that_decreases),
        ("step-size", step_squared),
        ("step-size", step_forgotten),
        ("value", gradient_computed_once),
        ("order|value", always_a_hundred_steps),
        ("value", limit_at_once),
        ("clipping", clipped_at_each_step),
        ("mutates-input", residual_in_place),
        ("type", image_and_history),
        ("shape", image_space_confused_with_data_space),
        ("too-slow", until_convergence),
        ("too-slow", a_nap_at_each_step),
        ("value", accelerated),
    ],
    "ridge_path": [
        ("order|weight", path_of_the_first_weight),
        ("shape", path_of_the_first_weight_only),
        ("shape", path_unpadded),
        ("weight", path_weight_multiplied),
        ("order|weight", path_parentheses_forgotten),
        ("order|weight", path_with_the_sum_of_weights),
        ("adjoint|conjugate", path_of_the_blurred_image),
        ("value", path_of_denoising),
        ("centering|conjugate", path_with_the_kernel_flipped_by_the_transform),
        ("weight", weight_counted_twice),
        ("weight", weight_halved),
        ("weight|square-root", weight_squared),
        ("weight", weight_forgotten),
        ("weight|normalisation", weight_divided_by_the_number_of_pixels),
        ("conjugate", path_conjugate_forgotten),
        ("conjugate", square_for_squared_modulus),
        ("square-root", modulus_not_squared),
        ("conjugate|value", numerator_without_transfer),
        ("value|weight", inverse_filter_with_a_weight),
        ("value|weight", tychonov_for_ridge),
        ("sign", weight_with_the_wrong_sign),
        ("type", path_as_a_list),
        ("shape|axis", path_along_the_last_dimension),
        ("shape", path_side_by_side),
        ("shape", last_image_only),
        ("order", weights_sorted_first),
        ("complex", path_of_complex_images),
        ("centering", path_with_the_kernel_in_the_corner),
        ("normalisation", path_normalised_once),
        ("value|order", each_image_from_the_one_before),
        ("clipping", path_clipped),
        ("identity", observation_repeated),
        ("mutates-input", weights_changed_in_place),
    ],
}


# --- the explorer -----------------------------------------------------------------------------------------------------


def pseudo_inverse_of_the_controls(values):
    photograph, sigma = _blurred_photograph(), values["noise"] / 255
    u, numbers = pseudo_inverse_picture(values["method"], values["parameter"], sigma)
    return torch.cat([photograph.blurred + sigma * photograph.noise, u], dim=1), numbers


def as_path(function):
    """Return a function whose result is a sequence of images, as that of a ridge path."""

    def path(*arguments):
        u = function(*arguments)
        return u[None] if isinstance(u, torch.Tensor) and u.ndim == 2 and u.shape[0] > 3 else u

    path.__name__ = function.__name__
    return path


EXPLORERS = {
    "explore_pseudo_inverse": ExplorerCase(
        explore_pseudo_inverse,
        pseudo_inverse_of_the_controls,
        plugs={
            "deblur": (lambda f: explore_pseudo_inverse(deblur=f), "method", "truncation", "ridge"),
            "ridge_path": (lambda f: explore_pseudo_inverse(ridge_path=as_path(f)), "method", "ridge", "truncation"),
        },
    )
}


# --- written blind, from the text of the notebook alone ---------------------------------------------------------------


def pseudo_inverse_blind_ridge_with_small_lambda(A):
    return torch.linalg.solve(A.T @ A + 1e-8 * torch.eye(A.shape[1], dtype=A.dtype), A.T)


def pseudo_inverse_blind_comparison_the_wrong_way_round(A):
    G, s, Et = torch.linalg.svd(A, full_matrices=False)
    inv = torch.where(s < 1e-10 * s.max(), 1 / s, 0.0)
    return Et.T @ torch.diag(inv) @ G.T


def pseudo_inverse_blind_threshold_squares_1_s_eigen_of_aa(A):
    lam, E = torch.linalg.eigh(A.T @ A)
    inv = torch.where(lam > 1e-10 * lam.max(), 1 / lam, 0.0)
    return E @ torch.diag(inv) @ E.T


def pseudo_inverse_blind_sum_of_outer_products(A):
    G, s, Et = torch.linalg.svd(A)
    B = A.new_zeros(A.shape[1], A.shape[0])
    for i, value in enumerate(s):
        if value > 1e-10 * s[0]:
            B = B + torch.outer(Et[i, :], G[:, i]) / value
    return B


def pseudo_inverse_deblur_blind_makes_0_0_with_tol_0(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape)
    kept = k_hat.abs() >= tol * k_hat.abs().max()
    return torch.fft.ifft2(torch.where(kept, torch.fft.fft2(v) / k_hat, 0)).real


def pseudo_inverse_deblur_blind_indexing(v, kernel, tol):
    k = kernel_to_transfer(kernel, v.shape)
    z = torch.fft.fft2(v)
    big = k.abs() > tol * k.abs().max()
    out = torch.zeros_like(z)
    out[big] = z[big] / k[big]
    return torch.fft.ifft2(out).real


def ridge_path_blind_return_inside_the_loop_only_the_first(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    images = []
    for lam in lams:
        images.append(torch.fft.ifft2(k_hat.conj() * v_hat / (k_hat.abs() ** 2 + lam)).real)
        return torch.stack(images)
    return None


def ridge_path_blind_stacked_along_the_last_dimension(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    return torch.stack([torch.fft.ifft2(k_hat.conj() * v_hat / (k_hat.abs() ** 2 + lam)).real for lam in lams], dim=-1)


def ridge_path_blind_cat_in_place_of_stack_nh_w(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    return torch.cat([torch.fft.ifft2(k_hat.conj() * v_hat / (k_hat.abs() ** 2 + lam)).real for lam in lams])


def ridge_path_blind_lams_broadcast_against_columns(v, kernel, lams):
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), torch.fft.fft2(v)
    lam = torch.tensor(lams)
    return torch.fft.ifft2(k_hat.conj() * v_hat / (k_hat.abs() ** 2 + lam)).real


def landweber_blind_returns_all_iterates(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    path = [u]
    for _ in range(n):
        u = u - tau * A.adjoint(A(u) - v)
        path.append(u)
    return torch.stack(path)


def landweber_blind_a_t_instead_of_adjoint(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    for _ in range(n):
        u = u - tau * A.T @ (A @ u - v)
    return u


def landweber_blind_momentum(A, v, tau, n):
    u = torch.zeros_like(A.adjoint(v))
    m = torch.zeros_like(u)
    for _ in range(n):
        m = 0.9 * m + A.adjoint(A(u) - v)
        u = u - tau * m
    return u


def landweber_blind_first_step_by_hand_then_in_place(A, v, tau, n):
    b = tau * A.adjoint(v)
    u = b.clone()
    for _ in range(n - 1):
        u += b - tau * A.adjoint(A(u))
    return u


def landweber_blind_neumann_sum_of_residuals(A, v, tau, n):
    r = tau * A.adjoint(v)
    total = r
    for _ in range(1, n):
        r = r - tau * A.adjoint(A(r))
        total = total + r
    return total


def pseudo_inverse_deblur_by_the_real_part(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape).real
    kept = k_hat.abs() > tol * k_hat.abs().max()
    return ifft2(torch.where(kept, fft2(v) / k_hat, 0)).real


def pseudo_inverse_deblur_by_a_positive_real_part(v, kernel, tol):
    k_hat = kernel_to_transfer(kernel, v.shape).real
    return ifft2(torch.where(k_hat > tol * k_hat.max(), fft2(v) / k_hat, 0)).real


BLIND_WRONG = [
    ("pseudo_inverse_deblur", "complex", pseudo_inverse_deblur_by_the_real_part),
    ("pseudo_inverse_deblur", "complex", pseudo_inverse_deblur_by_a_positive_real_part),
    ("pseudo_inverse", "weight", pseudo_inverse_blind_ridge_with_small_lambda),
    ("pseudo_inverse", "constant", pseudo_inverse_blind_comparison_the_wrong_way_round),
    ("pseudo_inverse", "value", pseudo_inverse_blind_threshold_squares_1_s_eigen_of_aa),
    ("pseudo_inverse_deblur", "truncation", pseudo_inverse_deblur_blind_makes_0_0_with_tol_0),
    ("ridge_path", "shape", ridge_path_blind_return_inside_the_loop_only_the_first),
    ("ridge_path", "shape", ridge_path_blind_stacked_along_the_last_dimension),
    ("ridge_path", "shape", ridge_path_blind_cat_in_place_of_stack_nh_w),
    ("ridge_path", "exception", ridge_path_blind_lams_broadcast_against_columns),
    ("landweber", "shape", landweber_blind_returns_all_iterates),
    ("landweber", "exception", landweber_blind_a_t_instead_of_adjoint),
    ("landweber", "value", landweber_blind_momentum),
]
BLIND_RIGHT = [
    ("pseudo_inverse", pseudo_inverse_blind_sum_of_outer_products),
    ("pseudo_inverse_deblur", pseudo_inverse_deblur_blind_indexing),
    ("landweber", landweber_blind_first_step_by_hand_then_in_place),
    ("landweber", landweber_blind_neumann_sum_of_residuals),
]
for _name, _cause, _answer in BLIND_WRONG:
    WRONG[_name].append((_cause, _answer))
for _name, _answer in BLIND_RIGHT:
    RIGHT[_name].append(_answer)
