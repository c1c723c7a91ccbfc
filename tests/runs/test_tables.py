"""Rows of a run's tables: dataclasses to CSV and back, to the letter."""

import csv
import io
import math
from dataclasses import fields, is_dataclass, replace
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.runs import class_rows, rows
from zeroshot.runs.rows import PredictedPair
from zeroshot.runs.tables import Table

from ..strategies import examples

TABLES = [each for module in (rows, class_rows) for each in vars(module).values() if isinstance(each, Table)]
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00\r"), min_size=1, max_size=12)
CELLS = {
    int: st.integers(-(10**9), 10**9), float: NUMBERS, str: TEXT, bool: st.booleans(), str | None: st.none() | TEXT,
    float | None: st.none() | NUMBERS, bool | None: st.none() | st.booleans(),
}  # fmt: skip
CELLS[rows.Threshold] = NUMBERS | st.integers(0, 256) | st.sampled_from(["inf", "17 0 256", "0.25 inf -inf"])
CELLS[rows.Threshold | None] = st.none() | CELLS[rows.Threshold]


def made(row):
    """Any row of a type."""
    hints = get_type_hints(row)
    cells = {}
    for each in fields(row):
        kind = hints[each.name]
        if is_dataclass(kind):
            cells[each.name] = made(kind)
        else:
            cells[each.name] = CELLS[kind] if kind in CELLS else st.dictionaries(st.just("macs"), NUMBERS, min_size=1)
    return st.builds(row, **cells)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.row.__name__)
def test_rows_come_back_equal(table):
    @examples(30)
    @given(st.lists(made(table.row), min_size=1, max_size=3))
    def check(given_rows):
        text = table.to_csv(given_rows)
        assert table.from_csv(text) == given_rows
        assert table.to_csv(table.from_csv(text)) == text
        (head, *lines) = csv.reader(io.StringIO(text, newline=""))
        assert len(lines) == len(given_rows)
        assert list(table.plain(given_rows[0])) == head

    check()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.row.__name__)
def test_every_attribute_has_its_column(table):
    """Counted apart from the machinery: leaves of the dataclass, names of the header."""

    def leaves(row):
        hints = get_type_hints(row)
        return sum(leaves(hints[f.name]) if is_dataclass(hints[f.name]) else 1 for f in fields(row))

    columns = table.columns or fields(table.row)
    assert len(columns) == len(set(columns))
    # Of a measured pair's forecast and of its measurements all are written; a threshold of each stage is one.
    assert len(columns) == leaves(table.row)


PAIR = PredictedPair(
    rank=1, little="a", big="b", accuracy=0.5, accuracy_low=0.4, accuracy_high=0.6, little_accuracy=0.4,
    big_accuracy=0.6, escalation_rate=0.1, latency_ms=1.0, worst_latency_ms=2.0, energy_mj=0.1, worst_energy_mj=0.2,
    macs=3.5, flash_bytes=10, sram_bytes=20, single=None, single_accuracy=None, single_latency_ms=None, gain=None,
    gain_error=None, pays=None,
)  # fmt: skip


def test_the_text_is_plain_csv():
    head, line = rows.PAIRS.to_csv([PAIR]).splitlines()
    assert head.startswith("rank,little,big,accuracy,accuracy_low")
    assert line == "1,a,b,0.5,0.4,0.6,0.4,0.6,0.1,1.0,2.0,0.1,0.2,3.5,10,20,,,,,,"
    assert rows.PAIRS.to_csv([]) == ""
    assert rows.PAIRS.from_csv("") == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: text.replace("0.5", "half"), "half"), (lambda text: text.replace("rank,", "place,"), "rank"),
        (lambda text: text.replace("1,a,b,0.5", "1,a,b"), "row 1"), (lambda text: text.replace("1,a", "1.5,a"), "1.5"),
        (lambda text: text.replace("0.5", ""), "accuracy"), (lambda text: text.replace(",10,", ",ten,"), "ten"),
    ],
)  # fmt: skip
def test_damage_is_named(change, word):
    with pytest.raises(ValueError, match=word):
        rows.PAIRS.from_csv(change(rows.PAIRS.to_csv([PAIR])))


NEW = ("rival", "over_", "budget_", "metric", "balanced", "value")


@examples(10)
@given(made(rows.MeasuredPair))
def test_columns_that_an_older_version_did_not_write_are_empty(pair):
    """Those with a default, and no others."""
    reader = csv.DictReader(io.StringIO(rows.TRAINED_PAIRS.to_csv([pair]), newline=""))
    (cells,) = reader
    old = {name: cell for name, cell in cells.items() if not name.startswith(NEW)}
    assert len(cells) - len(old) == 15
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, old)
    writer.writeheader()
    writer.writerow(old)
    (read,) = rows.TRAINED_PAIRS.from_csv(text.getvalue())
    assert read.test.rival is read.test.rivals_ahead is read.test.over_budget is read.test.budget_threshold is None
    assert (read.metric, read.test.balanced, read.test.value, read.test.rival_value) == ("accuracy", None, None, None)
    assert (read.predicted, read.test.verdict, read.models) == (pair.predicted, pair.test.verdict, pair.models)
    for needed in ("rank", "accuracy_test", "big_model"):
        with pytest.raises(ValueError, match=needed):
            rows.TRAINED_PAIRS.from_csv(text.getvalue().replace(needed, "other", 1))


@examples(10)
@given(made(rows.MeasuredPair))
def test_a_cost_without_a_value_stays_without(pair):
    """Where every input escalates the big net's own cost is unknown."""
    known = replace(pair, test=replace(pair.test, latency_ms=math.nan))
    (read,) = rows.TRAINED_PAIRS.from_csv(rows.TRAINED_PAIRS.to_csv([known]))
    assert math.isnan(read.test.latency_ms)
    for unheard in (math.nan, math.inf):
        for changed in (replace(pair.test, accuracy=unheard), replace(pair.test, gain=unheard)):
            with pytest.raises(ValueError, match="no number"):
                rows.TRAINED_PAIRS.from_csv(rows.TRAINED_PAIRS.to_csv([replace(pair, test=changed)]))
