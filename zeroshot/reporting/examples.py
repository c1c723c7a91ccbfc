"""Test images that the little net keeps and that it escalates, answered right and wrong, as small PNG data URIs."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from zeroshot.data import Dataset
from zeroshot.quantization.answers import Answers
from zeroshot.types import BoolArray, ByteArray

EACH = 8  # images of a group
LONGEST = 64  # pixels of the longer side of a picture
STRIP = 16  # rows that a signal's one row becomes


@dataclass(frozen=True)
class Example:
    """An image with what was said of it; `score` is how sure the little net was."""

    uri: str
    label: str
    little: str
    big: str | None
    score: str


@dataclass(frozen=True)
class Group:
    """Images with one fate: its title, how many of all, and some of them from the least to the most sure."""

    title: str
    count: int
    share: str
    examples: list[Example]


def groups(answers: Answers, data: Dataset) -> list[Group]:
    """The four fates of a test image."""
    right, up = answers.pair == answers.labels, answers.escalated
    return [
        _group("kept, right", ~up & right, answers, data),
        _group("kept, wrong", ~up & ~right, answers, data),
        _group("escalated, right", up & right, answers, data),
        _group("escalated, wrong", up & ~right, answers, data),
    ]


def _group(title: str, chosen: BoolArray, answers: Answers, data: Dataset) -> Group:
    """Some of the images, at even steps of the order of their scores."""
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(answers.score[rows], kind="stable")]
    shown = rows[np.unique(np.linspace(0, len(rows) - 1, min(EACH, len(rows))).round().astype(int))]
    names = data.class_names
    examples = [
        Example(
            _uri(data.x_test[i]), names[answers.labels[i]], names[answers.little[i]],
            names[answers.big[i]] if answers.escalated[i] else None, f"{answers.score[i]:.3g}",
        )
        for i in shown.tolist()
    ]  # fmt: skip
    return Group(title, len(rows), f"{100 * len(rows) / len(chosen):.1f}", examples)


def _drawable(image: ByteArray) -> ByteArray:
    """Grey (H, W) or coloured (H, W, 3); axes of a signal lie one below the other, as strips."""
    axis = int(image.shape[0] > 1)  # along which the parts lie
    if min(image.shape[:2]) == 1:
        image = image.repeat(STRIP, axis=axis)
    elif image.shape[2] == 3:
        return image
    return np.concatenate([image[..., channel] for channel in range(image.shape[2])], axis=axis)


def _uri(image: ByteArray) -> str:
    """An image (H, W, C) as the URI of a PNG."""
    picture = Image.fromarray(np.ascontiguousarray(_drawable(image)))
    picture.thumbnail((LONGEST, LONGEST))
    buffer = io.BytesIO()
    picture.save(buffer, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
