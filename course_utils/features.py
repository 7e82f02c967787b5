"""VGG features: the first layers of a classification network, used as a multiscale nonlinear transform of an image."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils._fast.winograd import WinogradConv2d
from course_utils._validation import require_choice, require_image, require_same_device

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

_PREPROCESSING = {  # order of the RGB channels, then (value - mean) / std, as the weights were trained
    "vgg16": ((2, 1, 0), (104.00699 / 255, 116.66877 / 255, 122.67892 / 255), (1 / 255, 1 / 255, 1 / 255)),
    "vgg19": ((0, 1, 2), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
_ORIGIN = {
    "vgg16": "VGG-16 (ImageNet, fine-tuned for edge detection)",
    "vgg19": "VGG-19 (ImageNet, torchvision)",
}


class VGGFeatures(nn.Module):
    """Features of an image at chosen layers of a VGG network: ``network(u)["pool2"]`` is V^L(u) for L = pool2.

    The weights are those of the trained network, rescaled layer by layer so that the mean activation after each ReLU
    is 1 over the photographs and textures of the course (Gatys et al. rescale filter by filter). Inside, an image is
    turned into what the network was trained on; it runs in float32, and is never trained.

    Parameters
    ----------
    weights : {"auto", "vgg16", "vgg19"}
        ``"vgg16"`` comes with the course; ``"vgg19"``, the lecture's, after ``course data fetch vgg19``. ``"auto"``
        takes VGG-19 when it is there and VGG-16 otherwise. Nothing is ever downloaded here.
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
        weights: str = "auto",
        layers: Sequence[str] = TEXTURE_LAYERS,
        pooling: str = "average",
        device: torch.device | str | None = None,
        padding: str = "zeros",
    ) -> None:
        super().__init__()
        self.architecture = _resolve_weights(weights)
        self.layers = _require_layers(layers, self.architecture)
        self.pooling = require_choice(pooling, "pooling", ("average", "max"))
        self.padding = require_choice(padding, "padding", ("zeros", "reflect"))
        self.stack = _build_stack(self.architecture, self.layers, self.pooling, self.padding)
        _load_weights(self.stack, weights_path(self.architecture))
        halvings = sum(name.startswith("pool") for name, _ in self.stack.named_children())
        self.smallest_side = 2 ** (halvings + (padding == "reflect"))  # a mirror image needs two pixels
        self.requires_grad_(False).eval().to(device=device)

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
        x = preprocess(self._require_input(image).to(self._dtype()), self.architecture)
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
        u = require_image(image, "image")
        if u.ndim > 4 or (u.ndim > 2 and u.shape[-3] not in (1, 3)):
            raise ValueError(
                f"image must have shape (H, W), (1, H, W), (3, H, W) or (B, 1 or 3, H, W), got {tuple(u.shape)}"
            )
        if min(u.shape[-2:]) < self.smallest_side:
            raise ValueError(
                f"image must be at least {self.smallest_side} pixels wide and high for {self.layers[-1]}, "
                f"got shape {tuple(u.shape)}"
            )
        require_same_device(u, self._parameter(), ("image", "the network"))
        u = u.reshape(-1, u.shape[-3] if u.ndim > 2 else 1, *u.shape[-2:])
        return u.expand(-1, 3, -1, -1)


def preprocess(image: Float[Tensor, "*batch 3 H W"], architecture: str) -> Float[Tensor, "*batch 3 H W"]:
    """Turn RGB in [0, 1] into what the network was trained on: its order of channels, (u - mean) / std.

    Parameters
    ----------
    image : Tensor, shape (..., 3, H, W)
        RGB in [0, 1].
    architecture : {"vgg16", "vgg19"}
        For ``"vgg16"``: BGR x 255 - mean, as in its original training.

    Returns
    -------
    Tensor
        Same shape.
    """
    order, mean, std = _PREPROCESSING[architecture]
    mean_column, std_column = (image.new_tensor(values)[:, None, None] for values in (mean, std))
    return (image[..., order, :, :] - mean_column) / std_column


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


def _resolve_weights(weights: str) -> str:
    """Return the architecture that ``weights`` stands for on this machine."""
    require_choice(weights, "weights", ("auto", "vgg16", "vgg19"))
    if weights == "auto":
        return "vgg19" if vgg19_path().is_file() else "vgg16"
    return weights


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
        from course_utils import data

        return data.fetch("vgg16_features")
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


# ---------------------------------------------------------------------------------------------------------------------
# Rescaling and fetching


def rescaling_images() -> list[Float[Tensor, "3 _ _"]]:
    """Return the photographs and textures over which mean activations are taken, in colour and float32."""
    from course_utils.data import names_of_kind
    from course_utils.images import load_image

    images = [load_image(name).float() for name in names_of_kind("photograph", "texture")]
    return [u.expand(3, -1, -1) if u.ndim == 2 else u for u in images]


@torch.no_grad()
def mean_activations(state: Mapping[str, Tensor], architecture: str, image: Float[Tensor, "3 H W"]) -> dict[str, float]:
    """Return the mean after the ReLU of every convolution that ``state`` holds, with average pooling.

    Parameters
    ----------
    state : mapping
        ``conv1_1.weight``, ``conv1_1.bias``, ... as far as wanted.
    architecture : {"vgg16", "vgg19"}
        Which network these weights belong to.
    image : Tensor, shape (3, H, W)
        RGB in [0, 1].

    Returns
    -------
    dict
        Name of the convolution to the mean over channels and positions.
    """
    x, means = preprocess(image[None], architecture), {}
    for name in ARCHITECTURES[architecture]:
        if name.startswith("pool"):
            x = F.avg_pool2d(x, 2)
        elif f"{name}.weight" in state:
            x = F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1).relu_()
            means[name] = float(x.double().mean())
        else:
            break
    return means


