"""The model card: what a model is, what it eats, what it was trained on and how far to trust it.

In: TOML text. Out: a frozen `ModelCard`, and whether it fits a run. Reads no file and knows no network.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeGuard, get_args

from lczmap.words.bands import BAND_NAMES
from lczmap.words.errors import ModelCardError
from lczmap.words.grid import WINDOW_PIXELS
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.segmenter import SegmenterSpec

Role = Literal["sentinel", "graph", "segmenter"]
"""What a model does in a run."""
ROLES: tuple[Role, ...] = get_args(Role)
"""Every role."""
SURFACE_REFLECTANCE = "surface reflectance 0..1"
"""The one unit of Sentinel-2 patches here."""
NODE_FEATURES = ("red", "green", "blue", "x", "y")
"""Features of the nodes of instance graphs, in order (DF4LCZ, section III-B)."""
NODE_UNITS = "mean colour / 255, box centre / 320 m from west and north"
"""The one normalisation of nodes here."""
PICTURE_UNITS = "RGB 0..255 at 1 m"
"""The one unit of pictures that are segmented here."""
SENTINEL_WEIGHT = 0.6
"""Share of the Sentinel stream where no pair's card says otherwise (DF4LCZ, as its released code applies it)."""


@dataclass(frozen=True, kw_only=True)
class MetricTable:
    """Figures under one heading, a row for each named place or data set."""

    heading: str
    """What the figures are: `teacher agreement`, `self-consistency` (simulated data), or `accuracy` (true labels)."""
    rows: Mapping[str, Mapping[str, float]]
    """Figures by name, by the name of the held-out data they were measured on."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all figures, in the order of the row that has most of them."""
        fullest_first = sorted(self.rows.values(), key=len, reverse=True)
        return tuple(dict.fromkeys(column for figures in fullest_first for column in figures))


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """One shipped or user-made model."""

    name: str
    """Name it is asked for by."""
    title: str
    """One line for lists."""
    role: Role
    """What it does in a run."""
    architecture: str
    """Network the weights belong to, for instance `resnet11`."""
    provisional: bool
    """Whether better weights are due and maps made with these say so."""
    weights: str
    """File name of the weights, beside the card."""
    sha256: str
    """Digest of that file, 64 hexadecimal digits."""
    bands: tuple[str, ...]
    """Bands it expects, in order; empty where it takes none."""
    units: str
    """Unit of its input."""
    patch_pixels: int
    """Side of the patches it expects, pixels; 0 where it takes none."""
    classes: int
    """Length of the probability vectors it gives; 0 where it gives none."""
    temperature: float
    """What its logits are divided by before the softmax."""
    sentinel_weight: float
    """Share of the Sentinel stream in the fused probabilities of its pair."""
    licence: str
    """SPDX name of the licence of the weights."""
    attribution: tuple[str, ...]
    """Credits to repeat wherever the weights go."""
    training: tuple[str, ...]
    """What it was trained on and how, a sentence each."""
    metrics: tuple[MetricTable, ...]
    """What was measured, on named held-out data."""
    limits: tuple[str, ...]
    """What not to trust it with, a sentence each."""
    domain: str = ""
    """How it tells patches unlike its training, and what the threshold stands on; empty where it does not tell."""
    domain_directions: int = 0
    """Directions of feature space that its training fills, as its weights file holds them; 0 where it does not tell."""
    features: tuple[str, ...] = ()
    """Features of the graph nodes it expects, in order; empty where it takes no graphs."""
    segmenter: str = ""
    """Which instances it was trained on, as `segmenter_identity` tells it; empty where it takes no graphs."""
    segmenter_name: str = ""
    """What that segmenter is called, for people; empty where it takes no graphs."""
    pair: str = ""
    """SHA-256 of the weights of the Sentinel model that `sentinel_weight` was chosen with; empty where none was."""
    frozen: str = ""
    """SHA-256 of what was fixed before training and its held-out figures stand on; empty where nothing was."""


_TEXTS = ("name", "title", "architecture", "weights", "sha256", "units", "licence")
_LISTS = ("attribution", "training", "limits")
_NUMBERS = ("temperature", "sentinel_weight")
_DOMAIN = ("domain", "domain_directions")
_GRAPH = ("features", "segmenter", "segmenter_name", "pair", "frozen")
_OTHERS = ("role", "provisional", "bands", "patch_pixels", "classes", "metrics")
_KNOWN = frozenset({*_TEXTS, *_LISTS, *_NUMBERS, *_DOMAIN, *_GRAPH, *_OTHERS})


