"""Woody land: dense trees (LCZ 11), scattered trees (LCZ 12) and bush (LCZ 13)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import Keys, between, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Parcels, split_down
from lczmap.synthetic.region import Mix, Region, RegionName
from lczmap.synthetic.shapes import Discs, Layer, Quads, Shapes, join_discs, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import drawn, fresh, shrunk, surface
from lczmap.synthetic.weave.green import Places, Planting, drift, places_in, planted
from lczmap.synthetic.weave.lanes import bent, country, crossing, edge_keys, ribbons, stains, to_edges, verge

_EDGE = 15.0
"""How far the edge of a wood draws back from its quarter's border, metres, at most."""
_TALL = Planting(radius=(3.4, 6.2), height=(14.0, 27.0), kinds=((Material.BROADLEAF, 1),))
_YOUNG = Planting(radius=(2.0, 3.6), height=(7.0, 17.0), kinds=((Material.BROADLEAF, 12), (Material.BUSH, 1)))
_FIRS = Planting(radius=(1.9, 3.4), height=(12.0, 27.0), kinds=((Material.CONIFER, 14), (Material.BROADLEAF, 1)))
_PARK = Planting(radius=(2.2, 5.6), height=(5.0, 15.0), kinds=((Material.BROADLEAF, 9), (Material.CONIFER, 1)))
_SAVANNA = Planting(radius=(1.8, 5.0), height=(3.5, 9.0), kinds=((Material.BROADLEAF, 4), (Material.BUSH, 2)))
_PALMS = Planting(radius=(1.7, 3.0), height=(4.0, 10.0), kinds=((Material.PALM, 3), (Material.BUSH, 1)))
_BUSHES = Planting(radius=(0.4, 1.6), height=(0.5, 1.95), kinds=((Material.BUSH, 1),))


