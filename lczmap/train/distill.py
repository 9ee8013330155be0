"""Distil a teacher into the 3D ResNet11: `python -m lczmap.train.distill --patches DIR --teacher FILE --out DIR`.

What a step learns from is the business of `batches`; here are the schedule, the step, and what a run leaves on disk.
Every step draws from a generator seeded by (seed, step), so a run that is stopped goes on as if it had not been.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from lczmap.device import choose_device
from lczmap.models.resnet11 import ResNet11, as_volume
from lczmap.models.resnet11_fast import pushed_down_logits, pushed_down_map
from lczmap.train.ahead import drawn_ahead
from lczmap.train.batches import Drawing, Lesson, Source, draw_batch, settled, source_of, stage_of
from lczmap.train.evaluate import confusion, scores
from lczmap.train.hint import Hint, first_guess
from lczmap.train.labels import cached_labels
from lczmap.train.optimizer import MuonAdam
from lczmap.train.patches import Patches, canvas_of, in_split, read_patches, surface_of
from lczmap.train.simulated import read_simulated
from lczmap.train.teacher import read_teacher
from lczmap.words.errors import WeightsError

logger = logging.getLogger(__name__)

Losses = Callable[[ResNet11, Hint, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]

GUESSED_ON = 16
"""Batches that the first guess of the teacher's map is fitted on."""
COMMON = 20
"""Held-out patches a class must have for its recall to count as known."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to distil."""

    seed: int = 0
    """Of the network's first weights and of every draw."""
    steps: int = 5500
    """Length of the schedule."""
    minutes: float = 60.0
    """Stop after this long, wherever the schedule stands; a later run goes on from there."""
    batch: int = 32
    """Patches a step."""
    peak_rate: float = 1e-3
    """Highest learning rate, reached after the warm-up, then a cosine down to a hundredth."""
    warmup: int = 200
    """Steps of linear warm-up."""
    decay: float = 1e-2
    """Decoupled weight decay."""
    memory: float = 0.998
    """Of the running average of the weights, which is what gets shipped."""
    hint: float = 1.0
    """Weight of the guess of the teacher's map beside its answer."""
    drawing: Drawing = field(default_factory=Drawing)
    """How batches are drawn."""
    settle: float = 0.3
    """Last part of the schedule in which real windows are varied half as often: nearer to what a run sees."""
    device: str = "cpu"
    """Where student and teacher compute; batches are drawn on the CPU."""
    ahead: int = 0
    """Batches drawn while one is learned from, a thread each; it changes no batch, and helps where the CPU is idle."""
    compiled: bool = True
    """Compile the step (needs a C++ compiler, 35 s at the start; 1.7 times faster on two cores)."""

    def drawing_at(self, step: int) -> Drawing:
        """How the batch of a step is drawn."""
        return settled(self.drawing) if step >= (1 - self.settle) * self.steps else self.drawing


@dataclass
class State:
    """What a run carries from step to step."""

    network: ResNet11
    """The student being trained."""
    average: ResNet11
    """Running average of its weights and statistics."""
    hint: Hint
    """The student's guess of what the teacher sees."""
    optimizer: MuonAdam
    """Over the student and its guess."""
    step: int = 0
    """Steps done."""
    begun: str = ""
    """Name and digest of the weights it began from; empty where they were random."""


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a cosine from the peak to a hundredth of it."""
    if step < recipe.warmup:
        return recipe.peak_rate * (step + 1) / recipe.warmup
    done = min(1.0, (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup))
    return recipe.peak_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def losses(network: ResNet11, hint: Hint, volume: Tensor, labels: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy of a student's answers with soft labels, nats, and the error of its guess of the teacher's map.

    Args:
        network: the student.
        hint: its guess.
        volume: `(n, 1, 10, 32, 32)`.
        labels: `(n, 17)`.
        wanted: the teacher's map `(n, 8, 8, 256)`.
    """
    own = pushed_down_map(network, volume)
    logits = network.dense(own.mean(dim=(2, 3, 4)))
    return functional.cross_entropy(logits.float(), labels), hint(own, wanted)


