"""`zeroshot show RUN`: shares and what is taken for what, from the tables of a run alone."""

import json

import pytest

from zeroshot.errors import UsageError
from zeroshot.runs.class_rows import CLASSES, CONFUSION, ClassAnswers, ClassShare
from zeroshot.runs.classes import class_words, majority
from zeroshot.runs.layout import CLASSES as CLASSES_FILE
from zeroshot.runs.layout import CONFUSION as CONFUSION_FILE
from zeroshot.runs.layout import MODELS
from zeroshot.runs.shown import show

from ..run_folders import listed_pair, run_folder

SHARES = [ClassShare("a, b", 90, 5), ClassShare("rare", 10, 4)]


def answers(who, a, b):
    """Rows of two classes; of the five and the four test images so many are answered with the first class."""
    return [
        ClassAnswers(1, who, "a, b", 5, a / 5, {"a, b": a, "rare": 5 - a}),
        ClassAnswers(1, who, "rare", 4, (4 - b) / 4, {"a, b": b, "rare": 4 - b}),
    ]


@pytest.fixture
def run(tmp_path):
    folder = run_folder(tmp_path / "run", [listed_pair(1, "r8-s4-c3w8x1", "r8-s8-c3w8x1")])
    (folder / CLASSES_FILE).write_text(CLASSES.to_csv(SHARES))
    return folder


def test_matrices_are_shown_and_told(cli, run):
    (run / MODELS).mkdir()
    rows = [*answers("little", 5, 4), *answers("big", 4, 2), *answers("pair", 4, 1)]
    (run / MODELS / CONFUSION_FILE).write_text(CONFUSION.to_csv(rows))
    human = cli("show", run)
    assert human.exit_code == 0, human.stderr
    assert all(len(line) <= 80 for line in human.stdout.splitlines())
    for words in ("90.0 / 55.6 %", "accuracy 77.8 %, balanced 77.5 %", "as rare", "balanced 50.0 %"):
        assert words in human.stdout
    told = json.loads(cli("show", run, "--json").stdout)
    assert told["majority"] == {"class": "a, b", "accuracy": 5 / 9}
    assert [each["who"] for each in told["answers"]] == ["little", "big", "pair"]
    assert told["answers"][2]["confusion"] == {"a, b": {"a, b": 4, "rare": 1}, "rare": {"a, b": 1, "rare": 3}}
    assert told["answers"][2]["recall"] == {"a, b": 0.8, "rare": 0.75}
    assert told["answers"][2]["balanced"] == pytest.approx(0.775)
    pair = show(run).answered[-1]
    assert pair.taken_for("rare") == {"a, b": (1, 5)}
    with pytest.raises(UsageError, match="'rar'"):
        pair.taken_for("rar")


def test_a_search_alone_has_shares(cli, run):
    told = cli("show", run)
    assert told.exit_code == 0
    assert "No net is trained" in told.stdout
    assert json.loads(cli("show", run, "--json").stdout)["answers"] == []


def test_what_is_no_run_or_has_no_classes_is_refused(cli, run, check_failure):
    check_failure(("show", "nowhere"), 1, "not the folder of a run")
    (run / CLASSES_FILE).unlink()
    check_failure(("show", run), 1, CLASSES_FILE)
    (run / CLASSES_FILE).write_text("class,train\na,1\n")
    check_failure(("show", run), 1, CLASSES_FILE)


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ([ClassShare(str(i), 10, 10) for i in range(10)], ("10 classes of like shares", "10.0 %")),
        (SHARES, ("2 classes", "'rare' 10.0 / 44.4 %", "55.6 %", "50.0 %")),
        ([ClassShare(str(i), 10 + 90 * (i == 7), 10) for i in range(10)], ("from '7' 52.6", CLASSES_FILE)),
    ],
)
def test_shares_in_words(shares, words):
    told = class_words(shares)
    assert all(each in told for each in words)
    assert "'7'" in told or majority(shares)[0] != "7"
