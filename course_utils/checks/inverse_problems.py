"""Checks of lesson 03: the dot test, zoom-out, MRI, filtered backprojection, phase retrieval, Poisson's likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.fft import fft2, fftshift, ifft2

from course_utils import operators, restoration
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
    recognise_parts,
    relative_error,
)
from course_utils.operators import FourierSampling, GaussianMeasurements, LinearOperator, Radon, blur
from course_utils.operators import blur_adjoint as blur_transposed

CASES = (((6, 8), (3, 4), 2), ((9, 7), (4, 3), 2), ((9, 10), (5, 3), 3), ((7, 5), (2, 3), 4))  # image, kernel, stride
SMALL = 1e-8  # a mismatch of rounding; float32 is right at 1e-4, which is how it is compared


def _kernel(shape: tuple[int, int]) -> Tensor:
    k = 0.1 + torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return 1.3 * k / k.sum()  # neither symmetric nor of sum 1


# --- the dot test -----------------------------------------------------------------------------------------------------


def _pair(dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    M = torch.randn(4, 6, dtype=dtype, generator=torch.Generator().manual_seed(seed))
    return M, lambda u: M.to(u.dtype) @ u.flatten(), lambda v: (M.mH.to(v.dtype) @ v).reshape(2, 3)


@exercise(
    operators.dot_test,
    hints=(
        "Draw u and v at random and compare two inner products, which are equal for the adjoint and for nothing else.",
        "|⟨Au, v⟩ − ⟨u, A*v⟩| / (‖Au‖ ‖v‖), where ⟨x, y⟩ is the sum of x conj(y).",
        "u = torch.randn(u_shape, generator=generator, dtype=dtype)",
    ),
)
def dot_test(student: Student) -> str:
    """Examine the dot test by what it says of right and of wrong adjoints."""
    def mismatch(A: Callable[[Tensor], Tensor], adjoint: Callable[[Tensor], Tensor], dtype: torch.dtype, seed: int = 5) -> float:
        def as_asked(x: Tensor) -> Tensor:
            if dtype.is_complex and not x.is_complex():
                raise Mistake("complex", "u and v are real though dtype is complex: real numbers do not tell a transpose from an adjoint. Draw with dtype=dtype.")
            return x

        return student.number(lambda u: A(as_asked(u)), lambda v: adjoint(as_asked(v)), (2, 3), (4,), torch.Generator().manual_seed(seed), dtype)

    for dtype in (torch.float64, torch.complex128):
        M, A, adjoint = _pair(dtype)
        right = mismatch(A, adjoint, dtype)
        conjugated = "For complex numbers ⟨x, y⟩ is the sum of x conj(y): without the conjugation the right adjoint fails, and the transposed one passes."
        if dtype.is_complex:
            transposed = mismatch(A, lambda v, M=M: (M.T @ v).reshape(2, 3), dtype)  # type: ignore[misc]
            expect(abs(transposed) > 1e-4, "conjugate", f"A transposed operator that is not conjugated passes your test. {conjugated}", mismatch=transposed)
            expect(abs(right) < SMALL, "conjugate", f"The right adjoint of a complex operator fails your test. {conjugated}", mismatch=right)
        if abs(right) > SMALL:
            opposite = mismatch(A, lambda v, a=adjoint: -a(v), dtype)  # type: ignore[misc]
            expect(abs(opposite) > SMALL, "sign", "The opposite of the adjoint passes your test, and the adjoint fails: subtract the two inner products.", mismatch=right)
        expect(abs(right) < SMALL, "value", "The right adjoint fails your test: the mismatch must be of the order of rounding.", mismatch=right)
        wrong = mismatch(A, lambda v, a=adjoint: -a(v), dtype)  # type: ignore[misc]
        expect(abs(wrong) > 1e-4, "sign", "The opposite of the adjoint passes your test. Compare the two inner products, not their moduli or squares.", mismatch=wrong)
        wrong = mismatch(A, lambda v, a=adjoint: 1.1 * a(v), dtype)  # type: ignore[misc]
        expect(abs(wrong) > 1e-4, "value", "1.1 A* passes your test: it must compare ⟨Au, v⟩ with ⟨u, A*v⟩.", mismatch=wrong)
        skew = _pair(dtype, 1)[2]
        first, again, other = (mismatch(A, lambda v, a=adjoint, e=skew: a(v) + e(v), dtype, seed) for seed in (5, 5, 6))  # type: ignore[misc]
        text = "Draw u and v by torch.randn(..., generator=generator): the same generator must give the same number, another one another."
        expect(is_close(again, first), "randomness", f"Two calls with the same generator differ. {text}")
        expect(not is_close(other, first), "randomness", f"The result does not depend on the generator. {text}")
        large = mismatch(lambda u, a=A: 1e5 * a(u), lambda v, a=adjoint: 1.1e5 * a(v), dtype)  # type: ignore[misc]
        text = "The mismatch must be relative: divide by ‖Au‖ ‖v‖, so that 10⁵ A gives the same number as A."
        expect(is_close(large, wrong, 1e-3), "normalisation", text, **{"for 1.1 A*": wrong, "when A is 10⁵ times larger": large})
        expect(min(wrong, large, transposed if dtype.is_complex else wrong) >= 0, "sign", "A mismatch is a distance: take its absolute value.", mismatch=wrong)
    return "the adjoint passes; its opposite, 1.1 A* and a transpose without conjugation do not; the mismatch is relative"


# --- super-resolution -------------------------------------------------------------------------------------------------


def _recognise_strided_shape(result: object, shape: tuple[int, int], s: int) -> None:
    """Raise the mistake of an image whose size is that of another stride, or of a convolution that changes the size."""
    kept = tuple(-(-n // s) for n in shape)
    if not isinstance(result, Tensor) or tuple(result.shape) in (kept, kept[::-1]):
        return
    for t in range(2, 7):
        if tuple(result.shape) == tuple(-(-n // t) for n in shape):
            raise Mistake("global", f"The stride is {t} where s is {s}: take the argument.", {"your shape": tuple(result.shape)})
    for i, j in ((a, b) for a in range(-5, 6) for b in range(-5, 6)):
        if tuple(result.shape) == (-(-(shape[0] + i) // s), -(-(shape[1] + j) // s)):
            raise Mistake("boundary", "The blur changes the size of the image: blur(u, kernel) is periodic and keeps it.", {"your shape": tuple(result.shape)})


@exercise(
    operators.blur_and_subsample,
    hints=(
        "First the filter, on the large grid, then one pixel out of s in each direction.",
        "(k * u)↓s (x, y) = (k * u)(s x, s y): a slice with a step.",
        "blurred = blur(u, kernel)",
    ),
)
def blur_and_subsample(student: Student) -> str:
    """Examine the zoom-out by its definition."""
    for seed, (shape, size, s) in enumerate(CASES):
        u, k = random_image(shape, seed), _kernel(size)
        expected = blur(u, k)[::s, ::s]
        result = student(u, k, s)
        if isinstance(result, Tensor) and result.shape == u.shape:
            raise Mistake("shape", "The result is as large as u: keep one pixel out of s in each direction.")
        if isinstance(result, Tensor) and tuple(result.shape) in ((expected.shape[0], shape[1]), (shape[0], expected.shape[1])):
            raise Mistake("axis", "Only one axis is subsampled: take one row out of s and one column out of s.")
        if isinstance(result, Tensor) and tuple(result.shape) == (shape[0] // s, shape[1] // s) != tuple(expected.shape):
            raise Mistake("shape", f"The pixels s x run from 0 below the side: there are ⌈{shape[0]}/{s}⌉ rows and ⌈{shape[1]}/{s}⌉ columns, not the quotient rounded down. A slice with step s does it.")
        _recognise_strided_shape(result, shape, s)
        answer = student.as_tensor(result, expected.shape)
        small = u[::s, ::s]
        known = [
            ("value", small, "You subsample without filtering: this is u↓s, and it aliases. Blur first."),
            ("conjugate", blur_transposed(u, k)[::s, ::s], "The kernel is flipped: a convolution is Σ k(y) u(x − y). Use blur, not its adjoint or conv2d."),
            ("normalisation", blur(u, k / k.sum())[::s, ::s], "You normalised the kernel. A is linear in k as it is."),
            ("value", blur(blur(u, k), k)[::s, ::s], "The image is blurred twice."),
            *(("value", torch.nn.functional.avg_pool2d(w[None, None], s, ceil_mode=True)[0, 0], "You average blocks of s × s pixels. After the filter one pixel of each block is kept, (s x, s y).") for w in (blur(u, k), u)),
        ]
        known += [("centering", blur(u, k).roll((-i, -j), (0, 1))[::s, ::s], f"You start at pixel ({i}, {j}). The lecture keeps the pixels (s x, s y): start at (0, 0).") for i in range(s) for j in range(s) if i or j]
        if size[0] <= small.shape[0] and size[1] <= small.shape[1]:
            known.append(("order", blur(small, k), "You subsample first and blur then. The filter must remove the high frequencies before they alias."))
        recognise(answer, *known)
        expect_close(answer, expected, "value", "The result is not (k * u)(s x, s y).")
    return "(k * u)(s x, s y), for strides that divide the sides and strides that do not"


@exercise(
    operators.blur_and_subsample_adjoint,
    hints=(
        "A = S B, so A* = B* S*: in the opposite order. What is the adjoint of dropping pixels?",
        "S* puts v on the pixels (s x, s y) of an image of zeros of size shape; B* is blur_adjoint.",
        "u = v.new_zeros(shape); u[::s, ::s] = v",
    ),
)
def blur_and_subsample_adjoint(student: Student) -> str:
    """Examine the adjoint of the zoom-out by the dot test."""
    for seed, (shape, size, s) in enumerate(CASES):
        k = _kernel(size)
        v = random_image((-(-shape[0] // s), -(-shape[1] // s)), 10 + seed)
        result = student(v, k, s, shape)
        if isinstance(result, Tensor) and tuple(result.shape) == (s * v.shape[0], s * v.shape[1]) != shape:
            raise Mistake("shape", "The result has s times the size of v. When s does not divide the sides that is too large: use shape.")
        answer = student.as_tensor(result, shape)
        zeros = v.new_zeros(shape)
        zeros[::s, ::s] = v
        repeated = v.repeat_interleave(s, 0).repeat_interleave(s, 1)[: shape[0], : shape[1]]
        corner = v.new_zeros(shape)
        corner[: v.shape[0], : v.shape[1]] = v
        known = [
            ("conjugate", blur(zeros, k), "After S* comes the adjoint of the blur, blur_adjoint, not the blur."),
            ("adjoint", zeros, "This is S*v: the adjoint of the blur is missing."),
            ("adjoint", repeated, "You repeat each pixel s × s times: that is the adjoint of a sum over blocks, not of dropping pixels."),
            ("adjoint", blur_transposed(repeated, k), "You repeat each pixel s × s times. The adjoint of dropping pixels puts zeros in their place."),
            ("adjoint", blur(repeated, k), "You repeat each pixel s × s times. The adjoint of dropping pixels puts zeros in their place."),
            ("adjoint", blur_transposed(corner, k), "v lies in the corner. The adjoint of dropping pixels puts v back where it was: at (s x, s y)."),
        ]
        for mode in ("bilinear", "nearest", "bicubic"):
            zoomed = torch.nn.functional.interpolate(v[None, None], size=shape, mode=mode)[0, 0]
            known += [("adjoint", f(zoomed), "You interpolate. The adjoint of dropping pixels puts zeros in their place.") for f in (lambda x: x, lambda x, k=k: blur_transposed(x, k), lambda x, k=k: blur(x, k))]
        if size[0] <= v.shape[0] and size[1] <= v.shape[1]:
            for f in (blur, blur_transposed):
                late = v.new_zeros(shape)
                late[::s, ::s] = f(v, k)
                known.append(("order", late, "(SB)* = B*S*: first put v on the large grid, then apply the adjoint of the blur there."))
        recognise(answer, *known)
        expect_close(answer, blur_transposed(zeros, k), "adjoint", "⟨(k * u)↓s, v⟩ and ⟨u, A*v⟩ differ.")
    return "⟨(k * u)↓s, v⟩ = ⟨u, A*v⟩, for strides that divide the sides and strides that do not"


# --- MRI --------------------------------------------------------------------------------------------------------------


UNITARY = "The unitary transform divides by √(HW) in both directions: norm=\"ortho\"."


def _scan(shape: tuple[int, int], seed: int) -> tuple[Tensor, Tensor]:
    coil = torch.polar(0.3 + random_image(shape, seed).abs(), 3 * random_image(shape, seed + 1))
    return coil, random_image(shape, seed + 2) > 0


def _complex(student: Student, result: object, shape: tuple[int, int], missing: int, real: str) -> Tensor:
    """Return a complex result as an array of real numbers, once its type and shape are right."""
    if not isinstance(result, Tensor):
        raise Mistake("type", f"{student.name} must return a torch tensor.")
    if tuple(result.shape) == (missing,):
        raise Mistake("shape", "You return the measured frequencies only. Here k keeps the size of the image, with zeros where nothing was measured.")
    if tuple(result.shape) != shape:
        raise Mistake("shape", "The result has the wrong shape.", {"your shape": tuple(result.shape), "expected shape": shape})
    if not result.is_complex():
        raise Mistake("complex", real)
    if not torch.isfinite(torch.view_as_real(result.resolve_conj())).all():
        raise Mistake("not-finite", "The result contains NaN or infinite values.")
    return torch.view_as_real(result.detach().resolve_conj())


def _recognise_complex(answer: Tensor, expected: Tensor, known: list[tuple[str, Tensor, str]]) -> None:
    recognise(answer, *((cause, torch.view_as_real(value.to(torch.complex128).resolve_conj()), text) for cause, value, text in known))
    right = torch.view_as_real(expected.resolve_conj())
    factor = inner(answer, right) / inner(right, right)
    if is_close(answer, -right):
        raise Mistake("sign", "The result has the opposite sign.")
    if abs(factor) > 1e-12 and is_close(answer, factor * right):
        text = f"The result is right up to a factor. {UNITARY}"
        raise Mistake("normalisation", text, {"your result / the right one": factor})


@exercise(
    operators.mri,
    hints=(
        "Three steps, from right to left in A = S F D: the coil, the Fourier transform, the mask.",
        "k = mask · F(coil · u), with the unitary F: fft2 with norm=\"ortho\".",
        "k = torch.fft.fft2(coil * u, norm=\"ortho\")",
    ),
)
def mri(student: Student) -> str:
    """Examine the scanner step by step."""
    for seed, shape in enumerate(((6, 5), (7, 8), (9, 9))):
        u, (coil, mask) = random_image(shape, seed), _scan(shape, 3 * seed + 4)
        k = fft2(coil * u, norm="ortho")
        text = "The measurements are complex: keep the real and the imaginary part of the Fourier transform."
        answer = _complex(student, student(u, coil, mask), shape, int(mask.sum()), text)
        if is_close(answer, torch.view_as_real(mask * k)):
            continue
        _recognise_complex(answer, mask * k, [
            ("order", fft2(coil * u * mask, norm="ortho"), "The mask hides pixels here. S acts on frequencies: after the transform."),
            ("order", mask * coil * fft2(u, norm="ortho"), "D multiplies the image, before the transform. You multiplied the spectrum."),
        ])
        recognise_parts(answer, lambda coil, transform, mask, last, u=u: torch.view_as_real((mask * last(transform(coil * u)) + 0j).resolve_conj()), {
            "coil": (coil, [
                ("value", 1 + 0j, "D is missing: multiply u by the sensitivity of the coil before the transform."),
                ("conjugate", coil.conj(), "You conjugated the coil. It is the adjoint that has conj(D)."),
                ("value", coil.abs() + 0j, "You took the modulus of the coil: its phase is part of D."),
                ("complex", coil.real + 0j, "You took the real part of the coil: D is complex."),
                ("value", 1 / coil, "You divide by the coil: D multiplies by it."),
            ]),
            "transform": (lambda x: fft2(x, norm="ortho"), [
                ("normalisation", fft2, UNITARY),
                ("normalisation", lambda x: fft2(x, norm="forward"), UNITARY),
                ("conjugate", lambda x: ifft2(x, norm="ortho"), "You used the inverse transform. A = S F D has the forward one."),
                ("axis", lambda x: torch.fft.fft(x, norm="ortho"), "fft transforms the last axis only. An image needs fft2."),
                ("centering", lambda x: fftshift(fft2(x, norm="ortho")), "The spectrum is shifted: frequency 0 is entry (0, 0) of the mask, as fft2 has it. Shift only to look at it."),
            ]),
            "mask": (mask, [
                ("value", torch.ones_like(mask), "S is missing: only the frequencies of the mask are measured."),
                ("value", ~mask, "You kept the frequencies that are not measured: mask is true where it is measured."),
                ("centering", fftshift(mask), "The mask is shifted: frequency 0 is entry (0, 0), as fft2 has it."),
            ]),
            "last": (lambda x: x, [
                ("complex", lambda x: x.real, "You kept the real part. The measurements are complex."),
                ("complex", lambda x: x.abs(), "You kept the modulus. The measurements are complex."),
            ]),
        })
        expect_close(answer, torch.view_as_real(mask * k), "value", "The result is not S F D u.")
    return "S F D u with the unitary transform, complex, zero where nothing is measured"


@exercise(
    operators.mri_adjoint,
    hints=(
        "(S F D)* = D* F* S*: each factor's adjoint, in the opposite order.",
        "S* = S, F* = F⁻¹ since F is unitary, and D* multiplies by conj(coil).",
        "u = torch.fft.ifft2(mask * k, norm=\"ortho\")",
    ),
)
def mri_adjoint(student: Student) -> str:
    """Examine the adjoint of the scanner on data that are not zero outside the mask."""
    for seed, shape in enumerate(((6, 5), (7, 8), (9, 9))):
        coil, mask = _scan(shape, 3 * seed + 4)
        k = torch.complex(random_image(shape, seed + 30), random_image(shape, seed + 40))
        zoomed = ifft2(mask * k, norm="ortho")
        expected = coil.conj() * zoomed
        text = "A*k is complex: ⟨Au, k⟩ = ⟨u, A*k⟩ holds for complex images. The notebook takes the real part where it needs it."
        answer = _complex(student, student(k, coil, mask), shape, -1, text)
        if is_close(answer, torch.view_as_real(expected)):
            continue
        _recognise_complex(answer, expected, [
            ("conjugate", coil * fft2(mask * k, norm="ortho"), "This is the transpose. The adjoint is conjugated too: conj(coil), and the inverse transform."),
            ("conjugate", expected.conj(), "You conjugated the whole result. Only the coil is conjugated, the inverse transform has its own."),
            ("order", ifft2(mask * coil.conj() * k, norm="ortho"), "conj(D) multiplies the image: after the inverse transform."),
            ("order", mask * (coil.conj() * ifft2(k, norm="ortho")), "The mask acts on frequencies: before the inverse transform."),
            ("complex", expected.real, "You dropped the imaginary part. A*k is complex."),
        ])
        recognise_parts(answer, lambda mask, transform, between, coil, k=k: torch.view_as_real((coil * between(transform(mask * k)) + 0j).resolve_conj()), {
            "mask": (mask, [
                ("adjoint", torch.ones_like(mask), "S* is missing: ⟨SFDu, k⟩ sees the measured frequencies only, and so does A*k. Your k may not be zero elsewhere."),
                ("value", ~mask, "You kept the frequencies that are not measured: mask is true where it is measured."),
                ("centering", fftshift(mask), "The mask is shifted: frequency 0 is entry (0, 0)."),
            ]),
            "transform": (lambda x: ifft2(x, norm="ortho"), [
                ("normalisation", ifft2, UNITARY),
                ("conjugate", lambda x: fft2(x, norm="ortho"), "F* is the inverse transform. You used the forward one: transposed, but not conjugated."),
                ("axis", lambda x: torch.fft.ifft(x, norm="ortho"), "ifft transforms the last axis only. An image needs ifft2."),
                ("centering", lambda x: fftshift(ifft2(x, norm="ortho")), "The image is shifted: ifft2 needs no shift here."),
            ]),
            "between": (lambda x: x, [
                ("complex", lambda x: x.real, "The real part is taken too early: the image before D* is complex."),
                ("complex", lambda x: x.abs(), "The modulus is taken: the image before D* is complex."),
            ]),
            "coil": (coil.conj(), [
                ("conjugate", coil, "Transposed, but not conjugated: D* multiplies by conj(coil)."),
                ("adjoint", 1 + 0j, "D* is missing: multiply by conj(coil) after the inverse transform."),
                ("adjoint", 1 / coil, "You divide by the coil: that is an inverse. The adjoint multiplies by conj(coil)."),
                ("adjoint", 1 / coil.conj(), "You divide by the coil: that is an inverse. The adjoint multiplies by conj(coil)."),
                ("complex", coil.abs() + 0j, "You took the modulus of the coil: D* multiplies by its conjugate."),
                ("complex", coil.real + 0j, "You took the real part of the coil: D* multiplies by its conjugate."),
            ]),
        })
        expect_close(answer, torch.view_as_real(expected), "adjoint", "⟨SFDu, k⟩ and ⟨u, A*k⟩ differ.")
    return "⟨SFDu, k⟩ = ⟨u, A*k⟩ for complex images, on data that are not zero outside the mask"


# --- tomography -------------------------------------------------------------------------------------------------------


def _disks(size: int) -> Tensor:
    """Return a disk of value 1 off the centre that contains one of value 0.5."""
    y, x = (torch.arange(size, dtype=torch.float64) - size // 2 for _ in range(2))
    r = 0.3 * size
    large = (x - 0.08 * size) ** 2 + (y[:, None] + 0.1 * size) ** 2 < r**2
    return large.double() - 0.5 * ((x - 0.15 * size) ** 2 + (y[:, None] + 0.05 * size) ** 2 < (r / 2.5) ** 2)


def _filtered(sinogram: Tensor, angles: Tensor, ramp: Callable[[Tensor], Tensor] = torch.abs, pad: int = 2, first: int = 0) -> Tensor:
    D = sinogram.shape[1]
    omega = torch.fft.fftfreq(pad * D, dtype=torch.float64)
    rows = torch.fft.ifft(ramp(omega) * torch.fft.fft(sinogram, n=pad * D)).real[:, first : first + D]
    return torch.pi / len(angles) * Radon(angles, (D, D)).adjoint(rows)


def _factor_of_backprojection(factor: float, n: int, D: int) -> str:
    """Return what makes a reconstruction of n rows of D cells wrong by a factor."""
    pi = torch.pi
    known = {
        n / pi: "π/n is missing, the step of the integral over the angles.",
        1 / pi: "the step of the integral is π/n, not 1/n.",
        float(n): "the sum over the n directions is not divided by n.",
        2.0: "the directions fill half a turn: the step is π/n, not 2π/n.",
        0.5: "|ω| is not halved, and the step is π/n.",
        2 * pi: "|ω| is in cycles per cell (fftfreq as it is), not in radians.",
        n / D: "the step is π/n, n the number of angles, not π/D.",
        2.0 * D: "|ω| is in cycles per cell (fftfreq as it is), not multiplied by 2D.",
        n / 180: "the step is π/n for n directions, whatever their number.",
    }
    near = [text for value, text in known.items() if abs(factor / value - 1) < 0.02]
    return near[0] if near else "|ω| in cycles per cell (rfftfreq as it is), π/n for the n directions."


@exercise(
    restoration.filtered_backprojection,
    hints=(
        "The backprojection blurs: it counts low frequencies too often, in proportion to 1/|ω|. Undo this before you backproject, row by row.",
        "u = (π/n) R*q, where row θ of q is F⁻¹(|ω| F(row θ)), on rows padded with zeros to 2D cells.",
        "omega = torch.fft.rfftfreq(2 * D)",
    ),
)
def filtered_backprojection(student: Student) -> str:
    """Examine the reconstruction of two disks, at two sizes."""
    for size, n in ((40, 50), (45, 64)):
        u, angles = _disks(size), torch.arange(n, dtype=torch.float64) * 180 / n
        sinogram = Radon(angles, (size, size))(u)
        result = student(sinogram, angles)
        if isinstance(result, Tensor) and tuple(result.shape) == (2 * size, 2 * size):
            raise Mistake("shape", "The padding is still there: after the filter keep the first D cells of each row.")
        if isinstance(result, Tensor) and tuple(result.shape) == (n, n):
            raise Mistake("axis", "n and D are exchanged: the sinogram has n rows, one for each angle, of D cells.")
        answer = student.as_tensor(result, (size, size)).double()
        D, plain = size, torch.pi / n * Radon(angles, (size, size)).adjoint(sinogram)
        r = torch.arange(size, dtype=torch.float64) - size // 2
        inside = r**2 + r[:, None] ** 2 < (size // 2 - 1) ** 2
        expected = restoration.filtered_backprojection(sinogram, angles)
        recognise(
            answer,
            ("value", plain, "This is the backprojection alone: it is blurred. Filter each row by the ramp |ω| before."),
            ("value", plain * n / torch.pi, "This is the backprojection alone: it is blurred. Filter each row by the ramp |ω| before."),
            ("boundary", _filtered(sinogram, angles, pad=1), "The filter wraps around: the end of a row acts on its beginning, and the values come out too low. Pad the rows with zeros to 2D cells."),
            ("square-root", _filtered(sinogram, angles, lambda x: x**2), "The ramp is |ω|, not ω²."),
            ("square-root", _filtered(sinogram, angles, lambda x: x.abs().sqrt()), "The ramp is |ω|, not its square root."),
            ("sign", _filtered(sinogram, angles, lambda x: x), "The ramp is |ω|: fftfreq gives negative frequencies too, take their absolute value."),
            ("centering", _filtered(sinogram, angles, lambda x: torch.linspace(-0.5, 0.5, len(x), dtype=torch.float64).abs()), "The ramp has its 0 in the middle: the FFT has frequency 0 first, as fftfreq."),
            ("centering", _filtered(sinogram, angles, lambda x: fftshift(x).abs()), "The ramp has its 0 in the middle: the FFT has frequency 0 first, as fftfreq."),
            ("boundary", _filtered(sinogram, angles, first=D), "You keep the last D cells of each filtered row: the padding came after, keep the first."),
            ("boundary", _filtered(sinogram, angles, first=D // 2), "You keep the middle of each filtered row: the padding came after, keep the first D cells."),
            ("value", _filtered(sinogram, angles, lambda x: torch.where(x == 0, 0, 1 / x.abs().clamp(min=1e-9))), "You divide by |ω|: the backprojection has done that already. Multiply by |ω|."),
            rtol=1e-3,
        )
        clipped = answer.min() >= 0 and relative_error(answer[inside], expected.clamp(min=0)[inside]) < 0.08
        expect(not clipped, "clipping", "The result has no negative value: you clipped it. Clip only to show an image.")
        if relative_error(answer[inside], expected[inside]) < 0.08 and abs((answer - u)[inside].mean()) < 0.06:
            continue
        factor = inner(answer[inside], expected[inside]) / inner(expected[inside], expected[inside])
        if abs(factor) > 1e-9 and relative_error(answer[inside], factor * expected[inside]) < 0.08:
            text = f"The image is right up to a factor: {_factor_of_backprojection(factor, n, D)}"
            raise Mistake("sign" if abs(factor + 1) < 0.05 else "normalisation", text, {"your result / the right one": factor})
        for turned, how in ((-angles, "upside down"), (180 - angles, "upside down"), (angles + 180, "turned by 180°"), (angles + 90, "turned"), (angles - 90, "turned")):
            if relative_error(answer[inside], restoration.filtered_backprojection(sinogram, turned)[inside]) < 0.08:
                raise Mistake("axis", f"The image is {how}: give the angles as they are, and do not flip the rows.")
        along = torch.fft.ifft(torch.fft.fftfreq(2 * n, dtype=torch.float64).abs()[:, None] * torch.fft.fft(sinogram, n=2 * n, dim=0), dim=0).real[:n]
        short = torch.fft.ifft(torch.fft.fftfreq(n, dtype=torch.float64).abs()[:, None] * torch.fft.fft(sinogram, dim=0), dim=0).real
        recognise(answer, *(("axis", torch.pi / n * Radon(angles, (D, D)).adjoint(q), "You filter along the angles. Each row, one direction, is filtered along the detector: dim=-1.") for q in (along, short)), rtol=1e-3)
        rough, rough_plain = (w.diff(dim=0).norm() / (w - w.mean()).norm() for w in (answer, plain))
        expect(rough > rough_plain, "value", "The image is even smoother than the backprojection alone: do you divide by |ω|? Multiply by it.")
        expect(False, "value", "The two disks are not recovered.", **{"relative error in the disk": relative_error(answer[inside], expected[inside]), "mean error": (answer - u)[inside].mean().item()})
    return "two disks are recovered, at an odd and an even size, with the right level"


# --- phase retrieval and Poisson noise --------------------------------------------------------------------------------


@exercise(
    operators.phase_retrieval_gradient,
    hints=(
        "Chain rule: the outer square gives |Au|² − b, the inner one gives Au, and A* brings both back to the image.",
        "∇f(u) = Re A*((|Au|² − b) Au).",
        "Au = A(u); residual = Au.abs() ** 2 - b",
    ),
)
def phase_retrieval_gradient(student: Student) -> str:
    """Examine the gradient beside autograd's, for a real and for a complex operator."""
    cases: list[tuple[LinearOperator, tuple[int, int]]] = []
    for seed, shape in enumerate(((6, 5), (4, 7))):
        cases.append((GaussianMeasurements(40, shape, torch.Generator().manual_seed(seed)), shape))
        cases.append((operators.MRI(*_scan(shape, seed)), shape))
        cases.append((FourierSampling(torch.ones(shape, dtype=torch.bool)), shape))
    for seed, (A, shape) in enumerate(cases):
        u = random_image(shape, seed)
        Au, b = A(u), A(random_image(shape, seed + 20)).abs().square()

        def back(w: Tensor, A: LinearOperator = A) -> Tensor:
            x = A.adjoint(w)
            return x.real if x.is_complex() else x

        expected = back((Au.abs().square() - b) * Au)
        result = student(u, A, b)
        if isinstance(result, Tensor) and result.is_complex() and result.shape == expected.shape:
            raise Mistake("complex", "The gradient with respect to a real image is real: take the real part after A*.")
        answer = student.as_tensor(result, shape)
        if is_close(answer, expected):
            continue
        recognise(
            answer,
            ("value", back(Au - b), "This is the residual of a linear problem. Here it is |Au|² − b, times Au."),
            ("value", back((1 - b.sqrt() / Au.abs().clamp(min=1e-300)) * Au), "This is the gradient of ½ Σ (|Au| − √b)², another energy."),
            ("order", back((Au.abs().square() - b).to(Au.dtype)) * u, "u multiplies after A*: it is Au that multiplies the residual, before A*."),
            ("complex", back(((Au.real**2 - b) * Au.real).to(Au.dtype)), "The imaginary part of Au is lost: |Au|² is (Au).abs() ** 2, and Au multiplies it as it is."),
        )
        recognise_parts(answer, lambda residual, factor, last, A=A, Au=Au: last(A.adjoint((residual * factor).to(Au.dtype))), {
            "residual": (Au.abs().square() - b, [
                ("square-root", Au.abs() - b, "The residual is |Au|² − b: the square is missing."),
                ("square-root", Au.abs() - b.sqrt(), "This is the residual of another energy, of moduli. Here it is |Au|² − b."),
                ("square-root", Au.abs().square() - b**2, "b is |Au₀|² already: it is not squared again."),
                ("square-root", Au.abs().square() - b.sqrt(), "b is |Au₀|² already: it has no root here."),
                ("sign", Au.abs().square() + b, "The residual is |Au|² − b, not the sum."),
                ("sign", b - Au.abs().square(), "The residual is |Au|² − b, not b − |Au|²."),
                ("value", Au.abs().square(), "b is missing: the residual is |Au|² − b."),
                ("complex", Au**2 - b, "(Au)² is not |Au|²: take the modulus before you square."),
                ("complex", Au.real**2 - b, "|Au|² has the imaginary part too: (Au).abs() ** 2."),
                ("square-root", (Au.abs().square() - b) ** 2, "The residual is squared in f, not in its gradient."),
            ]),
            "factor": (Au, [
                ("value", torch.ones_like(Au), "The inner derivative is missing: the residual |Au|² − b is multiplied by Au before A*."),
                ("conjugate", Au.conj(), "Au is conjugated: it is the residual times Au itself, A* conjugates what must be."),
                ("complex", Au.abs(), "You multiply by |Au|: the phase of Au is what the gradient needs."),
                ("complex", Au.real, "You multiply by the real part of Au: the phase of Au is what the gradient needs."),
                ("square-root", Au**2, "The inner derivative is Au, without a square."),
                ("weight", 2 * Au, "The 2 of the derivative of |Au|², and that of the outer square, cancel the ¼: no factor is left."),
                ("weight", Au / 2, "The ¼ cancels with the two factors 2 of the squares: no ½ is left."),
                ("weight", Au / 4, "The ¼ cancels with the two factors 2 of the squares."),
            ]),
            "last": (lambda x: x.real if x.is_complex() else x, [
                ("complex", lambda x: x.abs(), "You took the modulus. Take the real part after A*."),
                ("complex", lambda x: x.imag if x.is_complex() else x, "You took the imaginary part. Take the real part after A*."),
            ]),
        })
        expect_close(answer, expected, "value", "The result is not the gradient of ¼ Σ (|a_i u|² − b_i)².")
    return "∇f(u) for a real and for two complex operators"


