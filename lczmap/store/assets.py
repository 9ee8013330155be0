"""Every file a product may hold: its key, its name, what it is; and how it is described in STAC."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lczmap.store.about import Json
from lczmap.things.probabilities import PROBABILITY_NODATA, PROBABILITY_SCALE
from lczmap.words.grid import Posting
from lczmap.words.lcz import LCZ, NODATA
from lczmap.words.quality import MEANINGS, QUALITY_NODATA

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
"""Media type of a cloud-optimised GeoTIFF."""


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One file of a product."""

    key: str
    """Key in the STAC item and in `Product.files`."""
    ending: str
    """What follows the product's stem in its name; a whole name where it holds no stem."""
    media: str
    """Media type."""
    roles: tuple[str, ...]
    """STAC roles."""
    title: str
    """What it is."""

    def name(self, stem: str) -> str:
        """The file's name."""
        return self.ending if self.key == "manifest" else f"{stem}_{self.ending}"


def _asset(key: str, ending: str, media: str, roles: str, title: str) -> Asset:
    return Asset(key=key, ending=ending, media=media, roles=tuple(roles.split()), title=title)


ASSETS: tuple[Asset, ...] = (
    _asset("lcz", "lcz.tif", COG, "data", "Local Climate Zones, 1..17, 0 nodata"),
    _asset("lcz_names", "lcz.tif.aux.xml", "application/xml", "metadata", "Class names for GDAL and QGIS"),
    _asset("lcz_style", "lcz.qml", "application/xml", "metadata", "QGIS style"),
    _asset("lcz_filtered", "lcz_filtered.tif", COG, "data", "Local Climate Zones after the WUDAPT Gaussian filter"),
    _asset("lcz_filtered_names", "lcz_filtered.tif.aux.xml", "application/xml", "metadata", "Class names"),
    _asset("lcz_filtered_style", "lcz_filtered.qml", "application/xml", "metadata", "QGIS style"),
    _asset("confidence", "confidence.tif", COG, "data", "Probability of the mapped class, percent, 255 nodata"),
    _asset("quality", "quality.tif", COG, "data", "Quality bits, 65535 nodata"),
    _asset("probabilities", "probabilities.tif", COG, "data", "Probability of each class, 17 bands, x 0.004"),
    _asset("zarr", "lcz.zarr", "application/vnd.zarr; version=3", "data", "Every quantity in one Zarr v3 group"),
    _asset("zones", "zones.gpkg", "application/geopackage+sqlite3", "data", "Zones as polygons, styled for QGIS"),
    _asset("areas", "areas.csv", "text/csv", "data", "Area and share by class"),
    _asset("quicklook", "quicklook.png", "image/png", "overview", "Picture with legend"),
    _asset("truecolour", "truecolour.png", "image/png", "overview", "True colours of the composite"),
    _asset("report", "report.html", "text/html", "metadata", "What was used, skipped and flagged"),
    _asset("report_json", "report.json", "application/json", "metadata", "The report for machines"),
    _asset("manifest", "manifest.toml", "application/toml", "metadata", "The plan; replay it with --from"),
)
"""All assets, in the order they are listed."""
NAMES: Mapping[str, Asset] = {asset.key: asset for asset in ASSETS}
"""Assets by key."""


def described(asset: Asset, path: Path, posting: Posting) -> dict[str, Json]:
    """A file as a STAC asset, with size and checksum.

    Args:
        asset: which file.
        path: where it is, in the folder of the item.
        posting: distance of posts, metres.
    """
    return {
        "href": f"./{path.name}",
        "type": asset.media,
        "title": asset.title,
        "roles": list(asset.roles),
        **_measured(path),
        **_meaning(asset.key, posting),
    }


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _measured(path: Path) -> dict[str, Json]:
    """Size and multihash (0x12 SHA-256, 0x20 its length) of a file; for a folder a digest over all its files."""
    if path.is_file():
        return {"file:size": path.stat().st_size, "file:checksum": f"1220{sha256(path)}"}
    files = sorted((entry.relative_to(path).as_posix(), entry) for entry in path.rglob("*") if entry.is_file())
    whole = hashlib.sha256("".join(f"{sha256(entry)}  {name}\n" for name, entry in files).encode())
    return {"lczmap:files": len(files), "lczmap:tree_sha256": whole.hexdigest()}


def _meaning(key: str, posting: Posting) -> dict[str, Json]:
    """Bands and classes of a raster."""
    match key:
        case "lcz" | "lcz_filtered":
            bands = [_band("lcz", "uint8", NODATA, posting)]
            return {"raster:bands": bands, "classification:classes": _classes()}
        case "confidence":
            return {"raster:bands": [{**_band(key, "uint8", PROBABILITY_NODATA, posting), "unit": "%"}]}
        case "quality":
            bands = [_band(key, "uint16", QUALITY_NODATA, posting)]
            return {"raster:bands": bands, "classification:bitfields": _bitfields()}
        case "probabilities":
            scale: dict[str, Json] = {"scale": PROBABILITY_SCALE, "offset": 0}
            return {
                "raster:bands": [
                    {**_band(zone.title, "uint8", PROBABILITY_NODATA, posting), **scale} for zone in LCZ
                ]
            }  # fmt: skip
        case _:
            return {}


def _band(name: str, dtype: str, nodata: int, posting: Posting) -> dict[str, Json]:
    return {"name": name, "data_type": dtype, "nodata": nodata, "sampling": "area", "spatial_resolution": posting}


def _classes() -> list[Json]:
    nothing: dict[str, Json] = {
        "value": NODATA,
        "name": "nodata",
        "title": "No data",
        "description": "Not mapped",
        "nodata": True,
    }
    classes: list[Json] = [
        {
            "value": zone.code,
            "name": f"lcz-{zone.label.lower()}",
            "title": zone.title,
            "description": zone.name,
            "color_hint": zone.colour.upper(),
        }
        for zone in LCZ
    ]
    return [nothing, *classes]


def _bitfields() -> list[Json]:
    """One field of one bit for every quality flag."""
    return [
        {
            "offset": bit.value.bit_length() - 1,
            "length": 1,
            "name": bit.name.lower() if bit.name else str(bit.value),
            "description": meaning,
            "classes": [
                {"value": 0, "name": "no", "description": f"not: {meaning}"},
                {"value": 1, "name": "yes", "description": meaning},
            ],
        }
        for bit, meaning in MEANINGS.items()
    ]
