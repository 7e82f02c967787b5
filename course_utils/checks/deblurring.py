"""Checks of notebook 04: periodic blur, its adjoint, the inverse filter, ridge, Tychonov, gradient descent."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.fft import fft2, ifft2

from course_utils import restoration
from course_utils.checks.engine import (
    Mistake,
    Student,
    exercise,
    expect,
    expect_close,
    inner,
    is_close,
    random_image,
    recognise,
    recognise_generic,
    relative_error,
    tolerance,
)
from course_utils.derivatives import laplacian
from course_utils.fourier import kernel_to_transfer, laplacian_transfer
from course_utils.operators import blur as blur_reference
from course_utils.operators import blur_adjoint as adjoint_reference

# (image, kernel): non-square, odd and even sides in each pairing, one kernel as large as the image.
SIZES = (((6, 5), (4, 3)), ((7, 8), (3, 6)), ((9, 9), (5, 4)), ((6, 5), (6, 5)), ((8, 7), (3, 4)))
WEIGHTS = (0.37, 0.02, 1.5, 0.1, 0.6)
DESCENTS = (((6, 5), (4, 3), 0.4), ((9, 8), (3, 4), 0.05))
ITERATIONS = 300

Known = tuple[str, Tensor, str]

_CORNER = (
    "The kernel's centre, pixel (h//2, w//2), must go to the origin: roll the padded kernel by (−(h//2), −(w//2))."
)
_FLIP = (
    "The kernel is flipped: k̂ and its conjugate are exchanged. (What torch.nn calls a convolution is a correlation.)"
)


def _kernel(shape: tuple[int, int], centre: float = 0.0, seed: int = 1) -> Tensor:
    """Return an asymmetric kernel of sum 1; ``centre`` is the least weight of its centre, which keeps k_hat off 0."""
    k = 0.1 + torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    k = (1 - centre) * k / k.sum()
    k[shape[0] // 2, shape[1] // 2] += centre
    return k


def _filter(v: Tensor, transfer: Tensor) -> Tensor:
    return ifft2(transfer * fft2(v)).real


def _corner_transfer(v: Tensor, kernel: Tensor) -> Tensor:
    """Return the transfer function of a kernel left in the corner of the image."""
    return fft2(kernel, s=v.shape)


def call_filter(student: Student, v: Tensor, kernel: Tensor, *others: object) -> Tensor:
    """Return the student's image for ``v`` and ``kernel``; a failure that comes from a size says which."""
    try:
        return student.tensor(v, kernel, *others, shape=v.shape)
    except Mistake as mistake:
        if mistake.cause == "exception" and re.search(r"size|shape|broadcast", mistake.message):
            explain_size(student, mistake.message, v, kernel, *others)
        raise


def explain_size(student: Student, message: str, v: Tensor, kernel: Tensor, *others: object) -> None:
    """Raise what is wrong with the sizes: kernel not padded, square images only, one size kept."""
    side = max(*v.shape, *kernel.shape)
    for args, text in (
        ((v, _embedded(kernel, v.shape)), f"The kernel is not padded: it has {kernel.shape[0]} × {kernel.shape[1]} pixels, the image {v.shape[0]} × {v.shape[1]}. Put it into an image of zeros before the FFT."),
        ((random_image((side, side)), kernel), "Your function works on square images only: do not take the height for the width. A matrix transpose (.T) has no place here either."),
        ((random_image(SIZES[0][0]), _kernel(SIZES[0][1])), f"Your function works on an image of 6 × 5 pixels, not on one of {v.shape[0]} × {v.shape[1]}: a size is written in, or something is kept from an earlier call."),
    ):
        try:
            works = tuple(student(*args, *others).shape)[-2:] == tuple(args[0].shape)
        except Mistake:
            continue
        if works:
            raise Mistake("shape", f"{text} {message}")


