"""Drawing ahead: threads change how soon a batch is there, never which."""

from threading import Event, Lock

import numpy as np
import pytest

from lczmap.train.ahead import drawn_ahead


def drawn(step: int) -> float:
    return float(np.random.default_rng([3, step]).random())


@pytest.mark.parametrize("threads", [0, 1, 3, 50])
@pytest.mark.parametrize("steps", [range(0), range(1), range(4, 13)])
def test_batches_come_in_order_and_the_same_by_any_number_of_threads(threads: int, steps: range) -> None:
    assert list(drawn_ahead(drawn, steps, threads=threads)) == [drawn(step) for step in steps]


def test_no_more_is_drawn_ahead_than_there_are_threads() -> None:
    begun, lock, third = 0, Lock(), Event()

    def counted(step: int) -> int:
        nonlocal begun
        with lock:
            begun += 1
            if begun == 3:
                third.set()
        return step

    batches = drawn_ahead(counted, range(100), threads=2)
    assert next(batches) == 0
    # the first is handed out: two more may be on their way, and no third
    assert third.wait(5)
    batches.close()  # type: ignore[attr-defined]
    assert begun == 3


def test_what_fails_is_heard_in_its_turn() -> None:
    def failing(step: int) -> int:
        if step == 2:
            raise RuntimeError("step 2")
        return step

    batches = drawn_ahead(failing, range(5), threads=4)
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(RuntimeError, match="step 2"):
        next(batches)
