"""The accuracy prior: sizes from features, evidence of scores, order from the ranks, shift from the task."""

import math
import tomllib
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import zeroshot.constants
from zeroshot.accuracy.model import (
    FARTHEST,
    KNOWN_TASKS,
    PROBED,
    STATIC,
    AccuracyModel,
    Evidence,
    Level,
    Term,
    believed,
    expected_accuracy,
    gained,
    growth,
    likest,
    matched,
    model_of,
    net_sd,
    prior_for,
    size,
)
from zeroshot.accuracy.task import TaskTraits
from zeroshot.constants import parse
from zeroshot.errors import UsageError

NORMAL = NormalDist()
N = 12
RANKS = hnp.arrays(np.float64, N, elements=st.floats(-5, 0), unique=True)
TIED = hnp.arrays(np.float64, N, elements=st.sampled_from([-3.0, -2.0, -1.0, 0.0]))
MACS = hnp.arrays(np.int64, N, elements=st.integers(10**3, 10**9))
LEVEL = Level(base=0.3, anchor=0.9, images=0.2, steps=0.25, factor=0.8, factor_images=0.3)
# One feature, and full trust in the ranks.
MODEL = AccuracyModel(
    name="mine", source="made up", intercept=0.5, terms=(Term("log_macs", 6.0, 1.0, 0.4),), trust=1.0, level=LEVEL,
    steps=10_000, sd_net=0.2, sd_longer=0.15, sd_task=0.15, sd_slope=0.2,
)  # fmt: skip
TASK = TaskTraits(anchor=0.6, images=10_000, steps=10_000)


def known(macs):
    return {"log_macs": np.log10(np.maximum(macs, 1).astype(float))}


def expect(fused, macs, anchor, classes, model=MODEL, trust=1.0):
    """On a task whose only trait is its anchor; None leaves the model as it is."""
    its = model if anchor is None else model.on(replace(TASK, anchor=anchor))
    return expected_accuracy(fused, known(macs), classes, replace(its, trust=trust))


@settings(deadline=None)
@given(RANKS, MACS, st.floats(0.02, 0.98))
def test_accuracies_keep_the_order_of_the_ranks(fused, macs, anchor):
    accuracy = expect(fused, macs, anchor, 10)
    assert (np.diff(accuracy[np.argsort(fused)]) >= 0).all()


@settings(deadline=None)
@given(RANKS, RANKS, MACS, st.randoms(use_true_random=False))
def test_the_multiset_of_accuracies_depends_only_on_that_of_the_macs(fused, other, macs, random):
    shuffled = np.array(random.sample(macs.tolist(), N))
    one, two = expect(fused, macs, 0.5, 10), expect(other, shuffled, 0.5, 10)
    assert np.sort(one).tolist() == np.sort(two).tolist()


@settings(deadline=None)
@given(TIED, MACS)
def test_ties_are_equal_and_share_the_mean_capacity_of_their_places(fused, macs):
    """Plain Python: sort the log MACs, average them over each run of equal ranks."""
    accuracy = expect(fused, macs, None, 10)
    capacity = sorted(math.log10(max(m, 1)) for m in macs.tolist())
    order = sorted(fused.tolist())
    for score, got in zip(fused.tolist(), accuracy.tolist(), strict=True):
        shared = [c for c, s in zip(capacity, order, strict=True) if s == score]
        mu = 0.5 + 0.4 * (sum(shared) / len(shared) - 6)
        assert got == pytest.approx(max(NORMAL.cdf(mu), 0.1), abs=1e-12)


@settings(deadline=None)
@given(RANKS, MACS, st.floats(0.02, 0.98), st.integers(2, 200))
def test_nothing_is_under_chance_or_certain(fused, macs, anchor, classes):
    accuracy = expect(fused, macs, anchor, classes)
    assert accuracy.min() >= 1 / classes
    assert accuracy.max() <= 0.9999


def test_chance_is_reached_on_a_hopeless_task():
    assert expect(np.zeros(3), np.full(3, 1000), 0.02, 2).tolist() == [0.5] * 3


