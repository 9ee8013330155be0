"""A product is there as a whole or not at all: reruns, editions, kills between any two steps, full disks."""

import resource
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from lczmap.store import shelf
from lczmap.store.product import ITEM
from lczmap.store.publish import product_in, write_product
from lczmap.store.shelf import reserved, shelve, staging, sweep_staging, tidied
from lczmap.store.stac import read_item
from lczmap.testing.fakes import MemoryStore
from lczmap.things.record import Record, RecordKind
from lczmap.words.errors import BrokenRecordError, NoImageryError, OutputPathError, StoreFullError
from tests.products import aoi_plan, made_up_map, request_of


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder that is part of a product or a catalogue."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".lczmap" not in path.relative_to(folder).parts
    }


def leftovers(out: Path) -> list[Path]:
    return [path for name in ("staging", "aside") for path in (out / ".lczmap" / name).rglob("*") if path.is_file()]


def test_a_rerun_publishes_nothing(tmp_path: Path) -> None:
    first = write_product(request_of(aoi_plan(320), tmp_path))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = write_product(request_of(aoi_plan(320), tmp_path))
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert first.written
    assert not again.written
    assert before == after
    assert (first.files, first.areas, first.flagged) == (again.files, again.areas, again.flagged)


def test_a_run_that_was_overtaken_leaves_the_equal_product_as_it_stands(tmp_path: Path) -> None:
    rival = request_of(aoi_plan(320), tmp_path)

    class Overtaken(MemoryStore):
        """While its first record is read, another run publishes the same product."""

        def read(self, kind: RecordKind, key: str) -> Record:
            if not (rival.folder / ITEM).exists():
                write_product(rival)
            return super().read(kind, key)

    late = write_product(request_of(aoi_plan(320), tmp_path, store=Overtaken()))
    assert not late.written
    assert late.files == product_in(rival.folder).files
    assert not (rival.folder / ".editions").exists()
    assert not leftovers(tmp_path)


