"""What the tables of a run hold, a dataclass a row, and the columns that it is written in.

Accuracies, rates and gains are fractions, latencies ms, energies mJ, sizes bytes. `None` is an empty cell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields

from zeroshot.runs.tables import UNKNOWN, Column, Table

ACCURACY = "accuracy"  # the metric without other wishes
Threshold = float | int | str  # a number, the word inf, or one number for each class with spaces between
MAY_BE_UNKNOWN = {UNKNOWN: True}
# Stage of a measured pair -> the attribute that holds it, and how its columns are called.
KINDS = {"test": "test", "float": "in_float", "int8": "int8"}


@dataclass(frozen=True)
class PairForecast:
    """What later stages know of a pair that a search listed; intervals are of 80 %.

    Attributes (those that do not explain themselves):
        little_accuracy: Expected of the little net alone.
        escalation_rate: Share of inputs for which the big net runs.
        latency_ms: Expected, at that rate; `worst_latency_ms` where the big net runs.
        single: The best net that is no slower on average; None where no single net is as fast.
        gain: Expected accuracy of the pair minus the single net's; `gain_error` is half of its interval.
    """

    rank: int
    little: str
    big: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    little_accuracy: float
    big_accuracy: float
    escalation_rate: float
    latency_ms: float
    worst_latency_ms: float
    energy_mj: float
    worst_energy_mj: float
    single: str | None
    single_accuracy: float | None
    single_latency_ms: float | None
    gain: float | None
    gain_error: float | None


@dataclass(frozen=True)
class PredictedPair(PairForecast):
    """A pair of a search: pairs.csv and front.csv.

    Attributes:
        macs: Expected, multiply-accumulates.
        flash_bytes: Both models and the runtime.
        sram_bytes: One arena for both nets, persistent data and the kept input.
        pays: Whether the expected gain is above zero.
    """

    macs: float
    flash_bytes: int
    sram_bytes: int
    pays: bool | None


@dataclass(frozen=True)
class PredictedNet:
    """A single net of a search's front: singles.csv."""

    net: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    latency_ms: float
    energy_mj: float
    macs: int
    flash_bytes: int
    sram_bytes: int


@dataclass(frozen=True)
class Candidate:
    """A net that a search looked at: candidates.csv.

    Attributes:
        net: Short spec.
        model_flash_bytes: Of the model without the runtime.
        input_bytes: Of an image.
        holding_bytes: Arena while another net's input is kept in it.
        scores: Static proxy -> score.
        static_accuracy: Expected from the layers alone.
    """

    net: str
    latency_ms: float
    energy_mj: float
    macs: int
    model_flash_bytes: int
    arena_bytes: int
    persistent_bytes: int
    input_bytes: int
    holding_bytes: int
    scores: Mapping[str, float]
    static_accuracy: float


@dataclass(frozen=True)
class CalibrationNet:
    """A net that was trained briefly to anchor the expected accuracies: calibration.csv.

    Attributes:
        chosen: Why it was trained: `little` or `big`, of the pair that would have been named first, `single`, its
            rival, or `next`, of another pair that would have been listed.
        expected_before: Without any training.
        expected: After all of them.
        measured: On the validation images.
    """

    net: str
    chosen: str
    expected_before: float
    expected: float
    measured: float
    validation_images: int
    epochs: int


@dataclass(frozen=True)
class MeasuredCascade:
    """What the nets of a pair do on the test images at a threshold that the validation images gave.

    Attributes (those that do not explain themselves):
        threshold: Escalates where the little net's score is below it.
        escalation_rate_validation: On the images that chose the threshold.
        little_escalated: Accuracy of the little net on what escalates; None where nothing does.
        error_correlation: Phi coefficient of the two nets' errors; None where a net is always or never right.
        latency_ms: The cost model's, at the measured rate; NaN where it is unknown, and so `energy_mj`.
        single_accuracy: Of the single net that the search named; None where none was trained.
        rival: What could be shipped instead and does best on the validation images: the pair's `little` or `big` net
            alone, or another `single` net; the columns below are None where an older version measured.
        rival_model: Name of that trained net.
        rival_latency_ms: None where it is unknown, as of the little net where the search let every input escalate.
        rivals_ahead: Names of other rivals with as many right answers on the test images, with spaces between.
        gain: Over the rival; `gain_low` and `gain_high` are the interval on the test images, which both answer.
        verdict: "pays", "may pay" or "does not pay".
        balanced: Mean recall of the classes; None where an older version measured, and so with the next.
        value: The pair's metric, which is accuracy where none was asked for; `value_low` and `value_high` are its
            interval. `rival_value` is the rival's. Gain and verdict are of it.
        over_budget: Budgets that the pair overdraws, `latency` or `energy` or both with a space between: at its rate on
            the validation images, or at every rate of the test images' interval.
        budget_rate: Escalation rate on the validation images that would keep the budgets; None where they are kept
            there, or no rate keeps them. `budget_threshold` and `budget_accuracy`, on the test images, are there.
    """

    accuracy: float
    accuracy_low: float
    accuracy_high: float
    little_accuracy: float
    big_accuracy: float
    threshold: Threshold
    escalation_rate_validation: float
    escalation_rate: float
    escalation_rate_low: float
    escalation_rate_high: float
    little_escalated: float | None
    big_escalated: float | None
    both_wrong: float
    error_correlation: float | None
    latency_ms: float = field(metadata=MAY_BE_UNKNOWN)
    energy_mj: float = field(metadata=MAY_BE_UNKNOWN)
    single_accuracy: float | None = None
    rival: str | None = None
    rival_model: str | None = None
    rival_accuracy: float | None = None
    rival_latency_ms: float | None = None
    rivals_ahead: str | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    verdict: str | None = None
    over_budget: str | None = None
    budget_rate: float | None = None
    budget_threshold: Threshold | None = None
    budget_accuracy: float | None = None
    balanced: float | None = None
    value: float | None = None
    value_low: float | None = None
    value_high: float | None = None
    rival_value: float | None = None


