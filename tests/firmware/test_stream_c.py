"""Cascades fed with samples, as C: on this machine with sanitizers, on emulated cores, against the reference."""

import csv
import subprocess
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import ToolchainError, UsageError, VerifyError
from zeroshot.firmware.c_cascade import cascade_sources
from zeroshot.firmware.calls import MOST, RECORD, calls, parse_calls, pieces, signal, uneven
from zeroshot.firmware.decisions import compare_decisions, decisions, newest
from zeroshot.firmware.device import NAME, Device
from zeroshot.firmware.emulate import DATA
from zeroshot.firmware.host import host_decisions, stream_main
from zeroshot.firmware.qemu import MACHINES, has_qemu, qemu_decisions
from zeroshot.firmware.toolchain import build_host, find_toolchain, has_host_compiler
from zeroshot.signals.table import read_table
from zeroshot.signals.wav import open_wav

from ..strategies import examples
from ..streams import fed, samples_of

KINDS = {
    "sound": {"smooth": 3, "smoothing": "mean", "limit": 2},
    "cepstrum": {"seed": 4, "smooth": 4, "smoothing": "majority", "every": 2},
    "relative": {"seed": 1, "smooth": 3, "limit": 2, "every": 2, "bias": True},
    "gaps": {"seed": 4, "every": 3, "limit": 1, "bias": True},
    "motion": {"smooth": 2, "smoothing": "majority", "limit": 3, "bias": True},
    "axis": {"seed": 3, "smooth": 255, "smoothing": "mean"},
}
CORES = ("cortex-m0plus", "cortex-m4", "cortex-m33", "rv32imc")
SLOW = ("cepstrum", "gaps", "axis")  # on every core


@pytest.fixture(scope="session")
def cascades():
    return {name: fed(name, **options) for name, options in KINDS.items()}


