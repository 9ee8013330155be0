"""Files that are missing, cut short or no rasters end in an error that names their item, never in missing pixels."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from lczmap.imagery import access, stack
from lczmap.imagery.access import RasterAccess
from lczmap.imagery.items import assets_of
from lczmap.imagery.source import StacImagery
from lczmap.imagery.stack import FrozenItem, clear_composite
from lczmap.things.composite import Composite
from lczmap.words.errors import BrokenAssetError, SourceError, SourceUnreachableError, UsageError
from lczmap.words.spec import CompositeMethod
from tests.imagery_scenes import GROUND, Written, metadata, rough, rules, source, written
from tests.web import Answer, Request, a_file, serving

METHOD = CompositeMethod()
HASTY = RasterAccess(tries=2, pause_seconds=0.01)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = {
        "GDAL_HTTP_MAX_RETRY": "1",
        "GDAL_HTTP_RETRY_DELAY": "0.01",
    }
    monkeypatch.setattr(access, "GDAL_SETTINGS", {**access.GDAL_SETTINGS, **quick})


@pytest.fixture
def found(tmp_path: Path) -> Written:
    return written(tmp_path, [(metadata(0), rough(0), 4), (metadata(5), rough(1), 4)])


def read_all(found: Written, items: list[str] | None = None, reading: RasterAccess = HASTY) -> Composite:
    frozen = [
        FrozenItem(scene=scene, assets=assets_of(item))
        for scene, item in zip(found.scenes, items or found.items, strict=True)
    ]
    return clear_composite(GROUND, frozen, METHOD, reading, threads=2)


def file_of(found: Written, name: str) -> Path:
    return found.root / found.scenes[1].id / f"{name}.tif"


@pytest.mark.parametrize("name", ["B02", "B12", "SCL"])
def test_a_missing_file_names_its_item(found: Written, name: str) -> None:
    file_of(found, name).unlink()
    with pytest.raises(BrokenAssetError, match=rf"^Band {name} of item .* cannot be read") as caught:
        found.imagery.composite(GROUND, found.scenes, found.items, METHOD)
    assert caught.value.item_id == found.scenes[1].id


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.97])
@pytest.mark.parametrize("name", ["B03", "B11", "SCL"])
def test_a_file_cut_short_names_its_item(found: Written, name: str, share: float) -> None:
    path = file_of(found, name)
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(BrokenAssetError) as caught:
        found.imagery.composite(GROUND, found.scenes, found.items, METHOD)
    assert caught.value.item_id == found.scenes[1].id


def test_a_file_that_is_no_raster_names_its_item(found: Written) -> None:
    file_of(found, "B04").write_text("<html>Please log in</html>")
    with pytest.raises(BrokenAssetError, match="not recognized") as caught:
        found.imagery.composite(GROUND, found.scenes, found.items, METHOD)
    assert caught.value.item_id == found.scenes[1].id


@pytest.mark.parametrize(("count", "dtype"), [(3, "uint16"), (1, "float32")])
def test_a_raster_of_another_kind_is_refused(found: Written, count: int, dtype: str) -> None:
    path = file_of(found, "B04")
    with rasterio.open(path) as raster:
        profile = {"driver": "GTiff", "width": 120, "height": 104, "crs": raster.crs, "transform": raster.transform}
    path.unlink()
    with rasterio.open(path, "w", **profile, count=count, dtype=dtype) as raster:
        raster.write(np.full((count, 104, 120), 1, dtype))
    with pytest.raises(BrokenAssetError, match="expected") as caught:
        found.imagery.composite(GROUND, found.scenes, found.items, METHOD)
    assert caught.value.item_id == found.scenes[1].id


def test_settling_names_the_item_too(tmp_path: Path) -> None:
    root = written(tmp_path, [(metadata(0, baseline="05.10"), rough(0), 4)], offset_rule="data").root
    imagery = source(root, "data")
    (entry,) = imagery.fetch([path.name for path in root.iterdir() if path.is_dir()])
    (root / entry.scene.id / "B04.tif").unlink()
    with pytest.raises(BrokenAssetError) as caught:
        imagery.settle(entry)
    assert caught.value.item_id == entry.scene.id


def moved(item: str, root: Path, address: str) -> str:
    """The item with its files on a server."""
    return item.replace(str(root), address)


def test_files_come_over_http_as_from_disk(found: Written) -> None:
    with serving(lambda request: a_file(found.root, request)) as web:
        composite = read_all(found, [moved(item, found.root, web.address) for item in found.items])
    np.testing.assert_array_equal(composite.reflectance, read_all(found).reflectance)


def test_a_404_is_an_error(found: Written) -> None:
    file_of(found, "B08").unlink()
    with (
        serving(lambda request: a_file(found.root, request)) as web,
        pytest.raises(BrokenAssetError, match="404") as caught,
    ):
        read_all(found, [moved(item, found.root, web.address) for item in found.items])
    assert caught.value.item_id == found.scenes[1].id


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again(found: Written, status: int) -> None:
    def answering(request: Request) -> Answer:
        troubled = request.path.endswith("B05.tif") and request.attempt <= 2
        return Answer(status=status) if troubled else a_file(found.root, request)

    with serving(answering) as web:
        composite = read_all(found, [moved(item, found.root, web.address) for item in found.items])
    np.testing.assert_array_equal(composite.reflectance, read_all(found).reflectance)


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_stays_in_trouble_is_unreachable(found: Written, status: int) -> None:
    with (
        serving(lambda _request: Answer(status=status)) as web,
        pytest.raises(SourceUnreachableError, match=str(status)) as caught,
    ):
        read_all(found, [moved(item, found.root, web.address) for item in found.items])
    assert caught.value.retryable


def test_nobody_there_is_unreachable(found: Written) -> None:
    with pytest.raises(SourceUnreachableError, match="does not answer for band"):
        read_all(found, [moved(item, found.root, "http://127.0.0.1:9") for item in found.items])


class Stamp:
    """A signer whose first signature has run out."""

    def __init__(self) -> None:
        self.good = False

    def sign(self, href: str) -> str:
        return f"{href}?sig={'good' if self.good else 'old'}"

    def forget(self, _href: str) -> None:
        self.good = True


def test_a_signature_that_ran_out_is_renewed_and_never_told(found: Written) -> None:
    def answering(request: Request) -> Answer:
        signed = request.query.get("sig") == ["good"]
        return a_file(found.root, request) if signed else Answer(status=403)

    with serving(answering) as web:
        items = [moved(item, found.root, web.address) for item in found.items]
        composite = read_all(found, items, replace(HASTY, signer=Stamp()))
        np.testing.assert_array_equal(composite.reflectance, read_all(found).reflectance)
        with pytest.raises(SourceError) as caught:
            read_all(found, items, replace(HASTY, signer=Stamp(), tries=1))
    assert "sig=" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_the_sources_and_names_the_credentials(found: Written, status: int) -> None:
    """No item is blamed: a run that left refused items out one by one would end without any."""
    keyed = replace(HASTY, credentials=("MY_KEY", "MY_SECRET"))
    with serving(lambda _request: Answer(status=status)) as web:
        items = [moved(item, found.root, web.address) for item in found.items]
        with pytest.raises(SourceError, match=r"refuses access .* MY_KEY, MY_SECRET") as caught:
            read_all(found, items, keyed)
        # an open bucket that may not be listed says 403 where one file is missing
        expected, words = (
            (SourceError, "may need an account") if status == 401 else (BrokenAssetError, "cannot be read")
        )
        with pytest.raises(expected, match=words):
            read_all(found, items)
    assert type(caught.value) is SourceError
    assert (caught.value.exit_code, caught.value.retryable) == (5, False)


def test_an_item_that_lost_its_classification_is_named(found: Written) -> None:
    items = [found.items[0], found.items[1].replace('"SCL"', '"AOT"')]
    with pytest.raises(BrokenAssetError, match="SCL") as caught:
        found.imagery.composite(GROUND, found.scenes, items, METHOD)
    assert caught.value.item_id == found.scenes[1].id


def test_a_signing_source_reads_what_needs_no_signature(found: Written) -> None:
    imagery = StacImagery(rules(signing="planetary-computer"), str(found.root), threads=2)
    composite = imagery.composite(GROUND, found.scenes, found.items, METHOD)
    np.testing.assert_array_equal(composite.reflectance, read_all(found).reflectance)


def test_s3_without_keys_says_which(found: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    reading = replace(HASTY, credentials=("AWS_SECRET_ACCESS_KEY",), s3_endpoint="localhost")
    with pytest.raises(UsageError, match="AWS_SECRET_ACCESS_KEY"):
        read_all(found, [moved(item, found.root, "s3://bucket") for item in found.items], reading)


def test_too_many_days_to_count_are_refused(found: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "_MOST_LOOKS", 1)
    with pytest.raises(UsageError, match="max_solar_days"):
        found.imagery.composite(GROUND, found.scenes, found.items, METHOD)


def test_what_metadata_says_of_the_place_is_not_believed(found: Written, tmp_path: Path) -> None:
    """A wrong footprint, projection or transform cuts no pixel off: the raster tells where it lies."""
    expected = found.imagery.composite(GROUND, found.scenes, found.items, METHOD)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(found.root, elsewhere, ignore=shutil.ignore_patterns("elsewhere"))
    for scene in found.scenes:
        path = elsewhere / scene.id / "item.json"
        body = json.loads(path.read_text())
        body["properties"]["proj:epsg"] = 32750
        body["bbox"] = [10.0, 10.0, 11.0, 11.0]
        for asset in body["assets"].values():
            asset["proj:transform"] = [10.0, 0.0, 0.0, 0.0, -10.0, 0.0]
        path.write_text(json.dumps(body))
    imagery = source(elsewhere)
    entries = imagery.fetch([scene.id for scene in found.scenes])
    got = imagery.composite(GROUND, [entry.scene for entry in entries], [entry.item for entry in entries], METHOD)
    np.testing.assert_array_equal(got.reflectance, expected.reflectance)
