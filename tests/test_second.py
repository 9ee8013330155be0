"""What is asked of the second stream: secrets and paths stay on the site, idle options are refused, offers are free."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from lczmap import catalog
from lczmap.cli.main import status_of
from lczmap.cli.options import Asked
from lczmap.cli.second import check_replayed, checkpoint_folder, offer, tell_image, vhr_again, with_checkpoint
from lczmap.cli.speak import Voice
from lczmap.segment.checkpoint import PUBLISHED
from lczmap.testing.fakes import fake_card
from lczmap.words.errors import LczmapError, SpecError, UsageError
from lczmap.words.manifest import manifest_of, plan_of
from lczmap.words.period import parse_period
from lczmap.words.place import LonLatBox, area_place
from lczmap.words.plan import Plan
from lczmap.words.site import Site
from lczmap.words.spec import CompositeMethod, RunSpec
from tests.plans import WEST, plan_of_tiles, scene, with_vhr

TILES = "https://tiles.example.org/{z}/{x}/{y}.jpg"


def wished(**fields: object) -> RunSpec:
    return RunSpec(period=parse_period("2024", today=date(2026, 1, 1)), **fields)  # type: ignore[arg-type]


def frozen_of(text: str) -> Plan:
    plan = with_vhr(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]))
    return replace(plan, spec=replace(plan.spec, vhr=text))


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Something that lies on disk; nobody opens it here."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "secret-place" / "picture.tif"
    path.parent.mkdir()
    path.touch()
    return path


def asked(vhr: str | None, **more: object) -> Asked:
    return Asked(period="2024", vhr=vhr, **more)  # type: ignore[arg-type]


def test_a_path_is_known_to_the_site_alone(picture: Path) -> None:
    words = asked(str(picture))
    spec = words.spec()
    assert spec.vhr == "local"
    assert words.site(spec, Path("out")).vhr == str(picture)
    assert str(picture) not in repr(words.site(spec, Path("out")))
    assert vhr_again(words.site(spec, Path("out")), spec) == f" --vhr {picture}"


def test_a_key_is_known_to_the_site_alone() -> None:
    words = asked(f"{TILES}?key=secret")
    spec = words.spec()
    assert spec.vhr == TILES
    site = words.site(spec, Path("out"))
    assert site.vhr == f"{TILES}?key=secret"
    assert "secret" not in repr(site) + vhr_again(site, spec)
    plan = frozen_of(spec.vhr)
    assert "secret" not in manifest_of(plan)
    assert manifest_of(plan).count(TILES) == 1


@pytest.mark.parametrize("text", ["naip", TILES, f"{TILES}?key=${{MY_KEY}}", "none", None])
def test_what_a_plan_may_keep_the_site_need_not(text: str | None) -> None:
    words = asked(text)
    spec = words.spec()
    assert spec.vhr == (text or "none")
    assert words.site(spec, Path("out")).vhr is None


def test_a_spec_file_may_name_everything(picture: Path, tmp_path: Path) -> None:
    file = tmp_path / "spec.toml"
    file.write_text(f'vhr = "{picture}"\nsegmenter = "slic"\n[segmenter_settings]\npitch_metres = 30\nscale = 2.0\n')
    words = asked(None, spec_file=file)
    spec = words.spec()
    assert (spec.vhr, spec.segmenter) == ("local", "slic")
    assert words.site(spec, Path("out")).vhr == str(picture)
    cut = catalog.segmenter_spec(spec.segmenter, spec.segmenter_settings)
    assert (cut.pitch_metres, cut.scale, cut.network) == (30.0, 2.0, "slic")
    over = asked("none", spec_file=file)
    assert over.spec().vhr == "none"
    assert over.site(over.spec(), Path("out")).vhr is None


def test_dropped_classes_are_a_set_to_a_spec_file(tmp_path: Path) -> None:
    file, wishes = tmp_path / "spec.toml", []
    for text in ("[10, 9, 8, 3, 1, 0, 8]", "[0, 1, 3, 8, 9, 10]"):
        file.write_text(f"[composite]\nscl_dropped = {text}\n")
        wishes.append(asked(None, spec_file=file).spec())
    assert wishes[0] == wishes[1]
    assert wishes[0].composite == CompositeMethod()


def test_a_manifest_of_classes_in_another_order_is_replayed() -> None:
    plan = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    method = CompositeMethod(scl_dropped=(9, 8))
    frozen = replace(plan, spec=replace(plan.spec, composite=method))
    assert plan_of(manifest_of(frozen)).spec.composite.scl_dropped == (9, 8)


def test_a_replay_asks_for_the_path_again_and_takes_no_other_image(picture: Path) -> None:
    local, remote, alone = frozen_of("local"), frozen_of("naip"), plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    with pytest.raises(UsageError, match="again with --vhr"):
        Asked().site(local.spec, Path("out"))
    assert Asked(vhr=str(picture)).site(local.spec, Path("out")).vhr == str(picture)
    check_replayed(local, str(picture))
    check_replayed(remote, "naip")
    check_replayed(frozen_of(TILES), f"{TILES}?key=secret")
    for frozen, text in ((local, "naip"), (local, "none"), (remote, str(picture)), (alone, str(picture))):
        with pytest.raises(UsageError, match="manifest"):
            check_replayed(frozen, text)


@pytest.mark.parametrize(
    "idle", [{"segmenter": "slic"}, {"graph_model": "gcn-sam-tiny"}, {"checkpoint": "fetch"}], ids=str
)
def test_what_only_the_second_stream_takes_is_refused_without_it(idle: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="--vhr"):
        asked(None, **idle).spec()


@pytest.mark.parametrize(
    ("more", "error"),
    [({"segmenter": "slik"}, SpecError), ({"graph_model": "gcn"}, LczmapError), ({"checkpoint": "a"}, UsageError)],
)
def test_what_there_is_not_is_refused_at_once(more: dict[str, object], error: type[LczmapError]) -> None:
    with pytest.raises(error):
        asked("naip", **more).spec()


def test_imagery_on_offer_is_told_in_one_line_and_never_to_who_chose(capsys: pytest.CaptureFixture[str]) -> None:
    swiss = area_place(LonLatBox(west=8.5, south=47.3, east=8.6, north=47.4).polygon, slug="z", name="Z")
    sea = area_place(LonLatBox(west=-30.1, south=40, east=-30, north=40.1).polygon, slug="s", name="S")
    for place, text, said in ((swiss, None, True), (swiss, "none", False), (sea, None, False)):
        offer(place, wished(), text, Voice())
        told = capsys.readouterr().out
        assert told == (
            "VHR imagery is on offer here: swissimage; add --vhr swissimage for the second stream.\n" * said
        )
    offer(swiss, wished(vhr="swissimage"), "swissimage", Voice())
    offer(swiss, wished(), None, Voice(as_json=True))
    assert json.loads(capsys.readouterr().out) == {"event": "vhr_offered", "names": ["swissimage"]}


def test_the_image_is_told_before_it_is_mapped(capsys: pytest.CaptureFixture[str]) -> None:
    tell_image(with_vhr(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])), Voice())
    told = capsys.readouterr().out
    for words in ("local", "2 rasters of 0.5 m", "2024-05-06", "slic", "55%"):
        assert words in told
    tell_image(plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()]), Voice())
    assert capsys.readouterr().out == ""


def test_a_checkpoint_in_the_cache_is_told_with_address_and_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is fetched here: the cache's folder cannot be made, and what would be is said before."""
    card = replace(fake_card("gcn-vit", role="graph"), segmenter_name="sam-vit-b")
    monkeypatch.setattr("lczmap.weights.shipped_cards", lambda: (card,))
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "taken"))
    assert checkpoint_folder().is_relative_to(tmp_path)
    spec = wished(vhr="naip", segmenter="sam-vit-b")
    with pytest.raises(LczmapError):
        with_checkpoint(Site(), spec, "fetch", Voice())
    told = capsys.readouterr().out
    assert PUBLISHED["vit_b"].url in told
    assert "0.38 GB" in told
    given = Site(checkpoint=Path("sam_vit_b.pth"))
    assert with_checkpoint(given, spec, "sam_vit_b.pth", Voice()) == given


