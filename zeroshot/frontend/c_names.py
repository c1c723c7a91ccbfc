"""Which names generated C may have: prefixes of functions, of files, of macros and of targets of build systems."""

import re

from zeroshot.errors import UsageError

LONGEST = 31  # characters of a name: C99 promises to tell no more apart in external names
KEYWORDS = """alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const
consteval constexpr constinit continue decltype default delete do double dynamic_cast else enum explicit export extern
false float for friend goto if import inline int long module mutable namespace new noexcept not not_eq nullptr operator
or or_eq private protected public register reinterpret_cast requires restrict return short signed sizeof static
static_assert static_cast struct switch template this thread_local throw true try typedef typeid typename typeof union
unsigned using virtual void volatile while xor xor_eq"""
# Files of these names would be found in place of the standard's, a C library's, or the Arduino core's (where the file
# system does not tell capitals apart).
HEADERS = """assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg
stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype
alloca dirent elf endian fcntl features getopt glob malloc memory newlib poll process pthread regex reent sched search
semaphore strings unistd utime arm_acle arm_math arm_mve arm_neon arm_nnfunctions arduino binary client eeprom print
printable server servo spi stream udp wifi wire wstring"""
# main.c is the export's own; the others are reserved in CMake, libraries of a C compiler, options of Zephyr or files
# that Windows does not let be.
TAKEN = """main kernels all clean depend help install package test c g gcc m nosys rdimon stdc adc audio bluetooth bt
can crypto dac display dma flash fpu gpio i2c input kernel led log mpu net pm pwm rtc sensor serial shell smp timer uart
usb userspace watchdog aux con nul prn com1 com2 com3 com4 lpt1 lpt2 lpt3 lpt4"""
# What an export gives its own files, and what POSIX keeps for types.
ENDINGS = ("_little", "_big", "_kernels", "_one", "_names", "_sound", "_motion", "_r", "_t")


def check_prefix(name: str) -> None:
    """Insist on a name that works as a prefix of C functions and files.

    Raises:
        UsageError: It does not; the message says why.
    """
    why = _against(name)
    if why:
        raise UsageError(
            f"{name!r} cannot be the prefix of C functions: {why}.",
            f"Use lower-case letters, digits and underscores, {LONGEST} at most, starting with a letter, and a word of "
            f"your own: cascade, front_door.",
        )


def _against(name: str) -> str:
    """What speaks against a name; empty where nothing does."""
    if len(name) > LONGEST or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return "it is no identifier of that kind"
    for words, why in (
        (KEYWORDS, "it is a keyword of C or C++"),
        (HEADERS, f"{name}.h would take the place of a header of that name"),
        (TAKEN, "compilers, build systems or the export itself use this name"),
    ):
        if name in words.split():
            return why
    if name == "zs" or name.startswith("zs_"):
        return "what begins with zs_ is the kernels' own"
    ending = next((each for each in ENDINGS if name.endswith(each)), None)
    return f"names that end in {ending} are taken" if ending else ""
