"""Nets that the sampler of the `mcu` space hardly draws: the field's own families, extremes, and today's favourites.

`plan.py` trains them. Families follow their papers in what a `NetSpec` can say, thinned to what a microcontroller
holds: MobileNetV1 (arXiv 1704.04861), MobileNetV2 (1801.04381), ResNet for CIFAR (1512.03385), DS-CNN (1711.07128).
"""

from collections.abc import Iterator

from zeroshot.net import NetSpec


def mobilenet_v1(width: float, depth: int, stem_stride: int, resolution: int = 32) -> str:
    """Separable blocks of 64 to 512 channels times `width`; `depth` of them at 512, without any at 1024."""
    s, a, b, c, d = (_eight(width * w) for w in (32, 64, 128, 256, 512))
    stem = f"r{resolution}-s{s}" + ("/2" if stem_stride == 2 else "")
    return f"{stem}-d3w{a}x1-d3w{b}x2/2-d3w{c}x2/2" + (f"-d3w{d}x{depth}/2" if depth else "")


def mobilenet_v2(width: float, repeats: tuple[int, ...], stem_stride: int, resolution: int = 32) -> str:
    """Inverted bottlenecks of 16, 24, 32, 64, 96, 160 channels times `width`, each as often as told; 0 skips it."""
    strides, parts = (1, 1, 2, 2, 1, 2), []
    for channels, times, stride in zip((16, 24, 32, 64, 96, 160), repeats, strides, strict=True):
        if times:
            expansion = 1 if channels == 16 else 6
            parts.append(f"m3e{expansion}w{_eight(width * channels)}x{times}" + ("/2" if stride == 2 else ""))
    stem = f"r{resolution}-s{_eight(width * 32)}" + ("/2" if stem_stride == 2 else "")
    return "-".join([stem, *parts])


def resnet(width: int, blocks: int, resolution: int = 32) -> str:
    """ResNet of 6 blocks + 2 layers (8, 14, 20 for 1, 2, 3 blocks) of `width`, twice and four times it."""
    stages = (f"b3w{width}x{blocks}", f"b3w{2 * width}x{blocks}/2", f"b3w{4 * width}x{blocks}/2")
    return "-".join([f"r{resolution}-s{width}", *stages])


def ds_cnn(width: int, depth: int, resolution: int = 32) -> str:
    """Equal separable blocks behind a stem of stride 2."""
    return f"r{resolution}-s{width}/2-d3w{width}x{depth}"


def plain(width: int, depth: int, kernel: int = 3) -> str:
    """Plain convolutions of `width`, twice and four times it, `depth` of each."""
    return f"r32-s{width}-c{kernel}w{width}x{depth}-c{kernel}w{2 * width}x{depth}/2-c{kernel}w{4 * width}x{depth}/2"


