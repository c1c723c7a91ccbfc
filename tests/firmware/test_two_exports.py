"""Two exports in one program, and several cascades of one export: none sees anything of another."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from zeroshot.firmware.answers import reference_answers
from zeroshot.firmware.c_cascade import cascade_sources
from zeroshot.firmware.decisions import decisions, newest
from zeroshot.firmware.toolchain import build_host

from ..firmware_pairs import images, pair
from ..streams import fed, samples_of

# One with all kernels, one with convolutions alone: with each other's they would not do.
EXPORTS = {"eye": ("r8-s4-c3w6x1/2", "r8-s6-d3w8x1/2-b3w8x1"), "ear": ("r6-s4-c3w6x1", "r6-s6-c3w8x1/2")}
BOTH = """
#include <stdio.h>
#include "eye.h"
#include "ear.h"
static int8_t eye_image[EYE_LITTLE_BYTES], ear_image[EAR_LITTLE_BYTES];
int main(void)
{
    eye_result of_eye;
    ear_result of_ear;
    while (fread(eye_image, 1, sizeof eye_image, stdin) && fread(ear_image, 1, sizeof ear_image, stdin)) {
        if (eye_predict(eye_image, &of_eye) || ear_predict(ear_image, &of_ear)) {
            return 1;
        }
        printf("%d %d %d %d\\n", of_eye.label, of_eye.escalated, of_ear.label, of_ear.escalated);
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def cascades():
    """Half of the images escalate."""
    made = {name: pair(*nets) for name, nets in EXPORTS.items()}
    gaps = {name: reference_answers(each, images(each, 20)).gap for name, each in made.items()}
    return {name: replace(each, thresholds=(int(np.median(gaps[name])) + 1,) * 10) for name, each in made.items()}


def run(program, given=b"", *arguments):
    done = subprocess.run([program, *arguments], input=given, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return [list(map(int, line.split())) for line in done.stdout.decode().splitlines()]


def test_both_answer_in_one_program(cascades, tmp_path):
    sources = {"main.c": BOTH}
    for name, cascade in cascades.items():
        written = cascade_sources(cascade, name)
        assert not set(written) & set(sources)  # both may lie in one folder
        sources |= written
    build_host(sources, tmp_path / "program", sanitize=False)
    given = [images(cascades[name], 6) for name in EXPORTS]
    raw = b"".join(eye.tobytes() + ear.tobytes() for eye, ear in zip(*(each.little for each in given), strict=True))
    expected = [reference_answers(cascades[name], each) for name, each in zip(EXPORTS, given, strict=True)]
    columns = [getattr(each, column) for each in expected for column in ("label", "escalated")]
    assert run(tmp_path / "program", raw) == np.stack(columns, axis=1).tolist()


@pytest.mark.skipif(not (shutil.which("gcc") and shutil.which("nm")), reason="needs gcc and nm")
def test_no_symbol_is_anybody_elses(cascades, tmp_path):
    """What a linker would take from the wrong archive."""
    for name, cascade in cascades.items():
        for path, text in cascade_sources(cascade, name).items():
            (tmp_path / path).write_text(text)
    for name in EXPORTS:
        objects = sorted(tmp_path.glob(f"{name}*.c"))
        subprocess.run(["gcc", "-c", *objects], cwd=tmp_path, check=True, timeout=60)
        listed = subprocess.run(
            ["nm", "-g", "--defined-only", *(each.stem + ".o" for each in objects)],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        symbols = [line.split()[2] for line in listed.splitlines() if len(line.split()) == 3]
        assert f"{name}_zs_run" in symbols
        assert [symbol for symbol in symbols if not symbol.startswith(f"{name}_")] == []


CONTEXTS = """
#include <stdio.h>
#include "cascade.h"
#define N 3
static int8_t image[CASCADE_LITTLE_BYTES];
static uint64_t memory[N][(CASCADE_ARENA_BYTES + 7) / 8];
static cascade_context contexts[N];
/* Every context gets every image; they escalate never, as exported, always. */
int main(void)
{
    const int thresholds[N] = {0, CASCADE_THRESHOLD, 256};
    cascade_result result;
    int i;
    for (i = 0; i < N; i++) {
        if (cascade_init_r(&contexts[i], memory[i]) || cascade_set_threshold_r(&contexts[i], thresholds[i])) {
            return 1;
        }
    }
    while (fread(image, 1, sizeof image, stdin) == sizeof image) {
        for (i = 0; i < N; i++) {
            if (cascade_predict_r(&contexts[i], image, &result)) {
                return 2;
            }
            printf("%d %d ", result.label, result.escalated);
        }
        printf("\\n");
    }
    for (i = 0; i < N; i++) {
        printf("%u %u ", (unsigned)cascade_count_r(&contexts[i]).calls,
               (unsigned)cascade_count_r(&contexts[i]).escalations);
    }
    return 0;
}
"""


def test_several_contexts_of_one_export(cascades, tmp_path):
    cascade = cascades["eye"]
    build_host(cascade_sources(cascade, "cascade") | {"main.c": CONTEXTS}, tmp_path / "program", sanitize=False)
    found = images(cascade, 20)
    expected = reference_answers(cascade, found)
    rows = [
        [little, 0, label, escalated, big, 1]
        for little, label, escalated, big in zip(
            expected.little_label, expected.label, expected.escalated, expected.big.argmax(axis=1), strict=True
        )
    ]
    assert 0 < expected.escalated.sum() < 20
    counts = [20, 0, 20, int(expected.escalated.sum()), 20, 20]
    assert run(tmp_path / "program", found.little.tobytes()) == [*rows, counts]


STREAMS = """
#include <stdio.h>
#include "cascade.h"
static int16_t samples[2][2000];
static uint64_t memory[2][(CASCADE_ARENA_BYTES + 7) / 8];
static cascade_context contexts[2];
int main(void)
{
    cascade_decision said;
    uint32_t at;
    int i;
    if (fread(samples, sizeof samples, 1, stdin) != 1) {
        return 1;
    }
    for (i = 0; i < 2; i++) {
        cascade_init_r(&contexts[i], memory[i]);
    }
    for (at = 0; at < 2000; at += 50) {
        for (i = 0; i < 2; i++) {
            if (cascade_feed_r(&contexts[i], samples[i] + at, 50, &said)) {
                printf("%d %u %d %d\\n", i, (unsigned)said.hop, said.label, (int)said.margin);
            }
        }
    }
    return 0;
}
"""


@pytest.mark.parametrize("smoothing", ["mean", pytest.param("majority", marks=pytest.mark.slow)])
def test_streams_side_by_side(smoothing, tmp_path):
    """Two microphones, fed in turn: each is told what it would be told alone."""
    cascade = fed("sound", smooth=3, smoothing=smoothing, limit=2)
    build_host(cascade_sources(cascade, "cascade") | {"main.c": STREAMS}, tmp_path / "program")
    both = [samples_of("sound", 2000, seed) for seed in (0, 1)]
    found = run(tmp_path / "program", np.stack(both).tobytes())
    for i, samples in enumerate(both):
        said = [each for _, each in newest(cascade.stream, decisions(cascade, samples), [50] * 40) if each]
        assert [row[1:] for row in found if row[0] == i] == [[d.hop, d.label, d.margin] for d in said]
        assert len({d.label for d in said}) > 1


BAD = """
#include <stdio.h>
#include "cascade.h"
static int8_t image[CASCADE_LITTLE_BYTES];
static uint8_t pixels[CASCADE_LITTLE_BYTES];
static uint64_t memory[(CASCADE_ARENA_BYTES + 7) / 8 + 1];
static cascade_context fresh, context;
int main(void)
{
    cascade_result result;
    printf("%d %d %d\\n", cascade_init_r(NULL, memory), cascade_init_r(&context, NULL),
           cascade_init_r(&context, (int8_t *)memory + 4));
    printf("%d\\n", cascade_predict_r(&context, image, &result)); /* refused just now */
    printf("%d %d %d\\n", cascade_predict_r(&fresh, image, &result), cascade_set_threshold_r(&fresh, 3),
           cascade_set_limit_r(&fresh, 3));
    printf("%d %d\\n", cascade_input_r(&fresh) == NULL, cascade_input_r(NULL) == NULL);
    printf("%d\\n", cascade_init_r(&context, memory));
    printf("%d %d %d\\n", cascade_predict_r(NULL, image, &result), cascade_predict_r(&context, NULL, &result),
           cascade_predict_r(&context, image, NULL));
    printf("%d %d\\n", cascade_predict(NULL, &result), cascade_predict(image, NULL));
    printf("%d %d\\n", cascade_quantise(NULL, image), cascade_quantise(pixels, NULL));
    printf("%u %u\\n", (unsigned)cascade_count_r(NULL).calls, (unsigned)cascade_count().calls);
    printf("%d %d %d\\n", cascade_predict_r(&context, image, &result), cascade_predict(image, &result),
           cascade_quantise(pixels, image));
    return 0;
}
"""


def test_what_is_no_memory_is_refused(cascades, tmp_path):
    build_host(cascade_sources(cascades["eye"], "cascade") | {"main.c": BAD}, tmp_path / "program", sanitize=False)
    no = -1
    assert run(tmp_path / "program") == [
        [no] * 3, [no], [no] * 3, [1, 1], [0], [no] * 3, [no] * 2, [no] * 2, [0, 0], [0, 0, 0],
    ]  # fmt: skip


def test_a_stream_without_samples(tmp_path):
    text = """
    #include <stdio.h>
    #include "cascade.h"
    int main(void)
    {
        static int16_t samples[CASCADE_HOP];
        cascade_decision said;
        printf("%u %u %u", (unsigned)cascade_feed(NULL, 5, &said), (unsigned)cascade_feed(samples, 5, NULL),
               (unsigned)cascade_feed_r(NULL, samples, 5, &said));
        return 0;
    }
    """
    build_host(cascade_sources(fed("sound"), "cascade") | {"main.c": text}, tmp_path / "program", sanitize=False)
    assert run(tmp_path / "program") == [[0, 0, 0]]
