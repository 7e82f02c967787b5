"""The 3 x 3 convolutions of a frozen network with fewer products, on the CPU: Winograd's algorithm F(4 x 4, 3 x 3).

A 3 x 3 convolution of a tile of 4 x 4 outputs takes 144 products. For polynomials of one variable, Winograd's algorithm
finds 4 outputs with 6 products; in two dimensions that makes 36: Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A for a filter g
(3 x 3), the inputs d (6 x 6) that the tile sees, and its outputs Y (4 x 4). Summed over the channels, ⊙ is a
matrix product for each of the 36 places: so the additions of the transforms are soon paid for.

A. Lavin and S. Gray (2016), "Fast algorithms for convolutional neural networks".
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["WinogradConv2d"]

INPUT, OUTPUT = 6, 4  # sides of a tile before and after
SMALLEST = 256  # pixels of an image: with fewer, reading the transformed filters takes longer than the products
BLOCK = 128  # tiles transformed at a time, so that they stay in the processor's cache

_BT = (
    (4.0, 0.0, -5.0, 0.0, 1.0, 0.0),
    (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
    (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
    (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
    (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
    (0.0, 4.0, 0.0, -5.0, 0.0, 1.0),
)
_G = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)
_AT = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
    (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
    (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
)
# Both transforms as matrices on columns of 36: d -> Bᵀ d B, and p -> Aᵀ p A for the products p.
_BEFORE = torch.kron(*[torch.tensor(_BT, dtype=torch.float64)] * 2)
_AFTER = torch.kron(*[torch.tensor(_AT, dtype=torch.float64)] * 2)


class WinogradConv2d(nn.Conv2d):
    """A 3 x 3 convolution, with one pixel of zeros around the image, whose weights are never trained.

    On the CPU it computes with Winograd's algorithm, the same values up to rounding in less time. For images of fewer
    than `SMALLEST` pixels, on another device, and under autocast, whose 8 bits are too few for the algorithm, it is
    PyTorch's own convolution. Gradients reach the input, never the weights.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1)
        self.requires_grad_(False)
        self._filters: tuple[Tensor, Tensor] | None = None

    def _apply(self, *args: Any, **kwargs: Any) -> WinogradConv2d:
        self._filters = None  # another device or precision
        return super()._apply(*args, **kwargs)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self._filters = None
        super()._load_from_state_dict(*args, **kwargs)

    def forward(self, input: Float[Tensor, "batch n h w"]) -> Float[Tensor, "batch m h w"]:
        """Return the convolution of a batch."""
        small = input.shape[-2] * input.shape[-1] < SMALLEST
        if small or input.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        if self._filters is None:
            adjoint = self.weight.flip(2, 3).transpose(0, 1)
            self._filters = transform_filters(self.weight), transform_filters(adjoint)
        return _Convolution.apply(input, *self._filters, self.bias)


class _Convolution(torch.autograd.Function):
    """The convolution and its adjoint, which is the one with the flipped filters."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, filters: Tensor, adjoint: Tensor, bias: Tensor) -> Tensor:
        ctx.adjoint = adjoint
        return convolve(image, filters, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        return convolve(gradients[0], ctx.adjoint), None, None, None


def transform_filters(weight: Float[Tensor, "m n 3 3"]) -> Float[Tensor, "36 n m"]:
    """Return G g Gᵀ for the filters g of an ``nn.Conv2d``, one matrix for each place of a tile."""
    both = torch.kron(*[torch.tensor(_G, dtype=weight.dtype)] * 2)  # g -> G g Gᵀ, for g as a column of 9
    m, n = weight.shape[:2]
    return (both @ weight.permute(2, 3, 1, 0).reshape(9, -1)).view(36, n, m)


def convolve(
    image: Float[Tensor, "batch n h w"], filters: Float[Tensor, "36 n m"], bias: Float[Tensor, " m"] | None = None
) -> Float[Tensor, "batch m h w"]:
    """Return the convolution, in the sense of networks, of images with 3 x 3 filters; beyond its border an image is 0.

    ``filters`` are those of `transform_filters`. In memory the channels of a pixel of the result are side by side
    (``torch.channels_last``): tiles are then copied in long runs. An image in this format is read faster too.
    """
    before, after = _BEFORE.to(image.dtype), _AFTER.to(image.dtype)
    batch, n, h, w = image.shape
    m, rows, columns = filters.shape[2], -(-h // OUTPUT), -(-w // OUTPUT)
    padded = image.new_zeros(batch, rows * OUTPUT + 2, columns * OUTPUT + 2, n)
    padded[:, 1 : h + 1, 1 : w + 1] = image.permute(0, 2, 3, 1)
    tiles = padded.unfold(1, INPUT, OUTPUT).unfold(2, INPUT, OUTPUT).permute(4, 5, 0, 1, 2, 3)
    shape = (batch, m, rows * OUTPUT, columns * OUTPUT)
    result = torch.empty(shape, dtype=image.dtype, memory_format=torch.channels_last)
    places = result.permute(0, 2, 3, 1).view(batch, rows, OUTPUT, columns, OUTPUT, m).permute(2, 4, 0, 1, 3, 5)
    step = max(1, BLOCK // (batch * columns))
    for row in range(0, rows, step):
        d = before @ tiles[:, :, :, row : row + step].reshape(36, -1)
        products = torch.bmm(d.view(36, -1, n), filters)
        places[:, :, :, row : row + step] = (after @ products.view(36, -1)).view(OUTPUT, OUTPUT, batch, -1, columns, m)
    if bias is not None:
        result += bias[:, None, None]
    return result if shape[2:] == (h, w) else result[..., :h, :w].clone()  # autograd wants no view
