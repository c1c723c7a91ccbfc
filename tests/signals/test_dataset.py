"""Folders of recordings and logs as data sets: what nets see, which part it is in, what is said and what is refused."""

import numpy as np
import pytest
from PIL import Image

import zeroshot
from zeroshot.data import Dataset, load
from zeroshot.errors import DataError, UsageError
from zeroshot.frontend.features import features
from zeroshot.frontend.motion import motion_features
from zeroshot.frontend.options import FrontEnd
from zeroshot.runs.front_end import stored
from zeroshot.runs.layout import FRONT_END, SIGNALS
from zeroshot.signals.folder_options import SignalOptions
from zeroshot.signals.logs import read_logs
from zeroshot.signals.recordings import read_recordings
from zeroshot.training.run_data import run_dataset

from .files import int16, log_text, logs, motion, refusal, tone, wav

LENGTH = 2400  # 0.3 s at 8 kHz: 14 frames


def spoken(root, classes=("no", "yes"), people="abcdef", takes=2):
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i, person in enumerate(people * takes):
            (root / name / f"{person}_{i}.wav").write_bytes(wav(int16(tone(LENGTH, 100 * number + i))))
    return root


def halves(data: Dataset):
    """Pictures for training alone, for validation, for testing."""
    held = np.isin(np.arange(len(data.x_train)), data.validation)
    return data.x_train[~held], data.x_train[held], data.x_test


def test_recordings_become_the_pictures_of_their_front_end(tmp_path):
    root = spoken(tmp_path / "words")
    data, signals = load(str(root), groups="(?P<who>.)_"), read_recordings(root, groups="(?P<who>.)_")
    front_end = data.features.front_end
    assert isinstance(front_end, FrontEnd)
    assert (front_end.sample_rate, front_end.bands, front_end.output) == (8000, 40, "uint8")
    assert front_end.relative
    assert (data.name, data.class_names, data.x_train.shape[1:]) == ("words", ("no", "yes"), (14, 40, 1))
    for part, found in zip(("train", "validation", "test"), halves(data), strict=True):
        whole = signals.x[signals.rows(part)]
        assert len(found) == len(whole) > 0
        for picture, window in zip(found, whole, strict=True):
            np.testing.assert_array_equal(picture, features(front_end, window[: front_end.window, 0]))
    assert data.y_test.tolist() == signals.labels[signals.rows("test")].tolist()


@pytest.mark.parametrize("axes", [2, 3, 6])
def test_logs_become_signals_with_a_channel_for_each_axis(tmp_path, axes):
    root = tmp_path / "motion"
    for number, name in enumerate(("rest", "walk")):
        (root / name).mkdir(parents=True)
        for i in range(6):
            text = log_text(motion(200, 10 * number + i, axes), ",".join(f"a{k}[mg]" for k in range(axes)))
            (root / name / f"{i}.csv").write_text(text)
    data, signals = load(str(root), window="1s"), read_logs(root, window="1s")
    made = data.features.front_end
    assert data.x_train.shape[1:] == (1, 20, axes)
    assert made.axes == tuple(f"a{k}[mg]" for k in range(axes))
    for part, found in zip(("train", "validation", "test"), halves(data), strict=True):
        whole = signals.x[signals.rows(part)]
        assert len(found) == len(whole) > 0
        for picture, window in zip(found, whole, strict=True):
            expected = motion_features(made.motion, made.scaling, window)[0]
            np.testing.assert_array_equal(picture[0], expected)
    training = signals.x[signals.rows("train")].reshape(-1, axes) * signals.step
    factors = np.array(made.scaling.multipliers) / 2.0 ** np.array(made.scaling.shifts)
    np.testing.assert_allclose(127 / factors * signals.step, np.quantile(np.abs(training), 0.999, axis=0), rtol=0.02)


def test_the_device_gets_the_bytes_in_the_order_of_its_front_end(tmp_path):
    data = load(str(logs(tmp_path / "motion", rows=300)), window="1s")
    made, signals = data.features.front_end, read_logs(tmp_path / "motion", window="1s")
    window = signals.x[signals.rows("test")[0]]
    np.testing.assert_array_equal(data.x_test[0], motion_features(made.motion, made.scaling, window))
    assert made.motion.shape == data.x_test.shape[1:]


def test_some_test_windows_are_kept_as_a_device_gets_them(tmp_path):
    """From all over the test part, in a row; the front end makes of them what nets are tested on."""
    data = load(str(logs(tmp_path / "motion", rows=300)), window="1s")
    made, samples = data.features.front_end, data.features.samples
    windows = samples.reshape(16, made.motion.window, made.motion.axes)
    found = [motion_features(made.motion, made.scaling, window).tobytes() for window in windows]
    tested = [picture.tobytes() for picture in data.x_test]
    assert set(found) <= set(tested)
    assert (found[0], found[-1]) == (tested[0], tested[-1])
    words = load(str(spoken(tmp_path / "words")))
    front_end, samples = words.features.front_end, words.features.samples
    first = samples[: front_end.window]
    np.testing.assert_array_equal(features(front_end, first), words.x_test[0])


