"""The fact: a wish with everything frozen that its map depends on, and the two addresses that follow."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from lczmap.words.errors import NoImageryError, SpecError
from lczmap.words.grid import HALO_METRES, Tile
from lczmap.words.place import Place, TileArea, tile_outline
from lczmap.words.scene import Scene, Skipped
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.source import SourceRules
from lczmap.words.spec import RunSpec
from lczmap.words.vhr import FAR_DAYS, VhrIdentity

OBSERVE_RECIPE = 1
"""Rises whenever the same scenes would give another composite."""
INTERPRET_RECIPE = 2
"""Rises whenever the same composite would give another map."""

VHR_ROOM_METRES = 100
"""Ground around what is read of a VHR image whose rasters may still touch a pixel: resampling looks around it."""

KEY_DIGITS = 32
"""Hexadecimal digits of a key: 128 bits of SHA-256."""


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """One model that takes part, by name and by the bytes of its weights."""

    role: str
    """`sentinel`, `segmenter` or `graph`."""
    name: str
    """Name of the model's card."""
    sha256: str
    """Digest of the weights file."""
    temperature: float = 1.0
    """What the card divides the logits by; it is no part of the weights, yet changes every probability."""


@dataclass(frozen=True, kw_only=True)
class TilePlan:
    """One tile of a plan."""

    area: TileArea
    """The tile and the posts wanted of it."""
    scene_ids: tuple[str, ...]
    """Items its composite is made from, sorted."""

    @property
    def tile(self) -> Tile:
        """The tile."""
        return self.area.tile


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything a map depends on, and nothing else; replayable from its manifest."""

    place: Place
    """Where; its name is in no key."""
    spec: RunSpec
    """The wish."""
    source: SourceRules
    """How the source's items are read."""
    models: tuple[ModelFile, ...]
    """Every model that takes part."""
    scenes: Mapping[str, Scene]
    """Frozen items by id, as settled for the whole run."""
    tiles: tuple[TilePlan, ...]
    """From north-west to south-east."""
    planned: date
    """Day of the search; in no key."""
    skipped: tuple[Skipped, ...] = ()
    """What was found and left out; in no key."""
    vhr: VhrIdentity | None = None
    """The VHR image; None where the Sentinel stream stands alone."""
    segmenter: SegmenterSpec | None = None
    """How the VHR image is cut into instances; None without one."""
    sentinel_weight: float | None = None
    """Share of the Sentinel stream in the fused probabilities, settled from wish and cards; None where it is alone."""
    items: Mapping[str, str] = field(default_factory=dict, repr=False)
    """STAC items as JSON text by id, so that a worker need not search; in no key, in no manifest."""

    @property
    def vhr_far(self) -> bool:
        """Whether some of the VHR image was taken far from the period, as far as days and boxes tell.

        It sums the image up for people; a cell is flagged by the days of the pixels that it shows.
        """
        days = None if self.vhr is None else self.vhr.days_from(self.spec.period)
        return days is not None and days > FAR_DAYS

    def vhr_of(self, tile: TilePlan) -> VhrIdentity | None:
        """What of the VHR image can show in a tile's map; None without an image.

        It depends on the tile and on the rasters that meet it, and not on what else the place holds.
        """
        if self.vhr is None:
            return None
        return self.vhr.within(tile_outline(tile.tile, vhr_reach(self.segmenter)))

    def scenes_of(self, tile: TilePlan) -> tuple[Scene, ...]:
        """The frozen scenes of one tile."""
        return tuple(self.scenes[scene_id] for scene_id in tile.scene_ids)

    def tile_named(self, name: str) -> TilePlan:
        """The plan of one tile, by its name.

        Raises:
            SpecError: where the plan does not hold it.
        """
        for entry in self.tiles:
            if entry.tile.name == name:
                return entry
        raise SpecError(f"Tile {name} is not in the plan of {self.place.slug}; it holds {len(self.tiles)}.")

    def without(self, item_id: str, reason: str) -> "Plan":
        """The plan that remains when one item or VHR raster turns out to be unreadable: it leaves every tile.

        A plan that does not hold it is left as it is.

        Raises:
            NoImageryError: where a tile would be left without any scene, or the VHR image without any raster.
        """
        if item_id in self.scenes:
            return self._without_scene(item_id, reason)
        if self.vhr is None or item_id not in {part.id for part in self.vhr.parts}:
            return self
        image = self.vhr.without(item_id)
        if not image.parts:
            raise NoImageryError(
                f"The VHR raster {item_id} cannot be read ({reason}) and there is no other; give other imagery, or "
                "leave it out with --vhr none."
            )
        return replace(self, vhr=image, skipped=(*self.skipped, Skipped(id=item_id, reason=reason)))

    def _without_scene(self, scene_id: str, reason: str) -> "Plan":
        tiles = tuple(
            replace(entry, scene_ids=tuple(other for other in entry.scene_ids if other != scene_id))
            for entry in self.tiles
        )
        bare = [
            after.tile.name
            for before, after in zip(self.tiles, tiles, strict=True)
            if before.scene_ids and not after.scene_ids
        ]
        if bare:
            raise NoImageryError(
                f"Item {scene_id} cannot be read ({reason}) and no other scene covers tile {bare[0]}; "
                "ask for a longer period or another source."
            )
        return replace(
            self,
            scenes={key: scene for key, scene in self.scenes.items() if key != scene_id},
            items={key: item for key, item in self.items.items() if key != scene_id},
            tiles=tiles,
            skipped=(*self.skipped, Skipped(id=scene_id, reason=reason)),
        )


def vhr_reach(segmenter: SegmenterSpec | None) -> int:
    """Ground around a tile, metres, in which a raster may change its map: what frames and registration look at."""
    context = segmenter.context_metres if segmenter is not None and segmenter.mode == "window" else 0
    return max(HALO_METRES, context) + VHR_ROOM_METRES


def observation_key(plan: Plan, tile: TilePlan) -> str:
    """Address of a tile's composite: same key, same pixels."""
    return digest(
        {
            "recipe": OBSERVE_RECIPE,
            "tile": tile.tile.name,
            "items": [list(scene.address) for scene in plan.scenes_of(tile)],
            "source": plan.source.digest_fields,
            "composite": {
                "name": plan.spec.composite.name,
                "scl_dropped": list(plan.spec.composite.scl_dropped),
                "dilation_metres": plan.spec.composite.dilation_metres,
            },
        }
    )


def map_key(plan: Plan, tile: TilePlan) -> str:
    """Address of a tile's map: same key, same bytes.

    Without a VHR image nothing of the second stream enters, so that a map by one stream keeps its address.
    """
    spec = plan.spec
    image = plan.vhr_of(tile)
    vhr = None if image is None else {**image.digest_fields, "far": list(image.far(spec.period))}
    return digest(
        {
            "recipe": INTERPRET_RECIPE,
            "observation": observation_key(plan, tile),
            "vhr": vhr,
            "posting": spec.posting,
            "wanted": tile.area.digest,
            "segmenter": "none" if plan.segmenter is None else plan.segmenter.digest,
            "models": sorted([model.role, model.name, model.sha256, model.temperature] for model in plan.models),
            "precision": spec.precision,
            "weight": plan.sentinel_weight,
        }
    )


def digest(fields: Mapping[str, object]) -> str:
    """Key of a mapping: SHA-256 of its canonical JSON."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]
