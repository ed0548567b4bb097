"""Whole loads of the reference service, one of each kind of protocol: distinct requests, all of them answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalogues import sample_cases
from tests.conftest import run_gate
from tests.load.loads import result_of

CONFIG = """
[endpoint]
protocol = "{protocol}"
{endpoint}
[load]
rate = 30
duration = 2
warm_up = 0.5
processes = {processes}
{load}
"""


LOADS = [
    ("openai_chat", "", "", 1, "prompts of about 64 tokens"),
    ("openai_chat", 'sample = "Hello"', "output_tokens = { min = 2, max = 9 }", 2, "the configured text"),
    ("openai_embeddings", 'model = "tiny-embed"', "", 1, "prompts of about 64 tokens"),
    ("plain_json", "", "", 1, "each fraction moved"),
    ("v2", 'model = "digits"', "", 2, "numbers of their own"),
]


@pytest.mark.parametrize(
    ("protocol", "endpoint", "load", "processes", "words"), sample_cases(LOADS, LOADS[0], LOADS[4])
)
def test_the_reference_answers_distinct_requests(
    tmp_path: Path, reference: str, protocol: str, endpoint: str, load: str, processes: int, words: str
) -> None:
    text = CONFIG.format(protocol=protocol, endpoint=endpoint, load=load, processes=processes)
    (tmp_path / "aiharness.toml").write_text(text)
    outcome = run_gate(tmp_path, f"--ai-endpoint={reference}", suite="load")
    result = result_of(outcome.run_dir)
    assert (result["sent"], result["failed"], result["broken_count"], result["wrong_count"]) == (60, 0, 0, 0)
    assert words in result["workload"], outcome.out
    assert result["repeated"] == (0 if protocol == "openai_chat" else 20), "each third is the sample, where it repeats"
