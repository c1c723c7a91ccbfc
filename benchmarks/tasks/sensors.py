"""Tasks of sensors as the package reads them: recordings and logs from folders, nothing prepared by hand.

Spoken digits, Free Spoken Digit Dataset: by the official split, or without one of the six speakers, who is the test.
Wrist accelerations, PAMAP2: by log. Epochs and thresholds are chosen on other files, speakers or logs than those of the
training. ZEROSHOT_DATA holds audio/ and motion/.
"""

import tarfile
from functools import partial
from pathlib import Path

from benchmarks.script import data_folder
from benchmarks.tasks.data import Task
from zeroshot.data import Dataset, cache_folder, load
from zeroshot.runs.files import write_file

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
OFFICIAL, CEPSTRA, LOGS = "spoken-official", "spoken-official-mfcc", "wrist-logs"
SPEAKER = r"(?P<speaker>[a-z]+)_\d+"
TESTED = range(5)  # takes of the official test split
LOG_RATE = 26  # Hz
EPOCHS = 30  # what `zeroshot train` does unless told otherwise


def unheard(speaker: str) -> str:
    """The task whose test is one speaker."""
    return f"spoken-without-{speaker}"


def unpacked(kind: str, archive: str, name: str) -> Path:
    """The folder `name` of a published archive, in the cache; the first call unpacks it.

    Raises:
        DataError: The data are not there.
    """
    folder = cache_folder() / "benchmarks" / name
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(data_folder(kind) / kind / archive) as files:
            files.extractall(folder.with_suffix(".part"), filter="data")
        (folder.with_suffix(".part") / name).rename(folder)
    return folder


def spoken(test: str | None = None, coefficients: int | None = None) -> Dataset:
    """Spoken digits.

    Args:
        test: A speaker, or None for the official split.
        coefficients: For cepstra of a window of one second, as in keyword spotting, instead of the default front end.
    """
    folder = unpacked("audio", "fsdd.tar.xz", "fsdd")
    files = [path.relative_to(folder) for path in sorted(folder.glob("*/*.wav"))]
    lines = [f"{path},{'test' if _is_test(path, test) else 'train'}\n" for path in files]
    parts = folder.with_name(f"fsdd-{test or 'official'}.csv")
    write_file(parts, "".join(lines))
    keyword = {} if coefficients is None else {"coefficients": coefficients, "window": "1s", "bands": 40}
    groups = {} if test is None else {"groups": SPEAKER}
    return load(str(folder), parts=str(parts), validation=0.15, **groups, **keyword)


def _is_test(path: Path, test: str | None) -> bool:
    _, speaker, take = path.stem.split("_")
    return int(take) in TESTED if test is None else speaker == test


def wrist() -> Dataset:
    """Accelerations of a wrist in four activities, windows of 2.58 s."""
    return load(str(unpacked("motion", "pamap2_wrist.tar.xz", "pamap2_wrist")), rate=LOG_RATE)


SENSORS = {
    task.name: task
    for task in (
        Task(OFFICIAL, "spoken digits, the official split", EPOCHS, spoken, real=True),
        Task(CEPSTRA, "spoken digits, ten cepstra, the official split", EPOCHS, partial(spoken, None, 10), real=True),
        *(
            Task(unheard(each), f"spoken digits, {each} in the test alone", EPOCHS, partial(spoken, each), real=True)
            for each in SPEAKERS
        ),
        Task(LOGS, "wrist accelerations, other logs in the test", EPOCHS, wrist, real=True),
    )
}
