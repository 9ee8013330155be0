"""A 320 m square by itself, explained: placed freely on the 10 m grid and taken through both streams.

No map is read or written. The scenes are those that a map of the same period would take for the tile it lies in.
"""

from dataclasses import replace
from datetime import date

import numpy as np
import shapely
from shapely.geometry import Polygon

from lczmap import assemble, run
from lczmap.explain.blank import (
    LonLat,
    blank,
    check_lonlat,
    corner_around,
    degrees_from,
    grid_at,
    middle_of,
    part_of,
    reflectance_of,
    vote_of,
    with_image,
)
from lczmap.explain.image import SquareImage, cut_square, free_frame
from lczmap.pipeline import Parts
from lczmap.protocols import PatchClassifier
from lczmap.things.composite import Composite
from lczmap.things.explanation import Explanation, Verdict
from lczmap.things.patches import Patches, patch_of
from lczmap.things.probabilities import confidence, encode, fuse, margin
from lczmap.things.registration import Registration, register
from lczmap.words.bands import BAND_NAMES
from lczmap.words.errors import BrokenAssetError, UsageError
from lczmap.words.event import Listener, nobody
from lczmap.words.grid import PIXEL_METRES, TILE_METRES, WINDOW_METRES, WINDOW_PIXELS, PixelGrid, Tile
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.place import LonLatBox, Place, area_place, cover
from lczmap.words.plan import VHR_ROOM_METRES, Plan, TilePlan
from lczmap.words.quality import Quality
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.site import Site
from lczmap.words.spec import RunSpec
from lczmap.words.zone import zone_of

AROUND_METRES = WINDOW_METRES
"""Ground composited on each side of a square where there is a VHR image, so that the two can be registered."""


def square_plan(at: LonLat, wish: RunSpec, site: Site, *, sentinel: bool = True, tell: Listener = nobody) -> Plan:
    """Freeze what a free square depends on.

    Args:
        at: its centre.
        wish: period, sources and models; its posting plays no part.
        site: where the work happens.
        sentinel: whether Sentinel-2 is asked for; else the VHR stream stands alone.
        tell: hears events.

    Raises:
        LczmapError: as `lczmap.run.plan` does.
    """
    check_lonlat(at)
    epsg = zone_of(*at)
    x, y = middle_of(corner_around(at, epsg))
    # wide enough to hold a post at the finest posting in the tile where the middle lies
    outline = _square_around((x, y), 45, epsg)
    place = area_place(outline, slug="square", name=f"{at[0]:.5f},{at[1]:.5f}", epsg=epsg)
    spec = replace(wish, posting=80)
    shown = None if spec.vhr == "none" else image_box((x, y), epsg, assemble.segmenter(spec))
    return run.plan(place, spec, site, tell=tell, besides=shown) if sentinel else _image_plan(place, spec, site, shown)


def image_box(middle: tuple[int, int], epsg: int, segmenter: SegmenterSpec) -> LonLatBox:
    """All of a VHR image that is looked at for a free square: its frame and what is registered, with room around.

    Args:
        middle: easting and northing of the square's centre.
        epsg: the zone.
        segmenter: cuts the frame.
    """
    half = max(segmenter.frame_metres, WINDOW_METRES + 2 * AROUND_METRES) // 2 + VHR_ROOM_METRES
    west, south, east, north = _square_around(middle, half, epsg).bounds
    return LonLatBox(west=west, south=south, east=east, north=north)


def _square_around(middle: tuple[int, int], half: int, epsg: int) -> Polygon:
    """A square in degrees, by its centre and half its side in metres."""
    x, y = middle
    return shapely.transform(shapely.box(x - half, y - half, x + half, y + half), degrees_from(epsg))


