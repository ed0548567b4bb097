"""Plain JSON by template: any service that takes a JSON body on one path and answers with JSON.

`[endpoint] template` says how it is spoken: `path`, `body` (JSON text in which `{{input}}` stands for the input),
`answer` and `probabilities` (paths in the answer), `health`. The input is what takes the place of `{{input}}`: rows of
numbers, a text, or whatever the service reads there.

A sample comes from the configuration, else from the service's OpenAPI document. An example there is a whole body; the
input is what stands in it where the template has `{{input}}`. Where the example does not have the template's form and
the template is the default one, the whole body is the input, and the body sent is the input alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NoReturn

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response, StreamEvent
from harness.core.json_text import parse_json
from harness.protocols.shared import openapi, template_path, templates, valid_input
from harness.protocols.shared.chat_stream import assemble_events
from harness.protocols.shared.json_schema import Schema
from harness.protocols.shared.values import get_member, refuse_error
from harness.protocols.shared.wire import (
    JSON_HEADERS,
    OPENAPI_PATH,
    UNKNOWN_PATH,
    dump_json,
    get_status,
    has_rows,
    is_offered,
    join_path,
    make_get,
    make_post,
    needs_credentials,
    read_page,
)

INPUT = "{{input}}"
_MODEL = ("model", "model_name")
_VERSION = ("version", "model_version")


class PlainJSON:
    """The adapter; it learns the service's form from the template, and a sample from its OpenAPI document."""

    name = "plain_json"
    title = "plain JSON, by a template for body and answer"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Tensors; batches where the sample is a list of rows; liveness and readiness where their pages were found.

        A configured liveness page need not be found.
        """
        live = endpoint.template.health is not None or bool(facts.inputs.get("live"))
        batches = has_rows(endpoint.sample if endpoint.sample is not None else facts.inputs.get("sample"))
        streaming, ready = endpoint.template.stream is not None, bool(facts.inputs.get("ready"))
        return Capabilities(
            streaming=streaming, liveness=live, readiness=ready, tensors=True, batches=batches, model_version=True
        )

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """Health and readiness pages as they are usually named, the OpenAPI document, and a GET where POST belongs."""
        return {
            "live": make_get(endpoint.template.health or "/health"),
            "ready": make_get("/ready"),
            "openapi": make_get(OPENAPI_PATH),
            "route": make_get(endpoint.template.path),
            "nowhere": make_get(UNKNOWN_PATH),
        }

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """0.7: the OpenAPI document has POST on the template's path; 0.5: GET there is refused with 405; 0.3: other.

        A configured template (any key of it) and a path that is there: 0.9.
        """
        template, document = endpoint.template, read_page(answers, "openapi")
        paths = (join_path(endpoint, template.path), template.path)
        inputs: dict[str, Any] = {role: is_offered(answers, role) for role in ("live", "ready")}
        inputs |= _from_example(template, openapi.find_example(document, *paths))
        inputs |= _valid(endpoint, inputs.get("body"), openapi.find_body_schema(document, *paths))
        score, said = _evidence(template, answers, openapi.has_post(document, *paths))
        if score and template != Template():
            score, said = 0.9, f"{said}; a template is configured"
        if score and "sample" in inputs:
            said += "; it has an example of a body"
        return Recognition(score, said, Facts(inputs=inputs) if score else Facts())

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured sample, else the one in the OpenAPI document. Raises `UsageError` when there is neither."""
        if endpoint.sample is not None:
            return Query(endpoint.sample)
        if "sample" in facts.inputs:
            return Query(facts.inputs["sample"])
        raise UsageError(
            f"no sample of a valid input for POST {endpoint.template.path}: give one as [endpoint] sample "
            f"(it takes the place of {INPUT} in the template's body {endpoint.template.body!r}); "
            "the service's OpenAPI document has no example for it"
        )

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """The template's body with the input in it; options are set beside it in the body's object.

        Raises `UsageError` for a stream that the template does not describe, an input that JSON cannot hold, or a
        template that makes no JSON.
        """
        template = endpoint.template
        path, text = template.path, template.body
        if query.stream:
            stream = template.stream or _no_stream()
            path, text = stream.path or path, stream.body or text
        elif endpoint.sample is None:
            text = facts.inputs.get("body", text)  # a sample that is a whole body carries its own form
        if template.upload is not None:
            return replace(templates.make_upload(path, template.upload, query.inputs), stream=query.stream)
        filled = _filled(text, dump_json(query.inputs))
        if not query.options:
            return Request("POST", path, JSON_HEADERS, filled, query.stream)
        body = json.loads(filled)
        if not isinstance(body, dict):
            raise UsageError(f"options {', '.join(query.options)} have no place in a body that is no object")
        return make_post(path, {**body, **query.options}, stream=query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """What stands at the `answer` path; without one every array and number of the top-level object.

        A body that is no object is the answer itself, under the name `answer`. Text is in `text`, all else in
        `outputs`; the `probabilities` path adds an output of just that name. Raises `ProtocolError` with the place.
        """
        value = parse_json(response.body)
        refuse_error(value, response)
        template = endpoint.template
        text, outputs = None, {}
        if template.answer is None and isinstance(value, dict):
            outputs = _outputs(value)
        else:
            path = template.answer or "$"
            found = template_path.extract_value(value, path)
            if found is None:
                raise ProtocolError("null where the answer was expected", at=path)
            if isinstance(found, str):
                text = found
            else:
                outputs = {template_path.find_last_name(path): found}
        if template.probabilities is not None:
            outputs[template.probabilities] = template_path.extract_value(value, template.probabilities)
        return Answer(text, outputs, value, model=_stated(value, _MODEL), version=_stated(value, _VERSION))

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of events or lines. Raises `UsageError` where the template describes no stream."""
        return templates.TemplateStream(endpoint.template.stream or _no_stream())

    def assemble(self, events: Sequence[StreamEvent]) -> Answer:
        """The pieces put together; complete with the template's end, and no error in the stream."""
        return assemble_events(events) if events else _no_stream()

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Broken JSON, null, an empty object, an input of the wrong type, a path that is not there."""
        template = endpoint.template
        given = endpoint.sample if endpoint.sample is not None else facts.inputs.get("sample")
        wrong: Any = 5 if isinstance(given, str | dict) else {"aiharness": "an object where rows belong"}
        text = facts.inputs.get("body", template.body) if endpoint.sample is None else template.body
        return {
            "malformed_json": Request("POST", template.path, JSON_HEADERS, b'{"aiharness": [1, 2'),
            "null_body": make_post(template.path, None),
            "empty_object": make_post(template.path, {}),
            "input_of_wrong_type": Request("POST", template.path, JSON_HEADERS, _filled(text, dump_json(wrong))),
            "unknown_path": make_post(UNKNOWN_PATH, {}),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """Nothing: no page of such a service states them; an answer may (`model`, `version`)."""
        return None, None


def _evidence(template: Template, answers: Mapping[str, Response], has_post: bool | None) -> tuple[float, str]:
    found, path = get_status(answers, "route"), template.path
    if has_post:
        return 0.7, f"its OpenAPI document has POST {path}"
    if found == 405 and get_status(answers, "nowhere") != 405:
        return 0.5, f"GET {path} answered 405: a route for another method stands there"
    if needs_credentials(answers, "route") and is_offered(answers, "route"):
        return 0.3, f"GET {path} answered {found}: it needs a key"
    if found is not None and found >= 400 and is_offered(answers, "route"):
        return 0.3, f"GET {path} answered {found}, unlike a path that no one has"
    return 0.0, f"nothing tells of a POST route at {path}"


def _no_stream() -> NoReturn:
    raise UsageError(
        "plain_json has no streamed answers without [endpoint.template.stream]; describe them there, "
        "or use a protocol that streams, such as openai_chat"
    )


def _filled(template: str, value: bytes) -> bytes:
    """The template with the input's JSON in it. Raises `UsageError` when the template makes no JSON."""
    _check(template)
    return template.replace(INPUT, value.decode("ascii")).encode()


@lru_cache(maxsize=8)
def _check(template: str) -> None:
    if INPUT not in template:
        raise UsageError(f"[endpoint] template.body must hold {INPUT}, where the input's JSON goes; got {template!r}")
    try:
        json.loads(template.replace(INPUT, '""'))
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"[endpoint] template.body {template!r} is no JSON with a value in place of {INPUT} ({error}); "
            f"write {INPUT} where a value goes, without quotes around it"
        ) from None


