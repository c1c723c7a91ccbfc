"""Run folders as a search leaves them, with nets that train in a moment."""

from pathlib import Path

from zeroshot.data import load
from zeroshot.runs.folder import open_run
from zeroshot.runs.layout import PAIRS as PAIRS_FILE
from zeroshot.runs.rows import PAIRS, PredictedPair


def listed_pair(rank: int, little: str, big: str, single: str | None = None, rate: float = 0.3) -> PredictedPair:
    """A pair of a search: the little net takes 1 ms and 0.1 mJ, the big one 10 ms and 1 mJ."""
    return PredictedPair(
        rank=rank, little=little, big=big, accuracy=0.8, accuracy_low=0.7, accuracy_high=0.9,
        little_accuracy=0.6, big_accuracy=0.85, escalation_rate=rate,
        latency_ms=1.0 + rate * 10, worst_latency_ms=11.0, energy_mj=0.1 + rate, worst_energy_mj=1.1,
        macs=1000.0, flash_bytes=2000, sram_bytes=3000,
        single=single, single_accuracy=0.75 if single else None, single_latency_ms=3.5 if single else None,
        gain=0.05 if single else None, gain_error=0.1 if single else None, pays=True if single else None,
    )  # fmt: skip


def run_folder(path: Path, pairs: list[PredictedPair], **config: object) -> Path:
    """The folder of a search of the digits that listed these pairs; `config` has what else stands in its config."""
    known = {"data": "digits", "data_sha256": load("digits").digest, "seed": 0}
    folder = open_run(path, known | config, force=False, resume=False)
    folder.write(PAIRS_FILE, PAIRS.to_csv(pairs))
    return folder.path
