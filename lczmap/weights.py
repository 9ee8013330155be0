"""The door to model weights: which cards are shipped, and their files, checked before a byte is used.

Weights are safetensors, float16 on disk, float32 in memory. Pickles (`.pt`, `.pth`) are code and are refused.
Knows no network: whoever wants the tensors says which names and shapes it expects.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from lczmap.words.errors import ModelCardError, WeightsError
from lczmap.words.modelcard import ModelCard, parse_model_card

WEIGHTS_FOLDER = Path(__file__).parent / "models" / "weights"
"""Where shipped cards and weights lie."""
DTYPES = (np.dtype(np.float16), np.dtype(np.float32))
"""What weights may be on disk."""

Shapes = Mapping[str, tuple[int, ...]]


def shipped_names() -> tuple[str, ...]:
    """Names of the shipped models, in the order of `catalogs/models.toml`."""
    shipped = resources.files("lczmap").joinpath("catalogs", "models.toml")
    beside = Path(__file__).parents[1] / "catalogs" / "models.toml"
    text = shipped.read_text(encoding="utf-8") if shipped.is_file() else beside.read_text(encoding="utf-8")
    rows: list[dict[str, str]] = tomllib.loads(text)["model"]
    return tuple(row["name"] for row in rows)


def shipped_cards() -> tuple[ModelCard, ...]:
    """Cards of the shipped models, in the order of the catalogue."""
    return tuple(find_card(name) for name in shipped_names())


def find_card(name: str) -> ModelCard:
    """The card of a shipped model.

    Raises:
        ModelCardError: no such model is shipped; the message suggests near names.
    """
    names = shipped_names()
    if name not in names:
        near = get_close_matches(name, names, n=3) or names
        raise ModelCardError(f"No model is named {name!r}; known: {', '.join(near)} (`lczmap models` lists them).")
    return read_card(WEIGHTS_FOLDER / f"{name}.toml")


def read_card(path: Path) -> ModelCard:
    """Read a card from a file.

    Raises:
        ModelCardError: the file is missing or is no model card.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelCardError(f"The model card {path} cannot be read: {error}.") from None
    return parse_model_card(text)


def weights_path(card: ModelCard, folder: Path = WEIGHTS_FOLDER) -> Path:
    """Where a card's weights lie: beside the card."""
    return folder / card.weights


def check_digest(card: ModelCard, folder: Path = WEIGHTS_FOLDER) -> None:
    """Make sure that the file beside a card is the one the card speaks of.

    Raises:
        WeightsError: it is missing or another one.
    """
    path = weights_path(card, folder)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(f"The weights {path} cannot be read ({error.strerror}); install lczmap again.") from None
    if digest != card.sha256:
        raise _altered(path, digest, card.sha256)


def read_weights(path: Path, *, sha256: str, shapes: Shapes) -> dict[str, NDArray[np.float32]]:
    """Read a weights file whole, after checking its digest, its format, and every name and shape.

    Args:
        path: a safetensors file.
        sha256: digest the model card gives.
        shapes: tensors the network expects, by name.

    Raises:
        WeightsError: the file is missing, altered, truncated, unsafe, or belongs to another network.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"The weights {path} cannot be read ({error.strerror}); install lczmap again.") from None
    tensors = _safetensors(path, content)
    _refuse_other_network(path, tensors, shapes)
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise _altered(path, digest, sha256)
    return {name: tensors[name].astype(np.float32) for name in shapes}


def _altered(path: Path, digest: str, expected: str) -> WeightsError:
    return WeightsError(
        f"The weights {path} are not those of their card: SHA-256 {digest[:12]}..., expected {expected[:12]}...; "
        "fetch the file again."
    )


def _safetensors(path: Path, content: bytes) -> dict[str, NDArray[np.generic]]:
    """Every tensor of a file. Nothing is ever unpickled; what looks like a pickle is only named as one."""
    try:
        tensors: dict[str, NDArray[np.generic]] = load(content)
    except SafetensorError as error:
        # asked second: a safetensors header of 128 bytes begins as a pickle of version 0 does
        if content.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
            raise WeightsError(
                f"The weights {path} are a pickle, which may run code when opened; expected safetensors."
            ) from None
        raise WeightsError(
            f"The weights {path} are truncated or no safetensors file ({error}); fetch the file again."
        ) from None
    return tensors


def _refuse_other_network(path: Path, tensors: Mapping[str, NDArray[np.generic]], shapes: Shapes) -> None:
    missing, extra = sorted(shapes.keys() - tensors.keys()), sorted(tensors.keys() - shapes.keys())
    if missing or extra:
        named = f"lacks {missing[0]}" if missing else f"holds {extra[0]} besides"
        raise WeightsError(
            f"The weights {path} belong to another network: the file {named} "
            f"({len(missing)} tensors missing, {len(extra)} too many)."
        )
    for name, shape in shapes.items():
        got = tensors[name]
        if got.shape != shape:
            raise WeightsError(f"The weights {path} belong to another network: {name} is {got.shape}, not {shape}.")
        if got.dtype not in DTYPES:
            raise WeightsError(f"The weights {path} hold {name} as {got.dtype}, expected float16 or float32.")
