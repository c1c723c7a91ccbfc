"""What no pair of some little and some big nets can beat: the bounds of the search over pairs.

Costs are easy: each is a sum or a maximum that never falls when a cost of either net rises, and floats round
monotonically, so that the formula at the least costs is a lower bound to the bit.

Accuracy is not. At one escalation rate it rises with mu_B under the shipped coupling (kappa_2 < 0: kappa falls), but it
need not rise with mu_L, because kappa does: a better little net leaves the harder errors to the big one. Between 40 and
95 % it falls by up to .05 points where the big net is hardly better; below 10 %, by points. Under another coupling it
may fall with mu_B too. And which rates a pair may have depends on both nets: a better little net may no longer be worse
than the big one, a cheaper big net leaves less room below break-even, and each pair has its own best rate.

So dominated nets cannot be left out beforehand, and nothing is presumed here: over a box a function is at most its
highest corner, plus w^2/8 of its greatest downward second derivative in each direction, plus w/4 of each bend that
cubics have where they meet. All of these are measured on the table in use, for any coupling.
"""

import numpy as np
from scipy.special import ndtr

from zeroshot.cascade._field import (
    ACCURACY,
    ARENA,
    ENERGY,
    FLASH,
    HOLDING,
    INPUT,
    LATENCY,
    LEAST,
    MACS,
    MOST,
    MU,
    OPS,
    PERSISTENT,
    WEIGHT,
    Boxes,
    Cuts,
    Field,
    Terms,
    Tree,
    inner,
)  # fmt: skip
from zeroshot.cascade._front import Front, no_better
from zeroshot.cascade._rating import (
    SHAVED,
    SLACK,
    TINY,
    accuracy_at,
    accuracy_of_level,
    best_of,
    best_u,
    compiled_cubic,
    cut,
    highest_rate,
    write,
)  # fmt: skip
from zeroshot.cascade.copula import MU_LOW, MU_NODES, MU_STEP, rate_to_u, u_to_rate
from zeroshot.cascade.policy import MIN_RATE
from zeroshot.types import FloatArray

STEEP = 1e9
MANY = 64  # big nets of which nothing is known of best rates
LOWEST = float(ndtr(MU_LOW))  # accuracies below share one mu


@inner
def cell(best: FloatArray, m: int) -> tuple[float, float, float]:
    """Bounds of a big net's best u between the middle two of four nodes, and of its slope (Bernstein)."""
    if m == 0 or m == MU_NODES - 4:  # the outermost cubics serve more than the middle
        return 0.0, 1.0, STEEP
    f0, f1, f2, f3 = best[m], best[m + 1], best[m + 2], best[m + 3]
    second = f1 + (-2 * f0 - 3 * f1 + 6 * f2 - f3) / 18
    third = f2 - (f0 - 6 * f1 + 3 * f2 + 2 * f3) / 18
    low, high = min(min(f1, f2), min(second, third)), max(max(f1, f2), max(second, third))
    slope = 3 * max(max(abs(second - f1), abs(third - second)), abs(f2 - third))
    return min(1.0, max(0.0, low - 1e-9)), min(1.0, max(0.0, high + 1e-9)), slope


@inner
def cut_ends(field: Field, g: int, cuts: Cuts) -> None:
    """Cut the table at the least and the most accurate big net of a node."""
    grove = field.boxes.grove
    for side in range(1 + int(grove.numbers[g, LEAST] != grove.numbers[g, MOST])):
        cut(field.table, field.bigs, grove.numbers[g, LEAST + side], cuts, side * MU_NODES)


@inner
def bound_best(field: Field, g: int, cuts: Cuts) -> None:
    """A lower bound of the best u of the big nets of a node, if they are few."""
    bigs, least, leaves = field.bigs, cuts.least, len(field.boxes.grove.low) // 2
    start, stop = g, g + 1
    while start < leaves:
        start, stop = 2 * start, 2 * stop
    start, stop = (start - leaves) * len(bigs.figures) // leaves, (stop - leaves) * len(bigs.figures) // leaves
    for m in range(MU_NODES):
        least[m] = 1.0 if stop - start <= MANY else 0.0
    if stop - start <= MANY:
        for b in range(start, stop):
            best_of(field.table, bigs, b, cuts.room)
            for m in range(field.table.first, field.table.last - 3):
                least[m] = min(least[m], cell(cuts.room, m)[0])


@inner
def _node(mu: float) -> int:
    return min(max(int((mu - MU_LOW) / MU_STEP) - 1, 0), MU_NODES - 4)


@inner
def _corner(cuts: Cuts, end: int, mu: float, accuracy: float) -> None:
    """Write an end of a box over mu_L."""
    corner, m = cuts.corner, _node(mu)
    cuts.node[end], corner[end, ACCURACY] = m, max(LOWEST, accuracy)
    weights = compiled_cubic((mu - MU_LOW) / MU_STEP - m)
    for w in range(4):
        corner[end, WEIGHT + w] = weights[w]


@inner
def _bow(width: float, boxes: Boxes) -> float:
    """How far accuracy may rise above both ends of so much mu."""
    return width * (boxes.bend * width / 8 + boxes.kink * (width / MU_STEP + 1) / 4)


@inner
def _least_flash(tree: Tree, k: int, grove: Tree, g: int, terms: Terms) -> float:
    """A lower bound of the flash of any pair."""
    fewest = terms.runtime[1, tree.numbers[k, OPS] | grove.numbers[g, OPS]]
    flash: float = tree.low[k, FLASH] + grove.low[g, FLASH] + fewest
    return flash


