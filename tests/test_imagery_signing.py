"""Planetary Computer tokens: one for all threads, renewed in time, patient, and kept out of messages."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from lczmap.imagery import signing
from lczmap.imagery.signing import KEY_VARIABLE, PlanetaryComputerSigner
from lczmap.words.errors import SourceUnreachableError
from tests.web import Answer, Request, as_json, serving

HREF = "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/50/R/QU/B02.tif"


def token(request: Request, minutes: float = 45) -> Answer:
    expiry = datetime.now(UTC) + timedelta(minutes=minutes)
    return as_json({"token": f"sig={request.attempt}", "msft:expiry": f"{expiry:%Y-%m-%dT%H:%M:%SZ}"})


def test_one_token_serves_all_threads_of_a_container() -> None:
    with serving(token) as web:
        signer = PlanetaryComputerSigner(web.address)
        with ThreadPoolExecutor(8) as threads:
            signed = set(threads.map(signer.sign, [HREF] * 40))
    assert signed == {f"{HREF}?sig=1"}
    assert dict(web.asked) == {"/sentinel2l2a01/sentinel2-l2": 1}


def test_a_token_is_renewed_before_it_runs_out() -> None:
    with serving(lambda request: token(request, minutes=3)) as web:
        signer = PlanetaryComputerSigner(web.address)
        assert [signer.sign(HREF), signer.sign(HREF)] == [f"{HREF}?sig=1", f"{HREF}?sig=2"]


def test_a_refused_token_is_not_used_again() -> None:
    with serving(token) as web:
        signer = PlanetaryComputerSigner(web.address)
        signer.sign(HREF)
        signer.forget(HREF)
        assert signer.sign(HREF) == f"{HREF}?sig=2"


def test_other_addresses_stay_as_they_are() -> None:
    signer = PlanetaryComputerSigner("http://127.0.0.1:9")
    for href in ("/data/B02.tif", "https://example.org/B02.tif", f"{HREF}?sig=mine"):
        assert signer.sign(href) == href
        signer.forget(href)


def test_too_many_requests_are_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_RETRIES", signing._RETRIES.new(backoff_factor=0.01))
    monkeypatch.setenv(KEY_VARIABLE, "a-key")

    def answering(request: Request) -> Answer:
        assert request.headers["ocp-apim-subscription-key"] == "a-key"
        return Answer(status=429) if request.attempt <= 3 else token(request)

    with serving(answering) as web:
        assert PlanetaryComputerSigner(web.address).sign(HREF) == f"{HREF}?sig=4"


@pytest.mark.parametrize("answer", [Answer(status=404), as_json({}), as_json([]), Answer(body=b"<html>")])
def test_no_token_is_one_clear_sentence(answer: Answer) -> None:
    with serving(lambda _request: answer) as web, pytest.raises(SourceUnreachableError, match="gives no token"):
        PlanetaryComputerSigner(web.address).sign(HREF)
