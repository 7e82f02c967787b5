"""Comparison of the pictures in a notebook's outputs: decoded, within a tolerance."""

import base64
import io

import numpy as np
from PIL import Image

BY_STATISTICS = "picture-by-statistics"  # tag of a cell whose picture differs from machine to machine
MEAN_TOLERANCE = 1.0 / 255  # mean absolute difference over the picture
BLOCK_TOLERANCE = 0.12  # largest difference between averages of 4x4 pixels: text may be rendered a little differently


def pictures_of(outputs):
    """Return the PNG pictures of a cell's outputs as float arrays (H, W, 3) in [0, 1], on white."""
    decoded = []
    for output in outputs:
        if png := output.get("data", {}).get("image/png"):
            picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
            white = Image.new("RGBA", picture.size, "white")
            decoded.append(np.asarray(Image.alpha_composite(white, picture).convert("RGB"), dtype=float) / 255)
    return decoded


def difference(recorded, fresh):
    """Say in which way two pictures differ, or return None when they are the same within the tolerance."""
    if max(abs(a - b) for a, b in zip(recorded.shape, fresh.shape, strict=True)) > 3:
        return f"the recorded picture has shape {recorded.shape}, the fresh one {fresh.shape}"
    height, width = np.minimum(recorded.shape[:2], fresh.shape[:2])
    gap = np.abs(recorded[:height, :width] - fresh[:height, :width])
    mean = gap.mean()
    signed = (recorded[:height, :width] - fresh[:height, :width]).mean(axis=2)[: height // 4 * 4, : width // 4 * 4]
    blocks = np.abs(signed.reshape(height // 4, 4, width // 4, 4).mean(axis=(1, 3))).max()
    if mean > MEAN_TOLERANCE or blocks > BLOCK_TOLERANCE:
        return f"the picture moved: mean difference {mean:.4f}, largest block difference {blocks:.3f}"
    return None


def compare_pictures(cell, fresh_outputs):
    """Say what is wrong with the pictures that a cell has just made, or return None."""
    recorded, fresh = pictures_of(cell.outputs), pictures_of(fresh_outputs)
    if len(recorded) != len(fresh):
        return f"{len(recorded)} recorded pictures, {len(fresh)} fresh ones"
    if BY_STATISTICS in cell.metadata.get("tags", []):
        return None
    for index, pair in enumerate(zip(recorded, fresh, strict=True)):
        if problem := difference(*pair):
            return f"picture {index + 1}: {problem}"
    return None
