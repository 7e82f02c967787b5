"""Pictures that students bring: damaged, transparent, deep, with a palette, of another byte order, enormous."""

import io
import resource
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.images import load_image

GENERATOR = np.random.default_rng(0)
COLOUR = GENERATOR.integers(0, 256, (13, 17, 3), dtype=np.uint8)
FORMATS = ["png", "jpg", "gif", "tiff", "bmp", "webp", "jp2", "ppm", "ico", "tga"]


def png(path, rows, depth, kind, **chunks):
    """Write a PNG from its bytes, as Pillow would not: any depth and kind of colour, any transparent colour."""
    height, width = len(rows), len(rows[0]) * 8 // {0: depth, 2: 3 * depth, 3: depth}[kind]

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    lines = b"".join(b"\0" + bytes(row) for row in rows)
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))]
    parts += [chunk(name.encode(), content) for name, content in chunks.items()]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")])
    )
    return path


def values(u):
    return (u * 255).round().long().tolist()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_damaged_file_is_read_or_is_a_value_error_with_its_path(kind, tmp_path):
    path = tmp_path / f"own.{kind}"
    Image.fromarray(COLOUR).save(path)
    whole = path.read_bytes()
    cut = [whole[:length] for length in np.linspace(0, len(whole) - 1, 25).astype(int)]
    for _ in range(60):
        changed = bytearray(whole)
        for place in GENERATOR.integers(0, len(whole), 3):
            changed[place] ^= int(GENERATOR.integers(1, 256))
        cut.append(bytes(changed))
    refused = 0
    for content in cut:
        path.write_bytes(content)
        try:
            assert torch.isfinite(load_image(path)).all()
        except ValueError as error:
            assert str(error).startswith(f"{path} ")  # noqa: PT017
            refused += 1
    assert refused >= 5


def test_an_enormous_picture_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "enormous.png"
    png(path, [[0, 0, 0]], 8, 2)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 50_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"enormous\.png has more than [\d,]+ pixels: reduce it first"):
        load_image(path)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_one_transparent_gray_lies_on_white(depth, tmp_path):
    row = {1: 0b01000000, 2: 0b01100000, 4: 0x12, 8: 0}[depth]
    rows = [[row]] if depth < 8 else [[1, 2]]
    hidden = 1
    u = load_image(png(tmp_path / "own.png", rows, depth, 0, tRNS=struct.pack(">H", hidden)))
    largest = 2**depth - 1
    levels = [(row >> (8 - depth * (i + 1))) & largest for i in range(8 // depth)] if depth < 8 else [1, 2]
    assert u[0].tolist() == [1.0 if level == hidden else level / largest for level in levels]


def test_one_transparent_colour_lies_on_white(tmp_path):
    rows = [[9, 8, 7, 9, 8, 6]]
    u = load_image(png(tmp_path / "own.png", rows, 8, 2, tRNS=struct.pack(">HHH", 9, 8, 7)))
    assert values(u) == [[[255, 9]], [[255, 8]], [[255, 6]]]
    u = load_image(png(tmp_path / "own.png", [[0, 1]], 8, 3, PLTE=bytes([1, 2, 3, 4, 5, 6]), tRNS=bytes([255, 0])))
    assert values(u) == [[[1, 255]], [[2, 255]], [[3, 255]]]
    u = load_image(png(tmp_path / "own.png", [[0, 5, 1, 2]], 16, 0, tRNS=struct.pack(">H", 5)))
    assert u.tolist() == [[1.0, 258 / 65535]]


def test_colour_of_sixteen_bits_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"deep\.png has 16 bits a channel in colour: save it as PNG with 8 bits"):
        load_image(png(tmp_path / "deep.png", [[0, 9, 1, 1, 2, 2]], 16, 2))


def test_gray_with_a_palette_is_gray(tmp_path):
    gray = COLOUR[..., 0]
    for kind in ("gif", "png"):
        Image.fromarray(gray).convert("P").save(tmp_path / f"own.{kind}")
        np.testing.assert_array_equal(load_image(tmp_path / f"own.{kind}").numpy(), gray / 255)
    rows, palette = [[0, 1, 1, 0]], bytes([7, 7, 7, 200, 200, 200, 1, 2, 3])  # the colour is not used
    assert values(load_image(png(tmp_path / "own.png", rows, 8, 3, PLTE=palette))) == [[7, 200, 200, 7]]


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order, tmp_path):
    deep = np.array([[0, 1, 65535], [257, 30000, 2]], f"{order}u2")
    height, width = deep.shape
    tags = [(256, 3, width), (257, 3, height), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 3, height)]
    tags += [(279, 4, deep.nbytes)]
    fields = b"".join(
        struct.pack(f"{order}HHIHH", tag, kind, 1, value, 0)
        if kind == 3
        else struct.pack(f"{order}HHII", tag, kind, 1, value)
        for tag, kind, value in tags
    )
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + deep.nbytes)
    folder = struct.pack(f"{order}H", len(tags)) + fields + bytes(4)
    (tmp_path / "own.tiff").write_bytes(head + deep.tobytes() + folder)
    np.testing.assert_array_equal(load_image(tmp_path / "own.tiff").numpy(), deep / 65535)
    (tmp_path / "own.pgm").write_bytes(b"P5 3 2 65535\n" + deep.astype(">u2").tobytes())
    np.testing.assert_array_equal(load_image(tmp_path / "own.pgm").numpy(), deep / 65535)


def test_bands_join_without_a_seam(tmp_path, monkeypatch):
    monkeypatch.setattr("course_utils.images._BAND", 100)
    Image.fromarray(COLOUR).save(tmp_path / "own.png")
    whole = torch.from_numpy(COLOUR).permute(2, 0, 1).double() / 255
    assert torch.equal(load_image(tmp_path / "own.png"), whole)
    twice = whole[:, :12, :16].reshape(3, 6, 2, 8, 2).mean((2, 4))
    torch.testing.assert_close(load_image(tmp_path / "own.png", (6, 8)), twice, rtol=0, atol=1e-15)


MEASURE = """
import resource, sys, torch
from course_utils.images import load_image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert load_image(sys.argv[1], 256).shape == (3, 256, 256)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(not hasattr(resource, "RUSAGE_SELF"), reason="no measure of memory here")
def test_a_photograph_of_24_megapixels_is_read_within_300_megabytes(tmp_path):
    path = tmp_path / "photograph.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (6000, 4000), (10, 200, 30)).save(buffer, "JPEG", exif=exif)
    path.write_bytes(buffer.getvalue())
    used = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True).stdout
    assert int(used) / 1024 <= 300
