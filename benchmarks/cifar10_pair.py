"""An int8 pair for CIFAR-10 inside 96 KiB of weights, 64 KiB of arena and 6.25 M expected MACs, trained from scratch.

ZEROSHOT_DATA=... python benchmarks/cifar10_pair.py [--seeds 0 1 2] [--epochs 40] [--only NET] [--folder DIR]
ZEROSHOT_DATA=... python benchmarks/cifar10_pair.py --firmware

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

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cifar10 import cifar10_npz, default_out

from zeroshot.cascade.measure import Outcome, curve, hits, measure, outcome, threshold_for_rate, verdict
from zeroshot.cascade.per_class import relative_to_class, thresholds_per_class
from zeroshot.cascade.policy import DEFAULT_POLICY
from zeroshot.cost.arena import arena_bytes
from zeroshot.cost.counts import layer_weights, macs, per_net
from zeroshot.data import load
from zeroshot.firmware.answers import Images, compare, reference_answers
from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.export import first_images
from zeroshot.firmware.host import host_answers
from zeroshot.firmware.options import FEWEST
from zeroshot.firmware.toolchain import find_toolchain
from zeroshot.firmware.verify import verify
from zeroshot.net import LayerTable, NetSpec, layer_table, spec_array
from zeroshot.quantization.quantize import Int8Recipe, QuantizedNet, quantize_net
from zeroshot.quantization.thresholds import device_threshold
from zeroshot.runs.folder import processor
from zeroshot.training.train import Distillation, Recipe, Split, TrainedNet, hold_out, train_net

RESULTS = Path(__file__).with_name("results")
CHANNELS, CLASSES, SIDE = 3, 10, 32
# Chosen by hand, before anything was trained, for the budgets: a big net of residual blocks, which train fastest on a
# CPU, a little one of inverted bottlenecks, which do most with few MACs, and two single nets that have about the pair's
# expected MACs: one of residual blocks, and one of inverted bottlenecks, the harder rival.
NETS = {
    "little": "r32-s16/2-m3e4w24x1-m3e4w32x2/2",
    "big": "r32-s16-b3w16x1-b3w32x2/2-b3w48x1/2",
    "single": "r32-s10-b3w10x1-b3w24x1/2-b3w48x1/2",
    "rival": "r32-s16-d3w24x1/2-m3e4w24x2-m3e4w40x3/2-h128",
}
SINGLES = ("single", "rival")
# The second was added when the rival had beaten the first; which of them is exported, validation images decide.
PAIRS = {"little + big": ("little", "big"), "little + rival": ("little", "rival")}
DISTIL = Distillation(weight=0.7)  # set before benchmarks/pair_training.py said that 0.5 is better
RECIPES = {"calibrated": Int8Recipe(epochs=0), "finetuned": Int8Recipe()}
SHIPPED = "finetuned"  # the default of `zeroshot quantize`: what rates and firmware are of
WEIGHTS_KIB, ARENA_KIB, EXPECTED_MACS, GOAL = 96, 64, 6.25e6, 0.856
Row = dict[str, Any]


def table_of(spec: str) -> LayerTable:
    return layer_table(spec_array([NetSpec.parse(spec)]), CHANNELS, CLASSES)


def costs(spec: str) -> dict[str, float]:
    """MACs, bytes of int8 weights and int32 biases, bytes of activations."""
    table = table_of(spec)
    biases = per_net(table, np.where(layer_weights(table) > 0, table.column("out_channels"), 0).astype(np.int64))
    weights = int(per_net(table, layer_weights(table))[0]) + 4 * int(biases[0])
    return {"macs": int(macs(table)[0]), "weights": weights, "arena": int(arena_bytes(table, "bound")[0])}


def trained(role: str, split: Split, recipe: Recipe, seed: int, folder: Path) -> TrainedNet:
    """A net, trained now or before; little and single nets are taught by the big one, which is waited for."""
    teacher = None
    if role != "big":
        teacher = train_net(NETS["big"], split, recipe, seed, folder=folder, resume=True, progress=progress("big"))
    return train_net(
        NETS[role], split, recipe, seed, teacher=teacher, distil=DISTIL, folder=folder, resume=True,
        progress=progress(role),
    )  # fmt: skip


def progress(role: str) -> Callable[[int, int], None]:
    return lambda done, total: print(time.strftime("%H:%M:%S"), role, done, "of", total, file=sys.stderr, flush=True)


def rate_inside(pair: str) -> float:
    """The highest escalation rate inside the budget of MACs."""
    little, big = (costs(NETS[role])["macs"] for role in PAIRS[pair])
    return min(1.0, (EXPECTED_MACS - little) / big)


def pair_rows(seed: int, how: str, pair: str, nets: dict[str, QuantizedNet], split: Split) -> list[Row]:
    """A pair's figures at the highest escalation rate inside the budget of MACs, with two kinds of threshold."""
    little, big = (nets[role] for role in PAIRS[pair])
    start, more = (costs(NETS[role])["macs"] for role in PAIRS[pair])
    rate = rate_inside(pair)
    found = {part: _outcome(little, big, split, part) for part in ("validation", "test")}
    answers = {part: little.outputs[part].argmax(axis=1) for part in found}
    threshold = threshold_for_rate(found["validation"].score, rate)
    limits = thresholds_per_class(found["validation"], answers["validation"], CLASSES, rate)
    kinds = {
        "one threshold": (found["test"], threshold),
        "a threshold a class": (relative_to_class(found["test"], answers["test"], limits), 0.0),
    }
    alone = {role: hits(nets[role].outputs["test"], split.labels("test")) for role in SINGLES}
    rows = []
    for kind, (tested, limit) in kinds.items():
        got = measure(tested, limit, seed=seed)
        rows.append({
            "seed": seed, "how": how, "pair": pair, "kind": kind, "accuracy": got.accuracy,
            "low": got.accuracy_interval[0], "high": got.accuracy_interval[1], "p": got.p, "macs": start + got.p * more,
            "little_escalated": got.little_escalated, "big_escalated": got.big_escalated,
            "against": {role: verdict(tested, limit, each, seed=seed) for role, each in alone.items()},
        })  # fmt: skip
    return rows


