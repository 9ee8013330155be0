"""Patches a second of the 3D ResNet11: `python -m tests.bench.classify [--threads N] [--rounds N] [--device cpu]`.

Every route is timed once in each round, one after the other, so that a slow spell of the machine falls on all of them;
the table holds medians over the rounds. The plain network runs eagerly, each route at every batch it is offered, and
the ratios compare each at its best.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lczmap.device import choose_device, use_threads
from lczmap.models.resnet11 import ResNet11, as_volume
from lczmap.models.resnet11_fast import fast_resnet11

PLAIN_GMAC, PUSHED_GMAC = 2.90, 0.92
"""Multiplications a patch: of the network as written, and of what is read."""
SIDE = 2048
"""Side of the square matrices whose product is the measure of the machine."""


@dataclass(frozen=True)
class Route:
    """One way to classify, at one batch."""

    name: str
    batch: int
    work: Callable[[Tensor], Tensor]
    patches: Tensor

    def rate(self, seconds: float, wait: Callable[[], None]) -> float:
        """Patches a second, over at least so many seconds."""
        done, began = 0, time.perf_counter()
        while done == 0 or time.perf_counter() - began < seconds:
            self.work(self.patches)
            wait()
            done += self.batch
        return done / (time.perf_counter() - began)


def routes(device: torch.device, batches: list[int]) -> list[Route]:
    """Every route at every batch."""
    network = ResNet11().eval().to(device)
    fast = {
        "fast float32": fast_resnet11(network, dtype=torch.float32, device=device),
        "fast bfloat16": fast_resnet11(network, dtype=torch.bfloat16, device=device),
    }
    works: dict[str, Callable[[Tensor], Tensor]] = {"plain float32": lambda patches: network(as_volume(patches))}
    works |= {name: lambda patches, net=net: net.logits(net.features(patches)) for name, net in fast.items()}
    return [
        Route(name, batch, work, torch.rand(batch, 32, 32, 10, device=device) * 0.4)
        for name, work in works.items()
        for batch in batches
    ]


def peak(dtype: torch.dtype, device: torch.device, wait: Callable[[], None]) -> float:
    """Best GFLOP/s of a square matrix product, as `matmul` and as the 1x1 convolution it is.

    The two go through different libraries on a CPU, and the better one is the machine's measure.
    """
    a = torch.rand(SIDE, SIDE, device=device).to(dtype)
    image = a.view(1, SIDE // 32, 32, SIDE).permute(0, 3, 1, 2)
    kernel = a[:, :, None, None]
    best = float("inf")
    products: tuple[Callable[[], Tensor], ...] = (lambda: a @ a, lambda: functional.conv2d(image, kernel))
    for product in products:
        for _ in range(6):
            began = time.perf_counter()
            product()
            wait()
            best = min(best, time.perf_counter() - began)
    return 2 * SIDE**3 / best / 1e9


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="least time of one measurement")
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device, threads = choose_device(options.device), use_threads(options.threads)
    wait: Callable[[], None] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        offered = routes(device, options.batches)
        for route in offered:
            route.rate(0.0, wait)
        rounds = [[route.rate(options.seconds, wait) for route in offered] for _ in range(options.rounds)]
        peaks = {dtype: peak(dtype, device, wait) for dtype in (torch.float32, torch.bfloat16)}
    rates = {
        (route.name, route.batch): statistics.median(column)
        for route, column in zip(offered, zip(*rounds, strict=True), strict=True)
    }
    print(f"{device}, {threads} threads, medians of {options.rounds}, patches a second")
    for route in offered:
        print(f"  {route.name:15} batch {route.batch:4} {rates[route.name, route.batch]:9.1f}")
    best = {name: max(rate for (named, _), rate in rates.items() if named == name) for name, _ in rates}
    print("ratios, each at its best batch")
    for name, dtype in (("fast float32", torch.float32), ("fast bfloat16", torch.bfloat16)):
        share = best[name] * PUSHED_GMAC * 2 / peaks[dtype]
        print(
            f"  {name:15} {best[name] / best['plain float32']:5.1f} x plain; {share:4.0%} of the matrix-product peak, "
            f"{peaks[dtype]:.0f} GFLOP/s"
        )
    plain_share = best["plain float32"] * PLAIN_GMAC * 2 / peaks[torch.float32]
    print(f"  {'plain float32':15}   1.0 x plain; {plain_share:4.0%} of the matrix-product peak")


if __name__ == "__main__":
    main()
