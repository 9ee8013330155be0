"""The WUDAPT filter against plain loops, and what it may never do."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lczmap.things.filter import RADIUS_METRES, SIGMA_METRES, filtered, kernel
from lczmap.words.grid import Posting

FILTERED_POSTINGS: tuple[Posting, ...] = (160, 100, 80)


def plainly_filtered(codes: np.ndarray, posting: int) -> np.ndarray:
    """The same, cell by cell and kernel weight by kernel weight."""
    rows, columns = codes.shape
    out = np.zeros_like(codes)
    for row in range(rows):
        for column in range(columns):
            own = int(codes[row, column])
            if own == 0:
                continue
            shares: dict[int, float] = {}
            for code in range(1, 18):
                reach, sigma = RADIUS_METRES[code - 1] // posting, SIGMA_METRES[code - 1]
                there = everything = 0.0
                for down in range(-reach, reach + 1):
                    for across in range(-reach, reach + 1):
                        r, c = row + down, column + across
                        if 0 <= r < rows and 0 <= c < columns and codes[r, c]:
                            weight = math.exp(-((down * posting) ** 2 + (across * posting) ** 2) / (2 * sigma**2))
                            everything += weight
                            there += weight * (codes[r, c] == code)
                shares[code] = round(there / everything, 8)
            most = max(shares.values())
            tied = [code for code, share in shares.items() if share == most]
            out[row, column] = own if own in tied else min(tied)
    return out


@pytest.mark.parametrize("posting", FILTERED_POSTINGS)
def test_the_filter_is_the_plain_sum(posting: Posting) -> None:
    random = np.random.default_rng(posting)
    codes = random.choice(np.array([0, 2, 6, 8, 11, 17], np.uint8), (14, 11), p=[0.15, 0.2, 0.2, 0.15, 0.15, 0.15])
    assert np.array_equal(filtered(codes, posting), plainly_filtered(codes, posting))


def maps() -> st.SearchStrategy[np.ndarray]:
    return st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**31)).map(
        lambda triple: np.random.default_rng(triple[2]).choice(
            np.array([0, 1, 2, 8, 10, 14, 17], np.uint8), (triple[0], triple[1])
        )
    )


@given(codes=maps(), posting=st.sampled_from(FILTERED_POSTINGS))
@settings(max_examples=40)
def test_nodata_stays_and_nothing_else_becomes_it(codes: np.ndarray, posting: Posting) -> None:
    out = filtered(codes, posting)
    assert np.array_equal(out == 0, codes == 0)
    assert set(np.unique(out)) <= set(np.unique(codes))


@given(codes=maps(), posting=st.sampled_from(FILTERED_POSTINGS))
@settings(max_examples=40)
def test_no_direction_is_special(codes: np.ndarray, posting: Posting) -> None:
    out = filtered(codes, posting)
    assert np.array_equal(filtered(np.rot90(codes).copy(), posting), np.rot90(out))
    assert np.array_equal(filtered(codes[:, ::-1].copy(), posting), out[:, ::-1])


def test_strips_of_a_tall_map_do_not_show() -> None:
    codes = np.random.default_rng(3).choice(np.array([0, 2, 5, 8, 17], np.uint8), (600, 9))
    whole = filtered(codes, 100)
    for top in (200, 251, 505):
        part = filtered(codes[top - 5 : top + 15], 100)
        assert np.array_equal(whole[top : top + 10], part[5:15])


def test_a_lone_cell_gives_way_and_a_river_does_not() -> None:
    codes = np.full((15, 15), 6, np.uint8)
    codes[3, 3] = 8
    codes[:, 9] = 17
    out = filtered(codes, 100)
    assert out[3, 3] == 6
    assert (out[:, 9] == 17).all()


def test_the_edge_of_a_map_pulls_nothing() -> None:
    codes = np.full((12, 12), 9, np.uint8)
    codes[:, :6] = 3
    assert np.array_equal(filtered(codes, 100), codes)
    framed = np.pad(codes, 4)
    assert np.array_equal(filtered(framed, 100)[4:-4, 4:-4], codes)


def test_kernels_are_the_published_ones() -> None:
    taps = kernel(8, 100)
    assert len(taps) == 11
    assert taps.sum() == pytest.approx(1)
    assert taps[5] / taps[6] == pytest.approx(math.exp(0.5 * (100 / 250) ** 2))
    assert len(kernel(17, 80)) == 1
