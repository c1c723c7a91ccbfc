"""The verdict on a pair: answers made up so that the best rival, the gain and the word are known by hand."""

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.cascade.thresholds import Rule
from zeroshot.training.costs import CostLimits, cost_of, highest_rate
from zeroshot.training.pair_figures import Trial, pair_figures

from ..strategies import examples
from .answers import MODELS, answering, forecast, judged, two_classes

N = 100
IMAGES = np.arange(N)
SURE = np.where(IMAGES < 70, 5.0, 1.0)  # the last 30 escalate: 1 ms + 0.3 x 10 ms


@pytest.fixture(scope="module")
def split():
    return two_classes(N, N)


def test_a_pair_that_beats_all_that_could_be_shipped_pays(split):
    """80 % and 90 % alone, 100 % together, 90 % the single net; the big net is slower than the pair."""
    small, large = answering(split, IMAGES < 80, SURE), answering(split, IMAGES >= 10)
    told = judged(split, small, large, answering(split, IMAGES < 90))
    assert (told.accuracy, told.escalation_rate, told.latency_ms) == (1.0, 0.3, 4.0)
    assert (told.rival, told.rival_model, told.rival_accuracy, told.rival_latency_ms) == ("single", "other", 0.9, 3.5)
    assert told.gain == pytest.approx(0.1)
    assert told.gain_low > 0
    assert (told.verdict, told.rivals_ahead) == ("pays", None)


def test_a_little_net_that_is_better_alone(split):
    """Beside the single net alone the pair would pay."""
    small, large = answering(split, IMAGES < 90, SURE), answering(split, IMAGES < 80)
    told = judged(split, small, large, answering(split, IMAGES < 60))
    assert (told.accuracy, told.single_accuracy) == (0.8, 0.6)
    assert (told.rival, told.rival_model, told.rival_accuracy, told.rival_latency_ms) == ("little", "small", 0.9, 1.0)
    assert (told.gain, told.verdict) == (pytest.approx(-0.1), "does not pay")


def test_a_big_net_that_is_no_slower(split):
    """6 ms + 0.3 x 8 ms is 8.4 ms; alone the big net takes 8 ms and is always right."""
    small, large = answering(split, IMAGES < 60, SURE), answering(split, np.ones(N, bool))
    close = forecast(0.3, 6.0, 8.0)
    told = judged(split, small, large, answering(split, IMAGES < 70), predicted=close)
    assert (told.accuracy, told.latency_ms) == (0.9, pytest.approx(8.4))
    assert (told.rival, told.rival_model, told.rival_accuracy) == ("big", "large", 1.0)
    assert told.rival_latency_ms == pytest.approx(8.0)
    assert told.verdict == "does not pay"
    # A big net that breaks a budget cannot be shipped, one that is slower than the pair is none of its rivals.
    for limits in (CostLimits(latency_ms=7.9), CostLimits(energy_mj=0.79)):
        assert judged(split, small, large, predicted=close, limits=limits).rival == "little"
    assert judged(split, small, large, predicted=forecast(0.3, 6.0, 9.0)).rival == "little"


def test_a_rate_that_is_higher_than_the_search_thought_makes_the_big_net_a_rival(split):
    """Where the test images escalate all, the pair costs more than its big net."""
    gaps = {"validation": SURE, "test": np.ones(N)}
    told = judged(split, answering(split, IMAGES < 80, gaps), answering(split, IMAGES < 95))
    assert (told.escalation_rate, told.rival, told.verdict) == (1.0, "big", "does not pay")


def test_equal_answers_do_not_pay(split):
    half = answering(split, IMAGES < 50, SURE)
    told = judged(split, half, half, half)
    assert (told.gain, told.gain_low, told.gain_high, told.verdict) == (0.0, 0.0, 0.0, "does not pay")
    assert told.rival == "little"  # of equals the fastest


def test_a_single_net_that_is_slower_than_the_pair_is_no_rival(split):
    small, large = answering(split, IMAGES < 80, SURE), answering(split, IMAGES >= 10)
    slow = forecast(single_ms=4.1)
    told = judged(split, small, large, answering(split, IMAGES < 100), predicted=slow)
    assert (told.rival, told.verdict, told.single_accuracy) == ("little", "pays", 1.0)


def test_a_threshold_that_lands_below_its_rate_loses_no_rival(split):
    """A rate of 35 % is granted, 30 % of the images have a score that low; the single net takes what was granted."""
    small, large = answering(split, IMAGES < 80, SURE), answering(split, IMAGES >= 10)
    told = judged(split, small, large, answering(split, IMAGES < 90), predicted=forecast(0.35, single_ms=4.5))
    assert (told.escalation_rate_validation, told.latency_ms, told.rival) == (0.3, pytest.approx(4.0), "single")


