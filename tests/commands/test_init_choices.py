"""What `aiharness init` reads from documents, errors and answers."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import pytest

from harness.core.endpoint import Template
from harness.core.exchange import Answer, Exchange, Request, Timing
from harness.protocols.shared.answer_choice import choose_answer, find_piece, make_expectation
from harness.protocols.shared.error_hints import read_hints
from harness.protocols.shared.json_schema import UnusableSchema
from harness.protocols.shared.openapi import find_answer_schema, find_security
from harness.protocols.shared.page_forms import list_form_routes, list_mentioned_paths
from harness.protocols.shared.routes import Route, list_inference_routes
from harness.protocols.shared.sample_making import PICTURE, SampleMaker, make_picture, split_payload
from harness.run.sample_variation import find_other_samples


@pytest.mark.parametrize(
    ("error", "missing"),
    [
        ('{"detail": [{"type": "missing", "loc": ["body", "features"], "msg": "Field required"}]}', ["features"]),
        ('{"detail": [{"type": "missing", "loc": ["query", "q"], "msg": "Field required"}]}', ["q"]),
        ('{"detail": [{"type": "missing", "loc": ["body", "query"], "msg": "Field required"}]}', ["query"]),
        ('{"detail": [{"type": "missing", "loc": ["body", "a", "b"], "msg": "Field required"}]}', ["a.b"]),
        ("<title>KeyError: &#39;input&#39; // Werkzeug Debugger</title>", ["input"]),
        ("""{"error": "'input'"}""", ["input"]),
        ("""{"error": "missing key 'input'"}""", ["input"]),
        ("""{"message": "'age' is required"}""", ["age"]),
        ('{"error": "Missing fields: age, income"}', ["age", "income"]),
        ('{"error": "Field required: features"}', ["features"]),
        ("""{"error": "No 'image' in the request"}""", ["image"]),
        ("""{"detail": "expected a JSON body with 'instances'"}""", ["instances"]),
        ("<h1>Internal Server Error</h1>", []),
    ],
)
def test_an_error_names_what_is_missing(error: str, missing: list[str]) -> None:
    assert [".".join(place) for place in read_hints(error.encode()).missing] == missing


@pytest.mark.parametrize(
    ("error", "width", "depth"),
    [
        ("X has 3 features, but LogisticRegression is expecting 4 features as input", 4, None),
        ("Expected 2D array, got 1D array instead", None, 2),
        ("shapes (1,3) and (7,2) not aligned", 7, None),
        ("features must contain exactly 30 values", 30, None),
        ("an error", None, None),
    ],
)
def test_an_error_names_the_form_of_rows(error: str, width: int | None, depth: int | None) -> None:
    hints = read_hints(json.dumps({"error": error}).encode())
    assert (hints.width, hints.depth) == (width, depth)


@pytest.mark.parametrize(
    ("value", "repeat", "path", "probabilities"),
    [
        ({"prediction": 1, "took": 0.1}, None, "$.prediction", None),
        ({"predictions": [1], "probabilities": [[0.5, 0.5]]}, None, "$.predictions", "$.probabilities"),
        ({"label": "a", "probs": [0.9, 0.4]}, None, "$.label", None),
        ({"data": {"result": {"class": "a"}}}, None, "$.data.result.class", None),
        ([{"label": "POSITIVE", "score": 0.9}], None, "$[0].label", None),
        ({"quux": 5, "time": 1.0}, {"quux": 5, "time": 2.0}, "$.quux", None),
        ({"quux": 5, "quuz": 1.0}, {"quux": 5, "quuz": 1.0}, None, None),
        *(
            ({"label": "a", name: number}, {"label": "a", name: again}, "$.label", place)
            for name, number, again, place in (
                ("confidence", 0.9, 0.9, "$.confidence"),
                ("Score", 0.9, 0.9, "$.Score"),
                ("score", 87.5, 87.5, None),
                ("score", 1, 1, None),
                ("score", 0.9, 0.8, None),
                ("distance", 0.9, 0.9, None),
            )
        ),
        ({"prediction": 3.5, "score": 0.9}, {"prediction": 3.5, "score": 0.9}, "$.prediction", None),
        ([{"label": "a", "score": 0.9}], [{"label": "a", "score": 0.9}], "$[0].label", "$[0].score"),
        ([1, 2], [1, 2], None, None),
        (0.5, 0.5, "$", None),
    ],
)
def test_where_the_answer_is(value: Any, repeat: Any, path: str | None, probabilities: str | None) -> None:
    assert choose_answer(value, repeat) == (path, probabilities)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([{"label": "a", "score": 0.5}], None),
        ({"predictions": [{"label": "a"}]}, "$.predictions"),
        ({"rows": [{"label": "a"}]}, "$.rows"),
        ({"result": {"predictions": [1]}}, "$.result.predictions"),
    ],
)
def test_the_answer_to_a_batch_is_the_list_of_its_rows(value: Any, path: str | None) -> None:
    assert choose_answer(value, value, is_batch=True) == (path, None)


def test_the_input_in_an_answer_is_no_prediction() -> None:
    value = {"message": "hello", "polarity": "Ham"}
    assert choose_answer(value, value, echo="hello") == ("$.polarity", None)
    assert choose_answer({"text": "hello"}, {"text": "hello"}, echo="hello") == ("$.text", None)


@pytest.mark.parametrize(
    ("body", "piece"),
    [
        (b'data: {"token": "a"}\n\n', "$.token"),
        (b'event: x\ndata: {"id": "1", "choices": [{"delta": {"content": "a"}}]}\n\n', "$.choices[0].delta.content"),
        (b'{"text": "a", "id": "b"}\n', "$.text"),
        (b"data: hello\n\n", "$"),
        (b": comment\n", ""),
    ],
)
def test_where_the_text_of_an_event_is(body: bytes, piece: str) -> None:
    assert find_piece(body) == piece


def make_document(*paths: str, **operation: Any) -> Any:
    return {"paths": {path: {"post": operation} for path in paths}}


def test_routes_that_change_something_are_never_chosen() -> None:
    names = ("/train", "/predict/delete", "/upload", "/models/load", "/items", "/users/score", "/predictAndSave")
    assert list_inference_routes(make_document(*names)) == []
    assert [route.path for route in list_inference_routes(make_document("/health", "/v1/classifyImage"))] == [
        "/v1/classifyImage"
    ]
    required = {"parameters": [{"in": "header", "name": "q", "required": True}]}
    assert list_inference_routes(make_document("/predict", **required)) == []


QUERY = {"parameters": [{"in": "query", "name": "q", "required": True, "schema": {"type": "string"}}]}
JSON_BODY = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}
FORM_BODY = {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}}


@pytest.mark.parametrize(
    ("operations", "media"),
    [
        ({"post": QUERY}, "query"),
        ({"get": QUERY}, "get"),
        ({"get": QUERY, "post": JSON_BODY}, "json"),
        ({"post": FORM_BODY}, "form"),
        ({"get": {}}, None),
        ({"post": {**QUERY, **JSON_BODY}}, None),
        ({"post": {"requestBody": {"content": {"text/csv": {}}}}}, None),
    ],
)
def test_what_a_route_takes(operations: dict[str, Any], media: str | None) -> None:
    routes = list_inference_routes({"paths": {"/predict": operations}})
    assert [route.media for route in routes] == ([media] if media else [])


@pytest.mark.parametrize(
    ("schemes", "security", "expected"),
    [
        ({"k": {"type": "apiKey", "in": "header", "name": "X-Token"}}, [{"k": []}], ("header", "X-Token")),
        ({"k": {"type": "http", "scheme": "Bearer"}}, [{"k": []}], ("bearer", "Authorization")),
        ({"k": {"type": "http", "scheme": "basic"}}, [{"k": []}], ("basic", "Authorization")),
        ({"k": {"type": "apiKey", "in": "query", "name": "key"}}, [{"k": []}], ("", "apiKey query")),
        ({"k": {"type": "apiKey", "in": "header", "name": "X"}}, [{}, {"k": []}], None),
        ({"k": {"type": "apiKey", "in": "header", "name": "X"}}, [], None),
        ({}, [{"lost": []}], ("", "an unknown scheme")),
        ("broken", [5, {"k": []}], ("", "an unknown scheme")),
    ],
)
def test_how_a_document_says_that_requests_are_authenticated(
    schemes: Any, security: Any, expected: tuple[str, str] | None
) -> None:
    document = make_document("/predict", security=security)
    assert find_security({**document, "components": {"securitySchemes": schemes}}, "/predict") == expected


PAGE = """<h1>Demo</h1><p>POST an image to /detect, never to /train or https://example.org/predict</p>
<form action="/predict" method="POST"><input name="age"><select name="kind"></select><input type="submit" name="go">
</form><form method="post" action="/look"><input type="file" name="photo"></form>
<form action="/search"><input name="q"></form><form method="post" action="/login"><input name="user"></form>"""


def test_the_forms_of_a_page_are_routes() -> None:
    routes = [(route.path, route.media, route.fields) for route in list_form_routes(PAGE)]
    assert routes == [("/predict", "form", ("age", "kind")), ("/look", "upload", ("photo",))]
    assert list_form_routes("<form method=post><input name=a>") == [Route("/", 1, "form", ("a",))]


def test_the_paths_that_a_page_mentions() -> None:
    paths = list(list_mentioned_paths(PAGE))
    assert "/detect" in paths
    assert not {"/train", "/login"} & {*paths}


def test_a_series_has_a_date_for_each_entry() -> None:
    point = {"type": "object", "properties": {"day": {"type": "string", "format": "date"}, "x": {"type": "number"}}}
    days = [entry["day"] for entry in SampleMaker({}, 4).make_value({"type": "array", "items": point})]
    assert days == ["2024-01-31", "2024-02-01", "2024-02-02"]


@pytest.mark.parametrize(
    ("schema", "expect"),
    [
        ({"enum": ["a", "b"]}, {"one_of": ["a", "b"]}),
        ({"type": "number", "minimum": 0, "maximum": 1}, {"range": [0, 1]}),
        ({"type": "number", "minimum": 0}, None),
        ({"type": "integer"}, None),
        ({"enum": ["a", None]}, None),
    ],
)
def test_what_a_document_promises_of_every_answer(schema: dict[str, Any], expect: Any) -> None:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}
    document = make_document("/predict", responses={"200": {"content": content}})
    document["components"] = {"schemas": {"Out": {"type": "object", "properties": {"label": schema}}}}
    assert make_expectation(find_answer_schema(document, "POST", "/predict", ("label",))) == expect
    assert make_expectation(find_answer_schema(document, "POST", "/predict", ("lost",))) is None


@pytest.mark.parametrize(
    "broken", [None, [], {"paths": []}, {"paths": {"/predict": []}}, {"paths": {"/a": {"post": 1}}}]
)
def test_a_document_that_is_none_has_no_routes(broken: Any) -> None:
    assert list_inference_routes(broken) == []


def test_a_sample_is_within_its_schema() -> None:
    document = {"components": {"schemas": {"Kind": {"enum": ["car", "house"]}}}}
    schema = {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 18, "maximum": 21},
            "rate": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
            "kind": {"$ref": "#/components/schemas/Kind"},
            "name": {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 9}]},
            "when": {"type": "string", "format": "date"},
            "code": {"type": "string", "pattern": "^[A-Z]{2}$"},
            "pixels": {"type": "array", "items": {"type": "number", "maximum": 0.5}, "minItems": 3, "maxItems": 3},
        },
    }
    sample = SampleMaker(document, 4).make_value(schema)
    assert sample == {
        "age": 19,
        "rate": 0.25,
        "kind": "car",
        "name": "exampleee",
        "when": "2024-01-31",
        "code": "AB",
        "pixels": [0.5, 0.5, 0.5],
    }
    with pytest.raises(UnusableSchema):
        SampleMaker({}, 4).make_value({"$ref": "#/components/schemas/Lost"})


def test_the_payload_of_a_body_is_its_one_input() -> None:
    assert split_payload({"prompt": "a", "max_tokens": 5}) == ('{"prompt": {{input}}, "max_tokens": 5}', "a")
    assert split_payload({"age": 1, "city": "a"}) == ("{{input}}", {"age": 1, "city": "a"})
    assert split_payload([1]) == ("{{input}}", [1])


def read_pixels(picture: str) -> tuple[int, bytes]:
    """The bytes of one pixel, and those of the first line, of a picture as `make_picture` writes it."""
    data = base64.b64decode(picture)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    header, size = struct.unpack(">IIBBBBB", data[16:29]), struct.unpack(">I", data[33:37])[0]
    assert data[37:41] == b"IDAT"
    assert zlib.crc32(data[37 : 41 + size]) == struct.unpack(">I", data[41 + size : 45 + size])[0]
    pixel = {0: 1, 2: 3}[header[3]]
    lines = zlib.decompress(data[41 : 41 + size])
    assert len(lines) == header[1] * (1 + header[0] * pixel)
    return pixel, lines[1 : 1 + header[0] * pixel]


@pytest.mark.parametrize("colour", [(60,), (220, 30, 30)])
def test_a_picture_is_a_png_of_its_colour(colour: tuple[int, ...]) -> None:
    assert read_pixels(make_picture(*colour)) == (len(colour), bytes(colour) * 32)


def test_pictures_differ_in_colour_where_shades_have_one_answer() -> None:
    def name_colour(template: Template, picture: Any) -> Exchange:
        size, line = read_pixels(picture)
        parts = line[:3] if size == 3 else line[:1] * 3
        answer = Answer(text=["red", "green", "blue"][max(range(3), key=parts.__getitem__)])
        return Exchange(Request("POST", "/"), Timing(0.0, 0.0), answer=answer)

    template = Template(path="/classify", upload="picture")
    others = find_other_samples(template, PICTURE, {}, name_colour(template, PICTURE), name_colour)
    assert {name_colour(template, other).content for other in others} == {"green", "blue"}
