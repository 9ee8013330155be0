"""Pictures from above: any CRS, depth and cover land on the grid of whole metres, the same from every window."""

import re
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from lczmap.imagery.vhr import vhr_source
from lczmap.imagery.vhr_view import ShownImage
from lczmap.words.errors import BrokenAssetError, LczmapError, NoImageryError, SourceError, SourceNameError
from lczmap.words.grid import PixelGrid
from tests.vhr_pictures import EPSG, Sheet, box, cross_on, grid, waves, write

SHEETS = {
    "same grid": Sheet(metres=1.0, side=320),
    "finer": Sheet(),
    "odd size": Sheet(metres=0.3, side=1001),
    "turned": Sheet(turned=31.0),
    "mercator": Sheet(crs="EPSG:3857"),
    "degrees": Sheet(crs="EPSG:4326"),
    "next zone": Sheet(crs="EPSG:32632", turned=-7.0),
    "coarse": Sheet(metres=2.5, side=128),
}
RGBA = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)


def shown(path: Path, **options: object) -> ShownImage:
    source = vhr_source(str(path), **options)  # type: ignore[arg-type]
    return source.view(source.identify(box()))


def bytes_of(fields: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(fields * 255).clip(1, 255).astype(np.uint8)


@pytest.mark.parametrize("name", SHEETS)
def test_a_cross_lands_where_it_stands_to_half_a_pixel(tmp_path: Path, name: str) -> None:
    sheet = SHEETS[name]
    path = write(tmp_path / "cross.tif", cross_on(*sheet.ground()), sheet, overviews=(2, 4))
    wanted = grid(200)
    picture = shown(path).read(wanted).astype(np.float64)
    lit = np.where(picture[..., 0] > 0, picture[..., 0] - 40, 0).clip(0)
    far = abs(np.arange(200) + 0.5 - (100 + 20)) > 20  # rows that the other arm does not touch
    east = (lit[far].sum(axis=0) * (np.arange(200) + 0.5 - 100)).sum() / lit[far].sum()
    far = abs(np.arange(200) + 0.5 - (100 + 30)) > 20
    north = (lit[:, far].sum(axis=1) * (100 - np.arange(200) - 0.5)).sum() / lit[:, far].sum()
    assert abs(east - 30) < 0.1
    assert abs(north + 20) < 0.1


@pytest.mark.parametrize("name", SHEETS)
def test_what_is_smooth_is_shown_as_it_is(tmp_path: Path, name: str) -> None:
    sheet = SHEETS[name]
    path = write(tmp_path / "waves.tif", bytes_of(waves(*sheet.ground())), sheet, overviews=(2,))
    wanted = grid(160)
    east = np.arange(160) + 0.5 - 80
    truth = 255 * waves(*np.meshgrid(east, -east)).transpose(1, 2, 0)
    picture = shown(path).read(wanted)
    assert (picture > 0).all()
    assert np.abs(picture - truth).max() < (8 if name == "coarse" else 5)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ShownImage]:
    """One image of each kind, with holes."""
    folder, rng = tmp_path_factory.mktemp("several"), np.random.default_rng(3)
    images = {}
    for name, sheet in SHEETS.items():
        pixels = bytes_of(waves(*sheet.ground())) // 2 + rng.integers(1, 120, (3, sheet.side, sheet.side), np.uint8)
        pixels[:, rng.random((sheet.side, sheet.side)) < 0.02] = 0
        images[name] = shown(write(folder / f"{name}.tif", pixels, sheet, overviews=(2, 4)))
    return images


