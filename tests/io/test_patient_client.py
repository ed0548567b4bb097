"""A client before a peer that reads requests and never answers: the first wait is whole, the others are short."""

from __future__ import annotations

import socket

import pytest

from harness.checks.common import find_harness_error
from harness.core import patience
from harness.core.endpoint import Deadlines, Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Request
from harness.core.verdict import Status
from harness.io.client import Client

LONG, SHORT = 1.0, 0.05


def test_one_whole_deadline_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_SHORTEST", SHORT)
    monkeypatch.setattr(patience, "_SHORTEST_TOTAL", 2 * SHORT)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(Endpoint(url, deadlines=Deadlines(first_byte=LONG))) as client:
            request = Request("POST", "/predict", body=b"{}")
            with client.patience.limit():
                first, *others = client.exchange_many([request] * 12, concurrency=1)
                alone = client.exchange(request)
            patient = client.exchange(request)
    assert first.error is ErrorClass.FIRST_BYTE_TIMEOUT
    assert {exchange.error for exchange in (*others, alone)} == {ErrorClass.UNAWAITED}
    assert patient.error is ErrorClass.FIRST_BYTE_TIMEOUT, "outside the limit nothing is cut"
    assert "not waited for longer" in alone.detail
    undecided = find_harness_error(*others)
    assert undecided is not None
    assert undecided.status is Status.INCONCLUSIVE
    assert find_harness_error(first, *others) is None, "beside a whole wait the judge decides"
