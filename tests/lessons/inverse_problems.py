"""Answers that students give to the exercises of lesson 03, right and wrong."""

import math

import numpy as np
import torch
from torch.nn.functional import interpolate

from course_utils.explorers.inverse_problems import explore_inverse_problem, inverse_problem_picture
from course_utils.operators import Radon, blur, blur_adjoint
from tests.explorer_case import ExplorerCase

fft2, ifft2 = torch.fft.fft2, torch.fft.ifft2
rfft, irfft, rfftfreq = torch.fft.rfft, torch.fft.irfft, torch.fft.rfftfreq


# --- dot_test ---------------------------------------------------------------------------------------------------------


def pair(u_shape, v_shape, generator, dtype):
    return (torch.randn(shape, generator=generator, dtype=dtype) for shape in (u_shape, v_shape))


def dot_by_the_formula(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = pair(u_shape, v_shape, generator, dtype)
    Au = A(u)
    return abs((Au * v.conj()).sum() - (u * adjoint(v).conj()).sum()) / (Au.norm() * v.norm())


def dot_by_vdot(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = pair(u_shape, v_shape, generator, dtype)
    left, right = torch.vdot(v.flatten(), A(u).flatten()), torch.vdot(adjoint(v).flatten(), u.flatten())
    return (abs(left - right) / max(abs(left), abs(right))).item()


def dot_conjugating_the_other_one(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = pair(u_shape, v_shape, generator, dtype)
    left, right = (A(u).conj() * v).sum(), (u.conj() * adjoint(v)).sum()
    return float(abs(left - right) / abs(left))


def dot_v_first(A, adjoint, u_shape, v_shape, generator, dtype):
    v = torch.randn(v_shape, generator=generator, dtype=dtype)
    u = torch.randn(u_shape, generator=generator, dtype=dtype)
    Au, Av = A(u), adjoint(v)
    return ((torch.sum(Au * v.conj()) - torch.sum(u * Av.conj())).abs() / Au.norm() / v.norm()).item()


def dot_without_conjugation(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = pair(u_shape, v_shape, generator, dtype)
    Au = A(u)
    return abs((Au * v).sum() - (u * adjoint(v)).sum()) / (Au.norm() * v.norm())


def dot_conjugates_one_side(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = pair(u_shape, v_shape, generator, dtype)
    Au = A(u)
    return abs((Au * v.conj()).sum() - (u * adjoint(v)).sum()) / (Au.norm() * v.norm())


def dot_absolute(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = pair(u_shape, v_shape, generator, dtype)
    return abs((A(u) * v.conj()).sum() - (u * adjoint(v).conj()).sum())


def dot_divided_by_the_inputs(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = pair(u_shape, v_shape, generator, dtype)
    return abs((A(u) * v.conj()).sum() - (u * adjoint(v).conj()).sum()) / (u.norm() * v.norm())


def dot_global_noise(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = torch.randn(u_shape, dtype=dtype), torch.randn(v_shape, dtype=dtype)
    Au = A(u)
    return abs((Au * v.conj()).sum() - (u * adjoint(v).conj()).sum()) / (Au.norm() * v.norm())


def dot_own_seed(A, adjoint, u_shape, v_shape, generator, dtype):
    return dot_by_the_formula(A, adjoint, u_shape, v_shape, torch.Generator().manual_seed(0), dtype)


def dot_with_ones(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = torch.ones(u_shape, dtype=dtype), torch.ones(v_shape, dtype=dtype)
    Au = A(u)
    return abs((Au * v.conj()).sum() - (u * adjoint(v).conj()).sum()) / (Au.norm() * v.norm())


def dot_of_moduli(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = pair(u_shape, v_shape, generator, dtype)
    Au = A(u)
    left, right = (Au * v.conj()).sum().abs(), (u * adjoint(v).conj()).sum().abs()
    return abs(left - right) / (Au.norm() * v.norm())


def dot_signed(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = pair(u_shape, v_shape, generator, dtype)
    Au = A(u)
    return ((Au * v.conj()).sum() - (u * adjoint(v).conj()).sum()).real / (Au.norm() * v.norm())


def dot_is_zero(A, adjoint, u_shape, v_shape, generator, dtype):
    return 0.0


def dot_ignores_the_type(A, adjoint, u_shape, v_shape, generator, dtype):
    return dot_by_the_formula(A, adjoint, u_shape, v_shape, generator, torch.float64)


def dot_compares_norms(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = pair(u_shape, v_shape, generator, dtype)
    return abs(A(u).norm() - adjoint(v).norm()) / A(u).norm()


# --- blur_and_subsample -----------------------------------------------------------------------------------------------


def zoom_by_a_slice(u, kernel, s):
    return blur(u, kernel)[::s, ::s]


def zoom_by_indices(u, kernel, s):
    rows, columns = torch.arange(0, u.shape[0], s), torch.arange(0, u.shape[1], s)
    return blur(u, kernel)[rows][:, columns]


def zoom_by_loops(u, kernel, s):
    v = blur(u, kernel)
    return torch.stack([torch.stack(list(row[::s])) for row in v[::s]])


def zoom_without_filter(u, kernel, s):
    return u[::s, ::s]


def zoom_filter_last(u, kernel, s):
    return blur(u[::s, ::s], kernel[: math.ceil(u.shape[0] / s), : math.ceil(u.shape[1] / s)])


def zoom_rows_only(u, kernel, s):
    return blur(u, kernel)[::s]


def zoom_not_at_all(u, kernel, s):
    return blur(u, kernel)


def zoom_from_one(u, kernel, s):
    v = blur(u, kernel).roll((-1, -1), (0, 1))
    return v[::s, ::s]


def zoom_from_the_middle(u, kernel, s):
    return blur(u, kernel).roll((-(s // 2), -(s // 2)), (0, 1))[::s, ::s]


def zoom_rounds_down(u, kernel, s):
    return blur(u, kernel)[: u.shape[0] // s * s : s, : u.shape[1] // s * s : s]


def zoom_by_correlation(u, kernel, s):
    return blur_adjoint(u, kernel)[::s, ::s]


def zoom_normalises(u, kernel, s):
    return blur(u, kernel / kernel.sum())[::s, ::s]


def zoom_twice_blurred(u, kernel, s):
    return blur(blur(u, kernel), kernel)[::s, ::s]


def zoom_transposed(u, kernel, s):
    return blur(u, kernel)[::s, ::s].T


def zoom_times_area(u, kernel, s):
    return blur(u, kernel)[::s, ::s] * s**2


# --- blur_and_subsample_adjoint ---------------------------------------------------------------------------------------


def zeros_between(v, s, shape):
    u = v.new_zeros(shape)
    u[::s, ::s] = v
    return u


def spread_by_zeros(v, kernel, s, shape):
    return blur_adjoint(zeros_between(v, s, shape), kernel)


def spread_by_kron(v, kernel, s, shape):
    point = v.new_zeros(s, s)
    point[0, 0] = 1
    return blur_adjoint(torch.kron(v, point)[: shape[0], : shape[1]], kernel)


def spread_by_autograd(v, kernel, s, shape):
    u = v.new_zeros(shape).requires_grad_()
    (blur(u, kernel)[::s, ::s] * v).sum().backward()
    return u.grad


def spread_by_the_blur(v, kernel, s, shape):
    return blur(zeros_between(v, s, shape), kernel)


def spread_without_filter(v, kernel, s, shape):
    return zeros_between(v, s, shape)


def spread_repeats(v, kernel, s, shape):
    return v.repeat_interleave(s, 0).repeat_interleave(s, 1)[: shape[0], : shape[1]]


def spread_repeats_and_filters(v, kernel, s, shape):
    return blur_adjoint(spread_repeats(v, kernel, s, shape), kernel)


def spread_interpolates(v, kernel, s, shape):
    return blur_adjoint(interpolate(v[None, None], size=shape, mode="bilinear")[0, 0], kernel)


def spread_in_the_corner(v, kernel, s, shape):
    u = v.new_zeros(shape)
    u[: v.shape[0], : v.shape[1]] = v
    return blur_adjoint(u, kernel)


def spread_filters_first(v, kernel, s, shape):
    return zeros_between(blur_adjoint(v, kernel), s, shape)


def spread_ignores_shape(v, kernel, s, shape):
    return blur_adjoint(zeros_between(v, s, (s * v.shape[0], s * v.shape[1])), kernel)


def spread_times_area(v, kernel, s, shape):
    return s**2 * spread_by_zeros(v, kernel, s, shape)


def spread_moved(v, kernel, s, shape):
    return spread_by_zeros(v, kernel, s, shape).roll((1, 1), (0, 1))


def spread_returns_v(v, kernel, s, shape):
    return v


# --- mri --------------------------------------------------------------------------------------------------------------


def mri_by_fft(u, coil, mask):
    return mask * fft2(coil * u, norm="ortho")


def mri_by_where(u, coil, mask):
    return torch.where(mask, fft2(coil * u) / math.sqrt(u.numel()), 0)


def mri_by_matrices(u, coil, mask):
    F, G = map(dft, u.shape)
    return mask * (F @ (coil * u) @ G.T)


def dft(n):
    x = torch.arange(n, dtype=torch.float64)
    return torch.polar(torch.full((n, n), n**-0.5, dtype=torch.float64), -2 * math.pi * torch.outer(x, x) / n)


def mri_by_numpy(u, coil, mask):
    return torch.from_numpy(np.fft.fft2((coil * u).numpy(), norm="ortho") * mask.numpy())


def mri_without_coil(u, coil, mask):
    return mask * fft2(u + 0j, norm="ortho")


def mri_without_mask(u, coil, mask):
    return fft2(coil * u, norm="ortho")


def mri_not_unitary(u, coil, mask):
    return mask * fft2(coil * u)


def mri_coil_conjugated(u, coil, mask):
    return mask * fft2(coil.conj() * u, norm="ortho")


def mri_inverse_transform(u, coil, mask):
    return mask * ifft2(coil * u, norm="ortho")


def mri_mask_on_pixels(u, coil, mask):
    return fft2(mask * coil * u, norm="ortho")


def mri_coil_on_the_spectrum(u, coil, mask):
    return mask * coil * fft2(u, norm="ortho")


def mri_last_axis(u, coil, mask):
    return mask * torch.fft.fft(coil * u, norm="ortho")


def mri_shifted(u, coil, mask):
    return mask * torch.fft.fftshift(fft2(coil * u, norm="ortho"))


def mri_real_part(u, coil, mask):
    return mri_by_fft(u, coil, mask).real


def mri_modulus_of_the_coil(u, coil, mask):
    return mask * fft2(coil.abs() * u, norm="ortho")


def mri_rows_only(u, coil, mask):
    return fft2(coil * u, norm="ortho")[mask]


def mri_complement(u, coil, mask):
    return ~mask * fft2(coil * u, norm="ortho")


# --- mri_adjoint ------------------------------------------------------------------------------------------------------


def back_by_fft(k, coil, mask):
    return coil.conj() * ifft2(mask * k, norm="ortho")


def back_by_where(k, coil, mask):
    return torch.conj(coil) * ifft2(torch.where(mask, k, 0)) * math.sqrt(k.numel())


def back_by_matrices(k, coil, mask):
    F, G = map(dft, k.shape)
    return coil.conj() * (F.mH @ (mask * k) @ G.conj())


def back_by_conjugation(k, coil, mask):
    return (coil * fft2((mask * k).conj(), norm="ortho")).conj()


def back_coil_not_conjugated(k, coil, mask):
    return coil * ifft2(mask * k, norm="ortho")


def back_without_coil(k, coil, mask):
    return ifft2(mask * k, norm="ortho")


def back_divides(k, coil, mask):
    return ifft2(mask * k, norm="ortho") / coil


def back_without_mask(k, coil, mask):
    return coil.conj() * ifft2(k, norm="ortho")


def back_forward_transform(k, coil, mask):
    return coil.conj() * fft2(mask * k, norm="ortho")


def back_transposed(k, coil, mask):
    return coil * fft2(mask * k, norm="ortho")


def back_not_unitary(k, coil, mask):
    return coil.conj() * ifft2(mask * k)


def back_real(k, coil, mask):
    return back_by_fft(k, coil, mask).real


def back_conjugates_everything(k, coil, mask):
    return back_by_fft(k, coil, mask).conj()


def back_same_order(k, coil, mask):
    return ifft2(mask * coil.conj() * k, norm="ortho")


def back_mask_last(k, coil, mask):
    return mask * coil.conj() * ifft2(k, norm="ortho")


def back_modulus(k, coil, mask):
    return back_by_fft(k, coil, mask).abs()


# --- filtered_backprojection ------------------------------------------------------------------------------------------


def backproject(rows, angles):
    return Radon(angles, (rows.shape[1],) * 2).adjoint(rows)


def fbp_with(sinogram, angles, weight, pad=2):
    n, D = sinogram.shape
    omega = rfftfreq(pad * D, dtype=torch.float64)
    rows = irfft(weight(omega) * rfft(sinogram, n=pad * D), n=pad * D)[:, :D]
    return math.pi / n * backproject(rows, angles)


def fbp_by_rfft(sinogram, angles):
    return fbp_with(sinogram, angles, torch.abs)


def fbp_by_fft(sinogram, angles):
    n, D = sinogram.shape
    spectrum = torch.fft.fft(sinogram, n=2 * D) * torch.fft.fftfreq(2 * D).abs()
    return torch.pi / n * backproject(torch.fft.ifft(spectrum).real[:, :D], angles)


def fbp_padded_to_a_power_of_two(sinogram, angles):
    D = sinogram.shape[1]
    return fbp_with(sinogram, angles, torch.abs, 2 ** math.ceil(math.log2(2 * D)) // D + 1)


def fbp_with_exact_taps(sinogram, angles):
    n, D = sinogram.shape
    x = torch.arange(D)[:, None] - torch.arange(D)
    taps = torch.where(x % 2 == 0, 0.0, -1 / (math.pi * x.double()) ** 2)
    taps[x == 0] = 0.25
    return math.pi / n * backproject(sinogram @ taps, angles)


def fbp_no_ramp(sinogram, angles):
    return math.pi / len(angles) * backproject(sinogram, angles)


def fbp_adjoint_only(sinogram, angles):
    return backproject(sinogram, angles)


def fbp_wraps_around(sinogram, angles):
    return fbp_with(sinogram, angles, torch.abs, 1)


def fbp_squared(sinogram, angles):
    return fbp_with(sinogram, angles, torch.square)


def fbp_square_root(sinogram, angles):
    return fbp_with(sinogram, angles, torch.sqrt)


def fbp_divides(sinogram, angles):
    return fbp_with(sinogram, angles, lambda w: torch.where(w == 0, 0, 1 / w))


def fbp_signed(sinogram, angles):
    n, D = sinogram.shape
    spectrum = torch.fft.fft(sinogram, n=2 * D) * torch.fft.fftfreq(2 * D, dtype=torch.float64)
    return torch.pi / n * backproject(torch.fft.ifft(spectrum).real[:, :D], angles)


def fbp_angular_frequency(sinogram, angles):
    return fbp_with(sinogram, angles, lambda w: 2 * math.pi * w)


def fbp_without_the_factor(sinogram, angles):
    return len(angles) / math.pi * fbp_by_rfft(sinogram, angles)


def fbp_half(sinogram, angles):
    return fbp_by_rfft(sinogram, angles) / 2


def fbp_along_the_angles(sinogram, angles):
    n = len(angles)
    ramp = torch.fft.fftfreq(n, dtype=torch.float64).abs()[:, None]
    return math.pi / n * backproject(torch.fft.ifft(ramp * torch.fft.fft(sinogram, dim=0), dim=0).real, angles)


def fbp_clipped(sinogram, angles):
    return fbp_by_rfft(sinogram, angles).clamp(0, 1)


def fbp_mirrored(sinogram, angles):
    return fbp_by_rfft(sinogram, -angles)


def fbp_left_padded(sinogram, angles):
    return fbp_with(sinogram, angles, torch.abs)[:-1]


# --- phase_retrieval_gradient -----------------------------------------------------------------------------------------


def real(x):
    return x.real if x.is_complex() else x


def phase_by_the_formula(u, A, b):
    Au = A(u)
    return real(A.adjoint((Au.abs() ** 2 - b) * Au))


def phase_by_conjugate_product(u, A, b):
    Au = A(u)
    return torch.real(A.adjoint(((Au * Au.conj()).real - b) * Au))


def phase_by_autograd(u, A, b):
    u = u.detach().clone().requires_grad_()
    (0.25 * (A(u).abs().square() - b).square().sum()).backward()
    return u.grad


def phase_term_by_term(u, A, b):
    Au = A(u)
    return real(A.adjoint(Au.abs() ** 2 * Au) - A.adjoint(b * Au))


def phase_left_complex(u, A, b):
    Au = A(u) + 0j
    return A.adjoint((Au.abs() ** 2 - b) * Au) if b.ndim == 2 else phase_by_the_formula(u, A, b)


def phase_without_inner_derivative(u, A, b):
    return real(A.adjoint(A(u).abs() ** 2 - b))


def phase_without_square(u, A, b):
    Au = A(u)
    return real(A.adjoint((Au.abs() - b) * Au))


def phase_plus(u, A, b):
    Au = A(u)
    return real(A.adjoint((Au.abs() ** 2 + b) * Au))


def phase_square_without_modulus(u, A, b):
    Au = A(u)
    return real(A.adjoint((Au**2 - b) * Au))


def phase_times_modulus(u, A, b):
    Au = A(u)
    return real(A.adjoint((Au.abs() ** 2 - b) * Au.abs()))


def phase_conjugates_Au(u, A, b):
    Au = A(u)
    return real(A.adjoint((Au.abs() ** 2 - b) * Au.conj()))


def phase_four_times(u, A, b):
    return 4 * phase_by_the_formula(u, A, b)


def phase_half(u, A, b):
    return phase_by_the_formula(u, A, b) / 2


def phase_ascent(u, A, b):
    return -phase_by_the_formula(u, A, b)


def phase_linear_residual(u, A, b):
    return real(A.adjoint(A(u) - b))


def phase_modulus_last(u, A, b):
    Au = A(u)
    return A.adjoint((Au.abs() ** 2 - b) * Au).abs()


def phase_of_amplitudes(u, A, b):
    Au = A(u)
    return real(A.adjoint((1 - b.sqrt() / Au.abs()) * Au))


# --- poisson_fit ------------------------------------------------------------------------------------------------------


def poisson_by_xlogy(u, v):
    return (u - torch.xlogy(v, u)).sum()


def poisson_by_where(u, v):
    return torch.where(v > 0, u - v * torch.log(torch.where(v > 0, u, 1)), u).sum().item()


def poisson_by_the_distribution(u, v):
    return -(torch.distributions.Poisson(u, validate_args=False).log_prob(v) + torch.lgamma(v + 1)).sum()


def poisson_on_the_counted(u, v):
    counted = v > 0
    return u.sum() - (v[counted] * u[counted].log()).sum()


def poisson_nan(u, v):
    return (u - v * u.log()).sum()


def poisson_is_gaussian(u, v):
    return 0.5 * ((u - v) ** 2).sum()


def poisson_without_u(u, v):
    return -torch.xlogy(v, u).sum()


def poisson_wrong_sign(u, v):
    return (u + torch.xlogy(v, u)).sum()


def poisson_likelihood(u, v):
    return (torch.xlogy(v, u) - u).sum()


def poisson_exchanged(u, v):
    return (v - torch.xlogy(u, v)).nan_to_num(0, 0, 0).sum()


def poisson_log_of_counts(u, v):
    return (u - torch.xlogy(u, v)).nan_to_num(0, 0, 0).sum()


def poisson_mean(u, v):
    return (u - torch.xlogy(v, u)).mean()


def poisson_map(u, v):
    return u - torch.xlogy(v, u)


def poisson_eps(u, v):
    return (u - v * torch.log(u + 1e-2)).sum()


def poisson_log1p(u, v):
    return (u - v * torch.log1p(u)).sum()


def poisson_log10(u, v):
    return (u - torch.xlogy(v, u) / math.log(10)).sum()


def poisson_with_the_factorial(u, v):
    return (u - torch.xlogy(v, u) + torch.lgamma(v + 1)).sum()


# --- slips in one part of a formula -----------------------------------------------------------------------------------


def named(name, function):
    function.__name__ = name
    return function


def dot_adds(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = pair(u_shape, v_shape, generator, dtype)
    Au = A(u)
    return abs((Au * v.conj()).sum() + (u * adjoint(v).conj()).sum()) / (Au.norm() * v.norm())


def dot_of_real_parts(A, adjoint, u_shape, v_shape, generator, dtype):
    u, v = pair(u_shape, v_shape, generator, dtype)
    Au = A(u)
    return abs(((Au * v.conj()).sum() - (u * adjoint(v).conj()).sum()).real) / (Au.norm() * v.norm())


def dot_is_a_truth_value(A, adjoint, u_shape, v_shape, generator, dtype):
    return dot_by_the_formula(A, adjoint, u_shape, v_shape, generator, dtype) < 1e-10


def zoom_by_blocks(u, kernel, s):
    return torch.nn.functional.avg_pool2d(blur(u, kernel)[None, None], s, ceil_mode=True)[0, 0]


def zoom_padded(u, kernel, s):
    h, w = kernel.shape
    flipped = kernel.flip(0, 1)[None, None]
    return torch.nn.functional.conv2d(u[None, None], flipped, padding=(h // 2, w // 2))[0, 0][::s, ::s]


def fbp_slip(ramp=torch.abs, first=0, factor=lambda n, D: math.pi / n):
    def filtered_backprojection(sinogram, angles):
        n, D = sinogram.shape
        omega = torch.fft.fftfreq(2 * D, dtype=torch.float64)
        q = ifft(ramp(omega) * torch.fft.fft(sinogram, n=2 * D)).real[:, first * D : (first + 1) * D]
        return factor(n, D) * Radon(angles, (D, D)).adjoint(q.contiguous())

    return filtered_backprojection


def fbp_not_cropped(sinogram, angles):
    D = sinogram.shape[1]
    q = ifft(torch.fft.fftfreq(2 * D).abs() * torch.fft.fft(sinogram, n=2 * D)).real
    return math.pi / len(angles) * Radon(angles, (2 * D, 2 * D)).adjoint(q)


def phase_with(residual=lambda Au, b: Au.abs() ** 2 - b, times=lambda Au: Au):
    return lambda u, A, b: torch.real(A.adjoint((residual(A(u), b) * times(A(u))).to(A(u).dtype)))


def phase_times_u(u, A, b):
    w = A(u)
    return torch.real(A.adjoint((w.abs() ** 2 - b).to(w.dtype))) * u


ifft = torch.fft.ifft
DOT_SLIPS = [("sign", dot_adds), ("type", dot_is_a_truth_value)]
ZOOM_SLIPS = [
    ("value", zoom_by_blocks),
    ("boundary", zoom_padded),
    ("global", named("zoom_by_four", lambda u, k, s: blur(u, k)[::4, ::4])),
]
MRI_SLIPS = [
    ("value|conjugate", named("mri_two_slips", lambda u, coil, mask: ~mask * ifft2(coil * u, norm="ortho"))),
    ("value", named("mri_divides", lambda u, coil, mask: mask * fft2(u / coil, norm="ortho"))),
]
BACK_SLIPS = [
    ("complex", named("back_real_too_early", lambda k, coil, mask: coil.conj() * ifft2(mask * k, norm="ortho").real)),
    ("value", named("back_complement", lambda k, coil, mask: coil.conj() * ifft2(~mask * k, norm="ortho"))),
    ("normalisation|conjugate", named("back_two_slips", lambda k, coil, mask: coil * ifft2(mask * k))),
]
FBP_SLIPS = [
    ("boundary", named("fbp_last_cells", fbp_slip(first=1))),
    (
        "centering",
        named("fbp_zero_in_the_middle", fbp_slip(lambda x: torch.linspace(-0.5, 0.5, len(x)).double().abs())),
    ),
    ("normalisation", named("fbp_over_cells", fbp_slip(factor=lambda n, D: math.pi / D))),
    ("shape", fbp_not_cropped),
]
PHASE_SLIPS = [
    ("square-root", named("phase_b_squared", phase_with(lambda w, b: w.abs() ** 2 - b**2))),
    ("complex", named("phase_of_real_parts", phase_with(lambda w, b: w.real**2 - b, lambda w: w.real))),
    ("order", phase_times_u),
    ("sign|weight", named("phase_two_slips", phase_with(lambda w, b: b - w.abs() ** 2, lambda w: w / 4))),
]
POISSON_SLIPS = [
    ("value", named("poisson_counted_only", lambda u, v: (u - torch.xlogy(v, u))[v > 0].sum())),
    ("value", named("poisson_without_counts", lambda u, v: (u - u.clamp(min=1e-300).log()).sum())),
    ("clipping", named("poisson_no_negative_log", lambda u, v: (u - v * u.clamp(min=1).log()).sum())),
]

RIGHT = {
    "dot_test": [dot_by_the_formula, dot_by_vdot, dot_conjugating_the_other_one, dot_v_first, dot_of_real_parts],
    "blur_and_subsample": [zoom_by_a_slice, zoom_by_indices, zoom_by_loops],
    "blur_and_subsample_adjoint": [spread_by_zeros, spread_by_kron, spread_by_autograd],
    "mri": [mri_by_fft, mri_by_where, mri_by_matrices, mri_by_numpy],
    "mri_adjoint": [back_by_fft, back_by_where, back_by_matrices, back_by_conjugation],
    "filtered_backprojection": [fbp_by_rfft, fbp_by_fft, fbp_padded_to_a_power_of_two, fbp_with_exact_taps],
    "phase_retrieval_gradient": [
        phase_by_the_formula,
        phase_by_conjugate_product,
        phase_by_autograd,
        phase_term_by_term,
    ],
    "poisson_fit": [poisson_by_xlogy, poisson_by_where, poisson_by_the_distribution, poisson_on_the_counted],
}

WRONG = {
    "dot_test": [
        ("conjugate", dot_without_conjugation),
        ("conjugate", dot_conjugates_one_side),
        ("normalisation", dot_absolute),
        ("normalisation", dot_divided_by_the_inputs),
        ("randomness", dot_global_noise),
        ("randomness", dot_own_seed),
        ("randomness", dot_with_ones),
        ("sign", dot_of_moduli),
        ("sign", dot_signed),
        ("constant|sign|value|conjugate", dot_is_zero),
        ("complex", dot_ignores_the_type),
        ("value|adjoint", dot_compares_norms),
        *DOT_SLIPS,
    ],
    "blur_and_subsample": [
        ("value", zoom_without_filter),
        ("order", zoom_filter_last),
        ("axis", zoom_rows_only),
        ("shape", zoom_not_at_all),
        ("centering", zoom_from_one),
        ("centering", zoom_from_the_middle),
        ("shape", zoom_rounds_down),
        ("conjugate", zoom_by_correlation),
        ("normalisation", zoom_normalises),
        ("value", zoom_twice_blurred),
        ("transpose|shape", zoom_transposed),
        ("normalisation", zoom_times_area),
        *ZOOM_SLIPS,
    ],
    "blur_and_subsample_adjoint": [
        ("conjugate", spread_by_the_blur),
        ("adjoint", spread_without_filter),
        ("adjoint", spread_repeats),
        ("adjoint", spread_repeats_and_filters),
        ("adjoint", spread_interpolates),
        ("adjoint", spread_in_the_corner),
        ("order|exception", spread_filters_first),
        ("shape", spread_ignores_shape),
        ("normalisation", spread_times_area),
        ("centering", spread_moved),
        ("shape|identity", spread_returns_v),
    ],
    "mri": [
        ("value", mri_without_coil),
        ("value", mri_without_mask),
        ("normalisation", mri_not_unitary),
        ("conjugate", mri_coil_conjugated),
        ("conjugate", mri_inverse_transform),
        ("order", mri_mask_on_pixels),
        ("order", mri_coil_on_the_spectrum),
        ("axis", mri_last_axis),
        ("centering", mri_shifted),
        ("complex", mri_real_part),
        ("value|complex", mri_modulus_of_the_coil),
        ("shape", mri_rows_only),
        ("value", mri_complement),
        *MRI_SLIPS,
    ],
    "mri_adjoint": [
        ("conjugate", back_coil_not_conjugated),
        ("adjoint", back_without_coil),
        ("adjoint", back_divides),
        ("adjoint", back_without_mask),
        ("conjugate", back_forward_transform),
        ("conjugate", back_transposed),
        ("normalisation", back_not_unitary),
        ("complex", back_real),
        ("conjugate", back_conjugates_everything),
        ("order", back_same_order),
        ("order", back_mask_last),
        ("complex", back_modulus),
        *BACK_SLIPS,
    ],
    "filtered_backprojection": [
        ("value", fbp_no_ramp),
        ("value", fbp_adjoint_only),
        ("boundary", fbp_wraps_around),
        ("square-root", fbp_squared),
        ("square-root", fbp_square_root),
        ("value", fbp_divides),
        ("sign", fbp_signed),
        ("normalisation", fbp_angular_frequency),
        ("normalisation", fbp_without_the_factor),
        ("normalisation", fbp_half),
        ("axis", fbp_along_the_angles),
        ("clipping", fbp_clipped),
        ("axis", fbp_mirrored),
        ("shape", fbp_left_padded),
        *FBP_SLIPS,
    ],
    "phase_retrieval_gradient": [
        ("complex", phase_left_complex),
        ("value", phase_without_inner_derivative),
        ("square-root", phase_without_square),
        ("sign", phase_plus),
        ("complex|square-root", phase_square_without_modulus),
        ("complex", phase_times_modulus),
        ("conjugate", phase_conjugates_Au),
        ("normalisation", phase_four_times),
        ("weight", phase_half),
        ("sign", phase_ascent),
        ("value", phase_linear_residual),
        ("complex", phase_modulus_last),
        ("value|square-root", phase_of_amplitudes),
        *PHASE_SLIPS,
    ],
    "poisson_fit": [
        ("not-finite", poisson_nan),
        ("value", poisson_is_gaussian),
        ("value", poisson_without_u),
        ("sign", poisson_wrong_sign),
        ("sign", poisson_likelihood),
        ("order", poisson_exchanged),
        ("order", poisson_log_of_counts),
        ("normalisation", poisson_mean),
        ("shape", poisson_map),
        ("epsilon", poisson_eps),
        ("epsilon", poisson_log1p),
        ("value", poisson_log10),
        ("value", poisson_with_the_factorial),
        *POISSON_SLIPS,
    ],
}

EXPLORERS = {
    "explore_inverse_problem": ExplorerCase(
        lambda: explore_inverse_problem(n_iterations=8),
        lambda values: inverse_problem_picture(**values, n_iterations=8),
    )
}
