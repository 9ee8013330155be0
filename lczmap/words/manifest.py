"""The manifest: a plan as TOML, readable by people, replayable with `--from`; no address signed, no path local."""

import base64
import tomllib
import zlib
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from types import NoneType
from typing import TypeVar, cast, get_args

import numpy as np
import shapely
import tomli_w
from numpy.typing import NDArray

from lczmap import __version__
from lczmap.words.errors import LczmapError, SpecError
from lczmap.words.grid import Posting, posts_across, tile_of
from lczmap.words.period import Period
from lczmap.words.place import LonLatBox, Place, TileArea
from lczmap.words.plan import (
    INTERPRET_RECIPE,
    OBSERVE_RECIPE,
    ModelFile,
    Plan,
    TilePlan,
    map_key,
    observation_key,
)
from lczmap.words.scene import Scene, Skipped
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.source import SourceRules
from lczmap.words.spec import CompositeMethod, RunSpec
from lczmap.words.vhr import VhrIdentity, VhrPart

FORMAT = 1
"""Version of the layout below."""

Table = Mapping[str, object]
Thing = TypeVar("Thing")


def manifest_of(plan: Plan) -> str:
    """Write a plan as TOML."""
    spec = plan.spec
    tables: dict[str, object] = {
        "format": FORMAT,
        "lczmap": __version__,
        "recipes": {"observe": OBSERVE_RECIPE, "interpret": INTERPRET_RECIPE},
        "planned": plan.planned,
        "place": {**_plain(plan.place), "geometry": shapely.to_wkt(plan.place.geometry, rounding_precision=9)},
        "spec": {**_plain(spec), "period": _plain(spec.period), "composite": _plain(spec.composite)},
        "source": _plain(plan.source),
        **_second_stream(plan),
        "models": [_plain(model) for model in plan.models],
        "skipped": [_plain(entry) for entry in plan.skipped],
        "scenes": [_plain(plan.scenes[scene_id]) for scene_id in sorted(plan.scenes)],
        "tiles": [
            {
                "name": entry.tile.name,
                "wanted": _packed(entry.area.wanted),
                "scenes": list(entry.scene_ids),
                "observation_key": observation_key(plan, entry),
                "map_key": map_key(plan, entry),
            }
            for entry in plan.tiles
        ],
    }
    return tomli_w.dumps(tables)


def _second_stream(plan: Plan) -> dict[str, object]:
    """What only a run with a VHR image holds; a manifest by one stream is written as it always was."""
    tables: dict[str, object] = {}
    if plan.vhr is not None:
        told = {name: value for name, value in _plain(plan.vhr).items() if name != "refused"}
        tables["vhr"] = {**told, "parts": [_part(part) for part in plan.vhr.parts]}
    if plan.segmenter is not None:
        tables["segmenter"] = _plain(plan.segmenter)
    if plan.sentinel_weight is not None:
        tables["fusion"] = {"sentinel_weight": plan.sentinel_weight}
    return tables


def _part(part: VhrPart) -> dict[str, object]:
    box = part.box
    return _plain(part) | ({} if box is None else {"box": [box.west, box.south, box.east, box.north]})


def plan_of(manifest: str) -> Plan:
    """Read a plan back; its items must be fetched again before it can be observed.

    Raises:
        SpecError: where the text is no manifest, or would not lead to the map it names.
    """
    try:
        tables = tomllib.loads(manifest)
        _check_recipes(tables)
        plan = _plan(tables)
        _check_keys(plan, tables)
    except (
        tomllib.TOMLDecodeError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
        shapely.errors.GEOSException,
        zlib.error,
    ) as error:
        raise SpecError(
            f"The manifest cannot be read ({error!r}); expected the manifest.toml of an lczmap product, unchanged."
        ) from error
    except LczmapError as error:
        raise SpecError(f"The manifest cannot be used: {error}") from error
    return plan


def _check_recipes(tables: Table) -> None:
    """Refuse a manifest whose map this version would not reproduce."""
    got = (tables["format"], _table(tables, "recipes")["observe"], _table(tables, "recipes")["interpret"])
    expected = (FORMAT, OBSERVE_RECIPE, INTERPRET_RECIPE)
    if got != expected:
        raise SpecError(
            f"its format and recipes are {got}, this version's are {expected}; "
            f"replay it with lczmap {tables.get('lczmap', 'of its time')}, or plan anew."
        )


