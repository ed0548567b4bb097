"""Services as tutorials write them, with the documents and errors of FastAPI and Flask, on the standard library."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

from tests.services import serving_handler

Reply = tuple[int, str, bytes]
"""Status, media type and body."""
JSON, TEXT, EVENTS, HTML = "application/json", "text/plain", "text/event-stream", "text/html"
SERVER_ERROR: Reply = (500, HTML, b"<!doctype html><title>500 Internal Server Error</title>")


@dataclass
class Tutorial:
    """A service: its POST routes, its document, and every path that was posted to.

    `page` is its first page, `key` the header and the secret that it asks for. With `method` GET a route takes the
    query of a GET, which counts as posted too.
    """

    routes: dict[str, Callable[[bytes], Reply]]
    document: Any = None
    posted: list[str] = field(default_factory=list)
    broken: Callable[[], Reply] | None = None
    page: str = ""
    key: tuple[str, str] | None = None
    method: str = "POST"


def reply(value: Any, status: int = 200) -> Reply:
    return status, JSON, json.dumps(value).encode()


def parse(raw: bytes) -> Any:
    """The JSON of a body; None for anything else, NaN and infinity included."""
    try:
        return json.loads(raw, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        return None


def refuse(*problems: tuple[str, str, str]) -> Reply:
    """FastAPI's 422; a problem is a field, a type and a message."""
    detail = [{"type": kind, "loc": ["body", *name.split(".")], "msg": message} for name, kind, message in problems]
    return reply({"detail": detail}, 422)


def document(path: str, schema: Any, **others: Any) -> Any:
    """The OpenAPI document of FastAPI with one prediction, and the components that it refers to."""
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}, "required": True}
    paths = {path: {"post": {"summary": "Predict", "operationId": "predict_post", "requestBody": body}}}
    return {
        "openapi": "3.1.0",
        "paths": paths | others.pop("paths", {}),
        "components": {"schemas": {"Item": schema, **others}},
    }


def list_object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required or properties)}


def is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e30


def is_row(value: Any, width: int = 4) -> bool:
    return isinstance(value, list) and len(value) == width and all(map(is_number, value))


def classify(row: list[float]) -> int:
    """Setosa, versicolor or virginica, by the length of the petal."""
    return (row[2] > 2.5) + (row[2] > 5)


NAMES = ("setosa", "versicolor", "virginica")
FIELDS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
NUMBER, TEXT_TYPE = {"type": "number"}, {"type": "string"}


def make_features() -> Tutorial:
    """FastAPI with `features: list[float]`."""

    def predict(raw: bytes) -> Reply:
        body = parse(raw)
        if not isinstance(body, dict) or "features" not in body:
            return refuse(("features", "missing", "Field required"))
        row = body["features"]
        if not isinstance(row, list) or not all(map(is_number, row)):
            return refuse(("features", "list_type", "Input should be a valid list"))
        return reply({"prediction": classify(row)}) if len(row) == 4 else SERVER_ERROR

    item = list_object({"features": {"type": "array", "items": NUMBER}})
    return Tutorial({"/predict": predict}, document("/predict", item))


def make_named() -> Tutorial:
    """FastAPI with named fields."""

    def predict(raw: bytes) -> Reply:
        body = parse(raw)
        if not isinstance(body, dict) or (missing := [name for name in FIELDS if not is_number(body.get(name))]):
            return refuse(
                *((name, "missing", "Field required") for name in (missing if isinstance(body, dict) else ("",)))
            )
        number = classify([body[name] for name in FIELDS])
        return reply({"prediction": NAMES[number], "confidence": 0.9})

    return Tutorial({"/predict": predict}, document("/predict", list_object(dict.fromkeys(FIELDS, NUMBER))))


