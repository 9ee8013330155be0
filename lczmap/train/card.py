"""The text of a shipped model's card: what it is, what it learned from, what was measured, what to expect of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tomli_w

from lczmap.train.judge import Tables
from lczmap.train.patches import PatchRow
from lczmap.words.bands import BAND_NAMES
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.modelcard import SENTINEL_WEIGHT, SURFACE_REFLECTANCE

PLACES: Mapping[str, str] = {
    "hsg_eurosat_l2a": "unseen European towns (EuroSAT L2A windows)",
    "eotdl_ships": "unseen Baltic and North Sea ports (EOTDL ships)",
    "eotdl_boadella": "unseen blocks of hilly Catalonia, 10 dates (EOTDL Boadella)",
    "syamkakarla_aquileia": "unseen blocks of farmland at Aquileia",
    "syamkakarla_sundarbans": "unseen blocks of the Sundarbans mangroves",
}
"""How the card names the held-out places, by source."""
HELD_OUT = "all held-out patches"
UNSEEN_CITY = "a dense district of Berlin, 24 October 2024 (no scene of Berlin in training)"
TOWNS = "hsg_eurosat_l2a"
"""Source of the windows of towns."""
ATTRIBUTION = (
    "Contains modified Copernicus Sentinel data 2017-2024.",
    (
        "Teacher: So2Sat GUL (zhu-xlab/So2Sat-LCZ-Classification-Demo), "
        "MIT (c) 2021 ERC starting grant So2Sat project team."
    ),
    (
        "Patches: EOTDL, earthpulse (MIT); BigEarthNet (CDLA-Permissive-1.0); EuroSAT L2A windows "
        "(rbngz/submission_dataset); Aquileia and Sundarbans, satellite-image tutorials (syamkakarla)."
    ),
    "Unseen city: heatwise-lcz/heatwise-patch-extraction (MIT).",
)
LIMITS = (
    "It repeats another network's opinion, which errs as well; its agreement with labels on the ground is unknown.",
    "Its real patches are European but for the Sundarbans, and mostly of summer: elsewhere expect more mistakes.",
    "High-rise (LCZ 1 and 4) and lightweight low-rise (LCZ 7) hardly occur in its real patches.",
)


@dataclass(frozen=True, kw_only=True)
class Naming:
    """What a model is shipped as."""

    name: str
    """Name of the model, its card and its weights file."""
    provisional: bool
    """Whether better weights are due."""

    @property
    def weights(self) -> str:
        """Name of the weights file."""
        return f"{self.name}.safetensors"

    @property
    def title(self) -> str:
        """One line for lists."""
        return f"3D ResNet11, distilled from the So2Sat GUL network{' (PROVISIONAL)' if self.provisional else ''}"


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What shipping measured."""

    temperature: float
    """Fitted on the validation patches."""
    domain: str
    """What the out-of-domain score is and what its threshold stands on."""
    directions: int
    """How many directions it keeps."""
    tables: Tables
    """All tables of figures."""
    weaknesses: Sequence[str]
    """Sentences that follow from them."""


def training_sentences(rows: Sequence[PatchRow], simulated: int) -> list[str]:
    """What a network was trained on, from the rows of its real patches and the number of its simulated ones."""
    towns = sum(row.source == TOWNS for row in rows)
    sentences = [
        "Distilled from the So2Sat GUL ResNet20-v2, trained by its authors on So2Sat LCZ42 (52 cities).",
        f"{towns:,} Sentinel-2 L2A windows of towns all over Europe, in their 64x64 chips (rbngz/submission_dataset).",
        (
            f"{len(rows) - towns:,} Sentinel-2 L2A windows of countryside, coast and villages: EOTDL Boadella "
            "(10 dates) and ships, BigEarthNet samples, Aquileia and the Sundarbans."
        ),
        (
            "The teacher sees each window through an atmosphere, the student sees it as L2A; windows, scale, "
            "symmetries, light, haze, colour, mixtures and the grain of the 20 m bands are drawn anew at every step."
        ),
    ]
    if simulated:
        sentences.append(
            f"{simulated:,} windows of simulated cities of several regions, their true classes mixed into the "
            "teacher's labels by how far the teacher misses that class on held-out seeds."
        )
    return sentences


def card_text(naming: Naming, findings: Findings, *, sha256: str, training: Sequence[str]) -> str:
    """The model card as TOML.

    Args:
        naming: what the model is shipped as.
        findings: what was measured.
        sha256: digest of the weights file.
        training: sentences on what it was trained on and how.
    """
    warning = ["PROVISIONAL: better weights are due, and classes will change with them."] if naming.provisional else []
    card = {
        "name": naming.name,
        "title": naming.title,
        "role": "sentinel",
        "architecture": "resnet11",
        "provisional": naming.provisional,
        "weights": naming.weights,
        "sha256": sha256,
        "bands": list(BAND_NAMES),
        "units": SURFACE_REFLECTANCE,
        "patch_pixels": 32,
        "classes": CLASS_COUNT,
        "temperature": findings.temperature,
        "sentinel_weight": SENTINEL_WEIGHT,
        "domain": findings.domain,
        "domain_directions": findings.directions,
        "licence": "Apache-2.0",
        "training": list(training),
        "attribution": list(ATTRIBUTION),
        "limits": [*warning, *LIMITS, *findings.weaknesses],
        "metrics": findings.tables,
    }
    return tomli_w.dumps(card)
