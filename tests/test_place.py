import hashlib
import math
import pickle
import time

import numpy as np
import pytest
import shapely
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import MultiPolygon, Point, Polygon

from lczmap.words.errors import AreaError
from lczmap.words.grid import POSTINGS, TILE_METRES, Posting, posts_across
from lczmap.words.place import LonLatBox, Place, TileArea, area_place, cover, slug_of
from lczmap.words.zone import kilometres_outside, zone_label, zone_named, zone_of

BERLIN = LonLatBox(west=13.291, south=52.490, east=13.343, north=52.521)


def area(geometry: Polygon | MultiPolygon, epsg: int | None = None) -> Place:
    return area_place(geometry, slug="here", name="Here", epsg=epsg)


def box(west: float, south: float, east: float, north: float) -> Polygon:
    return LonLatBox(west=west, south=south, east=east, north=north).polygon


def city(west: float, south: float, east: float, north: float, *, epsg: int, margin: int = 0) -> Place:
    return Place(
        slug="town-de", name="Town", country="DE", kind="city",
        geometry=box(west, south, east, north), epsg=epsg, margin_metres=margin,
    )  # fmt: skip


# ---- zones ----
@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [
        (13.3, 52.5, 32633),
        (120.16, 30.25, 32651),
        (119.99, 30.25, 32650),
        (-70.6, -33.4, 32719),
        (36.8, -1.28, 32737),
        (-180.0, 0.0, 32601),
        (180.0, -0.1, 32760),
        (5.3, 60.4, 32632),  # Bergen: zone 32 is widened over southern Norway
        (2.9, 60.4, 32631),
        (5.3, 64.0, 32631),
        (8.9, 78.0, 32631),  # Svalbard: zones 32, 34 and 36 are left out
        (9.0, 78.0, 32633),
        (15.6, 78.2, 32633),
        (21.0, 78.0, 32635),
        (33.0, 78.0, 32637),
        (42.0, 78.0, 32638),
    ],
)
def test_points_lie_in_the_zone_of_the_military_grid(lon: float, lat: float, epsg: int) -> None:
    assert zone_of(lon, lat) == epsg


@given(st.floats(-180, 179.999), st.floats(-79.9, 83.9))
def test_no_point_lies_outside_its_own_zone(lon: float, lat: float) -> None:
    assert kilometres_outside(np.array([lon]), np.array([lat]), epsg=zone_of(lon, lat)) < 1e-6


@pytest.mark.parametrize(
    ("lon", "lat", "epsg", "kilometres"),
    [
        (11.0, 0.0, 32633, 111.3),
        (19.0, 60.0, 32633, 55.7),
        (15.0, -1.0, 32633, 111.3),
        (15.0, 2.0, 32733, 222.6),
        (179.0, 0.0, 32601, 111.3),  # the short way, across the antimeridian
        (-179.0, 0.0, 32660, 111.3),
    ],
)
def test_distance_outside_a_zone_is_measured_on_the_ground(
    lon: float, lat: float, epsg: int, kilometres: float
) -> None:
    assert kilometres_outside(np.array([lon]), np.array([lat]), epsg=epsg) == pytest.approx(kilometres, abs=0.1)


@given(st.integers(1, 60), st.sampled_from("NS"))
def test_a_zone_is_read_as_it_is_written(number: int, side: str) -> None:
    epsg = zone_named(f"{number}{side}")
    assert zone_named(zone_label(epsg)) == zone_named(str(epsg)) == zone_named(f"EPSG:{epsg}") == epsg
    assert zone_named(f"{number:02d}{side.lower()}") == epsg


@pytest.mark.parametrize("text", ["", "33", "61N", "0N", "33X", "32600", "32661", "4326", "n33"])
def test_what_is_no_zone_is_refused(text: str) -> None:
    with pytest.raises(AreaError, match="UTM zone"):
        zone_named(text)


# ---- guards ----
@pytest.mark.parametrize(
    ("geometry", "word"),
    [
        (box(10, 85, 11, 86), "pole"),
        (box(10, 83, 11, 84.5), "pole"),
        (box(10, -81, 11, -80.5), "pole"),
        (box(179.5, -17, 180.5, -16), "antimeridian"),
        (box(-180.5, -17, -179.5, -16), "antimeridian"),
        (MultiPolygon([box(179.5, -17, 180, -16), box(-180, -17, -179.5, -16)]), "antimeridian"),
        (box(52.49, 113.29, 52.52, 113.34), "swapped"),
        (box(383000, 5816000, 387000, 5820000), "metres"),
        (box(190, 10, 191, 11), "expected longitudes"),
        (box(10, 91, 11, 92), "swapped"),
        (Polygon(), "empty"),
        (box(10, 50, 10, 51), "no inside"),
        (box(10, 50, 14, 51), "zone"),
        (box(14, -3, 15, 5), "zone"),
        (Polygon([(1, 1), (2, float("inf")), (2, 2), (1, 2)]), "no numbers"),
    ],
)
def test_an_area_without_a_map_is_refused_in_one_sentence(geometry: Polygon, word: str) -> None:
    with pytest.raises(AreaError, match=word) as caught:
        area(geometry)
    assert "\n" not in str(caught.value)


