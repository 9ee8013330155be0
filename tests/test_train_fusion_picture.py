"""The picture of held-out ground: classes keep their official colours, pieces their places, and it stays small."""

from pathlib import Path

import numpy as np
from PIL import Image

from lczmap.train.fusion_picture import Grounds, coloured, mosaic, write_grounds
from lczmap.words.lcz import LCZ


def test_classes_have_their_official_colours_and_silence_is_white() -> None:
    codes = np.repeat([0, 2, 14, 17], 4)
    expected = [(255, 255, 255), *(LCZ[code - 1].rgb for code in (2, 14, 17))]
    assert coloured(codes)[0, ::12, 0].tolist() == [list(colour) for colour in expected]


def test_pieces_lie_row_by_row_with_white_between() -> None:
    tiles = np.arange(6, dtype=np.uint8)[:, None, None, None].repeat(4, axis=1).repeat(4, axis=2).repeat(3, axis=3)
    image = mosaic(tiles, columns=3)
    assert image.shape == (2 * 9, 3 * 9, 3)
    assert image[::9, ::9, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (image[:, 4:9] == 255).all()


def test_a_picture_is_drawn_in_official_colours(tmp_path: Path) -> None:
    truth = np.repeat([2, 5, 17, 2, 5], 16)
    said = {"S": np.full(80, 5), "G": np.where(truth == 2, 2, 17), "S+G": truth}
    pictures = np.linspace(1, 250, 5, dtype=np.uint8)[:, None, None, None].repeat(48, axis=1).repeat(48, axis=2)
    path = tmp_path / "fusion.png"
    write_grounds(Grounds(pictures=pictures.repeat(3, axis=3), truth=truth, said=said), path)
    assert path.stat().st_size < 200_000
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    found = {tuple(colour) for colour in pixels.reshape(-1, 3).tolist()}
    assert {LCZ[code - 1].rgb for code in (2, 5, 17)} <= found