def _outcome(little: QuantizedNet, big: QuantizedNet, split: Split, part: str) -> Outcome:
    return outcome(little.outputs[part].astype(np.int16), big.outputs[part], split.labels(part))


def chosen(nets: dict[str, QuantizedNet], split: Split) -> str:
    """The pair of highest accuracy on validation images inside the budget of MACs, at the threshold chosen there."""

    def accuracy(pair: str) -> float:
        found = _outcome(*(nets[role] for role in PAIRS[pair]), split, "validation")
        return measure(found, threshold_for_rate(found.score, rate_inside(pair))).accuracy

    return max(PAIRS, key=accuracy)


def rates(pair: str, nets: dict[str, QuantizedNet], split: Split) -> list[str]:
    """The cascade's exact curve on the test images: what other rates would have given."""
    points = curve(_outcome(*(nets[role] for role in PAIRS[pair]), split, "test"))
    start, more = (costs(NETS[role])["macs"] for role in PAIRS[pair])
    lines = ["| big runs | accuracy | expected MACs |", "|---|---|---|"]
    for p in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1.0):
        at = int(np.flatnonzero(points.p <= p + 1e-12)[-1])
        e = (start + points.p[at] * more) / 1e6
        lines.append(f"| {100 * points.p[at]:.1f} % | {100 * points.accuracy[at]:.2f} % | {e:.2f} M |")
    return lines


