"""The shelf: where products stand, and how a new one takes its place without ever leaving half of one.

A product is written whole in `OUT/.lczmap/staging/`, then renamed into `OUT/<place>/<edition>/`. One that stands there
already is first renamed to `OUT/.lczmap/aside/`, and after the exchange to `.editions/<n>` inside the new one. Every
step is one rename; `tidied` finishes or undoes what a killed run left between two of them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lczmap.store.disk import abandoned, disk_errors, mark, remove, settle
from lczmap.store.product import ITEM

try:
    import fcntl
except ImportError:  # pragma: no cover - no such locks on Windows, where one run at a time must do
    fcntl = None  # type: ignore[assignment]

EDITIONS = ".editions"
"""Folder inside a product that holds the products it replaced, numbered from 1."""


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """A new folder to write a product in; whatever is still there at the end is removed.

    Args:
        out: folder of products.

    Raises:
        StoreFullError: no space is left.
        OutputPathError: the folder cannot be written.
    """
    folder = _hidden(out) / "staging" / mark()
    try:
        with disk_errors(out):
            folder.mkdir(parents=True)
            yield folder
    finally:
        remove(folder)


@contextmanager
def reserved(out: Path) -> Iterator[None]:
    """Keep other runs from shelving under the same folder meanwhile; the lock dies with its process."""
    with disk_errors(out):
        _hidden(out).mkdir(parents=True, exist_ok=True)
        with (_hidden(out) / "shelf.lock").open("ab") as lock:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def shelve(finished: Path, out: Path, slug: str, edition: str) -> Path:
    """Put a finished product in its place, an older one into its `.editions`.

    Args:
        finished: the folder it was written in.
        out: folder of products.
        slug: place.
        edition: period and posting.

    Returns:
        Where it stands.
    """
    target, aside = out / slug / edition, _aside(out, slug, edition)
    target.parent.mkdir(parents=True, exist_ok=True)
    _flush(finished)
    tidied(out, slug, edition)
    try:
        if target.exists():
            aside.parent.mkdir(parents=True, exist_ok=True)
            target.rename(aside)
        finished.rename(target)
    except BaseException:
        with suppress(OSError):
            tidied(out, slug, edition)  # the old product returns to its place
        raise
    settle(target.parent)
    return tidied(out, slug, edition)


def tidied(out: Path, slug: str, edition: str) -> Path:
    """Finish or undo what a killed run left half-shelved.

    Returns:
        Where the product stands or will stand.
    """
    target, aside = out / slug / edition, _aside(out, slug, edition)
    if not aside.exists():
        return target
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.rename(target)
        return target
    editions = target / EDITIONS
    if (aside / EDITIONS).is_dir() and not editions.exists():
        (aside / EDITIONS).rename(editions)
    editions.mkdir(exist_ok=True)
    aside.rename(editions / str(_next_number(editions)))
    return target


def sweep_staging(out: Path) -> None:
    """Remove the unfinished products of killed runs."""
    folder = _hidden(out) / "staging"
    if folder.is_dir():
        for entry in folder.iterdir():
            if abandoned(entry, entry.name):
                remove(entry)


def items_under(out: Path) -> list[Path]:
    """Every published item, `OUT/<place>/<edition>/item.json`, in order; older editions are not among them."""
    return sorted(item for item in out.glob(f"[!.]*/[!.]*/{ITEM}") if item.is_file())


def _hidden(out: Path) -> Path:
    return out / ".lczmap"


def _aside(out: Path, slug: str, edition: str) -> Path:
    return _hidden(out) / "aside" / slug / edition


def _next_number(editions: Path) -> int:
    return 1 + max((int(entry.name) for entry in editions.iterdir() if entry.name.isdigit()), default=0)


def _flush(folder: Path) -> None:
    """Bring every file to the disk before the rename that makes it visible."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with (Path(parent) / name).open("rb") as file:
                os.fsync(file.fileno())
        settle(Path(parent))
