"""Seeded randomness laid out in space: smooth fields, and one fixed lottery ticket a key."""

import zlib

import numpy as np
from numpy.typing import NDArray

from lczmap.words.grid import PixelGrid


def generator(seed: int, purpose: str) -> np.random.Generator:
    """An independent stream for each purpose, so that drawing more in one never shifts another."""
    return np.random.default_rng([seed, *purpose.encode()])


def smooth_field(
    rng: np.random.Generator, shape: tuple[int, int], *, pixels: float, roughness: float = 1.8
) -> NDArray[np.float32]:
    """A periodic random field of mean 0 and variance 1.

    Args:
        rng: source of the draws.
        shape: rows, columns.
        pixels: size of the largest features.
        roughness: exponent of the amplitude spectrum beyond that size; larger is smoother.
    """
    rows, columns = shape
    white = np.fft.rfft2(rng.standard_normal(shape))
    squared = np.fft.fftfreq(rows)[:, None] ** 2 + np.fft.rfftfreq(columns)[None, :] ** 2
    amplitude = (pixels**-2.0 + squared) ** (-roughness / 2)
    amplitude[0, 0] = 0.0
    field = np.fft.irfft2(white * amplitude, s=shape)
    standard: NDArray[np.float32] = (field / field.std()).astype(np.float32)
    return standard


def lottery(seed: int, *keys: NDArray[np.integer]) -> NDArray[np.float32]:
    """One number in [0, 1) for each combination of integer keys, the same wherever the keys are the same.

    Args:
        seed: makes another lottery.
        keys: arrays that broadcast together (lot column, lot row, district, ...).
    """
    mixed = np.uint32((seed * 0x9E3779B1 + 0x7F4A7C15) & 0xFFFFFFFF)
    state: NDArray[np.uint32] = np.asarray(mixed, dtype=np.uint32)
    for key in keys:
        state = _scramble(state ^ (key.astype(np.uint32) * np.uint32(0x85EBCA6B)))
    return (state >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def _scramble(state: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Wellons' lowbias32: every input bit reaches every output bit."""
    state = (state ^ (state >> np.uint32(16))) * np.uint32(0x7FEB352D)
    state = (state ^ (state >> np.uint32(15))) * np.uint32(0x846CA68B)
    return state ^ (state >> np.uint32(16))


_BLOCK = 64


def pixel_noise(seed: int, purpose: str, grid: PixelGrid) -> NDArray[np.float32]:
    """White noise of variance 1 on a grid, `(rows, columns)`: a pixel's number does not depend on the window.

    Args:
        seed: makes another noise.
        purpose: likewise.
        grid: its edges on multiples of its pixels.
    """
    left, top = grid.west // grid.metres, -(grid.north // grid.metres)
    first, last = left // _BLOCK, -(-(left + grid.width) // _BLOCK)
    upper, lower = top // _BLOCK, -(-(top + grid.height) // _BLOCK)
    stream = zlib.crc32(purpose.encode())
    rows = []
    for row in range(upper, lower):
        blocks = [_noise_block(seed, stream, column, row) for column in range(first, last)]
        rows.append(np.concatenate(blocks, axis=1))
    whole = np.concatenate(rows)
    down, right = top - upper * _BLOCK, left - first * _BLOCK
    return whole[down : down + grid.height, right : right + grid.width]


def _noise_block(seed: int, stream: int, column: int, row: int) -> NDArray[np.float32]:
    # words of a seed must not be negative
    bits = np.random.SFC64(np.random.SeedSequence([seed, stream, column & 0xFFFF_FFFF, row & 0xFFFF_FFFF]))
    return np.random.Generator(bits).standard_normal((_BLOCK, _BLOCK), dtype=np.float32)
