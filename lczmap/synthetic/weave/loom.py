"""Fill quarters with what their class is made of: one fabric a class, many quarters at once.

A fabric takes quarters of one class and a region and gives their shapes. It draws from the quarters' keys alone, so a
quarter is the same in every window; it stays inside its quarters but for a crown's width.
"""

from collections.abc import Callable, Mapping

import numpy as np

from lczmap.synthetic.materials import Material
from lczmap.synthetic.region import Region
from lczmap.synthetic.shapes import Shapes, join, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.bare import paved, soil
from lczmap.synthetic.weave.blocks import streets
from lczmap.synthetic.weave.compact import compact_midrise
from lczmap.synthetic.weave.halls import halls
from lczmap.synthetic.weave.industry import industry
from lczmap.synthetic.weave.land import fields
from lczmap.synthetic.weave.light import shacks, sparse
from lczmap.synthetic.weave.lowrise import compact_lowrise
from lczmap.synthetic.weave.open import open_lowrise, open_midrise
from lczmap.synthetic.weave.towers import compact_highrise, open_highrise
from lczmap.synthetic.weave.woods import bush, dense, scattered_trees

Fabric = Callable[[Quarters, Region], Shapes]
"""What one class is made of."""

FABRICS: Mapping[int, Fabric] = {
    1: compact_highrise,
    2: compact_midrise,
    3: compact_lowrise,
    4: open_highrise,
    5: open_midrise,
    6: open_lowrise,
    7: shacks,
    8: halls,
    9: sparse,
    10: industry,
    11: dense,
    12: scattered_trees,
    13: bush,
    14: fields,
    15: paved,
    16: soil,
}
"""By LCZ code, 1 to 16; water (17) is no fabric."""


def weave(quarters: Quarters, region: Region) -> Shapes:
    """Everything that stands on some quarters."""
    woven = []
    for code in np.unique(quarters.zone):
        of_class = quarters.where(quarters.zone == code)
        woven.append(FABRICS.get(int(code), _lawn)(of_class, region))
    return join(woven)


def _lawn(quarters: Quarters, region: Region) -> Shapes:  # noqa: ARG001 - a lawn is a lawn everywhere
    return shapes(ground=[streets(quarters, Material.GRASS)])
