"""VGG features: the first layers of a classification network, used as a multiscale nonlinear transform of an image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils._fast.winograd import WinogradConv2d
from course_utils._validation import require_choice, require_device, require_image, require_same_device
from course_utils.data import fetch, load_network, load_weights

_CONVOLUTIONS = {  # channels of every 3x3 convolution, block by block; a pooling by 2 ends each block
    "vgg16": ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3),
    "vgg19": ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
}


def _channel_table(blocks: tuple[tuple[int, ...], ...]) -> dict[str, int]:
    table: dict[str, int] = {}
    for b, block in enumerate(blocks, start=1):
        table |= {f"conv{b}_{i}": channels for i, channels in enumerate(block, start=1)}
        table[f"pool{b}"] = block[-1]
    return table


ARCHITECTURES: dict[str, dict[str, int]] = {name: _channel_table(blocks) for name, blocks in _CONVOLUTIONS.items()}
"""Channels of each layer of VGG-16 and VGG-19, in the order of the network; `relu1_1` has those of `conv1_1`."""

WINOGRAD_CHANNELS = 128  # with fewer, the transforms of Winograd's algorithm cost as much as they save
TEXTURE_LAYERS = ("conv1_1", "pool1", "pool2", "pool3", "pool4")
"""The five layers whose Gram matrices describe a texture in Gatys et al. (2015)."""

LPIPS_LAYERS = {
    "alex": ("relu1", "relu2", "relu3", "relu4", "relu5"),
    "vgg": ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
}
"""The layers that LPIPS compares, in the order of its weights."""

_MEAN = (0.485, 0.456, 0.406)  # of ImageNet's RGB values, which the networks were trained on
_STD = (0.229, 0.224, 0.225)
_ORIGIN = {"vgg16": "VGG-16 (ImageNet, torchvision)", "vgg19": "VGG-19 (ImageNet, torchvision)"}


class VGGFeatures(nn.Module):
    """Features of an image at chosen layers of a VGG network: ``network(u)["pool2"]`` is V^L(u) for L = pool2.

    The weights are those of the trained network, rescaled layer by layer so that the mean activation after each ReLU
    is 1 over the photographs and textures of the course (Gatys et al. rescale filter by filter). Inside, an image is
    turned into what the network was trained on; it runs in float32, and is never trained.

    Parameters
    ----------
    weights : {"vgg16", "vgg19"}
        ``"vgg16"`` comes with the course; ``"vgg19"``, the lecture's, after ``course data fetch vgg19``. Nothing is
        ever downloaded here.
    layers : sequence of str
        ``conv1_1`` (before the ReLU), ``relu1_1`` (after it), ..., ``pool1``, ... The network stops at the last one.
    pooling : {"average", "max"}
        Pooling by 2 between the blocks. The networks were trained with the maximum; Gatys et al. synthesize with the
        average.
    device : torch.device or str, optional
        Where the network lives; images must be on the same device. The CPU by default.
    padding : {"zeros", "reflect"}
        What the convolutions see beyond the image: zeros, as the networks were trained, or its mirror image. Zeros mark
        the border in the statistics of an exemplar. A larger texture has less border, and would imitate it inside:
        take "reflect" when sizes differ.

    Raises
    ------
    ValueError
        For an unknown or empty list of layers, an unknown network or pooling.
    FileNotFoundError
        When the weights asked for are not on this machine.

    Notes
    -----
    Slide "Convolutional Neural Networks (CNN)"; Simonyan and Zisserman (2015).

    Examples
    --------
    >>> network = VGGFeatures("vgg16", layers=("conv1_1", "pool1"))
    >>> features = network(torch.rand(3, 64, 48))
    >>> tuple(features["pool1"].shape)
    (64, 32, 24)
    """

    def __init__(
        self,
        weights: str = "vgg16",
        layers: Sequence[str] = TEXTURE_LAYERS,
        pooling: str = "average",
        device: torch.device | str | None = None,
        padding: str = "zeros",
    ) -> None:
        super().__init__()
        self.architecture = require_choice(weights, "weights", ARCHITECTURES)
        self.layers = _require_layers(layers, self.architecture)
        self.pooling = require_choice(pooling, "pooling", ("average", "max"))
        self.padding = require_choice(padding, "padding", ("zeros", "reflect"))
        self.stack = _build_stack(self.architecture, self.layers, self.pooling, self.padding)
        _load_weights(self.stack, weights_path(self.architecture))
        halvings = sum(name.startswith("pool") for name, _ in self.stack.named_children())
        self.smallest_side = 2 ** (halvings + (padding == "reflect"))  # a mirror image needs two pixels
        self.requires_grad_(False).eval().to(device=require_device(device))
        self.stack.to(memory_format=torch.channels_last)  # else each small convolution reorders its filters first

    def forward(self, image: Float[Tensor, "*batch_channels H W"]) -> dict[str, Float[Tensor, "*batch n h w"]]:
        """Return the features of an image at the chosen layers.

        Parameters
        ----------
        image : Tensor, shape (3, H, W), (1, H, W), (H, W) or a batch (B, 3, H, W), (B, 1, H, W)
            Values in [0, 1], RGB; a gray image is repeated to three equal channels. Values outside [0, 1], met during a
            synthesis, are neither clipped nor refused.

        Returns
        -------
        dict
            Layer name to features, (n, h, w) for one image and (B, n, h, w) for a batch, in the order of the network.

        Raises
        ------
        TypeError, ValueError
            When ``image`` is not a finite float image of a shape above, is too small for the last layer, or is on
            another device than the network.
        """
        x = preprocess(self._require_input(image).to(self._dtype()))
        x = x.contiguous(memory_format=torch.channels_last)  # as Winograd's algorithm reads and writes it
        features = {}
        for name, layer in self.stack.named_children():
            x = layer(x)
            if name in self.layers:
                features[name] = x if image.ndim == 4 else x.squeeze(0)
        return features

    def describe(self) -> str:
        """Say in one line which network this is."""
        kind = f"{self.pooling} pooling" + (", reflect padding" if self.padding == "reflect" else "")
        return f"{_ORIGIN[self.architecture]}, {kind}, up to {self.layers[-1]}, on {self._device()}"

    def __repr__(self) -> str:
        """Return the one-line description."""
        return f"<VGGFeatures: {self.describe()}>"

    def _parameter(self) -> Tensor:
        return next(self.stack.parameters())

    def _dtype(self) -> torch.dtype:
        return self._parameter().dtype

    def _device(self) -> torch.device:
        return self._parameter().device

    def _require_input(self, image: Tensor) -> Tensor:
        """Return ``image`` as a batch of three-channel images, else raise."""
        u = _require_pictures(image, self.smallest_side, self.layers[-1])
        require_same_device(u, self._parameter(), ("image", "the network"))
        return u


class AlexNetFeatures(nn.Module):
    """Features of an image after the five convolutions of AlexNet: ``network(u)["relu3"]``.

    The weights are torchvision's, for ImageNet, not rescaled. Krizhevsky, Sutskever and Hinton (2012), in the form of
    Krizhevsky (2014).
    """

    layers = LPIPS_LAYERS["alex"]

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.Sequential()
        previous = 3
        for i, (n, side, stride) in enumerate(((64, 11, 4), (192, 5, 1), (384, 3, 1), (256, 3, 1), (256, 3, 1)), 1):
            if i in (2, 3):
                self.stack.add_module(f"pool{i - 1}", nn.MaxPool2d(3, 2))
            self.stack.add_module(f"conv{i}", nn.Conv2d(previous, n, side, stride, padding=2 if side > 3 else 1))
            self.stack.add_module(f"relu{i}", nn.ReLU())
            previous = n
        _load_weights(self.stack, fetch("alexnet_features"))
        self.requires_grad_(False).eval()

    def forward(self, image: Float[Tensor, "*batch_channels H W"]) -> dict[str, Float[Tensor, "*batch n h w"]]:
        """Return the features of an RGB or gray image in [0, 1], at least 31 pixels high and wide, or of a batch."""
        weight = next(self.stack.parameters())
        u = _require_pictures(image, 31, "relu5")
        require_same_device(u, weight, ("image", "the network"))
        x, features = preprocess(u.to(weight.dtype)), {}
        for name, layer in self.stack.named_children():
            x = layer(x)
            if name in self.layers:
                features[name] = x if image.ndim == 4 else x.squeeze(0)
        return features


def load_lpips(
    network: str = "alex", device: torch.device | str | None = None
) -> tuple[AlexNetFeatures | VGGFeatures, dict[str, Float[Tensor, " n"]]]:
    """Return what LPIPS needs: a network, and w_L >= 0, one weight for each channel of its layers ``LPIPS_LAYERS``.

    The authors' version 0.1: features of unit norm at each pixel, their squared differences weighted by w_L, averaged
    over the pixels and added over the layers. Slide "Metrics for Inverse Problems"; Zhang et al. (2018),
    doi:10.1109/CVPR.2018.00068.

    Parameters
    ----------
    network : {"alex", "vgg"}
        ``"vgg"`` takes the maximum as pooling; its features are rescaled, which their normalisation undoes.
    device : torch.device or str, optional
        Where network and weights live. The CPU by default.

    Returns
    -------
    network : module
        From an RGB image in [0, 1] to a dictionary of features, in the order of the layers.
    weights : dict
        Layer to (n,), float32.
    """
    layers = LPIPS_LAYERS[require_choice(network, "network", LPIPS_LAYERS)]
    linear = load_weights("lpips_weights")
    weights = {layer: linear[f"{network}.{layer}"].to(require_device(device)) for layer in layers}
    made = AlexNetFeatures() if network == "alex" else VGGFeatures("vgg16", layers, pooling="max")
    return made.to(device), weights


def _require_pictures(image: Tensor, smallest_side: int, layer: str) -> Tensor:
    """Return ``image`` as a batch of three-channel images of at least that side, else raise."""
    u = require_image(image, "image")
    if u.ndim > 4 or (u.ndim > 2 and u.shape[-3] not in (1, 3)):
        raise ValueError(
            f"image must have shape (H, W), (1, H, W), (3, H, W) or (B, 1 or 3, H, W), got {tuple(u.shape)}"
        )
    if min(u.shape[-2:]) < smallest_side:
        raise ValueError(
            f"image must be at least {smallest_side} pixels wide and high for {layer}, got shape {tuple(u.shape)}"
        )
    return u.reshape(-1, u.shape[-3] if u.ndim > 2 else 1, *u.shape[-2:]).expand(-1, 3, -1, -1)


def preprocess(image: Float[Tensor, "*batch 3 H W"]) -> Float[Tensor, "*batch 3 H W"]:
    """Turn RGB in [0, 1] into what the networks were trained on: (u - mean) / std, channel by channel."""
    if require_image(image, "image").ndim < 3 or image.shape[-3] != 3:
        raise ValueError(f"image must have shape (..., 3, H, W), got {tuple(image.shape)}")
    mean, std = (image.new_tensor(values)[:, None, None] for values in (_MEAN, _STD))
    return (image - mean) / std


def _require_layers(layers: Sequence[str], architecture: str) -> tuple[str, ...]:
    """Return the layers in the order of the network, else raise."""
    if isinstance(layers, str) or not isinstance(layers, Iterable):
        raise TypeError(f"layers must be a sequence of layer names, got {layers!r}")
    known = _layer_names(architecture)
    names = [require_choice(name, "layers", known) for name in layers]
    if not names:
        raise ValueError("layers is empty: name at least one layer, for example layers=('conv1_1', 'pool1')")
    if len(set(names)) < len(names):
        raise ValueError(f"layers names the same layer twice: {', '.join(names)}")
    return tuple(sorted(names, key=known.index))


def _layer_names(architecture: str) -> list[str]:
    """List every layer: conv1_1, relu1_1, conv1_2, relu1_2, pool1, ..."""
    names = []
    for name in ARCHITECTURES[architecture]:
        names += [name, name.replace("conv", "relu")] if name.startswith("conv") else [name]
    return names


def _build_stack(architecture: str, layers: tuple[str, ...], pooling: str, padding: str) -> nn.Sequential:
    """Build the layers of the network as far as the last one asked for."""
    stack, channels = nn.Sequential(), 3
    for name in _layer_names(architecture):
        if name.startswith("conv"):
            n = ARCHITECTURES[architecture][name]
            stack.add_module(name, _convolution(channels, n, padding))
            channels = n
        elif name.startswith("relu"):
            # in place, unless the values before the ReLU are returned too: saves memory
            stack.add_module(name, nn.ReLU(inplace=name.replace("relu", "conv") not in layers))
        else:
            stack.add_module(name, nn.AvgPool2d(2) if pooling == "average" else nn.MaxPool2d(2))
        if name == layers[-1]:
            break
    return stack


def _convolution(channels: int, n: int, padding: str) -> nn.Conv2d:
    if padding == "zeros" and n >= WINOGRAD_CHANNELS:
        return WinogradConv2d(channels, n)
    mode: Literal["zeros", "reflect"] = "reflect" if padding == "reflect" else "zeros"
    return nn.Conv2d(channels, n, 3, padding=1, padding_mode=mode)


def _load_weights(stack: nn.Sequential, path: Path) -> None:
    """Fill the stack from a safetensors file, reading only the layers that it has."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        stack.load_state_dict({name: file.get_tensor(name).float() for name in stack.state_dict()})


