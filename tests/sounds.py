"""Front ends, sounds and C programs around them, for the tests of the front end."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speech import spoken_digits
from zeroshot.frontend.features import frame_features
from zeroshot.frontend.options import FrontEnd

# All lengths of the FFT, radix 2 and 4 first, padded and full, hops longer than a frame, rows of words and of bytes.
FRONT_ENDS = {
    "default": FrontEnd(),
    "coefficients": FrontEnd(frame_ms=25, hop_ms=10, coefficients=13, output="int8"),
    "speech": FrontEnd(sample_rate=8000, frame_ms=25, hop_ms=10, bands=20, output="int8"),
    "relative": FrontEnd(sample_rate=8000, frame_ms=16, hop_ms=16, bands=11, window_ms=300, relative=True),
    "gaps": FrontEnd(sample_rate=8000, frame_ms=8, hop_ms=11, bands=9, window_ms=200),
    "shortest": FrontEnd(sample_rate=4000, frame_ms=5, hop_ms=5, bands=8, highest_hz=1990, window_ms=5, coefficients=8),
    "long": FrontEnd(frame_ms=60, hop_ms=30, bands=64, lowest_db=-90, highest_db=-40),
    "longest": FrontEnd(sample_rate=44100, frame_ms=46.4, hop_ms=23, bands=128, coefficients=30, output="int8"),
}

MAIN = """
#include "frontend.h"
#include <stdio.h>
#include <stdlib.h>

static void push_in_pieces(frontend_stream *stream, const int16_t *samples, uint32_t piece, int32_t *scratch)
{
    uint32_t before, part;
    for (before = 0; before < FRONTEND_HOP; before += part) {
        part = FRONTEND_HOP - before < piece ? FRONTEND_HOP - before : piece;
        frontend_add(stream, samples + before, part, before, scratch);
    }
}

int main(int count, char **words)
{
    static frontend_stream stream;
    static int32_t scratch[FRONTEND_SCRATCH_WORDS];
    static int16_t samples[FRONTEND_FRAME > FRONTEND_HOP ? FRONTEND_FRAME : FRONTEND_HOP];
    %(type)s row[FRONTEND_WIDTH];
    if (count == 2) { /* frames to rows */
        while (fread(samples, 2, FRONTEND_FRAME, stdin) == FRONTEND_FRAME) {
            frontend_features(samples, row, scratch);
            fwrite(row, 1, FRONTEND_WIDTH, stdout);
        }
        return 0;
    }
    frontend_reset(&stream, scratch); /* hops to maps */
    while (fread(samples, 2, FRONTEND_HOP, stdin) == FRONTEND_HOP) {
        if (count > 2) { /* hops in pieces of so many samples */
            push_in_pieces(&stream, samples, (uint32_t)atoi(words[2]), scratch);
        } else {
            frontend_push(&stream, samples, scratch);
        }
        fwrite(frontend_map(&stream), 1, FRONTEND_MAP_BYTES, stdout);
    }
    return 0;
}
"""


def frames_of(front_end, samples):
    """(frames, frame), a copy."""
    starts = np.arange(0, len(samples) - front_end.frame + 1, front_end.hop)
    return samples[starts[:, None] + np.arange(front_end.frame)]


def hardest_frames(front_end):
    """(n, frame) int16 that make values large: constants, square waves in step with each bin, impulses, noise."""
    n, rng = front_end.frame, np.random.default_rng(0)
    at = np.arange(n)
    waves = [
        np.where(np.cos(2 * np.pi * k * at / front_end.fft + phase) >= 0, 32767, -32768)
        for k in np.unique(np.linspace(0, front_end.fft // 2, 130).astype(int))
        for phase in (0.0, 0.7, np.pi / 2, 2.5)
    ]
    impulses = [np.where(at == place, -32768, 0) for place in (0, 1, n // 2, n - 1)]
    constants = [np.full(n, value) for value in (-32768, 32767, 0, 1, -1)]
    noises = [rng.integers(-(2**bits), 2**bits, n) for bits in (0, 1, 2, 4, 8, 12, 15)]
    return np.array([*waves, *impulses, *constants, *noises]).astype(np.int16)


def rows_of(front_end, frames):
    """What each of some frames gives, (n, width)."""
    side_by_side = replace(front_end, hop_ms=1000 * front_end.frame / front_end.sample_rate)
    return frame_features(side_by_side, frames.ravel())


def run(program, samples, *words):
    """What a program writes."""
    done = subprocess.run([program, *words], input=samples.tobytes(), capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="session")
def speech():
    """The test split of the spoken digits: a list of (n,) int16 at 8 kHz."""
    root = os.environ.get("ZEROSHOT_DATA")
    if not root:
        pytest.skip("ZEROSHOT_DATA is not set: no spoken digits")
    archive = Path(root) / "audio" / "fsdd.tar.xz"
    if not archive.is_file():
        pytest.skip(f"{archive} does not exist: no spoken digits")
    return spoken_digits(archive)
