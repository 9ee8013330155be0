"""Ask a STAC API or walk a static catalogue, on the network or on disk, and hand over items as plain JSON.

In: an address or path, and what is asked for. Out: raw items, one at a time. Whether an item can be used is not
judged here, only the walk through a static catalogue is cut short where a collection's extent rules it out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import shapely
from pystac.utils import make_absolute_href
from pystac_client import ItemSearch
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from urllib3 import Retry

from lczmap.imagery.items import Json, RawItem
from lczmap.words.errors import BrokenCatalogueError, LczmapError, SourceNameError, SourceUnreachableError
from lczmap.words.period import Period
from lczmap.words.place import LonLatBox

PAGE = 100
"""Items a page of an API."""
PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses of HTTP that may pass: asking again may help."""

_TIMEOUT = (10.0, 60.0)
_DEEPEST = 32


def patient_io(*, backoff_seconds: float = 1.0) -> StacApiIO:
    """A STAC reader that tries again."""
    return StacApiIO(timeout=_TIMEOUT, max_retries=patience(backoff_seconds))


def patience(backoff_seconds: float) -> Retry:
    """How often to try again: longest when asked to wait (429) or refused by a server (5xx).

    Args:
        backoff_seconds: wait before the third attempt, doubled before each one after.
    """
    return Retry(
        total=5,
        connect=2,
        read=2,
        backoff_factor=backoff_seconds,
        backoff_max=30,
        status_forcelist=PASSING,
        allowed_methods=None,
        raise_on_status=False,
    )


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of a catalogue."""

    collection: str | None
    """Collection; None takes all."""
    box: LonLatBox | None = None
    """Where; None for everywhere."""
    period: Period | None = None
    """When; None for always."""
    ids: tuple[str, ...] = ()
    """Which items; empty for all."""


class Catalogue:
    """One STAC API or static catalogue."""

    def __init__(self, location: str, io: StacApiIO | None = None, *, option: str = "--source") -> None:
        """Nothing is read before it is asked for.

        Args:
            location: its address, or its path on disk.
            io: how it is read.
            option: by which a user chooses another one.
        """
        self._location, self._option = location, option
        self._io = io if io is not None else patient_io()

    @property
    def is_remote(self) -> bool:
        """Whether it is reached through a network."""
        return "://" in self._location

    def items(self, wanted: Wanted) -> Iterator[RawItem]:
        """Items that may be wanted; a static catalogue gives more than an API does.

        Raises:
            SourceNameError: a path is no STAC catalogue.
            SourceUnreachableError: an address does not answer after retries.
            BrokenCatalogueError: it answers, but not with STAC.
        """
        with self._failures():
            href, root = self._root()
            if _is_api(root):
                yield from self._asked(root, href, wanted)
            else:
                yield from self._walked(root, href, wanted, depth=0, seen=set())

    def document(self) -> Json:
        """The entry point itself: a catalogue, collection or item.

        Raises:
            LczmapError: as `items` does.
        """
        with self._failures():
            return self._root()[1]

    def collections(self) -> tuple[str, ...]:
        """Ids of the collections an API lists; none for an API that lists none, and for a static catalogue.

        Raises:
            LczmapError: as `items` does.
        """
        with self._failures():
            href, root = self._root()
            page = next((target for rel, target in _links(root, f"{href.rstrip('/')}/") if rel == "data"), None)
            names: list[str] = []
            seen: set[str] = set()
            while _is_api(root) and page is not None and page not in seen:
                seen.add(page)
                body = json.loads(self._io.read_text(page))
                if not isinstance(body, Mapping) or not isinstance(body.get("collections"), list):
                    raise self._no_stac(f"{page} lists no collections")
                names += [str(each["id"]) for each in body["collections"] if isinstance(each, Mapping) and "id" in each]
                page = next((target for rel, target in _links(body, page) if rel == "next"), None)
            return tuple(dict.fromkeys(names))

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Say in a sentence what went wrong within."""
        try:
            yield
        except APIError as error:
            raise self._failed(error) from error
        except json.JSONDecodeError as error:
            raise self._no_stac(f"its answer is no JSON: {error}") from error
        except (UnicodeDecodeError, OSError) as error:
            raise self._no_stac(f"{type(error).__name__}: {error}") from error

    def _root(self) -> tuple[str, Json]:
        """Address and content of the entry point."""
        if self.is_remote:
            return self._location, self._read(self._location)
        path = Path(self._location).expanduser().absolute()
        if path.is_dir():
            entries = [path / name for name in ("catalog.json", "collection.json") if (path / name).is_file()]
            if not entries:
                raise self._no_stac("the folder holds neither catalog.json nor collection.json")
            path = entries[0]
        if not path.is_file():
            raise self._no_stac("there is no such file or folder")
        return str(path), self._read(str(path))

    def _read(self, href: str) -> Json:
        """One JSON object.

        Raises:
            LczmapError: it is JSON, but no STAC object.
        """
        body = json.loads(self._io.read_text(href))
        if not isinstance(body, Mapping) or body.get("type") not in _KINDS:
            raise self._no_stac(f"{href} is JSON, but no STAC object")
        return cast("Json", body)

    def _asked(self, root: Json, href: str, wanted: Wanted) -> Iterator[RawItem]:
        """Pages of an API's search."""
        box, period = wanted.box, wanted.period
        url, method = _search_address(root, href)
        search = ItemSearch(
            url,
            method=method,
            stac_io=self._io,
            collections=[wanted.collection] if wanted.collection else None,
            ids=list(wanted.ids) or None,
            bbox=(box.west, box.south, box.east, box.north) if box else None,
            datetime=period.interval if period else None,
            limit=PAGE,
        )
        try:
            for body in search.items_as_dicts():
                yield RawItem(body=body, href=_self_href(body) or href)
        except (AttributeError, KeyError, TypeError) as error:
            raise self._no_stac(f"a page of its search is no STAC ({type(error).__name__}: {error})") from error

    def _walked(self, node: Json, href: str, wanted: Wanted, *, depth: int, seen: set[str]) -> Iterator[RawItem]:
        """Items of a static catalogue, depth first."""
        if href in seen or depth > _DEEPEST or _ruled_out(node, wanted):
            return
        seen.add(href)
        if node.get("type") == "Feature":
            yield RawItem(body=node, href=href)
        for body in cast("Sequence[Json]", node.get("features") or ()):
            yield RawItem(body=body, href=_self_href(body) or href)
        for rel, target in _links(node, href):
            if rel == "item":
                yield RawItem(body=self._read(target), href=target)
            elif rel == "child":
                yield from self._walked(self._read(target), target, wanted, depth=depth + 1, seen=seen)

    def _no_stac(self, reason: str) -> LczmapError:
        if self.is_remote:
            return BrokenCatalogueError(
                f"The source {self._location} does not answer as a STAC catalogue ({reason}); check the address, or "
                f"choose another source with {self._option}."
            )
        return SourceNameError(
            f"{self._location} is no STAC catalogue ({reason}); give {self._option} a folder with catalog.json, a "
            "STAC address, or a name from `lczmap sources`."
        )

    def _failed(self, error: APIError) -> LczmapError:
        status = getattr(error, "status_code", None)  # absent where there was no answer at all
        if status is not None and status not in PASSING:
            return self._no_stac(f"HTTP status {status}")
        if isinstance(error.__context__, UnicodeDecodeError):
            return self._no_stac("its answer is no text")
        reason = f"HTTP status {status}" if status else _cause(str(error))
        return SourceUnreachableError(
            f"The source {self._location} does not answer ({reason}); check the network and try again, or choose "
            f"another source with {self._option}."
        )


