"""An int8 pair for CIFAR-10 inside 96 KiB of weights, 64 KiB of arena and 6.25 M expected MACs, trained from scratch.

ZEROSHOT_DATA=... python -m benchmarks.cifar10_pair [--seeds 0 1 2] [--epochs 40] [--only NET] [--folder DIR]
ZEROSHOT_DATA=... python -m benchmarks.cifar10_pair --firmware

The goal line is the ResNet8 of the ST model zoo: 85.59 % int8 with 12.5 M MACs. The big net is trained on its own; it
then teaches the little net and the single net that the pair is judged by, which so get the same. Int8 figures are of
nets that were only calibrated, and of nets finetuned with fake quantisers; they are of test images, computed in
integers as on the device, with the threshold that validation images gave. Hours on two cores: everything can be stopped
and started again, and `--only` trains one net, so that two processes share the work. Without anything left to train it
prints the tables from what is there.

--firmware exports the better pair of the first seed: all test images go through its C on this machine, built with
sanitizers, and 200 through an emulated Cortex-M4; every logit and decision must be that of the integer reference. About
ten minutes; needs the extra `mcu`.
"""

import sys
import time
from pathlib import Path

from benchmarks.cifar10 import cifar10_file, default_out
from benchmarks.cifar10_pair_figures import NETS, RECIPES, SHIPPED, Nets
from benchmarks.cifar10_pair_report import firmware, report
from benchmarks.script import RESULTS, Arguments, exit_code, parser
from zeroshot.data import load
from zeroshot.quantization.quantize import quantize_net
from zeroshot.runs.files import write_file
from zeroshot.training.train import Distillation, Recipe, Split, TrainedNet, hold_out, train_net
from zeroshot.types import Progress

DISTIL = Distillation(weight=0.7)  # set before `pair_training` said that 0.5 is better


def trained(role: str, split: Split, recipe: Recipe, seed: int, folder: Path) -> TrainedNet:
    """A net, trained now or before; little and single nets are taught by the big one, which is waited for."""
    teacher = None
    if role != "big":
        teacher = train_net(NETS["big"], split, recipe, seed, folder=folder, resume=True, progress=progress("big"))
    return train_net(
        NETS[role], split, recipe, seed, teacher=teacher, distil=DISTIL, folder=folder, resume=True,
        progress=progress(role),
    )  # fmt: skip


def progress(role: str) -> Progress:
    return lambda what, done, total: print(
        time.strftime("%H:%M:%S"), role, done, "of", total, file=sys.stderr, flush=True
    )


def main(arguments: Arguments = None) -> None:
    options = parser("cifar10_pair", __doc__)
    options.add_argument("--seeds", type=int, nargs="+", default=[0])
    options.add_argument("--epochs", type=int, default=40)
    options.add_argument("--only", choices=sorted(NETS), help="train this net alone, and report nothing")
    options.add_argument("--folder", type=Path, default=default_out().parent / "cifar10_pair")
    options.add_argument("--firmware", action="store_true", help="verify the firmware of the first seed's pair instead")
    given = options.parse_args(arguments)
    data = load(str(cifar10_file()))
    recipe, done = Recipe(epochs=given.epochs), {}
    roles = [given.only] if given.only else ["little", "big", "rival"] if given.firmware else list(NETS)
    for seed in given.seeds:
        split, where = hold_out(data, seed, recipe.validation), given.folder / f"seed{seed}"
        floats: dict[str, TrainedNet] = {}
        ints: dict[str, Nets] = {how: {} for how in RECIPES}
        for role in roles:
            floats[role] = trained(role, split, recipe, seed, where)
            for how, int8 in RECIPES.items():
                ints[how][role] = quantize_net(
                    floats[role], split, int8, seed, folder=where / how, resume=True, progress=progress(f"{role} {how}")
                )
        done[seed] = (floats, ints)
        if given.firmware:
            text = firmware(ints[SHIPPED], split)
            print(text)
            write_file(RESULTS / "cifar10_firmware.md", text)
            return
    if not given.only:
        text = report(done, lambda seed: hold_out(data, seed, recipe.validation), recipe)
        print(text)
        write_file(RESULTS / "cifar10_pair.md", text)


if __name__ == "__main__":
    sys.exit(exit_code(main))
