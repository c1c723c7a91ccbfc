"""Runs as the stages leave them, in small, and the page of a run as its elements."""

from dataclasses import asdict, dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

from zeroshot.cost.boards import load_board
from zeroshot.cost.engines import load_engine
from zeroshot.cost.nets import net_costs
from zeroshot.data import load
from zeroshot.firmware.device import Needs
from zeroshot.firmware.verify import Verification
from zeroshot.net import NetSpec, layer_table, spec_array
from zeroshot.runs import layout
from zeroshot.runs.files import json_text, write_file
from zeroshot.runs.rows import CANDIDATES, PAIRS, SINGLES, Candidate, PredictedNet

from ..run_folders import listed_pair, run_folder

LITTLE, BIG, ALONE = "r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2", "r8-s8/2-d3w8x1"
NASTY = 'Bär & "Söhne" <script>alert(1)</script> ./ \u4e2d\u6587'
BOARD, ENGINE = "nucleo-l4r5zi", "c99"
LISTED = [listed_pair(1, LITTLE, BIG, ALONE), listed_pair(2, ALONE, BIG), listed_pair(3, LITTLE, ALONE)]
LIMITS = {
    "flash_limit": 262144, "sram_limit": 65536, "latency_limit": 5.0, "escalation_limit": 0.5, "epochs": 30,
    "accuracy_model": "zoo", "cascade_model": "copula-zoo-128", "objectives": ["accuracy", "latency"],
}  # fmt: skip
VOID = {"meta", "img", "br", "line", "path", "circle", "rect"}


def candidate(net: str, channels: int = 1, classes: int = 10) -> Candidate:
    """A net with the costs that a search writes of it."""
    costs = net_costs(
        layer_table(spec_array([NetSpec.parse(net)]), channels, classes), load_board(BOARD), load_engine(ENGINE)
    )
    return Candidate(
        net=net, latency_ms=float(costs.latency[0]), energy_mj=float(costs.energy[0]), macs=int(costs.macs[0]),
        model_flash_bytes=int(costs.flash[0]), arena_bytes=int(costs.arena[0]),
        persistent_bytes=int(costs.persistent[0]), input_bytes=int(costs.input[0]),
        holding_bytes=int(costs.holding[0]), scores={"macs": float(costs.macs[0])}, static_accuracy=0.7,
    )  # fmt: skip


def started(path: Path, **config: object) -> Path:
    """A search that has only begun."""
    known = {"board": BOARD, "engine": ENGINE, **LIMITS, "data_by_name": True}
    run = run_folder(path, LISTED, **(known | config))
    (run / layout.PAIRS).unlink()
    return run


def searched(path: Path, **config: object) -> Path:
    """A finished search."""
    run = started(path, **config)
    single = PredictedNet(
        net=ALONE, accuracy=0.75, accuracy_low=0.7, accuracy_high=0.8, latency_ms=3.5, energy_mj=0.2, macs=900,
        flash_bytes=1000, sram_bytes=2000,
    )  # fmt: skip
    write_file(run / layout.CANDIDATES, CANDIDATES.to_csv([candidate(net) for net in (LITTLE, BIG, ALONE)]))
    write_file(run / layout.PAIRS, PAIRS.to_csv(LISTED))
    write_file(run / layout.FRONT, PAIRS.to_csv([*LISTED, replace(LISTED[0], latency_ms=2.0, accuracy=0.72)]))
    write_file(run / layout.SINGLES, SINGLES.to_csv([single]))
    summary = {"seconds": 12.34, "accuracy_model": "zoo-204", "remarks": ["No `latency` < 5 was given."]}
    write_file(run / layout.SUMMARY, json_text(summary))
    return run


def exported(run: Path) -> None:
    """The firmware of the first pair, as an export describes it."""
    folder = run / layout.firmware_of(1)
    folder.mkdir(parents=True)
    needs = Needs(
        core="cortex-m4", little=(1000, 2_000_000), big=(3_000_000,), decision=9, arena=4096, touched=4000, stack=300,
        code=5000, constants=6000, static=5120,
    )  # fmt: skip
    proof = Verification(200, 9, ("TFLite Micro",), ("QEMU: none",), (needs,), ((1.0,), (2.0,)), (("a",), ("b",)))
    write_file(folder / "export.json", json_text({"made_by": "zeroshot export", "format": 1, "files": {}}))
    write_file(folder / "verification.json", json_text(asdict(proof)))


def nasty_digits():
    """The digits, whose classes have names that nobody should trust."""
    return replace(load("digits"), class_names=tuple(f"{NASTY} {i}" for i in range(10)))


@dataclass
class Element:
    """An element of a page: its attributes, and all text in it."""

    name: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A page, parsed: every element is closed in its place."""

    source: str
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self.open: list[Element] = []
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append(Element(tag, dict(attrs)))
        if tag not in VOID or not self.get_starttag_text().endswith("/>") and tag not in {"meta", "img", "br"}:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attrs):
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop().name == tag

    def handle_data(self, data):
        for element in self.open:
            element.text += data

    def all(self, name, **attributes):
        """Elements of a name with these attributes."""
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        return [e for e in self.elements if e.name == name and wanted.items() <= e.attributes.items()]

    def one(self, name, **attributes):
        (found,) = self.all(name, **attributes)
        return found

    def has(self, text):
        """Whether the page shows a text, whatever the spaces."""
        return " ".join(text.split()) in " ".join(self.one("body").text.split())
