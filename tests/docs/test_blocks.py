"""Every block of code in the README and in docs/ runs as it stands, in small.

A comment before a block says how it is tested, in words that are separated by commas:

    <!-- test: skip, REASON -->      not run; the options of its commands must exist all the same
    <!-- test: slow -->              by `make test-slow`
    <!-- test: continues -->         in the folder of the block before it, after it
    <!-- test: file NAME -->         not run, but written to that file
    <!-- test: with NAME -->         in a folder that holds the `GIVEN` of that name
    <!-- test: as tests -->          by pytest
    <!-- test: in the repository --> in the folder of the repository

Without a comment a block runs in an empty folder.
"""

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from scipy.io import wavfile

import zeroshot
from zeroshot.cli import app

ROOT = Path(__file__).parent.parent.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md", *(ROOT / "docs").glob("*.md"))
SMALL = {"nets": 40, "scored": 200, "shortlist": 2, "jobs": 1}
FENCE = re.compile(
    r"(?:^<!-- test: (?P<how>.+) -->\n)?^```(?P<language>\w*)\n(?P<code>(?:(?!```).*\n)*)^```$", re.MULTILINE
)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
FLAG = re.compile(r"--[a-z][a-z-]*")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    how: tuple[str, ...]
    code: str
    before: "Block | None"  # the block that it continues

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def word(self, start: str) -> str | None:
        """The rest of the one word of the comment that begins so."""
        found = [word.removeprefix(start).strip() for word in self.how if word.startswith(start)]
        return found[0] if found else None


def blocks_of(page: Path) -> list[Block]:
    text, found = page.read_text(encoding="utf-8"), []
    for match in FENCE.finditer(text):
        how = tuple(word.strip() for word in (match["how"] or "").split(",") if word.strip())
        line = text.count("\n", 0, match.start("code"))
        before = found[-1] if "continues" in how else None
        found.append(Block(page, line, match["language"], how, match["code"], before))
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def runs(block: Block) -> bool:
    return block.language in ("shell", "python") and block.word("file") is None and block.word("skip") is None


def slow(block: Block | None) -> bool:
    return block is not None and ("slow" in block.how or slow(block.before))


def test_blocks_are_found_and_most_of_them_run():
    """Else the tests below prove nothing."""
    assert {block.language for block in BLOCKS} >= {"shell", "python", "text", "toml"}
    executable = [block for block in BLOCKS if block.language in ("shell", "python") and not block.word("file")]
    assert len(executable) > 15
    assert sum(map(runs, executable)) > 0.6 * len(executable)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_block_has_a_language_and_known_words(block):
    assert block.language in ("shell", "python", "text", "toml"), "name a language behind the backquotes"
    known = ("skip", "slow", "continues", "file ", "with ", "as tests", "in the repository")
    reason = block.how.index("skip") + 1 if "skip" in block.how else len(block.how)
    assert reason != len(block.how) or "skip" not in block.how, "say why it is skipped"
    assert [word for word in block.how[:reason] if not word.startswith(known)] == []
    assert block.word("with") in (None, *GIVEN)


# ---- what a block finds in its folder


