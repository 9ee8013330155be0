"""Patches are the squares around their posts, whatever the tile and the posting."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lczmap.testing.fakes import ground
from lczmap.things.composite import ASSUMED, UNMASKED, Composite
from lczmap.things.patches import Patches, cut_patches
from lczmap.words.bands import COMPOSITE_NODATA
from lczmap.words.grid import POSTINGS, PixelGrid, Posting, Tile, posts_across
from lczmap.words.quality import Quality

TILE = Tile(epsg=32633, column=30, row=454)


def composite_of(tile: Tile) -> Composite:
    reflectance = ground(tile.observed)
    plane = np.full(reflectance.shape[1:], 3, np.uint8)
    return Composite(reflectance=reflectance, looks=plane, provenance=np.zeros_like(plane))


def some_posts(posting: Posting, *, seed: int = 0, count: int = 40) -> NDArray[np.bool_]:
    side = posts_across(posting)
    wanted = np.zeros((side, side), np.bool_)
    wanted[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    picked = np.random.default_rng(seed).integers(0, side, (2, count))
    wanted[picked[0], picked[1]] = True
    return wanted


def joined(lots: list[Patches]) -> NDArray[np.float32]:
    return np.concatenate([lot.reflectance for lot in lots])


@pytest.mark.parametrize("posting", POSTINGS)
def test_a_patch_is_the_ground_around_its_post(posting: Posting) -> None:
    posts = TILE.posts(posting)
    for lot in cut_patches(composite_of(TILE), posting, some_posts(posting), lot=17):
        rows, columns = np.divmod(lot.posts, posts.width)
        for row, column, patch in zip(rows, columns, lot.reflectance, strict=True):
            square = PixelGrid(
                epsg=TILE.epsg,
                west=int(posts.west + (column + 0.5) * posting - 160),
                north=int(posts.north - (row + 0.5) * posting + 160),
                metres=10,
                width=32,
                height=32,
            )
            np.testing.assert_allclose(patch, ground(square).transpose(1, 2, 0) * 1e-4, rtol=1e-6)


@pytest.mark.parametrize("posting", POSTINGS)
def test_lots_come_in_row_major_order_and_hold_every_wanted_post_once(posting: Posting) -> None:
    wanted = some_posts(posting)
    posts = np.concatenate([lot.posts for lot in cut_patches(composite_of(TILE), posting, wanted, lot=7)])
    np.testing.assert_array_equal(posts, np.flatnonzero(wanted))


def test_the_size_of_lots_changes_nothing() -> None:
    wanted = some_posts(100)
    one = joined(list(cut_patches(composite_of(TILE), 100, wanted, lot=1)))
    many = joined(list(cut_patches(composite_of(TILE), 100, wanted, lot=512)))
    np.testing.assert_array_equal(one, many)


def punched(clear_pixels: int) -> Patches:
    """The first cell at 320 m with some of its 1,024 pixels clear."""
    seen = composite_of(TILE)
    window = np.zeros(1024, np.bool_)
    window[clear_pixels:] = True
    hole = np.zeros(seen.looks.shape, np.bool_)
    hole[16:48, 16:48] = window.reshape(32, 32)
    seen.reflectance[:, hole] = COMPOSITE_NODATA
    seen.looks[hole] = 0
    wanted = np.zeros((40, 40), np.bool_)
    wanted[0, 0] = True
    (lot,) = cut_patches(seen, 320, wanted)
    return lot


@pytest.mark.parametrize(("clear", "usable"), [(1024, True), (512, True), (511, False), (1, False), (0, False)])
def test_half_the_pixels_must_be_clear(clear: int, usable: bool) -> None:
    lot = punched(clear)
    assert lot.usable.tolist() == [usable]
    flags = Quality(int(lot.quality[0]))
    assert (Quality.NO_CLEAR_PIXEL in flags) == (clear == 0)
    assert (Quality.GAPS_FILLED in flags) == (usable and clear < 1024)


def test_gaps_are_filled_with_the_window_s_band_medians() -> None:
    lot = punched(600)
    patch = lot.reflectance[0].reshape(1024, 10)
    np.testing.assert_array_equal(patch[600:], np.broadcast_to(np.median(patch[:600], axis=0), (424, 10)))
    assert np.isfinite(patch).all()


def test_provenance_and_few_looks_reach_the_quality_bits() -> None:
    seen = composite_of(TILE)
    seen.provenance[20, 20] = UNMASKED
    seen.provenance[20, 50] = ASSUMED
    seen.looks[16:48, 80:112] = 2
    wanted = np.zeros((40, 40), np.bool_)
    wanted[0, :4] = True
    (lot,) = cut_patches(seen, 320, wanted)
    assert lot.quality.tolist() == [Quality.UNMASKED, Quality.OFFSET_ASSUMED, Quality.FEW_LOOKS, 0]
    assert lot.looks.tolist() == [3, 3, 2, 3]
