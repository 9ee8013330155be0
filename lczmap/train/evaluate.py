"""Scores of predicted classes against reference classes, as the paper reports them. Pure numpy.

Class codes are 1..17 everywhere; `overall` scores follow DF4LCZ section V-A and Table III.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.words.lcz import CLASS_COUNT

BUILT = slice(0, 10)
NATURAL = slice(10, 17)
FAMILIES: Mapping[str, tuple[int, ...]] = {
    "compact": (1, 2, 3, 7),
    "open": (4, 5, 6, 9),
    "large or industrial": (8, 10),
    "natural": (11, 12, 13, 14, 15, 16),
    "water": (17,),
}
"""Class codes that a map may confuse without looking wrong from afar."""

Codes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Agreement of a prediction with a reference. Shares are 0..1; NaN where nothing stands behind a figure."""

    count: int
    """Number of patches compared."""
    overall: float
    """Share of patches whose class agrees (OA)."""
    overall_built: float
    """The same over patches whose reference is built, 1..10."""
    overall_natural: float
    """The same over patches whose reference is natural, 11..17."""
    kappa: float
    """Cohen's kappa."""
    weighted_f1: float
    """F1 of each class, weighted by its share of the reference."""
    mean_recall: float
    """Mean of the recalls of the classes the reference holds."""
    users_accuracy: NDArray[np.float64]
    """`(17,)`: TP / (TP + FP) of each class, as Table III has it."""
    recall: NDArray[np.float64]
    """`(17,)`: TP / (TP + FN) of each class."""
    f1: NDArray[np.float64]
    """`(17,)`: harmonic mean of the two, 0 where a class occurs and is never hit."""
    family: float
    """Share of patches whose class is of the same family, see `FAMILIES`."""


def confusion(reference: Codes, predicted: Codes) -> NDArray[np.int64]:
    """Counts `(17, 17)`: row the reference class, column the predicted one."""
    index = (reference.astype(np.int64) - 1) * CLASS_COUNT + predicted.astype(np.int64) - 1
    table: NDArray[np.int64] = np.bincount(index, minlength=CLASS_COUNT * CLASS_COUNT).reshape(CLASS_COUNT, CLASS_COUNT)
    return table


def scores(table: NDArray[np.int64]) -> Scores:
    """All scores of a confusion matrix `(17, 17)`."""
    right = np.diagonal(table).astype(np.float64)
    referred, predicted = table.sum(axis=1).astype(np.float64), table.sum(axis=0).astype(np.float64)
    total = float(table.sum())
    recall, precision = _ratio(right, referred), _ratio(right, predicted)
    f1 = _ratio(2 * right, referred + predicted)
    kin = sum(
        float(table[np.ix_(codes, codes)].sum()) for codes in (np.array(family) - 1 for family in FAMILIES.values())
    )
    overall = _share(right, referred)
    chance = float((referred * predicted).sum()) / total**2 if total else float("nan")
    return Scores(
        count=int(total),
        overall=overall,
        overall_built=_share(right[BUILT], referred[BUILT]),
        overall_natural=_share(right[NATURAL], referred[NATURAL]),
        kappa=(overall - chance) / (1 - chance) if chance < 1 else float("nan"),
        weighted_f1=float((np.nan_to_num(f1) * referred).sum() / total) if total else float("nan"),
        mean_recall=float(recall[referred > 0].mean()) if total else float("nan"),
        users_accuracy=precision,
        recall=recall,
        f1=f1,
        family=kin / total if total else float("nan"),
    )


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio = np.full(len(part), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> float:
    total = float(whole.sum())
    return float(part.sum()) / total if total else float("nan")
