"""Tuning a space: figures of sub-spaces recounted net by net, the two rules, and what is refused."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from zeroshot import tune_space
from zeroshot.accuracy.features import features
from zeroshot.accuracy.model import STATIC, size
from zeroshot.cascade.rank_pairs import Budgets
from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import net_costs, platform
from zeroshot.errors import InfeasibleError, UsageError
from zeroshot.net import layer_table, spec_of
from zeroshot.searching.tune import sub_spaces, tuned
from zeroshot.spaces import McuSpace

BOARD, ENGINE = load_board("nucleo-l4r5zi"), load_engine("c99")
TARGET = platform(BOARD, ENGINE, 10)
BUDGETS = Budgets(flash=64 * 1024, sram=24 * 1024, latency=25.0)
ASKED = {"flash": "64KiB", "sram": "24KiB", "latency": "25ms", "nets": 120}


def test_parts_are_sides_with_neighbouring_widths():
    space = McuSpace.for_images(32)
    parts = list(sub_spaces(space))
    assert [(part.resolutions, part.widths[0], part.widths[-1]) for part in parts[:6]] == [
        ((16,), 8, 32), ((16,), 12, 48), ((16,), 16, 64), ((16,), 24, 96), ((16,), 32, 128), ((20,), 8, 32),
    ]  # fmt: skip
    assert len(parts) == 5 * 5
    assert parts[3].stem_widths == (24, 32)
    assert all(spec_of(row) in space for part in parts for row in part.sample(5, np.random.default_rng(0)))


def test_figures_are_those_of_the_nets_that_fit():
    """Drawn again, and judged one at a time."""
    space = McuSpace.for_images(32)
    found = tuned(space, STATIC, TARGET, BUDGETS, 3, 10, 120, np.random.default_rng(4))
    rng = np.random.default_rng(4)
    for part, macs, row in zip(sub_spaces(space), found.macs, found.parts, strict=True):
        nets = np.concatenate([part.sample(40, rng, stages) for stages in (2, 3, 4)])
        kept = []
        for net in nets:
            table = layer_table(net[None], 3, 10)
            cost = net_costs(table, BOARD, ENGINE)
            memory = cost.arena[0] + cost.persistent[0]
            flash = cost.flash[0] + TARGET.runtime[cost.ops[0]]
            if memory <= 24 * 1024 and flash <= 64 * 1024 and cost.latency[0] <= 25:
                mu = STATIC.intercept + size(features(table), STATIC)[0]
                kept.append((int(cost.macs[0]), max(norm.cdf(mu), 0.1)))
        assert (row.side, row.narrowest, row.drawn, row.fits) == (part.resolutions[0], part.widths[0], 120, len(kept))
        assert macs.tolist() == sorted(each for each, _ in kept)
        if kept:
            assert row.macs_mean == pytest.approx(np.mean([each for each, _ in kept]))
            assert row.macs_50 == pytest.approx(np.median([each for each, _ in kept]))
            assert row.accuracy == pytest.approx(np.mean([each for _, each in kept]))
            assert row.accuracy_best == pytest.approx(max(each for _, each in kept))
    known = [row for row in found.parts if row.fits >= 10]
    assert 3 < len(known) < len(found.parts)
    assert found.largest.macs_mean == max(row.macs_mean for row in known)
    assert found.likeliest.accuracy == max(row.accuracy for row in known)
    assert found.restricted(found.largest) in list(sub_spaces(space))


def test_a_call_is_repeatable_and_data_have_a_side_of_their_own():
    one, same = tune_space("digits", latency="5ms", nets=100), tune_space("digits", latency="5ms", nets=100)
    assert one.summary() == same.summary()
    assert {part.side for part in one.parts} == {8}
    assert tune_space(None, latency="5ms", nets=100, side=8, channels=1).parts[0].macs_50 == one.parts[0].macs_50
    assert one.plot().startswith(b"\x89PNG")
    assert one.plot() == same.plot()


@pytest.mark.parametrize(
    ("limits", "named"), [({"latency": "0.1ms"}, "latency"), ({"sram": "2KiB"}, "sram"), ({"flash": "2KiB"}, "flash")]
)
def test_a_budget_that_nothing_meets_is_named(limits, named):
    with pytest.raises(InfeasibleError, match=f"`{named}` is the tightest"):
        tune_space(nets=100, **limits)


@pytest.mark.parametrize("name", ["side", "channels", "classes"])
def test_data_that_are_named_are_not_described(name):
    with pytest.raises(UsageError, match=f"`{name}` 9 is for images that are not named"):
        tune_space("digits", **{name: 9})


def test_the_command_prints_what_the_call_returns(cli, tmp_path):
    words = [word for name, value in ASKED.items() for word in (f"--{name}", str(value))]
    human, program = cli("tune-space", *words), cli("tune-space", *words, "--json", "--plot", str(tmp_path / "a.png"))
    assert (human.exit_code, program.exit_code, human.stderr, program.stderr) == (0, 0, "", "")
    found = tune_space(**ASKED)
    assert json.loads(program.stdout) == found.summary()
    assert (tmp_path / "a.png").read_bytes() == found.plot()
    assert all(len(line) <= 80 for line in human.stdout.splitlines())
    lines = human.stdout.splitlines()
    assert len([line for line in lines if line.lstrip()[:2].isdigit()]) == len(found.parts)
    flat = " ".join(human.stdout.split())
    assert f"largest at {found.largest} (TinyNAS's rule)" in flat
    assert f"Most is expected of those at {found.likeliest}," in flat


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [(["--plot", "a.txt"], 2, "no kind of plot"), (["--plot", "none/a.png"], 2, "no folder none"),
     (["--latency", "0.1ms"], 3, "--latency is the tightest"), (["--board", "nucleo"], 2, "Unknown board")],
)  # fmt: skip
def test_the_command_refuses_with_a_reason(cli, words, code, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = cli("tune-space", "--nets", "100", *words)
    assert result.exit_code == code
    assert says in result.stderr
    assert not list(tmp_path.iterdir())
