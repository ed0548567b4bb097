"""For each weakness of the service's own door, one look that shows it."""

from __future__ import annotations

import pickle
from typing import Any

import httpx

from harness.io.canary_server import CanaryServer
from harness.reference.settings import ServiceSettings
from tests.detection.looks import ONE, PATHS, ROWS, Look, asks, chat, post, status, v2


def is_fetched(client: httpx.Client, host: str, **more: Any) -> object:
    """Whether an address of this machine in a chat request is fetched; `{address}` in the values stands for it."""
    with CanaryServer() as canary:
        address = f"http://{host}:{canary.port}/mark"
        body = chat(**{name: value.format(address=address) for name, value in more.items() if isinstance(value, str)})
        if "parts" in more:
            body["messages"][0]["content"] = [{"type": "image_url", "image_url": {"url": address}}]
        post(client, body)
        return "mark" in canary.wait_for_hits(["mark"], 0.5)


def _send_pickle(client: httpx.Client) -> object:
    headers = {"content-type": "application/octet-stream"}
    return status(client, pickle.dumps(ONE), "/predict", headers=headers)


def _send_picture(client: httpx.Client) -> object:
    body = chat()
    body["messages"][0]["content"] = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,@"}}]
    return status(client, body)


def _send_token(client: httpx.Client) -> object:
    return status(client, ONE, headers={"authorization": "Bearer a.b.c"})


def _state_addresses(client: httpx.Client) -> object:
    lines = [{"x-forwarded-for": f"198.51.100.{number}"} for number in range(42)]
    return 429 in [status(client, ONE, headers=line) for line in lines]


def _share_a_name(client: httpx.Client) -> object:
    answers = []
    for key in ("one", "two"):
        headers = {"authorization": f"Bearer {key}", "idempotency-key": "a"}
        answers.append(client.post(PATHS["messages"], json=chat(), headers=headers).json().get("id"))
    return answers[0] == answers[1]


def _send_shared_memory(client: httpx.Client) -> object:
    body = v2(ROWS[:1])
    body["inputs"][0]["parameters"] = {"shared_memory_byte_size": -1}
    return status(client, body)


BROKEN_NAME = {"x-request-id": "a%0aa:b"}
TWO_KEYS = ServiceSettings(token_ms=0, api_key="one,two")
SECURITY_BASE = {
    "limit_by_forwarded_address": ServiceSettings(token_ms=0, rate_limit=40),
    "stored_answer_of_another": TWO_KEYS,
    "tokens_unverified": TWO_KEYS,
}
"""Settings of the healthy edition where they are not the usual ones."""
SECURITY: dict[str, Look] = {
    "address_filter_of_texts": lambda client: is_fetched(client, "127.1", url="{address}"),
    "broken_picture_500": _send_picture,
    "header_line_from_identifier": lambda client: client.get(
        "/health", headers={"x-request-id": "a%0aa:b"}
    ).headers.get("a"),
    "limit_by_forwarded_address": _state_addresses,
    "models_managed_by_anybody": asks({}, path="/v2/repository/models/a/load"),
    "picture_fetched": lambda client: is_fetched(client, "127.0.0.1", parts=1),
    "pickles_loaded": _send_pickle,
    "second_route_open": asks(ONE, path="/invocations"),
    "settings_shown": lambda client: client.get("/get_server_info").status_code,
    "shared_memory_kills": _send_shared_memory,
    "stored_answer_of_another": _share_a_name,
    "template_kills": lambda client: status(client, chat(chat_template="range(9)")),
    "tokens_unverified": _send_token,
}
