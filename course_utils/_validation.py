"""Checks of arguments shared by the whole package: each error names the argument, what came and what was expected."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def require_tensor(value: object, name: str, *, finite: bool = True) -> Tensor:
    """Return ``value`` when it is a float32 or float64 tensor, of finite numbers unless told otherwise, else raise."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch tensor, got {type(value).__name__}")
    if not value.is_floating_point():
        hint = "take its real part" if value.is_complex() else "divide integer images by 255.0"
        raise TypeError(f"{name} must hold floating-point values, got {value.dtype}: {hint} first")
    if value.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{name} must be float32 or float64, got {value.dtype}: convert it with .float() first")
    return _require_finite(value, name) if finite else value


def require_observation(value: object, name: str) -> Tensor:
    """Return ``value`` when it is a tensor of finite numbers, real or complex, else raise."""
    if isinstance(value, Tensor) and value.dtype in (torch.complex64, torch.complex128):
        return _require_finite(value, name)
    return require_tensor(value, name)


def _require_finite(value: Tensor, name: str) -> Tensor:
    # One NaN or infinity makes the sum one, and a sum is ten times as fast as isfinite(value); but it can overflow.
    if not torch.isfinite(value.detach().sum()) and not torch.isfinite(value).all():
        raise ValueError(f"{name} must be finite, it contains NaN or infinity")
    return value


def require_image(value: object, name: str, *, finite: bool = True) -> Tensor:
    """Return ``value`` when it is a float image ``(..., H, W)``, finite unless told otherwise, else raise."""
    image = require_tensor(value, name, finite=finite)
    if image.ndim < 2 or 0 in image.shape:
        raise ValueError(f"{name} must be an image of shape (..., H, W), got shape {tuple(image.shape)}")
    return image


def require_picture(value: object, name: str) -> Tensor:
    """Return ``value`` when it is one image, ``(H, W)`` or ``(C, H, W)``, else raise."""
    image = require_image(value, name)
    if image.ndim > 3:
        raise ValueError(f"{name} must have shape (H, W) or (C, H, W), got shape {tuple(image.shape)}")
    return image


def require_kernel(value: object, shape: Iterable[int] | None = None, name: str = "kernel") -> Tensor:
    """Return ``value`` when it is a finite float ``(h, w)`` kernel that fits into ``shape``, else raise."""
    kernel = require_tensor(value, name)
    if kernel.ndim != 2 or 0 in kernel.shape:
        raise ValueError(f"{name} must have shape (h, w), got shape {tuple(kernel.shape)}")
    if shape is not None:
        height, width = tuple(shape)[-2:]
        if kernel.shape[0] > height or kernel.shape[1] > width:
            raise ValueError(f"{name} of shape {tuple(kernel.shape)} is larger than the image, {(height, width)}")
    return kernel


def require_mask(value: object, shape: Iterable[int] | None = None, name: str = "mask") -> Tensor:
    """Return ``value`` when it is boolean, ``(H, W)``, with the last two sides of ``shape`` if given, else raise."""
    if not isinstance(value, Tensor) or value.dtype != torch.bool:
        kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name} must be a boolean tensor, true where it is known or measured, got {kind}")
    if value.ndim != 2 or 0 in value.shape:
        raise ValueError(f"{name} must have shape (H, W), got shape {tuple(value.shape)}")
    if shape is not None and tuple(value.shape) != tuple(shape)[-2:]:
        raise ValueError(f"{name} must have shape {tuple(shape)[-2:]}, got shape {tuple(value.shape)}")
    return value


def require_number(value: object, name: str, *, minimum: float = -math.inf, strict: bool = False) -> float:
    """Return ``value`` as a finite float at least ``minimum`` (above it when ``strict``), else raise."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    if number < minimum or (strict and number == minimum):
        raise ValueError(f"{name} must be {'>' if strict else '>='} {minimum:g}, got {number:g}")
    return number


def require_count(value: object, name: str, minimum: int = 1) -> int:
    """Return ``value`` when it is an integer at least ``minimum``, else raise."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}")
    return int(value)


