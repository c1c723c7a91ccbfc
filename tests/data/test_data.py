"""Data sets by name, and what is done with one: resizing, batches, remarks."""

import subprocess
import sys
import urllib.error
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zeroshot import data
from zeroshot.data import Dataset, batches, channel_stats, load, resized, warnings_for
from zeroshot.data import torchvision as _torchvision
from zeroshot.errors import DataError, UsageError

from ..strategies import examples

X = np.random.default_rng(0).integers(0, 256, (12, 6, 6, 3), np.uint8)


def dataset(labels, side=4, channels=1):
    labels = np.asarray(labels, np.int64)
    x = np.random.default_rng(1).integers(0, 256, (len(labels), side, side, channels), np.uint8)
    names = tuple(map(str, range(labels.max() + 1)))
    return Dataset("made", x, labels, x[:1] ^ 255, labels[:1], names)


# Named sources


def test_digits_are_the_known_digits():
    digits = load("digits")
    assert digits.x_train.shape == (1438, 8, 8, 1)
    assert digits.x_test.shape == (359, 8, 8, 1)
    assert (digits.channels, digits.classes, digits.side) == (1, 10, 8)
    assert digits.class_names == tuple("0123456789")
    counts = np.bincount(np.concatenate([digits.y_train, digits.y_test]))
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    both = np.concatenate([digits.x_train, digits.x_test])
    assert (both.min(), both.max()) == (0, 255)
    assert both.mean() / 255 * 16 == pytest.approx(4.884, abs=5e-3)  # scikit-learn's mean pixel, 0..16
    assert warnings_for(digits) == []


def test_split_depends_on_the_seed_alone():
    assert load("digits").digest == load("digits", 0).digest != load("digits", 1).digest


def test_cifar10_is_the_known_cifar10(cifar10):
    known = load(str(cifar10))
    assert known.x_train.shape == (50_000, 32, 32, 3)
    assert known.x_test.shape == (10_000, 32, 32, 3)
    assert np.bincount(known.y_train).tolist() == [5000] * 10
    assert np.bincount(known.y_test).tolist() == [1000] * 10
    mean, std = channel_stats(known)
    np.testing.assert_allclose(mean, [0.4914, 0.4822, 0.4465], atol=5e-5)
    np.testing.assert_allclose(std, [0.2470, 0.2435, 0.2616], atol=5e-5)
    assert warnings_for(known) == []


@pytest.mark.parametrize(("name", "near"), [("digit", "digits"), ("cifar", "cifar10"), ("qqq", "Known: ")])
def test_unknown_name_suggests_a_known_one(name, near):
    with pytest.raises(UsageError, match="Unknown data set") as caught:
        load(name)
    assert near in caught.value.hint
    assert str(Path(name).resolve()) in caught.value.hint


