"""The C of front ends on this machine, with sanitizers, and on emulated cores, against the integer reference."""

import importlib.util
import shutil
import subprocess
import sys

import numpy as np
import pytest

from zeroshot.errors import ToolchainError, UsageError
from zeroshot.firmware.emulate import DATA, Core
from zeroshot.firmware.toolchain import CORES, TOOLCHAINS, build_firmware, build_host, find_toolchain, has_host_compiler
from zeroshot.frontend.c_source import frontend_c
from zeroshot.frontend.cost import front_end_cost
from zeroshot.frontend.features import frame_features
from zeroshot.frontend.motion import Motion, Scaling, motion_c

from ..sounds import FRONT_ENDS, MAIN, frames_of, hardest_frames, rows_of, run, speech  # noqa: F401 - a fixture

STRICT = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow", "-pedantic", "-c")
FUNCTIONS = ("frontend_features", "frontend_reset", "frontend_push")
OUT, SCRATCH, STREAM = (DATA + i * 2**18 for i in (1, 2, 3))
# Those that are compiled for this machine; the others have frames and FFTs between theirs.
HERE = [pytest.param(n, marks=[pytest.mark.slow] if n in ("coefficients", "long") else []) for n in FRONT_ENDS]
QUICK_PAIRS = (("default", "cortex-m4"), ("gaps", "cortex-m0plus"))  # beside the coefficients on every core


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """A function: the program of a front end; built once."""
    if not has_host_compiler():
        pytest.skip("no C compiler")
    made = {}

    def program(name):
        if name not in made:
            front_end = FRONT_ENDS[name]
            made[name] = tmp_path_factory.mktemp("frontend") / "program"
            main = MAIN % {"type": f"{front_end.output}_t"}
            build_host(frontend_c(front_end) | {"main.c": main}, made[name])
        return made[name]

    return program


def rows_in_c(program, front_end, frames):
    return np.frombuffer(run(program, frames, "frames"), front_end.output).reshape(-1, front_end.width)


def maps_in_c(program, front_end, samples):
    return np.frombuffer(run(program, samples), front_end.output).reshape(-1, *front_end.shape[:2])


@pytest.mark.parametrize("name", HERE)
def test_the_hardest_frames(name, programs):
    """No overflow, as the sanitizers would tell, and the same outputs."""
    front_end = FRONT_ENDS[name]
    frames = hardest_frames(front_end)
    found = rows_in_c(programs(name), front_end, frames)
    assert np.array_equal(found, rows_of(front_end, frames))
    assert len(np.unique(found)) > 50


@pytest.mark.parametrize("name", HERE)
def test_frames_of_all_levels(name, programs):
    front_end, rng = FRONT_ENDS[name], np.random.default_rng(1)
    loud = rng.normal(0, 2.0 ** rng.uniform(-2, 14, (400, 1)), (400, front_end.frame))
    frames = np.clip(np.round(loud), -32768, 32767).astype(np.int16)
    assert np.array_equal(rows_in_c(programs(name), front_end, frames), rows_of(front_end, frames))


@pytest.mark.parametrize("name", ["speech", pytest.param("coefficients", marks=pytest.mark.slow)])
def test_all_speech(name, programs, speech):  # noqa: F811
    """Every frame of every recording of the test split."""
    front_end = FRONT_ENDS[name]
    frames = np.concatenate([frames_of(front_end, each) for each in speech if len(each) >= front_end.frame])
    assert len(frames) > 5_000
    expected = rows_of(front_end, frames)
    assert np.array_equal(rows_in_c(programs(name), front_end, frames), expected)
    alone = [frame_features(front_end, each) for each in speech]
    assert np.array_equal(np.concatenate(alone), expected)


def after_silence(front_end, samples):
    """Samples whose frames end where hops end."""
    if front_end.hop > front_end.frame:
        return samples[front_end.hop - front_end.frame :]
    return np.concatenate([np.zeros(front_end.frame - front_end.hop, np.int16), samples])


@pytest.mark.parametrize("name", HERE)
def test_a_stream_shows_the_newest_window(name, programs):
    """The map after each hop, from silence on, are the last frames of all samples so far."""
    front_end, rng = FRONT_ENDS[name], np.random.default_rng(2)
    hops = front_end.frames + 7
    samples = (rng.normal(0, 1, hops * front_end.hop) * np.geomspace(1, 9000, hops * front_end.hop)).astype(np.int16)
    maps = maps_in_c(programs(name), front_end, samples)
    silence = frame_features(front_end, np.zeros(front_end.frame, np.int16))
    rows = np.concatenate([silence] * front_end.frames + [frame_features(front_end, after_silence(front_end, samples))])
    assert len(maps) == hops
    for hop, found in enumerate(maps):
        assert np.array_equal(found, rows[hop + 1 : hop + 1 + front_end.frames]), hop


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_hop_may_come_in_pieces(name, programs):
    front_end, rng = FRONT_ENDS[name], np.random.default_rng(5)
    samples = rng.integers(-9000, 9000, 4 * front_end.hop).astype(np.int16)
    expected = maps_in_c(programs(name), front_end, samples)
    for piece in (1, 7, front_end.hop - 1):
        found = run(programs(name), samples, "pieces", str(max(1, piece)))
        assert found == expected.tobytes()


