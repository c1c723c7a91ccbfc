"""A program that is killed at a known write."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


class Killed(BaseException):
    """As abrupt as a signal: no handler of ours catches it."""


@contextmanager
def killed_before_write(number: int) -> Iterator[None]:
    """What is done inside ends before file `number`, counted from 0, gets its name; it must come to that."""
    real, count = os.replace, 0

    def replace_or_die(*args: Any) -> None:
        nonlocal count
        count += 1
        if count == number + 1:
            raise Killed
        real(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", replace_or_die)
        with pytest.raises(Killed):
            yield
