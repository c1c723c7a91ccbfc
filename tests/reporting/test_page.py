"""The page as a whole: it needs nothing else, lets nothing in, and its figures are those of the run's tables."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from itertools import takewhile

import pytest

import zeroshot
from zeroshot.reporting.report import render, report
from zeroshot.runs import layout, words
from zeroshot.runs.reading import read_quantization, read_search, read_training
from zeroshot.runs.rows import PAIRS, QUANTIZED_PAIRS

from .pages import BIG, LISTED, LITTLE, NASTY, Page, exported, nasty_digits, searched, started

LARGEST, FIGURE = 3_000_000, r"[-+]?\d+\.\d+"


@pytest.fixture(scope="module")
def page(quantized):
    return Page(render(quantized, nasty_digits()))


@pytest.fixture(scope="module")
def plain(first):
    return Page(render(first))


def test_nothing_is_fetched(page):
    assert len(page.source) < LARGEST
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page.source)
    assert {e.attributes["src"][:22] for e in page.elements if "src" in e.attributes} == {"data:image/png;base64,"}
    assert all(e.attributes["href"].startswith("#") for e in page.elements if "href" in e.attributes)
    assert not [e.name for e in page.elements if e.name in {"link", "iframe", "object", "embed", "form", "base"}]
    assert len(page.all("img")) <= 50


def test_the_policy_names_what_may_run(page):
    """Hashes as browsers compute them; no attribute is a style or a handler, which the policy would refuse."""
    policy = page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for name in ("style", "script"):
        digest = hashlib.sha256(page.one(name).text.encode()).digest()
        assert f"{name}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert not [key for e in page.elements for key in e.attributes if key == "style" or key.startswith("on")]


def test_links_and_buttons_lead_somewhere(page):
    names = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(names) == len(set(names))
    assert {e.attributes["href"][1:] for e in page.all("a")} <= set(names)
    asked = {e.attributes["data-pair"] for e in page.elements if "data-pair" in e.attributes}
    assert asked == {str(pair.rank) for pair in LISTED}
    assert {f"pair-{rank}" for rank in asked} <= set(names)


def test_names_are_text(page):
    """Of classes here, of folders in the head; a browser must not take them for anything else."""
    assert len(page.all("script")) == 1
    assert not page.all("b", **{"class": None})
    shown = [e.text for e in page.all("th") if NASTY in e.text]
    assert len(shown) == 6 * 10  # rows and columns of three matrices
    assert page.has("a run of ünï <b>")
    assert {e.attributes["alt"] for e in page.all("img")} <= {f"{NASTY} {i}" for i in range(10)}


def test_a_data_set_may_be_called_anything(tmp_path):
    page = Page(render(searched(tmp_path / "run", data=NASTY, data_by_name=False)))
    assert NASTY in page.one("h1").text
    assert NASTY in page.one("title").text if len(page.all("title")) == 1 else NASTY in page.all("title")[0].text
    assert NASTY in page.one("p", id="headline").text
    assert len(page.all("script")) == 1


def test_a_search_alone(plain, first):
    _, pairs = read_search(first)
    head = plain.one("p", id="headline").text
    assert head == (
        "Pair 1 for digits on nucleo-l4r5zi is expected to reach 80.0 ± 10.0 % at 4.00 ms and 0.400 mJ on average, "
        "11.0 ms where the big net runs, 30.0 % of the inputs; the best single net that is no slower is expected to "
        "reach 75.0 %: the pair may pay, +5.0 ± 10.0 points."
    )
    assert len(plain.all("article")) == len(pairs) == 3
    for sentence in (
        "No net is trained: zeroshot.train(", "This pair is not trained.", "No net is quantised.",
        "The run folder has no firmware.", "No net is trained yet: nothing has answered anything.",
        "No latency < 5 was given.", "0 nets of the run were probed", "12.3",
    ):  # fmt: skip
        assert plain.has(sentence), sentence


def test_figures_are_those_of_the_tables(page, quantized):
    pair, trained = read_quantization(quantized)[0], read_training(quantized)[0]
    head = page.one("p", id="headline").text
    low, high = pair.int8.accuracy_low, pair.int8.accuracy_high
    assert f"in int8, reaches {100 * pair.int8.accuracy:.1f} ± {50 * (high - low):.1f} % of the test images" in head
    assert f"the pair {pair.int8.verdict}, {100 * pair.int8.gain:+.1f} ±" in head or abs(pair.int8.gain) < 0.0005
    assert f"{100 * pair.int8.escalation_rate:.1f} % of the inputs" in head
    cells = [e.text for e in page.all("td")]
    for measured in (pair.in_float, pair.int8, trained.test):
        assert f"{100 * measured.little_accuracy:.1f}" in cells
        assert f"{100 * measured.big_accuracy:.1f}" in cells
    accuracies = [e.text for e in page.all("figcaption")][:3]
    assert [text.split()[1] for text in accuracies] == [
        f"{100 * each:.1f}" for each in (pair.int8.little_accuracy, pair.int8.big_accuracy, pair.int8.accuracy)
    ]
    assert page.has(f"below {pair.int8.threshold}.")
    for line in words.caveats(QUANTIZED_PAIRS.plain(pair), "int8", "_int8"):
        assert page.has(line[1:])


def test_the_command_line_gives_the_same_cells(page, quantized, cli):
    done = cli("quantize", quantized, "--resume", "--epochs", "0")
    assert done.exit_code == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.split()[:1] == ["int8"])
    (row,) = [e for e in page.all("tr") if e.text.startswith("int8")]
    figures = re.findall(FIGURE, line)
    assert len(figures) >= 7
    assert re.findall(FIGURE, _spaced(page, row)) == figures


def _spaced(page, row):
    """The cells of a row with spaces between."""
    below = page.elements[page.elements.index(row) + 1 :]
    return " ".join(each.text for each in takewhile(lambda each: each.name == "td", below))


def test_examples_and_matrices_count_every_test_image(page):
    titles = [e.text for e in page.all("h3") if re.search(r"\d+ images", e.text)]
    counts = [int(re.search(r"(\d+) images", text)[1]) for text in titles]
    assert len(counts) == 4
    assert sum(counts) == len(nasty_digits().y_test)
    numbers = [int(e.text) for e in page.all("td") if e.attributes.get("data-tip") and e.text.strip()]
    assert sum(numbers) == 3 * sum(counts)


def test_firmware(page):
    assert page.has("200 test images, 9 escalated: every logit, answer and escalation as in the integer reference")
    assert page.has("Not compared with QEMU: none.")
    for text in ("10.7 KiB", "5.3 KiB", "2.00", "3.00"):
        assert text in [e.text for e in page.all("td")]


def test_the_same_run_gives_the_same_bytes(first):
    assert render(first) == render(first)


def test_layers_add_up(plain):
    """MACs of the table's lines are those of the candidates."""
    from .pages import candidate

    tables = [e for e in plain.all("table") if e.attributes.get("class") == "layers"]
    assert len(tables) == 6
    for name in (LITTLE, BIG):
        whole = candidate(name)
        assert plain.has(f"{whole.latency_ms:#.3g} ms, {whole.model_flash_bytes / 1024:.1f} KiB of flash")
    assert len([e for e in plain.all("tr") if e.attributes.get("class") == "dominant"]) == 6


