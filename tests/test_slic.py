"""Superpixels: they cover what was seen, follow borders of colour, and are the same every time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lczmap.protocols import Segmenter
from lczmap.segment.slic import SlicSegmenter, superpixels
from lczmap.things.frames import Reach
from lczmap.things.graph import graphs_of
from lczmap.words.errors import SpecError
from lczmap.words.segmenter import SegmenterSpec

SPEC = SegmenterSpec(name="slic", network="slic", core_metres=320, pitch_metres=40.0, grain_metres=2)
SIDE = SPEC.frame_metres
CELL: Reach = (160, 160, 480, 480)


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint8]:
    """Fields of 80 m, each of one colour, a little noisy."""
    rng = np.random.default_rng(1)
    colours = rng.integers(30, 226, (SIDE // 80, SIDE // 80, 3)).repeat(80, axis=0).repeat(80, axis=1)
    return (colours + rng.integers(-5, 6, (SIDE, SIDE, 3))).astype(np.uint8)


def covered(picture: NDArray[np.uint8], reach: Reach, spec: SegmenterSpec = SPEC) -> NDArray[np.int64]:
    """How many instances hold each mask pixel."""
    instances = superpixels(picture, reach, spec)
    return np.bincount(instances.pixels, minlength=instances.rows * instances.columns).reshape(instances.rows, -1)


def test_superpixels_cover_the_reach_once(picture: NDArray[np.uint8]) -> None:
    count = covered(picture, CELL)
    assert (count[80:240, 80:240] == 1).all()
    assert count.max() == 1
    assert not count[:30].any()  # further than two superpixels from the reach


def test_a_superpixel_keeps_to_one_field(picture: NDArray[np.uint8]) -> None:
    instances = superpixels(picture, CELL, SPEC)
    rows, columns = np.divmod(instances.pixels, instances.columns)
    field = rows // 40 * 8 + columns // 40
    pure = [
        np.bincount(field[begin:end]).max() / (end - begin)
        for begin, end in zip(instances.starts, instances.starts[1:], strict=False)
    ]
    assert np.mean(pure) > 0.97
    assert 2 <= len(instances) / 36 <= 8  # four seeds to a field


def test_what_was_not_seen_belongs_to_none(picture: NDArray[np.uint8]) -> None:
    dark = picture.copy()
    dark[:, 300:] = 0
    count = covered(dark, CELL)
    assert not count[:, 150:].any()
    assert (count[80:240, 80:150] == 1).all()
    assert len(superpixels(np.zeros_like(picture), CELL, SPEC)) == 0


def test_the_same_picture_gives_the_same_superpixels(picture: NDArray[np.uint8]) -> None:
    segmenter: Segmenter = SlicSegmenter(SPEC)
    first, mirrored, again = segmenter.segment(np.stack([picture, picture[::-1], picture]), [CELL] * 3)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.starts, again.starts)
    assert mirrored.rows == first.rows == SIDE // 2
    assert first.metres == 2
    assert (np.diff(first.starts) > 0).all()


def test_pixels_of_an_instance_ascend(picture: NDArray[np.uint8]) -> None:
    instances = superpixels(picture, CELL, SPEC)
    for index in range(len(instances)):
        assert (np.diff(instances.pixels[instances.starts[index] : instances.starts[index + 1]]) > 0).all()


def test_a_cell_by_itself_has_masks_of_one_metre(picture: NDArray[np.uint8]) -> None:
    spec = SegmenterSpec(name="slic", network="slic", mode="cell", pitch_metres=45.0)
    cell = picture[:320, :320]
    (instances,) = SlicSegmenter(spec).segment(cell[None], [(0, 0, 320, 320)])
    assert (instances.rows, instances.columns, instances.metres) == (320, 320, 1)
    assert len(instances.pixels) == 320 * 320
    assert 10 <= graphs_of(instances, cell, np.zeros((1, 2), np.int64)).counts[0] <= 50


def test_another_network_is_refused() -> None:
    with pytest.raises(SpecError, match="expected slic"):
        SlicSegmenter(SegmenterSpec(name="mine", network="sam-tiny"))
