"""The portrait of a square: one figure with both windows, instances, graph, both streams' votes and the fused one.

Laid out after DF4LCZ, figure 9. In: an `Explanation`. Out: a PNG. Nothing is computed here but colours and places.
"""

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from lczmap.store.about import SOFTWARE, days
from lczmap.store.disk import disk_errors
from lczmap.store.painted import NOTHING, cut_up, seen_from_above, true_colours
from lczmap.store.picture import drawable
from lczmap.things.explanation import Explanation, shares_said, zone_said
from lczmap.words.event import counted
from lczmap.words.grid import WINDOW_METRES
from lczmap.words.lcz import LCZ, Lcz
from lczmap.words.zone import zone_label

DPI = 150
"""Dots an inch."""
_FONT = "DejaVu Sans"
_INK, _SOFT, _PALE, _PAPER = "#1d2326", "#5d676c", "#eceeef", "#ffffff"
_ABSENT = "#{:02x}{:02x}{:02x}".format(*NOTHING)
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
    """Draw one square and write the picture.

    Raises:
        OutputPathError: the file cannot be written.
        StoreFullError: no space is left.
    """
    picture = portrait_png(explained)
    with disk_errors(path.parent):
        path.write_bytes(picture)


def portrait_png(explained: Explanation) -> bytes:
    """One square as a PNG; equal explanations give equal bytes."""
    figure = Figure(figsize=(_WIDE, _HIGH), dpi=DPI, facecolor=_PAPER)
    FigureCanvasAgg(figure)
    page = figure.add_axes((0, 0, 1, 1))
    page.set_axis_off()
    page.set_xlim(0, _WIDE)
    page.set_ylim(_HIGH, 0)
    _draw_head(page, explained)
    for number, (heading, below, draw) in enumerate(
        (
            ("Sentinel-2", _about_sentinel(explained), _draw_sentinel),
            ("Very high resolution", _about_vhr(explained), _draw_vhr),
            ("Instances", _about_instances(explained), _draw_instances),
            ("Graph", _about_graph(explained), _draw_graph),
        )
    ):
        left = _MARGIN + number * (_PANEL + _GAP)
        _words(page, left, _PANELS_TOP - 0.14, heading, size=9.5, weight="bold")
        for line, text in enumerate(textwrap.wrap(below, 52)[:3]):
            _words(page, left, _PANELS_TOP + _PANEL + 0.14 + 0.155 * line, text, size=7.2, colour=_SOFT)
        draw(_panel(figure, left, _PANELS_TOP), explained)
    _draw_bars(page, explained)
    _draw_facts(page, explained)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw_head(page: Axes, explained: Explanation) -> None:
    """The verdict, then where and when."""
    zone = explained.verdict.zone
    page.add_patch(
        Rectangle(
            (_MARGIN, 0.3), 0.62, 0.62, facecolor=_colour(zone), edgecolor=_SOFT, linewidth=0.6, joinstyle="round"
        )
    )
    left = _MARGIN + 0.8
    said = zone.title if zone is not None else "No class"
    _words(page, left, 0.46, said, size=17, weight="bold")
    lon, lat = explained.lonlat
    post = explained.post
    where = (
        f"row {post.row}, column {post.column} of tile {post.tile.name} at {post.posting} m"
        if post is not None
        else f"placed freely, UTM {zone_label(explained.grid.epsg)}, no map"
    )
    facts = (f"{_degrees(lat, 'N', 'S')} {_degrees(lon, 'E', 'W')}", f"320 m square, {where}", days(explained.period))
    _words(page, left, 0.79, "  \u00b7  ".join(facts), size=9.5, colour=_SOFT)
    _words(page, _WIDE - _MARGIN, 0.46, drawable(explained.title, "here"), size=12, right=True)


def _draw_sentinel(axes: Axes, explained: Explanation) -> None:
    if explained.reflectance is None:
        _absent(axes, "no Sentinel-2")
        return
    _show(axes, true_colours(explained.reflectance), "nearest")


def _draw_vhr(axes: Axes, explained: Explanation) -> None:
    if explained.picture is None:
        _absent(axes, "no VHR image")
        return
    _show(axes, seen_from_above(explained.picture), "antialiased")
    _draw_scale(axes)


def _draw_instances(axes: Axes, explained: Explanation) -> None:
    if explained.picture is None:
        _absent(axes, "nothing to cut")
        return
    _show(axes, cut_up(explained.picture, explained.masks), "antialiased")
    if not len(explained.masks):
        _tell(axes, "no instance", _INK)


