"""TorchServe: recorded answers, bodies by the template, and what tells it from others that have a ping."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.core.adapter import Facts
from harness.core.answer_class import AnswerClass, classify_response
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Query, Response
from harness.protocols.tensor.torchserve import ADAPTER
from tests.protocols.recorded import Server, load

ANSWERS = load("rows")
PROBES = load("probes")
ENDPOINT = Endpoint("http://127.0.0.1:1", model="digits")


def read_recorded(name: str) -> Response:
    status, content_type, body = ANSWERS[f"torchserve/{name}"]
    return Response(status, (("content-type", content_type),) if content_type else (), body.encode())


def body(inputs: Any, **endpoint: Any) -> Any:
    request = ADAPTER.encode(Endpoint("http://h", model="digits", **endpoint), Query(inputs), Facts())
    assert request.path == "/predictions/digits"
    return json.loads(request.body)


def test_recorded_answer_has_no_content_type() -> None:
    answer = ADAPTER.decode(ENDPOINT, read_recorded("one"))
    assert answer.outputs == {"label": 0, "probs": [1.0] + [0.0] * 9}
    one = Endpoint("http://h", model="digits", template=Template(answer="$.label", probabilities="$.probs"))
    assert ADAPTER.decode(one, read_recorded("one")).outputs == {"label": 0, "$.probs": [1.0] + [0.0] * 9}


def test_recorded_nan_in_a_success_is_invalid() -> None:
    assert read_recorded("nan").status == 200
    with pytest.raises(ProtocolError, match="bare NaN"):
        ADAPTER.decode(ENDPOINT, read_recorded("nan"))


def test_the_body_tells_the_two_kinds_of_503_apart() -> None:
    assert classify_response(read_recorded("failed")) is AnswerClass.BROKEN
    assert classify_response(read_recorded("no-worker")) is AnswerClass.OVERLOADED


def test_an_error_in_a_success_is_no_answer() -> None:
    with pytest.raises(ProtocolError, match=r"^\$\.type: .*status 200: InternalServerException: Prediction failed"):
        ADAPTER.decode(ENDPOINT, Response(200, body=read_recorded("failed").body))
    answer = ADAPTER.decode(ENDPOINT, Response(200, body=b'{"code": 3, "type": "cat", "message": "a cat"}'))
    assert answer.outputs == {"code": 3}


def test_body() -> None:
    assert body([[1.0]]) == {"instances": [[1.0]]}
    assert body({"data": [[1.0]]}) == {"data": [[1.0]]}
    assert body([[1.0]], template=Template(body='{"data": {{input}}}')) == {"data": [[1.0]]}
    assert body({"a": 1}, template=Template(body="[{{input}}]")) == [{"a": 1}]
    assert body("text", template=Template(body="{{input}}")) == "text"


def test_path() -> None:
    named = Endpoint("http://h", model="a b", version="1.0", sample=[[1]])
    assert ADAPTER.encode(named, Query([[1]]), Facts()).path == "/predictions/a%20b/1.0"
    by_template = Endpoint("http://h", template=Template(path="/predictions/digits"))
    assert ADAPTER.encode(by_template, Query([[1]]), Facts()).path == "/predictions/digits"
    for ask in (ADAPTER.sample, ADAPTER.bad_requests):
        with pytest.raises(UsageError, match="--ai-model"):
            ask(Endpoint("http://h", sample=[[1]]), Facts())
    with pytest.raises(UsageError, match=r"\[endpoint\] sample"):
        ADAPTER.sample(ENDPOINT, Facts())


def test_no_probe_runs_a_handler() -> None:
    """GET on a model's path is a prediction with an empty body."""
    assert {probe.path for probe in ADAPTER.probes(ENDPOINT).values()} == {
        *("/ping", "/aiharness-no-such-path", "/models", "/models/digits"),
    }


