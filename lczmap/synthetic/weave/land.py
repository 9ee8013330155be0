"""Low plants (LCZ 14): fields, meadows, paddies, pivots and palm gardens, with their tracks, hedges and ditches."""

from collections.abc import Mapping

import numpy as np

from lczmap.synthetic.chance import between, child_keys, ticket
from lczmap.synthetic.materials import Material
from lczmap.synthetic.quads import Parcels, centre, edge_lengths, long_first, sliced, split_down
from lczmap.synthetic.region import Region, RegionName
from lczmap.synthetic.shapes import Discs, Layer, Quads, Shapes, discs, shapes
from lczmap.synthetic.townplan import Quarters
from lczmap.synthetic.weave.blocks import drawn, fresh, grown, shrunk, surface
from lczmap.synthetic.weave.green import Planting, drift, places_in, planted, rows_along, scattered
from lczmap.synthetic.weave.lanes import HEDGE, bent, country, crossing, ribbons, verge

_FARM: Mapping[RegionName, float] = {
    "european": 190.0, "dense_asian": 110.0, "north_american": 420.0, "informal": 80.0, "desert": 110.0,
}  # fmt: skip
"""Longest side of the land between tracks, metres."""
_STRIPS: Mapping[RegionName, tuple[float, float]] = {
    "european": (28.0, 95.0), "dense_asian": (13.0, 30.0), "north_american": (130.0, 420.0), "informal": (14.0, 45.0),
    "desert": (22.0, 70.0),
}  # fmt: skip
"""Width of fields, metres: least and most."""
_BUND: Mapping[RegionName, float] = {
    "european": 0.6, "dense_asian": 1.0, "north_american": 2.0, "informal": 0.9, "desert": 1.4,
}  # fmt: skip
"""Most that is left between a field and its border, metres."""
_PIVOTS: Mapping[RegionName, float] = {
    "european": 0.0, "dense_asian": 0.0, "north_american": 0.35, "informal": 0.0, "desert": 0.3,
}  # fmt: skip
"""Share of districts watered by circling sprinklers."""
_SMALL_HOLDINGS = ("dense_asian", "informal", "desert")
_FIELD_TREES = Planting(radius=(2.0, 5.0), height=(5.0, 13.0), kinds=((Material.BROADLEAF, 5), (Material.BUSH, 2)))
_COPSE = Planting(
    radius=(2.2, 4.8), height=(6.0, 15.0), kinds=((Material.BROADLEAF, 8), (Material.CONIFER, 1), (Material.BUSH, 2))
)
_PALMS = Planting(radius=(1.8, 2.8), height=(4.0, 8.0), kinds=((Material.PALM, 1),))


def fields(quarters: Quarters, region: Region) -> Shapes:
    """LCZ 14: what the region grows, in fields as large as its machines."""
    land = country(quarters, region)
    circled = (ticket(quarters.district, "pivot") < _PIVOTS[region.name]) & (ticket(quarters.keys, "pivot") < 0.75)
    lots = split_down(land.land.where(~circled), _FARM[region.name], irregular=0.8, purpose="farm")
    lots = Parcels(
        corners=bent(lots.corners, 5.0, metres=130.0, purpose="farm"), keys=lots.keys, parent=np.arange(len(lots))
    )
    farms = shrunk(lots, between(lots.keys, "balk", 0.4, 2.4))
    edges = child_keys(farms.keys[:, None], np.arange(4))
    hedged = (ticket(edges, "hedge") < 0.2 * region.green) & (edge_lengths(farms.corners) < 250.0)
    ways = land.land.where(~circled & (ticket(quarters.keys, "track") < 0.5))
    return shapes(
        ground=[
            verge(quarters, np.where(circled, Material.DRY_GRASS, _balk(region))),
            land.roads,
            tilled(farms, region),
            ribbons(
                crossing(ways, purpose="track", stray=0.07),
                between(ways.keys, "wide", 2.4, 3.8),
                material=drawn(ways.keys, "track", ((Material.YARD, 3), (Material.GRAVEL, 2))),
                keys=fresh(ways.keys, 3),
            ),
        ],
        crowns=[
            land.trees,
            rows_along(farms, HEDGE, spacing=3.4, outward=0.8, share=np.where(hedged, 0.6, 0.0)),
            scattered(
                farms,
                _FIELD_TREES,
                per_hectare=0.1 + (0.2 if region.name == "north_american" else 0.7 * region.green),
                purpose="lone",
            ),
            _copses(land.land.where(~circled), quarters, region),
            _pivots(land.land.where(circled), region),
            _palms(farms, region),
        ],
    )


def tilled(farms: Parcels, region: Region) -> Quads:
    """Farm land cut into fields, each with its crop; furrows run along edge 0."""
    narrow, wide = _STRIPS[region.name]
    strips = sliced(_lengthwise(farms), between(farms.keys, "strip", narrow, wide), irregular=0.35)
    if region.name in _SMALL_HOLDINGS:
        across = sliced(
            _lengthwise(strips), between(strips.keys, "plot", 1.2 * narrow, 2.5 * wide), irregular=0.4, purpose="plot"
        )
        strips = grown(across, strips.parent)
    plots = _lengthwise(shrunk(strips, between(strips.keys, "bund", 0.0, _BUND[region.name])))
    # a farmer's next field often bears the same
    lead = np.where(ticket(plots.keys, "same") < 0.35, farms.keys[plots.parent], plots.keys)
    return surface(plots, drawn(lead, "crop", region.fields), Layer.LOT)


def _lengthwise(ground: Parcels) -> Parcels:
    return Parcels(corners=long_first(ground.corners), keys=ground.keys, parent=ground.parent)


def _balk(region: Region) -> Material:
    """What lies between fields."""
    dry: Mapping[RegionName, Material] = {"informal": Material.DRY_GRASS, "desert": Material.SAND}
    return dry.get(region.name, Material.GRASS)


def _pivots(land: Parcels, region: Region) -> Discs:
    """One watered circle a quarter, as wide as it allows."""
    return discs(
        centre(land.corners),
        radius=0.47 * edge_lengths(land.corners).min(axis=1),
        material=drawn(land.keys, "crop", region.fields),
        height=0.3,
        tone=ticket(land.keys, "tone"),
        keys=fresh(land.keys, 4),
    )


def _copses(land: Parcels, quarters: Quarters, region: Region) -> Discs:
    """Small woods left where nobody ploughs."""
    green = land.where(ticket(quarters.keys[land.parent], "copse") < 0.6 * region.green)
    district = quarters.district[green.parent]
    places = places_in(green.corners, district, spacing=5.6, purpose="copses")
    own = district[places.parent]
    thick = drift(places.where, own, metres=85.0, purpose="copse") > 0.7
    thick[thick] &= drift(places.where[thick], own[thick], metres=24.0, purpose="ragged") > -0.45
    return planted(places.chosen(thick), _COPSE)


def _palms(farms: Parcels, region: Region) -> Discs:
    """Palm gardens: some plots of an oasis."""
    groves = farms.where(ticket(farms.keys, "palms") < (0.3 if region.name == "desert" else 0.0))
    return planted(places_in(groves.corners, groves.keys, spacing=8.0, purpose="palm"), _PALMS)
