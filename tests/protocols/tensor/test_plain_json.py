"""Plain JSON: templates there and back, paths, samples out of OpenAPI documents, recorded answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Query, Response
from harness.protocols.shared import openapi, template_path
from harness.protocols.tensor.plain_json import ADAPTER
from tests.protocols.recorded import load

ANSWERS = load("answers")


def endpoint(sample: Any = None, **template: Any) -> Endpoint:
    return Endpoint("http://127.0.0.1:1", template=Template(**template), sample=sample)


def decode(value: Any, **template: Any) -> Any:
    return ADAPTER.decode(endpoint(**template), Response(200, body=json.dumps(value).encode()))


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("mlflow", {"predictions": [0, 0, 0]}),
        ("bentoml-list", {"answer": [0, 0, 0]}),
        ("torchserve", {"label": 0, "probs": [1.0] + [0.0] * 9}),
        ("litserve", {"predictions": [0]}),
        ("rayserve", {"predictions": [0]}),
    ],
)
def test_recorded_answer(name: str, outputs: dict[str, Any]) -> None:
    answer = ADAPTER.decode(endpoint(), Response(200, body=ANSWERS[f"plain_json/{name}"].encode()))
    assert (answer.outputs, answer.text, answer.complete) == (outputs, None, True)


@pytest.mark.parametrize("name", ["flask-dev", "fastapi"])
def test_recorded_probabilities(name: str) -> None:
    spoken = endpoint(answer="$.predictions[0]", probabilities="$.probabilities")
    answer = ADAPTER.decode(spoken, Response(200, body=ANSWERS[f"plain_json/{name}"].encode()))
    assert answer.outputs["predictions"] == 0
    assert sum(answer.outputs["$.probabilities"][0]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("value", "template", "text", "outputs"),
    [
        ({"a": [1], "b": 2.5, "c": "x", "d": {"e": 1}, "f": True}, {}, None, {"a": [1], "b": 2.5}),
        ({"label": "spam", "sure": True}, {}, None, {"label": "spam", "sure": True}),
        (7, {}, None, {"answer": 7}),
        ("yes", {}, "yes", {}),
        ([[1.0, 2.0]], {}, None, {"answer": [[1.0, 2.0]]}),
        ({"out": {"x y": ["hi"]}}, {"answer": "$.out['x y'][0]"}, "hi", {}),
        ({"data": [{"label": 3}]}, {"answer": "$.data[-1].label"}, None, {"label": 3}),
        ({"error": 0.25, "y": [1]}, {}, None, {"error": 0.25, "y": [1]}),
        ({"error": None, "y": [1]}, {}, None, {"y": [1]}),
    ],
)
def test_what_is_the_answer(value: Any, template: Any, text: str | None, outputs: dict[str, Any]) -> None:
    answer = decode(value, **template)
    assert (answer.text, answer.outputs) == (text, outputs)


def test_model_and_version_where_stated() -> None:
    assert (decode({"y": [1]}).model, decode({"y": [1]}).version) == (None, None)
    answer = decode({"y": [1], "model_name": "m", "model_version": 3})
    assert (answer.model, answer.version, answer.outputs) == ("m", "3", {"y": [1]})
    answer = decode({"y": [1], "model": "m", "version": "1.0"}, answer="$.y")
    assert (answer.model, answer.version) == ("m", "1.0")


@pytest.mark.parametrize(
    ("value", "template", "place"),
    [
        ({}, {}, r"\$: no array, number or text .*template\.answer"),
        ({"model": "m"}, {}, "no array"),
        ({"error": "boom"}, {}, r"\$\.error: an error in an answer of status 200: boom"),
        ({"error": {"message": "boom"}, "y": [1]}, {}, r"\$\.error: .*boom"),
        ({"error": True, "y": [1]}, {}, r"\$\.error"),
        ({"a": {"b": [1]}}, {"answer": "$.a.c"}, r"^\$\.a: no member 'c' \(looking for \$\.a\.c\)"),
        ({"a": {"b": [1]}}, {"answer": "$.a.b[1]"}, r"^\$\.a\.b: no element \[1\]"),
        ({"prediction": 1}, {"answer": "$.predicton"}, r"did you mean 'prediction'\? See \[endpoint.template\] answer"),
        ({"label": 1, "p": 2}, {"answer": "$.predicton"}, r"; there are 'label', 'p'$"),
        ({"a": [1]}, {"answer": "$.a.b"}, r"^\$\.a: no member 'b'"),
        ({"a": None}, {"answer": "$.a"}, r"^\$\.a: null"),
        (None, {}, r"^\$: null"),
        ({"y": [1]}, {"probabilities": "$.p"}, r"no member 'p'"),
    ],
)
def test_refused_answer(value: Any, template: Any, place: str) -> None:
    with pytest.raises(ProtocolError, match=place):
        decode(value, **template)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("$", ()),
        ("$.a.b[0]['x y'][-2]", ("a", "b", 0, "x y", -2)),
        ('$["a.b"].c-d_1', ("a.b", "c-d_1")),
        ("$.prédiction['']", ("prédiction", "")),
    ],
)
def test_path(path: str, steps: tuple[str | int, ...]) -> None:
    assert template_path.parse_template_path(path) == steps


@pytest.mark.parametrize("path", ["", "a", "$a", "$.", "$..a", "$.a[", "$[x]", "$.a[*]", "$.a[1:2]", "$.a b", "$['a"])
def test_path_that_is_none(path: str) -> None:
    with pytest.raises(UsageError, match="path"):
        template_path.parse_template_path(path)


@given(st.lists(st.text(st.characters(exclude_characters="'"), max_size=4) | st.integers(0, 3), max_size=6))
def test_path_leads_to_what_was_put_there(steps: list[str | int]) -> None:
    value: Any = "here"
    for step in reversed(steps):
        value = {step: value} if isinstance(step, str) else [None] * step + [value]
    path = "$" + "".join(f"['{step}']" if isinstance(step, str) else f"[{step}]" for step in steps)
    assert template_path.extract_value(value, path) == "here"


@pytest.mark.parametrize(
    ("template", "inputs", "options", "body"),
    [
        ({}, [[1.0]], {}, {"instances": [[1.0]]}),
        ({"body": '{"text": {{input}}, "k": 2}'}, 'say "hi"\n\ud800', {}, {"text": 'say "hi"\n\ud800', "k": 2}),
        ({"body": "{{input}}"}, {"a": "{{input}}"}, {}, {"a": "{{input}}"}),
        ({"body": "[{{input}}, {{input}}]"}, 1, {}, [1, 1]),
        ({}, [1], {"k": 3}, {"instances": [1], "k": 3}),
    ],
)
def test_encode(template: Any, inputs: Any, options: Any, body: Any) -> None:
    request = ADAPTER.encode(endpoint(path="/p", **template), Query(inputs, options=options), Facts())
    assert (request.method, request.path) == ("POST", "/p")
    assert json.loads(request.body) == body


@pytest.mark.parametrize(
    ("template", "query", "says"),
    [
        ({"body": '{"a": "{{input}}"}'}, Query("x"), "without quotes"),
        ({"body": '{"a": {{input}}'}, Query("x"), "not valid JSON"),
        ({"body": "{}"}, Query("x"), "must contain"),
        ({}, Query([float("inf")]), "JSON"),
        ({}, Query([1], stream=True), "no streamed"),
        ({"body": "{{input}}"}, Query([1], options={"k": 1}), "cannot be added"),
    ],
)
def test_query_that_cannot_be_expressed(template: Any, query: Query, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ADAPTER.encode(endpoint(**template), query, Facts())


def document(schema: Any = None, path: str = "/predict", **content: Any) -> Any:
    if schema is not None:
        content["schema"] = schema
    post = {"requestBody": {"content": {"application/json": content}}}
    return {"openapi": "3.1.0", "paths": {path: {"post": post}}, "components": {"schemas": {"Row": ROW}}}


ROW = {"type": "array", "items": {"type": "number", "minimum": 1}, "minItems": 2}
LOOP = {"type": "object", "required": ["a", "b"], "properties": {"a": {"$ref": "#/paths"}, "b": {"$ref": "#/x"}}}


@pytest.mark.parametrize(
    ("expected", "example"),
    [
        (document(example={"instances": [[1]]}), {"instances": [[1]]}),
        (document(examples={"one": {"value": [1]}, "two": {"value": [2]}}), [1]),
        (document({"type": "string", "example": "x"}), "x"),
        (document({"type": "string", "examples": ["y", "z"]}), "y"),
        (document({"enum": ["cat", "dog"]}), "cat"),
        (
            document({"type": "object", "required": ["row", "q"], "properties": {
                "row": {"$ref": "#/components/schemas/Row"}, "q": {"type": "string"}, "more": {"type": "array"}}}),
            {"row": [1, 1], "q": "hello"},
        ),
        (document({"anyOf": [{"type": "integer"}, {"type": "null"}]}), 0),
        # What leaves the form open gives no example: a guess that is refused would be held against the service.
        (document({"type": "array", "items": {"type": "number"}}), None),
        (document({"type": "object", "required": ["a"], "properties": {}}), None),
        (document({"type": "string", "format": "uuid"}), None),
        (document({"type": "number", "exclusiveMinimum": 0}), None),
        (document({"$ref": "#/components/schemas/None"}), None),
        (document({"$ref": "http://elsewhere/x"}), None),
        (document({}), None),
        (document(path="/other", example=1), None),
        ({"paths": []}, None),
        (None, None),
    ],
)  # fmt: skip
def test_example_of_a_body(expected: Any, example: Any) -> None:
    assert openapi.find_example(expected, "/prefix/predict", "/predict") == example


def test_example_is_bounded() -> None:
    loop = {"type": "object", "required": list("abcdefgh"), "properties": {k: {"$ref": "#/loop"} for k in "abcdefgh"}}
    assert openapi.find_example(document({"$ref": "#/loop"}) | {"loop": loop}, "/predict") is None
    vast: Any = {"type": "number"}
    for _ in range(8):
        vast = {"type": "array", "minItems": 1000, "items": vast}
    assert openapi.find_example(document(vast), "/predict") is None


def recognise_description(spoken: Endpoint, description: Any) -> Facts:
    page = Response(200, (("content-type", "application/json"),), json.dumps(description).encode())
    return ADAPTER.recognise(spoken, {"openapi": page, "nowhere": Response(404)}).facts


def test_sample_is_the_thing_in_the_example() -> None:
    known = recognise_description(endpoint(), document(example={"instances": [[1, 2]]}))
    query = ADAPTER.sample(endpoint(), known)
    assert query.inputs == [[1, 2]]
    assert json.loads(ADAPTER.encode(endpoint(), query, known).body) == {"instances": [[1, 2]]}


def test_sample_in_a_configured_template() -> None:
    spoken = endpoint(body='{"q": [{{input}}], "k": 1}')
    known = recognise_description(spoken, document(example={"q": ["hi"], "k": 5}))
    assert ADAPTER.sample(spoken, known).inputs == "hi"
    assert "sample" not in recognise_description(spoken, document(example={"text": "hi"})).inputs


def test_sample_of_another_form_is_the_whole_body() -> None:
    known = recognise_description(endpoint(), document(example={"text": "hi"}))
    query = ADAPTER.sample(endpoint(), known)
    assert query.inputs == {"text": "hi"}
    assert json.loads(ADAPTER.encode(endpoint(), query, known).body) == {"text": "hi"}
    configured = endpoint(sample=[1])
    query = ADAPTER.sample(configured, known)
    assert json.loads(ADAPTER.encode(configured, query, known).body) == {"instances": [1]}


def test_no_sample_says_which_setting() -> None:
    with pytest.raises(UsageError, match=r"POST /predict: give one as \[endpoint\] sample"):
        ADAPTER.sample(endpoint(), Facts())


@pytest.mark.parametrize(
    ("configured", "expected", "batches"),
    [
        ([[1.0, 2.0]], None, True),
        ([1.0, 2.0], None, False),
        ("a text", None, False),
        ({"a": [1], "b": [2]}, None, True),
        ({"a": 1}, None, False),
        (None, [[1.0]], True),
        (None, None, False),
        ([1.0], [[1.0]], False),
    ],
)
def test_batches_go_where_the_sample_is_a_list_of_rows(configured: Any, expected: Any, batches: bool) -> None:
    known = Facts(inputs={} if expected is None else {"sample": expected})
    able = ADAPTER.capabilities(endpoint(configured), known)
    assert (able.batches, able.tensors) == (batches, True)


def test_wrong_type_is_wrong_for_the_sample() -> None:
    for sample in ([[1.0]], "text", {"a": 1}, 4):
        bad = ADAPTER.bad_requests(endpoint(sample=sample), Facts())["input_of_wrong_type"]
        assert type(json.loads(bad.body)["instances"]) is not type(sample)
