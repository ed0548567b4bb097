"""Services that respect rate limits and idempotency keys pass; those that do it wrongly in one way fail."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from harness.core.exchange import Response
from harness.core.retry_after import read_retry_after
from harness.core.settings import Promises
from harness.core.verdict import Status, Verdict
from tests.suites.integration.manners import Answer, Sent, run_check

rate = import_module("harness.suites.integration.test_rate_limit")
once = import_module("harness.suites.integration.test_idempotency")
SAMPLE = [[0.0, 0.5, 2.0]]
KEY = "idempotency-key"


def sums(path: str, headers: Mapping[str, str], body: Any) -> Sent:
    return 200, {}, {"sums": [sum(row) for row in body["instances"]]}


class Limited:
    """Declines requests over the limit until a wait has passed (`pause`; no test really waits)."""

    def __init__(self, limit: int, *, status: int = 429, wait: str | None = "30", body: Any = None) -> None:
        self.left, self.limit, self.status, self.lock = limit, limit, status, threading.Lock()
        self.headers = {} if wait is None else {"retry-after": wait}
        self.body = {"error": "too many"} if body is None else body
        self.waits: list[float] = []

    def __call__(self, path: str, headers: Mapping[str, str], body: Any) -> Sent:
        with self.lock:
            self.left -= 1
            if self.left < 0:
                return self.status, self.headers, self.body
        return sums(path, headers, body)

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.left = self.limit


def judge_limited(
    service: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, test: Any = rate.test_declined, limit: int = 20
) -> Verdict:
    monkeypatch.setattr(rate, "pause", getattr(service, "pause", lambda seconds: None))
    promises = Promises(rate_limit=limit)
    return run_check(service, test, folder, protocol="plain_json", sample=SAMPLE, promises=promises)


def test_a_limit_that_is_kept_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Limited(20)
    verdict = judge_limited(service, tmp_path, monkeypatch)
    assert verdict.status is Status.PASS, verdict.reason
    assert "20 requests were served" in verdict.reason
    assert service.waits == [31.0, 29.0]
    assert judge_limited(Limited(20), tmp_path, monkeypatch, rate.test_manner).status is Status.PASS


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (sums, "none of 45 requests within a minute is declined"),
        (Limited(20, wait=None), "429 without Retry-After"),
        (Limited(20, wait="soon"), "429 with Retry-After 'soon'"),
        (Limited(20, wait="-5"), "429 with Retry-After '-5'"),
        (Limited(20, wait="999999999"), "429 with Retry-After '999999999'"),
        (Limited(20, status=503), "a request fails and is not declined with 429"),
        (Limited(20, status=500), "a request fails and is not declined with 429"),
    ],
    ids=["none", "no wait", "words", "negative", "years", "503", "500"],
)
def test_a_limit_that_is_kept_wrongly_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: Any, reason: str
) -> None:
    verdict = judge_limited(service, tmp_path, monkeypatch)
    assert verdict.status is Status.FAIL, verdict.reason
    assert reason in verdict.reason


def test_a_service_that_never_serves_again_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Limited(20)
    service.pause = lambda seconds: None  # type: ignore[method-assign]
    verdict = judge_limited(service, tmp_path, monkeypatch)
    assert verdict.status is Status.FAIL
    assert "31 s later, the wait that Retry-After asked for, a request is not served" in verdict.reason


def test_what_takes_too_long_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = judge_limited(Limited(20, wait="3600"), tmp_path, monkeypatch)
    assert waiting.status is Status.PASS
    assert "not judged: whether requests are served again" in " ".join(waiting.notes)
    nobody = judge_limited(Limited(0, wait="3600"), tmp_path, monkeypatch)
    assert nobody.status is Status.INCONCLUSIVE
    many = judge_limited(Limited(20), tmp_path, monkeypatch, limit=601)
    assert many.status is Status.INCONCLUSIVE
    assert "601 requests a minute is not tested" in many.reason


def test_refusals_in_html_warn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judge_limited(Limited(20, body="<html>slow down</html>"), tmp_path, monkeypatch, rate.test_manner)
    assert verdict.status is Status.FAIL
    assert "is not a JSON object" in verdict.reason


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 12 "}, 12.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 -0000", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2020 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(Response(429, tuple(headers.items()))) == seconds


class Once:
    """Executes a request once a key; `ids` gives each execution an id of its own."""

    def __init__(self, *, ids: bool = True, reuse: int = 422) -> None:
        self.ids, self.reuse, self.lock, self.numbers = ids, reuse, threading.Lock(), itertools.count()
        self.kept: dict[str, tuple[Any, Sent]] = {}

    def carry_out(self, path: str, headers: Mapping[str, str], body: Any) -> Sent:
        status, more, value = sums(path, headers, body)
        return status, more, {"id": f"n{next(self.numbers)}", **value} if self.ids else value

    def __call__(self, path: str, headers: Mapping[str, str], body: Any) -> Sent:
        with self.lock:
            key = headers.get(KEY)
            if key is None:
                return self.carry_out(path, headers, body)
            if key not in self.kept:
                self.kept[key] = body, self.carry_out(path, headers, body)
            first, answer = self.kept[key]
            if first != body and self.reuse != 200:
                return self.reuse, {}, {"error": "used"}
            return answer


def carried_out(service: Answer, folder: Path, test: Any = once.test_carried_out_once) -> Verdict:
    promises = Promises(idempotency="Idempotency-Key")
    return run_check(service, test, folder, protocol="plain_json", sample=SAMPLE, promises=promises)


@pytest.mark.parametrize("service", [Once(), Once(ids=False), Once(reuse=200), Once(reuse=409)])
def test_a_key_that_is_kept_passes(tmp_path: Path, service: Once) -> None:
    verdict = carried_out(service, tmp_path)
    assert verdict.status is Status.PASS, verdict.reason


def test_the_first_answer_to_another_request_warns(tmp_path: Path) -> None:
    assert carried_out(Once(reuse=200), tmp_path, once.test_reuse_refused).status is Status.FAIL
    assert carried_out(Once(), tmp_path, once.test_reuse_refused).status is Status.PASS


class Anew(Once):
    """The key is ignored."""

    def __call__(self, path: str, headers: Mapping[str, str], body: Any) -> Sent:
        return self.carry_out(path, headers, body)


class OneForAll(Once):
    """All keys are treated as one."""

    def __call__(self, path: str, headers: Mapping[str, str], body: Any) -> Sent:
        known = {**headers, KEY: "same"} if KEY in headers else headers
        return super().__call__(path, known, body)


class Racing(Once):
    """Concurrent requests are each executed: a key is known only after its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.beside: dict[str, int] = {}

    def __call__(self, path: str, headers: Mapping[str, str], body: Any) -> Sent:
        key = headers.get(KEY, "")
        self.beside[key] = self.beside.get(key, 0) + 1
        if self.beside[key] == 3 and body == self.kept[key][0]:
            return self.carry_out(path, headers, body)
        return super().__call__(path, headers, body)


class Mixed(Once):
    """A repeat has new numbers under the first answer's id."""

    def __call__(self, path: str, headers: Mapping[str, str], body: Any) -> Sent:
        first = super().__call__(path, headers, body)
        return (200, {}, {"id": first[2]["id"], **sums(path, headers, body)[2]}) if first[0] == 200 else first


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (Anew(), "a repeat is executed again: its id is 'n1', and was 'n0'"),
        (Anew(ids=False), "another body under a used key is neither refused nor gets the first answer"),
        (OneForAll(), "another key has the answer of the first"),
        (Racing(), "a repeat is executed again"),
        (Mixed(reuse=200), "neither refused nor gets the first answer"),
    ],
    ids=["anew", "anew without ids", "one for all", "race", "mixture"],
)
def test_a_key_that_is_kept_wrongly_fails(tmp_path: Path, service: Once, reason: str) -> None:
    verdict = carried_out(service, tmp_path)
    assert verdict.status is Status.FAIL, verdict.reason
    assert reason in verdict.reason


def test_one_answer_to_everything_shows_nothing(tmp_path: Path) -> None:
    verdict = carried_out(lambda path, headers, body: (200, {}, {"sums": [1.0]}), tmp_path)
    assert verdict.status is Status.INCONCLUSIVE
