"""Options shared by `city` and `plan`, and how they become a place, a wish and a site."""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import TypeVar, cast, get_args, get_origin

import click

from lczmap import catalog
from lczmap.cli.second import FETCH, check_second_stream, typed_vhr, vhr_name
from lczmap.words.errors import SpecError, UnconfirmedSizeError, UsageError
from lczmap.words.grid import POSTINGS, Posting, posting_of
from lczmap.words.period import parse_period
from lczmap.words.place import Place, TileArea
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.site import Site
from lczmap.words.spec import CompositeMethod, RunSpec

LARGE_TILES = 100
"""Runs of more tiles than this need `--yes`: 16,000 km2, beyond any city."""

Shared = str | int | bool | Path | None
"""What a shared option may hold."""

Command = TypeVar("Command", bound=Callable[..., object])

_OPTIONS = (
    click.option("--aoi", metavar="FILE|BBOX", help="GeoJSON, GPKG or west,south,east,north instead of a city."),
    click.option("--date", "period", metavar="PERIOD", help="2023, 2023-H1, 2023-Q3, 2023-05, 2023-01/2023-06."),
    click.option("--source", metavar="NAME|URL|PATH", help="Imagery source [earth-search]; see `lczmap sources`."),
    click.option(
        "--posting",
        type=click.Choice([str(posting) for posting in POSTINGS]),
        help="Metres between cell centres [320]; 100 is what WRF and WUDAPT users expect.",
    ),
    click.option(
        "--vhr",
        metavar="NAME|URL|PATH|none",
        help="VHR imagery for the second stream [none]: a name of `lczmap sources`, a raster, a folder or STAC "
        "collection of them, or a template with {z}, {x}, {y}.",
    ),
    click.option("--segmenter", metavar="NAME", help="What cuts the VHR image [sam-tiny]; see `lczmap models`."),
    click.option("--graph-model", metavar="NAME", help="Classifier of the instances [the segmenter's own]."),
    click.option(
        "--checkpoint",
        metavar="PATH|fetch",
        help="Official weights of Segment Anything, for the segmenters that want them.",
    ),
    click.option("--name", metavar="NAME", help="Name of the place in files and folders."),
    click.option("--zone", metavar="ZONE", help="UTM zone such as 33N; by default the place's own."),
    click.option("--spec", "spec_file", type=click.Path(path_type=Path), help="TOML file with further settings."),
    click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1 or auto."),
    click.option("--threads", type=click.IntRange(1, 512), help="Threads for reading and arithmetic [cores]."),
    click.option("--yes", is_flag=True, help=f"Confirm a run of more than {LARGE_TILES} tiles."),
    click.option("--json", "as_json", is_flag=True, help="Events and summary as JSON, one a line."),
)


def run_options(command: Command) -> Command:
    """Add the shared options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The shared options as they were typed; None where an option was not given."""

    city: str | None = None
    """Name of a city."""
    aoi: str | None = None
    """Vector file or box."""
    period: str | None = None
    """Period as text."""
    source: str | None = None
    """Imagery source as text."""
    posting: str | None = None
    """Posting as text."""
    vhr: str | None = field(default=None, repr=False)
    """VHR imagery as text, which may hold a key."""
    segmenter: str | None = None
    """Segmenter by name."""
    graph_model: str | None = None
    """Classifier of instance graphs by name."""
    checkpoint: str | None = None
    """Path of official weights, or `fetch`."""
    name: str | None = None
    """Name of the place in files."""
    zone: str | None = None
    """UTM zone as text."""
    spec_file: Path | None = None
    """File with further settings."""
    device: str = "auto"
    """Where models run."""
    threads: int | None = None
    """Threads."""
    yes: bool = False
    """Whether a large run is confirmed."""
    as_json: bool = False
    """Whether to speak JSON."""

    def place(self) -> Place:
        """The place that was asked for.

        Raises:
            UsageError: neither or both of city and area are given, or the place cannot be mapped.
        """
        if (self.city is None) == (self.aoi is None):
            got = "neither" if self.city is None else "both"
            raise UsageError(
                f"A run needs either a city's name or --aoi, got {got}; for instance: lczmap city Berlin --date 2024."
            )
        return catalog.resolve_place(self.city, self.aoi, name=self.name, zone=self.zone)

    def spec(self) -> RunSpec:
        """The wish: the spec file's values, over them the command line's.

        Raises:
            UsageError: a value is missing or not allowed.
        """
        values = _spec_values(self.spec_file) if self.spec_file is not None else {}
        text = self.period or values.pop("period", None)
        values.pop("period", None)
        if not isinstance(text, str):
            raise UsageError("A run needs a period; add for instance --date 2023-H1.")
        if self.source is not None:
            values["source"] = self.source
        if self.posting is not None:
            values["posting"] = posting_of(int(self.posting))
        for name in ("vhr", "segmenter", "graph_model"):
            if getattr(self, name) is not None:
                values[name] = getattr(self, name)
        values["vhr"] = vhr_name(str(values.get("vhr", "none")))
        spec = RunSpec(period=parse_period(text, today=date.today()), **values)  # type: ignore[arg-type] # noqa: DTZ011
        check_second_stream(spec, self.of_second_stream)
        rules = catalog.source(spec.source)
        return spec if rules.url is not None else replace(spec, source=rules.name)

    def site(self, spec: RunSpec, out: Path) -> Site:
        """Where the work happens; a path given as source or VHR image is remembered here and nowhere else.

        Raises:
            UsageError: the plan's source or VHR image lies on disk and its path was not given.
        """
        local = None
        if spec.source == "local":
            text = self._given("source")
            if not text:
                raise UsageError("This plan's imagery lies on disk; name the catalogue's path again with --source.")
            catalog.catalogue_file(text)
            local = Path(text)
        return Site(
            out=out,
            local_source=local,
            vhr=typed_vhr(spec, self._given("vhr")),
            checkpoint=None if self.checkpoint in (None, FETCH) else Path(self.checkpoint),
            device=self.device,
            threads=self.threads,
        )

    @property
    def of_second_stream(self) -> dict[str, str | None]:
        """Value by name of the options that only the second stream takes."""
        return {"--segmenter": self.segmenter, "--graph-model": self.graph_model, "--checkpoint": self.checkpoint}

    def _given(self, name: str) -> str | None:
        """An option's text, or the spec file's; None where neither says."""
        text: str | None = getattr(self, name)
        if text is None and self.spec_file is not None:
            text = str(_spec_values(self.spec_file).get(name, "")) or None
        return text