def test_missing_path_is_named_in_full(tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    refused("photos/train.npz", tmp_path / "photos" / "train.npz", "does not exist")
    refused("train.npz", tmp_path / "train.npz")
    refused("a\0b", "cannot be opened")


def test_other_files_and_negative_seeds_are_refused(tmp_path, refused):
    (tmp_path / "a.csv").write_text("1,2")
    refused(tmp_path / "a.csv", "neither a folder nor an .npz")
    with pytest.raises(UsageError, match="seed"):
        load("digits", -1)


def test_import_needs_no_torch():
    code = "import sys, zeroshot.data; sys.exit(bool({'torch', 'sklearn', 'PIL', 'numba'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


# torchvision


def test_torchvision_can_be_imported_and_used():
    module = _torchvision.import_torchvision()
    assert module is _torchvision.import_torchvision()
    assert module.transforms.RandomHorizontalFlip(1.0)(Image.new("RGB", (8, 6))).size == (8, 6)


@pytest.mark.parametrize("name", sorted(_torchvision.CLASSES))
def test_without_a_network_the_next_step_is_named(name, tmp_path, monkeypatch, refused):
    def offline(*_args, **_kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    refused(name, name, "no route to host", "give an image folder or an .npz", tmp_path)


def test_named_sets_become_datasets(tmp_path, monkeypatch, capsys):
    class Fake:
        def __init__(self, root, train, download):
            print("Files already downloaded")
            assert download
            assert root == str(tmp_path / "zeroshot" / "torchvision")
            n = 4 if train else 2
            self.data, self.targets = np.full((n, 5, 5), n, np.uint8), [0, 1] * (n // 2)
            self.classes = ["shirt", "shoe"]

    fake = SimpleNamespace(datasets=SimpleNamespace(FashionMNIST=Fake))
    monkeypatch.setattr(_torchvision, "import_torchvision", lambda: fake)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = load("fashion-mnist")
    assert (result.x_train.shape, result.x_test.shape) == ((4, 5, 5, 1), (2, 5, 5, 1))
    assert result.class_names == ("shirt", "shoe")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("error", [ImportError("No module named 'torchvision'"), RuntimeError("odd")])
def test_a_broken_torchvision_is_explained(error, monkeypatch):
    def fail(_name):
        raise error

    monkeypatch.setattr(_torchvision.importlib, "import_module", fail)
    with pytest.raises(DataError, match="torchvision cannot be imported"):
        _torchvision.import_torchvision()


def test_cache_folder_follows_xdg(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data.cache_folder() == tmp_path / "zeroshot"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert data.cache_folder() == Path.home() / ".cache" / "zeroshot"


# Dataset


def test_digest_sees_every_array_and_shape():
    one = dataset([0, 1, 1, 0])
    digests = {one.digest}
    for key in ("x_train", "y_train", "x_test", "y_test"):
        parts = {k: getattr(one, k).copy() for k in ("x_train", "y_train", "x_test", "y_test")}
        parts[key].flat[0] ^= 1
        digests.add(Dataset("made", **parts, class_names=one.class_names).digest)
    flat = one.x_train.reshape(4, 2, 8, 1)
    digests.add(Dataset("made", flat, one.y_train, one.x_test, one.y_test, one.class_names).digest)
    assert len(digests) == 6
    assert dataset([0, 1, 1, 0]).digest == one.digest


def test_channel_stats_are_those_of_numpy():
    made = dataset([0, 1] * 20, channels=3)
    mean, std = channel_stats(made)
    np.testing.assert_allclose(mean, (made.x_train / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, (made.x_train / 255).std((0, 1, 2)), rtol=1e-12)


# resized


@examples(60)
@given(value=st.integers(0, 255), sides=st.tuples(*[st.integers(1, 40)] * 3), channels=st.sampled_from([1, 3]))
def test_a_constant_image_stays_constant(value, sides, channels):
    height, width, resolution = sides
    out = resized(np.full((2, height, width, channels), value, np.uint8), resolution)
    assert out.shape == (2, resolution, resolution, channels)
    assert out.dtype == np.uint8
    assert (out == value).all()


def test_resizing_to_the_same_size_does_nothing():
    x = X
    assert resized(x, 6) is x


def test_halving_a_checkerboard_gives_grey():
    board = (np.indices((16, 16)).sum(0) % 2 * 255).astype(np.uint8)[None, ..., None]
    middle = resized(board, 8)[0, 1:-1, 1:-1, 0].astype(int)
    assert (abs(middle - 128) <= 1).all()  # without antialiasing it would be black or white


def test_the_middle_is_kept():
    x = np.zeros((1, 4, 10, 1), np.uint8)
    x[:, :, 3:7] = 200
    assert (resized(x, 4) == 200).all()
    assert (resized(x, 2) == 200).all()
    assert (resized(x.transpose(0, 2, 1, 3), 3) == 200).all()


@pytest.mark.parametrize("channels", [2, 3, 6])
def test_channels_are_not_mixed(channels):
    x = np.random.default_rng(0).integers(0, 256, (3, 13, 9, channels), np.uint8)
    apart = [resized(np.ascontiguousarray(x[..., c : c + 1]), 5) for c in range(channels)]
    np.testing.assert_array_equal(resized(x, 5), np.concatenate(apart, 3))


@pytest.mark.parametrize("bad", [X.astype(float), X[0], X[:, :0]])
def test_resized_refuses_other_arrays(bad):
    with pytest.raises(UsageError, match="Images must be"):
        resized(bad, 4)
    with pytest.raises(UsageError, match="positive"):
        resized(X, 0)


# batches


def rows_of(made, *arguments):
    """Image numbers of each batch, found again by content."""
    where = {image.tobytes(): i for i, image in enumerate(made.x_train)}
    mean, std = channel_stats(made)
    out = []
    for x, _ in batches(made, made.side, *arguments):
        pixels = np.rint((x.numpy().transpose(0, 2, 3, 1) * std + mean) * 255).astype(np.uint8)
        out.append([where[image.tobytes()] for image in pixels])
    return out


@examples(80)
@given(classes=st.integers(2, 7), size=st.integers(1, 20), count=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_batches_are_disjoint_and_balanced(classes, size, count, seed):
    made = dataset(np.repeat(np.arange(classes), 60))
    rows = rows_of(made, size, count, seed)
    assert [len(batch) for batch in rows] == [size] * count
    assert len({row for batch in rows for row in batch}) == size * count
    for batch, (_, y) in zip(rows, batches(made, 2, size, count, seed), strict=True):
        np.testing.assert_array_equal(made.y_train[batch], y.numpy())
        counts = np.bincount(y.numpy(), minlength=classes)
        assert counts.max() - counts.min() <= 1


@examples(60)
@given(labels=st.lists(st.integers(0, 3), min_size=8, max_size=60), count=st.integers(1, 4))
def test_a_rare_class_is_dealt_out_evenly(labels, count):
    labels = [0, 1, 2, 3, *labels]
    size = len(labels) // count
    drawn = np.array([np.bincount(y.numpy(), minlength=4) for _, y in batches(dataset(labels), 4, size, count, 0)])
    assert (np.ptp(drawn, axis=0) <= 1).all()
    total, there = drawn.sum(0), np.bincount(labels)
    assert (total <= there).all()
    assert (total[total < there] >= total.max() - 1).all()  # nobody is held back for a more frequent class


def test_batches_are_normalised_and_repeatable():
    made = dataset([0, 1] * 100, channels=3)
    (x, y), (again, _) = batches(made, 4, 200, 1, 5)[0], batches(made, 4, 200, 1, 5)[0]
    assert (str(x.dtype), str(y.dtype), tuple(x.shape)) == ("torch.float32", "torch.int64", (200, 3, 4, 4))
    assert x.is_contiguous()
    assert abs(x.mean((0, 2, 3))).max() < 1e-5
    assert abs(x.std((0, 2, 3)) - 1).max() < 1e-3
    assert (x == again).all()
    assert (batches(made, 4, 200, 1, 6)[0][1] != y).any()


def test_the_images_do_not_depend_on_the_resolution():
    made = dataset([0, 1, 2] * 30)
    labels = [[y.tolist() for _, y in batches(made, side, 7, 3, 0)] for side in (2, 4, 9)]
    assert labels[0] == labels[1] == labels[2]


def test_a_channel_without_variation_becomes_zero():
    made = dataset([0, 1] * 5)
    flat = Dataset("flat", np.full_like(made.x_train, 77), made.y_train, made.x_test, made.y_test, ("a", "b"))
    assert (batches(flat, 4, 4, 1, 0)[0][0] == 0).all()


def test_too_few_images_for_the_batches():
    with pytest.raises(DataError, match="3 batches of 5 need 15 training images, but there are 10") as caught:
        batches(dataset([0, 1] * 5), 4, 5, 3, 0)
    assert "at most 3" in caught.value.hint
    with pytest.raises(DataError, match="11 batches"):
        batches(dataset([0, 1] * 5), 4, 1, 11, 0)


@pytest.mark.parametrize("wrong", [(4, 0, 1, 0), (4, 1, 0, 0), (4, 1, 1, -1), (0, 1, 1, 0)])
def test_batches_refuse_values_out_of_range(wrong):
    with pytest.raises(UsageError):
        batches(dataset([0, 1] * 5), *wrong)


# Remarks


def test_imbalance_and_rarity_are_remarked_on():
    remarks = warnings_for(dataset([0] * 210 + [1] * 19))
    assert len(remarks) == 3
    assert "'0' has 210 training images, '1' only 19" in remarks[0]
    assert "1 of 2 classes have fewer than 20" in remarks[1]
    assert "no image of 1 of 2 classes" in remarks[2]


def test_balance_of_ten_to_one_and_twenty_images_pass():
    remarks = warnings_for(dataset([0] * 200 + [1] * 20))
    assert remarks == ["The test set has no image of 1 of 2 classes."]


def test_test_images_seen_in_training_are_counted():
    made = dataset([0, 1] * 40)
    both = np.concatenate([made.x_train[3:5], made.x_test])
    leaky = Dataset("leaky", made.x_train, made.y_train, both, np.array([0, 1, 0]), made.class_names)
    assert warnings_for(leaky) == ["2 of 3 test images occur in the training set too."]
