"""TorchServe's inference API: `POST /predictions/NAME[/VERSION]`.

A handler reads what it likes and answers what it likes, so body and answer go by `[endpoint] template` as in plain
JSON, but for its path: the model's name and version make it. An object as the sample is the whole body where no other
body than the default one is configured. The management API stands on another port, and `/ping` says `Healthy` without
a single worker that runs: only a prediction tells whether the model is ready. GET on a model's path runs its handler,
so it is not probed. A model served with the KServe envelope is spoken to as `tfserving`. Multi Model Server and DJL
Serving have the same calls.

Strict: an error (`code`, `type`, `message`) in a success; bare NaN, with which TorchServe answers NaN and 1e308.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols._values import shown
from harness.protocols._wire import NOWHERE, get, holds_rows, json_of, offered, page, post
from harness.protocols.plain_json import INPUT, PlainJSON

_PATH = "/predictions/"


class TorchServe(PlainJSON):
    """The adapter; body and answer are plain JSON's."""

    name = "torchserve"
    title = "TorchServe inference API, by a template for body and answer"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Tensors; batches where the sample is a list of rows; liveness where `/ping` was found."""
        live = endpoint.template.health is not None or bool(facts.inputs.get("live"))
        return Capabilities(liveness=live, tensors=True, batches=holds_rows(endpoint.sample), model_name=False)

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """`/ping`, and a path that is not there, whose error tells TorchServe from others that have a ping."""
        return {"live": get(endpoint.template.health or "/ping"), "nowhere": get(NOWHERE)}

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: an error of TorchServe's at a path that is not there, and its ping; 0.6: the error alone."""
        said = json_of(answers["nowhere"]) if "nowhere" in answers else None
        if not isinstance(said, dict) or not _is_error(said):
            return Recognition(0.0, "a path that is not there brought no error in TorchServe's form")
        ping = page(answers, "live")
        health = ping.get("status", ping.get("health")) if isinstance(ping, dict) else None
        facts = Facts(inputs={"live": offered(answers, "live")})
        reason = f"a path that is not there brought TorchServe's error {shown(said['type'])}"
        if not isinstance(health, str):
            return Recognition(0.6, reason, facts)
        return Recognition(1.0, f"GET {self.probes(endpoint)['live'].path} says {shown(health)}; {reason}", facts)

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured sample. Raises `UsageError` without one, or without the model's name."""
        path = _path(endpoint)
        if endpoint.sample is None:
            raise UsageError(
                f"no sample of a valid input for POST {path}: give one as [endpoint] sample, in the form that the "
                "model's handler reads (TorchServe does not say)"
            )
        return Query(endpoint.sample)

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """The template's body with the input in it, or the input alone where that is a whole body.

        Raises `UsageError` for a stream, an input that JSON cannot hold, or without the model's name.
        """
        return super().encode(_spoken(endpoint, query.inputs), query, Facts())

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """What stands at the template's `answer` path, as plain JSON has it. Raises `ProtocolError` with the place."""
        answer = super().decode(endpoint, response)
        if _is_error(answer.value):
            said = f"{answer.value['type']}: {answer.value['message']}"
            raise ProtocolError(f"an error in an answer of status {response.status}: {shown(said)}", at="$.type")
        return answer

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Plain JSON's, and a model that is not there."""
        found = super().bad_requests(_spoken(endpoint, endpoint.sample), Facts())
        return {**found, "unknown_model": post(f"{_PATH}aiharness-no-such-model", {})}


def _path(endpoint: Endpoint) -> str:
    """Where predictions are asked for: by the model's name, else the template's path. Raises `UsageError`."""
    if endpoint.model is not None:
        version = f"/{quote(endpoint.version, safe='')}" if endpoint.version is not None else ""
        return f"{_PATH}{quote(endpoint.model, safe='')}{version}"
    if endpoint.template.path.startswith(_PATH):
        return endpoint.template.path
    raise UsageError("torchserve needs the name of the model: give --ai-model or [endpoint] model")


def _spoken(endpoint: Endpoint, inputs: Any) -> Endpoint:
    """The endpoint as plain JSON speaks with it."""
    template = endpoint.template
    whole = isinstance(inputs, dict) and template.body == Template().body
    body = INPUT if whole else template.body
    return replace(endpoint, template=replace(template, path=_path(endpoint), body=body))


def _is_error(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("message"), str):
        return False
    return type(value.get("code")) is int and str(value.get("type")).endswith("Exception")


ADAPTER = TorchServe()
