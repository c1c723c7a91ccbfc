"""Everything that reads what somebody else wrote: a file without fault, what damages it, what reads it."""

import hashlib
import io
import json
import pickle
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from PIL import Image
from pyarrow import parquet

from zeroshot.bench import official, score_table
from zeroshot.bench.table import read_table
from zeroshot.cost.boards import load_board
from zeroshot.data import load
from zeroshot.firmware.folder import check_target
from zeroshot.net import NetSpec
from zeroshot.options import Options
from zeroshot.quantization.options import QuantizeOptions
from zeroshot.quantization.quantized_net import load_quantized
from zeroshot.reporting.report import render
from zeroshot.runs import checkpoints, layout
from zeroshot.runs.folder import check_run
from zeroshot.runs.front_end import read_front_end
from zeroshot.runs.manage import check, state_of
from zeroshot.runs.reading import read_candidates, read_quantization, read_scores, read_search, read_training
from zeroshot.runs.rows import CANDIDATES, Candidate
from zeroshot.searching.options import SearchOptions
from zeroshot.spaces import nasbench201
from zeroshot.training.options import TrainOptions
from zeroshot.training.train import Recipe
from zeroshot.training.train_net import hold_out, load_net, train_net

from ..run_folders import listed_pair, run_folder
from ..signals.files import int16, log_text, logs, motion, recordings, tone, wav
from .damage import bytes_of, csv_of, json_of, npz_of, pickle_of, toml_of

BOARDS = Path(__file__).parents[2] / "zeroshot" / "cost" / "boards"
NET, BIG = "r8-s4/2-c3w8x1", "r8-s8-c3w16x1/2"
ONE = Recipe(epochs=1)


@dataclass(frozen=True)
class Reader:
    """What is damaged and read.

    Attributes:
        file: The name of the damaged file, from a folder on.
        whole: It without fault.
        damage: Strategy of damaged ones.
        read: Reads the folder, or raises an error of the package.
        prepare: Fills the folder with what belongs there besides.
        share: Of all inputs of a long run, beside the other readers'.
    """

    file: str
    whole: bytes
    damage: Callable[[bytes], Any]
    read: Callable[[Path], object]
    prepare: Callable[[Path], object] = lambda folder: None
    share: int = 10


