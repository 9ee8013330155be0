"""Mask, mosaic and median against what numpy computes without cleverness."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from lczmap.things.composite import (
    ASSUMED,
    UNMASKED,
    SceneView,
    clear_of_scl,
    composite_of,
    look_of,
)
from lczmap.things.median import ABSENT, median_of_looks, network
from lczmap.words.bands import COMPOSITE_NODATA
from lczmap.words.spec import SCL_DROPPED


def nan_median(values: NDArray[np.int16], clear: NDArray[np.bool_]) -> NDArray[np.int16]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        median = np.nanmedian(np.where(clear, values.astype(np.float64), np.nan), axis=0)
    return np.where(np.isnan(median), COMPOSITE_NODATA, np.rint(median)).astype(np.int16)


def clear_median(values: NDArray[np.int16], clear: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Median over the clear looks of one band, by the sorting network."""
    present = clear.sum(axis=0, dtype=np.uint8)
    return median_of_looks(list(np.where(clear, values, ABSENT)), present)


@given(st.data())
def test_the_median_is_numpys_over_the_clear_looks(data: st.DataObject) -> None:
    looks = data.draw(st.integers(1, 17))
    seed = data.draw(st.integers(0, 2**32 - 1))
    low, high = data.draw(st.sampled_from([(-1000, 12_000), (-32_767, 32_767), (0, 3)]))
    share = data.draw(st.sampled_from([0.0, 0.2, 0.7, 1.0]))
    rng = np.random.default_rng(seed)
    values = rng.integers(low, high, (looks, 7, 11), dtype=np.int16, endpoint=True)
    clear = rng.random(values.shape) < share
    np.testing.assert_array_equal(clear_median(values, clear), nan_median(values, clear))


def test_the_median_of_more_pixels_than_one_run_holds() -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(-1000, 12_000, (13, 171, 197), dtype=np.int16)
    clear = rng.random(values.shape) < np.linspace(0, 1, 171)[:, None]
    np.testing.assert_array_equal(clear_median(values, clear), nan_median(values, clear))