@settings(deadline=None)
@given(RANKS, MACS, st.floats(0.02, 0.97), st.floats(0.001, 0.5))
def test_an_easier_task_never_lowers_an_accuracy(fused, macs, anchor, more):
    hard = expect(fused, macs, anchor, 10)
    easy = expect(fused, macs, min(anchor + more, 0.98), 10)
    assert (easy >= hard).all()


def test_the_line_by_hand():
    """1 M MACs sit on the intercept; ten times as many half a weight further, the scale being 2."""
    line = replace(MODEL, intercept=0.3, terms=(Term("log_macs", 6.0, 2.0, 1.0),))
    got = expect(np.array([-1.0, 0.0]), np.array([10**7, 10**6]), None, 10, line)
    assert got.tolist() == pytest.approx([NORMAL.cdf(0.3), NORMAL.cdf(0.8)])


def test_the_level_of_a_task_by_hand():
    """A tenth of 10,000 images takes .2 and .3 of the factor away, ten times 10,000 steps add .25."""
    found = MODEL.on(TaskTraits(anchor=0.7, images=1000, steps=100_000, counted=50))
    level = 0.3 + 0.9 * NORMAL.inv_cdf(0.7) - 0.2 + 0.25
    assert found.intercept == pytest.approx(level)
    assert found.terms[0].weight == pytest.approx(0.5 * 0.4)
    assert found.sd_task == pytest.approx(0.15 * (1 + level**2))
    assert found.counted == 50
    assert (found.sd_net, found.trust) == (math.hypot(0.2, 0.15), MODEL.trust)


def test_a_task_that_cannot_be_read_is_expected_at_guessing():
    """Whatever the sizes; and how much nets get there is hardly known."""
    unread = TaskTraits(anchor=0.27, images=2000, steps=500, guessed=0.25, read_on=400)
    found = MODEL.on(unread)
    macs = np.array([10**4, 10**6, 10**8])
    assert expected_accuracy(np.arange(3.0), known(macs), 4, found).tolist() == [0.25] * 3
    assert found.sd_task == 0.5
    read = MODEL.on(replace(unread, anchor=0.35))
    assert np.ptp(expected_accuracy(np.arange(3.0), known(macs), 4, read)) > 0.05


def test_nothing_is_expected_below_guessing():
    """Of a lopsided task; a line puts it far below."""
    model = replace(MODEL, intercept=-1.0, guessed=0.9)
    assert expected_accuracy(np.zeros(2), known(np.array([10**6, 10**7])), 2, model).tolist() == [0.9] * 2


def test_an_anchor_on_few_images_widens_the_bar_of_the_task():
    whole, few = (MODEL.on(replace(TASK, guessed=0.1, read_on=n)) for n in (1000, 64))
    assert whole == replace(MODEL.on(TASK), guessed=0.1)
    assert few.intercept == whole.intercept
    doubt = np.sqrt(0.6 * 0.4 * (1 / 64 - 1 / 1000)) / NORMAL.pdf(NORMAL.inv_cdf(0.6))
    assert few.sd_task == pytest.approx(np.hypot(whole.sd_task, LEVEL.anchor * doubt))


def test_nets_of_a_tiny_task_still_differ():
    assert LEVEL.stretch(replace(TASK, images=10)) == pytest.approx(0.2)


@given(st.floats(-4, 4))
def test_tasks_differ_by_more_where_accuracies_are_high(level):
    assert growth(level) >= 1
    assert growth(2 * level) >= growth(level)


def test_without_trust_the_ranks_do_not_matter_and_with_some_they_mix():
    macs = np.array([10**5, 10**6, 10**7])
    up, down = np.array([0.0, 1.0, 2.0]), np.array([2.0, 1.0, 0.0])
    assert expect(up, macs, None, 10, trust=0.0).tolist() == expect(down, macs, None, 10, trust=0.0).tolist()
    mixed = expect(down, macs, None, 10, trust=0.25)  # own sizes -.4, 0, .4; matched the other way round
    assert mixed.tolist() == pytest.approx([NORMAL.cdf(0.5 + x) for x in (-0.2, 0.0, 0.2)])