def parse_model_card(text: str) -> ModelCard:
    """Read a model card.

    Raises:
        ModelCardError: the text is no TOML, or a field is missing, unknown or of the wrong kind.
    """
    try:
        table: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelCardError(
            f"The model card is not TOML: {error}; write it as the shipped cards are written."
        ) from None
    unknown = sorted(table.keys() - _KNOWN)
    if unknown:
        raise ModelCardError(f"The model card holds unknown fields: {', '.join(unknown)}; remove them.")
    role = _role(table)
    weights = _text(table, "weights")
    if "/" in weights or "\\" in weights:
        raise ModelCardError(f"The model card's weights are {weights!r}, expected the name of a file beside the card.")
    return ModelCard(
        name=_text(table, "name"),
        title=_text(table, "title"),
        role=role,
        architecture=_text(table, "architecture"),
        provisional=_flag(table, "provisional"),
        weights=weights,
        sha256=_digest(table, "sha256"),
        bands=_texts(table, "bands") if role == "sentinel" or "bands" in table else (),
        units=_text(table, "units"),
        patch_pixels=round(_number(table, "patch_pixels", least=1) if role == "sentinel" else 0),
        classes=round(_number(table, "classes", least=1) if role != "segmenter" else 0),
        temperature=_number(table, "temperature", default=1.0 if role == "segmenter" else None, least=1e-3),
        sentinel_weight=_number(table, "sentinel_weight", default=SENTINEL_WEIGHT, most=1.0),
        licence=_text(table, "licence"),
        attribution=_texts(table, "attribution"),
        training=_texts(table, "training"),
        metrics=_metrics(table),
        limits=_texts(table, "limits"),
        domain=_text(table, "domain") if "domain" in table else "",
        domain_directions=round(_number(table, "domain_directions", default=0)),
        features=_texts(table, "features") if role == "graph" else (),
        segmenter=_digest(table, "segmenter") if role == "graph" else "",
        segmenter_name=_text(table, "segmenter_name") if role == "graph" else "",
        pair=_digest(table, "pair") if "pair" in table else "",
        frozen=_digest(table, "frozen") if "frozen" in table else "",
    )


def require_sentinel(card: ModelCard, architecture: str) -> None:
    """Refuse a card whose model cannot take the patches this system cuts.

    Raises:
        ModelCardError: role, architecture, bands, unit, patch side or classes differ.
    """
    _expect(
        card,
        "classify these patches",
        (
            ("role", card.role, "sentinel"),
            ("architecture", card.architecture, architecture),
            ("bands", " ".join(card.bands), " ".join(BAND_NAMES)),
            ("units", card.units, SURFACE_REFLECTANCE),
            ("patch_pixels", card.patch_pixels, WINDOW_PIXELS),
            ("classes", card.classes, CLASS_COUNT),
        ),
    )


def require_graph(card: ModelCard, architecture: str) -> None:
    """Refuse a card whose model cannot take the instance graphs this system makes.

    Raises:
        ModelCardError: role, architecture, features, unit or classes differ.
    """
    _expect(
        card,
        "classify instance graphs",
        (
            ("role", card.role, "graph"),
            ("architecture", card.architecture, architecture),
            ("features", " ".join(card.features), " ".join(NODE_FEATURES)),
            ("units", card.units, NODE_UNITS),
            ("classes", card.classes, CLASS_COUNT),
        ),
    )


def require_segmenter(card: ModelCard, architecture: str) -> None:
    """Refuse a card whose model cannot segment the pictures this system reads.

    Raises:
        ModelCardError: role, architecture or unit differ.
    """
    _expect(
        card,
        "segment these pictures",
        (
            ("role", card.role, "segmenter"),
            ("architecture", card.architecture, architecture),
            ("units", card.units, PICTURE_UNITS),
        ),
    )


