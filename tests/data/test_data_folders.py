"""Data sets from image folders: what is accepted, and a refusal by name for everything else."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zeroshot.data import load
from zeroshot.data._folders import MAX_SIDE


def picture(mode="RGB", size=(8, 6), seed=0):
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), np.uint8)
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def folder(root, classes=("cat", "dog"), count=5, mode="RGB"):
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(count):
            picture(mode, seed=100 * number + i).save(root / name / f"{i}.png")
    return root


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_a_folder_of_classes_is_split(mode, channels, tmp_path):
    result = load(str(folder(tmp_path / "pets", count=10, mode=mode)))
    assert (result.name, result.class_names) == ("pets", ("cat", "dog"))
    assert result.x_train.shape == (16, 6, 8, channels)
    assert np.bincount(result.y_train).tolist() == [8, 8]
    assert np.bincount(result.y_test).tolist() == [2, 2]
    assert result.side == 6
    assert load(str(tmp_path / "pets")).digest == result.digest
    assert load(str(tmp_path / "pets"), seed=3).digest != result.digest


def test_train_and_test_folders_are_read_in_order(tmp_path):
    folder(tmp_path / "train", count=3)
    folder(tmp_path / "test", count=1)
    result = load(str(tmp_path))
    assert result.y_train.tolist() == [0, 0, 0, 1, 1, 1]
    assert result.y_test.tolist() == [0, 1]
    np.testing.assert_array_equal(result.x_train[4], np.asarray(picture(seed=101)))


def test_what_is_no_image_is_passed_over(tmp_path):
    plain = load(str(folder(tmp_path / "a"))).digest
    root = folder(tmp_path / "b")
    (root / "README.md").write_text("hello")
    (root / "cat" / "notes.txt").write_text("hello")
    (root / "cat" / "._0.png").write_bytes(b"resource fork")
    (root / ".ipynb_checkpoints").mkdir()
    (root / "__MACOSX").mkdir()
    (root / "circle").symlink_to(root / "circle")
    (root / "above").symlink_to(root.parent)
    (root / "dog" / "inside").symlink_to(root)
    assert load(str(root)).digest == plain


def test_a_class_may_be_called_train(tmp_path):
    folder(tmp_path, ("boat", "train"))
    (tmp_path / "train" / "thumbnails").mkdir()
    assert load(str(tmp_path)).class_names == ("boat", "train")


def test_large_images_are_reduced(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for suffix in ("jpg", "jpeg"):
            picture(size=(800, 400)).save(tmp_path / name / f"0.{suffix}")
    assert load(str(tmp_path)).x_train.shape == (2, MAX_SIDE, 2 * MAX_SIDE, 3)


def test_exif_orientation_is_honoured(tmp_path):
    root = folder(tmp_path)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    upright = picture(size=(8, 6), seed=7)
    upright.transpose(Image.Transpose.ROTATE_90).save(root / "cat" / "9.png", exif=exif)
    result = load(str(root))
    every = np.concatenate([result.x_train, result.x_test])
    assert (every == np.asarray(upright)).all((1, 2, 3)).sum() == 1


@pytest.mark.parametrize("mode", ["1", "P"])
def test_bilevel_and_palette_images_are_converted(mode, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(2):
            picture(seed=i).convert(mode).save(
                tmp_path / name / f"{i}.gif" if mode == "P" else tmp_path / name / f"{i}.png"
            )
    assert load(str(tmp_path)).channels == (1 if mode == "1" else 3)


def deep_colour_png():
    """An RGB image of 16 bits a channel, which Pillow reads but cannot write."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 8, 6, 16, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(6 * (1 + 8 * 6)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def bomb_png(side):
    whole = bytearray(encoded(picture()))
    whole[16:24] = struct.pack(">II", side, side)
    whole[29:33] = struct.pack(">I", zlib.crc32(bytes(whole[12:29])))
    return bytes(whole)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


