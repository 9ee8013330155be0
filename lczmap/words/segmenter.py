"""The segmenter's specification: everything that decides which instances are cut from a 1 m picture.

Plain data. The shipped ones stand in `catalogs/segmenters.toml`; a graph model names the one it was trained on by
`SegmenterSpec.digest`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import Any, Literal, Self, get_args

from lczmap.words.errors import SpecError
from lczmap.words.grid import TILE_METRES, WINDOW_METRES

SegmenterNetwork = Literal["sam-tiny", "vit_b", "vit_l", "vit_h", "slic"]
"""What cuts: a configuration of segment-anything, or superpixels without weights."""
SegmentMode = Literal["cell", "window"]
"""`cell`: each 320 m square by itself, as the paper does; `window`: a wide window serves all posts in its core."""
SegmenterPrecision = Literal["float32", "bfloat16"]
"""Arithmetic of the segmenter; part of the wish, never taken from the hardware."""

_KINDS: Mapping[type, str] = {int: "a whole number", float: "a number", str: "text"}


@dataclass(frozen=True, kw_only=True)
class SegmenterSpec:
    """How pictures are cut into instances (DF4LCZ, section III-B; DESIGN of the windows: README)."""

    name: str
    """Name it is asked for by; in no digest."""
    network: SegmenterNetwork
    """What cuts."""
    mode: SegmentMode = "window"
    """Whether windows or single cells are cut."""
    core_metres: int = 640
    """Side of a window's core: a post belongs to the window whose core holds its centre. Divides a tile."""
    context_metres: int = 160
    """Margin seen around the core; at least half a cell, so that every post's square lies in its window."""
    scale: float = 1.0
    """Pixels that the encoder sees per metre: above 1 the picture is enlarged before it is encoded."""
    pitch_metres: float = 80 / 3
    """Distance of prompts in window mode, metres."""
    points_per_side: int = 12
    """Prompts along a side in cell mode (DF4LCZ: 12)."""
    crop_layers: int = 1
    """Further layers of crops in cell mode (DF4LCZ: 1, four crops with half the points a side)."""
    grain_metres: int = 2
    """Pixel side of the masks in window mode, metres; divides 10. In cell mode masks have 1 m."""
    crop_tokens: int = 0
    """Side of the part of the embedding that a prompt is decoded on, tokens; 0 decodes on the whole embedding."""
    precision: SegmenterPrecision = "bfloat16"
    """Arithmetic."""
    iou_threshold: float = 0.88
    """Least predicted quality of a mask (DF4LCZ: 0.88)."""
    stability_threshold: float = 0.92
    """Least IoU of a mask cut at -1 and +1 around its threshold (DF4LCZ: 0.92)."""
    nms_threshold: float = 0.4
    """Boxes that overlap more than this IoU are one instance; the better mask stays (DF4LCZ: 0.4)."""
    least_metres2: float = 100.0
    """Holes and islands smaller than this are removed, square metres (DF4LCZ: min_mask_region_area 100 px)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be cut."""
        checks: tuple[tuple[str, object, bool, str], ...] = (
            ("network", self.network, self.network in get_args(SegmenterNetwork), "one of the networks on offer"),
            ("mode", self.mode, self.mode in get_args(SegmentMode), "cell or window"),
            ("precision", self.precision, self.precision in get_args(SegmenterPrecision), "float32 or bfloat16"),
            (
                "core_metres",
                self.core_metres,
                self.core_metres > 0 and TILE_METRES % self.core_metres == 0 and self.core_metres % WINDOW_METRES == 0,
                "a multiple of 320 that divides 12,800",
            ),
            (
                "context_metres",
                self.context_metres,
                self.context_metres >= WINDOW_METRES // 2 and self.context_metres % 10 == 0,
                "a multiple of 10 from 160 up",
            ),
            ("grain_metres", self.grain_metres, self.grain_metres in (1, 2, 5, 10), "1, 2, 5 or 10"),
            ("scale", self.scale, 0.1 <= self.scale <= 10, "0.1 to 10"),
            ("pitch_metres", self.pitch_metres, 2 <= self.pitch_metres <= 320, "2 to 320"),
            ("points_per_side", self.points_per_side, 1 <= self.points_per_side <= 128, "1 to 128"),
            ("crop_layers", self.crop_layers, 0 <= self.crop_layers <= 3, "0 to 3"),
            ("crop_tokens", self.crop_tokens, self.crop_tokens >= 0, "0 or more"),
            ("iou_threshold", self.iou_threshold, 0 <= self.iou_threshold <= 1, "0 to 1"),
            ("stability_threshold", self.stability_threshold, 0 <= self.stability_threshold <= 1, "0 to 1"),
            ("nms_threshold", self.nms_threshold, 0 < self.nms_threshold <= 1, "above 0, at most 1"),
            ("least_metres2", self.least_metres2, self.least_metres2 >= 0, "0 or more"),
        )
        for field, got, fine, expected in checks:
            if not fine:
                raise SpecError(f"The segmenter's {field} is {got!r}, expected {expected}; change it in the spec.")

    def changed(self, settings: Mapping[str, str | int | float]) -> Self:
        """The same with some fields changed; a whole number serves where a fraction may stand.

        Raises:
            SpecError: a setting is unknown or of the wrong kind, or what results cannot be cut.
        """
        kinds: dict[str, object] = {field.name: field.type for field in fields(self) if field.name != "name"}
        typed: dict[str, Any] = {}
        for key, value in settings.items():
            if key not in kinds:
                near = get_close_matches(key, kinds, n=1) or kinds
                raise SpecError(f"A segmenter has no setting {key!r}; known: {', '.join(near)}.")
            wanted = (int, float) if kinds[key] is float else (int,) if kinds[key] is int else (str,)
            if isinstance(value, bool) or not isinstance(value, wanted):
                raise SpecError(
                    f"The segmenter's {key} is {value!r}, expected {_KINDS[wanted[-1]]}; change it in the spec."
                )
            typed[key] = float(value) if kinds[key] is float else value
        return replace(self, **typed)

    @property
    def frame_metres(self) -> int:
        """Side of one picture that is cut: a window with its context, or a cell."""
        return WINDOW_METRES if self.mode == "cell" else self.core_metres + 2 * self.context_metres

    @property
    def mask_metres(self) -> int:
        """Pixel side of the masks it gives, metres."""
        return 1 if self.mode == "cell" else self.grain_metres

    @property
    def digest(self) -> str:
        """SHA-256 of everything but the name: equal digests and weights cut equal instances."""
        fields = {key: value for key, value in asdict(self).items() if key != "name"}
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()
