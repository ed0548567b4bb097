"""The OpenAPI 3.1 document of the reference service: hand-written data, with a valid sample of a request."""

from __future__ import annotations

from typing import Any

from harness.reference.digits import CLASSES, FEATURES, HIGH, LOW, make_dataset
from harness.reference.settings import CHAT_MODEL, EMBEDDING_MODEL, VERSION, ServiceSettings


def make_document(settings: ServiceSettings) -> dict[str, Any]:
    """The document for these settings (with bearer authentication when a key is set)."""
    paths = {
        "/predict": {"post": _predict(settings)},
        "/v1/chat/completions": {"post": _chat()},
        "/v1/embeddings": {"post": _embeddings(settings)},
        "/v1/models": {"get": _page("The served chat models")},
        "/v2/models/digits/infer": {"post": _infer()},
        "/v2/models/digits": {"get": _page("Metadata of the digits model")},
    }
    answer: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Reference AI service", "version": VERSION},
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR}},
    }
    if settings.api_key is not None:
        answer["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        answer["security"] = [{"key": []}]
    for path in ("/health", "/ready", "/version", "/v2/health/live", "/v2/health/ready"):
        paths[path] = {"get": _page("Open to everyone") | {"security": []}}
    return answer


def _page(title: str) -> dict[str, Any]:
    return {"summary": title, "responses": {"200": {"description": "OK"}}}


def _json(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema, **more}}}


def _array(items: dict[str, Any], *bounds: int) -> dict[str, Any]:
    limits = dict(zip(("minItems", "maxItems"), bounds, strict=False))
    return {"type": "array", "items": items, **limits}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_PIXEL = {"type": "number", "minimum": LOW, "maximum": HIGH}
_TEXT = {"type": "string"}
_ERROR = _object(error=_object(message=_TEXT, type=_TEXT, code=_TEXT))
_REFUSED = {"description": "Refused", **_json({"$ref": "#/components/schemas/Error"})}


def _predict(settings: ServiceSettings) -> dict[str, Any]:
    row = _array(_PIXEL, FEATURES, FEATURES)
    asked = _object(instances=_array(row, 1, settings.max_rows)) | {"additionalProperties": False}
    answered = _object(
        predictions=_array({"type": "integer", "minimum": 0, "maximum": CLASSES - 1}),
        probabilities=_array(_array({"type": "number", "minimum": 0, "maximum": 1}, CLASSES, CLASSES)),
        model=_TEXT,
        version=_TEXT,
    )
    example = {"instances": make_dataset(settings.seed, 1)[0].tolist()}
    return {
        "summary": "Classify 8x8 pictures of digits",
        "requestBody": {"required": True, **_json(asked, example=example)},
        "responses": {"200": {"description": "OK", **_json(answered)}, "4XX": _REFUSED},
    }


def _chat() -> dict[str, Any]:
    message = _object(role=_TEXT, content=_TEXT)
    asked = _object(model={"const": CHAT_MODEL}, messages=_array(message, 1))
    example = {"model": CHAT_MODEL, "messages": [{"role": "user", "content": "Hello!"}]}
    return {
        "summary": "Chat, streamed on demand",
        "requestBody": {"required": True, **_json(asked, example=example)},
        "responses": {"200": {"description": "OK"}, "4XX": _REFUSED},
    }


def _embeddings(settings: ServiceSettings) -> dict[str, Any]:
    texts = {"anyOf": [_TEXT, _array(_TEXT, 1, settings.max_rows)]}
    asked = _object(model={"const": EMBEDDING_MODEL}, input=texts)
    example = {"model": EMBEDDING_MODEL, "input": "The quick brown fox"}
    return {
        "summary": "One vector for each text",
        "requestBody": {"required": True, **_json(asked, example=example)},
        "responses": {"200": {"description": "OK"}, "4XX": _REFUSED},
    }


def _infer() -> dict[str, Any]:
    tensor = _object(
        name={"const": "input"},
        shape=_array({"type": "integer"}, 2, 2),
        datatype={"enum": ["FP64", "FP32"]},
        data={"type": "array"},
    )
    return {
        "summary": "Open Inference Protocol V2",
        "requestBody": {"required": True, **_json(_object(inputs=_array(tensor, 1, 1)))},
        "responses": {"200": {"description": "OK"}, "4XX": {"description": "Refused", **_json(_object(error=_TEXT))}},
    }
