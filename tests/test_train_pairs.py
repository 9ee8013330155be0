"""Simulated pairs: both halves show the same ground, cut as a run cuts it, and no piece is in two splits."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lczmap.synthetic.pairs import Pair, flight_of, pair_of
from lczmap.synthetic.patches import piece_of
from lczmap.synthetic.region import REGION_NAMES
from lczmap.things.frames import Reach
from lczmap.things.instances import Instances, instances_of
from lczmap.train.cuts import frames_over, graphs_on, read_cut, write_cut
from lczmap.train.pairs import ACROSS, MARGIN, SEEDS, SPLIT_NAMES, Place, frozen, places, read_pair, save, write_pair
from lczmap.train.patches import PatchFolderError
from lczmap.words.segmenter import SegmenterSpec

PLACE = Place(split="train", region="european", seed=1_000)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return pair_of(piece_of("european", 5, across=2), margin=MARGIN)


def test_patch_and_picture_show_the_same_ground(pair: Pair) -> None:
    patches = pair.patches.x.reshape(2, 2, 32, 32, 10).transpose(0, 2, 1, 3, 4).reshape(64, 64, 10)
    inner = pair.picture[MARGIN:-MARGIN, MARGIN:-MARGIN].astype(np.float64)
    coarse = inner.reshape(64, 10, 64, 10, 3).mean(axis=(1, 3))
    for band, colour in ((2, 0), (1, 1), (0, 2)):
        alike = {
            (down, right): np.corrcoef(
                patches[3 + down : 61 + down, 3 + right : 61 + right, band].ravel(), coarse[3:61, 3:61, colour].ravel()
            )[0, 1]
            for down, right in product(range(-3, 4), repeat=2)
        }
        assert max(alike, key=lambda shift: alike[shift]) == (0, 0)
        assert alike[0, 0] > 0.6


def test_no_pixel_of_a_picture_is_black(pair: Pair) -> None:
    assert pair.picture.shape == (640 + 2 * MARGIN, 640 + 2 * MARGIN, 3)
    assert pair.picture.max(axis=2).min() >= 1


def test_flights_differ_from_acquisitions_but_not_in_season(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    monkeypatch.setattr("lczmap.synthetic.pairs.camera_of", lambda _region, **given: looks.append(given["look"]))
    pieces = [piece_of(region, seed) for region in REGION_NAMES for seed in range(8)]
    flights = [flight_of(piece) for piece in pieces]
    apart = [
        (flight.taken.timetuple().tm_yday - piece.weather.season.day + 182) % 365 - 182
        for piece, flight in zip(pieces, flights, strict=True)
    ]
    assert max(map(abs, apart)) <= 31
    assert len(set(apart)) > 10
    assert min(flight.sun.elevation for flight in flights) >= 20
    assert len({round(flight.sun.azimuth) for flight in flights}) > 20
    assert len({look.exposure for look in looks}) == len(flights)


def test_no_piece_is_in_two_splits() -> None:
    everything = [place for split in SPLIT_NAMES for place in places(split)]
    assert len({(place.region, place.seed) for place in everything}) == len(everything)
    assert len({place.name for place in everything}) == len(everything)
    # the Sentinel stream learned from simulated patches of seeds below 100
    assert min(place.seed for place in everything) >= 100
    assert {place.region for place in places("held-out")} == set(REGION_NAMES)
    assert places("train", seeds=2) == places("train")[: 2 * len(REGION_NAMES)]
    assert all(len(seeds) > 0 for seeds in SEEDS.values())


def test_a_pair_is_read_as_it_was_rendered_and_rendered_once(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lczmap.train.pairs.pair_of", lambda _piece, *, margin: pair if margin == MARGIN else None)
    path = write_pair(PLACE, tmp_path)
    stored = read_pair(path)
    np.testing.assert_array_equal(stored.x, pair.patches.x)
    np.testing.assert_array_equal(stored.truth, pair.patches.truth)
    np.testing.assert_array_equal(stored.share, pair.patches.share)
    assert stored.picture.shape == pair.picture.shape
    assert np.abs(stored.picture.astype(int) - pair.picture).mean() < 5
    assert stored.frozen == frozen()
    monkeypatch.setattr("lczmap.train.pairs.pair_of", None)
    assert write_pair(PLACE, tmp_path) == path


def test_a_broken_pair_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_bytes(b"PK nothing")
    for name in ("broken", "missing"):
        with pytest.raises(PatchFolderError, match="holds no simulated pair"):
            read_pair(tmp_path / f"{name}.npz")


@dataclass(frozen=True)
class QuarterSegmenter:
    """One instance for every 320 m square of the zone's lattice, whatever the picture shows."""

    spec: SegmenterSpec
    lot: int = 4

    def segment(self, pictures: NDArray[np.uint8], reaches: Sequence[Reach]) -> list[Instances]:
        side = self.spec.frame_metres // self.spec.mask_metres
        edge = (np.arange(side) * self.spec.mask_metres + 320 - self.spec.context_metres) // 320
        square = edge[:, None] * 10 + edge
        masks = np.stack([square == code for code in np.unique(square)])
        return [instances_of(masks, metres=self.spec.mask_metres) for _ in zip(pictures, reaches, strict=True)]


