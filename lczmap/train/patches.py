"""Unlabelled Sentinel-2 patches on disk: read, cleaned of what must not be learned, and split by place.

In: folders that each hold one `.npz` (`x`, `(n, 32, 32, 10)` uint16, reflectance x 10000) and one `.csv` with a row a
patch (`source, place, date, level, x, y`, perhaps `place_group, subwindow`). Out: `Patches`.
Does no augmentation and knows no teacher.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lczmap.words.errors import UsageError

BLOCK_METRES = 2000.0
"""Side of the squares that are held out or learned from as a whole."""
WINDOW = 320.0
"""Side of a patch, metres."""
CLOUDY = frozenset({"Boadella_2020-01-13.tif", "Boadella_2020-01-18.tif", "Boadella_2020-01-23.tif"})
"""Dates under cloud or haze: nothing of the ground to learn from."""
SUBWINDOWS = {"0": (0, 0), "1": (0, 32), "10": (32, 0), "11": (32, 32)}
"""Corner (y, x) in its 64x64 chip of a window, by its two-digit code without leading zeros."""
UNSEEN_SOURCES = frozenset({"eotdl_satellogic_pair"})
"""Sources kept wholly for testing."""


class PatchFolderError(UsageError):
    """A folder of patches lacks its files, or they do not fit each other."""


@dataclass(frozen=True, kw_only=True)
class PatchRow:
    """Where one patch comes from."""

    source: str
    """Collection of the patch."""
    place: str
    """Place within the source."""
    group: str
    """What a split keeps together: place group, acquisition, or place and 2 km block."""
    chip: str
    """Name of the 64x64 chip the patch was cut from, or empty."""
    corner: tuple[int, int]
    """Row and column of the patch in its chip, pixels."""
    where: tuple[str, float, float] | None = None
    """Source with reference system, and metres east and north, where they are known."""


@dataclass(frozen=True, kw_only=True)
class Patches:
    """Patches and their origins, row by row."""

    pixels: NDArray[np.uint16]
    """`(n, 32, 32, 10)`, surface reflectance x 10000."""
    rows: tuple[PatchRow, ...]
    """Origin of each patch."""

    def chosen(self, keep: NDArray[np.bool_]) -> Patches:
        """The patches where `keep (n,)` is true."""
        rows = tuple(row for row, wanted in zip(self.rows, keep, strict=True) if wanted)
        return Patches(pixels=self.pixels[keep], rows=rows)


def read_patches(folders: Sequence[Path]) -> Patches:
    """Read every folder, leaving out top-of-atmosphere (L1C) rows and cloudy dates.

    Raises:
        PatchFolderError: a folder does not hold one npz and one csv that agree.
    """
    pixels: list[NDArray[np.uint16]] = []
    rows: list[PatchRow] = []
    for folder in folders:
        table, values = read_folder(folder)
        keep = np.array([row["level"] == "L2A" and row["date"] not in CLOUDY for row in table])
        pixels.append(values[keep])
        rows += [_patch_row(row) for row, wanted in zip(table, keep, strict=True) if wanted]
    return Patches(pixels=np.concatenate(pixels), rows=tuple(rows))


def read_folder(folder: Path) -> tuple[list[dict[str, str]], NDArray[np.uint16]]:
    """Every row of one folder and its patches `(n, 32, 32, 10)`, nothing left out.

    Raises:
        PatchFolderError: the folder does not hold one npz and one csv that agree.
    """
    arrays, tables = sorted(folder.glob("*.npz")), sorted(folder.glob("*.csv"))
    if len(arrays) != 1 or len(tables) != 1:
        raise PatchFolderError(f"{folder} holds {len(arrays)} .npz and {len(tables)} .csv files, expected one of each.")
    with tables[0].open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    with np.load(arrays[0], allow_pickle=False) as archive:
        values = archive["x"]
    if values.shape != (len(table), 32, 32, 10) or values.dtype != np.uint16:
        raise PatchFolderError(
            f"{arrays[0]} holds {values.dtype} {values.shape}, expected uint16 ({len(table)}, 32, 32, 10)."
        )
    return table, values


def _patch_row(row: dict[str, str]) -> PatchRow:
    subwindow = row.get("subwindow", "")
    in_chip = row.get("place_group", "") != "" and row["source"].startswith("hsg")
    return PatchRow(
        source=row["source"],
        place=row["place"],
        group=_group(row),
        chip=row["place"] if in_chip else "",
        corner=SUBWINDOWS[subwindow] if in_chip else (0, 0),
        where=(f"{row['source']} {row['crs']}", float(row["x"]), float(row["y"])) if row["x"] else None,
    )


def _group(row: dict[str, str]) -> str:
    """What must not be cut by a split. BigEarthNet repeats acquisitions under several names, so those go whole."""
    if row.get("place_group"):
        return row["place_group"]
    if row["source"].startswith("ben_"):
        return "_".join(row["place"].split("_")[:3])
    place = "ports" if row["source"] == "eotdl_ships" else row["place"]
    if not row["x"]:
        return f"{row['source']}/{place}"
    block = [int(float(row[axis]) // BLOCK_METRES) for axis in ("x", "y")]
    return f"{row['source']}/{place}/{row['crs']}/{block[0]}/{block[1]}"


def split_of(row: PatchRow) -> str:
    """`train` (82 %), `validation` (6 %) or `test` (12 %), from a digest of the patch's group and of nothing else."""
    if row.source in UNSEEN_SOURCES:
        return "test"
    draw = int.from_bytes(hashlib.sha256(row.group.encode()).digest()[:4], "big") % 100
    return "test" if draw < 12 else "validation" if draw < 18 else "train"


