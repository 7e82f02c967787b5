"""Answers that students give to the exercises of lesson 09, right and wrong, and the case of its explorer."""

# ruff: noqa: E501, RET503

import functools
import math

import torch
from torch.nn import functional

from course_utils import metrics
from course_utils.explorers.metrics import explore_metrics, metrics_picture
from course_utils.fourier import gaussian_kernel
from course_utils.operators import blur
from tests.explorer_case import ExplorerCase

C1, C2 = 0.01**2, 0.03**2


def named(name, function):
    function.__name__ = name
    return function


# --- mse -------------------------------------------------------------------------------------------------------------

MSE_RIGHT = [
    named("mse_of_the_slide", lambda u, v: ((u - v) ** 2).mean().item()),
    named("mse_as_a_tensor", lambda u, v: torch.mean((v - u) ** 2)),
    named("mse_by_norm", lambda u, v: float((u - v).norm() ** 2) / u.numel()),
    named("mse_by_torch", lambda u, v: functional.mse_loss(u, v)),
]
MSE_WRONG = [
    ("square-root", named("mse_is_the_rmse", lambda u, v: ((u - v) ** 2).mean().sqrt())),
    ("normalisation", named("mse_sum", lambda u, v: ((u - v) ** 2).sum())),
    ("normalisation", named("mse_width_squared", lambda u, v: ((u - v) ** 2).sum() / u.shape[-1] ** 2)),
    ("normalisation", named("mse_channels_added", lambda u, v: ((u - v) ** 2).sum() / (u.shape[0] * u.shape[1]))),
    ("normalisation", named("mse_minus_one", lambda u, v: ((u - v) ** 2).sum() / (u.numel() - 1))),
    ("value", named("mse_absolute", lambda u, v: (u - v).abs().mean())),
    ("order", named("mse_mean_squared", lambda u, v: (u - v).mean() ** 2)),
    ("value", named("mse_of_squares", lambda u, v: (u**2 - v**2).mean())),
    ("value", named("mse_variance", lambda u, v: (u - v).var())),
    ("square-root", named("mse_norm", lambda u, v: (u - v).norm())),
    ("shape", named("mse_map", lambda u, v: (u - v) ** 2)),
    ("type", named("mse_nothing", lambda u, v: None)),
    ("weight|normalisation", named("mse_half", lambda u, v: 0.5 * ((u - v) ** 2).mean())),
    ("normalisation", named("mse_first_axis", lambda u, v: ((u - v) ** 2).sum() / len(u))),
    (
        "normalisation",
        named("mse_channels_added_last_axes", lambda u, v: ((u - v) ** 2).sum() / (u.shape[-1] * u.shape[-2])),
    ),
    ("normalisation", named("mse_relative", lambda u, v: ((u - v) ** 2).mean() / (u**2).mean())),
    ("normalisation", named("mse_of_255", lambda u, v: ((255 * (u - v)) ** 2).mean())),
    ("sign", named("mse_negative", lambda u, v: -((u - v) ** 2).mean())),
]

# --- psnr ------------------------------------------------------------------------------------------------------------


def psnr_of(formula, equal=math.inf):
    def psnr(u, v, data_range=1.0):
        error = ((u - v) ** 2).mean().item()
        return equal if error == 0 else formula(data_range, error, u, v)

    return psnr


