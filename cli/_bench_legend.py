"""What the heads of `zeroshot bench`'s tables mean."""

from collections.abc import Iterable, Sequence

# The beginning of a head -> what it means; shown in this order, those alone that the tables have.
MEANINGS = {
    "nets": "rows of the table; a net on which a proxy is undefined ranks last",
    "undefined": "of these, those on which it is",
    "Spearman": "rank correlation with true accuracy, signed",
    "95 %": "bootstrap interval over distinct nets, {resamples:,} resamples; empty: in some resamples it is undefined",
    "tau-b": "Kendall's correlation",
    "top 10 %": "Spearman among the nets that are truly best",
    "top 5 %": "the same of a twentieth, with its interval",
    "given size": "Spearman given params and MACs: what the proxy knows beside them",
    "p@": "share of so many favourites that are among as many best",
    "best@": "true rank of the best of so many favourites",
    "gain@": "discounted gain of so many favourites, 1 for the truly best; a point of accuracy less counts half",
    "less": "Spearman less that of this baseline, in the same resamples; the intervals hold for all {compared} "
            "differences of a table at once (max-t bootstrap)",
    "points lost": "accuracy of the best net within a limit on this cost less that of the favourite within it, mean "
                   "over {limits} limits at even quantiles of the cost",
    "random": "what scores that know nothing get on average; interval: where 95 % of {resamples:,} such scores lie",
    "ceiling": "Spearman of a score that knew each net's expected accuracy, for trainings of one net differ",
}  # fmt: skip


def legend(heads: Iterable[str], **numbers: object) -> Sequence[str]:
    """A line for each kind of head that is there.

    Args:
        heads: Of columns, and names of rows that are no proxies.
        numbers: What the meanings speak of.
    """
    known = list(heads)
    return [
        f"{start}{'N' * start.endswith('@')}: {meaning.format(**numbers)}"
        for start, meaning in MEANINGS.items() if any(head.startswith(start) for head in known)
    ]  # fmt: skip
