"""The page of simulated and real windows."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lczmap.synthetic.sheet import SHOWN, WINDOW, Panel, real_panels, simulated, write_page

SHARED = Path(__file__).parents[2] / "shared" / "data" / "vhr"


def test_a_simulated_window_is_a_picture_of_its_class() -> None:
    panel = simulated(*SHOWN[5])
    assert panel.pixels.shape == (WINDOW, WINDOW, 3)
    assert "Open low-rise" in panel.caption
    assert panel.pixels.std() > 25.0


def test_twelve_classes_are_shown_in_several_regions() -> None:
    assert len({code for code, *_ in SHOWN}) == 12
    assert len({region for _, region, *_ in SHOWN}) >= 4


def test_the_page_is_never_heavier_than_a_readme_bears(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (WINDOW, WINDOW, 3), dtype=np.uint8)
    write_page(tmp_path / "page.jpg", [Panel(pixels=noise, caption="noise")] * 9)
    data = (tmp_path / "page.jpg").read_bytes()
    assert len(data) <= 600_000
    with Image.open(io.BytesIO(data)) as page:
        assert page.width > 4 * 400


def test_absent_samples_are_left_out(tmp_path: Path) -> None:
    assert real_panels(tmp_path) == []


def test_real_samples_name_their_owners() -> None:
    if not SHARED.is_dir():
        pytest.skip("real samples are not beside this checkout (shared/data/vhr)")
    panels = real_panels(SHARED)
    captions = " ".join(panel.caption for panel in panels)
    for owner in ("OpenAerialMap contributors, CC BY 4.0", "swisstopo", "SpaceNet 6, CC BY-SA 4.0"):
        assert owner in captions
    assert all(panel.pixels.shape == (WINDOW, WINDOW, 3) for panel in panels)
