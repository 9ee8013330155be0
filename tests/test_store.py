"""Records on a disk: whole or absent, equal bytes for equal records, and nothing unpickled."""

import errno
import io
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lczmap.store import disk
from lczmap.store.disk import check_writable, disk_errors, local_path, mark, write_whole
from lczmap.store.records import FileStore
from lczmap.things.record import Record
from lczmap.words.errors import BrokenRecordError, OutputPathError, StoreError, StoreFullError

RECORD = Record(
    header={"tile": "33N_30_454", "key": "abc"},
    arrays={
        "reflectance": np.arange(2 * 30 * 30, dtype=np.int16).reshape(2, 30, 30),
        "wanted": np.eye(5, dtype=np.bool_),
        "quality": np.full((3, 3), 65535, np.uint16),
        "share": np.linspace(0, 1, 7, dtype=np.float32),
    },
)


def same(left: Record, right: Record) -> bool:
    return (
        dict(left.header) == dict(right.header)
        and left.arrays.keys() == right.arrays.keys()
        and all(
            values.dtype == right.arrays[name].dtype and np.array_equal(values, right.arrays[name])
            for name, values in left.arrays.items()
        )
    )


@given(
    header=st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3),
    shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    kind=st.sampled_from(["bool", "uint8", "uint16", "int16", "float32"]),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=40)
