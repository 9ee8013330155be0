"""The story: observe a tile, interpret what was seen, keep both under their keys.

Nothing here knows where pixels, weights or records live; the parts come in by protocol.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lczmap.protocols import ImagerySource, PatchClassifier, TileStore
from lczmap.things.maps import TileMap, blank_map
from lczmap.things.observation import Observation, observation_of
from lczmap.things.patches import Patches, cut_patches
from lczmap.things.probabilities import confidence, encode, fuse, margin
from lczmap.words.errors import BrokenRecordError
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


def interpret(observation: Observation, tile: TilePlan, plan: Plan, sentinel: PatchClassifier) -> TileMap:
    """Tell the classes of one tile's wanted posts from what was seen of it."""
    posting = plan.spec.posting
    tile_map = blank_map(tile.tile, posting, map_key(plan, tile))
    for patches in cut_patches(observation.composite, posting, tile.area.wanted):
        _enter(tile_map, patches, sentinel)
    return tile_map


def observed(tile: TilePlan, plan: Plan, parts: Parts) -> Observation:
    """The tile's observation, from the store where it is kept, else made and kept."""
    key = observation_key(plan, tile)
    if parts.store.has("observation", key):
        try:
            return observation_of(parts.store.read("observation", key))
        except BrokenRecordError as error:
            log.warning("%s It is made anew.", error)
    observation = observe(tile, plan, parts.imagery)
    parts.store.write("observation", key, observation.record())
    return observation


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
        parts.store.write("map", key, interpret(observation, tile, plan, parts.sentinel).record())
    return key


def _enter(tile_map: TileMap, patches: Patches, sentinel: PatchClassifier) -> None:
    """Classify one lot and enter it into the map's arrays."""
    probabilities = np.full((len(patches.posts), CLASS_COUNT), np.nan, np.float32)
    quality = patches.quality | np.uint16(Quality.NO_VHR)
    if patches.usable.any():
        verdicts = sentinel.classify(patches.reflectance[patches.usable])
        probabilities[patches.usable] = verdicts.probabilities
        quality[patches.usable] |= np.where(verdicts.out_of_domain, Quality.OUT_OF_DOMAIN, 0).astype(np.uint16)
    fused = fuse(probabilities, None, sentinel.card.sentinel_weight)
    rows, columns = np.divmod(patches.posts, tile_map.quality.shape[1])
    tile_map.probabilities[rows, columns] = encode(fused)
    tile_map.confidence[rows, columns] = confidence(fused)
    tile_map.margin[rows, columns] = margin(fused)
    tile_map.quality[rows, columns] = quality
    tile_map.looks[rows, columns] = patches.looks
