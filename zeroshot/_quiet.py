"""Silence for libraries that log and warn of what no user of ours can change."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Keep from the user what torchao logs about its optional GPU libraries, and what torch says of its own calls."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextmanager
def without_stderr() -> Iterator[None]:
    """Keep from the user what C libraries write on the process's stderr by themselves, as libtiff does of damage.

    Whatever writes there in the meantime is lost: for short calls of one library.
    """
    try:
        kept = os.dup(2)
    except OSError:  # there is none
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
