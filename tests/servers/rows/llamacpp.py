"""llama.cpp's own server (`llama-server`) with the tiny chat model, by each protocol it speaks.

The package xllamacpp carries it built: the project's own release is C++ source.
"""

from __future__ import annotations

from tests.servers.environments import tiny_model
from tests.servers.row import EXAMPLES, Judged, Place, Row


def serve(place: Place) -> list[str]:
    return [str(place.python), place.app("llamacpp_app.py"), str(tiny_model() / "tiny-chat.gguf"), str(place.port)]


def row(protocol: str, promises: str = "", *, ci: bool = False, **warnings: str) -> Row:
    config = f"""
[endpoint]
protocol = "{protocol}"
model = "tiny-chat"

[promises]
deterministic = true
{promises}
[data]
file = "{EXAMPLES / "chat_labelled.jsonl"}"
group = "kind"
"""
    smoke = Judged("PASS")
    integration = Judged("PASS", warnings=warnings)
    judged = {"smoke": smoke, "integration": integration}
    return Row(f"llamacpp-{protocol}", "llamacpp", serve, "/health", config, ("openai_chat",), judged, ci=ci)


ROWS = [
    row("openai_chat", "choices = true\nlogprobs = true\nstructured_output = true", ci=True),
    row("openai_responses"),
    row("anthropic"),
]