def test_a_gain_that_may_be_chance_may_pay(split):
    """One image of a hundred."""
    small, large = answering(split, IMAGES < 80, SURE), answering(split, IMAGES >= 10)
    told = judged(split, small, large, answering(split, IMAGES < 99))
    assert (told.gain, told.gain_low, told.verdict) == (pytest.approx(0.01), 0.0, "may pay")


def test_validation_images_choose_the_rival_and_test_images_do_not(split):
    """The other net does best on validation images; on test images the little one beats it, and the pair."""
    small = answering(split, {"validation": IMAGES < 80, "test": IMAGES < 95}, SURE)
    large = answering(split, {"validation": IMAGES >= 10, "test": IMAGES < 90})
    told = judged(split, small, large, answering(split, {"validation": IMAGES < 90, "test": IMAGES < 70}))
    assert (told.accuracy, told.little_accuracy) == (0.9, 0.95)
    assert (told.rival, told.gain) == ("single", pytest.approx(0.2))
    assert told.gain_low > 0
    assert (told.verdict, told.rivals_ahead) == ("may pay", "small")


def test_nets_of_other_pairs_are_rivals(split):
    first, second = forecast(), replace(forecast(0.1, 2.0, 20.0), rank=2)
    others = replace(MODELS, little="tiny", big="huge", single=None)
    nets = {
        "small": answering(split, IMAGES < 60, SURE), "large": answering(split, IMAGES < 90),
        "other": answering(split, IMAGES < 70), "tiny": answering(split, IMAGES < 95, SURE),
        "huge": answering(split, IMAGES < 99),
    }  # fmt: skip
    trial = Trial.of([(first, MODELS), (second, others)], nets, split, "logit-gap", 0, CostLimits())
    told = pair_figures(first, MODELS, trial)
    assert (told.rival, told.rival_model, told.rival_latency_ms) == ("single", "tiny", pytest.approx(2.0))
    assert told.verdict == "does not pay"


def test_a_search_that_let_every_input_escalate_knows_no_little_net_alone(split):
    predicted = forecast(1.0)
    told = judged(split, answering(split, IMAGES < 99, SURE), answering(split, IMAGES < 90), predicted=predicted)
    assert (told.rival, told.rival_latency_ms, told.verdict) == ("little", None, "does not pay")


def flags(n):
    return st.lists(st.booleans(), min_size=n, max_size=n).map(np.array)


@st.composite
def worlds(draw):
    """Nets that answer anything, costs of any kind, and budgets or none."""
    n = draw(st.integers(1, 20))
    split = two_classes(n, n)
    gaps = [{part: np.array(draw(st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=n, max_size=n)))
             for part in ("validation", "test")} for _ in range(3)]  # fmt: skip
    nets = [answering(split, {"validation": draw(flags(n)), "test": draw(flags(n))}, gap) for gap in gaps]
    quarters = st.integers(1, 40).map(lambda i: i / 4)
    little = draw(quarters)
    predicted = forecast(draw(st.integers(0, 9)) / 10, little, little + draw(quarters), draw(quarters))
    limits = CostLimits(draw(quarters | st.just(inf)), draw(quarters | st.just(inf)))
    return split, nets, predicted, limits


@examples(60)
@given(world=worlds())
def test_what_pays_is_ahead_of_each_rival(world):
    """The rivals are found anew: costs that are whole quarters, with room for rounding."""
    split, nets, predicted, limits = world
    told = judged(split, *nets, predicted=predicted, limits=limits)
    big = predicted.worst_latency_ms - (base := cost_of(predicted, "latency_ms", 0.0))
    granted = max(
        base + rate * big for rate in (predicted.escalation_rate, told.escalation_rate, told.escalation_rate_validation)
    )
    hits = {
        part: [int((net.outputs[part].argmax(1) == split.labels(part)).sum()) for net in nets]
        for part in ("validation", "test")
    }  # fmt: skip
    n = len(split.labels("test"))
    able = [0] + [
        i for i, latency in ((1, big), (2, predicted.single_latency_ms))
        if latency <= granted + 1e-6 and latency <= limits.latency_ms + 1e-6 and latency / 10 <= limits.energy_mj + 1e-6
    ]  # fmt: skip
    chosen = ["little", "big", "single"].index(told.rival)
    assert chosen in able
    assert hits["validation"][chosen] == max(hits["validation"][i] for i in able)
    assert told.rival_accuracy == hits["test"][chosen] / n
    assert told.gain == pytest.approx(told.accuracy - told.rival_accuracy)
    gains = [told.accuracy - hits["test"][i] / n for i in able]
    if told.verdict == "pays":
        assert min(gains) > 0
        assert told.gain_low > 0
    elif told.verdict == "may pay":
        assert told.gain > 0
        assert told.gain_low <= 0 or min(gains) <= 1e-12
    else:
        assert told.gain <= 0