def _check_keys(plan: Plan, tables: Table) -> None:
    """Refuse a manifest that was edited: its keys no longer follow from it."""
    for entry, row in zip(plan.tiles, _rows(tables, "tiles"), strict=True):
        if row["map_key"] != map_key(plan, entry):
            raise SpecError(
                f"the key of tile {entry.tile.name} does not follow from it: it was edited, or written by another "
                "build. Plan anew."
            )


def _plan(tables: Table) -> Plan:
    spec_table = _table(tables, "spec")
    posting = cast("Posting", spec_table["posting"])
    composite = dict(_table(spec_table, "composite"))
    composite["scl_dropped"] = tuple(cast("list[int]", composite["scl_dropped"]))
    place = dict(_table(tables, "place"))
    place["geometry"] = shapely.from_wkt(str(place["geometry"]))
    source = dict(_table(tables, "source"))
    source["env"] = tuple(cast("list[str]", source.get("env", [])))
    scenes = [_made(Scene, row) for row in _rows(tables, "scenes")]
    return Plan(
        place=_made(Place, place),
        spec=_made(
            RunSpec,
            {
                **spec_table,
                "period": _made(Period, _table(spec_table, "period")),
                "composite": _made(CompositeMethod, composite),
            },
        ),
        source=_made(SourceRules, source),
        models=tuple(_made(ModelFile, row) for row in _rows(tables, "models")),
        skipped=tuple(_made(Skipped, row) for row in _rows(tables, "skipped")),
        scenes={scene.id: scene for scene in scenes},
        tiles=tuple(_tile(row, posting) for row in _rows(tables, "tiles")),
        planned=cast("date", tables["planned"]),
        vhr=_vhr(_table(tables, "vhr")) if "vhr" in tables else None,
        segmenter=_made(SegmenterSpec, _table(tables, "segmenter")) if "segmenter" in tables else None,
        sentinel_weight=(cast("float", _table(tables, "fusion")["sentinel_weight"]) if "fusion" in tables else None),
    )


def _vhr(table: Table) -> VhrIdentity:
    values = dict(table)
    values["parts"] = tuple(_part_of(row) for row in _rows(table, "parts"))
    for name in ("bands", "low", "high"):
        values[name] = tuple(cast("list[float]", table[name]))
    return _made(VhrIdentity, values)


def _part_of(row: Table) -> VhrPart:
    if "box" not in row:
        return _made(VhrPart, row)
    west, south, east, north = map(float, cast("list[float]", row["box"]))
    return _made(VhrPart, {**row, "box": LonLatBox(west=west, south=south, east=east, north=north)})


def _tile(row: Table, posting: Posting) -> TilePlan:
    return TilePlan(
        area=TileArea(tile=tile_of(str(row["name"])), wanted=_unpacked(str(row["wanted"]), posts_across(posting))),
        scene_ids=tuple(cast("list[str]", row["scenes"])),
    )


def _packed(wanted: NDArray[np.bool_]) -> str:
    """`all`, or the mask's bits, row by row, deflated, in base64."""
    if wanted.all():
        return "all"
    return base64.b64encode(zlib.compress(np.packbits(wanted).tobytes(), 9)).decode()


def _unpacked(text: str, side: int) -> NDArray[np.bool_]:
    if text == "all":
        return np.ones((side, side), np.bool_)
    size = side * side // 8
    data = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size)
    if len(data) != size:
        raise ValueError(f"a mask of {len(data)} bytes, expected {size}")
    return np.unpackbits(np.frombuffer(data, np.uint8)).astype(np.bool_).reshape(side, side)


def _plain(thing: object) -> dict[str, object]:
    """The fields of a frozen dataclass that TOML can hold; None is left out."""
    values = {entry.name: getattr(thing, entry.name) for entry in fields(cast("type[object]", thing))}  # type: ignore[arg-type]
    return {
        name: list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if isinstance(value, str | int | float | date | datetime | tuple | Mapping)
    }


def _made(kind: type[Thing], table: Table) -> Thing:
    """Build a dataclass from a table; an unknown or missing field is an error, None was left out."""
    absent = {entry.name: None for entry in fields(cast("type[object]", kind)) if NoneType in get_args(entry.type)}  # type: ignore[arg-type]
    return kind(**(absent | dict(table)))


def _table(tables: Table, name: str) -> Table:
    value = tables[name]
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is no table")
    return cast("Table", value)


def _rows(tables: Table, name: str) -> list[Table]:
    value = tables[name]
    if not isinstance(value, list):
        raise TypeError(f"{name} is no list of tables")
    return cast("list[Table]", value)
