"""TorchServe's inference API, `POST /predictions/NAME[/VERSION]`, with facts from its management API.

A handler may accept and answer anything, so body and answer follow `[endpoint] template` as in plain JSON; but the path
is made of the name and version of the model. If the sample is an object and the body is not configured, the sample is
the whole body. `/ping` answers `Healthy` even if no worker runs. The management API lists the workers and the version
(`GET /models/NAME`). It is used if it is at the same address (its default is port 8081); otherwise only a prediction
shows whether the model is ready. A GET on the path of a model under `/predictions` would run its handler, so it is not
probed. Use `tfserving` for a model with the KServe envelope. Multi Model Server and DJL Serving have the same API.

An error object (`code`, `type`, `message`) in a successful answer is an error, and so is bare NaN, which TorchServe
writes for NaN and for 1e308.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from harness.core.adapter import Capabilities, Facts, Recognition
from harness.core.endpoint import Endpoint, Template
from harness.core.errors import NotAnnounced, ProtocolError, UsageError
from harness.core.exchange import Answer, Query, Request, Response
from harness.protocols.shared.values import get_list, get_member, parse_name, parse_names, pick_only, shorten_value
from harness.protocols.shared.wire import UNKNOWN_PATH, has_rows, is_offered, make_get, make_post, read_json, read_page
from harness.protocols.tensor.plain_json import PLACEHOLDER, PlainJSON

_PATH = "/predictions/"


class TorchServe(PlainJSON):
    """The adapter; body and answer are those of plain JSON."""

    name = "torchserve"
    title = "TorchServe inference API, by a template for body and answer"

    def capabilities(self, endpoint: Endpoint, facts: Facts) -> Capabilities:
        """Tensors; batches if the sample is a list of rows; liveness if there is `/ping`.

        Readiness, name and version of the configured model if the management API describes it.
        """
        live = endpoint.template.health is not None or bool(facts.inputs.get("live"))
        known = _find_name(endpoint) is not None and bool(facts.inputs.get("described"))
        batches = has_rows(endpoint.sample)
        return Capabilities(
            liveness=live, tensors=True, batches=batches, model_readiness=known, model_name=known, model_version=known
        )

    def probes(self, endpoint: Endpoint) -> Mapping[str, Request]:
        """`/ping`, and an unknown path, because the error distinguishes TorchServe from others that have a ping.

        From the management API the list of models, and the description of the configured one.
        """
        paths = {"live": endpoint.template.health or "/ping", "nowhere": UNKNOWN_PATH, "models": "/models"}
        if name := _find_name(endpoint):
            paths["model_ready"] = f"/models/{_quote_name(endpoint, name)}"
        return {role: make_get(path) for role, path in paths.items()}

    def find_denial(self, role: str, response: Response) -> str | None:
        """That none of the workers of the model is ready, which the server states with status 200."""
        if role != "model_ready":
            return None
        description = _parse_description(read_json(response))
        if description is None:
            return "it does not describe a model"
        states = [str(worker.get("status")) for worker in description["workers"] if isinstance(worker, dict)]
        if "READY" in states:
            return None
        return f"no worker is ready: {shorten_value(', '.join(states) or 'there is none')}"

    def identity(self, answers: Mapping[str, Response]) -> tuple[str | None, str | None]:
        """The name and version in the description of the model."""
        description = _parse_description(read_page(answers, "model_ready"))
        if description is None:
            return None, None
        return description["modelName"], parse_name(description.get("modelVersion"))

    def recognise(self, endpoint: Endpoint, answers: Mapping[str, Response]) -> Recognition:
        """1.0: an error in TorchServe's format for an unknown path, and its ping; 0.6: only the error."""
        error = read_json(answers["nowhere"]) if "nowhere" in answers else None
        if not _is_error(error):
            return Recognition(0.0, "an unknown path was not answered with an error in the format of TorchServe")
        reason = f"an unknown path was answered with TorchServe's error {shorten_value(get_member(error, 'type'))}"
        ping = read_page(answers, "live")
        health = get_member(ping, "status") or get_member(ping, "health")
        models, (name, version) = _parse_models(read_page(answers, "models")), self.identity(answers)
        facts = Facts(models, version, {"live": is_offered(answers, "live"), "described": name is not None})
        if isinstance(health, str):
            path = self.probes(endpoint)["live"].path
            return Recognition(1.0, f"GET {path} answered {shorten_value(health)}; {reason}", facts)
        if models:
            reason += "; this is the management API: predictions have an address of their own, port 8080"
        return Recognition(0.6, reason, facts)

    def sample(self, endpoint: Endpoint, facts: Facts) -> Query:
        """The configured sample. Raises `UsageError` without one, or without the name of the model."""
        path = _find_path(endpoint, facts)
        if endpoint.sample is None:
            raise UsageError(
                f"no sample of a valid input for POST {path}: give one as [endpoint] sample, in the format that the "
                "handler of the model reads (TorchServe does not say)"
            )
        return Query(endpoint.sample)

    def encode(self, endpoint: Endpoint, query: Query, facts: Facts) -> Request:
        """The body of the template with the input in it, or only the input if that is a whole body.

        Raises `UsageError` for a stream, an input that cannot be written as JSON, or without the name of the model.
        """
        return super().encode(_adapt_endpoint(endpoint, facts, query.inputs), query, Facts())

    def decode(self, endpoint: Endpoint, response: Response) -> Answer:
        """The value at the template's `answer` path, as in plain JSON. Raises `ProtocolError` with the place."""
        answer = super().decode(endpoint, response)
        if _is_error(answer.value):
            error = shorten_value(f"{answer.value['type']}: {answer.value['message']}")
            raise ProtocolError(f"an error in an answer of status {response.status}: {error}", at="$.type")
        return answer

    def bad_requests(self, endpoint: Endpoint, facts: Facts) -> Mapping[str, Request]:
        """Those of plain JSON, and an unknown model."""
        requests = super().bad_requests(_adapt_endpoint(endpoint, facts, endpoint.sample), Facts())
        return {**requests, "unknown_model": make_post(f"{_PATH}aiharness-no-such-model", {})}


