"""Verdicts: what a classifier says of a lot of patches, and how familiar the patches look to it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """One classifier's answer to n patches, row by row."""

    probabilities: NDArray[np.float32]
    """(n, 17), rows summing to 1."""
    strangeness: NDArray[np.float32]
    """(n,) how unlike the model's training patches each looks: above 1 is out of its domain, by the threshold in its
    card. Zero throughout where a model does not tell."""

    @property
    def out_of_domain(self) -> NDArray[np.bool_]:
        """(n,) whether a patch looks unlike anything the model was trained on."""
        return self.strangeness > 1
