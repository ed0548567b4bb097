from __future__ import annotations

from harness.checks.http.rate_evasion import EVASION_PAIRS, judge_evasions, list_evasions
from harness.core.endpoint import Credentials, Secret
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request, Response, Timing
from harness.core.verdict import Counterexample, Status

VALID = Request("POST", "/predict", (("content-type", "application/json"),), b"{}")
SERVED = Exchange(VALID, Timing(0.0), Response(200))
DECLINED = Exchange(VALID, Timing(0.0), Response(429), error=ErrorClass.STATUS)


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


def judge(*pairs: tuple[Exchange, Exchange], over: Exchange = DECLINED) -> Status:
    return judge_evasions(40, over, {"another address": pairs}, show).status


def test_an_evasion_is_served_each_time_while_the_plain_request_never_is() -> None:
    assert judge(*[(SERVED, DECLINED)] * EVASION_PAIRS) is Status.FAIL
    assert judge((DECLINED, DECLINED)) is Status.PASS
    assert judge(*[(SERVED, DECLINED)] * 3, (DECLINED, DECLINED)) is Status.PASS


def test_a_limit_that_lets_something_through_is_not_blamed() -> None:
    assert judge(*[(SERVED, DECLINED)] * 5, (SERVED, SERVED)) is Status.INCONCLUSIVE
    assert judge(*[(SERVED, DECLINED)] * EVASION_PAIRS, over=SERVED) is Status.INCONCLUSIVE


def test_each_disguise_differs_from_the_plain_request_and_from_turn_to_turn_where_it_names_a_client() -> None:
    right = Credentials("bearer", Secret("Secret-Key-0123456789"))
    evasions = list_evasions(VALID, right)
    assert len(evasions) == 19
    for evasion in evasions:
        headers = evasion.credentials.build_headers() if evasion.credentials else ()
        assert evasion.make(0) != VALID or headers != right.build_headers()
        assert "Secret-Key" not in str(evasion.make(0))
        if evasion.name.startswith("another x-"):
            assert evasion.make(0) != evasion.make(1)
