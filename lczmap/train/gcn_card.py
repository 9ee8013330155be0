"""The text of a GCN's card: which instances and which pair it belongs to, what it learned from, what fusion gained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tomli_w
from numpy.typing import NDArray

from lczmap.models.graph_classifier import ARCHITECTURE
from lczmap.train.calibrate import Reliability
from lczmap.train.fusion import Gain, Streams, answers, class_table, heard, overall_table
from lczmap.train.judge import PURE, SELF_CONSISTENCY, Tables, confusion_rows, rounded_figures
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.modelcard import NODE_FEATURES, NODE_UNITS

LIMITS = (
    "It learned from simulated pairs alone: nothing is known of how well it tells real cities.",
    (
        "Colours, light and the forms of instances are those of one simulator and one segmenter; other imagery, "
        "other seasons and other instances may mislead it."
    ),
    (
        "Both streams are judged on new ground of the simulator that the VHR stream learned its classes on; the "
        "Sentinel stream saw other ground of it, mostly by the word of a teacher that knows real cities, so these "
        "tables flatter the VHR stream. Temperature and weight are fitted on colours as by other cameras to allow for "
        "that."
    ),
    "It sees colours and places of up to 50 instances, not their sizes, shapes or heights (as in DF4LCZ).",
)
STREAMS = {"S": "S, Sentinel stream alone", "G": "G, VHR stream alone", "S+G": "S+G, fused"}
"""Rows of the tables."""


@dataclass(frozen=True, kw_only=True)
class Naming:
    """What a GCN is shipped as, and what it belongs to."""

    name: str
    """Name of the model, its card and its weights file."""
    segmenter_name: str
    """Name of the segmenter."""
    segmenter: str
    """Identity of its instances."""
    pair: str
    """SHA-256 of the weights of the Sentinel model."""
    pair_name: str
    """That model's name."""

    @property
    def weights(self) -> str:
        """Name of the weights file."""
        return f"{self.name}.safetensors"


@dataclass(frozen=True, kw_only=True, eq=False)
class GcnFindings:
    """What shipping fitted and measured."""

    temperature: float
    """Fitted on the validation cells."""
    sentinel_weight: float
    """Chosen on the validation cells."""
    tried: dict[float, float]
    """Overall accuracy on the validation cells by weight."""
    held_out: Streams
    """What they say of the held-out cells, as they were rendered."""
    held_out_otherwise: Streams
    """The same of the held-out cells, their pictures' colours as by other cameras."""
    share: NDArray[np.float32]
    """Share of the true class in each held-out cell `(n,)`."""
    gain: Gain
    """Of fusion on the held-out cells."""
    reliability: dict[str, Reliability]
    """Of the VHR stream on the held-out cells, by state."""


def tables_of(found: GcnFindings) -> Tables:
    """Every table of the card: DF4LCZ's Tables II and III, the gain, the weights tried, calibration, confusion."""
    held, weight = found.held_out, found.sentinel_weight
    pure = found.share >= PURE
    overall = {
        f"{STREAMS[name]}{suffix}": row
        for suffix, cells in (
            ("", held),
            (f", cells with {PURE:.0%} and more of one class", held.where(pure)),
            (", pictures as by other cameras", found.held_out_otherwise),
        )
        for name, row in overall_table(cells, weight).items()
    }
    codes = answers(held, weight)["S+G"]
    return {
        SELF_CONSISTENCY: overall,
        f"{SELF_CONSISTENCY}: user's accuracy TP / (TP + FP) by class": class_table(held, weight),
        f"{SELF_CONSISTENCY}: gain of OA by fusion over the better single stream": {
            "held-out pieces of ground, paired bootstrap by piece": {
                "cells": len(held.truth),
                "pieces": len(np.unique(held.piece)),
                **rounded_figures({"gain": found.gain.gain, "low_95": found.gain.low, "high_95": found.gain.high}),
            }
        },
        f"{SELF_CONSISTENCY}: OA on validation cells, by other cameras, by weight of the Sentinel stream": {
            f"{value:.2f}": rounded_figures({"OA": accuracy}) for value, accuracy in found.tried.items()
        },
        "calibration of the VHR stream on held-out cells": {
            state: rounded_figures({"cells": int(each.count.sum()), "calibration_error": each.expected_error})
            for state, each in found.reliability.items()
        },
        "classes of held-out cells: rows the true ones, columns those of S+G": confusion_rows(
            held.truth, heard(codes, held.truth)
        ),
    }


def weakness(gain: Gain) -> tuple[str, ...]:
    """What has to be said where fusion is not surely better."""
    if gain.low > 0:
        return ()
    span = f"{gain.low:+.3f} to {gain.high:+.3f}"
    return (f"On held-out cells fusion is not surely better than its better stream alone: gain {span} (95 %).",)


def gcn_card_text(naming: Naming, found: GcnFindings, *, sha256: str, training: Sequence[str]) -> str:
    """The model card as TOML.

    Args:
        naming: what the model is shipped as.
        found: what was fitted and measured.
        sha256: digest of the weights file.
        training: sentences on what it was trained on and how.
    """
    card = {
        "name": naming.name,
        "title": f"GCN of DF4LCZ on instances of {naming.segmenter_name}, trained on simulated pairs (PROVISIONAL)",
        "role": "graph",
        "architecture": ARCHITECTURE,
        "provisional": True,
        "weights": naming.weights,
        "sha256": sha256,
        "features": list(NODE_FEATURES),
        "units": NODE_UNITS,
        "classes": CLASS_COUNT,
        "segmenter": naming.segmenter,
        "segmenter_name": naming.segmenter_name,
        "pair": naming.pair,
        "temperature": found.temperature,
        "sentinel_weight": found.sentinel_weight,
        "licence": "Apache-2.0",
        "training": [
            *training,
            f"The Sentinel stream's weight, {found.sentinel_weight:g}, belongs to the pair with {naming.pair_name}.",
        ],
        "attribution": [
            "Architecture: DF4LCZ (Wu, Ma, Sui and Pun). Trained on simulated pictures and scenes, of no real place."
        ],
        "limits": [*LIMITS, *weakness(found.gain)],
        "metrics": tables_of(found),
    }
    return tomli_w.dumps(card)
