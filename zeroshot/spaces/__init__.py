"""Search spaces; each can count, sample, enumerate, mutate and encode its nets."""

from collections.abc import Callable

from zeroshot.spaces.mcu import McuSpace

# Name -> the space for square images of a given side.
SPACES: dict[str, Callable[[int], McuSpace]] = {"mcu": McuSpace.for_images}

__all__ = ["SPACES", "McuSpace"]
