"""Verification must fail where it should: on changed weights, wrong answers, missing tools."""

import builtins
import shutil
from dataclasses import replace

import numpy as np
import pytest

from zeroshot.errors import ToolchainError, UsageError, VerifyError, pip_install
from zeroshot.firmware import device as device_module
from zeroshot.firmware import toolchain as toolchain_module
from zeroshot.firmware.answers import Answers, Images, compare, decide, reference_answers, tflm_answers
from zeroshot.firmware.c_files import template
from zeroshot.firmware.elf import read_elf
from zeroshot.firmware.emulate import Core
from zeroshot.firmware.isa import RISCV, riscv_instructions, thumb_instructions
from zeroshot.firmware.toolchain import CORES, Toolchain, build_firmware, build_host, find_toolchain, link
from zeroshot.firmware.verify import verify

from ..firmware_pairs import images, pair

SMALL = ("r8-s4-c3w6x1/2", "r8-s6-d3w8x1/2-b3w8x1")


@pytest.fixture(scope="module")
def cascade():
    return pair(*SMALL, thresholds=(30,) * 10)


@pytest.fixture(scope="module")
def needs_tools():
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    pytest.importorskip("ziglang", reason="needs the mcu extra")


def test_everything_agrees_and_is_reported(cascade, needs_tools):
    pytest.importorskip("tflite_micro")
    said = []
    found = verify(cascade, images(cascade, 10), progress=lambda *step: said.append(step))
    assert (found.images, found.missing) == (10, ())
    assert [who.split(",")[0] for who in found.equal] == [
        "TFLite Micro", "C on this machine", "C on an emulated cortex-m4",
    ]  # fmt: skip
    assert found.escalated == reference_answers(cascade, images(cascade, 10)).escalated.sum()
    (needs,) = found.needs
    rows = [len(cascade.little.weights), len(cascade.big.weights)]
    assert (
        [len(needs.little), len(needs.big)]
        == rows
        == [len(x) for x in found.predicted]
        == [len(x) for x in found.layers]
    )
    assert found.layers[1][1] == "depthwise 3x3/2 8x8x6 -> 6"
    assert said[0] == ("integer reference", 0, 4)
    assert said[-1] == ("verified", 4, 4)
    assert found.summary()["needs"][0]["core"] == "cortex-m4"


def test_other_weights_in_the_firmware_are_found(cascade, needs_tools, monkeypatch):
    """The emulated image is built from a pair whose big net has one changed weight."""
    weights = cascade.big.weights[-1].copy()
    weights[3, 0, 0, 0] += 60
    wrong = replace(cascade, big=replace(cascade.big, weights=(*cascade.big.weights[:-1], weights)))
    real = device_module.cascade_sources
    monkeypatch.setattr(device_module, "cascade_sources", lambda _, name: real(wrong, name))
    with pytest.raises(VerifyError, match=r"emulated cortex-m4, zig differs .* logit 3 of the big net: -?\d+ instead"):
        verify(cascade, images(cascade, 3), host=False)


def test_another_table_of_pixels_is_found(cascade, needs_tools, monkeypatch):
    table = cascade.little_pixels.copy()
    table[200, 1] ^= 1
    real = device_module.cascade_sources
    wrong = replace(cascade, little_pixels=table)
    monkeypatch.setattr(device_module, "cascade_sources", lambda _, name: real(wrong, name))
    with pytest.raises(VerifyError, match="cascade_quantise turns pixels into other numbers"):
        verify(cascade, images(cascade, 1), host=False)


@pytest.mark.parametrize("name", ["little", "big", "gap", "little_label", "escalated", "label"])
def test_any_other_number_is_a_difference(cascade, name):
    expected = reference_answers(cascade, images(cascade, 4))
    wrong = getattr(expected, name).copy()
    wrong[2] += 1
    with pytest.raises(VerifyError, match="X differs from the integer reference: image 2, .* 1 of 4 images"):
        compare("X", expected, replace(expected, **{name: wrong}))
    compare("X", expected, replace(expected))
    short = Answers(*(getattr(expected, f)[:2] for f in ("label", "little_label", "gap", "escalated", "little", "big")))
    with pytest.raises(VerifyError, match="X answered 2 images of 4"):
        compare("X", expected, short)


