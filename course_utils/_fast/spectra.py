"""Half spectra: columns 0 to W // 2 of a transfer function determine the others, because images are real.

The fast Fourier transform of real images computes these columns only. `fourier` shows the lecture's full spectra.
"""

from __future__ import annotations

import torch
from torch import Tensor

_last: tuple[tuple[object, ...], Tensor, Tensor] | None = None  # setting, kernel and its half transfer function


def apply_filter(u: Tensor, half_transfer: Tensor) -> Tensor:
    """Return F⁻¹(h_hat u_hat) for a filter given by half of its transfer function."""
    return torch.fft.irfft2(torch.fft.rfft2(u).mul_(half_transfer), s=u.shape[-2:])


def half_laplacian(u: Tensor, lam: float = 1.0) -> Tensor:
    """Return half of λ L_hat on the grid of the image ``u``, in its precision and on its device."""
    rows, columns = (torch.sin(torch.pi * torch.arange(n, dtype=torch.float64) / n).square() for n in u.shape[-2:])
    return (4 * lam * (rows[:, None] + columns[: u.shape[-1] // 2 + 1])).to(u)


def half_transfer(kernel: Tensor, u: Tensor) -> Tensor:
    """Return half of k_hat on the grid of the image ``u``, in its precision; it must not be changed.

    The last one is kept: an iteration blurs hundreds of times with one kernel, and k_hat is a quarter of the work.
    Kernels are compared by their values, so one that was changed in place is another kernel.
    """
    global _last
    if kernel.requires_grad or torch.is_inference_mode_enabled():
        return _half_transfer(kernel, u)
    setting, last = (u.shape[-2:], u.dtype, kernel.dtype, kernel.device), _last  # one reading: there may be threads
    if last is None or last[0] != setting or not torch.equal(last[1], kernel):
        last = _last = setting, kernel.clone(), _half_transfer(kernel, u)
    return last[2]


def _half_transfer(kernel: Tensor, u: Tensor) -> Tensor:
    """Transform along the rows first: only h rows of the padded kernel are not zero, which halves the work."""
    height, width = u.shape[-2:]
    h, w = kernel.shape
    rows = torch.nn.functional.pad(kernel.to(u.dtype), (0, width - w)).roll(-(w // 2), 1)
    rows_hat = torch.fft.rfft(rows)
    k_hat = rows_hat.new_zeros(height, rows_hat.shape[1])
    k_hat[: h - h // 2] = rows_hat[h // 2 :]
    k_hat[height - h // 2 :] = rows_hat[: h // 2]
    return torch.fft.fft(k_hat, dim=0)
