"""The tasks: real ones, and CIFAR-10 made harder, smaller, greyer or lopsided.

python -m benchmarks.tasks.data      what they are; ZEROSHOT_DATA holds cifar10/, audio/, motion/ and images/
"""

import io
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
from scipy.io import wavfile
from scipy.signal import stft

from benchmarks.cifar10 import cifar10_file
from benchmarks.script import Arguments, data_folder, exit_code, parser, show
from zeroshot.data import Dataset, load, resized
from zeroshot.training.recipe import Recipe
from zeroshot.types import BoolArray, ByteArray, FloatArray, Int64Array

SIDE = 32
CATS_DOGS, PLANES_FROGS, ANIMALS = (3, 5), (0, 6), (2, 3, 4, 5, 7)  # classes of CIFAR-10
IMBALANCE = 20  # images of the commonest class for one of the rarest
SPEAKERS_HELD = ("theo", "yweweler")
LOWEST_HZ, MELS, WORD_SECONDS = 80.0, SIDE, 0.64
LOG_TEST = 4  # every fourth log of an activity is for testing
ROW_HOP, PICTURE_HOP, MILLI_G = 8, 26, 2000.0  # samples at 26 Hz, and the range of the sensor


@dataclass(frozen=True)
class Task:
    """A task with the one recipe that all its nets are trained by.

    Attributes:
        name: Short; also of the folder of its trained nets.
        about: What it is, a few words.
        epochs: Of the recipe.
        make: The data.
        real: Whether the data are of their own kind, no part or change of CIFAR-10.
    """

    name: str
    about: str
    epochs: int
    make: Callable[[], Dataset]
    real: bool = False

    @property
    def recipe(self) -> Recipe:
        """Default recipe, none stops early; the number format is whatever the trainer of the task stores."""
        return Recipe(epochs=self.epochs, patience=0, precision="fp32", flip=not self.real)


@cache
def cifar10() -> Dataset:
    """All of it."""
    return load(str(cifar10_file()))


def grey() -> Dataset:
    """Its luma."""
    whole = cifar10()

    def luma(x: ByteArray) -> ByteArray:
        return np.asarray(np.rint(x @ np.array([0.299, 0.587, 0.114]))[..., None], np.uint8)

    return replace(whole, x_train=luma(whole.x_train), x_test=luma(whole.x_test))


def sixteen() -> Dataset:
    """Reduced to 16x16."""
    whole = cifar10()
    return replace(whole, x_train=resized(whole.x_train, 16), x_test=resized(whole.x_test, 16))


