"""Random populations of nets whose pairs are ranked, budgets, and what plain NumPy finds."""

from dataclasses import replace

import numpy as np
import pytest

from zeroshot.cascade.copula import PRIOR_COUPLING
from zeroshot.cascade.rank_pairs import Budgets, Pairs, rank_pairs
from zeroshot.cost.nets import NetCosts, Platform

from .. import reference

# Interpolation errors at the accuracies and rates of these populations: of a pair's accuracy (largest where nearly
# everything is escalated), and of its best escalation rate (where accuracy is flat, hence the loss is far smaller).
ACCURACY = 1e-4
RATE = 0.025
# Rounding of one float operation, relative: a rate that just uses up a budget, times the big net's cost again.
ROUNDING = 1e-12

RUNTIME = 3000 + sum((np.arange(64) >> bit & 1) * size for bit, size in enumerate((1100, 900, 500, 400, 250, 250)))
PLATFORM = Platform(None, None, RUNTIME, policy_latency=0.05, policy_energy=0.02)

BUDGETS = {
    "none": Budgets(),
    "flash": Budgets(flash=90_000),
    "sram": Budgets(sram=50_000),
    "latency": Budgets(latency=60.0),
    "energy": Budgets(energy=45.0),
    "worst_latency": Budgets(worst_latency=120.0),
    "escalation": Budgets(escalation=0.25),
    "all": Budgets(150_000, 80_000, 90.0, 90.0, 300.0, 0.5),
    "tight": Budgets(flash=40_000, latency=25.0),
    "infeasible": Budgets(flash=3000),
}
budgets_cases = pytest.mark.parametrize("budgets", BUDGETS.values(), ids=BUDGETS.keys())


def population(rng, n, fastest, slowest, low, high):
    """Random costs, and accuracies that rise with latency but for noise."""
    latency = np.exp(rng.uniform(np.log(fastest), np.log(slowest), n))
    rank = np.argsort(np.argsort(latency)) / max(n - 1, 1)
    costs = NetCosts(
        latency=latency,
        energy=latency * rng.uniform(0.7, 1.4, n),
        macs=(latency * rng.uniform(5e4, 2e5, n)).astype(np.int64),
        flash=rng.integers(4000, 80_000, n),
        arena=rng.integers(4000, 80_000, n),
        persistent=rng.integers(0, 5000, n),
        input=rng.choice([768, 1728, 3072], n),
        holding=np.zeros(n, np.int64),
        ops=rng.integers(1, 64, n),
    )
    costs = replace(costs, holding=costs.arena + rng.integers(0, costs.input + 1))
    return costs, low + (high - low) * np.clip(0.7 * rank + 0.3 * rng.uniform(0, 1, n), 0, 1)


def populations(seed, n_little=30, n_big=40, fastest_big=15):
    rng = np.random.default_rng(seed)
    return *population(rng, n_little, 1, 40, 0.45, 0.8), *population(rng, n_big, fastest_big, 400, 0.55, 0.92)


def ranked(parts, budgets=BUDGETS["none"], platform=PLATFORM, **options):
    littles, a_l, bigs, a_b = parts
    return rank_pairs(littles, a_l, bigs, a_b, platform, budgets, **options)


def expected(parts, budgets=BUDGETS["none"], coupling=PRIOR_COUPLING, platform=PLATFORM):
    return reference.all_pairs(*parts, platform, budgets, coupling)


def listed(pairs: Pairs):
    return list(zip(pairs.little.tolist(), pairs.big.tolist(), strict=True))


def same(a, b):
    """Equal in every bit, field by field."""
    return all(np.array_equal(x, getattr(b, name)) for name, x in vars(a).items())
