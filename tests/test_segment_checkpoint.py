"""Checkpoints of SAM: what is wrong with a file is said in words, and no pickle ever runs."""

import hashlib
import pickle
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch

from lczmap.segment import checkpoint
from lczmap.segment.checkpoint import PUBLISHED, PublishedFile, fetch_checkpoint, read_checkpoint
from lczmap.words.errors import SourceUnreachableError, WeightsError

SHAPES = {"a.weight": (2, 3), "a.bias": (2,)}
TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


def saved(folder: Path, content: object = TENSORS, name: str = "own.pth") -> Path:
    path = folder / name
    torch.save(content, path)
    return path


def publish(monkeypatch: pytest.MonkeyPatch, file: PublishedFile) -> None:
    monkeypatch.setitem(PUBLISHED, "vit_b", file)  # type: ignore[arg-type]


def test_published_file_is_taken_without_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path)
    digest = hashlib.md5(path.read_bytes()).hexdigest()  # noqa: S324 - what the publisher gives
    publish(monkeypatch, PublishedFile(url="https://host/own.pth", size=path.stat().st_size, md5=digest))
    read = read_checkpoint(path, "vit_b", SHAPES)
    assert read.note == ""
    assert all(torch.equal(read.tensors[name], TENSORS[name]) for name in SHAPES)


def test_another_file_that_fits_is_taken_and_named(tmp_path: Path) -> None:
    read = read_checkpoint(saved(tmp_path), "vit_b", SHAPES)
    assert "own.pth are not the published sam_vit_b_01ec64.pth" in read.note


@pytest.mark.parametrize("keep", [0, 5, 300, -1])
def test_truncated_checkpoint_is_refused(tmp_path: Path, keep: int) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match="truncated or no PyTorch file"):
        read_checkpoint(path, "vit_b", SHAPES)


def test_published_name_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, name="sam_vit_h_4b8939.pth")
    with pytest.raises(WeightsError, match=r"bytes, expected 2,564,550,879; fetch it again from https://"):
        read_checkpoint(path, "vit_h", SHAPES)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a pickle ran",))


def test_malicious_pickles_are_refused(tmp_path: Path) -> None:
    bare = tmp_path / "bare.pth"
    bare.write_bytes(pickle.dumps(Bomb()))
    for path in (saved(tmp_path, {**TENSORS, "bomb": Bomb()}), saved(tmp_path, Bomb(), "b.pth"), bare):
        with pytest.raises(WeightsError, match="holds code besides tensors and was not opened"):
            read_checkpoint(path, "vit_b", SHAPES)


def test_other_contents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no table of tensors"):
        read_checkpoint(saved(tmp_path, [1, 2]), "vit_b", SHAPES)
    with pytest.raises(WeightsError, match="no table of tensors"):
        read_checkpoint(saved(tmp_path, {"model": TENSORS}), "vit_b", SHAPES)
    with pytest.raises(WeightsError, match="cannot be read"):
        read_checkpoint(tmp_path / "none.pth", "vit_b", SHAPES)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({**SHAPES, "a.weight": (3, 2)}, r"a\.weight is torch.float32 \(2, 3\), not floating \(3, 2\)"),
        ({**SHAPES, "b.weight": (1,)}, r"lacks b\.weight"),
        ({"a.weight": (2, 3)}, r"holds a\.bias besides"),
    ],
)
def test_another_network_is_refused(tmp_path: Path, shapes: dict[str, tuple[int, ...]], said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        read_checkpoint(saved(tmp_path), "vit_b", shapes)


class Shelf(BaseHTTPRequestHandler):
    content = b"sixteen bytes ok"

    def do_GET(self) -> None:
        self.send_response(404 if "missing" in self.path else 200)
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        pass


def test_checkpoints_are_fetched_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = HTTPServer(("127.0.0.1", 0), Shelf)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        digest = hashlib.md5(Shelf.content).hexdigest()  # noqa: S324
        good = PublishedFile(url=f"{address}/sam.pth", size=16, md5=digest)
        folder = tmp_path / "weights"
        for bad in (replace(good, size=15), replace(good, size=17), replace(good, md5="0" * 32)):
            publish(monkeypatch, bad)
            with pytest.raises(WeightsError, match="gave 1"):
                fetch_checkpoint("vit_b", folder)
            assert not list(folder.iterdir())
        publish(monkeypatch, replace(good, url=f"{address}/missing.pth"))
        with pytest.raises(SourceUnreachableError, match="cannot be fetched"):
            fetch_checkpoint("vit_b", folder)
        publish(monkeypatch, good)
        assert fetch_checkpoint("vit_b", folder).read_bytes() == Shelf.content
    finally:
        server.shutdown()
        server.server_close()
    # nobody answers any more: what is there is not fetched again
    assert fetch_checkpoint("vit_b", folder) == folder / "sam.pth"
    assert [path.name for path in folder.iterdir()] == ["sam.pth"]


def test_official_files_are_those_of_the_project() -> None:
    assert [file.md5[:6] for file in PUBLISHED.values()] == ["01ec64", "0b3195", "4b8939"]
    assert all(file.md5[:6] in file.name for file in PUBLISHED.values())
    assert checkpoint.CHUNK > 0