def first(images: int) -> Dataset:
    """So many training images, equally many of each class, the first of them; all test images."""
    whole = cifar10()
    kept = _first_of_each(whole.y_train, [images // whole.classes] * whole.classes)
    return replace(whole, x_train=whole.x_train[kept], y_train=whole.y_train[kept])


def imbalanced() -> Dataset:
    """Class k keeps 5000 / IMBALANCE^(k/9) training images; the test images stay balanced."""
    whole = cifar10()
    counts = [round(5000 / IMBALANCE ** (k / 9)) for k in range(whole.classes)]
    kept = _first_of_each(whole.y_train, counts)
    return replace(whole, x_train=whole.x_train[kept], y_train=whole.y_train[kept])


def some_classes(classes: tuple[int, ...]) -> Dataset:
    """The images of some classes."""
    whole = cifar10()
    new = np.full(whole.classes, -1)
    new[list(classes)] = np.arange(len(classes))
    train, test = (np.flatnonzero(new[y] >= 0) for y in (whole.y_train, whole.y_test))
    return replace(
        whole, x_train=whole.x_train[train], y_train=new[whole.y_train[train]], x_test=whole.x_test[test],
        y_test=new[whole.y_test[test]], class_names=tuple(whole.class_names[k] for k in classes),
    )  # fmt: skip


def _first_of_each(labels: Int64Array, counts: list[int]) -> Int64Array:
    rows = [np.flatnonzero(labels == k)[:count] for k, count in enumerate(counts)]
    return np.sort(np.concatenate(rows))


def pneumonia() -> Dataset:
    """Chest X-rays, 28x28 grey; in training 7 of 8 show pneumonia, in the test 5 of 8."""
    with np.load(data_folder("images") / "images" / "pneumonia_28.npz") as held:
        x = {part: held[f"x_{part}"][..., None] for part in ("train", "test")}
        y = {part: held[f"y_{part}"].astype(np.int64).reshape(-1) for part in ("train", "test")}
    return Dataset("pneumonia", x["train"], y["train"], x["test"], y["test"], ("normal", "pneumonia"))


def words() -> Dataset:
    """Spoken digits as log-mel pictures of 32x32; two speakers are heard in the test alone."""
    x, y, held = [], [], []
    with tarfile.open(data_folder("audio") / "audio" / "fsdd.tar.xz") as archive:
        for member in sorted(archive.getmembers(), key=lambda each: each.name):
            if not member.name.endswith(".wav"):
                continue
            digit, speaker, _ = member.name.rsplit("/", 1)[1].split("_")
            file = archive.extractfile(member)
            assert file is not None  # noqa: S101 - a regular file of the archive
            rate, samples = wavfile.read(io.BytesIO(file.read()))
            x.append(log_mel(samples.astype(np.float64), rate))
            y.append(int(digit))
            held.append(speaker in SPEAKERS_HELD)
    return _divided("words", np.array(x), np.array(y, np.int64), np.array(held), tuple(map(str, range(10))))


def log_mel(samples: FloatArray, rate: int) -> ByteArray:
    """The loudest stretch of a recording as a picture, (32, 32, 1) uint8: mel bands over time, 60 dB of range.

    Args:
        samples: One channel.
        rate: Hz.
    """
    length = round(WORD_SECONDS * rate)
    padded = np.pad(samples, (0, max(0, length - len(samples))))
    energy = np.concatenate([[0.0], np.cumsum(padded**2)])
    start = int(np.argmax(energy[length:] - energy[:-length]))
    hop = length // SIDE
    _, _, spectrum = stft(padded[start : start + length], rate, nperseg=256, noverlap=256 - hop)
    power = mel_bands(rate, 256) @ np.abs(spectrum[:, :SIDE]) ** 2
    decibels = 10 * np.log10(power + 1e-9)
    scaled = np.clip((decibels - decibels.max() + 60) / 60, 0, 1)
    return np.asarray(np.rint(255 * scaled[::-1])[..., None], np.uint8)


@cache
def mel_bands(rate: int, window: int) -> FloatArray:
    """Triangular filters, (32, window // 2 + 1), equally wide on the mel scale 2595 log10(1 + f / 700)."""
    low, high = (2595 * np.log10(1 + f / 700) for f in (LOWEST_HZ, rate / 2))
    edges = np.linspace(low, high, MELS + 2)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    at = np.fft.rfftfreq(window, 1 / rate)
    rising = (at - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    falling = (hertz[2:, None] - at) / (hertz[2:] - hertz[1:-1])[:, None]
    # A band narrower than a bin would hear nothing: it gets the bin that is nearest to its middle.
    bands = np.maximum(0, np.minimum(rising, falling))
    nearest = np.abs(at - hertz[1:-1, None]).argmin(axis=1)
    empty = bands.sum(axis=1) == 0
    bands[empty, nearest[empty]] = 1.0
    return np.asarray(bands / bands.sum(axis=1, keepdims=True))


def motion() -> Dataset:
    """Accelerations of a wrist in stacked windows: pixel (r, c) of channel a is axis a at sample 8 r + c; 10.8 s."""
    x, y, held, names = [], [], [], []
    with tarfile.open(data_folder("motion") / "motion" / "pamap2_wrist.tar.xz") as archive:
        for member in sorted(archive.getmembers(), key=lambda each: each.name):
            if not member.name.endswith(".csv"):
                continue
            activity, log = member.name.split("/")[-2:]
            if activity not in names:
                names.append(activity)
            file = archive.extractfile(member)
            assert file is not None  # noqa: S101 - a regular file of the archive
            signal = np.loadtxt(io.StringIO(file.read().decode()), delimiter=",", skiprows=3)
            pictures = stacked_windows(signal)
            x.append(pictures)
            y += [names.index(activity)] * len(pictures)
            held += [int(log.split("_")[1].split(".")[0]) % LOG_TEST == LOG_TEST - 1] * len(pictures)
    return _divided("motion", np.concatenate(x), np.array(y, np.int64), np.array(held), tuple(names))


def stacked_windows(signal: FloatArray) -> ByteArray:
    """A log (samples, axes) in mg as pictures (n, 32, 32, axes) uint8, one a second."""
    pixels = np.rint(np.clip((signal / MILLI_G + 1) / 2, 0, 1) * 255).astype(np.uint8)
    rows = np.lib.stride_tricks.sliding_window_view(pixels, SIDE, axis=0)  # sample, axis, c
    starts = np.arange(0, len(rows) - ROW_HOP * (SIDE - 1), PICTURE_HOP)
    at = starts[:, None] + ROW_HOP * np.arange(SIDE)
    return np.ascontiguousarray(rows[at].transpose(0, 1, 3, 2))


def _divided(name: str, x: ByteArray, y: Int64Array, held: BoolArray, names: tuple[str, ...]) -> Dataset:
    return Dataset(name, x[~held], y[~held], x[held], y[held], names)


TASKS = {
    task.name: task
    for task in (
        Task("cifar10", "CIFAR-10", 5, cifar10),
        Task("grey", "CIFAR-10, grey", 5, grey),
        Task("sixteen", "CIFAR-10, 16x16 pixels", 5, sixteen),
        Task("five-thousand", "CIFAR-10, 5,000 training images", 30, partial(first, 5000)),
        Task("thousand", "CIFAR-10, 1,000 training images", 30, partial(first, 1000)),
        Task("cats-dogs", "CIFAR-10, two classes that are hard to tell apart", 10, partial(some_classes, CATS_DOGS)),
        Task("planes-frogs", "CIFAR-10, two classes that are easy", 10, partial(some_classes, PLANES_FROGS)),
        Task("animals", "CIFAR-10, five classes: bird, cat, deer, dog, horse", 6, partial(some_classes, ANIMALS)),
        Task("imbalanced", "CIFAR-10, 20 times as many images of the commonest class as of the rarest", 10, imbalanced),
        Task("digits", "handwritten digits, 8x8 grey", 30, partial(load, "digits"), real=True),
        Task("pneumonia", "chest X-rays, 28x28 grey", 15, pneumonia, real=True),
        Task("words", "spoken digits, log-mel pictures, other speakers in the test", 30, words, real=True),
        Task("motion", "wrist accelerations in four activities, other logs in the test", 30, motion, real=True),
    )
}
# Their test halves are other populations: other speakers, other logs, another share of the sick. Nets are judged on
# images like those they were trained on; what that leaves out is told beside it.
SHIFTED = ("pneumonia", "words", "motion")
LONG = Task("cifar10-long", "CIFAR-10, 40 epochs", 40, cifar10)


def main(arguments: Arguments = None) -> None:
    parser("tasks.data", __doc__).parse_args(arguments)
    rows = []
    for task in TASKS.values():
        data = task.make()
        size = "x".join(map(str, data.x_train.shape[1:]))
        rows.append(
            (task.name, task.about, size, str(data.classes), f"{len(data.y_train):,}", f"{len(data.y_test):,}",
             str(task.epochs))
        )  # fmt: skip
    show("Tasks", ("name", "what", "images", "classes", "training", "test", "epochs"), rows)


if __name__ == "__main__":
    sys.exit(exit_code(main))
