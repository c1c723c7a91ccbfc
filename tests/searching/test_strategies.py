"""Every strategy: inside the space and the budgets, each function once, reproducible, and never without an end."""

import sys
from functools import cache

import numpy as np
import pytest

from zeroshot.accuracy.features import features
from zeroshot.accuracy.model import STATIC, net_sd, size
from zeroshot.cascade.rank_pairs import Budgets, rank_pairs
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import net_costs, platform
from zeroshot.errors import InfeasibleError, UsageError
from zeroshot.net import NetSpec, layer_table, spec_of
from zeroshot.searching.candidates import draw
from zeroshot.searching.roles import Roles
from zeroshot.searching.strategies import STRATEGIES, Goal, Judged
from zeroshot.searching.strategies.archive import NOWHERE, Archive, by_layers, needs_of
from zeroshot.searching.strategies.flash import Numbers
from zeroshot.searching.strategies.halving import EACH, LEAST
from zeroshot.searching.strategies.nsga2 import crowding, pareto_ranks
from zeroshot.searching.strategies.tpe import fields_of, net_of, params_of
from zeroshot.spaces import McuSpace
from zeroshot.spaces.canonical import canonical

BOARD, ENGINE = load_board("nucleo-l4r5zi"), load_engine("c99")
PLATFORM = platform(BOARD, ENGINE, 10)
BUDGETS = Budgets(flash=64 * 1024, sram=32 * 1024, latency=25.0, escalation=0.5)
LOOKING = tuple(name for name in STRATEGIES if name != "random")  # judge as many nets as they may
FEWER = {"flash": 300, "tpe": 80}  # nets scored, by those who take milliseconds for each
# 216 nets, 120 functions: some of its stages are the same in two ways.
TINY = McuSpace(
    resolutions=(12, 16),
    stem_widths=(8,),
    stem_strides=(1,),
    min_stages=2,
    max_stages=2,
    blocks=(("c", 1), ("d", 1), ("b", 1)),
    kernels=(3,),
    widths=(8, 12, 16),
    depths=(1,),
    strides=(1,),
    heads=(0,),
)


def cost_of(values):
    return net_costs(layer_table(values, 3, 10), BOARD, ENGINE)


def judge(values):
    known = features(layer_table(values, 3, 10))
    return Judged(cost_of(values), 0.7 + size(known, STATIC), net_sd(known, STATIC))


def goal(**changed):
    space = changed.get("space", McuSpace.for_images(32))
    roles = Roles.of(space, cost_of, PLATFORM, changed.pop("budgets", BUDGETS))
    given = {
        "space": space, "judge": judge, "cost_of": cost_of, "roles": roles, "nets": 60,
        "scored": 500, "seeds": space.array([]), "start": space.array([]), "least_sd": STATIC.sd_net, "floor": 0.1,
    }  # fmt: skip
    return Goal(**given | changed)


def found(name, seed=0, **changed):
    changed = {"scored": FEWER[name]} | changed if name in FEWER else changed
    return STRATEGIES[name](goal(**changed), np.random.default_rng(seed))


@cache
def usual(name):
    """What a strategy finds that is asked for nothing special."""
    return found(name)


def best_pair(candidates, budgets=BUDGETS):
    known = goal()
    accuracy = known.accuracy(known.cautious(judge(candidates.values)))
    littles, bigs = candidates.littles, candidates.bigs
    ranking = rank_pairs(
        candidates.costs.take(littles), accuracy[littles], candidates.costs.take(bigs), accuracy[bigs], PLATFORM,
        budgets,
    )  # fmt: skip
    return ranking.top.accuracy[0]


