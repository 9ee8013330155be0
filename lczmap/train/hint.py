"""Learn not only what the teacher says but what it sees where: its last feature map, guessed from the student's.

In: what both pool, on the same 8 x 8 positions of a patch. Out: how far a linear guess is off, position by position
(Romero et al. 2015, arXiv:1412.6550) and pooled, as the teacher's last layer takes it (Chen et al. 2022,
arXiv:2203.14001). A student told seventeen numbers a patch learns slowly what moves them; the map holds 64 times 256.
What a student sees at a position is 17 pixels wide, a teacher 31, so that the first error never goes to 0. The guess
is thrown away when training is done.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lczmap.models.resnet11 import BLOCK_FILTERS, EXPANSION
from lczmap.train.teacher import STAGES, Teacher
from lczmap.train.toa import top_of_atmosphere

STRENGTH = 1.25
"""Of the simple air through which the teacher sees what is to be guessed: the middle of those it is judged by."""
STUDENT_CHANNELS = EXPANSION * BLOCK_FILTERS[-1]
TEACHER_CHANNELS = STAGES[-1][1]
RIDGE = 1e-3
"""Weight of the squared coefficients in the first guess, in mean squares of the student's features."""


class Hint(nn.Module):
    """A linear guess of the teacher's map from the student's, the same at every position."""

    spread: Tensor
    pooled_spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.guess = nn.Linear(STUDENT_CHANNELS, TEACHER_CHANNELS)
        self.register_buffer("spread", torch.ones(()))
        self.register_buffer("pooled_spread", torch.ones(()))

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Squared error of the guess over the variance of what is guessed: the mean of by position, and pooled.

        Args:
            student: its map `(n, 1024, bands, 8, 8)`.
            teacher: its map `(n, 8, 8, 256)`.
        """
        missed: Tensor = self.guess(by_position(student)) - teacher
        by_place = missed.square().mean() / self.spread
        pooled = missed.mean(dim=(1, 2)).square().mean() / self.pooled_spread
        return (by_place + pooled) / 2


def by_position(student: Tensor) -> Tensor:
    """A student's map `(n, 1024, bands, 8, 8)` without its bands, features last: `(n, 8, 8, 1024)`."""
    return student.float().mean(dim=2).permute(0, 2, 3, 1)


def seen_by(teacher: Teacher, surface: NDArray[np.float32]) -> NDArray[np.float32]:
    """The teacher's map `(n, 8, 8, 256)` of patches `(n, 32, 32, 10)`, surface reflectance, in bfloat16's precision."""
    above = top_of_atmosphere(surface, np.full(len(surface), STRENGTH, dtype=np.float32))
    device = next(teacher.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
        seen = teacher.map(torch.from_numpy(above).to(device).permute(0, 3, 1, 2))
    answer: NDArray[np.float32] = seen.float().permute(0, 2, 3, 1).cpu().numpy()
    return answer


def first_guess(hint: Hint, pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Set a hint to the ridge regression over pairs of a student's map and a teacher's, as `Hint.forward` takes them.

    Closed form: the student is not led astray while its guess is still random.
    """
    size = STUDENT_CHANNELS + 1
    squares = torch.zeros(size, size, dtype=torch.float64)
    crossed = torch.zeros(size, TEACHER_CHANNELS, dtype=torch.float64)
    seen_squares, count = torch.zeros(TEACHER_CHANNELS, dtype=torch.float64), 0
    pooled: list[Tensor] = []
    for student, teacher in pairs:
        known = by_position(student).reshape(-1, STUDENT_CHANNELS).cpu().double()
        wanted = teacher.reshape(-1, TEACHER_CHANNELS).cpu().double()
        known = torch.cat([known, torch.ones(len(known), 1, dtype=torch.float64)], dim=1)
        squares += known.T @ known
        crossed += known.T @ wanted
        seen_squares += wanted.square().sum(dim=0)
        count += len(known)
        pooled.append(teacher.mean(dim=(1, 2)).cpu().double())
    damping = RIDGE * squares.trace() / size * torch.eye(size, dtype=torch.float64)
    found = torch.linalg.solve(squares + damping, crossed)
    mean = crossed[-1] / count
    with torch.no_grad():
        hint.guess.weight.copy_(found[:-1].T)
        hint.guess.bias.copy_(found[-1])
        hint.spread.copy_((seen_squares / count - mean.square()).mean())
        hint.pooled_spread.copy_((torch.cat(pooled) - mean).square().mean())
