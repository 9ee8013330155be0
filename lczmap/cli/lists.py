"""`lczmap cities`, `sources`, `models`: what there is to choose from."""

import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import click

from lczmap import catalog, weights
from lczmap.cli.card import card_lines
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
    """List the sources of Sentinel-2 imagery; an address or a folder will do as well."""
    for number, rules in enumerate(catalog.sources()):
        lines = {
            "title": rules.title,
            "address": rules.url or "",
            "credentials": f"from {', '.join(rules.env)}" if rules.env else "none needed",
            "licence": rules.licence,
            "notes": rules.notes,
        }
        Voice(as_json=as_json).fact("source", {"name": rules.name, **lines})
        if not as_json:
            echo(f"{rules.name}{' (default)' if number == 0 else ''}")
            for label, text in lines.items():
                echo(textwrap.fill(text, 100, initial_indent=f"  {label:<12} ", subsequent_indent=" " * 15))


@click.command()
@click.argument("name", required=False)
@_as_json
def models(name: str | None, *, as_json: bool) -> None:
    """List the models that come with lczmap, or show the card of NAME."""
    if name:
        card = weights.find_card(name)
        Voice(as_json=as_json).fact("model", asdict(card))
        Voice(as_json=as_json).say("\n".join(card_lines(card)))
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