def in_split(patches: Patches, names: Iterable[str]) -> Patches:
    """The patches whose split is one of `names`; held-out ones that show a part of a training patch are left out.

    Windows on no common lattice may lie across the border of two squares.
    """
    wanted, splits = frozenset(names), [split_of(row) for row in patches.rows]
    known = seen_in_training(patches.rows, splits)
    return patches.chosen(
        np.array([split in wanted and not seen for split, seen in zip(splits, known, strict=True)], dtype=np.bool_)
    )


def seen_in_training(rows: Sequence[PatchRow], splits: Sequence[str]) -> NDArray[np.bool_]:
    """Which held-out patches `(n,)` show ground of a training patch, by their places where these are known."""
    learned: dict[str, list[tuple[float, float]]] = {}
    for row, split in zip(rows, splits, strict=True):
        if row.where is not None and split == "train":
            learned.setdefault(row.where[0], []).append(row.where[1:])
    corners = {source: np.array(each) for source, each in learned.items()}
    seen = np.zeros(len(rows), dtype=np.bool_)
    for index, (row, split) in enumerate(zip(rows, splits, strict=True)):
        if row.where is not None and split != "train" and row.where[0] in corners:
            apart = np.abs(corners[row.where[0]] - row.where[1:]).max(axis=1)
            seen[index] = bool((apart < WINDOW).any())
    return seen


def surface_of(patches: Patches) -> NDArray[np.float32]:
    """Surface reflectance `(n, 32, 32, 10)` of patches."""
    return patches.pixels * np.float32(1e-4)


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """What random windows are cut from: patches alone, and patches put back into their 64x64 chips."""

    fields: tuple[NDArray[np.uint16], ...]
    """Each `(32, 32, 10)` or `(64, 64, 10)`."""
    field_of: NDArray[np.int64]
    """`(n,)`: the field each patch lies in."""
    corners: NDArray[np.int64]
    """`(n, 2)`: row and column of the patch in its field."""

    def cut(
        self, which: NDArray[np.int64], rng: np.random.Generator, *, zoomed: float
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Windows `(k, 32, 32, 10)`, reflectance, each near its patch and within its field; and whether it was zoomed.

        A share `zoomed` of the windows is 24 to 64 pixels wide, as far as the field goes, and resampled to 32: denser
        or coarser texture than the ground has, for a teacher that judges what it sees.
        """
        shifts = rng.integers(-16, 17, size=(len(which), 2))
        sides = np.where(rng.random(len(which)) < zoomed, rng.integers(24, 65, size=len(which)), 32)
        windows = np.empty((len(which), 32, 32, 10), dtype=np.float32)
        for row, (patch, shift) in enumerate(zip(which, shifts, strict=True)):
            field = self.fields[self.field_of[patch]]
            side = sides[row] = min(int(sides[row]), field.shape[0])
            corner = self.corners[patch] + shift + 16 - side // 2
            y, x = np.clip(corner, 0, field.shape[0] - side)
            windows[row] = resized(field[y : y + side, x : x + side] * np.float32(1e-4))
        return windows, sides != 32


def resized(window: NDArray[np.float32]) -> NDArray[np.float32]:
    """A square `(s, s, 10)` brought to 32 pixels: averaged down by area, or interpolated up linearly."""
    side = window.shape[0]
    if side == 32:
        return window
    weights = _resizing(side)
    result: NDArray[np.float32] = np.einsum("ys,xt,stb->yxb", weights, weights, window, optimize=True)
    return result


def _resizing(side: int) -> NDArray[np.float32]:
    """Weights `(32, side)`, each row summing to one: overlaps of the pixels going down, triangles going up."""
    pixels, step = np.arange(side), side / 32
    if side > 32:
        starts = np.arange(32)[:, None] * step
        weights = np.clip(np.minimum(starts + step, pixels + 1.0) - np.maximum(starts, pixels), 0.0, None)
    else:
        weights = np.maximum(0.0, 1 - np.abs((np.arange(32)[:, None] + 0.5) * step - 0.5 - pixels))
    scaled: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return scaled


def canvas_of(patches: Patches) -> Canvas:
    """Put windows of one chip back together; a chip that lacks a window stays in single patches."""
    members: dict[str, list[int]] = {}
    for index, row in enumerate(patches.rows):
        members.setdefault(row.chip or f"alone {index}", []).append(index)
    fields: list[NDArray[np.uint16]] = []
    field_of = np.zeros(len(patches.rows), dtype=np.int64)
    corners = np.zeros((len(patches.rows), 2), dtype=np.int64)
    for indices in members.values():
        if len(indices) == len(SUBWINDOWS):
            field = np.zeros((64, 64, patches.pixels.shape[-1]), dtype=np.uint16)
            for index in indices:
                y, x = patches.rows[index].corner
                field[y : y + 32, x : x + 32] = patches.pixels[index]
                corners[index] = (y, x)
                field_of[index] = len(fields)
            fields.append(field)
            continue
        for index in indices:
            field_of[index] = len(fields)
            fields.append(patches.pixels[index])
    return Canvas(fields=tuple(fields), field_of=field_of, corners=corners)
