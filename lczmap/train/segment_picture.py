"""Draw what a segmenter cuts from real pictures: `python -m lczmap.train.segment_picture --out FILE PATH...`.

Each PATH is a raster, or PATH@LON,LAT for another place than its middle. One column each: 320 m as they are, and under
it their instances with outlines.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from rasterio.warp import transform_bounds

from lczmap.catalog import segmenter_spec
from lczmap.device import use_threads
from lczmap.imagery.vhr import vhr_source
from lczmap.protocols import Segmenter
from lczmap.segment.segmenter import segmenter_from
from lczmap.things.instances import Instances
from lczmap.words.grid import WINDOW_METRES, PixelGrid
from lczmap.words.place import LonLatBox
from lczmap.words.zone import zone_of

_ENLARGED = 1.5
"""Pixels of the figure a metre."""
_TINT = 0.45
"""Share of an instance's colour in what is drawn."""
_OUTLINE = (255, 230, 0)


def window_at(text: str, segmenter: Segmenter) -> NDArray[np.uint8]:
    """The frame (side, side, 3) around the middle of a raster, or around `PATH@LON,LAT`."""
    path, _, place = text.partition("@")
    with rasterio.open(path) as raster:
        west, south, east, north = transform_bounds(  # type: ignore[no-untyped-call]
            raster.crs, "EPSG:4326", *raster.bounds
        )
    lon, lat = (float(part) for part in place.split(",")) if place else ((west + east) / 2, (south + north) / 2)
    zone = zone_of(lon, lat)
    x, y = Transformer.from_crs(4326, zone, always_xy=True).transform(lon, lat)
    side = segmenter.spec.frame_metres
    grid = PixelGrid(
        epsg=zone, west=round(x) - side // 2, north=round(y) + side // 2, metres=1, width=side, height=side
    )
    source = vhr_source(path)
    return source.view(source.identify(LonLatBox(west=west, south=south, east=east, north=north))).read(grid)


def drawn(picture: NDArray[np.uint8], cut: Instances) -> NDArray[np.uint8]:
    """A picture with the instances cut from it, large ones below; black is no data and stays black."""
    out, seen = picture.astype(np.float32), picture.any(axis=2)
    rng = np.random.default_rng(0)
    for index in np.argsort(-cut.areas, kind="stable"):
        mask = cut.mask(int(index)).repeat(cut.metres, 0).repeat(cut.metres, 1) & seen
        inner = mask.copy()
        inner[1:] &= mask[:-1]
        inner[:, 1:] &= mask[:, :-1]
        out[mask] = (1 - _TINT) * out[mask] + _TINT * rng.uniform(40, 255, 3)
        out[mask & ~inner] = _OUTLINE
    return np.asarray(out, dtype=np.uint8)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.segment_picture", description=__doc__)
    parser.add_argument("pictures", nargs="+", help="PATH or PATH@LON,LAT")
    parser.add_argument("--segmenter", default="sam-tiny", help="name in the catalogue")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    use_threads(options.threads)
    segmenter = segmenter_from(segmenter_spec(options.segmenter), weights=None, device=torch.device("cpu"))
    side = segmenter.spec.frame_metres
    first = (side - WINDOW_METRES) // 2
    reach = (first, first, first + WINDOW_METRES, first + WINDOW_METRES)
    core = slice(first, first + WINDOW_METRES)
    columns = []
    for text in options.pictures:
        picture = window_at(text, segmenter)
        (cut,) = segmenter.segment(picture[None], [reach])
        columns.append(np.concatenate([picture[core, core], drawn(picture, cut)[core, core]]))
    figure = Image.fromarray(np.concatenate(columns, axis=1))
    size = (round(figure.width * _ENLARGED), round(figure.height * _ENLARGED))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figure.resize(size, Image.Resampling.LANCZOS).save(options.out, quality=74)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
