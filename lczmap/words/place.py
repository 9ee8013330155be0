"""A place to map, and the tiles and cells that cover it.

A named city is a rectangle of whole tiles around its built-up box and a rural margin; an area of
interest (AOI) is the cells whose centre it contains. Nothing is read here: `lczmap.catalog` finds
cities, `lczmap.aoi` reads files.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import MultiPolygon, Polygon

from lczmap.words.errors import AreaError
from lczmap.words.grid import Posting, Tile, posts_across, tiles_touching
from lczmap.words.zone import NORTH_LIMIT, SOUTH_LIMIT, kilometres_outside, zone_label, zone_of

REACH_KM = 100.0
"""How far an area may lie outside its zone: beyond that UTM distorts and Sentinel-2 has no tiles."""

LONGEST_SLUG = 80
"""Letters of a slug at most: names of files hold it with the period, and file systems end at 255."""

_EDGE_DEGREES = 0.01
"""Edges are cut this fine before projection: the chord then errs by centimetres at any latitude."""
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
     "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "\u0131": "i", "ħ": "h", "Ħ": "H",
     "ə": "a", "Ə": "A", "\u2018": "", "\u2019": "", "\u02bb": "", "\u02bc": "", "'": "", "`": ""}
)  # fmt: skip
"""Letters that Unicode does not decompose (u0131 is the dotless i), and apostrophes."""


def slug_of(text: str) -> str:
    """A name in lower-case ASCII letters, digits and single dashes; empty where none is left."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


@dataclass(frozen=True, kw_only=True)
class LonLatBox:
    """A box in degrees, WGS 84."""

    west: float
    """Left edge, degrees east."""
    south: float
    """Lower edge, degrees north."""
    east: float
    """Right edge, degrees east."""
    north: float
    """Upper edge, degrees north."""

    @property
    def polygon(self) -> Polygon:
        """The box as a polygon."""
        return shapely.box(self.west, self.south, self.east, self.north)

    @property
    def text(self) -> str:
        """`west,south,east,north`, as `--aoi` takes it; the same box always gives the same text."""
        return ",".join(f"{edge:.9g}" for edge in (self.west, self.south, self.east, self.north))


@dataclass(frozen=True, kw_only=True)
class Place:
    """What to map, and in which zone."""

    slug: str
    """ASCII name for folders and files: `hangzhou-cn`, a file's stem, or `aoi-<8 hex>`."""
    name: str
    """Name for people."""
    country: str | None
    """ISO 3166 code of two letters; None for an AOI."""
    kind: Literal["city", "aoi"]
    """`city`: whole tiles around the built-up box; `aoi`: the cells whose centre lies inside."""
    geometry: Polygon | MultiPolygon
    """Built-up box or area, degrees (longitude, latitude), WGS 84."""
    epsg: int
    """UTM zone the map is made in."""
    margin_metres: int = 0
    """Rural margin around a city's box, metres; 0 for an AOI."""
    extent_note: str = ""
    """Where the extent comes from, as it is stated to the user."""

    def __post_init__(self) -> None:
        """Refuse an area where no map can be made."""
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.slug):
            raise AreaError(f"{self.slug!r} cannot name a place; use letters, digits and dashes (--name).")
        if len(self.slug) > LONGEST_SLUG:
            raise AreaError(
                f"{self.slug[:20]}... has {len(self.slug)} letters, too many for file names; give one of at most "
                f"{LONGEST_SLUG} with --name."
            )
        check_area(self.geometry)
        vertices = shapely.get_coordinates(shapely.segmentize(self.geometry, 0.25))
        reach = kilometres_outside(vertices[:, 0], vertices[:, 1], epsg=self.epsg)
        if reach > REACH_KM:
            raise AreaError(
                f"The area reaches {reach:.0f} km outside UTM zone {zone_label(self.epsg)}, at most "
                f"{REACH_KM:.0f} km are allowed; split the area, or name a nearer zone with --zone."
            )

    @property
    def box(self) -> LonLatBox:
        """Smallest box around the geometry, without the margin."""
        west, south, east, north = self.geometry.bounds
        return LonLatBox(west=west, south=south, east=east, north=north)


@dataclass(frozen=True, kw_only=True, eq=False)
class TileArea:
    """One tile of a place and which of its posts are wanted."""

    tile: Tile
    """The tile."""
    wanted: NDArray[np.bool_]
    """Posts to map, (n, n) with n posts across, row 0 in the north; read-only, at least one is True."""

    @property
    def count(self) -> int:
        """Number of wanted posts."""
        return int(np.count_nonzero(self.wanted))

    @cached_property
    def digest(self) -> str:
        """`all` where every post is wanted, else the SHA-256 (hex) of the packed bits, row by row."""
        if self.wanted.all():
            return "all"
        return hashlib.sha256(np.packbits(self.wanted).tobytes()).hexdigest()


@lru_cache(maxsize=4096)
def tile_outline(tile: Tile, around: int) -> Polygon:
    """A tile and some ground around it in longitude and latitude.

    Args:
        tile: the tile.
        around: ground on each side, metres.

    Raises:
        AreaError: it reaches across the antimeridian, though the area asked for may not.
    """
    to_degrees = Transformer.from_crs(tile.epsg, 4326, always_xy=True)
    west, south, east, north = tile.bounds
    square = shapely.box(west - around, south - around, east + around, north + around)
    edges = shapely.get_coordinates(shapely.segmentize(square, 1000))
    lons, lats = to_degrees.transform(edges[:, 0], edges[:, 1])
    if lons.max() - lons.min() > 180:
        raise AreaError(
            f"Tile {tile.name}, which the area touches, reaches across the antimeridian, which is not supported yet; "
            "choose an area that keeps 13 km from 180 degrees."
        )
    return shapely.Polygon(np.column_stack([lons, lats]))


