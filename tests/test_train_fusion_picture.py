"""The picture of a town: classes keep their official colours, and it stays small."""

from pathlib import Path

import numpy as np
from PIL import Image

from lczmap.train.fusion_picture import Town, coloured, write_town
from lczmap.words.lcz import LCZ


def test_classes_have_their_official_colours_and_silence_is_white() -> None:
    codes = np.array([0, 2, 14, 17])
    expected = [(255, 255, 255), *(LCZ[code - 1].rgb for code in (2, 14, 17))]
    assert coloured(codes).reshape(4, 3).tolist() == [list(colour) for colour in expected]


def test_a_town_is_drawn_in_its_colours(tmp_path: Path) -> None:
    truth = np.repeat([2, 5, 17], 12)
    said = {"S": np.full(36, 5), "G": np.where(np.arange(36) < 12, 2, 17), "S+G": truth}
    picture = np.repeat(np.arange(1, 251, dtype=np.uint8), 3).reshape(250, 1, 3).repeat(250, axis=1)
    town = Town(picture=picture, truth=truth, said=said)
    path = tmp_path / "town.png"
    write_town(town, path)
    assert path.stat().st_size < 400_000
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    panel = pixels.shape[1] // 5
    # the middles of the last panel's thirds
    found = [tuple(pixels[row, -panel // 2].tolist()) for row in (60, 170, 270)]
    assert found == [LCZ[code - 1].rgb for code in (2, 5, 17)]
