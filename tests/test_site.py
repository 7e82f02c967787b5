"""The course's pages: what is written for Sphinx, and what the built site holds and does not ask for."""

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import yaml

from course_utils.classroom import ROOT
from course_utils.classroom.lessons import read_lessons
from course_utils.classroom.site import (
    PLACES,
    build_site,
    explorer_frames,
    extract_pictures,
    figures_by_slide,
    insert_links,
    readme_page,
    size_in_megabytes,
)
from course_utils.classroom.student import Repository, notebook_files
from course_utils.slides import lecture, manifest

MEGABYTES = 60
LESSONS = {lesson.name: lesson for lesson in read_lessons()}
REPOSITORY = Repository.parse("https://github.com/owner/course", "--address")


def test_pictures_become_files_with_their_alternative_texts(tmp_path):
    name = "02_gaussian_textures"
    notebook = nbformat.read(notebook_files(ROOT)[name], as_version=4)
    figures = extract_pictures(notebook, name, tmp_path)
    assert figures == {figure.name for figure in manifest().values() if figure.notebook == name}
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    html = unescape("".join(output.data.get("text/html", "") for output in outputs))
    for figure in figures:
        assert f'src="../_static/pictures/{figure}.webp"' in html
        assert manifest()[figure].alt in html
        assert (tmp_path / f"{figure}.png").is_file()
    assert not [output for output in outputs if "image/png" in output.data]


def test_an_explorer_has_pictures_of_the_places_of_its_first_slider(tmp_path):
    shown = explorer_frames("gaussian_textures", "explore_gaussian_textures", tmp_path)
    assert shown["control"] == "ρ"
    assert len(shown["frames"]) == PLACES
    assert [frame["label"] for frame in shown["frames"]][:: PLACES - 1] == ["0", "1"]
    files = [tmp_path / Path(frame["file"]).name for frame in shown["frames"]]
    assert len({file.read_bytes() for file in files}) == PLACES


@pytest.mark.parametrize("repository", [None, REPOSITORY])
def test_a_lesson_links_its_copy_and_where_it_can_be_opened(repository):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 7. Title")])
    insert_links(notebook, LESSONS["07_tv_denoising"], repository)
    links = notebook.cells[1].source
    assert "<../copies/07_tv_denoising.ipynb>" in links
    assert ("mybinder.org" in links) == ("colab" in links) == (repository is not None)


def test_links_of_a_readme_lead_to_pages_or_to_the_repository(tmp_path):
    (tmp_path / "_static").mkdir()
    page = readme_page(ROOT / "notebooks" / "README.md", ROOT, tmp_path, None)
    assert "<!--" not in page
    assert "[README](index.md)" in page
    public = readme_page(ROOT / "README.md", ROOT, tmp_path, REPOSITORY)
    assert "(lessons/07_tv_denoising.ipynb)" in public
    assert "(https://github.com/owner/course/blob/main/tests/benchmarks/RESULTS.md)" in public
    assert "RESULTS.md)" not in readme_page(ROOT / "README.md", ROOT, tmp_path, None)


def test_figures_stand_in_the_lectures_order():
    slides = [slide for slide, _ in figures_by_slide(ROOT, set(manifest()))]
    assert slides == sorted(slides, key=lecture().index)
    assert [slide for slide, _ in figures_by_slide(ROOT, {"texton"})] == [manifest()["texton"].slide]


class Page(HTMLParser):
    """What a page loads, and its pictures without an alternative text."""

    def __init__(self, path):
        super().__init__()
        self.loaded, self.silent = [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        address = values.get("src") or (values.get("href") if tag == "link" else None)
        if address:
            self.loaded.append(address)
        if tag == "img" and not values.get("alt"):
            self.silent.append(address)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")  # of Sphinx's extensions
def test_the_site_has_every_lesson_and_asks_nobody_else(tmp_path):
    out = tmp_path / "site"
    (out / "old").mkdir(parents=True)
    assert build_site(out) == []
    assert not (out / "old").exists()
    pages = list(out.rglob("*.html"))
    assert {f"{name}.html" for name in LESSONS} <= {page.name for page in pages}
    for path in pages:
        page = Page(path)
        assert not [address for address in page.loaded if re.match(r"(https?:)?//", address)], path.name
        assert not page.silent, path.name
    search = (out / "searchindex.js").read_text(encoding="utf-8")
    assert "texton" in search
    assert size_in_megabytes(out) < MEGABYTES
    copies = list((out / "_downloads").rglob("*.ipynb"))
    assert {copy.stem for copy in copies} == set(LESSONS)


# --- the workflows ---------------------------------------------------------------------------------------------------

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_needs_no_secret_and_runs_commands_of_the_makefile(path):
    text = path.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert "secrets." not in text
    assert set(workflow[True]) <= {"push", "pull_request", "workflow_dispatch"}  # YAML 1.1 reads the key "on" as true
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = [line for step in steps for line in step.get("run", "").splitlines() if line.startswith("make ")]
    assert commands
    for command in commands:
        assert command.split()[1] in targets
    for step in steps:
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "owner/action@v1"))


def test_the_course_is_tested_on_the_pythons_and_systems_that_it_names():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))["jobs"]
    matrix = jobs["test"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "windows-latest", "macos-latest"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]
