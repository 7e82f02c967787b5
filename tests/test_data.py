"""The course's data: hashes, provenance, errors that say how to repair, and the script that rebuilds the files."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

from course_utils import data
from course_utils.classroom import registry
from course_utils.data import REGISTRY, Entry, data_folder, fetch, names_of_kind
from course_utils.images import load_image
from course_utils.metrics import psnr

PHOTOGRAPHS = {
    "cameraman": (512, 512),
    "astronaut": (3, 512, 512),
    "coffee": (3, 400, 600),
    "cat": (3, 300, 451),
    "dahlia": (3, 400, 600),
    "temple": (3, 400, 600),
    "raccoon": (3, 512, 768),
    "kodim23": (3, 512, 768),
}
GRAY_TEXTURES = {"gravel", "brick", "grass"}
COLOUR_TEXTURES = {"cork", "deco_paper", "canvas", "rough_paper", "pastel_paper", "tissue"} | {
    "green_paper",
    "violet_paper",
    "salmon_paper",
    "ballast",
    "cobbles",
    "flagstones_blue",
    "flowers",
    "galaxies",
    "morris",
    "mosaic_tiles",
    "paving",
    "pipes",
    "rock_layers",
    "rust",
    "sand_ripples",
    "stones_yellow",
}
SIDES = dict.fromkeys(("flowers", "mosaic_tiles", "pipes", "rust", "sand_ripples"), 256) | {"paving": 480}  # else 512
KERNELS = {"gaussian": (13, 13), "disk": (11, 11), "motion_1": (15, 25), "motion_2": (28, 17)}
UNREGISTERED = {
    "README.md",
    "rebuild.py",
    "registry.json",
    "contact_sheet.jpg",
    "derive_networks.py",
    "remake_inpainting.py",
    "remake_syntheses.py",
    "remake_transfers.py",
    "remake_mixtures.py",
}
OWN_FOLDERS = {"inpainting", "faces", "photographs", "textures", "kernels", "digits", "paintings", "medical"} | {
    "portraits",
    "denoisers",
}


@pytest.fixture(scope="module")
def rebuild() -> ModuleType:
    """The script ``data/rebuild.py`` as a module."""
    specification = importlib.util.spec_from_file_location("course_data_rebuild", data_folder() / "rebuild.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the registry, of one picture and of the kernels, that COURSE_DATA names."""
    for file in ("registry.json", "photographs/cat.png", *(f"kernels/{name}.npy" for name in KERNELS)):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(data_folder() / file, tmp_path / file)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path


# --- registry --------------------------------------------------------------------------------------------------------


def test_every_registered_file_has_its_sha256() -> None:
    for name in REGISTRY:
        assert fetch(name) == data_folder() / REGISTRY[name].file


def test_no_file_is_an_orphan() -> None:
    registered = {entry.file for entry in REGISTRY.values()}
    found = {path.relative_to(data_folder()) for path in data_folder().rglob("*") if path.is_file()}
    own = {path.as_posix() for path in found if path.parts[0] in OWN_FOLDERS or len(path.parts) == 1}
    assert own - UNREGISTERED == {file for file in registered if Path(file).parts[0] in OWN_FOLDERS}


def test_every_entry_says_where_it_comes_from() -> None:
    for name, entry in REGISTRY.items():
        assert entry.name == name
        assert all(dataclasses.asdict(entry).values()), name
        assert not Path(entry.file).is_absolute()
        assert ".." not in Path(entry.file).parts


def test_the_readme_names_every_item_credit_and_licence() -> None:
    readme = (data_folder() / "README.md").read_text(encoding="utf-8")
    for entry in REGISTRY.values():
        if entry.kind not in ("weights", "synthesis", "transfer", "mixture"):
            assert f"`{entry.name}`" in readme
            assert entry.credit.split(" (")[0].split(";")[0].split(", MyPaint")[0] in readme
            assert entry.licence.removesuffix("-1.0") in readme


def test_registry_is_read_only_and_sorted() -> None:
    with pytest.raises(TypeError):
        REGISTRY["new"] = REGISTRY["cat"]  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        REGISTRY["cat"].file = "other"  # type: ignore[misc]
    assert list(REGISTRY) == sorted(REGISTRY)
    assert "cat" in repr(REGISTRY)


def test_files_without_weights_stay_small() -> None:
    own = [entry for entry in REGISTRY.values() if entry.kind not in ("weights", "synthesis", "transfer", "mixture")]
    assert sum((data_folder() / entry.file).stat().st_size for entry in own) < 30e6


