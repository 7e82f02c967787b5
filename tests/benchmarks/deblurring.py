"""Tychonov and ridge deblurring against scikit-image's `wiener` and deepinv's `prox_l2`.

Cameraman, 512×512, float64, kernel `motion_2`, σ = 4/255, one thread, each method with its best λ of a grid. Given |∇|
as its prior, which it cannot make itself and which is computed at each call as ours is, `wiener` must return our image
to 1e-10, `prox_l2` that of `ridge_deblur` to 1e-5 (it keeps float32 filters). Where a target is set ours must have a
PSNR at most 0.01 dB below. deepinv's operator is built beforehand; ours computes the transfer function of a kernel
once and keeps it until it gets another one: a row says what a new kernel at each call costs.
"""

import deepinv
import numpy as np
import torch
from skimage.restoration import wiener

from course_utils.data import load_kernel
from course_utils.images import add_noise, load_image
from course_utils.metrics import psnr
from course_utils.operators import blur
from course_utils.restoration import ridge_deblur, tychonov_deblur
from tests.benchmarks.timing import compared, print_table, race

WEIGHTS = [1e-3 * 1.1**i for i in range(60)]


def measure():
    torch.set_num_threads(1)
    u0, k = load_image("cameraman"), load_kernel("motion_2")
    v = add_noise(blur(u0, k), 4 / 255, torch.Generator().manual_seed(0))
    physics = deepinv.physics.BlurFFT(img_size=(1, *v.shape), filter=k[None, None], device="cpu")
    start = torch.zeros_like(v)[None, None]
    methods = {
        "tychonov": lambda lam, k=k: tychonov_deblur(v, k, lam),
        "ridge": lambda lam: ridge_deblur(v, k, lam),
        "wiener": lambda lam: torch.from_numpy(wiener(v.numpy(), k.numpy(), lam, clip=False)),
        "wiener, ∇": lambda lam: torch.from_numpy(wiener(v.numpy(), k.numpy(), lam, reg=modulus(v), clip=False)),
        "prox_l2": lambda lam: physics.prox_l2(start, v[None, None], gamma=1 / lam)[0, 0],
    }
    best = {name: max(WEIGHTS, key=lambda lam: psnr(restore(lam), u0)) for name, restore in methods.items()}
    results = {name: restore(best[name]) for name, restore in methods.items()}
    check(results, u0)
    runs = {name: lambda restore=restore, lam=best[name]: restore(lam) for name, restore in methods.items()}
    runs["new kernels"] = alternate(methods["tychonov"], best["tychonov"], [k, k.flip(0)])
    quality = {name: f"{psnr(u, u0):.2f}" for name, u in results.items()}
    return rows(race(runs, repeats=41), {**quality, "new kernels": quality["tychonov"]})


def modulus(v):
    """Return |∇| in Fourier, √(4 sin²(π ξ / H) + 4 sin²(π ζ / W)), as `wiener` wants it: half of it, complex."""
    height, width = v.shape
    rows = 4 * np.sin(np.pi * np.arange(height) / height) ** 2
    columns = 4 * np.sin(np.pi * np.arange(width // 2 + 1) / width) ** 2
    return np.sqrt(rows[:, None] + columns).astype(complex)


def check(results, u0):
    """Raise unless results that should be equal are, and Tychonov is as good as the peers that it is compared with."""
    for ours, peer, tolerance in [("tychonov", "wiener, ∇", 1e-10), ("ridge", "prox_l2", 1e-5)]:
        largest = (results[ours] - results[peer]).abs().max().item()
        if largest > tolerance:
            raise RuntimeError(f"{ours} and {peer} differ by {largest:.1e}")
    for peer in ("wiener, ∇", "prox_l2"):
        if psnr(results["tychonov"], u0) < psnr(results[peer], u0) - 0.01:
            raise RuntimeError(f"Tychonov has a lower PSNR than {peer}")


def alternate(restore, lam, kernels):
    """Return a function that restores with another of the kernels at each call."""
    turn = [0]

    def run():
        turn[0] += 1
        return restore(lam, kernels[turn[0] % len(kernels)])

    return run


def rows(seconds, quality):
    def row(what, ours, peer, target=None):
        return compared(f"{what}: {quality[ours]} / {quality[peer]} dB", seconds, ours, peer, target)

    return [
        row("`tychonov_deblur` / `wiener(reg=∇)`, same result", "tychonov", "wiener, ∇", 0.65),
        row("`ridge_deblur` / `prox_l2`, same result", "ridge", "prox_l2", 0.85),
        row("`tychonov_deblur` / `prox_l2`", "tychonov", "prox_l2", 0.85),
        row("`tychonov_deblur`, a new kernel at each call / `wiener(reg=∇)`", "new kernels", "wiener, ∇"),
        row("`tychonov_deblur` / `wiener`, its own prior ‖Δu‖²", "tychonov", "wiener"),
    ]


if __name__ == "__main__":
    print_table(measure())
