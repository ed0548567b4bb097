"""A failure that noise explains counts when it is repeated, and no case is blamed for a stray one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.core.endpoint import Endpoint
from harness.core.errors import BudgetExhausted
from harness.core.exchange import Query
from harness.core.settings import Settings
from harness.core.verdict import Case, Status, Verdict, judge_contract
from harness.run.confirmation import ask_confirmed, judge_confirmed
from harness.run.session import Session
from tests.services import QUICK, Answered, asking, serving

SAMPLE: list[float] = [0.5] * 4


def open_session(url: str, folder: Path) -> AbstractContextManager[Session]:
    return asking(Settings(Endpoint(url, "plain_json", sample=[SAMPLE], deadlines=QUICK), ("smoke",)), folder)


class Service:
    """Answers by its script: the first number of the input chooses the list of statuses that are still to come."""

    def __init__(self) -> None:
        self.scripts: dict[float, list[int]] = {}
        self.default: dict[float, int] = {}
        self.asked: list[float] = []

    def answer(self, path: str, body: Any) -> Answered:
        number = body["instances"][0][0] if isinstance(body, dict) else None
        if number is None:
            return 404, {"error": "not here"}
        self.asked.append(number)
        script = self.scripts.get(number)
        status = script.pop(0) if script else self.default.get(number, 200)
        return status, {"predictions": [1]} if status == 200 else {"error": "try later"}


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def session(service: Service, tmp_path: Path) -> Iterator[Session]:
    with serving(service.answer) as url, open_session(url, tmp_path) as opened:
        yield opened


def judge_rows(session: Session, numbers: tuple[float, ...] = (0.0, 1.0, 2.0)) -> Callable[[], Verdict]:
    """A contract check: one request for each number is answered."""

    def judge() -> Verdict:
        cases = []
        for number in numbers:
            exchange = session.ask(Query([[number] * 4]))
            example = None if exchange.ok else session.show(f"{number:g} fails: {exchange.outcome}", exchange)
            cases.append(Case(f"row {number:g}", example))
        return judge_contract(cases, f"{len(cases)} rows are answered")

    return judge


def test_a_stray_failure_is_asked_again_and_leaves_a_note(service: Service, session: Session) -> None:
    service.scripts[1.0] = [503]
    verdict = judge_confirmed(judge_rows(session), session)
    assert verdict.status is Status.PASS
    assert verdict.n == 3
    assert "1 fails: HTTP 503" in " ".join(verdict.notes)
    assert service.asked.count(1.0) >= 3
    assert service.asked.count(0.5) >= 2, "plain valid requests stand between the repeats"


@pytest.mark.parametrize("script", [[503] * 9, [500, 429, 503], [503, 200, 503, 503], [503, 503, 200, 500]])
def test_a_failure_that_is_repeated_in_two_of_three_counts(
    service: Service, session: Session, script: list[int]
) -> None:
    service.scripts[1.0] = script
    verdict = judge_confirmed(judge_rows(session), session)
    assert verdict.status is Status.FAIL
    assert "1 fails" in verdict.reason
    assert any(note.startswith("confirmed: it failed again") for note in verdict.notes)


def test_strays_on_another_case_each_time_do_not_fail(service: Service, session: Session) -> None:
    service.scripts = {0.0: [503], 1.0: [200, 503], 2.0: [200, 200, 503]}
    verdict = judge_confirmed(judge_rows(session), session)
    assert verdict.status is Status.PASS, verdict.reason


def test_many_failures_on_other_cases_are_no_background_errors(service: Service, session: Session) -> None:
    numbers = tuple(float(number) for number in range(10, 26))
    for place, number in enumerate(numbers):  # each fails once, in another attempt: 4 of 16 requests at a time
        service.scripts[number] = [503 if attempt == place % 4 else 200 for attempt in range(4)]
    verdict = judge_confirmed(judge_rows(session, numbers), session)
    assert verdict.status is Status.FAIL


def test_wrong_content_fails_at_first_sight(service: Service, session: Session) -> None:
    asked = []

    def judge() -> Verdict:
        asked.append(session.ask())
        return judge_contract([Case("content", session.show("the answer is another caller's", asked[-1]))], "")

    assert judge_confirmed(judge, session).status is Status.FAIL
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("script", "shown", "asked"),
    [([500] * 9, True, 3), ([500, 200, 503, 503], True, 4), ([503], False, 3), ([503, 200, 503, 200], False, 4)],
)
def test_a_failure_beside_wrong_content_is_hidden_only_if_it_is_stray(
    service: Service, session: Session, script: list[int], shown: bool, asked: int
) -> None:
    service.scripts[1.0] = script

    def judge() -> Verdict:
        verdict = judge_rows(session, (1.0, 2.0))()
        wrong = Case("content", session.show("the answer is another caller's", session.ask()))
        assert verdict.contract
        return judge_contract([*verdict.contract.cases, wrong], "")

    verdict = judge_confirmed(judge, session)
    assert verdict.status is Status.FAIL
    assert verdict.reason == "the answer is another caller's"
    summaries = [example.summary for example in verdict.counterexamples]
    assert summaries[0] == "the answer is another caller's"
    assert ("1 fails" in " ".join(summaries[1:])) is shown
    assert any("left out" in note for note in verdict.notes) is not shown
    assert service.asked.count(1.0) == asked


def test_a_ceiling_of_cost_takes_no_failure_by_content_away(service: Service, session: Session) -> None:
    service.default = {1.0: 503}
    attempts = iter([None])

    def judge() -> Verdict:
        if next(attempts, "none left"):
            raise BudgetExhausted("--ai-max-requests=4 is reached")
        verdict = judge_rows(session, (1.0, 2.0))()
        assert verdict.contract
        return judge_contract([*verdict.contract.cases, Case("content", session.show("wrong", session.ask()))], "")

    verdict = judge_confirmed(judge, session)
    assert verdict.status is Status.FAIL
    assert len(verdict.counterexamples) == 2


def test_failures_beside_wrong_content_stay_where_plain_requests_fail_too(service: Service, session: Session) -> None:
    service.default = {0.5: 503, 1.0: 503}

    def judge() -> Verdict:
        verdict = judge_rows(session, (1.0, 2.0))()
        exchange = session.ask(Query([[2.0] * 4]))
        assert verdict.contract
        return judge_contract([*verdict.contract.cases, Case("content", session.show("wrong", exchange))], "")

    assert len(judge_confirmed(judge, session).counterexamples) == 2


def test_a_leak_in_an_error_fails_at_first_sight(tmp_path: Path) -> None:
    trace = 'Traceback (most recent call last):\n  File "/app/serve.py", line 3, in predict\nValueError: x'
    asked: list[Any] = []

    def answer(path: str, body: Any) -> Answered:
        asked.append(body)
        return 500, {"error": trace}

    with serving(answer) as url, open_session(url, tmp_path) as session:
        verdict = judge_confirmed(judge_rows(session, (0.0,)), session)
    assert verdict.status is Status.FAIL
    assert len(asked) == 1


def test_a_dead_service_fails_and_the_case_is_not_blamed_alone(service: Service, session: Session) -> None:
    service.default = {0.0: 503, 0.5: 503, 1.0: 503, 2.0: 503}
    verdict = judge_confirmed(judge_rows(session), session)
    assert verdict.status is Status.FAIL
    assert "the plain valid request failed" in " ".join(verdict.notes) + verdict.reason


def test_a_service_that_is_gone_since_a_case_fails_with_the_name_of_the_case(service: Service, tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(ExitStack())
        url = server.enter_context(serving(service.answer))
        session = stack.enter_context(open_session(url, tmp_path))
        session.is_reached = True
        server.close()
        verdict = judge_confirmed(judge_rows(session, (2.0,)), session)
    assert verdict.status is Status.FAIL
    assert verdict.reason.startswith("2 fails: ")
    assert "since then the service is gone" in verdict.reason


def test_a_service_that_fails_with_and_without_the_case_fails_for_that(service: Service, session: Session) -> None:
    service.scripts = {1.0: [503, 503, 503, 503], 0.5: [503, 200, 503, 503]}
    verdict = judge_confirmed(judge_rows(session), session)
    assert verdict.status is Status.FAIL


def test_an_answer_that_several_checks_share_is_asked_again(service: Service, session: Session) -> None:
    service.scripts[1.0] = [503]

    def judge() -> Verdict:
        exchange = session.once("shared", lambda: session.ask(Query([[1.0] * 4])))
        example = None if exchange.ok else session.show("it fails", exchange)
        return judge_contract([Case("shared", example)], "it is answered")

    assert judge_confirmed(judge, session).status is Status.PASS
    session.begin_check()
    before = len(service.asked)
    assert judge_confirmed(judge, session).status is Status.PASS
    assert len(service.asked) == before, "the good answer is shared"


def test_a_check_that_noise_left_undecided_is_asked_again(service: Service, session: Session) -> None:
    service.scripts[1.0] = [503]

    def judge() -> Verdict:
        exchange = session.ask(Query([[1.0] * 4]))
        return judge_contract([Case("one", unjudged="" if exchange.ok else "declined")], "it is answered")

    verdict = judge_confirmed(judge, session)
    assert verdict.status is Status.PASS
    assert "declined" in " ".join(verdict.notes)


@pytest.mark.parametrize(
    ("script", "stands"), [([503], False), ([503, 200, 503], False), ([503] * 4, True), ([503, 200, 503, 503], True)]
)
def test_one_inference_is_confirmed(service: Service, session: Session, script: list[int], stands: bool) -> None:
    service.scripts[1.0] = script
    assert ask_confirmed(session, Query([[1.0] * 4])).ok is not stands


def test_plain_valid_requests_are_counted(service: Service, session: Session) -> None:
    service.scripts[0.5] = [200, 503]
    session.ask()
    session.ask_many([session.sample(), Query([[1.0] * 4])], concurrency=1)
    session.ask(headers=(("x-own", "1"),))
    assert (session.valid.sent, session.valid.failed) == (2, 1)
    assert session.valid.example is not None


def test_the_own_failures_of_bad_inputs_confirm_no_stray_one(service: Service, session: Session) -> None:
    """A service may answer bad inputs with 500: these are no further failing cases."""
    service.default[9.0] = 500
    service.scripts[1.0] = [503]

    def judge() -> Verdict:
        for _ in range(8):
            session.ask(Query([[9.0] * 4]))
        return judge_rows(session)()

    assert judge_confirmed(judge, session).status is Status.PASS


@pytest.mark.parametrize("status", [Status.ERROR, Status.SKIPPED])
def test_a_repeat_that_breaks_passes_nothing(service: Service, session: Session, status: Status) -> None:
    service.scripts[1.0] = [503]
    first = [judge_rows(session)]

    def judge() -> Verdict:
        return first.pop()() if first else Verdict(status, "a ceiling is reached, or the harness broke")

    assert judge_confirmed(judge, session).status is status
