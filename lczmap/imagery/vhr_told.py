"""What a server tells of a raster without its pixels: size and ETag, asked patiently.

In: an address, which may hold a key, and the raster as it may be named. Out: both as one text, or nothing where a good
answer lacks one of them. A server that fails is an error: what goes by another sign would seem another raster.
"""

import re

import requests
from requests.adapters import HTTPAdapter

from lczmap.imagery.access import Asset
from lczmap.imagery.catalogue import PASSING, patience
from lczmap.words.errors import BrokenAssetError, SourceError, SourceUnreachableError

_TIMEOUT = (10.0, 60.0)
_REFUSED = frozenset({401, 403})


def size_and_tag(address: str, asset: Asset, *, backoff_seconds: float) -> str | None:
    """`size:...,etag:...` of a raster by one byte of it; None where a good answer does not hold both.

    Args:
        address: to ask; no message repeats it.
        asset: the raster, by its public address.
        backoff_seconds: see `lczmap.imagery.catalogue.patience`.

    Raises:
        SourceUnreachableError: the server does not answer after retries.
        BrokenAssetError: it has no such raster.
        SourceError: it refuses access.
    """
    try:
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=patience(backoff_seconds)))
            with session.get(address, headers={"Range": "bytes=0-0"}, stream=True, timeout=_TIMEOUT) as answer:
                if not answer.ok:
                    raise _failure(answer.status_code, asset)
                return _told(answer)
    except requests.RequestException as error:
        raise _silence(type(error).__name__, asset) from None  # its own words hold the address


def _told(answer: requests.Response) -> str | None:
    whole = re.search(r"/(\d+)$", answer.headers.get("Content-Range", ""))
    size = whole[1] if whole else answer.headers.get("Content-Length")
    tag = answer.headers.get("ETag")
    return f"size:{size},etag:{tag.strip(chr(34))}" if size and tag else None


def _failure(status: int, asset: Asset) -> SourceError:
    """The error for an answer that is none."""
    if status in PASSING:
        return _silence(f"HTTP status {status}", asset)
    if status in _REFUSED:
        return SourceError(
            f"The server refuses access (HTTP status {status}) to the VHR raster {asset.href}; check its address and "
            "key, or choose other imagery with --vhr."
        )
    return BrokenAssetError(
        f"The VHR raster {asset.href} cannot be read (HTTP status {status}); check its address.", item_id=asset.item_id
    )


def _silence(reason: str, asset: Asset) -> SourceUnreachableError:
    return SourceUnreachableError(
        f"The server does not answer for the VHR raster {asset.href} ({reason}); check the network and run the same "
        "command again, finished tiles are kept."
    )
