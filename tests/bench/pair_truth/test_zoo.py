"""Drawing and training the zoo: benchmarks.pair_truth."""

import itertools
from collections import Counter
from math import floor, log
from pathlib import Path

import numpy as np
import pytest

from benchmarks.pair_truth import drawing, training, zoo
from zeroshot.bench.pair_truth import load
from zeroshot.cost.boards import load_board
from zeroshot.cost.counts import layer_macs, params
from zeroshot.cost.engines import engine_names, load_engine
from zeroshot.cost.nets import net_costs, platform
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.spaces import McuSpace
from zeroshot.training.train import Recipe

FOLDER = Path(__file__).parent.parent.parent.parent / "benchmarks" / "pair_truth"


@pytest.fixture(scope="module")
def plan():
    """The plan that is stored."""
    return drawing.read_plan(FOLDER / "plan.csv")


@pytest.fixture(scope="module")
def nets(plan):
    """Each net of the first draw once, in its order."""
    return [entry for entry in plan if entry.seed == 0 and entry.position < 128]


@pytest.fixture(scope="module")
def more(plan):
    """The nets of the second draw."""
    return [entry for entry in plan if entry.position >= 128]


def place(entry, parts):
    """Which of so many equal parts of log MACs a net lies in."""
    return floor(parts * log(entry.macs / 0.05e6) / log(15e6 / 0.05e6))


def table_of(text):
    return layer_table(spec_array([NetSpec.parse(text)]), 3, 10)


# The stored plan


def test_every_beginning_of_the_plan_is_stratified(nets):
    assert len(nets) == 128
    assert [entry.position for entry in nets] == list(range(128))
    for bits in range(8):
        first = nets[: 2**bits]
        assert sorted(place(entry, 2**bits) for entry in first) == list(range(2**bits))
    for n in range(8, 129):  # also between powers of two no eighth is left behind
        counts = Counter(place(entry, 8) for entry in nets[:n])
        assert max(counts.values()) - min(counts[part] for part in range(8)) <= 1


def test_the_second_draw_is_stratified_too_and_all_to_calibrate_on(nets, more):
    assert [entry.position for entry in more] == list(range(128, 192))
    assert {(entry.seed, entry.half) for entry in more} == {(0, "calibration")}
    assert {entry.net for entry in more}.isdisjoint(entry.net for entry in nets)
    for bits in range(7):
        assert sorted(place(entry, 2**bits) for entry in more[: 2**bits]) == list(range(2**bits))
    for trait in (lambda e: e.kind, lambda e: NetSpec.parse(e.net).resolution):
        counts = Counter(trait(entry) for entry in more)
        assert len(counts) == 5
        assert max(counts.values()) - min(counts.values()) <= 1


def test_blocks_and_resolutions_are_well_represented(nets):
    for n in (20, 40, 60, 128):
        kinds = Counter(entry.kind for entry in nets[:n])
        assert kinds.keys() == {"c", "d", "m", "b", "any"}
        assert max(kinds.values()) - min(kinds.values()) <= 1
    sides = Counter(NetSpec.parse(entry.net).resolution for entry in nets)
    assert set(sides) == {16, 20, 24, 28, 32}
    assert min(sides.values()) >= 20
    for kind in "cdmb":  # each over the whole range of MACs
        assert {place(entry, 4) for entry in nets if entry.kind == kind} == {0, 1, 2, 3}


def test_the_kind_is_the_block_that_does_most_of_the_work(nets, more):
    """Layer by layer, from the cells of a stage."""
    for entry in nets + more:
        spec, table = NetSpec.parse(entry.net), table_of(entry.net)
        owner = [None, *(stage.block for stage in spec.stages for _ in range(stage.depth))]
        work = Counter()
        for cell, count in zip(table.column("cell").tolist(), layer_macs(table).tolist(), strict=True):
            if cell < len(owner):
                work[owner[cell]] += count
        del work[None]
        if entry.kind != "any":
            assert work[entry.kind] > work.total() / 2