@pytest.mark.parametrize("size", range(1, 12))
def test_the_network_sorts_whatever_it_is_given(size: int) -> None:
    """By the zero-one principle a network that sorts all bits sorts all numbers."""
    middle = {(size - 1) // 2, size // 2}
    whole, partial = network(size, range(size)), network(size, middle)
    assert len(partial) <= len(whole)
    for bits in itertools.product((0, 1), repeat=size):
        for steps, ranks in ((whole, set(range(size))), (partial, middle)):
            values = list(bits)
            for step in steps:
                one, other = values[step.low], values[step.high]
                values[step.low], values[step.high] = min(one, other), max(one, other)
            assert all(values[rank] == sorted(bits)[rank] for rank in ranks)


@given(st.integers(0, 9), st.integers(0, 2**32 - 1))
def test_clouds_grow_by_a_square_and_the_edge_of_an_image_does_not(radius: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scl = rng.choice(
        np.array([4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 6, 11, 9, 3, 0], np.uint8), (23 + 2 * radius, 31 + 2 * radius)
    )
    hidden = np.isin(scl, SCL_DROPPED) & (scl != 0)
    grown = ndimage.maximum_filter(hidden, size=2 * radius + 1, mode="constant", cval=False) | (scl == 0)
    inner = grown[radius : radius + 23, radius : radius + 31]
    np.testing.assert_array_equal(clear_of_scl(scl, SCL_DROPPED, radius), ~inner)


FINE = [0, 1, 2, 6]
"""The 10 m bands: B02 B03 B04 B08."""
COARSE = [3, 4, 5, 7, 8, 9]
"""The 20 m bands."""


def view(
    numbers: NDArray[np.uint16], clear: NDArray[np.bool_] | None, offset: int = 0, *, assumed: bool = False
) -> SceneView:
    return SceneView(numbers=list(numbers), clear=clear, offset_dn=offset, offset_assumed=assumed)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_a_pixel_belongs_to_the_first_scene_that_imaged_it(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.integers(0, 4000, (count, 10, 19, 5)).astype(np.uint16)
    numbers[rng.random(numbers.shape) < 0.03] = 0
    for bands in (FINE, COARSE):
        gap = rng.random((count, 1, 19, 5)) < 0.1
        numbers[:, bands] = np.where(gap, 0, numbers[:, bands])
    clear = rng.random((count, 19, 5)) < 0.6
    offsets = rng.choice([0, -1000], count)
    look = look_of([view(*each) for each in zip(numbers, clear, offsets, strict=True)])
    for row, column in np.ndindex(19, 5):
        pixel = numbers[:, :, row, column]
        imaged = pixel[:, FINE].any(axis=1) & pixel[:, COARSE].any(axis=1)
        imaged = np.where(offsets == 0, imaged, pixel.all(axis=1))
        owner = next((k for k in range(count) if imaged[k]), None)
        winner = owner if owner is not None and clear[owner, row, column] else None
        assert look.seen[row, column] == (winner is not None)
        expected = ABSENT if winner is None else numbers[winner, :, row, column].astype(int) + offsets[winner]
        np.testing.assert_array_equal(look.reflectance[:, row, column], expected)


def test_a_cloud_of_the_newest_scene_is_not_overruled() -> None:
    """Only where it has no pixels does the next scene speak."""
    newest, older = np.full((10, 1, 3), 500, np.uint16), np.full((10, 1, 3), 900, np.uint16)
    newest[:, 0, 2] = 0
    cloudy = np.array([[True, False, False]])
    composite = composite_of([look_of([view(newest, cloudy), view(older, np.array([[True, True, True]]))])])
    np.testing.assert_array_equal(composite.looks, [[1, 0, 1]])
    np.testing.assert_array_equal(composite.reflectance[0], [[500, COMPOSITE_NODATA, 900]])


def test_a_single_0_is_dark_and_no_gap() -> None:
    """Where ESA's offset was taken off, clear water is 0 in SWIR and deep shadow is 0 in blue."""
    water = np.full((10, 1, 2), 300, np.uint16)
    water[[8, 9], 0, 0] = 0
    water[0, 0, 1] = 0
    composite = composite_of([look_of([view(water, None)])])
    np.testing.assert_array_equal(composite.looks, [[1, 1]])
    np.testing.assert_array_equal(composite.reflectance[:, 0, :], water[:, 0, :])


def test_with_the_offset_on_a_single_0_is_a_gap() -> None:
    """ESA lifts what is dark to 1 and more: 0 is a band that ends before the others at the swath's edge."""
    edge = np.full((10, 1, 2), 1300, np.uint16)
    edge[3, 0, 0] = 0
    composite = composite_of([look_of([view(edge, None, -1000)])])
    np.testing.assert_array_equal(composite.looks, [[0, 1]])
    assert (composite.reflectance[:, 0, 1] == 300).all()


def test_provenance_tells_only_what_contributed() -> None:
    dark, bright = np.full((10, 1, 4), 500, np.uint16), np.full((10, 1, 4), 900, np.uint16)
    bright[COARSE, 0, 2:] = 0
    first = look_of([view(bright, None), view(dark, np.array([[True, True, True, False]]), assumed=True)])
    composite = composite_of([first])
    np.testing.assert_array_equal(composite.provenance, [[UNMASKED, UNMASKED, ASSUMED, 0]])
    np.testing.assert_array_equal(composite.looks, [[1, 1, 1, 0]])
    np.testing.assert_array_equal(composite.reflectance[4], [[900, 900, 500, COMPOSITE_NODATA]])


def test_blinding_bright_pixels_stay_bright() -> None:
    """Numbers beyond int16 are cut off, not wrapped round."""
    numbers = np.full((10, 2, 2), 65_535, np.uint16)
    composite = composite_of([look_of([view(numbers, None, -1000)])])
    assert (composite.reflectance == 31_767).all()
    assert (composite.looks == 1).all()
