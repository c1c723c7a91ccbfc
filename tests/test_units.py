"""Quantities: parsing against factors written out here, printing against worked examples, and round trips."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import UsageError
from zeroshot.units import (
    duration,
    is_charge,
    kib,
    ms,
    si,
    to_bytes,
    to_mj,
    to_ms,
    to_mw,
    to_mwh,
    to_volts,
)

READERS = {"bytes": to_bytes, "ms": to_ms, "mj": to_mj, "mw": to_mw, "v": to_volts, "mwh": to_mwh}


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        ("bytes", "128KiB", 128 * 1024), ("bytes", "2MiB", 2 * 1024**2), ("bytes", "1.5 kB", 1500),
        ("bytes", "3MB", 3_000_000), ("bytes", "17b", 17), ("bytes", "17", 17), ("bytes", 2048, 2048),
        ("bytes", " 4 kib ", 4096), ("bytes", ".5KiB", 512), ("bytes", "1e3", 1000), ("bytes", "2E2B", 200),
        ("ms", "50ms", 50), ("ms", "0.5s", 500), ("ms", "250us", 0.25), ("ms", 12.5, 12.5), ("ms", "1e-3s", 1),
        ("mw", "15uW", 0.015), ("mw", "2 mW", 2), ("mw", "0.1W", 100), ("mw", 3, 3), ("v", "3.7V", 3.7),
        ("v", "900mV", 0.9), ("v", 3, 3), ("mwh", "660mWh", 660), ("mwh", "1.5Wh", 1500), ("mwh", "5 MWH", 5),
        ("mj", "2mJ", 2), ("mj", "250uJ", 0.25), ("mj", "0.004J", 4), ("mj", 7, 7),
    ],
)  # fmt: skip
def test_quantities_are_read(reader, text, value):
    assert READERS[reader](text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("reader", READERS)
def test_nothing_is_no_limit(reader):
    assert READERS[reader](None) == math.inf


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "value",
    [
        "", " ", "ms", "KiB", "abc", "-5", -5, 0, "0", "0ms", 0.0, "nan", float("nan"), "inf", math.inf, -math.inf,
        "1e999", "1.2.3", ".", "..", "1,5", "1_000", "5 5", "5msms", "5 m s", "0x10", "1e", "e3", "+5", "5%", "5\nfoo",
        "5 furlongs", True, [5], "5TB",
    ],
)  # fmt: skip
def test_what_is_no_positive_quantity_is_refused(reader, value):
    with pytest.raises(UsageError, match="not a positive quantity") as caught:
        READERS[reader](value, "Budget")
    assert "Budget" in caught.value.message
    assert "Write it like" in caught.value.hint


@pytest.mark.parametrize(
    ("reader", "value"),
    [("bytes", "5ms"), ("bytes", "5mJ"), ("ms", "5KiB"), ("mj", "5ms"), ("mw", "5mWh"), ("mwh", "5mW"), ("v", "5mA")],
)
def test_a_unit_of_something_else_is_refused(reader, value):
    with pytest.raises(UsageError):
        READERS[reader](value)


@given(st.floats(1e-6, 1e12), st.sampled_from(["", "B", "KiB", "MiB", "kB", "MB"]))
def test_any_number_reads_back_with_any_unit(number, unit):
    factor = {"": 1, "B": 1, "KiB": 1024, "MiB": 1048576, "kB": 1000, "MB": 1000000}[unit]
    assert to_bytes(f"{number!r}{unit}") == number * factor
    assert to_bytes(f"{number!r} {unit.lower()}") == number * factor


@given(st.text(max_size=12))
def test_any_text_is_a_quantity_or_a_usage_error(text):
    for reader in READERS.values():
        try:
            value = reader(text)
        except UsageError:
            continue
        assert value > 0


@given(st.floats(1e-3, 1e9))
def test_printed_bytes_read_back(number):
    if float(kib(number).split()[0]):
        assert to_bytes(kib(number)) == pytest.approx(number, abs=0.05 * 1024 + 1e-6)
    else:
        assert number < 0.05 * 1024 + 1e-6


@given(st.floats(1e-4, 1e7))
def test_printed_times_read_back_to_three_digits(value):
    assert to_ms(ms(value)) == pytest.approx(value, rel=0.0051)


@given(st.floats(1e-3, 1e12))
def test_printed_counts_read_back_to_three_digits(value):
    number, _, letter = si(value).partition(" ")
    assert float(number) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[letter] == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("value", "text"),
    [(12_500_000, "12.5 M"), (350_400, "350 k"), (87, "87"), (1e9, "1 G"), (0.1234, "0.123"), (0, "0")],
)
def test_counts_for_people(value, text):
    assert si(value) == text


@pytest.mark.parametrize(("value", "text"), [(50.0, "50 ms"), (1234.0, "1.23 s"), (0.0123, "0.0123 ms"), (0, "0 ms")])
def test_times_for_people(value, text):
    assert ms(value) == text


@pytest.mark.parametrize(("value", "text"), [(131072, "128.0 KiB"), (1, "0.0 KiB"), (53_300, "52.1 KiB")])
def test_sizes_for_people(value, text):
    assert kib(value) == text


@pytest.mark.parametrize(("text", "energy"), [("220mAh", 660), ("0.22Ah", 660), ("660mWh", 660), ("1 Ah", 3000)])
def test_a_charge_counts_at_its_voltage_and_an_energy_as_it_is(text, energy):
    assert to_mwh(text, volts=3.0) == pytest.approx(energy)
    assert is_charge(text) == ("Ah" in text)


@pytest.mark.parametrize("value", [220, "220", "220 mA", 0, "-5mAh", "mAh", "0mWh"])
def test_a_battery_needs_a_unit(value):
    """A bare number could be a charge or an energy, which differ by the voltage."""
    with pytest.raises(UsageError, match="not a positive quantity") as caught:
        to_mwh(value)
    assert "mAh" in caught.value.hint


def test_long_times_are_told_in_the_unit_that_suits():
    assert [duration(hours) for hours in (47.9, 48.0, 8765.0, 2 * 8766.0, 87_660.0)] == [
        "47.9 hours", "2.00 days", "365 days", "2.00 years", "10.0 years",
    ]  # fmt: skip