def _draw_graph(axes: Axes, explained: Explanation) -> None:
    """Nodes at their centres in mean colour, discs of half the instance's area; every joined pair a line."""
    graph = explained.graph
    if graph is None or not len(explained.masks):
        _absent(axes, "no graph")
        return
    count = int(graph.counts[0])
    nodes, centres = graph.nodes[0, :count], graph.centres[0, :count]
    places = nodes[:, 3:5] * WINDOW_METRES
    first, second = np.triu_indices(count, 1)
    joined = (centres[first] != centres[second]).any(axis=1)
    segments = np.stack([places[first[joined]], places[second[joined]]], axis=1)
    axes.add_collection(
        LineCollection(list(segments), colors=_SOFT, linewidths=0.5, alpha=float(np.clip(6 / count, 0.06, 0.5)))
    )
    metres2 = explained.masks.sum(axis=(1, 2)) * explained.mask_metres**2
    points_a_metre = _PANEL * 72 / WINDOW_METRES
    sizes = np.maximum(metres2 * points_a_metre**2 / 2, 7)
    axes.scatter(
        places[:, 0], places[:, 1], s=sizes, c=np.clip(nodes[:, :3], 0, 1), edgecolors=_INK, linewidths=0.6, zorder=3
    )
    _square(axes)
    axes.set_facecolor(_PAPER)


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
            Rectangle((_MARGIN, y - 0.062), 0.22, 0.125, facecolor=_colour(zone), edgecolor=_SOFT, linewidth=0.4)
        )
        weight_of_font = "bold" if chosen else "normal"
        _words(page, _MARGIN + 0.31, y, zone.label, size=7.8, weight="bold")
        _words(page, _MARGIN + 0.55, y, zone.name, size=7.8, weight=weight_of_font)
    for number, (heading, levels) in enumerate(columns):
        left = _MARGIN + _NAMES_WIDE + number * (_BAR_WIDE + _BAR_GAP)
        _words(page, left, _BARS_TOP + 0.13, heading, size=9.5, weight="bold")
        zone_there = zone_said(levels)
        said = f"{zone_there.label}  {zone_there.name}" if zone_there is not None else "no vote"
        _words(page, left, _BARS_TOP + 0.36, said, size=8.2, colour=_INK if zone_there else _SOFT)
        _draw_column(page, left, top, levels)


def _draw_column(page: Axes, left: float, top: float, levels: NDArray[np.uint8] | None) -> None:
    shares = shares_said(levels) if levels is not None else np.zeros(len(LCZ), np.float32)
    winner = zone_said(levels)
    full = _BAR_WIDE - 0.4
    for row, (zone, share) in enumerate(zip(LCZ, shares, strict=True)):
        y = top + (row + 0.5) * _ROW
        page.add_patch(Rectangle((left, y - 0.062), full, 0.125, facecolor=_PALE, linewidth=0))
        if share > 0:
            page.add_patch(
                Rectangle(
                    (left, y - 0.062),
                    full * float(share),
                    0.125,
                    facecolor=_colour(zone),
                    edgecolor=_SOFT,
                    linewidth=0.4,
                )
            )
        if share >= 0.005:
            bold = "bold" if zone == winner else "normal"
            _words(page, left + full + 0.07, y, f"{100 * share:.0f} %", size=7.2, weight=bold)


def _fused_heading(explained: Explanation, weight: float) -> str:
    both = explained.verdict.sentinel is not None and explained.verdict.vhr is not None
    return f"Fused ({weight:.2g} S + {1 - weight:.2g} V)" if both else "Fused"


def _draw_facts(page: Axes, explained: Explanation) -> None:
    """What is known besides, in words, beside the bars; attribution at the foot."""
    y = _BARS_TOP + 0.13
    for label, text in facts_of(explained):
        _words(page, _FACTS_LEFT, y, label, size=7.8, weight="bold")
        for line in textwrap.wrap(text, _FACTS_LETTERS):
            y += 0.158
            _words(page, _FACTS_LEFT, y, drawable(line, "-"), size=7.5, colour=_SOFT)
        y += 0.225
    foot = "  \u00b7  ".join(
        part for part in (explained.credit, f"Made with {SOFTWARE}", "layout after DF4LCZ") if part
    )
    for number, line in enumerate(textwrap.wrap(drawable(foot, f"Made with {SOFTWARE}"), 205)[:2]):
        _words(page, _MARGIN, _HIGH - 0.36 + 0.15 * number, line, size=6.8, colour=_SOFT)


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
    if explained.registration is None:
        return "of VHR and Sentinel-2: cannot be told here"
    east, north = explained.registration.east, explained.registration.north
    return (
        f"VHR lies {abs(east):.1f} m {'east' if east >= 0 else 'west'} and {abs(north):.1f} m "
        f"{'north' if north >= 0 else 'south'} of Sentinel-2"
    )


