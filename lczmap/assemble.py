"""From names to live parts: a plan and a site become sources, a segmenter, classifiers and a store.

The only room that knows every door. A mismatch between parts is refused here, before anything is read.
"""

import hashlib
import math
import time
from pathlib import Path

import numpy as np

from lczmap import catalog, weights
from lczmap.device import choose_device, use_threads
from lczmap.imagery.source import StacImagery
from lczmap.models.classifier import SentinelClassifier, classifier_from
from lczmap.pipeline import Parts
from lczmap.protocols import ImagerySource, TileStore, VhrSource
from lczmap.store.forgetful import ForgetfulStore
from lczmap.store.records import FileStore
from lczmap.things.graph import graphs_of
from lczmap.vhrstream import VhrStream, shown_frame
from lczmap.words.errors import BrokenAssetError, ModelCardError, UsageError, WeightsError
from lczmap.words.modelcard import (
    ModelCard,
    Role,
    pair_weight,
    require_instances,
    require_segmenter,
    segmenter_identity,
)
from lczmap.words.plan import ModelFile, Plan
from lczmap.words.scene import Scene
from lczmap.words.segmenter import SegmenterSpec
from lczmap.words.site import Site
from lczmap.words.spec import RunSpec

RATED_PATCHES = 64
"""Patches by which the classifier's speed is judged: about a second on a small machine."""
RATED_FRAMES = 2
"""Times that a window is segmented by which the segmenter's speed is judged; the first warms it up."""
PATIENCE = 10.0
"""Seconds a window beyond which one time is enough."""


def imagery(spec: RunSpec, site: Site) -> ImagerySource:
    """The source of Sentinel-2 that a wish names.

    Raises:
        SourceNameError: it is no known source.
    """
    text = str(site.local_source) if spec.source == "local" else spec.source
    rules = catalog.source(text)
    location = text if rules.url is None else rules.url
    return StacImagery(rules, location, threads=use_threads(site.threads))


def vhr(spec: RunSpec, site: Site) -> VhrSource | None:
    """The VHR imagery that a wish names; None where it names none.

    Raises:
        UsageError: it is no known source, address, template or raster.
    """
    if spec.vhr == "none":
        return None
    from lczmap.imagery.vhr import vhr_source  # noqa: PLC0415 - seldom needed

    return vhr_source(site.vhr or spec.vhr)


def parts(plan: Plan, site: Site) -> Parts:
    """The live parts that carry out a plan.

    Raises:
        ModelCardError: a model does not fit its role or the others, or is not the one that the plan froze.
        WeightsError: a weights file is missing or altered.
    """
    differ = other_models(plan, site)
    if differ:
        raise ModelCardError(
            f"The plan was made with {differ}; replay it with the version that made it, or plan anew without --from."
        )
    return Parts(
        imagery=imagery(plan.spec, site),
        sentinel=sentinel(plan.spec, site),
        store=store(site),
        vhr=second_stream(plan, site),
    )


def other_models(plan: Plan, site: Site) -> str:
    """In words, which models a plan froze and which there are here; empty where they are the same."""
    here = model_files(plan.spec, site)
    if here == plan.models:
        return ""
    froze, has = (", ".join(f"{model.name} {model.sha256[:12]}" for model in each) for each in (plan.models, here))
    return f"the models {froze} and this lczmap has {has}"


def second_stream(plan: Plan, site: Site) -> VhrStream | None:
    """Source, segmenter and classifier of the second stream; None where the plan has no VHR image.

    Raises:
        ModelCardError: the graph model was trained on other instances.
        WeightsError: a weights file is missing or altered.
    """
    source = vhr(plan.spec, site)
    if source is None or plan.segmenter is None:
        return None
    from lczmap.models.graph_classifier import graph_classifier_from  # noqa: PLC0415 - seldom needed
    from lczmap.segment.segmenter import segmenter_from  # noqa: PLC0415 - brings segment-anything

    use_threads(site.threads)
    device, card = choose_device(site.device), graph_card(plan.spec, site)
    # a replayed plan cuts by its own specification, not by what the catalogue says today
    own = next((model.sha256 for model in plan.models if model.role == "segmenter"), "")
    require_instances(card, plan.segmenter, own)
    return VhrStream(
        source=source,
        segmenter=segmenter_from(plan.segmenter, weights=segmenter_weights(plan.segmenter, site), device=device),
        graphs=graph_classifier_from(card, weights.weights_path(card), device=device),
    )


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
    return _card(spec.sentinel_model, "sentinel", "a classifier of Sentinel-2 patches")


def graph_card(spec: RunSpec, site: Site) -> ModelCard:
    """The card of the wished-for classifier of instance graphs, which fits the segmenter.

    Raises:
        ModelCardError: there is none of that name, or it was trained on other instances.
    """
    cut = segmenter(spec)
    digest = _segmenter_digest(cut, site)
    if spec.graph_model == "auto":
        return _trained_on(cut, digest)
    card = _card(spec.graph_model, "graph", "a classifier of instance graphs")
    require_instances(card, cut, digest)
    return card


def require_graph_model(spec: RunSpec) -> None:
    """Refuse a segmenter that no graph model can go with, by name alone: before its weights are here to tell exactly.

    Raises:
        ModelCardError: the wished-for graph model, or every shipped one, was trained on another segmenter's instances.
    """
    cut = segmenter(spec)
    if spec.graph_model != "auto":
        card = _card(spec.graph_model, "graph", "a classifier of instance graphs")
        if card.segmenter_name != cut.name:
            require_instances(card, cut, "")
    elif cut.name not in {card.segmenter_name for card in _graph_cards()}:
        raise _no_graph_model(cut)