@dataclass(frozen=True)
class PairModels:
    """Names of the trained nets of a pair; None for a single net that was not trained."""

    little: str
    big: str
    single: str | None

    def __iter__(self) -> Iterator[str]:
        """Those that there are."""
        return (name for name in (self.little, self.big, self.single) if name is not None)


@dataclass(frozen=True)
class MeasuredPair:
    """A trained pair beside what was predicted of it: models/pairs.csv.

    Attributes (those that do not explain themselves):
        metric: What the verdict is about, see `zeroshot.cascade.metric`.
    """

    predicted: PairForecast
    policy: str
    test: MeasuredCascade
    models: PairModels
    metric: str = ACCURACY


@dataclass(frozen=True)
class QuantizedPair:
    """A trained pair in float and in int8 beside what was predicted of it: int8/pairs.csv.

    Attributes:
        predicted: By the search.
        policy: Score that decides on escalation.
        in_float: With the threshold on float scores.
        int8: With the threshold as a device compares it.
        logit_scale: Real number that a step of the little net's int8 logits stands for.
        models: Names of the nets.
        metric: What the verdict is about.
        little_bias: Added to each class's int8 logit of the little net, whole numbers with spaces between; None for
            none. Only `int8` has it.
        big_bias: The same of the big net.
    """

    predicted: PairForecast
    policy: str
    in_float: MeasuredCascade
    int8: MeasuredCascade
    logit_scale: float
    models: PairModels
    metric: str = ACCURACY
    little_bias: str | None = None
    big_bias: str | None = None


@dataclass(frozen=True)
class TrainedNetRow:
    """A trained net: models/nets.csv.

    Attributes (those that do not explain themselves):
        stage: What it went through beyond a training on its own, "" for nothing.
        validation_accuracy: On the images that chose the epoch.
        file: Of its weights.
    """

    net: str
    stage: str
    validation_accuracy: float
    test_accuracy: float
    best_epoch: int
    epochs: int
    seconds: float
    images_per_second: int
    precision: str
    flip: bool
    file: str


@dataclass(frozen=True)
class QuantizedNetRow:
    """An int8 net beside its float net: int8/nets.csv.

    Attributes (those that do not explain themselves):
        name: Spec and stage of the trained net.
        ptq_test_accuracy: Calibrated alone; `qat_` after the finetuning, None without one.
    """

    net: str
    name: str
    float_validation_accuracy: float
    float_test_accuracy: float
    ptq_validation_accuracy: float
    ptq_test_accuracy: float
    qat_validation_accuracy: float | None
    qat_test_accuracy: float | None
    best_epoch: int
    epochs: int
    seconds: float
    file: str
    outputs: str


@dataclass(frozen=True)
class PrunedNetRow:
    """A net before pruning (round 0) or after a round of it; of the file of a pruned net.

    Attributes (those that do not explain themselves):
        weights: Bytes, int8.
        flash: Bytes of the model, tables included.
        validation_accuracy_untrained: After the cut, before any training; None for the source.
    """

    round: int
    net: str
    macs: float
    weights: float
    flash: float
    latency_ms: float
    epochs: int
    validation_accuracy: float
    test_accuracy: float
    validation_accuracy_untrained: float | None = field(default=None)


def _names(row: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(row))


