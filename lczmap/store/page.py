"""The report as a page: one HTML file without scripts that carries its pictures with it."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from lczmap.store.about import Json
from lczmap.store.assets import NAMES
from lczmap.words.event import counted
from lczmap.words.grid import Posting

_STYLE = """
:root { color-scheme: light; --ink: #1d2326; --soft: #5d676c; --line: #dfe3e5; --pale: #f5f7f7; --warn: #8a4b00; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.2rem 1.4rem 4rem; max-width: 68rem; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.12rem; margin: 2.4rem 0 .6rem; } h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: .4rem 0; max-width: 46rem; }
.soft { color: var(--soft); }
figure { margin: 1.4rem 0 0; } figure img { width: 100%; border: 1px solid var(--line); display: block; }
figcaption { color: var(--soft); font-size: .85rem; margin-top: .3rem; }
.pair { display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: flex-start; }
.pair figure { flex: 1 1 20rem; } .pair .cells { image-rendering: pixelated; }
.facts { display: flex; flex-wrap: wrap; border: 1px solid var(--line); border-width: 1px 0; margin: 1.2rem 0; }
.facts div { flex: 1 1 9rem; padding: .6rem .8rem .6rem 0; }
.facts b { display: block; font-size: 1.2rem; font-weight: 600; }
.facts span { color: var(--soft); font-size: .82rem; }
ul.warn { list-style: none; margin: 1rem 0; padding: .5rem .9rem; border-left: 3px solid #d98500; background: #fff8ec; }
ul.warn li { margin: .25rem 0; color: var(--warn); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--soft);
  white-space: nowrap; }
th, td { padding: .28rem .7rem .28rem 0; vertical-align: top; }
td { border-bottom: 1px solid var(--line); } .n { text-align: right; font-variant-numeric: tabular-nums; }
.swatch { display: inline-block; width: 1.5rem; height: .85rem; border: 1px solid #5d676c; vertical-align: -1px; }
.bar { display: block; height: .7rem; background: #9aa7ad; margin-top: .3rem; }
.absent td { color: #9aa3a7; }
code { font: .85em ui-monospace, Consolas, monospace; overflow-wrap: anywhere; }
details { margin: .6rem 0; padding: .6rem .9rem; background: var(--pale); border: 1px solid var(--line); }
summary { cursor: pointer; font-weight: 600; }
"""

Table = Mapping[str, Json]

SKIPPED_SHOWN = 100
"""Rows of left-out items, rasters and tiles that the page lists; `report.json` lists all."""
_PARTS = ("classify", "register", "read", "segment", "graphs")
_ROLES = {"sentinel": "Sentinel stream", "graph": "VHR stream", "segmenter": "segmenter of the VHR stream"}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture of the page, carried inside it."""

    caption: str
    """Line under it."""
    png: bytes
    """The picture."""
    cells: bool = False
    """Whether a pixel is a cell, to be drawn as a square however large the picture is shown."""


def page_of(
    facts: Table, pictures: tuple[Picture, Sequence[Picture]], files: Mapping[str, Path], posting: Posting
) -> str:
    """The page.

    Args:
        facts: as `report_of` gives them.
        pictures: one to show wide, and some of the same extent to show side by side.
        files: the product's files by asset key, linked by name.
        posting: distance of posts, metres.
    """
    place, period = _table(facts["place"]), _table(facts["period"])
    title = f"Local Climate Zones of {place['name']}, {period['words']}"
    parts = (
        f"<h1>{_text(place['name'])}</h1>",
        _made(facts, period),
        _glance(facts),
        _warnings(_list(facts["warnings"])),
        _figure(pictures[0]),
        _pair(pictures[1]),
        "<h2>Area by class</h2>",
        _areas(_tables(facts["areas"])),
        "<h2>How far to trust it</h2>",
        f"<p>{_text(facts['caveat'])}</p>",
        _flags(_tables(facts["flags"]), _table(facts["cells"]), posting),
        "<h2>Models</h2>",
        *(_card(card) for card in _tables(facts["cards"])),
        _models(_tables(facts["models"])),
        "<h2>Imagery</h2>",
        _imagery(_table(facts["source"]), _table(facts["composite"])),
        _scenes(_tables(facts["scenes"])),
        _skipped(_tables(facts["skipped"])),
        _second_stream(_table(facts.get("vhr"))),
        "<h2>Files</h2>",
        _files(files),
        "<h2>Time</h2>",
        _times(_table(facts["seconds"])),
        f'<p class="soft">Product key <code>{_text(facts["product_key"])}</code></p>',
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def _made(facts: Table, period: Table) -> str:
    made = f"Local Climate Zones, {period['words']}. Made {facts['created']} by {facts['software']}."
    return f'<p class="soft">{_text(made)}</p>'


def _glance(facts: Table) -> str:
    cells, grid = _table(facts["cells"]), _table(facts["grid"])
    entries = (
        (f"{cells['mapped']:,}", f"of {cells['wanted']:,} wanted cells mapped"),
        (f"{cells['nodata_percent']} %", "without a class"),
        (f"{grid['posting_metres']} m", "posting, each cell seen in a 320 m window"),
        (f"{len(_list(facts['scenes']))}", "Sentinel-2 scenes in all"),
        (f"{len(_list(grid['tiles']))}", "12.8 km tiles in all"),
        (f"UTM {grid['zone']}", str(grid["crs"])),
    )
    return (
        '<div class="facts">'
        + "".join(f"<div><b>{_text(a)}</b><span>{_text(b)}</span></div>" for a, b in entries)
        + "</div>"
    )


def _warnings(sentences: Sequence[Json]) -> str:
    return f'<ul class="warn">{"".join(f"<li>{_text(text)}</li>" for text in sentences)}</ul>' if sentences else ""


def _figure(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode()
    kind = ' class="cells"' if picture.cells else ""
    image = f'<img{kind} alt="{_text(picture.caption)}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{_text(picture.caption)}</figcaption></figure>"


def _pair(pictures: Sequence[Picture]) -> str:
    return f'<div class="pair">{"".join(_figure(picture) for picture in pictures)}</div>' if pictures else ""


def _areas(areas: Sequence[Table]) -> str:
    most = max((_number(area["share_percent"]) for area in areas), default=0.0) or 1.0
    rows = "".join(
        f"<tr{'' if area['cells'] else ' class=absent'}>"
        f'<td><span class="swatch" style="background:{_text(area["colour"])}"></span></td>'
        f"<td>{_text(area['label'])}</td><td>{_text(area['name'])}</td>"
        f'<td class="n">{area["cells"]:,}</td><td class="n">{_number(area["area_km2"]):.2f}</td>'
        f'<td class="n">{_number(area["share_percent"]):.2f}</td>'
        f'<td style="width:30%"><span class="bar" style="width:{100 * _number(area["share_percent"]) / most:.1f}%">'
        "</span></td></tr>"
        for area in areas
    )
    head = _head("", "LCZ", "Name", "#Cells", "#km²", "#Share %", "")
    return f'<div class="scroll"><table>{head}{rows}</table></div>'


def _flags(flags: Sequence[Table], cells: Table, posting: Posting) -> str:
    wanted = max(_number(cells["wanted"]), 1.0)
    rows = [
        (flag["bit"], flag["meaning"], f"{flag['cells']:,}", f"{100 * _number(flag['cells']) / wanted:.1f}")
        for flag in flags
    ]
    note = f"<p>Quality bits of the {wanted:,.0f} wanted cells ({posting} m posting); bits add up.</p>"
    return note + _rows(("#Bit", "Meaning", "#Cells", "#Share %"), rows) if rows else "<p>No cell is flagged.</p>"


def _card(card: Table) -> str:
    lists = "".join(
        f"<p><b>{_text(heading)}</b></p><ul>{''.join(f'<li>{_text(entry)}</li>' for entry in _list(card[key]))}</ul>"
        for heading, key in (("Trained on", "training"), ("Limits", "limits"), ("Credits", "attribution"))
        if _list(card[key])
    )
    state = " (provisional)" if card["provisional"] else ""
    domain = f"<p><b>Out of domain</b></p><p>{_text(card['domain'])}</p>" if card["domain"] else ""
    return (
        f"<details open><summary>{_text(card['title'])}{state}</summary>"
        f'<p class="soft">{_text(card["name"])}, {_text(_ROLES[str(card["role"])])}, {_text(card["architecture"])}, '
        f"licence {_text(card['licence'])}</p>{lists}{domain}{_metrics(_table(card['metrics']))}</details>"
    )


def _metrics(metrics: Table) -> str:
    """A table for each heading, folded away but the first: a column for each figure that any of its rows has."""
    parts: list[str] = []
    for heading, rows in metrics.items():
        table = {name: _table(figures) for name, figures in _table(rows).items()}
        fullest_first = sorted(table.values(), key=len, reverse=True)
        columns = list(dict.fromkeys(column for figures in fullest_first for column in figures))
        lines = [
            (name, *(f"{_number(figures[column]):g}" if column in figures else "" for column in columns))
            for name, figures in table.items()
        ]
        heads = ("", *(f"#{column.replace('_', ' ')}" for column in columns))
        title, shown = f"{heading[:1].upper()}{heading[1:]}", "" if parts else " open"
        parts.append(f"<details{shown}><summary>{_text(title)}</summary>{_rows(heads, lines)}</details>")
    return "".join(parts)


def _models(models: Sequence[Table]) -> str:
    rows = [(model["role"], model["name"], str(model["sha256"])[:16]) for model in models]
    return _rows(("Role", "Model", "SHA-256 begins"), rows) if rows else ""


def _imagery(source: Table, composite: Table) -> str:
    return (
        f"<p>{_text(source['title'])}. {_text(source['attribution'])}.</p>"
        f'<p class="soft">Licence: {_text(source["licence"])}.</p>'
        f'<p class="soft">Composite: {_text(composite["method"])}, scenes with at most '
        f"{_number(composite['max_cloud_percent']):g} % cloud, at most {_text(composite['max_solar_days'])} solar days "
        f"for each MGRS tile, unclear pixels grown by {_text(composite['dilation_metres'])} m.</p>"
    )


def _scenes(scenes: Sequence[Table]) -> str:
    rows = [
        (
            scene["taken"],
            scene["id"],
            scene["mgrs"],
            scene["epsg"],
            "?" if scene["cloud_percent"] is None else f"{_number(scene['cloud_percent']):.1f}",
            scene["baseline"] or "?",
            "yes" if scene["scl"] else "no",
            f"{scene['offset_dn']} DN, {scene['offset']}",
            scene["tiles"],
        )
        for scene in scenes
    ]
    return _rows(
        ("Taken (UTC)", "Item", "MGRS", "#EPSG", "#Cloud %", "Baseline", "SCL", "Offset", "#Tiles"), rows
    )  # fmt: skip


def _skipped(skipped: Sequence[Table]) -> str:
    if not skipped:
        return "<p>No item was left out as unusable.</p>"
    shown = [(entry["id"], entry["reason"]) for entry in skipped[:SKIPPED_SHOWN]]
    rest = len(skipped) - len(shown)
    more = f'<p class="soft">And {rest} more, in the report for machines.</p>' if rest else ""
    return f"<h3>Items left out ({len(skipped)})</h3>{_rows(('Item', 'Why'), shown)}{more}"


def _second_stream(vhr: Table) -> str:
    """The VHR stream: image, what it shows of the map, how it lies, what cuts it; empty where there is none."""
    if not vhr:
        return ""
    cells, spec, taken = _table(vhr["cells"]), _table(vhr["segmenter"]), [str(day) for day in _list(vhr["taken"])]
    days = f"taken {' to '.join(dict.fromkeys(taken))}" if taken else "nobody says when it was taken"
    far = "" if vhr["days_from_period"] is None else f", {_number(vhr['days_from_period']):,.0f} days from the period"
    settings = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in spec.items() if key != "digest")
    attribution = f" {_text(vhr['attribution'])}." if vhr["attribution"] else ""
    image = (
        f"<p>{_text(vhr['name'])}: {counted(len(_list(vhr['parts'])), 'raster')}, {_number(vhr['metres']):.3g} m "
        f"pixels, {_text(days)}{_text(far)}.{attribution}</p>"
    )
    votes = (
        f"<p>It shows {cells['shown']:,} of the wanted cells ({cells['shown_percent']} %); "
        f"{cells['without_instances']:,} of them hold no instance. Where both streams vote, they name different "
        f"classes in {cells['disagree']:,} of {cells['with_both_votes']:,} cells ({cells['disagree_percent']} %). "
        f"In {cells['by_vhr_alone']:,} cells ({cells['by_vhr_alone_percent']} %) the VHR stream stands alone, for want "
        "of a clear Sentinel-2 window. "
        f"Share of the Sentinel stream in the fused probabilities: {_number(vhr['sentinel_weight']):g}.</p>"
    )
    parts = (
        "<h2>Very-high-resolution image</h2>",
        image,
        f'<p class="soft">Licence: {_text(vhr["licence"] or "not stated")}.</p>',
        votes,
        f'<p class="soft">Segmenter: {_text(settings)}.</p>',
        _rasters(_tables(vhr["parts"])),
        _registrations(_tables(vhr["registration"])),
    )
    return "\n".join(parts)


def _rasters(parts: Sequence[Table]) -> str:
    shown = [(part["taken"] or "?", part["id"], str(part["digest"])[:40]) for part in parts[:SKIPPED_SHOWN]]
    rest = len(parts) - len(shown)
    more = f'<p class="soft">And {rest} more, in the report for machines.</p>' if rest else ""
    return _rows(("Taken", "Raster", "Digest begins"), shown) + more


def _registrations(tiles: Sequence[Table]) -> str:
    """Shift of the image against Sentinel-2, a row a tile."""
    rows = [
        (tile["tile"], *(("?",) * 4), "cannot be told")
        if tile["metres"] is None
        else (
            tile["tile"],
            *(f"{_number(tile[name]):.1f}" for name in ("east", "north", "metres")),
            f"{_number(tile['peak']):.0f}",
            "beyond 10 m, flagged" if tile["flagged"] else "within 10 m",
        )
        for tile in tiles[:SKIPPED_SHOWN]
    ]
    heads = ("Tile", "#East m", "#North m", "#Shift m", "#Peak, deviations", "")
    return f"<h3>Registration against Sentinel-2</h3>{_rows(heads, rows)}"


def _files(files: Mapping[str, Path]) -> str:
    lines = "".join(
        f'<tr><td><a href="{_text(path.name)}">{_text(path.name)}</a></td><td>{_text(NAMES[key].title)}</td></tr>'
        for key, path in files.items()
    )
    return f'<div class="scroll"><table>{_head("File", "What")}{lines}</table></div>'


def _times(seconds: Table) -> str:
    rows = [(stage, f"{_number(value):.1f}") for stage, value in seconds.items()]
    parts = ", ".join(stage for stage in seconds if stage in _PARTS)
    note = f'<p class="soft">{_text(parts)}: parts of interpret; read runs ahead beside it.</p>' if parts else ""
    return _rows(("Stage", "#Seconds"), rows) + note if rows else '<p class="soft">Not measured.</p>'


def _rows(heads: Sequence[str], rows: Iterable[Sequence[Json]]) -> str:
    """A table; heads that begin with # are of numbers."""
    numbers = [head.startswith("#") for head in heads]
    lines = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if number else ''}>{_text(cell)}</td>" for cell, number in zip(row, numbers, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table>{_head(*heads)}{lines}</table></div>'


def _head(*heads: str) -> str:
    cells = (f"<th{' class=n' if head.startswith('#') else ''}>{_text(head.removeprefix('#'))}</th>" for head in heads)
    return f"<tr>{''.join(cells)}</tr>"


def _text(value: Json) -> str:
    return escape("" if value is None else str(value), quote=True)


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _table(value: Json) -> Table:
    return value if isinstance(value, Mapping) else {}


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else []


def _tables(value: Json) -> Sequence[Table]:
    return [entry for entry in _list(value) if isinstance(entry, Mapping)]