def test_what_is_read_is_what_was_written(
    header: dict[str, str], shape: tuple[int, ...], kind: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = FileStore(tmp_path_factory.getbasetemp() / "round-trip")
    values = (np.random.default_rng(seed).random(shape) * 300).astype(kind).T
    record = Record(header=header, arrays={"values": values})
    store.write("map", "key", record)
    assert same(store.read("map", "key"), record)


def test_equal_records_are_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FileStore(tmp_path / "a").write("map", "k", RECORD)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    turned = Record(header=dict(reversed(RECORD.header.items())), arrays=dict(reversed(RECORD.arrays.items())))
    FileStore(tmp_path / "b").write("map", "k", turned)
    assert (tmp_path / "a" / "map" / "k").read_bytes() == (tmp_path / "b" / "map" / "k").read_bytes()


def test_a_record_is_one_file_that_numpy_reads(tmp_path: Path) -> None:
    FileStore(tmp_path).write("observation", "k", RECORD)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == [
        "observation/k"
    ]
    with zipfile.ZipFile(tmp_path / "observation" / "k") as archive:
        assert archive.namelist()[0] == "header.json"
        plain = np.load(io.BytesIO(archive.read("quality.npy")), allow_pickle=False)
    assert np.array_equal(plain, RECORD.arrays["quality"])


def test_a_record_cut_short_anywhere_is_broken(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write("map", "k", RECORD)
    whole = (tmp_path / "map" / "k").read_bytes()
    for length in {0, 1, 30, *range(0, len(whole), max(len(whole) // 60, 1)), len(whole) - 1}:
        (tmp_path / "map" / "k").write_bytes(whole[:length])
        with pytest.raises(BrokenRecordError, match="--fresh"):
            store.read("map", "k")


def test_a_flipped_bit_is_noticed_or_harmless(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write("map", "k", RECORD)
    whole = (tmp_path / "map" / "k").read_bytes()
    for at in range(0, len(whole), max(len(whole) // 80, 1)):
        (tmp_path / "map" / "k").write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            read = store.read("map", "k")
        except BrokenRecordError:
            continue
        for name in read.arrays.keys() & RECORD.arrays.keys():
            assert np.array_equal(read.arrays[name], RECORD.arrays[name])


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "map").mkdir()
    poison = io.BytesIO()
    np.save(poison, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "map" / "k", "w") as archive:
        archive.writestr("header.json", "{}")
        archive.writestr("values.npy", poison.getvalue())
    with pytest.raises(BrokenRecordError):
        FileStore(tmp_path).read("map", "k")


def test_a_missing_record_is_not_there_and_cannot_be_read(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "nowhere")
    assert not store.has("map", "k")
    with pytest.raises(BrokenRecordError, match="not in the store"):
        store.read("map", "k")
    assert not (tmp_path / "nowhere").exists()


def test_a_key_never_leaves_its_folder(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store")
    for key in ("../escape", "a/b", "", ".hidden", "a" * 200):
        with pytest.raises(StoreError):
            store.write("map", key, RECORD)
    assert not (tmp_path / "store").exists()


def test_an_array_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="float64"):
        FileStore(tmp_path).write("map", "k", Record(header={}, arrays={"x": np.zeros(2)}))  # type: ignore[dict-item]


def test_texts_are_kept_beside_records(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write_text("plan", "k", "größe = 1\n")
    assert store.read_text("plan", "k") == "größe = 1\n"
    with pytest.raises(BrokenRecordError):
        store.read_text("plan", "other")


def test_leftovers_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write("map", "k", RECORD)
    folder = tmp_path / "map"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    machine = mark().split("-")[1]
    dead = folder / f".k.{ended.pid}-{machine}-0001.tmp"
    living = folder / f".k.{os.getpid()}-{machine}-0002.tmp"
    elsewhere = folder / ".k.1-ffffffff-0003.tmp"
    long_ago = folder / ".k.1-ffffffff-0004.tmp"
    for path in (dead, living, elsewhere, long_ago):
        path.write_bytes(b"half")
    os.utime(long_ago, (1, 1))
    store.sweep()
    assert {path.name for path in folder.iterdir()} == {"k", living.name, elsewhere.name}


def test_a_kill_leaves_no_half_record(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        import numpy as np
        from lczmap.store.records import FileStore
        from lczmap.things.record import Record
        store = FileStore(Path(sys.argv[1]))
        record = Record(header={}, arrays={"x": np.random.default_rng(1).integers(0, 255, 3_000_000).astype(np.uint8)})
        print("ready", flush=True)
        while True:
            for number in range(10):
                store.write("map", f"key{number}", record)
        """
    )
    writer = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    time.sleep(0.7)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    store = FileStore(tmp_path)
    names = [path.name for path in (tmp_path / "map").glob("key*")]
    assert names
    for name in names:
        assert store.read("map", name).arrays["x"].size == 3_000_000
    store.sweep()
    assert not list((tmp_path / "map").glob(".*"))


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write("map", "small", RECORD)
    noise = np.random.default_rng(1).integers(0, 255, 400_000).astype(np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreFullError, match="--out"):
            store.write("map", "large", Record(header={}, arrays={"x": noise}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in (tmp_path / "map").iterdir()] == ["small"]
    assert same(store.read("map", "small"), RECORD)


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENOSPC, StoreFullError),
        (errno.EDQUOT, StoreFullError),
        (errno.EACCES, OutputPathError),
        (errno.EROFS, OutputPathError),
        (errno.EIO, StoreError),
    ],
)
def test_trouble_with_the_disk_has_its_own_error(number: int, cause: type[StoreError], tmp_path: Path) -> None:
    with pytest.raises(cause, match=str(tmp_path)), disk_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    with pytest.raises(cause), disk_errors(tmp_path):
        raise RuntimeError("a library wraps it") from OSError(number, os.strerror(number))


def test_a_bug_is_no_trouble_with_the_disk(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), disk_errors(tmp_path):
        _ = 1 / 0


def test_a_library_that_hides_the_reason_is_probed_whether_more_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(disk, "_probe", full)
    with pytest.raises(StoreFullError), disk_errors(tmp_path):
        raise RuntimeError("write failed")


@pytest.mark.parametrize("text", ["s3://bucket/maps", "gs://b", "file:///maps", "https://me:SECRET@host/maps?k=SECRET"])
def test_an_address_never_becomes_a_folder(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither as it is typed nor as a path, which has lost one of the slashes."""
    monkeypatch.chdir(tmp_path)
    for attempt in (lambda: local_path(text), lambda: check_writable(Path(text))):
        with pytest.raises(OutputPathError, match=text.partition("/")[0]) as caught:
            attempt()
        assert "SECRET" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["maps", "./maps", "/maps/s3:/a", "C:/maps", "a:b/c", "2024-05:06/maps"])
def test_a_path_stays_as_it_was_typed(text: str) -> None:
    assert local_path(text) == local_path(Path(text)) == Path(text)


def test_asking_whether_a_folder_can_be_written_creates_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    check_writable(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_is_no_folder_for_output(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(OutputPathError, match="not a folder"):
            check_writable(out)
    with pytest.raises(OutputPathError):
        FileStore(tmp_path / "file").write("map", "k", RECORD)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_locked_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputPathError):
            check_writable(tmp_path / "out")
    finally:
        tmp_path.chmod(0o700)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    write_whole(tmp_path / "f", b"old")
    write_whole(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