def make_nested() -> Tutorial:
    """FastAPI with enums, nested objects, optional fields, constraints and dates, beside a route that trains."""

    def score(raw: bytes) -> Reply:
        body = parse(raw)
        try:
            age, income, region, city = body["age"], body["income"], body["region"], body["address"]["city"]
        except (KeyError, TypeError):
            return refuse(("age", "missing", "Field required"))
        is_valid = type(age) is int and 18 <= age <= 120 and is_number(income) and 0 < income <= 1e6
        if not is_valid or region not in ("north", "south") or not isinstance(city, str) or not 2 <= len(city) <= 30:
            return refuse(("age", "greater_than_equal", "Input should be greater than or equal to 18"))
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", str(body.get("opened"))):
            return refuse(("opened", "date_parsing", "Input should be a valid date"))
        points = age / 120 + income / 1e6
        return reply({"approved": points > 1, "score": points})

    item = list_object(
        {
            "age": {"type": "integer", "minimum": 18, "maximum": 120},
            "income": {"type": "number", "exclusiveMinimum": 0, "maximum": 1e6},
            "region": {"$ref": "#/components/schemas/Region"},
            "opened": {"type": "string", "format": "date"},
            "address": {"$ref": "#/components/schemas/Address"},
            "note": {"anyOf": [TEXT_TYPE, {"type": "null"}]},
            "married": {"type": "boolean", "default": False},
        },
        *("age", "income", "region", "opened", "address"),
    )
    address = list_object({"city": {"type": "string", "minLength": 2, "maxLength": 30}, "zip": TEXT_TYPE}, "city")
    train = {"/train": {"post": {"summary": "Train", "operationId": "train_post"}}}
    deleted = {"/models/predictions": {"delete": {"operationId": "delete_predictions"}}}
    region = {"type": "string", "enum": ["north", "south"]}
    described = document("/v1/loans/score", item, Region=region, Address=address, paths=train | deleted)
    return Tutorial({"/v1/loans/score": score, "/train": lambda _: reply({})}, described)


def make_batch() -> Tutorial:
    """FastAPI with `instances: list[list[float]]`."""

    def predict(raw: bytes) -> Reply:
        body = parse(raw)
        rows = body.get("instances") if isinstance(body, dict) else None
        if not isinstance(rows, list):
            return refuse(("instances", "missing", "Field required"))
        return reply({"predictions": [classify(row) for row in rows]}) if all(map(is_row, rows)) else SERVER_ERROR

    rows = {"type": "array", "items": {"type": "array", "items": NUMBER}}
    return Tutorial({"/predict": predict}, document("/predict", list_object({"instances": rows})))


def make_flask() -> Tutorial:
    """Flask's `request.json["input"]`: no document, and a page that says nothing of the error."""

    def predict(raw: bytes) -> Reply:
        body = parse(raw)
        row = body.get("input") if isinstance(body, dict) else None
        if row is None or not is_row(row):
            return SERVER_ERROR
        return reply({"result": classify(row)})

    return Tutorial({"/predict": predict})


def make_flask_fields() -> Tutorial:
    """Flask with named fields, which names the first that is missing."""

    def predict(raw: bytes) -> Reply:
        body = parse(raw)
        if not isinstance(body, dict):
            return reply({"error": "the body must be a JSON object"}, 400)
        for name in ("age", "income"):
            if name not in body:
                return reply({"error": f"missing key '{name}'"}, 400)
            if not is_number(body[name]):
                return reply({"error": f"{name} must be a number"}, 400)
        return reply({"prediction": int(body["income"] > 40)})

    return Tutorial({"/api/predict": predict})


def make_sentiment() -> Tutorial:
    """A classifier of texts."""

    def predict(raw: bytes) -> Reply:
        body = parse(raw)
        if not isinstance(body, dict) or not isinstance(body.get("text"), str):
            return refuse(("text", "missing", "Field required"))
        is_good = any(word in body["text"].lower() for word in ("love", "good", "excellent"))
        return reply({"label": "POSITIVE" if is_good else "NEGATIVE", "score": 0.9})

    return Tutorial({"/predict": predict}, document("/predict", list_object({"text": TEXT_TYPE})))


