"""Images: read, shrink, crop, add noise, hand over to matplotlib, save."""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional as F

from course_utils._files import write_atomically
from course_utils._validation import (
    require_choice,
    require_count,
    require_generator,
    require_image,
    require_number,
    require_path,
    require_range,
    require_size,
)
from course_utils.data import fetch, names_of_kind

_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, the weights of gray-level conversion in JPEG and in Pillow

_WHITE = {"1": 1, "L": 255, "RGB": 255, "I;16": 65535, "I;16L": 65535, "I;16B": 65535, "I": 65535}
_DEPTH = {"1": 1, "L;2": 85, "L;4": 17}  # what Pillow multiplies the levels of a PNG of fewer than 8 bits by
_BAND = 2**21  # values of a picture that are in double precision at one time


def load_image(name: str | Path, size: int | tuple[int, int] | None = None) -> Float[Tensor, "*channels H W"]:
    """Load a picture of the course, such as ``"cameraman"``, or a picture file of your own, as float64.

    It is ``(H, W)`` if gray, else ``(3, H, W)``. With ``size``, a side or (height, width), it is reduced by `zoom_out`
    as much as it can be, then cropped around its centre.

    >>> tuple(load_image("cameraman").shape), tuple(load_image("astronaut", (100, 128)).shape)
    ((512, 512), (3, 100, 128))
    """
    return read_picture(_picture_path(name), size)


def _picture_path(name: str | Path) -> Path:
    """Return the file of a registered picture, or the user's own file; a registered name comes first."""
    known = names_of_kind("photograph", "texture", "painting", "medical")
    if not isinstance(name, str | Path):
        raise TypeError(f"name must be a registered name or a path, got {type(name).__name__}")
    if str(name) not in known and Path(name).is_file():
        return Path(name)
    if isinstance(name, Path) or Path(name).suffix:
        raise FileNotFoundError(f"there is no picture file {str(name)!r}; the course's own are {', '.join(known)}")
    return fetch(require_choice(name, "name", known))