def confirm_size(areas: tuple[TileArea, ...], posting: Posting, *, yes: bool) -> None:
    """Refuse a very large run that nobody confirmed.

    Raises:
        UnconfirmedSizeError: more than `LARGE_TILES` tiles without `--yes`.
    """
    if len(areas) > LARGE_TILES and not yes:
        cells = sum(area.count for area in areas)
        raise UnconfirmedSizeError(
            f"The area takes {len(areas)} tiles of 12.8 km and {cells:,} cells at {posting} m, more than the "
            f"{LARGE_TILES} tiles that run unasked; look at `lczmap plan` first, then add --yes."
        )


def _spec_values(path: Path) -> dict[str, object]:
    """The settings of a spec file, checked by name and kind."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"The spec file {path.name} cannot be read ({error}); expected a TOML file.") from error
    composite, settings = (_subtable(table, name, path.name) for name in ("composite", "segmenter_settings"))
    values = _known(table, RunSpec, path.name)
    if settings:
        values["segmenter_settings"] = _known(settings, SegmenterSpec, f"{path.name} [segmenter_settings]")
    if composite:
        dropped = composite.get("scl_dropped")
        if isinstance(dropped, list):
            composite["scl_dropped"] = tuple(dropped)
        method = CompositeMethod(**_known(composite, CompositeMethod, f"{path.name} [composite]"))  # type: ignore[arg-type]
        # sorted here, not in the method itself: a manifest's keys follow from the order that it holds
        values["composite"] = replace(method, scl_dropped=tuple(sorted(set(method.scl_dropped))))
    if isinstance(values.get("posting"), int):
        values["posting"] = posting_of(cast("int", values["posting"]))
    return values


def _subtable(table: dict[str, object], name: str, where: str) -> dict[str, object]:
    """Take a table out of a table; empty where there is none."""
    value = table.pop(name, {})
    if not isinstance(value, dict):
        raise SpecError(f"`{name}` in {where} is {value!r}, expected a table [{name}].")
    return value


def _known(
    table: Mapping[str, object], kind: type[RunSpec | CompositeMethod | SegmenterSpec], where: str
) -> dict[str, object]:
    """Refuse settings that do not exist, suggesting the near ones, and values of another kind."""
    kinds = {entry.name: _kinds(entry.type) for entry in fields(kind)}
    for name, value in table.items():
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(kinds))}."
            raise SpecError(f"{where} sets {name!r}, which is no setting; {hint}")
        if not isinstance(value, kinds[name]) or isinstance(value, bool):
            expected = " or ".join(each.__name__ for each in kinds[name])
            raise SpecError(f"{where} sets {name} to {value!r}, expected {expected}.")
    return dict(table)


def _kinds(hint: object) -> tuple[type, ...]:
    """What a setting may be: the types of a hint, or of the values it lists; an integer is a number too."""
    if get_origin(hint) is tuple:
        return (tuple,)
    parts = [part if isinstance(part, type) else type(part) for part in get_args(hint) or (hint,)]
    kinds = [part for part in parts if part in {int, float, str}]
    return tuple(dict.fromkeys([*kinds, int] if float in kinds else kinds)) or (str,)
