"""Published correlations of single proxies on NAS-Bench-201 beside ours, and where they differ, why."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zeroshot.bench.judge import Verdict
from zeroshot.bench.seeds import OverSeeds
from zeroshot.bench.study import ALL, EVERY, PUBLISHED

CLOSE = 0.02
STABLE = 0.9  # rank correlation between two seeds below which one draw decides
TASKS = ("cifar10", "cifar100", "imagenet16-120")
# Spearman with test accuracy. ZiCo: Li et al., ICLR 2023, all architectures. Suite-Zero: Krishnakumar et al., NeurIPS
# 2022, CIFAR-10. AZ-NAS: Lee and Ham, CVPR 2024. VKDNW: Tybl and Neumann, CVPR 2025.
ZICO = {
    "grad_norm": (0.63, 0.63, 0.58), "snip": (0.63, 0.63, 0.58), "synflow": (0.73, 0.76, 0.75),
    "naswot": (0.77, 0.80, 0.78), "zen": (0.38, 0.36, 0.40), "macs": (0.73, 0.71, 0.67), "params": (0.75, 0.73, 0.69),
    "zico": (0.80, 0.81, 0.79), "gradsign": (0.77, 0.79, 0.78),
}  # fmt: skip
SUITE_ZERO = {
    "plain": -0.26, "snip": 0.58, "grasp": 0.51, "fisher_fan_in": 0.50, "epe_nas": 0.70, "jacob_cov": 0.75,
    "synflow": 0.73, "l2_norm": 0.68, "zen_running": 0.35, "params": 0.72, "macs": 0.69, "naswot": 0.77,
}  # fmt: skip
SOURCES: dict[str, Mapping[str, tuple[float, ...]]] = {
    "ZiCo": ZICO, "Suite-Zero": {name: (value,) for name, value in SUITE_ZERO.items()},
    "AZ-NAS": {"az_nas": (0.913, 0.900, 0.886)}, "VKDNW": {"vkdnw_agg": (0.919, 0.919, 0.906)},
}  # fmt: skip
ON_ALL = {"ZiCo", "AZ-NAS", "VKDNW"}  # Suite-Zero's figures are of a draw
# Our name -> Suite-Zero's column of the same formula.
COLUMNS = {
    "plain": "sz_plain", "snip": "sz_snip", "grasp": "sz_grasp", "fisher_fan_in": "sz_fisher", "epe_nas": "sz_epe_nas",
    "jacob_cov": "sz_jacov", "synflow": "sz_synflow", "l2_norm": "sz_l2_norm", "zen_running": "sz_zen",
    "params": "sz_params", "macs": "sz_flops", "naswot": "sz_nwot", "grad_norm": "sz_grad_norm",
}  # fmt: skip


def compared(
    verdicts: Sequence[Verdict], seeds: Sequence[OverSeeds], counted: Mapping[tuple[str, str], float],
    equal: Mapping[tuple[str, str], tuple[float, float]],
) -> list[dict[str, Any]]:  # fmt: skip
    """One row a published figure: theirs, ours, the two on the same rows, and the reason of a difference.

    Ours is on all cells, or where the proxy was not computed on all, on the cells that have every proxy.

    Args:
        verdicts: On the sets of cells.
        seeds: Of CIFAR-10.
        counted: (size, task) -> Spearman on all cells with dead operations counted.
        equal: (proxy, task) -> ours and Suite-Zero's on the same cells, of proxies that all cells do not have.
    """
    found = {(v.nets, v.task, v.proxy): v.spearman["all"] for v in verdicts}
    ours_on = {name: ALL if (ALL, TASKS[0], name) in found else EVERY for name in {v.proxy for v in verdicts}}
    stability = {each.proxy: each.stability for each in seeds}
    rows = []
    for source, figures in SOURCES.items():
        for proxy, values in figures.items():
            for task, theirs in zip(TASKS, values, strict=False):
                whole = found.get((ours_on.get(proxy, ALL), task, proxy))
                if whole is None:
                    continue
                pair = [found.get((PUBLISHED, task, name)) for name in (proxy, COLUMNS.get(proxy, ""))]
                ours, same = equal.get((proxy, task), [each.value if each else None for each in pair])
                apart = None if ours is None or same is None else ours - same
                why = reason(whole.value - theirs, apart, stability.get(proxy), source in ON_ALL)
                if why != "agrees" and ours_on[proxy] == EVERY:
                    why += "; ours is on one row a function"
                if (proxy, task) in counted and why != "agrees":
                    why = size_reason(counted[proxy, task], theirs, source in ON_ALL)
                rows.append({
                    "source": source, "proxy": proxy, "task": task, "published": theirs, "ours": whole.value,
                    "rows": whole.n,
                    "difference": whole.value - theirs, "ours, no dead operations": "" if ours is None else ours,
                    "Suite-Zero there": "" if same is None else same, "reason": why,
                })  # fmt: skip
    return rows


def size_reason(counted: float, theirs: float, on_all: bool) -> str:
    """Why a count of ours, which leaves dead operations out, correlates otherwise than a published one."""
    text = f"dead operations are counted there; counted here too it is {counted:.3f}"
    if abs(counted - theirs) <= CLOSE:
        return text
    return f"{text}, which leaves {theirs - counted:+.3f} open{'' if on_all else ': other rows'}"


def reason(difference: float, same_rows: float | None, stability: float | None, on_all: bool) -> str:
    """Why ours differs from a published figure, from what can be measured.

    Args:
        difference: Ours less theirs, on all cells.
        same_rows: Ours less that of Suite-Zero's own scores, both on the cells without dead operations.
        stability: Rank correlation of two seeds of ours.
        on_all: Whether the published figure is of all cells, as ours is.
    """
    if abs(difference) <= CLOSE:
        return "agrees"
    same_rows = None if same_rows is None or np.isnan(same_rows) else same_rows
    if stability is not None and stability < STABLE and (same_rows is None or abs(same_rows) > CLOSE):
        return f"one draw of weights and images decides (two of ours agree to {stability:.2f})"
    if same_rows is None:
        return "dead operations are counted there, and another initialisation; no scores are published to tell which"
    without = f"Suite-Zero's scores and ours differ by {same_rows:+.3f} on cells without dead operations"
    if abs(same_rows) <= CLOSE:
        return f"{'dead operations are counted there' if on_all else 'other rows, dead operations counted'}: {without}"
    return f"other initialisation and batches: {without}"
