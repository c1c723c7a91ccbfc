"""The integer front end: instructions on an emulated core, memory, and how near it is to floating point.

Prints Markdown; needs the extra `mcu`. Settings with even numbers fit the coefficients of
`zeroshot.frontend.cost.INSTRUCTIONS`, the others test them. With `ZEROSHOT_DATA` log-mel is compared with floating
point on spoken digits.
"""

import math
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from benchmarks.script import Arguments, exit_code, parser, show
from benchmarks.speech import RATE, float_log_mel, levels, snr, spoken_digits
from zeroshot.errors import ToolchainError
from zeroshot.firmware.emulate import DATA, Core
from zeroshot.firmware.toolchain import CORES, TOOLCHAINS, build_firmware, find_toolchain
from zeroshot.frontend.c_source import frontend_c
from zeroshot.frontend.cost import INSTRUCTIONS, front_end_cost, work
from zeroshot.frontend.features import frame_features, log_mel
from zeroshot.frontend.options import FrontEnd
from zeroshot.runs.folder import processor

OUT, SCRATCH, STREAM = (DATA + i * 2**18 for i in (1, 2, 3))
# The first three are shown; all are fitted or tested.
SETTINGS = (
    FrontEnd(),
    FrontEnd(frame_ms=25, hop_ms=10),
    FrontEnd(frame_ms=30, hop_ms=20, coefficients=10),
    FrontEnd(sample_rate=8000, frame_ms=32, hop_ms=16, bands=24),
    FrontEnd(sample_rate=8000, frame_ms=25, hop_ms=10, bands=20, coefficients=13),
    FrontEnd(sample_rate=8000, frame_ms=64, hop_ms=32, bands=32),
    FrontEnd(sample_rate=8000, frame_ms=20, hop_ms=20, bands=16, coefficients=12),
    FrontEnd(frame_ms=64, hop_ms=32, bands=64),
    FrontEnd(frame_ms=64, hop_ms=32, bands=40, coefficients=20),
    FrontEnd(frame_ms=40, hop_ms=20, bands=40, coefficients=13),
    FrontEnd(frame_ms=16, hop_ms=8, bands=18),
    FrontEnd(sample_rate=44100, frame_ms=40, hop_ms=20, bands=64),
    FrontEnd(sample_rate=48000, frame_ms=32, hop_ms=16, bands=40, coefficients=16),
    FrontEnd(sample_rate=22050, frame_ms=46, hop_ms=23, bands=48),
    FrontEnd(sample_rate=8000, frame_ms=8, hop_ms=8, bands=8),
    FrontEnd(sample_rate=8000, frame_ms=16, hop_ms=8, bands=12, coefficients=8),
    FrontEnd(frame_ms=32, hop_ms=32, bands=20, highest_hz=2000),
    FrontEnd(frame_ms=32, hop_ms=16, bands=12, lowest_hz=3000, window_ms=400),
    FrontEnd(frame_ms=64, hop_ms=64, bands=10, highest_hz=1000, coefficients=10, window_ms=3000),
    FrontEnd(frame_ms=128, hop_ms=64, bands=16, lowest_hz=4000, window_ms=500),
)
SHOWN = 3


@dataclass(frozen=True)
class Counted:
    """Of one build: instructions of a frame and of a hop, bytes of code and stack."""

    frame: int
    hop: int
    code: int
    stack: int


def counted(front_end: FrontEnd, core: str, compiler: str, seed: int) -> Counted:
    """Run noise through an emulated core; its outputs are compared with the reference."""
    elf = build_firmware(
        frontend_c(front_end), ("frontend_features", "frontend_reset", "frontend_push"), core, find_toolchain(compiler)
    )
    emulated = Core(elf, core)
    samples = np.random.default_rng(seed).integers(-8000, 8000, front_end.frame).astype(np.int16)
    emulated.write(DATA, samples.tobytes())
    frame = emulated.counted("frontend_features", DATA, OUT, SCRATCH).total
    expected = frame_features(front_end, samples)[0].tobytes()
    if emulated.read(OUT, len(expected)) != expected:
        raise ToolchainError(f"The front end gives other outputs on the {core}.", "This is a defect; report it.")
    emulated.call("frontend_reset", STREAM, SCRATCH)
    emulated.write(DATA, np.resize(samples, front_end.hop).tobytes())
    hop = emulated.counted("frontend_push", STREAM, DATA, SCRATCH).total
    code = elf.size(".text")
    return Counted(frame, hop, code, emulated.stack_bytes())


