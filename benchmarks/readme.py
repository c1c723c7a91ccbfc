"""Run the search that the README shows and keep its output and plot beside this file.

ZEROSHOT_DATA=... python benchmarks/readme.py
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cifar10 import cifar10_npz, default_out

RESULTS = Path(__file__).with_name("results")
ARGUMENTS = {"board": "nucleo-l4r5zi", "flash": "256KiB", "sram": "64KiB", "latency": "100ms", "seed": "0"}


def main() -> None:
    folder = os.environ.get("ZEROSHOT_DATA")
    if not folder:
        sys.exit("Set ZEROSHOT_DATA to the folder that holds cifar10/.")
    npz = cifar10_npz(Path(folder) / "cifar10", default_out())
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
        (RESULTS / "search_cifar10.txt").write_text(f"$ zeroshot {' '.join(command)}\n{done.stdout}")
        for name in ("pairs.csv", "front.csv", "singles.csv"):
            shutil.copy(Path(scratch) / "run" / name, RESULTS / f"search_cifar10_{name}")
        shutil.copy(Path(scratch) / "run" / "pareto.png", RESULTS / "search_cifar10.png")
    print(done.stdout)


if __name__ == "__main__":
    main()