def test_decisions_follow_the_gap_and_the_class(cascade):
    little = np.array([[5, 1, 9, -3], [5, 5, 0, -3], [-128, 127, 0, 0], [0, 0, 0, 0]])
    big = np.array([[9, 0, 0, 0], [0, 0, 0, 9], [9, 0, 0, 0], [0, 9, 0, 0]])
    four = pair(*SMALL, classes=4, thresholds=(1, 127, 5, 0))
    found = decide(four, little, big)
    assert found.little_label.tolist() == [2, 0, 1, 0]
    assert found.gap.tolist() == [4, 0, 127, 0]
    assert found.escalated.tolist() == [1, 1, 0, 1]
    assert found.label.tolist() == [0, 3, 1, 1]


def hide(monkeypatch, *names):
    """As if these packages were not installed."""
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] in names:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    find = toolchain_module.importlib.util.find_spec
    monkeypatch.setattr(toolchain_module.importlib.util, "find_spec", lambda n: None if n in names else find(n))


def test_missing_tools_are_named_with_the_command_that_installs_them(cascade, monkeypatch):
    hide(monkeypatch, "ziglang", "unicorn", "tflite_micro")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    for name, missing in ((None, "ziglang or arm-none-eabi-gcc"), ("zig", "ziglang"), ("gcc", "arm-none-eabi-gcc")):
        with pytest.raises(ToolchainError, match=f"{missing} is not installed") as caught:
            find_toolchain(name)
        assert caught.value.hint in (pip_install("mcu"), "Install arm-none-eabi-gcc.")
    assert tflm_answers(cascade, images(cascade, 1)) is None
    with pytest.raises(ToolchainError, match="unicorn, which is not installed") as caught:
        Core(None, "cortex-m4")
    assert "[mcu]" in caught.value.hint
    with pytest.raises(ToolchainError, match="No C compiler for this machine"):
        build_host({"a.c": ""}, None)


def test_without_a_reader_of_images(monkeypatch):
    hide(monkeypatch, "elftools")
    with pytest.raises(ToolchainError, match="pyelftools, which is not installed") as caught:
        read_elf(b"")
    assert "[mcu]" in caught.value.hint


def test_images_that_are_cut_or_changed_give_no_traceback(needs_tools):
    source = {"a.c": "int counter = 5, zeros[3]; int f(int n) { return zeros[n] + counter; }"}
    raw = link(source, ["f"], "cortex-m4", find_toolchain("zig"), template("emulate.ld"))
    for size in (*range(60), *range(60, len(raw), 997), len(raw) - 1):
        with pytest.raises(ToolchainError):
            read_elf(raw[:size])
    rng = np.random.default_rng(0)
    headers = int.from_bytes(raw[32:36], "little")  # of sections
    refused = 0
    for at in (*range(84), *rng.integers(headers, len(raw), 500)):
        changed = bytearray(raw)
        changed[at] ^= int(rng.integers(1, 256))
        try:
            read_elf(bytes(changed))
        except ToolchainError:
            refused += 1
    assert refused >= 20


def test_unknown_names(cascade):
    with pytest.raises(UsageError, match="Unknown toolchain 'iar'"):
        find_toolchain("iar")
    with pytest.raises(UsageError, match="Unknown core 'cortex-m5'"):
        build_firmware({}, ["x"], "cortex-m5", Toolchain("zig", ("x",)))


def test_compilers_that_fail(tmp_path, needs_tools):
    with pytest.raises(ToolchainError, match="The compiler failed: .*error"):
        build_firmware({"a.c": "int f(void) { return x; }"}, ["f"], "cortex-m4", find_toolchain("zig"))
    with pytest.raises(ToolchainError, match="The compiler did not run"):
        build_firmware({"a.c": ""}, ["f"], "cortex-m4", Toolchain("gcc", (str(tmp_path / "none"),)))
    with pytest.raises(ToolchainError, match="The compiler failed"):
        build_host({"a.c": "int main(void) { return x; }"}, tmp_path / "out")


