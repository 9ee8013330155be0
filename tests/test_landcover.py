"""Statistics of real and simulated patches are those of plain numpy, and only classes of both sides are shown."""

from pathlib import Path

import numpy as np
import pytest

from lczmap.train.landcover import FEWEST, Statistics, nearness, plot, statistics_by_class, table


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(100, 4_000, (2 * FEWEST + 3, 32, 32, 10)).astype(np.uint16)


def test_statistics_are_means_and_spreads_by_class(pixels: np.ndarray) -> None:
    codes = np.array([2] * FEWEST + [17] * FEWEST + [5, 5, 0])
    found = statistics_by_class(pixels, codes)
    assert set(found) == {2, 17}
    own = pixels[codes == 17].astype(np.float64)
    np.testing.assert_allclose(found[17].mean, own.reshape(-1, 10).mean(axis=0))
    np.testing.assert_allclose(found[17].texture, np.median(own.reshape(FEWEST, -1, 10).std(axis=1), axis=0))
    np.testing.assert_allclose(found[17].between, own.reshape(FEWEST, -1, 10).mean(axis=1).std(axis=0))


def test_table_and_plot_show_classes_of_both_sides(pixels: np.ndarray, tmp_path: Path) -> None:
    real = statistics_by_class(pixels, np.array([2] * FEWEST + [17] * FEWEST + [0] * 3))
    simulated = statistics_by_class(pixels, np.array([2] * FEWEST + [16] * FEWEST + [0] * 3))
    written = table(real, simulated)
    assert "| LCZ 2 | real |" in written
    assert "LCZ G" not in written
    assert "LCZ F" not in written
    plot(real, simulated, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_nearness_is_one_for_the_same_and_follows_a_factor() -> None:
    values = np.linspace(500.0, 3_000.0, 10)
    real = Statistics(count=9, mean=values, texture=0.2 * values, between=values)
    bright = Statistics(count=9, mean=1.5 * values, texture=0.1 * values, between=values)
    assert nearness(real, real) == (1.0, 1.0)
    assert nearness(real, bright) == pytest.approx((1.5, 0.5))