_KINDS = frozenset({"Catalog", "Collection", "Feature", "FeatureCollection"})


def _is_api(root: Json) -> bool:
    return bool(root.get("conformsTo")) or any(rel == "search" for rel, _ in _links(root, ""))


def _search_address(root: Json, href: str) -> tuple[str, str]:
    """Where an API is searched and how: by POST where it says so, for lists of ids outgrow an address."""
    links = [link for link in cast("Sequence[object]", root.get("links") or ()) if isinstance(link, Mapping)]
    offers = {str(link.get("method", "GET")).upper(): link for link in links if link.get("rel") == "search"}
    for method in ("POST", "GET"):
        if method in offers and isinstance(offers[method].get("href"), str):
            return make_absolute_href(offers[method]["href"], f"{href.rstrip('/')}/"), method
    return f"{href.rstrip('/')}/search", "GET"


def _links(node: Json, href: str) -> Iterator[tuple[str, str]]:
    """Relation and absolute address of a node's links."""
    for link in cast("Sequence[object]", node.get("links") or ()):
        if isinstance(link, Mapping) and isinstance(link.get("href"), str):
            yield str(link.get("rel")), make_absolute_href(link["href"], href) if href else link["href"]


def _self_href(body: object) -> str:
    return next((target for rel, target in _links(cast("Json", body), "") if rel == "self"), "")


def _ruled_out(node: Json, wanted: Wanted) -> bool:
    """Whether a collection is another one, or lies elsewhere by its own extent."""
    if node.get("type") != "Collection":
        return False
    if wanted.collection and node.get("id") and node["id"] != wanted.collection:
        return not any(rel == "child" for rel, _ in _links(node, ""))
    try:
        boxes = cast("Mapping[str, Mapping[str, Sequence[Sequence[float]]]]", node["extent"])["spatial"]["bbox"]
        overall = boxes[0]
        half = len(overall) // 2
        extent = shapely.box(overall[0], overall[1], overall[half], overall[half + 1])
    except (KeyError, IndexError, TypeError, ValueError):
        return False
    return wanted.box is not None and not extent.intersects(wanted.box.polygon)


def _cause(message: str) -> str:
    """The telling end of a chain of network errors."""
    for sign, words in (
        ("resolve", "its name cannot be resolved"),
        ("timed out", "it timed out"),
        ("refused", "the connection was refused"),
        ("unreachable", "the network is unreachable"),
        ("too many", "too many errors"),
    ):
        if sign in message.lower():
            return words
    return message[:120]
