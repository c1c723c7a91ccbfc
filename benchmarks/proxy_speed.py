"""Milliseconds a net and proxy, construction included, on one thread: one shared probe against one a proxy.

python -m benchmarks.proxy_speed [--nets 30] [--cells 10]

Random nets of the mcu space at 32x32 of at most 5 million MACs, and NAS-Bench-201 cells, both drawn with seed 0, with
standard normal images. Figures a net are processor time of the one thread, which other work on the machine disturbs
little; the comparison of threads and processes needs the wall's clock and an idle machine.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import nn

from benchmarks.script import RESULTS, Arguments, exit_code, parser
from zeroshot.build import build, initialise
from zeroshot.cost import counts
from zeroshot.net import NetSpec, layer_table, spec_of
from zeroshot.probing.probe import Probe, Proxy, evaluate
from zeroshot.runs.files import write_file
from zeroshot.runs.folder import processor
from zeroshot.scoring.plugins import load_proxies
from zeroshot.scoring.population import Batches, ProbeImages, default_jobs, score_probed
from zeroshot.spaces import McuSpace, nasbench201

SIDE, CLASSES, SEED = 32, 10, 0
READOUT = 512  # images beside the two batches, as in a search
MAX_MACS = 5e6  # half of the space's nets have over 28 million at 32x32, no microcontroller's work
TARGET_MS, SUITE_ZERO_S = 150, 2.6
Make = Callable[[], nn.Module]
Times = dict[str, list[float]]  # proxy -> ms, one a net


def mcu_specs(n: int) -> list[str]:
    values = McuSpace(resolutions=(SIDE,)).sample(40 * n, np.random.default_rng(SEED))
    small = values[counts.macs(layer_table(values, 3, CLASSES)) <= MAX_MACS]
    return [str(spec_of(row)) for row in small[:n]]


def cell_numbers(n: int) -> list[int]:
    """Cells whose output hangs on their input."""
    cells = np.random.default_rng(SEED).integers(0, nasbench201.COUNT, 4 * n).tolist()
    return [c for c in cells if nasbench201.live(nasbench201.decode([c])).any()][:n]


def images(size: int, count: int) -> Batches:
    generator = torch.Generator().manual_seed(SEED)
    shape = (size, 3, SIDE, SIDE)
    return [
        (torch.randn(shape, generator=generator), torch.randint(CLASSES, (size,), generator=generator))
        for _ in range(count)
    ]


def probe_set(size: int) -> ProbeImages:
    drawn = images(size, 2 + READOUT // size)
    return ProbeImages(drawn[:2], drawn[2:])


def make_mcu(spec: str) -> nn.Module:
    return build(NetSpec.parse(spec), 3, CLASSES)


def prepared(make: Make, data: ProbeImages) -> Probe:
    module = make()
    initialise(module, torch.Generator().manual_seed(SEED))
    return Probe(module, data.batches, SEED, data.readout)


def measure(makes: Sequence[Make], proxies: Sequence[Proxy], data: ProbeImages) -> tuple[list[float], Times, Times]:
    """Milliseconds of construction, of each proxy on the shared probe, and of each with all of its own."""
    shared: Times = {p.name: [] for p in proxies}
    alone: Times = {p.name: [] for p in proxies}
    building = []
    for make in makes:
        start = time.process_time()
        probe = prepared(make, data)
        building.append(1e3 * (time.process_time() - start))
        for proxy in proxies:
            start = time.process_time()
            evaluate([proxy], probe)
            shared[proxy.name].append(1e3 * (time.process_time() - start))
        for proxy in proxies:
            if proxy.cost == "per-sample":  # seconds each, and hardly a pass to share
                continue
            start = time.process_time()
            evaluate([proxy], prepared(make, data))
            alone[proxy.name].append(1e3 * (time.process_time() - start))
    return building, shared, alone


def cells_of(times: Sequence[float]) -> str:
    return f"{np.median(times):.1f} | {np.quantile(times, 0.9):.1f}"


def section(title: str, makes: Sequence[Make], proxies: Sequence[Proxy], size: int) -> list[str]:
    data = probe_set(size)
    measure(makes[:1], proxies, data)  # compiles, and fills torch's caches
    building, shared, alone = measure(makes, proxies, data)
    lines = [
        f"## {title}",
        "",
        "Alone: construction, initialisation and every pass for this proxy only, the naive way. Shared: what it adds "
        "on a probe that has served the proxies above it.",
        "",
        "| proxy | cost | alone, median | 90 % | shared, median | 90 % |",
        "|---|---|---|---|---|---|",
        f"| construction | | | | {cells_of(building)} |",
    ]
    for p in proxies:
        naive = cells_of(alone[p.name]) if alone[p.name] else " | "
        lines.append(f"| `{p.name}` | {p.cost} | {naive} | {cells_of(shared[p.name])} |")
    for what, left_out in (("all above", ()), ("without grasp", ("grasp",))):
        names = [p.name for p in proxies if p.cost != "per-sample" and p.name not in left_out]
        naive = cells_of(np.sum([alone[name] for name in names], axis=0))
        one = cells_of(np.sum([shared[name] for name in names], axis=0) + building)
        lines.append(f"| forward and backward, {what} ({len(names)}) | | {naive} | {one} |")
    return [*lines, ""]


def throughput(specs: list[str], proxies: Sequence[Proxy], size: int) -> list[str]:
    """Threads inside torch against processes, on nets that nobody has run yet, and on the same nets again."""
    data = probe_set(size)
    results: list[tuple[str, ...]] = []
    known, new = specs[: len(specs) // 2], specs[len(specs) // 2 :]

    def timed(work: Callable[[], object]) -> str:
        start = time.perf_counter()
        work()
        return f"{1e3 * (time.perf_counter() - start) / len(new):.1f}"

    def in_turn() -> None:
        for spec in new:
            evaluate(proxies, prepared(partial(make_mcu, spec), data))

    def by_processes(nets: list[str]) -> None:
        list(score_probed(nets, CLASSES, {SIDE: data}, proxies, SEED, jobs=2))

    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append((f"{threads} thread(s), 1 process", timed(in_turn), timed(in_turn)))
    torch.set_num_threads(1)
    by_processes(known)  # starts the processes
    times = [timed(lambda: by_processes(new)) for _ in range(2)]
    results.append(("1 thread, 2 processes that are up", *times))
    return [
        "| how | new nets, ms a net | the same again |",
        "|---|---|---|",
        *(f"| {' | '.join(each)} |" for each in results),
    ]


def sizes(specs: list[str], proxies: Sequence[Proxy]) -> list[str]:
    """One shared probe at several batch sizes."""
    lines = ["| images | median | 90 % |", "|---|---|---|"]
    for size in (16, 32, 64):
        data, taken = probe_set(size), []
        for spec in specs:
            start = time.process_time()
            evaluate(proxies, prepared(partial(make_mcu, spec), data))
            taken.append(1e3 * (time.process_time() - start))
        lines.append(f"| {size} | {cells_of(taken)} |")
    return lines


def formats(specs: list[str], size: int) -> list[str]:
    """One forward and backward pass to weights and image, by memory layout and number format."""
    ways = {
        "NCHW, float32": (torch.contiguous_format, False),
        "channels_last, float32 (what the probe uses)": (torch.channels_last, False),
        "channels_last, bfloat16 by autocast": (torch.channels_last, True),
    }
    taken: Times = {way: [] for way in ways}
    ((x, y),) = images(size, 1)
    for spec in specs:
        for way, (layout, half) in ways.items():
            net = make_mcu(spec)
            initialise(net, torch.Generator().manual_seed(SEED))
            net = net.to(memory_format=layout)  # type: ignore[call-overload]
            batch = x.to(memory_format=layout).requires_grad_()
            for timed in (False, True):  # the first pass chooses kernels
                start = time.process_time()
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
                    out = net(batch)
                nn.functional.cross_entropy(out.float(), y).backward()  # type: ignore[no-untyped-call]
                if timed:
                    taken[way].append(1e3 * (time.process_time() - start))
    lines = ["| layout and format | median | 90 % |", "|---|---|---|"]
    return lines + [f"| {way} | {cells_of(times)} |" for way, times in taken.items()]


def main(arguments: Arguments = None) -> None:
    options = parser("proxy_speed", __doc__)
    options.add_argument("--nets", type=int, default=30, help="nets of the mcu space, default: %(default)s")
    options.add_argument("--cells", type=int, default=10, help="NAS-Bench-201 cells, default: %(default)s")
    given = options.parse_args(arguments)
    torch.set_num_threads(1)
    probed = [p for p in load_proxies() if p.cost not in ("static", "aggregate")]
    # The order of the costs, so that the sums of a cost class hold nothing of a dearer one.
    proxies = sorted(probed, key=lambda p: ("forward", "backward", "per-sample").index(p.cost))
    passes = [p for p in proxies if p.cost != "per-sample"]
    specs = mcu_specs(given.nets)
    makes = [partial(make_mcu, spec) for spec in specs]
    cells = [partial(nasbench201.network, cell) for cell in cell_numbers(given.cells)]
    lines = [
        "# Speed of the proxies",
        "",
        f"{processor()}, torch {torch.__version__}, one thread; milliseconds of processor time a net. Static "
        "proxies take microseconds a net and are left out. NAS-Bench-Suite-Zero reports a mean of "
        f"{SUITE_ZERO_S} s a proxy and net on a server's processor.",
        "",
        *section(f"mcu space, {SIDE}x{SIDE}, at most 5 M MACs, batches of 32, {len(makes)} nets", makes, proxies, 32),
        *section(f"NAS-Bench-201, {SIDE}x{SIDE}, batches of 32, {len(cells)} cells", cells, proxies, 32),
        "## Threads against processes",
        "",
        f"All {len(passes)} forward and backward proxies on one shared probe a net, batches of 32, mcu space, wall "
        f"clock over {len(specs)} nets. Each layer shape that a process has not met costs the compilation of its "
        "kernels: a search meets new nets, a benchmark that repeats itself does not. Load of the machine before: "
        f"{os.getloadavg()[0]:.1f} on {default_jobs()} cores.",
        "",
        *throughput(mcu_specs(2 * len(specs)), passes, 32),
        "",
        "## Batch size",
        "",
        "The same, one thread; what smaller batches cost in rank fidelity is in fidelity.md.",
        "",
        *sizes(specs, passes),
        "",
        "## Memory layout and number format",
        "",
        "One forward and backward pass, to the weights and to the image, one thread. Scores would be "
        "others in bfloat16, besides: differences between batches, which zico lives on, have 8 bits there.",
        "",
        *formats(specs, 32),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    write_file(RESULTS / "proxy_speed.md", text)


if __name__ == "__main__":
    sys.exit(exit_code(main))
