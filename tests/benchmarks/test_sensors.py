"""What sensors.md says of stored answers: means, intervals and differences, from nets that were never trained."""

import numpy as np
import pytest
from scipy.stats import t

from benchmarks.journey.plan import Pick
from benchmarks.sensors import report, settings
from benchmarks.tasks.sensors import LOGS, OFFICIAL, SPEAKERS, unheard

from .journey_zoo import AT, N, both, save

LITTLE, BIG, SINGLE = "r16x20-s8/2-d3w8x1", "r16x20-s16/2-d3w16x1", "r16x20-s12/2-d3w12x1"
RIVAL = settings.rivals(OFFICIAL)["DS-CNN"]


def first(share):
    """Images with a high number, so that a net is right where it is sure."""
    return round((1 - share) * N) <= AT


def trained(zoo, task, accuracies, seeds=3):
    """Nets of a task that have these accuracies, more by a hundredth each seed."""
    for net, accuracy in accuracies.items():
        for seed in range(seeds):
            for form in (task, f"{task}-int8"):
                save(zoo, form, net, both(first(accuracy + seed / 100)), seed)


def cells(text, title, name):
    """The cells of a row of a table below a title."""
    below = text.split(f"## {title}\n")[1].split("\n## ")[0]
    (line,) = [line for line in below.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def planned(task):
    return [
        Pick(task, "pair 1", LITTLE, BIG), Pick(task, "single", SINGLE), Pick(task, "by hand, DS-CNN", RIVAL)
    ]  # fmt: skip


def test_rows_are_means_over_seeds_with_their_intervals(tmp_path):
    trained(tmp_path, OFFICIAL, {LITTLE: 0.8, BIG: 0.8, SINGLE: 0.7, RIVAL: 0.75})
    text = report.report(planned(OFFICIAL), tmp_path)
    title = "Spoken digits, the official split"
    macs = 80 * (27 * 12 + 9 * 12 + 12 * 12) + 12 * 10  # of the single net on 8x10 pixels
    assert round(macs / 1e6, 2) == 0.05
    half = 100 * t.ppf(0.9, 2) * np.std([0.01, 0.02, 0.03], ddof=1) / np.sqrt(3)
    assert cells(text, title, report.SINGLE)[2:] == [f"71.0 ± {half:.1f}", "0.05", "0.02", "–", "-5.0 ± 0.0"]
    # Both nets of the pair are right on the same images, so the rate does not matter.
    assert cells(text, title, report.PAIR)[2] == f"81.0 ± {half:.1f}"
    assert cells(text, title, report.PAIR)[6] == "+5.0 ± 0.0"
    assert cells(text, title, "DS-CNN")[4:] == ["1.00", "–", "–"]


def test_speakers_are_pooled_as_draws_and_what_is_not_trained_is_left_out(tmp_path):
    ahead = np.arange(1, 5) / 100  # of four of the six speakers
    for speaker, gain in zip(SPEAKERS, ahead, strict=False):
        trained(tmp_path, unheard(speaker), {LITTLE: 0.7 + gain, BIG: 0.7 + gain, RIVAL: 0.7}, seeds=1)
    text = report.report([pick for each in SPEAKERS for pick in planned(unheard(each))], tmp_path)
    half = 100 * t.ppf(0.9, 3) * ahead.std(ddof=1) / 2
    row = cells(text, report.POOLED, report.PAIR)
    assert (row[1], row[2], row[4]) == ("4 of 6", f"72.5 ± {half:.1f}", f"+2.5 ± {half:.1f}")
    assert report.SINGLE not in text
    assert SPEAKERS[-1] not in text


def test_rivals_cost_what_is_said_of_them():
    """2.7 M is of a stem of 10x4 taps, here it has 3x3."""
    assert settings.macs(OFFICIAL, RIVAL) == pytest.approx(settings.DS_CNN_MACS, rel=0.05)
    # Stem, strided convolution, the head at each of its 34 places (the tutorial's neurons see 32 x 64 values), classes.
    har = 67 * 9 * 64 + 34 * 3 * 64 * 64 + 34 * 64 * 100 + 100 * 4
    assert settings.macs(LOGS, settings.HAR_CNN) == har
    assert all(each.latency * 1e6 * settings.SHARE <= settings.DS_CNN_MACS * 1.001 for each in settings.SEARCHED)
