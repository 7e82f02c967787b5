"""`course figures`: the notebooks' own pictures, made once, the same bytes each time, with their provenance."""

import functools
import hashlib
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from typer.testing import CliRunner

from course_utils import _files, plotting, slides
from course_utils.classroom import ROOT, cli, figures, gallery, provenance
from course_utils.classroom.build import source_files
from course_utils.plotting import LINE_STYLES, MARKERS, PALETTE, STYLES
from course_utils.slides import SlideFigure, lecture, list_figures, manifest
from tests.rotation import PRINTED, ROUND, of_today
from tests.test_lettering import faults

TITLE = "Tychonov\nPSNR = 26.71 dB"
ALT = "Two pictures of noise with <sharp> edges & a name with λ"
FIRST = '''# %% [markdown]
"""# First"""
# %%
import torch
from course_utils.data import fetch
from course_utils.plotting import plot_curves, show_images
from course_utils.slides import slide_figure
# %%
seed = 3
u = torch.rand(20, 30, generator=torch.Generator().manual_seed(seed)) * float(fetch("scale").read_text())
# %% [markdown]
"""## Images"""
# %%
fig = show_images([u, u], titles=["Original", "Tychonov\\nPSNR = 26.71 dB"])
slide_figure(fig, "two-images")
# %% [markdown]
"""## Curves"""
# %%
slide_figure(plot_curves({"a": ([1, 2], [3, 4])}, "λ", "PSNR (dB)", width=10.0), name="curves")
# %%
raise SystemError("this cell is not needed for any figure")
'''
SECOND = """# %%
from course_utils.plotting import plot_curves
from course_utils.slides import slide_figure
curves = plot_curves({"a": ([1, 2], [3, 4])}, "t", "y", width=10.0)
# %%
slide_figure(curves, "before")
# %%
1 / 0
# %%
slide_figure(curves, "after")
"""
ENTRIES = {
    "two-images": ("Denoising", "01_first"),
    "curves": ("Denoising", "01_first"),
    "before": ("Pseudo & inverse", "02_second"),
    "after": ("Pseudo & inverse", "02_second"),
}


SCALE_SHA = hashlib.sha256(b"1.0").hexdigest()
PSNR = {"of": "Tychonov", "name": "PSNR", "value": "= 26.71 dB"}


def write_cards(root, entries=ENTRIES, caption="What λ = 0.1 does to 50% of û."):
    cards = {}
    for name, (slide, notebook) in entries.items():
        block = f'[figures.{name}]\nslide = "{slide}"\ncaption = "{caption}"\nalt = "{ALT}"\n'
        cards[notebook] = cards.get(notebook, "") + block
    for notebook, text in cards.items():
        (root / "notebooks" / "src" / f"{notebook}.toml").write_text(text, encoding="utf-8")
    (root / "course_utils" / "lecture.toml").write_text('slides = ["Denoising", "Pseudo & inverse", "Slide"]')


