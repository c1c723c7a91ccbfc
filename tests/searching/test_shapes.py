"""Rectangles and signals from the search to the firmware: nothing is cropped unless asked."""

from dataclasses import replace

import numpy as np
import pytest

import zeroshot
from zeroshot.data import Dataset, load, resized
from zeroshot.errors import DataError, UsageError
from zeroshot.net import NetSpec
from zeroshot.scoring.modules import score
from zeroshot.searching.options import SearchOptions
from zeroshot.searching.problem import resolve

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")

# What a square in the middle leaves out says which class it is.
LYING = {"little": "r48x80-s8/2-d3w8x1/2-d3w8x1/2", "big": "r96x160-s8/2-d3w8x1/2-c3w8x1/2"}
SIGNALS = {"little": "r1x64-s8/2-d3w8x1/2-d3w8x1", "big": "r1x128-s8/2-d7w8x1/2-m3e2w8x1"}


def dataset(height, width, images=72, noise=70):
    """Three classes by which end, or neither, is bright; hard enough that no net knows them all."""
    rng = np.random.default_rng(0)
    y = np.arange(images) % 3
    x = rng.integers(0, 100, (images, height, width, 1))
    end = max(1, width // 8)
    for image, label in zip(x, y, strict=True):
        image[:, slice(0, end) if label == 0 else slice(width - end, width) if label == 1 else slice(0, 0)] += 60
    x = np.clip(x + rng.integers(-noise, noise, x.shape), 0, 255).astype(np.uint8)
    half = 2 * images // 3
    return Dataset("ends", x[:half], y[:half], x[half:], y[half:], ("left", "right", "neither"))


@pytest.mark.parametrize(
    ("size", "space", "nets"),
    [((96, 160), "mcu", LYING), ((1, 128), "mcu1d", SIGNALS)],
    ids=["rectangle", "signal"],
)
def test_the_whole_way(tmp_path, size, space, nets):
    data, run = dataset(*size), tmp_path / "run"
    quick = {"scored": 64, "shortlist": 0, "proxies": ["macs"], "calibrate": 0}
    found = zeroshot.search(data, run=run, space=space, **nets, **quick, latency="5s", escalation=1.0)
    assert [(pair.little, pair.big) for pair in found.pairs] == [(nets["little"], nets["big"])]
    zeroshot.train(run, data=data, epochs=1, top=1, singles=False, threads=1, jobs=1)
    zeroshot.quantize(run, data=data, threads=1)
    zeroshot.export(run, data=data, verify=False)
    sources = run / "firmware" / "pair-1" / "src"
    header = (sources / "cascade.h").read_text()
    for line in (f"BIG_HEIGHT {size[0]}", f"BIG_WIDTH {size[1]}"):
        assert f"#define CASCADE_{line}\n" in header.replace(" /* pixels */", "")
    assert f"input {size[0]} x {size[1]} x 1, 3 outputs" in (sources / "cascade_big.h").read_text()


def searched(data, **options):
    return resolve(SearchOptions(data, shortlist=0, proxies=("macs",), **options))


def test_resolutions_keep_the_aspect_ratio():
    problem, seen = searched(dataset(96, 160))
    assert problem.space.resolutions == ((48, 80), (64, 107), (80, 133), (96, 160))
    assert seen.resolution == (96, 160)


def test_squares_are_cropped_where_it_is_asked_for():
    data = dataset(96, 160)
    problem, seen = searched(data, square=True)
    assert problem.space.resolutions == (48, 64, 80, 96)
    assert np.array_equal(seen.x_train, data.x_train[:, :, 32:128])
    assert problem.config["square"] is True
    assert problem.config["data_sha256"] == data.digest, "later stages are given the data as they are"
    assert seen.squared() is seen


def test_a_net_of_a_square_sees_the_middle_and_one_of_a_rectangle_all():
    x = dataset(12, 20).x_train
    assert np.array_equal(resized(x, 12), x[:, :, 4:16])
    assert resized(x, (12, 20)) is x
    assert resized(x, (6, 10)).shape[1:3] == (6, 10)
    stripes = np.zeros((1, 8, 24, 1), np.uint8)
    stripes[:, :, :8], stripes[:, :, 16:] = 90, 180
    left, middle, right = (int(round(float(part.mean()))) for part in np.split(resized(stripes, (4, 12)), 3, axis=2))
    assert left > 70
    assert middle < 40
    assert right > 140


@pytest.mark.parametrize(
    ("size", "space", "word"),
    [
        ((1, 128), "mcu", "mcu1d"),
        ((32, 32), "mcu1d", "mcu"),
        ((128, 1), "mcu1d", r"\(n, 1, 128\)"),
        ((4, 100), "mcu", "8x8"),
        ((1, 3), "mcu1d", "8 samples"),
        ((8, 4100), "mcu", "crop"),
    ],
)
def test_shapes_that_a_space_is_not_for_say_what_to_do(size, space, word):
    with pytest.raises(UsageError) as caught:
        searched(dataset(*size, images=12), space=space)
    assert word.replace("\\", "") in caught.value.message + caught.value.hint


def test_a_signal_has_no_square():
    with pytest.raises(DataError, match="no square"):
        searched(dataset(1, 64), space="mcu1d", square=True)


def test_modules_are_scored_on_whole_images_or_their_squares():
    from zeroshot.build import build

    data, spec = dataset(12, 20), NetSpec.parse("r12x20-s4-c3w4x1")
    for options, size in (({}, (12, 20)), ({"resolution": 6}, (6, 10)), ({"square": True}, (12, 12))):
        net = build(replace(spec, resolution=size), 1, 3)
        found = score(net, data, proxies=["macs"], batch=8, batches=1, **options)["macs"]
        pixels = size[0] * size[1]
        assert found.value == pixels * (9 * 4 + 9 * 16) + 4 * 3


def test_pictures_of_a_folder_stay_rectangles(tmp_path):
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(5):
            Image.new("L", (320, 192), 40 * i).save(tmp_path / name / f"{i}.png")
    data = load(str(tmp_path))
    assert data.resolution == (160, 267)
    assert data.side == 160
    Image.new("L", (192, 320)).save(tmp_path / "b" / "turned.png")
    with pytest.raises(DataError, match=r"turned\.png is 192x320"):
        load(str(tmp_path))
