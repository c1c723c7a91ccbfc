"""The options of a training: one declaration for the recipe, the call and the command line."""

import inspect
from dataclasses import replace

import pytest

from zeroshot.cascade.policy import DEFAULT_POLICY, POLICIES
from zeroshot.errors import UsageError
from zeroshot.options import types_of
from zeroshot.training._plan import new_plan
from zeroshot.training.options import CascadeTuning, Distillation, TrainOptions
from zeroshot.training.recipe import Recipe


def test_every_choice_of_the_recipe_can_be_asked_for_and_is_open():
    recipe, asked = Recipe.declared(), TrainOptions.declared()
    assert set(recipe) < set(asked)
    for name, declared in recipe.items():
        assert getattr(TrainOptions(), name) is None
        assert types_of(TrainOptions)[name] == types_of(Recipe)[name] | None
        assert replace(asked[name], shown=declared.shown) == declared
        assert asked[name].shown
    assert TrainOptions().recipe() == Recipe()


def test_what_is_left_open_stays_as_before():
    before = Recipe(epochs=7, lr=0.2, flip=True)
    assert TrainOptions().recipe(before) == before
    assert TrainOptions(lr=0.3, flip=False).recipe(before) == replace(before, lr=0.3, flip=False)


def test_the_default_policy_is_the_cascades():
    assert TrainOptions().policy == DEFAULT_POLICY
    for policy in POLICIES:
        assert policy in TrainOptions.declared()["policy"].help
        assert TrainOptions(policy=policy).policy == policy


def test_lessons_are_asked_for_by_their_first_option():
    asked = TrainOptions(distil="self", cascade_aware=2)
    assert asked.distil == Distillation("self")
    assert asked.cascade_aware == CascadeTuning(epochs=2)
    with pytest.raises(UsageError, match="`cascade_aware` must be at least 1"):
        TrainOptions(cascade_aware=0)
    with pytest.raises(UsageError, match="Unknown distil 'little'") as caught:
        TrainOptions(distil="little")
    assert "big, self" in caught.value.hint


def test_the_command_has_every_option():
    from zeroshot.cli.train import train as command

    own = {"ctx", "run", "force", "resume", "json", "quiet"}
    assert set(inspect.signature(command).parameters) == own | set(TrainOptions.declared())


def test_a_training_has_the_epochs_that_the_search_expected_accuracies_of():
    """Unless others are asked for."""
    assert new_plan(TrainOptions(), 0, Recipe(epochs=50)).recipe == Recipe(epochs=50)
    assert new_plan(TrainOptions(epochs=7), 0, Recipe(epochs=50)).recipe == Recipe(epochs=7)
