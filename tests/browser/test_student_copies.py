"""What a student does with each notebook, in a real browser. Run by `make test-browser`."""

import os
import re
from pathlib import Path

import nbformat
import pytest

from course_utils.classroom.build import exercise_name
from course_utils.classroom.student import notebook_files
from tests.browser.conftest import ROOT, wait_until

pytestmark = pytest.mark.browser
NOTEBOOKS = notebook_files(ROOT)
SCREENSHOTS = os.environ.get("COURSE_SCREENSHOTS")  # a folder: each explorer is drawn there, in both themes

every_notebook = pytest.mark.parametrize("book", sorted(NOTEBOOKS), indirect=True)


def one_notebook(name):
    return pytest.mark.parametrize("book", [name], indirect=True)


def picture(explorer):
    """Return the bytes of the picture that an explorer shows, as text."""
    return explorer.locator("img").first.evaluate(
        """async (img) => {
            try { return String(new Uint8Array(await (await fetch(img.src)).arrayBuffer())) } catch { return "" }
        }"""
    )


def change_and_compare(explorer, name, change):
    """Check that the picture becomes another one when ``change()`` moves a control."""
    before = wait_until(lambda: picture(explorer), f"{name}: there is a picture")
    change()
    wait_until(lambda: picture(explorer) not in ("", before), f"{name}: the picture changes")


def move(page, handle):
    """Move a slider by one step with the keyboard, away from its end."""
    at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    handle.focus()
    page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")


def choose_next(choice):
    """Choose the entry after the present one, or the second one where there is none yet."""
    choice.select_option(index=max(1, choice.evaluate("choice => choice.selectedIndex") + 1))


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
        if (buttons := explorer.get_by_role("button")).count():
            change_and_compare(explorer, "first button", buttons.first.click)
        for handle in explorer.get_by_role("slider").all():
            name = f"slider at {handle.get_attribute('aria-valuetext')}"
            change_and_compare(explorer, name, lambda handle=handle: move(book.page, handle))
        for choice in explorer.locator("select").all():
            change_and_compare(explorer, "list", lambda choice=choice: choose_next(choice))


@every_notebook
def test_lists_and_buttons_have_names_and_pictures_a_caption(book):
    for explorer in book.explorers:
        tree = explorer.aria_snapshot()
        assert not re.search(r"- (combobox|button)\b(?! \"\S)", tree), tree
        assert "- emphasis" in tree, tree
        assert "error" not in tree


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
    for number, explorer in enumerate(book.explorers):
        explorer.scroll_into_view_if_needed()
        if SCREENSHOTS:
            Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
            suffix = f"-{number + 1}" if number else ""
            explorer.screenshot(path=Path(SCREENSHOTS) / f"{book.name}-{theme}{suffix}.png")
        contrasts = explorer.evaluate(CONTRASTS)
        assert contrasts
        assert not [(text, ratio) for text, ratio in contrasts if ratio < 4.5]


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
