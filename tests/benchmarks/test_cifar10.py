"""The decoder of benchmarks.cifar10 against an encoder in obvious Python."""

import lzma
import struct

import numpy as np
import pytest

from benchmarks import cifar10
from benchmarks.script import exit_code
from zeroshot.data import load
from zeroshot.errors import DataError


def encoded(x, y):
    """One .imgx: every sample less the median of left, above and left + above - corner, modulo 256."""
    x = x.astype(int)
    planes = np.stack([x[..., 1], x[..., 0] - x[..., 1], x[..., 2] - x[..., 1]]) % 256
    residual = np.empty(planes.shape, np.uint8)
    for c, n, i, j in np.ndindex(planes.shape):
        left = planes[c, n, i, j - 1] if j else 0
        above = planes[c, n, i - 1, j] if i else 0
        corner = planes[c, n, i - 1, j - 1] if i and j else 0
        residual[c, n, i, j] = (planes[c, n, i, j] - np.median([left, above, left + above - corner])) % 256
    labels = np.asarray(y, "<i2").tobytes()
    header = struct.pack("<8s5I", b"IMGPACK1", *x.shape, len(labels))
    return header + labels + lzma.compress(residual.tobytes())


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (4, 5, 7, 3), np.uint8)


@pytest.fixture
def packed(tmp_path, images):
    for name in [*cifar10.TRAIN, cifar10.TEST]:
        (tmp_path / name).write_bytes(encoded(images, [0, 1, 2, 1]))
    return tmp_path


@pytest.mark.slow
def test_the_files_become_a_data_set(packed, images):
    out = cifar10.cifar10_npz(packed, packed / "new" / "cifar10.npz")
    result = load(str(out))
    np.testing.assert_array_equal(result.x_train, np.concatenate([images] * 5))
    np.testing.assert_array_equal(result.x_test, images)
    assert result.y_train.tolist() == [0, 1, 2, 1] * 5
    assert [path.name for path in out.parent.iterdir()] == ["cifar10.npz"]


def test_what_is_there_is_not_unpacked_again(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"kept")
    cifar10.cifar10_npz(tmp_path / "nowhere", tmp_path / "a.npz")
    assert (tmp_path / "a.npz").read_bytes() == b"kept"


@pytest.mark.parametrize("keep", [0, 20, 30, -5])
def test_damaged_files_are_named_and_leave_nothing_behind(keep, packed):
    bad = packed / cifar10.TRAIN[2]
    bad.write_bytes(bad.read_bytes()[:keep])
    with pytest.raises(DataError, match=bad.name):
        cifar10.cifar10_npz(packed, packed / "a.npz")
    assert not list(packed.glob("a.npz*"))


def test_another_format_is_refused(packed):
    bad = packed / cifar10.TEST
    bad.write_bytes(b"IMGPACK9" + bad.read_bytes()[8:])
    with pytest.raises(DataError, match="not a complete colour"):
        cifar10.cifar10_npz(packed, packed / "a.npz")


def test_the_script_says_what_it_needs(monkeypatch, tmp_path, capsys, packed):
    given = ["--out", str(out := tmp_path / "out.npz")]
    monkeypatch.delenv("ZEROSHOT_DATA", raising=False)
    assert exit_code(cifar10.main, given) == 1
    assert "ZEROSHOT_DATA is not set" in capsys.readouterr().err
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("ZEROSHOT_DATA", str(tmp_path / "data"))
    assert exit_code(cifar10.main, given) == 1
    assert "there is no cifar10/" in capsys.readouterr().err
    (tmp_path / "data" / "cifar10").mkdir()
    assert exit_code(cifar10.main, given) == 1
    assert "cannot be read" in capsys.readouterr().err
    (tmp_path / "data" / "cifar10").rmdir()
    (tmp_path / "data" / "cifar10").symlink_to(packed)
    assert exit_code(cifar10.main, given) == 0
    assert capsys.readouterr().out.strip() == str(out)
    monkeypatch.delenv("ZEROSHOT_DATA")
    assert exit_code(cifar10.main, given) == 0
