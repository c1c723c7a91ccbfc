"""What the search picks on sound and motion beside the field's nets, from stored answers: python -m benchmarks.sensors.

Prints results/sensors.md and writes it. Nets that are not trained yet are left out.
"""

import sys
from pathlib import Path

from benchmarks.script import RESULTS, Arguments, exit_code, parser
from benchmarks.sensors.plan import read_plan
from benchmarks.sensors.report import report
from benchmarks.sensors.train import ZOO
from zeroshot.runs.files import write_file


def main(arguments: Arguments = None) -> None:
    options = parser("sensors", __doc__)
    options.add_argument("--zoo", type=Path, default=ZOO, help="default: %(default)s")
    options.add_argument("--out", type=Path, default=RESULTS / "sensors.md", help="default: %(default)s")
    given = options.parse_args(arguments)
    text = report(read_plan(), given.zoo)
    write_file(given.out, text)
    print(text)


if __name__ == "__main__":
    sys.exit(exit_code(main))
