"""A post of a map that stands, explained: its verdicts from the map's record, its image read and cut again.

In: a product's folder and a point. Out: an `Explanation` whose classes are the map's.
"""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lczmap import assemble
from lczmap.explain.blank import (
    LonLat,
    blank,
    check_lonlat,
    degrees_from,
    metres_of,
    middle_of,
    part_of,
    reflectance_of,
    vote_of,
    with_image,
)
from lczmap.explain.image import SquareImage, cut_square, post_frame
from lczmap.protocols import TileStore
from lczmap.store.product import ITEM
from lczmap.things.explanation import Explanation, Post, Verdict
from lczmap.things.maps import TileMap, map_of
from lczmap.things.observation import observation_of
from lczmap.things.probabilities import PROBABILITY_LEVELS, PROBABILITY_NODATA, encode
from lczmap.vhrstream import VhrStream
from lczmap.words.errors import AreaError, BrokenRecordError, ModelCardError, SpecError
from lczmap.words.grid import PIXEL_METRES, TILE_METRES, WINDOW_METRES, WINDOW_PIXELS, Tile, posts_across
from lczmap.words.manifest import plan_of
from lczmap.words.plan import Plan, TilePlan, map_key, observation_key
from lczmap.words.quality import Quality
from lczmap.words.site import Site

MANIFEST = "manifest.toml"
"""What of a product's folder says how its map came about."""
REPEATED = 5
"""Levels (of 250) by which a vote made again may differ from the map's: bfloat16 on another device errs so much."""


def product_plan(product: Path) -> tuple[Plan, Path]:
    """The plan of a product, and the output folder in whose `.lczmap` its records lie.

    Args:
        product: the product's folder, or its `item.json` or `manifest.toml`.

    Raises:
        SpecError: it is no product, or of another version.
    """
    folder = product.parent if product.name in {ITEM, MANIFEST} else product
    missing = [name for name in (ITEM, MANIFEST) if not (folder / name).is_file()]
    if missing:
        why = f"it holds no {' and no '.join(missing)}" if folder.is_dir() else "there is no such folder"
        raise SpecError(
            f"{product} is no map made by lczmap: {why}; name the folder of one, for instance "
            "lczmap-out/hangzhou-cn/2023-H1."
        )
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{folder / MANIFEST} cannot be read ({error}); map the place again.") from error
    # an edition of old lies deeper than the one that stands
    above = [parent for parent in folder.absolute().parents if Site(out=parent).records.is_dir()]
    return plan_of(text), above[0] if above else folder.absolute().parents[1]


def live_stream(plan: Plan, site: Site) -> VhrStream | None:
    """The live parts of a map's second stream; None where it has none.

    Raises:
        ModelCardError: this lczmap has other models than the map was made with.
        LczmapError: as `lczmap.assemble.second_stream` does.
    """
    if plan.vhr is None:
        return None
    differ = assemble.other_models(plan, site)
    if differ:
        raise ModelCardError(
            f"The map was made with {differ}; explain it with the version that made it, or map the place anew."
        )
    return assemble.second_stream(plan, site)


def explain_post(plan: Plan, at: LonLat, *, store: TileStore, vhr: VhrStream | None = None) -> Explanation:
    """Explain the post of a map that is nearest to a point.

    The verdicts are the map's own, from its record. The image is cut anew by the map's plan.

    Args:
        plan: of the map.
        at: the point.
        store: holds the map's records.
        vhr: the live parts of the plan's second stream; None leaves image and instances out.

    Raises:
        AreaError: the point lies outside the map.
        BrokenRecordError: the map's record is gone.
        SourceError: the VHR image cannot be read, or is another one now.
    """
    entry, post = post_at(plan, at)
    tile_map = _held(plan, entry, store)
    reflectance = _seen_there(store, observation_key(plan, entry), post)
    image = None
    identity = plan.vhr_of(entry)
    if identity is not None and vhr is not None:
        frame = post_frame(post, vhr.segmenter.spec)
        image = cut_square(frame, vhr, identity=identity, period=plan.spec.period)
    return replace(
        with_image(blank(plan, entry, post.corner, at), image),
        title=plan.place.name,
        post=post,
        reflectance=reflectance,
        registration=tile_map.registration,
        verdict=verdict_of(tile_map, post),
        notes=tuple(_notes(plan, tile_map, post, image, composite_kept=reflectance is not None)),
    )


def telling_points(plan: Plan, store: TileStore, *, most: int) -> list[LonLat]:
    """Where a map's commonest classes are surest: one post each, where both streams have a vote if any post has.

    Args:
        plan: of the map.
        store: holds its records.
        most: points at most; fewer where the map has fewer classes.

    Raises:
        BrokenRecordError: a record is gone.
    """
    cells: Counter[int] = Counter()
    # by class: whether both streams voted, the confidence, where; of equal ones the first in the north-west stays
    best: dict[int, tuple[bool, int, Post]] = {}
    for entry in plan.tiles:
        tile_map = _held(plan, entry, store)
        paired = np.zeros(tile_map.confidence.shape, np.bool_)
        if tile_map.sentinel is not None and tile_map.vhr is not None:
            paired = (tile_map.sentinel[..., 0] != PROBABILITY_NODATA) & (tile_map.vhr[..., 0] != PROBABILITY_NODATA)
        for code in np.unique(tile_map.lcz[tile_map.lcz > 0]).tolist():
            here = tile_map.lcz == code
            cells[code] += int(np.count_nonzero(here))
            rank = np.where(here, 1 + tile_map.confidence.astype(np.int64) + 1000 * paired, 0)
            row, column = divmod(int(rank.argmax()), rank.shape[1])
            post = Post(tile=entry.tile, posting=plan.spec.posting, row=row, column=column)
            found = bool(paired[row, column]), int(tile_map.confidence[row, column]), post
            if code not in best or found[:2] > best[code][:2]:
                best[code] = found
    anywhere = any(both for both, _, _ in best.values())
    ranked = sorted((code for code in best if best[code][0] or not anywhere), key=lambda code: (-cells[code], code))
    to_degrees = degrees_from(plan.place.epsg)
    middles = [to_degrees(np.array([middle_of(best[code][2].corner)], np.float64))[0] for code in ranked[:most]]
    return [(float(lon), float(lat)) for lon, lat in middles]