def explain_square(plan: Plan, at: LonLat, parts: Parts) -> Explanation:
    """Take a 320 m square, centred at a point as nearly as the 10 m grid allows, through the streams of a plan.

    Args:
        plan: what `square_plan` froze.
        at: the point.
        parts: the live parts.

    Raises:
        SourceError: imagery cannot be read.
    """
    epsg = plan.place.epsg
    corner = corner_around(at, epsg)
    middle = middle_of(corner)
    name = Tile(epsg=epsg, column=middle[0] // TILE_METRES, row=middle[1] // TILE_METRES).name
    stream = parts.vhr if plan.vhr is not None else None
    around = AROUND_METRES // PIXEL_METRES if stream is not None else 0
    shift = around * PIXEL_METRES
    wide = grid_at(epsg, (corner[0] - shift, corner[1] + shift), WINDOW_PIXELS + 2 * around)
    plan, composite = _composite(plan, name, wide, parts)
    inner = slice(around, around + WINDOW_PIXELS)
    cell = None if composite is None else part_of(composite, inner, inner)
    image = registration = None
    if stream is not None and plan.vhr is not None:
        frame = free_frame(epsg, corner, stream.segmenter.spec)
        image = cut_square(frame, stream, identity=plan.vhr, period=plan.spec.period)
        if composite is not None:
            red = composite.reflectance[BAND_NAMES.index("B04")]
            registration = register(red, stream.source.view(plan.vhr).read(wide))
    return replace(
        with_image(blank(plan, plan.tile_named(name), corner, at), image),
        title="A square by itself",
        reflectance=None if cell is None else reflectance_of(cell),
        registration=registration,
        verdict=_verdict(None if cell is None else patch_of(cell), parts.sentinel, image, registration, plan),
        notes=tuple(_notes(plan, image, sentinel=cell is not None)),
    )


def _image_plan(place: Place, spec: RunSpec, site: Site, shown: LonLatBox | None) -> Plan:
    """The plan of a square that only a VHR image shows, which is looked at in a box."""
    source = assemble.vhr(spec, site)
    if source is None or shown is None:
        raise UsageError("Neither Sentinel-2 nor VHR imagery is asked for; name a --source or a --vhr.")
    image = source.identify(shown)
    return Plan(
        place=place,
        spec=spec,
        source=assemble.imagery(spec, site).rules,
        models=assemble.model_files(spec, site),
        scenes={},
        tiles=tuple(TilePlan(area=area, scene_ids=()) for area in cover(place, spec.posting)),
        planned=date.today(),  # noqa: DTZ011 - the user's day, in no key
        vhr=replace(image, refused=()),
        skipped=image.refused,
        segmenter=assemble.segmenter(spec),
        sentinel_weight=assemble.sentinel_weight(spec, site),
    )


def _composite(plan: Plan, name: str, grid: PixelGrid, parts: Parts) -> tuple[Plan, Composite | None]:
    """The composite of a tile's scenes on a small grid, and the plan without the scenes that could not be read."""
    while plan.tile_named(name).scene_ids:
        scenes = plan.scenes_of(plan.tile_named(name))
        items = [plan.items[scene.id] for scene in scenes]
        try:
            return plan, parts.imagery.composite(grid, scenes, items, plan.spec.composite)
        except BrokenAssetError as error:
            plan = run.left_out(plan, error)
    return plan, None


def _verdict(
    patch: Patches | None,
    sentinel: PatchClassifier,
    image: SquareImage | None,
    registration: Registration | None,
    plan: Plan,
) -> Verdict:
    """What both streams say of the square: the story's own arithmetic, for one post."""
    by_sentinel = np.full((1, CLASS_COUNT), np.nan, np.float32)
    quality = Quality.NO_VHR if image is None else image.quality
    if patch is not None:
        quality |= Quality(int(patch.quality[0]))
        if patch.usable[0]:
            told = sentinel.classify(patch.reflectance)
            by_sentinel = told.probabilities
            quality |= Quality.OUT_OF_DOMAIN if told.out_of_domain[0] else Quality(0)
    by_vhr = np.full((1, CLASS_COUNT), np.nan, np.float32) if image is None else image.probabilities
    if Quality.NO_VHR not in quality:
        quality |= Quality.VHR_MISREGISTERED if registration and registration.misregistered else Quality(0)
    fused = fuse(by_sentinel, by_vhr, 1.0 if plan.sentinel_weight is None else plan.sentinel_weight)
    both = not np.isnan(by_sentinel[0, 0]) and not np.isnan(by_vhr[0, 0])
    if both and by_sentinel.argmax() != by_vhr.argmax():
        quality |= Quality.STREAMS_DISAGREE
    return Verdict(
        sentinel=vote_of(encode(by_sentinel)[0]),
        vhr=vote_of(encode(by_vhr)[0]),
        fused=encode(fused)[0],
        confidence=int(confidence(fused)[0]),
        margin=int(margin(fused)[0]),
        quality=quality,
        looks=0 if patch is None else int(patch.looks[0]),
    )


def _notes(plan: Plan, image: SquareImage | None, *, sentinel: bool) -> list[str]:
    """What a reader must know besides."""
    notes = [
        "Placed freely on the 10 m grid: a map's squares lie on the zone's fixed lattice, and none need be this one."
    ]
    if not sentinel:
        notes.append("Sentinel-2 was not asked for: the VHR stream stands alone.")
    if image is None:
        notes.append("No VHR imagery was asked for: the Sentinel stream stands alone.")
    elif image.picture is None:
        notes.append("The VHR image shows nothing of this square.")
    elif plan.segmenter is not None and plan.segmenter.mode == "window":
        notes.append("The window that is cut into instances has the square in its middle; a map's windows lie fixed.")
    return notes
