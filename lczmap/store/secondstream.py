"""What a product says of its second stream: image, registration, segmenter, weight, and how far the streams agree."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from urllib.parse import quote

from lczmap.store.about import Json, without_paths
from lczmap.store.layers import Mosaic
from lczmap.words.plan import Plan
from lczmap.words.quality import GAPS_ALLOWED, Quality
from lczmap.words.vhr import FAR_DAYS, VhrIdentity, VhrPart

FEW_SHOWN = 0.9
"""Share of the wanted cells that the image must show, or the report warns."""


def stream_facts(plan: Plan, mosaic: Mosaic) -> dict[str, Json]:
    """Everything about the second stream, for the report; empty where the plan has none.

    Args:
        plan: the plan.
        mosaic: what the map adds up to.
    """
    if plan.vhr is None or plan.segmenter is None:
        return {}
    return {
        "vhr": {
            **_image(plan.vhr, plan),
            "cells": cell_facts(mosaic),
            "registration": [_registration(tile, mosaic) for tile in (entry.tile.name for entry in plan.tiles)],
            "segmenter": {**asdict(plan.segmenter), "digest": plan.segmenter.digest},
            "sentinel_weight": plan.sentinel_weight,
        }
    }


def cell_facts(mosaic: Mosaic) -> dict[str, Json]:
    """How many of the wanted cells the image shows, how many have whose vote, and how many of these are in dispute."""
    hidden, empty = (mosaic.flagged.get(bit, 0) for bit in (Quality.NO_VHR, Quality.NO_INSTANCES))
    shown, disputed = mosaic.wanted - hidden, mosaic.flagged.get(Quality.STREAMS_DISAGREE, 0)
    return {
        "shown": shown,
        "shown_percent": _percent(shown, mosaic.wanted),
        "without_instances": empty,
        "with_both_votes": mosaic.paired,
        "by_vhr_alone": mosaic.vhr_alone,
        "by_vhr_alone_percent": _percent(mosaic.vhr_alone, mosaic.wanted),
        "disagree": disputed,
        "disagree_percent": _percent(disputed, mosaic.paired),
    }


def stream_warnings(plan: Plan, mosaic: Mosaic) -> Iterator[str]:
    """Sentences about the second stream that a reader must not miss."""
    image = plan.vhr
    if image is None:
        return
    days = image.days_from(plan.spec.period)
    if days is None:
        yield "The VHR image does not say when it was taken: what changed since may show in one stream only."
    elif plan.vhr_far:
        yield (
            f"The VHR image was taken {days:,} days from the period, more than {FAR_DAYS}: what changed meanwhile "
            "shows in one stream only (quality bit 512)."
        )
    hidden = mosaic.flagged.get(Quality.NO_VHR, 0)
    if hidden > (1 - FEW_SHOWN) * mosaic.wanted:
        yield (
            f"The VHR image does not show {hidden} of {mosaic.wanted} wanted cells "
            f"({_percent(hidden, mosaic.wanted)} %); there the Sentinel stream stands alone (quality bit 16)."
        )
    if mosaic.vhr_alone > GAPS_ALLOWED * mosaic.wanted:
        yield (
            f"{mosaic.vhr_alone} of {mosaic.wanted} wanted cells ({_percent(mosaic.vhr_alone, mosaic.wanted)} %) have "
            "no usable Sentinel-2 window: there the VHR stream stands alone, where a map without it would be nodata. "
            "A longer period may show them to both."
        )
    shifted = [tile for tile, found in mosaic.registrations.items() if found is not None and found.misregistered]
    if shifted:
        yield (
            f"In {len(shifted)} of {len(mosaic.registrations)} tiles the VHR image lies more than 10 m off "
            "Sentinel-2: the two windows of a cell do not show quite the same ground (quality bit 1024)."
        )


def stream_properties(plan: Plan, mosaic: Mosaic) -> dict[str, Json]:
    """The second stream as properties of a STAC item; empty where the plan has none."""
    image, segmenter = plan.vhr, plan.segmenter
    if image is None or segmenter is None:
        return {}
    return {
        "lczmap:vhr": without_paths(image.name),
        "lczmap:vhr_taken": [day.isoformat() for day in image.taken] if image.taken else None,
        "lczmap:vhr_days_from_period": image.days_from(plan.spec.period),
        "lczmap:vhr_metres": image.metres,
        "lczmap:vhr_licence": without_paths(image.licence),
        "lczmap:vhr_cells": cell_facts(mosaic),
        "lczmap:segmenter": segmenter.name,
        "lczmap:segmenter_digest": segmenter.digest,
        "lczmap:sentinel_weight": plan.sentinel_weight,
    }


def stream_lineage(plan: Plan) -> str:
    """One sentence on how the second stream was made and fused, with a blank before it; empty where there is none."""
    image, segmenter = plan.vhr, plan.segmenter
    if image is None or segmenter is None:
        return ""
    return (
        f" VHR image {without_paths(image.name)}, cut into instances by {segmenter.name} and classified as graphs; "
        f"probabilities fused with the share {plan.sentinel_weight:g} for Sentinel-2."
    )


def part_href(image: VhrIdentity, part: VhrPart) -> str:
    """Address of one raster of an image: the image's own public one, else a name; never a path."""
    if image.name.startswith(("https://", "http://")):
        return image.name
    return f"urn:vhr:{quote(image.name, safe='')}:{quote(part.id, safe='')}"


def _image(image: VhrIdentity, plan: Plan) -> dict[str, Json]:
    return {
        "name": without_paths(image.name),
        "kind": image.kind,
        "metres": image.metres,
        "taken": [day.isoformat() for day in image.taken] if image.taken else None,
        "days_from_period": image.days_from(plan.spec.period),
        "bands": list(image.bands),
        "stretch": {"low": list(image.low), "high": list(image.high)},
        "attribution": without_paths(image.attribution),
        "licence": without_paths(image.licence),
        "parts": [
            {"id": part.id, "digest": part.digest, "taken": part.taken.isoformat() if part.taken else None}
            for part in image.parts
        ],
    }


def _registration(tile: str, mosaic: Mosaic) -> dict[str, Json]:
    """Shift of the image in one tile; nothing but its name where it cannot be told."""
    found = mosaic.registrations.get(tile)
    if found is None:
        return {"tile": tile, "metres": None}
    figures: Mapping[str, float] = {
        "east": found.east, "north": found.north, "metres": found.metres,
        "peak": found.peak, "share": found.share,
    }  # fmt: skip
    return {"tile": tile, **{name: round(value, 2) for name, value in figures.items()}, "flagged": found.misregistered}


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0