PSNR_RIGHT = [
    named("psnr_of_the_slide", psnr_of(lambda r, e, u, v: 20 * math.log10(r / math.sqrt(e)))),
    named("psnr_by_ten", psnr_of(lambda r, e, u, v: 10 * math.log10(r**2 / e))),
    named("psnr_difference", psnr_of(lambda r, e, u, v: 20 * math.log10(r) - 10 * math.log10(e))),
    named("psnr_by_torch", lambda u, v, data_range=1.0: 20 * torch.log10(data_range / (u - v).square().mean().sqrt())),
]
PSNR_WRONG = [
    ("value", named("psnr_range_twice", psnr_of(lambda r, e, u, v: 20 * math.log10(r / math.sqrt(e / r**2))))),
    ("value", named("psnr_of_energy", psnr_of(lambda r, e, u, v: 10 * math.log10((u**2).mean() / e)))),
    ("sign", named("psnr_negative", psnr_of(lambda r, e, u, v: 20 * math.log10(math.sqrt(e) / r)))),
    ("square-root", named("psnr_mse_for_rmse", psnr_of(lambda r, e, u, v: 20 * math.log10(r / e)))),
    ("square-root", named("psnr_square_twice", psnr_of(lambda r, e, u, v: 20 * math.log10(r**2 / e)))),
    ("square-root", named("psnr_max_not_squared", psnr_of(lambda r, e, u, v: 10 * math.log10(r / e)))),
    ("weight|normalisation", named("psnr_ten", psnr_of(lambda r, e, u, v: 10 * math.log10(r / math.sqrt(e))))),
    ("weight|normalisation", named("psnr_no_factor", psnr_of(lambda r, e, u, v: math.log10(r / math.sqrt(e))))),
    ("normalisation", named("psnr_natural", psnr_of(lambda r, e, u, v: 20 * math.log(r / math.sqrt(e))))),
    ("value", named("psnr_without_range", psnr_of(lambda r, e, u, v: -10 * math.log10(e)))),
    ("value", named("psnr_255", psnr_of(lambda r, e, u, v: 20 * math.log10(255 / math.sqrt(e))))),
    ("value", named("psnr_max_of_image", psnr_of(lambda r, e, u, v: 20 * math.log10(v.max() / math.sqrt(e))))),
    (
        "normalisation",
        named("psnr_sum", psnr_of(lambda r, e, u, v: 10 * math.log10(r**2 / (e * u.numel())))),
    ),
    ("not-finite", named("psnr_capped", psnr_of(lambda r, e, u, v: 20 * math.log10(r / math.sqrt(e)), equal=100.0))),
    ("not-finite", named("psnr_divides_by_zero", lambda u, v, data_range=1.0: 20 * math.log10(data_range / math.sqrt(((u - v) ** 2).mean().item())))),
    ("not-finite|value", named("psnr_regularised", lambda u, v, data_range=1.0: 10 * math.log10(data_range**2 / (((u - v) ** 2).mean().item() + 1e-12)))),
]  # fmt: skip


# --- patch_ssim ------------------------------------------------------------------------------------------------------


def moments(x, y, correction=0):
    n = x.numel() - correction
    mx, my = x.mean(), y.mean()
    return mx, my, ((x - mx) ** 2).sum() / n, ((y - my) ** 2).sum() / n, ((x - mx) * (y - my)).sum() / n


def ssim_with(c1=C1, c2=C2, correction=0):
    def ssim(x, y):
        mx, my, vx, vy, cov = moments(x, y, correction)
        return (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))

    return ssim


def ssim_by(formula):
    return lambda x, y: formula(*moments(x, y))


def patch_by_corrcoef(x, y):
    cov = torch.cov(torch.stack([x.flatten(), y.flatten()]), correction=0)
    mx, my = x.mean(), y.mean()
    return ((2 * mx * my + C1) / (mx**2 + my**2 + C1) * (2 * cov[0, 1] + C2) / (cov[0, 0] + cov[1, 1] + C2)).item()


def patch_mixed_corrections(x, y):
    mx, my, _, _, cov = moments(x, y)
    return (2 * mx * my + C1) * (2 * cov + C2) / ((mx**2 + my**2 + C1) * (x.var() + y.var() + C2))


def luminance(mx, my):
    return (2 * mx * my + C1) / (mx**2 + my**2 + C1)


