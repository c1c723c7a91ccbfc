"""NAS-Bench-201 against the benchmark's own files, and its networks against closed forms and plain torch."""

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from zeroshot.build import initialise
from zeroshot.cost import counts
from zeroshot.cost.arena import PLANNERS, arena_bytes
from zeroshot.errors import UsageError
from zeroshot.net import ADD, AVGPOOL, COLUMNS, CONV, NO_TENSOR, POINTWISE
from zeroshot.spaces import nasbench201 as nb201
from zeroshot.spaces._nb201_modules import Cell

pytestmark = pytest.mark.usefixtures("torch_on_one_thread")


ALL = nb201.decode(np.arange(nb201.COUNT))


@pytest.fixture(scope="module")
def published():
    """Columns of the benchmark's table, lists of 15,625 strings in index order."""
    root = os.environ.get("ZEROSHOT_DATA")
    if not root:
        pytest.skip("ZEROSHOT_DATA is not set: no NAS-Bench-201 table")
    path = Path(root) / "nasbench201" / "accuracy.csv.gz"
    if not path.is_file():
        pytest.skip(f"{path} does not exist")
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == list(range(nb201.COUNT))
    return {name: [row[name] for row in rows] for name in rows[0]}


def joined(cells):
    return ["".join(map(str, cell)) for cell in cells.tolist()]


def test_order_and_notations_are_the_published_ones(published):
    assert joined(ALL) == published["ops6"]
    assert joined(nb201.to_naslib(ALL)) == published["naslib6"]
    assert nb201.NasBench201().enumerate() == published["arch"]
    assert [nb201.parse(text) for text in published["arch"]] == list(map(tuple, ALL.tolist()))


