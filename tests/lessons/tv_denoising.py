"""Answers to the exercises of notebook 07: right ones in several styles, and the wrong ones that students write."""

import math

import numpy as np
import torch
from torch.nn import functional

from course_utils.derivatives import gradient, gradient_adjoint
from course_utils.explorers.tv_denoising import explore_tv, tv_picture
from course_utils.fourier import laplacian_transfer
from course_utils.operators import blur, blur_adjoint
from course_utils.priors import smoothed_tv_gradient
from course_utils.restoration import tychonov_deblur, tychonov_denoise
from tests.explorer_case import ExplorerCase

# --- gradient --------------------------------------------------------------------------------------------------------


def gradient_by_roll(u):
    return torch.stack([torch.roll(u, -1, dims=0) - u, torch.roll(u, -1, dims=1) - u])


def gradient_by_slices(u):
    p = torch.zeros(2, *u.shape, dtype=u.dtype)
    p[0, :-1], p[0, -1] = u[1:] - u[:-1], u[0] - u[-1]
    p[1, :, :-1], p[1, :, -1] = u[:, 1:] - u[:, :-1], u[:, 0] - u[:, -1]
    return p


def gradient_by_loops(u):
    m, n = u.shape
    p = torch.empty((2, m, n), dtype=u.dtype)
    for x in range(m):
        for y in range(n):
            p[0, x, y] = u[(x + 1) % m, y] - u[x, y]
            p[1, x, y] = u[x, (y + 1) % n] - u[x, y]
    return p


def gradient_by_fourier(u):
    m, n = u.shape
    d1 = torch.exp(2j * math.pi * torch.arange(m) / m).reshape(m, 1) - 1
    d2 = torch.exp(2j * math.pi * torch.arange(n) / n).reshape(1, n) - 1
    u_hat = torch.fft.fft2(u)
    return torch.stack([torch.fft.ifft2(d1 * u_hat).real, torch.fft.ifft2(d2 * u_hat).real]).to(u.dtype)


def gradient_by_diff(u):
    return torch.stack([torch.diff(u, dim=0, append=u[:1]), torch.diff(u, dim=1, append=u[:, :1])])


def gradient_in_float32(u):
    return gradient_by_roll(u.float())


def gradient_backward(u):
    return torch.stack([u - torch.roll(u, 1, 0), u - torch.roll(u, 1, 1)])


def gradient_rolled_the_wrong_way(u):
    return torch.stack([torch.roll(u, 1, 0) - u, torch.roll(u, 1, 1) - u])


def gradient_axes_exchanged(u):
    return torch.stack([torch.roll(u, -1, 1) - u, torch.roll(u, -1, 0) - u])


def gradient_opposite(u):
    return torch.stack([u - torch.roll(u, -1, 0), u - torch.roll(u, -1, 1)])


def gradient_centred(u):
    return torch.stack([torch.roll(u, -1, d) - torch.roll(u, 1, d) for d in (0, 1)]) / 2


def gradient_zero_at_the_border(u):
    p = torch.zeros((2, *u.shape), dtype=u.dtype)
    p[0, :-1] = u[1:] - u[:-1]
    p[1, :, :-1] = u[:, 1:] - u[:, :-1]
    return p


def gradient_of_zero_padded(u):
    padded = functional.pad(u, (0, 1, 0, 1))
    return torch.stack([padded[1:, :-1] - u, padded[:-1, 1:] - u])


def gradient_of_symmetric_extension(u):
    below = torch.cat([u[1:], u[-2:-1]], dim=0)
    right = torch.cat([u[:, 1:], u[:, -2:-1]], dim=1)
    return torch.stack([below - u, right - u])


def gradient_cropped(u):
    return torch.stack([u[1:, :-1] - u[:-1, :-1], u[:-1, 1:] - u[:-1, :-1]])


def gradient_channels_last(u):
    return torch.stack([torch.roll(u, -1, 0) - u, torch.roll(u, -1, 1) - u], dim=-1)


def gradient_as_tuple(u):
    return torch.roll(u, -1, 0) - u, torch.roll(u, -1, 1) - u


def gradient_as_numpy(u):
    return np.stack([np.roll(u.numpy(), -1, 0) - u.numpy(), np.roll(u.numpy(), -1, 1) - u.numpy()])


def gradient_by_torch_gradient(u):
    return torch.stack(torch.gradient(u))


def gradient_flat_roll(u):
    return torch.stack([torch.roll(u, -u.shape[1]) - u, torch.roll(u, -1) - u])


def gradient_first_axis_twice(u):
    return torch.stack([torch.roll(u, -1, 0) - u, torch.roll(u, -1, 0) - u])


def gradient_zero(u):
    return torch.zeros((2, *u.shape), dtype=u.dtype)


def gradient_only_square(u):
    n = u.shape[0]
    shift = torch.roll(torch.eye(n, dtype=u.dtype), 1, 1)
    return torch.stack([shift @ u - u, u @ shift.T - u])


def gradient_in_place(u):
    d1 = torch.roll(u, -1, 0).sub_(u)
    u *= -1
    u += torch.roll(-u, -1, 1)
    return torch.stack([d1, u])


def gradient_without_return(u):
    torch.stack([torch.roll(u, -1, 0) - u, torch.roll(u, -1, 1) - u])


def gradient_absolute_value(u):
    return gradient_by_roll(u).abs()


def gradient_left_complex(u):
    m, n = u.shape
    d1 = torch.exp(2j * math.pi * torch.arange(m) / m).reshape(m, 1) - 1
    d2 = torch.exp(2j * math.pi * torch.arange(n) / n).reshape(1, n) - 1
    return torch.fft.ifft2(torch.stack([d1 + 0 * d2, d2 + 0 * d1]) * torch.fft.fft2(u))


# --- gradient_adjoint ------------------------------------------------------------------------------------------------


def adjoint_by_roll(p):
    return torch.roll(p[0], 1, 0) - p[0] + torch.roll(p[1], 1, 1) - p[1]


def adjoint_by_loops(p):
    m, n = p.shape[1:]
    u = torch.zeros((m, n), dtype=p.dtype)
    for x in range(m):
        for y in range(n):
            u[x, y] = p[0, x - 1, y] - p[0, x, y] + p[1, x, y - 1] - p[1, x, y]
    return u


def adjoint_by_autograd(p):
    u = torch.zeros(p.shape[1:], dtype=p.dtype, requires_grad=True)
    return torch.autograd.grad((gradient(u) * p).sum(), u)[0]


def adjoint_by_matrix(p):
    shape = p.shape[1:]
    basis = torch.eye(shape.numel(), dtype=p.dtype).reshape(-1, *shape)
    return torch.stack([(gradient(e) * p).sum() for e in basis]).reshape(shape)


def adjoint_by_slices(p):
    u = -p[0] - p[1]
    u[1:] += p[0, :-1]
    u[0] += p[0, -1]
    u[:, 1:] += p[1, :, :-1]
    u[:, 0] += p[1, :, -1]
    return u


def adjoint_in_float32(p):
    return adjoint_by_roll(p.float())


def adjoint_is_divergence(p):
    return p[0] - torch.roll(p[0], 1, 0) + p[1] - torch.roll(p[1], 1, 1)


def adjoint_with_forward_differences(p):
    return torch.roll(p[0], -1, 0) - p[0] + torch.roll(p[1], -1, 1) - p[1]


def adjoint_minus_forward_differences(p):
    return p[0] - torch.roll(p[0], -1, 0) + p[1] - torch.roll(p[1], -1, 1)


def adjoint_axes_exchanged(p):
    return torch.roll(p[0], 1, 1) - p[0] + torch.roll(p[1], 1, 0) - p[1]


def adjoint_components_exchanged(p):
    return torch.roll(p[1], 1, 0) - p[1] + torch.roll(p[0], 1, 1) - p[0]


def adjoint_zero_boundary(p):
    u = -p[0] - p[1]
    u[1:] += p[0, :-1]
    u[:, 1:] += p[1, :, :-1]
    return u


def adjoint_of_neumann(p):
    u = torch.zeros_like(p[0])
    u[:-1] -= p[0, :-1]
    u[1:] += p[0, :-1]
    u[:, :-1] -= p[1, :, :-1]
    u[:, 1:] += p[1, :, :-1]
    return u


def adjoint_first_component_only(p):
    return torch.roll(p[0], 1, 0) - p[0]


def adjoint_as_vector_field(p):
    return torch.stack([torch.roll(p[0], 1, 0) - p[0], torch.roll(p[1], 1, 1) - p[1]])


def adjoint_keepdim(p):
    return adjoint_by_roll(p)[None]


def adjoint_is_gradient_of_norm(p):
    return p.square().sum(0).sqrt()


def adjoint_summed_field(p):
    return p[0] + p[1]


def adjoint_subtracted(p):
    return (torch.roll(p[0], 1, 0) - p[0]) - (torch.roll(p[1], 1, 1) - p[1])


def adjoint_halved(p):
    return adjoint_by_roll(p) / 2


def adjoint_zero(p):
    return torch.zeros_like(p[0])


def adjoint_in_place(p):
    p[0] = torch.roll(p[0], 1, 0) - p[0]
    p[1] = torch.roll(p[1], 1, 1) - p[1]
    return p[0] + p[1]


def adjoint_centred(p):
    return (torch.roll(p[0], 1, 0) - torch.roll(p[0], -1, 0) + torch.roll(p[1], 1, 1) - torch.roll(p[1], -1, 1)) / 2


def adjoint_endless(p):
    while True:
        p = p + 0


# --- tychonov_denoise ------------------------------------------------------------------------------------------------


def laplacian_of(v, factor=4.0):
    m, n = v.shape
    xi, zeta = torch.arange(m, dtype=v.dtype), torch.arange(n, dtype=v.dtype)
    return factor * (torch.sin(math.pi * xi / m)[:, None] ** 2 + torch.sin(math.pi * zeta / n)[None, :] ** 2)


def filtered(v, filter_hat):
    return torch.fft.ifft2(torch.fft.fft2(v) * filter_hat).real


def tychonov_by_fft(v, lam):
    return filtered(v, 1 / (1 + lam * laplacian_of(v)))


def tychonov_by_real_fft(v, lam):
    m, n = v.shape
    xi, zeta = torch.fft.fftfreq(m, dtype=v.dtype), torch.fft.rfftfreq(n, dtype=v.dtype)
    L = 4 * (torch.sin(math.pi * xi).square()[:, None] + torch.sin(math.pi * zeta).square())
    return torch.fft.irfft2(torch.fft.rfft2(v) / (1 + lam * L), s=v.shape)


def tychonov_by_derivative_kernels(v, lam):
    d1, d2 = torch.zeros_like(v), torch.zeros_like(v)
    d1[0, 0] = d2[0, 0] = -1
    d1[-1, 0] = d2[0, -1] = 1
    L = torch.fft.fft2(d1).abs() ** 2 + torch.fft.fft2(d2).abs() ** 2
    return filtered(v, 1 / (1 + lam * L))


def tychonov_by_linear_system(v, lam):
    basis = torch.eye(v.numel(), dtype=v.dtype).reshape(-1, *v.shape)
    A = torch.stack([(e + lam * gradient_adjoint(gradient(e))).flatten() for e in basis])
    return torch.linalg.solve(A, v.flatten()).reshape(v.shape)


def tychonov_by_descent(v, lam):
    u = v.clone()
    for _ in range(3000):
        u = u - 1.5 / (1 + 8 * lam) * (u - v + lam * gradient_adjoint(gradient(u)))
    return u


def tychonov_in_float32(v, lam):
    return tychonov_by_fft(v.float(), lam)


def tychonov_by_numpy(v, lam):
    L = laplacian_of(v).numpy()
    return torch.from_numpy(np.fft.ifft2(np.fft.fft2(v.numpy()) / (1 + lam * L)).real)


def tychonov_half_lambda(v, lam):
    return filtered(v, 1 / (1 + 0.5 * lam * laplacian_of(v)))


def tychonov_twice_lambda(v, lam):
    return filtered(v, 1 / (1 + 2 * lam * laplacian_of(v)))


def tychonov_lambda_squared(v, lam):
    return filtered(v, 1 / (1 + lam**2 * laplacian_of(v)))


def tychonov_without_lambda(v, lam):
    return filtered(v, 1 / (1 + laplacian_of(v)))