PATCH_RIGHT = [
    named("patch_of_the_slide", ssim_with()),
    patch_by_corrcoef,
    named("patch_by_moments", lambda x, y: ssim_by(lambda mx, my, vx, vy, cov: luminance(mx, my) * (2 * cov + C2) / (vx + vy + C2))(x, y).item()),
    named("patch_by_factors", lambda x, y: math.prod(metrics.luminance_contrast_structure(x, y))),
]  # fmt: skip
PATCH_WRONG = [
    ("normalisation", named("patch_n_minus_1", ssim_with(correction=1))),
    ("normalisation", patch_mixed_corrections),
    ("value", named("patch_no_constants", ssim_with(0.0, 0.0))),
    ("value", named("patch_k_not_squared", ssim_with(0.01, 0.03))),
    ("value", named("patch_constants_exchanged", ssim_with(C2, C1))),
    ("value", named("patch_L_255", ssim_with((0.01 * 255) ** 2, (0.03 * 255) ** 2))),
    ("value", named("patch_luminance_only", ssim_by(lambda mx, my, vx, vy, cov: luminance(mx, my)))),
    ("value", named("patch_without_luminance", ssim_by(lambda mx, my, vx, vy, cov: (2 * cov + C2) / (vx + vy + C2)))),
    ("weight", named("patch_no_two", ssim_by(lambda mx, my, vx, vy, cov: luminance(mx, my) * (cov + C2) / (vx + vy + C2)))),
    ("square-root", named("patch_deviations", ssim_by(lambda mx, my, vx, vy, cov: luminance(mx, my) * (2 * cov + C2) / (vx**0.5 + vy**0.5 + C2)))),
    ("value", named("patch_no_structure", ssim_by(lambda mx, my, vx, vy, cov: luminance(mx, my) * (2 * (vx * vy) ** 0.5 + C2) / (vx + vy + C2)))),
    ("mean", named("patch_uncentred", ssim_by(lambda mx, my, vx, vy, cov: luminance(mx, my) * (2 * (cov + mx * my) + C2) / (vx + vy + C2)))),
    ("order", named("patch_added", ssim_by(lambda mx, my, vx, vy, cov: luminance(mx, my) + (2 * cov + C2) / (vx + vy + C2)))),
    ("square-root", named("patch_means_not_squared", ssim_by(lambda mx, my, vx, vy, cov: (2 * mx * my + C1) * (2 * cov + C2) / ((mx + my + C1) * (vx + vy + C2))))),
    ("value", named("patch_product_of_variances", ssim_by(lambda mx, my, vx, vy, cov: luminance(mx, my) * (2 * cov + C2) / (2 * vx * vy + C2)))),
    ("order", named("patch_parentheses", ssim_by(lambda mx, my, vx, vy, cov: (2 * mx * my + C1) * (2 * cov + C2) / (mx**2 + my**2 + C1) * (vx + vy + C2)))),
    ("order", named("patch_numerators_added", ssim_by(lambda mx, my, vx, vy, cov: (2 * mx * my + C1) + (2 * cov + C2) / ((mx**2 + my**2 + C1) * (vx + vy + C2))))),
    ("clipping", named("patch_cut", lambda x, y: ssim_with()(x, y).clamp(min=0))),
    ("clipping", named("patch_covariance_modulus", ssim_by(lambda mx, my, vx, vy, cov: luminance(mx, my) * (2 * cov.abs() + C2) / (vx + vy + C2)))),
    ("weight|value", named("patch_two_slips", ssim_by(lambda mx, my, vx, vy, cov: (mx * my) / (mx**2 + my**2) * (2 * cov) / (vx + vy)))),
    ("order", named("patch_one_minus", lambda x, y: 1 - ssim_with()(x, y))),
    ("shape", named("patch_map", lambda x, y: (x - x.mean()) * (y - y.mean()))),
    ("clipping|complex", named("patch_modulus", lambda x, y: ssim_with()(x, y).abs())),
]  # fmt: skip


# --- luminance_contrast_structure ------------------------------------------------------------------------------------


def factors_by(l=None, c=None, s=None, correction=0):  # noqa: E741
    def factors(x, y):
        mx, my, vx, vy, cov = moments(x, y, correction)
        d = (vx * vy).sqrt()
        first = l(mx, my) if l else luminance(mx, my)
        second = c(vx, vy, cov, d) if c else (2 * d + C2) / (vx + vy + C2)
        third = s(mx, my, cov, d) if s else (cov + C2 / 2) / (d + C2 / 2)
        return first, second, third

    return factors


