"""`lczmap demo`: the whole pipeline on a simulated city, offline."""

from datetime import date
from pathlib import Path

import click

from lczmap.cli.city import map_and_tell, state
from lczmap.cli.speak import Voice
from lczmap.store.disk import check_writable, local_path
from lczmap.words.grid import POSTINGS, posting_of
from lczmap.words.period import parse_period
from lczmap.words.place import area_place, cover
from lczmap.words.site import Site
from lczmap.words.spec import RunSpec


@click.command()
@click.option("--out", type=local_path, metavar="PATH", default=Path("lczmap-out"), show_default=True, help="Folder.")
@click.option("--posting", type=click.Choice([str(posting) for posting in POSTINGS]), default="320", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which simulated city.")
@click.option("--no-vhr", is_flag=True, help="Leave the second stream out: Sentinel-2 alone.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1 or auto.")
@click.option("--json", "as_json", is_flag=True, help="Events and summary as JSON, one a line.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def demo(  # noqa: PLR0913 - one parameter an option
    *, out: Path, posting: str, seed: int, no_vhr: bool, device: str, as_json: bool, quiet: bool
) -> int:
    """Map a simulated city by both streams, offline: the same pipeline, nothing to configure."""
    from lczmap.synthetic.city import folder_of, simulate  # noqa: PLC0415 - brings scipy and rasterio
    from lczmap.synthetic.design import lattice_bay  # noqa: PLC0415

    voice = Voice(as_json=as_json, quiet=quiet)
    check_writable(out)
    root, wished = out / ".lczmap" / "demo", lattice_bay(seed)
    if not folder_of(root, wished).is_dir():
        voice.say(f"Simulating {wished.name}, once: a minute or two for its scenes and its picture at 1 m ...")
    simulated = simulate(root, wished)
    voice.say(f"Simulated scenes of {simulated.name} (seed {seed}): {simulated.catalogue}")
    # the collection, not the picture: it says when the picture was taken and whom to thank
    picture = None if no_vhr or simulated.vhr is None else simulated.vhr.parents[1] / "collection.json"
    if picture is not None:
        voice.say(f"Its picture at 1 m: {picture}")
    place = area_place(
        simulated.box.polygon,
        slug="demo" if seed == 0 else f"demo-seed-{seed}",
        name=f"{simulated.name} (simulated)",
        note="a simulated city, no real place",
    )
    spec = RunSpec(
        period=parse_period(simulated.period, today=date.today()),  # noqa: DTZ011 - the user's day
        source="local",
        posting=posting_of(int(posting)),
        vhr="none" if picture is None else "local",
    )
    state(place, spec, cover(place, spec.posting), voice)
    site = Site(out=out, local_source=simulated.catalogue, vhr=None if picture is None else str(picture), device=device)
    return map_and_tell(place, spec, site, voice)
