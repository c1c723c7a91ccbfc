"""One trained net of a zoo on disk: what it answered to every image and how sure it was, small enough for git.

A net is `NAME.npz` and `NAME.json`. The .json is written last and holds the SHA-256 of the .npz; the labels, which all
nets share, are in `labels.npz`, and every .json holds their SHA-256 too.

Scores are stored as levels: level k is the number of thresholds, out of 255, that are not above the score, and
threshold k is the one that lets k/256 of the *validation* images escalate at most. So "level < k" and "score <
threshold k" are the same images exactly, for every k; what is lost is the order of images inside one level, 0.4 % of
them.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zeroshot.cascade.policy import DEFAULT_POLICY, POLICIES, confidence
from zeroshot.errors import RunError, UsageError
from zeroshot.runs.files import json_text, npz_bytes, write_file
from zeroshot.types import ByteArray, FloatArray

LEVELS = 256
KNOT_EVERY = 8  # of the thresholds, this one's value is kept
PARTS = ("validation", "test")
LABELS = "labels.npz"
AGAIN = "Restore it from the repository, or delete it and its .json and train that net again."


@dataclass(frozen=True, eq=False)
class Answers:
    """What one net said, without images.

    Attributes:
        predicted: Part -> (n,) uint8, the class of the largest logit.
        levels: Policy -> (n_test,) uint8, confidence on the test images.
        validation_levels: (n_validation,) uint8, of the default policy.
        knots: Policy -> (31,) float32, the score at the thresholds for 1/32, 2/32, ... of the validation images.
    """

    predicted: dict[str, ByteArray] = field(repr=False)
    levels: dict[str, ByteArray] = field(repr=False)
    validation_levels: ByteArray = field(repr=False)
    knots: dict[str, npt.NDArray[np.float32]] = field(repr=False)


def thresholds(validation: npt.ArrayLike) -> FloatArray:
    """The 255 thresholds at which at most 1/256, 2/256, ... of these scores escalate, (255,) float64, ascending."""
    ordered = np.sort(np.asarray(validation, np.float64))
    return np.asarray(ordered[np.arange(1, LEVELS) * len(ordered) // LEVELS], np.float64)


def levels(score: npt.ArrayLike, edges: FloatArray) -> ByteArray:
    """How many of the thresholds are not above each score, (n,) uint8."""
    return np.searchsorted(edges, np.asarray(score, np.float64), side="right").astype(np.uint8)


def answers(logits: Mapping[str, npt.ArrayLike], policies: Sequence[str] = tuple(POLICIES)) -> Answers:
    """What is kept of a net's logits.

    Args:
        logits: `validation` and `test` -> (n, classes), 256 classes at most.
        policies: Names of `POLICIES`; the default policy is among them.

    Raises:
        UsageError: Logits are no such arrays or not finite, there are too many classes, or the default policy is
            missing.
    """
    if DEFAULT_POLICY not in policies or np.shape(logits["test"])[-1] > 256:
        raise UsageError(f"At most 256 classes can be stored, and {DEFAULT_POLICY} must be among the policies.")
    edges = {policy: thresholds(confidence(logits["validation"], policy)) for policy in policies}
    return Answers(
        {part: np.asarray(logits[part]).argmax(axis=1).astype(np.uint8) for part in PARTS},
        {policy: levels(confidence(logits["test"], policy), edges[policy]) for policy in policies},
        levels(confidence(logits["validation"], DEFAULT_POLICY), edges[DEFAULT_POLICY]),
        {policy: edges[policy][KNOT_EVERY - 1 :: KNOT_EVERY].astype(np.float32) for policy in policies},
    )


def save_labels(folder: Path, labels: Mapping[str, npt.ArrayLike]) -> None:
    """Write the labels of both parts, unless the same ones are there.

    Raises:
        RunError: Other labels are there, or the disk refuses.
    """
    if (folder / LABELS).exists():
        before = load_labels(folder)
        if any(not np.array_equal(before[part], np.asarray(labels[part])) for part in PARTS):
            raise RunError(f"{folder / LABELS} holds the labels of other images.", "Store this zoo elsewhere.")
        return
    write_file(folder / LABELS, npz_bytes({part: np.asarray(labels[part]).astype(np.uint8) for part in PARTS}))


def load_labels(folder: Path) -> dict[str, ByteArray]:
    """Labels of both parts, (n,) uint8.

    Raises:
        RunError: The file is missing or damaged.
    """
    return _read_arrays(folder / LABELS, PARTS)


def labels_sha256(labels: Mapping[str, npt.ArrayLike]) -> str:
    """What every net's .json holds of the labels, hex."""
    digest = hashlib.sha256()
    for part in PARTS:
        digest.update(np.asarray(labels[part]).astype(np.uint8).tobytes())
    return digest.hexdigest()


