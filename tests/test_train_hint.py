"""The hint: the teacher's map is what it pools, the first guess is the best linear one, and students learn from it."""

import numpy as np
import torch

from lczmap.models.resnet11 import ResNet11, as_volume
from lczmap.train.distill import losses
from lczmap.train.hint import STRENGTH, STUDENT_CHANNELS, TEACHER_CHANNELS, Hint, by_position, first_guess, seen_by
from lczmap.train.labels import teacher_probabilities
from lczmap.train.teacher import Teacher
from lczmap.train.toa import top_of_atmosphere


def test_the_teacher_answers_by_the_map_it_sees() -> None:
    torch.manual_seed(0)
    teacher = Teacher().eval()
    surface = np.random.default_rng(0).uniform(0.02, 0.4, size=(3, 32, 32, 10)).astype(np.float32)
    seen = seen_by(teacher, surface)
    assert seen.shape == (3, 8, 8, TEACHER_CHANNELS)
    with torch.inference_mode():
        answered = teacher.dense(torch.from_numpy(seen).mean(dim=(1, 2))).softmax(dim=1).numpy()
    above = top_of_atmosphere(surface, np.full(3, STRENGTH, dtype=np.float32))
    np.testing.assert_allclose(answered, teacher_probabilities(teacher, above), atol=0.01)


def test_the_first_guess_is_right_where_one_map_is_linear_in_the_other() -> None:
    draw = torch.Generator().manual_seed(0)
    rule = torch.randn(STUDENT_CHANNELS, TEACHER_CHANNELS, generator=draw)
    pairs = []
    for _ in range(10):
        student = torch.randn(4, STUDENT_CHANNELS, 3, 8, 8, generator=draw)
        pairs.append((student, by_position(student) @ rule + 2.0))
    torch.manual_seed(0)
    hint = Hint()
    assert hint(*pairs[0]) > 10
    first_guess(hint, pairs)
    assert hint(*pairs[0]) < 1e-3
    np.testing.assert_allclose(hint.guess.bias.detach(), 2.0, atol=0.2)


def test_a_guess_of_the_mean_alone_misses_by_one() -> None:
    draw = torch.Generator().manual_seed(0)
    blind = torch.zeros(8, STUDENT_CHANNELS, 3, 8, 8)
    wanted = torch.randn(8, 8, 8, TEACHER_CHANNELS, generator=draw)
    hint = Hint()
    first_guess(hint, [(blind, wanted)])
    np.testing.assert_allclose(hint(blind, wanted).item(), 1.0, atol=0.02)


def test_what_the_guess_misses_moves_the_student() -> None:
    torch.manual_seed(0)
    network, hint = ResNet11(), Hint()
    volume = as_volume(torch.rand(2, 32, 32, 10))
    _, missed = losses(network, hint, volume, torch.eye(17)[:2], torch.rand(2, 8, 8, TEACHER_CHANNELS))
    missed.backward()
    assert network.stem.weight.grad is not None
    assert network.stem.weight.grad.abs().max() > 0
    assert network.dense.weight.grad is None
