"""The plan of a simulated city of any size: quarters with their class, rivers, lakes and the coast.

A city is a function of its seed and region: ask for the quarters that meet a box, or for the water at points, and
the answer never depends on the box. Quarters are the quads of a jittered lattice, bent by a slow warp; districts
(patches of one class, about a kilometre) are a Voronoi diagram, their classes drawn by distance from the centre.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import Keys, between, city_key, lattice_keys, pick, ticket, value_noise
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Corners
from lczmap.synthetic.region import Region

QUARTER_METRES = 400.0
"""Side of a quarter, before it is bent."""
DISTRICT_METRES = 1_000.0
"""Distance between the middles of districts."""
_WARPS = ((5_200.0, 380.0), (1_500.0, 55.0))
"""Wavelength and reach of the bends, metres."""
_REACH = sum(reach for _, reach in _WARPS)

Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TownPlan:
    """One city."""

    seed: int
    """Makes another city of the same region."""
    region: Region
    """Where in the world it could lie."""
    middle: tuple[float, float]
    """Easting and northing of its centre, metres."""
    radius: float
    """From the centre to where the countryside begins, metres."""
    coast: float | None = None
    """Distance from the centre to the sea in the south-east, metres; None inland."""
    river: float | None = 70.0
    """Half the width of the river, metres; None without one."""
    patchwork: bool = False
    """Districts of every class alike, wherever they lie: for training and judging, not for looking like a city."""

    @property
    def key(self) -> int:
        """What everything in the city descends from."""
        return city_key(self.seed)


@dataclass(frozen=True, kw_only=True, eq=False)
class Quarters:
    """Pieces of a city of one class each, between main roads."""

    corners: Corners
    """`(n, 4, 2)` metres, counter-clockwise; together they cover the plane."""
    zone: NDArray[np.uint8]
    """LCZ code `(n,)`."""
    keys: Keys
    """`(n,)`."""
    district: Keys
    """Key of the district each belongs to `(n,)`: what neighbours of one class share."""

    def where(self, keep: NDArray[np.bool_]) -> "Quarters":
        """Those where `keep (n,)` is true."""
        return Quarters(
            corners=self.corners[keep], zone=self.zone[keep], keys=self.keys[keep], district=self.district[keep]
        )


def quarters_in(plan: TownPlan, bounds: tuple[float, float, float, float]) -> Quarters:
    """Every quarter that may meet a box (left, bottom, right, top in metres)."""
    left, bottom, right, top = bounds
    low = np.floor((np.array([left, bottom]) - _REACH) / QUARTER_METRES).astype(np.int64) - 1
    high = np.ceil((np.array([right, top]) + _REACH) / QUARTER_METRES).astype(np.int64) + 1
    i, j = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
    nodes = _nodes(plan, i, j)
    corners = np.stack([nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1]], axis=2).reshape(-1, 4, 2)
    keys = lattice_keys(plan.key, i[:-1, :-1].ravel(), j[:-1, :-1].ravel(), purpose="quarter")
    inner = np.stack([i[:-1, :-1].ravel() + 0.5, j[:-1, :-1].ravel() + 0.5], axis=1) * QUARTER_METRES
    lowest, highest = corners.min(axis=1), corners.max(axis=1)
    meets = (highest > [left, bottom]).all(axis=1) & (lowest < [right, top]).all(axis=1)
    district = _districts(plan, inner[meets])
    return Quarters(
        corners=corners[meets],
        zone=_zones(plan, district),
        keys=keys[meets],
        district=district.keys,
    )


def water_at(plan: TownPlan, x: Points, y: Points) -> tuple[Points, NDArray[np.uint8]]:
    """How far into the water points lie (metres, about; negative on land) and which water is nearest.

    Args:
        plan: the city.
        x: eastings, any shape.
        y: northings, the same shape.

    Returns:
        Depth inland or offshore, and `Material` of the nearest water, both of the shape of x.
    """
    depth = np.full(x.shape, -np.inf)
    kind = np.full(x.shape, Material.POND, dtype=np.uint8)
    for each, material in ((_lake(plan, x, y), Material.POND), (_river(plan, x, y), Material.RIVER),
                           (_sea(plan, x, y), Material.SEA)):  # fmt: skip
        nearer = each > depth
        depth, kind = np.where(nearer, each, depth), np.where(nearer, np.uint8(material), kind)
    return depth, kind


def _nodes(plan: TownPlan, i: NDArray[np.int64], j: NDArray[np.int64]) -> Points:
    """Corners of the lattice, jittered and bent, `(rows, columns, 2)`."""
    keys = lattice_keys(plan.key, i, j, purpose="node")
    jitter = np.stack([between(keys, "east", -0.2, 0.2), between(keys, "north", -0.2, 0.2)], axis=-1)
    flat = (np.stack([i, j], axis=-1) + jitter) * QUARTER_METRES
    bent = flat.copy()
    for metres, reach in _WARPS:
        for axis, name in enumerate(("east", "north")):
            purpose = f"bend {name} {metres}"
            bent[..., axis] += reach * value_noise(plan.key, flat[..., 0], flat[..., 1], metres=metres, purpose=purpose)
    return bent


@dataclass(frozen=True, kw_only=True, eq=False)
class _Districts:
    keys: Keys
    seeds: Points


def _districts(plan: TownPlan, points: Points) -> _Districts:
    """The district (nearest jittered lattice seed) of each point `(n, 2)` of the unbent plane."""
    home = np.floor(points / DISTRICT_METRES).astype(np.int64)
    best = np.full(len(points), np.inf)
    keys, seeds = np.zeros(len(points), dtype=np.uint64), np.zeros_like(points)
    for di in (-1, 0, 1):
        for dj in (-1, 0, 1):
            i, j = home[:, 0] + di, home[:, 1] + dj
            own = lattice_keys(plan.key, i, j, purpose="district")
            seed = np.stack([i + between(own, "east", 0.1, 0.9), j + between(own, "north", 0.1, 0.9)], axis=1)
            seed *= DISTRICT_METRES
            far = ((seed - points) ** 2).sum(axis=1)
            nearer = far < best
            best, keys = np.where(nearer, far, best), np.where(nearer, own, keys)
            seeds = np.where(nearer[:, None], seed, seeds)
    return _Districts(keys=keys, seeds=seeds)


def _zones(plan: TownPlan, district: _Districts) -> NDArray[np.uint8]:
    """LCZ code of each quarter, one for all of a district."""
    if plan.patchwork:
        return (pick(district.keys, "patch", np.ones(16)) + 1).astype(np.uint8)
    far = np.hypot(district.seeds[:, 0] - plan.middle[0], district.seeds[:, 1] - plan.middle[1]) / plan.radius
    east, north = district.seeds[:, 0], district.seeds[:, 1]
    far = far * (1.0 + 0.18 * value_noise(plan.key, east, north, metres=3_000.0, purpose="sprawl"))
    zone = np.zeros(len(far), dtype=np.uint8)
    inner = 0.0
    for outer, shares in plan.region.rings:
        ring = (far >= inner) & (far < outer)
        codes = np.array([code for code, _ in shares], dtype=np.uint8)
        zone[ring] = codes[pick(district.keys[ring], "class", [weight for _, weight in shares])]
        inner = outer
    zone[zone == 0] = plan.region.rings[-1][1][0][0]
    return zone


def _river(plan: TownPlan, x: Points, y: Points) -> Points:
    """Depth into the river: it winds from west to east past the centre."""
    if plan.river is None:
        return np.full(x.shape, -np.inf)
    east, north = x - plan.middle[0], y - plan.middle[1]
    turn = 2.0 * np.pi * float(ticket(np.array([plan.key], dtype=np.uint64), "river")[0])
    along, across = east * np.cos(turn) + north * np.sin(turn), north * np.cos(turn) - east * np.sin(turn)
    zero = np.zeros_like(along)
    bend = 620.0 * value_noise(plan.key, along, zero, metres=2_600.0, purpose="river bend")
    bend += 130.0 * value_noise(plan.key, along, zero, metres=800.0, purpose="river curl")
    width = plan.river * (1.0 + 0.25 * value_noise(plan.key, along, zero, metres=900.0, purpose="river width"))
    # the slope of the bends makes the vertical distance longer than the true one, by about a tenth
    return np.asarray(width - 0.9 * np.abs(across - bend - 0.16 * plan.radius))


def _sea(plan: TownPlan, x: Points, y: Points) -> Points:
    if plan.coast is None:
        return np.full(x.shape, -np.inf)
    outward = ((x - plan.middle[0]) - (y - plan.middle[1])) / np.sqrt(2.0)
    wobble = 420.0 * value_noise(plan.key, x, y, metres=2_400.0, purpose="coast")
    wobble += 70.0 * value_noise(plan.key, x, y, metres=500.0, purpose="cove")
    return np.asarray(outward - plan.coast + wobble)


def _lake(plan: TownPlan, x: Points, y: Points) -> Points:
    """Depth into the ponds and lakes: where a slow noise peaks."""
    hollow = value_noise(plan.key, x, y, metres=1_100.0, purpose="lake")
    edge = 0.06 * value_noise(plan.key, x, y, metres=220.0, purpose="shore")
    return np.asarray((hollow + edge - 0.86) * 900.0)
