"""Laws of class probabilities as bytes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from lczmap.things.probabilities import (
    PROBABILITY_NODATA,
    confidence,
    decode,
    encode,
    fuse,
    margin,
    winners,
)

Rows = NDArray[np.float32]


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    count = draw(st.integers(1, 6))
    raw = draw(arrays(np.float32, (count, 17), elements=st.floats(0, 1, width=32)))
    raw = np.float32(1e-3) + raw ** draw(st.sampled_from([1, 4, 16]))
    return (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)


@given(rows())
def test_bytes_keep_the_winner_strictly_first(probabilities: Rows) -> None:
    levels = encode(probabilities)
    order = np.sort(levels, axis=1)
    assert (order[:, -1] > order[:, -2]).all()
    np.testing.assert_array_equal(winners(levels), probabilities.argmax(axis=1) + 1)


@given(rows())
def test_bytes_are_near_the_probabilities(probabilities: Rows) -> None:
    # half a level by rounding, one more where a runner-up gave way
    assert np.abs(decode(encode(probabilities)) - probabilities).max() <= 1.5 * 0.004 + 1e-6


def test_unknown_rows_are_nodata_everywhere() -> None:
    unknown = np.full((2, 17), np.nan, np.float32)
    assert (encode(unknown) == PROBABILITY_NODATA).all()
    assert (winners(encode(unknown)) == 0).all()
    assert (confidence(unknown) == PROBABILITY_NODATA).all()
    assert (margin(unknown) == PROBABILITY_NODATA).all()
    assert np.isnan(decode(encode(unknown))).all()


def test_a_perfect_tie_goes_to_the_lower_code() -> None:
    tie = np.zeros((1, 17), np.float32)
    tie[0, [3, 8]] = 0.5
    assert winners(encode(tie)).tolist() == [4]
    assert encode(tie)[0, [3, 8]].tolist() == [125, 124]


@given(rows())
def test_margin_is_the_lead_of_the_winner(probabilities: Rows) -> None:
    ordered = np.sort(probabilities, axis=1)
    lead = ordered[:, -1] - ordered[:, -2]
    np.testing.assert_allclose(margin(probabilities) / 250, lead, atol=0.5 / 250 + 1e-6)


@given(rows(), st.floats(0, 1))
def test_fusion_of_one_stream_is_that_stream(probabilities: Rows, weight: float) -> None:
    silent = np.full_like(probabilities, np.nan)
    np.testing.assert_array_equal(fuse(probabilities, None, weight), probabilities)
    np.testing.assert_array_equal(fuse(probabilities, silent, weight), probabilities)
    np.testing.assert_array_equal(fuse(silent, probabilities, weight), probabilities)


def test_fusion_weighs_the_sentinel_stream() -> None:
    sentinel, vhr = np.eye(17, dtype=np.float32)[[1]], np.eye(17, dtype=np.float32)[[4]]
    fused = fuse(sentinel, vhr, 0.6)
    np.testing.assert_allclose(fused[0, [1, 4]], [0.6, 0.4], rtol=1e-6)