def test_sizes_add_up_also_far_outside():
    terms = (Term("log_macs", 6.0, 0.5, 0.3), Term("log_side", 5.0, 1.0, -0.1))
    found = size({"log_macs": np.array([6.5, 9.0]), "log_side": np.array([4.0, 5.0])}, replace(MODEL, terms=terms))
    assert found.tolist() == pytest.approx([0.3 + 0.1, 6 * 0.3])


def test_what_lies_outside_the_fit_widens_the_bar():
    """Six scales from the centre, three of them beyond what nets of a fit span: as much doubt as size."""
    terms = (Term("log_macs", 6.0, 0.5, 0.3), Term("log_side", 5.0, 1.0, 0.1))
    inputs = {"log_macs": np.array([7.5, 9.0, 4.0]), "log_side": np.array([4.0, 5.0, 9.0])}
    found = net_sd(inputs, replace(MODEL, terms=terms))
    assert found.tolist() == pytest.approx([0.2, math.hypot(0.2, 3 * 0.3), math.hypot(0.2, 0.3 + 0.1)])


@settings(deadline=None)
@given(hnp.arrays(np.float64, N, elements=st.floats(-20, 20)))
def test_a_bar_is_never_narrower_than_the_spread_of_nets(macs):
    found = net_sd({"log_macs": macs}, MODEL)
    assert (found >= MODEL.sd_net).all()
    assert (np.diff(found[np.argsort(np.abs(macs - 6))]) >= -1e-12).all()


# --- Evidence -----------------------------------------------------------------------------------------------------

TOLD = replace(MODEL, evidence=(Evidence("readout", False, slope=0.5, scale=0.1, weight=0.2),))
SIZES = hnp.arrays(np.float64, N, elements=st.floats(4, 8))
SCORES = hnp.arrays(np.float64, N, elements=st.floats(0, 1))


def told(macs, readout, model=TOLD):
    return size({"log_macs": np.asarray(macs, float), "readout": np.asarray(readout, float)}, model)


def test_evidence_by_hand():
    """Sizes -0.4 and 0.4; beyond half of these the scores are .5 and .3, 0.1 above and below their mean."""
    assert told([5, 7], [0.3, 0.5]).tolist() == pytest.approx([-0.4 + 0.2, 0.4 - 0.2])


@settings(deadline=None)
@given(SIZES, SCORES, st.floats(-5, 5))
def test_the_level_of_the_scores_says_nothing(macs, readout, level):
    assert told(macs, readout + level).tolist() == pytest.approx(told(macs, readout).tolist(), abs=1e-9)


@settings(deadline=None)
@given(SIZES, st.floats(-1, 1))
def test_scores_that_follow_from_the_size_say_nothing(macs, level):
    line = level + 0.5 * 0.4 * (macs - 6)
    assert told(macs, line).tolist() == pytest.approx((0.4 * (macs - 6)).tolist(), abs=1e-9)


@settings(deadline=None)
@given(SIZES, SCORES, st.integers(0, N - 1))
def test_an_undefined_score_leaves_its_net_at_its_size(macs, readout, i):
    readout[i] = np.nan
    rest = np.arange(N) != i
    found = told(macs, readout)
    assert found[i] == pytest.approx(0.4 * (macs[i] - 6))
    assert found[rest].tolist() == pytest.approx(told(macs[rest], readout[rest]).tolist())
    assert told(macs, np.full(N, np.nan)).tolist() == pytest.approx((0.4 * (macs - 6)).tolist())


def test_a_logarithm_is_taken_where_it_is_asked_for():
    """e and e^3 are 1 and 3: one above and one below their mean; zero has no logarithm and says nothing."""
    each = Evidence("swap", True, slope=0.0, scale=1.0, weight=0.2)
    inputs = {"log_macs": np.full(3, 6.0), "swap": np.array([math.e, math.e**3, 0.0])}
    assert size(inputs, replace(MODEL, evidence=(each,))).tolist() == pytest.approx([-0.2, 0.2, 0.0])


LONGER = replace(MODEL, longer=(Term("log_side", 4.0, 1.0, 0.1),))
SIDES = {"log_macs": np.array([6.0, 6.0, 7.0]), "log_side": np.array([4.0, 6.0, 5.0])}


