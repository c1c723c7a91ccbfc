"""FLAC, read by soundfile where that is installed."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot.errors import UsageError, pip_install
from zeroshot.signals.sound import Raw, Sound, bad

BLOCK = 1 << 16  # frames; a header that claims more than the file has allocates nothing


def open_flac(path: Path) -> Sound:
    """What the header of a FLAC file says; errors as `open_sound`."""
    with _opened(path) as file:
        if file.format != "FLAC":
            raise bad(path, f"is {file.format}, not FLAC.", "Name it as what it is.")
        return Sound(path, file.samplerate, file.channels, file.frames, partial(_samples, path))


def _samples(path: Path) -> Raw:
    """(frames, channels) int32, of full scale whatever its bits."""
    soundfile = _soundfile()
    blocks = []
    with _opened(path) as file:
        try:
            while len(block := file.read(BLOCK, dtype="int32", always_2d=True)):
                blocks.append(block)
        except soundfile.LibsndfileError as error:
            raise bad(path, f"is no FLAC file that can be read: {error.error_string}") from error
        return np.concatenate(blocks) if blocks else np.zeros((0, file.channels), np.int32)


def _opened(path: Path) -> Any:  # noqa: ANN401 - of a package without types
    soundfile = _soundfile()
    path.open("rb").close()  # what the system refuses has its own words
    try:
        return soundfile.SoundFile(os.fsencode(path))
    except soundfile.LibsndfileError as error:
        raise bad(path, f"is no FLAC file that can be read: {error.error_string}") from error


def _soundfile() -> Any:  # noqa: ANN401 - as above
    try:
        import soundfile
    except (ImportError, OSError):  # without libsndfile it says OSError
        raise UsageError(
            "Reading FLAC needs soundfile.", f"{pip_install('audio')}; or convert to WAV: ffmpeg -i OLD NEW.wav"
        ) from None
    return soundfile
