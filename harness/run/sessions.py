"""The sessions of one process: one for each protocol and model, and those with further URLs of the service.

Tested in tests/config/test_suite_sections.py and tests/suites/integration/test_replicas.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.settings import Settings
from harness.io.client import Client
from harness.io.clock import Monotonic
from harness.io.ledger import Ledger
from harness.io.polite_client import PoliteClient
from harness.io.rundir import RunDir
from harness.run.preflight import Preflight, load_adapter, load_candidates
from harness.run.series import Meter
from harness.run.session import Session
from harness.run.shared_answers import ValidRequests


class Sessions:
    """Makes sessions when they are first needed. `find_preflight` says what is known of a suite's endpoint."""

    def __init__(
        self,
        settings: Settings,
        find_preflight: Callable[[str], Preflight],
        client: Client,
        ledger: Ledger,
        run_dir: RunDir,
        worker: str,
        started: float,
    ) -> None:
        self._settings = settings
        self._find_preflight = find_preflight
        self._client = client
        self._ledger = ledger
        self._run_dir, self._worker, self._started = run_dir, worker, started
        self._sessions: dict[tuple[str, str | None], Session] = {}
        self._by_url: dict[tuple[str, str], Session] = {}

    def get(self, suite: str) -> Session:
        """The session in which this suite speaks to the endpoint."""
        endpoint, preflight = self._settings.endpoint_of(suite), self._find_preflight(suite)
        key = (endpoint.protocol, endpoint.model)
        if key not in self._sessions:
            # Without a protocol only the checks below it run, and any adapter will do.
            is_known = preflight.protocol != "auto"
            adapter = load_adapter(preflight.protocol) if is_known else load_candidates()[0][0]
            settings, meter = replace(self._settings, endpoint=endpoint), Meter(self._run_dir, self._worker)
            session = Session(settings, adapter, preflight.facts, self._client, self._ledger, meter)
            session.is_reached = not preflight.obstacle
            self._sessions[key] = session
        return self._sessions[key]

    def get_for_url(self, url: str, suite: str) -> Session:
        """A session with another URL, which is spoken to as this suite speaks to the endpoint."""
        if (url, suite) not in self._by_url:
            other = replace(self._settings.endpoint_of(suite), url=url, unix_socket=None)
            settings = replace(self._settings, endpoint=other)
            client = PoliteClient(settings.endpoint, clock=Monotonic(self._started))
            client.count_repeat = partial(self._ledger.before_request, repeat=True)
            preflight = self._find_preflight(suite)
            adapter = load_adapter(preflight.protocol)
            self._by_url[url, suite] = Session(settings, adapter, preflight.facts, client, self._ledger, Meter(None))
        return self._by_url[url, suite]

    def get_helper(self, endpoint: Endpoint) -> Session:
        """A session with an endpoint that helps to judge, which has its own protocol, model and secret."""
        key = (endpoint.url, f"{endpoint.protocol} {endpoint.model}")
        if key not in self._by_url:
            client = PoliteClient(endpoint, clock=Monotonic(self._started))
            client.count_repeat = partial(self._ledger.before_request, repeat=True)
            settings, adapter = replace(self._settings, endpoint=endpoint), load_adapter(endpoint.protocol)
            self._by_url[key] = Session(settings, adapter, Facts(), client, self._ledger, Meter(None))
        return self._by_url[key]

    def begin_check(self) -> None:
        """Forget what the last check sent."""
        for session in (*self._sessions.values(), *self._by_url.values()):
            session.begin_check()

    def count_valid_requests(self) -> ValidRequests:
        """The plain valid requests of the current check, by all sessions with the endpoint itself."""
        total = ValidRequests()
        for session in self._sessions.values():
            total.sent += session.valid.sent
            total.failed += session.valid.failed
            total.example = total.example or session.valid.example
        return total

    def list_exchanges(self) -> list[dict[str, Any]]:
        """What the current check sent and got, JSON-able and without secrets."""
        sessions = (*self._sessions.values(), *self._by_url.values())
        return [exchange for session in sessions for exchange in session.show_exchanges()]

    def flush(self) -> None:
        """Write what is left of the series."""
        for session in self._sessions.values():
            session.flush()

    def close(self) -> None:
        """Write what is left of the series, and close the connections to further URLs."""
        self.flush()
        for session in self._by_url.values():
            session.close()