@pytest.mark.parametrize(
    ("ping", "score"),
    [
        ((200, '{"status": "Healthy"}'), 1.0),
        ((200, '{"status": "Partial Healthy"}'), 1.0),
        ((200, '{"health": "healthy!"}'), 1.0),
        ((500, '{"status": "Unhealthy"}'), 0.6),
        ((404, "{}"), 0.6),
    ],
)
def test_recognition(ping: tuple[int, str], score: float) -> None:
    nowhere = Server(PROBES["torchserve"])["/aiharness-no-such-path"].response
    assert nowhere is not None
    answers = {"live": Response(ping[0], body=ping[1].encode()), "nowhere": nowhere}
    recognition = ADAPTER.recognise(ENDPOINT, answers)
    assert recognition.score == score
    assert "ResourceNotFoundException" in recognition.reason


def test_a_ping_alone_is_nothing() -> None:
    nowhere = Response(404, (("content-type", "application/json"),), b'{"detail": "Not Found"}')
    answers = {"live": Response(200, body=b'{"status": "Healthy"}'), "nowhere": nowhere}
    assert ADAPTER.recognise(ENDPOINT, answers).score == 0


def test_capabilities() -> None:
    able = ADAPTER.capabilities(Endpoint("http://h", model="m", sample=[[1.0]]), Facts(inputs={"live": True}))
    assert (able.liveness, able.readiness, able.model_readiness, able.batches) == (True, False, False, True)
    assert not ADAPTER.capabilities(ENDPOINT, Facts()).batches


def answer_probes(**answers: Response) -> dict[str, Response]:
    """What a TorchServe with both APIs at one address answers the probes."""
    error = b'{"code": 404, "type": "ResourceNotFoundException", "message": "not found"}'
    ping = Response(200, body=b'{"status": "Healthy"}')
    return {"live": ping, "nowhere": Response(404, body=error), "models": read_recorded("models"), **answers}


def list_offers(facts: Facts) -> tuple[bool, bool, bool]:
    offers = ADAPTER.capabilities(ENDPOINT, facts)
    return offers.model_readiness, offers.model_name, offers.model_version


def test_the_management_api_tells_name_version_and_readiness() -> None:
    assert ADAPTER.probes(ENDPOINT)["model_ready"].path == "/models/digits"
    answers = answer_probes(model_ready=read_recorded("described"))
    recognition = ADAPTER.recognise(ENDPOINT, answers)
    assert (recognition.score, recognition.facts.models, recognition.facts.version) == (1.0, ("digits",), "1.0")
    assert list_offers(recognition.facts) == (True, True, True)
    assert ADAPTER.identity(answers) == ("digits", "1.0")
    assert ADAPTER.find_denial("model_ready", answers["model_ready"]) is None
    by_path = Endpoint("http://h", template=Template(path="/predictions/digits/1.0"))
    assert ADAPTER.probes(by_path)["model_ready"].path == "/models/digits"


def test_who_names_no_model_is_told_nothing_of_it() -> None:
    facts = ADAPTER.recognise(ENDPOINT, answer_probes(model_ready=read_recorded("described"))).facts
    assert not ADAPTER.capabilities(Endpoint("http://h"), facts).model_readiness


def test_a_model_whose_worker_is_dead_is_not_ready() -> None:
    """The ping beside it says Healthy, and a prediction would hang: recorded of a worker that cannot start."""
    assert ADAPTER.find_denial("model_ready", read_recorded("dead")) == "no worker is ready: UNLOADING"
    bare = Response(200, body=b'[{"modelName": "digits", "workers": []}]')
    assert ADAPTER.find_denial("model_ready", bare) == "no worker is ready: there is none"
    assert ADAPTER.find_denial("model_ready", Response(200, body=b"{}")) == "it does not describe a model"
    assert ADAPTER.find_denial("live", Response(200, body=b"{}")) is None


def test_without_the_management_api_nothing_is_claimed() -> None:
    answers = answer_probes()
    del answers["models"]
    recognition = ADAPTER.recognise(ENDPOINT, answers)
    assert recognition.score == 1.0
    assert list_offers(recognition.facts) == (False, False, False)


def test_the_management_port_alone_is_told_apart() -> None:
    answers = answer_probes(live=answer_probes()["nowhere"])
    recognition = ADAPTER.recognise(Endpoint("http://h"), answers)
    assert recognition.score == 0.6
    assert "predictions have an address of their own" in recognition.reason
    one = Endpoint("http://h", sample=[[1]])
    assert ADAPTER.encode(one, ADAPTER.sample(one, recognition.facts), recognition.facts).path == "/predictions/digits"
