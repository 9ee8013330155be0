"""A period of days, read from the few ways of writing one that the command line accepts.

Comes in: text such as `2023`, `2023-H1`, `2023-Q3`, `2023-05`, `2023-05-14`, or two of these joined
by `/` (or `-to-`, as file names have it). Goes out: the first and the last day, both included.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from lczmap.words.errors import PeriodError

FIRST_SCENE = date(2015, 6, 23)
"""Launch of Sentinel-2A: no scene is older. Level 2A is patchy before 2017-04 and global from 2018-12."""

_FORMS = "2023, 2023-H1, 2023-Q3, 2023-05, 2023-05-14 or a range such as 2023-05/2023-09"


@dataclass(frozen=True, kw_only=True)
class Period:
    """A span of whole days (UTC)."""

    first: date
    """First day, included."""
    last: date
    """Last day, included; never before `first`."""
    label: str
    """The period in file names: `2023-H1`; a range is `2023-05-to-2023-09`. Reads back to itself."""

    def __post_init__(self) -> None:
        """Refuse a span that ends before it begins."""
        if self.last < self.first:
            raise PeriodError(
                f"The period {self.label!r} is inverted: it begins {self.first} and ends {self.last}; "
                "write the earlier day first."
            )

    @property
    def days(self) -> int:
        """Number of days, at least 1."""
        return (self.last - self.first).days + 1

    @property
    def interval(self) -> str:
        """The span as a STAC `datetime` search parameter."""
        return f"{self.first}T00:00:00Z/{self.last}T23:59:59Z"

    @property
    def sentence(self) -> str:
        """The span in words, first and last day, as it is stated back to the user."""
        unit = "day" if self.days == 1 else "days"
        return f"{self.label}: first day {self.first}, last day {self.last} ({self.days} {unit})"

    def provisional(self, today: date) -> bool:
        """Whether the last day is not past yet, so that a later run may see more scenes."""
        return self.last >= today


def parse_period(text: str, *, today: date) -> Period:
    """Read a period.

    Args:
        text: a year, half, quarter, month or day, or two of them joined by `/` or `-to-`.
        today: the day the question is asked; periods that begin later are refused.

    Raises:
        PeriodError: where the text is malformed, names a day that does not exist, is inverted,
            begins in the future or ends before the first Sentinel-2 scene.
    """
    parts = re.split(r"/|-to-", text.strip(), flags=re.IGNORECASE)
    if len(parts) > 2:
        raise PeriodError(f"The period {text!r} has {len(parts)} parts; expected {_FORMS}.")
    spans = [_span(part.strip(), whole=text) for part in parts]
    labels = list(dict.fromkeys(span.label for span in spans))
    if spans[-1].last < spans[0].first:
        raise PeriodError(
            f"The period {text!r} is inverted: it begins {spans[0].first} and ends {spans[-1].last}; "
            "write the earlier part first."
        )
    period = Period(first=spans[0].first, last=spans[-1].last, label="-to-".join(labels))
    if period.first > today:
        raise PeriodError(
            f"The period {text!r} begins {period.first}, which lies in the future (today is {today}); "
            "choose one that has begun."
        )
    if period.last < FIRST_SCENE:
        raise PeriodError(
            f"The period {text!r} ends {period.last}, before Sentinel-2's first scene ({FIRST_SCENE}); "
            "choose a later one (surface reflectance is global from 2018-12)."
        )
    return period


def _span(part: str, *, whole: str) -> Period:
    """Read one unit: a year, half, quarter, month or day."""
    for pattern, read in _UNITS:
        match = pattern.fullmatch(part)
        if match is None:
            continue
        try:
            return read(*(int(group) for group in match.groups()))
        except ValueError as error:
            raise PeriodError(
                f"The period {whole!r} names {part!r}, which does not exist ({error}); expected {_FORMS}."
            ) from error
    raise PeriodError(f"The period {whole!r} is not understood at {part!r}; expected {_FORMS}.")


def _months(year: int, first: int, last: int, label: str) -> Period:
    return Period(first=date(year, first, 1), last=date(year, last, monthrange(year, last)[1]), label=label)


def _year(year: int) -> Period:
    return _months(year, 1, 12, f"{year:04d}")


def _half(year: int, half: int) -> Period:
    if half not in (1, 2):
        raise ValueError("halves are H1 and H2")
    return _months(year, 6 * half - 5, 6 * half, f"{year:04d}-H{half}")


def _quarter(year: int, quarter: int) -> Period:
    if quarter not in (1, 2, 3, 4):
        raise ValueError("quarters are Q1 to Q4")
    return _months(year, 3 * quarter - 2, 3 * quarter, f"{year:04d}-Q{quarter}")


def _month(year: int, month: int) -> Period:
    if not 1 <= month <= 12:
        raise ValueError("months are 01 to 12")
    return _months(year, month, month, f"{year:04d}-{month:02d}")


def _day(year: int, month: int, day: int) -> Period:
    exact = date(year, month, day)
    return Period(first=exact, last=exact, label=exact.isoformat())


# [0-9] and not \d: a label built from other scripts' digits would not be ASCII
_UNITS: tuple[tuple[re.Pattern[str], Callable[..., Period]], ...] = (
    (re.compile(r"([0-9]{4})"), _year),
    (re.compile(r"([0-9]{4})-[Hh]([0-9])"), _half),
    (re.compile(r"([0-9]{4})-[Qq]([0-9])"), _quarter),
    (re.compile(r"([0-9]{4})-([0-9]{2})"), _month),
    (re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})"), _day),
)
"""How each unit is written and who reads it."""
