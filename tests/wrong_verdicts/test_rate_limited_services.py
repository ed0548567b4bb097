"""Healthy services with rate limits of every kind pass, and the report says so; lasting refusal is a failure."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from harness.core.endpoint import Endpoint
from harness.core.errors import BudgetExhausted, ErrorClass
from harness.core.exchange import Request
from harness.io import polite_client
from harness.io.polite_client import PoliteClient
from tests.conftest import GateOutcome, run_gate
from tests.wrong_verdicts.test_endpoint_elsewhere import handling

ASK = Request("POST", "/predict", body=b'{"instances": [[0.1]]}')


class Sliding:
    """At most `most` requests in any window of `seconds`."""

    def __init__(self, most: int, seconds: float = 1.0) -> None:
        self.most, self.seconds = most, seconds
        self.times: deque[float] = deque()

    def take(self) -> bool:
        now = time.monotonic()
        while self.times and self.times[0] <= now - self.seconds:
            self.times.popleft()
        if len(self.times) >= self.most:
            return False
        self.times.append(now)
        return True

    def give_back(self) -> None:
        return


class Bucket(Sliding):
    """A bucket of tokens that fills evenly."""

    def __init__(self, most: int, seconds: float = 1.0) -> None:
        super().__init__(most, seconds)
        self.tokens, self.filled = float(most), time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self.tokens = min(self.most, self.tokens + (now - self.filled) * self.most / self.seconds)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Window(Sliding):
    """A counter that starts anew with each window."""

    def __init__(self, most: int, seconds: float = 1.0) -> None:
        super().__init__(most, seconds)
        self.count, self.since = 0, time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        if now - self.since >= self.seconds:
            self.count, self.since = 0, now
        self.count += 1
        return self.count <= self.most


class AtOnce(Sliding):
    """At most `most` requests under way at once."""

    def take(self) -> bool:
        if self.most <= 0:
            return False
        self.most -= 1
        return True

    def give_back(self) -> None:
        self.most += 1


class First(Sliding):
    """The first `most` requests, and never again."""

    def take(self) -> bool:
        self.most -= 1
        return self.most >= 0


class Every(Sliding):
    """Every other request, the first included."""

    def __init__(self) -> None:
        super().__init__(0)

    def take(self) -> bool:
        self.most += 1
        return self.most % 2 == 1


Lines = Mapping[str, str | Callable[[], str]]


class Service:
    """Sums of rows, or a refusal by the limiter; `declined` counts those."""

    def __init__(self, limiter: Sliding, lines: Lines, status: int = 429) -> None:
        self.limiter, self.lines, self.status = limiter, lines, status
        self.declined = 0
        self.lock = threading.Lock()

    def __call__(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        with self.lock:
            is_taken = self.limiter.take()
            self.declined += not is_taken
        if not is_taken:
            self.reply(handler, self.status, b'{"error": "slow down"}', self.lines)
            return
        try:
            if handler.command == "POST" and b'"instances": [[0.1]]' in body:
                self.reply(handler, 200, b'{"predictions": [0.1]}', {})
            else:
                self.reply(handler, 404, b'{"error": "no"}', {})
        finally:
            with self.lock:
                self.limiter.give_back()

    def reply(self, handler: BaseHTTPRequestHandler, status: int, body: bytes, lines: Lines) -> None:
        with suppress(OSError):
            handler.send_response(status)
            handler.send_header("content-type", "application/json")
            handler.send_header("content-length", str(len(body)))
            for name, value in lines.items():
                handler.send_header(name, value if isinstance(value, str) else value())
            handler.end_headers()
            handler.wfile.write(body)


CONFIG = """
[endpoint]
protocol = "plain_json"
sample = [[0.1]]
"""


def gate(folder: Path, service: Service, *args: str, config: str = CONFIG, timeout: float = 90) -> GateOutcome:
    (folder / "aiharness.toml").write_text(config)
    with handling(service) as url:
        return run_gate(folder, f"--ai-endpoint={url}", "--ai-only-packaged", *args, timeout=timeout)


def list_failing(outcome: GateOutcome) -> list[str]:
    assert outcome.gate is not None, outcome.out + outcome.err
    rows = outcome.gate["checks"]
    return [row["id"] for row in rows if row["level"] == "blocker" and row["verdict"] not in ("PASS", "SKIPPED")]


def in_a_second() -> str:
    return formatdate(time.time() + 1, usegmt=True)


@pytest.mark.parametrize(
    ("limiter", "lines", "status"),
    [
        (Window(10), {"retry-after": "1"}, 429),
        (Sliding(10), {"retry-after": in_a_second}, 429),
        (Bucket(5), {"retry-after-ms": "250"}, 429),
        (Sliding(10), {}, 429),
        (Window(10), {"retry-after": "1"}, 503),
        (AtOnce(2), {}, 429),
        (AtOnce(4), {"retry-after": "1"}, 429),
    ],
    ids=["window", "date", "bucket", "nothing stated", "503", "at once", "at once, one second"],
)
def test_a_healthy_limited_service_passes_and_the_report_says_so(
    tmp_path: Path, limiter: Sliding, lines: Lines, status: int
) -> None:
    service = Service(limiter, lines, status)
    outcome = gate(tmp_path, service)
    assert not list_failing(outcome), outcome.out
    assert outcome.status == 0
    assert outcome.gate is not None
    notes = [note for note in outcome.gate["notes"] if "the service declined requests" in note]
    assert len(notes) == (1 if service.declined else 0)  # a busy machine may be too slow to meet a limit


def test_a_quota_that_no_run_can_wait_for_is_inconclusive_and_named(tmp_path: Path) -> None:
    outcome = gate(tmp_path, Service(First(12), {"retry-after": "3600"}))
    assert outcome.status == 20, outcome.out
    assert outcome.gate is not None
    reasons = [row["reason"] for row in outcome.gate["checks"] if row["verdict"] == "INCONCLUSIVE"]
    assert any("must wait 3.6e+03 s" in reason and "--ai-max-time" in reason for reason in reasons), reasons


def test_a_service_that_never_accepts_fails_without_a_long_wait(tmp_path: Path) -> None:
    outcome = gate(tmp_path, Service(First(0), {"retry-after": "1"}))
    assert outcome.status == 1, outcome.out
    assert outcome.check("test_predicts")["verdict"] == "FAIL"


@pytest.mark.slow
@pytest.mark.catalogue
def test_an_error_rate_counts_what_was_declined(tmp_path: Path) -> None:
    """It is paced, so that the harness's own haste is not judged; what is declined all the same counts as failed.

    A FAIL needs 40 requests, which leave at the pace that the service states.
    """
    more = '[[objective]]\nsuite = "smoke"\nmetric = "error_rate"\nlimit = "<= 10%"\n'

    options = ("-k", "test_objective", "--ai-profile=pr")
    outcome = gate(tmp_path, Service(Every(), {"retry-after-ms": "250"}), *options, config=CONFIG + more, timeout=300)
    row = outcome.check("test_objective[error_rate]")
    assert row["verdict"] == "FAIL", row


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that pauses move on and nothing else; the pauses so far."""
    pauses: list[float] = []

    monkeypatch.setattr(polite_client, "read_monotonic", lambda: sum(pauses))
    monkeypatch.setattr(polite_client, "sleep_real", pauses.append)
    return pauses


