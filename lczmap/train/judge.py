"""The figures of a model card: what a student says of held-out places beside what its teacher says, table by table.

In: `Compared`, both answers to the same patches. Out: tables by heading, as a card holds them. Reads no file.
Agreement with a teacher is never called accuracy, and a score on simulated ground is called self-consistency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.train.calibrate import Reliability, cross_entropy, reliability, softmax
from lczmap.train.evaluate import Codes, Scores, confusion, scores
from lczmap.words.lcz import LCZ, Lcz

COMMON = 20
"""Held-out patches that a class must have for its recall to count as known."""
PURE = 0.75
"""Least share of a simulated window's true class for the window to count as being of one class."""
NOT_ACCURACY = "agreement with the teacher (not accuracy)"
SELF_CONSISTENCY = "self-consistency on simulated cities (not accuracy)"

Figures = dict[str, float]
Tables = dict[str, dict[str, Figures]]
"""Figures by row by heading."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a student and its teacher say of n patches."""

    logits: NDArray[np.float32]
    """`(n, 17)`: the student's."""
    features: NDArray[np.float32]
    """`(n, 1024)`: the student's, before its last layer."""
    labels: NDArray[np.float32]
    """`(n, 17)`: the teacher's probabilities."""

    @property
    def student(self) -> Codes:
        """`(n,)` class codes."""
        codes: Codes = self.logits.argmax(axis=1) + 1
        return codes

    @property
    def teacher(self) -> Codes:
        """`(n,)` class codes."""
        codes: Codes = self.labels.argmax(axis=1) + 1
        return codes

    def chosen(self, keep: NDArray[np.bool_]) -> Compared:
        """Those where `keep (n,)` is true."""
        return Compared(logits=self.logits[keep], features=self.features[keep], labels=self.labels[keep])


def agreement(reference: Codes, predicted: Codes, *, so_called: str = "agreement") -> Figures:
    """Figures of one place; `so_called` names the share of equal classes."""
    table = confusion(reference, predicted)
    found = scores(table)
    common = found.recall[table.sum(axis=1) >= COMMON]
    figures = {
        "patches": found.count,
        so_called: found.overall,
        "same_family": found.family,
        f"{so_called}_built": found.overall_built,
        f"{so_called}_natural": found.overall_natural,
        "kappa": found.kappa,
        "mean_recall": found.mean_recall,
        f"classes_with_{COMMON}_or_more": len(common),
        f"mean_recall_of_classes_with_{COMMON}_or_more": float(common.mean()) if len(common) else float("nan"),
        "weighted_f1": found.weighted_f1,
    }
    return rounded_figures(figures)


def by_class(reference: Codes, predicted: Codes) -> dict[str, Figures]:
    """A row for each class that either side names: patches by both, recall, precision, F1."""
    table = confusion(reference, predicted)
    found, referred, guessed = scores(table), table.sum(axis=1), table.sum(axis=0)
    return {
        zone.title: rounded_figures(
            {
                "patches": int(referred[zone.code - 1]),
                "predicted": int(guessed[zone.code - 1]),
                "recall": found.recall[zone.code - 1],
                "precision": found.users_accuracy[zone.code - 1],
                "f1": found.f1[zone.code - 1],
            }
        )
        for zone in LCZ
        if referred[zone.code - 1] + guessed[zone.code - 1]
    }


def confusion_rows(reference: Codes, predicted: Codes) -> dict[str, Figures]:
    """The confusion matrix without what never occurs: a row for a reference class, a column for a predicted one."""
    table = confusion(reference, predicted)
    columns = [zone for zone in LCZ if table[:, zone.code - 1].any()]
    return {
        f"LCZ {row.label}": {column.label: int(table[row.code - 1, column.code - 1]) for column in columns}
        for row in LCZ
        if table[row.code - 1].any()
    }


def places_tables(places: Mapping[str, Compared], everything: str, city: str) -> Tables:
    """Agreement by place, then by class and class against class, for all held-out places together and for one city.

    Args:
        places: by the name the card gives them.
        everything: which of them holds all held-out places.
        city: which of them is the unseen city, where there is one.
    """
    tables: Tables = {NOT_ACCURACY: {name: agreement(each.teacher, each.student) for name, each in places.items()}}
    for name in (everything, city):
        if name in places:
            both = places[name].teacher, places[name].student
            tables[f"{NOT_ACCURACY} by class: {name}"] = by_class(*both)
            tables[f"classes of {name}: rows the teacher's, columns the student's"] = confusion_rows(*both)
    return tables


def calibration_tables(places: Mapping[str, Compared], temperature: float) -> Tables:
    """What the temperature does on each place, and the bins of the first."""
    errors: dict[str, Figures] = {}
    for name, each in places.items():
        for state, value in (("temperature 1", 1.0), (f"temperature {temperature:g}", temperature)):
            found = reliability(softmax(each.logits, value), each.labels)
            errors[f"{name}, {state}"] = rounded_figures(
                {
                    "patches": len(each.logits),
                    "calibration_error": found.expected_error,
                    "calibration_error_soft": found.expected_error_soft,
                    "cross_entropy": cross_entropy(each.logits, each.labels, value),
                }
            )
    name, each = next(iter(places.items()))
    bins = bin_rows(reliability(softmax(each.logits, temperature), each.labels))
    return {
        "calibration: distance of confidence from agreement with the teacher, and (soft) from its probability": errors,
        f"reliability by confidence, {name}": bins,
    }


