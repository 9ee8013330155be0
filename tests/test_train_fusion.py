"""Fusion judged: the weight is the best one, silence is an error, and the interval is that of a known case."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lczmap.train.fusion import Streams, answers, choose_weight, class_table, gain_of, overall_table


def votes(codes: NDArray[np.int64], sure: float | NDArray[np.float64] = 0.9) -> NDArray[np.float32]:
    """Probabilities with `sure` on a class and the rest on all others alike."""
    sure = np.broadcast_to(sure, codes.shape)
    rows = np.repeat((1 - sure)[:, None] / 16, 17, axis=1)
    rows[np.arange(len(codes)), codes - 1] = sure
    return rows.astype(np.float32)


def streams(right_s: NDArray[np.bool_], right_g: NDArray[np.bool_], piece: NDArray[np.int64] | None = None) -> Streams:
    """Cells of class 2 that are called 5 by S and 6 by G where they err; each is surer where it is right."""
    truth = np.full(len(right_s), 2)
    return Streams(
        sentinel=votes(np.where(right_s, 2, 5), np.where(right_s, 0.9, 0.5)),
        vhr=votes(np.where(right_g, 2, 6), np.where(right_g, 0.9, 0.5)),
        truth=truth,
        piece=np.arange(len(truth)) if piece is None else piece,
    )


def test_streams_that_err_on_other_cells_gain() -> None:
    right = np.arange(40) % 2 == 0
    both = streams(right, ~right)
    said = answers(both, 0.5)
    assert (said["S"] == 2).mean() == 0.5
    assert (said["G"] == 2).mean() == 0.5
    assert (said["S+G"] == 2).all()
    found = gain_of(both, 0.5)
    assert found.gain == 0.5
    assert 0.3 < found.low < found.high <= 0.5


def test_a_piece_is_one_witness_however_many_cells_it_has() -> None:
    # in every piece S is right on 3 of 4 cells and fusion on all: no matter which pieces are drawn
    right = np.tile([True, True, True, False], 10)
    found = gain_of(streams(right, ~right, np.repeat(np.arange(10), 4)), 0.5)
    assert (found.gain, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))
    # the same cells in pieces that are all gain or none
    apart = gain_of(streams(right, ~right), 0.5)
    clustered = gain_of(streams(np.sort(right), ~np.sort(right), np.repeat(np.arange(10), 4)), 0.5)
    assert apart.gain == clustered.gain == 0.25
    assert clustered.high - clustered.low > 1.5 * (apart.high - apart.low)


def test_the_interval_is_that_of_a_binomial_share() -> None:
    right = np.arange(400) % 10 != 0
    # where S errs, fusion is right: the gain is the share of S's errors
    found = gain_of(streams(right, ~right), 0.5)
    half = 1.96 * np.sqrt(0.1 * 0.9 / 400)
    assert found.gain == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1 - half, abs=0.006)
    assert found.high == pytest.approx(0.1 + half, abs=0.006)


def test_fusion_that_spoils_the_better_stream_has_no_gain() -> None:
    right = np.ones(60, np.bool_)
    wrong = np.arange(60) % 3 > 0
    both = streams(right, wrong)
    assert gain_of(both, 0.0).gain == pytest.approx(-1 / 3)
    assert gain_of(both, 0.0).high < 0
    assert gain_of(both, 1.0) == gain_of(both, 1.0, draws=10)


def test_the_weight_is_the_best_on_these_cells() -> None:
    # S is wrong with 0.5 wherever G is right with 0.3: G wins only below a weight of 3/8 or so
    truth = np.full(50, 3)
    both = Streams(
        sentinel=votes(np.where(np.arange(50) < 10, 3, 8), 0.5),
        vhr=votes(truth, 0.3),
        truth=truth,
        piece=np.arange(50),
    )
    weight, tried = choose_weight(both)
    assert tried[weight] == max(tried.values()) == 1.0
    assert weight == max(value for value, accuracy in tried.items() if accuracy == 1.0)
    assert 0.3 <= weight <= 0.4
    assert tried[1.0] == 0.2


def test_what_the_cells_leave_open_goes_to_the_sentinel_stream() -> None:
    right = np.ones(9, np.bool_)
    assert choose_weight(streams(right, right))[0] == 1.0
    # one cell in 40 that only G knows proves nothing, half of them do
    for known, least, most in ((1, 0.9, 1.0), (20, 0.0, 0.8)):
        weight, _ = choose_weight(streams(np.arange(40) >= known, np.ones(40, np.bool_)))
        assert least <= weight <= most


def test_a_graph_without_instances_is_no_vote_and_counts_as_an_error_of_its_stream() -> None:
    right = np.ones(8, np.bool_)
    both = streams(right, right)
    both.vhr[:2] = np.nan
    said = answers(both, 0.5)
    assert said["G"].tolist() == [0, 0, 2, 2, 2, 2, 2, 2]
    assert (said["S+G"] == 2).all()
    assert overall_table(both, 0.5)["G"]["OA"] == 0.75
    assert overall_table(both, 0.5)["S+G"]["OA"] == 1.0


def test_tables_are_those_counted_by_hand() -> None:
    truth = np.array([2, 2, 2, 17, 17])
    said_s, said_g = np.array([2, 5, 2, 17, 2]), np.array([2, 2, 2, 17, 17])
    both = Streams(sentinel=votes(said_s, 0.5), vhr=votes(said_g, 0.9), truth=truth, piece=np.arange(5))
    overall = overall_table(both, 0.5)
    assert overall["S"]["cells"] == 5
    assert overall["S"]["OA"] == 0.6
    assert overall["S"]["OA_built"] == pytest.approx(2 / 3, abs=1e-3)
    assert overall["S"]["OA_natural"] == 0.5
    assert overall["S+G"]["OA"] == overall["G"]["kappa"] == overall["G"]["weighted_F1"] == 1.0
    classes = class_table(both, 0.5)
    assert classes["LCZ 2: Compact mid-rise"] == {"cells": 3, "S": 0.667, "G": 1.0, "S+G": 1.0}
    assert classes["LCZ 5: Open mid-rise"] == {"cells": 0, "S": 0.0}
