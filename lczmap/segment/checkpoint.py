"""The door to official SAM checkpoints: by path or from their published address, checked before they are used.

In: a file. Out: tensors by name. A pickle's code is never run: `torch.load(weights_only=True)`. A file that is not the
published one is taken only where every tensor fits the network, and its note says so.
"""

import hashlib
import logging
import os
import pickle
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import requests
import torch

from lczmap.words.errors import SourceUnreachableError, WeightsError

_log = logging.getLogger(__name__)

VitNetwork = Literal["vit_b", "vit_l", "vit_h"]
"""The networks whose weights Meta publishes."""
Shapes = Mapping[str, tuple[int, ...]]
"""Shape of each tensor a network expects, by name."""
CHUNK = 1 << 22
"""Bytes read at once."""


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """One published checkpoint (https://github.com/facebookresearch/segment-anything)."""

    url: str
    """Where it is published."""
    size: int
    """Bytes."""
    md5: str
    """MD5 digest, 32 hexadecimal digits."""

    @property
    def name(self) -> str:
        """File name."""
        return self.url.rpartition("/")[2]


_ADDRESS = "https://dl.fbaipublicfiles.com/segment_anything/"
PUBLISHED: Mapping[VitNetwork, PublishedFile] = {
    "vit_b": PublishedFile(
        url=_ADDRESS + "sam_vit_b_01ec64.pth", size=375_042_383, md5="01ec64d29a2fca3f0661936605ae66f8"
    ),
    "vit_l": PublishedFile(
        url=_ADDRESS + "sam_vit_l_0b3195.pth", size=1_249_524_607, md5="0b3195507c641ddb6910d2bb5adee89b"
    ),
    "vit_h": PublishedFile(
        url=_ADDRESS + "sam_vit_h_4b8939.pth", size=2_564_550_879, md5="4b8939a88964f0f4ff5f5b2642c598a6"
    ),
}
"""The published files."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """The tensors of one file."""

    tensors: Mapping[str, torch.Tensor]
    """By name, on the CPU."""
    note: str
    """What the run has to say of the file; empty for the published one."""


def read_checkpoint(path: Path, network: VitNetwork, shapes: Shapes) -> Checkpoint:
    """Read a checkpoint of a network.

    Args:
        path: a file as `torch.save` writes it.
        network: which one it should be.
        shapes: tensors the network expects.

    Raises:
        WeightsError: the file is missing, truncated, of the wrong size, holds code, or belongs to another network.
    """
    expected = PUBLISHED[network]
    try:
        size = path.stat().st_size
    except OSError as error:
        raise WeightsError(
            f"The checkpoint {path} cannot be read ({error.strerror}); give the path of {expected.name}."
        ) from None
    if path.name == expected.name and size != expected.size:
        raise WeightsError(
            f"The checkpoint {path} has {size:,} bytes, expected {expected.size:,}; fetch it again from {expected.url}."
        )
    tensors = _unpickled(path)
    _refuse_other_network(path, tensors, shapes)
    if size == expected.size and _md5(path) == expected.md5:
        return Checkpoint(tensors=tensors, note="")
    note = f"the weights {path.name} are not the published {expected.name}; they fit {network} and are used as they are"
    _log.warning(note)
    return Checkpoint(tensors=tensors, note=note)


def fetch_checkpoint(network: VitNetwork, folder: Path) -> Path:
    """The published checkpoint in a folder, fetched where it is not there yet.

    Only for those who ask for it: 0.4 to 2.6 GB. The file stands under its name only when size and MD5 are right.

    Raises:
        SourceUnreachableError: the address does not answer, or breaks off.
        WeightsError: what came is not the published file, or it cannot be written.
    """
    wanted = PUBLISHED[network]
    target, part = folder / wanted.name, folder / f"{wanted.name}.{os.getpid()}.part"
    if not (target.is_file() and target.stat().st_size == wanted.size and _md5(target) == wanted.md5):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _fetch(wanted, part)
            part.replace(target)
        except requests.RequestException as error:
            raise SourceUnreachableError(
                f"The checkpoint {wanted.url} cannot be fetched ({type(error).__name__}); try again, or give its path."
            ) from error
        except OSError as error:
            raise WeightsError(
                f"The checkpoint cannot be written to {folder} ({error.strerror}); choose another."
            ) from None
        finally:
            with suppress(NotADirectoryError):
                part.unlink(missing_ok=True)
    return target


def _fetch(wanted: PublishedFile, part: Path) -> None:
    """Write what the address gives to a file, and make sure that it is what was published."""
    digest, size = hashlib.md5(usedforsecurity=False), 0
    with requests.get(wanted.url, stream=True, timeout=60) as answer, part.open("wb") as file:
        answer.raise_for_status()
        for chunk in answer.iter_content(CHUNK):
            size += file.write(chunk)
            digest.update(chunk)
            if size > wanted.size:
                break
    if size != wanted.size or digest.hexdigest() != wanted.md5:
        raise WeightsError(
            f"{wanted.url} gave {size:,} bytes with MD5 {digest.hexdigest()}, expected {wanted.size:,} with "
            f"{wanted.md5}; try again."
        )


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _unpickled(path: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a file; whatever else it holds is refused unopened."""
    try:
        with warnings.catch_warnings():
            # torch warns of pickle protocols it may not read: what it cannot read is refused here anyway
            warnings.simplefilter("ignore")
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # weights_only names the forbidden function; a file that is no pickle at all fails in the same class
        if "Unsupported" in str(error) or "WeightsUnpickler" in str(error) or "GLOBAL" in str(error):
            raise WeightsError(
                f"The checkpoint {path} holds code besides tensors and was not opened; get the published file."
            ) from None
        raise _no_checkpoint(path) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError):
        raise _no_checkpoint(path) from None
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise WeightsError(f"The checkpoint {path} holds no table of tensors; get the published file.")
    return {str(name): value for name, value in content.items()}


def _no_checkpoint(path: Path) -> WeightsError:
    return WeightsError(f"The checkpoint {path} is truncated or no PyTorch file; fetch it again.")


def _refuse_other_network(path: Path, tensors: Mapping[str, torch.Tensor], shapes: Shapes) -> None:
    missing, extra = sorted(shapes.keys() - tensors.keys()), sorted(tensors.keys() - shapes.keys())
    if missing or extra:
        named = f"lacks {missing[0]}" if missing else f"holds {extra[0]} besides"
        raise WeightsError(
            f"The checkpoint {path} belongs to another network: it {named} "
            f"({len(missing)} tensors missing, {len(extra)} too many); choose the segmenter it was made for."
        )
    for name, shape in shapes.items():
        got = tensors[name]
        if tuple(got.shape) != shape or not got.is_floating_point():
            raise WeightsError(
                f"The checkpoint {path} belongs to another network: {name} is {got.dtype} {tuple(got.shape)}, not "
                f"floating {shape}; choose the segmenter it was made for."
            )
