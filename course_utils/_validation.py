"""Checks of arguments shared by the whole package: each error names the argument, what came and what was expected."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real

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