@inner
def _least_sram(little: FloatArray, k: int, big: FloatArray, g: int, in_arena: bool) -> float:
    """A lower bound of the SRAM of any pair, whether or not both read the same input."""
    shared: float = max(little[k, ARENA], big[g, ARENA]) + big[g, INPUT]
    if in_arena:
        shared = max(min(little[k, HOLDING], little[k, ARENA] + big[g, INPUT]), big[g, ARENA])
    own: float = little[k, PERSISTENT] + big[g, PERSISTENT]
    return own + shared


@inner
def peak(boxes: Boxes, k: int, g: int, cuts: Cuts, terms: Terms) -> tuple[float, float, float]:
    """Bounds of the pairs of two nodes.

    Args:
        boxes: The nodes'.
        k: Node of the tree.
        g: Node of the grove.
        cuts: At its ends; corners are written.
        terms: What is asked of a pair.

    Returns:
        Upper bounds of the accuracy and of the rate of any pair that counts, minus infinity if none can; and how far
        the box bows between its corners.
    """
    tree, grove = boxes.tree, boxes.grove
    low, least, most = tree.low, grove.low, grove.high
    latency, energy = low[k, LATENCY] + terms.policy_latency, low[k, ENERGY] + terms.policy_energy
    near, far = most[g, LATENCY], least[g, LATENCY]
    if latency >= near or latency + far > terms.worst_latency or latency > terms.latency:
        return -np.inf, 0.0, 0.0
    if low[k, ACCURACY] >= most[g, ACCURACY] or _least_flash(tree, k, grove, g, terms) > terms.flash:
        return -np.inf, 0.0, 0.0
    p = highest_rate(latency, energy, near, far, least[g, ENERGY], terms)
    if p < MIN_RATE or _least_sram(low, k, least, g, terms.input_in_arena) > terms.sram:
        return -np.inf, 0.0, 0.0
    high = min(tree.high[k, MU], most[g, MU])
    bottom = min(low[k, MU], high)
    for end in range(2):
        nets = low if end == 0 else tree.high
        _corner(cuts, end, bottom if end == 0 else high, min(nets[k, ACCURACY], most[g, ACCURACY]))
    u, best = rate_to_u(p), -np.inf
    for side in range(1 + int(grove.numbers[g, LEAST] != grove.numbers[g, MOST])):
        for end in range(2):
            node = cuts.node[end] + side * MU_NODES
            at = min(u, best_u(cuts.best, node, cuts.corner, end))
            best = max(best, accuracy_at(cuts.gain, node, cuts.corner, end, at))
    bow = _bow(high - bottom, boxes) + _bow(most[g, MU] - least[g, MU], boxes)
    return best + bow + boxes.slack, p, bow


@inner
def _highest(grove: Tree, g: int, cuts: Cuts, v: int) -> float:
    """The highest accuracy in the corners of a box at the v-th level."""
    best = -np.inf
    for side in range(1 + int(grove.numbers[g, LEAST] != grove.numbers[g, MOST])):
        for end in range(2):
            node = cuts.node[end] + side * MU_NODES
            best = max(best, accuracy_of_level(cuts.levels, node, cuts.corner, end, v))
    return best


@inner
def _least_rate(boxes: Boxes, k: int, g: int, cuts: Cuts, terms: Terms) -> float:
    """A lower bound of the best rates of the pairs that count."""
    high, least, most = boxes.tree.high, boxes.grove.low, boxes.grove.high
    latency, energy = high[k, LATENCY] + terms.policy_latency, high[k, ENERGY] + terms.policy_energy
    p = highest_rate(latency, energy, least[g, LATENCY], most[g, LATENCY], most[g, ENERGY], terms)
    if p <= MIN_RATE:
        return MIN_RATE
    u = rate_to_u(p)
    for m in range(_node(boxes.tree.low[k, MU]), _node(min(high[k, MU], most[g, MU])) + 1):
        u = min(u, cuts.least[m])
    return max(MIN_RATE, u_to_rate(u) * SHAVED)


@inner
def open_rates(boxes: Boxes, k: int, g: int, each: bool, cuts: Cuts, terms: Terms, front: Front) -> int:
    """Which points of the pairs of two nodes may count and stand on the front, as `Stack.rates`.

    Args:
        boxes: The nodes'.
        k: Node of the tree.
        g: Node of the grove.
        each: Whether more matters than that there is one.
        cuts: At the node of the grove.
        terms: What is asked of a pair.
        front: Points that are known.
    """
    ceiling, p, bow = peak(boxes, k, g, cuts, terms)
    if ceiling == -np.inf:
        return 0
    little, big, n_levels, rates = boxes.tree.low, boxes.grove.low, len(terms.levels), 0
    flash = _least_flash(boxes.tree, k, boxes.grove, g, terms)
    sram = _least_sram(little, k, big, g, terms.input_in_arena)
    latency, energy = little[k, LATENCY] + terms.policy_latency, little[k, ENERGY] + terms.policy_energy
    # First all points in one, then the levels one by one, then the best rates.
    for v in range(-1, n_levels + 1):
        r, accuracy = MIN_RATE, ceiling
        if v < 0:
            accuracy += SLACK
        elif v == n_levels:
            r = _least_rate(boxes, k, g, cuts, terms)
        else:
            r = terms.levels[v]
            if r >= p:
                continue
            accuracy = min(accuracy + SLACK, _highest(boxes.grove, g, cuts, v) + bow + TINY)
        costs = (
            -accuracy, latency + r * big[g, LATENCY], energy + r * big[g, ENERGY], little[k, MACS] + r * big[g, MACS],
            latency + big[g, LATENCY], flash, sram,
        )  # fmt: skip
        write(front.point, terms.codes, costs)
        dominated = no_better(front.point, front, len(front.points)) >= 0
        if v < 0 and dominated:
            break
        if v >= 0 and not dominated:
            rates |= 1 << v
            if not each:
                break
    return rates
