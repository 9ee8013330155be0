"""What every test lives under: no network beyond this machine, repeatable examples, shared data where it lies."""

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from lczmap.synthetic.city import SimulatedCity

CHECKOUT = Path(__file__).parents[1]
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
NOWHERE = "http://127.0.0.1:9"
"""A proxy at which nobody answers: what stops GDAL and child processes, which no Python guard reaches."""

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


class NetworkBlockedError(RuntimeError):
    """A test tried to leave this machine; no OSError, so that no retry or fallback swallows it."""


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    """Refuse connections beyond loopback, for the whole run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        for name in PROXIES:
            patch.setenv(name, NOWHERE)
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "127.0.0.1,localhost,::1")
        yield


@pytest.fixture(autouse=True)
def _unless_online(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lift the block for tests marked `online`."""
    if request.node.get_closest_marker("online") is None:
        return
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, getattr(socket.socket, name).__wrapped__)
    for name in PROXIES:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout; the repository itself holds none."""
    folder = CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real data of ../shared/data, which is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> "SimulatedCity":
    """The scenes of `lczmap demo`'s simulated city, written once for all tests; read them, never write to them."""
    from lczmap.synthetic.city import Extras, simulate  # noqa: PLC0415 - most tests do without
    from lczmap.synthetic.design import lattice_bay  # noqa: PLC0415

    return simulate(tmp_path_factory.mktemp("demo"), lattice_bay(), Extras(vhr=False))


def guarded(connect: Callable[[socket.socket, object], int | None]) -> Callable[[socket.socket, object], int | None]:
    """A `connect` that stays on this machine."""

    def stay(endpoint: socket.socket, address: object) -> int | None:
        # a datagram socket sends nothing by connecting: that is how programs ask for their own address
        if endpoint.type == socket.SOCK_STREAM and not at_home(endpoint, address):
            raise NetworkBlockedError(f"The test run stays on this machine, got a connection to {address!r}.")
        return connect(endpoint, address)

    stay.__wrapped__ = connect  # type: ignore[attr-defined]
    return stay


def at_home(endpoint: socket.socket, address: object) -> bool:
    """Whether an address lies on this machine."""
    if endpoint.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
        return True
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return address[0] == "localhost"