def dense(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 11: closed woods in stands of one kind and age, with rides and clearings between."""
    land = country(quarters, region, hedges=0.0)
    cut = split_down(land.land, 260.0, irregular=1.0, purpose="stand")
    swung = Parcels(corners=bent(cut.corners, 5.0, metres=110.0, purpose="ride"), keys=cut.keys, parent=cut.parent)
    stands = shrunk(swung, between(swung.keys, "ride", -0.5, 2.2))
    owner = quarters.district[stands.parent]
    ragged = ~land.beside & (ticket(edge_keys(quarters.corners), "ragged") < 0.6)
    old, young = (
        _within(places_in(stands.corners, owner, spacing=metres, purpose=name), stands, quarters, ragged)
        for metres, name in ((8.2, "old trees"), (5.4, "young trees"))
    )
    return shapes(
        ground=[
            verge(quarters, Material.GRASS if region.name != "desert" else Material.DRY_GRASS),
            land.roads,
            surface(stands, Material.SCRUB, Layer.LOT),
        ],
        crowns=[
            land.trees,
            _stand(old, stands, owner, region, tall=True),
            _stand(young, stands, owner, region, tall=False),
        ],
    )


def _within(places: Places, stands: Parcels, quarters: Quarters, ragged: NDArray[np.bool_]) -> Places:
    """Those that stand back from the ragged edges `(quarters, 4)`, by more here and less there."""
    quarter = stands.parent[places.parent]
    far = np.where(ragged[quarter], to_edges(places.where, quarters.corners[quarter]), np.inf).min(axis=1)
    near = far < _EDGE
    back = drift(places.where[near], quarters.district[quarter[near]], metres=48.0, purpose="edge")
    kept = np.ones(len(places), dtype=np.bool_)
    kept[near] = far[near] > _EDGE * back
    return places.chosen(kept)


def _stand(places: Places, stands: Parcels, owner: Keys, region: Region, *, tall: bool) -> Discs:
    """Trees of woods: firs where the stand is of firs, none in clearings, age by stand and place."""
    district = owner[places.parent]
    open_ground = drift(places.where, district, metres=75.0, purpose="clearing")
    patchy = drift(places.where, district, metres=38.0, purpose="mixed")
    places_kept = open_ground + 0.35 * patchy < 0.82
    # some districts are of firs more than others
    kind = ticket(stands.keys, "firs")[places.parent] + 0.3 * patchy + between(district, "firs", -0.2, 0.2)
    firs = (kind < region.conifers) & (region.conifers > 0.0)
    age = 0.45 * ticket(stands.keys, "age")[places.parent] + 0.18 * patchy
    vigour = np.clip(0.18 + age + 0.4 * ticket(places.keys, "vigour"), 0.0, 1.0)
    broad = places_kept & ~firs
    needled = places_kept & firs & (np.bool_(not tall) | (ticket(places.keys, "relic") < 0.25))
    return join_discs(
        [
            planted(places.chosen(broad), _TALL if tall else _YOUNG, vigour=vigour[broad]),
            planted(places.chosen(needled), _FIRS, vigour=vigour[needled]),
        ]
    )


def scattered_trees(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 12: parks with lawns, paths and groups of trees, or savanna, as the region has it."""
    land = country(quarters, region, hedges=0.5)
    wild = region.name in ("informal", "desert")
    owner = quarters.district
    places = places_in(land.land.corners, owner, spacing=7.0, purpose="park trees")
    groups = drift(places.where, owner[places.parent], metres=70.0, purpose="groups")
    stray = ticket(places.keys, "stray")
    cover = between(owner, "cover", 0.12, 0.42)[places.parent]
    grows = stray < np.clip(cover + 0.75 * groups, 0.05, 0.85)
    plants: Mapping[RegionName, Planting] = {"informal": _SAVANNA, "desert": _PALMS}
    paths = _paths(land.land, quarters, wild=wild)
    return shapes(
        ground=[
            verge(quarters, drawn(quarters.district, "wild", _wild(region) if wild else ((Material.GRASS, 1),))),
            land.roads,
            stains(land.land, owner, _dirt(region) if wild else _LAWNS, metres=45.0),
            *paths,
        ],
        crowns=[land.trees, planted(places.chosen(grows), plants.get(region.name, _PARK))],
    )


_LAWNS: Mix = ((Material.GARDEN, 0.05), (Material.DRY_GRASS, 0.07), (Material.SCRUB, 0.10))
"""Share of a park's ground that is flower beds, worn grass and rough grass."""


def _wild(region: Region) -> Mix:
    """What most of the ground between wild plants is, by district."""
    if region.name == "desert":
        return ((Material.SAND, 3), (Material.YARD, 2), (Material.DRY_GRASS, 1))
    return ((Material.DRY_GRASS, 4), (Material.GRASS, 1))


def _dirt(region: Region) -> Mix:
    """Share of wild ground that is other than the rest."""
    if region.name == "desert":
        return ((Material.YARD, 0.2), (Material.DRY_GRASS, 0.15), (Material.GRAVEL, 0.06))
    return ((Material.GRASS, 0.14), (Material.YARD, 0.12), (Material.SCRUB, 0.16))


def _paths(land: Parcels, quarters: Quarters, *, wild: bool) -> list[Quads]:
    """Two or three winding paths through each quarter."""
    found = []
    surfaces: Mix = (
        ((Material.YARD, 1),) if wild else ((Material.GRAVEL, 2), (Material.PAVING, 2), (Material.ASPHALT, 2))
    )
    for number in range(1 if wild else 3):
        some = Parcels(corners=land.corners, keys=fresh(quarters.keys, 20 + number), parent=land.parent)
        found.append(
            ribbons(
                crossing(some, purpose="path", bends=18, stray=0.16),
                between(some.keys, "wide", 1.8, 3.6),
                material=drawn(quarters.district, "path", surfaces),
                keys=some.keys,
            )
        )
    return found


def bush(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 13: bushes on dry grass and bare ground, closer here and further apart there."""
    land = country(quarters, region, hedges=0.0)
    owner = quarters.district
    places = places_in(land.land.corners, owner, spacing=2.7, purpose="bushes")
    slow = drift(places.where, owner[places.parent], metres=85.0, purpose="thick")
    quick = drift(places.where, owner[places.parent], metres=14.0, purpose="clumps")
    cover = _cover(region) * between(owner, "cover", 0.55, 1.5)[places.parent]
    grows = ticket(places.keys, "grows") < cover * np.clip(1.0 + 1.0 * slow + 0.9 * quick, 0.03, 2.2)
    ways = land.land.where(ticket(quarters.keys, "way") < 0.6)
    return shapes(
        ground=[
            verge(quarters, drawn(quarters.district, "ground", _wild(region))),
            land.roads,
            stains(land.land, owner, _dirt(region), metres=34.0),
            ribbons(
                crossing(ways, purpose="way", bends=18, stray=0.15),
                between(ways.keys, "wide", 1.6, 3.0),
                material=Material.YARD,
                keys=fresh(ways.keys, 7),
            ),
        ],
        crowns=[planted(places.chosen(grows), _BUSHES)],
    )


def _cover(region: Region) -> NDArray[np.float64]:
    """Share of the places in a thicket that bear a bush."""
    return np.asarray(0.16 if region.name == "desert" else 0.36)
