"""Which space a data set is searched in, and at which sizes of the input."""

from dataclasses import replace

from zeroshot.data import Dataset
from zeroshot.errors import UsageError, unknown
from zeroshot.resolution import sides
from zeroshot.spaces import SPACES, McuSpace


def seen(dataset: Dataset, square: bool) -> Dataset:
    """A data set as nets see it.

    Args:
        dataset: As it was loaded.
        square: Whether images are cropped to the square in their middle.

    Raises:
        UsageError: There are no images to crop.
    """
    if square and dataset.features is not None:
        raise UsageError("`square` crops images, and the data are recordings or sensor logs.", "Leave it out.")
    return dataset.squared() if square else dataset


def space_for(dataset: Dataset, name: str | None) -> tuple[str, McuSpace]:
    """The space for a data set, and its name.

    Images are offered to nets at several sizes. Features are at their own alone: what is between two frames, two bands
    or two samples is for the front end to say, and resampling is in no firmware.

    Args:
        dataset: As nets see it.
        name: Of the space; None for the one that the inputs' height asks for.

    Raises:
        UsageError: There is no such space, or it is not for inputs of this size.
    """
    name = name or ("mcu1d" if sides(dataset.resolution)[0] == 1 else "mcu")
    if name not in SPACES:
        raise unknown("space", name, SPACES)
    space = SPACES[name](dataset.resolution)
    return name, space if dataset.features is None else replace(space, resolutions=(dataset.resolution,))
