"""Train sam-tiny on simulated scenes: `python -m lczmap.train.segmenter --scenes DIR --out DIR --steps 3000`.

Writes `checkpoint.pt` as it goes and goes on from it; the same seed and steps give the same run on one machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lczmap.device import choose_device, use_threads
from lczmap.segment.decode import Prompts
from lczmap.segment.tiny import TINY, TinyShape
from lczmap.train.ahead import drawn_ahead
from lczmap.train.segment_batches import Batch, BatchShape, draw_batch
from lczmap.train.segment_scenes import SegmentScene, held_out, read_scene
from lczmap.train.segment_student import MEASURES, Student, losses

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How it is trained."""

    steps: int = 3000
    """Of the whole run."""
    rate: float = 6e-3
    """Peak learning rate of matrices; half of it for everything else."""
    warm_up: int = 30
    """Steps until it is reached."""
    decay: float = 0.02
    """Weight decay."""
    average: float = 0.997
    """Decay of the running average of the weights, which is what is shipped."""
    crop_tokens: int = 16
    """Side of what a prompt is decoded on."""
    seed: int = 0
    """Of weights and batches."""
    batch: BatchShape = field(default_factory=BatchShape)
    """How much a step sees."""
    ahead: int = 1
    """Batches drawn while one is learned from, a thread each; it changes no batch."""


def batches(scenes: Sequence[SegmentScene], recipe: Recipe, first: int) -> Iterator[Batch]:
    """One batch a step from a first step on."""

    def drawn(step: int) -> Batch:
        return draw_batch(scenes, np.random.default_rng([recipe.seed, step]), recipe.batch)

    return drawn_ahead(drawn, range(first, recipe.steps), threads=recipe.ahead)


def rate_at(step: int, recipe: Recipe) -> float:
    """Learning rate: a rise, then a cosine to a hundredth."""
    if step < recipe.warm_up:
        return recipe.rate * (step + 1) / recipe.warm_up
    share = (step - recipe.warm_up) / max(recipe.steps - recipe.warm_up, 1)
    return recipe.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


class Trainer:
    """A run: the network, its average, its optimisers and where it stands."""

    def __init__(self, recipe: Recipe, shape: TinyShape = TINY, device: torch.device | None = None) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.step, self.begun = recipe, 0, ""
        self.device = device or torch.device("cpu")
        self.student = Student(shape).to(self.device)
        self.average = {name: value.detach().clone() for name, value in self.student.state_dict().items()}
        matrices = [each for name, each in self.student.named_parameters() if _is_matrix(name, each)]
        taken = {id(each) for each in matrices}
        others = [each for each in self.student.parameters() if id(each) not in taken]
        self.muon = torch.optim.Muon(
            matrices, lr=recipe.rate, weight_decay=recipe.decay, adjust_lr_fn="match_rms_adamw"
        )
        self.adam = torch.optim.AdamW(others, lr=recipe.rate, weight_decay=recipe.decay, betas=(0.9, 0.98))

    def learn(self, batch: Batch) -> dict[str, float]:
        """One step; the parts of the loss before it."""
        batch = moved(batch, self.device)
        parts = losses(self.student, batch, crop_tokens=self.recipe.crop_tokens)
        loss = torch.stack([value for name, value in parts.items() if name not in MEASURES]).sum()
        for optimizer in (self.muon, self.adam):
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = rate_at(self.step, self.recipe) * (1.0 if optimizer is self.muon else 0.5)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.muon.step()  # type: ignore[no-untyped-call]
        self.adam.step()
        self.step += 1
        # a young average follows closely
        weight = 1 - min(self.recipe.average, self.step / (self.step + 20))
        with torch.no_grad():
            for name, value in self.student.state_dict().items():
                self.average[name].lerp_(value, weight)
        return {name: float(value.detach()) for name, value in parts.items()}

    def averaged(self) -> Student:
        """The network with the average of its weights."""
        student = Student(self.student.shape).to(self.device)
        student.load_state_dict(self.average)
        return student.eval()

    def save(self, path: Path) -> None:
        """Keep everything that is needed to go on."""
        content = {
            "step": self.step,
            "begun": self.begun,
            "recipe": json.dumps(asdict(self.recipe)),
            "student": self.student.state_dict(),
            "average": self.average,
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
        }
        temporary = path.with_suffix(".partial")
        torch.save(content, temporary)
        temporary.replace(path)

    def begin(self, path: Path) -> None:
        """Begin from the average of another run, as far as its network had the same parts."""
        content = torch.load(path, map_location=self.device, weights_only=True)
        self.begun = f"{path.name} (SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()})"
        own = self.student.state_dict()
        same = {name: value for name, value in content["average"].items() if value.shape == own[name].shape}
        self.student.load_state_dict(same, strict=False)
        self.average = {name: value.detach().clone() for name, value in self.student.state_dict().items()}

    def resume(self, path: Path) -> None:
        """Go on from what was kept."""
        content = torch.load(path, map_location=self.device, weights_only=True)
        self.step, self.begun = content["step"], content["begun"]
        self.student.load_state_dict(content["student"])
        self.average = content["average"]
        self.muon.load_state_dict(content["muon"])
        self.adam.load_state_dict(content["adam"])


