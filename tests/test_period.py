from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lczmap.words.errors import PeriodError
from lczmap.words.period import FIRST_SCENE, Period, parse_period

TODAY = date(2026, 3, 10)

UNITS = st.one_of(
    st.builds("{:04d}".format, st.integers(2017, 2025)),
    st.builds("{:04d}-H{}".format, st.integers(2017, 2025), st.integers(1, 2)),
    st.builds("{:04d}-Q{}".format, st.integers(2017, 2025), st.integers(1, 4)),
    st.builds("{:04d}-{:02d}".format, st.integers(2017, 2025), st.integers(1, 12)),
    st.dates(date(2017, 1, 1), date(2025, 12, 31)).map(date.isoformat),
)


@pytest.mark.parametrize(
    ("text", "first", "last", "label"),
    [
        ("2023", "2023-01-01", "2023-12-31", "2023"),
        ("2023-H1", "2023-01-01", "2023-06-30", "2023-H1"),
        ("2023-h2", "2023-07-01", "2023-12-31", "2023-H2"),
        ("2023-Q1", "2023-01-01", "2023-03-31", "2023-Q1"),
        ("2023-q3", "2023-07-01", "2023-09-30", "2023-Q3"),
        ("2024-02", "2024-02-01", "2024-02-29", "2024-02"),
        ("2023-01/2023-06", "2023-01-01", "2023-06-30", "2023-01-to-2023-06"),
        ("2023-05-to-2023-09", "2023-05-01", "2023-09-30", "2023-05-to-2023-09"),
        ("2022-Q4 / 2023-h1", "2022-10-01", "2023-06-30", "2022-Q4-to-2023-H1"),
        ("2023-01-15", "2023-01-15", "2023-01-15", "2023-01-15"),
        ("2023-01-15/2023-03-02", "2023-01-15", "2023-03-02", "2023-01-15-to-2023-03-02"),
        ("2023-05/2023-05", "2023-05-01", "2023-05-31", "2023-05"),
    ],
)
def test_every_form_reads_as_its_first_and_last_day(text: str, first: str, last: str, label: str) -> None:
    period = parse_period(text, today=TODAY)
    assert (period.first.isoformat(), period.last.isoformat(), period.label) == (first, last, label)
    assert first in period.sentence
    assert last in period.sentence


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("2023-02-30", "exist"),
        ("2023-H3", "H2"),
        ("2023-H0", "H2"),
        ("2023-Q5", "Q4"),
        ("2023-13", "exist"),
        ("2023-00", "exist"),
        ("2023-06/2023-01", "inverted"),
        ("2023-01-15/2023-01-14", "inverted"),
        ("2027", "future"),
        ("2026-03-11", "future"),
        ("2014", "first scene"),
        ("2015-06-22", "first scene"),
        ("", "understood"),
        ("last year", "understood"),
        ("23-05", "understood"),
        ("2023-5", "understood"),
        ("2023/", "understood"),
        ("2023/2024/2025", "parts"),
        ("٢٠٢٣", "understood"),  # a label of such digits could not name a file
    ],
)
def test_a_bad_period_is_refused_in_one_sentence(text: str, word: str) -> None:
    with pytest.raises(PeriodError, match=word) as caught:
        parse_period(text, today=TODAY)
    message = str(caught.value)
    assert repr(text) in message
    assert "\n" not in message
    assert caught.value.exit_code == 2


def test_the_first_scene_belongs_to_the_periods_that_hold_it() -> None:
    assert parse_period("2015", today=TODAY).last > FIRST_SCENE
    assert parse_period(FIRST_SCENE.isoformat(), today=TODAY).days == 1


def test_a_period_is_provisional_until_its_last_day_is_past() -> None:
    period = parse_period("2026-03", today=TODAY)
    assert period.provisional(TODAY)
    assert period.provisional(date(2026, 3, 31))
    assert not period.provisional(date(2026, 4, 1))


def test_a_period_built_by_hand_cannot_be_inverted() -> None:
    with pytest.raises(PeriodError, match="inverted"):
        Period(first=date(2023, 2, 1), last=date(2023, 1, 1), label="x")


def test_the_interval_covers_both_days_whole() -> None:
    period = parse_period("2023-H1", today=TODAY)
    assert period.interval == "2023-01-01T00:00:00Z/2023-06-30T23:59:59Z"


@given(UNITS, UNITS)
def test_a_label_reads_back_to_its_own_period(one: str, other: str) -> None:
    if parse_period(other, today=TODAY).last < parse_period(one, today=TODAY).first:
        with pytest.raises(PeriodError, match="inverted"):
            parse_period(f"{one}/{other}", today=TODAY)
        return
    period = parse_period(f"{one}/{other}", today=TODAY)
    assert parse_period(period.label, today=TODAY) == period
    assert period.first == parse_period(one, today=TODAY).first
    assert period.last == parse_period(other, today=TODAY).last


@given(UNITS)
def test_units_are_whole_and_meet_without_a_gap(text: str) -> None:
    period = parse_period(text, today=TODAY)
    after = period.last + timedelta(days=1)
    if len(text) < 10:
        assert period.first.day == 1
        assert after.day == 1
    assert period.days == (after - period.first).days