def area_place(
    geometry: Polygon | MultiPolygon, *, slug: str, name: str, epsg: int | None = None, note: str = ""
) -> Place:
    """An AOI as a place, in its centroid's zone unless one is given.

    Raises:
        AreaError: where no map can be made of the area.
    """
    check_area(geometry)
    centroid = geometry.centroid
    return Place(
        slug=slug,
        name=name,
        country=None,
        kind="aoi",
        geometry=geometry,
        epsg=zone_of(centroid.x, centroid.y) if epsg is None else epsg,
        extent_note=note,
    )


def check_area(geometry: Polygon | MultiPolygon) -> None:
    """Refuse an area that is empty, flat, out of range, polar or across the antimeridian.

    Raises:
        AreaError: saying which, and what to do.
    """
    if geometry.is_empty:
        raise AreaError("The area is empty; give a polygon with an inside.")
    if not np.isfinite(shapely.get_coordinates(geometry)).all():  # bounds alone would skip a NaN
        raise AreaError("The area has coordinates that are no numbers; give degrees, longitude first.")
    west, south, east, north = geometry.bounds
    _check_range(west, south, east, north)
    if east > 180.0 or west < -180.0 or east - west > 180.0:
        raise AreaError(
            f"The area runs from {west:g} to {east:g} degrees east and so across the antimeridian, which "
            "is not supported yet; split it at 180 degrees and map both parts."
        )
    if north > NORTH_LIMIT or south < SOUTH_LIMIT:
        raise AreaError(
            f"The area reaches from {south:g} to {north:g} degrees north, too near a pole; UTM and "
            f"Sentinel-2's tiles end at {SOUTH_LIMIT:g} and {NORTH_LIMIT:g}."
        )
    if geometry.area <= 0.0:
        raise AreaError("The area has no inside (zero width or height); give a polygon with an inside.")


def _check_range(west: float, south: float, east: float, north: float) -> None:
    """Refuse degrees that do not exist, guessing at the usual slip."""
    wide = west < -180.0 or east > 180.0
    crossing = west < -180.0 < east or west < 180.0 < east
    if south >= -90.0 and north <= 90.0 and (not wide or (crossing and east - west <= 360.0)):
        return
    got = f"The area spans {west:g}..{east:g} in longitude and {south:g}..{north:g} in latitude"
    if max(abs(west), abs(east)) <= 90.0 and max(abs(south), abs(north)) <= 180.0:
        raise AreaError(f"{got}, which looks like swapped axes; write longitude first, then latitude.")
    if max(abs(edge) for edge in (west, south, east, north)) > 360.0:
        raise AreaError(f"{got}, which looks like metres; give degrees (EPSG:4326), or a file with its CRS.")
    raise AreaError(f"{got}; expected longitudes -180..180 and latitudes -90..90.")


def cover(place: Place, posting: Posting) -> tuple[TileArea, ...]:
    """The tiles of a place with their wanted posts, from north-west to south-east.

    Raises:
        AreaError: where an AOI contains no post's centre.
    """
    outline = _projected(place.geometry, place.epsg)
    west, south, east, north = outline.bounds
    margin = place.margin_metres
    tiles = tiles_touching(place.epsg, (west - margin, south - margin, east + margin, north + margin))
    side = posts_across(posting)
    every = np.ones((side, side), dtype=np.bool_)
    every.setflags(write=False)
    if place.kind == "city":
        return tuple(TileArea(tile=tile, wanted=every) for tile in tiles)
    shapely.prepare(outline)
    masks = ((tile, _wanted(outline, tile, posting, every)) for tile in tiles)
    areas = tuple(TileArea(tile=tile, wanted=wanted) for tile, wanted in masks if wanted.any())
    if not areas:
        raise AreaError(
            f"The area ({(east - west):.0f} x {(north - south):.0f} m) contains no cell centre, being "
            f"smaller than a cell of {posting} m; enlarge it or choose a finer --posting."
        )
    return areas


def _wanted(
    outline: Polygon | MultiPolygon, tile: Tile, posting: Posting, every: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """The posts of a tile whose centre the outline contains, (n, n), row 0 in the north.

    A tile that lies inside as a whole gets the one shared mask `every`, so that memory follows the
    length of the outline and not the area.
    """
    square = shapely.box(*tile.bounds)
    if outline.covers(square):
        return every
    if not outline.intersects(square):
        return np.zeros_like(every)
    grid = tile.posts(posting)
    across = (np.arange(grid.width) + 0.5) * posting
    eastings, northings = np.meshgrid(grid.west + across, grid.north - across)
    wanted = np.asarray(shapely.contains_xy(outline, eastings, northings), dtype=np.bool_)
    wanted.setflags(write=False)
    return wanted


def _projected(geometry: Polygon | MultiPolygon, epsg: int) -> Polygon | MultiPolygon:
    """The geometry in metres of a zone, its edges straight in longitude and latitude."""
    fine = shapely.segmentize(geometry, _EDGE_DEGREES)
    to_zone = Transformer.from_crs(4326, epsg, always_xy=True)
    return shapely.transform(fine, lambda points: np.column_stack(to_zone.transform(*points.T)))
