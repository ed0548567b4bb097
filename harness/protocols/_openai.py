"""What the protocols of OpenAI's family share: the `/v1` before every path, the list of models, the shape of errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.errors import UsageError
from harness.core.exchange import Response
from harness.protocols._wire import a_name, json_of

PROMPT = "Say hello."
MAX_TOKENS = 16


def base(endpoint: Endpoint) -> str:
    """`/v1`, unless the endpoint's URL ends with it already or another prefix is configured."""
    if endpoint.prefix is not None:
        return endpoint.prefix
    return "" if urlsplit(endpoint.url).path.rstrip("/").endswith("/v1") else "/v1"


def model(endpoint: Endpoint, facts: Facts) -> str | None:
    """The configured model, else the first that is listed."""
    return endpoint.model or next(iter(facts.models), None)


def messages(inputs: Any, protocol: str) -> list[Any]:
    """A prompt as a user's message; messages as they are. Raises `UsageError` for anything else."""
    if isinstance(inputs, str):
        return [{"role": "user", "content": inputs}]
    if isinstance(inputs, list) and inputs and all(isinstance(each, dict) and "role" in each for each in inputs):
        return inputs
    raise UsageError(
        f"{protocol} takes a prompt, or a list of messages with roles, as its input; check [endpoint] sample"
    )


def listed(value: Any) -> tuple[str, ...] | None:
    """The ids in a page of models; None when it is no such page (Ollama without a model says `data: null`)."""
    if not isinstance(value, dict) or "data" not in value:
        return None
    data = value["data"]
    if data is None and value.get("object") == "list":
        return ()
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        return None
    ids = [a_name(each.get("id")) for each in data]
    return tuple(each for each in ids if each is not None) if None not in ids else None


def names(found: Sequence[str]) -> str:
    """The first models in words."""
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "") if found else "none"


def is_error(response: Response) -> bool:
    """Whether a body is an error as OpenAI's API words it."""
    value = json_of(response)
    error = value.get("error") if isinstance(value, dict) else None
    return isinstance(error, dict) and isinstance(error.get("message"), str)


def without_none(body: dict[str, Any]) -> dict[str, Any]:
    """The body without members of None: an option of None takes the default of that name out."""
    return {name: value for name, value in body.items() if value is not None}
