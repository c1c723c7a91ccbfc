"""What files claim is counted before memory is taken; what they are called, and libraries, stay off the terminal."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from zeroshot.data import load
from zeroshot.data.memory import MOST, VARIABLE, available, ceiling, check_option, check_room
from zeroshot.errors import DataError, UsageError

X = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8)
Y = np.arange(20) % 2


def saved(path, **changed):
    np.savez_compressed(path, **({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y} | changed))
    return path


def peak(work):
    """Bytes that Python and NumPy took at most meanwhile."""
    tracemalloc.start()
    try:
        work()
    finally:
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return found


def test_an_archive_that_unfolds_beyond_the_ceiling_takes_no_memory(tmp_path, monkeypatch, refused):
    path = saved(tmp_path / "x.npz", x_train=np.zeros((20, 1024, 1024, 1), np.uint8))
    assert path.stat().st_size < 100_000
    monkeypatch.setenv(VARIABLE, "10MiB")
    assert peak(lambda: refused(path, "20.0 MiB", "10.0 MiB", VARIABLE)) < 2 << 20


def test_what_unfolds_a_hundredfold_is_no_picture(tmp_path, refused, monkeypatch):
    monkeypatch.setattr("zeroshot.data.memory.SMALL", 10 << 20)
    refused(saved(tmp_path / "x.npz", x_train=np.zeros((20, 1024, 1024, 1), np.uint8)), "unfolds from")
    assert load(str(saved(tmp_path / "y.npz"))).classes == 2


def test_an_array_that_claims_more_than_there_is_is_refused(tmp_path, refused):
    path = saved(tmp_path / "x.npz")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 40, 8, 8, 1)})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x_train.npy", header.getvalue())
    assert peak(lambda: refused(path, "claims")) < 2 << 20


def test_pictures_that_do_not_fit_are_refused_before_they_are_read(tmp_path, monkeypatch, refused):
    for name in ("cat", "dog"):
        (tmp_path / "d" / name).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(X[i, ..., 0]).save(tmp_path / "d" / name / f"{i}.png")
    monkeypatch.setenv(VARIABLE, "100B")
    refused(tmp_path / "d", "6 images")


def test_the_ceiling_is_what_was_asked_for_or_what_is_free(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert 0 < ceiling() <= MOST
    monkeypatch.setattr("zeroshot.data.memory.available", lambda: 1 << 30)
    assert ceiling() == 1 << 29
    monkeypatch.setattr("zeroshot.data.memory.available", lambda: None)
    assert ceiling() == MOST
    monkeypatch.setenv(VARIABLE, "1GiB")
    check_room(1 << 30, "this", "")
    with pytest.raises(DataError, match=r"2\.0 GiB"):
        check_room(2 << 30, "this", "")
    with pytest.raises(UsageError, match="`top` 7"):
        check_option(2 << 30, "top", 7)
    monkeypatch.setenv(VARIABLE, "much")
    with pytest.raises(UsageError, match=VARIABLE):
        ceiling()


def test_the_system_says_what_is_free():
    assert available() is None or available() > 1 << 20


def damaged_tiff():
    """A strip whose LZW codes are cut short: libtiff says so on stderr by itself."""
    buffer = io.BytesIO()
    Image.fromarray(np.tile(X[0, ..., 0], (8, 8))).save(buffer, "TIFF", compression="tiff_lzw")
    raw = bytearray(buffer.getvalue())
    raw[100:400] = b"\xff" * 300
    return bytes(raw)


def test_libtiff_is_not_heard(tmp_path, capfd):
    for name in ("cat", "dog"):
        (tmp_path / "d" / name).mkdir(parents=True)
        for i in range(2):
            (tmp_path / "d" / name / f"{i}.tif").write_bytes(damaged_tiff())
    with pytest.raises(DataError):
        load(str(tmp_path / "d"))
    assert capfd.readouterr().err == ""


def test_names_that_command_a_terminal_are_shown_and_not_obeyed(tmp_path, refused):
    for name in ("cat", "red\x1b[31m\n"):
        (tmp_path / "d" / name).mkdir(parents=True)
        for i in range(2):
            Image.fromarray(X[i, ..., 0]).save(tmp_path / "d" / name / f"{i}.png")
    assert load(str(tmp_path / "d")).class_names == ("cat", "red\\x1b[31m\\n")
    (tmp_path / "d" / "red\x1b[31m\n" / "0.png").write_bytes(b"no picture")
    assert "\x1b" not in refused(tmp_path / "d", "red")