@pytest.mark.parametrize("name", SHEETS)
@given(data=st.data())
@examples(max_examples=4)
def test_windows_that_overlap_agree(several: dict[str, ShownImage], name: str, data: st.DataObject) -> None:
    metres = data.draw(st.sampled_from([1, 2, 10]))
    first, second = (
        grid(60, metres, metres * data.draw(st.integers(-20, 20)), metres * data.draw(st.integers(-20, 20)))
        for _ in range(2)
    )
    left, right = several[name].read(first), several[name].read(second)
    west, north = max(first.west, second.west), min(first.north, second.north)
    east, south = min(first.bounds[2], second.bounds[2]), max(first.bounds[1], second.bounds[1])

    def part(grid_: PixelGrid, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        top, edge = (grid_.north - north) // metres, (west - grid_.west) // metres
        return picture[top : top + (north - south) // metres, edge : edge + (east - west) // metres]

    assert part(first, left).size
    np.testing.assert_array_equal(part(first, left), part(second, right))


def test_eight_bits_stay_as_they_are_and_real_black_becomes_one(tmp_path: Path) -> None:
    sheet = SHEETS["same grid"]
    pixels = np.random.default_rng(1).integers(0, 256, (3, 320, 320), np.uint8)
    mask = np.full((320, 320), 255, np.uint8)
    path = write(tmp_path / "plain.tif", pixels, sheet, mask=mask)
    picture = shown(path).read(grid(320))
    np.testing.assert_array_equal(picture, np.maximum(pixels, 1).transpose(1, 2, 0))


@pytest.mark.parametrize("how", ["alpha", "mask", "nodata", "undeclared black", "filled white", "NaN"])
def test_half_an_image_is_shown_and_the_other_half_is_black(tmp_path: Path, how: str) -> None:
    sheet = Sheet()
    east, north = sheet.ground()
    pixels: NDArray[np.generic] = bytes_of(waves(east, north)).clip(2, 250)
    empty = east < 0
    mask, colours, nodata = None, None, None
    if how == "alpha":
        pixels = np.concatenate([pixels, np.where(empty, 0, 255).astype(np.uint8)[None]])
        colours = RGBA
    elif how == "mask":
        mask = np.where(empty, 0, 255).astype(np.uint8)
    elif how == "NaN":
        pixels = np.where(empty, np.nan, pixels).astype(np.float32)
    else:
        value = {"nodata": 7, "undeclared black": 0, "filled white": 255}[how]
        pixels = np.where(empty, value, pixels).astype(np.uint8)
        nodata = 7 if how == "nodata" else None
    path = write(tmp_path / "half.tif", pixels, sheet, colours=colours, mask=mask, nodata=nodata, overviews=(2,))
    seen = shown(path).read(grid(200)).any(axis=2)
    assert seen[:, 101:].all()
    assert not seen[:, :99].any()


def test_a_pixel_is_the_mean_of_what_it_shows_and_not_of_the_hole_beside(tmp_path: Path) -> None:
    sheet = Sheet(metres=0.3, side=700)
    east, _ = sheet.ground()
    pixels = np.where(east < 0, 0, 200).astype(np.uint8)[None].repeat(3, axis=0)
    picture = shown(write(tmp_path / "edge.tif", pixels, sheet, nodata=0)).read(grid(100))
    assert set(np.unique(picture)) == {0, 200}


def test_one_stretch_serves_every_area(tmp_path: Path) -> None:
    sheet = Sheet()
    east, north = sheet.ground()
    values = (300 + 3000 * waves(east, north) * (1 + (east > 50))).astype(np.uint16)
    source = vhr_source(str(write(tmp_path / "deep.tif", values, sheet, overviews=(2, 4))))
    whole, corner = source.identify(box()), source.identify(box(20))
    assert whole == corner
    for band in range(3):
        low, high = np.percentile(values[band], (2, 98))
        assert whole.low[band] == pytest.approx(low, rel=0.1)
        assert whole.high[band] == pytest.approx(high, rel=0.1)
    picture = source.view(whole).read(grid(200))
    assert picture.min() == 1
    assert picture.max() == 255
    np.testing.assert_array_equal(picture[50:70, 50:70], source.view(corner).read(grid(20, west=-40, north=40)))


def test_colours_are_found_by_what_the_raster_says_else_by_what_is_told(tmp_path: Path) -> None:
    sheet = SHEETS["same grid"]
    # blue, green, red, near infrared
    pixels = np.stack([np.full((320, 320), value, np.uint8) for value in (30, 20, 10, 99)])
    grey = (ColorInterp.gray, *[ColorInterp.undefined] * 3)
    said = (ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined)
    interpreted = write(tmp_path / "said.tif", pixels, sheet, colours=said)
    silent = write(tmp_path / "silent.tif", pixels, sheet, colours=grey)
    described = write(tmp_path / "described.tif", pixels, sheet, colours=grey)
    with rasterio.open(described, "r+") as raster:
        raster.descriptions = ("Blue band, 450 nm", "green", "Red", "NIR")
    seen = {
        "interpreted": shown(interpreted),
        "described": shown(described),
        "told": shown(silent, bands=(3, 2, 1)),
        "silent": shown(silent),
    }
    colours = {name: tuple(image.read(grid(10))[0, 0]) for name, image in seen.items()}
    assert colours.pop("silent") == (30, 20, 10)  # the first three
    assert set(colours.values()) == {(10, 20, 30)}


def test_coarse_grids_are_read_from_overviews(tmp_path: Path) -> None:
    sheet = Sheet(side=512)
    path = write(tmp_path / "stale.tif", np.full((3, 512, 512), 100, np.uint8), sheet, overviews=(2, 4, 8, 16))
    with rasterio.open(path, "r+") as raster:  # the overviews keep what was there
        raster.write(np.full((3, 512, 512), 200, np.uint8))
    image = shown(path)
    fine, coarse = image.read(grid(100)), image.read(grid(10, 10))
    assert (fine == 100).all()  # 0.5 m: the first overview has the grid's 1 m
    assert (coarse == 100).all()
    with rasterio.open(path, "r+") as raster:
        raster.build_overviews([2, 4, 8, 16], rasterio.enums.Resampling.average)
    assert (shown(path).read(grid(10, 10)) == 200).all()


def test_without_overviews_a_coarse_pixel_is_still_a_mean(tmp_path: Path) -> None:
    sheet = Sheet(metres=0.25, side=1200)
    stripes = np.where(np.arange(1200) % 2, 50, 150).astype(np.uint8)
    path = write(tmp_path / "stripes.tif", np.broadcast_to(stripes, (3, 1200, 1200)), sheet)
    picture = shown(path).read(grid(20, 10))
    assert np.abs(picture.astype(int) - 100).max() <= 1


@pytest.mark.parametrize(
    ("metres", "words"), [(0.05, r"pixels have 0\.05 m, expected 0\.1 to 5 m"), (30.0, "pixels have 30 m")]
)
def test_pixels_too_fine_or_too_coarse_are_refused(tmp_path: Path, metres: float, words: str) -> None:
    sheet = Sheet(metres=metres, side=64)
    path = write(tmp_path / "off.tif", np.full((3, 64, 64), 9, np.uint8), sheet)
    with pytest.raises(SourceNameError, match=words):
        vhr_source(str(path)).identify(box())


@pytest.mark.parametrize("count", [1, 2, 5])
def test_other_numbers_of_bands_are_refused(tmp_path: Path, count: int) -> None:
    grey = (ColorInterp.gray, *[ColorInterp.undefined] * (count - 1))
    path = write(tmp_path / "off.tif", np.full((count, 640, 640), 9, np.uint8), Sheet(), colours=grey)
    with pytest.raises(SourceNameError, match=rf"it has {count} bands?, expected 3 or 4"):
        vhr_source(str(path)).identify(box())


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_rubbish_is_refused_in_words(tmp_path: Path) -> None:
    sheet, pixels = Sheet(), np.full((3, 640, 640), 9, np.uint8)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.tif").write_text("no picture", encoding="utf-8")
    whole = write(tmp_path / "whole.tif", pixels, sheet)
    (tmp_path / "cut.tif").write_bytes(whole.read_bytes()[:5000])
    bare = tmp_path / "bare.tif"
    with rasterio.open(bare, "w", driver="GTiff", width=64, height=64, count=3, dtype="uint8") as raster:
        raster.write(pixels[:, :64, :64])
    for name, kind, words in (
        ("nowhere.tif", SourceNameError, "no path that exists"),
        ("empty", SourceNameError, "holds no raster"),
        ("text.tif", SourceNameError, "cannot be read"),
        ("cut.tif", LczmapError, "cannot be read"),
        ("bare.tif", SourceNameError, "has no georeference"),
    ):
        with pytest.raises(kind, match=words) as caught:
            vhr_source(str(tmp_path / name)).identify(box())
        assert name == "nowhere.tif" or str(tmp_path) not in str(caught.value)


def test_a_site_grid_that_lies_nowhere_on_earth_is_refused_in_words(tmp_path: Path) -> None:
    path = write(tmp_path / "site.tif", np.full((3, 64, 64), 9, np.uint8), Sheet(side=64))
    with rasterio.open(path, "r+") as raster:
        raster.crs = CRS.from_wkt('LOCAL_CS["site grid",UNIT["metre",1]]')
    with pytest.raises(SourceNameError, match="points to no place on Earth"):
        vhr_source(str(path)).identify(box())


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_what_else_lies_in_a_folder_does_not_touch_the_stretch(tmp_path: Path) -> None:
    deep = (np.random.default_rng(3).integers(100, 3000, (3, 640, 640))).astype(np.uint16)
    write(tmp_path / "one" / "ortho.tif", deep, Sheet())
    alone = vhr_source(str(tmp_path / "one")).identify(box())
    write(tmp_path / "one" / "heights.tif", deep[:1] * 9, Sheet())
    (tmp_path / "one" / "broken.tif").write_bytes(b"II*\0rubbish")
    assert vhr_source(str(tmp_path / "one")).identify(box()) == alone


def test_an_image_that_shows_nothing_of_the_area_says_so(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "far.tif", np.full((3, 64, 64), 9, np.uint8), Sheet(crs="EPSG:32640", side=64))
    with rasterio.open(elsewhere, "r+") as raster:
        raster.transform = Affine(0.5, 0, 300_000, 0, -0.5, 2_000_000)
    blank = write(tmp_path / "blank.tif", np.zeros((3, 640, 640), np.uint8), Sheet(), nodata=0)
    for path in (elsewhere, blank):
        with pytest.raises(NoImageryError, match="shows nothing of the area"):
            vhr_source(str(path)).identify(box())


def test_of_overlapping_rasters_the_newest_lies_on_top(tmp_path: Path) -> None:
    sheet = Sheet()
    east, _ = sheet.ground()
    folder = tmp_path / "flights"
    for name, value, empty in (
        ("a_20190401.tif", 40, east > 1e9),
        ("b_20210501.tif", 80, east < 0),
        ("c_20210501.tif", 120, east < -50),
    ):
        pixels = np.where(empty, 0, value).astype(np.uint8)[None].repeat(3, axis=0)
        write(folder / name, pixels, sheet, nodata=0)
    (folder / "notes.txt").write_text("no raster", encoding="utf-8")
    source = vhr_source("local", local=folder)
    identity = source.identify(box())
    assert [part.id for part in identity.parts] == ["b_20210501.tif", "c_20210501.tif", "a_20190401.tif"]
    assert identity.taken == (date(2019, 4, 1), date(2021, 5, 1))
    assert (identity.kind, identity.name) == ("folder", "local")
    line = source.view(identity).read(grid(200))[100, :, 0]
    assert (line[:49] == 40).all()
    assert (line[51:99] == 120).all()
    assert (line[101:] == 80).all()


def test_identity_follows_the_bytes_and_keeps_no_path(tmp_path: Path) -> None:
    sheet, pixels = Sheet(), np.full((3, 640, 640), 90, np.uint8)
    tags = {"TIFFTAG_DATETIME": "2021:07:03 10:11:12", "ATTRIBUTION": "Some Office", "LICENSE": "CC-BY-4.0"}
    first = write(tmp_path / "one" / "ortho.tif", pixels, sheet, tags=tags)
    second = tmp_path / "two" / "ortho.tif"
    second.parent.mkdir()
    shutil.copy(first, second)
    one, two = (vhr_source(str(path)).identify(box()) for path in (first, second))
    assert one == two
    assert str(tmp_path) not in repr(one)
    assert (one.attribution, one.licence, one.taken) == ("Some Office", "CC-BY-4.0", (date(2021, 7, 3),) * 2)
    assert one.metres == pytest.approx(0.5, rel=0.002)
    write(second, pixels + 1, sheet, tags=tags)
    again = vhr_source(str(second))
    with pytest.raises(SourceError, match="no longer the one that was planned with"):
        again.view(one)
    assert again.identify(box()).digest_fields != one.digest_fields


BESIDE = {
    "nodata": "".join(f'<PAMRasterBand band="{band}"><NoDataValue>90</NoDataValue>{{}}' for band in (1, 2, 3)),
    "colours": "".join(
        f'<PAMRasterBand band="{band}"><ColorInterp>{colour}</ColorInterp>{{}}'
        for band, colour in enumerate(("Blue", "Green", "Red"), start=1)
    ),
    "place": "<GeoTransform>499850, 0.5, 0, 5000160, 0, -0.5</GeoTransform>"
    + "".join(f'<PAMRasterBand band="{band}">{{}}' for band in (1, 2, 3)),
}
STATISTICS = '<Metadata><MDI key="STATISTICS_MEAN">90</MDI></Metadata></PAMRasterBand>'


@pytest.mark.parametrize("name", BESIDE)
def test_what_a_file_beside_a_raster_changes_of_its_picture_is_in_its_digest(tmp_path: Path, name: str) -> None:
    """Its statistics are not: a GIS writes them whenever somebody looks."""
    pixels = np.stack([np.full((640, 640), value, np.uint8) for value in (150, 200, 250)])
    pixels[:, :, :320] = 90
    path = write(tmp_path / "ortho.tif", pixels, Sheet())

    def told() -> tuple[str, bytes]:
        source = vhr_source(str(path))
        identity = source.identify(box(400))
        return identity.parts[0].digest, source.view(identity).read(grid(400)).tobytes()

    def beside(text: str) -> None:
        (tmp_path / "ortho.tif.aux.xml").write_text(f"<PAMDataset>{text}</PAMDataset>", encoding="utf-8")

    digest, picture = told()
    beside('<PAMRasterBand band="1">' + STATISTICS)
    assert told() == (digest, picture)
    beside(BESIDE[name].replace("{}", STATISTICS))
    other_digest, other_picture = told()
    assert other_picture != picture
    assert other_digest != digest


def test_a_virtual_raster_goes_by_the_files_it_joins(tmp_path: Path) -> None:
    sheet = Sheet()
    path = write(tmp_path / "part.tif", np.full((3, 640, 640), 90, np.uint8), sheet)
    joined = tmp_path / "all.vrt"
    rasterio.shutil.copy(path, joined, driver="VRT")
    before = vhr_source(str(joined)).identify(box())
    write(path, np.full((3, 640, 640), 91, np.uint8), sheet)
    after = vhr_source(str(joined)).identify(box())
    assert before.parts[0].digest != after.parts[0].digest


def test_files_of_one_name_in_two_folders_both_count(tmp_path: Path) -> None:
    pixels, joined = np.full((3, 640, 640), 90, np.uint8), tmp_path / "all.vrt"
    for folder in ("east", "west"):
        write(tmp_path / folder / "part.tif", pixels, Sheet())
    rasterio.shutil.copy(tmp_path / "east" / "part.tif", joined, driver="VRT")
    text = joined.read_text(encoding="utf-8")
    both = re.sub(
        r"<SimpleSource>.*?</SimpleSource>",
        lambda found: found[0] + found[0].replace("east/", "west/"),
        text,
        flags=re.DOTALL,
    )
    joined.write_text(both, encoding="utf-8")
    digests = {vhr_source(str(joined)).identify(box()).parts[0].digest}
    for folder in ("east", "west"):
        write(tmp_path / folder / "part.tif", pixels + np.uint8(1), Sheet())
        digests.add(vhr_source(str(joined)).identify(box()).parts[0].digest)
    assert len(digests) == 3


def test_threads_see_the_same(several: dict[str, ShownImage]) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - here alone

    image = several["mercator"]
    alone = image.read(grid(100))
    with ThreadPoolExecutor(3) as pool:
        for picture in pool.map(image.read, [grid(100)] * 6):
            np.testing.assert_array_equal(picture, alone)
    assert grid().epsg == EPSG


def test_a_truncated_raster_is_an_error_and_never_a_hole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = write(tmp_path / "cut.tif", rng.integers(1, 255, (3, 640, 640), np.uint8), Sheet())
    image = shown(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = vhr_source(str(path))
    fresh = ShownImage(pieces=image.pieces, bands=(1, 2, 3), low=image.low, high=image.high, rasters=source._rasters)
    with pytest.raises(BrokenAssetError, match="cannot be read"):
        fresh.read(grid(300))
