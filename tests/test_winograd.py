"""Tests of course_utils._fast.winograd: the same convolutions as PyTorch's, in float64 up to rounding."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_utils._fast.winograd import WinogradConv2d, convolve, transform_filters


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 3, 4, 4), (2, 3, 5, 9), (1, 2, 7, 130), (3, 1, 33, 2)])
def test_convolve_is_the_convolution(shape):
    image, weight = random(*shape), random(5, shape[1], 3, 3, seed=1)
    bias, filters = random(5, seed=2), transform_filters(weight)
    for given in (image, image.to(memory_format=torch.channels_last)):
        for b in (None, bias):
            expected = F.conv2d(image, weight, b, padding=1)
            torch.testing.assert_close(convolve(given, filters, b), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("sides", [(17, 16), (6, 7)])  # the smaller one is left to PyTorch
def test_the_layer_and_its_gradient_are_those_of_pytorch(sides):
    layer, image = WinogradConv2d(2, 4).double(), random(1, 2, *sides).requires_grad_()
    plain = nn.Conv2d(2, 4, 3, padding=1).double()
    plain.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(image), plain(image), rtol=1e-11, atol=1e-11)
    assert torch.autograd.gradcheck(layer, image)
    assert (layer(image).grad_fn.name() == plain(image).grad_fn.name()) == (sides == (6, 7))
    assert all(not parameter.requires_grad for parameter in layer.parameters())


def test_new_weights_and_another_precision_count():
    layer, image = WinogradConv2d(3, 4), random(1, 3, 17, 16)
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-11)):
        layer.to(dtype)
        for seed in (1, 2):
            state = {"weight": random(4, 3, 3, 3, seed=seed), "bias": random(4, seed=seed)}
            layer.load_state_dict(state)
            expected = F.conv2d(image, state["weight"], state["bias"], padding=1)
            torch.testing.assert_close(layer(image.to(dtype)).double(), expected, rtol=tolerance, atol=tolerance)


def test_elsewhere_than_on_the_cpu_it_is_pytorchs_convolution():
    layer = WinogradConv2d(3, 4).to("meta")
    assert layer(torch.empty(1, 3, 6, 7, device="meta")).shape == (1, 4, 6, 7)


def test_under_autocast_it_is_pytorchs_convolution():
    layer, image = WinogradConv2d(3, 4), random(1, 3, 17, 16).float()
    with torch.autocast("cpu", torch.bfloat16):
        expected = F.conv2d(image, layer.weight, layer.bias, padding=1)
        torch.testing.assert_close(layer(image), expected, rtol=0, atol=0)
