"""Other URLs of the service answer as the first one does."""

from __future__ import annotations

from harness.checks.answers import replicas
from harness.core.plan import PlannedCheck
from harness.core.settings import MOST_REPLICAS
from harness.run.gate_run import GateRun
from harness.run.valid_inputs import Rows
from harness.suite import Session, Verdict, check, mutate

_QUERIES = 4
_REQUESTS = _QUERIES * (1 + MOST_REPLICAS)


@check(
    "replicas answer alike",
    grounds=("replicas",),
    requests=_REQUESTS,
    tokens=16 * _REQUESTS,
    broken_by=(mutate("other_answer", form="drift"),),
)
def test_answer_alike(ai_client: Session, ai_run: GateRun, ai_planned: PlannedCheck) -> Verdict:
    rows = Rows(ai_client)
    queries = [ai_client.sample(), *(rows.query([row]) for row in rows.draw_distinct(_QUERIES - 1))]
    first = [*map(ai_client.ask, queries)]
    sessions = ai_run.get_replicas(ai_planned.suite)
    others = {url: [session.ask(query) for query in queries] for url, session in sessions.items()}
    shows = {url: session.show for url, session in sessions.items()}
    return replicas.judge_replicas(first, others, shows, same_text=ai_client.promises.deterministic)
