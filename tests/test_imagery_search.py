"""Catalogues of every kind, on disk and on the network: what is found in them, and how they fail."""

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from lczmap.imagery.catalogue import Catalogue, Wanted, patient_io
from lczmap.imagery.source import StacImagery
from lczmap.words.errors import (
    BrokenCatalogueError,
    SourceError,
    SourceNameError,
    SourceUnreachableError,
    SpecError,
)
from lczmap.words.period import Period
from lczmap.words.place import LonLatBox
from lczmap.words.scene import Skipped
from tests.imagery_scenes import ALWAYS, EVERYWHERE, GROUND, metadata, rules, source, written
from tests.web import Answer, Request, Web, a_file, as_json, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes in March and April 2023."""
    root = tmp_path_factory.mktemp("folder")
    written(root, [(metadata(0, cloud_percent=3.5, baseline="05.09"), 0.1, 4), (metadata(40), 0.1, None)])
    return root


def test_only_what_meets_box_and_period_is_found(folder: Path) -> None:
    imagery = source(folder)
    march = Period(first=date(2023, 3, 1), last=date(2023, 3, 31), label="2023-03")
    assert len(imagery.search(EVERYWHERE, ALWAYS).items) == 2
    assert [entry.scene.solar_day for entry in imagery.search(EVERYWHERE, march).items] == [date(2023, 3, 1)]
    assert imagery.search(LonLatBox(west=0, south=0, east=1, north=1), ALWAYS).items == ()
    elsewhere = StacImagery(rules(collection="landsat-c2-l2"), str(folder), threads=1)
    assert elsewhere.search(EVERYWHERE, ALWAYS).items == ()
    anything = StacImagery(rules(collection=None), str(folder), threads=1)
    assert len(anything.search(EVERYWHERE, ALWAYS).items) == 2


@pytest.mark.parametrize("entry", ["", "catalog.json", "collection.json", "S2B_50RQU_20230301_0_L2A/item.json"])
def test_a_catalogue_is_entered_at_any_of_its_files(folder: Path, entry: str) -> None:
    found = source(folder / entry).search(EVERYWHERE, ALWAYS)
    assert len(found.items) == (1 if entry.endswith("item.json") else 2)


def test_unusable_items_are_found_with_their_reason(tmp_path: Path) -> None:
    from lczmap.testing.scenes import write_catalogue, write_tiny_scene  # noqa: PLC0415

    bare = metadata(5, absent=frozenset({"B11", "B12"}))
    write_catalogue(tmp_path, [write_tiny_scene(tmp_path, metadata(0)), write_tiny_scene(tmp_path, bare)])
    found = source(tmp_path).search(EVERYWHERE, ALWAYS)
    assert [entry.scene.id for entry in found.items] == [metadata(0).id]
    assert found.skipped == (Skipped(id=bare.id, reason="no asset for B11, B12"),)
    elsewhere = source(tmp_path).search(LonLatBox(west=0, south=0, east=1, north=1), ALWAYS)
    assert elsewhere.skipped == ()


def test_fetching_finds_again_what_was_found(folder: Path) -> None:
    imagery = source(folder)
    entries = imagery.search(EVERYWHERE, ALWAYS).items
    ids = [entry.scene.id for entry in reversed(entries)]
    assert [entry.scene for entry in imagery.fetch(ids)] == [entry.scene for entry in reversed(entries)]
    with pytest.raises(SourceError, match="Item gone is not there any more"):
        imagery.fetch([*ids, "gone"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("catalog.json", "no JSON"),
        ("catalog.json", "[1, 2]"),
        ("catalog.json", '{"a": 1}'),
        ("catalog.json", ""),
        ("catalog.json", '{"type": "Catalog", "links": [{"rel": "child", "href": "gone.json"}]}'),
        ("readme.txt", "hello"),
    ],
)
def test_a_folder_that_is_no_catalogue_is_bad_usage(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceNameError, match="is no STAC catalogue") as caught:
        source(tmp_path).search(EVERYWHERE, ALWAYS)
    assert caught.value.exit_code == 2


def test_a_path_that_is_not_there_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(SourceNameError, match="no such file or folder"):
        source(tmp_path / "nothing").search(EVERYWHERE, ALWAYS)
    (tmp_path / "picture.tif").write_bytes(b"II*\x00\xff\xfe")
    with pytest.raises(SourceNameError, match="is no STAC catalogue"):
        source(tmp_path / "picture.tif").search(EVERYWHERE, ALWAYS)


def test_a_source_needs_an_address() -> None:
    with pytest.raises(SpecError, match="has no address"):
        StacImagery(rules(), threads=1)


def test_a_catalogue_that_loops_ends(folder: Path, tmp_path: Path) -> None:
    catalogue = {
        "type": "Catalog",
        "id": "loop",
        "links": [
            {"rel": "child", "href": "./catalog.json"},
            {"rel": "child", "href": str(folder / "collection.json")},
            {"rel": "self"},
            "link",
        ],
    }
    (tmp_path / "catalog.json").write_text(json.dumps(catalogue))
    assert len(source(tmp_path).search(EVERYWHERE, ALWAYS).items) == 2


# ---- on the network -------------------------------------------------------------------------------------------


def remote(web: Web, **fields: object) -> StacImagery:
    imagery = StacImagery(rules(**fields), web.address, threads=1)  # type: ignore[arg-type]
    imagery._catalogue = Catalogue(web.address, patient_io(backoff_seconds=0.001))
    return imagery


class Api:
    """A STAC API over the items of a folder, one a page."""

    def __init__(self, root: Path, method: str = "POST", collections: tuple[str, ...] | None = None) -> None:
        self.method = method
        self.collections = collections
        paths = sorted(root.glob("*/item.json"))
        self.items = [json.loads(path.read_text()) for path in paths]
        for item, path in zip(self.items, paths, strict=True):
            item["links"] = [{"rel": "self", "href": f"https://example.org/{path.parent.name}/item.json"}]
        self.asked: list[dict[str, object]] = []

    def __call__(self, request: Request) -> Answer:
        here = f"http://{request.headers['host']}"
        if request.path == "/collections":
            return self.collection_page(int(request.query.get("page", ["0"])[0]), here)
        if request.path != "/search":
            return as_json(
                {
                    "type": "Catalog",
                    "stac_version": "1.0.0",
                    "id": "api",
                    "description": "an API",
                    "conformsTo": [
                        "https://api.stacspec.org/v1.0.0/core",
                        "https://api.stacspec.org/v1.0.0/item-search",
                    ],
                    "links": [
                        {"rel": "self", "href": here},
                        {"rel": "root", "href": here},
                        {"rel": "search", "href": f"{here}/search", "method": self.method},
                        *([] if self.collections is None else [{"rel": "data", "href": "./collections"}]),
                    ],
                }
            )
        asked = request.body or {key: values[0] for key, values in request.query.items()}
        self.asked.append(asked)
        start = int(str(asked.get("token", 0)))
        more: dict[str, object] = {"rel": "next", "href": f"{here}/search", "method": self.method}
        if self.method == "POST":
            more |= {"merge": True, "body": {"token": start + 1}}
        else:
            more |= {"href": f"{here}/search?token={start + 1}"}
        return as_json(
            {
                "type": "FeatureCollection",
                "features": self.items[start : start + 1],
                "links": [more] if start + 1 < len(self.items) else [],
            }
        )

    def collection_page(self, page: int, here: str) -> Answer:
        """One collection a page."""
        names = self.collections or ()
        more = [{"rel": "next", "href": f"{here}/collections?page={page + 1}"}] if page + 1 < len(names) else []
        return as_json({"collections": [{"id": name} for name in names[page : page + 1]], "links": more})


@pytest.mark.parametrize(
    ("offered", "asked"),
    [
        (("landsat-c2-l2", "sentinel-2-c1-l2a", "sentinel-2-l2a"), ["sentinel-2-l2a"]),
        (("s2",), ["s2"]),
        ((), None),
        (None, None),
    ],
)
def test_an_api_given_by_its_address_is_asked_for_one_collection(
    folder: Path, offered: tuple[str, ...] | None, asked: list[str] | None
) -> None:
    api = Api(folder, collections=offered)
    with serving(api) as web:
        remote(web, collection=None).search(EVERYWHERE, ALWAYS)
    assert api.asked[0].get("collections") == asked


def test_an_api_of_other_collections_is_refused_with_their_names(folder: Path) -> None:
    api = Api(folder, collections=("hls2-s30", "sentinel-2-c1-l2a"))
    with serving(api) as web:
        for ask in (lambda it: it.search(EVERYWHERE, ALWAYS), lambda it: it.fetch(["a"])):
            with pytest.raises(SourceNameError, match=r"2 collections \(hls2-s30, sentinel-2-c1-l2a\)"):
                ask(remote(web, collection=None))
    assert api.asked == []


def test_a_list_of_collections_that_is_none_says_so(folder: Path) -> None:
    api = Api(folder, collections=("s2",))

    def answering(request: Request) -> Answer:
        return as_json({"links": []}) if request.path == "/collections" else api(request)

    with serving(answering) as web, pytest.raises(BrokenCatalogueError, match="lists no collections"):
        remote(web, collection=None).search(EVERYWHERE, ALWAYS)


def renamed(folder: Path, root: Path, names: dict[str, str | None]) -> StacImagery:
    """The folder's scenes at another place, with some collections changed; nothing else is known of the source."""
    shutil.copytree(folder, root)
    for item_id, name in names.items():
        path = root / item_id / "item.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "collection": name}))
    return StacImagery(rules(collection=None), str(root), threads=1)


