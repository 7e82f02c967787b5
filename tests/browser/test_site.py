"""The site, opened from its folder with the network cut."""

import pytest

from course_utils.classroom.site import build_site

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"
    ),  # of Sphinx's extensions
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "pages"
    build_site(out)
    return out


@pytest.fixture
def page(browser):
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


def test_formulas_explorers_and_search_work_from_a_folder(site, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / "lessons" / "02_gaussian_textures.html").as_uri())
    page.wait_for_selector("mjx-container")
    explorer = page.locator("figure.course-explorer")
    explorer.scroll_into_view_if_needed()
    before = explorer.locator("img").get_attribute("src")
    explorer.locator("input").focus()
    page.keyboard.press("ArrowRight")
    assert explorer.locator("img").get_attribute("src") != before
    assert explorer.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert page.locator("img.course-picture").first.evaluate("image => image.decode().then(() => image.alt)")
    page.goto((site / "search.html").as_uri() + "?q=texton")
    page.wait_for_selector("#search-results li")
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def test_a_phone_shows_a_lesson_without_scrolling_sideways(site, browser):
    context = browser.new_context(offline=True, viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    page.goto((site / "lessons" / "07_tv_denoising.html").as_uri())
    page.wait_for_selector("mjx-container")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
