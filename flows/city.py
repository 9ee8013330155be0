"""A city as a Prefect flow: plan it, map its tiles, publish; tiles and keys go in, keys come out.

What a tile's map is, `lczmap` alone decides: no array crosses Prefect, every task may be run twice, and the product is
the one that `lczmap city` makes. From a checkout: `python -m flows.city Hangzhou --date 2023-H1`.
"""

import sys
from collections.abc import Sequence
from functools import lru_cache, reduce
from threading import Lock

import click
from prefect import Task, flow, task, unmapped
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from lczmap import assemble, run
from lczmap.cli.options import Asked
from lczmap.pipeline import Parts, map_tile
from lczmap.store.disk import check_writable, local_path
from lczmap.words.errors import LczmapError
from lczmap.words.plan import Plan
from lczmap.words.site import Site

RETRY_AFTER = (10, 60, 300)
"""Seconds before each new try of a task whose failure may pass."""
AT_ONCE = 2
"""Tiles in work at the same time: one is read while another is classified."""
_LOADING = Lock()
"""Held while models are loaded: the second tile of a process waits for those of the first."""


def may_pass(tried: Task[..., object], tried_run: TaskRun, state: State[object]) -> bool:
    """Whether a failure may be gone at the next try; the class of the error says so."""
    del tried, tried_run
    error = state.result(raise_on_failure=False)
    return isinstance(error, LczmapError) and error.retryable


# keys in the store are the cache: Prefect keeps no results of its own
_coarse = task(
    retries=len(RETRY_AFTER),
    retry_delay_seconds=list(RETRY_AFTER),
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
    persist_result=False,
)


@_coarse
def plan_city(asked: Asked, site: Site) -> str:
    """Freeze what the map depends on; return the key under which the plan is kept."""
    check_writable(site.out)
    return run.save_plan(run.plan(asked.place(), asked.spec(), site), site)


def live(plan_key: str, site: Site) -> tuple[Plan, Parts]:
    """A kept plan and its live parts, once a process: a worker loads the models for its first tile only."""
    with _LOADING:
        return _loaded(plan_key, site)


@lru_cache(maxsize=2)
def _loaded(plan_key: str, site: Site) -> tuple[Plan, Parts]:
    plan = run.load_plan(plan_key, site)
    return plan, assemble.parts(plan, site)


@_coarse
def map_one(plan_key: str, tile: str, site: Site) -> str:
    """Map one tile of a kept plan, unless its record exists; return its map key."""
    plan, parts = live(plan_key, site)
    return map_tile(plan.tile_named(tile), plan, parts)


@_coarse
def publish_city(plan_key: str, site: Site) -> str:
    """Publish a kept plan whose tiles are all mapped; return the product's folder."""
    return str(run.publish_saved(plan_key, site).folder)


@flow(name="map-city", task_runner=ThreadPoolTaskRunner(max_workers=AT_ONCE))  # type: ignore[arg-type] # invariant
def map_city(  # noqa: PLR0913 - one parameter a field of the form that Prefect shows
    period: str,
    city: str | None = None,
    *,
    aoi: str | None = None,
    source: str | None = None,
    posting: int = 320,
    vhr: str | None = None,
    segmenter: str | None = None,
    checkpoint: str | None = None,
    out: str = "lczmap-out",
    device: str = "auto",
) -> str:
    """Map a city or an area and publish it.

    Args:
        period: `2023`, `2023-H1`, `2023-Q3`, `2023-05` or a range; an open one grows with every run.
        city: name of a city; either this or `aoi`.
        aoi: vector file or `west,south,east,north`.
        source: name, address or folder of a source of imagery.
        posting: metres between cell centres.
        vhr: name, address, template or path of VHR imagery, the same for every worker; none by default. A key is
            given as `${NAME}`, filled from the workers' environment: Prefect shows parameters to everybody.
        segmenter: name of what cuts the VHR imagery.
        checkpoint: path of official weights for a segmenter that wants them, the same for every worker.
        out: folder of products, the same for every worker.
        device: `cpu`, `cuda` or `auto`.

    Returns:
        The product's folder.
    """
    folder = local_path(out)
    asked = Asked(
        city=city,
        aoi=aoi,
        period=period,
        source=source,
        posting=str(posting),
        vhr=vhr,
        segmenter=segmenter,
        checkpoint=checkpoint,
        device=device,
        yes=True,
    )
    site = asked.site(asked.spec(), folder)
    key = plan_city(asked, site)
    while True:
        tiles = [entry.tile.name for entry in run.load_plan(key, site).tiles]
        maps = map_one.map(unmapped(key), tiles, unmapped(site))
        errors = [error for error in map(failure, maps) if error is not None]
        if not errors:
            return publish_city(key, site)
        key = left_out(key, errors, site)


def failure(mapped: PrefectFuture[str]) -> LczmapError | None:
    """Wait for a tile and return what went wrong with it."""
    try:
        mapped.result()
    except LczmapError as error:
        return error
    return None


def left_out(plan_key: str, errors: Sequence[LczmapError], site: Site) -> str:
    """Keep the plan without the items that could not be read; return its key.

    Raises:
        LczmapError: one of the errors, where it is of another kind or leaves a tile without any item.
    """
    before = run.load_plan(plan_key, site)
    after = reduce(run.left_out, errors, before)
    if after == before:  # the blamed items are not in the plan: another try would end the same way
        raise errors[0]
    return run.save_plan(after, site)


@click.command()
@click.argument("city", required=False)
@click.option("--date", "period", required=True, help="Period, for instance 2023-H1.")
@click.option("--aoi", help="GeoJSON, GPKG or west,south,east,north instead of a city.")
@click.option("--source", help="Imagery source: name, address or folder.")
@click.option("--posting", type=int, default=320, show_default=True, help="Metres between cell centres.")
@click.option("--vhr", help="VHR imagery: name, address, template or path.")
@click.option("--segmenter", help="What cuts the VHR imagery.")
@click.option("--checkpoint", help="Path of official weights for a segmenter that wants them.")
@click.option("--out", default="lczmap-out", show_default=True, help="Folder.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda or auto.")
def main(**wanted: str | int | None) -> None:
    """Run the flow here and now, on Prefect's ephemeral server where no other is configured."""
    try:
        click.echo(map_city(**wanted))  # type: ignore[arg-type]
    except LczmapError as error:
        click.echo(f"flows.city: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