def require_generator(value: object, name: str = "generator") -> torch.Generator:
    """Return ``value`` when it is a ``torch.Generator``, else raise."""
    if not isinstance(value, torch.Generator):
        raise TypeError(f"{name} must be a torch.Generator, got {type(value).__name__}")
    return value


def require_size(value: object, name: str = "size") -> tuple[int, int]:
    """Return the last two entries of ``value``, a pair (height, width) or the shape of an image, else raise."""
    if not isinstance(value, (tuple, list)) or len(value) < 2:
        raise ValueError(f"{name} must be a pair (height, width), got {value!r}")
    return require_count(value[-2], f"{name}[-2]"), require_count(value[-1], f"{name}[-1]")


def require_shape(value: object, name: str = "shape") -> tuple[int, ...]:
    """Return ``value`` when it is a sequence of at least one positive integer, the shape of a tensor, else raise."""
    if not isinstance(value, (tuple, list)) or not value:
        raise ValueError(f"{name} must be a shape, such as (height, width), got {value!r}")
    return tuple(require_count(side, f"{name}[{i}]") for i, side in enumerate(value))


def require_range(value: object, name: str = "value_range") -> tuple[float, float]:
    """Return ``value`` when it is a pair (low, high) of numbers with low < high, else raise."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError(f"{name} must be a pair (low, high), got {value!r}")
    low = require_number(value[0], f"{name}[0]")
    return low, require_number(value[1], f"{name}[1]", minimum=low, strict=True)


def require_callable(value: object, name: str, *, optional: bool = False) -> None:
    """Raise unless ``value`` can be called, or is None when ``optional``."""
    if not callable(value) and not (optional and value is None):
        raise TypeError(f"{name} must be callable, got {type(value).__name__}")


def require_mapping(value: object, name: str, keys: str = "layers") -> Mapping[str, Any]:
    """Return ``value`` when it is a dictionary or the like, else raise; ``keys`` says what it is indexed by."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dictionary by {keys}, got {type(value).__name__}")
    return value


def require_sequence(value: object, name: str) -> Sequence[Any]:
    """Return ``value`` when it is a list, a tuple or the like, but no text, else raise."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a list or a tuple, got {type(value).__name__}")
    return value


def require_flag(value: object, name: str) -> bool:
    """Return ``value`` when it is True or False, else raise."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {type(value).__name__}")
    return value


def require_path(value: object, name: str = "path") -> Path:
    """Return ``value`` as a path when it is one, or its text, else raise."""
    if not isinstance(value, (str, Path)):
        raise TypeError(f"{name} must be a path, got {type(value).__name__}")
    return Path(value)


def require_device(value: object, name: str = "device") -> torch.device | None:
    """Return ``value`` as a device when it is one, its name, or None, else raise."""
    if value is not None and not isinstance(value, (str, torch.device)):
        raise TypeError(f"{name} must be a device or its name, got {type(value).__name__}")
    try:
        return None if value is None else torch.device(value)
    except RuntimeError:
        raise ValueError(f"{name} {value!r} is unknown. Take for example 'cpu', 'cuda' or 'mps'") from None


def require_choice(value: object, name: str, choices: Iterable[str]) -> str:
    """Return ``value`` when it is one of ``choices``, else raise and suggest the nearest one."""
    known = sorted(choices)
    if isinstance(value, str) and value in known:
        return value
    near = difflib.get_close_matches(str(value), known, n=1)
    suggestion = f"; did you mean {near[0]!r}?" if near else "."
    raise ValueError(f"{name} {value!r} is unknown{suggestion} Choose one of: {', '.join(known)}")


def require_same_shape(first: Tensor, second: Tensor, names: tuple[str, str]) -> None:
    """Raise unless both tensors have the same shape and live on the same device: nothing is broadcast silently."""
    if first.shape != second.shape:
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same shape, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    require_same_device(first, second, names)


def require_same_device(first: Tensor, second: Tensor, names: tuple[str, str]) -> None:
    """Raise unless both tensors live on the same device."""
    if first.device != second.device:
        raise ValueError(f"{names[0]} is on {first.device} but {names[1]} is on {second.device}: move one of them")
