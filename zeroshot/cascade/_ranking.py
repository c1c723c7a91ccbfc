"""From two populations to what the scan takes, and from its parts to the best pairs and the front."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from zeroshot.cascade._front import Front, front_kernel
from zeroshot.cascade._scan import cubic, scan_kernel
from zeroshot.cascade._scan_types import Best, Net, Nets, Part, Table, Terms
from zeroshot.cascade.copula import (
    MU_LOW,
    MU_NODES,
    MU_STEP,
    U_HALF,
    U_NODES,
    Coupling,
    cascade_table,
    rate_to_u,
    to_mu,
)
from zeroshot.cost.nets import NetCosts
from zeroshot.types import FloatArray, Int64Array

# Escalation rates at which a pair may stand on the front, beside its best one.
LEVELS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.65)
# Numbers of nets and escalation rates, each (n,): little, big, p.
Chosen = tuple[Int64Array, Int64Array, FloatArray]


def scan_all(littles: Nets, bigs: Nets, coupling: Coupling, terms: Terms, *, top: int, threads: int) -> Part:
    """Scan every pair, the big nets shared out among threads; arguments as `scan_kernel`, littles in any order."""
    order = np.argsort(littles.figures[:, 0], kind="stable")
    ordered = Nets(littles.figures[order], littles.ops[order], littles.node[order], littles.weight[order])
    table = _table(coupling)
    bounds = np.linspace(0, len(bigs.ops), max(1, min(threads, len(bigs.ops))) + 1).astype(int)

    def scan(low: int, high: int) -> Part:
        return scan_kernel(ordered, bigs, table, terms, top, (low, high))

    with ThreadPoolExecutor(len(bounds) - 1) as pool:
        parts = list(pool.map(scan, bounds[:-1], bounds[1:]))
    fits = np.zeros(len(order), np.bool_)
    fits[order] = np.any([part.little_fits for part in parts], axis=0)
    best = Best(*map(np.concatenate, zip(*(part.best for part in parts), strict=True)))
    front = Front(*map(np.concatenate, zip(*(part.front for part in parts), strict=True)))
    front.pair[:, 0] = order[front.pair[:, 0]]
    return Part(
        sum(part.n_feasible for part in parts), fits, np.concatenate([part.big_fits for part in parts]),
        best._replace(little=order[best.little]), front,
    )  # fmt: skip


def nets(costs: NetCosts, accuracy: FloatArray) -> Nets:
    """A population as the scan takes it."""
    figures = np.column_stack([*(getattr(costs, name) for name in Net._fields[:-1]), accuracy]).astype(np.float64)
    return Nets(figures, costs.ops, *_stencil((to_mu(accuracy) - MU_LOW) / MU_STEP, 0, MU_NODES))


def _table(coupling: Coupling) -> Table:
    found, u = cascade_table(coupling), np.array([rate_to_u(p) for p in LEVELS]) * (U_NODES - 1)
    return Table(found.gain, found.best, *_stencil(u, np.where(u > U_HALF, U_HALF, 0), U_HALF + 1))


def _stencil(x: FloatArray, low: npt.ArrayLike, nodes: int) -> tuple[Int64Array, FloatArray]:
    """First node and the four weights of cubic interpolation at positions x, in node spacings.

    The four nodes are among the `nodes` ones from node `low` on.
    """
    at = np.clip(np.floor(x).astype(np.int64) - 1, low, np.asarray(low) + nodes - 4)
    return at, np.column_stack(cubic(x - at))


def best_pairs(best: Best, top: int, per_net: int) -> Chosen:
    """The best pairs under the cap per net; exact, as `top` candidates a big net always hold an unblocked one."""
    big, slot = np.nonzero(np.isfinite(best.accuracy))
    accuracy, latency = best.accuracy[big, slot], best.latency[big, slot]
    little, p = best.little[big, slot], best.p[big, slot]
    chosen: list[int] = []
    used_l: dict[int, int] = {}
    used_b: dict[int, int] = {}
    for i in np.lexsort((big, little, latency, -accuracy)):
        a, b = int(little[i]), int(big[i])
        if used_l.get(a, 0) < per_net and used_b.get(b, 0) < per_net:
            used_l[a], used_b[b] = used_l.get(a, 0) + 1, used_b.get(b, 0) + 1
            chosen.append(int(i))
            if len(chosen) == top:
                break
    return little[chosen], big[chosen], p[chosen]


def best_front(front: Front) -> Chosen:
    """The points of a joined front that no other dominates."""
    keep = np.sort(front_kernel(front.points))
    return front.pair[keep, 0], front.pair[keep, 1], front.rate[keep]
