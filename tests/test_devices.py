"""The flat modules on a device without float64 whose tensors do not mix with the CPU's; every lesson on a device."""

import copy
import re

import matplotlib.pyplot as plt
import pytest
import torch
from torch.utils._pytree import tree_flatten, tree_map

from course_utils.classroom.build import read_source, source_files
from course_utils.features import VGGFeatures, load_lpips
from course_utils.operators import Blur
from tests.calls import MODULES, H, W, good_arguments, public
from tests.numerics import random_image
from tests.pretend_device import NAME, REFUSED, Mode, Pretended, held, pretended, single
from tests.rotation import PRETENDED, ROUND, of_today

DEVICE = re.compile(r'^device = "cpu"', re.MULTILINE)

# These draw or make their own tensors, on the device of the generator or on the CPU, for an operator that is there.
# Coordinates are integers of 64 bits, scrambled on the CPU.
ON_THE_CPU = {("operators", "dense_matrix"), ("operators", "dot_test"), ("generators", "scramble")}
LINEAR = (
    "linear algebra and Fourier transforms in float64 on the device of the images: the precision is part of the lesson"
)
DOUBLE = {  # lessons that run on a device with float64 only, NVIDIA's and not Apple's, with the reason
    "01_gaussian_face_model": LINEAR,
    "02_gaussian_textures": LINEAR,
    "03_inverse_problems": LINEAR,
    "04_deblurring": LINEAR,
    "05_gradient_descent": LINEAR,
    "06_pseudo_inverse": LINEAR,
    "07_tv_denoising": "gradients, rates and objectives are compared to 1e-10 and further",
    "08_constrained_inpainting": "projections are exact to 1e-12, and asserted so",
    "09_metrics": "images of one error to 1e-9 dB",
    "11_style_transfer": "colours are matched by their covariances in float64",
    "16_diffusion": "its exact scores, which it compares with what is computed, are in float64",
    "17_diffusion_restoration": "the exact posterior of the faces is in float64",
}
# Covariances of features are in float64, on the CPU: `style.feature_gaussian` puts them there.
COVARIANCES = (
    "matrix_power",
    "bures_wasserstein",
    "gaussian_map",
    "gaussian_barycentre",
    "whiten_color",
    "wasserstein_loss",
)
ON_THE_CPU |= {("style", name) for name in COVARIANCES}
CALLS = [(module, name) for module in MODULES for name in public(module) if (module, name) not in ON_THE_CPU]


def converted(value, convert):
    """Return an argument with its tensors, and those of its operator, converted."""
    if isinstance(value, Blur):
        return Blur(convert(value.kernel), value.shape)
    if isinstance(value, torch.nn.Module):
        return copy.deepcopy(value)._apply(convert)
    return tree_map(lambda part: convert(part) if isinstance(part, torch.Tensor) else part, value)


def result(module, name, convert):
    arguments = good_arguments(module, name)
    return public(module)[name](**{key: converted(value, convert) for key, value in arguments.items()})


@pytest.fixture(autouse=True)
def networks_move():
    """Let a network take the tensors of another class for its weights."""
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    yield
    torch.__future__.set_overwrite_module_params_on_conversion(before)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("module", "name"), CALLS)
def test_a_function_gives_there_what_it_gives_here(module, name):
    here = result(module, name, single)
    with Mode():
        there = result(module, name, pretended)
    for a, b in zip(tree_flatten(here)[0], tree_flatten(there)[0], strict=True):
        if isinstance(a, torch.Tensor):
            torch.testing.assert_close(held(b), a, rtol=1e-4, atol=1e-4, equal_nan=True)
        elif isinstance(a, float):
            assert b == pytest.approx(a, rel=1e-4, nan_ok=True)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "name", ["Blur", "ZoomOut", "Mask", "Matrix", "FourierSampling", "MRI", "Radon", "Identity", "GaussianMeasurements"]
)
def test_an_operator_works_there(name):
    def run(convert):
        A = result("operators", name, convert)
        u = convert(random_image((2, 4, 5) if name == "Matrix" else (2, H, W)))
        v = A(u)
        return [v, A.adjoint(v), *([A.pinv(v)] if hasattr(A, "pinv") else [])], A.norm()

    here, norm = run(single)
    with Mode():
        there, norm_there = run(pretended)
    assert norm_there == pytest.approx(norm, rel=1e-4)
    for a, b in zip(here, there, strict=True):
        assert isinstance(b, Pretended)
        torch.testing.assert_close(b.held, a, rtol=1e-3, atol=1e-3)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "make",
    [
        lambda: load_lpips()[0],
        lambda: VGGFeatures(layers=("conv1_1", "relu2_1"), pooling="max"),
        lambda: VGGFeatures(layers=("pool1",), padding="reflect"),
    ],
)
def test_a_network_sees_there_what_it_sees_here(make):
    network, image = make(), random_image((2, 3, 40, 33)).float()
    here = network(image)
    with Mode():
        there = converted(network, pretended)(pretended(image))
    for layer, features in here.items():
        torch.testing.assert_close(there[layer].held, features, rtol=1e-3, atol=1e-3)  # Winograd on the CPU only


def code_cells(name):
    return [cell.source for cell in read_source(source_files()[name]).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("name", sorted(source_files()))
def test_a_lesson_names_its_device_once(name):
    assert sum(len(DEVICE.findall(source)) for source in code_cells(name)) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Matplotlib asks for it
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", of_today(source_files(), ROUND, PRETENDED))
def test_a_lesson_runs_there(name):
    """Run the code of a lesson whole, but for its checks, which have inputs of their own on the CPU."""
    dtype, variables = torch.get_default_dtype(), {}
    try:
        with Mode(refused=() if name in DOUBLE else REFUSED):
            for i, source in enumerate(code_cells(name)):
                code = compile(DEVICE.sub(f'device = "{NAME}"', source), f"<{name}, cell {i}>", "exec")
                exec(code, variables)
                variables["check"] = lambda answer: answer
                plt.close("all")
    finally:
        torch.set_default_dtype(dtype)
    assert any(isinstance(value, Pretended) for value in variables.values())


def test_exceptions_are_lessons():
    assert set(DOUBLE) <= set(source_files())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x + torch.ones(3, 4),
        lambda x: x.double(),
        lambda x: torch.zeros(3, dtype=torch.float64, device=x.device),
        lambda x: x.detach().numpy(),
        lambda x: torch.eye(3) @ x,
    ],
)
def test_the_device_refuses(wrong):
    with Mode(), pytest.raises((RuntimeError, TypeError)):
        wrong(pretended(torch.ones(3, 4)))
