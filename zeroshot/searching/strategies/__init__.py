"""Strategies: where a search looks for its candidates. Each is one function of a goal and a source of randomness."""

from zeroshot.searching.strategies.evolution import evolution
from zeroshot.searching.strategies.families import scaling
from zeroshot.searching.strategies.flash import flash
from zeroshot.searching.strategies.goal import Goal, Judged, Strategy
from zeroshot.searching.strategies.halving import halving
from zeroshot.searching.strategies.metropolis import metropolis
from zeroshot.searching.strategies.nsga2 import nsga2
from zeroshot.searching.strategies.sampling import grid, spread, stratified, uniform
from zeroshot.searching.strategies.tpe import tpe

STRATEGIES: dict[str, Strategy] = {
    "random": spread,
    "uniform": uniform,
    "grid": grid,
    "stratified": stratified,
    "scaling": scaling,
    "evolution": evolution,
    "metropolis": metropolis,
    "nsga2": nsga2,
    "flash": flash,
    "tpe": tpe,
    "halving": halving,
}

__all__ = ["STRATEGIES", "Goal", "Judged", "Strategy"]