def test_the_nets_are_of_the_space_and_fit_the_device(nets, more):
    space, board = McuSpace.for_images(32), load_board("arduino-nano-33-ble")
    assert len({entry.net for entry in nets + more}) == 192
    for entry in nets + more:
        assert NetSpec.parse(entry.net) in space
        for name in engine_names():
            engine = load_engine(name)
            costs = net_costs(table_of(entry.net), board, engine)
            assert costs.macs[0] == entry.macs
            assert costs.arena[0] + costs.persistent[0] <= 256 * 1024
            assert costs.flash[0] + platform(board, engine, 10).runtime[costs.ops[0]] <= 1024 * 1024


def test_flash_is_spread_beside_macs(nets):
    """At a number of MACs there are small and large nets."""
    flash = np.log([params(table_of(entry.net))[0] for entry in nets])
    x = np.log([entry.macs for entry in nets])
    residual = flash - np.polyval(np.polyfit(x, flash, 1), x)
    assert residual.std() > 0.5  # a factor of 1.6


def test_halves_are_alike(nets):
    for n in (16, 32, 60, 128):
        halves = Counter(entry.half for entry in nets[:n])
        assert abs(halves["calibration"] - halves["held-out"]) <= 2
    for trait in (lambda e: e.kind, lambda e: e.net.split("-")[0], lambda e: place(e, 8)):
        counts = Counter((trait(entry), entry.half) for entry in nets)
        for value in {trait(entry) for entry in nets}:
            assert abs(counts[value, "calibration"] - counts[value, "held-out"]) <= 3


def test_repeats_stand_after_the_first_sixty_nets(plan, nets, more):
    assert len(plan) == 128 + 24 + 64
    assert plan[:60] == nets[:60]
    again = plan[60:84]
    assert plan[84:] == nets[60:] + more
    assert Counter((entry.position, entry.seed) for entry in again) == Counter(itertools.product(range(12), (1, 2)))
    for entry in again:
        (first,) = (other for other in nets if other.position == entry.position)
        assert (entry.net, entry.half, entry.macs) == (first.net, first.half, first.macs)
    assert {place(entry, 8) for entry in again} == set(range(8))
    assert {entry.half for entry in again} == {"calibration", "held-out"}


# The draw


@pytest.fixture
def small(monkeypatch):
    """A draw of a moment."""
    monkeypatch.setattr(drawing, "POOL", 1500)
    monkeypatch.setattr(drawing, "NETS", 16)
    monkeypatch.setattr(drawing, "MORE", 4)
    monkeypatch.setattr(drawing, "REPEATS_AFTER", 14)
    return drawing


def test_the_draw_follows_its_seed(small, tmp_path):
    first = small.plan(3)
    assert small.plan(3) == first
    other = small.plan(4)
    assert {entry.net for entry in other}.isdisjoint(entry.net for entry in first)
    small.write_plan(tmp_path / "plan.csv", first)
    assert small.read_plan(tmp_path / "plan.csv") == first
    assert sorted(place(entry, 16) for entry in first if entry.seed == 0 and entry.position < 16) == list(range(16))
    assert sorted(place(entry, 4) for entry in first if entry.position >= 16) == list(range(4))


def test_seeds_choose_the_halves(nets):
    rows = [(entry.net, entry.kind, entry.macs) for entry in nets]
    assert drawing._halves(rows, 0) == [entry.half for entry in nets]
    assert drawing._halves(rows, 1) != [entry.half for entry in nets]


def test_van_der_corput():
    assert drawing.van_der_corput(1) == [0]
    assert drawing.van_der_corput(16) == [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15]


def test_packs_deal_each_value_equally_often():
    dealt = list(itertools.islice(drawing.packs(3, np.random.default_rng(0)), 300))
    assert all(set(dealt[i : i + 3]) == {0, 1, 2} for i in range(0, 300, 3))
    assert len({tuple(dealt[i : i + 3]) for i in range(0, 300, 3)}) == 6


