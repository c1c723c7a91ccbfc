"""The generated C, run on this machine with sanitizers and on emulated cores, against the integer reference.

The reference has oracles of its own (TFLite Micro); here C and Python share nothing but the packed weights.
"""

from dataclasses import replace

import numpy as np
import pytest

from zeroshot.errors import ToolchainError, UsageError, VerifyError
from zeroshot.firmware import host as host_module
from zeroshot.firmware.answers import Images, compare, reference_answers
from zeroshot.firmware.c_cascade import Cascade
from zeroshot.firmware.c_model import kernel_config
from zeroshot.firmware.device import NAME, Device
from zeroshot.firmware.emulate import DATA
from zeroshot.firmware.host import host_answers
from zeroshot.firmware.isa import RISCV
from zeroshot.firmware.pack import pack
from zeroshot.firmware.toolchain import CORES, find_toolchain
from zeroshot.int8.arithmetic import requantisation
from zeroshot.net import ADD

from ..firmware_pairs import ODD, drawn_pair, images, pair

SMALL = ("r10-s6-d3w9x1/2", "r10-s8/2-b3w8x1-m5e2w12x2")


@pytest.fixture(scope="session")
def toolchain():
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    try:
        return find_toolchain()
    except ToolchainError as error:
        pytest.skip(str(error))


def host_agrees(cascade, n=5):
    given = images(cascade, n)
    found, sanitized = host_answers(cascade, given)
    compare("C on this machine", reference_answers(cascade, given), found)
    return found, sanitized


@pytest.mark.parametrize(
    ("little", "big", "channels", "classes"),
    [pytest.param(*each, marks=() if i in (1, 4, 7) else pytest.mark.slow) for i, each in enumerate(ODD)],
)
def test_odd_shapes_on_this_machine(little, big, channels, classes):
    cascade = pair(little, big, channels, classes, shared=little.split("-")[0] == big.split("-")[0])
    host_agrees(cascade)


def test_inputs_of_two_sizes_and_escalations_of_both_kinds():
    cascade = pair("r10-s6-c3w9x1/2", "r14-s8/2-c3w10x2", shared=False)
    middle = int(np.median(reference_answers(cascade, images(cascade, 40)).gap)) + 1
    cascade = replace(cascade, thresholds=(middle,) * 10)
    found, _ = host_agrees(cascade, 40)
    assert 5 <= found.escalated.sum() <= 35
    assert (found.label[found.escalated == 0] == found.little_label[found.escalated == 0]).all()


def unusual(cascade):
    """The same pair with one layer whose scales the fast requantisation does not serve."""
    big = cascade.big
    weights, scale, bias = big.weights[0].copy(), big.weight_scale[0].copy(), big.bias[0].copy()
    weights[0] = np.sign(weights[0])
    scale[0], bias[0] = 2.0 * big.scale[1] / big.scale[0], 5
    weights[1] = np.sign(weights[1])
    scale[1], bias[1] = 0.7 * big.scale[1] / big.scale[0], -3
    scale[2] *= 2.0**-24
    changed = replace(
        big, weights=(weights, *big.weights[1:]), weight_scale=(scale, *big.weight_scale[1:]),
        bias=(bias, *big.bias[1:]),
    )  # fmt: skip
    assert not pack(changed)[0].fast
    return replace(cascade, big=changed)


def with_an_operand_too_small_to_count(cascade):
    """The same pair, the first addition of the big net with one operand whose scale is next to nothing."""
    big = cascade.big
    row = int(np.flatnonzero(big.table.column("op") == ADD)[0])
    source = int(big.table.column("source")[row])
    scale, kernel = big.scale.copy(), big.weight_scale[source] * np.float32(1e-11)
    scale[source + 1] *= np.float32(1e-11)
    its = (*big.weight_scale[:source], kernel, *big.weight_scale[source + 1 :])
    changed = replace(big, scale=scale, weight_scale=its)
    assert requantisation(changed, row).multiplier[0] == 0
    return replace(cascade, big=changed)


def test_unusual_scales_take_the_general_form():
    cascade = unusual(pair(*SMALL))
    assert "ZS_ANY_SCALE 1" in kernel_config((cascade.little, cascade.big))
    assert "ZS_ANY_SCALE 0" in kernel_config((cascade.little,))
    assert "ZS_THREE_TAPS 0" in kernel_config((cascade.little, cascade.big))
    host_agrees(with_an_operand_too_small_to_count(cascade))


def zig_for(core, toolchain):
    """Zig alone compiles for RISC-V."""
    if core == RISCV and toolchain.name != "zig":
        pytest.skip("needs ziglang")


