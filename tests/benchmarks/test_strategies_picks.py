"""What survives training: which nets are trained, and gains by hand from answers of nets that never were."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import zeroshot
from benchmarks.journey.plan import Pick, searched
from benchmarks.journey.settings import SETTINGS
from benchmarks.strategies import picks as picking
from benchmarks.strategies.survival import BASE, RESAMPLES, chapter, survival, trained
from benchmarks.tasks.data import TASKS

from .journey_zoo import AT, both, save

FAST, SLOW, OTHER = "r16-s8/2-d3w16x1/2", "r24-s16/2-d3w24x1/2", "r24-s16/2-d3w32x1/2"
EVOLVED = picking.name_of("evolution", 1000)
DRAWN = Pick("cifar10-60ms", "pair 1", FAST, SLOW, expected=0.60, rate=0.5, strategy=BASE)
BRED = replace(DRAWN, big=OTHER, expected=0.68, strategy=EVOLVED)
ALONE = Pick("cifar10-60ms", "single", OTHER, expected=0.65, strategy=EVOLVED)

NOTHING = SimpleNamespace(pairs=())


@pytest.fixture
def zoo(tmp_path):
    """The little net is never right, and always unsure; both big ones are right on some of the rest."""
    save(tmp_path, "cifar10", FAST, both(AT < 0))
    save(tmp_path, "cifar10", SLOW, both(AT < 200))
    save(tmp_path, "cifar10", OTHER, both(AT < 260))
    return tmp_path


def test_each_net_is_trained_once_by_the_short_recipe_and_those_of_first_pairs_first():
    second = replace(DRAWN, role="pair 2", little="r8-s8/2-d3w16x1")
    nets = picking.plan([ALONE, second, BRED, DRAWN])
    assert [each.net for each in nets] == [FAST, OTHER, SLOW, "r8-s8/2-d3w16x1"]
    assert {each.task.recipe for each in nets} == {TASKS["cifar10"].recipe}
    assert TASKS["cifar10"].recipe.epochs == 5  # of which the constants are


def test_expectations_are_of_the_recipe_that_picks_are_trained_by(monkeypatch):
    """The journey's searches expect what its own, longer trainings reach."""
    asked = []
    monkeypatch.setitem(TASKS, "cifar10", replace(TASKS["cifar10"], make=lambda: None))
    monkeypatch.setattr(zeroshot, "search", lambda *_, **options: asked.append(options["epochs"]) or NOTHING)
    monkeypatch.setattr(picking, "single_pick", lambda *_: [ALONE])
    picking.picks()
    assert set(asked) == {5}
    searched(SETTINGS[0], None)
    assert asked[-1] == 20


def test_gains_are_paired_by_budget_and_rank_and_those_that_lack_a_rival_do_not_count(zoo):
    lone = replace(BRED, setting="cifar10-25ms")
    found = trained([DRAWN, BRED, ALONE, lone], zoo)
    assert [one.pick for one in found] == [DRAWN, BRED, ALONE, lone]
    expected, means = survival(found, EVOLVED)
    assert expected == pytest.approx([0.08])
    assert means.shape == (1 + RESAMPLES, 2)
    assert means[0] == pytest.approx([0.08, 0.06])  # of the 1,000 images, 60 more are right
    # The only pair is drawn each time; images vary with the deviation of a binomial count.
    assert means[1:, 0] == pytest.approx(np.full(RESAMPLES, 0.08))
    assert means[1:, 1].std() == pytest.approx(np.sqrt(0.06 * 0.94 / 1000), rel=0.1)
    assert survival(found, picking.name_of("random", 10_000)) is None


def test_the_chapter_has_every_trained_pick_and_what_survives(zoo):
    untrained = replace(DRAWN, role="pair 2", big="r8-s8/2-d3w16x1")
    text = "\n".join(chapter([DRAWN, BRED, ALONE, untrained], zoo))
    assert "3 of 4 picks are\ntrained" in text
    assert "| cifar10-60ms | evolution, 1,000 + 1,000 | pair 1 | 68.0 | 26.0 | +42.0 |" in text
    assert "| +8.00 | +6.00 [" in text
    assert "| 0.75 [" in text
    assert chapter([untrained], zoo / "nothing") == []
