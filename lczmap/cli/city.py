"""`lczmap city`: the main job, from a name and a period to a published map."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lczmap.cli.options import Asked, Shared, confirm_size, run_options
from lczmap.cli.second import check_replayed, offer, tell_image, with_checkpoint
from lczmap.cli.speak import Voice
from lczmap.store.disk import check_writable, local_path
from lczmap.words.errors import SpecError, UsageError
from lczmap.words.event import counted
from lczmap.words.place import Place, TileArea, cover
from lczmap.words.plan import Plan
from lczmap.words.quality import GAPS_ALLOWED, MEANINGS
from lczmap.words.site import Site
from lczmap.words.spec import RunSpec
from lczmap.words.zone import zone_label

if TYPE_CHECKING:
    from lczmap.store.product import Product

PARTIAL = 3
"""Exit status of a partial map."""


@click.command()
@click.argument("city", required=False, metavar="[NAME]")
@run_options
@click.option("--out", type=local_path, metavar="PATH", default=Path("lczmap-out"), show_default=True, help="Folder.")
@click.option("--from", "manifest", type=click.Path(path_type=Path), help="Replay the frozen plan of a manifest.toml.")
@click.option("--fresh", is_flag=True, help="Compute every tile anew, whatever is stored.")
@click.option("--clip", is_flag=True, help="Cut a city to its box and margin; an area is always cut.")
@click.option("--allow-gaps", is_flag=True, help="Exit 0 even when more than 1 % of the cells are nodata.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def city(  # noqa: PLR0913 - one parameter an option
    *,
    out: Path,
    manifest: Path | None,
    fresh: bool,
    clip: bool,
    allow_gaps: bool,
    quiet: bool,
    **shared: Shared,
) -> int:
    """Map a city by NAME, or an area with --aoi.

    \b
    lczmap city Hangzhou --date 2023-H1
    lczmap city --aoi 13.29,52.49,13.34,52.52 --date 2024-10 --posting 100
    lczmap city --aoi area.geojson --date 2023 --vhr orthophoto.tif
    """  # noqa: D301 - \b keeps click from wrapping the examples
    asked = Asked(**shared)  # type: ignore[arg-type]
    voice = Voice(as_json=asked.as_json, quiet=quiet)
    check_writable(out)
    frozen = _manifest(manifest, asked) if manifest is not None else None
    place = asked.place() if frozen is None else frozen.place
    spec = asked.spec() if frozen is None else frozen.spec
    site = asked.site(spec, out)
    areas = cover(place, spec.posting)
    state(place, spec, areas, voice)
    confirm_size(areas, spec.posting, yes=asked.yes)
    if frozen is None:
        offer(place, spec, asked.vhr, voice)
    site = with_checkpoint(site, spec, asked.checkpoint, voice)
    return map_and_tell(place, spec, site, voice, frozen=frozen, fresh=fresh, clip=clip, allow_gaps=allow_gaps)


def state(place: Place, spec: RunSpec, areas: tuple[TileArea, ...], voice: Voice) -> None:
    """Say back what was understood: box, zone, tiles, cells, first and last day."""
    box, cells = place.box, sum(area.count for area in areas)
    provisional = spec.period.provisional(date.today())  # noqa: DTZ011 - the user's day
    voice.say(
        f"{place.name}: {box.west:.3f} to {box.east:.3f} E, {box.south:.3f} to {box.north:.3f} N, UTM zone "
        f"{zone_label(place.epsg)} (EPSG:{place.epsg}), {counted(len(areas), 'tile')}, {counted(cells, 'cell')} "
        f"at {spec.posting} m"
    )
    if place.extent_note:
        voice.say(f"Extent: {place.extent_note}")
    voice.say(f"Period {spec.period.sentence}" + ("; PROVISIONAL, it is not over yet" if provisional else ""))
    voice.fact(
        "place",
        {
            "place": place.slug,
            "box": box.text,
            "epsg": place.epsg,
            "tiles": len(areas),
            "cells": cells,
            "posting": spec.posting,
            "first": spec.period.first,
            "last": spec.period.last,
            "provisional": provisional,
        },
    )


def map_and_tell(  # noqa: PLR0913 - what the command's options come down to
    place: Place,
    spec: RunSpec,
    site: Site,
    voice: Voice,
    *,
    frozen: Plan | None = None,
    fresh: bool = False,
    clip: bool = False,
    allow_gaps: bool = False,
) -> int:
    """Map and publish, saying what happens.

    Returns:
        Exit status: 0, or 3 where too many cells are nodata.
    """
    from lczmap import run  # noqa: PLC0415 - brings torch and xarray
    from lczmap.device import choose_device  # noqa: PLC0415

    choose_device(site.device)
    with voice.listening() as tell:
        ready = run.plan(place, spec, site, tell=tell) if frozen is None else run.replay(frozen, site, tell=tell)
        tell_image(ready, voice)
        product = run.carry_out(ready, site, tell=tell, manner=run.Manner(fresh=fresh, clip=clip))
    gaps = product.nodata_share
    partial = gaps > GAPS_ALLOWED
    _summarise(product, voice)
    voice.fact(
        "done",
        {
            "folder": str(product.folder),
            "files": {role: str(path) for role, path in product.files.items()},
            "nodata_share": round(gaps, 6),
            "vhr_alone": product.vhr_alone,
            "partial": partial,
            "written": product.written,
        },
    )
    if partial and not allow_gaps:
        click.echo(
            f"lczmap: The map is partial: {product.nodata:,} of {product.wanted:,} wanted cells ({gaps:.2%}) have no "
            f"class, the limit is {GAPS_ALLOWED:.0%}; it is published and flagged (--allow-gaps accepts it).",
            err=True,
        )
        return PARTIAL
    return 0


def _summarise(product: "Product", voice: Voice) -> None:
    """What was made, and where it lies."""
    voice.say()
    ranked = sorted((entry for entry in product.areas if entry.cells), key=lambda entry: -entry.cells)
    for area in ranked[:5]:
        voice.say(f"  {area.zone.title:<28} {area.km2:9.2f} km2  {area.percent:5.1f} %")
    if len(ranked) > 5:
        rest = f"{len(ranked) - 5} more"
        km2, percent = sum(entry.km2 for entry in ranked[5:]), sum(entry.percent for entry in ranked[5:])
        voice.say(f"  {rest:<28} {km2:9.2f} km2  {percent:5.1f} %")
    if product.nodata:
        voice.say(f"  no class: {product.nodata:,} of {product.wanted:,} cells")
    if product.vhr_alone:
        voice.say(f"  by the VHR stream alone, no usable Sentinel-2: {product.vhr_alone:,} of {product.wanted:,} cells")
    for bit, cells in product.flagged.items():
        voice.say(f"  flagged: {MEANINGS[bit]}: {cells:,} of {product.wanted:,} cells")
    if not product.written:
        voice.say("The same map stands there already; nothing was written.")
    for role in ("lcz", "quicklook", "report"):
        if role in product.files:
            voice.say(f"{role:<10} {product.files[role]}")
    voice.say(f"{'product':<10} {product.folder}")
    editions = product.folder / ".editions"
    if product.written and editions.is_dir():
        voice.say(f"Earlier maps of this place and period are kept in {editions}")


def _manifest(path: Path, asked: Asked) -> Plan:
    """The plan of a manifest; nothing else may be asked for beside it."""
    from lczmap.words.manifest import plan_of  # noqa: PLC0415 - seldom needed

    also = {"NAME": asked.city, "--aoi": asked.aoi, "--date": asked.period, "--posting": asked.posting,
            "--zone": asked.zone, "--spec": asked.spec_file, "--name": asked.name,
            "--segmenter": asked.segmenter, "--graph-model": asked.graph_model}  # fmt: skip
    given = [label for label, value in also.items() if value is not None]
    if given:
        raise UsageError(f"--from says everything already, got also {', '.join(given)}; leave that out.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"The manifest {path} cannot be read ({error}); expected a product's manifest.toml.") from error
    frozen = plan_of(text)
    if asked.source is not None and frozen.spec.source != "local":
        raise UsageError(
            f"The manifest's imagery comes from {frozen.spec.source!r}, got also --source; leave that out."
        )
    check_replayed(frozen, asked.vhr)
    return frozen
