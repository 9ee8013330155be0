"""How far features lie from those a network met in training: the out-of-domain score.

In: pooled features `(n, 1024)` float32. Out: strangeness `(n,)`, above 1 out of domain.
The features of training patches fill few directions of their space; what cannot be told in those directions is strange.
Source: residual of a principal subspace, as ViM has it (Wang et al. 2022, arXiv:2203.10807, section 4.1), on features
standardised first. Fitted in `lczmap.train.domain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FEATURES = 1024
"""Length of the feature vector of the 3D ResNet11."""
PREFIX = "domain."
"""What the names of these tensors begin with in a weights file."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """Where the features of training patches lie."""

    centre: Tensor
    """`(1024,)` float32: their mean."""
    gain: Tensor
    """`(1024,)` float32: brings each feature to its unit; the threshold is folded in, so that it is 1."""
    directions: Tensor
    """`(k, 1024)` float32: orthonormal directions, in those units, that training patches differ in."""

    def strangeness(self, features: Tensor) -> Tensor:
        """Length `(n,)` of what of features `(n, 1024)` lies outside the directions."""
        units = (features - self.centre) * self.gain
        # taken away rather than subtracted as squares: directions rounded to float16 are not quite orthonormal
        rest = units - (units @ self.directions.T) @ self.directions
        length: Tensor = torch.linalg.vector_norm(rest, dim=1)
        return length

    def to(self, device: torch.device) -> Domain:
        """The same on a device."""
        return Domain(centre=self.centre.to(device), gain=self.gain.to(device), directions=self.directions.to(device))


def domain_shapes(directions: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors in a weights file, by name; none where a card gives no directions."""
    if not directions:
        return {}
    return {
        f"{PREFIX}centre": (FEATURES,),
        f"{PREFIX}gain": (FEATURES,),
        f"{PREFIX}directions": (directions, FEATURES),
    }


def domain_from(tensors: Mapping[str, NDArray[np.float32]]) -> Domain | None:
    """The domain that a weights file holds, or None."""
    if f"{PREFIX}centre" not in tensors:
        return None
    parts = {name: torch.from_numpy(tensors[f"{PREFIX}{name}"]) for name in ("centre", "gain", "directions")}
    return Domain(**parts)