def tychonov_without_four(v, lam):
    return filtered(v, 1 / (1 + lam * laplacian_of(v, 1.0)))


def tychonov_two_pi(v, lam):
    m, n = v.shape
    xi, zeta = torch.arange(m, dtype=v.dtype)[:, None], torch.arange(n, dtype=v.dtype)
    L = 4 * (torch.sin(2 * math.pi * xi / m) ** 2 + torch.sin(2 * math.pi * zeta / n) ** 2)
    return filtered(v, 1 / (1 + lam * L))


def tychonov_frequencies_centred(v, lam):
    return filtered(v, 1 / (1 + lam * torch.fft.fftshift(laplacian_of(v))))


def tychonov_sine_not_squared(v, lam):
    m, n = v.shape
    xi, zeta = torch.arange(m, dtype=v.dtype)[:, None], torch.arange(n, dtype=v.dtype)
    return filtered(v, 1 / (1 + lam * 4 * (torch.sin(math.pi * xi / m) + torch.sin(math.pi * zeta / n))))


def tychonov_with_positive_laplacian(v, lam):
    return filtered(v, 1 / (1 - lam * laplacian_of(v)))


def tychonov_laplacian_squared(v, lam):
    return filtered(v, 1 / (1 + lam * laplacian_of(v) ** 2))


def tychonov_is_ridge(v, lam):
    return v / (1 + lam)


def tychonov_normalised_twice(v, lam):
    return tychonov_by_fft(v, lam) / v.numel()


def tychonov_wrong_norms(v, lam):
    return torch.fft.ifft2(torch.fft.fft2(v, norm="ortho") / (1 + lam * laplacian_of(v))).real


def tychonov_left_complex(v, lam):
    return torch.fft.ifft2(torch.fft.fft2(v) / (1 + lam * laplacian_of(v)))


def tychonov_modulus(v, lam):
    return torch.fft.ifft2(torch.fft.fft2(v) / (1 + lam * laplacian_of(v))).abs()


def tychonov_clipped(v, lam):
    return tychonov_by_fft(v, lam).clamp(0, 1)


def tychonov_sizes_exchanged(v, lam):
    m, n = v.shape
    xi, zeta = torch.arange(m, dtype=v.dtype)[:, None], torch.arange(n, dtype=v.dtype)
    return filtered(v, 1 / (1 + lam * 4 * (torch.sin(math.pi * xi / n) ** 2 + torch.sin(math.pi * zeta / m) ** 2)))


def tychonov_only_square(v, lam):
    n = v.shape[0]
    s = 4 * torch.sin(math.pi * torch.arange(n, dtype=v.dtype) / n) ** 2
    return filtered(v, 1 / (1 + lam * (s[:, None] + s[None, :])))


def tychonov_multiplied(v, lam):
    return filtered(v, 1 + lam * laplacian_of(v))


def tychonov_one_forgotten(v, lam):
    return filtered(v, 1 / (lam * laplacian_of(v)))


def tychonov_one_step_of_descent(v, lam):
    return v - lam * gradient_adjoint(gradient(v))


def tychonov_identity(v, lam):
    return v


def tychonov_mean(v, lam):
    return torch.full_like(v, v.mean().item())


