"""Ways to vary patches `(n, 32, 32, 10)` float32 reflectance: symmetries, light, colour, mixing, grain, softening.

Every function is pure and draws from the generator it is given; none changes the order of the batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lczmap.words.bands import BANDS

Patches = NDArray[np.float32]

COARSE = np.array([band.metres == 20 for band in BANDS])
"""Which of the ten bands have native 20 m pixels."""
SYMMETRIES = 8
SHADED = 0.5
"""Share of the relit patches whose shadows deepen."""


def symmetry(patches: Patches, index: int) -> Patches:
    """Apply one of the eight symmetries of the square: rotation by `index % 4` quarters, mirrored from 4 on."""
    turned = np.rot90(patches, index % 4, axes=(1, 2))
    return np.ascontiguousarray(turned if index < 4 else turned[:, :, ::-1])


def random_symmetries(patches: Patches, rng: np.random.Generator) -> Patches:
    """Apply to each patch a symmetry of its own."""
    drawn = rng.integers(SYMMETRIES, size=len(patches))
    if not len(patches):
        return patches
    return np.concatenate([symmetry(patches[i : i + 1], int(k)) for i, k in enumerate(drawn)])


def regrained(patches: Patches, *, phase: tuple[int, int], smooth: bool) -> Patches:
    """Rebuild the 20 m bands from 2x2 means: nearest-doubled, or smoothly (linearly) interpolated.

    Sources differ in how they bring 20 m bands to 10 m, and posts at 100 m fall half a 20 m pixel off.

    Args:
        patches: reflectance `(n, 32, 32, 10)`.
        phase: 0 or 1 along y and x: whether the window starts on a 20 m pixel's border or in its middle.
        smooth: interpolate instead of doubling.
    """
    side = patches.shape[1]
    coarse = patches[..., COARSE]
    padding = [(0, 0), (phase[0], phase[0]), (phase[1], phase[1]), (0, 0)]
    padded = np.pad(coarse, padding, mode="edge")
    n, height, width, bands = padded.shape
    blocks = padded.reshape(n, height // 2, 2, width // 2, 2, bands).mean(axis=(2, 4))
    fine = _doubled_smoothly(_doubled_smoothly(blocks, 1), 2) if smooth else blocks.repeat(2, 1).repeat(2, 2)
    result = patches.copy()
    result[..., COARSE] = fine[:, phase[0] : phase[0] + side, phase[1] : phase[1] + side]
    return result


def _doubled_smoothly(values: Patches, axis: int) -> Patches:
    """Double one axis linearly: each fine pixel is 3/4 its own coarse pixel and 1/4 the neighbour it leans to."""
    values = np.moveaxis(values, axis, 0)
    before = np.concatenate([values[:1], values[:-1]])
    after = np.concatenate([values[1:], values[-1:]])
    fine = np.stack([0.75 * values + 0.25 * before, 0.75 * values + 0.25 * after], axis=1).astype(np.float32)
    return np.moveaxis(fine.reshape(-1, *values.shape[1:]), 0, axis)


def randomly_regrained(
    patches: Patches, rng: np.random.Generator, *, doubled: float, smoothed: NDArray[np.float64]
) -> Patches:
    """Give each patch one of: doubled 20 m bands (with that probability), smooth ones, or bands as they are.

    `smoothed (n,)` is each patch's own probability of the second.
    """
    result = patches.copy()
    draw = rng.random(len(patches))
    phases = rng.integers(2, size=(len(patches), 2))
    for y in (0, 1):
        for x in (0, 1):
            here = (phases[:, 0] == y) & (phases[:, 1] == x)
            for smooth, chosen in ((False, draw < doubled), (True, draw >= 1 - smoothed)):
                rows = np.flatnonzero(here & chosen)
                if len(rows):
                    result[rows] = regrained(patches[rows], phase=(y, x), smooth=smooth)
    return result


def relit(patches: Patches, rng: np.random.Generator, *, share: float) -> Patches:
    """Change sun and haze of a share of the patches: gain, contrast, shadows, colour cast, a little path reflectance.

    A low sun darkens, and deepens shadows, which only the blue sky fills; what is left of the air after correction
    adds to the blue.
    """
    n, bands = len(patches), patches.shape[-1]
    gain = np.exp(rng.uniform(np.log(0.4), np.log(1.3), size=(n, 1, 1, 1)))
    cast = np.exp(rng.normal(0.0, 0.05, size=(n, 1, 1, bands)))
    contrast = rng.uniform(0.75, 1.8, size=(n, 1, 1, 1))
    haze = rng.uniform(-0.012, 0.03, size=(n, 1, 1, 1)) * np.linspace(1.0, 0.0, bands)
    depth = rng.uniform(0.0, 0.8, size=(n, 1, 1, 1)) * (rng.random((n, 1, 1, 1)) < SHADED)
    level = patches.mean(axis=(1, 2), keepdims=True)
    changed = level + contrast * (patches - level)
    brightness = changed.mean(axis=3, keepdims=True) / np.maximum(level.mean(axis=3, keepdims=True), 1e-3)
    shade = depth * np.clip(1 - brightness, 0.0, 1.0)
    changed = changed * (1 - shade * np.linspace(0.7, 1.0, bands)) * gain * cast + haze
    chosen = rng.random((n, 1, 1, 1)) < share
    return np.where(chosen, np.clip(changed, 1e-4, 2.0), patches).astype(np.float32)


def recoloured(patches: Patches, rng: np.random.Generator, *, share: float, palette: Patches | None = None) -> Patches:
    """Give a share of the patches the band means and covariances of others, wholly or in part.

    Texture stays and the colours of another place, season and sun come over it: of the palette, `(m, 32, 32, 10)`,
    or else of the batch itself. No direction of colour is amplified
    more than threefold: the noise of a smooth patch is no texture.
    """
    n, side, _, bands = patches.shape
    rows = np.flatnonzero(rng.random(n) < share)
    if not len(rows):
        return patches
    shades = patches if palette is None else palette
    partners = shades[rng.integers(len(shades), size=len(rows))].reshape(len(rows), side * side, bands)
    pixels = patches[rows].reshape(len(rows), side * side, bands).astype(np.float64)
    mean, factor = _colours(pixels)
    other, target = _colours(partners.astype(np.float64))
    # x = mean + L z with z white, so the partner's colours are mean' + L' inv(L) (x - mean)
    across = target @ np.linalg.inv(factor)
    across *= np.minimum(1.0, 3.0 / np.linalg.norm(across, ord=2, axis=(1, 2)))[:, None, None]
    moved = other + np.einsum("nij,npj->npi", across, pixels - mean)
    weight = rng.uniform(0.3, 1.0, size=(len(rows), 1, 1))
    result = patches.copy()
    blend = weight * moved + (1 - weight) * pixels
    result[rows] = np.clip(blend, 1e-4, 2.0).reshape(len(rows), side, side, bands)
    return result


def _colours(pixels: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means `(n, 1, bands)` of pixels `(n, p, bands)` and a root `(n, bands, bands)` of their covariances."""
    mean = pixels.mean(axis=1, keepdims=True)
    centred = pixels - mean
    spread = np.einsum("npi,npj->nij", centred, centred) / pixels.shape[1] + 1e-7 * np.eye(pixels.shape[2])
    return mean, np.linalg.cholesky(spread)


