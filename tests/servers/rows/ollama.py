"""Ollama with the tiny chat model, by each protocol it speaks."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tests.servers.conftest import MODELFILE
from tests.servers.environments import ollama, run, tiny_model
from tests.servers.processes import ServerProcess
from tests.servers.row import EXAMPLES, Judged, Place, Row


def serve(place: Place) -> list[str]:
    """The model is made through a server, which is stopped again: it lies in the folder of models then."""
    binary, models = str(ollama()), str(place.folder / "models")
    settings = {"OLLAMA_HOST": f"127.0.0.1:{place.port}", "OLLAMA_MODELS": models, "HOME": str(place.folder)}
    env = {**os.environ, **settings}
    (place.folder / "Modelfile").write_text(MODELFILE.format(model=tiny_model() / "tiny-chat.gguf"))
    with ServerProcess([binary, "serve"], place.port, place.folder / "create.log", health="/api/version", env=env):
        run([binary, "create", "tiny", "-f", str(place.folder / "Modelfile")], env=env, seconds=60)
    return ["env", *(f"{name}={value}" for name, value in settings.items()), binary, "serve"]


SILENCED = "test_leaving_uses_nothing_up"
"""What fails when clients that leave silence it for good (docs/servers-llm.md)."""


def row(protocol: str, decision: str = "PASS", blockers: Mapping[str, str] | None = None, **warnings: str) -> Row:
    """Its environment is the one that makes the model: Ollama itself is no Python."""
    config = f"""
[endpoint]
protocol = "{protocol}"
model = "tiny"
deadlines = {{ first_byte = 10, inter_token = 5, total = 20 }}

[promises]
deterministic = true

[data]
file = "{EXAMPLES / "chat_labelled.jsonl"}"
group = "kind"
"""
    smoke = Judged("PASS", warnings={"test_one_shape": "unknown_path is not a JSON object"})
    expected = {"test_refused": "accepted", "test_smuggling": "are executed", **warnings}
    integration = Judged(decision, blockers or {}, expected)
    judged = {"smoke": smoke, "integration": integration}
    protocols = ("openai_chat", "ollama")
    return Row(f"ollama-{protocol}", "tiny-model", serve, "/api/version", config, protocols, judged, silenced=SILENCED)


ROWS = [
    row("openai_chat", "FAIL", {"test_spellings": "its limit under the other name"}, test_max_tokens="other name"),
    row("openai_completions", test_refused_parameter="accepted", test_prompt_covered="echo is ignored"),
    row("openai_responses", test_refused_values="null for text"),
    row("anthropic", test_refused_parameter="accepted"),
    row("ollama", test_refused_parameter="HTTP 500"),
    # The chat model's vectors are nearly alike, so that none tells whose it is.
    row("openai_embeddings", "INCONCLUSIVE", test_refused_values="an empty text"),
]