@pytest.mark.parametrize("command", ["city", "plan", "explain"])
@pytest.mark.parametrize("more", [(), ("--graph-model", "gcn-slic")], ids=str)
def test_no_checkpoint_is_fetched_for_a_run_that_is_refused(
    command: str,
    more: tuple[str, ...],
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No graph model goes with Meta's networks yet: the sentence is the one that a checkpoint by path meets."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(picture.parent / "cache"))
    where = ("--at", "13.3,52.5") if command == "explain" else ("--aoi", "13.29,52.49,13.34,52.52")
    second = ("--vhr", str(picture), "--segmenter", "sam-vit-b", *more)
    said = []
    for checkpoint in ("fetch", str(picture)):
        assert status_of([command, *where, "--date", "2024", *second, "--checkpoint", checkpoint]) == 2
        heard = capsys.readouterr()
        assert "Fetching" not in heard.out
        said.append(heard.err.splitlines()[-1].partition("this run cuts")[0])
    assert said[0] == said[1]
    assert ("gcn-slic was trained" if more else "No shipped graph model was trained") in said[0]
    assert not checkpoint_folder().exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [("city", ("--out", "/proc/maps")), ("plan", ("--write", "/proc/maps")), ("city", ("--device", "abacus"))],
)
def test_no_checkpoint_is_fetched_where_nothing_can_be_made_of_it(
    command: str,
    words: tuple[str, ...],
    picture: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    card = replace(fake_card("gcn-vit", role="graph"), segmenter_name="sam-vit-b")
    monkeypatch.setattr("lczmap.weights.shipped_cards", lambda: (card,))
    monkeypatch.setenv("XDG_CACHE_HOME", str(picture))  # a file: a fetch would end there, having said what it fetches
    second = ("--vhr", str(picture), "--segmenter", "sam-vit-b", "--checkpoint", "fetch")
    assert status_of([command, "--aoi", "13.29,52.49,13.34,52.52", "--date", "2024", *second, *words]) == 2
    heard = capsys.readouterr()
    assert "Fetching" not in heard.out
    assert words[1].removesuffix("/maps") in heard.err


def test_sources_and_segmenters_are_listed_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["sources", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["name"] for row in told if row["event"] == "vhr_source"} == {
        rules.name for rules in catalog.vhr_sources()
    }
    assert all(row["licence"] and row["attribution"] for row in told if row["event"] == "vhr_source")
    assert status_of(["models", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in told if row["event"] == "segmenter"] == [
        entry.spec.name for entry in catalog.segmenters()
    ]
    assert status_of(["models", "sam-vit-h-paper"]) == 0
    assert "crop_layers          1" in capsys.readouterr().out


def test_this_machine_is_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["doctor", "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "segmentation: segment-anything" in told
    assert "graphs: torch-geometric" in told


KEYED = "https://tiles.example.org/{z}/{x}/{y}.png?key=SECRET"


@pytest.mark.parametrize("image", ["local", "naip"])
@pytest.mark.parametrize("command", [("city", "--from"), ("explain",)])
def test_a_refused_key_is_never_repeated(
    image: str, command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither people nor machines are told a key that was typed for an image which the manifest does not hold."""
    manifest = tmp_path / "manifest.toml"
    manifest.write_text(manifest_of(frozen_of(image)))
    where = manifest if command[0] == "city" else tmp_path
    (tmp_path / "item.json").write_text("{}")
    assert status_of([*command, str(where), "--vhr", KEYED, "--json"]) == 2
    heard = capsys.readouterr()
    assert "SECRET" not in heard.out + heard.err
    for told in (heard.err, json.loads(heard.out.splitlines()[-1])["text"]):
        assert "The manifest" in told
        assert ("tiles.example.org" in told) == (image == "local")


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--vhr", "htps://tiles.example.org/{z}/{x}/{y}.png?key=SECRET"),
        ("--vhr", "htps://me:SECRET@tiles.example.org/a.tif#SECRET"),
        ("--source", "htps://stac.example.org/v1?key=SECRET"),
        ("--source", "https:///v1?key=SECRET"),
    ],
)
def test_a_key_in_a_mistyped_address_is_never_repeated(
    option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["city", "Berlin", "--date", "2024", option, text, "--json"]) == 2
    heard = capsys.readouterr()
    assert "SECRET" not in heard.out + heard.err
    assert "://" in heard.err


@pytest.mark.parametrize("source", ["local", "earth-search"])
def test_a_key_in_the_source_of_a_replay_is_never_repeated(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of_tiles(320, {WEST: [(0, 0)]}, [scene()])
    manifest = tmp_path / "manifest.toml"
    manifest.write_text(manifest_of(replace(plan, spec=replace(plan.spec, source=source))))
    words = ["city", "--from", str(manifest), "--source", "https://stac.example.org/v1?key=SECRET", "--json"]
    assert status_of(words) == 2
    heard = capsys.readouterr()
    assert "SECRET" not in heard.out + heard.err


def test_what_was_asked_is_shown_without_its_key() -> None:
    assert "SECRET" not in repr(asked(KEYED))