def require_instances(card: ModelCard, spec: SegmenterSpec, weights_sha256: str) -> None:
    """Refuse a graph model that was trained on other instances than a segmenter cuts.

    Args:
        card: the graph model's.
        spec: the segmenter's.
        weights_sha256: digest of the segmenter's weights; empty where it has none.

    Raises:
        ModelCardError: the instances differ.
    """
    here = segmenter_identity(spec, weights_sha256)
    if card.segmenter != here:
        same_name = card.segmenter_name == spec.name
        raise ModelCardError(
            f"Model {card.name} was trained on instances of the segmenter {card.segmenter_name} "
            f"({card.segmenter[:12]}), and this run cuts them with {spec.name} ({here[:12]}"
            f"{', the same name with other settings or weights' if same_name else ''}); "
            f"take the settings and weights of {card.segmenter_name} as they were, or a graph model trained on this "
            "segmenter (`lczmap models`)."
        )


def segmenter_identity(spec: SegmenterSpec, weights_sha256: str) -> str:
    """What a segmenter's instances go by: 64 hexadecimal digits of its specification and weights.

    Args:
        spec: the segmenter's; its name plays no part.
        weights_sha256: digest of its weights; empty where it has none.
    """
    return hashlib.sha256(f"{spec.digest}:{weights_sha256}".encode()).hexdigest()


def pair_weight(wished: float | None, sentinel: ModelCard, graph: ModelCard) -> float:
    """Share of the Sentinel stream in the fused probabilities: as wished, else as chosen for this pair, else 0.6."""
    if wished is not None:
        return wished
    return graph.sentinel_weight if graph.pair == sentinel.sha256 else SENTINEL_WEIGHT


def _expect(card: ModelCard, purpose: str, expectations: Sequence[tuple[str, object, object]]) -> None:
    """Refuse a card by the first of its fields that is not as expected: (field, got, expected)."""
    for field, got, expected in expectations:
        if got != expected:
            raise ModelCardError(
                f"Model {card.name} cannot {purpose}: its card says {field} = {got}, "
                f"expected {expected}; choose another model (`lczmap models`)."
            )


def _value(table: Mapping[str, object], key: str) -> object:
    if key not in table:
        raise ModelCardError(f"The model card lacks `{key}`; add it.")
    return table[key]


def _wrong(key: str, value: object, expected: str) -> ModelCardError:
    return ModelCardError(f"The model card's `{key}` is {value!r}, expected {expected}.")


def _text(table: Mapping[str, object], key: str) -> str:
    value = _value(table, key)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(key, value, "text")
    return value


def _texts(table: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = _value(table, key)
    if not _is_texts(value):
        raise _wrong(key, value, "a list of texts")
    return tuple(value)


def _is_texts(value: object) -> TypeGuard[Sequence[str]]:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _digest(table: Mapping[str, object], key: str) -> str:
    value = _text(table, key)
    if len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise ModelCardError(f"The model card's {key} is {value!r}, expected 64 lower-case hexadecimal digits.")
    return value


def _flag(table: Mapping[str, object], key: str) -> bool:
    value = _value(table, key)
    if not isinstance(value, bool):
        raise _wrong(key, value, "true or false")
    return value


def _number(
    table: Mapping[str, object],
    key: str,
    *,
    default: float | None = None,
    least: float = 0.0,
    most: float = float("inf"),
) -> float:
    value = default if default is not None and key not in table else _value(table, key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _wrong(key, value, f"a number from {least:g} to {most:g}")
    return float(value)


def _role(table: Mapping[str, object]) -> Role:
    value = _text(table, "role")
    for role in ROLES:
        if value == role:
            return role
    raise _wrong("role", value, f"one of {', '.join(ROLES)}")


def _metrics(table: Mapping[str, object]) -> tuple[MetricTable, ...]:
    """Tables as `[metrics."heading"."place"]` with numbers in them."""
    headings = table.get("metrics", {})
    if not isinstance(headings, dict):
        raise _wrong("metrics", headings, "tables of numbers")
    return tuple(MetricTable(heading=heading, rows=_metric_rows(heading, rows)) for heading, rows in headings.items())


def _metric_rows(heading: str, rows: object) -> dict[str, dict[str, float]]:
    if not isinstance(rows, dict):
        raise _wrong(f"metrics.{heading}", rows, "tables of numbers")
    result: dict[str, dict[str, float]] = {}
    for place, figures in rows.items():
        if not isinstance(figures, dict):
            raise _wrong(f"metrics.{heading}.{place}", figures, "a table of numbers")
        result[place] = {key: _number(figures, key, least=float("-inf")) for key in figures}
    return result
