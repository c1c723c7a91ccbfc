"""Run the search that the README shows and keep its output and plot beside this file.

ZEROSHOT_DATA=... python -m benchmarks.readme
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.cifar10 import cifar10_file
from benchmarks.script import RESULTS, Arguments, exit_code, parser
from zeroshot.runs.files import write_file

ARGUMENTS = {"board": "nucleo-l4r5zi", "flash": "256KiB", "sram": "64KiB", "latency": "100ms", "seed": "0"}


def main(arguments: Arguments = None) -> None:
    parser("readme", __doc__).parse_args(arguments)
    npz = cifar10_file()
    RESULTS.mkdir(exist_ok=True)
    zeroshot = Path(sys.executable).with_name("zeroshot")
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy(npz, Path(scratch) / "cifar10.npz")
        options = {"data": "cifar10.npz", **ARGUMENTS, "run": "run"}
        command = ["search", *(word for name, value in options.items() for word in (f"--{name}", value))]
        done = subprocess.run(
            [str(zeroshot), *command], cwd=scratch, stdout=subprocess.PIPE, text=True, check=True,
            env=os.environ | {"COLUMNS": "100"},
        )  # fmt: skip
        write_file(RESULTS / "search_cifar10.txt", f"$ zeroshot {' '.join(command)}\n{done.stdout}")
        for name in ("pairs.csv", "front.csv", "singles.csv"):
            shutil.copy(Path(scratch) / "run" / name, RESULTS / f"search_cifar10_{name}")
        shutil.copy(Path(scratch) / "run" / "pareto.png", RESULTS / "search_cifar10.png")
    print(done.stdout)


if __name__ == "__main__":
    sys.exit(exit_code(main))