def make_course(root):
    """Make a course of two notebooks, whose package is a copy of ours with a manifest of its own."""
    shutil.copytree(ROOT / "course_utils", root / "course_utils", ignore=shutil.ignore_patterns("__pycache__"))
    sources = root / "notebooks" / "src"
    sources.mkdir(parents=True)
    (sources / "01_first.py").write_text(FIRST, encoding="utf-8")
    (sources / "02_second.py").write_text(SECOND, encoding="utf-8")
    (root / "data").mkdir()
    (root / "data" / "scale.txt").write_text("1.0")
    (root / "data" / "other.txt").write_text("no notebook reads this")
    known = {"sha256": SCALE_SHA, "source": "", "licence": "", "credit": "", "kind": "photograph"}
    (root / "data" / "registry.json").write_text(json.dumps([{"name": "scale", "file": "scale.txt"} | known]))
    write_cards(root)
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return (root, folder of figures, outcome, calls of advance) of one complete run."""
    root = make_course(tmp_path_factory.mktemp("course"))
    calls = []
    outcome = figures.make_figures(root / "out", root, advance=lambda *call: calls.append(call))
    return root, root / "out", outcome, calls


@pytest.fixture
def copy(made, tmp_path):
    """Return a course with its figures that a test may change."""
    shutil.copytree(made[0], tmp_path / "course")
    return tmp_path / "course", tmp_path / "course" / "out"


@pytest.fixture
def no_kernel(monkeypatch):
    def start(*arguments):
        raise AssertionError("a notebook was run")

    monkeypatch.setattr(figures, "_run", start)


@pytest.fixture
def export(tmp_path, monkeypatch):
    """Return a function that lets ``slide_figure`` export a figure, and returns the folder."""
    monkeypatch.setattr(slides, "manifest", lambda: {"toy": SlideFigure("toy", "Slide", "01_first", "Caption", ALT)})

    def run(make, style="slides", folder="out"):
        monkeypatch.setenv("COURSE_STYLE", style)
        monkeypatch.setenv("COURSE_FIGURES", str(tmp_path / folder))
        slides.slide_figure(make(), "toy")
        return tmp_path / folder

    return run


def two_images(width=40, height=30):
    u = torch.rand(height, width, generator=torch.Generator().manual_seed(0))
    return plotting.show_images([u, u], titles=["Original", TITLE])


# ------------------------------------------------------------------------------------------------------------- a run


def test_a_failing_notebook_stops_only_its_own_figures(made):
    _, out, outcome, _ = made
    assert outcome.made == ["two-images", "curves", "before"]
    assert outcome.fresh == []
    [failure] = outcome.failures
    assert (failure.notebook, failure.cell, failure.lost) == ("02_second", 3, ("after",))
    assert str(failure) == "02_second, cell 3: ZeroDivisionError: division by zero\n  not made: after"
    expected = {f"{name}.{kind}" for name in outcome.made for kind in figures.FORMATS}
    assert {path.name for path in out.iterdir()} == {*expected, "previews", "figures.json", "figures.tex", "index.html"}


def test_a_notebook_stops_after_the_last_cell_needed(made):
    calls = [call for call in made[3] if call[0] == "01_first"]
    assert calls[-1] == ("01_first", 7, 7)  # the eighth cell would raise


def test_provenance_says_where_each_figure_comes_from(made):
    root, out, _, _ = made
    record = json.loads((out / "figures.json").read_text(encoding="utf-8"))["figures"]["two-images"]
    assert (record["notebook"], record["cell"], record["section"]) == ("01_first", 5, "Images")
    assert record["seeds"] == ["seed = 3"]
    assert record["numbers"] == [PSNR]
    assert record["versions"]["numpy"] == np.__version__
    assert record["data"] == {"scale.txt": SCALE_SHA}
    assert {"course_utils.plotting", "course_utils.slides", "course_utils.data"} <= record["modules"].keys()
    assert not [name for name in record["modules"] if re.search("classroom|features", name)]  # they were not imported
    hashes = [*record["made_from"].values(), *record["modules"].values()]
    assert all(re.fullmatch("[0-9a-f]{64}", sha) for sha in hashes)
    assert record["files"]["two-images.pdf"] == provenance.sha256((out / "two-images.pdf").read_bytes())
    assert str(root) not in (out / "figures.json").read_text(encoding="utf-8")


def test_two_runs_give_the_same_bytes(made, copy, monkeypatch):
    _, out, _, _ = made
    root, again = copy
    before = figures.read_records(out)
    monkeypatch.chdir(root)  # the folder may be relative: kernels work in another one
    assert figures.make_figures(Path("out"), root, only=["01_first"], force=True).made == ["two-images", "curves"]
    for name in ("two-images", "curves"):
        for file in before[name]["files"]:
            assert (out / file).read_bytes() == (again / file).read_bytes(), file
    assert (out / "figures.json").read_bytes() == (again / "figures.json").read_bytes()
    assert (out / "figures.tex").read_bytes() == (again / "figures.tex").read_bytes()


def test_the_figure_of_the_slide_is_the_figure_of_the_notebook(made, export):
    _, out, _, _ = made
    u = torch.rand(20, 30, generator=torch.Generator().manual_seed(3))
    folder = export(lambda: plotting.show_images([u, u], titles=["Original", TITLE]))
    assert np.array_equal(pixels(folder / "toy.png"), pixels(out / "two-images.png"))


# --------------------------------------------------------------------------------------------------------- freshness


def test_nothing_is_made_again_when_nothing_changed(made, no_kernel):
    root, out, _, _ = made
    outcome = figures.make_figures(out, root, only=["01_first", "before"])
    assert outcome.made == []
    assert outcome.fresh == ["two-images", "curves", "before"]
    assert figures.stale_figures(out, root) == {"after": ["never made"]}


def test_each_change_makes_stale_what_it_concerns(copy):
    root, out = copy

    def stale():
        found = figures.stale_figures(out, root)
        assert found.pop("after") == ["never made"]
        return found

    source = root / "notebooks" / "src" / "01_first.py"
    for old, new, expected in [
        ('"λ"', '"lambda"', {"curves": ["notebook changed"]}),  # after the images
        ("seed = 3", "seed = 4", {"two-images": ["notebook changed"], "curves": ["notebook changed"]}),
        ("# First", "# Other prose", {}),
        ("raise SystemError", "raise ValueError", {}),  # after the last figure
    ]:
        source.write_text(FIRST.replace(old, new), encoding="utf-8")
        assert stale() == expected, old
    source.write_text(FIRST, encoding="utf-8")
    everything, first = ("two-images", "curves", "before"), ("two-images", "curves")
    for file, added, expected in [
        ("course_utils/plotting.py", "extra = 1", {key: ["course_utils.plotting changed"] for key in everything}),
        ("course_utils/plotting.py", "# a comment\n\n'a text'\n", {}),
        ("course_utils/features.py", "extra = 1", {}),  # no notebook imports it
        ("course_utils/checks/__init__.py", "extra = 1", {}),
        ("course_utils/classroom/report.py", "extra = 1", {}),
        ("data/scale.txt", " ", {key: ["data/scale.txt changed"] for key in first}),
        ("data/other.txt", " ", {}),
    ]:
        before = (root / file).read_text(encoding="utf-8")
        (root / file).write_text(f"{before}{added}", encoding="utf-8")
        assert stale() == expected, (file, added)
        (root / file).write_text(before, encoding="utf-8")
    (root / "data" / "scale.txt").unlink()
    assert stale() == {key: ["data/scale.txt is missing"] for key in first}
    (root / "data" / "scale.txt").write_text("1.0")
    write_cards(root, caption="Another caption")
    assert stale() == {key: ["card changed"] for key in everything}


def test_damage_on_disk_is_stale(copy, monkeypatch):
    root, out = copy
    (out / "curves.pdf").unlink()
    (out / "two-images.svg").write_text("drawn over")
    monkeypatch.setattr(figures.importlib.metadata, "version", lambda package: "99" if package == "numpy" else "0")
    found = figures.stale_figures(out, root)
    assert "curves.pdf is missing" in found["curves"]
    assert "two-images.svg was altered" in found["two-images"]
    assert f"made with numpy {np.__version__}, now 99" in found["before"]
    write_cards(root, {name: entry for name, entry in ENTRIES.items() if name != "curves"})
    assert figures.stale_figures(out, root)["curves"] == ["no longer in a card"]


def test_another_style_or_format_is_made_with_the_formats_already_there(copy, monkeypatch):
    root, out = copy
    orders = []

    def run(order, *arguments):
        orders.append(order)
        return order, 0, ""

    monkeypatch.setattr(figures, "_run", run)
    (out / "curves.svg").unlink()
    records = json.loads((out / "figures.json").read_text(encoding="utf-8"))
    del records["figures"]["curves"]["files"]["curves.svg"]
    (out / "figures.json").write_text(json.dumps(records), encoding="utf-8")
    figures.make_figures(out, root, only=["curves"], formats=["png"])
    assert orders == []
    figures.make_figures(out, root, only=["curves"], formats=["svg"])
    figures.make_figures(out, root, only=["two-images"], formats=["png"], style="dark")
    assert orders == [
        figures.Order("01_first", ("curves",), ("pdf", "png", "svg"), "slides"),
        figures.Order("01_first", ("two-images",), ("pdf", "png", "svg"), "dark"),
    ]


# ------------------------------------------------------------------------------------------------------------ errors


def test_wrong_arguments_are_said_before_the_work(made, tmp_path, no_kernel):
    root = made[0]
    with pytest.raises(ValueError, match=r"'two-image' is unknown; did you mean 'two-images'"):
        figures.make_figures(tmp_path, root, only=["two-image"])
    with pytest.raises(ValueError, match="format 'jpg' is unknown"):
        figures.make_figures(tmp_path, root, formats=["jpg"])
    with pytest.raises(ValueError, match="did you mean 'slides'"):
        figures.make_figures(tmp_path, root, style="slide")
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RuntimeError, match="cannot write into"):
            figures.make_figures(folder, root)
    assert not (tmp_path / "figures.json").exists()


def test_a_figure_that_no_cell_makes_is_reported(copy):
    root, out = copy
    entries = {"orphan": ("Slide", "01_first"), "lost": ("Slide", "09_missing")}
    write_cards(root, ENTRIES | entries)
    outcome = figures.make_figures(out, root, only=list(entries))
    assert [(f.notebook, f.cell, f.lost) for f in outcome.failures] == [
        ("01_first", 0, ("orphan",)),
        ("09_missing", 0, ("lost",)),
    ]
    assert "orphan" in str(outcome.failures[0])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"figures": {"curves": {}}}', '{"figures": {"curves": 1}}'])
def test_a_broken_record_is_said(text, tmp_path):
    (tmp_path / "figures.json").write_text(text)
    with pytest.raises(ValueError, match="broken: delete it"):
        figures.read_records(tmp_path)


def test_the_command(made, monkeypatch, no_kernel):
    root, out, _, _ = made
    monkeypatch.setattr(cli, "ROOT", root)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        return CliRunner().invoke(cli.app, ["figures", *arguments])

    listed = run("--list", "--out", str(out), "--only", "curves", "02_second")
    assert listed.output.splitlines() == [
        "curves\tDenoising\t01_first\tCurves\t10 x 5",
        "before\tPseudo & inverse\t02_second\t\t10 x 5",
        "after\tPseudo & inverse\t02_second\t\t",
    ]
    checked = run("--check", str(out))
    assert (checked.exit_code, checked.output) == (1, "after: never made\nNot up to date: 1.\n")
    assert run("--check", str(out), "--only", "01_first").exit_code == 0
    warm = run("--only", "01_first", "--out", str(out))
    assert (warm.exit_code, warm.output.split(":")[0]) == (0, "0 figures made, 2 were up to date")
    assert isinstance(run("--check", str(root / "data")).exception, ValueError)


def test_failures_set_the_exit_code(made, monkeypatch):
    monkeypatch.setattr(cli, "ROOT", made[0])
    failed = figures.Outcome(failures=[figures.Failure("02_second", 3, "ValueError: no", ("after",))])
    monkeypatch.setattr(figures, "make_figures", lambda *arguments: failed)
    result = CliRunner().invoke(cli.app, ["figures", "--out", str(made[1])])
    assert result.exit_code == 1
    assert "02_second, cell 3: ValueError: no" in result.output


def test_stopping_says_what_is_kept(made, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(figures, "make_figures", stop)
    result = CliRunner().invoke(cli.app, ["figures", "--out", str(made[1])])
    assert result.exit_code == 130
    assert "Stopped" in result.output


SLOW = """# %%
from course_utils.plotting import plot_curves
from course_utils.slides import slide_figure
slide_figure(plot_curves({"a": ([1, 2], [3, 4])}, "t", "y", width=10.0), "before")
# %%
import pathlib, time
pathlib.Path("started").touch()
time.sleep(300)
slide_figure(plot_curves({"a": ([1, 2], [3, 4])}, "t", "y", width=10.0), "after")
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_an_interrupt_keeps_each_finished_figure_and_leaves_nothing_else(tmp_path):
    root = make_course(tmp_path)
    (root / "notebooks" / "src" / "02_second.py").write_text(SLOW, encoding="utf-8")
    out = root / "out"
    (out / f".making.{_files._machine()}-999999999-x").mkdir(parents=True)  # what a killed run left
    code = "from course_utils.classroom.cli import main; main()"
    command = [sys.executable, "-c", code, "figures", "02_second", "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell's background job ignores interrupts, and so would what it starts.
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=root, env=environment, **pipes)
    signal.signal(signal.SIGINT, heard)
    end = time.monotonic() + 120
    while not (root / "notebooks" / "started").exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors == "Stopped. The figures that are finished are kept: the same command goes on.\n"
    assert process.returncode == 130
    assert {path.name for path in out.iterdir()} == {
        "before.pdf",
        "before.png",
        "before.svg",
        "previews",
        "figures.json",
        "figures.tex",
        "index.html",
    }
    assert list(figures.read_records(out)) == ["before"]
    assert "before.png" in (out / "index.html").read_text(encoding="utf-8")
    kernels = [p for p in psutil.process_iter(["cmdline"]) if str(root) in " ".join(p.info["cmdline"] or ())]
    assert not kernels


