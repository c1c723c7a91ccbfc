"""Our own proxies pass the suite that plug-ins are given, and the suite fails on a proxy that breaks a rule."""

import math
import unittest
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from zeroshot.probing.probe import Proxy, ProxyUndefined
from zeroshot.scoring import plugins
from zeroshot.scoring.plugins import Provider, load_proxies, providers, with_parts
from zeroshot.searching.search import search
from zeroshot.testing import ProxyConformance

# Whose protocols are a sum over batches, or look at no data.
ANY_BATCH_ORDER = {"zico", "zico_bc", "l2_norm", "synflow", "synflow_bn", "logsynflow"}


class TestOurs(ProxyConformance):
    @pytest.fixture(autouse=True, params=load_proxies(), ids=lambda proxy: proxy.name)
    def _each(self, request):
        self.proxy = request.param
        self.batch_order_matters = request.param.name not in ANY_BATCH_ORDER


# ---- the suite can fail: one proxy for each rule


def good(probe):
    """Mean of the first batch.

    Protocol: images as they are.

    Citation: nobody.
    """
    return float(probe.batches[0][0].double().mean())


def proxy(function, cost="forward", **more):
    return Proxy("mine", function, cost, "nobody", "a test", **more)


def report(tested, **attributes):
    """Test -> outcome: "ok", "skipped", or the first line of the failure."""
    case = ProxyConformance()
    vars(case).update(proxy=tested, **attributes)
    found = {}
    for name in dir(case):
        if name.startswith("test_"):
            try:
                getattr(case, name)()
            except unittest.SkipTest:
                found[name] = "skipped"
            except AssertionError as error:
                found[name] = str(error).splitlines()[0]
            else:
                found[name] = "ok"
    return found


def failures(tested, **attributes):
    return {name: text for name, text in report(tested, **attributes).items() if text not in ("ok", "skipped")}


def test_a_good_proxy_passes_and_no_test_is_skipped_for_all_costs():
    kinds = {
        "forward": proxy(good), "static": load_proxies(["macs"])[0], "aggregate": load_proxies(["az_nas"])[0],
    }  # fmt: skip
    reports = {cost: report(each) for cost, each in kinds.items()}
    outcomes = [set(column) for column in zip(*(each.values() for each in reports.values()), strict=True)]
    assert all("ok" in column and column <= {"ok", "skipped"} for column in outcomes)


def in_place(probe):
    value = good(probe)
    with torch.no_grad():
        probe.weights[0].mul_(1.0)  # the same numbers, another version
    return value


def keeps_gradients(probe):
    probe.module.train()
    probe.module(probe.batches[0][0]).sum().backward()
    return good(probe)


def spoils_a_view(probe):
    for gradient in probe.weight_gradients():
        gradient.zero_()
    return good(probe)


def backwards(probe):
    return float(sum(g.abs().sum() for g in probe.weight_gradients()))


def one_by_one(probe):
    for row in probe.logit_gradients():
        row.sum()
    return good(probe)


def sets_threads(probe):
    torch.set_num_threads(3)
    return good(probe)


def turned(probe):
    return good(probe) * float(probe.batches[0][0][0].sum())


def undefined(_probe):
    raise ProxyUndefined("never")


def silent(_probe):
    raise ProxyUndefined("")


def labelled(probe):
    return 0.0 if probe.batches[0][1] is None else 1.0


CALLS = iter(range(10**6))


@pytest.mark.parametrize(
    ("function", "test", "words"),
    [
        (lambda probe: good(probe), "says_what_it_is", "no docstring"),
        (lambda _probe: float(next(CALLS)), "same_seed_same_score", "a second evaluation of"),
        (lambda _probe: math.inf, "is_defined_on_ordinary_nets", "the score is inf"),
        (undefined, "is_defined_on_ordinary_nets", "never"),
        (undefined, "is_defined_on_the_batches_declared", "no score for 1 batches: never"),
        (lambda _probe: float(torch.rand(())), "ignores_and_keeps_the_global_generators", "was used"),
        (lambda _probe: np.random.rand(), "ignores_and_keeps_the_global_generators", "was used"),  # noqa: NPY002
        (
            lambda _probe: float(torch.initial_seed()), "ignores_and_keeps_the_global_generators",
            "another global seed gives 2.0, not 1.0",
        ),
        (lambda _probe: float(torch.get_num_threads()), "threads_change_rounding_only", "another number of threads"),
        (sets_threads, "threads_change_rounding_only", "was changed"),
        (in_place, "leaves_the_net_as_it_was", "changed: versions of"),
        (keeps_gradients, "leaves_the_net_as_it_was", "gradients of"),
        (spoils_a_view, "shares_views_without_spoiling_them", "on a shared probe gives"),
        (turned, "the_order_of_images_changes_rounding_only", "another order of images"),
        (labelled, "labels_are_used_only_if_declared", "no labels gives 0.0, not 1.0"),
        (lambda _probe: math.nan, "degenerate_nets_have_a_score_or_a_reason", "should raise ProxyUndefined"),
        (lambda _probe: 1 / 0, "degenerate_nets_have_a_score_or_a_reason", "ZeroDivisionError"),
        (lambda _probe: np.log(np.zeros(1))[0], "degenerate_nets_have_a_score_or_a_reason", "RuntimeWarning"),
        (silent, "degenerate_nets_have_a_score_or_a_reason", "without a reason"),
        (backwards, "costs_no_more_than_declared", "excludes"),
    ],
)  # fmt: skip
def test_the_suite_notices(function, test, words):
    case = ProxyConformance()
    case.proxy = proxy(function)
    threads = torch.get_num_threads()
    try:
        with pytest.raises(AssertionError, match=words):
            getattr(case, f"test_{test}")()
    finally:
        torch.set_num_threads(threads)


