"""The Sentinel-2 classifier: a card, its checked weights and the fast network, numpy in and numpy out.

In: patches `(n, 32, 32, 10)` float32 reflectance. Out: probabilities `(n, 17)` and strangeness `(n,)`, float32.
Batches are of one fixed size, the last one padded, so a patch's answer does not depend on how many came with it.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lczmap.models.domain import Domain, domain_from, domain_shapes
from lczmap.models.resnet11 import BANDS, PATCH_SIDE, ResNet11
from lczmap.models.resnet11_fast import FastResNet11, fast_resnet11
from lczmap.things.verdicts import Verdicts
from lczmap.weights import find_card, read_weights, weights_path
from lczmap.words.errors import ModelCardError
from lczmap.words.lcz import CLASS_COUNT
from lczmap.words.modelcard import ModelCard, require_sentinel
from lczmap.words.spec import Precision

ARCHITECTURE = "resnet11"
"""What a card calls the network that this file runs."""
DTYPES: dict[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
CPU_BATCH: dict[Precision, int] = {"float32": 4, "bfloat16": 8}
"""Best on a CPU: the first layer's output of a batch then still fits a shared cache."""
GPU_BATCH = 256


class SentinelClassifier:
    """A `PatchClassifier` on the 3D ResNet11."""

    def __init__(
        self, card: ModelCard, network: FastResNet11, *, domain: Domain | None, batch: int, device: torch.device
    ) -> None:
        self.card = card
        """What the model is and what it eats."""
        self.batch = batch
        """Patches computed at once; fewer are padded."""
        self._network = network
        self._domain = None if domain is None else domain.to(device)
        self._device = device

    def classify(self, patches: NDArray[np.float32]) -> Verdicts:
        """Class probabilities and strangeness of patches `(n, 32, 32, 10)`, in the order given.

        Raises:
            ModelCardError: the patches have another shape or dtype than the card expects.
        """
        if patches.shape[1:] != (PATCH_SIDE, PATCH_SIDE, BANDS) or patches.dtype != np.float32:
            raise ModelCardError(
                f"Model {self.card.name} got {patches.dtype} patches of shape {patches.shape}, "
                f"expected float32 (n, {PATCH_SIDE}, {PATCH_SIDE}, {BANDS})."
            )
        probabilities = np.empty((len(patches), CLASS_COUNT), dtype=np.float32)
        strangeness = np.zeros(len(patches), dtype=np.float32)
        lot = np.zeros((self.batch, PATCH_SIDE, PATCH_SIDE, BANDS), dtype=np.float32)
        # cuDNN would use TF32 for float32, which keeps three digits only
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            for start in range(0, len(patches), self.batch):
                here = patches[start : start + self.batch]
                lot[: len(here)] = here
                stop = start + len(here)
                features = self._network.features(torch.from_numpy(lot).to(self._device))
                softened = (self._network.logits(features) / self.card.temperature).softmax(dim=1)
                probabilities[start:stop] = softened[: len(here)].cpu().numpy()
                if self._domain is not None:
                    strangeness[start:stop] = self._domain.strangeness(features)[: len(here)].cpu().numpy()
        return Verdicts(probabilities=probabilities, strangeness=strangeness)


def resnet11_from(card: ModelCard, weights: Path) -> tuple[ResNet11, Domain | None]:
    """The plain network with a card's weights, in evaluation mode, and the domain it was trained on.

    Raises:
        ModelCardError: the card does not describe a Sentinel-2 3D ResNet11.
        WeightsError: the file is not what the card says.
    """
    require_sentinel(card, ARCHITECTURE)
    network = ResNet11()
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items() if value.is_floating_point()}
    strange = domain_shapes(card.domain_directions)
    tensors = read_weights(weights, sha256=card.sha256, shapes=shapes | strange)
    # `num_batches_tracked` counts training steps and is not shipped
    network.load_state_dict({name: torch.from_numpy(tensors[name]) for name in shapes}, strict=False)
    return network.eval(), domain_from(tensors)


def classifier_from(
    card: ModelCard, weights: Path, *, precision: Precision, device: torch.device, batch: int | None = None
) -> SentinelClassifier:
    """A classifier from a card and its weights.

    Args:
        card: the model's card.
        weights: its weights file.
        precision: from the run's spec, never from the hardware.
        device: where to compute.
        batch: patches at once; by default what suits the device.

    Raises:
        ModelCardError: the card does not describe a Sentinel-2 3D ResNet11.
        WeightsError: the file is not what the card says.
    """
    plain, domain = resnet11_from(card, weights)
    network = fast_resnet11(plain, dtype=DTYPES[precision], device=device)
    size = batch or (CPU_BATCH[precision] if device.type == "cpu" else GPU_BATCH)
    return SentinelClassifier(card, network, domain=domain, batch=size, device=device)


def load_classifier(name: str, *, precision: Precision, device: torch.device) -> SentinelClassifier:
    """A shipped classifier by name.

    Raises:
        ModelCardError: no such model is shipped, or it is no Sentinel-2 classifier.
        WeightsError: its file is not what its card says.
    """
    card = find_card(name)
    return classifier_from(card, weights_path(card), precision=precision, device=device)
