"""What a student does with each notebook, in a real browser. Run by `make test-browser`."""

import io
import math
import os
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbconvert import HTMLExporter
from PIL import Image

from course_utils.classroom.build import exercise_name
from course_utils.classroom.student import notebook_files
from course_utils.explorers import deblurring, tv_denoising
from course_utils.images import load_image
from tests.browser import screenshots
from tests.browser.conftest import ROOT, wait_until
from tests.rotation import of_today

pytestmark = pytest.mark.browser
NOTEBOOKS = notebook_files(ROOT)
SCREENSHOTS = os.environ.get("COURSE_SCREENSHOTS")  # a folder: the pictures of the README are written there

every_notebook = pytest.mark.parametrize("book", of_today(NOTEBOOKS, 3), indirect=True)


def one_notebook(name):
    return pytest.mark.parametrize("book", [name], indirect=True)


def picture(explorer):
    """Return the bytes of the picture that an explorer shows, as text."""
    return explorer.locator("img").first.evaluate(
        """async (img) => {
            try { return String(new Uint8Array(await (await fetch(img.src)).arrayBuffer())) } catch { return "" }
        }"""
    )


def numbers(explorer):
    """Return the line of numbers under the picture."""
    return explorer.locator(".course-line").inner_text()


def change_and_compare(explorer, name, change, state=picture):
    """Check that the picture, or another state, becomes another one when ``change()`` moves a control."""
    before = wait_until(lambda: state(explorer), f"{name}: there is a picture")
    change()
    wait_until(lambda: state(explorer) not in ("", before), f"{name}: the picture changes")


def move(page, handle):
    """Move a slider by one step with the keyboard, away from its end."""
    at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    handle.focus()
    page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")


def choose_next(choice):
    """Choose the entry after the present one, the first one after the last."""
    choice.select_option(index=choice.evaluate("choice => (choice.selectedIndex + 1) % choice.options.length"))


@every_notebook
def test_run_all_ends_without_an_error(book):
    original = nbformat.read(NOTEBOOKS[book.name], as_version=4)
    exercises = [found for cell in original.cells if (found := exercise_name(cell.source))]
    outputs = [output for cell in book.saved().cells if cell.cell_type == "code" for output in cell.outputs]
    problems = [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert not problems
    records = [o.metadata.course_utils for o in outputs if "course_utils" in o.get("metadata", {})]
    assert [(record.exercise, record.status) for record in records] == [(name, "not attempted") for name in exercises]


@every_notebook
def test_every_control_of_an_explorer_changes_its_picture(book):
    assert book.explorers
    for explorer in book.explorers:
        # a texture has to be synthesized again first: its choices change the numbers, and the synthesis the picture
        state = numbers if explorer.get_by_role("button", name="run").count() else picture
        buttons = explorer.locator(".widget-button")
        if state is picture and buttons.count():  # a random face: with the mean face the rank would change nothing
            change_and_compare(explorer, "first button", buttons.first.click)
        for handle in explorer.get_by_role("slider").all():
            name = f"slider at {handle.get_attribute('aria-valuetext')}"
            change_and_compare(explorer, name, lambda handle=handle: move(book.page, handle), state)
        for choice in explorer.locator("select").all():
            change_and_compare(explorer, "list", lambda choice=choice: choose_next(choice), state)
        if state is numbers:
            change_and_compare(explorer, "first button", buttons.first.click)


@every_notebook
def test_screen_readers_are_told_what_everything_is(book):
    """In Chromium's own accessibility tree each control and picture has a name, each slider its value in words."""
    for explorer in book.explorers:
        nodes = accessibility_tree(book.page, explorer)
        found = {role: [node for node in nodes if node["role"] == role] for role in ROLES}
        assert found["slider"] or found["combobox"]
        assert not [node for nodes in found.values() for node in nodes if not node["name"].strip()]
        assert len({node["name"] for node in found["slider"]}) == len(found["slider"])
        assert [node["name"] for node in found["image"]].count(explorer.locator("em").inner_text()) == 1
        for slider in explorer.locator(".widget-slider").all():  # the tree leaves the value in words out
            words = slider.get_by_role("slider").get_attribute("aria-valuetext")
            assert words == slider.locator(".widget-readout").inner_text()
        assert explorer.locator(".course-line").get_attribute("aria-live") == "polite"


ROLES = ("slider", "combobox", "button", "image", "textbox", "application")


def accessibility_tree(page, element):
    """Return the nodes below an element in the browser's accessibility tree: role and name."""
    mark = element.evaluate("(e) => (e.dataset.mark = String(Math.random()))")
    session = page.context.new_cdp_session(page)
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    selector = {"nodeId": root, "selector": f'[data-mark="{mark}"]'}
    answer = session.send(
        "Accessibility.queryAXTree", {"nodeId": session.send("DOM.querySelector", selector)["nodeId"]}
    )
    session.detach()
    nodes = [node for node in answer["nodes"] if not node["ignored"]]
    return [{"role": node["role"]["value"], "name": node.get("name", {}).get("value", "")} for node in nodes]


@every_notebook
def test_a_static_picture_follows_each_explorer_in_an_export(book):
    cells = [cell for cell in book.saved().cells if cell.cell_type == "code"]
    explorers = [i for i, cell in enumerate(cells) if cell.source.startswith("explore_")]
    assert len(explorers) == len(book.explorers)
    for i in explorers:
        page, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=cells[i : i + 2]))
        assert "run this cell to use it, the next cell shows its picture" in page
        assert "data:image/png;base64," in page


