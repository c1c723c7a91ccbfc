"""Tasks and budgets of the journey, and the nets of the field that are made for them by hand."""

from dataclasses import dataclass, replace

from benchmarks.tasks.data import Task
from benchmarks.tasks.named import KNOWN
from benchmarks.tasks.nets import ds_cnn, mobilenet_v1, mobilenet_v2, plain, resnet
from zeroshot.cost.boards import Board, load_board
from zeroshot.cost.engines import Engine, load_engine
from zeroshot.cost.nets import NetCosts, net_costs
from zeroshot.net import NetSpec, layer_table, spec_array

BOARD, ENGINE = "nucleo-l4r5zi", "c99"
COUNTED = "macs"  # instead of a board: a millisecond is a million multiply-accumulates, flash is weights and biases
KIB = 1024
SIXTY = "cifar10-60-epochs"
# 30 is what `zeroshot train` does unless told otherwise; large tasks get fewer, equally many for every net of a task.
EPOCHS, OTHERS = 30, {"cifar10": 20, "animals": 20, SIXTY: 60}


@dataclass(frozen=True)
class Setting:
    """One task under one budget.

    Attributes:
        name: Short.
        task: Name of the task, with another recipe maybe.
        flash: Bytes.
        sram: Bytes.
        latency: Expected, ms.
        nets: Candidates of each role.
        board: Of the costs; `COUNTED` counts operations.
    """

    name: str
    task: str
    flash: int
    sram: int
    latency: float
    nets: int
    board: str = BOARD


def trained_as(task: str) -> Task:
    """A task with the recipe of the journey."""
    return replace(KNOWN["cifar10" if task == SIXTY else task], epochs=OTHERS.get(task, EPOCHS))


SETTINGS = (
    Setting("cifar10-135ms", "cifar10", 112 * KIB, 64 * KIB, 135.0, 10_000),
    Setting("cifar10-60ms", "cifar10", 112 * KIB, 64 * KIB, 60.0, 10_000),
    Setting("cifar10-25ms", "cifar10", 64 * KIB, 32 * KIB, 25.0, 10_000),
    Setting("cifar10-5M", SIXTY, 96 * KIB, 64 * KIB, 5.0, 10_000, COUNTED),
    Setting("animals-60ms", "animals", 112 * KIB, 64 * KIB, 60.0, 10_000),
    Setting("cats-dogs-25ms", "cats-dogs", 64 * KIB, 32 * KIB, 25.0, 10_000),
    Setting("five-thousand-60ms", "five-thousand", 112 * KIB, 64 * KIB, 60.0, 10_000),
    Setting("words-25ms", "words", 64 * KIB, 32 * KIB, 25.0, 10_000),
)


def hand_made() -> dict[str, str]:
    """The field's nets from small to large -> their family: what an engineer takes from papers and model zoos."""
    found: dict[str, str] = {}
    for channels in (4, 6, 8, 10, 12, 16):
        found[resnet(channels, 1)] = "resnet8"
    for channels in (4, 6, 8):
        found[resnet(channels, 2)] = "resnet14"
    for width, depth, stride in (
        (0.125, 1, 2), (0.25, 0, 2), (0.25, 2, 2), (0.375, 1, 2), (0.25, 0, 1), (0.25, 2, 1), (0.5, 1, 2), (0.5, 0, 1),
    ):  # fmt: skip
        found[mobilenet_v1(width, depth, stride)] = "mobilenet-v1"
    for width, repeats, stride in (
        (0.25, (1, 1, 1, 0, 0, 0), 2), (0.25, (1, 2, 3, 2, 0, 0), 2), (0.35, (1, 1, 2, 2, 1, 0), 2),
        (0.35, (1, 1, 1, 1, 0, 0), 1), (0.5, (1, 2, 3, 2, 0, 0), 2), (0.5, (1, 1, 2, 2, 1, 0), 2),
    ):  # fmt: skip
        found[mobilenet_v2(width, repeats, stride)] = "mobilenet-v2"
    for channels in (16, 24, 32, 48, 64):
        found[ds_cnn(channels, 4)] = "ds-cnn"
    for channels in (6, 8, 12, 16):
        found[plain(channels, 2)] = "plain"
    return {str(NetSpec.parse(net)): family for net, family in found.items()}


def platform_of(board: str) -> tuple[Board, Engine]:
    """A board and what runs on it; on `COUNTED` MACs, weights, biases and live tensors are all that costs anything."""
    real, engine = load_board(BOARD), load_engine(ENGINE)
    if board != COUNTED:
        return real, engine
    free = {"add", "avgpool"}
    counting = replace(
        engine, planner="bound", flash_base=0, flash_kernel=dict.fromkeys(engine.flash_kernel, 0), flash_layer=0,
        flash_channel=4, ram_base=0, ram_layer=0, ram_channel=0, ram_tap=0, block=1, gather={},
        depthwise=(0.0, 0.0, 0.0), layer_instructions=0.0, policy_instructions_per_class=0.0,
        stall=dict.fromkeys(engine.stall, 1.0),
        instructions={name: (float(name not in free), 0.0) for name in engine.instructions},
    )  # fmt: skip
    return replace(real, clock_mhz=1000.0, cycles_per_instruction={ENGINE: 1.0}), counting


def costs_of(nets: list[str], channels: int, classes: int, board: str = BOARD) -> tuple[NetCosts, Board, Engine]:
    """What nets cost alone."""
    table = layer_table(spec_array([NetSpec.parse(net) for net in nets]), channels, classes)
    on, engine = platform_of(board)
    return net_costs(table, on, engine), on, engine
