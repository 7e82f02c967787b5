"""Images: read, shrink, crop, add noise, hand over to matplotlib, save.

An image is a float tensor ``(H, W)`` or ``(C, H, W)`` with values in [0, 1]; functions accept any number of leading
dimensions, keep device and dtype, and never clip.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from course_utils._validation import require_choice, require_count, require_image, require_number
from course_utils.data import fetch, names_of_kind, read_picture

__all__ = ["add_noise", "center_crop", "load_image", "save_image", "to_gray", "to_numpy", "zoom_out"]

_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, the weights of gray-level conversion in JPEG and in Pillow


def load_image(name: str | Path, size: int | tuple[int, int] | None = None) -> Float[Tensor, "*channels H W"]:
    """Load a photograph or a texture of the course, or a picture of your own, as float64 with values in [0, 1].

    Parameters
    ----------
    name : str or Path
        A registered name such as ``"cameraman"``, or the path of a picture file.
    size : int or (int, int), optional
        Height and width wanted: the picture is reduced by :func:`zoom_out` as much as it can be, then cropped around
        its centre. Without it the picture comes as it is.

    Returns
    -------
    Tensor
        ``(H, W)`` if the picture is gray, else ``(3, H, W)``.

    Raises
    ------
    ValueError
        If the name is neither registered nor a file, the file is no picture, or it is smaller than ``size``.
    """
    u = read_picture(_picture_path(name))
    if size is None:
        return u
    height, width = _height_and_width(size)
    factor = min(u.shape[-2] // height, u.shape[-1] // width)
    return center_crop(zoom_out(u, factor) if factor > 1 else u, (height, width))


def _picture_path(name: str | Path) -> Path:
    """Return the file of a registered picture, or the user's own file; a registered name comes first."""
    known = names_of_kind("photograph", "texture", "painting", "medical")
    if not isinstance(name, str | Path):
        raise TypeError(f"name must be a registered name or a path, got {type(name).__name__}")
    if str(name) not in known and Path(name).is_file():
        return Path(name)
    if isinstance(name, Path) or Path(name).suffix:
        raise FileNotFoundError(f"there is no picture file {str(name)!r}; the course's own are {', '.join(known)}")
    return fetch(require_choice(name, "image", known))


def _height_and_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """Return ``size`` as a pair of positive integers."""
    pair = size if isinstance(size, tuple) else (size, size)
    if len(pair) != 2:
        raise ValueError(f"size must be an integer or a pair (height, width), got {size}")
    return require_count(pair[0], "size"), require_count(pair[1], "size")


def to_gray(u: Float[Tensor, "*channels H W"]) -> Float[Tensor, "*batch H W"]:
    """Return the luminance 0.299 R + 0.587 G + 0.114 B of a colour image (ITU-R BT.601).

    Parameters
    ----------
    u : Tensor
        Colour image ``(..., 3, H, W)``. An image ``(H, W)`` is gray already and is returned as it is.

    Returns
    -------
    Tensor
        ``(..., H, W)``.

    Raises
    ------
    ValueError
        If the image has another number of channels than three.
    """
    require_image(u, "u")
    if u.ndim == 2:
        return u
    if u.shape[-3] != 3:
        raise ValueError(f"u must have 3 channels, (..., 3, H, W), or be gray, (H, W); got shape {tuple(u.shape)}")
    red, green, blue = u.unbind(-3)
    return _LUMINANCE[0] * red + _LUMINANCE[1] * green + _LUMINANCE[2] * blue


def center_crop(u: Float[Tensor, "*batch H W"], size: int | tuple[int, int]) -> Float[Tensor, "*batch h w"]:
    """Return the middle of an image.

    Parameters
    ----------
    u : Tensor
        Image ``(..., H, W)``.
    size : int or (int, int)
        Height and width of the result, in pixels; one integer means a square.

    Returns
    -------
    Tensor
        A view ``(..., h, w)``; its first row is row ``(H - h) // 2`` of ``u``, and so for columns.

    Raises
    ------
    ValueError
        If ``size`` is larger than the image.
    """
    require_image(u, "u")
    height, width = _height_and_width(size)
    if height > u.shape[-2] or width > u.shape[-1]:
        raise ValueError(f"size {(height, width)} is larger than the image, {tuple(u.shape[-2:])}")
    top, left = (u.shape[-2] - height) // 2, (u.shape[-1] - width) // 2
    return u[..., top : top + height, left : left + width]


