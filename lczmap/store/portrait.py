"""The portrait of a square: one figure with both windows, instances, graph, both streams' votes and the fused one.

Laid out after DF4LCZ, figure 9. In: an `Explanation`. Out: a PNG. Nothing is computed here but colours and places.
"""

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
    INK,
    PALE,
    SOFT,
    about_graph,
    about_instances,
    about_sentinel,
    about_vhr,
    colour_of,
    draw_graph,
    draw_instances,
    draw_sentinel,
    draw_vhr,
    page_of,
    panel,
    png_of,
    words,
)
from lczmap.things.explanation import Explanation, shares_said, zone_said
from lczmap.words.lcz import LCZ
from lczmap.words.zone import zone_label

_WIDE, _MARGIN, _GAP = 13.2, 0.38, 0.2
_PANEL = (_WIDE - 2 * _MARGIN - 3 * _GAP) / 4
_PANELS_TOP = 1.36
_BARS_TOP = _PANELS_TOP + _PANEL + 0.86
_ROW = 0.196
_NAMES_WIDE, _BAR_WIDE, _BAR_GAP = 2.0, 1.72, 0.26
_FACTS_LEFT = _MARGIN + _NAMES_WIDE + 3 * (_BAR_WIDE + _BAR_GAP) + 0.12
_FACTS_LETTERS = 55
_HIGH = _BARS_TOP + 0.58 + len(LCZ) * _ROW + 0.62


def write_portrait(explained: Explanation, path: Path) -> None:
    """Draw one square and write the picture, making its folder where there is none.

    Raises:
        OutputPathError: the file cannot be written.
        StoreFullError: no space is left.
    """
    write_whole(path, portrait_png(explained))


def portrait_png(explained: Explanation) -> bytes:
    """One square as a PNG; equal explanations give equal bytes."""
    figure, page = page_of(_WIDE, _HIGH)
    _draw_head(page, explained)
    for number, (heading, below, draw) in enumerate(
        (
            ("Sentinel-2", about_sentinel(explained), draw_sentinel),
            ("Very high resolution", about_vhr(explained), draw_vhr),
            ("Instances", about_instances(explained), draw_instances),
            ("Graph", about_graph(explained), draw_graph),
        )
    ):
        left = _MARGIN + number * (_PANEL + _GAP)
        words(page, left, _PANELS_TOP - 0.14, heading, size=9.5, weight="bold")
        for line, text in enumerate(textwrap.wrap(below, 52)[:3]):
            words(page, left, _PANELS_TOP + _PANEL + 0.14 + 0.155 * line, text, size=7.2, colour=SOFT)
        draw(panel(figure, left, _PANELS_TOP, _PANEL), explained)
    _draw_bars(page, explained)
    _draw_facts(page, explained)
    return png_of(figure)


def _draw_head(page: Axes, explained: Explanation) -> None:
    """The verdict, then where and when."""
    zone = explained.verdict.zone
    page.add_patch(
        Rectangle(
            (_MARGIN, 0.3), 0.62, 0.62, facecolor=colour_of(zone), edgecolor=SOFT, linewidth=0.6, joinstyle="round"
        )
    )
    left = _MARGIN + 0.8
    said = zone.title if zone is not None else "No class"
    words(page, left, 0.46, said, size=17, weight="bold")
    lon, lat = explained.lonlat
    post = explained.post
    where = (
        f"row {post.row}, column {post.column} of tile {post.tile.name} at {post.posting} m"
        if post is not None
        else f"placed freely, UTM {zone_label(explained.grid.epsg)}, no map"
    )
    facts = (f"{_degrees(lat, 'N', 'S')} {_degrees(lon, 'E', 'W')}", f"320 m square, {where}", days(explained.period))
    words(page, left, 0.79, "  \u00b7  ".join(facts), size=9.5, colour=SOFT)
    words(page, _WIDE - _MARGIN, 0.46, drawable(explained.title, "here"), size=12, right=True)


