"""The block itself: tests reach this machine and nothing else."""

import socket
import urllib.request

import pytest


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 80), ("example.org", 443)])
@pytest.mark.parametrize("name", ["connect", "connect_ex"])
def test_connections_beyond_this_machine_are_refused(name: str, address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with (
        socket.socket(family, socket.SOCK_STREAM) as endpoint,
        pytest.raises(RuntimeError, match="stays on this machine"),
    ):
        getattr(endpoint, name)(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_connections_to_this_machine_work(host: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection((host, server.getsockname()[1]), timeout=5) as client,
    ):
        server.accept()[0].close()
        assert client.recv(1) == b""


def test_programs_without_the_guard_meet_a_proxy_that_nobody_answers() -> None:
    assert set(urllib.request.getproxies().values()) >= {"http://127.0.0.1:9"}
    assert urllib.request.proxy_bypass("localhost")
    assert not urllib.request.proxy_bypass("example.org")
