"""The lattice: tiles of 12.8 km in a UTM zone, posts inside them, and the pixel grids around them.

Every zone is cut once, for ever, on multiples of 12,800 m of easting and northing (for southern
zones northing as EPSG:327xx counts it). A tile holds posts at a posting of 320, 160, 100 or 80 m;
a post's window is always the 320 m square around its centre. All windows fall on the 10 m grid.
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from lczmap.words.errors import SpecError

TILE_METRES = 12_800
"""Side of a tile."""
WINDOW_METRES = 320
"""Side of a post's window: the paper's cell (DF4LCZ, section III-A)."""
HALO_METRES = 160
"""Margin observed around a tile, enough for the windows of every posting."""
PIXEL_METRES = 10
"""Pixel side of observed Sentinel-2 grids."""
WINDOW_PIXELS = WINDOW_METRES // PIXEL_METRES
"""Side of a post's window in Sentinel-2 pixels (32)."""

Posting = Literal[320, 160, 100, 80]
"""Distance between neighbouring posts, metres; 320 is the paper's paired cell."""
POSTINGS: tuple[Posting, ...] = get_args(Posting)
"""Every posting on offer."""

_NAME = re.compile(r"^(\d{2})([NS])_(-?\d{1,4})_(-?\d{1,4})$")


def posting_of(metres: int) -> Posting:
    """Narrow a number of metres to a posting.

    Raises:
        SpecError: for any other number.
    """
    for posting in POSTINGS:
        if posting == metres:
            return posting
    raise SpecError(
        f"A posting of {metres} m is not offered; choose 320 (the paper's cell), 160, 100 (WUDAPT) or 80 m."
    )


def posts_across(posting: Posting) -> int:
    """Number of posts along one side of a tile: 40, 80, 128 or 160."""
    return TILE_METRES // posting


@dataclass(frozen=True, kw_only=True, order=True)
class PixelGrid:
    """A north-up raster grid in a UTM zone."""

    epsg: int
    """EPSG code of the zone, 32601..32660 or 32701..32760."""
    west: int
    """Easting of the left edge, metres."""
    north: int
    """Northing of the upper edge, metres."""
    metres: int
    """Pixel side, metres."""
    width: int
    """Columns."""
    height: int
    """Rows."""

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Left, bottom, right, top in metres."""
        return (
            self.west,
            self.north - self.height * self.metres,
            self.west + self.width * self.metres,
            self.north,
        )

    @property
    def transform(self) -> tuple[int, int, int, int, int, int]:
        """Affine coefficients a b c d e f, from (column, row) of a pixel's corner to metres."""
        return (self.metres, 0, self.west, 0, -self.metres, self.north)


@dataclass(frozen=True, kw_only=True, order=True)
class Tile:
    """One square of the lattice: the unit of work, of keys and of records."""

    epsg: int
    """EPSG code of the zone."""
    column: int
    """West edge in units of 12,800 m; may be negative."""
    row: int
    """South edge in units of 12,800 m; may be negative."""

    def __post_init__(self) -> None:
        """Refuse anything but a UTM zone."""
        if not (32601 <= self.epsg <= 32660 or 32701 <= self.epsg <= 32760):
            raise SpecError(f"EPSG:{self.epsg} is no WGS 84 UTM zone; expected 32601..32660 or 32701..32760.")

    @property
    def name(self) -> str:
        """Stable name, zone then column then row, for instance `33N_30_454`."""
        return f"{self.epsg % 100:02d}{'S' if self.epsg >= 32700 else 'N'}_{self.column}_{self.row}"

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Left, bottom, right, top in metres."""
        west, south = self.column * TILE_METRES, self.row * TILE_METRES
        return west, south, west + TILE_METRES, south + TILE_METRES

    @property
    def observed(self) -> PixelGrid:
        """The 10 m grid of the tile and its halo: 1312 x 1312 pixels."""
        west, _, _, north = self.bounds
        side = (TILE_METRES + 2 * HALO_METRES) // PIXEL_METRES
        return PixelGrid(
            epsg=self.epsg,
            west=west - HALO_METRES,
            north=north + HALO_METRES,
            metres=PIXEL_METRES,
            width=side,
            height=side,
        )

    def posts(self, posting: Posting) -> PixelGrid:
        """The grid whose pixels are the tile's posts."""
        west, _, _, north = self.bounds
        side = posts_across(posting)
        return PixelGrid(epsg=self.epsg, west=west, north=north, metres=posting, width=side, height=side)


def tile_of(name: str) -> Tile:
    """Read a tile's name back.

    Raises:
        SpecError: where the text is no tile name.
    """
    match = _NAME.match(name)
    if match is None:
        raise SpecError(f"{name!r} is no tile name; expected something like 33N_30_454.")
    zone, side, column, row = match.groups()
    base = 32600 if side == "N" else 32700
    return Tile(epsg=base + int(zone), column=int(column), row=int(row))


def tiles_touching(epsg: int, bounds: tuple[float, float, float, float]) -> tuple[Tile, ...]:
    """Every tile whose inside meets a box, from north-west to south-east.

    Args:
        epsg: the zone.
        bounds: left, bottom, right, top in metres of that zone.
    """
    left, bottom, right, top = bounds
    columns = range(int(left // TILE_METRES), int(-(-right // TILE_METRES)))
    rows = range(int(bottom // TILE_METRES), int(-(-top // TILE_METRES)))
    return tuple(Tile(epsg=epsg, column=column, row=row) for row in reversed(rows) for column in columns)


def window_offset(posting: Posting) -> int:
    """Pixels from the observed grid's corner to the first post's window: 16, 8, 5 or 4.

    The first post's centre lies `posting / 2` inside the tile, its window starts 160 m before that
    and the observed grid starts 160 m outside the tile.
    """
    return posting // 2 // PIXEL_METRES


def mosaic_grid(tiles: tuple[Tile, ...], posting: Posting) -> PixelGrid:
    """The smallest grid of posts that covers some tiles of one zone.

    Raises:
        SpecError: where there is no tile, or tiles lie in several zones.
    """
    zones = {tile.epsg for tile in tiles}
    if len(zones) != 1:
        raise SpecError(f"A mosaic needs tiles of exactly one UTM zone, got zones {sorted(zones)}.")
    west = min(tile.column for tile in tiles)
    east = max(tile.column for tile in tiles) + 1
    south = min(tile.row for tile in tiles)
    north = max(tile.row for tile in tiles) + 1
    side = posts_across(posting)
    return PixelGrid(
        epsg=zones.pop(),
        west=west * TILE_METRES,
        north=north * TILE_METRES,
        metres=posting,
        width=(east - west) * side,
        height=(north - south) * side,
    )