@exercise(
    restoration.poisson_fit,
    hints=(
        "The counts are independent: the likelihood is a product of e^(−u) u^v / v!, its negative logarithm is a sum.",
        "Σ u − v log u, where 0 log 0 counts as 0. log v! does not depend on u: leave it out.",
        "torch.xlogy(v, u) is v log u, and 0 where v = 0",
    ),
)
def poisson_fit(student: Student) -> str:
    """Examine the likelihood, with pixels where nothing was counted."""
    for seed, shape in enumerate(((6, 5), (7, 8), (11,))):
        u = 0.2 + 8 * random_image(shape, seed).abs()
        v = torch.poisson(u, generator=torch.Generator().manual_seed(seed))
        dark, empty = u.clone(), v.clone()
        empty.view(-1)[:2] = 0
        dark.view(-1)[0] = 0
        for mean, counts in ((u + 0.5, v + 1), (u, v), (dark, empty)):  # first without any zero
            u, v = mean, counts
            expected = (u - torch.xlogy(v, u)).sum().item()
            result = student(u, v)
            if isinstance(result, Tensor) and result.numel() == 1 and not torch.isfinite(result).all():
                raise Mistake("not-finite", "Where u = 0 and v = 0 the sum gets 0 · log 0 = NaN. It counts as 0: torch.xlogy(v, u).")
            if isinstance(result, Tensor) and result.numel() > 1:
                raise Mistake("shape", "The likelihood is one number: sum over the pixels.", {"your shape": tuple(result.shape)})
            answer = student.number(u, v)
            if is_close(answer, expected):
                continue
            logarithm = torch.xlogy(v, u)
            recognise(
                answer,
                ("value", 0.5 * (u - v).square().sum(), "This is ½‖u − v‖², the fit of Gaussian noise."),
                ("value", (u - v).square().sum(), "This is ‖u − v‖², the fit of Gaussian noise."),
                ("value", -logarithm.sum(), "The term Σ u is missing: without it, the brighter u the better."),
                ("sign", (u + logarithm).sum(), "The sign of v log u is wrong: it is Σ u − v log u."),
                ("sign", (logarithm - u).sum(), "This is the log-likelihood. A fit is minimized: change the sign."),
                ("order", (v - torch.xlogy(u, v)).nan_to_num(0, 0, 0).sum(), "u and v are exchanged: u is the mean, v the counts."),
                ("order", (u - torch.xlogy(u, v)).nan_to_num(0, 0, 0).sum(), "The logarithm is that of u, the mean; the counts v multiply it."),
                ("value", (u - logarithm + torch.lgamma(v + 1)).sum(), "You added log v!, which does not depend on u. Leave it out: Σ u − v log u."),
                ("value", (u - v + torch.xlogy(v, v) - logarithm).sum(), "This is the Kullback–Leibler divergence, the same up to a constant. The exercise asks for Σ u − v log u."),
                ("normalisation", (u - logarithm).mean(), "This is the mean over the pixels. The likelihood is the sum."),
                ("value", (u - logarithm / math.log(10)).sum(), "The logarithm is the natural one, log, not log10."),
                ("value", (u - logarithm / math.log(2)).sum(), "The logarithm is the natural one, log, not log2."),
                ("epsilon", (u - v * torch.log1p(u)).sum(), "log(1 + u) is not log u."),
                ("value", (u - logarithm)[v > 0].sum(), "Pixels that counted nothing are left out: there v log u is 0, and u still counts."),
                ("order", (u - torch.xlogy(v, v)).sum(), "The logarithm is that of u, the expected number, not of the counts."),
                ("value", (u - u.log()).sum(), "The logarithm is multiplied by the counts: u − v log u."),
                ("value", (u - logarithm - v).sum(), "v is subtracted too: the sum is u − v log u."),
                ("clipping", (u - v * u.clamp(min=1).log()).sum(), "log u is negative where u < 1: do not cut it off."),
                ("value", (u - logarithm).square().sum(), "The terms are squared: they are added as they are."),
            )
            for eps in (1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12):
                if abs(answer - (u - v * (u + eps).log()).sum()) < 1e-9 * abs(expected) < 1e3 * abs(answer - expected):
                    raise Mistake("epsilon", "You added something to u inside the logarithm. 0 log 0 counts as 0 without it: torch.xlogy(v, u).", {"added": eps})
            expect_close(answer, expected, "value", "The result is not Σ u − v log u.")
    return "Σ u − v log u, also where nothing was counted"
