"""One page of simulated windows of 640 m beside real ones, to judge the likeness by eye.

`python -m lczmap.synthetic.sheet page.jpg --real FOLDER`; real samples that are absent are left out. The page is
`deploy/readme/simulated-and-real.jpg`.
"""

import argparse
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rasterio.enums import Resampling
from scipy import ndimage

from lczmap.synthetic.region import RegionName, region_of
from lczmap.synthetic.scene import zones_of
from lczmap.synthetic.sky import Sun
from lczmap.synthetic.townplan import TownPlan
from lczmap.synthetic.vhr import flight_over, photograph
from lczmap.words.grid import PixelGrid
from lczmap.words.lcz import LCZ

WINDOW = 640
"""Side of a window, metres and pixels."""
_PANEL = 400
"""Side of a window on the page, pixels."""
_COLUMNS = 4
_CAPTION = 40
_GAP = 6
_COARSE = 40
_SEARCHED = 12_800
"""Side of the square of a city in which a window of a class is looked for, metres."""
_LARGEST = 600_000
"""Bytes of the page at most."""

SHOWN: tuple[tuple[int, RegionName, int, float], ...] = (
    (1, "north_american", 5, 46.0),
    (2, "european", 3, 44.0),
    (3, "dense_asian", 4, 52.0),
    (4, "dense_asian", 7, 55.0),
    (5, "european", 8, 50.0),
    (6, "north_american", 6, 48.0),
    (7, "informal", 3, 56.0),
    (8, "european", 5, 47.0),
    (9, "informal", 9, 50.0),
    (10, "dense_asian", 5, 51.0),
    (12, "european", 4, 45.0),
    (14, "european", 6, 48.0),
)
"""Class, region, seed and elevation of the sun of each simulated window."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """One picture of the page."""

    pixels: NDArray[np.uint8]
    """`(640, 640, 3)` at 1 m."""
    caption: str
    """What it is, and whose."""


def simulated(code: int, region: RegionName, seed: int, elevation: float) -> Panel:
    """The window of a city that holds most of a class."""
    zone = 32737 if region_of(region).latitude < 0 else 32633
    corner = PixelGrid(
        epsg=zone,
        west=499_200,
        north=5_555_200,
        metres=_COARSE,
        width=_SEARCHED // _COARSE,
        height=_SEARCHED // _COARSE,
    )
    middle = (corner.west + _SEARCHED / 2.0, corner.north - _SEARCHED / 2.0)
    plan = TownPlan(seed=seed, region=region_of(region), middle=middle, radius=5_000.0, patchwork=True)
    share = ndimage.uniform_filter((zones_of(plan, corner) == code).astype(np.float32), WINDOW // _COARSE)
    row, column = np.unravel_index(int(share.argmax()), share.shape)
    grid = PixelGrid(
        epsg=zone,
        west=corner.west + int(column) * _COARSE - WINDOW // 2,
        north=corner.north - int(row) * _COARSE + WINDOW // 2,
        metres=1,
        width=WINDOW,
        height=WINDOW,
    )
    flight = flight_over(plan, datetime(2023, 6, 20, 10, tzinfo=UTC), Sun(elevation=elevation, azimuth=148.0))
    name = f"simulated: {LCZ[code - 1].title},\n{region.replace('_', ' ')}"
    return Panel(pixels=photograph(plan, grid, flight)[0], caption=name)


def real_panels(folder: Path) -> list[Panel]:
    """Real samples at 1 m, as far as the folder has them.

    Args:
        folder: with `banepa_oam_0.3m.tif`, `zurich_swissimage_0.5m.tif` and `rotterdam_wv2_1m.tif`.
    """
    panels, whole = [], np.full((WINDOW, WINDOW, 3), 255, dtype=np.uint8)
    town = _at_a_metre(folder / "banepa_oam_0.3m.tif", mercator=True)
    if town is not None:
        source = "real: Banepa, Nepal\n(OpenAerialMap contributors, CC BY 4.0)"
        for row, column in ((330, 430), (40, 690), (505, 0)):
            cut = town[row : row + WINDOW, column : column + WINDOW, :3]
            panels.append(Panel(pixels=cut.astype(np.uint8), caption=source))
    strip = _at_a_metre(folder / "zurich_swissimage_0.5m.tif", mercator=False)
    sources = []
    if strip is not None:
        pieces = _side_by_side(strip[..., :3].astype(np.uint8))
        whole[: pieces.shape[0], : pieces.shape[1]] = pieces
        sources.append("Zurich in strips (swisstopo)")
    quarter = _at_a_metre(folder / "rotterdam_wv2_1m.tif", mercator=False)
    if quarter is not None:
        picture = _stretched(quarter[..., 2::-1].astype(np.float64))
        top, left = 250, (WINDOW - picture.shape[1]) // 2
        whole[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        sources.append("Rotterdam (SpaceNet 6, CC BY-SA 4.0)")
    if sources:
        panels.append(Panel(pixels=whole, caption="real: " + ",\n".join(sources)))
    return panels


def _at_a_metre(path: Path, *, mercator: bool) -> NDArray[np.generic] | None:
    """A raster averaged to pixels of about 1 m, `(rows, columns, bands)`; None where there is no such file."""
    if not path.exists():
        return None
    with rasterio.open(path) as raster:
        metres = raster.res[0]
        if mercator:
            _, bottom, _, top = raster.bounds
            # true lengths at the latitude of the picture's middle
            metres *= 1.0 / math.cosh((bottom + top) / 2.0 / 6_378_137.0)
        shape = (raster.count, round(raster.height * metres), round(raster.width * metres))
        pixels: NDArray[np.generic] = raster.read(out_shape=shape, resampling=Resampling.average)
    return np.moveaxis(pixels, 0, 2)


def _side_by_side(strip: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A narrow strip cut into pieces that fill a window's width, two white pixels between them."""
    width = strip.shape[1] + 2
    count = WINDOW // width
    height = min(strip.shape[0] // count, WINDOW)
    whole = np.full((height, count * width, 3), 255, dtype=np.uint8)
    for piece in range(count):
        whole[:, piece * width : (piece + 1) * width - 2] = strip[piece * height : (piece + 1) * height]
    return whole


def _stretched(pixels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Numbers of a satellite's sensor as a picture: from the darkest to the brightest hundredth."""
    low, high = np.percentile(pixels, (1.0, 99.5), axis=(0, 1))
    share = np.clip((pixels - low) / (high - low), 0.0, 1.0)
    return np.asarray(np.rint(255.0 * share ** (1.0 / 1.6)), dtype=np.uint8)


def write_page(path: Path, panels: list[Panel]) -> None:
    """Lay panels out in rows of four and write them as a JPEG of at most 600 kB."""
    rows = math.ceil(len(panels) / _COLUMNS)
    step, line = _PANEL + _GAP, _PANEL + _CAPTION
    page = Image.new("RGB", (_COLUMNS * step - _GAP, rows * line), "white")
    pencil, font = ImageDraw.Draw(page), ImageFont.load_default(size=13)
    for index, panel in enumerate(panels):
        x, y = index % _COLUMNS * step, index // _COLUMNS * line
        page.paste(Image.fromarray(panel.pixels).resize((_PANEL, _PANEL), Image.Resampling.LANCZOS), (x, y))
        pencil.text((x + 2, y + _PANEL + 4), panel.caption, fill="black", font=font)
    path.write_bytes(next(data for data in _compressed(page) if len(data) <= _LARGEST))


def _compressed(page: Image.Image) -> Iterator[bytes]:
    """The page ever smaller."""
    for quality in range(88, 20, -3):
        buffer = io.BytesIO()
        page.save(buffer, format="JPEG", quality=quality, optimize=True, progressive=True)
        yield buffer.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.synthetic.sheet", description=__doc__)
    parser.add_argument("page", type=Path, help="the JPEG to write")
    parser.add_argument("--real", type=Path, help="folder with real samples; absent ones are left out")
    options = parser.parse_args(arguments)
    panels = [simulated(*each) for each in SHOWN]
    if options.real:
        panels += real_panels(options.real)
    write_page(options.page, panels)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
