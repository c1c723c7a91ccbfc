"""Which nets are trained: the first pair and the best single net of a search on each task, and nets of the field.

    python -m benchmarks.sensors.plan                      minutes; writes plan.json
    python -m benchmarks.sensors.plan --only wrist-logs    that task anew, the others as they were

ZEROSHOT_DATA holds audio/ and motion/.
"""

import json
import sys
from pathlib import Path

from benchmarks.journey.plan import STRATEGY, Pick, pair_picks, searched, single_pick
from benchmarks.journey.settings import Setting, trained_as
from benchmarks.script import Arguments, exit_code, parser
from benchmarks.sensors.settings import SEARCHED, SETTINGS, rivals
from zeroshot.runs.files import json_text, write_file

FILE = Path(__file__).with_name("plan.json")
BY_HAND = "by hand, "


def picks(setting: Setting) -> list[Pick]:
    """Everything that is trained for a task."""
    by_hand = [Pick(setting.name, BY_HAND + name, net) for name, net in rivals(setting.task).items()]
    if setting not in SEARCHED:
        return by_hand
    found = searched(setting, trained_as(setting.task).make(), strategy=STRATEGY)
    pairs, single = (of(setting, found, role, STRATEGY) for of, role in ((pair_picks, "pair"), (single_pick, "single")))
    return [*pairs[:1], *single, *by_hand]


def read_plan() -> list[Pick]:
    """What `main` wrote, as far as it came."""
    if not FILE.exists():
        return []
    return [Pick(**values) for values in json.loads(FILE.read_text(encoding="utf-8"))]


def main(arguments: Arguments = None) -> None:
    options = parser("sensors.plan", __doc__)
    options.add_argument("--only", nargs="+", choices=[each.name for each in SETTINGS], default=None, metavar="TASK")
    only = options.parse_args(arguments).only
    chosen = {setting.name: [pick for pick in read_plan() if pick.setting == setting.name] for setting in SETTINGS}
    for setting in SETTINGS:
        if not only or setting.name in only:
            chosen[setting.name] = picks(setting)
            write_file(FILE, json_text([vars(pick) for each in chosen.values() for pick in each], indent=1))
            print(setting.name, flush=True)


if __name__ == "__main__":
    sys.exit(exit_code(main))
