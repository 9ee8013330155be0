"""A gallery of squares: a few side by side, Sentinel-2 over VHR over instances, with what both streams said of each."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from lczmap.store.about import SOFTWARE, days
from lczmap.store.disk import write_whole
from lczmap.store.picture import drawable
from lczmap.store.windows import (
    SOFT,
    colour_of,
    draw_instances,
    draw_sentinel,
    draw_vhr,
    page_of,
    panel,
    png_of,
    words,
)
from lczmap.things.explanation import SQUARES_ON_A_PAGE, Explanation, shares_said, zone_said

_SIDE, _MARGIN, _GAP = 2.95, 0.38, 0.22
_TOP = 1.62
_FOOT = 1.4


def write_gallery(squares: Sequence[Explanation], path: Path) -> None:
    """Draw a few squares of one map and write the picture, making its folder where there is none.

    Args:
        squares: one to four.
        path: the PNG.

    Raises:
        OutputPathError: the file cannot be written.
        StoreFullError: no space is left.
    """
    write_whole(path, gallery_png(squares))


def gallery_png(squares: Sequence[Explanation]) -> bytes:
    """A few squares of one map as a PNG; equal squares give equal bytes."""
    if not 1 <= len(squares) <= SQUARES_ON_A_PAGE:
        raise ValueError(f"a gallery of {len(squares)} squares, expected 1 to {SQUARES_ON_A_PAGE}")
    draws = (draw_sentinel, draw_vhr, draw_instances) if any(each.vhr for each in squares) else (draw_sentinel,)
    width = max(2 * _MARGIN + len(squares) * (_SIDE + _GAP) - _GAP, 6.6)
    height = _TOP + len(draws) * (_SIDE + _GAP) - _GAP + _FOOT
    figure, page = page_of(width, height)
    first = squares[0]
    title = drawable(first.title, "A few squares") if first.post is not None else "Squares by themselves"
    words(page, _MARGIN, 0.36, title, size=16, weight="bold")
    facts = ("Squares of 320 m as both streams saw them", days(first.period))
    words(page, _MARGIN, 0.68, "  \u00b7  ".join(facts), size=9.5, colour=SOFT)
    for number, square in enumerate(squares):
        left = _MARGIN + number * (_SIDE + _GAP)
        _draw_head(page, left, square)
        for row, draw in enumerate(draws):
            draw(panel(figure, left, _TOP + row * (_SIDE + _GAP), _SIDE), square)
        _draw_votes(page, left, height - _FOOT + 0.16, square)
    foot = "  \u00b7  ".join(part for part in (first.credit, f"Made with {SOFTWARE}") if part)
    for number, line in enumerate(textwrap.wrap(drawable(foot, SOFTWARE), round(width * 15.5))[:2]):
        words(page, _MARGIN, height - 0.36 + 0.15 * number, line, size=6.8, colour=SOFT)
    return png_of(figure)


def _draw_head(page: Axes, left: float, square: Explanation) -> None:
    zone, (lon, lat) = square.verdict.zone, square.lonlat
    page.add_patch(Rectangle((left, _TOP - 0.5), 0.34, 0.38, facecolor=colour_of(zone), edgecolor=SOFT, linewidth=0.6))
    words(page, left + 0.44, _TOP - 0.41, zone.title if zone is not None else "No class", size=10, weight="bold")
    words(page, left + 0.44, _TOP - 0.2, f"{lon:.5f}, {lat:.5f}", size=7.5, colour=SOFT)


def _draw_votes(page: Axes, left: float, top: float, square: Explanation) -> None:
    """What each stream said, and the flags."""
    verdict = square.verdict
    lines = [
        f"Sentinel stream: {_said(verdict.sentinel)}",
        f"VHR stream: {_said(verdict.vhr)}",
        f"{len(square.masks)} instances" if square.picture is not None else "no VHR image",
    ]
    lines += textwrap.wrap(", ".join(verdict.flags), 50, max_lines=2, placeholder=" ...")
    for number, line in enumerate(lines):
        words(page, left, top + 0.158 * number, line, size=7.5, colour=SOFT)


def _said(levels: NDArray[np.uint8] | None) -> str:
    zone = zone_said(levels)
    if zone is None or levels is None:
        return "no vote"
    return f"{zone.label} {zone.name}, {shares_said(levels)[zone.code - 1]:.0%}"
