"""The one place that imports torchvision, and the data sets it downloads."""

import contextlib
import http.client
import importlib
import io
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from zeroshot.data.arrays import Arrays
from zeroshot.errors import DataError

# Our names and torchvision's classes.
CLASSES = {"cifar10": "CIFAR10", "cifar100": "CIFAR100", "fashion-mnist": "FashionMNIST"}

# Operators that torchvision's Python side decorates while it is imported.
SCHEMAS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def import_torchvision() -> ModuleType:
    """Import torchvision, also where its compiled operators do not fit the installed torch.

    A torchvision built for CUDA beside a CPU-only torch cannot load its compiled extension. It tolerates
    that, but then decorates two operators that only the extension declares, and the import fails. Declaring
    them is enough for everything that is plain Python and torch: data sets, transforms, classification
    models. Calling the operators themselves (box suppression) still fails.

    They are declared only after a failed import: where the extension loads, declaring them again would fail.

    Returns:
        The module `torchvision`.

    Raises:
        DataError: torchvision is missing or fails to import for another reason.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if not any(name in str(error) for name in SCHEMAS):
            raise _cannot_import(error) from error
    except ImportError as error:
        raise _cannot_import(error) from error
    _declare_operators()
    try:
        return importlib.import_module("torchvision")
    except (ImportError, RuntimeError) as error:
        raise _cannot_import(error) from error


def _declare_operators() -> None:
    import torch

    for name, schema in SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name.rpartition(":")[2]):
            torch.library.define(name, schema)


def _cannot_import(error: Exception) -> DataError:
    return DataError(
        f"torchvision cannot be imported: {error}",
        "Install the torchvision that belongs to your torch, or give an image folder or an .npz instead.",
    )


def read_named(name: str, cache: Path, *, download: bool = True) -> tuple[Arrays, tuple[str, ...]]:
    """Read a data set of torchvision, downloading it on the first call.

    torchvision compares every file with the checksum in its own source before opening it, so that a cache
    somebody else wrote to is refused, not loaded.

    Args:
        name: A key of `CLASSES`.
        cache: Folder for the downloads, created when missing.
        download: Whether to download what is not there.

    Returns:
        Images and labels as `Arrays`, and the class names.

    Raises:
        DataError: The download or reading the cached files failed.
    """
    kind = getattr(import_torchvision().datasets, CLASSES[name])
    try:
        with _quiet():
            train = kind(root=str(cache), train=True, download=download)
            test = kind(root=str(cache), train=False, download=download)
    except (OSError, RuntimeError, ValueError, EOFError, http.client.HTTPException) as error:
        if not download:
            raise DataError(f"{name} is not in {cache}.", "Give the data, as a file or a folder.") from error
        raise DataError(
            f"{name} could not be downloaded to {cache}: {' '.join(str(error).split())}",
            "Without a network, give an image folder or an .npz, or use digits, which needs no download.",
        ) from error
    return (*_arrays(train), *_arrays(test)), tuple(map(str, train.classes))


@contextlib.contextmanager
def _quiet() -> Any:  # noqa: ANN401
    """Keep torchvision's prints off stdout, which carries our results, and its progress bar off log files."""
    stderr = sys.stderr if sys.stderr.isatty() else io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(stderr), contextlib.redirect_stderr(stderr):
        warnings.simplefilter("ignore")  # the archives' pickles make NumPy deprecate an argument of its own
        yield


def _arrays(part: Any) -> tuple[Any, Any]:  # noqa: ANN401
    x = np.ascontiguousarray(part.data, np.uint8)
    return (x if x.ndim == 4 else x[..., None]), np.asarray(part.targets, np.int64)