FACTORS_RIGHT = [
    named("factors_of_the_slide", factors_by()),
    named("factors_as_numbers", lambda x, y: tuple(float(z) for z in factors_by()(x, y))),
    named("factors_by_std", factors_by(c=lambda vx, vy, cov, d: (2 * vx.sqrt() * vy.sqrt() + C2) / (vx + vy + C2))),
    named("factors_stacked", lambda x, y: torch.stack(factors_by()(x, y))),
]
FACTORS_WRONG = [
    ("value", named("factors_slip_of_the_slide", factors_by(c=lambda vx, vy, cov, d: (2 * cov + C2) / (vx + vy + C2)))),
    ("value", named("factors_no_c2_in_c", factors_by(c=lambda vx, vy, cov, d: 2 * d / (vx + vy)))),
    ("square-root", named("factors_product_of_variances", factors_by(c=lambda vx, vy, cov, d: (2 * vx * vy + C2) / (vx + vy + C2)))),
    ("weight", named("factors_no_two", factors_by(c=lambda vx, vy, cov, d: (d + C2) / (vx + vy + C2)))),
    ("value", named("factors_c2_not_halved", factors_by(s=lambda mx, my, cov, d: (cov + C2) / (d + C2)))),
    ("value", named("factors_no_c2_in_s", factors_by(s=lambda mx, my, cov, d: cov / d))),
    ("mean", named("factors_uncentred", factors_by(s=lambda mx, my, cov, d: (cov + mx * my + C2 / 2) / (d + C2 / 2)))),
    ("value", named("factors_no_c1", factors_by(l=lambda mx, my: 2 * mx * my / (mx**2 + my**2)))),
    ("value", named("factors_c2_in_l", factors_by(l=lambda mx, my: (2 * mx * my + C2) / (mx**2 + my**2 + C2)))),
    ("weight", named("factors_two_in_s", factors_by(s=lambda mx, my, cov, d: (2 * cov + C2 / 2) / (d + C2 / 2)))),
    ("clipping", named("factors_covariance_modulus", factors_by(s=lambda mx, my, cov, d: (cov.abs() + C2 / 2) / (d + C2 / 2)))),
    ("square-root", named("factors_means_not_squared", factors_by(l=lambda mx, my: (2 * mx * my + C1) / (mx + my + C1)))),
    ("value", named("factors_L_255", factors_by(l=lambda mx, my: (2 * mx * my + 6.5025) / (mx**2 + my**2 + 6.5025)))),
    ("normalisation", named("factors_std_of_torch", lambda x, y: (metrics.luminance_contrast_structure(x, y)[0], *factors_by(c=lambda vx, vy, cov, d: (2 * x.std() * y.std() + C2) / (x.var() + y.var() + C2))(x, y)[1:]))),
    ("normalisation", named("factors_n_minus_1", factors_by(correction=1))),
    ("order", named("factors_exchanged", lambda x, y: factors_by()(x, y)[::-1])),
    ("type", named("factors_product", lambda x, y: math.prod(factors_by()(x, y)).item())),
]  # fmt: skip


# --- ssim_map --------------------------------------------------------------------------------------------------------


def window(std=1.5, n=11, normalise=True):
    t = torch.arange(n).double() - n // 2
    g = torch.exp(-(t**2) / (2 * std**2))
    g = torch.outer(g, g)
    return g / g.sum() if normalise else g


def map_with(g, c1=C1, c2=C2, padding=0):
    def ssim_map(u, v):
        def mean(w):
            return functional.conv2d(w[None, None], g.to(w)[None, None], padding=padding)[0, 0]

        mu, mv = mean(u), mean(v)
        vu, vv, cov = mean(u * u) - mu**2, mean(v * v) - mv**2, mean(u * v) - mu * mv
        return (2 * mu * mv + c1) * (2 * cov + c2) / ((mu**2 + mv**2 + c1) * (vu + vv + c2))

    return ssim_map


def map_by_patches(u, v):
    g = window().flatten()

    def patches(w):
        return functional.unfold(w[None, None], 11)[0]

    x, y = patches(u), patches(v)
    mx, my = g @ x, g @ y
    vx, vy, cov = g @ (x - mx) ** 2, g @ (y - my) ** 2, g @ ((x - mx) * (y - my))
    values = (2 * mx * my + C1) * (2 * cov + C2) / ((mx**2 + my**2 + C1) * (vx + vy + C2))
    return values.reshape(u.shape[0] - 10, u.shape[1] - 10)


def map_padded_and_cropped(u, v):
    return map_with(window(), padding=5)(u, v)[5:-5, 5:-5]


