"""The picture of the README: a wrong answer with what the course says to it, and an explorer, in both themes.

COURSE_SCREENSHOTS=notebooks make test-browser    writes notebooks/lab-light.png and lab-dark.png
"""

import io

from PIL import Image

WIDTH, GAP, COLOURS = 980, 16, 256
ANSWER = "return p[0] - torch.roll(p[0], 1, dims=0) + p[1] - torch.roll(p[1], 1, dims=1)"
VERDICT = "gradient_adjoint: wrong"


def answer_wrongly(book):
    """Write the divergence for the adjoint of the gradient, with the keyboard, and return the cell of the verdict."""
    cell = book.page.locator(".jp-CodeCell", has_text="def gradient_adjoint(p):").first
    check = book.page.locator(".jp-CodeCell", has_text="gradient_adjoint = check(gradient_adjoint)").first
    cell.locator(".cm-content").click()
    for key in ("Control+End", "Shift+Home"):  # the line of the stub, or the answer of a former call
        book.page.keyboard.press(key)
    book.page.keyboard.type(ANSWER)
    book.page.keyboard.press("Shift+Enter")
    book.page.keyboard.press("Shift+Enter")
    check.get_by_text(VERDICT).wait_for()
    return cell, check


def draw(book, folder):
    """Write ``lab-light.png`` and ``lab-dark.png`` into a folder: exercise, verdict and explorer of lesson 07."""
    cells = answer_wrongly(book)
    explorer = book.explorers[0]
    explorer.get_by_label("regularizer").select_option("smoothed TV")
    page, wide = book.page.viewport_size, cells[0].bounding_box()["width"]
    book.page.set_viewport_size({"width": round(page["width"] - wide + WIDTH), "height": page["height"]})
    for theme in ("light", "dark"):
        book.set_theme(light=theme == "light")
        book.page.wait_for_timeout(3000)  # the explorer has drawn
        pictures = [Image.open(io.BytesIO(part.screenshot())).convert("RGB") for part in (*cells, explorer)]
        stack(pictures).save(folder / f"lab-{theme}.png", optimize=True)


def stack(pictures):
    """Return pictures one below the other in few colours."""
    sheet = Image.new("RGB", (WIDTH, sum(p.height + GAP for p in pictures)), pictures[0].getpixel((2, 2)))
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height + GAP
    return sheet.quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
