"""Remake inpainting/inpainting.png: five masks of notebook 08, and scikit-image's biharmonic inpainting with each.

    python data/remake_inpainting.py

The first row has the masks, white on the known pixels; the second the restorations of "cameraman" at 128 x 128. It
needs scikit-image, which students do not have: this is why the file is precomputed. Letters depend on Pillow's version.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage.restoration import inpaint_biharmonic

from course_utils._files import write_atomically
from course_utils.data import make_entry, register
from course_utils.images import load_image

FILE = Path(__file__).resolve().parent / "inpainting" / "inpainting.png"
SIDE = 128


def masks() -> list[np.ndarray]:
    """Return the masks, true on the known pixels: text, scratches, 50 % and 10 % of the pixels, all but a block."""
    text, scratches = Image.new("1", (SIDE, SIDE), 1), Image.new("1", (SIDE, SIDE), 1)
    font = ImageFont.load_default(size=14)
    for row in range(8):
        words = ("what is hidden ?", "u = v on the rest", "the contours go")[row % 3]
        ImageDraw.Draw(text).text((2, 16 * row - 1), words, fill=0, font=font)
    rng = np.random.default_rng(0)
    for _ in range(12):
        ends = rng.integers(0, SIDE, size=4).tolist()
        ImageDraw.Draw(scratches).line(ends, fill=0, width=2)
    noise = rng.random((SIDE, SIDE))
    block = np.ones((SIDE, SIDE), dtype=bool)
    block[30:62, 34:66] = False
    return [np.array(text), np.array(scratches), noise < 0.5, noise < 0.1, block]


def main() -> None:
    """Write the picture and its entry."""
    u = load_image("cameraman", SIDE).numpy()
    known = masks()
    results = [np.clip(inpaint_biharmonic(np.where(mask, u, 0), ~mask), 0, 1) for mask in known]
    rows = [np.hstack([255 * mask.astype(float) for mask in known]), np.hstack([255 * r for r in results])]
    buffer = io.BytesIO()
    Image.fromarray(np.rint(np.vstack(rows)).astype(np.uint8)).save(buffer, "PNG", optimize=True)
    FILE.parent.mkdir(exist_ok=True)
    write_atomically(FILE, buffer.getvalue())
    source = "data/remake_inpainting.py, from scikit-image 0.26.0, inpaint_biharmonic, and cameraman"
    entry = make_entry(
        "inpainting",
        "inpainting/inpainting.png",
        kind="restoration",
        source=source,
        licence="CC0",
        credit="this course",
    )
    register([entry])


if __name__ == "__main__":
    main()