def _draw_bars(page: Axes, explained: Explanation) -> None:
    """Three columns of bars that share the list of classes: each stream, and both fused."""
    verdict, weight = explained.verdict, explained.sentinel_weight
    top = _BARS_TOP + 0.58
    columns: Sequence[tuple[str, NDArray[np.uint8] | None]] = (
        ("Sentinel stream", verdict.sentinel),
        ("VHR stream", verdict.vhr),
        (_fused_heading(explained, weight), verdict.fused if verdict.zone is not None else None),
    )
    for row, zone in enumerate(LCZ):
        y = top + (row + 0.5) * _ROW
        chosen = verdict.zone == zone
        page.add_patch(
            Rectangle((_MARGIN, y - 0.062), 0.22, 0.125, facecolor=colour_of(zone), edgecolor=SOFT, linewidth=0.4)
        )
        weight_of_font = "bold" if chosen else "normal"
        words(page, _MARGIN + 0.31, y, zone.label, size=7.8, weight="bold")
        words(page, _MARGIN + 0.55, y, zone.name, size=7.8, weight=weight_of_font)
    for number, (heading, levels) in enumerate(columns):
        left = _MARGIN + _NAMES_WIDE + number * (_BAR_WIDE + _BAR_GAP)
        words(page, left, _BARS_TOP + 0.13, heading, size=9.5, weight="bold")
        zone_there = zone_said(levels)
        said = f"{zone_there.label}  {zone_there.name}" if zone_there is not None else "no vote"
        words(page, left, _BARS_TOP + 0.36, said, size=8.2, colour=INK if zone_there else SOFT)
        _draw_column(page, left, top, levels)


def _draw_column(page: Axes, left: float, top: float, levels: NDArray[np.uint8] | None) -> None:
    shares = shares_said(levels) if levels is not None else np.zeros(len(LCZ), np.float32)
    winner = zone_said(levels)
    full = _BAR_WIDE - 0.4
    for row, (zone, share) in enumerate(zip(LCZ, shares, strict=True)):
        y = top + (row + 0.5) * _ROW
        page.add_patch(Rectangle((left, y - 0.062), full, 0.125, facecolor=PALE, linewidth=0))
        if share > 0:
            page.add_patch(
                Rectangle(
                    (left, y - 0.062),
                    full * float(share),
                    0.125,
                    facecolor=colour_of(zone),
                    edgecolor=SOFT,
                    linewidth=0.4,
                )
            )
        if share >= 0.005:
            bold = "bold" if zone == winner else "normal"
            words(page, left + full + 0.07, y, f"{100 * share:.0f} %", size=7.2, weight=bold)


def _fused_heading(explained: Explanation, weight: float) -> str:
    both = explained.verdict.sentinel is not None and explained.verdict.vhr is not None
    return f"Fused ({weight:.2g} S + {1 - weight:.2g} V)" if both else "Fused"


def _draw_facts(page: Axes, explained: Explanation) -> None:
    """What is known besides, in words, beside the bars; attribution at the foot."""
    y = _BARS_TOP + 0.13
    for label, text in facts_of(explained):
        words(page, _FACTS_LEFT, y, label, size=7.8, weight="bold")
        for line in textwrap.wrap(text, _FACTS_LETTERS):
            y += 0.158
            words(page, _FACTS_LEFT, y, drawable(line, "-"), size=7.5, colour=SOFT)
        y += 0.225
    foot = "  \u00b7  ".join(
        part for part in (explained.credit, f"Made with {SOFTWARE}", "layout after DF4LCZ") if part
    )
    for number, line in enumerate(textwrap.wrap(drawable(foot, f"Made with {SOFTWARE}"), 205)[:2]):
        words(page, _MARGIN, _HIGH - 0.36 + 0.15 * number, line, size=6.8, colour=SOFT)


def facts_of(explained: Explanation) -> list[tuple[str, str]]:
    """What a reader should know besides the bars: label and sentence."""
    verdict = explained.verdict
    known = verdict.zone is not None
    unread = explained.reflectance is None and verdict.sentinel is None
    flags = (*(("no Sentinel-2",) if unread else ()), *verdict.flags)
    rows = [
        (
            "Confidence",
            f"{verdict.confidence} %, ahead of the second class by {verdict.margin / 2.5:.0f} %" if known else "none",
        ),
        ("Quality", ", ".join(flags) if flags else "nothing to remark"),
        ("Registration", _registration(explained)),
        ("Models", ", ".join(explained.models)),
    ]
    return [*rows, ("Notes", " ".join(explained.notes))] if explained.notes else rows


def _registration(explained: Explanation) -> str:
    if explained.picture is None:
        return "no VHR to compare with Sentinel-2"
    if explained.verdict.sentinel is None and explained.reflectance is None:
        return "no Sentinel-2 to compare with the VHR"
    if explained.registration is None:
        return "of VHR and Sentinel-2: cannot be told here"
    east, north = explained.registration.east, explained.registration.north
    return (
        f"VHR lies {abs(east):.1f} m {'east' if east >= 0 else 'west'} and {abs(north):.1f} m "
        f"{'north' if north >= 0 else 'south'} of Sentinel-2"
    )


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.5f}\u00b0 {positive if value >= 0 else negative}"
