"""Turn a checkpoint into a shipped model: `python -m lczmap.train.ship --checkpoint FILE --patches DIR --teacher FILE`.

Writes float16 safetensors and the card beside them. The card's figures are measured here, on the patches the
training never saw, place by place; they are agreement with the teacher and are never called accuracy.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tomli_w
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

from lczmap.models.resnet11 import ResNet11
from lczmap.train.distill import Recipe, fresh_state, load_checkpoint, student_logits
from lczmap.train.evaluate import confusion, scores
from lczmap.train.labels import cached_labels
from lczmap.train.patches import Patches, PatchRow, in_split, read_patches, surface_of
from lczmap.train.scene import scene_patches
from lczmap.train.teacher import Teacher, read_teacher
from lczmap.weights import WEIGHTS_FOLDER
from lczmap.words.bands import BAND_NAMES
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.modelcard import SENTINEL_WEIGHT, SURFACE_REFLECTANCE, parse_model_card

logger = logging.getLogger(__name__)

NAME = "resnet11-provisional"
PLACES: Mapping[str, str] = {
    "hsg_eurosat_l2a": "unseen European towns (EuroSAT L2A windows)",
    "eotdl_ships": "unseen Baltic and North Sea ports (EOTDL ships)",
    "eotdl_boadella": "unseen blocks of hilly Catalonia, 10 dates (EOTDL Boadella)",
    "syamkakarla_aquileia": "unseen blocks of farmland at Aquileia",
    "syamkakarla_sundarbans": "unseen blocks of the Sundarbans mangroves",
}
"""How the card names the held-out places, by source."""
UNSEEN_CITY = "a dense district of Berlin, 24 October 2024 (no scene of Berlin in training)"
TRAINING = (
    "Distilled from the So2Sat GUL ResNet20-v2, trained by its authors on So2Sat LCZ42 (52 cities); no other labels.",
    "1,788 Sentinel-2 L2A windows of towns all over Europe, in their 64x64 chips (rbngz/submission_dataset).",
    (
        "4,128 Sentinel-2 L2A windows of countryside, coast and villages: EOTDL Boadella (10 dates) and ships, "
        "BigEarthNet samples, Aquileia and the Sundarbans."
    ),
    (
        "The teacher sees each crop through a simple atmosphere, the student sees it as L2A; "
        "crops, symmetries, light, haze, mixtures and the grain of the 20 m bands are drawn anew at every step."
    ),
)
ATTRIBUTION = (
    "Contains modified Copernicus Sentinel data 2017-2022.",
    (
        "Teacher: So2Sat GUL (zhu-xlab/So2Sat-LCZ-Classification-Demo), "
        "MIT (c) 2021 ERC starting grant So2Sat project team."
    ),
    (
        "Patches: EOTDL, earthpulse (MIT); BigEarthNet (CDLA-Permissive-1.0); EuroSAT L2A windows "
        "(rbngz/submission_dataset); Aquileia and Sundarbans, satellite-image tutorials (syamkakarla)."
    ),
)
LIMITS = (
    "PROVISIONAL: it repeats another network's opinion; its agreement with labels on the ground is unknown.",
    "High-rise (LCZ 1 and 4) and lightweight low-rise (LCZ 7) are hardly in its training: expect to miss them.",
    "Trained on European towns, mostly in summer; elsewhere, and under a low sun, built types shade into each other.",
    "The teacher errs as well, and was trained on top-of-atmosphere reflectance.",
)


def float16_tensors(network: ResNet11) -> dict[str, NDArray[np.float16]]:
    """A network's parameters and statistics as they are shipped; the count of training steps is left out."""
    return {
        name: value.detach().numpy().astype(np.float16)
        for name, value in network.state_dict().items()
        if value.is_floating_point()
    }


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.float32]) -> float:
    """The temperature that brings a student's softmax nearest to the teacher's labels, by cross entropy.

    A plain search: the loss is convex in the inverse temperature.
    """
    candidates = np.exp(np.linspace(np.log(0.5), np.log(3.0), 121))
    losses = [-(labels * _log_softmax(logits / candidate)).sum(axis=1).mean() for candidate in candidates]
    return float(round(candidates[int(np.argmin(losses))], 3))


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def agreement(labels: NDArray[np.float32], logits: NDArray[np.float32]) -> dict[str, float]:
    """Figures of one held-out place: how far the student repeats the teacher's class."""
    teacher_codes, student_codes = labels.argmax(axis=1) + 1, logits.argmax(axis=1) + 1
    found = scores(confusion(teacher_codes, student_codes))
    family = (teacher_codes <= 10) == (student_codes <= 10)
    figures = {
        "patches": float(found.count),
        "agreement": found.overall,
        "agreement_built": found.overall_built,
        "agreement_natural": found.overall_natural,
        "agreement_built_or_natural": float(family.mean()),
        "kappa": found.kappa,
        "mean_recall": found.mean_recall,
        "weighted_f1": found.weighted_f1,
    }
    return {key: round(value, 3) for key, value in figures.items() if np.isfinite(value)}


