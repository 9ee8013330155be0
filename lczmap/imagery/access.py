"""Open rasters: signed, with GDAL set for cloud-optimised files over HTTP, retried, failures told apart.

In: an address and what to do with the open raster. Out: what that gives. A raster that is missing, truncated or
unreadable raises; it never turns into missing pixels. A source that refuses access is no fault of an item.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.session import DummySession

from lczmap.imagery.signing import Signer, Unsigned
from lczmap.words.errors import BrokenAssetError, SourceError, SourceUnreachableError, UsageError

Result = TypeVar("Result")

GDAL_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no listing of the folder, no search for side files
        "GDAL_INGESTED_BYTES_AT_OPEN": "32768",  # the header of a COG in one request
        "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
        "GDAL_HTTP_MULTIPLEX": "YES",
        "GDAL_HTTP_VERSION": "2",
        "CPL_VSIL_CURL_USE_HEAD": "NO",  # signed addresses refuse HEAD
        "GDAL_HTTP_CONNECTTIMEOUT": "10",
        "GDAL_HTTP_TIMEOUT": "60",
        "GDAL_HTTP_MAX_RETRY": "4",
        "GDAL_HTTP_RETRY_DELAY": "0.5",
        "GDAL_NUM_THREADS": "1",  # the threads are ours: one raster each
    }
)
"""How GDAL reads; what is slow or fails silently by default is switched off."""
_UNREMEMBERED = {"CPL_VSIL_CURL_NON_CACHED": "/vsicurl/http:/vsis3/"}
"""Added when a read is tried again: GDAL remembers failures, and would answer from memory."""

_PASSING = re.compile(
    r"(?:response|status) code: (408|429|5\d\d)|response_code=(0|408|429|5\d\d)|CURL error|timed? ?out|"
    r"could not resolve|could not connect|couldn't connect|connection (reset|refused|closed)|"
    r"operation too slow|recv failure",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"(?:response|status) code: 40[13]|response_code=40[13]|AuthenticationFailed|AccessDenied", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One file of an item."""

    href: str
    """Absolute address or path, unsigned."""
    item_id: str
    """The item it belongs to."""
    name: str
    """`B02` to `B12` or `SCL`."""


Opening = Callable[[str], AbstractContextManager[DatasetReader]]
"""Opens what GDAL can read, for as long as it is needed."""


@contextmanager
def opened_anew(address: str) -> Iterator[DatasetReader]:
    """A raster of one band that nobody else uses, closed afterwards.

    Raises:
        ValueError: it has several bands.
    """
    with rasterio.open(address, sharing=False) as raster:
        if raster.count != 1:
            raise ValueError(f"it has {raster.count} bands where one is expected")
        yield raster