def test_order_without_the_table():
    # The three cells by which the authors check their own shuffle.
    strings = nb201.NasBench201().enumerate()
    assert (
        strings[0] == "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )
    assert strings[9] == "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
    assert strings[123] == "|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"
    assert len(set(strings)) == 15625


def test_conversions_are_inverses():
    np.testing.assert_array_equal(nb201.encode(ALL), np.arange(nb201.COUNT))
    np.testing.assert_array_equal(nb201.from_naslib(nb201.to_naslib(ALL)), ALL)
    for index in (0, 9, 15624):
        digits = tuple(ALL[index])
        assert nb201.digits_of(index) == nb201.digits_of(nb201.to_string(digits)) == nb201.digits_of(digits) == digits


@pytest.mark.parametrize(
    "cell",
    [-1, 15625, "", "|none~0|", "|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|", (0, 0, 0), (0, 0, 0, 0, 0, 5),
     "|none~1|+|none~0|none~1|+|none~0|none~1|none~2|", (0.5,) * 6],
)  # fmt: skip
def test_refuses_what_is_no_cell(cell):
    with pytest.raises(UsageError):
        nb201.digits_of(cell)
    assert cell not in nb201.NasBench201()


def test_dead_operations_are_the_published_ones(published):
    live = nb201.live(ALL)
    n_live = (live != 0).sum(axis=1)
    assert n_live.tolist() == list(map(int, published["n_live_ops"]))
    assert (live != ALL).any(axis=1).tolist() == [flag == "1" for flag in published["has_dead_op"]]
    assert (n_live > 0).tolist() == [flag == "1" for flag in published["output_connected"]]


def test_live_against_a_search_for_paths():
    paths = [(0, 3), (0, 1, 3), (0, 2, 3), (0, 1, 2, 3)]
    for cell, live in zip(ALL[::7].tolist(), nb201.live(ALL[::7]).tolist(), strict=True):
        code = dict(zip(nb201.EDGES, cell, strict=True))
        walks = [list(zip(path, path[1:], strict=False)) for path in paths]
        alive = {edge for walk in walks if all(code[edge] for edge in walk) for edge in walk}
        assert live == [code[edge] if edge in alive else 0 for edge in nb201.EDGES]


def test_classes_are_the_published_ones(published):
    assert nb201.canonical_classes().tolist() == list(map(int, published["canonical_class"]))
    assert nb201.published_classes().tolist() == list(map(int, published["unique_class"]))


def test_numbers_of_classes():
    canonical = nb201.canonical_classes()
    assert (len(set(canonical)), len(set(nb201.published_classes()))) == (4930, 6466)
    np.testing.assert_array_equal(canonical[nb201.encode(nb201.live(ALL))], canonical)


def test_cells_of_one_class_compute_the_same():
    """Skips and sums only, so that equal functions are equal numbers without sharing weights."""
    free = ALL[(ALL != 2).all(axis=1) & (ALL != 3).all(axis=1)]
    classes = nb201.canonical_classes()[nb201.encode(free)]
    x = torch.randn(1, 16, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    results: dict[int, torch.Tensor] = {}
    for cell, label in zip(free.tolist(), classes.tolist(), strict=True):
        out = Cell(cell, 16)(x)
        torch.testing.assert_close(out, results.setdefault(label, out))
    assert 1 < len(results) < len(free)


def test_counts_are_the_published_ones_on_every_row(published):
    assert nb201.params(ALL).tolist() == list(map(int, published["params_c10"]))
    flops = [f"{value / 1e6:.5f}" for value in nb201.flops(ALL).tolist()]
    assert flops == [f"{float(text):.5f}" for text in published["flops_c10_m"]]
    assert max(len(text.partition(".")[2]) for text in published["flops_c10_m"]) <= 5


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("classes", "side"), [(10, 32), (120, 16)])
def test_counts_are_those_of_the_modules(classes, side, count):
    indices = np.random.default_rng(side).integers(0, nb201.COUNT, count)
    cells = ALL[indices]
    expected = zip(nb201.params(cells, classes), nb201.flops(cells, classes, side), strict=True)
    for index, (params, flops) in zip(indices, expected, strict=True):
        net = nb201.network(int(index), classes).eval()
        assert sum(p.numel() for p in net.parameters()) == params
        assert hooked_flops(net, side) == flops


def hooked_flops(net, side):
    """Weights times output pixels of every convolution that runs, and the classifier's weights and biases."""
    found = []

    def count(module, _inputs, out):
        pixels = out.shape[2:].numel() if out.ndim == 4 else 1
        found.append(module.weight.numel() * pixels + (0 if module.bias is None else len(module.bias)))

    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        net(torch.zeros(1, 3, side, side))
    return sum(found)


@pytest.mark.parametrize("index", [1, 10])
def test_flops_are_those_of_torchs_counter(index):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert nb201.network(index, 120).eval()(torch.zeros(1, 3, 16, 16)).shape == (1, 120)
    flops = nb201.flops(ALL[[index]], 120, 16)[0]
    assert counter.get_total_flops() == 2 * (flops - 120)  # it counts two a MAC, and no biases


def test_table_has_the_counts_of_every_cell():
    table = nb201.layer_table(ALL)
    np.testing.assert_array_equal(counts.macs(table), nb201.flops(ALL) - 10)
    np.testing.assert_array_equal(counts.params(table), nb201.params(ALL) + 64)
    for planner in PLANNERS:
        arena = arena_bytes(table, planner)
        assert arena.min() >= 32 * 32 * (3 + 16)  # the stem's input and output
        assert arena.max() <= 6 * 32 * 32 * 16
    part = nb201.layer_table(ALL[100:102], 120, 16)
    whole = nb201.layer_table(ALL[:200], 120, 16)
    np.testing.assert_array_equal(part.rows, whole.rows[whole.ptr[100] : whole.ptr[102]])


def test_removing_dead_operations_never_costs():
    full, lean = nb201.layer_table(ALL[::5]), nb201.layer_table(nb201.live(ALL[::5]))
    assert (counts.macs(lean) <= counts.macs(full)).all()
    assert (arena_bytes(lean, "bound") <= arena_bytes(full, "bound")).all()


def test_table_of_one_cell():
    # 1 = conv3x3(0), 2 = avgpool(1), 3 = skip(0) + conv1x1(2)
    table = nb201.layer_table([[3, 0, 4, 1, 0, 2]])
    cell = table.rows[table.column("cell") == 2]
    columns = [COLUMNS.index(name) for name in ("op", "kernel_h", "source", "residual")]
    # The first cell has rows 1 to 4; its sum, row 4, is this one's input.
    assert [tuple(row) for row in cell[:, columns].tolist()] == [
        (CONV, 3, 4, NO_TENSOR),
        (AVGPOOL, 3, 5, NO_TENSOR),
        (POINTWISE, 1, 6, NO_TENSOR),
        (ADD, 1, 4, 7),
    ]


def test_sides_and_classes_are_checked():
    for classes, side in ((0, 32), (10, 30), (10, 0)):
        with pytest.raises(UsageError):
            nb201.layer_table(ALL[:1], classes, side)
        with pytest.raises(UsageError):
            nb201.flops(ALL[:1], classes, side)
    with pytest.raises(UsageError):
        nb201.network(0, 0)


@pytest.mark.parametrize("index", [0, 1, 5, 10, 11])
def test_network_computes_what_the_paper_says(index):
    """The whole network written out with functional calls, training-mode batch norm."""
    net = nb201.network(index)
    initialise(net, torch.Generator().manual_seed(index))
    weights = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d)]
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(net(x), naive_network(nb201.digits_of(index), x, weights, net.classifier))


