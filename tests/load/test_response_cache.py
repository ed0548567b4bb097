"""A service that answers a repeated prompt from a cache, and needs a second for any other, keeps no limit below that.

With one request body for the whole load, all that was measured was the cache.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.load.loads import result_of
from tests.services import serving

SECONDS = 1.0
CONFIG = """
[endpoint]
protocol = "{protocol}"
model = "m"
sample = {sample}
[load]
rate = 20
duration = 3
warm_up = 0.5
{keys}
[[objective]]
suite = "load"
metric = "latency p75"
limit = "<= 500ms"
"""


class Cache:
    """Answers, and how often each body came."""

    def __init__(self) -> None:
        self.bodies: Counter[str] = Counter()
        self.lock = threading.Lock()

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        if not body:
            return 200, {"object": "list", "data": [{"id": "m", "object": "model"}]}
        text = json.dumps(body)
        with self.lock:
            self.bodies[text] += 1
            is_known = self.bodies[text] > 1
        if not is_known:
            time.sleep(SECONDS)
        if path == "/predict":
            return 200, {"predictions": [0.5]}
        choice = {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        shared = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
        return 200, {**shared, "choices": [choice], "usage": usage}


SAMPLES = [("openai_chat", '"Say it"'), ("plain_json", "{ instances = [[5.1, 3.5]] }")]


@pytest.mark.parametrize(("protocol", "sample"), sample_cases(SAMPLES, SAMPLES[0]))
def test_a_cache_of_answers_does_not_pass_a_limit(tmp_path: Path, protocol: str, sample: str) -> None:
    cache = Cache()
    (tmp_path / "aiharness.toml").write_text(CONFIG.format(protocol=protocol, sample=sample, keys=""))
    with serving(cache.answer) as url:
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", suite="load")
    row = outcome.check("test_objectives.py::test_objective[latency-p75]")
    assert row["verdict"] in ("FAIL", "INCONCLUSIVE"), outcome.out
    result = result_of(outcome.run_dir)
    assert result["sent"] == 60
    latency = result["blocks"]["latency"]
    assert sum(latency["n"]) == sum(latency["over"]["0.5"]) > 30, "no request that is judged came from the cache"
    assert sum(count == 1 for count in cache.bodies.values()) >= result["sent"] - result["repeated"]


@pytest.mark.catalogue
def test_one_body_measures_the_cache_and_says_so(tmp_path: Path) -> None:
    cache = Cache()
    keys = 'workload = "sample"'
    (tmp_path / "aiharness.toml").write_text(CONFIG.format(protocol="openai_chat", sample='"Say it"', keys=keys))
    with serving(cache.answer) as url:
        outcome = run_gate(tmp_path, f"--ai-endpoint={url}", suite="load")
    row = outcome.check("test_objectives.py::test_objective[latency-p75]")
    assert row["verdict"] == "INCONCLUSIVE", outcome.out
    assert row["reason"].startswith("a cache answers repeats") or "did not keep up" in row["reason"]
    assert "0% of the requests were distinct: repeats may be answered from a cache" in row["notes"]
    assert max(cache.bodies.values()) >= 60
    assert result_of(outcome.run_dir)["repeated"] == 60
