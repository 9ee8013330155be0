"""Turn a segmenter's checkpoint into a shipped model: `python -m lczmap.train.ship_segmenter --checkpoint FILE`.

In one go: judges it on held-out scenes beside superpixels, measures what other crops and scales would cost, and writes
float16 safetensors and the card beside them. The card names the catalogue's settings, which go with the weights.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tomli_w
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

from lczmap.catalog import segmenter_spec
from lczmap.device import use_threads
from lczmap.protocols import Segmenter
from lczmap.segment.network import ready
from lczmap.segment.segmenter import sam_segmenter
from lczmap.segment.slic import SlicSegmenter
from lczmap.segment.tiny import TINY, tiny_sam
from lczmap.train.segment_judge import judged
from lczmap.train.segment_scenes import SegmentScene, held_out, read_scene
from lczmap.train.segment_student import Student
from lczmap.train.simulated import UNSEEN_REGION
from lczmap.weights import WEIGHTS_FOLDER
from lczmap.words.modelcard import PICTURE_UNITS, parse_model_card
from lczmap.words.segmenter import SegmenterSpec

logger = logging.getLogger(__name__)
NAME = "sam-tiny"
TRIED: tuple[tuple[float, int], ...] = ((1.0, 16), (1.0, 24), (1.0, 0), (5 / 3, 16), (5 / 3, 24), (2.0, 24))
"""Scales and crops whose cost is told."""
LIMITS = (
    "It learned from simulated pictures alone; on real ones it was judged by eye.",
    ("Instances are cut within 77 m around a prompt: what is larger, as fields and lakes, comes in several pieces."),
    (
        "In dense towns, where roofs are a few metres wide, many masks are blobs around their prompts; open ground, "
        "fields and roofs of 200 square metres and more are followed better."
    ),
    "Grounds that differ little in colour and things under 30 square metres are not told apart.",
)
Tensors = Mapping[str, NDArray[np.float16]]


def float16_tensors(student: Student) -> Tensors:
    """A network as it is shipped; what only helped it to learn is left out."""
    return {name: value.detach().cpu().numpy().astype(np.float16) for name, value in student.sam.state_dict().items()}


def segmenter_of(tensors: Tensors, spec: SegmenterSpec) -> Segmenter:
    """A segmenter as a user will load it: through float16."""
    sam = tiny_sam()
    sam.load_state_dict({name: torch.from_numpy(value.astype(np.float32)) for name, value in tensors.items()})
    return sam_segmenter(spec, ready(sam, spec.precision, torch.device("cpu")))


def tables_of(tensors: Tensors, spec: SegmenterSpec, scenes: Mapping[str, Sequence[SegmentScene]]) -> dict[str, object]:
    """Figures beside superpixels, and costs.

    Args:
        tensors: the network's.
        spec: the settings it is shipped with.
        scenes: held-out scenes by the name of what is new about them.
    """
    figures: dict[str, dict[str, float]] = {}
    for place, some in scenes.items():
        for segmenter in (segmenter_of(tensors, spec), SlicSegmenter(segmenter_spec("slic"))):
            row = f"{segmenter.spec.name}, {place}"
            figures[row] = {name: round(value, 3) for name, value in judged(segmenter, some).items()}
            logger.info("%s: %s", row, figures[row])
    picture = next(iter(scenes.values()))[0].picture
    return {
        "self-consistency: simulated scenes never trained on": figures,
        f"seconds a frame of four cells on {torch.get_num_threads()} threads, by scale and crop": costs(
            tensors, spec, picture
        ),
    }


def costs(tensors: Tensors, spec: SegmenterSpec, picture: NDArray[np.uint8]) -> dict[str, dict[str, float]]:
    """Seconds that a frame takes with other scales and crops, everything else as shipped."""
    seconds: dict[str, dict[str, float]] = {}
    reach = (spec.context_metres,) * 2 + (spec.context_metres + spec.core_metres,) * 2
    for scale, crop in TRIED:
        segmenter = segmenter_of(tensors, replace(spec, scale=scale, crop_tokens=crop))
        taken = []
        for _ in range(2):
            start = time.perf_counter()
            segmenter.segment(picture[None], [reach])
            taken.append(time.perf_counter() - start)
        name = f"scale {scale:.3g}, {f'crop of {crop} tokens' if crop else 'whole embedding'}"
        seconds[name] = {"seconds": round(min(taken), 2)}
        logger.info("%s: %s", name, seconds[name])
    return seconds


def training_sentences(recipe: Mapping[str, object], steps: int, scenes: int, begun: str) -> list[str]:
    """What it was trained on and how, and from which weights, if they were not random."""
    batch = recipe["batch"]
    if not isinstance(batch, dict):
        raise TypeError("A recipe holds its batch.")
    return [
        (
            f"{scenes} simulated scenes of 960 m at 1 m with exact instances; the region "
            f" {UNSEEN_REGION} and every fifth seed were left out."
        ),
        (
            f"{steps} steps of {batch['frames']} crops and {batch['frames'] * batch['prompts']} prompts, each decoded "
            f"on {recipe['crop_tokens']} x {recipe['crop_tokens']} tokens; scale, orientation, colours, sharpness, "
            f"noise and compression drawn anew{f'; begun from {begun}' if begun else ''}."
        ),
        "Loss: as segment-anything's, with a term in which inside and outside weigh alike (Kirillov et al. 2023).",
        (
            f"Network: convolutional stem of stride 8, {len(TINY.windows)} blocks of width {TINY.width} with attention "
            f"in windows of {' and '.join(str(side) for side in dict.fromkeys(TINY.windows))} tokens, an embedding of "
            f"{TINY.channels} channels, segment-anything's prompt encoder, and its mask decoder with "
            f"{TINY.pixel_channels[1]} channels a pixel."
        ),
    ]


def card_text(tables: Mapping[str, object], *, sha256: str, training: Sequence[str], provisional: bool) -> str:
    """The model card as TOML."""
    card = {
        "name": NAME,
        "title": "Segment Anything in a small configuration, trained on simulated 1 m scenes",
        "role": "segmenter",
        "architecture": NAME,
        "provisional": provisional,
        "weights": f"{NAME}.safetensors",
        "sha256": sha256,
        "units": PICTURE_UNITS,
        "licence": "Apache-2.0",
        "training": list(training),
        "attribution": ["Architecture: segment-anything (c) Meta Platforms, Inc. and affiliates, Apache-2.0."],
        "limits": list(LIMITS),
        "metrics": dict(tables),
    }
    return tomli_w.dumps(card)


def write_segmenter(
    tensors: Tensors, tables: Mapping[str, object], *, training: Sequence[str], provisional: bool, out: Path
) -> None:
    """Write weights and card, the card last: it names the digest of the weights."""
    content = save(dict(tensors))
    text = card_text(tables, sha256=hashlib.sha256(content).hexdigest(), training=training, provisional=provisional)
    parse_model_card(text)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{NAME}.safetensors").write_bytes(content)
    (out / f"{NAME}.toml").write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, judge and write."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.ship_segmenter", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="what `segmenter` left in its --out")
    parser.add_argument("--scenes", type=Path, required=True, help="what `segment_scenes` made")
    parser.add_argument("--provisional", action="store_true", help="better weights are due")
    parser.add_argument("--unjudged", action="store_true", help="measure nothing: weights to try things out with")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, default=WEIGHTS_FOLDER)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    use_threads(options.threads)
    content = torch.load(options.checkpoint, map_location="cpu", weights_only=True)
    student = Student(TINY)
    student.load_state_dict(content["average"])
    tensors = float16_tensors(student)
    paths = sorted(options.scenes.glob("*-[0-9]*.npz"))
    unseen = [path for path in paths if held_out(path)]
    known = [read_scene(path) for path in unseen if UNSEEN_REGION not in path.stem]
    foreign = [read_scene(path) for path in unseen if UNSEEN_REGION in path.stem]
    scenes = {
        f"{len(each)} scenes of {where}": each
        for where, each in (("new seeds", known), ("a region never trained on", foreign))
        if each
    }
    spec = segmenter_spec(NAME)
    training = training_sentences(
        json.loads(content["recipe"]), int(content["step"]), len(paths) - len(unseen), str(content["begun"])
    )
    tables = {} if options.unjudged else tables_of(tensors, spec, scenes)
    write_segmenter(tensors, tables, training=training, provisional=options.provisional, out=options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
