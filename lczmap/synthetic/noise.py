"""Seeded randomness laid out in space: smooth fields, and white noise that belongs to the ground."""

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


_BLOCK = 64
"""Side of what is drawn at once, pixels."""


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
