"""Int8 nets on disk: whole or refused, and never code."""

import hashlib
import io
import json

import numpy as np
import pytest

from zeroshot.errors import RunError
from zeroshot.int8.execute import run
from zeroshot.int8.files import load, save
from zeroshot.int8.random import random_images, random_int8_net
from zeroshot.net import NetSpec

NAME = "little"


@pytest.fixture
def net():
    return random_int8_net(NetSpec.parse("r8-s4-b3w4x1-d3w6x1/2"), 3, 5, 0)


def rewrite(folder, raw, **about):
    """Put other bytes in the place of the arrays, with a SHA-256 that fits."""
    (folder / f"{NAME}.npz").write_bytes(raw)
    path = folder / f"{NAME}.json"
    known = json.loads(path.read_text()) | {"sha256": hashlib.sha256(raw).hexdigest()} | about
    path.write_text(json.dumps(known))


def arrays(folder):
    with np.load(folder / f"{NAME}.npz") as file:
        return dict(file)


def npz(**parts):
    buffer = io.BytesIO()
    np.savez(buffer, **parts)
    return buffer.getvalue()


def test_a_net_comes_back_as_it_was(tmp_path, net):
    save(tmp_path, NAME, net, {"seed": 3, "data": "digits"})
    back, about = load(tmp_path, NAME)
    assert (back.spec, back.channels, back.classes) == (net.spec, 3, 5)
    for name in ("scale", "zero", "relu"):
        assert np.array_equal(getattr(back, name), getattr(net, name))
    for name in ("weights", "weight_scale", "bias"):
        for ours, theirs in zip(getattr(back, name), getattr(net, name), strict=True):
            assert (ours is None) == (theirs is None)
            assert ours is None or (np.array_equal(ours, theirs) and ours.dtype == theirs.dtype)
    images = random_images(net, 3, 0)
    assert np.array_equal(run(back, images), run(net, images))
    assert about["seed"] == 3
    assert about["net"] == str(net.spec)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["little.json", "little.npz"]


def test_equal_nets_give_equal_bytes(tmp_path, net):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder, NAME, net, {})
    for suffix in ("npz", "json"):
        assert len({(tmp_path / folder / f"{NAME}.{suffix}").read_bytes() for folder in "ab"}) == 1


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_cut_short(tmp_path, net, keep):
    save(tmp_path, NAME, net, {})
    path = tmp_path / f"{NAME}.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError, match="damaged or cut short"):
        load(tmp_path, NAME)


def test_missing_files(tmp_path, net):
    with pytest.raises(RunError, match=r"There is no .*little.json") as caught:
        load(tmp_path, NAME)
    assert caught.value.hint == "Quantise the net first."
    save(tmp_path, NAME, net, {})
    (tmp_path / f"{NAME}.npz").unlink()
    with pytest.raises(RunError, match="cannot be read"):
        load(tmp_path, NAME)


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"format": 0}'])
def test_descriptions_that_are_none(tmp_path, net, text):
    save(tmp_path, NAME, net, {})
    (tmp_path / f"{NAME}.json").write_text(text)
    with pytest.raises(RunError):
        load(tmp_path, NAME)


def test_pickled_objects_are_not_loaded(tmp_path, net):
    save(tmp_path, NAME, net, {})
    rewrite(tmp_path, npz(**(arrays(tmp_path) | {"scale": np.array([{}], object)})))
    with pytest.raises(RunError, match="holds no int8 net"):
        load(tmp_path, NAME)


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04 nothing", b"not a zip"])
def test_other_files(tmp_path, net, raw):
    save(tmp_path, NAME, net, {})
    rewrite(tmp_path, raw)
    with pytest.raises(RunError, match="holds no int8 net"):
        load(tmp_path, NAME)


def test_arrays_that_do_not_fit(tmp_path, net):
    save(tmp_path, NAME, net, {})
    good = arrays(tmp_path)
    for parts, words in (
        ({key: value for key, value in good.items() if key != "scale"}, "holds no int8 net"),
        (good | {"scale": good["scale"].astype(np.float64)}, "scale is float64"),
        ({key: value for key, value in good.items() if key != "bias_0"}, "row 0 .* lacks"),
        (good | {"weights_0": good["weights_0"][:2]}, "row 0 .* needs weights"),
    ):
        rewrite(tmp_path, npz(**parts))
        with pytest.raises(RunError, match=words):
            load(tmp_path, NAME)
    rewrite(tmp_path, npz(**good), net="r8-s4-c3w4x1")
    with pytest.raises(RunError, match=r"does not fit its \.json"):
        load(tmp_path, NAME)
    rewrite(tmp_path, npz(**good), net="nonsense")
    with pytest.raises(RunError, match="is not a net spec"):
        load(tmp_path, NAME)
    rewrite(tmp_path, npz(**good), net=str(net.spec))  # else none of the above says anything
    load(tmp_path, NAME)


def test_a_folder_that_cannot_be_written(tmp_path, net):
    with pytest.raises(RunError, match="Cannot write"):
        save(tmp_path / "missing", NAME, net, {})
