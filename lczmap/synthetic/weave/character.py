"""The character of a block: what tells it from the next one, drawn once and shared by all that stands on it.

In: keys of blocks, or of things and of the blocks they stand in. Out: factors and keys to draw by.
"""

import numpy as np
from numpy.typing import NDArray

from lczmap.synthetic.chance import Keys, between, child_keys, ticket


def greenness(block: Keys) -> NDArray[np.float64]:
    """How much greener than its region a block is, a factor of 0.3 to 1.8 `(n,)`, 1 on average."""
    luck = ticket(block, "greenness")
    # bare, common and lush blocks
    return np.interp(luck, (0.0, 0.35, 0.7, 1.0), (0.3, 0.6, 1.3, 1.8))


def scale(block: Keys, purpose: str, reach: float) -> NDArray[np.float64]:
    """A factor about 1 `(n,)`, from `1 / reach` to `reach`."""
    return np.asarray(reach ** between(block, purpose, -1.0, 1.0))


def builder(own: Keys, block: Keys) -> Keys:
    """Who chose what a building is made of: whoever built the whole block, or its owner `(n,)`.

    Args:
        own: keys of buildings `(n,)`.
        block: key of the block of each `(n,)`; in some nearly all buildings are alike, in others hardly any.
    """
    alike = np.interp(ticket(block, "alike"), (0.0, 0.5, 1.0), (0.1, 0.7, 0.95))
    return np.where(ticket(own, "own builder") < alike, block, own)


def lined(block: Keys, share: float) -> NDArray[np.float64]:
    """Share of the places for street trees that are planted along each edge of blocks `(n, 4)`.

    Args:
        block: keys of blocks `(n,)`.
        share: of the streets that have trees, on average; the others have none.
    """
    chosen = ticket(child_keys(block[:, None], np.arange(4)), "lined") < (share * greenness(block))[:, None]
    return np.where(chosen, 0.85, 0.0)