def picture(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def pictures(kind: str) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        for name in ("cat", "dog"):
            (folder / name).mkdir()
            for i in range(2):
                (folder / name / f"{i}.{kind.lower()}").write_bytes(picture(kind))

    return fill


def archive(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def images() -> bytes:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (20, 6, 6, 1), dtype=np.uint8), np.arange(20) % 2
    return archive(x_train=x, y_train=y, x_test=x[:8], y_test=y[:8])


def table_of_nets() -> str:
    rows = "\n".join(f"net{i},{50 + i},{i + 1},{i * i}" for i in range(8))
    return f"net,accuracy,macs,score\n{rows}\n"


def parquet_of_nets() -> bytes:
    buffer = io.BytesIO()
    columns = {"net": [f"n{i}" for i in range(8)], "accuracy": [50.0 + i for i in range(8)], "s": list(range(8))}
    parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


def cells(count: int = 3) -> dict[str, Any]:
    values = {("cifar10", 777): 90.0, ("cifar100", 777): 70.0, ("ImageNet16-120", 777): 40.0}
    results = {
        key: {"eval_acc1es": {f"{'ori-test' if key[0] == 'cifar10' else 'x-test'}@199": value}}
        for key, value in values.items()
    }
    return {"arch2infos": {i: {"200": {"all_results": results}} for i in range(count)}}


class Trained:
    """A run with a search, a training and a quantisation of two nets, made once for all readers."""

    def __init__(self, folder: Path) -> None:
        from zeroshot.quantization.quantize import quantize
        from zeroshot.training.train import train

        self.run = run_folder(folder / "run", [listed_pair(1, NET, BIG)])
        train(self.run, top=1, epochs=1, jobs=1)
        quantize(self.run, epochs=0)
        for path in self.run.rglob(layout.DIGESTS):
            path.unlink()
        self.data = load("digits")
        self.split = hold_out(self.data, 0)
        self.stopped = folder / "stopped"

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            train_net(NET, self.split, ONE, folder=self.stopped, progress=stop)
        self.stem, self.epoch = checkpoints.stem(NET), checkpoints.epoch_name(NET, 1)

    def copied(self, folder: Path) -> None:
        shutil.copytree(self.run, folder, dirs_exist_ok=True)

    def half(self, folder: Path) -> None:
        shutil.copytree(self.stopped, folder, dirs_exist_ok=True)

    def whole(self, name: str) -> bytes:
        return (self.run / name).read_bytes()


def digested(name: str, key: str, about: str, read: Callable[[Path], object]) -> Callable[[Path], object]:
    """Put the digest of a damaged file into the .json beside it, as who wrote both would have."""

    def with_digest(folder: Path) -> object:
        if not (folder / about).exists():
            return read(folder)
        told = json.loads((folder / about).read_text())
        told[key] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        (folder / about).write_text(json.dumps(told))
        return read(folder)

    return with_digest


def of_data() -> dict[str, Reader]:
    """Images, recordings, logs."""
    small = motion(60)
    log = log_text(np.column_stack([np.arange(60) * 50, small]), "time[ms],ax[mg],ay[mg]").encode()
    found = {
        "images.npz": Reader("x.npz", images(), npz_of, lambda folder: load(str(folder / "x.npz")), share=20),
        "sound.wav": Reader(
            "yes/0.wav", wav(int16(tone(4000, 3))), bytes_of, lambda folder: load(str(folder)),
            lambda folder: recordings(folder, count=4, samples=4000), share=5,
        ),
        "log.csv": Reader(
            "walk/0.csv", log, csv_of, lambda folder: load(str(folder), rate=20, window=1000),
            lambda folder: logs(folder, count=4, rows=60), share=5,
        ),
    }  # fmt: skip
    for kind, ending in (
        ("PNG", "png"),
        ("JPEG", "jpeg"),
        ("GIF", "gif"),
        ("BMP", "bmp"),
        ("TIFF", "tiff"),
        ("WEBP", "webp"),
    ):
        options = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
        found[f"picture.{ending}"] = Reader(
            f"cat/0.{ending}", picture(kind, **options), bytes_of, lambda folder: load(str(folder)), pictures(kind)
        )
    return found


def of_tables() -> dict[str, Reader]:
    """Tables of trained nets, published files, stored scores; boards and options."""
    board = (BOARDS / "nucleo-l4r5zi.toml").read_bytes()
    search = b'board = "nucleo-f446re"\nlatency = "5ms"\nnets = 30\nproxies = ["macs"]\nescalation = 0.3\nseed = 1\n'
    stage = b"epochs = 3\nlr = 0.1\nthreads = 1\n"
    shape = score_table.empty(score_table.Protocol(), "here")
    scores = archive(
        about=np.array(json.dumps({
            "format": 1, "protocol": vars(shape.protocol), "versions": {"macs": 1}, "undefined": {}, "machine": "",
        })),
        cells=np.arange(3), score_macs=np.arange(3, dtype=np.float32),
    )  # fmt: skip
    return {
        "table.csv": Reader("t.csv", table_of_nets().encode(), csv_of, table("t.csv"), share=30),
        "table.parquet": Reader("t.parquet", parquet_of_nets(), bytes_of, table("t.parquet")),
        "cells.pickle": Reader(
            "n.pickle", pickle.dumps(cells()), lambda _: pickle_of(cells()), converted, share=30
        ),
        "scores.npz": Reader("s.npz", scores, npz_of, lambda folder: score_table.read(folder / "s.npz")),
        "board.toml": Reader("b.toml", board, toml_of, lambda folder: load_board(str(folder / "b.toml")), share=20),
        "search.toml": Reader("o.toml", search, toml_of, options(SearchOptions), share=20),
        "train.toml": Reader("o.toml", stage, toml_of, options(TrainOptions)),
        "quantize.toml": Reader("o.toml", stage, toml_of, options(QuantizeOptions)),
        "net": Reader(
            "n", b"r32-s24-d3w32x1-d5w48x1/2-m5e3w8x2", bytes_of,
            lambda folder: NetSpec.parse((folder / "n").read_bytes().decode(errors="surrogateescape")), share=20,
        ),
        "export.json": Reader(
            "export.json", json.dumps({"made_by": "zeroshot export", "format": 1, "files": {"a": "0"}}).encode(),
            json_of, lambda folder: check_target(folder, force=True),
        ),
    }  # fmt: skip


def table(name: str) -> Callable[[Path], object]:
    """Reads a table of nets."""
    return lambda folder: read_table(folder / name)


def options(kind: type[Options]) -> Callable[[Path], object]:
    """Reads the options of a stage."""
    return lambda folder: kind.read(folder / "o.toml")


def converted(folder: Path) -> Path:
    """A published file of three cells."""
    count, nasbench201.COUNT = nasbench201.COUNT, 3
    try:
        return official.convert(folder / "n.pickle", folder / "out")
    finally:
        nasbench201.COUNT = count


def of_runs(trained: Trained) -> dict[str, Reader]:
    """Every file of a run folder, by what reads it; also with the digest that belongs to it."""
    models, int8, stem, epoch = layout.MODELS, layout.INT8, trained.stem, trained.epoch
    kinds = {".csv": csv_of, ".json": json_of, ".toml": toml_of, ".npz": npz_of, ".pt": bytes_of}
    candidate = Candidate(
        NET, latency_ms=1.0, energy_mj=0.1, macs=1000, model_flash_bytes=2000, arena_bytes=300, persistent_bytes=40,
        input_bytes=64, holding_bytes=400, scores={"macs": 3.0}, static_accuracy=0.5,
    )  # fmt: skip
    candidates = CANDIDATES.to_csv([candidate]).encode()
    scores = b"".join(f"{NET},zico,{i}.5,\n".encode() for i in range(5))

    def reader(name: str, read: Callable[[Path], object], share: int = 10, whole: bytes | None = None) -> Reader:
        raw = trained.whole(name) if whole is None else whole
        return Reader(name, raw, kinds[Path(name).suffix], read, trained.copied, share)

    def search(folder: Path) -> None:
        config, _ = read_search(folder)
        check_run(folder, config, force=False, resume=True)
        read_front_end(folder)

    def quantised(folder: Path) -> object:
        return load_quantized(folder / int8, NET)

    def resumed(folder: Path) -> object:
        return train_net(NET, trained.split, ONE, folder=folder, resume=True)

    whole = f"{models}/{stem}"
    tensors = (trained.stopped / f"{epoch}.pt").read_bytes()
    told = (trained.stopped / f"{epoch}.json").read_bytes()
    return {
        "run/config.toml": reader(layout.CONFIG, search, 15),
        "run/environment.json": reader(layout.ENVIRONMENT, search),
        "run/pairs.csv": reader(layout.PAIRS, search, 15),
        "run/scores.csv": reader(layout.SCORES, read_scores, whole=scores),
        "run/candidates.csv": reader(layout.CANDIDATES, read_candidates, whole=candidates),
        "run/digests.json": reader(layout.DIGESTS, check, whole=json.dumps({"files": {"pairs.csv": "0"}}).encode()),
        "run/state": reader(layout.CONFIG, state_of),
        "models/pairs.csv": reader(f"{models}/{layout.PAIRS}", read_training, 15),
        "int8/pairs.csv": reader(f"{int8}/{layout.PAIRS}", read_quantization, 15),
        "page of config": reader(layout.CONFIG, render, 1),
        "page of summary": reader(f"{models}/{layout.SUMMARY}", render, 1),
        "page of pairs": reader(f"{int8}/{layout.PAIRS}", render, 1),
        "net.json": reader(f"{whole}.json", lambda folder: load_net(folder / models, NET), 15),
        "net.npz": reader(f"{whole}.npz", digested(
            f"{whole}.npz", "outputs_sha256", f"{whole}.json", lambda folder: load_net(folder / models, NET))),
        "net.pt": reader(f"{whole}.pt", digested(
            f"{whole}.pt", "sha256", f"{whole}.json", lambda folder: load_net(folder / models, NET))),
        "int8.json": reader(f"{int8}/{stem}.json", quantised, 15),
        "int8.npz": reader(f"{int8}/{stem}.npz", digested(
            f"{int8}/{stem}.npz", "sha256", f"{int8}/{stem}.json", quantised)),
        "outputs.npz": reader(f"{int8}/{stem}.outputs.npz", digested(
            f"{int8}/{stem}.outputs.npz", "outputs_sha256", f"{int8}/{stem}.json", quantised)),
        "epoch.json": Reader(f"{epoch}.json", told, json_of, resumed, trained.half, 5),
        "epoch.pt": Reader(f"{epoch}.pt", tensors, bytes_of, digested(
            f"{epoch}.pt", "sha256", f"{epoch}.json", resumed), trained.half, 3),
    }  # fmt: skip