@every_notebook
def test_the_tab_key_reaches_every_control(book):
    for explorer in book.explorers:
        reached = explorer.evaluate(
            """(explorer) => [...explorer.querySelectorAll(".noUi-handle, select, button, canvas")]
                .filter((control) => control.checkVisibility() && control.tabIndex < 0).map((c) => c.outerHTML)"""
        )
        assert reached == []


CONTRASTS = """(explorer) => {
    const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const rgba = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const ground = (element) => {
        for (; element; element = element.parentElement) {
            const colour = rgba(getComputedStyle(element).backgroundColor);
            if (colour.length === 3 || colour[3] > 0.5) return colour;
        }
        return [255, 255, 255];
    };
    const ink = (element) => getComputedStyle(element)[element.namespaceURI.includes("svg") ? "fill" : "color"];
    const texts = [...explorer.querySelectorAll("*")].filter((element) =>
        [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) && element.checkVisibility());
    return texts.map((element) => {
        const [low, high] = [light(rgba(ink(element))), light(ground(element))].sort((a, b) => a - b);
        return [element.textContent.trim(), (high + 0.05) / (low + 0.05)];
    });
}"""


@every_notebook
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_explorers_are_readable_in_both_themes(book, theme):
    """Text has the contrast of WCAG AA, 4.5 to 1."""
    book.set_theme(light=theme == "light")
    for explorer in book.explorers:
        explorer.scroll_into_view_if_needed()
        contrasts = explorer.evaluate(CONTRASTS)
        assert contrasts
        assert not [(text, ratio) for text, ratio in contrasts if ratio < 4.5]


def start_slow_synthesis(explorer):
    """Run a synthesis with all the layers, so that it takes its time."""
    explorer.get_by_label("texture").select_option("gravel")
    explorer.get_by_label("layers up to").select_option("pool4")
    explorer.get_by_role("button", name="run").click()


def evaluations(explorer):
    """Return how many evaluations of E the line of numbers tells."""
    found = re.search(r"evaluations: (\d+) of", numbers(explorer))
    return int(found[1]) if found else 0