@pytest.mark.parametrize("name", STRATEGIES)
def test_candidates_are_nets_of_the_space_inside_the_budgets(name):
    one = usual(name)
    specs = [spec_of(row) for row in one.values]
    assert all(spec in goal().space for spec in specs)
    assert len({row.tobytes() for row in canonical(one.values)}) == len(specs)
    again = cost_of(one.values)
    assert all(np.array_equal(getattr(again, column), found) for column, found in vars(one.costs).items())
    assert 0 < len(one.littles) <= 60
    assert 0 < len(one.bigs) <= 60
    for rows in (one.littles, one.bigs):
        assert len(set(rows.tolist())) == len(rows)
        flash = one.costs.flash[rows] + PLATFORM.runtime[one.costs.ops[rows]]
        assert flash.max() <= BUDGETS.flash
        assert (one.costs.arena + one.costs.persistent)[rows].max() <= BUDGETS.sram
    assert one.costs.latency[one.littles].max() < BUDGETS.latency


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_depends_on_its_seed_alone(name):
    one, same, other = usual(name), found(name), found(name, seed=1)
    for array in ("values", "littles", "bigs"):
        assert np.array_equal(getattr(one, array), getattr(same, array))
    assert not np.array_equal(one.values, other.values)


@pytest.mark.parametrize("name", LOOKING)
def test_no_more_nets_are_judged_than_allowed_and_none_twice(name):
    seen: list[bytes] = []

    def counted(values):
        seen.extend(row.tobytes().rstrip(b"\0") for row in canonical(values))
        return judge(values)

    one = found(name, judge=counted, scored=350)
    assert one.drawn <= 350 + len(one.roles.corner)
    assert len(seen) == one.drawn
    assert len(set(seen)) == one.drawn
    assert one.drawn > 250


@pytest.mark.parametrize("name", LOOKING)
def test_a_space_that_is_used_up_ends_the_search_with_a_remark(name):
    one = found(name, space=TINY, scored=3000, budgets=Budgets())
    everything = {row.tobytes() for row in canonical(TINY.decode(np.arange(TINY.count())))}
    assert one.drawn <= len(everything)
    if name not in ("grid", "scaling"):  # these know when they are done
        assert f"no new nets after {one.drawn:,}" in one.remarks[0]
    if name in ("uniform", "grid", "stratified", "evolution"):
        assert one.drawn == len(everything)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("limits", [{"flash": 1000}, {"sram": 500}, {"latency": 0.2}, {"energy": 1e-4}])
def test_a_budget_that_no_net_meets_is_named(name, limits):
    with pytest.raises(InfeasibleError, match=f"`{next(iter(limits))}`"):
        found(name, budgets=Budgets(**limits))


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize(("nets", "scored"), [(1, 1), (2, 40)])
def test_hardly_any_nets_are_enough_to_start(name, nets, scored):
    one = found(name, nets=nets, scored=scored, budgets=Budgets())
    assert len(one.littles) <= nets
    assert len(one.bigs) <= nets
    assert len(one.littles)


def test_random_is_the_draw_of_the_search():
    known, one = goal(), found("random", seed=3)
    drawn = draw(known.space, cost_of, known.roles, 60, np.random.default_rng(3))
    assert np.array_equal(one.values, drawn.values)
    assert (one.drawn, one.littles.tolist()) == (drawn.drawn, drawn.littles.tolist())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scaling", "evolution", "nsga2", "metropolis"])
def test_what_learns_or_knows_is_better_than_chance(name):
    """As many nets scored; the best pair of three seeds each, so that luck decides nothing."""
    chance = np.mean([best_pair(found("uniform", seed, scored=3000)) for seed in range(3)])
    assert np.mean([best_pair(found(name, seed, scored=3000)) for seed in range(3)]) > chance + 0.005


def test_evolution_finds_the_best_pair_of_a_space_that_can_be_listed():
    """Against all pairs of its 1,944 nets; it scores a quarter of them."""
    space = McuSpace(
        resolutions=(16, 24, 32),
        stem_widths=(16,),
        stem_strides=(1, 2),
        min_stages=2,
        max_stages=2,
        blocks=(("c", 1), ("d", 1), ("m", 3)),
        kernels=(3,),
        widths=(8, 16, 32),
        depths=(1,),
        strides=(1, 2),
        heads=(0,),
    )
    everything = Archive(goal(space=space, scored=10**6))
    everything.add(space.decode(np.arange(space.count())))
    littles, bigs = np.flatnonzero(everything.little), np.flatnonzero(everything.big)
    assert min(len(littles), len(bigs)) > 500
    truth = everything.rank(littles, bigs, 1).top.accuracy[0]
    reached = [best_pair(found("evolution", seed, space=space, scored=500)) for seed in range(3)]
    assert max(reached) <= truth + 1e-9
    assert np.median(reached) > truth - 0.001


