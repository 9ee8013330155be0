"""Publishing: from the records of a place's tiles to the product on the shelf, all of it or nothing.

The files are written into a staging folder, the STAC item last; then one rename makes them the product.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lczmap.store import picture
from lczmap.store.about import SOFTWARE, attribution, heading, subheading, tags, tiff_tags
from lczmap.store.assets import NAMES
from lczmap.store.cube import write_cube
from lczmap.store.disk import check_writable, remove
from lczmap.store.extent import extent_of
from lczmap.store.layers import CONFIDENCE, LCZ_LAYER, PROBABILITIES, QUALITY, Mosaic, mosaic_of
from lczmap.store.page import Picture, page_of
from lczmap.store.product import ITEM, Product, ProductRequest
from lczmap.store.raster import write_classes, write_raster
from lczmap.store.report import report_of
from lczmap.store.shelf import reserved, shelve, staging, sweep_staging, tidied
from lczmap.store.stac import Table, is_table, item_of, read_item, rebuild_catalogue, write_json
from lczmap.store.truecolour import truecolour
from lczmap.store.zones import areas_csv, write_zones
from lczmap.things.areas import ClassArea, class_areas
from lczmap.things.filter import FILTER_POSTING, filtered
from lczmap.words.errors import NoImageryError
from lczmap.words.grid import posting_of
from lczmap.words.quality import Quality

log = logging.getLogger(__name__)

FILTERED = replace(LCZ_LAYER, name="lcz_filtered")
"""The filtered class map; no tile's record holds it, for it is computed over the whole place."""

TOUCHED_BY_A_GIS = frozenset({"lcz_names", "lcz_style", "lcz_filtered_names", "lcz_filtered_style", "zones"})
"""Files that QGIS writes to when a user merely looks: statistics, styles, the GeoPackage's own tables."""


def write_product(request: ProductRequest) -> Product:
    """Publish a product, unless an equal one stands already.

    Another product of the same place, period and posting moves to `.editions/<n>` inside the new one.

    Args:
        request: everything it is made from.

    Raises:
        NoImageryError: not one wanted cell has a class.
        BrokenRecordError: a tile's record is missing or unreadable.
        StoreFullError: no space is left; what stood before still stands.
        OutputPathError: the folder cannot be written.
    """
    check_writable(request.out)
    slug, edition = request.plan.place.slug, request.edition
    with reserved(request.out):
        sweep_staging(request.out)
        tidied(request.out, slug, edition)
        standing = standing_product(request)
        if standing is not None:
            rebuild_catalogue(request.out)
            return standing
    began = time.perf_counter()
    with staging(request.out) as folder:
        _write_files(request, folder)
        with reserved(request.out):
            standing = standing_product(request)
            if standing is not None:  # another run was faster: its equal product is no older edition
                return standing
            placed = shelve(folder, request.out, slug, edition)
            rebuild_catalogue(request.out)
    log.info("published %s", placed)
    return replace(product_in(placed), written=True, seconds=time.perf_counter() - began)


def standing_product(request: ProductRequest) -> Product | None:
    """The product that stands in a request's place, if it is equal and whole; None otherwise."""
    item = read_item(request.folder / ITEM)
    if item is None or _facts(item).get("lczmap:product_key") != request.key:
        return None
    product = product_in(request.folder)
    whole = all(_unharmed(path, item, key) for key, path in product.files.items())
    return product if whole else None


def product_in(folder: Path) -> Product:
    """Read a product back from its item.

    Raises:
        FileNotFoundError: the folder holds no product.
    """
    item = read_item(folder / ITEM)
    if item is None:
        raise FileNotFoundError(folder / ITEM)
    facts, assets = _facts(item), item["assets"]
    cells = facts["lczmap:class_cells"]
    bits = facts["lczmap:quality_cells"]
    votes = facts.get("lczmap:vhr_cells")
    return Product(
        folder=folder,
        stem=str(item["id"]),
        files={
            **{key: folder / NAMES[key].name(str(item["id"])) for key in (assets if is_table(assets) else ())},
            "item": folder / ITEM,
        },
        areas=class_areas(
            [_count(entry) for entry in cells] if isinstance(cells, list) else [0] * 17,
            posting_of(_count(facts["lczmap:posting"])),
        ),
        wanted=_count(facts["lczmap:cells_wanted"]),
        nodata=_count(facts["lczmap:cells_nodata"]),
        flagged={Quality(int(bit)): _count(count) for bit, count in bits.items()} if is_table(bits) else {},
        vhr_alone=_count(votes.get("by_vhr_alone")) if is_table(votes) else 0,
        written=False,
        seconds=0.0,
    )


