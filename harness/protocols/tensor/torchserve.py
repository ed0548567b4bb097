"""TorchServe's inference API, `POST /predictions/NAME[/VERSION]`, and what its management API tells.

A handler reads what it likes and answers what it likes, so body and answer go by `[endpoint] template` as in plain
JSON, but for its path: the model's name and version make it. An object as the sample is the whole body where no other
body than the default one is configured. `/ping` says `Healthy` without a single worker that runs. The management API
knows better, `GET /models/NAME` lists the workers and the version: it is asked where it stands at the same address (by
default it has port 8081); else only a prediction tells whether the model is ready. GET on a model's path under
`/predictions` runs its handler, so it is not probed. A model served with the KServe envelope is spoken to as
`tfserving`. Multi Model Server and DJL Serving have the same calls.

Strict: an error (`code`, `type`, `message`) in a success; bare NaN, with which TorchServe answers NaN and 1e308.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols.shared.values import get_member, parse_name, parse_names, shorten_value
from harness.protocols.shared.wire import UNKNOWN_PATH, has_rows, is_offered, make_get, make_post, read_json, read_page
from harness.protocols.tensor.plain_json import INPUT, PlainJSON

_PATH = "/predictions/"


class TorchServe(PlainJSON):
    """The adapter; body and answer are plain JSON's."""

    name = "torchserve"
    title = "TorchServe inference API, by a template for body and answer"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Tensors; batches where the sample is a list of rows; liveness where `/ping` was found.

        The readiness, name and version of a model that was named, where the management API describes it.
        """
        live = endpoint.template.health is not None or bool(facts.inputs.get("live"))
        told = _model(endpoint) is not None and bool(facts.inputs.get("described"))
        batches = has_rows(endpoint.sample)
        return Capabilities(
            liveness=live, tensors=True, batches=batches, model_readiness=told, model_name=told, model_version=told
        )

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """`/ping`, and a path that is not there, whose error tells TorchServe from others that have a ping.

        Of the management API the list of models, and the description of the one that is asked.
        """
        found = {
            "live": make_get(endpoint.template.health or "/ping"),
            "nowhere": make_get(UNKNOWN_PATH),
            "models": make_get("/models"),
        }
        if name := _model(endpoint):
            found["model_ready"] = make_get(f"/models/{_named(endpoint, name)}")
        return found

    def find_denial(self, role: str, response: Response) -> str | None:
        """That none of the model's workers is ready, as it is said with status 200."""
        if role != "model_ready":
            return None
        found = _description(read_json(response))
        if found is None:
            return "it does not describe a model"
        states = [str(each.get("status")) for each in found["workers"] if isinstance(each, dict)]
        return (
            None if "READY" in states else f"no worker is ready: {shorten_value(', '.join(states) or 'there is none')}"
        )

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The model's name and version in its description."""
        found = _description(read_page(answers, "model_ready"))
        return (None, None) if found is None else (found["modelName"], parse_name(found.get("modelVersion")))

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: an error of TorchServe's at a path that is not there, and its ping; 0.6: the error alone."""
        said = read_json(answers["nowhere"]) if "nowhere" in answers else None
        if not _is_error(said):
            return Recognition(0.0, "a path that is not there brought no error in TorchServe's form")
        ping = read_page(answers, "live")
        health = get_member(ping, "status") or get_member(ping, "health")
        listed, (name, version) = _listed(read_page(answers, "models")), self.identity(answers)
        noted = {"live": is_offered(answers, "live"), "described": name is not None}
        facts = Facts(listed, version, noted)
        reason = f"a path that is not there brought TorchServe's error {shorten_value(get_member(said, 'type'))}"
        if listed and not isinstance(health, str):
            return Recognition(
                0.6, f"{reason}; it is the management API: predictions have an address of their own, port 8080", facts
            )
        if not isinstance(health, str):
            return Recognition(0.6, reason, facts)
        return Recognition(
            1.0, f"GET {self.probes(endpoint)['live'].path} says {shorten_value(health)}; {reason}", facts
        )

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured sample. Raises `UsageError` without one, or without the model's name."""
        path = _path(endpoint, facts)
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
        return super().encode(_spoken(endpoint, facts, query.inputs), query, Facts())

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """What stands at the template's `answer` path, as plain JSON has it. Raises `ProtocolError` with the place."""
        answer = super().decode(endpoint, response)
        if _is_error(answer.value):
            said = f"{answer.value['type']}: {answer.value['message']}"
            raise ProtocolError(
                f"an error in an answer of status {response.status}: {shorten_value(said)}", at="$.type"
            )
        return answer

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Plain JSON's, and a model that is not there."""
        found = super().bad_requests(_spoken(endpoint, facts, endpoint.sample), Facts())
        return {**found, "unknown_model": make_post(f"{_PATH}aiharness-no-such-model", {})}


def _path(endpoint: Endpoint, facts: Facts) -> str:
    """Where predictions are asked for: by the model's name, else the template's path, else the one model's name.

    Raises `UsageError`.
    """
    if endpoint.model is None and endpoint.template.path.startswith(_PATH):
        return endpoint.template.path
    name = endpoint.model or (facts.models[0] if len(facts.models) == 1 else None)
    if name is None:
        raise UsageError("torchserve needs the name of the model: give --ai-model or [endpoint] model")
    return _PATH + _named(endpoint, name)


def _named(endpoint: Endpoint, name: str) -> str:
    version = f"/{quote(endpoint.version, safe='')}" if endpoint.version is not None else ""
    return quote(name, safe="") + version


def _model(endpoint: Endpoint) -> str | None:
    """The model's name, which the template's path may say."""
    if endpoint.model is None and endpoint.template.path.startswith(_PATH):
        return unquote(endpoint.template.path.removeprefix(_PATH).partition("/")[0]) or None
    return endpoint.model


def _listed(value: Any) -> tuple[str, ...]:
    """The names in the management API's list."""
    models = get_member(value, "models")
    own = [each for each in models if get_member(each, "modelUrl") is not None] if isinstance(models, list) else []
    return parse_names(own, "modelName") or ()


def _description(value: Any) -> dict[str, Any] | None:
    """The management API's description of one model: the first of the versions asked for."""
    found = value[0] if isinstance(value, list) and value else None
    described = parse_name(get_member(found, "modelName")) and isinstance(get_member(found, "workers"), list)
    return found if described else None


def _spoken(endpoint: Endpoint, facts: Facts, inputs: Any) -> Endpoint:
    """The endpoint as plain JSON speaks with it."""
    template = endpoint.template
    whole = isinstance(inputs, dict) and template.body == Template().body
    body = INPUT if whole else template.body
    return replace(endpoint, template=replace(template, path=_path(endpoint, facts), body=body))


def _is_error(value: Any) -> bool:
    told = isinstance(get_member(value, "message"), str) and type(get_member(value, "code")) is int
    return told and str(value.get("type")).endswith("Exception")


ADAPTER = TorchServe()
