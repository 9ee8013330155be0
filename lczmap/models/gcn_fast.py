"""The GCN in closed form: linear in the number of nodes, in padded batches, without any adjacency.

In: nodes `(b, 50, 5)` float32, centres `(b, 50, 2)` and counts `(b,)` as `lczmap.things.graph.Graphs` has them. Out:
logits `(b, 17)`. Differentiable: it is what training runs. The same function as the plain form, `lczmap.models.gcn`.

Every two nodes are joined unless their centres coincide, so the normalised adjacency needs only who shares a centre:
with n nodes, m_i of them at the centre of node i (itself included), d_i = n - m_i and s_i = d_i^-1/2 (0 where d_i = 0),

    (A~ H)_i = s_i (S - g_i),   S = sum of s_j H_j over all nodes, g_i = the same sum over those at the centre of i.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lczmap.things.graph import FEATURES, MOST_NODES
from lczmap.words.lcz import CLASS_COUNT

WIDTH = 32
"""Length of a node's vector after every layer (DF4LCZ, Fig. 3)."""
LAYERS = 3
"""Graph convolutions (DF4LCZ, section III-B)."""
_BEYOND = 1 << 20
"""More than any doubled centre, by which a centre's two numbers become one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbours:
    """Who is joined to whom in b graphs, as the closed form wants it."""

    real: Tensor
    """`(b, 50, 1)` float32: 1 for a node, 0 for padding."""
    scale: Tensor
    """`(b, 50, 1)` float32: s_i; 0 for padding and for nodes that are joined to none."""
    others: tuple[tuple[Tensor, Tensor], ...]
    """Pairs of flat places in `(b * 50,)`: in the k-th, each node that shares its centre with k or more others, and
    the k-th of those. No node stands twice in one of them, so the order of adding is the same on every device."""


class GraphLayer(nn.Module):
    """One layer: relu(A~ H W1 + H W2 + b); the skip connection is the weighted H W2 (DF4LCZ, eq. 2)."""

    # named as torch_geometric names them, so that one state dict serves both forms
    def __init__(self, given: int) -> None:
        super().__init__()
        self.lin_rel = nn.Linear(given, WIDTH)
        """W1 and b."""
        self.lin_root = nn.Linear(given, WIDTH, bias=False)
        """W2."""

    def forward(self, nodes: Tensor, neighbours: Neighbours) -> Tensor:
        """Vectors `(b, 50, 32)` from vectors `(b, 50, given)`; zeros for padding."""
        updated: Tensor = self.lin_rel(gathered(nodes, neighbours)) + self.lin_root(nodes)
        return updated.relu() * neighbours.real


class FastGCN(nn.Module):
    """Three layers, the mean over a graph's nodes, and 17 logits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(GraphLayer(given) for given in (len(FEATURES), *(WIDTH,) * (LAYERS - 1)))
        self.dense = nn.Linear(WIDTH, CLASS_COUNT)

    def forward(self, nodes: Tensor, centres: Tensor, counts: Tensor) -> Tensor:
        """Logits `(b, 17)`; those of a graph without nodes mean nothing."""
        neighbours = neighbours_of(centres, counts)
        for layer in self.layers:
            nodes = layer(nodes, neighbours)
        logits: Tensor = self.dense(nodes.sum(dim=1) / counts.clamp(min=1)[:, None])
        return logits


def gathered(nodes: Tensor, neighbours: Neighbours) -> Tensor:
    """A~ H: `(b, 50, w)` from vectors H `(b, 50, w)`, which are zero for padding."""
    scaled = nodes * neighbours.scale
    flat = scaled.flatten(0, 1)
    together = flat
    for places, others in neighbours.others:
        together = together.index_add(0, places, flat[others])
    return neighbours.scale * (scaled.sum(dim=1, keepdim=True) - together.view_as(scaled))


def neighbours_of(centres: Tensor, counts: Tensor) -> Neighbours:
    """Who is joined to whom, from whole-numbered centres `(b, 50, 2)` and counts `(b,)`."""
    place = torch.arange(MOST_NODES, device=centres.device)
    real = place < counts[:, None]
    # padding has centres of its own, one each, so that it shares none
    key = torch.where(real, centres[..., 0].long() * _BEYOND + centres[..., 1], -1 - place)
    ordered, order = key.sort(dim=1, stable=True)
    begins = torch.ones_like(real)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    group = begins.flatten().cumsum(0) - 1
    sizes = torch.bincount(group)
    flat = (order + MOST_NODES * torch.arange(len(counts), device=centres.device)[:, None]).flatten()
    shared = torch.empty_like(flat).scatter_(0, flat, sizes[group]).view_as(key)
    degree = (counts[:, None] - shared).clamp(min=0)
    scale = torch.where(real & (degree > 0), degree.clamp(min=1).float().rsqrt(), 0.0)
    return Neighbours(real=real.float()[..., None], scale=scale[..., None], others=tuple(_others(flat, group, sizes)))


def _others(flat: Tensor, group: Tensor, sizes: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """For k = 1, 2, ...: nodes of groups of more than k, and the k-th next member of their group, round and round.

    Args:
        flat: places of the nodes, group by group.
        group: their groups.
        sizes: of the groups.
    """
    first = sizes.cumsum(0) - sizes
    here = torch.arange(len(flat), device=flat.device)
    for step in range(1, int(sizes.max()) if len(sizes) else 0):
        here = here[sizes[group[here]] > step]
        start, size = first[group[here]], sizes[group[here]]
        yield flat[here], flat[start + (here - start + step) % size]
