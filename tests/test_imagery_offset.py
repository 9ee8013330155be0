"""The offset verdict: from the pixels where they tell, from metadata where they do not, and never against them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from lczmap.imagery.offset import DARK_BANDS, declared_offset, offset_shown
from lczmap.words.scene import Scene
from lczmap.words.source import OffsetRule
from tests.imagery_scenes import ALWAYS, EVERYWHERE, GROUND, metadata, source, written


def ground(*floors: float) -> list[NDArray[np.uint16]]:
    """Overviews of bands that begin at some darkest reflectance and reach up to 0.3 above it."""
    steps = np.linspace(0, 0.3, 40_000)
    return [np.rint(10_000 * (floor + steps)).astype(np.uint16).reshape(200, 200) for floor in floors]


def raised(overviews: list[NDArray[np.uint16]]) -> list[NDArray[np.uint16]]:
    return [overview + np.uint16(1000) for overview in overviews]


@pytest.mark.parametrize("floors", [(0.02, 0.01, 0.0), (0.01, 0.035, 0.03), (0.03, 0.02, 0.035)])
def test_dark_ground_tells(floors: tuple[float, ...]) -> None:
    overviews = ground(*floors)
    assert offset_shown(overviews[:1]) == 0
    assert offset_shown(raised(overviews)) == -1000


@pytest.mark.parametrize(
    "floors", [(0.25, 0.27, 0.17), (0.31, 0.12, 0.47), (0.6, 0.7, 0.08)], ids=["cloud", "sand", "snow"]
)
def test_bright_ground_does_not_tell(floors: tuple[float, ...]) -> None:
    overviews = ground(*floors)
    assert offset_shown(overviews) is None
    assert offset_shown(raised(overviews)) is None


def test_one_band_alone_never_shows_the_offset() -> None:
    assert offset_shown(raised(ground(0.02))) is None


def test_missing_pixels_tell_nothing() -> None:
    assert offset_shown([np.zeros((100, 100), np.uint16)]) is None


@pytest.mark.parametrize(
    ("properties", "asset", "baseline", "rule", "expected"),
    [
        ({}, {}, "05.09", "none", (0, False)),
        ({}, {}, "05.09", "baseline", (-1000, False)),
        ({}, {}, "04.00", "baseline", (-1000, False)),
        ({}, {}, "03.01", "baseline", (0, False)),
        ({}, {}, "", "baseline", (0, True)),
        ({"earthsearch:boa_offset_applied": True}, {"raster:bands": [{"offset": -0.1}]}, "05.09", "data", (0, True)),
        ({"earthsearch:boa_offset_applied": False}, {}, "05.09", "data", (-1000, True)),
        ({"earthsearch:boa_offset_applied": False}, {"raster:bands": [{"offset": -0.1}]}, "03.00", "data", (0, False)),
        ({}, {"raster:bands": [{"offset": -0.1}]}, "", "data", (-1000, True)),
        ({}, {"raster:bands": [{"offset": 0}]}, "", "data", (0, True)),
        ({}, {"raster:bands": []}, "05.09", "data", (-1000, True)),
    ],
)
def test_what_metadata_declares(
    properties: dict[str, object], asset: dict[str, object], baseline: str, rule: OffsetRule, expected: tuple[int, bool]
) -> None:
    declared = declared_offset(properties, asset, baseline, rule)
    assert (declared.offset_dn, declared.assumed) == expected


def settled(root: Path, rule: OffsetRule = "data") -> Scene:
    imagery = source(root, rule)
    (entry,) = imagery.search(EVERYWHERE, ALWAYS).items
    return imagery.settle(entry).scene


@pytest.mark.parametrize("said", [True, False, None])
@pytest.mark.parametrize("carried", [0, 1000])
def test_pixels_overrule_metadata(tmp_path: Path, carried: int, said: bool | None) -> None:
    """`boa_offset_applied` is believed neither where it is wrong nor where it is right."""
    slope = np.linspace(0.005, 0.3, GROUND.width * GROUND.height).reshape(GROUND.height, GROUND.width)
    pixels = dict.fromkeys(("B02", "B03", "B04", "B08"), slope)
    pixels |= dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12"), slope[::2, ::2])
    scene = metadata(0, baseline="05.09", offset_dn=carried, boa_offset_applied=said)
    written(tmp_path, [(scene, pixels, 4)])
    verdict = settled(tmp_path)
    assert verdict.offset_dn == -carried
    assert not verdict.offset_assumed


@pytest.mark.parametrize(("said", "offset"), [(True, 0), (False, -1000)])
def test_where_pixels_do_not_tell_metadata_is_assumed(tmp_path: Path, said: bool, offset: int) -> None:
    written(tmp_path, [(metadata(0, baseline="05.09", boa_offset_applied=said), 0.5, 4)])
    verdict = settled(tmp_path)
    assert verdict.offset_dn == offset
    assert verdict.offset_assumed


def test_only_the_data_rule_reads(tmp_path: Path) -> None:
    found = written(tmp_path, [(metadata(0, baseline="05.09"), 0.01, 4)], offset_rule="baseline")
    (entry,) = found.entries
    broken = replace(entry, item=entry.item.replace(".tif", ".gone"))
    assert found.imagery.settle(broken).scene.offset_dn == -1000


def test_a_real_city_shows_that_its_offset_is_off(shared_data: Path) -> None:
    verdict = settled(shared_data / "stac_berlin")
    assert verdict.offset_dn == 0
    assert not verdict.offset_assumed


def test_a_real_city_with_the_offset_on_shows_it(shared_data: Path) -> None:
    overviews = []
    for band in DARK_BANDS:
        with rasterio.open(shared_data / "stac_berlin" / "S2_20241024" / f"{band}.tif") as raster:
            overviews.append(raster.read(1))
    assert offset_shown(overviews) == 0
    assert offset_shown([np.where(each > 0, each + 1000, 0).astype(np.uint16) for each in overviews]) == -1000


def test_real_dates_are_never_misjudged(shared_data: Path) -> None:
    """Twelve dates of a lake in hills, one of them all cloud, one hazy: with and without 1000 added."""
    paths = sorted((shared_data / "boadella").glob("*.tif"))
    bare, with_offset = [], []
    for path in paths:
        with rasterio.open(path) as raster:
            overviews = [np.clip(raster.read(index), 0, 65_000).astype(np.uint16) for index in (4, 2, 12)]
        bare.append(offset_shown(overviews))
        with_offset.append(offset_shown([np.where(each > 0, each + 1000, 0).astype(np.uint16) for each in overviews]))
    assert -1000 not in bare
    assert 0 not in with_offset
    assert bare.count(0) >= 11
    assert with_offset.count(-1000) >= 10
