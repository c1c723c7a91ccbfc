"""Folders of sensor logs: CSV and Parquet, rates, gaps, units; refusals name file, line and column."""

import sys

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from scipy.signal import resample_poly

from zeroshot.errors import UsageError
from zeroshot.signals.logs import read_logs
from zeroshot.signals.options import LogOptions
from zeroshot.signals.windows import PARTS

from .files import log_text, logs, motion, refused_by, said

refused = refused_by(read_logs)


def odd(root, text):
    """The folder with another third log in its second class."""
    (root / "walk" / "log_2.csv").write_text(text)
    return root


def measured(signals, name):
    """What the windows of a log stand for, (windows, length, channels), in the log's unit."""
    return signals.x[signals.groups == signals.group_names.index(name)] * signals.step


def test_windows_are_what_the_logs_say(tmp_path):
    signals = read_logs(logs(tmp_path / "wrist"), LogOptions(window="2s"))
    assert (signals.rate, signals.class_names) == (20, ("rest", "walk"))
    assert signals.channel_names == ("ax[mg]", "ay[mg]")
    assert signals.x.shape == (90, 40, 2)
    assert signals.x.dtype == np.int16
    found = measured(signals, "walk/log_3.csv")
    np.testing.assert_allclose(found[4], motion(200, 103)[80:120], atol=signals.step.max() / 2 + 6e-3)
    training = np.abs(signals.x[signals.rows("train")]).max()
    assert 2**13 <= training <= 32767
    assert set(signals.step) == {2.0**-3}  # of up to 4,095 mg, one unit, one step
    assert [len(signals.rows(part)) for part in PARTS] == [54, 18, 18]
    for number in range(10):
        assert len(set(signals.part[signals.groups == number])) == 1
    assert said(signals, "10 logs at 20 Hz. A window is 2 s, 40 samples, and one begins every 20.")
    assert said(signals, "A sample of 1 is, by the training part: ax[mg] 0.125, ay[mg] 0.125.")
    assert read_logs(tmp_path / "wrist", window="2s").digest == signals.digest
    assert read_logs(tmp_path / "wrist", window="2s", hop="2s").x.shape == (50, 40, 2)


def test_whole_numbers_stay_what_the_sensor_counted(tmp_path):
    root = logs(tmp_path)
    for path in root.glob("*/*.csv"):
        path.write_text(log_text(np.rint(8 * motion(100, 3)), "ax,ay[g]"))
    signals = read_logs(root)
    np.testing.assert_array_equal(measured(signals, "rest/log_0.csv")[0], np.rint(8 * motion(100, 3))[12:63])
    assert signals.step.tolist() == [1, 1]


def test_the_step_is_chosen_by_training_alone_and_what_is_beyond_is_cut_off_and_told(tmp_path):
    root = logs(tmp_path)
    quiet = read_logs(root)
    held_out = quiet.group_names[quiet.groups[quiet.rows("test")[0]]]
    (root / held_out).write_text(log_text(100 * motion(200, 9)))
    loud = read_logs(root)
    assert loud.step.tolist() == quiet.step.tolist()
    assert said(loud, "Beyond the range of the training part, cut off there")
    assert np.abs(loud.x.astype(int)).max() == 32768
    assert not said(quiet, "Beyond")


def test_columns_of_one_unit_share_a_step_and_others_have_their_own(tmp_path):
    root = logs(tmp_path)
    for number, path in enumerate(sorted(root.glob("*/*.csv"))):
        values = np.random.default_rng(number).uniform(-1, 1, (200, 5)) * [4000, 1000, 100, 3, 0.1]
        values[0] = [4000, 1000, 100, 3, 0.1]
        path.write_text(log_text(values, "ax[mg],ay[mg],gx[dps],p,q"))
    assert read_logs(root).step.tolist() == [2.0**-3, 2.0**-3, 2.0**-8, 2.0**-13, 2.0**-18]


def test_columns_are_chosen_by_name_and_order_with_or_without_their_unit(tmp_path):
    root = odd(logs(tmp_path), log_text(motion(200, 9, 3), "note,ay[mg],ax[mg]").replace("# wrist", "# x"))
    whole = read_logs(root)
    assert said(whole, "Columns of some logs that are not read: note")
    np.testing.assert_allclose(measured(whole, "walk/log_2.csv")[0, :, 0], motion(200, 9, 3)[12:63, 2], atol=0.2)
    one = read_logs(root, columns="ay")
    assert one.channel_names == ("ay[mg]",)
    two = read_logs(root, columns=("ay[mg]", "ax"))
    np.testing.assert_array_equal(two.x, whole.x[:, :, ::-1])
    refused(root, "log_0.csv has no column 'az'; it has ax[mg], ay[mg]", columns="az")
    refused(root, "one column twice", kind=UsageError, columns=("ax", "ax[mg]"))


