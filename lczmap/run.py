"""Plan a place, map its tiles, publish the product: `map_city` is those three.

A Prefect flow or a Dask cluster replaces the loop over tiles; what a tile's map is, `lczmap.pipeline` says alone.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date

import shapely

from lczmap import assemble, catalog
from lczmap.pipeline import Parts, map_tile, observed
from lczmap.protocols import ImagerySource
from lczmap.store.disk import check_writable
from lczmap.store.product import Product, ProductRequest
from lczmap.store.publish import write_product
from lczmap.things.observation import Observation
from lczmap.words.errors import BrokenAssetError, LczmapError, NoImageryError, SpecError
from lczmap.words.event import Clock, Event, Listener, Stage, counted, nobody
from lczmap.words.grid import HALO_METRES, Tile
from lczmap.words.manifest import manifest_of, plan_of
from lczmap.words.period import parse_period
from lczmap.words.place import LonLatBox, Place, cover, tile_outline
from lczmap.words.plan import Plan, TilePlan, digest, map_key, vhr_reach
from lczmap.words.scene import Found, SceneItem, Skipped, select_scenes
from lczmap.words.site import Site
from lczmap.words.spec import RunSpec

log = logging.getLogger(__name__)

SETTLING_AT_ONCE = 8
"""Coarse overviews read at the same time while planning; each is a small request that mostly waits."""


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """A plan whose every tile has a record."""

    plan: Plan
    """The plan as it was carried out: items that could not be read have left it."""
    keys: Mapping[str, str]
    """Map key by tile name."""
    computed: int
    """Tiles that were computed in this run; the others had a record."""
    seconds: Mapping[Stage, float]
    """Time by stage. Observing runs beside interpreting, so the stages may add up to more than the whole."""


def left_out(frozen: Plan, error: LczmapError) -> Plan:
    """The plan without the item or VHR raster that an error blames.

    Raises:
        LczmapError: the error itself, where it blames no item or a tile would be left without any.
    """
    if not isinstance(error, BrokenAssetError) or not error.item_id:
        raise error
    try:
        return frozen.without(error.item_id, str(error))
    except NoImageryError:
        raise error from None


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a run treats what is stored, and how it cuts the product; in no key of a tile."""

    fresh: bool = False
    """Compute every tile anew, whatever is stored."""
    clip: bool = False
    """Cut a city's product to its box and margin instead of whole tiles."""


def plan(place: Place, spec: RunSpec, site: Site, *, tell: Listener = nobody, besides: LonLatBox | None = None) -> Plan:
    """Freeze everything a map of a place depends on.

    Reads the catalogue and a coarse overview of each item, two more where that does not settle its offset; writes
    nothing.

    Args:
        place: where.
        spec: the wish.
        site: where the work happens.
        tell: hears events.
        besides: ground that is looked at in the VHR image besides the tiles and what their frames reach.

    Raises:
        AreaError: a tile of the place reaches across the antimeridian.
        NoImageryError: no item can be used.
        SourceError: the source failed.
    """
    areas = cover(place, spec.posting)
    # what is wrong on this machine is said before anything is asked of another
    models, image_source = assemble.model_files(spec, site), assemble.vhr(spec, site)
    imagery = assemble.imagery(spec, site)
    boxes = {area.tile: observed_box(area.tile) for area in areas}
    tell(Event(stage="search", text=f"asking {imagery.rules.title} for {spec.period.sentence}"))
    found = imagery.search(_around(tuple(boxes.values())), spec.period)
    chosen = {tile: select_scenes(found.items, box, spec.composite) for tile, box in boxes.items()}
    entries = {entry.scene.id: entry for scenes in chosen.values() for entry in scenes}
    settled, broken = _settle(imagery, tuple(entries.values()), tell)
    if not settled:
        raise _no_imagery(place, spec, found, broken)
    segmenter = None if image_source is None else assemble.segmenter(spec)
    seen = [tile_outline(tile, vhr_reach(segmenter)) for tile in boxes]
    seen += [] if besides is None else [besides.polygon]
    image = None if image_source is None else image_source.identify(_around(seen))
    scene_ids = {
        tile: tuple(entry.scene.id for entry in scenes if entry.scene.id in settled) for tile, scenes in chosen.items()
    }
    return Plan(
        place=place,
        spec=spec,
        source=imagery.rules,
        models=models,
        vhr=None if image is None else replace(image, refused=()),
        segmenter=segmenter,
        sentinel_weight=assemble.sentinel_weight(spec, site),
        scenes={key: entry.scene for key, entry in settled.items()},
        items={key: entry.item for key, entry in settled.items()},
        tiles=tuple(TilePlan(area=area, scene_ids=scene_ids[area.tile]) for area in areas),
        planned=date.today(),  # noqa: DTZ011 - the user's day, in no key
        skipped=(*found.skipped, *broken, *(() if image is None else image.refused)),
    )