def _digits(side: int, channels: int) -> dict[str, np.ndarray]:
    """A few digits, enlarged: x_train, y_train, x_test, y_test."""
    data = zeroshot.load("digits")
    some = {"train": slice(0, 300), "test": slice(0, 100)}
    arrays = {}
    for half, rows in some.items():
        x = getattr(data, f"x_{half}")[rows].repeat(side // 8, axis=1).repeat(side // 8, axis=2)
        arrays[f"x_{half}"] = x.repeat(channels, axis=3)
        arrays[f"y_{half}"] = getattr(data, f"y_{half}")[rows]
    return arrays


def cifar10_npz(folder: Path) -> dict[str, object]:
    np.savez(folder / "cifar10.npz", **_digits(32, 3))
    return {}


def images(folder: Path) -> dict[str, object]:
    arrays = _digits(16, 1)
    for number, (x, y) in enumerate(zip(arrays["x_train"], arrays["y_train"], strict=True)):
        if y < 2:
            path = folder / "path" / "to" / "images" / ("cat", "dog")[y] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(x[:, :, 0]).save(path)
            Image.fromarray(255 - x[:, :, 0]).save(path.with_name(f"{number}-negative.png"))
    return {}


def arrays(folder: Path) -> dict[str, object]:
    found = _digits(8, 1)
    return {"np": np, "x": found["x_train"], "y": found["y_train"]} | found


def recordings(folder: Path) -> dict[str, object]:
    """Four speakers, four words, tones of half a second; noise."""
    rng = np.random.default_rng(0)
    takes = [(word, name) for word in ("go", "no", "up", "yes") for name in ("ann", "bob", "cy", "di")]
    paths = [f"{word}/{name}_{take}.wav" for word, name in takes for take in range(3)]
    for path in [*paths, *(f"_background_noise_/{i}.wav" for i in range(3))]:
        (folder / "words" / path).parent.mkdir(parents=True, exist_ok=True)
        wavfile.write(folder / "words" / path, 8000, rng.integers(-9999, 9999, 4000, np.int16))
    return {}


def logs(folder: Path) -> dict[str, object]:
    """Six logs of ten seconds in each of two activities."""
    rng = np.random.default_rng(0)
    for path in [folder / "motion" / name / f"log_{i}.csv" for name in ("rest", "walk") for i in range(6)]:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = "".join(f"{x:.1f},{y:.1f},{z:.1f}\n" for x, y, z in 500 * rng.standard_normal((260, 3)))
        path.write_text(f"# wrist, 26 Hz\n\nacc_x[mg],acc_y[mg],acc_z[mg]\n{rows}", encoding="utf-8")
    return {}


GIVEN = {
    "cifar10.npz": cifar10_npz, "images": images, "arrays": arrays, "recordings": recordings, "logs": logs,
}  # fmt: skip


# ---- running


def run(block: Block, folder: Path, cli, monkeypatch: pytest.MonkeyPatch) -> None:
    if block.before is not None:
        run(block.before, folder, cli, monkeypatch)
    names = GIVEN[block.word("with")](folder) if block.word("with") else {}
    if block.word("file") is not None:
        (folder / block.word("file")).write_text(block.code, encoding="utf-8")
    elif "as tests" in block.how:
        (folder / "test_block.py").write_text(block.code, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_block.py"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert " passed" in done.stdout
    elif block.language == "python":
        exec(compile(block.code, block.name, "exec"), {"__name__": "block"} | names)
    else:
        for line in block.code.splitlines():
            words = shlex.split(line, comments=True)
            if words:
                assert words[0] == "zeroshot", f"{line!r} cannot be run here: mark the block as skipped, with a reason"
                result = cli(*words[1:], env={f"ZEROSHOT_{name.upper()}": str(n) for name, n in SMALL.items()})
                assert result.exit_code == 0, f"{line}\n{result.output}"


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=block.name, marks=[pytest.mark.slow] if slow(block) else [])
        for block in BLOCKS
        if runs(block)
    ],
)
@pytest.mark.usefixtures("unplotted")
def test_a_block_runs(block, tmp_path, cli, monkeypatch, capsys):
    search = zeroshot.search
    monkeypatch.setattr(zeroshot, "search", lambda *args, **options: search(*args, **(SMALL | options)))
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = set(sys.modules)
    if "in the repository" in block.how:
        monkeypatch.chdir(ROOT)
    try:
        run(block, tmp_path, cli, monkeypatch)
    finally:
        for name in set(sys.modules) - loaded:
            if name.startswith("my_"):
                del sys.modules[name]


# ---- options


COMMANDS = typer.main.get_command(app).commands


def options_of(command):
    """The options of a command, or of all commands of a group."""
    found = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    return found.union({"--help"}, *map(options_of, getattr(command, "commands", {}).values()))


OPTIONS = {name: options_of(command) for name, command in COMMANDS.items()}


def unknown_options(line: str) -> list[str]:
    """What a line that begins with `zeroshot` names and the program does not have."""
    words = line.split("#")[0].split()[1:]
    if not words:
        return []
    if words[0].startswith("-"):
        return [] if words[0] in ("--help", "--version") else words[:1]
    if words[0] not in OPTIONS:
        return words[:1]
    return [flag for flag in FLAG.findall(" ".join(words[1:])) if flag not in OPTIONS[words[0]]]


def test_options_that_do_not_exist_are_seen():
    assert unknown_options("zeroshot search --latency 5ms --nonsense 3  # --comment") == ["--nonsense"]
    assert unknown_options("zeroshot serach --latency 5ms") == ["serach"]
    assert unknown_options("zeroshot train run --latency 5ms") == ["--latency"]
    assert unknown_options("zeroshot --help") == []


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "shell"], ids=lambda block: block.name)
def test_commands_of_a_block_have_its_options(block):
    """Of blocks that are not run, too."""
    lines = [line for line in block.code.splitlines() if line.startswith("zeroshot")]
    assert {line: found for line in lines if (found := unknown_options(line))} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_sentences_exist(page):
    """`zeroshot train --distil big` and `--calibrate 8`."""
    spans = SPAN.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    every = set().union(*OPTIONS.values())
    wrong = {span: found for span in spans if span.startswith("zeroshot ") and (found := unknown_options(span))}
    wrong |= {
        span: found
        for span in spans
        if span.startswith("--") and (found := [flag for flag in FLAG.findall(span) if flag not in every])
    }
    assert wrong == {}