def test_a_static_catalogue_gives_the_items_of_one_collection(folder: Path, tmp_path: Path) -> None:
    first, second = metadata(0).id, metadata(40).id
    mixed = renamed(folder, tmp_path / "mixed", {first: "sentinel-2-c1-l2a"})
    assert [entry.scene.id for entry in mixed.search(EVERYWHERE, ALWAYS).items] == [second]
    other = renamed(folder, tmp_path / "other", {first: "s2", second: "s2"})
    assert len(other.search(EVERYWHERE, ALWAYS).items) == 2
    silent = renamed(folder, tmp_path / "silent", {first: None})
    assert len(silent.search(EVERYWHERE, ALWAYS).items) == 2
    open_ = renamed(folder, tmp_path / "open", {first: "hls2-s30", second: "s2"})
    with pytest.raises(SourceNameError, match=r"2 collections \(hls2-s30, s2\)") as caught:
        open_.search(EVERYWHERE, ALWAYS)
    assert caught.value.exit_code == 2
    march = Period(first=date(2023, 3, 1), last=date(2023, 3, 31), label="2023-03")
    assert [entry.scene.id for entry in open_.search(EVERYWHERE, march).items] == [first]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_an_api_is_searched_page_by_page(folder: Path, method: str) -> None:
    api = Api(folder, method)
    with serving(api) as web:
        found = remote(web).search(EVERYWHERE, ALWAYS)
        fetched = remote(web).fetch([found.items[1].scene.id])
    assert [entry.scene for entry in found.items] == [
        entry.scene for entry in source(folder).search(EVERYWHERE, ALWAYS).items
    ]
    assert fetched[0].scene == found.items[1].scene
    if method == "POST":
        assert api.asked[0]["collections"] == ["sentinel-2-l2a"]
        assert api.asked[0]["bbox"] == [-180, -80, 180, 80]
        assert api.asked[2]["ids"] == [found.items[1].scene.id]
    assert api.asked[0]["datetime"] == "2015-07-01T00:00:00Z/2030-01-01T23:59:59Z"
    assert json.loads(found.items[0].item)["assets"]["B02"]["href"].startswith("https://example.org/S2B_50RQU_")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_catalogue_in_trouble_is_asked_again(folder: Path, status: int) -> None:
    api = Api(folder)

    def answering(request: Request) -> Answer:
        return Answer(status=status) if request.attempt <= 3 else api(request)

    with serving(answering) as web:
        assert len(remote(web).search(EVERYWHERE, ALWAYS).items) == 2


