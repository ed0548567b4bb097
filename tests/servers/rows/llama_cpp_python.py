"""llama-cpp-python's server with the tiny chat model: OpenAI's chat, as it comes and with whole streams.

By default a new request ends the stream that is running: status 200, no finish reason, `data: [DONE]`. One request ends
the process; it is started again, as a container's restart policy does, so that the other checks are judged.
"""

from __future__ import annotations

from tests.servers.environments import tiny_model
from tests.servers.processes import free_port
from tests.servers.row import EXAMPLES, Judged, Place, Row


def serve(place: Place) -> list[str]:
    """The server behind `restarting.py`."""
    own_port = free_port()
    model = ["--model", str(tiny_model() / "tiny-chat.gguf"), "--model_alias", "tiny-chat"]
    small = ["--n_ctx", "1024", "--n_threads", "1", "--n_threads_batch", "1"]
    at = ["--host", "127.0.0.1", "--port", str(own_port)]
    restarting = [str(place.python), place.app("restarting.py"), str(place.port), str(own_port)]
    return [*restarting, str(place.python), "-m", "llama_cpp.server", *model, *small, *at]


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
LEAKS = "shows a file path of the server"
BODIES = ("empty_array", "null", "string", "wrong_input_type", "type_text", "type_none", "type_xml", "type_msgpack")
PARAMETERS = (
    *("max_tokens_fraction", "max_tokens_words", "temperature_words", "seed_words", "stop_number", "top_p_negative"),
    *("top_k_negative", "presence_penalty_huge", "frequency_penalty_huge", "pattern_that_does_not_compile"),
    "schema_with_dangling_reference",
)
BROKEN = {
    **{f"test_survives[{name}]": LEAKS for name in BODIES},
    **{f"test_survives_parameter[{name}]": LEAKS for name in PARAMETERS},
    "test_survives_parameter[grammar_that_does_not_compile]": "ends the connection without an answer",
    "test_survives_values": LEAKS,
    "test_survives_protocol": LEAKS,
    "test_spellings": "prompt tokens, and",
    "test_combinations": "in flight",
    "test_own_streams": "it fails beside",  # the neighbour whose grammar does not compile ends all of them
}
"""What FastAPI cannot take as its message is answered with 500, which names the file of the route."""
CUT = {"test_own_answers": "it fails beside others"}
SMOKE = Judged("FAIL", blockers={"test_nothing_leaks": LEAKS}, warnings={"test_refused": "answered 200"})
FOUND, READY = ("openai_chat", "openai_completions", "openai_embeddings"), "/v1/models"
ROWS = [
    Row(
        name, "llama-cpp-python", start, READY, CONFIG, FOUND, {"smoke": SMOKE, "integration": Judged("FAIL", blockers)}
    )
    for name, start, blockers in (
        ("llama-cpp-python", serve, {**BROKEN, **CUT}),
        ("llama-cpp-python-whole", whole, BROKEN),
    )
]