@pytest.mark.parametrize("core", [*sorted(CORES), RISCV])
def test_every_core_agrees(core, toolchain):
    zig_for(core, toolchain)
    cascade = pair(*SMALL)
    device, given = Device(cascade, core, toolchain), images(cascade, 6)
    compare(core, reference_answers(cascade, given), device.answers(given))
    device.check_pixels()
    if core not in ("cortex-m4", RISCV):
        return
    for other in (unusual(cascade), with_an_operand_too_small_to_count(cascade)):
        compare(core, reference_answers(other, given), Device(other, core, toolchain).answers(given))


@pytest.mark.parametrize("which", [(0, 2, 7), pytest.param((1, 4), marks=pytest.mark.slow)])
def test_odd_shapes_with_dsp_instructions(which, toolchain):
    for little, big, channels, classes in (ODD[i] for i in which):
        cascade = pair(little, big, channels, classes, shared=little.split("-")[0] == big.split("-")[0])
        given = images(cascade, 3)
        compare("M4", reference_answers(cascade, given), Device(cascade, "cortex-m4", toolchain).answers(given))


@pytest.fixture(scope="module")
def device(toolchain):
    return Device(pair(*SMALL, thresholds=(20,) * 10), "cortex-m4", toolchain)


def test_what_it_needs(device):
    given = images(device.cascade, 1)
    device.core.write(0x20000000, device.core.read(0x20000000, 16))
    needs = device.needs(given)
    plan = device.cascade.plan()
    assert (len(needs.little), len(needs.big)) == (len(device.cascade.little.weights), len(device.cascade.big.weights))
    assert plan.bytes <= needs.arena <= plan.bytes + 8
    # The kernels write up to the end of the plan, but for padding of the highest tensor.
    assert 0.95 * plan.bytes <= needs.touched <= plan.bytes
    assert 0 < needs.stack < 1024
    assert needs.code <= 8192
    assert needs.static < needs.arena + 128
    weights = sum(layer.bytes for net in (device.cascade.little, device.cascade.big) for layer in pack(net))
    assert weights < needs.constants < weights + 56 * (len(needs.little) + len(needs.big)) + 2048
    again = device.needs(given)
    assert (again.little, again.big, again.decision) == (needs.little, needs.big, needs.decision)


def predict(device, i=0):
    """(escalated, capped) of one image, counters afterwards."""
    given = images(device.cascade, i + 1)
    device.core.call(f"{NAME}_predict", *device.load(given.little[i], given.big[i]))
    result = device.core.read(DATA, 7)
    device.core.call(f"{NAME}_count", DATA + 64)
    return (result[5], result[6]), tuple(np.frombuffer(device.core.read(DATA + 64, 12), np.uint32).tolist())


def test_thresholds_limit_and_counters_at_run_time(device):
    device.core.call(f"{NAME}_init")
    device.core.call(f"{NAME}_set_threshold", 256)
    assert predict(device) == ((1, 0), (1, 1, 0))
    device.core.call(f"{NAME}_set_limit", 2)
    flags = [predict(device)[0] for _ in range(7)]
    assert flags == [(1, 0), (1, 0), (0, 1), (1, 0), (1, 0), (0, 1), (1, 0)]
    assert predict(device)[1] == (9, 7, 2)
    device.core.call(f"{NAME}_set_threshold", 0)  # a sure answer starts the row afresh
    assert predict(device)[0] == (0, 0)
    device.core.call(f"{NAME}_set_threshold", 256)
    assert [predict(device)[0] for _ in range(3)] == [(1, 0), (1, 0), (0, 1)]
    device.core.call(f"{NAME}_init")
    assert predict(device)[1][0] == 1


def test_an_image_in_its_place_is_not_copied(device):
    given = images(device.cascade, 1)
    device.core.call(f"{NAME}_init")
    device.core.call(f"{NAME}_set_threshold", 0)
    at = device.core.call(f"{NAME}_input")
    device.core.write(at, given.little[0].tobytes())
    inside = device.core.counted(f"{NAME}_predict", at, DATA)
    logits = device.core.read(DATA + 7, 10)
    outside = device.core.counted(f"{NAME}_predict", *device.load(given.little[0], given.big[0]))
    assert device.core.read(DATA + 7, 10) == logits
    assert outside.total > inside.total + given.little[0].size


def test_faults_are_errors(device):
    with pytest.raises(VerifyError, match="emulated core failed in cascade_predict"):
        device.core.call(f"{NAME}_predict", 0x70000000, DATA)
    with pytest.raises(VerifyError, match="no symbol nonsense"):
        device.core.call("nonsense")


