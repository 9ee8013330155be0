"""The wish: what a user asks of a run, with every default in one place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from lczmap.words.errors import SpecError
from lczmap.words.grid import HALO_METRES, Posting
from lczmap.words.period import Period

Precision = Literal["float32", "bfloat16"]
"""Arithmetic of the classifiers; part of the wish, never taken from the hardware."""
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""Every precision on offer."""

SCL_DROPPED = (0, 1, 3, 8, 9, 10)
"""SCL classes that do not show the ground: nodata, saturated, cloud shadow, cloud (two), cirrus."""
SCL_CLASSES = range(12)
"""Every SCL class there is."""


@dataclass(frozen=True, kw_only=True)
class CompositeMethod:
    """How many scenes become one image: the clear-sky median of the least cloudy solar days."""

    name: Literal["clear-median"] = "clear-median"
    """Per pixel and band, the median over clear looks; of an even number the mean of the middle two."""
    max_cloud_percent: float = 40.0
    """Scenes that their catalogue calls cloudier are left out."""
    max_solar_days: int = 12
    """Solar days kept for each MGRS tile, least cloudy first."""
    scl_dropped: tuple[int, ...] = SCL_DROPPED
    """SCL classes that are not clear."""
    dilation_metres: int = 60
    """Radius (of a square) by which what is not clear grows; hides cloud leaked by resampling."""

    def __post_init__(self) -> None:
        """Refuse what could not be computed."""
        # to Python True is a 1 and so is 1.0; neither is a class
        if not all(type(code) is int and code in SCL_CLASSES for code in self.scl_dropped):
            raise SpecError(
                f"scl_dropped is {list(self.scl_dropped)}, expected whole numbers from 0 to {SCL_CLASSES[-1]}, the "
                "classes of Sentinel-2's scene classification; change it in the spec."
            )
        if not 0 <= self.max_cloud_percent <= 100:
            raise SpecError(f"max_cloud_percent is {self.max_cloud_percent}, expected 0 to 100; change it in the spec.")
        if not 1 <= self.max_solar_days <= 100:
            raise SpecError(f"max_solar_days is {self.max_solar_days}, expected 1 to 100; change it in the spec.")
        if not 0 <= self.dilation_metres <= HALO_METRES or self.dilation_metres % 20:
            raise SpecError(
                f"dilation_metres is {self.dilation_metres}, expected a multiple of 20 from 0 to "
                f"{HALO_METRES}; change it in the spec."
            )


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One run as asked for, free of any place and any machine."""

    period: Period
    """First and last day of imagery."""
    source: str = "earth-search"
    """Name of the imagery source in the catalogue, an address, or `local`."""
    composite: CompositeMethod = field(default_factory=CompositeMethod)
    """How scenes become one image."""
    posting: Posting = 320
    """Distance of posts, metres."""
    vhr: str = "none"
    """VHR imagery: a name of the catalogue, an address, `local`, or `none`, which leaves the VHR stream out."""
    segmenter: str = "sam-tiny"
    """Which segmenter of the catalogue cuts the VHR image into instances; without VHR it plays no part."""
    segmenter_settings: Mapping[str, str | int | float] = field(default_factory=dict)
    """Fields of the segmenter's specification that differ from the catalogue's."""
    sentinel_model: str = "resnet11-provisional"
    """Classifier of Sentinel-2 patches."""
    graph_model: str = "auto"
    """Classifier of instance graphs; `auto` takes the shipped one that was trained on the segmenter's instances.
    Without VHR it plays no part."""
    sentinel_weight: float | None = None
    """Share of the Sentinel stream in the fused probabilities; None takes the pair's card."""
    precision: Precision = "float32"
    """Arithmetic of the classifiers."""

    def __post_init__(self) -> None:
        """Refuse a precision that there is not, and a weight that is no share."""
        if self.precision not in PRECISIONS:
            raise SpecError(
                f"precision is {self.precision!r}, expected {' or '.join(PRECISIONS)}; change it in the spec."
            )
        if self.sentinel_weight is not None and not 0 <= self.sentinel_weight <= 1:
            raise SpecError(
                f"sentinel_weight is {self.sentinel_weight}, expected a share from 0 to 1; change it in the spec."
            )
