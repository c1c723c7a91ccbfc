"""The kernels under flags that put code of the compiler's own into every function: canaries, profiling calls.

Safety standards ask for the former. Assembly that takes a function's registers for granted computes nonsense then.
"""

import pytest

from zeroshot.errors import ToolchainError
from zeroshot.firmware import device as device_module
from zeroshot.firmware import toolchain as toolchain_module
from zeroshot.firmware.answers import compare, reference_answers
from zeroshot.firmware.device import Device
from zeroshot.firmware.toolchain import find_toolchain

from ..firmware_pairs import images, pair

# What these flags call and read; linked only where it is called. Profiling calls may change every register that a
# function need not preserve, and these do.
SUPPORT = """
#include <stdint.h>
uint32_t __stack_chk_guard = 0x5afe00ffu;
uint32_t profiled;
void __stack_chk_fail(void) __attribute__((noreturn));
void __stack_chk_fail(void) { for (;;) { __builtin_trap(); } }
__attribute__((no_instrument_function)) void __cyg_profile_func_enter(void *function, void *caller);
__attribute__((no_instrument_function)) void __cyg_profile_func_exit(void *function, void *caller);
#define TOUCH __asm volatile("movs r0, #1\\n movs r1, #2\\n movs r2, #3\\n movs r3, #4\\n mov r12, r3" \\
                             ::: "r0", "r1", "r2", "r3", "r12", "cc")
void __cyg_profile_func_enter(void *function, void *caller) { (void)function; (void)caller; profiled++; TOUCH; }
void __cyg_profile_func_exit(void *function, void *caller) { (void)function; (void)caller; TOUCH; }
"""
# Flag -> the symbol that shows that it had an effect, and how zig is told, which refuses canaries without a C library.
FLAGS = {
    "-fstack-protector-all": ("__stack_chk_fail", ("-Xclang", "-stack-protector", "-Xclang", "3")),
    "-fstack-protector-strong": ("__stack_chk_fail", ("-Xclang", "-stack-protector", "-Xclang", "2")),
    "-finstrument-functions": ("__cyg_profile_func_enter", ("-finstrument-functions",)),
}


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
@pytest.mark.parametrize(
    ("flag", "level"),
    [
        ("-fstack-protector-all", "-O2"), ("-finstrument-functions", "-O2"),
        pytest.param("-fstack-protector-all", "-O0", marks=pytest.mark.slow),
        pytest.param("-finstrument-functions", "-O0", marks=pytest.mark.slow),
        pytest.param("-fstack-protector-strong", "-O2", marks=pytest.mark.slow),
        pytest.param("-fstack-protector-strong", "-O0", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_code_of_the_compilers_own_changes_no_logit(flag, level, core, compiler, monkeypatch):
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    try:
        found = find_toolchain(compiler)
    except ToolchainError as error:
        pytest.skip(str(error))
    real = device_module.cascade_sources
    monkeypatch.setattr(device_module, "cascade_sources", lambda *given: real(*given) | {"support.c": SUPPORT})
    symbol, of_zig = FLAGS[flag]
    flags = (*of_zig, "-fno-sanitize=undefined") if compiler == "zig" else (flag,)
    base = ("-std=c99", "-ffreestanding", "-fno-builtin", "-ffunction-sections", level)
    monkeypatch.setattr(toolchain_module, "FLAGS", (*base, *flags))
    cascade = pair("r10-s6-d3w9x1/2", "r10-s8/2-b3w8x1-m5e2w12x2", pixels=False)
    device, given = Device(cascade, core, found), images(cascade, 3)
    assert symbol in device.elf.symbols
    compare(f"C with {flag}", reference_answers(cascade, given), device.answers(given))
