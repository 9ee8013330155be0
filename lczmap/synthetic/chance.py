"""Chance that belongs to a thing: the same key draws the same numbers wherever and in whatever order it is asked.

Keys are uint64, one for each quarter, block, lot or tree. A child's key comes from its parent's (`child_keys`), a
number from a key and the name of what it decides (`ticket`). Windows of a city rendered apart agree because of this.
Mixing function: Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators" (SplitMix64).
"""

import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

Keys = NDArray[np.uint64]


def city_key(seed: int) -> int:
    """The key that a whole city descends from."""
    return int(_mixed(np.array([seed & 0xFFFF_FFFF], dtype=np.uint64) ^ np.uint64(0x51C6_4E6D_A3F1_7B29))[0])


def lattice_keys(root: int, columns: NDArray[np.integer], rows: NDArray[np.integer], *, purpose: str) -> Keys:
    """One key for each node of an endless lattice; indices may be negative and broadcast."""
    first = _mixed(columns.astype(np.int64).view(np.uint64) ^ np.uint64(root) ^ _salt(purpose))
    return _mixed(first + _mixed(rows.astype(np.int64).view(np.uint64) * np.uint64(0x9E37_79B9_7F4A_7C15)))


def child_keys(keys: Keys, index: ArrayLike) -> Keys:
    """Keys of the `index`-th children; both broadcast."""
    # an array even of one: a scalar would warn where it wraps
    number = np.atleast_1d(np.asarray(index, dtype=np.int64)).view(np.uint64) + np.uint64(1)
    return _mixed(keys ^ (number * np.uint64(0xD1B5_4A32_D192_ED03)))


def ticket(keys: Keys, purpose: str) -> NDArray[np.float64]:
    """One number in [0, 1) a key, independent for each purpose."""
    drawn: NDArray[np.float64] = (_mixed(keys ^ _salt(purpose)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return drawn


def between(keys: Keys, purpose: str, low: ArrayLike, high: ArrayLike) -> NDArray[np.float64]:
    """One number in [low, high) a key."""
    least = np.asarray(low, dtype=np.float64)
    return least + (np.asarray(high, dtype=np.float64) - least) * ticket(keys, purpose)


def pick(keys: Keys, purpose: str, weights: ArrayLike) -> NDArray[np.int64]:
    """An index a key, drawn by weights (any scale)."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    return np.searchsorted(edges[:-1] / edges[-1], ticket(keys, purpose), side="right")


def value_noise(
    root: int, x: NDArray[np.float64], y: NDArray[np.float64], *, metres: float, purpose: str
) -> NDArray[np.float64]:
    """Smooth noise in [-1, 1] at any points, features about `metres` wide (value noise, quintic blend)."""
    column, row = np.floor(x / metres), np.floor(y / metres)
    u, v = x / metres - column, y / metres - row
    u, v = (t * t * t * (t * (t * 6.0 - 15.0) + 10.0) for t in (u, v))
    i, j = column.astype(np.int64), row.astype(np.int64)
    corner = _nodes(root, i, j, purpose)
    low = corner[0][0] + (corner[0][1] - corner[0][0]) * u
    high = corner[1][0] + (corner[1][1] - corner[1][0]) * u
    noise: NDArray[np.float64] = 2.0 * (low + (high - low) * v) - 1.0
    return noise


def _nodes(root: int, i: NDArray[np.int64], j: NDArray[np.int64], purpose: str) -> list[list[NDArray[np.float64]]]:
    """Values at the four nodes around each point, the right ones second, the upper ones last."""
    if i.size:
        columns, rows = np.arange(i.min(), i.max() + 2), np.arange(j.min(), j.max() + 2)
        if columns.size * rows.size <= i.size:
            # many points share a node: draw each node once and look it up
            table = ticket(lattice_keys(root, columns[None], rows[:, None], purpose=purpose), "value")
            left, low = i - columns[0], j - rows[0]
            return [[table[low + dj, left + di] for di in (0, 1)] for dj in (0, 1)]
    return [[ticket(lattice_keys(root, i + di, j + dj, purpose=purpose), "value") for di in (0, 1)] for dj in (0, 1)]


def _salt(purpose: str) -> np.uint64:
    raw = purpose.encode()
    return np.uint64((zlib.crc32(raw) << 32) | zlib.adler32(raw))


def _mixed(state: Keys) -> Keys:
    """Every input bit reaches every output bit; overflow wraps, as it must."""
    state = state + np.uint64(0x9E37_79B9_7F4A_7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    return state ^ (state >> np.uint64(31))
