"""Names of everything in a run folder.

config.toml environment.json        what was asked for, and on what machine
candidates.csv candidates.npz       all nets that were drawn
scores.csv                          probed scores, appended net by net
pairs.csv front.csv singles.csv     what the search lists
classes.csv                         the classes of the data and how many examples each has
calibration.csv calibration/        nets that were trained briefly to anchor the accuracies
summary.json pareto.png
models/                             trained nets, their plan, pairs.csv, nets.csv, confusion.csv, summary.json
int8/                               int8 nets, their plan, pairs.csv, nets.csv, confusion.csv, curves.png, summary.json
firmware/pair-1/                    exported pairs
battery.json                        what was asked of battery life last, for the page
report.html                         the page of all that
digests.json                        SHA-256 of the files beside it, in models/ and int8/ too; written last
.lock                               while a process works there
"""

# Raised when a version can no longer read what an earlier one wrote. 1: up to zeroshot 0.1.0, without a number.
FORMAT = 2

CONFIG = "config.toml"
SIGNALS, FRONT_END = (
    "signals",
    "front_end",
)  # tables there: how a folder of recordings or logs is read, and what follows
ENVIRONMENT = "environment.json"
SCORES = "scores.csv"
CANDIDATES, CANDIDATE_ARRAYS = "candidates.csv", "candidates.npz"
PAIRS, FRONT, SINGLES, NETS = "pairs.csv", "front.csv", "singles.csv", "nets.csv"
CLASSES, CONFUSION = "classes.csv", "confusion.csv"
CALIBRATION, CALIBRATION_NETS = "calibration.csv", "calibration"
SUMMARY = "summary.json"
FRONT_PLOT, CURVES_PLOT = "pareto.png", "curves.png"
MODELS, TRAINING_PLAN = "models", "train.json"
INT8, QUANTIZATION_PLAN = "int8", "quantize.json"
FIRMWARE = "firmware"
BATTERY, REPORT = "battery.json", "report.html"
DIGESTS, EXPORTED = "digests.json", "export.json"  # what a stage, and what an export wrote


def firmware_of(rank: int) -> str:
    """Where the firmware of a pair goes by default, from the run folder on.

    >>> firmware_of(3)
    'firmware/pair-3'
    """
    return f"{FIRMWARE}/pair-{rank}"