def test_two_runs_in_one_folder_keep_the_records_of_both(copy):
    root, out = copy
    records = figures.read_records(out)
    (out / "figures.json").unlink()
    now = figures._look(root, figures.survey(root), records)
    figures.make_figures(
        out, root, ["two-images"], advance=lambda *_: figures.update_records(out, {"before": records["before"]}, now)
    )
    assert list(figures.read_records(out)) == ["two-images", "before"]


# -------------------------------------------------------------------------------------------- reading the notebooks


def test_a_program_is_known_by_what_it_does():
    code = 'def double(x):\n    """Return 2 x."""\n    return 2 * x'
    same = "# twice\ndef double(x):\n    'Other words.'\n\n    return (2 *\n            x)"
    assert provenance.program_hash(code) == provenance.program_hash(same)
    assert provenance.program_hash(code) != provenance.program_hash(code.replace("2 * x", "2 + x"))
    assert provenance.program_hash("%magic") != provenance.program_hash("%other")


def test_seeds_are_read_from_the_program():
    assert provenance.find_seeds("g = torch.Generator().manual_seed(7)") == ("7",)
    assert provenance.find_seeds("SEED = 3\ng.manual_seed(SEED)\nf(x, seed=SEED + 1)") == ("SEED = 3", "SEED + 1")
    assert provenance.find_seeds("seeds = (1, 2)") == ("seeds = (1, 2)",)
    assert provenance.find_seeds("x = 1\nmodel(x)\nseeds = precomputed('gravel_seed1')") == ()


