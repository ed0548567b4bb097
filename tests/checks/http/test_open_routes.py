"""Routes, pages and orders that answer without a key are seen, and what only looks like them is not."""

from __future__ import annotations

import json

import pytest

from harness.checks.http import hostile, open_routes
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Request, Response, Timing
from harness.core.verdict import Counterexample, Status

BODY = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
VALID = Request("POST", "/v1/chat/completions", (("content-type", "application/json"),), json.dumps(BODY).encode())
NAME = "aiharness-none-1"


def answer(body: str = "{}", status: int = 200) -> Exchange:
    error = None if status < 400 else ErrorClass.STATUS
    return Exchange(VALID, Timing(0.0), Response(status, (), body.encode()), Answer("a"), error=error)


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


def test_every_other_route_is_asked_and_the_known_one_is_not() -> None:
    requests = open_routes.list_open_inferences(VALID, ["/api/tell", "/v1/chat/completions/"])
    paths = [request.path for request in requests.values()]
    assert paths[0] == "/api/tell"
    assert "/invocations" in paths
    assert VALID.path not in [path.rstrip("/") for path in paths]
    assert json.loads(requests["POST /invocations with a text"].body)["prompt"] == "Hello."


def test_pages_for_which_the_document_asks_for_a_key_are_read_from_it() -> None:
    page: dict[str, object] = {"responses": {}}
    paths = {
        "/health": {"get": {**page, "security": []}},
        "/usage": {"get": page},
        "/usage/{user}": {"get": page},
        "/reset": {"post": page},
    }
    assert list(open_routes.list_secured_pages({"paths": paths, "security": [{"key": []}]})) == ["GET /usage"]
    assert open_routes.list_secured_pages({"paths": paths}) == {}
    assert open_routes.list_secured_pages({"paths": {"/a": 5}}) == open_routes.list_secured_pages([]) == {}


@pytest.mark.parametrize(
    ("given", "own", "control", "nowhere", "status"),
    [
        (answer('{"a": 1}'), answer(status=401), answer(), answer(status=404), Status.FAIL),
        (answer("{}"), answer(status=401), answer(), answer(status=404), Status.PASS),
        (answer('{"a": 1}', 422), answer(status=401), answer(), answer(status=404), Status.PASS),
        (answer('{"a": 1}'), answer(status=401), answer(), answer('{"a": 1}'), Status.INCONCLUSIVE),
        (answer('{"a": 1}'), answer(), answer(), answer(status=404), Status.INCONCLUSIVE),
        (answer(status=401), answer(status=401), answer(status=401), answer(status=404), Status.INCONCLUSIVE),
    ],
    ids=["open", "nothing in it", "refused for another reason", "everything is answered", "no door", "no key"],
)
def test_a_route_is_open_if_it_answers_what_others_do_not(
    given: Exchange, own: Exchange, control: Exchange, nowhere: Exchange, status: Status
) -> None:
    assert open_routes.judge_open_routes({"POST /a": given}, own, control, nowhere, show).status is status


def judge(requests: list[hostile.HostileRequest], given: Exchange, nowhere: Exchange) -> Status:
    return hostile.judge_hostile([(one, given) for one in requests], answer(), "held", show, nowhere).status


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (answer("# HELP requests Served\nrequests 5\n"), Status.FAIL),
        (answer('{"openapi": "3.1.0"}'), Status.FAIL),
        (answer('{"model_path": "/m"}'), Status.FAIL),
        (answer("<title>Welcome</title> 5 requests"), Status.PASS),
        (answer("# HELP requests Served", 401), Status.PASS),
    ],
)
def test_pages_for_operators_are_known_by_what_they_show(given: Exchange, status: Status) -> None:
    assert judge(open_routes.list_operator_pages(()), given, answer(status=404)) is status


def test_pages_that_are_promised_to_be_open_are_not_asked_for() -> None:
    names = [page.name for page in open_routes.list_operator_pages(["/metrics"])]
    assert "/metrics" not in names
    assert "/docs" in names


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (answer(f'{{"error": "no model {NAME}"}}', 404), Status.FAIL),
        (answer('{"done": true}'), Status.FAIL),
        (answer(f"no model {NAME}", 401), Status.PASS),
        (answer(f"Cannot POST /v2/repository/models/{NAME}/load", 404), Status.PASS),
        (answer("Not Found", 404), Status.PASS),
    ],
)
def test_an_order_is_taken_if_its_model_is_looked_for(given: Exchange, status: Status) -> None:
    orders = open_routes.list_management_requests(NAME)[:1]
    assert judge(orders, given, answer("Not Found", 404)) is status


def test_who_repeats_every_body_is_not_blamed() -> None:
    orders = open_routes.list_management_requests(NAME)
    nowhere = answer(f"you sent {NAME}", 400)
    assert NAME in open_routes.make_nowhere_order(NAME, "x").path
    assert judge(orders, nowhere, nowhere) is Status.INCONCLUSIVE
