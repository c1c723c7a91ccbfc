"""The generic table: what is read, and that every error names its row and column."""

import sys

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from zeroshot.bench.table import read_scores, read_table
from zeroshot.errors import DataError, UsageError

GOOD = "net,acc,ms,params,mine,comment\na,0.5,3,100,1.5,x\nb,0.25,4,200,,y\nc,0.75,5,300,nan,\n"


@pytest.fixture
def read(tmp_path):
    def make(text, accuracy=("acc",), **options):
        path = tmp_path / "t.csv"
        path.write_text(text)
        return read_table(path, accuracy, **options)

    return make


def test_columns_are_sorted_into_truth_costs_and_scores(read):
    found = read(GOOD, costs=("ms",))
    assert found.nets == ("a", "b", "c")
    assert found.accuracy["acc"].tolist() == [50.0, 25.0, 75.0]  # fractions become percent
    assert set(found.costs) == {"ms", "params"}
    assert set(found.scores) == {"params", "mine", "random"}
    assert found.scores["mine"][0] == 1.5
    assert np.isnan(found.scores["mine"][1:]).all()
    assert found.duplicates() == "3 rows, 3 distinct nets"


def test_percent_stays_percent(read):
    assert read("net,acc\na,50\nb,0.5\n").accuracy["acc"].tolist() == [50.0, 0.5]


def test_rows_choose_everything(read):
    found = read(GOOD, costs=("ms",)).rows(np.array([False, True, True]))
    assert found.nets == ("b", "c")
    assert found.costs["ms"].tolist() == [4.0, 5.0]
    assert len(found) == len(found.groups) == len(found.scores["random"]) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("net,acc\na,1\na,2\n", ["row 2", "'net'", "'a'", "row 1"]),
        ("net,acc\na,1\nb,nan\n", ["row 2", "'acc'", "nan"]),
        ("net,acc\na,1\nb,\n", ["row 2", "'acc'", "no number"]),
        ("net,acc\na,1\nb,inf\n", ["row 2", "'acc'"]),
        ("net,acc\na,1\nb,two\n", ["row 2", "'acc'", "'two'"]),
        ("net,acc\na,1\n,2\n", ["row 2", "'net'", "no name"]),
        ("net,acc\na,1\nb,101\n", ["row 2", "'acc'", "101"]),
        ("net,acc\na,-1\nb,1\n", ["row 1", "'acc'"]),
        ("net,acc,p\na,1,2\nb,2,x\n", ["row 2", "'p'", "'x'"]),
        ("net,acc,p\na,1,2\nb,2,inf\n", ["row 2", "'p'"]),
        ("net,acc\na,1\nb\n", ["row 2", "1 cells", "2"]),
        ("net,acc,acc\na,1,2\n", ["two columns", "'acc'"]),
        ("net,acc\n", ["no rows"]),
        ("", ["no rows"]),
    ],
)
def test_errors_name_row_and_column(read, text, words):
    with pytest.raises(DataError) as caught:
        read(text)
    for word in words:
        assert word in caught.value.message