def strict_commands():
    """Compiler -> how it is called for a core with and one without products of 64 bits; the host plays both, too."""
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "thumb-freestanding-eabi"]
    host, arm = "gcc", "arm-none-eabi-gcc"
    return {
        host: [[shutil.which(host)], [shutil.which(host), "-D__ARM_ARCH_6M__"]],
        arm: [[shutil.which(arm), "-mthumb", f"-mcpu={core}"] for core in ("cortex-m4", "cortex-m0plus")],
        "zig": [[*zig, f"-mcpu={core}"] for core in ("cortex_m4", "cortex_m0plus")],
    }


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n in ("coefficients", "gaps", "relative") else pytest.mark.slow) for n in FRONT_ENDS],
)
@pytest.mark.parametrize("compiler", ["gcc", "arm-none-eabi-gcc", "zig"])
def test_no_warning(name, compiler, tmp_path):
    """Conversions, shadows and extensions included; zig is clang, which looks at signs too."""
    commands = strict_commands()[compiler]
    if commands[0][0] is None or (compiler == "zig" and importlib.util.find_spec("ziglang") is None):
        pytest.skip(f"{compiler} is not installed")
    for file, text in (frontend_c(FRONT_ENDS[name]) | motion_c(Motion(), Scaling((20_000,) * 3, (20,) * 3))).items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    for command in commands:
        for file in ("frontend.c", "motion.c"):
            parts = [*command, *STRICT, "-o", tmp_path / "out.o", tmp_path / file]
            done = subprocess.run(parts, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def emulator():
    """A function: a core with a front end in its memory."""
    pytest.importorskip("unicorn", reason="needs the mcu extra")

    def core_of(front_end, core, compiler):
        try:
            found = find_toolchain(compiler)
        except ToolchainError as error:
            pytest.skip(str(error))
        return Core(build_firmware(frontend_c(front_end), FUNCTIONS, core, found), core)

    return core_of


@pytest.mark.parametrize("compiler", TOOLCHAINS)
@pytest.mark.parametrize(
    ("name", "core"),
    [
        pytest.param(
            name, core, marks=[] if name == "coefficients" or (name, core) in QUICK_PAIRS else pytest.mark.slow
        )
        for name in FRONT_ENDS
        for core in sorted(CORES)
    ],
)
def test_every_core_agrees(name, core, compiler, emulator):
    front_end, rng = FRONT_ENDS[name], np.random.default_rng(3)
    emulated = emulator(front_end, core, compiler)
    noise = rng.integers(-8000, 8000, (3, front_end.frame)).astype(np.int16)
    frames = np.concatenate([noise, hardest_frames(front_end)[::40]])
    for frame, expected in zip(frames, rows_of(front_end, frames), strict=True):
        emulated.write(DATA, frame.tobytes())
        emulated.call("frontend_features", DATA, OUT, SCRATCH)
        assert emulated.read(OUT, front_end.width) == expected.tobytes()
    assert emulated.stack_bytes() < 512


def test_a_stream_on_a_core_and_its_memory(emulator):
    """It writes its stream and its scratch and nothing else."""
    front_end, rng = FRONT_ENDS["coefficients"], np.random.default_rng(4)
    emulated, cost = emulator(front_end, "cortex-m4", None), front_end_cost(FRONT_ENDS["coefficients"])
    for place, size in ((STREAM, cost.kept), (SCRATCH, cost.scratch)):
        emulated.write(place - 64, b"\x5a" * (size + 128))
    emulated.call("frontend_reset", STREAM, SCRATCH)
    samples = rng.integers(-8000, 8000, 5 * front_end.hop).astype(np.int16)
    for hop in samples.reshape(5, -1):
        emulated.write(DATA, hop.tobytes())
        emulated.call("frontend_push", STREAM, DATA, SCRATCH)
    for place, size in ((STREAM, cost.kept), (SCRATCH, cost.scratch)):
        around = emulated.read(place - 64, size + 128)
        assert around[:64] == around[-64:] == b"\x5a" * 64
        assert b"\x5a" * 64 not in around[64:-64]
    expected = frame_features(front_end, after_silence(front_end, samples))
    end = STREAM + front_end.frames * front_end.width
    assert emulated.read(end - expected.size, expected.size) == expected.tobytes()


def test_names_that_c_cannot_have():
    for name in ("", "Front", "9a", "a-b", "int", "zs_word", "a" * 32):
        with pytest.raises(UsageError, match="cannot be the prefix of C functions"):
            frontend_c(FRONT_ENDS["default"], name)
    files = frontend_c(FRONT_ENDS["default"], "words")
    assert set(files) == {"words.h", "words.c"}
    assert "words_push(words_stream *stream" in files["words.h"]
    assert "$" not in "".join(files.values())
