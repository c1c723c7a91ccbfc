"""Training pictures of sound and motion: shifted along time alone, by silence or the motion itself, never mirrored."""

import numpy as np
import pytest

from zeroshot.data import Dataset, Features
from zeroshot.data.dataset import resized
from zeroshot.errors import UsageError
from zeroshot.frontend.features import frame_features, pictures
from zeroshot.frontend.options import FrontEnd, Motion, ScaledMotion, Scaling
from zeroshot.net import NetSpec
from zeroshot.resolution import resolution_of
from zeroshot.training.augmentation import amplified
from zeroshot.training.batches import TrainingBatches, hold_out
from zeroshot.training.recipe import Recipe

SOUND = FrontEnd(sample_rate=8000, window_ms=400)
MOTION = ScaledMotion(
    Motion(axes=2, sample_rate=20, window_ms=2000, output="uint8"), Scaling((2**14,) * 2, (8,) * 2), ("x", "y"), (1, 1)
)  # fmt: skip


def dataset(front_end, shape, n=40):
    rng = np.random.default_rng(0)
    x, y = rng.integers(50, 200, (n, *shape)).astype(np.uint8), np.arange(n) % 2
    held = np.array([2, 3, 20, 21, 36])
    return Dataset("some", x, y, x[:6], y[:6], ("a", "b"), held, Features(front_end, {}))


SPOKEN, MOVED = dataset(SOUND, SOUND.shape), dataset(MOTION, (1, 40, 2))


def drawn(data, **recipe):
    """Batches of an epoch: augmented pictures, the originals, and what was drawn."""
    batches = TrainingBatches(hold_out(data, 0), data.resolution, Recipe(batch=7, **recipe))
    whole = hold_out(data, 0).images("train")
    return [(batches._augmented(draw), whole[draw.rows], draw) for draw in batches.draws(0, 0)]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("data", [SPOKEN, MOVED], ids=["sound", "motion"])
def test_the_validation_part_of_the_data_is_the_trainings(data, seed):
    split = hold_out(data, seed, 0.4)
    assert split.validation.tolist() == [2, 3, 20, 21, 36]
    assert split.train.tolist() == [row for row in range(40) if row not in (2, 3, 20, 21, 36)]


def test_sound_is_shifted_along_time_and_silence_comes_in():
    silence = frame_features(SOUND, np.zeros(SOUND.frame, np.int16))[0]
    frames, shifts = SOUND.frames, set()
    for seen, originals, draw in drawn(SPOKEN, crop=0.25, gain=0.0):
        for picture, original, down in zip(seen[..., 0], originals[..., 0], draw.shifts[0], strict=True):
            margin = round(0.25 * frames)
            padded = np.concatenate([np.tile(silence, (margin, 1)), original, np.tile(silence, (margin, 1))])
            np.testing.assert_array_equal(picture, padded[down : down + frames])
            shifts.add(int(down))
    assert len(shifts) > 4


