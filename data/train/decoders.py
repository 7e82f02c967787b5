"""Decoders of lesson 12: from the features of VGG-16 at relu3_1 or relu4_1 back to an image.

The loss is the error of the pixels plus relative errors of the features that the network sees again in the decoded
image. Training starts from weights in closed form: each convolution is the linear regression, by its patches, of the
features that it should give on what those before it give. Already so the colours are right; Adam, with small steps,
sharpens the details. The decoder of relu4_1 ends as that of relu3_1, which is trained before.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.classroom.training import Recipe
from course_utils.data import names_of_kind
from course_utils.features import VGGFeatures
from course_utils.images import center_crop, load_image, zoom_out
from course_utils.style import Decoder, load_decoder

HELD_OUT = ("temple", "great_wave", "flagstones_blue")  # a photograph, a painting, a texture
COARSER = {"relu4_1": "relu3_1", "relu3_1": "relu2_1", "relu2_1": "relu1_1"}
PIXELS = 4.0  # the weight of their error
VARIANCE = 0.06  # of the values of the course's pictures: what the error of the pixels is divided by


@lru_cache
def pictures() -> list[Tensor]:
    """Return all that is trained on, in colour, and again at half its size where it is large."""
    found = []
    for name in names_of_kind("photograph", "painting", "texture"):
        if name not in HELD_OUT:
            u = load_image(name).float()
            u = u.expand(3, -1, -1)
            found += [u, zoom_out(u, 2)] if min(u.shape[-2:]) >= 400 else [u]
    return found


def draw(n: int, size: int, generator: torch.Generator) -> Tensor:
    """Draw n crops of random pictures, about half of them with the colours in a random order."""
    crops = []
    for _ in range(n):
        u = pictures()[int(torch.randint(len(pictures()), (), generator=generator))]
        i, j = (int(torch.randint(side - size + 1, (), generator=generator)) for side in u.shape[-2:])
        order = torch.randperm(3, generator=generator) if torch.rand((), generator=generator) < 0.5 else [0, 1, 2]
        crops.append(u[order, i : i + size, j : j + size])
    return torch.stack(crops)


@lru_cache
def encoder(layer: str, device: torch.device) -> VGGFeatures:
    """Return the network, with all the layers that decoding passes."""
    layers = [layer]
    while layers[-1] in COARSER:
        layers.append(COARSER[layers[-1]])
    return VGGFeatures("vgg16", layers, device=device)


def device_of(network: nn.Module) -> torch.device:
    """Return where a network lives."""
    return next(network.parameters()).device


def errors(decoder: Decoder, u: Tensor) -> dict[str, Tensor]:
    """Return the errors of the decoded image: of its pixels, and of its features by layer."""
    network = encoder(decoder.layer, device_of(decoder))
    u = u.to(device_of(decoder))
    with torch.no_grad():
        v = {layer: w.float() for layer, w in network(u).items()}
    x = decoder(v[decoder.layer]).float()
    found = {"pixels": (x - u).square().mean() / VARIANCE}
    for layer, w in network(x).items():
        if layer != "relu1_1":
            found[layer] = (w - v[layer]).square().mean() / v[layer].square().mean()
    return found


def loss(decoder: Decoder, u: Tensor) -> Tensor:
    """Return the sum of the errors, in 16 bits; that of the pixels counts more: features say little of flat colours."""
    with torch.autocast(device_of(decoder).type, torch.bfloat16):
        found = errors(decoder, u)
    return PIXELS * found.pop("pixels") + sum(found.values())


def patches(v: Tensor, side: int) -> Tensor:
    """Return the patches of features as columns, and a row of ones."""
    columns = F.unfold(F.pad(v, (side // 2,) * 4, mode="reflect"), side).transpose(0, 1).flatten(1)
    return torch.cat([columns, torch.ones_like(columns[:1])])


def regress(
    convolution: nn.Conv2d,
    inputs: list[Tensor],
    outputs: list[Tensor],
    generator: torch.Generator,
    most: int = 4608,
    ridge: float = 1e-5,
) -> None:
    """Set a convolution to the linear regression of the outputs on the inputs, at ``most`` places of each batch."""
    side = convolution.kernel_size[0]
    n = convolution.in_channels * side**2 + 1
    a = torch.zeros(n, n, dtype=torch.float64)
    b = torch.zeros(n, convolution.out_channels, dtype=torch.float64)
    for v, y in zip(inputs, outputs, strict=True):
        places = torch.randperm(v[:, 0].numel(), generator=generator)[:most].to(v.device)
        p = patches(v, side)[:, places]
        a += (p @ p.mT).cpu().double()
        b += (p @ y.transpose(0, 1).flatten(1)[:, places].mT).cpu().double()
    a += ridge * a.diagonal().mean() * torch.eye(n, dtype=torch.float64)
    w = torch.linalg.solve(a, b).mT
    with torch.no_grad():
        convolution.weight.copy_(w[:, :-1].reshape(convolution.weight.shape))
        convolution.bias.copy_(w[:, -1])


def reduce(convolution: nn.Conv2d, inputs: list[Tensor]) -> None:
    """Set a 1 x 1 convolution to the principal components of its inputs."""
    columns = torch.cat([v.transpose(0, 1).flatten(1) for v in inputs], dim=1).cpu().double()
    q = torch.linalg.eigh(columns @ columns.mT)[1][:, -convolution.out_channels :]
    with torch.no_grad():
        convolution.weight.copy_(q.mT[:, :, None, None])
        convolution.bias.zero_()


@torch.no_grad()
def start(decoder: Decoder, generator: torch.Generator, batches: int) -> None:
    """Set the weights of a decoder stage by stage, in closed form, from so many batches of 8 crops.

    The decoder of relu4_1 ends as the one of relu3_1 that the course ships.
    """
    stages = decoder.stages
    if decoder.layer == "relu4_1":
        known = load_decoder("relu3_1").stages
        stages[-len(known) :].load_state_dict(known.state_dict())
        stages = stages[: -len(known)]
    images = [draw(8, 96, generator).to(device_of(decoder)) for _ in range(batches)]
    features = [encoder(decoder.layer, device_of(decoder))(u) for u in images]
    layer, inputs = decoder.layer, [v[decoder.layer] for v in features]
    for stage in stages:
        if stage[0].kernel_size == (1, 1):
            reduce(stage[0], inputs)
        else:
            outputs = images
            if stage[0].out_channels != 3:
                enlarges = isinstance(stage[1], nn.PixelShuffle)
                layer = COARSER[layer] if enlarges else layer
                outputs = [F.pixel_unshuffle(v[layer], 2) if enlarges else v[layer] for v in features]
            regress(stage[0], inputs, outputs, generator)
        inputs = [stage(v) for v in inputs]


@torch.no_grad()
def held_out(decoder: Decoder) -> dict[str, float]:
    """Return the errors on the middle of pictures that were not trained on."""
    u = torch.stack([center_crop(load_image(name).float(), 192) for name in HELD_OUT])
    found = {key: value.item() for key, value in errors(decoder, u).items()}
    return {"mse": found["pixels"] * VARIANCE} | {key: value for key, value in found.items() if key != "pixels"}


def recipe(layer: str, batches: int, steps: int, n: int, size: int, rate: float) -> Recipe:
    """Return the recipe of the decoder of a layer."""
    return Recipe(
        summary=f"from the features of VGG-16 (average pooling) at {layer} back to an image",
        data=f"crops of {size} pixels of all photographs, paintings and textures but {', '.join(HELD_OUT)}; {n} a step",
        steps=steps,
        network=lambda: Decoder(layer),
        loss=lambda decoder, generator: loss(decoder, draw(n, size, generator)),
        held_out=held_out,
        rate=rate,
        warm_up=100,
        average=0.99,
        start=lambda decoder, generator: start(decoder, generator, batches),
    )


RECIPES = {
    "decoder_relu3_1": recipe("relu3_1", 16, 1000, 2, 96, 1e-4),
    "decoder_relu4_1": recipe("relu4_1", 24, 4000, 2, 96, 1e-4),
}