def _is_matrix(name: str, weight: Tensor) -> bool:
    """Whether a weight maps vectors to vectors: those are Muon's."""
    return weight.ndim == 2 and not any(word in name for word in ("embed", "token", "rel_pos"))


def moved(batch: Batch, device: torch.device) -> Batch:
    """A batch on a device."""
    prompts = Prompts(points=batch.prompts.points.to(device), frames=batch.prompts.frames.to(device))
    return Batch(
        pictures=batch.pictures.to(device),
        labels=batch.labels.to(device),
        kinds=batch.kinds.to(device),
        prompts=prompts,
    )


def check(student: Student, scenes: Sequence[SegmentScene], recipe: Recipe) -> dict[str, float]:
    """Mean parts of the loss on fixed batches of scenes."""
    device = next(student.parameters()).device
    totals: dict[str, list[float]] = {}
    for index in range(2):
        batch = moved(draw_batch(scenes, np.random.default_rng([9, index]), recipe.batch), device)
        with torch.inference_mode():
            for name, value in losses(student, batch, crop_tokens=recipe.crop_tokens).items():
                totals.setdefault(name, []).append(float(value))
    return {name: sum(values) / len(values) for name, values in totals.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.segmenter", description=__doc__)
    parser.add_argument("--scenes", type=Path, required=True, help="what `segment_scenes` made")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoints go")
    parser.add_argument("--begin", type=Path, help="checkpoint of another run to begin from")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--rate", type=float, default=Recipe.rate)
    parser.add_argument("--frames", type=int, default=BatchShape.frames)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, help="stop after this long; the schedule is that of --steps")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--ahead", type=int, default=Recipe.ahead, help="threads that draw batches beforehand")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--check", type=int, default=200, help="steps between checks and checkpoints")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    use_threads(options.threads)
    recipe = Recipe(
        steps=options.steps,
        rate=options.rate,
        seed=options.seed,
        batch=BatchShape(frames=options.frames),
        ahead=options.ahead,
    )
    paths = sorted(options.scenes.glob("*-[0-9]*.npz"))
    scenes = [read_scene(path) for path in paths if not held_out(path)]
    unseen = [read_scene(path) for path in paths if held_out(path)]
    options.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(recipe, device=choose_device(options.device))
    path = options.out / "checkpoint.pt"
    if path.exists():
        trainer.resume(path)
    elif options.begin:
        trainer.begin(options.begin)
    logger.info("%d scenes, %d held out, from step %d: %s", len(scenes), len(unseen), trainer.step, recipe)
    until = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    run(trainer, scenes, unseen, path=path, every=options.check, until=until)
    return 0


def run(  # noqa: PLR0913 - what learns, from what, where it is kept, how often, and until when
    trainer: Trainer,
    scenes: Sequence[SegmentScene],
    unseen: Sequence[SegmentScene],
    *,
    path: Path,
    every: int,
    until: float | None = None,
) -> None:
    """Train to the end, or until a moment of the monotonic clock, with a word and a checkpoint now and then."""
    recent: list[dict[str, float]] = []
    since = time.perf_counter()
    for batch in batches(scenes, trainer.recipe, trainer.step):
        recent.append(trainer.learn(batch))
        over = trainer.step == trainer.recipe.steps or (until is not None and time.monotonic() > until)
        if trainer.step % 20 == 0:
            means = {name: sum(each[name] for each in recent) / len(recent) for name in recent[0]}
            seconds = (time.perf_counter() - since) / len(recent)
            logger.info("step %d: %s, %.2f s a step", trainer.step, _told(means), seconds)
            recent, since = [], time.perf_counter()
        if trainer.step % every == 0 or over:
            trainer.save(path)
            if unseen:
                logger.info("held out: %s", _told(check(trainer.averaged(), unseen, trainer.recipe)))
            since = time.perf_counter()
        if over:
            break


def _told(parts: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in parts.items())


if __name__ == "__main__":
    raise SystemExit(main())
