"""The windows of a square, drawn: Sentinel-2, VHR, instances, graph; with a line of words about each.

Shared by the portrait of one square and the gallery of a few. In: an `Explanation` and axes.
"""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lczmap.store.painted import NOTHING, cut_up, seen_from_above, true_colours
from lczmap.things.explanation import Explanation
from lczmap.words.event import counted
from lczmap.words.grid import WINDOW_METRES
from lczmap.words.lcz import Lcz

DPI = 150
"""Dots an inch."""
FONT = "DejaVu Sans"
"""Comes with matplotlib."""
INK, SOFT, PALE, PAPER = "#1d2326", "#5d676c", "#eceeef", "#ffffff"
"""Colours of words, of lesser words, of empty bars and of the page."""
_ABSENT = "#{:02x}{:02x}{:02x}".format(*NOTHING)


def draw_sentinel(axes: Axes, explained: Explanation) -> None:
    """True colours, pixel by pixel."""
    if explained.reflectance is None:
        _absent(axes, "no Sentinel-2")
        return
    _show(axes, true_colours(explained.reflectance), "nearest")


def draw_vhr(axes: Axes, explained: Explanation) -> None:
    """The image with a scale."""
    if explained.picture is None:
        _absent(axes, "no VHR image")
        return
    _show(axes, seen_from_above(explained.picture), "antialiased")
    _draw_scale(axes)


def draw_instances(axes: Axes, explained: Explanation) -> None:
    """The instances of the graph over the image."""
    if explained.picture is None:
        _absent(axes, "nothing to cut")
        return
    _show(axes, cut_up(explained.picture, explained.masks), "antialiased")
    if not len(explained.masks):
        _tell(axes, "no instance", INK)


def draw_graph(axes: Axes, explained: Explanation) -> None:
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
        LineCollection(list(segments), colors=SOFT, linewidths=0.5, alpha=float(np.clip(6 / count, 0.06, 0.5)))
    )
    metres2 = explained.masks.sum(axis=(1, 2)) * explained.mask_metres**2
    points_a_metre = axes.get_window_extent().width * 72 / axes.figure.dpi / WINDOW_METRES
    sizes = np.maximum(metres2 * points_a_metre**2 / 2, 7)
    axes.scatter(
        places[:, 0], places[:, 1], s=sizes, c=np.clip(nodes[:, :3], 0, 1), edgecolors=INK, linewidths=0.6, zorder=3
    )
    _square(axes)
    axes.set_facecolor(PAPER)


def about_sentinel(explained: Explanation) -> str:
    """How the composite came about."""
    if explained.reflectance is None:
        return "not read"
    dates = explained.days
    span = f"{dates[0]}" if len(dates) == 1 else f"{len(dates)} days, {dates[0]} to {dates[-1]}" if dates else "no day"
    looks = counted(explained.verdict.looks, "look")
    return f"32 x 32 pixels of 10 m, true colours; clear-sky median of {span}; {looks} here"


def about_vhr(explained: Explanation) -> str:
    """What image it is, from when, and what of the square it leaves out."""
    if explained.picture is None or explained.vhr is None:
        return "none of this square"
    taken = explained.vhr.taken
    when = (
        "day not stated" if taken is None else f"taken {taken[0]}" + (f" to {taken[1]}" if taken[1] != taken[0] else "")
    )
    gaps = float(1 - explained.picture.any(axis=2).mean())
    missing = f"; {gaps:.0%} of it not covered" if gaps > 0.005 else ""
    return f"320 x 320 pixels of 1 m, from {explained.vhr.metres:.2g} m; {when}{missing}"


def about_instances(explained: Explanation) -> str:
    """How many, by what, covering how much."""
    spec = explained.segmenter
    if explained.picture is None or spec is None:
        return "none"
    covered = float(explained.masks.any(axis=0).mean()) if len(explained.masks) else 0.0
    mode = "its cell alone" if spec.mode == "cell" else f"a window of {spec.frame_metres} m"
    count = len(explained.masks)
    return f"{count} by {spec.name} in {mode}, {covered:.0%} of the square; at least 50 m\u00b2, the 50 largest"


def about_graph(explained: Explanation) -> str:
    """Nodes and edges."""
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


def page_of(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty page and axes over all of it, in inches from its upper left corner."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    page = figure.add_axes((0, 0, 1, 1))
    page.set_axis_off()
    page.set_xlim(0, width)
    page.set_ylim(height, 0)
    return figure, page


def panel(figure: Figure, left: float, top: float, side: float) -> Axes:
    """Axes for one window.

    Args:
        figure: the page.
        left: inches from the left.
        top: inches from the top.
        side: inches.
    """
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, 1 - (top + side) / height, side / width, side / height))
    axes.set_xticks([])
    axes.set_yticks([])
    for edge in axes.spines.values():
        edge.set_color(SOFT)
        edge.set_linewidth(0.6)
    return axes


def png_of(figure: Figure) -> bytes:
    """A page as a PNG; equal pages give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def words(  # noqa: PLR0913 - where, what, and how it looks
    page: Axes,
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    weight: str = "normal",
    colour: str = INK,
    right: bool = False,
) -> None:
    """One line on a page.

    Args:
        page: the axes of `page_of`.
        x: inches from the left.
        y: inches from the top, of the line's middle.
        text: the line.
        size: points.
        weight: of the font.
        colour: of the letters.
        right: whether x is where the line ends.
    """
    page.text(
        x,
        y,
        text,
        fontsize=size,
        weight=weight,
        color=colour,
        va="center",
        ha="right" if right else "left",
        family=FONT,
    )


def colour_of(zone: Lcz | None) -> str:
    """Official colour, or that of what is not known."""
    return f"#{zone.colour}" if zone is not None else _ABSENT


def _show(axes: Axes, image: NDArray[np.uint8], interpolation: str) -> None:
    axes.imshow(image, extent=(0, WINDOW_METRES, WINDOW_METRES, 0), interpolation=interpolation)
    _square(axes)


def _square(axes: Axes) -> None:
    axes.set_xlim(0, WINDOW_METRES)
    axes.set_ylim(WINDOW_METRES, 0)
    axes.set_aspect("equal")


def _draw_scale(axes: Axes) -> None:
    """100 m, and that north is up."""
    for width, colour in ((4.2, INK), (2.0, PAPER)):
        axes.plot([12, 112], [306, 306], color=colour, linewidth=width, solid_capstyle="butt")
    axes.text(62, 298, "100 m", fontsize=7, color=PAPER, ha="center", va="bottom", family=FONT, weight="bold")


def _absent(axes: Axes, text: str) -> None:
    axes.set_facecolor(_ABSENT)
    _square(axes)
    _tell(axes, text, SOFT)


def _tell(axes: Axes, text: str, colour: str) -> None:
    axes.text(
        WINDOW_METRES / 2, WINDOW_METRES / 2, text, fontsize=9.5, color=colour, ha="center", va="center", family=FONT
    )
