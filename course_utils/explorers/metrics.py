"""Explorer of lesson 09: a degradation and its strength, all the metrics, and the SSIM map or the error."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils import metrics
from course_utils._validation import require_choice, require_number
from course_utils.explorers.base import Explorer, call, choice, explorer, slider
from course_utils.features import load_lpips
from course_utils.fourier import gaussian_kernel
from course_utils.images import add_noise, compress_jpeg, compress_jpeg2000, load_image, to_gray
from course_utils.operators import blur

SIDE, MARGIN = 128, metrics.WINDOW_SIZE // 2
PHOTOGRAPHS = ("cameraman", "astronaut", "kodim23")
PANELS = ("SSIM map", "error map")


@cache
def _photograph(name: str) -> Tensor:
    u = load_image(name, SIDE)
    return to_gray(u) if u.ndim == 3 else u


@cache
def _noise() -> Tensor:
    return add_noise(torch.zeros(SIDE, SIDE, dtype=torch.float64), 1.0, torch.Generator().manual_seed(0))


@cache
def _network() -> tuple[Any, dict[str, Tensor]]:
    return load_lpips("alex")


@cache
def _features(name: str) -> dict[str, Tensor]:
    with torch.no_grad():
        return _network()[0](_photograph(name))


def _salt_and_pepper(u: Tensor, s: float) -> Tensor:
    share = (_noise() / 2**0.5).erf()  # uniform in [-1, 1], the same pixels at every strength
    return torch.where(share.abs() > 1 - 0.2 * s, (share > 0).to(u), u)


DEGRADATIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "noise": lambda u, s: u + 0.3 * s * _noise(),
    "blur": lambda u, s: blur(u, gaussian_kernel(4 * s)) if s > 0 else u,
    "JPEG": lambda u, s: compress_jpeg(u, round(95 - 94 * s**0.5)) if s > 0 else u,
    "JPEG 2000": lambda u, s: compress_jpeg2000(u, 4 * 0.03**s)[0] if s > 0 else u,
    "brightness": lambda u, s: u + 0.3 * s,
    "contrast": lambda u, s: u.mean() + (1 - 0.9 * s) * (u - u.mean()),
    "shift": lambda u, s: u.roll(round(8 * s), 1),
    "salt and pepper": _salt_and_pepper,
}
"""What strength 0 to 1 makes of an image: strength 0 leaves it as it is."""


def metrics_picture(
    degradation: str,
    strength: float,
    photograph: str = "cameraman",
    panel: str = "SSIM map",
    ssim_map: Callable[[Tensor, Tensor], Tensor] = metrics.ssim_map,
) -> tuple[Float[Tensor, "H W"], dict[str, float]]:
    """Return a photograph, its degraded version and a map of where they differ, and MSE, PSNR, SSIM and LPIPS.

    ``degradation`` is a key of ``DEGRADATIONS``, ``strength`` from 0 to 1, ``photograph`` one of ``PHOTOGRAPHS``,
    ``panel`` one of ``PANELS``: the SSIM map, 10 pixels smaller each way and framed in gray, or 1 − 3 |u − v|.
    ``ssim_map`` makes the map that is shown, and whose mean is the number.  Slide "Metrics for Inverse Problems".
    """
    change = DEGRADATIONS[require_choice(degradation, "degradation", DEGRADATIONS)]
    u = _photograph(require_choice(photograph, "photograph", PHOTOGRAPHS))
    if require_number(strength, "strength", minimum=0.0) > 1:
        raise ValueError(f"strength must be at most 1, got {strength:g}")
    v = change(u, strength)
    with_map = require_choice(panel, "panel", PANELS) == "SSIM map"
    inside = (SIDE - 2 * MARGIN, SIDE - 2 * MARGIN)
    similarity = call(ssim_map, inside, v, u) if with_map else metrics.ssim_map(v, u)
    network, weights = _network()
    with torch.no_grad():
        distance = metrics.lpips(network(v), _features(photograph), weights).item()
    numbers = {"MSE": metrics.mse(v, u), "PSNR (dB)": metrics.psnr(v, u), "SSIM": similarity.mean().item()}
    if with_map:
        shown = torch.nn.functional.pad(similarity, (MARGIN,) * 4, value=0.5)
    else:
        shown = 1 - 3 * (u - v).abs()
    line = torch.ones(SIDE, 2, dtype=u.dtype)
    return torch.cat([u, line, v, line, shown], dim=1), numbers | {"LPIPS": distance}


@explorer
def explore_metrics(ssim_map: Callable[[Tensor, Tensor], Tensor] = metrics.ssim_map) -> Explorer:
    """Return an explorer of the metrics: a degradation, its strength, a photograph, and which map is shown.

    ``ssim_map`` may be your own function: its map is shown, and its mean stands below.
    """
    controls = {
        "degradation": choice("degradation", list(DEGRADATIONS)),
        "strength": slider("strength", 0.4, 0.0, 1.0, 0.02),
        "photograph": choice("photograph", PHOTOGRAPHS),
        "panel": choice("on the right", PANELS),
    }

    def draw(degradation: str, strength: float, photograph: str, panel: str) -> tuple[Tensor, dict[str, float]]:
        return metrics_picture(degradation, strength, photograph, panel, ssim_map)

    alt = "A photograph, its degraded version, and the SSIM map or the error, white where they agree."
    return Explorer("image metrics", controls, draw, alt, zoom=2)