def test_a_search_in_progress(tmp_path):
    run = started(tmp_path / "run")
    page = Page(render(run))
    assert page.has("The search for pairs for digits on nucleo-l4r5zi is not finished: 0 candidates so far.")
    assert page.has("No pair is listed.")
    (run / layout.SCORES).write_text(f"{LITTLE},zico,1.5,ok\n{BIG},zico,2.")  # another process is writing
    before = (run / layout.SCORES).read_bytes()
    render(run)
    assert (run / layout.SCORES).read_bytes() == before


def test_stages_in_progress(run):
    (run / layout.MODELS).mkdir()
    (run / layout.INT8).mkdir()
    page = Page(render(run))
    assert page.has("The training is not finished: zeroshot.train(")
    assert page.has("Not finished: zeroshot.quantize(")


def test_a_long_list_is_cut(run):
    many = [replace(LISTED[0], rank=i + 1) for i in range(1000)]
    (run / layout.PAIRS).write_text(PAIRS.to_csv(many))
    page = Page(render(run))
    assert page.has("970 more pairs stand in pairs.csv.")
    assert len(page.all("article")) == 30
    assert len(page.source) < 500_000


def test_a_search_without_pairs(run):
    (run / layout.PAIRS).write_text("")
    assert Page(render(run)).one("p", id="headline").text == "The search found no pair for digits on nucleo-l4r5zi."


def test_pruned_nets_and_boards_of_ones_own(run):
    row = {"round": 0, "net": LITTLE, "macs": 9e4, "weights": 2048.0, "flash": 4096.0, "latency_ms": 1.0, "epochs": 0,
           "validation_accuracy": 0.9, "test_accuracy": 0.875}  # fmt: skip
    summary = {"source": LITTLE, "saliency": "l1", "nets": [row], "seconds": 3.0, "remarks": ["Half <of> it."]}
    (run / layout.MODELS).mkdir()
    (run / layout.MODELS / "x.summary.json").write_text(json.dumps(summary))
    config = run / layout.CONFIG
    config.write_text(config.read_text().replace('"nucleo-l4r5zi"', '"mine"'))
    page = Page(render(run))
    assert page.has(f"{LITTLE}, pruned by l1")
    assert "87.5" in [e.text for e in page.all("td")]
    assert page.has("Half <of> it.")
    assert page.has("instructions")  # of each layer, where nobody knows the clock


def test_the_page_is_written_where_it_is_asked_for(run, tmp_path):
    exported(run)
    assert zeroshot.report(run) == run / layout.REPORT
    other = report(run, tmp_path / "other.html")
    assert other.read_text(encoding="utf-8") == (run / layout.REPORT).read_text(encoding="utf-8")