def map_luminance_only(u, v):
    mean = lambda w: functional.conv2d(w[None, None], window()[None, None])[0, 0]  # noqa: E731
    return (2 * mean(u) * mean(v) + C1) / (mean(u) ** 2 + mean(v) ** 2 + C1)


def map_uncentred(u, v):
    mean = lambda w: functional.conv2d(w[None, None], window()[None, None])[0, 0]  # noqa: E731
    return map_luminance_only(u, v) * (2 * mean(u * v) + C2) / (mean(u * u) + mean(v * v) + C2)


def map_of(formula, mean=None):
    def ssim_map(u, v):
        E = mean or (lambda w: functional.conv2d(w[None, None], window()[None, None])[0, 0])
        return formula(E(u), E(v), E(u * u), E(v * v), E(u * v))

    return ssim_map


def map_formula(mu, mv, uu, vv, uv, r=1.0, two=2, centred=1):
    vu, vw, cov = r * (uu - centred * mu**2), r * (vv - centred * mv**2), r * (uv - mu * mv)
    return (2 * mu * mv + C1) * (two * cov + C2) / ((mu**2 + mv**2 + C1) * (vu + vw + C2))


map_beside_its_place = named("map_beside_its_place", map_of(map_formula, lambda w: blur(w, window())[:-10, :-10]))
map_unbiased = named("map_unbiased", map_of(lambda *m: map_formula(*m, r=121 / 120)))
map_without_two = named("map_without_two", map_of(lambda *m: map_formula(*m, two=1)))
map_variances_not_centred = named("map_variances_not_centred", map_of(lambda *m: map_formula(*m, centred=0)))

MAP_RIGHT = [
    named("map_by_blur", map_of(map_formula, lambda w: blur(w, window())[5:-5, 5:-5])),
    named("map_by_convolution", map_with(window())),
    map_by_patches,
    map_padded_and_cropped,
    named("map_of_the_course", lambda u, v: metrics.ssim_map(u, v)),
]
MAP_WRONG = [
    ("value", named("map_flat_window", map_with(torch.full((11, 11), 1 / 121).double()))),
    ("normalisation", named("map_window_not_normalised", map_with(window(normalise=False)))),
    ("value", named("map_std_1", map_with(window(1.0)))),
    ("value", named("map_exponent_without_half", map_with(window(1.5 / math.sqrt(2))))),
    ("boundary", named("map_padded", map_with(window(), padding=5))),
    ("value", named("map_no_constants", map_with(window(), 0.0, 0.0))),
    ("value", named("map_k_not_squared", map_with(window(), 0.01, 0.03))),
    ("value", named("map_constants_exchanged", map_with(window(), C2, C1))),
    ("value", named("map_L_255", map_with(window(), (2.55) ** 2, (7.65) ** 2))),
    ("shape", named("map_window_of_7", map_with(window(n=7)))),
    ("value", map_luminance_only),
    ("shape", named("map_window_of_13", map_with(gaussian_kernel(1.5)))),
    ("shape", named("map_window_of_10", map_with(window(n=11)[:10, :10]))),
    ("normalisation", named("map_window_cut_out", map_with(gaussian_kernel(1.5)[1:-1, 1:-1]))),
    ("axis", named("map_window_of_rows", map_with(window()[5].expand(11, 11) / window()[5].sum() / 11))),
    ("centering", map_beside_its_place),
    ("normalisation", map_unbiased),
    ("weight", map_without_two),
    ("mean", map_variances_not_centred),
    ("mean", map_uncentred),
    ("shape", named("map_is_its_mean", lambda u, v: metrics.ssim_map(u, v).mean())),
    ("shape", named("map_with_batch", lambda u, v: metrics.ssim_map(u, v)[None, None])),
]


# --- mean_ssim -------------------------------------------------------------------------------------------------------


def mean_of_patches_side_by_side(u, v):
    places = [(i, j) for i in range(0, u.shape[0] - 10, 11) for j in range(0, u.shape[1] - 10, 11)]
    return sum(metrics.patch_ssim(u[i : i + 11, j : j + 11], v[i : i + 11, j : j + 11]) for i, j in places) / len(
        places
    )


