"""Milliseconds a cell for graphs and GCN: `python -m tests.bench.graphs [--threads N] [--rounds N] [--frames N]`.

Beside them the same work done cell by cell: each instance's mask cut to the cell and averaged by itself, and a sparse
graph a cell on torch_geometric (`GraphConv` with normalised weights on every edge). Every route is timed once in each
round, one after the other; the table holds medians over the rounds. The instances are made up: 300 a frame of
960 m, which serves four cells, at a grain of 2 m.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GraphConv, global_mean_pool

from lczmap.device import use_threads
from lczmap.models.gcn_fast import FastGCN
from lczmap.models.graph_classifier import InstanceGraphClassifier
from lczmap.testing.fakes import fake_card
from lczmap.things.graph import LEAST_METRES2, MOST_NODES, Graphs, graphs_of, joined
from lczmap.things.instances import Instances, instances_of

METRES, SIDE, COUNT = 2, 960, 300
CORNERS = np.array([(160, 160), (160, 480), (480, 160), (480, 480)])


def scene(seed: int) -> tuple[Instances, NDArray[np.uint8]]:
    """Ragged rectangles of 10 to 120 m a side, and a picture."""
    rng = np.random.default_rng(seed)
    side = SIDE // METRES
    masks = np.zeros((COUNT, side, side), np.bool_)
    for mask in masks:
        top, left = rng.integers(0, side, 2)
        height, width = rng.integers(5, 60, 2)
        mask[top : top + height, left : left + width] = True
    masks &= rng.random((COUNT, side // 4, side // 4)).repeat(4, axis=1).repeat(4, axis=2) > 0.2
    return instances_of(masks, metres=METRES), rng.integers(1, 256, (SIDE, SIDE, 3), np.uint8)


def cell_by_cell(instances: Instances, picture: NDArray[np.uint8]) -> list[tuple[NDArray[np.float32], Tensor]]:
    """Nodes and doubled centres of each cell, one instance after another."""
    cells = []
    seen = picture.any(axis=2)
    masks = [instances.mask(index) for index in range(len(instances))]
    for top, left in CORNERS:
        square = picture[top : top + 320, left : left + 320]
        dark = ~seen[top : top + 320, left : left + 320]
        found = []
        for mask in masks:
            clipped = mask[top // METRES : (top + 320) // METRES, left // METRES : (left + 320) // METRES]
            if not clipped.any():
                continue
            metre_mask = clipped.repeat(METRES, axis=0).repeat(METRES, axis=1) & ~dark
            area = int(metre_mask.sum())
            if area >= LEAST_METRES2:
                rows, columns = np.flatnonzero(clipped.any(axis=1)), np.flatnonzero(clipped.any(axis=0))
                centre = (int(columns[0] + columns[-1]) + 1, int(rows[0] + rows[-1]) + 1)
                found.append((area, square[metre_mask].mean(axis=0) / 255, centre))
        found = sorted(found, key=lambda node: -node[0])[:MOST_NODES]
        nodes = [[*colour, *(doubled * METRES / 640 for doubled in centre)] for _, colour, centre in found]
        centres = torch.tensor([centre for _, _, centre in found]).reshape(-1, 2)
        cells.append((np.array(nodes, np.float32).reshape(-1, 5), centres))
    return cells


class SparseGCN(torch.nn.Module):
    """The same network on edge lists."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(GraphConv(width, 32, aggr="add") for width in (5, 32, 32))
        self.dense = torch.nn.Linear(32, 17)

    def forward(self, data: Data) -> Tensor:
        """Logits of the graphs of a batch."""
        nodes = data.x
        for layer in self.layers:
            nodes = layer(nodes, data.edge_index, data.edge_weight).relu()
        logits: Tensor = self.dense(global_mean_pool(nodes, data.batch))
        return logits


def sparse(nodes: Tensor, centres: Tensor) -> Data:
    """One cell's graph with an edge for each two nodes whose centres differ."""
    apart = torch.cdist(centres.double(), centres.double()) > 0
    scale = apart.sum(dim=1).double().clamp(min=1).rsqrt()
    edges = apart.nonzero().T
    return Data(x=nodes, edge_index=edges, edge_weight=(scale[edges[0]] * scale[edges[1]]).float())


def graph_data(graphs: Graphs) -> Iterator[tuple[Tensor, Tensor]]:
    """Nodes and doubled centres of each cell, without padding."""
    for nodes, centres, count in zip(graphs.nodes, graphs.centres, graphs.counts, strict=True):
        yield torch.from_numpy(nodes[:count]), torch.from_numpy(centres[:count])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=8)
    options = parser.parse_args()
    threads = use_threads(options.threads)
    scenes = [scene(seed) for seed in range(options.frames)]
    graphs = joined([graphs_of(*each, CORNERS) for each in scenes])
    fast, plain = FastGCN().eval(), SparseGCN().eval()
    plain.load_state_dict(fast.state_dict())
    classifier = InstanceGraphClassifier(fake_card(), fast, device=torch.device("cpu"))
    many = joined([graphs] * max(512 // len(graphs), 1))
    cells = list(graph_data(graphs))

    def sparse_one_by_one() -> Tensor:
        return torch.cat([plain(Batch.from_data_list([sparse(*cell)])) for cell in cells])

    def sparse_together() -> Tensor:
        logits: Tensor = plain(Batch.from_data_list([sparse(*cell) for cell in cells]))
        return logits

    routes: dict[str, tuple[int, Callable[[], object]]] = {
        "graphs, all at once": (len(graphs), lambda: [graphs_of(*each, CORNERS) for each in scenes]),
        "graphs, cell by cell": (len(graphs), lambda: [cell_by_cell(*each) for each in scenes]),
        "gcn, closed form": (len(many), lambda: classifier.classify(many)),
        "gcn, sparse, a cell at a time": (len(cells), sparse_one_by_one),
        "gcn, sparse, one batch": (len(cells), sparse_together),
    }
    with torch.inference_mode():
        expected, answers = sparse_one_by_one().softmax(dim=1).numpy(), classifier.classify(graphs)
        rounds = [
            {name: seconds(work) / cells_of for name, (cells_of, work) in routes.items()}
            for _ in range(options.rounds + 1)
        ][1:]
    times = {name: statistics.median(each[name] for each in rounds) * 1e3 for name in routes}
    print(f"cpu, {threads} threads, medians of {options.rounds}, {graphs.counts.mean():.0f} nodes a cell")
    print(f"largest difference of probabilities {np.abs(answers - expected).max():.1e}")
    for name, each in times.items():
        best = times["graphs, all at once" if name.startswith("graphs") else "gcn, closed form"]
        print(f"  {name:30} {each:9.3f} ms a cell {each / best:8.1f} x")
    print(f"  {'graphs and gcn together':30} {times['graphs, all at once'] + times['gcn, closed form']:9.3f} ms a cell")


def seconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