def test_a_longer_training_adds_to_all_and_more_to_some():
    """Ten times as many steps as those of the fit: .25 to the level, .1 more for each doubling of the side, by hand."""
    short, long = (LONGER.on(replace(TASK, steps=steps)) for steps in (10_000, 100_000))
    assert (short.tenfolds, long.tenfolds) == (0, 1)
    stretch = LEVEL.stretch(TASK)
    assert size(SIDES, short).tolist() == pytest.approx([0, 0, 0.4 * stretch])
    assert size(SIDES, long).tolist() == pytest.approx([0, 0.2 * stretch, (0.4 + 0.1) * stretch])
    assert long.intercept - short.intercept == pytest.approx(0.25)
    assert long.sd_net == pytest.approx(math.hypot(0.2, 0.15))
    added = gained(SIDES, short, 10)
    assert added.tolist() == pytest.approx((long.intercept + size(SIDES, long) - short.intercept
                                            - size(SIDES, short)).tolist())  # fmt: skip
    assert gained(SIDES, short, 1).tolist() == [0, 0, 0]


def test_a_shorter_training_than_those_of_the_fit_keeps_their_order():
    """On a thousand images, say: that nets gain from steps was measured beyond those of the fit alone."""
    few = LONGER.on(replace(TASK, steps=100))
    assert few.tenfolds == 0
    assert size(SIDES, few).tolist() == size(SIDES, LONGER.on(TASK)).tolist()
    assert few.intercept == pytest.approx(LONGER.on(TASK).intercept - 2 * 0.25)


def test_what_is_far_out_is_doubted_more_in_longer_trainings():
    far = {"log_macs": np.array([6.0]), "log_side": np.array([4.0 + FARTHEST + 2])}
    doubts = [net_sd(far, LONGER.on(replace(TASK, steps=steps)))[0] for steps in (10_000, 100_000)]
    stretch = LEVEL.stretch(TASK)
    assert doubts == pytest.approx([0.2, math.sqrt(0.2**2 + 0.15**2 + (2 * 0.1 * stretch) ** 2)])


def test_evidence_is_kept_within_its_far_end():
    readout = np.zeros(100)
    readout[0] = 1e6
    assert told(np.full(100, 6.0), readout)[0] == pytest.approx(FARTHEST * 0.2)


@settings(deadline=None)
@given(SIZES, SCORES, RANKS, st.floats(0.2, 3), st.floats(0, 1))
def test_a_stretched_model_believes_in_so_many_times_the_sizes(macs, readout, fused, factor, trust):
    inputs = {"log_macs": macs, "readout": readout}
    one = replace(TOLD, trust=trust)
    both = [believed(fused, inputs, model) for model in (one.stretched(factor), one)]
    assert both[0].tolist() == pytest.approx((factor * both[1]).tolist(), abs=1e-9)


@settings(deadline=None)
@given(RANKS, hnp.arrays(np.float64, N, elements=st.floats(-3, 3)))
def test_matching_permutes_the_sizes_into_the_order_of_the_ranks(fused, sizes):
    found = matched(fused, sizes)
    assert sorted(found.tolist()) == sorted(sizes.tolist())
    assert (np.diff(found[np.argsort(fused)]) >= 0).all()


# --- The shipped constants ----------------------------------------------------------------------------------------


def stored():
    values = tomllib.loads(Path(zeroshot.constants.__file__).with_suffix(".toml").read_text())
    return values["provenance"], values["accuracy"]


def test_the_shipped_models_are_those_of_the_file():
    provenance, values = stored()
    for part, model in (("static", STATIC), ("probed", PROBED)):
        terms = tuple(Term(**term) for term in values[part]["terms"])
        evidence = tuple(Evidence(**each) for each in values[part].get("evidence", ()))
        longer = tuple(Term(**term) for term in values[part]["longer"])
        level = Level(**values[part]["level"])
        unknown = {"counted": 0, "guessed": 0.0, "tenfolds": 0.0}
        given = {"terms": terms, "evidence": evidence, "longer": longer, "level": level}
        assert vars(model) == {**values[part], **given, **unknown}
        assert model_of(values[part]) == model
    nets = PROBED.name.removeprefix("zoo-")
    assert STATIC.name == f"zoo-{nets}-static"
    assert int(nets) > provenance["nets"] >= 40  # those of the zoo that calibrate, and others


