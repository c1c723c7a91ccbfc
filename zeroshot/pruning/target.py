"""What a pruned net may cost."""

from dataclasses import dataclass, field, replace
from math import inf, isfinite

from zeroshot.cost.boards import DEFAULT_BOARD, Board, load_board
from zeroshot.cost.counts import macs, weights
from zeroshot.cost.engines import DEFAULT_ENGINE, Engine, load_engine
from zeroshot.cost.nets import net_costs
from zeroshot.errors import UsageError
from zeroshot.net import LayerTable
from zeroshot.pruning.options import CompressOptions
from zeroshot.units import kib, ms, si, to_bytes, to_count, to_ms

WRITTEN = {"macs": si, "weights": kib, "flash": kib, "latency": ms}


@dataclass(frozen=True)
class Target:
    """Upper limits of a pruned net; infinity is none.

    Attributes:
        macs: Multiply-accumulates of one inference.
        weights: Bytes of int8 weights, without biases.
        flash: Bytes of the model with biases, scales and tables, under the engine, without its code.
        latency: ms of one inference on the board.
        board: That flash and latency are of.
        engine: That flash and latency are of.
    """

    macs: float = inf
    weights: float = inf
    flash: float = inf
    latency: float = inf
    board: Board = field(default_factory=lambda: load_board(DEFAULT_BOARD))
    engine: Engine = field(default_factory=lambda: load_engine(DEFAULT_ENGINE))

    def __post_init__(self) -> None:
        for name, limit in self.limits().items():
            if not limit > 0:
                raise UsageError(f"A target of {name} must be positive, not {limit}.", "Give a larger one.")
        if not any(isfinite(limit) for limit in self.limits().values()):
            raise UsageError("Pruning needs a target.", "Give `macs`, `weights`, `flash` or `latency`.")

    def limits(self) -> dict[str, float]:
        """The four limits by name."""
        return {name: getattr(self, name) for name in WRITTEN}

    def costs(self, table: LayerTable) -> dict[str, float]:
        """The four costs of one net, by name as in `limits`."""
        costs = net_costs(table, self.board, self.engine)
        return {
            "macs": int(macs(table)[0]), "weights": int(weights(table)[0]),
            "flash": int(costs.flash[0]), "latency": float(costs.latency[0]),
        }  # fmt: skip

    def unmet(self, costs: dict[str, float]) -> list[str]:
        """Names of the costs that are over their limit."""
        return [name for name, limit in self.limits().items() if costs[name] > limit]

    def part_way(self, costs: dict[str, float], share: float) -> "Target":
        """The target of an earlier round: every cost that is too high goes down by equal factors a round.

        Args:
            costs: Of the net before the first round.
            share: Of the way, 1 for the target itself.
        """
        if share >= 1:
            return self
        return replace(self, **{k: costs[k] * (self.limits()[k] / costs[k]) ** share for k in self.unmet(costs)})

    def values(self) -> dict[str, float | str]:
        """What was asked for, as plain values."""
        asked: dict[str, float | str] = {name: limit for name, limit in self.limits().items() if isfinite(limit)}
        if asked.keys() & {"flash", "latency"}:
            asked |= {"board": self.board.name, "engine": self.engine.name}
        return asked


def make_target(options: CompressOptions, board: str = DEFAULT_BOARD, engine: str = DEFAULT_ENGINE) -> Target:
    """The target that options with units ask for.

    >>> make_target(CompressOptions(macs="1.5M", weights="32KiB")).values()
    {'macs': 1500000.0, 'weights': 32768.0}

    Args:
        options: Of the pruning.
        board: Where they name none.
        engine: Where they name none.

    Raises:
        UsageError: No target at all, an unknown board or engine.
    """
    return Target(
        macs=to_count(options.macs), weights=to_bytes(options.weights), flash=to_bytes(options.flash),
        latency=to_ms(options.latency), board=load_board(options.board or board),
        engine=load_engine(options.engine or engine),
    )  # fmt: skip
