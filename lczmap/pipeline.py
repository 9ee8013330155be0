"""The story: observe a tile, interpret what was seen, keep both under their keys.

Nothing here knows where pixels, weights or records live; the parts come in by protocol.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lczmap.protocols import ImagerySource, PatchClassifier, TileStore
from lczmap.things.maps import TileMap, blank_map
from lczmap.things.observation import Observation, observation_of
from lczmap.things.patches import cut_patches
from lczmap.things.probabilities import confidence, encode, fuse, margin
from lczmap.vhrstream import VhrStream, VhrVotes, vhr_votes
from lczmap.words.errors import BrokenRecordError
from lczmap.words.event import Clock
from lczmap.words.grid import posts_across
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.plan import Plan, TilePlan, map_key, observation_key
from lczmap.words.quality import Quality

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The live parts of a run, assembled by name."""

    imagery: ImagerySource
    """Where Sentinel-2 comes from."""
    sentinel: PatchClassifier
    """Classifier of Sentinel-2 patches."""
    store: TileStore
    """Where records are kept."""
    vhr: VhrStream | None = None
    """Source, segmenter and classifier of the second stream; None where the plan has no VHR image."""
    clock: Clock = field(default_factory=Clock)
    """Keeps the time of every stage."""


def observe(tile: TilePlan, plan: Plan, imagery: ImagerySource) -> Observation:
    """Look at one tile: read its frozen scenes and make their composite.

    Raises:
        SourceError: an asset is broken or the source does not answer.
    """
    scenes = plan.scenes_of(tile)
    composite = imagery.composite(
        tile.tile.observed, scenes, [plan.items[scene.id] for scene in scenes], plan.spec.composite
    )
    return Observation(tile=tile.tile, key=observation_key(plan, tile), composite=composite)


def interpret(observation: Observation, tile: TilePlan, plan: Plan, parts: Parts) -> TileMap:
    """Tell the classes of one tile's wanted posts from what was seen of it, by each stream and by both."""
    tile_map = blank_map(tile.tile, plan.spec.posting, map_key(plan, tile))
    with parts.clock.timing("classify"):
        sentinel = _sentinel_votes(observation, tile, tile_map, parts.sentinel)
    if parts.vhr is None or plan.vhr is None or plan.sentinel_weight is None:
        return _entered(tile_map, tile, sentinel, None, 1.0)
    votes = vhr_votes(observation, tile, plan, parts.vhr, clock=parts.clock)
    return _entered(tile_map, tile, sentinel, votes, plan.sentinel_weight)


def observed(tile: TilePlan, plan: Plan, parts: Parts) -> Observation:
    """The tile's observation, from the store where it is kept, else made and kept; with a view of its VHR image."""
    observation = _kept(observation_key(plan, tile), parts.store)
    if observation is None:
        observation = observe(tile, plan, parts.imagery)
        parts.store.write("observation", observation.key, observation.record())
    image = plan.vhr_of(tile)
    if parts.vhr is None or image is None:
        return observation
    return replace(observation, vhr=parts.vhr.source.view(image))


def map_tile(tile: TilePlan, plan: Plan, parts: Parts, look: Callable[[], Observation] | None = None) -> str:
    """Map one tile and keep its record, unless it is kept already.

    Args:
        tile: the tile.
        plan: its plan.
        parts: the live parts.
        look: how to come by the observation; by default from the store or the source. A reader that runs ahead
            passes its own.

    Returns:
        The map key.
    """
    key = map_key(plan, tile)
    if not parts.store.has("map", key):
        observation = look() if look is not None else observed(tile, plan, parts)
        parts.store.write("map", key, interpret(observation, tile, plan, parts).record())
    return key


def _kept(key: str, store: TileStore) -> Observation | None:
    """The observation of a key, where it is kept and whole."""
    if not store.has("observation", key):
        return None
    try:
        return observation_of(store.read("observation", key))
    except BrokenRecordError as error:
        log.warning("%s It is made anew.", error)
        return None


def _sentinel_votes(
    observation: Observation, tile: TilePlan, tile_map: TileMap, sentinel: PatchClassifier
) -> NDArray[np.float32]:
    """(posts, 17) probabilities of the Sentinel stream, NaN where it has none; enters quality and looks on the way."""
    posting = tile_map.posting
    probabilities = np.full((posts_across(posting) ** 2, CLASS_COUNT), np.nan, np.float32)
    quality, looks = tile_map.quality.reshape(-1), tile_map.looks.reshape(-1)
    for patches in cut_patches(observation.composite, posting, tile.area.wanted):
        quality[patches.posts], looks[patches.posts] = patches.quality, patches.looks
        usable = patches.posts[patches.usable]
        if len(usable):
            verdicts = sentinel.classify(patches.reflectance[patches.usable])
            probabilities[usable] = verdicts.probabilities
            quality[usable] |= np.where(verdicts.out_of_domain, Quality.OUT_OF_DOMAIN, 0).astype(np.uint16)
    return probabilities


def _entered(
    tile_map: TileMap, tile: TilePlan, sentinel: NDArray[np.float32], votes: VhrVotes | None, weight: float
) -> TileMap:
    """Fuse the streams and enter what comes out into the map's arrays."""
    wanted = tile.area.wanted
    vhr = None if votes is None else votes.probabilities
    fused = fuse(sentinel, vhr, weight).reshape(*wanted.shape, CLASS_COUNT)
    tile_map.probabilities[wanted] = encode(fused[wanted])
    tile_map.confidence[wanted] = confidence(fused[wanted])
    tile_map.margin[wanted] = margin(fused[wanted])
    if votes is None:
        tile_map.quality[wanted] |= np.uint16(Quality.NO_VHR)
        return tile_map
    bits = votes.quality | np.where(_disagree(sentinel, votes.probabilities), Quality.STREAMS_DISAGREE, 0)
    tile_map.quality[wanted] |= bits.astype(np.uint16).reshape(wanted.shape)[wanted]
    # one function keeps the bytes of all three, so that a stream alone and the fused map never differ by rounding
    by_stream = (encode(each).reshape(fused.shape) for each in (sentinel, votes.probabilities))
    by_sentinel, by_vhr = (np.where(wanted[..., None], each, 255).astype(np.uint8) for each in by_stream)
    return replace(tile_map, sentinel=by_sentinel, vhr=by_vhr, registration=votes.registration)


def _disagree(sentinel: NDArray[np.float32], vhr: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(posts,) whether both streams have a vote and name different classes."""
    both = ~np.isnan(sentinel[:, 0]) & ~np.isnan(vhr[:, 0])
    first, second = (np.where(both[:, None], each, 0).argmax(axis=1) for each in (sentinel, vhr))
    apart: NDArray[np.bool_] = both & (first != second)
    return apart
