"""The stored zoo: levels against raw scores, files against damage, pair tables against measured cascades."""

import json
import shutil
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeroshot.bench import truth_files as files
from zeroshot.bench.pair_truth import NetSummary, Zoo, costs_on, load, outcome, pair_table
from zeroshot.cascade import measure
from zeroshot.cascade.policy import DEFAULT_POLICY, POLICIES, confidence
from zeroshot.cascade.thresholds import threshold_for_rate
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import net_costs
from zeroshot.errors import RunError, UsageError
from zeroshot.net import NetSpec, layer_table, spec_array

CLASSES, N_VALIDATION, N_TEST = 5, 300, 400
SPECS = ["r16-s8/2-c3w8x1", "r16-s8/2-d3w8x1", "r16-s8-c3w8x1", "r20-s12-b3w12x1", "r16-s8/2-c3w8x1/2"]
MACS = [300, 100, 200, 900, 100]

scores = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=60)


def made_up(rng, labels, skill):
    """Logits of a net that is right more often the higher its skill."""
    logits = rng.normal(size=(len(labels), CLASSES))
    logits[np.arange(len(labels)), labels] += skill
    return logits.astype(np.float32)


@pytest.fixture(scope="module")
def truth():
    """Labels, and the logits of each net."""
    rng = np.random.default_rng(5)
    labels = {"validation": rng.integers(0, CLASSES, N_VALIDATION), "test": rng.integers(0, CLASSES, N_TEST)}
    logits = [
        {part: made_up(rng, truth, skill) for part, truth in labels.items()} for skill in (1.0, 0.5, 0.8, 2.0, 0.4)
    ]
    return labels, logits


def about_of(i, logits, labels, seed=0):
    right = {part: float((logits[part].argmax(1) == labels[part]).mean()) for part in files.PARTS}
    return {
        "net": SPECS[i], "seed": seed, "half": ("calibration", "held-out")[i % 2], "position": i, "kind": "any",
        "classes": CLASSES, "macs": MACS[i], "params": 7, "validation_accuracy": right["validation"],
        "test_accuracy": right["test"], "seconds": 1.5,
    }  # fmt: skip


def store(folder, truth, policies=tuple(POLICIES)):
    labels, logits = truth
    files.save_labels(folder, labels)
    for i, each in enumerate(logits):
        about = about_of(i, each, labels)
        files.save_net(folder, f"{i:03d}-s0", about, files.answers(each, policies), files.load_labels(folder))
    return folder


@pytest.fixture(scope="module")
def stored(truth, tmp_path_factory):
    return store(tmp_path_factory.mktemp("zoo"), truth)


@pytest.fixture
def copy(stored, tmp_path):
    return shutil.copytree(stored, tmp_path / "zoo")


# Levels


@settings(deadline=None)
@given(scores)
def test_thresholds_are_those_of_measure(validation):
    found = files.thresholds(validation)
    assert found.tolist() == [threshold_for_rate(validation, k / 256) for k in range(1, 256)]


@settings(deadline=None)
@given(scores, scores)
def test_below_a_level_is_below_its_threshold(validation, test):
    edges = files.thresholds(validation)
    level = files.levels(test, edges)
    assert level.dtype == np.uint8
    for k in range(1, 256):
        assert np.array_equal(level < k, np.asarray(test) < edges[k - 1])


@settings(deadline=None)
@given(scores, scores)
def test_levels_keep_the_order_of_scores(validation, test):
    level = files.levels(test, files.thresholds(validation)).tolist()
    for (a, x), (b, y) in pairwise(sorted(zip(test, level, strict=True))):
        assert x <= y
        assert a < b or x == y


def test_a_level_holds_few_validation_images(truth):
    """With more images than levels and no ties a level is 1/256 of them, up to rounding."""
    score = np.random.default_rng(0).normal(size=5000)
    counts = np.bincount(files.levels(score, files.thresholds(score)), minlength=256)
    assert set(counts.tolist()) == {19, 20}


def test_knots_are_thresholds(truth):
    said = files.answers(truth[1][0])
    for policy in POLICIES:
        score = confidence(truth[1][0]["validation"], policy)
        expected = [threshold_for_rate(score, k / 32) for k in range(1, 32)]
        assert said.knots[policy] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("policies", "classes"), [(("score-margin",), 5), ((DEFAULT_POLICY,), 257)], ids=["no default", "classes"]
)
def test_answers_that_cannot_be_stored(policies, classes):
    logits = {part: np.zeros((3, classes)) for part in files.PARTS}
    with pytest.raises(UsageError):
        files.answers(logits, policies)


# Files


def test_what_was_stored_is_read(truth, stored):
    labels, logits = truth
    zoo = load(stored)
    assert len(zoo) == len(SPECS)
    assert [net.net for net in zoo.nets] == SPECS
    for part in files.PARTS:
        assert np.array_equal(zoo.labels[part], labels[part])
        expected = [each[part].argmax(1) == labels[part] for each in logits]
        assert np.array_equal(zoo.right(part), expected)
    for net, each in zip(zoo.nets, logits, strict=True):
        said = files.answers(each)
        for part in files.PARTS:
            assert np.array_equal(net.answers.predicted[part], each[part].argmax(1))
        assert np.array_equal(net.answers.validation_levels, said.validation_levels)
        for policy in POLICIES:
            assert np.array_equal(net.answers.levels[policy], said.levels[policy])
            assert np.array_equal(net.answers.knots[policy], said.knots[policy])
        assert net.about["seconds"] == 1.5


