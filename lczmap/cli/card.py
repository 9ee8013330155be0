"""A model card, or a segmenter's specification, in words for people: `lczmap models NAME`."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from lczmap.words.event import counted
from lczmap.words.modelcard import MetricTable, ModelCard
from lczmap.words.segmenter import SegmenterSpec

WIDTH = 100
"""Letters on a line."""
LEAST = 40
"""Letters that long names of rows are given, or their table is told in running text."""


def card_lines(card: ModelCard) -> Iterator[str]:
    """The whole card, line by line, none of them longer than fits a terminal."""
    yield f"{card.name}: {card.title}"
    yield ""
    facts = {
        "role": card.role,
        "architecture": card.architecture,
        "state": "provisional" if card.provisional else "released",
        "takes": _takes(card),
        "gives": _gives(card),
        "weights": f"{card.weights}, SHA-256 {card.sha256[:16]}...",
        "licence": card.licence,
    }
    for label, text in facts.items():
        yield from _wrapped(text, f"  {label:<14}", " " * 16)
    lists = {"Trained on": card.training, "Limits": card.limits, "Credits": card.attribution}
    if card.domain:
        lists["Out of domain"] = (card.domain,)
    for heading, sentences in lists.items():
        yield ""
        yield heading
        for sentence in sentences:
            yield from _wrapped(sentence, "  - ", "    ")
    for table in card.metrics:
        yield ""
        yield from _wrapped(f"{table.heading[:1].upper()}{table.heading[1:]}", "", "")
        if table.rows:
            yield from _figures(table)


def segmenter_lines(spec: SegmenterSpec) -> Iterator[str]:
    """A segmenter's specification, field by field, as `[segmenter_settings]` takes them."""
    yield f"Segmenter {spec.name}: {spec.network}, {prompts_told(spec)}, weights: {weights_told(spec)}"
    for name, value in asdict(spec).items():
        if name not in {"name", "network"}:
            yield f"  {name:<20} {value}"
    yield f"  {'digest':<20} {spec.digest[:16]}..."


def prompts_told(spec: SegmenterSpec) -> str:
    """How a segmenter is prompted, in few words."""
    if spec.network == "slic":
        return f"superpixels of {spec.pitch_metres:g} m"
    if spec.mode == "cell":
        return f"{spec.points_per_side}x{spec.points_per_side} a cell, {counted(spec.crop_layers, 'layer')} of crops"
    return f"every {spec.pitch_metres:.3g} m"


def weights_told(spec: SegmenterSpec) -> str:
    """Where a segmenter's weights come from, in few words."""
    return {"slic": "none needed", "sam-tiny": "shipped"}.get(spec.network, f"Meta's {spec.network}, --checkpoint")


def _takes(card: ModelCard) -> str:
    """What the model eats, by its role."""
    match card.role:
        case "sentinel":
            return f"{card.patch_pixels}x{card.patch_pixels} pixels of {' '.join(card.bands)}, {card.units}"
        case "graph":
            nodes = f"graphs whose nodes have {', '.join(card.features)} ({card.units})"
            return f"{nodes}, of instances as {card.segmenter_name} cuts them"
        case "segmenter":
            return card.units


def _gives(card: ModelCard) -> str:
    """What the model gives, and how its pair is weighed."""
    if card.role == "segmenter":
        return "instances"
    told = f"{card.classes} probabilities, logits divided by {card.temperature:g}"
    return told if card.role == "sentinel" else f"{told}; its pair gives the Sentinel stream {card.sentinel_weight:g}"


def _figures(table: MetricTable) -> Iterator[str]:
    """A table where it fits, long names folded, else the figures of each row in running text."""
    columns = [_spoken(key) for key in table.columns]
    rows = {
        name: [f"{figures[key]:g}" if key in figures else "" for key in table.columns]
        for name, figures in table.rows.items()
    }
    widths = [max(map(len, cells)) for cells in zip(columns, *rows.values(), strict=True)]
    longest = max(map(len, rows))
    left = min(longest, WIDTH - 2 - sum(widths) - 2 * len(widths))
    if left < min(longest, LEAST):
        for name, cells in rows.items():
            told = [f"{column} {cell}" for column, cell in zip(columns, cells, strict=True) if cell]
            yield from _wrapped(name, "  ", "  ")
            yield from _wrapped(", ".join(told), "    ", "    ")
        return
    yield _row("", left, columns, widths)
    for name, cells in rows.items():
        *above, last = textwrap.wrap(name, left, subsequent_indent="  ")
        yield from (f"  {line}" for line in above)
        yield _row(last, left, cells, widths)


def _row(name: str, wide: int, cells: Sequence[str], widths: Sequence[int]) -> str:
    return f"  {name:<{wide}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _spoken(column: str) -> str:
    return column.replace("_", " ")


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
