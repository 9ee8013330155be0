"""Sign addresses of Planetary Computer assets just before they are opened, with its public token service.

A token opens one storage container for about 45 minutes; it is fetched when first needed and again shortly before
it runs out. Nothing signed is ever kept in an item, a plan or a message.
"""

import os
import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from lczmap.words.errors import SourceUnreachableError

TOKEN_SERVICE = "https://planetarycomputer.microsoft.com/api/sas/v1/token"  # noqa: S105 - an address
"""Answers `/<account>/<container>` with a token and its expiry."""
KEY_VARIABLE = "PC_SDK_SUBSCRIPTION_KEY"
"""Environment variable of an optional subscription key, which allows more requests."""

_STORAGE = ".blob.core.windows.net"
_SPARE = timedelta(minutes=5)
_RETRIES = Retry(
    total=6, connect=2, backoff_factor=1.0, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=("GET",)
)
_TIMEOUT = (10.0, 30.0)


class Signer(Protocol):
    """Makes an address readable."""

    def sign(self, href: str) -> str:
        """The address to open."""
        ...

    def forget(self, href: str) -> None:
        """Do not use again what `sign` last used for this address: it was refused."""
        ...


class Unsigned:
    """For sources whose addresses open as they are."""

    def sign(self, href: str) -> str:
        """The address itself."""
        return href

    def forget(self, href: str) -> None:
        """Nothing to forget."""


class PlanetaryComputerSigner:
    """Tokens by container, shared by all threads of a source."""

    def __init__(self, service: str = TOKEN_SERVICE) -> None:
        self._service = service
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._lock = threading.Lock()
        self._session = requests.Session()
        self._session.mount("http://", HTTPAdapter(max_retries=_RETRIES))
        self._session.mount("https://", HTTPAdapter(max_retries=_RETRIES))

    def sign(self, href: str) -> str:
        """The address with a valid token; addresses elsewhere stay as they are.

        Raises:
            SourceUnreachableError: the token service does not answer after retries.
        """
        container = _container(href)
        if container is None:
            return href
        with self._lock:  # one request for all threads that wait
            token, expiry = self._tokens.get(container, ("", datetime.min.replace(tzinfo=UTC)))
            if expiry <= datetime.now(UTC) + _SPARE:
                token, expiry = self._fetch(container)
                self._tokens[container] = token, expiry
        return f"{href}{'&' if '?' in href else '?'}{token}"

    def forget(self, href: str) -> None:
        """Drop the container's token."""
        container = _container(href)
        if container is not None:
            with self._lock:
                self._tokens.pop(container, None)

    def _fetch(self, container: str) -> tuple[str, datetime]:
        key = os.environ.get(KEY_VARIABLE)
        headers = {"Ocp-Apim-Subscription-Key": key} if key else {}
        try:
            answer = self._session.get(f"{self._service}/{container}", headers=headers, timeout=_TIMEOUT)
            answer.raise_for_status()
            body = answer.json()
            return str(body["token"]), datetime.fromisoformat(body["msft:expiry"])
        except (requests.RequestException, KeyError, TypeError, ValueError) as error:
            raise SourceUnreachableError(
                f"Planetary Computer gives no token for {container} ({type(error).__name__}); try again later, set "
                f"{KEY_VARIABLE}, or choose another source with --source."
            ) from error


def _container(href: str) -> str | None:
    """`account/container` of an address in Azure storage that bears no signature yet."""
    parts = urlsplit(href)
    host = parts.hostname or ""
    if not host.endswith(_STORAGE) or "sig=" in parts.query:
        return None
    return f"{host.removesuffix(_STORAGE)}/{parts.path.lstrip('/').split('/', 1)[0]}"
