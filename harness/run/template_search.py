"""Find out how a plain JSON service is asked: its path, the form of its body, a valid input, and where the answer is.

It sends inferences: only with the user's consent, to one path, and never more than `MOST_TRIES`.

Tested in tests/commands/test_init_services.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from harness.checks.bad_input.unusable_inputs import MOST_UNUSABLE
from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint, StreamTemplate, Template
from harness.core.errors import UsageError
from harness.core.exchange import Exchange, Query
from harness.io.client import Client
from harness.protocols.shared import openapi, wire
from harness.protocols.shared.answer_choice import choose_answer, find_piece, make_expectation
from harness.protocols.shared.error_hints import ErrorHints, read_hints
from harness.protocols.shared.json_schema import Schema, UnusableSchema
from harness.protocols.shared.routes import Route, find_content
from harness.protocols.shared.sample_making import (
    COLOURED_PICTURE,
    PICTURE,
    WIDTHS,
    SampleMaker,
    find_file_field,
    list_guesses,
    split_payload,
)
from harness.protocols.shared.template_path import parse_template_path
from harness.protocols.shared.values import get_member
from harness.run.decoding import decode_exchange
from harness.run.preflight import load_adapter
from harness.run.refusal_trials import find_refused_inputs
from harness.run.sample_variation import find_other_samples

MOST_TRIES = 120
"""Requests that a search for the form of the body may send."""
MOST_LATER = 30 + MOST_UNUSABLE
"""Requests that look for inputs with other answers, and for bad ones that are refused."""
_STEPS = 12
_MOST_SHOWN = 160
"""Bytes of the last error that are shown to the user."""
_MOST_ERROR = 10_000
"""Bytes of an error that are searched for the name of a file."""
"""Errors that are followed from one body to the next."""
_COMMON_NAMES = ("input", "features", "data", "inputs", "instances", "text", "prompt", "x", "query", "message")
_FILE_NAMES = ("file", "image", "picture", "photo", "img", "audio", "document")
"""Fields of a form that hold a file, by what tutorials call them."""
_STREAMS = ("text/event-stream", "application/x-ndjson", "application/jsonl", "application/stream+json")


@dataclass(frozen=True, slots=True)
class FoundForm:
    """How the service is asked. `exchange` proves it; None: nothing was sent. `problem` says why no form is known.

    `expect` is what the document promises of every answer, as `[endpoint] expect` has it (None: no such promise).
    `refused` names the bad inputs that the service refuses. `security` is the scheme and the header by which the
    document says that requests are authenticated; `is_unauthorised`: the service refused the credential, or wants one.
    """

    template: Template
    sample: Any = None
    other_samples: tuple[Any, ...] = ()
    exchange: Exchange | None = None
    problem: str = ""
    expect: Any = None
    security: tuple[str, str] | None = None
    is_unauthorised: bool = False
    refused: tuple[str, ...] = ()


def guess_form(document: Any, route: Route) -> FoundForm:
    """The form that the document describes, without sending anything."""
    template, security = _make_template(document, route), openapi.find_security(document, route.path)
    if template.upload is not None:
        return FoundForm(template, PICTURE, security=security)
    for body in _list_bodies(document, route):
        text, sample = split_payload(body)
        return FoundForm(replace(template, body=text), sample, security=security)
    return FoundForm(template, problem="no document describes its body", security=security)


def _make_template(document: Any, route: Route) -> Template:
    template = Template(path=route.path, body="{{input}}")
    if route.media in ("form", "query", "get"):
        template = replace(template, encoding=route.media)
    operation = get_member(document, "paths", route.path, "post")
    if route.media == "upload" and route.fields:
        template = replace(template, upload=route.fields[0])
    elif route.media == "upload":
        template = replace(template, upload=find_file_field(find_content(document, operation), document))
    for path in ("/health", "/healthz", "/livez", "/ping", "/status"):
        if path != "/health" and get_member(document, "paths", path, "get") is not None:
            return replace(template, health=path)
        if get_member(document, "paths", "/health", "get") is not None:
            break
    return template


def _list_bodies(document: Any, route: Route) -> Iterator[Any]:
    """Whole bodies by the document: its example, then guesses with rows of several lengths."""
    if route.media in ("upload", ""):
        return
    if route.fields:
        yield {name: next(list_guesses(name, WIDTHS[0])) for name in route.fields}
        return
    if (example := openapi.find_raw_example(document, route.path, route.media)) is not None:
        yield example
    schema = openapi.find_raw_schema(document, route.path, route.media)
    sent = []
    for width in WIDTHS:
        try:
            body = SampleMaker(document, width).make_value(schema)
        except UnusableSchema:
            return
        if body not in sent:
            sent.append(body)
            yield body


class _NotAuthorised(Exception):
    """The service asks for a credential: no other input will be answered either."""


class TemplateSearch:
    """Finds the template and the sample with which one path of a service answers, by sending requests."""

    def __init__(self, endpoint: Endpoint, client: Client, document: Any, route: Route) -> None:
        self._endpoint = replace(endpoint, protocol="plain_json", sample=None)
        self._client, self._document, self._route = client, document, route
        self._adapter = load_adapter("plain_json")
        self._left = MOST_TRIES
        self._last = self._error = ""

    def run(self) -> FoundForm:
        """Try until an input is answered; then look for where the answer is, and for inputs with other answers."""
        template = _make_template(self._document, self._route)
        if self._route.media == "upload" and template.upload is None:
            return FoundForm(template, problem="its form needs more than one file, which no template can describe")
        try:
            form = self._try_uploads(template) or self._try_bodies(template)
        except _NotAuthorised:
            return FoundForm(template, problem=self._last, is_unauthorised=True)
        if form is None:
            return FoundForm(template, problem=self._last or "nothing that was tried was answered")
        return self._describe_answers(form)

    def ask(self, template: Template, sample: Any) -> Exchange:
        """Send one inference and decode its answer. Raises `UsageError` beyond the number of tries."""
        if self._left <= 0:
            raise UsageError("the tries are used up")
        self._left -= 1
        endpoint = replace(self._endpoint, template=template)
        request = self._adapter.encode(endpoint, Query(sample), Facts())
        return decode_exchange(self._adapter, endpoint, self._client.exchange(request))

    def _try(self, template: Template, sample: Any) -> FoundForm | None:
        exchange = self.ask(template, sample)
        kind = exchange.response.content_type if exchange.response else ""
        is_success = exchange.status is not None and 200 <= exchange.status < 300
        if is_success and exchange.response is not None and exchange.response.body.strip():
            if kind in _STREAMS and (piece := find_piece(exchange.response.body)):
                template = replace(template, stream=StreamTemplate(piece))
                return FoundForm(template, sample, exchange=self.ask(template, sample))
            if kind == "text/plain" and not exchange.ok:
                template = replace(template, answer="text")
                return FoundForm(template, sample, exchange=self.ask(template, sample))
        if exchange.ok:
            return FoundForm(template, sample, exchange=exchange)
        self._last = exchange.outcome
        if exchange.response is not None and exchange.response.body:
            self._last += f": {exchange.response.body[:_MOST_SHOWN].decode('utf-8', 'replace')}"
        if exchange.status in (401, 403):
            raise _NotAuthorised
        self._hints, self._error = ErrorHints(), ""
        if exchange.response is not None:
            self._error = exchange.response.body[:_MOST_ERROR].decode("utf-8", "replace")
            self._hints = read_hints(exchange.response.body)
        return None

    def _try_uploads(self, template: Template) -> FoundForm | None:
        if template.upload is None:
            return None
        for content in (PICTURE, COLOURED_PICTURE, "YSxiCjEsMgozLDQK"):  # pictures, and a table of two columns
            if form := self._try(template, content):
                return form
        return None

    def _try_bodies(self, template: Template) -> FoundForm | None:
        if template.upload is not None:
            return None
        for number, body in enumerate(_list_bodies(self._document, self._route)):
            text, sample = split_payload(body)
            if form := self._try(replace(template, body=text), sample):
                return form
            if number == 0 and (form := self._follow_errors(template, body)):
                return form
        if form := self._follow_errors(template, {}):
            return form
        if self._route.media == "" and (form := self._try_named_files(template)):
            return form
        return self._try_common_bodies(template)

    def _try_named_files(self, template: Template) -> FoundForm | None:
        """Upload a file under the names that the last error mentions, where it speaks of a file."""
        for name in (name for name in _FILE_NAMES if re.search(rf"\b{name}s?\b", self._error, re.I)):
            for field in dict.fromkeys((name, "file")):
                if form := self._try_uploads(replace(template, upload=field)):
                    return form
        return None

    def _follow_errors(self, template: Template, body: Any) -> FoundForm | None:
        """Change the body as each error says: add what is missing, and give rows the length that is named."""
        guesses: dict[tuple[str, ...], Iterator[Any]] = {}
        width, sent = WIDTHS[0], []
        for _ in range(_STEPS):
            if not isinstance(body, dict) or body in sent:
                return None
            sent.append(body)
            text, sample = split_payload(body)
            if form := self._try(replace(template, body=text), sample):
                return form
            hints = self._hints
            width = hints.width or width
            if hints.width or hints.depth:
                body = {name: _reshape(value, width, hints.depth) for name, value in body.items()}
                continue
            for place in (*hints.missing, *hints.wrong):
                if place not in guesses:
                    guesses[place] = list_guesses(place[-1], width)
                body = _insert_value(body, place, hints.choices.get(place, next(guesses[place], None)))
        return None

    def _try_common_bodies(self, template: Template) -> FoundForm | None:
        """Names and forms that tutorials use, for a service whose errors say nothing."""
        try:
            for width in WIDTHS:
                for name in _COMMON_NAMES:
                    for value in list_guesses(name, width):
                        if isinstance(value, str) and width != WIDTHS[0]:
                            continue
                        text, sample = split_payload({name: value})
                        if form := self._try(replace(template, body=text), sample):
                            return form
        except UsageError:
            return None
        return None

    def _describe_answers(self, form: FoundForm) -> FoundForm:
        """The form with the place of the answer, and inputs that are answered otherwise."""
        self._left = MOST_LATER - MOST_UNUSABLE
        repeat = self.ask(form.template, form.sample)
        template = form.template
        if template.answer is None and template.stream is None and form.exchange and form.exchange.answer:
            values = form.exchange.answer.value, repeat.answer and repeat.answer.value
            is_batch = isinstance(form.sample, list) and wire.has_rows(form.sample)
            path, probabilities = choose_answer(*values, echo=form.sample, is_batch=is_batch)
            template = replace(template, answer=path, probabilities=probabilities)
        proof = self.ask(template, form.sample)
        if not proof.ok:
            template, proof = form.template, repeat
        schema: Schema = {}
        if self._route.media not in ("upload", ""):
            media = self._route.media
            schema = openapi.find_body_schema(self._document, self._route.path, encoding=media) or {}
        others = find_other_samples(template, form.sample, schema, proof, self.ask)
        expect = None
        if template.answer is not None and template.answer.startswith("$"):
            steps = parse_template_path(template.answer)
            method, path = self._route.method, self._route.path
            expect = make_expectation(openapi.find_answer_schema(self._document, method, path, steps))
        endpoint = replace(self._endpoint, template=template, sample=form.sample)
        refused = find_refused_inputs(endpoint, self._client)
        return FoundForm(template, form.sample, others, proof, expect=expect, refused=refused)


def _insert_value(body: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The body with a value at a place, whose outer objects are made where they are missing."""
    if len(place) == 1:
        return {**body, place[0]: value}
    outer = body.get(place[0])
    if not isinstance(outer, dict):
        outer = {}
    return {**body, place[0]: _insert_value(outer, place[1:], value)}


def _reshape(value: Any, width: int, depth: int | None) -> Any:
    """A list with rows of this length; and as deep as is said."""
    if not isinstance(value, list) or not value:
        return value
    is_nested = isinstance(value[0], list)
    first = value[0]
    if is_nested:
        first = value[0][0]
    if depth is not None:
        is_nested = depth == 2
    row = [first] * width
    if is_nested:
        return [row]
    return row
