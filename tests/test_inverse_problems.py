"""The operators of the lecture's table: adjoints, norms, pseudo-inverses against dense matrices and libraries."""

import math
import warnings

import numpy as np
import pytest
import torch
from skimage.data import shepp_logan_phantom
from skimage.transform import iradon, radon, resize

from course_utils.operators import (
    MRI,
    FourierSampling,
    GaussianMeasurements,
    Identity,
    LinearOperator,
    PhaseRetrieval,
    Radon,
    ZoomOut,
    blur,
    blur_and_subsample,
    blur_and_subsample_adjoint,
    dense_matrix,
    dot_test,
    mri,
    mri_adjoint,
    phase_retrieval_gradient,
)
from course_utils.restoration import filtered_backprojection, poisson_fit
from tests.numerics import generator, raises_naming, random_image, random_kernel, relative_error

SHAPE, SQUARE, COMPLEX = (6, 8), (7, 7), torch.complex128
PIXELS = random_image(SHAPE, seed=3) > 0.5
COIL = torch.polar(0.2 + random_image(SHAPE, seed=4), 6 * random_image(SHAPE, seed=5))
ANGLES = torch.tensor([0.0, 17.0, 45.0, 90.0, 133.0], dtype=torch.float64)
REAL, CPLX = torch.float64, torch.complex128
OPERATORS = {  # name: operator, type and shape of u, type and shape of v
    "identity": (Identity(), REAL, SHAPE, REAL, SHAPE),
    "zoom-out": (ZoomOut(random_kernel((3, 5)), SHAPE, 2), REAL, SHAPE, REAL, (3, 4)),
    "zoom-out, all": (ZoomOut(random_kernel((6, 8)), SHAPE, 1), REAL, SHAPE, REAL, SHAPE),
    "zoom-out, singular": (ZoomOut(torch.full((1, 4), 0.25, dtype=REAL), SHAPE, 2), REAL, SHAPE, REAL, (3, 4)),
    "zoom-out, does not divide": (ZoomOut(random_kernel((3, 2)), SHAPE, 4), REAL, SHAPE, REAL, (2, 2)),
    "zoom-out, odd": (ZoomOut(random_kernel((2, 3)), (9, 5), 2), REAL, (9, 5), REAL, (5, 3)),
    "Fourier": (FourierSampling(PIXELS), CPLX, SHAPE, CPLX, SHAPE),
    "Fourier, nothing": (FourierSampling(torch.zeros(SHAPE, dtype=torch.bool)), CPLX, SHAPE, CPLX, SHAPE),
    "Gaussian, m < d": (GaussianMeasurements(20, SHAPE, generator(1)), REAL, SHAPE, REAL, (20,)),
    "Gaussian, m = d": (GaussianMeasurements(48, SHAPE, generator(1)), REAL, SHAPE, REAL, (48,)),
    "Gaussian, m > d": (GaussianMeasurements(60, SHAPE, generator(1)), REAL, SHAPE, REAL, (60,)),
    "MRI": (MRI(COIL, PIXELS), CPLX, SHAPE, CPLX, SHAPE),
    "Radon": (Radon(ANGLES, SQUARE), REAL, SQUARE, REAL, (5, 7)),
    "Radon, not square": (Radon(ANGLES, SHAPE), REAL, SHAPE, REAL, (5, 8)),
    "Radon, high": (Radon(ANGLES, (9, 4)), REAL, (9, 4), REAL, (5, 9)),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_against_its_dense_matrix(name):
    A, u_type, u_shape, v_type, v_shape = OPERATORS[name]
    assert isinstance(A, LinearOperator)
    dense = dense_matrix(A, u_shape, u_type)
    assert A(torch.zeros(u_shape, dtype=u_type)).shape == v_shape
    torch.testing.assert_close(dense_matrix(A.adjoint, v_shape, v_type), dense.mH)
    assert A.norm() == pytest.approx(torch.linalg.matrix_norm(dense, ord=2).item(), rel=1e-10)
    assert dot_test(A, A.adjoint, u_shape, v_shape, generator(), v_type) < 1e-14
    if hasattr(A, "pinv") and "divide" not in name and "odd" not in name:
        torch.testing.assert_close(dense_matrix(A.pinv, v_shape, v_type), torch.linalg.pinv(dense, rtol=1e-10))


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_takes_batches_and_keeps_the_precision(name):
    A, _, u_shape, v_type, v_shape = OPERATORS[name]
    u, v = random_image((2, 3, *u_shape)), torch.randn((2, 3, *v_shape), generator=generator(), dtype=v_type)
    methods = [(A, u), (A.adjoint, v)]
    if name in ("identity", "zoom-out", "Fourier", "Gaussian, m < d", "Gaussian, m > d"):
        methods.append((A.pinv, v))
    for method, x in methods:
        torch.testing.assert_close(method(x)[1, 2], method(x[1, 2]))
        single = torch.complex64 if x.is_complex() else torch.float32
        if name != "MRI":  # there the coil has its precision too
            assert method(x.to(single)).dtype in (single, single.to_complex())


@pytest.mark.parametrize("name", ["zoom-out", "Fourier", "Gaussian, m < d", "MRI", "Radon"])
def test_an_operator_can_be_differentiated(name):
    A, _, u_shape, _, _ = OPERATORS[name]
    u = random_image(u_shape).requires_grad_()
    v = A(random_image(u_shape, seed=9))
    (0.5 * (A(u) - v).abs().square().sum()).backward()
    by_hand = A.adjoint(A(u.detach()) - v)
    torch.testing.assert_close(u.grad, by_hand.real if by_hand.is_complex() else by_hand)


# --- the dot test -----------------------------------------------------------------------------------------------------


def test_the_dot_test_tells_the_adjoint_from_what_looks_like_it():
    M = torch.randn(5, 4, generator=generator(), dtype=COMPLEX)

    def mismatch(adjoint, dtype=COMPLEX):
        return dot_test(lambda u: M.to(dtype) @ u, adjoint, (4,), (5,), generator(7), dtype)

    assert mismatch(lambda v: M.mH @ v) < 1e-15
    assert mismatch(lambda v: M.T @ v) > 1e-2  # transposed, not conjugated
    assert mismatch(lambda v: M.mH @ v / 1.01) > 1e-4
    assert mismatch(lambda v: -(M.mH @ v)) > 1e-2
    assert mismatch(lambda v: (M.mH @ v).real.to(COMPLEX)) > 1e-2


def test_the_dot_test_is_relative_and_reproducible():
    M = torch.randn(5, 4, generator=generator(), dtype=REAL)
    results = [
        dot_test(lambda u, s=s: s * (M @ u), lambda v, s=s: 1.1 * s * (M.T @ v), (4,), (5,), generator(2), REAL)
        for s in (1e-9, 1.0, 1e9)
    ]
    assert max(results) == pytest.approx(min(results), rel=1e-9)
    assert results[0] > 1e-3
    assert dot_test(torch.zeros_like, torch.zeros_like, (4,), (4,), generator(), REAL) == 0


# --- one by one -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "s"), [((6, 8), 2), ((9, 7), 2), ((9, 10), 3), ((7, 5), 4), ((5, 6), 1)])
def test_zoom_out_keeps_every_sth_pixel_of_the_blurred_image(shape, s):
    u, k = random_image(shape), random_kernel((3, 4))
    expected = torch.stack(
        [torch.stack([blur(u, k)[i, j] for j in range(0, shape[1], s)]) for i in range(0, shape[0], s)]
    )
    torch.testing.assert_close(blur_and_subsample(u, k, s), expected)
    v = random_image(expected.shape, seed=2)
    left, right = (expected * v).sum(), (u * blur_and_subsample_adjoint(v, k, s, shape)).sum()
    torch.testing.assert_close(left, right)


def test_zoom_out_by_deepinv():
    physics = deepinv_physics()
    u, k = random_image((12, 18)), random_kernel((3, 5))
    A = ZoomOut(k, (12, 18), 3)
    theirs = physics.Downsampling((1, 12, 18), filter=k[None, None].double(), factor=3, padding="circular")
    torch.testing.assert_close(A(u), theirs.A(u[None, None])[0, 0])
    v = random_image((4, 6), seed=2)
    torch.testing.assert_close(A.adjoint(v), theirs.A_adjoint(v[None, None])[0, 0])


def test_mri_is_a_masked_unitary_transform():
    u = random_image(SHAPE)
    spectrum = np.fft.fft2((COIL * u).numpy()) / math.sqrt(u.numel())
    torch.testing.assert_close(mri(u, COIL, PIXELS), torch.from_numpy(spectrum * PIXELS.numpy()))
    everything = torch.ones(SHAPE, dtype=torch.bool)
    torch.testing.assert_close(mri_adjoint(mri(u, COIL, everything), COIL, everything).real, COIL.abs() ** 2 * u)
    assert MRI(COIL, everything).norm() == pytest.approx(COIL.abs().max().item(), rel=1e-9)


def test_conjugated_views_are_accepted():
    v = torch.randn(SHAPE, generator=generator(), dtype=COMPLEX)
    for method in (FourierSampling(PIXELS), FourierSampling(PIXELS).adjoint, MRI(COIL, PIXELS).adjoint):
        torch.testing.assert_close(method(v.conj()), method(v.conj().resolve_conj()))


def test_mri_by_deepinv():
    physics = deepinv_physics()
    u, mask = random_image((8, 6)), random_image((8, 6), seed=3) > 0.5
    centred = torch.fft.fftshift(mask).double()[None, None]
    theirs = physics.MRI(mask=centred, img_size=(8, 6))
    k = theirs.A(torch.stack([u, torch.zeros_like(u)])[None])[0]  # theirs centres both the image and its spectrum
    centred_image = torch.fft.ifftshift(u)
    ours = torch.fft.fftshift(FourierSampling(mask)(centred_image))
    torch.testing.assert_close(torch.complex(k[0], k[1]), ours)


def deepinv_physics():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import deepinv

    return deepinv.physics


# --- tomography -------------------------------------------------------------------------------------------------------


def phantom(size):
    return torch.from_numpy(resize(shepp_logan_phantom(), (size, size), anti_aliasing=True))


@pytest.mark.parametrize("size", [64, 65])
def test_radon_is_close_to_scikit_image_s(size):
    u, angles = phantom(size), torch.arange(30, dtype=torch.float64) * 6
    A, theirs = Radon(angles, (size, size)), torch.from_numpy(radon(phantom(size).numpy(), angles.numpy())).T
    assert relative_error(A(u), theirs) < 0.01
    backprojected = iradon(theirs.T.numpy(), angles.numpy(), filter_name=None, circle=False, output_size=size)
    assert relative_error(A.adjoint(theirs) * torch.pi / (2 * 30), torch.from_numpy(backprojected)) < 0.002


def test_radon_is_close_to_deepinv_s():
    u, angles = phantom(65), torch.arange(30, dtype=torch.float64) * 6  # an odd size: both turn around the middle pixel
    theirs = deepinv_physics().Tomography(angles, img_width=65, circle=True, normalize=False, dtype=torch.float64)
    assert relative_error(Radon(angles, (65, 65))(u), theirs.A(u[None, None])[0, 0].T) < 0.02


def test_radon_is_the_area_of_the_strips():
    """The entries against areas of pixels inside strips that are counted on a fine grid."""
    shape, fine = (5, 4), 200
    A = Radon(ANGLES, shape)
    inside = (torch.arange(fine, dtype=REAL) + 0.5) / fine - 0.5
    for row, angle in enumerate(torch.deg2rad(ANGLES)):
        for i, j in [(0, 0), (2, 2), (4, 1)]:
            t = (j - 2 + inside) * torch.cos(angle) - (i - 2 + inside[:, None]) * torch.sin(angle)
            counted = torch.bincount((t + 2.5).floor().long().clamp(-1, 5).flatten() + 1, minlength=7)[1:6] / fine**2
            point = torch.zeros(shape, dtype=REAL)
            point[i, j] = 1
            torch.testing.assert_close(A(point)[row], counted.double(), atol=0.01, rtol=0)


def test_the_rows_of_a_sinogram_have_the_mass_of_the_image():
    u = torch.zeros(33, 33, dtype=REAL)
    u[8:25, 8:25] = random_image((17, 17))
    A = Radon(torch.arange(0, 180, 7, dtype=REAL), (33, 33))
    torch.testing.assert_close(A(u).sum(1), u.sum().expand(26))
    columns = A(u)[0]
    torch.testing.assert_close(columns, u.sum(0))  # angle 0 adds up the columns


@pytest.mark.parametrize("size", [64, 75])
def test_filtered_backprojection_recovers_a_disk(size):
    y, x = torch.meshgrid(*(torch.arange(size, dtype=REAL) - size // 2,) * 2, indexing="ij")
    u = ((x - 5) ** 2 + (y + 3) ** 2 < 15**2).double()
    angles = torch.arange(90, dtype=REAL) * 2
    restored = filtered_backprojection(Radon(angles, (size, size))(u), angles)
    middle = (x - 5) ** 2 + (y + 3) ** 2 < 10**2
    assert abs(restored[middle].mean().item() - 1) < 0.03
    theirs = iradon(Radon(angles, (size, size))(u).T.numpy(), angles.numpy(), circle=True)
    inscribed = x**2 + y**2 < (size // 2 - 1) ** 2
    assert (restored - torch.from_numpy(theirs))[inscribed].square().mean().sqrt() < 0.05


# --- phase retrieval and Poisson noise --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Fourier", "MRI", "Gaussian, m > d"])
def test_the_gradient_of_phase_retrieval_is_autograd_s(name):
    A, _, shape, _, _ = OPERATORS[name]
    P, u = PhaseRetrieval(A), random_image(shape).requires_grad_()
    b = P(random_image(shape, seed=8))
    f = 0.25 * (P(u) - b).square().sum()
    f.backward()
    torch.testing.assert_close(phase_retrieval_gradient(u.detach(), A, b), u.grad)
    torch.testing.assert_close(P.gradient(u.detach(), b), u.grad)


def test_phase_retrieval_does_not_see_the_sign_nor_fourier_moduli_a_shift_or_a_flip():
    A, u = FourierSampling(torch.ones(SHAPE, dtype=torch.bool)), random_image(SHAPE)
    for same in (-u, u.roll((2, 3), (0, 1)), u.flip(0, 1)):
        torch.testing.assert_close(PhaseRetrieval(A)(same), PhaseRetrieval(A)(u))


def test_poisson_fit_is_the_likelihood_of_torch_s_poisson_distribution():
    u = 0.1 + 9 * random_image(SHAPE)
    v = torch.poisson(u, generator=generator())
    assert (v == 0).any()
    likelihood = torch.distributions.Poisson(u).log_prob(v)
    torch.testing.assert_close(poisson_fit(u, v), -(likelihood + torch.lgamma(v + 1)).sum())
    zero = torch.zeros(3, dtype=REAL)
    assert poisson_fit(zero, zero) == 0
    assert poisson_fit(zero, zero + 1) == math.inf


IMAGE, KERNEL, MASK = torch.ones(6, 8), torch.ones(3, 4), torch.ones(6, 8, dtype=torch.bool)
BAD = [
    (TypeError, "u", lambda: Identity()(IMAGE.byte())),
    (ValueError, "s", lambda: blur_and_subsample(IMAGE, KERNEL, 0)),
    (TypeError, "s", lambda: blur_and_subsample(IMAGE, KERNEL, 2.0)),
    (ValueError, "u", lambda: blur_and_subsample(IMAGE * math.nan, KERNEL, 2)),
    (ValueError, "v", lambda: blur_and_subsample_adjoint(IMAGE, KERNEL, 2, (6, 8))),
    (ValueError, "kernel", lambda: ZoomOut(KERNEL, (2, 8), 2)),
    (ValueError, "stride", lambda: ZoomOut(KERNEL, (6, 8), 0)),
    (ValueError, "stride", lambda: ZoomOut(KERNEL, (6, 8), 4).pinv(torch.ones(2, 2))),
    (ValueError, "u", lambda: ZoomOut(KERNEL, (6, 8), 2)(torch.ones(6, 6))),
    (ValueError, "v", lambda: ZoomOut(KERNEL, (6, 8), 2).pinv(IMAGE)),
    (TypeError, "mask", lambda: FourierSampling(IMAGE)),
    (ValueError, "mask", lambda: FourierSampling(MASK[0])),
    (ValueError, "u", lambda: FourierSampling(MASK)(torch.ones(8, 6))),
    (ValueError, "v", lambda: FourierSampling(MASK).adjoint(IMAGE * math.inf)),
    (ValueError, "m", lambda: GaussianMeasurements(0, (6, 8), generator())),
    (TypeError, "generator", lambda: GaussianMeasurements(3, (6, 8), 0)),
    (ValueError, "v", lambda: GaussianMeasurements(3, (6, 8), generator()).adjoint(torch.ones(4))),
    (ValueError, "coil", lambda: MRI(torch.ones(3, 6, 8), MASK)),
    (TypeError, "mask", lambda: mri(IMAGE, IMAGE, IMAGE)),
    (ValueError, "u", lambda: mri(torch.ones(8, 6), IMAGE, MASK)),
    (TypeError, "k", lambda: mri_adjoint(IMAGE.long(), IMAGE, MASK)),
    (ValueError, "angles", lambda: Radon(IMAGE, (6, 8))),
    (TypeError, "angles", lambda: Radon([0.0, 90.0], (6, 8))),
    (ValueError, "shape", lambda: Radon(torch.ones(2), (6,))),
    (ValueError, "u", lambda: Radon(torch.ones(2), (6, 8))(torch.ones(6, 6))),
    (ValueError, "sinogram", lambda: filtered_backprojection(IMAGE[0], torch.ones(1))),
    (ValueError, "angles", lambda: filtered_backprojection(IMAGE, torch.ones(5))),
    (ValueError, "u", lambda: poisson_fit(-IMAGE, IMAGE)),
    (ValueError, "v", lambda: poisson_fit(IMAGE, -IMAGE)),
    (ValueError, "u", lambda: poisson_fit(IMAGE, IMAGE[:1])),
]


@pytest.mark.parametrize(("error", "argument", "call"), BAD)
def test_bad_input_is_refused_by_name(unchecked, error, argument, call):
    raises_naming(pytest, error, argument, call)


def test_the_phantom_is_scikit_image_s():
    from course_utils.images import shepp_logan

    theirs = torch.from_numpy(resize(shepp_logan_phantom(), (100, 100), anti_aliasing=False, order=1))
    assert (shepp_logan(100) - theirs).abs().mean() < 0.01
    assert shepp_logan(64).min() >= 0
    assert shepp_logan(64).max() <= 1