def _about_sentinel(explained: Explanation) -> str:
    if explained.reflectance is None:
        return "not read"
    dates = explained.days
    span = f"{dates[0]}" if len(dates) == 1 else f"{len(dates)} days, {dates[0]} to {dates[-1]}" if dates else "no day"
    looks = counted(explained.verdict.looks, "look")
    return f"32 x 32 pixels of 10 m, true colours; clear-sky median of {span}; {looks} here"


def _about_vhr(explained: Explanation) -> str:
    if explained.picture is None or explained.vhr is None:
        return "none of this square"
    taken = explained.vhr.taken
    when = (
        "day not stated" if taken is None else f"taken {taken[0]}" + (f" to {taken[1]}" if taken[1] != taken[0] else "")
    )
    gaps = float(1 - explained.picture.any(axis=2).mean())
    missing = f"; {gaps:.0%} of it not covered" if gaps > 0.005 else ""
    return f"320 x 320 pixels of 1 m, from {explained.vhr.metres:.2g} m; {when}{missing}"


def _about_instances(explained: Explanation) -> str:
    spec = explained.segmenter
    if explained.picture is None or spec is None:
        return "none"
    covered = float(explained.masks.any(axis=0).mean()) if len(explained.masks) else 0.0
    mode = "its cell alone" if spec.mode == "cell" else f"a window of {spec.frame_metres} m"
    count = len(explained.masks)
    return f"{count} by {spec.name} in {mode}, {covered:.0%} of the square; at least 50 m\u00b2, the 50 largest"


def _about_graph(explained: Explanation) -> str:
    graph = explained.graph
    if graph is None or not len(explained.masks):
        return "no node, no vote"
    count = int(graph.counts[0])
    centres = graph.centres[0, :count]
    first, second = np.triu_indices(count, 1)
    apart = int((centres[first] != centres[second]).any(axis=1).sum())
    met = len(first) - apart
    besides = f" but {met} whose centres coincide" if met else ""
    return f"{counted(count, 'node')} at box centres in mean colour; every two joined{besides} ({apart} edges)"


def _panel(figure: Figure, left: float, top: float) -> Axes:
    axes = figure.add_axes((left / _WIDE, 1 - (top + _PANEL) / _HIGH, _PANEL / _WIDE, _PANEL / _HIGH))
    axes.set_xticks([])
    axes.set_yticks([])
    for edge in axes.spines.values():
        edge.set_color(_SOFT)
        edge.set_linewidth(0.6)
    return axes


def _show(axes: Axes, image: NDArray[np.uint8], interpolation: str) -> None:
    axes.imshow(image, extent=(0, WINDOW_METRES, WINDOW_METRES, 0), interpolation=interpolation)
    _square(axes)


def _square(axes: Axes) -> None:
    axes.set_xlim(0, WINDOW_METRES)
    axes.set_ylim(WINDOW_METRES, 0)
    axes.set_aspect("equal")


def _draw_scale(axes: Axes) -> None:
    """100 m, and that north is up."""
    for width, colour in ((4.2, _INK), (2.0, _PAPER)):
        axes.plot([12, 112], [306, 306], color=colour, linewidth=width, solid_capstyle="butt")
    axes.text(62, 298, "100 m", fontsize=7, color=_PAPER, ha="center", va="bottom", family=_FONT, weight="bold")


def _absent(axes: Axes, text: str) -> None:
    axes.set_facecolor(_ABSENT)
    _square(axes)
    _tell(axes, text, _SOFT)


def _tell(axes: Axes, text: str, colour: str) -> None:
    axes.text(
        WINDOW_METRES / 2, WINDOW_METRES / 2, text, fontsize=9.5, color=colour, ha="center", va="center", family=_FONT
    )


def _words(  # noqa: PLR0913 - where, what, and how it looks
    page: Axes,
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    weight: str = "normal",
    colour: str = _INK,
    right: bool = False,
) -> None:
    page.text(
        x,
        y,
        text,
        fontsize=size,
        weight=weight,
        color=colour,
        va="center",
        ha="right" if right else "left",
        family=_FONT,
    )


def _colour(zone: Lcz | None) -> str:
    return f"#{zone.colour}" if zone is not None else _ABSENT


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.5f}\u00b0 {positive if value >= 0 else negative}"
