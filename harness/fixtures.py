"""Fixtures for packaged checks and for the user's own tests marked `ai_suite`."""

from __future__ import annotations

import pytest

from harness.core.endpoint import Endpoint
from harness.core.exchange import Query
from harness.run.gaterun import GateRun
from harness.run.session import Session


class Fixtures:
    """Registered as a plugin object, so that the fixtures exist only in a run with `--ai-suite`."""

    def __init__(self, run: GateRun) -> None:
        self._run = run

    @pytest.fixture(scope="session")
    def ai_endpoint(self) -> Endpoint:
        """The endpoint under test."""
        return self._run.settings.endpoint

    @pytest.fixture
    def ai(self, ai_sample: Query | None) -> Session:
        """Asks the endpoint: `ai.ask()`, `ai.ask_many(...)`, `ai.send(...)`, `ai.sample()`."""
        session = self._run.session()
        session.sample_query = ai_sample
        return session

    @pytest.fixture(scope="session")
    def ai_sample(self) -> Query | None:
        """One valid query; override it in a conftest.py to give your own. None: the adapter makes one."""
        return None

    @pytest.fixture
    def ai_run(self) -> GateRun:
        """The running gate: its settings and its plan."""
        return self._run
