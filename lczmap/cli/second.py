"""What was asked of the second stream, what a place could have of it, and the weights it has to fetch."""

import os
from dataclasses import replace
from pathlib import Path

from lczmap import catalog, weights
from lczmap.cli.speak import Voice
from lczmap.words.errors import UsageError
from lczmap.words.event import counted
from lczmap.words.place import Place
from lczmap.words.plan import Plan
from lczmap.words.site import Site
from lczmap.words.spec import RunSpec

FETCH = "fetch"
"""What is given as checkpoint to have the published one fetched."""


def vhr_name(text: str) -> str:
    """What a wish keeps of VHR imagery as it was typed: a name, an address without key or query, `local` or `none`.

    Raises:
        SourceNameError: it is no known name, no address, and no path of anything.
    """
    return text if text == "none" else catalog.vhr_rules(text).public


def check_second_stream(spec: RunSpec, options: dict[str, str | None]) -> None:
    """Refuse a segmenter or graph model that there is not, and options that play no part.

    Args:
        spec: the wish.
        options: value by name of the options that only the second stream takes.

    Raises:
        UsageError: one of them is unknown or idle.
    """
    cut = catalog.segmenter_spec(spec.segmenter, spec.segmenter_settings) if spec.segmenter != "none" else None
    if spec.vhr == "none":
        idle = [name for name, value in options.items() if value is not None]
        if idle:
            raise UsageError(
                f"{', '.join(idle)} would play no part: the run has no VHR image; add one with --vhr, or leave "
                f"{'that' if len(idle) == 1 else 'those'} out."
            )
        return
    if cut is None:
        raise UsageError("The spec asks for VHR imagery and segmenter 'none'; choose a segmenter with `lczmap models`.")
    if options.get("--checkpoint") is not None and not cut.network.startswith("vit_"):
        raise UsageError(
            f"--checkpoint names Meta's weights, got the segmenter {cut.name!r}, which brings its own; leave that out."
        )
    if spec.graph_model != "auto":
        weights.find_card(spec.graph_model)


def typed_vhr(spec: RunSpec, text: str | None) -> str | None:
    """What a site must remember of the VHR imagery as it was typed; None where the plan says everything.

    Raises:
        UsageError: the plan's image lies on disk and its path was not given.
    """
    if spec.vhr == "local" and not text:
        raise UsageError("This plan's VHR image lies on disk; name its path again with --vhr.")
    return None if spec.vhr in {"none", text} else text


def vhr_again(site: Site, spec: RunSpec) -> str:
    """How a replay names the VHR imagery again, with a blank before it; empty where its plan says everything."""
    if site.vhr is None:
        return ""
    # an address is remembered only where it may hold a key
    return f" --vhr {site.vhr}" if spec.vhr == "local" else " --vhr ADDRESS, in full as given here"


def check_replayed(frozen: Plan, text: str | None) -> None:
    """Refuse a VHR image beside a manifest that holds another one, or none.

    Raises:
        UsageError: the two do not belong together.
    """
    if text is None:
        return
    # the typed text may hold a key: what is said of it is what a plan may keep
    named = vhr_name(text)
    if named == frozen.spec.vhr:
        return
    if frozen.spec.vhr == "local":
        raise UsageError(f"The manifest's VHR image lies on disk, got --vhr {named!r}; name the image's path.")
    has = "no VHR image" if frozen.vhr is None else f"the VHR image {frozen.spec.vhr!r}"
    raise UsageError(f"The manifest has {has}, got also --vhr; leave that out, or plan anew without --from.")


def offer(place: Place, spec: RunSpec, text: str | None, voice: Voice) -> None:
    """Say what VHR imagery the catalogue has of a place, where none was asked for; nothing is fetched."""
    if spec.vhr != "none" or text is not None:
        return
    names = [rules.name for rules in catalog.offered_vhr(place.box)]
    if names:
        voice.say(f"VHR imagery is on offer here: {', '.join(names)}; add --vhr {names[0]} for the second stream.")
        voice.fact("vhr_offered", {"names": names})


def tell_image(frozen: Plan, voice: Voice) -> None:
    """Say which VHR image was frozen, how it is cut and how the streams are weighed; nothing where there is none."""
    image, segmenter = frozen.vhr, frozen.segmenter
    if image is None or segmenter is None:
        return
    days, far = image.taken, image.days_from(frozen.spec.period)
    told = "" if days is None else " to ".join(dict.fromkeys(day.isoformat() for day in days))
    taken = f"taken {told}" if told else "nobody says when it was taken"
    late = f", {far} days from the period" if far else ""
    voice.say(
        f"VHR        {image.name}: {counted(len(image.parts), 'raster')} of {image.metres:.3g} m, {taken}{late}; "
        f"segmenter {segmenter.name}, {frozen.sentinel_weight:.0%} weight for Sentinel-2"
    )
    voice.fact(
        "vhr",
        {
            "name": image.name,
            "rasters": len(image.parts),
            "metres": image.metres,
            "taken": [day.isoformat() for day in days] if days else None,
            "days_from_period": far,
            "segmenter": segmenter.name,
            "sentinel_weight": frozen.sentinel_weight,
            "attribution": image.attribution,
        },
    )


def with_checkpoint(site: Site, spec: RunSpec, text: str | None, voice: Voice) -> Site:
    """The site with the published checkpoint, fetched where that was asked for; address and size are said first.

    Gigabytes are fetched only where a graph model and a device are there for them; whether the output can be written,
    the caller has made sure of.

    Raises:
        ModelCardError: no graph model goes with the segmenter.
        UsageError: there is no such device.
        SourceUnreachableError: it cannot be fetched.
        WeightsError: what came is another file.
    """
    if text != FETCH:
        return site
    from lczmap import assemble  # noqa: PLC0415 - brings torch
    from lczmap.device import choose_device  # noqa: PLC0415
    from lczmap.segment.checkpoint import PUBLISHED, fetch_checkpoint  # noqa: PLC0415

    network = catalog.segmenter_spec(spec.segmenter, spec.segmenter_settings).network
    if network == "slic" or network == "sam-tiny":  # noqa: PLR1714 - so that the type is narrowed
        return site
    assemble.require_graph_model(spec)
    choose_device(site.device)
    published, folder = PUBLISHED[network], checkpoint_folder()
    there = (folder / published.name).is_file()
    how = "Using" if there else "Fetching"
    voice.say(f"{how} {published.url} ({published.size / 1e9:.2f} GB), kept in {folder}")
    voice.fact("checkpoint", {"url": published.url, "bytes": published.size, "folder": str(folder), "kept": there})
    return replace(site, checkpoint=fetch_checkpoint(network, folder))


def checkpoint_folder() -> Path:
    """Where fetched checkpoints are kept, for all runs: the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "lczmap" / "checkpoints"
