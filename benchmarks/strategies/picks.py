"""What survives training of what a strategy expects: first pairs of three searches, trained by the zoo's short recipe.

    python -m benchmarks.strategies.picks --plan                  minutes; writes picks.json
    python -m benchmarks.strategies.picks --hours 2 --jobs 2      trains what it lists, in as many sittings as it takes

Expectations are of this very recipe, on the task that the order of nets was learnt on: what is lost between expected
and measured gain is the strategy fooling the predictor, not another task or a longer training. Answers go to zoo/;
python -m benchmarks.strategies --report says what they are. ZEROSHOT_DATA holds cifar10/.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.journey.plan import Pick, pair_picks, searched, single_pick
from benchmarks.journey.settings import SETTINGS
from benchmarks.script import Arguments, exit_code, parser
from benchmarks.tasks import train as tasks
from benchmarks.tasks.data import TASKS
from benchmarks.tasks.plan import OTHER, Training
from zeroshot.runs.files import json_text, write_file

FILE, ZOO = Path(__file__).with_name("picks.json"), Path(__file__).parent / "zoo"
TASK, PAIRS = "cifar10", 2  # first pairs of each search
SEARCHES = (("random", 1000), ("random", 10_000), ("evolution", 1000))  # candidates of each role


def name_of(strategy: str, nets: int) -> str:
    """Of a search, as the report has it."""
    return f"{strategy}, {nets:,} + {nets:,}"


def picks() -> list[Pick]:
    """First pairs, and the single nets beside them, of every search under every budget."""
    found, data = [], TASKS[TASK].make()
    for setting in (each for each in SETTINGS if each.task == TASK):
        for strategy, nets in SEARCHES:
            result = searched(setting, data, strategy=strategy, nets=nets, epochs=TASKS[TASK].epochs)
            name = name_of(strategy, nets)
            chosen = [*pair_picks(setting, result, "pair", name)[:PAIRS], *single_pick(setting, result, "single", name)]
            found += chosen
            print(setting.name, name, f"{100 * (chosen[0].expected or 0):.2f} %", flush=True)
    return found


def read_picks(path: Path = FILE) -> list[Pick]:
    """What `--plan` wrote."""
    return [Pick(**values) for values in json.loads(path.read_text(encoding="utf-8"))]


def plan(chosen: Sequence[Pick]) -> list[Training]:
    """Each net once: those of first pairs first, then of all pairs, then single nets; low budgets before high ones."""
    latency = {setting.name: setting.latency for setting in SETTINGS}
    order = sorted(chosen, key=lambda pick: (pick.role, latency[pick.setting]))
    nets = dict.fromkeys(net for pick in order for net in (pick.little, pick.big) if net)
    return [Training(TASKS[TASK], net, 0, None, OTHER, "picked", TASK) for net in nets]


def main(arguments: Arguments = None) -> None:
    options = parser("strategies.picks", __doc__)
    tasks.add_options(options, ZOO)
    options.add_argument("--plan", action="store_true", help="write the list of nets anew; trains nothing")
    given = options.parse_args(arguments)
    if given.plan:
        write_file(FILE, json_text([vars(pick) for pick in picks()], indent=1))
        return
    begun, machine = time.time(), tasks.machine_of(given.device)
    wanted = tasks.missing(plan(read_picks()), given.zoo)
    for training, net in tasks.trained(wanted, given.device, given.jobs, given.together, begun + 3600 * given.hours):
        tasks.store(training, net, machine, given.zoo)
        print(f"{time.time() - begun:6.1f} s {training.name} {100 * net.test_accuracy:.2f} %", flush=True)


if __name__ == "__main__":
    sys.exit(exit_code(main))
