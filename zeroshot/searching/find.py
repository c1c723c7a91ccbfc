"""The candidates of a search: its strategy, told what to look for, and the nets that the user named."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from zeroshot.accuracy.features import features
from zeroshot.accuracy.model import STATIC, AccuracyModel, net_sd, size
from zeroshot.cascade.policy import MIN_RATE
from zeroshot.cost.nets import NetCosts, Platform, net_costs
from zeroshot.errors import InfeasibleError
from zeroshot.net import layer_table, spec_of
from zeroshot.scoring.population import default_jobs
from zeroshot.searching.candidates import Candidates, fitting, tightest
from zeroshot.searching.options import SearchOptions
from zeroshot.searching.population import single_fits
from zeroshot.searching.problem import SearchProblem
from zeroshot.searching.strategies import STRATEGIES, Goal, Judged
from zeroshot.searching.task import TaskSample
from zeroshot.types import Int32Array

EACH, LEAST = 10, 1000  # nets scored for each candidate of a role, and at least


def find_candidates(problem: SearchProblem, task: TaskSample) -> Candidates:
    """Let the strategy look for candidates, all from the one seed, and add the nets that the user named.

    Raises:
        InfeasibleError: No net fits, or a named one does not; the message names the tightest budget.
    """
    goal = goal_of(problem, task)
    found = STRATEGIES[problem.options.strategy](goal, np.random.default_rng(problem.options.seed))
    return with_seeds(found, goal)


def goal_of(problem: SearchProblem, task: TaskSample) -> Goal:
    """What the options ask a strategy for."""
    model, options = STATIC.on(task.traits), problem.options
    judge = layer_judge(model, problem.channels, problem.classes, problem.platform)
    return Goal(
        space=problem.space,
        judge=judge,
        cost_of=problem.cost_of,
        platform=problem.platform,
        budgets=problem.budgets,
        nets=options.nets,
        scored=scored_nets(options),
        seeds=problem.space.array(list(problem.seeds)),
        least_sd=model.sd_net,
        floor=max(1 / problem.classes, model.guessed),
        threads=options.jobs or default_jobs(),
    )


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


def scored_nets(options: SearchOptions) -> int:
    """How many nets a strategy may score."""
    return options.scored or max(EACH * options.nets, LEAST)


def with_seeds(found: Candidates, goal: Goal) -> Candidates:
    """The candidates and the goal's seeds, each of these in all roles that it can have.

    Raises:
        InfeasibleError: A seed can have none.
    """
    if not len(goal.seeds):
        return found
    there = {row.tobytes(): i for i, row in enumerate(found.values)}
    new = np.array([row.tobytes() not in there for row in goal.seeds])
    costs = goal.cost_of(goal.seeds)
    little, big = fitting(costs, found.corner, goal.platform, goal.budgets)
    useless = ~(little | big | single_fits(costs, goal.platform, goal.budgets))
    if useless.any():
        raise too_large(goal, int(np.argmax(useless)), costs)
    rows = np.array([there.get(row.tobytes(), -1) for row in goal.seeds])
    rows[new] = len(found.values) + np.arange(new.sum())
    return replace(
        found,
        values=np.concatenate([found.values, goal.seeds[new]]),
        costs=NetCosts.join([found.costs, costs.take(new)]),
        littles=np.union1d(found.littles, rows[little]),
        bigs=np.union1d(found.bigs, rows[big]),
    )


def too_large(goal: Goal, seed: int, costs: NetCosts) -> InfeasibleError:
    """The error for a seed that meets the budgets neither alone nor in a pair."""
    one = costs.take([seed])
    needs = {
        "flash": one.flash + goal.platform.runtime[one.ops], "sram": one.arena + one.persistent,
        "worst_latency": one.latency, "latency": MIN_RATE * one.latency, "energy": MIN_RATE * one.energy,
    }  # fmt: skip
    found = tightest({name: float(need[0]) for name, need in needs.items()}, goal.budgets)
    net = str(spec_of(goal.seeds[seed]))
    return InfeasibleError(
        f"`seeds`: {net} meets the budgets neither alone nor in a pair; `{found.name}` is the tightest: it allows "
        f"{found.limit}, and this net takes {found.need} or more.",
        f"Raise `{found.name}`, or leave the net out.",
    )