# Column -> attribute of a pair that was measured; {kind} is a stage, {_kind} the same where there are several.
_MEASURED = (
    ("rank", "predicted.rank"), ("little", "predicted.little"), ("big", "predicted.big"),
    ("accuracy_predicted", "predicted.accuracy"), ("accuracy_predicted_low", "predicted.accuracy_low"),
    ("accuracy_predicted_high", "predicted.accuracy_high"),
    ("accuracy_{kind}", "accuracy"), ("accuracy_{kind}_low", "accuracy_low"),
    ("accuracy_{kind}_high", "accuracy_high"),
    ("little_accuracy_predicted", "predicted.little_accuracy"), ("little_accuracy_{kind}", "little_accuracy"),
    ("big_accuracy_predicted", "predicted.big_accuracy"), ("big_accuracy_{kind}", "big_accuracy"),
    ("policy", "policy"), ("threshold{_kind}", "threshold"),
    ("escalation_rate_predicted", "predicted.escalation_rate"),
    ("escalation_rate_validation{_kind}", "escalation_rate_validation"),
    ("escalation_rate_{kind}", "escalation_rate"), ("escalation_rate_{kind}_low", "escalation_rate_low"),
    ("escalation_rate_{kind}_high", "escalation_rate_high"),
    ("little_escalated_{kind}", "little_escalated"), ("big_escalated_{kind}", "big_escalated"),
    ("both_wrong_{kind}", "both_wrong"), ("error_correlation_{kind}", "error_correlation"),
    ("latency_ms_predicted", "predicted.latency_ms"), ("latency_ms_{kind}", "latency_ms"),
    ("worst_latency_ms", "predicted.worst_latency_ms"),
    ("energy_mj_predicted", "predicted.energy_mj"), ("energy_mj_{kind}", "energy_mj"),
    ("worst_energy_mj", "predicted.worst_energy_mj"),
    ("single", "predicted.single"), ("single_latency_ms", "predicted.single_latency_ms"),
    ("single_accuracy_predicted", "predicted.single_accuracy"), ("single_accuracy_{kind}", "single_accuracy"),
    ("rival{_kind}", "rival"), ("rival_model{_kind}", "rival_model"), ("rival_accuracy_{kind}", "rival_accuracy"),
    ("rival_latency_ms{_kind}", "rival_latency_ms"), ("rivals_ahead{_kind}", "rivals_ahead"),
    ("gain_predicted", "predicted.gain"), ("gain_predicted_error", "predicted.gain_error"),
    ("gain_{kind}", "gain"), ("gain_{kind}_low", "gain_low"), ("gain_{kind}_high", "gain_high"),
    ("verdict{_kind}", "verdict"), ("over_budget{_kind}", "over_budget"),
    ("budget_rate_validation{_kind}", "budget_rate"), ("budget_threshold{_kind}", "budget_threshold"),
    ("budget_accuracy_{kind}", "budget_accuracy"),
    ("metric", "metric"), ("balanced_{kind}", "balanced"), ("value_{kind}", "value"), ("value_{kind}_low", "value_low"),
    ("value_{kind}_high", "value_high"), ("rival_value_{kind}", "rival_value"),
)  # fmt: skip
_MODELS = (("little_model", "models.little"), ("big_model", "models.big"), ("single_model", "models.single"))


def _measured(kinds: Sequence[str]) -> Iterator[Column]:
    for name, path in _MEASURED:
        if "{" not in name:
            yield name, path
        else:
            for kind in kinds:
                several = f"_{kind}" if len(kinds) > 1 else ""
                yield name.format(kind=kind, _kind=several), f"{KINDS[kind]}.{path}"


_PREDICTED = tuple((name, name) for name in (
    *_names(PairForecast)[:13], "macs", "flash_bytes", "sram_bytes", *_names(PairForecast)[13:], "pays",
))  # fmt: skip

PAIRS = Table(PredictedPair, _PREDICTED)
SINGLES = Table(PredictedNet)
CANDIDATES = Table(Candidate, prefix={"scores": "score_"})
CALIBRATION = Table(CalibrationNet)
TRAINED_PAIRS = Table(MeasuredPair, (*_measured(["test"]), *_MODELS))
TRAINED_NETS = Table(TrainedNetRow)
QUANTIZED_PAIRS = Table(
    QuantizedPair, (
        *_measured(["float", "int8"]), ("logit_scale_int8", "logit_scale"), *_MODELS,
        ("little_bias", "little_bias"), ("big_bias", "big_bias"),
    ),
)  # fmt: skip
QUANTIZED_NETS = Table(QuantizedNetRow)
PRUNED_NETS = Table(PrunedNetRow, tuple((name, name) for name in (
    *_names(PrunedNetRow)[:7], "validation_accuracy_untrained", "validation_accuracy", "test_accuracy",
)))  # fmt: skip
