"""Laws of the lattice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lczmap.words.errors import SpecError
from lczmap.words.grid import (
    HALO_METRES,
    POSTINGS,
    TILE_METRES,
    WINDOW_METRES,
    Posting,
    Tile,
    mosaic_grid,
    posting_of,
    posts_across,
    tile_of,
    tiles_touching,
    window_offset,
)

zones = st.one_of(st.integers(32601, 32660), st.integers(32701, 32760))
tiles = st.builds(Tile, epsg=zones, column=st.integers(-20, 80), row=st.integers(-20, 800))
postings = st.sampled_from(POSTINGS)


@given(tiles)
def test_a_tile_s_name_reads_back(tile: Tile) -> None:
    assert tile_of(tile.name) == tile


@given(tiles, postings)
def test_every_window_is_the_square_around_its_post_and_lies_on_the_observed_grid(tile: Tile, posting: Posting) -> None:
    posts, grid = tile.posts(posting), tile.observed
    first_centre = posts.west + posting / 2, posts.north - posting / 2
    column = row = window_offset(posting)
    assert grid.west + 10 * column == first_centre[0] - WINDOW_METRES / 2
    assert grid.north - 10 * row == first_centre[1] + WINDOW_METRES / 2
    last = window_offset(posting) + (posts_across(posting) - 1) * posting // 10
    assert last + 32 <= grid.width


@given(tiles)
def test_tiles_sit_on_the_10_and_20_m_grid_of_sentinel_2(tile: Tile) -> None:
    west, south, east, north = tile.bounds
    assert all(edge % 20 == 0 for edge in (west, south, east, north))
    assert tile.observed.bounds == (west - HALO_METRES, south - HALO_METRES, east + HALO_METRES, north + HALO_METRES)


@given(zones, st.floats(0, 9e5), st.floats(0, 9e6), st.floats(1, 9e4), st.floats(1, 9e4))
def test_tiles_touching_cover_the_box_and_no_more(
    epsg: int, left: float, bottom: float, wide: float, high: float
) -> None:
    box = (left, bottom, left + wide, bottom + high)
    found = tiles_touching(epsg, box)
    assert min(tile.bounds[0] for tile in found) <= box[0]
    assert max(tile.bounds[3] for tile in found) >= box[3]
    for tile in found:
        assert tile.bounds[0] < box[2]
        assert tile.bounds[2] > box[0]
        assert tile.bounds[1] < box[3]
        assert tile.bounds[3] > box[1]
    columns, rows = {tile.column for tile in found}, {tile.row for tile in found}
    assert len(found) == len(set(found)) == len(columns) * len(rows)
    assert len(columns) == max(columns) - min(columns) + 1
    assert len(rows) == max(rows) - min(rows) + 1


def test_a_mosaic_covers_its_tiles_and_keeps_to_one_zone() -> None:
    corner, far = Tile(epsg=32633, column=30, row=454), Tile(epsg=32633, column=31, row=456)
    grid = mosaic_grid((far, corner), 100)
    assert (grid.width, grid.height) == (2 * 128, 3 * 128)
    assert grid.bounds == (30 * TILE_METRES, 454 * TILE_METRES, 32 * TILE_METRES, 457 * TILE_METRES)
    with pytest.raises(SpecError, match="one UTM zone"):
        mosaic_grid((corner, Tile(epsg=32632, column=1, row=1)), 320)


@pytest.mark.parametrize("metres", [0, 50, 90, 640])
def test_other_postings_are_refused(metres: int) -> None:
    with pytest.raises(SpecError, match="320"):
        posting_of(metres)


@pytest.mark.parametrize("name", ["", "33N", "33X_1_2", "99N_1_2", "33N_1_2_3", "00N_1_1"])
def test_rubbish_is_no_tile(name: str) -> None:
    with pytest.raises(SpecError):
        tile_of(name)
