"""Tasks and budgets, and the nets that a search has to match at a third of their cost."""

from benchmarks.journey.settings import COUNTED, KIB, Setting, costs_of
from benchmarks.tasks.sensors import CEPSTRA, LOGS, OFFICIAL, SPEAKERS, unheard
from zeroshot.net import NetSpec

SHARE = 3  # the pair may expect a third of the multiply-accumulates that the published net has
FLASH, SRAM = 64 * KIB, 32 * KIB  # weights, and tensors alive at once
# Of MLPerf Tiny's keyword spotting, after Zhang et al. (arXiv 1711.07128): a stem of stride 2 and four separable blocks
# of 64 channels, 2.7 M multiply-accumulates on 49x10 cepstra. On log-mel of 32x40 the picture is reduced until the net
# has as many. The stem is 3x3 here, 10x4 there.
DS_CNN, DS_CNN_MACS = "64/2-d3w64x4", 2_700_000
# J. Brownlee, "1D Convolutional Neural Network Models for Human Activity Recognition" (2018): two convolutions of 64
# filters over three samples, pooling by two (here the second one's stride), 100 neurons (here at every place, before
# the mean: as many multiply-accumulates), one for each class.
HAR_CNN = "r1x67-s64-c3w64x1/2-h100"
RIVALS = {
    OFFICIAL: {"DS-CNN": f"r22x26-s{DS_CNN}"},
    CEPSTRA: {"DS-CNN on cepstra": f"r49x10-s{DS_CNN}"},
    **{unheard(each): {"DS-CNN": f"r22x26-s{DS_CNN}"} for each in SPEAKERS},
    LOGS: {"1-D CNN of tutorials": HAR_CNN},
}
CHANNELS = {LOGS: (3, 4)}  # channels and classes
SOUND = (1, 10)


def rivals(task: str) -> dict[str, str]:
    """What the nets of the field are called -> their short specs."""
    return {name: str(NetSpec.parse(net)) for name, net in RIVALS[task].items()}


def macs(task: str, net: str) -> int:
    """Multiply-accumulates of a net on a task."""
    costs, _, _ = costs_of([net], *CHANNELS.get(task, SOUND), COUNTED)
    return int(costs.macs[0])


def _setting(task: str) -> Setting:
    published = DS_CNN_MACS if task != LOGS else macs(task, HAR_CNN)
    return Setting(task, task, FLASH, SRAM, published / SHARE / 1e6, 10_000, COUNTED)


# On cepstra nothing is searched: DS-CNN as it is published, on features of its own.
SETTINGS = tuple(_setting(task) for task in RIVALS)
SEARCHED = tuple(setting for setting in SETTINGS if setting.task != CEPSTRA)
