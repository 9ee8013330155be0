"""Every error a user can meet: one class a cause, each with its exit code.

A message is one sentence that says what happened, what was given, what was expected and what to do.
Missing pixels are data and never raise; a missing city is an error.
"""

from typing import ClassVar


class LczmapError(Exception):
    """Root of every error that lczmap raises on purpose."""

    exit_code: ClassVar[int] = 1
    """Exit status of the command line; 1 is a bug, see the README for the others."""
    retryable: ClassVar[bool] = False
    """Whether the same call may succeed later without any change by the user."""


class UsageError(LczmapError):
    """The request itself cannot be met; nothing was read or written."""

    exit_code = 2


class UnknownPlaceError(UsageError):
    """No city of that name is known."""


class AmbiguousPlaceError(UsageError):
    """Several cities bear that name and none was singled out."""


class PeriodError(UsageError):
    """The period is malformed, inverted, impossible or lies in the future."""


class AreaError(UsageError):
    """The area of interest is malformed, or lies where no map can be made (pole, antimeridian)."""


class UnconfirmedSizeError(UsageError):
    """The run is large and `--yes` was not given."""


class SourceNameError(UsageError):
    """The imagery source is no known name, no STAC address and no STAC catalogue on disk."""


class SpecError(UsageError):
    """A run specification, manifest or option holds a value that is not allowed."""


class ModelCardError(UsageError):
    """A model card is malformed, or its model does not fit what it is asked to do."""


class WeightsError(UsageError):
    """A weights file is missing, truncated, altered, of another shape, or of an unsafe format."""


class OutputPathError(UsageError):
    """The output path cannot be written."""


class NoImageryError(LczmapError):
    """The area and period hold nothing a map could be made from."""

    exit_code = 4


class SourceError(LczmapError):
    """A source of imagery failed after retries."""

    exit_code = 5


class SourceUnreachableError(SourceError):
    """The source did not answer."""

    retryable = True


class BrokenCatalogueError(SourceError):
    """The catalogue answered, but not with STAC."""


class BrokenAssetError(SourceError):
    """An image file is missing, truncated or unreadable; a run goes on without its item where it can."""

    def __init__(self, message: str, *, item_id: str = "") -> None:
        super().__init__(message)
        self.item_id = item_id
        """STAC id of the item the file belongs to; empty where no one item is to blame."""


class StoreError(LczmapError):
    """The store of records or products failed."""

    exit_code = 5


class StoreFullError(StoreError):
    """No space is left where the map is written; nothing half-written was left behind."""


class BrokenRecordError(StoreError):
    """A stored record cannot be read back; it is made anew by running with `--fresh`."""