def report(done: dict[int, tuple[dict[str, TrainedNet], dict[str, dict[str, QuantizedNet]]]],
           split_of: Callable[[int], Split], recipe: Recipe) -> str:  # fmt: skip
    sizes = {role: costs(spec) for role, spec in NETS.items()}
    needs = []
    for pair, roles in PAIRS.items():
        weights = sum(sizes[role]["weights"] for role in roles) / 1024
        arena = (max(sizes[role]["arena"] for role in roles) + CHANNELS * SIDE**2) / 1024
        needs.append(f"{pair} has {weights:.1f} KiB and {arena:.1f} KiB")
    lines = [
        "# An int8 pair for CIFAR-10", "",
        f"{processor()}, torch {torch.__version__}, one thread a net, {recipe.epochs} epochs; int8 by "
        f"calibration alone, and finetuned for {RECIPES['finetuned'].epochs} epochs with fake quantisers; seeds "
        f"{', '.join(map(str, done))}. Test images, 80 % "
        "bootstrap intervals over them; thresholds and epochs were chosen on 5,000 validation images.", "",
        f"Budgets: {WEIGHTS_KIB} KiB of weights (biases included) for both nets, {ARENA_KIB} KiB of arena with the "
        f"kept input, {EXPECTED_MACS / 1e6} M expected MACs. {', '.join(needs)}.", "",
        "| seed | net | spec | MACs | weights | arena | float | int8, calibrated | int8, finetuned |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    rows = []
    for seed, (floats, ints) in done.items():
        for role, spec in NETS.items():
            c = sizes[role]
            kib = f"{c['weights'] / 1024:.1f} KiB | {c['arena'] / 1024:.1f} KiB"
            figures = (floats[role].test_accuracy, *(ints[how][role].test_accuracy for how in RECIPES))
            shown = " | ".join(f"{100 * each:.2f} %" for each in figures)
            lines.append(f"| {seed} | {role} | `{spec}` | {c['macs'] / 1e6:.2f} M | {kib} | {shown} |")
        for how in RECIPES:
            for pair in PAIRS:
                rows += pair_rows(seed, how, pair, ints[how], split_of(seed))
    lines += [
        "", "| seed | int8 nets | pair | with | accuracy | 80 % | big runs | expected MACs | "
        "little, big on escalated | minus single | minus rival |", "|---|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for r in rows:
        lines.append(
            f"| {r['seed']} | {r['how']} | {r['pair']} | {r['kind']} | {100 * r['accuracy']:.2f} % | "
            f"[{100 * r['low']:.2f}, {100 * r['high']:.2f}] | {100 * r['p']:.1f} % | "
            f"{r['macs'] / 1e6:.2f} M | {100 * r['little_escalated']:.1f}, {100 * r['big_escalated']:.1f} % | "
            + " | ".join(
                f"{100 * v.gain:+.2f} [{100 * v.interval[0]:+.2f}, {100 * v.interval[1]:+.2f}], {v.words}"
                for v in r["against"].values()
            )
            + " |"
        )
    for seed, (_, ints) in done.items():
        best = chosen(ints[SHIPPED], split_of(seed))
        lines += ["", f"Seed {seed}, {SHIPPED}: validation images choose {best}. Goal: {100 * GOAL:.1f} %. Other rates "
                  "(test images):"]  # fmt: skip
        for pair in PAIRS:
            lines += ["", f"{pair}:", "", *rates(pair, ints[SHIPPED], split_of(seed))]
    lines.append("")
    return "\n".join(lines)


def firmware(nets: dict[str, QuantizedNet], split: Split) -> str:
    """The .md of the exported pair.

    Raises:
        VerifyError: A number differs.
    """
    name = chosen(nets, split)
    pair = [nets[role] for role in PAIRS[name]]
    limit = threshold_for_rate(_outcome(*pair, split, "validation").score, rate_inside(name))
    threshold = device_threshold(limit, DEFAULT_POLICY)
    cascade = Cascade(*(net.int8 for net in pair), (threshold,) * CLASSES, *(net.pixels for net in pair))
    images = first_images(cascade, pair, split.dataset, len(split.dataset.y_test))
    expected = reference_answers(cascade, images)
    start = time.perf_counter()
    found, sanitized = host_answers(cascade, images)
    taken = time.perf_counter() - start
    compare("the C on this machine", expected, found)
    proof = verify(cascade, Images(images.little[:FEWEST], images.big[:FEWEST]))
    right = float((found.label == split.labels("test")).mean())
    need, p = proof.needs[0], float(found.escalated.mean())
    little, big = (sum(each) / 1e6 for each in (need.little, need.big))
    return "\n".join([
        "# The CIFAR-10 pair as firmware", "",
        f"{name} of cifar10_pair.md, {SHIPPED}, one threshold ({threshold} of int8 logits); {processor()}, "
        f"{find_toolchain().name}. Written by `benchmarks/cifar10_pair.py --firmware`.", "",
        "| executed by | images | differ from the integer reference |", "|---|---|---|",
        f"| C on this machine{', address and undefined-behaviour sanitizers' if sanitized else ''}, {taken:.0f} s | "
        f"{len(images):,} | 0 |",
        *(f"| {who} | {proof.images} | 0 |" for who in proof.equal), *(f"| {what} | - | - |" for what in proof.missing),
        "", f"Compared are the label, every logit of both nets, and the decision. By the C's own answers "
        f"{100 * right:.2f} % of the {len(images):,} test images are right, and {100 * p:.1f} % escalate.", "",
        "| on a Cortex-M4 | |", "|---|---|",
        f"| instructions, little net alone | {little:.2f} M |", f"| instructions, both | {little + big:.2f} M |",
        f"| instructions, expected | {little + p * big:.2f} M |",
        f"| code, weights and tables | {(need.code + need.constants) / 1024:.1f} KiB |",
        f"| RAM, stack of {need.stack} bytes included | {(need.static + need.stack) / 1024:.1f} KiB |", "",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--only", choices=sorted(NETS), help="train this net alone, and report nothing")
    parser.add_argument("--folder", type=Path, default=default_out().parent / "cifar10_pair")
    parser.add_argument("--firmware", action="store_true", help="verify the firmware of the first seed's pair instead")
    arguments = parser.parse_args()
    folder = os.environ.get("ZEROSHOT_DATA")
    if not folder:
        sys.exit("Set ZEROSHOT_DATA to the folder that holds cifar10/.")
    data = load(str(cifar10_npz(Path(folder) / "cifar10", default_out())))
    recipe, done = Recipe(epochs=arguments.epochs), {}
    roles = [arguments.only] if arguments.only else ["little", "big", "rival"] if arguments.firmware else list(NETS)
    for seed in arguments.seeds:
        split, where = hold_out(data, seed, recipe.validation), arguments.folder / f"seed{seed}"
        floats: dict[str, TrainedNet] = {}
        ints: dict[str, dict[str, QuantizedNet]] = {how: {} for how in RECIPES}
        for role in roles:
            floats[role] = trained(role, split, recipe, seed, where)
            for how, int8 in RECIPES.items():
                ints[how][role] = quantize_net(
                    floats[role], split, int8, seed, folder=where / how, resume=True, progress=progress(f"{role} {how}")
                )
        done[seed] = (floats, ints)
        if arguments.firmware:
            text = firmware(ints[SHIPPED], split)
            print(text)
            (RESULTS / "cifar10_firmware.md").write_text(text)
            return
    if not arguments.only:
        text = report(done, lambda seed: hold_out(data, seed, recipe.validation), recipe)
        print(text)
        (RESULTS / "cifar10_pair.md").write_text(text)


if __name__ == "__main__":
    main()