def test_the_item_is_the_last_file_written(tmp_path: Path) -> None:
    product = write_product(request_of(aoi_plan(320), tmp_path))
    newest = max(
        (path for path in product.folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_mtime_ns
    )
    assert newest.name == ITEM


def test_another_map_moves_the_old_product_into_the_new_one(tmp_path: Path) -> None:
    folders = []
    for number in range(3):
        plan = aoi_plan(320)
        models = tuple(type(model)(role=model.role, name=model.name, sha256=f"{number}" * 64) for model in plan.models)
        product = write_product(request_of(type(plan)(**{**vars(plan), "models": models}), tmp_path, seed=number))
        folders.append({name: data for name, data in tree(product.folder).items() if not name.startswith(".")})
    editions = product.folder / ".editions"
    assert sorted(path.name for path in editions.iterdir()) == ["1", "2"]
    assert tree(editions / "1") == folders[0]
    assert tree(editions / "2") == folders[1]
    assert product_in(editions / "1").wanted == product.wanted
    assert not leftovers(tmp_path)


def test_postings_and_periods_stand_side_by_side(tmp_path: Path) -> None:
    for posting, period in ((320, "2024"), (100, "2024"), (320, "2023-05/2023-09")):
        write_product(request_of(aoi_plan(posting, period=period), tmp_path))
    folders = sorted(path.name for path in (tmp_path / "here").iterdir() if path.is_dir())
    assert folders == ["2023-05-to-2023-09", "2024", "2024-100m"]
    assert (tmp_path / "here" / "2024-100m" / "here_2024-100m_lcz.tif").is_file()
    assert (tmp_path / "here" / "2024" / "here_2024_lcz.tif").is_file()


def test_a_harmed_product_is_written_anew(tmp_path: Path) -> None:
    product = write_product(request_of(aoi_plan(320), tmp_path))
    product.files["lcz"].unlink()
    again = write_product(request_of(aoi_plan(320), tmp_path))
    assert again.written
    assert again.files["lcz"].is_file()


def test_looking_at_a_product_in_a_gis_does_not_harm_it(tmp_path: Path) -> None:
    product = write_product(request_of(aoi_plan(320), tmp_path))
    with product.files["lcz_names"].open("a") as file:
        file.write("<!-- statistics -->")
    assert not write_product(request_of(aoi_plan(320), tmp_path)).written


KILLED = textwrap.dedent(
    """
    import os, sys
    from pathlib import Path
    from lczmap.store import shelf
    out, finished, fatal = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    step, real = 0, Path.rename
    def rename(self, target):
        global step
        step += 1
        if step == fatal:
            os._exit(9)
        return real(self, target)
    Path.rename = rename
    shelf.shelve(finished, out, "here", "2024")
    """
)


def fake_product(folder: Path, word: str, *, editions: int = 0) -> Path:
    folder.mkdir(parents=True)
    (folder / ITEM).write_text(word)
    for number in range(1, editions + 1):
        fake_product(folder / ".editions" / str(number), f"old {number}")
    return folder


@pytest.mark.parametrize("fatal", range(1, 6))
@pytest.mark.parametrize("editions", [0, 2])
def test_a_kill_between_any_two_renames_is_repaired(fatal: int, editions: int, tmp_path: Path) -> None:
    standing = fake_product(tmp_path / "here" / "2024", "standing", editions=editions)
    finished = fake_product(tmp_path / ".lczmap" / "staging" / "1-x-y", "new")
    code = subprocess.run([sys.executable, "-c", KILLED, tmp_path, finished, str(fatal)], check=False).returncode
    steps = 3 if editions == 0 else 4  # aside, in place, (editions over,) into editions
    assert code == (9 if fatal <= steps else 0)
    place = tidied(tmp_path, "here", "2024")
    word = (place / ITEM).read_text()
    assert word in ("standing", "new")
    if word == "standing":
        assert fatal <= 2
        shelve(finished, tmp_path, "here", "2024")
    assert (standing / ITEM).read_text() == "new"
    kept = {path.name: (path / ITEM).read_text() for path in (standing / ".editions").iterdir()}
    assert kept == {
        **{str(number): f"old {number}" for number in range(1, editions + 1)},
        str(editions + 1): "standing",
    }
    assert not (tmp_path / ".lczmap" / "aside" / "here" / "2024").exists()


@pytest.mark.parametrize("fatal", [1, 2, 3, 4])
def test_a_failing_rename_leaves_a_whole_product(fatal: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = write_product(request_of(aoi_plan(320), tmp_path))
    changed = aoi_plan(320, period="2024")
    models = tuple(type(model)(role=model.role, name="other", sha256=model.sha256) for model in changed.models)
    request = request_of(type(changed)(**{**vars(changed), "models": models}), tmp_path, seed=2)
    real, renames = Path.rename, iter(range(1, 100))

    def rename(self: Path, target: Path) -> Path:
        if ITEM not in self.name and next(renames) == fatal:
            raise PermissionError(13, "no", str(self))
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        if fatal <= 3:
            with pytest.raises(OutputPathError):
                write_product(request)
        else:
            write_product(request)
    item = read_item(before.folder / ITEM)
    assert item is not None
    assert all(path.exists() for path in product_in(before.folder).files.values())
    write_product(request)
    assert (before.folder / ".editions" / "1" / ITEM).is_file()
    assert not (before.folder / ".editions" / "2").exists()
    assert not leftovers(tmp_path)


def test_a_full_disk_leaves_what_stood(tmp_path: Path) -> None:
    write_product(request_of(aoi_plan(320), tmp_path))
    before = tree(tmp_path)
    models_changed = aoi_plan(100)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (2_000, 30_000, 100_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(StoreFullError):
                write_product(request_of(models_changed, tmp_path))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert tree(tmp_path) == before
        assert not leftovers(tmp_path)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False, capture_output=True
    )
    if not made or made.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("filled", [500_000, 700_000, 1_000_000])
def test_a_truly_full_disk_is_told(filled: int, tiny_disk: Path) -> None:
    (tiny_disk / "ballast").write_bytes(bytes(filled))
    with pytest.raises(StoreFullError, match="--out"):
        write_product(request_of(aoi_plan(80), tiny_disk))
    assert not leftovers(tiny_disk)
    assert not (tiny_disk / "here").exists()


def test_a_path_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputPathError, match="not a folder"):
        write_product(request_of(aoi_plan(320), tmp_path / "file" / "out"))


def test_a_missing_record_publishes_nothing(tmp_path: Path) -> None:
    request = request_of(aoi_plan(320), tmp_path / "out")
    request.store.records.clear()  # type: ignore[attr-defined]
    with pytest.raises(BrokenRecordError):
        write_product(request)
    assert not tree(tmp_path)


def test_a_record_of_another_tile_is_refused(tmp_path: Path) -> None:
    request = request_of(aoi_plan(320), tmp_path)
    west, east = request.plan.tiles
    request.store.write("map", request.key_of(west), made_up_map(east, 320, "k", seed=1).record())
    with pytest.raises(BrokenRecordError, match="--fresh"):
        write_product(request)


def test_a_map_without_any_class_is_none(tmp_path: Path) -> None:
    request = request_of(aoi_plan(320), tmp_path)
    for tile in request.plan.tiles:
        blank = made_up_map(tile, 320, "k", seed=1)
        blank.probabilities[:] = 255
        request.store.write("map", request.key_of(tile), blank.record())
    with pytest.raises(NoImageryError):
        write_product(request)
    assert not tree(tmp_path)


def test_unfinished_work_of_the_dead_is_swept(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with staging(tmp_path) as mine:
        dead = mine.with_name("-".join([str(ended.pid), *mine.name.split("-")[1:]]))
        fake_product(dead, "half")
        sweep_staging(tmp_path)
        assert mine.is_dir()
        assert not dead.exists()
    assert not mine.exists()


def test_only_one_run_shelves_at_a_time(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from lczmap.store.shelf import reserved\n"
        "with reserved(Path(sys.argv[1])): print('in', flush=True)"
    )
    with reserved(tmp_path):
        other = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1.5)
    assert other.communicate(timeout=10)[0].strip() == b"in"
    assert other.returncode == 0


def test_older_editions_are_no_items_of_the_catalogue(tmp_path: Path) -> None:
    fake_product(tmp_path / "here" / "2024", "new", editions=2)
    fake_product(tmp_path / ".lczmap" / "aside" / "here" / "2023", "aside")
    assert shelf.items_under(tmp_path) == [tmp_path / "here" / "2024" / ITEM]
