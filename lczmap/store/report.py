"""The report: what a map was made from, what was left out, what is noteworthy and how far to trust it.

One set of facts, written twice: `report.json` for machines and `report.html` for people, a page that stands alone.
"""

from collections.abc import Mapping, Sequence
from typing import get_args

from lczmap.store.about import SOFTWARE, Json, attribution, days, scene_href, without_paths
from lczmap.store.layers import Mosaic
from lczmap.store.product import CAVEAT, ProductRequest
from lczmap.store.secondstream import stream_facts, stream_warnings
from lczmap.things.areas import ClassArea
from lczmap.words.event import Stage
from lczmap.words.modelcard import ModelCard
from lczmap.words.plan import Plan
from lczmap.words.quality import GAPS_ALLOWED, MEANINGS, Quality
from lczmap.words.scene import Scene
from lczmap.words.zone import zone_label

STRANGE_ALLOWED = 0.05
"""Share of the mapped cells that may be out of domain before the report warns; 1 % is flagged by construction."""


def report_of(request: ProductRequest, mosaic: Mosaic, areas: Sequence[ClassArea]) -> dict[str, Json]:
    """All facts of a product.

    Args:
        request: what was asked.
        mosaic: what the map adds up to.
        areas: table of areas.
    """
    plan, grid = request.plan, mosaic.extent.grid
    nodata = mosaic.wanted - sum(mosaic.cells)
    return {
        "product": request.stem,
        "product_key": request.key,
        "created": request.created.strftime("%Y-%m-%d %H:%M UTC"),
        "software": SOFTWARE,
        "place": {
            "name": plan.place.name,
            "slug": plan.place.slug,
            "country": plan.place.country,
            "kind": plan.place.kind,
            "extent": without_paths(plan.place.extent_note),
        },
        "period": {
            "label": plan.spec.period.label,
            "first": plan.spec.period.first.isoformat(),
            "last": plan.spec.period.last.isoformat(),
            "words": days(plan.spec.period),
        },
        "grid": {
            "crs": f"EPSG:{grid.epsg}",
            "zone": zone_label(grid.epsg),
            "bounds": list(grid.bounds),
            "rows": grid.height,
            "columns": grid.width,
            "posting_metres": plan.spec.posting,
            "window_metres": 320,
            "tiles": [entry.tile.name for entry in plan.tiles],
        },
        "cells": {
            "wanted": mosaic.wanted,
            "mapped": mosaic.wanted - nodata,
            "nodata": nodata,
            "nodata_percent": round(100 * nodata / mosaic.wanted, 2) if mosaic.wanted else 0.0,
        },
        "warnings": _warnings(request, mosaic),
        "areas": [_area(area) for area in areas],
        "flags": _flags(mosaic),
        "source": {
            "name": plan.source.name,
            "title": without_paths(plan.source.title),
            "licence": without_paths(plan.source.licence),
            "attribution": without_paths(plan.source.attribution),
        },
        "attribution": attribution(plan),
        **stream_facts(plan, mosaic),
        "composite": _composite(plan),
        "scenes": [_scene(plan, plan.scenes[key]) for key in sorted(plan.scenes, key=lambda key: _order(plan, key))],
        "skipped": [{"id": entry.id, "reason": without_paths(entry.reason)} for entry in plan.skipped],
        "models": [{"role": model.role, "name": model.name, "sha256": model.sha256} for model in plan.models],
        "cards": [_card(card) for card in request.cards],
        "precision": plan.spec.precision,
        "seconds": {stage: round(request.timings[stage], 2) for stage in get_args(Stage) if stage in request.timings},
        "caveat": CAVEAT,
    }


def _warnings(request: ProductRequest, mosaic: Mosaic) -> list[Json]:
    """Sentences that a reader must not miss."""
    plan = request.plan
    found: list[Json] = [
        f"The weights of {card.name} are provisional: better ones are due, and classes will change with them."
        for card in request.cards
        if card.provisional
    ]
    nodata = mosaic.wanted - sum(mosaic.cells)
    if nodata > GAPS_ALLOWED * mosaic.wanted:
        found.append(f"{nodata} of {mosaic.wanted} wanted cells ({100 * nodata / mosaic.wanted:.1f} %) have no class.")
    strange, mapped = mosaic.flagged.get(Quality.OUT_OF_DOMAIN, 0), sum(mosaic.cells)
    if strange > STRANGE_ALLOWED * mapped:
        found.append(
            f"{strange} of {mapped} mapped cells ({100 * strange / mapped:.1f} %) look unlike what the model was "
            "trained on; trust their classes least (quality bit 64)."
        )
    if plan.scenes and not any(scene.has_scl for scene in plan.scenes.values()):
        found.append("No scene came with a scene classification (SCL): clouds and their shadows were not masked.")
    found.extend(stream_warnings(plan, mosaic))
    if request.open_period:
        found.append("The period is not over yet: a later run may see more scenes and give another map.")
    assumed = sum(scene.offset_assumed for scene in plan.scenes.values())
    if assumed:
        found.append(f"The radiometric offset of {assumed} scenes rests on metadata alone; their pixels did not tell.")
    if plan.spec.posting < 320:
        found.append(
            f"Cells are {plan.spec.posting} m apart but each tells of the 320 m square around it: neighbours overlap, "
            "and nothing smaller than that square can be expected to show."
        )
    return found


def _area(area: ClassArea) -> dict[str, Json]:
    zone = area.zone
    return {
        "code": zone.code,
        "label": zone.label,
        "name": zone.name,
        "colour": f"#{zone.colour}",
        "cells": area.cells,
        "area_km2": round(area.km2, 4),
        "share_percent": area.percent,
    }


def _flags(mosaic: Mosaic) -> list[Json]:
    return [
        {"bit": bit.value, "meaning": MEANINGS[bit], "cells": mosaic.flagged.get(bit, 0)}
        for bit in Quality
        if bit in mosaic.flagged
    ]


def _composite(plan: Plan) -> dict[str, Json]:
    method = plan.spec.composite
    return {
        "method": method.name,
        "max_cloud_percent": method.max_cloud_percent,
        "max_solar_days": method.max_solar_days,
        "scl_dropped": list(method.scl_dropped),
        "dilation_metres": method.dilation_metres,
    }


def _scene(plan: Plan, scene: Scene) -> dict[str, Json]:
    return {
        "id": scene.id,
        "href": scene_href(plan, scene.id),
        "taken": scene.taken.strftime("%Y-%m-%d %H:%M"),
        "mgrs": scene.mgrs,
        "epsg": scene.epsg,
        "cloud_percent": None if scene.cloud_percent is None else round(scene.cloud_percent, 2),
        "baseline": scene.baseline,
        "scl": scene.has_scl,
        "offset_dn": scene.offset_dn,
        "offset": "assumed from metadata" if scene.offset_assumed else "settled from pixels or rule",
        "tiles": sum(scene.id in entry.scene_ids for entry in plan.tiles),
    }


def _order(plan: Plan, key: str) -> tuple[str, str]:
    return plan.scenes[key].taken.isoformat(), key


def _card(card: ModelCard) -> dict[str, Json]:
    metrics: Mapping[str, Json] = {table.heading: table.rows for table in card.metrics}
    return {
        "name": card.name,
        "title": card.title,
        "role": card.role,
        "architecture": card.architecture,
        "provisional": card.provisional,
        "licence": card.licence,
        "attribution": list(card.attribution),
        "training": list(card.training),
        "limits": list(card.limits),
        "metrics": metrics,
        "domain": card.domain,
    }
