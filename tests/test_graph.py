"""Graphs of a frame's cells are those that one would make cell by cell from whole masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lczmap.things.graph import LEAST_METRES2, MOST_NODES, Graphs, empty_graphs, graphs_of, joined
from lczmap.things.instances import Instances, instances_of, no_instances
from lczmap.words.errors import SpecError
from lczmap.words.grid import WINDOW_METRES

SIDE = 640


def plain_graph(masks: NDArray[np.bool_], picture: NDArray[np.uint8], corner: NDArray[np.int64], metres: int) -> Graphs:
    """One cell from whole masks, one instance after another, metre by metre."""
    top, left = corner
    square = np.s_[top : top + WINDOW_METRES, left : left + WINDOW_METRES]
    found = []
    for mask in masks:
        metre_mask = mask.repeat(metres, axis=0).repeat(metres, axis=1) & (picture != 0).any(axis=2)
        here = metre_mask[square]
        if here.sum() >= LEAST_METRES2:
            rows, columns = (np.flatnonzero(here.any(axis=axis)) // metres for axis in (1, 0))
            centre = (columns[0] + columns[-1] + 1, rows[0] + rows[-1] + 1)
            colour = picture[square][here].mean(axis=0) / 255
            found.append((int(here.sum()), colour, centre))
    found = sorted(found, key=lambda node: -node[0])[:MOST_NODES]  # stable
    graph = empty_graphs(1)
    graph.counts[0] = len(found)
    for place, (_, colour, centre) in enumerate(found):
        graph.nodes[0, place] = [*colour, *(doubled / 2 * metres / WINDOW_METRES for doubled in centre)]
        graph.centres[0, place] = centre
    return graph


def blots(rng: np.random.Generator, count: int, side: int) -> NDArray[np.bool_]:
    """Ragged rectangles with holes that overlap, some of them of one size, some too small, one everywhere."""
    masks = np.zeros((count, side, side), np.bool_)
    for mask in masks:
        top, left = rng.integers(-20, side, 2)
        height, width = rng.choice([2, 5, 9, 9, 40, side], 2)
        mask[max(top, 0) : top + height, max(left, 0) : left + width] = True
        mask[:] &= rng.random((side, side)) > rng.choice([0.0, 0.0, 0.3])
    return masks


def corners_at(posting: int) -> NDArray[np.int64]:
    starts = np.arange(0, SIDE - WINDOW_METRES + 1, posting) + (10 if posting < WINDOW_METRES else 0)
    starts = starts[starts + WINDOW_METRES <= SIDE]
    return np.array([(row, column) for row in starts for column in starts], np.int64)


def same(left: Graphs, right: Graphs) -> None:
    np.testing.assert_array_equal(left.counts, right.counts)
    np.testing.assert_array_equal(left.centres, right.centres)
    np.testing.assert_allclose(left.nodes, right.nodes, rtol=0, atol=1e-7)  # float32 of the same whole numbers


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 1000),
    posting=st.sampled_from([320, 100]),
    count=st.sampled_from([0, 1, 7, 51]),
    metres=st.sampled_from([2, 5, 10]),
    dark=st.booleans(),
)
def test_graphs_equal_those_made_cell_by_cell(seed: int, posting: int, count: int, metres: int, dark: bool) -> None:
    rng = np.random.default_rng(seed)
    masks = blots(rng, count, SIDE // metres)
    picture = rng.integers(1, 256, (SIDE, SIDE, 3), np.uint8)
    if dark:
        picture[rng.random((SIDE, SIDE)) < 0.3] = 0
        picture[: SIDE // 3, : SIDE // 2] = 0
        picture[-50:, :, 1:] = 0  # red alone is no absence
    corners = rng.permutation(corners_at(posting))[:4]
    graphs = graphs_of(instances_of(masks, metres=metres), picture, corners)
    same(graphs, joined([plain_graph(masks, picture, corner, metres) for corner in corners]))


def test_masks_of_one_metre_in_a_cell_of_its_own() -> None:
    rng = np.random.default_rng(3)
    masks = blots(rng, 20, WINDOW_METRES)
    picture = rng.integers(0, 3, (WINDOW_METRES, WINDOW_METRES, 3), np.uint8)
    corner = np.zeros((1, 2), np.int64)
    same(graphs_of(instances_of(masks, metres=1), picture, corner), plain_graph(masks, picture, corner[0], 1))


def test_the_fifty_largest_of_fifty_one_are_kept_largest_first() -> None:
    masks = np.zeros((51, 160, 160), np.bool_)
    for index, mask in enumerate(masks):
        mask[:5, : 10 + index] = True
    picture = np.full((WINDOW_METRES, WINDOW_METRES, 3), 51, np.uint8)
    graphs = graphs_of(instances_of(masks, metres=2), picture, np.zeros((1, 2), np.int64))
    assert graphs.counts.tolist() == [MOST_NODES]
    np.testing.assert_array_equal(graphs.centres[0, :, 0], np.arange(60, 10, -1))  # the smallest is gone
    np.testing.assert_allclose(graphs.nodes[0, :, :3], 0.2, atol=1e-7)
    np.testing.assert_allclose(graphs.nodes[0, :, 3], np.arange(60, 10, -1) / 320, atol=1e-7)
    np.testing.assert_allclose(graphs.nodes[0, :, 4], 5 / 320, atol=1e-7)


def test_an_instance_is_clipped_to_each_square_and_fifty_square_metres_count_there() -> None:
    mask = np.zeros((1, SIDE, SIDE), np.bool_)
    mask[0, 100, 270:419] = True  # 50 m in the western square, 99 m in the eastern one
    picture = np.ones((SIDE, SIDE, 3), np.uint8)
    corners = np.array([(0, 0), (0, 320)], np.int64)
    graphs = graphs_of(instances_of(mask, metres=1), picture, corners)
    assert graphs.counts.tolist() == [1, 1]
    np.testing.assert_array_equal(graphs.centres[:, 0], [(270 + 320, 201), (99, 201)])
    mask[0, 100, 270] = False
    assert graphs_of(instances_of(mask, metres=1), picture, corners).counts.tolist() == [0, 1]


def test_nodes_of_one_size_stay_in_the_order_of_their_instances() -> None:
    masks = np.zeros((3, 32, 32), np.bool_)
    for mask, column in zip(masks, (20, 4, 12), strict=True):
        mask[3, column] = True
    picture = np.ones((WINDOW_METRES, WINDOW_METRES, 3), np.uint8)
    graphs = graphs_of(instances_of(masks, metres=10), picture, np.zeros((1, 2), np.int64))
    assert graphs.centres[0, :3, 0].tolist() == [41, 9, 25]


def test_nothing_found_and_nothing_seen_are_graphs_without_nodes() -> None:
    picture = np.full((SIDE, SIDE, 3), 9, np.uint8)
    corners = corners_at(320)
    same(graphs_of(no_instances(SIDE, SIDE, metres=1), picture, corners), empty_graphs(len(corners)))
    everything = instances_of(np.ones((2, SIDE // 2, SIDE // 2), np.bool_), metres=2)
    same(graphs_of(everything, np.zeros_like(picture), corners), empty_graphs(len(corners)))
    assert graphs_of(everything, picture, corners).counts.tolist() == [2, 2, 2, 2]
    assert len(graphs_of(everything, picture, corners[:0])) == 0


def test_graphs_are_joined_in_order() -> None:
    assert len(joined([])) == 0
    picture = np.full((SIDE, SIDE, 3), 9, np.uint8)
    instances: Instances = instances_of(blots(np.random.default_rng(1), 9, SIDE // 2), metres=2)
    corners = corners_at(100)
    parts = [graphs_of(instances, picture, corners[start : start + 5]) for start in range(0, len(corners), 5)]
    same(joined(parts), graphs_of(instances, picture, corners))


def test_a_picture_of_another_size_and_a_square_between_pixels_are_refused() -> None:
    nothing = no_instances(32, 32, metres=10)
    with pytest.raises(SpecError, match="expected"):
        graphs_of(nothing, np.zeros((32, 32, 3), np.uint8), np.zeros((1, 2), np.int64))
    with pytest.raises(SpecError, match="grain"):
        graphs_of(nothing, np.zeros((320, 320, 3), np.uint8), np.full((1, 2), 5))