def bin_rows(found: Reliability) -> dict[str, Figures]:
    """A row for each bin of confidence."""
    bins = len(found.count)
    return {
        f"{index / bins:.1f} to {(index + 1) / bins:.1f}": rounded_figures(
            {
                "patches": int(found.count[index]),
                "confidence": found.confidence[index],
                "agreement": found.agreement[index],
                "teachers_probability": found.backing[index],
            }
        )
        for index in range(bins)
    }


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What both say of simulated ground, whose classes are known."""

    truth: Codes
    """`(n,)`: true class codes."""
    share: NDArray[np.float32]
    """`(n,)`: share of the true class in its window."""
    said: Compared
    """What student and teacher say."""

    @property
    def pure(self) -> NDArray[np.bool_]:
        """`(n,)`: whether the true class fills most of the window, so that nothing else could be meant."""
        return self.share >= PURE


def simulated_tables(groups: Mapping[str, Checked]) -> Tables:
    """Self-consistency on simulated ground: student and teacher against truth, and by class over all groups."""
    rows: dict[str, Figures] = {}
    for name, each in groups.items():
        for who, codes in (("", each.said.student), (", the teacher itself", each.said.teacher)):
            rows[f"{name}{who}"] = agreement(each.truth, codes, so_called="true_class")
            rows[f"{name}, {PURE:.0%} and more of one class{who}"] = agreement(
                each.truth[each.pure], codes[each.pure], so_called="true_class"
            )
    truths = np.concatenate([each.truth for each in groups.values()])
    students = np.concatenate([each.said.student for each in groups.values()])
    teachers = np.concatenate([each.said.teacher for each in groups.values()])
    recalls = scores(confusion(truths, teachers)).recall
    classes = by_class(truths, students)
    for zone in LCZ:
        if zone.title in classes and np.isfinite(recalls[zone.code - 1]):
            classes[zone.title]["teachers_recall"] = round(float(recalls[zone.code - 1]), 3)
    return {
        SELF_CONSISTENCY: rows,
        f"{SELF_CONSISTENCY} by class": classes,
        "classes of simulated cities: rows the true ones, columns the student's": confusion_rows(truths, students),
    }


def known_weaknesses(found: Scores, table: NDArray[np.int64]) -> tuple[str, ...]:
    """Sentences on the classes that held-out places hardly hold, and on those of poor recall or precision there."""
    referred = table.sum(axis=1)
    rare = [zone.label for zone in LCZ if referred[zone.code - 1] < COMMON]
    missed = [zone for zone in LCZ if referred[zone.code - 1] >= COMMON and found.recall[zone.code - 1] < 0.5]
    doubtful = [zone for zone in LCZ if referred[zone.code - 1] >= COMMON and found.users_accuracy[zone.code - 1] < 0.5]
    sentences = []
    if rare:
        named = ", ".join(rare)
        sentences.append(f"Held-out places hold fewer than {COMMON} patches of LCZ {named}: little is known of these.")
    if missed:
        named = _with_shares(missed, found.recall)
        sentences.append(f"Less than half of the teacher's {named} on held-out places is found.")
    if doubtful:
        named = _with_shares(doubtful, found.users_accuracy)
        sentences.append(f"Less than half of what is called {named} on held-out places is so to the teacher.")
    return tuple(sentences)


def _with_shares(zones: Sequence[Lcz], shares: NDArray[np.float64]) -> str:
    return ", ".join(f"LCZ {zone.label} ({shares[zone.code - 1]:.2f})" for zone in LCZ if zone in zones)


def energy(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Energy `(n,)` of logits, high where no class is sure (Liu et al. 2020, arXiv:2010.03759): to compare with."""
    highest = logits.max(axis=1).astype(np.float64)
    result: NDArray[np.float64] = -highest - np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return result


def flagged_figures(
    strangeness: NDArray[np.float32], logits: NDArray[np.float32], *, energy_threshold: float
) -> Figures:
    """How many of some patches are out of domain, how strange the middle one looks, what energy would have flagged."""
    return rounded_figures(
        {
            "patches": len(strangeness),
            "flagged": float((strangeness > 1).mean()),
            "median_strangeness": float(np.median(strangeness)),
            "flagged_by_energy": float((energy(logits) > energy_threshold).mean()),
        }
    )


def rounded_figures(figures: Mapping[str, float]) -> Figures:
    """Figures as a card holds them: three digits, and none that is not a number."""
    return {
        key: value if isinstance(value, int) else round(float(value), 3)
        for key, value in figures.items()
        if np.isfinite(value)
    }