def test_the_tasks_of_the_fit_are_known():
    _, values = stored()
    assert [vars(task) for task in KNOWN_TASKS] == list(values["tasks"])
    assert len(KNOWN_TASKS) >= 11
    for task in KNOWN_TASKS:
        same = TaskTraits(task.anchor, task.images, 1755)
        assert likest(same) == (task, 0.0)
        assert task.distance(replace(same, images=task.images * 10)) == pytest.approx(2)


def test_no_weight_of_a_feature_is_negative():
    """More layers and channels never make a net smaller by themselves."""
    assert all(term.weight >= 0 for model in (STATIC, PROBED) for term in (*model.terms, *model.longer))


def test_the_shipped_evidence_is_used_where_it_is_there():
    assert not STATIC.evidence
    its = [each.proxy for each in PROBED.evidence]
    assert its == ["swap", "az_trainability"]
    assert prior_for(["zico", *its]) is PROBED
    assert prior_for(["zico"]) is STATIC
    assert set(PROBED.inputs) == {term.feature for term in (*PROBED.terms, *PROBED.longer)} | set(its)


EVIDENCE = {"proxy": "zico", "logarithm": False, "slope": 1, "scale": 1, "weight": 1}
BROKEN = {
    "missing": ({"intercept": None}, "intercept"),
    "a word": ({"sd_net": "wide"}, "wide"),
    "not finite": ({"intercept": math.inf}, "finite"),
    "no spread": ({"sd_net": 0.0}, "positive"),
    "trust": ({"trust": 1.5}, "trust"),
    "unknown constant": ({"colour": 1.0}, "colour"),
    "unknown feature": ({"terms": [{"feature": "log_mac", "centre": 0, "scale": 1, "weight": 1}]}, "log_mac"),
    "term cut short": ({"terms": [{"feature": "log_macs"}]}, "centre"),
    "evidence cut short": ({"evidence": [{"proxy": "zico", "logarithm": False, "slope": 1}]}, "scale"),
    "scale of evidence": (
        {"evidence": [{"proxy": "zico", "logarithm": False, "slope": 1, "scale": 0, "weight": 1}]},
        "positive",
    ),
    "weight of evidence": (
        {"evidence": [{"proxy": "zico", "logarithm": False, "slope": 1, "scale": 1, "weight": math.nan}]},
        "finite",
    ),
    "what longer trainings add": (
        {"longer": [{"feature": "log_mac", "centre": 0, "scale": 1, "weight": 1}]},
        "log_mac",
    ),
    "no steps": ({"steps": 0}, "positive"),
    "level cut short": ({"level": {"base": 1.0}}, "anchor"),
    "scale": ({"terms": [{"feature": "log_macs", "centre": 0, "scale": 0, "weight": 1}]}, "positive"),
}


@pytest.mark.parametrize(("change", "words"), BROKEN.values(), ids=BROKEN)
def test_a_file_without_a_model_is_refused(change, words):
    values = {key: value for key, value in {**stored()[1]["static"], **change}.items() if value is not None}
    with pytest.raises(UsageError, match=words):
        model_of(values)


@pytest.mark.parametrize(("text", "words"), [
    ("[accuracy", "not valid TOML"), ("[accuracy]\n[cascade]\n", "provenance"),
    ("[provenance]\n[accuracy]\nstatic = 1\n[cascade]\n", r"lacks the key accuracy\.probed"),
    ("[provenance]\n[accuracy]\nstatic = 1\nprobed = {}\ntasks = []\n[cascade]\n", r"accuracy\.static .* must be"),
    ("[provenance]\n[accuracy]\nstatic = {}\nprobed = {}\ntasks = []\n[cascades]\n", "Unknown key 'cascades'"),
])  # fmt: skip
def test_a_damaged_file_of_constants_is_refused(text, words):
    with pytest.raises(UsageError, match=words):
        parse(text, "mine.toml")