@pytest.mark.slow
def test_the_stored_plan_is_the_draw_of_seed_0(plan):
    assert drawing.plan(0) == plan


# Training


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """zoo.py with a plan of four trainings of one epoch on 400 random images, in an empty folder."""
    rng = np.random.default_rng(0)
    images = {f"x_{part}": rng.integers(0, 256, (n, 32, 32, 3), np.uint8) for part, n in (("train", 400), ("test", 90))}
    np.savez(tmp_path / "tiny.npz", **images, y_train=np.arange(400) % 10, y_test=np.arange(90) % 10)
    entries = [
        drawing.Entry(i, net, seed, half, "c", int(net_costs(table_of(net), load_board("nucleo-l4r5zi"),
                                                              load_engine("c99")).macs[0]))
        for i, net, seed, half in (
            (0, "r16-s8/2-c3w8x1/2", 0, "calibration"), (1, "r16-s8/2-d3w8x1/2", 0, "held-out"),
            (0, "r16-s8/2-c3w8x1/2", 1, "calibration"), (2, "r16-s8/2-c3w12x1/2-h64", 0, "held-out"),
        )
    ]  # fmt: skip
    drawing.write_plan(tmp_path / "plan.csv", entries)
    training.split_of.cache_clear()
    monkeypatch.setattr(training, "RECIPE", Recipe(epochs=2, patience=0, precision="bf16"))
    monkeypatch.setattr(zoo, "PLAN", tmp_path / "plan.csv")
    monkeypatch.setattr(zoo, "ZOO", tmp_path / "zoo")
    monkeypatch.setattr(zoo, "cifar10_file", lambda: tmp_path / "tiny.npz")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield zoo
    training.split_of.cache_clear()


def test_training_fills_the_zoo(workshop, tmp_path, capsys):
    workshop.train(1.0, 1, "loky", "1/1")
    zoo = load(tmp_path / "zoo")
    assert [(net.about["position"], net.seed) for net in zoo.nets] == [(0, 0), (0, 1), (1, 0), (2, 0)]
    assert zoo.right().shape == (4, 90)
    assert {part: len(truth) for part, truth in zoo.labels.items()} == {"validation": 40, "test": 90}
    for net in zoo.nets:
        assert net.macs == net.about["macs"]
        assert len(net.about["history"]) == 2
        assert net.validation_accuracy == max(row["validation_accuracy"] for row in net.about["history"])
        assert net.validation_accuracy == zoo.chosen(seed=None).right("validation")[zoo.nets.index(net)].mean()
        assert net.about["costs"].keys() == set(engine_names())
        assert net.about["recipe"]["precision"] == "bf16"
        assert net.about["machine"]["device"] == "cpu"
    assert len(zoo.nets[0].answers.levels) == 4
    assert list(zoo.nets[1].answers.levels) == ["logit-gap"]
    assert "4 of 4 trainings stored" in capsys.readouterr().out


