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
    """Date in the middle of the scene's zone: items of one overpass share it across MGRS tiles."""
    updated: str
    """The item's `updated` (or `created`) property, as given; empty where there is none."""
    baseline: str
    """Processing baseline, for instance `05.09`; empty where there is none."""
    mgrs: str
    """MGRS tile, for instance `33UUU`; the item's id where it does not say."""
    epsg: int
    """Zone of the pixels."""
    cloud_percent: float | None
    """Cloud cover of the whole item as its catalogue states it, 0..100; None where it does not say."""
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
    """An item or a VHR raster that was found and that the plan leaves out."""

    id: str
    """STAC item id, or a VHR raster's."""
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
    """Date by the sun: UTC moved by four minutes a degree of longitude.

    Zones 60 and 1 lie on two sides of the date line: their scenes of one overpass bear two dates, and are two looks.

    Args:
        taken: sensing time, UTC.
        longitude: degrees east; that of the zone's central meridian, so that no outline can move the date.
    """
    return (taken + timedelta(minutes=4 * longitude)).date()


def select_scenes(items: Iterable[SceneItem], box: BaseGeometry, method: CompositeMethod) -> tuple[SceneItem, ...]:
    """Choose the scenes of one tile: the least cloudy solar days of each MGRS tile.

    Of several processings of one acquisition only the newest is judged, and only it can be chosen. A day is as
    cloudy as its least cloudy acquisition; days whose items do not say how cloudy they are come last.

    The choice looks at nothing but the tile, so it is the same whatever area was asked for.

    Args:
        items: candidates, in any order.
        box: the tile with its halo, lon/lat.
        method: how cloudy a scene may be and how many solar days are kept.
    """
    days: dict[tuple[str, date], list[SceneItem]] = defaultdict(list)
    for entry in items:
        if entry.footprint.intersects(box):
            days[entry.scene.mgrs, entry.scene.solar_day].append(entry)
    by_mgrs: dict[str, dict[date, list[SceneItem]]] = defaultdict(dict)
    for (mgrs, day), entries in days.items():
        clear = [entry for entry in _newest(entries) if _stated(entry) <= method.max_cloud_percent]
        if clear:
            by_mgrs[mgrs][day] = clear
    chosen: list[SceneItem] = []
    for clear_days in by_mgrs.values():
        ranked = sorted(clear_days, key=lambda day: (*min(map(_cloudiness, clear_days[day])), day))
        for day in ranked[: method.max_solar_days]:
            chosen.extend(clear_days[day])
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


def _newest(entries: Iterable[SceneItem]) -> list[SceneItem]:
    """One MGRS tile's items of a day without those that a newer processing of the same acquisition replaces."""
    kept: list[SceneItem] = []
    for entry in sorted(entries, key=_age, reverse=True):
        if not any(_same_acquisition(entry, newer) for newer in kept):
            kept.append(entry)
    return kept


def _age(entry: SceneItem) -> tuple[str, str, str]:
    return entry.scene.baseline, entry.scene.updated, entry.scene.id


def _same_acquisition(older: SceneItem, newer: SceneItem) -> bool:
    """Whether two items of one MGRS tile show the same pixels.

    Where an orbit is cut within the tile, the two parts may bear the same time; their footprints then hardly meet.
    """
    if abs(older.scene.taken - newer.scene.taken) >= timedelta(seconds=1):
        return False
    return bool(older.footprint.intersection(newer.footprint).area >= older.footprint.area / 2)


def _cloudiness(entry: SceneItem) -> tuple[bool, float]:
    """Rank by cloud, the unknown last."""
    return entry.scene.cloud_percent is None, _stated(entry)


def _stated(entry: SceneItem) -> float:
    return entry.scene.cloud_percent or 0.0
