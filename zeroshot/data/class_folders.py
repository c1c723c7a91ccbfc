"""Folders with one subfolder a class: which files are whose, whatever they hold."""

from dataclasses import dataclass
from pathlib import Path

from zeroshot.errors import DataError, printable


@dataclass(frozen=True)
class Kind:
    """What lies in the class folders.

    Attributes:
        many: What it is called, in the plural: images.
        suffixes: How the files' names end, in lower case.
        besides: Folders that are no class.
    """

    many: str
    suffixes: frozenset[str]
    besides: tuple[str, ...] = ()

    @property
    def ends(self) -> str:
        """The suffixes, for a message."""
        return ", ".join(sorted(self.suffixes))


ClassFiles = list[tuple[Path, int]]  # files with the number of their class, in the order of class and file name


def class_files(root: Path, kind: Kind) -> tuple[ClassFiles, ClassFiles | None, tuple[str, ...]]:
    """List `train/<class>/*` and `test/<class>/*`, or `<class>/*`.

    Only files lying in a class folder itself count; other files, and folders whose names start with a dot or two
    underscores, are passed over.

    Args:
        root: The folder.
        kind: Of files.

    Returns:
        The training files, or all; the test files, or None; the class names in alphabetical order, as `safe` has them.

    Raises:
        DataError: The folder cannot be used; the message names it.
    """
    if not _is_split(root, kind):
        everything, names = _listing(root, kind)
        return everything, None, names
    train, names = _listing(root / "train", kind)
    test, test_names = _listing(root / "test", kind)
    odd = sorted(set(names) ^ set(test_names))
    if odd:
        where, other = ("train", "test") if odd[0] in names else ("test", "train")
        raise DataError(
            f"Class {odd[0]!r} is in {safe(root / where)}, but not in {safe(root / other)}.",
            "Both need the same class folders.",
        )
    return train, test, names


def safe(name: str | Path) -> str:
    r"""A file's name that can be written and printed: bytes that are not UTF-8, or commands, become \\xNN.

    >>> safe("caf\udce9")
    'caf\\xe9'
    """
    return printable(str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))


def files_of(folder: Path, kind: Kind) -> list[Path]:
    """The files of a kind that lie in a folder itself, by name.

    Raises:
        DataError: The folder cannot be read.
    """
    found = [path for path in _entries(folder) if path.suffix.lower() in kind.suffixes and path.name[0] != "."]
    return [path for path in found if path.is_file()]


def _is_split(root: Path, kind: Kind) -> bool:
    # A folder `train` with files is a class of that name; one with folders only is the training half.
    train = root / "train"
    if not train.is_dir() or files_of(train, kind) or not subfolders(train, kind):
        return False
    if not (root / "test").is_dir():
        raise DataError(
            f"{safe(root)} has a train folder but no test folder.",
            f"Rename the validation folder to test, or give {safe(train)} to hold out a fifth of it.",
        )
    return True


def _listing(folder: Path, kind: Kind) -> tuple[ClassFiles, tuple[str, ...]]:
    classes = subfolders(folder, kind)
    if not classes:
        raise DataError(
            f"{safe(folder)} has no class folders.", f"Put the {kind.many} of each class in a folder of its own."
        )
    files = [files_of(path, kind) for path in classes]
    if not any(files):
        raise DataError(
            f"No {kind.many} found in {len(classes)} folders of {safe(folder)}.",
            f"{kind.many.capitalize()} lie directly in a class folder and end in {kind.ends}.",
        )
    for path, found in zip(classes, files, strict=True):
        if not found:
            raise DataError(
                f"Class folder {safe(path)} has no {kind.many}.",
                f"Remove it, or add {kind.many} ({kind.ends}) to the folder itself.",
            )
    names = tuple(safe(path.name) for path in classes)
    if len(classes) == 1:
        raise DataError(f"{safe(folder)} has one class only, {names[0]!r}.", "At least two are needed.")
    return [(path, label) for label, found in enumerate(files) for path in found], names


def subfolders(folder: Path, kind: Kind) -> list[Path]:
    """The folders in a folder that may be classes, by name.

    Raises:
        DataError: The folder cannot be read.
    """
    # A link back to the folder or above it is no class. Path.is_dir is False for a link that goes in circles.
    above = {folder.resolve(), *folder.resolve().parents}
    found = [path for path in _entries(folder) if path.is_dir() and not path.name.startswith((".", "__"))]
    return [
        path
        for path in found
        if path.name not in kind.besides and (not path.is_symlink() or path.resolve() not in above)
    ]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"Folder {safe(folder)} cannot be read: {error.strerror}.", "Check its permissions.") from error