# --- errors ----------------------------------------------------------------------------------------------------------


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'cameraman'"):
        fetch("camerman")
    with pytest.raises(ValueError, match="kernel name 'motion' is unknown; did you mean 'motion_"):
        data.load_kernel("motion")


def test_missing_file_is_named_with_its_repair(copied: Path) -> None:
    assert fetch("cat") == copied / "photographs/cat.png"
    (copied / "photographs/cat.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"cat\.png, the file of 'cat', is missing.*COURSE_DATA"):
        fetch("cat")


def test_altered_file_is_found_even_after_it_was_verified(copied: Path) -> None:
    path = fetch("cat")
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"cat\.png, the file of 'cat', was altered: wrong SHA-256"):
        fetch("cat")


def test_repair_in_a_checkout_is_git_checkout(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "course"
    shutil.copytree(copied, checkout / "data", ignore=shutil.ignore_patterns("course"))
    (checkout / ".git").mkdir()
    monkeypatch.setenv("COURSE_DATA", str(checkout / "data"))
    (checkout / "data/kernels/disk.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"git checkout -- data/kernels/disk\.npy"):
        data.load_kernel("disk")


def test_repair_of_an_installed_package_is_to_install_again(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = copied / "course_utils"
    shutil.copytree(copied, package / "_data", ignore=shutil.ignore_patterns("course_utils"))
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.setattr(data, "_PACKAGE", package)
    assert data_folder() == package / "_data"
    (package / "_data/kernels/disk.npy").unlink()
    with pytest.raises(FileNotFoundError, match="pip install --force-reinstall"):
        data.load_kernel("disk")


def test_repair_beside_the_script_is_the_script(copied: Path, rebuild: ModuleType) -> None:
    shutil.copy(str(rebuild.__file__), copied / "rebuild.py")
    (copied / "kernels/disk.npy").write_bytes(b"")
    with pytest.raises(ValueError, match=r"python .*rebuild\.py disk"):
        data.load_kernel("disk")


def test_no_data_folder_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="Unset COURSE_DATA"):
        fetch("cat")


GOOD = {
    "name": "cat",
    "file": "photographs/cat.png",
    "sha256": "0" * 64,
    "source": "a package",
    "licence": "CC0-1.0",
    "credit": "somebody",
    "kind": "photograph",
}


def records(**changed: object) -> str:
    return json.dumps([{**GOOD, **changed}])


BROKEN = {
    "empty": "",
    "white": "  \n",
    "cut": records()[:-1],
    "begun": "[",
    "a conflict of git": f"<<<<<<< HEAD\n{records()}\n=======\n",
    "a pointer of git-lfs": "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "a page": "<!doctype html><title>404</title>",
    "two": records() + records(),
    "a comma too many": records().replace("}]", "},]"),
    "single quotes": records().replace('"', "'"),
    "latin-1": records(credit="é").encode("utf-8").decode("unicode_escape").encode("latin-1", "replace") + b"\xe9",
    "utf-16": records().encode("utf-16"),
    "zeros": b"\0" * 100,
    "deep": "[" * 100_000,
    "null": "null",
    "a number": "3",
    "a text": '"cat"',
    "a record alone": json.dumps(GOOD),
    "by name": json.dumps({"cat": GOOD}),
    "no record": "[]",
    "a list of texts": '["cat"]',
    "a list of lists": "[[1, 2]]",
    "a field missing": '[{"name": "cat"}]',
    "a field too many": records(size=3),
    "a number for a name": records(name=3),
    "no name": records(name=""),
    "null for a licence": records(licence=None),
    "a list for a file": records(file=["cat.png"]),
    "a path that leaves the folder": records(file="../cat.png"),
    "an absolute path": records(file="/etc/passwd"),
    "a path of Windows": records(file="photographs\\cat.png"),
    "a short hash": records(sha256="0" * 63),
    "a hash of other letters": records(sha256="g" * 64),
    "a number for a hash": records(sha256=0),
    "twice the same name": json.dumps([GOOD, GOOD]),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_registry_is_named_with_its_repair(copied: Path, kind: str) -> None:
    content = BROKEN[kind]
    (copied / "registry.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=r"registry\.json is broken: .*copy registry\.json there again") as caught:
        fetch("cat")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_the_repair_of_a_registry_helps(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "the course"
    shutil.copytree(copied, checkout / "data", ignore=shutil.ignore_patterns("the course"))
    author = ["-c", "user.name=x", "-c", "user.email=x@localhost"]
    for words in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=checkout, check=True)
    monkeypatch.setenv("COURSE_DATA", str(checkout / "data"))
    (checkout / "data/registry.json").write_text("[")
    with pytest.raises(ValueError, match="broken") as caught:
        fetch("cat")
    (checkout / "data/registry.json").unlink()
    monkeypatch.setattr(data, "_PACKAGE", checkout / "course_utils")
    monkeypatch.delenv("COURSE_DATA")
    with pytest.raises(FileNotFoundError, match=r"git checkout -- data/registry\.json"):
        fetch("cat")
    subprocess.run(str(caught.value).partition("with: ")[2].split(), cwd=checkout, check=True, capture_output=True)
    assert fetch("cat").exists()
    shutil.rmtree(checkout / ".git")
    (checkout / "data/registry.json").write_text("[")
    with pytest.raises(ValueError, match="from a fresh download of the course"):
        fetch("cat")


# --- loaders ---------------------------------------------------------------------------------------------------------


def test_kinds() -> None:
    assert set(names_of_kind("photograph")) == set(PHOTOGRAPHS)
    assert set(names_of_kind("texture")) == GRAY_TEXTURES | COLOUR_TEXTURES
    assert set(names_of_kind("kernel")) == set(KERNELS)
    assert len(GRAY_TEXTURES | COLOUR_TEXTURES) >= 8
    assert len(COLOUR_TEXTURES) >= 5


@pytest.mark.parametrize("name", sorted(GRAY_TEXTURES | COLOUR_TEXTURES))
def test_textures(name: str) -> None:
    u = load_image(name)
    side = SIDES.get(name, 512)
    assert u.shape == ((side, side) if name in GRAY_TEXTURES else (3, side, side))
    assert u.dtype == torch.float64
    assert 0 <= u.min() < u.max() <= 1
    assert u.std(dim=(-2, -1)).min() > 0.01
    if name in COLOUR_TEXTURES:
        assert (u[0] - u[2]).abs().mean() > 0.01


def test_faces() -> None:
    faces, people = data.load_faces()
    assert faces.shape == (400, 112, 92)
    assert faces.dtype == torch.float64
    assert people.dtype == torch.int64
    assert torch.equal(people, torch.arange(40).repeat_interleave(10))
    assert faces.min() >= 0
    assert 0.9 < faces.max() <= 1
    assert len({face.numpy().tobytes() for face in faces}) == 400


def test_portraits_of_a_person_are_nearer_than_those_of_others() -> None:
    faces, people = data.load_faces()
    distance = torch.cdist(faces.flatten(1), faces.flatten(1)).fill_diagonal_(torch.inf)
    assert (people[distance.argmin(dim=1)] == people).double().mean() > 0.95


def test_digits() -> None:
    digits, labels = data.load_digits()
    assert digits.shape == (5000, 28, 28)
    assert digits.dtype == torch.float64
    assert digits.min() == 0
    assert digits.max() == 1
    assert labels.dtype == torch.int64
    assert labels.bincount().tolist() == [500] * 10
    means = torch.stack([digits[labels == label].mean(0) for label in range(10)])
    nearest = torch.cdist(digits.flatten(1), means.flatten(1)).argmin(dim=1)
    assert (nearest == labels).double().mean() > 0.75


@pytest.mark.parametrize(("name", "shape"), KERNELS.items())
def test_kernels(name: str, shape: tuple[int, int]) -> None:
    k = data.load_kernel(name)
    assert k.shape == shape
    assert k.dtype == torch.float64
    assert k.min() >= 0
    assert k.sum().item() == 1.0
    rows, columns = torch.arange(shape[0]).double(), torch.arange(shape[1]).double()
    centre = (k.sum(1) @ rows).item(), (k.sum(0) @ columns).item()
    assert centre == pytest.approx((shape[0] // 2, shape[1] // 2), abs=1e-7)


@pytest.mark.parametrize("name", ["motion_1", "motion_2"])
def test_motion_kernels_have_no_symmetry(name: str) -> None:
    k = data.load_kernel(name)
    assert k.shape[0] != k.shape[1]
    for turned in (k.flip(0), k.flip(1), k.flip(0, 1)):
        assert (k - turned).abs().sum() > 0.5
    # About its own centre, and not only about the middle of the array, half a turn changes it.
    spectrum = torch.fft.fft2(k, s=(64, 64))
    phase = torch.exp(2j * torch.pi * torch.fft.fftfreq(64, dtype=torch.float64))
    centred = spectrum * phase[:, None] ** (k.shape[0] // 2) * phase[None, :] ** (k.shape[1] // 2)
    assert centred.imag.norm() > 0.2 * centred.norm()


def test_gaussian_and_disk_kernels_follow_their_formulas() -> None:
    x = torch.arange(-6, 7, dtype=torch.float64)
    g = torch.exp(-(x[:, None] ** 2 + x[None, :] ** 2) / 8)
    torch.testing.assert_close(data.load_kernel("gaussian"), g / g.sum(), rtol=0, atol=1e-9)
    disk = data.load_kernel("disk")
    assert torch.equal(disk, disk.flip(0))
    assert torch.equal(disk, disk.T)
    assert disk[5, 5].item() == pytest.approx(1 / (torch.pi * 4.5**2), rel=1e-3)
    assert disk[5, 10] == 0
    assert disk[5, 9].item() == pytest.approx(disk[5, 5].item(), rel=0.05)


# --- registering -----------------------------------------------------------------------------------------------------


def test_register_adds_replaces_drops_and_keeps(copied: Path) -> None:
    before = dict(REGISTRY)
    (copied / "syntheses").mkdir()
    (copied / "syntheses/new.png").write_bytes(b"picture")
    entry = registry.make_entry(
        "new", "syntheses/new.png", kind="synthesis", source="a script", licence="CC0-1.0", credit="é"
    )
    assert entry.sha256 == hashlib.sha256(b"picture").hexdigest()
    registry.register([entry])
    assert dict(REGISTRY) == before | {"new": entry}
    assert list(REGISTRY) == sorted(REGISTRY)
    assert fetch("new").read_bytes() == b"picture"
    replaced = dataclasses.replace(entry, credit="someone else")
    registry.register([replaced], dropped=["cat"])
    assert REGISTRY["new"] == replaced
    assert "cat" not in REGISTRY
    assert sorted(path.name for path in copied.iterdir() if path.is_file()) == ["registry.json"]
    assert isinstance(json.loads((copied / "registry.json").read_text(encoding="utf-8")), list)


# --- rebuilding ------------------------------------------------------------------------------------------------------


def test_rebuild_lists_what_is_registered(rebuild: ModuleType) -> None:
    own = {name for name, entry in REGISTRY.items() if entry.kind in rebuild.KINDS}
    assert {item.name for item in rebuild.ITEMS} == own
    assert rebuild.stale_names() == []
    for item in rebuild.ITEMS:
        assert item.entry() == REGISTRY[item.name]


def test_rebuild_puts_a_jigsaw_together(rebuild: ModuleType) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(float)
    opaque = np.concatenate([picture, np.full((60, 80, 1), 255.0)], axis=2)
    places = [(0, 0), (0, 33), (37, 0), (37, 33)]
    pieces = [opaque[:37, :33], opaque[:37, 33:], opaque[37:, :33], opaque[37:, 33:]]
    shape = (60 + 2 * rebuild.MARGIN, 80 + 2 * rebuild.MARGIN)
    moved = [places[0], (1, 33), *places[2:]]  # one is a pixel off, as boards round them
    corners = rebuild._fitted(pieces, moved, shape)
    assert corners == places
    result = rebuild._without_seams(*rebuild._assembled(pieces, corners, shape))
    np.testing.assert_array_equal(result, picture[3:-3, 3:-3])


@pytest.mark.parametrize(
    ("sequence", "words"),
    [
        ((0x1F469, 0x1F3FF, 0x200D, 0x2696), ("woman", "dark", "judge")),
        ((0x1F4BB, 0x200D, 0x1F468, 0x1F3FB), ("man", "light", "programmer")),  # as the font spells it
        ((0x1F46E, 0x200D, 0x2640), ("woman", "yellow", "police")),
        ((0x1F9D1,), ("person", "yellow", "")),
        ((0x1F934, 0x1F3FD), ("man", "medium", "crown")),
        ((0x1F4BB,), None),  # a computer alone
        ((0x1F468, 0x1F3FB, 0x200D, 0x1F91D, 0x200D, 0x1F469, 0x1F3FC), None),  # two people
    ],
)
def test_rebuild_captions_portraits(sequence: tuple[int, ...], words: object, rebuild: ModuleType) -> None:
    assert rebuild.caption(sequence) == words


def test_portraits_are_every_combination_of_gender_tone_and_role() -> None:
    with np.load(fetch("emoji_portraits"), allow_pickle=False) as arrays:
        images, roles = arrays["images"], arrays["roles"]
        indices = np.stack([arrays[key] for key in ("gender", "tone", "role")], axis=1)
    assert images.shape == (930, 64, 64, 3)
    assert len(np.unique(indices, axis=0)) == 930
    counts = np.bincount(indices[:, 2])
    assert dict(zip(roles.tolist(), counts.tolist(), strict=True)) == dict.fromkeys(roles.tolist(), 18) | dict.fromkeys(
        ("angel", "baby", "cap", "headscarf", "ninja"), 6
    )


@pytest.mark.parametrize(("name", "sigma", "gain"), [("dncnn_06", 0.06, 7.0), ("dncnn_20", 0.2, 13.0)])
def test_denoisers_denoise(name: str, sigma: float, gain: float) -> None:
    """What their authors' package measures on this photograph: 24.4 -> 31.5 dB and 14.0 -> 27.1 dB."""
    weights = load_file(fetch(name))
    u = load_image("cameraman", 256).float()
    noise = sigma * torch.randn(u.shape, generator=torch.Generator().manual_seed(0))
    x = (u + noise)[None, None]
    for k in range(1, 7):
        x = F.conv2d(x, weights[f"conv{k}.weight"], weights[f"conv{k}.bias"], padding=1)
        x = x.relu() if k < 6 else x
    assert psnr(u, u + noise - x[0, 0]) > psnr(u, u + noise) + gain - 1.5


def test_rebuild_reads_qt_resources(rebuild: ModuleType) -> None:
    names = b"".join(struct.pack(">HI", len(n), 0) + n.encode("utf-16-be") for n in ("a", "b.txt"))
    data = struct.pack(">I", 5) + b"hello"
    nodes = [(0, 2, 1, 1), (0, 2, 1, 2), (8, 0, None, 0)]  # the root, the folder a, its file b.txt
    tree = b""
    for name, flags, count, where in nodes:
        middle = struct.pack(">II", count, where) if flags else struct.pack(">HHI", 0, 1, where)
        tree += struct.pack(">IH", name, flags) + middle + bytes(8)
    content = b"qres" + struct.pack(">IIII", 3, 20, 20 + len(tree), 20 + len(tree) + len(data)) + tree + data + names
    assert rebuild.resource_files(content) == {"/a/b.txt": b"hello"}
    with pytest.raises(ValueError, match="not a Qt resource file"):
        rebuild.resource_files(bytes(40))


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_rebuild_makes_the_same_kernels(name: str, rebuild: ModuleType) -> None:
    (item,) = rebuild.chosen_items([name])
    assert item.build(None) == fetch(name).read_bytes()


def test_rebuild_copies_what_scikit_image_ships(rebuild: ModuleType) -> None:
    version = importlib.metadata.version("scikit-image")
    copied = {"cameraman": "camera", "astronaut": "astronaut", "coffee": "coffee", "cat": "chelsea"}
    copied |= {"gravel": "gravel", "brick": "brick", "grass": "grass", "tissue": "ihc"}
    package = rebuild.Package("scikit-image", version)
    for name, file in copied.items():
        original = rebuild._installed_file(package, f"skimage/data/{file}.png")
        assert original == fetch(name).read_bytes()


def test_rebuild_finds_nothing_to_say_and_then_each_difference(copied: Path, rebuild: ModuleType) -> None:
    items = rebuild.chosen_items(list(KERNELS))
    assert rebuild.differences(items, None, copied) == []
    (copied / "kernels/disk.npy").unlink()
    (copied / "kernels/gaussian.npy").write_bytes(b"")
    registry.register([dataclasses.replace(REGISTRY["motion_1"], credit="nobody")])
    registry.register([dataclasses.replace(REGISTRY["motion_1"], name="motion_9")])
    found = rebuild.differences(items, None, copied)
    assert [line.split(":")[0] for line in found] == [
        "kernels/gaussian.npy",
        "kernels/disk.npy",
        "kernels/motion_1.npy",
        "motion_9",
    ]
    rebuild.rebuild(items, None, copied)
    assert rebuild.differences(items, None, copied) == []


def test_rebuild_starts_from_an_empty_folder(
    tmp_path: Path, rebuild: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    rebuild.rebuild(rebuild.chosen_items(["motion_1"]), None, tmp_path)
    assert list(REGISTRY) == ["motion_1"]
    assert data.load_kernel("motion_1").shape == (15, 25)


def test_rebuild_refuses_unknown_names(rebuild: ModuleType) -> None:
    with pytest.raises(SystemExit, match="unknown: moon"):
        rebuild.chosen_items(["moon", "cat"])


def test_motion_kernel_refuses_too_small_an_array(rebuild: ModuleType) -> None:
    with pytest.raises(ValueError, match="leaves 9x9 pixels"):
        rebuild.motion_kernel(*rebuild.MOTION_1, 9, 9)


@pytest.mark.parametrize("index", range(0, 400, 7))
def test_damaged_portraits_are_restored(index: int, rebuild: ModuleType) -> None:
    faces, _ = data.load_faces()
    pixels = (faces[index] * 255).round().byte().numpy()
    whole = b"P5\n92 112\n255\n" + pixels.tobytes()
    # What the tool for text did: 10 became 13, 10, but where 13 stood before it already.
    damaged = re.sub(rb"(?<!\r)\n", b"\r\n", whole)
    assert damaged != whole
    np.testing.assert_array_equal(rebuild.decode_pgm(whole), pixels)
    np.testing.assert_array_equal(rebuild.decode_pgm(damaged), pixels)


def test_portrait_with_a_pair_of_its_own_is_restored(rebuild: ModuleType) -> None:
    faces, _ = data.load_faces()
    pixels = (faces[79] * 255).round().byte().numpy()
    assert pixels.tobytes().count(b"\r\n") == 1
    with pytest.raises(ValueError, match="not a PGM file"):
        rebuild.decode_pgm(b"P5\n92 112\n255\n" + pixels.tobytes()[1:])


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_own_png_is_read_back(mode: str, rebuild: ModuleType) -> None:
    generator = np.random.default_rng(0)
    shape = (150, 241, 3) if mode == "RGB" else (150, 241)
    picture = Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8))
    if mode == "P":
        picture = Image.open(data_folder() / "textures/cork.png").crop((0, 0, 301, 250))
    content = rebuild.encode_png(picture)
    read = Image.open(io.BytesIO(content))
    assert read.mode == mode
    np.testing.assert_array_equal(np.asarray(read.convert("RGB")), np.asarray(picture.convert("RGB")))


def test_own_npz_has_a_fixed_date(rebuild: ModuleType) -> None:
    values = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([1, 2], np.uint8)}
    content = rebuild.encode_npz(**values)
    assert content == rebuild.encode_npz(**values)
    with np.load(io.BytesIO(content), allow_pickle=False) as read:
        np.testing.assert_array_equal(read["a"], values["a"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {member.date_time[0] for member in archive.infolist()} == {1980}


def test_packages_are_read_from_wheels_and_debs(tmp_path: Path, rebuild: ModuleType) -> None:
    with zipfile.ZipFile(tmp_path / "some_data-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("some/file.txt", "from the wheel")
    tar = _tar({"./usr/share/file.txt": b"from the deb"})
    (tmp_path / "some-data_1.0-2_all.deb").write_bytes(
        _ar({"debian-binary": b"2.0", "data.tar.gz": gzip.compress(tar)})
    )
    packages = rebuild.Packages(tmp_path, tmp_path / "scratch")
    assert packages.read(rebuild.Package("some-data", "1.0"), "some/file.txt") == b"from the wheel"
    debian = rebuild.Package("some-data", "1.0-2", debian=True)
    assert packages.read(debian, "usr/share/file.txt") == b"from the deb"


def test_package_that_cannot_be_fetched_is_named(
    tmp_path: Path, rebuild: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    packages = rebuild.Packages(None, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"Debian no-such-package 1\.0 could not be fetched.*--packages"):
        packages.read(rebuild.Package("no-such-package", "1.0", debian=True), "file")


def _tar(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _ar(members: dict[str, bytes]) -> bytes:
    content = b"!<arch>\n"
    for name, member in members.items():
        fields = f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(member):<10}".encode()
        content += fields + struct.pack("2s", b"`\n") + member + b"\n" * (len(member) % 2)
    return content


def test_entry_is_what_the_registry_file_holds() -> None:
    records = json.loads((data_folder() / "registry.json").read_text(encoding="utf-8"))
    assert [Entry(**record) for record in records] == list(REGISTRY.values())
