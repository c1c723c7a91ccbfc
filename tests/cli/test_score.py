"""`zeroshot score`, and the loading of nets from a user's file."""

import json
import math
import sys

import pytest
import torch

from zeroshot.errors import UsageError, ZeroshotError
from zeroshot.scoring.modules import score, score_many
from zeroshot.scoring.plugins import DEFAULT_PROXIES, load_proxies
from zeroshot.scoring.usercode import load_nets

FILE = '''
"""A user's file."""
import random
from torch import nn
from neighbour import WIDTH

print("a word of the user's")


def _head(width):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)]


def small():
    print("building")
    return nn.Sequential(nn.Conv2d(1, WIDTH, 3), nn.BatchNorm2d(WIDTH), nn.ReLU(), *_head(WIDTH))


def odd():
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 8, 3), *_head(8))


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 8, 3), nn.ReLU(), *_head(8))


ready = Net()


def colour():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *_head(8))


def broken():
    raise RuntimeError("no such thing\\nand more")


def helped():
    return broken()


def leaves():
    raise SystemExit


def wide(width, depth=3):
    return nn.Linear(width, 10)


def several():
    return [small()]


answer = 42
'''
LINE = next(i for i, line in enumerate(FILE.splitlines(), 1) if line.startswith("    raise RuntimeError"))
RAISES = f"nets.py, line {LINE}, raises"


@pytest.fixture
def nets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "nets.py").write_text(FILE)
    (tmp_path / "neighbour.py").write_text("WIDTH = 8\n")
    yield tmp_path / "nets.py"
    sys.modules.pop("neighbour", None)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def test_what_it_prints_is_what_the_library_says(cli, nets):
    result = cli("score", "nets.py:small", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert "a word of the user's" in result.stderr
    (row,) = told.pop("nets")
    assert told == {"data": "digits", "resolution": 8, "batch": 32, "batches": 2, "seed": 0, "fresh": False}
    want = score(load_nets(["nets.py:small"])["nets.py:small"], "digits")
    versions = {proxy.name: proxy.version for proxy in load_proxies()}
    assert row == {
        "net": "nets.py:small",
        "scores": {
            n: {"value": s.value if s.status == "ok" else None, "status": s.status, "version": versions[n]}
            for n, s in want.items()
        },
    }
    assert list(row["scores"]) == list(DEFAULT_PROXIES)


def test_the_table_for_people(cli, nets):
    result = cli("score", "nets.py:small", "nets.py:odd", "--proxies", "macs, zico,te_nas")
    assert result.exit_code == 0, result.stderr
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    found = score_many(load_nets(["nets.py:small", "nets.py:odd"]), proxies=["macs", "zico", "te_nas"])
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["1:", "nets.py:small"] in lines
    assert ["2:", "nets.py:odd"] in lines
    assert ["zico@1", *(f"{each.scores['zico'].value:.6g}" for each in found)] in lines
    assert ["macs@1", f"{found[0].scores['macs'].value:.6g}", "-"] in lines
    text = " ".join(result.stdout.split())
    assert "note: no macs of 2: its layers cannot be traced: conv_transpose2d in layer '2'" in text


def test_one_net_and_an_aggregate(cli, nets):
    result = cli("score", "nets.py:small", "--proxies", "te_nas,macs")
    assert result.exit_code == 0
    assert ["proxy", "nets.py:small"] in [line.split() for line in result.stdout.splitlines()]
    assert "note: no te_nas: it ranks the nets of a population" in " ".join(result.stdout.split())
    told = json.loads(cli("score", "nets.py:small", "--proxies", "te_nas", "--json").stdout)
    assert told["nets"][0]["scores"]["te_nas"]["value"] is None


def test_many_nets_wrap(cli, nets):
    with nets.open("a") as file:
        file.writelines(f"net{i} = small\n" for i in range(9))
    result = cli("score", *(f"nets.py:net{i}" for i in range(9)), "--proxies", "macs")
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("macs@1")]
    assert len(rows) > 1
    assert sum(len(row) - 1 for row in rows) == 9
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


