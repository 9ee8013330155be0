"""A store that forgets what was there before: for `--fresh`, without removing a record that a crash would miss."""

from lczmap.protocols import TileStore
from lczmap.things.record import Record, RecordKind


class ForgetfulStore:
    """A `TileStore` over another one, blind to every record that was not written through it."""

    def __init__(self, kept: TileStore) -> None:
        """Cover a store.

        Args:
            kept: where records really are.
        """
        self._kept = kept
        self._written: set[tuple[RecordKind, str]] = set()

    def has(self, kind: RecordKind, key: str) -> bool:
        """Whether a record was written through this store."""
        return (kind, key) in self._written

    def read(self, kind: RecordKind, key: str) -> Record:
        """Read a record from the store below."""
        return self._kept.read(kind, key)

    def write(self, kind: RecordKind, key: str, record: Record) -> None:
        """Write a record to the store below, replacing an older one whole."""
        self._kept.write(kind, key, record)
        self._written.add((kind, key))