def measure(
    rows: tuple[PatchRow, ...], labels: NDArray[np.float32], logits: NDArray[np.float32]
) -> dict[str, dict[str, float]]:
    """Agreement on every named place, and on all of them together."""
    table = {"all held-out patches below": agreement(labels, logits)}
    for source, place in PLACES.items():
        here = np.array([row.source == source for row in rows])
        if here.any():
            table[place] = agreement(labels[here], logits[here])
    return table


def card_text(
    *, weights: str, sha256: str, temperature: float, run: Sequence[str], table: Mapping[str, Mapping[str, float]]
) -> str:
    """The model card as TOML."""
    card = {
        "name": NAME,
        "title": "3D ResNet11, distilled from the So2Sat GUL network (PROVISIONAL)",
        "role": "sentinel",
        "architecture": "resnet11",
        "provisional": True,
        "weights": weights,
        "sha256": sha256,
        "bands": list(BAND_NAMES),
        "units": SURFACE_REFLECTANCE,
        "patch_pixels": 32,
        "classes": CLASS_COUNT,
        "temperature": temperature,
        "sentinel_weight": SENTINEL_WEIGHT,
        "licence": "Apache-2.0",
        "training": [*TRAINING, *run],
        "attribution": list(ATTRIBUTION),
        "limits": list(LIMITS),
        "metrics": {"agreement with the teacher (not accuracy)": table},
    }
    return tomli_w.dumps(card)


def judged(
    network: ResNet11, teacher: Teacher, everything: Patches, *, scene: Path | None, cache: Path
) -> tuple[float, dict[str, dict[str, float]]]:
    """The temperature fitted on the validation patches, and agreement on the test patches and the unseen city."""
    validation, test = in_split(everything, ["validation"]), in_split(everything, ["test"])
    surface = surface_of(validation)
    labels = cached_labels(teacher, surface, cache / "labels_validation.npy")
    temperature = fit_temperature(student_logits(network, surface), labels)
    surface = surface_of(test)
    labels = cached_labels(teacher, surface, cache / "labels_test.npy")
    table = measure(test.rows, labels, student_logits(network, surface))
    if scene is not None:
        city = scene_patches(scene)
        labels = cached_labels(teacher, city, cache / "labels_city.npy")
        table[UNSEEN_CITY] = agreement(labels, student_logits(network, city))
    for place, figures in table.items():
        logger.info("%s: %s", place, figures)
    return temperature, table


def rounded(network: ResNet11) -> ResNet11:
    """The network as a user will load it: through float16."""
    shipped = ResNet11()
    tensors = {name: torch.from_numpy(value.astype(np.float32)) for name, value in float16_tensors(network).items()}
    shipped.load_state_dict(tensors, strict=False)
    return shipped.eval()


def write_model(
    network: ResNet11, run: Sequence[str], temperature: float, table: Mapping[str, Mapping[str, float]], *, out: Path
) -> None:
    """Write weights and card, the card last: it names the digest of the weights. `run` says how training went."""
    content = save(float16_tensors(network))
    digest = hashlib.sha256(content).hexdigest()
    weights = f"{NAME}.safetensors"
    text = card_text(weights=weights, sha256=digest, temperature=temperature, run=run, table=table)
    parse_model_card(text)
    out.mkdir(parents=True, exist_ok=True)
    (out / weights).write_bytes(content)
    (out / f"{NAME}.toml").write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, measure and write."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.ship", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="what `distill` left in its --out")
    parser.add_argument("--patches", type=Path, nargs="+", required=True, help="the folders `distill` read")
    parser.add_argument("--teacher", type=Path, required=True, help="So2Sat GUL ResNet20-v2, Keras HDF5")
    parser.add_argument("--scene", type=Path, help="folder of a scene's bands, of a city never trained on")
    parser.add_argument("--note", nargs="*", default=[], help="sentences on this training, for its card")
    parser.add_argument("--out", type=Path, default=WEIGHTS_FOLDER)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    state = fresh_state(Recipe())
    load_checkpoint(state, options.checkpoint)
    temperature, table = judged(
        rounded(state.average),
        read_teacher(options.teacher),
        read_patches(options.patches),
        scene=options.scene,
        cache=options.checkpoint.parent,
    )
    length = f"{state.step} steps of {Recipe.batch} patches; the running average of the weights is what is shipped."
    write_model(state.average, [length, *options.note], temperature, table, out=options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
