"""What a program may set while a cascade runs, on this machine with sanitizers: good values, bad ones, none at all."""

import subprocess

import pytest

from zeroshot.errors import ToolchainError
from zeroshot.firmware import qemu as qemu_module
from zeroshot.firmware.answers import compare, reference_answers
from zeroshot.firmware.c_cascade import cascade_sources
from zeroshot.firmware.emulate import DATA, Core
from zeroshot.firmware.qemu import MACHINES, has_qemu, qemu_answers
from zeroshot.firmware.toolchain import build_firmware, build_host, find_toolchain

from ..firmware_pairs import images, pair

CLASSES = 10
# Bounds, what is 0 or 256 as 16 bits, and the ends of an int.
BAD = (-1, -256, 257, 32767, 32768, 65535, 65536, 65792, -(2**31), 2**31 - 1)
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include "cascade.h"

/* Image on stdin; arguments are calls: "all T", "one LABEL T", "predict", "init". Prints status or escalation. */
int main(int argc, char **argv)
{
    static int8_t image[CASCADE_LITTLE_HEIGHT * CASCADE_LITTLE_WIDTH * CASCADE_CHANNELS];
    cascade_result result;
    int i;
    if (fread(image, 1, sizeof image, stdin) != sizeof image) {
        return 1;
    }
    for (i = 1; i < argc; i++) {
        switch (argv[i][0]) {
        case 'a': printf("%d\\n", cascade_set_threshold(atoi(argv[i + 1]))); i++; break;
        case 'o': printf("%d\\n", cascade_set_class_threshold(atoi(argv[i + 1]), atoi(argv[i + 2]))); i += 2; break;
        case 'i': cascade_init(); break;
        default: cascade_predict(image, &result); printf("%d\\n", result.escalated);
        }
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def cascade():
    return pair("r8-s4-c3w6x1/2", "r8-s6-c3w8x1/2", thresholds=tuple(range(3, 13)))


@pytest.fixture(scope="module")
def program(cascade, tmp_path_factory):
    out = tmp_path_factory.mktemp("settings") / "program"
    build_host(cascade_sources(cascade, "cascade") | {"main.c": MAIN}, out)
    return out


@pytest.fixture
def answer(cascade):
    """Label and gap of the little net for the first image."""
    found = reference_answers(cascade, images(cascade, 1))
    return int(found.little_label[0]), int(found.gap[0])


def run(program, cascade, *calls, image=0):
    words = [str(word) for call in calls for word in call.split()]
    given = images(cascade, image + 1).little[image].tobytes()
    done = subprocess.run([program, *words], input=given, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return [int(line) for line in done.stdout.split()]


def test_thresholds_decide(program, cascade, answer):
    _, gap = answer
    values = (0, gap, gap + 1, 255, 256)
    calls = [call for value in values for call in (f"all {value}", "predict")]
    assert run(program, cascade, "init", *calls) == [x for value in values for x in (0, int(gap < value))]


@pytest.mark.parametrize("before", [0, 256])
def test_thresholds_out_of_range_are_refused(program, cascade, before):
    calls = [call for value in BAD for call in (f"all {value}", "predict")]
    expected = [x for _ in BAD for x in (-1, int(before == 256))]
    assert run(program, cascade, "init", f"all {before}", *calls) == [0, *expected]


def test_a_threshold_of_one_class(program, cascade, answer):
    label, _ = answer
    calls = [f"one {label} 256", "predict", f"one {label} 0", "predict", f"one {(label + 1) % CLASSES} 256", "predict"]
    assert run(program, cascade, "init", *calls) == [0, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("label", [-1, CLASSES, CLASSES + 1, 65536, 2**31 - 1, -(2**31)])
def test_labels_that_no_class_has_are_refused(program, cascade, label):
    assert run(program, cascade, "init", "all 0", f"one {label} 256", "predict") == [0, -1, 0]


def test_bad_thresholds_of_one_class_are_refused(program, cascade, answer):
    label, _ = answer
    calls = [call for value in BAD for call in (f"one {label} {value}", "predict")]
    assert run(program, cascade, "init", "all 256", *calls) == [0, *(x for _ in BAD for x in (-1, 1))]


def test_no_init_is_needed(program, cascade):
    """Every image by a fresh start of the program, and by one that starts afresh itself."""
    given = images(cascade, 40)
    expected = reference_answers(cascade, given)
    assert 0 < expected.escalated.sum() < len(expected.escalated)
    for i, escalated in enumerate(expected.escalated.tolist()):
        assert run(program, cascade, "predict", "all 0", "init", "predict", image=i) == [escalated, 0, escalated]


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_no_init_is_needed_on_a_core(cascade, compiler):
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    try:
        toolchain = find_toolchain(compiler)
    except ToolchainError as error:
        pytest.skip(str(error))
    sources = cascade_sources(cascade, "cascade")
    core = Core(build_firmware(sources, ["cascade_predict"], "cortex-m4", toolchain), "cortex-m4")
    given = images(cascade, 10)
    for image, escalated in zip(given.little, reference_answers(cascade, given).escalated, strict=True):
        core.write(DATA + 64, image.tobytes())
        core.call("cascade_predict", DATA + 64, DATA)
        assert core.read(DATA + 5, 1)[0] == escalated


@pytest.mark.skipif(not has_qemu(), reason="needs qemu-system-arm")
@pytest.mark.parametrize(
    "board",
    [pytest.param(core, marks=[] if core == "cortex-m3" else [pytest.mark.slow]) for core in sorted(MACHINES)],
)
def test_no_init_is_needed_on_a_board(cascade, board, monkeypatch):
    pytest.importorskip("ziglang", reason="needs the mcu extra")
    real = qemu_module.host_main
    without = "        cascade_init();\n"
    assert without in real(cascade, "cascade")
    monkeypatch.setattr(qemu_module, "host_main", lambda *given: real(*given).replace(without, ""))
    one = images(cascade, 1)
    compare(board, reference_answers(cascade, one), qemu_answers(cascade, one, board, find_toolchain("zig")))
