"""Everything that shipping fits and measures: temperature, out-of-domain score, and the tables of the card.

In: a trained network and `Evidence`, the data held out from its training. Out: `Found`. Writes nothing but the
teacher's labels, which it keeps.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lczmap.models.domain import domain_from
from lczmap.models.resnet11 import ResNet11
from lczmap.models.resnet11_fast import fast_resnet11
from lczmap.train.calibrate import fit_temperature
from lczmap.train.card import HELD_OUT, PLACES, TOWNS, UNSEEN_CITY, Findings
from lczmap.train.domain import DIRECTIONS, FALSE_ALARMS, fit_domain, statement, strangers
from lczmap.train.evaluate import confusion, scores
from lczmap.train.judge import (
    Checked,
    Compared,
    Figures,
    Tables,
    calibration_tables,
    energy,
    flagged_figures,
    known_weaknesses,
    places_tables,
    simulated_tables,
)
from lczmap.train.labels import cached_labels
from lczmap.train.level import fit_biases, under_low_sun
from lczmap.train.patches import CLOUDY, Patches, in_split, read_folder, surface_of
from lczmap.train.scene import scene_patches
from lczmap.train.simulated import UNSEEN_REGION, Simulated, held_seeds, learnable
from lczmap.train.teacher import Teacher

logger = logging.getLogger(__name__)

LOT = 4
"""Patches computed at once: as the classifier does it on a CPU."""
SIMULATED_MOST = 1500
"""Simulated patches of a group at most; more would hardly change a figure and cost the teacher minutes."""
VALIDATION = "validation patches (they set the thresholds)"
"""How the card names the patches that temperature and thresholds are fitted on."""
STRANGERS = 200
"""Held-out patches that altered ones are made from."""

Pixels = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a student is judged by."""

    teacher: Teacher
    """Whose opinion agreement is with."""
    patches: Patches
    """Real patches of all splits."""
    folders: Sequence[Path]
    """Where they were read, with others that no training uses."""
    simulated: Simulated | None
    """Simulated patches of all splits, where there are any."""
    scene: Path | None
    """Folder of the bands of an unseen city, where there is one."""
    kept: Path
    """Folder where the teacher's labels are kept."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What came out."""

    findings: Findings
    """What the card says."""
    domain: dict[str, NDArray[np.generic]]
    """Tensors of the out-of-domain score."""
    held_out: Compared
    """Answers to the held-out real patches."""
    shown: Compared
    """Answers to the patches that may be shown: the unseen city, and places whose licence is known."""
    shown_patches: Pixels
    """`(n, 32, 32, 10)`: those patches."""
    shown_places: tuple[str, ...]
    """Where each of them lies."""


def find(network: ResNet11, evidence: Evidence) -> Found:
    """Fit and measure everything."""
    eyes = Eyes(network, evidence)
    learned, validation, test = (in_split(evidence.patches, [name]) for name in ("train", "validation", "test"))
    held = eyes.compared(surface_of(validation), "validation")
    temperature = fit_temperature(held.logits, held.labels)
    domain, about = _domain(eyes, surface_of(learned), held)
    logger.info("temperature %.3f; domain fitted", temperature)
    ground = surface_of(test)
    places = {HELD_OUT: eyes.compared(ground, "test")}
    sources = np.array([row.source for row in test.rows])
    places |= {name: places[HELD_OUT].chosen(sources == source) for source, name in PLACES.items() if source in sources}
    city = None if evidence.scene is None else scene_patches(evidence.scene)
    if city is not None:
        places[UNSEEN_CITY] = eyes.compared(city, "city")
    tables = places_tables(places, HELD_OUT, UNSEEN_CITY)
    tables |= calibration_tables(
        {name: places[name] for name in (HELD_OUT, UNSEEN_CITY) if name in places}, temperature
    )
    groups = dict(_simulated_groups(eyes, evidence.simulated)) if evidence.simulated is not None else {}
    if groups:
        tables |= simulated_tables(groups)
    known = {VALIDATION: held, **places, **{name: each.said for name, each in groups.items()}}
    tables |= _strangeness_table(eyes, domain, known, ground, evidence.folders)
    for name, figures in next(iter(tables.values())).items():
        logger.info("%s: %s", name, figures)
    both = confusion(places[HELD_OUT].teacher, places[HELD_OUT].student)
    findings = Findings(
        temperature=temperature,
        domain=about,
        directions=DIRECTIONS,
        tables=tables,
        weaknesses=known_weaknesses(scores(both), both),
    )
    return _shown(findings, domain, places, (test, city))


def leanings(network: ResNet11, evidence: Evidence) -> NDArray[np.float32]:
    """What to add to a network's last layer `(17,)`, by the validation patches as they are and under a low sun."""
    eyes = Eyes(network, evidence)
    ground = surface_of(in_split(evidence.patches, ["validation"]))
    both = [eyes.compared(ground, "validation"), eyes.compared(under_low_sun(ground), "validation_low_sun")]
    joint = joined(both)
    return fit_biases(joint.logits, joint.labels)


