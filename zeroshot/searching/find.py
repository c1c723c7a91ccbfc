"""The candidates of a search: its strategy, told what to look for, and the nets that it is given."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np

from zeroshot.accuracy.features import features
from zeroshot.accuracy.model import STATIC, AccuracyModel, net_sd, size
from zeroshot.cascade.policy import MIN_RATE
from zeroshot.cost.nets import NetCosts, Platform, net_costs
from zeroshot.errors import InfeasibleError
from zeroshot.net import layer_table, spec_of
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import default_jobs, score_probed
from zeroshot.searching.candidates import Candidates, with_fixed, with_nets
from zeroshot.searching.population import single_fits
from zeroshot.searching.problem import SearchProblem
from zeroshot.searching.roles import tightest
from zeroshot.searching.strategies import STRATEGIES, Goal, Judged
from zeroshot.searching.task import TaskSample
from zeroshot.spaces.canonical import canonical
from zeroshot.types import FloatArray, Int32Array

QUICK = "naswot"  # what strategies may probe with
EACH, LEAST = 10, 1000  # nets scored for each candidate of a role, and at least


def find_candidates(problem: SearchProblem, task: TaskSample) -> Candidates:
    """Let the strategy look for candidates, all from the one seed, and add the nets that it was given.

    Raises:
        InfeasibleError: No net fits, or a named one does not; the message names the tightest budget.
    """
    goal = goal_of(problem, task)
    found = with_given(look(problem, goal), goal)
    return replace(found, remarks=(*found.remarks, *_remarks(problem, goal, found.drawn)))


def look(problem: SearchProblem, goal: Goal) -> Candidates:
    """What the strategy finds.

    Raises:
        InfeasibleError: No net fits; the message names the tightest budget.
    """
    return STRATEGIES[problem.options.strategy](goal, np.random.default_rng(problem.options.seed))


def _remarks(problem: SearchProblem, goal: Goal, drawn: int) -> Iterator[str]:
    """How far the strategy came in its time, and where it began."""
    start, seconds = problem.start, problem.options.seconds
    if start is not None:
        yield f"{len(goal.start):,} of the {start.candidates:,} nets of {start.run} are candidates here."
    if seconds is None:
        return
    new, again = drawn - len(goal.given), f"`scored={goal.scored}` gives the same again."
    if new < goal.scored / 2:
        yield f"The strategy found {new:,} nets and no others long before {seconds:g} s were over: {again}"
    else:
        yield f"The strategy scored {new:,} nets in about {seconds:g} s: {again}"


def goal_of(problem: SearchProblem, task: TaskSample) -> Goal:
    """What the options ask a strategy for.

    Raises:
        InfeasibleError: No net of the earlier run fits.
    """
    model, options = STATIC.on(task.traits), problem.options
    judge = layer_judge(model, problem.channels, problem.classes, problem.platform)
    seeds = problem.space.array(list(problem.seeds))
    return Goal(
        space=problem.space,
        judge=judge,
        cost_of=problem.cost_of,
        roles=problem.roles,
        nets=options.nets,
        scored=scored_nets(problem),
        seeds=seeds,
        start=fitting_start(problem),
        least_sd=model.sd_net,
        floor=max(1 / problem.classes, model.guessed),
        threads=options.jobs or default_jobs(),
        probe=quick_probe(problem, task) if problem.proxies.probed else None,
    )


def quick_probe(problem: SearchProblem, task: TaskSample) -> Callable[[Int32Array], FloatArray]:
    """A function of spec arrays: `naswot` of each net on the first batch, NaN where it is undefined."""
    proxies, options = load_proxies([QUICK]), problem.options

    def probe(values: Int32Array) -> FloatArray:
        names = [str(spec_of(row)) for row in values]
        with closing(score_probed(names, problem.classes, task.images, proxies, options.seed, options.jobs)) as results:
            return np.array([result.scores[QUICK].value for result in results], np.float64)

    return probe


def layer_judge(
    model: AccuracyModel, channels: int, classes: int, platform: Platform
) -> Callable[[Int32Array], Judged]:
    """A function of spec arrays: what layers say of nets.

    Args:
        model: Of the task; without probed evidence.
        channels: Of the images.
        classes: Of the data.
        platform: Where nets run.
    """

    def judge(values: Int32Array) -> Judged:
        table = layer_table(values, channels, classes)
        known = features(table)
        costs = net_costs(table, platform.board, platform.engine)
        return Judged(costs, model.intercept + size(known, model), net_sd(known, model))

    return judge


def scored_nets(problem: SearchProblem) -> int:
    """How many nets a strategy may score."""
    return problem.scored or max(EACH * problem.options.nets, LEAST)


def fitting_start(problem: SearchProblem) -> Int32Array:
    """The nets of the earlier run that meet these budgets, in a pair or alone, but for those that the user named.

    Raises:
        InfeasibleError: There are some, and none fits.
    """
    start, roles = problem.start, problem.roles
    if start is None:
        return problem.space.array([])
    costs = problem.cost_of(start.values)
    little, big = roles.fitting(start.values, costs)
    fits = little | big | single_fits(costs, roles.platform, roles.budgets)
    if not fits.any():
        raise InfeasibleError(
            f"`from_`: none of the {start.candidates} nets of {start.run} meets the budgets, alone or in a pair.",
            "Raise a budget, or search without `from_`.",
        )
    named = [*(net.values[0] for net in roles.fixed), *problem.space.array(list(problem.seeds))]
    known = {row.tobytes().rstrip(b"\0") for row in canonical(np.array(named))} if named else set()
    new = [row.tobytes().rstrip(b"\0") not in known for row in canonical(start.values)]
    return start.values[fits & new]


def with_given(found: Candidates, goal: Goal) -> Candidates:
    """The candidates, the fixed nets, and each seed and net of an earlier run in all roles that it can have.

    Raises:
        InfeasibleError: A seed can have none.
    """
    roles = goal.roles
    given = np.concatenate([goal.seeds, goal.start])
    if not len(given):
        return with_fixed(found)
    costs = goal.cost_of(given)
    little, big = roles.fitting(given, costs)
    useless = ~(little | big | single_fits(costs, roles.platform, roles.budgets))
    if useless.any():
        raise too_large(goal, int(np.argmax(useless)), costs)
    return with_fixed(with_nets(found, given, costs, little, big))


def too_large(goal: Goal, seed: int, costs: NetCosts) -> InfeasibleError:
    """The error for a seed that meets the budgets neither alone nor in a pair."""
    one, roles = costs.take([seed]), goal.roles
    rate = MIN_RATE if roles.big is None else 1.0  # it would run for every image
    needs = {
        "flash": one.flash + roles.platform.runtime[one.ops], "sram": one.arena + one.persistent,
        "worst_latency": one.latency, "latency": rate * one.latency, "energy": rate * one.energy,
    }  # fmt: skip
    found = tightest({name: float(need[0]) for name, need in needs.items()}, roles.budgets)
    net = str(spec_of(goal.seeds[seed]))
    return InfeasibleError(
        f"`seeds`: {net} meets the budgets neither alone nor in a pair; `{found.name}` is the tightest: it allows "
        f"{found.limit}, and this net takes {found.need} or more.",
        f"Raise `{found.name}`, or leave the net out.",
    )
