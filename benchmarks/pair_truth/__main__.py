"""How well pairs can be picked before any net is trained: every figure from the stored zoo, in about a minute.

    python -m benchmarks.pair_truth            prints the tables; writes results/pair_truth.md and two plots
    python -m benchmarks.pair_truth --fit      also fits the constants that are shipped (zeroshot/constants.toml)

Constants are fitted on the calibration nets of the zoo alone, and judged on the held-out ones. Where so few nets are
trained that a table would say nothing, it says so.
"""

import sys
from pathlib import Path

from benchmarks.pair_truth.run import FOLDER, run
from benchmarks.script import RESULTS, Arguments, exit_code, parser

ROOT = FOLDER.parent.parent
CONSTANTS = ROOT / "zeroshot" / "constants.toml"


def main(arguments: Arguments = None) -> None:
    options = parser("pair_truth", __doc__)
    options.add_argument("--fit", action="store_true", help="fit the shipped constants on the calibration nets")
    options.add_argument("--draft", action="store_true", help="also from too few nets; marked as a draft")
    options.add_argument("--zoo", type=Path, default=FOLDER / "zoo")
    options.add_argument("--results", type=Path, default=RESULTS)
    options.add_argument("--constants", type=Path, default=CONSTANTS, help="what --fit writes")
    given = options.parse_args(arguments)
    run(given.zoo, given.results, given.constants, given.fit, given.draft)


if __name__ == "__main__":
    sys.exit(exit_code(main))
