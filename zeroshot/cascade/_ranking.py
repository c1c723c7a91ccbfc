"""From two populations to what the compiled search takes, and from what it finds to the front."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from zeroshot.cascade._bends import bends
from zeroshot.cascade._best import Chosen
from zeroshot.cascade._field import ACCURACY, FIGURES, NODE, NUMBER, PLACE, Boxes, Field, Nets, Table, Terms, room
from zeroshot.cascade._front import ROOM, Front, empty_front, not_dominated
from zeroshot.cascade._rating import cubic
from zeroshot.cascade._search import front_search
from zeroshot.cascade._tree import plant, tree
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
LEAF = 8  # little nets that are looked at together
PARTS = 64  # of the big nets, for threads to share


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
    littles, bigs = littles.take(plant(littles, names, LEAF)), bigs.take(plant(bigs, names, 1))
    nodes = littles.numbers[:, NODE]
    first, last = int(nodes.min()), int(nodes.max()) + 4
    known = bends(
        coupling, min(first, int(bigs.numbers[:, NODE].min())), max(last, int(bigs.numbers[:, NODE].max()) + 4)
    )
    return Field(littles, bigs, Boxes(tree(littles, LEAF), tree(bigs, 1), *known), _table(coupling, first, last), terms)


def nets(costs: NetCosts, accuracy: FloatArray) -> Nets:
    """A population as the search takes it."""
    mu, number = to_mu(accuracy), np.arange(len(costs))
    node, weight = _stencil((mu - MU_LOW) / MU_STEP, 0, MU_NODES)
    place = np.empty_like(number)
    place[np.argsort(costs.latency, kind="stable")] = number
    columns = [*(getattr(costs, name) for name in FIGURES[:-2]), accuracy, mu]
    return Nets(
        np.column_stack([*columns, weight]).astype(np.float64), np.column_stack([costs.ops, node, number, place])
    )


def _table(coupling: Coupling, first: int, last: int) -> Table:
    found, u = cascade_table(coupling), np.array([rate_to_u(p) for p in LEVELS]) * (U_NODES - 1)
    return Table(found.gain, found.best, *_stencil(u, np.where(u > U_HALF, U_HALF, 0), U_HALF + 1), first, last)


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
    parts = min(PARTS, len(field.boxes.grove.low) // 2)
    turns = parts + np.random.default_rng(0).permutation(parts)
    threads = max(1, min(threads, parts))
    seeds, _ = _grown(_promising(field), np.ones(1, np.int64), empty_front(ROOM))

    def search(part: int) -> tuple[Front, int]:
        return _grown(field, turns[part::threads].copy(), seeds.copied())

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(search, range(threads)))
    fronts = [(front, front.rows()) for front, _ in found]
    points = np.concatenate([front.points[rows] for front, rows in fronts])
    pair = np.concatenate([front.pair[rows] for front, rows in fronts])
    rate = np.concatenate([front.rate[rows] for front, rows in fronts])
    first = np.lexsort((rate, pair[:, 0], pair[:, 1]))
    keep = first[not_dominated(points[first][:, : len(field.terms.codes)])]
    by_place = np.argsort(field.littles.numbers[:, PLACE])
    chosen = field.littles.numbers[by_place[pair[keep, 0]], NUMBER], pair[keep, 1], rate[keep]
    return FoundFront(chosen, sum(rated for _, rated in found))


def _grown(field: Field, turns: Int64Array, front: Front) -> tuple[Front, int]:
    """A front with the points of some nodes of the grove, and the pairs looked at."""
    rooms, visited = room(field), 0
    while len(turns):
        done, looked_at = front_search(field, turns, *rooms, front)
        turns, visited = turns[done:], visited + looked_at
        if len(turns):
            front = front.wider()
    return front, visited


def _promising(field: Field) -> Field:
    """The nets that are the most accurate for what they cost: their pairs are a front to start from."""
    littles, bigs = _undominated(field.littles), _undominated(field.bigs)
    boxes = field.boxes._replace(tree=tree(littles, LEAF), grove=tree(bigs, 1))
    return field._replace(littles=littles, bigs=bigs, boxes=boxes)


def _undominated(nets: Nets) -> Nets:
    accuracy = nets.figures[:, ACCURACY]
    keep = np.zeros(len(accuracy), np.bool_)
    for name in ("latency", "flash", "arena"):
        order = np.lexsort((-accuracy, nets.figures[:, FIGURES.index(name)]))
        reached = accuracy[order]
        keep[order[reached > np.maximum.accumulate(np.concatenate([[-np.inf], reached]))[:-1]]] = True
    return nets.take(np.flatnonzero(keep))
