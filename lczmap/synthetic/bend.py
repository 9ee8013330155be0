"""Bend a city a little: streets drawn straight on the plan wind as they do in towns that grew.

In: shapes. Out: the same shapes, every corner moved by one smooth field of the plane, large ground cut into small
quads first so that its edges follow. The field is a function of place alone: windows agree, neighbours stay joined.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import value_noise
from lczmap.synthetic.quads import edge_lengths, part
from lczmap.synthetic.shapes import Layer, Quads, Shapes, choose_quads

_WAVES = ((320.0, 12.0), (110.0, 2.5))
"""Wavelength and reach of the bends, metres: angles change by 12 degrees at most, 4 as a rule."""
BEND_REACH = 14.5
"""No point moves by more, east or north, metres."""
_GRAIN = 20.0
"""Spacing of the nodes at which the field is worked out, metres; in between it is linear."""
_STRAIGHT = 40.0
"""Longest edge of ground that stays straight, metres."""
_QUARTER_CUTS = 12
"""Pieces along each side of a quarter, the same for all so that neighbours share their corners."""


def bent(these: Shapes, root: int) -> Shapes:
    """Shapes of a city whose key is `root`, moved by its field."""
    return Shapes(
        ground=bent_quads(these.ground, root),
        details=_moved(these.details, root),
        roofs=_moved(these.roofs, root),
        discs=replace(these.discs, centre=moved(these.discs.centre, root)),
    )


def bent_quads(ground: Quads, root: int) -> Quads:
    """Ground cut into pieces no edge of which is long, moved by the field; pieces keep key, tone and layer."""
    sides = edge_lengths(ground.corners)
    whole = ground.layer == Layer.QUARTER
    cuts = [np.ceil(np.maximum(sides[:, k], sides[:, k + 2]) / _STRAIGHT).astype(np.int64) for k in (0, 1)]
    along, across = (np.where(whole, _QUARTER_CUTS, np.maximum(c, 1)) for c in cuts)
    counts = along * across
    parent = np.repeat(np.arange(len(ground)), counts)
    index = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    row, column = np.divmod(index, along[parent])
    pieces = choose_quads(ground, parent)
    several = counts[parent] > 1
    corners = pieces.corners.copy()
    u, v = along[parent][several], across[parent][several]
    corners[several] = part(
        pieces.corners[several],
        (column[several] / u, (column[several] + 1) / u),
        (row[several] / v, (row[several] + 1) / v),
    )
    return _moved(replace(pieces, corners=corners), root)


def moved(points: NDArray[np.float64], root: int) -> NDArray[np.float64]:
    """Points `(..., 2)` where the field takes them."""
    if not points.size:
        return points
    east, north = (np.ascontiguousarray(points[..., axis]).ravel() / _GRAIN for axis in (0, 1))
    column, row = np.floor(east), np.floor(north)
    u, v = east - column, north - row
    first, low = int(column.min()), int(row.min())
    width, height = int(column.max()) - first + 2, int(row.max()) - low + 2
    field = _field(np.arange(first, first + width), np.arange(low, low + height), root)
    corner = (row.astype(np.int64) - low) * width + (column.astype(np.int64) - first)
    below, above = field.take(corner), field.take(corner + width)
    below += (field.take(corner + 1) - below) * u
    above += (field.take(corner + width + 1) - above) * u
    below += (above - below) * v
    return np.asarray(points + np.stack([below.real, below.imag], axis=-1).reshape(points.shape))


def _field(columns: NDArray[np.int64], rows: NDArray[np.int64], root: int) -> NDArray[np.complex128]:
    """How far the nodes of a lattice move, east and north as a complex number `(rows, columns)`."""
    x, y = np.meshgrid(columns * _GRAIN, rows * _GRAIN)
    field = np.zeros(x.shape, dtype=np.complex128)
    for metres, reach in _WAVES:
        east = value_noise(root, x, y, metres=metres, purpose=f"wind east {metres}")
        north = value_noise(root, x, y, metres=metres, purpose=f"wind north {metres}")
        field += reach * (east + 1j * north)
    return field


def _moved(these: Quads, root: int) -> Quads:
    return replace(these, corners=moved(these.corners, root))