def _write_files(request: ProductRequest, folder: Path) -> None:
    """Everything a product holds, the item last."""
    plan, posting = request.plan, request.plan.spec.posting
    plain = folder / ".layers"
    plain.mkdir()
    mosaic = mosaic_of(request, extent_of(plan, clip=request.clip), plain)
    if not any(mosaic.cells):
        raise NoImageryError(
            f"Not one of the {mosaic.wanted} cells of {plan.place.name} could be classified in "
            f"{plan.spec.period.label}: no window is half clear; ask for a longer period or another source."
        )
    areas = class_areas(mosaic.cells, posting)
    files: dict[str, Path] = {}

    def named(key: str) -> Path:
        files[key] = folder / NAMES[key].name(request.stem)
        return files[key]

    _write_rasters(request, mosaic, named)
    write_cube(mosaic, posting, named("zarr"), {name.lower(): text for name, text in tags(request).items()})
    write_zones(mosaic, named("zones"))
    named("areas").write_bytes(areas_csv(areas))
    pictures = _draw(request, mosaic, areas, named)
    named("manifest").write_text(request.manifest, encoding="utf-8")
    facts = report_of(request, mosaic, areas)
    write_json(named("report_json"), facts)
    ordered = {key: files[key] for key in NAMES if key in files}
    named("report").write_text(page_of(facts, pictures, ordered, posting), encoding="utf-8")
    remove(plain)
    write_json(folder / ITEM, item_of(request, mosaic, {key: files[key] for key in NAMES if key in files}))


def _write_rasters(request: ProductRequest, mosaic: Mosaic, named: Callable[[str], Path]) -> None:
    posting, words = request.plan.spec.posting, tiff_tags(request)
    for layer in (LCZ_LAYER, CONFIDENCE, QUALITY, PROBABILITIES):
        write_raster(mosaic, layer, named(layer.name), words)
    _name_side_files("lcz", named)
    if posting <= FILTER_POSTING:
        whole = filtered(mosaic.classes, posting)
        write_classes(whole[mosaic.extent.window], mosaic, FILTERED, named(FILTERED.name), words)
        _name_side_files("lcz_filtered", named)


def _name_side_files(key: str, named: Callable[[str], Path]) -> None:
    for ending in ("names", "style"):
        named(f"{key}_{ending}")


def _draw(
    request: ProductRequest, mosaic: Mosaic, areas: tuple[ClassArea, ...], named: Callable[[str], Path]
) -> tuple[Picture, list[Picture]]:
    """Draw the quicklook and, where composites are at hand, the true colours.

    Returns:
        The quicklook; and the bare map beside the true colours, for comparison.
    """
    plan, grid = request.plan, mosaic.extent.grid
    provisional = ["provisional model weights"] if any(card.provisional for card in request.cards) else []
    streams = [f"Sentinel-2 and VHR, share of Sentinel-2 {plan.sentinel_weight:g}"] if plan.vhr is not None else []
    caption = picture.Caption(
        title=picture.drawable(plan.place.name, plan.place.slug),
        subtitle=subheading(plan),
        footer=(
            picture.drawable(attribution(plan), "See the item for attribution."),
            "  ·  ".join([f"Made with {SOFTWARE}", *streams, *provisional, "classes after Stewart and Oke (2012)"]),
        ),
    )
    quicklook = named("quicklook")
    picture.write_quicklook(mosaic.lcz, grid, quicklook, areas=areas, caption=caption)
    wide = Picture(caption=heading(plan), png=quicklook.read_bytes())
    seen = truecolour(request, grid)
    if seen is None:
        return wide, []
    colours = named("truecolour")
    picture.write_truecolour(seen, colours)
    return wide, [
        Picture(caption="The map alone", png=picture.map_png(mosaic.lcz), cells=True),
        Picture(caption="True colours of the composite it was made from", png=colours.read_bytes()),
    ]


def _unharmed(path: Path, item: Table, key: str) -> bool:
    """Whether a file of a product is there with the size its item states; a GIS may have added to some."""
    assets = item["assets"]
    entry = assets.get(key) if is_table(assets) else None
    size = entry.get("file:size") if is_table(entry) else None
    if size is None or key in TOUCHED_BY_A_GIS:
        return path.exists()
    return path.is_file() and path.stat().st_size == size


def _facts(item: Table) -> Table:
    facts = item["properties"]
    return facts if is_table(facts) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
