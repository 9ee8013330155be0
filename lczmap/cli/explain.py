"""`lczmap explain`: one square of a map, or one by itself: windows, instances, graph and verdicts, in a picture."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lczmap.cli.options import Asked
from lczmap.cli.second import check_replayed, typed_vhr, with_checkpoint
from lczmap.cli.speak import Voice
from lczmap.store.disk import check_writable, local_path
from lczmap.words.errors import NoImageryError, UsageError
from lczmap.words.grid import WINDOW_METRES
from lczmap.words.lcz import LCZ
from lczmap.words.place import slug_of
from lczmap.words.site import Site

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lczmap.things.explanation import Explanation

NO_SENTINEL = "none"
"""What is given as source to leave Sentinel-2 out."""


@click.command()
@click.argument("product", required=False, metavar="[MAP]", type=click.Path(path_type=Path))
@click.option("--at", multiple=True, metavar="LON,LAT", help="A point, degrees, longitude first; up to four of them.")
@click.option("--out", type=local_path, metavar="FILE.png", help="The picture [named by the square].")
@click.option("--date", "period", metavar="PERIOD", help="Without MAP: 2023, 2023-H1, 2023-05, ...")
@click.option("--source", metavar="NAME|URL|PATH|none", help="Without MAP: Sentinel-2 imagery [earth-search].")
@click.option("--vhr", metavar="NAME|URL|PATH|none", help="VHR imagery; with MAP the path of its local image again.")
@click.option("--segmenter", metavar="NAME", help="Without MAP: what cuts the VHR image [sam-tiny].")
@click.option("--graph-model", metavar="NAME", help="Without MAP: classifier of the instances [the segmenter's].")
@click.option("--checkpoint", metavar="PATH|fetch", help="Official weights of Segment Anything, where wanted.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1 or auto.")
@click.option("--threads", type=click.IntRange(1, 512), help="Threads for reading and arithmetic [cores].")
@click.option("--json", "as_json", is_flag=True, help="Events and verdicts as JSON, one a line.")
def explain(  # noqa: PLR0913 - one parameter an option
    *,
    product: Path | None,
    at: tuple[str, ...],
    out: Path | None,
    period: str | None,
    source: str | None,
    vhr: str | None,
    segmenter: str | None,
    graph_model: str | None,
    checkpoint: str | None,
    device: str,
    threads: int | None,
    as_json: bool,
) -> int:
    """Explain one 320 m square: what both streams saw there, what was cut from it, what they said.

    \b
    lczmap explain lczmap-out/hangzhou-cn/2023-H1 --at 120.16,30.25
    lczmap explain --vhr ortho.tif --date 2023-H1 --at 120.16,30.25

    MAP is a product's folder: its square nearest to the point, or without --at one square of each of its commonest
    classes. Without MAP a square is placed freely around the point. Several squares are laid side by side.
    """  # noqa: D301 - \b keeps click from wrapping the examples
    voice = Voice(as_json=as_json)
    asked = Asked(
        period=period,
        source=None if source == NO_SENTINEL else source,
        vhr=vhr,
        segmenter=segmenter,
        graph_model=graph_model,
        checkpoint=checkpoint,
        device=device,
        threads=threads,
        as_json=as_json,
    )
    from lczmap.things.explanation import SQUARES_ON_A_PAGE  # noqa: PLC0415 - brings scipy, which --help does not want

    points = [point_of(text) for text in at]
    if len(points) > SQUARES_ON_A_PAGE:
        raise UsageError(
            f"{len(points)} points are given with --at, at most {SQUARES_ON_A_PAGE} fit on a picture; leave some out."
        )
    if out is not None and out.suffix.lower() != ".png":
        raise UsageError(f"The picture is a PNG, got --out {out.name}; name a file that ends in .png.")
    check_writable((out or Path("picture.png")).absolute().parent)
    if product is not None:
        squares = _of_map(product, points, asked, voice)
    elif points:
        squares = [_by_itself(point, asked, voice, sentinel=source != NO_SENTINEL) for point in points]
    else:
        raise UsageError("Without a MAP a point is needed, for instance --at 120.16,30.25.")
    _draw(squares, out, voice, gallery=len(points) != 1)
    return 0


def _draw(squares: "list[Explanation]", out: Path | None, voice: Voice, *, gallery: bool) -> None:
    """Draw what was gathered and say it."""
    from lczmap.store.gallery import write_gallery  # noqa: PLC0415 - brings matplotlib
    from lczmap.store.portrait import write_portrait  # noqa: PLC0415

    lon, lat = squares[0].lonlat
    name = slug_of(squares[0].title) or "map" if gallery else f"{lon:.5f}_{lat:.5f}"
    picture = out if out is not None else Path(f"lczmap-explain_{name}.png")
    if gallery:
        write_gallery(squares, picture)
    else:
        write_portrait(squares[0], picture)
    for square in squares:
        _tell(square, picture, voice)
    voice.say(f"{'picture':<18} {picture}")


def point_of(text: str) -> tuple[float, float]:
    """Longitude and latitude as typed.

    Raises:
        UsageError: they are no two numbers.
    """
    parts = text.split(",")
    try:
        lon, lat = (float(part) for part in parts)
    except ValueError:
        raise UsageError(
            f"--at is {text!r}, expected longitude and latitude in degrees with a comma between, for instance "
            "--at 120.16,30.25."
        ) from None
    return lon, lat


def _of_map(product: Path, points: list[tuple[float, float]], asked: Asked, voice: Voice) -> "list[Explanation]":
    also = {"--date": asked.period, "--source": asked.source, "--segmenter": asked.segmenter,
            "--graph-model": asked.graph_model}  # fmt: skip
    given = [label for label, value in also.items() if value is not None]
    if given:
        raise UsageError(f"MAP says everything already, got also {', '.join(given)}; leave that out.")

    from lczmap import assemble  # noqa: PLC0415 - brings torch
    from lczmap.explain.post import explain_post, live_stream, product_plan, telling_points  # noqa: PLC0415
    from lczmap.things.explanation import SQUARES_ON_A_PAGE  # noqa: PLC0415

    plan, out = product_plan(product)
    check_replayed(plan, asked.vhr)
    site = Site(
        out=out,
        vhr=typed_vhr(plan.spec, asked.vhr),
        checkpoint=None if asked.checkpoint is None else Path(asked.checkpoint),
        device=asked.device,
        threads=asked.threads,
    )
    site = with_checkpoint(site, plan.spec, asked.checkpoint, voice)
    store = assemble.store(site)
    chosen = points or telling_points(plan, store, most=SQUARES_ON_A_PAGE)
    if not chosen:
        raise NoImageryError(f"The map of {plan.place.name} has no class anywhere; there is nothing to explain.")
    stream = live_stream(plan, site)
    return [explain_post(plan, each, store=store, vhr=stream) for each in chosen]


def _by_itself(point: tuple[float, float], asked: Asked, voice: Voice, *, sentinel: bool) -> "Explanation":
    if asked.period is None:
        raise UsageError(
            "Without a MAP a period is needed, for instance --date 2023-H1; or name the folder of a map before --at."
        )
    spec = asked.spec()
    site = with_checkpoint(asked.site(spec, Path()), spec, asked.checkpoint, voice)

    from lczmap import assemble  # noqa: PLC0415 - brings torch
    from lczmap.explain.square import explain_square, square_plan  # noqa: PLC0415

    with voice.listening() as tell:
        plan = square_plan(point, spec, site, sentinel=sentinel, tell=tell)
    return explain_square(plan, point, assemble.parts(plan, site))


def _tell(explained: "Explanation", picture: Path, voice: Voice) -> None:
    """The verdicts for people and for machines."""
    from lczmap.store.portrait import facts_of  # noqa: PLC0415

    verdict, (lon, lat) = explained.verdict, explained.lonlat
    said = verdict.zone.title if verdict.zone is not None else "No class"
    whose = f"of {explained.title}" if explained.post is not None else "by itself"
    voice.say(f"{said}: the {WINDOW_METRES} m square around {lon:.5f},{lat:.5f}, {whose}")
    streams = {"Sentinel stream": verdict.sentinel, "VHR stream": verdict.vhr, "fused": verdict.fused}
    for name, levels in streams.items():
        voice.say(f"  {name:<16} {_ranked(levels)}")
    for label, text in facts_of(explained):
        voice.say(f"  {label.lower():<16} {text}")
    voice.fact("explanation", _facts(explained, picture))


def _ranked(levels: "NDArray[np.uint8] | None") -> str:
    """The three likeliest classes of a stream in words."""
    from lczmap.things.explanation import shares_said, zone_said  # noqa: PLC0415

    if levels is None or zone_said(levels) is None:
        return "no vote"
    shares = {zone.title: float(share) for zone, share in zip(LCZ, shares_said(levels), strict=True)}
    ranked = sorted(shares, key=lambda title: -shares[title])[:3]
    return ", ".join(f"{title} {shares[title]:.0%}" for title in ranked)


def _vote(levels: "NDArray[np.uint8] | None") -> dict[str, object] | None:
    """A stream's vote for machines; None where it has none."""
    from lczmap.things.explanation import shares_said, zone_said  # noqa: PLC0415

    zone = zone_said(levels)
    if levels is None or zone is None:
        return None
    shares = [round(float(share), 3) for share in shares_said(levels)]
    return {"lcz": zone.code, "name": zone.title, "probabilities": shares}