def test_options_reach_the_library(cli, nets):
    args = ("--resolution", 12, "--batch", 8, "--batches", 3, "--seed", 4, "--fresh", "--proxies", "all")
    result = cli("score", "nets.py:small", *args, "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["resolution"], told["batch"], told["batches"], told["seed"], told["fresh"]) == (12, 8, 3, 4, True)
    want = score(
        load_nets(["nets.py:small"])["nets.py:small"], "digits", proxies=[p.name for p in load_proxies()],
        resolution=12, batch=8, batches=3, seed=4, fresh=True,
    )  # fmt: skip
    shown = told["nets"][0]["scores"]
    assert list(shown) == list(want)
    assert {n: s["value"] for n, s in shown.items()} == {
        n: None if math.isnan(s.value) else s.value for n, s in want.items()
    }


def test_help_says_that_the_file_is_executed(cli):
    assert "executed" in cli("score", "--help").stdout


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ("nts.py:small", 2, ["nts.py does not exist", "nets.py"]),
        ("no/nets.py:small", 2, ["does not exist", "path"]),
        (".:small", 2, ["is a folder"]),
        ("data.txt:small", 2, ["not a Python file"]),
        ("nets.py", 2, ["names no function", "nets.py:my_net"]),
        ("nets.py:", 2, ["names no function"]),
        ("nets.py:smal", 2, ["Unknown function 'smal'", "Did you mean small?"]),
        ("neighbour.py:net", 2, ["defines no function 'net'"]),
        ("nets.py:wide", 2, ["takes arguments: width", "without any"]),
        ("nets.py:several", 2, ["returns a list, not a torch.nn.Module"]),
        ("nets.py:answer", 2, ["answer in", "of type int"]),
        ("nets.py:colour", 2, ["nets.py:colour: The net fails in layer '0' (Conv2d)", "(2, 1, 8, 8)", "1 channel"]),
        ("nets.py:broken", 1, [RAISES, "RuntimeError: no such thing"]),
        ("nets.py:helped", 1, [RAISES]),
        ("nets.py:leaves", 1, ["raises SystemExit."]),
        ("syntax.py:net", 1, ["syntax.py, line 2, raises SyntaxError"]),
        ("imports.py:net", 1, ["imports.py, line 1, raises ModuleNotFoundError: No module named 'no_such_package'"]),
    ],
)
def test_errors(cli, nets, target, code, words):
    folder = nets.parent
    (folder / "data.txt").write_text("x")
    (folder / "syntax.py").write_text("x = 1\ndef net(:\n")
    (folder / "imports.py").write_text("import no_such_package\n")
    result = cli("score", target, "--json")
    assert result.exit_code == code, result.output
    assert all(word in result.stderr for word in words), result.stderr
    assert "and more" not in result.stderr
    assert "Traceback" not in result.output
    told = json.loads(result.stdout)
    assert told["exit_code"] == code
    assert told["hint"]


def test_no_net_and_unknown_names(cli, nets):
    assert cli("score").exit_code == 2
    assert "Did you mean zico?" in cli("score", "nets.py:small", "--proxies", "zicco").stderr
    assert "Did you mean digits?" in cli("score", "nets.py:small", "--data", "digit").stderr


def test_nets_are_the_same_every_time_and_whatever_else_is_loaded(nets):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    targets = ["nets.py:odd", "nets.py:small", "nets.py:Net", "nets.py:ready", "nets.py:small"]
    together = load_nets(targets, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert list(together) == targets[:4]
    torch.manual_seed(2)
    for target in targets[:4]:
        (alone,) = load_nets([target], seed=3).values()
        assert torch.equal(weights(alone), weights(together[target])), target
        assert not torch.equal(weights(load_nets([target], seed=4)[target]), weights(alone))


def test_a_file_is_executed_once_and_under_a_name_of_its_own(nets, capsys):
    (nets.parent / "json.py").write_text("from torch import nn\ndef net(): return nn.Linear(1, 1)\n")
    path, known = list(sys.path), sys.modules["json"]
    load_nets(["nets.py:small", "nets.py:odd", "json.py:net"])
    assert capsys.readouterr().out.count("a word of the user's") == 1
    assert sys.path == path
    assert sys.modules["json"] is known


def test_the_library_raises_its_own_errors(nets):
    with pytest.raises(UsageError, match="Unknown function"):
        load_nets(["nets.py:smal"])
    with pytest.raises(ZeroshotError, match="raises RuntimeError") as error:
        load_nets(["nets.py:broken"])
    assert isinstance(error.value.__cause__, RuntimeError)
