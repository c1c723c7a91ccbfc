"""`zeroshot score`: training-free scores of nets from the user's own Python files."""

import contextlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zeroshot.resolution import sides
from zeroshot.scoring.options import ScoreOptions

from ._declared import takes
from ._output import aligned, emit, prose

if TYPE_CHECKING:
    from rich.console import Console

    from zeroshot.scoring.population import NetScores

Json = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON object.")]
Targets = Annotated[
    list[str], typer.Argument(metavar="FILE.py:FUNCTION", help="Your file, and what in it makes a net.")
]


@takes(ScoreOptions)
def score(
    nets: Targets,
    options: ScoreOptions,
    json: Json = False,
) -> None:
    """Score PyTorch nets of your own, without training them.

    FILE.py is executed, as `python FILE.py` would: name only files that you trust.
    FUNCTION takes no arguments and returns a torch.nn.Module; a class or a module
    will do too. Weights are scored as they are. Most proxies suppose a net before
    training: for trained weights, add --fresh. Aggregates need two nets or more.
    """
    from zeroshot import data as datasets
    from zeroshot.scoring.modules import score_many, scored_at
    from zeroshot.scoring.plugins import load_proxies
    from zeroshot.scoring.usercode import load_nets

    with contextlib.redirect_stdout(sys.stderr):  # what the user's code prints must not end in our output
        dataset = datasets.load(str(options.data), options.seed)
        dataset = dataset.squared() if options.square else dataset
        scored = score_many(load_nets(nets, options.seed), replace(options, data=dataset))
    versions = {proxy.name: proxy.version for proxy in load_proxies(list(scored[0].scores))}
    payload = {
        "data": dataset.name, "resolution": scored_at(dataset, options.resolution), "batch": options.batch,
        "batches": options.batches, "seed": options.seed, "fresh": options.fresh,
        "nets": [_row(each, versions) for each in scored],
    }  # fmt: skip
    emit(payload, lambda screen: _print(screen, payload, versions), json=json)


def _row(found: "NetScores", versions: dict[str, int]) -> dict[str, Any]:
    scores = {
        name: {"value": score.value, "status": score.status, "version": versions[name]}
        for name, score in found.scores.items()
    }
    return {"net": found.net, "scores": scores}


def _print(screen: "Console", payload: dict[str, Any], versions: dict[str, int]) -> None:
    """Proxies down, nets across, as many as fit; then why a score is missing, each reason once."""
    (height, width), nets = sides(payload["resolution"]), payload["nets"]
    weights = "fresh weights" if payload["fresh"] else "weights as they are"
    prose(screen, f"{payload['data']}, {payload['batches']} batches of {payload['batch']} images of {height}x{width}, "
                  f"{weights}. Higher is better.", "dim")  # fmt: skip
    if len(nets) > 1:
        for i, net in enumerate(nets, 1):
            screen.print(f"{i}: {net['net']}")
    left = max(len(f"{name}@{version}") for name, version in versions.items())
    fit = max(1, (screen.width - left) // 12)
    for start in range(0, len(nets), fit):
        some = nets[start : start + fit]
        heads = [str(start + i) for i in range(1, len(some) + 1)] if len(nets) > 1 else [nets[0]["net"]]
        lines = [[f"{name}@{versions[name]}", *(_cell(net["scores"][name]) for net in some)] for name in versions]
        texts = aligned([["proxy", *heads], *lines], screen.width, left=1)
        screen.print(f"\n{texts[0]}", style="dim")
        screen.print("\n".join(texts[1:]))
    missing: dict[str, list[str]] = {}
    for i, net in enumerate(nets, 1):
        for name, each in net["scores"].items():
            if each["status"] != "ok":
                missing.setdefault(each["status"], []).append(f"{name} of {i}" if len(nets) > 1 else name)
    for reason, whose in missing.items():
        prose(screen, f"note: no {', '.join(whose)}: {reason}", "yellow")


def _cell(score: dict[str, Any]) -> str:
    return f"{score['value']:.6g}" if score["status"] == "ok" else "-"
