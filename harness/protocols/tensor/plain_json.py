"""Plain JSON by template: any service that takes a JSON body on one path and answers with JSON.

`[endpoint] template` describes its format: `path`, `body` (JSON text in which `{{input}}` is replaced by the input, or
`{{NAME}}` by its field of this name), `answer` and `probabilities` (paths in the answer), `health`. The input may be
rows of numbers, a text, an object of named fields, or anything else that the service accepts in this place.

A sample comes from the configuration, otherwise from the OpenAPI document of the service. An example there is a whole
body; the input is the part of it in the place of `{{input}}`. If the example does not match the template, and the
template is the default one, the input is the whole body.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NoReturn

from harness.core.adapter import Capabilities, Facts, Recognition, StreamDecoder
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response, StreamEvent
from harness.core.json_text import parse_json
from harness.protocols.shared import openapi, template_path, templates, wire
from harness.protocols.shared.chat_stream import assemble_events
from harness.protocols.shared.json_schema import Schema
from harness.protocols.shared.named_fields import list_choices
from harness.protocols.shared.opaque_text import find_sentence, is_opaque_text
from harness.protocols.shared.valid_input import split_schema
from harness.protocols.shared.values import get_member, refuse_error

PLACEHOLDER = "{{input}}"
_MARK = re.compile(r"\{\{([^{}]+)\}\}")
"""What is replaced in the body: by the input, or by a field of it."""
WHOLE_TEXT = "text"
"""The `answer` of a service whose answers are plain text and no JSON."""
_STREAM_TYPES = ("text/event-stream", "application/x-ndjson", "application/jsonl", "application/stream+json")
_MODEL = ("model", "model_name")
_VERSION = ("version", "model_version")


class PlainJSON:
    """The adapter; the template describes the format, and an OpenAPI document may have a sample."""

    name = "plain_json"
    title = "plain JSON, by a template for body and answer"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Tensors; batches if the sample is a list of rows; liveness and readiness if their pages were found.

        A configured liveness page is used even if it was not found.
        """
        live = endpoint.template.health is not None or bool(facts.inputs.get("live"))
        sample = _find_sample(endpoint, facts)
        batches = wire.has_rows(sample) and not _is_series(sample)
        sentences = endpoint.template.upload is None and find_sentence(sample) is not None
        return Capabilities(
            streaming=endpoint.template.stream is not None,
            liveness=live,
            readiness=bool(facts.inputs.get("ready")),
            tensors=True,
            batches=batches,
            sentences=sentences,
            categories=bool(list_choices(sample, facts.inputs.get("valid", {}).get("input", {}))),
            model_version=True,
        )

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """Health and readiness pages under common paths, the OpenAPI document, and a GET on the path for POST."""
        paths = {"live": endpoint.template.health or "/health", "ready": "/ready", "openapi": wire.OPENAPI_PATH}
        paths |= {"route": endpoint.template.path, "nowhere": wire.UNKNOWN_PATH}
        return {role: wire.make_get(path) for role, path in paths.items()}

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """0.7: the OpenAPI document has POST on the template's path; 0.5: GET there answers 405; 0.3: another error.

        0.9 if the path exists and a template (any key of it) is configured.
        """
        template, document = endpoint.template, wire.read_page(answers, "openapi")
        paths = (wire.join_path(endpoint, template.path), template.path)
        score, reason = _score_route(template, answers, openapi.has_operation(document, template.method, *paths))
        if not score:
            return Recognition(score, reason)
        inputs: dict[str, Any] = {role: wire.is_offered(answers, role) for role in ("live", "ready")}
        inputs |= _extract_sample(template, openapi.find_example(document, *paths, encoding=template.encoding))
        body = _choose_body(endpoint, Facts(inputs=inputs))
        inputs |= _describe_valid(body, openapi.find_body_schema(document, *paths, encoding=template.encoding))
        if template != Template():
            score, reason = 0.9, f"{reason}; a template is configured"
        if "sample" in inputs:
            reason += "; it has an example of a body"
        return Recognition(score, reason, Facts(inputs=inputs))

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured sample, that in the OpenAPI document, or a row of the data. Raises `UsageError`."""
        if (sample := _find_sample(endpoint, facts)) is not None:
            return Query(sample)
        template = endpoint.template
        raise UsageError(
            f"no sample of a valid input for {template.method} {template.path}: give one as [endpoint] sample "
            f"(it replaces {PLACEHOLDER} in the template's body {template.body!r}), or rows as [data] file; "
            "the OpenAPI document of the service has no example for it"
        )

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """The body of the template with the input in it; options become further members of the body.

        Raises `UsageError` for a stream that the template does not describe, an input that cannot be written as JSON,
        or a template that is not valid JSON.
        """
        template = endpoint.template
        path, text = template.path, _choose_body(endpoint, facts)
        if query.stream:
            stream = template.stream or _raise_no_stream()
            path, text = stream.path or path, stream.body or template.body
        if template.upload is not None:
            return replace(templates.make_upload(path, template.upload, query.inputs), stream=query.stream)
        body = _fill_template(text, query.inputs)
        if template.encoding != "json":
            members = json.loads(body)
            if isinstance(members, dict):
                members = {**members, **query.options}
            return replace(templates.make_fields_request(template, path, members), stream=query.stream)
        if not query.options:
            return Request("POST", path, wire.JSON_HEADERS, body, query.stream)
        value = json.loads(body)
        if not isinstance(value, dict):
            raise UsageError(f"options {', '.join(query.options)} cannot be added to a body that is not an object")
        return wire.make_post(path, {**value, **query.options}, stream=query.stream)

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The value at the `answer` path; without this path, every array and number of the top-level object.

        A body that is not an object is the output `answer`. With the `answer` `text` it is a text, and no JSON. The
        events of a stream are put together, for a service that always streams. A text becomes `text`, everything else
        `outputs`. The value at the `probabilities` path becomes an output of this name. Raises `ProtocolError` with
        the place.
        """
        template = endpoint.template
        if template.stream is not None and response.content_type in _STREAM_TYPES:
            decoder = self.decoder(endpoint)  # it streams every answer, whether it is asked to or not
            return assemble_events([*decoder.feed(response.body), *decoder.close()])
        if template.answer == WHOLE_TEXT:
            return Answer(_decode_text(response), value=response.body.decode("utf-8", "replace"))
        value = parse_json(response.body)
        refuse_error(value, response)
        text, outputs = None, {}
        if template.answer is None and isinstance(value, dict):
            outputs = _collect_outputs(value)
        else:
            path = template.answer or "$"
            prediction = template_path.extract_value(value, path)
            if prediction is None:
                raise ProtocolError("null where the answer was expected", at=path)
            if isinstance(prediction, str):
                text = prediction
            else:
                outputs = {template_path.find_last_name(path): prediction}
        if template.probabilities is not None:
            outputs[template.probabilities] = template_path.extract_value(value, template.probabilities)
        return Answer(text, outputs, value, model=_find_stated(value, _MODEL), version=_find_stated(value, _VERSION))

    def decoder(self, endpoint: Endpoint) -> StreamDecoder:
        """A decoder of events or lines. Raises `UsageError` if the template describes no stream."""
        return templates.TemplateStream(endpoint.template.stream or _raise_no_stream())

    def assemble(self, events: Sequence[StreamEvent]) -> Answer:
        """The pieces put together; complete if the stream ended as the template describes and contains no error."""
        return assemble_events(events or _raise_no_stream())

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Invalid JSON, null, an empty object, an input of the wrong type, an unknown path.

        For a form or a query: no field at all, an unknown path. For an upload: no form, an empty file, a file of text
        where the sample is a picture or another file of a known kind, an unknown path.
        """
        path = endpoint.template.path
        if endpoint.template.upload is not None:
            return _make_bad_uploads(path, endpoint.template.upload, _find_sample(endpoint, facts))
        if endpoint.template.encoding != "json":
            method = endpoint.template.method
            return {"no_fields": Request(method, path), "unknown_path": Request(method, wire.UNKNOWN_PATH)}
        wrong: Any = {"aiharness": "an object where rows belong"}
        if isinstance(_find_sample(endpoint, facts), str | dict):
            wrong = 5
        wrong_body = _MARK.sub(json.dumps(wrong), _choose_body(endpoint, facts)).encode()
        return {
            "malformed_json": Request("POST", path, wire.JSON_HEADERS, b'{"aiharness": [1, 2'),
            "null_body": wire.make_post(path, None),
            "empty_object": wire.make_post(path, {}),
            "input_of_wrong_type": Request("POST", path, wire.JSON_HEADERS, wrong_body),
            "unknown_path": wire.make_post(wire.UNKNOWN_PATH, {}),
        }

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """No name and no version: no page states them, but an answer may (`model`, `version`)."""
        return None, None


def _make_bad_uploads(path: str, field: str, sample: Any) -> Mapping[str, Request]:
    wrong = {"no_form": Request("POST", path), "empty_file": templates.make_upload(path, field, "")}
    if is_opaque_text(sample):
        text = base64.b64encode(b"A text, and no picture.\n").decode()
        wrong["file_of_text"] = templates.make_upload(path, field, text)
    return {**wrong, "unknown_path": Request("POST", wire.UNKNOWN_PATH)}


def _find_sample(endpoint: Endpoint, facts: Facts) -> Any:
    """The configured sample, else that in the OpenAPI document, else a row of the data, or None."""
    return endpoint.get_sample(facts.inputs.get("sample", endpoint.data_sample))


def _is_series(sample: Any) -> bool:
    """Whether an object of lists is one input, such as a series in time, and not a row in columns of one entry."""
    if not isinstance(sample, dict):
        return False
    return any(len(entries) > 1 or isinstance(entries[0], dict) for entries in sample.values())


def _choose_body(endpoint: Endpoint, facts: Facts) -> str:
    """The template of the body; a sample from the OpenAPI document may be a whole body with a template of its own."""
    body: str = endpoint.template.body
    if endpoint.sample is None:
        body = facts.inputs.get("body", body)
    return body


def _score_route(template: Template, answers: Mapping[str, Response], is_announced: bool | None) -> tuple[float, str]:
    """How sure it is that the path of the template takes its method, and the reason."""
    status, path = wire.get_status(answers, "route"), template.path
    if is_announced:
        return 0.7, f"its OpenAPI document has {template.method} {path}"
    if template.encoding == "get" and wire.is_offered(answers, "route"):
        return 0.5, f"GET {path} is answered, unlike an unknown path"
    if status == 405 and wire.get_status(answers, "nowhere") != 405:
        return 0.5, f"GET {path} answered 405: the path exists for another method"
    if status is not None and status >= 400 and wire.is_offered(answers, "route"):
        why = ": it needs a key" if wire.needs_credentials(answers, "route") else ", unlike an unknown path"
        return 0.3, f"GET {path} answered {status}{why}"
    return 0.0, f"nothing indicates a {template.method} route at {path}"


def _raise_no_stream() -> NoReturn:
    raise UsageError(
        "plain_json has no streamed answers without [endpoint.template.stream]; describe them there, "
        "or use a protocol that streams, such as openai_chat"
    )


def _decode_text(response: Response) -> str:
    """The body of an answer that is plain text. Raises `ProtocolError` for anything else."""
    if response.content_type not in ("text/plain", ""):
        raise ProtocolError(f"{response.content_type} where plain text was expected", at="$")
    try:
        return response.body.decode()
    except UnicodeDecodeError:
        raise ProtocolError("a text that is not UTF-8", at="$") from None


def _fill_template(template: str, value: Any) -> bytes:
    """The template with the JSON of the input, or of its fields, in it.

    Raises `UsageError` if the template is not valid JSON, or the input lacks one of the fields.
    """
    _validate_template(template)

    def write_part(match: re.Match[str]) -> str:
        if match[0] == PLACEHOLDER:
            return wire.dump_json(value).decode("ascii")
        part = value
        for step in match[1].split("."):
            if not isinstance(part, dict) or step not in part:
                remedy = "" if isinstance(value, dict) else "; the input itself is {{input}}"
                shown = f"the input has no such field: {value!r:.200}{remedy}"
                raise UsageError(f"[endpoint] template.body has {match[0]}, and {shown}")
            part = part[step]
        return wire.dump_json(part).decode("ascii")

    return _MARK.sub(write_part, template).encode()


@lru_cache(maxsize=8)
def _validate_template(template: str) -> None:
    if not _MARK.search(template):
        raise UsageError(f"[endpoint] template.body must contain {PLACEHOLDER} for the input's JSON; got {template!r}")
    try:
        json.loads(_MARK.sub('""', template))
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"[endpoint] template.body {template!r} is not valid JSON with a value for {PLACEHOLDER} ({error}); "
            f"write {PLACEHOLDER} where a value goes, without quotes around it"
        ) from None


def _parse_form(body: str) -> Any:
    """The template as a JSON value that contains `PLACEHOLDER` as a string; None if it is not valid JSON."""
    if PLACEHOLDER not in body:
        return None
    try:
        return json.loads(body.replace(PLACEHOLDER, json.dumps(PLACEHOLDER)))
    except (ValueError, RecursionError):
        return None


def _extract_sample(template: Template, example: Any) -> dict[str, Any]:
    """The sample in the example of a body; and `body`, the template for it, if it differs from the configured one."""
    form = _parse_form(template.body)
    if example is None or form is None:
        return {}
    if inputs := _match_input(form, example):
        return {"sample": inputs[0]}
    return {"sample": example, "body": PLACEHOLDER} if template.body == Template().body else {}


def _describe_valid(body: str, schema: Schema | None) -> dict[str, Any]:
    """The schemas of valid inputs and of options beside them, as `valid`; nothing if they are not known."""
    form = _parse_form(body)
    if schema is None or form is None:
        return {}
    valid = split_schema(form, PLACEHOLDER, schema)
    return {"valid": valid} if valid else {}


def _match_input(form: Any, example: Any) -> list[Any]:
    """The part of the example in the place of the input, as a list of one; empty if it does not match the form."""
    if form == PLACEHOLDER:
        return [example]
    pairs: list[tuple[Any, Any]] = []
    if isinstance(form, dict) and isinstance(example, dict) and form.keys() == example.keys():
        pairs = [(part, example[key]) for key, part in form.items()]
    elif isinstance(form, list) and isinstance(example, list) and len(form) == len(example):
        pairs = list(zip(form, example, strict=True))
    return next(filter(None, (_match_input(part, other) for part, other in pairs)), [])


def _collect_outputs(value: dict[str, Any]) -> dict[str, Any]:
    """The arrays and numbers of an object; if it has none, its texts and booleans (a label)."""
    members = {name: member for name, member in value.items() if name not in (*_MODEL, *_VERSION)}
    for types in ((list, int, float), (str, bool)):
        outputs = {name: member for name, member in members.items() if type(member) in types}
        if outputs:
            return outputs
    raise ProtocolError("no array, number or text in the answer; name its path as [endpoint] template.answer", at="$")


def _find_stated(value: Any, names: Sequence[str]) -> str | None:
    """The first of these members that is stated, as a text."""
    members = [get_member(value, name) for name in names]
    stated = next((member for member in members if member is not None), None)
    return str(stated) if type(stated) in (str, int, float) else None


ADAPTER = PlainJSON()