MEAN_RIGHT = [
    named("mean_of_the_map", lambda u, v: metrics.ssim_map(u, v).mean().item()),
    named("mean_as_a_tensor", lambda u, v: metrics.ssim_map(u, v).mean()),
    named("mean_by_sum", lambda u, v: float(map_by_patches(u, v).sum()) / ((u.shape[0] - 10) * (u.shape[1] - 10))),
]
MEAN_WRONG = [
    ("normalisation", named("mean_sum", lambda u, v: metrics.ssim_map(u, v).sum())),
    ("normalisation", named("mean_over_pixels", lambda u, v: metrics.ssim_map(u, v).sum() / u.numel())),
    ("clipping", named("mean_cut", lambda u, v: metrics.ssim_map(u, v).clamp(min=0).mean())),
    ("clipping", named("mean_of_moduli", lambda u, v: metrics.ssim_map(u, v).abs().mean())),
    ("value", named("mean_with_itself", lambda u, v: metrics.ssim_map(u, u).mean())),
    ("value", mean_of_patches_side_by_side),
    ("value", named("mean_median", lambda u, v: metrics.ssim_map(u, v).median())),
    ("value", named("mean_smallest", lambda u, v: metrics.ssim_map(u, v).min())),
    ("square-root", named("mean_squared", lambda u, v: metrics.ssim_map(u, v).square().mean())),
    ("order", named("mean_dissimilarity", lambda u, v: 1 - metrics.ssim_map(u, v).mean())),
    ("shape", named("mean_map", lambda u, v: metrics.ssim_map(u, v))),
    ("shape", named("mean_of_rows", lambda u, v: metrics.ssim_map(u, v).mean(dim=1))),
    ("value", named("mean_one_patch", lambda u, v: metrics.patch_ssim(u, v))),
    ("value", named("mean_mse", lambda u, v: ((u - v) ** 2).mean())),
]


# --- lpips -----------------------------------------------------------------------------------------------------------


def unit(F, dim=0):
    return F / (F.norm(dim=dim, keepdim=True) + 1e-10)


def lpips_by(distance, normalise=unit, after=lambda total, n: total):
    def lpips(features_u, features_v, weights):
        total = 0
        for layer, w in weights.items():
            total = total + distance(w, normalise(features_u[layer]) - normalise(features_v[layer]))
        return after(total, len(weights))

    return lpips


def squares(w, d):
    return torch.einsum("n,nhw->hw", w, d**2)


def lpips_by_loops(features_u, features_v, weights):
    total = 0.0
    for layer, w in weights.items():
        F, G = features_u[layer], features_v[layer]
        _, height, width = F.shape
        for i in range(height):
            for j in range(width):
                f = F[:, i, j] / (F[:, i, j].norm() + 1e-10)
                g = G[:, i, j] / (G[:, i, j].norm() + 1e-10)
                total += (w * (f - g) ** 2).sum().item() / (height * width)
    return total


def lpips_last_layer(features_u, features_v, weights):
    for layer, w in weights.items():
        total = squares(w, unit(features_u[layer]) - unit(features_v[layer])).mean()
    return total


def lpips_returns_in_the_loop(features_u, features_v, weights):
    for layer, w in weights.items():
        return squares(w, unit(features_u[layer]) - unit(features_v[layer])).mean()


def lpips_without_guard(features_u, features_v, weights):
    return lpips_by(lambda w, d: squares(w, d).mean(), lambda F: F / F.norm(dim=0))(features_u, features_v, weights)


def lpips_one_side_normalised(features_u, features_v, weights):
    return sum(squares(w, unit(features_u[n]) - features_v[n]).mean() for n, w in weights.items())


def lpips_of_the_unit_difference(features_u, features_v, weights):
    return sum(squares(w, unit(features_u[n] - features_v[n])).mean() for n, w in weights.items())


def lpips_in_place(features_u, features_v, weights):
    for features in (features_u, features_v):
        for layer in weights:
            features[layer] /= features[layer].norm(dim=0, keepdim=True) + 1e-10
    return lpips_by(lambda w, d: squares(w, d).mean(), lambda F: F)(features_u, features_v, weights)


