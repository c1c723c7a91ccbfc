"""How many nets a strategy may score in the time that it is given: counted once, then a number as any other.

A clock inside a strategy would make its result depend on every pause of the machine. So shorter runs of the strategy
itself, each for more nets than the last, tell its pace, and the search that follows is the one that `scored` gives.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from zeroshot.errors import InfeasibleError, RunError, UsageError, call
from zeroshot.runs.reading import read_config
from zeroshot.searching.find import goal_of, look
from zeroshot.searching.problem import SearchProblem
from zeroshot.searching.task import TaskSample

FIRST, GROWTH = 128, 4  # nets of the first trial, and how many times as many each next one has
FARTHEST = 20  # times as many nets as in the last trial, at most
FLATTEST = 100  # a further net takes at least such a part of what nets took on average


def counted_before(problem: SearchProblem, run: Path) -> SearchProblem:
    """The problem with the nets that were counted when the run began, which is to be continued."""
    if problem.options.seconds is None:
        return problem
    with suppress(RunError):  # whoever continues the run says what is wrong with it
        scored = read_config(run).get("scored")
        return problem.counted(scored) if isinstance(scored, int) and scored > 0 else problem
    return problem


def counted_now(problem: SearchProblem, task: TaskSample) -> SearchProblem:
    """The problem with as many nets as the strategy scores in `seconds`, if these are given and not yet counted.

    Raises:
        UsageError: The time is too short to score any.
    """
    seconds = problem.options.seconds
    if seconds is None or problem.scored is not None:
        return problem
    goal = goal_of(problem, task)

    def finds_more(scored: int) -> bool:
        with suppress(InfeasibleError):  # more nets may make a pair
            return look(problem, replace(goal, scored=scored)).drawn - len(goal.given) >= scored / 2
        return True

    return problem.counted(affordable(finds_more, seconds, goal.space.count()))


def affordable(finds_more: Callable[[int], bool], seconds: float, most: int) -> int:
    """How many nets a strategy scores in a time, of which the trials take a small part.

    Args:
        finds_more: Runs the strategy for so many nets, and says whether it found about as many.
        seconds: In all.
        most: Nets that there are.

    Raises:
        UsageError: The first trial takes longer.
    """
    finds_more(min(FIRST, most))  # compiles kernels, or loads them: not the strategy's time
    started, scored, took = time.perf_counter(), 0, 0.0
    while True:
        before, took_before = scored, took
        scored = min(GROWTH * scored or FIRST, most)
        at = time.perf_counter()
        if not finds_more(scored) or scored == most:
            return scored
        now = time.perf_counter()
        took, left = now - at, seconds - (now - started)
        if left < 0:
            break
        # A run for no net takes time as well: what further nets take is the slope.
        slope = max((took - took_before) / (scored - before), took / scored / FLATTEST)
        more = (left - took) / slope
        if (before and more <= FARTHEST * scored) or took + slope * (GROWTH - 1) * scored > left / 2:
            return int(min(max(scored + more, 1), FARTHEST * scored, most))
    if before:
        return before  # a pause of the machine: the trial before took no longer than it should
    again = call("search", ..., scored=scored)
    raise UsageError(
        f"`seconds` {seconds:g} is too short: a look at {scored} nets takes {took:.2g} s here.",
        f"Give more, or say how many nets: {again}.",
    )