def test_a_validation_part_is_drawn_by_group_where_folders_have_none(tmp_path):
    root = tmp_path / "words"
    spoken(root / "train", people="abcde")
    spoken(root / "test", people="xy")
    data = load(str(root), groups="(?P<who>.)_", validation=0.2)
    train, validation, test = ({each.tobytes() for each in half} for half in halves(data))
    assert len(validation) == 4, "one person of five says two words twice"
    assert not train & validation
    assert len(test) == 8
    assert any("For validation, drawn out of training by group: 4 windows." in each for each in data.features.remarks)


def test_one_group_cannot_be_for_training_and_for_validation(tmp_path):
    root = tmp_path / "words"
    spoken(root / "train", people="a")
    spoken(root / "test", people="x")
    with pytest.raises(DataError) as caught:
        load(str(root), groups="(?P<who>.)_")
    assert "1 training group none can be for validation" in refusal(caught)


def test_a_split_by_file_is_told_and_one_by_group_is_not(tmp_path):
    root = spoken(tmp_path / "words")
    told = [any("`groups` tells whose they are" in remark for remark in load(str(root), **given).features.remarks)
            for given in ({}, {"groups": "(?P<who>.)_"})]  # fmt: skip
    assert told == [True, False]


def test_the_same_options_give_the_same_data_and_others_another_digest(tmp_path):
    root = str(spoken(tmp_path / "words"))
    first = load(root)
    again = load(root, 0, SignalOptions(**first.features.options))
    assert again.digest == first.digest
    for other in ({"bands": 20}, {"coefficients": 12}, {"frame": "25ms"}, {"validation": 0.3}, {"lowest_db": -80},
                  {"span_db": 40}, {"absolute": True}):  # fmt: skip
        assert load(root, **other).digest != first.digest


def test_how_loud_a_recording_is_says_nothing_unless_it_is_asked_for(tmp_path):
    """The same recordings, each with a level of its own, up to rounding where they were not cut off."""
    loud, soft = (tmp_path / name / "words" for name in ("loud", "soft"))
    for root, part in ((loud, 1), (soft, 8)):
        for number, name in enumerate(("no", "yes")):
            (root / name).mkdir(parents=True)
            for i, person in enumerate("abcdef"):
                samples = int16(tone(LENGTH, 100 * number + i)).astype(int) // (part if i % 2 else 1)
                (root / name / f"{person}.wav").write_bytes(wav(samples.astype(np.int16)))
    relative, absolute = (
        [halves(load(str(root), groups="(?P<who>.)", **given))[0].astype(int) for root in (loud, soft)]
        for given in ({}, {"absolute": True})
    )
    middle = [np.abs(np.median(a, axis=(1, 2, 3)) - np.median(b, axis=(1, 2, 3))) for a, b in (relative, absolute)]
    assert middle[0].max() <= 3 < 20 < middle[1].max()


def test_what_is_said_of_levels(tmp_path):
    root = str(spoken(tmp_path / "words"))

    def said(**given):
        return next(each for each in load(root, **given).features.remarks if each.startswith("Nets see"))

    assert "Levels are relative to the loudest of each picture, down to 60 dB below it." in said()
    assert "down to 40 dB" in said(span_db=40)
    assert "thousand more a decision." in said()
    assert "Levels are absolute, from -100 to -20 dB of a full-scale sine." in said(absolute=True)
    assert "Levels" not in said(coefficients=12)
    for given in ({"absolute": True}, {"coefficients": 12}):
        assert "more a decision" not in said(**given)
        with pytest.raises(UsageError) as caught:
            load(root, span_db=40, **given)
        assert "Leave out `span_db`" in refusal(caught)
    assert not load(root, coefficients=12).features.front_end.relative


def test_a_run_of_before_gets_the_levels_that_it_had(tmp_path):
    """Its config says nothing of relative levels."""
    root = str(spoken(tmp_path / "words"))
    for given in ({"absolute": True}, {}, {"coefficients": 12}):
        data = load(root, **given)
        config = {"data": root, "data_sha256": data.digest, "seed": 0, SIGNALS: data.features.options}
        config[FRONT_END] = stored(data.features.front_end)
        assert run_dataset(config, root).digest == data.digest
        if given == {"absolute": True}:
            for name in ("relative", "span_db"):
                del config[FRONT_END][name]
            config[SIGNALS] = {}
            assert run_dataset(config, root).digest == data.digest