@pytest.mark.parametrize(
    ("answer", "error", "word"),
    [
        (Answer(status=503), SourceUnreachableError, "does not answer"),
        (Answer(status=429), SourceUnreachableError, "does not answer"),
        (Answer(status=404), BrokenCatalogueError, "HTTP status 404"),
        (Answer(body=b"<html>Welcome</html>"), BrokenCatalogueError, "no JSON"),
        (Answer(body=b"\xff\xfe"), BrokenCatalogueError, "STAC catalogue"),
        (as_json([]), BrokenCatalogueError, "no STAC"),
        (as_json({"type": "Topology"}), BrokenCatalogueError, "no STAC"),
    ],
)
def test_a_catalogue_that_fails_says_so_in_one_sentence(answer: Answer, error: type[SourceError], word: str) -> None:
    with serving(lambda _request: answer) as web, pytest.raises(error, match=word) as caught:
        remote(web).search(EVERYWHERE, ALWAYS)
    assert caught.value.exit_code == 5
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("page", [b"<html>", b"[]", b'{"features": [3]}', b'{"features": {"a": 1}}'])
def test_a_page_that_is_no_stac_says_so(folder: Path, page: bytes) -> None:
    api = Api(folder)

    def answering(request: Request) -> Answer:
        return Answer(body=page) if request.path == "/search" else api(request)

    with serving(answering) as web, pytest.raises(BrokenCatalogueError):
        remote(web).search(EVERYWHERE, ALWAYS)


