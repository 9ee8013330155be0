"""Making simulated patches: what is written is what distillation reads, and it is made once."""

from pathlib import Path

import pytest

from lczmap.train.simulate import main, write_patches
from lczmap.train.simulated import read_simulated


def test_made_folders_are_read_back_and_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["--out", str(tmp_path), "--regions", "desert", "--seeds", "3", "--cells", "1"]) == 0
    folder = tmp_path / "desert-3"
    found = read_simulated([folder])
    assert set(found.region) == {"desert"}
    assert set(found.seed) == {3}
    assert (found.share > 0).all()
    assert (found.sun > 15).all()

    def fails(*_: object, **__: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr("lczmap.train.simulate.simulated_patches", fails)
    assert write_patches("desert", 3, cells=1, out=tmp_path) == folder
