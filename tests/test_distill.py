"""Distillation: the teacher is converted exactly, splits keep places whole, augmentations do what they say."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

from lczmap.train.augment import COARSE, SYMMETRIES, regrained, symmetry
from lczmap.train.batches import Drawing, Lesson, draw_weights
from lczmap.train.distill import (
    Inputs,
    Recipe,
    distil,
    fresh_state,
    learning_rate,
    load_checkpoint,
    load_weights,
    losses,
    save_checkpoint,
    train_step,
)
from lczmap.train.evaluate import confusion, scores
from lczmap.train.labels import Views, averaged_labels, teacher_probabilities
from lczmap.train.optimizer import as_matrix
from lczmap.train.patches import (
    Patches,
    PatchFolderError,
    PatchRow,
    canvas_of,
    in_split,
    read_patches,
    resized,
    split_of,
)
from lczmap.train.ship import float16_tensors
from lczmap.train.teacher import Teacher, read_teacher
from lczmap.words.errors import WeightsError
from tests.keras import write_keras

SPLITS = ("train", "validation", "test")
TEACHER = "so2sat_gul/S2_RESNET20_IN32-32-10_2019-06-27.h5"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other on a busy machine would make these small networks slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def patches(rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.uniform(0.02, 0.4, size=(4, 32, 32, 10)).astype(np.float32)


def convolved(x: NDArray[np.float64], kernel: NDArray[np.float64], *, stride: int = 1) -> NDArray[np.float64]:
    """`same` convolution of (y, x, c) with (ky, kx, c, out), as Keras defines it for these strides and sides."""
    half = kernel.shape[0] // 2
    padded = np.pad(x, [(half, half), (half, half), (0, 0)])
    views = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], axis=(0, 1))
    return np.einsum("yxcij,ijco->yxo", views[::stride, ::stride], kernel, optimize=True)


def keras_probabilities(file: h5py.File, patch: NDArray[np.float64]) -> NDArray[np.float64]:
    """The teacher once more, in plain numpy and float64, straight from the Keras recipe of ResNet20-v2."""
    counts = {"conv2d": 0, "batch_normalization": 0}
    weights = file.get("model_weights", file)

    def array(layer: str, name: str) -> NDArray[np.float64]:
        return np.asarray(weights[layer][layer][f"{name}:0"], dtype=np.float64)

    def convolution(x: NDArray[np.float64], stride: int = 1) -> NDArray[np.float64]:
        counts["conv2d"] += 1
        layer = f"conv2d_{counts['conv2d']}"
        return convolved(x, array(layer, "kernel"), stride=stride) + array(layer, "bias")

    def activated(x: NDArray[np.float64]) -> NDArray[np.float64]:
        counts["batch_normalization"] += 1
        layer = f"batch_normalization_{counts['batch_normalization']}"
        spread = np.sqrt(array(layer, "moving_variance") + 1e-3)
        normal = (x - array(layer, "moving_mean")) / spread * array(layer, "gamma") + array(layer, "beta")
        return np.maximum(normal, 0)

    x = activated(convolution(patch))
    for stage in range(3):
        for block in range(2):
            stride = 2 if stage and not block else 1
            y = convolution(x if stage == block == 0 else activated(x), stride)
            y = convolution(activated(y))
            y = convolution(activated(y))
            x = y + (x if block else convolution(x, stride))
    logits = activated(x).mean(axis=(0, 1)) @ array("dense_1", "kernel") + array("dense_1", "bias")
    return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()


def test_teacher_is_converted_exactly(shared_data: Path, patches: NDArray[np.float32]) -> None:
    found = teacher_probabilities(read_teacher(shared_data / TEACHER), patches[:2])
    with h5py.File(shared_data / TEACHER, "r") as file:
        expected = np.stack([keras_probabilities(file, patch.astype(np.float64)) for patch in patches[:2]])
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.fixture
def made_up_teacher(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    write_keras(Teacher(), tmp_path / "teacher.h5")
    return tmp_path / "teacher.h5"


def test_made_up_teacher_reads_as_plain_numpy_does(made_up_teacher: Path, patches: NDArray[np.float32]) -> None:
    found = teacher_probabilities(read_teacher(made_up_teacher), patches[:1])
    with h5py.File(made_up_teacher, "r") as file:
        expected = keras_probabilities(file, patches[0].astype(np.float64))
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_training_that_is_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path, made_up_teacher: Path) -> None:
    lines = [f"{index},s,place{index},d,L2A,,," for index in range(24)]
    folder = folder_of(tmp_path / "patches", lines)
    whole = Recipe(steps=2, batch=2, warmup=1, drawing=Drawing(views=Views(count=1), survey=1), compiled=False)
    inputs = Inputs(patches=[folder], teacher=made_up_teacher)
    through = distil(whole, inputs, tmp_path / "through")
    distil(replace(whole, minutes=1e-9), inputs, tmp_path / "stopped")
    resumed = distil(whole, inputs, tmp_path / "stopped")
    assert through.step == resumed.step == 2
    for name, value in through.average.state_dict().items():
        assert torch.equal(value, resumed.average.state_dict()[name]), name


def test_teacher_sees_real_water_as_water(shared_data: Path) -> None:
    water = np.tile(np.float32([0.03, 0.03, 0.02, 0.02, 0.015, 0.015, 0.012, 0.012, 0.006, 0.004]), (1, 32, 32, 1))
    assert averaged_labels(read_teacher(shared_data / TEACHER), water).argmax() + 1 == 17


def test_file_that_is_no_teacher_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    path.write_bytes(b"not HDF5")
    with pytest.raises(WeightsError, match="So2Sat GUL"):
        read_teacher(path)


def test_eight_symmetries_differ_and_keep_every_pixel(patches: NDArray[np.float32]) -> None:
    turned = [symmetry(patches, index) for index in range(SYMMETRIES)]
    assert len({one.tobytes() for one in turned}) == SYMMETRIES
    for one in turned:
        np.testing.assert_array_equal(np.sort(one.reshape(4, -1), axis=1), np.sort(patches.reshape(4, -1), axis=1))


@pytest.mark.parametrize("phase", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_doubled_bands_are_pairs_in_their_phase(patches: NDArray[np.float32], phase: tuple[int, int]) -> None:
    grained = regrained(patches, phase=phase, smooth=False)
    np.testing.assert_array_equal(grained[..., ~COARSE], patches[..., ~COARSE])
    inner = grained[:, phase[0] : 32 - phase[0], phase[1] : 32 - phase[1]][..., COARSE]
    np.testing.assert_array_equal(inner[:, ::2], inner[:, 1::2])
    np.testing.assert_array_equal(inner[:, :, ::2], inner[:, :, 1::2])


def test_smooth_bands_keep_their_level_and_lose_no_ramp() -> None:
    ramp = np.broadcast_to(np.arange(32, dtype=np.float32)[:, None, None], (1, 32, 32, 10))
    smooth = regrained(ramp.copy(), phase=(0, 0), smooth=True)
    np.testing.assert_allclose(smooth[:, 1:-1], ramp[:, 1:-1], atol=1e-4)


def row(source: str = "s", group: str = "g", chip: str = "", corner: tuple[int, int] = (0, 0)) -> PatchRow:
    return PatchRow(source=source, place="p", group=group, chip=chip, corner=corner)


def test_split_goes_by_group_alone() -> None:
    groups = [f"group{index}" for index in range(2000)]
    splits = [split_of(row(group=group)) for group in groups]
    assert splits == [split_of(row(source="other", group=group, chip="c")) for group in groups]
    shares = {name: splits.count(name) / len(splits) for name in ("train", "validation", "test")}
    assert shares == pytest.approx({"train": 0.82, "validation": 0.06, "test": 0.12}, abs=0.03)


HEADER = "i,source,place,date,level,crs,x,y"


def folder_of(folder: Path, lines: list[str], count: int | None = None) -> Path:
    folder.mkdir()
    values = np.arange(len(lines) if count is None else count, dtype=np.uint16)
    np.savez(folder / "a.npz", x=np.broadcast_to(values[:, None, None, None], (len(values), 32, 32, 10)))
    (folder / "a.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    return folder


def test_l1c_and_cloudy_rows_are_left_out_and_blocks_kept_together(tmp_path: Path) -> None:
    read = read_patches(
        [
            folder_of(
                tmp_path / "a",
                [
                    "0,eotdl_boadella,boadella,Boadella_2020-01-18.tif,L2A,EPSG:32631,500,500",
                    "1,eotdl_boadella,boadella,Boadella_2020-06-21.tif,L2A,EPSG:32631,500,500",
                    "2,eotdl_boadella,boadella,Boadella_2022-06-01.tif,L2A,EPSG:32631,1900,10",
                    "3,eotdl_boadella,boadella,Boadella_2022-06-01.tif,L2A,EPSG:32631,2100,10",
                    "4,eurosat_small,Forest_1.tif,,L1C,EPSG:32632,0,0",
                    "5,ben_v1_mock,S2A_MSIL2A_20170613T101031_39_24,20170613,L2A,,,",
                    "6,ben_v2_mock,S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP,20170613,L2A,,,",
                ],
            )
        ]
    )
    assert read.pixels[:, 0, 0, 0].tolist() == [1, 2, 3, 5, 6]
    groups = [entry.group for entry in read.rows]
    assert groups[0] == groups[1] != groups[2]
    assert groups[3] == groups[4]


def test_folder_whose_files_disagree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PatchFolderError, match="expected uint16"):
        read_patches([folder_of(tmp_path / "a", ["0,s,p,d,L2A,,,"], count=2)])
    with pytest.raises(PatchFolderError, match="expected one of each"):
        read_patches([tmp_path])


def test_chips_are_put_back_together(rng: np.random.Generator) -> None:
    chip = rng.integers(0, 9000, size=(64, 64, 10), dtype=np.uint16)
    corners = [(0, 0), (0, 32), (32, 0), (32, 32)]
    pixels = np.stack([chip[y : y + 32, x : x + 32] for y, x in corners])
    rows = tuple(row(chip="c", corner=corner) for corner in corners)
    canvas = canvas_of(Patches(pixels=pixels, rows=rows))
    assert len(canvas.fields) == 1
    np.testing.assert_array_equal(canvas.fields[0], chip)
    windows, zoomed = canvas.cut(np.arange(4), rng, zoomed=0.0)
    assert windows.shape == (4, 32, 32, 10)
    assert not zoomed.any()
    assert np.isin(np.round(windows * 1e4), chip).all()


@pytest.mark.parametrize("side", [24, 32, 40, 64])
def test_zoomed_windows_keep_their_level(rng: np.random.Generator, side: int) -> None:
    level = rng.uniform(0.05, 0.4, size=10).astype(np.float32)
    zoomed = resized(np.broadcast_to(level, (side, side, 10)))
    assert zoomed.shape == (32, 32, 10)
    np.testing.assert_allclose(zoomed, np.broadcast_to(level, zoomed.shape), rtol=1e-5)
    ramp = np.broadcast_to(np.arange(side, dtype=np.float32)[:, None, None], (side, side, 10))
    centres = (np.arange(32) + 0.5) * side / 32 - 0.5
    np.testing.assert_allclose(resized(ramp)[1:-1, 0, 0], centres[1:-1], atol=0.15)


def test_splits_of_the_real_patches_share_no_place(shared_data: Path) -> None:
    everything = read_patches([shared_data / "s2_urban_patches"])
    groups = [{entry.group for entry in in_split(everything, [name]).rows} for name in ("train", "validation", "test")]
    assert all(groups)
    assert len(set.union(*groups)) == sum(map(len, groups))


def test_rare_classes_are_drawn_more_often() -> None:
    labels = np.eye(17, dtype=np.float32)[[13] * 90 + [1] * 10]
    chances = draw_weights(labels, rarity=0.85)
    assert chances.sum() == pytest.approx(1.0)
    assert 3 < chances[-1] / chances[0] < 9
    np.testing.assert_allclose(draw_weights(labels, rarity=0.0), 0.01)


def test_no_held_out_patch_shows_ground_of_a_training_patch() -> None:
    def placed(group: str, x: float, y: float) -> PatchRow:
        return PatchRow(source="s", place="p", group=group, chip="", corner=(0, 0), where=("s EPSG:1", x, y))

    groups = {
        split: next(name for name in map(str, range(99)) if split_of(row("s", name)) == split) for split in SPLITS
    }
    rows = (
        placed(groups["train"], 0.0, 0.0),
        placed(groups["test"], 310.0, -310.0),
        placed(groups["test"], 320.0, 0.0),
        placed(groups["validation"], 0.0, 10.0),
        row("s", groups["test"]),
    )
    patches = Patches(pixels=np.arange(5, dtype=np.uint16).repeat(10_240).reshape(5, 32, 32, 10), rows=rows)
    assert in_split(patches, ["train"]).rows == rows[:1]
    assert in_split(patches, ["test"]).rows == (rows[2], rows[4])
    assert not in_split(patches, ["validation"]).rows


def test_learning_rate_rises_then_falls() -> None:
    recipe = Recipe(steps=1000, warmup=100)
    rates = [learning_rate(recipe, step) for step in range(1000)]
    assert np.argmax(rates) in {99, 100}
    assert np.all(np.diff(rates[100:]) <= 0)
    assert rates[-1] == pytest.approx(recipe.peak_rate * 0.01, rel=0.05)


def a_lesson() -> Lesson:
    rng = np.random.default_rng(0)
    return Lesson(
        seen=rng.uniform(0.02, 0.4, size=(4, 32, 32, 10)).astype(np.float32),
        labels=np.eye(17, dtype=np.float32)[:4],
        map=rng.uniform(0.0, 2.0, size=(4, 8, 8, 256)).astype(np.float32),
    )


def test_one_step_moves_every_parameter_and_kernels_by_nearly_orthogonal_steps() -> None:
    recipe = Recipe(warmup=1, peak_rate=1e-2, decay=0.0)
    state = fresh_state(recipe)
    before = {name: value.detach().clone() for name, value in state.network.named_parameters()}
    train_step(state, recipe, losses, a_lesson())
    for name, value in state.network.named_parameters():
        assert not torch.equal(value, before[name]), name
    moved = as_matrix(state.network.blocks[0].reduce.weight.detach() - before["blocks.0.reduce.weight"])
    lengths = torch.linalg.svdvals(moved)
    assert lengths.max() < 3 * lengths.median()


def test_a_run_starts_from_the_average_of_another(tmp_path: Path) -> None:
    state = fresh_state(Recipe(seed=3))
    with torch.no_grad():
        state.average.stem.weight.mul_(2)
    state.step = 7
    save_checkpoint(state, tmp_path / "checkpoint.pt")
    other = fresh_state(Recipe(seed=4))
    load_weights(other, tmp_path / "checkpoint.pt")
    assert other.step == 0
    assert torch.equal(other.network.stem.weight, state.average.stem.weight)
    assert torch.equal(other.average.stem.weight, state.average.stem.weight)


def test_a_run_starts_from_shipped_weights_and_from_no_others(tmp_path: Path) -> None:
    state = fresh_state(Recipe(seed=3))
    (tmp_path / "a.safetensors").write_bytes(save(float16_tensors(state.average)))
    other = fresh_state(Recipe(seed=4))
    load_weights(other, tmp_path / "a.safetensors")
    np.testing.assert_allclose(
        other.network.stem.weight.detach().numpy(), state.network.stem.weight.detach().numpy(), atol=1e-3
    )
    (tmp_path / "b.safetensors").write_bytes(save({"stem": np.zeros(3, dtype=np.float16)}))
    with pytest.raises(WeightsError, match="are missing"):
        load_weights(other, tmp_path / "b.safetensors")


def test_the_end_of_a_schedule_is_nearer_to_real_windows() -> None:
    recipe = Recipe(steps=100, settle=0.3)
    assert recipe.drawing_at(69) == recipe.drawing
    late = recipe.drawing_at(70)
    assert late.zoomed < recipe.drawing.zoomed
    assert late.simulated == recipe.drawing.simulated


def test_checkpoint_restores_the_state(tmp_path: Path) -> None:
    state = fresh_state(Recipe(seed=3))
    state.step = 7
    save_checkpoint(state, tmp_path / "checkpoint.pt")
    other = fresh_state(Recipe(seed=4))
    load_checkpoint(other, tmp_path / "checkpoint.pt")
    assert other.step == 7
    assert torch.equal(other.network.stem.weight, state.network.stem.weight)
    assert torch.equal(other.hint.guess.weight, state.hint.guess.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_scores_of_a_confusion_by_hand() -> None:
    # 4 of class 1 (3 right, 1 called 2), 2 of class 17 (1 right, 1 called 1)
    reference, predicted = np.array([1, 1, 1, 1, 17, 17]), np.array([1, 1, 1, 2, 17, 1])
    found = scores(confusion(reference, predicted))
    assert found.count == 6
    assert found.overall == pytest.approx(4 / 6)
    assert (found.overall_built, found.overall_natural) == pytest.approx((3 / 4, 1 / 2))
    chance = (4 * 4 + 2 * 1) / 36
    assert found.kappa == pytest.approx((4 / 6 - chance) / (1 - chance))
    assert found.users_accuracy[[0, 1, 16]] == pytest.approx([3 / 4, 0.0, 1.0])
    assert found.mean_recall == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found.weighted_f1 == pytest.approx((4 * 6 / 8 + 2 * 2 / 3) / 6)
    assert np.isnan(found.users_accuracy[5])