def test_pairs_that_are_no_cascade():
    good = pair(*SMALL)
    other = pair(*SMALL, classes=9)
    with pytest.raises(UsageError, match="10 and 9 classes"):
        Cascade(good.little, other.big, (1,) * 10)
    for thresholds in ((1,) * 9, (257,) * 10, (-1,) * 10):
        with pytest.raises(UsageError, match="Thresholds are 10 integers"):
            replace(good, thresholds=thresholds)
    one = pair(*SMALL, classes=2)
    net = replace(one.little, classes=1, **_last_row_of_one_class(one.little))
    with pytest.raises(UsageError, match="one class"):
        Cascade(net, net, (1,))
    with pytest.raises(UsageError, match="table of pixels"):
        replace(good, little_pixels=np.zeros((255, 3), np.int8))


def _last_row_of_one_class(net):
    return {
        name: (*getattr(net, name)[:-1], getattr(net, name)[-1][:1]) for name in ("weights", "weight_scale", "bias")
    }


def test_images_that_do_not_fit():
    cascade = pair(*SMALL)
    good = images(cascade, 2)
    for bad in (
        Images(good.little[:0], good.big[:0]), Images(good.little[:1], good.big), Images(good.little + 1, good.big),
        Images(good.little.astype(np.int16), good.big), Images(good.little[:, :4], good.big),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            host_answers(cascade, bad)


def test_a_hook_may_run_layers_itself(monkeypatch):
    """As a user does who links other kernels: this one runs poolings and nothing else."""
    hook = """
    #include "cascade_kernels.h"
    int my_layer(const zs_layer *layer, int8_t *arena) {
        int i, c, pixels = layer->height * layer->width;
        if (layer->kernel != zs_pool) { return 0; }
        for (c = 0; c < layer->channels; c++) {
            int sum = 0;
            for (i = 0; i < pixels; i++) { sum += arena[layer->input + i * layer->channels + c]; }
            arena[layer->output + c] = (int8_t)(%s);
        }
        return 1;
    }
    """
    right = "sum > 0 ? (sum + pixels / 2) / pixels : -((pixels / 2 - sum) / pixels)"
    cascade, real = pair(*SMALL), host_module.cascade_sources
    for formula in (right, "0"):

        def hooked(cascade, name, formula=formula):
            sources = real(cascade, name)
            header = "#define ZS_HOOK my_layer\n" + sources["cascade_kernels.h"]
            return sources | {"cascade_kernels.h": header, "hook.c": hook % formula}

        monkeypatch.setattr(host_module, "cascade_sources", hooked)
        if formula == right:
            host_agrees(cascade)
        else:  # or the hook was never asked
            with pytest.raises(VerifyError, match="differs"):
                host_agrees(cascade)


def pairs_agree(n, seed, most, toolchain):
    """Both on this machine, sanitized, and on a core: every second one with DSP instructions, the rest without."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        cascade = drawn_pair(rng, most)
        given = images(cascade, 3)
        expected = reference_answers(cascade, given)
        compare(f"pair {i}", expected, host_answers(cascade, given)[0])
        core = ("cortex-m4", "cortex-m0plus", "cortex-m33", "cortex-m3")[i % 4]
        compare(f"pair {i} on {core}", expected, Device(cascade, core, toolchain).answers(given))


def test_a_random_pair_of_the_space(toolchain):
    pairs_agree(1, 1, 400_000, toolchain)


@pytest.mark.slow
def test_fifty_random_pairs_of_the_space(toolchain):
    pairs_agree(50, 0, 2_000_000, toolchain)


@pytest.mark.slow
def test_random_pairs_on_risc_v(toolchain):
    zig_for(RISCV, toolchain)
    rng = np.random.default_rng(5)
    for i in range(25):
        cascade = drawn_pair(rng, 1_000_000)
        given = images(cascade, 3)
        answers = Device(cascade, RISCV, toolchain).answers(given)
        compare(f"pair {i} on {RISCV}", reference_answers(cascade, given), answers)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "classes", "most"),
    [
        ("r32-s16-b3w16x1-b3w32x1/2-b3w64x1/2", 10, 15.5e6),
        ("r96-s8/2-d3w16x1-d3w32x1/2-d3w32x1-d3w64x1/2-d3w64x1-d3w128x1/2-d3w128x5-d3w256x1/2-d3w256x1", 2, 14.5e6),
    ],
)
def test_instructions_of_the_reference_nets(spec, classes, most, toolchain):
    """On a Cortex-M4; TFLite Micro with CMSIS-NN needs 29.9 and 24.2 million there."""
    cascade = pair(spec, spec, 3, classes)
    needs = Device(cascade, "cortex-m4", toolchain).needs(images(cascade, 1))
    assert sum(needs.little) < most
    assert needs.code <= 8192
