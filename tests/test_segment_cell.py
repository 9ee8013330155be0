"""Cell mode gives what segment-anything's own mask generator gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lczmap.segment.cell import CellSegmenter
from lczmap.segment.lots import Batches
from lczmap.segment.network import ready
from lczmap.segment.vision import segment_anything
from lczmap.things.instances import Instances
from lczmap.words.errors import SpecError
from lczmap.words.segmenter import SegmenterSpec
from tests.segmenting import blob_sam, blocks

SIDE = 90
SPEC = SegmenterSpec(
    name="cell",
    network="sam-tiny",
    mode="cell",
    precision="float32",
    points_per_side=6,
    iou_threshold=0.5,
    stability_threshold=0.6,
    least_metres2=12,
)
BATCHES = Batches(prompts=16, frames=2, encoded=2)
CPU = torch.device("cpu")
REACH = (0, 0, SIDE, SIDE)


def cut(spec: SegmenterSpec, pictures: NDArray[np.uint8], batches: Batches = BATCHES) -> list[Instances]:
    segmenter = CellSegmenter(spec, ready(blob_sam(128), spec.precision, CPU), batches, side=SIDE)
    return list(segmenter.segment(pictures, [REACH] * len(pictures)))


def generated(spec: SegmenterSpec, picture: NDArray[np.uint8]) -> list[tuple[float, bytes]]:
    """Quality and mask of each instance by the package's own generator, best first."""
    generator = segment_anything().SamAutomaticMaskGenerator(
        blob_sam(128),
        points_per_side=spec.points_per_side,
        points_per_batch=7,
        pred_iou_thresh=spec.iou_threshold,
        stability_score_thresh=spec.stability_threshold,
        box_nms_thresh=spec.nms_threshold,
        crop_n_layers=spec.crop_layers,
        crop_nms_thresh=spec.nms_threshold,
        crop_n_points_downscale_factor=2,
        min_mask_region_area=int(spec.least_metres2),
    )
    found = generator.generate(picture)
    return sorted(((each["predicted_iou"], each["segmentation"]) for each in found), key=lambda each: -each[0])


@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("least", [0, 12])
def test_cells_equal_the_generator(layers: int, least: int) -> None:
    pictures = blocks(SIDE, seed=3, count=3)
    spec = replace(SPEC, crop_layers=layers, least_metres2=least)
    for picture, instances in zip(pictures, cut(spec, pictures), strict=True):
        expected = generated(spec, picture)
        assert len(instances) == len(expected) > 3
        np.testing.assert_allclose(instances.scores, np.clip([each[0] for each in expected], 0, 1), atol=1e-4)
        differ = [int((instances.mask(index) != mask).sum()) for index, (_, mask) in enumerate(expected)]
        assert sum(differ) <= 2, differ  # pixels whose logit is 0 to the last bit


def test_crops_are_the_generators() -> None:
    amg = segment_anything().utils.amg
    from lczmap.segment.prompts import crops_of  # noqa: PLC0415 - beside its oracle

    for side in (64, 90, 320, 321):
        boxes, layers = amg.generate_crop_boxes((side, side), 2, 512 / 1500)
        crops = crops_of(side, replace(SPEC, crop_layers=2, points_per_side=12))
        assert [[crop.left, crop.top, crop.right, crop.bottom] for crop in crops] == boxes
        grids = amg.build_all_layer_point_grids(12, 2, 2)
        for crop, layer in zip(crops, layers, strict=True):
            np.testing.assert_allclose(crop.points, grids[layer] * [crop.width, crop.height])


def test_paper_asks_288_times_a_cell() -> None:
    from lczmap.segment.prompts import crops_of  # noqa: PLC0415

    assert sum(len(crop.points) for crop in crops_of(320, replace(SPEC, points_per_side=12))) == 288


def test_cells_do_not_depend_on_their_neighbours_or_batch() -> None:
    pictures = blocks(SIDE, seed=5, count=3)
    together = cut(SPEC, pictures)
    apart = [cut(SPEC, picture[None], Batches(prompts=50, frames=1, encoded=1))[0] for picture in pictures]
    for one, other in zip(together, apart, strict=True):
        assert len(one) == len(other)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
        assert sum((one.mask(index) != other.mask(index)).sum() for index in range(len(one))) <= 2


def test_cells_without_data_have_no_instances() -> None:
    assert [len(each) for each in cut(SPEC, np.zeros((2, SIDE, SIDE, 3), np.uint8))] == [0, 0]


def test_cells_of_another_side_are_refused() -> None:
    with pytest.raises(SpecError, match=r"uint8 \(n, 90, 90, 3\)"):
        cut(SPEC, blocks(80))
