"""Search spaces; each can count, sample, enumerate, mutate and encode its nets."""

import sys
from collections.abc import Callable

from zeroshot.spaces.mcu import McuSpace
from zeroshot.spaces.nasbench201 import NasBench201
from zeroshot.types import CallablePackage

sys.modules[__name__].__class__ = CallablePackage  # `zeroshot.spaces()` lists them

# Name -> the space for square images of a given side.
SPACES: dict[str, Callable[[int], McuSpace]] = {"mcu": McuSpace.for_images}

# Spaces whose nets others have trained: proxies are judged on them, nothing for a device is searched in them.
PUBLISHED: dict[str, Callable[[], NasBench201]] = {"nasbench201": NasBench201}

__all__ = ["PUBLISHED", "SPACES", "McuSpace", "NasBench201"]
