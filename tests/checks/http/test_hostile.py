"""Each sign of a hostile request that worked is seen, and nothing that only looks like one."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from harness.checks.bad_input.killers import KILLERS, list_killers
from harness.checks.http import disguises, hostile
from harness.core.endpoint import Credentials, Secret
from harness.core.errors import ErrorClass
from harness.core.exchange import Answer, Exchange, Headers, Request, Response, Timing
from harness.core.verdict import Counterexample, Status

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}).encode()
VALID = Request("POST", "/v1/chat/completions", (("content-type", "application/json"),), BODY)
MARK = "K7MQX2WZ9TRBH4VN"
PAGE = (("content-type", "text/html; charset=utf-8"),)
LET_IN = (("access-control-allow-origin", hostile.EVIL_ORIGIN), ("access-control-allow-credentials", "true"))


def answer(body: str = "", status: int = 200, headers: Headers = ()) -> Exchange:
    error = None if status < 400 else ErrorClass.STATUS
    response = Response(status, headers, body.encode())
    return Exchange(VALID, Timing(0.0, done=0.1), response, None if error else Answer("a"), error=error)


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


def judge_all(requests: list[hostile.HostileRequest], given: Exchange, nowhere: Exchange | None = None) -> Status:
    sent = [(request, given) for request in requests]
    return hostile.judge_hostile(sent, answer(), "nothing works", show, nowhere).status


def inject() -> list[hostile.HostileRequest]:
    return hostile.list_injections(VALID, MARK)


def cross() -> list[hostile.HostileRequest]:
    return hostile.list_foreign_origins(VALID, "http://a.example:8000")


@pytest.mark.parametrize(
    ("make_requests", "broken", "sound"),
    [
        (hostile.list_debug_pages, answer('{"cmdline": ["a"]}'), answer("Not found", 404)),
        (hostile.list_debug_pages, answer("API_KEY=abcdefgh\n"), answer("<p>Set your API_KEY = in the form</p>")),
        (hostile.list_debug_pages, answer("[core]\n\tbare = false"), answer("[core]", 403)),
        (inject, answer(f"<script>{MARK}</script>", 404, PAGE), answer(f"&lt;script&gt;{MARK}", 404, PAGE)),
        (inject, answer(f"<script>{MARK}</script>", 404), answer(f"<script>{MARK}</script>", 404, VALID.headers)),
        (inject, answer("root:x:0:0:root"), answer("user root: no")),
        (inject, answer("", 404, ((hostile.INJECTED_HEADER, MARK),)), answer(hostile.INJECTED_HEADER, 404)),
        (cross, answer(headers=LET_IN), answer(headers=(("access-control-allow-origin", "*"),))),
    ],
    ids=["variables", "settings", "repository", "page", "no type", "file", "header", "origin"],
)
def test_a_sign_is_seen_and_what_looks_like_one_is_not(
    make_requests: Callable[[], list[hostile.HostileRequest]], broken: Exchange, sound: Exchange
) -> None:
    assert judge_all(make_requests(), broken) is Status.FAIL
    assert judge_all(make_requests(), sound) is Status.PASS


def test_a_service_that_answers_everything_alike_is_not_blamed() -> None:
    page = answer("<script>const tools = ['goroutine', 'heap']</script>")
    assert judge_all(hostile.list_debug_pages(), page) is Status.FAIL
    assert judge_all(hostile.list_debug_pages(), page, page) is Status.INCONCLUSIVE


def test_silence_and_a_dead_service_pass_nothing() -> None:
    silent = Exchange(VALID, Timing(0.0), error=ErrorClass.TOTAL_TIMEOUT, detail="late")
    assert judge_all(hostile.list_debug_pages(), silent) is Status.INCONCLUSIVE
    sent = [(hostile.list_debug_pages()[0], answer())]
    assert hostile.judge_hostile(sent, answer(status=500), "nothing", show).status is Status.INCONCLUSIVE


@pytest.mark.parametrize("scheme", ["bearer", "header", "basic"])
def test_no_disguise_carries_the_right_key(scheme: str) -> None:
    right = Credentials(scheme, Secret("Secret-Key-0123456789"), header="X-API-Key", username="u")  # type: ignore[arg-type]
    given = disguises.list_disguises(VALID, right)
    assert len(given) == 46
    for request, key in given.values():
        assert key is None or key.build_headers() != right.build_headers()
        assert "Secret-Key" not in str(request)


def test_only_an_answered_disguise_fails() -> None:
    def judge_one(given: Exchange, control: Exchange) -> Status:
        return disguises.judge_disguises({"two slashes": given}, control, show).status

    assert judge_one(answer(status=401), answer()) is Status.PASS
    assert judge_one(answer(status=404), answer()) is Status.PASS
    assert judge_one(answer(), answer()) is Status.FAIL
    assert judge_one(answer(status=401), answer(status=401)) is Status.INCONCLUSIVE


def test_a_killer_is_a_changed_valid_request() -> None:
    killers = list_killers(VALID, generates=True, embeds=False)
    assert [killer.name for killer in killers][: len(KILLERS)] == list(KILLERS)
    for killer in killers:
        body = json.loads(killer.request.body)
        assert body["model"] == "m"
        assert body != json.loads(BODY)
        assert killer.may_accept
        assert killer.request.path == ("/v1/completions" if "prompt" in body else VALID.path)


def test_tensors_and_embeddings_have_killers_of_their_own_and_every_service_has_some() -> None:
    tensor = {"name": "a", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 2.0]}
    for body, embeds in (({"inputs": [tensor]}, False), ({"model": "m", "input": "Hi"}, True)):
        killers = list_killers(Request("POST", "/", (), json.dumps(body).encode()), generates=False, embeds=embeds)
        assert len(killers) >= 7
        assert all(json.loads(killer.request.body) != body for killer in killers)
    rows = Request("POST", "/", (), b'{"instances": [[1]]}')
    assert len(list_killers(rows, generates=False, embeds=False)) == 2
    listed = list_killers(Request("POST", "/", (), b"[[1]]"), generates=False, embeds=False)
    assert json.loads(listed[0].request.body)[0] == [[1]]