def own_fft(front_end: FrontEnd, compiler: str) -> int:
    """Instructions of window, real FFT and power alone, on a Cortex-M4: all before the first band's level."""
    marks = ("first_step", "step", "to_power", "level")
    source = re.sub(
        rf"^static (\w+) ({'|'.join(marks)})\(", r"__attribute__((noinline)) static \1 \2(",
        frontend_c(front_end)["frontend.c"], flags=re.MULTILINE,
    )  # fmt: skip
    sources = frontend_c(front_end) | {"frontend.c": source}
    elf = build_firmware(sources, ("frontend_features",), "cortex-m4", find_toolchain(compiler))
    parts = Core(elf, "cortex-m4").counted("frontend_features", DATA, OUT, SCRATCH, marks=marks).parts
    return sum(parts[: -front_end.bands])


def plain_fft(n: int, core: str, compiler: str) -> int:
    """Instructions of a plain complex FFT of n int16 values; its result is compared with NumPy's."""
    source = Path(__file__).with_name("plain_fft.c").read_text(encoding="utf-8")
    emulated = Core(build_firmware({"plain_fft.c": source}, ("plain_fft",), core, find_toolchain(compiler)), core)
    values = np.random.default_rng(0).integers(-8000, 8000, (n, 2)).astype(np.int16)
    turns = [2 * math.pi * k / n for k in range(n // 2)]
    factors = [[min(32767, round(32768 * f(turn))) for f in (math.cos, math.sin)] for turn in turns]
    emulated.write(DATA, values.tobytes())
    emulated.write(OUT, np.array(factors, np.int16).tobytes())
    total = emulated.counted("plain_fft", DATA, OUT, n).total
    found = np.frombuffer(emulated.read(DATA, 4 * n), np.int16).reshape(n, 2)
    expected = np.fft.fft(values[:, 0] + 1j * values[:, 1]) / n
    if np.abs(found[:, 0] + 1j * found[:, 1] - expected).max() > 2 * math.log2(n):
        raise ToolchainError("The plain FFT computes something else.", "This is a defect; report it.")
    return total


def words(front_end: FrontEnd) -> str:
    """A setting in short: rate, frame and hop, values of a frame."""
    values = f"{front_end.coefficients} of {front_end.bands}" if front_end.coefficients else str(front_end.bands)
    return f"{front_end.sample_rate / 1000:g} kHz, {front_end.frame_ms:g}/{front_end.hop_ms:g} ms, {values}"


def main(arguments: Arguments = None) -> None:
    options = parser("frontend", __doc__)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args(arguments)
    print(f"# Front end\n\nEmulated by unicorn, seed {given.seed}; run on {processor()}.")
    instructions(given.seed)
    cores(given.seed)
    fitted(given.seed)
    root = os.environ.get("ZEROSHOT_DATA")
    if root:
        precision(Path(root) / "audio" / "fsdd.tar.xz")


def instructions(seed: int) -> None:
    rows: list[tuple[str, ...]] = []
    for front_end in SETTINGS[:SHOWN]:
        for compiler in TOOLCHAINS:
            found = counted(front_end, "cortex-m4", compiler, seed)
            plain = plain_fft(front_end.fft, "cortex-m4", compiler)
            own = own_fft(front_end, compiler)
            rows.append((
                f"{words(front_end)}, {compiler}", f"{found.frame:,}", f"{found.hop:,}", f"{plain:,}",
                f"{found.frame / plain:.2f}", f"{own:,}", f"{found.frame / own:.2f}", f"{found.code:,}",
                str(found.stack),
            ))  # fmt: skip
    header = (
        "setting, compiler", "a frame", "a hop", "plain complex FFT", "frame / plain", "own window, real FFT, power",
        "frame / own", "code, bytes", "stack, bytes",
    )  # fmt: skip
    show("Instructions on a Cortex-M4", header, rows)
    needs: list[tuple[str, ...]] = []
    for front_end in SETTINGS[:SHOWN]:
        cost = front_end_cost(front_end)
        needs.append(
            (words(front_end), *(f"{n:,}" for n in (cost.tables, cost.kept, cost.scratch, cost.ram, cost.macs)))
        )
    show("Memory and multiplications", ("setting", "tables", "kept", "scratch", "RAM", "MACs a frame"), needs)


def cores(seed: int) -> None:
    rows = [
        (core, *(f"{counted(SETTINGS[0], core, compiler, seed).frame:,}" for compiler in TOOLCHAINS)) for core in CORES
    ]
    show(f"Instructions of a frame, {words(SETTINGS[0])}", ("core", *TOOLCHAINS), rows)


def fitted(seed: int) -> None:
    """Coefficients of the instruction model, from the even settings, and its errors on the odd ones."""
    design = np.array([[work(each)[name] for name in INSTRUCTIONS] for each in SETTINGS], float)
    found = np.array([counted(each, "cortex-m4", "zig", seed).hop for each in SETTINGS], float)
    train = np.arange(len(SETTINGS)) % 2 == 0
    some, _ = nnls(design[train] / found[train, None], np.ones(train.sum()))
    every, _ = nnls(design / found[:, None], np.ones(len(found)))
    shipped = np.array([front_end_cost(each).instructions for each in SETTINGS])
    rows = [
        (name, f"{np.abs(p / c - 1).mean():.1%}", f"{np.abs(p / c - 1).max():.1%}")
        for name, p, c in (
            ("held out", design[~train] @ some, found[~train]), ("fitted to all", design @ every, found),
            ("shipped", shipped, found),
        )
    ]  # fmt: skip
    show("Instructions of a hop, predicted", ("", "mean error", "worst"), rows)
    coefficients = [(name, f"{value:.1f}") for name, value in zip(INSTRUCTIONS, every, strict=True)]
    show("Coefficients fitted to all", ("", "instructions"), coefficients)


def precision(archive: Path) -> None:
    """Log-mel against floating point, of all whole frames, pauses included; none is of zeros alone."""
    rows = []
    for front_end in (
        FrontEnd(sample_rate=RATE, bands=24), FrontEnd(sample_rate=RATE, bands=20, frame_ms=25, hop_ms=10),
        FrontEnd(sample_rate=RATE, bands=40, frame_ms=64, hop_ms=32),
    ):  # fmt: skip
        recordings = [each for each in spoken_digits(archive) if len(each) >= front_end.frame]
        expected = np.concatenate([float_log_mel(front_end, each) for each in recordings])
        found = np.concatenate([levels(front_end, log_mel(front_end, each)) for each in recordings])
        outputs = np.concatenate([frame_features(front_end, each) for each in recordings]).astype(float)
        inside = (expected > front_end.lowest_db) & (expected < front_end.top_db)
        steps = (outputs - front_end.zero_point) * front_end.step_db
        rows.append((
            words(front_end), f"{len(expected):,}", f"{snr(expected, found):.1f}",
            f"{np.abs(expected - found).max():.2f}", f"{snr(expected[inside], steps[inside]):.1f}",
            f"{inside.mean():.1%}",
        ))  # fmt: skip
    header = ("setting", "frames", "SNR of log-mel, dB", "largest error, dB", "SNR of 8 bits, dB", "inside their range")
    show("Spoken digits against floating point", header, rows)


if __name__ == "__main__":
    sys.exit(exit_code(main))