def test_a_zone_given_by_hand_must_lie_within_reach() -> None:
    assert area(BERLIN.polygon, epsg=32632).epsg == 32632  # 1.29 degrees: 88 km
    with pytest.raises(AreaError, match="31N"):
        area(BERLIN.polygon, epsg=32631)


def test_a_slug_is_plain_ascii() -> None:
    assert slug_of("São Paulo BR") == "sao-paulo-br"
    assert slug_of("Łódź") == "lodz"
    assert slug_of("Xi'an  CN") == "xian-cn"
    assert slug_of("杭州") == ""
    with pytest.raises(AreaError, match="cannot name"):
        area_place(BERLIN.polygon, slug="../up", name="x")


def test_a_place_travels_to_another_process() -> None:
    place = area(BERLIN.polygon)
    assert pickle.loads(pickle.dumps(place)) == place  # noqa: S301 - our own bytes


# ---- cover ----
@pytest.mark.parametrize(("posting", "count"), [(320, 116), (100, 1215)])
def test_the_berlin_district_holds_the_known_number_of_posts(posting: Posting, count: int) -> None:
    assert sum(tile.count for tile in cover(area(BERLIN.polygon), posting)) == count


def brute_force(place: Place, posting: Posting) -> set[tuple[int, int]]:
    """Centres of the wanted posts, judged one by one in degrees, in metres of the zone."""
    to_zone = Transformer.from_crs(4326, place.epsg, always_xy=True)
    to_degrees = Transformer.from_crs(place.epsg, 4326, always_xy=True)
    edge = np.vstack([to_zone.transform(*part.exterior.segmentize(0.01).xy) for part in parts(place)])
    found = set()
    for x in centres(edge[0::2], posting):
        for y in centres(edge[1::2], posting):
            if place.geometry.contains(Point(to_degrees.transform(x, y))):
                found.add((x, y))
    return found


def parts(place: Place) -> list[Polygon]:
    return [place.geometry] if isinstance(place.geometry, Polygon) else list(place.geometry.geoms)


def centres(values: np.ndarray, posting: int) -> range:
    low, high = math.floor(values.min() / posting) - 1, math.ceil(values.max() / posting) + 1
    return range(low * posting + posting // 2, high * posting, posting)


def wanted_centres(tiles: tuple[TileArea, ...], posting: Posting) -> set[tuple[int, int]]:
    found = set()
    for tile in tiles:
        grid = tile.tile.posts(posting)
        for row, column in zip(*np.nonzero(tile.wanted), strict=True):
            found.add((
                grid.west + int(column) * posting + posting // 2,
                grid.north - int(row) * posting - posting // 2,
            ))  # fmt: skip
    return found


@given(
    lon=st.floats(-175, 175),
    lat=st.floats(-65, 65),
    corners=st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=3, max_size=6),
    posting=st.sampled_from(POSTINGS),
)
@settings(max_examples=40, deadline=None)
def test_wanted_posts_are_those_whose_centre_the_area_contains(
    lon: float, lat: float, corners: list[tuple[int, int]], posting: Posting
) -> None:
    reach = 0.2 * posting / 111_320  # some tens of posts across
    hull = shapely.MultiPoint(
        [(lon + reach * x / math.cos(math.radians(lat)), lat + reach * y) for x, y in corners]
    ).convex_hull
    assume(isinstance(hull, Polygon) and hull.area > (10 * reach) ** 2)
    assert isinstance(hull, Polygon)
    place = area(hull)
    expected = brute_force(place, posting)
    # posts that lie on the outline to within a metre may fall either way
    rim = place.geometry.boundary.buffer(1 / 111_320)
    to_degrees = Transformer.from_crs(place.epsg, 4326, always_xy=True)
    try:
        found = wanted_centres(cover(place, posting), posting)
    except AreaError:
        found = set()
    event("some posts" if found else "no post")
    assert all(rim.intersects(Point(to_degrees.transform(*each))) for each in expected ^ found)