def make_upload() -> Tutorial:
    """A classifier of pictures, uploaded in a form."""

    def classify_file(raw: bytes) -> Reply:
        if b'name="file"' not in raw:
            return refuse(("file", "missing", "Field required"))
        picture = re.search(rb"\x89PNG.*IEND", raw, re.DOTALL)
        if picture is None:
            return reply({"detail": "not an image"}, 400)
        return reply({"label": ("dark", "bright")[sum(picture[0]) % 2], "took": 0.1})

    schema = list_object({"file": {"type": "string", "contentMediaType": "application/octet-stream"}})
    content = {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/Form"}}}
    paths = {"/classify": {"post": {"operationId": "classify_post", "requestBody": {"content": content}}}}
    return Tutorial(
        {"/classify": classify_file}, {"openapi": "3.1.0", "paths": paths, "components": {"schemas": {"Form": schema}}}
    )


def make_stream(kind: str) -> Tutorial:
    """`{"prompt": ...}`, answered by events, lines of JSON, or plain text."""

    def generate(raw: bytes) -> Reply:
        body = parse(raw)
        if not isinstance(body, dict) or not isinstance(body.get("prompt"), str):
            return refuse(("prompt", "missing", "Field required"))
        text = f"You said: {body['prompt']}"
        if kind == TEXT:
            return 200, TEXT, text.encode()
        pieces = [json.dumps({"token": f"{word} "}) for word in text.split(" ")]
        if kind == EVENTS:
            return 200, EVENTS, "".join(f"data: {piece}\n\n" for piece in [*pieces, "[DONE]"]).encode()
        return 200, kind, "".join(f"{piece}\n" for piece in pieces).encode()

    return Tutorial({"/generate": generate}, document("/generate", list_object({"prompt": TEXT_TYPE})))


def answer_fields(raw: bytes) -> Reply:
    """Age and income as text fields, of a form or a query."""
    fields = dict(parse_qsl(raw.decode("utf-8", "replace")))
    try:
        income, _ = float(fields["income"]), float(fields["age"])
    except KeyError as error:
        return reply(
            {"detail": [{"type": "missing", "loc": ["query", str(error.args[0])], "msg": "Field required"}]}, 422
        )
    except ValueError:
        return reply({"detail": "not a number"}, 422)
    return reply({"prediction": int(income > 40)})


def make_query(method: str) -> Tutorial:
    """FastAPI's `def predict(age: float, income: float)`: parameters of the URL."""
    parameters = [{"in": "query", "name": name, "required": True, "schema": NUMBER} for name in ("age", "income")]
    described = {"openapi": "3.1.0", "paths": {"/predict": {method.lower(): {"parameters": parameters}}}}
    return Tutorial({"/predict": answer_fields}, described, method=method)


def make_form_page() -> Tutorial:
    """Flask's `request.form["age"]`, behind a page with the form."""
    page = '<form action="/predict" method="post"><input name="age"><input name="income"><input type="submit"></form>'
    return Tutorial({"/predict": answer_fields}, page=page)


def make_page_upload() -> Tutorial:
    """Flask's `request.files["image"]`, behind a page that mentions its path; its error names the file."""
    upload = make_upload().routes["/classify"]

    def look(raw: bytes) -> Reply:
        if b'name="image"' not in raw:
            return reply({"error": "no image in the request"}, 400)
        return upload(raw.replace(b'name="image"', b'name="file"'))

    return Tutorial({"/look": look}, page="<h1>Looker</h1> POST an image to /look")


def make_texts() -> Tutorial:
    """A list of texts, answered by a list of vectors."""

    def embed(raw: bytes) -> Reply:
        body = parse(raw)
        texts = body.get("texts") if isinstance(body, dict) else None
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return refuse(("texts", "missing", "Field required"))
        return reply({"embeddings": [[float(len(text)), float(sum(text.encode()) % 97)] for text in texts]})

    texts = {"type": "array", "items": TEXT_TYPE}
    return Tutorial({"/embed": embed}, document("/embed", list_object({"texts": texts})))


def make_list_body() -> Tutorial:
    """FastAPI's `list[Passenger]` as the body, and a list of objects as the answer."""

    def predict(raw: bytes) -> Reply:
        body = parse(raw)
        if not isinstance(body, list) or not all(isinstance(row, dict) and is_number(row.get("age")) for row in body):
            return refuse(("age", "missing", "Field required"))
        return reply([{"survived": int(row["age"] < 3), "probability": 1 / (1 + abs(row["age"]))} for row in body])

    described = document("/predict", {"type": "array", "items": list_object({"age": NUMBER, "name": TEXT_TYPE})})
    return Tutorial({"/predict": predict}, described)


def make_series() -> Tutorial:
    """A forecast of a series with dates, which must differ."""

    def forecast(raw: bytes) -> Reply:
        body = parse(raw)
        points = body.get("history") if isinstance(body, dict) else None
        if not isinstance(points, list) or not all(isinstance(p, dict) and is_number(p.get("value")) for p in points):
            return refuse(("history", "missing", "Field required"))
        if len({str(point.get("day")) for point in points}) < 2:
            return reply({"detail": "history must span at least two days"}, 400)
        return reply({"forecast": [points[-1]["value"] * step for step in (1, 2)]})

    point = list_object({"day": {"type": "string", "format": "date"}, "value": NUMBER})
    series = {"type": "array", "items": point, "minItems": 2}
    return Tutorial({"/forecast": forecast}, document("/forecast", list_object({"history": series})))


def make_writer() -> Tutorial:
    """A small text model: always the same for one prompt, and no use for repeating a code."""
    words = ["the", "model", "answers", "word", "by", "word", "and", "slowly", "so", "that", "it", "is", "seen"]

    def generate(raw: bytes) -> Reply:
        body = parse(raw)
        if not isinstance(body, dict) or not isinstance(body.get("prompt"), str):
            return refuse(("prompt", "missing", "Field required"))
        start = sum(body["prompt"].encode())
        text = " ".join(words[(start + place) % len(words)] for place in range(8))
        return reply({"generated_text": text})

    return Tutorial({"/generate": generate}, document("/generate", list_object({"prompt": TEXT_TYPE})))


def make_recommender() -> Tutorial:
    """A known user's number in, a list of objects out; an unknown user is 404."""

    def recommend(raw: bytes) -> Reply:
        body = parse(raw)
        user = body.get("user_id") if isinstance(body, dict) else None
        if type(user) is not int:
            return refuse(("user_id", "missing", "Field required"))
        if not 0 <= user < 100:
            return reply({"detail": "User not found"}, 404)
        return reply({"user_id": user, "items": [{"title": f"film {user * step % 7}"} for step in (1, 2)]})

    item = list_object({"user_id": {"type": "integer"}})
    return Tutorial({"/recommend": recommend}, document("/recommend", item))


def make_keyed() -> Tutorial:
    """Named fields behind a key in a header of the service's own."""
    tutorial = make_named()
    tutorial.key = ("X-Token", "secret-0123456789")
    tutorial.document["components"]["securitySchemes"] = {"k": {"type": "apiKey", "in": "header", "name": "X-Token"}}
    tutorial.document["paths"]["/predict"]["post"]["security"] = [{"k": []}]
    return tutorial


TUTORIALS: dict[str, Callable[[], Tutorial]] = {
    "features": make_features,
    "named": make_named,
    "nested": make_nested,
    "batch": make_batch,
    "flask": make_flask,
    "flask_fields": make_flask_fields,
    "sentiment": make_sentiment,
    "upload": make_upload,
    "text_stream": lambda: make_stream(TEXT),
    "event_stream": lambda: make_stream(EVENTS),
    "query": lambda: make_query("POST"),
    "get": lambda: make_query("GET"),
    "form_page": make_form_page,
    "page_upload": make_page_upload,
    "texts": make_texts,
    "list_body": make_list_body,
    "series": make_series,
    "writer": make_writer,
    "recommender": make_recommender,
}


class TutorialHandler(BaseHTTPRequestHandler):
    """Answers as the tutorial of its class says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    tutorial: Tutorial

    def _send(self, answer: Reply) -> None:
        status, kind, body = answer
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        tutorial = self.tutorial
        path, _, query = self.path.partition("?")
        if tutorial.method == "GET" and path in tutorial.routes:
            tutorial.posted.append(path)
            self._send(tutorial.routes[path](query.encode()))
        elif self.path == "/" and tutorial.page:
            self._send((200, HTML, tutorial.page.encode()))
        elif self.path == "/openapi.json" and tutorial.document is not None:
            self._send(reply(tutorial.document))
        elif self.path in tutorial.routes:
            self._send(reply({"detail": "Method Not Allowed"}, 405))
        else:
            self._send(reply({"detail": "Not Found"}, 404))

    def do_POST(self) -> None:
        tutorial = self.tutorial
        if "transfer-encoding" in self.headers:  # this server cannot read chunks
            self.close_connection = True
            self._send(reply({"detail": "Length Required"}, 411))
            return
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        path, _, query = self.path.partition("?")
        tutorial.posted.append(path)
        route = tutorial.routes.get(path)
        if tutorial.key is not None and self.headers.get(tutorial.key[0]) != tutorial.key[1]:
            self._send(reply({"detail": "Could not validate the key"}, 401))
        elif route is None:
            self._send(reply({"detail": "Not Found"}, 404))
        elif tutorial.broken is not None:
            self._send(tutorial.broken())
        else:
            self._send(route(raw or query.encode()))

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def serving_tutorial(tutorial: Tutorial) -> Iterator[str]:
    """The service on loopback; its URL."""
    with serving_handler(type("Handler", (TutorialHandler,), {"tutorial": tutorial})) as url:
        yield url
