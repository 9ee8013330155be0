import json
import sys
from pathlib import Path

import numpy as np
import pytest
import shapely
from geopandas.geodataframe import GeoDataFrame
from pyproj import Transformer
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, mapping
from shapely.geometry.base import BaseGeometry

from lczmap.aoi import read_area
from lczmap.words.errors import AreaError
from lczmap.words.grid import TILE_METRES
from lczmap.words.place import area_place, cover

SQUARE = shapely.box(13.2, 52.4, 13.3, 52.5)
OTHER = shapely.box(13.4, 52.4, 13.5, 52.5)
BOWTIE = Polygon([(13.2, 52.4), (13.3, 52.5), (13.3, 52.4), (13.2, 52.5)])


def feature(geometry: BaseGeometry | None) -> dict[str, object]:
    return {"type": "Feature", "properties": {}, "geometry": None if geometry is None else mapping(geometry)}


def collection(*geometries: BaseGeometry | None) -> dict[str, object]:
    return {"type": "FeatureCollection", "features": [feature(each) for each in geometries]}


def written(folder: Path, content: object, name: str = "my area.geojson") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


# ---- boxes ----
def test_a_box_is_read_in_the_order_west_south_east_north() -> None:
    area = read_area("13.291,52.490,13.343,52.521")
    assert area.geometry.bounds == (13.291, 52.490, 13.343, 52.521)
    assert area.slug.startswith("aoi-")
    assert len(area.slug) == len("aoi-") + 8


def test_the_same_box_has_the_same_slug_however_it_is_written() -> None:
    slugs = {read_area(text).slug for text in ("13.291,52.490,13.343,52.521", " 13.2910, 52.49,13.343 ,52.521")}
    assert len(slugs) == 1
    assert read_area("13.291,52.490,13.343,52.522").slug not in slugs


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("13.291,52.490,13.343", "four numbers"),
        ("13.291,52.490,13.343,52.521,1", "four numbers"),
        ("a,b,c,d", "four numbers"),
        ("13,52,nan,53", "four numbers"),
        ("13.343,52.490,13.291,52.521", "inverted"),
        ("13.291,52.521,13.343,52.490", "inverted"),
        ("13.291,52.490,13.291,52.521", "flat"),
        ("179,-18,-179,-17", "antimeridian"),
        ("nowhere.geojson", "no file"),
        ("a,b.gpkg", "no file"),
        ("x" * 5000, "no file"),
        ("", "no file"),
    ],
)
def test_a_bad_box_or_path_is_refused_in_one_sentence(text: str, word: str) -> None:
    with pytest.raises(AreaError, match=word) as caught:
        read_area(text)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


