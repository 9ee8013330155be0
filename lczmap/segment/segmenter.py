"""From a specification and a weights file to a live segmenter."""

from pathlib import Path

import torch

from lczmap.protocols import Segmenter
from lczmap.segment.cell import CellSegmenter
from lczmap.segment.checkpoint import VitNetwork
from lczmap.segment.lots import Batches
from lczmap.segment.network import Network, ready, vit_sam
from lczmap.segment.slic import SlicSegmenter
from lczmap.segment.tiny import load_tiny
from lczmap.segment.window import WindowSegmenter
from lczmap.weights import find_card, weights_path
from lczmap.words.errors import WeightsError
from lczmap.words.grid import WINDOW_METRES
from lczmap.words.segmenter import SegmenterNetwork, SegmenterSpec

VIT: dict[SegmenterNetwork, VitNetwork] = {"vit_b": "vit_b", "vit_l": "vit_l", "vit_h": "vit_h"}
"""Networks whose weights are published by others."""
CPU_TOKENS, GPU_TOKENS = 1 << 16, 1 << 20
"""Image tokens of all prompts that are decoded at once: what a CPU's cache holds (113 prompts of 24 x 24), and what
keeps a GPU busy (256 prompts of 64 x 64)."""


def segmenter_from(
    spec: SegmenterSpec, *, weights: Path | None, device: torch.device, batches: Batches | None = None
) -> Segmenter:
    """The segmenter of a specification.

    Args:
        spec: how it cuts.
        weights: its weights; None for the shipped ones, and for a network without any.
        device: where it computes.
        batches: how much at once; by default what suits the device.

    Raises:
        WeightsError: the weights are missing or not those of the network.
        SpecError: no network can cut like that.
    """
    if spec.network == "slic":
        return SlicSegmenter(spec)
    return sam_segmenter(spec, network_from(spec, weights=weights, device=device), batches=batches)


def sam_segmenter(spec: SegmenterSpec, network: Network, *, batches: Batches | None = None) -> Segmenter:
    """A segmenter on a network that is already there."""
    batches = batches or batches_for(spec, network)
    if spec.mode == "window":
        return WindowSegmenter(spec, network, batches)
    return CellSegmenter(spec, network, batches)


def batches_for(spec: SegmenterSpec, network: Network) -> Batches:
    """What suits a network's device; a lot of frames fills several lots of prompts."""
    side = round(spec.frame_metres * spec.scale) if spec.mode == "window" else network.side
    tokens = min(spec.crop_tokens or 1 << 16, network.tokens(side)) ** 2
    if network.device.type == "cpu":
        return Batches(prompts=max(CPU_TOKENS // tokens, 1), frames=4, encoded=1)
    return Batches(prompts=max(GPU_TOKENS // tokens, 1), frames=16, encoded=4)


def network_from(spec: SegmenterSpec, *, weights: Path | None, device: torch.device) -> Network:
    """The network of a specification with its weights.

    Raises:
        WeightsError: the weights are missing or not those of the network.
    """
    if spec.network in VIT:
        if weights is None:
            raise WeightsError(
                f"The segmenter {spec.name} needs the checkpoint of {spec.network}, not shipped; give its path."
            )
        return ready(vit_sam(VIT[spec.network], weights), spec.precision, device)
    card = find_card("sam-tiny")
    path = weights or weights_path(card)
    sam = load_tiny(path, card.sha256) if spec.mode == "window" else load_tiny(path, card.sha256, side=WINDOW_METRES)
    return ready(sam, spec.precision, device)