def weights_path(architecture: str) -> Path:
    """Return the file with the weights of a network on this machine.

    Parameters
    ----------
    architecture : {"vgg16", "vgg19"}
        VGG-16 is part of the course's data, VGG-19 of the user's cache.

    Returns
    -------
    Path
        An existing file.

    Raises
    ------
    FileNotFoundError
        When VGG-19 was not fetched.
    """
    if architecture == "vgg16":
        return fetch("vgg16_features")
    if not vgg19_path().is_file():
        raise FileNotFoundError(
            f"the VGG-19 weights are not in {vgg19_path()}: fetch them once with `course data fetch vgg19` "
            "(about 550 MB), or use weights='vgg16', which comes with the course"
        )
    return vgg19_path()


def vgg19_path() -> Path:
    """Return where the converted VGG-19 weights are, or would be, in the user's cache."""
    import pooch

    return Path(pooch.os_cache("course_utils")) / "vgg19_features.safetensors"


class DigitClassifier(nn.Module):
    """A small convolutional network that tells digits apart; the course's judge of generated digits.

    ``network(x)`` has the ten logits of each image of ``(batch, 1, 32, 32)`` over [-1, 1], and ``network.features(x)``
    the 64 numbers from which they are computed: what `frechet_distance` compares, as Inception's features do for
    photographs (Heusel et al., 2017).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.Sequential()
        for previous, n in ((1, 16), (16, 32), (32, 64)):
            self.stack.extend([nn.Conv2d(previous, n, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)])
        self.embedding, self.dropout, self.classes = nn.Linear(64 * 16, 64), nn.Dropout(0.3), nn.Linear(64, 10)

    def features(self, x: Float[Tensor, "batch 1 32 32"]) -> Float[Tensor, "batch 64"]:
        """Return the 64 features of each image, before their ReLU."""
        return self.embedding(self.stack(x).flatten(1))

    def forward(self, x: Float[Tensor, "batch 1 32 32"]) -> Float[Tensor, "batch 10"]:
        """Return the logits of the ten digits."""
        return self.classes(self.dropout(self.features(x).relu()))


def load_digit_classifier() -> DigitClassifier:
    """Load the trained `DigitClassifier`, for evaluation."""
    return load_network(DigitClassifier(), "digit_classifier")
