"""What two streams say together: the weight between them, and whether fusing them gains anything for certain.

In: probabilities `(n, 17)` of both streams for the same cells, rows of NaN where the VHR stream has no vote, and the
true classes. Out: the Sentinel stream's weight, chosen on validation cells; on held-out cells the scores of DF4LCZ's
Tables II and III for S, G and S+G, and an interval for the gain. Pure numpy; reads no file and knows no network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.things.probabilities import fuse
from lczmap.train.evaluate import Codes, Scores, confusion, scores
from lczmap.train.judge import Figures, rounded_figures
from lczmap.words.lcz import LCZ

WEIGHTS = tuple(round(0.05 * step, 2) for step in range(21))
"""Weights of the Sentinel stream that are tried."""
DRAWS = 4_000
"""Bootstrap samples."""
LEVEL = 0.95
"""Of the interval."""

Rows = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Streams:
    """What both streams say of n cells, and what the cells are."""

    sentinel: Rows
    """`(n, 17)`: probabilities of the Sentinel stream."""
    vhr: Rows
    """`(n, 17)`: those of the VHR stream; NaN where a cell has no instance."""
    truth: Codes
    """`(n,)`: class codes."""
    piece: NDArray[np.int64]
    """`(n,)`: the piece of ground each cell lies in."""

    def where(self, keep: NDArray[np.bool_]) -> Streams:
        """The cells where `keep (n,)` is true."""
        return Streams(sentinel=self.sentinel[keep], vhr=self.vhr[keep], truth=self.truth[keep], piece=self.piece[keep])


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How much better fusion is than the better one of its streams: differences of overall accuracy."""

    gain: float
    """OA(S+G) - max(OA(S), OA(G)) on the cells as they are."""
    low: float
    """Lower end of its interval."""
    high: float
    """Upper end."""


def answers(streams: Streams, sentinel_weight: float) -> dict[str, Codes]:
    """Class codes by S, by G and by S+G; 0, which is no class, where G has no vote."""
    fused = fuse(streams.sentinel, streams.vhr, sentinel_weight)
    silent = np.isnan(streams.vhr).any(axis=1)
    vhr: Codes = np.where(silent, 0, np.nan_to_num(streams.vhr).argmax(axis=1) + 1)
    return {"S": streams.sentinel.argmax(axis=1) + 1, "G": vhr, "S+G": fused.argmax(axis=1) + 1}


def choose_weight(streams: Streams) -> tuple[float, dict[float, float]]:
    """The weight to ship by validation cells, and the overall accuracy at every weight tried.

    The largest weight whose accuracy is not surely below the best one's: within one standard error of their paired
    difference by piece of ground, as it would be if there were none. The VHR stream learned its classes on this
    simulator, the Sentinel stream those of a teacher of real cities, so what the cells leave open goes to the latter.
    """
    _, which = np.unique(streams.piece, return_inverse=True)
    fused = (fuse(streams.sentinel, streams.vhr, weight) for weight in WEIGHTS)
    right = [np.bincount(which, weights=each.argmax(axis=1) + 1 == streams.truth) for each in fused]
    best = max(right, key=np.sum)
    tried = {weight: float(each.sum() / len(streams.truth)) for weight, each in zip(WEIGHTS, right, strict=True)}
    alike = [
        weight
        for weight, each in zip(WEIGHTS, right, strict=True)
        if (best - each).sum() <= np.sqrt(((best - each) ** 2).sum())
    ]
    return max(alike), tried


def gain_of(streams: Streams, sentinel_weight: float, *, draws: int = DRAWS, seed: int = 0) -> Gain:
    """The gain of fusion with its bootstrap interval: paired, and whole pieces of ground drawn with replacement.

    Cells of one piece share ground, date, sun and camera, so they are no independent witnesses. In every sample the
    better single stream is the one that is better there.

    Args:
        streams: the cells.
        sentinel_weight: of the fusion.
        draws: samples.
        seed: of the samples.
    """
    said = answers(streams, sentinel_weight)
    _, which = np.unique(streams.piece, return_inverse=True)
    size = np.bincount(which)
    # (pieces, 3) right answers
    right = np.stack([np.bincount(which, weights=codes == streams.truth) for codes in said.values()], axis=1)
    times = np.random.default_rng(seed).multinomial(len(size), np.full(len(size), 1 / len(size)), size=draws)
    sampled = _lead((times @ right).astype(np.float64), times @ size)
    low, high = np.quantile(sampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    whole = _lead(right.sum(axis=0, keepdims=True), size.sum(keepdims=True))
    return Gain(gain=float(whole[0]), low=float(low), high=float(high))


def _lead(right: NDArray[np.float64], count: NDArray[np.int64]) -> NDArray[np.float64]:
    """Accuracy of the last column over the better one of the others `(samples,)`."""
    lead: NDArray[np.float64] = (right[:, 2] - right[:, :2].max(axis=1)) / count
    return lead


def overall_table(streams: Streams, sentinel_weight: float) -> dict[str, Figures]:
    """The scores of DF4LCZ's Table II, a row a stream."""
    return {name: _overall(score) for name, score in _scores(streams, sentinel_weight).items()}


def class_table(streams: Streams, sentinel_weight: float) -> dict[str, Figures]:
    """User's accuracy TP / (TP + FP) of every class as in DF4LCZ's Table III, a row a class, a column a stream.

    Where a stream never answers a class, it has no figure.
    """
    found = _scores(streams, sentinel_weight)
    return {
        zone.title: {
            "cells": int((streams.truth == zone.code).sum()),
            **rounded_figures({name: score.users_accuracy[zone.code - 1] for name, score in found.items()}),
        }
        for zone in LCZ
    }


def _scores(streams: Streams, sentinel_weight: float) -> dict[str, Scores]:
    return {
        name: scores(confusion(streams.truth, heard(codes, streams.truth)))
        for name, codes in answers(streams, sentinel_weight).items()
    }


def heard(codes: Codes, truth: Codes) -> Codes:
    """Answers with every silence counted as an error: as the class after the true one."""
    filled: Codes = np.where(codes == 0, truth % len(LCZ) + 1, codes)
    return filled


def _overall(score: Scores) -> Figures:
    return rounded_figures(
        {
            "cells": score.count,
            "OA": score.overall,
            "OA_built": score.overall_built,
            "OA_natural": score.overall_natural,
            "kappa": score.kappa,
            "weighted_F1": score.weighted_f1,
            "mean_recall": score.mean_recall,
        }
    )
