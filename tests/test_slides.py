"""The titles of the lecture's slides: wherever one is named, it is named exactly."""

import re
import tomllib

import pytest

from course_utils import slides
from course_utils.classroom import ROOT
from course_utils.classroom.build import source_files
from course_utils.slides import PACKAGE, lecture, manifest, read_cards

FIRST_CELL = re.compile(r"\*\*Slides\*\*: (.*?)(?=\n\n|\n\*\*|\n\"\"\")", re.DOTALL)
NAMED = re.compile(r'[Ss]lides?\s+((?:"[^"]+"(?:,? and |, | to )?)+)')


def slides_named(text, pattern=NAMED):
    """Return the titles after the word "Slide"; a title may be wrapped."""
    quoted = [found[1] for found in pattern.finditer(text)]
    return [re.sub(r"\s+", " ", title) for part in quoted for title in re.findall(r'"([^"]+)"', part)]


def test_titles_are_found_in_prose():
    assert slides_named('Slide "Descent\n    Lemma". x "y"') == ["Descent Lemma"]
    assert slides_named('**Slides**: "A", and the last remark of "B C".\n\n"no"', FIRST_CELL) == ["A", "B C"]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_docstrings_name_slides_as_the_lecture_does(path):
    assert set(slides_named(path.read_text(encoding="utf-8"))) <= set(lecture())


@pytest.mark.parametrize("name", sorted(source_files()))
def test_notebooks_name_slides_as_the_lecture_does(name):
    text = source_files()[name].read_text(encoding="utf-8")
    assert slides_named(text, FIRST_CELL)
    assert set(slides_named(text) + slides_named(text, FIRST_CELL)) <= set(lecture())


def test_the_titles_are_different_and_the_untitled_are_among_them():
    untitled = tomllib.loads((PACKAGE / "lecture.toml").read_text(encoding="utf-8"))["untitled"]
    assert len(set(lecture())) == len(lecture())
    assert set(untitled) <= set(lecture())


def test_every_card_is_read():
    cards = read_cards(ROOT / "notebooks" / "src")
    assert sum(len(card.get("figures", {})) for card in cards.values()) == len(manifest())


def test_an_installed_package_has_its_cards_inside(monkeypatch, tmp_path):
    (tmp_path / "course_utils" / "_cards").mkdir(parents=True)
    monkeypatch.setattr(slides, "PACKAGE", tmp_path / "course_utils")
    assert slides.cards_folder() == tmp_path / "course_utils" / "_cards"
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "/notebooks/src/*.toml" in wheel["include"]
    assert wheel["sources"] == {"notebooks/src": "course_utils/_cards"}