def _held(plan: Plan, entry: TilePlan, store: TileStore) -> TileMap:
    """The map's record of a tile.

    Raises:
        BrokenRecordError: it is gone.
    """
    key = map_key(plan, entry)
    if not store.has("map", key):
        raise BrokenRecordError(
            f"The record of tile {entry.tile.name} is not in the .lczmap folder beside this map; make it again with "
            f"`lczmap city --from {MANIFEST}`, then ask again."
        )
    return map_of(store.read("map", key))


def post_at(plan: Plan, at: LonLat) -> tuple[TilePlan, Post]:
    """The mapped post nearest to a point.

    Raises:
        AreaError: the point lies outside what was mapped.
    """
    check_lonlat(at)
    place, posting = plan.place, plan.spec.posting
    x, y = metres_of(at, place.epsg)
    if math.isfinite(x) and math.isfinite(y):
        tile = Tile(epsg=place.epsg, column=math.floor(x / TILE_METRES), row=math.floor(y / TILE_METRES))
        west, _, _, north = tile.bounds
        last = posts_across(posting) - 1
        # the lower edge belongs to the tile, whose first row lies in the north
        row, column = min(int((north - y) // posting), last), int((x - west) // posting)
        for entry in plan.tiles:
            if entry.tile == tile and entry.area.wanted[row, column]:
                return entry, Post(tile=tile, posting=posting, row=row, column=column)
    box = place.box
    around = f" and {place.margin_metres / 1000:g} km around" if place.margin_metres else ""
    raise AreaError(
        f"The point {at[0]:g},{at[1]:g} lies outside the map of {place.name}, which shows {box.west:.3f} to "
        f"{box.east:.3f} E and {box.south:.3f} to {box.north:.3f} N{around}; write longitude first, then latitude."
    )


def verdict_of(tile_map: TileMap, post: Post) -> Verdict:
    """What a map holds at a post."""
    here = post.row, post.column
    # a Sentinel stream that stood alone is the map
    sentinel = tile_map.probabilities if tile_map.sentinel is None else tile_map.sentinel
    return Verdict(
        sentinel=vote_of(sentinel[here]),
        vhr=None if tile_map.vhr is None else vote_of(tile_map.vhr[here]),
        fused=tile_map.probabilities[here],
        confidence=int(tile_map.confidence[here]),
        margin=int(tile_map.margin[here]),
        quality=Quality(int(tile_map.quality[here])),
        looks=int(tile_map.looks[here]),
    )


def _seen_there(store: TileStore, key: str, post: Post) -> NDArray[np.float32] | None:
    """The composite at a post, (32, 32, 10); None where it is kept no more."""
    if not store.has("observation", key):
        return None
    grid = post.tile.observed
    top, left = (grid.north - post.corner[1]) // PIXEL_METRES, (post.corner[0] - grid.west) // PIXEL_METRES
    rows, columns = slice(top, top + WINDOW_PIXELS), slice(left, left + WINDOW_PIXELS)
    return reflectance_of(part_of(observation_of(store.read("observation", key)).composite, rows, columns))


def _notes(plan: Plan, tile_map: TileMap, post: Post, image: SquareImage | None, *, composite_kept: bool) -> list[str]:
    """What a reader must know besides."""
    notes = []
    if post.posting != WINDOW_METRES:
        notes.append(
            f"Posts lie {post.posting} m apart; each is judged by the {WINDOW_METRES} m square around its centre."
        )
    if not composite_kept:
        notes.append("The composite is no longer kept beside this map, so Sentinel-2 is not shown.")
    if plan.vhr is None:
        notes.append("The map was made without VHR imagery: the Sentinel stream stands alone.")
    elif image is None:
        notes.append("The VHR image was not read again: neither it nor its instances are shown.")
    else:
        notes.append(_repetition(tile_map, post, image))
    return notes


def _repetition(tile_map: TileMap, post: Post, image: SquareImage) -> str:
    """Whether the instances that are shown lead to the vote that the map holds."""
    if image.picture is None:
        return "The VHR image shows nothing of this square."
    if tile_map.vhr is None:
        return "The map holds no votes of the VHR stream."
    again = encode(image.probabilities)[0].astype(np.int16)
    apart = int(np.abs(again - tile_map.vhr[post.row, post.column]).max())
    if apart == 0:
        return "Instances cut again from the image by the map's plan; they give the very vote that the map holds."
    if apart <= REPEATED:
        return (
            "Instances cut again from the image by the map's plan; their vote is the map's to within "
            f"{apart / PROBABILITY_LEVELS:.1%}."
        )
    return (
        "Instances cut again from the image differ from the map's, which came from another device or build: their vote "
        f"is off by {apart / PROBABILITY_LEVELS:.0%}. The votes shown are the map's."
    )