def _form(body: str) -> Any:
    """The template as JSON with `INPUT` as a string in it; None when it is none."""
    try:
        return json.loads(body.replace(INPUT, json.dumps(INPUT)))
    except (ValueError, RecursionError):
        return None


def _from_example(template: Template, example: Any) -> dict[str, Any]:
    """The sample in an example body, and the template to send it with when that is not the configured one."""
    form = _form(template.body)
    if example is None or form is None:
        return {}
    if found := _fit(form, example):
        return {"sample": found[0]}
    return {"sample": example, "body": INPUT} if template.body == Template().body else {}


def _valid(endpoint: Endpoint, body: str | None, schema: Schema | None) -> dict[str, Any]:
    """What a valid input is: the schema of what takes the input's place, and of what may stand beside it."""
    form = _form(body if body is not None and endpoint.sample is None else endpoint.template.body)
    found = None if schema is None or form is None else valid_input.split_schema(form, INPUT, schema)
    return {"valid": found} if found else {}


def _fit(form: Any, example: Any) -> list[Any]:
    """What stands in the example where the form has the input, as a list of one; empty when the forms differ."""
    if form == INPUT:
        return [example]
    if isinstance(form, dict) and isinstance(example, dict) and form.keys() == example.keys():
        return [found for key, part in form.items() for found in _fit(part, example[key])][:1]
    if isinstance(form, list) and isinstance(example, list) and len(form) == len(example):
        return [found for part, other in zip(form, example, strict=True) for found in _fit(part, other)][:1]
    return []


def _outputs(value: dict[str, Any]) -> dict[str, Any]:
    """Arrays and numbers of an object; where it has none, its other texts and booleans (a bare label)."""
    named = {key: each for key, each in value.items() if key not in (*_MODEL, *_VERSION)}
    found = {key: each for key, each in named.items() if type(each) in (list, int, float)}
    found = found or {key: each for key, each in named.items() if isinstance(each, str | bool)}
    if not found:
        raise ProtocolError(
            "no array, number or text in the answer; name its path as [endpoint] template.answer", at="$"
        )
    return found


def _stated(value: Any, names: Sequence[str]) -> str | None:
    found = next((stated for name in names if (stated := get_member(value, name)) is not None), None)
    return str(found) if type(found) in (str, int, float) else None


ADAPTER = PlainJSON()
