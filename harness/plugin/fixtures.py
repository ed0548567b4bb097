"""Fixtures for packaged checks and for the user's own tests marked `ai_suite`; there only with `--ai-suite`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.core.endpoint import Endpoint
from harness.core.exchange import Query
from harness.core.plan import PlannedCheck
from harness.core.verdict import Level
from harness.plugin.user_client import ObjectiveJudge, Reply, UserClient, count_deciding_tests
from harness.run.gate_run import GateRun
from harness.run.measurements import Measurements
from harness.run.session import Session

RUN = pytest.StashKey[GateRun]()
"""Where the running gate is kept on pytest's config."""


@pytest.fixture
def ai_run(pytestconfig: pytest.Config) -> GateRun:
    """The running gate: its settings and its plan."""
    return pytestconfig.stash[RUN]


@pytest.fixture
def ai_planned(ai_run: GateRun, request: pytest.FixtureRequest) -> PlannedCheck:
    """This test as the plan has it; a test of the user's own that is not in the plan yet, as a blocker."""
    id_ = request.node.nodeid
    return ai_run.checks.get(id_) or PlannedCheck(id_, "", Level.BLOCKER, id_, kind="user")


@pytest.fixture(scope="session")
def ai_endpoint(pytestconfig: pytest.Config) -> Endpoint:
    """The endpoint under test."""
    return pytestconfig.stash[RUN].settings.endpoint


@pytest.fixture(scope="session")
def ai_sample() -> Any:
    """One valid query, prompt or list of rows; override it in a conftest.py. None: the adapter makes one."""
    return None


@pytest.fixture
def ai_client(ai_run: GateRun, ai_sample: Any, ai_planned: PlannedCheck) -> Session:
    """Asks the endpoint, as the test's suite speaks to it: `ask()`, `ask_many(...)`, `send(...)`, `sample()`."""
    session = ai_run.get_session(ai_planned.suite)
    # A plain prompt, or plain rows, are what most users have.
    session.sample_query = ai_sample if ai_sample is None or isinstance(ai_sample, Query) else Query(ai_sample)
    return session


@pytest.fixture
def ai_measure(ai_client: Session, ai_run: GateRun, ai_planned: PlannedCheck) -> Measurements:
    """The measurements that `@check(..., measures=...)` names: `ai_measure(LOAD)` is the one load of the run."""
    return Measurements(ai_client, ai_run, ai_planned)


@pytest.fixture
def ai_asking(ai_client: Session) -> UserClient:
    """What the fixtures below ask through; `inferences` has those of this test so far."""
    return UserClient(ai_client)


@pytest.fixture
def ai_chat(ai_asking: UserClient) -> Callable[..., Reply]:
    """Ask for text: `ai_chat("Say hello.", max_tokens=8).text`; a failed exchange fails the test, and is shown."""
    return ai_asking.chat


@pytest.fixture
def ai_stream(ai_asking: UserClient) -> Callable[..., Reply]:
    """Ask for text, streamed: a reply of `pieces` (each with `text` and `at`, in seconds) and `ttft`."""
    return ai_asking.stream


@pytest.fixture
def ai_predict(ai_asking: UserClient) -> Callable[..., Reply]:
    """Ask for predictions of rows: `ai_predict([[5.1, 3.5]]).outputs`."""
    return ai_asking.predict


@pytest.fixture
def ai_objective(ai_run: GateRun, ai_asking: UserClient, ai_planned: PlannedCheck) -> ObjectiveJudge:
    """Judge `latency p95 <= 300ms` over what this test has asked, or by asking: `ai_objective(text, ask)`."""
    return ObjectiveJudge(ai_asking, ai_planned, count_deciding_tests(ai_run.plan.checks))