PALETTE = picture().convert("P")
BAD_FILES = {
    "text": (b"hello", ["not a readable image"]),
    "nothing": (b"", ["not a readable image"]),
    "cut short": (encoded(picture(size=(99, 99)))[:2000], ["not a readable image"]),
    "flipped": (encoded(picture())[:60] + b"\0\1\2" + encoded(picture())[63:], ["not a readable image"]),
    "cut jpeg": (encoded(picture(size=(99, 99)), "JPEG")[:2000], ["not a readable image"]),
    "larger": (encoded(picture(size=(9, 6))), ["9x6", "8x6", "0.png", "mogrify"]),
    "turned": (encoded(picture(size=(6, 8))), ["6x8", "8x6"]),
    "grey": (encoded(picture("L")), ["mixed", "is grey", "is in colour", "0.png"]),
    "rgba": (encoded(picture("RGBA")), ["alpha"]),
    "grey alpha": (encoded(picture().convert("LA")), ["alpha"]),
    "palette alpha": (encoded(PALETTE, transparency=0), ["alpha"]),
    "palette alphas": (encoded(PALETTE, transparency=bytes(range(256))), ["alpha"]),
    "16-bit grey": (encoded(Image.fromarray(np.ones((6, 8), np.uint16))), ["8 bits"]),
    "16-bit colour": (deep_colour_png(), ["8 bits"]),
    "cmyk": (encoded(picture().convert("CMYK"), "JPEG"), ["CMYK"]),
    "float": (encoded(picture("L").convert("F"), "TIFF"), ["8 bits"]),
    "bomb": (bomb_png(60_000), ["too large"]),
    "smaller bomb": (bomb_png(11_000), ["too large"]),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_named(case, tmp_path, refused):
    content, words = BAD_FILES[case]
    bad = folder(tmp_path) / "dog" / "odd.png"
    bad.write_bytes(content)
    refused(tmp_path, bad, *words)


def test_names_may_have_any_bytes(tmp_path, refused):
    """They go into files and onto the screen, both UTF-8."""
    root = folder(tmp_path / "p\udcffts", ("c\udcfet", "dog"))
    result = load(str(root))
    assert (result.name, result.class_names) == (r"p\xffts", (r"c\xfet", "dog"))
    for name, size in (("a", (9, 6)), ("b", (8, 6))):
        (root / "dog" / f"{name}\udcfd.png").write_bytes(encoded(picture("L" if name == "b" else "RGB", size)))
        refused(root, rf"dog/{name}\xfd.png").encode()
        (root / "dog" / f"{name}\udcfd.png").unlink()
    (root / "c\udcfet" / "\udcfc.png").write_bytes(b"hello")
    refused(root, r"c\xfet/\xfc.png is not a readable image").encode()
    refused(tmp_path / "\udcfb.npy", r"\xfb.npy does not exist").encode()


def test_folders_without_images_are_named(tmp_path, refused):
    refused(tmp_path, tmp_path, "no class folders")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    refused(tmp_path, "No images found", ".png")
    picture().save(tmp_path / "a" / "0.png")
    refused(tmp_path, tmp_path / "b", "has no images")


def test_one_class_or_one_image_is_too_few(tmp_path, refused):
    refused(folder(tmp_path / "one", ("cat",)), "one class only", "'cat'")
    refused(folder(tmp_path / "single", count=1), "'cat' has 1 image", "train and test")


def test_train_and_test_must_have_the_same_classes(tmp_path, refused):
    folder(tmp_path / "train")
    refused(tmp_path, "no test folder", tmp_path / "train")
    (tmp_path / "test").mkdir()
    refused(tmp_path, tmp_path / "test", "no class folders")
    folder(tmp_path / "test" / "deeper", count=1).rename(tmp_path / "moved")
    (tmp_path / "test").rmdir()
    (tmp_path / "moved").rename(tmp_path / "test")
    folder(tmp_path / "test", ("eel",), 1)
    refused(tmp_path, "'eel'", tmp_path / "test", "but not in")


def test_forbidden_folders_and_files_are_named(tmp_path, monkeypatch, refused):
    def forbidden(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    folder(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", forbidden)
        refused(tmp_path, tmp_path, "Permission denied", "Check its permissions")
    monkeypatch.setattr(Image, "open", forbidden)
    refused(tmp_path, tmp_path / "cat", "Permission denied", "Check its permissions")
