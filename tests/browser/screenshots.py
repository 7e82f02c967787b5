"""Put the screenshots of the explorers together, for the README.

COURSE_SCREENSHOTS=DIR make test-browser
python -m tests.browser.screenshots DIR    writes notebooks/explorers-light.png and -dark.png
"""

import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
WIDTH, GAP, COLOURS = 900, 12, 128


def compose(folder, theme):
    """Return the screenshots of a theme one below the other, without the empty space right of them, in few colours."""
    pictures = [Image.open(path).convert("RGB") for path in sorted(folder.glob(f"*-{theme}.png"))]
    pictures = [picture.crop((0, 0, min(WIDTH, picture.width), picture.height)) for picture in pictures]
    height = sum(picture.height + GAP for picture in pictures)
    sheet = Image.new("RGB", (WIDTH, height), pictures[0].getpixel((pictures[0].width - 1, 0)))
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height + GAP
    return sheet.quantize(COLOURS, Image.Quantize.MAXCOVERAGE)


def main():
    for theme in ("light", "dark"):
        compose(Path(sys.argv[1]), theme).save(ROOT / "notebooks" / f"explorers-{theme}.png", optimize=True)


if __name__ == "__main__":
    main()