@pytest.fixture(scope="session")
def programs(cascades, tmp_path_factory):
    """Name of a front end -> program, sanitized."""
    if not has_host_compiler():
        pytest.skip("no C compiler")
    made = {}

    def program(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp("stream") / "program"
            sources = cascade_sources(cascades[name], "cascade") | {"host.c": stream_main("cascade")}
            assert build_host(sources, made[name])
        return made[name]

    return program


@pytest.fixture(scope="session")
def devices(cascades):
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    made = {}

    def device(name, core, compiler="zig"):
        if (name, core, compiler) not in made:
            try:
                toolchain = find_toolchain(compiler)
            except ToolchainError as error:
                pytest.skip(str(error))
            made[name, core, compiler] = Device(cascades[name], core, toolchain)
        return made[name, core, compiler]

    return device


def expected(cascade, samples, sizes):
    return newest(cascade.stream, decisions(cascade, samples), sizes)


def said_by(program, samples, sizes):
    done = subprocess.run([program], input=calls(samples, sizes), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return parse_calls(done.stdout, len(sizes))


@pytest.mark.parametrize("name", KINDS)
def test_decision_by_decision_on_this_machine(name, cascades, programs):
    cascade = cascades[name]
    samples = samples_of(name, 3000)
    sizes = uneven(cascade.stream, len(samples))
    said = said_by(programs(name), samples, sizes)
    assert max(count for count, _ in said) == 1
    made = [each for _, each in said if each]
    assert made == decisions(cascade, samples)
    assert min(len({each.label for each in made}), len({each.answer for each in made})) > 1  # or little was compared
    assert {each.escalated for each in made} == {False, True}
    compare_decisions("C", expected(cascade, samples, sizes), said)


def test_the_call_of_the_library(cascades):
    cascade, samples = cascades["axis"], samples_of("axis", 300)
    sizes = [150, 0, 150]
    assert host_decisions(cascade, samples, sizes) == (expected(cascade, samples, sizes), True)


@examples(40)
@given(st.sampled_from(sorted(KINDS)), st.lists(st.integers(0, 400), max_size=12), st.integers(0, 3))
def test_however_samples_are_cut(cascades, programs, name, sizes, seed):
    cascade, samples = cascades[name], samples_of(name, sum(sizes), seed)
    assert said_by(programs(name), samples, sizes) == expected(cascade, samples, sizes)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    "name", ["sound", "relative", "motion", *(pytest.param(n, marks=pytest.mark.slow) for n in SLOW)]
)
def test_every_core_decides_alike(name, core, cascades, devices):
    """Twice, as a start afresh forgets all; pieces of a hop and less, then all at once."""
    cascade, device = cascades[name], devices(name, core)
    samples = samples_of(name, 900 if name == "sound" else 500)
    for sizes in (uneven(cascade.stream, len(samples)), [len(samples)]):
        compare_decisions(core, expected(cascade, samples, sizes), device.decisions(samples, sizes))
    assert device.core.stack_bytes() < 1024


def test_with_gcc(cascades, devices):
    cascade, samples = cascades["gaps"], samples_of("gaps", 500)
    sizes = uneven(cascade.stream, len(samples))
    found = devices("gaps", "cortex-m4", "gcc").decisions(samples, sizes)
    compare_decisions("gcc", expected(cascade, samples, sizes), found)


@pytest.mark.skipif(not has_qemu(), reason="needs qemu-system-arm")
@pytest.mark.parametrize(
    "core", ["cortex-m55", *(pytest.param(c, marks=pytest.mark.slow) for c in sorted(MACHINES) if c != "cortex-m55")]
)
def test_on_whole_boards(core, cascades):
    pytest.importorskip("ziglang", reason="needs the mcu extra")
    cascade, samples = cascades["sound"], samples_of("sound", 700)
    sizes = [0, 333, 7, 360]
    found = qemu_decisions(cascade, samples, sizes, core, find_toolchain("zig"))
    compare_decisions(core, expected(cascade, samples, sizes), found)


def test_a_recording_pushed_through_a_core(tmp_path, cascades, devices):
    """A WAV file, read as training reads it."""
    path, samples = tmp_path / "word.wav", samples_of("sound", 1200)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(4000)
        file.writeframes(samples.astype("<i2").tobytes())
    read = open_wav(path).read()[:, 0]
    assert np.array_equal(read, samples)
    sizes = [100] * 12
    assert devices("sound", "cortex-m4").decisions(read, sizes) == expected(cascades["sound"], samples, sizes)


def test_a_log_pushed_through_a_core(tmp_path, cascades, devices):
    """A CSV file of three axes."""
    path, samples = tmp_path / "walk.csv", samples_of("motion", 90)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y", "z"])
        writer.writerows(samples.tolist())
    read = np.array([[int(cell) for cell in row] for row in read_table(path).cells], np.int16)
    sizes = [1] * 90
    assert devices("motion", "cortex-m4").decisions(read, sizes) == expected(cascades["motion"], samples, sizes)


def test_settings_and_images_beside_the_stream(cascades, devices):
    """Thresholds and limits at run time count for the stream too, and init brings back those of the export."""
    device, samples = devices("sound", "cortex-m4"), samples_of("sound", 600)
    sizes = [len(samples)]
    first = device.decisions(samples, sizes)
    device.core.call(f"{NAME}_set_threshold", 0)
    device.core.write(DATA + 2**16, samples.tobytes())
    assert device.core.call(f"{NAME}_feed", DATA + 2**16, len(samples), DATA) == 30
    _, _, _, _, escalated, capped = RECORD.unpack(device.core.read(DATA, RECORD.size))
    assert (escalated, capped) == (0, 0)
    assert device.decisions(samples, sizes) == first


def test_what_it_writes_is_its_arena(cascades, devices):
    """Nothing that the plan does not know of, and the picture is there afterwards."""
    cascade, device = cascades["sound"], devices("sound", "cortex-m4")
    plan, arena = cascade.plan(), device.core.symbol("arena")
    samples = samples_of("sound", 800)
    device.core.write(arena.address, b"\x5a" * arena.size)
    device.decisions(samples, [len(samples)])
    raw = device.core.read(arena.address, arena.size)
    assert raw[plan.bytes :] == b"\x5a" * (arena.size - plan.bytes)
    picture = cascade.stream.sensor.pictures(samples)[-1]
    at = plan.nets[0].tensors[0]
    assert raw[at : at + picture.size] == cascade.little_pixels[picture.ravel(), 0].tobytes()
    newest_samples = samples[-cascade.stream.sensor.asked.frame :]
    behind = at + -(-picture.size // 4) * 4
    assert raw[behind : behind + 2 * len(newest_samples)] == newest_samples.tobytes()


def test_instructions_of_a_hop(cascades, devices):
    for name in KINDS:
        if name in ("sound", "motion", "axis"):
            device = devices(name, "cortex-m4")
            found = device.hop_instructions(cascades[name].stream)
            assert found > 10 * cascades[name].stream.sensor.hop
            assert found < 20_000


def test_the_test_signal():
    """As its words say, number by number."""
    cascade = fed("motion", every=2)
    sensor, state, expected_values = cascade.stream.sensor, 1, []
    for i in range((sensor.first + 2 * 4) * sensor.hop * 3):
        state = (state * 1664525 + 1013904223) % 2**32
        half = state >> 16
        value = half - 2**16 if half >= 2**15 else half
        expected_values.append(value >> 3 * (i // (sensor.hop * 3) % 4))
    found = signal(cascade.stream, 5)
    assert found.ravel().tolist() == expected_values
    assert len(decisions(cascade, found)) == 5
    assert signal(fed("sound").stream, 1).ndim == 1


def test_calls_that_cannot_be():
    samples = np.zeros(10, np.int16)
    for sizes, words in (([5], "Pieces of 5 samples"), ([MOST + 1], "call of 16385"), ([-1, 11], "call of -1")):
        with pytest.raises(UsageError, match=words):
            pieces(samples, sizes)
    with pytest.raises(VerifyError, match="answered 0 calls of 1"):
        parse_calls(b"", 1)
    stream = fed("sound").stream
    sizes, hop = uneven(stream, 5000), stream.sensor.hop
    assert (sum(sizes), min(sizes), max(sizes)) == (5000, 1, hop)
    assert set(np.cumsum(sizes) % hop) == set(range(hop))
