"""Where a request may refer to media, files or other pages, as the protocols that are in use write it.

Tested in tests/checks/bad_input/test_fetched_urls.py.
"""

from __future__ import annotations

from typing import Any

_MEMBERS = ("url", "image", "image_url", "audio_url", "file_url", "callback_url", "webhook_url")
_PROMPTS = ("prompt", "inputs", "input", "text")
_HOLDERS = ("parameters", "options", "metadata", "callback")
"""Members beside the input under which services take addresses: of the input, or of somebody to be told."""


def list_media_bodies(body: Any, reference: str) -> dict[str, Any]:
    """The body with a reference (an address, or a file as a data URL) in every place for media, by that place."""
    bodies: dict[str, Any] = {}
    if not isinstance(body, dict):
        return bodies
    messages = body.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        for name, message in _list_media_messages(messages[-1], reference).items():
            bodies[name] = {**body, "messages": [*messages[:-1], message]}
    elif isinstance(body.get("input"), str):
        for kind, key in (("input_image", "image_url"), ("input_file", "file_url")):
            parts = [{"type": "input_text", "text": body["input"]}, {"type": kind, key: reference}]
            bodies[f"a part {kind}"] = {**body, "input": [{"role": "user", "content": parts}]}
    else:
        for name in _PROMPTS:
            if isinstance(body.get(name), str):
                bodies[f"a picture in the text {name}"] = {**body, name: f"![]({reference})What is this?"}
    return bodies


def _list_media_messages(message: dict[str, Any], reference: str) -> dict[str, Any]:
    text = {"type": "text", "text": "What is this?"}
    parts: dict[str, dict[str, Any]] = {
        "a part image_url": {"type": "image_url", "image_url": {"url": reference}},
        "a part audio_url": {"type": "audio_url", "audio_url": {"url": reference}},
        "a part video_url": {"type": "video_url", "video_url": {"url": reference}},
        "a part file": {"type": "file", "file": {"filename": "a.pdf", "file_url": reference, "file_data": reference}},
        "a part image with a source": {"type": "image", "source": {"type": "url", "url": reference}},
    }
    changed = {name: {**message, "content": [text, part]} for name, part in parts.items()}
    return {**changed, "images of a message": {**message, "images": [reference]}}


def list_address_bodies(body: Any, address: str) -> dict[str, Any]:
    """The body with an address in other places than those for media: as its input, beside it, as a model or schema."""
    if not isinstance(body, dict):
        return {}
    bodies = {f"a member {name}": {**body, name: address} for name in _MEMBERS}
    for holder in _HOLDERS:
        bodies[f"members of {holder}"] = {**body, holder: dict.fromkeys(_MEMBERS, address)}
    bodies["a model's name"] = {**body, "model": address}
    bodies |= {f"the input {name}": {**body, name: address} for name, value in body.items() if isinstance(value, str)}
    bodies |= _list_input_bodies(body, address)
    if "messages" in body:
        schema = {"type": "object", "properties": {"a": {"$ref": address}}, "$schema": address}
        format_ = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
        bodies["a schema that refers to it"] = {**body, "response_format": format_}
        tool = {"type": "function", "function": {"name": "a", "parameters": schema}}
        bodies["a tool whose schema refers to it"] = {**body, "tools": [tool]}
    bodies.pop("the input model", None)
    return bodies


def _list_input_bodies(body: dict[str, Any], address: str) -> dict[str, Any]:
    """The address in place of the whole input: of its rows, its texts, the content of its last message."""
    bodies: dict[str, Any] = {}
    for name, value in body.items():
        if not isinstance(value, list) or not value:
            continue
        if name == "messages" and isinstance(value[-1], dict):
            for place, text in (("the text", address), ("a sentence", f"Read {address} and ![a picture]({address}).")):
                bodies[f"{place} of a message"] = {**body, name: [*value[:-1], {**value[-1], "content": text}]}
        else:
            bodies[f"the input {name}"] = {**body, name: [address]}
            bodies[f"an object in the input {name}"] = {**body, name: [{"url": address, "image_url": address}]}
    return bodies
