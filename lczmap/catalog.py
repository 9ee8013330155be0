"""The catalogues: names of cities and of imagery sources become places and rules.

Data lives in `catalogs/*.toml`, shipped inside the wheel as `lczmap/catalogs`. Nothing is read
before something is asked for.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

from lczmap.aoi import read_area
from lczmap.words.errors import SourceNameError, SpecError, UnknownPlaceError, UsageError
from lczmap.words.place import LonLatBox, Place, area_place, slug_of
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.source import OffsetRule, Signing, SourceRules
from lczmap.words.vhr import TILE_LEVEL, VhrRules
from lczmap.words.vhr_address import is_address, is_template, public_address
from lczmap.words.zone import zone_named

DEFAULT_SOURCE = "earth-search"
"""Name of the source used where none is given; its rules also serve a STAC address or folder."""


@dataclass(frozen=True, kw_only=True)
class CuratedCity:
    """One entry of `catalogs/cities.toml`."""

    place: Place
    """The city as a place."""
    also: tuple[str, ...]
    """Other names it is found by."""

    @property
    def slugs(self) -> frozenset[str]:
        """Slugs with country of all its names; the first one names its files."""
        names = (self.place.name, *self.also)
        return frozenset(slug_of(f"{name} {self.place.country}") for name in names)


class _CityRow(TypedDict, total=False):
    name: str
    country: str
    also: list[str]
    box: tuple[float, float, float, float]
    zone: str
    margin_km: float


class _SourceRow(TypedDict, total=False):
    title: str
    url: str
    collection: str
    scl: str
    offset: OffsetRule
    signing: Signing
    env: list[str]
    s3_endpoint: str
    licence: str
    attribution: str
    notes: str
    assets: dict[str, str]


class _VhrRow(TypedDict, total=False):
    title: str
    url: str
    collection: str
    assets: list[str]
    bands: tuple[int, int, int]
    level: int
    signing: Signing
    boxes: list[tuple[float, float, float, float]]
    licence: str
    attribution: str
    notes: str


def cities() -> tuple[CuratedCity, ...]:
    """All curated cities in the order of the catalogue."""
    rows: list[_CityRow] = tomllib.loads(_catalogue("cities.toml"))["city"]
    return tuple(_curated(row) for row in rows)


def find_city(name: str, *, country: str | None = None) -> Place:
    """The city of a name: curated ones first, then the world's (`lczmap.gazetteer`).

    Understood are `Hangzhou`, the slug `hangzhou-cn`, `Berlin, DE`, `Berlin, Germany` and, with a
    region as GeoNames codes it, `Portland, US-OR`; case and accents do not matter. A curated city is never
    ambiguous: `London` is the one in the catalogue, `London, CA` the one in Ontario. For the others
    see `lczmap.gazetteer.gazetteer_place`.

    Args:
        name: name, with or without a country.
        country: ISO 3166 code or English name; overrides a country within `name`.

    Raises:
        UnknownPlaceError: where no city has the name, or the country does not exist.
        AmbiguousPlaceError: where several large cities have it.
    """
    curated = cities()
    plain, _, tail = (part.strip() for part in name.partition(","))
    if not plain:
        raise UnknownPlaceError("The name of the city is empty; give one, for instance 'Berlin, DE'.")
    where = country or tail
    code, region = _country(where) if where else (None, None)
    found = None if region else _curated_named(plain, curated, country=code)
    return found or _from_gazetteer(plain, code, region, curated)


def sources() -> tuple[SourceRules, ...]:
    """All known sources of Sentinel-2 imagery in the order of the catalogue, the default first."""
    rows: dict[str, _SourceRow] = tomllib.loads(_catalogue("sources.toml"))["sentinel-2"]
    return tuple(
        SourceRules(
            name=name,
            title=row["title"],
            url=row["url"],
            collection=row["collection"],
            assets=row["assets"],
            scl=row.get("scl"),
            offset_rule=row["offset"],
            signing=row.get("signing", "none"),
            env=tuple(row.get("env", ())),
            s3_endpoint=row.get("s3_endpoint"),
            licence=row["licence"],
            attribution=row["attribution"],
            notes=row.get("notes", ""),
        )
        for name, row in rows.items()
    )


def source(text: str = DEFAULT_SOURCE) -> SourceRules:
    """The rules of a source given by name, STAC address or path of a catalogue on disk.

    An address or a path takes the asset keys of Earth Search, and its offsets decided from the data; its collection
    is settled when it is asked (see `lczmap.imagery.source`). A path is checked (see `catalogue_file`) and then
    forgotten: `url` is None.

    Raises:
        SourceNameError: where the text is none of the three, or an address that may hold a secret.
    """
    known = {rules.name: rules for rules in sources()}
    if text in known:
        return known[text]
    generic = replace(
        known[DEFAULT_SOURCE],
        collection=None,
        attribution="Contains modified Copernicus Sentinel data",
        notes="Asset keys and offsets as at Earth Search.",
    )
    address = urlsplit(text)
    if address.scheme in {"http", "https"}:
        if not address.hostname:
            raise SourceNameError(f"The source {_told(text)!r} has no host; give an address like https://host/stac.")
        if address.username or address.password or address.query:
            raise SourceNameError(  # the address is written into every manifest
                f"The address of the source at {address.hostname} carries a login or a query, which may be "
                "a secret and would be kept in the manifest; give the bare address."
            )
        name = slug_of(address.hostname)
        return replace(generic, name=name, title=f"STAC at {address.hostname}", url=text)
    if not text.strip() or not Path(text).exists():
        near = get_close_matches(text.lower(), known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise SourceNameError(
            f"The source {_told(text)!r} is no known name ({', '.join(known)}), no http address and no path that "
            f"exists.{hint}"
        )
    root = catalogue_file(text)
    said = json.loads(root.read_bytes())
    return replace(
        generic,
        name="local",
        title="STAC catalogue on disk",
        url=None,
        attribution=str(said.get("attribution", generic.attribution)),
        licence=str(said.get("license", generic.licence)),
    )


def vhr_sources() -> tuple[VhrRules, ...]:
    """All known sources of very-high-resolution imagery in the order of the catalogue."""
    rows: dict[str, _VhrRow] = tomllib.loads(_catalogue("vhr.toml"))["vhr"]
    return tuple(
        VhrRules(
            name=name,
            title=row["title"],
            url=row["url"],
            collection=row.get("collection"),
            assets=tuple(row.get("assets", ())),
            bands=row.get("bands"),
            level=row.get("level", TILE_LEVEL),
            signing=row.get("signing", "none"),
            boxes=tuple(LonLatBox(west=w, south=s, east=e, north=n) for w, s, e, n in row.get("boxes", ())),
            licence=row.get("licence", ""),
            attribution=row.get("attribution", ""),
            notes=row.get("notes", ""),
        )
        for name, row in rows.items()
    )


def offered_vhr(box: LonLatBox) -> tuple[VhrRules, ...]:
    """The sources of very-high-resolution imagery that cover a place as a whole, in the order of the catalogue."""
    return tuple(rules for rules in vhr_sources() if rules.covers(box))


def vhr_rules(text: str) -> VhrRules:
    """The rules of very-high-resolution imagery given by name, address, template of tiles, or path.

    Nothing is opened: whether a file is a raster shows when it is asked (see `lczmap.imagery.vhr`).

    Raises:
        SourceNameError: where the text is none of these, or an address that carries a login.
    """
    known = {rules.name: rules for rules in vhr_sources()}
    if text in known:
        return known[text]
    if is_address(text):
        name = "template" if is_template(text) else "address"
        return VhrRules(name=name, title=f"VHR imagery at {urlsplit(text).hostname}", url=public_address(text))
    if text.strip() and Path(text).exists():
        return VhrRules(name="local", title="VHR imagery on disk", url="")
    near = get_close_matches(text.lower(), known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise SourceNameError(
        f"The VHR imagery {_told(text)!r} is no known name ({', '.join(known)}), no address and no path that "
        f"exists.{hint}"
    )


def catalogue_file(text: str) -> Path:
    """The root file of a STAC catalogue on disk, given its folder or the file itself.

    Raises:
        SourceNameError: where it holds no STAC catalogue, collection or item.
    """
    path = Path(text)
    roots = [path / name for name in ("catalog.json", "collection.json")] if path.is_dir() else [path]
    root = next((each for each in roots if each.is_file()), None)
    if root is None:
        raise SourceNameError(
            f"The source {_told(text)!r} is no STAC catalogue: the folder holds no catalog.json or collection.json."
        )
    try:
        content = json.loads(root.read_bytes())
    except (OSError, ValueError) as error:
        raise SourceNameError(
            f"The source {_told(text)!r} is no STAC catalogue: {root.name} cannot be read as JSON ({error})."
        ) from error
    if not isinstance(content, dict) or "stac_version" not in content:
        raise SourceNameError(f"The source {_told(text)!r} is no STAC catalogue: {root.name} has no 'stac_version'.")
    return root


@dataclass(frozen=True, kw_only=True)
class NamedSegmenter:
    """One entry of `catalogs/segmenters.toml`."""

    title: str
    """One line for lists."""
    spec: SegmenterSpec
    """How it cuts; its name is the entry's."""


