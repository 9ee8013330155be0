"""From names to live parts: a plan and a site become a source, a classifier and a store.

The only room that knows every door. A mismatch between parts is refused here, before anything is read.
"""

import time

import numpy as np

from lczmap import catalog, weights
from lczmap.device import choose_device, use_threads
from lczmap.imagery.source import StacImagery
from lczmap.models.classifier import SentinelClassifier, classifier_from
from lczmap.pipeline import Parts
from lczmap.protocols import ImagerySource, TileStore
from lczmap.store.forgetful import ForgetfulStore
from lczmap.store.records import FileStore
from lczmap.words.errors import BrokenAssetError, ModelCardError, SpecError
from lczmap.words.modelcard import ModelCard
from lczmap.words.plan import ModelFile, Plan
from lczmap.words.scene import Scene
from lczmap.words.site import Site
from lczmap.words.spec import RunSpec

RATED_PATCHES = 64
"""Patches by which the classifier's speed is judged: about a second on a small machine."""


def imagery(spec: RunSpec, site: Site) -> ImagerySource:
    """The source of Sentinel-2 that a wish names.

    Raises:
        SourceNameError: it is no known source.
    """
    text = str(site.local_source) if spec.source == "local" else spec.source
    rules = catalog.source(text)
    location = text if rules.url is None else rules.url
    return StacImagery(rules, location, threads=use_threads(site.threads))


def parts(plan: Plan, site: Site) -> Parts:
    """The live parts that carry out a plan.

    Raises:
        ModelCardError: a model does not fit its role, or is not the one that the plan froze.
        WeightsError: a weights file is missing or altered.
    """
    here = model_files(plan.spec)
    if here != plan.models:
        froze, has = (", ".join(f"{model.name} {model.sha256[:12]}" for model in each) for each in (plan.models, here))
        raise ModelCardError(
            f"The plan was made with the model {froze} and this lczmap has {has}; replay it with the version that "
            "made it, or plan anew without --from."
        )
    return Parts(imagery=imagery(plan.spec, site), sentinel=sentinel(plan.spec, site), store=store(site))


def store(site: Site) -> FileStore:
    """The store of records."""
    return FileStore(site.records)


def forgetful(kept: TileStore) -> TileStore:
    """A store that writes through but knows only what was written through it: every tile is made anew."""
    return ForgetfulStore(kept)


def sentinel(spec: RunSpec, site: Site) -> SentinelClassifier:
    """The classifier of Sentinel-2 patches, its weights loaded.

    Raises:
        ModelCardError: the model is no classifier of Sentinel-2 patches.
        WeightsError: its weights file is missing or altered.
    """
    use_threads(site.threads)
    card = sentinel_card(spec)
    return classifier_from(
        card, weights.weights_path(card), precision=spec.precision, device=choose_device(site.device)
    )


def sentinel_card(spec: RunSpec) -> ModelCard:
    """The card of the wished-for Sentinel-2 classifier.

    Raises:
        ModelCardError: there is none of that name, or it is no classifier of Sentinel-2 patches.
    """
    card = weights.find_card(spec.sentinel_model)
    if card.role != "sentinel":
        raise ModelCardError(
            f"The model {card.name!r} is a {card.role}, expected a classifier of Sentinel-2 patches; "
            "choose one with `lczmap models`."
        )
    return card


def model_files(spec: RunSpec) -> tuple[ModelFile, ...]:
    """Every model that takes part in a run, by the digest of its weights."""
    if (spec.segmenter, spec.graph_model) != ("none", "none"):
        raise SpecError(
            f"The spec asks for segmenter {spec.segmenter!r} and graph model {spec.graph_model!r}; "
            "the VHR stream is not there yet, leave both out."
        )
    card = sentinel_card(spec)
    return (ModelFile(role=card.role, name=card.name, sha256=card.sha256, temperature=card.temperature),)


def measured_rate(spec: RunSpec, site: Site) -> float:
    """Patches a second that the classifier manages here, timed on some after a first lot has warmed it up."""
    classifier = sentinel(spec, site)
    patches = np.zeros((max(RATED_PATCHES, classifier.batch), 32, 32, 10), np.float32)
    classifier.classify(patches[: classifier.batch])
    began = time.perf_counter()
    classifier.classify(patches)
    return len(patches) / (time.perf_counter() - began)


def changed_item(was: Scene, found: Scene) -> BrokenAssetError:
    """The error for an item that is no longer the one a manifest froze."""
    return BrokenAssetError(
        f"Item {was.id} was changed since the manifest was made (updated {was.updated or '-'}, baseline "
        f"{was.baseline or '-'}; now {found.updated or '-'}, {found.baseline or '-'}); plan anew without --from.",
        item_id=was.id,
    )
