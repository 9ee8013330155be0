"""What a product says about itself, in whatever file: titles, tags, addresses of scenes; never a path or a secret."""

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit, urlunsplit

from lczmap import __version__
from lczmap.store.product import ProductRequest
from lczmap.words.grid import WINDOW_METRES
from lczmap.words.period import Period
from lczmap.words.plan import Plan
from lczmap.words.zone import zone_label

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]
"""Any JSON value."""

SOFTWARE = f"lczmap {__version__}"
"""Name and version, as files state it."""
# a path of two parts or more that is no part of an address; drive letters and file:// included
_PATH = re.compile(r"(?:file://|(?<![\w:/.~-])~?|\b[A-Za-z]:)(?:[/\\][^\s/\\'\",;:()<>]+)+[/\\]([^\s/\\'\",;:()<>]+)")


def tags(request: ProductRequest) -> dict[str, str]:
    """Place, period, scenes, attribution and licence, as tags of rasters and attributes of the cube."""
    plan = request.plan
    period = plan.spec.period
    provisional = [card.name for card in request.cards if card.provisional]
    facts = {
        "PLACE": plan.place.name,
        "COUNTRY": plan.place.country or "",
        "PERIOD": period.label,
        "FIRST_DAY": period.first.isoformat(),
        "LAST_DAY": period.last.isoformat(),
        "POSTING_METRES": str(plan.spec.posting),
        "WINDOW_METRES": str(WINDOW_METRES),
        "IMAGERY": without_paths(plan.source.title),
        "SCENES": " ".join(sorted(plan.scenes)),
        "MODELS": " ".join(sorted(f"{model.role}={model.name}" for model in plan.models)),
        "PROVISIONAL_MODELS": " ".join(provisional),
        "ATTRIBUTION": attribution(plan),
        "LICENCE": licence(plan),
        "SOFTWARE": SOFTWARE,
        "PRODUCT_KEY": request.key,
        **stream_tags(plan),
    }
    return {name: value for name, value in facts.items() if value}


def stream_tags(plan: Plan) -> dict[str, str]:
    """The second stream as tags of rasters; empty where the plan has none."""
    image, segmenter = plan.vhr, plan.segmenter
    if image is None or segmenter is None:
        return {}
    first, last = image.taken or (None, None)
    return {
        "VHR_IMAGERY": without_paths(image.name),
        "VHR_PARTS": " ".join(part.id for part in image.parts),
        "VHR_FIRST_DAY": first.isoformat() if first else "",
        "VHR_LAST_DAY": last.isoformat() if last else "",
        "VHR_LICENCE": without_paths(image.licence),
        "SEGMENTER": f"{segmenter.name} {segmenter.digest[:12]}",
        "SENTINEL_WEIGHT": f"{plan.sentinel_weight:g}" if plan.sentinel_weight is not None else "",
    }


def tiff_tags(request: ProductRequest) -> dict[str, str]:
    """The same with the baseline TIFF tags that any image program shows."""
    return {
        **tags(request),
        "TIFFTAG_IMAGEDESCRIPTION": heading(request.plan),
        "TIFFTAG_SOFTWARE": SOFTWARE,
        "TIFFTAG_COPYRIGHT": attribution(request.plan),
    }


def heading(plan: Plan) -> str:
    """One line: what, where, when."""
    return f"Local Climate Zones of {plan.place.name}, {days(plan.spec.period)}"


def subheading(plan: Plan) -> str:
    """One line: period, posting, zone."""
    posting = plan.spec.posting
    cells = "320 m cells" if posting == WINDOW_METRES else f"{posting} m posting, {WINDOW_METRES} m windows"
    return f"Local Climate Zones  ·  {days(plan.spec.period)}  ·  {cells}  ·  UTM {zone_label(plan.place.epsg)}"


def days(period: Period) -> str:
    """First and last day in words: `1 to 31 October 2024`."""
    first, last = period.first, period.last
    end = f"{last.day} {last:%B} {last.year}"
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {end}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first.day} {first:%B}{year} to {end}"


def attribution(plan: Plan) -> str:
    """The line that every copy must carry, of both streams' imagery."""
    image = "" if plan.vhr is None else plan.vhr.attribution
    lines = [line.strip().rstrip(".") for line in (plan.source.attribution, image) if line.strip()]
    return without_paths("; ".join(lines) if image else plan.source.attribution)


def licence(plan: Plan) -> str:
    """The licence of the imagery, of both streams where there are two."""
    if plan.vhr is None:
        return without_paths(plan.source.licence)
    return without_paths(f"Sentinel-2: {plan.source.licence}; VHR: {plan.vhr.licence or 'not stated'}")


def scene_href(plan: Plan, scene_id: str) -> str:
    """Address of a scene's STAC item: its own public one without query or login, else a name."""
    links = json.loads(plan.items[scene_id]).get("links", []) if scene_id in plan.items else []
    for link in links:
        if link.get("rel") == "self" and str(link.get("href", "")).startswith(("https://", "http://")):
            parts = urlsplit(str(link["href"]))
            bare: str = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
            return bare
    return f"urn:stac:item:{quote(scene_id, safe='')}"


def without_paths(text: str) -> str:
    """The text with every local path cut to its last part; messages of errors may hold some."""
    return _PATH.sub(r"\1", text)