def save_net(folder: Path, name: str, about: Mapping[str, Any], said: Answers, labels: Mapping[str, ByteArray]) -> None:
    """Write a net: its arrays, then `name`.json with `about`, the policies and the checksums.

    Raises:
        RunError: The disk refuses.
    """
    classes = int(about["classes"])
    stacked = np.stack(list(said.levels.values()))
    # Class and label, and two policies of one net, mostly agree: their differences take half the bytes.
    arrays: dict[str, npt.NDArray[Any]] = {
        f"{part}_error": ((said.predicted[part].astype(np.int64) - labels[part]) % classes).astype(np.uint8)
        for part in PARTS
    }
    arrays["test_levels"] = np.diff(stacked, axis=0, prepend=np.zeros_like(stacked[:1]))
    arrays["validation_levels"] = said.validation_levels
    arrays["knots"] = np.stack(list(said.knots.values()))
    raw = npz_bytes(arrays)
    write_file(folder / f"{name}.npz", raw)
    added = {
        "policies": list(said.levels), "labels_sha256": labels_sha256(labels),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }  # fmt: skip
    write_file(folder / f"{name}.json", json_text({**about, **added}, indent=1))


def load_net(folder: Path, name: str, labels: Mapping[str, ByteArray]) -> tuple[dict[str, Any], Answers]:
    """Read what `save_net` wrote.

    Raises:
        RunError: A file is missing, damaged, cut short, or belongs to other labels.
    """
    path = folder / f"{name}.npz"
    about = read_about(folder / f"{name}.json")
    if about.get("labels_sha256") != labels_sha256(labels):
        raise RunError(f"{path} was stored with other labels than {LABELS} holds.", AGAIN)
    arrays = _read_arrays(path, ("validation_error", "test_error", "test_levels", "validation_levels", "knots"),
                          about.get("sha256"))  # fmt: skip
    policies, classes = about["policies"], int(about["classes"])
    whole = np.cumsum(arrays["test_levels"], axis=0, dtype=np.uint8)
    predicted = {
        part: ((labels[part].astype(np.int64) + arrays[f"{part}_error"]) % classes).astype(np.uint8) for part in PARTS
    }
    said = Answers(
        predicted, dict(zip(policies, whole, strict=True)), arrays["validation_levels"],
        dict(zip(policies, arrays["knots"].astype(np.float32), strict=True)),
    )  # fmt: skip
    return about, said


def names(folder: Path) -> list[str]:
    """Names of the nets of a folder, sorted; those without a .json, which is written last, are not there yet."""
    return sorted(path.stem for path in folder.glob("*.json"))


def read_about(path: Path) -> dict[str, Any]:
    """A net's .json.

    Raises:
        RunError: It is missing, damaged, or describes no net.
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}.", AGAIN) from error
    if not isinstance(about, dict) or not {"net", "seed", "policies", "classes", "sha256"} <= about.keys():
        raise RunError(f"{path} describes no net of a zoo.", AGAIN)
    return about


def _read_arrays(path: Path, keys: Sequence[str], sha256: str | None = None) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.", AGAIN) from error
    if sha256 is not None and hashlib.sha256(raw).hexdigest() != sha256:
        raise RunError(f"{path} is damaged or cut short: its SHA-256 is not the one in {path.stem}.json.", AGAIN)
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            return {key: archive[key] for key in keys}
    except Exception as error:  # a damaged archive brings BadZipFile, zlib.error, EOFError, ValueError, KeyError
        raise RunError(f"{path} is no archive of a zoo: {error}", AGAIN) from error
