"""The conformance suite for proxies: subclass it in your package's tests, and pytest runs it on your proxy.

    from zeroshot.testing import ProxyConformance

    class TestMine(ProxyConformance):
        proxy = MINE  # a zeroshot.probing.probe.Proxy

For a whole table, a fixture takes the attribute's place:

    class TestOurs(ProxyConformance):
        @pytest.fixture(autouse=True, params=PROXIES, ids=lambda proxy: proxy.name)
        def _each(self, request):
            self.proxy = request.param

A test that does not apply to the proxy's cost class is skipped. The suite needs no pytest of its own.
"""

import inspect
import math
import unittest
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from zeroshot.probing.probe import Probe, Proxy, ProxyUndefined, Score, evaluate
from zeroshot.scoring.plugins import load_proxies, with_parts
from zeroshot.scoring.population import joined
from zeroshot.testing import _lab as lab
from zeroshot.workers import torch_threads

# One proxy for each view that many share: whoever spoils a view spoils one of them.
NEIGHBOURS = ("naswot", "zico", "snip", "synflow")
TOLERANCE = 1e-3  # relative, for orders of summation: determinants and eigenvalues amplify rounding


class ProxyConformance:
    """What every proxy must do, one test each.

    Attributes:
        proxy: The proxy under test.
        batch_order_matters: False if its protocol claims one score for any order of the batches.
        undefined_on: Names of ordinary nets of `nets()` that the proxy may leave without a score.
    """

    proxy: Proxy
    batch_order_matters = True
    undefined_on: Sequence[str] = ()

    def nets(self) -> dict[str, tuple[nn.Module, lab.Batches]]:
        """Ordinary nets by name, with batches; override it for a proxy that is made for others."""
        return lab.nets()

    def test_says_what_it_is(self) -> None:
        """A name to type, a summary, a paper, and a docstring with protocol and citation."""
        proxy, text = self.proxy, inspect.getdoc(self.proxy.function) or ""
        _need(proxy.name.isidentifier() and proxy.name == proxy.name.lower(), f"{proxy.name!r} is no name to type")
        _need(proxy.summary and proxy.paper, "summary or paper is missing")
        _need(proxy.version >= 1 and proxy.batches >= 1, "version and batches start at 1")
        _need(text, "the function has no docstring")
        _need(proxy.parts or "Protocol:" in text, "the docstring has no 'Protocol:'")
        _need(proxy.paper == "baseline" or "Citation:" in text, "the docstring has no 'Citation:'")

    def test_same_seed_same_score(self) -> None:
        """Two evaluations of equal nets agree bit for bit."""
        self._probed_only()
        for (name, first), second in zip(self.nets().items(), self.nets().values(), strict=True):
            _need_equal(self._score(*first), self._score(*second), f"a second evaluation of {name}")

    def test_is_defined_on_ordinary_nets(self) -> None:
        """A finite score for every net of `nets()`."""
        self._probed_only()
        for name, (net, batches) in self.nets().items():
            score = self._score(net, batches)
            _need(score.status == "ok" or name in self.undefined_on, f"no score for {name}: {score.status}")

    def test_ignores_and_keeps_the_global_generators(self) -> None:
        """Random numbers come from the probe's seed; the global generators' states stay."""
        self._probed_only()
        net, batches = self._one()
        with lab.random_states_kept():
            scores = []
            for seed in (1, 2):
                before = lab.random_states(seed)
                scores.append(self._score(net, batches))
                _need(lab.random_states() == before, "a global generator was used")
            _need_equal(scores[0], scores[1], "another global seed")

    def test_threads_change_rounding_only(self) -> None:
        """One and two threads give nearly one score, and the number of threads stays as it was."""
        self._probed_only()
        net, batches = self._one()
        scores = []
        for count in (1, 2):
            with torch_threads(count):
                scores.append(evaluate([self.proxy], Probe(net, batches))[self.proxy.name])
                _need(torch.get_num_threads() == count, "the number of threads was changed")
        _need_close(scores[0], scores[1], "another number of threads")

    def test_leaves_the_net_as_it_was(self) -> None:
        """Weights, buffers, gradients, modes, flags and hooks, bit for bit; the images too."""
        self._probed_only()
        net, batches = lab.worn(), lab.batches(size=12)
        before, images = lab.snapshot(net), [x.clone() for x, _ in batches]
        self._score(net, batches)
        _need(not (found := lab.changed(before, lab.snapshot(net))), f"changed: {', '.join(found)}")
        same = all(bool((x == kept).all()) for (x, _), kept in zip(batches, images, strict=True))
        _need(same, "the images were changed")

    def test_shares_views_without_spoiling_them(self) -> None:
        """The scores of several proxies on one probe are those on probes of their own, in either order."""
        self._probed_only()
        others = [proxy for proxy in load_proxies(NEIGHBOURS) if proxy.name != self.proxy.name]
        net, batches = self._one()
        with torch_threads(1):
            alone = {p.name: evaluate([p], Probe(net, batches))[p.name] for p in [self.proxy, *others]}
            for order in ([self.proxy, *others, self.proxy], [*others, self.proxy]):
                for name, score in evaluate(order, Probe(net, batches)).items():
                    _need_equal(alone[name], score, f"{name} on a shared probe")

    def test_the_order_of_images_changes_rounding_only(self) -> None:
        """A batch is a set of images; where the protocol claims it, batches are a set too."""
        self._probed_only()
        net, batches = self._one()
        score = self._score(net, batches)
        turned = [(x.flip(0), None if y is None else y.flip(0)) for x, y in batches]
        _need_close(score, self._score(net, turned), "another order of images")
        if not self.batch_order_matters:
            _need_close(score, self._score(net, batches[::-1]), "another order of batches")

    def test_labels_are_used_only_if_declared(self) -> None:
        """Without `needs_labels`, batches without labels give the same score."""
        self._probed_only()
        if self.proxy.needs_labels:
            raise unittest.SkipTest("it needs labels")
        net, batches = self._one()
        without: lab.Batches = [(x, None) for x, _ in batches]
        _need_equal(self._score(net, batches), self._score(net, without), "no labels")

    def test_is_defined_on_the_batches_declared(self) -> None:
        """The fewest batches that it declares are enough."""
        self._probed_only()
        net, batches = self._one()
        score = self._score(net, batches[: self.proxy.batches])
        _need(score.status == "ok", f"no score for {self.proxy.batches} batches: {score.status}")

    def test_degenerate_nets_have_a_score_or_a_reason(self) -> None:
        """On nets without meaning: a finite number or ProxyUndefined; no NaN, no infinity, no other error."""
        self._probed_only()
        for name, (net, batches) in lab.degenerate().items():
            try:
                with warnings.catch_warnings(), torch_threads(1):
                    warnings.simplefilter("error")
                    value = float(self.proxy.function(Probe(net, batches)))
            except ProxyUndefined as reason:
                _need(str(reason), f"{name}: undefined without a reason")
            except Exception as error:
                raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error
            else:
                _need(math.isfinite(value), f"{name}: the score is {value}, where it should raise ProxyUndefined")

    def test_costs_no_more_than_declared(self) -> None:
        """Forward: no gradient is computed. Backward: as many passes for 16 images as for 8."""
        self._probed_only()
        if self.proxy.cost == "forward":
            net, batches = self._one()
            with lab.backward_calls() as calls:
                self._score(net, batches)
            _need(not calls, "a backward pass ran, which the cost 'forward' excludes")
        elif self.proxy.cost == "backward":
            counts = []
            for images in (8, 16):
                net, _ = self._one()
                with lab.backward_passes(net) as passes:
                    self._score(net, lab.batches(images=images))
                counts.append(len(passes))
            _need(counts[0] == counts[1], f"{counts[0]} backward passes for 8 images, {counts[1]} for 16: per-sample")

    def test_a_population_is_scored_net_by_net(self) -> None:
        """Static: (n,) float64 in one call, each net's number whatever its neighbours, without torch."""
        if self.proxy.cost != "static":
            raise unittest.SkipTest("it is not static")
        populations = lab.tables()
        with lab.TorchRefused():
            scores = [np.asarray(self.proxy.function(table)) for table in populations]
            together = np.asarray(self.proxy.function(joined(populations)))
        for table, values in zip(populations, scores, strict=True):
            _need(values.shape == (len(table),), f"scores of {len(table)} nets have shape {values.shape}")
            _need(values.dtype == np.float64, f"scores are {values.dtype}, not float64")
            _need(np.isfinite(values).all(), "a score is not finite")
        _need((together == np.concatenate(scores)).all(), "a net's score depends on its neighbours")

    def test_an_aggregate_ranks_any_population(self) -> None:
        """Aggregate: (n,) float64 for none, one and many nets, missing scores too; the nets' order is nothing."""
        if self.proxy.cost != "aggregate":
            raise unittest.SkipTest("it is no aggregate")
        with_parts([self.proxy])  # they are installed, and no aggregates themselves
        wide = len(self.proxy.parts)
        scores = np.random.default_rng(0).normal(size=(9, wide))
        holes = np.where(np.random.default_rng(1).random(scores.shape) < 0.3, np.nan, scores)
        for table in (scores, holes, np.ones_like(scores), np.full_like(scores, np.nan), scores[:1], scores[:0]):
            given = table.copy()
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                values, turned = (np.asarray(self.proxy.function(t)) for t in (table, table[::-1].copy()))
            _need(values.shape == (len(table),) and values.dtype == np.float64, f"{values.shape} {values.dtype}")
            _need(not np.isinf(values).any(), "a score is infinite")
            _need(np.allclose(values, turned[::-1], rtol=1e-12, equal_nan=True), "the order of the nets matters")
            _need(np.array_equal(table, given, equal_nan=True), "the parts' scores were changed")
        _need(np.isfinite(self.proxy.function(scores)).all(), "no score where all parts have one")

    def _probed_only(self) -> None:
        if self.proxy.cost in ("static", "aggregate"):
            raise unittest.SkipTest(f"it is {self.proxy.cost}")

    def _one(self) -> tuple[nn.Module, lab.Batches]:
        if type(self).nets is ProxyConformance.nets:
            return lab.ordinary()  # the first of them, without the others
        return next(iter(self.nets().values()))

    def _score(self, net: nn.Module, batches: lab.Batches) -> Score:
        with torch_threads(1):  # as a search does
            return evaluate([self.proxy], Probe(net, batches))[self.proxy.name]


def _need(condition: object, problem: str) -> None:
    # Not `assert`, which Python -O drops.
    if not condition:
        raise AssertionError(problem)


def _need_equal(score: Score, other: Score, what: str) -> None:
    same = score.status == other.status and (score.value == other.value or math.isnan(score.value))
    _need(same, f"{what} gives {_shown(other)}, not {_shown(score)}")


def _need_close(score: Score, other: Score, what: str) -> None:
    close = score.status == other.status and (
        math.isclose(score.value, other.value, rel_tol=TOLERANCE, abs_tol=1e-9) or math.isnan(score.value)
    )
    _need(close, f"{what} gives {_shown(other)}, not {_shown(score)}")


def _shown(score: Score) -> str:
    return str(score.value) if score.status == "ok" else score.status
