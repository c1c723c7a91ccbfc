"""Rates and gaps: what time columns and comments say, what is mended, and where it is not."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import DataError
from zeroshot.signals.gaps import without_gaps
from zeroshot.signals.logs import read_logs
from zeroshot.signals.table import Table, read_table
from zeroshot.signals.timing import timing_of

from .files import log_text, logs, motion, refusal


def table(tmp_path, text):
    path = tmp_path / "log.csv"
    path.write_text(text)
    return read_table(path)


def timed(tmp_path, times, name="time[ms]", given=None):
    values = np.column_stack([times, np.arange(len(times))])
    text = f"{name},x\n" + "".join(f"{time:.12g},{x:g}\n" for time, x in values)
    return timing_of(table(tmp_path, text), given)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("time[ms]", 1000), ("time[s]", 1), ("Time (s)", 1), ("timestamp_ms", 1000), ("seconds", 1),
        ("t_ms", None), ("Timestamp [us]", 1e6), ("milliseconds", 1000), ("time", None),
    ],
)  # fmt: skip
def test_the_rate_is_that_of_the_time_column(name, unit, tmp_path):
    timing = timed(tmp_path, np.arange(50) / 25 * (unit or 1), name)
    assert timing.rate == (pytest.approx(25) if unit else None)
    assert timing.place.tolist() == list(range(50))
    assert timing.column == (None if name == "t_ms" else 0)


def test_times_rounded_to_milliseconds_and_shaken_give_the_mean_rate(tmp_path):
    rng = np.random.default_rng(0)
    times = np.rint(np.arange(500) * 1000 / 26 + rng.uniform(-8, 8, 500) + 1e6)
    timing = timed(tmp_path, times)
    assert timing.rate == pytest.approx(26, rel=2e-3)
    assert timing.place.tolist() == list(range(500))


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([0, 10, 20, 20, 30], "line 5, column 'time[ms]': time stands still"),
        ([0, 10, 20, 5, 30], "line 5, column 'time[ms]': time stands still or runs back"),
        ([0, 10, 20, 23, 33, 43], "line 5, column 'time[ms]': less than half a period"),
        ([0, 10, 20, 1e11, 1e11 + 10], "line 5, column 'time[ms]': time jumps"),
        ([0, 1e-6, 2e-6], "by its steps and unit the log has 1e+09 samples a second"),
    ],
)
def test_times_that_are_none_are_named(times, words, tmp_path):
    with pytest.raises(DataError) as caught:
        timed(tmp_path, times)
    assert words in refusal(caught)


@pytest.mark.parametrize("cell", ["", "NaN", "2024-01-01 12:00", "noon"])
def test_times_in_words_are_named(cell, tmp_path):
    with pytest.raises(DataError, match=r"log.csv, line 3, column 'time\[s\]': .* is no time in numbers"):
        timing_of(table(tmp_path, f"time[s],x\n0,1\n{cell},2\n2,3\n"), 20)


@pytest.mark.parametrize(
    ("comment", "rate"),
    [
        ("# 26 Hz", 26), ("# ODR: 104", 104), ("# sampling rate = 12.5", 12.5), ("# fs=100", 100), ("# 1.6kHz", 1600),
        ("# rate: 50 Hz; 50 Hz", 50), ("# range 16 g, chip rev 3.1", None), ("# x5Hz 0 Hz", None),
    ],
)  # fmt: skip
def test_comments_name_a_rate(comment, rate, tmp_path):
    assert timing_of(table(tmp_path, f"{comment}\nx,y\n1,2\n"), None).rate == rate


def test_a_rate_that_is_given_holds_where_the_file_is_silent_or_in_doubt(tmp_path):
    doubtful = table(tmp_path, "# 50 Hz, filter 20 Hz\nx\n1\n2\n")
    assert timing_of(doubtful, 40).rate is None
    with pytest.raises(DataError, match="several rates"):
        timing_of(doubtful, None)
    root = logs(tmp_path / "logs")
    for path in root.glob("*/*.csv"):
        path.write_text(log_text(motion(100), comment=""))
    assert read_logs(root, rate=40, window="1s").x.shape[1] == 40
    with pytest.raises(DataError, match="log_0.csv does not say how many samples a second"):
        read_logs(root)


# ---- gaps


def gappy(root, keep, name="walk/log_2.csv", values=None):
    """Logs with times at 20 Hz, one without some of its rows."""
    logs(root)
    for path in root.glob("*/*.csv"):
        rows = motion(100, len(path.parent.name))
        if str(path.relative_to(root)) == name:
            rows = np.stack([np.arange(100.0), 5 - 3 * np.arange(100.0)], 1) if values is None else values
            rows = np.column_stack([np.arange(100) / 20, rows])[keep]
        else:
            rows = np.column_stack([np.arange(100) / 20, rows])
        text = log_text(rows, "time[s],ax[mg],ay[mg]", "")
        path.write_text(text.replace("nan", ""))
    return root


def test_rows_that_are_missing_are_mended_where_that_was_asked_for(tmp_path):
    keep = np.delete(np.arange(100), [50, 51, 52, 70])
    root = gappy(tmp_path, keep)
    with pytest.raises(DataError) as caught:
        read_logs(root)
    assert "walk/log_2.csv, line 52: 3 rows are missing before it" in refusal(caught)
    signals = read_logs(root, repair="linear", hop="0.05s")
    found = (signals.x * signals.step)[signals.groups == signals.group_names.index("walk/log_2.csv")]
    expected = np.stack([np.arange(100), 5 - 3 * np.arange(100)], 1)
    np.testing.assert_allclose(found[49], expected[49:], atol=0.2)
    assert any("straight lines between their neighbours: 8 values" in remark for remark in signals.remarks)
    assert signals.rate == pytest.approx(20)
    with pytest.raises(DataError, match="line 52: 3 rows are missing"):
        read_logs(root, repair="linear", longest_gap="100ms")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (slice(40, 41), "line 42, column 'ay[mg]': no value in 1 samples"),
        (slice(0, 1), "line 2, column 'ay[mg]': the log begins without a value"),
        (slice(98, None), "line 100, column 'ay[mg]': the log ends without a value"),
        (slice(None), "line 2, column 'ay[mg]': no row has a value"),
    ],
)
def test_values_that_are_missing_are_named(rows, words, tmp_path):
    values = motion(100, 3)
    values[rows, 1] = np.nan
    root = gappy(tmp_path, slice(None), values=values)
    with pytest.raises(DataError) as caught:
        read_logs(root)
    assert f"walk/log_2.csv, {words}" in refusal(caught)
    if rows == slice(40, 41):
        assert read_logs(root, repair="linear").x.shape == (20, 51, 2)
    else:
        with pytest.raises(DataError):
            read_logs(root, repair="linear")


@given(holes=st.sets(st.integers(0, 29)), lost=st.sets(st.integers(1, 28)), most=st.integers(0, 5))
def test_a_gap_is_mended_if_and_only_if_it_is_short_enough(holes, lost, most):
    """Holes in a column, rows lost as a whole; against runs counted the slow way. A straight line is its own repair."""
    rows = [row for row in range(30) if row not in lost]
    values = np.array([[np.nan if row in holes else 3 - 2.0 * row, row] for row in rows])
    made = Table(Path("log.csv"), (), ("x", "y"), [["", ""]] * len(rows), rows)

    def longest(gone):
        return max(map(len, "".join("x" if row in gone else " " for row in range(30)).split()), default=0)

    open_end = {0, 29} & holes
    if open_end or longest(holes | lost) > most:
        with pytest.raises(DataError, match=r"rows are missing|samples on end|begins|ends|no row"):
            without_gaps(made, ("x", "y"), values, np.array(rows), most)
    else:
        found, mended = without_gaps(made, ("x", "y"), values, np.array(rows), most)
        np.testing.assert_allclose(found, [[3 - 2.0 * row, row] for row in range(30)], atol=1e-9)
        assert mended == len(holes | lost) + len(lost)
