"""Records of tiles on a disk: one file a record under `<root>/<kind>/<key>`, whole or absent.

A record is a zip of `header.json` and one plain `.npy` an array, with fixed timestamps, so that equal
records are equal bytes. Nothing is ever unpickled.
"""

import io
import json
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lczmap.store.disk import sweep, write_whole
from lczmap.things.record import Number, Record, RecordKind
from lczmap.words.errors import BrokenRecordError, StoreError

_HEADER = "header.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_DTYPES = frozenset(np.dtype(kind) for kind in (np.bool_, np.uint8, np.uint16, np.int16, np.float32))
_KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
_UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, NotImplementedError)


class FileStore:
    """A `TileStore` in a folder; any number of processes may share it without a lock."""

    def __init__(self, root: Path) -> None:
        """Name the folder; it is made when first written.

        Args:
            root: usually `OUT/.lczmap`.
        """
        self.root = root

    def has(self, kind: RecordKind, key: str) -> bool:
        """Whether a record exists."""
        return self._path(kind, key).is_file()

    def read(self, kind: RecordKind, key: str) -> Record:
        """Read a record.

        Raises:
            BrokenRecordError: it is not there or cannot be read.
        """
        path = self._path(kind, key)
        try:
            with zipfile.ZipFile(path) as archive:
                header = json.loads(archive.read(_HEADER))
                names = [name for name in archive.namelist() if name.endswith(".npy")]
                arrays = {name.removesuffix(".npy"): _array(archive.read(name)) for name in names}
        except FileNotFoundError as error:
            raise BrokenRecordError(f"The {kind} record {key} is not in the store; run again to make it.") from error
        except _UNREADABLE as error:
            raise BrokenRecordError(
                f"The {kind} record {key} cannot be read ({error}); run again with --fresh to make it anew."
            ) from error
        if not isinstance(header, dict) or not all(isinstance(value, str) for value in header.values()):
            raise BrokenRecordError(f"The {kind} record {key} has no readable header; run again with --fresh.")
        return Record(header=header, arrays=arrays)

    def write(self, kind: RecordKind, key: str, record: Record) -> None:
        """Write a record; under its final name it is whole or absent.

        Raises:
            StoreFullError: no space is left.
            OutputPathError: the folder cannot be written.
            StoreError: the store failed otherwise.
        """
        write_whole(self._path(kind, key), _zipped(record))

    def read_text(self, kind: str, key: str) -> str:
        """Read a text kept beside the records.

        Raises:
            BrokenRecordError: it is not there or is no UTF-8.
        """
        try:
            return self._path(kind, key).read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise BrokenRecordError(f"The {kind} text {key} cannot be read ({error}); run again.") from error

    def write_text(self, kind: str, key: str, text: str) -> None:
        """Keep a text beside the records, for instance a plan; whole or absent.

        Raises:
            StoreFullError: no space is left.
            OutputPathError: the folder cannot be written.
        """
        write_whole(self._path(kind, key), text.encode())

    def sweep(self) -> None:
        """Remove what killed runs left half-written; the work of living ones stays."""
        if self.root.is_dir():
            for folder in self.root.iterdir():
                if folder.is_dir():
                    sweep(folder)

    def _path(self, kind: str, key: str) -> Path:
        for word in (kind, key):
            if _KEY.fullmatch(word) is None:
                raise StoreError(f"{word!r} names no record; expected letters, digits, dots and dashes.")
        return self.root / kind / key


def _zipped(record: Record) -> bytes:
    """A record as bytes; equal records give equal bytes."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        header = json.dumps(dict(record.header), sort_keys=True, ensure_ascii=True)
        _put(archive, _HEADER, header.encode())
        for name in sorted(record.arrays):
            values = record.arrays[name]
            if values.dtype not in _DTYPES or _KEY.fullmatch(name) is None:
                raise StoreError(f"A record cannot hold {name!r} as {values.dtype}; expected {_names()}.")
            plain = io.BytesIO()
            np.lib.format.write_array(plain, np.asarray(values, order="C"), allow_pickle=False)
            _put(archive, f"{name}.npy", plain.getbuffer())
    return whole.getvalue()


def _put(archive: zipfile.ZipFile, name: str, payload: bytes | memoryview) -> None:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)  # fixed: the clock must not enter the bytes
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, payload, compress_type=zipfile.ZIP_DEFLATED, compresslevel=1)


def _array(payload: bytes) -> NDArray[Number]:
    values: NDArray[Number] = np.lib.format.read_array(io.BytesIO(payload), allow_pickle=False)
    if values.dtype not in _DTYPES:
        raise ValueError(f"an array of {values.dtype}, expected one of {_names()}")
    return values


def _names() -> list[str]:
    return sorted(str(dtype) for dtype in _DTYPES)
