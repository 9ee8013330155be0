"""The quality bits of a cell, and their nodata value."""

from enum import IntFlag

QUALITY_NODATA = 65535
"""Value of a quality pixel that no tile covers or nobody asked for (uint16)."""


class Quality(IntFlag):
    """What is noteworthy about a cell; bits add up."""

    NO_CLEAR_PIXEL = 1
    """No look saw the ground in any pixel of the window."""
    FEW_LOOKS = 2
    """The median number of clear looks in the window is below 3."""
    GAPS_FILLED = 4
    """Some pixels of the window were filled with the window's band medians."""
    UNMASKED = 8
    """A scene without a scene classification (SCL) contributed, so clouds may remain."""
    NO_VHR = 16
    """No very-high-resolution image covers the window; the Sentinel stream stands alone."""
    NO_INSTANCES = 32
    """The window holds no instance; the Sentinel stream stands alone."""
    OUT_OF_DOMAIN = 64
    """The window looks unlike anything the model was trained on."""
    STREAMS_DISAGREE = 128
    """The two streams give different classes."""
    OFFSET_ASSUMED = 256
    """The radiometric offset of a contributing scene could not be settled from its data."""
    VHR_FAR_IN_TIME = 512
    """The VHR image was taken far from the mapped period."""
    VHR_MISREGISTERED = 1024
    """VHR and Sentinel-2 are shifted by more than 10 m against each other."""


GAPS_ALLOWED = 0.01
"""Share of the wanted cells that may be nodata before a map is called partial."""

MEANINGS: dict[Quality, str] = {
    Quality.NO_CLEAR_PIXEL: "no clear pixel",
    Quality.FEW_LOOKS: "fewer than 3 looks",
    Quality.GAPS_FILLED: "gaps filled",
    Quality.UNMASKED: "unmasked (no SCL)",
    Quality.NO_VHR: "no VHR",
    Quality.NO_INSTANCES: "no instances",
    Quality.OUT_OF_DOMAIN: "out of domain",
    Quality.STREAMS_DISAGREE: "streams disagree",
    Quality.OFFSET_ASSUMED: "offset assumed",
    Quality.VHR_FAR_IN_TIME: "VHR far in time",
    Quality.VHR_MISREGISTERED: "VHR misregistered",
}
"""Short words for legends and metadata, one a bit."""
