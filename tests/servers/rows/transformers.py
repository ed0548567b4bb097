"""`transformers serve` with the tiny chat model: OpenAI's chat, completions and responses without `data: [DONE]`."""

from __future__ import annotations

import shutil

from tests.servers.environments import tiny_model
from tests.servers.row import EXAMPLES, Judged, Place, Row

ENV = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def serve(place: Place) -> list[str]:
    """The model is asked for by its folder's name, as seen from the server."""
    shutil.copytree(tiny_model() / "tiny-chat", place.folder / "tiny-chat")
    at = ["--host", "127.0.0.1", "--port", str(place.port)]
    return [place.tool("transformers"), "serve", "tiny-chat", *at, "--device", "cpu"]


CONFIG = f"""
[endpoint]
protocol = "openai_chat"
model = "tiny-chat"
template = {{ health = "/health" }}
# 5,000 stop sequences take it 12 s on an idle machine.
deadlines = {{ first_byte = 100, total = 120 }}

[promises]
deterministic = true

[data]
file = "{EXAMPLES / "chat_labelled.jsonl"}"
group = "kind"
"""
FOUND = ("openai_chat", "openai_completions", "openai_responses")
JUDGED = {
    "smoke": Judged("PASS", warnings={"test_terminator": "not its terminator", "test_refused": "HTTP 500"}),
    "integration": Judged("PASS", warnings={"test_stop": "contains the stop sequence", "test_refused": "HTTP 500"}),
}
ROWS = [Row("transformers", "transformers", serve, "/health", CONFIG, FOUND, JUDGED, ENV)]