@torch.no_grad()
def rescale_weights(
    state: Mapping[str, Tensor], architecture: str, images: Sequence[Float[Tensor, "3 _ _"]]
) -> dict[str, Tensor]:
    """Rescale a network so that the mean activation of every layer is 1, as its function allows.

    A ReLU is positively homogeneous, so dividing the weights and the bias of layer l by its mean activation s_l, and
    multiplying the weights of the next one by s_l, changes each layer's features by the factor 1 / s_l and no more.
    Gatys et al. (2015) do so for every filter, here it is one factor a layer.

    Parameters
    ----------
    state : mapping
        ``conv1_1.weight`` (n, m, 3, 3), ``conv1_1.bias`` (n,), ...
    architecture : {"vgg16", "vgg19"}
        Which network these weights belong to.
    images : sequence of Tensor, shape (3, H, W)
        RGB in [0, 1]; every image counts the same.

    Returns
    -------
    dict
        The rescaled weights, same names and shapes.
    """
    means = [mean_activations(state, architecture, image) for image in images]
    rescaled, previous = {}, 1.0
    for name in means[0]:
        # four digits: the result must not depend on the rounding errors of a machine
        scale = float(f"{sum(mean[name] for mean in means) / len(means):.4g}")
        rescaled[f"{name}.weight"] = state[f"{name}.weight"] * (previous / scale)
        rescaled[f"{name}.bias"] = state[f"{name}.bias"] / scale
        previous = scale
    return rescaled


def save_weights(state: Mapping[str, Tensor], path: Path, origin: Mapping[str, str]) -> None:
    """Write weights as float16 safetensors, atomically and byte for byte reproducibly.

    Parameters
    ----------
    state : mapping
        Names to tensors.
    path : Path
        The file to write.
    origin : mapping
        Where the weights come from; stored in the file.

    Raises
    ------
    ValueError
        When a value does not fit into float16.
    """
    from safetensors.torch import save

    half = {name: tensor.half().contiguous() for name, tensor in state.items()}
    if not all(torch.isfinite(tensor).all() for tensor in half.values()):
        raise ValueError("state has values beyond the range of float16: rescale it first")
    # one entry only: the order of several would change from run to run
    content = save(half, metadata={"origin": json.dumps(dict(origin), sort_keys=True)})
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)


def fetch_vgg19(url: str | None = None, progress: bool = True) -> Path:
    """Download torchvision's VGG-19 once, verify it, and keep its convolutions, rescaled, in the user's cache.

    The download goes on where an interrupted one stopped. The file's SHA-256 must begin with the digits that its name
    carries (``vgg19-dcbb9e9d.pth``), as torchvision publishes them; it is read with ``weights_only=True``, rescaled
    like the course's VGG-16 (:func:`rescale_weights`), and written as safetensors.

    Parameters
    ----------
    url : str, optional
        Where to take it from, for an institution's own copy; torchvision's address by default.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Path
        The converted file; nothing is downloaded when it is there already.

    Raises
    ------
    ConnectionError
        When it cannot be downloaded.
    ValueError
        When what came is not the published file.
    """
    target = vgg19_path()
    if target.is_file():
        return target
    if url is None:
        from torchvision.models import VGG19_Weights  # slow, and needed here only

        url = VGG19_Weights.IMAGENET1K_V1.url
    partial = target.with_name(url.rsplit("/", 1)[-1] + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    _download(url, partial, progress)
    state = _vgg19_state(torch.load(partial, map_location="cpu", weights_only=True))
    save_weights(rescale_weights(state, "vgg19", rescaling_images()), target, {"url": url})
    partial.unlink()
    return target


def _download(url: str, partial: Path, progress: bool) -> None:
    """Complete ``partial`` and verify it against the hash in the name of the file."""
    from pooch import HTTPDownloader

    digits = re.search(r"-([0-9a-f]{8,64})\.pth$", url)
    if digits is None:
        raise ValueError(f"url must end with -HASH.pth, eight digits of the file's SHA-256 or more, got {url}")
    if not _has_digest(partial, digits[1]):
        done = partial.stat().st_size if partial.is_file() else 0
        download = HTTPDownloader(progressbar=progress, headers={"Range": f"bytes={done}-"} if done else {})
        try:
            with partial.open("ab") as stream:
                download(url, stream, None)
        except OSError as error:  # requests' errors are OSErrors
            raise ConnectionError(
                f"VGG-19 could not be downloaded from {url} ({type(error).__name__}). Connect to the network and try "
                "again: it goes on where it stopped. Without it, weights='vgg16' comes with the course"
            ) from error
    if not _has_digest(partial, digits[1]):
        partial.unlink()
        raise ValueError(f"what came from {url} is not the published file: wrong SHA-256. It was deleted; try again")


def _has_digest(path: Path, digits: str) -> bool:
    """Tell whether there is a file whose SHA-256 begins with ``digits``."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest().startswith(digits)


def _vgg19_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return torchvision's convolutions by their names: features.0 is conv1_1, features.2 conv1_2."""
    numbers = sorted({int(name.split(".")[1]) for name in state if name.startswith("features.")})
    convolutions = [name for name in ARCHITECTURES["vgg19"] if name.startswith("conv")]
    return {
        f"{name}.{part}": state[f"features.{number}.{part}"].float()
        for name, number in zip(convolutions, numbers, strict=True)
        for part in ("weight", "bias")
    }