def test_a_smaller_picture_of_sound_is_shifted_by_smaller_silence():
    """As nets that see less than the data have it."""
    split, size = hold_out(SPOKEN, 0), (SOUND.frames - 4, SOUND.bands // 2)
    silence = np.tile(frame_features(SOUND, np.zeros(SOUND.frame, np.int16))[0], (SOUND.frames, 1)).astype(np.uint8)
    quiet = resized(silence[None, :, :, None], resolution_of(*size))[0, 0, :, 0]
    batches = TrainingBatches(split, resolution_of(*size), Recipe(crop=0.25, gain=0.0))
    small = resized(split.images("train"), resolution_of(*size))
    for draw in batches.draws(0, 0):
        seen, down = batches._augmented(draw)[..., 0], int(draw.shifts[0][0])
        margin = round(0.25 * size[0])
        padded = np.concatenate([np.tile(quiet, (margin, 1)), small[draw.rows[0], ..., 0], np.tile(quiet, (margin, 1))])
        np.testing.assert_array_equal(seen[0], padded[down : down + size[0]])


def test_motion_is_shifted_along_time_and_reflected():
    for seen, originals, draw in drawn(MOVED, crop=0.25, gain=0.0):
        for picture, original, right in zip(seen[:, 0], originals[:, 0], draw.shifts[1], strict=True):
            padded = np.concatenate([original[10:0:-1], original, original[-2:-12:-1]])
            np.testing.assert_array_equal(picture, padded[right : right + 40])


def test_cutout_of_sound_is_a_stripe_of_frames_and_one_of_bands():
    for seen, originals, draw in drawn(SPOKEN, crop=0.0, cutout=0.2, gain=0.0):
        changed = (seen != originals)[..., 0]
        assert (changed <= draw.grey).all()
        for hidden in draw.grey:
            frames, bands = hidden.all(axis=1), hidden.all(axis=0)
            assert 0 < frames.sum() <= round(0.2 * SOUND.frames)
            assert 0 < bands.sum() <= 8
            np.testing.assert_array_equal(hidden, frames[:, None] | bands)


def test_each_axis_of_motion_is_stronger_or_weaker_around_zero():
    gains = []
    for seen, originals, draw in drawn(MOVED, crop=0.0, gain=2.0):
        exact = (originals.astype(float) - 128) * 10 ** (draw.gain / 20) + draw.noise + 128
        assert np.abs(seen - np.clip(exact, 0, 255)).max() <= 0.51
        gains.append(draw.gain.ravel())
    spread = np.concatenate(gains)
    assert 1.3 < spread.std() < 2.7
    assert abs(spread.mean()) < 0.8


@pytest.mark.parametrize("coefficients", [0, 13])
def test_louder_pictures_are_those_of_louder_sound(coefficients):
    """Half as loud and a quarter: what the front end itself makes of the samples, up to its rounding."""
    front_end = FrontEnd(sample_rate=8000, window_ms=400, coefficients=coefficients)
    rng = np.random.default_rng(1)
    sound = np.rint(4000 * rng.standard_normal((5, front_end.window))).astype(np.int16)
    sound[:, :2000] = 0
    data = dataset(front_end, front_end.shape)
    x = pictures(front_end, sound)
    for part in (2, 4):
        gain = np.full((5, 1, 1, 1), -20 * np.log10(part), np.float32)
        found = amplified(data, x, gain, None).astype(int)
        wanted = pictures(front_end, sound // part).astype(int)
        heard = slice(14, None), slice(0, 1 if coefficients else None)
        assert np.abs(found - wanted)[:, heard[0], heard[1]].max() <= 2
        assert (found[:, :5] == x[:, :5]).all(), "silence is as loud as before"
        assert not coefficients or (found[:, :, 1:] == x[:, :, 1:]).all()


def test_relative_pictures_are_shifted_and_no_louder_ones_are_made():
    relative = FrontEnd(sample_rate=8000, window_ms=400, relative=True)
    data = dataset(relative, relative.shape)
    recipe = Recipe().resolved(net("r19x40"), data)
    assert (recipe.crop, recipe.gain) == (0.125, 0.0)
    assert Recipe(gain=0).resolved(net("r19x40"), data).gain == 0
    with pytest.raises(UsageError, match="a `gain` changes none of them"):
        Recipe(gain=3).resolved(net("r19x40"), data)
    margin, moved = round(0.25 * relative.frames), 0
    for seen, originals, draw in drawn(data, crop=0.25, gain=recipe.gain):
        assert draw.gain is None
        for picture, original, down in zip(seen, originals, draw.shifts[0], strict=True):
            around = np.pad(original, ((margin, margin), (0, 0), (0, 0)))
            assert np.array_equal(picture, around[down : down + relative.frames])
            moved += down != margin
    assert moved > 5


def test_an_epoch_repeats_and_the_next_is_another():
    batches = TrainingBatches(hold_out(MOVED, 0), MOVED.resolution, Recipe(batch=7, crop=0.1, gain=1.0))
    first, again, other = (list(batches.epoch(0, number)) for number in (0, 0, 1))
    assert all((a[0] == b[0]).all() for a, b in zip(first, again, strict=True))
    assert not (first[0][0] == other[0][0]).all()


def test_recipes_follow_the_kind_of_data():
    sound, motion = Recipe().resolved(net("r19x40"), SPOKEN), Recipe().resolved(net("r1x40"), MOVED)
    assert (sound.crop, sound.flip, sound.gain) == (0.125, False, 6.0)
    assert (motion.crop, motion.flip, motion.gain) == (0.125, False, 1.0)
    assert Recipe(gain=0).resolved(net("r1x40"), MOVED).gain == 0
    assert "gain" not in Recipe().values(), "what runs on images store stays as it is"
    assert motion.values()["gain"] == 1.0
    with pytest.raises(UsageError, match="backwards it is another"):
        Recipe(flip=True).resolved(net("r1x40"), MOVED)
    images = Dataset("some", SPOKEN.x_train, SPOKEN.y_train, SPOKEN.x_test, SPOKEN.y_test, ("a", "b"))
    assert Recipe().resolved(net("r19x40"), images).gain is None
    with pytest.raises(UsageError, match="`gain` is for sound and motion"):
        Recipe(gain=1.0).resolved(net("r19x40"), images)


def net(size):
    return NetSpec.parse(f"{size}-s8-c3w8x1")
