"""Seconds a cell of the segmenters: `python -m tests.bench.segment {modes,parts} [--network ...] [--device cpu]`.

`modes`: window against cell mode against segment-anything's own generator, same weights, same cells, same prompt
pitch; with shipped weights also how many of cell mode's instances the windows find. `parts`: encoder, decoder and
what follows, each by itself, and what a city of 100 x 100 km would take. Routes take turns; medians over rounds.
Networks without shipped weights run on random ones, whose qualities are shifted so that half of the prompts pass.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from lczmap.catalog import segmenter_spec
from lczmap.device import choose_device, use_threads
from lczmap.segment.cell import CellSegmenter
from lczmap.segment.decode import Prompts
from lczmap.segment.decode_fast import attend_fast
from lczmap.segment.network import Network, computing, ready, vit_sam
from lczmap.segment.prompts import window_points
from lczmap.segment.segmenter import batches_for, sam_segmenter
from lczmap.segment.tiny import load_tiny, tiny_sam
from lczmap.segment.vision import segment_anything
from lczmap.segment.window import WindowSegmenter
from lczmap.things.frames import frames_of
from lczmap.things.instances import Instances
from lczmap.weights import find_card, shipped_names, weights_path
from lczmap.words.grid import Tile
from lczmap.words.segmenter import SegmenterSpec
from tests.bench.classify import peak

CITY_CELLS = 97_656
"""Cells of 320 m in 100 x 100 km."""
NAMES = {"sam-tiny": "sam-tiny", "vit_b": "sam-vit-b", "vit_l": "sam-vit-l", "vit_h": "sam-vit-h"}


@dataclass(frozen=True)
class Route:
    """One way to cut the cells of one window."""

    name: str
    cells: float
    work: Callable[[], object]


def network_of(spec: SegmenterSpec, device: torch.device) -> tuple[Network, bool]:
    """A network, and whether its weights are shipped."""
    if spec.network != "sam-tiny":
        return ready(vit_sam(spec.network, None), spec.precision, device), False
    side = 320 if spec.mode == "cell" else 0
    if "sam-tiny" in shipped_names():
        card = find_card("sam-tiny")
        path = weights_path(card)
        sam = load_tiny(path, card.sha256, side=side) if side else load_tiny(path, card.sha256)
        return ready(sam, spec.precision, device), True
    return ready(tiny_sam(side) if side else tiny_sam(), spec.precision, device), False


def halved(spec: SegmenterSpec, network: Network, pictures: NDArray[np.uint8]) -> SegmenterSpec:
    """A spec under which half of the masks of random weights pass."""
    side = round(spec.frame_metres * spec.scale) if spec.mode == "window" else network.side
    with computing():
        embedding = network.embed(pictures[:1], side)
        points = torch.rand(32, 2, device=network.device) * side
        prompts = Prompts(points=points, frames=torch.zeros(32, dtype=torch.long, device=network.device))
        head = network.sam.mask_decoder.iou_prediction_head.layers[-1]
        seen = attend_fast(network.sam, embedding, prompts, crop_tokens=spec.crop_tokens).qualities
        head.bias += spec.iou_threshold - seen.median()
    return spec.changed({"stability_threshold": 0.0})


def pictures_of(side: int, count: int) -> NDArray[np.uint8]:
    """Towns of blocks with some grain, never black."""
    rng = np.random.default_rng(7)
    tones = rng.integers(20, 235, (count, side // 16, side // 16, 3))
    sheet = tones.repeat(16, 1).repeat(16, 2) + rng.integers(-15, 16, (count, side, side, 1))
    return sheet.astype(np.uint8)


def modes(options: argparse.Namespace, device: torch.device) -> None:
    """The ratio table."""
    wide = segmenter_spec(NAMES[options.network], {"precision": options.precision})
    cell = wide.changed({"mode": "cell", "points_per_side": options.points, "crop_layers": options.layers})
    plain = cell.changed({"crop_layers": 0})
    wide = wide.changed({"pitch_metres": 320 / options.points})
    frames = pictures_of(wide.frame_metres, 1)
    core = slice(wide.context_metres, wide.context_metres + wide.core_metres)
    cells = np.stack(
        [
            frames[0, core, core][top : top + 320, left : left + 320]
            for top in range(0, wide.core_metres, 320)
            for left in range(0, wide.core_metres, 320)
        ]
    )
    (by_window, shipped), (by_cell, _) = network_of(wide, device), network_of(cell, device)
    if not shipped:
        wide = halved(wide, by_window, frames)
        cell = halved(cell, by_cell, cells)
        plain = cell.changed({"crop_layers": 0})
    window, cut = sam_segmenter(wide, by_window), sam_segmenter(cell, by_cell)
    flat = sam_segmenter(plain, by_cell)
    reaches = {posting: reach_at(wide, posting) for posting in (320, 100)}
    routes = [
        Route("window, 320 m", 4, lambda: window.segment(frames, [reaches[320]])),
        Route("window, 100 m", 40.96, lambda: window.segment(frames, [reaches[100]])),
        Route("cell, no crops", 1, lambda: flat.segment(cells[:1], [(0, 0, 320, 320)])),
        Route(f"cell, {options.layers} layers", 1, lambda: cut.segment(cells[:1], [(0, 0, 320, 320)])),
    ]
    if options.precision == "float32":
        routes.append(Route("generator", 1, lambda: generated(cell, by_cell, cells[0])))
    seconds = timed(routes, options, device)
    prompts = {
        "window, 320 m": len(window_points(wide, reaches[320])),
        "window, 100 m": len(window_points(wide, reaches[100])),
        "cell, no crops": options.points**2,
    }
    asked = options.points**2 + sum(
        4**layer * (options.points // 2**layer) ** 2 for layer in range(1, options.layers + 1)
    )
    print(f"{options.network}, {options.precision}, {device}, {'shipped' if shipped else 'random'} weights")
    print(f"  {'':16} {'s a cell':>9} {'prompts/s':>10} {'against cell mode':>18} {'without crops':>14}")
    for route in routes:
        own = seconds[route.name] / route.cells
        rate = prompts.get(route.name, asked) / seconds[route.name]
        print(
            f"  {route.name:16} {own:9.3f} {rate:10.0f} {seconds[routes[3].name] / own:17.1f}x "
            f"{seconds['cell, no crops'] / own:13.1f}x"
        )
    if shipped:
        print(f"  of cell mode's instances the windows find {recall(wide, window, cut, frames, cells):.0%} (IoU 0.5)")


def reach_at(spec: SegmenterSpec, posting: int) -> tuple[int, int, int, int]:
    """Reach of a window in the middle of a tile."""
    side = 12_800 // posting
    tile = Tile(epsg=32633, column=0, row=0)
    wanted = np.zeros((side, side), np.bool_)
    wanted[side // 2, side // 2] = True
    return next(frames_of(tile, posting, wanted, spec)).reach  # type: ignore[arg-type]


def generated(spec: SegmenterSpec, network: Network, cell: NDArray[np.uint8]) -> object:
    """The package's own generator on one cell."""
    generator = segment_anything().SamAutomaticMaskGenerator(
        network.sam,
        points_per_side=spec.points_per_side,
        pred_iou_thresh=spec.iou_threshold,
        stability_score_thresh=spec.stability_threshold,
        box_nms_thresh=spec.nms_threshold,
        crop_n_layers=spec.crop_layers,
        crop_nms_thresh=spec.nms_threshold,
        crop_n_points_downscale_factor=2,
        min_mask_region_area=int(spec.least_metres2),
    )
    return generator.generate(cell)


