"""The generated C on emulated cores beside TFLite Micro with CMSIS-NN: prints Markdown; needs the extra `mcu`.

With --run RUN, of a run whose pairs were quantised, all test images also go through the C on this machine, built with
sanitizers, and must give what the integer reference gives.

Reference nets with random int8 weights: instructions do not depend on the numbers, but for layers that clamp above
-128, which these have not. TFLM's figures were counted the same way on an emulated Cortex-M4 (its own build, GCC).
"""

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.script import Arguments, exit_code, parser, show
from zeroshot.cost.arena import arena_bytes
from zeroshot.cost.counts import layer_macs, macs
from zeroshot.firmware.answers import Images, compare, reference_answers
from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.c_model import model_bytes
from zeroshot.firmware.device import Device, Needs
from zeroshot.firmware.host import host_answers
from zeroshot.firmware.pack import pack
from zeroshot.firmware.toolchain import CORES, find_toolchain
from zeroshot.int8.net import Int8Net
from zeroshot.int8.random import random_images, random_int8_net
from zeroshot.net import OPS, NetSpec
from zeroshot.runs.folder import processor


@dataclass(frozen=True)
class Peer:
    """TFLM with CMSIS-NN on an emulated Cortex-M4; None where it was not measured.

    Attributes:
        instructions: Millions.
        arena: Bytes, as TFLM allots them on a 32-bit core.
        flash: KiB of a whole image.
    """

    instructions: float
    arena: int | None
    flash: str


NETS = {
    "small ResNet": ("r32-s8-b3w8x1-b3w16x1/2-b3w32x1/2", 10, Peer(11.0, 29_780, "111-157")),
    "ResNet8": ("r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2", 10, Peer(29.9, 56_756, "-")),
    "MobileNetV1-0.25, 96 px": (
        "r96-s8/2-d3w16x1-d3w32x2/2-d3w64x2/2-d3w128x6/2-d3w256x2/2", 2, Peer(24.2, None, "-"),
    ),
}  # fmt: skip


def reference_net(spec: str, classes: int) -> Int8Net:
    net = random_int8_net(NetSpec.parse(spec), 3, classes, 0)
    return replace(net, relu=np.zeros_like(net.relu))


def measure(net: Int8Net, core: str) -> Needs:
    """Both nets of the cascade are this one; one image is compared with the integer reference as well."""
    cascade = Cascade(net, net, (0,) * net.classes)
    image = random_images(net, 1, 0)
    device = Device(cascade, core, find_toolchain())
    images = Images(image, image)
    compare(core, reference_answers(cascade, images), device.answers(images))
    return device.needs(images)


def every_test_image(run: Path, pair: int, data: str | None) -> None:
    """Exits with an error where any number differs."""
    from zeroshot.firmware.export import find_pair, first_images, load_cascade, shortest
    from zeroshot.runs.reading import read_config
    from zeroshot.training.run_data import run_dataset

    config = read_config(run)
    cascade, nets = load_cascade(run, find_pair(run, pair))
    dataset = run_dataset(config, data)
    images = first_images(cascade, nets, dataset, len(dataset.y_test))
    expected = reference_answers(cascade, images)
    started = time.perf_counter()
    found, sanitized = host_answers(cascade, images)
    seconds = time.perf_counter() - started
    compare("the C on this machine", expected, found)
    rows = [
        (nets[0].name, nets[1].name, " ".join(map(str, shortest(cascade.thresholds))), f"{len(images):,}",
         f"{int(found.escalated.sum()):,}",
         "yes" if sanitized else "no", "0", f"{seconds:.0f}"),
    ]  # fmt: skip
    header = ("little", "big", "threshold", "images", "escalated", "sanitized", "images that differ", "s")
    show(f"Every test image of {config['data']}", header, rows)


def main(arguments: Arguments = None) -> None:
    options = parser("firmware", __doc__)
    options.add_argument("--run", type=Path, help="folder of a run whose pairs were quantised")
    options.add_argument("--pair", type=int, default=1)
    options.add_argument("--data", help="of the run, where it is a file or folder")
    given = options.parse_args(arguments)
    print(f"# Firmware\n\nBuilt with {find_toolchain().name}, emulated by unicorn, run on {processor()}; seed 0.")
    nets = {name: reference_net(spec, classes) for name, (spec, classes, _) in NETS.items()}
    needs = {(name, core): measure(net, core) for name, net in nets.items() for core in CORES}
    rows = []
    for name, net in nets.items():
        counted = {core: sum(needs[name, core].little) / 1e6 for core in CORES}
        cells = [f"{counted[core]:.1f}" for core in CORES]
        n_macs = int(macs(net.table)[0])
        per_mac = counted["cortex-m4"] * 1e6 / n_macs
        rows.append((name, f"{n_macs / 1e6:.2f}", *cells, f"{per_mac:.2f}", f"{NETS[name][2].instructions:.1f}"))
    header = ("net", "MACs", *(f"C99 {core}" for core in CORES), "M4: a MAC", "TFLM + CMSIS-NN, M4")
    show("Instructions of one inference, millions", header, rows)
    rows = []
    for name, net in nets.items():
        n, peer = needs[name, "cortex-m4"], NETS[name][2]
        bound, placed = (int(arena_bytes(net.table, planner)[0]) for planner in ("bound", "in-place"))
        model = model_bytes(pack(net))
        rows.append((
            name, f"{placed:,}", f"{bound:,}", f"{peer.arena:,}" if peer.arena else "-", str(n.stack), f"{model:,}",
            f"{n.code:,}", f"{(model + n.code) / 1024:.1f}", peer.flash,
        ))  # fmt: skip
    header = (
        "net", "arena of the C99", "largest sum of live tensors", "arena of TFLM", "stack", "model", "code",
        "C99 flash, KiB", "TFLM flash, KiB",
    )  # fmt: skip
    show("Memory, bytes, Cortex-M4", header, rows)
    for name, net in nets.items():
        layers = needs[name, "cortex-m4"].little
        work = layer_macs(net.table)
        ops = net.table.column("op")
        rows = []
        for op in range(len(OPS)):
            mine = ops == op
            if mine.any():
                total = sum(x for x, m in zip(layers, mine, strict=True) if m)
                each = f"{total / work[mine].sum():.2f}" if work[mine].sum() else "-"
                rows.append((OPS[op], str(mine.sum()), f"{total / 1e6:.2f}", f"{total / sum(layers):.0%}", each))
        show(f"{name} by operator, Cortex-M4", ("operator", "layers", "million", "share", "instructions a MAC"), rows)
    if given.run is not None:
        every_test_image(given.run, given.pair, given.data)


if __name__ == "__main__":
    sys.exit(exit_code(main))
