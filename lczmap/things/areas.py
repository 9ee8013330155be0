"""What a class map sums up to: area and share by class, and the same map seen from farther away."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.words.grid import Posting
from lczmap.words.lcz import CLASS_COUNT, LCZ, NODATA, Lcz


@dataclass(frozen=True, kw_only=True)
class ClassArea:
    """How much of a map one class covers."""

    zone: Lcz
    """The class."""
    cells: int
    """Number of cells."""
    km2: float
    """Area on the map's grid, square kilometres; UTM's scale (at most 0.1 % off inside a zone) is not corrected."""
    percent: float
    """Share of the mapped area, two decimals; all shares together are 100, or 0 where nothing is mapped."""


def class_areas(cells: Sequence[int], posting: Posting) -> tuple[ClassArea, ...]:
    """The table of areas, one entry a class.

    Args:
        cells: 17 numbers of cells, by code - 1.
        posting: side of a cell, metres.
    """
    shares = _shares(cells)
    return tuple(
        ClassArea(zone=zone, cells=count, km2=count * posting**2 / 1e6, percent=share)
        for zone, count, share in zip(LCZ, cells, shares, strict=True)
    )


def class_cells(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number of cells of each class, (17,)."""
    return np.bincount(codes.ravel(), minlength=CLASS_COUNT + 1)[1:].astype(np.int64)


def mode_reduced(codes: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """A coarser map: the commonest class of every square of cells, of equally common ones the lowest code.

    Args:
        codes: (rows, columns), 0 where nodata; nodata has no vote.
        factor: cells along a square's side; squares at the south and east edge may be cut.

    Returns:
        (ceil(rows / factor), ceil(columns / factor)), nodata where a square holds nothing else.
    """
    height, width = (-(-side // factor) for side in codes.shape)
    padded = np.zeros((height * factor, width * factor), np.uint8)
    padded[: codes.shape[0], : codes.shape[1]] = codes
    squares = padded.reshape(height, factor, width, factor)
    best = np.zeros((height, width), np.int64)
    winner = np.full((height, width), NODATA, np.uint8)
    for code in np.unique(codes[codes != NODATA]):
        votes = (squares == code).sum(axis=(1, 3))
        ahead = votes > best
        winner[ahead] = code
        best[ahead] = votes[ahead]
    return winner


def _shares(cells: Sequence[int]) -> list[float]:
    """Percentages with two decimals that add up to 100, by largest remainders."""
    total = sum(cells)
    if total == 0:
        return [0.0] * len(cells)
    exact = [count * 10_000 for count in cells]
    floors = [value // total for value in exact]
    order = sorted(range(len(cells)), key=lambda index: (-(exact[index] % total), index))
    for index in order[: 10_000 - sum(floors)]:
        floors[index] += 1
    return [hundredths / 100 for hundredths in floors]
