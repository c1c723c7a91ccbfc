"""Official files become plain tables, and no pickle runs anything."""

import bz2
import csv
import gzip
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch

from zeroshot.bench import nasbench201 as nb
from zeroshot.bench import official
from zeroshot.errors import DataError, UsageError
from zeroshot.spaces import nasbench201 as space

# What a file says of one cell: three data sets, CIFAR-10 with two seeds, and one that no table needs.
WORTH = {("cifar10", 777): 90.0, ("cifar10", 888): 91.0, ("cifar100", 777): 70.0, ("ImageNet16-120", 777): 40.0}


def cell(add=0.0, kind=float):
    results = OrderedDict()
    for (data, seed), accuracy in {**WORTH, ("cifar10-valid", 777): 1.0}.items():
        images = "ori-test" if data.startswith("cifar10") and data != "cifar100" else "x-test"
        values = {f"{images}@{epoch}": kind(accuracy + add if epoch == 199 else 5) for epoch in (0, 199)}
        results[data, seed] = {"eval_acc1es": values, "net_state_dict": None, "seed": seed}
    return {"arch_str": "...", "all_results": results}


def expected(i, task):
    return {"cifar10": 90.5, "cifar100": 70.0, "imagenet16-120": 40.0}[task] + i / 15625


def few(monkeypatch, count=6):
    monkeypatch.setattr(space, "COUNT", count)
    monkeypatch.setattr(space, "canonical_classes", lambda: np.arange(count))


def hardware():
    columns = {f"{d}_{k}": list(range(space.COUNT)) for d, kinds in nb.DEVICES.items() for k in kinds}
    return {"nasbench201": {data: columns for data, _ in official.OFFICIAL.values()}, "fbnet": {}}


@pytest.mark.parametrize("count", [100, pytest.param(space.COUNT, marks=pytest.mark.slow)])
def test_one_large_file_becomes_a_table_that_loads(tmp_path, monkeypatch, count):
    few(monkeypatch, count)
    infos = {i: {"200": cell(i / 15625), "12": cell()} for i in range(space.COUNT)}
    with bz2.open(tmp_path / "n.pickle.pbz2", "wb", 1) as file:
        pickle.dump({"arch2infos": infos, "meta_archs": []}, file)
    official.convert(tmp_path / "n.pickle.pbz2", tmp_path)
    (tmp_path / "h.pickle").write_bytes(pickle.dumps(hardware()))
    official.convert(tmp_path / "h.pickle", tmp_path)
    truth = nb.load(tmp_path)
    for task in nb.TASKS:
        some = [0, 7, count - 1]
        assert truth.accuracy[task][some] == pytest.approx([expected(i, task) for i in some], abs=1e-4)
    assert truth.costs["cifar100/fpga/energy"][[0, 9]].tolist() == [0, 9]


@pytest.mark.parametrize("kind", [float, np.float64, np.float32])
def test_a_folder_of_small_files_is_read_cell_by_cell(tmp_path, monkeypatch, kind):
    few(monkeypatch)
    for i in range(6):
        (tmp_path / f"{i:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps({"200": cell(i, kind)})))
    path = official.convert(tmp_path, tmp_path / "out")
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["c10_test200"]) for row in rows] == [90.5 + i for i in range(6)]
    assert rows[3]["arch"] == space.to_string(space.decode([3])[0].tolist())
    (tmp_path / "000004.pickle.pbz2").unlink()
    with pytest.raises(UsageError, match="no file .*000004"):
        official.convert(tmp_path, tmp_path)


def test_a_pth_is_read_without_its_code(tmp_path, monkeypatch):
    few(monkeypatch)
    torch.save({"arch2infos": {i: {"full": cell(i)} for i in range(6)}}, tmp_path / "n.pth")
    assert official.convert(tmp_path / "n.pth", tmp_path).is_file()


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("name", ["n.pickle.pbz2", "n.pickle", "n.pth"])
def test_a_file_with_code_is_refused_and_the_code_not_run(tmp_path, name):
    path, sign = tmp_path / name, tmp_path / "sign"
    content = {"arch2infos": {0: {"full": Trap(sign)}}}
    if name.endswith("pth"):
        torch.save(content, path)
    else:
        raw = pickle.dumps(content)
        path.write_bytes(bz2.compress(raw) if name.endswith("pbz2") else raw)
    with pytest.raises(DataError, match="plain data") as caught:
        official.convert(path, tmp_path)
    assert "mkdir" in caught.value.message
    assert not sign.exists()
    assert not (tmp_path / "accuracy.csv.gz").exists()


def test_numbers_of_objects_are_no_plain_data(tmp_path):
    (tmp_path / "n.pickle").write_bytes(pickle.dumps(np.dtype("O")))
    with pytest.raises(DataError, match="numbers of kind 'O8'"):
        official.read_pickle(tmp_path / "n.pickle")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "neither results of cells"),
        ({"arch2infos": {0: {"200": cell()}}}, "has 1 cells"),
        ({"arch2infos": {0: {"12": cell()}}}, "cell 0: results are not laid out"),
        ({"arch2infos": {3: {"200": {"all_results": {}}}}}, "cell 3: results are not laid out"),
        ({"arch2infos": {99999: {"200": cell()}}}, "cell 99999"),
    ],
)
def test_other_content_is_refused(tmp_path, content, words):
    (tmp_path / "n.pickle").write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=words):
        official.convert(tmp_path / "n.pickle", tmp_path)


def test_damaged_files_are_refused(tmp_path, monkeypatch):
    for content in (b"", b"no pickle", pickle.dumps({1: 2})[:-3]):
        (tmp_path / "n.pickle").write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            official.read_pickle(tmp_path / "n.pickle")
    with pytest.raises(UsageError, match="no file"):
        official.convert(tmp_path / "none.pth", tmp_path)
    (tmp_path / "h.pickle").write_bytes(pickle.dumps({"nasbench201": {}}))
    with pytest.raises(DataError, match="not laid out"):
        official.convert(tmp_path / "h.pickle", tmp_path)
    few(monkeypatch)
    content = hardware()
    content["nasbench201"]["cifar10"]["raspi4_latency"] = [1.0]
    (tmp_path / "h.pickle").write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match="c10_raspi4_latency has 1 values"):
        official.convert(tmp_path / "h.pickle", tmp_path)
