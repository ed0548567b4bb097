"""For each weakness of the service's own door, one look that shows it."""

from __future__ import annotations

import pickle
from typing import Any

import httpx

from harness.io.canary_server import CanaryServer
from tests.detection.looks import ONE, Look, chat, post, status


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


SECURITY: dict[str, Look] = {
    "address_filter_of_texts": lambda client: is_fetched(client, "127.1", url="{address}"),
    "broken_picture_500": _send_picture,
    "picture_fetched": lambda client: is_fetched(client, "127.0.0.1", parts=1),
    "pickles_loaded": _send_pickle,
}