def recall(
    spec: SegmenterSpec,
    window: WindowSegmenter | CellSegmenter,
    cut: WindowSegmenter | CellSegmenter,
    frames: NDArray[np.uint8],
    cells: NDArray[np.uint8],
) -> float:
    """Share of cell mode's instances of 50 m2 and more that some instance of the window overlaps by half."""
    (wide,) = window.segment(frames, [reach_at(spec, 320)])
    grain, found = spec.grain_metres, []
    for index, own in enumerate(cut.segment(cells, [(0, 0, 320, 320)] * len(cells))):
        top, left = (spec.context_metres + 320 * place for place in divmod(index, spec.core_metres // 320))
        masks = [
            clipped(wide, each, (top // grain, left // grain), 320 // grain).repeat(grain, 0).repeat(grain, 1)
            for each in range(len(wide))
        ]
        for each in range(len(own)):
            mask = own.mask(each)
            if mask.sum() >= 50:
                best = max(((mask & other).sum() / max((mask | other).sum(), 1) for other in masks), default=0.0)
                found.append(best >= 0.5)
    return float(np.mean(found)) if found else 0.0


def clipped(instances: Instances, index: int, corner: tuple[int, int], side: int) -> NDArray[np.bool_]:
    """One instance within a cell."""
    return instances.mask(index)[corner[0] : corner[0] + side, corner[1] : corner[1] + side]


def timed(routes: Sequence[Route], options: argparse.Namespace, device: torch.device) -> dict[str, float]:
    """Median seconds of each route, by the wall's clock or the processor's."""
    clock = time.process_time if options.core_seconds else time.perf_counter
    wait: Callable[[], None] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    taken: dict[str, list[float]] = {route.name: [] for route in routes}
    for turn in range(options.rounds + 1):
        for route in routes:
            began = clock()
            route.work()
            wait()
            if turn:  # the first one warms up
                taken[route.name].append(clock() - began)
    return {name: statistics.median(each) for name, each in taken.items()}


def parts(options: argparse.Namespace, device: torch.device) -> None:
    """Where the time goes, and what a large city takes."""
    spec = segmenter_spec(NAMES[options.network], {"precision": options.precision})
    if options.crop_tokens is not None:
        spec = spec.changed({"crop_tokens": options.crop_tokens})
    network, shipped = network_of(spec, device)
    batches = batches_for(spec, network)
    count = options.frames or batches.frames
    pictures = pictures_of(spec.frame_metres, count)
    if not shipped:
        spec = halved(spec, network, pictures)
    segmenter, side = sam_segmenter(spec, network, batches=batches), round(spec.frame_metres * spec.scale)
    reach = reach_at(spec, 320)
    lot = pictures[: batches.encoded]
    points = torch.from_numpy(window_points(spec, reach)[: batches.prompts] * spec.scale).float().to(device)
    prompts = Prompts(points=points, frames=torch.zeros(len(points), dtype=torch.long, device=device))
    with computing():
        embedding = network.embed(lot, side)[:1]
        with FlopCounterMode(display=False) as counter:
            network.embed(lot[:1], side)
        encoding = counter.get_total_flops()
        with FlopCounterMode(display=False) as counter:
            attend_fast(network.sam, embedding, prompts, crop_tokens=spec.crop_tokens)
        attending = counter.get_total_flops() / len(points)
        seconds = timed(
            [
                Route("encode", 1, lambda: network.embed(lot, side)),
                Route("attend", 1, lambda: attend_fast(network.sam, embedding, prompts, crop_tokens=spec.crop_tokens)),
                Route("whole", 1, lambda: segmenter.segment(pictures, [reach] * count)),
            ],
            options,
            device,
        )
    # the peak goes by the wall's clock: beside core seconds it would say nothing
    best = peak(network.dtype, device, torch.cuda.synchronize if device.type == "cuda" else lambda: None) * 1e9
    frame = {"encode": seconds["encode"] / len(lot), "whole": seconds["whole"] / count}
    frame["attend"] = seconds["attend"] / len(points) * len(window_points(spec, reach))
    rest = frame["whole"] - frame["encode"] - frame["attend"]
    cells = (spec.core_metres // 320) ** 2
    found = sum(len(each) for each in segmenter.segment(pictures[:1], [reach]))
    print(f"{options.network}, {options.precision}, {device}, {'shipped' if shipped else 'random'} weights, {batches}")
    share = (lambda _: "") if options.core_seconds else (lambda rate: f"{rate / best:.0%} of the peak, ")
    print(f"  peak of matrix products {best / 1e12:.2f} TFLOP/s by the wall's clock")
    print(
        f"  encoder  {1 / frame['encode']:8.2f} frames/s, {encoding / 1e9:.0f} GFLOP a frame, "
        f"{share(encoding / frame['encode'])}{frame['encode'] / frame['whole']:.0%} of the time"
    )
    print(
        f"  decoder  {len(points) / seconds['attend']:8.0f} prompts/s, {attending / 1e9:.2f} GFLOP a prompt, "
        f"{share(attending * len(points) / seconds['attend'])}{frame['attend'] / frame['whole']:.0%} of the time"
    )
    print(f"  masks, suppression, regions: {rest / frame['whole']:.0%} of the time, {found} instances a frame")
    print(
        f"  {cells / frame['whole']:.2f} cells/s, "
        f"{CITY_CELLS * frame['whole'] / cells / 60:.1f} min for {CITY_CELLS} cells"
    )


def main() -> None:
    """Time, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("modes", "parts"))
    parser.add_argument("--network", choices=tuple(NAMES), default="sam-tiny")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--points", type=int, default=12)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--crop-tokens", type=int, default=None)
    parser.add_argument("--frames", type=int, default=0)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core-seconds", action="store_true", help="count the processor's time: for busy machines")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = choose_device(options.device)
    use_threads(options.threads)
    torch.manual_seed(0)
    {"modes": modes, "parts": parts}[options.what](options, device)


if __name__ == "__main__":
    main()
