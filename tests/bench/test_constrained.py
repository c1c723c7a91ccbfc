"""Search under limits against loops, and against what a perfect score must give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.bench.constrained import limits_of, pareto_front, sweep, sweeps
from zeroshot.bench.table import Truth
from zeroshot.errors import DataError, UsageError

from ..strategies import examples


def truth(rows):
    cost, score, accuracy = (np.array(column, float) for column in zip(*rows, strict=True))
    n = len(rows)
    return Truth(
        "t", tuple(map(str, range(n))), {"acc": accuracy}, {"ms": cost}, {"p": score, "acc": accuracy}, np.arange(n)
    )


small = st.integers(0, 4)
tables = st.lists(st.tuples(small, small, small), min_size=1, max_size=12)
briefly = examples(40)


@briefly
@given(tables)
def test_every_pick_is_that_of_a_loop(rows):
    found = sweep(
        truth(rows), "acc", "ms", "p", np.array([4.0]) if min(r[0] for r in rows) > 2 else np.array([2.0, 4.0])
    )
    for i, limit in enumerate(found.limits.tolist()):
        inside = [row for row in rows if row[0] <= limit]
        favourites = [row for row in inside if row[1] == max(r[1] for r in inside)]
        assert found.best[i] == max(row[2] for row in inside)
        assert found.picked[i] == pytest.approx(np.mean([row[2] for row in favourites]))


@briefly
@given(tables)
def test_regret_is_not_negative_and_none_for_the_truth_itself(rows):
    assert (sweep(truth(rows), "acc", "ms", "p").regret >= -1e-12).all()
    assert sweep(truth(rows), "acc", "ms", "acc").regret == pytest.approx(0, abs=1e-12)


@briefly
@given(tables)
def test_the_front_holds_what_nothing_beats(rows):
    data = truth(rows)
    cost, accuracy = data.costs["ms"], data.accuracy["acc"]
    front = pareto_front(cost, accuracy)
    beaten = [
        any((c <= cost[i] and a >= accuracy[i]) and (c < cost[i] or a > accuracy[i]) for c, _, a in rows)
        for i in range(len(rows))
    ]
    assert not any(beaten[i] for i in front)
    assert {(cost[i], accuracy[i]) for i in front} == {
        (cost[i], accuracy[i]) for i in range(len(rows)) if not beaten[i]
    }
    assert (np.diff(cost[front]) > 0).all()


def test_a_score_without_preference_picks_the_mean_within_the_limit():
    data = truth([(1, 0, 10.0), (2, 0, 30.0), (3, 0, 80.0)])
    assert sweep(data, "acc", "ms", "p", np.array([2.0, 3.0])).picked.tolist() == [20.0, 40.0]
    (found,) = sweeps(data, "acc", ["ms"], ["acc"])
    assert (found.nets, found.task, found.proxy, found.cost, found.points) == (data.name, "acc", "acc", "ms", 0.0)


def test_the_last_limit_admits_all():
    assert limits_of(np.array([3.0, 1.0, 2.0]), 5)[-1] == 3.0


def test_nets_that_were_not_measured_or_scored_are_not_picked():
    data = truth([(1, 1, 10.0), (np.nan, 9, 90.0), (1, np.nan, 50.0)])
    found = sweep(data, "acc", "ms", "p", np.array([1.0]))
    assert (found.picked[0], found.best[0]) == (10.0, 50.0)


def test_bad_names_and_limits_are_errors():
    data = truth([(1, 1, 10.0)])
    for names in (("x", "ms", "p"), ("acc", "x", "p"), ("acc", "ms", "x")):
        with pytest.raises(UsageError, match="Unknown"):
            sweep(data, *names)
    with pytest.raises(DataError, match=r"keeps 'ms' at 0\.5"):
        sweep(data, "acc", "ms", "p", np.array([0.5]))
    with pytest.raises(DataError, match="was measured on no net"):
        sweep(truth([(np.nan, 1, 10.0)]), "acc", "ms", "p")


def test_where_a_proxy_is_undefined_on_all_nets_within_a_limit_it_prefers_none():
    data = truth([(1, np.nan, 10.0), (1, np.nan, 30.0), (2, 5, 20.0)])
    assert sweep(data, "acc", "ms", "p", np.array([1.0, 2.0])).picked.tolist() == [20.0, 20.0]
