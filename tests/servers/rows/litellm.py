"""The LiteLLM proxy in front of Ollama with the tiny chat model. It starts with a strong master key only."""

from __future__ import annotations

import hashlib
import json
import shlex

from tests.servers.processes import free_port
from tests.servers.row import EXAMPLES, Judged, Place, Row
from tests.servers.rows import ollama

KEY = "sk-" + hashlib.sha256(b"the master key of a proxy on loopback").hexdigest()
ENV = {"LITELLM_MASTER_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}


def serve(place: Place) -> list[str]:
    """Both in one process group."""
    upstream = Place(place.folder, place.python, free_port())
    route = {"model": "openai/tiny", "api_base": f"http://127.0.0.1:{upstream.port}/v1", "api_key": "none"}
    settings = {"model_list": [{"model_name": "tiny-chat", "litellm_params": route}]}
    (place.folder / "litellm.yaml").write_text(json.dumps(settings))
    at = ["--host", "127.0.0.1", "--port", str(place.port), "--num_workers", "1", "--telemetry", "False"]
    proxy = [place.tool("litellm"), "--config", "litellm.yaml", *at]
    return ["sh", "-c", f"{shlex.join(ollama.serve(upstream))} & exec {shlex.join(proxy)}"]


CONFIG = f"""
[endpoint]
protocol = "openai_chat"
model = "tiny-chat"
credentials = {{ command = ["echo", "{KEY}"] }}
template = {{ health = "/health/liveliness" }}

[promises]
deterministic = true

[data]
file = "{EXAMPLES / "chat_labelled.jsonl"}"
group = "kind"
"""
FOUND = ("openai_chat", "anthropic", "openai_completions", "openai_responses", "rerank", "openai_embeddings")
# Without a database a request without a key is answered with 500: a failure, which proves no refusal. What Ollama
# ignores shows through the proxy.
JUDGED = {
    "smoke": Judged("INCONCLUSIVE", warnings={"test_refused": "HTTP 500", "test_legal_spellings": "two spaces"}),
    "integration": Judged(
        "FAIL",
        {"test_spellings": "its limit under the other name"},
        {"test_refused": "HTTP 500", "test_max_tokens": "other name", "test_forms_accepted": "HTTP 400"},
    ),
}
ROWS = [Row("litellm", "litellm", serve, "/health/liveliness", CONFIG, FOUND, JUDGED, ENV, key=KEY)]
