"""The options that every stage with cascades has, declared without what computes scores."""

from collections.abc import Iterable
from typing import Any

from zeroshot.options import option
from zeroshot.runs.rows import ACCURACY


def policy_option(panel: str) -> Any:  # noqa: ANN401 - a dataclass field
    """Score of the little net that decides whether an input escalates.

    Args:
        panel: Heading in the help.
    """
    return option(
        "logit-gap", "logit-gap, score-margin, max-softmax or entropy.", metavar="NAME", panel=panel, names=_policies
    )


def metric_option(panel: str) -> Any:  # noqa: ANN401 - a dataclass field
    """What choices and verdicts go by.

    Args:
        panel: Heading in the help.
    """
    return option(
        ACCURACY, "What choices and verdicts go by: accuracy, balanced (mean recall) or recall:CLASS.", metavar="NAME",
        panel=panel,
    )  # fmt: skip


def _policies() -> Iterable[str]:
    from zeroshot.cascade.policy import POLICIES

    return POLICIES
