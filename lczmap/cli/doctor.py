"""`lczmap doctor`: is this machine ready."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import click

from lczmap import __version__, weights
from lczmap.cli.speak import Voice
from lczmap.store.disk import check_writable, local_path
from lczmap.words.errors import LczmapError, UsageError

ENOUGH_DISK = 5e9
"""Bytes that a city takes with its records."""
ENOUGH_MEMORY = 4e9
"""Bytes of memory that a run is comfortable in."""


@click.command()
@click.option("--out", type=local_path, metavar="PATH", default=Path("lczmap-out"), show_default=True, help="Folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def doctor(*, out: Path, as_json: bool) -> None:
    """Tell whether this machine is ready, without touching the network."""
    checks: dict[str, Callable[[], str]] = {
        "lczmap": lambda: f"{__version__}, Python {sys.version.split()[0]}",
        "cores and memory": _memory,
        "disk": lambda: _disk(out),
        "torch": _torch,
        "gdal": _gdal,
        "models": _models,
        "segmentation": _segmentation,
        "graphs": _graphs,
        "flows": _prefect,
    }
    voice, failed = Voice(as_json=as_json), []
    for name, check in checks.items():
        try:
            finding, well = check(), True
        except (LczmapError, ImportError, OSError) as error:
            finding, well = str(error), False
            failed.append(name)
        voice.say(f"{'ok  ' if well else 'FAIL'} {name}: {finding}")
        voice.fact("check", {"name": name, "ok": well, "finding": finding})
    if failed:
        raise UsageError(f"This machine is not ready: {', '.join(failed)}; see the lines above for what to do.")
    voice.say("This machine is ready.")


def _memory() -> str:
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    note = "" if size >= ENOUGH_MEMORY else f", little: {ENOUGH_MEMORY / 1e9:.0f} GB are comfortable"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, {size / 1e9:.1f} GB{note}"


def _disk(out: Path) -> str:
    check_writable(out)
    there = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    note = "" if free >= ENOUGH_DISK else f", little: a city takes up to {ENOUGH_DISK / 1e9:.0f} GB"
    return f"{free / 1e9:.1f} GB free for {out}{note}"


def _torch() -> str:
    import torch  # noqa: PLC0415 - seconds to load

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU, the CPU will do"
    return f"{torch.__version__}, {torch.get_num_threads()} threads, {gpu}"


def _gdal() -> str:
    import rasterio  # noqa: PLC0415
    from rasterio.env import Env  # noqa: PLC0415

    with Env() as environment:  # type: ignore[no-untyped-call]
        drivers = environment.drivers()
    if "COG" not in drivers:
        raise UsageError("GDAL has no COG driver; install rasterio from its own wheels.")
    return f"{rasterio.__gdal_version__} with COG"


def _models() -> str:
    names = []
    for card in weights.shipped_cards():
        weights.check_digest(card)
        names.append(card.name)
    return f"{', '.join(names)}: files are those of their cards"


def _segmentation() -> str:
    from lczmap.segment.vision import segment_anything, vision_runs  # noqa: PLC0415 - brings torch

    segment_anything()
    boxes = "torchvision" if vision_runs() else "a stand-in for torchvision, which does not work here; nothing to do"
    return f"segment-anything {version('segment-anything')} with {boxes}"


def _graphs() -> str:
    return f"torch-geometric {version('torch-geometric')}, scikit-image {version('scikit-image')}"


def _prefect() -> str:
    if importlib.util.find_spec("prefect") is None:
        return "Prefect is not installed; only standing schedules need it (lczmap[flows])"
    return "Prefect is installed"
