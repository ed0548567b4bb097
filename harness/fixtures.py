"""Fixtures for packaged checks and for the user's own tests marked `ai_suite`; there only with `--ai-suite`."""

from __future__ import annotations

from typing import Any

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
def ai_sample() -> Any:
    """One valid query, prompt or list of rows; override it in a conftest.py. None: the adapter makes one."""
    return None


@pytest.fixture
def ai_client(ai_run: GateRun, ai_sample: Any, request: pytest.FixtureRequest) -> Session:
    """Asks the endpoint, as the test's suite speaks to it: `ask()`, `ask_many(...)`, `send(...)`, `sample()`."""
    check = ai_run.planned.get(request.node.nodeid)
    session = ai_run.session(check.suite if check else "")
    # A plain prompt, or plain rows, are what most users have.
    session.sample_query = ai_sample if ai_sample is None or isinstance(ai_sample, Query) else Query(ai_sample)
    return session
