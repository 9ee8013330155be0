"""A model card in words for people: `lczmap models NAME`."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from lczmap.words.modelcard import MetricTable, ModelCard

WIDTH = 100
"""Letters on a line."""

Figures = Mapping[str, float]


def card_lines(card: ModelCard) -> Iterator[str]:
    """The whole card, line by line, none of them longer than fits a terminal."""
    yield f"{card.name}: {card.title}"
    yield ""
    facts = {
        "role": card.role,
        "architecture": card.architecture,
        "state": "provisional" if card.provisional else "released",
        "takes": f"{card.patch_pixels}x{card.patch_pixels} pixels of {' '.join(card.bands)}, {card.units}",
        "gives": f"{card.classes} probabilities, logits divided by {card.temperature:g}",
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
        yield from _figures(table)


def _figures(table: MetricTable) -> Iterator[str]:
    """A table where it fits, else the figures of each row in running text."""
    columns = list(dict.fromkeys(column for figures in table.rows.values() for column in figures))
    name = max((len(row) for row in table.rows), default=0)
    widths = [max(len(_spoken(column)), 6) for column in columns]
    if name + sum(widths) + 2 * len(widths) + 2 > WIDTH:
        for row, figures in table.rows.items():
            yield from _wrapped(row, "  ", "  ")
            yield from _wrapped(
                ", ".join(f"{_spoken(key)} {value:g}" for key, value in figures.items()), " " * 4, " " * 4
            )
        return
    yield _row("", name, [_spoken(column) for column in columns], widths)
    for row, figures in table.rows.items():
        cells = [f"{figures[column]:g}" if column in figures else "" for column in columns]
        yield _row(row, name, cells, widths)


def _row(name: str, wide: int, cells: Sequence[str], widths: Sequence[int]) -> str:
    return f"  {name:<{wide}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _spoken(column: str) -> str:
    return column.replace("_", " ")


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
