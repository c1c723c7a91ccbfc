"""The generated C for compilers and settings that the other tests do not have: for size, without GNU, 16-bit ints."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from zeroshot.errors import ToolchainError
from zeroshot.firmware import toolchain as toolchain_module
from zeroshot.firmware.answers import compare, reference_answers
from zeroshot.firmware.c_cascade import cascade_sources
from zeroshot.firmware.decisions import compare_decisions, decisions, newest
from zeroshot.firmware.device import Device
from zeroshot.firmware.host import host_main, parse_answers, stream
from zeroshot.firmware.toolchain import find_toolchain

from ..firmware_pairs import images, pair
from ..streams import fed, samples_of

SMALL = ("r10-s6-d3w9x1/2", "r10-s8/2-b3w8x1-m5e2w12x2")


def written(folder, cascade, **more):
    """Its sources in a folder, and the names of those that are compiled."""
    for path, text in (cascade_sources(cascade, "cascade") | more).items():
        (folder / path).write_text(text)
    return sorted(path.name for path in folder.glob("*.c"))


def run(folder, *command):
    done = subprocess.run([*command], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


FOR_SIZE = [
    ("gcc", "cortex-m3"), ("zig", "cortex-m3"),
    *(pytest.param(c, core, marks=pytest.mark.slow) for c in ("gcc", "zig") for core in ("cortex-m4", "cortex-m0plus")),
]  # fmt: skip


@pytest.mark.parametrize(("compiler", "core"), FOR_SIZE)
def test_as_fast_when_built_for_size(compiler, core, monkeypatch):
    """As Arduino and Zephyr build it. GCC alone would take 1.5 to 2 times as many instructions on a Cortex-M3."""
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    try:
        found = find_toolchain(compiler)
    except ToolchainError as error:
        pytest.skip(str(error))
    cascade, flags = pair(*SMALL), toolchain_module.FLAGS
    given = images(cascade, 2)

    def counted(*level):
        """For speed, or as these flags say; zig drops symbols without -g when it builds for size."""
        monkeypatch.setattr(toolchain_module, "FLAGS", tuple(f for f in flags if f != "-O2") + level)
        device = Device(cascade, core, found)
        compare(f"C with {level}", reference_answers(cascade, given), device.answers(given))
        needs = device.needs(given)
        return sum(needs.little) + sum(needs.big) + needs.decision

    speed, size = counted("-O2"), counted("-Os", "-g")
    assert size <= 1.03 * speed
    if (compiler, core) == ("gcc", "cortex-m3"):  # or the pragma had nothing to do
        assert counted("-Os", "-g", "-DZS_SMALL") > 1.3 * speed


def test_a_front_end_is_as_fast_when_built_for_size(monkeypatch):
    """And links: where its pragma stands, GCC makes memmove of loops."""
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    try:
        found = find_toolchain("gcc")
    except ToolchainError as error:
        pytest.skip(str(error))
    cascade, flags, counts = fed("sound", smooth=3), toolchain_module.FLAGS, []
    samples = samples_of("sound", 600)
    for level in ("-O2", "-Os"):
        monkeypatch.setattr(toolchain_module, "FLAGS", tuple(f for f in flags if f != "-O2") + (level,))
        device = Device(cascade, "cortex-m3", found)
        counts.append(device.hop_instructions(cascade.stream))
        said = newest(cascade.stream, decisions(cascade, samples), [600])
        compare_decisions(level, said, device.decisions(samples, [600]))
    assert counts[1] <= 1.15 * counts[0]


# Macros of a compiler -> what it is to be told, before the declaration, as it is no GNU compiler.
FORMS = {
    "gnu": ((), "__attribute__((aligned(8)))"),
    "c11": (("-U__GNUC__", "-U__clang__", "-std=c11"), "_Alignas(8)"),
    "iar": (("-D__ICCARM__=9",), "#pragma data_alignment=8"),
    "keil 5": (("-D__ARMCC_VERSION=5060960",), "__align(8)"),
    "keil 6": (("-D__ARMCC_VERSION=6180000", "-D__clang__"), "__attribute__((aligned(8)))"),
    "c99": (("-U__GNUC__", "-U__clang__"), ""),
}


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
@pytest.mark.parametrize("form", FORMS)
def test_alignment_is_told_in_the_compilers_way(form, tmp_path):
    macros, words = FORMS[form]
    written(tmp_path, pair(*SMALL))
    flags = ("gcc", "-std=c99", "-ffreestanding", *macros)
    text = run(tmp_path, *flags, "-E", "-P", "cascade_one.c")
    before = re.search(r"([^;{}]*)static int8_t arena\[", text)
    assert before
    assert before[1].strip().splitlines()[-1:] == ([words] if words else [])
    if form not in ("iar", "keil 5"):  # whose words gcc does not know
        run(tmp_path, *flags, "-Wall", "-Werror", "-c", *sorted(each.name for each in tmp_path.glob("*.c")))
    text = run(tmp_path, *flags, "-D__ARM_FEATURE_DSP=1", "-D__thumb2__=1", "-E", "-P", "cascade_kernels.c")
    assert ("__asm" in text) == (form in ("gnu", "keil 6"))


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
def test_without_gnu_the_answers_are_the_same(tmp_path):
    """C11 with no attribute and no assembly, on this machine."""
    cascade = pair(*SMALL)
    names = written(tmp_path, cascade, **{"host.c": host_main(cascade, "cascade")})
    generated = [name for name in names if name != "host.c"]
    run(tmp_path, "gcc", "-std=c11", "-ffreestanding", "-U__GNUC__", "-O1", "-Wall", "-Werror", "-c", *generated)
    run(tmp_path, "gcc", "-c", "host.c")
    run(tmp_path, "gcc", "-o", "program", *(name[:-2] + ".o" for name in names))
    given = images(cascade, 4)
    done = subprocess.run([tmp_path / "program"], input=stream(given), capture_output=True, timeout=60, check=True)
    compare("C11", reference_answers(cascade, given), parse_answers(done.stdout, 4, cascade.little.classes))


@pytest.mark.parametrize("which", ["images", "frames", "sound", "cepstrum", "motion"])
def test_ints_of_16_bits(which, tmp_path):
    """No constant and no shift is too large for them; an MSP430 has such."""
    pytest.importorskip("ziglang", reason="needs the mcu extra")
    if which in ("images", "frames"):
        cascade = replace(pair(*SMALL), frame=(20, 30) if which == "frames" else None)
    else:
        cascade = fed(which, smooth=2)
    for name in written(tmp_path, cascade):
        run(
            tmp_path, sys.executable, "-m", "ziglang", "cc", "-target", "msp430-freestanding", "-std=c99", "-O1",
            "-ffreestanding", "-Wall", "-Wextra", "-Werror", "-c", "-o", "out.o", name,
        )  # fmt: skip


def test_no_product_of_two_shorts():
    """Where int has 16 bits it overflows; no compiler warns of it."""
    for cascade in (pair(*SMALL), fed("sound"), fed("motion")):
        text = "".join(text for path, text in cascade_sources(cascade, "cascade").items() if path.endswith(".c"))
        for left, right in re.findall(r"(\S*(?:samples|value)\[[^]]*\]) \* (\S*(?:window|value)\[[^]]*\])", text):
            assert "(int32_t)" in left, (left, right)


@pytest.mark.skipif(not shutil.which("cppcheck"), reason="needs cppcheck")
@pytest.mark.parametrize("which", ["images", pytest.param("sound", marks=pytest.mark.slow)])
def test_cppcheck_finds_nothing(which, tmp_path):
    """But one end of a scratch array, which it takes for a place behind it."""
    cascade = replace(pair(*SMALL), frame=(20, 30)) if which == "images" else fed("sound", smooth=2)
    written(tmp_path, cascade)
    run(
        tmp_path, "cppcheck", "-q", "--std=c99", "--enable=warning,portability,performance", "--error-exitcode=3",
        "--suppress=ctuPointerArith", ".",
    )  # fmt: skip
