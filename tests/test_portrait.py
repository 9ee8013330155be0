"""The portrait of a square: what is painted where, and that whatever is missing is said and drawn."""

import io
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lczmap.store.gallery import gallery_png
from lczmap.store.painted import NOTHING, cut_up, hues, seen_from_above, true_colours
from lczmap.store.portrait import facts_of, portrait_png, write_portrait
from lczmap.testing.fakes import ColourSegmenter, PaintedVhr, fake_vhr
from lczmap.things.explanation import Explanation, Verdict, node_masks
from lczmap.things.graph import empty_graphs, graphs_of
from lczmap.things.probabilities import encode
from lczmap.things.registration import Registration
from lczmap.words.errors import OutputPathError
from lczmap.words.grid import PixelGrid
from lczmap.words.lcz import LCZ
from lczmap.words.period import parse_period
from lczmap.words.quality import Quality
from lczmap.words.segmenter import SegmenterSpec

GRID = PixelGrid(epsg=32633, west=390_400, north=5_818_880, metres=10, width=32, height=32)


@pytest.fixture(scope="module")
def whole() -> Explanation:
    """A square of which everything is known."""
    picture = PaintedVhr().read(replace(GRID, metres=1, width=320, height=320))
    (instances,) = ColourSegmenter().segment(picture[None], [(0, 0, 320, 320)])
    levels = encode(np.random.default_rng(5).dirichlet(np.ones(17), 3).astype(np.float32))
    return Explanation(
        title="Testville",
        grid=GRID,
        lonlat=(13.38772, 52.51123),
        asked=(13.388, 52.511),
        post=None,
        period=parse_period("2024-H1", today=date(2026, 1, 1)),
        days=(date(2024, 3, 1), date(2024, 6, 2)),
        reflectance=np.linspace(0, 0.4, 32 * 32 * 10, dtype=np.float32).reshape(32, 32, 10),
        picture=picture,
        vhr=fake_vhr(),
        registration=Registration(east=-3.25, north=1.5, peak=0.5, share=1.0),
        segmenter=SegmenterSpec(name="slic", network="slic"),
        masks=node_masks(instances, picture, (0, 0)),
        graph=graphs_of(instances, picture, np.zeros((1, 2), np.int64)),
        verdict=Verdict(
            sentinel=levels[0],
            vhr=levels[1],
            fused=levels[2],
            confidence=43,
            margin=30,
            quality=Quality.UNMASKED | Quality.STREAMS_DISAGREE,
            looks=2,
        ),
        sentinel_weight=0.6,
        models=("sentinel fake", "graph fake-gcn"),
        notes=("It is a fake.",),
        credit="Painted, of no real place",
    )


def without_image(told: Explanation) -> Explanation:
    verdict = replace(told.verdict, vhr=None, quality=Quality.NO_VHR)
    bare = np.zeros((0, 320, 320), np.bool_)
    return replace(
        told, picture=None, vhr=None, registration=None, segmenter=None, graph=None, masks=bare, verdict=verdict
    )


def without_scene(told: Explanation) -> Explanation:
    return replace(told, reflectance=None, days=(), verdict=replace(told.verdict, sentinel=None), registration=None)


def without_instances(told: Explanation) -> Explanation:
    verdict = replace(told.verdict, vhr=None, quality=Quality.NO_INSTANCES)
    return replace(told, masks=told.masks[:0], graph=empty_graphs(1), verdict=verdict)


def with_one_instance(told: Explanation) -> Explanation:
    assert told.graph is not None
    graph = empty_graphs(1)
    graph.nodes[0, 0], graph.centres[0, 0], graph.counts[0] = told.graph.nodes[0, 0], told.graph.centres[0, 0], 1
    return replace(told, masks=told.masks[:1], graph=graph)


def without_class(told: Explanation) -> Explanation:
    nothing = np.full(17, 255, np.uint8)
    verdict = Verdict(
        sentinel=None, vhr=None, fused=nothing, confidence=255, margin=255, quality=Quality.NO_CLEAR_PIXEL, looks=0
    )
    return replace(without_image(told), reflectance=np.full((32, 32, 10), np.nan, np.float32), verdict=verdict)


