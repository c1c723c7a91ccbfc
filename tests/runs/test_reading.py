"""Reading a run: what a stage has not left is named, with the call that makes it."""

import json

import pytest

from zeroshot.errors import RunError
from zeroshot.runs import layout, rows
from zeroshot.runs.reading import read_config, read_quantization, read_search, read_training

from .test_tables import PAIR

CONFIG = 'data = "digits"\ndata_sha256 = "ab"\nseed = 0\n'


@pytest.fixture
def run(tmp_path):
    """A finished search."""
    path = tmp_path / "run"
    path.mkdir()
    (path / layout.CONFIG).write_text(CONFIG)
    (path / layout.ENVIRONMENT).write_text(json.dumps({"format": layout.FORMAT}))
    (path / layout.PAIRS).write_text(rows.PAIRS.to_csv([PAIR]))
    return path


def refused(read, run):
    with pytest.raises(RunError) as caught:
        read(run)
    return f"{caught.value.message} {caught.value.hint}"


def test_a_finished_search_is_read(run):
    assert read_search(run) == ({"data": "digits", "data_sha256": "ab", "seed": 0}, [PAIR])


def test_what_is_missing_or_damaged_is_named(run, tmp_path):
    assert "is not the folder of a run" in refused(read_search, tmp_path / "nowhere")
    assert "zeroshot.train(" in refused(read_training, run)
    assert "zeroshot.quantize(" in refused(read_quantization, run)
    for folder, read in ((layout.MODELS, read_training), (layout.INT8, read_quantization)):
        (run / folder).mkdir()
        (run / folder / ".train.json.abcdefgh").write_text("")  # nothing yet: what was killed leaves no circle of hints
        assert "resume" not in refused(read, run)
        (run / folder / "train.json").write_text("{}")
        assert "resume=True" in refused(read, run)
        (run / folder / layout.PAIRS).write_text("rank\n1\n")
        assert "force=True" in refused(read, run)
        (run / folder / layout.PAIRS).write_text("")
        assert "lists no " in refused(read, run)
    (run / layout.PAIRS).write_text(rows.PAIRS.to_csv([PAIR]).replace("0.5", "half"))
    assert "half" in refused(read_search, run)
    (run / layout.PAIRS).write_text("")
    assert "found no pairs" in refused(read_search, run)
    (run / layout.PAIRS).unlink()
    assert "was not finished" in refused(read_search, run)
    (run / layout.CONFIG).write_text('data = "digits"\n')
    assert "data_sha256, seed" in refused(read_config, run)
    (run / layout.CONFIG).write_text("data = ")
    assert "cannot be read" in refused(read_config, run)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"packages": {"zeroshot-mcu": "0.1.0"}}, ["format 1", "0.1.0", f"format {layout.FORMAT}"]),
        ({"format": layout.FORMAT + 1, "packages": {"zeroshot-mcu": "9.0"}}, [f"format {layout.FORMAT + 1}", "9.0"]),
        ({"format": layout.FORMAT + 1}, ["unknown version"]),
        ([], ["format None"]),
    ],
)
def test_a_run_of_another_format_is_refused_by_its_version(run, about, words):
    (run / layout.ENVIRONMENT).write_text(json.dumps(about))
    for read in (read_config, read_search):
        text = refused(read, run)
        assert [word for word in words if word not in text] == []
    (run / layout.ENVIRONMENT).write_text("{")
    assert "cannot be read" in refused(read_config, run)
