"""Fill quarters with what their class is made of: one fabric a class, many quarters at once.

A fabric takes quarters of one class and a region and gives their shapes. It draws from the quarters' keys alone, so a
quarter is the same in every window; it stays inside its quarters but for a crown's width.
"""

from collections.abc import Callable, Mapping

import numpy as np

from lczmap.synthetic.region import Region
from lczmap.synthetic.shapes import Shapes, join
from lczmap.synthetic.townplan import Quarters

Fabric = Callable[[Quarters, Region], Shapes]
"""What one class is made of."""

FABRICS: Mapping[int, Fabric] = {}
"""By LCZ code, 1 to 16; water (17) is no fabric."""


def weave(quarters: Quarters, region: Region) -> Shapes:
    """Everything that stands on some quarters."""
    woven = []
    for code in np.unique(quarters.zone):
        of_class = quarters.where(quarters.zone == code)
        woven.append(FABRICS[int(code)](of_class, region))
    return join(woven)