def test_equal_answers_give_equal_bytes(truth, stored, tmp_path):
    again = store(tmp_path, truth)
    for path in sorted(stored.iterdir()):
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_a_net_with_the_default_policy_alone(truth, tmp_path):
    zoo = load(store(tmp_path, truth, (DEFAULT_POLICY,)))
    assert zoo.levels().shape == (len(SPECS), N_TEST)
    with pytest.raises(UsageError) as caught:
        zoo.levels("entropy")
    assert DEFAULT_POLICY in caught.value.hint


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def change(key, value):
    def to(path):
        about = json.loads(path.read_text())
        path.write_text(json.dumps({k: v for k, v in {**about, key: value}.items() if v is not None}))

    return to


@pytest.mark.parametrize(
    ("name", "damage", "word"),
    [
        ("002-s0.npz", flip, "SHA-256"),
        ("002-s0.npz", cut, "SHA-256"),
        ("002-s0.npz", lambda path: path.unlink(), "No such file"),
        ("002-s0.json", cut, "cannot be read"),
        ("002-s0.json", lambda path: path.write_text("[]"), "describes no net"),
        ("002-s0.json", change("macs", None), "macs"),
        ("002-s0.json", change("half", None), "half"),
        ("002-s0.json", change("seed", "zero"), "zero"),
        ("002-s0.json", change("sha256", None), "describes no net"),
        ("002-s0.json", change("sha256", "0"), "SHA-256"),
        ("002-s0.json", change("test_accuracy", 0.99), "0.99"),
        ("002-s0.json", change("labels_sha256", "0"), "other labels"),
        ("labels.npz", cut, "labels.npz"),
        ("labels.npz", lambda path: path.write_bytes(b""), "labels.npz"),
    ],
)
def test_damage_is_noticed(copy, name, damage, word):
    damage(copy / name)
    with pytest.raises(RunError) as caught:
        load(copy)
    assert word in caught.value.message
    assert caught.value.hint


def test_no_pickle_is_read(copy):
    """An archive of objects, with its own checksum in order."""
    arrays = dict(np.load(copy / "002-s0.npz"))
    np.savez(copy / "002-s0.npz", **{**arrays, "knots": np.array([{}], object)})
    digest = files.hashlib.sha256((copy / "002-s0.npz").read_bytes()).hexdigest()
    change("sha256", digest)(copy / "002-s0.json")
    with pytest.raises(RunError, match="no archive of a zoo"):
        load(copy)


def test_there_is_no_zoo(tmp_path):
    with pytest.raises(RunError, match="There is no zoo"):
        load(tmp_path)


def test_a_net_without_its_json_is_not_there_yet(copy):
    (copy / "002-s0.json").unlink()
    assert len(load(copy)) == len(SPECS) - 1


def test_labels_are_written_once(copy, truth):
    files.save_labels(copy, truth[0])
    with pytest.raises(RunError, match="other images"):
        files.save_labels(copy, {**truth[0], "test": truth[0]["test"][::-1]})


# The zoo


def test_choosing(copy, truth):
    labels, logits = truth
    about = about_of(3, logits[3], labels, seed=1)
    files.save_net(copy, "003-s1", about, files.answers(logits[3], (DEFAULT_POLICY,)), files.load_labels(copy))
    zoo = load(copy)
    assert [(n.net, n.seed) for n in zoo.chosen("held-out", None).nets] == [(SPECS[1], 0), (SPECS[3], 0), (SPECS[3], 1)]
    assert [n.net for n in zoo.chosen("calibration").nets] == [SPECS[0], SPECS[2], SPECS[4]]
    assert len(zoo.chosen(None, None)) == 6
    with pytest.raises(UsageError, match="half"):
        zoo.chosen("test")
    (row,) = (row for row in zoo.summary() if row.net == SPECS[3])
    accuracy = float((logits[3]["test"].argmax(1) == labels["test"]).mean())
    assert row == NetSummary(SPECS[3], "held-out", 900, seeds=(0, 1), accuracy=accuracy, spread=0.0)
    assert [row.spread for row in zoo.summary()] == [None, None, None, 0.0, None]


def test_costs_are_those_of_each_net_alone(stored):
    board, engine = load_board("nucleo-l4r5zi"), load_engine("c99")
    found = costs_on(load(stored), board, engine)
    for i, text in enumerate(SPECS):
        alone = net_costs(layer_table(spec_array([NetSpec.parse(text)]), 3, 10), board, engine)
        assert found.latency[i] == alone.latency[0]
        assert found.arena[i] == alone.arena[0]


# Pairs