def test_wrong_columns_are_named_with_what_there_is(read):
    with pytest.raises(UsageError, match="'accuracy'") as caught:
        read("net,acc\na,1\n", ("accuracy",))
    assert "acc" in caught.value.hint
    for options in ({"costs": ("mm",)}, {"proxies": ("q",)}):
        with pytest.raises(UsageError, match="Unknown column"):
            read(GOOD, **options)
    with pytest.raises(UsageError, match="No column"):
        read(GOOD, ())
    with pytest.raises(UsageError, match="column 'random'"):
        read("net,acc,random\na,1,2\n")


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        (",net,acc,p\n0,a,1,2\n1,b,2,3\n", "column 1 has no name", "index=False"),
        ("Unnamed: 0,net,acc,p\n0,a,1,2\n1,b,2,3\n", "column 1 has no name", "index=False"),
        (",acc,p\na,1,2\nb,2,3\n", "column 1 has no name", "index_label='net'"),
        ("net;acc;p\na;1,5;2\nb;2;3\n", "by semicolons", "with commas"),
        ("net\tacc\tp\na\t1\t2\nb\t2\t3\n", "by tabs", "with commas"),
        ("net,acc,ms\na,1,2\nb,2,-1\n", "row 2, column 'ms': -1 is no cost", "empty where it was not measured"),
        ("net,acc,ms,macs\na,1,2,-3\nb,2,1,4\n", "row 1, column 'macs': -3 is no cost", "count from 0"),
    ],
)
def test_what_other_programs_write_has_a_hint(read, text, words, hint):
    with pytest.raises(DataError) as caught:
        read(text, costs=("ms",) if "ms" in text else ())
    assert words in caught.value.message
    assert hint in caught.value.hint


def test_the_column_of_names_is_guessed(read):
    for name in ("net", "name"):
        with pytest.raises(UsageError, match=f"no column '{name}'") as caught:
            read("arch,acc,note,p\na,1,x,1\nb,2,x,2\n", net=name)
        assert "Is it 'arch'? Name it with `net`" in caught.value.hint
    with pytest.raises(UsageError, match="no column 'net'") as caught:
        read("acc,p\n1,1\n2,2\n")
    assert "There are: acc, p." in caught.value.hint


def test_costs_may_lack_nets_and_sizes_may_not(read):
    found = read("net,acc,ms,p\na,1,,1\nb,2,3,2\n", costs=("ms",))
    assert np.isnan(found.costs["ms"][0])
    with pytest.raises(DataError, match="row 1, column 'macs'"):
        read("net,acc,macs,p\na,1,,1\nb,2,3,2\n")


def test_a_missing_file_and_one_that_is_no_text(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        read_table(tmp_path / "no.csv")
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(path)


def test_scores_alone(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("p,net,note\n1,a,x\n,b,\n")
    names, found = read_scores(path)
    assert names == ("a", "b")
    assert list(found) == ["p"]
    assert found["p"][0] == 1
    assert np.isnan(found["p"][1])
    path.write_text("net,note\na,x\n")
    with pytest.raises(UsageError, match="no column of scores"):
        read_scores(path)
    path.write_text("cell,p\na,1\n")
    with pytest.raises(UsageError, match="no column 'net' with the nets' names") as caught:
        read_scores(path)
    assert "Is it 'cell'?" in caught.value.hint


def test_parquet_says_the_same_as_csv(tmp_path):
    (tmp_path / "t.csv").write_text(GOOD)
    whole = pyarrow.table(
        {
            "net": ["a", "b", "c"], "acc": [0.5, 0.25, 0.75], "ms": [3, 4, 5], "params": [100, 200, 300],
            "mine": [1.5, None, float("nan")], "comment": ["x", "y", None],
        }
    )  # fmt: skip
    parquet.write_table(whole, tmp_path / "t.parquet")
    one, other = (read_table(tmp_path / name, ("acc",), ("ms",)) for name in ("t.csv", "t.parquet"))
    assert one.nets == other.nets
    assert one.accuracy["acc"].tolist() == other.accuracy["acc"].tolist()
    assert one.costs.keys() == other.costs.keys()
    assert one.scores.keys() == other.scores.keys()
    assert all(np.array_equal(one.scores[name], other.scores[name], equal_nan=True) for name in one.scores)


def test_parquet_is_checked_as_csv_is(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"net": ["a", "b"], "acc": [1.0, None]}), path)
    with pytest.raises(DataError, match="row 2, column 'acc'"):
        read_table(path, ("acc",))
    path.write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_table(path)
    with pytest.raises(UsageError, match="no file"):
        read_table(tmp_path / "none.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match="needs pyarrow") as caught:
        read_table(path)
    assert ".[parquet]" in caught.value.hint