def test_numbers_are_read_from_the_texts_of_a_figure():
    def read(text):
        return [f"{number['of']}: {number['name']} {number['value']}" for number in provenance.read_numbers([text])]

    assert read("TV\nPSNR = 28.60 dB, λ = 0.1") == ["TV: PSNR = 28.60 dB", "TV: λ = 0.1"]
    assert read("$\\lambda = 10^{-2}$") == ["lambda = 10^{-2}: lambda = 10^{-2}"]
    assert read("noise\nσ = 4/255") == ["noise: σ = 4/255"]
    assert read("inverse filter\nPSNR > 100 dB") == ["inverse filter: PSNR > 100 dB"]
    assert read("PSNR (dB)") == read("Original") == read("100 steps") == read("conv1_1") == []


def test_every_figure_of_the_manifest_has_its_cell():
    for name, planned in figures.survey().items():
        assert planned.place is not None, name
        assert planned.place.section, name


def test_the_figures_of_the_cards_come_in_the_lectures_order():
    places = [lecture().index(entry.slide) for entry in manifest().values()]
    assert places == sorted(places)


def test_a_wrong_card_is_said():
    entry = {"slide": "A", "caption": "c", "alt": "a"}
    with pytest.raises(ValueError, match=r"04_x.toml: slide 'Debluring' is unknown; did you mean 'Deblurring'"):
        list_figures({"04_x": {"figures": {"f": entry | {"slide": "Debluring"}}}}, lecture())
    with pytest.raises(ValueError, match=r"05_y.toml: figure 'f' is also in 04_x.toml"):
        list_figures({"04_x": {"figures": {"f": entry}}, "05_y": {"figures": {"f": entry}}}, ["A"])


