"""Training patches a second: `python -m tests.bench.train [--threads N] [--rounds N] [--batch N] [--device cpu]`.

A step of the student, as the network is written, with strides pushed down, and compiled; drawing a batch, teacher
included; and both together, which is what training does. Routes are timed in turn within each round, so that a slow
spell of the machine falls on all of them; the table holds medians over the rounds. Weights and pixels are random.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lczmap.device import choose_device, use_threads
from lczmap.models.resnet11 import ResNet11
from lczmap.train.batches import Drawing, Lesson, Source, draw_batch, source_of
from lczmap.train.distill import Losses, Recipe, fresh_state, losses, train_step
from lczmap.train.hint import Hint
from lczmap.train.patches import Patches, PatchRow, canvas_of
from lczmap.train.teacher import Teacher

PLACES = 200
"""Made-up patches that batches are drawn from."""


def plain_losses(
    network: ResNet11, hint: Hint, volume: Tensor, labels: Tensor, wanted: Tensor
) -> tuple[Tensor, Tensor]:
    """The network as it is written, block by block, for the guess needs what it pools."""
    x = functional.relu(network.stem_norm(network.stem(volume)))
    for block in network.blocks:
        x = block(x)
    return functional.cross_entropy(network.dense(x.mean(dim=(2, 3, 4))).float(), labels), hint(x, wanted)


def made_up_source(device: torch.device, drawing: Drawing) -> Source:
    """Random ground under a teacher of random weights: neither changes the time a batch takes."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(200, 4000, size=(PLACES, 32, 32, 10), dtype=np.uint16)
    rows = tuple(PatchRow(source="s", place=f"{i}", group=f"{i}", chip="", corner=(0, 0)) for i in range(PLACES))
    teacher = Teacher().eval().to(memory_format=torch.channels_last).to(device)
    labels = rng.dirichlet(np.full(17, 0.2), size=PLACES).astype(np.float32)
    return source_of(canvas_of(Patches(pixels=pixels, rows=rows)), labels, teacher, replace(drawing, survey=1))


def routes(recipe: Recipe, device: torch.device) -> dict[str, Callable[[], object]]:
    """Every route by name, each of them one batch."""
    source = made_up_source(device, recipe.drawing)
    rng = np.random.default_rng(1)

    def drawn() -> Lesson:
        return draw_batch(source, recipe.drawing, recipe.batch, rng)

    def learning(losses_of: Losses, lesson: Callable[[], Lesson]) -> Callable[[], object]:
        state = fresh_state(recipe)
        state.network.train()
        return lambda: train_step(state, recipe, losses_of, lesson())

    kept = drawn()
    compiled: Losses = torch.compile(losses)
    return {
        "step, as written": learning(plain_losses, lambda: kept),
        "step, pushed down": learning(losses, lambda: kept),
        "step, compiled": learning(compiled, lambda: kept),
        "batch drawn": drawn,
        "drawn and learned": learning(compiled, drawn),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=Recipe.batch)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device, threads = choose_device(options.device), use_threads(options.threads)
    wait: Callable[[], None] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    works = routes(Recipe(batch=options.batch, device=str(device)), device)
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(options.rounds + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            wait()
            if number:  # the first round compiles and warms up
                times[name].append(time.perf_counter() - began)
    rates = {name: options.batch / statistics.median(each) for name, each in times.items()}
    print(f"{device}, {threads} threads, batches of {options.batch}, medians of {options.rounds}, patches a second")
    for name, rate in rates.items():
        print(f"  {name:18} {rate:8.1f}   {rate / rates['step, as written']:5.1f} x the step as written")


if __name__ == "__main__":
    main()
