"""The GCN as the paper has it, on torch_geometric: plain, and what the closed form is compared with.

In: nodes `(b, 50, 5)` float32, centres `(b, 50, 2)` and counts `(b,)` as `lczmap.things.graph.Graphs` has them. Out:
logits `(b, 17)`. A run never imports this.

How the paper is read (DF4LCZ, section III-A.3, eqs. 1 and 2, Fig. 3): the skip connection of a layer is the term H W2,
its own weights on the nodes as they came in, added before the activation; it is no identity added after it, nor one
over several layers. A node's own vector comes in by that term only: the adjacency has no self loops. It is 1 where two
centres differ and 0 where they coincide, as the released code binarises the distances. Pooling is the mean over a
graph's nodes, padding left out; the activation, which the paper does not name, is ReLU.
"""

import torch
from torch import Tensor, nn
from torch_geometric.nn import DenseGraphConv

from lczmap.models.gcn_fast import LAYERS, WIDTH
from lczmap.things.graph import FEATURES, MOST_NODES
from lczmap.words.lcz import CLASS_COUNT


class GCN(nn.Module):
    """Three graph convolutions with skip connections, the mean over a graph's nodes, and 17 logits."""

    def __init__(self) -> None:
        super().__init__()
        given = (len(FEATURES), *(WIDTH,) * (LAYERS - 1))
        self.layers = nn.ModuleList(DenseGraphConv(width, WIDTH, aggr="add") for width in given)
        self.dense = nn.Linear(WIDTH, CLASS_COUNT)

    def forward(self, nodes: Tensor, centres: Tensor, counts: Tensor) -> Tensor:
        """Logits `(b, 17)`; those of a graph without nodes mean nothing."""
        real = torch.arange(MOST_NODES, device=counts.device) < counts[:, None]
        adjacency = normalised_adjacency(centres, real)
        for layer in self.layers:
            # padding is zeroed by the mask
            nodes = layer(nodes, adjacency, real).relu()
        logits: Tensor = self.dense(nodes.sum(dim=1) / counts.clamp(min=1)[:, None])
        return logits


def normalised_adjacency(centres: Tensor, real: Tensor) -> Tensor:
    """D^-1/2 A D^-1/2 `(b, 50, 50)` float32 (DF4LCZ, eq. 1), A = 1 where the distance of two centres is above 0."""
    distance = torch.cdist(centres.double(), centres.double(), compute_mode="donot_use_mm_for_euclid_dist")
    joined = (distance > 0) & real[:, :, None] & real[:, None, :]
    degree = joined.sum(dim=2).double()
    scale = torch.where(degree > 0, degree.clamp(min=1).rsqrt(), 0.0)
    return (scale[:, :, None] * joined * scale[:, None, :]).float()