def drawn(told: Explanation) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(portrait_png(told))).convert("RGB"))


@pytest.mark.parametrize("change", [without_image, without_scene, without_instances, with_one_instance, without_class])
def test_whatever_is_missing_a_portrait_is_drawn(whole: Explanation, change: object) -> None:
    assert callable(change)
    told = change(whole)
    assert drawn(told).shape == drawn(whole).shape
    assert facts_of(told)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_a_gallery_shows_its_squares_side_by_side(whole: Explanation, count: int) -> None:
    page = np.asarray(Image.open(io.BytesIO(gallery_png([whole] * count))).convert("RGB"))
    assert page.shape[1] >= count * 2.95 * 150
    bare = np.asarray(Image.open(io.BytesIO(gallery_png([without_image(whole)] * count))))
    assert bare.shape[0] < page.shape[0]


def test_equal_explanations_give_equal_bytes(whole: Explanation) -> None:
    assert portrait_png(whole) == portrait_png(whole)


def test_the_fused_class_gives_the_portrait_its_colour(whole: Explanation) -> None:
    for zone in (LCZ[1], LCZ[13]):
        fused = np.zeros(17, np.uint8)
        fused[zone.code - 1] = 250
        image = drawn(replace(whole, verdict=replace(whole.verdict, fused=fused)))
        chip = image[round(0.6 * 150), round(0.7 * 150)]
        assert tuple(int(value) for value in chip) == zone.rgb


def test_flags_and_shift_stand_in_words(whole: Explanation) -> None:
    facts = dict(facts_of(whole))
    assert facts["Quality"] == "unmasked (no SCL), streams disagree"
    assert facts["Registration"] == "VHR lies 3.2 m west and 1.5 m north of Sentinel-2"
    assert facts["Confidence"].startswith("43 %, ahead of the second class by 12 %")
    assert facts["Notes"] == "It is a fake."


def test_a_graph_without_its_masks_is_refused(whole: Explanation) -> None:
    with pytest.raises(ValueError, match="masks for"):
        replace(whole, masks=whole.masks[1:])


def test_a_picture_that_cannot_be_written_is_said(whole: Explanation, tmp_path: Path) -> None:
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(OutputPathError):
        write_portrait(whole, tmp_path / "taken.png")


def test_instances_are_tinted_and_nothing_else_is() -> None:
    picture = np.full((320, 320, 3), 120, np.uint8)
    masks = np.zeros((2, 160, 160), np.bool_)
    masks[0, 10:60, 20:70], masks[1, 100:140, 100:150] = True, True
    bare, cut = cut_up(picture, masks[:0]), cut_up(picture, masks)
    inside = np.repeat(np.repeat(masks.any(axis=0), 6, axis=0), 6, axis=1)
    assert (cut == bare).all(axis=2)[~inside].all()
    assert (cut != bare).any(axis=2)[inside].all()
    # tinted lightly within, outlined along the edge
    assert (
        np.abs(cut[200, 270].astype(int) - bare[200, 270]).sum()
        < np.abs(cut[60, 270].astype(int) - bare[60, 270]).sum()
    )


def test_what_was_not_seen_is_pale_and_what_was_is_kept() -> None:
    picture = np.full((320, 320, 3), 9, np.uint8)
    picture[:10] = 0
    shown = seen_from_above(picture)
    assert (shown[:10] == NOTHING).all()
    assert (shown[10:] == 9).all()
    reflectance = np.full((32, 32, 10), 0.1, np.float32)
    reflectance[3, 4] = np.nan
    painted = true_colours(reflectance)
    assert (painted[3, 4] == NOTHING).all()
    assert len(np.unique(painted[:3].reshape(-1, 3), axis=0)) == 1


def test_a_calm_lake_is_not_stretched_to_a_town() -> None:
    noise = np.random.default_rng(1).normal(0.03, 0.001, (32, 32, 10)).astype(np.float32)
    assert np.ptp(true_colours(noise).astype(int)) < 60


def test_neighbours_in_a_list_differ_in_hue() -> None:
    colours = hues(50)
    assert np.abs(np.diff(colours, axis=0)).sum(axis=1).min() > 0.5
    assert hues(0).shape == (0, 3)
