"""The text of sensors.md: each task with what a search picked beside what the field uses, over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.intervals import half_width
from benchmarks.journey.judging import INT8, Bench, Judged, Nets, read_task
from benchmarks.journey.plan import Pick
from benchmarks.journey.results import nets_of
from benchmarks.journey.settings import KIB, Setting
from benchmarks.journey.train import SEEDS
from benchmarks.script import table
from benchmarks.sensors.plan import BY_HAND
from benchmarks.sensors.settings import FLASH, SETTINGS, SHARE, SRAM
from benchmarks.tasks.sensors import CEPSTRA, EPOCHS, OFFICIAL, SENSORS, SPEAKERS, unheard
from zeroshot.cascade.measure import LEVEL

PAIR, SINGLE, RIVAL = "search's pair", "search's single net", "rival"
HEADS = ("", "nets", "accuracy, %", "MACs, M", "of the rival's", "big net runs", "ahead of the rival, points")
DASH = "–"
POOLED = "Any speaker in the test alone"


@dataclass(frozen=True)
class Row:
    """One net or pair on the test images of one task.

    Attributes:
        role: `PAIR`, `SINGLE`, or what a rival is called.
        nets: Short specs.
        judged: One a seed with which all its nets are trained and quantised, by seed.
    """

    role: str
    nets: Nets
    judged: dict[int, Judged]

    @property
    def accuracies(self) -> dict[int, float]:
        """By seed, fractions."""
        return {seed: each.accuracy for seed, each in self.judged.items()}

    @property
    def macs(self) -> float:
        """Expected, mean over seeds."""
        return fmean(each.macs for each in self.judged.values())


def rows_of(setting: Setting, picks: Sequence[Pick], zoo: Path) -> list[Row]:
    """What is trained of a task, the search's own first."""
    stored = read_task(zoo, setting.task)
    mine = [pick for pick in picks if pick.setting == setting.name]
    if stored is None:
        return []
    bench = Bench.of(setting, stored, [net for pick in mine for net in nets_of(pick) if net])
    names = {"pair 1": PAIR, "single": SINGLE}
    return [
        Row(names.get(pick.role, pick.role.removeprefix(BY_HAND)), nets, judged)
        for pick in mine
        if (judged := _judged(bench, nets := nets_of(pick)))
    ]


def _judged(bench: Bench, nets: Nets) -> dict[int, Judged]:
    return {seed: bench.judge(nets, "test", INT8, seed) for seed in SEEDS if bench.stored.has(nets, INT8, seed)}


def rival_of(rows: Sequence[Row]) -> Row | None:
    """The net of the field."""
    return next((row for row in rows if row.role not in (PAIR, SINGLE)), None)


def report(picks: Sequence[Pick], zoo: Path) -> str:
    """The whole page."""
    found = {setting.task: rows_of(setting, picks, zoo) for setting in SETTINGS}
    lines = [
        "# Sound and motion: a pair at a third of the cost", "",
        f"`zeroshot.search` on recordings and sensor logs, allowed a {_ordinal(SHARE)} of the multiply-accumulates of "
        f"the field's own net as expected cost, {FLASH // KIB} KiB of weights and {SRAM // KIB} KiB of tensors. Its "
        f"first pair, its best single net under the same budgets, and that net of the field are trained alike "
        f"({EPOCHS} epochs, the default recipe) and quantised by calibration alone. A pair's threshold comes "
        "from validation images.", "",
        f"- Accuracies are of int8 nets on test images: the mean over {len(SEEDS)} trainings, with the half width of "
        f"its {100 * LEVEL:.0f} % interval by Student's t. Differences are of equal seeds.",
        "- DS-CNN (arXiv 1711.07128, as in MLPerf Tiny): a stem of stride 2 and four separable blocks of 64 channels; "
        "on log-mel the picture is reduced until it has as many multiply-accumulates as on 49x10 cepstra, 2.7 M. "
        "1-D CNN: two convolutions of 64 filters over three samples and 100 neurons, as tutorials of activity "
        "recognition have it.", "",
    ]  # fmt: skip
    for task, rows in found.items():
        if rows and task != CEPSTRA:
            more = found[CEPSTRA] if task == OFFICIAL else []
            lines += [
                f"## {SENSORS[task].about[:1].upper()}{SENSORS[task].about[1:]}",
                "",
                *_table(rows, more),
                "",
            ]
    pooled = _pooled([found[unheard(each)] for each in SPEAKERS])
    return "\n".join([*lines, *pooled]).rstrip() + "\n"


def _ordinal(share: int) -> str:
    return {2: "half", 3: "third", 4: "quarter"}[share]


def _table(rows: Sequence[Row], more: Sequence[Row]) -> list[str]:
    rival = rival_of(rows)
    out = []
    for row in (*rows, *more):
        against = f"{row.macs / rival.macs:.2f}" if rival else DASH
        rates = [each.rate for each in row.judged.values() if each.rate is not None]
        out.append((
            row.role, " + ".join(f"`{net}`" for net in row.nets if net), _mean(list(row.accuracies.values())),
            f"{row.macs / 1e6:.2f}", against, f"{100 * fmean(rates):.0f} %" if rates else DASH,
            _mean(_ahead(row, rival), "+") if rival and row is not rival else DASH,
        ))  # fmt: skip
    return table(HEADS, out)


def _ahead(row: Row, rival: Row) -> list[float]:
    """By how much with each seed that both have."""
    both = row.accuracies.keys() & rival.accuracies.keys()
    return [row.accuracies[seed] - rival.accuracies[seed] for seed in sorted(both)]


def _mean(values: Sequence[float], sign: str = "") -> str:
    if not values:
        return DASH
    width = f" ± {100 * half_width(values):.1f}" if len(values) > 1 else ""
    return f"{100 * fmean(values):{sign}.1f}{width}"


def _pooled(tasks: Sequence[Sequence[Row]]) -> list[str]:
    """Speakers as the draws: means over seeds, their mean and interval over speakers."""
    out = []
    for role in (PAIR, SINGLE, RIVAL):
        rows = [next((row for row in rows if role in (row.role, RIVAL if row is rival_of(rows) else "")), None)
                for rows in tasks]  # fmt: skip
        known = [(row, rival_of(rows)) for row, rows in zip(rows, tasks, strict=True) if row]
        if not known:
            continue
        ahead = [fmean(gains) for row, rival in known if rival and row is not rival and (gains := _ahead(row, rival))]
        out.append((
            known[0][0].role, f"{len(known)} of {len(SPEAKERS)}",
            _mean([fmean(row.accuracies.values()) for row, _ in known]),
            f"{fmean(row.macs for row, _ in known) / 1e6:.2f}", _mean(ahead, "+"),
        ))  # fmt: skip
    heads = ("", "speakers", "accuracy, %", "MACs, M", "ahead of the rival, points")
    about = "Means over seeds of each speaker; their mean and its interval over speakers."
    return [f"## {POOLED}", "", about, "", *table(heads, out)] if out else []
