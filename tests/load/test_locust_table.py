"""Locust's own table, CSV and web figures: rows for TTFT and gaps, an aggregated row of requests alone."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.catalogues import sample_cases
from tests.load.loads import locust, ports, result_of

CHAT = ("--protocol=openai_chat", "--model=tiny-chat", "--stream", "--warm-up=0")


@pytest.mark.parametrize("processes", sample_cases([1, 2], 2))
def test_ttft_and_gaps_have_rows_of_their_own(reference: str, tmp_path: Path, processes: int) -> None:
    several = () if processes == 1 else (f"--processes={processes}", *ports())
    _, output = locust(tmp_path, reference, "--rate=30", "--duration=2", *CHAT, "--csv=table", *several)
    result = result_of(tmp_path / "run")
    assert result["completed"] == 60, output
    final = output[: output.index("Response time percentiles")].rpartition("Type ")[2]
    rows = {match[1]: int(match[2]) for match in re.finditer(r"^(POST|TTFT|gap|) .*?(\d+) +\d+\(", final, re.MULTILINE)}
    chunks = sum(result["blocks"]["inter_token"]["n"])
    assert rows == {"POST": 60, "TTFT": 60, "gap": chunks, "": 60}, output
    assert chunks > 60

    with (tmp_path / "table_stats.csv").open() as file:
        table = {row["Type"]: row for row in csv.DictReader(file)}
    assert {"POST", "TTFT", "gap", ""} <= set(table)
    assert table[""]["Request Count"] == table["POST"]["Request Count"]
    assert table[""]["Requests/s"] == table["POST"]["Requests/s"]
    assert float(table["TTFT"]["Average Response Time"]) <= float(table["POST"]["Average Response Time"])


@pytest.mark.catalogue
def test_answers_that_are_not_streamed_have_no_such_rows(reference: str, tmp_path: Path) -> None:
    _, output = locust(tmp_path, reference, "--rate=30", "--duration=1", "--warm-up=0", "--protocol=plain_json")
    assert "POST" in output
    assert not re.search(r"^(TTFT|gap) ", output, re.MULTILINE)


def test_what_locust_keeps_of_every_second_is_dropped_in_a_soak() -> None:
    """In a process of its own, because locust patches the one that imports it."""
    program = """
from locust.stats import RequestStats, StatsError
from harness.load.child.stats_rows import shorten_statistics
stats = RequestStats()
for second in range(10_000):
    stats.total.num_reqs_per_sec[second] = 1
    stats.get("/", "POST").num_fail_per_sec[second] = 1
    stats.errors[str(second)] = StatsError("POST", "/", f"error {second}")
    stats.history.append({"time": second})
shorten_statistics(stats)
per_second = stats.total.num_reqs_per_sec, stats.get("/", "POST").num_fail_per_sec
print(*map(len, per_second), min(per_second[0]), len(stats.errors), len(stats.history), stats.history[0]["time"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["121", "121", "9879", "200", "5000", "0"]
