"""Train what `plan.json` lists in full, with three seeds, and quantise it, in as many sittings as it takes.

    python -m benchmarks.sensors.train --hours 2 --jobs 2
    python -m benchmarks.sensors.train --status              what is there

Answers go to zoo/TASK/ and zoo/TASK-int8/, weights to a cache, as those of benchmarks.journey.train do.
"""

import sys
from pathlib import Path

from benchmarks.journey.train import plan, sitting
from benchmarks.script import Arguments, exit_code
from benchmarks.sensors.plan import read_plan
from benchmarks.sensors.settings import SETTINGS

ZOO = Path(__file__).with_name("zoo")


def main(arguments: Arguments = None) -> None:
    sitting(__doc__, "sensors", plan(read_plan(), SETTINGS), ZOO, arguments)


if __name__ == "__main__":
    sys.exit(exit_code(main))