def tychonov_spectrum_returned(v, lam):
    return (torch.fft.rfft2(v) / (1 + lam * laplacian_of(v)[:, : v.shape[1] // 2 + 1])).real


# --- smoothed_tv -----------------------------------------------------------------------------------------------------


def tv_by_root(u, eps):
    return torch.sqrt(eps**2 + (gradient(u) ** 2).sum(dim=0)).sum()


def tv_by_hypot(u, eps):
    d1, d2 = gradient(u)
    return torch.hypot(torch.hypot(d1, d2), torch.full_like(u, eps)).sum()


def tv_by_norm(u, eps):
    return torch.linalg.vector_norm(torch.cat([gradient(u), torch.full_like(u, eps)[None]]), dim=0).sum()


def tv_by_loops(u, eps):
    m, n = u.shape
    total = 0.0
    for x in range(m):
        for y in range(n):
            d1, d2 = u[(x + 1) % m, y] - u[x, y], u[x, (y + 1) % n] - u[x, y]
            total += math.sqrt(eps**2 + d1.item() ** 2 + d2.item() ** 2)
    return total


def tv_in_float32(u, eps):
    return tv_by_root(u.float(), eps)


def tv_eps_outside(u, eps):
    return (eps + gradient(u).square().sum(0).sqrt()).sum()


def tv_eps_not_squared(u, eps):
    return (eps + gradient(u).square().sum(0)).sqrt().sum()


def tv_eps_ignored(u, eps):
    return gradient(u).square().sum(0).sqrt().sum()


def tv_eps_added_once(u, eps):
    return gradient(u).square().sum(0).sqrt().sum() + eps


def tv_anisotropic(u, eps):
    return (eps**2 + gradient(u).square()).sqrt().sum()


def tv_absolute_values(u, eps):
    return (eps + gradient(u).abs()).sum()


def tv_root_of_the_sum(u, eps):
    return (eps**2 + gradient(u).square().sum()).sqrt()


def tv_root_forgotten(u, eps):
    return (eps**2 + gradient(u).square().sum(0)).sum()


def tv_is_tychonov(u, eps):
    return 0.5 * gradient(u).square().sum()


def tv_mean(u, eps):
    return (eps**2 + gradient(u).square().sum(0)).sqrt().mean()


def tv_halved(u, eps):
    return 0.5 * tv_by_root(u, eps)


def tv_as_image(u, eps):
    return (eps**2 + gradient(u).square().sum(0)).sqrt()


def tv_not_periodic(u, eps):
    return (eps**2 + gradient_zero_at_the_border(u).square().sum(0)).sqrt().sum()


def tv_cropped(u, eps):
    return (eps**2 + gradient_cropped(u).square().sum(0)).sqrt().sum()


def tv_backward(u, eps):
    return (eps**2 + gradient_backward(u).square().sum(0)).sqrt().sum()


def tv_squares_forgotten(u, eps):
    return (eps**2 + gradient(u).sum(0)).sqrt().sum()


def tv_cast_to_int(u, eps):
    return int(tv_by_root(u, eps))


def tv_as_string(u, eps):
    return f"TV = {tv_by_root(u, eps):.3f}"


def tv_constant(u, eps):
    return torch.tensor(1.0)


def tv_wrong_parameters(u):
    return tv_by_root(u, 0.01)


def tv_in_place(u, eps):
    u -= u.mean()
    return tv_by_root(u, eps)


# --- smoothed_tv_gradient --------------------------------------------------------------------------------------------


def tv_gradient_by_formula(u, eps):
    p = gradient(u)
    return gradient_adjoint(p / torch.sqrt(eps**2 + p[0] ** 2 + p[1] ** 2))


def tv_gradient_by_autograd(u, eps):
    u = u.clone().requires_grad_(True)
    tv_by_root(u, eps).backward()
    return u.grad


def tv_gradient_by_slices(u, eps):
    p = gradient_by_slices(u)
    return adjoint_by_slices(p / torch.sqrt(eps**2 + (p**2).sum(0, keepdim=True)))


def tv_gradient_by_loops(u, eps):
    p = gradient_by_loops(u)
    return adjoint_by_loops(p * (eps**2 + (p * p).sum(0)) ** -0.5)


def tv_gradient_in_float32(u, eps):
    return tv_gradient_by_formula(u.float(), eps)


def tv_gradient_with_divergence(u, eps):
    return -tv_gradient_by_formula(u, eps)


def tv_gradient_eps_outside(u, eps):
    p = gradient(u)
    return gradient_adjoint(p / (eps + p.square().sum(0).sqrt()))


def tv_gradient_eps_not_squared(u, eps):
    p = gradient(u)
    return gradient_adjoint(p / (eps + p.square().sum(0)).sqrt())


def tv_gradient_eps_ignored(u, eps):
    p = gradient(u)
    return gradient_adjoint(p / p.square().sum(0).sqrt())


def tv_gradient_root_forgotten(u, eps):
    p = gradient(u)
    return gradient_adjoint(p / (eps**2 + p.square().sum(0)))


def tv_gradient_anisotropic(u, eps):
    p = gradient(u)
    return gradient_adjoint(p / (eps**2 + p.square()).sqrt())


def tv_gradient_norm_of_the_whole(u, eps):
    p = gradient(u)
    return gradient_adjoint(p / (eps**2 + p.square().sum()).sqrt())


def tv_gradient_forward_again(u, eps):
    p = gradient(u)
    q = p / (eps**2 + p.square().sum(0)).sqrt()
    return gradient(q[0])[0] + gradient(q[1])[1]


def tv_gradient_is_field(u, eps):
    p = gradient(u)
    return p / (eps**2 + p.square().sum(0)).sqrt()


def tv_gradient_field_summed(u, eps):
    return tv_gradient_is_field(u, eps).sum(0)


def tv_gradient_is_laplacian(u, eps):
    return gradient_adjoint(gradient(u))


def tv_gradient_laplacian_over_norm(u, eps):
    p = gradient(u)
    return gradient_adjoint(p) / (eps**2 + p.square().sum(0)).sqrt()


def tv_gradient_halved(u, eps):
    return 0.5 * tv_gradient_by_formula(u, eps)


def tv_gradient_averaged(u, eps):
    return tv_gradient_by_formula(u, eps) / u.numel()


def tv_gradient_components_exchanged(u, eps):
    return gradient_adjoint(tv_gradient_is_field(u, eps).flip(0))


def tv_gradient_is_zero(u, eps):
    return torch.zeros_like(u)


def tv_gradient_is_identity(u, eps):
    return u


def tv_gradient_is_value(u, eps):
    return tv_by_root(u, eps)


def tv_gradient_one_step(u, eps):
    return u - tv_gradient_by_formula(u, eps)


# --- tv_denoise ------------------------------------------------------------------------------------------------------


def descend(v, direction, tau, n):
    u = v.clone()
    for _ in range(n):
        u = u - tau * direction(u)
    return u


def denoise_plain(v, lam, eps, n):
    u, tau = v.clone(), 1.9 / (1 + 8 * lam / eps)
    for _ in range(n):
        u = u - tau * (u - v + lam * smoothed_tv_gradient(u, eps))
    return u


def denoise_short_step(v, lam, eps, n):
    return descend(v, lambda u: u - v + lam * smoothed_tv_gradient(u, eps), 1 / (1 + 8 * lam / eps), n)


def denoise_longest_step(v, lam, eps, n):
    return descend(v, lambda u: u - v + lam * smoothed_tv_gradient(u, eps), 1.99 * eps / (eps + 8 * lam), n)


def denoise_by_autograd(v, lam, eps, n):
    tau = 1.8 / (1 + 8 * lam / eps)
    u = v.clone()
    for _ in range(n):
        u = u.detach().requires_grad_(True)
        objective = 0.5 * ((u - v) ** 2).sum() + lam * tv_by_root(u, eps)
        u = u - tau * torch.autograd.grad(objective, u)[0]
    return u.detach()


def denoise_by_torch_optim(v, lam, eps, n):
    u = v.clone().requires_grad_(True)
    optimizer = torch.optim.SGD([u], lr=1.5 / (1 + 8 * lam / eps))
    for _ in range(n):
        optimizer.zero_grad()
        (0.5 * ((u - v) ** 2).sum() + lam * tv_by_root(u, eps)).backward()
        optimizer.step()
    return u


def denoise_from_zero(v, lam, eps, n):
    u, tau = torch.zeros_like(v), 1.9 / (1 + 8 * lam / eps)
    for _ in range(n):
        u = u - tau * (u - v + lam * smoothed_tv_gradient(u, eps))
    return u


def denoise_in_float32(v, lam, eps, n):
    return denoise_plain(v.float(), lam, eps, n)


def denoise_with_loops(v, lam, eps, n):
    u, tau = v.clone(), 1.9 / (1 + 8 * lam / eps)
    for _ in range(n):
        u = u - tau * (u - v + lam * tv_gradient_by_loops(u, eps))
    return u


def denoise_step_beyond(v, lam, eps, n):
    return descend(v, lambda u: u - v + lam * smoothed_tv_gradient(u, eps), 2.5 / (1 + 8 * lam / eps), n)


def denoise_step_without_eps(v, lam, eps, n):
    return descend(v, lambda u: u - v + lam * smoothed_tv_gradient(u, eps), 1.9 / (1 + 8 * lam), n)


def denoise_step_two_over_lambda(v, lam, eps, n):
    return descend(v, lambda u: u - v + lam * smoothed_tv_gradient(u, eps), 2 / lam, n)


def denoise_step_squared(v, lam, eps, n):
    return descend(v, lambda u: u - v + lam * smoothed_tv_gradient(u, eps), 1 / (1 + 8 * lam / eps) ** 2, n)


def denoise_step_fraction_misread(v, lam, eps, n):
    return descend(v, lambda u: u - v + lam * smoothed_tv_gradient(u, eps), 2 / 1 + 8 * lam / eps, n)


def denoise_step_of_tv_alone(v, lam, eps, n):
    return descend(v, lambda u: u - v + lam * smoothed_tv_gradient(u, eps), 1.9 / (8 / eps), n)


def denoise_step_fixed_small(v, lam, eps, n):
    return descend(v, lambda u: u - v + lam * smoothed_tv_gradient(u, eps), 1e-4, n)


def denoise_ascent(v, lam, eps, n):
    return descend(v, lambda u: -(u - v + lam * smoothed_tv_gradient(u, eps)), 1.9 / (1 + 8 * lam / eps), n)


def denoise_wrong_sign_of_tv(v, lam, eps, n):
    return descend(v, lambda u: u - v - lam * smoothed_tv_gradient(u, eps), 1.9 / (1 + 8 * lam / eps), n)


def denoise_wrong_sign_of_data(v, lam, eps, n):
    return descend(v, lambda u: v - u + lam * smoothed_tv_gradient(u, eps), 1.9 / (1 + 8 * lam / eps), n)


def denoise_without_lambda(v, lam, eps, n):
    return descend(v, lambda u: u - v + smoothed_tv_gradient(u, eps), 1.9 / (1 + 8 / eps), n)


def denoise_half_lambda(v, lam, eps, n):
    return descend(v, lambda u: 2 * (u - v) + lam * smoothed_tv_gradient(u, eps), 1.9 / (2 + 8 * lam / eps), n)


def denoise_without_data(v, lam, eps, n):
    return descend(v, lambda u: lam * smoothed_tv_gradient(u, eps), 1.9 / (1 + 8 * lam / eps), n)


def denoise_by_tychonov(v, lam, eps, n):
    return descend(v, lambda u: u - v + lam * gradient_adjoint(gradient(u)), 1.9 / (1 + 8 * lam), n)


def denoise_by_tychonov_in_fourier(v, lam, eps, n):
    return tychonov_denoise(v, lam)


def denoise_eps_not_squared(v, lam, eps, n):
    return descend(v, lambda u: u - v + lam * tv_gradient_eps_not_squared(u, eps), 1.9 / (1 + 8 * lam / eps), n)


def denoise_clipped(v, lam, eps, n):
    u, tau = v.clone(), 1.9 / (1 + 8 * lam / eps)
    for _ in range(n):
        u = (u - tau * (u - v + lam * smoothed_tv_gradient(u, eps))).clamp(0, 1)
    return u


def denoise_return_in_the_loop(v, lam, eps, n):
    u, tau = v.clone(), 1.9 / (1 + 8 * lam / eps)
    for _ in range(n):
        u = u - tau * (u - v + lam * smoothed_tv_gradient(u, eps))
        return u  # noqa: RET504 - the student's mistake
    return u


def denoise_n_ignored(v, lam, eps, n):
    return denoise_plain(v, lam, eps, 10)


def denoise_gradient_always_at_v(v, lam, eps, n):
    u, tau = v.clone(), 1.9 / (1 + 8 * lam / eps)
    for _ in range(n):
        u = u - tau * (u - v + lam * smoothed_tv_gradient(v, eps))
    return u


def denoise_v_is_overwritten(v, lam, eps, n):
    u, tau = v, 1.9 / (1 + 8 * lam / eps)
    for _ in range(n):
        u -= tau * (u - v + lam * smoothed_tv_gradient(u, eps))
    return u


def denoise_identity(v, lam, eps, n):
    return v


def denoise_mean(v, lam, eps, n):
    return v.mean() + torch.zeros_like(v)


def denoise_until_equal(v, lam, eps, n):
    u, k = v.clone(), 0
    while k < n:
        u = u - 1.9 / (1 + 8 * lam / eps) * (u - v + lam * smoothed_tv_gradient(u, eps))
    return u


# --- accelerated_tv_denoise ------------------------------------------------------------------------------------------


def accelerate(v, lam, eps, n, tau, weight):
    x, y = v.clone(), v.clone()
    for k in range(n):
        x_next = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        y = x_next + weight(k) * (x_next - x)
        x = x_next
    return x


def accelerated_by_nesterov(v, lam, eps, n):
    tau, x, y, t = 1 / (1 + 8 * lam / eps), v.clone(), v.clone(), 1.0
    for _ in range(n):
        x_next = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        y = x_next + (t - 1) / t_next * (x_next - x)
        x, t = x_next, t_next
    return x


def accelerated_k_over_k_plus_3(v, lam, eps, n):
    return accelerate(v, lam, eps, n, 1 / (1 + 8 * lam / eps), lambda k: k / (k + 3))


def accelerated_strongly_convex(v, lam, eps, n):
    root = math.sqrt(1 + 8 * lam / eps)
    return accelerate(v, lam, eps, n, 1 / root**2, lambda k: (root - 1) / (root + 1))


def accelerated_returning_y(v, lam, eps, n):
    tau, x, y, t = 1 / (1 + 8 * lam / eps), v.clone(), v.clone(), torch.ones((), dtype=v.dtype)
    for _ in range(n):
        x, x_old = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps)), x
        t, t_old = (1 + (1 + 4 * t * t).sqrt()) / 2, t
        y = x + (t_old - 1) / t * (x - x_old)
    return y


def accelerated_with_restart(v, lam, eps, n):
    tau, x, y, t = 1 / (1 + 8 * lam / eps), v.clone(), v.clone(), 1.0
    for _ in range(n):
        g = y - v + lam * smoothed_tv_gradient(y, eps)
        x_next = y - tau * g
        t = 1.0 if (g * (x_next - x)).sum() > 0 else t
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        y = x_next + (t - 1) / t_next * (x_next - x)
        x, t = x_next, t_next
    return x


def accelerated_in_float32(v, lam, eps, n):
    return accelerated_by_nesterov(v.float(), lam, eps, n)


def accelerated_with_loops(v, lam, eps, n):
    tau, x, y = 1 / (1 + 8 * lam / eps), v.clone(), v.clone()
    for k in range(n):
        x_next = y - tau * (y - v + lam * tv_gradient_by_loops(y, eps))
        x, y = x_next, x_next + k / (k + 3) * (x_next - x)
    return x


def accelerated_is_plain(v, lam, eps, n):
    return denoise_plain(v, lam, eps, n)


def accelerated_t_never_updated(v, lam, eps, n):
    tau, x, y, t = 1 / (1 + 8 * lam / eps), v.clone(), v.clone(), 1.0
    for _ in range(n):
        x_next = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        y = x_next + (t - 1) / t_next * (x_next - x)
        x = x_next
    return x


def accelerated_x_overwritten_first(v, lam, eps, n):
    tau, x, y, t = 1 / (1 + 8 * lam / eps), v.clone(), v.clone(), 1.0
    for _ in range(n):
        x_next = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        x, t_next = x_next, (1 + math.sqrt(1 + 4 * t**2)) / 2
        y, t = x_next + (t - 1) / t_next * (x_next - x), t_next
    return x


def accelerated_momentum_backwards(v, lam, eps, n):
    return accelerate(v, lam, eps, n, 1 / (1 + 8 * lam / eps), lambda k: -k / (k + 3))


def accelerated_weight_above_one(v, lam, eps, n):
    return accelerate(v, lam, eps, n, 1 / (1 + 8 * lam / eps), lambda k: (k + 3) / (k + 1))


def accelerated_from_the_start(v, lam, eps, n):
    tau, x, y = 1 / (1 + 8 * lam / eps), v.clone(), v.clone()
    for k in range(n):
        x_next = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        y = x_next + k / (k + 3) * (x_next - v)
        x = x_next
    return x


def accelerated_step_1_9(v, lam, eps, n):
    return accelerate(v, lam, eps, n, 1.9 / (1 + 8 * lam / eps), lambda k: k / (k + 3))


def accelerated_step_without_eps(v, lam, eps, n):
    return accelerate(v, lam, eps, n, 1 / (1 + 8 * lam), lambda k: k / (k + 3))


def accelerated_step_squared(v, lam, eps, n):
    return accelerate(v, lam, eps, n, 1 / (1 + 8 * lam / eps) ** 2, lambda k: k / (k + 3))


def accelerated_without_lambda(v, lam, eps, n):
    tau, x, y = 1 / (1 + 8 / eps), v.clone(), v.clone()
    for k in range(n):
        x_next = y - tau * (y - v + smoothed_tv_gradient(y, eps))
        x, y = x_next, x_next + k / (k + 3) * (x_next - x)
    return x


def accelerated_ascent(v, lam, eps, n):
    tau, x, y = 1 / (1 + 8 * lam / eps), v.clone(), v.clone()
    for k in range(n):
        x_next = y + tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        x, y = x_next, x_next + k / (k + 3) * (x_next - x)
    return x


def accelerated_without_data(v, lam, eps, n):
    tau, x, y = 1 / (1 + 8 * lam / eps), v.clone(), v.clone()
    for k in range(n):
        x_next = y - tau * lam * smoothed_tv_gradient(y, eps)
        x, y = x_next, x_next + k / (k + 3) * (x_next - x)
    return x


def accelerated_n_ignored(v, lam, eps, n):
    return accelerated_by_nesterov(v, lam, eps, 20)


def accelerated_clipped(v, lam, eps, n):
    tau, x, y = 1 / (1 + 8 * lam / eps), v.clone(), v.clone()
    for k in range(n):
        x_next = (y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))).clamp(0, 1)
        x, y = x_next, x_next + k / (k + 3) * (x_next - x)
    return x


def accelerated_pair_returned(v, lam, eps, n):
    return accelerated_by_nesterov(v, lam, eps, n), [0.0] * n


def accelerated_identity(v, lam, eps, n):
    return v


# --- tv_deblur -------------------------------------------------------------------------------------------------------


def deblur_plain(v, kernel, lam, eps, n):
    u, tau = v.clone(), 1.9 / (1 + 8 * lam / eps)
    for _ in range(n):
        u = u - tau * (blur_adjoint(blur(u, kernel) - v, kernel) + lam * smoothed_tv_gradient(u, eps))
    return u


def deblur_accelerated(v, kernel, lam, eps, n):
    tau, x, y = 1 / (1 + 8 * lam / eps), v.clone(), v.clone()
    for k in range(n):
        x_next = y - tau * (blur_adjoint(blur(y, kernel) - v, kernel) + lam * smoothed_tv_gradient(y, eps))
        x, y = x_next, x_next + k / (k + 3) * (x_next - x)
    return x


