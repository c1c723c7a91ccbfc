"""Windows of a motion sensor as pictures: samples of some axes, scaled to 8 bits by integers.

An axis' sample x becomes (x m + 2^(s - 1)) >> s, cut off at -128 and 127 (and plus 128 in uint8), with a multiplier m
of 15 bits and a shift s from 8 to 23, so that the product stays below 2^31.
"""

import math
from string import Template

import numpy as np
import numpy.typing as npt

from zeroshot.errors import DataError
from zeroshot.frontend.c_names import check_prefix
from zeroshot.frontend.c_source import template
from zeroshot.frontend.c_text import c_array, stamped
from zeroshot.frontend.options import Motion, Scaling

MULTIPLIER_BITS = 15
LARGEST = 127  # steps that the largest covered sample takes

__all__ = ["Motion", "Scaling", "calibrate", "motion_c", "motion_features"]


def calibrate(motion: Motion, samples: npt.NDArray[np.int16]) -> Scaling:
    """Scale each axis so that 127 steps are what `covered` of its training samples do not exceed in size.

    Args:
        motion: How.
        samples: (n, axes) int16, all samples of all training recordings.

    Raises:
        DataError: The samples are of another type or shape, or there are none.
    """
    if not len(_checked(motion, samples)):
        raise DataError("There are no samples to calibrate with.", "Give those of the training recordings.")
    largest = np.quantile(np.abs(samples.astype(np.int64)), motion.covered, axis=0, method="higher")
    pairs = [_factor(LARGEST / max(1, int(each))) for each in largest]
    return Scaling(tuple(m for m, _ in pairs), tuple(s for _, s in pairs))


def motion_features(motion: Motion, scaling: Scaling, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.integer]:
    """Samples in 8 bits.

    Args:
        motion: How.
        scaling: As `calibrate` found it.
        samples: (n, axes) int16; a picture has `motion.window` of them.

    Returns:
        (1, n, axes), uint8 or int8 as `motion.output` says.

    Raises:
        DataError: The samples are of another type or shape.
    """
    multipliers, shifts = np.array(scaling.multipliers), np.array(scaling.shifts)
    steps = (_checked(motion, samples).astype(np.int64) * multipliers + (1 << shifts - 1)) >> shifts
    pictures: npt.NDArray[np.integer] = (np.clip(steps, -128, 127) + motion.zero_point).astype(motion.output)
    return pictures[None]


def motion_c(motion: Motion, scaling: Scaling, name: str = "motion") -> dict[str, str]:
    """Source files, file name -> text; the rest as `motion_features` and `zeroshot.frontend.c_source.frontend_c`."""
    check_prefix(name)
    return stamped(motion_sources(motion, scaling, name))


def motion_sources(motion: Motion, scaling: Scaling, name: str) -> dict[str, str]:
    """As `motion_c`, under a name that was made from a checked one."""
    values = {
        "name": name, "NAME": name.upper(), "type": f"{motion.output}_t", "axes": motion.axes, "window": motion.window,
        "hop": motion.hop, "zero": motion.zero_point, "axes_word": "axes" if motion.axes > 1 else "axis",
        "tables": "\n".join([
            c_array("int32_t", "multipliers", scaling.multipliers), c_array("uint8_t", "shifts", scaling.shifts),
        ]),
    }  # fmt: skip
    return {f"{name}.{end}": Template(template(f"motion.{end}")).substitute(values) for end in ("h", "c")}


def _factor(real: float) -> tuple[int, int]:
    """Multiplier and shift.

    >>> _factor(127.0), _factor(127 / 32768)
    ((32512, 8), (32512, 23))
    """
    mantissa, exponent = math.frexp(real)
    multiplier = round(mantissa * 2**MULTIPLIER_BITS)
    if multiplier == 2**MULTIPLIER_BITS:
        multiplier, exponent = multiplier // 2, exponent + 1
    return multiplier, MULTIPLIER_BITS - exponent


def _checked(motion: Motion, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    if samples.ndim != 2 or samples.shape[1] != motion.axes or samples.dtype != np.int16:
        raise DataError(
            f"Motion is (samples, {motion.axes}) int16, not {samples.dtype} of shape {samples.shape}.",
            "Give `axes` columns of whole numbers from -32768 to 32767.",
        )
    return samples
