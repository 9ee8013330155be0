"""Pictures from above that lie elsewhere: STAC on disk and by API, addresses, services of tiles; no key is kept."""

import hashlib
import io
import json
import logging
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyproj import Transformer

from lczmap.catalog import offered_vhr, vhr_rules, vhr_sources
from lczmap.imagery.vhr import VhrImagery, vhr_source
from lczmap.imagery.vhr_find import RemoteFile, StacItems, TileService
from lczmap.imagery.vhr_parts import StacPieces
from lczmap.words.errors import LczmapError, NoImageryError, SourceError, SourceNameError, SourceUnreachableError
from lczmap.words.place import LonLatBox
from lczmap.words.vhr import VhrRules
from tests.vhr_pictures import EPSG, NORTH, WEST, Sheet, box, grid, write
from tests.web import Answer, Request, a_file, as_json, serving

KEY = "s3cr3t-0f-the-service"


def item(name: str, day: str, href: str, **fields: object) -> dict[str, object]:
    to_degrees = Transformer.from_crs(EPSG, 4326, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(WEST - 160, NORTH - 160, WEST + 160, NORTH + 160)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    asset = {"href": href, "type": "image/tiff", "roles": ["data"]}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "flights",
        "bbox": [west, south, east, north],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"datetime": f"{day}T10:00:00Z", "updated": "2024-01-01T00:00:00Z"},
        "links": [{"rel": "collection", "href": "./collection.json"}],
        "assets": {"thumbnail": {"href": "./small.png"}, "visual": asset},
        **fields,
    }


def collection(items: list[str]) -> dict[str, object]:
    return {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": "flights",
        "description": "Flights",
        "license": "CC-BY-4.0",
        "providers": [{"name": "Some Office", "roles": ["producer"]}, {"name": "A host", "roles": ["host"]}],
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
        "links": [{"rel": "item", "href": name} for name in items],
    }


def pictures(root: Path) -> None:
    sheet = Sheet()
    for name, value in (("old", 50), ("new", 150)):
        write(root / f"{name}.tif", np.full((3, 640, 640), value, np.uint8), sheet)


def test_a_collection_on_disk_is_shown_newest_first(tmp_path: Path) -> None:
    pictures(tmp_path)
    items = {"a": item("a", "2019-05-01", "./old.tif"), "b": item("b", "2022-06-01", "./new.tif")}
    broken = {"c": {"type": "Feature", "stac_version": "1.0.0", "id": "c", "assets": {"visual": {}}, "links": []}}
    for name, body in {**items, **broken}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(body), encoding="utf-8")
    (tmp_path / "collection.json").write_text(json.dumps(collection(["a.json", "b.json", "c.json"])), encoding="utf-8")
    source = vhr_source("local", local=tmp_path)
    identity = source.identify(box(100))
    assert [part.id for part in identity.parts] == ["b", "a"]
    whole = hashlib.sha256((tmp_path / "new.tif").read_bytes()).hexdigest()
    assert identity.parts[0].digest.startswith(f"sha256:{whole},")
    assert (identity.kind, identity.attribution, identity.licence) == ("stac", "Some Office", "CC-BY-4.0")
    assert identity.taken == (date(2019, 5, 1), date(2022, 6, 1))
    assert str(tmp_path) not in repr(identity)
    again = vhr_source(str(tmp_path / "collection.json")).view(identity)
    assert (again.read(grid(100)) == 150).all()


def test_an_older_picture_shows_in_a_hole_of_a_newer_one_whatever_area_is_asked_for(tmp_path: Path) -> None:
    sheet = Sheet()
    east, _ = sheet.ground()
    for name, value, hole in (("old", 50, 0.0), ("new", 150, 30.0)):
        pixels = np.where(abs(east - 40) < hole, 0, value).astype(np.uint8)[None].repeat(3, axis=0)
        write(tmp_path / f"{name}.tif", pixels, sheet, nodata=0)

    def answering(request: Request) -> Answer:
        root = f"http://{request.headers['host']}"
        found = [item("a", "2019-05-01", f"{root}/old.tif"), item("b", "2022-06-01", f"{root}/new.tif")]
        if request.path == "/stac":
            links = [{"rel": "search", "href": f"{root}/stac/search", "method": "POST"}]
            return as_json({"type": "Catalog", "id": "x", "conformsTo": ["https://api"], "links": links})
        if request.path == "/stac/search":
            wanted = request.body.get("ids")
            chosen = [each for each in found if not wanted or each["id"] in wanted]
            return as_json({"type": "FeatureCollection", "features": chosen, "links": []})
        return a_file(tmp_path, request)

    with serving(answering) as web:
        rules = VhrRules(name="flights", title="Flights", url=f"{web.address}/stac", collection="flights")
        source = VhrImagery(rules, StacItems.of(StacPieces(location=rules.url, rules=rules)), today=date(2024, 1, 1))
        small, large = source.identify(box(20)), source.identify(box(140))
        assert small == large
        assert [part.id for part in small.parts] == ["b", "a"]
        assert small.parts[0].digest == "item:b,updated:2024-01-01T00:00:00Z"
        picture = source.view(small).read(grid(200))[..., 0]
        assert (picture[:, 112:168] == 50).all()
        assert (picture[:, :108] == 150).all()
        assert (picture[:, 172:] == 150).all()


