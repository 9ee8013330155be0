"""The 17 Local Climate Zones: codes, names, official colours.

Source: Stewart and Oke (2012), Table 2; colours of the WUDAPT palette.
"""

from dataclasses import dataclass

NODATA = 0
"""Class code of a cell that is not mapped."""
CLASS_COUNT = 17
"""Number of classes; probability vectors hold class `code` at index `code - 1`."""


@dataclass(frozen=True, kw_only=True)
class Lcz:
    """One Local Climate Zone."""

    code: int
    """1..17, the value in class rasters."""
    label: str
    """`1`..`10` for built types, `A`..`G` for land cover."""
    name: str
    """Name of the zone."""
    colour: str
    """Official colour, six hex digits, RRGGBB."""

    @property
    def built(self) -> bool:
        """Whether the zone is a built type (codes 1..10)."""
        return self.code <= 10

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour as three bytes."""
        red, green, blue = bytes.fromhex(self.colour)
        return red, green, blue

    @property
    def title(self) -> str:
        """Label and name, as legends show them: `LCZ 2: Compact mid-rise`."""
        return f"LCZ {self.label}: {self.name}"


def _zones(*rows: tuple[str, str, str]) -> tuple[Lcz, ...]:
    return tuple(
        Lcz(code=code, label=label, name=name, colour=colour)
        for code, (label, name, colour) in enumerate(rows, start=1)
    )


LCZ: tuple[Lcz, ...] = _zones(
    ("1", "Compact high-rise", "8c0000"),
    ("2", "Compact mid-rise", "d10000"),
    ("3", "Compact low-rise", "ff0000"),
    ("4", "Open high-rise", "bf4d00"),
    ("5", "Open mid-rise", "ff6600"),
    ("6", "Open low-rise", "ff9955"),
    ("7", "Lightweight low-rise", "faee05"),
    ("8", "Large low-rise", "bcbcbc"),
    ("9", "Sparsely built", "ffccaa"),
    ("10", "Heavy industry", "555555"),
    ("A", "Dense trees", "006a00"),
    ("B", "Scattered trees", "00aa00"),
    ("C", "Bush, scrub", "648525"),
    ("D", "Low plants", "b9db79"),
    ("E", "Bare rock or paved", "000000"),
    ("F", "Bare soil or sand", "fbf7ae"),
    ("G", "Water", "6a6aff"),
)
"""All zones; `LCZ[code - 1]` is the zone of a class code."""
