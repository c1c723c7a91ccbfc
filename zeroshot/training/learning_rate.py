"""The learning rate of each step of a training: its schedule. `recipe.SCHEDULES` has the names to ask for."""

from math import cos, pi

from zeroshot.training.recipe import Recipe

WARM_UP = {"one-cycle": 0.3, "cosine": 0.05}  # share of the steps in which the learning rate rises


def learning_rate(recipe: Recipe, done: float) -> float:
    """The learning rate after a share of all steps: cosine up to `lr`, cosine down to 0.

    A function of the step and of nothing else, so that a resumed training needs no scheduler state.

    Args:
        recipe: Resolved.
        done: Share of all steps that are done, in [0, 1].
    """
    top, rise = recipe.lr or 0.0, WARM_UP[recipe.schedule]
    if done < rise:
        return top * (0.04 + 0.96 * (1 - cos(pi * done / rise)) / 2)
    return top * (1 + cos(pi * (done - rise) / (1 - rise))) / 2