def segmenter(spec: RunSpec) -> SegmenterSpec:
    """The specification of the wished-for segmenter.

    Raises:
        SpecError: there is none of that name, or it has no such setting.
    """
    return catalog.segmenter_spec(spec.segmenter, spec.segmenter_settings)


def segmenter_weights(cut: SegmenterSpec, site: Site) -> Path | None:
    """Where a segmenter's weights lie; None where it needs none.

    Raises:
        UsageError: they are neither shipped nor named.
    """
    if cut.network == "slic":
        return None
    if cut.network == "sam-tiny":
        return weights.weights_path(_segmenter_card(cut))
    if site.checkpoint is None:
        raise UsageError(
            f"The segmenter {cut.name!r} needs Meta's checkpoint of {cut.network}, which is not shipped; name the file "
            "with --checkpoint PATH, or let it be fetched with --checkpoint fetch."
        )
    return site.checkpoint


def sentinel_weight(spec: RunSpec, site: Site) -> float | None:
    """Share of the Sentinel stream in the fused probabilities, settled; None where it stands alone."""
    if spec.vhr == "none":
        return None
    return pair_weight(spec.sentinel_weight, sentinel_card(spec), graph_card(spec, site))


def model_files(spec: RunSpec, site: Site) -> tuple[ModelFile, ...]:
    """Every model that takes part in a run, by the digest of its weights.

    Raises:
        ModelCardError: models do not fit each other.
        WeightsError: a weights file is missing.
    """
    if spec.vhr == "none":
        return tuple(_file(card) for card in cards(spec, site))
    cut = segmenter(spec)
    digest = _segmenter_digest(cut, site)
    own = (ModelFile(role="segmenter", name=cut.name, sha256=digest),) if digest else ()
    return (*(_file(card) for card in cards(spec, site) if card.role != "segmenter"), *own)


def cards(spec: RunSpec, site: Site) -> tuple[ModelCard, ...]:
    """Cards of every shipped model that takes part in a run."""
    if spec.vhr == "none":
        return (sentinel_card(spec),)
    cut = segmenter(spec)
    own = (_segmenter_card(cut),) if cut.network == "sam-tiny" else ()
    return (sentinel_card(spec), graph_card(spec, site), *own)


def _file(card: ModelCard) -> ModelFile:
    return ModelFile(role=card.role, name=card.name, sha256=card.sha256, temperature=card.temperature)


def _card(name: str, role: Role, expected: str) -> ModelCard:
    card = weights.find_card(name)
    if card.role != role:
        raise ModelCardError(
            f"The model {card.name!r} is a {card.role}, expected {expected}; choose one with `lczmap models`."
        )
    return card


def _segmenter_card(cut: SegmenterSpec) -> ModelCard:
    """The card of a segmenter's shipped weights."""
    card = _card(cut.network, "segmenter", "a segmenter")
    require_segmenter(card, cut.network)
    return card


def _trained_on(cut: SegmenterSpec, digest: str) -> ModelCard:
    """The first shipped graph model that was trained on a segmenter's instances."""
    for card in _graph_cards():
        if card.segmenter == segmenter_identity(cut, digest):
            return card
    raise _no_graph_model(cut)


def _graph_cards() -> list[ModelCard]:
    return [card for card in weights.shipped_cards() if card.role == "graph"]


def _no_graph_model(cut: SegmenterSpec) -> ModelCardError:
    known = ", ".join(f"{card.name} ({card.segmenter_name})" for card in _graph_cards())
    return ModelCardError(
        f"No shipped graph model was trained on instances that {cut.name!r} cuts with these settings and weights; "
        f"shipped are {known or 'none'}, each for its segmenter as the catalogue has it. Take one of these."
    )


def _segmenter_digest(cut: SegmenterSpec, site: Site) -> str:
    """SHA-256 of a segmenter's weights, empty where it has none."""
    if cut.network == "sam-tiny":
        return _segmenter_card(cut).sha256
    path = segmenter_weights(cut, site)
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"The checkpoint {path} cannot be read ({error.strerror}); expected the file of {cut.network}, name it "
            "with --checkpoint."
        ) from None


def measured_rate(spec: RunSpec, site: Site) -> float:
    """Patches a second that the classifier manages here, timed on some after a first lot has warmed it up."""
    classifier = sentinel(spec, site)
    patches = np.zeros((max(RATED_PATCHES, classifier.batch), 32, 32, 10), np.float32)
    classifier.classify(patches[: classifier.batch])
    began = time.perf_counter()
    classifier.classify(patches)
    return len(patches) / (time.perf_counter() - began)


def measured_frame_rate(plan: Plan, site: Site) -> float | None:
    """Frames that the second stream reads, segments and tells here in a second, by one that the image shows.

    Returns:
        None where no frame was found that it shows: one without pixels is done at once and tells nothing.

    Raises:
        SourceError: the image cannot be read.
    """
    live = second_stream(plan, site)
    if live is None:
        return math.inf
    shown = shown_frame(plan, live)
    if shown is None:
        return None
    (frame, view), spent = shown, math.inf
    for _ in range(RATED_FRAMES):
        began = time.perf_counter()
        picture = view.read(frame.grid)
        instances = live.segmenter.segment(picture[None], [frame.reach])[0]
        live.graphs.classify(graphs_of(instances, picture, frame.corners))
        spent = min(spent, time.perf_counter() - began)
        if spent > PATIENCE:
            break
    return 1 / spent


def changed_item(was: Scene, found: Scene) -> BrokenAssetError:
    """The error for an item that is no longer the one a manifest froze."""
    return BrokenAssetError(
        f"Item {was.id} was changed since the manifest was made (updated {was.updated or '-'}, baseline "
        f"{was.baseline or '-'}; now {found.updated or '-'}, {found.baseline or '-'}); plan anew without --from.",
        item_id=was.id,
    )
