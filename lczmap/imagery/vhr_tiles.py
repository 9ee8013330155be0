"""Services of map tiles (XYZ, TMS, WMTS in its REST form) as rasters: a template becomes a description for GDAL.

`${NAME}` in a template or address is filled from the environment when it is opened, and nowhere else.
"""

import os
from xml.sax.saxutils import escape

from lczmap.words.errors import SourceNameError
from lczmap.words.vhr_address import NAMED, places_of

_HALF_WORLD = 20037508.342789244
"""Half the side of web Mercator's square, metres."""
_GDALS = {"z": "${z}", "x": "${x}", "y": "${y}", "-y": "${y}", "s": "a"}
_GDALS |= {"TileMatrix": "${z}", "TileCol": "${x}", "TileRow": "${y}"}


def filled(text: str) -> str:
    """A text with every `${NAME}` filled from the environment.

    Raises:
        SourceNameError: one of them is not set.
    """
    missing = sorted({name for name in NAMED.findall(text) if not os.environ.get(name)})
    if missing:
        raise SourceNameError(
            f"The address of the VHR imagery needs {', '.join(missing)}, which the environment does not hold; set it."
        )
    return NAMED.sub(lambda found: os.environ[found[1]], text)


def description_of(template: str, level: int) -> str:
    """GDAL's description of a service of tiles in web Mercator; tiles that are missing are transparent.

    Args:
        template: address with its places; `${NAME}` is filled from the environment.
        level: finest level of tiles.
    """
    address = filled(template)
    for place in places_of(address):
        address = address.replace(f"{{{place}}}", f"<{place}>")
    for place, name in _GDALS.items():  # in two steps: GDAL's names look like places themselves
        address = address.replace(f"<{place}>", name)
    return (
        f'<GDAL_WMS><Service name="TMS"><ServerUrl>{escape(address)}</ServerUrl></Service>'
        f"<DataWindow><UpperLeftX>{-_HALF_WORLD}</UpperLeftX><UpperLeftY>{_HALF_WORLD}</UpperLeftY>"
        f"<LowerRightX>{_HALF_WORLD}</LowerRightX><LowerRightY>{-_HALF_WORLD}</LowerRightY>"
        f"<TileLevel>{level}</TileLevel><TileCountX>1</TileCountX><TileCountY>1</TileCountY>"
        f"<YOrigin>{'bottom' if '-y' in places_of(template) else 'top'}</YOrigin></DataWindow>"
        "<Projection>EPSG:3857</Projection><BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY>"
        "<BandsCount>4</BandsCount><MaxConnections>4</MaxConnections><Timeout>60</Timeout>"
        "<UserAgent>lczmap</UserAgent><ZeroBlockHttpCodes>204,404</ZeroBlockHttpCodes></GDAL_WMS>"
    )
