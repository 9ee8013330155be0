"""How built classes change with the sun: `python -m tests.bench.shadow --teacher FILE --weights FILE [--cells N]`.

The same simulated ground, season and air under suns of 20 to 65 degrees; what the teacher says through the simple air,
through physical air with that sun, and what the student says. Rows are true classes, cells the commonest answers.
Agreement here is agreement with a simulation.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lczmap.synthetic.patches import simulated_patches
from lczmap.synthetic.region import REGION_NAMES
from lczmap.train.distill import Recipe, fresh_state, load_weights, student_logits
from lczmap.train.labels import Views, averaged_labels, drawn_labels
from lczmap.train.teacher import Teacher, read_teacher
from lczmap.words.lcz import LCZ

SUNS = (20.0, 30.0, 40.0, 50.0, 65.0)
"""Elevations, degrees."""
SHOWN = (1, 2, 3, 4, 5, 6)
"""True classes in the table: those whose buildings stand close or high."""
PURE = 0.7
"""Least share of the true class in a square that counts."""


def answers(teacher: Teacher, weights: Path, x: NDArray[np.float32], sun: float) -> dict[str, NDArray[np.float32]]:
    """Probabilities `(n, 17)` by who is asked."""
    state = fresh_state(Recipe())
    load_weights(state, weights)
    elevation = np.full(len(x), sun, dtype=np.float32)
    views = Views(count=12, physical=1.0)
    physical = drawn_labels(teacher, x, np.random.default_rng(0), views=views, elevation=elevation)
    logits = torch.from_numpy(student_logits(state.average, x))
    return {
        "teacher, simple air": averaged_labels(teacher, x),
        "teacher, physical air": physical,
        "student": logits.softmax(dim=1).numpy(),
    }


def line(said: NDArray[np.float32], truth: int) -> str:
    """Share of patches given their true class, mean probability of it, and the two commonest other answers."""
    codes = said.argmax(axis=1) + 1
    counts = np.bincount(codes, minlength=18)
    counts[truth] = 0
    others = [f"{LCZ[code - 1].label} {counts[code] / len(codes):.0%}" for code in counts.argsort()[::-1][:2]]
    return f"{np.mean(codes == truth):4.0%} (p {said[:, truth - 1].mean():.2f}; {', '.join(others)})"


def main() -> None:
    """Parse the command line and print one table for each who is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="checkpoint or .safetensors of the student")
    parser.add_argument("--cells", type=int, default=200, help="patches of each region")
    parser.add_argument("--regions", nargs="+", choices=REGION_NAMES, default=["european", "dense_asian"])
    parser.add_argument("--seed", type=int, default=904)
    options = parser.parse_args()
    teacher = read_teacher(options.teacher)
    table: dict[tuple[str, int], list[str]] = {}
    for sun in SUNS:
        made = [simulated_patches(name, seed=options.seed, cells=options.cells, sun=sun) for name in options.regions]
        truth = np.concatenate([each.truth for each in made])
        pure = (np.concatenate([each.share for each in made]) >= PURE) & np.isin(truth, SHOWN)
        x = np.concatenate([each.x for each in made])[pure] * np.float32(1e-4)
        for who, said in answers(teacher, options.weights, x, sun).items():
            for code in SHOWN:
                here = truth[pure] == code
                if here.any():
                    table.setdefault((who, code), []).append(line(said[here], code))
    print("true class at sun of " + ", ".join(f"{sun:.0f}" for sun in SUNS) + " degrees")
    for (who, code), cells in table.items():
        print(f"{who:22s} LCZ {LCZ[code - 1].label}: " + " | ".join(cells))


if __name__ == "__main__":
    main()
