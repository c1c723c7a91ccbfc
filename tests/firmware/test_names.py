"""Names: which an export may have, what it calls classes and constants, and what its files say of their origin."""

import importlib.util
import io
import keyword
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot import __version__
from zeroshot.errors import UsageError
from zeroshot.firmware.c_cascade import Cascade, cascade_sources
from zeroshot.firmware.c_constants import c_float
from zeroshot.firmware.project import project_files
from zeroshot.firmware.toolchain import build_host
from zeroshot.frontend.c_names import check_prefix
from zeroshot.frontend.c_source import frontend_c
from zeroshot.frontend.c_text import c_string
from zeroshot.frontend.options import FrontEnd

from ..firmware_pairs import images, pair
from ..strategies import examples
from ..streams import fed

SMALL = ("r8-s4-c3w6x1/2", "r8-s6-c3w8x1/2")
BAD = {
    "keyword": (
        "int",
        "inline",
        "restrict",
        "class",
        "namespace",
        "template",
        "new",
        "this",
        "bool",
        "and",
        "constexpr",
    ),
    "header": ("stdint", "stdio", "string", "math", "stdbool", "unistd", "arm_acle", "arduino", "wire"),
    "use this name": ("kernels", "main", "test", "all", "c", "m", "con", "nul", "sensor", "kernel"),
    "_t are taken": ("int8_t", "size_t", "eye_t"),
    "_little are taken": ("eye_little",),
    "_kernels are taken": ("eye_kernels",),
    "zs_": ("zs", "zs_eye"),
    "no identifier": ("", "1eye", "my-eye", "Eye", "a" * 32, "eye.c", "../eye", "é", "eye\n", "_eye"),
}


@pytest.mark.parametrize(("why", "name"), [(why, name) for why, names in BAD.items() for name in names])
def test_names_that_would_not_compile_are_refused(why, name):
    with pytest.raises(UsageError, match=f"cannot be the prefix of C functions: .*{why}") as caught:
        check_prefix(name)
    assert "cascade" in caught.value.hint


def test_what_python_calls_a_keyword_is_no_matter():
    assert keyword.iskeyword("lambda")
    for name in ("lambda", "cascade", "eye_2", "a" * 31, "front_door", "words"):
        check_prefix(name)


@examples(100)
@given(st.text())
def test_strings_of_c_read_back(text):
    """By Python's own reader of octal escapes, which are C's."""
    raw = text.encode("utf-8", errors="replace")
    written = c_string(text)
    assert "??" not in written
    assert written.isascii()
    assert written.isprintable()
    inside = written[1:-1].replace("\\?", "?")
    assert inside.encode().decode("unicode_escape").encode("latin-1") == raw


NAMES = ('say "cat"', "back\\slash", "what??/now", "größe", "猫", "tab\there", "7", "", "/* x */", "line\nbreak")
PRINT = """
#include <stdio.h>
#include "cascade.h"
int main(void)
{
    int i;
    for (i = 0; i < CASCADE_CLASSES; i++) {
        fputs(cascade_class_names[i], stdout);
        putchar(0);
    }
    printf("%.9g %d %.9g %d %d", CASCADE_LITTLE_INPUT_SCALE, CASCADE_LITTLE_INPUT_ZERO, CASCADE_BIG_OUTPUT_SCALE,
           CASCADE_BIG_OUTPUT_ZERO, CASCADE_THRESHOLD);
    printf(" %d %d %d", CASCADE_LITTLE_BYTES, CASCADE_BIG_BYTES, CASCADE_LIMIT);
    return 0;
}
"""


def test_class_names_and_constants_are_the_nets(tmp_path):
    cascade = replace(pair(*SMALL, thresholds=(7,) * 10), class_names=NAMES, limit=4)
    build_host(cascade_sources(cascade, "cascade") | {"main.c": PRINT}, tmp_path / "program", sanitize=False)
    said = subprocess.run([tmp_path / "program"], capture_output=True, check=True, timeout=60).stdout
    *names, rest = said.decode().split("\0")
    assert tuple(names) == NAMES
    in_scale, in_zero, out_scale, out_zero, *others = rest.split()
    little, big = cascade.little, cascade.big
    assert (np.float32(in_scale), np.float32(out_scale)) == (little.scale[0], big.scale[-1])
    assert (int(in_zero), int(out_zero)) == (little.zero[0], big.zero[-1])
    assert list(map(int, others)) == [7, 8 * 8 * 3, 8 * 8 * 3, 4]


def test_trigraphs_stay_what_they_are(tmp_path):
    """Where a compiler reads them, as in strict C99."""
    cascade = replace(pair(*SMALL), class_names=NAMES)
    (tmp_path / "names.c").write_text(cascade_sources(cascade, "cascade")["cascade_names.c"])
    (tmp_path / "cascade.h").write_text("#define CASCADE_CLASSES 10\n")
    done = subprocess.run(
        ["gcc", "-std=c99", "-pedantic", "-Wall", "-Wtrigraphs", "-Werror", "-c", "names.c"], cwd=tmp_path, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("value", [0.1, 1.0, 3.4e38, 1.2e-38, 0.013190112])
def test_floats_read_back(value):
    single = np.float32(value)
    assert np.float32(c_float(float(single)).removesuffix("f")) == single


def test_names_must_be_one_a_class():
    cascade = pair(*SMALL)
    assert isinstance(cascade, Cascade)
    assert cascade.names == tuple("0123456789")
    with pytest.raises(UsageError, match="3 names of 10 classes"):
        replace(cascade, class_names=("a", "b", "c"))


def test_every_file_says_what_made_it():
    pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")
    for cascade in (pair(*SMALL), fed("sound", smooth=2)):
        files = project_files(cascade, images(cascade, 1), "eye")
        archive = zipfile.ZipFile(io.BytesIO(files.pop("eye-arduino.zip")))
        files |= {f"zip/{path}": archive.read(path) for path in archive.namelist()}
        for path, raw in files.items():
            if path.endswith(".tflite"):
                assert __version__.encode() in raw
                continue
            text = raw.decode()
            assert text.count("SPDX-License-Identifier: Apache-2.0") == 1, path
            assert f"Made by zeroshot {__version__}" in text, path
            if not path.endswith(".md"):
                assert "SPDX" in text.splitlines()[0], path
    for text in frontend_c(FrontEnd()).values():
        assert text.startswith("/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by zeroshot")


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="needs the mcu extra")
def test_headers_are_c_plus_plus_too(tmp_path):
    for path, text in cascade_sources(replace(pair(*SMALL), frame=(20, 30)), "cascade").items():
        (tmp_path / path).write_text(text)
    (tmp_path / "use.cpp").write_text(
        '#include "cascade.h"\n#include "cascade_kernels.h"\n'
        "static cascade_context mine;\nconst char *first() { return cascade_class_names[0]; }\n"
        "int begin(void *memory) { return cascade_init_r(&mine, memory); }\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "ziglang", "c++", "-Wall", "-Wextra", "-Werror", "-c", "use.cpp"], cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
