"""Where the weights of the networks come from: read, rescaled, written, and VGG-19 fetched for those who want it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_utils import features
from course_utils._files import write_atomically
from course_utils.features import ARCHITECTURES, preprocess
from course_utils.images import load_image

# The pictures over which mean activations are taken: fixed, so that a new picture changes no network.
RESCALING = (
    *("astronaut", "cameraman", "cat", "coffee", "dahlia", "temple", "brick", "canvas", "cork", "deco_paper"),
    *("grass", "gravel", "green_paper", "pastel_paper", "rough_paper", "salmon_paper", "tissue", "violet_paper"),
)


def rescaling_images() -> list[Float[Tensor, "3 _ _"]]:
    """Return the photographs and textures over which mean activations are taken, in colour and float32."""
    images = [load_image(name).float() for name in RESCALING]
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
    x, means = preprocess(image[None]), {}
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


def save_weights(
    state: Mapping[str, Tensor], path: Path, origin: Mapping[str, str], dtype: torch.dtype = torch.float16
) -> None:
    """Write weights as safetensors, float16 if not said otherwise, atomically and byte for byte reproducibly.

    Parameters
    ----------
    state : mapping
        Names to tensors.
    path : Path
        The file to write.
    origin : mapping
        Where the weights come from; stored in the file.
    dtype : torch.dtype
        Of the numbers in the file.

    Raises
    ------
    ValueError
        When a value does not fit into float16.
    """
    from safetensors.torch import save

    stored = {name: tensor.to(dtype).contiguous() for name, tensor in state.items()}
    if not all(torch.isfinite(tensor).all() for tensor in stored.values()):
        raise ValueError(f"state has values beyond the range of {dtype}: rescale it first")
    # one entry only: the order of several would change from run to run
    content = save(stored, metadata={"origin": json.dumps(dict(origin), sort_keys=True)})
    write_atomically(path, content)


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
    target = features.vgg19_path()
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