def _shown(
    findings: Findings,
    domain: dict[str, NDArray[np.generic]],
    places: dict[str, Compared],
    patches: tuple[Patches, Pixels | None],
) -> Found:
    """Add what pictures are drawn from: windows of towns, whose licence nobody states, are not among it."""
    test, city = patches
    free = np.array([row.source != TOWNS for row in test.rows])
    shown = [(surface_of(test.chosen(free)), places[HELD_OUT].chosen(free))]
    names = [PLACES.get(row.source, row.source) for row in test.chosen(free).rows]
    if city is not None:
        shown.append((city, places[UNSEEN_CITY]))
        names += [UNSEEN_CITY] * len(city)
    return Found(
        findings=findings,
        domain=domain,
        held_out=places[HELD_OUT],
        shown=joined([each for _, each in shown]),
        shown_patches=np.concatenate([pixels for pixels, _ in shown]),
        shown_places=tuple(names),
    )


def joined(parts: Sequence[Compared]) -> Compared:
    """Several lots of answers as one."""
    return Compared(
        logits=np.concatenate([each.logits for each in parts]),
        features=np.concatenate([each.features for each in parts]),
        labels=np.concatenate([each.labels for each in parts]),
    )


class Eyes:
    """A student and its teacher, looking at the same patches."""

    def __init__(self, network: ResNet11, evidence: Evidence) -> None:
        self.simulated = evidence.simulated
        """Simulated patches of all splits, where there are any."""
        self._fast = fast_resnet11(network, dtype=torch.float32, device=torch.device("cpu"))
        self._teacher = evidence.teacher
        self._kept = evidence.kept

    def student(self, patches: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The student's features `(n, 1024)` and logits `(n, 17)`."""
        lots = range(0, len(patches), LOT)
        with torch.inference_mode():
            features = torch.cat([self._fast.features(torch.from_numpy(patches[at : at + LOT])) for at in lots])
            return features.numpy(), self._fast.logits(features).numpy()

    def compared(self, patches: Pixels, name: str) -> Compared:
        """What both say; the teacher's labels are kept under a name."""
        features, logits = self.student(patches)
        labels = cached_labels(self._teacher, patches, self._kept / f"labels_{name}.npy")
        return Compared(logits=logits, features=features, labels=labels)


def _domain(eyes: Eyes, learned: Pixels, held: Compared) -> tuple[dict[str, NDArray[np.generic]], str]:
    """Tensors of the out-of-domain score, and what the card says of it."""
    features = eyes.student(learned)[0]
    simulated = 0
    if eyes.simulated is not None:
        may = some(np.flatnonzero(learnable(eyes.simulated)), len(learned) // 2)
        simulated = len(may)
        features = np.concatenate([features, eyes.student(eyes.simulated.pixels[may] * np.float32(1e-4))[0]])
    domain = fit_domain(features, held.features)
    return domain, statement(len(learned), simulated, len(held.features))


def _simulated_groups(eyes: Eyes, simulated: Simulated) -> Iterator[tuple[str, Checked]]:
    """Simulated ground that no training saw: unseen seeds, and an unseen region."""
    for name, short, held in (
        ("unseen seeds of regions in training", "seeds", held_seeds(simulated)),
        (f"an unseen region ({UNSEEN_REGION})", "region", simulated.region == UNSEEN_REGION),
    ):
        chosen = some(np.flatnonzero(held), SIMULATED_MOST)
        if len(chosen):
            said = eyes.compared(simulated.pixels[chosen] * np.float32(1e-4), f"simulated_{short}")
            yield (
                name,
                Checked(truth=simulated.truth[chosen].astype(np.int64), share=simulated.share[chosen], said=said),
            )


def _strangeness_table(
    eyes: Eyes,
    domain: dict[str, NDArray[np.generic]],
    known: Mapping[str, Compared],
    ground: Pixels,
    folders: Sequence[Path],
) -> Tables:
    """How many are flagged: of what a run may well see, and of what it should never see.

    The first of `known` sets the threshold of the energy that the score is compared with.
    """
    score = domain_from({name: values.astype(np.float32) for name, values in domain.items()})
    assert score is not None  # noqa: S101 - for the type checker
    threshold = float(np.quantile(energy(next(iter(known.values())).logits), 1 - FALSE_ALARMS))

    def flagged(features: NDArray[np.float32], logits: NDArray[np.float32]) -> Figures:
        strangeness = score.strangeness(torch.from_numpy(features)).numpy()
        return flagged_figures(strangeness, logits, energy_threshold=threshold)

    rows = {name: flagged(each.features, each.logits) for name, each in known.items()}
    altered = strangers(ground[some(np.arange(len(ground)), STRANGERS)])
    for name, patches in (*refused_patches(folders), *altered.items()):
        if len(patches):
            rows[f"stranger: {name}"] = flagged(*eyes.student(patches))
    return {"share of windows flagged out of domain": rows}


def refused_patches(folders: Sequence[Path]) -> Iterator[tuple[str, Pixels]]:
    """Patches of the folders that no training uses, by what is wrong with them."""
    read = [read_folder(folder) for folder in folders]
    tables, pixels = [row for rows, _ in read for row in rows], np.concatenate([values for _, values in read])
    above = np.array([row["level"] != "L2A" for row in tables])
    yield "L1C, above the air", pixels[above] * np.float32(1e-4)
    for date in sorted(CLOUDY):
        clouded = np.array([row["date"] == date for row in tables])
        yield f"under cloud or haze, {date.removesuffix('.tif')}", pixels[clouded] * np.float32(1e-4)


def some(index: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many of an index, evenly spread and in order."""
    if len(index) <= most:
        return index
    return index[np.linspace(0, len(index) - 1, most).astype(np.intp)]
