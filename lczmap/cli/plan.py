"""`lczmap plan`: what a run would take, before it is run."""

import math
from dataclasses import asdict
from pathlib import Path

import click

from lczmap.cli.city import state
from lczmap.cli.options import Asked, Shared, run_options
from lczmap.cli.second import offer, tell_image, vhr_again, with_checkpoint
from lczmap.cli.speak import Voice
from lczmap.store.disk import check_writable, local_path, write_whole
from lczmap.words.errors import OutputPathError
from lczmap.words.estimate import Estimate, estimate
from lczmap.words.event import counted
from lczmap.words.manifest import manifest_of
from lczmap.words.place import cover
from lczmap.words.plan import Plan


@click.command()
@click.argument("city", required=False, metavar="[NAME]")
@run_options
@click.option("--write", type=local_path, metavar="FILE", help="Write the plan as TOML, for `lczmap city --from`.")
def plan(*, write: Path | None, **shared: Shared) -> int:
    """Say what mapping a city or an area would take: cells, scenes, gigabytes, memory, time.

    Searches the catalogue and reads a coarse overview of each item, two more where that does not settle its offset.
    """
    asked = Asked(**shared)  # type: ignore[arg-type]
    voice = Voice(as_json=asked.as_json)
    if write is not None:
        check_writable(write.absolute().parent)
    place, spec = asked.place(), asked.spec()
    site = asked.site(spec, Path())
    state(place, spec, cover(place, spec.posting), voice)
    if spec.posting == 320 and asked.posting is None:
        voice.say("Posting 320 m is the paper's paired cell; WRF and WUDAPT users expect --posting 100.")
    offer(place, spec, asked.vhr, voice)
    site = with_checkpoint(site, spec, asked.checkpoint, voice)

    from lczmap import assemble, run  # noqa: PLC0415 - brings torch and xarray

    with voice.listening() as tell:
        frozen = run.plan(place, spec, site, tell=tell)
    patches = assemble.measured_rate(spec, site)
    frames: float | None = math.inf
    if frozen.vhr is not None:
        voice.say("Timing the segmenter on a window of the VHR image ...")
        frames = assemble.measured_frame_rate(frozen, site)
    _tell(frozen, estimate(frozen, patches_per_second=patches, frames_per_second=frames), voice)
    if write is not None:
        try:
            write_whole(write, manifest_of(frozen).encode())
        except OSError as error:
            raise OutputPathError(
                f"The plan cannot be written to {write} ({error.strerror}); name another file."
            ) from error
        again = f" --source {site.local_source}" if site.local_source is not None else ""
        again += vhr_again(site, spec)
        voice.say(f"Plan written to {write}; run it with: lczmap city --from {write}{again}")
    return 0


def _tell(frozen: Plan, reckoned: Estimate, voice: Voice) -> None:
    """The estimate for people and for machines."""
    days = sorted({scene.solar_day for scene in frozen.scenes.values()})
    unmasked = sum(not scene.has_scl for scene in frozen.scenes.values())
    voice.say(f"Cells      {reckoned.cells:,} in {counted(reckoned.tiles, 'tile')}")
    voice.say(f"Scenes     {counted(reckoned.scenes, 'item')} of {counted(len(days), 'day')}, {days[0]} to {days[-1]}")
    if unmasked:
        voice.say(f"           {unmasked} of them without SCL: used unmasked and flagged")
    for entry in frozen.skipped[:5]:
        voice.say(f"Left out   {entry.id}: {entry.reason}")
    if len(frozen.skipped) > 5:
        voice.say(f"           and {len(frozen.skipped) - 5} more")
    egress = " (egress, if it charges)" if frozen.source.url is not None else ""
    voice.say(f"Read       about {reckoned.read_gigabytes:.2g} GB from {frozen.source.title}{egress}")
    _tell_second_stream(frozen, reckoned, voice)
    voice.say(f"Stored     about {reckoned.stored_gigabytes:.2g} GB")
    voice.say(f"Memory     about {reckoned.memory_gigabytes:.1f} GB")
    segment = reckoned.segment_seconds
    cut = f", {_spell(segment)} to segment" if frozen.vhr is not None and segment is not None else ""
    voice.say(f"Time       about {_spell(reckoned.seconds)} to classify{cut} on this machine, plus reading")
    if segment is None:
        voice.say("           and to segment: not known, the image shows none of the windows that were looked at")
    skipped = [asdict(entry) for entry in frozen.skipped]
    voice.fact("plan", {**asdict(reckoned), "unmasked": unmasked, "skipped": skipped})


def _tell_second_stream(frozen: Plan, reckoned: Estimate, voice: Voice) -> None:
    """The VHR image and what is cut from it; nothing where there is none."""
    if frozen.vhr is None or frozen.segmenter is None:
        return
    tell_image(frozen, voice)
    prompts = f", about {reckoned.prompts:,} prompts" if reckoned.prompts else ""
    kind = "window" if frozen.segmenter.mode == "window" else "cell"
    side = frozen.segmenter.frame_metres
    voice.say(f"Segment    {counted(reckoned.frames, kind)} of {side} m{prompts}, by {frozen.segmenter.name}")
    voice.say(f"VHR read   up to {reckoned.vhr_gigabytes:.2g} GB before compression")


def _spell(seconds: float) -> str:
    """A duration in the unit that fits."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
