"""Shipping: figures are those counted by hand; what is written in one go loads, tells its domain and is drawn."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from lczmap.cli.card import WIDTH, card_lines
from lczmap.models.classifier import classifier_from
from lczmap.models.resnet11 import ResNet11
from lczmap.train.evaluate import FAMILIES, confusion, scores
from lczmap.train.findings import some
from lczmap.train.judge import COMMON, SELF_CONSISTENCY, agreement, by_class, confusion_rows, known_weaknesses
from lczmap.train.patches import PatchRow, split_of
from lczmap.train.picture import Disagreement, true_colour, write_side_by_side
from lczmap.train.ship import main
from lczmap.train.simulated import HELD_EVERY, UNSEEN_REGION
from lczmap.train.teacher import Teacher
from lczmap.weights import read_card
from lczmap.words.lcz import LCZ
from tests.keras import write_keras

CPU = torch.device("cpu")


def test_families_hold_every_class_once() -> None:
    assert sorted(code for codes in FAMILIES.values() for code in codes) == list(range(1, 18))


def test_figures_are_those_counted_by_hand() -> None:
    # 20 of class 2 (12 right, 6 called 5, 2 called 3), 4 of class 17 (3 right, 1 called 14)
    reference = np.array([2] * 20 + [17] * 4)
    predicted = np.array([2] * 12 + [5] * 6 + [3] * 2 + [17] * 3 + [14])
    figures = agreement(reference, predicted)
    assert figures["patches"] == 24
    assert figures["agreement"] == pytest.approx(15 / 24, abs=5e-4)
    assert figures["same_family"] == pytest.approx((12 + 2 + 3) / 24, abs=5e-4)
    assert figures["mean_recall"] == pytest.approx((12 / 20 + 3 / 4) / 2, abs=5e-4)
    assert figures[f"classes_with_{COMMON}_or_more"] == 1
    assert figures[f"mean_recall_of_classes_with_{COMMON}_or_more"] == pytest.approx(12 / 20, abs=5e-4)
    rows = by_class(reference, predicted)
    assert rows["LCZ 2: Compact mid-rise"] == pytest.approx(
        {"patches": 20, "predicted": 12, "recall": 0.6, "precision": 1.0, "f1": 0.75}
    )
    assert rows["LCZ 5: Open mid-rise"] == {"patches": 0, "predicted": 6, "precision": 0.0, "f1": 0.0}
    assert list(confusion_rows(reference, predicted).items()) == [
        ("LCZ 2", {"2": 12, "3": 2, "5": 6, "D": 0, "G": 0}),
        ("LCZ G", {"2": 0, "3": 0, "5": 0, "D": 1, "G": 3}),
    ]


def test_weak_classes_are_named() -> None:
    reference, predicted = np.array([2] * 30 + [5] * 30), np.array([5] * 20 + [2] * 10 + [5] * 30)
    table = confusion(reference, predicted)
    words = " ".join(known_weaknesses(scores(table), table))
    assert "Less than half of the teacher's LCZ 2 (0.33)" in words
    assert "LCZ 1, 3, 4, 6" in words
    assert "is so to the teacher" not in words


def test_some_are_spread_evenly_and_kept_in_order() -> None:
    assert some(np.arange(3), 5).tolist() == [0, 1, 2]
    assert some(np.arange(100, 111), 3).tolist() == [100, 105, 110]


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def windows(rng: np.random.Generator, count: int) -> NDArray[np.uint16]:
    coarse = rng.gamma(2.0, 600, size=(count, 8, 8, 10)).repeat(4, axis=1).repeat(4, axis=2)
    return np.clip(coarse, 1, 9000).astype(np.uint16)


def real_patches(folder: Path, rng: np.random.Generator) -> Path:
    """A few patches of every split, some that training refuses among them."""
    wanted = {"train": 4, "validation": 3, "test": 3}
    rows: list[dict[str, str]] = []
    for number in range(400):
        place = f"place{number}"
        group = f"eotdl_ships_like/{place}"
        split = split_of(PatchRow(source="s", place=place, group=group, chip="", corner=(0, 0)))
        if wanted.get(split, 0):
            wanted[split] -= 1
            rows.append({"source": "eotdl_ships_like", "place": place, "date": "d", "level": "L2A"})
    rows.append({"source": "eurosat", "place": "p", "date": "", "level": "L1C"})
    folder.mkdir()
    with (folder / "a.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["source", "place", "date", "level", "crs", "x", "y"], restval="")
        writer.writeheader()
        writer.writerows(rows)
    np.savez(folder / "a.npz", x=windows(rng, len(rows)))
    return folder


def simulated_patches(folder: Path, rng: np.random.Generator) -> Path:
    """Patches of learned seeds, of a held-out one, and of the unseen region."""
    rows = [("0", "european")] * 3 + [(str(HELD_EVERY - 1), "european")] * 2 + [("0", UNSEEN_REGION)] * 2
    folder.mkdir()
    (folder / "patches.csv").write_text("seed,region,period\n" + "".join(f"{s},{r},2024-07\n" for s, r in rows))
    np.savez(
        folder / "patches.npz",
        x=windows(rng, len(rows)),
        truth=np.array([2, 2, 17, 2, 5, 6, 14], np.uint8),
        share=np.ones(len(rows), np.float32),
        sun=np.full(len(rows), 40, np.float32),
    )
    return folder


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory, rng: np.random.Generator) -> Path:
    """Everything that one run of `ship` writes, for an untrained network and a made-up teacher."""
    folder = tmp_path_factory.mktemp("ship")
    before = torch.get_num_threads()
    torch.manual_seed(0)
    write_keras(Teacher(), folder / "teacher.h5")
    torch.save({"average": ResNet11().state_dict(), "step": 12, "begun": ""}, folder / "checkpoint.pt")
    where = {
        "--checkpoint": folder / "checkpoint.pt",
        "--patches": real_patches(folder / "real", rng),
        "--simulated": simulated_patches(folder / "simulated", rng),
        "--teacher": folder / "teacher.h5",
        "--pictures": folder / "pictures",
        "--out": folder / "out",
    }
    try:
        options = [text for option, path in where.items() for text in (option, str(path))]
        assert main([*options, "--name", "mine", "--note", "Seen by nobody.", "--threads", "1"]) == 0
    finally:
        torch.set_num_threads(before)
    return folder


def test_what_is_shipped_loads_and_tells_its_domain(shipped: Path, rng: np.random.Generator) -> None:
    card = read_card(shipped / "out" / "mine.toml")
    assert (card.name, card.provisional, card.weights) == ("mine", True, "mine.safetensors")
    assert "99th percentile of 3 held-out" in card.domain
    classifier = classifier_from(card, shipped / "out" / card.weights, precision="float32", device=CPU)
    told = classifier.classify((windows(rng, 2) * np.float32(1e-4)).astype(np.float32))
    assert (told.strangeness > 0).all()


def test_card_holds_every_table_and_says_what_it_is_not(shipped: Path) -> None:
    card = read_card(shipped / "out" / "mine.toml")
    headings = [table.heading for table in card.metrics]
    for word in (
        "agreement",
        "by class",
        "rows the teacher's",
        "calibration",
        "reliability",
        "self-consistency",
        "domain",
    ):
        assert any(word in heading for heading in headings), word
    tables = {table.heading: table.rows for table in card.metrics}
    consistent = tables[SELF_CONSISTENCY]
    assert consistent["unseen seeds of regions in training"]["patches"] == 2
    assert "true_class" in consistent[f"an unseen region ({UNSEEN_REGION}), the teacher itself"]
    strange = next(rows for heading, rows in tables.items() if "domain" in heading)
    assert strange["stranger: L1C, above the air"]["patches"] == 1
    assert "Seen by nobody." in card.training
    assert any("3 windows of simulated cities of several regions" in sentence for sentence in card.training)
    assert any("fewer than 20" in sentence for sentence in card.limits)


def test_card_is_read_by_people_within_a_terminal(shipped: Path) -> None:
    lines = list(card_lines(read_card(shipped / "out" / "mine.toml")))
    assert max(map(len, lines)) <= WIDTH
    text = " ".join(" ".join(lines).split())
    for words in ("mine: 3D ResNet11", "Seen by nobody.", "Out of domain", "Self-consistency", "Agreement with"):
        assert words in text


def test_pictures_are_small(shipped: Path) -> None:
    for name in ("reliability.png", "disagreements.png"):
        path = shipped / "pictures" / name
        assert path.stat().st_size < 150_000
        with Image.open(path) as image:
            assert image.width > 400


def test_worst_errors_come_first_and_no_pair_crowds_the_sheet(rng: np.random.Generator) -> None:
    labels, said = np.full((6, 17), 0.01, np.float32), np.full((6, 17), 0.01, np.float32)
    for row, (theirs, ours, sure) in enumerate(
        [(1, 1, 0.9), (1, 4, 0.5), (1, 4, 0.8), (1, 4, 0.6), (2, 3, 0.7), (5, 5, 1)]
    ):
        labels[row, theirs], said[row, ours] = 0.6, sure
    patches = (windows(rng, 6) * np.float32(1e-4)).astype(np.float32)
    found = Disagreement(patches=patches, labels=labels, probabilities=said, places=["here"] * 6)
    assert found.worst(10).tolist() == [2, 4, 3]
    assert found.worst(1).tolist() == [2]


def test_true_colour_is_red_green_blue_under_one_stretch() -> None:
    patch = np.zeros((32, 32, 10), np.float32)
    patch[..., 2] = 0.25
    assert true_colour(patch)[0, 0].tolist() == [255, 0, 0]


def test_pictures_of_one_place_stand_side_by_side(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, size=(40, 60, 3), dtype=np.uint8)
    for name, corner in (("a", LCZ[0].rgb), ("b", LCZ[16].rgb)):
        colours[30:, :20] = colours[30:, -20:] = corner
        Image.fromarray(colours).convert("RGBA").save(tmp_path / f"{name}.png")
    write_side_by_side({"a": tmp_path / "a.png", "b": tmp_path / "b.png"}, tmp_path / "ab.png", width=120)
    with Image.open(tmp_path / "ab.png") as image:
        sheet = np.asarray(image.convert("RGB"))
    assert sheet.shape[1] == 240
    assert tuple(sheet[-5, 10]) == LCZ[0].rgb
    assert tuple(sheet[-5, -10]) == LCZ[16].rgb
