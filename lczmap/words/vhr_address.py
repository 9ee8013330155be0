"""Addresses of very-high-resolution imagery: which kind they are, and what of them may be written down.

Keys stay out of what is kept: queries are cut down to what says which picture is meant, `${NAME}` stays a name.
"""

import re
from urllib.parse import parse_qsl, urlsplit

from lczmap.words.errors import SourceNameError

PLACES = ("z", "x", "y", "-y", "TileMatrix", "TileCol", "TileRow", "s")
"""Places in the template of a service of tiles: level, column, row, row from the south, the same in WMTS, a host."""

NAMED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A name of the environment in an address: its value is filled in where the address is opened, and nowhere else."""
_PLACE = re.compile(r"(?<!\$)\{([^{}]*)\}")
_HARMLESS = frozenset(
    {"service", "request", "version", "layer", "layers", "style", "styles", "tilematrixset", "format", "time", "map",
     "tilematrix", "tilerow", "tilecol", "x", "y", "z", "lyrs"}
)  # fmt: skip


def places_of(text: str) -> tuple[str, ...]:
    """Places in a template, in their order; names of the environment are none."""
    return tuple(_PLACE.findall(text))


def is_address(text: str) -> bool:
    """Whether a text is an address and no path."""
    return text.startswith(("http://", "https://", "s3://"))


def is_template(text: str) -> bool:
    """Whether an address is the template of a service of tiles: it has a place for the column."""
    return is_address(text) and bool({"x", "TileCol"} & set(places_of(text)))


def public_address(text: str) -> str:
    """An address or template without anything that may be a key: what a plan keeps.

    Raises:
        SourceNameError: it has no host, carries a login, or its places are not those of a service of tiles.
    """
    parts = urlsplit(text)
    if not parts.hostname:
        raise SourceNameError("The VHR address has no host; give one like https://host/ortho.tif.")
    if parts.username or parts.password:
        raise SourceNameError(
            f"The VHR address at {parts.hostname} carries a login, which would be kept in the manifest; give a key as "
            "${NAME}, which is filled from the environment."
        )
    if is_template(text):
        _check_places(text, parts.hostname)
    kept = [
        f"{key}={value}"
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
        if is_template(text) and (key.lower() in _HARMLESS or _PLACE.fullmatch(value) or NAMED.fullmatch(value))
    ]
    return text.partition("#")[0].partition("?")[0] + (f"?{'&'.join(kept)}" if kept else "")


def _check_places(text: str, host: str) -> None:
    found = set(places_of(text))
    xyz = {"z", "x"} <= found and bool({"y", "-y"} & found)
    if not (xyz or {"TileMatrix", "TileCol", "TileRow"} <= found) or found - set(PLACES):
        raise SourceNameError(
            f"The template at {host} has the places {', '.join(sorted(found))}; expected z, x and y (or -y), or "
            "TileMatrix, TileCol and TileRow, each in braces."
        )