def _facts(explained: "Explanation", picture: Path) -> dict[str, object]:
    verdict, post, shift, image = explained.verdict, explained.post, explained.registration, explained.vhr
    where = None if post is None else {"tile": post.tile.name, "posting": post.posting, "row": post.row,
                                       "column": post.column}  # fmt: skip
    return {
        "picture": str(picture),
        "asked": list(explained.asked),
        "lon": round(explained.lonlat[0], 7),
        "lat": round(explained.lonlat[1], 7),
        "epsg": explained.grid.epsg,
        "bounds": list(explained.grid.bounds),
        "post": where,
        "lcz": verdict.zone.code if verdict.zone is not None else 0,
        "sentinel": _vote(verdict.sentinel),
        "vhr": _vote(verdict.vhr),
        "fused": _vote(verdict.fused),
        "sentinel_weight": explained.sentinel_weight,
        "confidence": verdict.confidence if verdict.zone is not None else None,
        "quality": int(verdict.quality),
        "flags": list(verdict.flags),
        "looks": verdict.looks,
        "days": list(explained.days),
        "instances": len(explained.masks),
        "registration": None if shift is None else {"east": shift.east, "north": shift.north},
        "vhr_taken": None if image is None or image.taken is None else list(image.taken),
        "models": list(explained.models),
        "notes": list(explained.notes),
    }