LPIPS_RIGHT = [
    named("lpips_published", lpips_by(lambda w, d: squares(w, d).mean())),
    lpips_by_loops,
    named("lpips_by_matmul", lpips_by(lambda w, d: w @ (d**2).mean(dim=(1, 2)))),
    named("lpips_of_the_slides_weights", lpips_by(lambda w, d: (w.sqrt()[:, None, None] * d).norm(dim=0).square().mean())),
    named("lpips_by_normalize", lpips_by(lambda w, d: squares(w, d).mean(), lambda F: functional.normalize(F, dim=0))),
]  # fmt: skip
LPIPS_WRONG = [
    ("square-root", named("lpips_root", lpips_by(lambda w, d: squares(w, d).mean(), after=lambda t, n: t.sqrt()))),
    ("square-root", named("lpips_root_in_each_layer", lpips_by(lambda w, d: squares(w, d).mean().sqrt()))),
    ("normalisation", named("lpips_not_normalised", lpips_by(lambda w, d: squares(w, d).mean(), lambda F: F))),
    ("normalisation", named("lpips_norm_of_the_layer", lpips_by(lambda w, d: squares(w, d).mean(), lambda F: F / F.norm()))),
    ("axis", named("lpips_norm_along_columns", lpips_by(lambda w, d: squares(w, d).mean(), lambda F: unit(F, -1)))),
    ("weight", named("lpips_weights_squared", lpips_by(lambda w, d: squares(w**2, d).mean()))),
    ("weight", named("lpips_no_weights", lpips_by(lambda w, d: (d**2).sum(dim=0).mean()))),
    ("normalisation", named("lpips_pixels_added", lpips_by(lambda w, d: squares(w, d).sum()))),
    ("normalisation", named("lpips_channels_averaged", lpips_by(lambda w, d: (w[:, None, None] * d**2).mean()))),
    ("normalisation", named("lpips_layers_averaged", lpips_by(lambda w, d: squares(w, d).mean(), after=lambda t, n: t / n))),
    ("value", named("lpips_not_squared", lpips_by(lambda w, d: (w[:, None, None] * d.abs()).sum(dim=0).mean()))),
    ("axis", named("lpips_norm_of_channels", lpips_by(lambda w, d: squares(w, d).mean(), lambda F: unit(F, (1, 2))))),
    ("weight", named("lpips_weights_of_sum_1", lpips_by(lambda w, d: squares(w / w.sum(), d).mean()))),
    ("normalisation", lpips_one_side_normalised),
    ("normalisation|square-root", named("lpips_two_slips", lpips_by(lambda w, d: squares(w, d).mean(), lambda F: F, lambda t, n: t.sqrt()))),
    ("order", lpips_of_the_unit_difference),
    ("truncation", lpips_last_layer),
    ("truncation", lpips_returns_in_the_loop),
    ("not-finite", lpips_without_guard),
    ("mutates-input", lpips_in_place),
    ("shape", named("lpips_map", lpips_by(lambda w, d: squares(w, d).mean(dim=0)[:2]))),
]  # fmt: skip

RIGHT = {
    "mse": MSE_RIGHT,
    "psnr": PSNR_RIGHT,
    "patch_ssim": PATCH_RIGHT,
    "luminance_contrast_structure": FACTORS_RIGHT,
    "ssim_map": MAP_RIGHT,
    "mean_ssim": MEAN_RIGHT,
    "lpips": LPIPS_RIGHT,
}
WRONG = {
    "mse": MSE_WRONG,
    "psnr": PSNR_WRONG,
    "patch_ssim": PATCH_WRONG,
    "luminance_contrast_structure": FACTORS_WRONG,
    "ssim_map": MAP_WRONG,
    "mean_ssim": MEAN_WRONG,
    "lpips": LPIPS_WRONG,
}

# --- the explorer ----------------------------------------------------------------------------------------------------


def inside(function):
    """Return the function with its result cut to the size of an SSIM map: those of the tests keep that of the image."""

    @functools.wraps(function)
    def ssim_map(*arguments):
        result = function(*arguments)
        return result[5:-5, 5:-5] if getattr(result, "shape", None) == (128, 128) else result

    return ssim_map


EXPLORERS = {
    "explore_metrics": ExplorerCase(
        explore_metrics,
        lambda values: metrics_picture(**values),
        plugs={"ssim_map": (lambda f: explore_metrics(ssim_map=inside(f)), "panel", "SSIM map", "error map")},
    ),
}
