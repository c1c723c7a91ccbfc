"""The front end of a run: what is stored is read back as it was, and nothing is made of what is damaged."""

import json

import pytest

from zeroshot.errors import RunError
from zeroshot.frontend.options import FrontEnd, Motion, ScaledMotion, Scaling
from zeroshot.runs.folder import to_toml
from zeroshot.runs.front_end import read_front_end, stored
from zeroshot.runs.layout import FORMAT

SOUND = FrontEnd(sample_rate=8000, frame_ms=25, bands=20, highest_hz=3800, coefficients=10)
MOTION = ScaledMotion(
    Motion(axes=2, sample_rate=26, window_ms=2000, output="uint8"), Scaling((20_000, 17_000), (20, 21)),
    ("x[mg]", "y[mg]"), (0.5, 0.25),
)  # fmt: skip


def run_with(folder, front_end):
    config = {"data": "words", "data_sha256": "0", "seed": 0, "front_end": front_end}
    (folder / "config.toml").write_text(to_toml(config))
    (folder / "environment.json").write_text(json.dumps({"format": FORMAT}))
    return folder


RELATIVE = FrontEnd(relative=True, span_db=50)


@pytest.mark.parametrize("front_end", [SOUND, FrontEnd(), RELATIVE, MOTION], ids=["mfcc", "default", "below", "motion"])
def test_what_is_stored_is_read_back(tmp_path, front_end):
    assert read_front_end(run_with(tmp_path, stored(front_end))) == front_end


def test_a_run_on_images_has_none(tmp_path):
    assert read_front_end(str(run_with(tmp_path, None))) is None


@pytest.mark.parametrize(
    "change",
    [{"kind": "smell"}, {"axes": 3}, {"shifts": [1]}, {"covered": 7.0}, {"colour": 1}, {"step": ["a", "b"]}],
    ids=lambda change: next(iter(change)),
)
def test_what_is_damaged_is_refused(tmp_path, change):
    with pytest.raises(RunError, match="no front end that can be read"):
        read_front_end(run_with(tmp_path, stored(MOTION) | change))


def test_a_key_that_is_missing_is_refused(tmp_path):
    table = stored(MOTION)
    del table["multipliers"]
    with pytest.raises(RunError, match="multipliers"):
        read_front_end(run_with(tmp_path, table))
