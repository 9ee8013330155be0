"""The device that models run on, and the threads they may use: chosen by the site, never part of a map's key."""

import os
import re

import torch

from lczmap.words.errors import UsageError

_NAME = re.compile(r"^(cpu|auto|cuda(:\d+)?)$")


class DeviceError(UsageError):
    """The device asked for does not exist here."""


def choose_device(name: str) -> torch.device:
    """Turn `cpu`, `cuda`, `cuda:1` or `auto` (a GPU where there is one) into a device that is there.

    From then on float32 convolutions of this process keep all their digits: cuDNN would use TF32, which keeps three.

    Raises:
        DeviceError: the name is none of these, or this machine has no such device.
    """
    # for good: threads that forbid it around their work alone would allow it in the middle of another's
    torch.backends.cudnn.allow_tf32 = False
    if not _NAME.match(name):
        raise DeviceError(f"Device {name!r} is not known, expected cpu, cuda, cuda:N or auto.")
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise DeviceError(f"Device {name!r} is not here: PyTorch {torch.__version__} sees no GPU; use cpu or auto.")
    device = torch.device("cuda" if name == "auto" else name)
    if device.index is not None and device.index >= torch.cuda.device_count():
        raise DeviceError(f"Device {name!r} is not here: this machine has {torch.cuda.device_count()} GPUs.")
    return device


def use_threads(count: int | None) -> int:
    """Let arithmetic use `count` threads, or one for each core this process may run on; return how many."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    chosen = cores if count is None else count
    torch.set_num_threads(chosen)
    return chosen
