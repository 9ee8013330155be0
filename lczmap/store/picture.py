"""Pictures: the map with title, legend, scale bar and north arrow; and the true colours it was made from.

The map is drawn cell by cell in the official colours, never smoothed; a very large one by the commonest class.
"""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from numpy.typing import NDArray
from PIL import Image

from lczmap.things.areas import ClassArea, mode_reduced
from lczmap.words.grid import PixelGrid
from lczmap.words.lcz import LCZ, NODATA

_FONT = "DejaVu Sans"
_LONGEST = 1600
"""Cells along the longer side of a picture; larger maps are reduced by the commonest class."""
_INK, _SOFT, _PAPER, _GAP = "#1d2326", "#5d676c", "#ffffff", "#eceeef"
_LEGEND_INCHES, _MAP_INCHES, _MARGIN = 3.15, 7.2, 0.32
_HEAD_INCHES, _FOOT_INCHES, _LEAST_INCHES = 0.92, 1.15, 5.5
_LETTERS_AN_INCH = 15.5
_METRES_ON_BAR = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)


@dataclass(frozen=True, kw_only=True)
class Caption:
    """The words on a picture."""

    title: str
    """Name of the place; must be drawable, see `drawable`."""
    subtitle: str
    """Period and posting."""
    footer: tuple[str, ...]
    """Lines at the foot: attribution, software, warnings."""


def drawable(text: str, otherwise: str) -> str:
    """The text, or another one where the font lacks one of its letters."""
    charmap = font_manager.get_font(font_manager.findfont(_FONT)).get_charmap()
    return text if all(ord(letter) in charmap for letter in text) else otherwise


def write_quicklook(
    codes: NDArray[np.uint8], grid: PixelGrid, path: Path, *, areas: Sequence[ClassArea], caption: Caption
) -> None:
    """Draw a map with its legend.

    Args:
        codes: (rows, columns) class codes, 0 where nodata.
        grid: their grid.
        path: the PNG.
        areas: table of areas, for the shares in the legend.
        caption: the words.
    """
    wide, high = _map_inches(grid)
    body = max(high, _LEAST_INCHES)
    width = wide + _LEGEND_INCHES + 3 * _MARGIN
    height = body + _HEAD_INCHES + _FOOT_INCHES
    figure = Figure(figsize=(width, height), dpi=150, facecolor=_PAPER)
    FigureCanvasAgg(figure)
    low = _FOOT_INCHES + body - high  # the map hangs from the top, beside the legend's first line
    _draw_map(figure.add_axes((_MARGIN / width, low / height, wide / width, high / height)), codes, grid)
    strip = figure.add_axes((_MARGIN / width, (low - 0.4) / height, wide / width, 0.4 / height))
    _draw_scale(strip, wide, grid, gaps=bool((codes == NODATA).any()))
    legend = figure.add_axes(
        ((wide + 2 * _MARGIN) / width, _FOOT_INCHES / height, _LEGEND_INCHES / width, body / height)
    )
    _draw_legend(legend, areas, body)
    _write_words(figure, caption, width, height)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    path.write_bytes(buffer.getvalue())


def map_png(codes: NDArray[np.uint8]) -> bytes:
    """The bare map as a PNG, a pixel a cell in the official colours, nodata transparent.

    Args:
        codes: (rows, columns) class codes, 0 where nodata.
    """
    image = Image.fromarray(_shown(codes), mode="P")
    image.putpalette([byte for entry in ((0, 0, 0), *(zone.rgb for zone in LCZ)) for byte in entry])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", transparency=NODATA)
    return buffer.getvalue()


def write_truecolour(reflectance: NDArray[np.float32], path: Path) -> None:
    """Write red, green and blue as a picture under one stretch: 1st to 99th percentile of all three together.

    Args:
        reflectance: (3, rows, columns), 0..1, NaN where nodata, which is drawn transparent.
        path: the PNG.
    """
    known = ~np.isnan(reflectance).any(axis=0)
    low, high = np.percentile(reflectance[:, known], (1, 99)) if known.any() else (0.0, 1.0)
    shown = np.clip((np.nan_to_num(reflectance) - low) / max(float(high - low), 1e-3), 0, 1) ** 0.8
    channels = np.rint(shown * 255).astype(np.uint8)
    alpha = np.where(known, 255, 0).astype(np.uint8)
    Image.fromarray(np.dstack([*channels, alpha])).save(path)


