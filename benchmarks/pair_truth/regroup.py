"""Other tasks without other trainings: CIFAR-10's classes in groups. A grouped answer is right if the group is."""

from dataclasses import replace

import numpy as np

from zeroshot.data import Dataset

# airplane automobile bird cat deer dog frog horse ship truck
GROUPS = {
    "animals or vehicles": (0, 0, 1, 1, 1, 1, 1, 1, 0, 0),
    "five superclasses": (0, 1, 2, 3, 4, 3, 2, 4, 0, 1),
    "four superclasses": (0, 1, 2, 3, 3, 3, 2, 3, 0, 1),
    "water, air, road or land": (0, 1, 0, 2, 2, 2, 3, 2, 3, 1),
    "seven classes": (0, 1, 2, 3, 4, 3, 5, 4, 6, 1),
    "five mixed pairs": (0, 1, 2, 3, 4, 0, 1, 2, 3, 4),
    "two mixed halves": (0, 1, 0, 1, 0, 1, 0, 1, 0, 1),
}
SHOWN = ("animals or vehicles", "five superclasses")


def grouped(dataset: Dataset, groups: tuple[int, ...]) -> Dataset:
    """The data with groups for classes."""
    of = np.array(groups, np.int64)
    names = tuple(str(i) for i in range(max(groups) + 1))
    return replace(dataset, y_train=of[dataset.y_train], y_test=of[dataset.y_test], class_names=names)
