"""How to show an exchange and how to send it again: without secrets, limited in size, safe to paste."""

from __future__ import annotations

import base64
import gzip
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from typing import Any

from harness.core.answer_class import RETRY_ADVICE, classify_exchange
from harness.core.endpoint import Credentials, Endpoint
from harness.core.exchange import Authorization, Exchange, Request, Response
from harness.core.redaction import redact_text
from harness.core.verdict import Counterexample

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MAX_BODY_SHOWN = 4000
"""The most characters of a body that a report shows."""


def show_exchange(exchange: Exchange, endpoint: Endpoint, summary: str) -> Counterexample:
    """A counterexample made of an exchange: its request, its response and, except for gRPC, a curl command."""
    response = exchange.response
    record = show_response(response, endpoint) if response else {}
    if exchange.error or not response:
        record |= {"error": str(exchange.error), "detail": exchange.detail}
    if exchange.error and (answer_class := classify_exchange(exchange)):
        record |= {"class": str(answer_class), "retry": RETRY_ADVICE[answer_class]}
    if exchange.timing.latency is not None:
        record["seconds"] = round(exchange.timing.latency, 4)
    return Counterexample(
        redact_text(summary, endpoint.list_secrets()),
        request=show_request(exchange.request, endpoint),
        response=_redact_record(record, endpoint),
        curl=None if endpoint.is_grpc else build_curl(exchange.request, endpoint, exchange.authorization),
    )


def show_request(request: Request, endpoint: Endpoint) -> dict[str, Any]:
    """A request as a record for JSON, without secrets."""
    record = {
        "method": request.method,
        "url": endpoint.url + endpoint.add_query(request.path),
        **_describe_message(request, endpoint),
    }
    return _redact_record(record, endpoint)


def show_response(response: Response, endpoint: Endpoint) -> dict[str, Any]:
    """A response as a record for JSON, without secrets."""
    return _redact_record({"status": response.status, **_describe_message(response, endpoint)}, endpoint)


def _describe_message(message: Request | Response, endpoint: Endpoint) -> dict[str, Any]:
    """Headers and body for display; the body of a gRPC message is in base64."""
    body = message.body
    if ("content-type", "application/grpc") in message.headers:
        body = base64.b64encode(body)
    return {"headers": dict(endpoint.mask_lines(message.headers)), "body": shorten_body(body)}


def shorten_body(body: bytes, limit: int = MAX_BODY_SHOWN) -> str:
    """A body for display: UTF-8 with replacements, cut after `limit` characters with the total number of bytes.

    Nothing is cut where that number would be as long as what it replaces.
    """
    note = f" …[{len(body)} bytes in all]"
    window = (limit + len(note)) * 4
    text = body[:window].decode("utf-8", "replace")
    if len(text) <= limit + len(note) and len(body) <= window:
        return text
    return text[:limit] + note


RESPELT = "made of the right one"
"""The source of a credential that is nearly the right one, and as secret."""


def name_authorization(endpoint: Endpoint, credentials: Credentials | None) -> Authorization:
    """Which credential a request carried that is not the endpoint's own."""
    if credentials is None:
        return "none"
    if credentials is endpoint.other_credentials:
        return "other"
    return "respelt" if credentials.source == RESPELT else "wrong"


def build_curl(request: Request, endpoint: Endpoint, authorization: Authorization = "own") -> str | None:
    """The curl command that sends this request again, with the credential that it carried.

    Bytes that no shell can quote, and long bodies, are fed to it from base64, packed where that is shorter; None for a
    body that is too long even so, or that holds a secret then. `aiharness rerun` is left for it.
    The endpoint's own is read from the environment variable that the configuration names, or `$AIHARNESS_API_KEY`.
    """
    secrets = endpoint.list_secrets()

    def quote_word(text: str) -> str:
        # Redact first: a secret that is quoted for the shell would not be recognised.
        return shlex.quote(redact_text(text, secrets))

    url = quote_word(endpoint.url + endpoint.add_query(request.path))
    parts = ["curl", "-sS", "-N" if request.stream else "-i", "-X", request.method, url]
    if endpoint.unix_socket:
        parts += ["--unix-socket", quote_word(endpoint.unix_socket)]
    for name, value in endpoint.mask_lines((*request.headers, *endpoint.headers)):
        parts += ["-H", quote_word(f"{name}: {value}")]
    if credentials := endpoint.other_credentials if authorization == "other" else endpoint.credentials:
        parts += _build_credential_option(credentials, authorization, quote_word)
    tls = endpoint.tls
    for option, file in (("--cacert", tls.ca_file), ("--cert", tls.client_cert), ("--key", tls.client_key)):
        if file:
            parts += [option, quote_word(file)]
    return _add_body(" ".join(parts), request.body, secrets)