def _eight(channels: float) -> int:
    """The nearest multiple of 8, at least 8."""
    return max(8, int(channels + 4) // 8 * 8)


def _families() -> Iterator[tuple[str, str]]:
    for width, depth, stride in (
        (0.125, 0, 2), (0.25, 0, 1), (0.25, 2, 2), (0.25, 6, 2), (0.25, 4, 1), (0.375, 1, 2), (0.5, 0, 1), (0.5, 2, 1),
        (0.5, 6, 2), (0.75, 3, 2),
    ):  # fmt: skip
        yield "mobilenet-v1", mobilenet_v1(width, depth, stride)
    for width, repeats, stride in (
        (0.25, (1, 2, 3, 0, 0, 0), 2), (0.25, (1, 2, 3, 4, 3, 0), 1), (0.35, (1, 1, 1, 1, 0, 0), 1),
        (0.35, (1, 2, 3, 4, 3, 3), 2), (0.35, (0, 2, 2, 2, 0, 1), 1), (0.5, (1, 0, 2, 0, 0, 0), 2),
        (0.5, (1, 2, 3, 4, 0, 0), 1), (0.5, (0, 1, 1, 1, 1, 1), 2), (0.75, (1, 2, 2, 0, 0, 0), 2),
        (0.75, (1, 1, 2, 2, 2, 1), 2),
    ):  # fmt: skip
        yield "mobilenet-v2", mobilenet_v2(width, repeats, stride)
    for width, blocks in ((4, 1), (4, 3), (8, 1), (8, 2), (8, 3), (12, 1), (16, 1), (16, 2)):
        yield "resnet", resnet(width, blocks)
    for width, depth in ((16, 2), (32, 4), (32, 8), (64, 4), (64, 2), (96, 4), (128, 3)):
        yield "ds-cnn", ds_cnn(width, depth)
    for width, depth, kernel in ((4, 1, 3), (8, 1, 3), (8, 2, 3), (16, 1, 3), (8, 3, 3), (8, 1, 5), (12, 2, 3)):
        yield "plain", plain(width, depth, kernel)
    # One dimension taken to its end: thin and deep, wide and shallow, almost only 1x1, late and early reduction.
    yield from (("extreme", net) for net in (
        "r32-s8-c3w8x10/2-c3w16x4/2", "r32-s64/2-c3w96x1/2", "r32-s16/2-c1w64x6-c1w96x2/2",
        "r32-s8-m3e2w8x12-m3e2w16x6/2", "r32-s24-d3w24x6-d3w48x1/2", "r32-s16/2-c3w32x1/2-c3w128x2/2",
        "r24-s12-b5w12x2/2-b5w24x1/2", "r20-s32-d7w64x4/2",
    ))  # fmt: skip


# What the accuracy model zoo-128 liked best: the first pairs and single nets of searches for CIFAR-10 (256 and 112 KiB
# of flash, 64 KiB of SRAM, 100 and 135 ms on nucleo-l4r5zi, 10,000 + 10,000 candidates, seed 0).
FAVOURITES = (
    "r32-s16/2-m5e4w48x1/2-m7e6w32x4/2", "r32-s16/2-m7e2w32x2-m7e3w96x2/2-h128",
    "r32-s16/2-m7e4w96x1/2-m3e3w96x2/2-h128", "r32-s24/2-m7e2w24x3/2-m7e6w64x1/2-m7e6w8x1/2-h256",
    "r32-s32-d7w32x1/2-c3w48x2-m3e4w32x4/2-m7e3w48x1/2-h64", "r32-s32/2-m3e4w24x4/2-c3w96x1/2",
    "r32-s32/2-m5e6w24x2-m7e2w64x1/2-h64", "r32-s32-d5w48x1/2-b3w48x2/2-h64",
)  # fmt: skip
# What later models liked best, of constants fitted to all of the above. With the mean work of segments alone, shortcuts
# around waists of 8 channels; then few layers, wide from the start: three stages of a block each. The first pairs and
# single nets of searches for CIFAR-10 by evolution, at 25, 60 and 135 ms, and of other tasks.
LATER_FAVOURITES = (
    "r32-s24-c3w8x1/2-c3w64x1/2-b3w16x1/2", "r32-s24/2-d3w32x1-d3w128x1/2-b3w16x1/2",
    "r32-s32-d3w24x1/2-c3w24x1/2-b3w32x1/2", "r32-s32/2-d3w48x1/2-b3w8x1/2-b3w48x1/2",
    "r32-s32/2-d3w64x3/2-b3w12x1/2", "r28-s32-d3w48x1/2-d3w96x1/2-d5w128x1/2",
    "r32-s32/2-d3w48x1/2-d5w128x1/2-d3w128x1/2", "r32-s32-d3w128x1/2-d5w128x1/2-d5w96x1/2",
    "r32-s32/2-d3w48x1-d3w128x1/2-d5w128x1/2", "r28-s32-d3w96x1/2-d3w48x1/2-d5w128x1/2",
    "r32-s32-d5w64x1/2-d3w128x1/2-d5w128x1/2", "r32-s32/2-d3w96x1/2-d3w64x1-d7w96x1/2",
    "r32-s32-d3w64x1/2-d7w128x1/2-d3w128x1/2", "r32-s32-d3w96x1/2-m7e1w96x1/2-b3w32x1/2",
)  # fmt: skip
# Of the CIFAR-10 pair that was made by hand, see `benchmarks.cifar10_pair`.
BY_HAND = (
    "r32-s16/2-m3e4w24x1-m3e4w32x2/2", "r32-s16-b3w16x1-b3w32x2/2-b3w48x1/2", "r32-s10-b3w10x1-b3w24x1/2-b3w48x1/2",
    "r32-s16-d3w24x1/2-m3e4w24x2-m3e4w40x3/2-h128",
)  # fmt: skip


def others() -> dict[str, str]:
    """Every net of this page -> its family, in a fixed order, each as its canonical short spec."""
    found = [
        *_families(),
        *(("favourite", net) for net in FAVOURITES),
        *(("by hand", net) for net in BY_HAND),
        *(("later favourite", net) for net in LATER_FAVOURITES),
    ]
    return {str(NetSpec.parse(net)): family for family, net in found}


# Two of each family that stand for it on every task.
ON_EVERY_TASK = (
    mobilenet_v1(0.25, 2, 2), mobilenet_v1(0.5, 0, 1), mobilenet_v2(0.25, (1, 2, 3, 0, 0, 0), 2),
    mobilenet_v2(0.35, (1, 1, 1, 1, 0, 0), 1), resnet(4, 1), resnet(8, 1), ds_cnn(32, 4), ds_cnn(64, 4), plain(8, 1),
    "r32-s16/2-m3e4w24x1-m3e4w32x2/2",
)  # fmt: skip