def test_the_notebooks_themselves_are_left_alone(made):
    folder = made[0] / "notebooks"
    assert {path.name for path in folder.rglob("*.py")} == {"01_first.py", "02_second.py"}
    assert not list(folder.rglob("*.ipynb"))
    assert (folder / "src" / "01_first.py").read_text(encoding="utf-8") == FIRST


# ------------------------------------------------------------------------------------------------ what a file holds


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(float)


def test_images_are_drawn_pixel_by_pixel(export):
    folder = export(two_images)
    drawing = (folder / "toy.svg").read_text(encoding="utf-8")
    sizes = re.findall(r'<image [^>]*width="(\d+)" height="(\d+)"', drawing, re.DOTALL)
    assert sizes == [("40", "30")] * 2
    pdf = (folder / "toy.pdf").read_bytes()
    assert pdf.count(b"/Width 40") == 2
    assert pdf.count(b"/Height 30") == 2
    # In the PNG a pixel of the image is a square of whole dots: no more gray levels than in the image.
    picture = pixels(folder / "toy.png")
    height, width = picture.shape[:2]
    inside = picture[height // 2, width // 10 : width * 4 // 10, 0]
    runs = np.diff(np.flatnonzero(np.diff(inside)))
    assert len(runs) > 20
    assert np.all(runs[runs > 0] % np.min(runs) <= 1)
    assert len(np.unique(picture[int(0.6 * height), : width // 2])) <= 42


def test_a_large_image_keeps_its_antialiasing(export, monkeypatch):
    monkeypatch.setenv("COURSE_FORMATS", "png")
    folder = export(lambda: two_images(2500, 500))
    assert pixels(folder / "toy.png").shape[1] == pytest.approx(10 * slides.FINEST_DPI, abs=1)


def test_text_stays_text_with_an_alternative(export):
    folder = export(two_images)
    drawing = (folder / "toy.svg").read_text(encoding="utf-8")
    assert "PSNR = 26.71 dB</text>" in drawing.replace("</tspan>", "")
    assert f"<title>Slide</title>\n <desc>{html.escape(ALT, quote=False)}</desc>" in drawing
    assert 'role="img"' in drawing
    pdf = (folder / "toy.pdf").read_bytes()
    assert b"/Type /Font" in pdf
    assert b"/Subject (" in pdf
    assert "\ufeffTwo pictures".encode("utf-16-be") in pdf
    assert b"CreationDate" not in pdf
    with Image.open(folder / "toy.png") as picture:
        assert picture.text == {"Title": "Slide", "Description": ALT}


def letter_sizes(path):
    """Return the sizes of an SVG's letters; old versions of Matplotlib write "font: 16px", new ones "font-size"."""
    found = re.findall(r"font(?:-size)?: (?:[a-z]+ )*([\d.]+)px", path.read_text(encoding="utf-8"))
    return {float(px) for px in found}


@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_deterministic_and_legible(style, export):
    first, second = export(two_images, style), export(two_images, style, "again")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name
    width = {"slides": 10.0, "dark": 10.0, "print": 7.16}[style]
    size = json.loads((first / "toy.json").read_text())["size"]
    assert size[0] == pytest.approx(width)
    fonts = letter_sizes(first / "toy.svg")
    shown = {"slides": 128 / 25.4, "dark": 128 / 25.4, "print": 7.16}[style]  # inches across the page
    assert min(fonts) * shown / width >= {"slides": 8, "dark": 8, "print": 7}[style]
    corner = pixels(first / "toy.png")[0, 0]
    assert np.all(corner < 40) if style == "dark" else np.all(corner == 255)


@pytest.mark.parametrize(("style", "small"), [("slides", 15.5), ("dark", 15.5), ("print", 6.9)])
def test_small_text_is_refused_in_every_style(style, small, export):
    def make():
        figure = two_images()
        figure.axes[0].set_title("small", fontsize=small)
        return figure

    with pytest.raises(ValueError, match=f"'small' is set in {small:g} points, style '{style}' needs"):
        export(make, style)
    plt.close("all")


@pytest.mark.parametrize("style", STYLES)
def test_a_text_that_a_file_would_cut_is_refused(style, export, monkeypatch):
    def make(title="a title of one panel that is far too long for its place"):
        figure = plotting.new_figure(1, 3)[0]
        figure.axes[2].set_title(title, fontsize=plotting.style()["font.size"])
        return figure

    with pytest.raises(ValueError, match="one panel that is far too long for its place' is cut: it reaches"):
        export(make, style)
    export(lambda: make("a title that fits"), style)
    plt.close("all")


def test_text_added_by_a_notebook_follows_the_style(monkeypatch):
    monkeypatch.setenv("COURSE_STYLE", "dark")
    with plt.rc_context():
        exec(figures.PREAMBLE, {})
        axis = plotting.new_figure()[1][0, 0]
        assert mpl.colors.to_hex(axis.text(0, 0, "added later").get_color()) == "#f0f0f0"
    plt.close("all")


@pytest.mark.parametrize(("style", "size"), [("slides", 16), ("dark", 16), ("print", 9)])
def test_letters_sized_by_a_notebook_keep_their_proportion(export, monkeypatch, style, size):
    def make():
        figure = plotting.plot_curves({"a": ([1, 2], [3, 4])}, "x", "y", width=10.0)
        figure.axes[0].set_title("by hand", fontsize=16)
        return figure

    monkeypatch.setenv("COURSE_FORMATS", "svg")
    assert letter_sizes(export(make, style) / "toy.svg") == {size}


@pytest.mark.parametrize(("style", "scale"), [("slides", 1.0), ("dark", 1.0), ("print", 0.716)])
def test_lines_and_points_sized_by_a_notebook_keep_their_proportion(export, monkeypatch, style, scale):
    def make():
        figure = plotting.plot_curves({"a": ([1, 2], [3, 4]), "b": ([1, 2], [2, 4])}, "x", "y", width=10.0)
        axis = figure.axes[0]
        drawn.extend([*axis.plot([1], [3], "o", markersize=5, linewidth=1), axis.scatter([2], [3], s=25)])
        drawn.extend([axis.lines[0], axis.legend(fontsize=plotting.style()["font.size"]).get_lines()[0]])
        return figure

    drawn = []
    monkeypatch.setenv("COURSE_FORMATS", "png")
    export(make, style)
    own, points, curve, handle = drawn
    assert own.get_markersize() == pytest.approx(5 * scale)
    assert own.get_linewidth() == pytest.approx(scale)
    assert points.get_sizes() == pytest.approx([25 * scale**2])
    assert curve.get_linewidth() == handle.get_linewidth() == plotting.style()["lines.linewidth"]


def test_negative_numbers_have_minus_signs_and_nothing_else_changes(export, monkeypatch):
    def make():
        figure = plotting.plot_curves(
            {"n-th of 3-5": ([1, 2], [3, 4]), "-2 dB": ([1, 2], [4, 5])}, "x", "y", width=10.0
        )
        figure.axes[0].set_title("α = -1.33, λ = 1e-3", fontsize=16)
        figure.axes[0].set_ylabel("-log D, min-max of (-x)")
        return figure

    monkeypatch.setenv("COURSE_FORMATS", "svg")
    folder = export(make)
    drawing = (folder / "toy.svg").read_text(encoding="utf-8")
    written = (">α = −1.33, λ = 1e-3<", ">n-th of 3-5<", ">−2 dB<", ">−log D, min-max of (−x)<")
    assert all(text in drawing for text in written)
    assert "α = -1.33, λ = 1e-3" in json.loads((folder / "toy.json").read_text(encoding="utf-8"))["texts"]


def test_black_lines_are_light_on_dark_slides(export, monkeypatch):
    def make():
        figure = plotting.plot_curves({"a": ([1, 2], [3, 4])}, "x", "y", width=10.0)
        figure.axes[0].plot([1.5], [3.5], "ko", markersize=12)
        return figure

    monkeypatch.setenv("COURSE_FORMATS", "png,svg")
    dark, light = export(make, "dark"), export(make, "slides", "light")
    assert (pixels(dark / "toy.png").min(axis=2) > 200).sum() > 300
    assert "#000000" not in (dark / "toy.svg").read_text(encoding="utf-8")
    assert "#000000" in (light / "toy.svg").read_text(encoding="utf-8")


def brightest(picture):
    """Return the share of a picture's pixels that are nearly white."""
    return (picture.min(axis=2) > 200).mean()


def test_dark_slides_have_no_white_panels_and_no_dark_lines(export, monkeypatch):
    def make():
        figure, axes = plotting.new_figure(1, 4)
        flat = torch.linspace(-0.1, 0.1, 64).expand(64, 64)
        plotting.draw_image(axes[0, 0], flat, (-1.0, 1.0), plotting.SIGNED_MAP)
        plotting.draw_image(axes[0, 1], flat.abs(), (0.0, 1.0), "Blues")
        axes[0, 2].scatter([1, 2], [1, 2], s=400, color="0.5", edgecolors="white", linewidths=20)
        plotting.draw_image(axes[0, 3], torch.full((64, 64), plotting.paper()))
        axes[0, 2].plot([1, 2], [2, 1], color="0.4")
        return figure

    monkeypatch.setenv("COURSE_FORMATS", "png,svg")
    dark, light = export(make, "dark"), export(make, "slides", "light")
    assert brightest(pixels(light / "toy.png")) > 0.9
    assert brightest(pixels(dark / "toy.png")) < 0.01
    line = mpl.colors.to_hex(3 * [0.6 * 0xF0 / 255])
    assert f"stroke: {line}" in (dark / "toy.svg").read_text(encoding="utf-8")
    assert "stroke: #666666" in (light / "toy.svg").read_text(encoding="utf-8")


def test_photographs_are_the_same_on_dark_slides(export, monkeypatch):
    monkeypatch.setenv("COURSE_FORMATS", "png")
    dark, light = (pixels(export(two_images, style, style) / "toy.png") for style in ("dark", "slides"))
    middle = slice(dark.shape[0] // 2, 3 * dark.shape[0] // 4), slice(dark.shape[1] // 8, 3 * dark.shape[1] // 8)
    assert np.array_equal(dark[middle], light[middle])


# ------------------------------------------------------------------------------------------- gallery and LaTeX


def test_the_gallery_is_one_page_in_the_lectures_order(made):
    _, out, _, _ = made
    page = (out / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Denoising", "Pseudo &amp; inverse"]
    assert re.findall(r'<figure id="(.*?)"', page) == list(ENTRIES)
    assert re.findall(r'src="(.*?)"', page) == [f"previews/{name}.png" for name in ("two-images", "curves", "before")]
    assert all((out / file).exists() for file in re.findall(r'src="(.*?)"', page))
    assert len(page) < 20_000
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert page.count(f'alt="{html.escape(ALT)}"') == 3
    assert page.count('href="../notebooks/01_first.ipynb"') == 2
    assert "Not made yet." in page
    for target in re.findall(r'href="#(.*?)"', page):
        assert f'id="{target}"' in page
    for file in re.findall(r'href="([^#.][^"]*\.(?:pdf|png|svg))"', page):
        assert (out / file).exists()


def test_formulas_and_special_characters_become_latex():
    assert gallery.to_latex("50% of A_1 & {x}") == r"50\% of A\_1 \& \{x\}"
    assert gallery.to_latex("‖∇u‖²") == r"\ensuremath{\|}\ensuremath{\nabla}u\ensuremath{\|}\ensuremath{^2}"
    assert gallery.to_latex("k̂ and û") == r"\ensuremath{\hat{k}} and \ensuremath{\hat{u}}"
    assert gallery.to_latex("Université") == "Université"


def test_latex_knows_every_character_of_the_manifest():
    for entry in manifest().values():
        for text in (entry.slide, entry.caption):
            left = {character for character in gallery.to_latex(text) if ord(character) > 0xFF}
            assert not left, f"{entry.name}: {left}"


BEAMER = r"""\documentclass[aspectratio=169]{beamer}
\newcommand{\coursefolder}{%s}
\input{%s/figures}
\begin{document}
\begin{frame}{\courseslide{two-images}}\coursefigure{two-images}\end{frame}
\begin{frame}{\courseslide{curves}}\coursefigure[height=3cm]{curves}\par\coursecaption{curves}\end{frame}
%s
\end{document}
"""


@pytest.mark.skipif(not shutil.which("pdflatex") or not shutil.which("kpsewhich"), reason="needs LaTeX")
def test_the_macros_work_on_slides(made, tmp_path):
    if not subprocess.run(["kpsewhich", "beamer.cls"], capture_output=True).stdout:
        pytest.skip("needs beamer")
    _, out, _, _ = made

    def compile_slides(extra=""):
        (tmp_path / "slides.tex").write_text(BEAMER % (out, out, extra), encoding="utf-8")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "slides.tex"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")

    done = compile_slides()
    assert done.returncode == 0, done.stdout
    assert "Output written on slides.pdf (2 pages" in done.stdout
    assert "Overfull" not in done.stdout
    assert "There is no figure 'two-image'" in compile_slides(r"\coursefigure{two-image}").stdout


def test_the_macros_are_defined_for_the_figures_that_exist(made):
    text = (made[1] / "figures.tex").read_text(encoding="utf-8")
    assert re.findall(r"\\course@define\{(.*?)\}\{(.*?)\}", text) == [(n, f"{n}.pdf") for n in list(ENTRIES)[:3]]
    assert r"\providecommand{\coursefolder}{out}" in text


# ------------------------------------------------------------------------------------------------ the real notebooks


@pytest.mark.slow
def test_figures_of_the_lecture_fit_into_print(tmp_path):
    names = of_today({entry.notebook for entry in manifest().values()}, ROUND, PRINTED)
    outcome = figures.make_figures(tmp_path, only=names, formats=["pdf"], style="print")
    assert not outcome.failures
    assert outcome.made == [name for name, entry in manifest().items() if entry.notebook in names]
    assert not figures.stale_figures(tmp_path).keys() & set(outcome.made)
    for name, record in figures.read_records(tmp_path).items():
        assert record["size"][0] <= 7.16, name
        assert set(record["color_maps"]) <= set(maps_in_use()), name
        assert not [fault for text in record["texts"] for fault in faults(text)], name


@pytest.mark.slow
def test_two_runs_of_a_real_notebook_give_the_same_bytes(tmp_path):
    notebook = next(iter(manifest().values())).notebook
    runs = [tmp_path / "first" / "figures", tmp_path / "second" / "figures"]  # the macros name their folder
    for out in runs:
        assert figures.make_figures(out, only=[notebook], jobs=1).made
    for path in runs[0].rglob("*.*"):
        assert path.read_bytes() == (runs[1] / path.relative_to(runs[0])).read_bytes(), path.name


# -------------------------------------------------------------------------------------------- colour-blind readers

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def seen(rgb, deficiency):
    """Return the CIELAB colours (N, 3) that a reader with a deficiency sees."""
    rgb = np.asarray(rgb, dtype=float)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(DEFICIENCIES[deficiency]).T, 0, 1)
    return rgb2lab(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


def nearest(colours, deficiency):
    """Return the smallest CIEDE2000 distance between two of the colours."""
    lab = seen(colours, deficiency)
    first, second = np.triu_indices(len(lab), 1)
    return deltaE_ciede2000(lab[first], lab[second]).min()


def test_the_simulation_confuses_what_such_readers_confuse():
    red_green = [mpl.colors.to_rgb("#cc3311"), mpl.colors.to_rgb("#5f7a00")]
    assert nearest(red_green, "none") > 40
    assert nearest(red_green, "deuteranopia") < 20


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_curves_are_told_apart(deficiency):
    colours = [mpl.colors.to_rgb(colour) for colour in PALETTE]
    assert nearest(colours[:4], deficiency) > 12
    assert nearest(colours, deficiency) > 6  # and their lines differ
    assert len(set(LINE_STYLES)) == len(LINE_STYLES) >= len(PALETTE)
    assert len(set(MARKERS)) == len(MARKERS) >= len(PALETTE)
    for background in ("#ffffff", STYLES["dark"]["axes.facecolor"]):
        lightness = seen([mpl.colors.to_rgb(background)], deficiency)[0, 0]
        assert np.abs(seen(colours, deficiency)[:, 0] - lightness).min() > 20


def test_the_test_of_curves_would_refuse_matplotlibs_own_colours():
    default = [mpl.colors.to_rgb(f"C{index}") for index in range(4)]
    assert nearest(default, "none") > 12 > nearest(default, "deuteranopia")


def tick_labels(x, y):
    axis = plotting.plot_curves({"a": (x, y)}, "x", "y", "log", "log").axes[0]
    axis.figure.canvas.draw()
    labels = [
        {label.get_text() for label in ruler.get_ticklabels(which="both")} - {""} for ruler in (axis.xaxis, axis.yaxis)
    ]
    plt.close("all")
    return labels


def test_numbers_on_logarithmic_axes_have_no_small_exponents():
    across, up = tick_labels([1, 1000], [1e-8, 1])
    assert {"1", "10", "100", "1000"} <= across
    assert {"1e-8", "1"} <= up
    assert not any("$" in label for label in across | up)
    assert {"0.02", "0.04", "0.06"} <= tick_labels([1, 10], [0.02, 0.08])[1]  # within a decade


def test_points_differ_by_more_than_colour():
    axis = plotting.plot_curves({"a": ([1], [1]), "b": ([2], [1]), "c": ([1, 2], [1, 2])}, "x", "y").axes[0]
    assert len({line.get_marker() for line in axis.lines}) == 3
    plt.close("all")


def maps_in_use():
    """Return the colour maps that the package and the notebooks name."""
    files = [*(ROOT / "course_utils").rglob("*.py"), *source_files().values()]
    named = re.compile(r"""(?:cmap|color_map|_MAP)[\w: ]*=\s*["'](\w+)["']""")
    return sorted({name for file in files for name in named.findall(file.read_text(encoding="utf-8"))})


@functools.cache
def scale(name):
    return mpl.colormaps[name](np.linspace(0, 1, 101))[:, :3]


def test_the_maps_of_the_notebooks_are_found():
    assert {"gray", plotting.SPECTRUM_MAP, plotting.SIGNED_MAP} <= set(maps_in_use())
    assert all(name in mpl.colormaps for name in maps_in_use())


@pytest.mark.parametrize("name", maps_in_use())
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_maps_are_read_by_everyone(name, deficiency):
    lab = seen(scale(name), deficiency)
    steps = np.diff(lab[:, 0])
    if name == plotting.SIGNED_MAP:  # from both ends to a bright middle, which the hue tells apart
        assert np.all(steps[:48] > -0.1)
        assert np.all(steps[-48:] < 0.1)
        assert deltaE_ciede2000(lab[10], lab[-11]) > 30
        assert deltaE_ciede2000(lab[30], lab[-31]) > 10
    else:
        assert np.all(steps > -0.1) or np.all(steps < 0.1)
        assert abs(lab[-1, 0] - lab[0, 0]) > 60


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_maps_of_dark_slides_are_read_by_everyone(deficiency):
    assert set(plotting.DARK_MAPS) <= set(maps_in_use())
    lab = {name: seen(dark(np.linspace(0, 1, 101))[:, :3], deficiency) for name, dark in plotting.DARK_MAPS.items()}
    ground = seen([mpl.colors.to_rgb(STYLES["dark"]["axes.facecolor"])], deficiency)[0]
    signed, density = lab[plotting.SIGNED_MAP], lab["Blues"]
    assert deltaE_ciede2000(ground, signed[50]) < 1
    assert deltaE_ciede2000(ground, density[0]) < 1
    assert np.all(np.diff(signed[:51, 0]) < 0.1)
    assert np.all(np.diff(signed[50:, 0]) > -0.1)
    assert deltaE_ciede2000(signed[10], signed[-11]) > 30
    assert deltaE_ciede2000(signed[30], signed[-31]) > 10
    assert np.all(np.diff(density[:, 0]) > -0.1)
    assert density[-1, 0] - density[0, 0] > 60


def test_the_test_of_maps_would_refuse_a_rainbow():
    steps = np.diff(seen(scale("jet"), "none")[:, 0])
    assert steps.min() < -0.1 < 0.1 < steps.max()


def test_the_environment_does_not_leak():
    assert not {"COURSE_FIGURES", "COURSE_FORMATS"} & set(os.environ)
    assert isinstance(ROOT, Path)
