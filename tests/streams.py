"""Tiny front ends, random pairs that are fed with samples, and what these decide the obvious way."""

from dataclasses import replace

import numpy as np

from zeroshot.cascade.policy import logit_gap
from zeroshot.firmware.stream import Stream
from zeroshot.frontend.features import features
from zeroshot.frontend.motion import motion_features
from zeroshot.frontend.options import FrontEnd, Motion, ScaledMotion, Scaling
from zeroshot.frontend.sensor import sensor_of
from zeroshot.int8.execute import quantize_pixels, run

from .firmware_pairs import pair

# Frames that overlap, that touch, with gaps between them; rows of words and of bytes; both types of output.
FRONT_ENDS = {
    "sound": FrontEnd(sample_rate=4000, frame_ms=10, hop_ms=5, window_ms=60, bands=8, highest_hz=1990),
    "cepstrum": FrontEnd(
        sample_rate=4000, frame_ms=8, hop_ms=8, window_ms=50, bands=9, coefficients=7, highest_hz=1990, output="int8"
    ),
    "relative": FrontEnd(
        sample_rate=4000,
        frame_ms=10,
        hop_ms=5,
        window_ms=60,
        bands=9,
        highest_hz=1990,
        output="int8",
        relative=True,
        span_db=45,
    ),
    "gaps": FrontEnd(sample_rate=4000, frame_ms=5, hop_ms=7, window_ms=60, bands=9, highest_hz=1990),
    "motion": ScaledMotion(
        Motion(axes=3, sample_rate=25.0, window_ms=480, hop_ms=200),
        Scaling((20_000, 30_000, 17_000), (16,) * 3),
        ("x[mg]", "y[mg]", "z[mg]"),
        (0.25, 0.25, 0.25),
    ),
    "axis": ScaledMotion(
        Motion(axes=1, sample_rate=25.0, window_ms=320, hop_ms=320, output="uint8"),
        Scaling((20_000,), (17,)),
        ("turn",),
        (1.0,),
    ),
}
NETS = ("s4-c3w6x1/2", "s6-d3w8x1/2-b3w8x1")


def fed(name, *, classes=5, seed=0, limit=0, threshold=None, bias=False, **stream):
    """A random pair that takes the pictures of a front end; without a threshold about half of them escalate.

    With a bias each class has one of up to 20 steps in each net, and the last class of the big net the largest.
    """
    sensor = sensor_of(FRONT_ENDS[name])
    height, width, channels = sensor.shape
    cascade = pair(*(f"r{height}x{width}-{each}" for each in NETS), channels, classes, seed=seed)
    rng = np.random.default_rng(seed)
    table = np.clip(np.arange(-128, 128) + rng.integers(-3, 4, (channels, 256)), -128, 127).astype(np.int8).T
    if threshold is None:
        pictures = sensor.pictures(samples_of(name, 2000, seed))
        gaps = logit_gap(run(cascade.little, quantize_pixels(table, pictures)).astype(int))
        threshold = int(np.median(gaps)) + 1
    little, big = (tuple(row) for row in rng.integers(-20, 21, (2, classes)).tolist()) if bias else ((), ())
    cascade = replace(cascade, little_bias=little, big_bias=(*big[:-1], 127) if bias else ())
    return replace(
        cascade, little_pixels=table, big_pixels=table, limit=limit, stream=Stream(sensor, **stream),
        thresholds=(threshold,) * classes,
    )  # fmt: skip


def samples_of(name, n, seed=0):
    """Noise whose level changes every 50 samples."""
    rng = np.random.default_rng(seed)
    axes = sensor_of(FRONT_ENDS[name]).axes
    levels = np.repeat(2.0 ** rng.uniform(3, 15, -(-n // 50)), 50)[:n, None]
    values = np.clip(rng.normal(0, 1, (n, axes)) * levels, -32768, 32767).astype(np.int16)
    return values[:, 0] if name in ("sound", "cepstrum", "relative", "gaps") else values


def pictures_by_window(front_end, samples):
    """(hop, picture) for each hop that ends a full window; pictures are (height, width, channels) int, 0 to 255."""
    options = front_end if isinstance(front_end, FrontEnd) else front_end.motion
    out, hop = [], 0
    while (hop + 1) * options.hop <= len(samples):
        hop += 1
        end = hop * options.hop
        if end < options.window:
            continue
        window = samples[end - options.window : end]
        if options is front_end:
            picture = features(options, window)
        else:
            picture = motion_features(options, front_end.scaling, window)
        out.append((hop, picture.astype(int) + (128 if options.output == "int8" else 0)))
    return out


def obvious_decisions(cascade, front_end, samples, every=1, smooth=1, smoothing="mean"):
    """(hop, label, margin, answer, escalated, capped) of each decision."""
    out, past, row = [], [], 0
    for hop, picture in pictures_by_window(front_end, samples)[::every]:
        values = [cascade.little_pixels[p, i % picture.shape[2]] for i, p in enumerate(picture.ravel())]
        image = np.array(values, np.int8).reshape(1, *picture.shape)
        logits = biased(run(cascade.little, image)[0], cascade.little_bias)
        answer = logits.index(max(logits))
        wanted = gap(logits) < cascade.thresholds[answer]
        capped = wanted and cascade.limit > 0 and row == cascade.limit
        escalated = wanted and not capped
        row = row + 1 if escalated else 0
        net = cascade.little
        if escalated:
            net = cascade.big
            logits = biased(run(net, image)[0], cascade.big_bias)
            answer = logits.index(max(logits))
        past.append((net, logits, answer))
        scores = scores_of(cascade, past[-smooth:], smoothing) if smooth > 1 else logits
        out.append((hop, scores.index(max(scores)), gap(scores), answer, bool(escalated), bool(capped)))
    return out


def biased(logits, bias):
    return [int(x) + (bias[i] if bias else 0) for i, x in enumerate(logits)]


def gap(scores):
    largest = sorted(scores)
    return largest[-1] - largest[-2]


def scores_of(cascade, past, smoothing):
    classes = range(cascade.little.classes)
    if smoothing == "majority":
        return [sum(answer == label for _, _, answer in past) for label in classes]
    widest = max(float(cascade.little.scale[-1]), float(cascade.big.scale[-1]))
    return [
        sum(max(1, round(float(net.scale[-1]) / widest * 2**14)) * logits[label] for net, logits, _ in past)
        for label in classes
    ]