def test_digits_train_held_out_nets_alone(workshop, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(workshop, "DIGITS", tmp_path / "digits" / "zoo")
    monkeypatch.setattr(training, "DIGITS", Recipe(epochs=1, patience=0, precision="bf16"))
    workshop.train(1.0, 1, "loky", "1/1", "digits")
    assert "2 of 2 trainings stored." in capsys.readouterr().out
    zoo = load(tmp_path / "digits" / "zoo")
    assert [(net.about["position"], net.seed, net.half) for net in zoo.nets] == [(1, 0, "held-out"), (2, 0, "held-out")]
    assert {part: len(truth) for part, truth in zoo.labels.items()} == {"validation": 143, "test": 359}
    table = layer_table(spec_array([NetSpec.parse(zoo.nets[0].net)]), 1, 10)  # grey images
    assert zoo.nets[0].macs == layer_macs(table).sum()
    assert len(zoo.nets[0].about["history"]) == 1
    assert not (tmp_path / "zoo").exists()


def test_a_second_sitting_goes_on(workshop, tmp_path, capsys):
    workshop.train(1.0, 1, "loky", "2/2")
    assert [path.stem for path in sorted((tmp_path / "zoo").glob("*.json"))] == ["001-s0", "002-s0"]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "zoo").iterdir()}
    assert "2 of 4 trainings stored" in capsys.readouterr().out
    workshop.train(1.0, 1, "loky", "1/1")
    assert "4 of 4 trainings stored" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_cut_sitting_loses_no_epoch(workshop, tmp_path, monkeypatch):
    """The deadline passes in the first epoch; the net then goes on at the second, and ends as if never cut."""
    entry, *_ = drawing.read_plan(tmp_path / "plan.csv")
    npz, epochs = str(tmp_path / "tiny.npz"), []
    inner = training.train_net

    def spying(*args, progress, **options):
        def look(what, done, total):
            epochs.append(done)
            progress(what, done, total)

        return inner(*args, progress=look, **options)

    monkeypatch.setattr(training, "train_net", spying)
    clock = iter([0.0, 2.0])
    with monkeypatch.context() as patch:
        patch.setattr(training.time, "time", lambda: next(clock))
        assert training.train_entry(entry, training.RECIPE, npz, str(tmp_path / "cut"), 1.0) is None
    assert epochs == [1]
    resumed = training.train_entry(entry, training.RECIPE, npz, str(tmp_path / "cut"), float("inf"))
    assert epochs == [1, 2]
    whole = training.train_entry(entry, training.RECIPE, npz, str(tmp_path / "whole"), float("inf"))
    assert np.array_equal(resumed.logits["test"], whole.logits["test"])
    assert training.train_entry(entry, training.RECIPE, npz, str(tmp_path / "late"), 0.0) is None
    assert not (tmp_path / "late").exists()


def test_another_recipe_is_refused(workshop, monkeypatch):
    workshop.train(1.0, 1, "loky", "1/4")
    monkeypatch.setattr(training, "RECIPE", Recipe(epochs=1, patience=0, precision="bf16"))
    with pytest.raises(workshop.RunError, match="is not the training"):
        workshop.train(1.0, 1, "loky", "1/4")


def test_parts_divide_the_plan(workshop):
    parts = [workshop.part_of(list(range(10)), f"{i}/3") for i in (1, 2, 3)]
    assert sorted(sum(parts, [])) == list(range(10))
    assert parts[1] == [1, 4, 7]
    for wrong in ("0/3", "4/3", "1", "1/0", "a/b", "1/3/3", "-1/3"):
        with pytest.raises(workshop.UsageError, match="part"):
            workshop.part_of([], wrong)


def test_the_estimate_grows_with_what_a_net_does():
    seconds = training.epoch_seconds
    plain, depthwise = seconds("r16-s8/2-c3w16x1"), seconds("r16-s8/2-d3w16x1")
    # By hand: 8x8 pixels, stem 27 * 8, then 72 * 16 or (9 * 8 depthwise and 8 * 16), then 16 * 10.
    assert plain == pytest.approx(3 + 4e-6 * (64 * (216 + 1152) + 160) + 3.5e-4 * (64 * (8 + 16) + 16 + 10))
    macs, written = 64 * (216 + 72 + 128) + 160, 64 * (8 + 8 + 16) + 16 + 10
    assert depthwise == pytest.approx(3 + 4e-6 * macs + 15.2e-6 * 64 * 72 + 3.5e-4 * written)


@pytest.mark.slow
def test_processes_train_the_same_nets(workshop, tmp_path, monkeypatch):
    workshop.train(1.0, 1, "loky", "1/1")
    alone = load(tmp_path / "zoo")
    monkeypatch.setattr(workshop, "ZOO", tmp_path / "together")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another cache"))
    workshop.train(1.0, 2, "loky", "1/1")
    together = load(tmp_path / "together")
    assert np.array_equal(together.right(), alone.right())
    assert np.array_equal(together.levels(), alone.levels())
