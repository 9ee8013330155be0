"""The air over a patch: limits, monotony, and the table it must not drift from."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lczmap.train.toa import (
    PATH_REFLECTANCE,
    TRANSMITTANCE,
    Air,
    above_air,
    drawn_air,
    optics,
    rayleigh_depth,
    top_of_atmosphere,
)


def air(elevation: float = 45.0, aerosol: float = 0.25) -> Air:
    def one(value: float) -> NDArray[np.float64]:
        return np.array([value])

    return Air(
        elevation=one(elevation),
        aerosol=one(aerosol),
        angstrom=one(1.3),
        asymmetry=one(0.65),
        albedo=one(0.93),
        ozone=one(0.3),
        water=one(1.5),
    )


def test_molecules_are_as_thick_as_tables_say() -> None:
    # Bodhaine et al. 1999, Table 3, at sea level: 0.1550 at 490 nm, 0.0448 at 665 nm, 0.0155 at 865 nm
    np.testing.assert_allclose(rayleigh_depth()[[0, 2, 7]], [0.1525, 0.0448, 0.0155], rtol=0.02)


def test_clear_molecular_sky_reflects_as_computed_exactly() -> None:
    """Coulson, Dave and Sekera's kind of table: 0.058 of 490 nm seen from the nadir, sun at 45 degrees."""
    assert optics(air(aerosol=0.0)).path[0, 0] == pytest.approx(0.058, abs=0.003)


def test_no_energy_is_made() -> None:
    seen = optics(drawn_air(500, np.random.default_rng(0)))
    for each in (seen.path, seen.through, seen.sphere, seen.gas):
        assert np.all(each >= 0)
        assert np.all(each <= 1)
    assert np.all(seen.path + seen.through < 1)


@pytest.mark.parametrize("thicker", [{"elevation": np.array([25.0])}, {"aerosol": np.array([0.4])}])
def test_a_longer_way_or_more_aerosol_adds_path_and_takes_ground(thicker: dict[str, NDArray[np.float64]]) -> None:
    before, after = optics(air()), optics(replace(air(), **thicker))
    assert np.all(after.path > before.path)
    assert np.all(after.through < before.through)


def test_drawn_air_stays_near_the_table() -> None:
    seen = optics(drawn_air(2000, np.random.default_rng(0)))
    path, through = np.median(seen.path * seen.gas, axis=0), np.median(seen.through * seen.gas, axis=0)
    assert np.all(path[:8] >= 0.9 * PATH_REFLECTANCE[:8])
    assert np.all(path[:8] <= 1.7 * PATH_REFLECTANCE[:8])
    np.testing.assert_allclose(through, TRANSMITTANCE**1.25, atol=0.12)


def test_a_known_sun_is_kept_and_an_unknown_one_drawn() -> None:
    known = np.array([33.0, np.nan], dtype=np.float32)
    elevation = drawn_air(2, np.random.default_rng(0), elevation=known).elevation
    assert elevation[0] == 33.0
    assert 20.0 <= elevation[1] <= 70.0


def test_table_brightens_the_blue_most_and_strength_zero_is_no_air() -> None:
    dark = np.full((4, 32, 32, 10), 0.02, dtype=np.float32)
    lift = (top_of_atmosphere(dark, np.ones(4, dtype=np.float32)) - dark)[0, 0, 0]
    assert lift.argmax() == 0
    assert np.all(np.diff(lift) <= 0)
    np.testing.assert_allclose(top_of_atmosphere(dark, np.zeros(4, dtype=np.float32)), dark)


def test_more_ground_is_seen_as_more() -> None:
    ramp = np.linspace(0.0, 1.0, 32, dtype=np.float32)[None, :, None, None] * np.ones((1, 32, 1, 10), np.float32)
    seen = above_air(ramp, air())
    assert seen.dtype == np.float32
    assert np.all(np.diff(seen, axis=1) > 0)
    np.testing.assert_allclose(seen[0, 0, 0], (optics(air()).path * optics(air()).gas)[0], rtol=1e-5)
