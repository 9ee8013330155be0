"""Model cards and weights: what is wrong with a file is said in one sentence, before a byte of it is used."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from lczmap.device import DeviceError, choose_device
from lczmap.segment.network import computing
from lczmap.weights import (
    WEIGHTS_FOLDER,
    find_card,
    read_card,
    read_weights,
    shipped_cards,
    shipped_names,
    weights_path,
)
from lczmap.words.bands import BAND_NAMES
from lczmap.words.errors import ModelCardError, UsageError, WeightsError
from lczmap.words.modelcard import parse_model_card, require_sentinel
from lczmap.words.spec import RunSpec

SHAPES = {"a.weight": (2, 3), "a.bias": (2,)}
TENSORS = {"a.weight": np.arange(6, dtype=np.float16).reshape(2, 3), "a.bias": np.ones(2, dtype=np.float16)}

NAME = shipped_names()[0]
CARD = (WEIGHTS_FOLDER / f"{NAME}.toml").read_text(encoding="utf-8")


def written(folder: Path, content: bytes, name: str = "model.safetensors") -> tuple[Path, str]:
    path = folder / name
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def test_float16_on_disk_is_float32_in_memory(tmp_path: Path) -> None:
    path, digest = written(tmp_path, save(TENSORS))
    read = read_weights(path, sha256=digest, shapes=SHAPES)
    assert {name: value.dtype for name, value in read.items()} == dict.fromkeys(SHAPES, np.float32)
    assert all(np.array_equal(read[name], TENSORS[name].astype(np.float32)) for name in SHAPES)


@pytest.mark.parametrize("keep", [0, 5, 60, -1])
def test_truncated_weights_are_refused(tmp_path: Path, keep: int) -> None:
    path, digest = written(tmp_path, save(TENSORS)[:keep])
    with pytest.raises(WeightsError, match="truncated"):
        read_weights(path, sha256=digest, shapes=SHAPES)


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    content = save(TENSORS)
    path, _ = written(tmp_path, content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(WeightsError, match="not those of their card"):
        read_weights(path, sha256=hashlib.sha256(content).hexdigest(), shapes=SHAPES)


def test_pickles_are_refused_unread(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (pytest.fail, ("a pickle was opened",))

    for name in ("model.safetensors", "model.pth"):
        path, digest = written(tmp_path, pickle.dumps(Bomb()), name)
        with pytest.raises(WeightsError, match="pickle"):
            read_weights(path, sha256=digest, shapes=SHAPES)
    path, digest = written(tmp_path, b"PK\x03\x04 as torch.save writes it")
    with pytest.raises(WeightsError, match="pickle"):
        read_weights(path, sha256=digest, shapes=SHAPES)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({**SHAPES, "a.weight": (3, 2)}, r"a\.weight is \(2, 3\), not \(3, 2\)"),
        ({**SHAPES, "b.weight": (1,)}, "lacks b.weight"),
        ({"a.weight": (2, 3)}, "holds a.bias besides"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path: Path, shapes: dict[str, tuple[int, ...]], said: str) -> None:
    path, digest = written(tmp_path, save(TENSORS))
    with pytest.raises(WeightsError, match=said):
        read_weights(path, sha256=digest, shapes=shapes)


def test_weights_of_another_dtype_are_refused(tmp_path: Path) -> None:
    path, digest = written(tmp_path, save({name: value.astype(np.int32) for name, value in TENSORS.items()}))
    with pytest.raises(WeightsError, match="int32, expected float16 or float32"):
        read_weights(path, sha256=digest, shapes=SHAPES)


def test_missing_weights_are_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_weights(tmp_path / "none.safetensors", sha256="0" * 64, shapes=SHAPES)


def test_every_shipped_card_is_whole() -> None:
    cards = shipped_cards()
    assert cards
    for card in cards:
        content = weights_path(card).read_bytes()
        assert hashlib.sha256(content).hexdigest() == card.sha256
        assert card.limits
        assert card.training
        assert card.attribution
        assert not any("accuracy" in table.heading and "not accuracy" not in table.heading for table in card.metrics)


def test_shipped_sentinel_card_fits_the_patches() -> None:
    card = find_card(NAME)
    require_sentinel(card, "resnet11")
    assert card.bands == BAND_NAMES
    assert card.sentinel_weight == 0.6


def test_first_shipped_model_is_the_default() -> None:
    assert RunSpec.sentinel_model == NAME


def test_unknown_model_suggests_near_names() -> None:
    with pytest.raises(ModelCardError, match=NAME):
        find_card(NAME.replace("t", "", 1))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('role = "sentinel"', 'role = "oracle"', "one of sentinel"),
        ("provisional = ", 'provisional = "yes" # ', "true or false"),
        ("classes = 17", 'classes = "many"', "a number"),
        ('units = "surface reflectance 0..1"\n', "", "lacks `units`"),
        ('role = "sentinel"', 'role = "sentinel"\ncolour = "red"', "unknown fields: colour"),
        (f"{NAME}.safetensors", "../../secret", "beside the card"),
        ("name = ", "name == ", "not TOML"),
    ],
)
def test_malformed_card_is_refused(old: str, new: str, said: str) -> None:
    assert old in CARD
    with pytest.raises(ModelCardError, match=said):
        parse_model_card(CARD.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"B02"', '"B03"', "bands"),
        ('units = "surface reflectance 0..1"', 'units = "digital numbers"', "units"),
        ("patch_pixels = 32", "patch_pixels = 64", "patch_pixels"),
        ("classes = 17", "classes = 10", "classes"),
        ('role = "sentinel"', 'role = "segmenter"', "role"),
        ('architecture = "resnet11"', 'architecture = "msmla50"', "architecture"),
    ],
)
def test_card_that_does_not_fit_is_refused(old: str, new: str, said: str) -> None:
    card = parse_model_card(CARD.replace(old, new, 1))
    with pytest.raises(ModelCardError, match=said):
        require_sentinel(card, "resnet11")


def test_missing_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelCardError, match="cannot be read"):
        read_card(tmp_path / "none.toml")


def test_devices_by_name() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in {"cpu", "cuda"}
    with pytest.raises(DeviceError, match="expected cpu, cuda"):
        choose_device("tpu")
    with pytest.raises(DeviceError, match="not here"):
        choose_device("cuda:99")


def test_threads_that_compute_side_by_side_leave_each_other_all_digits() -> None:
    choose_device("cpu")
    first, second = computing(), computing()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not torch.backends.cudnn.allow_tf32
    second.__exit__(None, None, None)
    assert not torch.backends.cudnn.allow_tf32