def test_a_list_of_parts_is_found_from_any_folder(tmp_path, monkeypatch):
    root, monk = spoken(tmp_path / "words", people="abc"), tmp_path / "elsewhere"
    names = sorted(path.relative_to(root) for path in root.rglob("*.wav"))
    part = {"a": "train", "b": "validation", "c": "test"}
    (tmp_path / "parts.csv").write_text("".join(f"{name},{part[name.name[0]]}\n" for name in names))
    monkeypatch.chdir(tmp_path)
    data = zeroshot.load("words", parts="parts.csv")
    assert [len(half) for half in halves(data)] == [4, 4, 4]
    monk.mkdir()
    monkeypatch.chdir(monk)
    assert zeroshot.load(str(root), 0, SignalOptions(**data.features.options)).digest == data.digest


def test_bands_are_as_many_as_fit_unless_they_are_named(tmp_path):
    root = str(spoken(tmp_path / "words"))
    fewer = load(root, frame="8ms", frame_hop="8ms").features.front_end
    assert 8 <= fewer.bands < 40
    with pytest.raises(UsageError) as caught:
        load(root, frame="8ms", frame_hop="8ms", bands=fewer.bands + 1)
    assert "a larger `frame`" in refusal(caught)


# ---- what is refused


def test_folders_with_two_kinds_say_so(tmp_path):
    root = spoken(tmp_path / "words")
    (root / "no" / "log.csv").write_text(log_text(motion()))
    with pytest.raises(DataError) as caught:
        load(str(root))
    assert "holds recordings and sensor logs" in refusal(caught)
    assert "no/log.csv" in refusal(caught)
    (root / "no" / "log.csv").unlink()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(root / "yes" / "a.png")
    with pytest.raises(DataError, match="holds images and recordings"):
        load(str(root))


def test_tables_beside_images_are_passed_over(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.csv").write_text("file,age\n1.png,3\n")
        for i in range(4):
            Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(tmp_path / name / f"{i}.png")
    data = load(str(tmp_path))
    assert (data.features, data.validation, data.x_train.shape) == (None, None, (6, 8, 8, 1))


@pytest.mark.parametrize(
    ("source", "given", "words"),
    [
        ("digits", {"bands": 20}, "`bands` is for recordings, and digits holds images."),
        ("digits", {"groups": "(?P<a>.)"}, "`groups` is for recordings and sensor logs, and digits holds images."),
        ("words", {"columns": "x"}, "`columns` is for sensor logs, and words holds recordings."),
        ("words", {"covered": 0.9}, "`covered` is for sensor logs, and words holds recordings."),
        ("motion", {"silence": True}, "`silence` is for recordings, and motion holds sensor logs."),
        ("motion", {"frame": "20ms"}, "`frame` is for recordings, and motion holds sensor logs."),
    ],
)
def test_options_that_say_nothing_of_the_data_are_refused(tmp_path, source, given, words):
    spoken(tmp_path / "words")
    logs(tmp_path / "motion")
    with pytest.raises(UsageError) as caught:
        load(source if source == "digits" else str(tmp_path / source), **given)
    assert caught.value.message == words


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"window": "100ms"}, "a shorter `frame_hop`"),
        ({"coefficients": 4}, "more `coefficients`"),
        ({"frame": "1s"}, "`frame`"),
        ({"frame_hop": "20s"}, "`frame_hop` must be at most 10000"),
        ({"rate": 8000.5}, "whole number"),
        ({"rate": 200_000}, "`rate` must be at most 96000"),
        ({"coefficients": 64}, "no more `coefficients` than `bands`"),
        ({"validation": 0}, "`validation` must be above 0"),
        ({"highest_hz": 5000}, "`highest_hz`, and that at most 4000"),
        ({"groups": "(?P<who>[0-9]+)x"}, "does not say which who it is of"),
        ({"groups": "("}, "no regular expression"),
    ],
)
def test_options_that_do_not_suit_recordings_name_the_option(tmp_path, given, word):
    with pytest.raises((UsageError, DataError)) as caught:
        load(str(spoken(tmp_path / "words")), **given)
    assert word in refusal(caught)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"columns": "az"}, "no column 'az'; it has ax[mg], ay[mg]"),
        ({"window": "20s"}, "Give a shorter `window`"),
        ({"repair": "spline"}, "spline"),
    ],
)
def test_options_that_do_not_suit_logs_name_the_option(tmp_path, given, word):
    with pytest.raises((UsageError, DataError)) as caught:
        load(str(logs(tmp_path / "motion")), **given)
    assert word in refusal(caught)