def test_nobody_there_is_one_sentence() -> None:
    with pytest.raises(SourceUnreachableError, match="the connection was refused") as caught:
        remote(Web(address="http://127.0.0.1:9", asked={})).search(EVERYWHERE, ALWAYS)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 300


def test_a_static_catalogue_is_walked_over_http(folder: Path) -> None:
    with serving(lambda request: a_file(folder, request)) as web:
        imagery = replace_location(web, "catalog.json")
        found = imagery.search(EVERYWHERE, ALWAYS)
        assert [entry.scene.id for entry in found.items] == [metadata(0).id, metadata(40).id]
        settled = imagery.settle(replace(found.items[1], scene=replace(found.items[1].scene, offset_assumed=True)))
        assert settled.scene.id == metadata(40).id
        assert json.loads(settled.item)["assets"]["B02"]["href"].startswith(web.address)
        nowhere = LonLatBox(west=0, south=0, east=1, north=1)
        before = sum(web.asked.values())
        assert imagery.search(nowhere, ALWAYS).items == ()
        assert sum(web.asked.values()) == before + 2  # the collection's extent spares its items


def replace_location(web: Web, name: str) -> StacImagery:
    imagery = StacImagery(rules(), web.address, threads=1)
    imagery._catalogue = Catalogue(f"{web.address}/{name}", patient_io(backoff_seconds=0.001))
    return imagery


def test_wanted_ids_are_all_that_is_given(folder: Path) -> None:
    wanted = Wanted(collection=None, ids=(metadata(0).id,))
    assert len(list(Catalogue(str(folder)).items(wanted))) == 2, "a static catalogue gives more than was asked for"
    assert [entry.scene.epsg for entry in source(folder).fetch(wanted.ids)] == [GROUND.epsg]