def _find_path(endpoint: Endpoint, facts: Facts) -> str:
    """The path for predictions: with the configured name, else the template's path, else with the only listed name.

    Raises `UsageError`.
    """
    if endpoint.model is None and endpoint.template.path.startswith(_PATH):
        return endpoint.template.path
    name = endpoint.model or pick_only(facts.models)
    if name is None:
        raise NotAnnounced("torchserve needs the name of the model: give --ai-model or [endpoint] model")
    return _PATH + _quote_name(endpoint, name)


def _quote_name(endpoint: Endpoint, name: str) -> str:
    """Name and version for a path."""
    version = f"/{quote(endpoint.version, safe='')}" if endpoint.version is not None else ""
    return quote(name, safe="") + version


def _find_name(endpoint: Endpoint) -> str | None:
    """The configured name of the model, which may be a part of the template's path."""
    if endpoint.model is None and endpoint.template.path.startswith(_PATH):
        return unquote(endpoint.template.path.removeprefix(_PATH).partition("/")[0]) or None
    return endpoint.model


def _parse_models(page: Any) -> tuple[str, ...]:
    """The names in the list of the management API."""
    models = [model for model in get_list(page, "models") if get_member(model, "modelUrl") is not None]
    return parse_names(models, "modelName") or ()


def _parse_description(page: Any) -> dict[str, Any] | None:
    """The description of one model by the management API: of several versions the first."""
    description = page[0] if isinstance(page, list) and page else None
    if parse_name(get_member(description, "modelName")) and isinstance(get_member(description, "workers"), list):
        return description
    return None


def _adapt_endpoint(endpoint: Endpoint, facts: Facts, inputs: Any) -> Endpoint:
    """The endpoint as plain JSON must use it."""
    template = replace(endpoint.template, path=_find_path(endpoint, facts))
    if isinstance(inputs, dict) and template.body == Template().body:
        template = replace(template, body=PLACEHOLDER)
    return replace(endpoint, template=template)


def _is_error(value: Any) -> bool:
    has_members = isinstance(get_member(value, "message"), str) and type(get_member(value, "code")) is int
    return has_members and str(value.get("type")).endswith("Exception")


ADAPTER = TorchServe()