def sharpened(patches: Patches, rng: np.random.Generator, *, share: float) -> Patches:
    """Exaggerate the fine detail of a share of the patches: towns are denser and rougher than most that are known."""
    rows = np.flatnonzero(rng.random(len(patches)) < share)
    amount = rng.uniform(0.2, 1.2, size=(len(rows), 1, 1, 1)).astype(np.float32)
    padded = np.pad(patches[rows], [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
    across = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    blurred = (across[:, :, :-2] + across[:, :, 1:-1] + across[:, :, 2:]) / np.float32(9)
    result = patches.copy()
    result[rows] = np.clip(patches[rows] + amount * (patches[rows] - blurred), 1e-4, 2.0)
    return result


def softened(patches: Patches, rng: np.random.Generator, *, share: float) -> Patches:
    """Shift a share of the patches by up to half a pixel, bilinearly, as a warp from the next UTM zone does."""
    rows = np.flatnonzero(rng.random(len(patches)) < share)
    offsets = rng.uniform(-0.5, 0.5, size=(len(rows), 2)).astype(np.float32)
    result = patches.copy()
    for row, shift in zip(rows, offsets, strict=True):
        moved = patches[row]
        for axis, by in enumerate(shift):
            neighbour = np.roll(moved, -int(np.sign(by)), axis=axis)
            edge = -1 if by > 0 else 0
            np.moveaxis(neighbour, axis, 0)[edge] = np.moveaxis(moved, axis, 0)[edge]
            moved = (1 - abs(by)) * moved + abs(by) * neighbour
        result[row] = moved
    return result


def speckled(patches: Patches, rng: np.random.Generator) -> Patches:
    """Small gains a band and small noise a pixel: what should never change an answer."""
    gain = np.exp(rng.normal(0.0, 0.02, size=(len(patches), 1, 1, patches.shape[-1])))
    noise = rng.normal(0.0, 0.001, size=patches.shape)
    return np.clip(patches * gain + noise, 1e-4, 2.0).astype(np.float32)


def mixed(patches: Patches, rng: np.random.Generator, *, pasted: float, blended: float) -> Patches:
    """Mix a share of the patches with others of the batch: a pasted rectangle, or a weighted mean.

    Only for training against a teacher that sees the mixture too and says what it is.
    """
    result = patches.copy()
    side = patches.shape[1]
    partners = rng.permutation(len(patches))
    for row, (partner, draw) in enumerate(zip(partners, rng.random(len(patches)), strict=True)):
        if draw < pasted:
            height, width = rng.integers(side // 4, side + 1, size=2)
            y, x = rng.integers(side - height + 1), rng.integers(side - width + 1)
            result[row, y : y + height, x : x + width] = patches[partner, y : y + height, x : x + width]
        elif draw < pasted + blended:
            weight = np.float32(rng.uniform(0.2, 0.8))
            result[row] = weight * patches[row] + (1 - weight) * patches[partner]
    return result