def test_an_older_picture_is_not_opened_where_a_newer_one_shows_everything(tmp_path: Path) -> None:
    for name, value in (("old", 50), ("new", 150)):
        write(tmp_path / f"{name}.tif", np.full((3, 1600, 1600), value, np.uint8), Sheet(side=1600))

    def answering(request: Request) -> Answer:
        root = f"http://{request.headers['host']}"
        links = [{"rel": "item", "href": f"{root}/{name}.json"} for name in ("a", "b")]
        bodies = {
            "/flights.json": {**collection([]), "links": links},
            "/a.json": item("a", "2019-05-01", f"{root}/old.tif"),
            "/b.json": item("b", "2022-06-01", f"{root}/new.tif"),
        }
        return as_json(bodies[request.path]) if request.path in bodies else a_file(tmp_path, request)

    with serving(answering) as web:
        source = vhr_source(f"{web.address}/flights.json")
        identity = source.identify(box(100))
        assert [part.id for part in identity.parts] == ["b", "a"]
        assert (source.view(identity).read(grid(200)) == 150).all()
        assert web.asked["/old.tif"] == 0


def test_a_raster_of_a_catalogue_that_is_gone_is_left_out_and_named(tmp_path: Path) -> None:
    pictures(tmp_path)

    def answering(request: Request) -> Answer:
        root = f"http://{request.headers['host']}"
        days = {"a": ("2019-05-01", "old"), "b": ("2022-06-01", "new"), "c": ("2020-06-01", "gone")}
        links = [{"rel": "item", "href": f"{root}/{name}.json"} for name in days]
        bodies = {f"/{name}.json": item(name, day, f"{root}/{file}.tif") for name, (day, file) in days.items()}
        bodies["/flights.json"] = {**collection([]), "links": links}
        return as_json(bodies[request.path]) if request.path in bodies else a_file(tmp_path, request)

    write(tmp_path / "new.tif", np.zeros((3, 640, 640), np.uint8), Sheet(), nodata=0)
    with serving(answering) as web:
        source = vhr_source(f"{web.address}/flights.json")
        identity = source.identify(box(100))
        assert [part.id for part in identity.parts] == ["b", "a"]
        assert [entry.id for entry in identity.refused] == ["c"]
        assert (source.view(identity).read(grid(60)) == 50).all()


def test_a_raster_at_an_address_goes_by_size_and_tag_and_not_by_its_query(tmp_path: Path) -> None:
    pictures(tmp_path)
    tag = "one"

    def answering(request: Request) -> Answer:
        if request.query.get("sig") != [KEY]:
            return Answer(status=403)
        answer = a_file(tmp_path, request)
        return Answer(status=answer.status, body=answer.body, headers={**answer.headers, "ETag": f'"{tag}"'})

    with serving(answering) as web:
        typed = f"{web.address}/new.tif?sig={KEY}"
        identity = vhr_source(typed).identify(box(100))
        assert identity.parts[0].digest == f"size:{(tmp_path / 'new.tif').stat().st_size},etag:one"
        assert identity.name == f"{web.address}/new.tif"
        assert KEY not in repr(identity)
        assert (vhr_source(typed).view(identity).read(grid(60)) == 150).all()
        tag = "two"
        with pytest.raises(LczmapError, match="no longer the one") as caught:
            vhr_source(typed).view(identity)
        with pytest.raises(LczmapError) as refused:
            vhr_source(f"{web.address}/new.tif?sig=wrong{KEY}").identify(box(100))
        assert KEY not in str(caught.value) + str(refused.value)


