from __future__ import annotations

import io
import json
import pickle
import zlib
from itertools import count

import numpy as np

from harness.checks.bad_input.pickles import MOST_PICKLES, PickleRequest, judge_pickles, list_pickle_requests
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request, Response, Timing
from harness.core.verdict import Counterexample, Status, Verdict
from harness.io.canary_server import CanaryServer

BODY = {"instances": [[1.0, 2.5]]}
VALID = Request("POST", "/predict", (("content-type", "application/json"),), json.dumps(BODY).encode())


def make_pickles(port: int | None) -> list[PickleRequest]:
    numbers = count()
    return list_pickle_requests(VALID, port, lambda: f"TOKEN{next(numbers):04}X")


def test_pickles_of_the_input_hold_the_input_and_controls_hold_none() -> None:
    requests = make_pickles(None)
    assert 9 < len(requests) < MOST_PICKLES
    assert not any(one.token for one in requests)
    assert pickle.loads(requests[0].request.body) == BODY
    bodies = {one.name: one.request.body for one in requests}
    assert pickle.loads(zlib.decompress(bodies["a compressed pickle"])) == BODY
    for one in requests:
        assert one.control is not None
        assert one.control.headers == one.request.headers
        assert one.control.body != one.request.body


def test_a_pickle_that_is_loaded_asks_for_its_page_and_does_nothing_else() -> None:
    with CanaryServer() as canary:
        requests = make_pickles(canary.port)
        asking = next(one for one in requests if one.token)
        array = next(one for one in requests if one.name == "an array of objects")
        assert pickle.loads(asking.request.body) is None
        np.load(io.BytesIO(array.request.body), allow_pickle=True)
        assert set(canary.wait_for_hits([asking.token], 5.0)) == {asking.token}
        assert set(canary.wait_for_hits([array.token], 5.0)) == {array.token}


def answer(status: int) -> Exchange:
    error = None if status < 400 else ErrorClass.STATUS
    return Exchange(VALID, Timing(0.0), Response(status), error=error)


def show(summary: str, exchange: Exchange) -> Counterexample:
    return Counterexample(summary)


def judge(first: int, garbage: int | None = None, hits: tuple[str, ...] = ()) -> Verdict:
    requests = make_pickles(4711)
    control = None if garbage is None else answer(garbage)
    sent = [(one, answer(415), None) for one in requests]
    first_sent = (requests[0], answer(first), control)
    asked = {one.token: ("",) for one in requests if one.name in hits}
    return judge_pickles([first_sent, *sent[1:]], asked, answer(200), show)


def test_a_pickle_that_is_answered_or_asks_was_loaded() -> None:
    assert judge(415).status is Status.PASS
    assert judge(200, 400).status is Status.FAIL
    assert judge(415, hits=("a pickle in base64 as the input",)).status is Status.FAIL


def test_a_service_that_answers_any_bytes_is_not_blamed() -> None:
    verdict = judge(200, 200)
    assert verdict.status is Status.PASS
    assert "bytes that are no pickle are answered as well: a pickle as application/octet-stream" in verdict.notes[-1]