def transfer_of(kernel, shape, centred=True):
    h, w = kernel.shape
    padded = torch.zeros(shape, dtype=kernel.dtype)
    padded[:h, :w] = kernel
    return torch.fft.fft2(torch.roll(padded, (-(h // 2), -(w // 2)), (0, 1)) if centred else padded)


def deblur_in_fourier(v, kernel, lam, eps, n):
    k_hat, v_hat, u = transfer_of(kernel, v.shape), torch.fft.fft2(v), v.clone()
    tau = 1 / (k_hat.abs().max() ** 2 + 8 * lam / eps)
    for _ in range(n):
        data = torch.fft.ifft2(k_hat.conj() * (k_hat * torch.fft.fft2(u) - v_hat)).real
        u = u - tau * (data + lam * smoothed_tv_gradient(u, eps))
    return u


def deblur_from_zero(v, kernel, lam, eps, n):
    u, tau = torch.zeros_like(v), 1.9 / (1 + 8 * lam / eps)
    for _ in range(n):
        u = u - tau * (blur_adjoint(blur(u, kernel) - v, kernel) + lam * smoothed_tv_gradient(u, eps))
    return u


def deblur_by_autograd(v, kernel, lam, eps, n):
    u, tau = v.clone(), 1.5 / (1 + 8 * lam / eps)
    for _ in range(n):
        u = u.detach().requires_grad_(True)
        objective = 0.5 * (blur(u, kernel) - v).square().sum() + lam * tv_by_root(u, eps)
        u = u - tau * torch.autograd.grad(objective, u)[0]
    return u.detach()


def deblur_longest_step(v, kernel, lam, eps, n):
    def direction(u):
        return blur_adjoint(blur(u, kernel) - v, kernel) + lam * smoothed_tv_gradient(u, eps)

    return descend(v, direction, 1.99 * eps / (eps + 8 * lam), n)


def deblur_in_float32(v, kernel, lam, eps, n):
    return deblur_plain(v.float(), kernel.float(), lam, eps, n)


def deblur_step(lam, eps):
    return 1.9 / (1 + 8 * lam / eps)


def deblur_without_adjoint(v, kernel, lam, eps, n):
    return descend(v, lambda u: blur(u, kernel) - v + lam * smoothed_tv_gradient(u, eps), deblur_step(lam, eps), n)


def deblur_conjugate_forgotten(v, kernel, lam, eps, n):
    return descend(
        v, lambda u: blur(blur(u, kernel) - v, kernel) + lam * smoothed_tv_gradient(u, eps), deblur_step(lam, eps), n
    )


def deblur_adjoint_first(v, kernel, lam, eps, n):
    return descend(
        v,
        lambda u: blur(blur_adjoint(u, kernel) - v, kernel) + lam * smoothed_tv_gradient(u, eps),
        deblur_step(lam, eps),
        n,
    )


def deblur_residual_partly_blurred(v, kernel, lam, eps, n):
    return descend(
        v,
        lambda u: blur_adjoint(blur(u, kernel), kernel) - v + lam * smoothed_tv_gradient(u, eps),
        deblur_step(lam, eps),
        n,
    )


def deblur_without_blur(v, kernel, lam, eps, n):
    return denoise_plain(v, lam, eps, n)


def deblur_not_centred(v, kernel, lam, eps, n):
    k_hat = transfer_of(kernel, v.shape, centred=False)

    def direction(u):
        data = torch.fft.ifft2(k_hat.conj() * (k_hat * torch.fft.fft2(u) - torch.fft.fft2(v))).real
        return data + lam * smoothed_tv_gradient(u, eps)

    return descend(v, direction, deblur_step(lam, eps), n)


def deblur_kernel_transposed(v, kernel, lam, eps, n):
    return deblur_plain(v, kernel.T, lam, eps, n)


def deblur_kernel_flipped(v, kernel, lam, eps, n):
    return deblur_plain(v, kernel.flip(0, 1), lam, eps, n)


def deblur_without_lambda(v, kernel, lam, eps, n):
    return deblur_plain(v, kernel, 1.0, eps, n)


def deblur_half_lambda(v, kernel, lam, eps, n):
    return deblur_plain(v, kernel, lam / 2, eps, n)


def deblur_wrong_sign_of_tv(v, kernel, lam, eps, n):
    return descend(
        v,
        lambda u: blur_adjoint(blur(u, kernel) - v, kernel) - lam * smoothed_tv_gradient(u, eps),
        deblur_step(lam, eps),
        n,
    )


def deblur_ascent(v, kernel, lam, eps, n):
    return descend(
        v,
        lambda u: -blur_adjoint(blur(u, kernel) - v, kernel) - lam * smoothed_tv_gradient(u, eps),
        deblur_step(lam, eps),
        n,
    )


def deblur_step_without_eps(v, kernel, lam, eps, n):
    return descend(
        v,
        lambda u: blur_adjoint(blur(u, kernel) - v, kernel) + lam * smoothed_tv_gradient(u, eps),
        1.9 / (1 + 8 * lam),
        n,
    )


def deblur_step_too_long(v, kernel, lam, eps, n):
    return descend(
        v,
        lambda u: blur_adjoint(blur(u, kernel) - v, kernel) + lam * smoothed_tv_gradient(u, eps),
        3 / (1 + 8 * lam / eps),
        n,
    )


def deblur_step_squared(v, kernel, lam, eps, n):
    return descend(
        v,
        lambda u: blur_adjoint(blur(u, kernel) - v, kernel) + lam * smoothed_tv_gradient(u, eps),
        1 / (1 + 8 * lam / eps) ** 2,
        n,
    )


def deblur_by_tychonov(v, kernel, lam, eps, n):
    return tychonov_deblur(v, kernel, lam)


def deblur_without_regularization(v, kernel, lam, eps, n):
    return descend(v, lambda u: blur_adjoint(blur(u, kernel) - v, kernel), deblur_step(lam, eps), n)


def deblur_clipped(v, kernel, lam, eps, n):
    u, tau = v.clone(), deblur_step(lam, eps)
    for _ in range(n):
        g = blur_adjoint(blur(u, kernel) - v, kernel) + lam * smoothed_tv_gradient(u, eps)
        u = (u - tau * g).clamp(0, 1)
    return u


def deblur_identity(v, kernel, lam, eps, n):
    return v


def deblur_left_complex(v, kernel, lam, eps, n):
    k_hat, u = transfer_of(kernel, v.shape), v.clone()
    for _ in range(n):
        data = torch.fft.ifft2(k_hat.conj() * (k_hat * torch.fft.fft2(u) - torch.fft.fft2(v)))
        u = u - deblur_step(lam, eps) * (data + lam * smoothed_tv_gradient(u.real, eps))
    return u


def deblur_only_square(v, kernel, lam, eps, n):
    return deblur_plain(v.reshape(v.shape[0], v.shape[0]), kernel, lam, eps, n)


# --- more of each kind, from a second list written without looking at the checks -----------------------------------


def gradient_backward_along_columns(u):
    return torch.stack([u.roll(-1, 0) - u, u - u.roll(1, 1)])


def gradient_with_one_sign_wrong(u):
    return torch.stack([u.roll(-1, 0) - u, u - u.roll(-1, 1)])


def tv_with_eps_in_each_direction(u, eps):
    p = gradient(u)
    return (p[0] ** 2 + eps**2 + p[1] ** 2 + eps**2).sqrt().sum()


def tv_of_the_sum_of_the_derivatives(u, eps):
    return (eps**2 + gradient(u).sum(0) ** 2).sqrt().sum()


def _descend(v, lam, eps, n, tau, data_weight=1.0, tv_weight=None):
    u, tv_weight = v.clone(), lam if tv_weight is None else tv_weight
    for _ in range(n):
        u = u - tau * (data_weight * (u - v) + tv_weight * smoothed_tv_gradient(u, eps))
    return u


def denoise_step_with_eps_squared(v, lam, eps, n):
    return _descend(v, lam, eps, n, 1.9 / (1 + 8 * lam / eps**2))


def denoise_one_iteration_less(v, lam, eps, n):
    return _descend(v, lam, eps, n - 1, 1.9 / (1 + 8 * lam / eps))


def denoise_lambda_before_the_data(v, lam, eps, n):
    return _descend(v, lam, eps, n, 1.9 / (1 + 8 * lam / eps), lam, 1.0)


def _accelerate(v, lam, eps, n, momentum, t=1.0, at_x=False, start=None, tau=None, t_of=None):
    x = v.clone() if start is None else start
    y, tau = x, 1 / (1 + 8 * lam / eps) if tau is None else tau
    for _ in range(n):
        z = x if at_x else y
        x_next = y - tau * (z - v + lam * smoothed_tv_gradient(z, eps))
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2 if t_of is None else t_of(t)
        x, y, t = x_next, x_next + momentum(t, t_next) * (x_next - x), t_next
    return x


def accelerated_gradient_at_x(v, lam, eps, n):
    return _accelerate(v, lam, eps, n, lambda t, t_next: (t - 1) / t_next, at_x=True)


def accelerated_t_updated_first(v, lam, eps, n):
    return _accelerate(v, lam, eps, n, lambda t, t_next: (t_next - 1) / t_next)


def accelerated_t_from_zero(v, lam, eps, n):
    return _accelerate(v, lam, eps, n, lambda t, t_next: (t - 1) / t_next, t=0.0)


def accelerated_from_zero(v, lam, eps, n):
    return _accelerate(v, lam, eps, n, lambda t, t_next: (t - 1) / t_next, start=torch.zeros_like(v))


def deblur_by_a_flipped_kernel(v, kernel, lam, eps, n):
    u, tau = v.clone(), 1.9 / (1 + 8 * lam / eps)
    for _ in range(n):
        u = u - tau * (blur(blur(u, kernel) - v, kernel.flip(0, 1)) + lam * smoothed_tv_gradient(u, eps))
    return u


# --- a third list, written without looking at the checks: globals of the notebook, borders, n = 0, momentum ---------


def gradient_by_circular_convolution(u):
    padded = functional.pad(u[None, None], (0, 1, 0, 1), mode="circular")
    kernels = torch.tensor([[[[-1.0, 0.0], [1.0, 0.0]]], [[[-1.0, 1.0], [0.0, 0.0]]]], dtype=u.dtype)
    return functional.conv2d(padded, kernels)[0]


def gradient_by_indices(u):
    rows, columns = (torch.arange(size) for size in u.shape)
    return torch.stack([u[(rows + 1) % len(rows)] - u, u[:, (columns + 1) % len(columns)] - u])


def gradient_undetached(u):
    return gradient_by_roll(u.clone().requires_grad_(True))


def gradient_last_row_with_the_other_sign(u):
    p = gradient_zero_at_the_border(u)
    p[0, -1], p[1, :, -1] = u[-1] - u[0], u[:, -1] - u[:, 0]
    return p


def gradient_two_pixels_further(u):
    return torch.stack([torch.roll(u, -2, 0) - u, torch.roll(u, -2, 1) - u])


def gradient_along_the_diagonal(u):
    d = torch.roll(u, (-1, -1), (0, 1)) - u
    return torch.stack([d, d])


def gradient_times_the_size(u):
    m, n = u.shape
    return torch.stack([m * (torch.roll(u, -1, 0) - u), n * (torch.roll(u, -1, 1) - u)])


def gradient_concatenated(u):
    return torch.cat([torch.roll(u, -1, 0) - u, torch.roll(u, -1, 1) - u])


def gradient_dims_of_a_batch(u):
    return torch.stack([torch.roll(u, -1, dims=1) - u, torch.roll(u, -1, dims=2) - u])


def gradient_sums(u):
    return torch.stack([torch.roll(u, -1, 0) + u, torch.roll(u, -1, 1) + u])


def gradient_for_512(u):
    p = torch.zeros(2, 512, 512, dtype=u.dtype)
    p[0], p[1] = torch.roll(u, -1, 0) - u, torch.roll(u, -1, 1) - u
    return p


def gradient_replicated_border(u):
    padded = functional.pad(u[None, None], (0, 1, 0, 1), mode="replicate")[0, 0]
    return torch.stack([padded[1:, :-1] - u, padded[:-1, 1:] - u])


def adjoint_of_the_stack(p):
    return (p.roll(1, 1) - p)[0] + (p.roll(1, 2) - p)[1]


def adjoint_by_fourier(p):
    m, n = p.shape[1:]
    d1 = torch.exp(-2j * math.pi * torch.arange(m) / m).reshape(m, 1) - 1
    d2 = torch.exp(-2j * math.pi * torch.arange(n) / n).reshape(1, n) - 1
    p_hat = torch.fft.fft2(p)
    return torch.fft.ifft2(d1 * p_hat[0] + d2 * p_hat[1]).real


def adjoint_into_float32_zeros(p):
    u = torch.zeros(p.shape[1:])
    u += torch.roll(p[0], 1, 0) - p[0]
    u += torch.roll(p[1], 1, 1) - p[1]
    return u


def adjoint_sums(p):
    return torch.roll(p[0], 1, 0) + p[0] + torch.roll(p[1], 1, 1) + p[1]


def adjoint_mirrored(p):
    before_1 = torch.cat([p[0][1:2], p[0][:-1]], dim=0)
    before_2 = torch.cat([p[1][:, 1:2], p[1][:, :-1]], dim=1)
    return before_1 - p[0] + before_2 - p[1]


def adjoint_second_component_only(p):
    return torch.roll(p[1], 1, 1) - p[1]


def adjoint_flat_roll(p):
    return torch.roll(p[0], p.shape[2]) - p[0] + torch.roll(p[1], 1) - p[1]


def adjoint_on_the_transpose(p):
    return adjoint_by_roll(p.transpose(1, 2))


def adjoint_of_two_arguments(p1, p2):
    return torch.roll(p1, 1, 0) - p1 + torch.roll(p2, 1, 1) - p2


def adjoint_rolls_dimension_0(p):
    return (p.roll(1, 0) - p)[0] + (p.roll(1, 1) - p)[1]


def adjoint_second_sign_forward(p):
    return torch.roll(p[0], 1, 0) - p[0] + torch.roll(p[1], -1, 1) - p[1]


def adjoint_positive_part(p):
    return adjoint_by_roll(p).clamp(min=0)


def tychonov_by_cosines(v, lam):
    m, n = v.shape
    xi, zeta = torch.arange(m, dtype=v.dtype)[:, None], torch.arange(n, dtype=v.dtype)
    return filtered(v, 1 / (1 + lam * (4 - 2 * (2 * math.pi * xi / m).cos() - 2 * (2 * math.pi * zeta / n).cos())))


def tychonov_by_the_laplacian_of_an_impulse(v, lam):
    impulse = torch.zeros_like(v)
    impulse[0, 0] = 1
    return filtered(v, 1 / (1 + lam * torch.fft.fft2(gradient_adjoint(gradient(impulse))).real))


def tychonov_global_lam(v, lam):
    return tychonov_by_fft(v, 5.0)


def tychonov_cosines_halved(v, lam):
    m, n = v.shape
    xi, zeta = torch.arange(m, dtype=v.dtype)[:, None], torch.arange(n, dtype=v.dtype)
    return filtered(v, 1 / (1 + lam * (2 - (2 * math.pi * xi / m).cos() - (2 * math.pi * zeta / n).cos())))


def tychonov_spectrum_shifted(v, lam):
    return torch.fft.ifft2(torch.fft.fftshift(torch.fft.fft2(v)) / (1 + lam * laplacian_of(v))).real


def tychonov_rows_only(v, lam):
    xi = torch.arange(v.shape[0], dtype=v.dtype)[:, None]
    return filtered(v, 1 / (1 + lam * 4 * torch.sin(math.pi * xi / v.shape[0]) ** 2))


def tychonov_linspace(v, lam):
    m, n = v.shape
    xi, zeta = torch.linspace(0, 1, m, dtype=v.dtype)[:, None], torch.linspace(0, 1, n, dtype=v.dtype)
    return filtered(v, 1 / (1 + lam * 4 * (torch.sin(math.pi * xi) ** 2 + torch.sin(math.pi * zeta) ** 2)))


def tychonov_counting_from_one(v, lam):
    m, n = v.shape
    xi, zeta = torch.arange(1, m + 1, dtype=v.dtype)[:, None], torch.arange(1, n + 1, dtype=v.dtype)
    return filtered(v, 1 / (1 + lam * 4 * (torch.sin(math.pi * xi / m) ** 2 + torch.sin(math.pi * zeta / n) ** 2)))


def tychonov_irfft_without_size(v, lam):
    half = laplacian_of(v)[:, : v.shape[1] // 2 + 1]
    return torch.fft.irfft2(torch.fft.rfft2(v) / (1 + lam * half))


def tychonov_one_dimensional(v, lam):
    return torch.fft.ifft(torch.fft.fft(v) / (1 + lam * laplacian_of(v))).real


def tychonov_real_part_of_the_spectrum(v, lam):
    return torch.fft.ifft2(torch.fft.fft2(v).real / (1 + lam * laplacian_of(v))).real


def tychonov_times_lambda(v, lam):
    return filtered(v, lam / (1 + lam * laplacian_of(v)))


def tychonov_by_integer_division(v, lam):
    m, n = v.shape
    xi, zeta = torch.arange(m)[:, None], torch.arange(n)[None]
    return filtered(
        v, 1 / (1 + lam * 4 * (torch.sin(math.pi * (xi // m)) ** 2 + torch.sin(math.pi * (zeta // n)) ** 2))
    )


def tychonov_math_sine(v, lam):
    xi = torch.arange(v.shape[0], dtype=v.dtype)
    return filtered(v, 1 / (1 + 4 * lam * math.sin(math.pi * xi / v.shape[0]) ** 2))


def tychonov_what_was_removed(v, lam):
    return v - tychonov_by_fft(v, lam)


def tv_by_complex_modulus(u, eps):
    p = gradient(u)
    return (torch.complex(p[0], p[1]).abs() ** 2 + eps**2).sqrt().sum().item()


def tv_by_rows(u, eps):
    return sum(torch.sqrt(eps**2 + d1**2 + d2**2).sum() for d1, d2 in zip(*gradient(u), strict=True))


def tv_global_eps(u, eps):
    return tv_by_root(u, 1e-2)


def tv_minus_eps(u, eps):
    return (tv_by_root(u, eps)) - u.numel() * eps


def tv_of_the_values(u, eps):
    return (eps**2 + u**2).sqrt().sum()


def tv_summed_over_rows(u, eps):
    return (eps**2 + gradient(u).square().sum(0)).sqrt().sum(0)


def tv_first_derivative_only(u, eps):
    return (eps**2 + gradient(u)[0] ** 2).sqrt().sum()


def tv_eps_doubled(u, eps):
    return (eps * 2 + gradient(u).square().sum(0)).sqrt().sum()


def tv_l1(u, eps):
    return gradient(u).abs().sum()


def tv_largest(u, eps):
    return (eps**2 + gradient(u).square().sum(0)).sqrt().max()


def tv_centred_differences(u, eps):
    return (eps**2 + gradient_centred(u).square().sum(0)).sqrt().sum()


def tv_squares_after_the_root(u, eps):
    p = gradient(u)
    return ((eps + p[0].abs() + p[1].abs()) ** 2).sqrt().sum()


def tv_gradient_by_rsqrt(u, eps):
    p = gradient(u)
    return gradient_adjoint(p * torch.rsqrt(p.square().sum(0) + eps**2))


def tv_gradient_by_functional_grad(u, eps):
    return torch.func.grad(lambda x: tv_by_root(x, eps))(u)


def tv_gradient_undetached(u, eps):
    x = u.clone().requires_grad_(True)
    return torch.autograd.grad(tv_by_root(x, eps), x, create_graph=True)[0]


def tv_gradient_global_eps(u, eps):
    return tv_gradient_by_formula(u, 1e-2)


def tv_gradient_twice(u, eps):
    return 2 * tv_gradient_by_formula(u, eps)


def tv_gradient_power_without_parentheses(u, eps):
    p = gradient(u)
    return gradient_adjoint(p * (eps**2 + p.square().sum(0)) ** -1 / 2)


def tv_gradient_norm_along_the_rows(u, eps):
    p = gradient(u)
    return gradient_adjoint(p / torch.sqrt(eps**2 + p.square().sum(1, keepdim=True)))


def tv_gradient_of_a_leaf_that_is_none(u, eps):
    return torch.autograd.grad(tv_by_root(u, eps), u)[0]


def tv_gradient_asks_the_argument(u, eps):
    u.requires_grad_(True)
    return torch.autograd.grad(tv_by_root(u, eps), u)[0]


def tv_gradient_first_component_only(u, eps):
    q = tv_gradient_is_field(u, eps)
    return torch.roll(q[0], 1, 0) - q[0]


def tv_gradient_of_absolute_values(u, eps):
    return gradient_adjoint(tv_gradient_is_field(u, eps).abs())


def tv_gradient_signs(u, eps):
    return gradient_adjoint(gradient(u).sign())


def tv_gradient_zero_border(u, eps):
    return adjoint_zero_boundary(tv_gradient_is_field(u, eps))


def tv_gradient_eps_doubled(u, eps):
    p = gradient(u)
    return gradient_adjoint(p / (eps * 2 + p.square().sum(0)).sqrt())


def denoise_in_place_on_a_copy(v, lam, eps, n):
    u, k = v.clone(), 0
    while k < n:
        u -= 1.2 / (1 + 8 * lam / eps) * (u - v + lam * smoothed_tv_gradient(u, eps))
        k += 1
    return u


def denoise_undetached(v, lam, eps, n):
    u = v.clone().requires_grad_(True)
    for _ in range(n):
        u = u - 1.9 / (1 + 8 * lam / eps) * (u - v + lam * smoothed_tv_gradient(u, eps))
    return u


def denoise_convex_combination(v, lam, eps, n):
    tau = 1.5 * eps / (eps + 8 * lam)
    u = v
    for _ in range(n):
        u = (1 - tau) * u + tau * (v - lam * smoothed_tv_gradient(u, eps))
    return u


def denoise_global_eps(v, lam, eps, n):
    return denoise_plain(v, lam, 1e-2, n)


def denoise_global_lam(v, lam, eps, n):
    return denoise_plain(v, 0.085, eps, n)


def denoise_step_at_the_bound(v, lam, eps, n):
    return _descend(v, lam, eps, n, 2 / (1 + 8 * lam / eps))


def denoise_step_eps_over_lam(v, lam, eps, n):
    return _descend(v, lam, eps, n, 1.9 / (1 + 8 * eps / lam))


def denoise_without_tau(v, lam, eps, n):
    return _descend(v, lam, eps, n, 1.0)


def denoise_what_was_removed(v, lam, eps, n):
    return v - denoise_plain(v, lam, eps, n)


def denoise_loop_variable_returned(v, lam, eps, n):
    u, tau = v, 1.9 / (1 + 8 * lam / eps)
    for _ in range(n):
        u_next = u - tau * (u - v + lam * smoothed_tv_gradient(u, eps))
        u = u_next
    return u_next


def denoise_from_noise(v, lam, eps, n):
    u = torch.rand_like(v)
    for _ in range(n):
        u = u - 1.9 / (1 + 8 * lam / eps) * (u - v + lam * smoothed_tv_gradient(u, eps))
    return u


def denoise_one_iteration_more(v, lam, eps, n):
    return _descend(v, lam, eps, n + 1, 1.9 / (1 + 8 * lam / eps))


def denoise_v_added(v, lam, eps, n):
    return descend(v, lambda u: u + v + lam * smoothed_tv_gradient(u, eps), 1.9 / (1 + 8 * lam / eps), n)


def denoise_all_iterates(v, lam, eps, n):
    return [denoise_plain(v, lam, eps, k) for k in range(n + 1)]


def denoise_weight_over_eps(v, lam, eps, n):
    return _descend(v, lam, eps, n, 1.9 / (1 + 8 * lam / eps), 1.0, lam / eps)


def denoise_gradient_computed_once(v, lam, eps, n):
    u, g = v.clone(), lam * smoothed_tv_gradient(v, eps)
    for _ in range(n):
        u = u - 1.9 / (1 + 8 * lam / eps) * g
    return u


def accelerated_half_step(v, lam, eps, n):
    return _accelerate(v, lam, eps, n, lambda t, t_next: (t - 1) / t_next, tau=0.5 / (1 + 8 * lam / eps))


def accelerated_undetached(v, lam, eps, n):
    return accelerated_by_nesterov(v.clone().requires_grad_(True), lam, eps, n)


def accelerated_with_a_list_of_t(v, lam, eps, n):
    t = [1.0]
    for _ in range(n):
        t.append((1 + (1 + 4 * t[-1] ** 2) ** 0.5) / 2)
    return accelerate(v, lam, eps, n, 1 / (1 + 8 * lam / eps), lambda k: (t[k] - 1) / t[k + 1])


def accelerated_half_of_the_root_only(v, lam, eps, n):
    return _accelerate(
        v, lam, eps, n, lambda t, t_next: (t - 1) / t_next, t_of=lambda t: 1 + math.sqrt(1 + 4 * t**2) / 2
    )


def accelerated_t_not_squared(v, lam, eps, n):
    return _accelerate(
        v, lam, eps, n, lambda t, t_next: (t - 1) / t_next, t_of=lambda t: (1 + math.sqrt(1 + 4 * t)) / 2
    )


def accelerated_momentum_added_to_y(v, lam, eps, n):
    tau, x, y, t = 1 / (1 + 8 * lam / eps), v.clone(), v.clone(), 1.0
    for _ in range(n):
        x_next = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        y = y + (t - 1) / t_next * (x_next - x)
        x, t = x_next, t_next
    return x


def accelerated_old_minus_new(v, lam, eps, n):
    return _accelerate(v, lam, eps, n, lambda t, t_next: -(t - 1) / t_next)


def accelerated_one_not_subtracted(v, lam, eps, n):
    return _accelerate(v, lam, eps, n, lambda t, t_next: t / t_next)


def accelerated_ratio_upside_down(v, lam, eps, n):
    return _accelerate(v, lam, eps, n, lambda t, t_next: t_next / (t - 1))


def accelerated_t_reset_in_the_loop(v, lam, eps, n):
    tau, x, y = 1 / (1 + 8 * lam / eps), v.clone(), v.clone()
    for _ in range(n):
        t = 1.0
        x_next = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        y = x_next + (t - 1) / t_next * (x_next - x)
        x, t = x_next, t_next
    return x


def accelerated_step_from_x(v, lam, eps, n):
    x, y, t, tau = v.clone(), v.clone(), 1.0, 1 / (1 + 8 * lam / eps)
    for _ in range(n):
        x_next, t_next = x - tau * (y - v + lam * smoothed_tv_gradient(y, eps)), (1 + math.sqrt(1 + 4 * t**2)) / 2
        x, y, t = x_next, x_next + (t - 1) / t_next * (x_next - x), t_next
    return x


def accelerated_global_eps(v, lam, eps, n):
    return accelerated_by_nesterov(v, lam, 1e-2, n)


def accelerated_global_lam(v, lam, eps, n):
    return accelerated_by_nesterov(v, 0.085, eps, n)


def accelerated_step_at_2_over_l(v, lam, eps, n):
    return _accelerate(v, lam, eps, n, lambda t, t_next: (t - 1) / t_next, tau=2 / (1 + 8 * lam / eps))


def accelerated_loop_variable_returned(v, lam, eps, n):
    tau, x, y, t = 1 / (1 + 8 * lam / eps), v, v, 1.0
    for _ in range(n):
        x_next = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        y = x_next + (t - 1) / t_next * (x_next - x)
        x, t = x_next, t_next
    return x_next


def accelerated_data_at_x(v, lam, eps, n):
    tau, x, y, t = 1 / (1 + 8 * lam / eps), v.clone(), v.clone(), 1.0
    for _ in range(n):
        x_next = y - tau * (x - v + lam * smoothed_tv_gradient(y, eps))
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        y = x_next + (t - 1) / t_next * (x_next - x)
        x, t = x_next, t_next
    return x


def deblur_with_the_data_precomputed(v, kernel, lam, eps, n):
    u, seen = v.clone(), blur_adjoint(v, kernel)
    for _ in range(n):
        g = blur_adjoint(blur(u, kernel), kernel) - seen
        u = u - 1.7 / (1 + 8 * lam / eps) * (g + lam * smoothed_tv_gradient(u, eps))
    return u


def deblur_accelerated_with_half_the_step(v, kernel, lam, eps, n):
    tau, x, y, t = 0.5 / (1 + 8 * lam / eps), v.clone(), v.clone(), 1.0
    for _ in range(n):
        x_next = y - tau * (blur_adjoint(blur(y, kernel) - v, kernel) + lam * smoothed_tv_gradient(y, eps))
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        y = x_next + (t - 1) / t_next * (x_next - x)
        x, t = x_next, t_next
    return x


def _deblur(v, kernel, lam, eps, n, tau=None, data=1.0, tv=None, start=None):
    u = v.clone() if start is None else start
    tau, tv = 1.9 / (1 + 8 * lam / eps) if tau is None else tau, lam if tv is None else tv
    for _ in range(n):
        u = u - tau * (data * blur_adjoint(blur(u, kernel) - v, kernel) + tv * smoothed_tv_gradient(u, eps))
    return u


def deblur_global_eps(v, kernel, lam, eps, n):
    return deblur_plain(v, kernel, lam, 1e-2, n)


def deblur_global_lam(v, kernel, lam, eps, n):
    return deblur_plain(v, kernel, 0.085, eps, n)


def deblur_step_at_the_bound(v, kernel, lam, eps, n):
    return _deblur(v, kernel, lam, eps, n, tau=2 / (1 + 8 * lam / eps))


def deblur_wrong_sign_of_the_data(v, kernel, lam, eps, n):
    return _deblur(v, kernel, lam, eps, n, data=-1.0)


def deblur_data_halved(v, kernel, lam, eps, n):
    return _deblur(v, kernel, lam, eps, n, data=0.5)


def deblur_from_the_adjoint(v, kernel, lam, eps, n):
    return _deblur(v, kernel, lam, eps, n, start=blur_adjoint(v, kernel))


def deblur_arguments_exchanged(v, kernel, lam, eps, n):
    u = v.clone()
    for _ in range(n):
        g = blur_adjoint(kernel, blur(u, kernel) - v)
        u = u - 1.9 / (1 + 8 * lam / eps) * (g + lam * smoothed_tv_gradient(u, eps))
    return u


def deblur_loop_variable_returned(v, kernel, lam, eps, n):
    u = v
    for _ in range(n):
        g = blur_adjoint(blur(u, kernel) - v, kernel) + lam * smoothed_tv_gradient(u, eps)
        u_next = u - 1.9 / (1 + 8 * lam / eps) * g
        u = u_next
    return u_next


def deblur_momentum_and_a_long_step(v, kernel, lam, eps, n):
    tau, x, y = 1.9 / (1 + 8 * lam / eps), v.clone(), v.clone()
    for k in range(n):
        x_next = y - tau * (blur_adjoint(blur(y, kernel) - v, kernel) + lam * smoothed_tv_gradient(y, eps))
        x, y = x_next, x_next + k / (k + 3) * (x_next - x)
    return x


def deblur_n_ignored(v, kernel, lam, eps, n):
    return deblur_plain(v, kernel, lam, eps, 20)


def deblur_v_is_overwritten(v, kernel, lam, eps, n):
    u = v
    for _ in range(n):
        g = blur_adjoint(blur(u, kernel) - v, kernel) + lam * smoothed_tv_gradient(u, eps)
        u -= 1.9 / (1 + 8 * lam / eps) * g
    return u


def deblur_with_zero_padding(v, kernel, lam, eps, n):
    h, w = kernel.shape
    before, after = (w // 2, w - 1 - w // 2), (h // 2, h - 1 - h // 2)

    def convolve(u, k, sides):
        return functional.conv2d(functional.pad(u[None, None], sides), k[None, None])[0, 0]

    u = v.clone()
    for _ in range(n):
        residual = convolve(u, kernel.flip(0, 1), (before[1], before[0], after[1], after[0])) - v
        g = convolve(residual, kernel, (before[0], before[1], after[0], after[1]))
        u = u - 1.9 / (1 + 8 * lam / eps) * (g + lam * smoothed_tv_gradient(u, eps))
    return u


def deblur_by_tychonov_descent(v, kernel, lam, eps, n):
    u = v.clone()
    for _ in range(n):
        g = blur_adjoint(blur(u, kernel) - v, kernel) + lam * gradient_adjoint(gradient(u))
        u = u - 1.9 / (1 + 8 * lam) * g
    return u


RIGHT = {
    "gradient": [
        gradient_by_roll,
        gradient_by_slices,
        gradient_by_loops,
        gradient_by_fourier,
        gradient_by_diff,
        gradient_in_float32,
        gradient_by_circular_convolution,
        gradient_by_indices,
        gradient_undetached,
    ],
    "gradient_adjoint": [
        adjoint_by_roll,
        adjoint_by_loops,
        adjoint_by_autograd,
        adjoint_by_matrix,
        adjoint_by_slices,
        adjoint_in_float32,
        adjoint_of_the_stack,
        adjoint_by_fourier,
        adjoint_into_float32_zeros,
    ],
    "tychonov_denoise": [
        tychonov_by_fft,
        tychonov_by_real_fft,
        tychonov_by_derivative_kernels,
        tychonov_by_linear_system,
        tychonov_by_descent,
        tychonov_in_float32,
        tychonov_by_numpy,
        tychonov_by_cosines,
        tychonov_by_the_laplacian_of_an_impulse,
    ],
    "smoothed_tv": [
        tv_by_root,
        tv_by_hypot,
        tv_by_norm,
        tv_by_loops,
        tv_in_float32,
        tv_by_complex_modulus,
        tv_by_rows,
    ],
    "smoothed_tv_gradient": [
        tv_gradient_by_formula,
        tv_gradient_by_autograd,
        tv_gradient_by_slices,
        tv_gradient_by_loops,
        tv_gradient_in_float32,
        tv_gradient_by_rsqrt,
        tv_gradient_by_functional_grad,
        tv_gradient_undetached,
    ],
    "tv_denoise": [
        denoise_plain,
        denoise_short_step,
        denoise_longest_step,
        denoise_by_autograd,
        denoise_by_torch_optim,
        denoise_in_float32,
        denoise_with_loops,
        denoise_in_place_on_a_copy,
        denoise_undetached,
        denoise_convex_combination,
    ],
    "accelerated_tv_denoise": [
        accelerated_by_nesterov,
        accelerated_k_over_k_plus_3,
        accelerated_strongly_convex,
        accelerated_returning_y,
        accelerated_with_restart,
        accelerated_in_float32,
        accelerated_with_loops,
        accelerated_half_step,
        accelerated_undetached,
        accelerated_with_a_list_of_t,
    ],
    "tv_deblur": [
        deblur_plain,
        deblur_accelerated,
        deblur_in_fourier,
        deblur_by_autograd,
        deblur_in_float32,
        deblur_longest_step,
        deblur_with_the_data_precomputed,
        deblur_accelerated_with_half_the_step,
    ],
}

WRONG = {
    "gradient": [
        ("sign", gradient_with_one_sign_wrong),
        ("value", gradient_backward_along_columns),
        ("value", gradient_backward),
        ("sign|value", gradient_rolled_the_wrong_way),
        ("axis", gradient_axes_exchanged),
        ("sign", gradient_opposite),
        ("value", gradient_centred),
        ("boundary", gradient_zero_at_the_border),
        ("boundary", gradient_of_zero_padded),
        ("boundary", gradient_of_symmetric_extension),
        ("shape", gradient_cropped),
        ("shape|axis", gradient_channels_last),
        ("type", gradient_as_tuple),
        ("type", gradient_as_numpy),
        ("value", gradient_by_torch_gradient),
        ("boundary|axis", gradient_flat_roll),
        ("axis", gradient_first_axis_twice),
        ("constant", gradient_zero),
        ("shape|exception", gradient_only_square),
        ("mutates-input", gradient_in_place),
        ("type", gradient_without_return),
        ("sign", gradient_absolute_value),
        ("complex", gradient_left_complex),
        ("boundary|sign", gradient_last_row_with_the_other_sign),
        ("value", gradient_two_pixels_further),
        ("axis|value", gradient_along_the_diagonal),
        ("normalisation|weight", gradient_times_the_size),
        ("shape", gradient_concatenated),
        ("exception", gradient_dims_of_a_batch),
        ("sign", gradient_sums),
        ("shape|exception", gradient_for_512),
        ("boundary", gradient_replicated_border),
    ],
    "gradient_adjoint": [
        ("sign", adjoint_is_divergence),
        ("adjoint", adjoint_with_forward_differences),
        ("adjoint|sign", adjoint_minus_forward_differences),
        ("axis", adjoint_axes_exchanged),
        ("axis", adjoint_components_exchanged),
        ("boundary", adjoint_zero_boundary),
        ("boundary", adjoint_of_neumann),
        ("value|axis", adjoint_first_component_only),
        ("shape", adjoint_as_vector_field),
        ("shape", adjoint_keepdim),
        ("adjoint|value", adjoint_is_gradient_of_norm),
        ("adjoint|value", adjoint_summed_field),
        ("sign", adjoint_subtracted),
        ("normalisation|weight", adjoint_halved),
        ("constant|axis", adjoint_zero),
        ("mutates-input", adjoint_in_place),
        ("adjoint|value", adjoint_centred),
        ("too-slow", adjoint_endless),
        ("sign", adjoint_sums),
        ("boundary", adjoint_mirrored),
        ("value|axis", adjoint_second_component_only),
        ("boundary", adjoint_flat_roll),
        ("shape|transpose", adjoint_on_the_transpose),
        ("signature", adjoint_of_two_arguments),
        ("axis", adjoint_rolls_dimension_0),
        ("adjoint", adjoint_second_sign_forward),
        ("clipping|sign", adjoint_positive_part),
    ],
    "tychonov_denoise": [
        ("weight", tychonov_half_lambda),
        ("weight", tychonov_twice_lambda),
        ("weight", tychonov_lambda_squared),
        ("weight", tychonov_without_lambda),
        ("weight|normalisation", tychonov_without_four),
        ("value", tychonov_two_pi),
        ("centering", tychonov_frequencies_centred),
        ("square-root", tychonov_sine_not_squared),
        ("sign", tychonov_with_positive_laplacian),
        ("square-root", tychonov_laplacian_squared),
        ("value", tychonov_is_ridge),
        ("normalisation", tychonov_normalised_twice),
        ("normalisation", tychonov_wrong_norms),
        ("complex", tychonov_left_complex),
        ("complex|sign", tychonov_modulus),
        ("clipping", tychonov_clipped),
        ("axis", tychonov_sizes_exchanged),
        ("exception|shape", tychonov_only_square),
        ("value", tychonov_multiplied),
        ("not-finite", tychonov_one_forgotten),
        ("not-converged|value", tychonov_one_step_of_descent),
        ("identity", tychonov_identity),
        ("value|constant", tychonov_mean),
        ("shape", tychonov_spectrum_returned),
        ("weight|value", tychonov_global_lam),
        ("weight|normalisation", tychonov_cosines_halved),
        ("centering", tychonov_spectrum_shifted),
        ("axis|value", tychonov_rows_only),
        ("value", tychonov_linspace),
        ("centering|value", tychonov_counting_from_one),
        ("shape", tychonov_irfft_without_size),
        ("axis", tychonov_one_dimensional),
        ("complex|value", tychonov_real_part_of_the_spectrum),
        ("weight", tychonov_times_lambda),
        ("identity", tychonov_by_integer_division),
        ("exception", tychonov_math_sine),
        ("value|sign", tychonov_what_was_removed),
    ],
    "smoothed_tv": [
        ("square-root", tv_of_the_sum_of_the_derivatives),
        ("epsilon", tv_with_eps_in_each_direction),
        ("epsilon", tv_eps_outside),
        ("epsilon", tv_eps_not_squared),
        ("epsilon", tv_eps_ignored),
        ("epsilon", tv_eps_added_once),
        ("value", tv_anisotropic),
        ("value|epsilon", tv_absolute_values),
        ("square-root|order", tv_root_of_the_sum),
        ("square-root", tv_root_forgotten),
        ("value|square-root", tv_is_tychonov),
        ("normalisation", tv_mean),
        ("weight|normalisation", tv_halved),
        ("shape", tv_as_image),
        ("boundary", tv_not_periodic),
        ("boundary", tv_cropped),
        ("value", tv_backward),
        ("not-finite", tv_squares_forgotten),
        ("type|value", tv_cast_to_int),
        ("type", tv_as_string),
        ("constant", tv_constant),
        ("signature", tv_wrong_parameters),
        ("mutates-input", tv_in_place),
        ("epsilon|value", tv_global_eps),
        ("epsilon", tv_minus_eps),
        ("value", tv_of_the_values),
        ("shape", tv_summed_over_rows),
        ("value|axis", tv_first_derivative_only),
        ("epsilon", tv_eps_doubled),
        ("value", tv_l1),
        ("value|normalisation", tv_largest),
        ("value", tv_centred_differences),
        ("epsilon|value|square-root", tv_squares_after_the_root),
    ],
    "smoothed_tv_gradient": [
        ("sign", tv_gradient_with_divergence),
        ("epsilon", tv_gradient_eps_outside),
        ("epsilon", tv_gradient_eps_not_squared),
        ("not-finite|epsilon", tv_gradient_eps_ignored),
        ("square-root", tv_gradient_root_forgotten),
        ("value|axis", tv_gradient_anisotropic),
        ("normalisation", tv_gradient_norm_of_the_whole),
        ("adjoint", tv_gradient_forward_again),
        ("shape", tv_gradient_is_field),
        ("adjoint|value", tv_gradient_field_summed),
        ("value|normalisation", tv_gradient_is_laplacian),
        ("order|adjoint", tv_gradient_laplacian_over_norm),
        ("weight|normalisation", tv_gradient_halved),
        ("weight|normalisation", tv_gradient_averaged),
        ("axis", tv_gradient_components_exchanged),
        ("constant", tv_gradient_is_zero),
        ("identity", tv_gradient_is_identity),
        ("shape", tv_gradient_is_value),
        ("value", tv_gradient_one_step),
        ("epsilon|value", tv_gradient_global_eps),
        ("weight|normalisation", tv_gradient_twice),
        ("square-root", tv_gradient_power_without_parentheses),
        ("axis|normalisation", tv_gradient_norm_along_the_rows),
        ("exception|autograd", tv_gradient_of_a_leaf_that_is_none),
        ("mutates-input", tv_gradient_asks_the_argument),
        ("value|axis", tv_gradient_first_component_only),
        ("sign", tv_gradient_of_absolute_values),
        ("value|epsilon", tv_gradient_signs),
        ("boundary", tv_gradient_zero_border),
        ("epsilon", tv_gradient_eps_doubled),
    ],
    "tv_denoise": [
        ("weight", denoise_lambda_before_the_data),
        ("order", denoise_one_iteration_less),
        ("step-size", denoise_step_with_eps_squared),
        ("start", denoise_from_zero),
        ("step-size", denoise_step_beyond),
        ("step-size", denoise_step_without_eps),
        ("step-size", denoise_step_two_over_lambda),
        ("step-size", denoise_step_squared),
        ("step-size", denoise_step_fraction_misread),
        ("step-size", denoise_step_of_tv_alone),
        ("step-size", denoise_step_fixed_small),
        ("sign", denoise_ascent),
        ("sign", denoise_wrong_sign_of_tv),
        ("sign", denoise_wrong_sign_of_data),
        ("weight", denoise_without_lambda),
        ("weight", denoise_half_lambda),
        ("value", denoise_without_data),
        ("value", denoise_by_tychonov),
        ("value", denoise_by_tychonov_in_fourier),
        ("epsilon", denoise_eps_not_squared),
        ("clipping", denoise_clipped),
        ("not-converged", denoise_return_in_the_loop),
        ("not-converged", denoise_n_ignored),
        ("value", denoise_gradient_always_at_v),
        ("mutates-input", denoise_v_is_overwritten),
        ("identity", denoise_identity),
        ("value|constant", denoise_mean),
        ("too-slow", denoise_until_equal),
        ("epsilon", denoise_global_eps),
        ("weight", denoise_global_lam),
        ("step-size", denoise_step_at_the_bound),
        ("step-size", denoise_step_eps_over_lam),
        ("step-size", denoise_without_tau),
        ("value|sign", denoise_what_was_removed),
        ("exception|start", denoise_loop_variable_returned),
        ("start|randomness", denoise_from_noise),
        ("order", denoise_one_iteration_more),
        ("sign", denoise_v_added),
        ("type", denoise_all_iterates),
        ("weight|epsilon", denoise_weight_over_eps),
        ("value|not-converged", denoise_gradient_computed_once),
    ],
    "accelerated_tv_denoise": [
        ("start", accelerated_from_zero),
        ("start", accelerated_t_from_zero),
        ("order", accelerated_t_updated_first),
        ("value", accelerated_gradient_at_x),
        ("not-converged", accelerated_is_plain),
        ("not-converged", accelerated_t_never_updated),
        ("not-converged|order", accelerated_x_overwritten_first),
        ("sign|not-converged", accelerated_momentum_backwards),
        ("weight|not-converged", accelerated_weight_above_one),
        ("value|not-converged", accelerated_from_the_start),
        ("step-size", accelerated_step_1_9),
        ("step-size", accelerated_step_without_eps),
        ("step-size", accelerated_step_squared),
        ("weight", accelerated_without_lambda),
        ("sign", accelerated_ascent),
        ("value", accelerated_without_data),
        ("not-converged", accelerated_n_ignored),
        ("clipping", accelerated_clipped),
        ("type", accelerated_pair_returned),
        ("identity", accelerated_identity),
        ("weight|value", accelerated_half_of_the_root_only),
        ("weight|value|not-converged", accelerated_t_not_squared),
        ("value|order", accelerated_momentum_added_to_y),
        ("sign", accelerated_old_minus_new),
        ("weight|value", accelerated_one_not_subtracted),
        ("exception|weight|not-finite", accelerated_ratio_upside_down),
        ("not-converged", accelerated_t_reset_in_the_loop),
        ("value|order", accelerated_step_from_x),
        ("epsilon", accelerated_global_eps),
        ("weight", accelerated_global_lam),
        ("step-size", accelerated_step_at_2_over_l),
        ("exception|start", accelerated_loop_variable_returned),
        ("value|order", accelerated_data_at_x),
    ],
    "tv_deblur": [
        ("centering", deblur_by_a_flipped_kernel),
        ("start", deblur_from_zero),
        ("adjoint", deblur_without_adjoint),
        ("conjugate|adjoint", deblur_conjugate_forgotten),
        ("order|conjugate|adjoint", deblur_adjoint_first),
        ("adjoint", deblur_residual_partly_blurred),
        ("value", deblur_without_blur),
        ("centering", deblur_not_centred),
        ("transpose|axis", deblur_kernel_transposed),
        ("conjugate", deblur_kernel_flipped),
        ("weight", deblur_without_lambda),
        ("weight", deblur_half_lambda),
        ("sign", deblur_wrong_sign_of_tv),
        ("sign", deblur_ascent),
        ("step-size", deblur_step_without_eps),
        ("step-size", deblur_step_too_long),
        ("step-size", deblur_step_squared),
        ("value", deblur_by_tychonov),
        ("value|weight", deblur_without_regularization),
        ("clipping", deblur_clipped),
        ("identity", deblur_identity),
        ("complex", deblur_left_complex),
        ("exception|shape", deblur_only_square),
        ("epsilon", deblur_global_eps),
        ("weight", deblur_global_lam),
        ("step-size", deblur_step_at_the_bound),
        ("sign", deblur_wrong_sign_of_the_data),
        ("weight", deblur_data_halved),
        ("start", deblur_from_the_adjoint),
        ("exception", deblur_arguments_exchanged),
        ("exception|start", deblur_loop_variable_returned),
        ("step-size", deblur_momentum_and_a_long_step),
        ("not-converged", deblur_n_ignored),
        ("mutates-input", deblur_v_is_overwritten),
        ("boundary", deblur_with_zero_padding),
        ("value", deblur_by_tychonov_descent),
    ],
}


# --- the explorer -----------------------------------------------------------------------------------------------------


FEW = 90  # iterations: more than a draft

EXPLORERS = {
    "explore_tv": ExplorerCase(
        lambda: explore_tv(n_iterations=FEW),
        lambda values: tv_picture(**values, n_iterations=FEW),
        plugs={
            "denoise": (lambda f: explore_tv(denoise=f), "regularizer", "smoothed TV", "Tychonov"),
            "tychonov": (lambda f: explore_tv(tychonov=f), "regularizer", "Tychonov", "smoothed TV"),
        },
    )
}


# --- written blind, from the text of the notebook alone ---------------------------------------------------------------


def gradient_blind_diff_one_row_less_cannot_be_stacked(u):
    return torch.stack([torch.diff(u, dim=0), torch.diff(u, dim=1)])


def gradient_blind_stacked_at_the_end(u):
    return torch.stack([torch.roll(u, -1, 0) - u, torch.roll(u, -1, 1) - u], dim=-1)


def gradient_blind_roll_without_dims_flattened(u):
    return torch.stack([torch.roll(u, -1) - u, torch.roll(u, -u.shape[1]) - u])


def gradient_blind_the_roll_of_the_result_second_derivative(u):
    d1 = torch.roll(u, -1, dims=0) - u
    d2 = torch.roll(d1, -1, dims=1) - d1
    return torch.stack([d1, d2])


def gradient_blind_the_modulus(u):
    d1 = torch.roll(u, -1, dims=0) - u
    d2 = torch.roll(u, -1, dims=1) - u
    return torch.sqrt(d1**2 + d2**2)


def gradient_blind_fourier_derivative_i_xi(u):
    H, W = u.shape
    fy = 2j * math.pi * torch.fft.fftfreq(H, dtype=u.dtype)[:, None]
    fx = 2j * math.pi * torch.fft.fftfreq(W, dtype=u.dtype)[None]
    z = torch.fft.fft2(u)
    return torch.stack([torch.fft.ifft2(fy * z).real, torch.fft.ifft2(fx * z).real])


def gradient_blind_fourier_of_forward_difference_einsum(u):
    H, W = u.shape
    wy = torch.exp(2j * math.pi * torch.arange(H, dtype=torch.float64) / H) - 1
    wx = torch.exp(2j * math.pi * torch.arange(W, dtype=torch.float64) / W) - 1
    z = torch.fft.fft2(u).to(torch.complex128)
    return torch.fft.ifft2(torch.stack([torch.einsum("i,ij->ij", wy, z), torch.einsum("j,ij->ij", wx, z)])).real.to(u)


def gradient_adjoint_blind_not_summed_stacked(p):
    return torch.stack([torch.roll(p[0], 1, dims=0) - p[0], torch.roll(p[1], 1, dims=1) - p[1]])


def gradient_adjoint_blind_both_components_rolled_along_axis_0(p):
    return torch.roll(p[0], 1, dims=0) - p[0] + torch.roll(p[1], 1, dims=0) - p[1]


def gradient_adjoint_blind_p_rolled_as_3_d_dims_off(p):
    q = torch.roll(p, 1, dims=0) - p
    return q[0] + q[1]


def gradient_adjoint_blind_average_of_the_two_mean(p):
    return torch.stack([torch.roll(p[0], 1, dims=0) - p[0], torch.roll(p[1], 1, dims=1) - p[1]]).mean(0)


def gradient_adjoint_blind_minus_sign_missing_before_p1_only_precedence(p):
    return torch.roll(p[0], 1, dims=0) - p[0] + torch.roll(p[1], 1, dims=1) + p[1]


def tychonov_denoise_blind_pi_forgotten(v, lam):
    M, N = v.shape
    xi = torch.arange(M)[:, None]
    zeta = torch.arange(N)[None]
    L = 4 * (torch.sin(xi / M) ** 2 + torch.sin(zeta / N) ** 2)
    return torch.fft.ifft2(torch.fft.fft2(v) / (1 + lam * L)).real


def tychonov_denoise_blind_4_multiplies_the_first_sine_only(v, lam):
    M, N = v.shape
    xi = torch.arange(M, dtype=v.dtype)[:, None]
    zeta = torch.arange(N, dtype=v.dtype)[None]
    L = 4 * torch.sin(math.pi * xi / M) ** 2 + torch.sin(math.pi * zeta / N) ** 2
    return torch.fft.ifft2(torch.fft.fft2(v) / (1 + lam * L)).real


def tychonov_denoise_blind_1_forgotten(v, lam):
    L = laplacian_transfer(v.shape)
    return torch.fft.ifft2(torch.fft.fft2(v) / (lam * L)).real


def tychonov_denoise_blind_shape_fixed_512(v, lam):
    xi = torch.arange(512, dtype=v.dtype)
    s = torch.sin(math.pi * xi / 512) ** 2
    L = 4 * (s[:, None] + s[None])
    return torch.fft.ifft2(torch.fft.fft2(v) / (1 + lam * L)).real


def tychonov_denoise_blind_square_image_assumed(v, lam):
    M = v.shape[0]
    s = torch.sin(math.pi * torch.arange(M, dtype=v.dtype) / M) ** 2
    L = 4 * (s[:, None] + s[None])
    return torch.fft.ifft2(torch.fft.fft2(v) / (1 + lam * L)).real


def tychonov_denoise_blind_linspace_0_pi_m_end_point_included(v, lam):
    M, N = v.shape
    a = torch.linspace(0, math.pi, M, dtype=v.dtype)[:, None]
    b = torch.linspace(0, math.pi, N, dtype=v.dtype)[None]
    L = 4 * (torch.sin(a) ** 2 + torch.sin(b) ** 2)
    return torch.fft.ifft2(torch.fft.fft2(v) / (1 + lam * L)).real


def tychonov_denoise_blind_numpy_rfft2_with_s(v, lam):
    x = v.numpy()
    M, N = x.shape
    L = 4 * (np.sin(np.pi * np.fft.fftfreq(M))[:, None] ** 2 + np.sin(np.pi * np.fft.rfftfreq(N)) ** 2)
    return torch.from_numpy(np.fft.irfft2(np.fft.rfft2(x) / (1 + lam * L), s=x.shape)).to(v)


def smoothed_tv_blind_sum_before_the_root(u, eps):
    p = gradient(u)
    return torch.sqrt((eps**2 + p[0] ** 2 + p[1] ** 2).sum())


def smoothed_tv_blind_l1_norm_of_gradient_d1_d2(u, eps):
    p = gradient(u)
    return torch.sqrt(eps**2 + (p[0].abs() + p[1].abs()) ** 2).sum()


def smoothed_tv_gradient_blind_adjoint_forgotten(u, eps):
    p = gradient(u)
    return p / torch.sqrt(eps**2 + p[0] ** 2 + p[1] ** 2)


def smoothed_tv_gradient_blind_gradient_accumulated_mean_instead_of_sum_in(u, eps):
    x = u.clone().requires_grad_(True)
    p = gradient(x)
    torch.sqrt(eps**2 + p[0] ** 2 + p[1] ** 2).mean().backward()
    return x.grad


def smoothed_tv_gradient_blind_only_first_component_normalised(u, eps):
    p = gradient(u)
    p[0] = p[0] / torch.sqrt(eps**2 + p[0] ** 2 + p[1] ** 2)
    p[1] = p[1] / torch.sqrt(eps**2 + p[0] ** 2 + p[1] ** 2)
    return gradient_adjoint(p)


def smoothed_tv_gradient_blind_clamp_max_norm_eps(u, eps):
    p = gradient(u)
    return gradient_adjoint(p / p.norm(dim=0).clamp(min=eps))


def smoothed_tv_gradient_blind_written_out_by_rolls(u, eps):
    a, b = u.roll(-1, 0) - u, u.roll(-1, 1) - u
    w = (eps * eps + a * a + b * b).rsqrt()
    return -(w * a - (w * a).roll(1, 0)) - (w * b - (w * b).roll(1, 1))


def tv_denoise_blind_v_replaced_by_the_iterate_no_attachment(v, lam, eps, n):
    tau = 1.9 / (1 + 8 * lam / eps)
    u = v.clone()
    for _ in range(n):
        u = u - tau * (u - v + lam * smoothed_tv_gradient(u, eps))
        v = u
    return u


def tv_denoise_blind_operator_precedence_tau_multiplies_the_first_term(v, lam, eps, n):
    tau = 1.9 / (1 + 8 * lam / eps)
    u = v.clone()
    for _ in range(n):
        u = u - tau * (u - v) + lam * smoothed_tv_gradient(u, eps)
    return u


def accelerated_tv_denoise_blind_x_never_updated(v, lam, eps, n):
    tau = 1 / (1 + 8 * lam / eps)
    x, y, t = v.clone(), v.clone(), 1.0
    for _ in range(n):
        x_next = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        t_next = (1 + math.sqrt(1 + 4 * t**2)) / 2
        y = x_next + (t - 1) / t_next * (x_next - x)
        t = t_next
    return x_next if n else x


def accelerated_tv_denoise_blind_root_forgotten_1_4_t(v, lam, eps, n):
    tau = 1 / (1 + 8 * lam / eps)
    x, y, t = v.clone(), v.clone(), 1.0
    for _ in range(n):
        x_next = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        t_next = (1 + (1 + 4 * t**2)) / 2
        y = x_next + (t - 1) / t_next * (x_next - x)
        x, t = x_next, t_next
        if t > 1e100:
            t = 1e100
    return x


def accelerated_tv_denoise_blind_k_k_3_weights_of_the_usual(v, lam, eps, n):
    tau = 1 / (1 + 8 * lam / eps)
    x = y = v
    for k in range(n):
        new = y - tau * (y - v + lam * smoothed_tv_gradient(y, eps))
        y = new + k / (k + 3) * (new - x)
        x = new
    return x


def accelerated_tv_denoise_blind_list_of_iterates_function_of_f_by(v, lam, eps, n):
    L = 1 + 8 * lam / eps

    def grad(y):
        y = y.detach().requires_grad_()
        p = (y.roll(-1, 0) - y) ** 2 + (y.roll(-1, 1) - y) ** 2
        f = ((y - v) ** 2).sum() / 2 + lam * (p + eps**2).sqrt().sum()
        return torch.autograd.grad(f, y)[0]

    xs, ts, y = [v], [1.0], v
    for _k in range(n):
        xs.append(y - grad(y) / L)
        ts.append(0.5 + math.sqrt(0.25 + ts[-1] ** 2))
        y = xs[-1] + (ts[-2] - 1) / ts[-1] * (xs[-1] - xs[-2])
    return xs[-1]


BLIND_WRONG = [
    ("gradient", "shape", gradient_blind_diff_one_row_less_cannot_be_stacked),
    ("gradient", "shape", gradient_blind_stacked_at_the_end),
    ("gradient", "axis", gradient_blind_roll_without_dims_flattened),
    ("gradient", "value", gradient_blind_the_roll_of_the_result_second_derivative),
    ("gradient", "value", gradient_blind_the_modulus),
    ("gradient", "value", gradient_blind_fourier_derivative_i_xi),
    ("gradient_adjoint", "shape", gradient_adjoint_blind_not_summed_stacked),
    ("gradient_adjoint", "axis", gradient_adjoint_blind_both_components_rolled_along_axis_0),
    ("gradient_adjoint", "axis", gradient_adjoint_blind_p_rolled_as_3_d_dims_off),
    ("gradient_adjoint", "normalisation", gradient_adjoint_blind_average_of_the_two_mean),
    ("gradient_adjoint", "sign", gradient_adjoint_blind_minus_sign_missing_before_p1_only_precedence),
    ("tychonov_denoise", "value", tychonov_denoise_blind_pi_forgotten),
    ("tychonov_denoise", "value", tychonov_denoise_blind_4_multiplies_the_first_sine_only),
    ("tychonov_denoise", "not-finite", tychonov_denoise_blind_1_forgotten),
    ("tychonov_denoise", "shape", tychonov_denoise_blind_shape_fixed_512),
    ("tychonov_denoise", "shape", tychonov_denoise_blind_square_image_assumed),
    ("tychonov_denoise", "value", tychonov_denoise_blind_linspace_0_pi_m_end_point_included),
    ("smoothed_tv", "order", smoothed_tv_blind_sum_before_the_root),
    ("smoothed_tv", "value", smoothed_tv_blind_l1_norm_of_gradient_d1_d2),
    ("smoothed_tv_gradient", "shape", smoothed_tv_gradient_blind_adjoint_forgotten),
    ("smoothed_tv_gradient", "normalisation", smoothed_tv_gradient_blind_gradient_accumulated_mean_instead_of_sum_in),
    ("smoothed_tv_gradient", "order", smoothed_tv_gradient_blind_only_first_component_normalised),
    ("smoothed_tv_gradient", "epsilon", smoothed_tv_gradient_blind_clamp_max_norm_eps),
    ("tv_denoise", "value", tv_denoise_blind_v_replaced_by_the_iterate_no_attachment),
    ("tv_denoise", "sign", tv_denoise_blind_operator_precedence_tau_multiplies_the_first_term),
    ("accelerated_tv_denoise", "order", accelerated_tv_denoise_blind_x_never_updated),
    ("accelerated_tv_denoise", "weight", accelerated_tv_denoise_blind_root_forgotten_1_4_t),
]
BLIND_RIGHT = [
    ("gradient", gradient_blind_fourier_of_forward_difference_einsum),
    ("tychonov_denoise", tychonov_denoise_blind_numpy_rfft2_with_s),
    ("smoothed_tv_gradient", smoothed_tv_gradient_blind_written_out_by_rolls),
    ("accelerated_tv_denoise", accelerated_tv_denoise_blind_k_k_3_weights_of_the_usual),
    ("accelerated_tv_denoise", accelerated_tv_denoise_blind_list_of_iterates_function_of_f_by),
]
for _name, _cause, _answer in BLIND_WRONG:
    WRONG[_name].append((_cause, _answer))
for _name, _answer in BLIND_RIGHT:
    RIGHT[_name].append(_answer)