# ---- budgets


RAMP = IMAGES + 1.0  # the logit gap of an image: image i escalates below a threshold of i + 2


def ramp(split):
    """Rate k % escalates the first k images, which the big net gets right and the little one does not."""
    return answering(split, IMAGES >= 40, RAMP), answering(split, IMAGES < 60)


@pytest.mark.parametrize(
    ("limits", "over", "kept"),
    [
        (CostLimits(), None, None), (CostLimits(4.0, 0.4), None, None), (CostLimits(latency_ms=3.0), "latency", 20),
        (CostLimits(energy_mj=0.25), "energy", 15), (CostLimits(3.0, 0.25), "latency energy", 15),
        (CostLimits(4.5, 0.25), "energy", 15), (CostLimits(latency_ms=1.0), "latency", 0),
        (CostLimits(latency_ms=0.9), "latency", None), (CostLimits(3.0, 0.09), "latency energy", None),
    ],
)  # fmt: skip
def test_a_pair_that_overdraws_a_budget_is_marked_with_the_rate_that_keeps_it(split, limits, over, kept):
    """At 30 % a pair takes 1 + 3 ms and 0.1 + 0.3 mJ."""
    told = judged(split, *ramp(split), limits=limits)
    assert told.over_budget == over
    if kept is None:
        assert told.budget_rate is told.budget_threshold is told.budget_accuracy is None
    else:
        assert (told.budget_rate, told.budget_threshold) == (kept / 100, kept + 1)
        assert told.budget_accuracy == pytest.approx(0.6 + kept / 100)


def test_a_rule_for_an_accuracy_may_overdraw_a_budget(split):
    """60 % and a point an image: 95 % needs 35 images, the budget allows 20."""
    told = judged(split, *ramp(split), limits=CostLimits(latency_ms=3.0), rule=Rule(floor=0.95))
    assert (told.escalation_rate_validation, told.over_budget, told.budget_rate) == (0.35, "latency", 0.2)


def test_thresholds_for_each_class_stay_so_inside_the_budget(split):
    """40 images are worth it, 20 a class; the budget allows one class."""
    told = judged(split, *ramp(split), limits=CostLimits(latency_ms=3.0), rule=Rule(0.4, classes=2))
    assert (told.escalation_rate_validation, told.over_budget, told.budget_rate) == (0.4, "latency", 0.2)
    assert len(str(told.budget_threshold).split()) == 2


def test_test_images_that_escalate_more_than_chance_allows_overdraw_a_budget(split):
    """30 % on validation images keep it, 100 % of the test images do not; no threshold was to blame."""
    small = answering(split, IMAGES >= 40, {"validation": RAMP, "test": np.ones(N)})
    told = judged(split, small, answering(split, IMAGES < 60), limits=CostLimits(latency_ms=4.0))
    assert (told.escalation_rate_validation, told.escalation_rate, told.over_budget) == (0.3, 1.0, "latency")
    assert told.budget_rate is None
    little_more = {"validation": RAMP, "test": RAMP - (IMAGES == 30)}  # image 31 of the test images escalates too
    more = judged(split, answering(split, IMAGES >= 40, little_more), answering(split, IMAGES < 60),
                  limits=CostLimits(latency_ms=4.0))  # fmt: skip
    assert (more.escalation_rate, more.over_budget) == (0.31, None)


@given(
    rate=st.floats(0, 0.95), little=st.floats(0.1, 10), big=st.floats(0.1, 100), budget=st.floats(0.05, 120)
)  # fmt: skip
def test_the_highest_rate_within_a_budget_spends_it(rate, little, big, budget):
    predicted = forecast(rate, little, big)
    found = highest_rate(predicted, "latency_ms", budget)
    if found is None:
        assert budget < little * (1 + 1e-6)
    else:
        spent = cost_of(predicted, "latency_ms", found)
        assert spent <= budget * (1 + 1e-6)
        assert found == 1.0 or spent == pytest.approx(budget, rel=1e-6)


def test_costs_that_are_one_figure_are_known_at_that_rate_alone():
    everything = forecast(1.0)
    assert cost_of(everything, "latency_ms", 1.0) == 11.0
    assert cost_of(everything, "latency_ms", 0.5) == pytest.approx(nan, nan_ok=True)
    assert highest_rate(everything, "latency_ms", 12.0) == 1.0
    assert highest_rate(everything, "latency_ms", 6.0) is None


def test_budgets_of_a_config():
    assert CostLimits.asked({}) == CostLimits(inf, inf)
    assert CostLimits.asked({"latency_limit": 20, "energy_limit": None}) == CostLimits(20.0, inf)
