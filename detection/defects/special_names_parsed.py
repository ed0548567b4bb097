"""The tokenizer takes the names of special tokens in a user's message for the tokens."""

from __future__ import annotations

from detection.change_request import Object, change_requests
from detection.switch import CHAT, Defect

_NAMES = ("<|im_end|>", "<|endoftext|>")


def _parse(request: Object) -> None:
    messages = request.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and isinstance(message.get("content"), str):
            for name in _NAMES:
                message["content"] = message["content"].replace(name, "a")


DEFECT = Defect(
    title="names of special tokens in a user's message are read as the tokens",
    caught_by="ai-suite/adversarial/test_probes.py::test_special_tokens",
    protocols=(CHAT,),
    wrap=lambda app: change_requests(app, _parse),
)
