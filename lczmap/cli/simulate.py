"""`lczmap simulate`: a city that exists nowhere, as imagery with its true map, of any region and size."""

from pathlib import Path

import click

from lczmap.cli.speak import Voice
from lczmap.store.disk import check_writable, local_path


@click.command()
@click.argument("out", type=local_path)
@click.option("--region", default="european", show_default=True, help="Part of the world it is like.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which city of the region.")
@click.option("--kilometres", type=float, default=12.8, show_default=True, help="Side of the square; 12.8 is one tile.")
@click.option("--instances", is_flag=True, help="Also write what each 1 m pixel belongs to.")
@click.option("--no-vhr", is_flag=True, help="Leave the picture at 1 m out.")
@click.option("--json", "as_json", is_flag=True, help="Speak JSON, one a line.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def simulate(  # noqa: PLR0913 - one parameter an option
    *,
    out: Path,
    region: str,
    seed: int,
    kilometres: float,
    instances: bool,
    no_vhr: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Make a simulated city in OUT: Sentinel-2 scenes, a picture at 1 m, and the true map at every posting.

    \b
    Regions: dense_asian, european, north_american, informal, desert.
    lczmap simulate cities --region european --seed 7
    """  # noqa: D301 - \b keeps click from wrapping the examples
    from lczmap.synthetic import city, design  # noqa: PLC0415 - bring scipy and rasterio

    voice = Voice(as_json=as_json, quiet=quiet)
    if instances and no_vhr:
        raise click.UsageError("--instances lie on the grid of the picture at 1 m; leave --no-vhr out.")
    check_writable(out)
    wished = design.city_of(region, seed=seed, kilometres=kilometres)
    voice.say(f"Making {wished.name}, {kilometres:g} km wide, in {out} ...")
    made = city.simulate(out, wished, city.Extras(vhr=not no_vhr, instances=instances))
    box = f"{made.box.west},{made.box.south},{made.box.east},{made.box.north}"
    voice.say(f"Catalogue: {made.catalogue}")
    if made.vhr is not None:
        voice.say(f"At 1 m: {made.vhr}")
    voice.say(f"True map: {made.truth} (and truth_160, truth_100, truth_80 beside it)")
    image = f" --vhr {made.vhr.parents[1]}" if made.vhr is not None else ""
    voice.say(f"Map it: lczmap city --aoi {box} --date {made.period} --source {made.catalogue}{image}")
    paths = {"catalogue": str(made.catalogue), "vhr": str(made.vhr) if made.vhr else None, "truth": str(made.truth)}
    voice.fact("simulated", {**paths, "aoi": box, "date": made.period})
    return 0