def test_a_pass_for_each_image_is_not_backward():
    case = ProxyConformance()
    case.proxy = proxy(one_by_one, "backward")
    with pytest.raises(AssertionError, match="8 backward passes for 8 images, 16 for 16"):
        case.test_costs_no_more_than_declared()
    case.proxy = proxy(one_by_one, "per-sample")
    case.test_costs_no_more_than_declared()


def test_the_order_of_batches_is_tested_where_it_is_claimed():
    case = ProxyConformance()
    case.proxy = proxy(good)
    case.test_the_order_of_images_changes_rounding_only()
    case.batch_order_matters = False
    with pytest.raises(AssertionError, match="another order of batches"):
        case.test_the_order_of_images_changes_rounding_only()


def test_ordinary_nets_that_a_proxy_may_leave_out():
    case = ProxyConformance()
    case.proxy = proxy(undefined)
    case.undefined_on = tuple(case.nets())
    case.test_is_defined_on_ordinary_nets()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda table: np.ones(len(table)) * len(table), "depends on its neighbours"),
        (lambda table: np.ones(len(table), int), "int64, not float64"),
        (lambda table: np.ones(len(table) + 1), "shape"),
        (lambda table: np.full(len(table), np.nan), "not finite"),
        (lambda table: torch.ones(len(table)).double().numpy(), "calls torch"),
    ],
)
def test_the_suite_notices_in_static_proxies(function, words):
    failed = failures(proxy(function, "static"))
    assert words in failed["test_a_population_is_scored_net_by_net"]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda scores: np.arange(len(scores), dtype=float), "the order of the nets matters"),
        (lambda scores: scores, "(9, 1)"),
        (lambda scores: np.full(len(scores), np.inf), "infinite"),
        (lambda scores: np.full(len(scores), np.nan), "no score where all parts have one"),
        (lambda scores: np.nan_to_num(scores, copy=False).sum(1), "the parts' scores were changed"),
    ],
)
def test_the_suite_notices_in_aggregates(function, words):
    failed = failures(proxy(function, "aggregate", parts=("macs",)))
    assert words in failed["test_an_aggregate_ranks_any_population"]


# ---- a plug-in, from its entry point to a search


def darkness(probe):
    """Minus the mean of the images."""
    return -good(probe)


MINE = Proxy("darkness", darkness, "forward", "nobody, 2025", "how dark the images are", version=3)


@pytest.fixture
def plugged(monkeypatch):
    """A third party's provider is installed beside ours."""
    real = plugins.entry_points
    distribution = SimpleNamespace(name="dark-proxies", version="1.2")
    module = SimpleNamespace(PROXIES=(MINE,))

    class Point(EntryPoint):
        dist = distribution

        def load(self):
            return module

    def entry_points(group):
        return [*real(group=group), Point("dark", "dark_proxies.table", group)]

    monkeypatch.setattr(plugins, "entry_points", entry_points)


def test_a_plug_in_says_where_it_is_from(plugged, cli):
    assert providers()["darkness"] == Provider("dark", "dark_proxies.table", "dark-proxies", "1.2")
    assert list(providers()) == [each.name for each in load_proxies()]
    shown = " ".join(cli("proxies").stdout.split())
    assert "darkness@3" in shown
    assert "dark-proxies" in shown
    assert str(providers()["darkness"]) == "dark-proxies 1.2"


def test_a_provider_without_a_distribution():
    assert str(Provider("dark", "dark_proxies.table", "", "")) == "dark (dark_proxies.table)"


def test_a_plug_in_serves_a_search(plugged):
    names = ("macs", "darkness")
    result = search("digits", latency="5ms", nets=40, scored=200, shortlist=4, proxies=names, seed=1, jobs=1)
    assert result.config["proxies"] == [f"macs@{load_proxies(['macs'])[0].version}", "darkness@3"]
    assert result.n_probed > 0
    assert not [remark for remark in result.remarks if "darkness" in remark]  # no net without a score


def test_parts_of_aggregates_are_found_once_and_are_no_aggregates(monkeypatch):
    names = [each.name for each in with_parts(load_proxies(["params", "reg_swap", "swap"]))]
    assert names == ["params", "swap"]
    with pytest.raises(plugins.UsageError, match="'te_nas' of proxy 'mine' is an aggregate"):
        with_parts([proxy(len, "aggregate", parts=("macs", "te_nas"))])
    with pytest.raises(plugins.UsageError, match="Unknown proxy 'nothing'"):
        with_parts([proxy(len, "aggregate", parts=("nothing",))])