def naive_network(digits, x, weights, classifier):
    queue = list(weights)

    def normed(x):
        return functional.batch_norm(x, None, None, training=True)

    def conv(x, stride=1):
        weight = queue.pop(0)
        return functional.conv2d(x, weight, None, stride, weight.shape[-1] // 2)

    def apply(code, x):
        if code == 0:
            return x * 0
        if code == 1:
            return x
        return functional.avg_pool2d(x, 3, 1, 1, False, False) if code == 4 else normed(conv(x.relu()))

    x = normed(conv(x))
    for stage in range(3):
        if stage:
            body = normed(conv(normed(conv(x.relu(), 2)).relu()))
            x = body + conv(functional.avg_pool2d(x, 2))
        for _ in range(5):
            node1 = apply(digits[0], x)
            node2 = apply(digits[1], x) + apply(digits[2], node1)
            x = apply(digits[3], x) + apply(digits[4], node1) + apply(digits[5], node2)
    assert not queue
    return classifier(normed(x).relu().mean((2, 3)))


def test_building_draws_nothing_and_relus_can_be_hooked():
    state = torch.get_rng_state()
    net = nb201.network(1)
    assert torch.equal(state, torch.get_rng_state())
    assert all(not m.weight.any() for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    relus = [m for m in net.modules() if isinstance(m, nn.ReLU)]
    assert len(relus) == 15 * 3 + 4 + 1
    assert not any(m.inplace for m in relus)


def test_space():
    space = nb201.NasBench201()
    assert space.count() == 15625
    assert space.encode(nb201.to_string(ALL[77].tolist())) == 77
    assert "|none~0|" not in space
    sample = space.sample(2000, np.random.default_rng(0))
    np.testing.assert_array_equal(sample, space.sample(2000, np.random.default_rng(0)))
    assert len(np.unique(nb201.encode(sample))) > 1800
    mutants = space.mutate(sample, np.random.default_rng(1))
    assert ((mutants != sample).sum(axis=1) == 1).all()
    assert set((mutants != sample).argmax(axis=1)) == set(range(6))
    nb201.check(mutants)
    children = space.crossover(sample[:1000], sample[1000:], np.random.default_rng(2))
    assert ((children == sample[:1000]) | (children == sample[1000:])).all()
    assert (children != sample[:1000]).any(axis=0).all()
    keys = space.canonical(ALL)
    assert keys.shape == (15625, 1)
    assert len(np.unique(keys)) == 4930
    assert nb201.params(space.corner()).tolist() == [nb201.params(nb201.live(ALL)).min()]
