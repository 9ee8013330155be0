"""Requests for products of made-up maps, for tests of what is published."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lczmap.store.product import ProductRequest
from lczmap.testing.fakes import MemoryStore
from lczmap.things.composite import Composite
from lczmap.things.maps import TileMap
from lczmap.things.observation import Observation
from lczmap.things.probabilities import confidence, encode, margin
from lczmap.things.registration import Registration
from lczmap.words.grid import Posting, Tile, posts_across
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.modelcard import MetricTable, ModelCard
from lczmap.words.period import parse_period
from lczmap.words.place import LonLatBox, Place
from lczmap.words.plan import Plan, TilePlan, map_key, observation_key
from lczmap.words.quality import Quality
from lczmap.words.scene import Scene, Skipped
from tests.plans import EAST, WEST, plan_of_tiles, scene, with_vhr

CREATED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
SOUTH_EAST = Tile(epsg=32633, column=31, row=453)
HIDDEN = "/home/someone/secret/catalogue.json"  # a local path that no file may repeat
CARD = ModelCard(
    name="fake",
    title="A fake classifier",
    role="sentinel",
    architecture="resnet11",
    provisional=True,
    weights="fake.safetensors",
    sha256="0" * 64,
    bands=(),
    units="surface reflectance 0..1",
    patch_pixels=32,
    classes=17,
    temperature=1.0,
    sentinel_weight=0.6,
    licence="CC-BY-4.0",
    attribution=("Somebody <kind> & Co",),
    training=("Trained on nothing.",),
    metrics=(MetricTable(heading="teacher agreement", rows={"Nowhere": {"exact": 0.5}}),),
    limits=("Knows nothing.",),
)

GRAPH_CARD = replace(CARD, name="fake-gcn", title="A fake reader of graphs", role="graph", architecture="gcn", bands=())
SHIFT = Registration(east=9.25, north=-6.5, peak=40.0, share=0.5)  # 11.3 m


def aoi_plan(posting: Posting, *, scenes: Sequence[Scene] = (), period: str = "2024") -> Plan:
    """A plan of an L-shaped area over two tiles."""
    last = posts_across(posting) - 1
    wanted = {
        WEST: [(row, column) for row in range(5, 12) for column in range(last - 6, last + 1)],
        EAST: [(row, column) for row in range(5, 9) for column in range(9)],
    }
    plan = plan_of_tiles(posting, wanted, scenes or (scene(),))
    return replace(plan, spec=replace(plan.spec, period=parse_period(period, today=date(2026, 1, 1))))


def city_plan(posting: Posting, tiles: Sequence[Tile] = (WEST, EAST, SOUTH_EAST)) -> Plan:
    """A plan of a named city of whole tiles, one corner of the rectangle missing."""
    every = {tile: [(row, column) for row in range(n) for column in range(n)] for tile in tiles
             for n in (posts_across(posting),)}  # fmt: skip
    plan = plan_of_tiles(posting, every, (scene(), scene("S2B_33UUU_20240706_0_L2A")))
    place = Place(
        slug="testville-de",
        name="Testville <am & See>",
        country="DE",
        kind="city",
        geometry=LonLatBox(west=13.31, south=52.43, east=13.46, north=52.52).polygon,
        epsg=32633,
        margin_metres=1000,
    )
    skipped = (Skipped(id="S2A_BROKEN", reason=f"cannot open {HIDDEN}: truncated"),)
    return replace(plan, place=place, skipped=skipped)


def made_up_map(tile: TilePlan, posting: Posting, key: str, *, seed: int, vhr: bool = False) -> TileMap:
    """Random classes in blobs, some posts unknown; unwanted posts blank, as `interpret` leaves them."""
    side = posts_across(posting)
    random = np.random.default_rng([seed, tile.tile.column, tile.tile.row + 1000])
    coarse = random.dirichlet(np.full(CLASS_COUNT, 0.25), (side // 8 + 1, side // 8 + 1))
    smooth = coarse.repeat(8, axis=0).repeat(8, axis=1)[:side, :side]
    noise = random.dirichlet(np.ones(CLASS_COUNT), (side, side))
    probabilities = (0.7 * smooth + 0.3 * noise).astype(np.float32)
    probabilities[random.random((side, side)) < 0.05] = np.nan
    probabilities[~tile.area.wanted] = np.nan
    quality = random.choice(np.array([0, 2, 16, 18, 1024], np.uint16), (side, side))
    quality[~tile.area.wanted] = 65535
    known = ~np.isnan(probabilities[..., 0])
    by_image = np.roll(probabilities, 2, axis=-1)
    by_image[:3] = np.nan  # the image does not reach the north of the tile
    return TileMap(
        tile=tile.tile,
        posting=posting,
        key=key,
        probabilities=encode(probabilities),
        sentinel=encode(np.roll(probabilities, 1, axis=-1)) if vhr else None,
        vhr=encode(by_image) if vhr else None,
        confidence=confidence(probabilities),
        margin=margin(probabilities),
        quality=quality,
        looks=np.where(known, random.integers(1, 13, (side, side)), 0).astype(np.uint8),
        registration=SHIFT if vhr else None,
    )


def request_of(
    plan: Plan, out: Path, *, seed: int = 1, clip: bool = False, vhr: bool = False, store: MemoryStore | None = None
) -> ProductRequest:
    """A request with a made-up record for every tile."""
    plan = with_vhr(plan) if vhr and plan.vhr is None else plan
    kept = MemoryStore() if store is None else store
    for tile in plan.tiles:
        key = map_key(plan, tile)
        kept.write("map", key, made_up_map(tile, plan.spec.posting, key, seed=seed, vhr=vhr).record())
    return ProductRequest(
        plan=plan,
        store=kept,
        out=out,
        manifest='format = 1\nplace = "here"\n',
        clip=clip,
        cards=(CARD, GRAPH_CARD) if vhr else (CARD,),
        timings={"search": 1.25, "observe": 3.5},
        created=CREATED,
    )


def keep_observations(request: ProductRequest) -> None:
    """Add a made-up composite for every tile to a request's store."""
    random = np.random.default_rng(5)
    for tile in request.plan.tiles:
        side = tile.tile.observed.width
        values = random.integers(300, 3000, (10, side // 32 + 1, side // 32 + 1)).astype(np.int16)
        composite = Composite(
            reflectance=values.repeat(32, axis=1).repeat(32, axis=2)[:, :side, :side],
            looks=np.ones((side, side), np.uint8),
            provenance=np.zeros((side, side), np.uint8),
        )
        key = observation_key(request.plan, tile)
        request.store.write("observation", key, Observation(tile=tile.tile, key=key, composite=composite).record())


def expected(request: ProductRequest, field: str) -> NDArray[np.generic]:
    """One quantity of a request's maps laid side by side by plain loops, over the product's own extent.

    Args:
        request: names tiles and store.
        field: `lcz`, or the name of an array in the records.
    """
    posting, plan = request.plan.spec.posting, request.plan
    cells: dict[tuple[int, int], NDArray[np.generic]] = {}
    wanted: set[tuple[int, int]] = set()
    for tile in plan.tiles:
        record = request.store.read("map", map_key(plan, tile))
        values = np.asarray(record.arrays[field if field != "lcz" else "probabilities"])
        if field == "lcz":
            values = np.where(values[..., 0] == 255, 0, values.argmax(axis=-1) + 1).astype(np.uint8)
        west, _, _, north = tile.tile.bounds
        for row in range(values.shape[0]):
            for column in range(values.shape[1]):
                at = (north // posting * posting - row * posting, west + column * posting)
                cells[at] = values[row, column]
                if tile.area.wanted[row, column]:
                    wanted.add(at)
    tops, lefts = [at[0] for at in wanted], [at[1] for at in wanted]
    rows = range(max(tops), min(tops) - posting, -posting)
    columns = range(min(lefts), max(lefts) + posting, posting)
    nodata = {"lcz": 0, "looks": 0, "quality": 65535}.get(field, 255)
    blank = np.full_like(next(iter(cells.values())), nodata)
    return np.array([[cells.get((top, left), blank) for left in columns] for top in rows])


def flag_counts(request: ProductRequest) -> Mapping[Quality, int]:
    """Wanted cells by quality bit, counted cell by cell."""
    counts = dict.fromkeys(Quality, 0)
    for tile in request.plan.tiles:
        record = request.store.read("map", map_key(request.plan, tile))
        for value in np.asarray(record.arrays["quality"])[tile.area.wanted]:
            for bit in Quality:
                counts[bit] += bool(int(value) & bit)
    return {bit: count for bit, count in counts.items() if count}
