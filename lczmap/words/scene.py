"""A scene: one Sentinel-2 item as a plan freezes it, and the rules by which scenes are chosen and stacked."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shapely.geometry.base import BaseGeometry

from lczmap.words.spec import CompositeMethod


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is known of one item without its pixels; the address of a composite depends on it."""

    id: str
    """STAC item id."""
    taken: datetime
    """Sensing time, UTC."""
    solar_day: date
    """Date at the scene's longitude: items of one overpass share it across MGRS tiles."""
    updated: str
    """The item's `updated` (or `created`) property, as given; empty where there is none."""
    baseline: str
    """Processing baseline, for instance `05.09`; empty where there is none."""
    mgrs: str
    """MGRS tile, for instance `33UUU`; the item's id where it does not say."""
    epsg: int
    """Zone of the pixels."""
    cloud_percent: float
    """Cloud cover of the whole item as its catalogue states it, 0..100."""
    has_scl: bool
    """Whether a scene classification comes with it."""
    offset_dn: int
    """Added to every digital number before scaling: 0 or -1000."""
    offset_assumed: bool
    """Whether `offset_dn` rests on metadata alone, because the pixels did not tell."""

    @property
    def address(self) -> tuple[str, str, str, str, int, bool, int, bool]:
        """The part of the scene that enters an observation key: whatever changes how its pixels are laid."""
        return (
            self.id,
            self.updated,
            self.baseline,
            self.solar_day.isoformat(),
            self.epsg,
            self.has_scl,
            self.offset_dn,
            self.offset_assumed,
        )


@dataclass(frozen=True, kw_only=True)
class SceneItem:
    """A scene with its footprint and the catalogue entry it was read from."""

    scene: Scene
    """The frozen facts."""
    footprint: BaseGeometry
    """Outline of the item's pixels, lon/lat."""
    item: str
    """The STAC item as JSON text with absolute, unsigned addresses."""


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """An item that the search found and the plan leaves out."""

    id: str
    """STAC item id."""
    reason: str
    """Why, in a few words."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search brought."""

    items: tuple[SceneItem, ...]
    """Items with all ten bands, offsets not yet settled."""
    skipped: tuple[Skipped, ...]
    """Items that cannot be used, with the reason."""


def solar_day(taken: datetime, longitude: float) -> date:
    """Date by the sun: UTC moved by four minutes a degree of longitude."""
    return (taken + timedelta(minutes=4 * longitude)).date()


def select_scenes(items: Iterable[SceneItem], box: BaseGeometry, method: CompositeMethod) -> tuple[SceneItem, ...]:
    """Choose the scenes of one tile: the least cloudy solar days of each MGRS tile.

    The choice looks at nothing but the tile, so it is the same whatever area was asked for.

    Args:
        items: candidates, in any order.
        box: the tile with its halo, lon/lat.
        method: how cloudy a scene may be and how many solar days are kept.
    """
    by_mgrs: dict[str, dict[date, list[SceneItem]]] = defaultdict(lambda: defaultdict(list))
    for entry in items:
        if entry.scene.cloud_percent <= method.max_cloud_percent and entry.footprint.intersects(box):
            by_mgrs[entry.scene.mgrs][entry.scene.solar_day].append(entry)
    chosen: list[SceneItem] = []
    for days in by_mgrs.values():
        # the newest processing speaks for its day: an older copy of a scene may state another cloud cover
        ranked = sorted(days, key=lambda day: (_newest(days[day]).cloud_percent, day))
        for day in ranked[: method.max_solar_days]:
            chosen.extend(days[day])
    return tuple(sorted(chosen, key=lambda entry: entry.scene.id))


def overlap_order(scenes: Sequence[Scene], epsg: int) -> tuple[Scene, ...]:
    """Order in which scenes of one solar day fill a pixel: native zone, newest processing, id.

    Args:
        scenes: any scenes.
        epsg: the zone they are read into.
    """
    by_id = sorted(scenes, key=lambda scene: scene.id)
    by_age = sorted(by_id, key=lambda scene: (scene.baseline, scene.updated), reverse=True)
    return tuple(sorted(by_age, key=lambda scene: scene.epsg != epsg))


def _newest(entries: Sequence[SceneItem]) -> Scene:
    return max((entry.scene for entry in entries), key=lambda scene: (scene.baseline, scene.updated, scene.id))
