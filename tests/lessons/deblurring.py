"""Answers that students give to the exercises of notebook 04, right and wrong."""

import math
import time

import numpy as np
import torch
from scipy import ndimage

from course_utils.data import load_kernel
from course_utils.derivatives import gradient, gradient_adjoint, laplacian
from course_utils.explorers.deblurring import DRAWN, deblurring_picture, drawn_kernel, explore_deblurring
from course_utils.fourier import kernel_to_transfer, laplacian_transfer
from course_utils.images import load_image
from course_utils.operators import blur, blur_adjoint
from course_utils.restoration import ridge_deblur, tychonov_deblur
from tests.explorer_case import ExplorerCase

fft2, ifft2 = torch.fft.fft2, torch.fft.ifft2


def padded(kernel, shape, shift):
    k = torch.zeros(shape, dtype=kernel.dtype)
    k[: kernel.shape[0], : kernel.shape[1]] = kernel
    return torch.roll(k, shift, (0, 1))


def transfer(kernel, shape):
    h, w = kernel.shape
    return fft2(padded(kernel, shape, (-(h // 2), -(w // 2))))


# --- blur ------------------------------------------------------------------------------------------------------------


def blur_by_fft(u, kernel):
    h, w = kernel.shape
    k = torch.zeros_like(u)
    k[:h, :w] = kernel
    k = torch.roll(k, (-(h // 2), -(w // 2)), dims=(0, 1))
    return ifft2(fft2(k) * fft2(u)).real


def blur_by_real_fft(u, kernel):
    k_hat = kernel_to_transfer(kernel, u.shape)[:, : u.shape[1] // 2 + 1]
    return torch.fft.irfft2(k_hat * torch.fft.rfft2(u), s=u.shape)


def blur_by_sum_of_translations(u, kernel):
    v = torch.zeros_like(u)
    h, w = kernel.shape
    for i in range(h):
        for j in range(w):
            v = v + kernel[i, j] * u.roll((i - h // 2, j - w // 2), (0, 1))
    return v


def blur_by_four_loops(u, kernel):
    (H, W), (h, w) = u.shape, kernel.shape
    image, k = u.tolist(), kernel.tolist()
    v = [[0.0] * W for _ in range(H)]
    for x in range(H):
        for y in range(W):
            for i in range(h):
                for j in range(w):
                    v[x][y] += k[i][j] * image[(x - i + h // 2) % H][(y - j + w // 2) % W]
    return torch.tensor(v, dtype=u.dtype)


def blur_with_a_transfer_by_its_definition(u, kernel):
    (H, W), (h, w) = u.shape, kernel.shape
    rows = torch.exp(-2j * math.pi * torch.outer(torch.arange(H), torch.arange(h) - h // 2) / H)
    columns = torch.exp(-2j * math.pi * torch.outer(torch.arange(w) - w // 2, torch.arange(W)) / W)
    k_hat = rows.to(torch.complex128) @ kernel.to(torch.complex128) @ columns.to(torch.complex128)
    return ifft2(k_hat * fft2(u)).real


def blur_in_float32(u, kernel):
    return blur_by_fft(u.float(), kernel.float())


def blur_by_numpy(u, kernel):
    k = np.zeros(u.shape)
    k[: kernel.shape[0], : kernel.shape[1]] = kernel.numpy()
    k = np.roll(k, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), axis=(0, 1))
    return torch.from_numpy(np.real(np.fft.ifft2(np.fft.fft2(k) * np.fft.fft2(u.numpy()))))


def blur_by_scipy(u, kernel):
    return torch.from_numpy(ndimage.convolve(u.numpy(), kernel.numpy(), mode="wrap"))


def blur_kernel_left_in_the_corner(u, kernel):
    return ifft2(fft2(kernel, s=u.shape) * fft2(u)).real


def blur_rolled_the_wrong_way(u, kernel):
    h, w = kernel.shape
    return ifft2(fft2(padded(kernel, u.shape, (h // 2, w // 2))) * fft2(u)).real


def blur_centre_one_pixel_off(u, kernel):
    h, w = kernel.shape
    return ifft2(fft2(padded(kernel, u.shape, (-((h - 1) // 2), -((w - 1) // 2)))) * fft2(u)).real


def blur_shifts_the_kernel_before_padding(u, kernel):
    return ifft2(fft2(torch.fft.ifftshift(kernel), s=u.shape) * fft2(u)).real


def blur_kernel_in_the_middle_of_the_image(u, kernel):
    (H, W), (h, w) = u.shape, kernel.shape
    k = torch.zeros_like(u)
    k[H // 2 - h // 2 : H // 2 - h // 2 + h, W // 2 - w // 2 : W // 2 - w // 2 + w] = kernel
    return ifft2(fft2(k) * fft2(u)).real


def blur_by_correlation(u, kernel):
    return ifft2(transfer(kernel, u.shape).conj() * fft2(u)).real


def blur_by_conv2d(u, kernel):
    # What torch calls a convolution is a correlation.
    h, w = kernel.shape
    extended = torch.nn.functional.pad(u[None, None], (w // 2, (w - 1) // 2, h // 2, (h - 1) // 2), mode="circular")
    return torch.nn.functional.conv2d(extended, kernel[None, None])[0, 0]


def blur_with_zeros_outside(u, kernel):
    return torch.from_numpy(ndimage.convolve(u.numpy(), kernel.numpy(), mode="constant"))


def blur_with_mirrored_outside(u, kernel):
    return torch.from_numpy(ndimage.convolve(u.numpy(), kernel.numpy(), mode="mirror"))


def blur_without_real_part(u, kernel):
    return ifft2(transfer(kernel, u.shape) * fft2(u))


def blur_modulus_for_real_part(u, kernel):
    return ifft2(transfer(kernel, u.shape) * fft2(u)).abs()


def blur_divided_by_the_number_of_pixels(u, kernel):
    return ifft2(transfer(kernel, u.shape) * fft2(u)).real / u.numel()


def blur_with_unitary_transforms(u, kernel):
    k_hat = torch.fft.fft2(padded(kernel, u.shape, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2))), norm="ortho")
    return torch.fft.ifft2(k_hat * torch.fft.fft2(u, norm="ortho"), norm="ortho").real


def blur_clipped(u, kernel):
    return blur_by_fft(u, kernel).clamp(0, 1)


def blur_one_dimensional_fft(u, kernel):
    h, w = kernel.shape
    k = padded(kernel, u.shape, (-(h // 2), -(w // 2)))
    return torch.fft.ifft(torch.fft.fft(k) * torch.fft.fft(u)).real


def blur_only_square_images(u, kernel):
    h, w = kernel.shape
    k = torch.zeros(u.shape[0], u.shape[0], dtype=u.dtype)
    k[:h, :w] = kernel
    return ifft2(fft2(k.roll((-(h // 2), -(w // 2)), (0, 1))) * fft2(u)).real


def blur_multiplies_pixels(u, kernel):
    h, w = kernel.shape
    return padded(kernel, u.shape, (-(h // 2), -(w // 2))) * u


def blur_cropped_to_the_valid_part(u, kernel):
    return blur(u, kernel)[kernel.shape[0] // 2 :, kernel.shape[1] // 2 :]


def blur_returns_the_input(u, kernel):
    return u


def blur_returns_nan(u, kernel):
    return blur(u, kernel) * float("nan")


def blur_in_place(u, kernel):
    u -= u.mean()
    return blur(u, kernel)


def blur_axes_of_the_kernel_swapped(u, kernel):
    return blur(u, kernel.T)


def blur_rolls_the_two_axes_the_other_way_round(u, kernel):
    h, w = kernel.shape
    return ifft2(fft2(padded(kernel, u.shape, (-(w // 2), -(h // 2)))) * fft2(u)).real


def blur_never_ends(u, kernel):
    while True:
        time.sleep(0.01)


# --- blur_adjoint ----------------------------------------------------------------------------------------------------


def adjoint_by_fft(v, kernel):
    return ifft2(kernel_to_transfer(kernel, v.shape).conj() * fft2(v)).real


def adjoint_by_flipped_kernel(v, kernel):
    # k(-x) on the image's grid: the centre is at the origin, so flip, then move by one.
    h, w = kernel.shape
    k = padded(kernel, v.shape, (-(h // 2), -(w // 2))).flip(0, 1).roll((1, 1), (0, 1))
    return ifft2(fft2(k) * fft2(v)).real


def adjoint_by_sum_of_translations(v, kernel):
    u = torch.zeros_like(v)
    h, w = kernel.shape
    for i in range(h):
        for j in range(w):
            u = u + kernel[i, j] * v.roll((h // 2 - i, w // 2 - j), (0, 1))
    return u


def adjoint_by_autograd(v, kernel):
    u = torch.zeros_like(v, requires_grad=True)
    (blur(u, kernel) * v).sum().backward()
    return u.grad


def adjoint_in_float32(v, kernel):
    return adjoint_by_fft(v.float(), kernel.float())


def adjoint_is_the_blur(v, kernel):
    return blur(v, kernel)


def adjoint_conjugate_of_the_product(v, kernel):
    return ifft2((transfer(kernel, v.shape) * fft2(v)).conj()).real


def adjoint_conjugate_of_the_wrong_factor(v, kernel):
    return ifft2(transfer(kernel, v.shape) * fft2(v).conj()).real


def adjoint_flips_around_the_wrong_pixel(v, kernel):
    return blur(v, kernel.flip(0, 1))


def adjoint_kernel_left_in_the_corner(v, kernel):
    return ifft2(fft2(kernel, s=v.shape).conj() * fft2(v)).real


def adjoint_transposes_the_kernel(v, kernel):
    return blur(v, kernel.T)


def adjoint_transposes_the_transfer(v, kernel):
    return ifft2(transfer(kernel, v.shape).T * fft2(v)).real


def adjoint_is_the_inverse(v, kernel):
    return ifft2(fft2(v) / transfer(kernel, v.shape)).real


def adjoint_with_a_minus_sign(v, kernel):
    return -adjoint_by_fft(v, kernel)


def adjoint_complex(v, kernel):
    return ifft2(transfer(kernel, v.shape).conj() * fft2(v))


def adjoint_flips_one_axis(v, kernel):
    return blur(v, kernel.flip(0))


def adjoint_times_pixels(v, kernel):
    return adjoint_by_fft(v, kernel) * v.numel()


def adjoint_returns_zeros(v, kernel):
    return torch.zeros_like(v)


# --- inverse_filter --------------------------------------------------------------------------------------------------


def inverse_by_fft(v, kernel):
    return ifft2(fft2(v) / kernel_to_transfer(kernel, v.shape)).real


def inverse_by_real_fft(v, kernel):
    k_hat = kernel_to_transfer(kernel, v.shape)[:, : v.shape[1] // 2 + 1]
    return torch.fft.irfft2(torch.fft.rfft2(v) / k_hat, s=v.shape)


def inverse_with_conjugate_over_square(v, kernel):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / k_hat.abs() ** 2).real


def inverse_by_linear_system(v, kernel):
    basis = torch.eye(v.numel(), dtype=v.dtype).reshape(-1, *v.shape)
    A = torch.stack([blur(e, kernel).flatten() for e in basis], dim=1)
    return torch.linalg.solve(A, v.flatten()).reshape(v.shape)


def inverse_in_float32(v, kernel):
    return inverse_by_fft(v.float(), kernel.float())


def inverse_guards_against_division_by_zero(v, kernel):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(fft2(v) / torch.where(k_hat == 0, torch.inf, k_hat)).real


def inverse_multiplies(v, kernel):
    return ifft2(fft2(v) * transfer(kernel, v.shape)).real


def inverse_upside_down(v, kernel):
    return ifft2(transfer(kernel, v.shape) / fft2(v)).real


def inverse_divides_by_the_modulus(v, kernel):
    return ifft2(fft2(v) / transfer(kernel, v.shape).abs()).real


def inverse_divides_by_the_conjugate(v, kernel):
    return ifft2(fft2(v) / transfer(kernel, v.shape).conj()).real


def inverse_divides_by_the_real_part(v, kernel):
    return ifft2(fft2(v) / transfer(kernel, v.shape).real).real


def inverse_kernel_left_in_the_corner(v, kernel):
    return ifft2(fft2(v) / fft2(kernel, s=v.shape)).real


def inverse_divides_images(v, kernel):
    return v / padded(kernel, v.shape, (0, 0))


def inverse_adds_epsilon(v, kernel):
    return ifft2(fft2(v) / (transfer(kernel, v.shape) + 1e-2)).real


def inverse_truncated(v, kernel):
    k_hat = transfer(kernel, v.shape)
    return ifft2(torch.where(k_hat.abs() > 0.6, fft2(v) / k_hat, 0)).real


def inverse_divides_by_the_square(v, kernel):
    return ifft2(fft2(v) / transfer(kernel, v.shape).abs() ** 2).real


def inverse_is_the_adjoint(v, kernel):
    return blur_adjoint(v, kernel)


def inverse_normalised_twice(v, kernel):
    return inverse_by_fft(v, kernel) / v.numel()


def inverse_clipped(v, kernel):
    return inverse_by_fft(v, kernel).clamp(0, 1)


def inverse_complex(v, kernel):
    return ifft2(fft2(v) / transfer(kernel, v.shape))


def inverse_returns_a_list(v, kernel):
    return inverse_by_fft(v, kernel).tolist()


# --- ridge_deblur ----------------------------------------------------------------------------------------------------


def ridge_by_fft(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 + lam)).real


def ridge_from_the_adjoint(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(fft2(blur_adjoint(v, kernel)) / (k_hat * k_hat.conj() + lam)).real


def ridge_by_linear_system(v, kernel, lam):
    basis = torch.eye(v.numel(), dtype=v.dtype).reshape(-1, *v.shape)
    A = torch.stack([blur(e, kernel).flatten() for e in basis], dim=1)
    return torch.linalg.solve(A.T @ A + lam * torch.eye(v.numel(), dtype=v.dtype), A.T @ v.flatten()).reshape(v.shape)


def ridge_by_real_fft(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)[:, : v.shape[1] // 2 + 1]
    return torch.fft.irfft2(k_hat.conj() * torch.fft.rfft2(v) / (k_hat.abs().square() + lam), s=v.shape)


def ridge_in_float32(v, kernel, lam):
    return ridge_by_fft(v.float(), kernel.float(), lam)


def ridge_conjugate_forgotten(v, kernel, lam):
    k_hat = transfer(kernel, v.shape)
    return ifft2(k_hat * fft2(v) / (k_hat.abs() ** 2 + lam)).real


def ridge_square_without_modulus(v, kernel, lam):
    k_hat = transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat**2 + lam)).real


def ridge_modulus_without_square(v, kernel, lam):
    k_hat = transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() + lam)).real


def ridge_half_lambda(v, kernel, lam):
    return ridge_by_fft(v, kernel, lam / 2)


def ridge_lambda_counted_twice(v, kernel, lam):
    return ridge_by_fft(v, kernel, lam**2)


def ridge_twice_lambda(v, kernel, lam):
    return ridge_by_fft(v, kernel, 2 * lam)


def ridge_without_lambda(v, kernel, lam):
    return inverse_by_fft(v, kernel)


def ridge_adds_lambda_to_the_transfer(v, kernel, lam):
    return ifft2(fft2(v) / (transfer(kernel, v.shape) + lam)).real


def ridge_without_adjoint(v, kernel, lam):
    return ifft2(fft2(v) / (transfer(kernel, v.shape).abs() ** 2 + lam)).real


def ridge_of_the_denoising_problem(v, kernel, lam):
    return v / (1 + lam)


def ridge_with_the_laplacian(v, kernel, lam):
    return tychonov_deblur(v, kernel, lam)


def ridge_kernel_left_in_the_corner(v, kernel, lam):
    k_hat = fft2(kernel, s=v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 + lam)).real


def ridge_minus_lambda(v, kernel, lam):
    return ridge_by_fft(v, kernel, -lam)


def ridge_missing_parentheses(v, kernel, lam):
    k_hat = transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / k_hat.abs() ** 2 + lam).real


def ridge_only_even_widths(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)[:, : v.shape[1] // 2 + 1]
    return torch.fft.irfft2(k_hat.conj() * torch.fft.rfft2(v) / (k_hat.abs().square() + lam))


def ridge_lambda_times_pixels(v, kernel, lam):
    return ridge_by_fft(v, kernel, lam * v.numel())


def ridge_clipped(v, kernel, lam):
    return ridge_by_fft(v, kernel, lam).clamp(0, 1)


# --- tychonov_deblur -------------------------------------------------------------------------------------------------


def tychonov_by_fft(v, kernel, lam):
    k_hat, L_hat = kernel_to_transfer(kernel, v.shape), laplacian_transfer(v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 + lam * L_hat)).real


def tychonov_with_derivative_kernels(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)
    delta = torch.zeros_like(v)
    delta[0, 0] = 1
    d1, d2 = fft2(delta.roll(-1, 0) - delta), fft2(delta.roll(-1, 1) - delta)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 + lam * (d1.abs() ** 2 + d2.abs() ** 2))).real


def tychonov_by_the_formula_of_the_slide(v, kernel, lam):
    (M, N), k_hat = v.shape, kernel_to_transfer(kernel, v.shape)
    xi, zeta = torch.arange(M, dtype=v.dtype)[:, None], torch.arange(N, dtype=v.dtype)[None, :]
    L_hat = 4 * (torch.sin(math.pi * xi / M) ** 2 + torch.sin(math.pi * zeta / N) ** 2)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat * k_hat.conj() + lam * L_hat)).real


def tychonov_by_real_fft(v, kernel, lam):
    half = v.shape[1] // 2 + 1
    k_hat, L_hat = kernel_to_transfer(kernel, v.shape)[:, :half], laplacian_transfer(v.shape)[:, :half]
    return torch.fft.irfft2(k_hat.conj() * torch.fft.rfft2(v) / (k_hat.abs() ** 2 + lam * L_hat), s=v.shape)


def tychonov_by_linear_system(v, kernel, lam):
    basis = torch.eye(v.numel(), dtype=v.dtype).reshape(-1, *v.shape)
    A = torch.stack([blur(e, kernel).flatten() for e in basis], dim=1)
    L = torch.stack([-laplacian(e).flatten() for e in basis], dim=1)
    return torch.linalg.solve(A.T @ A + lam * L, A.T @ v.flatten()).reshape(v.shape)


def tychonov_in_float32(v, kernel, lam):
    k_hat, L_hat = kernel_to_transfer(kernel.float(), v.shape), laplacian_transfer(v.shape).float()
    return ifft2(k_hat.conj() * fft2(v.float()) / (k_hat.abs() ** 2 + lam * L_hat)).real


def tychonov_with(v, kernel, weight):
    k_hat = transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 + weight)).real


def tychonov_conjugate_forgotten(v, kernel, lam):
    k_hat = transfer(kernel, v.shape)
    return ifft2(k_hat * fft2(v) / (k_hat.abs() ** 2 + lam * laplacian_transfer(v.shape))).real


def tychonov_square_without_modulus(v, kernel, lam):
    k_hat = transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat**2 + lam * laplacian_transfer(v.shape))).real


def tychonov_ridge_instead(v, kernel, lam):
    return ridge_deblur(v, kernel, lam)


def tychonov_laplacian_with_its_sign(v, kernel, lam):
    return tychonov_with(v, kernel, -lam * laplacian_transfer(v.shape))


def tychonov_half_lambda(v, kernel, lam):
    return tychonov_with(v, kernel, lam / 2 * laplacian_transfer(v.shape))


def tychonov_lambda_counted_twice(v, kernel, lam):
    return tychonov_with(v, kernel, lam**2 * laplacian_transfer(v.shape))


def tychonov_lambda_forgotten(v, kernel, lam):
    return tychonov_with(v, kernel, laplacian_transfer(v.shape))


def tychonov_factor_four_forgotten(v, kernel, lam):
    return tychonov_with(v, kernel, lam * laplacian_transfer(v.shape) / 4)


def tychonov_sine_without_square(v, kernel, lam):
    M, N = v.shape
    xi, zeta = torch.arange(M, dtype=v.dtype)[:, None], torch.arange(N, dtype=v.dtype)[None, :]
    return tychonov_with(v, kernel, 4 * lam * (torch.sin(math.pi * xi / M) + torch.sin(math.pi * zeta / N)))


def tychonov_two_pi_in_the_sine(v, kernel, lam):
    M, N = v.shape
    xi, zeta = torch.arange(M, dtype=v.dtype)[:, None], torch.arange(N, dtype=v.dtype)[None, :]
    sines = torch.sin(2 * math.pi * xi / M) ** 2 + torch.sin(2 * math.pi * zeta / N) ** 2
    return tychonov_with(v, kernel, 4 * lam * sines)


def tychonov_central_differences(v, kernel, lam):
    M, N = v.shape
    xi, zeta = torch.arange(M, dtype=v.dtype)[:, None], torch.arange(N, dtype=v.dtype)[None, :]
    return tychonov_with(
        v, kernel, lam * (torch.sin(2 * math.pi * xi / M) ** 2 + torch.sin(2 * math.pi * zeta / N) ** 2)
    )


def tychonov_laplacian_kernel_in_the_corner(v, kernel, lam):
    stencil = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]], dtype=v.dtype)
    return tychonov_with(v, kernel, lam * fft2(stencil, s=v.shape))


def tychonov_laplacian_squared(v, kernel, lam):
    return tychonov_with(v, kernel, lam * laplacian_transfer(v.shape) ** 2)


def tychonov_root_of_the_laplacian(v, kernel, lam):
    return tychonov_with(v, kernel, lam * laplacian_transfer(v.shape).sqrt())


def tychonov_one_direction_only(v, kernel, lam):
    M = v.shape[0]
    xi = torch.arange(M, dtype=v.dtype)[:, None]
    return tychonov_with(v, kernel, 4 * lam * torch.sin(math.pi * xi / M) ** 2)


def tychonov_size_exchanged(v, kernel, lam):
    return tychonov_with(v, kernel, lam * laplacian_transfer((v.shape[1], v.shape[0])))


def tychonov_sizes_exchanged_in_the_sines(v, kernel, lam):
    M, N = v.shape
    xi, zeta = torch.arange(M, dtype=v.dtype)[:, None], torch.arange(N, dtype=v.dtype)[None, :]
    return tychonov_with(v, kernel, 4 * lam * (torch.sin(math.pi * xi / N) ** 2 + torch.sin(math.pi * zeta / M) ** 2))


def tychonov_frequencies_shifted(v, kernel, lam):
    return tychonov_with(v, kernel, lam * torch.fft.fftshift(laplacian_transfer(v.shape)))


def tychonov_kernel_left_in_the_corner(v, kernel, lam):
    k_hat = fft2(kernel, s=v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 + lam * laplacian_transfer(v.shape))).real


def tychonov_of_the_denoising_problem(v, kernel, lam):
    return ifft2(fft2(v) / (1 + lam * laplacian_transfer(v.shape))).real


def tychonov_without_adjoint(v, kernel, lam):
    k_hat = transfer(kernel, v.shape)
    return ifft2(fft2(v) / (k_hat.abs() ** 2 + lam * laplacian_transfer(v.shape))).real


def tychonov_complex(v, kernel, lam):
    k_hat = transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 + lam * laplacian_transfer(v.shape)))


def tychonov_modulus_for_real_part(v, kernel, lam):
    return tychonov_complex(v, kernel, lam).abs()


def tychonov_subtracts_the_mean_in_place(v, kernel, lam):
    v -= v.mean()
    return tychonov_by_fft(v, kernel, lam)


def tychonov_only_the_spectrum(v, kernel, lam):
    k_hat = transfer(kernel, v.shape)
    return k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 + lam * laplacian_transfer(v.shape))


# --- gradient_descent_deblur -----------------------------------------------------------------------------------------


def descent_by_the_lecture(v, kernel, lam, n):
    u, tau = v.clone(), 1.9 / (1 + 8 * lam)
    for _ in range(n):
        u = u - tau * (blur_adjoint(blur(u, kernel) - v, kernel) + lam * gradient_adjoint(gradient(u)))
    return u


def descent_with_step_one_over_l(v, kernel, lam, n):
    u, tau = v.clone(), 1 / (1 + 8 * lam)
    for _ in range(n):
        u = u - tau * (blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u))
    return u


def descent_from_zero(v, kernel, lam, n):
    u, tau = torch.zeros_like(v), 1 / (1 + 8 * lam)
    for _ in range(n):
        u = u - tau * (blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u))
    return u


def descent_in_fourier(v, kernel, lam, n):
    k_hat, L_hat, v_hat = kernel_to_transfer(kernel, v.shape), laplacian_transfer(v.shape), fft2(v)
    H = k_hat.abs() ** 2 + lam * L_hat
    u_hat, tau = v_hat.clone(), 1 / H.max()
    for _ in range(n):
        u_hat = u_hat - tau * (H * u_hat - k_hat.conj() * v_hat)
    return ifft2(u_hat).real


def descent_by_autograd(v, kernel, lam, n):
    u, tau = v.clone(), 1 / (1 + 8 * lam)
    for _ in range(n):
        u = u.detach().requires_grad_(True)
        F = 0.5 * (blur(u, kernel) - v).square().sum() + 0.5 * lam * gradient(u).square().sum()
        (g,) = torch.autograd.grad(F, u)
        u = u - tau * g
    return u


def descent_in_place_on_a_copy(v, kernel, lam, n):
    u = v.clone()
    for _ in range(n):
        u -= 1.5 / (1 + 8 * lam) * (blur_adjoint(blur(u, kernel) - v, kernel) + lam * gradient_adjoint(gradient(u)))
    return u


def descent_in_float32(v, kernel, lam, n):
    return descent_with_step_one_over_l(v.float(), kernel.float(), lam, n)


def descent_from_the_adjoint(v, kernel, lam, n):
    u, tau = blur_adjoint(v, kernel), 1 / (1 + 8 * lam)
    for _ in range(n):
        u = u - tau * (blur_adjoint(blur(u, kernel) - v, kernel) + lam * gradient_adjoint(gradient(u)))
    return u


def descent_with_a_cautious_step(v, kernel, lam, n):
    u, tau = v.clone(), 0.2 / (1 + 8 * lam)
    for _ in range(n):
        u = u - tau * (blur_adjoint(blur(u, kernel) - v, kernel) + lam * gradient_adjoint(gradient(u)))
    return u


def descent_with(v, kernel, lam, n, tau, direction):
    u = v.clone()
    for _ in range(n):
        u = u - tau * direction(u)
    return u


def descent_step_one(v, kernel, lam, n):
    return descent_with(
        v, kernel, lam, n, 1.0, lambda u: blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)
    )


def descent_step_two_over_lambda(v, kernel, lam, n):
    return descent_with(
        v, kernel, lam, n, 2 / lam, lambda u: blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)
    )


def descent_step_just_beyond_the_bound(v, kernel, lam, n):
    tau = 2.6 / (1 + 8 * lam)
    return descent_with(
        v, kernel, lam, n, tau, lambda u: blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)
    )


def descent_step_squared(v, kernel, lam, n):
    tau = 1e-1 / (1 + 8 * lam) ** 2
    return descent_with(
        v, kernel, lam, n, tau, lambda u: blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)
    )


def descent_step_one_over_eight_lambda(v, kernel, lam, n):
    return descent_with(
        v, kernel, lam, n, 2 / (8 * lam), lambda u: blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)
    )


def descent_tiny_step(v, kernel, lam, n):
    return descent_with(
        v, kernel, lam, n, 1e-4, lambda u: blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)
    )


def descent_regularization_forgotten(v, kernel, lam, n):
    return descent_with(v, kernel, lam, n, 1.0, lambda u: blur_adjoint(blur(u, kernel) - v, kernel))


def descent_twice_lambda(v, kernel, lam, n):
    tau = 1 / (1 + 16 * lam)
    return descent_with(
        v, kernel, lam, n, tau, lambda u: blur_adjoint(blur(u, kernel) - v, kernel) - 2 * lam * laplacian(u)
    )


def descent_half_lambda(v, kernel, lam, n):
    tau = 1 / (1 + 8 * lam)
    return descent_with(
        v, kernel, lam, n, tau, lambda u: blur_adjoint(blur(u, kernel) - v, kernel) - lam / 2 * laplacian(u)
    )


def descent_lambda_forgotten(v, kernel, lam, n):
    return descent_with(v, kernel, lam, n, 1 / 9, lambda u: blur_adjoint(blur(u, kernel) - v, kernel) - laplacian(u))


def descent_laplacian_with_the_wrong_sign(v, kernel, lam, n):
    tau = 1 / (1 + 8 * lam)
    return descent_with(
        v, kernel, lam, n, tau, lambda u: blur_adjoint(blur(u, kernel) - v, kernel) + lam * laplacian(u)
    )


def descent_uphill(v, kernel, lam, n):
    tau = -1 / (1 + 8 * lam)
    return descent_with(
        v, kernel, lam, n, tau, lambda u: blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)
    )


def descent_without_adjoint(v, kernel, lam, n):
    return descent_with(v, kernel, lam, n, 1 / (1 + 8 * lam), lambda u: blur(u, kernel) - v - lam * laplacian(u))


def descent_blur_for_adjoint(v, kernel, lam, n):
    tau = 1 / (1 + 8 * lam)
    return descent_with(v, kernel, lam, n, tau, lambda u: blur(blur(u, kernel) - v, kernel) - lam * laplacian(u))


def descent_of_the_ridge_problem(v, kernel, lam, n):
    tau = 1 / (1 + lam)
    return descent_with(v, kernel, lam, n, tau, lambda u: blur_adjoint(blur(u, kernel) - v, kernel) + lam * u)


def descent_of_the_denoising_problem(v, kernel, lam, n):
    return descent_with(v, kernel, lam, n, 1 / (1 + 8 * lam), lambda u: u - v - lam * laplacian(u))


def descent_forgets_the_observation(v, kernel, lam, n):
    tau = 1 / (1 + 8 * lam)
    return descent_with(v, kernel, lam, n, tau, lambda u: blur_adjoint(blur(u, kernel), kernel) - lam * laplacian(u))


def descent_changes_the_observation(v, kernel, lam, n):
    u = v
    for _ in range(n):
        u -= 1 / (1 + 8 * lam) * (blur_adjoint(blur(u, kernel) - v, kernel) + lam * gradient_adjoint(gradient(u)))
    return u


def descent_one_iteration(v, kernel, lam, n):
    return descent_by_the_lecture(v, kernel, lam, 1)


def descent_ten_iterations(v, kernel, lam, n):
    return descent_by_the_lecture(v, kernel, lam, 10)


def descent_closed_form(v, kernel, lam, n):
    return tychonov_deblur(v, kernel, lam)


def descent_clipped(v, kernel, lam, n):
    u, tau = v.clone(), 1 / (1 + 8 * lam)
    for _ in range(n):
        u = u - tau * (blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u))
        u = u.clamp(0, 1)
    return u


def descent_returns_image_and_history(v, kernel, lam, n):
    return descent_by_the_lecture(v, kernel, lam, n), [0.0] * n


def descent_returns_the_observation(v, kernel, lam, n):
    return v


def descent_update_outside_the_loop(v, kernel, lam, n):
    u = v.clone()
    for _ in range(n):
        g = blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)
    return u - 1 / (1 + 8 * lam) * g


# --- more of each kind, from a second list written without looking at the checks -----------------------------------


def blur_by_a_phase_ramp(u, kernel):
    (H, W), (h, w) = u.shape, kernel.shape
    f1, f2 = torch.fft.fftfreq(H, dtype=u.dtype)[:, None], torch.fft.fftfreq(W, dtype=u.dtype)
    k_hat = fft2(kernel, s=(H, W)) * torch.exp(2j * torch.pi * (f1 * (h // 2) + f2 * (w // 2)))
    return ifft2(k_hat * fft2(u)).real


def blur_padded_in_the_middle_then_shifted(u, kernel):
    (H, W), (h, w) = u.shape, kernel.shape
    k, top, left = torch.zeros_like(u), (H - h) // 2, (W - w) // 2
    k[top : top + h, left : left + w] = kernel
    return ifft2(fft2(torch.fft.ifftshift(k)) * fft2(u)).real


def blur_with_a_normalised_kernel(u, kernel):
    return blur(u, kernel / kernel.sum())


def blur_by_conv2d_same(u, kernel):
    return torch.nn.functional.conv2d(u[None, None], kernel[None, None], padding="same")[0, 0]


def adjoint_by_two_mirrors(v, kernel):
    return blur(v.flip(0, 1), kernel).flip(0, 1)


def adjoint_with_the_modulus(v, kernel):
    return ifft2(transfer(kernel, v.shape).abs() * fft2(v)).real


def adjoint_with_the_real_part(v, kernel):
    return ifft2(transfer(kernel, v.shape).real * fft2(v)).real


def inverse_by_a_linear_system(v, kernel):
    columns = [blur(e.reshape(v.shape), kernel).flatten() for e in torch.eye(v.numel(), dtype=v.dtype)]
    return torch.linalg.solve(torch.stack(columns, dim=1), v.flatten()).reshape(v.shape)


def inverse_with_a_threshold(v, kernel):
    k_hat = transfer(kernel, v.shape)
    return ifft2(torch.where(k_hat.abs() > 0.1, fft2(v) / k_hat, 0)).real


def inverse_with_a_little_ridge(v, kernel):
    k_hat = transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 + 1e-2)).real


def ridge_with_a_hidden_lambda(v, kernel, lam):
    return ridge_deblur(v, kernel, 0.05)


def tychonov_missing_parentheses(v, kernel, lam):
    k_hat = transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / k_hat.abs() ** 2 + lam * laplacian_transfer(v.shape)).real


def _descend(v, kernel, lam, n, tau):
    u = v.clone()
    for _ in range(n):
        u = u - tau * (blur_adjoint(blur(u, kernel) - v, kernel) + lam * gradient_adjoint(gradient(u)))
    return u


def descent_with_the_exact_constant(v, kernel, lam, n):
    L = (transfer(kernel, v.shape).abs() ** 2 + lam * laplacian_transfer(v.shape)).max()
    return _descend(v, kernel, lam, n, 1.5 / L)


def descent_with_a_fixed_step(v, kernel, lam, n):
    return _descend(v, kernel, lam, n, 0.1)


def descent_with_one_over_l_squared(v, kernel, lam, n):
    return _descend(v, kernel, lam, n, 1 / (1 + 8 * lam) ** 2)


def descent_one_iteration_less(v, kernel, lam, n):
    return _descend(v, kernel, lam, n - 1, 1 / (1 + 8 * lam))


def descent_one_iteration_more(v, kernel, lam, n):
    return _descend(v, kernel, lam, n + 1, 1 / (1 + 8 * lam))


# --- a third list, of a student who works through the copy without the checks ----------------------------------------


def blur_on_a_float32_grid(u, kernel):
    k = torch.zeros(u.shape)
    k[: kernel.shape[0], : kernel.shape[1]] = kernel
    return ifft2(fft2(torch.roll(k, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1))) * fft2(u)).real


def blur_by_wrapped_assignment(u, kernel):
    k = torch.zeros_like(u)
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            k[(i - kernel.shape[0] // 2) % u.shape[0], (j - kernel.shape[1] // 2) % u.shape[1]] = kernel[i, j]
    return torch.fft.irfft2(torch.fft.rfft2(k) * torch.fft.rfft2(u), s=u.shape)


def blur_by_conv2d_circular(u, kernel):
    h, w = kernel.shape
    wrapped = torch.nn.functional.pad(u[None, None], (w - 1, w - 1, h - 1, h - 1), mode="circular")
    full = torch.nn.functional.conv2d(wrapped, kernel.flip(0, 1)[None, None])[0, 0]
    top, left = h // 2, w // 2
    return full[top : top + u.shape[0], left : left + u.shape[1]]


def blur_forgets_to_pad(u, kernel):
    h, w = kernel.shape
    return ifft2(fft2(torch.roll(kernel, (-(h // 2), -(w // 2)), (0, 1))) * fft2(u)).real


def blur_on_a_grid_of_256(u, kernel):
    k = torch.zeros(256, 256, dtype=u.dtype)
    k[: kernel.shape[0], : kernel.shape[1]] = kernel
    return ifft2(fft2(torch.roll(k, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1))) * fft2(u)).real


def blur_with_a_transform_kept(u, kernel):
    if "size" not in _cache:
        _cache["size"] = fft2(blur_grid(u, kernel))
    return ifft2(_cache["size"] * fft2(u)).real


def blur_with_padded_transforms(u, kernel):
    return ifft2(fft2(blur_grid(u, kernel), s=(256, 256)) * fft2(u, s=(256, 256))).real


def blur_grid(u, kernel):
    return padded(kernel, u.shape, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)))


def blur_even_width_from_the_real_fft(u, kernel):
    return torch.fft.irfft2(torch.fft.rfft2(blur_grid(u, kernel)) * torch.fft.rfft2(u))


_cache = {}


def blur_remembers_the_first_kernel(u, kernel):
    if "k_hat" not in _cache or _cache["k_hat"].shape != u.shape:
        _cache["k_hat"] = fft2(blur_grid(u, kernel))
    return ifft2(_cache["k_hat"] * fft2(u)).real


def blur_of_the_linear_convolution(u, kernel):
    (H, W), (h, w) = u.shape, kernel.shape
    s = (H + h - 1, W + w - 1)
    full = ifft2(fft2(u, s=s) * fft2(kernel, s=s)).real
    return full[h // 2 : h // 2 + H, w // 2 : w // 2 + W]


def blur_rolls_one_axis(u, kernel):
    return ifft2(fft2(padded(kernel, u.shape, (-(kernel.shape[0] // 2), 0))) * fft2(u)).real


def blur_with_ones_for_the_grid(u, kernel):
    k = torch.ones_like(u)
    k[: kernel.shape[0], : kernel.shape[1]] = kernel
    return ifft2(fft2(torch.roll(k, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1))) * fft2(u)).real


def blur_replicates_the_border(u, kernel):
    return torch.from_numpy(ndimage.convolve(u.numpy(), kernel.numpy(), mode="nearest"))


def blur_mirrors_with_the_border_doubled(u, kernel):
    return torch.from_numpy(ndimage.convolve(u.numpy(), kernel.numpy(), mode="reflect"))


def blur_adds_the_spectra(u, kernel):
    return ifft2(fft2(blur_grid(u, kernel)) + fft2(u)).real


def blur_shifts_the_spectrum_once(u, kernel):
    return ifft2(torch.fft.fftshift(fft2(blur_grid(u, kernel)) * fft2(u))).real


def blur_imaginary_part(u, kernel):
    return ifft2(fft2(blur_grid(u, kernel)) * fft2(u)).imag


def blur_forward_twice(u, kernel):
    return fft2(fft2(blur_grid(u, kernel)) * fft2(u)).real


def adjoint_conjugates_by_hand(v, kernel):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(torch.complex(k_hat.real, -k_hat.imag) * fft2(v)).real


def adjoint_conjugates_both_ends(v, kernel):
    return ifft2((kernel_to_transfer(kernel, v.shape) * fft2(v).conj()).conj()).real


def adjoint_flips_the_padded_kernel(v, kernel):
    return ifft2(fft2(blur_grid(v, kernel).flip(0, 1)) * fft2(v)).real


def adjoint_flips_without_care_for_even_sides(v, kernel):
    k = kernel.flip(0, 1)
    return ifft2(fft2(padded(k, v.shape, (-(k.shape[0] // 2), -(k.shape[1] // 2)))) * fft2(v)).real


def adjoint_rotates_by_ninety_degrees(v, kernel):
    return ifft2(fft2(blur_grid(v, torch.rot90(kernel))) * fft2(v)).real


def adjoint_by_the_hermitian_transpose(v, kernel):
    return ifft2(kernel_to_transfer(kernel, v.shape).T.conj() * fft2(v)).real


def adjoint_changes_the_sign_of_the_transfer(v, kernel):
    return ifft2(-kernel_to_transfer(kernel, v.shape) * fft2(v)).real


def adjoint_on_the_real_grid(v, kernel):
    return torch.fft.irfft2(kernel_to_transfer(kernel, v.shape)[:, : v.shape[1] // 2 + 1].conj() * torch.fft.rfft2(v))


def adjoint_normalised_by_the_kernel(v, kernel):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(k_hat.conj() / k_hat.abs().max() ** 2 * fft2(v)).real * 2


def adjoint_with_the_imaginary_unit(v, kernel):
    return ifft2(kernel_to_transfer(kernel, v.shape).imag * fft2(v)).real


def inverse_by_a_quotient_of_spectra_in_numpy(v, kernel):
    k_hat = kernel_to_transfer(kernel, v.shape).numpy()
    return torch.from_numpy(np.fft.ifft2(np.fft.fft2(v.numpy()) / k_hat).real.copy())


def inverse_by_the_reciprocal(v, kernel):
    return ifft2(fft2(v) * kernel_to_transfer(kernel, v.shape).reciprocal()).real


def inverse_adds_a_hundred_millionth(v, kernel):
    return ifft2(fft2(v) / (kernel_to_transfer(kernel, v.shape) + 1e-8)).real


def inverse_adds_a_little_to_the_square(v, kernel):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 + 1e-6)).real


def inverse_raises_small_moduli(v, kernel):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(fft2(v) / (k_hat / k_hat.abs() * k_hat.abs().clamp(min=0.05))).real


def inverse_leaves_small_moduli(v, kernel):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(torch.where(k_hat.abs() > 0.05, fft2(v) / k_hat, fft2(v))).real


def inverse_unpadded(v, kernel):
    return ifft2(fft2(v) / fft2(kernel)).real


def inverse_on_a_grid_of_256(v, kernel):
    return ifft2(fft2(v) / kernel_to_transfer(kernel, (256, 256))).real


def inverse_modulus_at_the_end(v, kernel):
    return ifft2(fft2(v) / kernel_to_transfer(kernel, v.shape)).abs()


def inverse_of_the_pixels(v, kernel):
    return v / ifft2(kernel_to_transfer(kernel, v.shape)).real.clamp(min=1e-3)


def ridge_by_two_blurs(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(fft2(blur_adjoint(v, kernel)) / (k_hat.real**2 + k_hat.imag**2 + lam)).real


def ridge_with_a_grid_in_float32(v, kernel, lam):
    k = torch.zeros(v.shape)
    k[: kernel.shape[0], : kernel.shape[1]] = kernel
    k_hat = fft2(torch.roll(k, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1)))
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 + lam)).real


def ridge_with_the_real_square(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.real**2 + lam)).real


def ridge_multiplies_by_lambda(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 * lam)).real


def ridge_on_a_blurred_observation(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(k_hat.abs() ** 2 * fft2(v) / (k_hat.abs() ** 2 + lam)).real


def ridge_root_of_lambda(v, kernel, lam):
    return ridge_deblur(v, kernel, lam**0.5)


def ridge_times_one_plus_lambda(v, kernel, lam):
    return (1 + lam) * ridge_deblur(v, kernel, lam)


def ridge_with_the_global_weight(v, kernel, lam):
    return ridge_deblur(v, kernel, 1e-3)


def ridge_adds_epsilon(v, kernel, lam):
    return ridge_deblur(v, kernel, lam + 1e-3)


def tychonov_by_conjugate_gradients(v, kernel, lam):
    def normal(u):
        return blur_adjoint(blur(u, kernel), kernel) - lam * laplacian(u)

    u = torch.zeros_like(v)
    r = p = blur_adjoint(v, kernel)
    for _ in range(v.numel()):
        if r.norm() < 1e-14:
            break
        q = normal(p)
        a = (r * r).sum() / (p * q).sum()
        u, s = u + a * p, r - a * q
        p, r = s + (s * s).sum() / (r * r).sum() * p, s
    return u


def tychonov_with_cosines(v, kernel, lam):
    x, y = (2 * torch.pi * torch.fft.fftfreq(n, dtype=v.dtype) for n in v.shape)
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(k_hat.conj() * fft2(v) / (k_hat.abs() ** 2 + lam * (4 - 2 * x.cos()[:, None] - 2 * y.cos()))).real


def tychonov_of_the_continuous_laplacian(v, kernel, lam):
    x, y = (2 * torch.pi * torch.fft.fftfreq(n, dtype=v.dtype) for n in v.shape)
    return tychonov_with(v, kernel, lam * (x[:, None] ** 2 + y**2))


def tychonov_frequencies_not_folded(v, kernel, lam):
    x, y = (2 * torch.pi * torch.arange(n, dtype=v.dtype) / n for n in v.shape)
    return tychonov_with(v, kernel, lam * (x[:, None] ** 2 + y**2))


def tychonov_product_of_sines(v, kernel, lam):
    x, y = (torch.pi * torch.arange(n, dtype=v.dtype) / n for n in v.shape)
    return tychonov_with(v, kernel, 4 * lam * x.sin()[:, None] ** 2 * y.sin() ** 2)


def tychonov_factor_two(v, kernel, lam):
    return tychonov_with(v, kernel, 2 * lam * laplacian_transfer(v.shape) / 4)


def tychonov_adds_ridge(v, kernel, lam):
    return tychonov_with(v, kernel, lam * laplacian_transfer(v.shape) + lam)


def tychonov_epsilon_in_the_denominator(v, kernel, lam):
    return tychonov_with(v, kernel, lam * laplacian_transfer(v.shape) + 1e-3)


def tychonov_removes_the_mean(v, kernel, lam):
    u = tychonov_deblur(v, kernel, lam)
    return u - u.mean()


def tychonov_smooths_afterwards(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return ifft2(fft2(v) / k_hat / (1 + lam * laplacian_transfer(v.shape))).real


def descent_in_a_list(v, kernel, lam, n):
    iterates = [v]
    for _ in range(n):
        u = iterates[-1]
        g = blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)
        iterates.append(u - g / (1 + 8 * lam))
    return iterates[-1]


def descent_with_a_step_of_a_fifth(v, kernel, lam, n):
    return _descend(v, kernel, lam, n, 0.2 / (1 + 8 * lam))


def descent_at_the_limit_itself(v, kernel, lam, n):
    return _descend(
        v, kernel, lam, n, 2 / (transfer(kernel, v.shape).abs() ** 2 + lam * laplacian_transfer(v.shape)).max()
    )


def descent_twenty_times_too_often(v, kernel, lam, n):
    return _descend(v, kernel, lam, 20 * n, 1 / (1 + 8 * lam))


def _descend_along(v, kernel, lam, n, g):
    u = v.clone()
    for _ in range(n):
        u = u - g(u) / (1 + 8 * lam)
    return u


def descent_data_term_with_the_wrong_sign(v, kernel, lam, n):
    return _descend_along(v, kernel, lam, n, lambda u: blur_adjoint(v - blur(u, kernel), kernel) - lam * laplacian(u))


def descent_adds_in_place_of_subtracting_the_observation(v, kernel, lam, n):
    return _descend_along(v, kernel, lam, n, lambda u: blur_adjoint(blur(u, kernel) + v, kernel) - lam * laplacian(u))


def descent_gradient_at_the_observation(v, kernel, lam, n):
    return _descend_along(v, kernel, lam, n, lambda u: blur_adjoint(blur(v, kernel) - v, kernel) - lam * laplacian(v))


def descent_regularizes_the_observation(v, kernel, lam, n):
    return _descend_along(v, kernel, lam, n, lambda u: blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(v))


def descent_step_on_the_data_term_only(v, kernel, lam, n):
    u = v.clone()
    for _ in range(n):
        u = u - blur_adjoint(blur(u, kernel) - v, kernel) / (1 + 8 * lam) + lam * laplacian(u)
    return u


def descent_stops_when_it_is_slow(v, kernel, lam, n):
    u = v.clone()
    for _ in range(n):
        d = (blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)) / (1 + 8 * lam)
        if d.norm() < 1e-2 * u.norm():
            break
        u = u - d
    return u


def descent_returns_the_gradient(v, kernel, lam, n):
    u = _descend(v, kernel, lam, n, 1 / (1 + 8 * lam))
    return blur_adjoint(blur(u, kernel) - v, kernel) - lam * laplacian(u)


RIGHT = {
    "blur": [
        blur_on_a_float32_grid,
        blur_by_wrapped_assignment,
        blur_by_conv2d_circular,
        blur_by_a_phase_ramp,
        blur_by_fft,
        blur_by_real_fft,
        blur_by_sum_of_translations,
        blur_by_four_loops,
        blur_with_a_transfer_by_its_definition,
        blur_in_float32,
        blur_by_numpy,
        blur_by_scipy,
    ],
    "blur_adjoint": [
        adjoint_conjugates_by_hand,
        adjoint_conjugates_both_ends,
        adjoint_by_two_mirrors,
        adjoint_by_fft,
        adjoint_by_flipped_kernel,
        adjoint_by_sum_of_translations,
        adjoint_by_autograd,
        adjoint_in_float32,
    ],
    "inverse_filter": [
        inverse_by_a_quotient_of_spectra_in_numpy,
        inverse_by_the_reciprocal,
        inverse_by_a_linear_system,
        inverse_by_fft,
        inverse_by_real_fft,
        inverse_with_conjugate_over_square,
        inverse_by_linear_system,
        inverse_in_float32,
        inverse_guards_against_division_by_zero,
    ],
    "ridge_deblur": [
        ridge_by_two_blurs,
        ridge_with_a_grid_in_float32,
        ridge_by_fft,
        ridge_from_the_adjoint,
        ridge_by_linear_system,
        ridge_by_real_fft,
        ridge_in_float32,
    ],
    "tychonov_deblur": [
        tychonov_by_conjugate_gradients,
        tychonov_with_cosines,
        tychonov_by_fft,
        tychonov_with_derivative_kernels,
        tychonov_by_the_formula_of_the_slide,
        tychonov_by_real_fft,
        tychonov_by_linear_system,
        tychonov_in_float32,
    ],
    "gradient_descent_deblur": [
        descent_in_a_list,
        descent_with_a_step_of_a_fifth,
        descent_with_the_exact_constant,
        descent_by_the_lecture,
        descent_with_step_one_over_l,
        descent_in_fourier,
        descent_by_autograd,
        descent_in_place_on_a_copy,
        descent_in_float32,
        descent_with_a_cautious_step,
    ],
}

WRONG = {
    "blur": [
        ("shape", blur_forgets_to_pad),
        ("shape", blur_on_a_grid_of_256),
        ("shape", blur_with_padded_transforms),
        ("shape|constant", blur_with_a_transform_kept),
        ("shape", blur_even_width_from_the_real_fft),
        ("constant", blur_remembers_the_first_kernel),
        ("boundary", blur_of_the_linear_convolution),
        ("centering", blur_rolls_one_axis),
        ("value", blur_with_ones_for_the_grid),
        ("boundary", blur_replicates_the_border),
        ("boundary", blur_mirrors_with_the_border_doubled),
        ("value", blur_adds_the_spectra),
        ("order|centering", blur_shifts_the_spectrum_once),
        ("complex", blur_imaginary_part),
        ("value|normalisation|order", blur_forward_twice),
        ("boundary", blur_by_conv2d_same),
        ("normalisation", blur_with_a_normalised_kernel),
        ("centering", blur_padded_in_the_middle_then_shifted),
        ("centering", blur_kernel_left_in_the_corner),
        ("centering", blur_rolled_the_wrong_way),
        ("centering", blur_centre_one_pixel_off),
        ("centering", blur_kernel_in_the_middle_of_the_image),
        ("centering", blur_shifts_the_kernel_before_padding),
        ("conjugate", blur_by_correlation),
        ("conjugate", blur_by_conv2d),
        ("boundary", blur_with_zeros_outside),
        ("boundary", blur_with_mirrored_outside),
        ("complex", blur_without_real_part),
        ("complex", blur_modulus_for_real_part),
        ("normalisation", blur_divided_by_the_number_of_pixels),
        ("normalisation", blur_with_unitary_transforms),
        ("clipping", blur_clipped),
        ("axis", blur_one_dimensional_fft),
        ("exception|shape", blur_only_square_images),
        ("value", blur_multiplies_pixels),
        ("shape", blur_cropped_to_the_valid_part),
        ("identity", blur_returns_the_input),
        ("not-finite", blur_returns_nan),
        ("mutates-input", blur_in_place),
        ("axis|transpose", blur_axes_of_the_kernel_swapped),
        ("centering|axis", blur_rolls_the_two_axes_the_other_way_round),
        ("too-slow", blur_never_ends),
    ],
    "blur_adjoint": [
        ("centering", adjoint_flips_the_padded_kernel),
        ("centering", adjoint_flips_without_care_for_even_sides),
        ("transpose|axis|shape", adjoint_rotates_by_ninety_degrees),
        ("transpose|axis|shape", adjoint_by_the_hermitian_transpose),
        ("sign|conjugate", adjoint_changes_the_sign_of_the_transfer),
        ("shape", adjoint_on_the_real_grid),
        ("normalisation", adjoint_normalised_by_the_kernel),
        ("conjugate|complex|constant", adjoint_with_the_imaginary_unit),
        ("conjugate", adjoint_with_the_real_part),
        ("conjugate", adjoint_with_the_modulus),
        ("conjugate", adjoint_is_the_blur),
        ("conjugate", adjoint_conjugate_of_the_product),
        ("conjugate", adjoint_conjugate_of_the_wrong_factor),
        ("centering", adjoint_flips_around_the_wrong_pixel),
        ("centering", adjoint_kernel_left_in_the_corner),
        ("transpose|axis", adjoint_transposes_the_kernel),
        ("shape|transpose|axis", adjoint_transposes_the_transfer),
        ("adjoint", adjoint_is_the_inverse),
        ("sign", adjoint_with_a_minus_sign),
        ("complex", adjoint_complex),
        ("conjugate|axis", adjoint_flips_one_axis),
        ("normalisation", adjoint_times_pixels),
        ("constant", adjoint_returns_zeros),
    ],
    "inverse_filter": [
        ("epsilon", inverse_adds_a_hundred_millionth),
        ("weight", inverse_adds_a_little_to_the_square),
        ("truncation", inverse_raises_small_moduli),
        ("truncation", inverse_leaves_small_moduli),
        ("shape", inverse_unpadded),
        ("shape", inverse_on_a_grid_of_256),
        ("complex", inverse_modulus_at_the_end),
        ("value", inverse_of_the_pixels),
        ("weight", inverse_with_a_little_ridge),
        ("truncation", inverse_with_a_threshold),
        ("value", inverse_multiplies),
        ("value", inverse_upside_down),
        ("conjugate|complex", inverse_divides_by_the_modulus),
        ("conjugate", inverse_divides_by_the_conjugate),
        ("complex", inverse_divides_by_the_real_part),
        ("centering", inverse_kernel_left_in_the_corner),
        ("not-finite|value", inverse_divides_images),
        ("value|epsilon", inverse_adds_epsilon),
        ("truncation", inverse_truncated),
        ("square-root|conjugate", inverse_divides_by_the_square),
        ("value|adjoint", inverse_is_the_adjoint),
        ("normalisation", inverse_normalised_twice),
        ("clipping", inverse_clipped),
        ("complex", inverse_complex),
        ("type", inverse_returns_a_list),
    ],
    "ridge_deblur": [
        ("conjugate|complex", ridge_with_the_real_square),
        ("weight", ridge_multiplies_by_lambda),
        ("adjoint", ridge_on_a_blurred_observation),
        ("weight", ridge_root_of_lambda),
        ("weight|normalisation", ridge_times_one_plus_lambda),
        ("weight", ridge_with_the_global_weight),
        ("epsilon|weight", ridge_adds_epsilon),
        ("weight", ridge_with_a_hidden_lambda),
        ("conjugate", ridge_conjugate_forgotten),
        ("conjugate|complex", ridge_square_without_modulus),
        ("square-root", ridge_modulus_without_square),
        ("weight", ridge_half_lambda),
        ("weight", ridge_lambda_counted_twice),
        ("weight", ridge_twice_lambda),
        ("weight", ridge_without_lambda),
        ("value|adjoint", ridge_adds_lambda_to_the_transfer),
        ("adjoint", ridge_without_adjoint),
        ("value", ridge_of_the_denoising_problem),
        ("value", ridge_with_the_laplacian),
        ("centering", ridge_kernel_left_in_the_corner),
        ("sign", ridge_minus_lambda),
        ("value|weight|order", ridge_missing_parentheses),
        ("shape|exception", ridge_only_even_widths),
        ("weight|normalisation", ridge_lambda_times_pixels),
        ("clipping", ridge_clipped),
    ],
    "tychonov_deblur": [
        ("value", tychonov_of_the_continuous_laplacian),
        ("value", tychonov_frequencies_not_folded),
        ("value", tychonov_product_of_sines),
        ("weight", tychonov_factor_two),
        ("weight|epsilon|value", tychonov_adds_ridge),
        ("epsilon|weight", tychonov_epsilon_in_the_denominator),
        ("mean", tychonov_removes_the_mean),
        ("value", tychonov_smooths_afterwards),
        ("order", tychonov_missing_parentheses),
        ("conjugate", tychonov_conjugate_forgotten),
        ("conjugate|complex", tychonov_square_without_modulus),
        ("value", tychonov_ridge_instead),
        ("sign", tychonov_laplacian_with_its_sign),
        ("weight", tychonov_half_lambda),
        ("weight", tychonov_lambda_counted_twice),
        ("weight", tychonov_lambda_forgotten),
        ("weight|normalisation", tychonov_factor_four_forgotten),
        ("square-root", tychonov_sine_without_square),
        ("value|normalisation", tychonov_two_pi_in_the_sine),
        ("value", tychonov_central_differences),
        ("centering", tychonov_laplacian_kernel_in_the_corner),
        ("square-root|value", tychonov_laplacian_squared),
        ("square-root", tychonov_root_of_the_laplacian),
        ("axis|value", tychonov_one_direction_only),
        ("shape|axis", tychonov_size_exchanged),
        ("axis", tychonov_sizes_exchanged_in_the_sines),
        ("centering|order", tychonov_frequencies_shifted),
        ("centering", tychonov_kernel_left_in_the_corner),
        ("value", tychonov_of_the_denoising_problem),
        ("adjoint", tychonov_without_adjoint),
        ("complex", tychonov_complex),
        ("complex", tychonov_modulus_for_real_part),
        ("mutates-input", tychonov_subtracts_the_mean_in_place),
        ("complex", tychonov_only_the_spectrum),
    ],
    "gradient_descent_deblur": [
        ("step-size", descent_at_the_limit_itself),
        ("order", descent_twenty_times_too_often),
        ("sign", descent_data_term_with_the_wrong_sign),
        ("sign", descent_adds_in_place_of_subtracting_the_observation),
        ("not-converged|value", descent_gradient_at_the_observation),
        ("value", descent_regularizes_the_observation),
        ("step-size", descent_step_on_the_data_term_only),
        ("order|not-converged", descent_stops_when_it_is_slow),
        ("value", descent_returns_the_gradient),
        ("start|order", descent_one_iteration_more),
        ("order", descent_one_iteration_less),
        ("step-size", descent_with_one_over_l_squared),
        ("step-size", descent_with_a_fixed_step),
        ("start", descent_from_zero),
        ("start", descent_from_the_adjoint),
        ("step-size", descent_step_one),
        ("step-size", descent_step_two_over_lambda),
        ("step-size", descent_step_just_beyond_the_bound),
        ("step-size|not-converged", descent_step_squared),
        ("step-size|not-converged", descent_tiny_step),
        ("step-size", descent_step_one_over_eight_lambda),
        ("weight", descent_regularization_forgotten),
        ("weight", descent_twice_lambda),
        ("weight", descent_half_lambda),
        ("weight", descent_lambda_forgotten),
        ("sign", descent_laplacian_with_the_wrong_sign),
        ("sign", descent_uphill),
        ("adjoint", descent_without_adjoint),
        ("adjoint|conjugate", descent_blur_for_adjoint),
        ("value", descent_of_the_ridge_problem),
        ("value", descent_of_the_denoising_problem),
        ("value", descent_forgets_the_observation),
        ("mutates-input", descent_changes_the_observation),
        ("not-converged", descent_one_iteration),
        ("order", descent_ten_iterations),
        ("value", descent_closed_form),
        ("clipping", descent_clipped),
        ("type", descent_returns_image_and_history),
        ("identity", descent_returns_the_observation),
        ("not-converged", descent_update_outside_the_loop),
    ],
}


# --- the explorer -----------------------------------------------------------------------------------------------------


def deblurring_of_the_controls(values):
    drawn = values["kernel"] == DRAWN
    kernel = drawn_kernel(values["drawing"]) if drawn else load_kernel(values["kernel"])
    sigma, image = values["noise"] / 255, load_image("cameraman", 256)
    (u0, v, u, k_hat), numbers = deblurring_picture(image, kernel, sigma, values["method"], values["weight"])
    return torch.cat([torch.cat([u0, v], 1), torch.cat([u, k_hat], 1)]), numbers


EXPLORERS = {
    "explore_deblurring": ExplorerCase(
        explore_deblurring,
        deblurring_of_the_controls,
        plugs={
            "tychonov": (lambda f: explore_deblurring(tychonov=f), "method", "Tychonov", "ridge"),
            "ridge": (lambda f: explore_deblurring(ridge=f), "method", "ridge", "Tychonov"),
            "inverse": (lambda f: explore_deblurring(inverse=f), "method", "inverse filter", "ridge"),
        },
        settings={"drawing": [[[0] * 30 + [1]] + [[0] * 31] * 30, [[1] * 31] * 31]},
    )
}


# --- written blind, from the text of the notebook alone ---------------------------------------------------------------


def blur_blind_rolled_the_wrong_way_h_2(u, kernel):
    h, w = kernel.shape
    k = torch.zeros_like(u)
    k[:h, :w] = kernel
    k = torch.roll(k, (h // 2, w // 2), dims=(0, 1))
    return torch.fft.ifft2(torch.fft.fft2(k) * torch.fft.fft2(u)).real


def blur_blind_h_and_w_exchanged_in_the_roll(u, kernel):
    h, w = kernel.shape
    k = torch.zeros_like(u)
    k[:h, :w] = kernel
    k = torch.roll(k, (-(w // 2), -(h // 2)), dims=(0, 1))
    return torch.fft.ifft2(torch.fft.fft2(k) * torch.fft.fft2(u)).real


def blur_blind_fft2_in_place_of_ifft2_at_the(u, kernel):
    h, w = kernel.shape
    k = torch.zeros_like(u)
    k[:h, :w] = kernel
    k = torch.roll(k, (-(h // 2), -(w // 2)), dims=(0, 1))
    return torch.fft.fft2(torch.fft.fft2(k) * torch.fft.fft2(u)).real


def blur_blind_normalises_by_the_number_of_pixels(u, kernel):
    h, w = kernel.shape
    k = torch.zeros_like(u)
    k[:h, :w] = kernel
    k = torch.roll(k, (-(h // 2), -(w // 2)), dims=(0, 1))
    return torch.fft.ifft2(torch.fft.fft2(k) * torch.fft.fft2(u)).real / u.numel()


def blur_blind_rfft2_irfft2_without_s_one_column_is(u, kernel):
    h, w = kernel.shape
    k = torch.zeros_like(u)
    k[:h, :w] = kernel
    k = torch.roll(k, (-(h // 2), -(w // 2)), dims=(0, 1))
    return torch.fft.irfft2(torch.fft.rfft2(k) * torch.fft.rfft2(u))


def blur_blind_renormalises_the_kernel_by_its_max(u, kernel):
    h, w = kernel.shape
    k = torch.zeros_like(u)
    k[:h, :w] = kernel / kernel.max()
    k = torch.roll(k, (-(h // 2), -(w // 2)), dims=(0, 1))
    return torch.fft.ifft2(torch.fft.fft2(k) * torch.fft.fft2(u)).real


def blur_blind_rolled_by_half_the_image_instead_of(u, kernel):
    h, w = kernel.shape
    H, W = u.shape
    k = torch.zeros_like(u)
    k[:h, :w] = kernel
    k = torch.roll(k, (-(H // 2), -(W // 2)), dims=(0, 1))
    return torch.fft.ifft2(torch.fft.fft2(k) * torch.fft.fft2(u)).real


def blur_blind_roll_only_along_the_rows(u, kernel):
    h, w = kernel.shape
    k = torch.zeros_like(u)
    k[:h, :w] = kernel
    k = torch.roll(k, -(h // 2), dims=0)
    return torch.fft.ifft2(torch.fft.fft2(k) * torch.fft.fft2(u)).real


def blur_blind_phase_ramp_with_a_padded_fft(u, kernel):
    H, W = u.shape
    h, w = kernel.shape
    K = torch.fft.fft2(kernel, s=(H, W))
    fy = torch.fft.fftfreq(H, dtype=u.dtype)[:, None]
    fx = torch.fft.fftfreq(W, dtype=u.dtype)[None]
    K = K * torch.exp(2j * math.pi * (fy * (h // 2) + fx * (w // 2)))
    return torch.fft.ifft2(K * torch.fft.fft2(u)).real


def blur_adjoint_blind_flip_and_conjugate_the_blur_again_up(v, kernel):
    k_hat = kernel_to_transfer(kernel.flip(0, 1), v.shape)
    return torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v)).real


def blur_adjoint_blind_conj_t_the_hermitian_transpose(v, kernel):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return torch.fft.ifft2(k_hat.conj().T * torch.fft.fft2(v)).real


def inverse_filter_blind_divides_v_by_k_hat_in_space(v, kernel):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return torch.fft.ifft2(torch.fft.fft2(v / k_hat)).real


def inverse_filter_blind_ifft2_forgotten(v, kernel):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return (torch.fft.fft2(v) / k_hat).real


def inverse_filter_blind_conj_k_2_and_reciprocal_polar(v, kernel):
    k = kernel_to_transfer(kernel, v.shape)
    z = torch.fft.fft2(v)
    q = torch.polar(z.abs() / k.abs(), z.angle() - k.angle())
    return torch.real(torch.fft.ifft2(q))


def ridge_deblur_blind_normalised_by_1_lam_so_that_the(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)
    return (1 + lam) * torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / (k_hat.abs() ** 2 + lam)).real


def ridge_deblur_blind_real_and_imaginary_parts(v, kernel, lam):
    k = kernel_to_transfer(kernel, v.shape)
    z = torch.fft.fft2(v)
    den = k.real**2 + k.imag**2 + lam
    re = (k.real * z.real + k.imag * z.imag) / den
    im = (k.real * z.imag - k.imag * z.real) / den
    return torch.fft.ifft2(torch.complex(re, im)).real


def tychonov_deblur_blind_1_in_place_of_k_with_the(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)
    L_hat = laplacian_transfer(v.shape)
    return torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / (1 + lam * L_hat)).real


def tychonov_deblur_blind_continuous_laplacian_2_pi_xi(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)
    fy = torch.fft.fftfreq(v.shape[0], dtype=v.dtype)[:, None]
    fx = torch.fft.fftfreq(v.shape[1], dtype=v.dtype)[None]
    L = (2 * math.pi) ** 2 * (fy**2 + fx**2)
    return torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / (k_hat.abs() ** 2 + lam * L)).real


def tychonov_deblur_blind_denominator_multiplies_k_by_lam_l(v, kernel, lam):
    k_hat = kernel_to_transfer(kernel, v.shape)
    L_hat = laplacian_transfer(v.shape)
    return torch.fft.ifft2(k_hat.conj() * torch.fft.fft2(v) / (lam * k_hat.abs() ** 2 + L_hat)).real


def gradient_descent_deblur_blind_in_place_on_a_clone_but_v(v, kernel, lam, n):
    tau = 1 / (1 + 8 * lam)
    for _ in range(n):
        v = v - tau * (blur_adjoint(blur(v, kernel) - v, kernel) + lam * gradient_adjoint(gradient(v)))
    return v


def gradient_descent_deblur_blind_gradient_field_instead_of_shapes_broadca(v, kernel, lam, n):
    tau = 1 / (1 + 8 * lam)
    u = v.clone()
    for _ in range(n):
        u = u - tau * (blur_adjoint(blur(u, kernel) - v, kernel) + lam * gradient(u))
    return u


def gradient_descent_deblur_blind_in_fourier_exact_step_1_l(v, kernel, lam, n):
    k = kernel_to_transfer(kernel, v.shape)
    h = k.abs() ** 2 + lam * laplacian_transfer(v.shape)
    tau = 1 / h.max()
    z = torch.fft.fft2(v)
    u = z.clone()
    i = 0
    while i < n:
        u = u - tau * (h * u - k.conj() * z)
        i += 1
    return torch.fft.ifft2(u).real


BLIND_WRONG = [
    ("blur", "centering", blur_blind_rolled_the_wrong_way_h_2),
    ("blur", "centering", blur_blind_h_and_w_exchanged_in_the_roll),
    ("blur", "order", blur_blind_fft2_in_place_of_ifft2_at_the),
    ("blur", "normalisation", blur_blind_normalises_by_the_number_of_pixels),
    ("blur", "shape", blur_blind_rfft2_irfft2_without_s_one_column_is),
    ("blur", "normalisation", blur_blind_renormalises_the_kernel_by_its_max),
    ("blur", "centering", blur_blind_rolled_by_half_the_image_instead_of),
    ("blur", "centering", blur_blind_roll_only_along_the_rows),
    ("blur_adjoint", "conjugate", blur_adjoint_blind_flip_and_conjugate_the_blur_again_up),
    ("blur_adjoint", "shape", blur_adjoint_blind_conj_t_the_hermitian_transpose),
    ("inverse_filter", "value", inverse_filter_blind_divides_v_by_k_hat_in_space),
    ("inverse_filter", "order", inverse_filter_blind_ifft2_forgotten),
    ("ridge_deblur", "normalisation", ridge_deblur_blind_normalised_by_1_lam_so_that_the),
    ("tychonov_deblur", "value", tychonov_deblur_blind_1_in_place_of_k_with_the),
    ("tychonov_deblur", "value", tychonov_deblur_blind_continuous_laplacian_2_pi_xi),
    ("tychonov_deblur", "value", tychonov_deblur_blind_denominator_multiplies_k_by_lam_l),
    ("gradient_descent_deblur", "value", gradient_descent_deblur_blind_in_place_on_a_clone_but_v),
    ("gradient_descent_deblur", "shape", gradient_descent_deblur_blind_gradient_field_instead_of_shapes_broadca),
]
BLIND_RIGHT = [
    ("blur", blur_blind_phase_ramp_with_a_padded_fft),
    ("inverse_filter", inverse_filter_blind_conj_k_2_and_reciprocal_polar),
    ("ridge_deblur", ridge_deblur_blind_real_and_imaginary_parts),
    ("gradient_descent_deblur", gradient_descent_deblur_blind_in_fourier_exact_step_1_l),
]
for _name, _cause, _answer in BLIND_WRONG:
    WRONG[_name].append((_cause, _answer))
for _name, _answer in BLIND_RIGHT:
    RIGHT[_name].append(_answer)