def segmenters() -> tuple[NamedSegmenter, ...]:
    """All segmenters in the order of the catalogue, the default first."""
    rows: dict[str, dict[str, str | int | float]] = tomllib.loads(_catalogue("segmenters.toml"))
    return tuple(
        NamedSegmenter(title=str(row.pop("title")), spec=SegmenterSpec(name=name, network="slic").changed({**row}))
        for name, row in rows.items()
    )


def segmenter_spec(name: str, settings: Mapping[str, str | int | float] | None = None) -> SegmenterSpec:
    """The specification of a segmenter by name.

    Args:
        name: one of the catalogue.
        settings: fields that differ from the catalogue's.

    Raises:
        SpecError: there is none of that name, a setting is unknown, or what results cannot be cut.
    """
    known = {entry.spec.name: entry.spec for entry in segmenters()}
    if name not in known:
        near = get_close_matches(name.lower(), known, n=3) or known
        raise SpecError(f"No segmenter is named {name!r}; known: {', '.join(near)}.")
    return known[name].changed(settings or {})


def resolve_place(
    city: str | None,
    aoi: str | None,
    *,
    name: str | None = None,
    zone: str | None = None,
    country: str | None = None,
) -> Place:
    """What a user asked to map: a city by name, or an area from a file or a box.

    Args:
        city: name of a city, see `find_city`.
        aoi: path of a vector file or `west,south,east,north`, see `lczmap.aoi.read_area`.
        name: name that replaces the place's own, in files too.
        zone: UTM zone that replaces the place's own, `33N` or `32633`.
        country: country of the city.

    Raises:
        UsageError: where not exactly one of city and area is given, or neither can be mapped.
    """
    if (city is None) == (aoi is None):
        raise UsageError("Give either the name of a city or an area with --aoi, exactly one of them.")
    if name is not None and not slug_of(name):
        raise SpecError(f"The name {name!r} leaves nothing for file names; use letters a-z and digits.")
    epsg = None if zone is None else zone_named(zone)
    if city is not None:
        place = find_city(city, country=country)
        place = place if epsg is None else replace(place, epsg=epsg)
    else:
        area = read_area(aoi or "")
        # a file's own name may be none that files can bear
        slug = area.slug if name is None else slug_of(name)
        place = area_place(area.geometry, slug=slug, name=area.name, epsg=epsg, note=area.note)
    return place if name is None else replace(place, slug=slug_of(name), name=name)


