"""Trouble with the disk told in the house's errors, and names that tell whose unfinished work a file is.

Comes in: a folder that is about to be written. Goes out: `StoreFullError` or `OutputPathError` in place of the many
errors that libraries raise, and marks by which what a killed run left behind is known as such.
"""

import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lczmap.words.errors import LczmapError, OutputPathError, StoreError, StoreFullError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})
_PROBE_BYTES = 1024 * 1024
"""A library that fails where this much cannot be written failed for want of space, whatever it says."""
_ABANDONED_SECONDS = 2 * 24 * 3600.0
"""Age at which unfinished work of another machine counts as abandoned."""
# a path that was made of an address has one slash left of two; one letter and a colon is a drive
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/|.*://")


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a folder is written into an error that a user can act on.

    Raises:
        StoreFullError: no space is left.
        OutputPathError: the folder may not be written, or is none.
        StoreError: the disk failed otherwise.
    """
    try:
        yield
    except LczmapError:
        raise
    except Exception as error:
        numbers = {link.errno for link in _chain(error) if isinstance(link, OSError)}
        if numbers & _FULL or _full(folder):
            raise StoreFullError(
                f"No space is left in {folder}; free some or choose another --out. Nothing half-written was kept."
            ) from error
        if numbers & _REFUSED:
            raise OutputPathError(f"{folder} cannot be written ({error}); choose another --out.") from error
        if numbers & {errno.EIO, errno.ESTALE}:
            raise StoreError(f"Writing in {folder} failed ({error}); check the disk and run again.") from error
        raise


def local_path(text: str | Path) -> Path:
    """The path of what is to be written.

    Args:
        text: as it was typed.

    Raises:
        OutputPathError: it is an address, which would quietly become a folder of that name here.
    """
    if _ADDRESS.match(str(text)):
        scheme = str(text).partition(":")[0]
        raise OutputPathError(  # the rest of an address may hold a key
            f"The output path is an address ({scheme}:...), expected a path on this machine, for nothing else can be "
            "written to yet; name a folder or file here and copy what comes out of it."
        )
    return Path(text)


def check_writable(out: Path) -> None:
    """Make sure that a folder can be written, creating nothing.

    Args:
        out: an output folder, which need not exist.

    Raises:
        OutputPathError: it cannot be written, or is an address.
        StoreFullError: no space is left there.
    """
    standing = _standing(local_path(out))
    if not standing.is_dir():
        raise OutputPathError(f"{standing} is not a folder, so {out} cannot be written; choose another --out.")
    try:
        with disk_errors(standing):
            _probe(standing)
    except OSError as error:  # /proc and its like refuse in ways of their own
        raise OutputPathError(f"{standing} cannot be written ({error}); choose another --out.") from error


def mark() -> str:
    """A new name for unfinished work: process, machine and a random part."""
    return f"{os.getpid()}-{_machine()}-{secrets.token_hex(4)}"


def abandoned(path: Path, marked: str) -> bool:
    """Whether unfinished work belongs to nobody any more.

    Args:
        path: the file or folder.
        marked: its mark.
    """
    pid, _, rest = marked.partition("-")
    if not pid.isdigit():
        return False
    if rest.partition("-")[0] == _machine():
        return not _alive(int(pid))
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
    except OSError:
        return False


def remove(path: Path) -> None:
    """Remove a file or a folder with all it holds; what is gone already or will not go is left."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            path.unlink()
        except OSError:
            return


def write_whole(path: Path, payload: bytes) -> None:
    """Write a file so that under its name it is whole or absent, replacing an older one.

    Raises:
        StoreFullError: no space is left.
        OutputPathError: the folder cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{mark()}.tmp")
    try:
        with disk_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            settle(path.parent)
    finally:
        remove(unfinished)


def settle(folder: Path) -> None:
    """Bring a folder's names to the disk, where the platform can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)


def sweep(folder: Path) -> None:
    """Remove the unfinished files that `write_whole` left in a folder when its process was killed."""
    for unfinished in folder.glob(".*.tmp"):
        if abandoned(unfinished, unfinished.name.removesuffix(".tmp").rpartition(".")[2]):
            remove(unfinished)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _standing(path: Path) -> Path:
    """The path itself, or what stands nearest above it."""
    whole = path.absolute()
    return next(entry for entry in (whole, *whole.parents) if os.path.lexists(entry))


def _probe(folder: Path) -> None:
    """Write a little into a folder, under no name."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(os.urandom(_PROBE_BYTES))
        file.flush()
        os.fsync(file.fileno())


def _full(folder: Path) -> bool:
    """Whether a folder's disk, quota or limit takes no more."""
    try:
        _probe(_standing(folder))
    except OSError as error:
        return error.errno in _FULL
    return False


def _machine() -> str:
    """Eight hex digits for this machine, boot and process namespace: within them process numbers are unique."""
    parts = [socket.gethostname()]
    for source in (Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")):
        try:
            parts.append(str(source.readlink()) if source.is_symlink() else source.read_text())
        except OSError:
            continue
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:8]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