def stroke(page, canvas, places):
    """Draw with the mouse through places in [0, 1]², (x, y)."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    for i, (x, y) in enumerate(places):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
        if i == 0:
            page.mouse.down()
    page.mouse.up()


@one_notebook("04_deblurring")
def test_a_kernel_is_drawn_with_the_mouse_and_with_the_keyboard(book):
    explorer, page = book.explorers[0], book.page
    canvas, line = explorer.locator("canvas"), explorer.locator(".course-line")
    explorer.get_by_role("button", name="clear").click()
    line.get_by_text("the drawing is empty").wait_for()
    stroke(page, canvas, [(0.2, 0.3), (0.5, 0.3), (0.7, 0.8)])
    check_drawn(explorer, at_least=20)
    page.keyboard.down("Shift")
    stroke(page, canvas, [(0.2, 0.3), (0.4, 0.3)])
    page.keyboard.up("Shift")
    erased = check_drawn(explorer, at_least=10)
    canvas.focus()
    for key in ("ArrowRight", "ArrowUp", "Space"):
        page.keyboard.press(key)
    assert check_drawn(explorer, at_least=10).sum() == erased.sum() + 1
    assert explorer.get_by_role("status").inner_text().endswith(": drawn")


def check_drawn(explorer, at_least):
    """Check that the picture is that of the plain function for the kernel that the square shows; return the drawing."""
    drawing = np.array(explorer.locator("canvas").evaluate(PIXELS))
    assert drawing.sum() >= at_least
    assert explorer.get_by_label("kernel").first.input_value() == deblurring.DRAWN
    noise, weight = (float(text) for text in explorer.locator(".widget-readout").all_inner_texts())
    method = explorer.get_by_label("method").input_value()
    kernel = deblurring.drawn_kernel(drawing.tolist())
    panels, _ = deblurring.deblurring_picture(load_image("cameraman", 256), kernel, noise / 255, method, weight)
    above, transfer = (np.rint(255 * panel.numpy()) for panel in (torch.cat([*panels[:2]], 1), panels[3]))

    def agrees():
        shown = np.asarray(Image.open(io.BytesIO(bytes(int(x) for x in picture(explorer).split(",")))), dtype=float)
        differences = (shown[:256] - above.clip(0, 255), shown[256:, 256:] - transfer.clip(0, 255))
        return all(np.abs(difference).max() <= 1 for difference in differences)

    wait_until(agrees, "observed photograph and transfer function are those of the drawing")
    return drawing


@one_notebook("06_pseudo_inverse")
def test_a_change_of_method_puts_its_parameter_in_the_middle(book):
    explorer = book.explorers[0]
    for method, value in (("early stopping", "n = 50"), ("truncation", "tol = 5.6e-06"), ("ridge", "λ = 1e-05")):
        explorer.get_by_label("method").select_option(method)
        explorer.get_by_text(value, exact=True).wait_for()
        book.page.wait_for_timeout(1000)
        assert explorer.get_by_role("slider", name="parameter").get_attribute("aria-valuetext") == value


PIXELS = """(canvas) => {
    const size = 31, cell = canvas.width / size, context = canvas.getContext("2d");
    const white = (i, j) => context.getImageData((j + 0.5) * cell, (i + 0.5) * cell, 1, 1).data[0] > 128;
    return Array.from({length: size}, (_, i) => Array.from({length: size}, (_, j) => Number(white(i, j))));
}"""


@one_notebook("07_tv_denoising")
def test_a_draft_is_shown_while_a_slider_is_held_and_the_picture_when_it_is_released(book):
    explorer, page = book.explorers[0], book.page
    line = explorer.locator(".course-line")
    explorer.get_by_label("regularizer").select_option("smoothed TV")
    line.get_by_text("iterations: at most 1000").wait_for()
    handle = explorer.get_by_role("slider", name="λ")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(40):
        page.mouse.move(box["x"] + step, box["y"] + box["height"] / 2)
    line.get_by_text("while you move").wait_for()
    page.wait_for_timeout(1500)  # held at rest: still a draft
    assert "while you move" in line.inner_text()
    page.mouse.up()
    line.get_by_text("iterations: at most 1000").wait_for()
    # nothing stale: the numbers are those of the last value
    lam, eps = (on_log_slider(explorer, name) for name in ("λ", "ε"))
    sigma = float(explorer.get_by_role("slider", name="noise σ").get_attribute("aria-valuetext"))
    psnr = tv_denoising.tv_picture(lam, eps, sigma, n_iterations=1000)[1]["PSNR (dB)"]
    assert float(re.search(r"PSNR \(dB\): ([\d.]+)", numbers(explorer))[1]) == pytest.approx(psnr, abs=0.006)


def on_log_slider(explorer, name, step=0.05):
    """Return the value of a logarithmic slider, of which the page shows two digits."""
    shown = float(explorer.get_by_role("slider", name=name).get_attribute("aria-valuetext"))
    return 10 ** (step * round(math.log10(shown) / step))


@one_notebook("10_gatys_texture_synthesis")
def test_the_kernel_works_on_while_a_texture_is_synthesized(book):
    explorer, page = book.explorers[0], book.page
    pause, stop = (explorer.get_by_role("button", name=name) for name in ("pause", "stop"))

    def count():
        return evaluations(explorer)

    start_slow_synthesis(explorer)
    wait_until(lambda: count() >= 2, "the synthesis advances")
    cell = page.locator(".jp-CodeCell", has_text="device = ").first
    prompt, before = cell.locator(".jp-InputArea-prompt"), count()
    old = prompt.inner_text()
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    wait_until(lambda: prompt.inner_text() not in (old, "[*]:"), "another cell has run")
    assert explorer.locator(".course-state").inner_text() == "running"
    wait_until(lambda: count() > before, "the synthesis still advances")
    points = len(explorer.locator("polyline").get_attribute("points").split())
    pause.click()
    held = wait_until(lambda: resting(page, count), "it pauses")
    pause.click()
    wait_until(lambda: count() > held, "the synthesis goes on")
    assert len(explorer.locator("polyline").get_attribute("points").split()) > points
    stop.click()
    explorer.locator(".course-state").get_by_text("stopped").wait_for()
    assert picture(explorer)


def resting(page, count):
    """Return a count that has not changed for a while, None if it has."""
    before = count()
    page.wait_for_timeout(3000)
    return before if count() == before else None


@one_notebook("04_deblurring")
def test_the_quiz_answers(book):
    answers = {}
    for letter in "ABCD":
        button = book.page.get_by_role("button", name=letter, exact=True).first
        button.press("Enter") if letter == "A" else button.click()
        answer = book.page.get_by_role("status").filter(has_text=re.compile(f"^{letter}: (yes|no)"))
        answer.wait_for()
        answers[letter] = answer.text_content()
    assert [": yes." in answer for answer in answers.values()].count(True) == 1


@one_notebook("07_tv_denoising")
def test_an_exercise_written_with_the_keyboard_passes(book):
    cell = book.page.locator(".jp-CodeCell", has_text="def gradient(u):")
    check = book.page.locator(".jp-CodeCell", has_text="gradient = check(gradient)").first
    assert "not attempted" in check.inner_text()
    cell.locator(".cm-content").click()
    for key in ("Control+End", "Shift+Home"):  # the line of the stub
        book.page.keyboard.press(key)
    book.page.keyboard.type("return torch.stack([torch.roll(u, -1, 0) - u, torch.roll(u, -1, 1) - u])")
    book.page.keyboard.press("Shift+Enter")
    book.page.keyboard.press("Shift+Enter")
    check.get_by_text("gradient: passed").wait_for()


@one_notebook("07_tv_denoising")
def test_a_wrong_answer_is_told_what_is_wrong(book):
    _, check = screenshots.answer_wrongly(book)
    assert "this is the divergence" in check.inner_text()
    if SCREENSHOTS:
        screenshots.draw(book, Path(SCREENSHOTS))