def test_broken_images_are_refused():
    pytest.importorskip("elftools", reason="needs the mcu extra")
    for raw in (b"", b"\x7fELF\x01\x01", b"\x7fELF\x02\x01" + bytes(60)):
        with pytest.raises(ToolchainError, match="no 32-bit ARM ELF"):
            read_elf(raw)
    good_head = b"\x7fELF\x01\x01" + bytes(12) + (40).to_bytes(2, "little") + bytes(8) + b"\xff" * 24
    with pytest.raises(ToolchainError, match="broken ELF"):
        read_elf(good_head)


@pytest.mark.parametrize("core", sorted(CORES))
def test_instructions_memory_and_stack_of_a_known_program(core, needs_tools):
    """A loop in assembly whose instructions are known, and a function that uses a known amount of stack."""
    source = """
    int counter = 5, zeros[3];
    __attribute__((naked)) int loop(int n) {
        __asm volatile("movs r1, #0\\n1:\\n adds r1, r1, #2\\n subs r0, r0, #1\\n"
                       "bne 1b\\n mov r0, r1\\n bx lr" ::: "memory");
    }
    int mark(int n) { return loop(n) + zeros[n & 1]; }
    __attribute__((noinline)) void fill(volatile char *at) { int i; for (i = 0; i < 1000; i++) at[i] = 1; }
    int deep(void) { char much[1000]; fill(much); return much[7] + counter; }
    """
    elf = build_firmware({"a.c": source.replace("int loop(int n)", "int loop(int n __attribute__((unused)))")},
                         ["loop", "mark", "deep"], core, find_toolchain("zig"))  # fmt: skip
    machine = Core(elf, core)
    assert machine.call("loop", 21) == 42
    assert machine.counted("loop", 21).total == 1 + 3 * 21 + 2
    counts = machine.counted("mark", 10, marks=["loop", "absent"])
    assert len(counts.parts) == 1
    assert counts.parts[0] >= 1 + 3 * 10 + 2
    assert counts.total > counts.parts[0]
    shallow = machine.stack_bytes()
    machine.call("deep")
    assert shallow < 100
    assert 1000 <= machine.stack_bytes() <= 1000 + 64
    assert elf.size(".bss") == 12
    assert elf.size(".data") == 4
    assert {s.name for s in elf.sections if not s.stored} == {".bss"}


def test_instructions_of_a_known_program_of_risc_v(needs_tools):
    source = """
    __attribute__((naked)) int loop(int n __attribute__((unused))) {
        __asm volatile("li a1, 0\\n1:\\n addi a1, a1, 2\\n addi a0, a0, -1\\n bnez a0, 1b\\n mv a0, a1\\n ret");
    }
    long long times(int a, int b) { return (long long)a * b >> 7; }
    """
    elf = build_firmware({"a.c": source}, ["loop", "times"], RISCV, find_toolchain("zig"))
    machine = Core(elf, RISCV)
    assert machine.call("loop", 21) == 42
    assert machine.counted("loop", 21).total == 1 + 3 * 21 + 2
    assert machine.call("times", -5_000, 80_000) == -5_000 * 80_000 >> 7 & 0xFFFFFFFF
    assert riscv_instructions(bytes.fromhex("0100 13000000 0100")) == 3  # c.nop, nop, c.nop
    with pytest.raises(ToolchainError, match="does not compile for a rv32imc") as caught:
        build_firmware({"a.c": source}, ["loop"], RISCV, Toolchain("gcc", ("arm-none-eabi-gcc",)))
    assert "zig" in caught.value.hint


def test_lengths_of_instructions():
    assert thumb_instructions(bytes.fromhex("00bf 00bf")) == 2  # two nops of 16 bits
    assert thumb_instructions(bytes.fromhex("aff30080 00bf")) == 2  # one of 32 bits, one of 16
    assert thumb_instructions(b"") == 0


def test_writing_behind_the_memory_is_found(needs_tools):
    source = "int last[4]; void over(int i) { last[i] = 7; }"
    elf = build_firmware({"a.c": source}, ["over"], "cortex-m4", find_toolchain("zig"))
    machine = Core(elf, "cortex-m4")
    machine.call("over", 3)
    with pytest.raises(VerifyError, match="over wrote behind the firmware's memory"):
        machine.call("over", 4)


def test_images_that_do_not_fit(cascade):
    good = images(cascade, 1)
    with pytest.raises(UsageError, match="two different ones"):
        verify(cascade, Images(good.little, good.little + 1))
