"""Simulated patches: read whole or refused, split by seed and region, truth weighed by what the teacher misses."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lczmap.train.batches import Drawing, Source, Stage, draw_batch, stage_of
from lczmap.train.labels import Views
from lczmap.train.patches import Canvas, PatchFolderError
from lczmap.train.simulated import (
    UNSEEN_REGION,
    Simulated,
    blended_labels,
    held_seeds,
    learnable,
    read_simulated,
    teacher_recall,
    truth_weights,
)
from lczmap.train.teacher import Teacher


def folder_of(folder: Path, count: int, *, rows: int | None = None, region: str = "european") -> Path:
    folder.mkdir()
    rng = np.random.default_rng(count)
    np.savez(
        folder / "patches.npz",
        x=rng.integers(200, 4000, size=(count, 32, 32, 10), dtype=np.uint16),
        truth=(np.arange(count) % 17 + 1).astype(np.uint8),
        share=rng.uniform(0.5, 1.0, size=count).astype(np.float32),
        sun=rng.uniform(20, 65, size=count).astype(np.float32),
    )
    lines = [f"{index},{region},2024-07" for index in range(count if rows is None else rows)]
    (folder / "patches.csv").write_text("\n".join(["seed,region,period", *lines]) + "\n")
    return folder


@pytest.fixture
def simulated(tmp_path: Path) -> Simulated:
    return read_simulated([folder_of(tmp_path / "a", 20), folder_of(tmp_path / "b", 10, region=UNSEEN_REGION)])


def test_folders_are_joined_row_by_row(simulated: Simulated) -> None:
    assert simulated.pixels.shape == (30, 32, 32, 10)
    assert simulated.seed.tolist() == [*range(20), *range(10)]
    assert simulated.truth[:3].tolist() == [1, 2, 3]
    assert simulated.surface.dtype == np.float32
    assert simulated.surface.max() <= 0.4


def test_folder_whose_files_disagree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PatchFolderError, match="expected"):
        read_simulated([folder_of(tmp_path / "a", 4, rows=3)])
    with pytest.raises(PatchFolderError, match="holds no"):
        read_simulated([tmp_path])


def test_nothing_of_a_held_seed_or_the_unseen_region_is_learned(simulated: Simulated) -> None:
    learned, held = simulated.chosen(learnable(simulated)), simulated.chosen(held_seeds(simulated))
    assert len(learned.seed)
    assert len(held.seed)
    assert UNSEEN_REGION not in {*learned.region, *held.region}
    assert not set(learned.seed) & set(held.seed)


class Always(Teacher):
    """A teacher that gives one class nearly everything."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(torch.full((len(x),), 4), 17) * 9.0


def test_truth_weighs_most_where_the_teacher_is_blind(simulated: Simulated) -> None:
    recall = teacher_recall(Always(), simulated.chosen(simulated.truth <= 9), np.random.default_rng(0))
    assert recall[4] > 0.99
    assert np.isnan(recall[9:]).all()
    weights = truth_weights(recall)
    assert weights[4] == weights.min()
    assert weights[3] == weights.max()
    assert weights[12] == weights.min()
    assert 0 == weights.min() < weights.max() < 1


def test_labels_blend_by_weight_and_share() -> None:
    said = np.eye(17, dtype=np.float32)[[4, 4]]
    weights = np.full(17, 0.5, dtype=np.float32)
    truth, share = np.array([1, 5], dtype=np.uint8), np.array([0.6, 1.0], dtype=np.float32)
    found = blended_labels(said, truth, share, weights=weights)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    np.testing.assert_allclose(found[:, [0, 4]], [[0.3, 0.7], [0.0, 1.0]], atol=1e-6)


def test_a_batch_holds_its_share_of_simulated_patches(simulated: Simulated) -> None:
    drawing = Drawing(simulated=0.5, candidates=1, views=Views(count=1), survey=1)
    stage: Stage = stage_of(simulated, Always(), drawing)
    blank = Canvas(
        fields=(np.full((32, 32, 10), 500, dtype=np.uint16),),
        field_of=np.zeros(1, dtype=np.int64),
        corners=np.zeros((1, 2), dtype=np.int64),
    )
    source = Source(canvas=blank, chances=np.ones(1), teacher=Always(), rareness=np.ones(17, np.float32), stage=stage)
    lesson = draw_batch(source, drawing, 8, np.random.default_rng(0))
    labels = lesson.labels
    rough = lesson.seen.std(axis=(1, 2)).mean(axis=1) > 0.02
    assert rough.tolist() == [False] * 4 + [True] * 4
    np.testing.assert_allclose(labels.sum(axis=1), 1.0, rtol=1e-5)
    assert np.all(labels[:4, 4] > 0.99)
    blind = stage.weights.argmax()
    assert labels[4:, blind].max() <= stage.weights.max()