@dataclass(frozen=True, kw_only=True)
class RasterAccess:
    """How one source's rasters are opened."""

    signer: Signer = field(default_factory=Unsigned)
    """Makes addresses readable."""
    s3_endpoint: str | None = None
    """Host that answers S3 requests; None for Amazon's own."""
    credentials: tuple[str, ...] = ()
    """Environment variables that S3 addresses need; named where access is refused."""
    tries: int = 3
    """Attempts where a failure may pass; GDAL itself retries single requests besides."""
    pause_seconds: float = 1.0
    """Wait before the second attempt, doubled before each further one."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of GDAL besides the usual ones."""
    secrets: tuple[str, ...] = ()
    """Environment variables whose values stand in signed addresses; no message repeats them."""
    option: str = "--source"
    """By which a user chooses another source."""

    def read(self, asset: Asset, task: Callable[[DatasetReader], Result], opening: Opening = opened_anew) -> Result:
        """Open an asset and do something with it.

        Args:
            asset: the file.
            task: what is done with the open raster; done again where it fails and may pass.
            opening: how it is opened.

        Raises:
            BrokenAssetError: it is missing, truncated or unreadable.
            SourceUnreachableError: the source does not answer after retries.
            SourceError: the source refuses access.
        """
        for attempt in range(1, self.tries + 1):
            try:
                return self._read_once(asset, task, opening, {} if attempt == 1 else _UNREMEMBERED)
            except (RasterioError, ValueError) as error:
                reason = self._unsaid(_reason(error))
                refused = self._refused(reason)
                if attempt < self.tries and (refused or _PASSING.search(reason)):
                    self.signer.forget(asset.href)
                    time.sleep(self.pause_seconds * 2 ** (attempt - 1))
                    continue
                raise self._refusal(asset) if refused else _failure(asset, reason) from error
        raise AssertionError("unreachable")

    def _unsaid(self, reason: str) -> str:
        """A reason with names in the place of secrets."""
        for name in self.secrets:
            value = os.environ.get(name)
            reason = reason.replace(value, f"${{{name}}}") if value else reason
        return reason

    def _refused(self, reason: str) -> bool:
        """Whether the source, not the item, is to blame: open buckets say 403 where one file is missing."""
        found = _REFUSED.search(reason)
        keyed = bool(self.credentials) or not isinstance(self.signer, Unsigned)
        return found is not None and (keyed or "401" in found.group())

    def _read_once(
        self,
        asset: Asset,
        task: Callable[[DatasetReader], Result],
        opening: Opening,
        more_settings: Mapping[str, str],
    ) -> Result:
        with (
            rasterio.Env(session=DummySession(), **{**self._settings(asset), **self.settings, **more_settings}),  # type: ignore[no-untyped-call]
            opening(_openable(self.signer.sign(asset.href))) as raster,
        ):
            return task(raster)

    def _settings(self, asset: Asset) -> dict[str, str]:
        if not asset.href.startswith("s3://"):
            return dict(GDAL_SETTINGS)
        missing = [name for name in self.credentials if not os.environ.get(name)]
        if missing:
            raise UsageError(
                f"The assets of item {asset.item_id} need credentials that are not set ({', '.join(missing)}); set "
                f"these environment variables, or choose another source with {self.option}."
            )
        s3 = {"AWS_VIRTUAL_HOSTING": "FALSE"} if self.s3_endpoint else {}
        if self.s3_endpoint:
            s3["AWS_S3_ENDPOINT"] = self.s3_endpoint
        if not self.credentials:
            s3["AWS_NO_SIGN_REQUEST"] = "YES"
        return {**GDAL_SETTINGS, **s3}

    def _refusal(self, asset: Asset) -> SourceError:
        """What a 401 or 403 says: one refused item would be followed by all the others, so none is left out for it."""
        named = ", ".join(self.credentials)
        remedy = f"check the credentials in {named}" if named else "it may need an account"
        return SourceError(
            f"The source refuses access (HTTP status 401 or 403) to band {asset.name} of item {asset.item_id}; "
            f"{remedy}, or choose another source with {self.option}."
        )


def _openable(href: str) -> str:
    """The address as GDAL wants it."""
    return f"/vsis3/{href.removeprefix('s3://')}" if href.startswith("s3://") else href


def _reason(error: BaseException) -> str:
    """Messages of an error and its causes, outermost first: GDAL's own word is the last."""
    words: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        words.append(str(cause))
        cause = cause.__cause__
    return "; ".join(dict.fromkeys(words))


def _failure(asset: Asset, reason: str) -> BrokenAssetError | SourceUnreachableError:
    # whatever follows a question mark may be a signature, and folders of a disk do not belong into a product's report
    folder, _, name = asset.href.split("?")[0].rpartition("/")
    short = re.sub(r"\?[^\s'\"]*", "", reason).replace(f"{folder}/", "")[:300]
    if _PASSING.search(reason):
        return SourceUnreachableError(
            f"The source does not answer for band {asset.name} of item {asset.item_id} ({short}); check the network "
            "and run the same command again, finished tiles are kept."
        )
    return BrokenAssetError(
        f"Band {asset.name} of item {asset.item_id} cannot be read from {name} ({short}); expected a "
        "readable raster of digital numbers.",
        item_id=asset.item_id,
    )
