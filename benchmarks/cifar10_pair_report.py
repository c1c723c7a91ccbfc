"""The text of `cifar10_pair.py`: the tables of the trained pair, and of its firmware."""

import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.cifar10_pair_figures import (
    ARENA_KIB,
    CHANNELS,
    CLASSES,
    EXPECTED_MACS,
    GOAL,
    NETS,
    PAIRS,
    RECIPES,
    SHIPPED,
    SIDE,
    WEIGHTS_KIB,
    Nets,
    PairRow,
    chosen,
    costs,
    outcome_of,
    pair_rows,
    rate_inside,
)
from zeroshot.cascade.measure import curve
from zeroshot.cascade.policy import DEFAULT_POLICY
from zeroshot.cascade.thresholds import threshold_for_rate
from zeroshot.firmware.answers import Images, compare, reference_answers
from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.export import first_images
from zeroshot.firmware.host import host_answers
from zeroshot.firmware.options import FEWEST
from zeroshot.firmware.toolchain import find_toolchain
from zeroshot.firmware.verify import verify
from zeroshot.quantization.thresholds import device_threshold
from zeroshot.runs.folder import processor
from zeroshot.training.train import Recipe, Split, TrainedNet


def rates(pair: str, nets: Nets, split: Split) -> list[str]:
    """The cascade's exact curve on the test images: what other rates would have given."""
    points = curve(outcome_of(pair, nets, split, "test"))
    start, more = (costs(NETS[role])["macs"] for role in PAIRS[pair])
    lines = ["| big runs | accuracy | expected MACs |", "|---|---|---|"]
    for p in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1.0):
        at = int(np.flatnonzero(points.p <= p + 1e-12)[-1])
        e = (start + points.p[at] * more) / 1e6
        lines.append(f"| {100 * points.p[at]:.1f} % | {100 * points.accuracy[at]:.2f} % | {e:.2f} M |")
    return lines


def report(done: dict[int, tuple[dict[str, TrainedNet], dict[str, Nets]]],
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
    rows: list[PairRow] = []
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
            f"| {r.seed} | {r.how} | {r.pair} | {r.kind} | {100 * r.got.accuracy:.2f} % | "
            f"[{100 * r.got.accuracy_interval[0]:.2f}, {100 * r.got.accuracy_interval[1]:.2f}] | "
            f"{100 * r.got.p:.1f} % | {r.macs / 1e6:.2f} M | "
            f"{_points(r.got.little_escalated)}, {_points(r.got.big_escalated)} % | "
            + " | ".join(
                f"{100 * v.gain:+.2f} [{100 * v.interval[0]:+.2f}, {100 * v.interval[1]:+.2f}], {v.words}"
                for v in r.against.values()
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


def _points(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def firmware(nets: Nets, split: Split) -> str:
    """The .md of the exported pair.

    Raises:
        VerifyError: A number differs.
    """
    name = chosen(nets, split)
    pair = [nets[role] for role in PAIRS[name]]
    limit = threshold_for_rate(outcome_of(name, nets, split, "validation").score, rate_inside(name))
    threshold = int(device_threshold(limit, DEFAULT_POLICY))
    little, big = pair
    cascade = Cascade(little.int8, big.int8, (threshold,) * CLASSES, little.pixels, big.pixels)
    images = first_images(cascade, pair, split.dataset, len(split.dataset.y_test))
    expected = reference_answers(cascade, images)
    started = time.perf_counter()
    found, sanitized = host_answers(cascade, images)
    taken = time.perf_counter() - started
    compare("the C on this machine", expected, found)
    proof = verify(cascade, Images(images.little[:FEWEST], images.big[:FEWEST]))
    right = float((found.label == split.labels("test")).mean())
    need, p = proof.needs[0], float(found.escalated.mean())
    start, more = (sum(each) / 1e6 for each in (need.little, need.big))
    return "\n".join([
        "# The CIFAR-10 pair as firmware", "",
        f"{name} of cifar10_pair.md, {SHIPPED}, one threshold ({threshold} of int8 logits); {processor()}, "
        f"{find_toolchain().name}. Written by `python -m benchmarks.cifar10_pair --firmware`.", "",
        "| executed by | images | differ from the integer reference |", "|---|---|---|",
        f"| C on this machine{', address and undefined-behaviour sanitizers' if sanitized else ''}, {taken:.0f} s | "
        f"{len(images):,} | 0 |",
        *(f"| {who} | {proof.images} | 0 |" for who in proof.equal), *(f"| {what} | - | - |" for what in proof.missing),
        "", f"Compared are the label, every logit of both nets, and the decision. By the C's own answers "
        f"{100 * right:.2f} % of the {len(images):,} test images are right, and {100 * p:.1f} % escalate.", "",
        "| on a Cortex-M4 | |", "|---|---|",
        f"| instructions, little net alone | {start:.2f} M |", f"| instructions, both | {start + more:.2f} M |",
        f"| instructions, expected | {start + p * more:.2f} M |",
        f"| code, weights and tables | {(need.code + need.constants) / 1024:.1f} KiB |",
        f"| RAM, stack of {need.stack} bytes included | {(need.static + need.stack) / 1024:.1f} KiB |", "",
    ])  # fmt: skip