def replay(frozen: Plan, site: Site, *, tell: Listener = nobody) -> Plan:
    """Make a plan read from a manifest ready to run: fetch its items and check that they are the same.

    Raises:
        SpecError: the source is read by other rules than the manifest's.
        SourceError: an item is gone or was changed since.
    """
    tell(Event(stage="search", text=f"fetching {counted(len(frozen.scenes), 'item')} of the manifest"))
    imagery = assemble.imagery(frozen.spec, site)
    if imagery.rules.digest_fields != frozen.source.digest_fields:
        raise SpecError(
            f"The manifest reads {frozen.source.title} by other rules than this lczmap does; replay it with the "
            "version that made it, or plan anew without --from."
        )
    entries = imagery.fetch(tuple(frozen.scenes))
    for entry in entries:
        was = frozen.scenes[entry.scene.id]
        settled = replace(entry.scene, offset_dn=was.offset_dn, offset_assumed=was.offset_assumed)
        if settled.address != was.address:
            raise assemble.changed_item(was, entry.scene)
    _check_image(frozen, site)
    return replace(frozen, items={entry.scene.id: entry.item for entry in entries})


def _check_image(frozen: Plan, site: Site) -> None:
    """Refuse another VHR image than the one a manifest froze."""
    source = assemble.vhr(frozen.spec, site)
    if source is None or frozen.vhr is None:
        return
    source.view(frozen.vhr)


def map_tiles(frozen: Plan, parts: Parts, *, tell: Listener = nobody) -> Mapped:
    """Map every tile that has no record yet, reading one tile ahead.

    An item or VHR raster that turns out to be unreadable leaves the whole plan, so that neighbouring tiles still
    agree, and the tiles that held it are mapped without it.

    Raises:
        BrokenAssetError: an item is unreadable and a tile has no other, or the VHR image has no other raster.
    """
    computed, parts = 0, replace(parts, clock=Clock(tell))
    while True:
        try:
            todo = [entry for entry in frozen.tiles if not parts.store.has("map", map_key(frozen, entry))]
            for done, tile in enumerate(_ahead(todo, frozen, parts), len(frozen.tiles) - len(todo) + 1):
                computed += 1
                cells, scenes = counted(tile.area.count, "cell"), counted(len(tile.scene_ids), "scene")
                text = f"tile {tile.tile.name}: {cells} from {scenes}"
                tell(Event(stage="interpret", text=text, done=done, total=len(frozen.tiles)))
        except BrokenAssetError as error:
            lesser = left_out(frozen, error)
            if lesser is frozen:  # the plan does not hold it: another try would end the same way
                raise
            frozen = lesser
            log.warning("%s It is left out and the run goes on.", error)
            tell(Event(stage="observe", text=f"leaving out {error.item_id}: {error}"))
        else:
            keys = {entry.tile.name: map_key(frozen, entry) for entry in frozen.tiles}
            return Mapped(plan=frozen, keys=keys, computed=computed, seconds=parts.clock.seconds)


def map_city(place: Place | str, wish: RunSpec | str, site: Site | None = None, *, tell: Listener = nobody) -> Product:
    """Plan, map and publish a place: `map_city("Hangzhou", "2023-H1")`.

    Args:
        place: where, or the name of a city.
        wish: the wish, or a period with everything else left at its default.
        site: where the work happens; by default here, into `./lczmap-out`.
        tell: hears events.

    Raises:
        LczmapError: see the exit codes in the README.
    """
    here = site or Site()
    where = catalog.find_city(place) if isinstance(place, str) else place
    today = date.today()  # noqa: DTZ011 - the user's day
    spec = RunSpec(period=parse_period(wish, today=today)) if isinstance(wish, str) else wish
    check_writable(here.out)
    return carry_out(plan(where, spec, here, tell=tell), here, tell=tell)


def carry_out(frozen: Plan, site: Site, *, tell: Listener = nobody, manner: Manner | None = None) -> Product:
    """Map the tiles of a plan and publish their product.

    Args:
        frozen: the plan.
        site: where the work happens.
        tell: hears events.
        manner: what to redo and how to cut the product.

    Raises:
        LczmapError: see the exit codes in the README.
    """
    chosen = manner or Manner()
    check_writable(site.out)
    assemble.store(site).sweep()
    live = assemble.parts(frozen, site)
    if chosen.fresh:
        live = replace(live, store=assemble.forgetful(live.store))
    return publish(map_tiles(frozen, live, tell=tell), site, tell=tell, clip=chosen.clip)


def publish(mapped: Mapped, site: Site, *, tell: Listener = nobody, clip: bool = False) -> Product:
    """Build the product from the records of its tiles, unless it stands there already.

    Raises:
        NoImageryError: no wanted cell could be classified.
        StoreError: the product cannot be written.
    """
    tell(Event(stage="publish", text=f"publishing {mapped.plan.place.name}"))
    return write_product(
        ProductRequest(
            plan=mapped.plan,
            store=assemble.store(site),
            out=site.out,
            manifest=manifest_of(mapped.plan),
            clip=clip,
            cards=assemble.cards(mapped.plan.spec, site),
            timings={str(stage): spent for stage, spent in mapped.seconds.items()},
        )
    )