def test_text_in_a_column_that_is_not_read_is_no_matter(tmp_path):
    root = logs(tmp_path)
    for path in root.glob("*/*.csv"):
        text = log_text(motion(60, 1), "ax[mg],label").splitlines()
        path.write_text("\n".join([*text[:3], *(f"{line.split(',')[0]},walking" for line in text[3:])]))
    assert read_logs(root, columns="ax").x.shape == (10, 51, 1)
    refused(root, "log_0.csv, line 4, column 'label': 'walking' is no number")


BAD = {
    "nothing": ("", "has no header and no rows"),
    "comments only": ("# hello\n\n", "has no header and no rows"),
    "header only": ("# 20 Hz\nax[mg],ay[mg]\n", "no rows below its header"),
    "no header": ("# 20 Hz\n1.0,2.0\n3.0,4.0\n", "line 2: numbers, where the names"),
    "binary": ("a\0b", "no text in UTF-8"),
    "text": (log_text(motion()) + "abc,1\n", "line 204, column 'ax[mg]': 'abc' is no number"),
    "another unit": (log_text(motion(), "ax[g],ay[g]"), "has no column 'ax[mg]'"),
    "missing column": (log_text(motion(200, 0, 1), "ax[mg]"), "has no column 'ay[mg]'; it has ax[mg]"),
    "two columns of a name": (log_text(motion(200, 0, 3), "ax[mg],ay[mg],ax[mg]"), "two columns called 'ax[mg]'"),
    "short line": (log_text(motion()) + "1\n", "line 204: 1 cells where the header has 2"),
    "long line": (log_text(motion()) + "1,2,3\n", "line 204: 3 cells"),
    "open quote": (log_text(motion()) + '"1,2\n', "line 204"),
    "underscore": (log_text(motion()) + "1_000,2\n", "line 204, column 'ax[mg]': '1_000' is no number"),
    "infinity": (log_text(motion()) + "1,inf\n", "line 204, column 'ay[mg]': 'inf' is no number"),
    "overflow": (log_text(motion()) + "1,1e999\n", "'1e999' is no number"),
    "absurd": (log_text(motion()) + "1,1e200\n", "'1e200' is no number"),
    "hexadecimal": (log_text(motion()) + "1,0x10\n", "'0x10' is no number"),
    "decimal comma": (log_text(motion()).replace(",", ";").replace(".", ","), "decimal points, not commas"),
    "NaN": (log_text(motion()) + "1,NaN\n1,2\n", "line 204, column 'ay[mg]': no value in 1 samples on end"),
    "empty cell": (log_text(motion()) + "1,\n1,2\n", "`repair='linear'`"),
    "no rate": (log_text(motion(), comment="# wrist\n"), "does not say how many samples a second"),
    "two rates": (log_text(motion(), comment="# 20 Hz, low-pass 8 Hz\n"), "several rates in its comments: 8, 20"),
    "no unit of time": (
        log_text(np.column_stack([np.arange(200), motion()]), "time,ax[mg],ay[mg]", "# wrist\n"),
        "does not say how many samples a second it has. Call a column time[s] or time[ms]",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_broken_logs_are_named(name, tmp_path):
    text, words = BAD[name]
    refused(odd(logs(tmp_path), text), "log_2.csv", words)


def test_other_ways_to_write_the_same_table(tmp_path):
    root = logs(tmp_path)
    plain = read_logs(root)
    text = (root / "walk" / "log_2.csv").read_text()
    for other in (
        text.replace("\n", "\r\n"),
        text.replace("\n", "\r"),
        "\ufeff" + text,
        text.replace(",", ";").replace("wrist; ", ""),
        text.replace(",", "\t").replace("wrist\t ", ""),
        text.replace("#", "%"),
        text.replace("#", "//").replace("20 Hz", "rate: 20"),
        text.replace("20 Hz", "0.02 kHz"),
        text.replace("ax[mg]", '"ax[mg]"'),
        text + "\n\n# end\n",
    ):
        (root / "walk" / "log_2.csv").write_bytes(other.encode())
        assert read_logs(root).digest == plain.digest
    (root / "walk" / "log_2.csv").write_bytes(text.replace("wrist", "25 °C").encode("cp1252"))
    assert read_logs(root).digest == plain.digest


def test_logs_that_are_too_short_are_left_out_and_told(tmp_path):
    root = odd(logs(tmp_path), log_text(motion(50)))
    signals = read_logs(root)
    assert said(signals, "Shorter than a window, so left out: 1 log, the first is walk/log_2.csv")
    assert signals.group_names[7] == "walk/log_2.csv"
    assert 7 not in signals.groups
    refused(root, "No log of class 'rest' is as long as a window, 400 samples at 20 Hz", window="20s")
    for path in (root / "walk").glob("log_[1-9].csv"):
        path.write_text(log_text(motion(20)))
    refused(root, "Class 'walk' is of 1 file only")


def test_another_rate_in_the_middle_of_a_class_is_resampled_and_told(tmp_path):
    x = np.cumsum(motion(401, 5), axis=0) / 100 + 980
    root = odd(logs(tmp_path), log_text(x).replace("20 Hz", "40 Hz"))
    signals = read_logs(root)
    assert said(signals, "Resampled to 20 Hz: 1 log of 40 to 40 Hz")
    expected = resample_poly(x, 1, 2, axis=0, padtype="line")
    np.testing.assert_allclose(measured(signals, "walk/log_2.csv")[0], expected[:51], atol=0.2)
    assert read_logs(root, rate=10).x.shape[1] == 26
    refused(root, "cannot be brought to 0.01 Hz", rate=0.01, window="1000s")


def test_a_class_of_one_log_is_refused_and_names_may_have_any_bytes(tmp_path):
    root = logs(tmp_path / "l", count=4)
    (root / "walk" / "log_0.csv").rename(root / "walk" / "log\udcff_0.csv")
    assert r"walk/log\xff_0.csv" in read_logs(root).group_names
    (root / "walk" / "log\udcff_0.csv").write_text("")
    refused(root, r"log\xff_0.csv has no header")
    refused(logs(tmp_path / "one", count=1), "Class 'rest' is of 1 file only", "cut one long file")


def test_a_channel_that_never_varies_is_told(tmp_path):
    root = logs(tmp_path)
    for path in root.glob("*/*.csv"):
        path.write_text(log_text(motion(100, 2) * [1, 0]))
    signals = read_logs(root)
    assert said(signals, "In the training part ay[mg] never varies")
    assert said(signals, "test windows occur in the training part too")


# ---- Parquet


def write_parquet(path, columns):
    parquet.write_table(pyarrow.table(columns), path)


def test_parquet_is_read_as_csv_is(tmp_path, monkeypatch):
    root = logs(tmp_path)
    plain = read_logs(root, rate=20, groups="(?P<log>.*)")
    path = root / "walk" / "log_2.csv"
    rows = np.array([[float(cell) for cell in line.split(",")] for line in path.read_text().splitlines()[3:]])
    path.unlink()
    other = path.with_suffix(".parquet")
    write_parquet(other, {"ax[mg]": rows[:, 0], "ay[mg]": rows[:, 1]})
    assert read_logs(root, rate=20, groups="(?P<log>.*)").digest == plain.digest
    write_parquet(other, {"ax[mg]": [1.0, None, 2.0], "ay[mg]": [1, 2, 3]})
    refused(root, "log_2.parquet, row 2, column 'ax[mg]': no value in 1 samples", rate=20)
    write_parquet(other, {"ax[mg]": ["a", "b"], "ay[mg]": [1, 2]})
    refused(root, "log_2.parquet, row 1, column 'ax[mg]': 'a' is no number", rate=20)
    write_parquet(other, {"ax[mg]": pyarrow.array([], pyarrow.float64()), "ay[mg]": pyarrow.array([], pyarrow.int8())})
    refused(root, "no rows", rate=20)
    other.rename(other.with_name("log\udce9.parquet"))
    refused(root, r"log\xe9.parquet has no rows", rate=20)
    (root / "walk" / "log\udce9.parquet").unlink()
    for raw in (b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1"):
        other.write_bytes(raw)
        refused(root, "log_2.parquet cannot be read as Parquet", rate=20)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(root, "needs pyarrow", ".[parquet]", kind=UsageError, rate=20)
