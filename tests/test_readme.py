"""What the pages of the repository say is there: links, platforms, and the verdict in the picture of the README."""

import html
import re
import subprocess

import pytest
import yaml

from course_utils.checks import diagnose
from course_utils.classroom import ROOT
from tests.lessons.tv_denoising import adjoint_is_divergence

README = (ROOT / "README.md").read_text(encoding="utf-8")
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True).stdout.split()
PAGES = [name for name in TRACKED if (ROOT / name).is_file()] or ["README.md", "notebooks/README.md", "data/README.md"]
TARGETS = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
CODE = re.compile(r"```.*?```|`[^`\n]*`|^    .*$", re.DOTALL | re.MULTILINE)


def links(text):
    """Return where the links and pictures of a page in Markdown lead."""
    return [markdown or tag for markdown, tag in TARGETS.findall(CODE.sub("", text))]


def anchors(text):
    """Return the names that the headings of a page can be linked by."""
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_what_exists(name):
    found = links((ROOT / name).read_text(encoding="utf-8"))
    for link in (link for link in found if not re.match(r"(https?|mailto):", link)):
        file, _, anchor = link.partition("#")
        target = ((ROOT / name).parent / file) if file else ROOT / name
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def test_a_missing_file_would_be_seen():
    text = '[a](x.md) `[b](y.md)` <img src="z.png">\n\n    [c](w.md)\n'
    assert links(text) == ["x.md", "z.png"]
    assert anchors("## On a server: *now*\n") == {"on-a-server-now"}


def test_the_verdict_in_the_picture_is_what_the_check_says_today():
    alt = re.search(r'src="notebooks/lab-light.png"[^>]* alt="([^"]+)"', README)
    message = diagnose(adjoint_is_divergence, "gradient_adjoint").message
    assert f"gradient_adjoint: wrong. {message}" in html.unescape(alt[1])


def test_the_size_of_the_data_is_about_what_is_said():
    said = int(re.search(r"(\d+) MB of it data", README)[1])
    real = sum(path.stat().st_size for path in (ROOT / "data").rglob("*") if path.is_file()) / 1e6
    assert 0.8 * real < said < 1.2 * real, f"data/ has {real:.0f} MB"


def test_the_first_screen_holds_the_commands():
    first = README.splitlines()[:20]
    assert any(line.startswith("    git clone") for line in first)
    assert "    make lab" in first


def test_the_pythons_and_systems_are_those_of_the_workflow():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    first, *middle, last = matrix["python"]
    assert f"Python {', '.join([first, *middle])} or {last}" in README
    assert f"Python {', '.join([first, *middle])} and {last}" in README
    names = {"ubuntu-latest": "Linux", "windows-latest": "Windows", "macos-latest": "macOS"}
    systems = [names[system] for system in matrix["os"]]
    assert f"{', '.join(systems[:-1])} and {systems[-1]}" in " ".join(README.split())