def save_plan(frozen: Plan, site: Site) -> str:
    """Keep a plan with its items in the store, so that workers need only its key.

    Returns:
        The plan's key.
    """
    manifest = manifest_of(frozen)
    key = digest({"manifest": manifest})
    assemble.store(site).write_text("plan", key, json.dumps({"manifest": manifest, "items": dict(frozen.items)}))
    return key


def load_plan(key: str, site: Site) -> Plan:
    """Read a plan that `save_plan` kept.

    Raises:
        BrokenRecordError: it is not there.
    """
    kept = json.loads(assemble.store(site).read_text("plan", key))
    return replace(plan_of(kept["manifest"]), items=kept["items"])


def publish_saved(key: str, site: Site) -> Product:
    """Publish a kept plan whose tiles are all mapped."""
    frozen = load_plan(key, site)
    keys = {entry.tile.name: map_key(frozen, entry) for entry in frozen.tiles}
    return publish(Mapped(plan=frozen, keys=keys, computed=0, seconds={}), site)


def observed_box(tile: Tile) -> shapely.Polygon:
    """A tile with its halo in longitude and latitude.

    Raises:
        AreaError: it reaches across the antimeridian, though the area asked for may not.
    """
    return tile_outline(tile, HALO_METRES)


def _around(boxes: Sequence[shapely.Polygon]) -> LonLatBox:
    west, south, east, north = shapely.total_bounds(list(boxes))
    return LonLatBox(west=float(west), south=float(south), east=float(east), north=float(north))


def _settle(
    imagery: ImagerySource, entries: Sequence[SceneItem], tell: Listener
) -> tuple[dict[str, SceneItem], tuple[Skipped, ...]]:
    """Settle the offsets of all chosen items; one whose overview cannot be read is left out."""
    settled: dict[str, SceneItem] = {}
    broken: list[Skipped] = []

    def attempt(entry: SceneItem) -> SceneItem | Skipped:
        try:
            return imagery.settle(entry)
        except BrokenAssetError as error:
            return Skipped(id=entry.scene.id, reason=str(error))

    with ThreadPoolExecutor(SETTLING_AT_ONCE) as readers:
        for done, result in enumerate(readers.map(attempt, entries), start=1):
            if isinstance(result, Skipped):
                broken.append(result)
            else:
                settled[result.scene.id] = result
            tell(Event(stage="settle", text="checking how each item's values are coded", done=done, total=len(entries)))
    return settled, tuple(broken)


def _no_imagery(place: Place, spec: RunSpec, found: Found, broken: Sequence[Skipped]) -> LczmapError:
    """Say which of several reasons left a place without any scene."""
    where = f"{place.name} in {spec.period.label}"
    if broken:
        return BrokenAssetError(
            f"None of the {len(broken)} items chosen for {where} can be read; the first: {broken[0].reason}"
        )
    if found.items:
        return NoImageryError(
            f"All {len(found.items)} scenes of {where} are cloudier than {spec.composite.max_cloud_percent:g} %; "
            "ask for a longer period, or raise max_cloud_percent in a --spec file."
        )
    if found.skipped:
        first = found.skipped[0]
        return NoImageryError(
            f"None of the {len(found.skipped)} items found for {where} can be used ({first.id}: {first.reason}); "
            "all ten bands B02 to B12 are needed. Choose another source with --source."
        )
    return NoImageryError(
        f"The source has no Sentinel-2 L2A scene of {where}; check the dates and the place "
        "(the open sea is never imaged), or choose another source with --source."
    )


def _ahead(todo: Sequence[TilePlan], frozen: Plan, parts: Parts) -> Iterator[TilePlan]:
    """Map tiles in order, the next one's observation being read meanwhile."""

    def look(entry: TilePlan) -> Observation:
        with parts.clock.timing("observe"):
            return observed(entry, frozen, parts)

    reader = ThreadPoolExecutor(1, thread_name_prefix="observe")
    patient = False
    try:
        waiting: list[Future[Observation]] = [reader.submit(look, entry) for entry in todo[:1]]
        for index, entry in enumerate(todo):
            seen = waiting.pop(0)
            seen.exception()  # wait for it before the next is read: one ahead, never two
            waiting.extend(reader.submit(look, following) for following in todo[index + 1 : index + 2])
            with parts.clock.timing("interpret"):
                map_tile(entry, frozen, parts, look=seen.result)
            yield entry
        patient = True
    except Exception:
        patient = True  # the run may go on with other tiles: two readers at once would hold twice the memory
        raise
    finally:
        reader.shutdown(wait=patient, cancel_futures=True)  # whoever interrupts is not kept waiting for a network