def zoom_out(u: Float[Tensor, "*batch H W"], factor: int) -> Float[Tensor, "*batch h w"]:
    """Reduce an image by an integer factor: each new pixel is the mean of a square of ``factor`` x ``factor`` pixels.

    Parameters
    ----------
    u : Tensor
        Image ``(..., H, W)``.
    factor : int
        Side of the squares, at least 1. Rows and columns at the bottom and right that fill no square are left out.

    Returns
    -------
    Tensor
        ``(..., H // factor, W // factor)``.

    Raises
    ------
    ValueError
        If ``factor`` is below 1 or larger than a side of the image.
    """
    require_image(u, "u")
    require_count(factor, "factor")
    height, width = u.shape[-2] // factor, u.shape[-1] // factor
    if height == 0 or width == 0:
        raise ValueError(f"factor {factor} is larger than a side of the image, {tuple(u.shape[-2:])}")
    whole = u[..., : height * factor, : width * factor]
    return whole.unflatten(-1, (width, factor)).unflatten(-3, (height, factor)).mean(dim=(-3, -1))


def add_noise(u: Float[Tensor, "*batch H W"], sigma: float, generator: torch.Generator) -> Float[Tensor, "*batch H W"]:
    """Add white Gaussian noise: v = u + w, every w(x) ~ N(0, sigma^2); the result is not clipped.

    Parameters
    ----------
    u : Tensor
        Image ``(..., H, W)``.
    sigma : float
        Standard deviation in the unit of the image, at least 0: the lecture's 4 on a scale of 255 is ``4 / 255``.
    generator : torch.Generator
        Source of the noise; drawn on the generator's device, so that a CPU generator gives a GPU image the same noise.

    Returns
    -------
    Tensor
        The noisy image, some of its values below 0 or above 1.

    Raises
    ------
    ValueError
        If ``sigma`` is negative.
    TypeError
        If ``generator`` is not a ``torch.Generator``.
    """
    require_image(u, "u")
    sigma = require_number(sigma, "sigma", minimum=0.0)
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")
    noise = torch.randn(u.shape, generator=generator, dtype=u.dtype, device=generator.device)
    return u + sigma * noise.to(u.device)


def to_numpy(u: Float[Tensor, "*channels H W"]) -> np.ndarray:
    """Return an image as the NumPy array that matplotlib shows, ``(H, W)`` or ``(H, W, 3)``; values are kept.

    Parameters
    ----------
    u : Tensor
        Image ``(H, W)``, ``(1, H, W)`` or ``(3, H, W)``, on any device, with or without gradient.

    Returns
    -------
    numpy.ndarray
        A copy of the same dtype.

    Raises
    ------
    ValueError
        If the image has another shape.
    """
    require_image(u, "u")
    if u.ndim > 3 or (u.ndim == 3 and u.shape[0] not in (1, 3)):
        raise ValueError(f"u must have shape (H, W), (1, H, W) or (3, H, W), got shape {tuple(u.shape)}")
    values = u.detach().cpu()
    if values.ndim == 3:
        values = values[0] if len(values) == 1 else values.permute(1, 2, 0)
    return values.numpy().copy()


def save_image(u: Float[Tensor, "*channels H W"], path: str | Path) -> None:
    """Save an image as a PNG of 8 bits a channel; the file appears whole or not at all.

    Parameters
    ----------
    u : Tensor
        Image ``(H, W)`` or ``(3, H, W)`` with values in [0, 1], rounded to the nearest of 256 levels.
    path : str or Path
        Where to, ending in ``.png``; a file of that name is replaced.

    Raises
    ------
    ValueError
        If the path does not end in ``.png``, or values leave [0, 1]: clip them yourself with ``u.clamp(0, 1)``.
    """
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise ValueError(f"path must end in .png, got {target.name!r}")
    values = to_numpy(u)
    if values.min() < 0 or values.max() > 1:
        raise ValueError(
            f"u must have values in [0, 1], got [{values.min():.4g}, {values.max():.4g}]: clip it with u.clamp(0, 1)"
        )
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".png", delete=False) as stream:
        Image.fromarray(np.rint(values * 255).astype(np.uint8)).save(stream, format="PNG", optimize=True)
    os.chmod(stream.name, 0o644)
    os.replace(stream.name, target)