def test_seeds_are_scaled_and_come_first():
    net = NetSpec.parse("r32-s8-d3w16x1-d3w32x2/2-d3w64x2/2-d3w128x2/2")
    seeds = goal().space.array([net])
    archive = Archive(goal(seeds=seeds, scored=0, budgets=Budgets()))
    assert spec_of(archive.values[0]) == net
    assert archive.left == 0


def test_equal_nets_have_one_row_and_useless_ones_none():
    space = McuSpace.for_images(32)
    archive = Archive(goal(scored=10))
    texts = (
        "r16-s8-c3w8x1-c3w8x1-c3w12x1", "r16-s8-c3w8x2-c3w12x1", "r16-s8-c3w8x1-c3w12x1", "r32-s32-c7w128x4-c7w128x4",
    )  # fmt: skip
    rows = archive.add(space.array(list(map(NetSpec.parse, texts))))
    assert rows[0] == rows[1] != rows[2]
    assert rows[3] == NOWHERE
    assert archive.left == 7
    assert archive.add(space.array([NetSpec.parse(texts[1])])).tolist() == [rows[0]]
    assert (archive.idle, archive.left) == (1, 7)


def test_what_lies_beyond_the_fit_earns_nothing():
    """By hand: a feature 2 scales beyond the third of weight w gives 2 w of mu, and takes them."""
    within, beyond = STATIC.sd_net, np.hypot(STATIC.sd_net, 2 * 0.05)
    costs = cost_of(McuSpace.for_images(32).sample(2, np.random.default_rng(0)))
    mu = goal().cautious(Judged(costs, np.array([0.7, 0.9]), np.array([within, beyond])))
    assert mu == pytest.approx([0.7, 0.8])


def test_layers_hold_the_front_of_each_need_and_then_what_follows():
    rng = np.random.default_rng(0)
    needs, mu = np.exp(rng.normal(size=(400, 3))), rng.normal(size=400)
    kept = set(by_layers(needs, mu, np.arange(400), 60).tolist())
    assert len(kept) == 60
    for cost in needs.T:
        front = {
            i for i in range(400) if not ((cost <= cost[i]) & (mu > mu[i]) | (cost < cost[i]) & (mu >= mu[i])).any()
        }
        assert front <= kept
    assert by_layers(needs, mu, np.array([7, 3]), 60).tolist() == [3, 7]


def test_a_layer_without_room_for_all_is_thinned_evenly():
    """Nets that are the better the slower: the first layer holds them all."""
    cost = np.geomspace(1, 100, 101)
    kept = by_layers(np.column_stack([cost, cost, cost]), cost, np.arange(101), 5)
    assert kept.tolist() == [0, 25, 50, 75, 100]


@pytest.mark.parametrize("name", sorted({*LOOKING} - {"stratified"}))  # which keeps strata, pairs or not
@pytest.mark.parametrize("nets", [1, pytest.param(5, marks=pytest.mark.slow), 30])
def test_few_candidates_still_make_a_pair_without_any_budget(name, nets):
    """The two nets of the best pair that was seen are among them, however few are kept."""
    assert best_pair(found(name, nets=nets, budgets=Budgets()), Budgets()) > 0.5