def build_raw_command(data: bytes, endpoint: Endpoint) -> str | None:
    """The command that writes these bytes on one connection, for what curl does not send; None where it cannot.

    A secret is never part of it, and a unix socket or a client certificate is left to `aiharness rerun`.
    """
    text = data.decode("utf-8", "surrogateescape")
    needs_secret = endpoint.credentials is not None or redact_text(text, endpoint.list_secrets()) != text
    feed = _feed_body(data)
    if needs_secret or not feed or endpoint.unix_socket or endpoint.tls.client_cert:
        return None
    reach = f"nc {endpoint.host} {endpoint.port}"
    if endpoint.is_secure:
        reach = f"openssl s_client -quiet -servername {endpoint.host} -connect {endpoint.host}:{endpoint.port}"
    return f"({feed}; sleep 5) | {reach}"


def _add_body(command: str, body: bytes, secrets: Collection[str]) -> str | None:
    """The command with its body: quoted, or where no shell can quote it fed from base64; None where that is no way."""
    text = body.decode("utf-8", "surrogateescape")
    if not body:
        return command
    if len(text) <= MAX_BODY_SHOWN and text.isprintable():
        # --data-binary reads a file if the body begins with @
        return f"{command} --data-raw {shlex.quote(redact_text(text, secrets))}"
    feed = _feed_body(body)
    if not feed or redact_text(text, secrets) != text:
        return None
    return f"{feed} | {command} --data-binary @-"


def _feed_body(body: bytes) -> str:
    """The commands that write these bytes; empty for too many, even when packed."""
    plain, packed = base64.b64encode(body).decode(), base64.b64encode(gzip.compress(body, mtime=0)).decode()
    if len(plain) <= min(len(packed), MAX_BODY_SHOWN):
        return f"echo {plain} | base64 -d"
    if len(packed) <= MAX_BODY_SHOWN:
        return f"echo {packed} | base64 -d | gunzip"
    return ""


def _build_credential_option(
    credentials: Credentials, authorization: Authorization, quote_word: Callable[[str], str]
) -> list[str]:
    if authorization == "none":
        return []
    if authorization == "respelt":
        [(name, _)] = credentials.build_headers()
        return ["-H", quote_word(f"{name}: ***")]
    if authorization == "wrong":
        [(name, value)] = credentials.make_wrong().build_headers()
        return ["-H", quote_word(f"{name}: {value}")]
    variable = credentials.source if _VARIABLE.fullmatch(credentials.source) else "AIHARNESS_API_KEY"
    if credentials.scheme == "basic":
        return ["-u", f'{quote_word(credentials.username)}:"${variable}"']
    prefix = "Bearer " if credentials.scheme == "bearer" else ""
    return ["-H", f'"{credentials.header}: {prefix}${variable}"']


def _redact_record(record: Mapping[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    secrets = endpoint.list_secrets()

    def redact(value: Any) -> Any:
        if isinstance(value, str):
            return redact_text(value, secrets)
        if isinstance(value, Mapping):
            return {redact_text(str(key), secrets): redact(item) for key, item in value.items()}
        return value

    return {key: redact(value) for key, value in record.items()}


def show_timed_exchange(exchange: Exchange, endpoint: Endpoint) -> dict[str, Any]:
    """Request, answer and times (s), JSON-able and without secrets."""
    timing = exchange.timing
    return {
        "request": show_request(exchange.request, endpoint),
        "response": show_response(exchange.response, endpoint) if exchange.response else None,
        "error": exchange.error,
        "detail": exchange.detail,
        "timing": {
            "intended": timing.intended,
            "sent": timing.sent,
            "first_byte": timing.first_byte,
            "first_token": timing.tokens[0] if timing.tokens else None,
            "done": timing.done,
        },
    }