@dataclass(kw_only=True)
class Moody:
    """A server of pictures whose answers to a question for one byte may fail, or hold no tag."""

    root: Path
    tagged: bool = True
    failures: int = 0
    """How many questions are refused from now on."""

    def __call__(self, request: Request) -> Answer:
        answer, asked = a_file(self.root, request), request.headers.get("range") == "bytes=0-0"
        if asked and self.failures:
            self.failures -= 1
            return Answer(status=503)
        tag = {"ETag": '"one"'} if self.tagged else {}
        return Answer(status=answer.status, body=answer.body, headers={**answer.headers, **tag})


def at_address(address: str) -> VhrImagery:
    rules = vhr_rules(address)
    return VhrImagery(rules, RemoteFile(rules=rules, typed=address, backoff_seconds=0.0))


def test_a_failure_that_passes_makes_no_other_raster_of_one_at_an_address(tmp_path: Path) -> None:
    pictures(tmp_path)
    server = Moody(root=tmp_path, failures=1)
    with serving(server) as web:
        source = at_address(f"{web.address}/new.tif?sig={KEY}")
        identity = source.identify(box(100))
        assert identity.parts[0].digest.endswith("etag:one")
        server.failures = 2
        assert (source.view(identity).read(grid(60)) == 150).all()


def test_a_server_that_keeps_failing_is_unreachable_and_not_another_raster(tmp_path: Path) -> None:
    pictures(tmp_path)
    server = Moody(root=tmp_path)
    with serving(server) as web:
        source = at_address(f"{web.address}/new.tif?sig={KEY}")
        identity = source.identify(box(100))
        server.failures = 100
        with pytest.raises(SourceUnreachableError, match="503") as failed:
            source.view(identity)
    assert failed.value.retryable
    assert KEY not in str(failed.value)
    with pytest.raises(SourceUnreachableError) as gone:
        source.view(identity)
    assert KEY not in str(gone.value)


def test_a_raster_is_compared_by_the_sign_it_was_frozen_with(tmp_path: Path) -> None:
    pictures(tmp_path)
    server = Moody(root=tmp_path, tagged=False)
    with serving(server) as web:
        identity = at_address(f"{web.address}/new.tif").identify(box(100))
        assert identity.parts[0].digest.startswith("overview:")
        server.tagged = True
        assert (at_address(f"{web.address}/new.tif").view(identity).read(grid(60)) == 150).all()
    write(tmp_path / "new.tif", np.full((3, 640, 640), 151, np.uint8), Sheet())
    # elsewhere, since GDAL remembers what an address held
    with serving(server) as web, pytest.raises(SourceError, match="no longer the one"):
        at_address(f"{web.address}/new.tif").view(identity)


def mercator_tile(level: int, column: int, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Metres east and north of the pictures' centre, of each pixel of a tile."""
    side = 2 * 20037508.342789244 / 2**level
    steps = (np.arange(256) + 0.5) / 256 * side
    x, y = np.meshgrid(-20037508.342789244 + column * side + steps, 20037508.342789244 - row * side - steps)
    east, north = Transformer.from_crs(3857, EPSG, always_xy=True).transform(x, y)
    return east - WEST, north - NORTH


@pytest.mark.parametrize(
    "template",
    ["/{z}/{x}/{y}.png?key=${TILE_KEY}", "/wmts/{TileMatrix}/{TileRow}/{TileCol}.png?key=${TILE_KEY}&style=day"],
)
def test_tiles_land_where_they_stand_and_the_key_stays_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, template: str
) -> None:
    def answering(request: Request) -> Answer:
        if request.query.get("key") != [KEY]:
            return Answer(status=403)
        *_, level, second, third = request.path.removesuffix(".png").split("/")
        column, row = (int(third), int(second)) if "wmts" in request.path else (int(second), int(third))
        east, north = mercator_tile(int(level), column, row)
        if abs(east).min() > 150 or abs(north).min() > 150:
            return Answer(status=404)
        picture = np.full((256, 256, 3), 90, np.uint8)
        picture[(abs(east - 30) < 8) | (abs(north + 20) < 8)] = 200
        body = io.BytesIO()
        Image.fromarray(picture).save(body, "PNG")
        return Answer(body=body.getvalue(), headers={"Content-Type": "image/png"})

    caplog.set_level(logging.INFO)
    monkeypatch.setenv("TILE_KEY", KEY)
    with serving(answering) as web:
        typed = f"{web.address}{template}"
        rules = vhr_rules(typed)
        source = VhrImagery(rules, TileService(rules=rules, typed=typed), today=date(2024, 5, 6))
        identity = source.identify(box(100))
        picture = vhr_source(typed).view(identity).read(grid(200))[..., 0].astype(float)
        with pytest.raises(NoImageryError):
            source.identify(LonLatBox(west=20, south=10, east=20.001, north=10.001))
        monkeypatch.setenv("TILE_KEY", "wrong" + KEY)
        with pytest.raises(SourceError, match="refuses access") as refused:
            source.view(identity).read(grid(20, west=12000))
        monkeypatch.delenv("TILE_KEY")
        with pytest.raises(SourceNameError, match="TILE_KEY"):
            vhr_source(typed).identify(box(100))
    assert (identity.kind, identity.parts[0].digest) == ("tiles", "day:2024-05-06")
    assert identity.name == identity.parts[0].id == typed
    assert KEY not in repr(identity) + str(refused.value) + caplog.text
    assert (picture > 0).all()
    column = (np.arange(200) + 0.5) @ (picture[:60].mean(axis=0) - 90).clip(0) / (picture[:60].mean(axis=0) - 90).sum()
    row = (
        (np.arange(200) + 0.5) @ (picture[:, :60].mean(axis=1) - 90).clip(0) / (picture[:, :60].mean(axis=1) - 90).sum()
    )
    assert abs(column - 130) < 0.5
    assert abs(row - 120) < 0.5