def test_holes_are_not_wanted() -> None:
    lake = BERLIN.polygon.centroid.buffer(0.008).exterior
    place = area(Polygon(BERLIN.polygon.exterior, [lake]))
    assert wanted_centres(cover(place, 100), 100) == brute_force(place, 100)


def test_an_area_over_several_tiles_wants_every_post_once() -> None:
    place = area(box(13.2, 52.4, 13.6, 52.6))
    for posting in POSTINGS:
        tiles = cover(place, posting)
        assert len({tile.tile for tile in tiles}) == len(tiles) > 4
        assert all(tile.wanted.shape == (posts_across(posting),) * 2 for tile in tiles)
        assert all(tile.count for tile in tiles)
    assert wanted_centres(cover(place, 320), 320) == brute_force(place, 320)


def test_an_area_drawn_on_tile_edges_wants_whole_tiles_and_no_neighbours() -> None:
    west, south = 30 * TILE_METRES, 454 * TILE_METRES
    square = shapely.segmentize(shapely.box(west, south, west + TILE_METRES, south + TILE_METRES), 500)
    to_degrees = Transformer.from_crs(32633, 4326, always_xy=True)
    degrees = Polygon(np.column_stack(to_degrees.transform(*shapely.get_coordinates(square).T)))
    for posting in POSTINGS:
        (tile,) = cover(area(degrees, epsg=32633), posting)
        assert tile.tile.name == "33N_30_454"
        assert tile.digest == "all"


def test_row_zero_is_in_the_north() -> None:
    (tile,) = cover(area(Polygon([(13.295, 52.49), (13.343, 52.49), (13.315, 52.52)])), 100)
    rows = np.nonzero(tile.wanted)[0]
    middle = (rows.min() + rows.max()) / 2
    assert np.count_nonzero(rows < middle) < 0.5 * np.count_nonzero(rows > middle)


def test_an_area_smaller_than_a_cell_says_so() -> None:
    with pytest.raises(AreaError, match="smaller than a cell of 320 m"):
        cover(area(box(13.3000, 52.5000, 13.3005, 52.5002)), 320)


def test_a_city_is_a_rectangle_of_whole_tiles_around_box_and_margin() -> None:
    tiles = cover(city(13.2, 52.4, 13.6, 52.6, epsg=32633, margin=5000), 320)
    columns = {tile.tile.column for tile in tiles}
    rows = {tile.tile.row for tile in tiles}
    assert len(tiles) == len(columns) * len(rows)
    assert {tile.digest for tile in tiles} == {"all"}
    to_zone = Transformer.from_crs(4326, 32633, always_xy=True)
    west, south, east, north = to_zone.transform_bounds(13.2, 52.4, 13.6, 52.6, densify_pts=101)
    assert 0 <= west - 5000 - min(columns) * TILE_METRES < TILE_METRES
    assert 0 <= (max(columns) + 1) * TILE_METRES - east - 5000 < TILE_METRES
    assert 0 <= south - 5000 - min(rows) * TILE_METRES < TILE_METRES
    assert 0 <= (max(rows) + 1) * TILE_METRES - north - 5000 < TILE_METRES
    assert [(t.tile.row, t.tile.column) for t in tiles] == sorted(
        ((t.tile.row, t.tile.column) for t in tiles), key=lambda each: (-each[0], each[1])
    )


def test_the_digest_is_that_of_the_packed_bits_and_all_for_a_full_tile() -> None:
    (tile,) = cover(area(BERLIN.polygon), 320)
    assert tile.digest == hashlib.sha256(np.packbits(tile.wanted).tobytes()).hexdigest()
    whole = cover(city(13.2, 52.4, 13.6, 52.6, epsg=32633), 320)
    inside = [t for t in cover(area(box(13.0, 52.2, 13.8, 52.8)), 320) if t.count == t.wanted.size]
    assert {t.digest for t in inside} == {t.digest for t in whole} == {"all"}


def test_masks_cannot_be_changed() -> None:
    for place in (area(BERLIN.polygon), city(13.3, 52.5, 13.31, 52.51, epsg=32633)):
        with pytest.raises(ValueError, match="read-only"):
            cover(place, 320)[0].wanted[0, 0] = False


def test_a_region_of_100_km_at_the_finest_posting_is_covered_quickly() -> None:
    region = area(shapely.Point(15, 48.5).buffer(0.5, quad_segs=1000))
    start = time.perf_counter()
    tiles = cover(region, 80)
    assert len(tiles) > 40
    assert time.perf_counter() - start < 2.0