def test_flash_mixes_the_nets_around_a_point_and_knows_its_gradient():
    """At whole steps costs are a net's own; halfway between two they are the mean of logs; slopes by differences."""
    net = goal().space.array([NetSpec.parse("r32-s8/2-m5e3w16x1-d3w32x3/2")])[0]
    numbers = Numbers(goal(), net, np.array([0.1, 0.2]))
    assert numbers.sizes == [5, 5, 9, 9, 4]  # sides, stems, two widths, a depth for both stages
    one, other = numbers.nets([(4, 0, 4, 5, 1), (4, 0, 5, 5, 1)])
    assert [str(spec_of(each)) for each in (one, other)] == [
        "r32-s8/2-m5e3w32x2-d3w48x2/2", "r32-s8/2-m5e3w48x2-d3w48x2/2",
    ]  # fmt: skip
    logs = np.log(needs_of(cost_of(np.array([one, other])), PLATFORM))
    assert numbers.at(np.array([4.0, 0, 4, 5, 1]))[0][1:] == pytest.approx(logs[0])
    assert numbers.at(np.array([4.0, 0, 4.5, 5, 1]))[0][1:] == pytest.approx(logs.mean(axis=0))
    x = np.array([0.3, 2.6, 1.9, 7.2, 2.1])
    steps = 1e-6 * np.eye(5)
    slopes = np.transpose([(numbers.at(x + step)[0] - numbers.at(x - step)[0]) / 2e-6 for step in steps])
    assert numbers.at(x)[1] == pytest.approx(slopes, abs=1e-6)


def test_flash_keeps_sides_that_strides_leave_pixels_of():
    net = goal().space.array([NetSpec.parse("r32-s8/2-c3w8x1/2-c3w8x1/2-c3w8x1/2")])[0]
    assert Numbers(goal(), net, np.ones(2)).sizes[0] == 4  # of 16 to 32 pixels, 16 would end in one pixel


def test_tpe_reads_the_parameters_of_a_net_back():
    space, rng = McuSpace.for_images(32), np.random.default_rng(0)
    fields = fields_of(space)
    nets = np.concatenate([space.sample(20, rng, stages) for stages in (2, 3, 4)])
    read = [net_of(params_of(net, fields, rng), fields, nets.shape[1]) for net in nets]
    assert np.array_equal(read, nets)
    assert len(fields) == 5 + 4 * 5


def test_tpe_without_optuna_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match="needs optuna") as caught:
        found("tpe")
    assert "pip install -e '.[tpe]'" in caught.value.hint


def test_tpe_keeps_quiet(capfd, caplog):
    found("tpe", scored=60)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_halving_probes_the_best_and_keeps_half_of_them():
    """A probe that prefers what layers do not: it moves the choice, by mean log ranks and no more."""
    probed = []

    def by_stem(values):
        probed.extend(values)
        return np.where(values[:, 1] > 16, np.nan, -values[:, 1].astype(float))  # none ranks last

    one, other = found("halving", probe=by_stem), found("halving")
    n = len(probed)
    assert 20 < n <= 2.5 * EACH
    assert {row.tobytes() for row in one.values} <= {row.tobytes() for row in probed}
    assert len(one.values) <= -(-n // 2) + 3
    assert one.values[:, 1].mean() < min(other.values[:, 1].mean(), np.mean(probed, axis=0)[1])
    best = goal().accuracy(judge(one.values).mu)
    assert best.max() <= goal().accuracy(judge(np.array(probed)).mu).max()


def test_halving_probes_few_nets_of_few_and_none_of_none():
    probed = []

    def counted(values):
        probed.append(len(values))
        return np.zeros(len(values))

    found("halving", scored=80, probe=counted)
    assert probed[0] <= 2.5 * (80 + len(goal().roles.corner)) / LEAST + 3
    with pytest.raises(InfeasibleError):
        found("halving", budgets=Budgets(flash=1000), probe=counted)
    assert len(probed) == 1


def test_pareto_ranks_are_those_of_peeling_off_fronts():
    points = np.random.default_rng(1).integers(0, 6, (80, 3)).astype(float)
    expected, left, layer = np.zeros(80, int), set(range(80)), 0
    while left:
        front = {
            i for i in left
            if not any((points[j] <= points[i]).all() and (points[j] < points[i]).any() for j in left)
        }  # fmt: skip
        expected[list(front)] = layer
        left, layer = left - front, layer + 1
    assert pareto_ranks(points).tolist() == expected.tolist()


def test_crowding_is_the_gap_between_neighbours():
    points = np.array([[0.0, 4.0], [1.0, 3.0], [4.0, 0.0], [9.0, 9.0]])
    assert crowding(points, np.array([0, 0, 0, 1])).tolist() == [np.inf, 2.0, np.inf, np.inf]
