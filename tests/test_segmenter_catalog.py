"""The catalogue of segmenters: settings of the paper, near names, no field that there is not."""

import pytest

from lczmap.catalog import segmenter_spec, segmenters
from lczmap.words.errors import SpecError
from lczmap.words.spec import RunSpec


def test_default_segmenter_comes_first() -> None:
    assert segmenters()[0].spec.name == RunSpec.segmenter
    assert len({entry.spec.digest for entry in segmenters()}) == len(segmenters())
    assert all(entry.title for entry in segmenters())


def test_paper_settings_are_the_papers() -> None:
    spec = segmenter_spec("sam-vit-h-paper")
    assert (spec.network, spec.mode, spec.points_per_side, spec.crop_layers) == ("vit_h", "cell", 12, 1)
    assert (spec.iou_threshold, spec.stability_threshold, spec.nms_threshold) == (0.88, 0.92, 0.4)
    assert spec.least_metres2 == 100


@pytest.mark.parametrize("name", ["sam-vit-b", "sam-vit-l", "sam-vit-h"])
def test_windows_fill_what_the_official_networks_were_trained_at(name: str) -> None:
    spec = segmenter_spec(name)
    assert round(spec.frame_metres * spec.scale, 6) == 1024
    assert spec.pitch_metres <= 27


def test_settings_replace_the_catalogues() -> None:
    spec = segmenter_spec("sam-tiny", {"pitch_metres": 40, "grain_metres": 5})
    assert spec.pitch_metres == 40
    assert isinstance(spec.pitch_metres, float)
    assert spec.digest == segmenter_spec("sam-tiny", {"pitch_metres": 40.0, "grain_metres": 5}).digest
    assert spec.digest != segmenter_spec("sam-tiny").digest


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("sam-tny", {}, "No segmenter is named 'sam-tny'; known: sam-tiny"),
        ("?", {}, "known: sam-tiny, sam-vit-b"),
        ("slic", {"pitchmetres": 3}, "no setting 'pitchmetres'; known: pitch_metres"),
        ("slic", {"name": "other"}, "no setting 'name'"),
        ("slic", {"grain_metres": 2.5}, "grain_metres is 2.5, expected a whole number"),
        ("slic", {"pitch_metres": "wide"}, "pitch_metres is 'wide', expected a number"),
        ("slic", {"mode": 3}, "mode is 3, expected text"),
        ("slic", {"mode": "tile"}, "expected cell or window"),
        ("slic", {"crop_tokens": True}, "expected a whole number"),
    ],
)
def test_what_there_is_not_is_refused(name: str, settings: dict[str, str | int | float], said: str) -> None:
    with pytest.raises(SpecError) as refused:
        segmenter_spec(name, settings)
    assert said in str(refused.value)
