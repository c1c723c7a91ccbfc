"""The project's own zoo of trained `mcu` nets as a benchmark of proxies."""

from pathlib import Path

import numpy as np

from zeroshot.bench.ceiling import spread
from zeroshot.bench.pair_truth import FOLDER, Zoo, costs_on
from zeroshot.bench.pair_truth import load as load_zoo
from zeroshot.bench.table import RANDOM, Truth, read_scores
from zeroshot.cost.boards import DEFAULT_BOARD, load_board
from zeroshot.cost.engines import DEFAULT_ENGINE, load_engine
from zeroshot.errors import DataError, UsageError
from zeroshot.types import FloatArray

TASK = "cifar10"
FEWEST = 10  # nets below which no correlation is worth a look


def load(folder: Path = Path(FOLDER)) -> Truth:
    """Every net of the zoo with its proxies' scores: mean accuracy over seeds, costs on the default board and engine.

    Args:
        folder: Of the zoo; the scores stand beside it, in `scores.csv`.

    Raises:
        RunError: There is no zoo, or a file of it is damaged.
        UsageError: It has too few nets, or there are no scores.
        DataError: The scores cannot be used, or lack a net.
    """
    zoo = load_zoo(folder)
    rows = zoo.summary()
    if len(rows) < FEWEST:
        raise UsageError(f"{folder} has {len(rows)} trained nets; {FEWEST} are the least.", "Train more of its plan.")
    nets = tuple(row.net for row in rows)
    scores = _scores(folder.parent / "scores.csv", nets)
    one_each = Zoo(tuple({net.net: net for net in reversed(zoo.nets)}[name] for name in nets), zoo.labels)
    found = costs_on(one_each, load_board(DEFAULT_BOARD), load_engine(DEFAULT_ENGINE))
    costs = {
        "macs": found.macs, "latency_ms": found.latency, "energy_mj": found.energy, "flash": found.flash,
        "sram": found.arena + found.persistent,
    }  # fmt: skip
    accuracy = np.array([100 * row.accuracy for row in rows])
    trainings = np.array([100 * net.test_accuracy for net in zoo.nets])
    one = spread(trainings, [net.net for net in zoo.nets], accuracy)
    return Truth(
        "pair-truth", nets, {TASK: accuracy},
        {name: np.asarray(values, np.float64) for name, values in costs.items()},
        scores | {RANDOM: np.zeros(len(nets))}, np.arange(len(nets)),
        {TASK: one / np.sqrt([len(row.seeds) for row in rows])},
    )  # fmt: skip


def _scores(path: Path, nets: tuple[str, ...]) -> dict[str, FloatArray]:
    """The columns of a table of scores, in the order of these nets."""
    names, columns = read_scores(path)
    at = {name: row for row, name in enumerate(names)}
    missing = [net for net in nets if net not in at]
    if missing:
        raise DataError(
            f"{path} has no scores of {missing[0]}.", "Compute them: python -m benchmarks.pair_truth.scores."
        )
    rows = np.array([at[net] for net in nets])
    return {name: values[rows] for name, values in columns.items()}
