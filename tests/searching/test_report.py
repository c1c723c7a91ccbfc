"""The plot of the fronts: a picture that shows the data, the same bytes for the same data, whatever the names."""

import io
import warnings
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from zeroshot.searching import plot as report
from zeroshot.searching.plot import PAIR, SINGLE, draw_fronts, new_axes, png
from zeroshot.searching.search import search


def plot_fronts(result):
    """The picture as a run folder has it."""
    axes = new_axes()
    draw_fronts(result, axes)
    return png(axes.figure)


@pytest.fixture(scope="module")
def result():
    few = {"nets": 40, "scored": 200, "shortlist": 0, "jobs": 1}
    return search("digits", latency="15ms", engine="tflm-cmsis-nn", escalation=1.0, **few)


def pixels(png):
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def count(image, color):
    """Pixels of exactly this colour."""
    rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return int((image == rgb).all(axis=2).sum())


@pytest.fixture
def axes(monkeypatch):
    """The axes of the figures drawn, before they become pixels."""
    seen = []
    savefig = Figure.savefig

    def keep(self, *args, **kwargs):
        seen.extend(self.axes)
        return savefig(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return seen


def test_the_plot_is_a_picture_with_both_fronts(result):
    image = pixels(plot_fronts(result))
    height, width = image.shape[:2]
    assert 700 < width < 1400
    assert 400 < height < 900
    assert count(image, PAIR) > 200
    assert count(image, SINGLE) > 200
    assert count(image, "#ffffff") > 0.5 * width * height


def test_without_single_nets_their_colour_is_gone(result):
    image = pixels(plot_fronts(replace(result, singles=[])))
    assert count(image, SINGLE) == 0
    assert count(image, PAIR) > 200


def test_the_points_drawn_are_the_tables(result, axes):
    """Read back from the axes: every pair and single of the tables, in percent, and the budget."""
    plot_fronts(result)
    (drawn,) = axes
    points = {
        tuple(np.round(xy, 9))
        for line in drawn.get_lines()
        for xy in zip(line.get_xdata(), line.get_ydata(), strict=False)
    }
    for row in result.pairs + result.front + result.singles:
        assert (round(row.latency_ms, 9), round(100 * row.accuracy, 9)) in points
    assert drawn.get_xscale() == "log"
    assert any(set(np.ravel(line.get_xdata())) == {15.0} for line in drawn.get_lines())
    assert "nucleo-l4r5zi" in drawn.get_xlabel()
    assert "tflm-cmsis-nn" in drawn.get_xlabel()
    assert "digits" in drawn.get_title()
    assert "1,600 pairs" in drawn.get_title()
    assert "none trained" in drawn.get_title()
    assert any(result.accuracy_model in text.get_text() for text in drawn.texts)


def test_without_a_budget_no_budget_is_drawn(result, axes):
    plot_fronts(replace(result, config=result.config | {"latency_limit": None}))
    (drawn,) = axes
    labels = [text.get_text() for text in drawn.get_legend().get_texts()] + [text.get_text() for text in drawn.texts]
    assert not any("budget" in text for text in labels)


def test_equal_results_give_equal_bytes(plots, result, tmp_path):
    result.plot(tmp_path / "a.png")
    result.plot(str(tmp_path / "b.png"))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes() == plot_fronts(result)


def test_a_result_without_pairs_can_still_be_drawn(result):
    image = pixels(plot_fronts(replace(result, pairs=[], front=[])))
    assert count(image, SINGLE) > 200


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("$", "100 %", "{x}", r"C:\new")]


@pytest.mark.parametrize("name", ["a_$b$_c", r"$\frac$", *SLOW])
def test_names_are_drawn_as_they_are(result, axes, name):
    """A data set is named after a folder: nothing in it is markup."""
    plot_fronts(replace(result, config=result.config | {"data": name, "board": name}))
    title = axes[0].title
    assert name in title.get_text()
    assert name.count("$") < 2 or not title.get_parse_math()


def test_a_script_that_the_font_lacks_is_no_warning(result):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        plot_fronts(replace(result, config=result.config | {"data": "数据"}))
    assert [str(w.message) for w in caught] == []


def test_the_labels_of_the_latency_axis_do_not_overlap(result, axes):
    """Their boxes are the oracle, over half a decade and over four."""
    for factor in (1.0, 300.0):
        far = [replace(row, latency_ms=row.latency_ms ** (1 if factor == 1 else 2)) for row in result.front]
        plot_fronts(replace(result, front=far))
        drawn = axes[-1]
        labels = [t for t in drawn.get_xticklabels(which="both") if t.get_text()]
        boxes = sorted((t.get_window_extent() for t in labels), key=lambda box: box.x0)
        low, high = drawn.bbox.x0, drawn.bbox.x1
        boxes = [box for box in boxes if low <= box.x0 and box.x1 <= high]
        assert len(boxes) >= 2
        assert not [1 for a, b in zip(boxes, boxes[1:], strict=False) if a.x1 > b.x0]


def test_drawing_needs_no_screen_and_leaves_no_global_figure(result):
    import sys

    plot_fronts(result)
    assert report.__name__ in sys.modules
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
