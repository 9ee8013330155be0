"""A record: named arrays with a header, the form in which a tile's work is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RecordKind = Literal["observation", "map"]
"""What a record holds; also the folder it is kept in."""
Number = np.bool_ | np.uint8 | np.uint16 | np.int16 | np.float32
"""Kinds of numbers that records hold."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """Named arrays and a few words about them."""

    header: Mapping[str, str]
    """Short facts as text, for instance the tile's name."""
    arrays: Mapping[str, NDArray[Number]]
    """The arrays by name."""
