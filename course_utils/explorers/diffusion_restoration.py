"""Explorer of lesson 17: paint on a digit what is hidden, and see several completions come out of noise."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
import traitlets
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils import posterior
from course_utils._validation import require_choice, require_count, require_number
from course_utils.data import load_square_digits
from course_utils.diffusion import UNet, alpha_bar, ddpm_step, load_unet
from course_utils.explorers.base import Explorer, Numbers, Run, Turn, call, choice, count_slider, explorer, log_slider
from course_utils.explorers.deblurring import KernelPad
from course_utils.images import png_bytes
from course_utils.operators import Mask

CELLS, SIDE = 16, 32  # what is hidden is painted in cells of 2 x 2 pixels
COUNT = 6  # completions
SIGMA = 0.05
STEPS = 100
METHODS = ("DPS", "ΠGDM", "known pixels replaced")
START = {"ΠGDM": 0.9}  # earlier, the errors of the network in J are multiplied by 1 / ᾱ
BLUE = (0.0, 0.45, 0.7)  # what is hidden, in the pad and in the picture

Painted = Sequence[Sequence[int]]
Step = Callable[..., Tensor]


@cache
def _network() -> UNet:
    return load_unet("digit_diffusion")


@cache
def _digits() -> Tensor:
    """Return one image of each digit, none of which trained the network."""
    return load_square_digits(452, 453)[0]


def _address(digit: int) -> str:
    return "data:image/png;base64," + base64.b64encode(png_bytes((_digits()[digit, 0] + 1) / 2)).decode()


class DigitPad(KernelPad):
    """A digit on which the hidden cells are painted, as the mask on the photograph of lesson 08."""

    label = traitlets.Unicode(
        "What to hide: drag the mouse, with Shift to show again; or arrow keys, and Space to hide or show"
    ).tag(sync=True)
    title = traitlets.Unicode("what is hidden (Shift shows it again):").tag(sync=True)
    cell = traitlets.Int(16).tag(sync=True)
    ink = traitlets.Unicode("#0072b2").tag(sync=True)

    @traitlets.default("value")
    def _the_upper_half(self) -> list[list[int]]:
        return [[int(i < CELLS // 2)] * CELLS for i in range(CELLS)]


def _observed(painted: Painted, digit: int) -> tuple[Bool[Tensor, "H W"], Float[Tensor, "1 1 H W"]]:
    """Return the mask of the known pixels, and v."""
    hidden = torch.tensor(painted) > 0
    if hidden.shape != (CELLS, CELLS):
        raise ValueError(f"painted must have {CELLS} rows of {CELLS} cells, got shape {tuple(hidden.shape)}")
    if require_count(digit, "digit", 0) > 9:
        raise ValueError(f"digit must be at most 9, got {digit}")
    mask = ~hidden.repeat_interleave(SIDE // CELLS, 0).repeat_interleave(SIDE // CELLS, 1)
    x0 = _digits()[digit : digit + 1]
    return mask, Mask(mask)(x0 + SIGMA * torch.randn(x0.shape, generator=torch.Generator().manual_seed(0)))


def _panels(x: Tensor, mask: Tensor, v: Tensor) -> Float[Tensor, "3 H W"]:
    """Return what is observed above the standard deviation of the images x, and these beside, in two rows."""
    images, seen = ((y[:, 0].clamp(-1, 1) + 1) / 2 for y in (x, v))
    blue = torch.tensor(BLUE)[:, None, None]
    left = [torch.where(mask, seen, blue), 2 * images.std(dim=0).expand(3, SIDE, SIDE)]
    rows = []
    for row in range(2):
        shown = [left[row], *(u.expand(3, SIDE, SIDE) for u in images[row::2])]
        rows.append(torch.cat([torch.nn.functional.pad(u, (0, 1, 0, 1), value=1.0) for u in shown], dim=-1))
    return torch.cat(rows, dim=-2)


def completion_picture(
    painted: Painted,
    digit: int = 3,
    method: str = "DPS",
    zeta: float = 1.0,
    seed: int = 0,
    steps: int = STEPS,
    watch: Callable[[int, Tensor], object] | None = None,
    dps_step: Step = posterior.dps_step,
) -> tuple[Float[Tensor, "3 H W"], dict[str, float | str]]:
    """Return six completions of a digit of which a part is hidden, beside what is observed and where they differ.

    On the left what is observed, hidden pixels blue, above the standard deviation of the completions.

    Parameters
    ----------
    painted : 16 rows of 16 cells, 1 where hidden.
    method : one of ``METHODS``; ``zeta`` is the step of DPS, and of no other.
    watch : called as ``watch(k, picture)`` after each step; it ends the run by raising ``StopIteration``.
    dps_step : your own step of DPS, if you like.
    """
    mask, v = _observed(painted, digit)
    A, generator = Mask(mask), torch.Generator().manual_seed(require_count(seed, "seed", 0))
    v, shape = v.expand(COUNT, 1, SIDE, SIDE), (COUNT, 1, SIDE, SIDE)
    zeta, denoiser = require_number(zeta, "zeta", minimum=0.0), _network()

    def dps(x: Tensor, t: float, s: float) -> Tensor:
        return call(dps_step, shape, x, t, s, A, v, denoiser, zeta, generator)

    def pigdm(x: Tensor, t: float, s: float) -> Tensor:
        guidance = posterior.pigdm_guidance(x, t, A, v, SIGMA, denoiser)
        noise = denoiser(x, t) - (1 - alpha_bar(t)).sqrt().to(x) * guidance
        return ddpm_step(x, t, s, noise, torch.randn(shape, generator=generator))

    def replaced(x: Tensor, t: float, s: float) -> Tensor:
        x = posterior.dps_step(x, t, s, A, v, denoiser, 0.0, generator)
        return posterior.replace_known(x, s, v, mask, torch.randn(shape, generator=generator))

    def report(k: int, x: Tensor) -> None:
        if watch:
            watch(k, _panels(x, mask, v[:1]))

    step = dict(zip(METHODS, (dps, pigdm, replaced), strict=True))[require_choice(method, "method", METHODS)]
    noise, start = torch.randn(shape, generator=generator), START.get(method, posterior.NOISE)
    x = posterior.reverse_process(step, noise, steps, start=start, callback=report)
    return _panels(x, mask, v[:1]), _numbers(x, mask, v)


def _numbers(x: Tensor, mask: Tensor, v: Tensor) -> dict[str, float | str]:
    spread = x.std(dim=0)[0] / 2
    numbers: dict[str, float | str] = {"hidden": f"{(~mask).double().mean():.0%}"}
    if mask.any():
        residual = (x - v)[..., mask].norm(dim=-1) / (SIGMA * mask.sum().sqrt())
        numbers |= {"‖Ax - v‖ / (σ√m)": residual.mean().item(), "deviation, known": spread[mask].mean().item()}
    if not mask.all():
        numbers["deviation, hidden"] = spread[~mask].mean().item()
    return numbers


@explorer
def explore_completions(dps_step: Step = posterior.dps_step, steps: int = STEPS) -> Explorer:
    """Return an explorer of posterior sampling: paint what is hidden of a digit, run, and see six completions.

    The sampling is a `Run`, of some seconds; a change of the choices ends it. ``dps_step`` may be your own function.
    """
    steps = require_count(steps, "steps")
    controls = {
        "painted": DigitPad(background=_address(3)),
        "digit": count_slider("digit", 3, 0, 9),
        "method": choice("method", METHODS),
        "zeta": log_slider("ζ", 1.0, -2, 1, 0.25),
        "seed": count_slider("seed", 0, 0, 20),
    }

    def work(turn: Turn) -> None:
        settings = {name: control.value for name, control in controls.items()}

        def watch(k: int, picture: Tensor) -> None:
            turn.show(shown.show, picture, {"step": f"{k} of {steps}"})
            turn.tick()

        turn.show(shown.show, *completion_picture(**settings, steps=steps, watch=watch, dps_step=dps_step))

    run = Run(work)

    def draw(painted: Painted, digit: int, method: str, zeta: float, seed: int) -> tuple[Tensor, Numbers]:
        run.forget()
        mask, v = _observed(painted, digit)
        noise = torch.randn((COUNT, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(seed))
        painted_share = (~mask).double().mean()  # what is chosen stands under the picture
        numbers: Numbers = {"digit": digit, "method": method, "ζ": zeta, "seed": seed, "hidden": f"{painted_share:.0%}"}
        return _panels(noise, mask, v), numbers

    def change_digit(change: Mapping[str, Any]) -> None:
        controls["painted"].background = _address(change["new"])

    controls["digit"].observe(change_digit, names="value")
    alt = "Left, the digit with what is hidden in blue, above where the completions differ; right, six completions."
    shown = Explorer("posterior sampling", controls, draw, alt, zoom=4, run=run)
    return shown
