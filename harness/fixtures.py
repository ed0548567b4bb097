"""Fixtures for packaged checks and for the user's own tests marked `ai_suite`; there only with `--ai-suite`."""

from __future__ import annotations

import pytest

from harness.core.endpoint import Endpoint
from harness.core.exchange import Query
from harness.run.gaterun import GateRun
from harness.run.session import Session

RUN = pytest.StashKey[GateRun]()
"""Where the running gate is kept on pytest's config."""


@pytest.fixture
def ai_run(pytestconfig: pytest.Config) -> GateRun:
    """The running gate: its settings and its plan."""
    return pytestconfig.stash[RUN]


@pytest.fixture(scope="session")
def ai_endpoint(pytestconfig: pytest.Config) -> Endpoint:
    """The endpoint under test."""
    return pytestconfig.stash[RUN].settings.endpoint


@pytest.fixture(scope="session")
def ai_sample() -> Query | None:
    """One valid query; override it in a conftest.py to give your own. None: the adapter makes one."""
    return None


@pytest.fixture
def ai_client(ai_run: GateRun, ai_sample: Query | None) -> Session:
    """Asks the endpoint: `ask()`, `ask_many(...)`, `send(...)`, `sample()`."""
    session = ai_run.session()
    session.sample_query = ai_sample
    return session
