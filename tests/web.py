"""A web server on loopback whose answers a test writes: files with byte ranges, JSON, refusals."""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked."""

    path: str
    query: dict[str, list[str]]
    body: dict[str, object]
    headers: dict[str, str]
    attempt: int
    """How often this path was asked for, this time included."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is answered."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Answering: TypeAlias = Callable[[Request], Answer]


@dataclass(kw_only=True)
class Web:
    """A running server."""

    address: str
    asked: Counter[str]
    """Requests by path."""


@contextmanager
def serving(answering: Answering) -> Iterator[Web]:
    """Serve on a free port until the block ends."""
    asked: Counter[str] = Counter()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _answer(self, body: bytes) -> None:
            parts = urlsplit(self.path)
            with lock:
                asked[parts.path] += 1
                attempt = asked[parts.path]
            given = answering(
                Request(
                    path=parts.path,
                    query=parse_qs(parts.query),
                    body=json.loads(body) if body else {},
                    headers={key.lower(): value for key, value in self.headers.items()},
                    attempt=attempt,
                )
            )
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield Web(address=f"http://127.0.0.1:{server.server_address[1]}", asked=asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def as_json(content: object, status: int = 200) -> Answer:
    return Answer(status=status, body=json.dumps(content).encode(), headers={"Content-Type": "application/json"})


def a_file(root: Path, request: Request) -> Answer:
    """A file under a folder, or the range of it that was asked for; 404 where there is none."""
    path = root / request.path.lstrip("/")
    if not path.is_file():
        return Answer(status=404)
    content = path.read_bytes()
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if wanted is None:
        return Answer(body=content, headers={"Accept-Ranges": "bytes"})
    first, last = int(wanted[1]), min(int(wanted[2] or len(content) - 1), len(content) - 1)
    if first >= len(content):
        return Answer(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
    span = f"bytes {first}-{last}/{len(content)}"
    return Answer(status=206, body=content[first : last + 1], headers={"Content-Range": span, "Accept-Ranges": "bytes"})