def train_step(state: State, recipe: Recipe, losses_of: Losses, lesson: Lesson) -> tuple[float, float]:
    """Update the student and its average by one batch.

    Returns:
        The divergence from the teacher, in nats, and the error of the guess.
    """
    state.optimizer.set_rate(learning_rate(recipe, state.step))
    seen, labels, wanted = (
        torch.from_numpy(each).to(recipe.device) for each in (lesson.seen, lesson.labels, lesson.map)
    )
    volume = as_volume(seen).contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast(seen.device.type, torch.bfloat16):
        crossed, missed = losses_of(state.network, state.hint, volume, labels, wanted)
    state.optimizer.zero_grad()
    (crossed + recipe.hint * missed).backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    state.optimizer.step()
    state.step += 1
    keep = min(recipe.memory, (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        for mean, new in zip(state.average.state_dict().values(), state.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, 1 - keep)
            else:
                mean.copy_(new)
    entropy = -(labels * labels.clamp_min(1e-12).log()).sum(dim=1).mean()
    return float(crossed.detach() - entropy), float(missed.detach())


def student_logits(network: ResNet11, patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits `(n, 17)` of patches `(n, 32, 32, 10)`, in evaluation mode."""
    network.eval()
    device = next(network.parameters()).device
    answers = []
    with torch.inference_mode():
        for start in range(0, len(patches), 16):
            volume = as_volume(torch.from_numpy(patches[start : start + 16]))
            laid = volume.to(device).contiguous(memory_format=torch.channels_last_3d)
            answers.append(pushed_down_logits(network, laid))
    return torch.cat(answers).cpu().numpy() if answers else np.empty((0, 17), dtype=np.float32)


def fresh_state(recipe: Recipe) -> State:
    """A student with seeded first weights, its average, and an optimiser."""
    torch.manual_seed(recipe.seed)  # on the CPU, so that first weights are the same on every device
    network = ResNet11().to(memory_format=torch.channels_last_3d).to(recipe.device)  # type: ignore[call-overload]
    average = ResNet11().to(recipe.device)
    average.load_state_dict(network.state_dict())
    hint = Hint().to(recipe.device)
    optimizer = MuonAdam(nn.ModuleList([network, hint]), decay=recipe.decay)
    return State(network=network, average=average.eval(), hint=hint, optimizer=optimizer)


def guess_first(state: State, recipe: Recipe, source: Source) -> None:
    """Fit the student's guess to what it sees before its first step, on batches of its own."""
    state.average.eval()

    def maps() -> Iterator[tuple[Tensor, Tensor]]:
        for index in range(GUESSED_ON):
            lesson = draw_batch(source, recipe.drawing, recipe.batch, np.random.default_rng([recipe.seed, index, 1]))
            volume = as_volume(torch.from_numpy(lesson.seen)).to(recipe.device)
            with torch.inference_mode(), torch.autocast(volume.device.type, torch.bfloat16):
                own = pushed_down_map(state.average, volume.contiguous(memory_format=torch.channels_last_3d))
            yield own, torch.from_numpy(lesson.map)

    first_guess(state.hint, maps())


def save_checkpoint(state: State, path: Path) -> None:
    """Write everything a run needs to go on; whole or not at all."""
    content = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "hint": state.hint.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "begun": state.begun,
    }
    temporary = path.with_suffix(".partial")
    torch.save(content, temporary)
    temporary.replace(path)


def load_checkpoint(state: State, path: Path) -> None:
    """Set `state` to what `save_checkpoint` wrote."""
    content = torch.load(path, weights_only=True, map_location=next(state.network.parameters()).device)
    state.network.load_state_dict(content["network"])
    state.average.load_state_dict(content["average"])
    state.hint.load_state_dict(content["hint"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.step, state.begun = content["step"], content["begun"]


def load_weights(state: State, path: Path) -> None:
    """Start network and average from the averaged weights of a checkpoint, or from shipped ones (`.safetensors`).

    Step and optimiser stay fresh.
    """
    device = next(state.network.parameters()).device
    state.begun = f"{path.name} (SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()})"
    if path.suffix == ".safetensors":
        tensors = load_file(path, device=str(device))
    else:
        tensors = torch.load(path, weights_only=True, map_location=device)["average"]
    for network in (state.network, state.average):
        # shipped weights hold more than the network: the out-of-domain score's tensors
        missing, _ = network.load_state_dict(tensors, strict=False)
        lacking = [name for name in missing if not name.endswith("num_batches_tracked")]
        if lacking:
            raise WeightsError(f"{path} holds no weights of the 3D ResNet11: {lacking[:4]} are missing.")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a run reads."""

    patches: Sequence[Path]
    """Folders of real patches."""
    teacher: Path
    """The So2Sat GUL ResNet20-v2, Keras HDF5."""
    simulated: Sequence[Path] = ()
    """Folders of simulated patches."""
    init: Path | None = None
    """Checkpoint whose averaged weights a new run starts from, or shipped weights."""


def distil(recipe: Recipe, inputs: Inputs, out: Path) -> State:
    """Train, or go on training, until the schedule or the time is up; checkpoints lie in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    teacher = read_teacher(inputs.teacher).to(memory_format=torch.channels_last).to(recipe.device)  # type: ignore[call-overload]
    everything = read_patches(inputs.patches)
    learned, held = in_split(everything, ["train"]), in_split(everything, ["validation"])
    labels = cached_labels(teacher, surface_of(learned), out / "labels_train.npy", rough=True)
    held_labels = cached_labels(teacher, surface_of(held), out / "labels_validation.npy", rough=False)
    _log_classes(labels)
    logger.info("%d patches to learn from, %d held", len(learned.rows), len(held.rows))
    source = source_of(canvas_of(learned), labels, teacher, recipe.drawing)
    if inputs.simulated:
        source = replace(source, stage=stage_of(read_simulated(inputs.simulated), teacher, recipe.drawing))
        _log_stage(source)
    state = fresh_state(recipe)
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        load_checkpoint(state, checkpoint)
        logger.info("going on from step %d", state.step)
    else:
        if inputs.init is not None:
            load_weights(state, inputs.init)
        guess_first(state, recipe, source)
    losses_of: Losses = torch.compile(losses) if recipe.compiled else losses
    recent: list[tuple[float, float]] = []

    def drawn(step: int) -> Lesson:
        rng = np.random.default_rng([recipe.seed, step])
        return draw_batch(source, recipe.drawing_at(step), recipe.batch, rng)

    for lesson in drawn_ahead(drawn, range(state.step, recipe.steps), threads=recipe.ahead):
        state.network.train()
        recent.append(train_step(state, recipe, losses_of, lesson))
        if state.step % 25 == 0:
            divergence, missed = np.mean(recent, axis=0)
            elapsed = time.monotonic() - started
            logger.info("step %d kl %.4f hint %.4f %.1f s", state.step, divergence, missed, elapsed)
            recent = []
        if state.step % 100 == 0:
            save_checkpoint(state, checkpoint)
        if state.step % 500 == 0:
            _log_agreement(state, held, held_labels)
        if time.monotonic() - started > 60 * recipe.minutes:
            break
    save_checkpoint(state, checkpoint)
    _log_agreement(state, held, held_labels)
    return state


def _log_classes(labels: NDArray[np.float32]) -> None:
    counts = np.bincount(labels.argmax(axis=1), minlength=17)
    logger.info("training patches by the teacher's class: %s", " ".join(map(str, counts)))


def _log_stage(source: Source) -> None:
    assert source.stage is not None  # noqa: S101 - for the type checker
    counts = np.bincount(source.stage.patches.truth - 1, minlength=17)
    logger.info("simulated patches by truth: %s", " ".join(map(str, counts)))
    logger.info("weight of truth by class: %s", " ".join(f"{weight:.2f}" for weight in source.stage.weights))


def common_recall(table: NDArray[np.int64]) -> float:
    """Mean recall of the classes of which a confusion `(17, 17)` holds `COMMON` patches or more, else NaN."""
    recalls = scores(table).recall[table.sum(axis=1) >= COMMON]
    return float(recalls.mean()) if len(recalls) else float("nan")


def _log_agreement(state: State, held: Patches, labels: NDArray[np.float32]) -> None:
    logits = student_logits(state.average, surface_of(held))
    table = confusion(labels.argmax(axis=1) + 1, logits.argmax(axis=1) + 1)
    result = scores(table)
    logger.info(
        "step %d validation: agreement %.3f built %.3f natural %.3f kappa %.3f mean recall %.3f, common %.3f",
        state.step, result.overall, result.overall_built, result.overall_natural, result.kappa, result.mean_recall,
        common_recall(table),
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and distil."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.distill", description=__doc__)
    parser.add_argument("--patches", type=Path, nargs="+", required=True, help="folders of patches")
    parser.add_argument("--teacher", type=Path, required=True, help="So2Sat GUL ResNet20-v2, Keras HDF5")
    parser.add_argument("--out", type=Path, default=Path(".train"), help="where checkpoints and labels lie")
    parser.add_argument("--simulated", type=Path, nargs="*", default=[], help="folders of simulated patches")
    parser.add_argument("--init", type=Path, help="checkpoint or .safetensors whose weights a new run starts from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--peak-rate", type=float, default=Recipe.peak_rate)
    parser.add_argument("--warmup", type=int, default=Recipe.warmup)
    parser.add_argument("--settle", type=float, default=Recipe.settle, help="last part of the schedule, milder")
    parser.add_argument("--minutes", type=float, default=Recipe.minutes)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N or auto")
    parser.add_argument("--batch", type=int, default=Recipe.batch)
    parser.add_argument("--ahead", type=int, default=Recipe.ahead, help="threads that draw batches beforehand")
    parser.add_argument("--eager", action="store_true", help="do not compile the step")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    torch.set_num_threads(options.threads)
    recipe = Recipe(
        seed=options.seed,
        steps=options.steps,
        minutes=options.minutes,
        peak_rate=options.peak_rate,
        warmup=options.warmup,
        settle=options.settle,
        batch=options.batch,
        ahead=options.ahead,
        device=str(choose_device(options.device)),
        compiled=not options.eager,
    )
    inputs = Inputs(patches=options.patches, teacher=options.teacher, simulated=options.simulated, init=options.init)
    distil(recipe, inputs, options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