@pytest.mark.parametrize("core", [640, 1280])
def test_every_cell_is_cut_once_from_the_frame_a_run_would_cut(core: int) -> None:
    spec = SegmenterSpec(name="quarters", network="slic", core_metres=core, context_metres=160)
    frames = list(frames_over(4, spec))
    assert len(frames) == (1280 // core) ** 2
    assert sorted(np.concatenate([each.cells for each in frames]).tolist()) == list(range(16))
    for each in frames:
        for cell, corner in zip(each.cells, each.frame.corners, strict=True):
            top, left = (int(side) for side in corner)
            rows, columns = each.window
            assert (rows.start + top, columns.start + left) == (MARGIN + cell // 4 * 320, MARGIN + cell % 4 * 320)


def test_graphs_come_in_the_order_of_their_cells() -> None:
    shades = np.arange(10, 10 + 16 * 10, 10, dtype=np.uint8).reshape(4, 4)
    picture = np.full((1280 + 2 * MARGIN, 1280 + 2 * MARGIN, 3), 7, np.uint8)
    picture[MARGIN:-MARGIN, MARGIN:-MARGIN] = np.kron(shades, np.ones((320, 320), np.uint8))[..., None]
    segmenter = QuarterSegmenter(SegmenterSpec(name="quarters", network="slic"))
    graphs = graphs_on(picture, segmenter)
    assert graphs.counts.tolist() == [1] * 16
    np.testing.assert_allclose(graphs.nodes[:, 0, :3] * 255, np.repeat(shades.reshape(-1, 1), 3, axis=1), atol=1e-3)
    np.testing.assert_allclose(graphs.nodes[:, 0, 3:], 0.5, atol=1e-6)


def test_frames_that_reach_beyond_the_picture_are_refused() -> None:
    spec = SegmenterSpec(name="wide", network="slic", context_metres=MARGIN + 10)
    with pytest.raises(PatchFolderError, match="hold no whole frames"):
        list(frames_over(ACROSS, spec))


def test_cuts_are_read_with_the_patches_of_their_pieces(tmp_path: Path, pair: Pair) -> None:
    where = (PLACE, Place(split="train", region="desert", seed=1_000))
    picture = np.zeros((1280 + 2 * MARGIN,) * 2 + (3,), np.uint8)
    picture[:] = 90
    truth = np.arange(1, 17, dtype=np.uint8)
    for place in where:
        pairs = {"x": np.repeat(pair.patches.x, 4, axis=0), "truth": truth, "share": np.ones(16, np.float32)}
        save(tmp_path / f"{place.name}.npz", pairs | {"jpeg": _jpeg(picture), "frozen": np.array("0" * 64)})
        write_cut(
            place, QuarterSegmenter(SegmenterSpec(name="q", network="slic")), pairs=tmp_path, out=tmp_path / "cut"
        )
    cut = read_cut(where, pairs=tmp_path, cuts=tmp_path / "cut")
    assert len(cut.graphs) == len(cut.x) == len(cut.truth) == 32
    assert cut.piece.tolist() == [0] * 16 + [1] * 16
    assert cut.frozen == ("0" * 64,)
    with pytest.raises(PatchFolderError, match="holds no graphs"):
        read_cut(where, pairs=tmp_path, cuts=tmp_path / "elsewhere")


def test_a_cut_of_another_picture_is_refused_and_made_anew(tmp_path: Path, pair: Pair) -> None:
    segmenter = QuarterSegmenter(SegmenterSpec(name="q", network="slic"))
    picture = np.full((1280 + 2 * MARGIN,) * 2 + (3,), 90, np.uint8)
    known = {"x": np.repeat(pair.patches.x, 4, axis=0), "truth": np.arange(1, 17, dtype=np.uint8)}
    known |= {"share": np.ones(16, np.float32), "frozen": np.array("0" * 64)}
    save(tmp_path / f"{PLACE.name}.npz", known | {"jpeg": _jpeg(picture)})
    write_cut(PLACE, segmenter, pairs=tmp_path, out=tmp_path / "cut")
    save(tmp_path / f"{PLACE.name}.npz", known | {"jpeg": _jpeg(picture + 40)})
    with pytest.raises(PatchFolderError, match="another picture"):
        read_cut((PLACE,), pairs=tmp_path, cuts=tmp_path / "cut")
    write_cut(PLACE, segmenter, pairs=tmp_path, out=tmp_path / "cut")
    again = read_cut((PLACE,), pairs=tmp_path, cuts=tmp_path / "cut")
    np.testing.assert_allclose(again.graphs.nodes[:, 0, :3] * 255, 130, atol=1.5)


def _jpeg(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=95)
    return np.frombuffer(buffer.getvalue(), np.uint8)