def naive(zoo, policy, thresholds):
    """Every pair at every threshold, image by image."""
    rows = []
    for i, little in enumerate(zoo.nets):
        for j, big in enumerate(zoo.nets):
            if little.macs < big.macs:
                for k in thresholds:
                    right = up = 0
                    for x, truth in enumerate(zoo.labels["test"]):
                        escalates = little.answers.levels[policy][x] < k
                        says = (big if escalates else little).answers.predicted["test"][x]
                        up += bool(escalates)
                        right += bool(says == truth)
                    rows.append((i, j, k, up / N_TEST, right / N_TEST, little.macs + up / N_TEST * big.macs))
    return rows


@pytest.mark.parametrize("policy", POLICIES)
def test_pair_table_against_plain_python(stored, policy):
    zoo, grid = load(stored), [0, 1, 40, 128, 200, 255, 256]
    table = pair_table(zoo, policy, grid)
    shape = (len(table), len(grid))
    assert table.p.shape == table.accuracy.shape == table.macs.shape == shape
    little, big = (np.broadcast_to(column[:, None], shape).ravel() for column in (table.little, table.big))
    columns = (little, big, np.tile(grid, len(table)), table.p.ravel(), table.accuracy.ravel(), table.macs.ravel())
    assert sorted(zip(*(c.tolist() for c in columns), strict=True)) == naive(zoo, policy, grid)
    assert len(table) == 9  # of ten pairs one is of equal MACs


def test_pair_table_has_the_points_of_measured_cascades(truth, stored):
    """At its threshold, from the float logits that the zoo was made of: the same images escalate."""
    labels, logits = truth
    zoo = load(stored)
    table = pair_table(zoo)
    assert table.threshold.tolist() == list(range(257))
    for row in range(len(table)):
        i, j = table.little[row], table.big[row]
        raw = measure.outcome(logits[i]["test"], logits[j]["test"], labels["test"])
        edges = files.thresholds(confidence(logits[i]["validation"]))
        points = measure.curve(raw)
        known = set(zip(points.p.tolist(), points.accuracy.tolist(), strict=True))
        assert set(zip(table.p[row].tolist(), table.accuracy[row].tolist(), strict=True)) <= known
        found = measure.measure(raw, float(edges[99]))
        assert (table.p[row, 100], table.accuracy[row, 100]) == (found.p, found.accuracy)
        # And through the levels alone.
        for k in (0, 77, 256):
            found = measure.measure(outcome(zoo, i, j), k)
            assert (table.p[row, k], table.accuracy[row, k]) == (found.p, found.accuracy)
        points = measure.curve(outcome(zoo, i, j))
        assert sorted(set(table.p[row].tolist())) == points.p.tolist()


def test_the_ends_of_a_row_are_the_nets_alone(stored):
    zoo = load(stored)
    table = pair_table(zoo)
    alone = np.array([net.test_accuracy for net in zoo.nets])
    assert np.array_equal(table.accuracy[:, 0], alone[table.little])
    assert np.array_equal(table.accuracy[:, -1], alone[table.big])
    assert (table.p[:, 0] == 0).all()
    assert (table.p[:, -1] == 1).all()
    assert (np.diff(table.p, axis=1) >= 0).all()


def test_expected_costs(stored):
    zoo = load(stored)
    table = pair_table(zoo)
    assert np.array_equal(table.expected(zoo.macs()), table.macs)
    cost = np.array([5.0, 1.0, 2.0, 8.0, 3.0])
    found = table.expected(cost, 0.25)
    for row, k in ((0, 0), (3, 100), (8, 256)):
        expected = measure.expected_cost(cost[table.little[row]] + 0.25, cost[table.big[row]], table.p[row, k])
        assert found[row, k] == expected


def test_tables_that_cannot_be_made(stored):
    zoo = load(stored)
    for wrong in ([257], [-1], [], [[1]]):
        with pytest.raises(UsageError, match="256"):
            pair_table(zoo, thresholds=wrong)
    with pytest.raises(UsageError, match="two nets"):
        pair_table(Zoo((zoo.nets[1], zoo.nets[4]), zoo.labels))
    with pytest.raises(UsageError, match="two nets"):
        pair_table(Zoo((), zoo.labels))
    with pytest.raises(UsageError, match="policy"):
        pair_table(zoo, "logit-cap")


# The command


def test_truth_lists_the_zoo(cli, stored):
    result = cli("truth", "--folder", stored)
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    macs = [float(line.split()[1]) for line in lines[1:6]]
    assert macs == sorted(macs)
    for net in load(stored).nets:
        (line,) = (line for line in lines if line.endswith(f" {net.net}"))
        assert line.split()[0] == net.half
        assert line.split()[2] == f"{100 * net.test_accuracy:.2f}"
    assert "5 nets, 5 trainings" in result.stdout


def test_truth_as_json(cli, stored):
    told = json.loads(cli("truth", "--folder", stored, "--json").stdout)
    assert told["nets"] == json.loads(json.dumps(load(stored).rows()))
    assert told["images"] == {"validation": N_VALIDATION, "test": N_TEST}


def test_truth_without_a_zoo(cli):
    result = cli("truth", "--folder", "nowhere")
    assert result.exit_code == 1
    assert "There is no zoo in nowhere" in result.stderr
    assert "--folder" in result.stderr
