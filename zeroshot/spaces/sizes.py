"""Which input sizes nets are offered for images or signals of a size: they keep the aspect ratio."""

from zeroshot.errors import UsageError
from zeroshot.net import LARGEST
from zeroshot.resolution import Resolution, at_side, resolution_of, sides, worded

# Shorter sides offered; a task uses those between half its images' (48 at most) and the whole side.
RESOLUTIONS = (8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 80, 96, 112, 128, 160)
# Lengths offered; a task uses those from a quarter of its signals' on, as many samples less as half a side, and theirs.
LENGTHS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)


def of_images(image: Resolution) -> tuple[Resolution, ...]:
    """Sizes of nets for images of a size, small to large; rectangles are offered as they are, too.

    (Resampled to 39x8, hardly a value of a spectrogram of 49x10 would be left.)

    >>> of_images(32), of_images((96, 160))
    ((16, 20, 24, 28, 32), ((48, 80), (64, 107), (80, 133), (96, 160)))

    Raises:
        UsageError: Signals, images under 8 pixels, or images too long for their height or width.
    """
    image = resolution_of(*sides(image))
    side = min(sides(image))
    if side == 1 < max(sides(image)):
        raise UsageError(
            f"Images of {worded(image)} pixels are signals, which the space mcu is not for.",
            'Signals have a space of their own: `space="mcu1d"`.',
        )
    if side < RESOLUTIONS[0]:
        raise UsageError(
            f"Images of {worded(image)} pixels are too small.",
            "The mcu space starts at 8x8 pixels; enlarge the images.",
        )
    fitting = [at_side(image, r) for r in RESOLUTIONS if min(side / 2, 48) <= r <= side]
    if not isinstance(image, int) and side <= RESOLUTIONS[-1] and image not in fitting:
        fitting.append(image)
    kept = tuple(each for each in fitting if max(sides(each)) <= LARGEST)
    if not kept:
        raise UsageError(
            f"Images of {worded(image)} pixels are too long: the smallest net for them would see "
            f"{worded(fitting[0])}, more than {LARGEST} along one side.",
            "Cut the images, or crop them to squares.",
        )
    return kept


def of_signals(signal: Resolution) -> tuple[Resolution, ...]:
    """Sizes of nets for signals of a length, short to long.

    >>> of_signals((1, 100))
    ((1, 32), (1, 48), (1, 64), (1, 96), (1, 100))

    Raises:
        UsageError: Images, or signals of under 8 samples.
    """
    height, length = sides(signal)
    if height != 1:
        hint = f"Save signals as (n, 1, {height})." if length == 1 else 'Images have the space mcu: `space="mcu"`.'
        raise UsageError(f"The space mcu1d is for signals, of height 1, not for {height}x{length} pixels.", hint)
    if length < LENGTHS[0]:
        raise UsageError(
            f"Signals of {length} samples are too short.", "The mcu1d space starts at 8 samples; use longer windows."
        )
    fitting = {each for each in LENGTHS if length / 4 <= each <= length} | {min(length, LARGEST)}
    return tuple((1, each) for each in sorted(fitting))
