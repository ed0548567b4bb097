"""llama-cpp-python's server with the tiny chat model: OpenAI's chat, as it comes and with whole streams.

By default a new request ends the stream that is running: status 200, no finish reason, `data: [DONE]`.
"""

from __future__ import annotations

from tests.servers.environments import tiny_model
from tests.servers.row import EXAMPLES, Judged, Place, Row


def serve(place: Place) -> list[str]:
    model = ["--model", str(tiny_model() / "tiny-chat.gguf"), "--model_alias", "tiny-chat"]
    small = ["--n_ctx", "4096", "--n_threads", "1", "--n_threads_batch", "1"]
    at = ["--host", "127.0.0.1", "--port", str(place.port)]
    return [str(place.python), "-m", "llama_cpp.server", *model, *small, *at]


def whole(place: Place) -> list[str]:
    return [*serve(place), "--interrupt_requests", "False"]


CONFIG = f"""
[endpoint]
protocol = "openai_chat"
model = "tiny-chat"

[promises]
deterministic = true

[data]
file = "{EXAMPLES / "chat_labelled.jsonl"}"
group = "kind"
"""
JUDGED = {"smoke": Judged("PASS"), "integration": Judged("FAIL")}
WHOLE = {"smoke": Judged("PASS"), "integration": Judged("PASS")}
FOUND, READY = ("openai_chat",), "/v1/models"
ROWS = [
    Row("llama-cpp-python", "llama-cpp-python", serve, READY, CONFIG, FOUND, JUDGED),
    Row("llama-cpp-python-whole", "llama-cpp-python", whole, READY, CONFIG, FOUND, WHOLE),
]