def test_a_failure_does_not_repeat_a_key_within_the_path(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setenv("TILE_KEY", KEY)
    with serving(lambda _: Answer(body=b"no picture")) as web, pytest.raises(SourceError) as failed:
        vhr_source(f"{web.address}/${{TILE_KEY}}/ortho.tif").identify(box(100))
    assert "ortho.tif" in str(failed.value)
    assert KEY not in str(failed.value)
    assert KEY not in caplog.text


def test_what_is_wrong_with_a_catalogue_of_pictures_is_said_of_its_own_option() -> None:
    with serving(lambda _: Answer(status=404)) as web, pytest.raises(LczmapError, match="--vhr") as failed:
        vhr_source(f"{web.address}/stac").identify(box(100))
    assert "--source" not in str(failed.value)


def test_nothing_secret_is_kept_of_an_address() -> None:
    assert vhr_rules("https://host/a.tif?sig=abc#x").public == "https://host/a.tif"
    assert (
        vhr_rules("https://host/{z}/{x}/{y}.png?key=abc&style=day").public == "https://host/{z}/{x}/{y}.png?style=day"
    )
    asked = "https://host/wmts?tilematrix={TileMatrix}&tilerow={TileRow}&tilecol={TileCol}&token=${MY_TOKEN}"
    assert vhr_rules(asked).public == asked
    for text, words in (
        ("https://me:pw@host/a.tif", "carries a login"),
        ("https://host/{x}/{y}.png", "expected z, x and y"),
        ("https://host/{z}/{x}/{y}/{what}.png", "has the places"),
        ("swisimage", "Did you mean swissimage"),
        ("", "no path that exists"),
    ):
        with pytest.raises(SourceNameError, match=words):
            vhr_rules(text)


def test_the_catalogue_offers_what_covers_a_place_as_a_whole() -> None:
    def names(lon: float, lat: float) -> list[str]:
        around = LonLatBox(west=lon - 0.2, south=lat - 0.1, east=lon + 0.2, north=lat + 0.1)
        return [rules.name for rules in offered_vhr(around)]

    assert {rules.name for rules in vhr_sources()} == {"naip", "swissimage", "linz", "openaerialmap"}
    assert all(rules.title and rules.licence and rules.attribution and rules.notes for rules in vhr_sources())
    assert names(8.54, 47.37) == ["swissimage"]
    for city in ((-87.65, 41.85), (-118.25, 34.05), (-73.98, 40.75), (-122.3, 37.75), (-95.37, 29.76)):
        assert names(*city) == ["naip"]
    assert names(174.76, -36.85) == ["linz"]
    # Toronto, Montreal, Vancouver, Tijuana, Ciudad Juarez, Milan, Nairobi
    abroad = ((-79.4, 43.7), (-73.6, 45.5), (-123.1, 49.25), (-117.0, 32.4), (-106.45, 31.6), (9.2, 45.5), (36.8, -1.3))
    assert not any(names(*city) for city in abroad)
