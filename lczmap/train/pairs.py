"""Make simulated pairs, Sentinel-2 patches and the 1 m picture around them: `python -m lczmap.train.pairs --out DIR`.

One file a piece of ground; what stands is not made again. Which pieces train, validate and are held out is written
here, before any of them is learned from, and `frozen` is the digest of all that decides what they show. `cuts` makes
graphs of the pictures.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product, repeat
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lczmap import synthetic
from lczmap.synthetic.city import SIMULATION_RECIPE
from lczmap.synthetic.pairs import Pair, pair_of
from lczmap.synthetic.patches import piece_of
from lczmap.synthetic.region import REGION_NAMES, RegionName
from lczmap.train.patches import PatchFolderError

logger = logging.getLogger(__name__)

Split = Literal["train", "validation", "held-out"]
"""What a piece of ground is for."""
SPLIT_NAMES: tuple[Split, ...] = get_args(Split)
"""Every split."""
SEEDS: Mapping[Split, range] = {
    "train": range(1_000, 1_030),
    "validation": range(2_000, 2_012),
    "held-out": range(4_000, 4_080),
}
"""Seeds of each split, in every region; none of them was used for the Sentinel stream's weights (0 to 99).

Held-out seeds are looked at once: those of earlier weights (3000 to 3041) are spent. 400 pieces tell a gain in overall
accuracy of 2.5 points from none, by the spread among the 150 that were looked at last."""
ACROSS = 4
"""Cells along a side of a piece: small pieces show more grounds, dates and flights for the same labour."""
MARGIN = 160
"""Metres of picture around a piece's cells: the context of the shipped segmenters' windows."""
JPEG_QUALITY = 90
"""As pictures of simulated cities are kept."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One piece of ground."""

    split: Split
    """What it is for."""
    region: RegionName
    """Where in the world it could lie."""
    seed: int
    """Its seed."""

    @property
    def name(self) -> str:
        """Stem of its files."""
        return f"{self.split}-{self.region}-{self.seed}"


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredPair:
    """A piece of ground as it is kept; its `n` cells row by row from the north-west."""

    x: NDArray[np.uint16]
    """Patches `(n, 32, 32, 10)`, surface reflectance x 10000."""
    truth: NDArray[np.uint8]
    """`(n,)`: LCZ code with the largest share of the square."""
    share: NDArray[np.float32]
    """`(n,)`: that share, 0..1."""
    picture: NDArray[np.uint8]
    """Red, green, blue at 1 m `(side, side, 3)`, `MARGIN` metres around the cells included; never black."""
    frozen: str
    """What `frozen` was when it was rendered."""


def places(split: Split, *, seeds: int | None = None) -> tuple[Place, ...]:
    """The pieces of a split, all regions of a seed before the next seed; of the first `seeds` seeds alone if asked."""
    chosen = SEEDS[split][:seeds]
    return tuple(Place(split=split, region=region, seed=seed) for seed, region in product(chosen, REGION_NAMES))


def frozen() -> str:
    """Digest of all that decides what the pairs show: sources of the simulator, its recipe, seeds and sizes."""
    digest = hashlib.sha256()
    root = Path(synthetic.__file__).parent
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    sizes = {"recipe": SIMULATION_RECIPE, "across": ACROSS, "margin": MARGIN, "jpeg": JPEG_QUALITY}
    seeds = {split: list(each) for split, each in SEEDS.items()}
    digest.update(json.dumps([sizes, seeds], sort_keys=True).encode())
    return digest.hexdigest()


def write_pair(place: Place, out: Path) -> Path:
    """Render a piece of ground both ways into `out`, whole or not at all, unless it stands there; return its file."""
    path = out / f"{place.name}.npz"
    if not path.exists():
        save(path, _arrays(pair_of(piece_of(place.region, place.seed, across=ACROSS), margin=MARGIN)))
    return path


def _arrays(pair: Pair) -> dict[str, NDArray[np.generic]]:
    encoded = io.BytesIO()
    Image.fromarray(pair.picture).save(encoded, "JPEG", quality=JPEG_QUALITY)
    return {
        "x": pair.patches.x,
        "truth": pair.patches.truth,
        "share": pair.patches.share,
        "jpeg": np.frombuffer(encoded.getvalue(), np.uint8),
        "frozen": np.array(frozen()),
    }


def read_pair(path: Path) -> StoredPair:
    """Read what `write_pair` wrote.

    Raises:
        PatchFolderError: the file is missing or another thing.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("x", "truth", "share", "jpeg", "frozen")}
        picture = np.array(Image.open(io.BytesIO(arrays["jpeg"].tobytes())).convert("RGB"))
    except (OSError, KeyError, ValueError) as error:
        raise PatchFolderError(f"{path} holds no simulated pair: {error}; make it with lczmap.train.pairs.") from error
    # compression may make what is nearly black black, which is no data
    return StoredPair(
        x=arrays["x"],
        truth=arrays["truth"],
        share=arrays["share"],
        picture=np.maximum(picture, np.uint8(1)),
        frozen=str(arrays["frozen"]),
    )


def save(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write arrays whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(partial, **arrays)  # type: ignore[arg-type]
    partial.replace(path)


def add_places(parser: argparse.ArgumentParser) -> None:
    """The options that choose pieces."""
    parser.add_argument("--splits", nargs="+", choices=SPLIT_NAMES, default=list(SPLIT_NAMES))
    parser.add_argument("--seeds", type=int, help="only so many seeds of each split, instead of all")


def asked(options: argparse.Namespace) -> list[Place]:
    """The pieces that these options choose."""
    return [place for split in options.splits for place in places(split, seeds=options.seeds)]


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and render what is missing."""
    parser = argparse.ArgumentParser(prog="python -m lczmap.train.pairs", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where the files lie")
    parser.add_argument("--processes", type=int, default=1)
    add_places(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    with ProcessPoolExecutor(options.processes) as pool:
        for path in pool.map(write_pair, asked(options), repeat(options.out)):
            logger.info("%s", path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
