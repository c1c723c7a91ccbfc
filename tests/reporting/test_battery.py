"""Battery life on the page: as the command says it, for whatever stage the run has reached since."""

import pytest

from zeroshot.daily.battery import battery
from zeroshot.data import load
from zeroshot.reporting.budgets import WIDTH
from zeroshot.reporting.report import render
from zeroshot.runs import layout
from zeroshot.units import DAY, duration, three

from .pages import Page, nasty_digits

ASKED = {"every": "100ms", "battery": "220mAh", "voltage": "3.0V"}


def section(page):
    """Texts of the bars: name, value."""
    (whole,) = page.all("section", id="battery")
    return whole.text


def test_a_run_that_was_not_asked_says_how_to(first):
    assert "zeroshot.battery(" in section(Page(render(first)))


def test_a_search_has_bars_from_never_to_always(run):
    pair = battery(run, **ASKED).pairs[0]
    page = Page(render(run))
    text = section(page)
    for days in (pair.little_days, pair.days, pair.worst_days, pair.single_days):
        assert duration(DAY * days) in text
    for power in (pair.little_power_mw, pair.power_mw, pair.worst_power_mw):
        assert f"{three(power)} mW" in text
    names = [e.text for e in page.all("div", class_="name") if "%" in e.text or "never" in e.text or "always" in e.text]
    assert names == ["never: little alone", "10 %", "25 %", "30.0 %: expected", "50 %", "always: at worst"]


def test_bars_are_as_long_as_the_battery_lasts(run):
    from zeroshot.reporting.battery import battery_view
    from zeroshot.reporting.contents import read_run

    battery(run, **ASKED)
    bars = {bar.name: bar for bar in battery_view(read_run(run), None).bars}
    pair = battery(run, **ASKED).pairs[0]
    assert bars["never: little alone"].length == WIDTH
    assert bars["always: at worst"].length == pytest.approx(WIDTH * pair.worst_days / pair.little_days, abs=0.1)
    battery(run, "100ms")
    powers = {bar.name: bar for bar in battery_view(read_run(run), None).bars}
    assert powers["always: at worst"].length == WIDTH
    assert powers["always: at worst"].text == f"{three(pair.worst_power_mw)} mW"


def test_a_question_asked_early_is_answered_by_the_nets_that_were_trained_since(done):
    battery(done, **ASKED, prior={"3": 0.9})
    pair = battery(done, **ASKED, prior={"3": 0.9}, keep=False).pairs[0]
    text = section(Page(render(done, load("digits"))))
    assert f"{100 * pair.escalation_rate:.1f} ± {100 * pair.escalation_error:.1f} %: under the prior" in text
    assert f"{100 * pair.rates['3']:.1f} %: only 3" in text
    assert "there in 90 % of looks" in text


def test_a_prior_without_the_data_is_told(done):
    battery(done, **ASKED, prior={"3": 0.9})
    path = done / layout.CONFIG
    path.write_text(path.read_text().replace("data_by_name = true", "data_by_name = false"))
    assert "needs the labels of the data" in section(Page(render(done)))


KEPT = ('{"every": "1ms"}', '{"every": 0}', '{"evry": "1s"}', "{}", '{"every": "1s", "board": "x.toml"}')


@pytest.mark.parametrize("kept", KEPT)
def test_what_cannot_be_answered_is_told(run, kept):
    (run / layout.BATTERY).write_text(kept)
    assert any(word in section(Page(render(run))) for word in ("every", "evry", "x.toml"))


def test_names_of_classes_are_text(done):
    battery(done, **ASKED, prior={nasty_digits().class_names[3]: 0.5}, data=nasty_digits())
    page = Page(render(done, nasty_digits()))
    assert nasty_digits().class_names[3] in section(page)
    assert len(page.all("script")) == 1