def _factor(codes: NDArray[np.uint8]) -> int:
    """Cells along the side of a drawn square: 1 unless the map is very large."""
    longest: int = max(codes.shape)
    return -(-longest // _LONGEST)


def _shown(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = _factor(codes)
    return mode_reduced(codes, factor) if factor > 1 else codes


def _map_inches(grid: PixelGrid) -> tuple[float, float]:
    """Size of the map on the picture: at most 7.2 inches either way, never thinner than a fifth of that."""
    ratio = grid.width / grid.height
    wide, high = (_MAP_INCHES, _MAP_INCHES / ratio) if ratio >= 1 else (_MAP_INCHES * ratio, _MAP_INCHES)
    return max(wide, _MAP_INCHES / 5), max(high, _MAP_INCHES / 5)


def _draw_map(axes: Axes, codes: NDArray[np.uint8], grid: PixelGrid) -> None:
    shown = _shown(codes)
    colours = np.array([_rgb(_GAP), *(zone.rgb for zone in LCZ)], np.uint8)
    west, south, east, north = grid.bounds
    side = grid.metres * _factor(codes)
    axes.imshow(
        colours[shown],
        extent=(west, west + shown.shape[1] * side, north - shown.shape[0] * side, north),
        interpolation="nearest",
        aspect="equal",
    )
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_xticks([])
    axes.set_yticks([])
    for edge in axes.spines.values():
        edge.set_color(_SOFT)
        edge.set_linewidth(0.6)


def _draw_scale(axes: Axes, inches: float, grid: PixelGrid, *, gaps: bool) -> None:
    """Scale bar, north arrow and the colour of gaps, under the map so that no cell is hidden."""
    axes.set_axis_off()
    axes.set_xlim(0, inches)
    axes.set_ylim(0.4, 0)
    span = grid.width * grid.metres
    metres = max((step for step in _METRES_ON_BAR if step <= span / 4), default=_METRES_ON_BAR[0])
    bar = metres / span * inches
    axes.plot([0.01, 0.01, bar, bar], [0.15, 0.22, 0.22, 0.15], color=_INK, linewidth=1.2, clip_on=False)
    text = f"{metres // 1000} km" if metres >= 1000 else f"{metres} m"
    axes.text(bar + 0.09, 0.19, text, va="center", fontsize=8, color=_INK, family=_FONT)
    if gaps:
        left = bar + 0.8
        axes.add_patch(Rectangle((left, 0.12), 0.2, 0.13, facecolor=_GAP, edgecolor=_SOFT, linewidth=0.4))
        axes.text(left + 0.28, 0.19, "not mapped", va="center", fontsize=8, color=_SOFT, family=_FONT)
    tip = inches - 0.08
    arrow = [(tip, 0.08), (tip - 0.07, 0.3), (tip, 0.24), (tip + 0.07, 0.3)]
    axes.add_patch(Polygon(arrow, closed=True, color=_INK, linewidth=0, clip_on=False))
    axes.text(tip - 0.13, 0.19, "N", ha="right", va="center", fontsize=8, color=_INK, family=_FONT)


def _draw_legend(axes: Axes, areas: Sequence[ClassArea], inches: float) -> None:
    """All 17 classes in two groups with their shares; absent ones paler."""
    axes.set_axis_off()
    axes.set_xlim(0, _LEGEND_INCHES)
    axes.set_ylim(inches, 0)
    line = 0.272
    y = 0.1
    for heading, group in (
        ("Built types", [area for area in areas if area.zone.built]),
        ("Land cover types", [area for area in areas if not area.zone.built]),
    ):
        axes.text(0, y, heading, fontsize=9.5, weight="bold", va="center", color=_INK, family=_FONT)
        percent = sum(area.percent for area in group)
        axes.text(_LEGEND_INCHES, y, f"{percent:.0f} %", fontsize=9, va="center", ha="right", color=_SOFT, family=_FONT)
        y += line * 1.02
        for area in group:
            _draw_class(axes, area, y)
            y += line
        y += line * 0.4


def _draw_class(axes: Axes, area: ClassArea, y: float) -> None:
    ink = _INK if area.cells else "#a3abaf"
    axes.add_patch(
        Rectangle((0.01, y - 0.085), 0.27, 0.17, facecolor=f"#{area.zone.colour}", edgecolor=_SOFT, linewidth=0.4)
    )
    axes.text(0.4, y, area.zone.label, fontsize=8.5, weight="bold", va="center", color=ink, family=_FONT)
    axes.text(0.66, y, area.zone.name, fontsize=8.5, va="center", color=ink, family=_FONT)
    share = f"{area.percent:.1f} %" if area.cells else "\u2013"
    axes.text(_LEGEND_INCHES, y, share, fontsize=8.5, va="center", ha="right", color=ink, family=_FONT)


def _write_words(figure: Figure, caption: Caption, width: float, height: float) -> None:
    left = _MARGIN / width
    figure.text(left, 1 - 0.34 / height, caption.title, fontsize=16, weight="bold", va="center", color=_INK,
                family=_FONT)  # fmt: skip
    figure.text(left, 1 - 0.65 / height, caption.subtitle, fontsize=9.5, va="center", color=_SOFT, family=_FONT)
    lines = [line for text in caption.footer for line in textwrap.wrap(text, round(width * _LETTERS_AN_INCH))]
    for index, text in enumerate(lines):
        figure.text(
            left,
            (_FOOT_INCHES - 0.58 - 0.17 * index) / height,
            text,
            fontsize=7,
            va="center",
            color=_SOFT,
            family=_FONT,
        )


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
