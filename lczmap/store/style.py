"""How a map looks and what its numbers are called in a GIS: palette, side file, QGIS styles.

Three places carry the same words, because no program reads all of them: the palette and tags inside the GeoTIFF, the
`.aux.xml` beside it (category names and attribute table: GDAL, QGIS, ArcGIS), and the `.qml` (QGIS).
"""

from collections.abc import Mapping
from xml.etree import ElementTree as ET

from lczmap.words.lcz import LCZ, NODATA
from lczmap.words.quality import MEANINGS

Colour = tuple[int, int, int, int]
"""Red, green, blue, alpha, 0..255."""


def palette() -> dict[int, Colour]:
    """All 256 entries of the official palette; nodata and unused codes are transparent.

    Code 15 (LCZ E) is black and opaque, so entry 0 must not be what GDAL takes as default: opaque black.
    """
    colours: dict[int, Colour] = dict.fromkeys(range(256), (0, 0, 0, 0))
    colours.update({zone.code: (*zone.rgb, 255) for zone in LCZ})
    return colours


def class_tags() -> dict[str, str]:
    """Class names as tags, for programs that see the bare GeoTIFF: `LCZ_01` to `LCZ_17`."""
    return {f"LCZ_{zone.code:02d}": zone.title for zone in LCZ}


def quality_tags() -> dict[str, str]:
    """Meaning of the quality bits as tags: `BIT_0001` and so on."""
    return {f"BIT_{bit.value:04d}": meaning for bit, meaning in MEANINGS.items()}


def class_side_file() -> bytes:
    """The `.aux.xml` of a class raster: category names and an attribute table with colours."""
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    names = ET.SubElement(band, "CategoryNames")
    for name in _category_names():
        ET.SubElement(names, "Category").text = name
    band.append(_attribute_table())
    return _xml(root)


def raster_style() -> bytes:
    """QGIS style of a class raster: the official colours, with names, nodata not drawn."""
    root = ET.Element("qgis", version="3.28", styleCategories="Symbology", hasScaleBasedVisibilityFlag="0")
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1", nodataColor=""
    )
    ET.SubElement(renderer, "rasterTransparency")
    entries = ET.SubElement(renderer, "colorPalette")
    for zone in LCZ:
        ET.SubElement(
            entries,
            "paletteEntry",
            value=str(zone.code),
            color=f"#{zone.colour}",
            alpha="255",
            label=zone.title,
        )
    ET.SubElement(pipe, "brightnesscontrast", brightness="0", contrast="0", gamma="1")
    ET.SubElement(pipe, "huesaturation", saturation="0", grayscaleMode="0")
    ET.SubElement(pipe, "rasterresampler", maxOversampling="1")
    ET.SubElement(root, "blendMode").text = "0"
    return _doctype(root)


def zones_style() -> str:
    """QGIS style of the vector zones, by their `lcz` column."""
    root = ET.Element("qgis", version="3.28", styleCategories="Symbology")
    renderer = ET.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr="lcz", enableorderby="0", forceraster="0", symbollevels="0"
    )
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for index, zone in enumerate(LCZ):
        ET.SubElement(
            categories,
            "category",
            symbol=str(index),
            value=str(zone.code),
            label=zone.title,
            render="true",
            type="long",
        )
        symbol = ET.SubElement(
            symbols, "symbol", name=str(index), type="fill", alpha="1", clip_to_extent="1", force_rhr="0"
        )
        layer = ET.SubElement(symbol, "layer", attrib={"class": "SimpleFill"}, enabled="1", locked="0")
        options = ET.SubElement(layer, "Option", type="Map")
        _options(options, color=",".join(str(byte) for byte in (*zone.rgb, 255)))
    return _doctype(root).decode()


def _options(parent: ET.Element, *, color: str) -> None:
    settings: Mapping[str, str] = {
        "color": color,
        "style": "solid",
        "outline_color": "255,255,255,110",
        "outline_style": "solid",
        "outline_width": "0.1",
        "outline_width_unit": "MM",
    }
    for name, value in settings.items():
        ET.SubElement(parent, "Option", name=name, value=value, type="QString")


def _category_names() -> list[str]:
    return ["nodata", *(zone.title for zone in LCZ)]


def _attribute_table() -> ET.Element:
    """A GDAL raster attribute table; field types 0 integer, 2 text; usages 5 value, 2 name, 6 to 9 colour."""
    table = ET.Element("GDALRasterAttributeTable", tableType="thematic")
    fields = (("Value", 0, 5), ("LCZ", 2, 2), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8), ("Alpha", 0, 9))
    for index, (name, kind, usage) in enumerate(fields):
        field = ET.SubElement(table, "FieldDefn", index=str(index))
        ET.SubElement(field, "Name").text = name
        ET.SubElement(field, "Type").text = str(kind)
        ET.SubElement(field, "Usage").text = str(usage)
    rows = [(NODATA, "nodata", 0, 0, 0, 0), *((zone.code, zone.title, *zone.rgb, 255) for zone in LCZ)]
    for index, row in enumerate(rows):
        entry = ET.SubElement(table, "Row", index=str(index))
        for value in row:
            ET.SubElement(entry, "F").text = str(value)
    return table


def _xml(root: ET.Element) -> bytes:
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8")
    return text + b"\n"


def _doctype(root: ET.Element) -> bytes:
    return b"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + _xml(root)