def read_picture(path: str | Path, size: int | tuple[int, int] | None = None) -> Float[Tensor, "*channels H W"]:
    """Read a picture file, float64: ``(H, W)`` if it is gray, else ``(3, H, W)``; ``size`` as for `load_image`.

    It has 8 bits a channel, or is gray with 16. A camera's orientation mark is applied, and what is transparent lies on
    white. A file that is damaged, too large, no picture or of another type is a ValueError that names it.
    """
    path = require_path(path)
    if size is not None:
        size = _height_and_width(size)
    with open(path, "rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of damaged marks, which do not matter
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return _read(Image.open(stream), size)
        except _TooSmall as error:
            raise ValueError(str(error)) from None
        except UnidentifiedImageError:
            problem = "is not a picture that can be read: save it as PNG or JPEG"
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            problem = f"has more than {Image.MAX_IMAGE_PIXELS:,} pixels: reduce it first"
        except _Unread as error:
            problem = str(error)
        except Exception as error:  # a damaged file makes Pillow raise nearly anything
            problem = f"is damaged ({type(error).__name__}): open it in another program and save it again"
    raise ValueError(f"{path} {problem}")


class _Unread(Exception):
    """A picture of a type that is not read."""


class _TooSmall(Exception):
    """A picture smaller than the size wanted."""


def _read(picture: Image.Image, size: tuple[int, int] | None) -> Tensor:
    """Return an open picture, reduced and cropped, band by band: a photograph in double precision takes gigabytes."""
    raw = _raw_mode(picture)
    picture.load()
    if ";16" in raw and not picture.mode.startswith("I"):
        raise _Unread("has 16 bits a channel in colour: save it as PNG with 8 bits a channel")
    if picture.mode == "I" and not (raw == "I;16B" or picture.format == "PPM"):
        raise _Unread("has pixels of type I, 32 bits: save it as PNG with 8 bits a channel")
    ImageOps.exif_transpose(picture, in_place=True)
    factor = 1
    if size is not None:
        factor = min(picture.height // size[0], picture.width // size[1])
        if factor == 0:
            raise _TooSmall(f"size {size} is larger than the image, {(picture.height, picture.width)}")
    gray_palette = picture.mode in ("P", "PA") and _is_gray(picture)
    step = factor * max(1, _BAND // (factor * picture.width * 3))
    bands = []
    for top in range(0, picture.height // factor * factor, step):
        below = min(top + step, picture.height // factor * factor)
        values = _values(picture.crop((0, top, picture.width, below)), _DEPTH.get(raw, 1))
        values = values[0] if gray_palette else values
        bands.append(zoom_out(values, factor) if factor > 1 else values)
    u = torch.cat(bands, dim=-2)
    return u if size is None else center_crop(u, size)


def _raw_mode(picture: Image.Image) -> str:
    """Return Pillow's name of how the pixels lie in the file, such as "RGB;16B" where ``picture.mode`` says "RGB"."""
    tiles = getattr(picture, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    if isinstance(arguments, tuple):
        arguments = next((entry for entry in arguments if isinstance(entry, str)), "")
    return str(arguments)


def _is_gray(picture: Image.Image) -> bool:
    """Say whether all the colours that a picture with a palette uses are gray."""
    used = np.flatnonzero(picture.getchannel(0).histogram())
    palette = np.array(picture.getpalette("RGB")).reshape(-1, 3)
    used = used[used < len(palette)]
    return bool((palette[used] == palette[used, :1]).all())


def _values(picture: Image.Image, depth: int) -> Tensor:
    """Return the values of a picture in [0, 1], ``(H, W)`` or ``(3, H, W)``, on white where it is transparent."""
    transparent = picture.info.get("transparency")
    if picture.mode in ("P", "PA", "CMYK", "YCbCr", "RGBX"):
        picture = picture.convert("RGBA" if transparent is not None or picture.mode == "PA" else "RGB")
        transparent = None
    if picture.mode in ("LA", "RGBA"):
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA")).convert(picture.mode[:-1])
    if picture.mode not in _WHITE:
        raise _Unread(f"has pixels of type {picture.mode}: save it as PNG with 8 bits a channel")
    pixels = np.array(picture, dtype=np.float64)
    if isinstance(transparent, int | tuple):
        hidden = pixels == (np.array(transparent) * depth)
        pixels[hidden if pixels.ndim == 2 else hidden.all(-1)] = _WHITE[picture.mode]
    values = torch.from_numpy(pixels) / _WHITE[picture.mode]
    return values if values.ndim == 2 else values.permute(2, 0, 1).contiguous()


def _height_and_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """Return ``size`` as a pair of positive integers."""
    if not isinstance(size, tuple):
        return (require_count(size, "size"),) * 2
    if len(size) != 2:
        raise ValueError(f"size must be an integer or a pair (height, width), got {size}")
    return require_size(size)


def to_gray(u: Float[Tensor, "*channels H W"]) -> Float[Tensor, "*batch H W"]:
    """Return the luminance 0.299 R + 0.587 G + 0.114 B of an image ``(..., 3, H, W)`` (ITU-R BT.601).

    An image ``(H, W)`` is gray already and is returned as it is.
    """
    require_image(u, "u")
    if u.ndim == 2:
        return u
    if u.shape[-3] != 3:
        raise ValueError(f"u must have 3 channels, (..., 3, H, W), or be gray, (H, W); got shape {tuple(u.shape)}")
    red, green, blue = u.unbind(-3)
    return _LUMINANCE[0] * red + _LUMINANCE[1] * green + _LUMINANCE[2] * blue


def center_crop(u: Float[Tensor, "*batch H W"], size: int | tuple[int, int]) -> Float[Tensor, "*batch h w"]:
    """Return a view of the middle of an image, of side ``size`` or (height, width): it begins at row (H - h) // 2."""
    require_image(u, "u")
    height, width = _height_and_width(size)
    if height > u.shape[-2] or width > u.shape[-1]:
        raise ValueError(f"size {(height, width)} is larger than the image, {tuple(u.shape[-2:])}")
    top, left = (u.shape[-2] - height) // 2, (u.shape[-1] - width) // 2
    return u[..., top : top + height, left : left + width]


def zoom_out(u: Float[Tensor, "*batch H W"], factor: int) -> Float[Tensor, "*batch h w"]:
    """Reduce an image by an integer: each new pixel is the mean of a square of ``factor`` × ``factor`` pixels.

    Rows and columns at the bottom and right that fill no square are left out.

    >>> zoom_out(torch.tensor([[0.0, 1.0, 0.5], [0.0, 1.0, 0.5]]), 2)
    tensor([[0.5000]])
    """
    require_image(u, "u")
    require_count(factor, "factor")
    height, width = u.shape[-2] // factor, u.shape[-1] // factor
    if height == 0 or width == 0:
        raise ValueError(f"factor {factor} is larger than a side of the image, {tuple(u.shape[-2:])}")
    whole = u[..., : height * factor, : width * factor]
    return whole.unflatten(-1, (width, factor)).unflatten(-3, (height, factor)).mean(dim=(-3, -1))


def shrink(u: Float[Tensor, "*batch H W"], side: int) -> Float[Tensor, "*batch h w"]:
    """Reduce an image to ``side`` pixels on its longer side: `zoom_out` by 2 of bicubic interpolation at twice that.

    >>> tuple(shrink(torch.rand(3, 40, 60), 48).shape)
    (3, 32, 48)
    """
    require_image(u, "u")
    longer = max(u.shape[-2:])
    if require_count(side, "side") > longer:
        raise ValueError(f"side must be at most {longer}, that of the image, got {side}")
    height, width = (max(1, round(side * n / longer)) for n in u.shape[-2:])
    doubled = F.interpolate(u.reshape(1, -1, *u.shape[-2:]), size=(2 * height, 2 * width), mode="bicubic")
    return zoom_out(doubled, 2).reshape(*u.shape[:-2], height, width)


def add_noise(u: Float[Tensor, "*batch H W"], sigma: float, generator: torch.Generator) -> Float[Tensor, "*batch H W"]:
    """Return v = u + w with white Gaussian noise w(x) ~ N(0, σ²); some values leave [0, 1].

    Slide "Inverse Problems".

    >>> u = torch.full((64, 64), 0.5)
    >>> round((add_noise(u, 20 / 255, torch.Generator().manual_seed(0)) - u).std().item(), 3)
    0.078
    """
    require_image(u, "u")
    sigma = require_number(sigma, "sigma", minimum=0.0)
    require_generator(generator)
    noise = torch.randn(u.shape, generator=generator, dtype=u.dtype, device=generator.device)
    return u + sigma * noise.to(u.device)


def to_numpy(u: Float[Tensor, "*channels H W"]) -> np.ndarray:
    """Return a copy of an image ``(H, W)``, ``(1, H, W)`` or ``(3, H, W)`` as matplotlib shows it, ``(H, W[, 3])``."""
    require_image(u, "u")
    if u.ndim > 3 or (u.ndim == 3 and u.shape[0] not in (1, 3)):
        raise ValueError(f"u must have shape (H, W), (1, H, W) or (3, H, W), got shape {tuple(u.shape)}")
    values = u.detach().cpu()
    if values.ndim == 3:
        values = values[0] if len(values) == 1 else values.permute(1, 2, 0)
    return values.numpy().copy()


def png_bytes(
    u: Float[Tensor, "*channels H W"],
    value_range: tuple[float, float] = (0.0, 1.0),
    zoom: int = 1,
    *,
    compress_level: int = 1,
) -> bytes:
    """Return an image as the bytes of a PNG: ``value_range`` from black to white in 256 levels, pixels ``zoom`` wide.

    ``compress_level`` goes from 1, fast, to 9, small.
    """
    low, high = require_range(value_range)
    pixels = np.clip((to_numpy(u) - low) / (high - low), 0.0, 1.0)
    picture = Image.fromarray(np.rint(255 * pixels).astype(np.uint8))
    picture = picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST)
    stream = io.BytesIO()
    picture.save(stream, format="PNG", compress_level=compress_level)
    return stream.getvalue()


def compress_jpeg(u: Float[Tensor, "H W"], quality: int) -> Float[Tensor, "H W"]:
    """Return a gray image as it comes back from a JPEG file of this quality, 1 to 95, rounded to 256 gray levels."""
    quality = require_count(quality, "quality")
    if quality > 95:
        raise ValueError(f"quality must be at most 95, got {quality}")
    buffer = io.BytesIO()
    _gray_picture(u).save(buffer, "JPEG", quality=quality)
    return _read_back(buffer).to(u)


def compress_jpeg2000(u: Float[Tensor, "H W"], bits_per_pixel: float) -> tuple[Float[Tensor, "H W"], float]:
    """Return a gray image as it comes back from a JPEG 2000 file of a given size, and the bits per pixel it took.

    The file is really written, in memory, by OpenJPEG (its versions differ a little), with the irreversible wavelet
    transform; the image is rounded to 256 gray levels before.
    """
    bits_per_pixel = require_number(bits_per_pixel, "bits_per_pixel", minimum=0.0, strict=True)
    buffer = io.BytesIO()
    layers = [max(8 / bits_per_pixel, 1.0)]
    _gray_picture(u).save(buffer, "JPEG2000", quality_mode="rates", quality_layers=layers, irreversible=True)
    bits = 8 * buffer.getbuffer().nbytes / u.numel()
    return _read_back(buffer).to(u), bits


def _gray_picture(u: Tensor) -> Image.Image:
    if require_image(u, "u").ndim != 2:
        raise ValueError(f"u must be a gray image (H, W), got shape {tuple(u.shape)}")
    pixels = (255 * u.detach().cpu().double().clamp(0, 1)).round().to(torch.uint8)
    return Image.fromarray(pixels.numpy())


def _read_back(buffer: io.BytesIO) -> Tensor:
    return torch.from_numpy(np.array(Image.open(buffer))).double() / 255


def save_image(u: Float[Tensor, "*channels H W"], path: str | Path) -> None:
    """Save an image as a PNG file of 8 bits a channel; values outside [0, 1] are an error, not clipped."""
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise ValueError(f"path must end in .png, got {target.name!r}")
    require_image(u, "u")
    if u.min() < 0 or u.max() > 1:
        low, high = u.min().item(), u.max().item()
        raise ValueError(f"u must have values in [0, 1], got [{low:.4g}, {high:.4g}]: clip it with u.clamp(0, 1)")
    write_atomically(target, png_bytes(u, compress_level=9))


# Value, half axes, centre (x, y) and angle in degrees of the ellipses of P. Toft's phantom (1996), on [-1, 1]².
_ELLIPSES = (
    (1.0, 0.69, 0.92, 0.0, 0.0, 0.0),
    (-0.8, 0.6624, 0.874, 0.0, -0.0184, 0.0),
    (-0.2, 0.11, 0.31, 0.22, 0.0, -18.0),
    (-0.2, 0.16, 0.41, -0.22, 0.0, 18.0),
    (0.1, 0.21, 0.25, 0.0, 0.35, 0.0),
    (0.1, 0.046, 0.046, 0.0, 0.1, 0.0),
    (0.1, 0.046, 0.046, 0.0, -0.1, 0.0),
    (0.1, 0.046, 0.023, -0.08, -0.605, 0.0),
    (0.1, 0.023, 0.023, 0.0, -0.606, 0.0),
    (0.1, 0.023, 0.046, 0.06, -0.605, 0.0),
)


def shepp_logan(size: int) -> Float[Tensor, "size size"]:
    """Return the head phantom of Shepp and Logan (1974), a sum of ten ellipses, with Toft's contrast, in [0, 1].

    Each pixel is the mean over 4 × 4 points.
    """
    x = (torch.arange(4 * require_count(size, "size"), dtype=torch.float64) + 0.5) / (2 * size) - 1
    u = torch.zeros(4 * size, 4 * size, dtype=torch.float64)
    for value, a, b, x0, y0, degrees in _ELLIPSES:
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        right, up = x - x0, -x[:, None] - y0
        u[((right * cosine + up * sine) / a) ** 2 + ((up * cosine - right * sine) / b) ** 2 <= 1] += value
    return u.round(decimals=9).reshape(size, 4, size, 4).mean((1, 3))  # 1 - 0.8 - 0.2 is not 0
