"""Where a square lies, and its explanation while nothing but its place is known. Points in, grids and frames out."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from lczmap.explain.image import SquareImage
from lczmap.store.about import attribution, without_paths
from lczmap.things.composite import Composite
from lczmap.things.explanation import Explanation, Verdict
from lczmap.things.probabilities import PROBABILITY_NODATA
from lczmap.words.bands import COMPOSITE_NODATA, REFLECTANCE_SCALE
from lczmap.words.errors import AreaError
from lczmap.words.grid import PIXEL_METRES, WINDOW_METRES, WINDOW_PIXELS, PixelGrid
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.plan import Plan, TilePlan
from lczmap.words.quality import Quality
from lczmap.words.zone import NORTH_LIMIT, SOUTH_LIMIT

LonLat = tuple[float, float]
"""Longitude and latitude, degrees."""
Metres = tuple[float, float]
"""Easting and northing."""


def check_lonlat(at: LonLat) -> None:
    """Refuse a point that is none, or lies beyond UTM.

    Raises:
        AreaError: saying what is wrong with it.
    """
    lon, lat = at
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90):
        raise AreaError(f"There is no point at longitude {lon:g}, latitude {lat:g}; write longitude first, in degrees.")
    if not SOUTH_LIMIT <= lat < NORTH_LIMIT:
        raise AreaError(
            f"Latitude {lat:g} lies too near a pole; UTM and Sentinel-2's tiles end at {SOUTH_LIMIT:g} and "
            f"{NORTH_LIMIT:g}."
        )


def metres_of(at: LonLat, epsg: int) -> Metres:
    """A point in metres of a zone."""
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(*at)
    return float(x), float(y)


def degrees_from(epsg: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """What turns (n, 2) metres of a zone into degrees, for `shapely.transform`."""
    transformer = Transformer.from_crs(epsg, 4326, always_xy=True)
    return lambda points: np.column_stack(transformer.transform(*points.T))


def corner_around(at: LonLat, epsg: int) -> tuple[int, int]:
    """Upper left corner of the 320 m square whose centre is nearest to a point, on the 10 m grid."""
    x, y = metres_of(at, epsg)
    half, step = WINDOW_METRES // 2, PIXEL_METRES
    return round((x - half) / step) * step, round((y + half) / step) * step


def middle_of(corner: tuple[int, int]) -> tuple[int, int]:
    """Centre of the square with this upper left corner."""
    return corner[0] + WINDOW_METRES // 2, corner[1] - WINDOW_METRES // 2


def grid_at(epsg: int, corner: tuple[int, int], pixels: int = WINDOW_PIXELS) -> PixelGrid:
    """A square grid of 10 m pixels."""
    return PixelGrid(epsg=epsg, west=corner[0], north=corner[1], metres=PIXEL_METRES, width=pixels, height=pixels)


def part_of(composite: Composite, rows: slice, columns: slice) -> Composite:
    """A piece of a composite."""
    return Composite(
        reflectance=composite.reflectance[:, rows, columns],
        looks=composite.looks[rows, columns],
        provenance=composite.provenance[rows, columns],
    )


def reflectance_of(composite: Composite) -> NDArray[np.float32]:
    """(rows, columns, 10) reflectance 0..1, NaN where nodata."""
    values = np.moveaxis(composite.reflectance, 0, 2)
    return np.where(values == COMPOSITE_NODATA, np.float32(np.nan), values * np.float32(REFLECTANCE_SCALE)).astype(
        np.float32
    )


def vote_of(levels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """A stream's levels; None where they are nodata."""
    return None if int(levels[0]) == PROBABILITY_NODATA else levels


def blank(plan: Plan, entry: TilePlan, corner: tuple[int, int], at: LonLat) -> Explanation:
    """What is known of a square before anything of it is read."""
    lon, lat = degrees_from(plan.place.epsg)(np.array([middle_of(corner)], np.float64))[0]
    image_alone = "" if plan.vhr is None else without_paths(plan.vhr.attribution)
    return Explanation(
        title="",
        grid=grid_at(plan.place.epsg, corner),
        lonlat=(float(lon), float(lat)),
        asked=at,
        post=None,
        period=plan.spec.period,
        days=tuple(sorted({scene.solar_day for scene in plan.scenes_of(entry)})),
        reflectance=None,
        picture=None,
        vhr=plan.vhr,
        registration=None,
        segmenter=plan.segmenter,
        masks=np.zeros((0, WINDOW_METRES, WINDOW_METRES), np.bool_),
        graph=None,
        verdict=Verdict(
            sentinel=None,
            vhr=None,
            fused=np.full(CLASS_COUNT, PROBABILITY_NODATA, np.uint8),
            confidence=PROBABILITY_NODATA,
            margin=PROBABILITY_NODATA,
            quality=Quality(0),
            looks=0,
        ),
        sentinel_weight=1.0 if plan.sentinel_weight is None else plan.sentinel_weight,
        models=tuple(f"{model.role} {model.name}" for model in plan.models if plan.scenes or model.role != "sentinel"),
        notes=(),
        credit=attribution(plan) if plan.scenes else image_alone,
    )


def with_image(explained: Explanation, image: SquareImage | None) -> Explanation:
    """The same with what the VHR stream made of the square."""
    if image is None:
        return explained
    return replace(explained, picture=image.picture, masks=image.masks, graph=image.graph)
