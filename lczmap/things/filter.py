"""The WUDAPT filter: single odd cells give way to what surrounds them, class by class at its own scale.

For every class the presence of that class (0 or 1) is smoothed with a Gaussian kernel; a cell takes the class whose
smoothed presence is greatest. Radii and deviations in metres are those of Demuzere et al. (2020), Scientific Data 7,
264, doi:10.1038/s41597-020-00605-z, which the LCZ Generator uses too (Demuzere et al. 2021, Frontiers in Environmental
Science 9, 637455). Large low-rise and heavy industry smooth widest, water hardly at all, so rivers stay whole.

Two points that the papers leave open are settled here. Kernels are renormalised over the cells that are mapped, so that
a map's edge and gaps pull nothing towards them. A tie stays with the cell's own class, else goes to the lowest code.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lczmap.words.grid import Posting
from lczmap.words.lcz import CLASS_COUNT, NODATA

RADIUS_METRES = (200, 300, 300, 300, 300, 300, 300, 500, 300, 500, 200, 200, 200, 200, 300, 200, 50)
"""Half width of each class's square kernel, by code - 1."""
SIGMA_METRES = (100, 150, 150, 150, 150, 150, 150, 250, 150, 250, 75, 75, 75, 75, 150, 75, 25)
"""Standard deviation of each class's kernel, by code - 1."""
FILTER_POSTING = 160
"""Coarsest posting at which the filter is applied, metres: at 320 m most kernels hold a single cell."""

_STEPS = 1e9  # presences are compared in steps of 1e-9, so that rounding never breaks a tie
_STRIP = 256


def kernel(code: int, posting: Posting) -> NDArray[np.float64]:
    """One axis of a class's separable kernel, (2 r + 1,), summing to 1.

    Args:
        code: class, 1..17.
        posting: distance of posts, metres; r is the number of whole posts within the class's radius.
    """
    reach = RADIUS_METRES[code - 1] // posting
    metres = np.arange(-reach, reach + 1) * float(posting)
    weights: NDArray[np.float64] = np.exp(-0.5 * (metres / SIGMA_METRES[code - 1]) ** 2)
    return np.asarray(weights / weights.sum(), np.float64)


def filtered(codes: NDArray[np.uint8], posting: Posting) -> NDArray[np.uint8]:
    """Apply the filter to a whole map.

    Args:
        codes: (rows, columns) class codes, 0 where nodata.
        posting: distance of posts, metres.

    Returns:
        (rows, columns) class codes; nodata stays nodata, and nothing else becomes it.
    """
    out = np.zeros_like(codes)
    for inner, outer in _strips(codes.shape[0], max(RADIUS_METRES) // posting):
        strip = _filtered(codes[outer], posting)
        out[inner] = strip[inner.start - outer.start : inner.stop - outer.start]
    return out


def _strips(rows: int, halo: int) -> Iterator[tuple[slice, slice]]:
    """Bands of rows and the same with a halo: memory follows the map's width, values do not notice."""
    for start in range(0, rows, _STRIP):
        stop = min(start + _STRIP, rows)
        yield slice(start, stop), slice(max(start - halo, 0), min(stop + halo, rows))


def _filtered(codes: NDArray[np.uint8], posting: Posting) -> NDArray[np.uint8]:
    best = np.full(codes.shape, -1, np.int64)
    winner = codes.copy()
    mapped = codes != NODATA
    weights: dict[tuple[int, int], NDArray[np.float64]] = {}
    for code in range(1, CLASS_COUNT + 1):
        present = codes == code
        if not present.any():
            continue
        scale = RADIUS_METRES[code - 1], SIGMA_METRES[code - 1]
        if scale not in weights:
            weights[scale] = _smoothed(mapped, code, posting)
        share = np.divide(_smoothed(present, code, posting), weights[scale], out=np.zeros(codes.shape), where=mapped)
        steps = np.rint(share * _STEPS).astype(np.int64)
        ahead = (steps > best) | ((steps == best) & present)
        winner[ahead] = code
        best[ahead] = steps[ahead]
    winner[~mapped] = NODATA
    return winner


def _smoothed(mask: NDArray[np.bool_], code: int, posting: Posting) -> NDArray[np.float64]:
    taps = kernel(code, posting)
    return _along(_along(mask.astype(np.float64), taps).T, taps).T


def _along(values: NDArray[np.float64], taps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted sum along the first axis, zeros outside."""
    reach, rows = len(taps) // 2, len(values)
    padded = np.pad(values, ((reach, reach), (0, 0)))
    total = np.zeros_like(values)
    for step, weight in enumerate(taps):
        total += weight * padded[step : step + rows]
    return total
