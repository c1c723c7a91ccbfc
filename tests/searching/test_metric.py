"""What a search does with a metric that it cannot expect anything of: it says so, and hands it on."""

import numpy as np
import pytest

from zeroshot.data import load
from zeroshot.errors import UsageError
from zeroshot.runs.reading import read_config
from zeroshot.runs.shown import show
from zeroshot.searching.plan import plan
from zeroshot.searching.search import search

FEW = {"nets": 30, "scored": 100, "shortlist": 0, "calibrate": 0}


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    run = tmp_path_factory.mktemp("metric") / "run"
    return search("digits", latency="5ms", metric="recall:8", run=run, **FEW)


def test_it_ranks_by_accuracy_and_says_so(asked):
    plain = search("digits", latency="5ms", **FEW)
    assert asked.pairs == plain.pairs
    (remark,) = (each for each in asked.remarks if "recall:8" in each)
    assert "accuracy" in remark
    assert [each for each in asked.remarks if each != remark] == plain.remarks


def test_the_run_keeps_it_and_counts_the_classes(asked):
    digits = load("digits")
    assert read_config(asked.run)["metric"] == asked.summary()["metric"] == "recall:8"
    assert [row.train for row in asked.classes] == np.bincount(digits.y_train).tolist()
    assert [row.test for row in asked.classes] == np.bincount(digits.y_test).tolist()
    shown = show(asked.run)
    assert (shown.metric, shown.classes, shown.answered) == ("recall:8", asked.classes, [])


@pytest.mark.parametrize(("metric", "hint"), [("recall:88", "8"), ("recal:8", "recall:CLASS"), ("", "Known")])
def test_what_is_no_metric_of_these_classes_is_refused_at_once(metric, hint):
    for function in (search, plan):
        with pytest.raises(UsageError) as caught:
            function("digits", latency="5ms", metric=metric)
        assert hint in caught.value.hint
