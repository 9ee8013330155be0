"""The import contracts hold, and each would notice a module that breaks it."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]
ROGUES = {
    "lczmap/words/rogue.py": "import lczmap.things.maps, rasterio",
    "lczmap/things/rogue.py": "import flows, prefect, distributed",
    "lczmap/store/rogue.py": "import torch, dask, click, h5py, segment_anything, skimage, torch_geometric",
    "lczmap/rogue.py": "import lczmap.train, lczmap.synthetic, lczmap.testing, xarray",
}
"""Modules that between them break every contract."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("lczmap", "flows"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "weights"))
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    return tmp_path


def linted(folder: Path) -> tuple[int, str]:
    """Exit status and words of the linter in a folder that holds the package."""
    code = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_imports_run_downward(copy: Path) -> None:
    status, words = linted(copy)
    assert status == 0, words


def test_every_contract_notices_a_rogue(copy: Path) -> None:
    for name, code in ROGUES.items():
        (copy / name).write_text(code + "\n", encoding="utf-8")
    status, words = linted(copy)
    assert status != 0
    assert [name for name in CONTRACTS if f"{name} BROKEN" not in words] == []