# ---- GeoJSON ----
@pytest.mark.parametrize(
    "content",
    [
        mapping(SQUARE),
        feature(SQUARE),
        collection(SQUARE),
        collection(None, SQUARE, Point(1, 1), LineString([(0, 0), (1, 1)])),
        {"type": "GeometryCollection", "geometries": [mapping(SQUARE), mapping(Point(0, 0))]},
        collection(shapely.force_3d(SQUARE, 40.0)),
        {**collection(SQUARE), "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}},
    ],
)
def test_every_way_of_writing_a_polygon_reads_alike(tmp_path: Path, content: object) -> None:
    area = read_area(written(tmp_path, content))
    assert area.geometry.equals(SQUARE)
    assert not area.geometry.has_z
    assert area.slug == "my-area"
    assert area.name == "my area"


def test_features_are_united(tmp_path: Path) -> None:
    apart = read_area(written(tmp_path, collection(SQUARE, OTHER))).geometry
    assert isinstance(apart, MultiPolygon)
    assert apart.area == pytest.approx(SQUARE.area + OTHER.area)
    overlapping = read_area(written(tmp_path, collection(SQUARE, shapely.box(13.2, 52.45, 13.4, 52.5)))).geometry
    assert isinstance(overlapping, Polygon)
    assert overlapping.area == pytest.approx(0.015)


def test_a_bow_tie_becomes_two_triangles(tmp_path: Path) -> None:
    area = read_area(written(tmp_path, collection(BOWTIE)))
    assert area.geometry.is_valid
    assert area.geometry.area == pytest.approx(0.005)


def test_the_crs_of_an_old_geojson_is_obeyed(tmp_path: Path) -> None:
    metres = shapely.box(380_000, 5_810_000, 390_000, 5_820_000)
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    area = read_area(written(tmp_path, {**collection(metres), "crs": crs}))
    assert area.geometry.contains(Point(13.29, 52.48))
    with pytest.raises(AreaError, match="not understood"):
        read_area(written(tmp_path, {**collection(metres), "crs": {"type": "name", "properties": {"name": "my"}}}))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{not json", "cannot be read"),
        ("", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"type": "Polygon", "coordinates": [[[NaN, 1], [2, 1], [2, 2], [NaN, 1]]]}', "cannot be read"),
        ([1, 2], "without 'type'"),
        ({}, "without 'type'"),
        ({"type": "Topology"}, "unknown type"),
        ({"type": "FeatureCollection"}, "no valid GeoJSON"),
        ({"type": "FeatureCollection", "features": 3}, "no valid GeoJSON"),
        ({"type": "Feature"}, "no valid GeoJSON"),
        ({"type": "Polygon"}, "no valid GeoJSON"),
        ({"type": "Polygon", "coordinates": [[13.2, 52.4]]}, "no valid GeoJSON"),
        ({"type": "Polygon", "coordinates": [[["a", "b"], [1, 2], [3, 4], ["a", "b"]]]}, "no valid GeoJSON"),
        ({"type": "Polygon", "coordinates": [[[13.2, 52.4], [13.3, 52.4]]]}, "no valid GeoJSON"),
        ({"type": "GeometryCollection", "geometries": None}, "no valid GeoJSON"),
        ({"type": "FeatureCollection", "features": []}, "no geometry"),
        (collection(None), "no geometry"),
        (collection(Point(1, 1), LineString([(0, 0), (1, 1)])), "LineString, Point"),
        ({"type": "Polygon", "coordinates": []}, "no polygon"),
        (collection(Polygon([(1, 1), (2, 2), (3, 3)])), "without an inside"),
        ({"type": "Polygon", "coordinates": [[[1e999, 1], [2, 1], [2, 2], [1e999, 1]]]}, "cannot be read"),
    ],
)
def test_a_bad_geojson_is_refused_in_one_sentence(tmp_path: Path, content: object, word: str) -> None:
    with pytest.raises(AreaError, match=word) as caught:
        read_area(written(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "area.geojson"
    path.write_bytes(b"\x89PNG\r\n\x00\xff")
    with pytest.raises(AreaError, match="cannot be read"):
        read_area(path)


# ---- other vector files ----
@pytest.mark.parametrize("epsg", [4326, 32633, 3857, 3035])
def test_a_geopackage_is_read_in_any_crs(tmp_path: Path, epsg: int) -> None:
    path = tmp_path / "Łąka.gpkg"
    GeoDataFrame(geometry=[SQUARE], crs=4326).to_crs(epsg).to_file(path)
    area = read_area(path)
    assert area.slug == "laka"
    assert shapely.hausdorff_distance(area.geometry, SQUARE) < 1e-3


def test_an_area_drawn_in_utm_keeps_its_straight_edges(tmp_path: Path) -> None:
    west, south = 30 * TILE_METRES, 454 * TILE_METRES
    path = tmp_path / "tile.gpkg"
    square = shapely.box(west, south, west + TILE_METRES, south + TILE_METRES)
    GeoDataFrame(geometry=[square], crs=32633).to_file(path)
    area = read_area(path)
    (tile, *others) = (each for each in cover(area_place(area.geometry, slug="a", name="a"), 80) if each.count > 160)
    assert tile.tile.name == "33N_30_454"
    assert tile.wanted.mean() > 0.98
    assert not others
    to_zone = Transformer.from_crs(4326, 32633, always_xy=True)
    back = np.column_stack(to_zone.transform(*shapely.get_coordinates(area.geometry).T))
    assert shapely.hausdorff_distance(Polygon(back), square) < 0.01


def test_a_geopackage_without_one_layer_of_polygons_is_refused(tmp_path: Path) -> None:
    points = tmp_path / "points.gpkg"
    GeoDataFrame(geometry=[Point(1, 1)], crs=4326).to_file(points)
    with pytest.raises(AreaError, match="no polygon layer"):
        read_area(points)
    two = tmp_path / "two.gpkg"
    frame = GeoDataFrame(geometry=[SQUARE], crs=4326)
    frame.to_file(two, layer="one")
    frame.to_file(two, layer="other")
    with pytest.raises(AreaError, match="several layers"):
        read_area(two)
    empty = tmp_path / "empty.gpkg"
    frame.iloc[:0].to_file(empty, geometry_type="Polygon")
    with pytest.raises(AreaError, match="no geometry"):
        read_area(empty)


def test_a_shapefile_without_crs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.shp"
    GeoDataFrame(geometry=[SQUARE], crs=4326).to_file(path)
    assert read_area(path).geometry.equals(SQUARE)
    path.with_suffix(".prj").unlink()
    with pytest.raises(AreaError, match="does not say its CRS"):
        read_area(path)


def test_a_broken_geopackage_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = written(tmp_path, "not a database", "broken.gpkg")
    with pytest.raises(AreaError, match=r"broken\.gpkg cannot be read") as caught:
        read_area(path)
    assert "\n" not in str(caught.value)


def test_reading_an_area_needs_no_pandas(tmp_path: Path) -> None:
    import subprocess  # noqa: PLC0415

    path = written(tmp_path, collection(SQUARE))
    code = f"import sys, lczmap.aoi as a; a.read_area({str(path)!r}); sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
