"""The command that an interrupted one names to go on with: what was typed, but for what stands in the plan."""

import pytest

from zeroshot.runs.layout import INT8, MODELS, QUANTIZATION_PLAN, TRAINING_PLAN


@pytest.fixture
def interrupted(cli, tmp_path, monkeypatch):
    """A function: the last line of a command whose work is stopped after its plan was written."""

    def stop(*args, **options):
        raise KeyboardInterrupt

    def run(command, *args):
        name = {"train": "training.train.train", "quantize": "quantization.quantize.quantize"}.get(command)
        monkeypatch.setattr(f"zeroshot.{name or 'pruning.compress.compress'}", stop)
        for plan in (tmp_path / "run" / MODELS / TRAINING_PLAN, tmp_path / "run" / INT8 / QUANTIZATION_PLAN):
            plan.parent.mkdir(parents=True)
            plan.write_text("{}")
        result = cli(command, "run", *args)
        assert result.exit_code == 130
        return result.stderr.splitlines()[-1]

    return run


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        ("train", "train run"),
        ("train --no-singles --top 2 --epochs 9", "train run --top 2 --no-singles"),
        ("train --singles --force --policy entropy", "train run --policy entropy --singles"),
        ("quantize --no-qat --rate 0.25 --per-class", "quantize run --rate 0.25 --per-class"),
        ("compress --pair 1:big --macs 1M --json", "compress run --pair 1:big --macs 1M"),
    ],
)
def test_what_was_typed_is_typed_again(interrupted, typed, again):
    assert interrupted(*typed.split()) == f"hint: continue with: zeroshot {again} --resume"


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("search", "a run"),
        ("demo", "a run"),
        ("train run", "a training"),
        ("quantize run", "a quantisation"),
        ("compress run --pair 1:big --macs 1M", "a training"),
    ],
)
def test_a_command_continues_or_replaces(cli, command, what):
    result = cli(*command.split(), "--force", "--resume")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        f"error: --resume continues {what}, --force replaces it.\nhint: Give one of the two."
    )
