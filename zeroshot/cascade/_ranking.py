"""From two populations to what the compiled search takes, and from what it finds to the best pairs and the front."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zeroshot.cascade._bounds import bends
from zeroshot.cascade._front import ROOM, Front, copied, empty_front, kept_rows, not_dominated
from zeroshot.cascade._scan import cubic
from zeroshot.cascade._scan_types import Net, Nets, Table, Terms, Tree
from zeroshot.cascade._search import front_search
from zeroshot.cascade._tree import boxes, plant
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
LEAF = 8  # little nets that are looked at together
RUN = 2  # big nets in a leaf
PARTS = 64  # of the big nets, for threads to share


class Field(NamedTuple):
    """Two populations in the order of the search, and what is asked of their pairs; as `_search` takes them."""

    littles: Nets
    tree: Tree
    bigs: Nets
    grove: Tree
    table: Table
    terms: Terms


def field_of(littles: Nets, bigs: Nets, coupling: Coupling, terms: Terms, objectives: tuple[str, ...]) -> Field:
    """Lay out two populations.

    Args:
        littles: The little nets, in any order.
        bigs: The big ones.
        coupling: The copula's.
        terms: What is asked of a pair.
        objectives: Of the front: nets that are alike in these stand together.
    """
    names = ("mu", "latency", *(name for name in objectives if name in ("energy", "macs", "flash")))
    names += ("arena",) if "sram" in objectives else ()
    littles, bigs = littles.take(plant(littles, names, LEAF)), bigs.take(plant(bigs, names, RUN))
    nodes = int(littles.node.min()), int(littles.node.max()) + 4
    return Field(
        littles, boxes(littles, LEAF), bigs, boxes(bigs, RUN),
        _table(coupling, *nodes, min(nodes[0], int(bigs.node.min())), max(nodes[1], int(bigs.node.max()) + 4)), terms,
    )  # fmt: skip


def nets(costs: NetCosts, accuracy: FloatArray) -> Nets:
    """A population as the search takes it."""
    mu = to_mu(accuracy)
    columns = [*(getattr(costs, name) for name in Net._fields[:-2]), accuracy, mu]
    number = np.arange(len(costs))
    place = np.empty_like(number)
    place[np.argsort(costs.latency, kind="stable")] = number
    node, weight = _stencil((mu - MU_LOW) / MU_STEP, 0, MU_NODES)
    return Nets(np.column_stack(columns).astype(np.float64), costs.ops, node, weight, number, place)


def _table(coupling: Coupling, first: int, last: int, lowest: int, highest: int) -> Table:
    found, u = cascade_table(coupling), np.array([rate_to_u(p) for p in LEVELS]) * (U_NODES - 1)
    node, weight = _stencil(u, np.where(u > U_HALF, U_HALF, 0), U_HALF + 1)
    return Table(found.gain, found.best, node, weight, first, last, *bends(coupling, lowest, highest))


def _stencil(x: FloatArray, low: npt.ArrayLike, nodes: int) -> tuple[Int64Array, FloatArray]:
    """First node and the four weights of cubic interpolation at positions x, in node spacings.

    The four nodes are among the `nodes` ones from node `low` on.
    """
    at = np.clip(np.floor(x).astype(np.int64) - 1, low, np.asarray(low) + nodes - 4)
    return at, np.column_stack(cubic(x - at))


class FoundFront(NamedTuple):
    """The points of a front, and how many pairs were rated one by one to find it."""

    chosen: Chosen
    n_rated: int


def best_front(field: Field, threads: int) -> FoundFront:
    """The points of all pairs that no other dominates; the big nets are shared out among threads."""
    parts = min(PARTS, len(field.grove.start) - 1)
    turns = parts + np.random.default_rng(0).permutation(parts)
    threads = max(1, min(threads, parts))
    seeds = _seeds(field)

    def search(part: int) -> tuple[Front, int]:
        return front_search(*field[:4], turns[part::threads].copy(), field.table, field.terms, copied(seeds))

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(search, range(threads)))
    fronts = [(front, kept_rows(front)) for front, _ in found]
    points = np.concatenate([front.points[rows] for front, rows in fronts])
    pair = np.concatenate([front.pair[rows] for front, rows in fronts])
    rate = np.concatenate([front.rate[rows] for front, rows in fronts])
    first = np.lexsort((rate, pair[:, 0], pair[:, 1]))
    keep = first[not_dominated(points[first][:, : len(field.terms.codes)])]
    by_place = np.empty_like(field.littles.number)
    by_place[field.littles.place] = field.littles.number
    chosen = by_place[pair[keep, 0]], pair[keep, 1], rate[keep]
    return FoundFront(chosen, sum(rated for _, rated in found))


def _seeds(field: Field) -> Front:
    """A front to start from: of nets that are the most accurate for what they cost."""
    littles, bigs = _promising(field.littles), _promising(field.bigs)
    trees, front = (boxes(littles, LEAF), boxes(bigs, RUN)), empty_front(len(field.terms.codes), ROOM)
    return front_search(littles, trees[0], bigs, trees[1], np.ones(1, np.int64), field.table, field.terms, front)[0]


def _promising(nets: Nets) -> Nets:
    accuracy = nets.figures[:, Net._fields.index("accuracy")]
    keep = np.zeros(len(accuracy), np.bool_)
    for name in ("latency", "flash", "arena"):
        order = np.lexsort((-accuracy, nets.figures[:, Net._fields.index(name)]))
        reached = accuracy[order]
        keep[order[reached > np.maximum.accumulate(np.concatenate([[-np.inf], reached]))[:-1]]] = True
    return nets.take(np.flatnonzero(keep))
