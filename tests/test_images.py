"""Images: reading, shrinking, cropping, noise, NumPy, saving; bad input is refused with the argument's name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from course_utils.data import names_of_kind
from course_utils.images import (
    add_noise,
    center_crop,
    compress_jpeg,
    compress_jpeg2000,
    load_image,
    save_image,
    to_gray,
    to_numpy,
    zoom_out,
)


def random_image(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# --- load_image ------------------------------------------------------------------------------------------------------


def test_photographs_and_textures_load() -> None:
    for name in names_of_kind("photograph", "texture"):
        u = load_image(name)
        assert u.dtype == torch.float64
        assert u.is_contiguous()
        assert u.ndim == 2 or u.shape[0] == 3
        assert 0 <= u.min() < u.max() <= 1


def test_photographs_are_those_of_scikit_image() -> None:
    skimage_data = pytest.importorskip("skimage.data")
    np.testing.assert_array_equal(to_numpy(load_image("cameraman")), skimage_data.camera() / 255)
    np.testing.assert_array_equal(to_numpy(load_image("cat")), skimage_data.chelsea() / 255)
    np.testing.assert_array_equal(to_numpy(load_image("tissue")), skimage_data.immunohistochemistry() / 255)


def test_size_shrinks_as_far_as_it_can_then_crops() -> None:
    u = load_image("coffee")
    assert torch.equal(load_image("coffee", size=100), center_crop(zoom_out(u, 4), 100))
    assert torch.equal(load_image("coffee", size=(400, 501)), u[:, :, 49:550])
    assert torch.equal(load_image("cameraman", size=128), zoom_out(load_image("cameraman"), 4))


def test_size_larger_than_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match=r"size \(301, 100\) is larger than the image, \(300, 451\)"):
        load_image("cat", size=(301, 100))


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match="name 'camera_man' is unknown; did you mean 'cameraman'"):
        load_image("camera_man")
    with pytest.raises(ValueError, match="name 'motion_1' is unknown"):
        load_image("motion_1")


def test_missing_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no picture file 'holiday\.jpg'"):
        load_image("holiday.jpg")
    with pytest.raises(FileNotFoundError, match="there is no picture file 'holiday'"):
        load_image(Path("holiday"))


def test_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"notes\.txt is not a picture"):
        load_image(tmp_path / "notes.txt")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1"])
def test_own_pictures_of_all_modes(mode: str, tmp_path: Path) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (7, 10, 3), dtype=np.uint8)
    picture = Image.fromarray(colour).convert(mode)
    picture.save(tmp_path / "own.png")
    u = load_image(tmp_path / "own.png")
    expected = np.asarray(picture.convert("L" if mode in ("L", "LA", "1") else "RGB")) / 255
    np.testing.assert_array_equal(to_numpy(u), expected)
    assert torch.equal(load_image(str(tmp_path / "own.png")), u)


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[0, :, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "hole.png")
    u = load_image(tmp_path / "hole.png")
    assert torch.equal(u, torch.tensor([0.0, 1.0], dtype=torch.float64)[None, :, None].expand(3, 2, 3))


def test_sixteen_bit_gray(tmp_path: Path) -> None:
    values = np.array([[0, 1, 65535], [257, 30000, 2]], np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(to_numpy(load_image(tmp_path / "deep.png")), values / 65535)


def test_unreadable_type_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 3), np.float32)).save(tmp_path / "float.tiff")
    with pytest.raises(ValueError, match=r"float\.tiff has pixels of type F"):
        load_image(tmp_path / "float.tiff")


def test_orientation_of_the_camera_is_applied(tmp_path: Path) -> None:
    picture = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to show
    picture.save(tmp_path / "turned.png", exif=exif)
    expected = torch.tensor([[3, 0], [4, 1], [5, 2]], dtype=torch.float64) / 255
    assert torch.equal(load_image(tmp_path / "turned.png"), expected)


# --- to_gray ---------------------------------------------------------------------------------------------------------


def test_gray_is_rec_601() -> None:
    unit = torch.eye(3, dtype=torch.float64)[:, :, None, None].expand(3, 3, 4, 5)
    gray = to_gray(unit)
    assert gray.shape == (3, 4, 5)
    assert gray[:, 0, 0].tolist() == [0.299, 0.587, 0.114]


def test_gray_agrees_with_pillow() -> None:
    u = load_image("astronaut")
    pillow = Image.fromarray((to_numpy(u) * 255).round().astype(np.uint8)).convert("L")
    assert np.abs(to_numpy(to_gray(u)) * 255 - np.asarray(pillow)).max() <= 0.51


def test_gray_of_gray_is_itself() -> None:
    u = random_image(5, 6)
    assert to_gray(u) is u


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_gray_wants_three_channels(channels: int) -> None:
    with pytest.raises(ValueError, match="u must have 3 channels"):
        to_gray(random_image(channels, 5, 6))


# --- center_crop -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(9, 12), (3, 8, 7), (2, 3, 11, 6)])
@pytest.mark.parametrize("size", [(5, 4), (4, 5), 6, 1])
def test_crop_is_centred(shape: tuple[int, ...], size: int | tuple[int, int]) -> None:
    u = random_image(*shape)
    cropped = center_crop(u, size)
    height, width = size if isinstance(size, tuple) else (size, size)
    assert cropped.shape == (*shape[:-2], height, width)
    top, left = (shape[-2] - height) // 2, (shape[-1] - width) // 2
    assert torch.equal(cropped[..., 0, 0], u[..., top, left])
    assert torch.equal(cropped[..., -1, -1], u[..., top + height - 1, left + width - 1])


def test_crop_refuses_bad_sizes() -> None:
    u = random_image(5, 6)
    with pytest.raises(ValueError, match=r"size \(6, 6\) is larger"):
        center_crop(u, 6)
    with pytest.raises(ValueError, match=r"size\[-2\] must be at least 1"):
        center_crop(u, (0, 3))


# --- zoom_out --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(12, 18), (3, 13, 20), (2, 3, 8, 9)])
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_zoom_out_is_the_mean_of_squares(shape: tuple[int, ...], factor: int) -> None:
    u = random_image(*shape)
    small = zoom_out(u, factor)
    flat = u.reshape(1, -1, *shape[-2:])
    expected = torch.nn.functional.avg_pool2d(flat, factor)
    torch.testing.assert_close(small, expected.reshape(small.shape), rtol=1e-12, atol=0)
    assert small.shape == (*shape[:-2], shape[-2] // factor, shape[-1] // factor)


def test_zoom_out_refuses_bad_factors() -> None:
    u = random_image(5, 6)
    with pytest.raises(ValueError, match="factor 6 is larger than a side"):
        zoom_out(u, 6)
    with pytest.raises(ValueError, match="factor must be at least 1"):
        zoom_out(u, 0)


# --- add_noise -------------------------------------------------------------------------------------------------------


def test_noise_has_its_standard_deviation_and_is_not_clipped() -> None:
    u = load_image("cameraman")
    w = add_noise(u, 0.25, torch.Generator().manual_seed(0)) - u
    assert w.mean().abs().item() < 4 * 0.25 / 512
    assert w.std().item() == pytest.approx(0.25, rel=0.01)
    assert (u + w).min() < -0.1
    assert (u + w).max() > 1.1
    neighbours = (w[1:] * w[:-1]).mean().abs().item()
    assert neighbours < 4 * 0.25**2 / 512


def test_noise_depends_on_its_generator_alone() -> None:
    u = random_image(3, 5, 6)
    before = u.clone()
    first = add_noise(u, 0.1, torch.Generator().manual_seed(1))
    torch.manual_seed(99)
    again = add_noise(u, 0.1, torch.Generator().manual_seed(1))
    other = add_noise(u, 0.1, torch.Generator().manual_seed(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(u, before)
    assert torch.equal(add_noise(u, 0.0, torch.Generator()), u)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_keeps_the_dtype(dtype: torch.dtype) -> None:
    assert add_noise(random_image(4, 5, dtype=dtype), 0.1, torch.Generator()).dtype == dtype


def test_noise_refuses_negative_sigma_and_bad_images() -> None:
    with pytest.raises(ValueError, match=r"sigma must be >= 0, got -0\.1"):
        add_noise(random_image(4, 5), -0.1, torch.Generator())
    with pytest.raises(ValueError, match="u must be finite"):
        add_noise(torch.full((2, 2), torch.nan), 0.1, torch.Generator())


# --- to_numpy and save_image -----------------------------------------------------------------------------------------


def test_numpy_has_channels_last_and_shares_nothing() -> None:
    u = random_image(3, 4, 5).requires_grad_()
    values = to_numpy(u)
    assert values.shape == (4, 5, 3)
    assert values[1, 2, 0] == u[0, 1, 2].item()
    values[:] = 0
    assert u.detach().max() > 0
    assert to_numpy(random_image(1, 4, 5)).shape == (4, 5)
    assert to_numpy(random_image(4, 5, dtype=torch.float32)).dtype == np.float32


@pytest.mark.parametrize("shape", [(2, 4, 5), (1, 3, 4, 5)])
def test_numpy_refuses_what_is_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="u must have shape"):
        to_numpy(random_image(*shape))


@pytest.mark.parametrize("name", ["cameraman", "cork"])
def test_saved_image_is_read_back(name: str, tmp_path: Path) -> None:
    u = load_image(name)
    save_image(u, tmp_path / "saved.png")
    assert torch.equal(load_image(tmp_path / "saved.png"), u)
    assert [path.name for path in tmp_path.iterdir()] == ["saved.png"]


def test_saving_rounds_to_the_nearest_level(tmp_path: Path) -> None:
    u = torch.tensor([[0.0, 0.4 / 255, 0.6 / 255, 1.0]], dtype=torch.float64)
    save_image(u, tmp_path / "saved.png")
    assert (load_image(tmp_path / "saved.png") * 255).tolist() == [[0, 0, 1, 255]]


def test_saving_refuses_to_clip_and_other_formats(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"u must have values in \[0, 1\], got \[-0\.5, 1\]: clip it"):
        save_image(torch.tensor([[-0.5, 1.0]]), tmp_path / "saved.png")
    with pytest.raises(ValueError, match=r"path must end in \.png"):
        save_image(random_image(4, 5), tmp_path / "saved.jpg")
    assert list(tmp_path.iterdir()) == []


# --- bad types -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unchecked")
def test_wrong_types_are_named() -> None:
    generator = torch.Generator()
    with pytest.raises(TypeError, match=r"u must hold floating-point values, got torch\.uint8: divide integer"):
        add_noise(torch.zeros(4, 5, dtype=torch.uint8), 0.1, generator)
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator, got NoneType"):
        add_noise(random_image(4, 5), 0.1, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sigma must be a number, got str"):
        add_noise(random_image(4, 5), "0.1", generator)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="name must be a registered name or a path, got int"):
        load_image(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="size must be an integer, got float"):
        center_crop(random_image(4, 5), 2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size must be an integer or a pair"):
        center_crop(random_image(4, 5), (1, 2, 3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"u must be an image of shape \(..., H, W\), got shape \(4,\)"):
        zoom_out(random_image(4), 2)
    for function in (to_gray, to_numpy):
        with pytest.raises(TypeError, match="u must be a torch tensor, got list"):
            function([[0.0]])  # type: ignore[arg-type]


# --- compression -----------------------------------------------------------------------------------------------------


def test_compressed_images_come_back_the_closer_the_larger_the_file() -> None:
    u = load_image("cameraman", 128)[:, :101]
    errors = [(compress_jpeg(u, quality) - u).square().mean() for quality in (5, 40, 95)]
    errors += [(compress_jpeg2000(u, bits)[0] - u).square().mean() for bits in (0.3, 1.0, 3.0)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[3] > errors[4] > errors[5]
    assert errors[2] < 1e-4 > errors[5]
    v, bits = compress_jpeg2000(u, 1.0)
    assert v.shape == u.shape
    assert v.dtype == torch.float64
    assert bits == pytest.approx(1.0, abs=0.1)


def test_compression_refuses_colour_and_bad_rates(unchecked: None) -> None:
    u = random_image(20, 21)
    with pytest.raises(ValueError, match="u must be a gray image"):
        compress_jpeg(random_image(3, 20, 21), 50)
    with pytest.raises(ValueError, match="quality must be"):
        compress_jpeg(u, 96)
    with pytest.raises(ValueError, match="bits_per_pixel"):
        compress_jpeg2000(u, 0.0)