def ask(service: Service, times: int, *, count_repeat: Callable[[], None] | None = None, **more: Any) -> list[Any]:
    with handling(service) as url, PoliteClient(Endpoint(url), **more) as client:
        client.count_repeat = count_repeat
        return [client.exchange(ASK) for _ in range(times)]


@pytest.mark.parametrize("lines", [{}, {"retry-after": "1"}], ids=["nothing stated", "one second"])
def test_refusal_that_outlasts_every_pause_is_the_services_failure(quick: list[float], lines: Lines) -> None:
    first, declined, again = ask(Service(First(1), lines), 3, count_repeat=lambda: None)
    assert first.ok
    for exchange in (declined, again):
        assert (exchange.error, exchange.response) == (ErrorClass.GONE, None)
        assert "it answered before, and declines every request" in exchange.detail
    assert 60 <= sum(quick) < 130


def test_what_is_waited_for_in_all_is_bounded(quick: list[float]) -> None:
    class Rarely(Sliding):
        def take(self) -> bool:
            self.most += 1
            return self.most % 3 == 1

    with pytest.raises(BudgetExhausted, match="--ai-max-time"):
        ask(Service(Rarely(0), {"retry-after": "20"}), 100, count_repeat=lambda: None, most_waiting=200)
    assert sum(quick) <= 200


def test_repeats_count_against_the_ceilings(quick: list[float]) -> None:
    def refuse() -> None:
        raise BudgetExhausted("--ai-max-requests=1 is reached")

    with pytest.raises(BudgetExhausted, match="max-requests"):
        ask(Service(First(1), {}), 2, count_repeat=refuse)


def test_a_request_that_is_not_sent_takes_no_turn(quick: list[float]) -> None:
    def refuse() -> None:
        raise BudgetExhausted("--ai-max-requests=1 is reached")

    with handling(Service(First(1), {})) as url, PoliteClient(Endpoint(url), most_waiting=1.0) as client:
        assert client.exchange(ASK).ok
        client.count_repeat = refuse
        with pytest.raises(BudgetExhausted, match="max-requests"):
            client.exchange(ASK)
        assert client.throttle.find_wait(0.0) == 0.0
        client.throttle.reserve_turn(0.0)
        for _ in range(3):
            with pytest.raises(BudgetExhausted, match="its pace is kept"):
                client.exchange(ASK)
        assert client.throttle.find_wait(0.0) == client.throttle.gap > 1.0


def test_what_is_declined_of_many_follows_and_is_seen_where_it_is_judged(quick: list[float]) -> None:
    service = Service(Every(), {})
    with handling(service) as url, PoliteClient(Endpoint(url)) as client:
        client.count_repeat = lambda: None
        assert client.exchange(ASK).ok
        assert all(exchange.ok for exchange in client.exchange_many([ASK] * 6, concurrency=2))
        with client.see_refusals(paced=True):
            statuses = [exchange.status for exchange in client.exchange_many([ASK] * 6, concurrency=1)]
        assert set(statuses) == {200, 429}
        assert all(exchange.ok for exchange in client.exchange_many([ASK] * 6, concurrency=2))


def test_a_burst_that_is_declined_in_part_shows_the_pace_once(quick: list[float]) -> None:
    class LosesSix(Sliding):
        def take(self) -> bool:
            self.most += 1
            return self.most <= 1 or self.most > 7

    with handling(Service(LosesSix(0), {"retry-after": "1"})) as url, PoliteClient(Endpoint(url)) as client:
        client.count_repeat = lambda: None
        assert client.exchange(ASK).ok
        assert all(exchange.ok for exchange in client.exchange_many([ASK] * 24, concurrency=1))
        assert 1 / client.throttle.gap > 15
