"""What the search picks beside nets made by hand, from stored answers: python -m benchmarks.journey, seconds.

Prints results/journey.md and writes it. Nets that are not trained yet are counted as missing.
"""

import sys
from pathlib import Path

from benchmarks.journey.plan import read_plan
from benchmarks.journey.report import report
from benchmarks.journey.results import results
from benchmarks.journey.train import ZOO
from benchmarks.script import RESULTS, Arguments, exit_code, parser
from zeroshot.runs.files import write_file


def main(arguments: Arguments = None) -> None:
    options = parser("journey", __doc__)
    options.add_argument("--report", action="store_true", help="what it does anyway")
    options.add_argument("--zoo", type=Path, default=ZOO, help="default: %(default)s")
    options.add_argument("--out", type=Path, default=RESULTS / "journey.md", help="default: %(default)s")
    given = options.parse_args(arguments)
    text = report(results(read_plan(), given.zoo))
    write_file(given.out, text)
    print(text)


if __name__ == "__main__":
    sys.exit(exit_code(main))
