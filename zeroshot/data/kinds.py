"""Which kinds of files class folders may hold, and which of them some folder does."""

from pathlib import Path

from zeroshot.data.class_folders import Kind, files_of, safe, subfolders
from zeroshot.errors import DataError

NOISE = "_background_noise_"  # as in Speech Commands (Warden, 2018)
IMAGES = Kind(
    "images", frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
)  # fmt: skip
RECORDINGS = Kind("recordings", frozenset({".wav", ".wave", ".flac"}), (NOISE,))
LOGS = Kind("sensor logs", frozenset({".csv", ".parquet"}))


def kind_in(root: Path) -> Kind:
    """What lies in the class folders of a folder; images where there is nothing known, so that their reader says so.

    Tables beside images are passed over, as all else that is no image: they often say something of them.

    Raises:
        DataError: There are two kinds, or a folder cannot be read.
    """
    first = {kind.many: (kind, path) for kind in (IMAGES, RECORDINGS, LOGS) if (path := _first(root, kind)) is not None}
    if IMAGES.many in first:
        first.pop(LOGS.many, None)
    if len(first) > 1:
        (one, a), (other, b) = list(first.values())[:2]
        raise DataError(
            f"{safe(root)} holds {one.many} and {other.many}: {safe(a.relative_to(root))} and "
            f"{safe(b.relative_to(root))}.",
            "Move one kind out: a data set is of one kind.",
        )
    return next((kind for kind, _ in first.values()), IMAGES)


def _first(root: Path, kind: Kind) -> Path | None:
    """The first file of a kind in a class folder, or in one of the train or test folders."""
    halves = [half for name in ("train", "test") if (half := root / name).is_dir()]
    folders = [folder for above in (root, *halves) for folder in subfolders(above, kind)]
    return next((path for folder in folders for path in files_of(folder, kind)[:1]), None)
