"""Obvious versions of what the package computes fast: the oracles of the tests. Nothing here imports the package.

Nets, costs, platforms, budgets and couplings are used through their attributes alone.
"""

from .arena import arena_bound, arena_greedy, arena_in_place, c99_scratch, greedy_plan, tensors
from .copula import best_rate, bivariate_normal_cdf, cascade_accuracy, couple
from .int8 import fixed_point, int8_addition, int8_sums, int8_tensors, scale_integer
from .nets import count_layers, enumerate_space, layer_rows, same_padding
from .pairs import LEVELS, MIN_RATE, all_pairs, figures, front_candidates, not_dominated, top_pairs
from .ranking import fuse_ranks

__all__ = [
    "LEVELS",
    "MIN_RATE",
    "all_pairs",
    "arena_bound",
    "arena_greedy",
    "arena_in_place",
    "best_rate",
    "bivariate_normal_cdf",
    "c99_scratch",
    "cascade_accuracy",
    "count_layers",
    "couple",
    "enumerate_space",
    "figures",
    "fixed_point",
    "front_candidates",
    "fuse_ranks",
    "greedy_plan",
    "int8_addition",
    "int8_sums",
    "int8_tensors",
    "layer_rows",
    "not_dominated",
    "same_padding",
    "scale_integer",
    "tensors",
    "top_pairs",
]
