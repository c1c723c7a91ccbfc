"""QEMU as the second emulator: what it computes where it is installed, and when verification turns to it."""

import shutil

import pytest

from zeroshot.errors import ToolchainError, UsageError, VerifyError
from zeroshot.firmware import qemu as qemu_module
from zeroshot.firmware import verify as verify_module
from zeroshot.firmware.answers import compare, reference_answers
from zeroshot.firmware.qemu import MACHINES, has_qemu, qemu_answers
from zeroshot.firmware.toolchain import Toolchain, find_toolchain
from zeroshot.firmware.verify import verify

from ..firmware_pairs import images, pair

SMALL = ("r8-s4-c3w6x1/2", "r8-s6-d3w8x1/2-b3w8x1")
NO_QEMU = not has_qemu()
# A board of each kind of core: none and all of the extensions.
BOARDS = [
    pytest.param(core, marks=[] if core in ("cortex-m3", "cortex-m55") else [pytest.mark.slow])
    for core in sorted(MACHINES)
]


@pytest.fixture(scope="module")
def cascade():
    return pair(*SMALL, thresholds=(30,) * 10)


@pytest.mark.skipif(NO_QEMU, reason="needs qemu-system-arm")
@pytest.mark.parametrize("core", BOARDS)
def test_every_board_agrees(core, cascade):
    pytest.importorskip("ziglang", reason="needs the mcu extra")
    for each in (cascade, pair("r6-s4-c3w6x1", "r8-s6-c3w8x1/2", shared=False)):
        given = images(each, 5)
        compare(core, reference_answers(each, given), qemu_answers(each, given, core, find_toolchain("zig")))


@pytest.mark.parametrize(
    ("core", "unicorn", "turns"), [("cortex-m55", True, True), ("cortex-m4", True, False), ("cortex-m4", False, True)]
)
def test_verification_turns_to_it_where_unicorn_is_not_enough(core, unicorn, turns, cascade, monkeypatch):
    asked = []

    def answers(cascade, given, core, toolchain):
        asked.append(core)
        return reference_answers(cascade, given)

    class RefusedError(Exception):
        pass

    def device(*_):
        raise RefusedError

    monkeypatch.setattr(verify_module, "qemu_answers", answers)
    monkeypatch.setattr(verify_module, "has_unicorn", lambda: unicorn)
    monkeypatch.setattr(verify_module, "has_qemu", lambda: True)
    monkeypatch.setattr(verify_module, "Device", device)
    monkeypatch.setattr(verify_module, "tflm_answers", lambda *_: None)
    tool = Toolchain("gcc", ("gcc",))
    if turns:
        found = verify(cascade, images(cascade, 2), cores=(core,), toolchain=tool, host=False)
        assert (asked, found.needs, found.equal) == ([core], (), (f"C on a {core} in QEMU, gcc",))
    else:
        with pytest.raises(RefusedError):
            verify(cascade, images(cascade, 2), cores=(core,), toolchain=tool, host=False)


def test_what_is_missing_is_named(cascade, monkeypatch):
    tool = Toolchain("gcc", ("gcc",))
    monkeypatch.setattr(verify_module, "has_qemu", lambda: False)
    with pytest.raises(ToolchainError, match="Only QEMU emulates a cortex-m55"):
        verify(cascade, images(cascade, 1), cores=("cortex-m55",), toolchain=tool, host=False)
    with pytest.raises(UsageError, match="Unknown core 'cortex-m0'"):
        qemu_answers(cascade, images(cascade, 1), "cortex-m0", tool)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolchainError, match="qemu-system-arm is not installed"):
        qemu_answers(cascade, images(cascade, 1), "cortex-m4", tool)


@pytest.mark.parametrize(
    ("does", "words"),
    [
        ("exit 3", "gave no answers"),
        ("echo bad >&2; touch answers.bin; exit 3", "failed: bad"),
        ("touch answers.bin", "answered 0 images of 2"),
    ],
)
def test_boards_that_fail(does, words, cascade, monkeypatch, tmp_path):
    """A program in QEMU's place that does so."""
    fake = tmp_path / "qemu-system-arm"
    fake.write_text(f"#!/bin/sh\n{does}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(fake))
    monkeypatch.setattr(qemu_module, "link", lambda *_: b"")
    with pytest.raises(VerifyError, match=words):
        qemu_answers(cascade, images(cascade, 2), "cortex-m4", Toolchain("gcc", ("gcc",)))