def _told(text: str) -> str:
    """What an error repeats of imagery as it was typed: no login, query or fragment, for these may be secrets."""
    return re.sub(r"(?<=://)[^/@]*@", "", re.split("[?#]", text, maxsplit=1)[0])


def _catalogue(name: str) -> str:
    """Text of a catalogue, from the wheel or from the checkout beside the package."""
    shipped = resources.files("lczmap").joinpath("catalogs", name)
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    return (Path(__file__).parents[1] / "catalogs" / name).read_text(encoding="utf-8")


def _curated(row: _CityRow) -> CuratedCity:
    west, south, east, north = row["box"]
    margin = round(row["margin_km"] * 1000)
    place = Place(
        slug=slug_of(f"{row['name']} {row['country']}"),
        name=row["name"],
        country=row["country"],
        kind="city",
        geometry=LonLatBox(west=west, south=south, east=east, north=north).polygon,
        epsg=zone_named(row["zone"]),
        margin_metres=margin,
        extent_note=f"curated: built-up box and {margin / 1000:g} km of rural margin, in whole tiles",
    )
    return CuratedCity(place=place, also=tuple(row.get("also", ())))


def _curated_named(name: str, curated: tuple[CuratedCity, ...], *, country: str | None) -> Place | None:
    """The curated city of a name or slug, in a country or in any."""
    wanted = slug_of(name)
    for city in curated:
        names = {slug_of(city.place.name), *(slug_of(other) for other in city.also)}
        if wanted in names | city.slugs and country in (None, city.place.country):
            return city.place
    return None


def _country(text: str) -> tuple[str, str | None]:
    """Country code and region of `DE`, `Germany` or `US-OR`.

    Raises:
        UnknownPlaceError: where the country does not exist.
    """
    from lczmap.gazetteer import country_code  # noqa: PLC0415 - the gazetteer is loaded only when asked

    split = re.fullmatch(r"([A-Za-z]{2})-([A-Za-z0-9.]+)", text.strip())
    code = country_code(split[1] if split else text)
    if code is None:
        raise UnknownPlaceError(f"No country {text!r} is known; give its code of two letters, as in 'Berlin, DE'.")
    return code, split[2] if split else None


def _from_gazetteer(name: str, code: str | None, region: str | None, curated: tuple[CuratedCity, ...]) -> Place:
    """A city by the world's gazetteer; near curated names come first among the suggestions."""
    from lczmap.gazetteer import gazetteer_place, near_names  # noqa: PLC0415 - loaded only when asked

    try:
        place = gazetteer_place(name, country=code, region=region)
    except UnknownPlaceError as error:
        near = near_names(name, (city.place.name for city in curated))
        if not near or code is not None:
            raise
        raise UnknownPlaceError(
            f"No city {name!r} is known; did you mean {', '.join(near)}? Any area can be given with --aoi."
        ) from error
    # found by a name in another script or language: one city must never have two extents
    return next((city.place for city in curated if place.slug in city.slugs), place)