def _embedded(kernel: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the same kernel on a grid of the image's size, its centre at (H // 2, W // 2)."""
    (h, w), (H, W) = kernel.shape, shape
    k = kernel.new_zeros(H, W)
    k[H // 2 - h // 2 : H // 2 - h // 2 + h, W // 2 - w // 2 : W // 2 - w // 2 + w] = kernel
    return k


def expect_kernel_used(student: Student, v: Tensor, kernel: Tensor, *others: object) -> None:
    """Raise when another kernel of the same size changes nothing: it is kept from the first call, or a global one."""
    first, second = call_filter(student, v, kernel, *others), call_filter(student, v, kernel.flip(0), *others)
    text = "The result is the same for another kernel of the same size: you use a variable of the notebook, or what was kept from the first call. Use the argument kernel."
    expect(not is_close(first, second, 1e-9), "constant", text)


# --- the blur and its adjoint ----------------------------------------------------------------------------------------


def _convolve(u: Tensor, kernel: Tensor) -> Tensor:
    """Return k * u by its definition, the sum of k(y) u(x − y)."""
    h, w = kernel.shape
    return sum(
        (kernel[i, j] * u.roll((i - h // 2, j - w // 2), (0, 1)) for i in range(h) for j in range(w)),
        torch.zeros_like(u),
    )


def _extended_blur(u: Tensor, kernel: Tensor, mode: str) -> Tensor:
    """Return the blur of an image that goes on beyond its boundary in a way that is not periodic."""
    h, w = kernel.shape
    rows = _continued(u.shape[0], h - 1 - h // 2, h // 2, mode)
    columns = _continued(u.shape[1], w - 1 - w // 2, w // 2, mode)
    extended = torch.cat([u, u.new_zeros(1, u.shape[1])])  # row and column −1: zeros
    extended = torch.cat([extended, u.new_zeros(len(extended), 1)], dim=1)[rows][:, columns]
    return torch.nn.functional.conv2d(extended[None, None], kernel.flip(0, 1)[None, None])[0, 0]


def _continued(n: int, before: int, after: int, mode: str) -> Tensor:
    """Return which of n pixels stands at −before, …, n − 1 + after; −1 stands for zero."""
    i = torch.arange(-before, n + after)
    if mode == "zero":
        return torch.where((i >= 0) & (i < n), i, -1)
    if mode == "replicate":
        return i.clamp(0, n - 1)
    period = 2 * n if mode == "symmetric" else 2 * n - 2  # "reflect" does not repeat the border
    i = i % period
    return torch.where(i < n, i, period - i - (1 if mode == "symmetric" else 0))


def _wrong_blurs(u: Tensor, kernel: Tensor) -> list[Known]:
    k_hat = kernel_to_transfer(kernel, u.shape)
    on_the_grid = ifft2(k_hat).real
    one_dimension = torch.fft.ifft(torch.fft.fft(on_the_grid) * torch.fft.fft(u)).real
    return [
        ("conjugate", _filter(u, k_hat.conj()), _FLIP),
        ("conjugate", _filter(u, _corner_transfer(u, kernel).conj()), f"{_FLIP} And it is not centred. {_CORNER}"),
        ("centering", _filter(u, fft2(torch.fft.ifftshift(kernel), s=u.shape)), f"You shifted the small kernel before padding it, which tears it apart. Pad first, then roll. {_CORNER}"),
        ("order", ifft2(torch.fft.fftshift(k_hat * fft2(u))).real, "The spectrum is shifted before the inverse FFT. fft2 puts frequency 0 first and ifft2 expects it there: remove the fftshift."),
        ("order", _filter(u, torch.fft.fftshift(k_hat)), "k̂ is shifted, û is not. It is the kernel that is rolled, before the FFT, by its own centre: remove the fftshift."),
        ("boundary", _extended_blur(u, kernel, "replicate"), "The border is repeated outside the image. The lecture's convolution is periodic: what leaves on one side comes back on the other."),
        ("boundary", _extended_blur(u, kernel, "symmetric"), "The image is mirrored at its boundary. The lecture's convolution is periodic: what leaves on one side comes back on the other."),
        ("boundary", _extended_blur(u, kernel, "zero"), "Pixels outside the image count as 0. The lecture's convolution is periodic: what leaves on one side comes back on the other."),
        ("boundary", _extended_blur(u, kernel, "reflect"), "The image is mirrored at its boundary. The lecture's convolution is periodic: what leaves on one side comes back on the other."),
        ("boundary", _conv2d(u, kernel), "conv2d with padding=\"same\" puts zeros around the image and does not flip the kernel. The lecture's convolution is periodic: Σ k(y) u(x − y)."),
        ("boundary", _conv2d(u, kernel.flip(0, 1)), "conv2d with padding=\"same\" puts zeros around the image. The lecture's convolution is periodic: what leaves on one side comes back on the other."),
        ("order", fft2(k_hat * fft2(u)).real, "You transformed forward at the end too: from the Fourier domain ifft2 leads back."),
        ("order", (k_hat * fft2(u)).real, "The inverse transform is missing: this is k̂ û, still in the Fourier domain."),
        ("axis", one_dimension, "You used fft, which transforms the last axis only. An image needs fft2 and ifft2."),
        ("value", on_the_grid * u, "You multiplied the pixels. It is in the Fourier domain that a convolution becomes a product."),
    ]


def _moved_blurs(expected: Tensor, kernel: Tensor) -> list[Known]:
    """Return what the usual slips of the roll give: the right blur, moved."""
    (h, w), (H, W) = kernel.shape, expected.shape
    slips = [
        ((h // 2, w // 2), "The kernel stands in the corner. Its centre, pixel (h//2, w//2), must go to pixel (0, 0): roll it."),
        ((2 * (h // 2), 2 * (w // 2)), "The kernel is rolled the wrong way: to bring its centre to (0, 0) the shifts are negative, −(h//2) and −(w//2)."),
        ((h // 2 - w // 2, w // 2 - h // 2), "h and w are exchanged in the roll: rows move by −(h//2), columns by −(w//2)."),
        ((h // 2 - (h - 1) // 2, w // 2 - (w - 1) // 2), "(h − 1)//2 is not the centre of an even side: it is h//2."),
        ((h // 2 - H // 2, w // 2 - W // 2), "The kernel is rolled by half of the image. It is moved by half of its own size, −(h//2) and −(w//2)."),
        ((0, w // 2), "The kernel is rolled along its rows only: roll both dimensions, by −(h//2) and −(w//2)."),
        ((h // 2, 0), "The kernel is rolled along its columns only: roll both dimensions, by −(h//2) and −(w//2)."),
        ((-(H // 2), -(W // 2)), "The result is moved by half of the image: no fftshift is needed here."),
        ((H // 2, W // 2), "The result is moved by half of the image: no fftshift is needed here."),
        ((H % 2, W % 2), "fftshift takes pixel (0, 0) to the middle, ifftshift brings the middle back to it: on odd sides they differ by one."),
        ((-(H % 2), -(W % 2)), "fftshift takes pixel (0, 0) to the middle, ifftshift brings the middle back to it: on odd sides they differ by one."),
    ]
    moved = [("centering", expected.roll(shift, (0, 1)), text) for shift, text in slips if shift[0] % H or shift[1] % W]
    return [
        *moved,
        ("normalisation", expected / kernel.max(), "You divided the kernel by its largest value: take it as it is."),
        ("normalisation", expected / kernel.sum(), "You divided the kernel by its sum: take it as it is."),
    ]


def _conv2d(u: Tensor, kernel: Tensor) -> Tensor:
    return torch.nn.functional.conv2d(u[None, None], kernel[None, None], padding="same")[0, 0]


def _wrong_axes(u: Tensor, kernel: Tensor) -> list[Known]:
    """Return what exchanged axes give, where the exchanged kernel fits into the image."""
    if kernel.shape[0] > u.shape[1] or kernel.shape[1] > u.shape[0]:
        return []
    text = "The two axes of the kernel are exchanged: you blurred with its transpose."
    turned = "The kernel is turned by 90 degrees."
    return [
        ("axis", _convolve(u, kernel.T), text),
        ("axis", _convolve(u, kernel.rot90(1)), turned),
        ("axis", _convolve(u, kernel.rot90(-1)), turned),
    ]


@exercise(
    blur_reference,
    hints=(
        "A periodic convolution is a product in the Fourier domain, if the kernel is an image of the same size whose "
        "centre is at pixel (0, 0).",
        "k * u = F⁻¹(k̂ û): put the kernel in the corner of an image of zeros, roll it by (−(h//2), −(w//2)), transform "
        "both, multiply, transform back, take the real part.",
        "h, w = kernel.shape; k = torch.zeros_like(u); k[:h, :w] = kernel",
    ),
)
def blur(student: Student) -> str:
    """Examine the periodic blur by the definition of the convolution."""
    for seed, (shape, size) in enumerate(SIZES):
        u, k = random_image(shape), (1 + seed) * _kernel(size)  # not of sum 1: nobody asked to normalise
        expected = _convolve(u, k)
        answer = call_filter(student, u, k)
        if is_close(answer, expected):
            continue
        recognise(answer, *_moved_blurs(expected, k))
        recognise_generic(student, answer, expected)
        recognise(answer, *_wrong_blurs(u, k), *_wrong_axes(u, k))
        expect(answer.norm() > 1e-9 * expected.norm(), "complex", "Your result is 0 up to rounding, as the imaginary part after the inverse FFT is. Take the real part.")
        expect_close(answer, expected, "value", "The result is not Σ k(y) u(x − y), with u continued periodically.")
    expect_kernel_used(student, random_image((7, 8)), _kernel((4, 3)))
    return "k * u = Σ k(y) u(x − y), periodic, for kernels of odd and even sizes up to the image's"


@exercise(
    adjoint_reference,
    hints=(
        "The adjoint of a convolution is a convolution too, with the kernel seen in a mirror: k(−x).",
        "In the Fourier domain a mirror is a conjugation: Aᵀv = F⁻¹(conj(k̂) v̂).",
        "k_hat = kernel_to_transfer(kernel, v.shape)",
    ),
)
def blur_adjoint(student: Student) -> str:
    """Examine the adjoint by ⟨k * u, v⟩ = ⟨u, Aᵀv⟩."""
    for seed, (shape, size) in enumerate(SIZES):
        u, v, k = random_image(shape, 10 + seed), random_image(shape, 20 + seed), _kernel(size)
        answer = call_filter(student, v, k)
        left, right = inner(blur_reference(u, k), v), inner(u, answer)
        if abs(left - right) <= tolerance(answer) * u.norm().item() * v.norm().item():
            continue
        recognise(answer, *_moved_flips(v, k))
        recognise_generic(student, answer, adjoint_reference(v, k))
        recognise(answer, *_wrong_adjoints(v, k))
        expect(
            False, "adjoint", "⟨k * u, v⟩ and ⟨u, Aᵀv⟩ differ: this is not the adjoint of u ↦ k * u.", **{
                "⟨k * u, v⟩": left, "⟨u, Aᵀv⟩": right
            }
        )
    expect_kernel_used(student, random_image((7, 8)), _kernel((4, 3)))
    return "⟨k * u, v⟩ = ⟨u, Aᵀv⟩ for kernels of odd and even sizes, none of them symmetric"


def _moved_flips(v: Tensor, kernel: Tensor) -> list[Known]:
    """Return what a flipped kernel gives when the flip moves its centre."""
    (h, w), on_the_grid = kernel.shape, ifft2(kernel_to_transfer(kernel, v.shape)).real
    known = [("centering", _filter(v, fft2(on_the_grid.flip(0, 1))), "You flipped the padded kernel: this sends pixel (0, 0), its centre, to (H − 1, W − 1). Roll it back by (1, 1) after the flip, or conjugate k̂.")]
    if h % 2 == 0 or w % 2 == 0:
        text = f"You flipped the kernel of {h} × {w} pixels: where a side is even, its centre h//2 goes to h − 1 − h//2, one pixel off. Roll it back by one there, or conjugate k̂."
        known.append(("centering", _filter(v, kernel_to_transfer(kernel.flip(0, 1), v.shape)), text))
    twice = "You flipped the kernel and conjugated its transform: that mirrors it twice. Do one of the two."
    known.append(("conjugate", _filter(v, kernel_to_transfer(kernel.flip(0, 1), v.shape).conj()), twice))
    known.append(("conjugate", _filter(v, fft2(on_the_grid.flip(0, 1)).conj()), twice))
    return known


def _wrong_adjoints(v: Tensor, kernel: Tensor) -> list[Known]:
    k_hat = kernel_to_transfer(kernel, v.shape)
    known = [
        ("conjugate", _filter(v, k_hat), "This is the blur itself: ⟨k * u, v⟩ = ⟨u, Aᵀv⟩ holds for it only when k is symmetric. Conjugate k̂."),
        ("conjugate", ifft2((k_hat * fft2(v)).conj()).real, "You conjugated the product k̂ v̂. Only k̂ is conjugated: conj(k̂) v̂."),
        ("conjugate", ifft2(k_hat * fft2(v).conj()).real, "You conjugated v̂. It is k̂ that is conjugated: conj(k̂) v̂."),
        ("centering", _filter(v, _corner_transfer(v, kernel).conj()), _CORNER),
        ("sign", _filter(v, -k_hat), "You changed the sign of k̂. To conjugate changes the sign of its imaginary part only: k_hat.conj()."),
        ("adjoint", _filter(v, 1 / k_hat), "This is the inverse, v̂ / k̂. The adjoint multiplies by conj(k̂)."),
        ("conjugate", _filter(v, k_hat.real), "You took the real part of k̂. It is complex: conjugate it, and take the real part after the inverse FFT."),
        ("conjugate", _filter(v, k_hat.abs()), "You took the modulus of k̂. The adjoint has the opposite phase: conj(k̂)."),
        ("conjugate", _filter(v, k_hat.abs() ** 2), "This is AᵀAv, |k̂|² v̂. Aᵀ alone is conj(k̂) v̂."),
        ("order", (k_hat.conj() * fft2(v)).real, "The inverse transform is missing: this is conj(k̂) v̂, still in the Fourier domain."),
        ("conjugate", _convolve(v, kernel.flip(0)), "You flipped one axis. k(−x) flips both."),
        ("conjugate", _convolve(v, kernel.flip(1)), "You flipped one axis. k(−x) flips both."),
    ]
    text = "Aᵀ is the transpose of the large matrix A, not of the kernel: it is the convolution with k(−x)."
    return known + [("transpose", value, text) for _, value, _ in _wrong_axes(v, kernel)]


# --- inversion, plain and regularized --------------------------------------------------------------------------------


@exercise(
    restoration.inverse_filter,
    hints=(
        "In the Fourier domain the blur is a product: what undoes it?",
        "u = F⁻¹(v̂ / k̂), a division of complex numbers, frequency by frequency.",
        "k_hat = kernel_to_transfer(kernel, v.shape)",
    ),
)
def inverse_filter(student: Student) -> str:
    """Examine the inverse filter: it undoes the blur when there is no noise."""
    for seed, ((shape, size), centre) in enumerate(zip(SIZES, (0.6, 0.12, 0.6, 0.6, 0.6), strict=True)):
        u, k = random_image(shape, seed), _kernel(size, centre)  # the second one has |k̂| down to 0.004
        v = blur_reference(u, k)
        answer = call_filter(student, v, k)
        if is_close(answer, u, 1e-11):
            continue
        _recognise_changed_denominator(answer, v, k)
        if is_close(answer, u):
            continue
        recognise_generic(student, answer, u)
        recognise(answer, *_wrong_inverses(v, k))
        expect_close(answer, u, "value", "The inverse filter of k * u is not u.")
    expect_kernel_used(student, random_image((7, 8)), _kernel((4, 3), 0.6))
    return "the inverse filter of k * u is u, for kernels whose transfer function has no zero"


def _wrong_inverses(v: Tensor, kernel: Tensor) -> list[Known]:
    k_hat, v_hat = kernel_to_transfer(kernel, v.shape), fft2(v)
    return [
        ("value", _filter(v, k_hat), "You multiplied by k̂: the image is blurred once more. Divide by k̂."),
        ("value", _filter(v, k_hat.conj()), "This is the adjoint, conj(k̂) v̂. The inverse divides by k̂."),
        ("value", ifft2(k_hat / v_hat).real, "The fraction is upside down: it must be v̂ / k̂."),
        ("order", (v_hat / k_hat).real, "The inverse transform is missing: this is v̂ / k̂, still in the Fourier domain."),
        ("value", ifft2(fft2(v / k_hat)).real, "You divided v by k̂ pixel by pixel. It is v̂, its transform, that is divided."),
        ("value", (v / k_hat).real, "You divided v by k̂ pixel by pixel. It is v̂, its transform, that is divided."),
        ("value", fft2(v_hat / k_hat).real, "You transformed forward twice: after the division comes the inverse transform, ifft2."),
        ("conjugate", _filter(v, 1 / k_hat.abs()), "You divided by the modulus |k̂|. k̂ is complex: its phase must be undone too."),
        ("conjugate", _filter(v, 1 / k_hat.conj()), "You divided by the conjugate of k̂. Divide by k̂ itself (or use conj(k̂) / |k̂|²)."),
        ("complex", _filter(v, 1 / k_hat.real), "You divided by the real part of k̂. k̂ is complex: keep it, and take the real part after the inverse FFT."),
        ("square-root", _filter(v, 1 / k_hat.abs() ** 2), "You divided by |k̂|²: then the numerator needs conj(k̂)."),
        ("centering", _filter(v, 1 / _corner_transfer(v, kernel)), _CORNER),
    ]


def _recognise_changed_denominator(answer: Tensor, v: Tensor, kernel: Tensor) -> None:
    """Raise when small |k_hat| are treated apart, or when something was added to k_hat."""
    k_hat, ratio = kernel_to_transfer(kernel, v.shape), fft2(answer.double()) / fft2(v)
    right = (ratio * k_hat - 1).abs() < 1e-4
    if right.sum() > 1 and (~right).any() and k_hat[right].abs().min() > k_hat[~right].abs().max():
        what = "set to 0" if (ratio[~right].abs() < 1e-6).all() else "treated apart"
        text = f"Frequencies where |k̂| is small are {what}. That is a regularization; the inverse filter divides by k̂ everywhere."
        raise Mistake("truncation", text, {"largest |k̂| treated apart": k_hat[~right].abs().max()})
    if (ratio.abs() < 1e-6).any():
        return
    ridge, added = k_hat.conj() / ratio - k_hat.abs() ** 2, 1 / ratio - k_hat
    for cause, constant, text in (
        ("weight", ridge, "You added a constant to |k̂|²: that is ridge, the next exercise. The plain inverse filter divides by k̂, without any precaution."),
        ("epsilon", added, "You added a constant to k̂ before dividing. The plain inverse filter divides by k̂: that it explodes is what you will see."),
    ):
        mean = constant.mean()
        if 1e-13 < mean.abs() < 0.5 and (constant - mean).abs().max() < 1e-2 * mean.abs():
            raise Mistake(cause, text, {"constant added": mean.real.item()})


_MEAN_KEPT = "The result is multiplied by 1 + λ, as if to keep the mean: the minimizer is what the formula says."


def _wrong_weights(v: Tensor, kernel: Tensor, lam: float, penalty: Tensor) -> list[Known]:
    """Return what wrong uses of λ, of k_hat and of its conjugate give in conj(k_hat) v_hat / (|k_hat|² + λ penalty)."""
    k_hat = kernel_to_transfer(kernel, v.shape)
    power = k_hat.abs() ** 2
    corner = _corner_transfer(v, kernel)

    def weighted(weight: Tensor | float) -> Tensor:
        return _filter(v, k_hat.conj() / (power + weight * penalty))

    return [
        ("conjugate", _filter(v, k_hat / (power + lam * penalty)), "Aᵀv is conj(k̂) v̂ in the Fourier domain: you forgot to conjugate k̂ in the numerator."),
        ("conjugate", _filter(v, k_hat.conj() / (k_hat**2 + lam * penalty)), "k̂² is not |k̂|²: AᵀA multiplies by conj(k̂) k̂ = |k̂|²."),
        ("square-root", _filter(v, k_hat.conj() / (k_hat.abs() + lam * penalty)), "The denominator has |k̂| where |k̂|² belongs."),
        ("conjugate", _filter(v, k_hat.conj() / (k_hat.real**2 + lam * penalty)), "You squared the real part of k̂. |k̂|² is the square of the modulus, k_hat.abs() ** 2."),
        ("value", _filter(v, k_hat.conj() / (1 + lam * penalty)), "The denominator has 1 where |k̂|² belongs: that is for denoising, A = Id."),
        ("value", _filter(v, k_hat.conj() / (lam * power + penalty)), "λ multiplies |k̂|². It is the weight of the regularization."),
        ("adjoint", _filter(v, power / (power + lam * penalty)), "The numerator is |k̂|² v̂: Aᵀ is applied once, to v, conj(k̂) v̂."),
        ("weight", _filter(v, k_hat.conj() / (power * lam * penalty)), "λ multiplies |k̂|²: it must be added, |k̂|² + λ…."),
        ("adjoint", _filter(v, 1 / (power + lam * penalty)), "The numerator lacks Aᵀ: it is conj(k̂) v̂, not v̂."),
        ("adjoint", _filter(v, 1 / (k_hat + lam * penalty)), "You added the regularization to k̂. The optimality condition has AᵀA: conj(k̂) v̂ / (|k̂|² + …)."),
        ("weight", weighted(lam / 2), "You used λ/2. The ½ of the regularization disappears when the square is differentiated: the weight is λ."),
        ("weight", weighted(2 * lam), "You used 2λ. F has ½ in front of both squares, so the weight in ∇F = 0 is λ."),
        ("weight", weighted(lam**2), "You used λ²: λ is counted twice, as when R(u) = (λ/2)‖u‖² is put inside λR(u). The weight is λ."),
        ("weight", weighted(1.0), "λ is missing: the result does not depend on it."),
        ("weight", weighted(0.0), "The regularization is missing: this is the inverse filter v̂ / k̂."),
        ("weight", weighted(lam * v.numel()), "λ is multiplied by the number of pixels. The formula holds frequency by frequency, with λ as it is."),
        ("weight", weighted(lam / v.numel()), "λ is divided by the number of pixels. The formula holds frequency by frequency, with λ as it is."),
        ("weight", weighted(4 * lam), "The weight of the regularization is four times too large."),
        ("sign", weighted(-lam), "The regularization has the wrong sign: it is added to |k̂|², and nonnegative (−Δ = ∇ᵀ∇ is, Δ is not)."),
        ("centering", _filter(v, corner.conj() / (corner.abs() ** 2 + lam * penalty)), _CORNER),
    ]


@exercise(
    restoration.ridge_deblur,
    hints=(
        "F is quadratic: its minimizer is where ∇F(u) = Aᵀ(Au − v) + λu = 0. Read this frequency by frequency.",
        "û = conj(k̂) v̂ / (|k̂|² + λ).",
        "k_hat = kernel_to_transfer(kernel, v.shape)",
    ),
)
def ridge_deblur(student: Student) -> str:
    """Examine ridge by its optimality condition."""
    for (shape, size), lam in zip(SIZES, WEIGHTS, strict=True):
        v, k = random_image(shape), _kernel(size, 0.6)
        answer = call_filter(student, v, k, lam)
        u = answer.double()
        residual = adjoint_reference(blur_reference(u, k) - v, k) + lam * u
        if residual.norm() <= tolerance(answer) * v.norm():
            continue
        expected = restoration.ridge_deblur(v, k, lam)
        recognise(answer, ("normalisation", (1 + lam) * expected, _MEAN_KEPT))
        recognise_generic(student, answer, expected)
        recognise(
            answer,
            ("value", restoration.tychonov_deblur(v, k, lam), "This is Tychonov's formula. Ridge penalizes ‖u‖²: λ alone, without L̂."),
            ("value", v / (1 + lam), "This solves the denoising problem, A = Id. Here Au = k * u."),
            ("order", ifft2(fft2(v) / kernel_to_transfer(k, shape) + lam).real, "λ is added to the quotient: put parentheses around the denominator |k̂|² + λ."),
            *_wrong_weights(v, k, lam, torch.ones((), dtype=torch.float64)),
        )
        _expect_lambda_used(student, answer, v, k, lam)
        _read_penalty(answer, v, k, lam, torch.ones(shape, dtype=torch.float64))
        expect(False, "value", "The result does not minimize F: Aᵀ(Au − v) + λu is not 0.", **{"‖∇F(u)‖ / ‖v‖": (residual.norm() / v.norm()).item()})
    expect_kernel_used(student, random_image((7, 8)), _kernel((4, 3), 0.6), 0.1)
    return "Aᵀ(Au − v) + λu = 0, for three values of λ and more, on odd and even sizes"


@exercise(
    restoration.tychonov_deblur,
    hints=(
        "Set ∇F(u) = Aᵀ(Au − v) + λ∇ᵀ∇u to 0. Aᵀ A and ∇ᵀ∇ are both periodic convolutions: what are their transfer "
        "functions?",
        "û = conj(k̂) v̂ / (|k̂|² + λL̂), L̂(ξ, ζ) = 4 (sin²(πξ/M) + sin²(πζ/N)).",
        "k_hat, L_hat = kernel_to_transfer(kernel, v.shape), laplacian_transfer(v.shape)",
    ),
)
def tychonov_deblur(student: Student) -> str:
    """Examine Tychonov's closed form by its optimality condition."""
    for (shape, size), lam in zip(SIZES, WEIGHTS, strict=True):
        v, k = random_image(shape), _kernel(size, 0.6)
        answer = call_filter(student, v, k, lam)
        u = answer.double()
        residual = adjoint_reference(blur_reference(u, k) - v, k) - lam * laplacian(u)
        if residual.norm() <= tolerance(answer) * v.norm():
            continue
        expected, L_hat = restoration.tychonov_deblur(v, k, lam), laplacian_transfer(shape)
        recognise(answer, ("normalisation", (1 + lam) * expected, _MEAN_KEPT))
        recognise_generic(student, answer, expected)
        recognise(
            answer,
            ("value", restoration.ridge_deblur(v, k, lam), "This is the ridge formula. Tychonov penalizes ‖∇u‖²: λL̂ in the denominator, not λ."),
            ("mean", expected - expected.mean(), "The mean of your image is 0. L̂(0) = 0: Tychonov leaves the mean as it is; do not set frequency 0 to zero."),
            ("value", _filter(v, 1 / (1 + lam * L_hat)), "This solves the denoising problem, A = Id. Here Au = k * u."),
            *_wrong_weights(v, k, lam, L_hat),
            ("order", ifft2(fft2(v) / kernel_to_transfer(k, shape) + lam * L_hat).real, "λL̂ is added to the quotient: put parentheses around the denominator |k̂|² + λL̂."),
            *_wrong_laplacians(v, k, lam, L_hat),
        )
        _expect_lambda_used(student, answer, v, k, lam)
        _read_penalty(answer, v, k, lam, L_hat)
        expect(False, "value", "The result does not minimize F: Aᵀ(Au − v) + λ∇ᵀ∇u is not 0.", **{"‖∇F(u)‖ / ‖v‖": (residual.norm() / v.norm()).item()})
    expect_kernel_used(student, random_image((7, 8)), _kernel((4, 3), 0.6), 0.1)
    return "Aᵀ(Au − v) + λ∇ᵀ∇u = 0, for three values of λ and more, on odd and even sizes"


def _expect_lambda_used(student: Student, answer: Tensor, v: Tensor, kernel: Tensor, lam: float) -> None:
    another = student.tensor(v, kernel, 2 * lam, shape=v.shape)
    text = "The result does not depend on the argument lam: you use a value of your own, or a variable of the notebook."
    expect(not is_close(answer, another, 1e-9), "weight", text)


def _read_penalty(answer: Tensor, v: Tensor, kernel: Tensor, lam: float, penalty: Tensor) -> None:
    """Raise when the answer is conj(k_hat) v_hat / (|k_hat|² + a penalty + c): the wrong weight a, the c that was added."""
    k_hat, ratio = kernel_to_transfer(kernel, v.shape), fft2(answer.double()) / fft2(v)
    if (ratio.abs() < 1e-9).any():
        return
    added = k_hat.conj() / ratio - k_hat.abs() ** 2
    terms = torch.stack([penalty, torch.ones_like(penalty)]).flatten(1).T.to(added)
    constant = penalty.max() == penalty.min()
    fit = torch.linalg.lstsq(terms[:, : 1 if constant else 2], added.flatten()).solution
    if (terms[:, : len(fit)] @ fit - added.flatten()).abs().max() > 1e-4 * added.abs().max():
        return
    weight, c = fit[0].real.item(), 0.0 if constant else fit[1].real.item()
    details = {"your weight": weight, "λ": lam, "constant added to the denominator": c}
    if abs(c) > 1e-6 * abs(weight):
        raise Mistake(
            "epsilon",
            "A constant is added to the denominator, which needs none: at frequency 0 it is |k̂(0)|².",
            details,
        )
    raise Mistake("weight", "The denominator is right but for the weight of the regularization: it must be λ.", details)


def _wrong_laplacians(v: Tensor, kernel: Tensor, lam: float, L_hat: Tensor) -> list[Known]:
    k_hat = kernel_to_transfer(kernel, v.shape)
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in v.shape)
    x, y = torch.pi * rows[:, None] / v.shape[0], torch.pi * columns[None, :] / v.shape[1]
    x_other, y_other = torch.pi * rows[:, None] / v.shape[1], torch.pi * columns[None, :] / v.shape[0]
    xi, zeta = (2 * torch.pi * torch.fft.fftfreq(n, dtype=torch.float64) for n in v.shape)
    square = "L̂ has squares: 4 (sin²(πξ/M) + sin²(πζ/N))."
    known = [
        ("weight", L_hat / 4, "The factor 4 of L̂ is missing: L̂ = 4 (sin²(πξ/M) + sin²(πζ/N))."),
        ("square-root", 4 * (x.sin() + y.sin()), square),
        ("square-root", L_hat.sqrt(), "You used the root of L̂, the modulus of ∇. ∇ᵀ∇ has the square: L̂ itself."),
        ("square-root", L_hat**2, "You used L̂², which penalizes ‖Δu‖². Tychonov penalizes ‖∇u‖²: L̂."),
        ("value", 4 * ((2 * x).sin() ** 2 + (2 * y).sin() ** 2), "The sines of L̂ have πξ/M, not 2πξ/M: |e^{2iπξ/M} − 1|² = 4 sin²(πξ/M)."),
        ("value", (2 * x).sin() ** 2 + (2 * y).sin() ** 2, "This L̂ belongs to central differences. The lecture's differences are forward: 4 (sin²(πξ/M) + sin²(πζ/N))."),
        ("value", xi[:, None] ** 2 + zeta**2, "This is |2πξ|², of the Laplacian of functions. The gradient takes differences of pixels: 4 (sin²(πξ/M) + sin²(πζ/N))."),
        ("value", x.sin() ** 2 * 4 + y.sin() ** 2, "4 multiplies one of the two squares: put parentheses around their sum."),
        ("value", 4 * (torch.sin(x / torch.pi) ** 2 + torch.sin(y / torch.pi) ** 2), "π is missing in the sines: πξ/M."),
        ("centering", L_hat * torch.exp(-2j * (x + y)), "Your kernel of the Laplacian is not centred: its middle must go to pixel (0, 0)."),
        ("axis", 4 * x.sin() ** 2 + 0 * y, "L̂ has one direction only. ‖∇u‖² has both derivatives: |d̂₁|² + |d̂₂|²."),
        ("axis", 4 * y.sin() ** 2 + 0 * x, "L̂ has one direction only. ‖∇u‖² has both derivatives: |d̂₁|² + |d̂₂|²."),
        ("axis", 4 * (x_other.sin() ** 2 + y_other.sin() ** 2), "Height and width are exchanged in L̂: ξ goes with the M rows, ζ with the N columns."),
        ("order", torch.fft.fftshift(L_hat), "L̂ is shifted: fft2 puts frequency 0 first, so must L̂. Remove the fftshift."),
    ]
    return [
        (cause, _filter(v, k_hat.conj() / (k_hat.abs() ** 2 + lam * wrong)), text)
        for cause, wrong, text in known
        if (k_hat.abs() ** 2 + lam * wrong).abs().min() > 1e-6
    ]


# --- gradient descent ------------------------------------------------------------------------------------------------


@exercise(
    restoration.gradient_descent_deblur,
    hints=(
        "Start from u = v and walk against the gradient of F; the step must be smaller than 2/L.",
        "u ← u − τ (Aᵀ(Au − v) + λ∇ᵀ∇u), with τ < 2/L and L = ‖AᵀA + λ∇ᵀ∇‖ ≤ 1 + 8λ.",
        "u, tau = v, 1.9 / (1 + 8 * lam)",
    ),
)
def gradient_descent_deblur(student: Student) -> str:
    """Examine the descent by its limit, and by its steps when the limit is wrong."""
    for shape, size, lam in DESCENTS:
        v, k = random_image(shape), _kernel(size, 0.75)
        first, second = (student.tensor(v, k, lam, n, shape=shape) for n in (1, 2))
        last = _many_iterations(student, first, second, v, k, lam)
        limit = restoration.tychonov_deblur(v, k, lam)
        _expect_one_step(first, v, k, lam)
        if is_close(first, limit, 1e-3):
            text = "The result is the closed form whatever n is. Iterate: one gradient step, n times."
            raise Mistake("value", text)
        if torch.isfinite(last).all() and is_close(last, limit, max(1e-4, tolerance(first))):
            continue
        _diagnose_descent(first, second, last, v, k, lam)
    for lam in (0.4, 20.0):
        _examine_first_step(student, lam)
    return f"the iterates converge to the closed form of Tychonov's deblurring, for λ = {DESCENTS[0][2]:g} and {DESCENTS[1][2]:g}"


def _expect_one_step(first: Tensor, v: Tensor, k: Tensor, lam: float) -> None:
    """Raise when u₁ is what 2, 3, … steps give: the error at a frequency is then (1 − τh)^m of the first one."""
    h = (kernel_to_transfer(k, v.shape).abs() ** 2 + lam * laplacian_transfer(v.shape)).flatten()
    limit = restoration.tychonov_deblur(v, k, lam)
    before, after = fft2(v - limit).flatten(), fft2(first.double() - limit).flatten()
    present = before.abs() > 1e-3 * before.abs().max()
    h, ratio = h[present], after[present] / before[present]
    slowest = h.argmin()
    if ratio.imag.abs().max() > 1e-6 or not 1e-9 < ratio[slowest].real < 1:
        return
    for m in (1, *range(2, 201)):
        tau = (1 - ratio[slowest].real ** (1 / m)) / h[slowest]
        if ((1 - tau * h) ** m - ratio.real).abs().max() < 1e-6:
            text = f"With n = 1 you do {m} gradient steps. n counts the steps: one evaluation of ∇F for each."
            expect(m == 1, "order", text)
            return


def _examine_first_step(student: Student, lam: float) -> None:
    """Raise unless u₁ = v − τ∇F(v), with a step that is admissible for this λ and not needlessly small."""
    v, k = random_image((8, 7), 3), _kernel((3, 4), 0.75)
    first = student.tensor(v, k, lam, 1, shape=(8, 7)).double()
    expect(not is_close(first, v), "order", "With n = 1 you return v: you do one iteration too few.")
    g = adjoint_reference(blur_reference(v, k) - v, k) - lam * laplacian(v)
    tau = inner(v - first, g) / inner(g, g)
    text = "The iterates converge, but for n = 1 you do not return v − τ∇F(v): start from u = v, and do n iterations, not one more."
    expect(is_close(v - first, tau * g, 1e-3), "start", text)
    bound = 2 / (kernel_to_transfer(k, v.shape).abs() ** 2 + lam * laplacian_transfer(v.shape)).max().item()
    details = {"λ": lam, "your step": tau, "2/L": bound}
    text = "For this λ your step is beyond 2/L, L = ‖AᵀA + λ∇ᵀ∇‖ ≤ 1 + 8λ: the step must depend on λ."
    expect(tau < bound * (1 - 1e-9), "step-size", text, **details)
    text = "Your step is needlessly small: any step below 2/L is admissible, L = ‖AᵀA + λ∇ᵀ∇‖ ≤ 1 + 8λ."
    expect(tau > 0.04 * bound, "step-size", text, **details)


def _many_iterations(student: Student, first: Tensor, second: Tensor, v: Tensor, k: Tensor, lam: float) -> Tensor:
    """Return the last iterate; a blur that refuses infinite values must not hide why there are some."""
    try:
        return student(v, k, lam, ITERATIONS)
    except Mistake as mistake:
        if mistake.cause == "exception":
            _diagnose_descent(first, second, torch.full_like(v, torch.inf), v, k, lam)
        raise


def _diagnose_descent(first: Tensor, second: Tensor, last: Tensor, v: Tensor, k: Tensor, lam: float) -> None:
    """Raise the mistake that the step from the first iterate to the second, and the last iterate, give away."""
    if is_close(first, v) and is_close(last, v):
        raise Mistake("identity", "The result is v: nothing moves. Subtract τ∇F(u) from u, n times.")
    if is_close(first, last):
        raise Mistake("not-converged", f"The result is the same for n = 1 and n = {ITERATIONS}: the update must be inside the loop, n times.")
    if last.min() >= 0 and last.max() <= 1:
        raise Mistake(
            "clipping", "You clip the iterates to [0, 1]. Then the limit is not the minimizer of F over all images."
        )
    u, move = first.double(), (first - second).double()
    for cause, g, text in _directions(u, v, k, lam):
        tau = inner(move, g) / inner(g, g)
        if not is_close(move, tau * g, tolerance(first)):
            continue
        if cause == "sign" and tau < 0:
            text = "The data term has the wrong sign: ∇F has Aᵀ(Au − v), not Aᵀ(v − Au)."
        if cause == "right":
            _diagnose_step(tau, relative_error(last, restoration.tychonov_deblur(v, k, lam)), k, v, lam)
        raise Mistake(cause, text)
    _read_two_steps(u, move, v, k, lam)
    details = {"distance to the closed form after all iterations": relative_error(last, restoration.tychonov_deblur(v, k, lam))}
    raise Mistake("value", "The iterates do not converge to the minimizer of F, and the step from u₁ to u₂ is not along ∇F(u₁) = Aᵀ(Au₁ − v) + λ∇ᵀ∇u₁.", details)


def _read_two_steps(u: Tensor, move: Tensor, v: Tensor, k: Tensor, lam: float) -> None:
    """Raise when the two terms of the gradient are there, each with a step of its own."""
    terms = torch.stack([adjoint_reference(blur_reference(u, k) - v, k), -laplacian(u)]).flatten(1).T
    fit = torch.linalg.lstsq(terms, move.flatten()).solution
    if not is_close(terms @ fit, move.flatten(), 1e-4):
        return
    a, b = fit.tolist()
    details = {"factor of Aᵀ(Au − v)": a, "factor of ∇ᵀ∇u": b, "λ": lam}
    if abs(b - lam) < 1e-6 * lam or abs(a - 1) < 1e-6:
        raise Mistake(
            "step-size",
            "τ multiplies one of the two terms only: put parentheses around ∇F(u), u − τ (Aᵀ(Au − v) + λ∇ᵀ∇u).",
            details,
        )
    raise Mistake("weight", "The weight of ∇ᵀ∇u is not λ times that of Aᵀ(Au − v).", details)


def _directions(u: Tensor, v: Tensor, k: Tensor, lam: float) -> list[Known]:
    """Return the right gradient at ``u`` and typical wrong ones."""
    residual, smooth = blur_reference(u, k) - v, -laplacian(u)
    data = adjoint_reference(residual, k)
    return [
        ("right", data + lam * smooth, ""),
        ("weight", data, "The regularization is missing: you descend on ½‖k * u − v‖² alone. Add λ∇ᵀ∇u."),
        ("weight", data + smooth, "λ is missing in front of ∇ᵀ∇u."),
        ("weight", data + 2 * lam * smooth, "The weight of ∇ᵀ∇u is 2λ: the gradient of (λ/2)‖∇u‖² is λ∇ᵀ∇u."),
        ("weight", data + lam / 2 * smooth, "The weight of ∇ᵀ∇u is half of what it should be: ∇F(u) = Aᵀ(Au − v) + λ∇ᵀ∇u, without ½ and without 2."),
        ("weight", data + lam**2 * smooth, "The weight of ∇ᵀ∇u is λ²: λ is counted twice."),
        ("sign", data - lam * smooth, "The regularization has the wrong sign: ∇ᵀ∇u = −Δu is added."),
        ("adjoint", residual + lam * smooth, "Aᵀ is missing: the gradient of ½‖Au − v‖² is Aᵀ(Au − v)."),
        ("adjoint", blur_reference(residual, k) + lam * smooth, "You blurred the residual instead of applying the adjoint: Aᵀ is not A for a kernel that is not symmetric."),
        ("value", data + lam * u, "This is the descent for ridge: Tychonov has λ∇ᵀ∇u, not λu."),
        ("value", u - v + lam * smooth, "This is the descent for denoising, A = Id. Here Au = k * u."),
        ("value", adjoint_reference(blur_reference(u, k) - u, k) + lam * smooth, "v is replaced by the iterate, and the observation is lost: in Aᵀ(Au − v) the v is the one that was observed."),
        ("value", data - lam * laplacian(v), "The regularization is computed at v: compute λ∇ᵀ∇u again at each u."),
        ("sign", data + 2 * adjoint_reference(v, k) + lam * smooth, "The observation has the wrong sign: the data term is Aᵀ(Au − v), not Aᵀ(Au + v)."),
        ("value", data + adjoint_reference(v, k) + lam * smooth, "The observation v is missing: the data term is Aᵀ(Au − v)."),
    ]


def _diagnose_step(tau: float, error: float, k: Tensor, v: Tensor, lam: float) -> None:
    """Raise what is wrong with a descent along the right gradient."""
    hessian = kernel_to_transfer(k, v.shape).abs() ** 2 + lam * laplacian_transfer(v.shape)
    bound = 2 / hessian.max().item()
    details = {"your step": tau, "2/L": bound, "λ": lam}
    expect(tau > 0, "sign", "You walk uphill: subtract τ∇F(u).", **details)
    text = "The step is 2/L itself: at the highest value of |k̂|² + λL̂ the error changes its sign at each step and never falls. Stay below."
    expect(abs(tau - bound) > 1e-6 * bound, "step-size", text, **details)
    expect(tau <= bound, "step-size", "The step is beyond 2/L with L = ‖AᵀA + λ∇ᵀ∇‖ ≤ 1 + 8λ: the iterations diverge.", **details)
    details |= {"relative distance to the closed form": error}
    expect(False, "not-converged", f"The gradient is right, but after {ITERATIONS} iterations you are still far from the minimizer: take a step close to 2/L.", **details)
