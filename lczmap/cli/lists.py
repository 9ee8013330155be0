"""`lczmap cities`, `sources`, `models`: what there is to choose from."""

import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import click

from lczmap import catalog, weights
from lczmap.cli.card import card_lines, prompts_told, segmenter_lines, weights_told
from lczmap.cli.speak import Voice, echo
from lczmap.words.grid import TILE_METRES
from lczmap.words.place import Place, cover
from lczmap.words.zone import zone_label

_as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.command()
@click.argument("name", required=False)
@_as_json
def cities(name: str | None, *, as_json: bool) -> None:
    """List the curated cities, or look NAME up among them and in the gazetteer."""
    places = [catalog.find_city(name)] if name else [entry.place for entry in catalog.cities()]
    rows = [_city_row(place) for place in places]
    _table(rows, as_json=as_json, kind="city")
    if as_json:
        return
    if name:
        echo(f"Extent: {places[0].extent_note}")
    else:
        echo("Every city of 15,000 people or more is known besides: lczmap cities NAME.")


@click.command()
@_as_json
def sources(*, as_json: bool) -> None:
    """List the sources of imagery, Sentinel-2 and VHR; an address, a folder or a raster will do as well."""
    voice = Voice(as_json=as_json)
    voice.say("Sentinel-2 (--source)")
    for number, rules in enumerate(catalog.sources()):
        lines = {
            "title": rules.title,
            "address": rules.url or "",
            "credentials": f"from {', '.join(rules.env)}" if rules.env else "none needed",
            "licence": rules.licence,
            "notes": rules.notes,
        }
        _source(voice, "source", rules.name, lines, default=number == 0)
    voice.say()
    voice.say("Very-high-resolution images (--vhr)")
    for image in catalog.vhr_sources():
        lines = {
            "title": image.title,
            "address": image.url,
            "attribution": image.attribution,
            "licence": image.licence,
            "notes": image.notes,
        }
        _source(voice, "vhr_source", image.name, lines)


def _source(voice: Voice, kind: str, name: str, lines: Mapping[str, str], *, default: bool = False) -> None:
    """One source, for machines or for people."""
    voice.fact(kind, {"name": name, **lines})
    voice.say(f"{name}{' (default)' if default else ''}")
    for label, text in lines.items():
        if text:
            voice.say(textwrap.fill(text, 100, initial_indent=f"  {label:<12} ", subsequent_indent=" " * 15))


@click.command()
@click.argument("name", required=False)
@_as_json
def models(name: str | None, *, as_json: bool) -> None:
    """List the models and segmenters, or show the card or specification of NAME."""
    cut = {entry.spec.name: entry.spec for entry in catalog.segmenters()}
    if name in cut and name not in weights.shipped_names():
        Voice(as_json=as_json).fact("segmenter", {**asdict(cut[name]), "digest": cut[name].digest})
        Voice(as_json=as_json).say("\n".join(segmenter_lines(cut[name])))
        return
    if name:
        card = weights.find_card(name)
        Voice(as_json=as_json).fact("model", asdict(card))
        told = [*card_lines(card), *(["", *segmenter_lines(cut[name])] if name in cut else [])]
        Voice(as_json=as_json).say("\n".join(told))
        return
    rows = [
        {
            "name": card.name,
            "role": card.role,
            "title": card.title,
            "state": "provisional" if card.provisional else "released",
            "licence": card.licence,
        }
        for card in weights.shipped_cards()
    ]
    _table(rows, as_json=as_json, kind="model")
    Voice(as_json=as_json).say("\nSegmenters of the VHR image (--segmenter):")
    _table([_segmenter_row(entry) for entry in catalog.segmenters()], as_json=as_json, kind="segmenter")


def _segmenter_row(entry: catalog.NamedSegmenter) -> Mapping[str, str | int]:
    spec = entry.spec
    return {
        "name": spec.name,
        "title": entry.title,
        "mode": spec.mode,
        "prompts": prompts_told(spec),
        "weights": weights_told(spec),
    }


def _city_row(place: Place) -> Mapping[str, str | int]:
    tiles = len(cover(place, 320))
    return {
        "name": place.name,
        "slug": place.slug,
        "zone": zone_label(place.epsg),
        "box": ",".join(f"{edge:.2f}" for edge in place.geometry.bounds),
        "margin km": place.margin_metres // 1000,
        "tiles": tiles,
        "km2": round(tiles * (TILE_METRES / 1000) ** 2),
    }


def _table(rows: Sequence[Mapping[str, str | int]], *, as_json: bool, kind: str) -> None:
    """Rows as a table for people or as JSON lines for machines."""
    if as_json:
        for row in rows:
            Voice(as_json=True).fact(kind, row)
        return
    from rich.console import Console  # noqa: PLC0415 - rich costs 0.1 s, which --help must not pay
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold", justify="right" if isinstance(rows[0][name], int) else "left")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    # what is piped is read by programs: no line of it is folded
    Console(width=None if sys.stdout.isatty() else 240).print(table)
