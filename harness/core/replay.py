"""How to show an exchange and how to send it again: without secrets, capped, safe to paste."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from harness.core.answer_class import RETRY_ADVICE, classify_exchange
from harness.core.endpoint import Credentials, Endpoint, redact_headers, redact_text
from harness.core.exchange import Exchange, Request, Response
from harness.core.verdict import Counterexample

MAX_BODY_SHOWN = 4000
"""Characters of a body that a report shows; the rest is counted."""


def show_exchange(exchange: Exchange, endpoint: Endpoint, summary: str) -> Counterexample:
    """A counterexample made of an exchange: its request, its answer and its curl line, which gRPC has none of."""
    response = exchange.response
    shown = show_response(response, endpoint) if response else {}
    if exchange.error or not response:
        shown |= {"error": str(exchange.error), "detail": exchange.detail}
    if exchange.error and (kind := classify_exchange(exchange)):
        shown |= {"class": str(kind), "retry": RETRY_ADVICE[kind]}
    if exchange.timing.latency is not None:
        shown["seconds"] = round(exchange.timing.latency, 4)
    return Counterexample(
        redact_text(summary, endpoint.secrets()),
        request=show_request(exchange.request, endpoint),
        response=_cleaned(shown, endpoint),
        curl=None if endpoint.grpc else build_curl(exchange.request, endpoint),
    )


def show_request(request: Request, endpoint: Endpoint) -> dict[str, Any]:
    """A request as a JSON-able record without secrets."""
    shown = {"method": request.method, "url": endpoint.url + request.path, **_message(request)}
    return _cleaned(shown, endpoint)


def show_response(response: Response, endpoint: Endpoint) -> dict[str, Any]:
    """An answer as a JSON-able record without secrets."""
    return _cleaned({"status": response.status, **_message(response)}, endpoint)


def _message(message: Request | Response) -> dict[str, Any]:
    """Headers and body for display, a gRPC message in base64."""
    grpc = ("content-type", "application/grpc") in message.headers
    body = base64.b64encode(message.body) if grpc else message.body
    return {"headers": dict(redact_headers(message.headers)), "body": shorten_body(body)}


def shorten_body(body: bytes, limit: int = MAX_BODY_SHOWN) -> str:
    """A body for display: UTF-8 with replacements, cut at `limit` characters with the count of what is left."""
    whole = body[: limit * 4].decode("utf-8", "replace")
    if len(whole) <= limit and len(body) <= limit * 4:
        return whole
    return f"{whole[:limit]} …[{len(body)} bytes in all]"


def build_curl(request: Request, endpoint: Endpoint) -> str:
    """The curl command that sends this request again; the credential is read from `$AIHARNESS_API_KEY`."""
    secrets = endpoint.secrets()

    def word(text: str) -> str:
        # Redacted first: the shell's quoting would spell a secret in a way that no list of spellings holds.
        return shlex.quote(redact_text(text, secrets))

    parts = ["curl", "-sS", "-N" if request.stream else "-i", "-X", request.method, word(endpoint.url + request.path)]
    if endpoint.unix_socket:
        parts += ["--unix-socket", word(endpoint.unix_socket)]
    for name, value in redact_headers((*request.headers, *endpoint.headers)):
        parts += ["-H", word(f"{name}: {value}")]
    if endpoint.credentials:
        parts += _credential(endpoint.credentials, word)
    tls = endpoint.tls
    for option, file in (("--cacert", tls.ca_file), ("--cert", tls.client_cert), ("--key", tls.client_key)):
        if file:
            parts += [option, word(file)]
    if request.body:
        body = request.body.decode("utf-8", "surrogateescape")
        if len(body) > MAX_BODY_SHOWN or not body.isprintable():
            parts += ["--data-binary", "@request-body  # the body is in the run directory's exchanges/"]
        else:
            parts += ["--data-raw", word(body)]  # --data-binary would read a body that begins with @ from a file
    return " ".join(parts)


def _credential(credentials: Credentials, word: Callable[[str], str]) -> list[str]:
    if credentials.scheme == "basic":
        return ["-u", f'{word(credentials.username)}:"$AIHARNESS_API_KEY"']
    prefix = "Bearer " if credentials.scheme == "bearer" else ""
    return ["-H", f'"{credentials.header}: {prefix}$AIHARNESS_API_KEY"']


def _cleaned(shown: Mapping[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    secrets = endpoint.secrets()

    def clean(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {redact_text(str(key), secrets): clean(item) for key, item in value.items()}
        return redact_text(value, secrets) if isinstance(value, str) else value

    return {key: clean(value) for key, value in shown.items()}
